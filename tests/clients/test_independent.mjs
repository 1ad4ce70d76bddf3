// What the usual crypto libraries lack, cross-checked against implementations that share no code with OpenSSL or
// libsodium: Ed25519ph, ML-DSA and ML-KEM against noble's, SM2's key agreement against a bare ECDH in node.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { ed25519, ed25519ph } from '@noble/curves/ed25519.js'
import { ml_dsa44, ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { ml_kem512, ml_kem768, ml_kem1024 } from '@noble/post-quantum/ml-kem.js'
import { check, finish, refused } from './tap.mjs'

const Message = crypto.randomBytes(1000)

function newClient(region) {
  const client = new kms.KMSClient({
    endpoint: process.env.AWS_ENDPOINT_URL,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
  return (command) => client.send(command)
}

const call = newClient('us-east-1')

const create = async (KeySpec, KeyUsage, via = call) =>
  (await via(new kms.CreateKeyCommand({ KeySpec, KeyUsage }))).KeyMetadata.KeyId

// A SubjectPublicKeyInfo ends in the key as such, of a length that its algorithm knows.
const rawKey = async (KeyId, length, via = call) =>
  (await via(new kms.GetPublicKeyCommand({ KeyId }))).PublicKey.slice(-length)

async function ed25519Prehashed() {
  const KeyId = await create('ECC_NIST_EDWARDS25519', 'SIGN_VERIFY')
  const key = await rawKey(KeyId, 32)
  const digest = crypto.createHash('sha512').update(Message).digest()
  const request = { KeyId, SigningAlgorithm: 'ED25519_PH_SHA_512', MessageType: 'DIGEST', Message: digest }
  await check('ED25519_PH_SHA_512: noble verifies it as Ed25519ph of the digest, and as nothing else', async () => {
    const { Signature } = await call(new kms.SignCommand(request))
    assert.ok(ed25519ph.verify(Signature, digest, key))
    assert.ok(!ed25519ph.verify(Signature, Message, key))
    assert.ok(!ed25519.verify(Signature, digest, key))
    assert.ok(!ed25519.verify(Signature, Message, key))
    assert.equal((await call(new kms.VerifyCommand({ ...request, Signature }))).SignatureValid, true)
  })
  await check('ED25519_SHA_512: noble verifies it as Ed25519 and not as Ed25519ph', async () => {
    const { Signature } = await call(new kms.SignCommand({ KeyId, SigningAlgorithm: 'ED25519_SHA_512', Message }))
    assert.ok(ed25519.verify(Signature, Message, key))
    assert.ok(!ed25519ph.verify(Signature, Message, key))
  })
}

// The private half of a data key pair is there to be used outside.
async function ed25519Pairs() {
  const KeyId = (await call(new kms.CreateKeyCommand({}))).KeyMetadata.KeyId
  await check('ECC_NIST_EDWARDS25519: the private half of a data key pair gives noble the public half', async () => {
    const made = await call(new kms.GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_EDWARDS25519' }))
    const seed = made.PrivateKeyPlaintext.slice(-32) // the end of the PrivateKeyInfo of RFC 8410
    const key = ed25519.getPublicKey(seed)
    assert.deepEqual(Buffer.from(key), Buffer.from(made.PublicKey.slice(-32)))
    assert.ok(ed25519ph.verify(ed25519ph.sign(Message, seed), Message, made.PublicKey.slice(-32)))
  })
}

// A key of that spec; undefined where the OpenSSL in use is older than 3.5, which the refusal has to say.
async function offered(KeySpec, KeyUsage) {
  try {
    return await create(KeySpec, KeyUsage)
  } catch (error) {
    await refused(`${KeySpec}: an OpenSSL without it`, 'UnsupportedOperationException',
      `The OpenSSL that this server runs with does not offer KeySpec ${KeySpec}.`, () => { throw error })
    return undefined
  }
}

async function mlDsa(spec, noble) {
  const KeyId = await offered(spec, 'SIGN_VERIFY')
  if (KeyId === undefined) return
  const key = await rawKey(KeyId, noble.lengths.publicKey)
  const SigningAlgorithm = 'ML_DSA_SHAKE_256'
  await check(`${spec}: noble verifies signatures of messages and of external mu`, async () => {
    // mu = SHAKE256(SHAKE256(public key, 64) || 0 || length of the context || context || message, 64): FIPS 204
    const shake = (...parts) => crypto.createHash('shake256', { outputLength: 64 }).update(Buffer.concat(parts)).digest()
    const mu = shake(shake(key), Buffer.from([0, 0]), Message)
    for (const request of [{ Message }, { Message: mu, MessageType: 'EXTERNAL_MU' }]) {
      const { Signature } = await call(new kms.SignCommand({ KeyId, SigningAlgorithm, ...request }))
      assert.ok(noble.verify(Signature, Message, key))
      assert.ok(!noble.verify(Signature, Message.subarray(1), key))
      assert.equal((await call(new kms.VerifyCommand({ KeyId, SigningAlgorithm, Message, Signature }))).SignatureValid, true)
    }
  })
}

async function mlKem(spec, noble) {
  const KeyId = await offered(spec, 'ENCAPSULATE_DECAPSULATE')
  if (KeyId === undefined) return
  const key = await rawKey(KeyId, noble.lengths.publicKey)
  await check(`${spec}: what noble encapsulates is decapsulated here, and a damaged one gives another secret`, async () => {
    const made = noble.encapsulate(key)
    const open = async (SharedSecretCiphertextBlob) =>
      (await call(new kms.DecapsulateCommand({ KeyId, EncapsulationAlgorithm: 'ML_KEM', SharedSecretCiphertextBlob }))).SharedSecret
    assert.deepEqual(Buffer.from(await open(made.cipherText)), Buffer.from(made.sharedSecret))
    const damaged = made.cipherText.slice()
    damaged[100] ^= 1
    assert.notDeepEqual(Buffer.from(await open(damaged)), Buffer.from(made.sharedSecret))
  })
}

async function sm2Agreement() {
  const cn = newClient('cn-north-1')
  const KeyId = await create('SM2', 'KEY_AGREEMENT', cn)
  await check('SM2: DeriveSharedSecret and ECDH over its curve in node agree', async () => {
    const ours = crypto.createECDH('SM2')
    ours.generateKeys()
    const { PublicKey } = await cn(new kms.GetPublicKeyCommand({ KeyId }))
    const head = PublicKey.slice(0, -65) // of the SubjectPublicKeyInfo: what stands before the point
    const answer = await cn(new kms.DeriveSharedSecretCommand({
      KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: Buffer.concat([head, ours.getPublicKey()]),
    }))
    assert.deepEqual(Buffer.from(answer.SharedSecret), ours.computeSecret(PublicKey.slice(-65)))
  })
  await refused('SM2: a point that is not on the curve', 'ValidationException', undefined, async () => {
    const { PublicKey } = await cn(new kms.GetPublicKeyCommand({ KeyId }))
    const bad = PublicKey.slice()
    bad[bad.length - 1] ^= 1
    return cn(new kms.DeriveSharedSecretCommand({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: bad }))
  })
}

await ed25519Prehashed()
await ed25519Pairs()
await mlDsa('ML_DSA_44', ml_dsa44)
await mlDsa('ML_DSA_65', ml_dsa65)
await mlDsa('ML_DSA_87', ml_dsa87)
await mlKem('ML_KEM_512', ml_kem512)
await mlKem('ML_KEM_768', ml_kem768)
await mlKem('ML_KEM_1024', ml_kem1024)
await sm2Agreement()
finish()
