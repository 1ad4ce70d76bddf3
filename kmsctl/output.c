#include "kmsctl/output.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 8 /* the API's structures nest three deep */
#define MAX_NAME  512

bool kmsctl_json_add(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

json_t *kmsctl_json_str(struct kms_str text)
{
    if (text.data == NULL || !kms_utf8_valid(text))
        return json_null();
    return json_stringn_nocheck(text.data, text.len);
}

json_t *kmsctl_json_base64(struct kms_bytes bytes)
{
    size_t len = kms_base64_encoded_len(bytes.len);
    char *text = malloc(len + 1);

    if (text == NULL)
        return NULL;
    kms_base64_encode(bytes, text);
    json_t *value = json_stringn_nocheck(text, len);
    free(text);
    return value;
}

json_t *kmsctl_json_hex(struct kms_bytes bytes)
{
    char *text = malloc(2 * bytes.len + 1);

    if (text == NULL)
        return NULL;
    kms_hex_encode(bytes, text);
    json_t *value = json_stringn_nocheck(text, 2 * bytes.len);
    free(text);
    return value;
}

json_t *kmsctl_json_map(struct kms_str_map map)
{
    json_t *object = json_object();

    for (size_t i = 0; object != NULL && i < map.count; i++) {
        struct kms_str key = map.items[i].key;

        if (!kms_utf8_valid(key) || json_object_setn_new_nocheck(object, key.data, key.len,
                                        kmsctl_json_str(map.items[i].value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *json_time(int64_t time_ms)
{
    char text[KMS_TIME_RFC3339_SIZE];

    kms_time_format_rfc3339(time_ms, text);
    return json_string(text);
}

static json_t *value_of(const struct kms_type *type, const void *at, bool *absent, unsigned depth);

/* Bytes from one item of a list to the next. */
static size_t item_size(const struct kms_type *member)
{
    switch (member->kind) {
    case KMS_KIND_STRING:
        return sizeof(struct kms_str);
    case KMS_KIND_ENUM:
        return sizeof(int);
    case KMS_KIND_STRUCTURE:
        return member->structure->size;
    default:
        return 0; /* the API has no such lists */
    }
}

static json_t *shape_of(const struct kms_shape *shape, const void *value, unsigned depth)
{
    json_t *object = json_object();

    for (size_t i = 0; object != NULL && i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        bool absent = false;
        json_t *item =
            depth >= MAX_DEPTH
                ? json_null()
                : value_of(member->type, (const char *)value + member->offset, &absent, depth + 1);

        if (absent)
            continue;
        if (!kmsctl_json_add(object, member->name, item)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *list_of(const struct kms_type *type, const struct kms_list *list, unsigned depth)
{
    size_t size = item_size(type->member);
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && size > 0 && i < list->count; i++) {
        const char *at = (const char *)list->items + i * size;
        bool absent = false;
        json_t *item = type->member->kind == KMS_KIND_STRUCTURE
                           ? shape_of(type->member->structure, at, depth)
                           : value_of(type->member, at, &absent, depth);

        if (json_array_append_new(array, absent ? json_null() : item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* One member's value, or *absent. NULL without it: memory is out. */
static json_t *value_of(const struct kms_type *type, const void *at, bool *absent, unsigned depth)
{
    *absent = false;
    switch (type->kind) {
    case KMS_KIND_STRING: {
        const struct kms_str *text = at;
        *absent = text->data == NULL;
        return *absent ? NULL : kmsctl_json_str(*text);
    }
    case KMS_KIND_BLOB: {
        const struct kms_bytes *bytes = at;
        *absent = bytes->data == NULL;
        return *absent ? NULL : kmsctl_json_base64(*bytes);
    }
    case KMS_KIND_ENUM: {
        const int *value = at;
        const char *text = kms_enum_text(type, *value);
        *absent = *value == 0;
        return *absent ? NULL : json_string(text == NULL ? "UNRECOGNIZED" : text);
    }
    case KMS_KIND_INTEGER: {
        const struct kms_opt_int *number = at;
        *absent = !number->set;
        return *absent ? NULL : json_integer(number->value);
    }
    case KMS_KIND_BOOLEAN: {
        const struct kms_opt_bool *flag = at;
        *absent = !flag->set;
        return *absent ? NULL : json_boolean(flag->value);
    }
    case KMS_KIND_TIMESTAMP: {
        const struct kms_opt_time *time = at;
        *absent = !time->set;
        return *absent ? NULL : json_time(time->ms);
    }
    case KMS_KIND_LIST: {
        struct kms_list list;
        memcpy(&list, at, sizeof(list));
        *absent = list.items == NULL;
        return *absent ? NULL : list_of(type, &list, depth);
    }
    case KMS_KIND_MAP: {
        const struct kms_str_map *map = at;
        *absent = map->items == NULL;
        return *absent ? NULL : kmsctl_json_map(*map);
    }
    case KMS_KIND_STRUCTURE: {
        const void *structure;
        memcpy(&structure, at, sizeof(structure));
        *absent = structure == NULL;
        return *absent ? NULL : shape_of(type->structure, structure, depth);
    }
    }
    *absent = true;
    return NULL;
}

json_t *kmsctl_json_of(const struct kms_shape *shape, const void *value)
{
    return shape_of(shape, value, 0);
}

static void print_text(FILE *out, struct kms_str text, const char *backslash)
{
    for (size_t at = 0; at < text.len; at++) {
        unsigned char octet = (unsigned char)text.data[at];
        /* U+0080 to U+009F are control characters too: C2 80 to C2 9F */
        bool high_control =
            octet == 0xc2 && at + 1 < text.len && (unsigned char)text.data[at + 1] < 0xa0;

        if (octet == '\n')
            (void)fputs("\\n", out);
        else if (octet == '\t')
            (void)fputs("\\t", out);
        else if (octet == '\\')
            (void)fputs(backslash, out);
        else if (octet < 0x20 || octet == 0x7f)
            (void)fprintf(out, "\\x%02x", octet);
        else if (high_control)
            (void)fprintf(out, "\\x%02x", (unsigned char)text.data[++at]);
        else
            (void)fputc(octet, out);
    }
}

void kmsctl_print_escaped(FILE *out, struct kms_str text)
{
    print_text(out, text, "\\\\");
}

void kmsctl_print_visible(FILE *out, struct kms_str text)
{
    print_text(out, text, "\\");
}

static void print_scalar(FILE *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING: {
        struct kms_str text = {json_string_value(value), json_string_length(value)};
        kmsctl_print_escaped(out, text);
        break;
    }
    case JSON_INTEGER:
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_TRUE:
        (void)fputs("true", out);
        break;
    case JSON_FALSE:
        (void)fputs("false", out);
        break;
    default:
        (void)fputs("-", out);
    }
}

static bool is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

static void print_scalars(FILE *out, const json_t *array, const char *divider)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            (void)fputs(divider, out);
        print_scalar(out, json_array_get(array, i));
    }
}

static bool holds_scalars(const json_t *array)
{
    return json_array_size(array) == 0 || is_scalar(json_array_get(array, 0));
}

static void print_named(FILE *out, const char *name, const json_t *value, unsigned depth);

static void print_below(
    FILE *out, const char *name, const char *part, const json_t *value, unsigned depth)
{
    char longer[MAX_NAME];

    (void)snprintf(longer, sizeof(longer), "%s%s%s", name, name[0] == '\0' ? "" : ".", part);
    print_named(out, longer, value, depth + 1);
}

static void print_named(FILE *out, const char *name, const json_t *value, unsigned depth)
{
    if (depth > MAX_DEPTH)
        return;
    if (json_is_object(value)) {
        const char *key = NULL;
        json_t *item = NULL;

        json_object_foreach((json_t *)value, key, item)
        {
            print_below(out, name, key, item, depth);
        }
        return;
    }
    if (json_is_array(value) && !holds_scalars(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            char part[24];

            (void)snprintf(part, sizeof(part), "%zu", i + 1);
            print_below(out, name, part, json_array_get(value, i), depth);
        }
        return;
    }
    kmsctl_print_escaped(out, kms_str(name));
    (void)fputs(":", out);
    if (!json_is_string(value) || json_string_length(value) > 0)
        (void)fputs(" ", out);
    if (json_is_array(value))
        print_scalars(out, value, ", ");
    else
        print_scalar(out, value);
    (void)fputs("\n", out);
}

/* jansson leaves DEL and U+0080 to U+009F as they are, which terminals obey. They stand in strings only, of
 * which no part ends within a letter. */
static int print_json_part(const char *text, size_t len, void *out)
{
    for (size_t at = 0; at < len; at++) {
        unsigned char octet = (unsigned char)text[at];
        bool high_control = octet == 0xc2 && at + 1 < len && (unsigned char)text[at + 1] < 0xa0;

        if (octet == 0x7f)
            (void)fputs("\\u007F", out);
        else if (high_control)
            (void)fprintf(out, "\\u%04X", (unsigned char)text[++at]);
        else
            (void)fputc(octet, out);
    }
    return 0;
}

/* True when the value is there and the format is JSON: then it has been printed. */
static bool printed_json(struct kmsctl_app *app, const json_t *value)
{
    if (value == NULL || app->format != KMSCTL_JSON)
        return false;
    (void)json_dump_callback(value, print_json_part, app->out, JSON_INDENT(4));
    (void)fputs("\n", app->out);
    return true;
}

enum kmsctl_exit kmsctl_print_fields(struct kmsctl_app *app, const json_t *value)
{
    if (value == NULL)
        return kmsctl_fail_memory(&app->failure);
    if (!printed_json(app, value))
        print_named(app->out, "", value, 0);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_print_member(struct kmsctl_app *app, const json_t *value, const char *name)
{
    if (value == NULL)
        return kmsctl_fail_memory(&app->failure);
    if (!printed_json(app, value)) {
        const json_t *member = json_object_get(value, name);

        if (member != NULL)
            print_scalar(app->out, member);
        (void)fputs("\n", app->out);
    }
    return KMSCTL_OK;
}

static void print_cell(FILE *out, const json_t *value)
{
    bool empty = value == NULL || (json_is_string(value) && json_string_length(value) == 0) ||
                 (json_is_array(value) && json_array_size(value) == 0);

    if (empty)
        (void)fputs("-", out);
    else if (json_is_array(value))
        print_scalars(out, value, ",");
    else
        print_scalar(out, value);
}

enum kmsctl_exit kmsctl_print_rows(struct kmsctl_app *app, const json_t *value, const char *rows,
    const char *const *columns, size_t column_count)
{
    if (value == NULL)
        return kmsctl_fail_memory(&app->failure);
    if (printed_json(app, value))
        return KMSCTL_OK;
    const json_t *array = json_object_get(value, rows);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *row = json_array_get(array, i);

        for (size_t column = 0; column < column_count; column++) {
            if (column > 0)
                (void)fputs("\t", app->out);
            print_cell(app->out, json_object_get(row, columns[column]));
        }
        (void)fputs("\n", app->out);
    }
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_print_done(struct kmsctl_app *app, const json_t *value)
{
    if (value == NULL)
        return kmsctl_fail_memory(&app->failure);
    (void)printed_json(app, value);
    return KMSCTL_OK;
}
