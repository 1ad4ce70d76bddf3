/* Users and their access keys. */
#include "kmsd/query/handlers.h"

#include "kmsd/iam/access_key.h"

enum kms_err kmsd_iam_op_create_user(struct kmsd_query_call *call)
{
    struct kmsd_iam_entity draft;
    enum kms_err err = kmsd_iam_draft(call, KMSD_RULE_USER_NAME, "AIDA", &draft);
    if (err == KMS_OK)
        err = kmsd_iam_read_boundary(call, &draft.boundary);
    if (err == KMS_OK)
        err = kmsd_iam_put_new(call, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "User") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, &draft, true);
}

/* Another name, another path: for users and groups. */
static enum kms_err rename_entity(
    struct kmsd_query_call *call, const char *name_parameter, enum kmsd_query_rule rule)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str name;
    struct kms_str path;
    enum kms_err err = kmsd_query_get(call, name_parameter, rule, &name);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "NewPath", KMSD_RULE_PATH, &path);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &entity);
    if (err != KMS_OK || (name.data == NULL && path.data == NULL))
        return err;
    struct kmsd_iam_entity draft = *entity;
    draft.name = name.data == NULL ? entity->name : name;
    draft.path = path.data == NULL ? entity->path : path;
    draft.arn = kmsd_iam_entity_arn(&draft, kmsd_iam_partition(call->iam), call->arena);
    if (draft.arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    err = kmsd_iam_put(call->iam, entity, &draft);
    if (err != KMS_ERR_EXISTS)
        return err;
    return kmsd_query_fault(call, KMSD_QUERY_ENTITY_ALREADY_EXISTS,
        "%s with name %.*s already exists.", kmsd_iam_element(entity->kind), KMSD_STR_ARGS(name));
}

enum kms_err kmsd_iam_op_update_user(struct kmsd_query_call *call)
{
    return rename_entity(call, "NewUserName", KMSD_RULE_USER_NAME);
}

enum kms_err kmsd_iam_op_update_group(struct kmsd_query_call *call)
{
    return rename_entity(call, "NewGroupName", KMSD_RULE_NAME);
}

/* --- access keys ------------------------------------------------------------------------------ */

/* Whose keys: the user that is named, or the caller; for root its own. */
static enum kms_err find_owner(
    struct kmsd_query_call *call, struct kms_str *arn, struct kms_str *user_name)
{
    const struct kmsd_iam_entity *user = NULL;
    struct kmsd_policy_subject subject = kmsd_query_subject(call);
    struct kms_str name;
    enum kms_err err = kmsd_query_get(call, "UserName", KMSD_RULE_USER_NAME, &name);
    if (err != KMS_OK)
        return err;
    *user_name = kms_str(NULL);
    if (name.data == NULL && subject.kind == KMSD_SUBJECT_ACCOUNT_ROOT) {
        *arn = kms_str(call->request.principal->arn);
        return KMS_OK;
    }
    if (name.data == NULL)
        name = subject.kind == KMSD_SUBJECT_USER ? subject.user_name : kms_str(NULL);
    if (name.data == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "Must specify userName when calling with non-User credentials");
    err = kmsd_query_find(call, KMSD_IAM_USER, name, &user);
    if (err != KMS_OK)
        return err;
    *arn = user->arn;
    *user_name = user->name;
    return KMS_OK;
}

static enum kms_err put_key(
    json_t *out, struct kms_str user_name, struct kms_str id, bool is_active, int64_t created_ms)
{
    enum kms_err err = kmsd_put_text(out, "UserName", user_name);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "AccessKeyId", id);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Status", kms_str(is_active ? "Active" : "Inactive"));
    if (err == KMS_OK)
        err = kmsd_put_time(out, "CreateDate", created_ms);
    return err;
}

enum kms_err kmsd_iam_op_create_access_key(struct kmsd_query_call *call)
{
    struct kms_str arn;
    struct kms_str user_name;
    struct kmsd_access_key key = {.secret = NULL};
    enum kms_err err = find_owner(call, &arn, &user_name);
    if (err == KMS_OK)
        err = kmsd_iam_create_access_key(call->iam, call->account, arn, call->request.now_ms, &key);
    if (err == KMS_ERR_LIMIT)
        return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED,
            "Cannot exceed quota for AccessKeysPerUser: %d", KMSD_IAM_ACCESS_KEYS_MAX);
    if (err != KMS_OK)
        return err;
    struct kms_bytes secret = kms_secret_bytes(key.secret);
    json_t *out = kmsd_put_object(call->result, "AccessKey");
    err = out == NULL ? KMS_ERR_NO_MEMORY
                      : put_key(out, user_name, kms_str(key.id), true, call->request.now_ms);
    if (err == KMS_OK)
        err = kmsd_put_text(
            out, "SecretAccessKey", (struct kms_str){(const char *)secret.data, secret.len});
    kms_secret_free(key.secret);
    return err;
}

static enum kms_err no_such_key(struct kmsd_query_call *call, struct kms_str id)
{
    return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
        "The Access Key with id %.*s cannot be found.", KMSD_STR_ARGS(id));
}

enum kms_err kmsd_iam_op_update_access_key(struct kmsd_query_call *call)
{
    struct kms_str arn;
    struct kms_str user_name;
    struct kms_str id;
    struct kms_str status;
    enum kms_err err = kmsd_query_need(call, "AccessKeyId", KMSD_RULE_NAME, &id);
    if (err == KMS_OK)
        err = kmsd_query_need(call, "Status", KMSD_RULE_NAME, &status);
    if (err != KMS_OK)
        return err;
    bool is_active = kms_str_is(status, "Active");
    if (!is_active && !kms_str_is(status, "Inactive"))
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value '%.*s' at 'status' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Active, Inactive]",
            KMSD_STR_ARGS(status));
    err = find_owner(call, &arn, &user_name);
    if (err == KMS_OK)
        err = kmsd_iam_set_access_key(call->iam, arn, id, is_active);
    return err == KMS_ERR_NOT_FOUND ? no_such_key(call, id) : err;
}

enum kms_err kmsd_iam_op_delete_access_key(struct kmsd_query_call *call)
{
    struct kms_str arn;
    struct kms_str user_name;
    struct kms_str id;
    enum kms_err err = kmsd_query_need(call, "AccessKeyId", KMSD_RULE_NAME, &id);
    if (err == KMS_OK)
        err = find_owner(call, &arn, &user_name);
    if (err == KMS_OK)
        err = kmsd_iam_delete_access_key(call->iam, arn, id);
    return err == KMS_ERR_NOT_FOUND ? no_such_key(call, id) : err;
}

enum kms_err kmsd_iam_op_list_access_keys(struct kmsd_query_call *call)
{
    struct kms_str arn;
    struct kms_str user_name;
    struct kmsd_iam_access_key keys[KMSD_IAM_ACCESS_KEYS_MAX];
    enum kms_err err = find_owner(call, &arn, &user_name);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "AccessKeyMetadata") : NULL;
    if (err != KMS_OK)
        return err;
    if (list == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = kmsd_iam_access_keys(call->iam, arn, keys);
    /* the second bound is for gcc 14, which cannot see the first and warns of what lies beyond */
    for (size_t i = 0; i < count && i < KMSD_IAM_ACCESS_KEYS_MAX && err == KMS_OK; i++) {
        json_t *out = kmsd_append_object(list);
        err = out == NULL ? KMS_ERR_NO_MEMORY
                          : put_key(out, user_name, kms_str(keys[i].id), keys[i].is_active,
                                keys[i].created_ms);
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}

enum kms_err kmsd_iam_op_get_access_key_last_used(struct kmsd_query_call *call)
{
    struct kms_str id;
    struct kmsd_key_use use;
    enum kms_err err = kmsd_query_need(call, "AccessKeyId", KMSD_RULE_NAME, &id);
    if (err != KMS_OK)
        return err;
    if (!kmsd_auth_last_use(call->query->auth, id, &use) ||
        !kms_str_eq(kms_str(use.account), call->account))
        return no_such_key(call, id);
    json_t *out = kmsd_put_object(call->result, "AccessKeyLastUsed");
    if (out == NULL)
        return KMS_ERR_NO_MEMORY;
    err = kmsd_put_text(call->result, "UserName", kms_str(use.user_name));
    if (err == KMS_OK && use.used_ms != 0)
        err = kmsd_put_time(out, "LastUsedDate", use.used_ms);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "ServiceName", kms_str(use.used_ms == 0 ? "N/A" : use.service));
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Region", kms_str(use.used_ms == 0 ? "N/A" : use.region));
    return err;
}
