/* Holds the tables of the model against the published one (tests/vectors/api/kms-api.json), in both
 * directions, and the C structures that they point into against themselves. */
#include "libkms/proto/model.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST_SHAPES = 256, MOST_TYPES = 256 };

static json_t *api;

/* Every shape and type that the operations reach. */
static const struct kms_shape *shapes[MOST_SHAPES];
static size_t shape_count;
static const struct kms_type *types[MOST_TYPES];
static size_t type_count;

static void reach_shape(const struct kms_shape *shape);

static void reach_type(const struct kms_type *type)
{
    for (size_t i = 0; i < type_count; i++)
        if (types[i] == type)
            return;
    assert_true(type_count < MOST_TYPES);
    types[type_count++] = type;
    if (type->kind == KMS_KIND_LIST)
        reach_type(type->member);
    if (type->kind == KMS_KIND_STRUCTURE)
        reach_shape(type->structure);
}

static void reach_shape(const struct kms_shape *shape)
{
    for (size_t i = 0; i < shape_count; i++)
        if (shapes[i] == shape)
            return;
    assert_true(shape_count < MOST_SHAPES);
    shapes[shape_count++] = shape;
    for (size_t i = 0; i < shape->member_count; i++)
        reach_type(shape->members[i].type);
}

static int set_up(void **state)
{
    (void)state;
    json_error_t error;
    api = json_load_file(KMS_TEST_VECTORS "/api/kms-api.json", 0, &error);
    if (api == NULL)
        return -1;
    for (int op = 0; op < KMS_OPERATION_COUNT; op++) {
        reach_shape(kms_operations[op].input);
        if (kms_operations[op].output != NULL)
            reach_shape(kms_operations[op].output);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(api);
    return 0;
}

static json_t *published(const char *section, const char *name)
{
    json_t *entry = json_object_get(json_object_get(api, section), name);
    if (entry == NULL)
        fail_msg("%s is not among the published %s", name, section);
    return entry;
}

static const struct kms_shape *shape_named(const char *name)
{
    for (size_t i = 0; i < shape_count; i++)
        if (strcmp(shapes[i]->name, name) == 0)
            return shapes[i];
    fail_msg("no shape is named %s", name);
    return NULL;
}

static void assert_published_name(const json_t *entry, const char *key, const char *name)
{
    const char *expected = json_string_value(json_object_get(entry, key));
    if (expected == NULL)
        assert_null(name);
    else
        assert_string_equal(name, expected);
}

static void test_operations(void **state)
{
    (void)state;
    assert_string_equal(json_string_value(json_object_get(api, "targetPrefix")), KMS_TARGET_PREFIX);
    assert_string_equal(json_string_value(json_object_get(api, "signingName")), KMS_SIGNING_NAME);
    assert_int_equal(json_object_size(json_object_get(api, "operations")), KMS_OPERATION_COUNT);
    for (int op = 0; op < KMS_OPERATION_COUNT; op++) {
        const struct kms_operation *row = &kms_operations[op];
        const json_t *entry = published("operations", row->name);
        assert_published_name(entry, "input", row->input->name);
        assert_published_name(entry, "output", row->output == NULL ? NULL : row->output->name);
        assert_int_equal(kms_operation_find(kms_str(row->name)), op);
        if (op > 0)
            assert_true(strcmp(kms_operations[op - 1].name, row->name) < 0);
    }
}

static void test_operation_find_takes_exact_names_only(void **state)
{
    (void)state;
    static const char *const others[] = {"", "encrypt", "Encryp", "Encryptt", "Encrypt ", "A", "Z",
        "GenerateDataKeyWithoutPlaintex", "TrentService.Encrypt"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(kms_operation_find(kms_str(others[i])), KMS_OPERATION_COUNT);
    assert_int_equal(kms_operation_find(kms_str(NULL)), KMS_OPERATION_COUNT);
    struct kms_str prefix = {"EncryptX", 7};
    assert_int_equal(kms_operation_find(prefix), KMS_OP_ENCRYPT);
    struct kms_str with_nul = {"Encrypt\0", 8};
    assert_int_equal(kms_operation_find(with_nul), KMS_OPERATION_COUNT);
}

static void test_shapes(void **state)
{
    (void)state;
    assert_int_equal(json_object_size(json_object_get(api, "structures")), shape_count);
    for (size_t i = 0; i < shape_count; i++) {
        json_t *entry = published("structures", shapes[i]->name);
        assert_ptr_equal(shape_named(shapes[i]->name), shapes[i]);
        assert_int_equal(json_object_size(entry), shapes[i]->member_count);
        size_t at = 0;
        const char *name;
        json_t *row;
        json_object_foreach(entry, name, row)
        { /* in the published order */
            const struct kms_member *member = &shapes[i]->members[at++];
            assert_string_equal(member->name, name);
            assert_string_equal(
                member->type->name, json_string_value(json_object_get(row, "type")));
            assert_int_equal(member->required, json_is_true(json_object_get(row, "required")));
        }
    }
}

static size_t size_of_kind(enum kms_kind kind)
{
    switch (kind) {
    case KMS_KIND_STRING:
        return sizeof(struct kms_str);
    case KMS_KIND_BLOB:
        return sizeof(struct kms_bytes);
    case KMS_KIND_ENUM:
        return sizeof(int);
    case KMS_KIND_INTEGER:
        return sizeof(struct kms_opt_int);
    case KMS_KIND_BOOLEAN:
        return sizeof(struct kms_opt_bool);
    case KMS_KIND_TIMESTAMP:
        return sizeof(struct kms_opt_time);
    case KMS_KIND_LIST:
        return sizeof(struct kms_list);
    case KMS_KIND_MAP:
        return sizeof(struct kms_str_map);
    case KMS_KIND_STRUCTURE:
        return sizeof(void *);
    }
    return 0;
}

/* Each row points at its own piece of the structure, in the order of the rows. */
static void test_offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < shape_count; i++) {
        size_t end = 0;
        for (size_t m = 0; m < shapes[i]->member_count; m++) {
            const struct kms_member *member = &shapes[i]->members[m];
            assert_true(member->offset >= end);
            assert_true(member->offset - end < 8); /* nothing but padding in between */
            end = member->offset + size_of_kind(member->type->kind);
            assert_true(end <= shapes[i]->size);
        }
        if (shapes[i]->member_count > 0)
            assert_true(shapes[i]->size - end < 8);
        assert_true(shapes[i]->member_count <= 64); /* cbor.c keeps them in one word */
    }
}

static enum kms_kind published_kind(const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "type"));
    if (json_object_get(entry, "enum") != NULL)
        return KMS_KIND_ENUM;
    if (strcmp(name, "blob") == 0)
        return KMS_KIND_BLOB;
    if (strcmp(name, "integer") == 0)
        return KMS_KIND_INTEGER;
    if (strcmp(name, "list") == 0)
        return KMS_KIND_LIST;
    if (strcmp(name, "map") == 0)
        return KMS_KIND_MAP;
    assert_string_equal(name, "string");
    return KMS_KIND_STRING;
}

static void compare_values(const struct kms_type *type, const json_t *values)
{
    assert_int_equal(json_array_size(values), type->value_count);
    for (size_t i = 0; i < type->value_count; i++) {
        assert_string_equal(type->values[i], json_string_value(json_array_get(values, i)));
        assert_string_equal(kms_enum_text(type, (int)i + 1), type->values[i]);
    }
    assert_null(kms_enum_text(type, 0));
    assert_null(kms_enum_text(type, -1));
    assert_null(kms_enum_text(type, (int)type->value_count + 1));
}

static void compare_type(const struct kms_type *type, const json_t *entry)
{
    const json_t *min = json_object_get(entry, "min");
    const json_t *pattern = json_object_get(entry, "pattern");
    assert_int_equal(type->kind, published_kind(entry));
    assert_int_equal(type->has_bounds, min != NULL);
    assert_int_equal(min != NULL, json_object_get(entry, "max") != NULL);
    assert_int_equal(type->min, json_integer_value(min));
    assert_int_equal(type->max, json_integer_value(json_object_get(entry, "max")));
    assert_int_equal(type->sensitive, json_is_true(json_object_get(entry, "sensitive")));
    assert_int_equal(type->pattern != NULL, pattern != NULL);
    assert_int_equal(type->matches != NULL, pattern != NULL);
    if (pattern != NULL)
        assert_string_equal(type->pattern, json_string_value(pattern));
    compare_values(type, json_object_get(entry, "enum"));
    if (type->kind == KMS_KIND_LIST)
        assert_published_name(entry, "member", type->member->name);
    /* the one map is text to text, without constraints */
    if (type->kind == KMS_KIND_MAP) {
        assert_string_equal(
            json_string_value(json_object_get(entry, "key")), "EncryptionContextKey");
        assert_string_equal(
            json_string_value(json_object_get(entry, "value")), "EncryptionContextValue");
    }
}

static void test_types(void **state)
{
    (void)state;
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(api, "types"), name, entry)
    {
        const struct kms_type *type = kms_type_find(name);
        if (type == NULL)
            fail_msg("no type is named %s", name);
        assert_string_equal(type->name, name);
        compare_type(type, entry);
    }
    json_object_foreach(json_object_get(api, "structures"), name, entry)
    {
        const struct kms_type *type = kms_type_find(name);
        if (type != NULL)
            assert_ptr_equal(type->structure, shape_named(name));
    }
    assert_null(kms_type_find(""));
    assert_null(kms_type_find("keySpec"));
    assert_null(kms_type_find("zzz"));
}

/* Nothing in the tables that is not published, and every type is found by its name. */
static void test_reached_types_are_published(void **state)
{
    (void)state;
    static const char *const plain[] = {"string", "blob", "integer", "boolean", "timestamp"};
    for (size_t i = 0; i < type_count; i++) {
        bool known = json_object_get(json_object_get(api, "types"), types[i]->name) != NULL ||
                     types[i]->kind == KMS_KIND_STRUCTURE;
        for (size_t p = 0; p < sizeof(plain) / sizeof(plain[0]); p++)
            known = known || strcmp(plain[p], types[i]->name) == 0;
        if (!known)
            fail_msg("%s is not published", types[i]->name);
        assert_ptr_equal(kms_type_find(types[i]->name), types[i]);
        if (types[i]->kind == KMS_KIND_STRUCTURE)
            assert_string_equal(types[i]->name, types[i]->structure->name);
    }
}

static void test_errors(void **state)
{
    (void)state;
    size_t in_model = 0;
    for (int code = 0; code < KMS_FAULT_COUNT; code++) {
        const struct kms_error_model *row = &kms_error_models[code];
        assert_non_null(row->name);
        assert_in_range(row->http_status, 400, 599);
        assert_int_equal(row->server_fault, row->http_status >= 500);
        for (int other = 0; other < code; other++)
            assert_string_not_equal(row->name, kms_error_models[other].name);
        if (!row->in_model) {
            assert_null(json_object_get(json_object_get(api, "errors"), row->name));
            continue;
        }
        in_model++;
        const json_t *entry = published("errors", row->name);
        assert_int_equal(row->http_status, json_integer_value(json_object_get(entry, "http")));
        const char *fault = json_string_value(json_object_get(entry, "fault"));
        assert_string_equal(fault, row->server_fault ? "server" : "client");
    }
    assert_int_equal(in_model, json_object_size(json_object_get(api, "errors")));
}

/* What the live service lists holds no value that the API does not have. */
static void test_live_value_sets(void **state)
{
    (void)state;
    static const char *const names[] = {"SigningAlgorithmSpec", "MacAlgorithmSpec", "MessageType"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct kms_type *type = kms_type_find(names[i]);
        size_t len = 2 * type->value_count; /* brackets, and ", " between */
        for (size_t v = 0; v < type->value_count; v++) {
            assert_non_null(strstr(type->live->values_shown, type->values[v]));
            len += strlen(type->values[v]);
        }
        assert_int_equal(strlen(type->live->values_shown), len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_operation_find_takes_exact_names_only),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_reached_types_are_published),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_live_value_sets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
