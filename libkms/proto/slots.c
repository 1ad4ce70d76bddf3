#include "libkms/proto/slots.h"

#include "libkms/base/encoding.h"
#include "libkms/proto/model_tables.h"

#include <stdlib.h>

/* Seconds of 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define TIMESTAMP_MIN (-62135596800LL)
#define TIMESTAMP_MAX 253402300799LL

/* --- wrong types ------------------------------------------------------------------------------
 *
 * The texts are those that the JSON services of AWS share, as measured on live ones in 2026 (other
 * services than KMS; "an Boolean" is theirs). Where no text is known there is none.
 */
const char kms_unexpected_list[] = "Start of list found where not expected";
static const char unexpected_map[] = "Start of structure or map found where not expected.";

struct mismatch_texts {
    const char *string;
    const char *number;
    const char *true_value;
    const char *false_value;
    const char *list;
    const char *map;
};

#define EVERY_SCALAR(text) \
    .string = (text), .number = (text), .true_value = (text), .false_value = (text)
#define NO_CONVERSION(string_text, target)                                             \
    .string = (string_text), .number = "NUMBER_VALUE can not be converted to " target, \
    .true_value = "TRUE_VALUE can not be converted to " target,                        \
    .false_value = "FALSE_VALUE can not be converted to " target

/* clang-format off */
static const struct mismatch_texts mismatch_texts[] = {
    [KMS_KIND_STRING] = {NO_CONVERSION(NULL, "a String")},
    [KMS_KIND_ENUM] = {NO_CONVERSION(NULL, "a String")},
    [KMS_KIND_BLOB] = {NO_CONVERSION(NULL, "a Blob")},
    [KMS_KIND_INTEGER] = {NO_CONVERSION("STRING_VALUE can not be converted to an Integer", "an Integer")},
    [KMS_KIND_BOOLEAN] = {NO_CONVERSION("STRING_VALUE can not be converted to an Boolean", "a Boolean")},
    [KMS_KIND_TIMESTAMP] = {NO_CONVERSION("STRING_VALUE can not be converted to milliseconds since epoch", "milliseconds since epoch")},
    [KMS_KIND_LIST] = {EVERY_SCALAR("Expected list or null")},
    [KMS_KIND_MAP] = {EVERY_SCALAR("Expected map or null")},
    [KMS_KIND_STRUCTURE] = {EVERY_SCALAR("Expected null")},
};
/* clang-format on */

enum kms_err kms_decoding_mismatch(
    struct kms_decoding *decoding, enum kms_kind wanted, enum kms_token found)
{
    const struct mismatch_texts *texts = &mismatch_texts[wanted];
    const char *text = NULL;
    switch (found) {
    case KMS_TOKEN_STRING:
        text = texts->string;
        break;
    case KMS_TOKEN_NUMBER:
        /* a number of the right kind whose value does not fit has no known text */
        if (wanted != KMS_KIND_INTEGER && wanted != KMS_KIND_TIMESTAMP)
            text = texts->number;
        break;
    case KMS_TOKEN_TRUE:
        text = texts->true_value;
        break;
    case KMS_TOKEN_FALSE:
        text = texts->false_value;
        break;
    case KMS_TOKEN_LIST:
        text = kms_unexpected_list;
        break;
    case KMS_TOKEN_MAP:
        text = unexpected_map;
        break;
    case KMS_TOKEN_OTHER:
        break;
    }
    decoding->message = text;
    return KMS_ERR_WRONG_TYPE;
}

/* --- values into slots ------------------------------------------------------------------------ */

enum kms_err kms_decoding_string(struct kms_decoding *decoding, struct kms_str text, void *slot)
{
    struct kms_str copy = kms_arena_str(decoding->arena, text);
    if (copy.data == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(slot, &copy, sizeof(copy));
    return KMS_OK;
}

enum kms_err kms_decoding_blob(struct kms_decoding *decoding, struct kms_bytes bytes, void *slot)
{
    struct kms_bytes copy = kms_arena_bytes(decoding->arena, bytes);
    if (copy.data == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(slot, &copy, sizeof(copy));
    return KMS_OK;
}

enum kms_err kms_decoding_integer(struct kms_decoding *decoding, int64_t value, void *slot)
{
    if (value < INT32_MIN || value > INT32_MAX)
        return kms_decoding_mismatch(decoding, KMS_KIND_INTEGER, KMS_TOKEN_NUMBER);
    struct kms_opt_int integer = {.set = true, .value = (int32_t)value};
    memcpy(slot, &integer, sizeof(integer));
    return KMS_OK;
}

enum kms_err kms_decoding_timestamp(struct kms_decoding *decoding, int64_t seconds, void *slot)
{
    if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX)
        return kms_decoding_mismatch(decoding, KMS_KIND_TIMESTAMP, KMS_TOKEN_NUMBER);
    struct kms_opt_time time = {.set = true, .ms = seconds * 1000};
    memcpy(slot, &time, sizeof(time));
    return KMS_OK;
}

/* Rounds half away from zero; the value is within the range of an int64_t. */
static int64_t nearest(double value)
{
    return (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* 32.0 is an integer to the live service's JSON reader, so it is one here; 32.5 is not. The
 * comparisons are written so that NaN fails them. */
enum kms_err kms_decoding_real(
    struct kms_decoding *decoding, double value, enum kms_kind wanted, void *slot)
{
    if (wanted == KMS_KIND_INTEGER && value >= INT32_MIN && value <= INT32_MAX &&
        value == (double)(int64_t)value)
        return kms_decoding_integer(decoding, (int64_t)value, slot);
    if (wanted == KMS_KIND_TIMESTAMP && value >= (double)TIMESTAMP_MIN &&
        value <= (double)TIMESTAMP_MAX) {
        struct kms_opt_time time = {.set = true, .ms = nearest(value * 1000)};
        memcpy(slot, &time, sizeof(time));
        return KMS_OK;
    }
    return kms_decoding_mismatch(decoding, wanted, KMS_TOKEN_NUMBER);
}

void kms_decoding_boolean(bool value, void *slot)
{
    struct kms_opt_bool boolean = {.set = true, .value = value};
    memcpy(slot, &boolean, sizeof(boolean));
}

static int compare_text(const void *a, const void *b)
{
    const struct kms_str *left = a;
    const struct kms_str *right = b;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = memcmp(left->data, right->data, len);
    if (order != 0)
        return order;
    return left->len < right->len ? -1 : left->len > right->len;
}

enum kms_err kms_decoding_names_differ(struct kms_decoding *decoding, const struct kms_str_map *map)
{
    if (map->count < 2)
        return KMS_OK;
    struct kms_str *names = kms_arena_calloc(decoding->arena, map->count, sizeof(*names));
    if (names == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < map->count; i++)
        names[i] = map->items[i].key;
    qsort(names, map->count, sizeof(*names), compare_text);
    for (size_t i = 1; i < map->count; i++) {
        if (kms_str_eq(names[i - 1], names[i]))
            return KMS_ERR_SYNTAX;
    }
    return KMS_OK;
}

static enum kms_err remember_strange(struct kms_decoding *decoding, struct kms_str text,
    const int *values, size_t count, size_t index, struct kms_str **texts)
{
    if (*texts == NULL) {
        struct kms_strange_enum *strange = kms_arena_alloc(decoding->arena, sizeof(*strange));
        struct kms_str *made = kms_arena_calloc(decoding->arena, count, sizeof(*made));
        if (strange == NULL || made == NULL)
            return KMS_ERR_NO_MEMORY;
        *strange = (struct kms_strange_enum){
            .values = values, .texts = made, .count = count, .next = decoding->strange};
        decoding->strange = strange;
        *texts = made;
    }
    return kms_decoding_string(decoding, text, &(*texts)[index]);
}

enum kms_err kms_decoding_enum(struct kms_decoding *decoding, const struct kms_type *type,
    struct kms_str text, int *values, size_t count, size_t index, struct kms_str **texts)
{
    for (size_t i = 0; i < type->value_count; i++) {
        if (kms_str_is(text, type->values[i])) {
            values[index] = (int)i + 1;
            return KMS_OK;
        }
    }
    values[index] = -1;
    if (!decoding->request)
        return KMS_OK;
    return remember_strange(decoding, text, values, count, index, texts);
}

size_t kms_member_find(const struct kms_shape *shape, struct kms_str name)
{
    size_t i = 0;
    while (i < shape->member_count && !kms_str_is(name, shape->members[i].name))
        i++;
    return i;
}

/* --- slots ------------------------------------------------------------------------------------ */

size_t kms_item_size(const struct kms_type *member)
{
    switch (member->kind) {
    case KMS_KIND_ENUM:
        return sizeof(int);
    case KMS_KIND_STRUCTURE:
        return member->structure->size;
    default:
        return sizeof(struct kms_str);
    }
}

struct kms_list kms_slot_list(const void *slot)
{
    struct kms_list list;
    memcpy(&list, slot, sizeof(list));
    return list;
}

struct kms_str kms_slot_str(const void *slot)
{
    struct kms_str text;
    memcpy(&text, slot, sizeof(text));
    return text;
}

struct kms_bytes kms_slot_bytes(const void *slot)
{
    struct kms_bytes bytes;
    memcpy(&bytes, slot, sizeof(bytes));
    return bytes;
}

int kms_slot_enum(const void *slot)
{
    int value;
    memcpy(&value, slot, sizeof(value));
    return value;
}

const void *kms_slot_structure(const void *slot)
{
    const void *structure;
    memcpy(&structure, slot, sizeof(structure));
    return structure;
}

bool kms_slot_present(const struct kms_type *type, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        return kms_slot_str(slot).data != NULL;
    case KMS_KIND_BLOB:
        return kms_slot_bytes(slot).data != NULL;
    case KMS_KIND_ENUM:
        return kms_slot_enum(slot) != 0;
    case KMS_KIND_INTEGER:
        return ((const struct kms_opt_int *)slot)->set;
    case KMS_KIND_BOOLEAN:
        return ((const struct kms_opt_bool *)slot)->set;
    case KMS_KIND_TIMESTAMP:
        return ((const struct kms_opt_time *)slot)->set;
    case KMS_KIND_LIST:
    case KMS_KIND_MAP:
        return kms_slot_list(slot).items != NULL;
    case KMS_KIND_STRUCTURE:
        return kms_slot_structure(slot) != NULL;
    }
    return false;
}

bool kms_slot_encoded(const struct kms_type *type, const void *slot)
{
    if (type->kind == KMS_KIND_ENUM)
        return kms_enum_text(type, kms_slot_enum(slot)) != NULL;
    return kms_slot_present(type, slot);
}

bool kms_item_encoded(const struct kms_type *member, const void *item)
{
    return member->kind == KMS_KIND_STRUCTURE || kms_slot_encoded(member, item);
}

bool kms_encodable(struct kms_str text, struct kms_buf *out)
{
    if (kms_utf8_valid(text))
        return true;
    if (out->err == KMS_OK)
        out->err = KMS_ERR_INVALID_ARGUMENT;
    return false;
}
