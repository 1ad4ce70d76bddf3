/*
 * The message header, both versions: parsed from untrusted bytes, put together for a new message.
 * Source: AWS Encryption SDK specification, "Message Header".
 */
#ifndef KMS_ENVELOPE_HEADER_H
#define KMS_ENVELOPE_HEADER_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/envelope/suite.h"

struct kms_key_section; /* libkms/envelope/key_section.h */

/* What a caller gets as struct kms_envelope_info is the first member of one of these. All views
 * point into the arena. */
struct kms_header {
    struct kms_envelope_info info; /* must stay first: kms_envelope_info_free frees the whole */
    struct kms_arena arena;
    const struct kms_suite *suite;
    struct kms_bytes raw;       /* the whole header, its authentication included */
    struct kms_bytes body;      /* the part of it that the tag is over */
    const uint8_t *commitment;  /* KMS_COMMITMENT_LEN bytes, or NULL */
    uint8_t iv[KMS_GCM_IV_LEN]; /* of the header's tag */
    const uint8_t *tag;         /* KMS_GCM_TAG_LEN bytes */

    struct kms_key_section *section; /* before the header; owned; NULL: none */
    struct kms_buf start_storage;    /* of start, when that is not raw */
    struct kms_bytes start; /* of a new message: what it begins with, the section and raw */
    uint64_t body_at;       /* bytes before the first frame: the section and raw */
};

/* Takes over the section that was read before the header. */
void kms_header_set_section(struct kms_header *header, struct kms_key_section *section);

void kms_header_free(struct kms_header *header);
void kms_header_free_at(struct kms_header **header);
#define KMS_HEADER_AUTO __attribute__((cleanup(kms_header_free_at))) struct kms_header *

/* The caller's limits with the defaults filled in; limits may be NULL. */
struct kms_envelope_limits kms_limits_or_defaults(const struct kms_envelope_limits *limits);

/* Whether in holds as much as its lengths tell, or what a longer one would not make right: ready to be
 * parsed. False: *needed as below. For readers that get there in many steps. */
KMS_MUST_USE bool kms_header_is_whole(
    struct kms_bytes in, const struct kms_envelope_limits *limits, size_t *needed);

/*
 * Parses the header that in begins with; the bytes are copied. On KMS_ERR_TRUNCATED *needed (never
 * NULL) is how many bytes from the start it takes to get any further: more than in.len, never past
 * the header's end, never past limits->max_header_bytes. limits has no zeros.
 * KMS_ERR_SYNTAX, KMS_ERR_UNSUPPORTED (version, suite), KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_header_parse(struct kms_bytes in,
    const struct kms_envelope_limits *limits, struct kms_header **out, size_t *needed,
    struct kms_envelope_failure *failure);

/* What goes into a new header. */
struct kms_header_parts {
    const struct kms_suite *suite;
    struct kms_bytes message_id;
    struct kms_str_map context; /* canonical; what is stored */
    const struct kms_envelope_edk *edks;
    size_t edk_count;
    uint32_t frame_length;
    const uint8_t *commitment; /* for suites that commit */
};

/* Appends the header's body; the caller appends the authentication. KMS_ERR_LIMIT: a part does not
 * fit its length field, or the buffer's maximum is reached. */
KMS_MUST_USE enum kms_err kms_header_body_write(
    const struct kms_header_parts *parts, struct kms_buf *out);
KMS_MUST_USE enum kms_err kms_header_authentication_write(
    const struct kms_suite *suite, const uint8_t tag[KMS_GCM_TAG_LEN], struct kms_buf *out);

#endif
