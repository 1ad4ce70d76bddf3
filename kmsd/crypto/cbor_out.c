#include "kmsd/crypto/cbor_out.h"

#include <cbor.h>

enum { HEAD_MAX = 9 };

void kmsd_cbor_append_int(struct kms_buf *buf, int64_t value)
{
    uint8_t head[HEAD_MAX];
    size_t len = value >= 0 ? cbor_encode_uint((uint64_t)value, head, sizeof(head))
                            : cbor_encode_negint(~(uint64_t)value, head, sizeof(head));
    kms_buf_append(buf, head, len);
}

void kmsd_cbor_append_bytes_head(struct kms_buf *buf, size_t len)
{
    uint8_t head[HEAD_MAX];
    kms_buf_append(buf, head, cbor_encode_bytestring_start(len, head, sizeof(head)));
}

void kmsd_cbor_append_bytes(struct kms_buf *buf, struct kms_bytes bytes)
{
    kmsd_cbor_append_bytes_head(buf, bytes.len);
    kms_buf_append(buf, bytes.data, bytes.len);
}

void kmsd_cbor_append_text(struct kms_buf *buf, struct kms_str text)
{
    uint8_t head[HEAD_MAX];
    kms_buf_append(buf, head, cbor_encode_string_start(text.len, head, sizeof(head)));
    kms_buf_append_str(buf, text);
}

void kmsd_cbor_append_array(struct kms_buf *buf, size_t items)
{
    uint8_t head[HEAD_MAX];
    kms_buf_append(buf, head, cbor_encode_array_start(items, head, sizeof(head)));
}

void kmsd_cbor_append_map(struct kms_buf *buf, size_t pairs)
{
    uint8_t head[HEAD_MAX];
    kms_buf_append(buf, head, cbor_encode_map_start(pairs, head, sizeof(head)));
}

size_t kmsd_cbor_head_size(uint64_t argument)
{
    if (argument < 24)
        return 1;
    if (argument <= UINT8_MAX)
        return 2;
    if (argument <= UINT16_MAX)
        return 3;
    return argument <= UINT32_MAX ? 5 : HEAD_MAX;
}
