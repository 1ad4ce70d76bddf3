/* The AES-GCM core against NIST's and Project Wycheproof's vectors. */
#include "crypto_fixture.h"

#include "kmsd/crypto/aead.h"

#include <limits.h>

static EVP_CIPHER_CTX *new_context(const char *name, const uint8_t *key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    assert_non_null(cipher);
    EVP_CIPHER_CTX *context = NULL;
    assert_int_equal(kmsd_aead_new(cipher, key, &context), KMS_OK);
    EVP_CIPHER_free(cipher); /* the context keeps it */
    return context;
}

/* Seals and opens one valid case; sealed is ciphertext and tag. */
static void check_case(EVP_CIPHER_CTX *context, struct kms_bytes key, struct kms_bytes iv,
    struct kms_bytes aad, struct kms_bytes plaintext, struct kms_bytes sealed)
{
    assert_int_equal(iv.len, KMSD_AEAD_IV_SIZE);
    assert_int_equal(sealed.len, plaintext.len + KMSD_AEAD_TAG_SIZE);
    uint8_t *out = malloc(sealed.len + 1);
    assert_non_null(out);
    assert_int_equal(kmsd_aead_seal(context, key.data, iv.data, aad, plaintext, out), KMS_OK);
    assert_memory_equal(out, sealed.data, sealed.len);
    assert_int_equal(kmsd_aead_seal(context, NULL, iv.data, aad, plaintext, out), KMS_OK);
    assert_memory_equal(out, sealed.data, sealed.len); /* with the key that was kept */
    assert_int_equal(kmsd_aead_open(context, NULL, iv.data, aad, sealed, out), KMS_OK);
    assert_memory_equal(out, plaintext.data, plaintext.len);
    assert_int_equal(kmsd_aead_open(context, key.data, iv.data, aad, sealed, out), KMS_OK);
    assert_memory_equal(out, plaintext.data, plaintext.len);
    free(out);
}

static struct kms_bytes joined(struct kms_bytes a, struct kms_bytes b)
{
    uint8_t *data = malloc(a.len + b.len + 1);
    assert_non_null(data);
    memcpy(data, a.data, a.len);
    memcpy(data + a.len, b.data, b.len);
    return kms_bytes(data, a.len + b.len);
}

/* "Name = value" lines; a case is complete with its Tag. */
static void nist_vectors_hold(void **state)
{
    (void)state;
    static const char *const names[] = {"Key", "IV", "PT", "AAD", "CT", "Tag"};
    FILE *file = fopen(KMS_TEST_VECTORS "/nist/gcmEncryptExtIV256-iv96-tag128.rsp", "r");
    assert_non_null(file);
    EVP_CIPHER_CTX *context = new_context("AES-256-GCM", NULL);
    struct kms_bytes values[6] = {{NULL, 0}};
    char line[512];
    size_t run = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        char name[16];
        char value[400] = "";
        if (sscanf(line, "%15[A-Za-z] = %399[0-9a-f]", name, value) < 1)
            continue;
        for (size_t i = 0; i < COUNT_OF(names); i++) {
            if (strcmp(name, names[i]) == 0)
                values[i] = unhex(value);
        }
        if (strcmp(name, "Tag") != 0)
            continue;
        struct kms_bytes sealed = joined(values[4], values[5]);
        check_case(context, values[0], values[1], values[3], values[2], sealed);
        free_bytes(sealed);
        for (size_t i = 0; i < COUNT_OF(names); i++)
            free_bytes(values[i]);
        run++;
    }
    assert_int_equal(run, 375);
    EVP_CIPHER_CTX_free(context);
    assert_int_equal(fclose(file), 0);
}

static void check_wycheproof(EVP_CIPHER_CTX *context, const json_t *test)
{
    struct kms_bytes key = hex_at(test, "key");
    struct kms_bytes iv = hex_at(test, "iv");
    struct kms_bytes aad = hex_at(test, "aad");
    struct kms_bytes message = hex_at(test, "msg");
    struct kms_bytes ciphertext = hex_at(test, "ct");
    struct kms_bytes tag = hex_at(test, "tag");
    struct kms_bytes sealed = joined(ciphertext, tag);
    if (strcmp(text_at(test, "result"), "valid") == 0) {
        check_case(context, key, iv, aad, message, sealed);
    } else {
        uint8_t *out = malloc(ciphertext.len + 1);
        assert_non_null(out);
        assert_int_equal(
            kmsd_aead_open(context, key.data, iv.data, aad, sealed, out), KMS_ERR_AUTHENTICATION);
        for (size_t i = 0; i < ciphertext.len; i++)
            assert_int_equal(out[i], 0); /* what was decrypted before the tag was known is gone */
        free(out);
    }
    free_bytes(key);
    free_bytes(iv);
    free_bytes(aad);
    free_bytes(message);
    free_bytes(ciphertext);
    free_bytes(tag);
    free_bytes(sealed);
}

static void wycheproof_vectors_hold(void **state)
{
    (void)state;
    json_t *root = load_vectors("wycheproof/aes_gcm_test.json");
    size_t run = 0;
    size_t group_index = 0;
    size_t index = 0;
    json_t *group = NULL;
    json_t *test = NULL;
    json_array_foreach(json_object_get(root, "testGroups"), group_index, group)
    {
        if (json_integer_value(json_object_get(group, "ivSize")) != 96)
            continue; /* no other size is used here */
        char name[32];
        (void)snprintf(name, sizeof(name), "AES-%d-GCM",
            (int)json_integer_value(json_object_get(group, "keySize")));
        EVP_CIPHER_CTX *context = new_context(name, NULL);
        json_array_foreach(json_object_get(group, "tests"), index, test)
        {
            check_wycheproof(context, test);
            run++;
        }
        EVP_CIPHER_CTX_free(context);
    }
    assert_int_equal(run, 197);
    json_decref(root);
}

static void a_kept_key_serves_until_another_is_given(void **state)
{
    (void)state;
    static const uint8_t keys[2][KMSD_AEAD_KEY_SIZE] = {{1}, {2}};
    static const uint8_t iv[KMSD_AEAD_IV_SIZE] = {3};
    struct kms_bytes text = kms_bytes("text", 4);
    struct kms_bytes aad = kms_bytes("aad", 3);
    uint8_t first[20];
    uint8_t out[20];
    EVP_CIPHER_CTX *kept = new_context("AES-256-GCM", keys[0]);
    assert_int_equal(kmsd_aead_seal(kept, NULL, iv, aad, text, first), KMS_OK);
    assert_int_equal(kmsd_aead_seal(kept, keys[1], iv, aad, text, out), KMS_OK);
    assert_memory_not_equal(first, out, sizeof(out));
    assert_int_equal(
        kmsd_aead_open(kept, NULL, iv, aad, kms_bytes(first, 20), out), KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_aead_open(kept, keys[0], iv, aad, kms_bytes(first, 20), out), KMS_OK);
    assert_memory_equal(out, "text", 4);
    /* A failure leaves nothing behind that the next use could trip over. */
    assert_int_equal(kmsd_aead_open(kept, NULL, iv, kms_bytes(NULL, 0), kms_bytes(first, 20), out),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(kmsd_aead_open(kept, NULL, iv, aad, kms_bytes(first, 20), out), KMS_OK);
    EVP_CIPHER_CTX_free(kept);
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static const uint8_t key[KMSD_AEAD_KEY_SIZE] = {1};
    static const uint8_t iv[KMSD_AEAD_IV_SIZE] = {3};
    uint8_t out[32] = {0};
    struct kms_bytes none = {NULL, 0};
    struct kms_bytes huge = {out, (size_t)INT_MAX + 1};
    EVP_CIPHER_CTX *context = new_context("AES-256-GCM", key);
    assert_int_equal(kmsd_aead_seal(context, NULL, iv, huge, none, out), KMS_ERR_LIMIT);
    assert_int_equal(kmsd_aead_seal(context, NULL, iv, none, huge, out), KMS_ERR_LIMIT);
    assert_int_equal(kmsd_aead_open(context, NULL, iv, huge, none, out), KMS_ERR_LIMIT);
    assert_int_equal(kmsd_aead_open(context, NULL, iv, none, huge, out), KMS_ERR_LIMIT);
    for (size_t len = 0; len < KMSD_AEAD_TAG_SIZE; len++)
        assert_int_equal(kmsd_aead_open(context, NULL, iv, none, kms_bytes(out, len), out),
            KMS_ERR_AUTHENTICATION);
    EVP_CIPHER_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_vectors_hold),
        cmocka_unit_test(wycheproof_vectors_hold),
        cmocka_unit_test(a_kept_key_serves_until_another_is_given),
        cmocka_unit_test(sizes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
