#include "rig.h"

#include "kmsd/auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

int64_t rig_now_ms = 1795392000123; /* 2026-11-23 */

static int64_t now_ms(void)
{
    return rig_now_ms;
}

/* --- the stand-in for authentication ---------------------------------------------------------- */

enum kms_fault_code kmsd_auth_verify_for(struct kmsd_auth *auth, const char *service,
    const struct kms_http_view *http, int64_t at_ms, struct kms_arena *arena,
    struct kmsd_principal *principal, struct kms_str *region, struct kms_str *message)
{
    (void)service;
    return kmsd_auth_verify(auth, http, at_ms, arena, principal, region, message);
}

enum kms_fault_code kmsd_auth_verify(struct kmsd_auth *auth, const struct kms_http_view *http,
    int64_t at_ms, struct kms_arena *arena, struct kmsd_principal *principal,
    struct kms_str *region, struct kms_str *message)
{
    (void)auth;
    (void)arena;
    assert_true(at_ms == rig_now_ms);
    for (size_t i = 0; i < http->header_count; i++) {
        if (!kms_str_is(http->headers[i].name, "authorization"))
            continue;
        const char *text = http->headers[i].value.data;
        const char *name = strchr(text + 13, ' ');
        memcpy(principal->account, text, 12);
        (void)snprintf(principal->arn, sizeof(principal->arn), "arn:aws:iam::%.12s:%s%s", text,
            name == NULL ? "root" : "user/", name == NULL ? "" : name + 1);
        principal->is_account_root = name == NULL;
        *region = (struct kms_str){
            text + 13, name == NULL ? strlen(text + 13) : (size_t)(name - text - 13)};
        return KMS_FAULT_COUNT;
    }
    *message = kms_str("Missing Authentication Token");
    return KMS_FAULT_MISSING_AUTHENTICATION_TOKEN;
}

/* No test here speaks to the API of identities; with its own, the true one would be linked too. */
enum kms_fault_code kmsd_auth_verify_query(struct kmsd_auth *auth, const struct kms_http_view *http,
    int64_t at_ms, struct kms_arena *arena, struct kmsd_principal *principal,
    struct kmsd_query_scope *scope, struct kms_str *message)
{
    scope->service = kms_str("iam");
    return kmsd_auth_verify(auth, http, at_ms, arena, principal, &scope->region, message);
}

/* --- life ------------------------------------------------------------------------------------- */

static void start(struct rig *rig, enum kmsd_store_mode mode)
{
    struct kmsd_detail detail;
    struct kms_secret *root_key = NULL;
    assert_int_equal(kms_secret_new(KMSD_ROOT_KEY_SIZE, &root_key), KMS_OK);
    memset(kms_secret_data(root_key), 7, KMSD_ROOT_KEY_SIZE);
    assert_int_equal(kmsd_store_open(rig->path, mode, &rig->store, &detail), KMS_OK);
    assert_int_equal(kmsd_custody_new(root_key, &rig->custody), KMS_OK);
    assert_int_equal(kmsd_keys_open(rig->store, rig->custody, &rig->keys, &detail), KMS_OK);
    rig->pipeline =
        (struct kmsd_pipeline){.keys = rig->keys, .now_ms = now_ms, .signing_now_ms = now_ms};
}

static void stop(struct rig *rig)
{
    kmsd_keys_close(rig->keys);
    kmsd_store_close(rig->store);
    kmsd_custody_free(rig->custody);
}

struct rig *rig_open(bool on_disk)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    rig->caller = RIG_ACCOUNT " " RIG_REGION;
    kmsd_exchange_init(&rig->exchange);
    if (on_disk) {
        char directory[] = "/tmp/kmsd-test-XXXXXX";
        assert_non_null(mkdtemp(directory));
        (void)snprintf(rig->path, sizeof(rig->path), "%s/store", directory);
    }
    start(rig, on_disk ? KMSD_STORE_CREATE : KMSD_STORE_MEMORY);
    return rig;
}

void rig_restart(struct rig *rig)
{
    assert_true(rig->path[0] != '\0');
    stop(rig);
    start(rig, KMSD_STORE_EXISTING);
}

void rig_close(struct rig *rig)
{
    stop(rig);
    if (rig->path[0] != '\0') {
        char path[sizeof(rig->path) + 8];
        static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
            (void)snprintf(path, sizeof(path), "%s%s", rig->path, endings[i]);
            (void)unlink(path);
        }
        *strrchr(rig->path, '/') = '\0';
        (void)rmdir(rig->path);
    }
    json_decref(rig->answer);
    kmsd_exchange_clean_up(&rig->exchange);
    free(rig);
}

/* --- templates -------------------------------------------------------------------------------- */

void rig_set(struct rig *rig, const char *name, const char *value)
{
    size_t i = 0;
    while (i < rig->value_count && strcmp(rig->values[i].name, name) != 0)
        i++;
    assert_true(i < RIG_VALUES);
    assert_true(strlen(value) < sizeof(rig->values[i].value));
    (void)snprintf(rig->values[i].name, sizeof(rig->values[i].name), "%s", name);
    (void)snprintf(rig->values[i].value, sizeof(rig->values[i].value), "%s", value);
    if (i == rig->value_count)
        rig->value_count++;
}

bool rig_knows(const struct rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->value_count; i++) {
        if (strcmp(rig->values[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *rig_get(const struct rig *rig, const char *name)
{
    for (size_t i = 0; i < rig->value_count; i++) {
        if (strcmp(rig->values[i].name, name) == 0)
            return rig->values[i].value;
    }
    fail_msg("nothing under %s", name);
    return NULL;
}

static void expand(const struct rig *rig, const char *from, bool quotes, char *out, size_t size)
{
    size_t len = 0;
    while (*from != '\0') {
        if (from[0] == '$' && from[1] == '{') {
            char name[24];
            size_t name_len = strcspn(from + 2, "}");
            assert_true(name_len < sizeof(name));
            memcpy(name, from + 2, name_len);
            name[name_len] = '\0';
            const char *value = rig_get(rig, name);
            assert_true(len + strlen(value) < size);
            memcpy(out + len, value, strlen(value));
            len += strlen(value);
            from += name_len + 3;
            continue;
        }
        assert_true(len + 1 < size);
        out[len] = *from++;
        if (quotes && out[len] == '\'')
            out[len] = '"';
        len++;
    }
    out[len] = '\0';
}

/* --- requests --------------------------------------------------------------------------------- */

void rig_send(struct rig *rig, const char *operation, const char *body)
{
    static char text[1 << 17];
    char target[80];
    expand(rig, body, true, text, sizeof(text));
    (void)snprintf(target, sizeof(target), "TrentService.%s", operation);
    struct kms_header headers[] = {
        {kms_str("host"), kms_str("localhost")},
        {kms_str("content-type"), kms_str("application/x-amz-json-1.1")},
        {kms_str("x-amz-target"), kms_str(target)},
        {kms_str("authorization"), kms_str(rig->caller)},
    };
    struct kmsd_exchange *exchange = &rig->exchange;
    kmsd_exchange_reset(exchange);
    exchange->http = (struct kms_http_view){
        .method = kms_str("POST"),
        .path = kms_str("/"),
        .query = kms_str(""),
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
        .body = kms_bytes(text, strlen(text)),
    };
    if (kmsd_pipeline_begin(&rig->pipeline, exchange) != KMSD_NEXT_REPLY)
        kmsd_pipeline_finish(&rig->pipeline, exchange);

    struct kms_str answer = kms_buf_str(&exchange->response.body);
    assert_true(answer.len < sizeof(rig->text));
    memcpy(rig->text, answer.data, answer.len);
    rig->text[answer.len] = '\0';
    rig->status = exchange->response.status;
    json_decref(rig->answer);
    rig->answer = answer.len == 0 ? NULL : json_loads(rig->text, 0, NULL);
    if (answer.len != 0)
        assert_non_null(rig->answer);
    assert_string_equal(exchange->response.content_type, "application/x-amz-json-1.1");
    assert_int_equal(strlen(exchange->request_id), 36);
}

json_t *rig_ok(struct rig *rig, const char *operation, const char *body)
{
    rig_send(rig, operation, body);
    if (rig->status != 200)
        fail_msg("%s %s: %d %s", operation, body, rig->status, rig->text);
    assert_int_equal(rig->exchange.cause, KMS_OK);
    return rig->answer;
}

void rig_fault(
    struct rig *rig, const char *operation, const char *body, const char *code, const char *message)
{
    char wanted[8192];
    rig_send(rig, operation, body);
    const char *type = json_string_value(json_object_get(rig->answer, "__type"));
    if (type == NULL || strcmp(type, code) != 0 || rig->status != 400)
        fail_msg("%s %s: %d %s, not %s", operation, body, rig->status, rig->text, code);
    const char *member = strcmp(code, "AccessDeniedException") == 0 ? "Message" : "message";
    const char *text = json_string_value(json_object_get(rig->answer, member));
    if (message == NULL) {
        if (json_object_size(rig->answer) != 1)
            fail_msg("%s %s: %s has a text", operation, body, rig->text);
        return;
    }
    expand(rig, message, false, wanted, sizeof(wanted));
    if (text == NULL || strcmp(text, wanted) != 0)
        fail_msg("%s %s: %s, not %s", operation, body, rig->text, wanted);
}

void rig_faults(struct rig *rig, const struct rig_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rig_fault(rig, cases[i].operation, cases[i].body, cases[i].code, cases[i].message);
}

const char *rig_text(struct rig *rig, const char *member)
{
    const char *text = json_string_value(json_object_get(rig->answer, member));
    if (text == NULL)
        fail_msg("no %s in %s", member, rig->text);
    return text;
}

void rig_key(struct rig *rig, const char *name)
{
    char arn_name[24];
    json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", "{}"), "KeyMetadata");
    (void)snprintf(arn_name, sizeof(arn_name), "%s_ARN", name);
    rig_set(rig, name, json_string_value(json_object_get(metadata, "KeyId")));
    rig_set(rig, arn_name, json_string_value(json_object_get(metadata, "Arn")));
}
