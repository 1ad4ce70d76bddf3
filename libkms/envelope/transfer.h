/*
 * From descriptor to descriptor: the pipeline's three stages for encrypting, decrypting and
 * re-encrypting.
 *
 *                 fill                           work            drain
 *   encrypt       plaintext, into frame slots    seal            frames
 *   decrypt       frames                         open            their contents
 *   re-encrypt    frames                         open and seal   frames
 *
 * What does not fit this, a non-framed message or a change of the frame length, is decrypted by a
 * stream on the way in, as part of filling.
 */
#ifndef KMS_ENVELOPE_TRANSFER_H
#define KMS_ENVELOPE_TRANSFER_H

#include "libkms/envelope/io.h"
#include "libkms/envelope/message.h"

#include <stdatomic.h>

struct kms_transfer {
    struct kms_io in;
    struct kms_io out;
    bool discard;               /* nothing is written: out is no descriptor */
    struct kms_message *opened; /* frames are read and opened with it; NULL: plaintext is read */
    struct kms_message *sealed; /* frames are sealed with it and written; NULL: plaintext is */
    struct kms_envelope_decryptor *inner; /* what is read goes through it first; or NULL */

    /* the layout of a chunk: slots for regular frames, one after another as in the message */
    uint32_t frame_length;
    size_t slots;

    /* filling, one worker at a time */
    struct kms_bytes inner_in; /* read, not yet taken by inner */
    uint8_t *inner_buffer;
    uint64_t read_sequence; /* of the next frame */
    bool in_ended;
    _Atomic uint64_t in_bytes;

    /* draining, one worker at a time */
    bool header_written;
    uint64_t plaintext_len; /* drained */
    uint64_t frames;
    uint64_t out_bytes;
    uint64_t message_len; /* of the message that was read; set at its end */
};

/* Runs it. fd_options may be NULL. */
KMS_MUST_USE enum kms_err kms_transfer_run(struct kms_transfer *transfer,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_failure *failure);

#endif
