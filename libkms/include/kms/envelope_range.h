/*
 * Parts of a message's plaintext without the rest: frames are independent, so a read costs the frames
 * that it touches and no others. 4 KiB out of 8 GiB take one frame.
 *
 * Promise: what is given out has verified: the header's tag and commitment, and the tag of every frame
 * that it came from. Opening verifies the last frame, too, so that the size is authentic: a message
 * that was cut short, even between two frames, is refused. Frames that nobody reads are not looked at:
 * kms_envelope_verify_fd is for that.
 */
#ifndef KMS_ENVELOPE_RANGE_H
#define KMS_ENVELOPE_RANGE_H

#include <kms/envelope.h>

/* Where the message's bytes are: a file, an object store, memory. */
struct kms_envelope_source {
    void *context;
    uint64_t size; /* bytes of the whole message */
    /* Reads exactly len bytes from offset; offset + len never exceeds size. Anything but KMS_OK (such
     * as KMS_ERR_IO, with *os_error set to errno or left 0) fails the read that asked for them. */
    enum kms_err (*read_at)(void *context, void *out, size_t len, uint64_t offset, int *os_error);
};

/* A message opened for reading anywhere. One thread at a time; any number of readers may share a
 * source, a descriptor, a keyring. */
struct kms_envelope_reader;

/*
 * Reads and opens the header (asking the keyring, which may block on the network), then the last frame.
 * options and failure as of kms_envelope_decryptor_new. The signature of a signed message is over the
 * whole, so that no part of it can be verified: such a message is KMS_ERR_POLICY unless
 * options->ignore_signature. A non-framed message is held whole, up to the limit. The source's context
 * must outlive the reader. The caller frees *out.
 * Errors as of kms_envelope_decryptor_step, and what the source fails with. KMS_ERR_TRUNCATED: the
 * message's length cannot be that of whole frames.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_reader_new(
    const struct kms_envelope_source *source, const struct kms_envelope_decrypt_options *options,
    struct kms_envelope_reader **out, struct kms_envelope_failure *failure);

/* The same over a regular file, or whatever pread works on and fstat knows the size of; the message is
 * all of it. Its position is neither used nor changed. fd is borrowed and must stay open.
 * KMS_ERR_INVALID_ARGUMENT: not such a descriptor. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_reader_open(int fd,
    const struct kms_envelope_decrypt_options *options, struct kms_envelope_reader **out,
    struct kms_envelope_failure *failure);

/* Wipes and frees. NULL is allowed. */
KMS_PUBLIC void kms_envelope_reader_free(struct kms_envelope_reader *reader);

/* Plaintext bytes in the message. */
KMS_PUBLIC uint64_t kms_envelope_reader_size(const struct kms_envelope_reader *reader);

/* The header, authenticated and counted. Owned by the reader. */
KMS_PUBLIC const struct kms_envelope_info *kms_envelope_reader_info(
    const struct kms_envelope_reader *reader);

/*
 * Reads len bytes of plaintext from offset. *got is less than len only at the end of the plaintext (0
 * from there on). Frames are read at most 1 MiB at a time, and the last ones are kept, so that small
 * reads in a row cost each frame once. On failure out was wiped.
 * KMS_ERR_AUTHENTICATION, KMS_ERR_SYNTAX (a frame out of place), and what the source fails with;
 * failure tells the frame. The reader stays usable.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_pread(struct kms_envelope_reader *reader,
    void *out, size_t len, uint64_t offset, size_t *got, struct kms_envelope_failure *failure);

/*
 * Writes len bytes of plaintext from offset to out_fd at its current position; len of UINT64_MAX means
 * to the end. A range that reaches past the end is KMS_ERR_INVALID_ARGUMENT, before anything is written.
 * KMS_ERR_IO (also of writing), KMS_ERR_CANCELLED; else as kms_envelope_pread. progress and
 * progress_context of fd_options (may be NULL) are used: called between pieces with the bytes written.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_range_fd(struct kms_envelope_reader *reader,
    int out_fd, uint64_t offset, uint64_t len, const struct kms_envelope_fd_options *fd_options,
    struct kms_envelope_failure *failure);

#endif
