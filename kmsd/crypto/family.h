/*
 * One family of algorithms: a const table of functions and the kinds of keys that it serves. Each
 * has a file of its own, which ends in that table; kind.c finds them all.
 *
 * To add one: write its file, declare its table below, list it in kind.c.
 *
 * The functions take keys that kmsd/crypto/pkey.h made or checked to be of the kind, and rows of
 * that kind's own. They append to their output buffers, on success only, and leave nothing in
 * libcrypto's error queue. What a family does not do is NULL.
 */
#ifndef KMSD_CRYPTO_FAMILY_H
#define KMSD_CRYPTO_FAMILY_H

#include "kmsd/crypto/kind.h"
#include "libkms/base/buf.h"

#include <openssl/evp.h>

struct kmsd_ready; /* kmsd/crypto/pkey.h */

struct kmsd_family {
    const char *name;

    /* A RAW message of any length, or one of another type and of exactly signing->digest_size.
     * ready is of that key and that row, or NULL; families may leave it alone. */
    enum kms_err (*sign)(EVP_PKEY *key, struct kmsd_ready *ready,
        const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
        struct kms_buf *signature);

    /* KMS_ERR_AUTHENTICATION: anything but a signature of that message by that key. */
    enum kms_err (*verify)(EVP_PKEY *key, struct kmsd_ready *ready,
        const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
        struct kms_bytes signature);

    /* A plaintext of at most encryption->plaintext_max bytes. */
    enum kms_err (*encrypt)(EVP_PKEY *key, const struct kmsd_encryption *encryption,
        struct kms_bytes plaintext, struct kms_buf *ciphertext);

    /* KMS_ERR_AUTHENTICATION. */
    enum kms_err (*decrypt)(EVP_PKEY *key, const struct kmsd_encryption *encryption,
        struct kms_bytes ciphertext, struct kms_buf *plaintext);

    /* peer is a SubjectPublicKeyInfo from outside. KMS_ERR_VALIDATION: not one of this kind. */
    enum kms_err (*derive)(
        const struct kmsd_kind *kind, EVP_PKEY *key, struct kms_bytes peer, struct kms_buf *secret);

    enum kms_err (*encapsulate)(EVP_PKEY *key, struct kms_buf *secret, struct kms_buf *ciphertext);

    /* KMS_ERR_AUTHENTICATION: a ciphertext of another length. */
    enum kms_err (*decapsulate)(EVP_PKEY *key, struct kms_bytes ciphertext, struct kms_buf *secret);

    /* key is the key's bytes; out has mac->mac_size bytes and is not to be used on failure. */
    enum kms_err (*mac)(
        const struct kmsd_mac *mac, struct kms_bytes key, struct kms_bytes message, uint8_t *out);

    const struct kmsd_kind *kinds;
    size_t kind_count;
};

extern const struct kmsd_family kmsd_ecdh;
extern const struct kmsd_family kmsd_ecdsa;
extern const struct kmsd_family kmsd_eddsa;
extern const struct kmsd_family kmsd_hmac;
extern const struct kmsd_family kmsd_mldsa;
extern const struct kmsd_family kmsd_mlkem;
extern const struct kmsd_family kmsd_rsa_oaep;
extern const struct kmsd_family kmsd_rsa_sign;
extern const struct kmsd_family kmsd_sm2;

#endif
