#include "kmsd/crypto/reserve.h"

#include "libkms/base/secret.h"

#include <limits.h>
#include <openssl/rand.h>
#include <sys/mman.h>

enum { PAGE = 4096, BATCH = PAGE - 32 };

/* A mapping of its own: MADV_WIPEONFORK works on whole pages. What a forked child finds is a batch
 * with nothing left. */
struct page {
    size_t left;
    uint8_t bytes[BATCH];
};
_Static_assert(sizeof(struct page) <= PAGE, "a batch is what a page holds");

struct kmsd_reserve {
    int (*generate)(unsigned char *out, int len);
    bool is_batched; /* the kernel empties the page on fork */
    struct page *page;
};

enum kms_err kmsd_reserve_new(enum kmsd_reserve_of of, struct kmsd_reserve **out)
{
    struct kmsd_reserve *reserve = OPENSSL_zalloc(sizeof(*reserve));
    if (reserve == NULL)
        return KMS_ERR_NO_MEMORY;
    reserve->page = mmap(
        NULL, sizeof(*reserve->page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (reserve->page == MAP_FAILED) {
        OPENSSL_free(reserve);
        return KMS_ERR_NO_MEMORY;
    }
    reserve->is_batched = madvise(reserve->page, sizeof(*reserve->page), MADV_WIPEONFORK) == 0;
    reserve->generate = RAND_bytes;
    if (of == KMSD_RESERVE_OF_SECRETS) {
        reserve->generate = RAND_priv_bytes;
        (void)mlock(reserve->page, sizeof(*reserve->page));
        (void)madvise(reserve->page, sizeof(*reserve->page), MADV_DONTDUMP);
    }
    *out = reserve;
    return KMS_OK;
}

void kmsd_reserve_free(struct kmsd_reserve *reserve)
{
    if (reserve == NULL)
        return;
    kms_wipe(reserve->page, sizeof(*reserve->page));
    (void)munmap(reserve->page, sizeof(*reserve->page));
    OPENSSL_free(reserve);
}

static enum kms_err generate(const struct kmsd_reserve *reserve, uint8_t *out, size_t len)
{
    if (len > INT_MAX)
        return KMS_ERR_LIMIT;
    return len == 0 || reserve->generate(out, (int)len) == 1 ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kmsd_reserve_draw(struct kmsd_reserve *reserve, uint8_t *out, size_t len)
{
    struct page *page = reserve->page;
    if (!reserve->is_batched || len > KMSD_RESERVE_DRAW_MAX)
        return generate(reserve, out, len);
    if (page->left < len) {
        enum kms_err err = generate(reserve, page->bytes, BATCH);
        page->left = err == KMS_OK ? BATCH : 0;
        if (err != KMS_OK)
            return err;
    }
    page->left -= len;
    memcpy(out, page->bytes + page->left, len);
    kms_wipe(page->bytes + page->left, len);
    return KMS_OK;
}
