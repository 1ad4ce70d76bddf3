/*
 * Public keys that a caller brings to a key agreement. What is taken is, to libcrypto's own decoder
 * as well, a key on that curve, and has one encoding: written again by libcrypto it gives the same
 * bytes, unless the point is compressed. What libcrypto's decoder refuses is not taken.
 */
#include "kmsd/crypto/ec_point.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                        \
    do {                                                                          \
        if (!(condition)) {                                                       \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                              \
        }                                                                         \
    } while (0)

static const enum kms_key_spec specs[] = {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_SPEC_ECC_NIST_P384,
    KMS_KEY_SPEC_ECC_NIST_P521, KMS_KEY_SPEC_SM2};

enum { SPECS = sizeof(specs) / sizeof(specs[0]) };

static const struct kmsd_kind *kinds[SPECS];
static EVP_PKEY *keys[SPECS];

static void set_up(void)
{
    for (size_t i = 0; i < SPECS; i++) {
        kinds[i] = kmsd_kind_find(specs[i], KMS_KEY_USAGE_KEY_AGREEMENT);
        REQUIRE(kinds[i] != NULL && kmsd_pkey_generate(kinds[i], &keys[i]) == KMS_OK);
    }
}

static void require_a_real_key(size_t index, struct kms_bytes spki)
{
    const unsigned char *at = spki.data;
    EVP_PKEY *peer = d2i_PUBKEY(NULL, &at, (long)spki.len);
    KMS_BUF_AUTO again;
    kms_buf_init(&again, 1024);
    REQUIRE(peer != NULL && at == spki.data + spki.len);
    REQUIRE(EVP_PKEY_is_a(peer, kinds[index]->key_type) == 1);
    struct kms_bytes point = {NULL, 0};
    REQUIRE(kmsd_ec_point_read(kinds[index]->group, spki, &point) == KMS_OK);
    if (point.data[0] == 0x04) {
        REQUIRE(kmsd_pkey_write_public(peer, &again) == KMS_OK);
        REQUIRE(again.len == spki.len && memcmp(again.data, spki.data, spki.len) == 0);
    }
    EVP_PKEY_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (keys[0] == NULL)
        set_up();
    struct kms_bytes spki = kms_bytes(data, size);
    size_t taken = 0;
    for (size_t i = 0; i < SPECS; i++) {
        KMS_BUF_AUTO secret;
        kms_buf_init(&secret, KMSD_EC_FIELD_MAX);
        enum kms_err err = kinds[i]->family->derive(kinds[i], keys[i], spki, &secret);
        REQUIRE(err == KMS_OK || err == KMS_ERR_VALIDATION);
        REQUIRE(ERR_peek_error() == 0);
        REQUIRE(secret.len == (err == KMS_OK ? kmsd_ec_field_size(kinds[i]->group) : 0));
        if (err == KMS_OK) {
            taken++;
            require_a_real_key(i, spki);
        }
    }
    REQUIRE(taken <= 1);
    return 0;
}
