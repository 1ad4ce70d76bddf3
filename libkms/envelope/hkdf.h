/*
 * HKDF.
 * Source: RFC 5869, over HMAC (RFC 2104).
 */
#ifndef KMS_ENVELOPE_HKDF_H
#define KMS_ENVELOPE_HKDF_H

#include <kms/bytes.h>
#include <kms/error.h>

#define KMS_HKDF_PRK_MAX 64

/* Extract: prk gets as many bytes as the hash of libcrypto's name has (SHA256, SHA384, SHA512).
 * KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kms_hkdf_extract(const char *digest, struct kms_bytes salt,
    struct kms_bytes key, uint8_t prk[KMS_HKDF_PRK_MAX], size_t *prk_len);

/* Expand. An output longer than 255 hashes: KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kms_hkdf_expand(
    const char *digest, struct kms_bytes prk, struct kms_bytes info, uint8_t *out, size_t out_len);

/* Both. KMS_ERR_NO_MEMORY, too. */
KMS_MUST_USE enum kms_err kms_hkdf(const char *digest, struct kms_bytes key, struct kms_bytes salt,
    struct kms_bytes info, uint8_t *out, size_t out_len);

#endif
