/* New material for a key that goes on opening what the old encrypted; and material that is no more.
 */
#include "kmsd/keys/change.h"

#include <stdlib.h>

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

size_t kmsd_key_on_demand_rotations(const struct kmsd_key *key)
{
    size_t count = 0;
    for (size_t i = 0; i < key->material_count; i++)
        count += key->materials[i].rotation_type == KMS_ROTATION_TYPE_ON_DEMAND;
    return count;
}

static bool is_pending(const struct kmsd_key_material *material, int64_t now_ms)
{
    return material->state == KMS_KEY_MATERIAL_STATE_PENDING_ROTATION &&
           material->wrapped.len != 0 &&
           (material->expires_ms == 0 || material->expires_ms > now_ms);
}

/* The place of imported material that waits for a rotation to make it current, or material_count. */
static size_t pending_material(const struct kmsd_key *key, int64_t now_ms)
{
    size_t at = 0;
    while (at < key->material_count && !is_pending(&key->materials[at], now_ms))
        at++;
    return at;
}

bool kmsd_key_has_pending_material(const struct kmsd_key *key, int64_t now_ms)
{
    return pending_material(key, now_ms) < key->material_count;
}

/* Makes what kmsd itself rotates to. Only symmetric keys have more than one version. */
static enum kms_err make_next(struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms,
    struct kms_buf *wrapped, struct kmsd_key_material *out)
{
    *out = (struct kmsd_key_material){.version = 1, .created_ms = now_ms};
    if (key->material_count != 0)
        out->version = key->materials[key->material_count - 1].version;
    if (out->version == INT32_MAX)
        return KMS_ERR_LIMIT;
    out->version++;
    enum kms_err err = kmsd_custody_generate_symmetric(keys->custody, key->arn, out->id, wrapped);
    if (err == KMS_OK)
        err = wrapped->err;
    out->wrapped = kms_buf_bytes(wrapped);
    return err;
}

/* The date after the one that was due. The schedule stays what it was, but dates that went by while
 * nobody rotated (kmsd was down, the key disabled) are not made up for one by one. */
static int64_t next_date(const struct kmsd_key *key, int64_t now_ms)
{
    int64_t period_ms = key->rotation_period_days * day_ms;
    if (!key->rotation_enabled || key->next_rotation_ms == 0 || period_ms <= 0)
        return key->next_rotation_ms;
    if (key->next_rotation_ms > now_ms)
        return key->next_rotation_ms + period_ms;
    int64_t missed = (now_ms - key->next_rotation_ms) / period_ms;
    return key->next_rotation_ms + (missed + 1) * period_ms;
}

enum kms_err kmsd_keys_rotate(
    struct kmsd_keys *keys, const struct kmsd_key *key, enum kms_rotation_type type, int64_t now_ms)
{
    if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return KMS_ERR_UNSUPPORTED;
    struct kmsd_key_material *materials = calloc(key->material_count + 1, sizeof(*materials));
    if (materials == NULL)
        return KMS_ERR_NO_MEMORY;
    if (key->material_count != 0)
        memcpy(materials, key->materials, key->material_count * sizeof(*materials));

    struct kmsd_key draft = *key;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    size_t at = pending_material(key, now_ms);
    enum kms_err err = KMS_OK;
    if (key->origin == KMS_ORIGIN_AWS_KMS) {
        at = draft.material_count++;
        err = make_next(keys, key, now_ms, &wrapped, &materials[at]);
    } else if (at == key->material_count) {
        err = KMS_ERR_NOT_FOUND;
    }
    if (err == KMS_OK) {
        for (size_t i = 0; i < draft.material_count; i++) {
            if (materials[i].state == KMS_KEY_MATERIAL_STATE_CURRENT)
                materials[i].state = KMS_KEY_MATERIAL_STATE_NON_CURRENT;
        }
        materials[at].state = KMS_KEY_MATERIAL_STATE_CURRENT;
        materials[at].rotated_ms = now_ms;
        materials[at].rotation_type = type;
        draft.materials = materials;
        if (type == KMS_ROTATION_TYPE_AUTOMATIC)
            draft.next_rotation_ms = next_date(key, now_ms);
        err = kmsd_change_to(keys, key, &draft);
    }
    free(materials);
    return err;
}
