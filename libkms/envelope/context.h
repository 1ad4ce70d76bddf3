/*
 * The encryption context: sorted, serialised, compared.
 * Source: AWS Encryption SDK specification, "Encryption Context" and "Key Value Pairs".
 *
 * A context here is "canonical": sorted by the bytes of the key, keys distinct, all UTF-8.
 * Functions that make one take their memory from an arena; text is not copied.
 */
#ifndef KMS_ENVELOPE_CONTEXT_H
#define KMS_ENVELOPE_CONTEXT_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"

#include <kms/types.h>

enum {
    KMS_CONTEXT_ENCODED_MAX = 65535, /* its length is a u16 in the header */
};

/* Keys with this prefix belong to the format itself. */
#define KMS_CONTEXT_RESERVED   "aws-crypto-"
#define KMS_CONTEXT_PUBLIC_KEY "aws-crypto-public-key"

/* Sorts and checks. KMS_ERR_INVALID_ARGUMENT: repeated key, not UTF-8, text over 65,535 bytes. */
KMS_MUST_USE enum kms_err kms_context_canonical(
    struct kms_str_map in, struct kms_arena *arena, struct kms_str_map *out);

/* Reads a serialised context; the texts are views into it. KMS_ERR_SYNTAX, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_context_decode(
    struct kms_bytes in, struct kms_arena *arena, struct kms_str_map *out);

/* Serialises a canonical context; an empty one is no bytes at all. KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kms_context_encode(struct kms_str_map context, struct kms_buf *out);

/* The value of a key in a canonical context, or NULL. */
const struct kms_str *kms_context_find(struct kms_str_map context, struct kms_str key);

bool kms_context_is_reserved(struct kms_str key);

#endif
