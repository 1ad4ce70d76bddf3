/* Deterministically encoded CBOR (RFC 8949 section 4.2.1) appended to a buffer: shortest heads,
 * definite lengths. The order of a map's keys is the caller's to get right. */
#ifndef KMSD_CRYPTO_CBOR_OUT_H
#define KMSD_CRYPTO_CBOR_OUT_H

#include "libkms/base/buf.h"

void kmsd_cbor_append_int(struct kms_buf *buf, int64_t value);
void kmsd_cbor_append_bytes_head(struct kms_buf *buf, size_t len); /* the bytes follow */
void kmsd_cbor_append_bytes(struct kms_buf *buf, struct kms_bytes bytes);
void kmsd_cbor_append_text(struct kms_buf *buf, struct kms_str text);
void kmsd_cbor_append_array(struct kms_buf *buf, size_t items); /* the items follow */
void kmsd_cbor_append_map(struct kms_buf *buf, size_t pairs);   /* the pairs follow */

/* Bytes that the head of an item with this argument (a length or a number) takes. */
size_t kmsd_cbor_head_size(uint64_t argument);

#endif
