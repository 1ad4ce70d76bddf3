/* Whole reads and writes on blocking descriptors that another thread can call off. */
#ifndef KMS_ENVELOPE_IO_H
#define KMS_ENVELOPE_IO_H

#include <kms/error.h>
#include <kms/export.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct kms_io {
    int fd;
    int cancel_fd;  /* readable once the work is called off; -1: it cannot be */
    bool may_block; /* waiting for it may take forever: not a regular file */
    int os_error;   /* errno of the last failure */
};

struct kms_io kms_io_of(int fd, int cancel_fd);

/* Bytes of a regular file that are still to be read, as far as it says now; UINT64_MAX: nobody knows. */
uint64_t kms_io_left(const struct kms_io *io);

/*
 * Fills the vector, or what of it the input has before its end; *got counts. The vector is used up:
 * its elements are changed. KMS_ERR_IO, KMS_ERR_CANCELLED.
 */
KMS_MUST_USE enum kms_err kms_io_read(struct kms_io *io, struct iovec *iov, int count, size_t *got);

/* Writes the whole vector, changing its elements. SIGPIPE is the caller's to block. */
KMS_MUST_USE enum kms_err kms_io_write(struct kms_io *io, struct iovec *iov, int count);

#endif
