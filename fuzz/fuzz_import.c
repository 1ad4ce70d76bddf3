/*
 * What a caller brings to ImportKeyMaterial: tokens, wrapped material, and material once it is
 * unwrapped. No token but ours is taken. Material that is taken has one form: what is kept of it,
 * brought again, is taken and gives the same bytes.
 *
 * The first byte says what the rest is.
 */
#include "kmsd/crypto/brought.h"
#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/import_token.h"
#include "kmsd/crypto/wrapping.h"

#include <openssl/err.h>
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

static const struct {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
} kinds[] = {
    {KMS_KEY_SPEC_SYMMETRIC_DEFAULT, KMS_KEY_USAGE_ENCRYPT_DECRYPT},
    {KMS_KEY_SPEC_HMAC_224, KMS_KEY_USAGE_GENERATE_VERIFY_MAC},
    {KMS_KEY_SPEC_RSA_2048, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_P256, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_SECG_P256K1, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_ECC_NIST_EDWARDS25519, KMS_KEY_USAGE_SIGN_VERIFY},
    {KMS_KEY_SPEC_SM2, KMS_KEY_USAGE_SIGN_VERIFY},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), TOKEN = KINDS, KEY_WRAP, WHATS };

static void read_material(size_t which, struct kms_bytes brought)
{
    const struct kmsd_kind *kind = kmsd_kind_find(kinds[which].spec, kinds[which].usage);
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO public_key;
    KMS_BUF_AUTO again;
    KMS_BUF_AUTO public_again;
    kms_buf_init(&secret, KMSD_PRIVATE_KEY_MAX);
    kms_buf_init(&public_key, KMSD_PUBLIC_KEY_MAX);
    kms_buf_init(&again, KMSD_PRIVATE_KEY_MAX);
    kms_buf_init(&public_again, KMSD_PUBLIC_KEY_MAX);
    enum kms_err err = kmsd_brought_read(kind, brought, &secret, &public_key);
    REQUIRE(ERR_peek_error() == 0);
    if (err != KMS_OK) {
        REQUIRE(err == KMS_ERR_VALIDATION || err == KMS_ERR_LIMIT);
        REQUIRE(secret.len == 0 && public_key.len == 0);
        return;
    }
    REQUIRE(kmsd_brought_read(kind, kms_buf_bytes(&secret), &again, &public_again) == KMS_OK);
    REQUIRE(again.len == secret.len && memcmp(again.data, secret.data, secret.len) == 0);
    REQUIRE(public_again.len == public_key.len);
    REQUIRE(public_key.len == 0 || memcmp(public_again.data, public_key.data, public_key.len) == 0);
}

static void read_token(struct kms_bytes token)
{
    static EVP_CIPHER_CTX *gcm;
    static const uint8_t key[KMSD_AEAD_KEY_SIZE] = {7};
    if (gcm == NULL)
        REQUIRE(kmsd_aead_new(EVP_aes_256_gcm(), NULL, &gcm) == KMS_OK);
    KMS_BUF_AUTO aad;
    kms_buf_init(&aad, 4096);
    const struct kmsd_import_token_tools tools = {gcm, key, &aad};
    struct kmsd_import_terms terms;
    struct kms_secret *secret = NULL;
    REQUIRE(kmsd_import_token_read(&tools, kms_str("arn"), token, &terms, &secret) ==
            KMS_ERR_AUTHENTICATION);
    REQUIRE(secret == NULL);
}

static void read_key_wrap(struct kms_bytes wrapped)
{
    static const uint8_t key[KMSD_WRAPPING_AES_SIZE] = {7};
    struct kms_secret *secret = NULL;
    enum kms_err err = kmsd_wrapping_open_kwp(kms_bytes(key, sizeof(key)), wrapped, &secret);
    REQUIRE(err == KMS_OK || err == KMS_ERR_AUTHENTICATION);
    REQUIRE((secret != NULL) == (err == KMS_OK));
    REQUIRE(ERR_peek_error() == 0);
    kms_secret_free(secret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t what = data[0] % WHATS;
    struct kms_bytes rest = kms_bytes(data + 1, size - 1);
    if (what == TOKEN)
        read_token(rest);
    else if (what == KEY_WRAP)
        read_key_wrap(rest);
    else
        read_material(what, rest);
    return 0;
}
