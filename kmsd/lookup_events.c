#include "kmsd/lookup_events.h"

#include "kmsd/audit/json_out.h"
#include "kmsd/audit/record.h"
#include "kmsd/ops/table.h"
#include "libkms/base/encoding.h"

#include <jansson.h>
#include <stdio.h>

#define TARGET "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"

enum {
    RESULTS_MAX = 50,
    VALUE_MAX = 2000,
    ANSWER_ENOUGH = 4 << 20, /* a page that is this long ends early */
};

bool kmsd_lookup_events_is(const struct kms_http_view *http)
{
    return kms_str_is(http->method, "POST") && kms_str_is(http->path, "/") &&
           kms_str_is(kmsd_http_header(http, "x-amz-target"), TARGET);
}

/* --- refusals --------------------------------------------------------------------------------- */

static enum kms_err fail(struct kmsd_exchange *exchange, const char *name, const char *message)
{
    struct kms_buf *body = &exchange->response.body;
    kms_buf_reset(body);
    exchange->response.status = 400;
    exchange->fault.name = name;
    exchange->fault.message = kms_str(message);
    kmsd_json_raw(body, "{", 1);
    kmsd_json_member(body, "__type", kms_str(name));
    kmsd_json_member(body, "message", kms_str(message));
    kmsd_json_raw(body, "}", 1);
    return body->err == KMS_OK ? KMS_ERR_FAULT : body->err;
}

/* --- may the caller? -------------------------------------------------------------------------- */

/* Decided as for any operation that is about no key. The row stands in for the table's. */
static enum kms_err authorize(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange,
    const struct kmsd_way *way)
{
    static const struct kmsd_op row = {.id = KMS_OP_LIST_KEYS, .action = "cloudtrail:LookupEvents"};
    static const struct kms_list_keys_request nothing;
    struct kmsd_call call = {
        .op = &row,
        .keys = pipeline->keys,
        .principal = &exchange->principal,
        .region = exchange->region,
        .way = *way,
        .now_ms = exchange->now_ms,
        .arena = &exchange->arena,
        .input = &nothing,
        .targets = {{.action = row.action,
            .arn = KMS_STR_LITERAL("*"),
            .account = kms_str(exchange->principal.account)}},
        .target_count = 1,
    };
    enum kms_err err = kmsd_call_authorize(&call);
    if (err != KMS_ERR_FAULT)
        return err;
    struct kms_str text = kms_arena_str(&exchange->arena, call.fault.message);
    return fail(exchange, "AccessDeniedException", text.data == NULL ? "" : text.data);
}

/* --- the request ------------------------------------------------------------------------------ */

struct attribute {
    const char *key;
    int term; /* -1: event id, -2: read only */
};

static const struct attribute attributes[] = {
    {"AccessKeyId", KMS_TRAIL_ACCESS_KEY}, {"EventId", -1}, {"EventName", KMS_TRAIL_EVENT_NAME},
    {"EventSource", KMS_TRAIL_EVENT_SOURCE}, {"ReadOnly", -2}, {"ResourceName", KMS_TRAIL_RESOURCE},
    {"ResourceType", KMS_TRAIL_RESOURCE_TYPE}, {"Username", KMS_TRAIL_USER_NAME},
    {"ErrorCode", KMS_TRAIL_ERROR}, /* CloudTrail has no such attribute */
};

static enum kms_err read_attribute(
    struct kmsd_exchange *exchange, json_t *item, struct kms_trail_query *query)
{
    const char *key = json_string_value(json_object_get(item, "AttributeKey"));
    json_t *value = json_object_get(item, "AttributeValue");
    size_t i = 0;
    const size_t count = sizeof(attributes) / sizeof(attributes[0]);
    while (key != NULL && i < count && strcmp(attributes[i].key, key) != 0)
        i++;
    if (key == NULL || i == count || json_string_length(value) == 0 ||
        json_string_length(value) > VALUE_MAX)
        return fail(exchange, "InvalidLookupAttributesException",
            "A lookup attribute is not valid: it has a key that can be looked up, and a value of 1 "
            "to 2000 characters.");
    struct kms_str text = kms_arena_str(
        &exchange->arena, (struct kms_str){json_string_value(value), json_string_length(value)});
    if (text.data == NULL)
        return KMS_ERR_NO_MEMORY;
    if (attributes[i].term == -1)
        query->event_id = text;
    else if (attributes[i].term == -2)
        query->read_only = text;
    else
        query->terms[attributes[i].term] = text;
    return KMS_OK;
}

static enum kms_err read_attributes(
    struct kmsd_exchange *exchange, json_t *list, struct kms_trail_query *query)
{
    if (list == NULL || json_is_null(list))
        return KMS_OK;
    if (!json_is_array(list) || json_array_size(list) > 1)
        return fail(exchange, "InvalidLookupAttributesException",
            "LookupAttributes is a list of at most one attribute.");
    return json_array_size(list) == 0 ? KMS_OK
                                      : read_attribute(exchange, json_array_get(list, 0), query);
}

/* Seconds since the epoch, as AWS JSON writes times. */
static bool read_time(json_t *value, int64_t *time_ms)
{
    static const double latest = 253402300799.0; /* the end of the year 9999 */
    if (value == NULL || json_is_null(value))
        return true;
    double seconds = json_number_value(value);
    if (!json_is_number(value) || !(seconds >= 0 && seconds <= latest))
        return false;
    *time_ms = (int64_t)(seconds * 1000 + 0.5);
    return true;
}

static enum kms_err read_times(
    struct kmsd_exchange *exchange, json_t *root, struct kms_trail_query *query)
{
    if (!read_time(json_object_get(root, "StartTime"), &query->from_ms) ||
        !read_time(json_object_get(root, "EndTime"), &query->to_ms) ||
        query->from_ms > query->to_ms)
        return fail(exchange, "InvalidTimeRangeException",
            "StartTime and EndTime are times, and StartTime is not after EndTime.");
    query->from_ms -= query->from_ms % 1000; /* records have whole seconds */
    int64_t time_ms = 0;
    if (query->event_id.data != NULL && kmsd_audit_event_id_time(query->event_id, &time_ms)) {
        time_ms -= time_ms % 1000;
        query->from_ms = time_ms > query->from_ms ? time_ms : query->from_ms;
        query->to_ms = time_ms < query->to_ms ? time_ms : query->to_ms;
    }
    return KMS_OK;
}

static enum kms_err read_paging(
    struct kmsd_exchange *exchange, json_t *root, struct kms_trail_query *query)
{
    json_t *max = json_object_get(root, "MaxResults");
    json_t *token = json_object_get(root, "NextToken");
    query->max = RESULTS_MAX;
    if (max != NULL && !json_is_null(max)) {
        if (!json_is_integer(max) || json_integer_value(max) < 1 ||
            json_integer_value(max) > RESULTS_MAX)
            return fail(
                exchange, "InvalidMaxResultsException", "MaxResults is a number from 1 to 50.");
        query->max = (size_t)json_integer_value(max);
    }
    if (token == NULL || json_is_null(token))
        return KMS_OK;
    uint8_t number[8];
    struct kms_str text = {json_string_value(token), json_string_length(token)};
    if (text.data == NULL || text.len != 2 * sizeof(number) ||
        kms_hex_decode(text, number) != KMS_OK)
        return fail(exchange, "InvalidNextTokenException", "The NextToken is not valid.");
    for (size_t i = 0; i < sizeof(number); i++)
        query->below = query->below << 8 | number[i];
    if (query->below == 0 || query->below > INT64_MAX)
        return fail(exchange, "InvalidNextTokenException", "The NextToken is not valid.");
    return KMS_OK;
}

static enum kms_err read_request(
    struct kmsd_exchange *exchange, json_t *root, struct kms_trail_query *query)
{
    if (!json_is_object(root))
        return fail(exchange, "SerializationException", "The body is not a JSON object.");
    enum kms_err err = read_attributes(exchange, json_object_get(root, "LookupAttributes"), query);
    if (err == KMS_OK)
        err = read_times(exchange, root, query);
    if (err == KMS_OK)
        err = read_paging(exchange, root, query);
    return err;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* A member whose value stands escaped in the record. */
static void copy_member(struct kms_buf *out, const char *name, struct kms_str escaped)
{
    if (escaped.data == NULL)
        return;
    kmsd_json_name(out, kms_str(name));
    kmsd_json_raw(out, "\"", 1);
    kmsd_json_raw(out, escaped.data, escaped.len);
    kmsd_json_raw(out, "\"", 1);
}

static enum kms_err write_event(void *context, struct kms_str record,
    const struct kms_trail_seal *seal, const struct kms_trail_fields *f)
{
    struct kms_buf *out = context;
    int64_t time_ms = seal->written_ms;
    if (kms_time_parse_rfc3339(f->event_time, &time_ms) != KMS_OK)
        time_ms = seal->written_ms;
    kmsd_json_comma(out);
    kmsd_json_raw(out, "{", 1);
    copy_member(out, "EventId", f->event_id);
    copy_member(out, "EventName", f->event_name);
    kmsd_json_member(out, "ReadOnly", kms_str(f->is_read_only ? "true" : "false"));
    copy_member(out, "AccessKeyId", f->access_key_id);
    kmsd_json_name(out, kms_str("EventTime"));
    kmsd_json_integer(out, time_ms / 1000);
    copy_member(out, "EventSource", f->event_source);
    copy_member(out, "Username", f->user_name);
    kmsd_json_name(out, kms_str("Resources"));
    kmsd_json_raw(out, "[", 1);
    for (size_t i = 0; i < f->resource_count; i++) {
        kmsd_json_comma(out);
        kmsd_json_raw(out, "{", 1);
        copy_member(out, "ResourceType", f->resources[i].type);
        copy_member(out, "ResourceName", f->resources[i].arn);
        kmsd_json_raw(out, "}", 1);
    }
    kmsd_json_raw(out, "]", 1);
    kmsd_json_name(out, kms_str("CloudTrailEvent"));
    kmsd_json_string(out, record);
    if (out->err != KMS_OK)
        return out->err;
    out->len--; /* the quote: the record's closing brace belongs before it */
    kmsd_json_raw(out, "}\"}", 3);
    if (out->err != KMS_OK)
        return out->err;
    return out->len >= ANSWER_ENOUGH ? KMS_ERR_CANCELLED : KMS_OK;
}

static enum kms_err answer(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange,
    const struct kms_trail_query *query, bool has_none)
{
    struct kms_buf *out = &exchange->response.body;
    uint64_t next = 0;
    KMSD_JSON_LITERAL(out, "{\"Events\":[");
    enum kms_err err =
        has_none ? KMS_OK : kmsd_audit_find(pipeline->audit, query, write_event, out, &next);
    kmsd_json_raw(out, "]", 1);
    if (next != 0) {
        char token[17];
        (void)snprintf(token, sizeof(token), "%016llx", (unsigned long long)next);
        kmsd_json_member(out, "NextToken", kms_str(token));
    }
    kmsd_json_raw(out, "}", 1);
    return err != KMS_OK ? err : out->err;
}

enum kms_err kmsd_lookup_events(const struct kmsd_pipeline *pipeline,
    struct kmsd_exchange *exchange, const struct kmsd_way *way)
{
    struct kms_trail_query query = {.to_ms = INT64_MAX / 2, .region = exchange->region};
    struct kms_bytes body = exchange->http.body;
    enum kms_err err = authorize(pipeline, exchange, way);
    if (err != KMS_OK)
        return err == KMS_ERR_FAULT ? KMS_OK : err;
    json_t *root =
        body.len == 0 ? json_object() : json_loadb((const char *)body.data, body.len, 0, NULL);
    err = read_request(exchange, root, &query);
    /* an account sees its own calls and what others did to its keys */
    query.terms[KMS_TRAIL_ACCOUNT] = kms_str(exchange->principal.account);
    const char *category = json_string_value(json_object_get(root, "EventCategory"));
    if (err == KMS_OK)
        err = answer(pipeline, exchange, &query, category != NULL);
    json_decref(root);
    return err == KMS_ERR_FAULT ? KMS_OK : err;
}
