#include "kmsd/crypto/key_cache.h"

#include <stdlib.h>

/* A record ends with what authenticates it, so that the last octets tell tags apart. */
static uint64_t prefix_of(struct kms_bytes tag)
{
    uint64_t prefix = 0;
    size_t len = tag.len < sizeof(prefix) ? tag.len : sizeof(prefix);
    memcpy(&prefix, tag.data + tag.len - len, len);
    return prefix;
}

enum kms_err kmsd_key_cache_init(struct kmsd_key_cache *cache)
{
    memset(cache, 0, sizeof(*cache));
    return pthread_mutex_init(&cache->mutex, NULL) == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

static void drop(struct kmsd_key_cache_entry *entry)
{
    for (size_t i = 0; i < KMSD_KEY_CACHE_READY; i++)
        kmsd_ready_clean_up(&entry->kept[i].ready);
    EVP_PKEY_free(entry->key);
    free(entry->tag);
    memset(entry, 0, sizeof(*entry));
}

void kmsd_key_cache_clean_up(struct kmsd_key_cache *cache)
{
    for (size_t i = 0; i < KMSD_KEY_CACHE_MAX; i++)
        drop(&cache->entries[i]);
    (void)pthread_mutex_destroy(&cache->mutex);
}

static struct kmsd_key_cache_entry *find(struct kmsd_key_cache *cache, struct kms_bytes tag)
{
    uint64_t prefix = prefix_of(tag);
    for (size_t i = 0; i < KMSD_KEY_CACHE_MAX; i++) {
        struct kmsd_key_cache_entry *entry = &cache->entries[i];
        if (cache->prefixes[i] == prefix && entry->key != NULL && entry->tag_len == tag.len &&
            memcmp(entry->tag, tag.data, tag.len) == 0)
            return entry;
    }
    return NULL;
}

static bool is_ready(const struct kmsd_ready *ready)
{
    return ready->sign != NULL || ready->verify != NULL;
}

/* Moves out what is kept for a row; or else lends a place for it, if one is free. */
static void take_ready(struct kmsd_key_cache_entry *entry, const void *row, struct kmsd_ready *out)
{
    size_t taken = entry->lent;
    for (size_t i = 0; i < KMSD_KEY_CACHE_READY && !is_ready(out); i++) {
        struct kmsd_key_cache_ready *kept = &entry->kept[i];
        if (!is_ready(&kept->ready))
            continue;
        taken++;
        if (kept->row == row) {
            *out = kept->ready;
            kept->ready = (struct kmsd_ready){.sign = NULL};
        }
    }
    out->has_place = is_ready(out) || taken < KMSD_KEY_CACHE_READY;
    entry->lent += out->has_place;
}

/* Puts it back, in place of another if no place is free; any one. */
static void keep_ready(struct kmsd_key_cache_entry *entry, struct kmsd_held_key *held)
{
    size_t at = entry->used % KMSD_KEY_CACHE_READY;
    for (size_t i = 0; i < KMSD_KEY_CACHE_READY; i++) {
        if (!is_ready(&entry->kept[i].ready))
            at = i;
    }
    kmsd_ready_clean_up(&entry->kept[at].ready);
    entry->kept[at] = (struct kmsd_key_cache_ready){held->row, held->ready};
    held->ready = (struct kmsd_ready){.sign = NULL}; /* now the cache's */
}

void kmsd_held_key_release(struct kmsd_held_key *held)
{
    if (held->key == NULL)
        return;
    struct kmsd_key_cache_entry *entry = &held->cache->entries[held->at];
    (void)pthread_mutex_lock(&held->cache->mutex);
    if (entry->key == held->key) { /* unless it has been forgotten meanwhile */
        entry->lent -= held->ready.has_place;
        if (held->row != NULL && is_ready(&held->ready))
            keep_ready(entry, held);
    }
    kmsd_ready_clean_up(&held->ready);
    EVP_PKEY_free(held->key);
    (void)pthread_mutex_unlock(&held->cache->mutex);
    held->key = NULL;
}

struct kmsd_held_key kmsd_key_cache_find(
    struct kmsd_key_cache *cache, struct kms_bytes tag, const void *row, uint64_t *forgets)
{
    struct kmsd_held_key held = {.cache = cache, .row = row};
    (void)pthread_mutex_lock(&cache->mutex);
    struct kmsd_key_cache_entry *entry = find(cache, tag);
    if (entry != NULL && EVP_PKEY_up_ref(entry->key) == 1) {
        entry->used = ++cache->clock;
        held.key = entry->key;
        held.at = (size_t)(entry - cache->entries);
        if (row != NULL)
            take_ready(entry, row, &held.ready);
    }
    *forgets = cache->forgets;
    (void)pthread_mutex_unlock(&cache->mutex);
    return held;
}

/* A free entry, or else the one that was used longest ago. */
static size_t choose(const struct kmsd_key_cache *cache)
{
    size_t oldest = 0;
    for (size_t i = 0; i < KMSD_KEY_CACHE_MAX; i++) {
        if (cache->entries[i].key == NULL)
            return i;
        if (cache->entries[i].used < cache->entries[oldest].used)
            oldest = i;
    }
    return oldest;
}

static void put(
    struct kmsd_key_cache *cache, struct kms_bytes tag, const uint8_t *id, EVP_PKEY *key)
{
    uint8_t *copy = malloc(tag.len);
    if (copy == NULL || EVP_PKEY_up_ref(key) != 1) {
        free(copy);
        return;
    }
    size_t at = choose(cache);
    struct kmsd_key_cache_entry *entry = &cache->entries[at];
    drop(entry);
    memcpy(copy, tag.data, tag.len);
    entry->key = key;
    entry->used = ++cache->clock;
    entry->tag = copy;
    entry->tag_len = tag.len;
    memcpy(entry->id, id, sizeof(entry->id));
    cache->prefixes[at] = prefix_of(tag);
}

void kmsd_key_cache_put(struct kmsd_key_cache *cache, struct kms_bytes tag,
    const uint8_t id[KMSD_KEY_CACHE_ID_SIZE], EVP_PKEY *key, uint64_t forgets)
{
    (void)pthread_mutex_lock(&cache->mutex);
    if (forgets == cache->forgets && find(cache, tag) == NULL)
        put(cache, tag, id, key);
    (void)pthread_mutex_unlock(&cache->mutex);
}

void kmsd_key_cache_forget(struct kmsd_key_cache *cache, const uint8_t id[KMSD_KEY_CACHE_ID_SIZE])
{
    (void)pthread_mutex_lock(&cache->mutex);
    cache->forgets++;
    for (size_t i = 0; i < KMSD_KEY_CACHE_MAX; i++) {
        struct kmsd_key_cache_entry *entry = &cache->entries[i];
        if (entry->key != NULL && memcmp(entry->id, id, sizeof(entry->id)) == 0)
            drop(entry);
    }
    (void)pthread_mutex_unlock(&cache->mutex);
}
