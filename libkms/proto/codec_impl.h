/*
 * What codec.c asks of its parts: json_*.c and cbor.c turn bytes into the C structures and back,
 * validate.c judges the result. Nobody outside this folder includes it.
 */
#ifndef KMS_PROTO_CODEC_IMPL_H
#define KMS_PROTO_CODEC_IMPL_H

#include "libkms/proto/codec.h"
#include "libkms/proto/slots.h"

/* json_decode.c, json_encode.c, cbor.c: out is cleared by the caller. */
KMS_MUST_USE enum kms_err kms_json_decode(
    struct kms_decoding *decoding, const struct kms_shape *shape, struct kms_bytes body, void *out);
KMS_MUST_USE enum kms_err kms_cbor_decode(
    struct kms_decoding *decoding, const struct kms_shape *shape, struct kms_bytes body, void *out);
void kms_json_encode(const struct kms_shape *shape, const void *in, struct kms_buf *out);
void kms_cbor_encode(const struct kms_shape *shape, const void *in, struct kms_buf *out);

/* Error bodies. */
void kms_json_encode_fault(
    const char *type, const char *message_name, struct kms_str message, struct kms_buf *out);
void kms_cbor_encode_fault(const char *type, struct kms_str message, struct kms_buf *out);

/* The members of an error body, as found; absent when missing or not text. */
struct kms_fault_body {
    struct kms_str type;          /* "__type" */
    struct kms_str code;          /* "code" */
    struct kms_str message;       /* "message" */
    struct kms_str upper_message; /* "Message" */
};
extern const struct kms_shape kms_fault_body_shape;

/* validate.c: KMS_OK, KMS_ERR_VALIDATION with *message in the arena, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_validate(const struct kms_decoding *decoding,
    const struct kms_shape *shape, const void *in, struct kms_str *message);

#endif
