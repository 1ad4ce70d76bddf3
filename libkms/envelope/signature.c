#include "libkms/envelope/signature.h"

#include "libkms/base/encoding.h"
#include "libkms/base/secret.h"
#include "libkms/envelope/algorithm.h"
#include "libkms/envelope/wire.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

enum { POINT_MAX = 1 + 2 * 48, COMPRESSED_MAX = 1 + 48 };

struct kms_signature {
    const struct kms_suite_signature *kind;
    EVP_PKEY *key;
    EVP_MD_CTX *digest;
};

void kms_signature_free(struct kms_signature *signature)
{
    if (signature == NULL)
        return;
    EVP_PKEY_free(signature->key);
    EVP_MD_CTX_free(signature->digest);
    OPENSSL_free(signature);
}

/* Takes the key over, also on failure. */
static enum kms_err with_key(
    const struct kms_suite_signature *kind, EVP_PKEY *key, struct kms_signature **out)
{
    struct kms_signature *made = OPENSSL_zalloc(sizeof(*made));
    if (made == NULL) {
        EVP_PKEY_free(key);
        return KMS_ERR_NO_MEMORY;
    }
    made->kind = kind;
    made->key = key;
    made->digest = EVP_MD_CTX_new();
    const EVP_MD *algorithm = kms_algorithm_digest(kind->digest);
    bool ok = made->digest != NULL && algorithm != NULL &&
              EVP_DigestInit_ex2(made->digest, algorithm, NULL) == 1;
    if (!ok) {
        kms_signature_free(made);
        return KMS_ERR_CRYPTO;
    }
    *out = made;
    return KMS_OK;
}

/* 04 || X || Y becomes 02 or 03 || X. */
static bool compressed_point(
    const EVP_PKEY *key, const struct kms_suite_signature *kind, uint8_t out[COMPRESSED_MAX])
{
    uint8_t point[POINT_MAX];
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) !=
        1)
        return false;
    if (point[0] != POINT_CONVERSION_UNCOMPRESSED || len != 2 * kind->point_len - 1)
        return false;
    bool y_is_odd = (point[len - 1] & 1) != 0;
    out[0] = (uint8_t)(POINT_CONVERSION_COMPRESSED | (y_is_odd ? 1 : 0));
    memcpy(out + 1, point + 1, kind->point_len - 1);
    return true;
}

enum kms_err kms_signature_new_signer(const struct kms_suite *suite,
    char public_key[KMS_PUBLIC_KEY_TEXT_MAX], struct kms_signature **out)
{
    const struct kms_suite_signature *kind = suite->signature;
    EVP_PKEY *key = EVP_EC_gen(kind->curve);
    uint8_t point[COMPRESSED_MAX];
    if (key == NULL || !compressed_point(key, kind, point)) {
        EVP_PKEY_free(key);
        return KMS_ERR_CRYPTO;
    }
    enum kms_err err = with_key(kind, key, out);
    if (err != KMS_OK)
        return err;
    kms_base64_encode(kms_bytes(point, kind->point_len), public_key);
    public_key[kms_base64_encoded_len(kind->point_len)] = '\0';
    return KMS_OK;
}

static EVP_PKEY *key_of_point(const struct kms_suite_signature *kind, struct kms_bytes point)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)kind->curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point.data, point.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

enum kms_err kms_signature_new_verifier(
    const struct kms_suite *suite, struct kms_str public_key, struct kms_signature **out)
{
    const struct kms_suite_signature *kind = suite->signature;
    uint8_t point[KMS_PUBLIC_KEY_TEXT_MAX];
    size_t len = 0;
    if (public_key.len != kms_base64_encoded_len(kind->point_len) ||
        kms_base64_decode(public_key, point, &len) != KMS_OK)
        return KMS_ERR_SYNTAX;
    bool compressed = len == kind->point_len && (point[0] & ~1) == POINT_CONVERSION_COMPRESSED;
    EVP_PKEY *key = compressed ? key_of_point(kind, kms_bytes(point, len)) : NULL;
    if (key == NULL)
        return KMS_ERR_SYNTAX;
    return with_key(kind, key, out);
}

enum kms_err kms_signature_update(struct kms_signature *signature, struct kms_bytes bytes)
{
    return EVP_DigestUpdate(signature->digest, bytes.data, bytes.len) == 1 ? KMS_OK
                                                                           : KMS_ERR_CRYPTO;
}

static bool end_digest(struct kms_signature *signature, uint8_t *hash, size_t *hash_len)
{
    unsigned len = 0;
    if (EVP_DigestFinal_ex(signature->digest, hash, &len) != 1)
        return false;
    *hash_len = len;
    return true;
}

/*
 * DER drops leading zeros, so a signature's length varies by a few bytes. The format's writers sign
 * until it has the most common one, so that the length of a message is known beforehand; each try
 * succeeds with a probability near one half.
 */
static bool sign_to_length(EVP_PKEY_CTX *ctx, struct kms_bytes hash, size_t wanted, uint8_t *out)
{
    enum { TRIES = 256 };
    for (int i = 0; i < TRIES; i++) {
        size_t len = KMS_FOOTER_SIGNATURE_MAX;
        if (EVP_PKEY_sign(ctx, out, &len, hash.data, hash.len) != 1)
            return false;
        if (len == wanted)
            return true;
    }
    return false;
}

enum kms_err kms_signature_make_footer(
    struct kms_signature *signature, uint8_t footer[KMS_FOOTER_MAX], size_t *len)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t hash_len = 0;
    size_t der_len = signature->kind->der_len;
    if (!end_digest(signature, hash, &hash_len))
        return KMS_ERR_CRYPTO;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, signature->key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
              sign_to_length(ctx, kms_bytes(hash, hash_len), der_len, footer + 2);
    EVP_PKEY_CTX_free(ctx);
    if (!ok)
        return KMS_ERR_CRYPTO;
    footer[0] = (uint8_t)(der_len >> 8);
    footer[1] = (uint8_t)der_len;
    *len = 2 + der_len;
    return KMS_OK;
}

enum kms_err kms_signature_check(struct kms_signature *signature, struct kms_bytes der)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t hash_len = 0;
    if (!end_digest(signature, hash, &hash_len))
        return KMS_ERR_CRYPTO;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, signature->key, NULL);
    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return KMS_ERR_CRYPTO;
    }
    bool ok = EVP_PKEY_verify(ctx, der.data, der.len, hash, hash_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok ? KMS_OK : KMS_ERR_AUTHENTICATION;
}

enum kms_err kms_footer_len(struct kms_bytes in, size_t *len)
{
    size_t der_len = kms_load_u16(in.data);
    if (der_len == 0 || der_len > KMS_FOOTER_SIGNATURE_MAX)
        return KMS_ERR_SYNTAX;
    *len = 2 + der_len;
    return KMS_OK;
}
