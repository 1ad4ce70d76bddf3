#include "kmsctl/input.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)

/*
 * Gives back to a pipe's reader what was looked at: a thread writes the head, then all that
 * follows, into a pipe of its own. On Linux the bytes move by splice, without being copied. Only
 * ciphertext ever goes this way.
 */
struct kmsctl_pump {
    int from;
    int to;   /* the pump's end; closed by it */
    int read; /* the reader's end */
    struct kms_bytes head;
    atomic_int error; /* errno of reading, 0 */
    atomic_bool done;
    pthread_t thread;
};

/* There is one standard input, so there is one pump; static, as its thread may outlive main. */
static struct kmsctl_pump the_pump;

static bool write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        data += written;
        len -= (size_t)written;
    }
    return true;
}

/* For sources that splice does not take, such as some terminals and sockets. */
static void pump_by_copying(struct kmsctl_pump *pump)
{
    static uint8_t block[64 * 1024];

    for (;;) {
        ssize_t got = read(pump->from, block, sizeof(block));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            atomic_store(&pump->error, errno);
        if (got <= 0 || !write_all(pump->to, block, (size_t)got))
            return;
    }
}

static void *pump_main(void *argument)
{
    struct kmsctl_pump *pump = argument;

    if (write_all(pump->to, pump->head.data, pump->head.len)) {
        for (;;) {
            ssize_t moved =
                splice(pump->from, NULL, pump->to, NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_MORE);

            if (moved < 0 && errno == EINTR)
                continue;
            if (moved < 0 && errno == EINVAL)
                pump_by_copying(pump);
            else if (moved < 0 && errno != EPIPE) /* EPIPE: the reader has given up */
                atomic_store(&pump->error, errno);
            if (moved <= 0)
                break;
        }
    }
    atomic_store(&pump->done, true); /* first, so that whoever sees the end knows it */
    (void)close(pump->to);
    return NULL;
}

static enum kmsctl_exit fail_read(
    const struct kmsctl_input *input, int error, struct kmsctl_failure *failure)
{
    (void)kmsctl_fail(failure, KMSCTL_IO, "cannot read %s: %s", input->name, strerror(error));
    return kmsctl_fail_with_errno(failure, error);
}

enum kmsctl_exit kmsctl_input_open(
    struct kmsctl_input *input, const char *path, struct kmsctl_failure *failure)
{
    struct kmsctl_input opening = KMSCTL_INPUT_INIT;

    if (path == NULL)
        path = "-";
    opening.is_stdin = strcmp(path, "-") == 0;
    kms_buf_init(&opening.head, KMSCTL_HEAD_MAX);
    opening.name = strdup(opening.is_stdin ? "standard input" : path);
    if (opening.name == NULL)
        return kmsctl_fail_memory(failure);
    opening.fd = opening.is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int error = opening.fd < 0 ? errno : 0;
    if (error == 0 && fstat(opening.fd, &opening.stat) != 0)
        error = errno;
    else if (error == 0 && S_ISDIR(opening.stat.st_mode))
        error = EISDIR;
    if (error != 0) {
        enum kmsctl_exit status = fail_read(&opening, error, failure);

        kmsctl_input_close(&opening);
        return status;
    }
    opening.seekable = S_ISREG(opening.stat.st_mode) && lseek(opening.fd, 0, SEEK_CUR) >= 0;
    *input = opening;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_input_adopt(
    struct kmsctl_input *input, int fd, const char *name, struct kmsctl_failure *failure)
{
    struct kmsctl_input opening = KMSCTL_INPUT_INIT;
    enum kmsctl_exit status = KMSCTL_OK;

    opening.fd = fd;
    kms_buf_init(&opening.head, KMSCTL_HEAD_MAX);
    opening.name = strdup(name);
    opening.seekable = true;
    if (opening.name == NULL)
        status = kmsctl_fail_memory(failure);
    else if (fstat(fd, &opening.stat) != 0)
        status = fail_read(&opening, errno, failure);
    else if (!S_ISREG(opening.stat.st_mode))
        status = kmsctl_fail(failure, KMSCTL_IO, "cannot read %s: it is no regular file", name);
    if (status != KMSCTL_OK) {
        kmsctl_input_close(&opening);
        return status;
    }
    *input = opening;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_input_adopt_stream(struct kmsctl_input *input, int fd, const char *name,
    kmsctl_input_ended_fn *ended, void *context, struct kmsctl_failure *failure)
{
    struct kmsctl_input opening = KMSCTL_INPUT_INIT;

    opening.fd = fd;
    kms_buf_init(&opening.head, KMSCTL_HEAD_MAX);
    opening.name = strdup(name);
    if (opening.name == NULL) {
        kmsctl_input_close(&opening);
        return kmsctl_fail_memory(failure);
    }
    opening.ended = ended;
    opening.ended_context = context;
    *input = opening;
    return KMSCTL_OK;
}

/* One that waits for bytes that may never come can't be waited for: false, and what it uses has to
 * last as long as the process, which is about to end. */
static bool end_pump(struct kmsctl_pump *pump)
{
    bool done = atomic_load(&pump->done);

    (void)close(pump->read); /* a pump that still writes now ends */
    if (done)
        (void)pthread_join(pump->thread, NULL);
    else
        (void)pthread_detach(pump->thread);
    return done;
}

void kmsctl_input_close(struct kmsctl_input *input)
{
    struct kmsctl_failure ignored;
    bool idle = input->pump == NULL || end_pump(input->pump);

    if (input->ended != NULL)
        (void)!kmsctl_input_check(input, &ignored);

    if (idle)
        kms_buf_clean_up(&input->head);
    if (idle && input->fd >= 0 && !input->is_stdin)
        (void)close(input->fd);
    free(input->name);
    *input = (struct kmsctl_input)KMSCTL_INPUT_INIT;
}

enum kmsctl_exit kmsctl_input_read_all(
    struct kmsctl_input *input, struct kms_buf *buf, struct kmsctl_failure *failure)
{
    size_t room_len = buf->max - buf->len;
    size_t begin = buf->len;
    size_t len = 0;
    uint8_t *room = kms_buf_extend(buf, room_len);

    if (room == NULL)
        return kmsctl_fail_memory(failure);
    while (len < room_len) {
        ssize_t got = read(input->fd, room + len, room_len - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_read(input, errno, failure);
        if (got == 0)
            break;
        len += (size_t)got;
    }
    kms_buf_truncate(buf, begin + len);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_input_look(struct kmsctl_input *input, struct kmsctl_failure *failure)
{
    off_t begin = input->seekable ? lseek(input->fd, 0, SEEK_CUR) : 0;

    enum kmsctl_exit status = kmsctl_input_read_all(input, &input->head, failure);
    if (status != KMSCTL_OK)
        return status;
    if (input->seekable && lseek(input->fd, begin, SEEK_SET) < 0)
        return fail_read(input, errno, failure);
    return KMSCTL_OK;
}

/* The head is all there is: a file in memory holds it. */
static int stream_from_memory(struct kmsctl_input *input)
{
    int fd = memfd_create("kmsctl", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (!write_all(fd, input->head.data, input->head.len) || lseek(fd, 0, SEEK_SET) < 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    if (!input->is_stdin)
        (void)close(input->fd);
    input->fd = fd;
    input->is_stdin = false;
    return fd;
}

static int stream_by_pump(struct kmsctl_input *input)
{
    struct kmsctl_pump *pump = &the_pump;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches; not allowed is no matter */
    pump->from = input->fd;
    pump->read = ends[0];
    pump->to = ends[1];
    pump->head = kms_buf_bytes(&input->head);
    int error = pthread_create(&pump->thread, NULL, pump_main, pump);
    if (error != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        errno = error;
        return -1;
    }
    input->pump = pump;
    return ends[0];
}

enum kmsctl_exit kmsctl_input_stream(
    struct kmsctl_input *input, int *fd, struct kmsctl_failure *failure)
{
    int stream = input->fd;

    if (!input->seekable && input->head.len == KMSCTL_HEAD_MAX)
        stream = stream_by_pump(input);
    else if (!input->seekable && input->head.data != NULL)
        stream = stream_from_memory(input);
    if (stream < 0)
        return fail_read(input, errno, failure);
    *fd = stream;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_input_check(struct kmsctl_input *input, struct kmsctl_failure *failure)
{
    int error = input->pump == NULL ? 0 : atomic_load(&input->pump->error);
    kmsctl_input_ended_fn *ended = input->ended;

    if (ended != NULL) {
        (void)close(input->fd); /* whoever still writes now ends */
        input->fd = -1;
        input->ended = NULL;
        return ended(input->ended_context, failure);
    }
    return error == 0 ? KMSCTL_OK : fail_read(input, error, failure);
}

enum kmsctl_exit kmsctl_input_unchanged(
    const struct kmsctl_input *input, struct kmsctl_failure *failure)
{
    const struct stat *then = &input->stat;
    struct stat now;

    if (!input->seekable)
        return KMSCTL_OK;
    if (fstat(input->fd, &now) != 0)
        return fail_read(input, errno, failure);
    if (now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != then->st_mtim.tv_nsec)
        return kmsctl_fail(failure, KMSCTL_IO,
            "%s was changed while it was read; nothing is written", input->name);
    return KMSCTL_OK;
}

uint64_t kmsctl_input_size(const struct kmsctl_input *input)
{
    if (!input->seekable)
        return 0;
    off_t at = lseek(input->fd, 0, SEEK_CUR);
    return at < 0 || at >= input->stat.st_size ? 0 : (uint64_t)(input->stat.st_size - at);
}
