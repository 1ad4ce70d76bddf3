/* The index: sorted vectors searched by bisection. No hashing, so nothing to flood. */
#include "kmsd/keys/index.h"

#include <stdlib.h>

/* --- vectors ---------------------------------------------------------------------------------- */

enum {
    VECTOR_FIRST_CAPACITY = 32,
    STRIDE = 32, /* from one sample to the next */
};

static enum kms_err reserve(struct kmsd_vector *vector)
{
    if (vector->count < vector->capacity)
        return KMS_OK;
    size_t capacity = vector->capacity == 0 ? VECTOR_FIRST_CAPACITY : vector->capacity * 2;
    if (capacity > SIZE_MAX / sizeof(*vector->items))
        return KMS_ERR_NO_MEMORY;
    void **items = realloc(vector->items, capacity * sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    vector->items = items;
    uint64_t *prefixes = realloc(vector->prefixes, capacity * sizeof(*prefixes));
    if (prefixes == NULL)
        return KMS_ERR_NO_MEMORY;
    vector->prefixes = prefixes;
    uint64_t *samples = realloc(vector->samples, capacity / STRIDE * sizeof(*samples));
    if (samples == NULL)
        return KMS_ERR_NO_MEMORY;
    vector->samples = samples;
    vector->capacity = capacity;
    return KMS_OK;
}

static void release(struct kmsd_vector *vector)
{
    free(vector->items);
    free(vector->prefixes);
    free(vector->samples);
    *vector = (struct kmsd_vector){.items = NULL};
}

/* A text's first bytes, as a number that is less where the text is: the same for texts that differ later. */
static uint64_t prefix_of(struct kms_str text)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix = prefix << 8 | (i < text.len ? (uint8_t)text.data[i] : 0);
    return prefix;
}

/* After a change of the prefixes from there on. */
static void sample(struct kmsd_vector *vector, size_t from)
{
    for (size_t i = (from + STRIDE - 1) / STRIDE; i * STRIDE < vector->count; i++)
        vector->samples[i] = vector->prefixes[i * STRIDE];
}

/* by: what the vector is sorted by, of this item. */
static void insert_at(struct kmsd_vector *vector, size_t at, const void *item, struct kms_str by)
{
    size_t behind = vector->count - at;
    memmove(&vector->items[at + 1], &vector->items[at], behind * sizeof(*vector->items));
    memmove(&vector->prefixes[at + 1], &vector->prefixes[at], behind * sizeof(*vector->prefixes));
    vector->items[at] = (void *)item;
    vector->prefixes[at] = prefix_of(by);
    vector->count++;
    sample(vector, at);
}

static void remove_at(struct kmsd_vector *vector, size_t at)
{
    size_t behind = --vector->count - at;
    memmove(&vector->items[at], &vector->items[at + 1], behind * sizeof(*vector->items));
    memmove(&vector->prefixes[at], &vector->prefixes[at + 1], behind * sizeof(*vector->prefixes));
    sample(vector, at);
}

/* What is looked for: two texts, compared one after the other. */
struct probe {
    struct kms_str first;
    struct kms_str second;
};

typedef int compare_with(const void *item, const struct probe *probe);

/* How many of the sorted numbers are less. Without branches: which way it goes can't be foreseen. */
static size_t count_less(const uint64_t *numbers, size_t count, uint64_t than)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        bool is_less = numbers[low + half] < than;
        low = is_less ? low + half + 1 : low;
        count = is_less ? count - half - 1 : half;
    }
    return low;
}

/* How many of the prefixes are less: those of whole strides, then those of the one that is left in doubt. */
static size_t count_less_prefixes(const struct kmsd_vector *vector, uint64_t than)
{
    size_t samples = (vector->count + STRIDE - 1) / STRIDE;
    size_t less = count_less(vector->samples, samples, than);
    if (less == 0)
        return 0;
    size_t low = (less - 1) * STRIDE;
    size_t left = vector->count - low;
    return low + count_less(vector->prefixes + low, left < STRIDE ? left : STRIDE, than);
}

/* Where the first item stands that is not less than the probe. */
static size_t lower_bound(
    const struct kmsd_vector *vector, compare_with *compare, const struct probe *probe)
{
    uint64_t prefix = prefix_of(probe->first);
    size_t low = count_less_prefixes(vector, prefix);
    if (low == vector->count || vector->prefixes[low] != prefix)
        return low;
    size_t high = low + 1; /* among those with the same prefix, which is nearly always one */
    if (high < vector->count && vector->prefixes[high] == prefix)
        high = prefix == UINT64_MAX ? vector->count : count_less_prefixes(vector, prefix + 1);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(vector->items[middle], probe) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The item that equals the probe, or NULL; *at is where it is or would be. */
static void *find_in(
    const struct kmsd_vector *vector, compare_with *compare, const struct probe *probe, size_t *at)
{
    *at = lower_bound(vector, compare, probe);
    if (*at < vector->count && compare(vector->items[*at], probe) == 0)
        return vector->items[*at];
    return NULL;
}

static int compare_shelf(const void *item, const struct probe *probe)
{
    const struct kmsd_shelf *shelf = item;
    int order = kmsd_str_compare(kms_str(shelf->account), probe->first);
    return order != 0 ? order : kmsd_str_compare(kms_str(shelf->region), probe->second);
}

static int compare_key(const void *item, const struct probe *probe)
{
    return kmsd_str_compare(((const struct kmsd_key *)item)->id, probe->first);
}

static int compare_alias(const void *item, const struct probe *probe)
{
    return kmsd_str_compare(((const struct kmsd_alias *)item)->name, probe->first);
}

static int compare_target(const void *item, const struct probe *probe)
{
    const struct kmsd_alias *alias = item;
    int order = kmsd_str_compare(alias->key_id, probe->first);
    return order != 0 ? order : kmsd_str_compare(alias->name, probe->second);
}

/* --- finding ---------------------------------------------------------------------------------- */

struct kmsd_shelf *kmsd_shelf_find(const struct kmsd_keys *keys, struct kmsd_realm realm)
{
    size_t at;
    struct probe probe = {realm.account, realm.region};
    return find_in(&keys->shelves, compare_shelf, &probe, &at);
}

const struct kmsd_key *kmsd_shelf_key(const struct kmsd_shelf *shelf, struct kms_str id)
{
    size_t at;
    struct probe probe = {.first = id};
    return shelf == NULL ? NULL : find_in(&shelf->keys, compare_key, &probe, &at);
}

const struct kmsd_alias *kmsd_shelf_alias(const struct kmsd_shelf *shelf, struct kms_str name)
{
    size_t at;
    struct probe probe = {.first = name};
    return shelf == NULL ? NULL : find_in(&shelf->aliases, compare_alias, &probe, &at);
}

const struct kmsd_key *kmsd_keys_find(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str id, int64_t now_ms)
{
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_key *key = kmsd_shelf_key(kmsd_shelf_find(keys, realm), id);
    if (key != NULL)
        key = kmsd_key_is_gone(key, now_ms) ? NULL : kmsd_key_hold(key);
    pthread_rwlock_unlock(&keys->lock);
    return key;
}

const struct kmsd_key *kmsd_keys_find_anywhere(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str id, int64_t now_ms)
{
    const struct kmsd_key *key = kmsd_keys_find(keys, realm, id, now_ms);
    if (key != NULL)
        return key;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->shelves.count && key == NULL; i++) {
        const struct kmsd_shelf *shelf = keys->shelves.items[i];
        if (!kms_str_is(realm.region, shelf->region))
            continue;
        key = kmsd_shelf_key(shelf, id);
        if (key != NULL)
            key = kmsd_key_is_gone(key, now_ms) ? NULL : kmsd_key_hold(key);
    }
    pthread_rwlock_unlock(&keys->lock);
    return key;
}

/* Whether the key behind an alias is still there. */
static bool leads_somewhere(
    const struct kmsd_shelf *shelf, const struct kmsd_alias *alias, int64_t now_ms)
{
    const struct kmsd_key *key = kmsd_shelf_key(shelf, alias->key_id);
    return key != NULL && !kmsd_key_is_gone(key, now_ms);
}

const struct kmsd_alias *kmsd_keys_find_alias(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name, int64_t now_ms)
{
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    const struct kmsd_alias *alias = kmsd_shelf_alias(shelf, name);
    if (alias != NULL)
        alias = leads_somewhere(shelf, alias, now_ms) ? kmsd_alias_hold(alias) : NULL;
    pthread_rwlock_unlock(&keys->lock);
    return alias;
}

size_t kmsd_keys_count_aliases(struct kmsd_keys *keys, const struct kmsd_key *key, size_t limit)
{
    struct probe first = {.first = key->id};
    size_t count = 0;
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_shelf *shelf = kmsd_shelf_find(keys, key->realm);
    const struct kmsd_vector *targets = &shelf->targets;
    size_t at = lower_bound(targets, compare_target, &first);
    while (count < limit && at + count < targets->count &&
           kms_str_eq(((const struct kmsd_alias *)targets->items[at + count])->key_id, key->id))
        count++;
    pthread_rwlock_unlock(&keys->lock);
    return count;
}

/* --- pages ------------------------------------------------------------------------------------ */

/* The items of one page, held, so that they can be written down without the lock. */
struct page_items {
    const void **items;
    size_t count;
    bool truncated;
};

/* Room for a page: no more than there is to list. */
static enum kms_err page_room(const struct kmsd_vector *vector, const struct kmsd_page *page,
    struct kms_arena *arena, struct page_items *out)
{
    size_t most = page->limit < vector->count ? page->limit : vector->count;
    *out = (struct page_items){.items = kms_arena_calloc(arena, most, sizeof(void *))};
    return out->items == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

static enum kms_err collect_keys(const struct kmsd_shelf *shelf, const struct kmsd_page *page,
    int64_t now_ms, struct kms_arena *arena, struct page_items *out)
{
    const struct kmsd_vector *vector = &shelf->keys;
    enum kms_err err = page_room(vector, page, arena, out);
    if (err != KMS_OK)
        return err;
    struct probe probe = {.first = page->after};
    size_t at = lower_bound(vector, compare_key, &probe);
    for (; at < vector->count; at++) {
        const struct kmsd_key *key = vector->items[at];
        if (kmsd_key_is_gone(key, now_ms) ||
            (page->after.data != NULL && kms_str_eq(key->id, page->after)))
            continue;
        out->truncated = out->count == page->limit;
        if (out->truncated)
            break;
        out->items[out->count++] = kmsd_key_hold(key);
    }
    return KMS_OK;
}

static enum kms_err collect_aliases(const struct kmsd_shelf *shelf, const struct kmsd_page *page,
    int64_t now_ms, struct kms_arena *arena, struct page_items *out)
{
    bool of_one_key = page->only_key_id.data != NULL;
    const struct kmsd_vector *vector = of_one_key ? &shelf->targets : &shelf->aliases;
    enum kms_err err = page_room(vector, page, arena, out);
    if (err != KMS_OK)
        return err;
    struct probe probe = {.first = page->after};
    if (of_one_key)
        probe = (struct probe){page->only_key_id, page->after};
    size_t at = lower_bound(vector, of_one_key ? compare_target : compare_alias, &probe);
    for (; at < vector->count; at++) {
        const struct kmsd_alias *alias = vector->items[at];
        if (of_one_key && !kms_str_eq(alias->key_id, page->only_key_id))
            break;
        if (!leads_somewhere(shelf, alias, now_ms) ||
            (page->after.data != NULL && kms_str_eq(alias->name, page->after)))
            continue;
        out->truncated = out->count == page->limit;
        if (out->truncated)
            break;
        out->items[out->count++] = kmsd_alias_hold(alias);
    }
    return KMS_OK;
}

enum kms_err kmsd_keys_list(struct kmsd_keys *keys, struct kmsd_realm realm,
    const struct kmsd_page *page, int64_t now_ms, struct kms_arena *arena,
    struct kms_key_list_entry_list *out, bool *truncated)
{
    struct page_items found = {.items = NULL};
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    enum kms_err err = shelf == NULL ? KMS_OK : collect_keys(shelf, page, now_ms, arena, &found);
    pthread_rwlock_unlock(&keys->lock);
    if (err != KMS_OK)
        return err;

    struct kms_key_list_entry *entries = kms_arena_calloc(arena, found.count, sizeof(*entries));
    for (size_t i = 0; i < found.count; i++) {
        const struct kmsd_key *key = found.items[i];
        if (entries != NULL) {
            entries[i].key_id = kms_arena_str(arena, key->id);
            entries[i].key_arn = kms_arena_str(arena, key->arn);
            if (entries[i].key_id.data == NULL || entries[i].key_arn.data == NULL)
                entries = NULL;
        }
        kmsd_key_release(key);
    }
    if (entries == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = (struct kms_key_list_entry_list){entries, found.count};
    *truncated = found.truncated;
    return KMS_OK;
}

/* Fills one entry; false when memory is out. */
static bool describe_alias(
    const struct kmsd_alias *alias, struct kms_arena *arena, struct kms_alias_list_entry *entry)
{
    entry->alias_name = kms_arena_str(arena, alias->name);
    entry->alias_arn = kms_arena_printf(arena, "arn:%s:kms:%.*s:%.*s:%.*s",
        kms_partition_of_region(alias->realm.region), (int)alias->realm.region.len,
        alias->realm.region.data, (int)alias->realm.account.len, alias->realm.account.data,
        (int)alias->name.len, alias->name.data);
    entry->target_key_id = kms_arena_str(arena, alias->key_id);
    entry->creation_date = (struct kms_opt_time){true, alias->created_ms};
    entry->last_updated_date = (struct kms_opt_time){true, alias->updated_ms};
    return entry->alias_name.data != NULL && entry->alias_arn.data != NULL &&
           entry->target_key_id.data != NULL;
}

enum kms_err kmsd_keys_list_aliases(struct kmsd_keys *keys, struct kmsd_realm realm,
    const struct kmsd_page *page, int64_t now_ms, struct kms_arena *arena,
    struct kms_alias_list_entry_list *out, bool *truncated)
{
    struct page_items found = {.items = NULL};
    pthread_rwlock_rdlock(&keys->lock);
    const struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    enum kms_err err = shelf == NULL ? KMS_OK : collect_aliases(shelf, page, now_ms, arena, &found);
    pthread_rwlock_unlock(&keys->lock);
    if (err != KMS_OK)
        return err;

    struct kms_alias_list_entry *entries = kms_arena_calloc(arena, found.count, sizeof(*entries));
    for (size_t i = 0; i < found.count; i++) {
        const struct kmsd_alias *alias = found.items[i];
        if (entries != NULL && !describe_alias(alias, arena, &entries[i]))
            entries = NULL;
        kmsd_alias_release(alias);
    }
    if (entries == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = (struct kms_alias_list_entry_list){entries, found.count};
    *truncated = found.truncated;
    return KMS_OK;
}

/* --- changing --------------------------------------------------------------------------------- */

static enum kms_err add_shelf(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kmsd_shelf **out)
{
    if (realm.account.len >= sizeof((*out)->account) || realm.region.len >= sizeof((*out)->region))
        return KMS_ERR_INVALID_ARGUMENT;
    enum kms_err err = reserve(&keys->shelves);
    if (err != KMS_OK)
        return err;
    struct kmsd_shelf *shelf = calloc(1, sizeof(*shelf));
    if (shelf == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(shelf->account, realm.account.data, realm.account.len);
    memcpy(shelf->region, realm.region.data, realm.region.len);
    struct probe probe = {realm.account, realm.region};
    insert_at(
        &keys->shelves, lower_bound(&keys->shelves, compare_shelf, &probe), shelf, realm.account);
    *out = shelf;
    return KMS_OK;
}

enum kms_err kmsd_index_reserve(struct kmsd_keys *keys, struct kmsd_realm realm)
{
    enum kms_err err = KMS_OK;
    pthread_rwlock_wrlock(&keys->lock);
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    if (shelf == NULL)
        err = add_shelf(keys, realm, &shelf);
    if (err == KMS_OK)
        err = reserve(&shelf->keys);
    if (err == KMS_OK)
        err = reserve(&shelf->aliases);
    if (err == KMS_OK)
        err = reserve(&shelf->targets);
    pthread_rwlock_unlock(&keys->lock);
    return err;
}

void kmsd_index_put_key(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    size_t at;
    struct probe probe = {.first = key->id};
    pthread_rwlock_wrlock(&keys->lock);
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, key->realm);
    const struct kmsd_key *old = find_in(&shelf->keys, compare_key, &probe, &at);
    if (old == NULL) {
        insert_at(&shelf->keys, at, key, key->id);
        shelf->managed_count += key->manager == KMS_KEY_MANAGER_AWS;
    } else {
        shelf->keys.items[at] = (void *)key;
    }
    kmsd_index_expect(keys, key);
    pthread_rwlock_unlock(&keys->lock);
    kmsd_key_release(old);
}

/* Takes an alias off both vectors and returns it, still held. */
static const struct kmsd_alias *take_alias(struct kmsd_shelf *shelf, struct kms_str name)
{
    size_t at;
    struct probe by_name = {.first = name};
    const struct kmsd_alias *alias = find_in(&shelf->aliases, compare_alias, &by_name, &at);
    if (alias == NULL)
        return NULL;
    remove_at(&shelf->aliases, at);
    struct probe by_key = {alias->key_id, name};
    if (find_in(&shelf->targets, compare_target, &by_key, &at) != NULL)
        remove_at(&shelf->targets, at);
    return alias;
}

void kmsd_index_remove_key(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    size_t at;
    struct probe by_id = {.first = key->id};
    struct probe first_alias = {.first = key->id};
    const struct kmsd_alias *alias = NULL;
    do {
        pthread_rwlock_wrlock(&keys->lock);
        struct kmsd_shelf *shelf = kmsd_shelf_find(keys, key->realm);
        at = lower_bound(&shelf->targets, compare_target, &first_alias);
        alias = at < shelf->targets.count ? shelf->targets.items[at] : NULL;
        if (alias != NULL && kms_str_eq(alias->key_id, key->id))
            alias = take_alias(shelf, alias->name);
        else
            alias = NULL;
        const struct kmsd_key *old = NULL;
        if (alias == NULL) {
            old = find_in(&shelf->keys, compare_key, &by_id, &at);
            if (old != NULL) {
                remove_at(&shelf->keys, at);
                shelf->managed_count -= old->manager == KMS_KEY_MANAGER_AWS;
            }
        }
        pthread_rwlock_unlock(&keys->lock);
        kmsd_key_release(old);
        kmsd_alias_release(alias);
    } while (alias != NULL);
}

void kmsd_index_put_alias(struct kmsd_keys *keys, const struct kmsd_alias *alias)
{
    pthread_rwlock_wrlock(&keys->lock);
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, alias->realm);
    const struct kmsd_alias *old = take_alias(shelf, alias->name);
    struct probe by_name = {.first = alias->name};
    struct probe by_key = {alias->key_id, alias->name};
    insert_at(
        &shelf->aliases, lower_bound(&shelf->aliases, compare_alias, &by_name), alias, alias->name);
    insert_at(&shelf->targets, lower_bound(&shelf->targets, compare_target, &by_key), alias,
        alias->key_id);
    pthread_rwlock_unlock(&keys->lock);
    kmsd_alias_release(old);
}

enum kms_err kmsd_index_load_key(struct kmsd_keys *keys, const struct kmsd_key *key)
{
    enum kms_err err = KMS_OK;
    struct probe probe = {.first = key->id};
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, key->realm);
    if (shelf == NULL)
        err = add_shelf(keys, key->realm, &shelf);
    if (err == KMS_OK)
        err = reserve(&shelf->keys);
    if (err != KMS_OK)
        return err;
    size_t count = shelf->keys.count;
    if (count != 0 && compare_key(shelf->keys.items[count - 1], &probe) >= 0)
        return KMS_ERR_CORRUPT;
    insert_at(&shelf->keys, count, kmsd_key_hold(key), key->id);
    shelf->managed_count += key->manager == KMS_KEY_MANAGER_AWS;
    kmsd_index_expect(keys, key);
    return KMS_OK;
}

enum kms_err kmsd_index_load_alias(struct kmsd_keys *keys, const struct kmsd_alias *alias)
{
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, alias->realm);
    enum kms_err err = reserve(&shelf->aliases);
    if (err == KMS_OK)
        err = reserve(&shelf->targets);
    if (err != KMS_OK)
        return err;
    insert_at(&shelf->aliases, shelf->aliases.count, kmsd_alias_hold(alias), alias->name);
    insert_at(&shelf->targets, shelf->targets.count, alias, alias->key_id);
    return KMS_OK;
}

static int compare_items_by_target(const void *a, const void *b)
{
    const struct kmsd_alias *const *left = a;
    const struct kmsd_alias *const *right = b;
    struct probe probe = {(*right)->key_id, (*right)->name};
    return compare_target(*left, &probe);
}

static void sort_by_target(struct kmsd_vector *targets)
{
    if (targets->count > 1)
        qsort(targets->items, targets->count, sizeof(*targets->items), compare_items_by_target);
    for (size_t i = 0; i < targets->count; i++)
        targets->prefixes[i] = prefix_of(((const struct kmsd_alias *)targets->items[i])->key_id);
    sample(targets, 0);
}

/* The first of the sorted targets that leads to no key: both vectors are walked at once. */
static const struct kmsd_alias *find_astray(const struct kmsd_shelf *shelf)
{
    size_t k = 0;
    for (size_t i = 0; i < shelf->targets.count; i++) {
        const struct kmsd_alias *alias = shelf->targets.items[i];
        struct probe probe = {.first = alias->key_id};
        int order = -1;
        while (k < shelf->keys.count && (order = compare_key(shelf->keys.items[k], &probe)) < 0)
            k++;
        if (k == shelf->keys.count || order != 0)
            return alias;
    }
    return NULL;
}

const struct kmsd_alias *kmsd_index_loaded(struct kmsd_keys *keys)
{
    const struct kmsd_alias *astray = NULL;
    for (size_t i = 0; i < keys->shelves.count && astray == NULL; i++) {
        struct kmsd_shelf *shelf = keys->shelves.items[i];
        sort_by_target(&shelf->targets);
        astray = find_astray(shelf);
    }
    return astray;
}

void kmsd_index_remove_alias(struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name)
{
    pthread_rwlock_wrlock(&keys->lock);
    struct kmsd_shelf *shelf = kmsd_shelf_find(keys, realm);
    const struct kmsd_alias *old = shelf == NULL ? NULL : take_alias(shelf, name);
    pthread_rwlock_unlock(&keys->lock);
    kmsd_alias_release(old);
}

void kmsd_index_clean_up(struct kmsd_keys *keys)
{
    for (size_t i = 0; i < keys->shelves.count; i++) {
        struct kmsd_shelf *shelf = keys->shelves.items[i];
        for (size_t k = 0; k < shelf->keys.count; k++)
            kmsd_key_release(shelf->keys.items[k]);
        for (size_t k = 0; k < shelf->aliases.count; k++)
            kmsd_alias_release(shelf->aliases.items[k]);
        release(&shelf->keys);
        release(&shelf->aliases);
        release(&shelf->targets);
        free(shelf);
    }
    release(&keys->shelves);
}
