/* EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.
 * Turning to new material when the date comes is a job: kmsd/jobs. */
#include "kmsd/ops/ops.h"

enum { ROTATION_DEFAULT_DAYS = 365, LIST_ROTATIONS_DEFAULT = 100 };

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

enum kms_err kmsd_enable_key_rotation(struct kmsd_call *call)
{
    const struct kms_enable_key_rotation_request *input = call->input;
    const struct kmsd_key *key = call->key;
    if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION, NULL);
    enum kms_err err = kmsd_refuse_replica(call);
    if (err != KMS_OK)
        return err;
    int32_t period_days = input->rotation_period_in_days.set ? input->rotation_period_in_days.value
                                                             : ROTATION_DEFAULT_DAYS;
    /* the same again does not put off what is due */
    if (key->rotation_enabled && key->rotation_period_days == period_days)
        return KMS_OK;
    return kmsd_keys_enable_rotation(
        call->keys, key, period_days, call->now_ms + period_days * day_ms);
}

enum kms_err kmsd_disable_key_rotation(struct kmsd_call *call)
{
    enum kms_err err = kmsd_refuse_replica(call);
    return err != KMS_OK ? err : kmsd_keys_disable_rotation(call->keys, call->key);
}

enum kms_err kmsd_get_key_rotation_status(struct kmsd_call *call)
{
    struct kms_get_key_rotation_status_response *output = call->output;
    const struct kmsd_key *key = call->key;
    /* nothing rotates while a key waits for its deletion; the setting comes back with the key */
    bool enabled = key->rotation_enabled && key->deletion_ms == 0;
    output->key_id = key->arn;
    output->key_rotation_enabled = (struct kms_opt_bool){true, enabled};
    if (enabled) {
        output->rotation_period_in_days = (struct kms_opt_int){true, key->rotation_period_days};
        output->next_rotation_date = (struct kms_opt_time){true, key->next_rotation_ms};
    }
    return KMS_OK;
}

/* --- RotateKeyOnDemand ------------------------------------------------------------------------ */

/* The rotation is over before the answer leaves, so none is ever found in progress. */
enum kms_err kmsd_rotate_key_on_demand(struct kmsd_call *call)
{
    struct kms_rotate_key_on_demand_response *output = call->output;
    const struct kmsd_key *key = call->key;
    if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION, NULL);
    enum kms_err err = kmsd_refuse_replica(call);
    if (err != KMS_OK)
        return err;
    if (key->origin != KMS_ORIGIN_AWS_KMS && !kmsd_key_has_pending_material(key, call->now_ms))
        return kmsd_fault(call, KMS_FAULT_KMS_INVALID_STATE,
            "No available key material pending rotation for the key: %.*s.", KMSD_STR(key->arn));
    if (kmsd_key_on_demand_rotations(key) >= kmsd_keys_quotas(call->keys)->on_demand_rotations)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
            "rotations can be performed for this key: %.*s",
            KMSD_STR(key->arn));
    output->key_id = key->arn;
    return kmsd_keys_rotate(call->keys, key, KMS_ROTATION_TYPE_ON_DEMAND, call->now_ms);
}

/* --- ListKeyRotations ------------------------------------------------------------------------- */

/* Material that a rotation made current, or all of it. */
static bool is_listed(const struct kmsd_key_material *material, bool all)
{
    return all || material->rotated_ms != 0;
}

static bool describe_material(struct kmsd_call *call, const struct kmsd_key_material *material,
    struct kms_rotations_list_entry *entry)
{
    bool is_rotated = material->rotated_ms != 0;
    *entry = (struct kms_rotations_list_entry){
        .key_id = call->key->arn,
        .key_material_id = kmsd_material_text(call, material),
        .key_material_state = material->state,
        .rotation_date = {is_rotated, material->rotated_ms},
        .rotation_type = material->rotation_type,
    };
    if (call->key->origin == KMS_ORIGIN_EXTERNAL) {
        bool expires = material->expires_ms != 0;
        bool is_there = material->import_state == KMS_IMPORT_STATE_IMPORTED;
        entry->import_state = material->import_state;
        entry->key_material_description =
            material->description.len == 0 ? kms_str(NULL) : material->description;
        if (is_there)
            entry->expiration_model = expires ? KMS_EXPIRATION_MODEL_KEY_MATERIAL_EXPIRES
                                              : KMS_EXPIRATION_MODEL_KEY_MATERIAL_DOES_NOT_EXPIRE;
        entry->valid_to = (struct kms_opt_time){is_there && expires, material->expires_ms};
    }
    return entry->key_material_id.data != NULL;
}

/* A page ends at a version, which says more about the next than a place in the list: the list may
 * have grown, and material that waited for its rotation may have gone, when that is asked for. */
static enum kms_err read_version(
    struct kmsd_call *call, enum kmsd_list list, struct kms_str marker, int32_t *version)
{
    struct kms_str after;
    enum kms_err err = kmsd_marker_read(call, list, marker, &after);
    *version = 0;
    if (err != KMS_OK || after.data == NULL)
        return err;
    int64_t value = 0;
    bool valid = after.len <= 10;
    for (size_t i = 0; i < after.len && valid; i++) {
        valid = after.data[i] >= '0' && after.data[i] <= '9';
        value = value * 10 + (after.data[i] - '0');
    }
    if (!valid || value > INT32_MAX)
        return kmsd_fault(call, KMS_FAULT_INVALID_MARKER, "The marker is not valid.");
    *version = (int32_t)value;
    return KMS_OK;
}

enum kms_err kmsd_list_key_rotations(struct kmsd_call *call)
{
    const struct kms_list_key_rotations_request *input = call->input;
    struct kms_list_key_rotations_response *output = call->output;
    const struct kmsd_key *key = call->key;
    if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION, NULL);
    bool all = input->include_key_material == KMS_INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL;
    enum kmsd_list list = all ? KMSD_LIST_ALL_MATERIAL : KMSD_LIST_ROTATIONS;
    size_t limit = input->limit.set ? (size_t)input->limit.value : LIST_ROTATIONS_DEFAULT;
    int32_t version;
    enum kms_err err = read_version(call, list, input->marker, &version);
    if (err != KMS_OK)
        return err;
    size_t most = key->material_count < limit ? key->material_count : limit;
    struct kms_rotations_list_entry *entries =
        kms_arena_calloc(call->arena, most, sizeof(*entries));
    if (entries == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t count = 0;
    bool truncated = false;
    for (size_t i = 0; i < key->material_count && !truncated; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        if (material->version <= version || !is_listed(material, all))
            continue;
        truncated = count == limit;
        if (truncated)
            break;
        if (!describe_material(call, material, &entries[count++]))
            return KMS_ERR_NO_MEMORY;
        version = material->version;
    }
    output->rotations = (struct kms_rotations_list_entry_list){entries, count};
    output->truncated = (struct kms_opt_bool){true, truncated};
    if (!truncated)
        return KMS_OK;
    struct kms_str text = kms_arena_printf(call->arena, "%d", (int)version);
    return text.data == NULL ? KMS_ERR_NO_MEMORY
                             : kmsd_marker_make(call, list, text, &output->next_marker);
}
