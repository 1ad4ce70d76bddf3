/* HKDF and RSAES-PKCS1-v1_5, which only messages of others use, against Project Wycheproof's vectors. */
#include "libkms/base/encoding.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/hkdf.h"
#include "tests/unit/envelope/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    return text;
}

/* The caller frees its data. */
static struct kms_bytes hex_at(const json_t *object, const char *name)
{
    struct kms_str text = kms_str(text_at(object, name));
    uint8_t *data = malloc(text.len / 2 + 1);
    assert_non_null(data);
    assert_ok(kms_hex_decode(text, data));
    return kms_bytes(data, text.len / 2);
}

static bool is_valid(const json_t *test)
{
    return strcmp(text_at(test, "result"), "valid") == 0;
}

typedef void check_case(const json_t *group, const json_t *test, const char *digest);

static void run(const char *file, check_case *check, const char *digest, size_t expected)
{
    char path[1024];
    json_error_t error;
    size_t run = 0;
    size_t g = 0;
    json_t *group = NULL;
    (void)snprintf(path, sizeof(path), "%s/wycheproof/%s_test.json", KMS_TEST_VECTORS, file);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    json_array_foreach(json_object_get(root, "testGroups"), g, group)
    {
        size_t t = 0;
        json_t *test = NULL;
        json_array_foreach(json_object_get(group, "tests"), t, test)
        {
            check(group, test, digest);
            run++;
        }
    }
    json_decref(root);
    assert_int_equal(run, expected);
}

/* --- HKDF ------------------------------------------------------------------------------------- */

static void check_hkdf(const json_t *group, const json_t *test, const char *digest)
{
    (void)group;
    struct kms_bytes key = hex_at(test, "ikm");
    struct kms_bytes salt = hex_at(test, "salt");
    struct kms_bytes info = hex_at(test, "info");
    struct kms_bytes expected = hex_at(test, "okm");
    size_t len = (size_t)json_integer_value(json_object_get(test, "size"));
    uint8_t *out = malloc(len);
    assert_non_null(out);
    enum kms_err err = kms_hkdf(digest, key, salt, info, out, len);
    if (err != (is_valid(test) ? KMS_OK : KMS_ERR_CRYPTO))
        fail_msg("case %d: %s", (int)json_integer_value(json_object_get(test, "tcId")),
            kms_err_text(err));
    if (err == KMS_OK) {
        assert_int_equal(expected.len, len);
        assert_memory_equal(out, expected.data, len);
    }
    free(out);
    free((void *)key.data);
    free((void *)salt.data);
    free((void *)info.data);
    free((void *)expected.data);
}

static void hkdf_vectors_hold(void **state)
{
    (void)state;
    run("hkdf_sha256", check_hkdf, "SHA256", 86);
    run("hkdf_sha512", check_hkdf, "SHA512", 83);
}

/* --- RSAES-PKCS1-v1_5 ------------------------------------------------------------------------- */

/* A keyring takes for a data key only what has the suite's length. What is no encoding gives nothing,
 * or where libcrypto answers it with something that nobody knows (OpenSSL 3.2 and later), that: in no
 * case what is in the ciphertext. */
static void check_pkcs1(const json_t *group, const json_t *test, const char *digest)
{
    (void)digest;
    const struct kms_suite *suite = kms_suite_find(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT);
    const char *pem = text_at(group, "privateKeyPem");
    struct kms_bytes message = hex_at(test, "msg");
    struct kms_bytes ciphertext = hex_at(test, "ct");
    struct kms_envelope_failure failure;
    struct kms_keyring *keyring = NULL;
    const struct kms_envelope_edk edk = {.provider_id = kms_str("tests"),
        .provider_info = kms_bytes("k", 1),
        .ciphertext = ciphertext};
    struct kms_unwrap unwrap = {.suite = suite, .edks = &edk, .edk_count = 1, .failure = &failure};
    assert_ok(kms_keyring_new_raw_rsa(kms_str("tests"), kms_str("k"), KMS_RSA_PADDING_PKCS1_V1_5,
        (struct kms_bytes){NULL, 0}, kms_bytes(pem, strlen(pem)), &keyring));
    enum kms_err err = kms_keyring_unwrap(keyring, &unwrap);
    bool is_whole = is_valid(test) && message.len == suite->key_len;
    if (is_whole) {
        assert_ok(err);
        assert_memory_equal(kms_secret_data(unwrap.data_key), message.data, message.len);
    } else if (is_valid(test)) {
        assert_int_equal(err, KMS_ERR_AUTHENTICATION);
    } else if (err == KMS_OK) {
        assert_true(message.len != suite->key_len);
        assert_memory_not_equal(kms_secret_data(unwrap.data_key), message.data, message.len);
    }
    kms_secret_free(unwrap.data_key);
    kms_keyring_free(keyring);
    free((void *)message.data);
    free((void *)ciphertext.data);
}

static void pkcs1_vectors_hold(void **state)
{
    (void)state;
    run("rsa_pkcs1_2048", check_pkcs1, NULL, 67);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_vectors_hold),
        cmocka_unit_test(pkcs1_vectors_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
