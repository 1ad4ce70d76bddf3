/* Wrapped records: their bytes, and that each opens in its own place only. */
#include "crypto_fixture.h"

#include "kmsd/crypto/record.h"

static EVP_CIPHER_CTX *keyed(const char *key_hex)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    struct kms_bytes key = unhex(key_hex);
    EVP_CIPHER_CTX *context = NULL;
    assert_int_equal(kmsd_aead_new(cipher, key.data, &context), KMS_OK);
    free_bytes(key);
    EVP_CIPHER_free(cipher);
    return context;
}

static void wrapped_material_is_as_documented(void **state)
{
    (void)state;
    EVP_CIPHER_CTX *context = keyed(EXAMPLE_WRAPPING_KEY);
    struct kms_bytes material = unhex(EXAMPLE_MATERIAL);
    struct kms_bytes id = unhex(EXAMPLE_MATERIAL_ID);
    struct kms_bytes iv = unhex(EXAMPLE_WRAP_IV);
    KMS_BUF_AUTO aad;
    KMS_BUF_AUTO record;
    kms_buf_init(&aad, 512);
    kms_buf_init(&record, 512);
    kmsd_record_material_aad(&aad, "SYMMETRIC_DEFAULT", kms_str(EXAMPLE_ARN), id);
    assert_bytes(kms_buf_bytes(&aad), EXAMPLE_MATERIAL_AAD);
    assert_int_equal(
        kmsd_record_seal(context, NULL, iv.data, kms_buf_bytes(&aad), material, &record), KMS_OK);
    assert_bytes(kms_buf_bytes(&record), EXAMPLE_WRAPPED);

    uint8_t opened[32];
    assert_int_equal(kmsd_record_open(context, NULL, kms_buf_bytes(&aad), kms_buf_bytes(&record),
                         opened, sizeof(opened)),
        KMS_OK);
    assert_memory_equal(opened, material.data, sizeof(opened));
    free_bytes(material);
    free_bytes(id);
    free_bytes(iv);
    EVP_CIPHER_CTX_free(context);
}

static void key_records_are_as_documented(void **state)
{
    (void)state;
    EVP_CIPHER_CTX *context = keyed(EXAMPLE_WRAPPING_KEY);
    struct kms_bytes private_key = unhex(EXAMPLE_ED25519_PKCS8);
    struct kms_bytes public_key = unhex(EXAMPLE_ED25519_SPKI);
    struct kms_bytes id = unhex(EXAMPLE_MATERIAL_ID);
    struct kms_bytes iv = unhex(EXAMPLE_WRAP_IV);
    KMS_BUF_AUTO aad;
    KMS_BUF_AUTO record;
    kms_buf_init(&aad, 512);
    kms_buf_init(&record, 512);
    kmsd_record_material_aad(&aad, "HMAC_256 GENERATE_VERIFY_MAC", kms_str(EXAMPLE_ARN), id);
    assert_bytes(kms_buf_bytes(&aad), EXAMPLE_HMAC_AAD);
    kms_buf_reset(&aad);
    kmsd_record_material_aad(&aad, "ECC_NIST_EDWARDS25519 SIGN_VERIFY", kms_str(EXAMPLE_ARN), id);
    assert_bytes(kms_buf_bytes(&aad), EXAMPLE_ED25519_AAD);
    assert_int_equal(
        kmsd_record_seal(context, NULL, iv.data, kms_buf_bytes(&aad), private_key, &record),
        KMS_OK);
    assert_bytes(kms_buf_bytes(&record), EXAMPLE_ED25519_WRAPPED);
    kms_buf_reset(&aad);
    kms_buf_reset(&record);
    kmsd_record_public_key_aad(
        &aad, "ECC_NIST_EDWARDS25519 SIGN_VERIFY", kms_str(EXAMPLE_ARN), id, public_key);
    assert_bytes(kms_buf_bytes(&aad), EXAMPLE_ED25519_PUBLIC_AAD);
    assert_int_equal(
        kmsd_record_seal(context, NULL, iv.data, kms_buf_bytes(&aad), kms_bytes("", 0), &record),
        KMS_OK);
    kms_buf_append(&record, public_key.data, public_key.len);
    assert_bytes(kms_buf_bytes(&record), EXAMPLE_ED25519_PUBLIC);
    free_bytes(private_key);
    free_bytes(public_key);
    free_bytes(id);
    free_bytes(iv);
    EVP_CIPHER_CTX_free(context);
}

static void sealed_secret_is_as_documented(void **state)
{
    (void)state;
    EVP_CIPHER_CTX *context = keyed(EXAMPLE_SEALING_KEY);
    struct kms_bytes iv = unhex(EXAMPLE_WRAP_IV);
    KMS_BUF_AUTO aad;
    KMS_BUF_AUTO record;
    kms_buf_init(&aad, 512);
    kms_buf_init(&record, 512);
    kmsd_record_secret_aad(&aad, kms_str(EXAMPLE_PURPOSE), kms_str(EXAMPLE_OWNER));
    assert_bytes(kms_buf_bytes(&aad), EXAMPLE_SECRET_AAD);
    assert_int_equal(kmsd_record_seal(context, NULL, iv.data, kms_buf_bytes(&aad),
                         kms_bytes(EXAMPLE_SECRET, strlen(EXAMPLE_SECRET)), &record),
        KMS_OK);
    assert_bytes(kms_buf_bytes(&record), EXAMPLE_SEALED);
    free_bytes(iv);
    EVP_CIPHER_CTX_free(context);
}

static void altered_records_stay_shut(void **state)
{
    (void)state;
    EVP_CIPHER_CTX *context = keyed(EXAMPLE_WRAPPING_KEY);
    struct kms_bytes aad = unhex(EXAMPLE_MATERIAL_AAD);
    struct kms_bytes record = unhex(EXAMPLE_WRAPPED);
    uint8_t *octets = (uint8_t *)record.data;
    uint8_t opened[33];
    for (size_t bit = 0; bit < record.len * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            kmsd_record_open(context, NULL, aad, record, opened, 32), KMS_ERR_AUTHENTICATION);
        octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bit = 0; bit < aad.len * 8; bit++) {
        ((uint8_t *)aad.data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(
            kmsd_record_open(context, NULL, aad, record, opened, 32), KMS_ERR_AUTHENTICATION);
        ((uint8_t *)aad.data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len < record.len; len++)
        assert_int_equal(kmsd_record_open(context, NULL, aad, kms_bytes(octets, len), opened, 32),
            KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        kmsd_record_open(context, NULL, aad, record, opened, 31), KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        kmsd_record_open(context, NULL, aad, record, opened, 33), KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_record_open(context, NULL, aad, record, opened, 32), KMS_OK);
    free_bytes(aad);
    free_bytes(record);
    EVP_CIPHER_CTX_free(context);
}

/* No two sets of names have one AAD: the parts of the array carry their lengths. */
static void names_do_not_run_into_each_other(void **state)
{
    (void)state;
    KMS_BUF_AUTO one;
    KMS_BUF_AUTO other;
    kms_buf_init(&one, 512);
    kms_buf_init(&other, 512);
    kmsd_record_secret_aad(&one, kms_str("ab"), kms_str("c"));
    kmsd_record_secret_aad(&other, kms_str("a"), kms_str("bc"));
    assert_int_equal(one.len, other.len);
    assert_memory_not_equal(one.data, other.data, one.len);
}

static void a_full_buffer_is_left_alone(void **state)
{
    (void)state;
    EVP_CIPHER_CTX *context = keyed(EXAMPLE_WRAPPING_KEY);
    static const uint8_t iv[KMSD_AEAD_IV_SIZE] = {0};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 60);
    assert_int_equal(kmsd_record_seal(context, NULL, iv, kms_bytes(NULL, 0),
                         kms_bytes(EXAMPLE_SECRET, 32), &out),
        KMS_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    EVP_CIPHER_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapped_material_is_as_documented),
        cmocka_unit_test(key_records_are_as_documented),
        cmocka_unit_test(sealed_secret_is_as_documented),
        cmocka_unit_test(altered_records_stay_shut),
        cmocka_unit_test(names_do_not_run_into_each_other),
        cmocka_unit_test(a_full_buffer_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
