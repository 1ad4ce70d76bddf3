/*
 * Whole pages for secrets: locked where the limit on locked memory allows, left out of core files.
 * Mapping, locking and unmapping a page takes longer than most uses of what is in it, so a few single
 * pages stay mapped between uses. Nothing to set up. Any thread may call.
 */
#ifndef KMS_BASE_LOCKED_H
#define KMS_BASE_LOCKED_H

#include <stddef.h>

/* Single pages that are kept at most, process-wide. */
#define KMS_LOCKED_KEPT_MAX 16

/* Pages for size bytes (0 < size), all zero; *mapped is how many bytes they are. NULL: out of memory. */
void *kms_locked_new(size_t size, size_t *mapped);

/* Gives them back; the caller has wiped what it wrote there. */
void kms_locked_free(void *pages, size_t mapped);

#endif
