/*
 * Key material that its owner brings, unwrapped but not yet looked at: is it what a key of that
 * kind works with, and what is its one form here? Whoever brought it may not be its friend, so a
 * private key is checked as a whole before it is ever used: numbers that do not belong together
 * give away the rest when they are used.
 *
 * Source: "Requirements for imported key material" of the KMS developer guide.
 */
#ifndef KMSD_CRYPTO_BROUGHT_H
#define KMSD_CRYPTO_BROUGHT_H

#include "kmsd/crypto/kind.h"
#include "libkms/base/buf.h"

#define KMSD_SYMMETRIC_KEY_SIZE 32 /* bytes of a symmetric key */

/* Whether keys of that spec can be made from material that is brought. */
bool kmsd_brought_allowed(enum kms_key_spec spec);

/*
 * Appends the secret in the form in which custody keeps it, and for key pairs the public key
 * (SubjectPublicKeyInfo, DER), which it works out itself. kind NULL is SYMMETRIC_DEFAULT. Keys of
 * random bytes come as they are; private keys as PKCS #8 PrivateKeyInfo (RFC 5208), in DER or BER,
 * and are written anew, so that one key has one form however it was brought. RSA takes up to a
 * second.
 *
 * KMS_ERR_VALIDATION: of another length, of another kind, malformed, numbers that contradict each
 * other, an RSA key of more than two primes or with a public exponent outside 65537 to 2^256, a
 * curve by its parameters instead of its name. KMS_ERR_NO_MEMORY, KMS_ERR_LIMIT, KMS_ERR_CRYPTO.
 */
KMS_MUST_USE enum kms_err kmsd_brought_read(const struct kmsd_kind *kind, struct kms_bytes brought,
    struct kms_buf *secret, struct kms_buf *public_key);

#endif
