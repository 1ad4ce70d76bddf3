/*
 * libcrypto's functions of this one algorithm, without EVP around them: each EVP_DigestInit_ex2 of
 * OpenSSL 3.0 frees the state that it has and makes another, after asking engines under a lock, which
 * for the short texts of a request costs as much as hashing them. A request takes some twelve.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* for that */

#include "libkms/base/sha256.h"

#include "libkms/base/secret.h"

#include <openssl/sha.h>

/* digest = SHA-256(pad || data); digest may overlap data. */
static bool hash(struct kms_bytes pad, struct kms_bytes data, uint8_t digest[KMS_SHA256_SIZE])
{
    SHA256_CTX state;
    bool ok = SHA256_Init(&state) == 1 && SHA256_Update(&state, pad.data, pad.len) == 1 &&
              SHA256_Update(&state, data.data, data.len) == 1 && SHA256_Final(digest, &state) == 1;
    kms_wipe(&state, sizeof(state));
    return ok;
}

enum kms_err kms_sha256(struct kms_bytes data, uint8_t digest[KMS_SHA256_SIZE])
{
    return hash(kms_bytes(NULL, 0), data, digest) ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kms_hmac_sha256(
    struct kms_bytes key, struct kms_bytes data, uint8_t mac[KMS_SHA256_SIZE])
{
    uint8_t block[SHA256_CBLOCK] = {0}; /* the key, then in the inner and the outer padding */
    uint8_t inner[KMS_SHA256_SIZE];
    bool ok = true;
    if (key.len > sizeof(block))
        ok = hash(kms_bytes(NULL, 0), key, block);
    else if (key.len != 0)
        memcpy(block, key.data, key.len);
    struct kms_bytes pad = {block, sizeof(block)};
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36;
    ok = ok && hash(pad, data, inner);
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] ^= 0x36 ^ 0x5c;
    ok = ok && hash(pad, kms_bytes(inner, sizeof(inner)), mac);
    kms_wipe(block, sizeof(block));
    kms_wipe(inner, sizeof(inner));
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}
