/* AWS JSON 1.1: text into structures of the API, read in place after it has been proven to be JSON. */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec_impl.h"
#include "libkms/proto/json_text.h"

static enum kms_err decode_structure(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_shape *shape, void *out);

static enum kms_token token_of(enum kms_json_kind kind)
{
    switch (kind) {
    case KMS_JSON_STRING:
        return KMS_TOKEN_STRING;
    case KMS_JSON_NUMBER:
        return KMS_TOKEN_NUMBER;
    case KMS_JSON_TRUE:
        return KMS_TOKEN_TRUE;
    case KMS_JSON_FALSE:
        return KMS_TOKEN_FALSE;
    case KMS_JSON_LIST:
        return KMS_TOKEN_LIST;
    case KMS_JSON_OBJECT:
        return KMS_TOKEN_MAP;
    case KMS_JSON_NULL:
        break;
    }
    return KMS_TOKEN_OTHER;
}

/* --- text ------------------------------------------------------------------------------------- */

/* What a string means, in the arena, with a NUL behind it. */
static enum kms_err keep_text(
    struct kms_decoding *decoding, struct kms_json_string string, struct kms_str *out)
{
    char *text = kms_arena_alloc(decoding->arena, string.raw.len + 1);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = (struct kms_str){text, kms_json_unescape(string, text)};
    return KMS_OK;
}

static enum kms_err decode_string(
    struct kms_decoding *decoding, struct kms_json_place *place, void *slot)
{
    struct kms_str text;
    enum kms_err err = keep_text(decoding, kms_json_string(place), &text);
    if (err == KMS_OK)
        memcpy(slot, &text, sizeof(text));
    return err;
}

/* A view where that is enough: names of members and of enumerations' values live on in no slot. */
static enum kms_err view_text(
    struct kms_decoding *decoding, struct kms_json_string string, struct kms_str *out)
{
    if (string.has_escapes)
        return keep_text(decoding, string, out);
    *out = string.raw;
    return KMS_OK;
}

static enum kms_err decode_enum(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *type, int *values, size_t count, size_t index, struct kms_str **texts)
{
    struct kms_str text;
    enum kms_err err = view_text(decoding, kms_json_string(place), &text);
    if (err == KMS_OK)
        err = kms_decoding_enum(decoding, type, text, values, count, index, texts);
    return err;
}

/* A blob that is not base64 has no text in the live service's answer. */
static enum kms_err decode_blob(
    struct kms_decoding *decoding, struct kms_json_place *place, void *slot)
{
    struct kms_str base64;
    enum kms_err err = view_text(decoding, kms_json_string(place), &base64);
    if (err != KMS_OK)
        return err;
    uint8_t *data = kms_arena_alloc(decoding->arena, kms_base64_decoded_max(base64.len));
    if (data == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t len = 0;
    err = kms_base64_decode(base64, data, &len);
    if (err != KMS_OK)
        return err;
    struct kms_bytes blob = kms_bytes(data, len);
    memcpy(slot, &blob, sizeof(blob));
    return KMS_OK;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static enum kms_err decode_number(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *type, void *slot)
{
    struct kms_json_number number;
    enum kms_err err = kms_json_number(place, &number);
    if (err != KMS_OK)
        return err;
    if (!number.is_integer)
        return kms_decoding_real(decoding, number.real, type->kind, slot);
    if (type->kind == KMS_KIND_INTEGER)
        return kms_decoding_integer(decoding, number.integer, slot);
    return kms_decoding_timestamp(decoding, number.integer, slot);
}

/* --- lists and maps --------------------------------------------------------------------------- */

/* items has room for count; a null in a request stays as an absent item for the validator to see,
 * in an answer it is left out. */
static enum kms_err decode_items(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *member, size_t count, struct kms_list *list)
{
    size_t size = kms_item_size(member);
    uint8_t *items = (uint8_t *)(uintptr_t)list->items;
    struct kms_str *texts = NULL;
    kms_json_enter(place);
    while (kms_json_more(place)) {
        enum kms_json_kind kind = kms_json_next(place);
        uint8_t *slot = items + list->count * size;
        enum kms_err err = KMS_OK;
        if (kind == KMS_JSON_NULL) {
            if (decoding->request && member->kind == KMS_KIND_STRUCTURE)
                return kms_decoding_mismatch(decoding, member->kind, KMS_TOKEN_OTHER);
            kms_json_skip(place);
            list->count += decoding->request ? 1 : 0;
            continue;
        }
        if (kind != (member->kind == KMS_KIND_STRUCTURE ? KMS_JSON_OBJECT : KMS_JSON_STRING))
            return kms_decoding_mismatch(decoding, member->kind, token_of(kind));
        if (member->kind == KMS_KIND_STRUCTURE)
            err = decode_structure(decoding, place, member->structure, slot);
        else if (member->kind == KMS_KIND_ENUM)
            err = decode_enum(
                decoding, place, member, (int *)(void *)items, count, list->count, &texts);
        else
            err = decode_string(decoding, place, slot);
        if (err != KMS_OK)
            return err;
        list->count++;
    }
    return KMS_OK;
}

static enum kms_err decode_list(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *type, void *slot)
{
    size_t count = kms_json_count(*place);
    struct kms_list list = {
        .items = kms_arena_calloc(decoding->arena, count, kms_item_size(type->member))};
    if (list.items == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = decode_items(decoding, place, type->member, count, &list);
    if (err == KMS_OK)
        memcpy(slot, &list, sizeof(list));
    return err;
}

static enum kms_err decode_pair(
    struct kms_decoding *decoding, struct kms_json_place *place, struct kms_str_pair *pair)
{
    enum kms_err err = keep_text(decoding, kms_json_name(place), &pair->key);
    if (err != KMS_OK)
        return err;
    enum kms_json_kind kind = kms_json_next(place);
    if (kind == KMS_JSON_NULL) {
        kms_json_skip(place);
        return KMS_OK;
    }
    if (kind != KMS_JSON_STRING)
        return kms_decoding_mismatch(decoding, KMS_KIND_STRING, token_of(kind));
    return decode_string(decoding, place, &pair->value);
}

static enum kms_err decode_map(
    struct kms_decoding *decoding, struct kms_json_place *place, void *slot)
{
    struct kms_str_pair *pairs =
        kms_arena_calloc(decoding->arena, kms_json_count(*place), sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kms_str_map map = {.items = pairs};
    kms_json_enter(place);
    while (kms_json_more(place)) {
        struct kms_str_pair *pair = &pairs[map.count];
        *pair = (struct kms_str_pair){0};
        enum kms_err err = decode_pair(decoding, place, pair);
        if (err != KMS_OK)
            return err;
        map.count += decoding->request || pair->value.data != NULL ? 1 : 0;
    }
    enum kms_err err = kms_decoding_names_differ(decoding, &map);
    if (err == KMS_OK)
        memcpy(slot, &map, sizeof(map));
    return err;
}

/* --- structures ------------------------------------------------------------------------------- */

static enum kms_err decode_pointer(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *type, void *slot)
{
    void *structure = kms_arena_alloc(decoding->arena, type->structure->size);
    if (structure == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = decode_structure(decoding, place, type->structure, structure);
    if (err == KMS_OK)
        memcpy(slot, &structure, sizeof(structure));
    return err;
}

static enum kms_err decode_value(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_type *type, void *slot)
{
    struct kms_str *texts = NULL;
    enum kms_json_kind kind = kms_json_next(place);
    switch (type->kind) {
    case KMS_KIND_STRING:
        if (kind == KMS_JSON_STRING)
            return decode_string(decoding, place, slot);
        break;
    case KMS_KIND_BLOB:
        if (kind == KMS_JSON_STRING)
            return decode_blob(decoding, place, slot);
        break;
    case KMS_KIND_ENUM:
        if (kind == KMS_JSON_STRING)
            return decode_enum(decoding, place, type, slot, 1, 0, &texts);
        break;
    case KMS_KIND_INTEGER:
    case KMS_KIND_TIMESTAMP:
        if (kind == KMS_JSON_NUMBER)
            return decode_number(decoding, place, type, slot);
        break;
    case KMS_KIND_BOOLEAN:
        if (kind == KMS_JSON_TRUE || kind == KMS_JSON_FALSE) {
            kms_decoding_boolean(kind == KMS_JSON_TRUE, slot);
            kms_json_skip(place);
            return KMS_OK;
        }
        break;
    case KMS_KIND_LIST:
        if (kind == KMS_JSON_LIST)
            return decode_list(decoding, place, type, slot);
        break;
    case KMS_KIND_MAP:
        if (kind == KMS_JSON_OBJECT)
            return decode_map(decoding, place, slot);
        break;
    case KMS_KIND_STRUCTURE:
        if (kind == KMS_JSON_OBJECT)
            return decode_pointer(decoding, place, type, slot);
        break;
    }
    return kms_decoding_mismatch(decoding, type->kind, token_of(kind));
}

static enum kms_err decode_member(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_member *member, void *out)
{
    struct kms_json_place value = *place;
    enum kms_err err = KMS_ERR_WRONG_TYPE;
    if (kms_json_next(place) != KMS_JSON_NULL) {
        err = decode_value(decoding, place, member->type, (uint8_t *)out + member->offset);
        if (err != KMS_ERR_WRONG_TYPE || !decoding->forgiving)
            return err;
        *place = value;
    }
    kms_json_skip(place);
    return KMS_OK;
}

/* The recursion is as deep as the model nests structures. */
static enum kms_err decode_structure(struct kms_decoding *decoding, struct kms_json_place *place,
    const struct kms_shape *shape, void *out)
{
    uint64_t seen = 0; /* no structure has more than 64 members, as test_model.c makes sure */
    kms_json_enter(place);
    while (kms_json_more(place)) {
        struct kms_str name;
        enum kms_err err = view_text(decoding, kms_json_name(place), &name);
        if (err != KMS_OK)
            return err;
        size_t index = kms_member_find(shape, name);
        if (index == shape->member_count) {
            kms_json_skip(place);
            continue;
        }
        /* it could mean one thing to whoever checked the request and another to us */
        if ((seen >> index & 1) != 0)
            return KMS_ERR_SYNTAX;
        seen |= UINT64_C(1) << index;
        err = decode_member(decoding, place, &shape->members[index], out);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

enum kms_err kms_json_decode(
    struct kms_decoding *decoding, const struct kms_shape *shape, struct kms_bytes body, void *out)
{
    struct kms_str text = {(const char *)body.data, body.len};
    enum kms_err err = kms_json_check(text);
    if (err != KMS_OK)
        return err;
    struct kms_json_place place = {.at = text.data};
    if (kms_json_next(&place) != KMS_JSON_OBJECT) {
        decoding->message = kms_unexpected_list;
        return KMS_ERR_SYNTAX;
    }
    return decode_structure(decoding, &place, shape, out);
}
