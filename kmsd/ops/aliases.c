/* CreateAlias, UpdateAlias, DeleteAlias, ListAliases. */
#include "kmsd/ops/ops.h"

enum { LIST_ALIASES_DEFAULT = 50 };

static bool starts_with(struct kms_str text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static enum kms_err check_prefix(struct kmsd_call *call, struct kms_str name)
{
    if (starts_with(name, "alias/"))
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_VALIDATION,
        "Alias must start with the prefix \"alias/\". Please see "
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html");
}

/* The service's own aliases stay where they are. */
static enum kms_err check_not_managed(struct kmsd_call *call, struct kms_str name)
{
    return kmsd_is_managed_alias(name) ? kmsd_fault(call, KMS_FAULT_NOT_AUTHORIZED, "%s", "")
                                       : KMS_OK;
}

static enum kms_err check_target(struct kmsd_call *call, struct kms_str target)
{
    enum kms_key_ref_kind kind = kms_key_ref_parse(target).kind;
    if (kind != KMS_KEY_REF_ALIAS && kind != KMS_KEY_REF_ALIAS_ARN)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_VALIDATION, "Aliases must refer to keys. Not aliases");
}

static struct kms_str alias_arn(struct kmsd_call *call, struct kms_str name)
{
    return kms_arena_printf(call->arena, "arn:%s:kms:%.*s:%s:%.*s",
        kms_partition_of_region(call->region), KMSD_STR(call->region), call->principal->account,
        KMSD_STR(name));
}

/* An alias is a resource of its own: who may use the key may not therefore name it. */
static enum kms_err target_alias(struct kmsd_call *call, struct kms_str name)
{
    struct kms_str arn = alias_arn(call, name);
    if (arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    kmsd_call_target(call, call->op->action, arn, kms_str(call->principal->account), NULL);
    return KMS_OK;
}

/* Finds the alias that is to change. */
static enum kms_err resolve_alias(struct kmsd_call *call, struct kms_str name)
{
    struct kmsd_realm realm = kmsd_call_realm(call);
    enum kms_err err = target_alias(call, name);
    if (err != KMS_OK)
        return err;
    call->alias = kmsd_keys_find_alias(call->keys, realm, name, call->now_ms);
    if (call->alias != NULL)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Alias %.*s is not found.",
        KMSD_STR(call->targets[call->target_count - 1].arn));
}

/* Whether the key may have one more. */
static enum kms_err check_alias_quota(struct kmsd_call *call)
{
    size_t most = kmsd_keys_quotas(call->keys)->aliases_per_key;
    size_t count = kmsd_keys_count_aliases(call->keys, call->key, most);
    if (count < most)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
        "Alias quota for the key %.*s is %zu but the current usage is %zu.",
        KMSD_STR(call->key->arn), most, count);
}

/* --- CreateAlias ------------------------------------------------------------------------------ */

enum kms_err kmsd_create_alias_check(struct kmsd_call *call)
{
    const struct kms_create_alias_request *input = call->input;
    struct kms_str name = input->alias_name;
    enum kms_err err = check_prefix(call, name);
    if (err != KMS_OK)
        return err;
    /* names of the service's own keys */
    if (starts_with(name, "alias/aws/"))
        return kmsd_fault(call, KMS_FAULT_NOT_AUTHORIZED, "%s", "");
    if (memchr(name.data, ':', name.len) != NULL || name.len == strlen("alias/"))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "%.*s contains invalid characters for an alias", KMSD_STR(name));
    return check_target(call, input->target_key_id);
}

enum kms_err kmsd_create_alias_resource(struct kmsd_call *call)
{
    const struct kms_create_alias_request *input = call->input;
    enum kms_err err = target_alias(call, input->alias_name);
    return err != KMS_OK
               ? err
               : kmsd_resolve_key(call, input->target_key_id, call->op->action, &call->key);
}

enum kms_err kmsd_create_alias(struct kmsd_call *call)
{
    const struct kms_create_alias_request *input = call->input;
    struct kmsd_realm realm = kmsd_call_realm(call);
    KMSD_ALIAS_AUTO taken =
        kmsd_keys_find_alias(call->keys, realm, input->alias_name, call->now_ms);
    if (taken != NULL)
        return kmsd_fault(call, KMS_FAULT_ALREADY_EXISTS,
            "An alias with the name %.*s already exists", KMSD_STR(call->targets[0].arn));
    enum kms_err err = check_alias_quota(call);
    if (err != KMS_OK)
        return err;
    return kmsd_keys_put_alias(call->keys, call->key, input->alias_name, call->now_ms);
}

/* --- UpdateAlias ------------------------------------------------------------------------------ */

enum kms_err kmsd_update_alias_check(struct kmsd_call *call)
{
    const struct kms_update_alias_request *input = call->input;
    enum kms_err err = check_prefix(call, input->alias_name);
    if (err == KMS_OK)
        err = check_not_managed(call, input->alias_name);
    return err != KMS_OK ? err : check_target(call, input->target_key_id);
}

enum kms_err kmsd_update_alias_resource(struct kmsd_call *call)
{
    const struct kms_update_alias_request *input = call->input;
    enum kms_err err = resolve_alias(call, input->alias_name);
    if (err != KMS_OK)
        return err;
    err = kmsd_resolve_key(call, call->alias->key_id, call->op->action, &call->former);
    return err != KMS_OK
               ? err
               : kmsd_resolve_key(call, input->target_key_id, call->op->action, &call->key);
}

static bool is_symmetric(const struct kmsd_key *key)
{
    return key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT;
}

/* What works with the one key by this name has to work with the other. */
static enum kms_err check_alike(struct kmsd_call *call, struct kms_str name)
{
    const struct kmsd_key *from = call->former;
    const struct kmsd_key *to = call->key;
    if (from->usage != to->usage)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "Alias %.*s cannot be changed from a CMK with key usage %s to a CMK with key usage %s. "
            "The key usage of the current CMK and the new CMK must be the same.",
            KMSD_STR(name), kmsd_usage_text(from->usage), kmsd_usage_text(to->usage));
    if (is_symmetric(from) != is_symmetric(to))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "Alias %.*s cannot be changed from a CMK with key spec %s to a CMK with key spec %s. "
            "The current CMK and the new CMK must be both symmetric or both asymmetric.",
            KMSD_STR(name), kmsd_spec_text(from->spec), kmsd_spec_text(to->spec));
    return KMS_OK;
}

enum kms_err kmsd_update_alias(struct kmsd_call *call)
{
    const struct kms_update_alias_request *input = call->input;
    enum kms_err err = check_alike(call, input->alias_name);
    if (err != KMS_OK)
        return err;
    err = call->former == call->key ? KMS_OK : check_alias_quota(call);
    if (err != KMS_OK)
        return err;
    return kmsd_keys_put_alias(call->keys, call->key, input->alias_name, call->now_ms);
}

/* --- DeleteAlias ------------------------------------------------------------------------------ */

enum kms_err kmsd_delete_alias_check(struct kmsd_call *call)
{
    const struct kms_delete_alias_request *input = call->input;
    enum kms_err err = check_prefix(call, input->alias_name);
    return err != KMS_OK ? err : check_not_managed(call, input->alias_name);
}

enum kms_err kmsd_delete_alias_resource(struct kmsd_call *call)
{
    const struct kms_delete_alias_request *input = call->input;
    enum kms_err err = resolve_alias(call, input->alias_name);
    return err != KMS_OK
               ? err
               : kmsd_resolve_key(call, call->alias->key_id, call->op->action, &call->key);
}

enum kms_err kmsd_delete_alias(struct kmsd_call *call)
{
    return kmsd_keys_delete_alias(call->keys, call->alias->realm, call->alias->name);
}

/* --- ListAliases ------------------------------------------------------------------------------ */

enum kms_err kmsd_list_aliases_resource(struct kmsd_call *call)
{
    const struct kms_list_aliases_request *input = call->input;
    enum kms_err err = kmsd_resource_account(call);
    if (err != KMS_OK || input->key_id.data == NULL)
        return err;
    size_t account_only = call->target_count;
    err = kmsd_resolve_key(call, input->key_id, call->op->action, &call->key);
    /* a filter of what the permission on the account shows anyway: the key's own policy has no say */
    if (err == KMS_OK && call->key != NULL &&
        kms_str_is(call->key->realm.account, call->principal->account))
        call->target_count = account_only;
    return err;
}

enum kms_err kmsd_list_aliases(struct kmsd_call *call)
{
    const struct kms_list_aliases_request *input = call->input;
    struct kms_list_aliases_response *output = call->output;
    enum kmsd_list list = call->key == NULL ? KMSD_LIST_ALIASES : KMSD_LIST_ALIASES_OF_KEY;
    struct kmsd_page page = {
        .limit = input->limit.set ? (size_t)input->limit.value : LIST_ALIASES_DEFAULT,
        .only_key_id = call->key == NULL ? kms_str(NULL) : call->key->id,
    };
    enum kms_err err = kmsd_marker_read(call, list, input->marker, &page.after);
    if (err != KMS_OK)
        return err;
    bool truncated = false;
    err = kmsd_keys_list_aliases(call->keys, kmsd_call_realm(call), &page, call->now_ms,
        call->arena, &output->aliases, &truncated);
    output->truncated = (struct kms_opt_bool){true, truncated};
    if (err != KMS_OK || !truncated)
        return err;
    struct kms_str last = output->aliases.items[output->aliases.count - 1].alias_name;
    return kmsd_marker_make(call, list, last, &output->next_marker);
}
