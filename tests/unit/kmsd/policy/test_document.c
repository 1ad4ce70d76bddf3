/* Policy documents as text: what is taken, and how it is printed. */
#include "kmsd/policy/document.h"
#include "kmsd/policy/parse.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEEP_16 "[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]"

static void test_format(void **state)
{
    static const struct {
        const char *text;
        const char *printed;
    } cases[] = {
        {"{}", "{ }"},
        {"[]", "[ ]"},
        {"{\"a\":[]}", "{\n  \"a\" : [ ]\n}"},
        {"{\"a\":{}}", "{\n  \"a\" : { }\n}"},
        {"{\"b\":1,\"a\":true,\"c\":null,\"d\":1.5}",
            "{\n  \"b\" : 1,\n  \"a\" : true,\n  \"c\" : null,\n  \"d\" : 1.5\n}"},
        {"{\"a\":[\"x\",\"y\"]}", "{\n  \"a\" : [ \"x\", \"y\" ]\n}"},
        {"{\"a\":[{\"b\":1},{\"c\":[2,3]}]}",
            "{\n  \"a\" : [ {\n    \"b\" : 1\n  }, {\n    \"c\" : [ 2, 3 ]\n  } ]\n}"},
        {"{\"a\":\"\\\"\\\\/\\n\xc3\xbc\"}", "{\n  \"a\" : \"\\\"\\\\/\\n\xc3\xbc\"\n}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO out;
        kms_buf_init(&out, 4096);
        assert_int_equal(kmsd_policy_format(kms_str(cases[i].text), &out), KMS_OK);
        kms_buf_append_u8(&out, 0);
        assert_string_equal((const char *)out.data, cases[i].printed);

        /* the same document, and the same again when printed twice */
        json_t *before = json_loads(cases[i].text, 0, NULL);
        json_t *after = json_loads(cases[i].printed, 0, NULL);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        KMS_BUF_AUTO again;
        kms_buf_init(&again, 4096);
        assert_int_equal(kmsd_policy_format(kms_str(cases[i].printed), &again), KMS_OK);
        assert_true(kms_str_is(kms_buf_str(&again), cases[i].printed));
    }
}

static void test_format_refused(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 16);
    assert_int_equal(kmsd_policy_format(kms_str("x"), &out), KMS_ERR_SYNTAX);
    assert_int_equal(
        kmsd_policy_format(kms_str("{\"a\":\"longer than sixteen bytes\"}"), &out), KMS_ERR_LIMIT);
    KMS_BUF_AUTO deep;
    kms_buf_init(&deep, 4096);
    assert_int_equal(kmsd_policy_format(kms_str("{\"a\":" DEEP_16 "}"), &deep), KMS_ERR_TOO_DEEP);
}

static void test_default(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 4096);
    struct kmsd_policy_document *parsed = NULL;
    struct kmsd_policy_problem problem;
    struct kms_str text = kmsd_policy_default("aws-cn", kms_str("111122223333"), &arena);
    assert_int_equal(kmsd_policy_parse(text, KMSD_POLICY_KIND_KEY, &parsed, &problem), KMS_OK);
    kmsd_policy_document_free(parsed);
    assert_non_null(strstr(text.data, "\"arn:aws-cn:iam::111122223333:root\""));
    assert_non_null(strstr(text.data, "\"Enable IAM User Permissions\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_format_refused),
        cmocka_unit_test(test_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
