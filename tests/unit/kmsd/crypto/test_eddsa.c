/* Ed25519 against Project Wycheproof's vectors, both algorithms against those of RFC 8032. */
#include "pkey_fixture.h"

#include "kmsd/crypto/ed25519ph.h"

/* RFC 8032 section 7.3: Ed25519ph of "abc". */
#define PH_PRIVATE "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"
#define PH_PUBLIC  "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"
#define PH_SIGNATURE                                                                               \
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062ad" \
    "f5aaa10b8c61e636062aaad11c2a26083406"

/* Section 7.1, test 3. */
#define PURE_PRIVATE "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
#define PURE_SIGNATURE                                                                             \
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d" \
    "c6594a7c15e9716ed28dc027beceea1ec40a"

static EVP_PKEY *raw_private(const char *hex)
{
    struct kms_bytes seed = unhex(hex);
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.data, seed.len);
    free_bytes(seed);
    assert_non_null(key);
    return key;
}

static void vectors_hold(void **state)
{
    (void)state;
    run_signatures(
        "ed25519", KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_SIGNING_ALGORITHM_ED25519_SHA_512, 151);
}

static void the_rfcs_message_signs_the_same(void **state)
{
    (void)state;
    const struct kmsd_kind *kind =
        kind_of(KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = raw_private(PURE_PRIVATE);
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 64);
    assert_int_equal(kind->family->sign(key, NULL, &kind->signing[0], KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("\xaf\x82", 2), &signature),
        KMS_OK);
    assert_bytes(kms_buf_bytes(&signature), PURE_SIGNATURE);
    EVP_PKEY_free(key);
}

static void the_rfcs_prehashed_message_signs_the_same(void **state)
{
    (void)state;
    EVP_PKEY *key = raw_private(PH_PRIVATE);
    uint8_t point[32];
    size_t len = sizeof(point);
    KMS_BUF_AUTO signature;
    kms_buf_init(&signature, 64);
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, point, &len), 1);
    assert_bytes(kms_bytes(point, len), PH_PUBLIC);
    assert_int_equal(kmsd_ed25519ph_sign(key, kms_bytes("abc", 3), &signature), KMS_OK);
    assert_bytes(kms_buf_bytes(&signature), PH_SIGNATURE);
    EVP_PKEY_free(key);
}

static void a_public_key_verifies_prehashed_messages(void **state)
{
    (void)state;
    struct kms_bytes point = unhex(PH_PUBLIC);
    struct kms_bytes signature = unhex(PH_SIGNATURE);
    uint8_t *bytes = (uint8_t *)signature.data;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point.data, point.len);
    const struct kms_bytes message = kms_bytes("abc", 3);
    assert_non_null(key);
    assert_int_equal(kmsd_ed25519ph_verify(key, message, signature), KMS_OK);
    assert_int_equal(
        kmsd_ed25519ph_verify(key, kms_bytes("abd", 3), signature), KMS_ERR_AUTHENTICATION);
    for (size_t len = 0; len < 64; len++)
        assert_int_equal(
            kmsd_ed25519ph_verify(key, message, kms_bytes(bytes, len)), KMS_ERR_AUTHENTICATION);
    for (size_t i = 0; i < 64; i++) {
        bytes[i] ^= 0x20;
        assert_int_equal(kmsd_ed25519ph_verify(key, message, signature), KMS_ERR_AUTHENTICATION);
        bytes[i] ^= 0x20;
    }
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 64);
    assert_int_equal(kmsd_ed25519ph_sign(key, message, &out), KMS_ERR_CRYPTO); /* public only */
    assert_int_equal(out.len, 0);
    EVP_PKEY_free(key);
    free_bytes(point);
    free_bytes(signature);
}

/* The digest is hashed again, as the service does: what the algorithm signs is Ed25519ph of it. */
static void a_digest_is_the_message_of_ed25519ph(void **state)
{
    (void)state;
    const struct kmsd_kind *kind =
        kind_of(KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY);
    const struct kmsd_signing *ph =
        kmsd_kind_signing(kind, KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512);
    const struct kmsd_signing *pure =
        kmsd_kind_signing(kind, KMS_SIGNING_ALGORITHM_ED25519_SHA_512);
    EVP_PKEY *key = raw_private(PH_PRIVATE);
    uint8_t digest[64];
    size_t len = sizeof(digest);
    KMS_BUF_AUTO signature;
    KMS_BUF_AUTO expected;
    kms_buf_init(&signature, 64);
    kms_buf_init(&expected, 64);
    assert_int_equal(EVP_Q_digest(NULL, "SHA512", NULL, "abc", 3, digest, &len), 1);
    assert_int_equal(kind->family->sign(key, NULL, ph, KMS_MESSAGE_TYPE_DIGEST,
                         kms_bytes(digest, sizeof(digest)), &signature),
        KMS_OK);
    assert_int_equal(
        kmsd_ed25519ph_sign(key, kms_bytes(digest, sizeof(digest)), &expected), KMS_OK);
    assert_memory_equal(signature.data, expected.data, 64);
    assert_int_equal(kmsd_ed25519ph_verify(key, kms_bytes("abc", 3), kms_buf_bytes(&signature)),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(kind->family->verify(key, NULL, pure, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes(digest, sizeof(digest)), kms_buf_bytes(&signature)),
        KMS_ERR_AUTHENTICATION);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(the_rfcs_message_signs_the_same),
        cmocka_unit_test(the_rfcs_prehashed_message_signs_the_same),
        cmocka_unit_test(a_public_key_verifies_prehashed_messages),
        cmocka_unit_test(a_digest_is_the_message_of_ed25519ph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
