/*
 * Multi-Region keys: one key id, one material and one way of rotating in several regions; everything
 * else is each region's own. Whatever changes one of the shared properties changes it everywhere, in
 * one transaction: kmsd_change_to asks here what else is to be written.
 */
#include "kmsd/keys/regions.h"

#include <stdio.h>
#include <stdlib.h>

static const struct kms_bytes no_bytes = {(const uint8_t *)"", 0};

/* --- who belongs together --------------------------------------------------------------------- */

bool kmsd_key_is_replica(const struct kmsd_key *key)
{
    return key->multi_region && !kms_str_eq(key->primary_region, key->realm.region);
}

bool kmsd_key_is_primary(const struct kmsd_key *key)
{
    return key->multi_region && kms_str_eq(key->primary_region, key->realm.region);
}

/* Borrowed; the key itself is not among them. Those that are gone are not, unless with_gone. */
static size_t find_related(const struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms,
    bool with_gone, const struct kmsd_key *out[KMSD_REGIONS_MAX])
{
    size_t count = 0;
    if (!key->multi_region)
        return 0;
    for (size_t i = 0; i < keys->shelves.count && count < KMSD_REGIONS_MAX; i++) {
        const struct kmsd_shelf *shelf = keys->shelves.items[i];
        if (!kms_str_is(key->realm.account, shelf->account) ||
            kms_str_is(key->realm.region, shelf->region))
            continue;
        const struct kmsd_key *found = kmsd_shelf_key(shelf, key->id);
        if (found != NULL && (with_gone || !kmsd_key_is_gone(found, now_ms)))
            out[count++] = found;
    }
    return count;
}

void kmsd_keys_related(
    struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms, struct kmsd_related *out)
{
    pthread_rwlock_rdlock(&keys->lock);
    out->count = find_related(keys, key, now_ms, false, out->keys);
    for (size_t i = 0; i < out->count; i++)
        (void)kmsd_key_hold(out->keys[i]);
    pthread_rwlock_unlock(&keys->lock);
}

void kmsd_related_release(struct kmsd_related *related)
{
    for (size_t i = 0; i < related->count; i++)
        kmsd_key_release(related->keys[i]);
    related->count = 0;
}

/* --- material in another region --------------------------------------------------------------- */

/* Records for another region, gathered in one buffer, and where each begins. */
struct rewrapped {
    struct kms_buf bytes;
    struct kmsd_key_material *materials;
    size_t
        *ends; /* of each material's bytes in the buffer; those of the rest are where they were */
    bool *is_here;
};

static void rewrapped_clean_up(struct rewrapped *made)
{
    kms_buf_clean_up(&made->bytes);
    free(made->materials);
    free(made->ends);
    free(made->is_here);
}
#define REWRAPPED_AUTO __attribute__((cleanup(rewrapped_clean_up))) struct rewrapped

static enum kms_err rewrapped_init(struct rewrapped *made, size_t count)
{
    *made = (struct rewrapped){.materials = calloc(count + 1, sizeof(*made->materials)),
        .ends = calloc(count + 1, sizeof(*made->ends)),
        .is_here = calloc(count + 1, sizeof(*made->is_here))};
    kms_buf_init(&made->bytes, (count + 1) * KMSD_WRAPPED_MAX);
    bool ok = made->materials != NULL && made->ends != NULL && made->is_here != NULL;
    return ok ? KMS_OK : KMS_ERR_NO_MEMORY;
}

/* Appends the material's records as they are for another region's key. */
static enum kms_err rewrap(struct kmsd_keys *keys, const struct kmsd_key *from,
    const struct kmsd_key_material *material, struct kms_str to_arn, struct kms_buf *out)
{
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&secret, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX + KMSD_PUBLIC_KEY_OVERHEAD);
    const struct kmsd_material handle = kmsd_key_material_of(from, material);
    enum kms_err err = kmsd_custody_rewrap(keys->custody, &handle, to_arn, &secret, &public_key);
    if (err != KMS_OK)
        return err;
    if (public_key.len == 0)
        kms_buf_append(out, secret.data, secret.len);
    else
        kmsd_material_join(out, kms_buf_bytes(&secret), kms_buf_bytes(&public_key));
    return out->err;
}

void kmsd_regions_miss(const struct kmsd_key *key, struct kmsd_key_material *material)
{
    if (key->multi_region && !kmsd_material_is_permanent(material))
        material->state = KMS_KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION;
}

/* What the lead's material is in another region that does not have it yet: the same, if kmsd made
 * it, and missing, if its owner has to bring it there too. */
static enum kms_err make_missing(struct kmsd_keys *keys, const struct kmsd_key *lead, size_t at,
    struct kms_str to_arn, struct rewrapped *made)
{
    struct kmsd_key_material *material = &made->materials[at];
    *material = lead->materials[at];
    material->wrapped = no_bytes;
    if (lead->origin == KMS_ORIGIN_EXTERNAL) {
        material->import_state = KMS_IMPORT_STATE_PENDING_IMPORT;
        material->expires_ms = 0;
        material->description = kms_str("");
        kmsd_regions_miss(lead, material);
        return KMS_OK;
    }
    made->is_here[at] = true;
    enum kms_err err = rewrap(keys, lead, &lead->materials[at], to_arn, &made->bytes);
    made->ends[at] = made->bytes.len;
    return err;
}

/* The lead's list as it is for another region: what that has stays as it is there, but for what all
 * share. relative NULL: it has nothing yet. */
static enum kms_err align_materials(struct kmsd_keys *keys, const struct kmsd_key *lead,
    const struct kmsd_key *relative, struct kms_str to_arn, struct rewrapped *made)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < lead->material_count; i++) {
        const struct kmsd_key_material *shared = &lead->materials[i];
        const struct kmsd_key_material *own =
            relative == NULL
                ? NULL
                : kmsd_key_material_find(relative, kms_bytes(shared->id, KMSD_MATERIAL_ID_SIZE));
        if (own == NULL) {
            err = make_missing(keys, lead, i, to_arn, made);
            continue;
        }
        made->materials[i] = *own;
        made->materials[i].version = shared->version;
        made->materials[i].state = shared->state;
        made->materials[i].rotated_ms = shared->rotated_ms;
        made->materials[i].rotation_type = shared->rotation_type;
    }
    size_t begin = 0;
    for (size_t i = 0; err == KMS_OK && i < lead->material_count; i++) {
        if (!made->is_here[i])
            continue;
        made->materials[i].wrapped = kms_bytes(made->bytes.data + begin, made->ends[i] - begin);
        begin = made->ends[i];
    }
    return err;
}

/* --- what is shared --------------------------------------------------------------------------- */

static bool same_shape(const struct kmsd_key_material *a, const struct kmsd_key_material *b)
{
    return a->version == b->version && a->state == b->state && a->rotated_ms == b->rotated_ms &&
           a->rotation_type == b->rotation_type && memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

static bool shares_differ(const struct kmsd_key *now, const struct kmsd_key *draft)
{
    bool same = now->rotation_enabled == draft->rotation_enabled &&
                now->rotation_period_days == draft->rotation_period_days &&
                now->next_rotation_ms == draft->next_rotation_ms &&
                now->material_count == draft->material_count &&
                kms_str_eq(now->primary_region, draft->primary_region);
    for (size_t i = 0; same && i < now->material_count; i++)
        same = same_shape(&now->materials[i], &draft->materials[i]);
    return !same;
}

/* The relative as it is once it has followed the lead. */
static enum kms_err follow(struct kmsd_keys *keys, const struct kmsd_key *lead,
    const struct kmsd_key *relative, const struct kmsd_key **next)
{
    REWRAPPED_AUTO made;
    enum kms_err err = rewrapped_init(&made, lead->material_count);
    if (err == KMS_OK)
        err = align_materials(keys, lead, relative, relative->arn, &made);
    if (err != KMS_OK)
        return err;
    struct kmsd_key draft = *relative;
    draft.rotation_enabled = lead->rotation_enabled;
    draft.rotation_period_days = lead->rotation_period_days;
    draft.next_rotation_ms = lead->next_rotation_ms;
    draft.primary_region = lead->primary_region;
    draft.materials = made.materials;
    draft.material_count = lead->material_count;
    bool is_usable = draft.state == KMS_KEY_STATE_ENABLED || draft.state == KMS_KEY_STATE_DISABLED;
    if (is_usable && !kmsd_key_is_complete(&draft))
        draft.state = KMS_KEY_STATE_PENDING_IMPORT; /* what was rotated to is not here */
    *next = kmsd_key_pack(&draft);
    return *next == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_regions_follow(struct kmsd_keys *keys, const struct kmsd_key *now,
    const struct kmsd_key *draft, struct kmsd_change *change)
{
    const struct kmsd_key *related[KMSD_REGIONS_MAX];
    enum kms_err err = KMS_OK;
    if (!now->multi_region || !shares_differ(now, draft))
        return KMS_OK;
    size_t count = find_related(keys, now, 0, true, related);
    for (size_t i = 0; err == KMS_OK && i < count; i++) {
        const struct kmsd_key *next = NULL;
        err = follow(keys, draft, related[i], &next);
        if (err == KMS_OK)
            err = kmsd_change_add(change, related[i], next);
    }
    return err;
}

/* --- material that waits for its rotation ----------------------------------------------------- */

static bool has_bytes(const struct kmsd_key *key, const uint8_t *id)
{
    const struct kmsd_key_material *material =
        kmsd_key_material_find(key, kms_bytes(id, KMSD_MATERIAL_ID_SIZE));
    return material != NULL && material->wrapped.len != 0;
}

enum kms_key_material_state kmsd_regions_waiting_state(
    struct kmsd_keys *keys, const struct kmsd_key *key, const uint8_t *id)
{
    const struct kmsd_key *related[KMSD_REGIONS_MAX];
    size_t count = find_related(keys, key, 0, true, related);
    for (size_t i = 0; i < count; i++) {
        if (!has_bytes(related[i], id))
            return KMS_KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION;
    }
    return KMS_KEY_MATERIAL_STATE_PENDING_ROTATION;
}

/* Adds a key to the change, as drafted, whose waiting material has come to another state. */
static enum kms_err add_waiting_as(const struct kmsd_key *key, struct kmsd_key draft,
    enum kms_key_material_state state, struct kmsd_change *change)
{
    struct kmsd_key_material *materials = calloc(key->material_count, sizeof(*materials));
    if (materials == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(materials, key->materials, key->material_count * sizeof(*materials));
    materials[kmsd_key_waiting_material(key) - key->materials].state = state;
    draft.materials = materials;
    const struct kmsd_key *next = kmsd_key_pack(&draft);
    free(materials);
    return next == NULL ? KMS_ERR_NO_MEMORY : kmsd_change_add(change, key, next);
}

static enum kms_err set_waiting(
    const struct kmsd_key *key, enum kms_key_material_state state, struct kmsd_change *change)
{
    const struct kmsd_key_material *waiting = kmsd_key_waiting_material(key);
    if (waiting == NULL || waiting->state == state)
        return KMS_OK;
    return add_waiting_as(key, *key, state, change);
}

/* --- a new replica ---------------------------------------------------------------------------- */

static enum kms_err write_arn(
    const struct kmsd_key *primary, struct kms_str region, char arn[KMS_ARN_MAX], size_t *len)
{
    int written =
        snprintf(arn, KMS_ARN_MAX, "arn:%s:kms:%.*s:%.*s:key/%.*s", kms_partition_of_region(region),
            (int)region.len, region.data, (int)primary->realm.account.len,
            primary->realm.account.data, (int)primary->id.len, primary->id.data);
    if (written < 0 || written >= KMS_ARN_MAX)
        return KMS_ERR_LIMIT;
    *len = (size_t)written;
    return KMS_OK;
}

static enum kms_err build_replica(struct kmsd_keys *keys, const struct kmsd_key *primary,
    const struct kmsd_new_replica *wanted, int64_t now_ms, const struct kmsd_key **out)
{
    char arn[KMS_ARN_MAX];
    size_t len = 0;
    struct kms_tag tags[KMSD_TAGS_MAX];
    REWRAPPED_AUTO made;
    enum kms_err err = rewrapped_init(&made, primary->material_count);
    if (err == KMS_OK)
        err = write_arn(primary, wanted->region, arn, &len);
    const struct kms_str arn_view = {arn, len};
    if (err == KMS_OK)
        err = align_materials(keys, primary, NULL, arn_view, &made);
    if (err == KMS_OK)
        err = kmsd_tags_sort(wanted->tags, tags);
    if (err != KMS_OK)
        return err;
    struct kmsd_key draft = *primary;
    draft.arn = arn_view;
    draft.created_ms = now_ms;
    draft.state = primary->origin == KMS_ORIGIN_EXTERNAL ? KMS_KEY_STATE_PENDING_IMPORT
                                                         : KMS_KEY_STATE_ENABLED;
    draft.deletion_ms = 0;
    draft.pending_window_days = 0;
    draft.description = wanted->description;
    draft.policy = wanted->policy;
    draft.parsed = NULL;
    draft.tags = (struct kms_tag_list){tags, wanted->tags.count};
    draft.grants = NULL;
    draft.materials = made.materials;
    *out = kmsd_key_pack(&draft);
    return *out == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* Material that waits for its rotation is missing in the new region. */
static enum kms_err add_waiting(
    struct kmsd_keys *keys, const struct kmsd_key *primary, struct kmsd_change *change)
{
    const struct kmsd_key *related[KMSD_REGIONS_MAX];
    static const enum kms_key_material_state state =
        KMS_KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION;
    size_t count = find_related(keys, primary, 0, true, related);
    enum kms_err err = set_waiting(primary, state, change);
    for (size_t i = 0; err == KMS_OK && i < count; i++)
        err = set_waiting(related[i], state, change);
    return err;
}

enum kms_err kmsd_keys_replicate(struct kmsd_keys *keys, const struct kmsd_key *primary,
    const struct kmsd_new_replica *wanted, int64_t now_ms, const struct kmsd_key **out)
{
    const struct kmsd_realm realm = {primary->realm.account, wanted->region};
    const struct kmsd_key *related[KMSD_REGIONS_MAX];
    if (!kmsd_key_is_primary(primary) || primary->state != KMS_KEY_STATE_ENABLED)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_KEY_AUTO there = kmsd_keys_find(keys, realm, primary->id, INT64_MIN);
    if (there != NULL && !kmsd_key_is_gone(there, now_ms))
        return KMS_ERR_EXISTS;
    if (there != NULL) { /* its time is over, and nobody has come to take it away yet */
        enum kms_err err = kmsd_keys_erase(keys, there, now_ms);
        if (err != KMS_OK)
            return err;
    }
    if (find_related(keys, primary, 0, true, related) + 2 > KMSD_REGIONS_MAX ||
        kmsd_keys_count(keys, realm) >= keys->quotas.keys)
        return KMS_ERR_LIMIT;
    KMSD_CHANGE_AUTO change = KMSD_CHANGE_NONE;
    KMSD_KEY_AUTO replica = NULL;
    enum kms_err err = build_replica(keys, primary, wanted, now_ms, &replica);
    if (err == KMS_OK)
        err = kmsd_change_add(&change, NULL, kmsd_key_hold(replica));
    if (err == KMS_OK)
        err = add_waiting(keys, primary, &change);
    if (err == KMS_OK)
        err = kmsd_change_commit(keys, &change);
    if (err != KMS_OK)
        return err;
    *out = replica;
    replica = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kmsd_keys_move_primary(
    struct kmsd_keys *keys, const struct kmsd_key *primary, struct kms_str region)
{
    struct kmsd_key draft = *primary;
    draft.primary_region = region;
    return kmsd_change_to(keys, primary, &draft);
}

/* --- a region less ---------------------------------------------------------------------------- */

/* The primary that waited for its last replica to go now waits for its own time to pass: the whole of
 * it, however late that replica was erased. */
static enum kms_err begin_window(
    const struct kmsd_key *primary, bool is_ready, int64_t now_ms, struct kmsd_change *change)
{
    static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;
    struct kmsd_key draft = *primary;
    draft.state = KMS_KEY_STATE_PENDING_DELETION;
    draft.deletion_ms = now_ms + primary->pending_window_days * day_ms;
    if (is_ready)
        return add_waiting_as(primary, draft, KMS_KEY_MATERIAL_STATE_PENDING_ROTATION, change);
    const struct kmsd_key *next = kmsd_key_pack(&draft);
    return next == NULL ? KMS_ERR_NO_MEMORY : kmsd_change_add(change, primary, next);
}

enum kms_err kmsd_regions_without(struct kmsd_keys *keys, const struct kmsd_key *erased,
    int64_t now_ms, struct kmsd_change *change)
{
    const struct kmsd_key *related[KMSD_REGIONS_MAX];
    size_t count = find_related(keys, erased, 0, true, related);
    if (count == 0)
        return KMS_OK;
    /* perhaps it was the last that lacked what waits for its rotation */
    const struct kmsd_key_material *waiting = kmsd_key_waiting_material(related[0]);
    bool is_ready = waiting != NULL;
    for (size_t i = 0; is_ready && i < count; i++)
        is_ready = has_bytes(related[i], waiting->id);
    if (count == 1 && related[0]->state == KMS_KEY_STATE_PENDING_REPLICA_DELETION)
        return begin_window(related[0], is_ready, now_ms, change);
    enum kms_err err = KMS_OK;
    for (size_t i = 0; is_ready && err == KMS_OK && i < count; i++)
        err = set_waiting(related[i], KMS_KEY_MATERIAL_STATE_PENDING_ROTATION, change);
    return err;
}
