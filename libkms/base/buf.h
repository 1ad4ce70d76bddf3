/*
 * A growable byte buffer with a maximum from birth and a sticky error: write as often as you like,
 * check once. Wipes its storage when it grows and when it is cleaned up, so that it may carry
 * requests and answers with plaintexts in them.
 */
#ifndef KMS_BASE_BUF_H
#define KMS_BASE_BUF_H

#include <kms/bytes.h>
#include <kms/error.h>

struct kms_buf {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t max;
    enum kms_err
        err; /* first failure: KMS_ERR_LIMIT or KMS_ERR_NO_MEMORY; later writes do nothing */
};

/* An empty buffer that will never hold more than max bytes. Allocates nothing. */
void kms_buf_init(struct kms_buf *buf, size_t max);

/* Wipes and frees the storage; the buffer is empty and usable again. NULL is allowed. */
void kms_buf_clean_up(struct kms_buf *buf);
#define KMS_BUF_AUTO __attribute__((cleanup(kms_buf_clean_up))) struct kms_buf

/* Forgets the contents and the sticky error, keeps (and wipes) the storage. */
void kms_buf_reset(struct kms_buf *buf);

/* The same without wiping, for what is no secret. */
static inline void kms_buf_rewind(struct kms_buf *buf)
{
    buf->len = 0;
    buf->err = KMS_OK;
}

void kms_buf_append(struct kms_buf *buf, const void *data, size_t len);
void kms_buf_append_str(struct kms_buf *buf, struct kms_str text);
void kms_buf_append_text(struct kms_buf *buf, const char *text);
void kms_buf_append_u16(struct kms_buf *buf, uint16_t value); /* big-endian */
void kms_buf_append_u32(struct kms_buf *buf, uint32_t value); /* big-endian */
void kms_buf_append_u64(struct kms_buf *buf, uint64_t value); /* big-endian */
void kms_buf_printf(struct kms_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For kms_buf_extend, where there is no room yet, or never. */
uint8_t *kms_buf_extend_storage(struct kms_buf *buf, size_t len);

/* Makes room for len bytes at the end and returns where to write them, or NULL with the sticky
 * error set. The bytes count as written; kms_buf_truncate gives back what was not used. */
static inline uint8_t *kms_buf_extend(struct kms_buf *buf, size_t len)
{
    if (buf->err != KMS_OK || len >= buf->capacity - buf->len)
        return kms_buf_extend_storage(buf, len);
    uint8_t *at = buf->data + buf->len;
    buf->len += len;
    return at;
}

static inline void kms_buf_append_u8(struct kms_buf *buf, uint8_t value)
{
    uint8_t *at = kms_buf_extend(buf, 1);
    if (at != NULL)
        *at = value;
}

void kms_buf_truncate(struct kms_buf *buf, size_t len);

static inline struct kms_bytes kms_buf_bytes(const struct kms_buf *buf)
{
    return kms_bytes(buf->data == NULL ? (const uint8_t *)"" : buf->data, buf->len);
}

static inline struct kms_str kms_buf_str(const struct kms_buf *buf)
{
    struct kms_str view = {buf->data == NULL ? "" : (const char *)buf->data, buf->len};
    return view;
}

#endif
