/*
 * ML-DSA (FIPS 204) with an empty context, where libcrypto offers it (OpenSSL 3.5 and later). A RAW
 * message is hashed to its representative mu here; an EXTERNAL_MU is one (section 6.2).
 */
#include "kmsd/crypto/mldsa.h"

#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

enum { PARAMS = 3, MU_SIZE = 64 };

/* Parameters that OpenSSL 3.0's headers do not name. A libcrypto without ML-DSA has no keys for
 * them either, so none is ever passed over in silence. */
#define PARAM_MU            "mu"
#define PARAM_DETERMINISTIC "deterministic"

static void fill(enum kms_message_type type, const int *deterministic, OSSL_PARAM params[PARAMS])
{
    static const int yes = 1;
    size_t count = 0;
    if (type == KMS_MESSAGE_TYPE_EXTERNAL_MU)
        params[count++] = OSSL_PARAM_construct_int(PARAM_MU, (int *)&yes);
    if (deterministic != NULL)
        params[count++] = OSSL_PARAM_construct_int(PARAM_DETERMINISTIC, (int *)deterministic);
    params[count] = OSSL_PARAM_construct_end();
}

enum kms_err kmsd_mldsa_sign(EVP_PKEY *key, enum kms_message_type type, struct kms_bytes message,
    bool deterministic, struct kms_buf *signature)
{
    OSSL_PARAM params[PARAMS];
    const int flag = deterministic;
    fill(type, &flag, params);
    return kmsd_pkey_sign_message(key, NULL, params, message, signature);
}

static enum kms_err sign(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_buf *signature)
{
    (void)ready;
    (void)signing;
    return kmsd_mldsa_sign(key, type, message, false, signature);
}

static enum kms_err verify(EVP_PKEY *key, struct kmsd_ready *ready,
    const struct kmsd_signing *signing, enum kms_message_type type, struct kms_bytes message,
    struct kms_bytes signature)
{
    OSSL_PARAM params[PARAMS];
    (void)ready;
    (void)signing;
    fill(type, NULL, params);
    return kmsd_pkey_verify_message(key, NULL, params, message, signature);
}

/* --- tables ----------------------------------------------------------------------------------- */

static const struct kmsd_signing shake_256 = {
    .algorithm = KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256,
    .message_types = KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_RAW) |
                     KMSD_MESSAGE_TYPE_BIT(KMS_MESSAGE_TYPE_EXTERNAL_MU),
    .digest_size = MU_SIZE,
};

#define KIND(set)                                                                         \
    {                                                                                     \
        .spec = KMS_KEY_SPEC_ML_DSA_##set, .usage = KMS_KEY_USAGE_SIGN_VERIFY,            \
        .name = "ML_DSA_" #set " SIGN_VERIFY", .signing = &shake_256, .signing_count = 1, \
        .private_use_is_slow = true, .family = &kmsd_mldsa, .key_type = "ML-DSA-" #set,   \
    }

static const struct kmsd_kind kinds[] = {KIND(44), KIND(65), KIND(87)};

const struct kmsd_family kmsd_mldsa = {
    .name = "ML-DSA",
    .sign = sign,
    .verify = verify,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
