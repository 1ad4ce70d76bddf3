#include "kmsd/server/time_actions.h"

#include "kmsd/jobs/jobs.h"
#include "kmsd/server/clock.h"
#include "libkms/base/clock.h"

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

static enum kms_err show(const struct kmsd_admin_call *call)
{
    char text[KMS_TIME_RFC3339_SIZE];
    int64_t now_ms = kmsd_clock_now_ms();
    kms_time_format_rfc3339(now_ms, text);
    enum kms_err err = kmsd_admin_put_text(call, "Now", kms_str(text));
    if (err == KMS_OK && json_object_set_new(call->output, "NowMs", json_integer(now_ms)) != 0)
        err = KMS_ERR_NO_MEMORY;
    return err;
}

static enum kms_err time_show(void *context, const struct kmsd_admin_call *call)
{
    (void)context;
    return show(call);
}

static enum kms_err move_to(
    struct kmsd_jobs *jobs, const struct kmsd_admin_call *call, int64_t now_ms)
{
    enum kms_err err = kmsd_clock_set_ms(now_ms);
    if (err != KMS_OK) {
        kmsd_detail_set(call->detail, "the clock goes from 1970 to 9999");
        return err;
    }
    err = kmsd_jobs_catch_up(jobs);
    if (err != KMS_OK) {
        kmsd_detail_set(
            call->detail, "the clock is set, but a job that is due failed: %s", kms_err_text(err));
        return err;
    }
    return show(call);
}

static enum kms_err time_set(void *context, const struct kmsd_admin_call *call)
{
    struct kms_str text;
    int64_t now_ms = 0;
    enum kms_err err = kmsd_admin_text(call, "time", 64, &text);
    if (err != KMS_OK)
        return err;
    if (kms_time_parse_rfc3339(text, &now_ms) != KMS_OK) {
        kmsd_detail_set(call->detail, "time: as in 2026-11-23T01:12:53Z");
        return KMS_ERR_VALIDATION;
    }
    return move_to(context, call, now_ms);
}

static enum kms_err number(const struct kmsd_admin_call *call, const char *name, int64_t *out)
{
    static const int64_t most = (int64_t)10000 * 366 * 24 * 60 * 60;
    const json_t *value = json_object_get(call->input, name);
    *out = 0;
    if (value == NULL)
        return KMS_OK;
    int64_t got = json_integer_value(value);
    if (!json_is_integer(value) || got > most || got < -most) {
        kmsd_detail_set(call->detail, "%s: a whole number, as in %s:=60", name, name);
        return KMS_ERR_VALIDATION;
    }
    *out = got;
    return KMS_OK;
}

static enum kms_err time_advance(void *context, const struct kmsd_admin_call *call)
{
    int64_t days = 0;
    int64_t seconds = 0;
    enum kms_err err = number(call, "days", &days);
    if (err == KMS_OK)
        err = number(call, "seconds", &seconds);
    if (err != KMS_OK)
        return err;
    int64_t by_ms = seconds * 1000;
    if (__builtin_mul_overflow(days, day_ms, &days) || __builtin_add_overflow(by_ms, days, &by_ms))
        by_ms = INT64_MAX / 2;
    return move_to(context, call, kmsd_clock_now_ms() + by_ms);
}

static const struct kmsd_admin_action actions[] = {
    {"time.show", {NULL}, time_show},
    {"time.set", {"time"}, time_set},
    {"time.advance", {"?days", "?seconds"}, time_advance},
};

struct kmsd_admin_table kmsd_time_actions(struct kmsd_jobs *jobs)
{
    return (struct kmsd_admin_table){actions, sizeof(actions) / sizeof(actions[0]), jobs};
}
