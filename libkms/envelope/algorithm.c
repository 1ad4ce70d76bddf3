#include "libkms/envelope/algorithm.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <stdatomic.h>
#include <string.h>

/* TYPE *NAME(name, keep): what is kept there; or fetched now and kept there, the process's until it ends. */
#define FETCHED_ONCE(NAME, TYPE)                                                     \
    static TYPE *NAME(const char *name, _Atomic(TYPE *) *keep)                       \
    {                                                                                \
        TYPE *kept = atomic_load_explicit(keep, memory_order_acquire);               \
        if (kept != NULL)                                                            \
            return kept;                                                             \
        TYPE *fetched = TYPE##_fetch(NULL, name, NULL);                              \
        if (fetched == NULL || atomic_compare_exchange_strong(keep, &kept, fetched)) \
            return fetched;                                                          \
        TYPE##_free(fetched); /* another thread was faster */                        \
        return kept;                                                                 \
    }
FETCHED_ONCE(cipher, EVP_CIPHER)
FETCHED_ONCE(digest, EVP_MD)
FETCHED_ONCE(kdf, EVP_KDF)

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

EVP_KDF *kms_algorithm_hkdf(void)
{
    static _Atomic(EVP_KDF *) fetched;
    return kdf("HKDF", &fetched);
}
