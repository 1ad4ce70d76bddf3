/* Groups and who is in them. */
#include "kmsd/query/handlers.h"

enum kms_err kmsd_iam_op_create_group(struct kmsd_query_call *call)
{
    struct kmsd_iam_entity draft;
    enum kms_err err = kmsd_iam_draft(call, KMSD_RULE_NAME, "AGPA", &draft);
    draft.tags = (struct kms_str_map){NULL, 0}; /* groups have none */
    if (err == KMS_OK)
        err = kmsd_iam_put_new(call, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Group") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, &draft, true);
}

static bool is_member(const struct kmsd_iam_entity *user, struct kms_str group)
{
    for (size_t i = 0; i < user->groups.count; i++) {
        if (kmsd_iam_name_compare(user->groups.items[i], group) == 0)
            return true;
    }
    return false;
}

struct members {
    struct kmsd_query_call *call;
    struct kmsd_query_page page;
    struct kms_str group;
    json_t *list;
    enum kms_err err;
};

static bool list_member(void *context, const struct kmsd_iam_entity *user)
{
    struct members *members = context;
    if (!is_member(user, members->group))
        return true;
    if (!kmsd_query_page_takes(members->call, &members->page, user->name))
        return false;
    json_t *out = kmsd_append_object(members->list);
    members->err =
        out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(members->call, out, user, false);
    return members->err == KMS_OK;
}

enum kms_err kmsd_iam_op_get_group(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *group = NULL;
    struct members members = {.call = call};
    enum kms_err err = kmsd_query_page_begin(call, &members.page);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &group);
    if (err != KMS_OK)
        return err;
    json_t *out = kmsd_put_object(call->result, "Group");
    members.list = kmsd_put_list(call->result, "Users");
    if (out == NULL || members.list == NULL)
        return KMS_ERR_NO_MEMORY;
    err = kmsd_iam_describe(call, out, group, false);
    if (err != KMS_OK)
        return err;
    members.group = group->name;
    kmsd_iam_each(
        call->iam, call->account, KMSD_IAM_USER, members.page.after, list_member, &members);
    return members.err == KMS_OK ? kmsd_query_page_end(call, &members.page) : members.err;
}

static enum kms_err find_both(struct kmsd_query_call *call, const struct kmsd_iam_entity **group,
    const struct kmsd_iam_entity **user)
{
    struct kms_str name;
    enum kms_err err = kmsd_query_need(call, "UserName", KMSD_RULE_USER_NAME, &name);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, group);
    if (err == KMS_OK)
        err = kmsd_query_find(call, KMSD_IAM_USER, name, user);
    return err;
}

enum kms_err kmsd_iam_op_add_user_to_group(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *group = NULL;
    const struct kmsd_iam_entity *user = NULL;
    struct kms_str names[KMSD_IAM_GROUPS_MAX];
    enum kms_err err = find_both(call, &group, &user);
    if (err != KMS_OK || is_member(user, group->name))
        return err;
    if (user->groups.count >= KMSD_IAM_GROUPS_MAX)
        return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED,
            "Cannot exceed quota for GroupsPerUser: %d", KMSD_IAM_GROUPS_MAX);
    for (size_t i = 0; i < user->groups.count; i++)
        names[i] = user->groups.items[i];
    names[user->groups.count] = group->name;
    struct kmsd_iam_entity draft = *user;
    draft.groups = (struct kmsd_iam_list){names, user->groups.count + 1};
    return kmsd_iam_put(call->iam, user, &draft);
}

enum kms_err kmsd_iam_op_remove_user_from_group(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *group = NULL;
    const struct kmsd_iam_entity *user = NULL;
    struct kms_str names[KMSD_IAM_GROUPS_MAX];
    enum kms_err err = find_both(call, &group, &user);
    if (err != KMS_OK || !is_member(user, group->name))
        return err;
    size_t count = 0;
    for (size_t i = 0; i < user->groups.count && count < KMSD_IAM_GROUPS_MAX; i++) {
        if (kmsd_iam_name_compare(user->groups.items[i], group->name) != 0)
            names[count++] = user->groups.items[i];
    }
    struct kmsd_iam_entity draft = *user;
    draft.groups = (struct kmsd_iam_list){names, count};
    return kmsd_iam_put(call->iam, user, &draft);
}

enum kms_err kmsd_iam_op_list_groups_for_user(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *user = NULL;
    enum kms_err err = kmsd_query_find_named(call, &user);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "Groups") : NULL;
    if (err == KMS_OK && list == NULL)
        err = KMS_ERR_NO_MEMORY;
    for (size_t i = 0; err == KMS_OK && i < user->groups.count; i++) {
        KMSD_IAM_ENTITY_AUTO group =
            kmsd_iam_find(call->iam, call->account, KMSD_IAM_GROUP, user->groups.items[i]);
        if (group == NULL)
            continue; /* gone since */
        json_t *out = kmsd_append_object(list);
        err = out == NULL ? KMS_ERR_NO_MEMORY : kmsd_iam_describe(call, out, group, false);
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}
