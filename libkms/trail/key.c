/* The public half of the key that signs digests. */
#include "libkms/base/encoding.h"
#include "libkms/trail/trail.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

enum { KEY_TEXT_MAX = 16384 };

struct kms_trail_key {
    EVP_PKEY *key;
    char id[KMS_TRAIL_KEY_ID_LEN + 1];
};

static EVP_PKEY *decode(struct kms_bytes text)
{
    if (text.len == 0 || text.len > KEY_TEXT_MAX)
        return NULL;
    if (text.data[0] == '-') {
        BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
        EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        BIO_free(bio);
        return key;
    }
    const unsigned char *at = text.data;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)text.len);
    if (key != NULL && at != text.data + text.len) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

static enum kms_err name_key(struct kms_trail_key *key)
{
    uint8_t digest[KMS_SHA256_SIZE];
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key->key, &der);
    if (len <= 0)
        return KMS_ERR_CRYPTO;
    enum kms_err err = kms_sha256(kms_bytes(der, (size_t)len), digest);
    OPENSSL_free(der);
    if (err == KMS_OK)
        kms_hex_encode(kms_bytes(digest, KMS_TRAIL_KEY_ID_LEN / 2), key->id);
    return err;
}

enum kms_err kms_trail_key_read(struct kms_bytes text, struct kms_trail_key **out)
{
    struct kms_trail_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        return KMS_ERR_NO_MEMORY;
    key->key = decode(text);
    enum kms_err err = KMS_ERR_SYNTAX;
    if (key->key != NULL && EVP_PKEY_get_base_id(key->key) == EVP_PKEY_ED25519)
        err = name_key(key);
    if (err != KMS_OK) {
        kms_trail_key_free(key);
        return err;
    }
    *out = key;
    return KMS_OK;
}

void kms_trail_key_free(struct kms_trail_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

const char *kms_trail_key_id(const struct kms_trail_key *key)
{
    return key->id;
}

enum kms_err kms_trail_key_pem(const struct kms_trail_key *key, struct kms_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (bio == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = KMS_ERR_CRYPTO;
    if (PEM_write_bio_PUBKEY(bio, key->key) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        kms_buf_append(out, text, (size_t)len);
        err = out->err;
    }
    BIO_free(bio);
    return err;
}

bool kms_trail_key_verifies(const struct kms_trail_key *key, const struct kms_trail_digest *digest,
    struct kms_bytes signature)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, KMS_TRAIL_DIGEST_MAX);
    kms_trail_digest_signed_part(&text, digest);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && text.err == KMS_OK && strcmp(key->id, digest->key_id) == 0 &&
              EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1 &&
              EVP_DigestVerify(context, signature.data, signature.len, text.data, text.len) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}
