/*
 * Ciphertext blobs. What parses has one encoding: writing the values that were read gives the same
 * bytes. And only the genuine ciphertext of a key opens under it: neither the input itself, if it
 * parses, nor the genuine one with edits taken from the input (an octet of offset, an octet to
 * XOR).
 */
#include "kmsd/crypto/cbor_out.h"
#include "kmsd/crypto/ciphertext.h"
#include "libkms/base/encoding.h"
#include "tests/unit/kmsd/crypto/example.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    BLOB_SIZE = (sizeof(EXAMPLE_BLOB) - 1) / 2,
    WRAPPED_SIZE = (sizeof(EXAMPLE_WRAPPED) - 1) / 2
};

static struct kmsd_custody *custody;
static struct kmsd_material material;
static uint8_t wrapped[WRAPPED_SIZE];
static uint8_t genuine[BLOB_SIZE];

static const struct kms_str_pair pairs[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")},
};
static const struct kms_str_map context = {pairs, 2};

#define REQUIRE(condition)                                                        \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (0)

static void set_up(void)
{
    struct kms_secret *root_key = NULL;
    REQUIRE(kms_secret_new(KMSD_ROOT_KEY_SIZE, &root_key) == KMS_OK);
    REQUIRE(kms_hex_decode(kms_str(EXAMPLE_ROOT_KEY), kms_secret_data(root_key)) == KMS_OK);
    REQUIRE(kmsd_custody_new(root_key, &custody) == KMS_OK);
    REQUIRE(kms_hex_decode(kms_str(EXAMPLE_WRAPPED), wrapped) == KMS_OK);
    REQUIRE(kms_hex_decode(kms_str(EXAMPLE_MATERIAL_ID), material.id) == KMS_OK);
    REQUIRE(kms_hex_decode(kms_str(EXAMPLE_BLOB), genuine) == KMS_OK);
    material.key_arn = kms_str(EXAMPLE_ARN);
    material.record_version = KMSD_MATERIAL_VERSION;
    material.wrapped = kms_bytes(wrapped, sizeof(wrapped));
}

static void require_same_encoding(struct kms_bytes blob, const struct kmsd_ciphertext *parsed)
{
    KMS_BUF_AUTO header;
    KMS_BUF_AUTO again;
    kms_buf_init(&header, 512);
    kms_buf_init(&again, KMSD_CIPHERTEXT_MAX);
    kmsd_ciphertext_append_header(
        &header, parsed->key_id, parsed->material_id.data, parsed->nonce.data, parsed->iv.data);
    kmsd_cbor_append_array(&again, 3);
    kmsd_cbor_append_bytes(&again, kms_buf_bytes(&header));
    kmsd_cbor_append_map(&again, 0);
    kmsd_cbor_append_bytes(&again, parsed->sealed);
    REQUIRE(header.err == KMS_OK && again.err == KMS_OK);
    REQUIRE(blob.len == again.len + 1 && blob.data[0] == 0xd0);
    REQUIRE(memcmp(blob.data + 1, again.data, again.len) == 0);
}

static void check(struct kms_bytes blob)
{
    struct kmsd_ciphertext parsed;
    if (kmsd_ciphertext_parse(blob, &parsed) != KMS_OK)
        return;
    require_same_encoding(blob, &parsed);
    bool is_genuine = blob.len == sizeof(genuine) && memcmp(blob.data, genuine, blob.len) == 0;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMSD_PLAINTEXT_MAX);
    enum kms_err err = kmsd_custody_decrypt(custody, &material, &parsed, &context, &out);
    REQUIRE(err == (is_genuine ? KMS_OK : KMS_ERR_AUTHENTICATION));
    REQUIRE(out.len == (is_genuine ? sizeof(EXAMPLE_PLAINTEXT) - 1 : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (custody == NULL)
        set_up();
    check(kms_bytes(data, size));

    uint8_t edited[BLOB_SIZE];
    memcpy(edited, genuine, sizeof(edited));
    for (size_t i = 0; i + 1 < size; i += 2)
        edited[data[i] % sizeof(edited)] ^= data[i + 1];
    check(kms_bytes(edited, sizeof(edited)));
    return 0;
}
