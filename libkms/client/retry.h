/*
 * When to try again, and after how long: the AWS SDKs' "standard" retry mode. Everything here is a
 * function of its arguments; sleeping, clocks and randomness are the caller's.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Retry behavior"; botocore, retries/standard.py.
 */
#ifndef KMS_CLIENT_RETRY_H
#define KMS_CLIENT_RETRY_H

#include <kms/bytes.h>
#include <kms/error.h>

enum kms_retry_class {
    KMS_RETRY_NEVER,      /* the same request would fail again */
    KMS_RETRY_TRANSIENT,  /* a fault of the server, of the network, or no answer */
    KMS_RETRY_THROTTLING, /* too many requests */
};

/*
 * Classifies what became of an attempt. err is KMS_ERR_TRANSPORT, KMS_ERR_TIMEOUT (no answer:
 * http_status is 0), KMS_ERR_FAULT (code is the fault's short name) or KMS_ERR_PROTOCOL (an answer
 * that makes no sense, such as a proxy's page; the status counts).
 *
 * LimitExceededException is not retried: in KMS it is a quota of resources, not a rate.
 */
enum kms_retry_class kms_retry_classify(enum kms_err err, int http_status, struct kms_str code);

#define KMS_RETRY_TRANSIENT_BASE_MS  50
#define KMS_RETRY_THROTTLING_BASE_MS 1000
#define KMS_RETRY_MAX_DELAY_MS       20000
#define KMS_RETRY_AFTER_EXTRA_MS     5000

/*
 * Pause before the next attempt, in milliseconds: full jitter over base * 2^(failed - 1), at most
 * KMS_RETRY_MAX_DELAY_MS. failed counts the attempts so far, from 1; random is uniform over all of
 * uint32_t. retry_after_ms is the server's wish (X-Amz-Retry-After), negative when it has none: it
 * can lengthen the pause by up to KMS_RETRY_AFTER_EXTRA_MS.
 */
uint32_t kms_retry_delay_ms(
    enum kms_retry_class class, uint32_t failed, uint32_t random, int64_t retry_after_ms);

/*
 * The retry quota: a bucket of tokens shared by all calls of a client, so that a service in trouble
 * is not buried under retries. A retry takes tokens, a success gives some back. Not thread-safe.
 */
#define KMS_RETRY_QUOTA          500
#define KMS_RETRY_COST           14
#define KMS_RETRY_COST_THROTTLED 5

struct kms_retry_quota {
    uint32_t tokens;
};

void kms_retry_quota_init(struct kms_retry_quota *quota);

/* Takes the tokens of one retry; *taken is how many. False: there are not enough, do not retry. */
bool kms_retry_quota_take(
    struct kms_retry_quota *quota, enum kms_retry_class class, uint32_t *taken);

/* After a success: gives back what the last retry took, or one token if there was none. */
void kms_retry_quota_give(struct kms_retry_quota *quota, uint32_t taken);

#define KMS_CLOCK_SKEW_MS (4 * 60 * 1000)

/*
 * Whether a refusal may be due to this machine's clock: the fault is one about signatures or times
 * and the server's Date differs from the time that was signed by more than KMS_CLOCK_SKEW_MS.
 * server_ms is negative when the answer had no date. Adding server_ms - signed_ms to the clock
 * corrects it.
 */
bool kms_retry_clock_skewed(struct kms_str code, int64_t server_ms, int64_t signed_ms);

#endif
