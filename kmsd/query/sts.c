/* STS: who am I, and credentials for a while. */
#include "kmsd/query/sts.h"

#include "kmsd/iam/access_key.h"

/* --- GetCallerIdentity ------------------------------------------------------------------------ */

enum kms_err kmsd_sts_get_caller_identity(struct kmsd_query_call *call)
{
    const struct kmsd_principal *principal = call->request.principal;
    struct kmsd_policy_subject subject = kmsd_query_subject(call);
    /* identities of a file may go without an id */
    struct kms_str user_id =
        subject.user_id.data != NULL ? subject.user_id : kms_str(principal->access_key_id);
    enum kms_err err = kmsd_put_text(call->result, "UserId", user_id);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "Account", kms_str(principal->account));
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "Arn", kms_str(principal->arn));
    return err;
}

/* --- credentials ------------------------------------------------------------------------------ */

enum kms_err kmsd_sts_issue(struct kmsd_query_call *call, struct kmsd_session_content *content)
{
    struct kmsd_access_key key = {.secret = NULL};
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    enum kms_err err = kmsd_access_key_make(KMSD_ACCESS_KEY_SESSION, &key);
    if (err != KMS_OK)
        return err;
    content->access_key_id = kms_str(key.id);
    content->secret = kms_secret_bytes(key.secret);
    err = kmsd_session_seal(kmsd_iam_session_keys(call->iam), content, &token);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Credentials") : NULL;
    if (err == KMS_OK && out == NULL)
        err = KMS_ERR_NO_MEMORY;
    if (err == KMS_OK)
        err = kmsd_put_text(out, "AccessKeyId", kms_str(key.id));
    if (err == KMS_OK)
        err = kmsd_put_text(out, "SecretAccessKey",
            (struct kms_str){(const char *)content->secret.data, content->secret.len});
    if (err == KMS_OK)
        err = kmsd_put_text(out, "SessionToken", kms_buf_str(&token));
    if (err == KMS_OK)
        err = kmsd_put_time(out, "Expiration", content->expires_ms);
    kms_secret_free(key.secret);
    content->secret = kms_bytes(NULL, 0);
    if (err == KMS_ERR_LIMIT)
        return kmsd_query_fault(call, KMSD_QUERY_PACKED_POLICY_TOO_LARGE,
            "Packed size of session policies and tags consumes more than 100%% of the allotted "
            "space.");
    return err;
}

/* --- GetSessionToken -------------------------------------------------------------------------- */

enum {
    DURATION_MIN_S = 900,
    DURATION_ROOT_MAX_S = 3600,
    DURATION_USER_MAX_S = 129600,
    DURATION_USER_DEFAULT_S = 43200,
    DURATION_ROLE_MAX_S = 43200,
    DURATION_ROLE_DEFAULT_S = 3600,
    DURATION_CHAINED_MAX_S = 3600,
};

enum kms_err kmsd_sts_get_session_token(struct kmsd_query_call *call)
{
    const struct kmsd_principal *principal = call->request.principal;
    int32_t duration_s = 0;
    if (principal->session != NULL)
        return kmsd_query_fault(
            call, KMSD_QUERY_ACCESS_DENIED, "Cannot call GetSessionToken with session credentials");
    if (kmsd_form_get(&call->form, "TokenCode").data != NULL ||
        kmsd_form_get(&call->form, "SerialNumber").data != NULL)
        return kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
            "MultiFactorAuthentication failed with invalid MFA one time pass code.");
    enum kms_err err = kmsd_query_number(call, "DurationSeconds", DURATION_MIN_S,
        DURATION_USER_MAX_S, DURATION_USER_DEFAULT_S, &duration_s);
    if (err != KMS_OK)
        return err;
    if (principal->is_account_root && duration_s > DURATION_ROOT_MAX_S)
        duration_s = DURATION_ROOT_MAX_S;
    struct kmsd_session_content content = {
        .kind = principal->is_account_root ? KMSD_SESSION_ROOT : KMSD_SESSION_USER,
        .account = call->account,
        .parent_key_id = kms_str(principal->access_key_id),
        .issued_ms = call->request.now_ms,
        .expires_ms = call->request.now_ms + (int64_t)duration_s * 1000,
    };
    if (!principal->is_account_root) {
        const struct kmsd_iam_entity *user = NULL;
        struct kmsd_policy_subject subject = kmsd_query_subject(call);
        if (subject.kind != KMSD_SUBJECT_USER || subject.user_name.data == NULL)
            return kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
                "Cannot call GetSessionToken with these credentials");
        err = kmsd_query_find(call, KMSD_IAM_USER, subject.user_name, &user);
        if (err != KMS_OK)
            return err;
        content.name = user->name;
        content.entity_id = user->id;
    }
    return kmsd_sts_issue(call, &content);
}

/* --- sessions of roles ------------------------------------------------------------------------ */

static bool has_text(const struct kms_str *items, size_t count, struct kms_str text)
{
    for (size_t i = 0; i < count; i++) {
        if (kmsd_iam_name_compare(items[i], text) == 0)
            return true;
    }
    return false;
}

/* The caller's transitive tags go on into the new session, and none of them can be set anew. */
static enum kms_err inherit_tags(struct kmsd_query_call *call, struct kmsd_session_content *content)
{
    const struct kmsd_principal *caller = call->request.principal;
    if (caller == NULL || caller->session == NULL)
        return KMS_OK;
    const struct kmsd_session_content *from = &caller->session->content;
    size_t max = content->tags.count + from->tags.count;
    struct kms_str_pair *pairs = kms_arena_calloc(call->arena, max + 1, sizeof(*pairs));
    struct kms_str *keys = kms_arena_calloc(
        call->arena, content->transitive_count + from->transitive_count + 1, sizeof(*keys));
    if (pairs == NULL || keys == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    size_t key_count = 0;
    for (size_t i = 0; i < content->tags.count; i++) {
        if (has_text(from->transitive_keys, from->transitive_count, content->tags.items[i].key))
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
                "One of the specified session tags is a transitive tag of the calling session.");
        pairs[count++] = content->tags.items[i];
    }
    for (size_t i = 0; i < from->tags.count; i++) {
        if (has_text(from->transitive_keys, from->transitive_count, from->tags.items[i].key))
            pairs[count++] = from->tags.items[i];
    }
    for (size_t i = 0; i < content->transitive_count; i++)
        keys[key_count++] = content->transitive_keys[i];
    for (size_t i = 0; i < from->transitive_count; i++)
        keys[key_count++] = from->transitive_keys[i];
    content->tags = (struct kms_str_map){pairs, count};
    content->transitive_keys = keys;
    content->transitive_count = key_count;
    return KMS_OK;
}

/* Who is behind a chain of sessions is said once and stays. */
static enum kms_err inherit_source(
    struct kmsd_query_call *call, struct kmsd_session_content *content)
{
    const struct kmsd_principal *caller = call->request.principal;
    struct kms_str source = caller == NULL || caller->session == NULL
                                ? kms_str(NULL)
                                : caller->session->content.source_identity;
    if (source.data == NULL)
        return KMS_OK;
    if (content->source_identity.data != NULL && !kms_str_eq(content->source_identity, source))
        return kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
            "The source identity of the calling session cannot be changed.");
    content->source_identity = source;
    return KMS_OK;
}

static enum kms_err read_policies(
    struct kmsd_query_call *call, struct kms_str account, struct kmsd_session_content *content)
{
    struct kmsd_iam_list arns;
    enum kms_err err = kmsd_query_get(call, "Policy", KMSD_RULE_DOCUMENT, &content->policy);
    if (err == KMS_OK && content->policy.data != NULL)
        err = kmsd_query_check_document(call, content->policy, KMSD_POLICY_KIND_SESSION);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "PolicyArns", "arn", KMSD_SESSION_POLICIES_MAX, &arns);
    if (err != KMS_OK)
        return err;
    for (size_t i = 0; i < arns.count; i++) {
        KMSD_IAM_ENTITY_AUTO policy = kmsd_iam_find_arn(call->iam, KMSD_IAM_POLICY, arns.items[i]);
        if (policy == NULL ||
            (!kms_str_eq(policy->account, account) && !kms_str_is(policy->account, KMSD_IAM_AWS)))
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION, "Policy %.*s was not found.",
                KMSD_STR_ARGS(arns.items[i]));
    }
    content->policy_arns = arns.items;
    content->policy_arn_count = arns.count;
    return KMS_OK;
}

enum kms_err kmsd_sts_read_session(struct kmsd_query_call *call, const struct kmsd_iam_entity *role,
    struct kmsd_session_content *content)
{
    const struct kmsd_principal *caller = call->request.principal;
    bool is_chained = caller != NULL && caller->session != NULL &&
                      caller->session->content.kind == KMSD_SESSION_ROLE;
    int32_t duration_s = 0;
    enum kms_err err = kmsd_query_number(call, "DurationSeconds", DURATION_MIN_S,
        DURATION_ROLE_MAX_S, DURATION_ROLE_DEFAULT_S, &duration_s);
    if (err == KMS_OK && is_chained && duration_s > DURATION_CHAINED_MAX_S)
        err = kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining");
    if (err == KMS_OK && duration_s > role->max_session_s)
        err = kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
    if (err == KMS_OK)
        err = read_policies(call, role->account, content);
    if (err != KMS_OK)
        return err;
    content->kind = KMSD_SESSION_ROLE;
    content->account = role->account;
    content->name = role->name;
    content->entity_id = role->id;
    content->issued_ms = call->request.now_ms;
    content->expires_ms = content->issued_ms + (int64_t)duration_s * 1000;
    return KMS_OK;
}

enum kms_err kmsd_sts_put_role_user(struct kmsd_query_call *call,
    const struct kmsd_iam_entity *role, const struct kmsd_session_content *content)
{
    json_t *user = kmsd_put_object(call->result, "AssumedRoleUser");
    struct kms_str id = kms_arena_printf(
        call->arena, "%.*s:%.*s", KMSD_STR_ARGS(role->id), KMSD_STR_ARGS(content->session_name));
    struct kms_str arn = kms_arena_printf(call->arena, "arn:%.*s:sts::%.*s:assumed-role/%.*s/%.*s",
        KMSD_STR_ARGS(kmsd_iam_partition(call->iam)), KMSD_STR_ARGS(role->account),
        KMSD_STR_ARGS(role->name), KMSD_STR_ARGS(content->session_name));
    if (user == NULL || id.data == NULL || arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_put_text(user, "AssumedRoleId", id);
    if (err == KMS_OK)
        err = kmsd_put_text(user, "Arn", arn);
    if (err == KMS_OK && content->source_identity.data != NULL)
        err = kmsd_put_text(call->result, "SourceIdentity", content->source_identity);
    /* in hundredths of what a session policy and tags may take */
    size_t packed = content->policy.len;
    for (size_t i = 0; i < content->tags.count; i++)
        packed += content->tags.items[i].key.len + content->tags.items[i].value.len;
    for (size_t i = 0; i < content->policy_arn_count; i++)
        packed += content->policy_arns[i].len;
    if (err == KMS_OK && packed != 0)
        err = kmsd_put_integer(call->result, "PackedPolicySize",
            (int64_t)(packed * 100 / KMSD_SESSION_CONTENT_MAX + 1));
    return err;
}

/* --- AssumeRole ------------------------------------------------------------------------------- */

/* The same words whether there is such a role or not. */
static enum kms_err refuse_role(
    struct kmsd_query_call *call, const char *action, struct kms_str arn)
{
    return kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
        "User: %s is not authorized to perform: %s on resource: %.*s", call->request.principal->arn,
        action, KMSD_STR_ARGS(arn));
}

struct request {
    struct kms_str role_arn;
    struct kms_str external_id;
    struct kms_str_map tags; /* of the request alone */
    struct kmsd_session_content content;
};

static enum kms_err read_request(struct kmsd_query_call *call, struct request *request)
{
    struct kmsd_session_content *content = &request->content;
    struct kmsd_iam_list transitive;
    enum kms_err err = kmsd_query_need(call, "RoleArn", KMSD_RULE_ARN, &request->role_arn);
    if (err == KMS_OK)
        err = kmsd_query_need(
            call, "RoleSessionName", KMSD_RULE_SESSION_NAME, &content->session_name);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "ExternalId", KMSD_RULE_TEXT, &request->external_id);
    if (err == KMS_OK)
        err = kmsd_query_get(
            call, "SourceIdentity", KMSD_RULE_SESSION_NAME, &content->source_identity);
    if (err == KMS_OK)
        err = kmsd_query_tags(call, &request->tags);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "TransitiveTagKeys", NULL, KMSD_IAM_TAGS_MAX, &transitive);
    if (err != KMS_OK)
        return err;
    content->tags = request->tags;
    content->transitive_keys = transitive.items;
    content->transitive_count = transitive.count;
    return KMS_OK;
}

/* Each of the permissions that the request takes, from the role's trust policy and where that
 * leaves it to the account from the caller's. */
static enum kms_err decide(struct kmsd_query_call *call, const struct request *request,
    const struct kmsd_iam_entity *role, const struct kmsd_policy_document *trust)
{
    const struct {
        const char *action;
        bool is_asked;
    } permissions[] = {
        {"sts:AssumeRole", true},
        {"sts:TagSession", request->content.tags.count != 0},
        {"sts:SetSourceIdentity", request->content.source_identity.data != NULL},
    };
    for (size_t i = 0; i < sizeof(permissions) / sizeof(permissions[0]); i++) {
        struct kmsd_query_facts facts = {
            .request_tags = &request->tags, .resource_tags = &role->tags};
        if (!permissions[i].is_asked)
            continue;
        kmsd_query_add_fact(
            &facts, "sts:RoleSessionName", kmsd_policy_text(request->content.session_name));
        if (request->external_id.data != NULL)
            kmsd_query_add_fact(&facts, "sts:ExternalId", kmsd_policy_text(request->external_id));
        if (request->content.source_identity.data != NULL)
            kmsd_query_add_fact(
                &facts, "sts:SourceIdentity", kmsd_policy_text(request->content.source_identity));
        if (request->content.transitive_count != 0)
            kmsd_query_add_fact(&facts, "sts:TransitiveTagKeys",
                kmsd_policy_texts(request->content.transitive_keys, sizeof(struct kms_str),
                    request->content.transitive_count));
        enum kms_err err =
            kmsd_query_decide(call, permissions[i].action, role->arn, role->account, trust, &facts);
        if (err == KMS_ERR_FAULT)
            return refuse_role(call, permissions[i].action, role->arn);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

enum kms_err kmsd_sts_assume_role(struct kmsd_query_call *call)
{
    const struct kmsd_principal *caller = call->request.principal;
    struct request request = {.content = {.kind = KMSD_SESSION_ROLE}};
    enum kms_err err = read_request(call, &request);
    if (err != KMS_OK)
        return err;
    if (caller->is_account_root)
        return kmsd_query_fault(
            call, KMSD_QUERY_ACCESS_DENIED, "Roles may not be assumed by root accounts.");
    KMSD_IAM_ENTITY_AUTO role = kmsd_iam_find_arn(call->iam, KMSD_IAM_ROLE, request.role_arn);
    if (role == NULL)
        return refuse_role(call, "sts:AssumeRole", request.role_arn);
    const struct kmsd_policy_document *trust =
        kmsd_iam_policy_parsed(&role->trust, KMSD_POLICY_KIND_TRUST);
    if (trust == NULL)
        return KMS_ERR_CORRUPT;
    struct kmsd_session_content *content = &request.content;
    err = inherit_tags(call, content);
    if (err == KMS_OK)
        err = inherit_source(call, content);
    if (err == KMS_OK)
        err = decide(call, &request, role, trust);
    if (err == KMS_OK)
        err = kmsd_sts_read_session(call, role, content);
    if (err != KMS_OK)
        return err;
    /* a session of a session ends with the key at the beginning of the chain */
    content->parent_key_id = caller->session == NULL ? kms_str(caller->access_key_id)
                                                     : caller->session->content.parent_key_id;
    err = kmsd_sts_issue(call, content);
    return err == KMS_OK ? kmsd_sts_put_role_user(call, role, content) : err;
}
