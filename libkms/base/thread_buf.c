#include "libkms/base/thread_buf.h"

#include <pthread.h>

enum { KEPT_MAX = 32768 };

static const size_t most[KMS_THREAD_BUF_COUNT] = {
    [KMS_THREAD_BUF_SIGNED] = 65536 + 256,
    [KMS_THREAD_BUF_RECORD] = 2 * 256 * 1024,
};

struct buffers {
    struct kms_buf bufs[KMS_THREAD_BUF_COUNT];
    bool is_ready;
};

static _Thread_local struct buffers own;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key; /* so that they end with their thread */
static bool has_key;

static void end(void *value)
{
    struct buffers *buffers = value;
    for (size_t i = 0; i < KMS_THREAD_BUF_COUNT; i++)
        kms_buf_clean_up(&buffers->bufs[i]);
    buffers->is_ready = false;
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, end) == 0;
}

static bool make_ready(void)
{
    if (pthread_once(&once, make_key) != 0 || !has_key || pthread_setspecific(key, &own) != 0)
        return false;
    for (size_t i = 0; i < KMS_THREAD_BUF_COUNT; i++)
        kms_buf_init(&own.bufs[i], most[i]);
    own.is_ready = true;
    return true;
}

struct kms_buf *kms_thread_buf(enum kms_thread_buf which)
{
    return own.is_ready || make_ready() ? &own.bufs[which] : NULL;
}

void kms_thread_buf_done(struct kms_buf *buf)
{
    if (buf->capacity > KEPT_MAX)
        kms_buf_clean_up(buf);
    else
        kms_buf_reset(buf);
}
