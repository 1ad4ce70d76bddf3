#include "kmsctl/args.h"
#include "kmsctl/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 16

struct parsed {
    char words[MAX_WORDS][64]; /* getopt_long wants to be allowed to write */
    char *argv[MAX_WORDS + 1];
    int argc;
    struct kmsctl_args args;
    struct kmsctl_failure failure;
};

/* Parses a line whose words are divided by single blanks; "" stands for an empty word. */
static enum kmsctl_exit parse(struct parsed *parsed, const char *line)
{
    char copy[512];
    char *rest = copy;

    memset(parsed, 0, sizeof(*parsed));
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(parsed->argc < MAX_WORDS);
        (void)snprintf(parsed->words[parsed->argc], sizeof(parsed->words[0]), "%s",
            strcmp(word, "\"\"") == 0 ? "" : word);
        parsed->argv[parsed->argc] = parsed->words[parsed->argc];
        parsed->argc++;
    }
    return kmsctl_args_parse(
        &kmsctl_verbs, parsed->argc, parsed->argv, &parsed->args, &parsed->failure);
}

static void expect_usage(const char *line, const char *text)
{
    struct parsed parsed;

    assert_int_equal(parse(&parsed, line), KMSCTL_USAGE);
    assert_int_equal(parsed.failure.code, KMSCTL_USAGE);
    assert_string_equal(parsed.failure.text, text);
}

static void finds_every_verb(void **state)
{
    (void)state;
    for (size_t i = 0; i < kmsctl_verbs.count; i++) {
        const struct kmsctl_verb *verb = &kmsctl_verbs.rows[i];
        struct parsed parsed;
        char line[128];

        (void)snprintf(line, sizeof(line), "kmsctl %s %s --help",
            verb->noun == NULL ? "" : verb->noun, verb->name);
        assert_int_equal(parse(&parsed, line), KMSCTL_OK);
        assert_ptr_equal(parsed.args.verb, verb);
        assert_true(kmsctl_args_has(&parsed.args, KMSCTL_OPT_HELP));
        kmsctl_args_clean_up(&parsed.args);
    }
}

/* The parser's fixed room, and what the rows have to keep to. */
static void table_is_sound(void **state)
{
    (void)state;
    size_t globals = 0;
    while (kmsctl_verbs.global_options[globals].name != NULL)
        globals++;
    for (size_t i = 0; i < kmsctl_verbs.count; i++) {
        const struct kmsctl_verb *verb = &kmsctl_verbs.rows[i];
        size_t own = 0;

        assert_non_null(verb->run);
        assert_true(verb->min_arguments <= verb->max_arguments);
        assert_true(verb->summary[strlen(verb->summary) - 1] != '.');
        for (; verb->options != NULL && verb->options[own].name != NULL; own++) {
            const struct kmsctl_option *option = &verb->options[own];

            for (size_t g = 0; g < globals; g++) {
                assert_string_not_equal(option->name, kmsctl_verbs.global_options[g].name);
                if (option->letter != 0)
                    assert_int_not_equal(option->letter, kmsctl_verbs.global_options[g].letter);
            }
            for (size_t other = 0; other < own; other++)
                assert_string_not_equal(option->name, verb->options[other].name);
        }
        assert_true(own + globals <= 48);
    }
}

static void sorts_options_and_arguments(void **state)
{
    struct parsed parsed;

    (void)state;
    assert_int_equal(parse(&parsed, "kmsctl --region r1 encrypt in -k alias/a --context=a=b "
                                    "-cc=d -o out --force --output json"),
        KMSCTL_OK);
    const struct kmsctl_args *args = &parsed.args;
    assert_string_equal(args->verb->name, "encrypt");
    assert_int_equal(args->argument_count, 1);
    assert_string_equal(kmsctl_args_argument(args, 0), "in");
    assert_null(kmsctl_args_argument(args, 1));
    assert_string_equal(kmsctl_args_value(args, KMSCTL_OPT_REGION), "r1");
    assert_string_equal(kmsctl_args_value(args, KMSCTL_OPT_KEY), "alias/a");
    assert_int_equal(kmsctl_args_count(args, KMSCTL_OPT_CONTEXT), 2);
    assert_string_equal(kmsctl_args_nth(args, KMSCTL_OPT_CONTEXT, 0), "a=b");
    assert_string_equal(kmsctl_args_nth(args, KMSCTL_OPT_CONTEXT, 1), "c=d");
    assert_string_equal(kmsctl_args_value(args, KMSCTL_OPT_OUT), "out");
    assert_string_equal(kmsctl_args_value(args, KMSCTL_OPT_OUTPUT), "json");
    assert_true(kmsctl_args_has(args, KMSCTL_OPT_FORCE));
    assert_false(kmsctl_args_has(args, KMSCTL_OPT_DIRECT));
    assert_null(kmsctl_args_value(args, KMSCTL_OPT_PROFILE));
    kmsctl_args_clean_up(&parsed.args);
}

/* Scripts may export it; the order of options must not start to matter. */
static void ignores_posixly_correct(void **state)
{
    struct parsed parsed;

    (void)state;
    assert_int_equal(setenv("POSIXLY_CORRECT", "1", 1), 0);
    assert_int_equal(parse(&parsed, "kmsctl encrypt in -k a -o out"), KMSCTL_OK);
    assert_int_equal(unsetenv("POSIXLY_CORRECT"), 0);
    assert_int_equal(parsed.args.argument_count, 1);
    assert_string_equal(kmsctl_args_value(&parsed.args, KMSCTL_OPT_OUT), "out");
    kmsctl_args_clean_up(&parsed.args);
}

static void takes_dashes_as_arguments(void **state)
{
    struct parsed parsed;

    (void)state;
    assert_int_equal(parse(&parsed, "kmsctl decrypt - -o -"), KMSCTL_OK);
    assert_string_equal(kmsctl_args_argument(&parsed.args, 0), "-");
    assert_string_equal(kmsctl_args_value(&parsed.args, KMSCTL_OPT_OUT), "-");
    kmsctl_args_clean_up(&parsed.args);

    assert_int_equal(parse(&parsed, "kmsctl decrypt -o x -- --force"), KMSCTL_OK);
    assert_string_equal(kmsctl_args_argument(&parsed.args, 0), "--force");
    assert_false(kmsctl_args_has(&parsed.args, KMSCTL_OPT_FORCE));
    kmsctl_args_clean_up(&parsed.args);
}

static void takes_both_spellings_of_the_source_context(void **state)
{
    struct parsed parsed;

    (void)state;
    assert_int_equal(parse(&parsed, "kmsctl re-encrypt -k a --context a=b --source-context c=d "
                                    "-c e=f x"),
        KMSCTL_OK);
    assert_int_equal(kmsctl_args_count(&parsed.args, KMSCTL_OPT_CONTEXT), 3);
    kmsctl_args_clean_up(&parsed.args);
}

static void refuses_bad_lines(void **state)
{
    (void)state;
    expect_usage("kmsctl", "what shall be done? See 'kmsctl --help'");
    expect_usage("kmsctl bogus", "unknown verb 'bogus'; see 'kmsctl --help'");
    expect_usage("kmsctl \"\"", "unknown verb ''; see 'kmsctl --help'");
    expect_usage("kmsctl --bogus", "unknown option '--bogus'; see 'kmsctl --help'");
    expect_usage("kmsctl key", "what shall be done with the key? See 'kmsctl key --help'");
    expect_usage("kmsctl key bogus", "unknown verb 'key bogus'; see 'kmsctl key --help'");
    expect_usage("kmsctl create", "unknown verb 'create'; see 'kmsctl --help'");
    expect_usage(
        "kmsctl key list --bogus", "unknown option '--bogus'; see 'kmsctl key list --help'");
    expect_usage("kmsctl encrypt -Z", "unknown option '-Z'; see 'kmsctl encrypt --help'");
    expect_usage("kmsctl encrypt --bogus=1 x -k a",
        "unknown option '--bogus=1'; see 'kmsctl encrypt --help'");
    expect_usage(
        "kmsctl encrypt x -k", "missing value of option '-k'; see 'kmsctl encrypt --help'");
    expect_usage(
        "kmsctl encrypt x --key", "missing value of option '--key'; see 'kmsctl encrypt --help'");
    expect_usage("kmsctl encrypt x -k a --force=yes",
        "option takes no value: '--force=yes'; see 'kmsctl encrypt --help'");
    expect_usage("kmsctl encrypt x", "--key KEY is required; see 'kmsctl encrypt --help'");
    expect_usage("kmsctl encrypt x y -k a", "unexpected argument 'y'; see 'kmsctl encrypt --help'");
    expect_usage("kmsctl random", "missing argument; usage: kmsctl random [OPTIONS] N");
    expect_usage("kmsctl decrypt x -o a -o b", "--out is given twice");
    expect_usage("kmsctl --region a key list --region b", "--region is given twice");
    /* the alias is an option of another verb */
    expect_usage("kmsctl key list --alias alias/x",
        "unknown option '--alias'; see 'kmsctl key list --help'");
}

static void asks_for_help_anywhere(void **state)
{
    static const char *const lines[] = {"kmsctl --help", "kmsctl -h", "kmsctl key --help",
        "kmsctl key -h", "kmsctl --help key", "kmsctl encrypt --help", "kmsctl --help key create"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct parsed parsed;
        char *text = NULL;
        size_t len = 0;

        assert_int_equal(parse(&parsed, lines[i]), KMSCTL_OK);
        assert_true(kmsctl_args_has(&parsed.args, KMSCTL_OPT_HELP));
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        kmsctl_help(&kmsctl_verbs, &parsed.args, out);
        assert_int_equal(fclose(out), 0);
        assert_memory_equal(text, "Usage: kmsctl ", 14);
        assert_non_null(strstr(text, "--endpoint-url URL"));
        free(text);
        kmsctl_args_clean_up(&parsed.args);
    }
}

static void reads_numbers(void **state)
{
    struct kmsctl_failure failure;
    static const char *const bad[] = {
        "", "x", "1x", " 1", "+1", "-1", "0", "31", "0x10", "99999999999999999999", "1.0"};
    long number = 0;

    (void)state;
    assert_int_equal(kmsctl_args_number("30", "N", 1, 30, &number, &failure), KMSCTL_OK);
    assert_int_equal(number, 30);
    assert_int_equal(kmsctl_args_number("007", "N", 1, 30, &number, &failure), KMSCTL_OK);
    assert_int_equal(number, 7);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(kmsctl_args_number(bad[i], "N", 1, 30, &number, &failure), KMSCTL_USAGE);
    assert_string_equal(failure.text, "N is a number from 1 to 30, not '1.0'");
    assert_int_equal(number, 7);
}

/* One word may hold any number of options without a value. */
static void takes_bundles_of_any_length(void **state)
{
    struct parsed parsed;

    (void)state;
    assert_int_equal(
        parse(&parsed, "kmsctl key list -lllllllllllllllllllllllllllllllllllllllllllllllllllllll"),
        KMSCTL_OK);
    assert_true(kmsctl_args_has(&parsed.args, KMSCTL_OPT_LONG));
    assert_int_equal(parsed.args.value_count, 1);
    kmsctl_args_clean_up(&parsed.args);
    assert_int_equal(
        parse(
            &parsed, "kmsctl -qqqqqqqqqqqqqqqqqqqqqqqqqq decrypt -ffffffffffffffffffffffffffqox y"),
        KMSCTL_OK);
    assert_string_equal(kmsctl_args_value(&parsed.args, KMSCTL_OPT_OUT), "x");
    assert_int_equal(parsed.args.value_count, 3);
    kmsctl_args_clean_up(&parsed.args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_bundles_of_any_length),
        cmocka_unit_test(finds_every_verb),
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(sorts_options_and_arguments),
        cmocka_unit_test(ignores_posixly_correct),
        cmocka_unit_test(takes_dashes_as_arguments),
        cmocka_unit_test(takes_both_spellings_of_the_source_context),
        cmocka_unit_test(refuses_bad_lines),
        cmocka_unit_test(asks_for_help_anywhere),
        cmocka_unit_test(reads_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
