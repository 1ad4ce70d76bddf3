#include "libkms/envelope/hkdf.h"

#include "libkms/envelope/algorithm.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* One operation of libcrypto's. mode: EVP_KDF_HKDF_MODE_*. */
static enum kms_err derive(const char *digest, int mode, struct kms_bytes key,
    struct kms_bytes salt, struct kms_bytes info, uint8_t *out, size_t out_len)
{
    EVP_KDF *kdf = kms_algorithm_hkdf();
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
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

static const struct kms_bytes none = {(const uint8_t *)"", 0};

enum kms_err kms_hkdf_extract(const char *digest, struct kms_bytes salt, struct kms_bytes key,
    uint8_t prk[KMS_HKDF_PRK_MAX], size_t *prk_len)
{
    const EVP_MD *md = kms_algorithm_digest(digest);
    size_t len = md == NULL ? 0 : (size_t)EVP_MD_get_size(md);
    if (len == 0 || len > KMS_HKDF_PRK_MAX)
        return KMS_ERR_CRYPTO;
    enum kms_err err = derive(digest, EVP_KDF_HKDF_MODE_EXTRACT_ONLY, key, salt, none, prk, len);
    if (err == KMS_OK)
        *prk_len = len;
    return err;
}

enum kms_err kms_hkdf_expand(
    const char *digest, struct kms_bytes prk, struct kms_bytes info, uint8_t *out, size_t out_len)
{
    return derive(digest, EVP_KDF_HKDF_MODE_EXPAND_ONLY, prk, none, info, out, out_len);
}

enum kms_err kms_hkdf(const char *digest, struct kms_bytes key, struct kms_bytes salt,
    struct kms_bytes info, uint8_t *out, size_t out_len)
{
    return derive(digest, EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, key, salt, info, out, out_len);
}
