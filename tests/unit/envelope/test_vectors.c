/* Messages that the AWS Encryption SDKs published. */
#include "libkms/base/encoding.h"
#include "libkms/envelope/encryptor.h"
#include "libkms/envelope/wire.h"
#include "tests/unit/envelope/support.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define ESDK KMS_TEST_VECTORS "/esdk/"

enum { FOLDER_MAX = 512 };

/* Base64 of a JSON string; the caller frees. */
static uint8_t *base64(const json_t *text, size_t *len)
{
    struct kms_str view = {json_string_value(text), json_string_length(text)};
    uint8_t *data = malloc(kms_base64_decoded_max(view.len));
    assert_non_null(data);
    assert_ok(kms_base64_decode(view, data, len));
    return data;
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    return root;
}

/* The context of a JSON object. The pairs' texts are views into it. */
static struct kms_str_map context_of(const json_t *object, struct kms_str_pair *pairs, size_t max)
{
    struct kms_str_map context = {.items = pairs};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)object, key, value)
    {
        assert_true(context.count < max);
        pairs[context.count++] =
            (struct kms_str_pair){kms_str(key), kms_str(json_string_value(value))};
    }
    return context;
}

/* --- the commitment vectors ------------------------------------------------------------------- */

static uint8_t *join(const json_t *array, size_t *len)
{
    size_t i = 0;
    json_t *piece = NULL;
    uint8_t *all = calloc(1, 1 << 16);
    assert_non_null(all);
    *len = 0;
    json_array_foreach(array, i, piece)
    {
        memcpy(all + *len, json_string_value(piece), json_string_length(piece));
        *len += json_string_length(piece);
    }
    return all;
}

static void check_commitment_case(const json_t *test)
{
    const char *comment = json_string_value(json_object_get(test, "comment"));
    size_t len = 0;
    size_t key_len = 0;
    size_t expected_len = 0;
    struct kms_envelope_failure failure;
    KMS_BUF_AUTO released;
    kms_buf_init(&released, 1 << 20);
    uint8_t *message = base64(json_object_get(test, "ciphertext"), &len);
    uint8_t *key = base64(json_object_get(test, "decrypted-dek"), &key_len);
    struct given_keyring keyring = given_keyring(kms_bytes(key, key_len));
    struct kms_envelope_decrypt_options options = {.keyring = &keyring.base};
    enum kms_err err =
        decrypt_in_pieces(&options, kms_bytes(message, len), 0, 0, &released, &failure);
    if (json_is_true(json_object_get(test, "status"))) {
        uint8_t *expected = join(json_object_get(test, "plaintext-frames"), &expected_len);
        if (err != KMS_OK)
            fail_msg("%s: %s", comment, failure.text);
        assert_int_equal(released.len, expected_len);
        assert_memory_equal(kms_buf_bytes(&released).data, expected, expected_len);
        free(expected);
    } else {
        assert_int_equal(err, KMS_ERR_AUTHENTICATION);
        assert_non_null(strstr(failure.text, "commits"));
        assert_int_equal(released.len, 0);
    }
    free(message);
    free(key);
}

static void commitment_vectors(void **state)
{
    (void)state;
    json_t *root = load(ESDK "commitment-test-vectors.json");
    json_t *tests = json_object_get(root, "tests");
    assert_int_equal(json_array_size(tests), 46);
    size_t i = 0;
    json_t *test = NULL;
    json_array_foreach(tests, i, test) check_commitment_case(test);
    json_decref(root);
}

/* Writes the message of a vector again from its parts. False: no writer that makes IVs from
 * sequence numbers can (random IVs, non-framed, signed, or not to be decrypted). */
static bool rewrite(const json_t *test)
{
    size_t len = 0;
    size_t key_len = 0;
    size_t plaintext_len = 0;
    uint8_t *message = base64(json_object_get(test, "ciphertext"), &len);
    uint8_t *key = base64(json_object_get(test, "decrypted-dek"), &key_len);
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
    const uint8_t *frame = message + info->header_len;
    size_t iv_at = kms_load_u32(frame) == UINT32_MAX ? 8 : 4;
    bool possible = json_is_true(json_object_get(test, "status")) && info->framed &&
                    !info->is_signed && kms_load_u64(frame + iv_at) == 0 &&
                    kms_load_u32(frame + iv_at + 8) == 1;
    if (possible) {
        uint8_t *plaintext = join(json_object_get(test, "plaintext-frames"), &plaintext_len);
        struct given_keyring keyring = given_keyring(kms_bytes(key, key_len));
        keyring.edks = info->edks;
        keyring.edk_count = info->edk_count;
        struct kms_envelope_encrypt_options options = {
            .keyring = &keyring.base, .context = info->context, .frame_length = info->frame_length};
        struct kms_message draft = {0};
        struct kms_envelope_encryptor *encryptor = NULL;
        KMS_BUF_AUTO out;
        kms_buf_init(&out, 1 << 20);
        assert_ok(kms_message_create(&options, info->message_id, &draft, NULL));
        assert_ok(kms_encryptor_from_message(&draft, &encryptor));
        assert_ok(encrypt_in_pieces(encryptor, kms_bytes(plaintext, plaintext_len), 0, 0, &out));
        kms_envelope_encryptor_free(encryptor);
        free(plaintext);
        size_t header_len = (size_t)info->header_len;
        assert_true(out.len >= header_len);
        assert_memory_equal(out.data, message, header_len);
        /* where the other writer ended with an empty frame ours ends with a full one */
        possible = out.len == len;
        if (possible)
            assert_memory_equal(out.data, message, len);
    }
    kms_envelope_info_free(info);
    free(message);
    free(key);
    return possible;
}

static void writes_the_published_bytes(void **state)
{
    (void)state;
    json_t *root = load(ESDK "commitment-test-vectors.json");
    size_t i = 0;
    size_t rewritten = 0;
    json_t *test = NULL;
    json_array_foreach(json_object_get(root, "tests"), i, test) rewritten += rewrite(test) ? 1 : 0;
    assert_true(rewritten >= 8);
    print_message("[   INFO   ] %zu messages rewritten byte for byte\n", rewritten);
    json_decref(root);
}

/* --- manifests -------------------------------------------------------------------------------- */

struct suite_of_messages {
    const char *folder;
    json_t *keys;
};

/* "file://x" in the folder. */
static uint8_t *referenced(const struct suite_of_messages *suite, const json_t *uri, size_t *len)
{
    char path[FOLDER_MAX];
    const char *text = json_string_value(uri);
    assert_non_null(text);
    assert_int_equal(strncmp(text, "file://", 7), 0);
    (void)snprintf(path, sizeof(path), "%s/%s", suite->folder, text + 7);
    return read_file(path, len);
}

static enum kms_rsa_padding padding_of(const json_t *description)
{
    const char *padding = json_string_value(json_object_get(description, "padding-algorithm"));
    const char *hash = json_string_value(json_object_get(description, "padding-hash"));
    if (strcmp(padding, "pkcs1") == 0)
        return KMS_RSA_PADDING_PKCS1_V1_5;
    if (strcmp(hash, "sha1") == 0)
        return KMS_RSA_PADDING_OAEP_SHA1;
    if (strcmp(hash, "sha256") == 0)
        return KMS_RSA_PADDING_OAEP_SHA256;
    return strcmp(hash, "sha384") == 0 ? KMS_RSA_PADDING_OAEP_SHA384 : KMS_RSA_PADDING_OAEP_SHA512;
}

/* A raw keyring as a manifest describes it. */
static struct kms_keyring *raw_keyring(
    const struct suite_of_messages *suite, const json_t *description)
{
    struct kms_keyring *keyring = NULL;
    const json_t *key =
        json_object_get(suite->keys, json_string_value(json_object_get(description, "key")));
    struct kms_str name_space =
        kms_str(json_string_value(json_object_get(description, "provider-id")));
    struct kms_str name = kms_str(json_string_value(json_object_get(key, "key-id")));
    const json_t *material = json_object_get(key, "material");
    const char *algorithm = json_string_value(json_object_get(description, "encryption-algorithm"));
    if (strcmp(algorithm, "aes") == 0) {
        size_t len = 0;
        uint8_t *bytes = base64(material, &len);
        assert_ok(kms_keyring_new_raw_aes(name_space, name, kms_bytes(bytes, len), &keyring));
        free(bytes);
        return keyring;
    }
    struct kms_bytes pem = kms_bytes(json_string_value(material), json_string_length(material));
    bool is_private = strstr(json_string_value(material), "PRIVATE") != NULL;
    const struct kms_bytes none = {NULL, 0};
    assert_ok(kms_keyring_new_raw_rsa(name_space, name, padding_of(description),
        is_private ? none : pem, is_private ? pem : none, &keyring));
    return keyring;
}

static void expect_plaintext(const char *name, const struct kms_envelope_decrypt_options *options,
    struct kms_bytes message, struct kms_bytes expected)
{
    uint8_t *out = NULL;
    size_t out_len = 0;
    struct kms_envelope_failure failure;
    if (kms_envelope_decrypt(options, message, &out, &out_len, NULL, &failure) != KMS_OK)
        fail_msg("%s: %s", name, failure.text);
    assert_int_equal(out_len, expected.len);
    assert_memory_equal(out, expected.data, expected.len);
    kms_envelope_buffer_free(out, out_len);
}

/* Version 4 of the manifests: the .NET sets. */
static void check_net_case(
    const struct suite_of_messages *suite, const char *name, const json_t *test)
{
    enum { PAIRS = 8 };
    struct kms_str_pair pairs[PAIRS];
    size_t len = 0;
    size_t expected_len = 0;
    uint8_t *message = referenced(suite, json_object_get(test, "ciphertext"), &len);
    json_t *output = json_object_get(json_object_get(test, "result"), "output");
    uint8_t *expected = referenced(suite, json_object_get(output, "plaintext"), &expected_len);
    struct kms_str_map context =
        context_of(json_object_get(test, "encryption-context"), pairs, PAIRS);
    bool required = strcmp(json_string_value(json_object_get(test, "cmm")), "Default") != 0;
    size_t i = 0;
    json_t *description = NULL;
    json_array_foreach(json_object_get(test, "master-keys"), i, description)
    {
        if (strcmp(json_string_value(json_object_get(description, "type")), "raw") != 0 ||
            strstr(json_string_value(json_object_get(description, "key")), "public") != NULL)
            continue;
        struct kms_keyring *keyring = raw_keyring(suite, description);
        struct kms_envelope_decrypt_options options = {
            .keyring = keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
        if (required)
            options.unstored_context = context;
        else
            options.context = context;
        expect_plaintext(
            name, &options, kms_bytes(message, len), kms_bytes(expected, expected_len));
        if (required && context.count > 0) { /* pairs that the header does not have are missed */
            uint8_t *out = NULL;
            options.unstored_context = (struct kms_str_map){NULL, 0};
            assert_int_equal(kms_envelope_decrypt(&options, kms_bytes(message, len), &out,
                                 &expected_len, NULL, NULL),
                KMS_ERR_AUTHENTICATION);
        }
        kms_keyring_free(keyring);
    }
    free(message);
    free(expected);
}

static void check_net_set(const char *folder, size_t count)
{
    char path[FOLDER_MAX];
    (void)snprintf(path, sizeof(path), "%s/keys.json", folder);
    json_t *keys = load(path);
    (void)snprintf(path, sizeof(path), "%s/manifest.json", folder);
    json_t *manifest = load(path);
    struct suite_of_messages suite = {folder, json_object_get(keys, "keys")};
    json_t *tests = json_object_get(manifest, "tests");
    assert_int_equal(json_object_size(tests), count);
    const char *name = NULL;
    json_t *test = NULL;
    json_object_foreach(tests, name, test) check_net_case(&suite, name, test);
    json_decref(manifest);
    json_decref(keys);
}

static void net_4_0_1(void **state)
{
    (void)state;
    check_net_set(ESDK "v4-net-4.0.1-raw", 99);
}

static void net_4_0_0(void **state)
{
    (void)state;
    check_net_set(ESDK "valid-net-4.0.0", 5);
}

/* Any kind of keyring in the Dafny manifest. parts collects what has to be freed. */
static struct kms_keyring *dafny_keyring(const struct suite_of_messages *suite,
    const json_t *description, struct kms_keyring **parts, size_t *count)
{
    enum { CHILDREN = 8 };
    const char *type = json_string_value(json_object_get(description, "type"));
    if (strcmp(type, "required-encryption-context-cmm") == 0)
        return dafny_keyring(suite, json_object_get(description, "underlying"), parts, count);
    if (strcmp(type, "raw") == 0)
        return parts[(*count)++] = raw_keyring(suite, description);
    assert_string_equal(type, "multi-keyring");
    const struct kms_keyring *children[CHILDREN];
    size_t child_count = 0;
    size_t i = 0;
    json_t *child = NULL;
    json_t *generator = json_object_get(description, "generator");
    struct kms_keyring *first =
        json_is_object(generator) ? dafny_keyring(suite, generator, parts, count) : NULL;
    json_array_foreach(json_object_get(description, "childKeyrings"), i, child)
    {
        assert_true(child_count < CHILDREN);
        children[child_count++] = dafny_keyring(suite, child, parts, count);
    }
    struct kms_keyring *multi = NULL;
    assert_ok(kms_keyring_new_multi(first, children, child_count, &multi));
    return parts[(*count)++] = multi;
}

static void dafny_4_1_0(void **state)
{
    (void)state;
    enum { PAIRS = 16, PARTS = 16 };
    json_t *keys = load(ESDK "dafny-4.1.0/keys.json");
    json_t *manifest = load(ESDK "dafny-4.1.0/decrypt-manifest.json");
    struct suite_of_messages suite = {ESDK "dafny-4.1.0", json_object_get(keys, "keys")};
    json_t *tests = json_object_get(manifest, "tests");
    assert_int_equal(json_object_size(tests), 68);
    const char *name = NULL;
    json_t *test = NULL;
    json_object_foreach(tests, name, test)
    {
        struct kms_str_pair pairs[PAIRS];
        struct kms_keyring *parts[PARTS];
        size_t part_count = 0;
        size_t len = 0;
        size_t expected_len = 0;
        json_t *scenario = json_object_get(test, "decryption-scenario");
        uint8_t *message = referenced(&suite, json_object_get(scenario, "ciphertext"), &len);
        uint8_t *expected = referenced(&suite, json_object_get(scenario, "result"), &expected_len);
        struct kms_envelope_decrypt_options options = {
            .keyring = dafny_keyring(
                &suite, json_object_get(scenario, "decryptKeyDescription"), parts, &part_count),
            .unstored_context = context_of(
                json_object_get(scenario, "reproduced-encryption-context"), pairs, PAIRS),
            .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT,
        };
        expect_plaintext(
            name, &options, kms_bytes(message, len), kms_bytes(expected, expected_len));
        for (size_t i = part_count; i > 0; i--)
            kms_keyring_free(parts[i - 1]);
        free(message);
        free(expected);
    }
    json_decref(manifest);
    json_decref(keys);
}

/* Messages for keyrings that there are not here: understood, and refused for want of a key. */
static void dafny_4_1_0_other_keyrings(void **state)
{
    (void)state;
    struct kms_keyring *keyring = aes_keyring("k");
    const struct kms_envelope_decrypt_options options = {
        .keyring = keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
    DIR *folder = opendir(ESDK "dafny-4.1.0/other-keyrings");
    assert_non_null(folder);
    size_t count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[1024];
        size_t len = 0;
        struct kms_envelope_info *info = NULL;
        KMS_BUF_AUTO released;
        kms_buf_init(&released, 1 << 20);
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), ESDK "dafny-4.1.0/other-keyrings/%s", entry->d_name);
        uint8_t *message = read_file(path, &len);
        assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
        assert_true(info->edk_count > 0);
        kms_envelope_info_free(info);
        assert_int_equal(
            decrypt_in_pieces(&options, kms_bytes(message, len), 0, 0, &released, NULL),
            KMS_ERR_NO_KEY);
        assert_int_equal(released.len, 0);
        free(message);
        count++;
    }
    assert_int_equal(count, 40);
    (void)closedir(folder);
    kms_keyring_free(keyring);
}

/* --- the Python decrypt oracle ---------------------------------------------------------------- */

static void decrypt_oracle(void **state)
{
    (void)state;
    static const uint8_t zeros[32];
    json_t *root = load(ESDK "decrypt_oracle_vectors.json");
    size_t i = 0;
    size_t opened = 0;
    json_t *test = NULL;
    json_array_foreach(root, i, test)
    {
        size_t len = 0;
        size_t expected_len = 0;
        uint8_t *message = base64(json_object_get(test, "ciphertext"), &len);
        uint8_t *expected = base64(json_object_get(test, "plaintext"), &expected_len);
        struct kms_envelope_info *info = NULL;
        assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
        char id[8];
        (void)snprintf(id, sizeof(id), "%04x", (unsigned)info->suite);
        assert_string_equal(id, json_string_value(json_object_get(test, "algorithm-suite")));
        if (strcmp(json_string_value(json_object_get(test, "key-type")), "null") == 0) {
            struct given_keyring keyring =
                given_keyring(kms_bytes(zeros, kms_suite_find((unsigned)info->suite)->key_len));
            struct kms_envelope_decrypt_options options = {
                .keyring = &keyring.base, .policy = KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT};
            expect_plaintext(
                id, &options, kms_bytes(message, len), kms_bytes(expected, expected_len));
            opened++;
        }
        kms_envelope_info_free(info);
        free(message);
        free(expected);
    }
    assert_int_equal(opened, 9);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commitment_vectors),
        cmocka_unit_test(writes_the_published_bytes),
        cmocka_unit_test(net_4_0_1),
        cmocka_unit_test(net_4_0_0),
        cmocka_unit_test(dafny_4_1_0),
        cmocka_unit_test(dafny_4_1_0_other_keyrings),
        cmocka_unit_test(decrypt_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
