/* What the fuzz targets of the two wire forms share. */
#ifndef KMS_FUZZ_REQUEST_H
#define KMS_FUZZ_REQUEST_H

#include "libkms/base/encoding.h"
#include "libkms/proto/codec.h"

#include <stdlib.h>

enum { FUZZ_MEMORY_MAX = 16 << 20, FUZZ_OUT_MAX = 1024 };

union fuzz_storage {
    max_align_t align;
    unsigned char bytes[FUZZ_OUT_MAX];
};

#define FUZZ_CHECK(condition) ((condition) ? (void)0 : abort())

/* Encode, decode, encode: the same octets. */
static void fuzz_round_trip(enum kms_wire wire, const struct kms_shape *shape, const void *value)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, FUZZ_MEMORY_MAX);
    KMS_BUF_AUTO first;
    KMS_BUF_AUTO second;
    kms_buf_init(&first, FUZZ_MEMORY_MAX);
    kms_buf_init(&second, FUZZ_MEMORY_MAX);
    union fuzz_storage again;
    kms_encode(wire, shape, value, &first);
    FUZZ_CHECK(first.err == KMS_OK);
    /* as an answer: a value that only the live service takes has no name to be encoded with */
    FUZZ_CHECK(kms_decode_response(wire, shape, kms_buf_bytes(&first), &arena, &again) == KMS_OK);
    kms_encode(wire, shape, &again, &second);
    FUZZ_CHECK(second.err == KMS_OK);
    FUZZ_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

static void fuzz_request(enum kms_wire wire, const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    const struct kms_shape *shape = kms_operations[data[0] % KMS_OPERATION_COUNT].input;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, FUZZ_MEMORY_MAX);
    union fuzz_storage value;
    FUZZ_CHECK(shape->size <= sizeof(value));
    struct kms_str message;
    enum kms_err err =
        kms_decode_request(wire, shape, kms_bytes(data + 1, size - 1), &arena, &value, &message);
    FUZZ_CHECK((err == KMS_ERR_VALIDATION) <= (message.data != NULL));
    FUZZ_CHECK((err == KMS_OK) <= (message.data == NULL));
    FUZZ_CHECK(message.data == NULL || (message.len < 65536 && kms_utf8_valid(message)));
    if (err == KMS_OK) {
        fuzz_round_trip(KMS_WIRE_JSON, shape, &value);
        fuzz_round_trip(KMS_WIRE_CBOR, shape, &value);
    }
    struct kms_str code;
    err = kms_decode_fault(wire, kms_bytes(data + 1, size - 1), &arena, &code, &message);
    FUZZ_CHECK(err != KMS_OK || message.data == NULL || kms_utf8_valid(message));
}

#endif
