/*
 * All cells of the key state table (developer guide, "Key states of KMS keys", as corrected by what
 * the live service answers) for the operations that this version offers.
 */
#include "importing.h"

#include "kmsd/crypto/kind.h"
#include "kmsd/ops/table.h"

enum { STATES = 8 };

/* The columns. */
static const struct {
    enum kms_key_state state;
    const char *text; /* after "<arn> is " */
    const char *code;
} states[STATES] = {
    {KMS_KEY_STATE_ENABLED, NULL, NULL},
    {KMS_KEY_STATE_DISABLED, "disabled", "DisabledException"},
    {KMS_KEY_STATE_PENDING_DELETION, "pending deletion", "KMSInvalidStateException"},
    {KMS_KEY_STATE_PENDING_REPLICA_DELETION, "pending replica deletion",
        "KMSInvalidStateException"},
    {KMS_KEY_STATE_PENDING_IMPORT, "pending import", "KMSInvalidStateException"},
    {KMS_KEY_STATE_UNAVAILABLE, "unavailable", "KMSInvalidStateException"},
    {KMS_KEY_STATE_CREATING, "creating", "KMSInvalidStateException"},
    {KMS_KEY_STATE_UPDATING, "updating", "KMSInvalidStateException"},
};

/* The rows: + works, - fails with the state's words, ! fails for not being pending deletion. */
static const struct {
    const char *operation;
    const char *cells; /* Enabled Disabled PendingDeletion PendingReplicaDeletion PendingImport
                          Unavailable Creating Updating */
    const char *body;
} rows[] = {
    {"CancelKeyDeletion", "!!++!!!!", "{'KeyId':'${K}'}"},
    {"CreateAlias", "++--++++", "{'AliasName':'alias/new','TargetKeyId':'${K}'}"},
    {"Decapsulate", "+------+",
        "{'KeyId':'${K}','SharedSecretCiphertextBlob':'${MADE}',"
        "'EncapsulationAlgorithm':'ML_KEM'}"},
    {"CreateGrant", "+------+",
        "{'KeyId':'${K}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['Encrypt']}"},
    {"ListGrants", "++++++++", "{'KeyId':'${K}'}"},
    {"RetireGrant", "++++++++", "{'KeyId':'${K_ARN}','GrantId':'${MADE}'}"},
    {"RevokeGrant", "++++++++", "{'KeyId':'${K}','GrantId':'${MADE}'}"},
    {"Decrypt", "+------+", "{'CiphertextBlob':'${BLOB}'}"},
    {"DeriveSharedSecret", "+------+",
        "{'KeyId':'${K}','PublicKey':'${MADE}','KeyAgreementAlgorithm':'ECDH'}"},
    {"DescribeKey", "++++++++", "{'KeyId':'${K}'}"},
    {"DisableKey", "++---+--", "{'KeyId':'${K}'}"},
    {"DisableKeyRotation", "+------+", "{'KeyId':'${K}'}"},
    {"EnableKey", "++---+--", "{'KeyId':'${K}'}"},
    {"EnableKeyRotation", "+------+", "{'KeyId':'${K}'}"},
    {"Encapsulate", "+------+", "{'KeyId':'${K}','EncapsulationAlgorithm':'ML_KEM'}"},
    {"Encrypt", "+------+", "{'KeyId':'${K}','Plaintext':'eA=='}"},
    {"GenerateDataKey", "+------+", "{'KeyId':'${K}','KeySpec':'AES_256'}"},
    {"GenerateDataKeyPair", "+------+", "{'KeyId':'${K}','KeyPairSpec':'ECC_NIST_P256'}"},
    {"GenerateDataKeyPairWithoutPlaintext", "+------+",
        "{'KeyId':'${K}','KeyPairSpec':'ECC_NIST_P256'}"},
    {"GenerateDataKeyWithoutPlaintext", "+------+", "{'KeyId':'${K}','KeySpec':'AES_256'}"},
    {"GenerateMac", "+------+", "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256'}"},
    {"GetKeyPolicy", "++++++++", "{'KeyId':'${K}'}"},
    {"GetKeyRotationStatus", "++++++++", "{'KeyId':'${K}'}"},
    {"GetPublicKey", "++-----+", "{'KeyId':'${K}'}"},
    {"ListAliases", "++++++++", "{'KeyId':'${K}'}"},
    {"ListKeyPolicies", "++++++++", "{'KeyId':'${K}'}"},
    {"ListResourceTags", "++++++++", "{'KeyId':'${K}'}"},
    {"PutKeyPolicy", "++++++++",
        "{'KeyId':'${K}','Policy':'{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\","
        "\\\"Principal\\\":{\\\"AWS\\\":\\\"" RIG_ACCOUNT
        "\\\"},\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}]}'}"},
    {"GetKeyLastUsage", "++++++++", "{'KeyId':'${K}'}"},
    {"ListKeyRotations", "++++++++", "{'KeyId':'${K}'}"},
    {"RotateKeyOnDemand", "+------+", "{'KeyId':'${K}'}"},
    {"ReEncrypt", "+------+", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${OTHER}'}"},
    {"ReEncrypt", "+------+", "{'CiphertextBlob':'${OTHER_BLOB}','DestinationKeyId':'${K}'}"},
    {"ScheduleKeyDeletion", "++--+++-", "{'KeyId':'${K}'}"},
    {"Sign", "+------+", "{'KeyId':'${K}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256'}"},
    {"TagResource", "++--++++", "{'KeyId':'${K}','Tags':[{'TagKey':'a','TagValue':'1'}]}"},
    {"UntagResource", "++--++++", "{'KeyId':'${K}','TagKeys':['a']}"},
    {"UpdateAlias", "++--++++", "{'AliasName':'alias/moving','TargetKeyId':'${K}'}"},
    {"UpdateAlias", "++++++++", "{'AliasName':'alias/fixed','TargetKeyId':'${OTHER}'}"},
    {"UpdateKeyDescription", "++--++++", "{'KeyId':'${K}','Description':'d'}"},
    {"Verify", "+------+",
        "{'KeyId':'${K}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256',"
        "'Signature':'${MADE}'}"},
    {"VerifyMac", "+------+",
        "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256','Mac':'${MADE}'}"},
    {"DeleteAlias", "++++++++", "{'AliasName':'alias/fixed'}"},
    {"GetParametersForImport", "++--+---",
        "{'KeyId':'${K}','WrappingAlgorithm':'RSAES_OAEP_SHA_256','WrappingKeySpec':'RSA_2048'}"},
    {"ImportKeyMaterial", "++--+--+", "{'KeyId':'${K}'," IMPORT_FOR_EVER "}"},
    {"DeleteImportedKeyMaterial", "+++++---", "{'KeyId':'${K}'}"},
    {"ReplicateKey", "+-------", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}"},
    {"UpdatePrimaryRegion", "+------+", "{'KeyId':'${K}','PrimaryRegion':'eu-west-1'}"},
};

/* Operations on other keys than symmetric ones, or on what was made before: which, and a call while the key is enabled one
 * member of whose answer the row's request needs, under MADE. */
static const struct kind {
    const char *operations[2];
    enum kms_key_spec spec;
    enum kms_key_usage usage;
    const char *create;
    const char *operation;
    const char *body;
    const char *member;
} kinds[] = {
    {{"Sign", "Verify"}, KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY,
        "{'KeySpec':'ECC_NIST_P256','KeyUsage':'SIGN_VERIFY'}", "Sign",
        "{'KeyId':'${K}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256'}", "Signature"},
    {{"GenerateMac", "VerifyMac"}, KMS_KEY_SPEC_HMAC_256, KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
        "{'KeySpec':'HMAC_256','KeyUsage':'GENERATE_VERIFY_MAC'}", "GenerateMac",
        "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256'}", "Mac"},
    {{"GetPublicKey", "DeriveSharedSecret"}, KMS_KEY_SPEC_ECC_NIST_P256,
        KMS_KEY_USAGE_KEY_AGREEMENT, "{'KeySpec':'ECC_NIST_P256','KeyUsage':'KEY_AGREEMENT'}",
        "GetPublicKey", "{'KeyId':'${K}'}", "PublicKey"},
    {{"ReplicateKey", ""}, KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        "{'MultiRegion':true}", "GetKeyPolicy", "{'KeyId':'${K}'}", "PolicyName"},
    {{"UpdatePrimaryRegion", ""}, KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        "{'MultiRegion':true}", "ReplicateKey", "{'KeyId':'${K}','ReplicaRegion':'eu-west-1'}",
        "ReplicaPolicy"},
    {{"RetireGrant", "RevokeGrant"}, KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        "{}", "CreateGrant",
        "{'KeyId':'${K}','GranteePrincipal':'" RIG_ACCOUNT "','Operations':['Encrypt']}",
        "GrantId"},
    {{"Encapsulate", "Decapsulate"}, KMS_KEY_SPEC_ML_KEM_512, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
        "{'KeySpec':'ML_KEM_512','KeyUsage':'ENCAPSULATE_DECAPSULATE'}", "Encapsulate",
        "{'KeyId':'${K}','EncapsulationAlgorithm':'ML_KEM'}", "SharedSecretCiphertextBlob"},
};

/* Operations on keys of imported material alone. */
static bool is_for_imported(const char *operation)
{
    return strstr(operation, "Import") != NULL;
}

/* NULL: the operation's row has a symmetric key. */
static const struct kind *kind_for(const char *operation)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i].operations[0], operation) == 0 ||
            strcmp(kinds[i].operations[1], operation) == 0)
            return &kinds[i];
    }
    return NULL;
}

static void set_state(struct rig *rig, enum kms_key_state state)
{
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    kmsd_keys_lock(rig->keys);
    const struct kmsd_key *key =
        kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), rig_now_ms);
    assert_non_null(key);
    assert_int_equal(kmsd_keys_set_state(rig->keys, key, state), KMS_OK);
    kmsd_key_release(key);
    kmsd_keys_unlock(rig->keys);
}

static void seal(struct rig *rig, const char *key, const char *name)
{
    char body[128];
    (void)snprintf(body, sizeof(body), "{'KeyId':'${%s}','Plaintext':'eA=='}", key);
    rig_set(rig, name, text_of(rig_ok(rig, "Encrypt", body), "CiphertextBlob"));
}

/* K is a key with imported material; what was brought can be brought again. It is one key for all
 * cells, since parameters take long to make. */
static void prepare_imported(struct rig *rig)
{
    static const uint8_t secret[32] = {1};
    if (!rig_knows(rig, "TOKEN_ARN")) {
        external_key(rig, "IMPORTED", "{'Origin':'EXTERNAL'}");
        wrap_for(rig, "IMPORTED", kms_bytes(secret, sizeof(secret)));
    }
    rig_set(rig, "K", rig_get(rig, "IMPORTED"));
    rig_set(rig, "K_ARN", rig_get(rig, "IMPORTED_ARN"));
    set_state(rig, KMS_KEY_STATE_PENDING_IMPORT);
    rig_ok(rig, "ImportKeyMaterial", "{'KeyId':'${K}'," IMPORT_FOR_EVER "}");
}

static void prepare(struct rig *rig, const struct kind *kind, bool imported)
{
    if (imported) {
        prepare_imported(rig);
    } else if (kind == NULL) {
        rig_key(rig, "K");
        seal(rig, "K", "BLOB");
    } else {
        json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", kind->create), "KeyMetadata");
        rig_set(rig, "K", text_of(metadata, "KeyId"));
        rig_set(rig, "K_ARN", text_of(metadata, "Arn"));
        rig_set(rig, "MADE", text_of(rig_ok(rig, kind->operation, kind->body), kind->member));
    }
    rig_send(rig, "DeleteAlias", "{'AliasName':'alias/new'}");
    rig_send(rig, "DeleteAlias", "{'AliasName':'alias/fixed'}");
    rig_send(rig, "DeleteAlias", "{'AliasName':'alias/moving'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/fixed','TargetKeyId':'${K}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/moving','TargetKeyId':'${OTHER}'}");
}

static void test_cells(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "OTHER");
    seal(rig, "OTHER", "OTHER_BLOB");
    for (size_t row = 0; row < COUNT(rows); row++) {
        const struct kind *kind = kind_for(rows[row].operation);
        if (kind != NULL && kind->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT &&
            kmsd_kind_available(kmsd_kind_find(kind->spec, kind->usage)) != KMS_OK)
            continue; /* the linked libcrypto lacks such keys */
        for (size_t column = 0; column < STATES; column++) {
            char text[512];
            prepare(rig, kind, is_for_imported(rows[row].operation));
            set_state(rig, states[column].state);
            switch (rows[row].cells[column]) {
            case '+':
                rig_ok(rig, rows[row].operation, rows[row].body);
                break;
            case '!':
                rig_fault(rig, rows[row].operation, rows[row].body, "KMSInvalidStateException",
                    "${K_ARN} is not pending deletion.");
                break;
            default:
                (void)snprintf(text, sizeof(text), "${K_ARN} is %s.", states[column].text);
                rig_fault(rig, rows[row].operation, rows[row].body, states[column].code, text);
                break;
            }
        }
    }
}

/* Each operation that is offered and about a key has its row above. */
static void test_rows_are_complete(void **state)
{
    static const enum kms_op without_key[] = {
        KMS_OP_CREATE_KEY, KMS_OP_GENERATE_RANDOM, KMS_OP_LIST_KEYS, KMS_OP_LIST_RETIRABLE_GRANTS};
    (void)state;
    for (size_t i = 0; i < KMS_OPERATION_COUNT; i++) {
        bool found = kmsd_ops[i].run == NULL;
        for (size_t k = 0; k < COUNT(without_key); k++)
            found = found || without_key[k] == kmsd_ops[i].id;
        for (size_t k = 0; k < COUNT(rows); k++)
            found = found || strcmp(rows[k].operation, kms_operations[i].name) == 0;
        if (!found)
            fail_msg("%s has no row", kms_operations[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_cells),
        T(test_rows_are_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
