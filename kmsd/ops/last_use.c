/* GetKeyLastUsage. */
#include "kmsd/ops/ops.h"

static enum kms_tracked_operation tracked(enum kms_op operation)
{
    const struct kms_type *type = kms_type_find("KeyLastUsageTrackingOperation");
    for (size_t i = 1; i <= type->value_count; i++) {
        if (strcmp(kms_enum_text(type, (int)i), kms_operations[operation].name) == 0)
            return (enum kms_tracked_operation)i;
    }
    return KMS_TRACKED_OPERATION_UNSET;
}

enum kms_err kmsd_get_key_last_usage(struct kmsd_call *call)
{
    struct kms_get_key_last_usage_response *output = call->output;
    const struct kmsd_key *key = call->key;
    int64_t since_ms = kmsd_keys_uses_since_ms(call->keys);
    struct kmsd_last_use last;
    struct kms_key_last_usage_data *data = kms_arena_alloc(call->arena, sizeof(*data));
    if (data == NULL)
        return KMS_ERR_NO_MEMORY;
    *data = (struct kms_key_last_usage_data){.operation = 0};
    if (kmsd_key_last_use(key, &last)) {
        data->operation = tracked(last.operation);
        data->timestamp = (struct kms_opt_time){true, last.used_ms};
        data->kms_request_id = kms_arena_str(call->arena, kms_str(last.request_id));
        if (data->kms_request_id.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    output->key_id = key->arn;
    output->key_last_usage = data;
    output->tracking_start_date =
        (struct kms_opt_time){true, since_ms > key->created_ms ? since_ms : key->created_ms};
    output->key_creation_date = (struct kms_opt_time){true, key->created_ms};
    return KMS_OK;
}
