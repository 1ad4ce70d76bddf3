/* Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom. */
#include "common.h"

#include "libkms/base/encoding.h"

#define DRY_RUN "The request would have succeeded, but the DryRun option is set."
#define NOT_HERE                                                                             \
    "The ciphertext refers to a customer master key that does not exist, does not exist in " \
    "this region, or you are not allowed to access."
#define WRONG_KEY \
    "The key ID in the request does not identify a CMK that can perform this operation."

static void set_blob(struct rig *rig, const char *name, const char *body)
{
    rig_set(rig, name, text_of(rig_ok(rig, "Encrypt", body), "CiphertextBlob"));
}

/* Puts base64 of len times the letter x under a name. */
static void set_bytes(struct rig *rig, const char *name, size_t len)
{
    static uint8_t bytes[8192];
    static char text[12000];
    assert_true(len <= sizeof(bytes));
    memset(bytes, 'x', len);
    kms_base64_encode(kms_bytes(bytes, len), text);
    text[kms_base64_encoded_len(len)] = '\0';
    rig_set(rig, name, text);
}

/* --- there and back --------------------------------------------------------------------------- */

static void test_encrypt_and_decrypt(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    static const char *const names[] = {
        "${K}", "${K_ARN}", "alias/x", "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/x"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char body[256];
        (void)snprintf(body, sizeof(body), "{'KeyId':'%s','Plaintext':'aGVsbG8='}", names[i]);
        json_t *answer = rig_ok(rig, "Encrypt", body);
        ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "EncryptionAlgorithm");
        assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
        assert_string_equal(text_of(answer, "EncryptionAlgorithm"), "SYMMETRIC_DEFAULT");
        rig_set(rig, "BLOB", text_of(answer, "CiphertextBlob"));

        (void)snprintf(body, sizeof(body), "{'KeyId':'%s','CiphertextBlob':'${BLOB}'}", names[i]);
        answer = rig_ok(rig, "Decrypt", body);
        ASSERT_MEMBERS(answer, "KeyId", "Plaintext", "EncryptionAlgorithm", "KeyMaterialId");
        assert_string_equal(text_of(answer, "Plaintext"), "aGVsbG8=");
        assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
        rig_set(rig, "MATERIAL", text_of(answer, "KeyMaterialId"));
        answer = rig_ok(rig, "Decrypt",
            "{'CiphertextBlob':'${BLOB}','EncryptionAlgorithm':'SYMMETRIC_DEFAULT',"
            "'GrantTokens':['a','b']}");
        assert_string_equal(text_of(answer, "Plaintext"), "aGVsbG8=");
        answer = json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}"), "KeyMetadata");
        assert_string_equal(text_of(answer, "CurrentKeyMaterialId"), rig_get(rig, "MATERIAL"));
    }
}

static void test_sizes(void **state)
{
    struct rig *rig = *state;
    static const size_t sizes[] = {1, 2, 15, 16, 17, 4095, 4096};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        set_bytes(rig, "TEXT", sizes[i]);
        set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'${TEXT}'}");
        json_t *answer = rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
        assert_string_equal(text_of(answer, "Plaintext"), rig_get(rig, "TEXT"));
    }
    set_bytes(rig, "TEXT", 4097);
    set_bytes(rig, "LONG", 6145);
    static const struct rig_case cases[] = {
        {"Encrypt", "{'KeyId':'${K}','Plaintext':'${TEXT}'}", "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length less than or equal to 4096"},
        {"Encrypt", "{'KeyId':'${K}','Plaintext':''}", "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"},
        {"Encrypt", "{'KeyId':'${K}'}", "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must not be null"},
        {"Decrypt", "{'CiphertextBlob':'${LONG}'}", "ValidationException",
            "1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must have length less than or equal to 6144"},
        {"Encrypt", "{'KeyId':'${K}','Plaintext':'not base64'}", "SerializationException", NULL},
    };
    rig_faults(rig, cases, COUNT(cases));
}

static void test_encryption_context(void **state)
{
    struct rig *rig = *state;
    set_blob(rig, "BLOB",
        "{'KeyId':'${K}','Plaintext':'eA==','EncryptionContext':{'a':'1','b':'2','':''}}");
    set_blob(rig, "PLAIN", "{'KeyId':'${K}','Plaintext':'eA=='}");
    rig_ok(
        rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'':'','b':'2','a':'1'}}");
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${PLAIN}','EncryptionContext':{}}");
    static const struct rig_case cases[] = {
        {"Decrypt", "{'CiphertextBlob':'${BLOB}'}", "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'a':'1','b':'2'}}",
            "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'a':'1','b':'3','':''}}",
            "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'A':'1','b':'2','':''}}",
            "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'${PLAIN}','EncryptionContext':{'a':'1'}}",
            "InvalidCiphertextException", NULL},
        {"ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${K}'}",
            "InvalidCiphertextException", NULL},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- ciphertexts that don't open -------------------------------------------------------------- */

static void test_every_flipped_byte(void **state)
{
    struct rig *rig = *state;
    uint8_t blob[512];
    char text[700];
    size_t len = 0;
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'eHl6'}");
    assert_int_equal(kms_base64_decode(kms_str(rig_get(rig, "BLOB")), blob, &len), KMS_OK);
    for (size_t i = 0; i < len; i++) {
        blob[i] ^= 0x04;
        kms_base64_encode(kms_bytes(blob, len), text);
        text[kms_base64_encoded_len(len)] = '\0';
        rig_set(rig, "BAD", text);
        rig_send(rig, "Decrypt", "{'CiphertextBlob':'${BAD}'}");
        assert_int_equal(rig->status, 400);
        const char *type = text_of(rig->answer, "__type");
        /* a changed key id names a key that is not there */
        if (strcmp(type, "AccessDeniedException") == 0)
            assert_string_equal(text_of(rig->answer, "Message"), NOT_HERE);
        else
            assert_string_equal(type, "InvalidCiphertextException");
        blob[i] ^= 0x04;
    }
    kms_base64_encode(kms_bytes(blob, len - 1), text);
    text[kms_base64_encoded_len(len - 1)] = '\0';
    rig_set(rig, "BAD", text);
    rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BAD}'}", "InvalidCiphertextException", NULL);
}

static void test_which_key(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "L");
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'eA=='}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/l','TargetKeyId':'${L}'}");
    static const struct rig_case cases[] = {
        {"Decrypt", "{'CiphertextBlob':'eHh4eHh4'}", "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'eHh4eHh4','KeyId':'" NOBODY "'}",
            "InvalidCiphertextException", NULL},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${L}'}", "IncorrectKeyException",
            WRONG_KEY},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'alias/l'}", "IncorrectKeyException",
            WRONG_KEY},
        {"ReEncrypt", "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${L}','DestinationKeyId':'${L}'}",
            "IncorrectKeyException", WRONG_KEY},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'" NOBODY "'}", "NotFoundException",
            "Key 'arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/" NOBODY "' does not exist"},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'foo'}", "NotFoundException",
            "Invalid keyId 'foo'"},
    };
    rig_faults(rig, cases, COUNT(cases));

    /* the key is looked for in the caller's own account and region only */
    static const char *const callers[] = {RIG_OTHER " " RIG_REGION, RIG_ACCOUNT " eu-west-1"};
    for (size_t i = 0; i < COUNT(callers); i++) {
        rig->caller = callers[i];
        rig_fault(
            rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}", "AccessDeniedException", NOT_HERE);
        rig_fault(rig, "ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'" NOBODY "'}",
            "AccessDeniedException", NOT_HERE);
    }
    rig->caller = RIG_OTHER " " RIG_REGION;
    rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${L_ARN}'}",
        "AccessDeniedException",
        "User: arn:aws:iam::" RIG_OTHER ":root is not authorized to perform: kms:Decrypt on "
        "resource: ${L_ARN} because no resource-based policy allows the kms:Decrypt action");
}

/* The state of the key comes after the question whether it is the right one, and before the tag. */
static void test_order_of_checks(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "L");
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'eA==','EncryptionContext':{'a':'b'}}");
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    static const struct rig_case cases[] = {
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${L}'}", "IncorrectKeyException",
            WRONG_KEY},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}'}", "DisabledException", "${K_ARN} is disabled."},
        {"GenerateDataKey", "{'KeyId':'${K}'}", "ValidationException",
            "Please specify either number of bytes or key spec."},
        {"GenerateDataKey", "{'KeyId':'" NOBODY "','KeySpec':'AES_128','NumberOfBytes':16}",
            "ValidationException", "Please specify either number of bytes or key spec."},
        {"GenerateDataKeyWithoutPlaintext", "{'KeyId':'" NOBODY "'}", "ValidationException",
            "Please specify either number of bytes or key spec."},
        {"Encrypt", "{'KeyId':'${K}','Plaintext':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_1'}",
            "DisabledException", "${K_ARN} is disabled."},
        {"Encrypt", "{'KeyId':'${K}','Plaintext':'eA==','DryRun':true}", "DisabledException",
            "${K_ARN} is disabled."},
        {"Encrypt", "{'KeyId':'" NOBODY "','Plaintext':'eA==','EncryptionAlgorithm':'FOO'}",
            "ValidationException",
            "1 validation error detected: Value 'FOO' at 'encryptionAlgorithm' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RSAES_OAEP_SHA_1, "
            "RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

static void test_algorithms(void **state)
{
    struct rig *rig = *state;
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'eA=='}");
    static const char incompatible[] =
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.";
    static const struct rig_case cases[] = {
        {"Encrypt",
            "{'KeyId':'${K}','Plaintext':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256'}",
            "InvalidKeyUsageException", incompatible},
        {"Decrypt",
            "{'KeyId':'${K}','CiphertextBlob':'${BLOB}',"
            "'EncryptionAlgorithm':'RSAES_OAEP_SHA_256'}",
            "InvalidKeyUsageException", incompatible},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionAlgorithm':'RSAES_OAEP_SHA_256'}",
            "ValidationException",
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
            "Member must not be null"},
        {"ReEncrypt",
            "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${K}',"
            "'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_256'}",
            "InvalidKeyUsageException", incompatible},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- ReEncrypt -------------------------------------------------------------------------------- */

static void test_re_encrypt(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "L");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/l','TargetKeyId':'${L}'}");
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'aGVsbG8=','EncryptionContext':{'a':'1'}}");
    json_t *answer = rig_ok(rig, "ReEncrypt",
        "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${K}','DestinationKeyId':'alias/l',"
        "'SourceEncryptionContext':{'a':'1'},'DestinationEncryptionContext':{'b':'2'}}");
    ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "SourceKeyId", "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm", "SourceKeyMaterialId", "DestinationKeyMaterialId");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "L_ARN"));
    assert_string_equal(text_of(answer, "SourceKeyId"), rig_get(rig, "K_ARN"));
    assert_string_not_equal(
        text_of(answer, "SourceKeyMaterialId"), text_of(answer, "DestinationKeyMaterialId"));
    assert_string_not_equal(text_of(answer, "CiphertextBlob"), rig_get(rig, "BLOB"));
    rig_set(rig, "NEW", text_of(answer, "CiphertextBlob"));

    answer = rig_ok(
        rig, "Decrypt", "{'CiphertextBlob':'${NEW}','KeyId':'${L}','EncryptionContext':{'b':'2'}}");
    assert_string_equal(text_of(answer, "Plaintext"), "aGVsbG8=");
    rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${NEW}','EncryptionContext':{'a':'1'}}",
        "InvalidCiphertextException", NULL);
    rig_fault(rig, "ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'alias/none'}",
        "NotFoundException",
        "Alias arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":alias/none is not found.");
    rig_fault(rig, "ReEncrypt", "{'CiphertextBlob':'${BLOB}'}", "ValidationException",
        "1 validation error detected: Value null at 'destinationKeyId' failed to satisfy "
        "constraint: Member must not be null");
}

/* Flips a bit of a key's wrapped material in the store and starts again. */
static void damage_material(struct rig *rig, const char *name)
{
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    KMSD_KEY_AUTO key = kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, name)), rig_now_ms);
    assert_non_null(key);
    const struct kmsd_key_material *material = kmsd_key_current_material(key);
    uint8_t wrapped[KMSD_WRAPPED_SECRET_MAX];
    assert_in_range(material->wrapped.len, 1, sizeof(wrapped));
    memcpy(wrapped, material->wrapped.data, material->wrapped.len);
    wrapped[material->wrapped.len - 1] ^= 1;
    const struct kmsd_material_row row = {
        .account = realm.account,
        .region = realm.region,
        .key_id = key->id,
        .material_id = kms_bytes(material->id, sizeof(material->id)),
        .version = material->version,
        .wrapped = kms_bytes(wrapped, material->wrapped.len),
        .created_ms = material->created_ms,
        .state = kms_str("CURRENT"),
    };
    assert_int_equal(kmsd_store_begin(rig->store), KMS_OK);
    assert_int_equal(kmsd_store_put_material(rig->store, &row), KMS_OK);
    assert_int_equal(kmsd_store_commit(rig->store), KMS_OK);
    kmsd_key_release(key);
    key = NULL;
    rig_restart(rig);
}

/* A good ciphertext is not called invalid because its key was damaged on disk. */
static void test_damaged_material(void **state)
{
    static const struct {
        const char *operation;
        const char *body;
    } calls[] = {
        {"Encrypt", "{'KeyId':'${DAMAGED}','Plaintext':'aGVsbG8='}"},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}'}"},
    };
    (void)state;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    rig_key(rig, "L");
    /* the first key of a region is opened at start: a damaged one would keep the daemon down */
    const char *last = strcmp(rig_get(rig, "K"), rig_get(rig, "L")) > 0 ? "K" : "L";
    rig_set(rig, "DAMAGED", rig_get(rig, last));
    set_blob(rig, "BLOB", "{'KeyId':'${DAMAGED}','Plaintext':'aGVsbG8='}");
    damage_material(rig, "DAMAGED");
    for (size_t i = 0; i < COUNT(calls); i++) {
        rig_send(rig, calls[i].operation, calls[i].body);
        assert_int_equal(rig->status, 500);
        assert_int_equal(rig->exchange.cause, KMS_ERR_CORRUPT);
    }
    rig_close(rig);
}

/* Whether another account has a key shows in none of the faults that come before authorization. */
static void test_re_encrypt_of_other_accounts(void **state)
{
    struct rig *rig = *state;
    rig->caller = RIG_OTHER " " RIG_REGION;
    rig_key(rig, "MINE");
    set_blob(rig, "BLOB", "{'KeyId':'${MINE}','Plaintext':'aGVsbG8='}");
    rig_set(rig, "NOBODYS_ARN", "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/" NOBODY);
    static const char *const theirs[] = {"K_ARN", "NOBODYS_ARN"};
    for (size_t i = 0; i < COUNT(theirs); i++) {
        rig_set(rig, "THEIRS", rig_get(rig, theirs[i]));
        rig_fault(rig, "ReEncrypt",
            "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${THEIRS}','DestinationKeyId':'" NOBODY
            "'}",
            "NotFoundException",
            "Key 'arn:aws:kms:" RIG_REGION ":" RIG_OTHER ":key/" NOBODY "' does not exist");
        rig_fault(rig, "ReEncrypt",
            "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${THEIRS}','DestinationKeyId':'${MINE}'}",
            "AccessDeniedException",
            "User: arn:aws:iam::" RIG_OTHER ":root is not authorized to perform: "
            "kms:ReEncryptFrom on resource: ${THEIRS} because no resource-based policy allows the "
            "kms:ReEncryptFrom action");
        rig_fault(rig, "ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${THEIRS}'}",
            "AccessDeniedException",
            "User: arn:aws:iam::" RIG_OTHER ":root is not authorized to perform: kms:ReEncryptTo "
            "on resource: ${THEIRS} because no resource-based policy allows the kms:ReEncryptTo "
            "action");
        rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${THEIRS}'}",
            "AccessDeniedException",
            "User: arn:aws:iam::" RIG_OTHER ":root is not authorized to perform: kms:Decrypt on "
            "resource: ${THEIRS} because no resource-based policy allows the kms:Decrypt action");
    }
}

/* --- data keys and random bytes --------------------------------------------------------------- */

static size_t decoded_len(const json_t *answer, const char *member)
{
    static uint8_t bytes[4096];
    size_t len = 0;
    assert_int_equal(kms_base64_decode(kms_str(text_of(answer, member)), bytes, &len), KMS_OK);
    return len;
}

static void test_data_keys(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *size;
        size_t len;
    } cases[] = {
        {"'KeySpec':'AES_256'", 32},
        {"'KeySpec':'AES_128'", 16},
        {"'NumberOfBytes':1", 1},
        {"'NumberOfBytes':1024", 1024},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char body[256];
        (void)snprintf(
            body, sizeof(body), "{'KeyId':'${K}',%s,'EncryptionContext':{'a':'b'}}", cases[i].size);
        json_t *answer = rig_ok(rig, "GenerateDataKey", body);
        ASSERT_MEMBERS(answer, "CiphertextBlob", "Plaintext", "KeyId", "KeyMaterialId");
        assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
        assert_int_equal(decoded_len(answer, "Plaintext"), cases[i].len);
        rig_set(rig, "BLOB", text_of(answer, "CiphertextBlob"));
        rig_set(rig, "TEXT", text_of(answer, "Plaintext"));
        answer =
            rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'a':'b'}}");
        assert_string_equal(text_of(answer, "Plaintext"), rig_get(rig, "TEXT"));

        answer = rig_ok(rig, "GenerateDataKeyWithoutPlaintext", body);
        ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "KeyMaterialId");
        rig_set(rig, "BLOB", text_of(answer, "CiphertextBlob"));
        answer =
            rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'a':'b'}}");
        assert_int_equal(decoded_len(answer, "Plaintext"), cases[i].len);
    }
    static const struct rig_case refused[] = {
        {"GenerateDataKey", "{'KeyId':'${K}','NumberOfBytes':0}", "ValidationException",
            "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1"},
        {"GenerateDataKey", "{'KeyId':'${K}','NumberOfBytes':1025}", "ValidationException",
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy "
            "constraint: Member must have value less than or equal to 1024"},
        {"GenerateDataKey",
            "{'KeyId':'${K}','KeySpec':'AES_256','Recipient':{'KeyEncryptionAlgorithm':"
            "'RSAES_OAEP_SHA_256','AttestationDocument':'eA=='}}",
            "UnsupportedOperationException",
            "This version does not offer answers encrypted for an attested recipient."},
    };
    rig_faults(rig, refused, COUNT(refused));
}

static void test_random(void **state)
{
    struct rig *rig = *state;
    static const int sizes[] = {1, 44, 1024};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char body[64];
        (void)snprintf(body, sizeof(body), "{'NumberOfBytes':%d}", sizes[i]);
        json_t *answer = rig_ok(rig, "GenerateRandom", body);
        ASSERT_MEMBERS(answer, "Plaintext");
        assert_int_equal(decoded_len(answer, "Plaintext"), sizes[i]);
    }
    rig_set(
        rig, "ONE", text_of(rig_ok(rig, "GenerateRandom", "{'NumberOfBytes':16}"), "Plaintext"));
    assert_string_not_equal(
        text_of(rig_ok(rig, "GenerateRandom", "{'NumberOfBytes':16}"), "Plaintext"),
        rig_get(rig, "ONE"));
    static const struct rig_case cases[] = {
        {"GenerateRandom", "{}", "ValidationException", "NumberOfBytes is required."},
        {"GenerateRandom", "{'NumberOfBytes':1025}", "ValidationException",
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy "
            "constraint: Member must have value less than or equal to 1024"},
        {"GenerateRandom", "{'NumberOfBytes':1,'CustomKeyStoreId':'cks'}",
            "UnsupportedOperationException", "This version does not offer custom key stores."},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- dry runs --------------------------------------------------------------------------------- */

static void test_dry_runs(void **state)
{
    struct rig *rig = *state;
    set_blob(rig, "BLOB", "{'KeyId':'${K}','Plaintext':'eA=='}");
    static const struct rig_case cases[] = {
        {"Encrypt", "{'KeyId':'${K}','Plaintext':'eA==','DryRun':true}", "DryRunOperationException",
            DRY_RUN},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','DryRun':true}", "DryRunOperationException",
            DRY_RUN},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','DryRun':true,'EncryptionContext':{'a':'b'}}",
            "InvalidCiphertextException", NULL},
        {"ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${K}','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"GenerateDataKey", "{'KeyId':'${K}','KeySpec':'AES_256','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"GenerateDataKeyWithoutPlaintext", "{'KeyId':'${K}','KeySpec':'AES_256','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"Encrypt", "{'KeyId':'" NOBODY "','Plaintext':'eA==','DryRun':true}", "NotFoundException",
            "Key 'arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/" NOBODY "' does not exist"},
        /* permissions alone, with no ciphertext at hand */
        {"Decrypt", "{'KeyId':'${K}','DryRun':true,'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "DryRunOperationException", DRY_RUN},
        {"ReEncrypt",
            "{'SourceKeyId':'${K}','DestinationKeyId':'${K}','DryRun':true,"
            "'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "DryRunOperationException", DRY_RUN},
        {"Decrypt", "{'DryRun':true,'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "ValidationException",
            "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: "
            "Member must not be null"},
        {"ReEncrypt",
            "{'DestinationKeyId':'${K}','DryRun':true,'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "ValidationException",
            "1 validation error detected: Value null at 'sourceKeyId' failed to satisfy "
            "constraint: Member must not be null"},
        {"Decrypt", "{'KeyId':'${K}','DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "ValidationException", "DryRunModifiers can only be specified when DryRun is true."},
        {"Decrypt", "{}", "ValidationException",
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
            "constraint: Member must not be null"},
        {"Decrypt", "{'DryRun':true}", "ValidationException",
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
            "constraint: Member must not be null"},
    };
    rig_faults(rig, cases, COUNT(cases));
    rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA==','DryRun':false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_encrypt_and_decrypt),
        T(test_sizes),
        T(test_encryption_context),
        T(test_every_flipped_byte),
        T(test_which_key),
        T(test_order_of_checks),
        T(test_algorithms),
        T(test_re_encrypt),
        T(test_re_encrypt_of_other_accounts),
        cmocka_unit_test(test_damaged_material),
        T(test_data_keys),
        T(test_random),
        T(test_dry_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
