/*
 * The signature over a whole message, for suites that sign. The key pair is made for the message;
 * its public half travels in the encryption context as a compressed point in base64.
 * Source: AWS Encryption SDK specification, "Message Footer", "Signature algorithm".
 */
#ifndef KMS_ENVELOPE_SIGNATURE_H
#define KMS_ENVELOPE_SIGNATURE_H

#include "libkms/envelope/suite.h"

struct kms_signature; /* signs or verifies what it was fed, in order */

enum {
    KMS_FOOTER_SIGNATURE_MAX = 128, /* a P-384 signature in DER takes at most 104 bytes */
    KMS_FOOTER_MAX = 2 + KMS_FOOTER_SIGNATURE_MAX,
    KMS_PUBLIC_KEY_TEXT_MAX = 72, /* 49 bytes in base64, and a NUL */
};

/* Makes a key pair. public_key: its public half as NUL-terminated base64. KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kms_signature_new_signer(const struct kms_suite *suite,
    char public_key[KMS_PUBLIC_KEY_TEXT_MAX], struct kms_signature **out);

/* KMS_ERR_SYNTAX: not a compressed point on the suite's curve. */
KMS_MUST_USE enum kms_err kms_signature_new_verifier(
    const struct kms_suite *suite, struct kms_str public_key, struct kms_signature **out);

void kms_signature_free(struct kms_signature *signature);

KMS_MUST_USE enum kms_err kms_signature_update(
    struct kms_signature *signature, struct kms_bytes bytes);

/* Ends the message: writes the footer, which always has the suite's one length. */
KMS_MUST_USE enum kms_err kms_signature_make_footer(
    struct kms_signature *signature, uint8_t footer[KMS_FOOTER_MAX], size_t *len);

/* Ends the message. KMS_ERR_AUTHENTICATION: the signature is not that of the bytes. */
KMS_MUST_USE enum kms_err kms_signature_check(
    struct kms_signature *signature, struct kms_bytes der);

/* The length of a footer: u16, then as many bytes; in has at least 2. KMS_ERR_SYNTAX: no signature
 * has that length. */
KMS_MUST_USE enum kms_err kms_footer_len(struct kms_bytes in, size_t *len);

#endif
