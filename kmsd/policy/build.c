#include "kmsd/policy/build.h"

enum { ALIGNMENT = 8 };
_Static_assert(_Alignof(void *) <= ALIGNMENT && _Alignof(int64_t) <= ALIGNMENT, "blocks align");

void *kmsd_policy_build_alloc(struct kmsd_policy_build *build, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2 - build->used)
        return NULL;
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *at = NULL;
    if (build->memory == NULL)
        at = kms_arena_alloc(build->scratch, bytes);
    else if (bytes <= build->size - build->used)
        at = build->memory + build->used;
    if (at != NULL)
        build->used += bytes;
    return at;
}

struct kms_str kmsd_policy_build_str(struct kmsd_policy_build *build, struct kms_str text)
{
    char *copy = kmsd_policy_build_alloc(build, text.len, 1);
    if (copy == NULL)
        return (struct kms_str){NULL, 0};
    if (text.len != 0)
        memcpy(copy, text.data, text.len);
    return (struct kms_str){copy, text.len};
}
