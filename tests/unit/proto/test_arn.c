#include "libkms/proto/arn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define UUID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define MRK  "mrk-1234abcd12ab34cd56ef1234567890ab"
#define HERE "arn:aws:kms:us-east-1:111122223333:"

static void assert_str(struct kms_str text, const char *expected)
{
    assert_non_null(text.data);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static void test_parse(void **state)
{
    (void)state;
    struct kms_arn arn;
    assert_int_equal(
        kms_arn_parse(kms_str("arn:aws-cn:kms:cn-north-1:111122223333:key/a:b"), &arn), KMS_OK);
    assert_str(arn.partition, "aws-cn");
    assert_str(arn.service, "kms");
    assert_str(arn.region, "cn-north-1");
    assert_str(arn.account, "111122223333");
    assert_str(arn.resource, "key/a:b");
    assert_int_equal(kms_arn_parse(kms_str("arn:aws:iam::111122223333:root"), &arn), KMS_OK);
    assert_str(arn.region, "");
    assert_int_equal(kms_arn_parse(kms_str("arn:aws:s3:::bucket/object"), &arn), KMS_OK);
    assert_str(arn.account, "");
    assert_str(arn.resource, "bucket/object");
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "arn", "arn:", "arn:::::", "arn:aws:kms",
        "arn:aws:kms:us-east-1:111122223333",
        "arn:aws:kms:us-east-1:111122223333:", "arn::kms:us-east-1:111122223333:key/a",
        "arn:aws::us-east-1:111122223333:key/a", "ARN:aws:kms:us-east-1:111122223333:key/a",
        " arn:aws:kms:us-east-1:111122223333:key/a", ":aws:kms:us-east-1:111122223333:key/a"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct kms_arn arn = {.region = kms_str("untouched")};
        assert_int_equal(kms_arn_parse(kms_str(refused[i]), &arn), KMS_ERR_SYNTAX);
        assert_str(arn.region, "untouched");
    }
    assert_int_equal(
        kms_arn_parse((struct kms_str){NULL, 0}, &(struct kms_arn){0}), KMS_ERR_SYNTAX);
}

static void test_parse_is_bounded(void **state)
{
    (void)state;
    char text[KMS_ARN_MAX + 1];
    struct kms_arn arn;
    memset(text, 'x', sizeof(text));
    memcpy(text, HERE, sizeof(HERE) - 1);
    assert_int_equal(kms_arn_parse((struct kms_str){text, KMS_ARN_MAX}, &arn), KMS_OK);
    assert_int_equal(kms_arn_parse((struct kms_str){text, KMS_ARN_MAX + 1}, &arn), KMS_ERR_SYNTAX);
}

static void test_parse_never_reads_past_the_end(void **state)
{
    (void)state;
    static const char text[] = HERE "key/" UUID;
    for (size_t len = 0; len <= sizeof(HERE) - 1; len++) {
        struct kms_arn arn;
        assert_int_equal(kms_arn_parse((struct kms_str){text, len}, &arn), KMS_ERR_SYNTAX);
    }
}

static void test_key_ids(void **state)
{
    (void)state;
    static const char *const good[] = {
        UUID, "1234ABCD-12ab-34cd-56ef-1234567890AB", MRK, "mrk-1234ABCD12ab34cd56ef1234567890AB"};
    static const char *const bad[] = {"", "foo", "1234abcd12ab34cd56ef1234567890ab", "mrk-1234",
        "mrk-", "MRK-1234abcd12ab34cd56ef1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890abc",
        "mrk-1234abcd12ab34cd56ef1234567890ag", "mrk-" UUID, UUID "0", " " UUID,
        "1234abcd-12ab-34cd-56ef-1234567890a"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(kms_key_id_is_well_formed(kms_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(kms_key_id_is_well_formed(kms_str(bad[i])));
}

/* Each kind with what is set for it: the region of the ARN, the key id, the alias name. */
static void test_key_refs(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum kms_key_ref_kind kind;
        const char *region;
        const char *id;
        const char *name;
    } refs[] = {
        {UUID, KMS_KEY_REF_ID, NULL, UUID, NULL},
        {MRK, KMS_KEY_REF_ID, NULL, MRK, NULL},
        {HERE "key/" UUID, KMS_KEY_REF_ARN, "us-east-1", UUID, NULL},
        {HERE "key/" MRK, KMS_KEY_REF_ARN, "us-east-1", MRK, NULL},
        {"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/" UUID, KMS_KEY_REF_ARN,
            "us-gov-west-1", UUID, NULL},
        {"alias/a", KMS_KEY_REF_ALIAS, NULL, NULL, "alias/a"},
        {"alias/a/b", KMS_KEY_REF_ALIAS, NULL, NULL, "alias/a/b"},
        {"alias/", KMS_KEY_REF_ALIAS, NULL, NULL, "alias/"},
        {HERE "alias/aws/s3", KMS_KEY_REF_ALIAS_ARN, "us-east-1", NULL, "alias/aws/s3"},
        {"", KMS_KEY_REF_BAD_ID, NULL, "", NULL},
        {"foo", KMS_KEY_REF_BAD_ID, NULL, "foo", NULL},
        {"mrk-1234", KMS_KEY_REF_BAD_ID, NULL, "mrk-1234", NULL},
        {"key/" UUID, KMS_KEY_REF_BAD_ID, NULL, "key/" UUID, NULL},
        {"alias", KMS_KEY_REF_BAD_ID, NULL, "alias", NULL},
        {"Alias/a", KMS_KEY_REF_BAD_ID, NULL, "Alias/a", NULL},
        {"arn", KMS_KEY_REF_BAD_ID, NULL, "arn", NULL},
        {HERE "key/foo", KMS_KEY_REF_BAD_ARN_ID, "us-east-1", "foo", NULL},
        {HERE "key/", KMS_KEY_REF_BAD_ARN_ID, "us-east-1", "", NULL},
        {HERE "key/" UUID "/x", KMS_KEY_REF_BAD_ARN_ID, "us-east-1", UUID "/x", NULL},
        {"arn:", KMS_KEY_REF_BAD_ARN, NULL, NULL, NULL},
        {"arn:aws:kms:us-east-1:111122223333", KMS_KEY_REF_BAD_ARN, NULL, NULL, NULL},
        {"arn:aws:s3:us-east-1:111122223333:key/" UUID, KMS_KEY_REF_BAD_ARN, "us-east-1", NULL,
            NULL},
        {HERE "grant/" UUID, KMS_KEY_REF_BAD_ARN, "us-east-1", NULL, NULL},
        {HERE "key", KMS_KEY_REF_BAD_ARN, "us-east-1", NULL, NULL},
        {"arn:aws:kms::111122223333:key/" UUID, KMS_KEY_REF_BAD_ARN, "", NULL, NULL},
        {"arn:aws:kms:us-east-1::key/" UUID, KMS_KEY_REF_BAD_ARN, "us-east-1", NULL, NULL},
        {"arn:aws:kms:us-east-1:11112222333:key/" UUID, KMS_KEY_REF_BAD_ARN, "us-east-1", NULL,
            NULL},
        {"arn:aws:kms:us-east-1:11112222333a:key/" UUID, KMS_KEY_REF_BAD_ARN, "us-east-1", NULL,
            NULL},
        {"arn:aws:kms:a-region-name-that-is-too-long-to-be-one:111122223333:key/" UUID,
            KMS_KEY_REF_BAD_ARN, "a-region-name-that-is-too-long-to-be-one", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        struct kms_key_ref ref = kms_key_ref_parse(kms_str(refs[i].text));
        const struct {
            struct kms_str is;
            const char *should_be;
        } parts[] = {
            {ref.arn.region, refs[i].region}, {ref.id, refs[i].id}, {ref.name, refs[i].name}};
        if (ref.kind != refs[i].kind)
            fail_msg("%s is of kind %d", refs[i].text, (int)ref.kind);
        for (size_t part = 0; part < 3; part++) {
            if (parts[part].should_be == NULL)
                assert_null(parts[part].is.data);
            else
                assert_str(parts[part].is, parts[part].should_be);
        }
    }
}

static void test_partitions(void **state)
{
    (void)state;
    assert_string_equal(kms_partition_of_region(kms_str("us-east-1")), "aws");
    assert_string_equal(kms_partition_of_region(kms_str("eu-central-2")), "aws");
    assert_string_equal(kms_partition_of_region(kms_str("cn-north-1")), "aws-cn");
    assert_string_equal(kms_partition_of_region(kms_str("us-gov-west-1")), "aws-us-gov");
    assert_string_equal(kms_partition_of_region(kms_str("")), "aws");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_is_bounded),
        cmocka_unit_test(test_parse_never_reads_past_the_end),
        cmocka_unit_test(test_key_ids),
        cmocka_unit_test(test_key_refs),
        cmocka_unit_test(test_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
