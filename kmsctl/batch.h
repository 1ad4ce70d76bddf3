/*
 * Many files, several at a time: a bounded queue, workers, progress over all of them, one line for
 * each failure as it happens, and a summary. One file's failure doesn't stop the others, unless it
 * would be every file's: no space left, no service.
 */
#ifndef KMSCTL_BATCH_H
#define KMSCTL_BATCH_H

#include "kmsctl/app.h"

#include <sys/stat.h>

#define KMSCTL_JOBS_MAX 64

struct kmsctl_batch;

/* A directory tree that files are in. */
struct kmsctl_root {
    int fd;
    const char *name; /* as the user gave it */
};

struct kmsctl_batch_item {
    const struct kmsctl_root *root; /* NULL: path is the user's own */
    const char *path;               /* below the root */
    const char *name;               /* the whole, for messages */
    uint64_t size;                  /* bytes, for progress */
};

/* Filled by the function that does an item. */
struct kmsctl_batch_result {
    bool finished;  /* there was nothing left to do */
    uint64_t bytes; /* of plaintext that went through */
};

/* Does one file, in a worker with an app of its own, whose memory is reset after each. fd_options
 * tell about progress. */
typedef enum kmsctl_exit kmsctl_batch_fn(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result);

struct kmsctl_batch_options {
    kmsctl_batch_fn *run;
    void *context;         /* borrowed, shared by the workers */
    const char *what;      /* "encrypted", for progress */
    bool refusal_is_fatal; /* one file's refusal by the service will be every file's */
    bool none_is_failure;  /* KMSCTL_BAD_INPUT, "nothing was WHAT", when no file went through */
    uint64_t total;        /* bytes, for progress; 0: not known */
};

/* The number that --jobs says, or as many as help here. KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_batch_jobs(struct kmsctl_app *app, unsigned *out);

/* Starts the workers. The app is connected. KMSCTL_USAGE (--jobs), KMSCTL_FAILED. On KMSCTL_OK the
 * caller calls kmsctl_batch_finish. */
KMS_MUST_USE enum kmsctl_exit kmsctl_batch_start(
    struct kmsctl_app *app, const struct kmsctl_batch_options *options, struct kmsctl_batch **out);

/* Hands a file to the workers; waits while they have enough to do. False: give up, nothing more will
 * be done. */
KMS_MUST_USE bool kmsctl_batch_add(
    struct kmsctl_batch *batch, const struct kmsctl_root *root, const char *path, uint64_t size);

/* A file that is left out, and why; root and path as above. */
void kmsctl_batch_skip(
    struct kmsctl_batch *batch, const struct kmsctl_root *root, const char *path, const char *why);

/* A file that has failed before it could be handed over. */
void kmsctl_batch_fail(struct kmsctl_batch *batch, const struct kmsctl_failure *failure);

/* Waits for the workers, without the summary; more can be added afterwards. */
void kmsctl_batch_drain(struct kmsctl_batch *batch);

/* Waits for the workers, prints the summary, frees. status: of what has gone on besides; it counts
 * when it is not KMSCTL_OK. Otherwise the exit code is that of the failures if all have the same, and
 * KMSCTL_FAILED if not. */
KMS_MUST_USE enum kmsctl_exit kmsctl_batch_finish(
    struct kmsctl_batch *batch, enum kmsctl_exit status);

#endif
