#include "libkms/client/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_classifies(void **state)
{
    (void)state;
    static const struct {
        enum kms_err err;
        int status;
        const char *code;
        enum kms_retry_class expected;
    } rows[] = {
        {KMS_ERR_TRANSPORT, 0, "", KMS_RETRY_TRANSIENT},
        {KMS_ERR_TIMEOUT, 0, "", KMS_RETRY_TRANSIENT},
        {KMS_ERR_NO_CREDENTIALS, 0, "", KMS_RETRY_NEVER},
        {KMS_ERR_NO_MEMORY, 0, "", KMS_RETRY_NEVER},
        {KMS_ERR_LIMIT, 0, "", KMS_RETRY_NEVER},
        {KMS_ERR_PROTOCOL, 200, "", KMS_RETRY_NEVER},
        {KMS_ERR_PROTOCOL, 302, "", KMS_RETRY_NEVER},
        {KMS_ERR_PROTOCOL, 429, "", KMS_RETRY_THROTTLING},
        {KMS_ERR_PROTOCOL, 502, "", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 500, "Whatever", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 501, "Whatever", KMS_RETRY_NEVER},
        {KMS_ERR_FAULT, 503, "Whatever", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 504, "Whatever", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 400, "ThrottlingException", KMS_RETRY_THROTTLING},
        {KMS_ERR_FAULT, 503, "ThrottlingException", KMS_RETRY_THROTTLING},
        {KMS_ERR_FAULT, 400, "TooManyRequestsException", KMS_RETRY_THROTTLING},
        {KMS_ERR_FAULT, 400, "RequestLimitExceeded", KMS_RETRY_THROTTLING},
        {KMS_ERR_FAULT, 429, "Whatever", KMS_RETRY_THROTTLING},
        {KMS_ERR_FAULT, 400, "LimitExceededException", KMS_RETRY_NEVER},
        {KMS_ERR_FAULT, 400, "KMSInternalException", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 400, "DependencyTimeoutException", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 400, "KeyUnavailableException", KMS_RETRY_TRANSIENT},
        {KMS_ERR_FAULT, 400, "ValidationException", KMS_RETRY_NEVER},
        {KMS_ERR_FAULT, 400, "AccessDeniedException", KMS_RETRY_NEVER},
        {KMS_ERR_FAULT, 404, "NotFoundException", KMS_RETRY_NEVER},
        {KMS_ERR_FAULT, 400, "KMSInvalidStateException", KMS_RETRY_NEVER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum kms_retry_class class =
            kms_retry_classify(rows[i].err, rows[i].status, kms_str(rows[i].code));
        if (class != rows[i].expected)
            fail_msg("%s (%d): class %d", rows[i].code, rows[i].status, (int)class);
    }
}

static void test_delay_doubles_with_full_jitter(void **state)
{
    (void)state;
    static const uint32_t transient[] = {50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000};
    static const uint32_t throttling[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000};
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(
            kms_retry_delay_ms(KMS_RETRY_TRANSIENT, i + 1, UINT32_MAX, -1), transient[i]);
        assert_int_equal(kms_retry_delay_ms(KMS_RETRY_TRANSIENT, i + 1, 0, -1), 0);
    }
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(
            kms_retry_delay_ms(KMS_RETRY_THROTTLING, i + 1, UINT32_MAX, -1), throttling[i]);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_THROTTLING, 1, UINT32_MAX / 2, -1), 500);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_THROTTLING, UINT32_MAX, UINT32_MAX, -1), 20000);
}

static void test_delay_heeds_the_server(void **state)
{
    (void)state;
    /* Never shorter than the jittered delay, never longer than it by more than 5 s. */
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_TRANSIENT, 1, 0, 0), 0);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_TRANSIENT, 1, 0, 1500), 1500);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_TRANSIENT, 1, 0, 999999), 5000);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_THROTTLING, 1, UINT32_MAX, 10), 1000);
    assert_int_equal(kms_retry_delay_ms(KMS_RETRY_THROTTLING, 1, UINT32_MAX, INT64_MAX), 6000);
}

static void test_quota_empties_and_refills(void **state)
{
    (void)state;
    struct kms_retry_quota quota;
    kms_retry_quota_init(&quota);
    uint32_t taken = 0;
    uint32_t granted = 0;
    while (kms_retry_quota_take(&quota, KMS_RETRY_TRANSIENT, &taken))
        granted++;
    assert_int_equal(granted, KMS_RETRY_QUOTA / KMS_RETRY_COST);
    assert_int_equal(taken, KMS_RETRY_COST);
    /* Throttled retries are cheaper: a few more. */
    while (kms_retry_quota_take(&quota, KMS_RETRY_THROTTLING, &taken))
        granted++;
    assert_int_equal(taken, KMS_RETRY_COST_THROTTLED);
    assert_true(quota.tokens < KMS_RETRY_COST_THROTTLED);

    uint32_t before = quota.tokens;
    kms_retry_quota_give(&quota, 0); /* a success without retries */
    assert_int_equal(quota.tokens, before + 1);
    kms_retry_quota_give(&quota, KMS_RETRY_COST);
    assert_true(kms_retry_quota_take(&quota, KMS_RETRY_TRANSIENT, &taken));
    for (int i = 0; i < 1000; i++)
        kms_retry_quota_give(&quota, KMS_RETRY_COST);
    assert_int_equal(quota.tokens, KMS_RETRY_QUOTA);
}

static void test_clock_skew(void **state)
{
    (void)state;
    const int64_t now = 1764000000000;
    const int64_t minute = 60 * 1000;
    struct kms_str refused = kms_str("InvalidSignatureException");
    assert_true(kms_retry_clock_skewed(refused, now + 5 * minute, now));
    assert_true(kms_retry_clock_skewed(refused, now - 5 * minute, now));
    assert_true(kms_retry_clock_skewed(kms_str("RequestExpired"), now + 60 * minute, now));
    assert_false(kms_retry_clock_skewed(refused, now + 4 * minute, now));
    assert_false(kms_retry_clock_skewed(refused, now - 4 * minute, now));
    assert_false(kms_retry_clock_skewed(refused, now, now));
    assert_false(kms_retry_clock_skewed(refused, -1, now));
    assert_false(kms_retry_clock_skewed(kms_str("NotFoundException"), 0, now));
    assert_false(kms_retry_clock_skewed(kms_str(""), 0, now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classifies),
        cmocka_unit_test(test_delay_doubles_with_full_jitter),
        cmocka_unit_test(test_delay_heeds_the_server),
        cmocka_unit_test(test_quota_empties_and_refills),
        cmocka_unit_test(test_clock_skew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
