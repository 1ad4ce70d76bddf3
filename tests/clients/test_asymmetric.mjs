// The AWS SDK for JavaScript with asymmetric and HMAC keys, over both protocols, cross-checked against
// node's own crypto: what is made here must serve there, and the other way round.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols'
import { check, finish, refused } from './tap.mjs'

const Message = crypto.randomBytes(1000)

function newClient(wire, region = 'us-east-1') {
  return new kms.KMSClient({
    endpoint: process.env.AWS_ENDPOINT_URL,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    ...(wire === 'cbor' && {
      protocol: new AwsSmithyRpcV2CborProtocol({ defaultNamespace: 'com.amazonaws.kms' }),
    }),
  })
}

const spki = (der) => crypto.createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
const hashOf = (algorithm) => 'sha' + algorithm.slice(-3)

// The options with which node verifies a signature of that algorithm.
function verifier(key, algorithm) {
  if (!algorithm.includes('PSS')) return key
  return { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST }
}

async function signatures(wire, call, create) {
  const rsa = ['RSASSA_PSS_SHA_', 'RSASSA_PKCS1_V1_5_SHA_'].flatMap((kind) => ['256', '384', '512'].map((bits) => kind + bits))
  const specs = {
    RSA_2048: rsa,
    ECC_NIST_P256: ['ECDSA_SHA_256'],
    ECC_NIST_P384: ['ECDSA_SHA_384'],
    ECC_NIST_P521: ['ECDSA_SHA_512'],
    ECC_SECG_P256K1: ['ECDSA_SHA_256'],
  }
  for (const [spec, algorithms] of Object.entries(specs)) {
    const KeyId = (await create(spec, 'SIGN_VERIFY')).KeyId
    const { PublicKey } = await call(new kms.GetPublicKeyCommand({ KeyId }))
    for (const SigningAlgorithm of algorithms) {
      await check(`${wire}: ${spec} ${SigningAlgorithm} verifies in node, from message and digest`, async () => {
        const digest = crypto.createHash(hashOf(SigningAlgorithm)).update(Message).digest()
        for (const request of [{ Message }, { Message: digest, MessageType: 'DIGEST' }]) {
          const { Signature } = await call(new kms.SignCommand({ KeyId, SigningAlgorithm, ...request }))
          const key = verifier(spki(PublicKey), SigningAlgorithm)
          assert.ok(crypto.verify(hashOf(SigningAlgorithm), Message, key, Signature))
          assert.ok(!crypto.verify(hashOf(SigningAlgorithm), Buffer.concat([Message, Message]), key, Signature))
          const verified = await call(new kms.VerifyCommand({ KeyId, SigningAlgorithm, Message, Signature }))
          assert.equal(verified.SignatureValid, true)
        }
      })
    }
  }
}

async function ed25519(wire, call, create) {
  const KeyId = (await create('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY')).KeyId
  const SigningAlgorithm = 'ED25519_SHA_512'
  const { PublicKey } = await call(new kms.GetPublicKeyCommand({ KeyId }))
  const { Signature } = await call(new kms.SignCommand({ KeyId, Message, SigningAlgorithm }))
  await check(`${wire}: Ed25519 verifies in node`, () => {
    assert.equal(PublicKey.length, 44)
    assert.equal(Signature.length, 64)
    assert.ok(crypto.verify(null, Message, spki(PublicKey), Signature))
  })
  await check(`${wire}: Ed25519ph is another signature`, async () => {
    const request = {
      KeyId, MessageType: 'DIGEST', SigningAlgorithm: 'ED25519_PH_SHA_512',
      Message: crypto.createHash('sha512').update(Message).digest(),
    }
    const prehashed = (await call(new kms.SignCommand(request))).Signature
    assert.notDeepEqual(prehashed, Signature)
    assert.equal((await call(new kms.VerifyCommand({ ...request, Signature: prehashed }))).SignatureValid, true)
  })
  await refused(`${wire}: Ed25519 takes no digest`, 'ValidationException',
    'Message type DIGEST is incompatible with algorithm ED25519_SHA_512.',
    () => call(new kms.SignCommand({ KeyId, Message: crypto.randomBytes(64), MessageType: 'DIGEST', SigningAlgorithm })))
  await refused(`${wire}: an altered signature`, 'KMSInvalidSignatureException', undefined,
    () => call(new kms.VerifyCommand({ KeyId, Message, SigningAlgorithm, Signature: crypto.randomBytes(64) })))
}

async function encryption(wire, call, create) {
  const KeyId = (await create('RSA_2048', 'ENCRYPT_DECRYPT')).KeyId
  const { PublicKey } = await call(new kms.GetPublicKeyCommand({ KeyId }))
  for (const [EncryptionAlgorithm, oaepHash] of [['RSAES_OAEP_SHA_1', 'sha1'], ['RSAES_OAEP_SHA_256', 'sha256']]) {
    await check(`${wire}: ${EncryptionAlgorithm} made by node decrypts`, async () => {
      const padding = crypto.constants.RSA_PKCS1_OAEP_PADDING
      const Plaintext = crypto.randomBytes(100)
      const CiphertextBlob = crypto.publicEncrypt({ key: spki(PublicKey), padding, oaepHash }, Plaintext)
      const opened = await call(new kms.DecryptCommand({ KeyId, CiphertextBlob, EncryptionAlgorithm }))
      assert.deepEqual(Buffer.from(opened.Plaintext), Plaintext)
      assert.equal(opened.EncryptionAlgorithm, EncryptionAlgorithm)
      assert.equal(opened.KeyMaterialId, undefined)
    })
  }
  await refused(`${wire}: too much for RSA`, 'ValidationException',
    'Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes.',
    () => call(new kms.EncryptCommand({ KeyId, Plaintext: crypto.randomBytes(215), EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' })))
  await refused(`${wire}: RSA without an algorithm`, 'InvalidKeyUsageException',
    'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
    () => call(new kms.EncryptCommand({ KeyId, Plaintext: crypto.randomBytes(2) })))
}

async function agreement(wire, call, create) {
  const curves = { ECC_NIST_P256: 'P-256', ECC_NIST_P384: 'P-384', ECC_NIST_P521: 'P-521' }
  for (const [spec, namedCurve] of Object.entries(curves)) {
    await check(`${wire}: ${spec} agrees with node's ECDH`, async () => {
      const key = await create(spec, 'KEY_AGREEMENT')
      const ours = crypto.generateKeyPairSync('ec', { namedCurve })
      const theirs = await call(new kms.GetPublicKeyCommand({ KeyId: key.KeyId }))
      const answer = await call(new kms.DeriveSharedSecretCommand({
        KeyId: key.KeyId,
        KeyAgreementAlgorithm: 'ECDH',
        PublicKey: ours.publicKey.export({ format: 'der', type: 'spki' }),
      }))
      assert.deepEqual(Buffer.from(answer.SharedSecret),
        crypto.diffieHellman({ privateKey: ours.privateKey, publicKey: spki(theirs.PublicKey) }))
      assert.deepEqual(theirs.KeyAgreementAlgorithms, ['ECDH'])
    })
  }
}

// In a region of China. node has no key objects for SM2, but its ECDH knows the curve.
async function sm2(wire, call, create) {
  await check(`${wire}: SM2 agrees with node's ECDH`, async () => {
    const { KeyId } = await create('SM2', 'KEY_AGREEMENT')
    const theirs = Buffer.from((await call(new kms.GetPublicKeyCommand({ KeyId }))).PublicKey)
    const ours = crypto.createECDH('SM2')
    const point = ours.generateKeys()
    const PublicKey = Buffer.concat([theirs.subarray(0, -point.length), point])
    const answer = await call(new kms.DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey }))
    assert.deepEqual(Buffer.from(answer.SharedSecret), ours.computeSecret(theirs.subarray(-point.length)))
  })
}

async function macs(wire, call, create) {
  const KeyId = (await create('HMAC_256', 'GENERATE_VERIFY_MAC')).KeyId
  const MacAlgorithm = 'HMAC_SHA_256'
  await check(`${wire}: HMAC`, async () => {
    const { Mac } = await call(new kms.GenerateMacCommand({ KeyId, Message, MacAlgorithm }))
    assert.equal(Mac.length, 32)
    assert.equal((await call(new kms.VerifyMacCommand({ KeyId, Message, Mac, MacAlgorithm }))).MacValid, true)
  })
  await refused(`${wire}: another MAC`, 'KMSInvalidMacException', undefined,
    () => call(new kms.VerifyMacCommand({ KeyId, Message, Mac: crypto.randomBytes(32), MacAlgorithm })))
}

async function pairs(wire, call) {
  const { KeyId } = (await call(new kms.CreateKeyCommand({}))).KeyMetadata
  for (const KeyPairSpec of ['RSA_2048', 'ECC_NIST_P256', 'ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519']) {
    await check(`${wire}: data key pair ${KeyPairSpec} works in node`, async () => {
      const EncryptionContext = { a: 'b' }
      const made = await call(new kms.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec, EncryptionContext }))
      const key = crypto.createPrivateKey({ key: Buffer.from(made.PrivateKeyPlaintext), format: 'der', type: 'pkcs8' })
      const hash = KeyPairSpec.endsWith('25519') ? null : 'sha256'
      assert.ok(crypto.verify(hash, Message, spki(made.PublicKey), crypto.sign(hash, Message, key)))
      const opened = await call(new kms.DecryptCommand({ CiphertextBlob: made.PrivateKeyCiphertextBlob, EncryptionContext }))
      assert.deepEqual(opened.Plaintext, made.PrivateKeyPlaintext)
    })
  }
  await refused(`${wire}: DryRun`, 'DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.',
    () => call(new kms.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'RSA_4096', DryRun: true })))
}

for (const wire of ['json', 'cbor']) {
  const caller = (region) => {
    const client = newClient(wire, region)
    const call = (command) => client.send(command)
    return [call, async (KeySpec, KeyUsage) => (await call(new kms.CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata]
  }
  const [call, create] = caller()
  await signatures(wire, call, create)
  await ed25519(wire, call, create)
  await encryption(wire, call, create)
  await agreement(wire, call, create)
  await sm2(wire, ...caller('cn-north-1'))
  await macs(wire, call, create)
  await pairs(wire, call)
}
finish()
