/* Values of condition keys, the list of keys, and where answers come from. */
#include "kmsd/policy/context.h"

#include "libkms/base/clock.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

#include <cmocka.h>

/* --- numbers, addresses, times ---------------------------------------------------------------- */

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kms_err err;
        int64_t whole;
        int32_t nano;
    } rows[] = {
        {"0", KMS_OK, 0, 0},
        {"-0", KMS_OK, 0, 0},
        {"+7", KMS_OK, 7, 0},
        {"007", KMS_OK, 7, 0},
        {"1.5", KMS_OK, 1, 500000000},
        {"-1.5", KMS_OK, -2, 500000000},
        {"-0.000000001", KMS_OK, -1, 999999999},
        {"0.123456789", KMS_OK, 0, 123456789},
        {"9223372036854775807", KMS_OK, INT64_MAX, 0},
        {"-9223372036854775808", KMS_OK, INT64_MIN, 0},
        {"-9223372036854775808.5", KMS_ERR_SYNTAX, 0, 0},
        {"9223372036854775808", KMS_ERR_SYNTAX, 0, 0},
        {"-9223372036854775809", KMS_ERR_SYNTAX, 0, 0},
        {"0.1234567890", KMS_ERR_SYNTAX, 0, 0},
        {"", KMS_ERR_SYNTAX, 0, 0},
        {"-", KMS_ERR_SYNTAX, 0, 0},
        {".5", KMS_ERR_SYNTAX, 0, 0},
        {"5.", KMS_ERR_SYNTAX, 0, 0},
        {"1e3", KMS_ERR_SYNTAX, 0, 0},
        {"0x10", KMS_ERR_SYNTAX, 0, 0},
        {" 1", KMS_ERR_SYNTAX, 0, 0},
        {"1 ", KMS_ERR_SYNTAX, 0, 0},
        {"1.5.5", KMS_ERR_SYNTAX, 0, 0},
        {"--1", KMS_ERR_SYNTAX, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kmsd_policy_number number = {0, 0};
        assert_int_equal(kmsd_policy_number_parse(kms_str(rows[i].text), &number), rows[i].err);
        if (number.whole != rows[i].whole || number.nano != rows[i].nano)
            fail_msg("%s", rows[i].text);
    }
}

static void test_order_of_numbers(void **state)
{
    (void)state;
    static const char *const ascending[] = {"-9223372036854775808", "-2", "-1.5", "-1.25", "-1",
        "-0.5", "0", "0.000000001", "0.5", "1", "9223372036854775807"};
    int count = sizeof(ascending) / sizeof(ascending[0]);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            struct kmsd_policy_number a, b;
            assert_int_equal(kmsd_policy_number_parse(kms_str(ascending[i]), &a), KMS_OK);
            assert_int_equal(kmsd_policy_number_parse(kms_str(ascending[j]), &b), KMS_OK);
            assert_int_equal(kmsd_policy_number_compare(a, b), (i > j) - (i < j));
        }
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const malformed[] = {"", "/", "/24", "1.2.3", "1.2.3.4.5", "256.1.1.1",
        "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "1.2.3.4/+1", "1.2.3.4/1.5", "1.2.3.4/0000",
        "::/129", ":::", "1.2.3.4 ", "g::", "1.2.3.4/24/8", "01.2.3.4x",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    struct kmsd_policy_ip ip;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        if (kmsd_policy_ip_parse(kms_str(malformed[i]), &ip) != KMS_ERR_SYNTAX)
            fail_msg("%s", malformed[i]);
    const struct kms_str with_nul = {"1.2.3.4\0", 8};
    assert_int_equal(kmsd_policy_ip_parse(with_nul, &ip), KMS_ERR_SYNTAX);

    assert_int_equal(kmsd_policy_ip_parse(kms_str("::ffff:10.1.0.0/112"), &ip), KMS_OK);
    assert_false(ip.is_v6);
    assert_int_equal(ip.prefix_bits, 16);
    assert_int_equal(kmsd_policy_ip_parse(kms_str("::/0"), &ip), KMS_OK);
    assert_true(ip.is_v6);
    assert_int_equal(ip.prefix_bits, 0);
}

static void test_ranges(void **state)
{
    (void)state;
    struct kmsd_policy_ip range, address, wider;
    assert_int_equal(kmsd_policy_ip_parse(kms_str("10.1.2.3"), &address), KMS_OK);
    for (unsigned bits = 0; bits <= 32; bits++) {
        char text[32];
        for (unsigned flipped = 0; flipped < 32; flipped++) {
            uint32_t other = 0x0a010203u ^ (0x80000000u >> flipped);
            (void)snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", other >> 24, other >> 16 & 255,
                other >> 8 & 255, other & 255, bits);
            assert_int_equal(kmsd_policy_ip_parse(kms_str(text), &range), KMS_OK);
            assert_int_equal(kmsd_policy_ip_contains(&range, &address), flipped >= bits);
        }
    }
    assert_int_equal(kmsd_policy_ip_parse(kms_str("10.0.0.0/8"), &wider), KMS_OK);
    assert_int_equal(kmsd_policy_ip_parse(kms_str("10.0.0.0/16"), &range), KMS_OK);
    assert_true(kmsd_policy_ip_contains(&wider, &range));
    assert_false(kmsd_policy_ip_contains(&range, &wider));
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *time; /* NULL: no time */
    } rows[] = {
        {"2026", "2026-01-01T00:00:00Z"},
        {"2026-11", "2026-11-01T00:00:00Z"},
        {"2026-11-23", "2026-11-23T00:00:00Z"},
        {"2026-11-23T01:12Z", "2026-11-23T01:12:00Z"},
        {"2026-11-23T01:12+01:00", "2026-11-23T00:12:00Z"},
        {"2026-11-23T01:12:53Z", "2026-11-23T01:12:53Z"},
        {"2026-11-23T01:12:53.25Z", "2026-11-23T01:12:53.250Z"},
        {"20261123T011253Z", "2026-11-23T01:12:53Z"},
        {"0", NULL}, /* checked apart */
        {"2026-13", NULL},
        {"2026-11-31", NULL},
        {"2026-11-23T01Z", NULL},
        {"2026-11-23T01:12", NULL},
        {"2026-11-23 01:12:53", NULL},
        {"2026-11-23T24:00:00Z", NULL},
        {"tomorrow", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t time_ms = -1, expected = -1;
        enum kms_err err = kmsd_policy_time_parse(kms_str(rows[i].text), &time_ms);
        if (strcmp(rows[i].text, "0") == 0) {
            assert_int_equal(time_ms, 0);
            continue;
        }
        if ((err == KMS_OK) != (rows[i].time != NULL))
            fail_msg("%s: %s", rows[i].text, kms_err_text(err));
        if (rows[i].time != NULL)
            assert_int_equal(kms_time_parse_rfc3339(kms_str(rows[i].time), &expected), KMS_OK);
        assert_int_equal(time_ms, expected);
    }
    int64_t time_ms;
    assert_int_equal(kmsd_policy_time_parse(kms_str("1795396373"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, INT64_C(1795396373000));
    assert_int_equal(kmsd_policy_time_parse(kms_str("-1.5"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, -1500);
    assert_int_equal(kmsd_policy_time_parse(kms_str("1568565290.123"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, INT64_C(1568565290123));
    assert_int_equal(
        kmsd_policy_time_parse(kms_str("9223372036854775807"), &time_ms), KMS_ERR_SYNTAX);
    assert_int_equal(kmsd_policy_time_parse(kms_str("-9223372036854775"), &time_ms), KMS_OK);
}

static void check_text(struct kmsd_policy_value value, const char *expected)
{
    char buffer[KMSD_POLICY_VALUE_TEXT_MAX];
    struct kms_str text = kmsd_policy_value_text(&value, 0, buffer);
    if (expected == NULL)
        assert_null(text.data);
    else if (!kms_str_is(text, expected))
        fail_msg("%.*s instead of %s", (int)text.len, text.data, expected);
}

static void test_texts_of_values(void **state)
{
    (void)state;
    struct kmsd_policy_ip ip;
    check_text(kmsd_policy_text(kms_str("x")), "x");
    check_text(kmsd_policy_number(-12), "-12");
    check_text(kmsd_policy_number(INT64_MIN), "-9223372036854775808");
    check_text(kmsd_policy_bool(true), "true");
    check_text(kmsd_policy_bool(false), "false");
    check_text(kmsd_policy_time(0), "1970-01-01T00:00:00Z");
    check_text(kmsd_policy_time(1), "1970-01-01T00:00:00.001Z");
    check_text(kmsd_policy_binary(kms_bytes("x", 1)), NULL);
    assert_int_equal(kmsd_policy_ip_parse(kms_str("2001:0DB8::0001"), &ip), KMS_OK);
    check_text(kmsd_policy_ip(ip), "2001:db8::1");
    assert_int_equal(
        kmsd_policy_ip_parse(kms_str("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), &ip), KMS_OK);
    check_text(kmsd_policy_ip(ip), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

/* --- the list of keys ------------------------------------------------------------------------- */

static struct kmsd_policy_key_name named(const char *text)
{
    struct kmsd_policy_key_name name;
    assert_int_equal(kmsd_policy_key_name_parse(kms_str(text), &name), KMS_OK);
    return name;
}

static void test_key_names(void **state)
{
    (void)state;
    static const char *const malformed[] = {"", "x", ":", "kms:", ":x"};
    struct kmsd_policy_key_name name;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(kmsd_policy_key_name_parse(kms_str(malformed[i]), &name), KMS_ERR_SYNTAX);
    char text[KMSD_POLICY_KEY_NAME_MAX + 2];
    memset(text, ':', sizeof(text));
    text[0] = 'a';
    const struct kms_str longest = {text, KMSD_POLICY_KEY_NAME_MAX};
    const struct kms_str longer = {text, KMSD_POLICY_KEY_NAME_MAX + 1};
    assert_int_equal(kmsd_policy_key_name_parse(longest, &name), KMS_OK);
    assert_int_equal(kmsd_policy_key_name_parse(longer, &name), KMS_ERR_SYNTAX);

    assert_int_equal(named("KMS:viaservice").key, KMSD_KEY_VIA_SERVICE);
    assert_int_equal(named("kms:ViaServices").key, KMSD_KEY_OTHER);
    assert_int_equal(named("saml:sub").key, KMSD_KEY_OTHER);
    name = named("kms:EncryptionContext:aws:s3:Arn");
    assert_int_equal(name.key, KMSD_KEY_ENCRYPTION_CONTEXT);
    assert_true(kms_str_is(name.parameter, "aws:s3:Arn"));
    assert_int_equal(named("kms:EncryptionContext:").key, KMSD_KEY_OTHER);
    assert_int_equal(named("kms:EncryptionContextKeys").key, KMSD_KEY_ENCRYPTION_CONTEXT_KEYS);
    assert_int_equal(named("aws:RequestTag/a/b").key, KMSD_KEY_REQUEST_TAG);
    assert_true(kms_str_is(named("aws:RequestTag/a/b").parameter, "a/b"));
}

/* Every row can be found by its own name. */
static void test_every_key_has_a_name(void **state)
{
    (void)state;
    for (int key = KMSD_KEY_OTHER + 1; key < KMSD_KEY_COUNT_; key++) {
        const struct kmsd_policy_key_info *info = kmsd_policy_key_info((enum kmsd_policy_key)key);
        char text[128];
        assert_non_null(info->name);
        (void)snprintf(text, sizeof(text), "%s%s", info->name, info->is_family ? "x" : "");
        assert_int_equal(named(text).key, key);
    }
    assert_string_equal(kmsd_policy_key_info(KMSD_KEY_COUNT_)->name, "");
    assert_string_equal(kmsd_policy_key_info((enum kmsd_policy_key) - 1)->name, "");
}

/* The keys of the authorization reference are all there, lists as lists. */
static void test_reference(void **state)
{
    (void)state;
    json_error_t error;
    json_t *reference = json_load_file(KMS_TEST_VECTORS "/policy/kms-iam-data.json", 0, &error);
    assert_non_null(reference);
    const char *id;
    json_t *row;
    size_t count = 0;
    json_object_foreach(json_object_get(reference, "conditionKeys"), id, row)
    {
        const char *name = json_string_value(json_object_get(row, "key"));
        const char *type = json_string_value(json_object_get(row, "type"));
        enum kmsd_policy_key key = named(name).key;
        if (key == KMSD_KEY_OTHER)
            fail_msg("%s is missing", name);
        assert_int_equal(kmsd_policy_key_info(key)->is_list, strncmp(type, "ArrayOf", 7) == 0);
        count++;
    }
    assert_int_equal(count, 98);
    json_decref(reference);
}

/* --- where answers come from ------------------------------------------------------------------ */

static size_t asked;

static bool answer(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    asked++;
    if (name->key == KMSD_KEY_ENCRYPTION_CONTEXT)
        return kmsd_policy_map_find(arg, name, out);
    if (name->key != KMSD_KEY_ENCRYPTION_CONTEXT_KEYS)
        return false;
    *out = kmsd_policy_keys_of(*(const struct kms_str_map *)arg);
    return true;
}

static void test_lookup(void **state)
{
    (void)state;
    static const struct kms_str_pair pairs[] = {
        {KMS_STR_LITERAL("stage"), KMS_STR_LITERAL("lower")},
        {KMS_STR_LITERAL("Stage"), KMS_STR_LITERAL("upper")},
        {KMS_STR_LITERAL("Owner"), KMS_STR_LITERAL("alice")}};
    static const struct kms_str_map map = {pairs, 3};
    const struct kmsd_policy_subject subject = {
        .kind = KMSD_SUBJECT_USER, .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:user/a")};
    const struct kmsd_policy_entry entries[] = {
        {KMS_STR_LITERAL("kms:viaSERVICE"), kmsd_policy_text(kms_str("s3"))},
        {KMS_STR_LITERAL("aws:PrincipalArn"), kmsd_policy_text(kms_str("forged"))},
    };
    const struct kmsd_policy_context context = {.subject = &subject,
        .entries = entries,
        .entry_count = 2,
        .lookup = answer,
        .lookup_arg = &map};
    struct kmsd_policy_value value;
    struct kmsd_policy_key_name name = named("kms:ViaService");
    asked = 0;
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(kms_str_is(value.text, "s3"));
    name = named("aws:PrincipalArn");
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(kms_str_eq(value.text, subject.arn));
    const struct kmsd_policy_subject session = {.kind = KMSD_SUBJECT_ROLE_SESSION,
        .arn = KMS_STR_LITERAL("arn:aws:sts::111122223333:assumed-role/r/s"),
        .token_issued_ms = INT64_C(1795396373123)};
    const struct kmsd_policy_context temporary = {.subject = &session};
    name = named("aws:tokenissuetime");
    assert_false(kmsd_policy_context_find(&context, &name, &value)); /* long-lived */
    assert_true(kmsd_policy_context_find(&temporary, &name, &value));
    assert_int_equal(value.kind, KMSD_VALUE_TIME);
    assert_int_equal(value.time_ms, session.token_issued_ms);
    name = named("aws:PrincipalAccount"); /* the subject has none, and nobody else is asked */
    assert_false(kmsd_policy_context_find(&context, &name, &value));
    assert_int_equal(asked, 0);

    /* the pair written in the same way is preferred to one that differs in case */
    name = named("kms:EncryptionContext:Stage");
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(kms_str_is(value.text, "upper"));
    name = named("kms:EncryptionContext:STAGE");
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(kms_str_is(value.text, "lower"));
    name = named("kms:EncryptionContext:owner");
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(kms_str_is(value.text, "alice"));
    name = named("kms:EncryptionContextKeys");
    assert_true(kmsd_policy_context_find(&context, &name, &value));
    assert_true(value.is_list);
    assert_int_equal(value.count, 3);
    char buffer[KMSD_POLICY_VALUE_TEXT_MAX];
    assert_true(kms_str_is(kmsd_policy_value_text(&value, 2, buffer), "Owner"));
    assert_int_equal(asked, 4);
    name = named("kms:KeySpec");
    assert_false(kmsd_policy_context_find(&context, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_order_of_numbers),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_texts_of_values),
        cmocka_unit_test(test_key_names),
        cmocka_unit_test(test_every_key_has_a_name),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
