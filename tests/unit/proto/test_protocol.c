/*
 * The protocol tests of botocore (AWS JSON 1.1 and Smithy RPC v2 CBOR), which come from Smithy's.
 * They bring shapes of their own; rows are made of these here, so that the codec is tried on
 * structures that KMS does not have. Members of kinds that the KMS API lacks (floats, lists of
 * lists, ...) get no row: their values are unknown members, to be skipped.
 */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { ARENA_MAX = 16 << 20, MOST_SHAPES = 64, SLOT_SIZE = 16 };

struct suite {
    enum kms_wire wire;
    struct kms_arena arena;
    const json_t *shapes; /* of the test at hand */
    struct {
        const char *name;
        struct kms_shape *shape;
    } made[MOST_SHAPES];
    size_t made_count;
    size_t compared; /* values */
    size_t cases;
    const char *id;
};

static void *allocate(struct suite *suite, size_t size)
{
    void *memory = kms_arena_alloc(&suite->arena, size);
    assert_non_null(memory);
    return memory;
}

/* --- rows out of botocore's shapes ------------------------------------------------------------ */

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static const struct kms_shape *make_shape(struct suite *suite, const char *name);

static void make_enum(struct suite *suite, const json_t *values, struct kms_type *type)
{
    const char **texts = allocate(suite, json_array_size(values) * sizeof(*texts));
    type->kind = KMS_KIND_ENUM;
    type->value_count = json_array_size(values);
    for (size_t i = 0; i < type->value_count; i++)
        texts[i] = json_string_value(json_array_get(values, i));
    type->values = texts;
}

/* False: the KMS API has nothing of the kind. */
static bool make_type(struct suite *suite, const char *name, bool item, struct kms_type *type)
{
    const json_t *shape = json_object_get(suite->shapes, name);
    const char *kind = text_at(shape, "type");
    const json_t *values = json_object_get(shape, "enum");
    *type = (struct kms_type){.name = name, .kind = KMS_KIND_STRING};
    if (strcmp(kind, "string") == 0) {
        if (values != NULL)
            make_enum(suite, values, type);
        return true;
    }
    if (strcmp(kind, "structure") == 0) {
        type->kind = KMS_KIND_STRUCTURE;
        type->structure = make_shape(suite, name);
        return true;
    }
    if (item)
        return false;
    if (strcmp(kind, "blob") == 0)
        type->kind = KMS_KIND_BLOB;
    else if (strcmp(kind, "boolean") == 0)
        type->kind = KMS_KIND_BOOLEAN;
    else if (strcmp(kind, "integer") == 0 || strcmp(kind, "byte") == 0 ||
             strcmp(kind, "short") == 0)
        type->kind = KMS_KIND_INTEGER;
    else if (strcmp(kind, "timestamp") == 0)
        type->kind = KMS_KIND_TIMESTAMP;
    else if (strcmp(kind, "list") == 0)
        type->kind = KMS_KIND_LIST;
    else if (strcmp(kind, "map") == 0)
        type->kind = KMS_KIND_MAP;
    else
        return false;
    if (type->kind == KMS_KIND_LIST) {
        struct kms_type *member = allocate(suite, sizeof(*member));
        type->member = member;
        return make_type(suite, text_at(json_object_get(shape, "member"), "shape"), true, member);
    }
    if (type->kind == KMS_KIND_MAP) {
        const char *value = text_at(json_object_get(shape, "value"), "shape");
        const json_t *value_shape = json_object_get(suite->shapes, value);
        return strcmp(text_at(value_shape, "type"), "string") == 0 &&
               json_object_get(value_shape, "enum") == NULL;
    }
    return true;
}

static bool has_other_format(const struct suite *suite, const json_t *member)
{
    const json_t *shape = json_object_get(suite->shapes, text_at(member, "shape"));
    const char *format = text_at(member, "timestampFormat");
    if (*format == '\0')
        format = text_at(shape, "timestampFormat");
    return *format != '\0' && strcmp(format, "unixTimestamp") != 0;
}

static const struct kms_shape *make_shape(struct suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->made_count; i++)
        if (strcmp(suite->made[i].name, name) == 0)
            return suite->made[i].shape;
    const json_t *source = json_object_get(suite->shapes, name);
    json_t *members = json_object_get(source, "members");
    struct kms_shape *shape = allocate(suite, sizeof(*shape));
    struct kms_member *rows = allocate(suite, json_object_size(members) * sizeof(*rows));
    assert_true(suite->made_count < MOST_SHAPES);
    suite->made[suite->made_count].name = name;
    suite->made[suite->made_count++].shape = shape; /* shapes may hold themselves */
    shape->name = name;
    shape->members = rows;
    shape->size = json_object_size(members) * SLOT_SIZE;
    const char *key;
    json_t *member;
    json_object_foreach(members, key, member)
    {
        struct kms_type *type = allocate(suite, sizeof(*type));
        if (has_other_format(suite, member) ||
            !make_type(suite, text_at(member, "shape"), false, type))
            continue;
        rows[shape->member_count] = (struct kms_member){
            .name = key, .type = type, .offset = shape->member_count * SLOT_SIZE};
        shape->member_count++;
    }
    return shape;
}

/* --- comparing -------------------------------------------------------------------------------- */

static void compare_structure(
    struct suite *suite, const struct kms_shape *shape, const json_t *expected, const void *in);

static void compare_text(struct suite *suite, struct kms_str text, const json_t *expected)
{
    struct kms_str wanted = {json_string_value(expected), json_string_length(expected)};
    if (text.data == NULL || wanted.data == NULL || !kms_str_eq(text, wanted))
        fail_msg("%s: '%.*s', expected '%s'", suite->id, (int)text.len, text.data, wanted.data);
    suite->compared++;
}

static void compare_list(struct suite *suite, const struct kms_type *member, const json_t *expected,
    const struct kms_list *list)
{
    size_t size = member->kind == KMS_KIND_ENUM        ? sizeof(int)
                  : member->kind == KMS_KIND_STRUCTURE ? member->structure->size
                                                       : sizeof(struct kms_str);
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(expected); i++) {
        const json_t *item = json_array_get(expected, i);
        if (json_is_null(item))
            continue; /* answers do not keep them */
        assert_true(at < list->count);
        const uint8_t *slot = (const uint8_t *)list->items + at++ * size;
        if (member->kind == KMS_KIND_STRUCTURE)
            compare_structure(suite, member->structure, item, slot);
        else if (member->kind == KMS_KIND_ENUM)
            compare_text(
                suite, kms_str(kms_enum_text(member, *(const int *)(const void *)slot)), item);
        else
            compare_text(suite, *(const struct kms_str *)(const void *)slot, item);
    }
    assert_int_equal(at, list->count);
}

static void compare_map(struct suite *suite, json_t *expected, const struct kms_str_map *map)
{
    size_t at = 0;
    const char *key;
    json_t *value;
    json_object_foreach(expected, key, value)
    {
        if (json_is_null(value))
            continue;
        assert_true(at < map->count);
        assert_true(kms_str_is(map->items[at].key, key));
        compare_text(suite, map->items[at++].value, value);
    }
    assert_int_equal(at, map->count);
}

static void compare_value(
    struct suite *suite, const struct kms_type *type, json_t *expected, const void *slot)
{
    switch (type->kind) {
    case KMS_KIND_STRING:
        compare_text(suite, *(const struct kms_str *)slot, expected);
        break;
    case KMS_KIND_BLOB: {
        const struct kms_bytes *blob = slot;
        struct kms_str text = {(const char *)blob->data, blob->len};
        compare_text(suite, text, expected);
        break;
    }
    case KMS_KIND_ENUM:
        compare_text(suite, kms_str(kms_enum_text(type, *(const int *)slot)), expected);
        break;
    case KMS_KIND_INTEGER:
        assert_true(((const struct kms_opt_int *)slot)->set);
        assert_int_equal(((const struct kms_opt_int *)slot)->value, json_integer_value(expected));
        suite->compared++;
        break;
    case KMS_KIND_BOOLEAN:
        assert_true(((const struct kms_opt_bool *)slot)->set);
        assert_int_equal(((const struct kms_opt_bool *)slot)->value, json_is_true(expected));
        suite->compared++;
        break;
    case KMS_KIND_TIMESTAMP:
        assert_true(((const struct kms_opt_time *)slot)->set);
        assert_int_equal(((const struct kms_opt_time *)slot)->ms,
            (int64_t)(json_number_value(expected) * 1000 + 0.5));
        suite->compared++;
        break;
    case KMS_KIND_LIST:
        compare_list(suite, type->member, expected, slot);
        break;
    case KMS_KIND_MAP:
        compare_map(suite, expected, slot);
        break;
    case KMS_KIND_STRUCTURE:
        assert_non_null(*(void *const *)slot);
        compare_structure(suite, type->structure, expected, *(void *const *)slot);
        break;
    }
}

static void compare_structure(
    struct suite *suite, const struct kms_shape *shape, const json_t *expected, const void *in)
{
    static const uint8_t absent[SLOT_SIZE];
    for (size_t i = 0; i < shape->member_count; i++) {
        const uint8_t *slot = (const uint8_t *)in + shape->members[i].offset;
        json_t *value = json_object_get(expected, shape->members[i].name);
        if (value == NULL || json_is_null(value)) {
            if (memcmp(slot, absent, SLOT_SIZE) != 0)
                fail_msg("%s: %s is not absent", suite->id, shape->members[i].name);
        } else {
            compare_value(suite, shape->members[i].type, value, slot);
        }
    }
}

/* --- cases ------------------------------------------------------------------------------------ */

static struct kms_bytes body_of(struct suite *suite, const json_t *body)
{
    struct kms_str text = {json_string_value(body), json_string_length(body)};
    if (suite->wire == KMS_WIRE_JSON || text.len == 0)
        return kms_bytes(text.data, text.len);
    uint8_t *data = allocate(suite, kms_base64_decoded_max(text.len));
    size_t len = 0;
    assert_int_equal(kms_base64_decode(text, data, &len), KMS_OK);
    return kms_bytes(data, len);
}

/* Decode, compare; encode, decode, compare. */
static void check_structure(
    struct suite *suite, const char *shape_name, struct kms_bytes body, const json_t *expected)
{
    const struct kms_shape *shape = make_shape(suite, shape_name);
    void *decoded = allocate(suite, shape->size);
    void *again = allocate(suite, shape->size);
    enum kms_err err = kms_decode_response(suite->wire, shape, body, &suite->arena, decoded);
    if (err != KMS_OK)
        fail_msg("%s: %s", suite->id, kms_err_text(err));
    compare_structure(suite, shape, expected, decoded);

    KMS_BUF_AUTO encoded;
    kms_buf_init(&encoded, ARENA_MAX);
    kms_encode(suite->wire, shape, decoded, &encoded);
    assert_int_equal(encoded.err, KMS_OK);
    assert_int_equal(
        kms_decode_response(suite->wire, shape, kms_buf_bytes(&encoded), &suite->arena, again),
        KMS_OK);
    compare_structure(suite, shape, expected, again);
    suite->cases++;
}

static void check_fault(struct suite *suite, struct kms_bytes body, const json_t *test)
{
    const json_t *error = json_object_get(test, "error");
    const json_t *headers = json_object_get(json_object_get(test, "response"), "headers");
    struct kms_str code, message;
    assert_int_equal(kms_decode_fault(suite->wire, body, &suite->arena, &code, &message), KMS_OK);
    if (json_object_get(headers, "X-Amzn-Errortype") == NULL)
        assert_true(kms_str_is(code, text_at(test, "errorCode")));
    const char *text = text_at(error, "Message");
    if (*text == '\0')
        text = text_at(error, "message");
    assert_true(kms_str_is(message, text));
    suite->cases++;
}

static void run_output_case(struct suite *suite, const json_t *test)
{
    const json_t *given = json_object_get(test, "given");
    const json_t *response = json_object_get(test, "response");
    struct kms_bytes body = body_of(suite, json_object_get(response, "body"));
    if (json_integer_value(json_object_get(response, "status_code")) >= 400)
        check_fault(suite, body, test);
    else if (json_object_get(given, "output") != NULL)
        check_structure(suite, text_at(json_object_get(given, "output"), "shape"), body,
            json_object_get(test, "result"));
}

static void run_input_case(struct suite *suite, const json_t *test)
{
    const json_t *given = json_object_get(test, "given");
    const json_t *body = json_object_get(json_object_get(test, "serialized"), "body");
    if (body == NULL || json_object_get(given, "input") == NULL)
        return;
    check_structure(suite, text_at(json_object_get(given, "input"), "shape"), body_of(suite, body),
        json_object_get(test, "params"));
}

static void run_file(enum kms_wire wire, const char *name,
    void (*run)(struct suite *suite, const json_t *test), size_t cases, size_t values)
{
    char path[512];
    json_error_t error;
    (void)snprintf(path, sizeof(path), "%s/protocol/%s", KMS_TEST_VECTORS, name);
    json_t *file = json_load_file(path, JSON_ALLOW_NUL, &error);
    if (file == NULL)
        fail_msg("%s: %s", path, error.text);
    struct suite suite = {.wire = wire};
    kms_arena_init(&suite.arena, ARENA_MAX);
    for (size_t i = 0; i < json_array_size(file); i++) {
        const json_t *group = json_array_get(file, i);
        const json_t *tests = json_object_get(group, "cases");
        suite.shapes = json_object_get(group, "shapes");
        suite.made_count = 0;
        for (size_t t = 0; t < json_array_size(tests); t++) {
            suite.id = text_at(json_array_get(tests, t), "id");
            run(&suite, json_array_get(tests, t));
        }
    }
    print_message("%s: %zu cases, %zu values\n", name, suite.cases, suite.compared);
    assert_true(suite.cases >= cases && suite.compared >= values);
    kms_arena_clean_up(&suite.arena);
    json_decref(file);
}

static void test_json_output(void **state)
{
    (void)state;
    run_file(KMS_WIRE_JSON, "botocore-output-json.json", run_output_case, 55, 72);
}

static void test_json_input(void **state)
{
    (void)state;
    run_file(KMS_WIRE_JSON, "botocore-input-json.json", run_input_case, 47, 98);
}

static void test_cbor_output(void **state)
{
    (void)state;
    run_file(KMS_WIRE_CBOR, "botocore-output-smithy-rpc-v2-cbor.json", run_output_case, 32, 96);
}

static void test_cbor_input(void **state)
{
    (void)state;
    run_file(KMS_WIRE_CBOR, "botocore-input-smithy-rpc-v2-cbor.json", run_input_case, 14, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_output),
        cmocka_unit_test(test_json_input),
        cmocka_unit_test(test_cbor_output),
        cmocka_unit_test(test_cbor_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
