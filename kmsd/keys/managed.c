/* Keys that the service itself manages, with the alias that leads to each. */
#include "kmsd/keys/change.h"

#include <stdio.h>

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

enum { ROTATION_DAYS = 365 };

static enum kms_err build(struct kmsd_keys *keys, const struct kmsd_managed_key *wanted,
    int64_t now_ms, const struct kmsd_key **out)
{
    char id[KMS_UUID_SIZE];
    enum kms_err err = kms_uuid_new(id);
    if (err != KMS_OK)
        return err;
    char arn[KMS_ARN_MAX];
    int len = snprintf(arn, sizeof(arn), "arn:%s:kms:%.*s:%.*s:key/%s",
        kms_partition_of_region(wanted->realm.region), (int)wanted->realm.region.len,
        wanted->realm.region.data, (int)wanted->realm.account.len, wanted->realm.account.data, id);
    if (len < 0 || (size_t)len >= sizeof(arn))
        return KMS_ERR_LIMIT;

    struct kmsd_key_material material = {
        .version = 1, .state = KMS_KEY_MATERIAL_STATE_CURRENT, .created_ms = now_ms};
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    err = kmsd_custody_generate_symmetric(keys->custody, kms_str(arn), material.id, &wrapped);
    if (err == KMS_OK)
        err = wrapped.err;
    if (err != KMS_OK)
        return err;
    material.wrapped = kms_buf_bytes(&wrapped);

    struct kmsd_key draft = {
        .arn = kms_str(arn),
        .spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
        .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        .origin = KMS_ORIGIN_AWS_KMS,
        .manager = KMS_KEY_MANAGER_AWS,
        .created_ms = now_ms,
        .state = KMS_KEY_STATE_ENABLED,
        .rotation_enabled = true,
        .rotation_period_days = ROTATION_DAYS,
        .next_rotation_ms = now_ms + ROTATION_DAYS * day_ms,
        .description = wanted->description,
        .policy = wanted->policy,
        .materials = &material,
        .material_count = 1,
    };
    *out = kmsd_key_pack(&draft);
    return *out == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* Key and alias in one transaction: neither is ever there without the other. */
static enum kms_err store(
    struct kmsd_keys *keys, const struct kmsd_key *key, const struct kmsd_alias *alias)
{
    const struct kmsd_alias_row row = {alias->realm.account, alias->realm.region, alias->name,
        alias->key_id, alias->created_ms, alias->updated_ms};
    enum kms_err err = kmsd_index_reserve(keys, key->realm);
    if (err == KMS_OK)
        err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_key_store(keys->store, key);
    if (err == KMS_OK)
        err = kmsd_material_store(keys->store, key, &key->materials[0]);
    if (err == KMS_OK)
        err = kmsd_store_put_alias(keys->store, &row);
    if (err != KMS_OK) {
        kmsd_store_rollback(keys->store);
        return err;
    }
    return kmsd_store_commit(keys->store);
}

enum kms_err kmsd_keys_managed(struct kmsd_keys *keys, const struct kmsd_managed_key *wanted,
    int64_t now_ms, const struct kmsd_key **out)
{
    KMSD_KEY_AUTO key = NULL;
    KMSD_ALIAS_AUTO alias = NULL;
    enum kms_err err = build(keys, wanted, now_ms, &key);
    if (err != KMS_OK)
        return err;
    const struct kmsd_alias draft = {
        key->realm, wanted->alias_name, key->id, .created_ms = now_ms, .updated_ms = now_ms};
    alias = kmsd_alias_pack(&draft);
    if (alias == NULL)
        return KMS_ERR_NO_MEMORY;
    kmsd_keys_lock(keys);
    /* somebody else may have been first */
    const struct kmsd_alias *made =
        kmsd_shelf_alias(kmsd_shelf_find(keys, wanted->realm), wanted->alias_name);
    if (made == NULL) {
        err = store(keys, key, alias);
        if (err == KMS_OK) {
            kmsd_index_put_key(keys, kmsd_key_hold(key));
            kmsd_index_put_alias(keys, kmsd_alias_hold(alias));
            *out = kmsd_key_hold(key);
        }
    } else {
        *out = kmsd_keys_find(keys, wanted->realm, made->key_id, now_ms);
        err = *out == NULL ? KMS_ERR_NOT_FOUND : KMS_OK;
    }
    kmsd_keys_unlock(keys);
    return err;
}
