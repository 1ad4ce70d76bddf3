/* The last use of each key: written without waiting by whoever uses it, saved now and then. */
#include "kmsd/keys/index.h"

#include <sched.h>
#include <stdlib.h>

enum { SAVED_AT_ONCE = 512 };

struct kmsd_key_use {
    atomic_size_t references;
    atomic_flag busy; /* guards the rest */
    bool unsaved;
    struct kmsd_last_use last;
};

struct kmsd_key_use *kmsd_key_use_new(void)
{
    struct kmsd_key_use *use = calloc(1, sizeof(*use));
    if (use != NULL) {
        atomic_init(&use->references, 1);
        atomic_flag_clear(&use->busy);
    }
    return use;
}

struct kmsd_key_use *kmsd_key_use_hold(struct kmsd_key_use *use)
{
    atomic_fetch_add_explicit(&use->references, 1, memory_order_relaxed);
    return use;
}

void kmsd_key_use_release(struct kmsd_key_use *use)
{
    if (use != NULL && atomic_fetch_sub_explicit(&use->references, 1, memory_order_acq_rel) == 1)
        free(use);
}

static bool try_take(struct kmsd_key_use *use)
{
    return !atomic_flag_test_and_set_explicit(&use->busy, memory_order_acquire);
}

static void take(struct kmsd_key_use *use)
{
    while (!try_take(use))
        sched_yield();
}

static void give(struct kmsd_key_use *use)
{
    atomic_flag_clear_explicit(&use->busy, memory_order_release);
}

/* Of uses at the same moment one is as good as another, so nobody waits for his turn. */
void kmsd_key_used(
    const struct kmsd_key *key, enum kms_op operation, int64_t now_ms, const char *request_id)
{
    struct kmsd_key_use *use = key->use;
    if (!try_take(use))
        return;
    use->last.operation = operation;
    use->last.used_ms = now_ms;
    size_t len = strnlen(request_id, sizeof(use->last.request_id) - 1);
    memcpy(use->last.request_id, request_id, len);
    use->last.request_id[len] = '\0';
    use->unsaved = true;
    give(use);
}

bool kmsd_key_last_use(const struct kmsd_key *key, struct kmsd_last_use *out)
{
    struct kmsd_key_use *use = key->use;
    take(use);
    *out = use->last;
    give(use);
    return out->used_ms != 0;
}

enum kms_err kmsd_key_use_load(const struct kmsd_key *key, const struct kmsd_last_use_row *row)
{
    struct kmsd_last_use last = {
        .operation = kms_operation_find(row->operation), .used_ms = row->used_ms};
    if (last.operation == KMS_OPERATION_COUNT || row->request_id.len >= sizeof(last.request_id))
        return KMS_ERR_CORRUPT;
    memcpy(last.request_id, row->request_id.data, row->request_id.len);
    key->use->last = last;
    return KMS_OK;
}

/* --- saving ----------------------------------------------------------------------------------- */

/* Some keys with a use that is not saved, held. */
static size_t collect(struct kmsd_keys *keys, const struct kmsd_key **out, size_t max)
{
    size_t count = 0;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->shelves.count && count < max; i++) {
        const struct kmsd_shelf *shelf = keys->shelves.items[i];
        for (size_t k = 0; k < shelf->keys.count && count < max; k++) {
            const struct kmsd_key *key = shelf->keys.items[k];
            take(key->use);
            if (key->use->unsaved)
                out[count++] = kmsd_key_hold(key);
            give(key->use);
        }
    }
    pthread_rwlock_unlock(&keys->lock);
    return count;
}

/* Used again in between, it is unsaved again, and so it is when saving fails. */
static void set_unsaved(const struct kmsd_key *key, bool unsaved, struct kmsd_last_use *last)
{
    take(key->use);
    *last = key->use->last;
    key->use->unsaved = unsaved;
    give(key->use);
}

static enum kms_err save(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    struct kmsd_last_use last;
    set_unsaved(key, false, &last);
    /* a key may have been erased in the meantime, and its row with it */
    if (kmsd_shelf_key(kmsd_shelf_find(keys, key->realm), key->id) == NULL)
        return KMS_OK;
    const struct kmsd_last_use_row row = {
        .account = key->realm.account,
        .region = key->realm.region,
        .key_id = key->id,
        .operation = kms_str(kms_operations[last.operation].name),
        .request_id = kms_str(last.request_id),
        .used_ms = last.used_ms,
    };
    return kmsd_store_put_last_use(keys->store, &row);
}

static enum kms_err save_batch(
    struct kmsd_keys *keys, const struct kmsd_key *const *batch, size_t count)
{
    kmsd_keys_lock(keys);
    enum kms_err err = kmsd_store_begin(keys->store);
    bool begun = err == KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < count; i++)
        err = save(keys, batch[i]);
    if (err == KMS_OK)
        err = kmsd_store_commit(keys->store);
    else if (begun)
        kmsd_store_rollback(keys->store);
    kmsd_keys_unlock(keys);
    return err;
}

enum kms_err kmsd_keys_save_uses(struct kmsd_keys *keys)
{
    const struct kmsd_key *batch[SAVED_AT_ONCE];
    size_t count = SAVED_AT_ONCE;
    enum kms_err err = KMS_OK;
    while (err == KMS_OK && count == SAVED_AT_ONCE) {
        count = collect(keys, batch, SAVED_AT_ONCE);
        if (count != 0)
            err = save_batch(keys, batch, count);
        for (size_t i = 0; i < count; i++) {
            struct kmsd_last_use ignored;
            if (err != KMS_OK)
                set_unsaved(batch[i], true, &ignored);
            kmsd_key_release(batch[i]);
        }
    }
    return err;
}

/* --- since when ------------------------------------------------------------------------------- */

static const char since_setting[] = "uses-since";

enum kms_err kmsd_keys_track_uses(struct kmsd_keys *keys, int64_t now_ms)
{
    uint8_t bytes[8];
    size_t len = 0;
    enum kms_err err =
        kmsd_store_get_setting(keys->store, kms_str(since_setting), bytes, sizeof(bytes), &len);
    if (err == KMS_OK && len == sizeof(bytes)) {
        uint64_t since = 0;
        for (size_t i = 0; i < sizeof(bytes); i++)
            since = since << 8 | bytes[i];
        keys->uses_since_ms = (int64_t)since;
        return KMS_OK;
    }
    if (err != KMS_OK && err != KMS_ERR_NOT_FOUND)
        return err;
    keys->uses_since_ms = now_ms;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((uint64_t)now_ms >> (8 * (sizeof(bytes) - 1 - i)));
    err = kmsd_store_begin(keys->store);
    if (err != KMS_OK)
        return err;
    err = kmsd_store_put_setting(
        keys->store, kms_str(since_setting), kms_bytes(bytes, sizeof(bytes)));
    if (err == KMS_OK)
        return kmsd_store_commit(keys->store);
    kmsd_store_rollback(keys->store);
    return err;
}

int64_t kmsd_keys_uses_since_ms(const struct kmsd_keys *keys)
{
    return keys->uses_since_ms;
}
