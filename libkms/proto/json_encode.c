/* AWS JSON 1.1: structures of the API into text, straight into the buffer. */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec_impl.h"

#include <inttypes.h>

static void put_escape(struct kms_buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = {'\\', (char)c, '0', '0', hex[c >> 4], hex[c & 15]};
    size_t len = 2;
    if (c == '\n') {
        escape[1] = 'n';
    } else if (c == '\r') {
        escape[1] = 'r';
    } else if (c == '\t') {
        escape[1] = 't';
    } else if (c < 0x20) {
        escape[1] = 'u';
        len = sizeof(escape);
    }
    kms_buf_append(out, escape, len);
}

/* Letters beyond ASCII stay as they are. */
static void put_odd(struct kms_buf *out, struct kms_str text)
{
    size_t run = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        kms_buf_append(out, text.data + run, i - run);
        run = i + 1;
        put_escape(out, c);
    }
    kms_buf_append(out, text.data + run, text.len - run);
}

static void put_text(struct kms_buf *out, struct kms_str text)
{
    size_t plain = kms_json_plain_len(text);
    if (plain < text.len && !kms_encodable(text, out))
        return;
    uint8_t *at = kms_buf_extend(out, plain + 2);
    if (at == NULL)
        return;
    at[0] = '"';
    if (plain != 0)
        memcpy(at + 1, text.data, plain);
    at[plain + 1] = '"';
    if (plain == text.len)
        return;
    kms_buf_truncate(out, out->len - 1);
    put_odd(out, (struct kms_str){text.data + plain, text.len - plain});
    kms_buf_append_u8(out, '"');
}

static void put_blob(struct kms_buf *out, struct kms_bytes blob)
{
    kms_buf_append_u8(out, '"');
    kms_base64_append(out, blob);
    kms_buf_append_u8(out, '"');
}

/* Seconds with up to three digits after the point, none for whole seconds: 1568565290.123 */
static void put_timestamp(struct kms_buf *out, int64_t ms)
{
    uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    unsigned fraction = (unsigned)(magnitude % 1000);
    int digits = 3;
    while (digits > 0 && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    kms_buf_printf(out, "%s%" PRIu64, ms < 0 ? "-" : "", magnitude / 1000);
    if (digits > 0)
        kms_buf_printf(out, ".%0*u", digits, fraction);
}

static void put_structure(struct kms_buf *out, const struct kms_shape *shape, const void *in);

static void put_list(struct kms_buf *out, const struct kms_type *member, struct kms_list list)
{
    size_t size = kms_item_size(member);
    bool first = true;
    kms_buf_append_u8(out, '[');
    for (size_t i = 0; i < list.count; i++) {
        const uint8_t *item = (const uint8_t *)list.items + i * size;
        if (!kms_item_encoded(member, item))
            continue;
        if (!first)
            kms_buf_append_u8(out, ',');
        first = false;
        if (member->kind == KMS_KIND_STRUCTURE)
            put_structure(out, member->structure, item);
        else if (member->kind == KMS_KIND_ENUM)
            put_text(out, kms_str(kms_enum_text(member, kms_slot_enum(item))));
        else
            put_text(out, kms_slot_str(item));
    }
    kms_buf_append_u8(out, ']');
}

static void put_map(struct kms_buf *out, const struct kms_str_map *map)
{
    bool first = true;
    kms_buf_append_u8(out, '{');
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].value.data == NULL)
            continue;
        if (!first)
            kms_buf_append_u8(out, ',');
        first = false;
        put_text(out, map->items[i].key);
        kms_buf_append_u8(out, ':');
        put_text(out, map->items[i].value);
    }
    kms_buf_append_u8(out, '}');
}

static void put_value(struct kms_buf *out, const struct kms_type *type, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        put_text(out, kms_slot_str(slot));
        break;
    case KMS_KIND_BLOB:
        put_blob(out, kms_slot_bytes(slot));
        break;
    case KMS_KIND_ENUM:
        put_text(out, kms_str(kms_enum_text(type, kms_slot_enum(slot))));
        break;
    case KMS_KIND_INTEGER:
        kms_buf_printf(out, "%" PRId32, ((const struct kms_opt_int *)slot)->value);
        break;
    case KMS_KIND_BOOLEAN:
        kms_buf_append_text(out, ((const struct kms_opt_bool *)slot)->value ? "true" : "false");
        break;
    case KMS_KIND_TIMESTAMP:
        put_timestamp(out, ((const struct kms_opt_time *)slot)->ms);
        break;
    case KMS_KIND_LIST:
        put_list(out, type->member, kms_slot_list(slot));
        break;
    case KMS_KIND_MAP:
        put_map(out, slot);
        break;
    case KMS_KIND_STRUCTURE:
        put_structure(out, type->structure, kms_slot_structure(slot));
        break;
    }
}

static void put_structure(struct kms_buf *out, const struct kms_shape *shape, const void *in)
{
    bool first = true;
    kms_buf_append_u8(out, '{');
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        const void *slot = (const uint8_t *)in + member->offset;
        if (!kms_slot_encoded(member->type, slot))
            continue;
        kms_buf_append_text(out, first ? "\"" : ",\"");
        first = false;
        kms_buf_append_text(out, member->name);
        kms_buf_append_text(out, "\":");
        put_value(out, member->type, slot);
    }
    kms_buf_append_u8(out, '}');
}

void kms_json_encode(const struct kms_shape *shape, const void *in, struct kms_buf *out)
{
    put_structure(out, shape, in);
}

void kms_json_encode_fault(
    const char *type, const char *message_name, struct kms_str message, struct kms_buf *out)
{
    kms_buf_append_text(out, "{\"__type\":");
    put_text(out, kms_str(type));
    if (message.data != NULL) {
        kms_buf_append_text(out, ",\"");
        kms_buf_append_text(out, message_name);
        kms_buf_append_text(out, "\":");
        put_text(out, message);
    }
    kms_buf_append_u8(out, '}');
}
