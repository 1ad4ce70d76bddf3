/*
 * The grants of keys: counted lists of counted grants, so that a new snapshot shares what did not
 * change. Constraints are kept as
 *
 *   flags: 1 equals, 2 subset, 4 source ARN; for each that is there: a map (its number of pairs, then
 *   keys and values in turn), or a text with its length in front; numbers are 4 bytes, big-endian
 */
#include "kmsd/keys/change.h"
#include "libkms/proto/model.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { HAS_EQUALS = 1, HAS_SUBSET = 2, HAS_SOURCE = 4 };

struct counted_grant {
    atomic_size_t references;
    struct kmsd_key_grant grant;
    struct kms_arena arena; /* holds all that the grant points to */
};

struct counted_list {
    atomic_size_t references;
    struct kmsd_grants list;
    size_t capacity;
    const struct kmsd_key_grant **items;
};

enum { GRANT_ARENA_MAX = 1 << 20 };

/* --- counting --------------------------------------------------------------------------------- */

static struct counted_grant *counted_grant(const struct kmsd_key_grant *grant)
{
    return (struct counted_grant *)((char *)grant - offsetof(struct counted_grant, grant));
}

static struct counted_list *counted_list(const struct kmsd_grants *list)
{
    return (struct counted_list *)((char *)list - offsetof(struct counted_list, list));
}

static const struct kmsd_key_grant *hold_grant(const struct kmsd_key_grant *grant)
{
    atomic_fetch_add_explicit(&counted_grant(grant)->references, 1, memory_order_relaxed);
    return grant;
}

static void release_grant(const struct kmsd_key_grant *grant)
{
    struct counted_grant *counted = counted_grant(grant);
    if (atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) != 1)
        return;
    kms_arena_clean_up(&counted->arena);
    free(counted);
}

const struct kmsd_grants *kmsd_grants_hold(const struct kmsd_grants *grants)
{
    if (grants != NULL)
        atomic_fetch_add_explicit(&counted_list(grants)->references, 1, memory_order_relaxed);
    return grants;
}

void kmsd_grants_release(const struct kmsd_grants *grants)
{
    if (grants == NULL)
        return;
    struct counted_list *counted = counted_list(grants);
    if (atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < grants->count; i++)
        release_grant(grants->items[i]);
    free(counted->items);
    free(counted);
}

static void release_list_at(const struct kmsd_grants **grants)
{
    kmsd_grants_release(*grants);
}
#define LIST_AUTO __attribute__((cleanup(release_list_at))) const struct kmsd_grants *

/* --- building --------------------------------------------------------------------------------- */

static const struct kmsd_grants *new_list(size_t capacity)
{
    struct counted_list *counted = calloc(1, sizeof(*counted));
    if (counted == NULL)
        return NULL;
    counted->items = calloc(capacity, sizeof(const struct kmsd_key_grant *));
    if (counted->items == NULL) {
        free(counted);
        return NULL;
    }
    atomic_init(&counted->references, 1);
    counted->capacity = capacity;
    counted->list.items = counted->items;
    return &counted->list;
}

/* Takes the caller's reference. There is room. */
static void push(const struct kmsd_grants *list, const struct kmsd_key_grant *grant)
{
    struct counted_list *counted = counted_list(list);
    counted->items[counted->list.count++] = grant;
}

static bool copy_str(struct kms_arena *arena, struct kms_str *text)
{
    if (text->data != NULL)
        *text = kms_arena_str(arena, *text);
    else
        *text = kms_str("");
    return text->data != NULL;
}

static bool copy_map(struct kms_arena *arena, struct kms_str_map *map)
{
    if (map->items == NULL)
        return true;
    struct kms_str_pair *pairs = kms_arena_calloc(arena, map->count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        pairs[i] = map->items[i];
        if (!copy_str(arena, &pairs[i].key) || !copy_str(arena, &pairs[i].value))
            return false;
    }
    map->items = pairs;
    return true;
}

static enum kms_err read_name(struct kms_str text, bool is_service, struct kmsd_policy_name *out)
{
    return is_service ? kmsd_policy_name_parse_service(text, out)
                      : kmsd_policy_name_parse(text, false, out);
}

/* Everything copied; the names made from the copies. */
static enum kms_err fill(struct counted_grant *counted)
{
    struct kmsd_key_grant *grant = &counted->grant;
    struct kms_arena *arena = &counted->arena;
    bool grantee_is_service = grant->rule.grantee.kind == KMSD_NAME_SERVICE;
    bool retiring_is_service = grant->rule.retiring.kind == KMSD_NAME_SERVICE;
    if (!copy_str(arena, &grant->rule.id) || !copy_str(arena, &grant->name) ||
        !copy_str(arena, &grant->issuer) || !copy_str(arena, &grant->grantee) ||
        !copy_str(arena, &grant->retiring) || !copy_map(arena, &grant->rule.context_equals) ||
        !copy_map(arena, &grant->rule.context_subset) ||
        (grant->rule.source_arn.data != NULL && !copy_str(arena, &grant->rule.source_arn)))
        return KMS_ERR_NO_MEMORY;
    grant->rule.retiring = (struct kmsd_policy_name){.text = {NULL, 0}};
    enum kms_err err = read_name(grant->grantee, grantee_is_service, &grant->rule.grantee);
    if (err == KMS_OK && grant->retiring.len != 0)
        err = read_name(grant->retiring, retiring_is_service, &grant->rule.retiring);
    return err == KMS_ERR_SYNTAX ? KMS_ERR_CORRUPT : err;
}

static enum kms_err copy_grant(
    const struct kmsd_key_grant *draft, const struct kmsd_key_grant **out)
{
    struct counted_grant *counted = calloc(1, sizeof(*counted));
    if (counted == NULL)
        return KMS_ERR_NO_MEMORY;
    atomic_init(&counted->references, 1);
    kms_arena_init(&counted->arena, GRANT_ARENA_MAX);
    counted->grant = *draft;
    enum kms_err err = fill(counted);
    if (err != KMS_OK) {
        release_grant(&counted->grant);
        return err;
    }
    *out = &counted->grant;
    return KMS_OK;
}

/* --- constraints as they are kept ------------------------------------------------------------- */

static void put_number(struct kms_buf *out, size_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        kms_buf_append_u8(out, (uint8_t)(value >> shift));
}

static void put_text(struct kms_buf *out, struct kms_str text)
{
    put_number(out, text.len);
    kms_buf_append_str(out, text);
}

static void put_map(struct kms_buf *out, const struct kms_str_map *map)
{
    put_number(out, map->count);
    for (size_t i = 0; i < map->count; i++) {
        put_text(out, map->items[i].key);
        put_text(out, map->items[i].value);
    }
}

static void put_constraints(struct kms_buf *out, const struct kmsd_grant *rule)
{
    bool has_equals = rule->context_equals.items != NULL;
    bool has_subset = rule->context_subset.items != NULL;
    bool has_source = rule->source_arn.data != NULL;
    kms_buf_append_u8(out, (uint8_t)((has_equals ? HAS_EQUALS : 0) | (has_subset ? HAS_SUBSET : 0) |
                                     (has_source ? HAS_SOURCE : 0)));
    if (has_equals)
        put_map(out, &rule->context_equals);
    if (has_subset)
        put_map(out, &rule->context_subset);
    if (has_source)
        put_text(out, rule->source_arn);
}

/* What is left to read; is_bad once it was too short. */
struct source {
    struct kms_bytes rest;
    bool is_bad;
};

static size_t get_number(struct source *source)
{
    size_t value = 0;
    if (source->rest.len < 4) {
        source->is_bad = true;
        return 0;
    }
    for (size_t i = 0; i < 4; i++)
        value = value << 8 | source->rest.data[i];
    source->rest = kms_bytes(source->rest.data + 4, source->rest.len - 4);
    return value;
}

static struct kms_str get_text(struct source *source)
{
    size_t len = get_number(source);
    if (len > source->rest.len)
        source->is_bad = true;
    if (source->is_bad)
        return kms_str("");
    struct kms_str text = {(const char *)source->rest.data, len};
    source->rest = kms_bytes(source->rest.data + len, source->rest.len - len);
    return text;
}

static struct kms_str_map get_map(
    struct source *source, struct kms_str_pair pairs[KMSD_GRANT_PAIRS_MAX])
{
    size_t count = get_number(source);
    if (count > KMSD_GRANT_PAIRS_MAX)
        source->is_bad = true;
    for (size_t i = 0; i < count && !source->is_bad; i++) {
        pairs[i].key = get_text(source);
        pairs[i].value = get_text(source);
    }
    return (struct kms_str_map){pairs, source->is_bad ? 0 : count};
}

/* --- rows ------------------------------------------------------------------------------------- */

static const struct kms_type *operation_type(void)
{
    return kms_type_find("GrantOperation");
}

static void put_operations(struct kms_buf *out, uint32_t operations)
{
    const struct kms_type *type = operation_type();
    for (size_t i = 1; i <= type->value_count; i++) {
        if ((operations & kmsd_grant_operation_bit((enum kms_grant_operation)i)) == 0)
            continue;
        kms_buf_append_text(out, out->len == 0 ? "" : " ");
        kms_buf_append_text(out, kms_enum_text(type, (int)i));
    }
}

/* 0: something in it is unknown here. */
static uint32_t get_operations(struct kms_str text)
{
    const struct kms_type *type = operation_type();
    uint32_t operations = 0;
    size_t start = 0;
    for (size_t end = 0; end <= text.len; end++) {
        if (end != text.len && text.data[end] != ' ')
            continue;
        struct kms_str word = {text.data + start, end - start};
        uint32_t bit = 0;
        for (size_t i = 0; i < type->value_count; i++) {
            if (kms_str_is(word, type->values[i]))
                bit = kmsd_grant_operation_bit((enum kms_grant_operation)(i + 1));
        }
        if (bit == 0)
            return 0;
        operations |= bit;
        start = end + 1;
    }
    return operations;
}

static enum kms_err store_one(
    struct kmsd_store *store, const struct kmsd_key *key, const struct kmsd_key_grant *grant)
{
    KMS_BUF_AUTO operations;
    KMS_BUF_AUTO constraints;
    kms_buf_init(&operations, 4096);
    kms_buf_init(&constraints, GRANT_ARENA_MAX);
    put_operations(&operations, grant->rule.operations);
    put_constraints(&constraints, &grant->rule);
    if (operations.err != KMS_OK || constraints.err != KMS_OK)
        return operations.err != KMS_OK ? operations.err : constraints.err;
    const struct kmsd_grant_row row = {
        .account = key->realm.account,
        .region = key->realm.region,
        .key_id = key->id,
        .grant_id = grant->rule.id,
        .name = grant->name,
        .issuer = grant->issuer,
        .grantee = grant->grantee,
        .retiring = grant->retiring,
        .grantee_is_service = grant->rule.grantee.kind == KMSD_NAME_SERVICE,
        .retiring_is_service = grant->rule.retiring.kind == KMSD_NAME_SERVICE,
        .operations = kms_buf_str(&operations),
        .constraints = kms_buf_bytes(&constraints),
        .created_ms = grant->created_ms,
    };
    return kmsd_store_put_grant(store, &row);
}

/* Walks both sorted lists at once. A grant never changes: it comes or it goes. */
enum kms_err kmsd_grants_store(
    struct kmsd_store *store, const struct kmsd_grants *old, const struct kmsd_key *next)
{
    size_t old_count = old == NULL ? 0 : old->count;
    size_t new_count = next->grants == NULL ? 0 : next->grants->count;
    enum kms_err err = KMS_OK;
    size_t o = 0;
    size_t n = 0;
    if (old == next->grants)
        return KMS_OK;
    while (err == KMS_OK && (o < old_count || n < new_count)) {
        int order = o == old_count ? 1
                    : n == new_count
                        ? -1
                        : kmsd_str_compare(old->items[o]->rule.id, next->grants->items[n]->rule.id);
        if (order < 0)
            err = kmsd_store_delete_grant(
                store, next->realm.account, next->realm.region, next->id, old->items[o]->rule.id);
        else if (order > 0)
            err = store_one(store, next, next->grants->items[n]);
        o += order <= 0;
        n += order >= 0;
    }
    return err;
}

static enum kms_err copy_row(const struct kmsd_grant_row *row, const struct kmsd_key_grant **out)
{
    struct kms_str_pair equals[KMSD_GRANT_PAIRS_MAX];
    struct kms_str_pair subset[KMSD_GRANT_PAIRS_MAX];
    struct kmsd_key_grant draft = {
        .rule = {.id = row->grant_id, .operations = get_operations(row->operations)},
        .name = row->name,
        .issuer = row->issuer,
        .grantee = row->grantee,
        .retiring = row->retiring,
        .created_ms = row->created_ms,
    };
    draft.rule.grantee.kind = row->grantee_is_service ? KMSD_NAME_SERVICE : KMSD_NAME_ACCOUNT;
    draft.rule.retiring.kind = row->retiring_is_service ? KMSD_NAME_SERVICE : KMSD_NAME_ACCOUNT;
    if (draft.rule.operations == 0 || row->constraints.len == 0)
        return KMS_ERR_CORRUPT;
    uint8_t flags = row->constraints.data[0];
    struct source source = {.rest = {row->constraints.data + 1, row->constraints.len - 1}};
    if ((flags & HAS_EQUALS) != 0)
        draft.rule.context_equals = get_map(&source, equals);
    if ((flags & HAS_SUBSET) != 0)
        draft.rule.context_subset = get_map(&source, subset);
    if ((flags & HAS_SOURCE) != 0)
        draft.rule.source_arn = get_text(&source);
    if (source.is_bad || source.rest.len != 0 || (flags & ~7U) != 0)
        return KMS_ERR_CORRUPT;
    return copy_grant(&draft, out);
}

enum kms_err kmsd_grants_append_row(
    const struct kmsd_grants **list, const struct kmsd_grant_row *row)
{
    const struct kmsd_key_grant *grant = NULL;
    size_t count = *list == NULL ? 0 : (*list)->count;
    if (count != 0 && kmsd_str_compare((*list)->items[count - 1]->rule.id, row->grant_id) >= 0)
        return KMS_ERR_CORRUPT;
    if (*list == NULL || count == counted_list(*list)->capacity) {
        const struct kmsd_grants *longer = new_list(count * 2 + 4);
        if (longer == NULL)
            return KMS_ERR_NO_MEMORY;
        for (size_t i = 0; i < count; i++)
            push(longer, hold_grant((*list)->items[i]));
        kmsd_grants_release(*list);
        *list = longer;
    }
    enum kms_err err = copy_row(row, &grant);
    if (err == KMS_OK)
        push(*list, grant);
    return err;
}

/* --- finding and changing --------------------------------------------------------------------- */

/* Where the grant is, or would be. */
static size_t place_of(const struct kmsd_grants *grants, struct kms_str id)
{
    size_t low = 0;
    size_t high = grants == NULL ? 0 : grants->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kmsd_str_compare(grants->items[middle]->rule.id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct kmsd_key_grant *kmsd_key_grant_find(const struct kmsd_key *key, struct kms_str id)
{
    size_t at = place_of(key->grants, id);
    bool is_there = key->grants != NULL && at < key->grants->count &&
                    kms_str_eq(key->grants->items[at]->rule.id, id);
    return is_there ? key->grants->items[at] : NULL;
}

static enum kms_err change_grants(
    struct kmsd_keys *keys, const struct kmsd_key *key, const struct kmsd_grants *grants)
{
    struct kmsd_key draft = *key;
    draft.grants = grants;
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_add_grant(
    struct kmsd_keys *keys, const struct kmsd_key *key, const struct kmsd_key_grant *grant)
{
    const struct kmsd_key_grant *copy = NULL;
    size_t count = key->grants == NULL ? 0 : key->grants->count;
    size_t at = place_of(key->grants, grant->rule.id);
    if (count >= keys->quotas.grants_per_key)
        return KMS_ERR_LIMIT;
    if (kmsd_key_grant_find(key, grant->rule.id) != NULL)
        return KMS_ERR_EXISTS;
    LIST_AUTO list = new_list(count + 1);
    if (list == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = copy_grant(grant, &copy);
    if (err != KMS_OK)
        return err;
    for (size_t i = 0; i < count + 1; i++) {
        if (i == at)
            push(list, copy);
        if (i < count)
            push(list, hold_grant(key->grants->items[i]));
    }
    return change_grants(keys, key, list);
}

enum kms_err kmsd_keys_remove_grant(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str id)
{
    if (kmsd_key_grant_find(key, id) == NULL)
        return KMS_ERR_NOT_FOUND;
    if (key->grants->count == 1)
        return change_grants(keys, key, NULL);
    LIST_AUTO list = new_list(key->grants->count - 1);
    if (list == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t at = place_of(key->grants, id);
    for (size_t i = 0; i < key->grants->count; i++) {
        if (i != at)
            push(list, hold_grant(key->grants->items[i]));
    }
    return change_grants(keys, key, list);
}

static bool names_retiring(const struct kmsd_key *key, struct kms_str retiring)
{
    for (size_t i = 0; key->grants != NULL && i < key->grants->count; i++) {
        if (kms_str_eq(key->grants->items[i]->retiring, retiring))
            return true;
    }
    return false;
}

enum kms_err kmsd_keys_with_retiring(struct kmsd_keys *keys, struct kms_str region,
    struct kms_str retiring, int64_t now_ms, struct kms_arena *arena, const struct kmsd_key ***out,
    size_t *count)
{
    size_t all = 0;
    const struct kmsd_key **found = NULL;
    *count = 0;
    pthread_rwlock_rdlock(&keys->lock);
    /* twice: to count, then to hold */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < keys->shelves.count; i++) {
            const struct kmsd_shelf *shelf = keys->shelves.items[i];
            for (size_t k = 0; kms_str_is(region, shelf->region) && k < shelf->keys.count; k++) {
                const struct kmsd_key *key = shelf->keys.items[k];
                if (kmsd_key_is_gone(key, now_ms) || !names_retiring(key, retiring))
                    continue;
                if (pass == 0)
                    all++;
                else if (found != NULL)
                    found[(*count)++] = kmsd_key_hold(key);
            }
        }
        if (pass == 0)
            found = kms_arena_calloc(arena, all + 1, sizeof(const struct kmsd_key *));
    }
    pthread_rwlock_unlock(&keys->lock);
    *out = found;
    return found == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}
