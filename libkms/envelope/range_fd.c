/* A range of a message's plaintext into a descriptor. */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/io.h"
#include "libkms/envelope/memory.h"

#include <kms/envelope_range.h>

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { PIECE = 1 << 20 };

/* SIGPIPE goes to the thread that writes; held back, EPIPE says the same. One that was raised here is
 * taken away again, one that was pending before is left. */
struct quiet {
    sigset_t before;
    bool was_pending;
};

static void hold_sigpipe(struct quiet *quiet)
{
    sigset_t pipe;
    sigset_t pending;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    (void)sigpending(&pending);
    quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &quiet->before);
}

static void release_sigpipe(const struct quiet *quiet, bool raised)
{
    static const struct timespec now = {0, 0};
    sigset_t pipe;
    (void)sigemptyset(&pipe);
    (void)sigaddset(&pipe, SIGPIPE);
    if (raised && !quiet->was_pending)
        (void)sigtimedwait(&pipe, NULL, &now);
    (void)pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static enum kms_err write_piece(
    struct kms_io *io, uint8_t *data, size_t len, struct kms_envelope_failure *failure)
{
    struct iovec iov = {.iov_base = data, .iov_len = len};
    struct quiet quiet;
    hold_sigpipe(&quiet);
    enum kms_err err = kms_io_write(io, &iov, 1);
    release_sigpipe(&quiet, err != KMS_OK);
    return err == KMS_OK ? KMS_OK : kms_failure_io(failure, io->os_error, "writing");
}

static enum kms_err copy_range(struct kms_envelope_reader *reader, struct kms_io *io,
    uint8_t *piece, uint64_t offset, uint64_t len, const struct kms_envelope_fd_options *fd_options,
    struct kms_envelope_failure *failure)
{
    for (uint64_t done = 0; done < len;) {
        /* pieces end where frames may: no frame is opened twice but the first */
        size_t wanted = len - done < PIECE ? (size_t)(len - done) : PIECE;
        size_t got = 0;
        enum kms_err err = kms_envelope_pread(reader, piece, wanted, offset + done, &got, failure);
        if (err == KMS_OK)
            err = write_piece(io, piece, got, failure);
        if (err != KMS_OK)
            return err;
        done += got;
        if (fd_options != NULL && fd_options->progress != NULL &&
            !fd_options->progress(fd_options->progress_context, done))
            return kms_failure_plain(failure, KMS_ERR_CANCELLED);
    }
    return KMS_OK;
}

enum kms_err kms_envelope_range_fd(struct kms_envelope_reader *reader, int out_fd, uint64_t offset,
    uint64_t len, const struct kms_envelope_fd_options *fd_options,
    struct kms_envelope_failure *failure)
{
    uint64_t size = kms_envelope_reader_size(reader);
    kms_failure_clear(failure);
    if (offset > size || (len != UINT64_MAX && len > size - offset))
        return kms_failure_set(failure, KMS_ERR_INVALID_ARGUMENT,
            "the range ends at %llu, but there are %llu bytes of plaintext",
            (unsigned long long)(len > UINT64_MAX - offset ? UINT64_MAX : offset + len),
            (unsigned long long)size);
    if (len == UINT64_MAX)
        len = size - offset;
    struct kms_io io = kms_io_of(out_fd, -1);
    uint8_t *piece = kms_memory_new(PIECE);
    if (piece == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    enum kms_err err = copy_range(reader, &io, piece, offset, len, fd_options, failure);
    kms_memory_free(piece, PIECE, PIECE);
    return err;
}
