#include "libkms/base/locked.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/* With AddressSanitizer the use of a secret after it was freed goes on to be reported. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#endif
#ifdef WATCHED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len)   ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

/*
 * Zeroed pages, or NULL. Each place is swapped by itself, without a lock that a fork could copy held.
 * The child has the pages and MADV_DONTDUMP, but does not inherit that they are locked: whoever takes
 * a page locks it again, which changes nothing where it is locked already.
 */
static _Atomic(void *) kept[KMS_LOCKED_KEPT_MAX];

static void *take(size_t page)
{
    for (size_t i = 0; i < KMS_LOCKED_KEPT_MAX; i++) {
        if (atomic_load_explicit(&kept[i], memory_order_relaxed) == NULL)
            continue;
        void *at = atomic_exchange_explicit(&kept[i], NULL, memory_order_acquire);
        if (at == NULL)
            continue; /* another thread was faster */
        ASAN_UNPOISON_MEMORY_REGION(at, page);
        return at;
    }
    return NULL;
}

static bool keep(void *at, size_t page)
{
    ASAN_POISON_MEMORY_REGION(at, page);
    for (size_t i = 0; i < KMS_LOCKED_KEPT_MAX; i++) {
        void *empty = NULL;
        if (atomic_load_explicit(&kept[i], memory_order_relaxed) == NULL &&
            atomic_compare_exchange_strong_explicit(
                &kept[i], &empty, at, memory_order_release, memory_order_relaxed))
            return true;
    }
    ASAN_UNPOISON_MEMORY_REGION(at, page);
    return false;
}

static void *map(size_t len)
{
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    (void)madvise(at, len, MADV_DONTDUMP);
    return at;
}

void *kms_locked_new(size_t size, size_t *mapped)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t rounded = (size + page - 1) / page * page;
    void *at = rounded == page ? take(page) : NULL;
    if (at == NULL)
        at = map(rounded);
    if (at == NULL)
        return NULL;
    (void)mlock(at, rounded); /* may exceed RLIMIT_MEMLOCK: still wiped and undumpable */
    *mapped = rounded;
    return at;
}

void kms_locked_free(void *pages, size_t mapped)
{
    if (mapped != (size_t)sysconf(_SC_PAGESIZE) || !keep(pages, mapped))
        (void)munmap(pages, mapped);
}
