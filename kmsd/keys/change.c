/* Store first, then index: the one way in which a key changes. */
#include "kmsd/keys/change.h"

#include "kmsd/keys/regions.h"

/* --- what differs ----------------------------------------------------------------------------- */

static bool same_row(const struct kmsd_key *a, const struct kmsd_key *b)
{
    return a->state == b->state && a->deletion_ms == b->deletion_ms &&
           a->pending_window_days == b->pending_window_days &&
           a->rotation_enabled == b->rotation_enabled &&
           a->rotation_period_days == b->rotation_period_days &&
           a->next_rotation_ms == b->next_rotation_ms &&
           kms_str_eq(a->primary_region, b->primary_region) &&
           kms_str_eq(a->description, b->description) && kms_str_eq(a->policy, b->policy);
}

static bool same_bytes(struct kms_bytes a, struct kms_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool same_material(const struct kmsd_key_material *a, const struct kmsd_key_material *b)
{
    return a->version == b->version && a->state == b->state && a->created_ms == b->created_ms &&
           a->rotated_ms == b->rotated_ms && a->rotation_type == b->rotation_type &&
           a->import_state == b->import_state && a->expires_ms == b->expires_ms &&
           memcmp(a->id, b->id, sizeof(a->id)) == 0 && same_bytes(a->wrapped, b->wrapped) &&
           kms_str_eq(a->description, b->description);
}

static bool same_materials(const struct kmsd_key *a, const struct kmsd_key *b)
{
    bool same = a->material_count == b->material_count;
    for (size_t i = 0; same && i < a->material_count; i++)
        same = same_material(&a->materials[i], &b->materials[i]);
    return same;
}

static bool same_tags(struct kms_tag_list a, struct kms_tag_list b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        if (!kms_str_eq(a.items[i].tag_key, b.items[i].tag_key) ||
            !kms_str_eq(a.items[i].tag_value, b.items[i].tag_value))
            return false;
    }
    return true;
}

/* Walks both sorted lists at once: what only the old one has goes, what is new or differs is put.
 */
static enum kms_err store_tags(
    struct kmsd_store *store, struct kms_tag_list old, const struct kmsd_key *next)
{
    struct kms_tag_list tags = next->tags;
    enum kms_err err = KMS_OK;
    size_t o = 0;
    size_t n = 0;
    while (err == KMS_OK && (o < old.count || n < tags.count)) {
        int order = o == old.count ? 1
                    : n == tags.count
                        ? -1
                        : kmsd_str_compare(old.items[o].tag_key, tags.items[n].tag_key);
        if (order < 0) {
            err = kmsd_store_delete_tag(
                store, next->realm.account, next->realm.region, next->id, old.items[o].tag_key);
        } else if (order > 0 || !kms_str_eq(old.items[o].tag_value, tags.items[n].tag_value)) {
            struct kmsd_tag_row row = {next->realm.account, next->realm.region, next->id,
                tags.items[n].tag_key, tags.items[n].tag_value};
            err = kmsd_store_put_tag(store, &row);
        }
        o += order <= 0;
        n += order >= 0;
    }
    return err;
}

/* Both lists are in the order of versions. */
static enum kms_err store_materials(
    struct kmsd_store *store, const struct kmsd_key *now, const struct kmsd_key *next)
{
    size_t count = now == NULL ? 0 : now->material_count;
    size_t o = 0;
    enum kms_err err = KMS_OK;
    for (size_t n = 0; err == KMS_OK && (o < count || n < next->material_count);) {
        const struct kmsd_key_material *old = o < count ? &now->materials[o] : NULL;
        const struct kmsd_key_material *new = n < next->material_count ? &next->materials[n] : NULL;
        if (new == NULL || (old != NULL && old->version < new->version)) {
            err = kmsd_store_delete_material(
                store, next->realm.account, next->realm.region, next->id, old->version);
            o++;
            continue;
        }
        bool replaces = old != NULL && old->version == new->version;
        if (!replaces || !same_material(old, new))
            err = kmsd_material_store(store, next, new);
        o += replaces;
        n++;
    }
    return err;
}

static enum kms_err store_difference(
    struct kmsd_store *store, const struct kmsd_key *now, const struct kmsd_key *next)
{
    struct kms_tag_list no_tags = {NULL, 0};
    enum kms_err err = KMS_OK;
    if (now == NULL || !same_row(now, next))
        err = kmsd_key_store(store, next);
    if (err == KMS_OK)
        err = store_materials(store, now, next);
    if (err == KMS_OK)
        err = store_tags(store, now == NULL ? no_tags : now->tags, next);
    if (err == KMS_OK)
        err = kmsd_grants_store(store, now == NULL ? NULL : now->grants, next);
    return err;
}

/* A replica may come again where one was deleted; any other id is for one key, once. */
static enum kms_err refuse_reuse(struct kmsd_store *store, const struct kmsd_key *key)
{
    bool found = false;
    enum kms_err err =
        kmsd_store_has_tombstone(store, key->realm.account, key->realm.region, key->id, &found);
    return err == KMS_OK && found ? KMS_ERR_EXISTS : err;
}

/* --- the change ------------------------------------------------------------------------------- */

void kmsd_change_clean_up(struct kmsd_change *change)
{
    for (size_t i = 0; i < change->count; i++)
        kmsd_key_release(change->steps[i].next);
    change->count = 0;
}

enum kms_err kmsd_change_add(
    struct kmsd_change *change, const struct kmsd_key *now, const struct kmsd_key *next)
{
    if (change->count == KMSD_REGIONS_MAX) {
        kmsd_key_release(next);
        return KMS_ERR_LIMIT;
    }
    change->steps[change->count].now = now;
    change->steps[change->count++].next = next;
    return KMS_OK;
}

enum kms_err kmsd_change_write(struct kmsd_keys *keys, const struct kmsd_change *change)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < change->count; i++) {
        const struct kmsd_key *now = change->steps[i].now;
        const struct kmsd_key *next = change->steps[i].next;
        /* what may fail for want of memory comes before what cannot be taken back */
        err = kmsd_index_reserve(keys, next->realm);
        if (err == KMS_OK && now == NULL && !kmsd_key_is_replica(next))
            err = refuse_reuse(keys->store, next);
        if (err == KMS_OK)
            err = store_difference(keys->store, now, next);
    }
    return err;
}

void kmsd_change_show(struct kmsd_keys *keys, const struct kmsd_change *change)
{
    for (size_t i = 0; i < change->count; i++)
        kmsd_index_put_key(keys, kmsd_key_hold(change->steps[i].next));
}

enum kms_err kmsd_change_commit(struct kmsd_keys *keys, const struct kmsd_change *change)
{
    enum kms_err err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_change_write(keys, change);
    if (err != KMS_OK) {
        kmsd_store_rollback(keys->store);
        return err;
    }
    err = kmsd_store_commit(keys->store);
    if (err == KMS_OK)
        kmsd_change_show(keys, change);
    return err;
}

enum kms_err kmsd_change_key(
    struct kmsd_keys *keys, const struct kmsd_key *now, const struct kmsd_key *next)
{
    KMSD_CHANGE_AUTO change = KMSD_CHANGE_NONE;
    enum kms_err err = kmsd_change_add(&change, now, kmsd_key_hold(next));
    return err != KMS_OK ? err : kmsd_change_commit(keys, &change);
}

enum kms_err kmsd_change_to(
    struct kmsd_keys *keys, const struct kmsd_key *now, const struct kmsd_key *draft)
{
    if (kmsd_shelf_key(kmsd_shelf_find(keys, now->realm), now->id) != now)
        return KMS_ERR_INTERNAL;
    if (same_row(now, draft) && same_tags(now->tags, draft->tags) && same_materials(now, draft) &&
        now->grants == draft->grants)
        return KMS_OK;
    KMSD_CHANGE_AUTO change = KMSD_CHANGE_NONE;
    const struct kmsd_key *next = kmsd_key_pack(draft);
    if (next == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_change_add(&change, now, next);
    if (err == KMS_OK)
        err = kmsd_regions_follow(keys, now, draft, &change);
    return err != KMS_OK ? err : kmsd_change_commit(keys, &change);
}
