/* Aliases: names that lead to keys. */
#include "kmsd/keys/index.h"

enum kms_err kmsd_keys_put_alias(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str name, int64_t now_ms)
{
    /* one whose key is gone counts as new */
    KMSD_ALIAS_AUTO old = kmsd_keys_find_alias(keys, key->realm, name, now_ms);
    struct kmsd_alias draft = {
        .realm = key->realm,
        .name = name,
        .key_id = key->id,
        .created_ms = old == NULL ? now_ms : old->created_ms,
        .updated_ms = now_ms,
    };
    KMSD_ALIAS_AUTO alias = kmsd_alias_pack(&draft);
    if (alias == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_index_reserve(keys, key->realm);
    if (err == KMS_OK)
        err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    struct kmsd_alias_row row = {
        draft.realm.account, draft.realm.region, name, key->id, draft.created_ms, draft.updated_ms};
    err = kmsd_store_put_alias(keys->store, &row);
    if (err != KMS_OK) {
        kmsd_store_rollback(keys->store);
        return err;
    }
    err = kmsd_store_commit(keys->store);
    if (err == KMS_OK)
        kmsd_index_put_alias(keys, kmsd_alias_hold(alias));
    return err;
}

enum kms_err kmsd_keys_delete_alias(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name)
{
    if (kmsd_shelf_alias(kmsd_shelf_find(keys, realm), name) == NULL)
        return KMS_ERR_NOT_FOUND;
    enum kms_err err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_store_delete_alias(keys->store, realm.account, realm.region, name);
    if (err != KMS_OK) {
        kmsd_store_rollback(keys->store);
        return err;
    }
    err = kmsd_store_commit(keys->store);
    if (err == KMS_OK)
        kmsd_index_remove_alias(keys, realm, name);
    return err;
}
