/*
 * One decoder-validator and one encoder for every structure of the API, in both wire forms:
 * AWS JSON 1.1 and Smithy RPC v2 CBOR. Both walk the rows of model.h.
 *
 * Input is hostile: nesting deeper than KMS_CODEC_MAX_DEPTH, more than KMS_CODEC_MAX_ITEMS items in
 * one list or map, names given twice, invalid UTF-8 and everything past the arena's maximum are
 * refused. Unknown members are skipped, null members are absent (as AWS JSON 1.1 and Smithy RPC v2
 * CBOR prescribe).
 */
#ifndef KMS_PROTO_CODEC_H
#define KMS_PROTO_CODEC_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/proto/model.h"

enum kms_wire {
    KMS_WIRE_JSON, /* application/x-amz-json-1.1 */
    KMS_WIRE_CBOR, /* application/cbor */
};

#define KMS_CODEC_MAX_DEPTH 32
#define KMS_CODEC_MAX_ITEMS 4096

/*
 * Decodes a request and validates it. out points to shape->size bytes; it is cleared first, and
 * everything in it lives in the arena. An empty body counts as an empty structure.
 *
 *   KMS_OK
 *   KMS_ERR_VALIDATION  *message is the text of the ValidationException, all violations in one,
 *                       in member order ("2 validation errors detected: ...; ...")
 *   KMS_ERR_SYNTAX, KMS_ERR_WRONG_TYPE, KMS_ERR_TOO_DEEP, KMS_ERR_LIMIT
 *                       a SerializationException; *message is its text, absent when it has none
 *   KMS_ERR_NO_MEMORY
 *
 * *message lives in the arena. On failure out is cleared.
 */
KMS_MUST_USE enum kms_err kms_decode_request(enum kms_wire wire, const struct kms_shape *shape,
    struct kms_bytes body, struct kms_arena *arena, void *out, struct kms_str *message);

/*
 * Decodes an answer: no validation, values of enumerations that this version does not know become
 * _UNRECOGNIZED. Errors as above without KMS_ERR_VALIDATION and without texts.
 */
KMS_MUST_USE enum kms_err kms_decode_response(enum kms_wire wire, const struct kms_shape *shape,
    struct kms_bytes body, struct kms_arena *arena, void *out);

/* Appends the encoding of a structure; members that are absent are left out, and so are values of
 * enumerations that have no name (_UNRECOGNIZED). Works for requests (client) and answers (daemon)
 * alike. Errors are sticky in out; text that is not UTF-8 is KMS_ERR_INVALID_ARGUMENT. */
void kms_encode(
    enum kms_wire wire, const struct kms_shape *shape, const void *in, struct kms_buf *out);

/* Appends an error body: {"__type": ..., "message": ...}. JSON carries the short name (and
 * "Message" for AccessDeniedException, as the live service writes it), CBOR the absolute shape id.
 * An absent message is left out. */
void kms_encode_fault(
    enum kms_wire wire, enum kms_fault_code code, struct kms_str message, struct kms_buf *out);

/* Reads an error body into code (short name, without namespace) and message; absent when missing or
 * not text. Views live in the arena. Errors as for kms_decode_response. */
KMS_MUST_USE enum kms_err kms_decode_fault(enum kms_wire wire, struct kms_bytes body,
    struct kms_arena *arena, struct kms_str *code, struct kms_str *message);

/* Content type of a wire form, such as "application/cbor". */
const char *kms_wire_content_type(enum kms_wire wire);

#endif
