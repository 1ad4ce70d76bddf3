/*
 * Ed25519ph (RFC 8032 section 5.1, FIPS 186-5 section 7.8) with an empty context. The message is
 * hashed here with SHA-512, whatever it is. Deterministic.
 *
 * Two implementations, of which the build takes one: ed25519ph_openssl.c where the linked libcrypto
 * has the algorithm (3.2 and later), else ed25519ph_sodium.c.
 */
#ifndef KMSD_CRYPTO_ED25519PH_H
#define KMSD_CRYPTO_ED25519PH_H

#include "libkms/base/buf.h"

#include <openssl/evp.h>

#define KMSD_ED25519_SIGNATURE_SIZE 64

/* KMS_ERR_UNSUPPORTED, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_ed25519ph_sign(
    EVP_PKEY *key, struct kms_bytes message, struct kms_buf *signature);

/* KMS_ERR_AUTHENTICATION, KMS_ERR_UNSUPPORTED, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_ed25519ph_verify(
    EVP_PKEY *key, struct kms_bytes message, struct kms_bytes signature);

#endif
