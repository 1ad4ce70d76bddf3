/*
 * A wrapped record: a small secret as the store keeps it, under a wrapping key.
 *
 *     version (1) || IV (12) || AES-256-GCM ciphertext || tag (16)
 *
 * Its AAD is a CBOR array that names what the secret is and whom it belongs to, so that a record
 * opens only in its own place. docs/STORAGE-FORMAT.md has the bytes.
 */
#ifndef KMSD_CRYPTO_RECORD_H
#define KMSD_CRYPTO_RECORD_H

#include "kmsd/crypto/aead.h"
#include "libkms/base/buf.h"

#define KMSD_RECORD_VERSION  1
#define KMSD_RECORD_OVERHEAD (1 + KMSD_AEAD_IV_SIZE + KMSD_AEAD_TAG_SIZE)

/* Appends the AAD of a KMS key's material. kind is what the material may be used for, so that a row
 * whose key spec was altered does not open: one material never serves two algorithms. */
void kmsd_record_material_aad(
    struct kms_buf *aad, const char *kind, struct kms_str key_arn, struct kms_bytes material_id);

/* Appends the AAD of the record of a key's public key, which stands beside it in clear. The record
 * itself is of an empty secret: it is there to be authenticated. */
void kmsd_record_public_key_aad(struct kms_buf *aad, const char *kind, struct kms_str key_arn,
    struct kms_bytes material_id, struct kms_bytes public_key);

/* Appends the AAD of a sealed secret. */
void kmsd_record_secret_aad(struct kms_buf *aad, struct kms_str purpose, struct kms_str owner);

/* Appends the record. key as in kmsd_aead_seal. */
KMS_MUST_USE enum kms_err kmsd_record_seal(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes secret,
    struct kms_buf *out);

/* Opens a record of exactly len + KMSD_RECORD_OVERHEAD bytes into out (len bytes).
 * KMS_ERR_AUTHENTICATION: another length, version, place or key, or altered. */
KMS_MUST_USE enum kms_err kmsd_record_open(EVP_CIPHER_CTX *context, const uint8_t *key,
    struct kms_bytes aad, struct kms_bytes record, uint8_t *out, size_t len);

#endif
