/* Material that its owner brings, and takes away. */
#include "kmsd/keys/regions.h"

#include <stdlib.h>

static const struct kms_bytes no_bytes = {(const uint8_t *)"", 0};

bool kmsd_key_is_complete(const struct kmsd_key *key)
{
    bool has_current = false;
    for (size_t i = 0; i < key->material_count; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        if (kmsd_material_is_permanent(material) && material->wrapped.len == 0)
            return false;
        has_current |= material->state == KMS_KEY_MATERIAL_STATE_CURRENT;
    }
    return has_current;
}

enum kms_err kmsd_keys_open_import(struct kmsd_keys *keys, const struct kmsd_import *import,
    enum kmsd_import_verdict *verdict, uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped)
{
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&secret, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX + KMSD_PUBLIC_KEY_OVERHEAD);
    enum kms_err err =
        kmsd_custody_import(keys->custody, import, verdict, id, &secret, &public_key);
    if (err != KMS_OK || *verdict != KMSD_IMPORT_TAKEN)
        return err;
    if (public_key.len == 0)
        kms_buf_append(wrapped, secret.data, secret.len);
    else
        kmsd_material_join(wrapped, kms_buf_bytes(&secret), kms_buf_bytes(&public_key));
    return wrapped->err;
}

/* A copy of the key's list with room for one more; the caller frees it. NULL: no memory. */
static struct kmsd_key_material *copy_materials(const struct kmsd_key *key)
{
    struct kmsd_key_material *materials = calloc(key->material_count + 1, sizeof(*materials));
    if (materials != NULL && key->material_count != 0)
        memcpy(materials, key->materials, key->material_count * sizeof(*materials));
    return materials;
}

/* Where the material of that id stands; material_count when it is not there. */
static size_t place_of(const struct kmsd_key *key, const uint8_t *id)
{
    size_t at = 0;
    while (
        at < key->material_count && memcmp(key->materials[at].id, id, KMSD_MATERIAL_ID_SIZE) != 0)
        at++;
    return at;
}

/* A new entry at the end of the list. KMS_ERR_LIMIT. */
static enum kms_err append(
    struct kmsd_key *draft, struct kmsd_key_material *materials, const uint8_t *id, int64_t now_ms)
{
    struct kmsd_key_material *added = &materials[draft->material_count];
    int32_t last = draft->material_count == 0 ? 0 : added[-1].version;
    if (last == INT32_MAX)
        return KMS_ERR_LIMIT;
    *added = (struct kmsd_key_material){
        .version = last + 1,
        .state = kmsd_key_current_material(draft) == NULL ? KMS_KEY_MATERIAL_STATE_CURRENT
                                                          : KMS_KEY_MATERIAL_STATE_PENDING_ROTATION,
        .created_ms = now_ms,
    };
    memcpy(added->id, id, KMSD_MATERIAL_ID_SIZE);
    draft->material_count++;
    return KMS_OK;
}

enum kms_err kmsd_keys_import(struct kmsd_keys *keys, const struct kmsd_key *key,
    const struct kmsd_imported *imported, int64_t now_ms)
{
    struct kmsd_key_material *materials = copy_materials(key);
    if (materials == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_key draft = *key;
    size_t at = place_of(key, imported->id);
    enum kms_err err = KMS_OK;
    if (at == key->material_count)
        err = append(&draft, materials, imported->id, now_ms);
    if (err == KMS_OK) {
        if (!kmsd_material_is_permanent(&materials[at]))
            materials[at].state = kmsd_regions_waiting_state(keys, key, imported->id);
        materials[at].wrapped = imported->wrapped;
        materials[at].import_state = KMS_IMPORT_STATE_IMPORTED;
        materials[at].expires_ms = imported->expires_ms;
        if (imported->description.data != NULL)
            materials[at].description = imported->description;
        draft.materials = materials;
        if (draft.state == KMS_KEY_STATE_PENDING_IMPORT && kmsd_key_is_complete(&draft))
            draft.state = KMS_KEY_STATE_ENABLED;
        err = kmsd_change_to(keys, key, &draft);
    }
    free(materials);
    return err;
}

enum kms_err kmsd_keys_delete_imported(
    struct kmsd_keys *keys, const struct kmsd_key *key, const uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    size_t at = place_of(key, id);
    if (at == key->material_count)
        return KMS_ERR_NOT_FOUND;
    struct kmsd_key_material *materials = copy_materials(key);
    if (materials == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_key draft = *key;
    draft.materials = materials;
    /* a replica does not decide what the key's material is */
    bool stays = kmsd_material_is_permanent(&materials[at]) || kmsd_key_is_replica(key);
    bool is_missed = kmsd_material_is_permanent(&materials[at]);
    if (stays) {
        materials[at].wrapped = no_bytes;
        materials[at].import_state = KMS_IMPORT_STATE_PENDING_IMPORT;
        materials[at].expires_ms = 0;
        kmsd_regions_miss(key, &materials[at]);
        if (is_missed &&
            (draft.state == KMS_KEY_STATE_ENABLED || draft.state == KMS_KEY_STATE_DISABLED))
            draft.state = KMS_KEY_STATE_PENDING_IMPORT;
    } else {
        memmove(&materials[at], &materials[at + 1],
            (key->material_count - at - 1) * sizeof(*materials));
        draft.material_count--;
    }
    enum kms_err err = kmsd_change_to(keys, key, &draft);
    if (err == KMS_OK)
        kmsd_custody_forget(keys->custody, id);
    free(materials);
    return err;
}
