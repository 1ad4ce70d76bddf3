/* ECDSA against Project Wycheproof's vectors, NIST's, and the examples of RFC 6979. */
#include "pkey_fixture.h"

static void vectors_hold(void **state)
{
    (void)state;
    run_signatures("ecdsa_secp256r1_sha256", KMS_KEY_SPEC_ECC_NIST_P256,
        KMS_SIGNING_ALGORITHM_ECDSA_SHA_256, 484);
    run_signatures("ecdsa_secp256k1_sha256", KMS_KEY_SPEC_ECC_SECG_P256K1,
        KMS_SIGNING_ALGORITHM_ECDSA_SHA_256, 476);
}

static void append_number(struct kms_buf *der, const char *hex)
{
    BIGNUM *number = NULL;
    assert_true(BN_hex2bn(&number, hex) > 0);
    ASN1_INTEGER *integer = BN_to_ASN1_INTEGER(number, NULL);
    assert_non_null(integer);
    int len = i2d_ASN1_INTEGER(integer, NULL);
    assert_true(len > 0);
    uint8_t *at = kms_buf_extend(der, (size_t)len);
    assert_non_null(at);
    assert_int_equal(i2d_ASN1_INTEGER(integer, &at), len);
    ASN1_INTEGER_free(integer);
    BN_free(number);
}

/* As RFC 3279 section 2.2.3 has it. */
static void append_signature(struct kms_buf *der, const char *r, const char *s)
{
    KMS_BUF_AUTO numbers;
    kms_buf_init(&numbers, 256);
    append_number(&numbers, r);
    append_number(&numbers, s);
    kms_buf_append_u8(der, 0x30);
    if (numbers.len >= 128)
        kms_buf_append_u8(der, 0x81);
    kms_buf_append_u8(der, (uint8_t)numbers.len);
    kms_buf_append(der, numbers.data, numbers.len);
}

static void check_sample(enum kms_key_spec spec, enum kms_signing_algorithm algorithm,
    const char *point, const char *r, const char *s)
{
    const struct kmsd_kind *kind = kind_of(spec, KMS_KEY_USAGE_SIGN_VERIFY);
    const struct kmsd_signing *signing = signing_of(spec, algorithm);
    EVP_PKEY *key = key_from("EC", kind->group, NULL, point);
    KMS_BUF_AUTO der;
    kms_buf_init(&der, 256);
    append_signature(&der, r, s);
    assert_int_equal(kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("sample", 6), kms_buf_bytes(&der)),
        KMS_OK);
    assert_int_equal(kind->family->verify(key, NULL, signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("simple", 6), kms_buf_bytes(&der)),
        KMS_ERR_AUTHENTICATION);
    EVP_PKEY_free(key);
}

static bool check_nist(const json_t *group, const json_t *test, void *context)
{
    static const struct {
        const char *curve;
        enum kms_key_spec spec;
        enum kms_signing_algorithm algorithm;
    } curves[] = {
        {"P-256", KMS_KEY_SPEC_ECC_NIST_P256, KMS_SIGNING_ALGORITHM_ECDSA_SHA_256},
        {"P-384", KMS_KEY_SPEC_ECC_NIST_P384, KMS_SIGNING_ALGORITHM_ECDSA_SHA_384},
        {"P-521", KMS_KEY_SPEC_ECC_NIST_P521, KMS_SIGNING_ALGORITHM_ECDSA_SHA_512},
    };
    size_t c = 0;
    (void)context;
    while (strcmp(curves[c].curve, text_at(group, "curve")) != 0)
        assert_true(++c < COUNT_OF(curves));
    const struct kmsd_kind *kind = kind_of(curves[c].spec, KMS_KEY_USAGE_SIGN_VERIFY);
    char point[2 + 4 * KMSD_EC_FIELD_MAX + 1];
    write_point(point, kind->group, text_at(test, "Qx"), text_at(test, "Qy"));
    EVP_PKEY *key = try_key_from("EC", kind->group, NULL, point);
    if (key == NULL) {
        assert_false(passes(test)); /* "Q changed", to something that is no point */
        return true;
    }
    struct kms_bytes message = hex_at(test, "Msg");
    KMS_BUF_AUTO der;
    kms_buf_init(&der, 256);
    append_signature(&der, text_at(test, "R"), text_at(test, "S"));
    assert_int_equal(
        kind->family->verify(key, NULL, signing_of(curves[c].spec, curves[c].algorithm),
            KMS_MESSAGE_TYPE_RAW, message, kms_buf_bytes(&der)),
        passes(test) ? KMS_OK : KMS_ERR_AUTHENTICATION);
    free_bytes(message);
    EVP_PKEY_free(key);
    return true;
}

static void nist_vectors_hold(void **state)
{
    (void)state;
    run_cases("nist/ecdsa-sigver-186-3.json", check_nist, NULL, 45);
}

/* RFC 6979 appendices A.2.6 and A.2.7, message "sample". */
static void the_other_curves_samples_verify(void **state)
{
    (void)state;
    check_sample(KMS_KEY_SPEC_ECC_NIST_P384, KMS_SIGNING_ALGORITHM_ECDSA_SHA_384,
        "04"
        "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a25451"
        "5480bc13"
        "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd25"
        "33264720",
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e"
        "80fabe46",
        "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a"
        "38628ac8");
    check_sample(KMS_KEY_SPEC_ECC_NIST_P521, KMS_SIGNING_ALGORITHM_ECDSA_SHA_512,
        "04"
        "01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7"
        "f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4"
        "00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b"
        "22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5",
        "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606a"
        "dd152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
        "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8"
        "c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a");
}

/* Nonces are random: no two signatures are the same. */
static void signatures_differ(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY);
    EVP_PKEY *key = NULL;
    KMS_BUF_AUTO first;
    KMS_BUF_AUTO second;
    kms_buf_init(&first, 128);
    kms_buf_init(&second, 128);
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    assert_int_equal(kind->family->sign(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("abc", 3), &first),
        KMS_OK);
    assert_int_equal(kind->family->sign(key, NULL, kind->signing, KMS_MESSAGE_TYPE_RAW,
                         kms_bytes("abc", 3), &second),
        KMS_OK);
    assert_false(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    EVP_PKEY_free(key);
}

static void ready_contexts_serve_again(void **state)
{
    static const enum kms_key_spec specs[] = {KMS_KEY_SPEC_ECC_NIST_P256,
        KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_SPEC_ECC_SECG_P256K1};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        const struct kmsd_kind *kind = kind_of(specs[i], KMS_KEY_USAGE_SIGN_VERIFY);
        check_ready(kind, kind->signing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(the_other_curves_samples_verify),
        cmocka_unit_test(signatures_differ),
        cmocka_unit_test(ready_contexts_serve_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
