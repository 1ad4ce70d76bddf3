/* The command line. */
#include "kmsd/server/arguments.h"
#include "kmsd/server/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL (~(uint32_t)KMSD_OPTION_WORDS)

static int quiet; /* standard error, while tests make complaints on purpose */

static int silence(void **state)
{
    (void)state;
    quiet = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    (void)close(null);
    return 0;
}

static int unsilence(void **state)
{
    (void)state;
    (void)dup2(quiet, STDERR_FILENO);
    (void)close(quiet);
    return 0;
}

static bool reads(uint32_t allowed, struct kmsd_arguments *out, const char *const *words)
{
    static char copies[80][64]; /* the result points into them, and into argv */
    static char *argv[80] = {copies[0]};
    int argc = 1;
    (void)snprintf(copies[0], sizeof(copies[0]), "verb");
    for (; *words != NULL; words++, argc++) {
        (void)snprintf(copies[argc], sizeof(copies[argc]), "%s", *words);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    return kmsd_arguments_read(argc, argv, allowed, out);
}

#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

static void reads_every_option(void **state)
{
    struct kmsd_arguments arguments;
    (void)state;
    assert_true(reads(ALL, &arguments,
        WORDS("--data-dir", "d", "--account-id=1", "--region", "a", "--region", "b", "--root-key",
            "r", "--output", "json", "--config", "c", "--listen", "l", "--log-level", "debug",
            "--accept-any-credentials")));
    assert_string_equal(arguments.data_dir, "d");
    assert_string_equal(arguments.account_id, "1");
    assert_int_equal(arguments.regions.count, 2);
    assert_string_equal(arguments.regions.values[1], "b");
    assert_string_equal(arguments.root_key, "r");
    assert_string_equal(arguments.output, "json");
    assert_string_equal(arguments.config, "c");
    assert_int_equal(arguments.listen.count, 1);
    assert_string_equal(arguments.log_level, "debug");
    assert_true(arguments.accept_any_credentials);
    assert_false(arguments.help);
    assert_true(reads(0, &arguments, WORDS("--help")));
    assert_true(arguments.help);
    assert_null(arguments.data_dir);
}

static void refuses_what_it_does_not_know(void **state)
{
    struct kmsd_arguments arguments;
    (void)state;
    assert_false(reads(ALL, &arguments, WORDS("--frobnicate")));
    assert_false(reads(ALL, &arguments, WORDS("--data-dir")));
    assert_false(reads(ALL, &arguments, WORDS("--data-dir", "a", "--data-dir", "b")));
    assert_false(reads(ALL, &arguments, WORDS("--accept-any-credentials=yes")));
    assert_false(reads(ALL, &arguments, WORDS("stray")));
    assert_false(reads(ALL, &arguments, WORDS("--", "stray")));
    assert_false(reads(ALL, &arguments, WORDS("-x")));
    /* another verb's option */
    assert_false(reads(KMSD_OPTION_DATA_DIR, &arguments, WORDS("--accept-any-credentials")));
    assert_true(reads(KMSD_OPTION_DATA_DIR, &arguments, WORDS("--data-dir", "x")));
}

static void takes_words_where_they_belong(void **state)
{
    struct kmsd_arguments arguments;
    (void)state;
    assert_true(reads(KMSD_OPTION_WORDS | KMSD_OPTION_SOCKET, &arguments,
        WORDS("account", "--socket", "/s", "create", "account=1")));
    assert_string_equal(arguments.socket, "/s");
    assert_int_equal(arguments.word_count, 3);
    assert_string_equal(arguments.words[0], "account");
    assert_string_equal(arguments.words[2], "account=1");
}

static void bounds_repeated_options(void **state)
{
    struct kmsd_arguments arguments;
    const char *words[2 * KMSD_MAX_REPEATED + 3] = {NULL};
    (void)state;
    for (size_t i = 0; i < KMSD_MAX_REPEATED; i++)
        words[i] = "--region=a";
    assert_true(reads(ALL, &arguments, words));
    words[KMSD_MAX_REPEATED] = "--region=a";
    assert_false(reads(ALL, &arguments, words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_option),
        cmocka_unit_test_setup_teardown(refuses_what_it_does_not_know, silence, unsilence),
        cmocka_unit_test(takes_words_where_they_belong),
        cmocka_unit_test_setup_teardown(bounds_repeated_options, silence, unsilence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
