/* Public keys on elliptic curves that come from outside, in the one form that is taken. */
#ifndef KMSD_CRYPTO_EC_POINT_H
#define KMSD_CRYPTO_EC_POINT_H

#include "kmsd/crypto/kind.h"

#define KMSD_EC_FIELD_MAX 66 /* bytes: P-521 */

/* Bytes of a coordinate on that curve; 0: a curve that is not known here. */
size_t kmsd_ec_field_size(const char *group);

/*
 * The point (SEC 1 section 2.3.3, compressed or not) in a SubjectPublicKeyInfo of id-ecPublicKey with
 * that named curve (RFC 5480 section 2). A view into it; whether the point is on the curve is not
 * looked at. KMS_ERR_VALIDATION: anything else, also explicit curve parameters, another curve, the
 * point at infinity, and encodings that are not DER.
 */
KMS_MUST_USE enum kms_err kmsd_ec_point_read(
    const char *group, struct kms_bytes spki, struct kms_bytes *point);

#endif
