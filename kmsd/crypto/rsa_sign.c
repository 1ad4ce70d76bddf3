/*
 * RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) and RSASSA-PSS (section 8.1) with MGF1 of the same hash
 * and a salt as long as the digest.
 */
#include "kmsd/crypto/digest.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <openssl/core_names.h>

enum { PARAMS = 5 };

static void fill(const struct kmsd_signing *signing, OSSL_PARAM params[PARAMS])
{
    switch (signing->algorithm) {
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256:
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_384:
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_512:
        params[0] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_DIGEST, signing->digest);
        params[1] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS);
        params[2] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, signing->digest);
        params[3] =
            kmsd_pkey_text(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
        params[4] = OSSL_PARAM_construct_end();
        break;
    default:
        params[0] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_DIGEST, signing->digest);
        params[1] = kmsd_pkey_text(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
        params[2] = OSSL_PARAM_construct_end();
        break;
    }
}

/* With a key that other threads use too. They share its blinding, and one whose memory runs out can
 * leave it damaged, so the signature is verified, at a thirtieth of its cost. For faults by which a
 * wrong signature gives the key away (Boneh, DeMillo, Lipton 1997) libcrypto looks itself. */
static enum kms_err sign_and_verify(
    EVP_PKEY *key, const OSSL_PARAM *params, struct kms_bytes digest, struct kms_buf *signature)
{
    size_t before = signature->len;
    enum kms_err err = kmsd_pkey_sign(key, NULL, params, digest, signature);
    if (err != KMS_OK)
        return err;
    struct kms_bytes made = {signature->data + before, signature->len - before};
    if (kmsd_pkey_verify(key, NULL, params, digest, made) != KMS_OK) {
        kms_buf_truncate(signature, before);
        return KMS_ERR_CRYPTO;
    }
    return KMS_OK;
}

/* A context that is kept has a key of its own, which one thread uses at a time. The first call that
 * fails ends both, so the blinding that a call finds there is whole. */
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
    if (ready == NULL || !ready->has_place)
        return sign_and_verify(key, params, message, signature);
    if (ready->sign != NULL)
        return kmsd_pkey_sign(key, ready, params, message, signature);
    KMSD_PKEY_AUTO own = kmsd_pkey_copy_private(key); /* ready->sign takes a reference */
    if (own == NULL)
        return sign_and_verify(key, params, message, signature);
    return kmsd_pkey_sign(own, ready, params, message, signature);
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

#define ROW(name, hash, size)                                            \
    {                                                                    \
        .algorithm = KMS_SIGNING_ALGORITHM_##name,                       \
        .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW) |   \
                         KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_DIGEST), \
        .digest_size = (size), .digest = (hash),                         \
    }

static const struct kmsd_signing signing_rows[] = {
    ROW(RSASSA_PKCS1_V1_5_SHA_256, "SHA256", 32),
    ROW(RSASSA_PKCS1_V1_5_SHA_384, "SHA384", 48),
    ROW(RSASSA_PKCS1_V1_5_SHA_512, "SHA512", 64),
    ROW(RSASSA_PSS_SHA_256, "SHA256", 32),
    ROW(RSASSA_PSS_SHA_384, "SHA384", 48),
    ROW(RSASSA_PSS_SHA_512, "SHA512", 64),
};

#define KIND(size)                                                                                 \
    {                                                                                              \
        .spec = KMS_KEY_SPEC_RSA_##size, .usage = KMS_KEY_USAGE_SIGN_VERIFY,                       \
        .name = "RSA_" #size " SIGN_VERIFY", .signing = signing_rows,                              \
        .signing_count = sizeof(signing_rows) / sizeof(signing_rows[0]), .generates_slowly = true, \
        .private_use_is_slow = true, .family = &kmsd_rsa_sign, .key_type = "RSA", .bits = (size),  \
    }

static const struct kmsd_kind kinds[] = {KIND(2048), KIND(3072), KIND(4096)};

const struct kmsd_family kmsd_rsa_sign = {
    .name = "RSASSA",
    .sign = sign,
    .verify = verify,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
