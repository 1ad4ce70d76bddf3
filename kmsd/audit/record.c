#include "kmsd/audit/record.h"

#include "kmsd/audit/json_out.h"
#include "libkms/base/encoding.h"
#include "libkms/trail/trail.h"

#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>

#define EVENT_VERSION "1.11"
#define KMS_SOURCE    "kms.amazonaws.com"
#define INTERNAL      "AWS Internal"

/* --- event ids -------------------------------------------------------------------------------- */

/* A bijection of 64-bit numbers that looks random (splitmix64): ids of one process never repeat. */
static uint64_t scatter(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t process_seed(void)
{
    static _Atomic uint64_t seed;
    uint64_t now = atomic_load_explicit(&seed, memory_order_relaxed);
    if (now != 0)
        return now;
    uint64_t drawn = 0;
    if (RAND_bytes((unsigned char *)&drawn, sizeof(drawn)) != 1 || drawn == 0)
        drawn = (uint64_t)(uintptr_t)&seed; /* worse, not wrong: an id is no secret */
    return atomic_compare_exchange_strong(&seed, &now, drawn) ? drawn : now;
}

static void put_hex(char *out, uint64_t value, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    while (digits-- > 0) {
        out[digits] = hex[value & 15];
        value >>= 4;
    }
}

void kmsd_audit_event_id(int64_t time_ms, char out[KMS_UUID_SIZE])
{
    static _Atomic uint64_t counter;
    uint64_t number = atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed);
    uint64_t seed = process_seed();
    uint64_t low = scatter(seed + number * UINT64_C(0x9e3779b97f4a7c15));
    uint64_t time = (uint64_t)time_ms & ((UINT64_C(1) << 48) - 1);
    put_hex(out, time >> 16, 8);
    out[8] = '-';
    put_hex(out + 9, time & 0xffff, 4);
    out[13] = '-';
    put_hex(out + 14, UINT64_C(0x7000) | (seed >> 20 & 0xfff), 4);
    out[18] = '-';
    put_hex(out + 19, UINT64_C(0x8000) | (low >> 48 & 0x3fff), 4);
    out[23] = '-';
    put_hex(out + 24, low & ((UINT64_C(1) << 48) - 1), 12);
    out[KMS_UUID_SIZE - 1] = '\0';
}

bool kmsd_audit_event_id_time(struct kms_str event_id, int64_t *time_ms)
{
    uint8_t bytes[6];
    char digits[12];
    if (!kms_uuid_is(event_id) || event_id.data[14] != '7')
        return false;
    memcpy(digits, event_id.data, 8);
    memcpy(digits + 8, event_id.data + 9, 4);
    if (kms_hex_decode((struct kms_str){digits, sizeof(digits)}, bytes) != KMS_OK)
        return false;
    int64_t time = 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        time = time << 8 | bytes[i];
    *time_ms = time;
    return true;
}

/* --- parts ------------------------------------------------------------------------------------ */

static struct kms_str cut(struct kms_str text)
{
    if (text.len > KMSD_AUDIT_TEXT_MAX)
        text.len = KMSD_AUDIT_TEXT_MAX; /* half a letter at the end becomes U+FFFD */
    return text;
}

static struct kms_str type_of(enum kmsd_audit_who who)
{
    static const struct kms_str types[] = {
        [KMSD_AUDIT_UNKNOWN] = KMS_STR_LITERAL("Unknown"),
        [KMSD_AUDIT_ROOT] = KMS_STR_LITERAL("Root"),
        [KMSD_AUDIT_IAM_USER] = KMS_STR_LITERAL("IAMUser"),
        [KMSD_AUDIT_ASSUMED_ROLE] = KMS_STR_LITERAL("AssumedRole"),
        [KMSD_AUDIT_FEDERATED_USER] = KMS_STR_LITERAL("FederatedUser"),
        [KMSD_AUDIT_WEB_IDENTITY] = KMS_STR_LITERAL("WebIdentityUser"),
        [KMSD_AUDIT_AWS_ACCOUNT] = KMS_STR_LITERAL("AWSAccount"),
        [KMSD_AUDIT_AWS_SERVICE] = KMS_STR_LITERAL("AWSService"),
    };
    return types[who];
}

static void write_session(struct kms_buf *out, const struct kmsd_audit_identity *identity)
{
    KMSD_JSON_LITERAL(out, ",\"sessionContext\":{");
    if (identity->issuer_type.data != NULL) {
        KMSD_JSON_LITERAL(out, "\"sessionIssuer\":{");
        kmsd_json_member(out, "type", identity->issuer_type);
        kmsd_json_member(out, "principalId", identity->issuer_id);
        kmsd_json_member(out, "arn", identity->issuer_arn);
        kmsd_json_member(out, "accountId", identity->issuer_account);
        kmsd_json_member(out, "userName", identity->issuer_name);
        KMSD_JSON_LITERAL(out, "},");
    }
    KMSD_JSON_LITERAL(out, "\"webIdFederationData\":{");
    kmsd_json_member(out, "federatedProvider", identity->web_provider);
    KMSD_JSON_LITERAL(out, "},\"attributes\":{");
    if (identity->session_created_ms != 0) {
        KMSD_JSON_LITERAL(out, "\"creationDate\":");
        kmsd_json_time(out, identity->session_created_ms);
        KMSD_JSON_LITERAL(out, ",");
    }
    KMSD_JSON_LITERAL(out, "\"mfaAuthenticated\":\"");
    if (identity->is_mfa_authenticated)
        KMSD_JSON_LITERAL(out, "true\"}");
    else
        KMSD_JSON_LITERAL(out, "false\"}");
    kmsd_json_member(out, "sourceIdentity", identity->source_identity);
    KMSD_JSON_LITERAL(out, "}");
}

static void write_identity(struct kms_buf *out, const struct kmsd_audit_identity *identity)
{
    KMSD_JSON_LITERAL(out, "\"userIdentity\":{\"type\":");
    kmsd_json_string(out, type_of(identity->who));
    KMSD_JSON_NEXT(out, "principalId", identity->principal_id);
    KMSD_JSON_NEXT(out, "arn", identity->arn);
    KMSD_JSON_NEXT(out, "accountId", identity->account);
    KMSD_JSON_NEXT(out, "accessKeyId", identity->access_key_id);
    KMSD_JSON_NEXT(out, "userName", identity->user_name);
    if (identity->has_session)
        write_session(out, identity);
    KMSD_JSON_NEXT(out, "invokedBy", identity->invoked_by);
    KMSD_JSON_NEXT(out, "identityProvider", identity->provider);
    KMSD_JSON_LITERAL(out, "}");
}

static void write_object(struct kms_buf *out, struct kms_str json)
{
    if (json.data == NULL)
        KMSD_JSON_LITERAL(out, "null");
    else
        kmsd_json_raw(out, json.data, json.len);
}

static void write_event_id(struct kms_buf *out, int64_t time_ms)
{
    char id[KMS_UUID_SIZE];
    kmsd_audit_event_id(time_ms, id);
    KMSD_JSON_LITERAL(out, ",\"eventID\":\"");
    kmsd_json_raw(out, id, KMS_UUID_SIZE - 1);
    KMSD_JSON_LITERAL(out, "\"");
}

static void write_resources(
    struct kms_buf *out, const struct kmsd_audit_resource *resources, size_t count)
{
    KMSD_JSON_LITERAL(out, ",\"resources\":[");
    for (size_t i = 0; i < count; i++) {
        KMSD_JSON_LITERAL(out, "{\"accountId\":");
        kmsd_json_string(out, resources[i].account);
        KMSD_JSON_NEXT(out, "type", resources[i].type);
        KMSD_JSON_NEXT(out, "ARN", cut(resources[i].arn));
        if (i + 1 < count)
            KMSD_JSON_LITERAL(out, "},");
        else
            KMSD_JSON_LITERAL(out, "}");
    }
    KMSD_JSON_LITERAL(out, "]");
}

static void write_error(struct kms_buf *out, struct kms_str code, struct kms_str message)
{
    KMSD_JSON_NEXT(out, "errorCode", code);
    if (code.data != NULL && message.len != 0)
        KMSD_JSON_NEXT(out, "errorMessage", cut(message));
}

static void write_tail(struct kms_buf *out, const char *type, struct kms_str account)
{
    KMSD_JSON_LITERAL(out, ",\"eventType\":\"");
    kmsd_json_raw(out, type, strlen(type));
    KMSD_JSON_LITERAL(out, "\",\"managementEvent\":true");
    KMSD_JSON_NEXT(out, "recipientAccountId", account);
    KMSD_JSON_LITERAL(out, ",\"eventCategory\":\"Management\"");
}

static void write_tls(struct kms_buf *out, const struct kmsd_audit_request *request)
{
    if (request->tls_version.data == NULL)
        return;
    KMSD_JSON_LITERAL(out, ",\"tlsDetails\":{");
    kmsd_json_member(out, "tlsVersion", request->tls_version);
    kmsd_json_member(out, "cipherSuite", request->tls_cipher);
    kmsd_json_member(out, "clientProvidedHostHeader", cut(request->host));
    KMSD_JSON_LITERAL(out, "}");
}

/* --- the whole -------------------------------------------------------------------------------- */

static void write_parameters(struct kms_buf *out, const struct kmsd_audit_request *request)
{
    KMSD_JSON_LITERAL(out, ",\"requestParameters\":");
    write_object(out, request->request_parameters);
    KMSD_JSON_LITERAL(out, ",\"responseElements\":");
    write_object(out, request->response_elements);
    if (request->additional_data.data != NULL) {
        KMSD_JSON_LITERAL(out, ",\"additionalEventData\":");
        write_object(out, request->additional_data);
    }
}

static struct kms_str name_of(const struct kmsd_audit_request *request)
{
    static const struct kms_str no_name = KMS_STR_LITERAL("UnknownOperation");
    return request->event_name.data != NULL ? request->event_name : no_name;
}

static void write_request(struct kms_buf *out, const struct kmsd_audit_request *request)
{
    KMSD_JSON_LITERAL(out, "{\"eventVersion\":\"" EVENT_VERSION "\",");
    write_identity(out, request->identity);
    KMSD_JSON_LITERAL(out, ",\"eventTime\":");
    kmsd_json_time(out, request->time_ms);
    KMSD_JSON_NEXT(out, "eventSource", request->event_source);
    KMSD_JSON_NEXT(out, "eventName", name_of(request));
    KMSD_JSON_NEXT(out, "awsRegion", request->region);
    KMSD_JSON_NEXT(out, "sourceIPAddress", request->source_address);
    KMSD_JSON_NEXT(out, "userAgent", cut(request->user_agent));
    write_error(out, request->error_code, request->error_message);
    write_parameters(out, request);
    KMSD_JSON_NEXT(out, "requestID", request->request_id);
    write_event_id(out, request->time_ms);
    KMSD_JSON_LITERAL(out, ",\"readOnly\":");
    kmsd_json_boolean(out, request->is_read_only);
    write_resources(out, request->resources, request->resource_count);
    write_tail(out, "AwsApiCall", request->account);
    write_tls(out, request);
    KMSD_JSON_LITERAL(out, "}");
}

void kmsd_audit_omit_parameters(struct kmsd_audit_request *request)
{
    request->request_parameters = kms_str("{\"omitted\":\"larger than a record may be\"}");
    request->response_elements = kms_str(NULL);
    request->additional_data = kms_str(NULL);
}

void kmsd_audit_write_request(struct kms_buf *out, const struct kmsd_audit_request *request)
{
    size_t from = out->len;
    write_request(out, request);
    if (out->err != KMS_ERR_LIMIT && out->len - from <= KMS_TRAIL_RECORD_MAX)
        return;
    struct kmsd_audit_request shorter = *request;
    kmsd_audit_omit_parameters(&shorter);
    out->len = from;
    out->err = KMS_OK;
    write_request(out, &shorter);
}

/* --- for the index ---------------------------------------------------------------------------- */

/* Records have no other times than those from 1970 to then. */
#define YEAR_10000_MS INT64_C(253402300800000)

static bool are_plain(const struct kms_trail_fields *fields)
{
    bool are = kmsd_json_is_plain(fields->event_name) && kmsd_json_is_plain(fields->error_code) &&
               kmsd_json_is_plain(fields->event_source) &&
               kmsd_json_is_plain(fields->principal_arn) && kmsd_json_is_plain(fields->user_name) &&
               kmsd_json_is_plain(fields->access_key_id) && kmsd_json_is_plain(fields->account);
    for (size_t i = 0; i < fields->resource_count; i++)
        are = are && kmsd_json_is_plain(fields->resources[i].arn) &&
              kmsd_json_is_plain(fields->resources[i].type);
    return are;
}

bool kmsd_audit_gist_of(const struct kmsd_audit_request *request, struct kms_trail_gist *out)
{
    const struct kmsd_audit_identity *identity = request->identity;
    struct kms_trail_fields fields = {
        .event_name = name_of(request),
        .event_source = request->event_source,
        .error_code = request->error_code,
        .account = request->account,
        .principal_arn = identity->arn,
        .user_name = identity->user_name,
        .access_key_id = identity->access_key_id,
    };
    for (size_t i = 0; i < request->resource_count; i++) {
        const struct kmsd_audit_resource *resource = &request->resources[i];
        if (resource->arn.data != NULL && fields.resource_count < KMS_TRAIL_RESOURCES_MAX)
            fields.resources[fields.resource_count++] =
                (struct kms_trail_resource){cut(resource->arn), resource->type};
    }
    kms_trail_name_user(&fields, identity->invoked_by);
    bool is_in_range = request->time_ms >= 0 && request->time_ms < YEAR_10000_MS;
    if (!is_in_range || !are_plain(&fields))
        return false;
    kms_trail_gist_of(&fields, request->time_ms / 1000 * 1000, out); /* as it is written */
    return true;
}

/* --- what nobody asked for -------------------------------------------------------------------- */

void kmsd_audit_write_happening(
    struct kms_buf *out, const struct kmsd_audit_happening *happening, int64_t time_ms)
{
    KMSD_JSON_LITERAL(out, "{\"eventVersion\":\"" EVENT_VERSION "\",\"userIdentity\":{");
    kmsd_json_member(out, "accountId", happening->account);
    kmsd_json_member(out, "invokedBy", kms_str(INTERNAL));
    KMSD_JSON_LITERAL(out, "},\"eventTime\":");
    kmsd_json_time(out, time_ms);
    KMSD_JSON_LITERAL(out, ",\"eventSource\":\"" KMS_SOURCE "\"");
    kmsd_json_member(out, "eventName", kms_str(happening->event_name));
    kmsd_json_member(out, "awsRegion", happening->region);
    KMSD_JSON_LITERAL(out, ",\"sourceIPAddress\":\"" INTERNAL "\",\"userAgent\":\"" INTERNAL "\"");
    write_error(out, happening->error_code, happening->error_message);
    KMSD_JSON_LITERAL(out, ",\"requestParameters\":null,\"responseElements\":null");
    write_event_id(out, time_ms);
    KMSD_JSON_LITERAL(out, ",\"readOnly\":false");
    const struct kmsd_audit_resource key = {
        happening->key_arn, happening->account, KMS_STR_LITERAL("AWS::KMS::Key")};
    write_resources(out, &key, happening->key_arn.data == NULL ? 0 : 1);
    write_tail(out, "AwsServiceEvent", happening->account);
    if (happening->details.data != NULL) {
        KMSD_JSON_LITERAL(out, ",\"serviceEventDetails\":");
        write_object(out, happening->details);
    }
    KMSD_JSON_LITERAL(out, "}");
}
