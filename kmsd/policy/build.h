/*
 * Builds a document twice: first into scratch memory, to know its size, then into one block of
 * exactly that size. Only for the parser.
 */
#ifndef KMSD_POLICY_BUILD_H
#define KMSD_POLICY_BUILD_H

#include "libkms/base/arena.h"

struct kmsd_policy_build {
    struct kms_arena *scratch; /* the first time */
    uint8_t *memory;           /* the second time */
    size_t size;               /* of memory */
    size_t used;
};

/* Zeroed memory; NULL when it is out. */
KMS_MUST_USE void *kmsd_policy_build_alloc(
    struct kmsd_policy_build *build, size_t count, size_t size);

/* A copy; data is NULL when memory is out. */
KMS_MUST_USE struct kms_str kmsd_policy_build_str(
    struct kmsd_policy_build *build, struct kms_str text);

#endif
