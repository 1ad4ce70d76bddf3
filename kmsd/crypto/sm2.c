/*
 * SM2: signatures (GM/T 0003.2) with SM3 and the default distinguishing identifier of GM/T 0009,
 * encryption (GM/T 0003.4) with ciphertexts in the DER of GM/T 0009, and plain Diffie-Hellman. A
 * DIGEST is SM3 over the identifier's hash and the message, which the caller has computed with an
 * identifier of its choice.
 */
#include "kmsd/crypto/ec_point.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"
#include "libkms/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

enum { PLAINTEXT_MAX = 1024, DIGEST_SIZE = 32, FIELD_SIZE = 32 };

/* Octets, not text. */
static const char default_id[] = "1234567812345678";

static void fill(OSSL_PARAM params[2])
{
    params[0] = OSSL_PARAM_construct_octet_string(
        OSSL_PKEY_PARAM_DIST_ID, (void *)default_id, sizeof(default_id) - 1);
    params[1] = OSSL_PARAM_construct_end();
}

static enum kms_err sign(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_buf *signature)
{
    OSSL_PARAM params[2];
    if (type != KMS_MESSAGE_TYPE_RAW)
        return kmsd_pkey_sign(key, ready, NULL, message, signature);
    fill(params);
    return kmsd_pkey_sign_message(key, signing->digest, params, message, signature);
}

static enum kms_err verify(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_bytes signature)
{
    OSSL_PARAM params[2];
    if (type != KMS_MESSAGE_TYPE_RAW)
        return kmsd_pkey_verify(key, ready, NULL, message, signature);
    fill(params);
    return kmsd_pkey_verify_message(key, signing->digest, params, message, signature);
}

static enum kms_err encrypt(EVP_PKEY *key, const struct kmsd_encryption *encryption,
    struct kms_bytes plaintext, struct kms_buf *ciphertext)
{
    (void)encryption;
    return kmsd_pkey_encrypt(key, NULL, plaintext, ciphertext);
}

/* libcrypto does not tell a ciphertext that is none from other failures. */
static bool was_refused(unsigned long code)
{
    (void)code;
    return true;
}

static enum kms_err decrypt(EVP_PKEY *key, const struct kmsd_encryption *encryption,
    struct kms_bytes ciphertext, struct kms_buf *plaintext)
{
    (void)encryption;
    return kmsd_pkey_decrypt(key, NULL, was_refused, ciphertext, plaintext);
}

/* --- agreement -------------------------------------------------------------------------------- */

struct agreement {
    EC_GROUP *group;
    EC_POINT *peer;
    EC_POINT *shared;
    BIGNUM *private_key;
    BIGNUM *x;
    BN_CTX *scratch;
};

static void agreement_clean_up(struct agreement *with)
{
    EC_POINT_free(with->peer);
    EC_POINT_clear_free(with->shared);
    EC_GROUP_free(with->group);
    BN_clear_free(with->private_key);
    BN_clear_free(with->x);
    BN_CTX_free(with->scratch);
}

static bool agreement_init(struct agreement *with, EVP_PKEY *key)
{
    with->group = EC_GROUP_new_by_curve_name(NID_sm2);
    with->x = BN_secure_new();
    with->scratch = BN_CTX_secure_new();
    if (with->group == NULL || with->x == NULL || with->scratch == NULL)
        return false;
    with->peer = EC_POINT_new(with->group);
    with->shared = EC_POINT_new(with->group);
    return with->peer != NULL && with->shared != NULL &&
           EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &with->private_key) == 1;
}

/* libcrypto has no key exchange for keys of this type, so the point is multiplied here; it does so
 * in constant time for a single point and a secret factor. */
static enum kms_err agree(struct agreement *with, struct kms_bytes point, uint8_t x[FIELD_SIZE])
{
    if (EC_POINT_oct2point(with->group, with->peer, point.data, point.len, with->scratch) != 1)
        return kmsd_pkey_failed(KMS_ERR_VALIDATION); /* not on the curve */
    bool ok = EC_POINT_mul(with->group, with->shared, NULL, with->peer, with->private_key,
                  with->scratch) == 1 &&
              EC_POINT_is_at_infinity(with->group, with->shared) != 1 &&
              EC_POINT_get_affine_coordinates(
                  with->group, with->shared, with->x, NULL, with->scratch) == 1 &&
              BN_bn2binpad(with->x, x, FIELD_SIZE) == FIELD_SIZE;
    return ok ? KMS_OK : kmsd_pkey_failed(KMS_ERR_CRYPTO);
}

static enum kms_err derive(
    const struct kmsd_kind *kind, EVP_PKEY *key, struct kms_bytes peer, struct kms_buf *secret)
{
    struct kms_bytes point = {NULL, 0};
    struct agreement with = {.group = NULL};
    uint8_t x[FIELD_SIZE];
    enum kms_err err = kmsd_ec_point_read(kind->group, peer, &point);
    if (err != KMS_OK)
        return err;
    err = agreement_init(&with, key) ? agree(&with, point, x) : kmsd_pkey_failed(KMS_ERR_CRYPTO);
    agreement_clean_up(&with);
    if (err == KMS_OK) {
        kms_buf_append(secret, x, sizeof(x));
        err = secret->err;
    }
    kms_wipe(x, sizeof(x));
    return err;
}

/* --- tables ----------------------------------------------------------------------------------- */

static const struct kmsd_signing sm2dsa = {
    .algorithm = KMS_SIGNING_ALGORITHM_SM2DSA,
    .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW) |
                     KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_DIGEST),
    .digest_size = DIGEST_SIZE,
    .digest = "SM3",
};

static const struct kmsd_encryption sm2pke = {
    .algorithm = KMS_ENCRYPTION_ALGORITHM_SM2PKE,
    .plaintext_max = PLAINTEXT_MAX,
};

#define KIND(role)                                                                 \
    .spec = KMS_KEY_SPEC_SM2, .usage = KMS_KEY_USAGE_##role, .name = "SM2 " #role, \
    .private_use_is_slow = true, .family = &kmsd_sm2, .key_type = "SM2", .group = "SM2"

static const struct kmsd_kind kinds[] = {
    {KIND(SIGN_VERIFY), .signing = &sm2dsa, .signing_count = 1},
    {KIND(ENCRYPT_DECRYPT), .encryption = &sm2pke, .encryption_count = 1},
    {KIND(KEY_AGREEMENT), .agrees = true},
};

const struct kmsd_family kmsd_sm2 = {
    .name = "SM2",
    .sign = sign,
    .verify = verify,
    .encrypt = encrypt,
    .decrypt = decrypt,
    .derive = derive,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
