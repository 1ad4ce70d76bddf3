#include "tests/unit/kmsd/policy/policy_fixture.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIXTURE_ARENA_MAX = 1 << 20, PATH_MAX_LEN = 1024 };

void policy_fixture_open(struct policy_fixture *fixture, const char *name)
{
    char path[PATH_MAX_LEN];
    json_error_t error;
    memset(fixture, 0, sizeof(*fixture));
    kms_arena_init(&fixture->arena, FIXTURE_ARENA_MAX);
    (void)snprintf(path, sizeof(path), "%s/policy/%s", KMS_TEST_VECTORS, name);
    fixture->table = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (fixture->table == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
}

void policy_fixture_next(struct policy_fixture *fixture)
{
    for (size_t i = 0; i < fixture->document_count; i++)
        kmsd_policy_document_free(fixture->documents[i]);
    fixture->document_count = 0;
    kms_arena_reset(&fixture->arena);
}

void policy_fixture_close(struct policy_fixture *fixture)
{
    policy_fixture_next(fixture);
    kms_arena_clean_up(&fixture->arena);
    json_decref(fixture->table);
}

static json_t *wrap(const json_t *json)
{
    if (json_is_object(json) && json_object_get(json, "Statement") != NULL)
        return json_deep_copy(json);
    return json_pack("{s:s,s:o}", "Version", "2012-10-17", "Statement", json_deep_copy(json));
}

struct kmsd_policy_document *policy_parse_text(const char *text, enum kmsd_policy_kind kind)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_policy_parse(kms_str(text), kind, &document, &problem);
    if (err != KMS_OK)
        fail_msg("%s: %s (%s)", text, problem.text, kms_err_text(err));
    return document;
}

const struct kmsd_policy_document *policy_fixture_document(
    struct policy_fixture *fixture, const json_t *json, enum kmsd_policy_kind kind)
{
    if (json == NULL || json_is_null(json))
        return NULL;
    if (json_is_string(json)) {
        const char *name = json_string_value(json);
        json = json_object_get(json_object_get(fixture->table, "policies"), name);
        if (json == NULL)
            fail_msg("the table has no policy \"%s\"", name);
    }
    json_t *whole = wrap(json);
    assert_non_null(whole);
    char *text = json_dumps(whole, JSON_COMPACT);
    json_decref(whole);
    assert_non_null(text);
    struct kmsd_policy_document *document = policy_parse_text(text, kind);
    free(text);
    assert_true(
        fixture->document_count < sizeof(fixture->documents) / sizeof(fixture->documents[0]));
    fixture->documents[fixture->document_count++] = document;
    return document;
}

struct kms_str policy_fixture_str(const json_t *object, const char *name)
{
    return kms_str(json_string_value(json_object_get(object, name)));
}

struct kms_str_map policy_fixture_map(struct policy_fixture *fixture, const json_t *json)
{
    struct kms_str_map map = {NULL, 0};
    if (json == NULL)
        return map;
    struct kms_str_pair *pairs =
        kms_arena_calloc(&fixture->arena, json_object_size(json) + 1, sizeof(*pairs));
    assert_non_null(pairs);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        pairs[map.count++] = (struct kms_str_pair){kms_str(key), kms_str(json_string_value(value))};
    }
    map.items = pairs;
    return map;
}

static void name_subject(struct kmsd_policy_subject *subject)
{
    struct kmsd_policy_name name;
    if (kmsd_policy_name_parse(subject->arn, false, &name) != KMS_OK) {
        assert_int_equal(kmsd_policy_name_parse_service(subject->arn, &name), KMS_OK);
        subject->kind = KMSD_SUBJECT_SERVICE;
        subject->service = subject->arn;
        return;
    }
    const char *account = strstr(subject->arn.data, "::") + 2;
    subject->account = (struct kms_str){account, 12};
    switch (name.kind) {
    case KMSD_NAME_ACCOUNT:
        subject->kind = KMSD_SUBJECT_ACCOUNT_ROOT;
        break;
    case KMSD_NAME_USER:
        subject->kind = KMSD_SUBJECT_USER;
        subject->user_name = kms_str(strrchr(subject->arn.data, '/') + 1);
        break;
    case KMSD_NAME_ROLE_SESSION:
        subject->kind = KMSD_SUBJECT_ROLE_SESSION;
        break;
    case KMSD_NAME_FEDERATED_USER:
        subject->kind = KMSD_SUBJECT_FEDERATED_USER;
        break;
    default:
        fail_msg("%s is nobody who asks", subject->arn.data);
    }
}

struct kmsd_policy_subject *policy_fixture_subject(
    struct policy_fixture *fixture, const json_t *json)
{
    if (json_is_string(json)) {
        const char *name = json_string_value(json);
        json = json_object_get(json_object_get(fixture->table, "subjects"), name);
        if (json == NULL)
            fail_msg("the table has no subject \"%s\"", name);
    }
    struct kmsd_policy_subject *subject = kms_arena_alloc(&fixture->arena, sizeof(*subject));
    assert_non_null(subject);
    subject->arn = policy_fixture_str(json, "arn");
    assert_non_null(subject->arn.data);
    name_subject(subject);
    subject->issuer_arn = policy_fixture_str(json, "issuer");
    subject->user_id = policy_fixture_str(json, "user_id");
    subject->federated_provider = policy_fixture_str(json, "provider");
    subject->tags = policy_fixture_map(fixture, json_object_get(json, "tags"));
    return subject;
}

static struct kmsd_policy_value read_list(struct policy_fixture *fixture, const json_t *json)
{
    size_t count = json_array_size(json);
    struct kms_str *texts = kms_arena_calloc(&fixture->arena, count, sizeof(*texts));
    assert_non_null(texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = kms_str(json_string_value(json_array_get(json, i)));
    return kmsd_policy_texts(texts, sizeof(*texts), count);
}

static struct kmsd_policy_value read_typed(struct policy_fixture *fixture, const json_t *json)
{
    struct kms_str time = policy_fixture_str(json, "time");
    struct kms_str ip = policy_fixture_str(json, "ip");
    struct kms_str binary = policy_fixture_str(json, "binary");
    if (time.data != NULL) {
        int64_t time_ms;
        assert_int_equal(kms_time_parse_rfc3339(time, &time_ms), KMS_OK);
        return kmsd_policy_time(time_ms);
    }
    if (ip.data != NULL) {
        struct kmsd_policy_ip address;
        assert_int_equal(kmsd_policy_ip_parse(ip, &address), KMS_OK);
        return kmsd_policy_ip(address);
    }
    size_t len;
    uint8_t *bytes = kms_arena_alloc(&fixture->arena, kms_base64_decoded_max(binary.len));
    assert_non_null(bytes);
    assert_int_equal(kms_base64_decode(binary, bytes, &len), KMS_OK);
    return kmsd_policy_binary(kms_bytes(bytes, len));
}

static struct kmsd_policy_value read_value(struct policy_fixture *fixture, const json_t *json)
{
    if (json_is_string(json))
        return kmsd_policy_text(kms_str(json_string_value(json)));
    if (json_is_integer(json))
        return kmsd_policy_number(json_integer_value(json));
    if (json_is_boolean(json))
        return kmsd_policy_bool(json_is_true(json));
    if (json_is_array(json))
        return read_list(fixture, json);
    return read_typed(fixture, json);
}

const struct kmsd_policy_entry *policy_fixture_entries(
    struct policy_fixture *fixture, const json_t *json, size_t *count)
{
    const char *name;
    json_t *value;
    *count = 0;
    struct kmsd_policy_entry *entries =
        kms_arena_calloc(&fixture->arena, json_object_size(json), sizeof(*entries));
    assert_non_null(entries);
    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        entries[*count].name = kms_str(name);
        entries[*count].value = read_value(fixture, value);
        (*count)++;
    }
    return entries;
}
