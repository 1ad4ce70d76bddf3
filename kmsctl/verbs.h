/* The functions of the rows in verbs.c. */
#ifndef KMSCTL_VERBS_H
#define KMSCTL_VERBS_H

#include "kmsctl/args.h"

extern const struct kmsctl_verb_table kmsctl_verbs;

kmsctl_verb_fn kmsctl_key_create;
kmsctl_verb_fn kmsctl_key_list;
kmsctl_verb_fn kmsctl_key_describe;
kmsctl_verb_fn kmsctl_key_enable;
kmsctl_verb_fn kmsctl_key_disable;
kmsctl_verb_fn kmsctl_key_delete;
kmsctl_verb_fn kmsctl_key_cancel_deletion;

kmsctl_verb_fn kmsctl_alias_create;
kmsctl_verb_fn kmsctl_alias_update;
kmsctl_verb_fn kmsctl_alias_delete;
kmsctl_verb_fn kmsctl_alias_list;

kmsctl_verb_fn kmsctl_whoami;

kmsctl_verb_fn kmsctl_iam;
kmsctl_verb_fn kmsctl_sts_assume_role;
kmsctl_verb_fn kmsctl_login;

kmsctl_verb_fn kmsctl_policy_get;
kmsctl_verb_fn kmsctl_policy_put;
kmsctl_verb_fn kmsctl_policy_edit;
kmsctl_verb_fn kmsctl_policy_lint;
kmsctl_verb_fn kmsctl_policy_explain;

kmsctl_verb_fn kmsctl_grant_create;
kmsctl_verb_fn kmsctl_grant_list;
kmsctl_verb_fn kmsctl_grant_retire;
kmsctl_verb_fn kmsctl_grant_revoke;

kmsctl_verb_fn kmsctl_audit_verify;
kmsctl_verb_fn kmsctl_audit_tail;
kmsctl_verb_fn kmsctl_audit_lookup;
kmsctl_verb_fn kmsctl_audit_export;

kmsctl_verb_fn kmsctl_encrypt;
kmsctl_verb_fn kmsctl_decrypt;
kmsctl_verb_fn kmsctl_reencrypt;
kmsctl_verb_fn kmsctl_verify;
kmsctl_verb_fn kmsctl_inspect;
kmsctl_verb_fn kmsctl_key_slot_add;
kmsctl_verb_fn kmsctl_key_slot_remove;
kmsctl_verb_fn kmsctl_key_slot_list;
kmsctl_verb_fn kmsctl_key_slot_replace;
kmsctl_verb_fn kmsctl_random;
kmsctl_verb_fn kmsctl_data_key;
kmsctl_verb_fn kmsctl_completion;

#endif
