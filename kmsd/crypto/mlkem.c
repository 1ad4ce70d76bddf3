/* ML-KEM (FIPS 203), where libcrypto offers it (OpenSSL 3.5 and later). */
#include "kmsd/crypto/mlkem.h"

#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"
#include "libkms/base/secret.h"

/* A parameter that OpenSSL 3.0's headers do not name; a libcrypto without ML-KEM has no keys. */
#define PARAM_ENTROPY "ikme"

enum kms_err kmsd_mlkem_encapsulate(EVP_PKEY *key, const uint8_t entropy[KMSD_MLKEM_ENTROPY_SIZE],
    struct kms_buf *secret, struct kms_buf *ciphertext)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    if (entropy != NULL)
        params[0] = OSSL_PARAM_construct_octet_string(
            PARAM_ENTROPY, (void *)entropy, KMSD_MLKEM_ENTROPY_SIZE);
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t wrapped_len = 0;
    size_t made_len = 0;
    if (context == NULL || EVP_PKEY_encapsulate_init(context, params) != 1 ||
        EVP_PKEY_encapsulate(context, NULL, &wrapped_len, NULL, &made_len) != 1 ||
        made_len != KMSD_MLKEM_SECRET_SIZE)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    uint8_t made[KMSD_MLKEM_SECRET_SIZE];
    size_t before = ciphertext->len;
    size_t secret_before = secret->len;
    uint8_t *wrapped = kms_buf_extend(ciphertext, wrapped_len);
    if (wrapped == NULL)
        return ciphertext->err;
    enum kms_err err = KMS_OK;
    if (EVP_PKEY_encapsulate(context, wrapped, &wrapped_len, made, &made_len) != 1 ||
        made_len != sizeof(made) || wrapped_len != ciphertext->len - before)
        err = kmsd_pkey_failed(KMS_ERR_CRYPTO);
    if (err == KMS_OK) {
        kms_buf_append(secret, made, made_len);
        err = secret->err;
    }
    kms_wipe(made, sizeof(made));
    if (err != KMS_OK) {
        kms_buf_truncate(ciphertext, before);
        kms_buf_truncate(secret, secret_before);
    }
    return err;
}

static enum kms_err encapsulate(EVP_PKEY *key, struct kms_buf *secret, struct kms_buf *ciphertext)
{
    return kmsd_mlkem_encapsulate(key, NULL, secret, ciphertext);
}

static enum kms_err decapsulate(EVP_PKEY *key, struct kms_bytes ciphertext, struct kms_buf *secret)
{
    uint8_t made[KMSD_MLKEM_SECRET_SIZE];
    size_t len = sizeof(made);
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL || EVP_PKEY_decapsulate_init(context, NULL) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    /* "If ciphertext type check fails, Decaps shall not be executed" (section 7.3): a length other
     * than the parameter set's is all that libcrypto refuses. */
    if (EVP_PKEY_decapsulate(context, made, &len, ciphertext.data, ciphertext.len) != 1)
        return kmsd_pkey_failed(KMS_ERR_AUTHENTICATION);
    bool whole = len == sizeof(made);
    if (whole)
        kms_buf_append(secret, made, sizeof(made));
    kms_wipe(made, sizeof(made));
    return whole ? secret->err : KMS_ERR_CRYPTO;
}

/* --- tables ----------------------------------------------------------------------------------- */

#define KIND(set)                                                                          \
    {                                                                                      \
        .spec = KMS_KEY_SPEC_ML_KEM_##set, .usage = KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE, \
        .name = "ML_KEM_" #set " ENCAPSULATE_DECAPSULATE", .encapsulates = true,           \
        .family = &kmsd_mlkem, .key_type = "ML-KEM-" #set,                                 \
    }

static const struct kmsd_kind kinds[] = {KIND(512), KIND(768), KIND(1024)};

const struct kmsd_family kmsd_mlkem = {
    .name = "ML-KEM",
    .encapsulate = encapsulate,
    .decapsulate = decapsulate,
    .kinds = kinds,
    .kind_count = sizeof(kinds) / sizeof(kinds[0]),
};
