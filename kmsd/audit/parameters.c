#include "kmsd/audit/parameters.h"

#include <stdio.h>
#include <time.h>

enum { DEPTH_MAX = 8, NAME_MAX_LEN = 63 };

bool kmsd_audit_may_show(const struct kms_type *type)
{
    while (type->kind == KMS_KIND_LIST && !type->sensitive)
        type = type->member;
    return type->kind != KMS_KIND_BLOB && !type->sensitive &&
           strcmp(type->name, "GrantTokenType") != 0;
}

void kmsd_audit_write_name(struct kms_buf *out, const char *name)
{
    char lower[NAME_MAX_LEN + 1];
    size_t len = strlen(name);
    if (len > NAME_MAX_LEN)
        len = NAME_MAX_LEN; /* no member of the API is that long */
    memcpy(lower, name, len);
    if (lower[0] >= 'A' && lower[0] <= 'Z')
        lower[0] = (char)(lower[0] - 'A' + 'a');
    kmsd_json_name(out, (struct kms_str){lower, len});
}

/* "Jan 1, 2021, 8:00:00 PM" */
static void write_time(struct kms_buf *out, int64_t time_ms)
{
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm when;
    char text[64];
    time_t seconds = (time_t)(time_ms / 1000);
    if (gmtime_r(&seconds, &when) == NULL) {
        KMSD_JSON_LITERAL(out, "null");
        return;
    }
    int hour = when.tm_hour % 12 == 0 ? 12 : when.tm_hour % 12;
    (void)snprintf(text, sizeof(text), "%s %d, %d, %d:%02d:%02d %s", months[when.tm_mon],
        when.tm_mday, when.tm_year + 1900, hour, when.tm_min, when.tm_sec,
        when.tm_hour < 12 ? "AM" : "PM");
    kmsd_json_string(out, kms_str(text));
}

static void write_map(struct kms_buf *out, const struct kms_str_map *map)
{
    kmsd_json_raw(out, "{", 1);
    for (size_t i = 0; i < map->count; i++) {
        kmsd_json_comma(out);
        kmsd_json_string(out, map->items[i].key);
        kmsd_json_raw(out, ":", 1);
        kmsd_json_string(out, map->items[i].value);
    }
    kmsd_json_raw(out, "}", 1);
}

static void write_structure(
    struct kms_buf *out, const struct kms_shape *shape, const void *value, unsigned depth);
static void write_list(struct kms_buf *out, const struct kms_type *member,
    const struct kms_list *list, unsigned depth);

static bool is_there(const struct kms_type *type, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        return ((const struct kms_str *)slot)->data != NULL;
    case KMS_KIND_BLOB:
        return ((const struct kms_bytes *)slot)->data != NULL;
    case KMS_KIND_ENUM:
        return *(const int *)slot > 0;
    case KMS_KIND_INTEGER:
        return ((const struct kms_opt_int *)slot)->set;
    case KMS_KIND_BOOLEAN:
        return ((const struct kms_opt_bool *)slot)->set;
    case KMS_KIND_TIMESTAMP:
        return ((const struct kms_opt_time *)slot)->set;
    case KMS_KIND_LIST:
        return ((const struct kms_list *)slot)->items != NULL;
    case KMS_KIND_MAP:
        return ((const struct kms_str_map *)slot)->items != NULL;
    case KMS_KIND_STRUCTURE:
        return *(const void *const *)slot != NULL;
    }
    return false;
}

/* NOLINTBEGIN(misc-no-recursion): bounded by DEPTH_MAX; the model is no deeper than three */

static void write_value(
    struct kms_buf *out, const struct kms_type *type, const void *slot, unsigned depth)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        kmsd_json_string(out, *(const struct kms_str *)slot);
        break;
    case KMS_KIND_ENUM:
        kmsd_json_string(out, kms_str(kms_enum_text(type, *(const int *)slot)));
        break;
    case KMS_KIND_INTEGER:
        kmsd_json_integer(out, ((const struct kms_opt_int *)slot)->value);
        break;
    case KMS_KIND_BOOLEAN:
        kmsd_json_boolean(out, ((const struct kms_opt_bool *)slot)->value);
        break;
    case KMS_KIND_TIMESTAMP:
        write_time(out, ((const struct kms_opt_time *)slot)->ms);
        break;
    case KMS_KIND_LIST:
        write_list(out, type->member, slot, depth);
        break;
    case KMS_KIND_MAP:
        write_map(out, slot);
        break;
    case KMS_KIND_STRUCTURE:
        write_structure(out, type->structure, *(const void *const *)slot, depth);
        break;
    case KMS_KIND_BLOB:
        break; /* never */
    }
}

/* Items that are structures lie in the list themselves; as members they are pointed to. */
static void write_list(
    struct kms_buf *out, const struct kms_type *member, const struct kms_list *list, unsigned depth)
{
    kmsd_json_raw(out, "[", 1);
    for (size_t i = 0; depth != 0 && i < list->count; i++) {
        kmsd_json_comma(out);
        if (member->kind == KMS_KIND_STRUCTURE)
            write_structure(out, member->structure,
                (const char *)list->items + i * member->structure->size, depth - 1);
        else if (member->kind == KMS_KIND_ENUM)
            write_value(out, member, (const int *)list->items + i, depth - 1);
        else
            kmsd_json_string(out, ((const struct kms_str *)list->items)[i]);
    }
    kmsd_json_raw(out, "]", 1);
}

static void write_structure(
    struct kms_buf *out, const struct kms_shape *shape, const void *value, unsigned depth)
{
    kmsd_json_raw(out, "{", 1);
    for (size_t i = 0; depth != 0 && i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        const void *slot = (const char *)value + member->offset;
        if (!is_there(member->type, slot) || !kmsd_audit_may_show(member->type))
            continue;
        kmsd_audit_write_name(out, member->name);
        write_value(out, member->type, slot, depth - 1);
    }
    kmsd_json_raw(out, "}", 1);
}

/* NOLINTEND(misc-no-recursion) */

bool kmsd_audit_has(const struct kms_shape *shape, const void *value, const char *name)
{
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        if (strcmp(member->name, name) == 0)
            return is_there(member->type, (const char *)value + member->offset);
    }
    return false;
}

void kmsd_audit_write_shape(struct kms_buf *out, const struct kms_shape *shape, const void *value)
{
    write_structure(out, shape, value, DEPTH_MAX);
}
