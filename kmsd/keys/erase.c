/* The end of keys, and of imported material whose time is over. */
#include "kmsd/keys/regions.h"

#include <stdlib.h>

static void forget(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    for (size_t i = 0; i < key->material_count; i++)
        kmsd_custody_forget(keys->custody, key->materials[i].id);
}

/* Aliases, grants, tags and the last use go with the key's row. */
enum kms_err kmsd_keys_erase(struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms)
{
    if (kmsd_shelf_key(kmsd_shelf_find(keys, key->realm), key->id) != key)
        return KMS_ERR_INTERNAL;
    const struct kmsd_tombstone_row tombstone = {
        key->realm.account, key->realm.region, key->id, now_ms};
    KMSD_CHANGE_AUTO elsewhere = KMSD_CHANGE_NONE;
    enum kms_err err = kmsd_regions_without(keys, key, now_ms, &elsewhere);
    if (err == KMS_OK)
        err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_store_delete_key(keys->store, key->realm.account, key->realm.region, key->id);
    if (err == KMS_OK)
        err = kmsd_store_put_tombstone(keys->store, &tombstone);
    if (err == KMS_OK)
        err = kmsd_change_write(keys, &elsewhere);
    if (err != KMS_OK) {
        kmsd_store_rollback(keys->store);
        return err;
    }
    err = kmsd_store_commit(keys->store);
    if (err != KMS_OK)
        return err;
    /* the index's reference may be the last but the caller's */
    kmsd_index_remove_key(keys, key);
    kmsd_change_show(keys, &elsewhere);
    forget(keys, key);
    return KMS_OK;
}

enum kms_err kmsd_keys_expire(struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms)
{
    struct kmsd_key_material *materials = calloc(key->material_count + 1, sizeof(*materials));
    if (materials == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_key draft = *key;
    bool needs_import = false;
    for (size_t i = 0; i < key->material_count; i++) {
        materials[i] = key->materials[i];
        if (!kmsd_material_has_expired(&materials[i], now_ms))
            continue;
        materials[i].wrapped = kms_bytes("", 0);
        materials[i].import_state = KMS_IMPORT_STATE_PENDING_IMPORT;
        kmsd_regions_miss(key, &materials[i]);
        /* what never encrypted anything is not missed */
        needs_import |= materials[i].state == KMS_KEY_MATERIAL_STATE_CURRENT ||
                        materials[i].state == KMS_KEY_MATERIAL_STATE_NON_CURRENT;
    }
    draft.materials = materials;
    if (needs_import &&
        (key->state == KMS_KEY_STATE_ENABLED || key->state == KMS_KEY_STATE_DISABLED))
        draft.state = KMS_KEY_STATE_PENDING_IMPORT;
    enum kms_err err = kmsd_change_to(keys, key, &draft);
    if (err == KMS_OK)
        forget(keys, key);
    free(materials);
    return err;
}
