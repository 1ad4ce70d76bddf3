/* ML-KEM against Project Wycheproof's vectors and known answers, where libcrypto has it. */
#include "pkey_fixture.h"

#include "kmsd/crypto/mlkem.h"

static const struct kmsd_kind *needed(enum kms_key_spec spec)
{
    const struct kmsd_kind *kind = kind_of(spec, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE);
    assert_int_equal(kmsd_kind_available(kind), KMS_OK);
    return kind;
}

static void *needed_768(void)
{
    return (void *)needed(KMS_KEY_SPEC_ML_KEM_768);
}

static bool check_key(const json_t *group, const json_t *test, void *context)
{
    (void)group;
    EVP_PKEY *key = raw_key(context, "seed", text_at(test, "seed"));
    assert_non_null(key);
    assert_raw(key, "pub", text_at(test, "ek"));
    assert_raw(key, "priv", text_at(test, "dk"));
    EVP_PKEY_free(key);
    return true;
}

static void key_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("mlkem_768_keygen_seed", check_key, needed_768(), 100);
}

static bool check_encapsulation(const json_t *group, const json_t *test, void *context)
{
    (void)group;
    EVP_PKEY *key = raw_key(context, "pub", text_at(test, "ek"));
    struct kms_bytes entropy = hex_at(test, "m");
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO ciphertext;
    kms_buf_init(&secret, 32);
    kms_buf_init(&ciphertext, 1088);
    if (verdict_of(test) == VERDICT_VALID) {
        assert_non_null(key);
        assert_int_equal(entropy.len, KMSD_MLKEM_ENTROPY_SIZE);
        assert_int_equal(kmsd_mlkem_encapsulate(key, entropy.data, &secret, &ciphertext), KMS_OK);
        assert_bytes(kms_buf_bytes(&ciphertext), text_at(test, "c"));
        assert_bytes(kms_buf_bytes(&secret), text_at(test, "K"));
    } else {
        assert_null(key); /* every invalid case is a public key that is none */
    }
    free_bytes(entropy);
    EVP_PKEY_free(key);
    return true;
}

static void encapsulation_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("mlkem_768_encaps", check_encapsulation, needed_768(), 265);
}

static bool check_decapsulation(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    (void)group;
    EVP_PKEY *key = raw_key(kind, "seed", text_at(test, "seed"));
    struct kms_bytes ciphertext = hex_at(test, "c");
    KMS_BUF_AUTO secret;
    kms_buf_init(&secret, 32);
    if (verdict_of(test) == VERDICT_VALID) {
        assert_non_null(key);
        assert_int_equal(kind->family->decapsulate(key, ciphertext, &secret), KMS_OK);
        assert_bytes(kms_buf_bytes(&secret), text_at(test, "K"));
    } else if (key != NULL) {
        enum kms_err err = kind->family->decapsulate(key, ciphertext, &secret);
        if (err != KMS_ERR_AUTHENTICATION)
            fail_case(test, err);
        assert_int_equal(secret.len, 0);
    }
    free_bytes(ciphertext);
    EVP_PKEY_free(key);
    return true;
}

static void decapsulation_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("mlkem_768", check_decapsulation, needed_768(), 193);
}

/* Key, encapsulation, decapsulation, and what comes of a ciphertext that was not made for the key. */
static bool check_known_answer(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    if (strcmp(text_at(group, "parameterSet"), kind->key_type) != 0)
        return false;
    char seed[129];
    (void)snprintf(seed, sizeof(seed), "%s%s", text_at(test, "d"), text_at(test, "z"));
    EVP_PKEY *key = raw_key(kind, "seed", seed);
    struct kms_bytes entropy = hex_at(test, "msg");
    struct kms_bytes rejected = hex_at(test, "ct_n");
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO ciphertext;
    kms_buf_init(&secret, 32);
    kms_buf_init(&ciphertext, 1568);
    assert_non_null(key);
    assert_raw(key, "pub", text_at(test, "pk"));
    assert_int_equal(entropy.len, KMSD_MLKEM_ENTROPY_SIZE);
    assert_int_equal(kmsd_mlkem_encapsulate(key, entropy.data, &secret, &ciphertext), KMS_OK);
    assert_bytes(kms_buf_bytes(&ciphertext), text_at(test, "ct"));
    assert_bytes(kms_buf_bytes(&secret), text_at(test, "ss"));
    kms_buf_reset(&secret);
    assert_int_equal(kind->family->decapsulate(key, kms_buf_bytes(&ciphertext), &secret), KMS_OK);
    assert_bytes(kms_buf_bytes(&secret), text_at(test, "ss"));
    kms_buf_reset(&secret);
    assert_int_equal(kind->family->decapsulate(key, rejected, &secret), KMS_OK);
    assert_bytes(kms_buf_bytes(&secret), text_at(test, "ss_n"));
    free_bytes(entropy);
    free_bytes(rejected);
    EVP_PKEY_free(key);
    return true;
}

static void known_answers_of_every_set_hold(void **state)
{
    static const enum kms_key_spec specs[] = {
        KMS_KEY_SPEC_ML_KEM_512, KMS_KEY_SPEC_ML_KEM_768, KMS_KEY_SPEC_ML_KEM_1024};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        run_cases("pqc/mlkem.json", check_known_answer, (void *)needed(specs[i]), 3);
}

/* FIPS 203 table 3. */
static void sizes_are_the_standards(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec spec;
        size_t ciphertext;
    } rows[] = {
        {KMS_KEY_SPEC_ML_KEM_512, 768},
        {KMS_KEY_SPEC_ML_KEM_768, 1088},
        {KMS_KEY_SPEC_ML_KEM_1024, 1568},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kmsd_kind *kind = needed(rows[i].spec);
        EVP_PKEY *key = NULL;
        KMS_BUF_AUTO secret;
        KMS_BUF_AUTO ciphertext;
        kms_buf_init(&secret, 32);
        kms_buf_init(&ciphertext, rows[i].ciphertext - 1);
        assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
        assert_int_equal(kind->family->encapsulate(key, &secret, &ciphertext), KMS_ERR_LIMIT);
        assert_int_equal(secret.len + ciphertext.len, 0);
        kms_buf_init(&ciphertext, rows[i].ciphertext);
        assert_int_equal(kind->family->encapsulate(key, &secret, &ciphertext), KMS_OK);
        assert_int_equal(ciphertext.len, rows[i].ciphertext);
        assert_int_equal(secret.len, 32);
        kms_buf_truncate(&ciphertext, 0);
        assert_int_equal(kind->family->encapsulate(key, &secret, &ciphertext), KMS_ERR_LIMIT);
        assert_int_equal(ciphertext.len, 0); /* no room for a second secret: neither is kept */
        EVP_PKEY_free(key);
    }
}

static void an_older_libcrypto_is_named(void **state)
{
    (void)state;
    const struct kmsd_kind *kind =
        kind_of(KMS_KEY_SPEC_ML_KEM_768, KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_kind_available(kind), KMS_ERR_UNSUPPORTED);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_ERR_UNSUPPORTED);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest newer[] = {
        cmocka_unit_test(key_vectors_hold),
        cmocka_unit_test(encapsulation_vectors_hold),
        cmocka_unit_test(decapsulation_vectors_hold),
        cmocka_unit_test(known_answers_of_every_set_hold),
        cmocka_unit_test(sizes_are_the_standards),
    };
    const struct CMUnitTest older[] = {
        cmocka_unit_test(an_older_libcrypto_is_named),
    };
    bool is_offered = kmsd_kind_available(kind_of(KMS_KEY_SPEC_ML_KEM_768,
                          KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE)) == KMS_OK;
    return is_offered ? cmocka_run_group_tests(newer, NULL, NULL)
                      : cmocka_run_group_tests(older, NULL, NULL);
}
