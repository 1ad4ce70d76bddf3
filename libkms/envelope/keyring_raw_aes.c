/*
 * A keyring of one AES key that the caller holds.
 * Source: AWS Encryption SDK specification, "Raw AES Keyring".
 *
 *   provider info = key name || u32 tag bits (128) || u32 IV length (12) || IV
 *   ciphertext    = AES-GCM(key, IV, data key, AAD = serialised context) || tag
 */
#include "libkms/envelope/algorithm.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/keyring.h"
#include "libkms/envelope/wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

enum {
    INFO_SUFFIX_LEN = 4 + 4 + KMS_GCM_IV_LEN,
    DATA_KEY_MAX = 32,
};

struct raw_aes_keyring {
    struct kms_keyring base; /* must stay first */
    struct kms_arena names;
    struct kms_str name_space;
    struct kms_str name;
    struct kms_secret *key;
    const char *cipher;
};

static const char *cipher_for(size_t key_len)
{
    switch (key_len) {
    case 16:
        return "AES-128-GCM";
    case 24:
        return "AES-192-GCM";
    case 32:
        return "AES-256-GCM";
    default:
        return NULL;
    }
}

/* Sealing: in is the data key, tag is written. Opening: tag is read. in and out have the same
 * length. False when libcrypto fails or the tag does not verify; out is then wiped. */
static bool gcm(const struct raw_aes_keyring *keyring, int seal, const uint8_t *iv,
    struct kms_bytes aad, struct kms_bytes in, uint8_t *out, uint8_t *tag)
{
    int n = 0;
    const EVP_CIPHER *cipher = kms_algorithm_cipher(keyring->cipher);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok =
        cipher != NULL && ctx != NULL &&
        EVP_CipherInit_ex2(ctx, cipher, kms_secret_bytes(keyring->key).data, iv, seal, NULL) == 1;
    if (ok && !seal)
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, KMS_GCM_TAG_LEN, tag) == 1;
    if (ok && aad.len > 0)
        ok = EVP_CipherUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1;
    ok = ok && EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1 &&
         EVP_CipherFinal_ex(ctx, out + n, &n) == 1;
    if (ok && seal)
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, KMS_GCM_TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok)
        kms_wipe(out, in.len);
    return ok;
}

static enum kms_err wrap_raw_aes(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    const struct raw_aes_keyring *keyring = (const struct raw_aes_keyring *)base;
    enum kms_err err = kms_wrap_generate(wrap);
    if (err != KMS_OK)
        return err;
    uint8_t *info = kms_arena_alloc(wrap->arena, keyring->name.len + INFO_SUFFIX_LEN);
    if (info == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(info, keyring->name.data, keyring->name.len);
    uint8_t *suffix = info + keyring->name.len;
    kms_store_u32(suffix, KMS_GCM_TAG_LEN * 8);
    kms_store_u32(suffix + 4, KMS_GCM_IV_LEN);
    uint8_t *iv = suffix + 8;
    uint8_t sealed[DATA_KEY_MAX + KMS_GCM_TAG_LEN];
    struct kms_bytes data_key = kms_secret_bytes(wrap->data_key);
    if (data_key.len > DATA_KEY_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    if (RAND_bytes(iv, KMS_GCM_IV_LEN) != 1 ||
        !gcm(keyring, 1, iv, wrap->aad, data_key, sealed, sealed + data_key.len))
        return KMS_ERR_CRYPTO;
    return kms_wrap_add(wrap, keyring->name_space,
        kms_bytes(info, keyring->name.len + INFO_SUFFIX_LEN),
        kms_bytes(sealed, data_key.len + KMS_GCM_TAG_LEN));
}

static bool matches(const struct raw_aes_keyring *keyring, const struct kms_envelope_edk *edk)
{
    if (!kms_str_eq(edk->provider_id, keyring->name_space) ||
        edk->provider_info.len != keyring->name.len + INFO_SUFFIX_LEN)
        return false;
    const uint8_t *suffix = edk->provider_info.data + keyring->name.len;
    return memcmp(edk->provider_info.data, keyring->name.data, keyring->name.len) == 0 &&
           kms_load_u32(suffix) == KMS_GCM_TAG_LEN * 8 &&
           kms_load_u32(suffix + 4) == KMS_GCM_IV_LEN;
}

static enum kms_err open_one(const struct raw_aes_keyring *keyring,
    const struct kms_envelope_edk *edk, struct kms_unwrap *unwrap)
{
    KMS_SECRET_AUTO plaintext = NULL;
    size_t len = unwrap->suite->key_len;
    if (edk->ciphertext.len != len + KMS_GCM_TAG_LEN)
        return kms_failure_set(unwrap->failure, KMS_ERR_AUTHENTICATION,
            "an encrypted data key holds a key of the wrong length");
    enum kms_err err = kms_secret_new(len, &plaintext);
    if (err != KMS_OK)
        return err;
    uint8_t tag[KMS_GCM_TAG_LEN];
    memcpy(tag, edk->ciphertext.data + len, sizeof(tag));
    const uint8_t *iv = edk->provider_info.data + keyring->name.len + 8;
    if (!gcm(keyring, 0, iv, unwrap->aad, kms_bytes(edk->ciphertext.data, len),
            kms_secret_data(plaintext), tag))
        return kms_failure_set(unwrap->failure, KMS_ERR_AUTHENTICATION,
            "the raw AES key does not open the encrypted data key");
    unwrap->data_key = plaintext;
    plaintext = NULL; /* now the message's */
    return KMS_OK;
}

static enum kms_err unwrap_raw_aes(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    const struct raw_aes_keyring *keyring = (const struct raw_aes_keyring *)base;
    enum kms_err err = KMS_ERR_NO_KEY;
    for (size_t i = 0; i < unwrap->edk_count; i++) {
        if (!matches(keyring, &unwrap->edks[i]))
            continue;
        err = open_one(keyring, &unwrap->edks[i], unwrap);
        if (err == KMS_OK)
            return KMS_OK;
        err = kms_unwrap_failed(unwrap, err);
    }
    return err;
}

static void free_raw_aes(struct kms_keyring *base)
{
    struct raw_aes_keyring *keyring = (struct raw_aes_keyring *)base;
    kms_secret_free(keyring->key);
    kms_arena_clean_up(&keyring->names);
    OPENSSL_free(keyring);
}

static const struct kms_keyring_ops raw_aes_ops = {wrap_raw_aes, unwrap_raw_aes, free_raw_aes};

enum kms_err kms_keyring_new_raw_aes(
    struct kms_str name_space, struct kms_str name, struct kms_bytes key, struct kms_keyring **out)
{
    const char *cipher = cipher_for(key.len);
    if (cipher == NULL || !kms_name_space_ok(name_space) || name.data == NULL ||
        name.len > UINT16_MAX - INFO_SUFFIX_LEN)
        return KMS_ERR_INVALID_ARGUMENT;
    struct raw_aes_keyring *keyring = OPENSSL_zalloc(sizeof(*keyring));
    if (keyring == NULL)
        return KMS_ERR_NO_MEMORY;
    keyring->base.ops = &raw_aes_ops;
    keyring->cipher = cipher;
    kms_arena_init(&keyring->names, SIZE_MAX);
    keyring->name_space = kms_arena_str(&keyring->names, name_space);
    keyring->name = kms_arena_str(&keyring->names, name);
    enum kms_err err = kms_secret_copy(key, &keyring->key);
    if (err == KMS_OK && (keyring->name_space.data == NULL || keyring->name.data == NULL))
        err = KMS_ERR_NO_MEMORY;
    if (err != KMS_OK) {
        kms_keyring_free(&keyring->base);
        return err;
    }
    *out = &keyring->base;
    return KMS_OK;
}
