/* ML-KEM with its randomness given, for known-answer tests. */
#ifndef KMSD_CRYPTO_MLKEM_H
#define KMSD_CRYPTO_MLKEM_H

#include "libkms/base/buf.h"

#include <openssl/evp.h>

#define KMSD_MLKEM_ENTROPY_SIZE 32
#define KMSD_MLKEM_SECRET_SIZE  32

/* ML-KEM.Encaps_internal (FIPS 203 section 6.2). entropy is its m; NULL: fresh. */
KMS_MUST_USE enum kms_err kmsd_mlkem_encapsulate(EVP_PKEY *key,
    const uint8_t entropy[KMSD_MLKEM_ENTROPY_SIZE], struct kms_buf *secret,
    struct kms_buf *ciphertext);

#endif
