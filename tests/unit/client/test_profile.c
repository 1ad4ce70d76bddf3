#include "libkms/client/profile.h"

#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_AUTO __attribute__((cleanup(kms_profile_file_clean_up))) struct kms_profile_file

static void parse(enum kms_profile_file_kind kind, const char *text, struct kms_profile_file *file)
{
    kms_profile_file_init(file);
    size_t line = 0;
    enum kms_err err = kms_profile_parse(kind, kms_str(text), file, &line);
    if (err != KMS_OK)
        fail_msg("line %zu: %s", line, kms_err_text(err));
}

static void assert_value(const struct kms_profile_file *file, const char *profile, const char *name,
    const char *expected)
{
    const struct kms_profile_section *section =
        kms_profile_find(file, KMS_SECTION_PROFILE, kms_str(profile));
    assert_non_null(section);
    struct kms_str value = kms_profile_get(section, name);
    if (expected == NULL) {
        assert_null(value.data);
        return;
    }
    assert_non_null(value.data);
    assert_string_equal(value.data, expected);
    assert_int_equal(value.len, strlen(expected));
}

static void test_reads_profiles(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CONFIG,
        "# a comment\n"
        "; another\n"
        "[default]\n"
        "region=eu-central-1\n"
        "  # indented comment\n"
        "Output =   json  \r\n"
        "empty =\n"
        "\n"
        "[ profile   work ] # trailing\n"
        "region : us-west-2\n"
        "[profile \"two words\"]\n"
        "region = x\n"
        "[preview]\n"
        "region = no profile\n"
        "[profile]\n"
        "region = neither\n",
        &file);
    assert_value(&file, "default", "region", "eu-central-1");
    assert_value(&file, "default", "output", "json");
    assert_value(&file, "default", "empty", "");
    assert_value(&file, "default", "absent", NULL);
    assert_value(&file, "work", "region", "us-west-2");
    assert_value(&file, "two words", "region", "x");
    assert_null(kms_profile_find(&file, KMS_SECTION_PROFILE, kms_str("preview")));
    assert_null(kms_profile_find(&file, KMS_SECTION_PROFILE, kms_str("profile")));
    assert_null(kms_profile_get(NULL, "region").data);
}

static void test_credentials_sections_are_profiles(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CREDENTIALS,
        "[work]\n"
        "aws_access_key_id = AKID\n"
        "aws_secret_access_key = a=b:c#d;e/+\n"
        "[profile x]\n"
        "aws_access_key_id = other\n",
        &file);
    assert_value(&file, "work", "aws_access_key_id", "AKID");
    assert_value(&file, "work", "aws_secret_access_key", "a=b:c#d;e/+");
    assert_value(&file, "profile x", "aws_access_key_id", "other");
    assert_null(kms_profile_find(&file, KMS_SECTION_PROFILE, kms_str("x")));
}

/* As botocore's parser has it: a token or a command may hold what looks like a comment. */
static void test_values_are_taken_whole(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CONFIG,
        "[default]\n"
        "a = abc ;def\n"
        "b = value\t# kept\n"
        "c = value#kept;too\n"
        "d = # kept\n"
        "credential_process = sh -c \"a ; b\"\n"
        "e = one\n"
        "  two # kept\n"
        "  # not kept\n"
        "f =\n"
        "  nested = x ; kept\n",
        &file);
    assert_value(&file, "default", "a", "abc ;def");
    assert_value(&file, "default", "b", "value\t# kept");
    assert_value(&file, "default", "c", "value#kept;too");
    assert_value(&file, "default", "d", "# kept");
    assert_value(&file, "default", "credential_process", "sh -c \"a ; b\"");
    assert_value(&file, "default", "e", "one\ntwo # kept");
    const struct kms_profile_section *section =
        kms_profile_find(&file, KMS_SECTION_PROFILE, kms_str("default"));
    assert_string_equal(kms_profile_get_nested(section, "f", "nested").data, "x ; kept");
}

static void test_nested_settings(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CONFIG,
        "[profile dev]\n"
        "services = local\n"
        "s3 =\n"
        "    addressing_style = path\n"
        "\n"
        "    # comment\n"
        "    signature_version = s3v4\n"
        "region = eu-west-1\n"
        "[services local]\n"
        "s3 =\n"
        "  endpoint_url = http://localhost:1\n"
        "kms =\n"
        "  endpoint_url = http://localhost:4599/x=y\n",
        &file);
    assert_value(&file, "dev", "region", "eu-west-1");
    const struct kms_profile_section *dev =
        kms_profile_find(&file, KMS_SECTION_PROFILE, kms_str("dev"));
    assert_string_equal(kms_profile_get_nested(dev, "s3", "addressing_style").data, "path");
    assert_string_equal(kms_profile_get_nested(dev, "s3", "signature_version").data, "s3v4");
    assert_null(kms_profile_get(dev, "addressing_style").data);
    const struct kms_profile_section *services =
        kms_profile_find(&file, KMS_SECTION_SERVICES, kms_str("local"));
    assert_non_null(services);
    assert_string_equal(
        kms_profile_get_nested(services, "kms", "endpoint_url").data, "http://localhost:4599/x=y");
    assert_null(kms_profile_get_nested(services, "sqs", "endpoint_url").data);
}

static void test_continued_values(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CONFIG,
        "[default]\n"
        "credential_process = /bin/helper\n"
        "    --account 1\n"
        "\t--verbose\n"
        "region = r\n",
        &file);
    assert_value(&file, "default", "credential_process", "/bin/helper\n--account 1\n--verbose");
    assert_value(&file, "default", "region", "r");
}

static void test_profile_default_wins(void **state)
{
    (void)state;
    FILE_AUTO one;
    parse(KMS_PROFILE_CONFIG, "[default]\nregion=a\n[profile default]\nregion=b\n", &one);
    assert_value(&one, "default", "region", "b");
    FILE_AUTO two;
    parse(KMS_PROFILE_CONFIG, "[profile default]\nregion=b\n[default]\nregion=a\n", &two);
    assert_value(&two, "default", "region", "b");
}

static void test_names_of_other_kinds_do_not_repeat(void **state)
{
    (void)state;
    FILE_AUTO file;
    parse(KMS_PROFILE_CONFIG, "[profile a]\nregion=r\n[services a]\n[a]\nregion=s\n", &file);
    assert_value(&file, "a", "region", "r");
    FILE_AUTO credentials;
    parse(KMS_PROFILE_CREDENTIALS, "[profile a]\n[profile \"a\"]\n[a]\nregion=r\n", &credentials);
    assert_value(&credentials, "a", "region", "r");
}

static void test_refuses_malformed_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len; /* 0: strlen */
        size_t line;
    } rows[] = {
        {"region = x\n", 0, 1},                   /* before any section */
        {"[default]\nregion\n", 0, 2},            /* no delimiter */
        {"[default]\n= x\n", 0, 2},               /* no name */
        {"[default\nregion = x\n", 0, 1},         /* no bracket */
        {"[]\n", 0, 1},                           /* no header */
        {"[a]\n[b]\n[a]\n", 0, 3},                /* section twice */
        {"[profile a]\n[profile \"a\"]\n", 0, 2}, /* under another header */
        {"[profile a]\n[profile  a]\n", 0, 2}, {"[services a]\n[services \"a\"]\n", 0, 2},
        {"[profile default]\n[profile \"default\"]\n", 0, 2},
        {"[default]\nregion = x\nREGION = y\n", 0, 3}, /* name twice */
        {"[default]\ns3 =\n  nonsense\n", 0, 3},       /* nested without delimiter */
        {"[default]\nregion = x\0y\n", 24, 2},         /* NUL */
        {"\xef\xbb\xbf[default]\n", 0, 1},             /* byte order mark, as the CLI refuses it */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FILE_AUTO file;
        kms_profile_file_init(&file);
        struct kms_str text = kms_str(rows[i].text);
        if (rows[i].len != 0)
            text.len = rows[i].len;
        size_t line = 0;
        assert_int_equal(kms_profile_parse(KMS_PROFILE_CONFIG, text, &file, &line), KMS_ERR_SYNTAX);
        assert_int_equal(line, rows[i].line);
        assert_null(file.sections);
    }
}

static void test_is_bounded(void **state)
{
    (void)state;
    size_t line = 0;
    FILE_AUTO file;
    kms_profile_file_init(&file);
    char *text = malloc(KMS_PROFILE_FILE_MAX + 1);
    assert_non_null(text);
    memset(text, '\n', KMS_PROFILE_FILE_MAX + 1);
    struct kms_str view = {text, KMS_PROFILE_FILE_MAX + 1};
    assert_int_equal(kms_profile_parse(KMS_PROFILE_CONFIG, view, &file, &line), KMS_ERR_LIMIT);
    view.len--;
    assert_int_equal(kms_profile_parse(KMS_PROFILE_CONFIG, view, &file, &line), KMS_OK);

    /* Continuing one value over and over: quadratic, were the arena not bounded. */
    size_t len = (size_t)sprintf(text, "[default]\na = b\n");
    while (len + 3 <= KMS_PROFILE_FILE_MAX) {
        memcpy(text + len, " c\n", 3);
        len += 3;
    }
    view.len = len;
    assert_int_equal(kms_profile_parse(KMS_PROFILE_CONFIG, view, &file, &line), KMS_ERR_LIMIT);
    free(text);
}

static void test_loads_files(void **state)
{
    (void)state;
    struct kms_detail detail = {""};
    FILE_AUTO file;
    kms_profile_file_init(&file);
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path("absent"), &file, &detail), KMS_OK);
    assert_int_equal(kms_profile_load(KMS_PROFILE_CONFIG, "/dev/null", &file, &detail), KMS_OK);
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path(".aws"), &file, &detail), KMS_OK);
    assert_int_equal(mkfifo(sandbox_path("fifo"), 0600), 0);
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path("fifo"), &file, &detail), KMS_OK);
    assert_null(file.sections);

    sandbox_write("config", "[default]\nregion = r\n");
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path(".aws/config"), &file, &detail), KMS_OK);
    assert_value(&file, "default", "region", "r");

    FILE_AUTO broken;
    kms_profile_file_init(&broken);
    sandbox_write("config", "[default]\nregion\n");
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path(".aws/config"), &broken, &detail),
        KMS_ERR_CONFIG);
    assert_non_null(strstr(detail.text, ".aws/config:2:"));
    assert_int_equal(truncate(sandbox_path(".aws/config"), (off_t)KMS_PROFILE_FILE_MAX + 1), 0);
    assert_int_equal(
        kms_profile_load(KMS_PROFILE_CONFIG, sandbox_path(".aws/config"), &broken, &detail),
        KMS_ERR_CONFIG);
    assert_non_null(strstr(detail.text, "too large"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_profiles),
        cmocka_unit_test(test_credentials_sections_are_profiles),
        cmocka_unit_test(test_values_are_taken_whole),
        cmocka_unit_test(test_nested_settings),
        cmocka_unit_test(test_continued_values),
        cmocka_unit_test(test_profile_default_wins),
        cmocka_unit_test(test_names_of_other_kinds_do_not_repeat),
        cmocka_unit_test(test_refuses_malformed_files),
        cmocka_unit_test(test_is_bounded),
        cmocka_unit_test_setup_teardown(test_loads_files, sandbox_enter, sandbox_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
