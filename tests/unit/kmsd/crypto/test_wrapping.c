/* The wrapping algorithms: AES key wrap against NIST's and Project Wycheproof's vectors, both layers
 * against libcrypto as the wrapping side, and what is refused. */
#include "pkey_fixture.h"

#include "kmsd/crypto/wrapping.h"

#include <openssl/rand.h>

/* --- AES key wrap with padding ---------------------------------------------------------------- */

/* Cases of "Name = value" lines; each is complete with its C. */
static void nist_vectors_hold(void **state)
{
    (void)state;
    FILE *file = fopen(KMS_TEST_VECTORS "/nist/KWP_AE_256-first20.txt", "r");
    assert_non_null(file);
    static const char *const names[] = {"K", "P", "C"};
    struct kms_bytes values[3] = {{NULL, 0}};
    char line[2048];
    size_t run = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        char name[8];
        char value[2000];
        if (sscanf(line, "%7[KPC] = %1999[0-9a-f]", name, value) != 2)
            continue;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            if (strcmp(name, names[i]) == 0)
                values[i] = unhex(value);
        }
        if (strcmp(name, "C") != 0)
            continue;
        struct kms_secret *opened = NULL;
        assert_int_equal(kmsd_wrapping_open_kwp(values[0], values[2], &opened), KMS_OK);
        assert_int_equal(kms_secret_len(opened), values[1].len);
        assert_memory_equal(kms_secret_data(opened), values[1].data, values[1].len);
        kms_secret_free(opened);
        for (size_t bit = 0; bit < 8 * values[2].len; bit += 37) {
            ((uint8_t *)values[2].data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(
                kmsd_wrapping_open_kwp(values[0], values[2], &opened), KMS_ERR_AUTHENTICATION);
            ((uint8_t *)values[2].data)[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        for (size_t i = 0; i < COUNT_OF(names); i++)
            free_bytes(values[i]);
        run++;
    }
    assert_int_equal(run, 100);
    assert_int_equal(fclose(file), 0);
}

/* Keys of other lengths than the ephemeral one's 256 bits are not looked at. */
static bool check_kwp(const json_t *group, const json_t *test, void *context)
{
    (void)context;
    if (json_integer_value(json_object_get(group, "keySize")) != 8 * KMSD_WRAPPING_AES_SIZE)
        return false;
    struct kms_bytes key = hex_at(test, "key");
    struct kms_bytes wrapped = hex_at(test, "ct");
    struct kms_secret *opened = NULL;
    enum kms_err err = kmsd_wrapping_open_kwp(key, wrapped, &opened);
    if (err != (verdict_of(test) == VERDICT_VALID ? KMS_OK : KMS_ERR_AUTHENTICATION))
        fail_case(test, err);
    if (err == KMS_OK)
        assert_bytes(kms_secret_bytes(opened), text_at(test, "msg"));
    kms_secret_free(opened);
    free_bytes(key);
    free_bytes(wrapped);
    return true;
}

static void wycheproof_vectors_hold(void **state)
{
    (void)state;
    run_wycheproof("aes_kwp", check_kwp, NULL, 94);
}

static void odd_lengths_are_refused(void **state)
{
    (void)state;
    uint8_t key[KMSD_WRAPPING_AES_SIZE] = {0};
    uint8_t wrapped[64] = {0};
    struct kms_secret *opened = NULL;
    for (size_t len = 0; len <= sizeof(wrapped); len++)
        assert_int_equal(
            kmsd_wrapping_open_kwp(kms_bytes(key, sizeof(key)), kms_bytes(wrapped, len), &opened),
            KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_wrapping_open_kwp(kms_bytes(key, 16), kms_bytes(wrapped, 24), &opened),
        KMS_ERR_INVALID_ARGUMENT);
    assert_null(opened);
    assert_int_equal(ERR_peek_error(), 0);
}

/* --- both layers ------------------------------------------------------------------------------ */

#define RSA_ALGORITHMS                                                                  \
    KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1, KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256, \
        KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_1,                                  \
        KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256

/* Every wrapping key spec of the API with every algorithm that goes with it. */
static const struct {
    enum kms_wrapping_key_spec spec;
    enum kms_wrapping_algorithm algorithms[4]; /* the rest is UNSET */
} goes_together[] = {
    {KMS_WRAPPING_KEY_SPEC_RSA_2048, {RSA_ALGORITHMS}},
    {KMS_WRAPPING_KEY_SPEC_RSA_3072, {RSA_ALGORITHMS}},
    {KMS_WRAPPING_KEY_SPEC_RSA_4096, {RSA_ALGORITHMS}},
    {KMS_WRAPPING_KEY_SPEC_SM2, {KMS_WRAPPING_ALGORITHM_SM2PKE}},
};

/* Appends what RFC 5649 makes of the secret under that key. */
static void wrap_kwp(const uint8_t *key, struct kms_bytes secret, struct kms_buf *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
    int len = 0;
    uint8_t *at = kms_buf_extend(out, secret.len + 16);
    assert_non_null(at);
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    assert_int_equal(EVP_EncryptInit_ex2(context, cipher, key, NULL, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, at, &len, secret.data, (int)secret.len), 1);
    kms_buf_truncate(out, out->len - (secret.len + 16) + (size_t)len);
    EVP_CIPHER_free(cipher);
    EVP_CIPHER_CTX_free(context);
}

/* Wraps as the owner of a key would. */
static void wrap(const struct kmsd_wrapping *wrapping, const struct kmsd_kind *kind, EVP_PKEY *key,
    size_t aes_size, struct kms_bytes secret, struct kms_buf *out)
{
    uint8_t aes_key[64];
    const struct kmsd_encryption *row = kmsd_kind_encryption(kind, wrapping->encryption);
    struct kms_bytes outer = secret;
    if (wrapping->has_aes_key) {
        assert_int_equal(RAND_bytes(aes_key, sizeof(aes_key)), 1);
        outer = kms_bytes(aes_key, aes_size);
    }
    assert_int_equal(kind->family->encrypt(key, row, outer, out), KMS_OK);
    if (wrapping->has_aes_key)
        wrap_kwp(aes_key, secret, out);
}

static void assert_refused(const struct kmsd_wrapping *wrapping, const struct kmsd_kind *kind,
    EVP_PKEY *key, struct kms_bytes wrapped)
{
    struct kms_secret *opened = NULL;
    assert_int_equal(
        kmsd_wrapping_unwrap(wrapping, kind, key, wrapped, &opened), KMS_ERR_AUTHENTICATION);
    assert_null(opened);
    assert_int_equal(ERR_peek_error(), 0);
}

static void check(const struct kmsd_wrapping *wrapping, const struct kmsd_kind *kind, EVP_PKEY *key)
{
    uint8_t secret[32];
    assert_int_equal(RAND_bytes(secret, sizeof(secret)), 1);
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, 6144);
    wrap(wrapping, kind, key, KMSD_WRAPPING_AES_SIZE, kms_bytes(secret, sizeof(secret)), &wrapped);
    struct kms_secret *opened = NULL;
    assert_int_equal(
        kmsd_wrapping_unwrap(wrapping, kind, key, kms_buf_bytes(&wrapped), &opened), KMS_OK);
    assert_int_equal(kms_secret_len(opened), sizeof(secret));
    assert_memory_equal(kms_secret_data(opened), secret, sizeof(secret));
    kms_secret_free(opened);

    for (size_t at = 0; at < wrapped.len; at += 1 + wrapped.len / 16) {
        wrapped.data[at] ^= 0x40;
        assert_refused(wrapping, kind, key, kms_buf_bytes(&wrapped));
        wrapped.data[at] ^= 0x40;
    }
    assert_refused(wrapping, kind, key, kms_bytes(wrapped.data, wrapped.len - 1));
    assert_refused(wrapping, kind, key, kms_bytes(wrapped.data, wrapped.len - 8));
    assert_refused(wrapping, kind, key, kms_bytes(wrapped.data, 1));
    assert_refused(wrapping, kind, key, kms_bytes("", 0));
    if (wrapping->has_aes_key) {
        assert_refused(wrapping, kind, key, kms_bytes(wrapped.data, kind->bits / 8));
        for (size_t size = 16; size <= 64; size += 8) {
            if (size == KMSD_WRAPPING_AES_SIZE)
                continue;
            kms_buf_reset(&wrapped);
            wrap(wrapping, kind, key, size, kms_bytes(secret, sizeof(secret)), &wrapped);
            assert_refused(wrapping, kind, key, kms_buf_bytes(&wrapped));
        }
    }
}

static void what_was_wrapped_opens_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(goes_together); i++) {
        EVP_PKEY *key = NULL;
        for (size_t k = 0; k < 4; k++) {
            enum kms_wrapping_algorithm algorithm = goes_together[i].algorithms[k];
            if (algorithm == KMS_WRAPPING_ALGORITHM_UNSET)
                break;
            const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(algorithm);
            assert_non_null(wrapping);
            const struct kmsd_kind *kind = kmsd_wrapping_kind(wrapping, goes_together[i].spec);
            assert_non_null(kind);
            if (key == NULL)
                assert_int_equal(kmsd_pkey_generate(kind, &key), KMS_OK);
            check(wrapping, kind, key);
        }
        EVP_PKEY_free(key);
    }
}

/* --- facts ------------------------------------------------------------------------------------ */

static void the_withdrawn_algorithm_is_none(void **state)
{
    (void)state;
    assert_null(kmsd_wrapping_find(KMS_WRAPPING_ALGORITHM_RSAES_PKCS1_V1_5));
    assert_null(kmsd_wrapping_find(KMS_WRAPPING_ALGORITHM_UNSET));
    assert_null(kmsd_wrapping_find(KMS_WRAPPING_ALGORITHM_UNRECOGNIZED));
}

static void algorithms_and_keys_go_together(void **state)
{
    (void)state;
    const struct kmsd_wrapping *oaep =
        kmsd_wrapping_find(KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256);
    const struct kmsd_wrapping *sm2 = kmsd_wrapping_find(KMS_WRAPPING_ALGORITHM_SM2PKE);
    assert_null(kmsd_wrapping_kind(oaep, KMS_WRAPPING_KEY_SPEC_SM2));
    assert_null(kmsd_wrapping_kind(oaep, KMS_WRAPPING_KEY_SPEC_UNSET));
    assert_null(kmsd_wrapping_kind(sm2, KMS_WRAPPING_KEY_SPEC_RSA_2048));
    assert_int_equal(
        kmsd_wrapping_kind(oaep, KMS_WRAPPING_KEY_SPEC_RSA_3072)->spec, KMS_KEY_SPEC_RSA_3072);
}

/* "Select a wrapping algorithm" of the developer guide: for each spec of material that can be imported
 * the smallest RSA key whose OAEP takes it (0: none does), and whether the two layers do. */
static void materials_are_wrapped_as_documented(void **state)
{
    (void)state;
    static const struct {
        enum kms_key_spec material;
        int smallest_oaep;
        bool with_aes_key;
    } rows[] = {
        {KMS_KEY_SPEC_SYMMETRIC_DEFAULT, 2048, false},
        {KMS_KEY_SPEC_HMAC_224, 2048, false},
        {KMS_KEY_SPEC_HMAC_256, 2048, false},
        {KMS_KEY_SPEC_HMAC_384, 2048, false},
        {KMS_KEY_SPEC_HMAC_512, 2048, false},
        {KMS_KEY_SPEC_RSA_2048, 0, true},
        {KMS_KEY_SPEC_RSA_3072, 0, true},
        {KMS_KEY_SPEC_RSA_4096, 0, true},
        {KMS_KEY_SPEC_ECC_NIST_P256, 2048, true},
        {KMS_KEY_SPEC_ECC_NIST_P384, 2048, true},
        {KMS_KEY_SPEC_ECC_NIST_P521, 3072, true},
        {KMS_KEY_SPEC_ECC_SECG_P256K1, 2048, true},
        {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, 2048, true},
    };
    static const enum kms_wrapping_algorithm algorithms[] = {RSA_ALGORITHMS};
    static const struct {
        enum kms_wrapping_key_spec spec;
        int bits;
    } sizes[] = {
        {KMS_WRAPPING_KEY_SPEC_RSA_2048, 2048},
        {KMS_WRAPPING_KEY_SPEC_RSA_3072, 3072},
        {KMS_WRAPPING_KEY_SPEC_RSA_4096, 4096},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t a = 0; a < COUNT_OF(algorithms); a++) {
            const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(algorithms[a]);
            for (size_t k = 0; k < COUNT_OF(sizes); k++) {
                bool by_oaep = rows[i].smallest_oaep != 0 && sizes[k].bits >= rows[i].smallest_oaep;
                assert_int_equal(kmsd_wrapping_suits(wrapping, sizes[k].spec, rows[i].material),
                    wrapping->has_aes_key ? rows[i].with_aes_key : by_oaep);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(wycheproof_vectors_hold),
        cmocka_unit_test(odd_lengths_are_refused),
        cmocka_unit_test(what_was_wrapped_opens_and_nothing_else),
        cmocka_unit_test(the_withdrawn_algorithm_is_none),
        cmocka_unit_test(algorithms_and_keys_go_together),
        cmocka_unit_test(materials_are_wrapped_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
