#include "kmsd/server/admin_audit.h"

#include "kmsd/audit/json_out.h"
#include "kmsd/pipeline_audit_query.h"
#include "kmsd/server/log.h"

#include <stdlib.h>

static const char unwritable[] = "the audit trail can't be written";

static const char *code_of(enum kms_err outcome)
{
    switch (outcome) {
    case KMS_OK:
        return NULL;
    case KMS_ERR_NOT_FOUND:
        return "NoSuchEntity";
    case KMS_ERR_EXISTS:
        return "EntityAlreadyExists";
    case KMS_ERR_INVALID_ARGUMENT:
    case KMS_ERR_VALIDATION:
    case KMS_ERR_SYNTAX:
    case KMS_ERR_LIMIT:
    case KMS_ERR_UNSUPPORTED:
        return "ValidationError";
    default:
        return "InternalFailure";
    }
}

/* The texts among the members. */
static enum kms_err write_parameters(struct kms_buf *out, const json_t *input)
{
    json_t *walked = (json_t *)(uintptr_t)input; /* jansson's iteration has no const */
    const json_t *value = NULL;
    const char *name = NULL;
    size_t count = 0;
    struct kms_str_pair *pairs = calloc(json_object_size(input) + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    json_object_foreach(walked, name, value)
    {
        if (json_is_string(value))
            pairs[count++] = (struct kms_str_pair){
                kms_str(name), {json_string_value(value), json_string_length(value)}};
    }
    kmsd_audit_write_query(out, pairs, count, true);
    free(pairs);
    return out->err;
}

static enum kms_err write_details(
    struct kms_buf *out, const struct kmsd_admin_call *call, struct kms_str account)
{
    KMSD_JSON_LITERAL(out, "{");
    kmsd_json_member(out, "action", call->action);
    kmsd_json_member(out, "account", account);
    kmsd_json_name(out, kms_str("operatorUid"));
    kmsd_json_integer(out, call->peer_uid);
    kmsd_json_name(out, kms_str("parameters"));
    enum kms_err err = write_parameters(out, call->input);
    KMSD_JSON_LITERAL(out, "}");
    return err == KMS_OK ? out->err : err;
}

enum kms_err kmsd_admin_audit_ready(
    const struct kmsd_admin_state *state, const struct kmsd_admin_call *call)
{
    if (kmsd_audit_is_ready(state->audit))
        return KMS_OK;
    kmsd_detail_set(call->detail, "%s", unwritable);
    return KMS_ERR_IO;
}

enum kms_err kmsd_admin_audit_record(const struct kmsd_admin_state *state,
    const struct kmsd_admin_call *call, const char *event_name, struct kms_str account,
    enum kms_err outcome)
{
    enum { DETAILS_MAX = 192 * 1024 };
    if (state->audit == NULL)
        return outcome;
    KMS_BUF_AUTO details;
    kms_buf_init(&details, DETAILS_MAX);
    enum kms_err err = write_details(&details, call, account);
    const char *message =
        call->detail->text[0] != '\0' ? call->detail->text : kms_err_text(outcome);
    const struct kmsd_audit_happening happening = {
        .event_name = event_name,
        .account = kmsd_auth_is_account(account) ? account : kms_str(NULL),
        .details = kms_buf_str(&details),
        .error_code = kms_str(code_of(outcome)),
        .error_message = outcome == KMS_OK ? kms_str(NULL) : kms_str(message),
    };
    if (err == KMS_OK)
        err = kmsd_audit_happened(state->audit, &happening);
    if (err == KMS_OK)
        return outcome;
    kmsd_log(KMSD_LOG_ERROR, "writing the audit trail: %s", kms_err_text(err));
    if (outcome == KMS_OK)
        kmsd_detail_set(call->detail, "it was done, but %s", unwritable);
    return outcome == KMS_OK ? KMS_ERR_IO : outcome;
}
