/*
 * Where input comes from: a file, or standard input. Its beginning can be looked at without taking
 * it away, also from a pipe, so that verbs can tell messages from ciphertext blobs.
 */
#ifndef KMSCTL_INPUT_H
#define KMSCTL_INPUT_H

#include "kmsctl/failure.h"
#include "libkms/base/buf.h"

#include <sys/stat.h>

/* Bytes of CiphertextBlob at most (API reference, CiphertextType), and of what may be encrypted
 * directly (Encrypt, Plaintext). */
#define KMSCTL_BLOB_MAX   ((size_t)6144)
#define KMSCTL_DIRECT_MAX ((size_t)4096)

/* What a look at the beginning shows: one byte more than the longest blob. */
#define KMSCTL_HEAD_MAX (KMSCTL_BLOB_MAX + 1)

struct kmsctl_pump;

/* Called when no more is read from an adopted stream: KMSCTL_OK if its end was its true end. */
typedef enum kmsctl_exit kmsctl_input_ended_fn(void *context, struct kmsctl_failure *failure);

struct kmsctl_input {
    int fd;
    bool is_stdin;
    bool seekable;       /* a regular file */
    char *name;          /* for messages */
    struct stat stat;    /* when it was opened */
    struct kms_buf head; /* valid after kmsctl_input_look */
    struct kmsctl_pump *pump;
    kmsctl_input_ended_fn *ended; /* NULL: there is nothing to ask, or it was asked */
    void *ended_context;
};

#define KMSCTL_INPUT_INIT \
    {                     \
        .fd = -1          \
    }
#define KMSCTL_INPUT_AUTO __attribute__((cleanup(kmsctl_input_close))) struct kmsctl_input

/* path NULL or "-": standard input. KMSCTL_IO. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_open(
    struct kmsctl_input *input, const char *path, struct kmsctl_failure *failure);
/* The same for a descriptor of a regular file, which is taken over and closed in any case; anything
 * else is KMSCTL_IO. name is for messages. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_adopt(
    struct kmsctl_input *input, int fd, const char *name, struct kmsctl_failure *failure);
/* The same for a stream that somebody in this process writes to, which is taken over and closed in
 * any case; then ended is called, once, at the latest by kmsctl_input_close. KMSCTL_FAILED: memory;
 * ended is not called. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_adopt_stream(struct kmsctl_input *input, int fd,
    const char *name, kmsctl_input_ended_fn *ended, void *context, struct kmsctl_failure *failure);
void kmsctl_input_close(struct kmsctl_input *input);

/* Fills input->head with up to KMSCTL_HEAD_MAX bytes; fewer mean that these are all. KMSCTL_IO. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_look(
    struct kmsctl_input *input, struct kmsctl_failure *failure);

/* Appends all of the input to buf, up to the buffer's maximum: more is cut off. KMSCTL_IO. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_read_all(
    struct kmsctl_input *input, struct kms_buf *buf, struct kmsctl_failure *failure);

/* A descriptor that gives the input from its beginning, head included. It belongs to the input;
 * call once. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_stream(
    struct kmsctl_input *input, int *fd, struct kmsctl_failure *failure);

/* After the stream was read to its end, or given up: KMSCTL_IO when standard input itself could not
 * be read, or an adopted stream was not written to its end, which looks like an early end to whoever
 * reads the stream. Nothing can be read from that afterwards. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_check(
    struct kmsctl_input *input, struct kmsctl_failure *failure);

/* KMSCTL_IO when a regular file is not any more what it was when it was opened. */
KMS_MUST_USE enum kmsctl_exit kmsctl_input_unchanged(
    const struct kmsctl_input *input, struct kmsctl_failure *failure);

/* Bytes from the current position to the end of a regular file; 0 for what has no size. */
uint64_t kmsctl_input_size(const struct kmsctl_input *input);

#endif
