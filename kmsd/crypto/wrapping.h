/*
 * How key material that its owner brings is wrapped on its way here: the wrapping algorithms of
 * GetParametersForImport. A wrapping key is an RSA or SM2 key pair that custody made for one import.
 *
 * Sources: API reference of GetParametersForImport; RFC 8017 section 7.1 (OAEP); RFC 5649 (AES key
 * wrap with padding); PKCS #11 version 2.40, section 2.1.21 (CKM_RSA_AES_KEY_WRAP), which is how an
 * ephemeral AES key and OAEP go together.
 */
#ifndef KMSD_CRYPTO_WRAPPING_H
#define KMSD_CRYPTO_WRAPPING_H

#include "kmsd/crypto/kind.h"
#include "libkms/base/secret.h"

#include <openssl/evp.h>

#define KMSD_WRAPPING_AES_SIZE 32 /* bytes of the ephemeral AES key */

struct kmsd_wrapping {
    enum kms_wrapping_algorithm algorithm;
    enum kms_encryption_algorithm encryption; /* what the wrapping key itself does */
    bool has_aes_key; /* OAEP wraps an AES key, and that the material with AES-KWP */
};

/* NULL: RSAES_PKCS1_V1_5, which the service gave up in 2023, and values unknown here. */
const struct kmsd_wrapping *kmsd_wrapping_find(enum kms_wrapping_algorithm algorithm);

/* The kind of the wrapping key, which has that algorithm. NULL: algorithm and spec do not go
 * together. */
const struct kmsd_kind *kmsd_wrapping_kind(
    const struct kmsd_wrapping *wrapping, enum kms_wrapping_key_spec spec);

/* Whether material of keys of that spec may be wrapped so: private keys of RSA are too long for
 * OAEP, that of P-521 is under RSA_2048, and what needs no AES key is not given one. */
bool kmsd_wrapping_suits(const struct kmsd_wrapping *wrapping, enum kms_wrapping_key_spec with,
    enum kms_key_spec material);

/*
 * Unwraps with the private wrapping key, which is of that kind. KMS_ERR_AUTHENTICATION: whatever is
 * wrong with the bytes, at whichever layer: a wrong OAEP encoding goes on with an AES key that opens
 * nothing, so that neither answer nor time says where it failed. KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kmsd_wrapping_unwrap(const struct kmsd_wrapping *wrapping,
    const struct kmsd_kind *kind, EVP_PKEY *key, struct kms_bytes wrapped, struct kms_secret **out);

/* The second layer alone (RFC 5649), for known answers. key is KMSD_WRAPPING_AES_SIZE bytes.
 * KMS_ERR_AUTHENTICATION. */
KMS_MUST_USE enum kms_err kmsd_wrapping_open_kwp(
    struct kms_bytes key, struct kms_bytes wrapped, struct kms_secret **out);

#endif
