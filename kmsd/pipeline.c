/* The stages of a request, in order. Each either goes on or completes the answer. */
#include "kmsd/pipeline.h"

#include "kmsd/auth/auth.h"
#include "kmsd/lookup_events.h"
#include "kmsd/ops/table.h"
#include "kmsd/pipeline_audit.h"
#include "kmsd/query/query.h"
#include "libkms/base/encoding.h"
#include "libkms/base/secret.h"

#include <strings.h>

/* --- exchanges -------------------------------------------------------------------------------- */

enum { RESPONSE_KEPT_MAX = 64 * 1024 };

void kmsd_exchange_init(struct kmsd_exchange *exchange)
{
    *exchange = (struct kmsd_exchange){.wire = KMS_WIRE_JSON};
    kms_arena_init(&exchange->arena, KMSD_EXCHANGE_ARENA_MAX);
    kms_buf_init(&exchange->response.body, KMSD_EXCHANGE_RESPONSE_MAX);
}

void kmsd_exchange_reset(struct kmsd_exchange *exchange)
{
    kmsd_principal_clean_up(&exchange->principal);
    kms_arena_reset(&exchange->arena);
    /* one long list must not stay with the connection for good */
    if (exchange->response.body.capacity > RESPONSE_KEPT_MAX)
        kms_buf_clean_up(&exchange->response.body);
    else
        kms_buf_reset(&exchange->response.body);
    struct kms_arena arena = exchange->arena;
    struct kms_buf body = exchange->response.body;
    kms_wipe(exchange, sizeof(*exchange));
    exchange->wire = KMS_WIRE_JSON;
    exchange->arena = arena;
    exchange->response.body = body;
}

void kmsd_exchange_clean_up(struct kmsd_exchange *exchange)
{
    if (exchange == NULL)
        return;
    kmsd_principal_clean_up(&exchange->principal);
    kms_arena_clean_up(&exchange->arena);
    kms_buf_clean_up(&exchange->response.body);
}

/* --- headers ---------------------------------------------------------------------------------- */

/* The value of a header that may be there once; absent when it is not, and *twice when it is there
 * more than once, which nobody honest sends of those that are asked for here. */
static struct kms_str header(const struct kms_http_view *http, const char *name, bool *twice)
{
    struct kms_str value = {NULL, 0};
    struct kms_str wanted = kms_str(name);
    for (size_t i = 0; i < http->header_count; i++) {
        const struct kms_header *at = &http->headers[i];
        if (at->name.len != wanted.len || !kms_ascii_eq(at->name, wanted))
            continue;
        *twice = *twice || value.data != NULL;
        value = at->value;
    }
    return value;
}

struct kms_str kmsd_http_header(const struct kms_http_view *http, const char *name)
{
    bool ignored = false;
    return header(http, name, &ignored);
}

static bool has_header(const struct kms_http_view *http, const char *name)
{
    bool ignored = false;
    return header(http, name, &ignored).data != NULL;
}

/* Whether a Content-Type names that type, whatever parameters follow. */
static bool is_media_type(struct kms_str value, const char *type)
{
    size_t len = strlen(type);
    if (value.len < len || strncasecmp(value.data, type, len) != 0)
        return false;
    return value.len == len || value.data[len] == ';' || value.data[len] == ' ';
}

static enum kms_wire wire_of(const struct kms_http_view *http)
{
    return has_header(http, "smithy-protocol") ? KMS_WIRE_CBOR : KMS_WIRE_JSON;
}

/* --- answers ---------------------------------------------------------------------------------- */

/* In JSON the live service answers 400 to whatever is the caller's fault, though its model has
 * other codes; Smithy RPC v2 CBOR prescribes the model's. */
static int status_of(enum kms_wire wire, enum kms_fault_code code)
{
    const struct kms_error_model *model = &kms_error_models[code];
    bool flat = wire == KMS_WIRE_JSON && model->in_model && !model->server_fault;
    return flat ? 400 : model->http_status;
}

static void answer_head(struct kmsd_exchange *exchange, int status, bool has_body)
{
    struct kmsd_response *response = &exchange->response;
    bool is_cbor = exchange->wire == KMS_WIRE_CBOR;
    response->status = status;
    response->smithy_protocol = is_cbor;
    /* JSON answers name their type even when they are empty */
    response->content_type = is_cbor && !has_body ? NULL : kms_wire_content_type(exchange->wire);
    kms_buf_reset(&response->body);
}

static void answer_fault(struct kmsd_exchange *exchange, struct kmsd_fault fault)
{
    answer_head(exchange, status_of(exchange->wire, fault.code), true);
    exchange->fault.code = fault.code;
    exchange->fault.message = fault.message;
    kms_encode_fault(exchange->wire, fault.code, fault.message, &exchange->response.body);
}

static void answer_internal(struct kmsd_exchange *exchange, enum kms_err err)
{
    exchange->cause = err;
    answer_fault(exchange, kmsd_fault_of(err));
}

static bool refuse(struct kmsd_exchange *exchange, enum kms_fault_code code, const char *message)
{
    answer_fault(exchange, (struct kmsd_fault){code, kms_str(message)});
    return false;
}

static bool identify(struct kmsd_exchange *exchange)
{
    enum kms_err err = kms_uuid_new(exchange->request_id);
    if (err == KMS_OK)
        return true;
    exchange->request_id[0] = '\0';
    answer_internal(exchange, err);
    return false;
}

/* --- the trail -------------------------------------------------------------------------------- */

enum kmsd_health kmsd_pipeline_health(const struct kmsd_pipeline *pipeline)
{
    if (!kmsd_audit_is_ready(pipeline->audit))
        return KMSD_HEALTH_REFUSES;
    return kmsd_audit_is_writing(pipeline->audit) ? KMSD_HEALTH_GOOD : KMSD_HEALTH_UNRECORDED;
}

/* The last stage of every request: what can't be recorded isn't answered. */
static void record(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange,
    const struct kmsd_call *call)
{
    enum kms_err err = kmsd_pipeline_record(pipeline, exchange, call);
    if (err != KMS_OK && exchange->fault.code != KMS_FAULT_SERVICE_UNAVAILABLE)
        answer_internal(exchange, err);
}

void kmsd_pipeline_refuse(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange,
    enum kms_fault_code code, struct kms_str message)
{
    exchange->wire = wire_of(&exchange->http);
    if (exchange->request_id[0] != '\0' || identify(exchange))
        answer_fault(exchange, (struct kmsd_fault){code, message});
    record(pipeline, exchange, NULL);
}

/* --- protocol and operation ------------------------------------------------------------------- */

/* "TrentService.Encrypt" */
static enum kms_op operation_of_target(struct kms_str target)
{
    const size_t len = sizeof(KMS_TARGET_PREFIX) - 1;
    if (target.len <= len || memcmp(target.data, KMS_TARGET_PREFIX, len) != 0 ||
        target.data[len] != '.')
        return KMS_OPERATION_COUNT;
    return kms_operation_find((struct kms_str){target.data + len + 1, target.len - len - 1});
}

/* Cuts the text after the last slash off a path. */
static struct kms_str last_segment(struct kms_str *path)
{
    size_t at = path->len;
    while (at > 0 && path->data[at - 1] != '/')
        at--;
    struct kms_str segment = {path->data + at, path->len - at};
    path->len = at == 0 ? 0 : at - 1;
    return at == 0 ? kms_str(NULL) : segment;
}

/* "[prefix]/service/TrentService/operation/Encrypt": the last four segments count. */
static enum kms_op operation_of_path(struct kms_str path)
{
    struct kms_str operation = last_segment(&path);
    struct kms_str word_operation = last_segment(&path);
    struct kms_str service = last_segment(&path);
    struct kms_str word_service = last_segment(&path);
    bool is_ours = kms_str_is(service, KMS_TARGET_PREFIX) ||
                   kms_str_is(service, KMS_SHAPE_NAMESPACE "." KMS_TARGET_PREFIX);
    if (!is_ours || !kms_str_is(word_operation, "operation") ||
        !kms_str_is(word_service, "service"))
        return KMS_OPERATION_COUNT;
    return kms_operation_find(operation);
}

static enum kms_op find_json_operation(const struct kms_http_view *http, bool *wrong_type)
{
    bool twice = false;
    struct kms_str target = header(http, "x-amz-target", &twice);
    struct kms_str type = header(http, "content-type", &twice);
    if (twice || !kms_str_is(http->path, "/"))
        return KMS_OPERATION_COUNT;
    *wrong_type = !is_media_type(type, kms_wire_content_type(KMS_WIRE_JSON));
    return *wrong_type ? KMS_OPERATION_COUNT : operation_of_target(target);
}

static enum kms_op find_cbor_operation(const struct kms_http_view *http, bool *wrong_type)
{
    bool twice = false;
    struct kms_str protocol = header(http, "smithy-protocol", &twice);
    struct kms_str type = header(http, "content-type", &twice);
    /* "servers MUST reject requests that contain X-Amz-Target or X-Amzn-Target": two protocols in
     * one request could name two operations */
    if (twice || !kms_str_is(protocol, "rpc-v2-cbor") || has_header(http, "x-amz-target") ||
        has_header(http, "x-amzn-target"))
        return KMS_OPERATION_COUNT;
    *wrong_type = !is_media_type(type, kms_wire_content_type(KMS_WIRE_CBOR)) &&
                  !(type.data == NULL && http->body.len == 0);
    return *wrong_type ? KMS_OPERATION_COUNT : operation_of_path(http->path);
}

static bool find_operation(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    const struct kms_http_view *http = &exchange->http;
    enum kms_op found = KMS_OPERATION_COUNT;
    bool wrong_type = false;
    exchange->wire = wire_of(http);
    exchange->is_lookup = pipeline->audit != NULL && kmsd_lookup_events_is(http);
    if (exchange->is_lookup)
        return true;
    if (kms_str_is(http->method, "POST"))
        found = exchange->wire == KMS_WIRE_CBOR ? find_cbor_operation(http, &wrong_type)
                                                : find_json_operation(http, &wrong_type);
    if (wrong_type)
        return refuse(exchange, KMS_FAULT_UNKNOWN_OPERATION,
            "The Content-Type is not one that this service reads.");
    if (found == KMS_OPERATION_COUNT)
        return refuse(exchange, KMS_FAULT_UNKNOWN_OPERATION,
            "The request does not name an operation of this service.");
    exchange->op = &kmsd_ops[found];
    return true;
}

/* --- who asks --------------------------------------------------------------------------------- */

static bool authenticate(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    struct kmsd_fault fault = {.message = {NULL, 0}};
    fault.code = kmsd_auth_verify_for(pipeline->auth,
        exchange->is_lookup ? KMSD_LOOKUP_EVENTS_SERVICE : NULL, &exchange->http,
        pipeline->signing_now_ms(), &exchange->arena, &exchange->principal, &exchange->region,
        &fault.message);
    if (fault.code != KMS_FAULT_COUNT) {
        if (fault.code == KMS_FAULT_INTERNAL_FAILURE)
            exchange->cause = KMS_ERR_INTERNAL;
        answer_fault(exchange, fault);
        return false;
    }
    bool served = pipeline->region_count == 0;
    for (size_t i = 0; i < pipeline->region_count && !served; i++)
        served = kms_str_eq(pipeline->regions[i], exchange->region);
    return served || refuse(exchange, KMS_FAULT_INVALID_SIGNATURE,
                         "Credential should be scoped to a valid region.");
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* Whether it was the request's own share of memory that ran out rather than the machine's. */
static bool asks_too_much(const struct kmsd_exchange *exchange)
{
    size_t half = exchange->arena.max / 2;
    return exchange->arena.used > half || exchange->http.body.len > half;
}

static bool decode(struct kmsd_exchange *exchange)
{
    const struct kms_shape *shape = kms_operations[exchange->op->id].input;
    struct kmsd_fault fault = {KMS_FAULT_SERIALIZATION, {NULL, 0}};
    void *input = kms_arena_alloc(&exchange->arena, shape->size);
    enum kms_err err = KMS_ERR_NO_MEMORY;
    if (input != NULL)
        err = kms_decode_request(
            exchange->wire, shape, exchange->http.body, &exchange->arena, input, &fault.message);
    exchange->input = input;
    switch (err) {
    case KMS_OK:
        return true;
    case KMS_ERR_VALIDATION:
        fault.code = KMS_FAULT_VALIDATION;
        break;
    case KMS_ERR_NO_MEMORY:
        if (!asks_too_much(exchange)) {
            answer_internal(exchange, err);
            return false;
        }
        return refuse(exchange, KMS_FAULT_REQUEST_ENTITY_TOO_LARGE,
            "The request takes more memory than one request may.");
    default:
        break;
    }
    answer_fault(exchange, fault);
    return false;
}

static enum kmsd_next next_of(const struct kmsd_exchange *exchange)
{
    static const enum kmsd_next nexts[] = {
        [KMSD_PACE_FAST] = KMSD_NEXT_FINISH,
        [KMSD_PACE_WRITES] = KMSD_NEXT_WRITE,
        [KMSD_PACE_COMPUTES] = KMSD_NEXT_COMPUTE,
        [KMSD_PACE_GENERATES] = KMSD_NEXT_GENERATE,
    };
    const struct kmsd_op *op = exchange->op;
    bool writes = (op->flags & (KMSD_OP_WRITES | KMSD_OP_SLOW)) != 0;
    enum kmsd_pace pace = op->pace == NULL ? KMSD_PACE_FAST : op->pace(exchange->input);
    return nexts[writes && pace == KMSD_PACE_FAST ? KMSD_PACE_WRITES : pace];
}

/* Nothing is done while it is known that it can't be recorded. */
static bool is_recordable(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    return kmsd_audit_is_ready(pipeline->audit) ||
           refuse(exchange, KMS_FAULT_SERVICE_UNAVAILABLE, "The audit trail can't be written.");
}

/* --- the API of identities -------------------------------------------------------------------- */

static bool is_query(const struct kmsd_pipeline *pipeline, const struct kmsd_exchange *exchange)
{
    return pipeline->query != NULL && kms_str_is(exchange->http.method, "POST") &&
           kms_str_is(exchange->http.path, "/") && kmsd_query_is_meant(&exchange->http);
}

static enum kmsd_next begin_query(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    const struct kmsd_query_request request = {
        .http = &exchange->http,
        .remote_address = exchange->remote_address,
        .secure_transport = exchange->secure_transport,
        .request_id = exchange->request_id,
        .now_ms = exchange->now_ms,
        .signing_now_ms = pipeline->signing_now_ms(),
        .arena = &exchange->arena,
        .principal = &exchange->principal,
        .body = &exchange->response.body,
    };
    exchange->response.content_type = "text/xml";
    exchange->fault.code = KMS_FAULT_INTERNAL_FAILURE; /* should there be no memory for a call */
    switch (kmsd_query_begin(pipeline->query, &request, &exchange->query,
        &exchange->response.status, &exchange->cause)) {
    case KMSD_QUERY_DONE:
        record(pipeline, exchange, NULL);
        return KMSD_NEXT_REPLY;
    case KMSD_QUERY_QUICK:
        return KMSD_NEXT_FINISH;
    case KMSD_QUERY_SLOW:
        break;
    case KMSD_QUERY_FETCHES:
        return KMSD_NEXT_FETCH;
    }
    return KMSD_NEXT_WRITE;
}

enum kmsd_next kmsd_pipeline_begin(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    exchange->now_ms = pipeline->now_ms();
    bool is_ready = identify(exchange) && is_recordable(pipeline, exchange);
    if (is_ready && is_query(pipeline, exchange))
        return begin_query(pipeline, exchange);
    if (is_ready && find_operation(pipeline, exchange) && authenticate(pipeline, exchange) &&
        (exchange->is_lookup || decode(exchange)))
        return exchange->is_lookup ? KMSD_NEXT_WRITE : next_of(exchange);
    record(pipeline, exchange, NULL);
    return KMSD_NEXT_REPLY;
}

/* --- whether it may be, and doing it ---------------------------------------------------------- */

static enum kms_err carry_out(struct kmsd_call *call)
{
    enum kms_err err = kmsd_call_resolve(call);
    if (err == KMS_OK)
        err = kmsd_call_authorize(call);
    if (err == KMS_OK)
        err = kmsd_call_admit(call);
    if (err == KMS_OK)
        err = kmsd_call_run(call);
    return err;
}

static void answer(struct kmsd_exchange *exchange, const struct kmsd_call *call, enum kms_err err)
{
    const struct kms_shape *shape = kms_operations[call->op->id].output;
    if (err == KMS_ERR_FAULT) {
        answer_fault(exchange, call->fault);
        return;
    }
    if (err == KMS_OK) {
        answer_head(exchange, 200, shape != NULL);
        if (shape != NULL)
            kms_encode(exchange->wire, shape, call->output, &exchange->response.body);
        err = exchange->response.body.err;
    }
    if (err != KMS_OK)
        answer_internal(exchange, err);
}

/* A header that counts only when it is there once. */
static struct kms_str single_header(const struct kms_http_view *http, const char *name)
{
    bool twice = false;
    struct kms_str value = header(http, name, &twice);
    return twice ? kms_str(NULL) : value;
}

static struct kmsd_way way_of(const struct kmsd_exchange *exchange)
{
    return (struct kmsd_way){
        .remote_address = exchange->remote_address,
        .user_agent = kmsd_http_header(&exchange->http, "user-agent"),
        .referer = kmsd_http_header(&exchange->http, "referer"),
        .source_arn = single_header(&exchange->http, "x-amz-source-arn"),
        .source_account = single_header(&exchange->http, "x-amz-source-account"),
        .is_secure = exchange->secure_transport,
    };
}

/* CloudTrail's operation, which is no row of the table. */
static void finish_lookup(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    const struct kmsd_way way = way_of(exchange);
    answer_head(exchange, 200, true);
    enum kms_err err = kmsd_lookup_events(pipeline, exchange, &way);
    if (err != KMS_OK)
        answer_internal(exchange, err);
    record(pipeline, exchange, NULL);
}

void kmsd_pipeline_finish(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    if (exchange->query != NULL) {
        kmsd_query_finish(exchange->query, &exchange->response.status, &exchange->cause);
        record(pipeline, exchange, NULL);
        return;
    }
    if (exchange->is_lookup) {
        finish_lookup(pipeline, exchange);
        return;
    }
    const struct kms_shape *shape = kms_operations[exchange->op->id].output;
    struct kmsd_call call = {
        .op = exchange->op,
        .keys = pipeline->keys,
        .principal = &exchange->principal,
        .region = exchange->region,
        .way = way_of(exchange),
        .regions = pipeline->regions,
        .region_count = pipeline->region_count,
        .now_ms = exchange->now_ms,
        .request_id = exchange->request_id,
        .arena = &exchange->arena,
        .input = exchange->input,
        .output = shape == NULL ? NULL : kms_arena_alloc(&exchange->arena, shape->size),
    };
    bool writes = (call.op->flags & KMSD_OP_WRITES) != 0;
    enum kms_err err = KMS_ERR_NO_MEMORY;
    if (shape == NULL || call.output != NULL) {
        if (writes)
            kmsd_keys_lock(pipeline->keys);
        err = carry_out(&call);
        if (writes)
            kmsd_keys_unlock(pipeline->keys);
    }
    answer(exchange, &call, err);
    record(pipeline, exchange, &call);
    kmsd_call_clean_up(&call);
}
