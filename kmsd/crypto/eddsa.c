/*
 * Ed25519 and Ed25519ph (RFC 8032, FIPS 186-5 section 7).
 *
 * ED25519_PH_SHA_512 takes a DIGEST of 64 bytes, and Ed25519ph hashes that as if it were the
 * message: the live service "still performs the SHA-512 prehash described in Step 1 of Section 7.8.1
 * in FIPS 186-5. This means the input is hashed twice" (API reference, Sign, MessageType). Outside,
 * such a signature verifies as Ed25519ph of the digest, not of what was digested.
 */
#include "kmsd/crypto/ed25519ph.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

static enum kms_err sign(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_buf *signature)
{
    (void)ready;
    (void)type; /* each algorithm takes one */
    if (signing->algorithm == KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512)
        return kmsd_ed25519ph_sign(key, message, signature);
    return kmsd_pkey_sign_message(key, NULL, NULL, message, signature);
}

static enum kms_err verify(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_bytes signature)
{
    (void)ready;
    (void)type;
    if (signing->algorithm == KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512)
        return kmsd_ed25519ph_verify(key, message, signature);
    return kmsd_pkey_verify_message(key, NULL, NULL, message, signature);
}

/* --- tables ----------------------------------------------------------------------------------- */

static const struct kmsd_signing signing_rows[] = {
    {.algorithm = KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
        .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW)},
    {.algorithm = KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512,
        .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_DIGEST),
        .digest_size = 64},
};

static const struct kmsd_kind kinds[] = {
    {
        .spec = KMS_KEY_SPEC_ECC_NIST_EDWARDS25519,
        .usage = KMS_KEY_USAGE_SIGN_VERIFY,
        .name = "ECC_NIST_EDWARDS25519 SIGN_VERIFY",
        .signing = signing_rows,
        .signing_count = sizeof(signing_rows) / sizeof(signing_rows[0]),
        .family = &kmsd_eddsa,
        .key_type = "ED25519",
    },
};

const struct kmsd_family kmsd_eddsa = {
    .name = "EdDSA",
    .sign = sign,
    .verify = verify,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
