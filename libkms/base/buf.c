#include "libkms/base/buf.h"

#include "libkms/base/secret.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>

enum { BUF_FIRST_CAPACITY = 256 };

void kms_buf_init(struct kms_buf *buf, size_t max)
{
    *buf = (struct kms_buf){.max = max};
}

void kms_buf_clean_up(struct kms_buf *buf)
{
    if (buf == NULL)
        return;
    kms_wipe(buf->data, buf->capacity);
    OPENSSL_free(buf->data);
    *buf = (struct kms_buf){.max = buf->max};
}

void kms_buf_reset(struct kms_buf *buf)
{
    kms_wipe(buf->data, buf->len);
    buf->len = 0;
    buf->err = KMS_OK;
}

/* The storage always has one octet more than is written: vsnprintf ends with a NUL, which must not
 * count against the maximum. So it has never more than one octet beyond the maximum. */
static enum kms_err grow_to(struct kms_buf *buf, size_t needed)
{
    size_t most = buf->max == SIZE_MAX ? SIZE_MAX : buf->max + 1;
    size_t capacity = buf->capacity == 0 ? BUF_FIRST_CAPACITY : buf->capacity;
    while (capacity <= needed && capacity != SIZE_MAX)
        capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
    if (capacity > most)
        capacity = most;
    uint8_t *data = OPENSSL_clear_realloc(buf->data, buf->capacity, capacity);
    if (data == NULL)
        return KMS_ERR_NO_MEMORY;
    buf->data = data;
    buf->capacity = capacity;
    return KMS_OK;
}

uint8_t *kms_buf_extend_storage(struct kms_buf *buf, size_t len)
{
    if (buf->err != KMS_OK)
        return NULL;
    if (len > buf->max - buf->len) {
        buf->err = KMS_ERR_LIMIT;
        return NULL;
    }
    if (buf->data == NULL || len >= buf->capacity - buf->len) {
        buf->err = grow_to(buf, buf->len + len);
        if (buf->err != KMS_OK)
            return NULL;
    }
    uint8_t *at = buf->data + buf->len;
    buf->len += len;
    return at;
}

void kms_buf_truncate(struct kms_buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    kms_wipe(buf->data + len, buf->len - len);
    buf->len = len;
}

void kms_buf_append(struct kms_buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    uint8_t *at = kms_buf_extend(buf, len);
    if (at != NULL)
        memcpy(at, data, len);
}

void kms_buf_append_str(struct kms_buf *buf, struct kms_str text)
{
    kms_buf_append(buf, text.data, text.len);
}

void kms_buf_append_text(struct kms_buf *buf, const char *text)
{
    kms_buf_append(buf, text, strlen(text));
}

static void append_big_endian(struct kms_buf *buf, uint64_t value, size_t octets)
{
    uint8_t *at = kms_buf_extend(buf, octets);
    for (size_t i = 0; at != NULL && i < octets; i++)
        at[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

void kms_buf_append_u16(struct kms_buf *buf, uint16_t value)
{
    append_big_endian(buf, value, 2);
}

void kms_buf_append_u32(struct kms_buf *buf, uint32_t value)
{
    append_big_endian(buf, value, 4);
}

void kms_buf_append_u64(struct kms_buf *buf, uint64_t value)
{
    append_big_endian(buf, value, 8);
}

void kms_buf_printf(struct kms_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) {
        if (buf->err == KMS_OK)
            buf->err = KMS_ERR_INTERNAL;
        return;
    }
    uint8_t *at = kms_buf_extend(buf, (size_t)len);
    if (at == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf((char *)at, (size_t)len + 1, format, args);
    va_end(args);
}
