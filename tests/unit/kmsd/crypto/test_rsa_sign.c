/* RSASSA against Project Wycheproof's vectors and NIST's. */
#include "pkey_fixture.h"

static void pkcs1_vectors_hold(void **state)
{
    (void)state;
    run_signatures("rsa_signature_2048_sha256", KMS_KEY_SPEC_RSA_2048,
        KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, 259);
    run_signatures("rsa_signature_2048_sha384", KMS_KEY_SPEC_RSA_2048,
        KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384, 258);
    run_signatures("rsa_signature_3072_sha256", KMS_KEY_SPEC_RSA_3072,
        KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256, 259);
}

static EVP_PKEY *public_key_of(const char *modulus, const char *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    EVP_PKEY *key = NULL;
    assert_true(BN_hex2bn(&n, modulus) > 0 && BN_hex2bn(&e, exponent) > 0);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

/* Among what fails are encodings with the hash moved and with a shorter padding. */
static bool check_nist(const json_t *group, const json_t *test, void *context)
{
    char name[48];
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_4096, KMS_KEY_USAGE_SIGN_VERIFY);
    const struct kmsd_signing *signing = NULL;
    (void)context;
    for (size_t i = 0; i < kind->signing_count && signing == NULL; i++) {
        (void)snprintf(name, sizeof(name), "SHA%zu", 8 * kind->signing[i].digest_size);
        if (strcmp(name, text_at(group, "sha")) == 0)
            signing = &kind->signing[i]; /* the first of that hash is PKCS #1 v1.5 */
    }
    assert_non_null(signing);
    EVP_PKEY *key = public_key_of(text_at(group, "n"), text_at(test, "e"));
    struct kms_bytes message = hex_at(test, "Msg");
    struct kms_bytes signature = hex_at(test, "S");
    assert_int_equal(
        kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW, message, signature),
        passes(test) ? KMS_OK : KMS_ERR_AUTHENTICATION);
    free_bytes(message);
    free_bytes(signature);
    EVP_PKEY_free(key);
    return true;
}

static void nist_vectors_hold(void **state)
{
    (void)state;
    run_cases("nist/rsa-sigver15-186-3.json", check_nist, NULL, 90);
}

static void pss_vectors_hold(void **state)
{
    (void)state;
    run_signatures("rsa_pss_2048_sha256_mgf1_32", KMS_KEY_SPEC_RSA_2048,
        KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256, 108);
    run_signatures("rsa_pss_2048_sha384_mgf1_48", KMS_KEY_SPEC_RSA_2048,
        KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_384, 141);
    run_signatures("rsa_pss_4096_sha512_mgf1_64", KMS_KEY_SPEC_RSA_4096,
        KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_512, 179);
}

/* Signs with libcrypto's own call and a salt of that length. */
static size_t sign_salted(EVP_PKEY *key, int salt_len, uint8_t signature[256])
{
    static const uint8_t message[] = "abc";
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    size_t len = 256;
    assert_int_equal(EVP_DigestSignInit(context, &key_context, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salt_len), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, message, 3), 1);
    EVP_MD_CTX_free(context);
    return len;
}

/* PSS with a salt of another length than the digest's is not the algorithm. */
static void only_salts_as_long_as_the_digest_verify(void **state)
{
    (void)state;
    static const int salts[] = {0, 20, 31, 32, 33, 64, 222};
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    const struct kmsd_signing *signing =
        signing_of(KMS_KEY_SPEC_RSA_2048, KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    for (size_t i = 0; i < COUNT_OF(salts); i++) {
        uint8_t signature[256];
        size_t len = sign_salted(key, salts[i], signature);
        assert_int_equal(kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW,
                             kms_bytes("abc", 3), kms_bytes(signature, len)),
            salts[i] == 32 ? KMS_OK : KMS_ERR_AUTHENTICATION);
    }
    EVP_PKEY_free(key);
}

/* No signature of one algorithm verifies as another's. */
static void algorithms_are_apart(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    for (size_t i = 0; i < kind->signing_count; i++) {
        KMS_BUF_AUTO signature;
        kms_buf_init(&signature, 256);
        assert_int_equal(kind->family->sign(key, NULL, &kind->signing[i], KMS_MESSAGE_TYPE_RAW,
                             kms_bytes("abc", 3), &signature),
            KMS_OK);
        for (size_t k = 0; k < kind->signing_count; k++)
            assert_int_equal(
                kind->family->verify(key, NULL, &kind->signing[k], KMS_MESSAGE_TYPE_RAW,
                    kms_bytes("abc", 3), kms_buf_bytes(&signature)),
                i == k ? KMS_OK : KMS_ERR_AUTHENTICATION);
    }
    EVP_PKEY_free(key);
}

static void ready_contexts_serve_again(void **state)
{
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    (void)state;
    for (size_t i = 0; i < kind->signing_count; i++)
        check_ready(kind, &kind->signing[i]);
}

static const struct kms_bytes abc = {(const uint8_t *)"abc", 3};

static enum kms_err sign(const struct kmsd_signing *signing, EVP_PKEY *key,
    struct kmsd_ready *ready, struct kms_buf *signature)
{
    kms_buf_reset(signature);
    return kmsd_rsa_sign.sign(key, ready, signing, KMS_MESSAGE_TYPE_RAW, abc, signature);
}

static void a_kept_context_has_a_key_of_its_own(void **state)
{
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    KMS_BUF_AUTO signature;
    (void)state;
    kms_buf_init(&signature, 256);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    for (size_t i = 0; i < kind->signing_count; i++) {
        const struct kmsd_signing *signing = &kind->signing[i];
        struct kmsd_ready ready = {.has_place = true};
        EVP_PKEY *own = NULL;
        for (int use = 0; use < 3; use++) {
            assert_int_equal(sign(signing, key, &ready, &signature), KMS_OK);
            assert_int_equal(kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW, abc,
                                 kms_buf_bytes(&signature)),
                KMS_OK);
            assert_non_null(ready.sign);
            assert_null(ready.verify);
            assert_ptr_not_equal(EVP_PKEY_CTX_get0_pkey(ready.sign), key);
            if (own != NULL)
                assert_ptr_equal(EVP_PKEY_CTX_get0_pkey(ready.sign), own);
            own = EVP_PKEY_CTX_get0_pkey(ready.sign);
        }
        /* it ends with a call that fails: this is no digest */
        kms_buf_reset(&signature);
        assert_int_equal(kmsd_pkey_sign(key, &ready, NULL, abc, &signature), KMS_ERR_CRYPTO);
        assert_null(ready.sign);
        assert_int_equal(sign(signing, key, &ready, &signature), KMS_OK);
        assert_non_null(ready.sign);
        kmsd_ready_clean_up(&ready);
    }
    EVP_PKEY_free(key);
}

static void without_a_place_nothing_is_made_ready(void **state)
{
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    KMS_BUF_AUTO signature;
    (void)state;
    kms_buf_init(&signature, 256);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    for (size_t i = 0; i < kind->signing_count; i++) {
        struct kmsd_ready ready = {.has_place = false};
        assert_int_equal(sign(&kind->signing[i], key, &ready, &signature), KMS_OK);
        assert_null(ready.sign);
        assert_null(ready.verify);
        assert_int_equal(kind->family->verify(key, NULL, &kind->signing[i], KMS_MESSAGE_TYPE_RAW,
                             abc, kms_buf_bytes(&signature)),
            KMS_OK);
    }
    EVP_PKEY_free(key);
}

/* A key whose private exponent is not that of the public one; libcrypto does not look. */
static EVP_PKEY *wrong_key(void)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E};
    EVP_PKEY *right = NULL;
    assert_int_equal(
        kmsd_pkey_generate(kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY), &right),
        KMS_OK);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *numbers[3] = {NULL, NULL, BN_new()};
    EVP_PKEY *key = NULL;
    assert_int_equal(BN_set_word(numbers[2], 5), 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(EVP_PKEY_get_bn_param(right, names[i], &numbers[i]), 1);
        assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, names[i], numbers[i]), 1);
    }
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, numbers[2]), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        BN_free(numbers[i]);
    EVP_PKEY_free(right);
    return key;
}

static void what_a_shared_key_signs_is_verified(void **state)
{
    (void)state;
    const struct kmsd_signing *signing =
        signing_of(KMS_KEY_SPEC_RSA_2048, KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256);
    EVP_PKEY *key = wrong_key();
    struct kmsd_ready without_place = {.has_place = false};
    struct kmsd_ready own = {.has_place = true};
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 256);
    assert_int_equal(sign(signing, key, NULL, &signature), KMS_ERR_CRYPTO);
    assert_int_equal(signature.len, 0);
    assert_int_equal(sign(signing, key, &without_place, &signature), KMS_ERR_CRYPTO);
    assert_int_equal(signature.len, 0);
    assert_int_equal(ERR_peek_error(), 0);
    /* nobody can have damaged a key of its own, so nobody looks */
    assert_int_equal(sign(signing, key, &own, &signature), KMS_OK);
    kmsd_ready_clean_up(&own);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs1_vectors_hold),
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(pss_vectors_hold),
        cmocka_unit_test(only_salts_as_long_as_the_digest_verify),
        cmocka_unit_test(algorithms_are_apart),
        cmocka_unit_test(ready_contexts_serve_again),
        cmocka_unit_test(a_kept_context_has_a_key_of_its_own),
        cmocka_unit_test(without_a_place_nothing_is_made_ready),
        cmocka_unit_test(what_a_shared_key_signs_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
