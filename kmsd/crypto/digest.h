/* Hashes by name, fetched from libcrypto once per process: looking one up for each use costs more
 * than hashing a short message. */
#ifndef KMSD_CRYPTO_DIGEST_H
#define KMSD_CRYPTO_DIGEST_H

#include "kmsd/crypto/kind.h"

#include <openssl/evp.h>

#define KMSD_DIGEST_MAX 64 /* bytes */

/* SHA224, SHA256, SHA384, SHA512 or SM3. NULL: another name, or libcrypto offers it not. */
const EVP_MD *kmsd_digest_find(const char *name);

/* Hashes data. KMS_ERR_UNSUPPORTED, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_digest(
    const char *name, struct kms_bytes data, uint8_t out[KMSD_DIGEST_MAX], size_t *size);

/* Makes *message what is signed: a RAW one becomes its digest, which lives in out; others stay.
 * The same errors. */
KMS_MUST_USE enum kms_err kmsd_digest_message(const struct kmsd_signing *signing,
    enum kms_message_type type, struct kms_bytes *message, uint8_t out[KMSD_DIGEST_MAX]);

#endif
