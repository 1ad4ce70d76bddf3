#include "kmsctl/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(uint64_t done, uint64_t total, int64_t elapsed_ms, size_t columns,
    const char *label, const char *expected)
{
    struct kmsctl_progress progress;
    char line[256];

    kmsctl_progress_begin(&progress, false, label, total);
    progress.done = done;
    kmsctl_progress_line(&progress, elapsed_ms, columns, line, sizeof(line));
    assert_string_equal(line, expected);
}

static void shows_share_rate_and_time_left(void **state)
{
    (void)state;
    expect((uint64_t)512 << 20, (uint64_t)2 << 30, 1000, 80, "backup.tar",
        "backup.tar   25%  512.0 MiB  512.0 MiB/s  ETA 0:03");
    expect(0, 1000, 1000, 80, "f", "f    0%  0 B  0 B/s  ETA -");
    expect(1000, 1000, 2000, 80, "f", "f  100%  1.0 KiB  500 B/s  ETA 0:00");
    expect(1 << 20, (uint64_t)4 << 30, 1000, 80, "f", "f    0%  1.0 MiB  1.0 MiB/s  ETA 1:08:15");
}

static void shows_what_is_known_of_pipes(void **state)
{
    (void)state;
    expect(2048, 0, 1000, 80, "standard input", "standard input  2.0 KiB  2.0 KiB/s");
    /* a file that grew meanwhile */
    expect(2048, 1024, 1000, 80, "f", "f  2.0 KiB  2.0 KiB/s");
}

static void keeps_to_the_width(void **state)
{
    struct kmsctl_progress progress;
    char line[256];

    (void)state;
    kmsctl_progress_begin(
        &progress, false, "/a/rather/long/path/to/a/file/named/backup.tar", (uint64_t)1 << 40);
    progress.done = (uint64_t)1 << 39;
    for (size_t columns = 20; columns < 120; columns++) {
        kmsctl_progress_line(&progress, 3600000, columns, line, sizeof(line));
        assert_true(strlen(line) <= columns);
    }
    expect((uint64_t)1 << 20, (uint64_t)2 << 20, 1000, 52, "/a/path/to/a/backup.tar",
        ".../a/backup.tar   50%  1.0 MiB  1.0 MiB/s  ETA 0:01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_share_rate_and_time_left),
        cmocka_unit_test(shows_what_is_known_of_pipes),
        cmocka_unit_test(keeps_to_the_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
