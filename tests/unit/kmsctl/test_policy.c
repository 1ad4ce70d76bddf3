#include "kmsctl/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOT_STATEMENT                                                             \
    "{\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\",\"Principal\":" \
    "{\"AWS\":\"arn:aws:iam::111122223333:root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}"
#define ADMIN_REST                                                                                \
    "},\"Action\":[\"kms:Create*\",\"kms:Describe*\",\"kms:Enable*\",\"kms:List*\",\"kms:Put*\"," \
    "\"kms:Update*\",\"kms:Revoke*\",\"kms:Disable*\",\"kms:Get*\",\"kms:Delete*\","              \
    "\"kms:TagResource\",\"kms:UntagResource\",\"kms:ScheduleKeyDeletion\","                      \
    "\"kms:CancelKeyDeletion\",\"kms:RotateKeyOnDemand\"],\"Resource\":\"*\"}"
#define USE_REST                                                        \
    "},\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\"," \
    "\"kms:GenerateDataKey*\",\"kms:DescribeKey\"],\"Resource\":\"*\"}"
#define GRANT_REST                                                                            \
    "},\"Action\":[\"kms:CreateGrant\",\"kms:ListGrants\",\"kms:RevokeGrant\"],\"Resource\":" \
    "\"*\",\"Condition\":{\"Bool\":{\"kms:GrantIsForAWSResource\":\"true\"}}}"
#define BEGIN "{\"Id\":\"key-consolepolicy-3\",\"Version\":\"2012-10-17\",\"Statement\":["

static const struct kms_str ann[] = {KMS_STR_LITERAL("arn:aws:iam::111122223333:user/ann")};
static const struct kms_str crew[] = {KMS_STR_LITERAL("arn:aws:iam::111122223333:user/bob"),
    KMS_STR_LITERAL("arn:aws:iam::444455556666:role/backup")};

static void expect(struct kms_str_list admins, struct kms_str_list users, const char *expected)
{
    char *text = NULL;

    assert_int_equal(
        kmsctl_policy_build(kms_str("aws"), kms_str("111122223333"), admins, users, &text), KMS_OK);
    assert_string_equal(text, expected);
    free(text);
}

static void writes_the_statements_of_the_console(void **state)
{
    struct kms_str_list none = {NULL, 0};
    struct kms_str_list one = {ann, 1};
    struct kms_str_list two = {crew, 2};

    (void)state;
    expect(none, none, BEGIN ROOT_STATEMENT "]}");
    expect(one, none,
        BEGIN ROOT_STATEMENT
        ",{\"Sid\":\"Allow access for Key Administrators\",\"Effect\":\"Allow\",\"Principal\":"
        "{\"AWS\":\"arn:aws:iam::111122223333:user/ann\"" ADMIN_REST "]}");
    expect(none, one,
        BEGIN ROOT_STATEMENT
        ",{\"Sid\":\"Allow use of the key\",\"Effect\":\"Allow\",\"Principal\":"
        "{\"AWS\":\"arn:aws:iam::111122223333:user/ann\"" USE_REST
        ",{\"Sid\":\"Allow attachment of persistent resources\",\"Effect\":\"Allow\","
        "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:user/ann\"" GRANT_REST "]}");
    expect(one, two,
        BEGIN ROOT_STATEMENT
        ",{\"Sid\":\"Allow access for Key Administrators\",\"Effect\":\"Allow\",\"Principal\":"
        "{\"AWS\":\"arn:aws:iam::111122223333:user/ann\"" ADMIN_REST
        ",{\"Sid\":\"Allow use of the key\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":["
        "\"arn:aws:iam::111122223333:user/bob\",\"arn:aws:iam::444455556666:role/backup\"]" USE_REST
        ",{\"Sid\":\"Allow attachment of persistent resources\",\"Effect\":\"Allow\","
        "\"Principal\":{\"AWS\":[\"arn:aws:iam::111122223333:user/bob\","
        "\"arn:aws:iam::444455556666:role/backup\"]" GRANT_REST "]}");
}

static void keeps_to_the_partition(void **state)
{
    char *text = NULL;
    struct kms_str_list none = {NULL, 0};

    (void)state;
    assert_int_equal(
        kmsctl_policy_build(kms_str("aws-cn"), kms_str("111122223333"), none, none, &text), KMS_OK);
    assert_non_null(strstr(text, "\"arn:aws-cn:iam::111122223333:root\""));
    free(text);
}

static void escapes_what_it_is_given(void **state)
{
    static const struct kms_str odd[] = {KMS_STR_LITERAL("arn:aws:iam::1:user/a\"},{\"b")};
    static const struct kms_str broken[] = {KMS_STR_LITERAL("arn:aws:iam::1:user/\xff")};
    struct kms_str_list none = {NULL, 0};
    char *text = NULL;

    (void)state;
    assert_int_equal(kmsctl_policy_build(kms_str("aws"), kms_str("111122223333"),
                         (struct kms_str_list){odd, 1}, none, &text),
        KMS_OK);
    assert_non_null(strstr(text, "user/a\\\"},{\\\"b\""));
    free(text);
    text = NULL;
    assert_int_equal(kmsctl_policy_build(kms_str("aws"), kms_str("111122223333"), none,
                         (struct kms_str_list){broken, 1}, &text),
        KMS_ERR_SYNTAX);
    assert_null(text);
}

static void knows_principals(void **state)
{
    (void)state;
    assert_true(kmsctl_policy_is_principal(kms_str("arn:aws:iam::111122223333:user/ann")));
    assert_true(kmsctl_policy_is_principal(kms_str("arn:aws:iam::111122223333:root")));
    assert_true(kmsctl_policy_is_principal(kms_str("arn:aws:sts::111122223333:assumed-role/r/s")));
    assert_false(kmsctl_policy_is_principal(kms_str("ann")));
    assert_false(kmsctl_policy_is_principal(kms_str("*")));
    assert_false(kmsctl_policy_is_principal(kms_str("arn:aws:iam:::user/ann")));
    assert_false(kmsctl_policy_is_principal(
        kms_str("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_statements_of_the_console),
        cmocka_unit_test(keeps_to_the_partition),
        cmocka_unit_test(escapes_what_it_is_given),
        cmocka_unit_test(knows_principals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
