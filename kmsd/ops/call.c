/* The steps of a call, as the rows of the table have them. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

enum kms_err kmsd_call_resolve(struct kmsd_call *call)
{
    const struct kmsd_op *op = call->op;
    if (op->run == NULL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "This version does not offer the operation %s.", kms_operations[op->id].name);
    if ((op->flags & KMSD_OP_KEY_ONLY) != 0) {
        struct kms_str given;
        memcpy(&given, (const char *)call->input + op->key_id_at, sizeof(given));
        enum kms_err err = given.data == NULL ? KMS_OK : kmsd_refuse_alias(call, given);
        if (err != KMS_OK)
            return err;
    }
    call->as_of = kmsd_custody_forgets(kmsd_keys_custody(call->keys));
    enum kms_err err = op->check == NULL ? KMS_OK : op->check(call);
    return err != KMS_OK ? err : op->resource(call);
}

/* --- origin, usage and state ------------------------------------------------------------------ */

static enum kms_err refuse_state(
    struct kmsd_call *call, const struct kmsd_key *key, enum kms_key_state state)
{
    static const char *const texts[] = {
        [KMS_KEY_STATE_CREATING] = "creating",
        [KMS_KEY_STATE_DISABLED] = "disabled",
        [KMS_KEY_STATE_ENABLED] = "enabled",
        [KMS_KEY_STATE_PENDING_DELETION] = "pending deletion",
        [KMS_KEY_STATE_PENDING_IMPORT] = "pending import",
        [KMS_KEY_STATE_PENDING_REPLICA_DELETION] = "pending replica deletion",
        [KMS_KEY_STATE_UNAVAILABLE] = "unavailable",
        [KMS_KEY_STATE_UPDATING] = "updating",
    };
    /* what works on a key pending deletion and on no other says so */
    if (!KMSD_IN(call->op->states, KMS_KEY_STATE_ENABLED) &&
        KMSD_IN(call->op->states, KMS_KEY_STATE_PENDING_DELETION))
        return kmsd_fault(
            call, KMS_FAULT_KMS_INVALID_STATE, "%.*s is not pending deletion.", KMSD_STR(key->arn));
    enum kms_fault_code code =
        state == KMS_KEY_STATE_DISABLED ? KMS_FAULT_DISABLED : KMS_FAULT_KMS_INVALID_STATE;
    return kmsd_fault(call, code, "%.*s is %s.", KMSD_STR(key->arn), texts[state]);
}

static enum kms_err admit(struct kmsd_call *call, const struct kmsd_key *key)
{
    const struct kmsd_op *op = call->op;
    if (key == NULL)
        return KMS_OK;
    if ((op->flags & KMSD_OP_NO_IMPORTED) != 0 && key->origin == KMS_ORIGIN_EXTERNAL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "%.*s origin is EXTERNAL which is not valid for this operation.", KMSD_STR(key->arn));
    if ((op->flags & KMSD_OP_IMPORTED) != 0 && key->origin != KMS_ORIGIN_EXTERNAL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "%.*s origin is %s which is not valid for this operation.", KMSD_STR(key->arn),
            kmsd_origin_text(key->origin));
    if (op->usages != 0 && !KMSD_IN(op->usages, key->usage))
        return kmsd_fault(call, KMS_FAULT_INVALID_KEY_USAGE,
            "%.*s key usage is %s which is not valid for %s.", KMSD_STR(key->arn),
            kmsd_usage_text(key->usage), kms_operations[op->id].name);
    enum kms_key_state state = kmsd_key_state_at(key, call->now_ms);
    if (op->states != 0 && !KMSD_IN(op->states, state))
        return refuse_state(call, key, state);
    return KMS_OK;
}

enum kms_err kmsd_call_admit(struct kmsd_call *call)
{
    enum kms_err err = admit(call, call->key);
    return err != KMS_OK ? err : admit(call, call->destination);
}

/* A key that was made under a libcrypto with its algorithm, in the hands of one without. */
static enum kms_err explain_unsupported(struct kmsd_call *call)
{
    const struct kmsd_key *key = call->key;
    const struct kmsd_kind *kind = key == NULL ? NULL : kmsd_kind_find(key->spec, key->usage);
    enum kms_err err = kind == NULL ? KMS_OK : kmsd_check_available(call, kind, key->spec);
    return err == KMS_OK ? KMS_ERR_UNSUPPORTED : err;
}

enum kms_err kmsd_call_run(struct kmsd_call *call)
{
    const struct kmsd_op *op = call->op;
    enum kms_err err = op->run(call);
    if (err == KMS_ERR_UNSUPPORTED)
        return explain_unsupported(call);
    if (err != KMS_OK || (op->flags & KMSD_OP_USES) == 0)
        return err;
    kmsd_key_used(call->key, op->id, call->now_ms, call->request_id);
    if (call->destination != NULL)
        kmsd_key_used(call->destination, op->id, call->now_ms, call->request_id);
    return KMS_OK;
}

void kmsd_call_clean_up(struct kmsd_call *call)
{
    kmsd_key_release(call->key);
    kmsd_key_release(call->destination);
    kmsd_key_release(call->former);
    kmsd_alias_release(call->alias);
    for (size_t i = 0; i < call->listed_count; i++)
        kmsd_key_release(call->listed[i]);
    call->listed_count = 0;
    call->key = NULL;
    call->destination = NULL;
    call->former = NULL;
    call->alias = NULL;
}
