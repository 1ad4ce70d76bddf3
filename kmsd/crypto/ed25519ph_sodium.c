#include "kmsd/crypto/ed25519ph.h"

#include "kmsd/crypto/pkey.h"
#include "libkms/base/secret.h"

#include <sodium.h>

enum { SEED_SIZE = crypto_sign_ed25519_SEEDBYTES, POINT_SIZE = crypto_sign_ed25519_PUBLICKEYBYTES };

_Static_assert(SEED_SIZE + POINT_SIZE == crypto_sign_ed25519_SECRETKEYBYTES,
    "libsodium's secret key is the seed and the public key");
_Static_assert(crypto_sign_ed25519_BYTES == KMSD_ED25519_SIGNATURE_SIZE, "RFC 8032 section 5.1.6");

static bool read_public(EVP_PKEY *key, uint8_t point[POINT_SIZE])
{
    size_t len = POINT_SIZE;
    return EVP_PKEY_get_raw_public_key(key, point, &len) == 1 && len == POINT_SIZE;
}

static bool read_private(EVP_PKEY *key, uint8_t secret[SEED_SIZE + POINT_SIZE])
{
    size_t len = SEED_SIZE;
    return EVP_PKEY_get_raw_private_key(key, secret, &len) == 1 && len == SEED_SIZE &&
           read_public(key, secret + SEED_SIZE);
}

static bool hash(crypto_sign_ed25519ph_state *state, struct kms_bytes message)
{
    return sodium_init() >= 0 && /* chooses implementations, once; from any thread */
           crypto_sign_ed25519ph_init(state) == 0 &&
           crypto_sign_ed25519ph_update(state, message.data, message.len) == 0;
}

enum kms_err kmsd_ed25519ph_sign(EVP_PKEY *key, struct kms_bytes message, struct kms_buf *signature)
{
    uint8_t secret[SEED_SIZE + POINT_SIZE];
    uint8_t made[KMSD_ED25519_SIGNATURE_SIZE];
    crypto_sign_ed25519ph_state state;
    bool ok = read_private(key, secret) && hash(&state, message) &&
              crypto_sign_ed25519ph_final_create(&state, made, NULL, secret) == 0;
    kms_wipe(secret, sizeof(secret));
    if (!ok)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    kms_buf_append(signature, made, sizeof(made));
    return signature->err;
}

enum kms_err kmsd_ed25519ph_verify(
    EVP_PKEY *key, struct kms_bytes message, struct kms_bytes signature)
{
    uint8_t point[POINT_SIZE];
    crypto_sign_ed25519ph_state state;
    if (!read_public(key, point) || !hash(&state, message))
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    if (signature.len != KMSD_ED25519_SIGNATURE_SIZE ||
        crypto_sign_ed25519ph_final_verify(&state, signature.data, point) != 0)
        return KMS_ERR_AUTHENTICATION;
    return KMS_OK;
}
