#include "libkms/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

static const int64_t last_ms = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */

static void assert_formats(int64_t time_ms, const char *basic, const char *rfc3339)
{
    char text[KMS_TIME_BASIC_SIZE];
    char extended[KMS_TIME_RFC3339_SIZE];
    kms_time_format_basic(time_ms, text);
    kms_time_format_rfc3339(time_ms, extended);
    assert_string_equal(text, basic);
    assert_string_equal(extended, rfc3339);
}

static void test_known_times(void **state)
{
    (void)state;
    assert_formats(0, "19700101T000000Z", "1970-01-01T00:00:00.000Z");
    assert_formats(INT64_C(1440938160000), "20150830T123600Z", "2015-08-30T12:36:00.000Z");
    assert_formats(INT64_C(951782399999), "20000228T235959Z", "2000-02-28T23:59:59.999Z");
    assert_formats(INT64_C(951782400000), "20000229T000000Z", "2000-02-29T00:00:00.000Z");
    assert_formats(INT64_C(4107542400000), "21000301T000000Z", "2100-03-01T00:00:00.000Z");
    assert_formats(last_ms, "99991231T235959Z", "9999-12-31T23:59:59.999Z");
}

static void test_times_outside_stay_inside(void **state)
{
    (void)state;
    assert_formats(-1, "19700101T000000Z", "1970-01-01T00:00:00.000Z");
    assert_formats(INT64_MIN, "19700101T000000Z", "1970-01-01T00:00:00.000Z");
    assert_formats(last_ms + 1, "99991231T235959Z", "9999-12-31T23:59:59.999Z");
    assert_formats(INT64_MAX, "99991231T235959Z", "9999-12-31T23:59:59.999Z");
}

/* Against the C library's calendar, and back: every day of the first 400 years, after which the
 * calendar repeats itself, then some days of every month. */
static void test_calendar(void **state)
{
    (void)state;
    for (int64_t day = 0; day <= last_ms / 86400000; day += day < 147000 ? 1 : 13) {
        int64_t time_ms = day * 86400000 + day % 86400 * 1000;
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm tm;
        char expected[64];
        char text[KMS_TIME_BASIC_SIZE];
        char extended[KMS_TIME_RFC3339_SIZE];
        int64_t back = -1;
        assert_non_null(gmtime_r(&seconds, &tm));
        (void)strftime(expected, sizeof(expected), "%Y%m%dT%H%M%SZ", &tm);
        kms_time_format_basic(time_ms, text);
        if (strcmp(text, expected) != 0)
            fail_msg("%s is not %s", text, expected);
        if (kms_time_parse_basic(kms_str(text), &back) != KMS_OK || back != time_ms)
            fail_msg("%s does not come back", text);
        time_ms += day % 1000;
        kms_time_format_rfc3339(time_ms, extended);
        if (kms_time_parse_rfc3339(kms_str(extended), &back) != KMS_OK || back != time_ms)
            fail_msg("%s does not come back", extended);
    }
}

static void test_parse_basic_is_strict(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "2015",
        "20150830T123600",
        "20150830T123600ZZ",
        "20150830T123600z",
        "20150830t123600Z",
        "20150830 123600Z",
        "2015-08-30T12:36:00Z",
        " 20150830T12360Z",
        "+0150830T123600Z",
        "2015083aT123600Z",
        "20150830T1236-1Z",
        "20151301T123600Z",
        "20150001T123600Z",
        "20150800T123600Z",
        "20150832T123600Z",
        "20150431T123600Z",
        "20150229T123600Z",
        "21000229T123600Z",
        "20150830T243600Z",
        "20150830T126000Z",
        "20150830T235960Z",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t time_ms = 7;
        assert_int_equal(kms_time_parse_basic(kms_str(refused[i]), &time_ms), KMS_ERR_SYNTAX);
        assert_int_equal(time_ms, 7);
    }
    int64_t time_ms = 0;
    assert_int_equal(kms_time_parse_basic(kms_str("20160229T235959Z"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, INT64_C(1456790399000));
    assert_int_equal(kms_time_parse_basic(kms_str("20000229T000000Z"), &time_ms), KMS_OK);
    assert_int_equal(kms_time_parse_basic(kms_str("19691231T235959Z"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, -1000);
    assert_int_equal(kms_time_parse_basic(kms_str("00000101T000000Z"), &time_ms), KMS_OK);
    assert_int_equal(time_ms, INT64_C(-62167219200000));
}

static void test_parse_rfc3339(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_ms;
    } accepted[] = {
        {"2026-11-23T01:12:53Z", INT64_C(1795396373000)},
        {"2026-11-23t01:12:53z", INT64_C(1795396373000)},
        {"2026-11-23T01:12:53.1Z", INT64_C(1795396373100)},
        {"2026-11-23T01:12:53.123Z", INT64_C(1795396373123)},
        {"2026-11-23T01:12:53.123999999999Z", INT64_C(1795396373123)},
        {"2026-11-23T01:12:53+00:00", INT64_C(1795396373000)},
        {"2026-11-23T02:42:53+01:30", INT64_C(1795396373000)},
        {"2026-11-22T17:12:53-08:00", INT64_C(1795396373000)},
        {"1970-01-01T00:00:00+23:59", INT64_C(-86340000)},
        {"1985-04-12T23:20:50.52Z", INT64_C(482196050520)}, /* RFC 3339 section 5.8 */
        {"1996-12-19T16:39:57-08:00", INT64_C(851042397000)},
    };
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        int64_t time_ms = -1;
        assert_int_equal(kms_time_parse_rfc3339(kms_str(accepted[i].text), &time_ms), KMS_OK);
        assert_int_equal(time_ms, accepted[i].time_ms);
    }
    static const char *const refused[] = {
        "",
        "2026-11-23",
        "2026-11-23T01:12:53",
        "2026-11-23 01:12:53Z",
        "2026-11-23T01:12Z",
        "2026-11-23T01:12:53.Z",
        "2026-11-23T01:12:53,1Z",
        "2026-11-23T01:12:53+0100",
        "2026-11-23T01:12:53+01",
        "2026-11-23T01:12:53+24:00",
        "2026-11-23T01:12:53+01:60",
        "2026-11-23T01:12:53ZZ",
        "2026-11-23T01:12:53Z ",
        "2026-02-29T01:12:53Z",
        "2026-1-23T01:12:53Z",
        "20261123T011253Z",
        "1990-12-31T23:59:60Z",
        "2026-11-23T24:00:00Z",
        "-026-11-23T01:12:53Z",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t time_ms = 7;
        assert_int_equal(kms_time_parse_rfc3339(kms_str(refused[i]), &time_ms), KMS_ERR_SYNTAX);
        assert_int_equal(time_ms, 7);
    }
}

static void test_parse_never_reads_past_the_end(void **state)
{
    (void)state;
    const char text[] = "20150830T123600Z2026-11-23T01:12:53.123+01:00";
    for (size_t len = 0; len < 16; len++) {
        int64_t time_ms = 0;
        struct kms_str view = {text, len};
        assert_int_equal(kms_time_parse_basic(view, &time_ms), KMS_ERR_SYNTAX);
    }
    for (size_t len = 0; len < sizeof(text) - 17; len++) {
        int64_t time_ms = 0;
        struct kms_str view = {text + 16, len};
        assert_int_equal(kms_time_parse_rfc3339(view, &time_ms), KMS_ERR_SYNTAX);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = kms_clock_now_ms();
    int64_t after = ((int64_t)time(NULL) + 1) * 1000;
    assert_true(before <= now && now <= after);
    int64_t first = kms_clock_monotonic_ms();
    struct timespec pause = {0, 3000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    assert_true(kms_clock_monotonic_ms() >= first + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_times_outside_stay_inside),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_parse_basic_is_strict),
        cmocka_unit_test(test_parse_rfc3339),
        cmocka_unit_test(test_parse_never_reads_past_the_end),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
