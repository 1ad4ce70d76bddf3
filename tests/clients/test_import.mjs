// The AWS SDK for JavaScript importing key material, wrapped by node's own crypto, and using a
// multi-Region key in two regions.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import * as kms from '@aws-sdk/client-kms'
import { check, finish } from './tap.mjs'

const Message = crypto.randomBytes(100)

const client = (region) =>
  new kms.KMSClient({
    endpoint: process.env.AWS_ENDPOINT_URL,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
const here = client('us-east-1')
const there = client('eu-west-1')
const isFault = (name, message) => (error) => error.name === name && error.message === message
const call = (name, input, from = here) => from.send(new kms[name + 'Command'](input))

// Wraps as GetParametersForImport asks for, and imports.
async function bring(KeyId, material, WrappingAlgorithm = 'RSAES_OAEP_SHA_256', more = {}, from = here) {
  const parameters = await call('GetParametersForImport', { KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' }, from)
  const key = crypto.createPublicKey({ key: Buffer.from(parameters.PublicKey), format: 'der', type: 'spki' })
  const oaep = (data) => crypto.publicEncrypt({ key, oaepHash: 'sha256', padding: crypto.constants.RSA_PKCS1_OAEP_PADDING }, data)
  let EncryptedKeyMaterial = oaep(material)
  if (WrappingAlgorithm.startsWith('RSA_AES')) {
    const aes = crypto.randomBytes(32)
    const wrap = crypto.createCipheriv('id-aes256-wrap-pad', aes, Buffer.from('A65959A6', 'hex'))
    EncryptedKeyMaterial = Buffer.concat([oaep(aes), wrap.update(material), wrap.final()])
  }
  return call('ImportKeyMaterial', {
    KeyId, ImportToken: parameters.ImportToken, EncryptedKeyMaterial,
    ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE', ...more,
  }, from)
}

await check('an imported HMAC key gives the MAC that node gives', async () => {
  const { KeyMetadata: key } = await call('CreateKey', { KeySpec: 'HMAC_384', KeyUsage: 'GENERATE_VERIFY_MAC', Origin: 'EXTERNAL' })
  const material = crypto.randomBytes(48)
  await bring(key.KeyId, material)
  const { Mac } = await call('GenerateMac', { KeyId: key.KeyId, Message, MacAlgorithm: 'HMAC_SHA_384' })
  assert.deepEqual(Buffer.from(Mac), crypto.createHmac('sha384', material).update(Message).digest())
})

await check('an imported P-384 key signs what node verifies with its own copy', async () => {
  const pair = crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const { KeyMetadata: key } = await call('CreateKey', { KeySpec: 'ECC_NIST_P384', KeyUsage: 'SIGN_VERIFY', Origin: 'EXTERNAL' })
  await bring(key.KeyId, pair.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(), 'RSAES_OAEP_SHA_256')
  const { Signature } = await call('Sign', { KeyId: key.KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_384' })
  assert(crypto.verify('sha384', Message, pair.publicKey, Buffer.from(Signature)))
})

await check('imported material rotates, and each generation opens its own', async () => {
  const { KeyMetadata: { KeyId, Arn, KeyState } } = await call('CreateKey', { Origin: 'EXTERNAL' })
  assert.equal(KeyState, 'PendingImport')
  const first = await bring(KeyId, crypto.randomBytes(32))
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext: Message })
  await assert.rejects(call('RotateKeyOnDemand', { KeyId }), isFault('KMSInvalidStateException', `No available key material pending rotation for the key: ${Arn}.`))
  const second = await bring(KeyId, crypto.randomBytes(32), undefined, { ImportType: 'NEW_KEY_MATERIAL', KeyMaterialDescription: 'two' })
  await call('RotateKeyOnDemand', { KeyId })
  const { KeyMetadata } = await call('DescribeKey', { KeyId })
  assert.equal(KeyMetadata.CurrentKeyMaterialId, second.KeyMaterialId)
  const opened = await call('Decrypt', { CiphertextBlob })
  assert.deepEqual(Buffer.from(opened.Plaintext), Message)
  assert.equal(opened.KeyMaterialId, first.KeyMaterialId)
  const gone = await call('DeleteImportedKeyMaterial', { KeyId, KeyMaterialId: first.KeyMaterialId })
  assert.equal(gone.KeyMaterialId, first.KeyMaterialId)
  await assert.rejects(call('Decrypt', { CiphertextBlob }), isFault('KMSInvalidStateException', `${Arn} is pending import.`))
})

await check('a multi-Region key in two regions', async () => {
  const { KeyMetadata: { KeyId } } = await call('CreateKey', { MultiRegion: true })
  const made = await call('ReplicateKey', { KeyId, ReplicaRegion: 'eu-west-1' })
  assert.equal(made.ReplicaKeyMetadata.KeyState, 'Creating')
  assert.equal(made.ReplicaKeyMetadata.MultiRegionConfiguration.MultiRegionKeyType, 'REPLICA')
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext: Message })
  const opened = await call('Decrypt', { CiphertextBlob }, there)
  assert.deepEqual(Buffer.from(opened.Plaintext), Message)
  await call('UpdatePrimaryRegion', { KeyId, PrimaryRegion: 'eu-west-1' })
  const { KeyMetadata } = await call('DescribeKey', { KeyId }, there)
  assert.equal(KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType, 'PRIMARY')
})
finish()
