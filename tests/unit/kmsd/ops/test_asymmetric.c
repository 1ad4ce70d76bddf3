/*
 * Keys of every other spec than SYMMETRIC_DEFAULT, and all that is done with them: each spec with
 * each usage and each algorithm of the API, against what must work and what must be refused.
 */
#include "common.h"

#include "kmsd/crypto/kind.h"
#include "libkms/base/encoding.h"

#define DRY_RUN "The request would have succeeded, but the DryRun option is set."

/* The kinds of keys, with the algorithms that answers list for them. */
static const struct row {
    const char *spec;
    const char *usage;
    const char *list; /* the member that lists the algorithms */
    const char *algorithms;
} kinds[] = {
#define RSASSA                                                                       \
    "RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512 " \
    "RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512"
#define OAEP "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256"
    {"RSA_2048", "SIGN_VERIFY", "SigningAlgorithms", RSASSA},
    {"RSA_3072", "SIGN_VERIFY", "SigningAlgorithms", RSASSA},
    {"RSA_4096", "SIGN_VERIFY", "SigningAlgorithms", RSASSA},
    {"RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", OAEP},
    {"RSA_3072", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", OAEP},
    {"RSA_4096", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", OAEP},
    {"ECC_NIST_P256", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_256"},
    {"ECC_NIST_P384", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_384"},
    {"ECC_NIST_P521", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_512"},
    {"ECC_SECG_P256K1", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_256"},
    {"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "SigningAlgorithms",
        "ED25519_SHA_512 ED25519_PH_SHA_512"},
    {"ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH"},
    {"ECC_NIST_P384", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH"},
    {"ECC_NIST_P521", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH"},
    {"HMAC_224", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_224"},
    {"HMAC_256", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_256"},
    {"HMAC_384", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_384"},
    {"HMAC_512", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_512"},
    {"ML_DSA_44", "SIGN_VERIFY", "SigningAlgorithms", "ML_DSA_SHAKE_256"},
    {"ML_DSA_65", "SIGN_VERIFY", "SigningAlgorithms", "ML_DSA_SHAKE_256"},
    {"ML_DSA_87", "SIGN_VERIFY", "SigningAlgorithms", "ML_DSA_SHAKE_256"},
    {"ML_KEM_512", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", "ML_KEM"},
    {"ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", "ML_KEM"},
    {"ML_KEM_1024", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithms", "ML_KEM"},
};

static int enum_value(const char *type_name, const char *text)
{
    const struct kms_type *type = kms_type_find(type_name);
    for (size_t i = 0; i < type->value_count; i++) {
        if (strcmp(type->values[i], text) == 0)
            return (int)i + 1;
    }
    fail_msg("%s is no %s", text, type_name);
    return 0;
}

/* Whether the linked libcrypto has keys of that kind. */
static bool is_here(const struct row *row)
{
    const struct kmsd_kind *kind =
        kmsd_kind_find((enum kms_key_spec)enum_value("KeySpec", row->spec),
            (enum kms_key_usage)enum_value("KeyUsageType", row->usage));
    assert_non_null(kind);
    return kmsd_kind_available(kind) == KMS_OK;
}

/* Makes a key and puts its id and ARN under NAME and NAME_ARN. */
static json_t *make_key(struct rig *rig, const char *name, const char *spec, const char *usage)
{
    char body[128];
    char arn_name[24];
    (void)snprintf(body, sizeof(body), "{'KeySpec':'%s','KeyUsage':'%s'}", spec, usage);
    json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", body), "KeyMetadata");
    (void)snprintf(arn_name, sizeof(arn_name), "%s_ARN", name);
    rig_set(rig, name, text_of(metadata, "KeyId"));
    rig_set(rig, arn_name, text_of(metadata, "Arn"));
    return metadata;
}

/* Puts base64 of len times the letter under a name. */
static void set_bytes(struct rig *rig, const char *name, char letter, size_t len)
{
    static uint8_t bytes[8192];
    static char text[12000];
    assert_true(len <= sizeof(bytes));
    memset(bytes, letter, len);
    kms_base64_encode(kms_bytes(bytes, len), text);
    text[kms_base64_encoded_len(len)] = '\0';
    rig_set(rig, name, text);
}

/* The bytes of a member in base64. */
static size_t decoded(const json_t *answer, const char *member, uint8_t *out, size_t max)
{
    const char *text = text_of(answer, member);
    size_t len = 0;
    assert_true(strlen(text) / 4 * 3 <= max);
    assert_int_equal(kms_base64_decode(kms_str(text), out, &len), KMS_OK);
    return len;
}

static void keep(struct rig *rig, const char *name, const json_t *answer, const char *member)
{
    rig_set(rig, name, text_of(answer, member));
}

static bool lists(const char *algorithms, const char *algorithm)
{
    size_t len = strlen(algorithm);
    for (const char *at = algorithms; (at = strstr(at, algorithm)) != NULL; at += len) {
        if ((at == algorithms || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

/* The algorithms of an answer, as one text. */
static void assert_algorithms(const json_t *object, const struct row *row)
{
    static const char *const members[] = {"EncryptionAlgorithms", "SigningAlgorithms",
        "MacAlgorithms", "KeyAgreementAlgorithms", "EncapsulationAlgorithms"};
    char text[512] = "";
    for (size_t i = 0; i < COUNT(members); i++) {
        const json_t *list = json_object_get(object, members[i]);
        assert_int_equal(list != NULL, strcmp(members[i], row->list) == 0);
        for (size_t k = 0; k < json_array_size(list); k++) {
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof(text) - used, "%s%s", k == 0 ? "" : " ",
                json_string_value(json_array_get(list, k)));
        }
    }
    assert_string_equal(text, row->algorithms);
}

/* --- the matrix ------------------------------------------------------------------------------- */

/* Whether CustomerMasterKeySpec, which was there before KeySpec, has a value for it. */
static bool is_older(const char *spec)
{
    const struct kms_type *type = kms_type_find("CustomerMasterKeySpec");
    for (size_t i = 0; i < type->value_count; i++) {
        if (strcmp(type->values[i], spec) == 0)
            return true;
    }
    return false;
}

static void check_metadata(const json_t *metadata, const struct row *row)
{
    /* the older name knows the older specs alone */
    bool has_master = is_older(row->spec);
    assert_int_equal(json_object_size(metadata), has_master ? 14 : 13);
    if (has_master)
        assert_string_equal(text_of(metadata, "CustomerMasterKeySpec"), row->spec);
    assert_string_equal(text_of(metadata, "KeySpec"), row->spec);
    assert_string_equal(text_of(metadata, "KeyUsage"), row->usage);
    assert_string_equal(text_of(metadata, "KeyState"), "Enabled");
    assert_string_equal(text_of(metadata, "Origin"), "AWS_KMS");
    assert_null(json_object_get(metadata, "CurrentKeyMaterialId"));
    assert_algorithms(metadata, row);
}

static void check_public_key(struct rig *rig, const struct row *row)
{
    if (strncmp(row->spec, "HMAC", 4) == 0) {
        rig_fault(rig, "GetPublicKey", "{'KeyId':'${A}'}", "UnsupportedOperationException", NULL);
        return;
    }
    json_t *answer = rig_ok(rig, "GetPublicKey", "{'KeyId':'${A}'}");
    assert_int_equal(json_object_size(answer), is_older(row->spec) ? 6 : 5);
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "A_ARN"));
    assert_string_equal(text_of(answer, "KeySpec"), row->spec);
    assert_string_equal(text_of(answer, "KeyUsage"), row->usage);
    assert_algorithms(answer, row);
    uint8_t spki[4096];
    assert_true(decoded(answer, "PublicKey", spki, sizeof(spki)) > 40);
    assert_int_equal(spki[0], 0x30);
}

/* Signs, verifies, and finds every tampering. */
static void check_signature(struct rig *rig, const char *algorithm, const char *type, size_t len)
{
    char body[512];
    set_bytes(rig, "M", 'm', len);
    set_bytes(rig, "N", 'n', len);
    (void)snprintf(body, sizeof(body),
        "{'KeyId':'${A}','Message':'${M}','MessageType':'%s','SigningAlgorithm':'%s'}", type,
        algorithm);
    json_t *answer = rig_ok(rig, "Sign", body);
    ASSERT_MEMBERS(answer, "KeyId", "Signature", "SigningAlgorithm");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "A_ARN"));
    assert_string_equal(text_of(answer, "SigningAlgorithm"), algorithm);
    keep(rig, "SIG", answer, "Signature");
    for (int i = 0; i < 4; i++) {
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${A}','Message':'${%s}','MessageType':'%s','SigningAlgorithm':'%s',"
            "'Signature':'%s'%s}",
            i == 1 ? "N" : "M", type, algorithm, i == 2 ? "eA==" : "${SIG}",
            i == 3 ? ",'DryRun':true" : "");
        if (i == 0) {
            answer = rig_ok(rig, "Verify", body);
            ASSERT_MEMBERS(answer, "KeyId", "SignatureValid", "SigningAlgorithm");
            assert_true(json_is_true(json_object_get(answer, "SignatureValid")));
        } else if (i == 3) {
            rig_fault(rig, "Verify", body, "DryRunOperationException", DRY_RUN);
        } else {
            rig_fault(rig, "Verify", body, "KMSInvalidSignatureException", NULL);
        }
    }
}

static size_t digest_of(const char *algorithm)
{
    if (strstr(algorithm, "256") != NULL && strncmp(algorithm, "ML_", 3) != 0)
        return 32;
    return strstr(algorithm, "384") != NULL ? 48 : 64;
}

static void check_digest_lengths(struct rig *rig, const char *algorithm, const char *type)
{
    char sign[256];
    char verify[256];
    char text[128];
    (void)snprintf(sign, sizeof(sign),
        "{'KeyId':'${A}','Message':'${M}','MessageType':'%s','SigningAlgorithm':'%s'}", type,
        algorithm);
    (void)snprintf(verify, sizeof(verify),
        "{'KeyId':'${A}','Message':'${M}','MessageType':'%s','SigningAlgorithm':'%s',"
        "'Signature':'eA=='}",
        type, algorithm);
    (void)snprintf(text, sizeof(text), "Digest is invalid length for algorithm %s.", algorithm);
    const size_t wrong[] = {1, digest_of(algorithm) - 1, digest_of(algorithm) + 1, 4096};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        set_bytes(rig, "M", 'm', wrong[i]);
        rig_fault(rig, "Sign", sign, "ValidationException", text);
        rig_fault(rig, "Verify", verify, "ValidationException", text);
    }
}

static void check_types(struct rig *rig, const struct row *row, const char *algorithm)
{
    static const char *const types[] = {"RAW", "DIGEST", "EXTERNAL_MU"};
    bool is_ml = strncmp(row->spec, "ML_", 3) == 0;
    bool is_ed = strcmp(row->spec, "ECC_NIST_EDWARDS25519") == 0;
    bool is_ph = is_ed && strstr(algorithm, "PH") != NULL;
    for (size_t i = 0; i < COUNT(types); i++) {
        bool takes = i == 0 ? !is_ph : i == 1 ? !is_ml && (!is_ed || is_ph) : is_ml;
        if (takes && i == 0) {
            check_signature(rig, algorithm, types[i], 1);
            check_signature(rig, algorithm, types[i], 4096);
        } else if (takes) {
            check_signature(rig, algorithm, types[i], digest_of(algorithm));
            check_digest_lengths(rig, algorithm, types[i]);
        } else {
            char body[256];
            char text[128];
            bool by_spec = is_ml || i == 2;
            (void)snprintf(body, sizeof(body),
                "{'KeyId':'${A}','Message':'eA==','MessageType':'%s','SigningAlgorithm':'%s'}",
                types[i], algorithm);
            (void)snprintf(text, sizeof(text), "Message type %s is incompatible with %s %s.",
                types[i], by_spec ? "key spec" : "algorithm", by_spec ? row->spec : algorithm);
            rig_fault(rig, "Sign", body, "ValidationException", text);
        }
    }
}

static void check_mac(struct rig *rig, const char *algorithm, size_t size)
{
    char body[256];
    uint8_t mac[64];
    (void)snprintf(
        body, sizeof(body), "{'KeyId':'${A}','Message':'aGVsbG8=','MacAlgorithm':'%s'}", algorithm);
    json_t *answer = rig_ok(rig, "GenerateMac", body);
    ASSERT_MEMBERS(answer, "KeyId", "Mac", "MacAlgorithm");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "A_ARN"));
    assert_int_equal(decoded(answer, "Mac", mac, 66), size);
    keep(rig, "MAC", answer, "Mac");
    static const char *const other[][2] = {
        {"aGVsbG8=", "${MAC}"}, {"aGVsbG9v", "${MAC}"}, {"aGVsbG8=", "eA=="}};
    for (size_t i = 0; i < COUNT(other); i++) {
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${A}','Message':'%s','Mac':'%s','MacAlgorithm':'%s'}", other[i][0],
            other[i][1], algorithm);
        if (i != 0) {
            rig_fault(rig, "VerifyMac", body, "KMSInvalidMacException", NULL);
            continue;
        }
        answer = rig_ok(rig, "VerifyMac", body);
        ASSERT_MEMBERS(answer, "KeyId", "MacAlgorithm", "MacValid");
        assert_true(json_is_true(json_object_get(answer, "MacValid")));
    }
}

static void check_encryption(struct rig *rig, const struct row *row, const char *algorithm)
{
    char body[256];
    char text[160];
    size_t modulus = (size_t)strtoul(row->spec + 4, NULL, 10) / 8;
    size_t max = modulus - (strcmp(algorithm, "RSAES_OAEP_SHA_1") == 0 ? 42 : 66);
    const size_t sizes[] = {1, max};
    uint8_t blob[1024];
    for (size_t i = 0; i < COUNT(sizes); i++) {
        set_bytes(rig, "P", 'p', sizes[i]);
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${A}','Plaintext':'${P}','EncryptionAlgorithm':'%s'}", algorithm);
        json_t *answer = rig_ok(rig, "Encrypt", body);
        ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "EncryptionAlgorithm");
        assert_string_equal(text_of(answer, "EncryptionAlgorithm"), algorithm);
        assert_int_equal(decoded(answer, "CiphertextBlob", blob, sizeof(blob)), modulus);
        keep(rig, "BLOB", answer, "CiphertextBlob");
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${A}','CiphertextBlob':'${BLOB}','EncryptionAlgorithm':'%s'}", algorithm);
        answer = rig_ok(rig, "Decrypt", body);
        ASSERT_MEMBERS(answer, "KeyId", "Plaintext", "EncryptionAlgorithm");
        assert_string_equal(text_of(answer, "Plaintext"), rig_get(rig, "P"));
        assert_string_equal(text_of(answer, "EncryptionAlgorithm"), algorithm);
    }
    set_bytes(rig, "P", 'p', max + 1);
    (void)snprintf(body, sizeof(body),
        "{'KeyId':'${A}','Plaintext':'${P}','EncryptionAlgorithm':'%s'}", algorithm);
    (void)snprintf(text, sizeof(text),
        "Algorithm %s and key spec %s cannot encrypt data larger than %zu bytes.", algorithm,
        row->spec, max);
    rig_fault(rig, "Encrypt", body, "ValidationException", text);
}

/* Each algorithm of the API that is not the key's is refused in the same words. */
static void refuse_others(struct rig *rig, const struct row *row, const char *type_name,
    const char *operation, const char *template)
{
    const struct kms_type *type = kms_type_find(type_name);
    for (size_t i = 0; i < type->value_count; i++) {
        char body[256];
        char text[128];
        if (lists(row->algorithms, type->values[i]))
            continue;
        (void)snprintf(body, sizeof(body), "{'KeyId':'${A}',%s'%s'}", template, type->values[i]);
        (void)snprintf(text, sizeof(text), "Algorithm %s is incompatible with key spec %s.",
            type->values[i], row->spec);
        rig_fault(rig, operation, body, "InvalidKeyUsageException", text);
    }
}

static void check_algorithms(struct rig *rig, const struct row *row)
{
    char each[256];
    char *rest = NULL;
    (void)snprintf(each, sizeof(each), "%s", row->algorithms);
    for (char *at = strtok_r(each, " ", &rest); at != NULL; at = strtok_r(NULL, " ", &rest)) {
        if (strcmp(row->usage, "SIGN_VERIFY") == 0)
            check_types(rig, row, at);
        else if (strcmp(row->usage, "GENERATE_VERIFY_MAC") == 0)
            check_mac(rig, at, (size_t)strtoul(row->spec + 5, NULL, 10) / 8);
        else if (strcmp(row->usage, "ENCRYPT_DECRYPT") == 0)
            check_encryption(rig, row, at);
    }
    if (strcmp(row->usage, "SIGN_VERIFY") == 0) {
        refuse_others(
            rig, row, "SigningAlgorithmSpec", "Sign", "'Message':'eA==','SigningAlgorithm':");
        refuse_others(rig, row, "SigningAlgorithmSpec", "Verify",
            "'Message':'eA==','Signature':'eA==','SigningAlgorithm':");
    } else if (strcmp(row->usage, "GENERATE_VERIFY_MAC") == 0) {
        refuse_others(
            rig, row, "MacAlgorithmSpec", "GenerateMac", "'Message':'eA==','MacAlgorithm':");
        refuse_others(rig, row, "MacAlgorithmSpec", "VerifyMac",
            "'Message':'eA==','Mac':'eA==','MacAlgorithm':");
    } else if (strcmp(row->usage, "ENCRYPT_DECRYPT") == 0) {
        refuse_others(rig, row, "EncryptionAlgorithmSpec", "Encrypt",
            "'Plaintext':'eA==','EncryptionAlgorithm':");
    }
}

/* What the key's usage does not allow is refused before anything else is looked at. */
static void check_usages(struct rig *rig, const struct row *row)
{
    static const struct {
        const char *operation;
        const char *usage;
        const char *body;
    } calls[] = {
        {"Encrypt", "ENCRYPT_DECRYPT", "{'KeyId':'${A}','Plaintext':'eA=='}"},
        {"GenerateDataKey", "ENCRYPT_DECRYPT", "{'KeyId':'${A}','KeySpec':'AES_256'}"},
        {"GenerateDataKeyWithoutPlaintext", "ENCRYPT_DECRYPT",
            "{'KeyId':'${A}','KeySpec':'AES_256'}"},
        {"GenerateDataKeyPair", "ENCRYPT_DECRYPT",
            "{'KeyId':'${A}','KeyPairSpec':'ECC_NIST_P256'}"},
        {"GenerateDataKeyPairWithoutPlaintext", "ENCRYPT_DECRYPT",
            "{'KeyId':'${A}','KeyPairSpec':'ECC_NIST_P256'}"},
        {"Sign", "SIGN_VERIFY",
            "{'KeyId':'${A}','Message':'eA==','MessageType':'DIGEST',"
            "'SigningAlgorithm':'ECDSA_SHA_256'}"},
        {"Verify", "SIGN_VERIFY",
            "{'KeyId':'${A}','Message':'eA==','Signature':'eA==',"
            "'SigningAlgorithm':'ECDSA_SHA_256'}"},
        {"GenerateMac", "GENERATE_VERIFY_MAC",
            "{'KeyId':'${A}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256'}"},
        {"VerifyMac", "GENERATE_VERIFY_MAC",
            "{'KeyId':'${A}','Message':'eA==','Mac':'eA==','MacAlgorithm':'HMAC_SHA_256'}"},
        {"DeriveSharedSecret", "KEY_AGREEMENT",
            "{'KeyId':'${A}','PublicKey':'eA==','KeyAgreementAlgorithm':'ECDH'}"},
        {"Encapsulate", "ENCAPSULATE_DECAPSULATE",
            "{'KeyId':'${A}','EncapsulationAlgorithm':'ML_KEM'}"},
        {"Decapsulate", "ENCAPSULATE_DECAPSULATE",
            "{'KeyId':'${A}','SharedSecretCiphertextBlob':'eA==',"
            "'EncapsulationAlgorithm':'ML_KEM'}"},
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        char text[160];
        if (strcmp(calls[i].usage, row->usage) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "${A_ARN} key usage is %s which is not valid for %s.",
            row->usage, calls[i].operation);
        rig_fault(rig, calls[i].operation, calls[i].body, "InvalidKeyUsageException", text);
    }
}

static void check_rotation(struct rig *rig)
{
    json_t *answer = rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${A}'}");
    ASSERT_MEMBERS(answer, "KeyId", "KeyRotationEnabled");
    assert_true(json_is_false(json_object_get(answer, "KeyRotationEnabled")));
    rig_ok(rig, "DisableKeyRotation", "{'KeyId':'${A}'}");
    rig_fault(rig, "EnableKeyRotation", "{'KeyId':'${A}'}", "UnsupportedOperationException", NULL);
}

static void test_every_kind(void **state)
{
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const struct row *row = &kinds[i];
        if (!is_here(row)) {
            char body[128];
            char text[128];
            (void)snprintf(
                body, sizeof(body), "{'KeySpec':'%s','KeyUsage':'%s'}", row->spec, row->usage);
            (void)snprintf(text, sizeof(text),
                "The OpenSSL that this server runs with does not offer KeySpec %s.", row->spec);
            rig_fault(rig, "CreateKey", body, "UnsupportedOperationException", text);
            continue;
        }
        check_metadata(make_key(rig, "A", row->spec, row->usage), row);
        check_metadata(
            json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${A}'}"), "KeyMetadata"), row);
        check_public_key(rig, row);
        check_algorithms(rig, row);
        check_usages(rig, row);
        check_rotation(rig);
    }
}

/* --- order of checks -------------------------------------------------------------------------- */

static void test_order_of_checks(void **state)
{
    struct rig *rig = *state;
    make_key(rig, "E", "ECC_NIST_P256", "SIGN_VERIFY");
    make_key(rig, "R", "RSA_2048", "ENCRYPT_DECRYPT");
    set_bytes(rig, "LONG", 'x', 4097);
    static const struct rig_case enabled[] = {
        /* the shape comes before the key */
        {"Sign", "{'KeyId':'" NOBODY "','Message':'eA==','SigningAlgorithm':'RSASSA'}",
            "ValidationException",
            "1 validation error detected: Value 'RSASSA' at 'signingAlgorithm' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RSASSA_PSS_SHA_256, "
            "RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, "
            "RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, "
            "ECDSA_SHA_512, ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]"},
        {"Sign", "{'KeyId':'${E}','Message':'${LONG}','SigningAlgorithm':'ECDSA_SHA_256'}",
            "ValidationException",
            "1 validation error detected: Value at 'message' failed to satisfy constraint: Member "
            "must have length less than or equal to 4096"},
        /* the algorithm before the message */
        {"Sign",
            "{'KeyId':'${E}','Message':'eA==','MessageType':'DIGEST',"
            "'SigningAlgorithm':'ECDSA_SHA_384'}",
            "InvalidKeyUsageException",
            "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."},
        {"Sign", "{'KeyId':'${E}','Message':'eA==','SigningAlgorithm':'SYMMETRIC_DEFAULT'}",
            "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec ECC_NIST_P256."},
        {"Encrypt", "{'KeyId':'${R}','Plaintext':'eA=='}", "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."},
        {"GenerateDataKey", "{'KeyId':'${R}','KeySpec':'AES_256'}", "InvalidKeyUsageException",
            "You cannot generate a data key with an asymmetric CMK"},
        {"GenerateDataKeyWithoutPlaintext", "{'KeyId':'${R}','NumberOfBytes':8}",
            "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"},
        {"GenerateDataKeyPair", "{'KeyId':'${R}','KeyPairSpec':'RSA_2048'}",
            "InvalidKeyUsageException", "You cannot generate a data key with an asymmetric CMK"},
        {"GetPublicKey", "{'KeyId':'${K}'}", "UnsupportedOperationException", NULL},
        /* garbage is no symmetric ciphertext, whatever the key */
        {"Decrypt", "{'KeyId':'${R}','CiphertextBlob':'eHh4'}", "InvalidCiphertextException", NULL},
        {"Decrypt",
            "{'KeyId':'${R}','CiphertextBlob':'eHh4','EncryptionAlgorithm':'RSAES_OAEP_SHA_1'}",
            "InvalidCiphertextException", NULL},
    };
    rig_faults(rig, enabled, COUNT(enabled));

    rig_ok(rig, "DisableKey", "{'KeyId':'${E}'}");
    rig_ok(rig, "DisableKey", "{'KeyId':'${R}'}");
    static const struct rig_case disabled[] = {
        {"Sign", "{'KeyId':'${E}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_384'}",
            "DisabledException", "${E_ARN} is disabled."},
        {"GenerateMac", "{'KeyId':'${E}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256'}",
            "InvalidKeyUsageException",
            "${E_ARN} key usage is SIGN_VERIFY which is not valid for GenerateMac."},
        {"GenerateDataKey", "{'KeyId':'${R}','KeySpec':'AES_256'}", "DisabledException",
            "${R_ARN} is disabled."},
    };
    rig_faults(rig, disabled, COUNT(disabled));
    rig_ok(rig, "GetPublicKey", "{'KeyId':'${E}'}");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${E}'}");
    rig_fault(rig, "GetPublicKey", "{'KeyId':'${E}'}", "KMSInvalidStateException",
        "${E_ARN} is pending deletion.");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}'}");
    rig_fault(rig, "GetPublicKey", "{'KeyId':'${K}'}", "KMSInvalidStateException",
        "${K_ARN} is pending deletion.");
}

static void test_dry_runs(void **state)
{
    struct rig *rig = *state;
    make_key(rig, "E", "ECC_NIST_P256", "SIGN_VERIFY");
    make_key(rig, "H", "HMAC_256", "GENERATE_VERIFY_MAC");
    make_key(rig, "D", "ECC_NIST_P256", "KEY_AGREEMENT");
    make_key(rig, "R", "RSA_2048", "ENCRYPT_DECRYPT");
    keep(rig, "PUBLIC", rig_ok(rig, "GetPublicKey", "{'KeyId':'${D}'}"), "PublicKey");
    keep(rig, "MAC",
        rig_ok(
            rig, "GenerateMac", "{'KeyId':'${H}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256'}"),
        "Mac");
    static const struct rig_case cases[] = {
        {"Sign",
            "{'KeyId':'${E}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"GenerateMac",
            "{'KeyId':'${H}','Message':'eA==','MacAlgorithm':'HMAC_SHA_256','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"VerifyMac",
            "{'KeyId':'${H}','Message':'eA==','Mac':'${MAC}','MacAlgorithm':'HMAC_SHA_256',"
            "'DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"VerifyMac",
            "{'KeyId':'${H}','Message':'eA==','Mac':'eA==','MacAlgorithm':'HMAC_SHA_256',"
            "'DryRun':true}",
            "KMSInvalidMacException", NULL},
        {"DeriveSharedSecret",
            "{'KeyId':'${D}','PublicKey':'${PUBLIC}','KeyAgreementAlgorithm':'ECDH',"
            "'DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"GenerateDataKeyPair", "{'KeyId':'${K}','KeyPairSpec':'RSA_4096','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"GenerateDataKeyPairWithoutPlaintext",
            "{'KeyId':'${K}','KeyPairSpec':'ECC_NIST_P521','DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"Encrypt",
            "{'KeyId':'${R}','Plaintext':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'DryRun':true}",
            "DryRunOperationException", DRY_RUN},
        {"Decrypt",
            "{'KeyId':'${R}','EncryptionAlgorithm':'RSAES_OAEP_SHA_256','DryRun':true,"
            "'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "DryRunOperationException", DRY_RUN},
        {"ReEncrypt",
            "{'SourceKeyId':'${R}','SourceEncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'DestinationKeyId':'${K}','DryRun':true,'DryRunModifiers':['IGNORE_CIPHERTEXT']}",
            "DryRunOperationException", DRY_RUN},
        {"Decrypt",
            "{'KeyId':'${R}','CiphertextBlob':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'DryRun':true}",
            "InvalidCiphertextException", NULL},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* --- encryption ------------------------------------------------------------------------------- */

static void test_encryption_context(void **state)
{
    struct rig *rig = *state;
    static const char refused[] =
        "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.";
    make_key(rig, "R", "RSA_2048", "ENCRYPT_DECRYPT");
    keep(rig, "BLOB", rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"),
        "CiphertextBlob");
    const struct rig_case cases[] = {
        {"Encrypt",
            "{'KeyId':'${R}','Plaintext':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'EncryptionContext':{'a':'b'}}",
            "ValidationException", refused},
        {"Decrypt",
            "{'KeyId':'${R}','CiphertextBlob':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'EncryptionContext':{'a':'b'}}",
            "ValidationException", refused},
        {"ReEncrypt",
            "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${R}',"
            "'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
            "'DestinationEncryptionContext':{'a':'b'}}",
            "ValidationException", refused},
        {"Encrypt", "{'KeyId':'${R}','Plaintext':'eA==','EncryptionContext':{'a':'b'}}",
            "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048."},
        {"Decrypt", "{'CiphertextBlob':'${BLOB}','KeyId':'${R}'}", "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation."},
    };
    rig_faults(rig, cases, COUNT(cases));
    rig_ok(rig, "Encrypt",
        "{'KeyId':'${R}','Plaintext':'eA==','EncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
        "'EncryptionContext':{}}");
}

/* From symmetric to RSA, on to another RSA key, and back. */
static void test_re_encrypt(void **state)
{
    struct rig *rig = *state;
    make_key(rig, "R", "RSA_2048", "ENCRYPT_DECRYPT");
    make_key(rig, "S", "RSA_2048", "ENCRYPT_DECRYPT");
    keep(rig, "BLOB",
        rig_ok(rig, "Encrypt",
            "{'KeyId':'${K}','Plaintext':'aGVsbG8=','EncryptionContext':{'a':'b'}}"),
        "CiphertextBlob");
    json_t *answer = rig_ok(rig, "ReEncrypt",
        "{'CiphertextBlob':'${BLOB}','SourceEncryptionContext':{'a':'b'},"
        "'DestinationKeyId':'${R}','DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_1'}");
    ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "SourceKeyId", "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm", "SourceKeyMaterialId");
    assert_string_equal(text_of(answer, "SourceEncryptionAlgorithm"), "SYMMETRIC_DEFAULT");
    assert_string_equal(text_of(answer, "DestinationEncryptionAlgorithm"), "RSAES_OAEP_SHA_1");
    keep(rig, "BLOB", answer, "CiphertextBlob");

    static const char onward[] =
        "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${R}',"
        "'SourceEncryptionAlgorithm':'RSAES_OAEP_SHA_1','DestinationKeyId':'${S}',"
        "'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_256'}";
    answer = rig_ok(rig, "ReEncrypt", onward);
    ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "SourceKeyId", "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm");
    keep(rig, "BLOB", answer, "CiphertextBlob");
    /* it is the other key's now */
    rig_fault(rig, "ReEncrypt", onward, "InvalidCiphertextException", NULL);

    answer = rig_ok(rig, "ReEncrypt",
        "{'CiphertextBlob':'${BLOB}','SourceKeyId':'${S}',"
        "'SourceEncryptionAlgorithm':'RSAES_OAEP_SHA_256','DestinationKeyId':'${K}',"
        "'DestinationEncryptionContext':{'c':'d'}}");
    ASSERT_MEMBERS(answer, "CiphertextBlob", "KeyId", "SourceKeyId", "SourceEncryptionAlgorithm",
        "DestinationEncryptionAlgorithm", "DestinationKeyMaterialId");
    keep(rig, "BLOB", answer, "CiphertextBlob");
    answer = rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'c':'d'}}");
    assert_string_equal(text_of(answer, "Plaintext"), "aGVsbG8=");

    set_bytes(rig, "P", 'p', 191);
    keep(rig, "BLOB", rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'${P}'}"),
        "CiphertextBlob");
    rig_fault(rig, "ReEncrypt",
        "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${R}',"
        "'DestinationEncryptionAlgorithm':'RSAES_OAEP_SHA_256'}",
        "ValidationException",
        "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 "
        "bytes.");
}

/* --- data key pairs --------------------------------------------------------------------------- */

static void test_data_key_pairs(void **state)
{
    struct rig *rig = *state;
    const struct kms_type *specs = kms_type_find("DataKeyPairSpec");
    for (size_t i = 0; i < specs->value_count; i++) {
        const char *spec = specs->values[i];
        char body[160];
        char text[128];
        const struct kmsd_kind *kind =
            kmsd_kind_of_pair((enum kms_key_spec)enum_value("KeySpec", spec));
        assert_non_null(kind);
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${K}','KeyPairSpec':'%s','EncryptionContext':{'a':'b'}}", spec);
        if (strcmp(spec, "SM2") == 0) {
            rig_fault(rig, "GenerateDataKeyPair", body, "UnsupportedOperationException",
                "KeySpec SM2 is not supported in this Region");
            continue;
        }
        if (kmsd_kind_available(kind) != KMS_OK) {
            (void)snprintf(text, sizeof(text),
                "The OpenSSL that this server runs with does not offer KeySpec %s.", spec);
            rig_fault(rig, "GenerateDataKeyPair", body, "UnsupportedOperationException", text);
            continue;
        }
        json_t *answer = rig_ok(rig, "GenerateDataKeyPair", body);
        ASSERT_MEMBERS(answer, "PrivateKeyCiphertextBlob", "PrivateKeyPlaintext", "PublicKey",
            "KeyId", "KeyPairSpec", "KeyMaterialId");
        assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
        assert_string_equal(text_of(answer, "KeyPairSpec"), spec);
        keep(rig, "BLOB", answer, "PrivateKeyCiphertextBlob");
        keep(rig, "PRIVATE", answer, "PrivateKeyPlaintext");
        answer =
            rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}','EncryptionContext':{'a':'b'}}");
        assert_string_equal(text_of(answer, "Plaintext"), rig_get(rig, "PRIVATE"));
        rig_fault(
            rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}", "InvalidCiphertextException", NULL);

        answer = rig_ok(rig, "GenerateDataKeyPairWithoutPlaintext", body);
        ASSERT_MEMBERS(answer, "PrivateKeyCiphertextBlob", "PublicKey", "KeyId", "KeyPairSpec",
            "KeyMaterialId");
    }
    rig_fault(rig, "GenerateDataKeyPair",
        "{'KeyId':'${K}','KeyPairSpec':'RSA_2048',"
        "'Recipient':{'KeyEncryptionAlgorithm':'RSAES_OAEP_SHA_256',"
        "'AttestationDocument':'eA=='}}",
        "UnsupportedOperationException",
        "This version does not offer answers encrypted for an attested recipient.");
}

/* --- shared secrets --------------------------------------------------------------------------- */

static void test_agreement(void **state)
{
    struct rig *rig = *state;
    static const char *const specs[] = {"ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"};
    static const size_t sizes[] = {32, 48, 66};
    for (size_t i = 0; i < COUNT(specs); i++) {
        uint8_t secret[68];
        make_key(rig, "A", specs[i], "KEY_AGREEMENT");
        make_key(rig, "B", specs[i], "KEY_AGREEMENT");
        make_key(rig, "C", specs[(i + 1) % COUNT(specs)], "KEY_AGREEMENT");
        keep(rig, "PA", rig_ok(rig, "GetPublicKey", "{'KeyId':'${A}'}"), "PublicKey");
        keep(rig, "PB", rig_ok(rig, "GetPublicKey", "{'KeyId':'${B}'}"), "PublicKey");
        json_t *answer = rig_ok(rig, "DeriveSharedSecret",
            "{'KeyId':'${A}','PublicKey':'${PB}','KeyAgreementAlgorithm':'ECDH'}");
        ASSERT_MEMBERS(answer, "KeyId", "SharedSecret", "KeyAgreementAlgorithm", "KeyOrigin");
        assert_string_equal(text_of(answer, "KeyOrigin"), "AWS_KMS");
        assert_int_equal(decoded(answer, "SharedSecret", secret, sizeof(secret)), sizes[i]);
        keep(rig, "SECRET", answer, "SharedSecret");
        answer = rig_ok(rig, "DeriveSharedSecret",
            "{'KeyId':'${B}','PublicKey':'${PA}','KeyAgreementAlgorithm':'ECDH'}");
        assert_string_equal(text_of(answer, "SharedSecret"), rig_get(rig, "SECRET"));
        rig_fault(rig, "DeriveSharedSecret",
            "{'KeyId':'${C}','PublicKey':'${PA}','KeyAgreementAlgorithm':'ECDH'}",
            "ValidationException", "");
        rig_fault(rig, "DeriveSharedSecret",
            "{'KeyId':'${A}','PublicKey':'eA==','KeyAgreementAlgorithm':'ECDH'}",
            "ValidationException", "");
    }
}

static void test_encapsulation(void **state)
{
    struct rig *rig = *state;
    static const char *const specs[] = {"ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"};
    for (size_t i = 0; i < COUNT(specs); i++) {
        const struct row row = {specs[i], "ENCAPSULATE_DECAPSULATE", NULL, NULL};
        if (!is_here(&row))
            continue; /* test_every_kind has seen it refused */
        make_key(rig, "A", specs[i], row.usage);
        json_t *answer =
            rig_ok(rig, "Encapsulate", "{'KeyId':'${A}','EncapsulationAlgorithm':'ML_KEM'}");
        ASSERT_MEMBERS(answer, "KeyId", "SharedSecret", "SharedSecretCiphertextBlob",
            "EncapsulationAlgorithm");
        keep(rig, "SECRET", answer, "SharedSecret");
        keep(rig, "BLOB", answer, "SharedSecretCiphertextBlob");
        answer = rig_ok(rig, "Decapsulate",
            "{'KeyId':'${A}','SharedSecretCiphertextBlob':'${BLOB}',"
            "'EncapsulationAlgorithm':'ML_KEM'}");
        ASSERT_MEMBERS(answer, "KeyId", "SharedSecret", "EncapsulationAlgorithm");
        assert_string_equal(text_of(answer, "SharedSecret"), rig_get(rig, "SECRET"));
        rig_fault(rig, "Encapsulate",
            "{'KeyId':'${A}','EncapsulationAlgorithm':'ML_KEM','DryRun':true}",
            "DryRunOperationException", DRY_RUN);
        rig_fault(rig, "Decapsulate",
            "{'KeyId':'${A}','SharedSecretCiphertextBlob':'${BLOB}',"
            "'EncapsulationAlgorithm':'ML_KEM','DryRun':true}",
            "DryRunOperationException", DRY_RUN);
        rig_fault(rig, "Decapsulate",
            "{'KeyId':'${A}','SharedSecretCiphertextBlob':'eA==',"
            "'EncapsulationAlgorithm':'ML_KEM'}",
            "InvalidCiphertextException", NULL);
    }
}

/* --- regions of China ------------------------------------------------------------------------- */

static void test_sm2(void **state)
{
    struct rig *rig = *state;
    const struct row row = {"SM2", "SIGN_VERIFY", NULL, NULL};
    rig->caller = RIG_ACCOUNT " cn-north-1";
    if (!is_here(&row))
        return; /* a libcrypto built without it; refused as any other */
    make_key(rig, "A", "SM2", "SIGN_VERIFY");
    assert_memory_equal(rig_get(rig, "A_ARN"), "arn:aws-cn:kms:cn-north-1:", 26);
    keep(rig, "SIG",
        rig_ok(rig, "Sign", "{'KeyId':'${A}','Message':'eA==','SigningAlgorithm':'SM2DSA'}"),
        "Signature");
    rig_ok(rig, "Verify",
        "{'KeyId':'${A}','Message':'eA==','Signature':'${SIG}','SigningAlgorithm':'SM2DSA'}");
    make_key(rig, "B", "SM2", "ENCRYPT_DECRYPT");
    keep(rig, "BLOB",
        rig_ok(rig, "Encrypt",
            "{'KeyId':'${B}','Plaintext':'aGVsbG8=','EncryptionAlgorithm':'SM2PKE'}"),
        "CiphertextBlob");
    json_t *answer = rig_ok(rig, "Decrypt",
        "{'KeyId':'${B}','CiphertextBlob':'${BLOB}','EncryptionAlgorithm':'SM2PKE'}");
    assert_string_equal(text_of(answer, "Plaintext"), "aGVsbG8=");
    rig_ok(rig, "CreateKey", "{'KeySpec':'SM2','KeyUsage':'KEY_AGREEMENT'}");
    rig->caller = RIG_ACCOUNT " us-east-1";
    rig_fault(rig, "CreateKey", "{'KeySpec':'SM2','KeyUsage':'KEY_AGREEMENT'}",
        "UnsupportedOperationException", "KeySpec SM2 is not supported in this Region");
}

/* --- restarts --------------------------------------------------------------------------------- */

/* Keys outlive the daemon, private and public halves, though no symmetric key is there to prove
 * the root key by. */
static void test_restart(void **state)
{
    (void)state;
    struct rig *rig = rig_open(true);
    make_key(rig, "E", "ECC_NIST_P384", "SIGN_VERIFY");
    make_key(rig, "H", "HMAC_384", "GENERATE_VERIFY_MAC");
    keep(rig, "PUBLIC", rig_ok(rig, "GetPublicKey", "{'KeyId':'${E}'}"), "PublicKey");
    keep(rig, "MAC",
        rig_ok(
            rig, "GenerateMac", "{'KeyId':'${H}','Message':'eA==','MacAlgorithm':'HMAC_SHA_384'}"),
        "Mac");
    keep(rig, "SIG",
        rig_ok(rig, "Sign", "{'KeyId':'${E}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_384'}"),
        "Signature");
    rig_restart(rig);
    assert_string_equal(text_of(rig_ok(rig, "GetPublicKey", "{'KeyId':'${E}'}"), "PublicKey"),
        rig_get(rig, "PUBLIC"));
    rig_ok(rig, "Verify",
        "{'KeyId':'${E}','Message':'eA==','Signature':'${SIG}',"
        "'SigningAlgorithm':'ECDSA_SHA_384'}");
    rig_ok(rig, "Sign", "{'KeyId':'${E}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_384'}");
    rig_ok(rig, "VerifyMac",
        "{'KeyId':'${H}','Message':'eA==','Mac':'${MAC}','MacAlgorithm':'HMAC_SHA_384'}");
    rig_close(rig);
}

/* A key of a spec that another libcrypto had: it is described, and its use refused with the reason. */
static void test_key_of_a_newer_libcrypto(void **state)
{
    const struct row row = {"ML_DSA_44", "SIGN_VERIFY", NULL, NULL};
    (void)state;
    if (is_here(&row))
        return; /* nothing is missing */
    struct rig *rig = rig_open(true);
    make_key(rig, "A", "ECC_NIST_P256", "SIGN_VERIFY");
    make_key(rig, "B", "ECC_NIST_P256", "SIGN_VERIFY");
    /* the first key of a region is opened at start: it must go on being what it was made as */
    rig_set(
        rig, "LATE", rig_get(rig, strcmp(rig_get(rig, "A"), rig_get(rig, "B")) > 0 ? "A" : "B"));
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    const struct kmsd_key *key =
        kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "LATE")), rig_now_ms);
    assert_non_null(key);
    const struct kmsd_key_row changed = {
        .account = realm.account,
        .region = realm.region,
        .key_id = key->id,
        .key_spec = kms_str(row.spec),
        .key_usage = kms_str(row.usage),
        .origin = kms_str("AWS_KMS"),
        .key_manager = kms_str("CUSTOMER"),
        .key_state = kms_str("Enabled"),
        .description = kms_str(""),
        .policy = key->policy,
        .created_ms = key->created_ms,
    };
    assert_int_equal(kmsd_store_begin(rig->store), KMS_OK);
    assert_int_equal(kmsd_store_put_key(rig->store, &changed), KMS_OK);
    assert_int_equal(kmsd_store_commit(rig->store), KMS_OK);
    kmsd_key_release(key);
    rig_restart(rig);
    json_t *metadata =
        json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'${LATE}'}"), "KeyMetadata");
    assert_string_equal(text_of(metadata, "KeySpec"), row.spec);
    static const char text[] =
        "The OpenSSL that this server runs with does not offer KeySpec ML_DSA_44.";
    rig_fault(rig, "Sign",
        "{'KeyId':'${LATE}','Message':'eA==','SigningAlgorithm':'ML_DSA_SHAKE_256'}",
        "UnsupportedOperationException", text);
    rig_fault(rig, "Verify",
        "{'KeyId':'${LATE}','Message':'eA==','Signature':'eA==',"
        "'SigningAlgorithm':'ML_DSA_SHAKE_256'}",
        "UnsupportedOperationException", text);
    rig_close(rig);
}

/* Flips a bit of a key's kept material, counted from its end, and starts again. */
static void damage(struct rig *rig, const char *name, size_t from_end)
{
    struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    KMSD_KEY_AUTO key = kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, name)), rig_now_ms);
    assert_non_null(key);
    const struct kmsd_key_material *material = kmsd_key_current_material(key);
    uint8_t wrapped[4096];
    assert_in_range(material->wrapped.len, from_end, sizeof(wrapped));
    memcpy(wrapped, material->wrapped.data, material->wrapped.len);
    wrapped[material->wrapped.len - from_end] ^= 1;
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

static void assert_corrupt(struct rig *rig, const char *operation, const char *body)
{
    rig_send(rig, operation, body);
    assert_int_equal(rig->status, 500);
    assert_int_equal(rig->exchange.cause, KMS_ERR_CORRUPT);
}

/* A public key that was altered on disk is not handed out, nor is a signature called invalid for
 * it; the private key, which is not altered, goes on signing. And the other way round. */
static void test_damaged_halves(void **state)
{
    static const char sign[] =
        "{'KeyId':'${BAD}','Message':'eA==','SigningAlgorithm':'ECDSA_SHA_256'}";
    static const char verify[] = "{'KeyId':'${BAD}','Message':'eA==','Signature':'${SIG}',"
                                 "'SigningAlgorithm':'ECDSA_SHA_256'}";
    (void)state;
    for (int public_half = 0; public_half < 2; public_half++) {
        struct rig *rig = rig_open(true);
        make_key(rig, "A", "ECC_NIST_P256", "SIGN_VERIFY");
        make_key(rig, "B", "ECC_NIST_P256", "SIGN_VERIFY");
        /* the first key of a region is opened at start: a damaged one would keep the daemon down */
        rig_set(
            rig, "BAD", rig_get(rig, strcmp(rig_get(rig, "A"), rig_get(rig, "B")) > 0 ? "A" : "B"));
        keep(rig, "SIG", rig_ok(rig, "Sign", sign), "Signature");
        /* an SPKI of P-256 has 91 bytes, its record KMSD_PUBLIC_KEY_OVERHEAD more */
        damage(rig, "BAD", public_half ? 91 : 91 + KMSD_PUBLIC_KEY_OVERHEAD + 1);
        if (public_half) {
            assert_corrupt(rig, "GetPublicKey", "{'KeyId':'${BAD}'}");
            assert_corrupt(rig, "Verify", verify);
            rig_ok(rig, "Sign", sign);
        } else {
            rig_ok(rig, "GetPublicKey", "{'KeyId':'${BAD}'}");
            rig_ok(rig, "Verify", verify);
            assert_corrupt(rig, "Sign", sign);
        }
        rig_close(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_every_kind),
        T(test_order_of_checks),
        T(test_dry_runs),
        T(test_encryption_context),
        T(test_re_encrypt),
        T(test_data_key_pairs),
        T(test_agreement),
        T(test_encapsulation),
        T(test_sm2),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_key_of_a_newer_libcrypto),
        cmocka_unit_test(test_damaged_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
