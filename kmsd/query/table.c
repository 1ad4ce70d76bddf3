/* Every action, one row. */
#include "kmsd/query/handlers.h"
#include "kmsd/query/providers.h"
#include "kmsd/query/sts.h"

/* IAM's rows read: action, what it does to identities, what its permission is asked for, the kind
 * that it is about, handler. */
#define READS   0
#define WRITES  KMSD_QUERY_WRITES
#define CHANGES (KMSD_QUERY_WRITES | KMSD_QUERY_NO_RESULT)

/* Which of its parameters conditions see. */
#define BOUNDARY KMSD_QUERY_SETS_BOUNDARY
#define ATTACHES KMSD_QUERY_HAS_POLICY
#define TAGS     KMSD_QUERY_HAS_TAGS
#define TAG_KEYS KMSD_QUERY_HAS_TAG_KEYS
#define RENAMES  KMSD_QUERY_RENAMES

#define IAM(name, flags, resource, kind, run)                                                   \
    {                                                                                           \
#name, KMSD_QUERY_IAM, flags, KMSD_RESOURCE_##resource, KMSD_IAM_##kind, kmsd_iam_##run \
    }
#define STS(name, flags, run)                                                          \
    {                                                                                  \
#name, KMSD_QUERY_STS, flags, KMSD_RESOURCE_ANY, KMSD_IAM_USER, kmsd_sts_##run \
    }

const struct kmsd_query_op kmsd_query_ops[] = {
    IAM(AddUserToGroup, CHANGES, ENTITY, GROUP, op_add_user_to_group),
    IAM(AttachGroupPolicy, CHANGES | ATTACHES, ENTITY, GROUP, op_attach),
    IAM(AttachRolePolicy, CHANGES | ATTACHES, ENTITY, ROLE, op_attach),
    IAM(AttachUserPolicy, CHANGES | ATTACHES, ENTITY, USER, op_attach),
    IAM(CreateAccessKey, WRITES, SELF, USER, op_create_access_key),
    IAM(CreateGroup, WRITES, ENTITY, GROUP, op_create_group),
    IAM(CreatePolicy, WRITES | TAGS, NEW_POLICY, POLICY, op_create_policy),
    IAM(CreatePolicyVersion, WRITES, POLICY, POLICY, op_create_version),
    IAM(CreateRole, WRITES | BOUNDARY | TAGS, ENTITY, ROLE, op_create_role),
    IAM(CreateUser, WRITES | BOUNDARY | TAGS, ENTITY, USER, op_create_user),
    IAM(DeleteAccessKey, CHANGES, SELF, USER, op_delete_access_key),
    IAM(DeleteGroup, CHANGES, ENTITY, GROUP, op_delete),
    IAM(DeleteGroupPolicy, CHANGES, ENTITY, GROUP, op_delete_inline),
    IAM(DeleteLoginProfile, READS, ENTITY, USER, op_no_login_profile),
    IAM(DeletePolicy, CHANGES, POLICY, POLICY, op_delete_policy),
    IAM(DeletePolicyVersion, CHANGES, POLICY, POLICY, op_delete_version),
    IAM(DeleteRole, CHANGES, ENTITY, ROLE, op_delete),
    IAM(DeleteRolePermissionsBoundary, CHANGES, ENTITY, ROLE, op_delete_boundary),
    IAM(DeleteRolePolicy, CHANGES, ENTITY, ROLE, op_delete_inline),
    IAM(DeleteUser, CHANGES, ENTITY, USER, op_delete),
    IAM(DeleteUserPermissionsBoundary, CHANGES, ENTITY, USER, op_delete_boundary),
    IAM(DeleteUserPolicy, CHANGES, ENTITY, USER, op_delete_inline),
    IAM(DetachGroupPolicy, CHANGES | ATTACHES, ENTITY, GROUP, op_detach),
    IAM(DetachRolePolicy, CHANGES | ATTACHES, ENTITY, ROLE, op_detach),
    IAM(DetachUserPolicy, CHANGES | ATTACHES, ENTITY, USER, op_detach),
    IAM(GetAccessKeyLastUsed, READS, ANY, USER, op_get_access_key_last_used),
    IAM(GetGroup, READS, ENTITY, GROUP, op_get_group),
    IAM(GetGroupPolicy, READS, ENTITY, GROUP, op_get_inline),
    IAM(GetLoginProfile, READS, SELF, USER, op_no_login_profile),
    IAM(GetPolicy, READS, POLICY, POLICY, op_get_policy),
    IAM(GetPolicyVersion, READS, POLICY, POLICY, op_get_version),
    IAM(GetRole, READS, ENTITY, ROLE, op_get),
    IAM(GetRolePolicy, READS, ENTITY, ROLE, op_get_inline),
    IAM(GetUser, READS, SELF, USER, op_get),
    IAM(GetUserPolicy, READS, ENTITY, USER, op_get_inline),
    IAM(ListAccessKeys, READS, SELF, USER, op_list_access_keys),
    IAM(ListAccountAliases, READS, ANY, USER, op_empty_list),
    IAM(ListAttachedGroupPolicies, READS, ENTITY, GROUP, op_list_attached),
    IAM(ListAttachedRolePolicies, READS, ENTITY, ROLE, op_list_attached),
    IAM(ListAttachedUserPolicies, READS, ENTITY, USER, op_list_attached),
    IAM(ListEntitiesForPolicy, READS, POLICY, POLICY, op_list_entities_for_policy),
    IAM(ListGroupPolicies, READS, ENTITY, GROUP, op_list_inline),
    IAM(ListGroups, READS, SHELF, GROUP, op_list),
    IAM(ListGroupsForUser, READS, ENTITY, USER, op_list_groups_for_user),
    IAM(ListInstanceProfilesForRole, READS, ENTITY, ROLE, op_empty_list),
    IAM(ListMFADevices, READS, SELF, USER, op_empty_list),
    IAM(ListPolicies, READS, SHELF, POLICY, op_list_policies),
    IAM(ListPolicyTags, READS, POLICY, POLICY, op_list_tags),
    IAM(ListPolicyVersions, READS, POLICY, POLICY, op_list_versions),
    IAM(ListRolePolicies, READS, ENTITY, ROLE, op_list_inline),
    IAM(ListRoleTags, READS, ENTITY, ROLE, op_list_tags),
    IAM(ListRoles, READS, SHELF, ROLE, op_list),
    IAM(ListSSHPublicKeys, READS, SELF, USER, op_empty_list),
    IAM(ListServiceSpecificCredentials, READS, SELF, USER, op_empty_list),
    IAM(ListSigningCertificates, READS, SELF, USER, op_empty_list),
    IAM(ListUserPolicies, READS, ENTITY, USER, op_list_inline),
    IAM(ListUserTags, READS, ENTITY, USER, op_list_tags),
    IAM(ListUsers, READS, SHELF, USER, op_list),
    IAM(ListVirtualMFADevices, READS, ANY, USER, op_empty_list),
    IAM(PutGroupPolicy, CHANGES, ENTITY, GROUP, op_put_inline),
    IAM(PutRolePermissionsBoundary, CHANGES | BOUNDARY, ENTITY, ROLE, op_put_boundary),
    IAM(PutRolePolicy, CHANGES, ENTITY, ROLE, op_put_inline),
    IAM(PutUserPermissionsBoundary, CHANGES | BOUNDARY, ENTITY, USER, op_put_boundary),
    IAM(PutUserPolicy, CHANGES, ENTITY, USER, op_put_inline),
    IAM(RemoveUserFromGroup, CHANGES, ENTITY, GROUP, op_remove_user_from_group),
    IAM(SetDefaultPolicyVersion, CHANGES, POLICY, POLICY, op_set_default_version),
    IAM(SimulateCustomPolicy, READS, ANY, USER, op_simulate_custom),
    IAM(SimulatePrincipalPolicy, READS, SOURCE, USER, op_simulate_principal),
    IAM(TagPolicy, CHANGES | TAGS, POLICY, POLICY, op_tag),
    IAM(TagRole, CHANGES | TAGS, ENTITY, ROLE, op_tag),
    IAM(TagUser, CHANGES | TAGS, ENTITY, USER, op_tag),
    IAM(UntagPolicy, CHANGES | TAG_KEYS, POLICY, POLICY, op_untag),
    IAM(UntagRole, CHANGES | TAG_KEYS, ENTITY, ROLE, op_untag),
    IAM(UntagUser, CHANGES | TAG_KEYS, ENTITY, USER, op_untag),
    IAM(UpdateAccessKey, CHANGES, SELF, USER, op_update_access_key),
    IAM(UpdateAssumeRolePolicy, CHANGES, ENTITY, ROLE, op_update_trust),
    IAM(UpdateGroup, CHANGES | RENAMES, ENTITY, GROUP, op_update_group),
    IAM(UpdateRole, WRITES, ENTITY, ROLE, op_update_role),
    IAM(UpdateRoleDescription, WRITES, ENTITY, ROLE, op_update_role_description),
    IAM(UpdateUser, CHANGES | RENAMES, ENTITY, USER, op_update_user),

    IAM(CreateOpenIDConnectProvider, WRITES | TAGS, NEW_PROVIDER, PROVIDER, op_create_provider),
    IAM(DeleteOpenIDConnectProvider, CHANGES, PROVIDER, PROVIDER, op_delete_provider),
    IAM(GetOpenIDConnectProvider, READS, PROVIDER, PROVIDER, op_get_provider),
    IAM(ListOpenIDConnectProviders, READS, SHELF, PROVIDER, op_list_providers),
    IAM(ListOpenIDConnectProviderTags, READS, PROVIDER, PROVIDER, op_list_tags),
    IAM(TagOpenIDConnectProvider, CHANGES | TAGS, PROVIDER, PROVIDER, op_tag),
    IAM(UntagOpenIDConnectProvider, CHANGES | TAG_KEYS, PROVIDER, PROVIDER, op_untag),

    STS(AssumeRoleWithWebIdentity, KMSD_QUERY_FREE | KMSD_QUERY_UNSIGNED | KMSD_QUERY_MAY_FETCH,
        assume_role_with_web_identity),
    STS(AssumeRole, KMSD_QUERY_FREE, assume_role),
    STS(GetCallerIdentity, KMSD_QUERY_FREE, get_caller_identity),
    STS(GetSessionToken, KMSD_QUERY_FREE, get_session_token),
};

const size_t kmsd_query_op_count = sizeof(kmsd_query_ops) / sizeof(kmsd_query_ops[0]);

const struct kmsd_query_op *kmsd_query_op_find(enum kmsd_query_service service, struct kms_str name)
{
    for (size_t i = 0; i < kmsd_query_op_count; i++) {
        if (kmsd_query_ops[i].service == service && kms_str_is(name, kmsd_query_ops[i].name))
            return &kmsd_query_ops[i];
    }
    return NULL;
}
