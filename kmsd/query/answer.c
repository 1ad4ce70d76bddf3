/* What answers are made of, and lists in pages. */
#include "kmsd/query/call.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

static enum kms_err done(int failed)
{
    return failed == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

enum kms_err kmsd_put_text(json_t *object, const char *name, struct kms_str value)
{
    if (value.data == NULL)
        return KMS_OK;
    return done(json_object_set_new(object, name, json_stringn(value.data, value.len)));
}

enum kms_err kmsd_put_integer(json_t *object, const char *name, int64_t value)
{
    return done(json_object_set_new(object, name, json_integer(value)));
}

enum kms_err kmsd_put_boolean(json_t *object, const char *name, bool value)
{
    return done(json_object_set_new(object, name, json_boolean(value)));
}

/* To the second, as both services write it. */
enum kms_err kmsd_put_time(json_t *object, const char *name, int64_t time_ms)
{
    char text[KMS_TIME_RFC3339_SIZE];
    enum { SECONDS_LEN = 19 }; /* "2026-11-23T01:12:53" */
    kms_time_format_rfc3339(time_ms, text);
    text[SECONDS_LEN] = 'Z';
    return kmsd_put_text(object, name, (struct kms_str){text, SECONDS_LEN + 1});
}

json_t *kmsd_put_object(json_t *object, const char *name)
{
    json_t *added = json_object();
    return json_object_set_new(object, name, added) == 0 ? added : NULL;
}

json_t *kmsd_put_list(json_t *object, const char *name)
{
    json_t *added = json_array();
    return json_object_set_new(object, name, added) == 0 ? added : NULL;
}

json_t *kmsd_append_object(json_t *list)
{
    json_t *added = json_object();
    return json_array_append_new(list, added) == 0 ? added : NULL;
}

enum kms_err kmsd_append_text(json_t *list, struct kms_str text)
{
    return done(json_array_append_new(list, json_stringn(text.data, text.len)));
}

enum kms_err kmsd_put_tags(json_t *object, const char *name, const struct kms_str_map *tags)
{
    json_t *list = kmsd_put_list(object, name);
    enum kms_err err = list == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    for (size_t i = 0; i < tags->count && err == KMS_OK; i++) {
        json_t *tag = kmsd_append_object(list);
        if (tag == NULL)
            return KMS_ERR_NO_MEMORY;
        err = kmsd_put_text(tag, "Key", tags->items[i].key);
        if (err == KMS_OK)
            err = kmsd_put_text(tag, "Value", tags->items[i].value);
    }
    return err;
}

enum kms_err kmsd_put_document(
    struct kmsd_query_call *call, json_t *object, const char *name, struct kms_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    if (call->is_operator)
        return kmsd_put_text(object, name, text); /* for people */
    char *encoded = kms_arena_alloc(call->arena, 3 * text.len + 1);
    size_t len = 0;
    if (encoded == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.data[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || (c != 0 && strchr("-_.~", c) != NULL);
        if (is_plain) {
            encoded[len++] = (char)c;
        } else {
            encoded[len++] = '%';
            encoded[len++] = hex[c >> 4];
            encoded[len++] = hex[c & 15];
        }
    }
    return kmsd_put_text(object, name, (struct kms_str){encoded, len});
}

/* --- pages ------------------------------------------------------------------------------------ */

enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000, MARKER_MAX = 400 };

enum kms_err kmsd_query_page_begin(struct kmsd_query_call *call, struct kmsd_query_page *page)
{
    int32_t max = 0;
    struct kms_str marker = kmsd_form_get(&call->form, "Marker");
    enum kms_err err = kmsd_query_number(call, "MaxItems", 1, PAGE_MAX, PAGE_DEFAULT, &max);
    if (err != KMS_OK)
        return err;
    *page = (struct kmsd_query_page){.max = (size_t)max};
    if (marker.data == NULL)
        return KMS_OK;
    uint8_t *name = kms_arena_alloc(call->arena, kms_base64_decoded_max(marker.len));
    if (name == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t len = 0;
    if (marker.len > MARKER_MAX || kms_base64_decode(marker, name, &len) != KMS_OK)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION, "Invalid Marker.");
    page->after = (struct kms_str){(const char *)name, len};
    return KMS_OK;
}

bool kmsd_query_page_takes(
    struct kmsd_query_call *call, struct kmsd_query_page *page, struct kms_str name)
{
    if (page->count == page->max) {
        page->is_truncated = true;
        return false;
    }
    page->count++;
    if (page->count == page->max)
        page->last = kms_arena_str(call->arena, name);
    return true;
}

enum kms_err kmsd_query_page_end(struct kmsd_query_call *call, const struct kmsd_query_page *page)
{
    enum kms_err err = kmsd_put_boolean(call->result, "IsTruncated", page->is_truncated);
    if (err != KMS_OK || !page->is_truncated)
        return err;
    char marker[MARKER_MAX];
    size_t len = kms_base64_encoded_len(page->last.len);
    if (page->last.data == NULL || len > sizeof(marker))
        return KMS_ERR_NO_MEMORY;
    kms_base64_encode(kms_bytes(page->last.data, page->last.len), marker);
    return kmsd_put_text(call->result, "Marker", (struct kms_str){marker, len});
}
