/* Octets in hexadecimal, vectors from files, and a custody over the example's root key. */
#ifndef CRYPTO_FIXTURE_H
#define CRYPTO_FIXTURE_H

#include "kmsd/crypto/ciphertext.h"
#include "kmsd/crypto/custody.h"
#include "libkms/base/encoding.h"
#include "tests/unit/kmsd/crypto/example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- hexadecimal ------------------------------------------------------------------------------ */

/* Decoded hexadecimal in memory of exactly its size, so that AddressSanitizer sees every read past
 * its end; the caller frees data. */
static inline struct kms_bytes unhex(const char *text)
{
    size_t len = strlen(text) / 2;
    uint8_t *data = malloc(len == 0 ? 1 : len);
    assert_non_null(data);
    assert_int_equal(kms_hex_decode(kms_str(text), data), KMS_OK);
    return kms_bytes(data, len);
}

static inline void free_bytes(struct kms_bytes bytes)
{
    free((void *)bytes.data);
}

static inline void assert_bytes(struct kms_bytes bytes, const char *hex)
{
    struct kms_bytes expected = unhex(hex);
    bool same = bytes.len == expected.len && memcmp(bytes.data, expected.data, bytes.len) == 0;
    free_bytes(expected);
    if (!same) {
        char *text = malloc(2 * bytes.len + 1);
        assert_non_null(text);
        kms_hex_encode(bytes, text);
        print_error("have %s\nwant %s\n", text, hex);
        free(text);
        fail();
    }
}

/* --- files of vectors ------------------------------------------------------------------------- */

static inline json_t *load_vectors(const char *name)
{
    char path[1024];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/%s", KMS_TEST_VECTORS, name);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("%s: %s", path, error.text);
    return root;
}

static inline const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL)
        fail_msg("no member %s", name);
    return text;
}

static inline struct kms_bytes hex_at(const json_t *object, const char *name)
{
    return unhex(text_at(object, name));
}

/* --- the example ------------------------------------------------------------------------------ */

static const struct kms_str_pair example_pairs[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")},
};
static const struct kms_str_map example_context = {example_pairs, 2};

/* A custody over the example's root key. */
static inline struct kmsd_custody *example_custody(void)
{
    struct kms_bytes bytes = unhex(EXAMPLE_ROOT_KEY);
    struct kms_secret *root_key = NULL;
    assert_int_equal(kms_secret_copy(bytes, &root_key), KMS_OK);
    free_bytes(bytes);
    struct kmsd_custody *custody = NULL;
    assert_int_equal(kmsd_custody_new(root_key, &custody), KMS_OK);
    return custody;
}

#endif
