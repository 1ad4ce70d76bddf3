/* Clocks that step. */
#include "kmsd/jobs/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR ((int64_t)60 * 60 * 1000)
#define DAY  (24 * HOUR)
#define NOW  INT64_C(1795392000123)

static void test_time_that_goes_by(void **state)
{
    struct kmsd_watch watch;
    (void)state;
    kmsd_watch_init(&watch, NOW, 50, 0);
    for (int64_t ms = 0; ms < 100 * DAY; ms += DAY + 7) {
        assert_false(kmsd_watch_see(&watch, NOW + ms, 50 + ms));
        assert_false(kmsd_watch_deletions_wait(&watch));
    }
    /* a correction by less than an hour, and any backwards, are nothing to worry about */
    assert_false(kmsd_watch_see(&watch, NOW + 100 * DAY + HOUR, 50 + 100 * DAY));
    assert_false(kmsd_watch_see(&watch, NOW - 1000 * DAY, 50 + 100 * DAY + 1));
    assert_false(kmsd_watch_deletions_wait(&watch));
}

static void test_a_step_forward(void **state)
{
    struct kmsd_watch watch;
    (void)state;
    kmsd_watch_init(&watch, NOW, 0, 0);
    assert_true(kmsd_watch_see(&watch, NOW + 40 * DAY + 5, 5));
    assert_true(kmsd_watch_deletions_wait(&watch));
    assert_false(kmsd_watch_see(&watch, NOW + 40 * DAY + HOUR, HOUR));
    /* put right: the wait goes on by the time that really goes by */
    assert_false(kmsd_watch_see(&watch, NOW + 2 * HOUR, 2 * HOUR));
    assert_true(kmsd_watch_deletions_wait(&watch));
    assert_false(kmsd_watch_see(&watch, NOW + DAY + 4, DAY + 4));
    assert_true(kmsd_watch_deletions_wait(&watch));
    assert_false(kmsd_watch_see(&watch, NOW + DAY + 5, DAY + 5));
    assert_false(kmsd_watch_deletions_wait(&watch));
}

static void test_start(void **state)
{
    struct kmsd_watch watch;
    (void)state;
    kmsd_watch_init(&watch, NOW, 9, NOW - 3 * DAY);
    assert_false(kmsd_watch_deletions_wait(&watch));
    kmsd_watch_init(&watch, NOW, 9, NOW - 3 * DAY - 1);
    assert_true(kmsd_watch_deletions_wait(&watch));
    kmsd_watch_init(&watch, NOW, 9, NOW + DAY); /* it was wrong before */
    assert_false(kmsd_watch_deletions_wait(&watch));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_that_goes_by),
        cmocka_unit_test(test_a_step_forward),
        cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
