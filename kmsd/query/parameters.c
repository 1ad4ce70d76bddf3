/*
 * What each action of IAM takes. A client of the network may send more, as it may to the live
 * service; the operator's socket goes by these rows, since a misspelt PermissionsBoundary that
 * nobody reads makes a user without one.
 */
#include "kmsd/query/handlers.h"
#include "kmsd/query/providers.h"

#include <stdio.h>

enum { NAMES_MAX = 12 };

/* "TagKeys[]" is the list TagKeys.member.1, ..., "ContextEntries[*]" one of structures; "$" is what names the entity that the action is
 * about: UserName, GroupName, RoleName, PolicyArn or OpenIDConnectProviderArn. */
static const struct row {
    enum kms_err (*run)(struct kmsd_query_call *call);
    const char *names[NAMES_MAX];
} rows[] = {
    {kmsd_iam_op_add_user_to_group, {"$", "UserName"}},
    {kmsd_iam_op_attach, {"$", "PolicyArn"}},
    {kmsd_iam_op_create_access_key, {"$"}},
    {kmsd_iam_op_create_group, {"$", "Path"}},
    {kmsd_iam_op_create_policy, {"PolicyName", "Path", "Tags[]", "PolicyDocument", "Description"}},
    {kmsd_iam_op_create_provider, {"Url", "ClientIDList[]", "ThumbprintList[]", "Tags[]", "Jwks"}},
    {kmsd_iam_op_create_role, {"$", "Path", "Tags[]", "AssumeRolePolicyDocument", "Description",
                                  "MaxSessionDuration", "PermissionsBoundary"}},
    {kmsd_iam_op_create_user, {"$", "Path", "Tags[]", "PermissionsBoundary"}},
    {kmsd_iam_op_create_version, {"$", "PolicyDocument", "SetAsDefault"}},
    {kmsd_iam_op_delete, {"$"}},
    {kmsd_iam_op_delete_access_key, {"$", "AccessKeyId"}},
    {kmsd_iam_op_delete_boundary, {"$"}},
    {kmsd_iam_op_delete_inline, {"$", "PolicyName"}},
    {kmsd_iam_op_delete_policy, {"$"}},
    {kmsd_iam_op_delete_provider, {"$"}},
    {kmsd_iam_op_delete_version, {"$", "VersionId"}},
    {kmsd_iam_op_detach, {"$", "PolicyArn"}},
    {kmsd_iam_op_empty_list, {"$"}},
    {kmsd_iam_op_get, {"$"}},
    {kmsd_iam_op_get_access_key_last_used, {"AccessKeyId"}},
    {kmsd_iam_op_get_group, {"$", "MaxItems", "Marker"}},
    {kmsd_iam_op_get_inline, {"$", "PolicyName"}},
    {kmsd_iam_op_get_policy, {"$"}},
    {kmsd_iam_op_get_provider, {"$"}},
    {kmsd_iam_op_get_version, {"$", "VersionId"}},
    {kmsd_iam_op_list, {"PathPrefix", "MaxItems", "Marker"}},
    {kmsd_iam_op_list_access_keys, {"$"}},
    {kmsd_iam_op_list_attached, {"$"}},
    {kmsd_iam_op_list_entities_for_policy, {"$"}},
    {kmsd_iam_op_list_groups_for_user, {"$"}},
    {kmsd_iam_op_list_inline, {"$"}},
    {kmsd_iam_op_list_policies, {"Scope", "PathPrefix", "OnlyAttached", "MaxItems", "Marker"}},
    {kmsd_iam_op_list_providers, {NULL}},
    {kmsd_iam_op_list_tags, {"$"}},
    {kmsd_iam_op_list_versions, {"$"}},
    {kmsd_iam_op_no_login_profile, {"$"}},
    {kmsd_iam_op_put_boundary, {"$", "PermissionsBoundary"}},
    {kmsd_iam_op_put_inline, {"$", "PolicyName", "PolicyDocument"}},
    {kmsd_iam_op_remove_user_from_group, {"$", "UserName"}},
    {kmsd_iam_op_set_default_version, {"$", "VersionId"}},
    {kmsd_iam_op_simulate_custom,
        {"PolicyInputList[]", "PermissionsBoundaryPolicyInputList[]", "ActionNames[]",
            "ResourceArns[]", "ResourcePolicy", "ResourceOwner", "CallerArn", "ContextEntries[*]",
            "ResourceHandlingOption", "MaxItems", "Marker"}},
    {kmsd_iam_op_simulate_principal,
        {"PolicySourceArn", "PolicyInputList[]", "PermissionsBoundaryPolicyInputList[]",
            "ActionNames[]", "ResourceArns[]", "ResourcePolicy", "ResourceOwner", "CallerArn",
            "ContextEntries[*]", "ResourceHandlingOption", "MaxItems", "Marker"}},
    {kmsd_iam_op_tag, {"$", "Tags[]"}},
    {kmsd_iam_op_untag, {"$", "TagKeys[]"}},
    {kmsd_iam_op_update_access_key, {"$", "AccessKeyId", "Status"}},
    {kmsd_iam_op_update_group, {"$", "NewGroupName", "NewPath"}},
    {kmsd_iam_op_update_role, {"$", "Description", "MaxSessionDuration"}},
    {kmsd_iam_op_update_role_description, {"$", "Description"}},
    {kmsd_iam_op_update_trust, {"$", "PolicyDocument"}},
    {kmsd_iam_op_update_user, {"$", "NewUserName", "NewPath"}},
};

/* What "$" stands for. */
static const char *subject_name(enum kmsd_iam_kind kind)
{
    switch (kind) {
    case KMSD_IAM_POLICY:
        return "PolicyArn";
    case KMSD_IAM_PROVIDER:
        return "OpenIDConnectProviderArn";
    default:
        return kmsd_query_name_parameter(kind);
    }
}

/* Whether name is of an item that reading the list from 1 on gets to: one behind a gap is read by
 * nobody, nor is a tag's value without its key. */
static bool is_item(const struct kmsd_form *form, const char *list, struct kms_str name)
{
    bool is_tags = strcmp(list, "Tags") == 0;
    char full[128];
    for (size_t i = 1; kmsd_form_member(form, list, i, is_tags ? "Key" : NULL).data != NULL; i++) {
        int len = snprintf(full, sizeof(full), "%s.member.%zu%s", list, i, is_tags ? "." : "");
        if (len < 0 || (size_t)len >= sizeof(full))
            return false;
        if (!is_tags && kms_str_is(name, full))
            return true;
        if (is_tags && name.len > (size_t)len && memcmp(name.data, full, (size_t)len) == 0) {
            struct kms_str field = {name.data + len, name.len - (size_t)len};
            return kms_str_is(field, "Key") || kms_str_is(field, "Value");
        }
    }
    return false;
}

static bool takes(const struct kmsd_query_call *call, const char *declared, struct kms_str name)
{
    char list[64];
    size_t len = strlen(declared);
    if (strcmp(declared, "$") == 0)
        return kms_str_is(name, subject_name(call->op->kind));
    if (len > 3 && strcmp(declared + len - 3, "[*]") == 0) /* its handler looks at each item */
        return name.len > len - 3 && memcmp(name.data, declared, len - 3) == 0 &&
               name.data[len - 3] == '.';
    if (len < 2 || len - 2 >= sizeof(list) || strcmp(declared + len - 2, "[]") != 0)
        return kms_str_is(name, declared);
    memcpy(list, declared, len - 2);
    list[len - 2] = '\0';
    return is_item(&call->form, list, name);
}

enum kms_err kmsd_query_check_parameters(struct kmsd_query_call *call)
{
    enum { SHOWN_MAX = 128 };
    const struct row *row = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && row == NULL; i++)
        row = rows[i].run == call->op->run ? &rows[i] : NULL;
    for (size_t i = 0; i < call->form.count; i++) {
        struct kms_str name = call->form.items[i].key;
        bool is_taken = false;
        for (size_t k = 0; row != NULL && k < NAMES_MAX && row->names[k] != NULL; k++)
            is_taken = is_taken || takes(call, row->names[k], name);
        if (is_taken)
            continue;
        size_t shown = name.len > SHOWN_MAX ? SHOWN_MAX : name.len;
        while (shown < name.len && shown > 0 && ((uint8_t)name.data[shown] & 0xC0) == 0x80)
            shown--; /* no half character */
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION, "%s does not take the parameter %.*s.",
            call->op->name, (int)shown, name.data);
    }
    return KMS_OK;
}
