/* Big-endian integers at an address. */
#ifndef KMS_ENVELOPE_WIRE_H
#define KMS_ENVELOPE_WIRE_H

#include <stdint.h>

static inline uint16_t kms_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t kms_load_u32(const uint8_t *at)
{
    return (uint32_t)kms_load_u16(at) << 16 | kms_load_u16(at + 2);
}

static inline uint64_t kms_load_u64(const uint8_t *at)
{
    return (uint64_t)kms_load_u32(at) << 32 | kms_load_u32(at + 4);
}

static inline void kms_store_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void kms_store_u64(uint8_t *at, uint64_t value)
{
    kms_store_u32(at, (uint32_t)(value >> 32));
    kms_store_u32(at + 4, (uint32_t)value);
}

#endif
