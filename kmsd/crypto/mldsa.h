/* ML-DSA with its randomness named, for known-answer tests. */
#ifndef KMSD_CRYPTO_MLDSA_H
#define KMSD_CRYPTO_MLDSA_H

#include "kmsd/crypto/kind.h"
#include "libkms/base/buf.h"

#include <openssl/evp.h>

/* The deterministic variant of FIPS 204 section 3.4, and the hedged one, which the service uses.
 * type is RAW (an empty context) or EXTERNAL_MU. */
KMS_MUST_USE enum kms_err kmsd_mldsa_sign(EVP_PKEY *key, enum kms_message_type type,
    struct kms_bytes message, bool deterministic, struct kms_buf *signature);

#endif
