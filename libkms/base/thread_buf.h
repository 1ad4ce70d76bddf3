/*
 * Buffers that belong to a thread and keep ordinary storage from one use to the next: what each request needs for a moment
 * is neither allocated each time nor far from the processor. They end with their thread.
 */
#ifndef KMS_BASE_THREAD_BUF_H
#define KMS_BASE_THREAD_BUF_H

#include "libkms/base/buf.h"

/* What for. One use of each at a time in a thread. */
enum kms_thread_buf {
    KMS_THREAD_BUF_SIGNED, /* the text that a signature is over: 64 KiB, and a little more */
    KMS_THREAD_BUF_RECORD, /* members of an audit record: 512 KiB */
    KMS_THREAD_BUF_COUNT
};

/* The calling thread's, empty. NULL: no memory. */
struct kms_buf *kms_thread_buf(enum kms_thread_buf which);

/* Ends the use: wipes what is in it, and gives back storage that is larger than most need. */
void kms_thread_buf_done(struct kms_buf *buf);

#endif
