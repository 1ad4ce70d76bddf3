/* Opening and closing the index, the writer's lock, and making keys. */
#include "kmsd/keys/change.h"
#include "kmsd/keys/index.h"

#include <stdio.h>
#include <stdlib.h>

enum kms_err kmsd_keys_open(struct kmsd_store *store, struct kmsd_custody *custody,
    struct kmsd_keys **out, struct kmsd_detail *detail)
{
    struct kmsd_detail unread;
    if (detail == NULL)
        detail = &unread;
    detail->text[0] = '\0';
    struct kmsd_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        return KMS_ERR_NO_MEMORY;
    keys->store = store;
    keys->custody = custody;
    keys->quotas = kmsd_keys_default_quotas;
    atomic_init(&keys->next_due_ms, KMSD_NEVER_MS);
    pthread_mutex_init(&keys->writer, NULL);
    /* readers come without a pause; a writer must not wait for a gap between them */
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&keys->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);

    enum kms_err err = kmsd_keys_load(keys, detail);
    if (err != KMS_OK) {
        kmsd_keys_close(keys);
        return err;
    }
    *out = keys;
    return KMS_OK;
}

void kmsd_keys_close(struct kmsd_keys *keys)
{
    if (keys == NULL)
        return;
    kmsd_index_clean_up(keys);
    pthread_rwlock_destroy(&keys->lock);
    pthread_mutex_destroy(&keys->writer);
    free(keys);
}

struct kmsd_custody *kmsd_keys_custody(const struct kmsd_keys *keys)
{
    return keys->custody;
}

size_t kmsd_keys_unreadable_policies(const struct kmsd_keys *keys)
{
    return keys->unreadable_policies;
}

void kmsd_keys_lock(struct kmsd_keys *keys)
{
    pthread_mutex_lock(&keys->writer);
}

void kmsd_keys_unlock(struct kmsd_keys *keys)
{
    pthread_mutex_unlock(&keys->writer);
}

/* --- making a key ----------------------------------------------------------------------------- */

/* Makes material of any kind in the form in which it is kept. */
static enum kms_err make_material(struct kmsd_keys *keys, const struct kmsd_new_material *wanted,
    uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *out)
{
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO public_key;
    kms_buf_init(&secret, KMSD_WRAPPED_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX + KMSD_PUBLIC_KEY_OVERHEAD);
    enum kms_err err = kmsd_custody_generate(keys->custody, wanted, id, &secret, &public_key);
    if (err == KMS_OK)
        err = secret.err != KMS_OK ? secret.err : public_key.err;
    if (err != KMS_OK)
        return err;
    if (public_key.len == 0)
        kms_buf_append(out, secret.data, secret.len);
    else
        kmsd_material_join(out, kms_buf_bytes(&secret), kms_buf_bytes(&public_key));
    return out->err;
}

enum { KEY_ID_SIZE = 64 };

/* A UUID, or "mrk-" and one without its dashes. */
static enum kms_err make_id(bool multi_region, char id[KEY_ID_SIZE])
{
    char uuid[KMS_UUID_SIZE];
    enum kms_err err = kms_uuid_new(uuid);
    if (err != KMS_OK)
        return err;
    size_t len = 0;
    if (multi_region) {
        memcpy(id, "mrk-", 4);
        len = 4;
    }
    for (size_t i = 0; uuid[i] != '\0'; i++) {
        if (!multi_region || uuid[i] != '-')
            id[len++] = uuid[i];
    }
    id[len] = '\0';
    return KMS_OK;
}

/* Everything of a new key that takes time or memory, done before anybody is held up. */
static enum kms_err build(struct kmsd_keys *keys, const struct kmsd_new_key *wanted, int64_t now_ms,
    const struct kmsd_key **out)
{
    char id[KEY_ID_SIZE];
    enum kms_err err = make_id(wanted->multi_region, id);
    if (err != KMS_OK)
        return err;
    char arn[KMS_ARN_MAX];
    int len = snprintf(arn, sizeof(arn), "arn:%s:kms:%.*s:%.*s:key/%s",
        kms_partition_of_region(wanted->realm.region), (int)wanted->realm.region.len,
        wanted->realm.region.data, (int)wanted->realm.account.len, wanted->realm.account.data, id);
    if (len < 0 || (size_t)len >= sizeof(arn))
        return KMS_ERR_LIMIT;

    bool is_external = wanted->origin == KMS_ORIGIN_EXTERNAL;
    struct kmsd_key_material material = {
        .version = 1, .state = KMS_KEY_MATERIAL_STATE_CURRENT, .created_ms = now_ms};
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    struct kms_str arn_view = {arn, (size_t)len};
    const struct kmsd_new_material new_material = {arn_view, wanted->spec, wanted->usage};
    if (!is_external)
        err = make_material(keys, &new_material, material.id, &wrapped);
    if (err != KMS_OK)
        return err;
    material.wrapped = kms_buf_bytes(&wrapped);

    struct kms_tag tags[KMSD_TAGS_MAX];
    err = kmsd_tags_sort(wanted->tags, tags);
    if (err != KMS_OK)
        return err;

    struct kmsd_key draft = {
        .arn = arn_view,
        .spec = wanted->spec,
        .usage = wanted->usage,
        .origin = is_external ? KMS_ORIGIN_EXTERNAL : KMS_ORIGIN_AWS_KMS,
        .manager = KMS_KEY_MANAGER_CUSTOMER,
        .multi_region = wanted->multi_region,
        .primary_region = wanted->multi_region ? wanted->realm.region : kms_str(NULL),
        .created_ms = now_ms,
        .state = is_external ? KMS_KEY_STATE_PENDING_IMPORT : KMS_KEY_STATE_ENABLED,
        .description = wanted->description,
        .policy = wanted->policy,
        .tags = {tags, wanted->tags.count},
        .materials = &material,
        .material_count = is_external ? 0 : 1,
    };
    *out = kmsd_key_pack(&draft);
    return *out == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_keys_create(struct kmsd_keys *keys, const struct kmsd_new_key *wanted,
    int64_t now_ms, const struct kmsd_key **out)
{
    if (wanted->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT &&
        wanted->usage != KMS_KEY_USAGE_ENCRYPT_DECRYPT)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_KEY_AUTO key = NULL;
    /* now, for nobody should compute in vain; and again when it counts */
    if (kmsd_keys_count(keys, wanted->realm) >= keys->quotas.keys)
        return KMS_ERR_LIMIT;
    enum kms_err err = build(keys, wanted, now_ms, &key);
    if (err != KMS_OK)
        return err;
    kmsd_keys_lock(keys);
    bool fits = kmsd_keys_count(keys, wanted->realm) < keys->quotas.keys;
    err = fits ? kmsd_change_key(keys, NULL, key) : KMS_ERR_LIMIT;
    kmsd_keys_unlock(keys);
    if (err != KMS_OK)
        return err;
    *out = key;
    key = NULL; /* now the caller's */
    return KMS_OK;
}
