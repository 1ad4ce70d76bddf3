#include "kmsd/crypto/init.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

/* Secrets of the whole process: wrapping keys, two keys a workspace, secret access keys in use; tables
 * of them have pages of their own. libcrypto keeps the private numbers of key pairs there, about 2 KiB
 * for one of RSA_4096, of which the cache holds as many as KMSD_KEY_CACHE_MAX, and copies while there
 * is room enough (kmsd_pkey_copy_private), and works there while it makes and uses them; unlike struct
 * kms_secret, which leaves it half of the heap, it has nowhere else to go. */
enum { SECURE_HEAP_SIZE = 1 << 21, SECURE_HEAP_SMALLEST = 64 };

enum kms_err kmsd_crypto_init(struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "%s", "");
    if (!CRYPTO_secure_malloc_initialized()) {
        int made = CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_SMALLEST);
        if (made == 0) {
            kmsd_detail_set(detail, "libcrypto's secure heap cannot be set up");
            return KMS_ERR_CRYPTO;
        }
        if (made != 1) /* 2: made, but not all of its protections took hold */
            kmsd_detail_set(detail,
                "memory for secrets cannot be locked (limit on locked memory below %d bytes)",
                SECURE_HEAP_SIZE);
    }
    if (RAND_status() != 1) {
        kmsd_detail_set(detail, "libcrypto's random generator has no entropy");
        return KMS_ERR_CRYPTO;
    }
    return KMS_OK;
}
