// The AWS SDK for JavaScript against kmsd: every finished operation, good input and bad, over AWS JSON
// 1.1 and over Smithy RPC v2 CBOR (the SDK's own implementation of that protocol).
import assert from 'node:assert/strict'
import * as kms from '@aws-sdk/client-kms'
import { AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols'
import { check, finish, refused } from './tap.mjs'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const bytes = (text) => new TextEncoder().encode(text)

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

async function keysAndAliases(wire, client) {
  const call = (command) => client.send(command)
  const created = await call(new kms.CreateKeyCommand({
    Description: `made over ${wire}`,
    Tags: [{ TagKey: 'b', TagValue: '2' }, { TagKey: 'a', TagValue: 'ä' }],
  }))
  const key = created.KeyMetadata
  await check(`${wire}: CreateKey's metadata`, () => {
    assert.match(key.KeyId, UUID)
    assert.equal(key.Arn, `arn:aws:kms:us-east-1:000000000000:key/${key.KeyId}`)
    assert.equal(key.KeyState, 'Enabled')
    assert.equal(key.Enabled, true)
    assert.equal(key.KeyManager, 'CUSTOMER')
    assert.equal(key.KeySpec, 'SYMMETRIC_DEFAULT')
    assert.equal(key.CustomerMasterKeySpec, 'SYMMETRIC_DEFAULT')
    assert.equal(key.KeyUsage, 'ENCRYPT_DECRYPT')
    assert.equal(key.Origin, 'AWS_KMS')
    assert.equal(key.MultiRegion, false)
    assert.equal(key.Description, `made over ${wire}`)
    assert.deepEqual(key.EncryptionAlgorithms, ['SYMMETRIC_DEFAULT'])
    assert.match(key.CurrentKeyMaterialId, /^[0-9a-f]{64}$/)
    assert.ok(Math.abs(key.CreationDate - Date.now()) < 60_000)
  })
  const KeyId = key.KeyId
  await check(`${wire}: DescribeKey by id and ARN agrees`, async () => {
    for (const id of [KeyId, key.Arn]) {
      const described = await call(new kms.DescribeKeyCommand({ KeyId: id }))
      assert.deepEqual(described.KeyMetadata, key)
    }
  })
  const AliasName = `alias/js-${wire}`
  await check(`${wire}: CreateAlias, ListAliases of the key`, async () => {
    await call(new kms.CreateAliasCommand({ AliasName, TargetKeyId: KeyId }))
    const { Aliases, Truncated } = await call(new kms.ListAliasesCommand({ KeyId }))
    assert.equal(Truncated, false)
    assert.equal(Aliases.length, 1)
    assert.equal(Aliases[0].AliasName, AliasName)
    assert.equal(Aliases[0].TargetKeyId, KeyId)
    assert.ok(Aliases[0].CreationDate instanceof Date)
  })
  await check(`${wire}: DescribeKey by alias and alias ARN`, async () => {
    for (const id of [AliasName, `arn:aws:kms:us-east-1:000000000000:${AliasName}`]) {
      const described = await call(new kms.DescribeKeyCommand({ KeyId: id }))
      assert.equal(described.KeyMetadata.KeyId, KeyId)
    }
  })
  await refused(`${wire}: CreateAlias twice`, 'AlreadyExistsException', `alias with the name arn:aws:kms:us-east-1:000000000000:${AliasName} already exists`,
    () => call(new kms.CreateAliasCommand({ AliasName, TargetKeyId: KeyId })))
  await refused(`${wire}: CreateAlias without the prefix`, 'ValidationException', 'Alias must start with the prefix "alias/"',
    () => call(new kms.CreateAliasCommand({ AliasName: 'nope', TargetKeyId: KeyId })))
  const second = (await call(new kms.CreateKeyCommand({}))).KeyMetadata
  await check(`${wire}: UpdateAlias`, async () => {
    await call(new kms.UpdateAliasCommand({ AliasName, TargetKeyId: second.KeyId }))
    const described = await call(new kms.DescribeKeyCommand({ KeyId: AliasName }))
    assert.equal(described.KeyMetadata.KeyId, second.KeyId)
  })
  await check(`${wire}: DeleteAlias`, () => call(new kms.DeleteAliasCommand({ AliasName })))
  await refused(`${wire}: a deleted alias`, 'NotFoundException', `Alias arn:aws:kms:us-east-1:000000000000:${AliasName} is not found.`,
    () => call(new kms.DescribeKeyCommand({ KeyId: AliasName })))
  await check(`${wire}: ListKeys pages hold every key once`, async () => {
    const seen = []
    for await (const page of kms.paginateListKeys({ client, pageSize: 2 }, {})) {
      assert.ok(page.Keys.length <= 2)
      seen.push(...page.Keys.map((k) => k.KeyId))
    }
    assert.ok(seen.includes(KeyId) && seen.includes(second.KeyId))
    assert.equal(new Set(seen).size, seen.length)
  })
  await refused(`${wire}: ListKeys with a made-up marker`, 'InvalidMarkerException', undefined,
    () => call(new kms.ListKeysCommand({ Marker: 'made up' })))
  await check(`${wire}: tags`, async () => {
    await call(new kms.TagResourceCommand({ KeyId, Tags: [{ TagKey: 'c', TagValue: '' }, { TagKey: 'b', TagValue: '3' }] }))
    await call(new kms.UntagResourceCommand({ KeyId, TagKeys: ['a', 'unknown'] }))
    const { Tags } = await call(new kms.ListResourceTagsCommand({ KeyId }))
    assert.deepEqual(Tags, [{ TagKey: 'b', TagValue: '3' }, { TagKey: 'c', TagValue: '' }])
  })
  await refused(`${wire}: a reserved tag`, 'TagException', 'Tags beginning with aws: are reserved',
    () => call(new kms.TagResourceCommand({ KeyId, Tags: [{ TagKey: 'aws:x', TagValue: '' }] })))
  await check(`${wire}: UpdateKeyDescription`, async () => {
    await call(new kms.UpdateKeyDescriptionCommand({ KeyId, Description: 'nëw' }))
    assert.equal((await call(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata.Description, 'nëw')
  })
  await check(`${wire}: key policies`, async () => {
    const before = await call(new kms.GetKeyPolicyCommand({ KeyId }))
    assert.equal(before.PolicyName, 'default')
    const policy = JSON.parse(before.Policy)
    assert.equal(policy.Statement[0].Sid, 'Enable IAM User Permissions')
    policy.Id = 'changed'
    await call(new kms.PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify(policy) }))
    assert.deepEqual(JSON.parse((await call(new kms.GetKeyPolicyCommand({ KeyId, PolicyName: 'default' }))).Policy), policy)
    assert.deepEqual((await call(new kms.ListKeyPoliciesCommand({ KeyId }))).PolicyNames, ['default'])
  })
  await refused(`${wire}: a policy that is no JSON`, 'MalformedPolicyDocumentException', undefined,
    () => call(new kms.PutKeyPolicyCommand({ KeyId, Policy: 'not json' })))
  await check(`${wire}: rotation status`, async () => {
    assert.equal((await call(new kms.GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled, false)
    await call(new kms.EnableKeyRotationCommand({ KeyId, RotationPeriodInDays: 90 }))
    const on = await call(new kms.GetKeyRotationStatusCommand({ KeyId }))
    assert.equal(on.KeyRotationEnabled, true)
    assert.equal(on.RotationPeriodInDays, 90)
    assert.ok(Math.abs(on.NextRotationDate - Date.now() - 90 * 86_400_000) < 3_600_000)
    await call(new kms.DisableKeyRotationCommand({ KeyId }))
    assert.equal((await call(new kms.GetKeyRotationStatusCommand({ KeyId }))).KeyRotationEnabled, false)
  })
  await check(`${wire}: disable, enable`, async () => {
    await call(new kms.DisableKeyCommand({ KeyId }))
    await refusedNow(() => call(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') })), 'DisabledException')
    await call(new kms.EnableKeyCommand({ KeyId }))
    await call(new kms.EncryptCommand({ KeyId, Plaintext: bytes('x') }))
  })
  await check(`${wire}: deletion scheduled and cancelled`, async () => {
    const scheduled = await call(new kms.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
    assert.equal(scheduled.KeyId, key.Arn)
    assert.equal(scheduled.KeyState, 'PendingDeletion')
    assert.equal(scheduled.PendingWindowInDays, 7)
    assert.ok(scheduled.DeletionDate - Date.now() > 6.9 * 86_400_000)
    await refusedNow(() => call(new kms.EnableKeyCommand({ KeyId })), 'KMSInvalidStateException')
    assert.equal((await call(new kms.CancelKeyDeletionCommand({ KeyId }))).KeyId, key.Arn)
    assert.equal((await call(new kms.DescribeKeyCommand({ KeyId }))).KeyMetadata.KeyState, 'Disabled')
    await call(new kms.EnableKeyCommand({ KeyId }))
  })
  return key
}

async function refusedNow(call, code) {
  await assert.rejects(call, (error) => error.name === code)
}

async function cryptography(wire, client, key) {
  const call = (command) => client.send(command)
  const KeyId = key.KeyId
  const EncryptionContext = { purpose: 'backup', 'ключ': 'значение', empty: '' }
  const Plaintext = bytes('attack at dawn')
  const sealed = await call(new kms.EncryptCommand({ KeyId, Plaintext, EncryptionContext }))
  await check(`${wire}: Encrypt's answer`, () => {
    assert.equal(sealed.KeyId, key.Arn)
    assert.equal(sealed.EncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
    assert.ok(sealed.CiphertextBlob.length > Plaintext.length)
  })
  const CiphertextBlob = sealed.CiphertextBlob
  await check(`${wire}: Decrypt without KeyId, pairs in another order`, async () => {
    const reversed = Object.fromEntries(Object.entries(EncryptionContext).reverse())
    const opened = await call(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: reversed }))
    assert.deepEqual(Buffer.from(opened.Plaintext), Buffer.from(Plaintext))
    assert.equal(opened.KeyId, key.Arn)
    assert.equal(opened.EncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
    assert.equal(opened.KeyMaterialId, key.CurrentKeyMaterialId)
  })
  for (const [what, context] of [['without', undefined], ['with a different', { ...EncryptionContext, empty: 'x' }], ['with a bigger', { ...EncryptionContext, more: '' }]]) {
    await refused(`${wire}: Decrypt ${what} context`, 'InvalidCiphertextException', undefined,
      () => call(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext: context })))
  }
  await refused(`${wire}: Decrypt of garbage`, 'InvalidCiphertextException', undefined,
    () => call(new kms.DecryptCommand({ CiphertextBlob: bytes('garbage') })))
  await check(`${wire}: Decrypt refuses every altered byte`, async () => {
    for (let i = 0; i < CiphertextBlob.length; i++) {
      const altered = Uint8Array.from(CiphertextBlob)
      altered[i] ^= 1
      await assert.rejects(() => call(new kms.DecryptCommand({ CiphertextBlob: altered, EncryptionContext })),
        (error) => ['InvalidCiphertextException', 'AccessDeniedException'].includes(error.name), `byte ${i}`)
    }
  })
  const other = (await call(new kms.CreateKeyCommand({}))).KeyMetadata
  await refused(`${wire}: Decrypt with another KeyId`, 'IncorrectKeyException', 'The key ID in the request does not identify a CMK that can perform this operation.',
    () => call(new kms.DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId: other.KeyId })))
  await check(`${wire}: ReEncrypt`, async () => {
    const moved = await call(new kms.ReEncryptCommand({
      CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: other.Arn,
      DestinationEncryptionContext: { new: 'context' },
    }))
    assert.equal(moved.SourceKeyId, key.Arn)
    assert.equal(moved.KeyId, other.Arn)
    assert.equal(moved.SourceEncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
    assert.equal(moved.DestinationEncryptionAlgorithm, 'SYMMETRIC_DEFAULT')
    assert.equal(moved.SourceKeyMaterialId, key.CurrentKeyMaterialId)
    assert.equal(moved.DestinationKeyMaterialId, other.CurrentKeyMaterialId)
    const opened = await call(new kms.DecryptCommand({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { new: 'context' } }))
    assert.deepEqual(Buffer.from(opened.Plaintext), Buffer.from(Plaintext))
  })
  for (const request of [{ KeySpec: 'AES_256' }, { KeySpec: 'AES_128' }, { NumberOfBytes: 1024 }, { NumberOfBytes: 1 }]) {
    await check(`${wire}: GenerateDataKey ${JSON.stringify(request)}`, async () => {
      const length = request.NumberOfBytes ?? (request.KeySpec === 'AES_256' ? 32 : 16)
      const made = await call(new kms.GenerateDataKeyCommand({ KeyId, EncryptionContext, ...request }))
      assert.equal(made.Plaintext.length, length)
      assert.equal(made.KeyId, key.Arn)
      assert.equal(made.KeyMaterialId, key.CurrentKeyMaterialId)
      const opened = await call(new kms.DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext }))
      assert.deepEqual(opened.Plaintext, made.Plaintext)
      const hidden = await call(new kms.GenerateDataKeyWithoutPlaintextCommand({ KeyId, EncryptionContext, ...request }))
      assert.equal(hidden.Plaintext, undefined)
      const shown = await call(new kms.DecryptCommand({ CiphertextBlob: hidden.CiphertextBlob, EncryptionContext }))
      assert.equal(shown.Plaintext.length, length)
    })
  }
  await refused(`${wire}: GenerateDataKey with neither size`, 'ValidationException', 'Please specify either number of bytes or key spec.',
    () => call(new kms.GenerateDataKeyCommand({ KeyId })))
  await refused(`${wire}: GenerateDataKey with both sizes`, 'ValidationException', 'Please specify either number of bytes or key spec.',
    () => call(new kms.GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', NumberOfBytes: 32 })))
  await refused(`${wire}: GenerateDataKey of 1025 bytes`, 'ValidationException',
    "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
    () => call(new kms.GenerateDataKeyCommand({ KeyId, NumberOfBytes: 1025 })))
  await refused(`${wire}: DryRun`, 'DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.',
    () => call(new kms.EncryptCommand({ KeyId, Plaintext, DryRun: true })))
  await check(`${wire}: GenerateRandom`, async () => {
    const one = (await call(new kms.GenerateRandomCommand({ NumberOfBytes: 64 }))).Plaintext
    const two = (await call(new kms.GenerateRandomCommand({ NumberOfBytes: 64 }))).Plaintext
    assert.equal(one.length, 64)
    assert.notDeepEqual(one, two)
  })
  await refused(`${wire}: an unknown key`, 'NotFoundException', "Key 'arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555' does not exist",
    () => call(new kms.EncryptCommand({ KeyId: '11111111-2222-3333-4444-555555555555', Plaintext })))
  await refused(`${wire}: an ARN of another region`, 'NotFoundException', 'Invalid arn us-west-2',
    () => call(new kms.EncryptCommand({ KeyId: key.Arn.replace('us-east-1', 'us-west-2'), Plaintext })))
  await refused(`${wire}: an alias where only keys go`, 'InvalidArnException', 'Key Aliases are not supported for this operation.',
    () => call(new kms.DisableKeyCommand({ KeyId: 'alias/whatever' })))
  await refused(`${wire}: an operation that comes later`, 'UnsupportedOperationException', undefined,
    () => call(new kms.DescribeCustomKeyStoresCommand({})))
}

for (const wire of ['json', 'cbor']) {
  const client = newClient(wire)
  const key = await keysAndAliases(wire, client)
  await cryptography(wire, client, key)
  await check(`${wire}: another region knows nothing of the key`, async () => {
    const west = newClient(wire, 'us-west-2')
    await assert.rejects(() => west.send(new kms.DescribeKeyCommand({ KeyId: key.KeyId })),
      (error) => error.name === 'NotFoundException')
  })
}
finish()
