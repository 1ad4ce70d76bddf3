/*
 * A message whose header is done: made for writing, or parsed and authenticated for reading. From
 * here on it is frames. Shared by the streams and the descriptor helpers.
 */
#ifndef KMS_ENVELOPE_MESSAGE_H
#define KMS_ENVELOPE_MESSAGE_H

#include "libkms/envelope/frame.h"
#include "libkms/envelope/header.h"
#include "libkms/envelope/signature.h"

struct kms_message {
    struct kms_header *header;
    struct kms_secret *key;          /* the message key */
    struct kms_signature *signature; /* NULL: unsigned; has been fed the header */
    uint64_t plaintext_bound;        /* of a new message: bytes that may come; 0: any number */
};

/* Wipes and frees what the message owns. */
void kms_message_clean_up(struct kms_message *message);
#define KMS_MESSAGE_AUTO __attribute__((cleanup(kms_message_clean_up))) struct kms_message

/*
 * Begins a new message: chooses the suite, asks the keyring, derives the message key, makes the
 * header. message_id is absent but for known-answer tests: a random one is made.
 */
KMS_MUST_USE enum kms_err kms_message_create(const struct kms_envelope_encrypt_options *options,
    struct kms_bytes message_id, struct kms_message *out, struct kms_envelope_failure *failure);

/*
 * Opens a parsed header, in the order that the format asks for: policy, context, keyring, length of
 * the data key, commitment, tag. On success *header belongs to *out and becomes NULL.
 */
KMS_MUST_USE enum kms_err kms_message_open(const struct kms_envelope_decrypt_options *options,
    struct kms_header **header, struct kms_message *out, struct kms_envelope_failure *failure);

/* A cipher for the message's frames; one for each thread. */
KMS_MUST_USE enum kms_err kms_message_cipher(const struct kms_message *message,
    enum kms_frame_direction direction, struct kms_frame_cipher **out);

/* KMS_ERR_LIMIT: so much plaintext is more than was announced. */
KMS_MUST_USE enum kms_err kms_message_check_bound(const struct kms_message *message,
    uint64_t plaintext_len, struct kms_envelope_failure *failure);

/* Where in a framed message frame number sequence begins. */
uint64_t kms_message_frame_offset(const struct kms_header *header, uint32_t sequence);

/* Notes what is known at the end: frames, plaintext bytes and footer. */
void kms_header_set_counts(
    struct kms_header *header, uint64_t frames, uint64_t plaintext_len, uint64_t message_len);

/* All pairs of a message's context, canonical: those that its header stores and those that the caller
 * brings. KMS_ERR_CONTEXT: they contradict each other. */
KMS_MUST_USE enum kms_err kms_message_context(const struct kms_header *header,
    struct kms_str_map brought, struct kms_arena *arena, struct kms_str_map *out,
    struct kms_envelope_failure *failure);

/* Copies the pairs of a context, text and all, into an arena. */
KMS_MUST_USE enum kms_err kms_context_copy(
    struct kms_str_map from, struct kms_arena *arena, struct kms_str_map *out);

#endif
