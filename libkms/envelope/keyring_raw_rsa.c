/*
 * A keyring of one RSA key that the caller holds.
 * Source: AWS Encryption SDK specification, "Raw RSA Keyring".
 *
 *   provider info = key name;  ciphertext = what RSA encryption gives
 */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/keyring.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { RSA_BITS_MIN = 2048, RSA_BYTES_MAX = 2048 };

struct raw_rsa_keyring {
    struct kms_keyring base; /* must stay first */
    struct kms_arena names;
    struct kms_str name_space;
    struct kms_str name;
    EVP_PKEY *public_key; /* also the private key, when only that was given */
    EVP_PKEY *private_key;
    const char *oaep_digest; /* NULL: PKCS #1 v1.5 */
};

static const char *const oaep_digests[] = {
    [KMS_RSA_PADDING_OAEP_SHA256] = "SHA256",
    [KMS_RSA_PADDING_OAEP_SHA384] = "SHA384",
    [KMS_RSA_PADDING_OAEP_SHA512] = "SHA512",
    [KMS_RSA_PADDING_OAEP_SHA1] = "SHA1",
    [KMS_RSA_PADDING_PKCS1_V1_5] = NULL,
};

static bool set_padding(EVP_PKEY_CTX *ctx, const char *oaep_digest)
{
    if (oaep_digest == NULL)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, oaep_digest, NULL) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, oaep_digest, NULL) == 1;
}

static enum kms_err wrap_raw_rsa(const struct kms_keyring *base, struct kms_wrap *wrap)
{
    const struct raw_rsa_keyring *keyring = (const struct raw_rsa_keyring *)base;
    if (keyring->public_key == NULL)
        return KMS_ERR_NO_KEY;
    enum kms_err err = kms_wrap_generate(wrap);
    if (err != KMS_OK)
        return err;
    struct kms_bytes data_key = kms_secret_bytes(wrap->data_key);
    uint8_t sealed[RSA_BYTES_MAX];
    size_t len = sizeof(sealed);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keyring->public_key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_encrypt_init(ctx) == 1 &&
              set_padding(ctx, keyring->oaep_digest) &&
              EVP_PKEY_encrypt(ctx, sealed, &len, data_key.data, data_key.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok)
        return KMS_ERR_CRYPTO;
    return kms_wrap_add(wrap, keyring->name_space, kms_bytes(keyring->name.data, keyring->name.len),
        kms_bytes(sealed, len));
}

/* One answer for every way in which the padding may be wrong. */
static enum kms_err open_one(
    const struct raw_rsa_keyring *keyring, struct kms_bytes ciphertext, struct kms_unwrap *unwrap)
{
    KMS_SECRET_AUTO plaintext = NULL;
    enum kms_err err = kms_secret_new(RSA_BYTES_MAX, &plaintext);
    if (err != KMS_OK)
        return err;
    size_t len = RSA_BYTES_MAX;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keyring->private_key, NULL);
    bool ok = ctx != NULL && EVP_PKEY_decrypt_init(ctx) == 1 &&
              set_padding(ctx, keyring->oaep_digest) &&
              EVP_PKEY_decrypt(
                  ctx, kms_secret_data(plaintext), &len, ciphertext.data, ciphertext.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok || len != unwrap->suite->key_len)
        return kms_failure_set(unwrap->failure, KMS_ERR_AUTHENTICATION,
            "the raw RSA key does not open the encrypted data key");
    return kms_unwrap_accept(unwrap, kms_bytes(kms_secret_data(plaintext), len));
}

static enum kms_err unwrap_raw_rsa(const struct kms_keyring *base, struct kms_unwrap *unwrap)
{
    const struct raw_rsa_keyring *keyring = (const struct raw_rsa_keyring *)base;
    enum kms_err err = KMS_ERR_NO_KEY;
    if (keyring->private_key == NULL)
        return err;
    for (size_t i = 0; i < unwrap->edk_count; i++) {
        const struct kms_envelope_edk *edk = &unwrap->edks[i];
        struct kms_str info = {(const char *)edk->provider_info.data, edk->provider_info.len};
        if (!kms_str_eq(edk->provider_id, keyring->name_space) || !kms_str_eq(info, keyring->name))
            continue;
        err = open_one(keyring, edk->ciphertext, unwrap);
        if (err == KMS_OK)
            return KMS_OK;
        err = kms_unwrap_failed(unwrap, err);
    }
    return err;
}

static void free_raw_rsa(struct kms_keyring *base)
{
    struct raw_rsa_keyring *keyring = (struct raw_rsa_keyring *)base;
    EVP_PKEY_free(keyring->public_key);
    EVP_PKEY_free(keyring->private_key);
    kms_arena_clean_up(&keyring->names);
    OPENSSL_free(keyring);
}

static const struct kms_keyring_ops raw_rsa_ops = {wrap_raw_rsa, unwrap_raw_rsa, free_raw_rsa};

static EVP_PKEY *read_pem(struct kms_bytes pem, bool is_private)
{
    if (pem.len > KMS_SECRET_MAX)
        return NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio == NULL)
        return NULL;
    char no_passphrase[] = ""; /* without one, OpenSSL would ask at the terminal */
    EVP_PKEY *key = is_private ? PEM_read_bio_PrivateKey(bio, NULL, NULL, no_passphrase)
                               : PEM_read_bio_PUBKEY(bio, NULL, NULL, no_passphrase);
    BIO_free(bio);
    int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
    if (key == NULL || EVP_PKEY_is_a(key, "RSA") != 1 || bits < RSA_BITS_MIN ||
        bits > RSA_BYTES_MAX * 8) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static enum kms_err load_keys(
    struct raw_rsa_keyring *keyring, struct kms_bytes public_pem, struct kms_bytes private_pem)
{
    if (private_pem.data != NULL) {
        keyring->private_key = read_pem(private_pem, true);
        if (keyring->private_key == NULL)
            return KMS_ERR_SYNTAX;
    }
    if (public_pem.data != NULL) {
        keyring->public_key = read_pem(public_pem, false);
        return keyring->public_key == NULL ? KMS_ERR_SYNTAX : KMS_OK;
    }
    if (EVP_PKEY_up_ref(keyring->private_key) != 1)
        return KMS_ERR_CRYPTO;
    keyring->public_key = keyring->private_key;
    return KMS_OK;
}

enum kms_err kms_keyring_new_raw_rsa(struct kms_str name_space, struct kms_str name,
    enum kms_rsa_padding padding, struct kms_bytes public_pem, struct kms_bytes private_pem,
    struct kms_keyring **out)
{
    size_t paddings = sizeof(oaep_digests) / sizeof(oaep_digests[0]);
    if ((size_t)padding >= paddings || !kms_name_space_ok(name_space) || name.data == NULL ||
        name.len > UINT16_MAX || (public_pem.data == NULL && private_pem.data == NULL))
        return KMS_ERR_INVALID_ARGUMENT;
    struct raw_rsa_keyring *keyring = OPENSSL_zalloc(sizeof(*keyring));
    if (keyring == NULL)
        return KMS_ERR_NO_MEMORY;
    keyring->base.ops = &raw_rsa_ops;
    keyring->oaep_digest = oaep_digests[padding];
    kms_arena_init(&keyring->names, SIZE_MAX);
    keyring->name_space = kms_arena_str(&keyring->names, name_space);
    keyring->name = kms_arena_str(&keyring->names, name);
    enum kms_err err = load_keys(keyring, public_pem, private_pem);
    if (err == KMS_OK && (keyring->name_space.data == NULL || keyring->name.data == NULL))
        err = KMS_ERR_NO_MEMORY;
    if (err != KMS_OK) {
        kms_keyring_free(&keyring->base);
        return err;
    }
    *out = &keyring->base;
    return KMS_OK;
}
