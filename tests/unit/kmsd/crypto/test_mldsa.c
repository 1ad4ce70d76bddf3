/* ML-DSA against Project Wycheproof's vectors and known answers, where libcrypto has it. */
#include "pkey_fixture.h"

#include "kmsd/crypto/mldsa.h"

static const struct kmsd_kind *needed(enum kms_key_spec spec)
{
    const struct kmsd_kind *kind = kind_of(spec, KMS_KEY_USAGE_SIGN_VERIFY);
    assert_int_equal(kmsd_kind_available(kind), KMS_OK);
    return kind;
}

/* Only the empty context is in use here. */
static bool check_verification(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    if (json_object_get(test, "ctx") != NULL)
        return false;
    EVP_PKEY *key = raw_key(kind, "pub", text_at(group, "publicKey"));
    if (key == NULL) {
        assert_int_equal(verdict_of(test), VERDICT_INVALID);
        return true;
    }
    struct kms_bytes message = hex_at(test, "msg");
    struct kms_bytes signature = hex_at(test, "sig");
    enum kms_err err =
        kind->family->verify(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW, message, signature);
    if (err != (verdict_of(test) == VERDICT_VALID ? KMS_OK : KMS_ERR_AUTHENTICATION))
        fail_case(test, err);
    free_bytes(message);
    free_bytes(signature);
    EVP_PKEY_free(key);
    return true;
}

static void verification_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof(
        "mldsa_44_verify", check_verification, (void *)needed(KMS_KEY_SPEC_ML_DSA_44), 172);
    run_wycheproof(
        "mldsa_65_verify", check_verification, (void *)needed(KMS_KEY_SPEC_ML_DSA_65), 202);
}

static void check_signature_bytes(
    EVP_PKEY *key, enum kms_message_type type, struct kms_bytes message, const json_t *test)
{
    const struct kmsd_kind *kind = needed(KMS_KEY_SPEC_ML_DSA_44);
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 2420);
    enum kms_err err = kmsd_mldsa_sign(key, type, message, true, &signature);
    if (err != KMS_OK)
        fail_case(test, err);
    if (!has_flag(test, "Randomized"))
        assert_bytes(kms_buf_bytes(&signature), text_at(test, "sig"));
    assert_int_equal(
        kind->family->verify(key, NULL, kind->signing, type, message, kms_buf_bytes(&signature)),
        KMS_OK);
}

/* With and without the representative computed outside. */
static bool check_signing(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    const char *representative = json_string_value(json_object_get(test, "mu"));
    if (json_object_get(test, "ctx") != NULL || verdict_of(test) != VERDICT_VALID)
        return false;
    EVP_PKEY *key = raw_key(kind, "seed", text_at(group, "privateSeed"));
    assert_non_null(key);
    if (json_object_get(test, "msg") != NULL) {
        struct kms_bytes message = hex_at(test, "msg");
        check_signature_bytes(key, KMS_MESSAGE_TYPE_RAW, message, test);
        free_bytes(message);
    }
    assert_non_null(representative);
    struct kms_bytes mu = unhex(representative);
    check_signature_bytes(key, KMS_MESSAGE_TYPE_EXTERNAL_MU, mu, test);
    free_bytes(mu);
    EVP_PKEY_free(key);
    return true;
}

static void signing_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("mldsa_44_sign_seed", check_signing, (void *)needed(KMS_KEY_SPEC_ML_DSA_44), 78);
}

/* FIPS 204 section 6.2, which is where a context comes in; the service's is empty, EXTERNAL_MU lets
 * the caller have another. */
static void make_mu(const json_t *test, uint8_t mu[64])
{
    uint8_t hash[64];
    struct kms_bytes parts[] = {hex_at(test, "pk"), hex_at(test, "ctx"), hex_at(test, "msg")};
    const uint8_t head[] = {0, (uint8_t)parts[1].len};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestInit_ex(context, EVP_shake256(), NULL), 1);
    assert_int_equal(EVP_DigestUpdate(context, parts[0].data, parts[0].len), 1);
    assert_int_equal(EVP_DigestFinalXOF(context, hash, sizeof(hash)), 1);
    assert_int_equal(EVP_DigestInit_ex(context, EVP_shake256(), NULL), 1);
    assert_int_equal(EVP_DigestUpdate(context, hash, sizeof(hash)), 1);
    assert_int_equal(EVP_DigestUpdate(context, head, sizeof(head)), 1);
    assert_int_equal(EVP_DigestUpdate(context, parts[1].data, parts[1].len), 1);
    assert_int_equal(EVP_DigestUpdate(context, parts[2].data, parts[2].len), 1);
    assert_int_equal(EVP_DigestFinalXOF(context, mu, 64), 1);
    EVP_MD_CTX_free(context);
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        free_bytes(parts[i]);
}

static bool check_known_answer(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    if (strcmp(text_at(group, "parameterSet"), kind->key_type) != 0)
        return false;
    uint8_t mu[64];
    make_mu(test, mu);
    EVP_PKEY *key = raw_key(kind, "seed", text_at(test, "xi"));
    struct kms_bytes signed_message = hex_at(test, "sm"); /* the signature, then the message */
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 4627);
    assert_non_null(key);
    assert_raw(key, "pub", text_at(test, "pk"));
    assert_int_equal(kmsd_mldsa_sign(key, KMS_MESSAGE_TYPE_EXTERNAL_MU, kms_bytes(mu, sizeof(mu)),
                         true, &signature),
        KMS_OK);
    assert_true(signature.len < signed_message.len);
    assert_memory_equal(signature.data, signed_message.data, signature.len);
    assert_int_equal(kind->family->verify(key, NULL, kind->signing, KMS_MESSAGE_TYPE_EXTERNAL_MU,
                         kms_bytes(mu, sizeof(mu)), kms_buf_bytes(&signature)),
        KMS_OK);
    free_bytes(signed_message);
    EVP_PKEY_free(key);
    return true;
}

static void known_answers_of_every_set_hold(void **state)
{
    static const enum kms_key_spec specs[] = {
        KMS_KEY_SPEC_ML_DSA_44, KMS_KEY_SPEC_ML_DSA_65, KMS_KEY_SPEC_ML_DSA_87};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        run_cases("pqc/mldsa-det-pure.json", check_known_answer, (void *)needed(specs[i]), 3);
}

/* As FIPS 204 table 2 and the service have them. */
static void sizes_are_the_services(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec spec;
        size_t public_key;
        size_t signature;
    } rows[] = {
        {KMS_KEY_SPEC_ML_DSA_44, 1334, 2420},
        {KMS_KEY_SPEC_ML_DSA_65, 1974, 3309},
        {KMS_KEY_SPEC_ML_DSA_87, 2614, 4627},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kmsd_kind *kind = needed(rows[i].spec);
        EVP_PKEY *key = NULL;
        KMS_BUF_AUTO out;
        kms_buf_init(&out, 8192);
        assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
        assert_int_equal(kmsd_pkey_write_public(key, &out), KMS_OK);
        assert_int_equal(out.len, rows[i].public_key);
        kms_buf_reset(&out);
        assert_int_equal(kind->family->sign(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW,
                             kms_bytes("abc", 3), &out),
            KMS_OK);
        assert_int_equal(out.len, rows[i].signature);
        EVP_PKEY_free(key);
    }
}

static void an_older_libcrypto_is_named(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ML_DSA_65, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_kind_available(kind), KMS_ERR_UNSUPPORTED);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_ERR_UNSUPPORTED);
    assert_null(key);
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
    const struct CMUnitTest newer[] = {
        cmocka_unit_test(verification_vectors_hold),
        cmocka_unit_test(signing_vectors_hold),
        cmocka_unit_test(known_answers_of_every_set_hold),
        cmocka_unit_test(sizes_are_the_services),
    };
    const struct CMUnitTest older[] = {
        cmocka_unit_test(an_older_libcrypto_is_named),
    };
    bool is_offered =
        kmsd_kind_available(kind_of(KMS_KEY_SPEC_ML_DSA_65, KMS_KEY_USAGE_SIGN_VERIFY)) == KMS_OK;
    return is_offered ? cmocka_run_group_tests(newer, NULL, NULL)
                      : cmocka_run_group_tests(older, NULL, NULL);
}
