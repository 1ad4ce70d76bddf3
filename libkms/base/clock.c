#include "libkms/base/clock.h"

#include <time.h>

/*
 * Calendar arithmetic by itself instead of gmtime_r, timegm and strftime: no locale, no time zone
 * data, no locks.
 */
enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

static const int64_t last_ms = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */

struct date_time {
    unsigned year;
    unsigned month; /* 1 to 12 */
    unsigned day;   /* 1 to 31 */
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned ms;
};

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* cannot fail for the clocks that are read here */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t kms_clock_now_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t kms_clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

int64_t kms_clock_tick_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC_COARSE);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years are counted from March
 * on, so that the leap day is the last of its year, in eras of 400 years, which are all alike. */
static int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    int64_t march_year = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (march_year >= 0 ? march_year : march_year - 399) / 400;
    int64_t year_of_era = march_year - era * 400;
    int64_t month_from_march = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

/* The reverse, for days since the epoch that are not negative. */
static void civil_from_days(int64_t days, struct date_time *out)
{
    int64_t shifted = days + DAYS_TO_EPOCH;
    int64_t era = shifted / DAYS_PER_ERA;
    int64_t day_of_era = shifted % DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    out->day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    out->month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    out->year = (unsigned)(year_of_era + era * 400 + (out->month <= 2 ? 1 : 0));
}

static struct date_time split(int64_t time_ms)
{
    struct date_time when = {0};
    int64_t bounded = time_ms < 0 ? 0 : time_ms > last_ms ? last_ms : time_ms;
    int64_t seconds = bounded / 1000;
    int64_t of_day = seconds % SECONDS_PER_DAY;
    civil_from_days(seconds / SECONDS_PER_DAY, &when);
    when.hour = (unsigned)(of_day / 3600);
    when.minute = (unsigned)(of_day / 60 % 60);
    when.second = (unsigned)(of_day % 60);
    when.ms = (unsigned)(bounded % 1000);
    return when;
}

static char *put_digits(char *at, unsigned value, size_t count)
{
    for (size_t i = count; i > 0; i--, value /= 10)
        at[i - 1] = (char)('0' + value % 10);
    return at + count;
}

static char *put_letter(char *at, char letter)
{
    *at = letter;
    return at + 1;
}

void kms_time_format_basic(int64_t time_ms, char out[KMS_TIME_BASIC_SIZE])
{
    struct date_time when = split(time_ms);
    char *at = put_digits(out, when.year, 4);
    at = put_digits(at, when.month, 2);
    at = put_digits(at, when.day, 2);
    at = put_letter(at, 'T');
    at = put_digits(at, when.hour, 2);
    at = put_digits(at, when.minute, 2);
    at = put_digits(at, when.second, 2);
    at = put_letter(at, 'Z');
    *at = '\0';
}

void kms_time_format_rfc3339(int64_t time_ms, char out[KMS_TIME_RFC3339_SIZE])
{
    struct date_time when = split(time_ms);
    char *at = put_letter(put_digits(out, when.year, 4), '-');
    at = put_letter(put_digits(at, when.month, 2), '-');
    at = put_letter(put_digits(at, when.day, 2), 'T');
    at = put_letter(put_digits(at, when.hour, 2), ':');
    at = put_letter(put_digits(at, when.minute, 2), ':');
    at = put_letter(put_digits(at, when.second, 2), '.');
    at = put_letter(put_digits(at, when.ms, 3), 'Z');
    *at = '\0';
}

/* What is left to read, and whether everything so far was as expected. */
struct cursor {
    struct kms_str left;
    bool ok;
};

static char take(struct cursor *in)
{
    if (in->left.len == 0) {
        in->ok = false;
        return '\0';
    }
    char letter = in->left.data[0];
    in->left.data++;
    in->left.len--;
    return letter;
}

static void expect(struct cursor *in, char upper, char lower)
{
    char letter = take(in);
    if (letter != upper && letter != lower)
        in->ok = false;
}

static bool at_digit(const struct cursor *in)
{
    return in->left.len != 0 && in->left.data[0] >= '0' && in->left.data[0] <= '9';
}

static unsigned take_number(struct cursor *in, size_t digits)
{
    unsigned value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!at_digit(in))
            in->ok = false;
        value = value * 10 + (unsigned)(take(in) - '0');
    }
    return value;
}

static bool exists(const struct date_time *when)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (when->month < 1 || when->month > 12 || when->day < 1)
        return false;
    bool leap = when->year % 4 == 0 && (when->year % 100 != 0 || when->year % 400 == 0);
    unsigned last_day = days[when->month - 1] + (when->month == 2 && leap ? 1U : 0U);
    return when->day <= last_day && when->hour < 24 && when->minute < 60 && when->second < 60;
}

static int64_t join(const struct date_time *when)
{
    int64_t days = days_from_civil(when->year, when->month, when->day);
    int64_t minutes = (days * 24 + when->hour) * 60 + when->minute;
    return (minutes * 60 + when->second) * 1000 + when->ms;
}

enum kms_err kms_time_parse_basic(struct kms_str text, int64_t *time_ms)
{
    struct cursor in = {text, true};
    struct date_time when = {0};
    when.year = take_number(&in, 4);
    when.month = take_number(&in, 2);
    when.day = take_number(&in, 2);
    expect(&in, 'T', 'T');
    when.hour = take_number(&in, 2);
    when.minute = take_number(&in, 2);
    when.second = take_number(&in, 2);
    expect(&in, 'Z', 'Z');
    if (!in.ok || in.left.len != 0 || !exists(&when))
        return KMS_ERR_SYNTAX;
    *time_ms = join(&when);
    return KMS_OK;
}

/* ".123456": one digit or more, of which the first three count. */
static unsigned take_fraction_ms(struct cursor *in)
{
    unsigned ms = 0;
    unsigned weight = 100;
    expect(in, '.', '.');
    ms += take_number(in, 1) * weight;
    while (at_digit(in)) {
        weight /= 10;
        ms += take_number(in, 1) * weight;
    }
    return ms;
}

/* "Z" or "+01:00", in minutes east of Greenwich. */
static int take_offset(struct cursor *in)
{
    char sign = take(in);
    if (sign == 'Z' || sign == 'z')
        return 0;
    if (sign != '+' && sign != '-')
        in->ok = false;
    unsigned hours = take_number(in, 2);
    expect(in, ':', ':');
    unsigned minutes = take_number(in, 2);
    if (hours > 23 || minutes > 59) {
        in->ok = false;
        return 0;
    }
    int offset = (int)(hours * 60 + minutes);
    return sign == '-' ? -offset : offset;
}

enum kms_err kms_time_parse_rfc3339(struct kms_str text, int64_t *time_ms)
{
    struct cursor in = {text, true};
    struct date_time when = {0};
    when.year = take_number(&in, 4);
    expect(&in, '-', '-');
    when.month = take_number(&in, 2);
    expect(&in, '-', '-');
    when.day = take_number(&in, 2);
    expect(&in, 'T', 't');
    when.hour = take_number(&in, 2);
    expect(&in, ':', ':');
    when.minute = take_number(&in, 2);
    expect(&in, ':', ':');
    when.second = take_number(&in, 2);
    if (in.left.len != 0 && in.left.data[0] == '.')
        when.ms = take_fraction_ms(&in);
    int offset_minutes = take_offset(&in);
    if (!in.ok || in.left.len != 0 || !exists(&when))
        return KMS_ERR_SYNTAX;
    *time_ms = join(&when) - (int64_t)offset_minutes * 60000;
    return KMS_OK;
}
