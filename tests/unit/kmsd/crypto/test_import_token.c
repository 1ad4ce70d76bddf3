/* Import tokens: the documented example, every bit of it, and its bounds. */
#include "crypto_fixture.h"

#include "kmsd/crypto/import_token.h"
#include "kmsd/crypto/kdf.h"

/* As docs/STORAGE-FORMAT.md has it; computed by another implementation. */
#define EXAMPLE_TOKEN_KEY "c96437be7f0807c067a95c3043730c277d8926ceb4c8f68a0a08f49d48377515"
#define EXAMPLE_TOKEN                                                                    \
    "0000018bcfe56800050101" EXAMPLE_WRAP_IV                                             \
    "044367151f1de17cd2c192ee8c2f07f7a8bdfa6b13781c9acdb09833b6c6d96b5c4c544cfceb3e8d44" \
    "d6ef8a3b207b489502e70903ae9cc49fc7f7"
#define EXAMPLE_PRIVATE "The quick brown fox jumps over the lazy dog"

static const struct kmsd_import_terms example_terms = {
    .algorithm = KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256,
    .spec = KMS_WRAPPING_KEY_SPEC_RSA_2048,
    .expires_ms = 1700000000000,
};

struct bench {
    uint8_t key[KMSD_KDF_KEY_SIZE];
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *gcm;
    struct kms_buf aad;
    struct kmsd_import_token_tools tools;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    struct kms_bytes root_key = unhex(EXAMPLE_ROOT_KEY);
    assert_int_equal(
        kmsd_kdf_derive(root_key, KMSD_LABEL_IMPORT_TOKEN, kms_bytes(NULL, 0), bench->key), KMS_OK);
    free_bytes(root_key);
    bench->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    assert_non_null(bench->cipher);
    assert_int_equal(kmsd_aead_new(bench->cipher, NULL, &bench->gcm), KMS_OK);
    kms_buf_init(&bench->aad, 4096);
    bench->tools = (struct kmsd_import_token_tools){bench->gcm, bench->key, &bench->aad};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    EVP_CIPHER_CTX_free(bench->gcm);
    EVP_CIPHER_free(bench->cipher);
    kms_buf_clean_up(&bench->aad);
    free(bench);
    return 0;
}

static enum kms_err write_token(struct bench *bench, const struct kmsd_import_terms *terms,
    struct kms_bytes private_key, struct kms_buf *out)
{
    struct kms_bytes iv = unhex(EXAMPLE_WRAP_IV);
    enum kms_err err = kmsd_import_token_write(
        &bench->tools, kms_str(EXAMPLE_ARN), terms, iv.data, private_key, out);
    free_bytes(iv);
    return err;
}

static enum kms_err verdict_on(struct bench *bench, const char *arn, struct kms_bytes token)
{
    struct kmsd_import_terms terms;
    struct kms_secret *secret = NULL;
    enum kms_err err = kmsd_import_token_read(&bench->tools, kms_str(arn), token, &terms, &secret);
    assert_true((secret != NULL) == (err == KMS_OK));
    kms_secret_free(secret);
    return err;
}

static void the_example_is_as_documented(void **state)
{
    struct bench *bench = *state;
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_IMPORT_TOKEN_MAX);
    assert_bytes(kms_bytes(bench->key, sizeof(bench->key)), EXAMPLE_TOKEN_KEY);
    struct kms_bytes private_key = kms_bytes(EXAMPLE_PRIVATE, strlen(EXAMPLE_PRIVATE));
    assert_int_equal(write_token(bench, &example_terms, private_key, &token), KMS_OK);
    assert_bytes(kms_buf_bytes(&token), EXAMPLE_TOKEN);

    struct kmsd_import_terms terms;
    struct kms_secret *secret = NULL;
    assert_int_equal(kmsd_import_token_read(&bench->tools, kms_str(EXAMPLE_ARN),
                         kms_buf_bytes(&token), &terms, &secret),
        KMS_OK);
    assert_int_equal(terms.algorithm, example_terms.algorithm);
    assert_int_equal(terms.spec, example_terms.spec);
    assert_int_equal(terms.expires_ms, example_terms.expires_ms);
    assert_int_equal(kms_secret_len(secret), private_key.len);
    assert_memory_equal(kms_secret_data(secret), private_key.data, private_key.len);
    kms_secret_free(secret);
}

static void every_bit_counts(void **state)
{
    struct bench *bench = *state;
    struct kms_bytes token = unhex(EXAMPLE_TOKEN);
    uint8_t *at = (uint8_t *)token.data;
    for (size_t bit = 0; bit < 8 * token.len; bit++) {
        at[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_int_equal(verdict_on(bench, EXAMPLE_ARN, token), KMS_ERR_AUTHENTICATION);
        at[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len < token.len; len++)
        assert_int_equal(
            verdict_on(bench, EXAMPLE_ARN, kms_bytes(token.data, len)), KMS_ERR_AUTHENTICATION);
    assert_int_equal(verdict_on(bench, EXAMPLE_ARN, token), KMS_OK);
    free_bytes(token);
}

static void it_is_good_for_its_own_key_alone(void **state)
{
    struct bench *bench = *state;
    struct kms_bytes token = unhex(EXAMPLE_TOKEN);
    assert_int_equal(verdict_on(bench, EXAMPLE_ARN "0", token), KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        verdict_on(bench, "arn:aws:kms:eu-central-2:111122223333:key/" EXAMPLE_KEY_ID, token),
        KMS_ERR_AUTHENTICATION);
    free_bytes(token);
}

static void sizes_are_bounded(void **state)
{
    struct bench *bench = *state;
    static const uint8_t big[KMSD_IMPORT_TOKEN_MAX + 1];
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_IMPORT_TOKEN_MAX);
    assert_int_equal(
        verdict_on(bench, EXAMPLE_ARN, kms_bytes(big, sizeof(big))), KMS_ERR_AUTHENTICATION);
    assert_int_equal(verdict_on(bench, EXAMPLE_ARN, kms_bytes(big, 39)), KMS_ERR_AUTHENTICATION);
    assert_int_equal(
        write_token(bench, &example_terms, kms_bytes(big, KMSD_IMPORT_TOKEN_MAX - 38), &token),
        KMS_ERR_LIMIT);
    assert_int_equal(token.len, 0);
    assert_int_equal(
        write_token(bench, &example_terms, kms_bytes(big, KMSD_IMPORT_TOKEN_MAX - 39), &token),
        KMS_OK);
    assert_int_equal(token.len, KMSD_IMPORT_TOKEN_MAX);
    assert_int_equal(verdict_on(bench, EXAMPLE_ARN, kms_buf_bytes(&token)), KMS_OK);
}

static void terms_have_to_be_set(void **state)
{
    struct bench *bench = *state;
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_IMPORT_TOKEN_MAX);
    struct kms_bytes private_key = kms_bytes("x", 1);
    struct kmsd_import_terms terms = example_terms;
    terms.algorithm = KMS_WRAPPING_ALGORITHM_UNSET;
    assert_int_equal(write_token(bench, &terms, private_key, &token), KMS_ERR_INVALID_ARGUMENT);
    terms = example_terms;
    terms.spec = KMS_WRAPPING_KEY_SPEC_UNRECOGNIZED;
    assert_int_equal(write_token(bench, &terms, private_key, &token), KMS_ERR_INVALID_ARGUMENT);
    terms = example_terms;
    terms.expires_ms = -1;
    assert_int_equal(write_token(bench, &terms, private_key, &token), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(token.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_as_documented),
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(it_is_good_for_its_own_key_alone),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(terms_have_to_be_set),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
