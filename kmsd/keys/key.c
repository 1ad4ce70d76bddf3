/* Snapshots of keys and aliases: one piece of memory each, counted, never altered. */
#include "kmsd/crypto/kind.h"
#include "kmsd/keys/index.h"

#include <stdatomic.h>
#include <stdlib.h>

struct counted_key {
    atomic_size_t references;
    struct kmsd_key key;
};

struct counted_alias {
    atomic_size_t references;
    struct kmsd_alias alias;
};

static struct counted_key *counted_key(const struct kmsd_key *key)
{
    return (struct counted_key *)((char *)key - offsetof(struct counted_key, key));
}

static struct counted_alias *counted_alias(const struct kmsd_alias *alias)
{
    return (struct counted_alias *)((char *)alias - offsetof(struct counted_alias, alias));
}

/* --- packing ---------------------------------------------------------------------------------- */

/* False when the sum overflows. */
static bool add(size_t *total, size_t more)
{
    return !__builtin_add_overflow(*total, more, total);
}

static bool add_product(size_t *total, size_t count, size_t size)
{
    size_t product;
    return !__builtin_mul_overflow(count, size, &product) && add(total, product);
}

static const void *place(char **at, const void *data, size_t len)
{
    char *here = *at;
    if (len != 0)
        memcpy(here, data, len);
    *at = here + len;
    return here;
}

static struct kms_str place_str(char **at, struct kms_str text)
{
    return (struct kms_str){place(at, text.data, text.len), text.len};
}

/* The bytes that a draft takes when packed; false when the sum overflows. */
static bool packed_size(const struct kmsd_key *draft, size_t *size)
{
    *size = sizeof(struct counted_key);
    bool fits = add_product(size, draft->tags.count, sizeof(struct kms_tag)) &&
                add_product(size, draft->material_count, sizeof(struct kmsd_key_material)) &&
                add(size, draft->arn.len) && add(size, draft->description.len) &&
                add(size, draft->policy.len) && add(size, draft->primary_region.len);
    for (size_t i = 0; i < draft->tags.count; i++)
        fits = fits && add(size, draft->tags.items[i].tag_key.len) &&
               add(size, draft->tags.items[i].tag_value.len);
    for (size_t i = 0; i < draft->material_count; i++)
        fits = fits && add(size, draft->materials[i].wrapped.len) &&
               add(size, draft->materials[i].description.len);
    return fits;
}

/* arn:partition:kms:REGION:ACCOUNT:key/ID, which names realm and id as well. */
static bool read_arn(struct kmsd_key *key)
{
    struct kms_arn arn;
    if (kms_arn_parse(key->arn, &arn) != KMS_OK || arn.resource.len < 5 ||
        memcmp(arn.resource.data, "key/", 4) != 0)
        return false;
    key->realm = (struct kmsd_realm){arn.account, arn.region};
    key->id = (struct kms_str){arn.resource.data + 4, arn.resource.len - 4};
    return true;
}

/* The draft's parsed policy with one more reference, or a new one. NULL: no memory. */
static const struct kmsd_parsed_policy *parsed_of(const struct kmsd_key *draft)
{
    const struct kmsd_parsed_policy *parsed = NULL;
    if (draft->parsed != NULL)
        return kmsd_parsed_policy_hold(draft->parsed);
    return kmsd_parsed_policy_new(draft->policy, &parsed) == KMS_OK ? parsed : NULL;
}

const struct kmsd_key *kmsd_key_pack(const struct kmsd_key *draft)
{
    size_t size;
    if (!packed_size(draft, &size))
        return NULL;
    const struct kmsd_parsed_policy *parsed = parsed_of(draft);
    struct kmsd_key_use *use =
        draft->use == NULL ? kmsd_key_use_new() : kmsd_key_use_hold(draft->use);
    struct counted_key *counted = parsed == NULL || use == NULL ? NULL : malloc(size);
    if (counted == NULL) {
        kmsd_parsed_policy_release(parsed);
        kmsd_key_use_release(use);
        return NULL;
    }
    atomic_init(&counted->references, 1);
    struct kmsd_key *key = &counted->key;
    *key = *draft;
    key->parsed = parsed;
    key->use = use;
    key->grants = kmsd_grants_hold(draft->grants);

    /* what needs alignment comes first */
    char *at = (char *)(counted + 1);
    struct kms_tag *tags = (struct kms_tag *)(void *)at;
    at += draft->tags.count * sizeof(*tags);
    struct kmsd_key_material *materials = (struct kmsd_key_material *)(void *)at;
    at += draft->material_count * sizeof(*materials);

    for (size_t i = 0; i < draft->tags.count; i++) {
        tags[i].tag_key = place_str(&at, draft->tags.items[i].tag_key);
        tags[i].tag_value = place_str(&at, draft->tags.items[i].tag_value);
    }
    for (size_t i = 0; i < draft->material_count; i++) {
        materials[i] = draft->materials[i];
        materials[i].wrapped.data =
            place(&at, draft->materials[i].wrapped.data, draft->materials[i].wrapped.len);
        materials[i].description = place_str(&at, draft->materials[i].description);
    }
    key->tags.items = tags;
    key->materials = materials;
    key->description = place_str(&at, draft->description);
    key->policy = place_str(&at, draft->policy);
    key->primary_region = place_str(&at, draft->primary_region);
    key->arn = place_str(&at, draft->arn);
    if (!read_arn(key)) {
        kmsd_parsed_policy_release(parsed);
        kmsd_grants_release(key->grants);
        kmsd_key_use_release(use);
        free(counted);
        return NULL;
    }
    return key;
}

const struct kmsd_alias *kmsd_alias_pack(const struct kmsd_alias *draft)
{
    size_t size = sizeof(struct counted_alias);
    if (!add(&size, draft->realm.account.len) || !add(&size, draft->realm.region.len) ||
        !add(&size, draft->name.len) || !add(&size, draft->key_id.len))
        return NULL;
    struct counted_alias *counted = malloc(size);
    if (counted == NULL)
        return NULL;
    atomic_init(&counted->references, 1);
    struct kmsd_alias *alias = &counted->alias;
    char *at = (char *)(counted + 1);
    *alias = *draft;
    alias->realm.account = place_str(&at, draft->realm.account);
    alias->realm.region = place_str(&at, draft->realm.region);
    alias->name = place_str(&at, draft->name);
    alias->key_id = place_str(&at, draft->key_id);
    return alias;
}

/* --- holding ---------------------------------------------------------------------------------- */

const struct kmsd_key *kmsd_key_hold(const struct kmsd_key *key)
{
    atomic_fetch_add_explicit(&counted_key(key)->references, 1, memory_order_relaxed);
    return key;
}

void kmsd_key_release(const struct kmsd_key *key)
{
    if (key == NULL)
        return;
    struct counted_key *counted = counted_key(key);
    if (atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) != 1)
        return;
    kmsd_parsed_policy_release(counted->key.parsed);
    kmsd_grants_release(counted->key.grants);
    kmsd_key_use_release(counted->key.use);
    free(counted);
}

void kmsd_key_release_at(const struct kmsd_key **key)
{
    kmsd_key_release(*key);
}

const struct kmsd_alias *kmsd_alias_hold(const struct kmsd_alias *alias)
{
    atomic_fetch_add_explicit(&counted_alias(alias)->references, 1, memory_order_relaxed);
    return alias;
}

void kmsd_alias_release(const struct kmsd_alias *alias)
{
    if (alias == NULL)
        return;
    struct counted_alias *counted = counted_alias(alias);
    if (atomic_fetch_sub_explicit(&counted->references, 1, memory_order_acq_rel) == 1)
        free(counted);
}

void kmsd_alias_release_at(const struct kmsd_alias **alias)
{
    kmsd_alias_release(*alias);
}

/* --- looking at them -------------------------------------------------------------------------- */

const struct kmsd_key_material *kmsd_key_current_material(const struct kmsd_key *key)
{
    for (size_t i = key->material_count; i-- > 0;) {
        if (key->materials[i].state == KMS_KEY_MATERIAL_STATE_CURRENT)
            return &key->materials[i];
    }
    return NULL;
}

const struct kmsd_key_material *kmsd_key_material_find(
    const struct kmsd_key *key, struct kms_bytes id)
{
    /* newest first: most ciphertexts are recent */
    for (size_t i = key->material_count; id.len == KMSD_MATERIAL_ID_SIZE && i-- > 0;) {
        if (memcmp(key->materials[i].id, id.data, KMSD_MATERIAL_ID_SIZE) == 0)
            return &key->materials[i];
    }
    return NULL;
}

bool kmsd_material_is_permanent(const struct kmsd_key_material *material)
{
    return material->state == KMS_KEY_MATERIAL_STATE_CURRENT ||
           material->state == KMS_KEY_MATERIAL_STATE_NON_CURRENT;
}

bool kmsd_material_has_expired(const struct kmsd_key_material *material, int64_t now_ms)
{
    return material->expires_ms != 0 && material->expires_ms <= now_ms &&
           material->wrapped.len != 0;
}

const struct kmsd_key_material *kmsd_key_waiting_material(const struct kmsd_key *key)
{
    for (size_t i = 0; i < key->material_count; i++) {
        if (!kmsd_material_is_permanent(&key->materials[i]))
            return &key->materials[i];
    }
    return NULL;
}

static bool has_expired(const struct kmsd_key *key, int64_t now_ms)
{
    for (size_t i = 0; i < key->material_count; i++) {
        const struct kmsd_key_material *material = &key->materials[i];
        if (material->expires_ms != 0 && material->expires_ms <= now_ms &&
            kmsd_material_is_permanent(material))
            return true;
    }
    return false;
}

enum kms_key_state kmsd_key_state_at(const struct kmsd_key *key, int64_t now_ms)
{
    bool is_usable = key->state == KMS_KEY_STATE_ENABLED || key->state == KMS_KEY_STATE_DISABLED ||
                     key->state == KMS_KEY_STATE_UPDATING;
    return key->origin == KMS_ORIGIN_EXTERNAL && is_usable && has_expired(key, now_ms)
               ? KMS_KEY_STATE_PENDING_IMPORT
               : key->state;
}

/* --- material of key pairs -------------------------------------------------------------------- */

enum { LENGTH_SIZE = 4 };

void kmsd_material_join(
    struct kms_buf *out, struct kms_bytes wrapped_private, struct kms_bytes sealed_public)
{
    uint8_t length[LENGTH_SIZE];
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        length[i] = (uint8_t)(wrapped_private.len >> (8 * (LENGTH_SIZE - 1 - i)));
    kms_buf_append(out, length, sizeof(length));
    kms_buf_append(out, wrapped_private.data, wrapped_private.len);
    kms_buf_append(out, sealed_public.data, sealed_public.len);
}

/* The other way round. False: nothing that kmsd_material_join made. */
static bool split(
    struct kms_bytes joined, struct kms_bytes *wrapped_private, struct kms_bytes *sealed_public)
{
    size_t length = 0;
    if (joined.len < LENGTH_SIZE)
        return false;
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        length = length << 8 | joined.data[i];
    if (length == 0 || length >= joined.len - LENGTH_SIZE)
        return false;
    *wrapped_private = kms_bytes(joined.data + LENGTH_SIZE, length);
    *sealed_public =
        kms_bytes(joined.data + LENGTH_SIZE + length, joined.len - LENGTH_SIZE - length);
    return true;
}

static bool is_pair(const struct kmsd_key *key)
{
    const struct kmsd_kind *kind = kmsd_kind_find(key->spec, key->usage);
    return kind != NULL && kind->key_type != NULL;
}

bool kmsd_material_is_whole(const struct kmsd_key *key, struct kms_bytes wrapped)
{
    struct kms_bytes private_key;
    struct kms_bytes public_key;
    return wrapped.len == 0 || !is_pair(key) || split(wrapped, &private_key, &public_key);
}

struct kmsd_material kmsd_key_material_of(
    const struct kmsd_key *key, const struct kmsd_key_material *material)
{
    struct kmsd_material handle = {
        .key_arn = key->arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .wrapped = material->wrapped,
        .spec = key->spec,
        .usage = key->usage,
    };
    /* what is not whole stays in one piece, which does not open */
    if (is_pair(key))
        (void)split(material->wrapped, &handle.wrapped, &handle.public_key);
    memcpy(handle.id, material->id, sizeof(handle.id));
    return handle;
}

const struct kmsd_policy_document *kmsd_key_policy_document(const struct kmsd_key *key)
{
    return kmsd_parsed_policy_document(key->parsed);
}

bool kmsd_key_is_gone(const struct kmsd_key *key, int64_t now_ms)
{
    return key->deletion_ms != 0 && key->deletion_ms <= now_ms;
}

int kmsd_str_compare(struct kms_str a, struct kms_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}
