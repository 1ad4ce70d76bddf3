#include "libkms/envelope/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

struct kms_io kms_io_of(int fd, int cancel_fd)
{
    struct stat info;
    bool may_block = fstat(fd, &info) == 0 && !S_ISREG(info.st_mode);
    return (struct kms_io){.fd = fd, .cancel_fd = cancel_fd, .may_block = may_block};
}

uint64_t kms_io_left(const struct kms_io *io)
{
    struct stat info;
    off_t at = lseek(io->fd, 0, SEEK_CUR);
    bool is_known = at >= 0 && fstat(io->fd, &info) == 0 && S_ISREG(info.st_mode) &&
                    info.st_size > 0; /* files that the kernel makes up say 0 */
    if (!is_known)
        return UINT64_MAX;
    return info.st_size > at ? (uint64_t)(info.st_size - at) : 0;
}

/* Until the descriptor is ready, or the work is called off. */
static enum kms_err wait_for(struct kms_io *io, short events)
{
    if (!io->may_block)
        return KMS_OK;
    struct pollfd fds[] = {
        {.fd = io->fd, .events = events}, {.fd = io->cancel_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) < 0) {
        if (errno == EINTR)
            continue;
        io->os_error = errno;
        return KMS_ERR_IO;
    }
    return fds[1].revents != 0 ? KMS_ERR_CANCELLED : KMS_OK;
}

/* Past len bytes of the vector. */
static void advance(struct iovec **iov, int *count, size_t len)
{
    while (*count > 0 && len >= (*iov)->iov_len) {
        len -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + len;
        (*iov)->iov_len -= len;
    }
}

enum kms_err kms_io_read(struct kms_io *io, struct iovec *iov, int count, size_t *got)
{
    size_t total = 0;
    advance(&iov, &count, 0); /* past empty elements */
    while (count > 0) {
        enum kms_err err = wait_for(io, POLLIN);
        if (err != KMS_OK)
            return err;
        ssize_t n = readv(io->fd, iov, count < IOV_MAX ? count : IOV_MAX);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && io->may_block)))
            continue;
        if (n < 0) {
            io->os_error = errno;
            return KMS_ERR_IO;
        }
        if (n == 0)
            break;
        total += (size_t)n;
        advance(&iov, &count, (size_t)n);
    }
    *got = total;
    return KMS_OK;
}

enum kms_err kms_io_write(struct kms_io *io, struct iovec *iov, int count)
{
    advance(&iov, &count, 0);
    while (count > 0) {
        enum kms_err err = wait_for(io, POLLOUT);
        if (err != KMS_OK)
            return err;
        ssize_t n = writev(io->fd, iov, count < IOV_MAX ? count : IOV_MAX);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && io->may_block)))
            continue;
        if (n <= 0) { /* a write of some bytes that takes none is a full disk by another name */
            io->os_error = n < 0 ? errno : ENOSPC;
            return KMS_ERR_IO;
        }
        advance(&iov, &count, (size_t)n);
    }
    return KMS_OK;
}
