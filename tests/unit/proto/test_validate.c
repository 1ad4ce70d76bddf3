/* The texts of ValidationExceptions, as the live service was seen to write them. */
#include "libkms/proto/codec.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BODY_MAX = 1 << 20, OUT_MAX = 1024 };

#define ONE            "1 validation error detected: "
#define TWO            "2 validation errors detected: "
#define FAILED         " failed to satisfy constraint: "
#define NOT_NULL       "Member must not be null"
#define AT_LEAST(n)    "Member must have length greater than or equal to " #n
#define AT_MOST(n)     "Member must have length less than or equal to " #n
#define PATTERN        "Member must satisfy regular expression pattern: "
#define VALUES         "Member must satisfy enum value set: "
#define KEY_ID_PATTERN PATTERN "^\\p{ASCII}+$"
#define DATA_KEY_SPECS                                                                          \
    "[RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, "              \
    "ECC_SECG_P256K1, ECC_NIST_EDWARDS25519, SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, " \
    "HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87]"
#define SIGNING_ALGORITHMS                                                                     \
    "[RSASSA_PSS_SHA_256, RSASSA_PSS_SHA_384, RSASSA_PSS_SHA_512, RSASSA_PKCS1_V1_5_SHA_256, " \
    "RSASSA_PKCS1_V1_5_SHA_384, RSASSA_PKCS1_V1_5_SHA_512, ECDSA_SHA_256, ECDSA_SHA_384, "     \
    "ECDSA_SHA_512, ED25519_SHA_512, ED25519_PH_SHA_512, SM2DSA, ML_DSA_SHAKE_256]"

/* What a request is answered with; the text lives in the arena. */
static enum kms_err validate(
    enum kms_op op, struct kms_str body, struct kms_arena *arena, struct kms_str *message)
{
    union {
        max_align_t align;
        unsigned char bytes[OUT_MAX];
    } out;
    const struct kms_shape *shape = kms_operations[op].input;
    assert_true(shape->size <= sizeof(out));
    memset(&out, 0xa5, sizeof(out));
    enum kms_err err = kms_decode_request(
        KMS_WIRE_JSON, shape, kms_bytes(body.data, body.len), arena, &out, message);
    if (err != KMS_OK) {
        for (size_t i = 0; i < shape->size; i++)
            assert_int_equal(out.bytes[i], 0);
    }
    return err;
}

static void assert_text(enum kms_op op, const char *body, const char *expected)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, BODY_MAX);
    struct kms_str message;
    enum kms_err err = validate(op, kms_str(body), &arena, &message);
    if (err != KMS_ERR_VALIDATION)
        fail_msg("%s: %s, expected: %s", body, kms_err_text(err), expected);
    assert_string_equal(message.data, expected);
    assert_int_equal(message.len, strlen(expected));
}

static void assert_accepted(enum kms_op op, const char *body)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, BODY_MAX);
    struct kms_str message;
    enum kms_err err = validate(op, kms_str(body), &arena, &message);
    if (err != KMS_OK)
        fail_msg("%s: %s: %s", body, kms_err_text(err), message.data);
    assert_null(message.data);
}

/* A body with a text of count times a letter (or with base64 of count zero bytes) in place of %s.
 */
static char *with_long(const char *format, char letter, size_t count)
{
    char *text = malloc(count + 1);
    char *body = NULL;
    assert_non_null(text);
    memset(text, letter, count);
    text[count] = '\0';
    assert_true(asprintf(&body, format, text) > 0);
    free(text);
    return body;
}

static char *with_blob(const char *format, size_t count)
{
    size_t letters = (count + 2) / 3 * 4;
    char *text = malloc(letters + 1);
    char *body = NULL;
    assert_non_null(text);
    memset(text, 'A', letters);
    text[letters] = '\0';
    if (count % 3 != 0)
        memset(text + letters - (3 - count % 3), '=', 3 - count % 3);
    assert_true(asprintf(&body, format, text) > 0);
    free(text);
    return body;
}

static void assert_text_and_free(enum kms_op op, char *body, const char *expected)
{
    assert_text(op, body, expected);
    free(body);
}

static void assert_accepted_and_free(enum kms_op op, char *body)
{
    assert_accepted(op, body);
    free(body);
}

static void test_missing_members(void **state)
{
    (void)state;
    assert_text(KMS_OP_DESCRIBE_KEY, "{}", ONE "Value null at 'keyId'" FAILED NOT_NULL);
    assert_text(
        KMS_OP_DESCRIBE_KEY, "{\"KeyId\":null}", ONE "Value null at 'keyId'" FAILED NOT_NULL);
    assert_text(KMS_OP_DESCRIBE_KEY, "", ONE "Value null at 'keyId'" FAILED NOT_NULL);
    assert_text(KMS_OP_CREATE_ALIAS, "{\"AliasName\":\"alias/a\"}",
        ONE "Value null at 'targetKeyId'" FAILED NOT_NULL);
    assert_text(KMS_OP_RE_ENCRYPT, "{\"CiphertextBlob\":\"AAAA\"}",
        ONE "Value null at 'destinationKeyId'" FAILED NOT_NULL);
    assert_text(
        KMS_OP_PUT_KEY_POLICY, "{\"KeyId\":\"k\"}", ONE "Value null at 'policy'" FAILED NOT_NULL);
    assert_text(
        KMS_OP_TAG_RESOURCE, "{\"KeyId\":\"k\"}", ONE "Value null at 'tags'" FAILED NOT_NULL);
    assert_text(KMS_OP_SIGN, "{\"KeyId\":\"k\",\"Message\":\"AAAA\"}",
        ONE "Value null at 'signingAlgorithm'" FAILED NOT_NULL);
    assert_text(KMS_OP_VERIFY,
        "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"SigningAlgorithm\":\"ECDSA_SHA_256\"}",
        ONE "Value null at 'signature'" FAILED NOT_NULL);
    assert_text(KMS_OP_VERIFY_MAC, "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"Mac\":\"AAAA\"}",
        ONE "Value null at 'macAlgorithm'" FAILED NOT_NULL);
    assert_text(KMS_OP_VERIFY_MAC,
        "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"MacAlgorithm\":\"HMAC_SHA_256\"}",
        ONE "Value null at 'mac'" FAILED NOT_NULL);
}

static void test_missing_sensitive_members(void **state)
{
    (void)state;
    assert_text(KMS_OP_ENCRYPT, "{\"KeyId\":\"k\"}", ONE "Value at 'plaintext'" FAILED NOT_NULL);
    assert_text(KMS_OP_SIGN, "{\"KeyId\":\"k\",\"SigningAlgorithm\":\"ECDSA_SHA_256\"}",
        ONE "Value at 'message'" FAILED NOT_NULL);
}

static void test_blob_bounds(void **state)
{
    (void)state;
    static const char encrypt[] = "{\"KeyId\":\"k\",\"Plaintext\":\"%s\"}";
    static const char decrypt[] = "{\"CiphertextBlob\":\"%s\"}";
    static const char verify[] = "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"Signature\":\"%s\","
                                 "\"SigningAlgorithm\":\"ECDSA_SHA_256\"}";
    assert_text(KMS_OP_ENCRYPT, "{\"KeyId\":\"k\",\"Plaintext\":\"\"}",
        ONE "Value at 'plaintext'" FAILED AT_LEAST(1));
    assert_text_and_free(
        KMS_OP_ENCRYPT, with_blob(encrypt, 4097), ONE "Value at 'plaintext'" FAILED AT_MOST(4096));
    assert_accepted_and_free(KMS_OP_ENCRYPT, with_blob(encrypt, 4096));
    assert_text(KMS_OP_DECRYPT, "{\"CiphertextBlob\":\"\"}",
        ONE "Value at 'ciphertextBlob'" FAILED AT_LEAST(1));
    assert_text_and_free(KMS_OP_DECRYPT, with_blob(decrypt, 6145),
        ONE "Value at 'ciphertextBlob'" FAILED AT_MOST(6144));
    assert_accepted_and_free(KMS_OP_DECRYPT, with_blob(decrypt, 6144));
    assert_text_and_free(
        KMS_OP_VERIFY, with_blob(verify, 6145), ONE "Value at 'signature'" FAILED AT_MOST(6144));
}

static void test_key_ids(void **state)
{
    (void)state;
    assert_text(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"\"}",
        TWO "Value '' at 'keyId'" FAILED AT_LEAST(1) "; Value '' at 'keyId'" FAILED KEY_ID_PATTERN);
    assert_text(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"キー\"}",
        ONE "Value 'キー' at 'keyId'" FAILED KEY_ID_PATTERN);
    assert_text(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"\\u30ad\\u30fc\"}",
        ONE "Value 'キー' at 'keyId'" FAILED KEY_ID_PATTERN);
    assert_accepted(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"any \\u0001 text\"}");
    assert_accepted_and_free(KMS_OP_DESCRIBE_KEY, with_long("{\"KeyId\":\"%s\"}", 'k', 2048));
}

static void test_enumerations(void **state)
{
    (void)state;
    assert_text(KMS_OP_SIGN, "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"SigningAlgorithm\":\"FOO\"}",
        ONE "Value 'FOO' at 'signingAlgorithm'" FAILED VALUES SIGNING_ALGORITHMS);
    assert_accepted(KMS_OP_SIGN,
        "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"SigningAlgorithm\":\"SYMMETRIC_DEFAULT\"}");
    assert_text(KMS_OP_SIGN,
        "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"MessageType\":\"raw\","
        "\"SigningAlgorithm\":\"ECDSA_SHA_256\"}",
        ONE "Value 'raw' at 'messageType'" FAILED VALUES "[RAW, DIGEST, EXTERNAL_MU]");
    assert_text(KMS_OP_ENCRYPT,
        "{\"KeyId\":\"k\",\"Plaintext\":\"AAAA\",\"EncryptionAlgorithm\":\"\"}",
        ONE "Value '' at 'encryptionAlgorithm'" FAILED VALUES
            "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]");
    assert_text(KMS_OP_GENERATE_MAC,
        "{\"KeyId\":\"k\",\"Message\":\"AAAA\",\"MacAlgorithm\":\"hmac_sha_256\"}",
        ONE "Value 'hmac_sha_256' at 'macAlgorithm'" FAILED VALUES
            "[HMAC_SHA_384, HMAC_SHA_256, HMAC_SHA_224, HMAC_SHA_512]");
    assert_text(KMS_OP_DERIVE_SHARED_SECRET,
        "{\"KeyId\":\"k\",\"KeyAgreementAlgorithm\":\"DH\",\"PublicKey\":\"AAAA\"}",
        ONE "Value 'DH' at 'keyAgreementAlgorithm'" FAILED VALUES "[ECDH]");
    assert_text(KMS_OP_CREATE_KEY, "{\"KeyUsage\":\"X\"}",
        ONE "Value 'X' at 'keyUsage'" FAILED VALUES
            "[ENCAPSULATE_DECAPSULATE, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT, "
            "SIGN_VERIFY]");
}

/* The live service lists key specs for the specs of data keys. */
static void test_data_key_specs(void **state)
{
    (void)state;
    assert_accepted(KMS_OP_GENERATE_DATA_KEY, "{\"KeyId\":\"k\",\"KeySpec\":\"AES_128\"}");
    assert_accepted(KMS_OP_GENERATE_DATA_KEY, "{\"KeyId\":\"k\",\"KeySpec\":\"AES_256\"}");
    assert_accepted(KMS_OP_GENERATE_DATA_KEY, "{\"KeyId\":\"k\"}");
    assert_text(KMS_OP_GENERATE_DATA_KEY, "{\"KeyId\":\"k\",\"KeySpec\":\"AES-256\"}",
        ONE "Value 'AES-256' at 'keySpec'" FAILED VALUES DATA_KEY_SPECS);
    assert_text(KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        "{\"KeyId\":\"k\",\"KeySpec\":\"RSA_2048\"}",
        ONE "Value 'RSA_2048' at 'keySpec'" FAILED VALUES DATA_KEY_SPECS);
}

static void test_integers(void **state)
{
    (void)state;
    assert_text(KMS_OP_GENERATE_RANDOM, "{\"NumberOfBytes\":0}",
        ONE "Value '0' at 'numberOfBytes'" FAILED
            "Member must have value greater than or equal to 1");
    assert_text(KMS_OP_GENERATE_RANDOM, "{\"NumberOfBytes\":1025}",
        ONE "Value '1025' at 'numberOfBytes'" FAILED
            "Member must have value less than or equal to 1024");
    assert_text(KMS_OP_GENERATE_RANDOM, "{\"NumberOfBytes\":-2147483648}",
        ONE "Value '-2147483648' at 'numberOfBytes'" FAILED
            "Member must have value greater than or equal to 1");
    assert_accepted(KMS_OP_GENERATE_RANDOM, "{\"NumberOfBytes\":1}");
    assert_accepted(KMS_OP_GENERATE_RANDOM, "{\"NumberOfBytes\":1024}");
    assert_accepted(KMS_OP_GENERATE_RANDOM, "{}");
    assert_text(KMS_OP_ENABLE_KEY_ROTATION, "{\"KeyId\":\"k\",\"RotationPeriodInDays\":89}",
        ONE "Value '89' at 'rotationPeriodInDays'" FAILED
            "Member must have value greater than or equal to 90");
    assert_text(KMS_OP_ENABLE_KEY_ROTATION, "{\"KeyId\":\"k\",\"RotationPeriodInDays\":2561}",
        ONE "Value '2561' at 'rotationPeriodInDays'" FAILED
            "Member must have value less than or equal to 2560");
}

static void test_patterns(void **state)
{
    (void)state;
    assert_text(KMS_OP_GET_KEY_POLICY, "{\"KeyId\":\"k\",\"PolicyName\":\"invalid-name\"}",
        ONE "Value 'invalid-name' at 'policyName'" FAILED PATTERN "[\\w]+");
    assert_text(KMS_OP_CREATE_ALIAS, "{\"AliasName\":\"alias/a b\",\"TargetKeyId\":\"k\"}",
        ONE "Value 'alias/a b' at 'aliasName'" FAILED PATTERN "^[a-zA-Z0-9:/_-]+$");
    assert_accepted(
        KMS_OP_CREATE_ALIAS, "{\"AliasName\":\"alias/my:alias\",\"TargetKeyId\":\"k\"}");
}

/* A NUL is a character like others: it does not end the text, nor the message that shows it. */
static void test_nul_in_text(void **state)
{
    (void)state;
    static const char expected[] =
        ONE "Value 'a\0b' at 'aliasName'" FAILED PATTERN "^[a-zA-Z0-9:/_-]+$";
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, BODY_MAX);
    struct kms_str message;
    struct kms_str body = kms_str("{\"AliasName\":\"a\\u0000b\",\"TargetKeyId\":\"k\"}");
    assert_int_equal(validate(KMS_OP_CREATE_ALIAS, body, &arena, &message), KMS_ERR_VALIDATION);
    assert_int_equal(message.len, sizeof(expected) - 1);
    assert_memory_equal(message.data, expected, sizeof(expected));
}

static void test_tags(void **state)
{
    (void)state;
    char *long_key =
        with_long("{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"%s\",\"TagValue\":\"\"}]}", 'a', 129);
    char *long_text =
        with_long(ONE "Value '%s' at 'tags.1.member.tagKey'" FAILED AT_MOST(128), 'a', 129);
    assert_text(KMS_OP_TAG_RESOURCE, long_key, long_text);
    free(long_key);
    free(long_text);
    long_key = with_long("{\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"%s\"}]}", 'v', 257);
    long_text =
        with_long(ONE "Value '%s' at 'tags.1.member.tagValue'" FAILED AT_MOST(256), 'v', 257);
    assert_text(KMS_OP_CREATE_KEY, long_key, long_text);
    free(long_key);
    free(long_text);
    assert_text(KMS_OP_TAG_RESOURCE,
        "{\"KeyId\":\"k\",\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"\"},"
        "{\"TagKey\":\"\",\"TagValue\":\"v\"}]}",
        ONE "Value '' at 'tags.2.member.tagKey'" FAILED AT_LEAST(1));
    assert_text(KMS_OP_TAG_RESOURCE, "{\"KeyId\":\"k\",\"Tags\":[{}]}",
        TWO "Value null at 'tags.1.member.tagKey'" FAILED NOT_NULL
            "; Value null at 'tags.1.member.tagValue'" FAILED NOT_NULL);
    assert_accepted(KMS_OP_TAG_RESOURCE, "{\"KeyId\":\"k\",\"Tags\":[]}");
}

/* Lengths count UTF-16 code units: an emoji is two, in 4 octets. */
static void test_lengths_count_utf16_units(void **state)
{
    (void)state;
    static const char format[] = "{\"KeyId\":\"k\",\"TagKeys\":[\"%s\"]}";
    char key[4 * 65 + 1] = "";
    char *body = NULL;
    for (size_t i = 0; i < 64; i++)
        strcat(key, "🔑");
    assert_true(asprintf(&body, format, key) > 0);
    assert_accepted_and_free(KMS_OP_UNTAG_RESOURCE, body);
    strcat(key, "a");
    assert_true(asprintf(&body, format, key) > 0);
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, BODY_MAX);
    struct kms_str message;
    assert_int_equal(
        validate(KMS_OP_UNTAG_RESOURCE, kms_str(body), &arena, &message), KMS_ERR_VALIDATION);
    free(body);
}

/* Whole lists of scalars get one violation that names every constraint of their members. */
static void test_lists(void **state)
{
    (void)state;
    assert_text(KMS_OP_DESCRIBE_KEY,
        "{\"KeyId\":\"k\",\"GrantTokens\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\","
        "\"10\",\"11\"]}",
        ONE "Value '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]' at 'grantTokens'" FAILED AT_MOST(10));
    assert_text(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"k\",\"GrantTokens\":[\"a\",\"\"]}",
        ONE "Value '[a, ]' at 'grantTokens'" FAILED
            "Member must satisfy constraint: [" AT_MOST(8192) ", " AT_LEAST(1) "]");
    assert_text(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"k\",\"GrantTokens\":[\"a\",null]}",
        ONE "Value '[a, null]' at 'grantTokens'" FAILED
            "Member must satisfy constraint: [" AT_MOST(8192) ", " AT_LEAST(1) ", " NOT_NULL "]");
    assert_text(KMS_OP_DECRYPT,
        "{\"DryRunModifiers\":[\"IGNORE_CIPHERTEXT\",\"X\",\"Y\"],\"KeyId\":\"\"}",
        "3 validation errors detected: "
        "Value '' at 'keyId'" FAILED AT_LEAST(
            1) "; Value '' at 'keyId'" FAILED KEY_ID_PATTERN
               "; Value '[IGNORE_CIPHERTEXT, X, Y]' at 'dryRunModifiers'" FAILED
               "Member must satisfy constraint: [" VALUES "[IGNORE_CIPHERTEXT]]");
    assert_accepted(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"k\",\"GrantTokens\":[]}");
}

static void test_nested_structures(void **state)
{
    (void)state;
    assert_text(KMS_OP_GENERATE_RANDOM,
        "{\"Recipient\":{\"KeyEncryptionAlgorithm\":\"X\",\"AttestationDocument\":\"\"}}",
        TWO "Value 'X' at 'recipient.keyEncryptionAlgorithm'" FAILED VALUES "[RSAES_OAEP_SHA_256]"
            "; Value at 'recipient.attestationDocument'" FAILED AT_LEAST(1));
    assert_text(KMS_OP_CREATE_CUSTOM_KEY_STORE,
        "{\"CustomKeyStoreName\":\"n\",\"XksProxyAuthenticationCredential\":{\"AccessKeyId\":"
        "\"secret\"}}",
        "3 validation errors detected: "
        "Value at 'xksProxyAuthenticationCredential.accessKeyId'" FAILED AT_LEAST(
            20) "; Value at 'xksProxyAuthenticationCredential.accessKeyId'" FAILED PATTERN
                "^[A-Z2-7]+$"
                "; Value at 'xksProxyAuthenticationCredential.rawSecretAccessKey'" FAILED NOT_NULL);
    assert_text(KMS_OP_CREATE_GRANT,
        "{\"KeyId\":\"k\",\"Operations\":[],\"Constraints\":{\"EncryptionContextEquals\":"
        "{\"a\":\"b\",\"c\":null}}}",
        ONE "Value '{a=b, c=null}' at 'constraints.encryptionContextEquals'" FAILED
            "Map value must satisfy constraint: [" NOT_NULL "]");
}

static void test_order_is_that_of_the_rows(void **state)
{
    (void)state;
    assert_text(KMS_OP_ENCRYPT, "{\"EncryptionAlgorithm\":\"X\",\"Plaintext\":\"\"}",
        "3 validation errors detected: "
        "Value null at 'keyId'" FAILED NOT_NULL "; Value at 'plaintext'" FAILED AT_LEAST(
            1) "; Value 'X' at 'encryptionAlgorithm'" FAILED VALUES
               "[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]");
}

static void test_policy_and_description_bounds(void **state)
{
    (void)state;
    static const char policy[] = "{\"KeyId\":\"k\",\"Policy\":\"%s\"}";
    static const char description[] = "{\"KeyId\":\"k\",\"Description\":\"%s\"}";
    assert_accepted_and_free(KMS_OP_PUT_KEY_POLICY, with_long(policy, 'p', 32768));
    assert_accepted_and_free(KMS_OP_UPDATE_KEY_DESCRIPTION, with_long(description, 'd', 8192));
    char *expected = with_long(ONE "Value '%s...' at 'policy'" FAILED AT_MOST(32768), 'p', 4096);
    assert_text_and_free(KMS_OP_PUT_KEY_POLICY, with_long(policy, 'p', 32769), expected);
    free(expected);
    expected = with_long(ONE "Value '%s...' at 'description'" FAILED AT_MOST(8192), 'd', 4096);
    assert_text_and_free(
        KMS_OP_UPDATE_KEY_DESCRIPTION, with_long(description, 'd', 8193), expected);
    free(expected);
}

/* However much is wrong: all of it is counted, the text stays short and is cut between characters.
 */
static void test_texts_are_bounded(void **state)
{
    (void)state;
    enum { TAGS = 4000 };
    json_t *tags = json_array();
    for (size_t i = 0; i < TAGS; i++)
        json_array_append_new(tags, json_pack("{s:s, s:s}", "TagKey", "", "TagValue", "v"));
    json_t *request = json_pack("{s:s, s:o}", "KeyId", "k", "Tags", tags);
    char *body = json_dumps(request, 0);
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, BODY_MAX);
    struct kms_str message;
    assert_int_equal(
        validate(KMS_OP_TAG_RESOURCE, kms_str(body), &arena, &message), KMS_ERR_VALIDATION);
    static const char start[] =
        "4000 validation errors detected: Value '' at 'tags.1.member.tagKey'";
    assert_memory_equal(message.data, start, sizeof(start) - 1);
    assert_in_range(message.len, 16384, 16384 + 512);
    free(body);
    json_decref(request);

    /* 4095 letters, then a letter of three octets: the cut comes before it */
    char *format = with_long("{\"KeyId\":\"%sキ%%s\"}", 'a', 4095);
    char *expected = with_long(TWO "Value '%s...' at 'keyId'" FAILED AT_MOST(2048) "; ", 'a', 4095);
    body = with_long(format, 'b', 5000);
    assert_int_equal(
        validate(KMS_OP_DESCRIBE_KEY, kms_str(body), &arena, &message), KMS_ERR_VALIDATION);
    assert_memory_equal(message.data, expected, strlen(expected));
    free(format);
    free(expected);
    free(body);
}

static void test_out_of_memory_is_reported(void **state)
{
    (void)state;
    static const char body[] = "{\"KeyId\":\"k\",\"GrantTokens\":[\"\",\"b\"],\"DryRun\":true}";
    bool validated = false;
    for (size_t max = 0; !validated; max++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, max);
        struct kms_str message = kms_str("unset");
        enum kms_err err =
            validate(KMS_OP_ENABLE_KEY, kms_str("{\"KeyId\":\"\"}"), &arena, &message);
        validated = err == KMS_ERR_VALIDATION;
        if (!validated) {
            assert_int_equal(err, KMS_ERR_NO_MEMORY);
            assert_null(message.data);
        }
        err = validate(KMS_OP_VERIFY_MAC, kms_str(body), &arena, &message);
        assert_true(err == KMS_ERR_NO_MEMORY || err == KMS_ERR_VALIDATION);
        assert_true(max < 4096);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_members),
        cmocka_unit_test(test_missing_sensitive_members),
        cmocka_unit_test(test_blob_bounds),
        cmocka_unit_test(test_key_ids),
        cmocka_unit_test(test_enumerations),
        cmocka_unit_test(test_data_key_specs),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_nul_in_text),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_lengths_count_utf16_units),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_nested_structures),
        cmocka_unit_test(test_order_is_that_of_the_rows),
        cmocka_unit_test(test_policy_and_description_bounds),
        cmocka_unit_test(test_texts_are_bounded),
        cmocka_unit_test(test_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
