/* ECDH against Project Wycheproof's vectors, NIST's, and numbers worked out without libcrypto. */
#include "pkey_fixture.h"

/* Wycheproof's "acceptable" ones are public keys in BER or with explicit curve parameters, and one
 * that is compressed. Of these only the last is taken: it is DER and names the curve. */
static bool check_agreement(const json_t *group, const json_t *test, void *context)
{
    const struct kmsd_kind *kind = context;
    (void)group;
    bool agrees = verdict_of(test) == VERDICT_VALID ||
                  (verdict_of(test) == VERDICT_ACCEPTABLE && has_flag(test, "CompressedPublic"));
    EVP_PKEY *key = key_from("EC", kind->group, text_at(test, "private"), NULL);
    struct kms_bytes peer = hex_at(test, "public");
    struct kms_bytes expected = hex_at(test, "shared");
    KMS_BUF_AUTO secret;
    kms_buf_init(&secret, KMSD_EC_FIELD_MAX);
    enum kms_err err = kind->family->derive(kind, key, peer, &secret);
    if (err != (agrees ? KMS_OK : KMS_ERR_VALIDATION))
        fail_case(test, err);
    if (agrees) {
        assert_int_equal(secret.len, expected.len);
        assert_memory_equal(secret.data, expected.data, expected.len);
    }
    free_bytes(peer);
    free_bytes(expected);
    EVP_PKEY_free(key);
    return true;
}

static void vectors_hold(void **state)
{
    (void)state;
    const struct kmsd_kind *kind = kind_of(KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_KEY_AGREEMENT);
    run_wycheproof("ecdh_secp256r1", check_agreement, (void *)kind, 612);
}

/* The SubjectPublicKeyInfo of a point that need not be one: another key's, with its point replaced. */
static void write_peer(struct kms_buf *spki, const struct kmsd_kind *kind, const char *point_hex)
{
    struct kms_bytes point = unhex(point_hex);
    EVP_PKEY *key = NULL;
    assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
    assert_int_equal(kmsd_pkey_write_public(key, spki), KMS_OK);
    kms_buf_truncate(spki, spki->len - point.len);
    kms_buf_append(spki, point.data, point.len);
    assert_int_equal(spki->err, KMS_OK);
    EVP_PKEY_free(key);
    free_bytes(point);
}

/* Public keys that are not on the curve ("fails PKV") are refused; of the others Z comes out, but
 * where it was changed in the file. */
static bool check_nist(const json_t *group, const json_t *test, void *context)
{
    static const struct {
        const char *curve;
        enum kms_key_spec spec;
    } curves[] = {
        {"P-256", KMS_KEY_SPEC_ECC_NIST_P256},
        {"P-384", KMS_KEY_SPEC_ECC_NIST_P384},
        {"P-521", KMS_KEY_SPEC_ECC_NIST_P521},
    };
    size_t c = 0;
    (void)context;
    while (strcmp(curves[c].curve, text_at(group, "curve")) != 0)
        assert_true(++c < COUNT_OF(curves));
    const struct kmsd_kind *kind = kind_of(curves[c].spec, KMS_KEY_USAGE_KEY_AGREEMENT);
    char point[2 + 4 * KMSD_EC_FIELD_MAX + 1];
    write_point(point, kind->group, text_at(test, "QsCAVSx"), text_at(test, "QsCAVSy"));
    EVP_PKEY *key = key_from("EC", kind->group, text_at(test, "dsIUT"), NULL);
    struct kms_bytes expected = hex_at(test, "Z");
    KMS_BUF_AUTO spki;
    KMS_BUF_AUTO secret;
    kms_buf_init(&spki, 256);
    kms_buf_init(&secret, KMSD_EC_FIELD_MAX);
    write_peer(&spki, kind, point);
    enum kms_err err = kind->family->derive(kind, key, kms_buf_bytes(&spki), &secret);
    if (strstr(text_at(test, "Result"), "PKV") != NULL) {
        assert_int_equal(err, KMS_ERR_VALIDATION);
        assert_int_equal(secret.len, 0);
    } else {
        assert_int_equal(err, KMS_OK);
        assert_int_equal(secret.len, expected.len);
        assert_int_equal(memcmp(secret.data, expected.data, expected.len) == 0, passes(test));
    }
    free_bytes(expected);
    EVP_PKEY_free(key);
    return true;
}

static void nist_vectors_hold(void **state)
{
    (void)state;
    run_cases("nist/ecdh-zz-800-56a.json", check_nist, NULL, 144);
}

static void check_known(enum kms_key_spec spec, const char *private_key, const char *public_key,
    const char *peer_point, const char *x)
{
    const struct kmsd_kind *kind = kind_of(spec, KMS_KEY_USAGE_KEY_AGREEMENT);
    EVP_PKEY *key = key_from("EC", kind->group, private_key, public_key);
    EVP_PKEY *peer = key_from("EC", kind->group, NULL, peer_point);
    KMS_BUF_AUTO spki;
    KMS_BUF_AUTO secret;
    kms_buf_init(&spki, 256);
    kms_buf_init(&secret, KMSD_EC_FIELD_MAX);
    assert_int_equal(kmsd_pkey_write_public(peer, &spki), KMS_OK);
    assert_int_equal(kind->family->derive(kind, key, kms_buf_bytes(&spki), &secret), KMS_OK);
    assert_bytes(kms_buf_bytes(&secret), x);
    EVP_PKEY_free(key);
    EVP_PKEY_free(peer);
}

static void known_agreements_hold(void **state)
{
    (void)state;
    check_known(KMS_KEY_SPEC_ECC_NIST_P384,
        "00d85c944bb4d4108893b1622d62db2946640aafcd3c0cb7255c9ba8c770f73dcb466b1a4d664e64849be7f9"
        "9eaa3ee2",
        "0422b4c0a07c595392729bde8a3d9d6e05ff37b346e4449447078d0991a4b6a02af13e01803354fa6897b39b"
        "06e138bec7922bfa8ec1843a509038b402a8caf2f002b78267d5a064e0aa9fd2087399af075b6f08b2e7f206"
        "daa315a6c7a66339d0",
        "04b04ec1f3e7eb49d99806bb8dad9dc76eebd7f43b434c1dfbf74132198d3c8884df4701011a3c0a29e9b926"
        "1838403f4309fe171e3bd9208178bad528307a971a4c94d97f326ef12506f577f6c15423d1fd388bae627bf6"
        "561de62946c238cc53",
        "fabf8fabbfffaddeab28a09735ceaea6cc5a848382d5401f9b1fe1528be892ba48e3bdf00e8cf86ce65fdc98"
        "a4afad9b");
    check_known(KMS_KEY_SPEC_ECC_NIST_P521,
        "006b585d4fb5846c5d1d072788127a917cbe871e61194007d934d49fdd8e5f4638a9d1a6f830e4d70ef9afed"
        "03edafdd53066b1023d26ec544e87fd7ca8e650b8429",
        "040036b32dec8f97915fb2e5ef0bec65bbbfd910d0079748e409e9f16f4401397ce87303ea2ad418a685f06b"
        "644f163dafc8dc45e96346ee73e7dfed78efae532c120f017f29b70c5bb9da2338004591724cb41464a5b37b"
        "bde438b6a5d6df971d99fa0b8cc31087ac60faf4999d44124f874c1cee241106d5c3392ce99bb28bcb4a4b05"
        "14",
        "04015ec53e1da096433ede343851fe5254d9223b5e471f50db2fdbc7bad7fe37342159ce3d29a8cb09a151f3"
        "fb01cdfbbd7805fdbb648f821f8accdf9a1ccbd73baebf004bfbe87e9f697a1aeb86ce15eaf134abc2df31cb"
        "87cb2d43279cac6477c0beafb4d045b32f08ab62b827e221b1dfeb5a13cc2d94cf41d1aacf294b25bd13a1c8"
        "a7",
        "019efd1157f7cb3c76ce40f6365b6e037013baca0aed9cfbec76d95ccee99e48f8a497d00cd3157209cb9521"
        "306dd18dfe503824b97f9948bbec6c9101ae8a1ad60c");
}

/* Every prefix of a good public key, every bit of what precedes its point, and every curve but its
 * own, is refused. */
static void only_exact_public_keys_are_read(void **state)
{
    (void)state;
    static const enum kms_key_spec specs[] = {KMS_KEY_SPEC_ECC_NIST_P256,
        KMS_KEY_SPEC_ECC_NIST_P384, KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_SPEC_SM2};
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        const struct kmsd_kind *kind = kind_of(specs[s], KMS_KEY_USAGE_KEY_AGREEMENT);
        size_t point_len = 1 + 2 * kmsd_ec_field_size(kind->group);
        EVP_PKEY *key = NULL;
        struct kms_bytes point = {NULL, 0};
        KMS_BUF_AUTO spki;
        kms_buf_init(&spki, 256);
        assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
        assert_int_equal(kmsd_pkey_write_public(key, &spki), KMS_OK);
        for (size_t k = 0; k < COUNT_OF(specs); k++) {
            const struct kmsd_kind *other = kind_of(specs[k], KMS_KEY_USAGE_KEY_AGREEMENT);
            assert_int_equal(kmsd_ec_point_read(other->group, kms_buf_bytes(&spki), &point),
                k == s ? KMS_OK : KMS_ERR_VALIDATION);
        }
        assert_int_equal(point.len, point_len);
        assert_ptr_equal(point.data + point.len, spki.data + spki.len);
        for (size_t len = 0; len < spki.len; len++)
            assert_int_equal(kmsd_ec_point_read(kind->group, kms_bytes(spki.data, len), &point),
                KMS_ERR_VALIDATION);
        for (size_t bit = 0; bit < 8 * (spki.len - point_len + 1); bit++) {
            spki.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
            assert_int_equal(
                kmsd_ec_point_read(kind->group, kms_buf_bytes(&spki), &point), KMS_ERR_VALIDATION);
            spki.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        }
        kms_buf_append_u8(&spki, 0);
        assert_int_equal(
            kmsd_ec_point_read(kind->group, kms_buf_bytes(&spki), &point), KMS_ERR_VALIDATION);
        EVP_PKEY_free(key);
    }
    struct kms_bytes none = {NULL, 0};
    assert_int_equal(kmsd_ec_point_read("secp256k1", kms_bytes("", 0), &none), KMS_ERR_UNSUPPORTED);
    assert_int_equal(kmsd_ec_field_size("secp256k1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_hold),
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(known_agreements_hold),
        cmocka_unit_test(only_exact_public_keys_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
