/* The stages of a request of the Query protocol, in order. */
#include "kmsd/query/query.h"

#include "kmsd/query/call.h"
#include "kmsd/query/xml.h"

#include <stdio.h>
#include <strings.h>

static const char *const namespaces[KMSD_QUERY_SERVICE_COUNT_] = {
    [KMSD_QUERY_IAM] = "https://iam.amazonaws.com/doc/2010-05-08/",
    [KMSD_QUERY_STS] = "https://sts.amazonaws.com/doc/2011-06-15/",
};

/* --- headers ---------------------------------------------------------------------------------- */

static const struct kms_header *find_header(const struct kms_http_view *http, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < http->header_count; i++) {
        if (http->headers[i].name.len == len &&
            strncasecmp(http->headers[i].name.data, name, len) == 0)
            return &http->headers[i];
    }
    return NULL;
}

bool kmsd_query_is_meant(const struct kms_http_view *http)
{
    static const char type[] = "application/x-www-form-urlencoded";
    const size_t len = sizeof(type) - 1;
    const struct kms_header *header = find_header(http, "content-type");
    return header != NULL && header->value.len >= len &&
           strncasecmp(header->value.data, type, len) == 0 &&
           (header->value.len == len || header->value.data[len] == ';' ||
               header->value.data[len] == ' ') &&
           find_header(http, "x-amz-target") == NULL &&
           find_header(http, "smithy-protocol") == NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void release(struct kmsd_query_call *call)
{
    for (size_t i = 0; i < call->held_count; i++)
        kmsd_iam_entity_release(call->held[i]);
    call->held_count = 0;
    json_decref(call->result);
    call->result = NULL;
}

static void write_error(struct kmsd_query_call *call, int *status)
{
    const struct kmsd_query_code_info *info = &kmsd_query_codes[call->code];
    *status = info->status;
    kms_buf_reset(call->request.body);
    /* when memory is out for that, too, the sticky error of the body says so */
    (void)!kmsd_xml_error(namespaces[call->service], info->status < 500, info->text, call->message,
        call->request.request_id, call->request.body);
}

static void answer(struct kmsd_query_call *call, enum kms_err err, int *status, enum kms_err *cause)
{
    *status = 200;
    if (err == KMS_OK) {
        bool has_result = (call->op->flags & KMSD_QUERY_NO_RESULT) == 0;
        kms_buf_reset(call->request.body);
        err = kmsd_xml_answer(call->op->name, namespaces[call->service],
            has_result ? call->result : NULL, call->request.request_id, call->request.body);
    }
    if (err == KMS_ERR_FAULT) {
        write_error(call, status);
    } else if (err != KMS_OK) {
        *cause = err;
        call->code = KMSD_QUERY_INTERNAL_FAILURE;
        call->message = kms_str("The request processing has failed because of an unknown error.");
        write_error(call, status);
    }
    release(call);
}

enum kms_err kmsd_query_auth_fault(
    struct kmsd_query_call *call, enum kms_fault_code code, struct kms_str message)
{
    static const struct {
        enum kms_fault_code from;
        enum kmsd_query_code to;
    } codes[] = {
        {KMS_FAULT_MISSING_AUTHENTICATION_TOKEN, KMSD_QUERY_MISSING_AUTHENTICATION},
        {KMS_FAULT_INCOMPLETE_SIGNATURE, KMSD_QUERY_INCOMPLETE_SIGNATURE},
        {KMS_FAULT_INVALID_SIGNATURE, KMSD_QUERY_SIGNATURE_DOES_NOT_MATCH},
        {KMS_FAULT_UNRECOGNIZED_CLIENT, KMSD_QUERY_INVALID_CLIENT_TOKEN_ID},
        {KMS_FAULT_EXPIRED_TOKEN, KMSD_QUERY_EXPIRED_TOKEN},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].from != code)
            continue;
        call->code = codes[i].to;
        call->message = message;
        return KMS_ERR_FAULT;
    }
    return KMS_ERR_INTERNAL;
}

/* --- the stages ------------------------------------------------------------------------------- */

static enum kms_err read_form(struct kmsd_query_call *call)
{
    switch (kmsd_form_parse(call->request.http->body, call->arena, &call->form)) {
    case KMS_OK:
        return KMS_OK;
    case KMS_ERR_NO_MEMORY:
        return KMS_ERR_NO_MEMORY;
    case KMS_ERR_EXISTS:
        return kmsd_query_fault(
            call, KMSD_QUERY_MALFORMED_INPUT, "A parameter is given more than once.");
    case KMS_ERR_LIMIT:
        return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_INPUT, "Too many parameters.");
    default:
        return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_INPUT, "The body is not well-formed.");
    }
}

static enum kms_err find_action(struct kmsd_query_call *call)
{
    static const char *const versions[] = {"2010-05-08", "2011-06-15"};
    struct kms_str action = kmsd_form_get(&call->form, "Action");
    struct kms_str version = kmsd_form_get(&call->form, "Version");
    if (action.data == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_INVALID_ACTION, "The request names no Action.");
    bool is_version = version.data == NULL || kms_str_is(version, versions[call->service]);
    call->op = is_version ? kmsd_query_op_find(call->service, action) : NULL;
    if (call->op != NULL)
        return KMS_OK;
    size_t shown = action.len > 64 ? 64 : action.len;
    return kmsd_query_fault(call, KMSD_QUERY_INVALID_ACTION,
        "Could not find operation %.*s for version %.*s", (int)shown, action.data,
        (int)(version.len > 32 ? 32 : version.len), version.data == NULL ? "" : version.data);
}

static enum kms_err authenticate(struct kmsd_query_call *call)
{
    const struct kmsd_query_request *request = &call->request;
    struct kmsd_query_scope scope;
    struct kms_str message = {NULL, 0};
    enum kms_fault_code code = kmsd_auth_verify_query(call->query->auth, request->http,
        request->signing_now_ms, call->arena, request->principal, &scope, &message);
    if (code != KMS_FAULT_COUNT)
        return kmsd_query_auth_fault(call, code, message);
    call->region = scope.region;
    call->service = kms_str_is(scope.service, "iam") ? KMSD_QUERY_IAM : KMSD_QUERY_STS;
    call->account = kms_str(request->principal->account);
    return KMS_OK;
}

static enum kms_err begin(struct kmsd_query_call *call)
{
    bool is_signed = find_header(call->request.http, "authorization") != NULL;
    enum kms_err err = KMS_OK;
    call->service = KMSD_QUERY_STS;
    if (is_signed)
        err = authenticate(call);
    if (err == KMS_OK)
        err = read_form(call);
    if (err == KMS_OK)
        err = find_action(call);
    bool may_be_unsigned = err == KMS_OK && (call->op->flags & KMSD_QUERY_UNSIGNED) != 0;
    if (!is_signed && !may_be_unsigned && (err == KMS_OK || err == KMS_ERR_FAULT))
        return kmsd_query_fault(
            call, KMSD_QUERY_MISSING_AUTHENTICATION, "Request is missing Authentication Token");
    return err;
}

enum kmsd_query_next kmsd_query_begin(const struct kmsd_query *query,
    const struct kmsd_query_request *request, struct kmsd_query_call **out, int *status,
    enum kms_err *cause)
{
    static const struct kmsd_query_call empty = {.code = KMSD_QUERY_OK};
    struct kmsd_query_call *call = kms_arena_alloc(request->arena, sizeof(*call));
    *out = call;
    if (call == NULL) {
        *cause = KMS_ERR_NO_MEMORY;
        *status = 500;
        return KMSD_QUERY_DONE;
    }
    *call = empty;
    call->query = query;
    call->iam = query->iam;
    call->request = *request;
    call->arena = request->arena;
    enum kms_err err = begin(call);
    if (err != KMS_OK) {
        answer(call, err, status, cause);
        return KMSD_QUERY_DONE;
    }
    if ((call->op->flags & KMSD_QUERY_MAY_FETCH) != 0)
        return KMSD_QUERY_FETCHES;
    return (call->op->flags & KMSD_QUERY_WRITES) != 0 ? KMSD_QUERY_SLOW : KMSD_QUERY_QUICK;
}

/* Permission first: a refusal must not tell what is there. */
static enum kms_err carry_out(struct kmsd_query_call *call)
{
    bool writes = (call->op->flags & KMSD_QUERY_WRITES) != 0;
    call->result = json_object();
    if (call->result == NULL)
        return KMS_ERR_NO_MEMORY;
    if (writes)
        kmsd_iam_lock(call->iam);
    enum kms_err err = kmsd_query_authorize(call);
    if (err == KMS_OK)
        err = call->op->run(call);
    if (writes)
        kmsd_iam_unlock(call->iam);
    return err;
}

void kmsd_query_finish(struct kmsd_query_call *call, int *status, enum kms_err *cause)
{
    answer(call, carry_out(call), status, cause);
}

const char *kmsd_query_action(const struct kmsd_query_call *call)
{
    return call == NULL || call->op == NULL ? NULL : call->op->name;
}

void kmsd_query_tell(const struct kmsd_query_call *call, struct kmsd_query_told *out)
{
    static const char *const types[] = {
        [KMSD_IAM_USER] = "AWS::IAM::User",
        [KMSD_IAM_GROUP] = "AWS::IAM::Group",
        [KMSD_IAM_ROLE] = "AWS::IAM::Role",
        [KMSD_IAM_POLICY] = "AWS::IAM::ManagedPolicy",
        [KMSD_IAM_PROVIDER] = "AWS::IAM::OIDCProvider",
    };
    bool is_sts = call->op != NULL && call->op->service == KMSD_QUERY_STS;
    *out = (struct kmsd_query_told){
        .target = is_sts ? kmsd_form_get(&call->form, "RoleArn") : call->target,
        .target_type = is_sts             ? types[KMSD_IAM_ROLE]
                       : call->op == NULL ? NULL
                                          : types[call->op->kind],
        .source = call->service == KMSD_QUERY_IAM ? "iam.amazonaws.com" : "sts.amazonaws.com",
        .action = kmsd_query_action(call),
        .error_code = call->code == KMSD_QUERY_OK ? NULL : kmsd_query_codes[call->code].text,
        .error_message = call->message,
        .region = call->region,
        .web_identity = call->web_identity,
        .writes = call->op != NULL && (call->op->flags & KMSD_QUERY_WRITES) != 0,
        .parameters = call->form.items,
        .parameter_count = call->form.count,
    };
}

/* --- for the operator ------------------------------------------------------------------------- */

/* The members of an object of texts as the body of a form, so that there is one way in. */
static enum kms_err write_form(const json_t *params, struct kms_buf *out)
{
    const char *name = NULL;
    const json_t *value = NULL;
    json_t *walked = (json_t *)(uintptr_t)params; /* jansson's iteration has no const */
    json_object_foreach(walked, name, value)
    {
        struct kms_str parts[2] = {
            kms_str(name), {json_string_value(value), json_string_length(value)}};
        if (parts[1].data == NULL)
            return KMS_ERR_VALIDATION;
        for (size_t i = 0; i < 2; i++) {
            for (size_t k = 0; k < parts[i].len; k++)
                kms_buf_printf(out, "%%%02X", (uint8_t)parts[i].data[k]);
            kms_buf_append_u8(out, i == 0 ? '=' : '&');
        }
    }
    return out->err;
}

static enum kms_err run_operators(struct kmsd_query_call *call, const char *action)
{
    call->op = kmsd_query_op_find(KMSD_QUERY_IAM, kms_str(action));
    if (call->op == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_INVALID_ACTION, "There is no such action.");
    enum kms_err err = kmsd_query_check_parameters(call);
    return err == KMS_OK ? carry_out(call) : err;
}

enum kms_err kmsd_query_run_as_root(const struct kmsd_query *query, struct kms_str account,
    const char *action, const json_t *params, int64_t now_ms, json_t **out,
    struct kmsd_detail *detail)
{
    enum { BODY_MAX = 1 << 20, ARENA_MAX = 8 << 20 };
    KMS_BUF_AUTO body;
    KMS_ARENA_AUTO arena;
    kms_buf_init(&body, BODY_MAX);
    kms_arena_init(&arena, ARENA_MAX);
    struct kmsd_principal root = {.is_account_root = true};
    if (account.len >= sizeof(root.account) || !kmsd_iam_has_account(query->iam, account)) {
        kmsd_detail_set(detail, "there is no account %.*s", (int)account.len, account.data);
        return KMS_ERR_NOT_FOUND;
    }
    memcpy(root.account, account.data, account.len);
    (void)snprintf(root.arn, sizeof(root.arn), "arn:%.*s:iam::%s:root",
        KMSD_STR_ARGS(kmsd_iam_partition(query->iam)), root.account);
    struct kmsd_query_call call = {.query = query,
        .iam = query->iam,
        .arena = &arena,
        .account = account,
        .is_operator = true,
        .request = {.principal = &root, .now_ms = now_ms, .arena = &arena}};
    enum kms_err err = write_form(params, &body);
    if (err == KMS_ERR_VALIDATION)
        kmsd_detail_set(detail, "every parameter is a text");
    if (err == KMS_OK)
        err = kmsd_form_parse(kms_buf_bytes(&body), &arena, &call.form);
    if (err == KMS_OK)
        err = run_operators(&call, action);
    if (err == KMS_ERR_FAULT) {
        kmsd_detail_set(
            detail, "%s: %.*s", kmsd_query_codes[call.code].text, KMSD_STR_ARGS(call.message));
        err = call.code == KMSD_QUERY_NO_SUCH_ENTITY          ? KMS_ERR_NOT_FOUND
              : call.code == KMSD_QUERY_ENTITY_ALREADY_EXISTS ? KMS_ERR_EXISTS
                                                              : KMS_ERR_VALIDATION;
    }
    if (err == KMS_OK)
        *out = json_incref(call.result);
    release(&call);
    return err;
}
