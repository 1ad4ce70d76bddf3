/* The encryption context as bytes that are authenticated with a ciphertext. */
#ifndef KMSD_CRYPTO_CONTEXT_H
#define KMSD_CRYPTO_CONTEXT_H

#include "libkms/base/buf.h"

#include <kms/types.h>

/* An encryption context whose pairs stand in the order of deterministic CBOR. */
struct kmsd_context {
    const struct kms_str_pair **pairs;
    size_t count;
    size_t encoded_len;
    const struct kms_str_pair *few[16]; /* where pairs points while there are no more than these */
};

/* Sorts (shorter keys first, then bytewise: RFC 8949 section 4.2.1 for text keys) and measures. map
 * may be NULL: an empty one; it must outlive the context. Two pairs with one key are
 * KMS_ERR_INVALID_ARGUMENT; KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_context_init(
    struct kmsd_context *context, const struct kms_str_map *map);
void kmsd_context_clean_up(struct kmsd_context *context);
#define KMSD_CONTEXT_AUTO __attribute__((cleanup(kmsd_context_clean_up))) struct kmsd_context

/* Appends the encoded_len bytes of the map of text to text. Errors are sticky in out. */
void kmsd_context_append(const struct kmsd_context *context, struct kms_buf *out);

#endif
