/* Changes of a key's own row. Each makes a draft of the next snapshot and lets change.c do it. */
#include "kmsd/keys/change.h"

/* A key that is not to be used does not stay unwrapped in memory. */
static enum kms_err change_and_forget(
    struct kmsd_keys *keys, const struct kmsd_key *key, const struct kmsd_key *draft)
{
    enum kms_err err = kmsd_change_to(keys, key, draft);
    for (size_t i = 0; err == KMS_OK && i < key->material_count; i++)
        kmsd_custody_forget(keys->custody, key->materials[i].id);
    return err;
}

enum kms_err kmsd_keys_set_state(
    struct kmsd_keys *keys, const struct kmsd_key *key, enum kms_key_state state)
{
    struct kmsd_key draft = *key;
    draft.state = state;
    return state == KMS_KEY_STATE_ENABLED ? kmsd_change_to(keys, key, &draft)
                                          : change_and_forget(keys, key, &draft);
}

enum kms_err kmsd_keys_set_description(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str description)
{
    struct kmsd_key draft = *key;
    draft.description = description;
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_set_policy(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str policy)
{
    struct kmsd_key draft = *key;
    draft.policy = policy;
    draft.parsed = NULL;
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_schedule_deletion(struct kmsd_keys *keys, const struct kmsd_key *key,
    int64_t deletion_ms, int32_t pending_window_days)
{
    if (deletion_ms <= 0)
        return KMS_ERR_INVALID_ARGUMENT;
    struct kmsd_key draft = *key;
    draft.state = KMS_KEY_STATE_PENDING_DELETION;
    draft.deletion_ms = deletion_ms;
    draft.pending_window_days = pending_window_days;
    return change_and_forget(keys, key, &draft);
}

enum kms_err kmsd_keys_schedule_replica_deletion(
    struct kmsd_keys *keys, const struct kmsd_key *primary, int32_t pending_window_days)
{
    struct kmsd_key draft = *primary;
    draft.state = KMS_KEY_STATE_PENDING_REPLICA_DELETION;
    draft.deletion_ms = 0;
    draft.pending_window_days = pending_window_days;
    return change_and_forget(keys, primary, &draft);
}

enum kms_err kmsd_keys_cancel_deletion(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    struct kmsd_key draft = *key;
    draft.state = kmsd_key_is_complete(key) ? KMS_KEY_STATE_DISABLED : KMS_KEY_STATE_PENDING_IMPORT;
    draft.deletion_ms = 0;
    draft.pending_window_days = 0;
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_enable_rotation(struct kmsd_keys *keys, const struct kmsd_key *key,
    int32_t period_days, int64_t next_rotation_ms)
{
    struct kmsd_key draft = *key;
    draft.rotation_enabled = true;
    draft.rotation_period_days = period_days;
    draft.next_rotation_ms = next_rotation_ms;
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_disable_rotation(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    struct kmsd_key draft = *key;
    draft.rotation_enabled = false;
    draft.next_rotation_ms = 0;
    return kmsd_change_to(keys, key, &draft);
}
