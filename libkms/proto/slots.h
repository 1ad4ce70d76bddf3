/*
 * The ground that the two wire forms and the validator stand on: where and how a member's value lives
 * in its C structure, and what becomes of a value that does not fit. Nobody outside this folder
 * includes it.
 */
#ifndef KMS_PROTO_SLOTS_H
#define KMS_PROTO_SLOTS_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/proto/model.h"

/* Values in one body of JSON, over all lists and objects. */
#define KMS_CODEC_MAX_VALUES 65536

/* The text of values that an enumeration does not have, for the validator's messages: values[i] in
 * the C structure came from texts[i]. */
struct kms_strange_enum {
    const int *values;
    const struct kms_str *texts;
    size_t count;
    const struct kms_strange_enum *next;
};

/* One body being decoded. */
struct kms_decoding {
    struct kms_arena *arena;
    bool request;   /* keep what the validator needs; an answer is read more leniently */
    bool forgiving; /* a member of the wrong type is absent: error bodies of anybody's making */
    const struct kms_strange_enum *strange;
    const char *message; /* of a SerializationException; NULL: has none */
};

/* What stood where a member's value was expected. */
enum kms_token {
    KMS_TOKEN_STRING,
    KMS_TOKEN_NUMBER,
    KMS_TOKEN_TRUE,
    KMS_TOKEN_FALSE,
    KMS_TOKEN_LIST,
    KMS_TOKEN_MAP,
    KMS_TOKEN_OTHER,
};

/* KMS_ERR_WRONG_TYPE, with the live service's text for it. */
KMS_MUST_USE enum kms_err kms_decoding_mismatch(
    struct kms_decoding *decoding, enum kms_kind wanted, enum kms_token found);

/* The text for a body that is a list. */
extern const char kms_unexpected_list[];

/* Each puts a value where a member of that kind lives in its C structure. */
KMS_MUST_USE enum kms_err kms_decoding_string(
    struct kms_decoding *decoding, struct kms_str text, void *slot);
KMS_MUST_USE enum kms_err kms_decoding_blob(
    struct kms_decoding *decoding, struct kms_bytes bytes, void *slot);
KMS_MUST_USE enum kms_err kms_decoding_integer(
    struct kms_decoding *decoding, int64_t value, void *slot);
KMS_MUST_USE enum kms_err kms_decoding_real(
    struct kms_decoding *decoding, double value, enum kms_kind wanted, void *slot);
KMS_MUST_USE enum kms_err kms_decoding_timestamp(
    struct kms_decoding *decoding, int64_t seconds, void *slot);
void kms_decoding_boolean(bool value, void *slot);

/* values is an array of count (1 for a member that is not a list); index is the one to set. In a
 * request, *texts is made on the first value that the enumeration does not have. */
KMS_MUST_USE enum kms_err kms_decoding_enum(struct kms_decoding *decoding,
    const struct kms_type *type, struct kms_str text, int *values, size_t count, size_t index,
    struct kms_str **texts);

/* KMS_ERR_SYNTAX when a name is there twice: it could mean one thing to whoever checked the request
 * and another to us. */
KMS_MUST_USE enum kms_err kms_decoding_names_differ(
    struct kms_decoding *decoding, const struct kms_str_map *map);

/* The index of the member of that name; member_count when there is none. */
size_t kms_member_find(const struct kms_shape *shape, struct kms_str name);

/* Bytes that one item of a list of that type takes. */
size_t kms_item_size(const struct kms_type *member);

/* Reading members: slot is where the member lives. */
struct kms_list kms_slot_list(const void *slot);
struct kms_str kms_slot_str(const void *slot);
struct kms_bytes kms_slot_bytes(const void *slot);
int kms_slot_enum(const void *slot);
const void *kms_slot_structure(const void *slot);
bool kms_slot_present(const struct kms_type *type, const void *slot);

/* Whether the encoder writes it: present, and not a value that the enumeration does not have. The
 * second is for an item of a list of that type. */
bool kms_slot_encoded(const struct kms_type *type, const void *slot);
bool kms_item_encoded(const struct kms_type *member, const void *item);

/* Text that goes on the wire has to be UTF-8: otherwise KMS_ERR_INVALID_ARGUMENT becomes out's
 * sticky error and the answer is false. */
bool kms_encodable(struct kms_str text, struct kms_buf *out);

#endif
