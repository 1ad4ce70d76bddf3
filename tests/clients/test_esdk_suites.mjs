// Signed messages, several keys, several Regions' worth of keys, key slots: kmsctl and the AWS Encryption
// SDK for JavaScript, with kmsd behind both.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import {
  AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode,
} from '@aws-crypto/client-node'
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { check, finish } from './tap.mjs'

const options = {
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
}
const kms = new KMSClient(options)
const keys = []
for (let i = 0; i < 3; i++) keys.push((await kms.send(new CreateKeyCommand({}))).KeyMetadata.Arn)
const strict = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const old = buildClient(CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT)
const clientProvider = getClient(KMS, options)
const keyring = (generatorKeyId, ...keyIds) => new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds })
const folder = mkdtempSync(join(tmpdir(), 'kms-esdk-'))
const kmsctl = (...args) => execFileSync(process.env.KMSCTL, args, { encoding: 'buffer', stdio: ['pipe', 'pipe', 'pipe'] })
const refuses = (...args) => assert.throws(() => kmsctl(...args), (error) => error.status > 0)
const { ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY: PLAIN, ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384: SIGNED } = AlgorithmSuiteIdentifier

const sizes = [0, 1, 131071, 131072, 262144, 300000]
for (const size of sizes) {
  const plaintext = randomBytes(size)
  const source = join(folder, `plain-${size}`)
  writeFileSync(source, plaintext)
  await check(`kmsctl signs ${size} bytes for two keys, the Encryption SDK opens them with the second`, async () => {
    const message = join(folder, `signed-${size}`)
    kmsctl('encrypt', '--sign', '-k', keys[0], '-k', keys[1], '-c', 'a=b', source, '-o', message)
    const { plaintext: opened, messageHeader } = await strict.decrypt(keyring(keys[1]), readFileSync(message))
    assert.ok(opened.equals(plaintext))
    assert.equal(messageHeader.suiteId, SIGNED)
    assert.equal(messageHeader.encryptedDataKeys.length, 2)
    await assert.rejects(() => strict.decrypt(keyring(keys[2]), readFileSync(message)))
  })
  for (const [suite, suiteId] of [['signed', SIGNED], ['unsigned', PLAIN]]) {
    for (const frameLength of [1024, 4096, 131072]) {
      await check(`the Encryption SDK writes ${size} bytes ${suite} in frames of ${frameLength} for three keys, kmsctl opens them with the third`, async () => {
        const { result } = await strict.encrypt(keyring(...keys), plaintext, { suiteId, frameLength, encryptionContext: { a: 'b' } })
        const message = join(folder, 'by-sdk')
        writeFileSync(message, result)
        assert.ok(kmsctl('decrypt', '-k', keys[2], '-c', 'a=b', message, '-o', '-').equals(plaintext))
        result[result.length - 1] ^= 1 // of the signature, or of the last tag
        writeFileSync(message, result)
        refuses('decrypt', message, '-o', join(folder, 'never'))
      })
    }
  }
}

for (const [name, suiteId] of Object.entries(AlgorithmSuiteIdentifier).filter(([name]) => name.startsWith('ALG_') && !name.includes('COMMIT'))) {
  await check(`${name} of the Encryption SDK opens where that is allowed, and only there`, async () => {
    const plaintext = randomBytes(10000)
    const { result } = await old.encrypt(keyring(keys[0]), plaintext, { suiteId, frameLength: 4096 })
    const message = join(folder, 'old')
    writeFileSync(message, result)
    assert.ok(kmsctl('decrypt', '--allow-uncommitted', message, '-o', '-').equals(plaintext))
    refuses('decrypt', message, '-o', join(folder, 'never'))
  })
}
finish()
