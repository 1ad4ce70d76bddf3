/* RSAES-OAEP against Project Wycheproof's vectors. */
#include "pkey_fixture.h"

struct oaep_check {
    const struct kmsd_kind *kind;
    const struct kmsd_encryption *encryption;
};

static bool check_decryption(const json_t *group, const json_t *test, void *context)
{
    const struct oaep_check *check = context;
    EVP_PKEY *key = private_key_at(check->kind, group, "privateKeyPkcs8");
    struct kms_bytes expected = hex_at(test, "msg");
    struct kms_bytes ciphertext = hex_at(test, "ct");
    bool labelled = text_at(test, "label")[0] != '\0'; /* here the label is always empty */
    bool opens = verdict_of(test) == VERDICT_VALID && !labelled;
    KMS_BUF_AUTO plaintext;
    kms_buf_init(&plaintext, 256);
    enum kms_err err = check->kind->family->decrypt(key, check->encryption, ciphertext, &plaintext);
    if (err != (opens ? KMS_OK : KMS_ERR_AUTHENTICATION))
        fail_case(test, err);
    if (opens) {
        assert_int_equal(plaintext.len, expected.len);
        if (expected.len != 0)
            assert_memory_equal(plaintext.data, expected.data, expected.len);
    }
    free_bytes(expected);
    free_bytes(ciphertext);
    EVP_PKEY_free(key);
    return true;
}

static void run(const char *file, enum kms_encryption_algorithm algorithm, size_t expected)
{
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    struct oaep_check check = {kind, kmsd_kind_encryption(kind, algorithm)};
    assert_non_null(check.encryption);
    run_wycheproof(file, check_decryption, &check, expected);
}

static void vectors_hold(void **state)
{
    (void)state;
    run("rsa_oaep_2048_sha1_mgf1sha1", KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1, 36);
    run("rsa_oaep_2048_sha256_mgf1sha256", KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256, 37);
}

/* What the documentation's table says. */
static void limits_are_the_services(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec spec;
        size_t sha_1;
        size_t sha_256;
    } rows[] = {
        {KMS_KEY_SPEC_RSA_2048, 214, 190},
        {KMS_KEY_SPEC_RSA_3072, 342, 318},
        {KMS_KEY_SPEC_RSA_4096, 470, 446},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kmsd_kind *kind = kind_of(rows[i].spec, KMS_KEY_USAGE_ENCRYPT_DECRYPT);
        assert_int_equal(
            kmsd_kind_encryption(kind, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1)->plaintext_max,
            rows[i].sha_1);
        assert_int_equal(
            kmsd_kind_encryption(kind, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256)->plaintext_max,
            rows[i].sha_256);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(limits_are_the_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
