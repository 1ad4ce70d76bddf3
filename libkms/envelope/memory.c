#include "libkms/envelope/memory.h"

#include "libkms/base/secret.h"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whole pages, so that advice about them concerns nobody else. 0: too much. */
static size_t whole_pages(size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (len == 0 || len > SIZE_MAX - page)
        return 0;
    return (len + page - 1) / page * page;
}

/* The allocator's block begins a little before, and where is noted right before the first page. */
static void **note_before(uint8_t *data)
{
    return (void **)(void *)data - 1;
}

uint8_t *kms_memory_new(size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t size = whole_pages(len);
    if (size == 0 || size > SIZE_MAX - page - sizeof(void *))
        return NULL;
    uint8_t *block = OPENSSL_malloc(size + page + sizeof(void *));
    if (block == NULL)
        return NULL;
    uintptr_t first = (uintptr_t)block + sizeof(void *);
    uint8_t *data = block + sizeof(void *) + (page - first % page) % page;
    *note_before(data) = block;
    (void)madvise(data, size, MADV_DONTDUMP);
    return data;
}

void kms_memory_free(uint8_t *data, size_t len, size_t used)
{
    if (data == NULL)
        return;
    kms_wipe(data, used);
    (void)madvise(data, whole_pages(len), MADV_DODUMP);
    OPENSSL_free(*note_before(data));
}
