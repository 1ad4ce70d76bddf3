#include "kmsd/pipeline_audit.h"

#include "kmsd/audit/parameters.h"
#include "kmsd/iam/session.h"
#include "kmsd/ops/table.h"
#include "kmsd/pipeline_audit_keys.h"
#include "kmsd/pipeline_audit_query.h"
#include "kmsd/query/query.h"
#include "libkms/base/encoding.h"
#include "libkms/base/thread_buf.h"

#define EVENT_SOURCE  "kms.amazonaws.com"
#define LOOKUP_SOURCE "cloudtrail.amazonaws.com"

#define KEY_TYPE ((struct kms_str)KMS_STR_LITERAL("AWS::KMS::Key"))

/* --- what a record shows of each operation ---------------------------------------------------- */

enum {
    CHANGES = 1,     /* readOnly is false, and there are response elements */
    MATERIAL = 2,    /* tells which material of a symmetric key was used */
    UNSHOWN = 4,     /* requestParameters is null */
    TELLS_GRANT = 8, /* additionalEventData.grantId */
};

static const uint8_t traits[KMS_OPERATION_COUNT] = {
    [KMS_OP_CANCEL_KEY_DELETION] = CHANGES,
    [KMS_OP_CONNECT_CUSTOM_KEY_STORE] = CHANGES,
    [KMS_OP_CREATE_ALIAS] = CHANGES,
    [KMS_OP_CREATE_CUSTOM_KEY_STORE] = CHANGES,
    [KMS_OP_CREATE_GRANT] = CHANGES,
    [KMS_OP_CREATE_KEY] = CHANGES,
    [KMS_OP_DECRYPT] = MATERIAL,
    [KMS_OP_DELETE_ALIAS] = CHANGES,
    [KMS_OP_DELETE_CUSTOM_KEY_STORE] = CHANGES,
    [KMS_OP_DELETE_IMPORTED_KEY_MATERIAL] = CHANGES,
    [KMS_OP_DISABLE_KEY] = CHANGES,
    [KMS_OP_DISABLE_KEY_ROTATION] = CHANGES,
    [KMS_OP_DISCONNECT_CUSTOM_KEY_STORE] = CHANGES,
    [KMS_OP_ENABLE_KEY] = CHANGES,
    [KMS_OP_ENABLE_KEY_ROTATION] = CHANGES,
    [KMS_OP_ENCRYPT] = MATERIAL,
    [KMS_OP_GENERATE_DATA_KEY] = MATERIAL,
    [KMS_OP_GENERATE_DATA_KEY_PAIR] = MATERIAL,
    [KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT] = MATERIAL,
    [KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT] = MATERIAL,
    [KMS_OP_GENERATE_RANDOM] = UNSHOWN,
    [KMS_OP_IMPORT_KEY_MATERIAL] = CHANGES,
    [KMS_OP_PUT_KEY_POLICY] = CHANGES,
    [KMS_OP_RE_ENCRYPT] = MATERIAL,
    [KMS_OP_REPLICATE_KEY] = CHANGES,
    [KMS_OP_RETIRE_GRANT] = CHANGES | UNSHOWN | TELLS_GRANT,
    [KMS_OP_REVOKE_GRANT] = CHANGES,
    [KMS_OP_ROTATE_KEY_ON_DEMAND] = CHANGES,
    [KMS_OP_SCHEDULE_KEY_DELETION] = CHANGES,
    [KMS_OP_TAG_RESOURCE] = CHANGES,
    [KMS_OP_UNTAG_RESOURCE] = CHANGES,
    [KMS_OP_UPDATE_ALIAS] = CHANGES,
    [KMS_OP_UPDATE_CUSTOM_KEY_STORE] = CHANGES,
    [KMS_OP_UPDATE_KEY_DESCRIPTION] = CHANGES,
    [KMS_OP_UPDATE_PRIMARY_REGION] = CHANGES,
};

/* Members that records of the live service show also when the request leaves them out. */
struct implied {
    enum kms_op op;
    const char *member;   /* as in the API */
    struct kms_str value; /* JSON */
};

static const struct implied implied[] = {
    {KMS_OP_CREATE_KEY, "Origin", KMS_STR_LITERAL("\"AWS_KMS\"")},
    {KMS_OP_CREATE_KEY, "KeySpec", KMS_STR_LITERAL("\"SYMMETRIC_DEFAULT\"")},
    {KMS_OP_CREATE_KEY, "KeyUsage", KMS_STR_LITERAL("\"ENCRYPT_DECRYPT\"")},
    {KMS_OP_CREATE_KEY, "Description", KMS_STR_LITERAL("\"\"")},
    {KMS_OP_CREATE_KEY, "BypassPolicyLockoutSafetyCheck", KMS_STR_LITERAL("false")},
    {KMS_OP_DECRYPT, "EncryptionAlgorithm", KMS_STR_LITERAL("\"SYMMETRIC_DEFAULT\"")},
    {KMS_OP_ENCRYPT, "EncryptionAlgorithm", KMS_STR_LITERAL("\"SYMMETRIC_DEFAULT\"")},
    {KMS_OP_PUT_KEY_POLICY, "PolicyName", KMS_STR_LITERAL("\"default\"")},
    {KMS_OP_PUT_KEY_POLICY, "BypassPolicyLockoutSafetyCheck", KMS_STR_LITERAL("false")},
    {KMS_OP_RE_ENCRYPT, "SourceEncryptionAlgorithm", KMS_STR_LITERAL("\"SYMMETRIC_DEFAULT\"")},
    {KMS_OP_RE_ENCRYPT, "DestinationEncryptionAlgorithm", KMS_STR_LITERAL("\"SYMMETRIC_DEFAULT\"")},
    {KMS_OP_REPLICATE_KEY, "Description", KMS_STR_LITERAL("\"\"")},
    {KMS_OP_REPLICATE_KEY, "BypassPolicyLockoutSafetyCheck", KMS_STR_LITERAL("false")},
    {KMS_OP_SIGN, "MessageType", KMS_STR_LITERAL("\"RAW\"")},
    {KMS_OP_VERIFY, "MessageType", KMS_STR_LITERAL("\"RAW\"")},
};

/* --- parts ------------------------------------------------------------------------------------ */

/* The view of what was appended since; absent when nothing was. */
static struct kms_str appended(const struct kms_buf *buf, size_t from)
{
    return buf->len == from ? kms_str(NULL)
                            : (struct kms_str){(const char *)buf->data + from, buf->len - from};
}

static void write_parameters(struct kms_buf *out, enum kms_op op, const void *input)
{
    const struct kms_shape *shape = kms_operations[op].input;
    if (input == NULL || (traits[op] & UNSHOWN) != 0)
        return;
    kmsd_audit_write_shape(out, shape, input);
    for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++) {
        const struct implied *row = &implied[i];
        if (row->op != op || out->err != KMS_OK || kmsd_audit_has(shape, input, row->member))
            continue;
        out->len--; /* the closing brace */
        kmsd_audit_write_name(out, row->member);
        kmsd_json_raw(out, row->value.data, row->value.len);
        kmsd_json_raw(out, "}", 1);
    }
}

static const struct kmsd_key *first_key(const struct kmsd_call *call)
{
    for (size_t i = 0; i < call->target_count; i++) {
        if (call->targets[i].key != NULL)
            return call->targets[i].key;
    }
    return NULL;
}

/* What was changed. An operation without an answer names its key at least. */
static void write_response(struct kms_buf *out, const struct kmsd_call *call)
{
    enum kms_op op = call->op->id;
    const struct kms_shape *shape = kms_operations[op].output;
    const struct kmsd_key *key = first_key(call);
    if ((traits[op] & CHANGES) == 0)
        return;
    if (shape != NULL && call->output != NULL) {
        kmsd_audit_write_shape(out, shape, call->output);
    } else if (key != NULL) {
        kmsd_json_raw(out, "{", 1);
        kmsd_json_member(out, "keyId", key->arn);
        kmsd_json_raw(out, "}", 1);
    }
}

static void write_material(struct kms_buf *out, const char *name, const uint8_t *id)
{
    char hex[2 * KMSD_MATERIAL_ID_SIZE + 1];
    kms_hex_encode(kms_bytes(id, KMSD_MATERIAL_ID_SIZE), hex);
    kmsd_json_member(out, name, (struct kms_str){hex, sizeof(hex) - 1});
}

static void write_current_material(
    struct kms_buf *out, const char *name, const struct kmsd_key *key)
{
    const struct kmsd_key_material *material = NULL;
    if (key != NULL && key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        material = kmsd_key_current_material(key);
    if (material != NULL)
        write_material(out, name, material->id);
}

static void write_additional(struct kms_buf *out, const struct kmsd_call *call)
{
    enum kms_op op = call->op->id;
    size_t from = out->len;
    bool is_source = op == KMS_OP_RE_ENCRYPT;
    if ((traits[op] & (MATERIAL | TELLS_GRANT)) == 0)
        return;
    kmsd_json_raw(out, "{", 1);
    if (op == KMS_OP_DECRYPT || is_source) {
        if (call->ciphertext.material_id.len == KMSD_MATERIAL_ID_SIZE)
            write_material(out, is_source ? "sourceKeyMaterialId" : "keyMaterialId",
                call->ciphertext.material_id.data);
        if (is_source)
            write_current_material(out, "destinationKeyMaterialId", call->destination);
    } else if ((traits[op] & MATERIAL) != 0) {
        write_current_material(out, "keyMaterialId", call->key);
    } else {
        kmsd_json_member(out, "grantId", call->grant_id);
    }
    if (out->len == from + 1)
        kms_buf_truncate(out, from); /* nothing to tell */
    else
        kmsd_json_raw(out, "}", 1);
}

/* The key that CreateKey has made, which was no target. */
static size_t list_new_key(const struct kmsd_call *call, struct kmsd_audit_resource *resource)
{
    const struct kms_create_key_response *made = call->output;
    if (call->op->id != KMS_OP_CREATE_KEY || made == NULL || made->key_metadata == NULL)
        return 0;
    *resource = (struct kmsd_audit_resource){
        made->key_metadata->arn, made->key_metadata->aws_account_id, KEY_TYPE};
    return 1;
}

static size_t list_resources(
    const struct kmsd_call *call, struct kmsd_audit_resource resources[KMSD_TARGETS_MAX])
{
    size_t count = call == NULL ? 0 : list_new_key(call, resources);
    for (size_t i = 0; call != NULL && count < KMSD_TARGETS_MAX && i < call->target_count; i++) {
        const struct kmsd_target *target = &call->targets[i];
        struct kms_str arn = target->key != NULL ? target->key->arn : target->arn;
        bool is_account = kms_str_is(arn, "*");
        for (size_t k = 0; k < count; k++)
            is_account = is_account || kms_str_eq(resources[k].arn, arn); /* asked twice */
        if (!is_account && arn.data != NULL)
            resources[count++] = (struct kmsd_audit_resource){arn, target->account, KEY_TYPE};
    }
    return count;
}

/* --- who -------------------------------------------------------------------------------------- */

/* "arn:aws:iam::111122223333:role/path/app" -> "app" */
static struct kms_str last_part(struct kms_str arn)
{
    size_t at = arn.len;
    while (at > 0 && arn.data[at - 1] != '/')
        at--;
    return at == 0 ? kms_str(NULL) : (struct kms_str){arn.data + at, arn.len - at};
}

/* "AROAAPP:session" -> "AROAAPP" */
static struct kms_str before_colon(struct kms_str id)
{
    const char *colon = id.len == 0 ? NULL : memchr(id.data, ':', id.len);
    return colon == NULL ? kms_str(NULL) : (struct kms_str){id.data, (size_t)(colon - id.data)};
}

static void name_subject(const struct kmsd_policy_subject *subject, struct kmsd_audit_identity *out)
{
    out->principal_id = subject->user_id;
    switch (subject->kind) {
    case KMSD_SUBJECT_ACCOUNT_ROOT:
        out->who = KMSD_AUDIT_ROOT;
        break;
    case KMSD_SUBJECT_USER:
        out->who = KMSD_AUDIT_IAM_USER;
        out->user_name = subject->user_name;
        break;
    case KMSD_SUBJECT_ROLE_SESSION:
        out->who = KMSD_AUDIT_ASSUMED_ROLE;
        out->has_session = true;
        out->issuer_type = kms_str("Role");
        out->issuer_id = before_colon(subject->user_id);
        out->issuer_arn = subject->issuer_arn;
        out->issuer_account = subject->account;
        out->issuer_name = last_part(subject->issuer_arn);
        out->web_provider = subject->federated_provider;
        break;
    case KMSD_SUBJECT_FEDERATED_USER:
        out->who = KMSD_AUDIT_FEDERATED_USER;
        out->has_session = true;
        out->issuer_arn = subject->issuer_arn;
        out->issuer_account = subject->account;
        out->issuer_name = last_part(subject->issuer_arn);
        if (out->issuer_name.data != NULL) {
            out->issuer_type = kms_str("IAMUser");
        } else {
            out->issuer_type = kms_str("Root");
            out->issuer_id = subject->account;
        }
        break;
    case KMSD_SUBJECT_SERVICE:
        out->who = KMSD_AUDIT_AWS_SERVICE;
        out->invoked_by = subject->service;
        out->arn = kms_str(NULL);
        out->account = kms_str(NULL);
        break;
    }
}

void kmsd_audit_identity_of(const struct kmsd_principal *principal, struct kmsd_audit_identity *out)
{
    *out = (struct kmsd_audit_identity){.who = KMSD_AUDIT_UNKNOWN};
    if (principal->arn[0] == '\0')
        return;
    out->arn = kms_str(principal->arn);
    out->account = kms_str(principal->account);
    out->access_key_id = kms_str(principal->access_key_id);
    if (principal->identity != NULL) {
        name_subject(&principal->identity->subject, out);
    } else if (principal->is_account_root) {
        out->who = KMSD_AUDIT_ROOT;
        out->principal_id = out->account;
    } else {
        out->who = KMSD_AUDIT_IAM_USER;
        out->user_name = last_part(out->arn);
    }
    if (principal->session != NULL) {
        const struct kmsd_session_content *session = &principal->session->content;
        out->has_session = true;
        out->session_created_ms = session->issued_ms;
        out->source_identity = session->source_identity;
        if (session->provider.data != NULL)
            out->web_provider = session->provider;
        if (out->issuer_type.data != NULL && out->issuer_id.data == NULL)
            out->issuer_id = session->entity_id;
    }
}

/* The access key id of a request that was not authenticated, if it looks like one: it may be
 * anything, even a secret in the wrong place. */
static struct kms_str claimed_access_key(const struct kms_http_view *http)
{
    enum { ID_MIN = 16, ID_MAX = 32 };
    static const char mark[] = "Credential=";
    static const size_t mark_len = sizeof(mark) - 1;
    struct kms_str value = kmsd_http_header(http, "authorization");
    for (size_t at = 0; value.len > mark_len && at < value.len - mark_len; at++) {
        if (memcmp(value.data + at, mark, mark_len) != 0)
            continue;
        const char *from = value.data + at + mark_len;
        size_t left = value.len - at - mark_len;
        size_t len = 0;
        while (len < left &&
               ((from[len] >= 'A' && from[len] <= 'Z') || (from[len] >= '0' && from[len] <= '9')))
            len++;
        bool is_id = len >= ID_MIN && len <= ID_MAX && len < left && from[len] == '/';
        return is_id ? (struct kms_str){from, len} : kms_str(NULL);
    }
    return kms_str(NULL);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* In records the one code has another name than on the wire. */
static struct kms_str error_code_of(enum kms_fault_code code)
{
    return kms_str(code == KMS_FAULT_ACCESS_DENIED ? "AccessDenied" : kms_error_models[code].name);
}

static void tell_of_call(
    struct kmsd_audit_request *request, const struct kmsd_call *call, struct kms_buf *members)
{
    size_t from = members->len;
    write_parameters(members, call->op->id, call->input);
    size_t response_from = members->len;
    bool is_done = request->error_code.data == NULL;
    if (is_done)
        write_response(members, call);
    size_t additional_from = members->len;
    if (is_done)
        write_additional(members, call);
    if (members->err != KMS_OK)
        return;
    struct kms_str all = kms_buf_str(members);
    if (response_from != from)
        request->request_parameters = (struct kms_str){all.data + from, response_from - from};
    if (additional_from != response_from)
        request->response_elements =
            (struct kms_str){all.data + response_from, additional_from - response_from};
    request->additional_data = appended(members, additional_from);
}

/* --- requests to IAM and STS ------------------------------------------------------------------ */

/* "arn:aws:iam::111122223333:role/app" -> "111122223333" */
static struct kms_str account_in(struct kms_str arn)
{
    enum { BEFORE = 4 };
    size_t colons = 0;
    for (size_t at = 0; at < arn.len; at++) {
        colons += arn.data[at] == ':';
        if (colons < BEFORE)
            continue;
        struct kms_str rest = {arn.data + at + 1, arn.len - at - 1};
        rest.len = rest.len < 12 ? rest.len : 12;
        return kmsd_auth_is_account(rest) ? rest : kms_str(NULL);
    }
    return kms_str(NULL);
}

static void tell_of_query(struct kmsd_audit_request *request, const struct kmsd_query_call *call,
    struct kmsd_audit_identity *identity, struct kmsd_audit_resource *resource,
    struct kms_buf *members)
{
    struct kmsd_query_told told;
    kmsd_query_tell(call, &told);
    if (told.web_identity.provider.data != NULL) {
        identity->who = KMSD_AUDIT_WEB_IDENTITY;
        identity->principal_id = told.web_identity.principal_id;
        identity->user_name = told.web_identity.subject;
        identity->provider = told.web_identity.provider;
        request->account = account_in(told.target);
    }
    bool is_authenticated = identity->who != KMSD_AUDIT_UNKNOWN;
    request->event_source = kms_str(told.source);
    request->event_name = kms_str(told.action);
    request->region = told.region;
    request->is_read_only = !told.writes;
    if (told.error_code != NULL) {
        request->error_code = kms_str(told.error_code);
        if (is_authenticated)
            request->error_message = told.error_message;
    }
    if (told.target.len != 0) {
        struct kms_str account = account_in(told.target);
        *resource = (struct kmsd_audit_resource){told.target,
            account.data != NULL ? account : request->identity->account, kms_str(told.target_type)};
        request->resource_count = account.data != NULL || is_authenticated;
    }
    size_t from = members->len;
    if (told.parameter_count != 0 && told.action != NULL)
        kmsd_audit_write_query(members, told.parameters, told.parameter_count, is_authenticated);
    if (members->err == KMS_OK)
        request->request_parameters = appended(members, from);
}

/* --- the record ------------------------------------------------------------------------------- */

static enum kms_err record(const struct kmsd_pipeline *pipeline,
    const struct kmsd_exchange *exchange, const struct kmsd_call *call, struct kms_buf *members)
{
    const struct kmsd_op *op = exchange->op;
    const struct kms_http_view *http = &exchange->http;
    struct kmsd_audit_resource resources[KMSD_TARGETS_MAX];
    struct kmsd_audit_identity identity;
    kmsd_audit_identity_of(&exchange->principal, &identity);
    if (identity.who == KMSD_AUDIT_UNKNOWN)
        identity.access_key_id = claimed_access_key(http);
    struct kmsd_audit_request request = {
        .event_source = KMS_STR_LITERAL(EVENT_SOURCE),
        .identity = &identity,
        .time_ms = exchange->now_ms != 0 ? exchange->now_ms : pipeline->now_ms(),
        .region = exchange->region,
        .source_address = exchange->remote_address,
        .user_agent = kmsd_http_header(http, "user-agent"),
        .request_id = kms_str(exchange->request_id),
        .is_read_only = op != NULL && (traits[op->id] & CHANGES) == 0,
        .resources = resources,
        .resource_count = list_resources(call, resources),
        .tls_version = kms_str(exchange->tls_version),
        .tls_cipher = kms_str(exchange->tls_cipher),
    };
    if (identity.who == KMSD_AUDIT_AWS_SERVICE && request.resource_count != 0)
        request.account = resources[0].account; /* it has none of its own */
    if (op != NULL)
        request.event_name = kms_str(kms_operations[op->id].name);
    if (exchange->is_lookup) {
        request.event_source = kms_str(LOOKUP_SOURCE);
        request.event_name = kms_str("LookupEvents");
        request.is_read_only = true;
    }
    if (exchange->tls_version != NULL)
        request.host = kmsd_http_header(http, "host");
    if (exchange->response.status != 200) {
        request.error_code = exchange->fault.name != NULL ? kms_str(exchange->fault.name)
                                                          : error_code_of(exchange->fault.code);
        /* what refuses credentials may quote them, and a secret may stand in the wrong place */
        if (identity.who != KMSD_AUDIT_UNKNOWN)
            request.error_message = exchange->fault.message;
    }
    if (exchange->query != NULL)
        tell_of_query(&request, exchange->query, &identity, resources, members);
    if (call != NULL)
        tell_of_call(&request, call, members);
    if (members->err != KMS_OK)
        request.request_parameters = kms_str("{\"omitted\":\"larger than a record may be\"}");
    enum kms_err err = kmsd_audit_record(pipeline->audit, &request);
    bool is_done = call != NULL && request.error_code.data == NULL;
    return err == KMS_OK && is_done ? kmsd_audit_consequences(pipeline->audit, call) : err;
}

enum kms_err kmsd_pipeline_record(const struct kmsd_pipeline *pipeline,
    struct kmsd_exchange *exchange, const struct kmsd_call *call)
{
    if (pipeline->audit == NULL)
        return KMS_OK;
    struct kms_buf *members = kms_thread_buf(KMS_THREAD_BUF_RECORD);
    if (members == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = record(pipeline, exchange, call, members);
    kms_thread_buf_done(members);
    return err;
}
