/* The room's own: handlers of IAM, for the table. */
#ifndef KMSD_QUERY_HANDLERS_H
#define KMSD_QUERY_HANDLERS_H

#include "kmsd/query/call.h"

#define KMSD_HANDLER(name) enum kms_err kmsd_iam_##name(struct kmsd_query_call *call)

/* entities.c: what users, groups and roles have in common */
KMSD_HANDLER(op_delete);
KMSD_HANDLER(op_list);
KMSD_HANDLER(op_get);
KMSD_HANDLER(op_tag);
KMSD_HANDLER(op_untag);
KMSD_HANDLER(op_list_tags);
KMSD_HANDLER(op_put_boundary);
KMSD_HANDLER(op_delete_boundary);
KMSD_HANDLER(op_empty_list);
KMSD_HANDLER(op_no_login_profile);

/* inline.c: inline and attached policies */
KMSD_HANDLER(op_put_inline);
KMSD_HANDLER(op_get_inline);
KMSD_HANDLER(op_delete_inline);
KMSD_HANDLER(op_list_inline);
KMSD_HANDLER(op_attach);
KMSD_HANDLER(op_detach);
KMSD_HANDLER(op_list_attached);

/* users.c */
KMSD_HANDLER(op_create_user);
KMSD_HANDLER(op_update_user);
KMSD_HANDLER(op_create_access_key);
KMSD_HANDLER(op_update_access_key);
KMSD_HANDLER(op_delete_access_key);
KMSD_HANDLER(op_list_access_keys);
KMSD_HANDLER(op_get_access_key_last_used);

/* groups.c */
KMSD_HANDLER(op_create_group);
KMSD_HANDLER(op_get_group);
KMSD_HANDLER(op_update_group);
KMSD_HANDLER(op_add_user_to_group);
KMSD_HANDLER(op_remove_user_from_group);
KMSD_HANDLER(op_list_groups_for_user);

/* roles.c */
KMSD_HANDLER(op_create_role);
KMSD_HANDLER(op_update_role);
KMSD_HANDLER(op_update_role_description);
KMSD_HANDLER(op_update_trust);

/* policies.c */
KMSD_HANDLER(op_create_policy);
KMSD_HANDLER(op_get_policy);
KMSD_HANDLER(op_delete_policy);
KMSD_HANDLER(op_list_policies);
KMSD_HANDLER(op_create_version);
KMSD_HANDLER(op_get_version);
KMSD_HANDLER(op_delete_version);
KMSD_HANDLER(op_list_versions);
KMSD_HANDLER(op_set_default_version);
KMSD_HANDLER(op_list_entities_for_policy);

/* simulate.c */
KMSD_HANDLER(op_simulate_principal);
KMSD_HANDLER(op_simulate_custom);

/* Describes an entity under its element's name ("User"), or into an object that is there. */
KMS_MUST_USE enum kms_err kmsd_iam_describe(
    struct kmsd_query_call *call, json_t *out, const struct kmsd_iam_entity *entity, bool is_whole);

/* "User", "Group", "Role", "Policy". */
const char *kmsd_iam_element(enum kmsd_iam_kind kind);

/* A new entity's name, path, id, ARN, time and tags, from the request. */
KMS_MUST_USE enum kms_err kmsd_iam_draft(struct kmsd_query_call *call, enum kmsd_query_rule rule,
    const char *id_prefix, struct kmsd_iam_entity *draft);

/* Puts a new entity; EntityAlreadyExists in the kind's words. */
KMS_MUST_USE enum kms_err kmsd_iam_put_new(
    struct kmsd_query_call *call, const struct kmsd_iam_entity *draft);

/* PermissionsBoundary of the request, an ARN of a policy that is there; absent: none. */
KMS_MUST_USE enum kms_err kmsd_iam_read_boundary(struct kmsd_query_call *call, struct kms_str *out);

/* The entity that an action on policies and tags is about: a user, group or role by name, a policy
 * or provider by ARN. */
KMS_MUST_USE enum kms_err kmsd_iam_subject(
    struct kmsd_query_call *call, const struct kmsd_iam_entity **out);

#endif
