#include "kmsd/auth/signing_keys.h"

enum { SET_COUNT = 128, WAYS = 4, DATE_LEN = 8, SERVICE_LEN = 3 };

struct entry {
    uint64_t serial; /* 0: empty */
    char date[DATE_LEN];
    char region[KMS_REGION_MAX];
    uint8_t region_len;
    char service[SERVICE_LEN];
    uint8_t key[KMS_SIGV4_KEY_SIZE];
};

struct set {
    struct entry entries[WAYS];
    unsigned next; /* the place that is taken next */
};

static struct set *set_of(
    const struct kmsd_signing_keys *keys, const struct kmsd_signing_scope *scope)
{
    uint64_t hash = scope->serial * 0x9e3779b97f4a7c15U;
    for (size_t i = 0; i < scope->date.len; i++)
        hash = (hash ^ (uint8_t)scope->date.data[i]) * 0x100000001b3U;
    for (size_t i = 0; i < scope->region.len; i++)
        hash = (hash ^ (uint8_t)scope->region.data[i]) * 0x100000001b3U;
    for (size_t i = 0; i < scope->service.len; i++)
        hash = (hash ^ (uint8_t)scope->service.data[i]) * 0x100000001b3U;
    struct set *sets = (struct set *)(void *)kms_secret_data(keys->table);
    return &sets[(hash >> 32) % SET_COUNT];
}

static bool fits(const struct kmsd_signing_scope *scope)
{
    return scope->serial != 0 && scope->date.len == DATE_LEN &&
           scope->region.len <= KMS_REGION_MAX && scope->service.len == SERVICE_LEN;
}

static struct entry *find(struct set *set, const struct kmsd_signing_scope *scope)
{
    for (size_t i = 0; i < WAYS; i++) {
        struct entry *entry = &set->entries[i];
        if (entry->serial == scope->serial && entry->region_len == scope->region.len &&
            memcmp(entry->date, scope->date.data, DATE_LEN) == 0 &&
            memcmp(entry->region, scope->region.data, scope->region.len) == 0 &&
            memcmp(entry->service, scope->service.data, SERVICE_LEN) == 0)
            return entry;
    }
    return NULL;
}

enum kms_err kmsd_signing_keys_init(struct kmsd_signing_keys *keys)
{
    return kms_secret_new(SET_COUNT * sizeof(struct set), &keys->table);
}

void kmsd_signing_keys_clean_up(struct kmsd_signing_keys *keys)
{
    kms_secret_free(keys->table);
    keys->table = NULL;
}

bool kmsd_signing_keys_get(const struct kmsd_signing_keys *keys,
    const struct kmsd_signing_scope *scope, uint8_t key[KMS_SIGV4_KEY_SIZE])
{
    if (!fits(scope))
        return false;
    const struct entry *entry = find(set_of(keys, scope), scope);
    if (entry == NULL)
        return false;
    memcpy(key, entry->key, KMS_SIGV4_KEY_SIZE);
    return true;
}

void kmsd_signing_keys_put(struct kmsd_signing_keys *keys, const struct kmsd_signing_scope *scope,
    const uint8_t key[KMS_SIGV4_KEY_SIZE])
{
    if (!fits(scope))
        return;
    struct set *set = set_of(keys, scope);
    if (find(set, scope) != NULL)
        return; /* another thread was faster */
    struct entry *entry = &set->entries[set->next];
    set->next = (set->next + 1) % WAYS;
    entry->serial = scope->serial;
    memcpy(entry->date, scope->date.data, DATE_LEN);
    memcpy(entry->region, scope->region.data, scope->region.len);
    entry->region_len = (uint8_t)scope->region.len;
    memcpy(entry->service, scope->service.data, SERVICE_LEN);
    memcpy(entry->key, key, KMS_SIGV4_KEY_SIZE);
}
