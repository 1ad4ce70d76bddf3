#include "libkms/base/locked.h"
#include "libkms/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_new_is_zero_and_writable(void **state)
{
    (void)state;
    KMS_SECRET_AUTO secret = NULL;
    assert_int_equal(kms_secret_new(32, &secret), KMS_OK);
    static const uint8_t zero[32];
    assert_int_equal(kms_secret_len(secret), 32);
    assert_memory_equal(kms_secret_data(secret), zero, 32);
    kms_secret_data(secret)[31] = 7;
    assert_int_equal(kms_secret_bytes(secret).data[31], 7);
    assert_int_equal(kms_secret_bytes(secret).len, 32);
}

static void test_length_is_bounded(void **state)
{
    (void)state;
    struct kms_secret *secret = NULL;
    assert_int_equal(kms_secret_new(0, &secret), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_secret_new(KMS_SECRET_MAX + 1, &secret), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_secret_new(SIZE_MAX, &secret), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_secret_random(0, &secret), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_secret_copy(kms_bytes("", 0), &secret), KMS_ERR_INVALID_ARGUMENT);
    assert_null(secret);
    assert_int_equal(kms_secret_new(KMS_SECRET_MAX, &secret), KMS_OK);
    kms_secret_data(secret)[KMS_SECRET_MAX - 1] = 1;
    kms_secret_free(secret);
    kms_secret_free(NULL);
}

static void test_copy_is_equal_and_its_own(void **state)
{
    (void)state;
    uint8_t original[] = {1, 2, 3, 4};
    KMS_SECRET_AUTO secret = NULL;
    KMS_SECRET_AUTO other = NULL;
    assert_int_equal(kms_secret_copy(kms_bytes(original, 4), &secret), KMS_OK);
    kms_wipe(original, sizeof(original));
    assert_memory_equal(original, "\0\0\0\0", 4);
    assert_memory_equal(kms_secret_data(secret), "\1\2\3\4", 4);
    assert_int_equal(kms_secret_copy(kms_secret_bytes(secret), &other), KMS_OK);
    assert_true(kms_secret_eq(secret, other));
}

static void test_equality_sees_every_octet_and_the_length(void **state)
{
    (void)state;
    KMS_SECRET_AUTO secret = NULL;
    assert_int_equal(kms_secret_random(40, &secret), KMS_OK);
    for (size_t i = 0; i < 40; i++) {
        KMS_SECRET_AUTO other = NULL;
        assert_int_equal(kms_secret_copy(kms_secret_bytes(secret), &other), KMS_OK);
        kms_secret_data(other)[i] ^= 0x80;
        assert_false(kms_secret_eq(secret, other));
    }
    KMS_SECRET_AUTO prefix = NULL;
    assert_int_equal(kms_secret_copy(kms_bytes(kms_secret_data(secret), 39), &prefix), KMS_OK);
    assert_false(kms_secret_eq(secret, prefix));
    assert_false(kms_secret_eq(prefix, secret));
    assert_true(kms_secret_eq(secret, secret));
}

static void test_random_differs(void **state)
{
    (void)state;
    KMS_SECRET_AUTO a = NULL;
    KMS_SECRET_AUTO b = NULL;
    assert_int_equal(kms_secret_random(32, &a), KMS_OK);
    assert_int_equal(kms_secret_random(32, &b), KMS_OK);
    assert_false(kms_secret_eq(a, b));
}

static void test_compares_octets(void **state)
{
    (void)state;
    assert_true(kms_bytes_eq_ct("abc", "abc", 3));
    assert_true(kms_bytes_eq_ct("abc", "abd", 2));
    assert_false(kms_bytes_eq_ct("abc", "abd", 3));
    assert_true(kms_bytes_eq_ct("a", "b", 0));
    kms_wipe(NULL, 0);
}

/* --- pages that are kept ---------------------------------------------------------------------- */

static bool is_mapped(const void *page)
{
    return msync((void *)page, 1, MS_ASYNC) == 0;
}

/* Of what is handed out nothing is zeroed first: zeros tell that it was wiped when it was freed. */
static void test_a_page_is_used_again_and_wiped(void **state)
{
    (void)state;
    enum { LEN = 3000 };
    static const uint8_t zero[LEN];
    KMS_SECRET_AUTO again = NULL;
    struct kms_secret *secret = NULL;
    assert_int_equal(kms_secret_new(LEN, &secret), KMS_OK);
    const struct kms_secret *before = secret;
    memset(kms_secret_data(secret), 0xa5, LEN);
    kms_secret_free(secret);
    assert_true(is_mapped(before));
    assert_int_equal(kms_secret_new(LEN, &again), KMS_OK);
    assert_ptr_equal(again, before);
    assert_memory_equal(kms_secret_data(again), zero, LEN);
}

static void test_few_pages_are_kept(void **state)
{
    (void)state;
    enum { COUNT = 3 * KMS_LOCKED_KEPT_MAX };
    struct kms_secret *secrets[COUNT];
    size_t still_mapped = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(kms_secret_new(32, &secrets[i]), KMS_OK);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(secrets[i], secrets[j]);
    }
    for (size_t i = 0; i < COUNT; i++)
        kms_secret_free(secrets[i]);
    for (size_t i = 0; i < COUNT; i++)
        still_mapped += is_mapped(secrets[i]);
    assert_int_equal(still_mapped, KMS_LOCKED_KEPT_MAX);
}

static void test_longer_ones_are_unmapped(void **state)
{
    (void)state;
    struct kms_secret *secret = NULL;
    assert_int_equal(kms_secret_new(100000, &secret), KMS_OK);
    const struct kms_secret *before = secret;
    kms_secret_free(secret);
    assert_false(is_mapped(before));
}

/* Sanitizers make mlock do nothing, so that it is looked at whether it is called, and for what. */
static const void *last_locked;

int __wrap_mlock(const void *at, size_t len);
int __real_mlock(const void *at, size_t len);

int __wrap_mlock(const void *at, size_t len)
{
    last_locked = at;
    return __real_mlock(at, len);
}

/* A child does not inherit locks. */
static void test_a_page_is_locked_again_after_a_fork(void **state)
{
    (void)state;
    struct kms_secret *secret = NULL;
    assert_int_equal(kms_secret_new(32, &secret), KMS_OK);
    assert_ptr_equal(last_locked, secret);
    kms_secret_free(secret);
    const void *kept = secret;
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        last_locked = NULL;
        bool ok = kms_secret_new(32, &secret) == KMS_OK && secret == kept && last_locked == kept;
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Nobody gets a page that somebody has. */
static void *use_secrets(void *mark)
{
    enum { TIMES = 3000, AT_ONCE = 5, LEN = 64 };
    static const uint8_t zero[LEN];
    uint8_t marks[LEN];
    uintptr_t wrong = 0;
    memset(marks, (int)(uintptr_t)mark, LEN);
    for (int i = 0; i < TIMES; i++) {
        struct kms_secret *secrets[AT_ONCE] = {NULL};
        for (size_t j = 0; j < AT_ONCE; j++) {
            if (kms_secret_new(LEN, &secrets[j]) != KMS_OK)
                continue;
            wrong += memcmp(kms_secret_data(secrets[j]), zero, LEN) != 0;
            memcpy(kms_secret_data(secrets[j]), marks, LEN);
        }
        for (size_t j = 0; j < AT_ONCE; j++) {
            wrong += secrets[j] == NULL || memcmp(kms_secret_data(secrets[j]), marks, LEN) != 0;
            kms_secret_free(secrets[j]);
        }
    }
    return (void *)wrong;
}

static void test_threads_share_pages(void **state)
{
    (void)state;
    pthread_t threads[6];
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_secrets, (void *)(i + 1)), 0);
    for (size_t i = 0; i < 6; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* The same with the secure heap that kmsd sets up: kept apart, and no failure when it is full. */
static void test_secure_heap(void **state)
{
    (void)state;
    if (CRYPTO_secure_malloc_init(1 << 14, 32) == 0)
        skip();
    struct kms_secret *secrets[64] = {NULL};
    size_t in_heap = 0;
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(kms_secret_new(1000, &secrets[i]), KMS_OK);
        memset(kms_secret_data(secrets[i]), (int)i, 1000);
        in_heap += (size_t)CRYPTO_secure_allocated(secrets[i]);
    }
    assert_true(in_heap > 0);
    assert_true(in_heap < 64);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(kms_secret_data(secrets[i])[0], i);
        assert_int_equal(kms_secret_data(secrets[i])[999], i);
        kms_secret_free(secrets[i]);
    }
    assert_int_equal(CRYPTO_secure_used(), 0);
    assert_int_equal(CRYPTO_secure_malloc_done(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_is_zero_and_writable),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_copy_is_equal_and_its_own),
        cmocka_unit_test(test_equality_sees_every_octet_and_the_length),
        cmocka_unit_test(test_random_differs),
        cmocka_unit_test(test_compares_octets),
        cmocka_unit_test(test_a_page_is_used_again_and_wiped),
        cmocka_unit_test(test_few_pages_are_kept),
        cmocka_unit_test(test_longer_ones_are_unmapped),
        cmocka_unit_test(test_a_page_is_locked_again_after_a_fork),
        cmocka_unit_test(test_threads_share_pages),
        cmocka_unit_test(test_secure_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
