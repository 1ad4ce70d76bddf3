/* Options that become arguments of the API: keys, contexts, tags, formats. */
#include "kmsctl/app.h"
#include "kmsctl/listing.h"
#include "kmsctl/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct kmsctl_args args;
    struct kmsctl_app app;
};

/* words ends with NULL. */
static enum kmsctl_exit start(struct fixture *fixture, char **words)
{
    struct kmsctl_failure failure;
    int count = 0;

    while (words[count] != NULL)
        count++;
    assert_int_equal(
        kmsctl_args_parse(&kmsctl_verbs, count, words, &fixture->args, &failure), KMSCTL_OK);
    return kmsctl_app_init(&fixture->app, &fixture->args, stdout);
}

static void stop(struct fixture *fixture)
{
    kmsctl_app_clean_up(&fixture->app);
    kmsctl_args_clean_up(&fixture->args);
}

static void chooses_the_format(void **state)
{
    struct fixture fixture;
    char *plain[] = {"kmsctl", "key", "list", NULL};
    char *text[] = {"kmsctl", "key", "list", "--output", "text", NULL};
    char *json[] = {"kmsctl", "--output", "json", "key", "list", NULL};
    char *wrong[] = {"kmsctl", "key", "list", "--output", "a.kms", NULL};

    (void)state;
    assert_int_equal(start(&fixture, plain), KMSCTL_OK);
    assert_int_equal(fixture.app.format, KMSCTL_TEXT);
    stop(&fixture);
    assert_int_equal(start(&fixture, text), KMSCTL_OK);
    assert_int_equal(fixture.app.format, KMSCTL_TEXT);
    stop(&fixture);
    assert_int_equal(start(&fixture, json), KMSCTL_OK);
    assert_int_equal(fixture.app.format, KMSCTL_JSON);
    stop(&fixture);
    assert_int_equal(start(&fixture, wrong), KMSCTL_USAGE);
    assert_string_equal(fixture.app.failure.text,
        "--output is json or text, not 'a.kms'; the file to write is named by -o");
    stop(&fixture);
}

static void splits_pairs(void **state)
{
    struct fixture fixture;
    struct kms_str_map map;
    char *words[] = {"kmsctl", "decrypt", "-c", "a=b=c", "-c", "empty=", "-c", "ключ=значение",
        "-c", "Aws-crypto-x=1", NULL};

    (void)state;
    assert_int_equal(start(&fixture, words), KMSCTL_OK);
    assert_int_equal(kmsctl_app_pairs(&fixture.app, KMSCTL_OPT_CONTEXT, NULL, &map), KMSCTL_OK);
    assert_int_equal(map.count, 4);
    assert_true(kms_str_is(map.items[0].key, "a"));
    assert_true(kms_str_is(map.items[0].value, "b=c"));
    assert_true(kms_str_is(map.items[1].key, "empty"));
    assert_true(kms_str_is(map.items[1].value, ""));
    assert_non_null(map.items[1].value.data); /* empty, not absent */
    assert_true(kms_str_is(map.items[2].key, "ключ"));
    assert_true(kms_str_is(map.items[2].value, "значение"));
    assert_int_equal(kmsctl_app_pairs(&fixture.app, KMSCTL_OPT_TAG, NULL, &map), KMSCTL_OK);
    assert_null(map.items);
    stop(&fixture);
}

static void expect_bad_pair(char *first, char *second, const char *text)
{
    struct fixture fixture;
    struct kms_str_map map = {NULL, 77};
    char *words[] = {"kmsctl", "decrypt", "-c", first, "-c", second, NULL};

    assert_int_equal(start(&fixture, words), KMSCTL_OK);
    assert_int_equal(kmsctl_app_pairs(&fixture.app, KMSCTL_OPT_CONTEXT, NULL, &map), KMSCTL_USAGE);
    assert_string_equal(fixture.app.failure.text, text);
    assert_int_equal(map.count, 77);
    stop(&fixture);
}

static void refuses_bad_pairs(void **state)
{
    (void)state;
    expect_bad_pair("a=b", "novalue", "'novalue' is not of the form KEY=VALUE");
    expect_bad_pair("a=b", "=v", "'=v' is not of the form KEY=VALUE");
    expect_bad_pair("a=b", "a=c", "'a' is given twice");
    expect_bad_pair("a=b", "c=\xff", "a KEY=VALUE pair is not UTF-8 text");
    expect_bad_pair("a=b", "aws-crypto-public-key=x",
        "'aws-crypto-public-key': keys that begin with aws-crypto- are reserved");
}

static void refuses_a_key_in_both_contexts(void **state)
{
    struct fixture fixture;
    struct kms_str_map stored;
    struct kms_str_map unstored;
    char *words[] = {"kmsctl", "decrypt", "-c", "a=b", "--unstored-context", "a=c", NULL};

    (void)state;
    assert_int_equal(start(&fixture, words), KMSCTL_OK);
    assert_int_equal(kmsctl_app_pairs(&fixture.app, KMSCTL_OPT_CONTEXT, NULL, &stored), KMSCTL_OK);
    assert_int_equal(
        kmsctl_app_pairs(&fixture.app, KMSCTL_OPT_UNSTORED_CONTEXT, &stored, &unstored),
        KMSCTL_USAGE);
    stop(&fixture);
}

static void names_keys(void **state)
{
    struct fixture fixture;
    struct kms_str key;
    char long_name[2050];
    char *words[] = {"kmsctl", "key", "list", NULL};

    (void)state;
    memset(long_name, 'k', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(start(&fixture, words), KMSCTL_OK);
    assert_int_equal(kmsctl_app_key(&fixture.app, "aws/s3", &key), KMSCTL_OK);
    assert_true(kms_str_is(key, "alias/aws/s3"));
    assert_int_equal(kmsctl_app_key(&fixture.app, "alias/x", &key), KMSCTL_OK);
    assert_true(kms_str_is(key, "alias/x"));
    assert_int_equal(kmsctl_app_key(&fixture.app, "", &key), KMSCTL_USAGE);
    assert_int_equal(kmsctl_app_key(&fixture.app, long_name, &key), KMSCTL_USAGE);
    long_name[2048] = '\0';
    assert_int_equal(kmsctl_app_key(&fixture.app, long_name, &key), KMSCTL_OK);
    stop(&fixture);
}

static void checks_alias_names(void **state)
{
    struct fixture fixture;
    char *words[] = {"kmsctl", "key", "list", NULL};

    (void)state;
    assert_int_equal(start(&fixture, words), KMSCTL_OK);
    assert_int_equal(kmsctl_check_alias_name(&fixture.app, "alias/a/b"), KMSCTL_OK);
    assert_int_equal(kmsctl_check_alias_name(&fixture.app, "backups"), KMSCTL_USAGE);
    assert_string_equal(fixture.app.failure.text,
        "an alias is written alias/NAME, so not 'backups' but alias/backups");
    assert_int_equal(kmsctl_check_alias_name(&fixture.app, "alias/"), KMSCTL_USAGE);
    assert_int_equal(kmsctl_check_alias_name(&fixture.app, ""), KMSCTL_USAGE);
    stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses_the_format),
        cmocka_unit_test(splits_pairs),
        cmocka_unit_test(refuses_bad_pairs),
        cmocka_unit_test(refuses_a_key_in_both_contexts),
        cmocka_unit_test(names_keys),
        cmocka_unit_test(checks_alias_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
