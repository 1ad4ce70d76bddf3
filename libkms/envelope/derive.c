#include "libkms/envelope/derive.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

enum { INFO_MAX = 2 + KMS_MESSAGE_ID_MAX, PRK_MAX = 64 };

/* One HKDF operation. mode: EVP_KDF_HKDF_MODE_*. */
static enum kms_err derive(const char *digest, int mode, struct kms_bytes key,
    struct kms_bytes salt, struct kms_bytes info, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    EVP_KDF_free(kdf); /* the context holds a reference */
    OSSL_PARAM params[6];
    size_t n = 0;
    params[n++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)digest, 0);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.data, key.len);
    if (salt.len > 0)
        params[n++] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.data, salt.len);
    if (info.len > 0)
        params[n++] =
            OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.data, info.len);
    params[n] = OSSL_PARAM_construct_end();
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, out_len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}

static size_t put_suite_id(const struct kms_suite *suite, uint8_t *out)
{
    out[0] = (uint8_t)((unsigned)suite->id >> 8);
    out[1] = (uint8_t)((unsigned)suite->id & 0xff);
    return 2;
}

/* RFC 5869: an absent salt is a string of zeros, which is what an empty HMAC key amounts to. */
static enum kms_err derive_plain(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, uint8_t *key)
{
    uint8_t info[INFO_MAX];
    size_t len = put_suite_id(suite, info);
    memcpy(info + len, message_id.data, message_id.len);
    len += message_id.len;
    return derive(suite->kdf_digest, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, data_key,
        kms_bytes("", 0), kms_bytes(info, len), key, suite->key_len);
}

/* One extract, two expands. */
static enum kms_err derive_committing(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, uint8_t *key, uint8_t *commitment)
{
    static const char key_label[] = "DERIVEKEY";
    static const char commitment_label[] = "COMMITKEY";
    const struct kms_bytes none = kms_bytes("", 0);
    KMS_SECRET_AUTO prk = NULL;
    enum kms_err err = kms_secret_new(PRK_MAX, &prk); /* the length of SHA-512 */
    if (err != KMS_OK)
        return err;
    err = derive(suite->kdf_digest, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, data_key, message_id, none,
        kms_secret_data(prk), PRK_MAX);
    if (err != KMS_OK)
        return err;
    uint8_t info[2 + sizeof(key_label) - 1];
    size_t len = put_suite_id(suite, info);
    memcpy(info + len, key_label, sizeof(key_label) - 1);
    err = derive(suite->kdf_digest, EVP_KDF_HKDF_MODE_EXPAND_ONLY, kms_secret_bytes(prk), none,
        kms_bytes(info, sizeof(info)), key, suite->key_len);
    if (err != KMS_OK)
        return err;
    return derive(suite->kdf_digest, EVP_KDF_HKDF_MODE_EXPAND_ONLY, kms_secret_bytes(prk), none,
        kms_bytes(commitment_label, sizeof(commitment_label) - 1), commitment, KMS_COMMITMENT_LEN);
}

enum kms_err kms_derive(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, struct kms_secret **key, uint8_t commitment[KMS_COMMITMENT_LEN])
{
    if (data_key.len != suite->key_len || message_id.len != kms_suite_message_id_len(suite))
        return KMS_ERR_INVALID_ARGUMENT;
    if (suite->kdf == KMS_SUITE_KDF_IDENTITY)
        return kms_secret_copy(data_key, key);
    KMS_SECRET_AUTO derived = NULL;
    enum kms_err err = kms_secret_new(suite->key_len, &derived);
    if (err != KMS_OK)
        return err;
    err =
        suite->kdf == KMS_SUITE_KDF_HKDF
            ? derive_plain(suite, data_key, message_id, kms_secret_data(derived))
            : derive_committing(suite, data_key, message_id, kms_secret_data(derived), commitment);
    if (err != KMS_OK)
        return err;
    *key = derived;
    derived = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kms_hkdf(const char *digest, struct kms_bytes key, struct kms_bytes salt,
    struct kms_bytes info, uint8_t *out, size_t out_len)
{
    return derive(digest, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, key, salt, info, out, out_len);
}
