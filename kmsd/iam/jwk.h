/* The room's own: public keys of a JSON Web Key set (RFC 7517, RFC 7518, RFC 8037). */
#ifndef KMSD_IAM_JWK_H
#define KMSD_IAM_JWK_H

#include "libkms/base/arena.h"

#include <jansson.h>
#include <openssl/evp.h>

/* One row of the table of algorithms. */
struct kmsd_jwa {
    const char *name;   /* "RS256" */
    const char *kty;    /* "RSA" */
    const char *crv;    /* of "EC" and "OKP"; NULL: none */
    const char *digest; /* NULL: the algorithm's own */
    bool is_pss;
    size_t coordinate; /* bytes of r and of s in a signature; 0: not ECDSA */
};

/* NULL: no such algorithm. */
const struct kmsd_jwa *kmsd_jwa_find(struct kms_str name);

/* The public key of a JWK that may verify that algorithm (NULL: whichever), to be freed; NULL: it
 * is another kind of key, is for another use, or is malformed. RSA: 2048 to 8192 bits. */
KMS_MUST_USE EVP_PKEY *kmsd_jwk_read(const json_t *jwk, const struct kmsd_jwa *algorithm);

/* Unpadded base64url (RFC 4648 section 5), strictly; in the arena. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kmsd_base64url_decode(
    struct kms_str text, struct kms_arena *arena, struct kms_bytes *out);

#endif
