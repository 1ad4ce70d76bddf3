/* Policy documents as text: the default one, and how they are printed. */
#include "kmsd/policy/document.h"

#include <jansson.h>
#include <stdlib.h>

static void json_free_at(json_t **json)
{
    json_decref(*json);
}
#define JSON_AUTO __attribute__((cleanup(json_free_at))) json_t *

static json_t *parse(struct kms_str text)
{
    json_error_t ignored;
    return json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &ignored);
}

struct kms_str kmsd_policy_default(
    const char *partition, struct kms_str account, struct kms_arena *arena)
{
    return kms_arena_printf(arena,
        "{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{"
        "\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\","
        "\"Principal\":{\"AWS\":\"arn:%s:iam::%.*s:root\"},"
        "\"Action\":\"kms:*\",\"Resource\":\"*\"}]}",
        partition, (int)account.len, account.data);
}

/* --- printing --------------------------------------------------------------------------------- */

/* Not json_dumps: its result has to go back to whatever allocator Jansson was given. */
static int put_text(const char *text, size_t len, void *out)
{
    kms_buf_append(out, text, len);
    return 0; /* the buffer keeps the error */
}

static void put_scalar(struct kms_buf *out, json_t *value)
{
    if (json_dump_callback(value, put_text, out, JSON_ENCODE_ANY) != 0 && out->err == KMS_OK)
        out->err = KMS_ERR_NO_MEMORY;
}

static void put_line(struct kms_buf *out, unsigned level)
{
    kms_buf_append_text(out, "\n");
    for (unsigned i = 0; i < level; i++)
        kms_buf_append_text(out, "  ");
}

static void put_name(struct kms_buf *out, const char *name)
{
    JSON_AUTO text = json_string(name);
    if (text != NULL)
        put_scalar(out, text);
    else if (out->err == KMS_OK)
        out->err = KMS_ERR_NO_MEMORY;
}

/* level counts the objects around the value: lists do not indent. */
static void put_value(struct kms_buf *out, json_t *value, unsigned level, unsigned depth)
{
    const char *name;
    size_t index;
    json_t *item;
    bool first = true;
    if (depth > KMSD_POLICY_MAX_DEPTH) {
        out->err = KMS_ERR_TOO_DEEP;
        return;
    }
    if (json_is_object(value)) {
        kms_buf_append_text(out, "{");
        json_object_foreach(value, name, item)
        {
            kms_buf_append_text(out, first ? "" : ",");
            first = false;
            put_line(out, level + 1);
            put_name(out, name);
            kms_buf_append_text(out, " : ");
            put_value(out, item, level + 1, depth + 1);
        }
        if (first)
            kms_buf_append_text(out, " ");
        else
            put_line(out, level);
        kms_buf_append_text(out, "}");
    } else if (json_is_array(value)) {
        kms_buf_append_text(out, "[ ");
        json_array_foreach(value, index, item)
        {
            kms_buf_append_text(out, index == 0 ? "" : ", ");
            put_value(out, item, level, depth + 1);
        }
        kms_buf_append_text(out, json_array_size(value) == 0 ? "]" : " ]");
    } else {
        put_scalar(out, value);
    }
}

enum kms_err kmsd_policy_format(struct kms_str text, struct kms_buf *out)
{
    JSON_AUTO document = parse(text);
    if (document == NULL)
        return KMS_ERR_SYNTAX;
    put_value(out, document, 0, 0);
    return out->err;
}
