/* Log lines: one for each event, whatever is in the message. */
#include "kmsd/server/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW_MS 1795396373123LL

static void formats_one_line(void **state)
{
    char line[256];
    (void)state;
    kmsd_log_format(KMSD_LOG_INFO, false, NOW_MS, "hello", line, sizeof(line));
    assert_string_equal(line, "2026-11-23T01:12:53.123Z INFO  hello\n");
    kmsd_log_format(KMSD_LOG_ERROR, true, NOW_MS, "hello", line, sizeof(line));
    assert_string_equal(line, "<3>hello\n");
}

static void escapes_what_could_forge_a_line(void **state)
{
    char line[256];
    (void)state;
    kmsd_log_format(KMSD_LOG_WARNING, true, NOW_MS,
        "a\nERROR forged\r\t\x1b[31m\x7f back\\slash \xc3\xa9", line, sizeof(line));
    assert_string_equal(
        line, "<4>a\\x0aERROR forged\\x0d\\x09\\x1b[31m\\x7f back\\x5cslash \xc3\xa9\n");
}

static void cuts_long_messages(void **state)
{
    char line[64];
    char message[500];
    (void)state;
    memset(message, '\n', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    for (size_t size = 40; size <= sizeof(line); size++) {
        memset(line, 'x', sizeof(line));
        kmsd_log_format(KMSD_LOG_INFO, false, NOW_MS, message, line, size);
        size_t len = strlen(line);
        assert_true(len < size);
        assert_int_equal(line[len - 1], '\n');
        assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    }
}

static void knows_its_levels(void **state)
{
    enum kmsd_log_level level = KMSD_LOG_ERROR;
    (void)state;
    assert_true(kmsd_log_level_parse("debug", &level));
    assert_int_equal(level, KMSD_LOG_DEBUG);
    assert_false(kmsd_log_level_parse("DEBUG", &level));
    assert_false(kmsd_log_level_parse("", &level));
    assert_int_equal(level, KMSD_LOG_DEBUG);
}

static void drops_what_is_below_the_threshold(void **state)
{
    char line[256] = "";
    int ends[2];
    (void)state;
    int saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    kmsd_log_set_level(KMSD_LOG_WARNING);
    kmsd_log(KMSD_LOG_INFO, "not %s", "this");
    kmsd_log(KMSD_LOG_WARNING, "but %d", 7);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved);
    (void)close(ends[1]);
    assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
    (void)close(ends[0]);
    assert_string_equal(strchr(line, 'W'), "WARN  but 7\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_one_line),
        cmocka_unit_test(escapes_what_could_forge_a_line),
        cmocka_unit_test(cuts_long_messages),
        cmocka_unit_test(knows_its_levels),
        cmocka_unit_test(drops_what_is_below_the_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
