#include "kmsd/query/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct kms_arena arena;

static enum kms_err parse(const char *body, struct kmsd_form *form)
{
    kms_arena_reset(&arena);
    return kmsd_form_parse(kms_bytes(body, strlen(body)), &arena, form);
}

static void assert_value(const struct kmsd_form *form, const char *name, const char *value)
{
    struct kms_str found = kmsd_form_get(form, name);
    assert_non_null(found.data);
    assert_true(kms_str_is(found, value));
}

static void reads_names_and_values(void **state)
{
    struct kmsd_form form;
    (void)state;
    assert_int_equal(
        parse("Action=CreateUser&UserName=a+b%2Bc&Empty=&Bare&&Z=%C3%A4", &form), KMS_OK);
    assert_int_equal(form.count, 5);
    assert_value(&form, "Action", "CreateUser");
    assert_value(&form, "UserName", "a b+c");
    assert_value(&form, "Empty", "");
    assert_value(&form, "Bare", "");
    assert_value(&form, "Z", "\xc3\xa4");
    assert_null(kmsd_form_get(&form, "action").data);
    assert_int_equal(parse("", &form), KMS_OK);
    assert_int_equal(form.count, 0);
    assert_null(kmsd_form_get(&form, "Action").data);
}

static void finds_members_of_lists(void **state)
{
    struct kmsd_form form;
    (void)state;
    assert_int_equal(
        parse("Tags.member.2.Key=b&Tags.member.1.Key=a&TagKeys.member.1=x", &form), KMS_OK);
    assert_true(kms_str_is(kmsd_form_member(&form, "Tags", 1, "Key"), "a"));
    assert_true(kms_str_is(kmsd_form_member(&form, "Tags", 2, "Key"), "b"));
    assert_null(kmsd_form_member(&form, "Tags", 3, "Key").data);
    assert_true(kms_str_is(kmsd_form_member(&form, "TagKeys", 1, NULL), "x"));
}

static void refuses_what_is_malformed(void **state)
{
    static const char *const bodies[] = {"=x", "a=%", "a=%4", "a=%4g", "a=%g4", "a=%00", "a=%ff",
        "a=%c3", "a=%c0%80", "%=1", "a=%ed%a0%80"};
    struct kmsd_form form;
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_int_equal(parse(bodies[i], &form), KMS_ERR_SYNTAX);
    assert_int_equal(parse("a=1&b=2&a=1", &form), KMS_ERR_EXISTS);
    assert_int_equal(parse("a=1&%61=2", &form), KMS_ERR_EXISTS);
}

static void bounds_the_number_of_parameters(void **state)
{
    enum { LEN = 2 * KMSD_FORM_MAX + 8 };
    struct kmsd_form form;
    char *body = malloc(LEN + 1);
    (void)state;
    assert_non_null(body);
    memset(body, '&', LEN);
    body[LEN] = '\0';
    assert_int_equal(parse(body, &form), KMS_ERR_LIMIT);
    body[KMSD_FORM_MAX - 1] = '\0';
    assert_int_equal(parse(body, &form), KMS_OK);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_and_values),
        cmocka_unit_test(finds_members_of_lists),
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(bounds_the_number_of_parameters),
    };
    kms_arena_init(&arena, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kms_arena_clean_up(&arena);
    return failed;
}
