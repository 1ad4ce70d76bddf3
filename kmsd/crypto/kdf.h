/*
 * Key derivation: the counter mode of NIST SP 800-108r1, section 4.1, with HMAC-SHA-256, a 32-bit
 * counter before the fixed input data, and the fixed input data of that section:
 *
 *     label || 0x00 || context || [L]      (L: the output's length in bits, 32 bits, big-endian)
 *
 * Labels are text of this project's own, so never hold a zero byte, and no two purposes share one.
 */
#ifndef KMSD_CRYPTO_KDF_H
#define KMSD_CRYPTO_KDF_H

#include <kms/bytes.h>
#include <kms/error.h>

#define KMSD_KDF_KEY_SIZE  32
#define KMSD_KDF_FIXED_MAX 256

/* What each derived key is for. The version in a label is that of docs/STORAGE-FORMAT.md. */
#define KMSD_LABEL_WRAP_MATERIAL "kmsd v1 wrap material"
#define KMSD_LABEL_SEAL_SECRET   "kmsd v1 seal secret"
#define KMSD_LABEL_ROOT_CHECK    "kmsd v1 root key check"
#define KMSD_LABEL_MESSAGE       "kmsd v1 message key"
#define KMSD_LABEL_IMPORT_TOKEN  "kmsd v1 import token"
#define KMSD_LABEL_NAME_MATERIAL "kmsd v1 name material"
#define KMSD_LABEL_MATERIAL_ID   "kmsd v1 material id"

/* The bare mode: out_len bytes (1 to 8160) from a key and at most KMSD_KDF_FIXED_MAX bytes of fixed
 * input data. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_kdf_counter(
    struct kms_bytes key, struct kms_bytes fixed, uint8_t *out, size_t out_len);

/* A key of KMSD_KDF_KEY_SIZE bytes for the purpose that label names. */
KMS_MUST_USE enum kms_err kmsd_kdf_derive(struct kms_bytes key, const char *label,
    struct kms_bytes context, uint8_t out[KMSD_KDF_KEY_SIZE]);

#endif
