/* AWS JSON 1.1: what the live service says to values of the wrong type, and hostile bodies. */
#include "libkms/proto/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_MAX = 1 << 20, OUT_MAX = 1024 };

union storage {
    max_align_t align;
    unsigned char bytes[OUT_MAX];
};

/* text NULL: the answer has none. */
static void assert_refused_bytes(
    enum kms_op op, struct kms_bytes body, enum kms_err expected, const char *text)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    union storage out = {.bytes = {1}};
    struct kms_str message = kms_str("unset");
    const struct kms_shape *shape = kms_operations[op].input;
    enum kms_err err = kms_decode_request(KMS_WIRE_JSON, shape, body, &arena, &out, &message);
    if (err != expected)
        fail_msg("%.200s: %s", (const char *)body.data, kms_err_text(err));
    if (text == NULL)
        assert_null(message.data);
    else
        assert_string_equal(message.data, text);
    for (size_t i = 0; i < shape->size; i++)
        assert_int_equal(out.bytes[i], 0);
}

static void assert_refused(
    enum kms_op op, const char *body, enum kms_err expected, const char *text)
{
    assert_refused_bytes(op, kms_bytes(body, strlen(body)), expected, text);
}

static void assert_wrong_type(enum kms_op op, const char *body, const char *text)
{
    assert_refused(op, body, KMS_ERR_WRONG_TYPE, text);
}

static void decode(enum kms_op op, const char *body, struct kms_arena *arena, void *out)
{
    struct kms_str message;
    enum kms_err err = kms_decode_request(KMS_WIRE_JSON, kms_operations[op].input,
        kms_bytes(body, strlen(body)), arena, out, &message);
    if (err != KMS_OK)
        fail_msg("%s: %s: %s", body, kms_err_text(err), message.data);
}

static void test_values_of_the_wrong_type(void **state)
{
    (void)state;
    static const char list[] = "Start of list found where not expected";
    static const char map[] = "Start of structure or map found where not expected.";
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"KeyId\":1}", "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"KeyId\":1.5}", "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"KeyId\":true}", "TRUE_VALUE can not be converted to a String");
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"KeyId\":false}", "FALSE_VALUE can not be converted to a String");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"KeyId\":[]}", list);
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"KeyId\":{}}", map);
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"EncryptionAlgorithm\":1}",
        "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"Plaintext\":1}", "NUMBER_VALUE can not be converted to a Blob");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"Plaintext\":[1]}", list);
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"DryRun\":\"true\"}", "STRING_VALUE can not be converted to an Boolean");
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"DryRun\":0}", "NUMBER_VALUE can not be converted to a Boolean");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"GrantTokens\":\"x\"}", "Expected list or null");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"GrantTokens\":{}}", map);
    assert_wrong_type(
        KMS_OP_ENCRYPT, "{\"GrantTokens\":[1]}", "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"GrantTokens\":[[]]}", list);
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"EncryptionContext\":\"x\"}", "Expected map or null");
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"EncryptionContext\":[]}", list);
    assert_wrong_type(KMS_OP_ENCRYPT, "{\"EncryptionContext\":{\"a\":1}}",
        "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(KMS_OP_DECRYPT, "{\"Recipient\":\"x\"}", "Expected null");
    assert_wrong_type(KMS_OP_DECRYPT, "{\"Recipient\":[]}", list);
    assert_wrong_type(KMS_OP_TAG_RESOURCE, "{\"Tags\":[\"x\"]}", "Expected null");
    assert_wrong_type(KMS_OP_TAG_RESOURCE, "{\"Tags\":[[]]}", list);
    assert_wrong_type(KMS_OP_TAG_RESOURCE, "{\"Tags\":[null]}", NULL);
    assert_wrong_type(KMS_OP_CREATE_GRANT, "{\"Operations\":[1]}",
        "NUMBER_VALUE can not be converted to a String");
    assert_wrong_type(
        KMS_OP_LIST_KEYS, "{\"Limit\":\"1\"}", "STRING_VALUE can not be converted to an Integer");
    assert_wrong_type(
        KMS_OP_LIST_KEYS, "{\"Limit\":true}", "TRUE_VALUE can not be converted to an Integer");
    assert_wrong_type(KMS_OP_IMPORT_KEY_MATERIAL, "{\"ValidTo\":\"2026-11-23T01:12:53Z\"}",
        "STRING_VALUE can not be converted to milliseconds since epoch");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool accepted;
        int32_t value;
    } cases[] = {
        {"1", true, 1},
        {"32.0", true, 32},
        {"1e2", true, 100},
        {"1000", true, 1000},
        {"32.5", false, 0},
        {"2147483648", false, 0},
        {"-2147483649", false, 0},
        {"1e300", false, 0},
        {"9223372036854775807", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[64];
        (void)snprintf(body, sizeof(body), "{\"Limit\":%s}", cases[i].text);
        if (!cases[i].accepted) {
            assert_wrong_type(KMS_OP_LIST_KEYS, body, NULL);
            continue;
        }
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, ARENA_MAX);
        struct kms_list_keys_request out;
        decode(KMS_OP_LIST_KEYS, body, &arena, &out);
        assert_true(out.limit.set);
        assert_int_equal(out.limit.value, cases[i].value);
    }
    assert_refused(KMS_OP_LIST_KEYS, "{\"Limit\":9223372036854775808}", KMS_ERR_SYNTAX, NULL);
    assert_refused(KMS_OP_LIST_KEYS, "{\"Limit\":1e400}", KMS_ERR_SYNTAX, NULL);
    assert_refused(KMS_OP_LIST_KEYS, "{\"Limit\":NaN}", KMS_ERR_SYNTAX, NULL);
    assert_refused(KMS_OP_LIST_KEYS, "{\"Limit\":01}", KMS_ERR_SYNTAX, NULL);
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool accepted;
        int64_t ms;
    } cases[] = {
        {"0", true, 0},
        {"1568565290", true, 1568565290000},
        {"1568565290.123", true, 1568565290123},
        {"1568565290.1234", true, 1568565290123},
        {"1.568565290123E9", true, 1568565290123},
        {"-1.5", true, -1500},
        {"253402300799", true, 253402300799000},
        {"253402300800", false, 0},
        {"-62135596801", false, 0},
        {"1e18", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[160];
        (void)snprintf(body, sizeof(body),
            "{\"KeyId\":\"k\",\"ImportToken\":\"AAAA\",\"EncryptedKeyMaterial\":\"AAAA\","
            "\"ValidTo\":%s}",
            cases[i].text);
        if (!cases[i].accepted) {
            assert_wrong_type(KMS_OP_IMPORT_KEY_MATERIAL, body, NULL);
            continue;
        }
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, ARENA_MAX);
        struct kms_import_key_material_request out;
        decode(KMS_OP_IMPORT_KEY_MATERIAL, body, &arena, &out);
        assert_true(out.valid_to.set);
        assert_int_equal(out.valid_to.ms, cases[i].ms);
    }
}

static void assert_timestamp_text(int64_t ms, const char *expected)
{
    struct kms_schedule_key_deletion_response answer = {.deletion_date = {.set = true, .ms = ms}};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 256);
    kms_encode(KMS_WIRE_JSON, kms_operations[KMS_OP_SCHEDULE_KEY_DELETION].output, &answer, &out);
    assert_int_equal(out.err, KMS_OK);
    if (!kms_str_is(kms_buf_str(&out), expected))
        fail_msg("%.*s, expected %s", (int)out.len, (const char *)out.data, expected);
}

static void test_timestamps_are_seconds_with_a_fraction(void **state)
{
    (void)state;
    assert_timestamp_text(1568565290123, "{\"DeletionDate\":1568565290.123}");
    assert_timestamp_text(1568565290120, "{\"DeletionDate\":1568565290.12}");
    assert_timestamp_text(1568565290100, "{\"DeletionDate\":1568565290.1}");
    assert_timestamp_text(1568565290000, "{\"DeletionDate\":1568565290}");
    assert_timestamp_text(1568565290001, "{\"DeletionDate\":1568565290.001}");
    assert_timestamp_text(0, "{\"DeletionDate\":0}");
    assert_timestamp_text(-1500, "{\"DeletionDate\":-1.5}");
    assert_timestamp_text(-1, "{\"DeletionDate\":-0.001}");
}

static void test_blobs_that_are_not_base64(void **state)
{
    (void)state;
    static const char *const bad[] = {"A", "AA", "AAA", "A===", "AAAA=", "====", "AA=A",
        "AA==AA==", "AAA ", "AA-_", "AA\\n==", "AB==", "AAB=", "\\u0000AAA", "é=="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char body[64];
        (void)snprintf(body, sizeof(body), "{\"CiphertextBlob\":\"%s\"}", bad[i]);
        assert_refused(KMS_OP_DECRYPT, body, KMS_ERR_SYNTAX, NULL);
    }
}

static void test_bodies_that_are_not_objects(void **state)
{
    (void)state;
    static const char *const bad[] = {"{", "}", "{}}", "{},", "{}{}", "null", "1", "\"x\"", "x",
        " ", "{\"KeyId\":\"k\",}", "{\"KeyId\" \"k\"}", "{KeyId:\"k\"}", "{'KeyId':'k'}",
        "{\"KeyId\":\"k\"", "{\"KeyId\":\"k}", "{\"KeyId\":\"\\x\"}", "{\"KeyId\":\"\n\"}",
        "{\"KeyId\":tru}", "\xef\xbb\xbf{}", "{\"KeyId\":\"k\"} // comment", "{\"a\":\"\\\"}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(KMS_OP_DESCRIBE_KEY, bad[i], KMS_ERR_SYNTAX, NULL);
    assert_refused(
        KMS_OP_DESCRIBE_KEY, "[]", KMS_ERR_SYNTAX, "Start of list found where not expected");
    assert_refused_bytes(KMS_OP_DESCRIBE_KEY, kms_bytes("{}\0", 3), KMS_ERR_SYNTAX, NULL);
}

static void test_names_given_twice(void **state)
{
    (void)state;
    assert_refused(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"a\",\"KeyId\":\"b\"}", KMS_ERR_SYNTAX, NULL);
    assert_refused(
        KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"a\",\"Key\\u0049d\":\"b\"}", KMS_ERR_SYNTAX, NULL);
    assert_refused(
        KMS_OP_ENCRYPT, "{\"EncryptionContext\":{\"a\":\"1\",\"a\":\"2\"}}", KMS_ERR_SYNTAX, NULL);
    assert_refused(
        KMS_OP_ENCRYPT, "{\"EncryptionContext\":{\"a\\u0000\":\"1\"}}", KMS_ERR_SYNTAX, NULL);
}

static void test_invalid_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xc3", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xff", "\\ud800", "\\udc00\\ud800", "\\ud83d\\u0041"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char body[64];
        (void)snprintf(body, sizeof(body), "{\"KeyId\":\"%s\"}", bad[i]);
        assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_SYNTAX, NULL);
        (void)snprintf(body, sizeof(body), "{\"%s\":1}", bad[i]);
        assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_SYNTAX, NULL);
    }
}

static void test_nul_counts(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kms_describe_key_request out;
    decode(KMS_OP_DESCRIBE_KEY, "{\"KeyId\":\"a\\u0000b\"}", &arena, &out);
    assert_int_equal(out.key_id.len, 3);
    assert_memory_equal(out.key_id.data, "a\0b\0", 4); /* and a NUL after the last */
}

static void test_unknown_and_null_members(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kms_encrypt_request out;
    decode(KMS_OP_ENCRYPT,
        " { \"X\" : [1,{\"y\":[null,\"[{\"]}], \"keyid\":1, \"KeyId\":\"k\", "
        "\"GrantTokens\":null,\n"
        "\"EncryptionContext\":{}, \"Plaintext\":\"AAEC\", \"DryRun\":null, \"Recipient\":7 } ",
        &arena, &out);
    assert_true(kms_str_is(out.key_id, "k"));
    assert_int_equal(out.plaintext.len, 3);
    assert_memory_equal(out.plaintext.data, "\0\1\2", 3);
    assert_null(out.grant_tokens.items);
    assert_non_null(out.encryption_context.items);
    assert_int_equal(out.encryption_context.count, 0);
    assert_false(out.dry_run.set);
}

/* opening repeated, then closing repeated. */
static char *nested(const char *start, const char *opening, const char *middle, const char *closing,
    const char *end, size_t count)
{
    size_t size = strlen(start) + strlen(end) + strlen(middle) +
                  count * (strlen(opening) + strlen(closing)) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    char *at = stpcpy(text, start);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, opening);
    at = stpcpy(at, middle);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, closing);
    (void)stpcpy(at, end);
    return text;
}

static void test_depth(void **state)
{
    (void)state;
    char *body = nested("{\"KeyId\":\"k\",\"X\":", "[", "", "]", "}", KMS_CODEC_MAX_DEPTH - 1);
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kms_describe_key_request out;
    decode(KMS_OP_DESCRIBE_KEY, body, &arena, &out);
    free(body);
    static const size_t bombs[] = {KMS_CODEC_MAX_DEPTH, 2000, 100000};
    for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
        body = nested("{\"X\":", "[", "", "]", "}", bombs[i]);
        assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_TOO_DEEP, NULL);
        free(body);
        body = nested("", "{\"a\":", "1", "", "", bombs[i] + 1);
        assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_TOO_DEEP, NULL);
        free(body);
    }
    /* brackets in text are not nesting */
    body = nested("{\"X\":\"\\\"", "[", "\\\\", "{", "\",\"KeyId\":\"k\"}", 1000);
    decode(KMS_OP_DESCRIBE_KEY, body, &arena, &out);
    free(body);
}

static void test_counts(void **state)
{
    (void)state;
    char *body = nested("{\"KeyId\":\"k\",\"X\":[0", ",0", "", "", "]}", KMS_CODEC_MAX_ITEMS - 1);
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kms_describe_key_request out;
    decode(KMS_OP_DESCRIBE_KEY, body, &arena, &out);
    free(body);
    body = nested("{\"KeyId\":\"k\",\"X\":[0", ",0", "", "", "]}", KMS_CODEC_MAX_ITEMS);
    assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_LIMIT, NULL);
    free(body);
    /* many small containers: no list is too long, the whole is */
    body = nested("{\"X\":[[0]", ",[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]",
        "", "", "]}", 4000);
    assert_refused(KMS_OP_DESCRIBE_KEY, body, KMS_ERR_LIMIT, NULL);
    free(body);
}

static void test_the_arena_is_the_limit(void **state)
{
    (void)state;
    static const char body[] = "{\"KeyId\":\"k\",\"Plaintext\":\"AAAA\",\"GrantTokens\":[\"a\","
                               "\"b\"],\"EncryptionContext\":"
                               "{\"a\":\"b\"},\"EncryptionAlgorithm\":\"SYMMETRIC_DEFAULT\"}";
    bool decoded = false;
    for (size_t max = 0; !decoded; max++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, max);
        struct kms_encrypt_request out;
        struct kms_str message;
        enum kms_err err = kms_decode_request(KMS_WIRE_JSON, kms_operations[KMS_OP_ENCRYPT].input,
            kms_bytes(body, strlen(body)), &arena, &out, &message);
        decoded = err == KMS_OK;
        assert_true(decoded || err == KMS_ERR_NO_MEMORY);
        assert_true(max < 1024);
    }
}

static void test_escapes_on_the_way_out(void **state)
{
    (void)state;
    struct kms_str text = {"\"\\/\b\f\n\r\t\0\x1f\x7fé🔑\xe2\x80\xa8", 20};
    struct kms_get_key_policy_response answer = {.policy = text};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 256);
    kms_encode(KMS_WIRE_JSON, kms_operations[KMS_OP_GET_KEY_POLICY].output, &answer, &out);
    assert_true(kms_str_is(kms_buf_str(&out),
        "{\"Policy\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0000\\u001f\x7fé🔑\xe2\x80\xa8\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_of_the_wrong_type),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_timestamps_are_seconds_with_a_fraction),
        cmocka_unit_test(test_blobs_that_are_not_base64),
        cmocka_unit_test(test_bodies_that_are_not_objects),
        cmocka_unit_test(test_names_given_twice),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_nul_counts),
        cmocka_unit_test(test_unknown_and_null_members),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_the_arena_is_the_limit),
        cmocka_unit_test(test_escapes_on_the_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
