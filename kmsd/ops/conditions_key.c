/* What conditions can know about the key: its properties, tags and aliases. */
#include "kmsd/ops/condition_rows.h"

/* The key whose properties count: of the replica that ReplicateKey is to make, the primary. */
static const struct kmsd_key *described(const struct kmsd_inquiry *inquiry)
{
    const struct kmsd_key *key = inquiry->target->key;
    bool is_replica_to_be = key == NULL && inquiry->call->op->id == KMS_OP_REPLICATE_KEY;
    return is_replica_to_be ? inquiry->call->key : key;
}

/* A property of the key, or of the one that CreateKey is to make. */
static bool by_key(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out, int value, const char *type)
{
    if (described(inquiry) == NULL)
        return inquiry->call->op->id == KMS_OP_CREATE_KEY &&
               kmsd_condition_by_member(inquiry, row, out);
    return kmsd_condition_text(kms_str(kms_enum_text(kms_type_find(type), value)), out);
}

bool kmsd_condition_key_spec(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    const struct kmsd_key *key = described(inquiry);
    if (key != NULL || inquiry->call->op->id != KMS_OP_CREATE_KEY)
        return by_key(inquiry, row, out, key == NULL ? 0 : (int)key->spec, "KeySpec");
    /* the older name of the member asks for the same */
    static const struct kmsd_condition_row older = {NULL, "CustomerMasterKeySpec", NULL};
    const struct kms_create_key_request *input = inquiry->call->input;
    return kmsd_condition_by_member(inquiry,
        input->key_spec == KMS_KEY_SPEC_UNSET &&
                input->customer_master_key_spec != KMS_CUSTOMER_MASTER_KEY_SPEC_UNSET
            ? &older
            : row,
        out);
}

bool kmsd_condition_key_usage(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    const struct kmsd_key *key = described(inquiry);
    return by_key(inquiry, row, out, key == NULL ? 0 : (int)key->usage, "KeyUsageType");
}

bool kmsd_condition_key_origin(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    const struct kmsd_key *key = described(inquiry);
    return by_key(inquiry, row, out, key == NULL ? 0 : (int)key->origin, "OriginType");
}

bool kmsd_condition_multi_region(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    const struct kmsd_key *key = described(inquiry);
    if (key != NULL)
        return kmsd_condition_bool(key->multi_region, out);
    return inquiry->call->op->id == KMS_OP_CREATE_KEY &&
           kmsd_condition_by_member(inquiry, row, out);
}

/* Only of multi-Region keys. CreateKey makes primary ones, ReplicateKey the others. */
bool kmsd_condition_multi_region_key_type(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    const struct kmsd_key *key = inquiry->target->key;
    (void)row;
    if (key != NULL) {
        bool is_primary =
            key->primary_region.len == 0 || kms_str_eq(key->primary_region, key->realm.region);
        return key->multi_region &&
               kmsd_condition_text(kms_str(is_primary ? "PRIMARY" : "REPLICA"), out);
    }
    if (inquiry->call->op->id == KMS_OP_REPLICATE_KEY)
        return kmsd_condition_text(kms_str("REPLICA"), out);
    if (inquiry->call->op->id != KMS_OP_CREATE_KEY)
        return false;
    const struct kms_create_key_request *input = inquiry->call->input;
    return input->multi_region.value && kmsd_condition_text(kms_str("PRIMARY"), out);
}

/* Whole days since the key was last used; of one that never was, since it was made, or since uses
 * are tracked if that is later. */
bool kmsd_condition_trailing_days(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;
    const struct kmsd_key *key = inquiry->target->key;
    enum kms_op op = inquiry->call->op->id;
    struct kmsd_last_use last;
    (void)row;
    if (key == NULL || (op != KMS_OP_DISABLE_KEY && op != KMS_OP_SCHEDULE_KEY_DELETION))
        return false;
    int64_t tracked_ms = kmsd_keys_uses_since_ms(inquiry->call->keys);
    int64_t since_ms = key->created_ms > tracked_ms ? key->created_ms : tracked_ms;
    if (kmsd_key_last_use(key, &last))
        since_ms = last.used_ms;
    int64_t passed_ms = inquiry->call->now_ms - since_ms;
    return kmsd_condition_number(passed_ms < 0 ? 0 : passed_ms / day_ms, out);
}

bool kmsd_condition_tag(struct kms_tag_list tags, const struct kmsd_policy_key_name *name,
    struct kmsd_policy_value *out)
{
    bool is_found = false;
    for (size_t i = 0; i < tags.count; i++) {
        if (kms_str_eq(tags.items[i].tag_key, name->parameter)) {
            *out = kmsd_policy_text(tags.items[i].tag_value);
            return true;
        }
        /* one pair at a time, so that nothing has to be copied into a map */
        struct kms_str_pair pair = {tags.items[i].tag_key, tags.items[i].tag_value};
        struct kms_str_map one = {&pair, 1};
        is_found = is_found || kmsd_policy_map_find(&one, name, out);
    }
    return is_found;
}

/* The aliases of the key, which only a condition that asks for them makes us gather. */
bool kmsd_condition_resource_aliases(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    enum { AT_MOST = 10000 };
    const struct kmsd_key *key = inquiry->target->key;
    (void)row;
    if (key == NULL)
        return false;
    if (inquiry->aliases.items == NULL) {
        const struct kmsd_page page = {.limit = AT_MOST, .only_key_id = key->id};
        struct kms_alias_list_entry_list found = {NULL, 0};
        bool truncated = false;
        if (kmsd_keys_list_aliases(inquiry->call->keys, key->realm, &page, inquiry->call->now_ms,
                inquiry->call->arena, &found, &truncated) != KMS_OK ||
            truncated) {
            inquiry->is_out_of_memory = true;
            return false;
        }
        inquiry->aliases = found;
    }
    struct kms_alias_list_entry_list aliases = inquiry->aliases;
    if (aliases.count == 0)
        return false;
    *out = kmsd_policy_texts(&aliases.items[0].alias_name, sizeof(aliases.items[0]), aliases.count);
    return true;
}

/* The alias by which the request names the key. */
bool kmsd_condition_request_alias(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    (void)row;
    if (inquiry->target->given.data == NULL)
        return false;
    struct kms_key_ref ref = kms_key_ref_parse(inquiry->target->given);
    bool is_alias = ref.kind == KMS_KEY_REF_ALIAS || ref.kind == KMS_KEY_REF_ALIAS_ARN;
    return is_alias && kmsd_condition_text(ref.name, out);
}
