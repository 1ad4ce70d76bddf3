#include "kmsd/crypto/digest.h"

#include "kmsd/crypto/pkey.h"

#include <openssl/err.h>
#include <stdatomic.h>

static struct {
    const char *name;
    _Atomic(EVP_MD *) fetched;
} digests[] = {
    {.name = "SHA224"},
    {.name = "SHA256"},
    {.name = "SHA384"},
    {.name = "SHA512"},
    {.name = "SM3"},
};

static const EVP_MD *fetch(const char *name, _Atomic(EVP_MD *) *keep)
{
    EVP_MD *kept = atomic_load_explicit(keep, memory_order_acquire);
    if (kept != NULL)
        return kept;
    EVP_MD *fetched = EVP_MD_fetch(NULL, name, NULL);
    if (fetched == NULL) {
        ERR_clear_error();
        return NULL;
    }
    if (atomic_compare_exchange_strong(keep, &kept, fetched))
        return fetched; /* now the process's, until it ends */
    EVP_MD_free(fetched);
    return kept;
}

const EVP_MD *kmsd_digest_find(const char *name)
{
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        if (strcmp(digests[i].name, name) == 0)
            return fetch(name, &digests[i].fetched);
    }
    return NULL;
}

enum kms_err kmsd_digest(
    const char *name, struct kms_bytes data, uint8_t out[KMSD_DIGEST_MAX], size_t *size)
{
    const EVP_MD *digest = kmsd_digest_find(name);
    unsigned len = 0;
    if (digest == NULL)
        return KMS_ERR_UNSUPPORTED;
    if (EVP_Digest(data.data, data.len, out, &len, digest, NULL) != 1)
        return kmsd_pkey_failed(KMS_ERR_CRYPTO);
    *size = len;
    return KMS_OK;
}

enum kms_err kmsd_digest_message(const struct kmsd_signing *signing, enum kms_message_type type,
    struct kms_bytes *message, uint8_t out[KMSD_DIGEST_MAX])
{
    size_t size = 0;
    if (type != KMS_MESSAGE_TYPE_RAW)
        return KMS_OK;
    enum kms_err err = kmsd_digest(signing->digest, *message, out, &size);
    if (err == KMS_OK)
        *message = kms_bytes(out, size);
    return err;
}
