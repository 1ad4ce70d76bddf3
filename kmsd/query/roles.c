/* Roles: who may take them on, and for how long. */
#include "kmsd/query/handlers.h"

enum { SESSION_MIN_S = 3600, SESSION_MAX_S = 43200 };

/* Whether the principals of a trust policy that belong to this daemon's accounts are there. */
struct principals {
    struct kmsd_iam *iam;
    struct kms_str missing;
};

static bool is_there(void *arg, const struct kmsd_policy_name *name)
{
    struct principals *principals = arg;
    const struct kmsd_iam_entity *entity = NULL;
    switch (name->kind) {
    case KMSD_NAME_USER:
        entity = kmsd_iam_find_arn(principals->iam, KMSD_IAM_USER, name->text);
        break;
    case KMSD_NAME_ROLE:
        entity = kmsd_iam_find_arn(principals->iam, KMSD_IAM_ROLE, name->text);
        break;
    case KMSD_NAME_ACCOUNT:
        if (kmsd_iam_has_account(principals->iam, name->text))
            return true;
        principals->missing = name->text;
        return false;
    default:
        return true;
    }
    bool found = entity != NULL;
    kmsd_iam_entity_release(entity);
    if (!found)
        principals->missing = name->text;
    return found;
}

static enum kms_err check_trust(struct kmsd_query_call *call, struct kms_str text)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_query_check_document(call, text, KMSD_POLICY_KIND_TRUST);
    if (err == KMS_OK)
        err = kmsd_policy_parse(text, KMSD_POLICY_KIND_TRUST, &document, &problem);
    if (err != KMS_OK)
        return err;
    struct principals principals = {.iam = call->iam};
    if (!kmsd_policy_document_principals(document, is_there, &principals))
        err = kmsd_query_fault(call, KMSD_QUERY_MALFORMED_POLICY,
            "Invalid principal in policy: \"AWS\":\"%.*s\"", KMSD_STR_ARGS(principals.missing));
    kmsd_policy_document_free(document);
    return err;
}

enum kms_err kmsd_iam_op_create_role(struct kmsd_query_call *call)
{
    struct kmsd_iam_entity draft;
    enum kms_err err = kmsd_iam_draft(call, KMSD_RULE_USER_NAME, "AROA", &draft);
    if (err == KMS_OK)
        err = kmsd_query_need(
            call, "AssumeRolePolicyDocument", KMSD_RULE_DOCUMENT, &draft.trust.text);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "Description", KMSD_RULE_DESCRIPTION, &draft.description);
    if (err == KMS_OK)
        err = kmsd_query_number(call, "MaxSessionDuration", SESSION_MIN_S, SESSION_MAX_S,
            SESSION_MIN_S, &draft.max_session_s);
    if (err == KMS_OK)
        err = kmsd_iam_read_boundary(call, &draft.boundary);
    if (err == KMS_OK)
        err = check_trust(call, draft.trust.text);
    if (err == KMS_OK)
        err = kmsd_iam_put_new(call, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Role") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, &draft, true);
}

enum kms_err kmsd_iam_op_update_role(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *role = NULL;
    struct kms_str description;
    int32_t max_session_s = 0;
    enum kms_err err = kmsd_query_get(call, "Description", KMSD_RULE_DESCRIPTION, &description);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &role);
    if (err == KMS_OK)
        err = kmsd_query_number(call, "MaxSessionDuration", SESSION_MIN_S, SESSION_MAX_S,
            role->max_session_s, &max_session_s);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *role;
    draft.max_session_s = max_session_s;
    if (description.data != NULL)
        draft.description = description;
    return kmsd_iam_put(call->iam, role, &draft);
}

enum kms_err kmsd_iam_op_update_role_description(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *role = NULL;
    struct kms_str description;
    enum kms_err err = kmsd_query_need(call, "Description", KMSD_RULE_DESCRIPTION, &description);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &role);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *role;
    draft.description = description;
    err = kmsd_iam_put(call->iam, role, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Role") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, &draft, true);
}

enum kms_err kmsd_iam_op_update_trust(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *role = NULL;
    struct kms_str text;
    enum kms_err err = kmsd_query_need(call, "PolicyDocument", KMSD_RULE_DOCUMENT, &text);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &role);
    if (err == KMS_OK)
        err = check_trust(call, text);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *role;
    draft.trust.text = text;
    return kmsd_iam_put(call->iam, role, &draft);
}
