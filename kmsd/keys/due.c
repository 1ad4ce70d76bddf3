/* What happens to keys because time passes: which of them are due, and when the next will be. */
#include "kmsd/keys/index.h"

#include <stdlib.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool kmsd_key_rotates(const struct kmsd_key *key)
{
    return key->rotation_enabled && key->next_rotation_ms != 0 &&
           key->state == KMS_KEY_STATE_ENABLED && key->origin == KMS_ORIGIN_AWS_KMS &&
           key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT && !kmsd_key_is_replica(key);
}

static int64_t expiry(const struct kmsd_key *key)
{
    int64_t first = KMSD_NEVER_MS;
    for (size_t i = 0; i < key->material_count; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        if (material->expires_ms != 0 && material->wrapped.len != 0)
            first = earlier(first, material->expires_ms);
    }
    return first;
}

static int64_t deletion(const struct kmsd_key *key)
{
    return key->deletion_ms == 0 ? KMSD_NEVER_MS : key->deletion_ms;
}

enum kmsd_due kmsd_key_due(const struct kmsd_key *key, int64_t now_ms, bool deletions_wait)
{
    if (!deletions_wait && deletion(key) <= now_ms)
        return KMSD_DUE_DELETION;
    if (expiry(key) <= now_ms)
        return KMSD_DUE_EXPIRY;
    if (kmsd_key_rotates(key) && key->next_rotation_ms <= now_ms)
        return KMSD_DUE_ROTATION;
    return KMSD_DUE_NOTHING;
}

/* When something is to happen to a key. */
static int64_t due_ms(const struct kmsd_key *key, bool deletions_wait)
{
    int64_t first = earlier(deletions_wait ? KMSD_NEVER_MS : deletion(key), expiry(key));
    return kmsd_key_rotates(key) ? earlier(first, key->next_rotation_ms) : first;
}

void kmsd_keys_expect(struct kmsd_keys *keys, int64_t due)
{
    int64_t known = atomic_load(&keys->next_due_ms);
    while (due < known && !atomic_compare_exchange_weak(&keys->next_due_ms, &known, due))
        continue;
}

void kmsd_index_expect(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    kmsd_keys_expect(keys, due_ms(key, false));
}

int64_t kmsd_keys_next_due_ms(const struct kmsd_keys *keys)
{
    return atomic_load(&keys->next_due_ms);
}

/* Changes wait meanwhile, so that none of them is forgotten when the next date is noted. */
size_t kmsd_keys_take_due(struct kmsd_keys *keys, int64_t now_ms, bool deletions_wait,
    const struct kmsd_key **out, size_t max)
{
    size_t count = 0;
    int64_t next = KMSD_NEVER_MS;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->shelves.count; i++) {
        const struct kmsd_shelf *shelf = keys->shelves.items[i];
        for (size_t k = 0; k < shelf->keys.count; k++) {
            const struct kmsd_key *key = shelf->keys.items[k];
            if (count < max && due_ms(key, deletions_wait) <= now_ms)
                out[count++] = kmsd_key_hold(key);
            else
                next = earlier(next, due_ms(key, false));
        }
    }
    atomic_store(&keys->next_due_ms, next);
    pthread_rwlock_unlock(&keys->lock);
    return count;
}
