#include "libkms/base/secret.h"

#include "libkms/base/locked.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

/*
 * Where OpenSSL's secure heap has been set up (kmsd does at start) a secret comes from it: locked
 * once, guarded, no system call each. Elsewhere (libkms inside somebody's program, where a library
 * must not set up what the whole process shares) each secret gets pages of its own.
 */
struct kms_secret {
    size_t len;
    size_t mapped; /* bytes mapped for this secret alone; 0: from the secure heap */
    uint8_t bytes[];
};

enum {
    SHARED_HEAP_MAX =
        1 << 20, /* where more is in use the rest is libcrypto's, which fails without */
    OWN_PAGES_FROM =
        16384, /* tables, made once: the heap, which hands out powers of two, is for small secrets */
};

enum kms_err kms_secret_new(size_t len, struct kms_secret **out)
{
    if (len == 0 || len > KMS_SECRET_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    size_t size = sizeof(struct kms_secret) + len;
    size_t mapped = 0;
    struct kms_secret *secret = NULL;
    if (size < OWN_PAGES_FROM && CRYPTO_secure_malloc_initialized() &&
        CRYPTO_secure_used() < SHARED_HEAP_MAX)
        secret = OPENSSL_secure_zalloc(size);
    if (secret == NULL) /* too large, no secure heap, or it is full enough */
        secret = kms_locked_new(size, &mapped);
    if (secret == NULL)
        return KMS_ERR_NO_MEMORY;
    secret->len = len;
    secret->mapped = mapped;
    *out = secret;
    return KMS_OK;
}

enum kms_err kms_secret_copy(struct kms_bytes from, struct kms_secret **out)
{
    struct kms_secret *secret = NULL;
    enum kms_err err = kms_secret_new(from.len, &secret);
    if (err != KMS_OK)
        return err;
    memcpy(secret->bytes, from.data, from.len);
    *out = secret;
    return KMS_OK;
}

enum kms_err kms_secret_random(size_t len, struct kms_secret **out)
{
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kms_secret_new(len, &secret);
    if (err != KMS_OK)
        return err;
    if (RAND_priv_bytes(secret->bytes, (int)len) != 1)
        return KMS_ERR_CRYPTO;
    *out = secret;
    secret = NULL; /* now the caller's */
    return KMS_OK;
}

void kms_secret_free(struct kms_secret *secret)
{
    if (secret == NULL)
        return;
    size_t mapped = secret->mapped;
    size_t size = sizeof(*secret) + secret->len;
    if (mapped == 0) {
        OPENSSL_secure_clear_free(secret, size);
        return;
    }
    kms_wipe(secret, size);
    kms_locked_free(secret, mapped);
}

void kms_secret_free_at(struct kms_secret **secret)
{
    kms_secret_free(*secret);
    *secret = NULL;
}

uint8_t *kms_secret_data(struct kms_secret *secret)
{
    return secret->bytes;
}

size_t kms_secret_len(const struct kms_secret *secret)
{
    return secret->len;
}

struct kms_bytes kms_secret_bytes(const struct kms_secret *secret)
{
    return kms_bytes(secret->bytes, secret->len);
}

bool kms_secret_eq(const struct kms_secret *a, const struct kms_secret *b)
{
    return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool kms_bytes_eq_ct(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

/* OPENSSL_cleanse does the same eight bytes at a time. */
void kms_wipe(void *data, size_t len)
{
    if (data != NULL)
        explicit_bzero(data, len);
}
