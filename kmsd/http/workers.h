/*
 * A pool of threads behind a bounded queue: where requests wait that write to disk or compute for
 * long, while the threads that read sockets go on.
 */
#ifndef KMSD_HTTP_WORKERS_H
#define KMSD_HTTP_WORKERS_H

#include <kms/error.h>
#include <stddef.h>

struct kmsd_workers;

/* What is done with a job; called on a worker's thread, or (cancel) on the thread that stops the
 * pool. Each job that was taken in gets exactly one of the two. */
typedef void kmsd_job_function(void *job);

struct kmsd_workers_options {
    size_t threads;  /* at least 1 */
    int nice;        /* steps of nice(2) by which its threads stand back for all others; 0: none */
    size_t capacity; /* jobs that may wait, at least 1 */
    kmsd_job_function *run;
    kmsd_job_function *cancel;
};

/* KMS_ERR_INVALID_ARGUMENT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_workers_new(
    const struct kmsd_workers_options *options, struct kmsd_workers **out);

/* Takes in a job; it may have been done before this returns. KMS_ERR_BUSY: the queue is full;
 * KMS_ERR_CANCELLED: the pool has been stopped. Any thread may call. */
KMS_MUST_USE enum kms_err kmsd_workers_submit(struct kmsd_workers *workers, void *job);

/* Lets the running jobs finish, cancels the waiting ones, ends the threads. */
void kmsd_workers_stop(struct kmsd_workers *workers);

/* Stops if that was not done, and frees. NULL is allowed. */
void kmsd_workers_free(struct kmsd_workers *workers);

#endif
