#include "kmsctl/output.h"
#include "kmsctl/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct kmsctl_app app;
    char *text;
    size_t len;
};

static void start(struct fixture *fixture, enum kmsctl_format format)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->app.format = format;
    fixture->app.out = open_memstream(&fixture->text, &fixture->len);
    assert_non_null(fixture->app.out);
}

static void expect(struct fixture *fixture, const char *expected)
{
    assert_int_equal(fclose(fixture->app.out), 0);
    assert_string_equal(fixture->text, expected);
    free(fixture->text);
}

static struct kms_key_metadata example_key(void)
{
    static const enum kms_encryption_algorithm algorithms[] = {
        KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1};
    struct kms_key_metadata key = {
        .aws_account_id = kms_str("111122223333"),
        .key_id = kms_str("1234abcd-12ab-34cd-56ef-1234567890ab"),
        .creation_date = {true, 1763860373123},
        .enabled = {true, true},
        .description = kms_str("two\nlines\tand \"quotes\" \\ \x1b[31m"),
        .key_state = KMS_KEY_STATE_ENABLED,
        .key_usage = KMS_KEY_USAGE_UNRECOGNIZED,
        .encryption_algorithms = {algorithms, 2},
        .pending_deletion_window_in_days = {true, 7},
    };

    return key;
}

static json_t *example(void)
{
    struct kms_key_metadata key = example_key();
    json_t *value = kmsctl_json_of(kms_type_find("KeyMetadata")->structure, &key);

    assert_non_null(value);
    return value;
}

static void prints_structures_as_lines(void **state)
{
    struct fixture fixture;
    json_t *value = example();

    (void)state;
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_fields(&fixture.app, value), KMSCTL_OK);
    expect(&fixture, "AWSAccountId: 111122223333\n"
                     "KeyId: 1234abcd-12ab-34cd-56ef-1234567890ab\n"
                     "CreationDate: 2025-11-23T01:12:53.123Z\n"
                     "Enabled: true\n"
                     "Description: two\\nlines\\tand \"quotes\" \\\\ \\x1b[31m\n"
                     "KeyUsage: UNRECOGNIZED\n"
                     "KeyState: Enabled\n"
                     "EncryptionAlgorithms: SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1\n"
                     "PendingDeletionWindowInDays: 7\n");
    json_decref(value);
}

static void prints_structures_as_json(void **state)
{
    struct fixture fixture;
    json_t *value = example();

    (void)state;
    start(&fixture, KMSCTL_JSON);
    assert_int_equal(kmsctl_print_member(&fixture.app, value, "KeyId"), KMSCTL_OK);
    expect(&fixture, "{\n"
                     "    \"AWSAccountId\": \"111122223333\",\n"
                     "    \"KeyId\": \"1234abcd-12ab-34cd-56ef-1234567890ab\",\n"
                     "    \"CreationDate\": \"2025-11-23T01:12:53.123Z\",\n"
                     "    \"Enabled\": true,\n"
                     "    \"Description\": \"two\\nlines\\tand \\\"quotes\\\" \\\\ \\u001B[31m\",\n"
                     "    \"KeyUsage\": \"UNRECOGNIZED\",\n"
                     "    \"KeyState\": \"Enabled\",\n"
                     "    \"EncryptionAlgorithms\": [\n"
                     "        \"SYMMETRIC_DEFAULT\",\n"
                     "        \"RSAES_OAEP_SHA_1\"\n"
                     "    ],\n"
                     "    \"PendingDeletionWindowInDays\": 7\n"
                     "}\n");
    json_decref(value);
}

static void prints_one_member(void **state)
{
    struct fixture fixture;
    json_t *value = example();

    (void)state;
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_member(&fixture.app, value, "KeyId"), KMSCTL_OK);
    expect(&fixture, "1234abcd-12ab-34cd-56ef-1234567890ab\n");
    json_decref(value);
}

static void prints_nested_structures(void **state)
{
    struct fixture fixture;
    const struct kms_multi_region_key primary = {kms_str("arn:1"), kms_str("us-east-1")};
    const struct kms_multi_region_key replicas[] = {
        {kms_str("arn:2"), kms_str("us-west-1")}, {kms_str("arn:3"), kms_str("")}};
    const struct kms_multi_region_configuration configuration = {
        .multi_region_key_type = KMS_MULTI_REGION_KEY_TYPE_PRIMARY,
        .primary_key = &primary,
        .replica_keys = {replicas, 2},
    };
    struct kms_key_metadata key = {
        .key_id = kms_str("mrk-1"),
        .multi_region_configuration = &configuration,
    };
    json_t *value = kmsctl_json_of(kms_type_find("KeyMetadata")->structure, &key);

    (void)state;
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_fields(&fixture.app, value), KMSCTL_OK);
    expect(&fixture, "KeyId: mrk-1\n"
                     "MultiRegionConfiguration.MultiRegionKeyType: PRIMARY\n"
                     "MultiRegionConfiguration.PrimaryKey.Arn: arn:1\n"
                     "MultiRegionConfiguration.PrimaryKey.Region: us-east-1\n"
                     "MultiRegionConfiguration.ReplicaKeys.1.Arn: arn:2\n"
                     "MultiRegionConfiguration.ReplicaKeys.1.Region: us-west-1\n"
                     "MultiRegionConfiguration.ReplicaKeys.2.Arn: arn:3\n"
                     "MultiRegionConfiguration.ReplicaKeys.2.Region:\n");
    json_decref(value);
}

static void prints_blobs_and_maps(void **state)
{
    struct fixture fixture;
    struct kms_encrypt_response response = {
        .ciphertext_blob = kms_bytes("\x00\xff\x10", 3),
        .key_id = kms_str("k"),
    };
    const struct kms_str_pair pairs[] = {{kms_str("a\nb"), kms_str("1")}};
    json_t *value = kmsctl_json_of(kms_operations[KMS_OP_ENCRYPT].output, &response);

    (void)state;
    assert_true(kmsctl_json_add(value, "Context", kmsctl_json_map((struct kms_str_map){pairs, 1})));
    assert_true(kmsctl_json_add(value, "Hex", kmsctl_json_hex(kms_bytes("\x0a\xff", 2))));
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_fields(&fixture.app, value), KMSCTL_OK);
    expect(&fixture, "CiphertextBlob: AP8Q\n"
                     "KeyId: k\n"
                     "Context.a\\nb: 1\n"
                     "Hex: 0aff\n");
    json_decref(value);
}

static void prints_rows(void **state)
{
    static const char *const columns[] = {"Name", "Names", "Count", "None"};
    struct fixture fixture;
    json_t *value = json_pack("{s:[{s:s, s:[s,s], s:i}, {s:s, s:[]}]}", "Rows", "Name", "tab\there",
        "Names", "a", "b", "Count", 3, "Name", "", "Names");

    (void)state;
    assert_non_null(value);
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_rows(&fixture.app, value, "Rows", columns, 4), KMSCTL_OK);
    expect(&fixture, "tab\\there\ta,b\t3\t-\n-\t-\t-\t-\n");
    start(&fixture, KMSCTL_TEXT);
    assert_int_equal(kmsctl_print_done(&fixture.app, value), KMSCTL_OK);
    expect(&fixture, "");
    json_decref(value);
}

static void says_when_memory_was_out(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, KMSCTL_JSON);
    assert_int_equal(kmsctl_print_fields(&fixture.app, NULL), KMSCTL_FAILED);
    assert_int_equal(kmsctl_print_member(&fixture.app, NULL, "x"), KMSCTL_FAILED);
    assert_int_equal(kmsctl_print_rows(&fixture.app, NULL, "x", NULL, 0), KMSCTL_FAILED);
    assert_int_equal(kmsctl_print_done(&fixture.app, NULL), KMSCTL_FAILED);
    expect(&fixture, "");
}

static void shows_control_characters(void **state)
{
    struct fixture fixture;
    struct kms_str text = KMS_STR_LITERAL("a\r\x7f\xc2\x9b z\xc3\xa9\xc2\xa0");

    (void)state;
    start(&fixture, KMSCTL_TEXT);
    kmsctl_print_escaped(fixture.app.out, text);
    expect(&fixture, "a\\x0d\\x7f\\x9b z\xc3\xa9\xc2\xa0");
    start(&fixture, KMSCTL_TEXT);
    kmsctl_print_visible(fixture.app.out, kms_str("^\\p\n"));
    expect(&fixture, "^\\p\\n");
}

static void shows_control_characters_in_json(void **state)
{
    struct fixture fixture;
    json_auto_t *value = json_pack("{s:s}", "a", "\x1b \x7f\xc2\x9b z\xc3\xa9\xc2\xa0");
    json_auto_t *read = NULL;

    (void)state;
    start(&fixture, KMSCTL_JSON);
    assert_int_equal(kmsctl_print_fields(&fixture.app, value), KMSCTL_OK);
    assert_int_equal(fflush(fixture.app.out), 0);
    read = json_loads(fixture.text, 0, NULL);
    assert_true(json_equal(read, value));
    expect(&fixture, "{\n    \"a\": \"\\u001B \\u007F\\u009B z\xc3\xa9\xc2\xa0\"\n}\n");
}

static void leaves_out_text_that_is_none(void **state)
{
    json_t *value = kmsctl_json_str((struct kms_str){"\xff", 1});

    (void)state;
    assert_true(json_is_null(value));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_structures_as_lines),
        cmocka_unit_test(prints_structures_as_json),
        cmocka_unit_test(prints_one_member),
        cmocka_unit_test(prints_nested_structures),
        cmocka_unit_test(prints_blobs_and_maps),
        cmocka_unit_test(prints_rows),
        cmocka_unit_test(says_when_memory_was_out),
        cmocka_unit_test(shows_control_characters),
        cmocka_unit_test(shows_control_characters_in_json),
        cmocka_unit_test(leaves_out_text_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
