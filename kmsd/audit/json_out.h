/*
 * Writes JSON into a bounded buffer: what a record is made of. No tree, no look-back but the one
 * that knows whether a comma is due. Errors stay in the buffer (KMS_ERR_LIMIT when it is full).
 */
#ifndef KMSD_AUDIT_JSON_OUT_H
#define KMSD_AUDIT_JSON_OUT_H

#include "libkms/base/buf.h"

/* Bytes as they are. Nearly always there is room: no call then. */
static inline void kmsd_json_raw(struct kms_buf *out, const char *text, size_t len)
{
    if (out->err == KMS_OK && out->capacity > out->len && out->capacity - out->len > len) {
        memcpy(out->data + out->len, text, len);
        out->len += len;
        return;
    }
    kms_buf_append(out, text, len);
}
#define KMSD_JSON_LITERAL(out, text) kmsd_json_raw((out), (text), sizeof(text) - 1)

/* Whether a text goes between quotes as it is. */
bool kmsd_json_is_plain(struct kms_str text);

/* "text" with quotes, escaped; absent: null. What is not well-formed UTF-8 becomes U+FFFD. */
void kmsd_json_string(struct kms_buf *out, struct kms_str text);
void kmsd_json_integer(struct kms_buf *out, int64_t value);
void kmsd_json_boolean(struct kms_buf *out, bool value);

/* A comma unless the buffer ends with an opening bracket or is empty. */
void kmsd_json_comma(struct kms_buf *out);

/* ,"name": with the name as it is */
void kmsd_json_name(struct kms_buf *out, struct kms_str name);

/* ,"name":"text" unless the text is absent */
void kmsd_json_member(struct kms_buf *out, const char *name, struct kms_str text);

/* The same for a name that is known, in an object that has a member already. */
#define KMSD_JSON_NEXT(out, name, text) \
    kmsd_json_next((out), (struct kms_str)KMS_STR_LITERAL(",\"" name "\":\""), (text))
void kmsd_json_next(struct kms_buf *out, struct kms_str opening, struct kms_str text);

/* "2026-11-23T04:37:52Z" with its quotes. */
void kmsd_json_time(struct kms_buf *out, int64_t time_ms);

#endif
