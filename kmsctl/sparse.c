#include "kmsctl/sparse.h"

#include "libkms/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)1 << 18)
#define BLOCK_SIZE  ((size_t)4096)

static bool is_zero(const uint8_t *data, size_t len)
{
    return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int write_at(int fd, const uint8_t *data, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, data, len, offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        data += written;
        len -= (size_t)written;
        offset += written;
    }
    return 0;
}

/* Blocks of the file, the buffer beginning at one. */
static int write_blocks(int fd, const uint8_t *data, size_t len, off_t offset)
{
    int error = 0;

    for (size_t at = 0; at < len && error == 0;) {
        size_t begin = at;

        while (at < len) {
            size_t piece = len - at < BLOCK_SIZE ? len - at : BLOCK_SIZE;

            if (is_zero(data + at, piece))
                break;
            at += piece;
        }
        if (at > begin)
            error = write_at(fd, data + begin, at - begin, offset + (off_t)begin);
        else
            at += len - at < BLOCK_SIZE ? len - at : BLOCK_SIZE;
    }
    return error;
}

/* Fills the buffer unless the pipe ends. */
static int fill(int fd, uint8_t *data, size_t *len)
{
    *len = 0;
    while (*len < BUFFER_SIZE) {
        ssize_t got = read(fd, data + *len, BUFFER_SIZE - *len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        *len += (size_t)got;
    }
    return 0;
}

static void *copy(void *argument)
{
    struct kmsctl_sparse *sparse = argument;
    uint8_t *data = malloc(BUFFER_SIZE);
    size_t len = BUFFER_SIZE;
    off_t offset = 0;

    sparse->error = data == NULL ? ENOMEM : 0;
    while (sparse->error == 0 && len == BUFFER_SIZE) {
        sparse->error = fill(sparse->read_fd, data, &len);
        if (sparse->error == 0)
            sparse->error = write_blocks(sparse->out_fd, data, len, offset);
        offset += (off_t)len;
    }
    if (sparse->error == 0 && ftruncate(sparse->out_fd, offset) != 0) /* it may end in a hole */
        sparse->error = errno;
    if (data != NULL)
        kms_wipe(data, BUFFER_SIZE);
    free(data);
    (void)close(sparse->read_fd); /* after a failure, the writer shall see it */
    return NULL;
}

enum kmsctl_exit kmsctl_sparse_begin(
    struct kmsctl_sparse *sparse, int out_fd, struct kmsctl_failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return kmsctl_fail_errno(failure, errno, "cannot make a pipe");
    *sparse = (struct kmsctl_sparse){.write_fd = ends[1], .read_fd = ends[0], .out_fd = out_fd};
    int error = pthread_create(&sparse->thread, NULL, copy, sparse);
    if (error != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return kmsctl_fail_errno(failure, error, "cannot start a thread");
    }
    return KMSCTL_OK;
}

int kmsctl_sparse_end(struct kmsctl_sparse *sparse)
{
    (void)close(sparse->write_fd);
    (void)pthread_join(sparse->thread, NULL);
    return sparse->error;
}
