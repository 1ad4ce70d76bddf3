/*
 * A bounded arena: many small allocations, one release that wipes them all. Decoded requests and
 * answers live in one, so nothing in them is freed by hand and nothing in them outlives them.
 */
#ifndef KMS_BASE_ARENA_H
#define KMS_BASE_ARENA_H

#include <kms/bytes.h>
#include <kms/error.h>

struct kms_arena_block;

struct kms_arena {
    struct kms_arena_block *blocks; /* newest first */
    size_t used;                    /* bytes handed out, over all blocks */
    size_t max;
};

/* An empty arena that hands out at most max bytes in all. Allocates nothing. */
void kms_arena_init(struct kms_arena *arena, size_t max);

/* Wipes and frees everything that was handed out. NULL is allowed. */
void kms_arena_clean_up(struct kms_arena *arena);
#define KMS_ARENA_AUTO __attribute__((cleanup(kms_arena_clean_up))) struct kms_arena

/* Wipes everything that was handed out but keeps one block of storage for the next use. */
void kms_arena_reset(struct kms_arena *arena);

/* Zeroed memory, aligned for any type, valid until the arena is reset or cleaned up; NULL when the
 * maximum is reached or memory is out. A size of zero gives a valid pointer to nothing. */
KMS_MUST_USE void *kms_arena_alloc(struct kms_arena *arena, size_t size);
KMS_MUST_USE void *kms_arena_calloc(struct kms_arena *arena, size_t count, size_t size);

/* Copies with a NUL after the last byte (not counted in the length). data is NULL on failure. */
KMS_MUST_USE struct kms_str kms_arena_str(struct kms_arena *arena, struct kms_str text);
KMS_MUST_USE struct kms_bytes kms_arena_bytes(struct kms_arena *arena, struct kms_bytes bytes);

/* Formatted text; data is NULL on failure. */
KMS_MUST_USE struct kms_str kms_arena_printf(struct kms_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
