#include "libkms/base/arena.h"

#include "libkms/base/secret.h"

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

enum { ARENA_BLOCK_SIZE = 8192, ARENA_ALIGNMENT = alignof(max_align_t) };

struct kms_arena_block {
    struct kms_arena_block *next;
    size_t size; /* of memory */
    size_t used;
    alignas(max_align_t) uint8_t memory[];
};

void kms_arena_init(struct kms_arena *arena, size_t max)
{
    *arena = (struct kms_arena){.max = max};
}

static void free_block(struct kms_arena_block *block)
{
    kms_wipe(block->memory, block->used);
    OPENSSL_free(block);
}

void kms_arena_clean_up(struct kms_arena *arena)
{
    if (arena == NULL)
        return;
    while (arena->blocks != NULL) {
        struct kms_arena_block *next = arena->blocks->next;
        free_block(arena->blocks);
        arena->blocks = next;
    }
    arena->used = 0;
}

void kms_arena_reset(struct kms_arena *arena)
{
    struct kms_arena_block *kept = NULL;
    while (arena->blocks != NULL) {
        struct kms_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        if (kept == NULL && block->size == ARENA_BLOCK_SIZE) {
            kms_wipe(block->memory, block->used);
            block->used = 0;
            block->next = NULL;
            kept = block;
        } else {
            free_block(block);
        }
    }
    arena->blocks = kept;
    arena->used = 0;
}

static struct kms_arena_block *add_block(struct kms_arena *arena, size_t needed)
{
    size_t size = needed > ARENA_BLOCK_SIZE ? needed : ARENA_BLOCK_SIZE;
    struct kms_arena_block *block = OPENSSL_zalloc(sizeof(*block) + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *kms_arena_alloc(struct kms_arena *arena, size_t size)
{
    if (size > arena->max - arena->used || size > SIZE_MAX - 2 * ARENA_ALIGNMENT)
        return NULL;
    size_t rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    struct kms_arena_block *block = arena->blocks;
    if (block == NULL || rounded > block->size - block->used) {
        block = add_block(arena, rounded);
        if (block == NULL)
            return NULL;
    }
    void *at = block->memory + block->used;
    block->used += rounded;
    arena->used += size;
    return at;
}

void *kms_arena_calloc(struct kms_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return kms_arena_alloc(arena, count * size);
}

struct kms_str kms_arena_str(struct kms_arena *arena, struct kms_str text)
{
    struct kms_str copy = {NULL, 0};
    char *at = text.len == SIZE_MAX ? NULL : kms_arena_alloc(arena, text.len + 1);
    if (at == NULL)
        return copy;
    if (text.len != 0)
        memcpy(at, text.data, text.len);
    copy.data = at;
    copy.len = text.len;
    return copy;
}

struct kms_bytes kms_arena_bytes(struct kms_arena *arena, struct kms_bytes bytes)
{
    struct kms_str copy =
        kms_arena_str(arena, (struct kms_str){(const char *)bytes.data, bytes.len});
    return kms_bytes(copy.data, copy.len);
}

struct kms_str kms_arena_printf(struct kms_arena *arena, const char *format, ...)
{
    struct kms_str text = {NULL, 0};
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *at = len < 0 ? NULL : kms_arena_alloc(arena, (size_t)len + 1);
    if (at == NULL)
        return text;
    va_start(args, format);
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    text.data = at;
    text.len = (size_t)len;
    return text;
}
