/* Material from outside: what is taken, in which form it is kept, and what is refused. */
#include "pkey_fixture.h"

#include "kmsd/crypto/brought.h"

#include <openssl/rand.h>
#include <openssl/rsa.h>

struct result {
    enum kms_err err;
    struct kms_buf secret;
    struct kms_buf public_key;
};

static struct result read_as(const struct kmsd_kind *kind, struct kms_bytes brought)
{
    struct result result;
    kms_buf_init(&result.secret, 8192);
    kms_buf_init(&result.public_key, 8192);
    result.err = kmsd_brought_read(kind, brought, &result.secret, &result.public_key);
    if (result.err != KMS_OK) {
        assert_int_equal(result.secret.len, 0);
        assert_int_equal(result.public_key.len, 0);
    }
    assert_int_equal(ERR_peek_error(), 0);
    return result;
}

static void discard(struct result *result)
{
    kms_buf_clean_up(&result->secret);
    kms_buf_clean_up(&result->public_key);
}

static enum kms_err verdict_on(const struct kmsd_kind *kind, struct kms_bytes brought)
{
    struct result result = read_as(kind, brought);
    discard(&result);
    return result.err;
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* "Requirements for imported key material". */
static void bytes_have_their_lengths(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec spec;
        size_t least, most;
    } rows[] = {
        {KMS_KEY_SPEC_SYMMETRIC_DEFAULT, 32, 32},
        {KMS_KEY_SPEC_HMAC_224, 28, 64},
        {KMS_KEY_SPEC_HMAC_256, 32, 64},
        {KMS_KEY_SPEC_HMAC_384, 48, 128},
        {KMS_KEY_SPEC_HMAC_512, 64, 128},
    };
    uint8_t bytes[256];
    assert_int_equal(RAND_bytes(bytes, sizeof(bytes)), 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kmsd_kind *kind =
            kmsd_kind_find(rows[i].spec, KMS_KEY_USAGE_GENERATE_VERIFY_MAC);
        for (size_t len = 0; len <= sizeof(bytes); len++) {
            struct result result = read_as(kind, kms_bytes(bytes, len));
            bool fits = len >= rows[i].least && len <= rows[i].most;
            assert_int_equal(result.err, fits ? KMS_OK : KMS_ERR_VALIDATION);
            if (fits) {
                assert_int_equal(result.secret.len, len);
                assert_memory_equal(result.secret.data, bytes, len);
                assert_int_equal(result.public_key.len, 0);
            }
            discard(&result);
        }
    }
}

/* --- key pairs -------------------------------------------------------------------------------- */

static const struct {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
} pairs[] = {
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_RSA_3072, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_USAGE_KEY_AGREEMENT},
    {KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_SIGN_VERIFY},
};

/* What was taken is, written by libcrypto, the key that was brought, and taken again the same. */
static void pairs_are_taken_by_their_own_kind_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        EVP_PKEY *key = NULL;
        KMS_BUF_AUTO private_key;
        KMS_BUF_AUTO public_key;
        kms_buf_init(&private_key, 8192);
        kms_buf_init(&public_key, 8192);
        assert_int_equal(kmsd_pkey_generate(kind_of(pairs[i].spec, pairs[i].usage), &key), KMS_OK);
        assert_int_equal(kmsd_pkey_write_private(key, &private_key), KMS_OK);
        assert_int_equal(kmsd_pkey_write_public(key, &public_key), KMS_OK);
        for (size_t k = 0; k < COUNT_OF(pairs); k++) {
            const struct kmsd_kind *kind = kind_of(pairs[k].spec, pairs[k].usage);
            struct result result = read_as(kind, kms_buf_bytes(&private_key));
            assert_int_equal(result.err, i == k ? KMS_OK : KMS_ERR_VALIDATION);
            if (i == k) {
                assert_int_equal(result.public_key.len, public_key.len);
                assert_memory_equal(result.public_key.data, public_key.data, public_key.len);
                assert_int_equal(result.secret.len, private_key.len);
                assert_memory_equal(result.secret.data, private_key.data, private_key.len);
            }
            discard(&result);
        }
        assert_int_equal(
            verdict_on(kind_of(pairs[i].spec, pairs[i].usage), kms_buf_bytes(&public_key)),
            KMS_ERR_VALIDATION);
        kms_buf_append_u8(&private_key, 0);
        assert_int_equal(
            verdict_on(kind_of(pairs[i].spec, pairs[i].usage), kms_buf_bytes(&private_key)),
            KMS_ERR_VALIDATION);
        EVP_PKEY_free(key);
    }
}

/* P-256's key 1, in the forms that others write: with and without its public key, and with the
 * curve's parameters in place of its name. */
#define P256_ALGORITHM "301306072a8648ce3d020106082a8648ce3d030107"
#define ONE            "0000000000000000000000000000000000000000000000000000000000000001"
#define GENERATOR                                                      \
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define P256_WITHOUT_PUBLIC "3041020100" P256_ALGORITHM "042730250201010420" ONE
#define P256_WITH_PUBLIC \
    "308187020100" P256_ALGORITHM "046d306b0201010420" ONE "a14403420004" GENERATOR

static void one_key_has_one_form(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    struct kms_bytes without = unhex(P256_WITHOUT_PUBLIC);
    struct kms_bytes with = unhex(P256_WITH_PUBLIC);
    struct result a = read_as(kind, without);
    struct result b = read_as(kind, with);
    assert_int_equal(a.err, KMS_OK);
    assert_int_equal(b.err, KMS_OK);
    assert_bytes(kms_buf_bytes(&a.secret), P256_WITH_PUBLIC);
    assert_bytes(kms_buf_bytes(&b.secret), P256_WITH_PUBLIC);
    assert_bytes(kms_buf_bytes(&a.public_key), "3059" P256_ALGORITHM "03420004" GENERATOR);
    assert_bytes(kms_buf_bytes(&b.public_key), "3059" P256_ALGORITHM "03420004" GENERATOR);
    discard(&a);
    discard(&b);
    free_bytes(without);
    free_bytes(with);
}

static void explicit_curves_are_refused(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    KMS_BUF_AUTO written;
    kms_buf_init(&written, 8192);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    assert_int_equal(
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit"), 1);
    assert_int_equal(kmsd_pkey_write_private(key, &written), KMS_OK);
    assert_int_equal(verdict_on(kind, kms_buf_bytes(&written)), KMS_ERR_VALIDATION);
    EVP_PKEY_free(key);
}

static void a_public_key_of_another_is_refused(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    struct kms_bytes brought = unhex(P256_WITH_PUBLIC);
    size_t last_of_private = 36 + 31; /* the key 2 with the public key of 1 */
    assert_int_equal(brought.data[last_of_private], 1);
    ((uint8_t *)brought.data)[last_of_private] = 2;
    assert_int_equal(verdict_on(kind, brought), KMS_ERR_VALIDATION);
    free_bytes(brought);
}

/* --- RSA -------------------------------------------------------------------------------------- */

enum { N, E, D, P, Q, DP, DQ, QINV, NUMBERS };

static const char *const number_names[NUMBERS] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

/* Brings the key with one number altered; -1: none. */
static enum kms_err verdict_with(EVP_PKEY *key, int altered)
{
    BIGNUM *numbers[NUMBERS] = {NULL};
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    for (int i = 0; i < NUMBERS; i++) {
        assert_int_equal(EVP_PKEY_get_bn_param(key, number_names[i], &numbers[i]), 1);
        if (i == altered)
            assert_int_equal(BN_add_word(numbers[i], 2), 1);
        assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, number_names[i], numbers[i]), 1);
    }
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *made = NULL;
    KMS_BUF_AUTO written;
    kms_buf_init(&written, 8192);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &made, EVP_PKEY_KEYPAIR, params), 1);
    assert_int_equal(kmsd_pkey_write_private(made, &written), KMS_OK);
    ERR_clear_error();
    enum kms_err err = verdict_on(
        kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY), kms_buf_bytes(&written));
    EVP_PKEY_free(made);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    for (int i = 0; i < NUMBERS; i++)
        BN_clear_free(numbers[i]);
    return err;
}

/* A wrong number in an RSA key gives away the right ones with the first signature. */
static void numbers_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    assert_non_null(key);
    assert_int_equal(verdict_with(key, -1), KMS_OK);
    for (int i = 0; i < NUMBERS; i++)
        assert_int_equal(verdict_with(key, i), KMS_ERR_VALIDATION);
    EVP_PKEY_free(key);
}

static enum kms_err verdict_on_made(unsigned long exponent, size_t primes)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    BIGNUM *e = BN_new();
    KMS_BUF_AUTO written;
    kms_buf_init(&written, 8192);
    assert_int_equal(BN_set_word(e, exponent), 1);
    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_primes(context, (int)primes), 1);
    assert_int_equal(EVP_PKEY_generate(context, &key), 1);
    assert_int_equal(kmsd_pkey_write_private(key, &written), KMS_OK);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    BN_free(e);
    return verdict_on(
        kind_of(KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY), kms_buf_bytes(&written));
}

static void unusual_rsa_keys_are_refused(void **state)
{
    (void)state;
    assert_int_equal(verdict_on_made(65539, 2), KMS_OK);
    assert_int_equal(verdict_on_made(3, 2), KMS_ERR_VALIDATION);
    assert_int_equal(verdict_on_made(65537, 3), KMS_ERR_VALIDATION);
}

/* --- which specs ------------------------------------------------------------------------------ */

static void post_quantum_keys_are_not_brought(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_true(kmsd_brought_allowed(pairs[i].spec));
    assert_true(kmsd_brought_allowed(KMS_KEY_SPEC_SYMMETRIC_DEFAULT));
    assert_true(kmsd_brought_allowed(KMS_KEY_SPEC_HMAC_384));
    assert_false(kmsd_brought_allowed(KMS_KEY_SPEC_ML_DSA_44));
    assert_false(kmsd_brought_allowed(KMS_KEY_SPEC_ML_KEM_768));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_their_lengths),
        cmocka_unit_test(pairs_are_taken_by_their_own_kind_alone),
        cmocka_unit_test(one_key_has_one_form),
        cmocka_unit_test(explicit_curves_are_refused),
        cmocka_unit_test(a_public_key_of_another_is_refused),
        cmocka_unit_test(numbers_that_contradict_each_other_are_refused),
        cmocka_unit_test(unusual_rsa_keys_are_refused),
        cmocka_unit_test(post_quantum_keys_are_not_brought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
