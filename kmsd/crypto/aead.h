/*
 * AES-GCM (NIST SP 800-38D) with a 96-bit IV and a 128-bit tag: the deterministic core under every
 * ciphertext and every wrapped record. The caller answers for never using an IV twice with a key.
 */
#ifndef KMSD_CRYPTO_AEAD_H
#define KMSD_CRYPTO_AEAD_H

#include <kms/bytes.h>
#include <kms/error.h>

#include <openssl/evp.h>

#define KMSD_AEAD_KEY_SIZE 32
#define KMSD_AEAD_IV_SIZE  12
#define KMSD_AEAD_TAG_SIZE 16

/* A context for cipher (AES-GCM of any key length), with key set unless that is NULL. The caller
 * frees it with EVP_CIPHER_CTX_free, which wipes it. */
KMS_MUST_USE enum kms_err kmsd_aead_new(
    const EVP_CIPHER *cipher, const uint8_t *key, EVP_CIPHER_CTX **out);

/* Writes plaintext.len + KMSD_AEAD_TAG_SIZE bytes, ciphertext then tag, to out. key is of the
 * cipher's length; NULL uses the one set last, which the context keeps expanded. KMS_ERR_LIMIT,
 * KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_aead_seal(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes plaintext,
    uint8_t *out);

/* Writes sealed.len - KMSD_AEAD_TAG_SIZE bytes to out, and wipes them when the tag does not verify:
 * KMS_ERR_AUTHENTICATION. KMS_ERR_LIMIT, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_aead_open(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes sealed,
    uint8_t *out);

#endif
