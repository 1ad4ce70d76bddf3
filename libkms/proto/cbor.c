/*
 * Smithy RPC v2 CBOR, over libcbor: its streaming decoder gives one item at a time as a view of the
 * body and allocates nothing, its encoders write one head at a time. What nests is kept here, with
 * its depth and counts capped.
 */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec_impl.h"

#include <cbor.h>

enum { HEAD_MAX = 9, TAG_EPOCH_SECONDS = 1 };

/* --- one item at a time ----------------------------------------------------------------------- */

enum item_kind {
    ITEM_UNSIGNED, /* value */
    ITEM_NEGATIVE, /* -1 - value */
    ITEM_BYTES,    /* data, value octets */
    ITEM_TEXT,     /* data, value octets */
    ITEM_ARRAY,    /* value items follow */
    ITEM_MAP,      /* value pairs follow */
    ITEM_TAG,      /* value; the tagged item follows */
    ITEM_REAL,     /* real */
    ITEM_FALSE,
    ITEM_TRUE,
    ITEM_NULL, /* null or undefined */
    ITEM_BREAK,
};

struct item {
    enum item_kind kind;
    bool indefinite; /* bytes, text, array, map: chunks or items follow, up to a break */
    uint64_t value;
    const uint8_t *data;
    double real;
};

struct reader {
    const uint8_t *data;
    size_t len;
    size_t at;
};

/* The callbacks' lengths are uint64_t since libcbor 0.9. */
#if CBOR_MAJOR_VERSION > 0 || CBOR_MINOR_VERSION >= 9
typedef uint64_t callback_size;
#else
typedef size_t callback_size;
#endif

#define ON_INTEGER(name, type, item_kind)                                          \
    static void name(void *item, type value)                                       \
    {                                                                              \
        *(struct item *)item = (struct item){.kind = (item_kind), .value = value}; \
    }
#define ON_STRING(name, item_kind)                                                             \
    static void name(void *item, cbor_data data, callback_size len)                            \
    {                                                                                          \
        *(struct item *)item = (struct item){.kind = (item_kind), .value = len, .data = data}; \
    }
#define ON_START(name, item_kind)                                                      \
    static void name(void *item)                                                       \
    {                                                                                  \
        *(struct item *)item = (struct item){.kind = (item_kind), .indefinite = true}; \
    }
#define ON_REAL(name, type)                                                     \
    static void name(void *item, type value)                                    \
    {                                                                           \
        *(struct item *)item = (struct item){.kind = ITEM_REAL, .real = value}; \
    }
#define ON_SIMPLE(name, item_kind)                                 \
    static void name(void *item)                                   \
    {                                                              \
        *(struct item *)item = (struct item){.kind = (item_kind)}; \
    }

ON_INTEGER(on_uint8, uint8_t, ITEM_UNSIGNED)
ON_INTEGER(on_uint16, uint16_t, ITEM_UNSIGNED)
ON_INTEGER(on_uint32, uint32_t, ITEM_UNSIGNED)
ON_INTEGER(on_uint64, uint64_t, ITEM_UNSIGNED)
ON_INTEGER(on_negint8, uint8_t, ITEM_NEGATIVE)
ON_INTEGER(on_negint16, uint16_t, ITEM_NEGATIVE)
ON_INTEGER(on_negint32, uint32_t, ITEM_NEGATIVE)
ON_INTEGER(on_negint64, uint64_t, ITEM_NEGATIVE)
ON_STRING(on_bytes, ITEM_BYTES)
ON_STRING(on_text, ITEM_TEXT)
ON_START(on_bytes_start, ITEM_BYTES)
ON_START(on_text_start, ITEM_TEXT)
ON_INTEGER(on_array, callback_size, ITEM_ARRAY)
ON_START(on_array_start, ITEM_ARRAY)
ON_INTEGER(on_map, callback_size, ITEM_MAP)
ON_START(on_map_start, ITEM_MAP)
ON_INTEGER(on_tag, uint64_t, ITEM_TAG)
ON_REAL(on_float, float)
ON_REAL(on_double, double)
ON_SIMPLE(on_null, ITEM_NULL)
ON_SIMPLE(on_break, ITEM_BREAK)

static void on_boolean(void *item, bool value)
{
    *(struct item *)item = (struct item){.kind = value ? ITEM_TRUE : ITEM_FALSE};
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .byte_string_start = on_bytes_start,
    .string = on_text,
    .string_start = on_text_start,
    .array_start = on_array,
    .indef_array_start = on_array_start,
    .map_start = on_map,
    .indef_map_start = on_map_start,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_boolean,
    .indef_break = on_break,
};

static struct kms_str text_of(const struct item *item)
{
    struct kms_str text = {(const char *)item->data, (size_t)item->value};
    return text;
}

static enum kms_err next(struct reader *reader, struct item *item)
{
    if (reader->at == reader->len)
        return KMS_ERR_SYNTAX;
    struct cbor_decoder_result result =
        cbor_stream_decode(reader->data + reader->at, reader->len - reader->at, &callbacks, item);
    if (result.status != CBOR_DECODER_FINISHED)
        return KMS_ERR_SYNTAX;
    reader->at += result.read;
    /* libcbor 0.9 to 0.14.0 compares a truncated length where size_t is narrower than 64 bits
     * (GHSA-frh9-3gqx-pqg2) */
    if ((item->kind == ITEM_TEXT || item->kind == ITEM_BYTES) && item->value > result.read)
        return KMS_ERR_SYNTAX;
    if (item->kind == ITEM_TEXT && !item->indefinite && !kms_utf8_valid(text_of(item)))
        return KMS_ERR_SYNTAX;
    return KMS_OK;
}

/* The next chunk of an indefinite string, or its break. */
static enum kms_err next_chunk(struct reader *reader, enum item_kind kind, struct item *chunk)
{
    enum kms_err err = next(reader, chunk);
    if (err == KMS_OK && chunk->kind != ITEM_BREAK && (chunk->kind != kind || chunk->indefinite))
        err = KMS_ERR_SYNTAX;
    return err;
}

/* --- what nobody asked for -------------------------------------------------------------------- */

/* A container being skipped. */
struct level {
    uint64_t left; /* items of a definite one; of an indefinite one, items seen */
    uint64_t most;
    bool indefinite;
    bool map;
};

struct skipping {
    struct level levels[KMS_CODEC_MAX_DEPTH];
    size_t depth;
    size_t most; /* levels that this item may add */
};

static enum kms_err enter(struct skipping *s, const struct item *item)
{
    uint64_t per_entry = item->kind == ITEM_MAP ? 2 : 1;
    if (s->depth == s->most)
        return KMS_ERR_TOO_DEEP;
    if (!item->indefinite && item->value > KMS_CODEC_MAX_ITEMS)
        return KMS_ERR_LIMIT;
    s->levels[s->depth++] = (struct level){
        .left = item->indefinite ? 0 : item->value * per_entry,
        .most = KMS_CODEC_MAX_ITEMS * per_entry,
        .indefinite = item->indefinite,
        .map = item->kind == ITEM_MAP,
    };
    return KMS_OK;
}

/* An item ended; so do the containers that it was the last of. */
static enum kms_err leave(struct skipping *s)
{
    while (s->depth > 0) {
        struct level *level = &s->levels[s->depth - 1];
        if (level->indefinite)
            return ++level->left > level->most ? KMS_ERR_LIMIT : KMS_OK;
        if (--level->left > 0)
            return KMS_OK;
        s->depth--;
    }
    return KMS_OK;
}

static enum kms_err skip_chunks(struct reader *reader, enum item_kind kind)
{
    struct item chunk;
    do {
        enum kms_err err = next_chunk(reader, kind, &chunk);
        if (err != KMS_OK)
            return err;
    } while (chunk.kind != ITEM_BREAK);
    return KMS_OK;
}

static enum kms_err skip_one(struct reader *reader, struct skipping *s, const struct item *item)
{
    enum kms_err err = KMS_OK;
    switch (item->kind) {
    case ITEM_ARRAY:
    case ITEM_MAP:
        if (item->indefinite || item->value > 0)
            return enter(s, item);
        break;
    case ITEM_BYTES:
    case ITEM_TEXT:
        if (item->indefinite)
            err = skip_chunks(reader, item->kind);
        break;
    case ITEM_BREAK: {
        const struct level *level = s->depth == 0 ? NULL : &s->levels[s->depth - 1];
        if (level == NULL || !level->indefinite || (level->map && level->left % 2 != 0))
            return KMS_ERR_SYNTAX;
        s->depth--;
        break;
    }
    default:
        break;
    }
    return err == KMS_OK ? leave(s) : err;
}

/* Skips the rest of a data item whose head is given, which itself lies at a depth. */
static enum kms_err skip(struct reader *reader, struct item head, size_t depth)
{
    struct skipping s = {.depth = 0, .most = KMS_CODEC_MAX_DEPTH - depth};
    struct item item = head;
    for (;;) {
        bool tagged = item.kind == ITEM_TAG;
        while (item.kind == ITEM_TAG) {
            enum kms_err err = next(reader, &item);
            if (err != KMS_OK)
                return err;
        }
        if (tagged && item.kind == ITEM_BREAK)
            return KMS_ERR_SYNTAX;
        enum kms_err err = skip_one(reader, &s, &item);
        if (err != KMS_OK || s.depth == 0)
            return err;
        err = next(reader, &item);
        if (err != KMS_OK)
            return err;
    }
}

/* --- lengths ---------------------------------------------------------------------------------- */

/* Entries of a list (per_entry 1) or map (2) whose head is given. The reader stays where it is. */
static enum kms_err count_entries(const struct reader *reader, const struct item *head,
    size_t per_entry, size_t depth, size_t *count)
{
    if (!head->indefinite) {
        if (head->value > KMS_CODEC_MAX_ITEMS)
            return KMS_ERR_LIMIT;
        if (head->value * per_entry > reader->len - reader->at)
            return KMS_ERR_SYNTAX;
        *count = (size_t)head->value;
        return KMS_OK;
    }
    struct reader ahead = *reader;
    size_t items = 0;
    for (;;) {
        struct item item;
        enum kms_err err = next(&ahead, &item);
        if (err == KMS_OK && item.kind == ITEM_BREAK)
            break;
        if (err == KMS_OK)
            err = skip(&ahead, item, depth);
        if (err != KMS_OK)
            return err;
        if (++items > KMS_CODEC_MAX_ITEMS * per_entry)
            return KMS_ERR_LIMIT;
    }
    if (items % per_entry != 0)
        return KMS_ERR_SYNTAX;
    *count = items / per_entry;
    return KMS_OK;
}

/* The break of an indefinite list or map whose entries were counted. */
static enum kms_err read_break(struct reader *reader, const struct item *head)
{
    struct item item = {.kind = ITEM_BREAK};
    enum kms_err err = head->indefinite ? next(reader, &item) : KMS_OK;
    return err == KMS_OK && item.kind != ITEM_BREAK ? KMS_ERR_SYNTAX : err;
}

/* The octets of a string of either kind; those of an indefinite one are joined in the arena. */
static enum kms_err read_string(struct kms_decoding *decoding, struct reader *reader,
    const struct item *head, struct kms_bytes *out)
{
    if (!head->indefinite) {
        *out = kms_bytes(head->data, (size_t)head->value);
        return KMS_OK;
    }
    struct reader ahead = *reader;
    struct item chunk;
    enum kms_err err;
    size_t len = 0; /* no more than the body's */
    while ((err = next_chunk(&ahead, head->kind, &chunk)) == KMS_OK && chunk.kind != ITEM_BREAK)
        len += (size_t)chunk.value;
    if (err != KMS_OK)
        return err;
    uint8_t *data = kms_arena_alloc(decoding->arena, len);
    if (data == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = kms_bytes(data, len);
    while ((err = next_chunk(reader, head->kind, &chunk)) == KMS_OK && chunk.kind != ITEM_BREAK) {
        memcpy(data, chunk.data, (size_t)chunk.value);
        data += chunk.value;
    }
    return err;
}

static enum kms_err read_text(struct kms_decoding *decoding, struct reader *reader,
    const struct item *head, struct kms_str *out)
{
    struct kms_bytes bytes;
    if (head->kind != ITEM_TEXT)
        return KMS_ERR_SYNTAX;
    enum kms_err err = read_string(decoding, reader, head, &bytes);
    if (err == KMS_OK)
        *out = (struct kms_str){(const char *)bytes.data, bytes.len};
    return err;
}

/* --- decoding --------------------------------------------------------------------------------- */

static enum kms_err decode_structure(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_shape *shape, const struct item *head, size_t depth, void *out);

static enum kms_token token_of(const struct item *item)
{
    switch (item->kind) {
    case ITEM_UNSIGNED:
    case ITEM_NEGATIVE:
    case ITEM_REAL:
        return KMS_TOKEN_NUMBER;
    case ITEM_TEXT:
        return KMS_TOKEN_STRING;
    case ITEM_ARRAY:
        return KMS_TOKEN_LIST;
    case ITEM_MAP:
        return KMS_TOKEN_MAP;
    case ITEM_FALSE:
        return KMS_TOKEN_FALSE;
    case ITEM_TRUE:
        return KMS_TOKEN_TRUE;
    default:
        return KMS_TOKEN_OTHER;
    }
}

static enum kms_err mismatch(
    struct kms_decoding *decoding, enum kms_kind wanted, const struct item *item)
{
    return item->kind == ITEM_BREAK ? KMS_ERR_SYNTAX
                                    : kms_decoding_mismatch(decoding, wanted, token_of(item));
}

static enum kms_err decode_string(struct kms_decoding *decoding, struct reader *reader,
    const struct item *head, enum kms_kind kind, void *slot)
{
    struct kms_bytes bytes;
    enum kms_err err = read_string(decoding, reader, head, &bytes);
    if (err != KMS_OK)
        return err;
    if (kind == KMS_KIND_BLOB)
        return kms_decoding_blob(decoding, bytes, slot);
    return kms_decoding_string(
        decoding, (struct kms_str){(const char *)bytes.data, bytes.len}, slot);
}

static enum kms_err decode_number(
    struct kms_decoding *decoding, enum kms_kind kind, const struct item *item, void *slot)
{
    if (item->kind == ITEM_REAL)
        return kms_decoding_real(decoding, item->real, kind, slot);
    if (item->value > INT64_MAX)
        return kms_decoding_mismatch(decoding, kind, KMS_TOKEN_NUMBER);
    int64_t value = item->kind == ITEM_NEGATIVE ? -1 - (int64_t)item->value : (int64_t)item->value;
    return kind == KMS_KIND_INTEGER ? kms_decoding_integer(decoding, value, slot)
                                    : kms_decoding_timestamp(decoding, value, slot);
}

static bool is_number(const struct item *item)
{
    return token_of(item) == KMS_TOKEN_NUMBER;
}

/* Tag 1, then seconds as an integer or a float (RFC 8949 section 3.4.2). */
static enum kms_err decode_timestamp(
    struct kms_decoding *decoding, struct reader *reader, const struct item *head, void *slot)
{
    if (head->kind != ITEM_TAG || head->value != TAG_EPOCH_SECONDS)
        return mismatch(decoding, KMS_KIND_TIMESTAMP, head);
    struct item item;
    enum kms_err err = next(reader, &item);
    if (err != KMS_OK)
        return err;
    if (!is_number(&item))
        return mismatch(decoding, KMS_KIND_TIMESTAMP, &item);
    return decode_number(decoding, KMS_KIND_TIMESTAMP, &item, slot);
}

static enum kms_err decode_enum(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_type *type, const struct item *head, int *values, size_t count, size_t index,
    struct kms_str **texts)
{
    struct kms_str text;
    enum kms_err err = read_text(decoding, reader, head, &text);
    if (err != KMS_OK)
        return err;
    return kms_decoding_enum(decoding, type, text, values, count, index, texts);
}

/* A null in a request stays as an absent item for the validator to see, in an answer it is left
 * out. */
static enum kms_err decode_items(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_type *member, size_t length, size_t depth, struct kms_list *list)
{
    uint8_t *items = (uint8_t *)(uintptr_t)list->items;
    struct kms_str *texts = NULL;
    for (size_t i = 0; i < length; i++) {
        struct item item;
        enum kms_err err = next(reader, &item);
        if (err != KMS_OK)
            return err;
        uint8_t *slot = items + list->count * kms_item_size(member);
        if (item.kind == ITEM_NULL) {
            if (decoding->request && member->kind == KMS_KIND_STRUCTURE)
                return mismatch(decoding, member->kind, &item);
            list->count += decoding->request ? 1 : 0;
            continue;
        }
        if (item.kind != (member->kind == KMS_KIND_STRUCTURE ? ITEM_MAP : ITEM_TEXT))
            return mismatch(decoding, member->kind, &item);
        if (member->kind == KMS_KIND_STRUCTURE)
            err = decode_structure(decoding, reader, member->structure, &item, depth, slot);
        else if (member->kind == KMS_KIND_ENUM)
            err = decode_enum(
                decoding, reader, member, &item, (int *)(void *)items, length, list->count, &texts);
        else
            err = decode_string(decoding, reader, &item, KMS_KIND_STRING, slot);
        if (err != KMS_OK)
            return err;
        list->count++;
    }
    return KMS_OK;
}

static enum kms_err decode_list(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_type *type, const struct item *head, size_t depth, void *slot)
{
    size_t length = 0;
    enum kms_err err = count_entries(reader, head, 1, depth, &length);
    if (err != KMS_OK)
        return err;
    struct kms_list list = {
        .items = kms_arena_calloc(decoding->arena, length, kms_item_size(type->member))};
    if (list.items == NULL)
        return KMS_ERR_NO_MEMORY;
    err = decode_items(decoding, reader, type->member, length, depth, &list);
    if (err == KMS_OK)
        err = read_break(reader, head);
    if (err == KMS_OK)
        memcpy(slot, &list, sizeof(list));
    return err;
}

static enum kms_err decode_pair(
    struct kms_decoding *decoding, struct reader *reader, struct kms_str_pair *pair)
{
    struct item item;
    struct kms_str name;
    enum kms_err err = next(reader, &item);
    if (err == KMS_OK)
        err = read_text(decoding, reader, &item, &name);
    /* JSON names cannot hold a NUL, so these may not either */
    if (err == KMS_OK && name.len > 0 && memchr(name.data, '\0', name.len) != NULL)
        err = KMS_ERR_SYNTAX;
    if (err == KMS_OK)
        err = kms_decoding_string(decoding, name, &pair->key);
    if (err == KMS_OK)
        err = next(reader, &item);
    if (err != KMS_OK || item.kind == ITEM_NULL)
        return err;
    if (item.kind != ITEM_TEXT)
        return mismatch(decoding, KMS_KIND_STRING, &item);
    return decode_string(decoding, reader, &item, KMS_KIND_STRING, &pair->value);
}

static enum kms_err decode_map(struct kms_decoding *decoding, struct reader *reader,
    const struct item *head, size_t depth, void *slot)
{
    size_t length = 0;
    enum kms_err err = count_entries(reader, head, 2, depth, &length);
    if (err != KMS_OK)
        return err;
    struct kms_str_pair *pairs = kms_arena_calloc(decoding->arena, length, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kms_str_map map = {.items = pairs};
    for (size_t i = 0; i < length; i++) {
        pairs[map.count] = (struct kms_str_pair){0};
        err = decode_pair(decoding, reader, &pairs[map.count]);
        if (err != KMS_OK)
            return err;
        map.count += decoding->request || pairs[map.count].value.data != NULL ? 1 : 0;
    }
    err = read_break(reader, head);
    if (err == KMS_OK)
        err = kms_decoding_names_differ(decoding, &map);
    if (err == KMS_OK)
        memcpy(slot, &map, sizeof(map));
    return err;
}

static enum kms_err decode_pointer(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_type *type, const struct item *head, size_t depth, void *slot)
{
    void *structure = kms_arena_alloc(decoding->arena, type->structure->size);
    if (structure == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = decode_structure(decoding, reader, type->structure, head, depth, structure);
    if (err == KMS_OK)
        memcpy(slot, &structure, sizeof(structure));
    return err;
}

static enum kms_err decode_value(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_type *type, const struct item *item, size_t depth, void *slot)
{
    struct kms_str *texts = NULL;
    switch (type->kind) {
    case KMS_KIND_STRING:
        if (item->kind == ITEM_TEXT)
            return decode_string(decoding, reader, item, type->kind, slot);
        break;
    case KMS_KIND_BLOB:
        if (item->kind == ITEM_BYTES)
            return decode_string(decoding, reader, item, type->kind, slot);
        break;
    case KMS_KIND_ENUM:
        if (item->kind == ITEM_TEXT)
            return decode_enum(decoding, reader, type, item, slot, 1, 0, &texts);
        break;
    case KMS_KIND_INTEGER:
        if (is_number(item))
            return decode_number(decoding, type->kind, item, slot);
        break;
    case KMS_KIND_BOOLEAN:
        if (item->kind == ITEM_TRUE || item->kind == ITEM_FALSE) {
            kms_decoding_boolean(item->kind == ITEM_TRUE, slot);
            return KMS_OK;
        }
        break;
    case KMS_KIND_TIMESTAMP:
        return decode_timestamp(decoding, reader, item, slot);
    case KMS_KIND_LIST:
        if (item->kind == ITEM_ARRAY)
            return decode_list(decoding, reader, type, item, depth + 1, slot);
        break;
    case KMS_KIND_MAP:
        if (item->kind == ITEM_MAP)
            return decode_map(decoding, reader, item, depth + 1, slot);
        break;
    case KMS_KIND_STRUCTURE:
        if (item->kind == ITEM_MAP)
            return decode_pointer(decoding, reader, type, item, depth, slot);
        break;
    }
    return mismatch(decoding, type->kind, item);
}

/* The value of a member, from its head on. */
static enum kms_err decode_member(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_member *member, const struct item *head, size_t depth, void *out)
{
    if (head->kind == ITEM_NULL)
        return KMS_OK;
    struct reader before = *reader;
    enum kms_err err =
        decode_value(decoding, reader, member->type, head, depth, (uint8_t *)out + member->offset);
    if (err == KMS_ERR_WRONG_TYPE && decoding->forgiving) {
        *reader = before;
        err = skip(reader, *head, depth);
    }
    return err;
}

/* The recursion is as deep as the model nests structures; what is skipped is capped in skip. */
static enum kms_err decode_structure(struct kms_decoding *decoding, struct reader *reader,
    const struct kms_shape *shape, const struct item *head, size_t depth, void *out)
{
    uint64_t seen = 0; /* no structure has more than 64 members, as test_model.c makes sure */
    if (!head->indefinite && head->value > KMS_CODEC_MAX_ITEMS)
        return KMS_ERR_LIMIT;
    for (size_t i = 0; head->indefinite || i < head->value; i++) {
        struct item item;
        struct kms_str name;
        enum kms_err err = next(reader, &item);
        if (err == KMS_OK && head->indefinite && item.kind == ITEM_BREAK)
            break;
        if (err == KMS_OK && i == KMS_CODEC_MAX_ITEMS)
            err = KMS_ERR_LIMIT;
        if (err == KMS_OK)
            err = read_text(decoding, reader, &item, &name);
        if (err == KMS_OK)
            err = next(reader, &item);
        if (err != KMS_OK)
            return err;
        size_t index = kms_member_find(shape, name);
        if (index == shape->member_count) {
            err = skip(reader, item, depth + 1);
        } else if ((seen >> index & 1) != 0) {
            err = KMS_ERR_SYNTAX;
        } else {
            seen |= UINT64_C(1) << index;
            err = decode_member(decoding, reader, &shape->members[index], &item, depth + 1, out);
        }
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

enum kms_err kms_cbor_decode(
    struct kms_decoding *decoding, const struct kms_shape *shape, struct kms_bytes body, void *out)
{
    struct reader reader = {.data = body.data, .len = body.len};
    struct item item;
    enum kms_err err = next(&reader, &item);
    if (err != KMS_OK)
        return err;
    if (item.kind != ITEM_MAP) {
        decoding->message = item.kind == ITEM_ARRAY ? kms_unexpected_list : NULL;
        return KMS_ERR_SYNTAX;
    }
    err = decode_structure(decoding, &reader, shape, &item, 0, out);
    if (err == KMS_OK && reader.at != reader.len)
        err = KMS_ERR_SYNTAX;
    return err;
}

/* --- encoding --------------------------------------------------------------------------------- */

static void put_head(
    struct kms_buf *out, size_t (*encode)(size_t, unsigned char *, size_t), size_t count)
{
    unsigned char head[HEAD_MAX];
    kms_buf_append(out, head, encode(count, head, sizeof(head)));
}

static void put_text(struct kms_buf *out, struct kms_str text)
{
    if (!kms_encodable(text, out))
        return;
    put_head(out, cbor_encode_string_start, text.len);
    kms_buf_append_str(out, text);
}

static void put_blob(struct kms_buf *out, struct kms_bytes blob)
{
    put_head(out, cbor_encode_bytestring_start, blob.len);
    kms_buf_append(out, blob.data, blob.len);
}

static void put_integer(struct kms_buf *out, int64_t value)
{
    unsigned char head[HEAD_MAX];
    size_t len = value < 0 ? cbor_encode_negint((uint64_t)(-1 - value), head, sizeof(head))
                           : cbor_encode_uint((uint64_t)value, head, sizeof(head));
    kms_buf_append(out, head, len);
}

static void put_boolean(struct kms_buf *out, bool value)
{
    unsigned char head[HEAD_MAX];
    kms_buf_append(out, head, cbor_encode_bool(value, head, sizeof(head)));
}

static void put_timestamp(struct kms_buf *out, int64_t ms)
{
    unsigned char head[HEAD_MAX];
    kms_buf_append(out, head, cbor_encode_tag(TAG_EPOCH_SECONDS, head, sizeof(head)));
    if (ms % 1000 == 0)
        put_integer(out, ms / 1000);
    else
        kms_buf_append(out, head, cbor_encode_double((double)ms / 1000, head, sizeof(head)));
}

static void put_structure(struct kms_buf *out, const struct kms_shape *shape, const void *in);

static void put_list(struct kms_buf *out, const struct kms_type *member, struct kms_list list)
{
    const uint8_t *items = list.items;
    size_t size = kms_item_size(member);
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++)
        count += kms_item_encoded(member, items + i * size) ? 1 : 0;
    put_head(out, cbor_encode_array_start, count);
    for (size_t i = 0; i < list.count; i++) {
        const uint8_t *item = items + i * size;
        if (!kms_item_encoded(member, item))
            continue;
        if (member->kind == KMS_KIND_STRUCTURE)
            put_structure(out, member->structure, item);
        else if (member->kind == KMS_KIND_ENUM)
            put_text(out, kms_str(kms_enum_text(member, kms_slot_enum(item))));
        else
            put_text(out, kms_slot_str(item));
    }
}

static void put_map(struct kms_buf *out, const struct kms_str_map *map)
{
    size_t count = 0;
    for (size_t i = 0; i < map->count; i++)
        count += map->items[i].value.data != NULL ? 1 : 0;
    put_head(out, cbor_encode_map_start, count);
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].value.data == NULL)
            continue;
        put_text(out, map->items[i].key);
        put_text(out, map->items[i].value);
    }
}

static void put_value(struct kms_buf *out, const struct kms_type *type, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        put_text(out, kms_slot_str(slot));
        break;
    case KMS_KIND_BLOB:
        put_blob(out, kms_slot_bytes(slot));
        break;
    case KMS_KIND_ENUM:
        put_text(out, kms_str(kms_enum_text(type, kms_slot_enum(slot))));
        break;
    case KMS_KIND_INTEGER:
        put_integer(out, ((const struct kms_opt_int *)slot)->value);
        break;
    case KMS_KIND_BOOLEAN:
        put_boolean(out, ((const struct kms_opt_bool *)slot)->value);
        break;
    case KMS_KIND_TIMESTAMP:
        put_timestamp(out, ((const struct kms_opt_time *)slot)->ms);
        break;
    case KMS_KIND_LIST:
        put_list(out, type->member, kms_slot_list(slot));
        break;
    case KMS_KIND_MAP:
        put_map(out, slot);
        break;
    case KMS_KIND_STRUCTURE:
        put_structure(out, type->structure, kms_slot_structure(slot));
        break;
    }
}

static void put_structure(struct kms_buf *out, const struct kms_shape *shape, const void *in)
{
    size_t count = 0;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        count += kms_slot_encoded(member->type, (const uint8_t *)in + member->offset) ? 1 : 0;
    }
    put_head(out, cbor_encode_map_start, count);
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        const void *slot = (const uint8_t *)in + member->offset;
        if (!kms_slot_encoded(member->type, slot))
            continue;
        put_text(out, kms_str(member->name));
        put_value(out, member->type, slot);
    }
}

void kms_cbor_encode(const struct kms_shape *shape, const void *in, struct kms_buf *out)
{
    put_structure(out, shape, in);
}

void kms_cbor_encode_fault(const char *type, struct kms_str message, struct kms_buf *out)
{
    static const char namespace[] = KMS_SHAPE_NAMESPACE "#";
    put_head(out, cbor_encode_map_start, message.data == NULL ? 1 : 2);
    put_text(out, kms_str("__type"));
    put_head(out, cbor_encode_string_start, sizeof(namespace) - 1 + strlen(type));
    kms_buf_append_text(out, namespace);
    kms_buf_append_text(out, type);
    if (message.data != NULL) {
        put_text(out, kms_str("message"));
        put_text(out, message);
    }
}
