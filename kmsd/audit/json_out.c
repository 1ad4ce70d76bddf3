#include "kmsd/audit/json_out.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/trail/scan.h"

bool kmsd_json_is_plain(struct kms_str text)
{
    return kms_json_plain_len(text) == text.len;
}

void kmsd_json_string(struct kms_buf *out, struct kms_str text)
{
    if (text.data == NULL) {
        KMSD_JSON_LITERAL(out, "null");
        return;
    }
    kmsd_json_raw(out, "\"", 1);
    if (kmsd_json_is_plain(text))
        kmsd_json_raw(out, text.data, text.len);
    else
        kms_trail_escape(out, text);
    kmsd_json_raw(out, "\"", 1);
}

void kmsd_json_integer(struct kms_buf *out, int64_t value)
{
    char digits[21];
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (value < 0)
        digits[--at] = '-';
    kmsd_json_raw(out, digits + at, sizeof(digits) - at);
}

void kmsd_json_boolean(struct kms_buf *out, bool value)
{
    if (value)
        KMSD_JSON_LITERAL(out, "true");
    else
        KMSD_JSON_LITERAL(out, "false");
}

void kmsd_json_comma(struct kms_buf *out)
{
    uint8_t last = out->len == 0 ? '{' : out->data[out->len - 1];
    if (last != '{' && last != '[')
        kmsd_json_raw(out, ",", 1);
}

void kmsd_json_name(struct kms_buf *out, struct kms_str name)
{
    kmsd_json_comma(out);
    kmsd_json_raw(out, "\"", 1);
    kmsd_json_raw(out, name.data, name.len);
    kmsd_json_raw(out, "\":", 2);
}

void kmsd_json_member(struct kms_buf *out, const char *name, struct kms_str text)
{
    if (text.data == NULL)
        return;
    kmsd_json_name(out, kms_str(name));
    kmsd_json_string(out, text);
}

void kmsd_json_next(struct kms_buf *out, struct kms_str opening, struct kms_str text)
{
    if (text.data == NULL)
        return;
    kmsd_json_raw(out, opening.data, opening.len);
    if (kmsd_json_is_plain(text))
        kmsd_json_raw(out, text.data, text.len);
    else
        kms_trail_escape(out, text);
    kmsd_json_raw(out, "\"", 1);
}

void kmsd_json_time(struct kms_buf *out, int64_t time_ms)
{
    enum { TO_SECONDS = 19 };
    char text[KMS_TIME_RFC3339_SIZE];
    kms_time_format_rfc3339(time_ms, text);
    kmsd_json_raw(out, "\"", 1);
    kmsd_json_raw(out, text, TO_SECONDS);
    kmsd_json_raw(out, "Z\"", 2);
}
