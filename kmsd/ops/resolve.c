/* From what a caller writes to the key that is meant. */
#include "kmsd/ops/ops.h"

struct kmsd_realm kmsd_call_realm(const struct kmsd_call *call)
{
    return (struct kmsd_realm){kms_str(call->principal->account), call->region};
}

void kmsd_call_target(struct kmsd_call *call, const char *action, struct kms_str arn,
    struct kms_str account, const struct kmsd_key *key)
{
    call->targets[call->target_count++] =
        (struct kmsd_target){.action = action, .arn = arn, .account = account, .key = key};
}

enum kms_err kmsd_refuse_alias(struct kmsd_call *call, struct kms_str given)
{
    enum kms_key_ref_kind kind = kms_key_ref_parse(given).kind;
    if (kind != KMS_KEY_REF_ALIAS && kind != KMS_KEY_REF_ALIAS_ARN)
        return KMS_OK;
    return kmsd_fault(
        call, KMS_FAULT_INVALID_ARN, "Key Aliases are not supported for this operation.");
}

/* --- not found -------------------------------------------------------------------------------- */

static enum kms_err no_such_key(struct kmsd_call *call, struct kms_str id)
{
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Key 'arn:%s:kms:%.*s:%s:key/%.*s' does not exist",
        kms_partition_of_region(call->region), KMSD_STR(call->region), call->principal->account,
        KMSD_STR(id));
}

static enum kms_err no_such_alias(struct kmsd_call *call, struct kms_str name)
{
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Alias arn:%s:kms:%.*s:%s:%.*s is not found.",
        kms_partition_of_region(call->region), KMSD_STR(call->region), call->principal->account,
        KMSD_STR(name));
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The key behind an alias, or NULL. One of the service's own is made when it is first asked for; of
 * the operations that take aliases none has the writer's lock. */
static enum kms_err find_behind(struct kmsd_call *call, struct kmsd_realm realm,
    struct kms_str name, const struct kmsd_key **out)
{
    KMSD_ALIAS_AUTO alias = kmsd_keys_find_alias(call->keys, realm, name, call->now_ms);
    *out = alias == NULL ? NULL : kmsd_keys_find(call->keys, realm, alias->key_id, call->now_ms);
    bool own = kms_str_is(realm.account, call->principal->account);
    if (alias != NULL || !own || (call->op->flags & KMSD_OP_WRITES) != 0)
        return KMS_OK;
    return kmsd_managed_key(call, name, out);
}

/* Another account's key that is not there is KMS_OK and NULL, for authorization to refuse as it
 * refuses one that is: nobody learns which of them exist. */
static enum kms_err find_by_arn(
    struct kmsd_call *call, const struct kms_key_ref *ref, const struct kmsd_key **out)
{
    bool is_alias = ref->kind == KMS_KEY_REF_ALIAS_ARN;
    if (!kms_str_eq(ref->arn.region, call->region))
        return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Invalid arn %.*s", KMSD_STR(ref->arn.region));
    if (ref->kind == KMS_KEY_REF_BAD_ARN_ID)
        return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Invalid keyId %.*s", KMSD_STR(ref->id));

    struct kmsd_realm realm = {ref->arn.account, ref->arn.region};
    const struct kmsd_key *key = NULL;
    enum kms_err err = KMS_OK;
    bool here = kms_str_is(ref->arn.partition, kms_partition_of_region(call->region));
    if (here && is_alias)
        err = find_behind(call, realm, ref->name, &key);
    else if (here)
        key = kmsd_keys_find(call->keys, realm, ref->id, call->now_ms);
    if (err != KMS_OK)
        return err;
    if (key == NULL && kms_str_is(ref->arn.account, call->principal->account))
        return is_alias ? no_such_alias(call, ref->name) : no_such_key(call, ref->id);
    *out = key;
    return KMS_OK;
}

static enum kms_err find(struct kmsd_call *call, const struct kms_key_ref *ref,
    struct kms_str given, const struct kmsd_key **out)
{
    struct kmsd_realm realm = kmsd_call_realm(call);
    enum kms_err err = KMS_OK;
    switch (ref->kind) {
    case KMS_KEY_REF_ID:
        *out = kmsd_keys_find(call->keys, realm, ref->id, call->now_ms);
        return *out == NULL ? no_such_key(call, ref->id) : KMS_OK;
    case KMS_KEY_REF_ALIAS:
        err = find_behind(call, realm, ref->name, out);
        return err == KMS_OK && *out == NULL ? no_such_alias(call, ref->name) : err;
    case KMS_KEY_REF_ARN:
    case KMS_KEY_REF_ALIAS_ARN:
    case KMS_KEY_REF_BAD_ARN_ID:
        return find_by_arn(call, ref, out);
    case KMS_KEY_REF_BAD_ARN:
        return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Invalid arn %.*s", KMSD_STR(given));
    case KMS_KEY_REF_BAD_ID:
        break;
    }
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "Invalid keyId '%.*s'", KMSD_STR(given));
}

enum kms_err kmsd_resolve_key(
    struct kmsd_call *call, struct kms_str given, const char *action, const struct kmsd_key **out)
{
    struct kms_key_ref ref = kms_key_ref_parse(given);
    const struct kmsd_key *key = NULL;
    enum kms_err err = find(call, &ref, given, &key);
    if (err != KMS_OK)
        return err;
    /* a refusal about somebody else's key repeats what the caller wrote, not what it led to */
    struct kms_str account = key == NULL ? ref.arn.account : key->realm.account;
    bool own = kms_str_is(account, call->principal->account);
    kmsd_call_target(call, action, own ? key->arn : given, account, key);
    call->targets[call->target_count - 1].given = given;
    *out = key;
    return KMS_OK;
}

/* --- resource() of most rows ------------------------------------------------------------------ */

enum kms_err kmsd_resource_key(struct kmsd_call *call)
{
    struct kms_str given;
    memcpy(&given, (const char *)call->input + call->op->key_id_at, sizeof(given));
    return kmsd_resolve_key(call, given, call->op->action, &call->key);
}

enum kms_err kmsd_resource_account(struct kmsd_call *call)
{
    kmsd_call_target(call, call->op->action, kms_str("*"), kms_str(call->principal->account), NULL);
    return KMS_OK;
}

/* Whoever tags a key while making it needs permission for both. */
enum kms_err kmsd_resource_create_key(struct kmsd_call *call)
{
    const struct kms_create_key_request *input = call->input;
    enum kms_err err = kmsd_resource_account(call);
    if (err == KMS_OK && input->tags.count != 0)
        kmsd_call_target(
            call, "kms:TagResource", kms_str("*"), kms_str(call->principal->account), NULL);
    return err;
}
