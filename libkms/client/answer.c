#include "libkms/client/call.h"

#include "libkms/base/secret.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* An answer as callers hold it: they see only value. */
struct box {
    struct kms_arena arena;
    size_t size;
    _Alignas(max_align_t) unsigned char value[];
};

void kms_response_free(const void *response)
{
    if (response == NULL)
        return;
    /* Made by decode() below, so not const here. */
    struct box *box = (void *)((char *)response - offsetof(struct box, value));
    kms_wipe(box->value, box->size);
    kms_arena_clean_up(&box->arena);
    OPENSSL_free(box);
}

static void free_box_at(struct box **box)
{
    if (*box != NULL)
        kms_response_free((*box)->value);
}

static enum kms_err decode(
    enum kms_wire wire, const struct kms_shape *shape, struct kms_bytes body, const void **response)
{
    size_t size = offsetof(struct box, value) + shape->size;
    __attribute__((cleanup(free_box_at))) struct box *box =
        OPENSSL_zalloc(size < sizeof(struct box) ? sizeof(struct box) : size);
    if (box == NULL)
        return KMS_ERR_NO_MEMORY;
    box->size = shape->size;
    kms_arena_init(&box->arena, KMS_ANSWER_ARENA_MAX);
    enum kms_err err = kms_decode_response(wire, shape, body, &box->arena, box->value);
    if (err != KMS_OK)
        return err;
    *response = box->value;
    box = NULL; /* now the caller's */
    return KMS_OK;
}

/* Copies what fits, whole UTF-8 sequences only. Other control characters than line ends and tabs
 * become '?': the text comes from outside and goes to terminals and logs. */
static void copy_text(struct kms_str from, char *to, size_t size)
{
    size_t len = from.len < size ? from.len : size - 1;
    while (len > 0 && len < from.len && ((unsigned char)from.data[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char letter = (unsigned char)from.data[i];
        bool control = (letter < 0x20 && letter != '\n' && letter != '\t') || letter == 0x7f;
        to[i] = from.data[i];
        if (control)
            to[i] = '?';
    }
    to[len] = '\0';
}

/* The wire form of an error body goes by its content type: what stands before a service (a gateway,
 * an emulator's front) may answer in JSON whatever it was asked in. */
static enum kms_wire fault_wire(enum kms_wire asked, const char *content_type)
{
    if (strncasecmp(content_type, "application/cbor", 16) == 0)
        return KMS_WIRE_CBOR;
    if (strncasecmp(content_type, "application/x-amz-json", 22) == 0 ||
        strncasecmp(content_type, "application/json", 16) == 0)
        return KMS_WIRE_JSON;
    return asked;
}

/* "com.amazonaws.kms#NotFoundException:http://..." as it may stand in x-amzn-ErrorType. */
static struct kms_str short_name(const char *error_type)
{
    struct kms_str name = kms_str(error_type);
    const char *colon = memchr(name.data, ':', name.len);
    if (colon != NULL)
        name.len = (size_t)(colon - name.data);
    const char *hash = memchr(name.data, '#', name.len);
    if (hash != NULL) {
        name.len -= (size_t)(hash + 1 - name.data);
        name.data = hash + 1;
    }
    return name;
}

static enum kms_err read_fault(
    enum kms_wire wire, const struct kms_transport_answer *answer, struct kms_fault *fault)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, KMS_ANSWER_ARENA_MAX);
    struct kms_str code = {NULL, 0};
    struct kms_str message = {NULL, 0};
    enum kms_err err = kms_decode_fault(fault_wire(wire, answer->content_type),
        kms_buf_bytes(answer->body), &arena, &code, &message);
    if (err == KMS_ERR_NO_MEMORY)
        return err;
    if (err != KMS_OK || code.len == 0)
        code = short_name(answer->error_type);
    if (code.len == 0) {
        (void)snprintf(fault->message, sizeof(fault->message),
            "HTTP status %d, but no error of this API", answer->status);
        return KMS_ERR_PROTOCOL;
    }
    copy_text(code, fault->code, sizeof(fault->code));
    if (err == KMS_OK)
        copy_text(message, fault->message, sizeof(fault->message));
    return KMS_ERR_FAULT;
}

static enum kms_err protocol_error(struct kms_fault *fault, const char *text)
{
    (void)snprintf(fault->message, sizeof(fault->message), "%s", text);
    return KMS_ERR_PROTOCOL;
}

enum kms_err kms_answer_read(enum kms_wire wire, enum kms_op op,
    const struct kms_transport_answer *answer, const void **response, struct kms_fault *fault)
{
    fault->http_status = answer->status;
    copy_text(kms_str(answer->request_id), fault->request_id, sizeof(fault->request_id));
    if (answer->status != 200)
        return read_fault(wire, answer, fault);
    /* "Responses to Smithy RPC v2 CBOR MUST carry the header": without it something else answered.
     */
    if (wire == KMS_WIRE_CBOR && strcmp(answer->smithy_protocol, "rpc-v2-cbor") != 0)
        return protocol_error(
            fault, "the endpoint does not speak Smithy RPC v2 CBOR (KMS_PROTOCOL=json may help)");
    const struct kms_shape *shape = kms_operations[op].output;
    if (shape == NULL)
        return KMS_OK;
    enum kms_err err = decode(wire, shape, kms_buf_bytes(answer->body), response);
    if (err == KMS_OK || err == KMS_ERR_NO_MEMORY)
        return err;
    return protocol_error(fault, "the answer is malformed");
}
