/* Between rows and snapshots. */
#include "kmsd/keys/index.h"
#include "libkms/proto/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- snapshot to row -------------------------------------------------------------------------- */

static struct kms_str enum_text(const char *type, int value)
{
    return kms_str(kms_enum_text(kms_type_find(type), value));
}

enum kms_err kmsd_key_store(struct kmsd_store *store, const struct kmsd_key *key)
{
    struct kmsd_key_row row = {
        .account = key->realm.account,
        .region = key->realm.region,
        .key_id = key->id,
        .key_spec = enum_text("KeySpec", (int)key->spec),
        .key_usage = enum_text("KeyUsageType", (int)key->usage),
        .origin = enum_text("OriginType", (int)key->origin),
        .key_manager = enum_text("KeyManagerType", (int)key->manager),
        .key_state = enum_text("KeyState", (int)key->state),
        .description = key->description,
        .policy = key->policy,
        .multi_region = key->multi_region,
        .created_ms = key->created_ms,
        .deletion_ms = key->deletion_ms,
        .pending_window_days = key->pending_window_days,
        .rotation_enabled = key->rotation_enabled,
        .rotation_period_days = key->rotation_period_days,
        .next_rotation_ms = key->next_rotation_ms,
        .primary_region = key->primary_region,
    };
    return kmsd_store_put_key(store, &row);
}

enum kms_err kmsd_material_store(
    struct kmsd_store *store, const struct kmsd_key *key, const struct kmsd_key_material *material)
{
    struct kmsd_material_row row = {
        .account = key->realm.account,
        .region = key->realm.region,
        .key_id = key->id,
        .material_id = kms_bytes(material->id, sizeof(material->id)),
        .version = material->version,
        .wrapped = material->wrapped,
        .created_ms = material->created_ms,
        .state = enum_text("KeyMaterialState", (int)material->state),
        .import_state = enum_text("ImportState", (int)material->import_state),
        .expires_ms = material->expires_ms,
        .rotated_ms = material->rotated_ms,
        .rotation_type = enum_text("RotationType", (int)material->rotation_type),
        .description = material->description,
    };
    return kmsd_store_put_material(store, &row);
}

/* --- row to snapshot -------------------------------------------------------------------------- */

/* Whose row it is. */
struct owner {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
};

static int compare_owner(const struct owner *a, const struct owner *b)
{
    int order = kmsd_str_compare(a->account, b->account);
    if (order == 0)
        order = kmsd_str_compare(a->region, b->region);
    return order != 0 ? order : kmsd_str_compare(a->key_id, b->key_id);
}

/* Rows that belong to keys, read before the keys and then consumed in step with them: all come in
 * the order of their owners. */
struct kept_material {
    struct owner owner;
    struct kmsd_key_material material;
};

struct kept_tag {
    struct owner owner;
    struct kms_tag tag;
};

struct kept_grants {
    struct owner owner;
    const struct kmsd_grants *grants; /* of one key */
};

struct loading {
    struct kmsd_keys *keys;
    struct kmsd_detail *detail;
    struct kms_arena arena; /* texts of kept rows */

    struct kept_material *materials;
    size_t material_count;
    size_t material_capacity;
    size_t material_next;
    struct kept_tag *tags;
    size_t tag_count;
    size_t tag_capacity;
    size_t tag_next;
    struct kept_grants *grants;
    size_t grants_count;
    size_t grants_capacity;
    size_t grants_next;

    struct kmsd_key_material *own_materials; /* of the key at hand */
    struct kms_tag *own_tags;
    size_t own_capacity;

    const struct kmsd_key
        *last;                 /* held: its parsed policy serves the next key with the same text */
    struct kmsd_shelf *proven; /* the last shelf whose material was opened */
    const struct kms_type *spec;
    const struct kms_type *usage;
    const struct kms_type *origin;
    const struct kms_type *manager;
    const struct kms_type *state;
    const struct kms_type *material_state;
    const struct kms_type *import_state;
    const struct kms_type *rotation_type;
};

__attribute__((format(printf, 3, 4))) static enum kms_err corrupt(
    struct loading *loading, struct kms_str key_id, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    kmsd_detail_set(loading->detail, "key %.*s: %s", (int)(key_id.len < 64 ? key_id.len : 64),
        key_id.data, what);
    return KMS_ERR_CORRUPT;
}

/* Makes room for one more item of a growing array. */
static enum kms_err grow(void *array_at, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return KMS_OK;
    size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    void *old;
    memcpy(&old, array_at, sizeof(old));
    void *array = wanted > SIZE_MAX / size ? NULL : realloc(old, wanted * size);
    if (array == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(array_at, &array, sizeof(array));
    *capacity = wanted;
    return KMS_OK;
}

/* Copies an owner, sharing the copy of the row before where it is the same. */
static enum kms_err keep_owner(
    struct loading *loading, const struct owner *row, const struct owner *before, struct owner *out)
{
    if (before != NULL && compare_owner(row, before) == 0) {
        *out = *before;
        return KMS_OK;
    }
    bool same_realm = before != NULL && kms_str_eq(row->account, before->account) &&
                      kms_str_eq(row->region, before->region);
    *out = (struct owner){
        .account = same_realm ? before->account : kms_arena_str(&loading->arena, row->account),
        .region = same_realm ? before->region : kms_arena_str(&loading->arena, row->region),
        .key_id = kms_arena_str(&loading->arena, row->key_id),
    };
    return out->account.data == NULL || out->region.data == NULL || out->key_id.data == NULL
               ? KMS_ERR_NO_MEMORY
               : KMS_OK;
}

static int parse_enum(const struct kms_type *type, struct kms_str text)
{
    for (size_t i = 0; i < type->value_count; i++) {
        if (kms_str_is(text, type->values[i]))
            return (int)i + 1;
    }
    return 0;
}

static enum kms_err visit_material(void *context, const struct kmsd_material_row *row)
{
    struct loading *loading = context;
    if (row->material_id.len != KMSD_MATERIAL_ID_SIZE)
        return corrupt(loading, row->key_id, "a material id of %zu bytes", row->material_id.len);
    enum kms_err err = grow(&loading->materials, &loading->material_capacity,
        loading->material_count, sizeof(*loading->materials));
    if (err != KMS_OK)
        return err;
    size_t count = loading->material_count;
    struct kept_material *kept = &loading->materials[count];
    struct owner owner = {row->account, row->region, row->key_id};
    err = keep_owner(loading, &owner, count == 0 ? NULL : &kept[-1].owner, &kept->owner);
    if (err != KMS_OK)
        return err;
    kept->material = (struct kmsd_key_material){
        .version = row->version,
        .state = (enum kms_key_material_state)parse_enum(loading->material_state, row->state),
        .wrapped = kms_arena_bytes(&loading->arena, row->wrapped),
        .created_ms = row->created_ms,
        .rotated_ms = row->rotated_ms,
        .rotation_type =
            (enum kms_rotation_type)parse_enum(loading->rotation_type, row->rotation_type),
        .import_state = (enum kms_import_state)parse_enum(loading->import_state, row->import_state),
        .expires_ms = row->expires_ms,
        .description = kms_arena_str(&loading->arena, row->description),
    };
    memcpy(kept->material.id, row->material_id.data, KMSD_MATERIAL_ID_SIZE);
    if (kept->material.wrapped.data == NULL || kept->material.description.data == NULL)
        return KMS_ERR_NO_MEMORY;
    loading->material_count++;
    return KMS_OK;
}

static enum kms_err visit_tag(void *context, const struct kmsd_tag_row *row)
{
    struct loading *loading = context;
    enum kms_err err =
        grow(&loading->tags, &loading->tag_capacity, loading->tag_count, sizeof(*loading->tags));
    if (err != KMS_OK)
        return err;
    size_t count = loading->tag_count;
    struct kept_tag *kept = &loading->tags[count];
    struct owner owner = {row->account, row->region, row->key_id};
    err = keep_owner(loading, &owner, count == 0 ? NULL : &kept[-1].owner, &kept->owner);
    if (err != KMS_OK)
        return err;
    kept->tag = (struct kms_tag){
        kms_arena_str(&loading->arena, row->key), kms_arena_str(&loading->arena, row->value)};
    if (kept->tag.tag_key.data == NULL || kept->tag.tag_value.data == NULL)
        return KMS_ERR_NO_MEMORY;
    loading->tag_count++;
    return KMS_OK;
}

static enum kms_err visit_grant(void *context, const struct kmsd_grant_row *row)
{
    struct loading *loading = context;
    struct owner owner = {row->account, row->region, row->key_id};
    size_t count = loading->grants_count;
    enum kms_err err =
        grow(&loading->grants, &loading->grants_capacity, count, sizeof(*loading->grants));
    if (err != KMS_OK)
        return err;
    struct kept_grants *kept = &loading->grants[count];
    if (count != 0 && compare_owner(&owner, &kept[-1].owner) == 0) {
        kept--;
    } else {
        *kept = (struct kept_grants){.grants = NULL};
        err = keep_owner(loading, &owner, count == 0 ? NULL : &kept[-1].owner, &kept->owner);
        if (err != KMS_OK)
            return err;
        loading->grants_count++;
    }
    err = kmsd_grants_append_row(&kept->grants, row);
    return err == KMS_ERR_CORRUPT
               ? corrupt(loading, row->key_id, "a grant that this version cannot read")
               : err;
}

/* Gathers what belongs to the key whose turn it is. */
static enum kms_err gather(
    struct loading *loading, const struct owner *owner, struct kmsd_key *draft)
{
    size_t first_material = loading->material_next;
    while (loading->material_next < loading->material_count &&
           compare_owner(&loading->materials[loading->material_next].owner, owner) == 0)
        loading->material_next++;
    size_t first_tag = loading->tag_next;
    while (loading->tag_next < loading->tag_count &&
           compare_owner(&loading->tags[loading->tag_next].owner, owner) == 0)
        loading->tag_next++;
    draft->grants = NULL;
    if (loading->grants_next < loading->grants_count &&
        compare_owner(&loading->grants[loading->grants_next].owner, owner) == 0)
        draft->grants = loading->grants[loading->grants_next++].grants;

    draft->material_count = loading->material_next - first_material;
    draft->tags.count = loading->tag_next - first_tag;
    while (loading->own_capacity < draft->material_count ||
           loading->own_capacity < draft->tags.count) {
        size_t same = loading->own_capacity;
        enum kms_err err = grow(
            &loading->own_materials, &same, loading->own_capacity, sizeof(*loading->own_materials));
        if (err == KMS_OK)
            err = grow(&loading->own_tags, &loading->own_capacity, loading->own_capacity,
                sizeof(*loading->own_tags));
        if (err != KMS_OK)
            return err;
    }
    for (size_t i = 0; i < draft->material_count; i++)
        loading->own_materials[i] = loading->materials[first_material + i].material;
    for (size_t i = 0; i < draft->tags.count; i++)
        loading->own_tags[i] = loading->tags[first_tag + i].tag;
    draft->materials = loading->own_materials;
    draft->tags.items = loading->own_tags;
    return KMS_OK;
}

/* The sorting that lists and merging rely on; versions that grow. */
static enum kms_err check_order(struct loading *loading, const struct kmsd_key *key)
{
    for (size_t i = 1; i < key->tags.count; i++) {
        if (kmsd_str_compare(key->tags.items[i - 1].tag_key, key->tags.items[i].tag_key) >= 0)
            return corrupt(loading, key->id, "its tags are out of order");
    }
    for (size_t i = 1; i < key->material_count; i++) {
        if (key->materials[i - 1].version >= key->materials[i].version)
            return corrupt(loading, key->id, "its material is out of order");
    }
    for (size_t i = 0; i < key->material_count; i++) {
        if (!kmsd_material_is_whole(key, key->materials[i].wrapped))
            return corrupt(loading, key->id, "its material is not that of a key pair");
    }
    bool is_mrk = key->id.len > 4 && memcmp(key->id.data, "mrk-", 4) == 0;
    if (key->multi_region != is_mrk || key->multi_region != (key->primary_region.len != 0))
        return corrupt(loading, key->id, "its id and its regions contradict each other");
    size_t current = 0;
    for (size_t i = 0; i < key->material_count; i++)
        current += key->materials[i].state == KMS_KEY_MATERIAL_STATE_CURRENT;
    if (current > 1)
        return corrupt(loading, key->id, "it has more than one current material");
    if (current == 0 && key->origin == KMS_ORIGIN_AWS_KMS)
        return corrupt(loading, key->id, "it has no current material");
    return KMS_OK;
}

/* Opens material once per realm: enough to know that the root key is the right one, and quick
 * however many keys there are. */
static enum kms_err prove(struct loading *loading, const struct kmsd_key *key)
{
    struct kmsd_shelf *shelf = kmsd_shelf_find(loading->keys, key->realm);
    const struct kmsd_key_material *current = kmsd_key_current_material(key);
    if (shelf == loading->proven || current == NULL || current->wrapped.len == 0)
        return KMS_OK;
    struct kmsd_material material = kmsd_key_material_of(key, current);
    enum kms_err err = kmsd_custody_verify(loading->keys->custody, &material);
    if (err == KMS_ERR_CORRUPT)
        err = KMS_ERR_AUTHENTICATION; /* what custody says of other kinds than symmetric ones */
    if (err != KMS_OK) {
        kmsd_detail_set(loading->detail,
            "the material of %.*s does not open: is this the right root key?", (int)key->arn.len,
            key->arn.data);
        return err;
    }
    loading->proven = shelf;
    return KMS_OK;
}

static enum kms_err shelve(struct loading *loading, const struct kmsd_key *key)
{
    enum kms_err err = check_order(loading, key);
    if (err != KMS_OK)
        return err;
    err = kmsd_index_load_key(loading->keys, key);
    if (err == KMS_ERR_CORRUPT)
        return corrupt(loading, key->id, "it is out of order");
    return err == KMS_OK ? prove(loading, key) : err;
}

static enum kms_err visit_key(void *context, const struct kmsd_key_row *row)
{
    struct loading *loading = context;
    char arn[KMS_ARN_MAX];
    int len = snprintf(arn, sizeof(arn), "arn:%s:kms:%.*s:%.*s:key/%.*s",
        kms_partition_of_region(row->region), (int)row->region.len, row->region.data,
        (int)row->account.len, row->account.data, (int)row->key_id.len, row->key_id.data);
    if (len < 0 || (size_t)len >= sizeof(arn) || !kms_key_id_is_well_formed(row->key_id))
        return corrupt(loading, row->key_id, "no key id");
    struct kmsd_key draft = {
        .arn = {arn, (size_t)len},
        .spec = (enum kms_key_spec)parse_enum(loading->spec, row->key_spec),
        .usage = (enum kms_key_usage)parse_enum(loading->usage, row->key_usage),
        .origin = (enum kms_origin)parse_enum(loading->origin, row->origin),
        .manager = (enum kms_key_manager)parse_enum(loading->manager, row->key_manager),
        .state = (enum kms_key_state)parse_enum(loading->state, row->key_state),
        .multi_region = row->multi_region,
        .created_ms = row->created_ms,
        .deletion_ms = row->deletion_ms,
        .pending_window_days = row->pending_window_days,
        .rotation_enabled = row->rotation_enabled,
        .rotation_period_days = row->rotation_period_days,
        .next_rotation_ms = row->next_rotation_ms,
        .primary_region = row->primary_region,
        .description = row->description,
        .policy = row->policy,
    };
    if (draft.spec == KMS_KEY_SPEC_UNSET || draft.usage == KMS_KEY_USAGE_UNSET ||
        draft.origin == KMS_ORIGIN_UNSET || draft.manager == KMS_KEY_MANAGER_UNSET ||
        draft.state == KMS_KEY_STATE_UNSET)
        return corrupt(
            loading, row->key_id, "a spec, usage, origin, manager or state unknown here");
    struct owner owner = {row->account, row->region, row->key_id};
    enum kms_err err = gather(loading, &owner, &draft);
    if (err != KMS_OK)
        return err;
    if (loading->last != NULL && kms_str_eq(loading->last->policy, draft.policy))
        draft.parsed = loading->last->parsed;
    KMSD_KEY_AUTO key = kmsd_key_pack(&draft);
    if (key == NULL)
        return KMS_ERR_NO_MEMORY;
    if (kmsd_key_policy_document(key) == NULL)
        loading->keys->unreadable_policies++;
    kmsd_key_release(loading->last);
    loading->last = kmsd_key_hold(key);
    if (!kms_str_eq(key->realm.account, row->account) ||
        !kms_str_eq(key->realm.region, row->region) || !kms_str_eq(key->id, row->key_id))
        return corrupt(loading, row->key_id, "its account or region is malformed");
    return shelve(loading, key);
}

static const char nothing_named[] = "an alias names it, but it is not there";

/* That its key is there shows when all aliases are. */
static enum kms_err visit_alias(void *context, const struct kmsd_alias_row *row)
{
    struct loading *loading = context;
    struct kmsd_alias draft = {
        .realm = {row->account, row->region},
        .name = row->name,
        .key_id = row->key_id,
        .created_ms = row->created_ms,
        .updated_ms = row->updated_ms,
    };
    if (kmsd_shelf_find(loading->keys, draft.realm) == NULL)
        return corrupt(loading, row->key_id, "%s", nothing_named);
    KMSD_ALIAS_AUTO alias = kmsd_alias_pack(&draft);
    return alias == NULL ? KMS_ERR_NO_MEMORY : kmsd_index_load_alias(loading->keys, alias);
}

static enum kms_err visit_last_use(void *context, const struct kmsd_last_use_row *row)
{
    struct loading *loading = context;
    struct kmsd_realm realm = {row->account, row->region};
    const struct kmsd_key *key = kmsd_shelf_key(kmsd_shelf_find(loading->keys, realm), row->key_id);
    if (key == NULL || kmsd_key_use_load(key, row) != KMS_OK)
        return corrupt(loading, row->key_id, "its last use cannot be read");
    return KMS_OK;
}

static enum kms_err load(struct loading *loading)
{
    struct kmsd_store *store = loading->keys->store;
    enum kms_err err = kmsd_store_each_material(store, visit_material, loading);
    if (err == KMS_OK)
        err = kmsd_store_each_tag(store, visit_tag, loading);
    if (err == KMS_OK)
        err = kmsd_store_each_grant(store, visit_grant, loading);
    if (err == KMS_OK)
        err = kmsd_store_each_key(store, visit_key, loading);
    if (err != KMS_OK)
        return err;
    if (loading->material_next != loading->material_count)
        return corrupt(loading, loading->materials[loading->material_next].owner.key_id,
            "it has material, but is not there");
    if (loading->tag_next != loading->tag_count)
        return corrupt(loading, loading->tags[loading->tag_next].owner.key_id,
            "it has tags, but is not there");
    if (loading->grants_next != loading->grants_count)
        return corrupt(loading, loading->grants[loading->grants_next].owner.key_id,
            "it has grants, but is not there");
    err = kmsd_store_each_alias(store, visit_alias, loading);
    if (err != KMS_OK)
        return err;
    const struct kmsd_alias *astray = kmsd_index_loaded(loading->keys);
    if (astray != NULL)
        return corrupt(loading, astray->key_id, "%s", nothing_named);
    return kmsd_store_each_last_use(store, visit_last_use, loading);
}

enum kms_err kmsd_keys_load(struct kmsd_keys *keys, struct kmsd_detail *detail)
{
    struct loading loading = {
        .keys = keys,
        .detail = detail,
        .spec = kms_type_find("KeySpec"),
        .usage = kms_type_find("KeyUsageType"),
        .origin = kms_type_find("OriginType"),
        .manager = kms_type_find("KeyManagerType"),
        .state = kms_type_find("KeyState"),
        .material_state = kms_type_find("KeyMaterialState"),
        .import_state = kms_type_find("ImportState"),
        .rotation_type = kms_type_find("RotationType"),
    };
    kms_arena_init(&loading.arena, SIZE_MAX / 2);
    enum kms_err err = load(&loading);
    kmsd_key_release(loading.last);
    kms_arena_clean_up(&loading.arena);
    free(loading.materials);
    free(loading.tags);
    for (size_t i = 0; i < loading.grants_count; i++)
        kmsd_grants_release(loading.grants[i].grants);
    free(loading.grants);
    free(loading.own_materials);
    free(loading.own_tags);
    if (err != KMS_OK && detail->text[0] == '\0')
        kmsd_detail_set(detail, "the keys cannot be loaded: %s", kms_err_text(err));
    return err;
}
