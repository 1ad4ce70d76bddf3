/* Buffers of a thread: kept between uses, wiped after each, freed with the thread. */
#include "libkms/base/thread_buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

static void storage_is_kept_and_wiped(void **state)
{
    (void)state;
    struct kms_buf *buf = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    assert_non_null(buf);
    kms_buf_append_text(buf, "to be wiped");
    uint8_t *data = buf->data;
    kms_thread_buf_done(buf);
    buf = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    assert_ptr_equal(buf->data, data);
    assert_int_equal(buf->len, 0);
    static const uint8_t nothing[11];
    assert_memory_equal(data, nothing, sizeof(nothing));
    kms_thread_buf_done(buf);
}

static void each_has_a_maximum(void **state)
{
    (void)state;
    struct kms_buf *buf = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    assert_non_null(kms_buf_extend(buf, 65536 + 256));
    assert_null(kms_buf_extend(buf, 1));
    assert_int_equal(buf->err, KMS_ERR_LIMIT);
    kms_thread_buf_done(buf);
    assert_int_equal(buf->err, KMS_OK);
}

static void what_is_large_is_given_back(void **state)
{
    (void)state;
    struct kms_buf *buf = kms_thread_buf(KMS_THREAD_BUF_RECORD);
    assert_non_null(kms_buf_extend(buf, 100000));
    kms_thread_buf_done(buf);
    assert_int_equal(buf->capacity, 0);
}

static void each_purpose_has_its_own(void **state)
{
    (void)state;
    assert_ptr_not_equal(
        kms_thread_buf(KMS_THREAD_BUF_SIGNED), kms_thread_buf(KMS_THREAD_BUF_RECORD));
}

static void *use(void *other)
{
    struct kms_buf *buf = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    kms_buf_append_text(
        buf, "of the thread"); /* a leak checker finds it if it outlives the thread */
    bool is_own = buf != other && buf->err == KMS_OK;
    kms_thread_buf_done(buf);
    return is_own ? other : NULL;
}

static void each_thread_has_its_own(void **state)
{
    (void)state;
    pthread_t thread;
    void *result = NULL;
    struct kms_buf *buf = kms_thread_buf(KMS_THREAD_BUF_SIGNED);
    assert_int_equal(pthread_create(&thread, NULL, use, buf), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_is_kept_and_wiped),
        cmocka_unit_test(each_has_a_maximum),
        cmocka_unit_test(what_is_large_is_given_back),
        cmocka_unit_test(each_purpose_has_its_own),
        cmocka_unit_test(each_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
