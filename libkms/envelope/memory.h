/* Buffers that hold plaintext: left out of core files, wiped when freed. */
#ifndef KMS_ENVELOPE_MEMORY_H
#define KMS_ENVELOPE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Page-aligned, contents undefined; NULL when memory is out or len is 0. */
uint8_t *kms_memory_new(size_t len);

/* Wipes the first used bytes and frees; len is what was asked for. NULL is allowed. */
void kms_memory_free(uint8_t *data, size_t len, size_t used);

#endif
