#include "libkms/client/call.h"

#include "libkms/base/clock.h"
#include "libkms/base/uuid.h"
#include "libkms/client/detail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define LOG_LINE_SIZE 640

static void say(const struct kms_client *client, enum kms_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct kms_client *client, enum kms_log_level level, const char *format, ...)
{
    if (client->log == NULL)
        return;
    char line[LOG_LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    client->log(client->log_context, level, line);
}

/* One call on its way. */
struct call {
    struct kms_client *client;
    enum kms_op op;
    struct kms_buf body;
    char invocation_id[KMS_UUID_SIZE];
    int64_t deadline_ms; /* monotonic; INT64_MAX: none */
    const void **response;
    struct kms_fault *fault;

    /* of the last attempt */
    uint32_t number;
    int64_t signed_ms;
    int64_t server_ms;
    int64_t retry_after_ms;
    bool permanent;
};

static enum kms_err give_detail(enum kms_err err, struct kms_fault *fault, const char *text)
{
    (void)snprintf(fault->message, sizeof(fault->message), "%s", text);
    return err;
}

/* Milliseconds that an attempt may take now; 0: none are left. */
static uint32_t time_left(const struct call *call)
{
    int64_t left_ms =
        call->deadline_ms == INT64_MAX ? INT64_MAX : call->deadline_ms - kms_clock_monotonic_ms();
    if (left_ms <= 0)
        return 0;
    return left_ms < call->client->attempt_timeout_ms ? (uint32_t)left_ms
                                                      : call->client->attempt_timeout_ms;
}

static enum kms_err send_request(struct call *call, const struct kms_signed_request *request,
    struct kms_transport_answer *answer)
{
    struct kms_transport_request post = {.url = request->url.data,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = kms_buf_bytes(&call->body),
        .timeout_ms = time_left(call)};
    if (post.timeout_ms == 0)
        return give_detail(KMS_ERR_TIMEOUT, call->fault, "no time is left for this call");
    struct kms_detail detail = {""};
    enum kms_err err = kms_transport_post(call->client->transport, &post, answer, &detail);
    call->server_ms = answer->date_ms;
    call->retry_after_ms = answer->retry_after_ms;
    call->permanent = answer->permanent;
    return err == KMS_OK ? KMS_OK : give_detail(err, call->fault, detail.text);
}

static enum kms_err attempt_once(struct call *call)
{
    struct kms_client *client = call->client;
    memset(call->fault, 0, sizeof(*call->fault));
    call->server_ms = -1;
    call->retry_after_ms = -1;
    call->permanent = true; /* nothing was sent yet */
    call->signed_ms =
        kms_clock_now_ms() + atomic_load_explicit(&client->clock_offset_ms, memory_order_relaxed);

    struct kms_detail detail = {""};
    bool stale = false;
    KMS_IDENTITY_AUTO identity = NULL;
    enum kms_err err =
        kms_credentials_get(client->credentials, call->signed_ms, &identity, &stale, &detail);
    if (err != KMS_OK)
        return give_detail(err, call->fault, detail.text);
    if (stale)
        say(client, KMS_LOG_WARN, "the credentials could not be renewed: %s", detail.text);

    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, (size_t)64 * 1024);
    struct kms_signed_request request;
    struct kms_attempt attempt = {.op = call->op,
        .invocation_id = call->invocation_id,
        .number = call->number,
        .now_ms = call->signed_ms,
        .identity = identity,
        .body = kms_buf_bytes(&call->body)};
    err = kms_request_sign(client, &attempt, &arena, &request);
    if (err != KMS_OK)
        return err;

    KMS_BUF_AUTO body;
    kms_buf_init(&body, KMS_TRANSPORT_BODY_MAX);
    struct kms_transport_answer answer = {.body = &body};
    err = send_request(call, &request, &answer);
    if (err != KMS_OK)
        return err;
    return kms_answer_read(client->wire, call->op, &answer, call->response, call->fault);
}

/* A refused signature was not acted on: the clock may be corrected and the request sent again
 * whatever max_attempts says. */
static bool correct_clock(struct call *call)
{
    if (!kms_retry_clock_skewed(kms_str(call->fault->code), call->server_ms, call->signed_ms))
        return false;
    int64_t correction_ms = call->server_ms - call->signed_ms;
    int64_t offset_ms = call->signed_ms + correction_ms - kms_clock_now_ms();
    atomic_store_explicit(&call->client->clock_offset_ms, offset_ms, memory_order_relaxed);
    say(call->client, KMS_LOG_WARN, "%s: this clock is off by %lld s; corrected, trying again",
        kms_operations[call->op].name, (long long)(offset_ms / 1000));
    return true;
}

static uint32_t jitter(void)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        random = UINT32_MAX / 2; /* a pause of medium length: no secret depends on it */
    return random;
}

static void pause_for(uint32_t delay_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += delay_ms / 1000;
    until.tv_nsec += (long)(delay_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

/* Decides about another attempt and waits for its time. */
static bool wait_for_retry(struct call *call, enum kms_err err, uint32_t failed, uint32_t *taken)
{
    struct kms_client *client = call->client;
    if (call->permanent || failed >= client->max_attempts)
        return false;
    enum kms_retry_class class =
        kms_retry_classify(err, call->fault->http_status, kms_str(call->fault->code));
    if (class == KMS_RETRY_NEVER)
        return false;
    uint32_t delay_ms = kms_retry_delay_ms(class, failed, jitter(), call->retry_after_ms);
    if (call->deadline_ms != INT64_MAX &&
        kms_clock_monotonic_ms() + (int64_t)delay_ms >= call->deadline_ms)
        return false;
    (void)pthread_mutex_lock(&client->quota_lock);
    bool granted = kms_retry_quota_take(&client->quota, class, taken);
    (void)pthread_mutex_unlock(&client->quota_lock);
    const char *reason = call->fault->code[0] != '\0' ? call->fault->code : call->fault->message;
    say(client, KMS_LOG_WARN, "%s: attempt %u failed: %s (HTTP status %d); %s%u ms",
        kms_operations[call->op].name, failed, reason, call->fault->http_status,
        granted ? "trying again in " : "too many retries; not trying again in ", delay_ms);
    if (granted)
        pause_for(delay_ms);
    return granted;
}

static enum kms_err run(struct call *call)
{
    struct kms_client *client = call->client;
    uint32_t failed = 0;
    uint32_t taken = 0;
    bool clock_corrected = false;
    for (call->number = 1;; call->number++) {
        enum kms_err err = attempt_once(call);
        say(client, KMS_LOG_DEBUG, "%s: attempt %u: %s, request id %s",
            kms_operations[call->op].name, call->number, kms_err_text(err),
            call->fault->request_id);
        if (err == KMS_OK) {
            (void)pthread_mutex_lock(&client->quota_lock);
            kms_retry_quota_give(&client->quota, taken);
            (void)pthread_mutex_unlock(&client->quota_lock);
            return KMS_OK;
        }
        if (!clock_corrected && err == KMS_ERR_FAULT && correct_clock(call)) {
            clock_corrected = true;
            continue;
        }
        if (!wait_for_retry(call, err, ++failed, &taken))
            return err;
    }
}

enum kms_err kms_client_call(struct kms_client *client, enum kms_op op, const void *request,
    const void **response, struct kms_fault *fault)
{
    struct kms_fault unwanted;
    struct call call = {.client = client,
        .op = op,
        .response = response,
        .fault = fault == NULL ? &unwanted : fault,
        .deadline_ms = client->call_timeout_ms == 0
                           ? INT64_MAX
                           : kms_clock_monotonic_ms() + (int64_t)client->call_timeout_ms};
    memset(call.fault, 0, sizeof(*call.fault));
    if (request == NULL)
        return give_detail(KMS_ERR_INVALID_ARGUMENT, call.fault, "no request was given");
    enum kms_err err = kms_uuid_new(call.invocation_id);
    if (err != KMS_OK)
        return err;
    kms_buf_init(&call.body, KMS_TRANSPORT_BODY_MAX);
    kms_encode(client->wire, kms_operations[op].input, request, &call.body);
    err = call.body.err == KMS_OK ? run(&call) : call.body.err;
    if (err == KMS_OK)
        memset(call.fault, 0, sizeof(*call.fault));
    kms_buf_clean_up(&call.body);
    return err;
}
