#include "kmsd/http/connection.h"
#include "kmsd/http/framing.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

#include <gnutls/gnutls.h> /* names of its numbers; nothing of it is called */

#define HEALTH_PATH "/healthz"

static const struct kms_str rate_exceeded = KMS_STR_LITERAL("Rate exceeded");
static const struct kms_str shutting_down = KMS_STR_LITERAL("The service is shutting down.");
static const struct kms_str ambiguous =
    KMS_STR_LITERAL("The head of the request does not say in one way alone where its body ends.");
static const struct kms_str absent = {NULL, 0};

/* --- answers ---------------------------------------------------------------------------------- */

static bool add_headers(struct MHD_Response *answer, const struct kmsd_connection *connection)
{
    struct kmsd_request *request = connection->request;
    const struct kmsd_response *response = &request->exchange.response;
    bool closes = request->must_close ||
                  atomic_load_explicit(&connection->http->draining, memory_order_relaxed);
    return MHD_add_response_header(answer, "x-amzn-RequestId", request->exchange.request_id) ==
               MHD_YES &&
           (response->content_type == NULL || MHD_add_response_header(answer, "Content-Type",
                                                  response->content_type) == MHD_YES) &&
           (!response->smithy_protocol ||
               MHD_add_response_header(answer, "smithy-protocol", "rpc-v2-cbor") == MHD_YES) &&
           (!closes || MHD_add_response_header(answer, "Connection", "close") == MHD_YES);
}

/* Tells once of an internal failure, whether or not its answer can be sent. */
static void tell_failure(struct kmsd_connection *connection)
{
    struct kmsd_request *request = connection->request;
    if (request->exchange.cause == KMS_OK || request->is_told || connection->http->failed == NULL)
        return;
    request->is_told = true;
    connection->http->failed(&request->exchange);
}

/* Sends the exchange's answer. Its body stays where it is until the request is completed. */
static enum MHD_Result send_answer(struct kmsd_connection *connection)
{
    struct kmsd_request *request = connection->request;
    struct kms_buf *body = &request->exchange.response.body;
    tell_failure(connection);
    kmsd_connection_enter(connection, KMSD_PHASE_ANSWERING);
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_PERSISTENT);
    if (answer == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_headers(answer, connection))
        result = MHD_queue_response(
            connection->mhd, (unsigned)request->exchange.response.status, answer);
    MHD_destroy_response(answer); /* the connection holds it now */
    return result;
}

static enum MHD_Result refuse(
    struct kmsd_connection *connection, enum kms_fault_code code, struct kms_str message)
{
    kmsd_pipeline_refuse(connection->http->pipeline, &connection->request->exchange, code, message);
    return send_answer(connection);
}

static enum MHD_Result send_health(struct kmsd_connection *connection)
{
    static char draining[] = "draining\n";
    static char *const texts[] = {
        [KMSD_HEALTH_GOOD] = "ok\n",
        [KMSD_HEALTH_UNRECORDED] = "ok, but unrecorded: the audit trail can't be written\n",
        [KMSD_HEALTH_REFUSES] = "the audit trail can't be written\n",
    };
    enum kmsd_health health = kmsd_pipeline_health(connection->http->pipeline);
    bool drains = atomic_load(&connection->http->draining);
    char *text = drains ? draining : texts[health];
    struct MHD_Response *answer =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_PERSISTENT);
    if (answer == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(answer, "Content-Type", "text/plain") == MHD_YES)
        result = MHD_queue_response(connection->mhd,
            drains || health == KMSD_HEALTH_REFUSES ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
            answer);
    MHD_destroy_response(answer);
    return result;
}

/* --- receiving -------------------------------------------------------------------------------- */

void *kmsd_request_begin(void *cls, const char *target, struct MHD_Connection *mhd)
{
    (void)cls;
    struct kmsd_connection *connection = kmsd_connection_of(mhd);
    if (connection == NULL)
        return NULL;
    if (connection->request == NULL) /* else of one whose head was malformed */
        connection->request = kmsd_stock_borrow(connection->http);
    if (connection->request == NULL)
        return NULL;
    kms_buf_reset(&connection->request->target);
    kms_buf_append_text(&connection->request->target, target); /* decoded in place afterwards */
    return connection;
}

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
    struct kmsd_request *request = cls;
    (void)kind;
    if (request->header_count == KMSD_HTTP_MAX_HEADERS) {
        request->is_too_large = true;
        return MHD_NO;
    }
    struct kms_header *header = &request->headers[request->header_count++];
    header->name = (struct kms_str){name, name_len};
    header->value = (struct kms_str){value == NULL ? "" : value, value == NULL ? 0 : value_len};
    return MHD_YES;
}

/* A header of the request; NULL: it has none of that name. */
static const struct kms_str *find_header(const struct kmsd_request *request, const char *name)
{
    const struct kms_str wanted = kms_str(name);
    for (size_t i = 0; i < request->header_count; i++) {
        if (kms_ascii_eq(request->headers[i].name, wanted))
            return &request->headers[i].value;
    }
    return NULL;
}

/* What the head announces; 0 when it announces nothing. libmicrohttpd has refused malformed ones.
 */
static uint64_t announced_length(const struct kmsd_request *request)
{
    const struct kms_str *text = find_header(request, "Content-Length");
    uint64_t length = 0;
    for (size_t i = 0; text != NULL && i < text->len; i++) {
        char digit = text->data[i];
        if (digit < '0' || digit > '9')
            break;
        if (length > UINT64_MAX / 10 - 1)
            return UINT64_MAX;
        length = length * 10 + (uint64_t)(digit - '0');
    }
    return length;
}

/* One of gnutls's numbers; 0, which none has, when there is none. The union that libmicrohttpd points to
 * need not be aligned as one: it may be a mere number among others (seen in 0.9.75). */
static int tls_number(struct MHD_Connection *mhd, enum MHD_ConnectionInfoType type)
{
    const void *info = MHD_get_connection_info(mhd, type);
    int number = 0;
    if (info != NULL)
        memcpy(&number, info, sizeof(number));
    return number;
}

/* What the audit trail says of the connection. The suite's name follows from the cipher in TLS 1.3
 * alone; before, it has the key exchange in it as well, which libmicrohttpd does not tell. */
static void tell_tls(struct MHD_Connection *mhd, struct kmsd_exchange *exchange)
{
    bool is_newest = tls_number(mhd, MHD_CONNECTION_INFO_PROTOCOL) == GNUTLS_TLS1_3;
    exchange->tls_version = is_newest ? "TLSv1.3" : "TLSv1.2";
    if (!is_newest)
        return;
    switch (tls_number(mhd, MHD_CONNECTION_INFO_CIPHER_ALGO)) {
    case GNUTLS_CIPHER_AES_128_GCM:
        exchange->tls_cipher = "TLS_AES_128_GCM_SHA256";
        break;
    case GNUTLS_CIPHER_AES_256_GCM:
        exchange->tls_cipher = "TLS_AES_256_GCM_SHA384";
        break;
    case GNUTLS_CIPHER_CHACHA20_POLY1305:
        exchange->tls_cipher = "TLS_CHACHA20_POLY1305_SHA256";
        break;
    default:
        break;
    }
}

/* The head of the request, as the pipeline sees it. */
static void fill_exchange(struct kmsd_connection *connection, const char *method)
{
    struct kmsd_request *request = connection->request;
    struct kmsd_exchange *exchange = &request->exchange;
    struct kms_str target = kms_buf_str(&request->target);
    const char *mark = target.len == 0 ? NULL : memchr(target.data, '?', target.len);
    struct kms_http_view view = {
        .method = kms_str(method),
        .path = target,
        .query = {"", 0},
        .headers = request->headers,
        .header_count = request->header_count,
        .body = {(const uint8_t *)"", 0}, /* not there yet */
    };
    if (mark != NULL) {
        view.path.len = (size_t)(mark - target.data);
        view.query = (struct kms_str){mark + 1, target.len - view.path.len - 1};
    }
    exchange->http = view;
    exchange->remote_address = kms_str(connection->remote_address);
    exchange->secure_transport = connection->http->is_tls;
    if (connection->http->is_tls)
        tell_tls(connection->mhd, exchange);
}

/* The head is there. Answers at once where the rest is not worth reading. */
static enum MHD_Result receive_head(struct kmsd_connection *connection, const char *method)
{
    struct kmsd_request *request = connection->request;
    struct MHD_Connection *mhd = connection->mhd;
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, collect_header, request);
    bool has_too_many_headers = request->is_too_large;
    fill_exchange(connection, method);
    if (!kmsd_framing_is_sound(request->headers, request->header_count)) {
        request->must_close = true;
        return refuse(connection, KMS_FAULT_SERIALIZATION, ambiguous);
    }
    uint64_t length = announced_length(request);
    if (length > connection->http->limits.max_body)
        request->is_too_large = true;
    request->must_close = request->is_too_large;

    bool waits = find_header(request, "Expect") != NULL;
    if (has_too_many_headers ||
        (request->is_too_large && (waits || length > KMSD_HTTP_DISCARD_MAX)))
        return refuse(connection, KMS_FAULT_REQUEST_ENTITY_TOO_LARGE, absent);
    return MHD_YES;
}

/* --- running ---------------------------------------------------------------------------------- */

/* The lane's queue takes the connection over; it wakes up when the answer is there. */
static enum MHD_Result hand_over(struct kmsd_connection *connection, enum kmsd_lane lane)
{
    MHD_suspend_connection(connection->mhd);
    if (kmsd_workers_submit(connection->http->lanes[lane], connection) == KMS_OK)
        return MHD_YES; /* a worker may be at it already: nothing of it is touched here any more */
    kmsd_pipeline_refuse(connection->http->pipeline, &connection->request->exchange,
        KMS_FAULT_THROTTLING, rate_exceeded);
    kmsd_connection_enter(connection, KMSD_PHASE_ANSWERING);
    MHD_resume_connection(connection->mhd);
    return MHD_YES;
}

void kmsd_request_run(void *job)
{
    struct kmsd_connection *connection = job;
    kmsd_pipeline_finish(connection->http->pipeline, &connection->request->exchange);
    kmsd_connection_enter(connection, KMSD_PHASE_ANSWERING);
    MHD_resume_connection(connection->mhd);
}

void kmsd_request_cancel(void *job)
{
    struct kmsd_connection *connection = job;
    kmsd_pipeline_refuse(connection->http->pipeline, &connection->request->exchange,
        KMS_FAULT_SERVICE_UNAVAILABLE, shutting_down);
    kmsd_connection_enter(connection, KMSD_PHASE_ANSWERING);
    MHD_resume_connection(connection->mhd);
}

/*
 * Putting off. libmicrohttpd asks again for the answer of a whole request that got none, when it has been round all
 * connections that were ready. So all of them are received first, then worked on, then answered: what each of the three
 * needs stays near the processor from one request to the next, and a peer is woken once for all of his answers. So
 * many at a time and no more, and no answer that has taken its time already: the first must not wait for long.
 */
enum { PUT_OFF_MS = 2 };

static const unsigned put_off_max[KMSD_PUT_OFF_STAGES] = {
    [KMSD_PUT_OFF_RUNNING] = 64,
    [KMSD_PUT_OFF_ANSWERING] = 16,
};

static _Thread_local struct {
    unsigned count[KMSD_PUT_OFF_STAGES];
    int64_t first_ms; /* when the first of the answers was there */
} put_off;

static bool put_it_off(struct kmsd_request *request, enum kmsd_put_off stage)
{
    if (put_off.count[stage] == put_off_max[stage])
        return false;
    put_off.count[stage]++;
    request->put_off = stage;
    return true;
}

/* Its turn has come, or never will; who ends it when the daemon stops may be a thread that has put off nothing. */
static void end_putting_off(struct kmsd_request *request)
{
    enum kmsd_put_off stage = request->put_off;
    request->put_off = KMSD_PUT_OFF_NOT;
    if (stage != KMSD_PUT_OFF_NOT && put_off.count[stage] > 0)
        put_off.count[stage]--;
}

static enum MHD_Result answer(struct kmsd_connection *connection, int64_t began_ms)
{
    int64_t now_ms = kms_clock_monotonic_ms();
    kmsd_connection_enter(connection, KMSD_PHASE_ANSWERING);
    if (put_off.count[KMSD_PUT_OFF_ANSWERING] == 0)
        put_off.first_ms = now_ms;
    if (now_ms - put_off.first_ms < PUT_OFF_MS && now_ms - began_ms < PUT_OFF_MS &&
        put_it_off(connection->request, KMSD_PUT_OFF_ANSWERING))
        return MHD_YES;
    return send_answer(connection);
}

static enum MHD_Result run(struct kmsd_connection *connection, const char *method)
{
    const struct kmsd_pipeline *pipeline = connection->http->pipeline;
    struct kmsd_exchange *exchange = &connection->request->exchange;
    int64_t began_ms = kms_clock_monotonic_ms();
    exchange->http.body = kms_buf_bytes(&connection->request->body);
    if (connection->request->is_too_large)
        return refuse(connection, KMS_FAULT_REQUEST_ENTITY_TOO_LARGE, absent);
    if (connection->request->is_one_too_many)
        return refuse(connection, KMS_FAULT_THROTTLING, rate_exceeded);
    if (strcmp(method, "POST") != 0) {
        if (strcmp(method, "GET") == 0 && kms_str_is(exchange->http.path, HEALTH_PATH))
            return send_health(connection);
        return refuse(connection, KMS_FAULT_UNKNOWN_OPERATION, absent);
    }
    enum kmsd_next next = kmsd_pipeline_begin(pipeline, exchange);
    kmsd_body_release(connection); /* its sender is known, or it is dropped soon */
    switch (next) {
    case KMSD_NEXT_REPLY:
        return send_answer(connection);
    case KMSD_NEXT_FINISH:
        kmsd_pipeline_finish(pipeline, exchange);
        return answer(connection, began_ms);
    case KMSD_NEXT_WRITE:
        return hand_over(connection, KMSD_LANE_WRITE);
    case KMSD_NEXT_COMPUTE:
        return hand_over(connection, KMSD_LANE_COMPUTE);
    case KMSD_NEXT_GENERATE:
        return hand_over(connection, KMSD_LANE_GENERATE);
    case KMSD_NEXT_FETCH:
        return hand_over(connection, KMSD_LANE_FETCH);
    }
    return MHD_NO;
}

/* The next bytes of the body. None: the request is whole. */
static enum MHD_Result receive(
    struct kmsd_connection *connection, const char *method, const char *data, size_t *len)
{
    struct kmsd_request *request = connection->request;
    if (*len != 0) {
        bool goes_on = kmsd_body_take(connection, data, *len);
        *len = 0;
        return goes_on ? MHD_YES : MHD_NO;
    }
    kmsd_connection_enter(connection, KMSD_PHASE_RUNNING);
    return put_it_off(request, KMSD_PUT_OFF_RUNNING) ? MHD_YES : run(connection, method);
}

enum MHD_Result kmsd_request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls)
{
    struct kmsd_http *http = cls;
    struct kmsd_connection *connection = *con_cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (connection == NULL || connection->request->target.err != KMS_OK)
        return MHD_NO;
    switch (atomic_load_explicit(&connection->phase, memory_order_acquire)) {
    case KMSD_PHASE_IDLE:
        connection->is_counted = true;
        atomic_fetch_add(&http->under_way, 1);
        kmsd_connection_enter(connection, KMSD_PHASE_RECEIVING);
        return receive_head(connection, method);
    case KMSD_PHASE_RECEIVING:
        return receive(connection, method, upload_data, upload_data_size);
    case KMSD_PHASE_ANSWERING: /* awake again, or put off */
        end_putting_off(connection->request);
        return send_answer(connection);
    case KMSD_PHASE_RUNNING: /* put off */
        if (connection->request->put_off != KMSD_PUT_OFF_RUNNING)
            break;
        end_putting_off(connection->request);
        return run(connection, method);
    }
    return MHD_NO;
}

void kmsd_request_completed(
    void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
    struct kmsd_http *http = cls;
    struct kmsd_connection *connection = *con_cls;
    (void)mhd;
    (void)code;
    *con_cls = NULL;
    if (connection == NULL)
        return;
    if (connection->is_counted) {
        connection->is_counted = false;
        atomic_fetch_sub(&http->under_way, 1);
    }
    kmsd_body_release(connection);
    if (connection->request != NULL) {
        end_putting_off(connection->request);
        tell_failure(connection);
    }
    kmsd_stock_give_back(http, connection->request); /* wiped: plaintexts don't wait */
    connection->request = NULL;
    kmsd_connection_enter(connection, KMSD_PHASE_IDLE);
}
