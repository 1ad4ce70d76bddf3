/* What users, groups and roles have in common. */
#include "kmsd/query/handlers.h"

#include "kmsd/iam/access_key.h"

const char *kmsd_iam_element(enum kmsd_iam_kind kind)
{
    static const char *const elements[KMSD_IAM_KIND_COUNT_] = {
        [KMSD_IAM_USER] = "User",
        [KMSD_IAM_GROUP] = "Group",
        [KMSD_IAM_ROLE] = "Role",
        [KMSD_IAM_POLICY] = "Policy",
        [KMSD_IAM_PROVIDER] = "OpenIDConnectProvider",
    };
    return elements[kind];
}

/* --- describing ------------------------------------------------------------------------------- */

static enum kms_err put_boundary(json_t *out, struct kms_str arn)
{
    json_t *boundary = kmsd_put_object(out, "PermissionsBoundary");
    if (boundary == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err =
        kmsd_put_text(boundary, "PermissionsBoundaryType", kms_str("PermissionsBoundaryPolicy"));
    return err == KMS_OK ? kmsd_put_text(boundary, "PermissionsBoundaryArn", arn) : err;
}

static enum kms_err put_role(
    struct kmsd_query_call *call, json_t *out, const struct kmsd_iam_entity *role)
{
    enum kms_err err = kmsd_put_document(call, out, "AssumeRolePolicyDocument", role->trust.text);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Description", role->description);
    if (err == KMS_OK)
        err = kmsd_put_integer(out, "MaxSessionDuration", role->max_session_s);
    return err;
}

enum kms_err kmsd_iam_describe(
    struct kmsd_query_call *call, json_t *out, const struct kmsd_iam_entity *entity, bool is_whole)
{
    static const char *const ids[] = {"UserId", "GroupId", "RoleId"};
    enum kms_err err = kmsd_put_text(out, "Path", entity->path);
    if (err == KMS_OK)
        err = kmsd_put_text(out, kmsd_query_name_parameter(entity->kind), entity->name);
    if (err == KMS_OK)
        err = kmsd_put_text(out, ids[entity->kind], entity->id);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Arn", entity->arn);
    if (err == KMS_OK)
        err = kmsd_put_time(out, "CreateDate", entity->created_ms);
    if (err == KMS_OK && entity->kind == KMSD_IAM_ROLE)
        err = put_role(call, out, entity);
    if (err == KMS_OK && is_whole && entity->boundary.data != NULL)
        err = put_boundary(out, entity->boundary);
    if (err == KMS_OK && is_whole && entity->tags.count != 0)
        err = kmsd_put_tags(out, "Tags", &entity->tags);
    if (err == KMS_OK && is_whole && entity->kind == KMSD_IAM_ROLE &&
        kmsd_put_object(out, "RoleLastUsed") == NULL)
        err = KMS_ERR_NO_MEMORY;
    return err;
}

/* --- new ones --------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_draft(struct kmsd_query_call *call, enum kmsd_query_rule rule,
    const char *id_prefix, struct kmsd_iam_entity *draft)
{
    enum kmsd_iam_kind kind = call->op->kind;
    char id[KMSD_IAM_ID_LEN + 1];
    *draft = (struct kmsd_iam_entity){
        .kind = kind, .account = call->account, .created_ms = call->request.now_ms};
    enum kms_err err = kmsd_query_need(call, kmsd_query_name_parameter(kind), rule, &draft->name);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "Path", KMSD_RULE_PATH, &draft->path);
    if (err == KMS_OK)
        err = kmsd_query_tags(call, &draft->tags);
    if (err == KMS_OK)
        err = kmsd_access_key_draw_id(id_prefix, id, KMSD_IAM_ID_LEN);
    if (err != KMS_OK)
        return err;
    if (draft->path.data == NULL)
        draft->path = kms_str("/");
    draft->id = kms_arena_str(call->arena, kms_str(id));
    draft->arn = kmsd_iam_entity_arn(draft, kmsd_iam_partition(call->iam), call->arena);
    return draft->id.data == NULL || draft->arn.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_iam_put_new(struct kmsd_query_call *call, const struct kmsd_iam_entity *draft)
{
    enum kms_err err = kmsd_iam_put(call->iam, NULL, draft);
    if (err != KMS_ERR_EXISTS)
        return err;
    if (draft->kind == KMSD_IAM_POLICY)
        return kmsd_query_fault(call, KMSD_QUERY_ENTITY_ALREADY_EXISTS,
            "A policy called %.*s already exists. Duplicate names are not allowed.",
            KMSD_STR_ARGS(draft->name));
    return kmsd_query_fault(call, KMSD_QUERY_ENTITY_ALREADY_EXISTS,
        "%s with name %.*s already exists.", kmsd_iam_element(draft->kind),
        KMSD_STR_ARGS(draft->name));
}

enum kms_err kmsd_iam_read_boundary(struct kmsd_query_call *call, struct kms_str *out)
{
    const struct kmsd_iam_entity *policy = NULL;
    enum kms_err err = kmsd_query_get(call, "PermissionsBoundary", KMSD_RULE_ARN, out);
    if (err != KMS_OK || out->data == NULL)
        return err;
    err = kmsd_query_find_policy(call, *out, &policy);
    if (err == KMS_ERR_FAULT)
        return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
            "Scope ARN: %.*s does not exist or is not attachable.", KMSD_STR_ARGS(*out));
    return err;
}

enum kms_err kmsd_iam_subject(struct kmsd_query_call *call, const struct kmsd_iam_entity **out)
{
    struct kms_str arn;
    if (call->op->kind == KMSD_IAM_POLICY) {
        enum kms_err err = kmsd_query_need(call, "PolicyArn", KMSD_RULE_ARN, &arn);
        return err == KMS_OK ? kmsd_query_find_policy(call, arn, out) : err;
    }
    if (call->op->kind != KMSD_IAM_PROVIDER)
        return kmsd_query_find_named(call, out);
    enum kms_err err = kmsd_query_need(call, "OpenIDConnectProviderArn", KMSD_RULE_ARN, &arn);
    if (err != KMS_OK)
        return err;
    const struct kmsd_iam_entity *provider = kmsd_iam_find_arn(call->iam, KMSD_IAM_PROVIDER, arn);
    bool is_own = provider != NULL && kms_str_eq(provider->account, call->account);
    struct kms_str name = is_own ? provider->name : arn;
    err = is_own ? kmsd_query_find(call, KMSD_IAM_PROVIDER, name, out)
                 : kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
                       "OpenIDConnect Provider not found for arn %.*s", KMSD_STR_ARGS(arn));
    kmsd_iam_entity_release(provider);
    return err;
}

/* --- get, list, delete ------------------------------------------------------------------------ */

enum kms_err kmsd_iam_op_get(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = KMS_OK;
    if (call->op->kind == KMSD_IAM_USER && kmsd_form_get(&call->form, "UserName").data == NULL) {
        struct kmsd_policy_subject subject = kmsd_query_subject(call);
        if (subject.kind != KMSD_SUBJECT_USER || subject.user_name.data == NULL)
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
                "Must specify userName when calling with non-User credentials");
        err = kmsd_query_find(call, KMSD_IAM_USER, subject.user_name, &entity);
    } else {
        err = kmsd_query_find_named(call, &entity);
    }
    json_t *out =
        err == KMS_OK ? kmsd_put_object(call->result, kmsd_iam_element(call->op->kind)) : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, entity, true);
}

struct listing {
    struct kmsd_query_call *call;
    struct kmsd_query_page page;
    struct kms_str path_prefix;
    json_t *list;
    enum kms_err err;
};

static bool starts_with(struct kms_str text, struct kms_str prefix)
{
    return prefix.data == NULL ||
           (text.len >= prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0);
}

static bool list_one(void *context, const struct kmsd_iam_entity *entity)
{
    struct listing *listing = context;
    if (!starts_with(entity->path, listing->path_prefix))
        return true;
    if (!kmsd_query_page_takes(listing->call, &listing->page, entity->name))
        return false;
    json_t *out = kmsd_append_object(listing->list);
    listing->err =
        out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(listing->call, out, entity, false);
    return listing->err == KMS_OK;
}

enum kms_err kmsd_iam_op_list(struct kmsd_query_call *call)
{
    static const char *const names[] = {"Users", "Groups", "Roles"};
    struct listing listing = {.call = call};
    enum kms_err err = kmsd_query_page_begin(call, &listing.page);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "PathPrefix", KMSD_RULE_TEXT, &listing.path_prefix);
    if (err != KMS_OK)
        return err;
    listing.list = kmsd_put_list(call->result, names[call->op->kind]);
    if (listing.list == NULL)
        return KMS_ERR_NO_MEMORY;
    kmsd_iam_each(call->iam, call->account, call->op->kind, listing.page.after, list_one, &listing);
    return listing.err == KMS_OK ? kmsd_query_page_end(call, &listing.page) : listing.err;
}

struct membership {
    struct kms_str group;
    bool found;
};

static bool find_member(void *context, const struct kmsd_iam_entity *user)
{
    struct membership *membership = context;
    for (size_t i = 0; i < user->groups.count && !membership->found; i++)
        membership->found = kmsd_iam_name_compare(user->groups.items[i], membership->group) == 0;
    return !membership->found;
}

/* What has to go first. */
static const char *conflict_of(struct kmsd_query_call *call, const struct kmsd_iam_entity *entity)
{
    struct kmsd_iam_access_key keys[KMSD_IAM_ACCESS_KEYS_MAX];
    struct membership membership = {.group = entity->name};
    if (entity->kind == KMSD_IAM_USER && kmsd_iam_access_keys(call->iam, entity->arn, keys) != 0)
        return "Cannot delete entity, must delete access keys first.";
    if (entity->attached.count != 0)
        return "Cannot delete entity, must detach all policies first.";
    if (entity->inline_count != 0)
        return "Cannot delete entity, must delete policies first.";
    if (entity->groups.count != 0)
        return "Cannot delete entity, must remove users from group first.";
    if (entity->kind != KMSD_IAM_GROUP)
        return NULL;
    kmsd_iam_each(call->iam, call->account, KMSD_IAM_USER, kms_str(NULL), find_member, &membership);
    return membership.found ? "Cannot delete entity, must remove users from group first." : NULL;
}

enum kms_err kmsd_iam_op_delete(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = kmsd_query_find_named(call, &entity);
    if (err != KMS_OK)
        return err;
    const char *conflict = conflict_of(call, entity);
    if (conflict != NULL)
        return kmsd_query_fault(call, KMSD_QUERY_DELETE_CONFLICT, "%s", conflict);
    return kmsd_iam_delete(call->iam, entity);
}

/* --- tags ------------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_op_tag(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str_map tags;
    enum kms_err err = kmsd_iam_subject(call, &entity);
    if (err == KMS_OK)
        err = kmsd_query_tags(call, &tags);
    if (err != KMS_OK)
        return err;
    struct kms_str_pair *pairs =
        kms_arena_calloc(call->arena, tags.count + entity->tags.count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < entity->tags.count; i++)
        pairs[count++] = entity->tags.items[i];
    for (size_t i = 0; i < tags.count; i++) {
        size_t at = 0;
        while (at < count && kmsd_iam_name_compare(pairs[at].key, tags.items[i].key) != 0)
            at++;
        pairs[at] = tags.items[i];
        count += at == count;
    }
    if (count > KMSD_IAM_TAGS_MAX)
        return kmsd_query_fault(
            call, KMSD_QUERY_LIMIT_EXCEEDED, "The number of tags has reached the maximum limit.");
    struct kmsd_iam_entity draft = *entity;
    draft.tags = (struct kms_str_map){pairs, count};
    return kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_untag(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kmsd_iam_list keys;
    enum kms_err err = kmsd_iam_subject(call, &entity);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "TagKeys", NULL, KMSD_IAM_TAGS_MAX, &keys);
    if (err != KMS_OK)
        return err;
    struct kms_str_pair *pairs =
        kms_arena_calloc(call->arena, entity->tags.count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < entity->tags.count; i++) {
        bool goes = false;
        for (size_t k = 0; k < keys.count && !goes; k++)
            goes = kmsd_iam_name_compare(keys.items[k], entity->tags.items[i].key) == 0;
        if (!goes)
            pairs[count++] = entity->tags.items[i];
    }
    struct kmsd_iam_entity draft = *entity;
    draft.tags = (struct kms_str_map){pairs, count};
    return kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_list_tags(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = kmsd_iam_subject(call, &entity);
    if (err == KMS_OK)
        err = kmsd_put_tags(call->result, "Tags", &entity->tags);
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}

/* --- boundaries ------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_op_put_boundary(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str boundary;
    enum kms_err err = kmsd_query_need(call, "PermissionsBoundary", KMSD_RULE_ARN, &boundary);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &entity);
    if (err == KMS_OK)
        err = kmsd_iam_read_boundary(call, &boundary);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *entity;
    draft.boundary = boundary;
    return kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_delete_boundary(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = kmsd_query_find_named(call, &entity);
    if (err != KMS_OK)
        return err;
    if (entity->boundary.data == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
            "%s %.*s has no permissions boundary.", kmsd_iam_element(entity->kind),
            KMSD_STR_ARGS(entity->name));
    struct kmsd_iam_entity draft = *entity;
    draft.boundary = kms_str(NULL);
    return kmsd_iam_put(call->iam, entity, &draft);
}

/* --- what there is none of -------------------------------------------------------------------- */

/* Devices, certificates and profiles, which tools look for before they delete a user or a role. */
enum kms_err kmsd_iam_op_empty_list(struct kmsd_query_call *call)
{
    static const struct {
        const char *action;
        const char *element;
    } lists[] = {
        {"ListAccountAliases", "AccountAliases"},
        {"ListInstanceProfilesForRole", "InstanceProfiles"},
        {"ListMFADevices", "MFADevices"},
        {"ListSSHPublicKeys", "SSHPublicKeys"},
        {"ListServiceSpecificCredentials", "ServiceSpecificCredentials"},
        {"ListSigningCertificates", "Certificates"},
        {"ListVirtualMFADevices", "VirtualMFADevices"},
    };
    const struct kmsd_iam_entity *entity = NULL;
    const char *parameter = kmsd_query_name_parameter(call->op->kind);
    enum kms_err err = KMS_OK;
    if (kmsd_form_get(&call->form, parameter).data != NULL)
        err = kmsd_query_find_named(call, &entity);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && err == KMS_OK; i++) {
        if (strcmp(lists[i].action, call->op->name) == 0 &&
            kmsd_put_list(call->result, lists[i].element) == NULL)
            err = KMS_ERR_NO_MEMORY;
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}

/* Nobody has a password here. */
enum kms_err kmsd_iam_op_no_login_profile(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *user = NULL;
    enum kms_err err = kmsd_query_find_named(call, &user);
    if (err != KMS_OK)
        return err;
    return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
        "Login Profile for User %.*s cannot be found.", KMSD_STR_ARGS(user->name));
}
