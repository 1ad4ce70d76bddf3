// Long streams between kmsctl and the AWS Encryption SDK for JavaScript: 5 GiB with KMS_TEST_LONG=1, more
// than 32 bits can count, otherwise a sample.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode } from '@aws-crypto/client-node'
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { check, finish } from './tap.mjs'

const MIB = 1 << 20
const size = process.env.KMS_TEST_LONG === '1' ? 5 * 1024 * MIB : 64 * MIB
const options = {
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
}
const key = (await new KMSClient(options).send(new CreateKeyCommand({}))).KeyMetadata.Arn
const { encryptStream, decryptStream } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const keyring = new KmsKeyringNode({ clientProvider: getClient(KMS, options), generatorKeyId: key })
const { ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY: PLAIN, ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384: SIGNED } = AlgorithmSuiteIdentifier

// Bytes that never repeat: a key stream.
const plaintext = () => {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16))
  const zeros = Buffer.alloc(MIB)
  let left = size
  return new Readable({
    read () {
      const part = Math.min(left, MIB)
      left -= part
      this.push(part === 0 ? null : cipher.update(zeros.subarray(0, part)))
    },
  })
}
// What a stream holds; the pieces before it are drained into it.
const digest = async (...streams) => {
  const hash = createHash('sha256')
  await pipeline(...streams, hash)
  return hash.digest('hex')
}
// A kmsctl process in a pipeline.
const kmsctl = (...args) => {
  const child = spawn(process.env.KMSCTL, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { stdin: child.stdin, stdout: child.stdout, ended }
}

const expected = await digest(plaintext())
for (const [name, suiteId, flags] of [['unsigned', PLAIN, []], ['signed', SIGNED, ['--sign']]]) {
  await check(`kmsctl encrypts ${size / MIB} MiB, ${name}, and the Encryption SDK decrypts them`, async () => {
    const { stdin, stdout, ended } = kmsctl('encrypt', ...flags, '-k', key, '-', '-o', '-')
    const [, found] = await Promise.all([pipeline(plaintext(), stdin), digest(stdout, decryptStream(keyring))])
    assert.equal(await ended, 0)
    assert.equal(found, expected)
  })
  await check(`the Encryption SDK encrypts ${size / MIB} MiB, ${name}, and kmsctl decrypts them`, async () => {
    const { stdin, stdout, ended } = kmsctl('decrypt', '-', '-o', '-')
    const sealed = encryptStream(keyring, { suiteId, frameLength: 65536, encryptionContext: { a: 'b' } })
    const [, found] = await Promise.all([pipeline(plaintext(), sealed, stdin), digest(stdout)])
    assert.equal(await ended, 0)
    assert.equal(found, expected)
  })
}
finish()
