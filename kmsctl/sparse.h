/*
 * decrypt --sparse: blocks of zeros become holes. What is written to a pipe goes to the file by way of
 * a thread, which leaves them out.
 */
#ifndef KMSCTL_SPARSE_H
#define KMSCTL_SPARSE_H

#include "kmsctl/failure.h"

#include <pthread.h>

struct kmsctl_sparse {
    int write_fd; /* write here; closed by kmsctl_sparse_end */
    int read_fd;
    int out_fd; /* a regular file, empty */
    int error;  /* errno of writing; 0 */
    pthread_t thread;
};

/* Starts the thread. KMSCTL_IO. On KMSCTL_OK the caller ends it. */
KMS_MUST_USE enum kmsctl_exit kmsctl_sparse_begin(
    struct kmsctl_sparse *sparse, int out_fd, struct kmsctl_failure *failure);

/* Waits until all is written. 0, or the errno of writing to the file, which whoever wrote to the pipe
 * saw as EPIPE. */
int kmsctl_sparse_end(struct kmsctl_sparse *sparse);

#endif
