/* Filling in struct kms_envelope_failure. Every function takes NULL for it. */
#ifndef KMS_ENVELOPE_FAILURE_H
#define KMS_ENVELOPE_FAILURE_H

#include <kms/envelope.h>

void kms_failure_clear(struct kms_envelope_failure *failure);

/* Sets code and text, forgets the rest, and returns the code. */
enum kms_err kms_failure_set(struct kms_envelope_failure *failure, enum kms_err err,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with the code's own text. */
enum kms_err kms_failure_plain(struct kms_envelope_failure *failure, enum kms_err err);

/* The same for a part of the message: a frame, and where that begins. */
enum kms_err kms_failure_at(struct kms_envelope_failure *failure, enum kms_err err, uint32_t frame,
    uint64_t offset, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* KMS_ERR_IO with errno's text. */
enum kms_err kms_failure_io(struct kms_envelope_failure *failure, int os_error, const char *what);

#endif
