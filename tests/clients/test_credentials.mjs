// The AWS SDK for JavaScript's own credential providers get credentials here: a role by source_profile, a
// chain of roles, a role by web identity from a profile and from the environment, and use keys with them.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as kms from '@aws-sdk/client-kms'
import { check, finish } from './tap.mjs'

const ACCOUNT = '111122223333'
const IAM = `arn:aws:iam::${ACCOUNT}:`
const folder = mkdtempSync(join(tmpdir(), 'credentials-'))
const file = (name) => join(folder, name)

async function startDaemon() {
  const daemon = spawn(process.env.KMSD, ['dev', '--listen', '127.0.0.1:0', '--account-id', ACCOUNT, '--region', 'us-east-1',
    '--admin-socket', file('socket')], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of daemon.stdout) {
    text += chunk
    const found = /listening on (http:\S+)/.exec(text)
    if (found) return { daemon, url: found[1] }
  }
  throw new Error('kmsd did not start')
}

const admin = (action, ...parameters) =>
  JSON.parse(execFileSync(process.env.KMSD, ['admin', '--socket', file('socket'), 'iam', action, ...parameters]) || '{}')

function trust(principal, action = 'sts:AssumeRole') {
  return JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: principal, Action: action }] })
}

function makeRole(name, document) {
  admin('CreateRole', `RoleName=${name}`, `AssumeRolePolicyDocument=${document}`)
  admin('PutRolePolicy', `RoleName=${name}`, 'PolicyName=p', `PolicyDocument=${JSON.stringify({
    Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'kms:*', Resource: '*' }],
  })}`)
}

// A token of an issuer whose key the operator brings.
function makeProvider() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Math.floor(Date.now() / 1000)
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'ES256', kid: 'k' })}.${encode({
    iss: 'https://issuer.example', sub: 'pod', aud: 'kms', iat: now, exp: now + 600,
  })}`
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  writeFileSync(file('token'), `${signed}.${signature.toString('base64url')}`)
  writeFileSync(file('jwks'), JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] }))
  admin('CreateOpenIDConnectProvider', 'Url=https://issuer.example', 'ClientIDList.member.1=kms', `Jwks=@${file('jwks')}`)
}

function setUp() {
  makeProvider()
  admin('CreateUser', 'UserName=ann')
  const key = admin('CreateAccessKey', 'UserName=ann').AccessKey
  makeRole('first', trust({ AWS: `${IAM}user/ann` }))
  makeRole('second', trust({ AWS: `${IAM}role/first` }))
  makeRole('web', trust({ Federated: `${IAM}oidc-provider/issuer.example` }, 'sts:AssumeRoleWithWebIdentity'))
  writeFileSync(file('config'), `[profile ann]
aws_access_key_id = ${key.AccessKeyId}
aws_secret_access_key = ${key.SecretAccessKey}
[profile first]
role_arn = ${IAM}role/first
source_profile = ann
[profile second]
role_arn = ${IAM}role/second
source_profile = first
[profile web]
role_arn = ${IAM}role/web
web_identity_token_file = ${file('token')}
`)
}

async function useKeys(client) {
  const { KeyMetadata } = await client.send(new kms.CreateKeyCommand({}))
  const { CiphertextBlob } = await client.send(new kms.EncryptCommand({ KeyId: KeyMetadata.KeyId, Plaintext: Buffer.from('x') }))
  const { Plaintext } = await client.send(new kms.DecryptCommand({ CiphertextBlob }))
  assert.equal(Buffer.from(Plaintext).toString(), 'x')
  assert.ok((await client.config.credentials()).sessionToken)
}

const { daemon, url } = await startDaemon()
try {
  setUp()
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, {
    AWS_CONFIG_FILE: file('config'), AWS_SHARED_CREDENTIALS_FILE: file('none'), AWS_ENDPOINT_URL: url, AWS_REGION: 'us-east-1',
  })
  for (const profile of ['first', 'second', 'web']) {
    await check(`profile ${profile}`, () => useKeys(new kms.KMSClient({ profile })))
  }
  Object.assign(process.env, { AWS_WEB_IDENTITY_TOKEN_FILE: file('token'), AWS_ROLE_ARN: `${IAM}role/web` })
  await check('AWS_WEB_IDENTITY_TOKEN_FILE', () => useKeys(new kms.KMSClient({})))
} finally {
  daemon.kill()
  rmSync(folder, { recursive: true })
}
finish()
