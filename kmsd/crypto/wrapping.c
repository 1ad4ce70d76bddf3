#include "kmsd/crypto/wrapping.h"

#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

#include <limits.h>

enum {
    KWP_BLOCK = 8,        /* bytes; a wrapped key is one block longer than the padded key */
    KWP_WRAPPED_MIN = 16, /* bytes */
    OPENED_MAX = 1024,    /* bytes: more than any wrapping key opens at once */
};

/* --- facts ------------------------------------------------------------------------------------ */

static const struct kmsd_wrapping wrappings[] = {
    {KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1, false},
    {KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256, false},
    {KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_1, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1,
        true},
    {KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256, KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256,
        true},
    {KMS_WRAPPING_ALGORITHM_SM2PKE, KMS_ENCRYPTION_ALGORITHM_SM2PKE, false},
};

const struct kmsd_wrapping *kmsd_wrapping_find(enum kms_wrapping_algorithm algorithm)
{
    for (size_t i = 0; i < sizeof(wrappings) / sizeof(wrappings[0]); i++) {
        if (wrappings[i].algorithm == algorithm)
            return &wrappings[i];
    }
    return NULL;
}

static enum kms_key_spec spec_of(enum kms_wrapping_key_spec spec)
{
    switch (spec) {
    case KMS_WRAPPING_KEY_SPEC_RSA_2048:
        return KMS_KEY_SPEC_RSA_2048;
    case KMS_WRAPPING_KEY_SPEC_RSA_3072:
        return KMS_KEY_SPEC_RSA_3072;
    case KMS_WRAPPING_KEY_SPEC_RSA_4096:
        return KMS_KEY_SPEC_RSA_4096;
    case KMS_WRAPPING_KEY_SPEC_SM2:
        return KMS_KEY_SPEC_SM2;
    default:
        return KMS_KEY_SPEC_UNSET;
    }
}

const struct kmsd_kind *kmsd_wrapping_kind(
    const struct kmsd_wrapping *wrapping, enum kms_wrapping_key_spec spec)
{
    const struct kmsd_kind *kind = kmsd_kind_find(spec_of(spec), KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    bool goes = kind != NULL && kmsd_kind_encryption(kind, wrapping->encryption) != NULL;
    return goes ? kind : NULL;
}

bool kmsd_wrapping_suits(const struct kmsd_wrapping *wrapping, enum kms_wrapping_key_spec with,
    enum kms_key_spec material)
{
    const struct kmsd_kind *pair = kmsd_kind_of_pair(material);
    if (pair == NULL) /* symmetric and HMAC keys */
        return !wrapping->has_aes_key;
    if (pair->bits != 0) /* RSA */
        return wrapping->has_aes_key;
    return material != KMS_KEY_SPEC_ECC_NIST_P521 || wrapping->has_aes_key ||
           with != KMS_WRAPPING_KEY_SPEC_RSA_2048;
}

/* --- AES key wrap with padding ---------------------------------------------------------------- */

struct kwp {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *context;
};

static void kwp_clean_up(struct kwp *kwp)
{
    EVP_CIPHER_CTX_free(kwp->context); /* wipes the key */
    EVP_CIPHER_free(kwp->cipher);
}

static enum kms_err kwp_init(struct kwp *kwp, struct kms_bytes key)
{
    kwp->cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
    kwp->context = EVP_CIPHER_CTX_new();
    if (kwp->cipher == NULL || kwp->context == NULL)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    EVP_CIPHER_CTX_set_flags(kwp->context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_DecryptInit_ex2(kwp->context, kwp->cipher, key.data, NULL, NULL) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    return KMS_OK;
}

static enum kms_err kwp_open(
    struct kwp *kwp, struct kms_bytes key, struct kms_bytes wrapped, struct kms_secret **out)
{
    KMS_SECRET_AUTO padded = NULL;
    int len = 0;
    enum kms_err err = kwp_init(kwp, key);
    if (err == KMS_OK)
        err = kms_secret_new(wrapped.len, &padded);
    if (err != KMS_OK)
        return err;
    if (EVP_DecryptUpdate(
            kwp->context, kms_secret_data(padded), &len, wrapped.data, (int)wrapped.len) != 1 ||
        len <= 0)
        return kmsd_pkey_failed(KMS_ERR_AUTHENTICATION);
    return kms_secret_copy(kms_bytes(kms_secret_data(padded), (size_t)len), out);
}

enum kms_err kmsd_wrapping_open_kwp(
    struct kms_bytes key, struct kms_bytes wrapped, struct kms_secret **out)
{
    if (key.len != KMSD_WRAPPING_AES_SIZE)
        return KMS_ERR_INVALID_ARGUMENT;
    if (wrapped.len < KWP_WRAPPED_MIN || wrapped.len % KWP_BLOCK != 0 || wrapped.len > INT_MAX / 2)
        return KMS_ERR_AUTHENTICATION;
    struct kwp kwp = {NULL, NULL};
    enum kms_err err = kwp_open(&kwp, key, wrapped, out);
    kwp_clean_up(&kwp);
    return err;
}

/* --- both layers ------------------------------------------------------------------------------ */

static enum kms_err open_outer(const struct kmsd_wrapping *wrapping, const struct kmsd_kind *kind,
    EVP_PKEY *key, struct kms_bytes wrapped, struct kms_secret **out)
{
    KMS_BUF_AUTO opened;
    kms_buf_init(&opened, OPENED_MAX);
    const struct kmsd_encryption *row = kmsd_kind_encryption(kind, wrapping->encryption);
    enum kms_err err = kind->family->decrypt(key, row, wrapped, &opened);
    if (err == KMS_ERR_LIMIT || (err == KMS_OK && opened.len == 0))
        return KMS_ERR_AUTHENTICATION; /* longer or shorter than any material */
    if (err != KMS_OK)
        return err;
    return kms_secret_copy(kms_buf_bytes(&opened), out);
}

/* The AES key, or where the first layer holds none, one that nobody knows: what follows fails then
 * in the same way and time as with a wrong key. */
static enum kms_err open_aes_key(const struct kmsd_wrapping *wrapping, const struct kmsd_kind *kind,
    EVP_PKEY *key, struct kms_bytes wrapped, struct kms_secret **out)
{
    KMS_SECRET_AUTO opened = NULL;
    KMS_SECRET_AUTO stand_in = NULL;
    enum kms_err err = kms_secret_random(KMSD_WRAPPING_AES_SIZE, &stand_in);
    if (err == KMS_OK)
        err = open_outer(wrapping, kind, key, wrapped, &opened);
    if (err != KMS_OK && err != KMS_ERR_AUTHENTICATION)
        return err;
    bool is_key = err == KMS_OK && kms_secret_len(opened) == KMSD_WRAPPING_AES_SIZE;
    *out = is_key ? opened : stand_in;
    if (is_key)
        opened = NULL; /* now the caller's */
    else
        stand_in = NULL;
    return KMS_OK;
}

enum kms_err kmsd_wrapping_unwrap(const struct kmsd_wrapping *wrapping,
    const struct kmsd_kind *kind, EVP_PKEY *key, struct kms_bytes wrapped, struct kms_secret **out)
{
    if (!wrapping->has_aes_key)
        return open_outer(wrapping, kind, key, wrapped, out);
    size_t first = kind->bits / 8;
    if (wrapped.len <= first)
        return KMS_ERR_AUTHENTICATION;
    KMS_SECRET_AUTO aes_key = NULL;
    enum kms_err err = open_aes_key(wrapping, kind, key, kms_bytes(wrapped.data, first), &aes_key);
    if (err != KMS_OK)
        return err;
    return kmsd_wrapping_open_kwp(
        kms_secret_bytes(aes_key), kms_bytes(wrapped.data + first, wrapped.len - first), out);
}
