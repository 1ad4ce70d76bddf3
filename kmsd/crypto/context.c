#include "kmsd/crypto/context.h"

#include "kmsd/crypto/cbor_out.h"

#include <stdlib.h>

/* All keys are text, whose encoding starts with its length: so the bytewise order of encoded keys
 * is the order of lengths first. */
static int compare_keys(struct kms_str a, struct kms_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.data, b.data, a.len);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct kms_str_pair *const *left = a;
    const struct kms_str_pair *const *right = b;
    return compare_keys((*left)->key, (*right)->key);
}

static size_t text_size(struct kms_str text)
{
    return kmsd_cbor_head_size(text.len) + text.len;
}

enum kms_err kmsd_context_init(struct kmsd_context *context, const struct kms_str_map *map)
{
    size_t count = map == NULL ? 0 : map->count;
    context->pairs = context->few;
    context->count = 0;
    context->encoded_len = kmsd_cbor_head_size(count);
    if (count > sizeof(context->few) / sizeof(context->few[0])) {
        const struct kms_str_pair **many = calloc(count, sizeof(const struct kms_str_pair *));
        if (many == NULL)
            return KMS_ERR_NO_MEMORY;
        context->pairs = many;
    }
    context->count = count;
    for (size_t i = 0; i < count; i++)
        context->pairs[i] = &map->items[i];
    if (count > 1)
        qsort(context->pairs, count, sizeof(const struct kms_str_pair *), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && compare_pairs(&context->pairs[i - 1], &context->pairs[i]) == 0)
            return KMS_ERR_INVALID_ARGUMENT;
        /* Views of memory that exists: their lengths cannot add up to more than there is. */
        context->encoded_len +=
            text_size(context->pairs[i]->key) + text_size(context->pairs[i]->value);
    }
    return KMS_OK;
}

void kmsd_context_clean_up(struct kmsd_context *context)
{
    if (context != NULL && context->pairs != context->few)
        free(context->pairs);
}

void kmsd_context_append(const struct kmsd_context *context, struct kms_buf *out)
{
    kmsd_cbor_append_map(out, context->count);
    for (size_t i = 0; i < context->count; i++) {
        kmsd_cbor_append_text(out, context->pairs[i]->key);
        kmsd_cbor_append_text(out, context->pairs[i]->value);
    }
}
