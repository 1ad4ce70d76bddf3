#include "libkms/proto/codec.h"

#include "libkms/proto/codec_impl.h"
#include "libkms/proto/model_tables.h"

static enum kms_err decode(enum kms_wire wire, struct kms_decoding *decoding,
    const struct kms_shape *shape, struct kms_bytes body, void *out)
{
    memset(out, 0, shape->size);
    if (body.len == 0)
        return KMS_OK;
    return wire == KMS_WIRE_JSON ? kms_json_decode(decoding, shape, body, out)
                                 : kms_cbor_decode(decoding, shape, body, out);
}

enum kms_err kms_decode_request(enum kms_wire wire, const struct kms_shape *shape,
    struct kms_bytes body, struct kms_arena *arena, void *out, struct kms_str *message)
{
    struct kms_decoding decoding = {.arena = arena, .request = true};
    *message = kms_str(NULL);
    enum kms_err err = decode(wire, &decoding, shape, body, out);
    if (err == KMS_OK)
        err = kms_validate(&decoding, shape, out, message);
    else
        *message = kms_str(decoding.message);
    if (err != KMS_OK)
        memset(out, 0, shape->size);
    return err;
}

enum kms_err kms_decode_response(enum kms_wire wire, const struct kms_shape *shape,
    struct kms_bytes body, struct kms_arena *arena, void *out)
{
    struct kms_decoding decoding = {.arena = arena};
    enum kms_err err = decode(wire, &decoding, shape, body, out);
    if (err != KMS_OK)
        memset(out, 0, shape->size);
    return err;
}

void kms_encode(
    enum kms_wire wire, const struct kms_shape *shape, const void *in, struct kms_buf *out)
{
    if (wire == KMS_WIRE_JSON)
        kms_json_encode(shape, in, out);
    else
        kms_cbor_encode(shape, in, out);
}

const char *kms_wire_content_type(enum kms_wire wire)
{
    return wire == KMS_WIRE_JSON ? "application/x-amz-json-1.1" : "application/cbor";
}

/* --- faults ----------------------------------------------------------------------------------- */

#define FAULT_MEMBER(field, wire_name)                   \
    {                                                    \
        .name = wire_name, .type = &kms_type_string,     \
        .offset = offsetof(struct kms_fault_body, field) \
    }

static const struct kms_member fault_body_members[] = {
    FAULT_MEMBER(type, "__type"),
    FAULT_MEMBER(code, "code"),
    FAULT_MEMBER(message, "message"),
    FAULT_MEMBER(upper_message, "Message"),
};

const struct kms_shape kms_fault_body_shape = {
    .name = "Fault",
    .members = fault_body_members,
    .member_count = sizeof(fault_body_members) / sizeof(fault_body_members[0]),
    .size = sizeof(struct kms_fault_body),
};

void kms_encode_fault(
    enum kms_wire wire, enum kms_fault_code code, struct kms_str message, struct kms_buf *out)
{
    const struct kms_error_model *model = &kms_error_models[code];
    if (wire == KMS_WIRE_JSON)
        kms_json_encode_fault(
            model->name, code == KMS_FAULT_ACCESS_DENIED ? "Message" : "message", message, out);
    else
        kms_cbor_encode_fault(model->name, message, out);
}

/* "com.amazonaws.kms#NotFoundException:http://..." names NotFoundException: cut at the colon, then
 * after the hash sign (AWS JSON 1.1 protocol, "Operation error serialization"). */
static struct kms_str short_name(struct kms_str type)
{
    const char *colon = type.len == 0 ? NULL : memchr(type.data, ':', type.len);
    if (colon != NULL)
        type.len = (size_t)(colon - type.data);
    const char *hash = type.len == 0 ? NULL : memrchr(type.data, '#', type.len);
    if (hash != NULL) {
        type.len -= (size_t)(hash + 1 - type.data);
        type.data = hash + 1;
    }
    return type;
}

enum kms_err kms_decode_fault(enum kms_wire wire, struct kms_bytes body, struct kms_arena *arena,
    struct kms_str *code, struct kms_str *message)
{
    struct kms_decoding decoding = {.arena = arena, .forgiving = true};
    struct kms_fault_body fault;
    enum kms_err err = decode(wire, &decoding, &kms_fault_body_shape, body, &fault);
    if (err != KMS_OK)
        return err;
    *code = short_name(fault.type.data != NULL ? fault.type : fault.code);
    *message = fault.message.data != NULL ? fault.message : fault.upper_message;
    return KMS_OK;
}
