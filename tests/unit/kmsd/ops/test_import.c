/* GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial, and the life of keys whose
 * material is imported. That imported material gives outside what it gives here is in
 * tests/api/test_import.py. */
#include "importing.h"

static const uint8_t one[32] = {1};
static const uint8_t two[32] = {2};
static const uint8_t three[32] = {3};

#define BYTES(array) kms_bytes((array), sizeof(array))

static const char import_k[] = "{'KeyId':'${K}'," IMPORT_FOR_EVER "}";
static const char import_new[] =
    "{'KeyId':'${K}','ImportType':'NEW_KEY_MATERIAL'," IMPORT_FOR_EVER "}";

static json_t *metadata_of(struct rig *rig, const char *body)
{
    return json_object_get(rig_ok(rig, "DescribeKey", body), "KeyMetadata");
}

static void assert_state(struct rig *rig, const char *state)
{
    json_t *metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_equal(text_of(metadata, "KeyState"), state);
    assert_int_equal(
        json_is_true(json_object_get(metadata, "Enabled")), strcmp(state, "Enabled") == 0);
}

/* Brings material and keeps its id under that name. */
static void bring(struct rig *rig, struct kms_bytes secret, const char *body, const char *name)
{
    wrap_for(rig, "K", secret);
    rig_set(rig, name, text_of(rig_ok(rig, "ImportKeyMaterial", body), "KeyMaterialId"));
}

/* --- one material ----------------------------------------------------------------------------- */

static void test_first_import(void **state)
{
    struct rig *rig = *state;
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    json_t *metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(metadata, "AWSAccountId", "KeyId", "Arn", "CreationDate", "Enabled",
        "Description", "KeyUsage", "KeyState", "Origin", "KeyManager", "CustomerMasterKeySpec",
        "KeySpec", "EncryptionAlgorithms", "MultiRegion");
    assert_string_equal(text_of(metadata, "KeyState"), "PendingImport");
    assert_string_equal(text_of(metadata, "Origin"), "EXTERNAL");
    rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");
    rig_fault(rig, "EnableKey", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");

    json_t *answer = rig_ok(rig, "GetParametersForImport",
        "{'KeyId':'${K}','WrappingAlgorithm':'RSAES_OAEP_SHA_1','WrappingKeySpec':'RSA_2048'}");
    ASSERT_MEMBERS(answer, "KeyId", "ImportToken", "PublicKey", "ParametersValidTo");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    assert_time(answer, "ParametersValidTo", rig_now_ms + DAY_MS);

    wrap_for(rig, "K", BYTES(one));
    answer = rig_ok(rig, "ImportKeyMaterial", import_k);
    ASSERT_MEMBERS(answer, "KeyId", "KeyMaterialId");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    rig_set(rig, "ID", text_of(answer, "KeyMaterialId"));
    metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_equal(text_of(metadata, "KeyState"), "Enabled");
    assert_string_equal(text_of(metadata, "CurrentKeyMaterialId"), rig_get(rig, "ID"));
    assert_string_equal(text_of(metadata, "ExpirationModel"), "KEY_MATERIAL_DOES_NOT_EXPIRE");
    assert_null(json_object_get(metadata, "ValidTo"));
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));

    /* the same again, by the same token and by another */
    assert_string_equal(
        text_of(rig_ok(rig, "ImportKeyMaterial", import_k), "KeyMaterialId"), rig_get(rig, "ID"));
    wrap_for(rig, "K", BYTES(one));
    assert_string_equal(
        text_of(rig_ok(rig, "ImportKeyMaterial", import_k), "KeyMaterialId"), rig_get(rig, "ID"));
    /* nothing else, unless it is said to be new */
    wrap_for(rig, "K", BYTES(two));
    rig_fault(rig, "ImportKeyMaterial", import_k, "IncorrectKeyMaterialException", NULL);

    answer = rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId", "KeyMaterialId");
    assert_string_equal(text_of(answer, "KeyMaterialId"), rig_get(rig, "ID"));
    metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_equal(text_of(metadata, "KeyState"), "PendingImport");
    assert_string_equal(text_of(metadata, "CurrentKeyMaterialId"), rig_get(rig, "ID"));
    assert_null(json_object_get(metadata, "ExpirationModel"));
    rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}"); /* without effect */

    rig_fault(rig, "ImportKeyMaterial", import_k, "IncorrectKeyMaterialException", NULL);
    wrap_for(rig, "K", BYTES(one));
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_string_equal(
        text_of(rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}"), "Plaintext"), "eA==");
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "OWN");
    external_key(rig, "OTHER", "{'Origin':'EXTERNAL'}");
    wrap_for(rig, "OTHER", BYTES(one));
    rig_set(rig, "OTHER_TOKEN", rig_get(rig, "TOKEN"));
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    wrap_for(rig, "K", BYTES(one));
    static const struct rig_case cases[] = {
        {"GetParametersForImport",
            "{'KeyId':'${OWN}','WrappingAlgorithm':'RSAES_PKCS1_V1_5','WrappingKeySpec':'SM2'}",
            "UnsupportedOperationException",
            "${OWN_ARN} origin is AWS_KMS which is not valid for this operation."},
        {"ImportKeyMaterial", "{'KeyId':'${OWN}'," IMPORT_FOR_EVER "}",
            "UnsupportedOperationException",
            "${OWN_ARN} origin is AWS_KMS which is not valid for this operation."},
        {"DeleteImportedKeyMaterial", "{'KeyId':'${OWN}'}", "UnsupportedOperationException",
            "${OWN_ARN} origin is AWS_KMS which is not valid for this operation."},
        {"GetParametersForImport",
            "{'KeyId':'alias/a','WrappingAlgorithm':'RSAES_OAEP_SHA_1','WrappingKeySpec':'RSA_"
            "2048'}",
            "InvalidArnException", "Key Aliases are not supported for this operation."},
        {"GetParametersForImport",
            "{'KeyId':'${K}','WrappingAlgorithm':'RSAES_PKCS1_V1_5','WrappingKeySpec':'RSA_2048'}",
            "UnsupportedOperationException", "WrappingAlgorithm RSAES_PKCS1_V1_5 is not supported"},
        {"GetParametersForImport",
            "{'KeyId':'${K}','WrappingAlgorithm':'SM2PKE','WrappingKeySpec':'SM2'}",
            "UnsupportedOperationException", "WrappingKeySpec SM2 is not supported in this Region"},
        {"GetParametersForImport",
            "{'KeyId':'${K}','WrappingAlgorithm':'SM2PKE','WrappingKeySpec':'RSA_2048'}",
            "UnsupportedOperationException",
            "WrappingAlgorithm SM2PKE is not supported in this Region"},
        {"GetParametersForImport",
            "{'KeyId':'${K}','WrappingAlgorithm':'RSA_AES_KEY_WRAP_SHA_256','WrappingKeySpec':'RSA_"
            "4096'}",
            "UnsupportedOperationException",
            "WrappingAlgorithm RSA_AES_KEY_WRAP_SHA_256 with WrappingKeySpec RSA_4096 is not "
            "supported for key spec SYMMETRIC_DEFAULT."},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}'}",
            "ValidationException",
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}',"
            "'ValidTo':1795392000}",
            "ValidationException", "ValidTo must be in the future"},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}',"
            "'ValidTo':1826928000.124}",
            "ValidationException", "ValidTo must be at most 365 days in the future"},
        {"ImportKeyMaterial", "{'KeyId':'${K}','ValidTo':1795400000," IMPORT_FOR_EVER "}",
            "ValidationException",
            "A validTo date must not be set if the ExpirationModel is "
            "KEY_MATERIAL_DOES_NOT_EXPIRE"},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'${OTHER_TOKEN}','EncryptedKeyMaterial':'${WRAPPED}',"
            "'ExpirationModel':'KEY_MATERIAL_DOES_NOT_EXPIRE'}",
            "InvalidImportTokenException", NULL},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'eA==','EncryptedKeyMaterial':'${WRAPPED}',"
            "'ExpirationModel':'KEY_MATERIAL_DOES_NOT_EXPIRE'}",
            "InvalidImportTokenException", NULL},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'eA==',"
            "'ExpirationModel':'KEY_MATERIAL_DOES_NOT_EXPIRE'}",
            "InvalidCiphertextException", NULL},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportType':'EXISTING_KEY_MATERIAL'," IMPORT_FOR_EVER "}",
            "IncorrectKeyMaterialException", NULL},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','ImportType':'NEW_KEY_MATERIAL','KeyMaterialId':"
            "'0000000000000000000000000000000000000000000000000000000000000000'," IMPORT_FOR_EVER
            "}",
            "ValidationException",
            "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL."},
        {"ImportKeyMaterial",
            "{'KeyId':'${K}','KeyMaterialId':"
            "'0000000000000000000000000000000000000000000000000000000000000000'," IMPORT_FOR_EVER
            "}",
            "IncorrectKeyMaterialException", NULL},
        {"DeleteImportedKeyMaterial",
            "{'KeyId':'${K}','KeyMaterialId':"
            "'0000000000000000000000000000000000000000000000000000000000000000'}",
            "NotFoundException",
            "Key material 0000000000000000000000000000000000000000000000000000000000000000 does "
            "not exist in KMS key ${K_ARN}."},
        {"CreateKey", "{'Origin':'EXTERNAL','KeySpec':'ML_DSA_44','KeyUsage':'SIGN_VERIFY'}",
            "UnsupportedOperationException",
            "KeySpec ML_DSA_44 is not supported for Origin EXTERNAL."},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_state(rig, "PendingImport");
    /* a day to the millisecond */
    int64_t then = rig_now_ms;
    rig_now_ms = then + DAY_MS;
    rig_fault(rig, "ImportKeyMaterial", import_k, "ExpiredImportTokenException", NULL);
    rig_now_ms = then + DAY_MS - 1;
    rig_ok(rig, "ImportKeyMaterial", import_k);
    rig_now_ms = then;
}

static void test_other_kinds(void **state)
{
    struct rig *rig = *state;
    static const uint8_t secret[28] = {1};
    static const uint8_t other[28] = {2};
    external_key(
        rig, "K", "{'Origin':'EXTERNAL','KeySpec':'HMAC_224','KeyUsage':'GENERATE_VERIFY_MAC'}");
    wrap_for(rig, "K", kms_bytes(secret, 27));
    rig_fault(rig, "ImportKeyMaterial", import_k, "IncorrectKeyMaterialException", NULL);
    wrap_for(rig, "K", BYTES(secret));
    rig_fault(rig, "ImportKeyMaterial", import_new, "ValidationException",
        "ImportType can only be specified for symmetric encryption keys.");
    rig_fault(rig, "ImportKeyMaterial",
        "{'KeyId':'${K}','KeyMaterialDescription':'d'," IMPORT_FOR_EVER "}", "ValidationException",
        "KeyMaterialDescription can only be specified for symmetric encryption keys.");
    json_t *answer = rig_ok(rig, "ImportKeyMaterial", import_k);
    ASSERT_MEMBERS(answer, "KeyId");
    assert_state(rig, "Enabled");
    assert_null(json_object_get(metadata_of(rig, "{'KeyId':'${K}'}"), "CurrentKeyMaterialId"));
    rig_set(rig, "MAC",
        text_of(rig_ok(rig, "GenerateMac",
                    "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_224'}"),
            "Mac"));
    wrap_for(rig, "K", BYTES(other));
    rig_fault(rig, "ImportKeyMaterial", import_k, "IncorrectKeyMaterialException", NULL);
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "UnsupportedOperationException", NULL);
    answer = rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId");
    assert_state(rig, "PendingImport");
    wrap_for(rig, "K", BYTES(secret));
    rig_ok(rig, "ImportKeyMaterial", import_k);
    rig_ok(rig, "VerifyMac",
        "{'KeyId':'${K}','Message':'eA==','MacAlgorithm':'HMAC_SHA_224','Mac':'${MAC}'}");
}

/* --- generations ------------------------------------------------------------------------------ */

static void test_rotation(void **state)
{
    struct rig *rig = *state;
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");
    bring(rig, BYTES(one), "{'KeyId':'${K}','KeyMaterialDescription':'first'," IMPORT_FOR_EVER "}",
        "ONE");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "No available key material pending rotation for the key: ${K_ARN}.");
    rig_fault(rig, "EnableKeyRotation", "{'KeyId':'${K}'}", "UnsupportedOperationException",
        "${K_ARN} origin is EXTERNAL which is not valid for this operation.");

    rig_fault(rig, "ImportKeyMaterial", import_new, "IncorrectKeyMaterialException", NULL);
    bring(rig, BYTES(two), import_new, "TWO");
    assert_string_not_equal(rig_get(rig, "ONE"), rig_get(rig, "TWO"));
    assert_string_equal(
        text_of(metadata_of(rig, "{'KeyId':'${K}'}"), "CurrentKeyMaterialId"), rig_get(rig, "ONE"));
    wrap_for(rig, "K", BYTES(three));
    rig_send(rig, "ImportKeyMaterial", import_new);
    assert_int_equal(rig->status, 400);
    assert_non_null(strstr(rig_text(rig, "message"), "because another key material (id: "));
    assert_non_null(strstr(rig_text(rig, "message"), rig_get(rig, "TWO")));

    /* what waits may be taken back and another be brought */
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}','KeyMaterialId':'${TWO}'}");
    assert_state(rig, "Enabled");
    rig_ok(rig, "ImportKeyMaterial", import_new);
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    json_t *metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_not_equal(text_of(metadata, "CurrentKeyMaterialId"), rig_get(rig, "ONE"));
    json_t *decrypted = rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    assert_string_equal(text_of(decrypted, "Plaintext"), "eA==");
    assert_string_equal(text_of(decrypted, "KeyMaterialId"), rig_get(rig, "ONE"));

    /* each generation is needed */
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}','KeyMaterialId':'${ONE}'}");
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    assert_state(rig, "PendingImport");
    wrap_for(rig, "K", BYTES(three));
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_state(rig, "PendingImport");
    wrap_for(rig, "K", BYTES(one));
    rig_fault(rig, "ImportKeyMaterial",
        "{'KeyId':'${K}','KeyMaterialId':'${TWO}'," IMPORT_FOR_EVER "}",
        "IncorrectKeyMaterialException", NULL);
    rig_ok(
        rig, "ImportKeyMaterial", "{'KeyId':'${K}','KeyMaterialId':'${ONE}'," IMPORT_FOR_EVER "}");
    assert_state(rig, "Enabled");
    json_t *rotations = json_object_get(
        rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}','IncludeKeyMaterial':'ALL_KEY_MATERIAL'}"),
        "Rotations");
    assert_int_equal(json_array_size(rotations), 2);
    json_t *first = json_array_get(rotations, 0);
    assert_string_equal(text_of(first, "KeyMaterialDescription"), "first"); /* it stays */
    assert_string_equal(text_of(first, "KeyMaterialState"), "NON_CURRENT");
    assert_string_equal(text_of(first, "ImportState"), "IMPORTED");
}

/* --- time ------------------------------------------------------------------------------------- */

static void test_expiry(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    bring(rig, BYTES(one),
        "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}',"
        "'ExpirationModel':'KEY_MATERIAL_EXPIRES','ValidTo':1795392010.5}",
        "ONE");
    json_t *metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_equal(text_of(metadata, "ExpirationModel"), "KEY_MATERIAL_EXPIRES");
    assert_time(metadata, "ValidTo", 1795392010500);
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_now_ms = 1795392010499;
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_now_ms = 1795392010500;
    rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");
    rig_fault(rig, "DisableKey", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "${K_ARN} is pending import.");
    metadata = metadata_of(rig, "{'KeyId':'${K}'}");
    assert_string_equal(text_of(metadata, "KeyState"), "PendingImport");
    assert_null(json_object_get(metadata, "ExpirationModel"));
    assert_null(json_object_get(metadata, "ValidTo"));
    /* the same token may still bring it back, to stay */
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_state(rig, "Enabled");
    rig_now_ms = then + 300 * DAY_MS;
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_now_ms = then;

    /* nothing rotates to what has expired, though nobody has come to take it away yet */
    bring(rig, BYTES(two),
        "{'KeyId':'${K}','ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}',"
        "'ImportType':'NEW_KEY_MATERIAL','ValidTo':1795392010.5}",
        "TWO");
    rig_now_ms = 1795392010500;
    rig_fault(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "No available key material pending rotation for the key: ${K_ARN}.");
    assert_state(rig, "Enabled");
    rig_now_ms = 1795392010499;
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_now_ms = then;
}

/* Without material a key is not enabled by way of its deletion. */
static void test_deletion(void **state)
{
    struct rig *rig = *state;
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    assert_state(rig, "PendingImport");
    bring(rig, BYTES(one), import_k, "ONE");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    rig_fault(rig, "ImportKeyMaterial", import_k, "KMSInvalidStateException",
        "${K_ARN} is pending deletion.");
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    assert_state(rig, "Disabled");
    rig_ok(rig, "ImportKeyMaterial", import_k);
    assert_state(rig, "Disabled");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    assert_state(rig, "PendingDeletion");
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}");
    assert_state(rig, "PendingImport");
}

/* --- durability ------------------------------------------------------------------------------- */

static bool file_holds(const char *path, struct kms_bytes bytes)
{
    FILE *file = fopen(path, "rb");
    static uint8_t content[1 << 20];
    if (file == NULL)
        return false;
    size_t len = fread(content, 1, sizeof(content), file);
    bool found = false;
    for (size_t i = 0; i + bytes.len <= len && !found; i++)
        found = memcmp(content + i, bytes.data, bytes.len) == 0;
    assert_int_equal(fclose(file), 0);
    return found;
}

static void test_restart(void **state)
{
    (void)state;
    struct rig *rig = rig_open(true);
    external_key(rig, "K", "{'Origin':'EXTERNAL'}");
    rig_restart(rig);
    assert_state(rig, "PendingImport");
    bring(rig, BYTES(one), import_k, "ONE");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_restart(rig);
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");

    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    KMSD_KEY_AUTO key = kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), rig_now_ms);
    assert_non_null(key);
    struct kms_bytes wrapped = key->materials[0].wrapped;
    char wal[80];
    (void)snprintf(wal, sizeof(wal), "%s-wal", rig->path);
    assert_true(file_holds(rig->path, wrapped) || file_holds(wal, wrapped));
    rig_ok(rig, "DeleteImportedKeyMaterial", "{'KeyId':'${K}'}");
    assert_false(file_holds(rig->path, wrapped));
    assert_false(file_holds(wal, wrapped));
    kmsd_key_release(key);
    key = NULL;

    rig_restart(rig);
    assert_state(rig, "PendingImport");
    rig_ok(rig, "ImportKeyMaterial", import_k); /* tokens survive restarts */
    rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}");
    rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_first_import),
        T(test_refused),
        T(test_other_kinds),
        T(test_rotation),
        T(test_expiry),
        T(test_deletion),
        cmocka_unit_test(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
