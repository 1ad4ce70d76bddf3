/* ECDSA (FIPS 186-5 section 6) over the NIST curves and secp256k1, signatures as the DER of
 * RFC 3279 section 2.2.3. Random nonces, as libcrypto makes them. */
#include "kmsd/crypto/digest.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/core_names.h>

enum { PARAMS = 2 };

static void fill(const struct kmsd_signing *signing, OSSL_PARAM params[PARAMS])
{
    params[0] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_DIGEST, signing->digest);
    params[1] = OSSL_PARAM_construct_end();
}

static enum kms_err sign(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_buf *signature)
{
    uint8_t digest[KMSD_DIGEST_MAX];
    OSSL_PARAM params[PARAMS];
    fill(signing, params);
    enum kms_err err = kmsd_digest_message(signing, type, &message, digest);
    if (err != KMS_OK)
        return err;
    return kmsd_pkey_sign(key, ready, params, message, signature);
}

static enum kms_err verify(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_bytes signature)
{
    uint8_t digest[KMSD_DIGEST_MAX];
    OSSL_PARAM params[PARAMS];
    fill(signing, params);
    enum kms_err err = kmsd_digest_message(signing, type, &message, digest);
    if (err != KMS_OK)
        return err;
    return kmsd_pkey_verify(key, ready, params, message, signature);
}

/* --- tables ----------------------------------------------------------------------------------- */

#define ROW(bits)                                                        \
    {                                                                    \
        .algorithm = KMS_SIGNING_ALGORITHM_ECDSA_SHA_##bits,             \
        .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW) |   \
                         KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_DIGEST), \
        .digest_size = (bits) / 8, .digest = "SHA" #bits,                \
    }

static const struct kmsd_signing sha_256 = ROW(256);
static const struct kmsd_signing sha_384 = ROW(384);
static const struct kmsd_signing sha_512 = ROW(512);

#define KIND(suffix, row, curve, slow)                                                            \
    {                                                                                             \
        .spec = KMS_KEY_SPEC_##suffix, .usage = KMS_KEY_USAGE_SIGN_VERIFY,                        \
        .name = #suffix " SIGN_VERIFY", .signing = &(row), .signing_count = 1,                    \
        .private_use_is_slow = (slow), .family = &kmsd_ecdsa, .key_type = "EC", .group = (curve), \
    }

static const struct kmsd_kind kinds[] = {
    KIND(ECC_NIST_P256, sha_256, "prime256v1", false),
    KIND(ECC_NIST_P384, sha_384, "secp384r1", true),
    KIND(ECC_NIST_P521, sha_512, "secp521r1", true),
    KIND(ECC_SECG_P256K1, sha_256, "secp256k1", true),
};

const struct kmsd_family kmsd_ecdsa = {
    .name = "ECDSA",
    .sign = sign,
    .verify = verify,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
