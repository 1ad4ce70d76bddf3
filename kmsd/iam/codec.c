/* Entities as rows keep them: one JSON object each. */
#include "kmsd/iam/entity.h"

#include <jansson.h>

/* --- writing ---------------------------------------------------------------------------------- */

static int append_json(const char *text, size_t len, void *at)
{
    struct kms_buf *out = at;
    kms_buf_append(out, text, len);
    return out->err == KMS_OK ? 0 : -1;
}

/* Each of these fails when memory is out, and passes that on: -1. */
static int set_text(json_t *object, const char *name, struct kms_str text)
{
    if (text.data == NULL)
        return 0;
    return json_object_set_new(object, name, json_stringn(text.data, text.len));
}

static int set_integer(json_t *object, const char *name, int64_t value)
{
    return value == 0 ? 0 : json_object_set_new(object, name, json_integer(value));
}

static int set_list(json_t *object, const char *name, const struct kmsd_iam_list *list)
{
    if (list->count == 0)
        return 0;
    json_t *array = json_array();
    int failed = array == NULL ? -1 : 0;
    for (size_t i = 0; i < list->count; i++)
        failed |=
            json_array_append_new(array, json_stringn(list->items[i].data, list->items[i].len));
    return failed | json_object_set_new(object, name, array);
}

static int set_map(json_t *object, const char *name, const struct kms_str_map *map)
{
    if (map->count == 0)
        return 0;
    json_t *array = json_array();
    int failed = array == NULL ? -1 : 0;
    for (size_t i = 0; i < map->count; i++)
        failed |= json_array_append_new(
            array, json_pack("[s%s%]", map->items[i].key.data, map->items[i].key.len,
                       map->items[i].value.data, map->items[i].value.len));
    return failed | json_object_set_new(object, name, array);
}

static int set_policies(
    json_t *object, const char *name, const struct kmsd_iam_policy *policies, size_t count)
{
    if (count == 0)
        return 0;
    json_t *array = json_array();
    int failed = array == NULL ? -1 : 0;
    for (size_t i = 0; i < count; i++)
        failed |= json_array_append_new(array,
            json_pack("[s%s%I]", policies[i].name.data, policies[i].name.len, policies[i].text.data,
                policies[i].text.len, (json_int_t)policies[i].created_ms));
    return failed | json_object_set_new(object, name, array);
}

enum kms_err kmsd_iam_entity_encode(const struct kmsd_iam_entity *entity, struct kms_buf *out)
{
    json_t *object = json_object();
    if (object == NULL)
        return KMS_ERR_NO_MEMORY;
    int failed = set_text(object, "name", entity->name);
    failed |= set_text(object, "path", entity->path);
    failed |= set_text(object, "id", entity->id);
    failed |= set_integer(object, "created_ms", entity->created_ms);
    failed |= set_integer(object, "updated_ms", entity->updated_ms);
    failed |= set_map(object, "tags", &entity->tags);
    failed |= set_policies(object, "inline", entity->inline_policies, entity->inline_count);
    failed |= set_list(object, "attached", &entity->attached);
    failed |= set_text(object, "boundary", entity->boundary);
    failed |= set_list(object, "groups", &entity->groups);
    failed |= set_text(object, "trust", entity->trust.text);
    failed |= set_integer(object, "max_session_s", entity->max_session_s);
    failed |= set_text(object, "description", entity->description);
    failed |= set_policies(object, "versions", entity->versions, entity->version_count);
    failed |= set_integer(object, "default_version", (int64_t)entity->default_version);
    failed |= set_integer(object, "last_version", entity->last_version);
    failed |= set_list(object, "clients", &entity->clients);
    failed |= set_list(object, "thumbprints", &entity->thumbprints);
    failed |= set_text(object, "jwks", entity->jwks);
    if (failed == 0)
        failed = json_dump_callback(object, append_json, out, JSON_COMPACT);
    json_decref(object);
    if (out->err != KMS_OK)
        return out->err;
    return failed == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
    const json_t *object;
    struct kms_arena *arena;
    enum kms_err err; /* the first */
};

static struct kms_str copy_text(struct reader *reader, const json_t *value)
{
    struct kms_str text = {json_string_value(value), json_string_length(value)};
    if (text.data == NULL) {
        reader->err = KMS_ERR_CORRUPT;
        return text;
    }
    text = kms_arena_str(reader->arena, text);
    if (text.data == NULL)
        reader->err = KMS_ERR_NO_MEMORY;
    return text;
}

static struct kms_str get_text(struct reader *reader, const char *name)
{
    const json_t *value = json_object_get(reader->object, name);
    return value == NULL ? kms_str(NULL) : copy_text(reader, value);
}

static int64_t get_integer(struct reader *reader, const char *name)
{
    const json_t *value = json_object_get(reader->object, name);
    if (value != NULL && !json_is_integer(value))
        reader->err = KMS_ERR_CORRUPT;
    return json_integer_value(value);
}

/* Room for an array's items; NULL when there is nothing to read. */
static void *get_array(
    struct reader *reader, const char *name, size_t size, const json_t **array, size_t *count)
{
    *array = json_object_get(reader->object, name);
    *count = json_array_size(*array);
    if (*array != NULL && !json_is_array(*array))
        reader->err = KMS_ERR_CORRUPT;
    void *items = *count == 0 ? NULL : kms_arena_calloc(reader->arena, *count, size);
    if (*count != 0 && items == NULL) {
        reader->err = KMS_ERR_NO_MEMORY;
        *count = 0;
    }
    return items;
}

static struct kmsd_iam_list get_list(struct reader *reader, const char *name)
{
    const json_t *array = NULL;
    size_t count = 0;
    struct kms_str *items = get_array(reader, name, sizeof(*items), &array, &count);
    for (size_t i = 0; i < count; i++)
        items[i] = copy_text(reader, json_array_get(array, i));
    return (struct kmsd_iam_list){items, count};
}

static struct kms_str_map get_map(struct reader *reader, const char *name)
{
    const json_t *array = NULL;
    size_t count = 0;
    struct kms_str_pair *pairs = get_array(reader, name, sizeof(*pairs), &array, &count);
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(array, i);
        pairs[i].key = copy_text(reader, json_array_get(pair, 0));
        pairs[i].value = copy_text(reader, json_array_get(pair, 1));
    }
    return (struct kms_str_map){pairs, count};
}

static struct kmsd_iam_policy *get_policies(struct reader *reader, const char *name, size_t *count)
{
    const json_t *array = NULL;
    struct kmsd_iam_policy *policies = get_array(reader, name, sizeof(*policies), &array, count);
    for (size_t i = 0; i < *count; i++) {
        const json_t *item = json_array_get(array, i);
        policies[i].name = copy_text(reader, json_array_get(item, 0));
        policies[i].text = copy_text(reader, json_array_get(item, 1));
        policies[i].created_ms = json_integer_value(json_array_get(item, 2));
    }
    return policies;
}

static void read_members(struct reader *reader, struct kmsd_iam_entity *out)
{
    out->name = get_text(reader, "name");
    out->path = get_text(reader, "path");
    out->id = get_text(reader, "id");
    out->created_ms = get_integer(reader, "created_ms");
    out->updated_ms = get_integer(reader, "updated_ms");
    out->tags = get_map(reader, "tags");
    out->inline_policies = get_policies(reader, "inline", &out->inline_count);
    out->attached = get_list(reader, "attached");
    out->boundary = get_text(reader, "boundary");
    out->groups = get_list(reader, "groups");
    out->trust.text = get_text(reader, "trust");
    out->max_session_s = (int32_t)get_integer(reader, "max_session_s");
    out->description = get_text(reader, "description");
    out->versions = get_policies(reader, "versions", &out->version_count);
    out->default_version = (size_t)get_integer(reader, "default_version");
    out->last_version = (int32_t)get_integer(reader, "last_version");
    out->clients = get_list(reader, "clients");
    out->thumbprints = get_list(reader, "thumbprints");
    out->jwks = get_text(reader, "jwks");
}

struct kms_str kmsd_iam_entity_arn(
    const struct kmsd_iam_entity *draft, struct kms_str partition, struct kms_arena *arena)
{
    struct kms_str path = draft->path.data == NULL ? kms_str("/") : draft->path;
    return kms_arena_printf(arena, "arn:%.*s:iam::%.*s:%s%.*s%.*s", (int)partition.len,
        partition.data, (int)draft->account.len, draft->account.data,
        kmsd_iam_kind_text(draft->kind), (int)path.len, path.data, (int)draft->name.len,
        draft->name.data);
}

enum kms_err kmsd_iam_entity_decode(struct kms_str body, enum kmsd_iam_kind kind,
    struct kms_str account, struct kms_str partition, struct kms_arena *arena,
    struct kmsd_iam_entity *out)
{
    json_error_t error;
    json_t *object = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return KMS_ERR_CORRUPT;
    struct reader reader = {.object = object, .arena = arena};
    struct kmsd_iam_entity entity = {.kind = kind, .account = account};
    read_members(&reader, &entity);
    json_decref(object);
    if (reader.err != KMS_OK)
        return reader.err;
    bool is_policy = kind == KMSD_IAM_POLICY;
    if (entity.name.data == NULL || (kind == KMSD_IAM_ROLE) != (entity.trust.text.data != NULL) ||
        is_policy != (entity.version_count != 0) ||
        (is_policy && entity.default_version >= entity.version_count))
        return KMS_ERR_CORRUPT;
    entity.arn = kmsd_iam_entity_arn(&entity, partition, arena);
    if (entity.arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = entity;
    return KMS_OK;
}
