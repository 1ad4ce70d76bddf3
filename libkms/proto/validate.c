/*
 * The constraints of the API, and the texts of their violations as the live service words them:
 *
 *   1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: Member must have
 *   length greater than or equal to 1
 *
 * Violations come in the order of the shape's rows; within one value the bounds come before the
 * pattern. Lengths of text count UTF-16 code units.
 */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec_impl.h"

#include <inttypes.h>
#include <stdio.h>

/* The live service shows values whole, but those here come from anybody: a longer one is cut and
 * ends in "...", and once the text has grown to MESSAGE_FULL bytes violations are only counted. */
enum { SHOWN_VALUE_MAX = 4096, MESSAGE_FULL = 16384, MESSAGE_MAX = 65536, PATH_MAX_LEN = 512 };

struct validation {
    const struct kms_decoding *decoding;
    struct kms_buf text; /* "E1; E2" */
    size_t violations;
    char path[PATH_MAX_LEN]; /* "tags.2.member.tagKey" */
    size_t path_len;
};

/* --- where ------------------------------------------------------------------------------------ */

static void path_append(struct validation *v, const char *text, size_t len)
{
    if (len > sizeof(v->path) - v->path_len)
        len = sizeof(v->path) - v->path_len;
    memcpy(v->path + v->path_len, text, len);
    v->path_len += len;
}

/* "KeyId" is shown as keyId. The caller puts path_len back. */
static void path_push(struct validation *v, const char *name)
{
    if (v->path_len > 0)
        path_append(v, ".", 1);
    size_t at = v->path_len;
    path_append(v, name, strlen(name));
    if (v->path_len > at && v->path[at] >= 'A' && v->path[at] <= 'Z')
        v->path[at] = (char)(v->path[at] - 'A' + 'a');
}

static void path_push_item(struct validation *v, size_t index)
{
    char text[32];
    int len = snprintf(text, sizeof(text), ".%zu.member", index + 1);
    path_append(v, text, (size_t)len);
}

/* --- what ------------------------------------------------------------------------------------- */

/* Cut between characters, never within one. */
static void put_cut(struct kms_buf *out, struct kms_str text)
{
    if (text.len <= SHOWN_VALUE_MAX) {
        kms_buf_append_str(out, text);
        return;
    }
    size_t len = SHOWN_VALUE_MAX;
    while (len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    kms_buf_append(out, text.data, len);
    kms_buf_append_text(out, "...");
}

static struct kms_str strange_text(const struct validation *v, const int *value)
{
    for (const struct kms_strange_enum *s = v->decoding->strange; s != NULL; s = s->next) {
        if (value >= s->values && value < s->values + s->count)
            return s->texts[value - s->values];
    }
    return kms_str("");
}

static struct kms_str enum_shown(
    const struct validation *v, const struct kms_type *type, const int *value)
{
    const char *text = kms_enum_text(type, *value);
    return text != NULL ? kms_str(text) : strange_text(v, value);
}

/* "[a, b]", as the live service shows lists; a missing item is shown as null. */
static void put_list(struct validation *v, const struct kms_type *member, struct kms_list list)
{
    size_t start = v->text.len;
    kms_buf_append_u8(&v->text, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (v->text.len - start > SHOWN_VALUE_MAX) {
            kms_buf_append_text(&v->text, ", ...");
            break;
        }
        if (i > 0)
            kms_buf_append_text(&v->text, ", ");
        const uint8_t *item = (const uint8_t *)list.items + i * kms_item_size(member);
        if (!kms_slot_present(member, item))
            kms_buf_append_text(&v->text, "null");
        else if (member->kind == KMS_KIND_ENUM)
            put_cut(&v->text, enum_shown(v, member, (const int *)(const void *)item));
        else
            put_cut(&v->text, kms_slot_str(item));
    }
    kms_buf_append_u8(&v->text, ']');
}

static void put_map(struct validation *v, const struct kms_str_map *map)
{
    size_t start = v->text.len;
    kms_buf_append_u8(&v->text, '{');
    for (size_t i = 0; i < map->count; i++) {
        if (v->text.len - start > SHOWN_VALUE_MAX) {
            kms_buf_append_text(&v->text, ", ...");
            break;
        }
        if (i > 0)
            kms_buf_append_text(&v->text, ", ");
        put_cut(&v->text, map->items[i].key);
        kms_buf_append_u8(&v->text, '=');
        put_cut(&v->text, map->items[i].value.data == NULL ? kms_str("null") : map->items[i].value);
    }
    kms_buf_append_u8(&v->text, '}');
}

static void put_value(struct validation *v, const struct kms_type *type, const void *slot)
{
    if (!kms_slot_present(type, slot)) {
        kms_buf_append_text(&v->text, " null");
        return;
    }
    kms_buf_append_text(&v->text, " '");
    switch (type->kind) {
    case KMS_KIND_STRING:
        put_cut(&v->text, kms_slot_str(slot));
        break;
    case KMS_KIND_ENUM:
        put_cut(&v->text, enum_shown(v, type, slot));
        break;
    case KMS_KIND_INTEGER:
        kms_buf_printf(&v->text, "%" PRId32, ((const struct kms_opt_int *)slot)->value);
        break;
    case KMS_KIND_LIST:
        put_list(v, type->member, kms_slot_list(slot));
        break;
    case KMS_KIND_MAP:
        put_map(v, slot);
        break;
    case KMS_KIND_BLOB:
    case KMS_KIND_BOOLEAN:
    case KMS_KIND_TIMESTAMP:
    case KMS_KIND_STRUCTURE:
        break;
    }
    kms_buf_append_u8(&v->text, '\'');
}

/* Begins a violation, "Value 'x' at 'keyId' failed to satisfy constraint: "; the caller adds the
 * constraint. False when the text is full and the violation was only counted. */
static bool violated(struct validation *v, const struct kms_type *type, const void *slot)
{
    v->violations++;
    if (v->text.len >= MESSAGE_FULL)
        return false;
    if (v->violations > 1)
        kms_buf_append_text(&v->text, "; ");
    kms_buf_append_text(&v->text, "Value");
    /* a blob is never shown, a missing one is null; sensitive members not even that */
    bool blob = type->kind == KMS_KIND_BLOB && kms_slot_present(type, slot);
    if (!type->sensitive && !blob)
        put_value(v, type, slot);
    kms_buf_append_text(&v->text, " at '");
    kms_buf_append(&v->text, v->path, v->path_len);
    kms_buf_append_text(&v->text, "' failed to satisfy constraint: ");
    return true;
}

/* --- constraints ------------------------------------------------------------------------------ */

static int32_t max_of(const struct kms_type *type)
{
    return type->live != NULL && type->live->max != 0 ? type->live->max : type->max;
}

static const char *pattern_of(const struct kms_type *type)
{
    return type->live != NULL && type->live->pattern != NULL ? type->live->pattern : type->pattern;
}

static bool matches(const struct kms_type *type, struct kms_str text)
{
    bool (*function)(struct kms_str) =
        type->live != NULL && type->live->matches != NULL ? type->live->matches : type->matches;
    return function == NULL || function(text);
}

static bool enum_accepts(const struct validation *v, const struct kms_type *type, const int *value)
{
    if (*value >= 0)
        return true;
    if (type->live == NULL || type->live->also_accepted == NULL)
        return false;
    struct kms_str text = strange_text(v, value);
    for (const char *const *also = type->live->also_accepted; *also != NULL; also++) {
        if (kms_str_is(text, *also))
            return true;
    }
    return false;
}

static void put_too_small(struct kms_buf *out, const char *what, int32_t min)
{
    kms_buf_printf(out, "Member must have %s greater than or equal to %" PRId32, what, min);
}

static void put_too_large(struct kms_buf *out, const char *what, int32_t max)
{
    kms_buf_printf(out, "Member must have %s less than or equal to %" PRId32, what, max);
}

static void put_pattern(struct kms_buf *out, const struct kms_type *type)
{
    kms_buf_append_text(out, "Member must satisfy regular expression pattern: ");
    kms_buf_append_text(out, pattern_of(type));
}

static void put_value_set(struct kms_buf *out, const struct kms_type *type)
{
    kms_buf_append_text(out, "Member must satisfy enum value set: ");
    if (type->live != NULL && type->live->values_shown != NULL) {
        kms_buf_append_text(out, type->live->values_shown);
        return;
    }
    for (size_t i = 0; i < type->value_count; i++) {
        kms_buf_append_text(out, i == 0 ? "[" : ", ");
        kms_buf_append_text(out, type->values[i]);
    }
    kms_buf_append_u8(out, ']');
}

static void check_bounds(struct validation *v, const struct kms_type *type, const void *slot,
    const char *what, int64_t measure)
{
    if (!type->has_bounds)
        return;
    if (measure < type->min && violated(v, type, slot))
        put_too_small(&v->text, what, type->min);
    if (measure > max_of(type) && violated(v, type, slot))
        put_too_large(&v->text, what, max_of(type));
}

/* A code unit takes one to three octets of UTF-8, so most lengths need no counting: a length that
 * is within the bounds either way is given in octets. */
static int64_t units_of(const struct kms_type *type, struct kms_str text)
{
    if (text.len / 3 >= (size_t)type->min && text.len <= (size_t)max_of(type))
        return (int64_t)text.len;
    return (int64_t)kms_utf8_utf16_units(text);
}

static void check_string(struct validation *v, const struct kms_type *type, const void *slot)
{
    struct kms_str text = kms_slot_str(slot);
    if (type->has_bounds)
        check_bounds(v, type, slot, "length", units_of(type, text));
    if (!matches(type, text) && violated(v, type, slot))
        put_pattern(&v->text, type);
}

/* --- lists and maps --------------------------------------------------------------------------- */

static bool item_holds(const struct validation *v, const struct kms_type *member, const void *item)
{
    if (!kms_slot_present(member, item))
        return false;
    if (member->kind == KMS_KIND_ENUM)
        return enum_accepts(v, member, item);
    struct kms_str text = kms_slot_str(item);
    if (member->has_bounds) {
        int64_t units = units_of(member, text);
        if (units < member->min || units > max_of(member))
            return false;
    }
    return matches(member, text);
}

/* The live service answers once for a whole list of scalars, shows the list, and lists every
 * constraint that its members have, upper bound first:
 *
 *   Value '[]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint:
 *   [Member must have length less than or equal to 8192, Member must have length greater than or
 *   equal to 1]
 *
 * "Member must not be null" stands at the end when an item is null. */
static void put_item_constraints(struct kms_buf *out, const struct kms_type *member, bool null)
{
    const char *separator = "";
    kms_buf_append_text(out, "Member must satisfy constraint: [");
    if (member->kind == KMS_KIND_ENUM) {
        put_value_set(out, member);
        separator = ", ";
    }
    if (member->has_bounds) {
        put_too_large(out, "length", max_of(member));
        kms_buf_append_text(out, ", ");
        put_too_small(out, "length", member->min);
        separator = ", ";
    }
    if (pattern_of(member) != NULL) {
        kms_buf_append_text(out, separator);
        put_pattern(out, member);
        separator = ", ";
    }
    if (null) {
        kms_buf_append_text(out, separator);
        kms_buf_append_text(out, "Member must not be null");
    }
    kms_buf_append_u8(out, ']');
}

static void check_structure(struct validation *v, const struct kms_shape *shape, const void *in);

static void check_list(struct validation *v, const struct kms_type *type, const void *slot)
{
    struct kms_list list = kms_slot_list(slot);
    const struct kms_type *member = type->member;
    size_t size = kms_item_size(member);
    check_bounds(v, type, slot, "length", (int64_t)list.count);
    bool holds = true;
    bool null = false;
    for (size_t i = 0; i < list.count; i++) {
        const uint8_t *item = (const uint8_t *)list.items + i * size;
        if (member->kind == KMS_KIND_STRUCTURE) {
            size_t path_len = v->path_len;
            path_push_item(v, i);
            check_structure(v, member->structure, item);
            v->path_len = path_len;
        } else if (!item_holds(v, member, item)) {
            holds = false;
            null = null || !kms_slot_present(member, item);
        }
    }
    if (!holds && violated(v, type, slot))
        put_item_constraints(&v->text, member, null);
}

/* The encryption context is the only map: no constraint but that a name has a value. */
static void check_map(struct validation *v, const struct kms_type *type, const void *slot)
{
    const struct kms_str_map *map = slot;
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].value.data != NULL)
            continue;
        if (violated(v, type, slot))
            kms_buf_append_text(
                &v->text, "Map value must satisfy constraint: [Member must not be null]");
        return;
    }
}

/* --- structures ------------------------------------------------------------------------------- */

static void check_value(struct validation *v, const struct kms_type *type, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        check_string(v, type, slot);
        break;
    case KMS_KIND_BLOB:
        check_bounds(v, type, slot, "length", (int64_t)kms_slot_bytes(slot).len);
        break;
    case KMS_KIND_ENUM:
        if (!enum_accepts(v, type, slot) && violated(v, type, slot))
            put_value_set(&v->text, type);
        break;
    case KMS_KIND_INTEGER:
        check_bounds(v, type, slot, "value", ((const struct kms_opt_int *)slot)->value);
        break;
    case KMS_KIND_LIST:
        check_list(v, type, slot);
        break;
    case KMS_KIND_MAP:
        check_map(v, type, slot);
        break;
    case KMS_KIND_STRUCTURE:
        check_structure(v, type->structure, kms_slot_structure(slot));
        break;
    case KMS_KIND_BOOLEAN:
    case KMS_KIND_TIMESTAMP:
        break;
    }
}

/* The recursion is as deep as the model nests structures, which no input changes. */
static void check_structure(struct validation *v, const struct kms_shape *shape, const void *in)
{
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        const void *slot = (const uint8_t *)in + member->offset;
        bool present = kms_slot_present(member->type, slot);
        if (!present && !member->required)
            continue;
        size_t path_len = v->path_len;
        path_push(v, member->name);
        if (present)
            check_value(v, member->type, slot);
        else if (violated(v, member->type, slot))
            kms_buf_append_text(&v->text, "Member must not be null");
        v->path_len = path_len;
    }
}

static enum kms_err compose(const struct validation *v, struct kms_str *message)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, MESSAGE_MAX);
    kms_buf_printf(
        &text, "%zu validation error%s detected: ", v->violations, v->violations == 1 ? "" : "s");
    kms_buf_append_str(&text, kms_buf_str(&v->text));
    if (v->text.err != KMS_OK || text.err != KMS_OK)
        return KMS_ERR_NO_MEMORY;
    struct kms_str copy = kms_arena_str(v->decoding->arena, kms_buf_str(&text));
    if (copy.data == NULL)
        return KMS_ERR_NO_MEMORY;
    *message = copy;
    return KMS_ERR_VALIDATION;
}

enum kms_err kms_validate(const struct kms_decoding *decoding, const struct kms_shape *shape,
    const void *in, struct kms_str *message)
{
    struct validation v = {.decoding = decoding};
    kms_buf_init(&v.text, MESSAGE_MAX);
    check_structure(&v, shape, in);
    enum kms_err err = v.violations == 0 ? KMS_OK : compose(&v, message);
    kms_buf_clean_up(&v.text);
    return err;
}
