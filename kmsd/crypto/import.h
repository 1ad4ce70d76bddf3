/*
 * Key material that its owner brings, and material that goes to another region: the part of
 * custody's face (kmsd/crypto/custody.h) that takes and moves material instead of making it.
 *
 * All functions may be called from any thread.
 */
#ifndef KMSD_CRYPTO_IMPORT_H
#define KMSD_CRYPTO_IMPORT_H

#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/import_token.h"

/* Makes a wrapping key for one key's next import: appends its public key (SubjectPublicKeyInfo, DER)
 * and the token that brings its private key back. RSA takes from tens of milliseconds to seconds.
 * KMS_ERR_INVALID_ARGUMENT: algorithm and key spec do not go together (kmsd/crypto/wrapping.h).
 * KMS_ERR_LIMIT, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_custody_import_begin(struct kmsd_custody *custody,
    struct kms_str key_arn, const struct kmsd_import_terms *terms, struct kms_buf *public_key,
    struct kms_buf *token);

/* Wrapped material with the token that goes with it. */
struct kmsd_import {
    struct kms_str key_arn;
    enum kms_key_spec spec;
    enum kms_key_usage usage;
    struct kms_bytes token;
    struct kms_bytes wrapped;
    int64_t now_ms;
};

/* What became of it, from the token to the material. */
enum kmsd_import_verdict {
    KMSD_IMPORT_TAKEN,
    KMSD_IMPORT_BAD_TOKEN,     /* none, or another key's */
    KMSD_IMPORT_EXPIRED_TOKEN, /* */
    KMSD_IMPORT_NOT_OPENED,    /* what is wrapped does not come out */
    KMSD_IMPORT_BAD_MATERIAL,  /* it is no material of keys of that kind */
};

/*
 * Unwraps and checks it; when the verdict is KMSD_IMPORT_TAKEN fills id and appends the records of
 * secret and public key, as kmsd_custody_generate does. One material has one id for keys of one kind
 * and key id, in every region: whoever has both can tell whether it is the same, and nobody can tell
 * it from the id. RSA takes up to a second. Every other error is not about what was brought:
 * KMS_ERR_INVALID_ARGUMENT, KMS_ERR_UNSUPPORTED, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kmsd_custody_import(struct kmsd_custody *custody,
    const struct kmsd_import *import, enum kmsd_import_verdict *verdict,
    uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped, struct kms_buf *public_key);

/*
 * Wraps material anew for the same multi-Region key in another region: appends records that open
 * under to_arn, with the same material id. KMS_ERR_INVALID_ARGUMENT: the ARNs differ in more than
 * the region, or the key id does not say that the key is a multi-Region key ("mrk-"). KMS_ERR_CORRUPT:
 * the material does not open.
 */
KMS_MUST_USE enum kms_err kmsd_custody_rewrap(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_str to_arn, struct kms_buf *wrapped,
    struct kms_buf *public_key);

#endif
