#include "libkms/base/sha256.h"

#include "libkms/base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <pthread.h>

static void assert_hex(const uint8_t digest[KMS_SHA256_SIZE], const char *expected)
{
    char text[2 * KMS_SHA256_SIZE + 1];
    kms_hex_encode(kms_bytes(digest, KMS_SHA256_SIZE), text);
    assert_string_equal(text, expected);
}

static void test_sha256_vectors(void **state)
{
    (void)state;
    /* FIPS 180-4, examples of NIST */
    static const char *const vectors[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t digest[KMS_SHA256_SIZE];
        assert_int_equal(
            kms_sha256(kms_bytes(vectors[i][0], strlen(vectors[i][0])), digest), KMS_OK);
        assert_hex(digest, vectors[i][1]);
    }
}

static void test_hmac_vectors(void **state)
{
    (void)state;
    uint8_t mac[KMS_SHA256_SIZE];
    uint8_t key[131];
    /* RFC 4231 sections 4.2, 4.3 and 4.7 (a key longer than a block) */
    memset(key, 0x0b, sizeof(key));
    assert_int_equal(kms_hmac_sha256(kms_bytes(key, 20), kms_bytes("Hi There", 8), mac), KMS_OK);
    assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(
        kms_hmac_sha256(kms_bytes("Jefe", 4), kms_bytes("what do ya want for nothing?", 28), mac),
        KMS_OK);
    assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    assert_int_equal(
        kms_hmac_sha256(kms_bytes(key, sizeof(key)),
            kms_bytes("Test Using Larger Than Block-Size Key - Hash Key First", 54), mac),
        KMS_OK);
    assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_hmac_agrees_with_libcrypto(void **state)
{
    (void)state;
    uint8_t key[150];
    uint8_t data[150];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)(i * 3 + 1);
        data[i] = (uint8_t)(i * 5 + 2);
    }
    for (size_t len = 0; len < sizeof(key); len++) {
        uint8_t expected[KMS_SHA256_SIZE];
        uint8_t mac[KMS_SHA256_SIZE];
        size_t expected_len = 0;
        assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, len, data,
            sizeof(data) - len, expected, sizeof(expected), &expected_len));
        assert_int_equal(expected_len, sizeof(expected));
        assert_int_equal(
            kms_hmac_sha256(kms_bytes(key, len), kms_bytes(data, sizeof(data) - len), mac), KMS_OK);
        assert_memory_equal(mac, expected, sizeof(mac));
    }
}

static void test_hmac_over_its_own_key(void **state)
{
    (void)state;
    uint8_t chain[KMS_SHA256_SIZE] = {1, 2, 3};
    uint8_t expected[KMS_SHA256_SIZE];
    struct kms_bytes view = kms_bytes(chain, sizeof(chain));
    assert_int_equal(kms_hmac_sha256(view, kms_bytes("x", 1), expected), KMS_OK);
    assert_int_equal(kms_hmac_sha256(view, kms_bytes("x", 1), chain), KMS_OK);
    assert_memory_equal(chain, expected, sizeof(chain));
}

static void *hash_often(void *argument)
{
    size_t *failures = argument;
    uint8_t digest[KMS_SHA256_SIZE];
    for (int i = 0; i < 2000; i++) {
        if (kms_sha256(kms_bytes("abc", 3), digest) != KMS_OK || digest[0] != 0xba)
            (*failures)++;
        if (kms_hmac_sha256(kms_bytes("Jefe", 4), kms_bytes("what do ya want for nothing?", 28),
                digest) != KMS_OK ||
            digest[0] != 0x5b)
            (*failures)++;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    size_t failures[4] = {0};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, &failures[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failures[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads), /* first, so that the threads race for the first use */
        cmocka_unit_test(test_sha256_vectors),
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hmac_agrees_with_libcrypto),
        cmocka_unit_test(test_hmac_over_its_own_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
