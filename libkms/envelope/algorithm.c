#include "libkms/envelope/algorithm.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>

static struct {
    const char *name;
    _Atomic(EVP_CIPHER *) fetched;
} ciphers[] = {
    {.name = "AES-256-GCM"},
    {.name = "AES-192-GCM"},
    {.name = "AES-128-GCM"},
};

static struct {
    const char *name;
    _Atomic(EVP_MD *) fetched;
} digests[] = {
    {.name = "SHA512"},
    {.name = "SHA384"},
    {.name = "SHA256"},
};

static const EVP_CIPHER *cipher(const char *name, _Atomic(EVP_CIPHER *) *keep)
{
    EVP_CIPHER *kept = atomic_load_explicit(keep, memory_order_acquire);
    if (kept != NULL)
        return kept;
    EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, name, NULL);
    if (fetched == NULL || atomic_compare_exchange_strong(keep, &kept, fetched))
        return fetched; /* now the process's, until it ends */
    EVP_CIPHER_free(fetched);
    return kept;
}

static const EVP_MD *digest(const char *name, _Atomic(EVP_MD *) *keep)
{
    EVP_MD *kept = atomic_load_explicit(keep, memory_order_acquire);
    if (kept != NULL)
        return kept;
    EVP_MD *fetched = EVP_MD_fetch(NULL, name, NULL);
    if (fetched == NULL || atomic_compare_exchange_strong(keep, &kept, fetched))
        return fetched; /* now the process's, until it ends */
    EVP_MD_free(fetched);
    return kept;
}

const EVP_CIPHER *kms_algorithm_cipher(const char *name)
{
    for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        if (strcmp(ciphers[i].name, name) == 0)
            return cipher(name, &ciphers[i].fetched);
    }
    return NULL;
}

const EVP_MD *kms_algorithm_digest(const char *name)
{
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        if (strcmp(digests[i].name, name) == 0)
            return digest(name, &digests[i].fetched);
    }
    return NULL;
}
