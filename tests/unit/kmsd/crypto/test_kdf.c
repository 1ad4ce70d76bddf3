/* The derivation against NIST's vectors, against libcrypto's KBKDF, and in its own form. */
#include "crypto_fixture.h"

#include "kmsd/crypto/kdf.h"
#include "libkms/base/sha256.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

static void nist_vectors_hold(void **state)
{
    (void)state;
    json_t *root = load_vectors("nist/kbkdf-counter-hmac-before-r32.json");
    size_t run = 0;
    size_t index = 0;
    json_t *test = NULL;
    json_array_foreach(json_object_get(root, "tests"), index, test)
    {
        if (strcmp(text_at(test, "prf"), "HMAC_SHA256") != 0)
            continue;
        struct kms_bytes key = hex_at(test, "KI");
        struct kms_bytes fixed = hex_at(test, "fixed_input");
        struct kms_bytes expected = hex_at(test, "KO");
        assert_int_equal(
            json_integer_value(json_object_get(test, "L_bits")), (json_int_t)expected.len * 8);
        uint8_t out[64];
        assert_in_range(expected.len, 1, sizeof(out));
        assert_int_equal(kmsd_kdf_counter(key, fixed, out, expected.len), KMS_OK);
        assert_memory_equal(out, expected.data, expected.len);
        free_bytes(key);
        free_bytes(fixed);
        free_bytes(expected);
        run++;
    }
    assert_int_equal(run, 40);
    json_decref(root);
}

/* Project Wycheproof's cases for the HMAC underneath. */
static void wycheproof_hmac_holds(void **state)
{
    (void)state;
    json_t *root = load_vectors("wycheproof/hmac_sha256_test.json");
    size_t run = 0;
    size_t group_index = 0;
    size_t index = 0;
    json_t *group = NULL;
    json_t *test = NULL;
    json_array_foreach(json_object_get(root, "testGroups"), group_index, group)
    {
        json_array_foreach(json_object_get(group, "tests"), index, test)
        {
            struct kms_bytes key = hex_at(test, "key");
            struct kms_bytes message = hex_at(test, "msg");
            struct kms_bytes tag = hex_at(test, "tag");
            uint8_t mac[KMS_SHA256_SIZE];
            assert_int_equal(kms_hmac_sha256(key, message, mac), KMS_OK);
            assert_in_range(tag.len, 16, sizeof(mac)); /* some are cut to 16 bytes */
            bool same = memcmp(mac, tag.data, tag.len) == 0;
            assert_int_equal(same, strcmp(text_at(test, "result"), "valid") == 0);
            free_bytes(key);
            free_bytes(message);
            free_bytes(tag);
            run++;
        }
    }
    assert_int_equal(run, json_integer_value(json_object_get(root, "numberOfTests")));
    json_decref(root);
}

/* libcrypto's KBKDF with its own separator and length, as SP 800-108 prescribes them. */
static void libcrypto_derive(const uint8_t key[32], const char *label, struct kms_bytes context,
    uint8_t *out, size_t out_len)
{
    char mode[] = "counter";
    char mac[] = "HMAC";
    char digest[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
    EVP_KDF_CTX *derivation = EVP_KDF_CTX_new(kdf);
    assert_non_null(derivation);
    uint8_t *info = (uint8_t *)context.data;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)label, strlen(label)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, context.len),
        OSSL_PARAM_construct_end(),
    };
    assert_int_equal(EVP_KDF_derive(derivation, out, out_len, params), 1);
    EVP_KDF_CTX_free(derivation);
    EVP_KDF_free(kdf);
}

static void libcrypto_agrees(void **state)
{
    (void)state;
    static const char *const labels[] = {KMSD_LABEL_WRAP_MATERIAL, KMSD_LABEL_SEAL_SECRET,
        KMSD_LABEL_ROOT_CHECK, KMSD_LABEL_MESSAGE, KMSD_LABEL_IMPORT_TOKEN,
        KMSD_LABEL_NAME_MATERIAL, KMSD_LABEL_MATERIAL_ID, "x"};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        for (size_t context_len = 1; context_len <= 128; context_len += 11) {
            uint8_t key[32];
            uint8_t context[128];
            uint8_t ours[KMSD_KDF_KEY_SIZE];
            uint8_t theirs[KMSD_KDF_KEY_SIZE];
            assert_int_equal(RAND_bytes(key, sizeof(key)), 1);
            assert_int_equal(RAND_bytes(context, sizeof(context)), 1);
            struct kms_bytes view = kms_bytes(context, context_len);
            assert_int_equal(
                kmsd_kdf_derive(kms_bytes(key, sizeof(key)), labels[i], view, ours), KMS_OK);
            libcrypto_derive(key, labels[i], view, theirs, sizeof(theirs));
            assert_memory_equal(ours, theirs, sizeof(ours));
        }
    }
}

static void example_keys_are_as_documented(void **state)
{
    (void)state;
    static const struct {
        const char *key, *label, *context, *derived;
    } cases[] = {
        {EXAMPLE_ROOT_KEY, "kmsd v1 wrap material", "", EXAMPLE_WRAPPING_KEY},
        {EXAMPLE_ROOT_KEY, "kmsd v1 seal secret", "", EXAMPLE_SEALING_KEY},
        {EXAMPLE_ROOT_KEY, "kmsd v1 import token", "",
            "c96437be7f0807c067a95c3043730c277d8926ceb4c8f68a0a08f49d48377515"},
        {EXAMPLE_ROOT_KEY, "kmsd v1 name material", "",
            "9d4fa8157bf920e447d35149b74d872962023350027d1a0c28b5b9e44d83b68f"},
        {EXAMPLE_MATERIAL, "kmsd v1 message key", EXAMPLE_MATERIAL_ID EXAMPLE_NONCE,
            EXAMPLE_MESSAGE_KEY},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct kms_bytes key = unhex(cases[i].key);
        struct kms_bytes context = unhex(cases[i].context);
        uint8_t out[KMSD_KDF_KEY_SIZE];
        assert_int_equal(kmsd_kdf_derive(key, cases[i].label, context, out), KMS_OK);
        assert_bytes(kms_bytes(out, sizeof(out)), cases[i].derived);
        free_bytes(key);
        free_bytes(context);
    }
    assert_string_equal(KMSD_LABEL_WRAP_MATERIAL, "kmsd v1 wrap material");
    assert_string_equal(KMSD_LABEL_SEAL_SECRET, "kmsd v1 seal secret");
    assert_string_equal(KMSD_LABEL_ROOT_CHECK, "kmsd v1 root key check");
    assert_string_equal(KMSD_LABEL_MESSAGE, "kmsd v1 message key");
    assert_string_equal(KMSD_LABEL_IMPORT_TOKEN, "kmsd v1 import token");
    assert_string_equal(KMSD_LABEL_NAME_MATERIAL, "kmsd v1 name material");
    assert_string_equal(KMSD_LABEL_MATERIAL_ID, "kmsd v1 material id");
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static uint8_t big[255 * 32 + 1];
    uint8_t key[32] = {1};
    struct kms_bytes view = kms_bytes(key, sizeof(key));
    uint8_t fixed[KMSD_KDF_FIXED_MAX + 1] = {0};
    assert_int_equal(kmsd_kdf_counter(view, kms_bytes(fixed, 8), big, 0), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kmsd_kdf_counter(view, kms_bytes(fixed, 8), big, sizeof(big)), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_kdf_counter(view, kms_bytes(fixed, 8), big, sizeof(big) - 1), KMS_OK);
    assert_int_equal(
        kmsd_kdf_counter(view, kms_bytes(fixed, sizeof(fixed)), big, 32), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_kdf_counter(view, kms_bytes(fixed, KMSD_KDF_FIXED_MAX), big, 32), KMS_OK);

    size_t room = KMSD_KDF_FIXED_MAX - strlen("label") - 1 - 4;
    assert_int_equal(kmsd_kdf_derive(view, "label", kms_bytes(fixed, room), big), KMS_OK);
    assert_int_equal(
        kmsd_kdf_derive(view, "label", kms_bytes(fixed, room + 1), big), KMS_ERR_INVALID_ARGUMENT);
    char label[KMSD_KDF_FIXED_MAX];
    memset(label, 'l', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    assert_int_equal(
        kmsd_kdf_derive(view, label, kms_bytes(NULL, 0), big), KMS_ERR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(wycheproof_hmac_holds),
        cmocka_unit_test(libcrypto_agrees),
        cmocka_unit_test(example_keys_are_as_documented),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
