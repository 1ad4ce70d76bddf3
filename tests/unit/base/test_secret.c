#include "libkms/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>

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
        cmocka_unit_test(test_secure_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
