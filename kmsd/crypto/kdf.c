#include "kmsd/crypto/kdf.h"

#include "libkms/base/secret.h"
#include "libkms/base/sha256.h"

enum { COUNTER_SIZE = 4, LENGTH_SIZE = 4, BLOCKS_MAX = 255 };

static void put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

enum kms_err kmsd_kdf_counter(
    struct kms_bytes key, struct kms_bytes fixed, uint8_t *out, size_t out_len)
{
    uint8_t input[COUNTER_SIZE + KMSD_KDF_FIXED_MAX];
    if (out_len == 0 || out_len > (size_t)BLOCKS_MAX * KMS_SHA256_SIZE ||
        fixed.len > KMSD_KDF_FIXED_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    if (fixed.len != 0)
        memcpy(input + COUNTER_SIZE, fixed.data, fixed.len);

    uint8_t block[KMS_SHA256_SIZE];
    enum kms_err err = KMS_OK;
    uint32_t counter = 1;
    for (size_t done = 0; done < out_len && err == KMS_OK; counter++) {
        put_u32(input, counter);
        err = kms_hmac_sha256(key, kms_bytes(input, COUNTER_SIZE + fixed.len), block);
        size_t take = out_len - done < sizeof(block) ? out_len - done : sizeof(block);
        if (err == KMS_OK)
            memcpy(out + done, block, take);
        done += take;
    }
    kms_wipe(block, sizeof(block));
    if (err != KMS_OK)
        kms_wipe(out, out_len);
    return err;
}

enum kms_err kmsd_kdf_derive(struct kms_bytes key, const char *label, struct kms_bytes context,
    uint8_t out[KMSD_KDF_KEY_SIZE])
{
    uint8_t fixed[KMSD_KDF_FIXED_MAX];
    size_t label_len = strlen(label) + 1; /* its terminator is the separating zero byte */
    if (label_len + LENGTH_SIZE > sizeof(fixed) ||
        context.len > sizeof(fixed) - LENGTH_SIZE - label_len)
        return KMS_ERR_INVALID_ARGUMENT;
    memcpy(fixed, label, label_len);
    if (context.len != 0)
        memcpy(fixed + label_len, context.data, context.len);
    put_u32(fixed + label_len + context.len, KMSD_KDF_KEY_SIZE * 8);
    return kmsd_kdf_counter(
        key, kms_bytes(fixed, label_len + context.len + LENGTH_SIZE), out, KMSD_KDF_KEY_SIZE);
}
