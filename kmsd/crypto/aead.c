#include "kmsd/crypto/aead.h"

#include "libkms/base/secret.h"

#include <limits.h>

enum kms_err kmsd_aead_new(const EVP_CIPHER *cipher, const uint8_t *key, EVP_CIPHER_CTX **out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return KMS_ERR_NO_MEMORY;
    if (EVP_EncryptInit_ex2(context, cipher, key, NULL, NULL) != 1) {
        EVP_CIPHER_CTX_free(context);
        return KMS_ERR_CRYPTO;
    }
    *out = context;
    return KMS_OK;
}

enum kms_err kmsd_aead_seal(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes plaintext,
    uint8_t *out)
{
    int len = 0;
    if (aad.len > INT_MAX || plaintext.len > INT_MAX)
        return KMS_ERR_LIMIT;
    /* Naming no cipher keeps the context's own: naming it again would set it up anew each time. */
    if (EVP_EncryptInit_ex2(context, NULL, key, iv, NULL) != 1)
        return KMS_ERR_CRYPTO;
    if (aad.len != 0 && EVP_EncryptUpdate(context, NULL, &len, aad.data, (int)aad.len) != 1)
        return KMS_ERR_CRYPTO;
    if (plaintext.len != 0 &&
        EVP_EncryptUpdate(context, out, &len, plaintext.data, (int)plaintext.len) != 1)
        return KMS_ERR_CRYPTO;
    uint8_t *tag = out + plaintext.len;
    if (EVP_EncryptFinal_ex(context, tag, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, KMSD_AEAD_TAG_SIZE, tag) != 1)
        return KMS_ERR_CRYPTO;
    return KMS_OK;
}

static enum kms_err open_unwiped(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes encrypted,
    const uint8_t *tag_at, uint8_t *out)
{
    uint8_t tag[KMSD_AEAD_TAG_SIZE]; /* libcrypto asks for one that it might write to */
    memcpy(tag, tag_at, sizeof(tag));
    int len = 0;
    if (EVP_DecryptInit_ex2(context, NULL, key, iv, NULL) != 1)
        return KMS_ERR_CRYPTO;
    if (aad.len != 0 && EVP_DecryptUpdate(context, NULL, &len, aad.data, (int)aad.len) != 1)
        return KMS_ERR_CRYPTO;
    if (encrypted.len != 0 &&
        EVP_DecryptUpdate(context, out, &len, encrypted.data, (int)encrypted.len) != 1)
        return KMS_ERR_CRYPTO;
    if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1)
        return KMS_ERR_CRYPTO;
    return EVP_DecryptFinal_ex(context, out + encrypted.len, &len) == 1 ? KMS_OK
                                                                        : KMS_ERR_AUTHENTICATION;
}

enum kms_err kmsd_aead_open(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes sealed,
    uint8_t *out)
{
    if (aad.len > INT_MAX || sealed.len > INT_MAX)
        return KMS_ERR_LIMIT;
    if (sealed.len < KMSD_AEAD_TAG_SIZE)
        return KMS_ERR_AUTHENTICATION;
    struct kms_bytes encrypted = {sealed.data, sealed.len - KMSD_AEAD_TAG_SIZE};
    enum kms_err err =
        open_unwiped(context, key, iv, aad, encrypted, sealed.data + encrypted.len, out);
    if (err != KMS_OK)
        kms_wipe(out, encrypted.len);
    return err;
}
