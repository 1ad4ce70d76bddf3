// The AWS Encryption SDK for JavaScript and kmsctl read each other's messages, with kmsd behind both.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import {
  AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode,
} from '@aws-crypto/client-node'
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { check, finish } from './tap.mjs'

const options = {
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
}
const kms = new KMSClient(options)
const { KeyMetadata } = await kms.send(new CreateKeyCommand({ Description: 'interoperation' }))
await kms.send(new CreateAliasCommand({ AliasName: 'alias/interop', TargetKeyId: KeyMetadata.KeyId }))

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const clientProvider = getClient(KMS, options)
const keyring = new KmsKeyringNode({ clientProvider, generatorKeyId: KeyMetadata.Arn })
const folder = mkdtempSync(join(tmpdir(), 'kms-esdk-'))
const kmsctl = (...args) => execFileSync(process.env.KMSCTL, args, { encoding: 'buffer', stdio: ['pipe', 'pipe', 'pipe'] })

for (const size of [0, 1, 4095, 4096, 4097, 65536, 1 << 20, (3 << 20) + 17]) {
  const plaintext = randomBytes(size)
  const source = join(folder, `plain-${size}`)
  writeFileSync(source, plaintext)
  await check(`kmsctl encrypts ${size} bytes, the Encryption SDK decrypts`, async () => {
    const message = join(folder, `by-kmsctl-${size}`)
    kmsctl('encrypt', '-k', 'alias/interop', '-c', 'purpose=backup', '-c', 'name=ключ', source, '-o', message)
    const { plaintext: opened, messageHeader } = await decrypt(keyring, readFileSync(message))
    assert.ok(opened.equals(plaintext))
    assert.equal(messageHeader.encryptionContext.purpose, 'backup')
    assert.equal(messageHeader.encryptionContext.name, 'ключ')
    assert.equal(messageHeader.suiteId, AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY)
  })
  for (const frameLength of [4096, 1000, 65536]) {
    if (size / frameLength > 1100) continue
    await check(`the Encryption SDK encrypts ${size} bytes in frames of ${frameLength}, kmsctl decrypts`, async () => {
      const { result } = await encrypt(keyring, plaintext, {
        suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
        encryptionContext: { purpose: 'backup', order: '1' },
        frameLength,
      })
      const message = join(folder, `by-sdk-${size}-${frameLength}`)
      const target = join(folder, `opened-${size}-${frameLength}`)
      writeFileSync(message, result)
      kmsctl('decrypt', '-c', 'purpose=backup', message, '-o', target)
      assert.ok(readFileSync(target).equals(plaintext))
    })
  }
  await check(`kmsctl re-encrypts what the Encryption SDK wrote, ${size} bytes`, async () => {
    const { result } = await encrypt(keyring, plaintext, {
      suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
    })
    const message = join(folder, `moved-${size}`)
    writeFileSync(message, result)
    kmsctl('re-encrypt', '-k', KeyMetadata.KeyId, message)
    assert.ok(!readFileSync(message).equals(result))
    const { plaintext: opened } = await decrypt(keyring, readFileSync(message))
    assert.ok(opened.equals(plaintext))
  })
}

await check('the Encryption SDK refuses a message of kmsctl with one bit changed', async () => {
  const message = readFileSync(join(folder, 'by-kmsctl-4097'))
  message[message.length - 20] ^= 1
  await assert.rejects(() => decrypt(keyring, message))
})
finish()
