/* Making, describing and listing keys, and their life. */
#include "kmsd/crypto/brought.h"
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"
#include "kmsd/policy/document.h"
#include "libkms/base/encoding.h"

enum {
    LIST_KEYS_DEFAULT = 100,
    DELETION_DAYS_DEFAULT = 30,
    DELETION_DAYS_MIN = 7,
    DELETION_DAYS_MAX = 30,
};

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

/* --- CreateKey -------------------------------------------------------------------------------- */

/* What a request asks for once the defaults are filled in. */
static enum kms_key_spec wanted_spec(const struct kms_create_key_request *input)
{
    if (input->key_spec != KMS_KEY_SPEC_UNSET)
        return input->key_spec;
    if (input->customer_master_key_spec != KMS_CUSTOMER_MASTER_KEY_SPEC_UNSET)
        return kmsd_spec_from_master(input->customer_master_key_spec);
    return KMS_KEY_SPEC_SYMMETRIC_DEFAULT;
}

static enum kms_err check_spec(struct kmsd_call *call, const struct kms_create_key_request *input)
{
    enum kms_key_spec spec = wanted_spec(input);
    if (input->key_spec != KMS_KEY_SPEC_UNSET &&
        input->customer_master_key_spec != KMS_CUSTOMER_MASTER_KEY_SPEC_UNSET)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated.");
    if (input->key_usage == KMS_KEY_USAGE_UNSET && spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption "
            "keys.");
    if (input->key_usage != KMS_KEY_USAGE_UNSET &&
        !KMSD_IN(kmsd_spec_usages(spec), input->key_usage))
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "KeyUsage %s is not compatible with KeySpec %s.", kmsd_usage_text(input->key_usage),
            kmsd_spec_text(spec));
    return kmsd_refuse_region(call, spec);
}

/* What the API knows and this version does not make. */
static enum kms_err check_offered(
    struct kmsd_call *call, const struct kms_create_key_request *input)
{
    const char *what = NULL;
    if (input->custom_key_store_id.data != NULL || input->xks_key_id.data != NULL ||
        input->origin == KMS_ORIGIN_AWS_CLOUDHSM || input->origin == KMS_ORIGIN_EXTERNAL_KEY_STORE)
        what = "keys in custom key stores";
    if (what != NULL)
        return kmsd_fault(
            call, KMS_FAULT_UNSUPPORTED_OPERATION, "This version does not offer %s.", what);
    enum kms_key_spec spec = wanted_spec(input);
    if (spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return KMS_OK;
    if (input->origin == KMS_ORIGIN_EXTERNAL && !kmsd_brought_allowed(spec))
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "KeySpec %s is not supported for Origin EXTERNAL.", kmsd_spec_text(spec));
    return kmsd_check_available(call, kmsd_kind_find(spec, input->key_usage), spec);
}

enum kms_err kmsd_create_key_check(struct kmsd_call *call)
{
    const struct kms_create_key_request *input = call->input;
    enum kms_err err = check_spec(call, input);
    if (err == KMS_OK)
        err = kmsd_check_tags(call, input->tags);
    if (err == KMS_OK && input->policy.data != NULL)
        err = kmsd_check_policy(call, input->policy);
    return err != KMS_OK ? err : check_offered(call, input);
}

enum kmsd_pace kmsd_create_key_pace(const void *input)
{
    if (((const struct kms_create_key_request *)input)->origin == KMS_ORIGIN_EXTERNAL)
        return KMSD_PACE_WRITES;
    switch (wanted_spec(input)) {
    case KMS_KEY_SPEC_RSA_2048:
    case KMS_KEY_SPEC_RSA_3072:
    case KMS_KEY_SPEC_RSA_4096:
        return KMSD_PACE_GENERATES; /* and writes in the end */
    default:
        return KMSD_PACE_WRITES;
    }
}

enum kms_err kmsd_create_key(struct kmsd_call *call)
{
    const struct kms_create_key_request *input = call->input;
    struct kms_create_key_response *output = call->output;
    struct kmsd_realm realm = kmsd_call_realm(call);
    struct kmsd_new_key wanted = {
        .realm = realm,
        .spec = wanted_spec(input),
        .usage = input->key_usage == KMS_KEY_USAGE_UNSET ? KMS_KEY_USAGE_ENCRYPT_DECRYPT
                                                         : input->key_usage,
        .origin = input->origin,
        .multi_region = input->multi_region.value,
        .description = input->description,
        .policy = input->policy,
        .tags = input->tags,
    };
    if (wanted.policy.data == NULL) {
        wanted.policy =
            kmsd_policy_default(kms_partition_of_region(realm.region), realm.account, call->arena);
        if (wanted.policy.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    enum kms_err err = input->policy.data == NULL
                           ? KMS_OK
                           : kmsd_check_new_policy(call, NULL, input->policy,
                                 input->bypass_policy_lockout_safety_check.value);
    if (err == KMS_OK)
        err = kmsd_keys_create(call->keys, &wanted, call->now_ms, &call->key);
    if (err == KMS_ERR_LIMIT)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
            "Key quota for this account in this region is %u but the current usage is %zu.",
            (unsigned)kmsd_keys_quotas(call->keys)->keys, kmsd_keys_count(call->keys, realm));
    return err != KMS_OK ? err : kmsd_describe_key(call, call->key, &output->key_metadata);
}

/* --- DescribeKey ------------------------------------------------------------------------------ */

/* Of imported material that is there: whether and when the first of it expires. */
static void describe_expiry(
    struct kmsd_call *call, const struct kmsd_key *key, struct kms_key_metadata *metadata)
{
    int64_t first_ms = 0;
    bool is_there = false;
    if (key->origin != KMS_ORIGIN_EXTERNAL)
        return;
    for (size_t i = 0; i < key->material_count; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        int64_t expires_ms = material->expires_ms;
        if (material->wrapped.len == 0 || !kmsd_material_is_permanent(material) ||
            (expires_ms != 0 && expires_ms <= call->now_ms))
            continue;
        is_there = true;
        if (expires_ms != 0 && (first_ms == 0 || expires_ms < first_ms))
            first_ms = expires_ms;
    }
    if (!is_there)
        return;
    metadata->expiration_model = first_ms != 0 ? KMS_EXPIRATION_MODEL_KEY_MATERIAL_EXPIRES
                                               : KMS_EXPIRATION_MODEL_KEY_MATERIAL_DOES_NOT_EXPIRE;
    metadata->valid_to = (struct kms_opt_time){first_ms != 0, first_ms};
}

enum kms_err kmsd_describe_key(
    struct kmsd_call *call, const struct kmsd_key *key, const struct kms_key_metadata **out)
{
    struct kmsd_algorithms algorithms;
    enum kms_key_state state = kmsd_key_state_at(key, call->now_ms);
    struct kms_key_metadata *metadata = kms_arena_alloc(call->arena, sizeof(*metadata));
    enum kms_err err =
        metadata == NULL ? KMS_ERR_NO_MEMORY : kmsd_list_algorithms(call, key, &algorithms);
    if (err != KMS_OK)
        return err;
    *metadata = (struct kms_key_metadata){
        .aws_account_id = key->realm.account,
        .key_id = key->id,
        .arn = key->arn,
        .creation_date = {true, key->created_ms},
        .enabled = {true, state == KMS_KEY_STATE_ENABLED},
        .description = key->description,
        .key_usage = key->usage,
        .key_state = state,
        .deletion_date = {state == KMS_KEY_STATE_PENDING_DELETION, key->deletion_ms},
        .pending_deletion_window_in_days = {state == KMS_KEY_STATE_PENDING_REPLICA_DELETION,
            key->pending_window_days},
        .origin = key->origin,
        .key_manager = key->manager,
        .customer_master_key_spec = kmsd_spec_to_master(key->spec),
        .key_spec = key->spec,
        .encryption_algorithms = algorithms.encryption,
        .signing_algorithms = algorithms.signing,
        .mac_algorithms = algorithms.macs,
        .key_agreement_algorithms = algorithms.agreement,
        .encapsulation_algorithms = algorithms.encapsulation,
        .multi_region = {true, key->multi_region},
    };
    describe_expiry(call, key, metadata);
    const struct kmsd_key_material *material = kmsd_key_current_material(key);
    if (key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT && material != NULL) {
        metadata->current_key_material_id = kmsd_material_text(call, material);
        if (metadata->current_key_material_id.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    *out = metadata;
    return key->multi_region
               ? kmsd_describe_regions(call, key, &metadata->multi_region_configuration)
               : KMS_OK;
}

enum kms_err kmsd_describe_key_run(struct kmsd_call *call)
{
    struct kms_describe_key_response *output = call->output;
    return kmsd_describe_key(call, call->key, &output->key_metadata);
}

/* --- ListKeys --------------------------------------------------------------------------------- */

enum kms_err kmsd_list_keys(struct kmsd_call *call)
{
    const struct kms_list_keys_request *input = call->input;
    struct kms_list_keys_response *output = call->output;
    struct kmsd_page page = {
        .limit = input->limit.set ? (size_t)input->limit.value : LIST_KEYS_DEFAULT};
    enum kms_err err = kmsd_marker_read(call, KMSD_LIST_KEYS, input->marker, &page.after);
    if (err != KMS_OK)
        return err;
    bool truncated = false;
    err = kmsd_keys_list(call->keys, kmsd_call_realm(call), &page, call->now_ms, call->arena,
        &output->keys, &truncated);
    output->truncated = (struct kms_opt_bool){true, truncated};
    if (err != KMS_OK || !truncated)
        return err;
    struct kms_str last = output->keys.items[output->keys.count - 1].key_id;
    return kmsd_marker_make(call, KMSD_LIST_KEYS, last, &output->next_marker);
}

/* --- life ------------------------------------------------------------------------------------- */

enum kms_err kmsd_enable_key(struct kmsd_call *call)
{
    return kmsd_keys_set_state(call->keys, call->key, KMS_KEY_STATE_ENABLED);
}

enum kms_err kmsd_disable_key(struct kmsd_call *call)
{
    return kmsd_keys_set_state(call->keys, call->key, KMS_KEY_STATE_DISABLED);
}

enum kms_err kmsd_update_key_description(struct kmsd_call *call)
{
    const struct kms_update_key_description_request *input = call->input;
    return kmsd_keys_set_description(call->keys, call->key, input->description);
}

/* The model allows 1 to 365 days, the service 7 to 30. */
enum kms_err kmsd_schedule_key_deletion_check(struct kmsd_call *call)
{
    const struct kms_schedule_key_deletion_request *input = call->input;
    struct kms_opt_int days = input->pending_window_in_days;
    if (!days.set || (days.value >= DELETION_DAYS_MIN && days.value <= DELETION_DAYS_MAX))
        return KMS_OK;
    bool is_short = days.value < DELETION_DAYS_MIN;
    return kmsd_fault(call, KMS_FAULT_VALIDATION,
        "1 validation error detected: Value '%d' at 'pendingWindowInDays' failed to satisfy "
        "constraint: Member must have value %s than or equal to %d",
        days.value, is_short ? "greater" : "less",
        is_short ? DELETION_DAYS_MIN : DELETION_DAYS_MAX);
}

enum kms_err kmsd_schedule_key_deletion(struct kmsd_call *call)
{
    const struct kms_schedule_key_deletion_request *input = call->input;
    struct kms_schedule_key_deletion_response *output = call->output;
    int32_t days = input->pending_window_in_days.set ? input->pending_window_in_days.value
                                                     : DELETION_DAYS_DEFAULT;
    int64_t deletion_ms = call->now_ms + days * day_ms;
    KMSD_RELATED_AUTO related;
    kmsd_keys_related(call->keys, call->key, call->now_ms, &related);
    output->key_id = call->key->arn;
    output->pending_window_in_days = (struct kms_opt_int){true, days};
    if (kmsd_key_is_primary(call->key) && related.count != 0) {
        output->key_state = KMS_KEY_STATE_PENDING_REPLICA_DELETION;
        return kmsd_keys_schedule_replica_deletion(call->keys, call->key, days);
    }
    output->deletion_date = (struct kms_opt_time){true, deletion_ms};
    output->key_state = KMS_KEY_STATE_PENDING_DELETION;
    return kmsd_keys_schedule_deletion(call->keys, call->key, deletion_ms, days);
}

enum kms_err kmsd_cancel_key_deletion(struct kmsd_call *call)
{
    struct kms_cancel_key_deletion_response *output = call->output;
    output->key_id = call->key->arn;
    return kmsd_keys_cancel_deletion(call->keys, call->key);
}
