/*
 * Tokens of web identities: JSON Web Tokens (RFC 7519), signed (RFC 7515) by a key of a set
 * (RFC 7517), as OpenID Connect Core 1.0 has them.
 *
 * What a key is for, the key says: a token's algorithm has to belong to the key's type, so that no
 * public key is ever taken for a secret of an HMAC. "none" and HS* are no algorithms here.
 */
#ifndef KMSD_IAM_JWT_H
#define KMSD_IAM_JWT_H

#include "libkms/base/arena.h"

#define KMSD_JWT_MAX           20000 /* characters of a token */
#define KMSD_JWKS_KEYS_MAX     64
#define KMSD_JWT_AUDIENCES_MAX 16

/* How far a token may have been issued, or become valid, after now: clocks differ. */
#define KMSD_JWT_SKEW_S 300

enum kmsd_jwt_verdict {
    KMSD_JWT_GOOD,
    KMSD_JWT_MALFORMED, /* not a token at all, or a claim that is needed is not there */
    KMSD_JWT_ALGORITHM, /* "none", HS256, or another that is not known here */
    KMSD_JWT_NO_KEY,    /* no key of the set is the one that it names, or is for its algorithm */
    KMSD_JWT_SIGNATURE,
    KMSD_JWT_ISSUER,
    KMSD_JWT_AUDIENCE,
    KMSD_JWT_EXPIRED,
    KMSD_JWT_NOT_YET, /* issued or valid in the future */
};

/* What a token says. Views into the arena. */
struct kmsd_jwt_claims {
    struct kms_str issuer;
    struct kms_str subject;
    struct kms_str audience; /* the one of several that is wanted; before verification the first */
    int64_t expires_s;
};

/* What a token has to be. */
struct kmsd_jwt_expectation {
    struct kms_str jwks;
    struct kms_str issuer;           /* exactly so */
    const struct kms_str *audiences; /* one of these */
    size_t audience_count;
    int64_t now_s;
};

/* The issuer of a token, unverified: only good to look for its keys. KMSD_JWT_MALFORMED.
 * KMS_ERR_NO_MEMORY is the only failure. */
KMS_MUST_USE enum kms_err kmsd_jwt_issuer(struct kms_str token, struct kms_arena *arena,
    struct kms_str *issuer, enum kmsd_jwt_verdict *verdict);

/* Signature first, then what is said. claims is filled when the verdict is KMSD_JWT_GOOD.
 * KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO; KMS_ERR_CORRUPT: jwks is no set of keys. */
KMS_MUST_USE enum kms_err kmsd_jwt_verify(struct kms_str token,
    const struct kmsd_jwt_expectation *expected, struct kms_arena *arena,
    struct kmsd_jwt_claims *claims, enum kmsd_jwt_verdict *verdict);

/* Whether a text is a set of keys with at least one that can verify. */
KMS_MUST_USE bool kmsd_jwks_is_usable(struct kms_str jwks);

#endif
