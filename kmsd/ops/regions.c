/* Multi-Region keys: ReplicateKey, UpdatePrimaryRegion, and what a description tells of regions. */
#include "kmsd/ops/ops.h"
#include "kmsd/policy/document.h"

/* --- what they share with others -------------------------------------------------------------- */

enum kms_err kmsd_refuse_replica(struct kmsd_call *call)
{
    if (!kmsd_key_is_replica(call->key))
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
        "%.*s is not a multi-region primary key.", KMSD_STR(call->key->arn));
}

static enum kms_err check_primary(struct kmsd_call *call)
{
    if (kmsd_key_is_primary(call->key))
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
        "%.*s is not a multi-region primary key.", KMSD_STR(call->key->arn));
}

/* The relatives are not held by the call, so their names are copied. */
static bool describe_one(
    struct kmsd_call *call, const struct kmsd_key *key, struct kms_multi_region_key *out)
{
    out->arn = kms_arena_str(call->arena, key->arn);
    out->region = kms_arena_str(call->arena, key->realm.region);
    return out->arn.data != NULL && out->region.data != NULL;
}

enum kms_err kmsd_describe_regions(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_multi_region_configuration **out)
{
    KMSD_RELATED_AUTO related;
    kmsd_keys_related(call->keys, key, call->now_ms, &related);
    struct kms_multi_region_configuration *made = kms_arena_calloc(call->arena, 1, sizeof(*made));
    struct kms_multi_region_key *primary = kms_arena_calloc(call->arena, 1, sizeof(*primary));
    struct kms_multi_region_key *replicas =
        kms_arena_calloc(call->arena, related.count + 1, sizeof(*replicas));
    if (made == NULL || primary == NULL || replicas == NULL)
        return KMS_ERR_NO_MEMORY;
    *made = (struct kms_multi_region_configuration){
        .multi_region_key_type = kmsd_key_is_replica(key) ? KMS_MULTI_REGION_KEY_TYPE_REPLICA
                                                          : KMS_MULTI_REGION_KEY_TYPE_PRIMARY,
        .primary_key = primary,
    };
    size_t count = 0;
    bool is_own_told = false;
    bool ok = true;
    for (size_t i = 0; ok && i <= related.count; i++) {
        bool own_turn =
            !is_own_told && (i == related.count || kmsd_text_compare(key->realm.region,
                                                       related.keys[i]->realm.region) < 0);
        const struct kmsd_key *next = own_turn ? key : i < related.count ? related.keys[i] : NULL;
        if (next == NULL)
            break;
        if (own_turn) {
            is_own_told = true;
            i--; /* the relative that comes after it has its turn again */
        }
        ok = describe_one(call, next,
            kms_str_eq(next->realm.region, next->primary_region) ? primary : &replicas[count++]);
    }
    made->replica_keys = (struct kms_multi_region_key_list){replicas, count};
    *out = made;
    return ok ? KMS_OK : KMS_ERR_NO_MEMORY;
}

/* --- ReplicateKey ----------------------------------------------------------------------------- */

enum kms_err kmsd_replicate_key_check(struct kmsd_call *call)
{
    const struct kms_replicate_key_request *input = call->input;
    enum kms_err err = kmsd_check_tags(call, input->tags);
    if (err == KMS_OK && input->policy.data != NULL)
        err = kmsd_check_policy(call, input->policy);
    return err;
}

/* A replica is a key that is made, in another region. */
enum kms_err kmsd_replicate_key_resource(struct kmsd_call *call)
{
    const struct kms_replicate_key_request *input = call->input;
    struct kms_str account = kms_str(call->principal->account);
    enum kms_err err = kmsd_resource_key(call);
    if (err != KMS_OK)
        return err;
    kmsd_call_target(call, "kms:CreateKey", kms_str("*"), account, NULL);
    if (input->tags.count != 0)
        kmsd_call_target(call, "kms:TagResource", kms_str("*"), account, NULL);
    return KMS_OK;
}

static enum kms_err check_region(struct kmsd_call *call, struct kms_str region)
{
    bool served = call->region_count == 0;
    for (size_t i = 0; i < call->region_count && !served; i++)
        served = kms_str_eq(call->regions[i], region);
    if (served &&
        strcmp(kms_partition_of_region(region), kms_partition_of_region(call->region)) == 0)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
        "Multi-Region keys cannot be replicated into the Region %.*s.", KMSD_STR(region));
}

/* The replica as the live service describes it at this moment, though here it is ready already. */
static enum kms_err describe_creating(struct kmsd_call *call, const struct kmsd_key *replica)
{
    struct kms_replicate_key_response *output = call->output;
    struct kmsd_key creating = *replica;
    creating.state = KMS_KEY_STATE_CREATING;
    creating.material_count = 0;
    return kmsd_describe_key(call, &creating, &output->replica_key_metadata);
}

static enum kms_err replicate(struct kmsd_call *call, const struct kmsd_new_replica *wanted)
{
    const struct kmsd_key *key = call->key;
    enum kms_err err =
        kmsd_keys_replicate(call->keys, key, wanted, call->now_ms, &call->destination);
    if (err == KMS_ERR_EXISTS)
        return kmsd_fault(call, KMS_FAULT_ALREADY_EXISTS,
            "Key arn:%s:kms:%.*s:%.*s:key/%.*s already exists",
            kms_partition_of_region(wanted->region), KMSD_STR(wanted->region),
            KMSD_STR(key->realm.account), KMSD_STR(key->id));
    const struct kmsd_realm there = {key->realm.account, wanted->region};
    size_t usage = kmsd_keys_count(call->keys, there);
    if (err == KMS_ERR_LIMIT && usage >= kmsd_keys_quotas(call->keys)->keys)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
            "Key quota for this account in this region is %u but the current usage is %zu.",
            (unsigned)kmsd_keys_quotas(call->keys)->keys, usage);
    if (err == KMS_ERR_LIMIT)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
            "The limit of %d related multi-Region keys has been reached for the key %.*s",
            KMSD_REGIONS_MAX - 1, KMSD_STR(key->arn));
    return err;
}

/* Whether the caller could change the policy of the replica, which is in another region than the call. */
static enum kms_err check_replica_policy(
    struct kmsd_call *call, const struct kms_replicate_key_request *input)
{
    const struct kmsd_target replica = {
        .action = "kms:PutKeyPolicy",
        .arn = kms_arena_printf(call->arena, "arn:%s:kms:%.*s:%.*s:key/%.*s",
            kms_partition_of_region(input->replica_region), KMSD_STR(input->replica_region),
            KMSD_STR(call->key->realm.account), KMSD_STR(call->key->id)),
        .account = call->key->realm.account,
    };
    if (replica.arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return kmsd_check_new_policy(
        call, &replica, input->policy, input->bypass_policy_lockout_safety_check.value);
}

enum kms_err kmsd_replicate_key(struct kmsd_call *call)
{
    const struct kms_replicate_key_request *input = call->input;
    struct kms_replicate_key_response *output = call->output;
    struct kmsd_new_replica wanted = {
        .region = input->replica_region,
        .description = input->description,
        .policy = input->policy,
        .tags = input->tags,
    };
    enum kms_err err = check_primary(call);
    if (err == KMS_OK)
        err = check_region(call, wanted.region);
    if (err == KMS_OK && input->policy.data != NULL)
        err = check_replica_policy(call, input);
    if (err != KMS_OK)
        return err;
    if (wanted.policy.data == NULL) {
        wanted.policy = kmsd_policy_default(
            kms_partition_of_region(wanted.region), call->key->realm.account, call->arena);
        if (wanted.policy.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    err = replicate(call, &wanted);
    if (err == KMS_OK)
        err = describe_creating(call, call->destination);
    if (err == KMS_OK)
        err = kmsd_format_policy(call, call->destination->policy, &output->replica_policy);
    if (err == KMS_OK && call->destination->tags.count != 0)
        output->replica_tags = call->destination->tags;
    return err;
}

/* --- UpdatePrimaryRegion ---------------------------------------------------------------------- */

/* The replica is the second key of this call. */
enum kms_err kmsd_update_primary_region_resource(struct kmsd_call *call)
{
    const struct kms_update_primary_region_request *input = call->input;
    enum kms_err err = kmsd_resource_key(call);
    if (err != KMS_OK || call->key == NULL || !kmsd_key_is_primary(call->key) ||
        kms_str_eq(input->primary_region, call->key->realm.region))
        return err;
    const struct kmsd_realm there = {call->key->realm.account, input->primary_region};
    call->destination = kmsd_keys_find(call->keys, there, call->key->id, call->now_ms);
    if (call->destination != NULL)
        kmsd_call_target(call, call->op->action, call->destination->arn,
            call->destination->realm.account, call->destination);
    return KMS_OK;
}

enum kms_err kmsd_update_primary_region(struct kmsd_call *call)
{
    const struct kms_update_primary_region_request *input = call->input;
    const struct kmsd_key *key = call->key;
    enum kms_err err = check_primary(call);
    if (err != KMS_OK)
        return err;
    if (kms_str_eq(input->primary_region, key->realm.region))
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "%.*s is the multi-region primary key already.", KMSD_STR(key->arn));
    if (call->destination == NULL)
        return kmsd_fault(call, KMS_FAULT_NOT_FOUND,
            "Key 'arn:%s:kms:%.*s:%.*s:key/%.*s' does not exist",
            kms_partition_of_region(input->primary_region), KMSD_STR(input->primary_region),
            KMSD_STR(key->realm.account), KMSD_STR(key->id));
    return kmsd_keys_move_primary(call->keys, key, input->primary_region);
}
