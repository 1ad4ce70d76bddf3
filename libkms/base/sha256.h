/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (FIPS 198-1) of bytes that are at hand, for the paths that
 * every request takes.
 */
#ifndef KMS_BASE_SHA256_H
#define KMS_BASE_SHA256_H

#include <kms/bytes.h>
#include <kms/error.h>

#define KMS_SHA256_SIZE 32

/* KMS_ERR_CRYPTO. Any thread may call. */
KMS_MUST_USE enum kms_err kms_sha256(struct kms_bytes data, uint8_t digest[KMS_SHA256_SIZE]);

/* The same; a key of any length, also none. mac may overlap key. */
KMS_MUST_USE enum kms_err kms_hmac_sha256(
    struct kms_bytes key, struct kms_bytes data, uint8_t mac[KMS_SHA256_SIZE]);

#endif
