/*
 * Import tokens: the private wrapping key of one GetParametersForImport, sealed, for the caller to
 * keep until ImportKeyMaterial. So nothing is stored for an import that never comes, every token
 * that has not expired is good, and none is good for another key.
 *
 *     expiry (8) || wrapping algorithm (1) || wrapping key spec (1) || record of the private key
 *
 * Numbers are big-endian; a record is that of kmsd/crypto/record.h. docs/STORAGE-FORMAT.md has the
 * bytes.
 */
#ifndef KMSD_CRYPTO_IMPORT_TOKEN_H
#define KMSD_CRYPTO_IMPORT_TOKEN_H

#include "kmsd/crypto/aead.h"
#include "libkms/base/buf.h"
#include "libkms/base/secret.h"

#include <kms/types.h>

#define KMSD_IMPORT_TOKEN_MAX 6144

/* What a token says beside the key that is sealed in it. */
struct kmsd_import_terms {
    enum kms_wrapping_algorithm algorithm;
    enum kms_wrapping_key_spec spec; /* of the wrapping key */
    int64_t expires_ms;
};

/* What works for a moment: an AES-256-GCM context, its key, and a buffer for the AAD. */
struct kmsd_import_token_tools {
    EVP_CIPHER_CTX *gcm;
    const uint8_t *key; /* KMSD_AEAD_KEY_SIZE bytes */
    struct kms_buf *aad;
};

/* Appends a token for the key of that ARN. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_LIMIT,
 * KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_import_token_write(const struct kmsd_import_token_tools *tools,
    struct kms_str key_arn, const struct kmsd_import_terms *terms,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes private_key, struct kms_buf *out);

/* Opens a token; whether it has expired is the caller's to look at. KMS_ERR_AUTHENTICATION: for
 * another key, under another root key, or not a token at all. */
KMS_MUST_USE enum kms_err kmsd_import_token_read(const struct kmsd_import_token_tools *tools,
    struct kms_str key_arn, struct kms_bytes token, struct kmsd_import_terms *terms,
    struct kms_secret **private_key);

#endif
