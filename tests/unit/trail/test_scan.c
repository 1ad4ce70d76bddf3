/* What look-ups read off a record. */
#include "libkms/trail/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is(struct kms_str value, const char *expected)
{
    return expected == NULL ? value.data == NULL : kms_str_is(value, expected);
}

static void fields_are_found(void **state)
{
    (void)state;
    struct kms_trail_fields f;
    assert_int_equal(
        kms_trail_scan(
            kms_str("{\"userIdentity\":{\"type\":\"AssumedRole\",\"arn\":\"arn:aws:sts::1:"
                    "assumed-role/app/batch\",\"accessKeyId\":\"ASIA1\","
                    "\"sessionContext\":{\"sessionIssuer\":{\"arn\":\"other\",\"userName\":"
                    "\"app\"}}},\"eventName\":\"Encrypt\",\"requestParameters\":{"
                    "\"eventName\":\"not this\",\"resources\":[{\"ARN\":\"nor this\"}]},"
                    "\"errorCode\":\"AccessDenied\",\"readOnly\":true, \"resources\" : "
                    "[{\"type\":\"AWS::KMS::Key\",\"ARN\":\"a\"},{\"ARN\":\"b\"}],"
                    "\"eventID\":null,\"number\":-1.5E+3}"),
            &f),
        KMS_OK);
    assert_true(is(f.event_name, "Encrypt") && is(f.error_code, "AccessDenied"));
    assert_true(is(f.user_name, "batch") && is(f.access_key_id, "ASIA1"));
    assert_true(f.is_read_only && is(f.event_id, NULL));
    assert_int_equal(f.resource_count, 2);
    assert_true(is(f.resources[0].arn, "a") && is(f.resources[0].type, "AWS::KMS::Key"));
    assert_true(is(f.resources[1].arn, "b") && is(f.resources[1].type, NULL));
}

static void roots_and_users_and_services_have_names(void **state)
{
    (void)state;
    struct kms_trail_fields f;
    assert_int_equal(
        kms_trail_scan(kms_str("{\"userIdentity\":{\"arn\":\"arn:aws:iam::1:root\"}}"), &f),
        KMS_OK);
    assert_true(is(f.user_name, "root"));
    assert_int_equal(
        kms_trail_scan(kms_str("{\"userIdentity\":{\"arn\":\"arn:aws:iam::1:user/x/al\","
                               "\"userName\":\"alice\"}}"),
            &f),
        KMS_OK);
    assert_true(is(f.user_name, "alice"));
    assert_int_equal(
        kms_trail_scan(kms_str("{\"userIdentity\":{\"invokedBy\":\"AWS Internal\"}}"), &f), KMS_OK);
    assert_true(is(f.user_name, "AWS Internal"));
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    struct kms_trail_fields f;
    static const char *const bad[] = {"", "[]", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
        "{\"a\":nul}", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":\"\n\"}", "{a:1}", "{\"a\":[1,]}",
        "{\"a\":[1}", "null"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(kms_trail_scan(kms_str(bad[i]), &f), KMS_ERR_SYNTAX);
    char deep[4096] = "{\"a\":";
    memset(deep + 5, '[', sizeof(deep) - 6);
    assert_int_equal(kms_trail_scan(kms_str(deep), &f), KMS_ERR_TOO_DEEP);
}

static void text_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *escaped;
    } cases[] = {
        {"plain", 5, "plain"},
        {"a\"b\\c/d", 7, "a\\\"b\\\\c/d"},
        {"\n\r\t\b\f\x0b\0\x7f", 8, "\\n\\r\\t\\b\\f\\u000b\\u0000\\u007f"},
        {"\xc3\xa9 \xf0\x9f\x94\x91", 7, "\xc3\xa9 \xf0\x9f\x94\x91"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO escaped;
        KMS_BUF_AUTO back;
        kms_buf_init(&escaped, 256);
        kms_buf_init(&back, 256);
        kms_trail_escape(&escaped, (struct kms_str){cases[i].text, cases[i].len});
        assert_true(kms_str_is(kms_buf_str(&escaped), cases[i].escaped));
        assert_int_equal(kms_trail_unescape(&back, kms_buf_str(&escaped)), KMS_OK);
        assert_int_equal(back.len, cases[i].len);
        assert_memory_equal(back.data, cases[i].text, cases[i].len);
    }
}

static void bad_utf8_is_replaced(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 256);
    kms_trail_escape(&out, (struct kms_str){"a\xff\xc3", 3});
    assert_true(kms_str_is(kms_buf_str(&out), "a\xef\xbf\xbd\xef\xbf\xbd"));
    kms_buf_reset(&out);
    assert_int_equal(kms_trail_unescape(&out, kms_str("\\ud83d\\udd11\\u00e9")), KMS_OK);
    assert_true(kms_str_is(kms_buf_str(&out), "\xf0\x9f\x94\x91\xc3\xa9"));
    static const char *const bad[] = {"\\", "\\x", "\\u12", "\\ud83d", "\\udd11", "\\ud83d\\u0041"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(kms_trail_unescape(&out, kms_str(bad[i])), KMS_ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(roots_and_users_and_services_have_names),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(bad_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
