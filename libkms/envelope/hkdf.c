/*
 * On libcrypto's hashes, not its HKDF: that looks its parts up by name for each use and sets up a
 * context for each hash in it, which takes three times as long as the hashing.
 */
#include "libkms/envelope/hkdf.h"

#include "libkms/base/secret.h"
#include "libkms/envelope/algorithm.h"

#include <openssl/evp.h>

enum { BLOCK_MAX = 128, PIECES_MAX = 3 };

struct hmac {
    const EVP_MD *digest;
    EVP_MD_CTX *ctx;
    size_t block_len;
    size_t len;
    uint8_t block[BLOCK_MAX]; /* the key, padded */
};

static void end_hmac(struct hmac *hmac)
{
    EVP_MD_CTX_free(hmac->ctx);
    kms_wipe(hmac->block, sizeof(hmac->block));
}
#define HMAC_AUTO __attribute__((cleanup(end_hmac))) struct hmac

static bool hash(struct hmac *hmac, const struct kms_bytes *pieces, size_t count, uint8_t *out)
{
    if (EVP_DigestInit_ex2(hmac->ctx, hmac->digest, NULL) != 1)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (EVP_DigestUpdate(hmac->ctx, pieces[i].data, pieces[i].len) != 1)
            return false;
    }
    return EVP_DigestFinal_ex(hmac->ctx, out, NULL) == 1;
}

/* A key of any length, also none. */
static bool begin_hmac(struct hmac *hmac, const char *digest, struct kms_bytes key)
{
    *hmac = (struct hmac){.digest = kms_algorithm_digest(digest), .ctx = EVP_MD_CTX_new()};
    if (hmac->digest == NULL || hmac->ctx == NULL)
        return false;
    hmac->block_len = (size_t)EVP_MD_get_block_size(hmac->digest);
    hmac->len = (size_t)EVP_MD_get_size(hmac->digest);
    if (hmac->block_len > BLOCK_MAX || hmac->len > KMS_HKDF_PRK_MAX)
        return false;
    if (key.len > hmac->block_len)
        return hash(hmac, &key, 1, hmac->block);
    if (key.len > 0)
        memcpy(hmac->block, key.data, key.len);
    return true;
}

/* The MAC of the pieces, one after the other; mac may be among them. */
static bool run_hmac(struct hmac *hmac, const struct kms_bytes *pieces, size_t count, uint8_t *mac)
{
    uint8_t padded[BLOCK_MAX];
    struct kms_bytes all[1 + PIECES_MAX] = {{padded, hmac->block_len}};
    for (size_t i = 0; i < count; i++)
        all[1 + i] = pieces[i];
    for (size_t i = 0; i < hmac->block_len; i++)
        padded[i] = hmac->block[i] ^ 0x36;
    bool ok = hash(hmac, all, 1 + count, mac);
    for (size_t i = 0; i < hmac->block_len; i++)
        padded[i] = hmac->block[i] ^ 0x5c;
    all[1] = kms_bytes(mac, hmac->len);
    ok = ok && hash(hmac, all, 2, mac);
    kms_wipe(padded, sizeof(padded));
    return ok;
}

/* An absent salt is a string of zeros, which is what an empty HMAC key amounts to. */
enum kms_err kms_hkdf_extract(const char *digest, struct kms_bytes salt, struct kms_bytes key,
    uint8_t prk[KMS_HKDF_PRK_MAX], size_t *prk_len)
{
    HMAC_AUTO hmac;
    if (!begin_hmac(&hmac, digest, salt) || !run_hmac(&hmac, &key, 1, prk))
        return KMS_ERR_CRYPTO;
    *prk_len = hmac.len;
    return KMS_OK;
}

/* T(i) = HMAC(prk, T(i - 1) || info || i) */
enum kms_err kms_hkdf_expand(
    const char *digest, struct kms_bytes prk, struct kms_bytes info, uint8_t *out, size_t out_len)
{
    HMAC_AUTO hmac;
    if (!begin_hmac(&hmac, digest, prk) || out_len > 255 * hmac.len)
        return KMS_ERR_CRYPTO;
    uint8_t block[KMS_HKDF_PRK_MAX];
    uint8_t number = 0;
    bool ok = true;
    while (ok && out_len > 0) {
        const struct kms_bytes pieces[PIECES_MAX] = {
            {block, number == 0 ? 0 : hmac.len}, info, {&number, 1}};
        size_t len = out_len < hmac.len ? out_len : hmac.len;
        number++;
        ok = run_hmac(&hmac, pieces, PIECES_MAX, block);
        if (ok)
            memcpy(out, block, len);
        out += len;
        out_len -= len;
    }
    kms_wipe(block, sizeof(block));
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kms_hkdf(const char *digest, struct kms_bytes key, struct kms_bytes salt,
    struct kms_bytes info, uint8_t *out, size_t out_len)
{
    KMS_SECRET_AUTO prk = NULL;
    size_t prk_len = 0;
    enum kms_err err = kms_secret_new(KMS_HKDF_PRK_MAX, &prk);
    if (err == KMS_OK)
        err = kms_hkdf_extract(digest, salt, key, kms_secret_data(prk), &prk_len);
    if (err == KMS_OK)
        err = kms_hkdf_expand(digest, kms_bytes(kms_secret_data(prk), prk_len), info, out, out_len);
    return err;
}
