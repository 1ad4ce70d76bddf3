#include "libkms/envelope/context.h"

#include "libkms/base/encoding.h"

#include <stdlib.h>

/* Bytes first, then the shorter one: memcmp order, not that of UTF-16. */
static int compare_text(struct kms_str a, struct kms_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static int compare_pairs(const void *a, const void *b)
{
    return compare_text(
        ((const struct kms_str_pair *)a)->key, ((const struct kms_str_pair *)b)->key);
}

static bool pair_ok(const struct kms_str_pair *pair)
{
    return pair->key.data != NULL && pair->value.data != NULL && pair->key.len <= UINT16_MAX &&
           pair->value.len <= UINT16_MAX && kms_utf8_valid(pair->key) &&
           kms_utf8_valid(pair->value);
}

/* Sorts items in place and refuses what no context may hold. */
static bool make_canonical(struct kms_str_pair *items, size_t count)
{
    if (count > 1)
        qsort(items, count, sizeof(*items), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (!pair_ok(&items[i]))
            return false;
        if (i > 0 && kms_str_eq(items[i - 1].key, items[i].key))
            return false;
    }
    return true;
}

enum kms_err kms_context_canonical(
    struct kms_str_map in, struct kms_arena *arena, struct kms_str_map *out)
{
    for (size_t i = 0; i < in.count; i++) { /* before sorting, which looks at the keys */
        if (in.items[i].key.data == NULL || in.items[i].value.data == NULL)
            return KMS_ERR_INVALID_ARGUMENT;
    }
    struct kms_str_pair *items = kms_arena_calloc(arena, in.count, sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    if (in.count > 0)
        memcpy(items, in.items, in.count * sizeof(*items));
    if (!make_canonical(items, in.count))
        return KMS_ERR_INVALID_ARGUMENT;
    *out = (struct kms_str_map){.items = items, .count = in.count};
    return KMS_OK;
}

/* u16 length, then as many bytes. */
static bool take_text(struct kms_bytes *in, struct kms_str *out)
{
    if (in->len < 2)
        return false;
    size_t len = (size_t)in->data[0] << 8 | in->data[1];
    if (in->len - 2 < len)
        return false;
    *out = (struct kms_str){.data = (const char *)in->data + 2, .len = len};
    *in = kms_bytes(in->data + 2 + len, in->len - 2 - len);
    return true;
}

enum kms_err kms_context_decode(
    struct kms_bytes in, struct kms_arena *arena, struct kms_str_map *out)
{
    enum { PAIR_MIN = 4 }; /* two empty texts */
    size_t count = 0;
    if (in.len > 0) {
        if (in.len < 2)
            return KMS_ERR_SYNTAX;
        count = (size_t)in.data[0] << 8 | in.data[1];
        in = kms_bytes(in.data + 2, in.len - 2);
        /* "When the encryption context is empty, [...] this field MUST NOT be included" */
        if (count == 0 || count > in.len / PAIR_MIN)
            return KMS_ERR_SYNTAX;
    }
    struct kms_str_pair *items = kms_arena_calloc(arena, count, sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (!take_text(&in, &items[i].key) || !take_text(&in, &items[i].value))
            return KMS_ERR_SYNTAX;
    }
    /* Some writers sort by UTF-16 units: any order is read, and the tag covers the bytes as they
     * are. Repeated keys would make two readers see two contexts. */
    if (in.len != 0 || !make_canonical(items, count))
        return KMS_ERR_SYNTAX;
    *out = (struct kms_str_map){.items = items, .count = count};
    return KMS_OK;
}

enum kms_err kms_context_encode(struct kms_str_map context, struct kms_buf *out)
{
    if (context.count == 0)
        return KMS_OK;
    if (context.count > UINT16_MAX)
        return KMS_ERR_LIMIT;
    size_t start = out->len;
    kms_buf_append_u16(out, (uint16_t)context.count);
    for (size_t i = 0; i < context.count; i++) {
        kms_buf_append_u16(out, (uint16_t)context.items[i].key.len);
        kms_buf_append_str(out, context.items[i].key);
        kms_buf_append_u16(out, (uint16_t)context.items[i].value.len);
        kms_buf_append_str(out, context.items[i].value);
    }
    if (out->err == KMS_OK && out->len - start > KMS_CONTEXT_ENCODED_MAX)
        return KMS_ERR_LIMIT;
    return out->err;
}

const struct kms_str *kms_context_find(struct kms_str_map context, struct kms_str key)
{
    if (context.count == 0)
        return NULL;
    struct kms_str_pair wanted = {.key = key};
    const struct kms_str_pair *pair =
        bsearch(&wanted, context.items, context.count, sizeof(wanted), compare_pairs);
    return pair == NULL ? NULL : &pair->value;
}

bool kms_context_is_reserved(struct kms_str key)
{
    const struct kms_str prefix = KMS_STR_LITERAL(KMS_CONTEXT_RESERVED);
    return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}
