/* How much there may be, and how much there is. */
#include "kmsd/keys/index.h"

const struct kmsd_quotas kmsd_keys_default_quotas = {
    .keys = 100000,
    .aliases_per_key = 50,
    .grants_per_key = 50000,
    .tags_per_key = KMSD_TAGS_MAX,
    .on_demand_rotations = 25,
    .policy_bytes = 32768,
};

void kmsd_keys_set_quotas(struct kmsd_keys *keys, const struct kmsd_quotas *quotas)
{
    keys->quotas = *quotas;
}

const struct kmsd_quotas *kmsd_keys_quotas(const struct kmsd_keys *keys)
{
    return &keys->quotas;
}

size_t kmsd_keys_count(struct kmsd_keys *keys, struct kmsd_realm realm)
{
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    size_t count = shelf == NULL ? 0 : shelf->keys.count - shelf->managed_count;
    pthread_rwlock_unlock(&keys->lock);
    return count;
}
