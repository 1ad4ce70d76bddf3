#include "kmsd/crypto/pkey.h"

#include "libkms/base/secret.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>

/* --- cleaning up ------------------------------------------------------------------------------ */

void kmsd_pkey_free_at(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

void kmsd_pkey_context_free_at(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

void kmsd_pkey_md_context_free_at(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

void kmsd_ready_clean_up(struct kmsd_ready *ready)
{
    EVP_PKEY_CTX_free(ready->sign);
    EVP_PKEY_CTX_free(ready->verify);
    *ready = (struct kmsd_ready){.sign = NULL};
}

enum kms_err kmsd_pkey_failed(enum kms_err otherwise)
{
    enum kms_err err = otherwise;
    unsigned long code = 0;
    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            err = KMS_ERR_NO_MEMORY;
    }
    return err;
}

OSSL_PARAM kmsd_pkey_text(const char *name, const char *value)
{
    return OSSL_PARAM_construct_utf8_string(name, (char *)value, 0);
}

/* --- making ----------------------------------------------------------------------------------- */

bool kmsd_pkey_known(const struct kmsd_kind *kind)
{
    EVP_KEYMGMT *found = EVP_KEYMGMT_fetch(NULL, kind->key_type, NULL);
    if (found == NULL)
        ERR_clear_error();
    EVP_KEYMGMT_free(found);
    return found != NULL;
}

enum kms_err kmsd_pkey_generate(const struct kmsd_kind *kind, EVP_PKEY **out)
{
    if (!kmsd_pkey_known(kind))
        return KMS_ERR_UNSUPPORTED;
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_name(NULL, kind->key_type, NULL);
    if (context == NULL)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    unsigned bits = kind->bits;
    OSSL_PARAM params[3];
    size_t count = 0;
    if (bits != 0)
        params[count++] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits);
    if (kind->group != NULL)
        params[count++] = kmsd_pkey_text(OSSL_PKEY_PARAM_GROUP_NAME, kind->group);
    params[count] = OSSL_PARAM_construct_end();
    EVP_PKEY *made = NULL;
    if (EVP_PKEY_keygen_init(context) != 1 || EVP_PKEY_CTX_set_params(context, params) != 1 ||
        EVP_PKEY_generate(context, &made) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    *out = made;
    return KMS_OK;
}

/* --- writing and reading ---------------------------------------------------------------------- */

static enum kms_err write_key(EVP_PKEY *key, int selection, const char *structure, BIO *bio)
{
    if (bio == NULL)
        return KMS_ERR_NO_MEMORY;
    OSSL_ENCODER_CTX *context =
        OSSL_ENCODER_CTX_new_for_pkey(key, selection, "DER", structure, NULL);
    bool ok = context != NULL && OSSL_ENCODER_to_bio(context, bio) == 1;
    OSSL_ENCODER_CTX_free(context);
    return ok ? KMS_OK : kmsd_pkey_failed(KMS_ERR_CRYPTO);
}

static enum kms_err append_and_free(enum kms_err err, BIO *bio, struct kms_buf *out)
{
    char *data = NULL;
    long len = err == KMS_OK ? BIO_get_mem_data(bio, &data) : 0;
    if (err == KMS_OK && len <= 0)
        err = KMS_ERR_CRYPTO;
    if (err == KMS_OK) {
        kms_buf_append(out, data, (size_t)len);
        err = out->err;
    }
    BIO_free(bio); /* wipes what it holds */
    return err;
}

enum kms_err kmsd_pkey_write_private(EVP_PKEY *key, struct kms_buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    return append_and_free(write_key(key, EVP_PKEY_KEYPAIR, "PrivateKeyInfo", bio), bio, out);
}

enum kms_err kmsd_pkey_write_public(EVP_PKEY *key, struct kms_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return append_and_free(
        write_key(key, EVP_PKEY_PUBLIC_KEY, "SubjectPublicKeyInfo", bio), bio, out);
}

static bool is_of_kind(EVP_PKEY *key, const struct kmsd_kind *kind)
{
    char group[32];
    size_t len = 0;
    if (EVP_PKEY_is_a(key, kind->key_type) != 1)
        return false;
    if (kind->bits != 0 && EVP_PKEY_get_bits(key) != (int)kind->bits)
        return false;
    return kind->group == NULL || (EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
                                      strcmp(group, kind->group) == 0);
}

static enum kms_err read_key(const struct kmsd_kind *kind, struct kms_bytes der, int selection,
    const char *structure, EVP_PKEY **out)
{
    KMSD_PKEY_AUTO key = NULL;
    const unsigned char *at = der.data;
    size_t left = der.len;
    OSSL_DECODER_CTX *context = OSSL_DECODER_CTX_new_for_pkey(
        &key, "DER", structure, kind->key_type, selection, NULL, NULL);
    bool ok = context != NULL && OSSL_DECODER_from_data(context, &at, &left) == 1 && left == 0 &&
              is_of_kind(key, kind);
    OSSL_DECODER_CTX_free(context);
    if (!ok)
        return kmsd_pkey_failed(KMS_ERR_CORRUPT);
    *out = key;
    key = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kmsd_pkey_read_private(
    const struct kmsd_kind *kind, struct kms_bytes der, EVP_PKEY **out)
{
    return read_key(kind, der, EVP_PKEY_KEYPAIR, "PrivateKeyInfo", out);
}

enum kms_err kmsd_pkey_read_public(
    const struct kmsd_kind *kind, struct kms_bytes der, EVP_PKEY **out)
{
    return read_key(kind, der, EVP_PKEY_PUBLIC_KEY, "SubjectPublicKeyInfo", out);
}

/* --- copying ---------------------------------------------------------------------------------- */

/* When so much of the secure heap is in use no copies are made: they can be done without, unlike keys
 * themselves, and from 1 MiB on struct kms_secret has to map pages. */
enum { COPIES_HEAP_MAX = 3 << 18 };

EVP_PKEY *kmsd_pkey_copy_private(EVP_PKEY *key)
{
    if (CRYPTO_secure_malloc_initialized() && CRYPTO_secure_used() >= COPIES_HEAP_MAX)
        return NULL;
    EVP_PKEY *copy = EVP_PKEY_dup(key); /* numbers of the secure heap are copied there */
    if (copy == NULL)
        ERR_clear_error();
    return copy;
}

/* --- using ------------------------------------------------------------------------------------ */

/* The verdict on a call that had the room from before to the end of out and says that it used len
 * bytes of it. That is looked at: when memory is out, ECDSA in OpenSSL 3.0 reports success and a
 * length of minus one, and what is in the room then is whatever was there. */
static enum kms_err finish(struct kms_buf *out, size_t before, bool ok, size_t len)
{
    if (!ok || len == 0 || len > out->len - before) {
        kms_buf_truncate(out, before);
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    }
    kms_buf_truncate(out, before + len);
    return KMS_OK;
}

/* Room for what the key makes at most: a signature, or a ciphertext of RSA. */
static uint8_t *make_room(EVP_PKEY *key, struct kms_buf *out, size_t *room)
{
    int size = EVP_PKEY_get_size(key);
    *room = size < 0 ? 0 : (size_t)size;
    return kms_buf_extend(out, *room);
}

/* For a call that may have a context ready: one that is kept or set up now, and moved out meanwhile. */
typedef int initialise(EVP_PKEY_CTX *context, const OSSL_PARAM *params);

static EVP_PKEY_CTX *take_context(
    EVP_PKEY *key, EVP_PKEY_CTX **kept, initialise *init, const OSSL_PARAM *params)
{
    EVP_PKEY_CTX *context = NULL;
    if (kept != NULL && *kept != NULL) {
        context = *kept;
        *kept = NULL;
        return context;
    }
    context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context != NULL && init(context, params) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

/* Keeps the context for the next call if this one went well. */
static void give_context(EVP_PKEY_CTX **kept, EVP_PKEY_CTX *context, bool ok)
{
    if (kept != NULL && ok)
        *kept = context;
    else
        EVP_PKEY_CTX_free(context);
}

enum kms_err kmsd_pkey_sign(EVP_PKEY *key, struct kmsd_ready *ready, const OSSL_PARAM *params,
    struct kms_bytes digest, struct kms_buf *signature)
{
    EVP_PKEY_CTX **kept = ready == NULL ? NULL : &ready->sign;
    size_t before = signature->len;
    size_t len = 0;
    uint8_t *at = make_room(key, signature, &len);
    if (at == NULL)
        return signature->err;
    EVP_PKEY_CTX *context = take_context(key, kept, EVP_PKEY_sign_init_ex, params);
    bool ok = context != NULL && EVP_PKEY_sign(context, at, &len, digest.data, digest.len) == 1;
    give_context(kept, context, ok);
    return finish(signature, before, ok, len);
}

enum kms_err kmsd_pkey_verify(EVP_PKEY *key, struct kmsd_ready *ready, const OSSL_PARAM *params,
    struct kms_bytes digest, struct kms_bytes signature)
{
    EVP_PKEY_CTX **kept = ready == NULL ? NULL : &ready->verify;
    EVP_PKEY_CTX *context = take_context(key, kept, EVP_PKEY_verify_init_ex, params);
    if (context == NULL)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    bool ok = EVP_PKEY_verify(context, signature.data, signature.len, digest.data, digest.len) == 1;
    give_context(kept, context, ok);
    return ok ? KMS_OK : kmsd_pkey_failed(KMS_ERR_AUTHENTICATION);
}

enum kms_err kmsd_pkey_encrypt(
    EVP_PKEY *key, const OSSL_PARAM *params, struct kms_bytes plaintext, struct kms_buf *ciphertext)
{
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t len = 0;
    if (context == NULL || EVP_PKEY_encrypt_init_ex(context, params) != 1 ||
        EVP_PKEY_encrypt(context, NULL, &len, plaintext.data, plaintext.len) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    size_t before = ciphertext->len;
    uint8_t *at = kms_buf_extend(ciphertext, len);
    if (at == NULL)
        return ciphertext->err;
    bool ok = EVP_PKEY_encrypt(context, at, &len, plaintext.data, plaintext.len) == 1;
    return finish(ciphertext, before, ok, len);
}

static enum kms_err decryption_failed(kmsd_pkey_refusal *was_refused)
{
    bool refused = false;
    unsigned long code = 0;
    while ((code = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE)
            return kmsd_pkey_failed(KMS_ERR_NO_MEMORY);
        refused = refused || was_refused(code);
    }
    return refused ? KMS_ERR_AUTHENTICATION : KMS_ERR_CRYPTO;
}

enum kms_err kmsd_pkey_decrypt(EVP_PKEY *key, const OSSL_PARAM *params,
    kmsd_pkey_refusal *was_refused, struct kms_bytes ciphertext, struct kms_buf *plaintext)
{
    KMSD_PKEY_CONTEXT_AUTO context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL || EVP_PKEY_decrypt_init_ex(context, params) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    size_t len = 0;
    if (EVP_PKEY_decrypt(context, NULL, &len, ciphertext.data, ciphertext.len) != 1)
        return decryption_failed(was_refused);
    /* In memory of its own, because libcrypto asks for room for more than the plaintext. */
    KMS_SECRET_AUTO scratch = NULL;
    enum kms_err err = kms_secret_new(len == 0 ? 1 : len, &scratch);
    if (err != KMS_OK)
        return err;
    if (EVP_PKEY_decrypt(
            context, kms_secret_data(scratch), &len, ciphertext.data, ciphertext.len) != 1)
        return decryption_failed(was_refused);
    if (len > kms_secret_len(scratch))
        return KMS_ERR_CRYPTO;
    kms_buf_append(plaintext, kms_secret_data(scratch), len);
    return plaintext->err;
}

/* Parameters go in with the initialisation, except beside a digest, which is SM2's identifier: libcrypto
 * 3.0.19 takes that only when the digest is known already. */
static const OSSL_PARAM *params_of_init(const char *digest, const OSSL_PARAM *params)
{
    return digest == NULL ? params : NULL;
}

static bool set_params_later(EVP_PKEY_CTX *inner, const char *digest, const OSSL_PARAM *params)
{
    return digest == NULL || params == NULL || EVP_PKEY_CTX_set_params(inner, params) == 1;
}

enum kms_err kmsd_pkey_sign_message(EVP_PKEY *key, const char *digest, const OSSL_PARAM *params,
    struct kms_bytes message, struct kms_buf *signature)
{
    KMSD_MD_CONTEXT_AUTO context = EVP_MD_CTX_new();
    size_t before = signature->len;
    size_t len = 0;
    uint8_t *at = make_room(key, signature, &len);
    if (at == NULL)
        return signature->err;
    EVP_PKEY_CTX *inner = NULL;
    bool ok = context != NULL &&
              EVP_DigestSignInit_ex(
                  context, &inner, digest, NULL, NULL, key, params_of_init(digest, params)) == 1 &&
              set_params_later(inner, digest, params) &&
              EVP_DigestSign(context, at, &len, message.data, message.len) == 1;
    return finish(signature, before, ok, len);
}

enum kms_err kmsd_pkey_verify_message(EVP_PKEY *key, const char *digest, const OSSL_PARAM *params,
    struct kms_bytes message, struct kms_bytes signature)
{
    KMSD_MD_CONTEXT_AUTO context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner = NULL;
    if (context == NULL ||
        EVP_DigestVerifyInit_ex(
            context, &inner, digest, NULL, NULL, key, params_of_init(digest, params)) != 1 ||
        !set_params_later(inner, digest, params))
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    if (EVP_DigestVerify(context, signature.data, signature.len, message.data, message.len) != 1)
        return kmsd_pkey_failed(KMS_ERR_AUTHENTICATION);
    return KMS_OK;
}
