#include "libkms/client/retry.h"

static const char *const throttling_codes[] = {"ThrottlingException", "Throttling",
    "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "RequestThrottled",
    "RequestThrottledException", "SlowDown", "BandwidthLimitExceeded", "PriorRequestNotComplete",
    NULL};

static const char *const transient_codes[] = {"KMSInternalException", "DependencyTimeoutException",
    "KeyUnavailableException", "RequestTimeout", "RequestTimeoutException", "InternalFailure",
    "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException", NULL};

static const char *const clock_codes[] = {"InvalidSignatureException", "SignatureDoesNotMatch",
    "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "AuthFailure", NULL};

static bool is_one_of(struct kms_str code, const char *const *codes)
{
    for (; *codes != NULL; codes++) {
        if (kms_str_is(code, *codes))
            return true;
    }
    return false;
}

enum kms_retry_class kms_retry_classify(enum kms_err err, int http_status, struct kms_str code)
{
    if (err == KMS_ERR_TIMEOUT || err == KMS_ERR_TRANSPORT)
        return KMS_RETRY_TRANSIENT;
    if (err != KMS_ERR_FAULT && err != KMS_ERR_PROTOCOL)
        return KMS_RETRY_NEVER;
    if (http_status == 429 || is_one_of(code, throttling_codes))
        return KMS_RETRY_THROTTLING;
    if (is_one_of(code, transient_codes))
        return KMS_RETRY_TRANSIENT;
    switch (http_status) {
    case 500:
    case 502:
    case 503:
    case 504:
        return KMS_RETRY_TRANSIENT;
    default:
        return KMS_RETRY_NEVER;
    }
}

uint32_t kms_retry_delay_ms(
    enum kms_retry_class class, uint32_t failed, uint32_t random, int64_t retry_after_ms)
{
    uint64_t ceiling =
        class == KMS_RETRY_THROTTLING ? KMS_RETRY_THROTTLING_BASE_MS : KMS_RETRY_TRANSIENT_BASE_MS;
    for (uint32_t i = 1; i < failed && ceiling < KMS_RETRY_MAX_DELAY_MS; i++)
        ceiling *= 2;
    if (ceiling > KMS_RETRY_MAX_DELAY_MS)
        ceiling = KMS_RETRY_MAX_DELAY_MS;
    int64_t delay = (int64_t)(((uint64_t)random * (ceiling + 1)) >> 32);
    int64_t latest = delay + KMS_RETRY_AFTER_EXTRA_MS;
    if (retry_after_ms > delay)
        delay = retry_after_ms < latest ? retry_after_ms : latest;
    return (uint32_t)delay;
}

void kms_retry_quota_init(struct kms_retry_quota *quota)
{
    quota->tokens = KMS_RETRY_QUOTA;
}

bool kms_retry_quota_take(
    struct kms_retry_quota *quota, enum kms_retry_class class, uint32_t *taken)
{
    uint32_t cost = class == KMS_RETRY_THROTTLING ? KMS_RETRY_COST_THROTTLED : KMS_RETRY_COST;
    if (quota->tokens < cost)
        return false;
    quota->tokens -= cost;
    *taken = cost;
    return true;
}

void kms_retry_quota_give(struct kms_retry_quota *quota, uint32_t taken)
{
    uint32_t amount = taken == 0 ? 1 : taken;
    uint32_t room = KMS_RETRY_QUOTA - quota->tokens;
    quota->tokens += amount < room ? amount : room;
}

bool kms_retry_clock_skewed(struct kms_str code, int64_t server_ms, int64_t signed_ms)
{
    if (server_ms < 0 || !is_one_of(code, clock_codes))
        return false;
    int64_t difference = server_ms - signed_ms;
    return difference > KMS_CLOCK_SKEW_MS || difference < -KMS_CLOCK_SKEW_MS;
}
