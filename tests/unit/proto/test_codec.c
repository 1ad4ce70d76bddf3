/* What holds for both wire forms: every structure of the API, filled with generated values,
 * survives the way out and back, and error bodies do. */
#include "libkms/proto/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { ARENA_MAX = 4 << 20, BUF_MAX = 4 << 20, OUT_MAX = 1024, ROUNDS = 20 };

union storage {
    max_align_t align;
    unsigned char bytes[OUT_MAX];
};

/* --- generated values, reproducible by the seed ----------------------------------------------- */

struct generator {
    struct kms_arena *arena;
    uint64_t state;
};

static uint32_t draw(struct generator *g, uint32_t below)
{
    g->state = g->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(g->state >> 33) % below;
}

static struct kms_str draw_text(struct generator *g)
{
    static const char *const pieces[] = {"", "a", "alias/x", "\"", "\\", "/", "\n", "\r\t", "\x01",
        "\x1f", "\x7f", "é", "キー", "🔑", "\xe2\x80\xa8", "0123456789abcdef", "{\"a\":[1]}"};
    char text[256] = "";
    size_t len = 0;
    for (uint32_t i = draw(g, 8); i > 0; i--) {
        const char *piece = pieces[draw(g, sizeof(pieces) / sizeof(pieces[0]))];
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
        if (draw(g, 10) == 0)
            text[len++] = '\0';
    }
    struct kms_str view = {text, len};
    view = kms_arena_str(g->arena, view);
    assert_non_null(view.data);
    return view;
}

static void fill_structure(struct generator *g, const struct kms_shape *shape, void *out);

static void fill_list(struct generator *g, const struct kms_type *member, void *slot)
{
    size_t count = draw(g, 4);
    size_t size = member->kind == KMS_KIND_ENUM        ? sizeof(int)
                  : member->kind == KMS_KIND_STRUCTURE ? member->structure->size
                                                       : sizeof(struct kms_str);
    uint8_t *items = kms_arena_calloc(g->arena, count, size);
    assert_non_null(items);
    for (size_t i = 0; i < count; i++) {
        if (member->kind == KMS_KIND_ENUM)
            ((int *)(void *)items)[i] = 1 + (int)draw(g, (uint32_t)member->value_count);
        else if (member->kind == KMS_KIND_STRUCTURE)
            fill_structure(g, member->structure, items + i * size);
        else
            ((struct kms_str *)(void *)items)[i] = draw_text(g);
    }
    *(struct kms_list *)slot = (struct kms_list){.items = items, .count = count};
}

static void fill_map(struct generator *g, void *slot)
{
    size_t count = draw(g, 40);
    struct kms_str_pair *pairs = kms_arena_calloc(g->arena, count, sizeof(*pairs));
    assert_non_null(pairs);
    for (size_t i = 0; i < count; i++) {
        pairs[i].key = kms_arena_printf(g->arena, "%u \"ключ\" %zu", draw(g, 1000), i);
        pairs[i].value = draw_text(g);
        assert_non_null(pairs[i].key.data);
    }
    *(struct kms_str_map *)slot = (struct kms_str_map){.items = pairs, .count = count};
}

static void fill_blob(struct generator *g, void *slot)
{
    uint8_t data[80];
    size_t len = draw(g, sizeof(data));
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)draw(g, 256);
    *(struct kms_bytes *)slot = kms_arena_bytes(g->arena, kms_bytes(data, len));
}

static void fill_timestamp(struct generator *g, void *slot)
{
    static const int64_t edges[] = {0, 1, -1, 10, 100, -1500, 999, 1000, 1568565290123,
        1568565290120, 1568565290100, 1568565290000, -62135596800000, 253402300799000};
    struct kms_opt_time *time = slot;
    time->set = true;
    time->ms = draw(g, 2) == 0 ? edges[draw(g, sizeof(edges) / sizeof(edges[0]))]
                               : (int64_t)draw(g, 1u << 31) * 1000 + draw(g, 1000);
}

static void fill_value(struct generator *g, const struct kms_type *type, void *slot)
{
    static const int32_t integers[] = {
        0, 1, 23, 24, 255, 256, 65535, 65536, INT32_MAX, -1, -24, -25, -256, -257, INT32_MIN};
    switch (type->kind) {
    case KMS_KIND_STRING:
        *(struct kms_str *)slot = draw_text(g);
        break;
    case KMS_KIND_BLOB:
        fill_blob(g, slot);
        break;
    case KMS_KIND_ENUM:
        *(int *)slot = 1 + (int)draw(g, (uint32_t)type->value_count);
        break;
    case KMS_KIND_INTEGER:
        *(struct kms_opt_int *)slot = (struct kms_opt_int){
            .set = true, .value = integers[draw(g, sizeof(integers) / sizeof(integers[0]))]};
        break;
    case KMS_KIND_BOOLEAN:
        *(struct kms_opt_bool *)slot = (struct kms_opt_bool){.set = true, .value = draw(g, 2) == 0};
        break;
    case KMS_KIND_TIMESTAMP:
        fill_timestamp(g, slot);
        break;
    case KMS_KIND_LIST:
        fill_list(g, type->member, slot);
        break;
    case KMS_KIND_MAP:
        fill_map(g, slot);
        break;
    case KMS_KIND_STRUCTURE: {
        void *structure = kms_arena_alloc(g->arena, type->structure->size);
        assert_non_null(structure);
        fill_structure(g, type->structure, structure);
        *(void **)slot = structure;
        break;
    }
    }
}

/* Two members in three; with an even draw of the first round, all of them. */
static void fill_structure(struct generator *g, const struct kms_shape *shape, void *out)
{
    bool all = draw(g, 4) == 0;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct kms_member *member = &shape->members[i];
        if (all || draw(g, 3) != 0)
            fill_value(g, member->type, (uint8_t *)out + member->offset);
    }
}

/* --- there and back --------------------------------------------------------------------------- */

static void encode(
    enum kms_wire wire, const struct kms_shape *shape, const void *in, struct kms_buf *out)
{
    kms_buf_init(out, BUF_MAX);
    kms_encode(wire, shape, in, out);
    assert_int_equal(out->err, KMS_OK);
}

static void assert_same(
    const struct kms_shape *shape, const struct kms_buf *a, const struct kms_buf *b)
{
    if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0)
        fail_msg("%s: %.*s\n%.*s", shape->name, (int)a->len, (const char *)a->data, (int)b->len,
            (const char *)b->data);
}

static void round_trip(const struct kms_shape *shape, uint64_t seed)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct generator g = {.arena = &arena, .state = seed};
    union storage value = {.bytes = {0}};
    assert_true(shape->size <= sizeof(value));
    fill_structure(&g, shape, &value);

    union storage from_json, from_cbor;
    KMS_BUF_AUTO json, cbor, json_again, cbor_again;
    encode(KMS_WIRE_JSON, shape, &value, &json);
    encode(KMS_WIRE_CBOR, shape, &value, &cbor);
    memset(&from_json, 0x5a, sizeof(from_json));
    memset(&from_cbor, 0x5a, sizeof(from_cbor));
    assert_int_equal(
        kms_decode_response(KMS_WIRE_JSON, shape, kms_buf_bytes(&json), &arena, &from_json),
        KMS_OK);
    assert_int_equal(
        kms_decode_response(KMS_WIRE_CBOR, shape, kms_buf_bytes(&cbor), &arena, &from_cbor),
        KMS_OK);
    encode(KMS_WIRE_JSON, shape, &from_cbor, &json_again); /* through the other form */
    encode(KMS_WIRE_CBOR, shape, &from_json, &cbor_again);
    assert_same(shape, &json, &json_again);
    assert_same(shape, &cbor, &cbor_again);
}

static void test_every_shape_survives(void **state)
{
    (void)state;
    for (int op = 0; op < KMS_OPERATION_COUNT; op++) {
        for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
            round_trip(kms_operations[op].input, seed + (uint64_t)op * 1000);
            if (kms_operations[op].output != NULL)
                round_trip(kms_operations[op].output, seed + (uint64_t)op * 2000);
        }
    }
}

/* Every truncation of a request is an error, and none reads past its end (AddressSanitizer). */
static void test_truncation(void **state)
{
    (void)state;
    static const enum kms_op ops[] = {KMS_OP_RE_ENCRYPT, KMS_OP_CREATE_KEY, KMS_OP_CREATE_GRANT};
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, ARENA_MAX);
        struct generator g = {.arena = &arena, .state = 7};
        const struct kms_shape *shape = kms_operations[ops[i]].input;
        union storage value = {.bytes = {0}};
        fill_structure(&g, shape, &value);
        for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
            KMS_BUF_AUTO body;
            encode((enum kms_wire)wire, shape, &value, &body);
            for (size_t len = 1; len < body.len; len++) {
                union storage out;
                enum kms_err err = kms_decode_response(
                    (enum kms_wire)wire, shape, kms_bytes(body.data, len), &arena, &out);
                assert_int_equal(err, KMS_ERR_SYNTAX);
                kms_arena_reset(&arena);
            }
            kms_arena_reset(&arena);
            g.state = 7;
            memset(&value, 0, sizeof(value));
            fill_structure(&g, shape, &value);
        }
    }
}

static void test_empty_bodies(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        struct kms_list_keys_request keys = {.limit = {.set = true}};
        struct kms_str message = kms_str("unset");
        assert_int_equal(
            kms_decode_request((enum kms_wire)wire, kms_operations[KMS_OP_LIST_KEYS].input,
                kms_bytes("", 0), &arena, &keys, &message),
            KMS_OK);
        assert_false(keys.limit.set);
        assert_null(message.data);
        assert_int_equal(
            kms_decode_response((enum kms_wire)wire, kms_operations[KMS_OP_LIST_KEYS].output,
                kms_bytes(NULL, 0), &arena, &(union storage){.bytes = {1}}),
            KMS_OK);
    }
}

/* The daemon and the client may meet values that this version's tables do not have. */
static void test_unrecognised_values_in_answers(void **state)
{
    (void)state;
    static const char json[] = "{\"KeyMetadata\":{\"KeyId\":\"k\",\"KeyState\":\"Dreaming\","
                               "\"EncryptionAlgorithms\":[\"SYMMETRIC_DEFAULT\",\"NEW\"]}}";
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    const struct kms_shape *shape = kms_operations[KMS_OP_DESCRIBE_KEY].output;
    struct kms_describe_key_response answer;
    assert_int_equal(
        kms_decode_response(KMS_WIRE_JSON, shape, kms_bytes(json, strlen(json)), &arena, &answer),
        KMS_OK);
    assert_int_equal(answer.key_metadata->key_state, KMS_KEY_STATE_UNRECOGNIZED);
    assert_int_equal(answer.key_metadata->encryption_algorithms.count, 2);
    assert_int_equal(answer.key_metadata->encryption_algorithms.items[0],
        KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT);
    assert_int_equal(
        answer.key_metadata->encryption_algorithms.items[1], KMS_ENCRYPTION_ALGORITHM_UNRECOGNIZED);

    KMS_BUF_AUTO out;
    encode(KMS_WIRE_JSON, shape, &answer, &out); /* what has no name is left out */
    assert_true(kms_str_is(kms_buf_str(&out),
        "{\"KeyMetadata\":{\"KeyId\":\"k\",\"EncryptionAlgorithms\":[\"SYMMETRIC_DEFAULT\"]}}"));
}

static void test_text_that_is_not_utf8_is_not_sent(void **state)
{
    (void)state;
    struct kms_describe_key_request request = {.key_id = kms_str("a\xff")};
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        KMS_BUF_AUTO out;
        kms_buf_init(&out, BUF_MAX);
        kms_encode((enum kms_wire)wire, kms_operations[KMS_OP_DESCRIBE_KEY].input, &request, &out);
        assert_int_equal(out.err, KMS_ERR_INVALID_ARGUMENT);
    }
}

static void test_encoding_stops_at_the_limit(void **state)
{
    (void)state;
    struct kms_encrypt_request request = {
        .key_id = kms_str("alias/key"), .plaintext = kms_bytes("0123456789", 10)};
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        KMS_BUF_AUTO whole;
        encode((enum kms_wire)wire, kms_operations[KMS_OP_ENCRYPT].input, &request, &whole);
        for (size_t max = 0; max < whole.len; max++) {
            KMS_BUF_AUTO out;
            kms_buf_init(&out, max);
            kms_encode((enum kms_wire)wire, kms_operations[KMS_OP_ENCRYPT].input, &request, &out);
            assert_int_equal(out.err, KMS_ERR_LIMIT);
            assert_true(out.len <= max);
        }
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

static void test_every_fault_survives(void **state)
{
    (void)state;
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        for (int code = 0; code < KMS_FAULT_COUNT; code++) {
            KMS_ARENA_AUTO arena;
            kms_arena_init(&arena, ARENA_MAX);
            KMS_BUF_AUTO body;
            kms_buf_init(&body, BUF_MAX);
            kms_encode_fault(
                (enum kms_wire)wire, (enum kms_fault_code)code, kms_str("Текст \"\n"), &body);
            assert_int_equal(body.err, KMS_OK);
            struct kms_str name, message;
            assert_int_equal(kms_decode_fault((enum kms_wire)wire, kms_buf_bytes(&body), &arena,
                                 &name, &message),
                KMS_OK);
            assert_true(kms_str_is(name, kms_error_models[code].name));
            assert_true(kms_str_is(message, "Текст \"\n"));
        }
    }
}

static void assert_json_fault(
    enum kms_fault_code code, struct kms_str message, const char *expected)
{
    KMS_BUF_AUTO body;
    kms_buf_init(&body, BUF_MAX);
    kms_encode_fault(KMS_WIRE_JSON, code, message, &body);
    assert_int_equal(body.err, KMS_OK);
    if (!kms_str_is(kms_buf_str(&body), expected))
        fail_msg("%.*s", (int)body.len, (const char *)body.data);
}

static void test_fault_bodies(void **state)
{
    (void)state;
    assert_json_fault(KMS_FAULT_NOT_FOUND, kms_str("Invalid keyId 'foo'"),
        "{\"__type\":\"NotFoundException\",\"message\":\"Invalid keyId 'foo'\"}");
    assert_json_fault(
        KMS_FAULT_INVALID_CIPHERTEXT, kms_str(NULL), "{\"__type\":\"InvalidCiphertextException\"}");
    assert_json_fault(KMS_FAULT_MALFORMED_POLICY_DOCUMENT, kms_str(""),
        "{\"__type\":\"MalformedPolicyDocumentException\",\"message\":\"\"}");
    assert_json_fault(KMS_FAULT_ACCESS_DENIED, kms_str("no"),
        "{\"__type\":\"AccessDeniedException\",\"Message\":\"no\"}");

    static const unsigned char expected[] = "\xa1\x66__type\x78\x2c"
                                            "com.amazonaws.kms#InvalidCiphertextException";
    KMS_BUF_AUTO body;
    kms_buf_init(&body, BUF_MAX);
    kms_encode_fault(KMS_WIRE_CBOR, KMS_FAULT_INVALID_CIPHERTEXT, kms_str(NULL), &body);
    assert_int_equal(body.len, sizeof(expected) - 1);
    assert_memory_equal(body.data, expected, sizeof(expected) - 1);
}

/* Bodies of other servers, and of what stands between. */
static void test_foreign_fault_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *code;
        const char *message;
    } cases[] = {
        {"{\"__type\":\"com.amazon.coral.service#SerializationException\",\"Message\":\"m\"}",
            "SerializationException", "m"},
        {"{\"__type\":\"ns#FooError:http://internal.amazon.com/coral/#x\"}", "FooError", NULL},
        {"{\"code\":\"FooError\",\"message\":\"a\",\"Message\":\"b\"}", "FooError", "a"},
        {"{\"code\":404,\"message\":[\"x\",{\"y\":1}],\"__type\":\"A\"}", "A", NULL},
        {"{\"message\":\"Forbidden\"}", NULL, "Forbidden"},
        {"{\"__type\":\"\"}", "", NULL},
        {"{}", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, ARENA_MAX);
        struct kms_str code, message;
        assert_int_equal(
            kms_decode_fault(KMS_WIRE_JSON, kms_bytes(cases[i].body, strlen(cases[i].body)), &arena,
                &code, &message),
            KMS_OK);
        assert_int_equal(code.data == NULL, cases[i].code == NULL);
        assert_int_equal(message.data == NULL, cases[i].message == NULL);
        assert_true(kms_str_is(code, cases[i].code == NULL ? "" : cases[i].code));
        assert_true(kms_str_is(message, cases[i].message == NULL ? "" : cases[i].message));
    }
    /* {"code": [_ 1, {}], "__type": "A", "message": "m"} */
    static const unsigned char cbor[] = "\xa3\x64"
                                        "code"
                                        "\x9f\x01\xa0\xff\x66"
                                        "__type"
                                        "\x61"
                                        "A"
                                        "\x67"
                                        "message"
                                        "\x61"
                                        "m";
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, ARENA_MAX);
    struct kms_str code, message;
    assert_int_equal(
        kms_decode_fault(KMS_WIRE_CBOR, kms_bytes(cbor, sizeof(cbor) - 1), &arena, &code, &message),
        KMS_OK);
    assert_true(kms_str_is(code, "A"));
    assert_true(kms_str_is(message, "m"));
    static const char html[] = "<html>";
    code = message = kms_str("untouched");
    assert_int_equal(
        kms_decode_fault(KMS_WIRE_JSON, kms_bytes(html, strlen(html)), &arena, &code, &message),
        KMS_ERR_SYNTAX);
    assert_true(kms_str_is(code, "untouched"));
    assert_true(kms_str_is(message, "untouched"));
}

static void test_content_types(void **state)
{
    (void)state;
    assert_string_equal(kms_wire_content_type(KMS_WIRE_JSON), "application/x-amz-json-1.1");
    assert_string_equal(kms_wire_content_type(KMS_WIRE_CBOR), "application/cbor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shape_survives),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_empty_bodies),
        cmocka_unit_test(test_unrecognised_values_in_answers),
        cmocka_unit_test(test_text_that_is_not_utf8_is_not_sent),
        cmocka_unit_test(test_encoding_stops_at_the_limit),
        cmocka_unit_test(test_every_fault_survives),
        cmocka_unit_test(test_fault_bodies),
        cmocka_unit_test(test_foreign_fault_bodies),
        cmocka_unit_test(test_content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
