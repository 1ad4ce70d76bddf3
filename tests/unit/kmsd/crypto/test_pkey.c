/* Key pairs in their standard forms: what is written is read back, as one of its own kind alone. */
#include "pkey_fixture.h"

#include "kmsd/crypto/digest.h"
#include "kmsd/crypto/init.h"

static const struct {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
} pairs[] = {
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_3072, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_DSA_44, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_DSA_65, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ML_KEM_512, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE},
};

static void refuse(enum kms_err err, EVP_PKEY *key)
{
    assert_int_equal(err, KMS_ERR_CORRUPT);
    assert_null(key);
    assert_int_equal(ERR_peek_error(), 0);
}

/* Cut, prolonged, and as every other kind. */
static void refuse_all_but_itself(size_t index, struct kms_buf *private_der,
    struct kms_buf *public_der, const struct kmsd_kind *kind)
{
    EVP_PKEY *key = NULL;
    for (size_t k = 0; k < COUNT_OF(pairs); k++) {
        const struct kmsd_kind *other = kind_of(pairs[k].spec, pairs[k].usage);
        if (k == index)
            continue;
        refuse(kmsd_pkey_read_private(other, kms_buf_bytes(private_der), &key), key);
        refuse(kmsd_pkey_read_public(other, kms_buf_bytes(public_der), &key), key);
    }
    for (size_t cut = 1; cut < 20; cut++) {
        struct kms_bytes shorter = {private_der->data, private_der->len - cut};
        refuse(kmsd_pkey_read_private(kind, shorter, &key), key);
        shorter = kms_bytes(public_der->data, public_der->len - cut);
        refuse(kmsd_pkey_read_public(kind, shorter, &key), key);
    }
    refuse(kmsd_pkey_read_private(kind, kms_buf_bytes(public_der), &key), key);
    refuse(kmsd_pkey_read_public(kind, kms_buf_bytes(private_der), &key), key);
    kms_buf_append_u8(private_der, 0);
    kms_buf_append_u8(public_der, 0);
    refuse(kmsd_pkey_read_private(kind, kms_buf_bytes(private_der), &key), key);
    refuse(kmsd_pkey_read_public(kind, kms_buf_bytes(public_der), &key), key);
}

static void keys_are_read_back_as_their_kind_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct kmsd_kind *kind = kind_of(pairs[i].spec, pairs[i].usage);
        EVP_PKEY *key = NULL;
        EVP_PKEY *again = NULL;
        EVP_PKEY *public_half = NULL;
        KMS_BUF_AUTO private_der;
        KMS_BUF_AUTO public_der;
        kms_buf_init(&private_der, 8192);
        kms_buf_init(&public_der, 8192);
        if (kmsd_kind_available(kind) != KMS_OK)
            continue;
        assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
        assert_int_equal(kmsd_pkey_write_private(key, &private_der), KMS_OK);
        assert_int_equal(kmsd_pkey_write_public(key, &public_der), KMS_OK);
        assert_int_equal(kmsd_pkey_read_private(kind, kms_buf_bytes(&private_der), &again), KMS_OK);
        assert_int_equal(
            kmsd_pkey_read_public(kind, kms_buf_bytes(&public_der), &public_half), KMS_OK);
        assert_int_equal(EVP_PKEY_eq(key, again), 1);
        assert_int_equal(EVP_PKEY_eq(key, public_half), 1);
        refuse_all_but_itself(i, &private_der, &public_der, kind);
        EVP_PKEY_free(key);
        EVP_PKEY_free(again);
        EVP_PKEY_free(public_half);
    }
}

static void writing_needs_room(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    KMS_BUF_AUTO der;
    kms_buf_init(&der, 90);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    assert_int_equal(kmsd_pkey_write_private(key, &der), KMS_ERR_LIMIT);
    kms_buf_reset(&der);
    assert_int_equal(kmsd_pkey_write_public(key, &der), KMS_ERR_LIMIT);
    EVP_PKEY_free(key);
}

static void a_public_key_does_not_write_a_private_one(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    EVP_PKEY *public_half = NULL;
    KMS_BUF_AUTO der;
    kms_buf_init(&der, 1024);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    assert_int_equal(kmsd_pkey_write_public(key, &der), KMS_OK);
    assert_int_equal(kmsd_pkey_read_public(kind, kms_buf_bytes(&der), &public_half), KMS_OK);
    kms_buf_reset(&der);
    assert_int_not_equal(kmsd_pkey_write_private(public_half, &der), KMS_OK);
    assert_int_equal(der.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public_half);
}

static void hashes_are_found_by_name(void **state)
{
    (void)state;
    uint8_t out[KMSD_DIGEST_MAX];
    size_t size = 0;
    assert_int_equal(kmsd_digest("SHA384", kms_bytes("abc", 3), out, &size), KMS_OK);
    assert_bytes(kms_bytes(out, size),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff"
        "5bed8086072ba1e7cc2358baeca134c825a7");
    assert_int_equal(kmsd_digest("MD5", kms_bytes("abc", 3), out, &size), KMS_ERR_UNSUPPORTED);
    assert_ptr_equal(kmsd_digest_find("SHA256"), kmsd_digest_find("SHA256"));
}

/* As the decoder's are, so that no secret number leaves the secure heap by being copied. */
static void copies_are_in_the_secure_heap_while_it_has_room(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    KMSD_PKEY_AUTO made = NULL;
    KMSD_PKEY_AUTO key = NULL;
    KMS_BUF_AUTO der;
    kms_buf_init(&der, KMSD_PRIVATE_KEY_MAX);
    assert_int_equal(kmsd_crypto_init(NULL), KMS_OK);
    assert_int_equal(kmsd_pkey_generate(kind, &made), KMS_OK);
    assert_int_equal(kmsd_pkey_write_private(made, &der), KMS_OK);
    size_t before = CRYPTO_secure_used();
    assert_int_equal(kmsd_pkey_read_private(kind, kms_buf_bytes(&der), &key), KMS_OK);
    size_t size = CRYPTO_secure_used() - before;
    assert_true(size >= 2048 / 8 + 5 * 1024 / 8); /* d, and the five numbers of the CRT */

    EVP_PKEY *copy = kmsd_pkey_copy_private(key);
    assert_non_null(copy);
    assert_ptr_not_equal(copy, key);
    assert_int_equal(EVP_PKEY_eq(copy, key), 1);
    assert_int_equal(CRYPTO_secure_used() - before, 2 * size);
    EVP_PKEY_free(copy);
    assert_int_equal(CRYPTO_secure_used() - before, size);

    void *others = OPENSSL_secure_malloc(1 << 20);
    assert_non_null(others);
    assert_null(kmsd_pkey_copy_private(key));
    OPENSSL_secure_free(others);
    copy = kmsd_pkey_copy_private(key);
    assert_non_null(copy);
    EVP_PKEY_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_read_back_as_their_kind_alone),
        cmocka_unit_test(writing_needs_room),
        cmocka_unit_test(a_public_key_does_not_write_a_private_one),
        cmocka_unit_test(hashes_are_found_by_name),
        cmocka_unit_test(copies_are_in_the_secure_heap_while_it_has_room), /* it is set up there */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
