/*
 * Frames: their layout, and AES-GCM over them and over the header, in place.
 * Source: AWS Encryption SDK specification, "Message Body", "Message Body AAD", "Header
 * Authentication".
 *
 *   regular  u32 sequence || 12 IV || content (the frame length) || 16 tag
 *   final    u32 ffffffff || u32 sequence || 12 IV || u32 length || content || 16 tag
 *   single   12 IV || u64 length || content || 16 tag        the whole of a non-framed body
 */
#ifndef KMS_ENVELOPE_FRAME_H
#define KMS_ENVELOPE_FRAME_H

#include "libkms/base/secret.h"
#include "libkms/envelope/suite.h"

enum kms_frame_kind {
    KMS_FRAME_REGULAR,
    KMS_FRAME_FINAL,
    KMS_FRAME_SINGLE,
};

enum {
    KMS_FRAME_HEAD_LEN = 4 + KMS_GCM_IV_LEN,
    KMS_FRAME_FINAL_HEAD_LEN = 4 + 4 + KMS_GCM_IV_LEN + 4,
    KMS_FRAME_SINGLE_HEAD_LEN = KMS_GCM_IV_LEN + 8,
    KMS_FRAME_HEAD_MAX = KMS_FRAME_FINAL_HEAD_LEN,
    KMS_FRAME_OVERHEAD = KMS_FRAME_HEAD_LEN + KMS_GCM_TAG_LEN, /* of a regular frame */
};

#define KMS_FRAME_SEQUENCE_MAX UINT32_MAX

struct kms_frame_head {
    enum kms_frame_kind kind;
    uint32_t sequence;
    uint8_t iv[KMS_GCM_IV_LEN];
    size_t content_len;
    size_t head_len;
};

/* What a reader knows of the frame that comes next. */
struct kms_frame_expect {
    bool framed;
    uint32_t frame_length; /* content of a regular frame */
    uint32_t max_content;  /* of a non-framed body */
    uint32_t sequence;
};

/* How many bytes the head of the next frame takes, as far as the bytes at hand tell: at most that
 * many may be collected before asking again. */
size_t kms_frame_head_len(const struct kms_frame_expect *expect, struct kms_bytes in);

/*
 * Reads the head of the frame that comes next. KMS_ERR_TRUNCATED: more bytes are needed.
 * KMS_ERR_SYNTAX: out of sequence, or longer than the frame length. KMS_ERR_LIMIT: a non-framed
 * body over max_content.
 */
KMS_MUST_USE enum kms_err kms_frame_head_parse(
    const struct kms_frame_expect *expect, struct kms_bytes in, struct kms_frame_head *out);

/* The message key, set up once; not for two threads at once. */
struct kms_frame_cipher;

enum kms_frame_direction { KMS_FRAME_OPEN = 0, KMS_FRAME_SEAL = 1 };

/* message_id is copied. KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_frame_cipher_new(const struct kms_suite *suite,
    const struct kms_secret *key, struct kms_bytes message_id, enum kms_frame_direction direction,
    struct kms_frame_cipher **out);
void kms_frame_cipher_free(struct kms_frame_cipher *cipher);
void kms_frame_cipher_free_at(struct kms_frame_cipher **cipher);
#define KMS_FRAME_CIPHER_AUTO \
    __attribute__((cleanup(kms_frame_cipher_free_at))) struct kms_frame_cipher *

/* Bytes that a sealed frame has around its content. */
size_t kms_frame_overhead(enum kms_frame_kind kind);
size_t kms_frame_content_at(enum kms_frame_kind kind); /* the length of the head */

/*
 * Seals in place: frame holds room for the head, then content_len bytes of plaintext, then room for
 * the tag; kind is regular or final. KMS_ERR_CRYPTO.
 */
KMS_MUST_USE enum kms_err kms_frame_seal(struct kms_frame_cipher *cipher, enum kms_frame_kind kind,
    uint32_t sequence, uint8_t *frame, size_t content_len);

/*
 * The same from elsewhere and to two places: content_len bytes of plaintext become the head and the
 * first part bytes of the content at frame, and what remains of it and the tag at rest. Where these
 * overlap the plaintext, content stays where it is.
 */
KMS_MUST_USE enum kms_err kms_frame_seal_parted(struct kms_frame_cipher *cipher,
    enum kms_frame_kind kind, uint32_t sequence, const uint8_t *plaintext, size_t content_len,
    uint8_t *frame, size_t part, uint8_t *rest);

/*
 * Opens in place: content holds head->content_len bytes of ciphertext, then the tag.
 * KMS_ERR_AUTHENTICATION: the tag does not verify; the content was wiped.
 */
KMS_MUST_USE enum kms_err kms_frame_open(
    struct kms_frame_cipher *cipher, const struct kms_frame_head *head, uint8_t *content);

/* The same to elsewhere: content is left as it is, out gets the plaintext and does not overlap it. Until
 * this returns KMS_OK out holds what nobody may look at; on failure it was wiped. */
KMS_MUST_USE enum kms_err kms_frame_open_to(struct kms_frame_cipher *cipher,
    const struct kms_frame_head *head, const uint8_t *content, uint8_t *out);

/* The header's tag over two pieces of AAD. */
KMS_MUST_USE enum kms_err kms_header_tag_make(struct kms_frame_cipher *cipher,
    struct kms_bytes body, struct kms_bytes unstored,
    uint8_t tag[KMS_GCM_TAG_LEN]); /* with an IV of zeros */
KMS_MUST_USE enum kms_err kms_header_tag_check(struct kms_frame_cipher *cipher,
    const uint8_t iv[KMS_GCM_IV_LEN], struct kms_bytes body, struct kms_bytes unstored,
    const uint8_t tag[KMS_GCM_TAG_LEN]);

#endif
