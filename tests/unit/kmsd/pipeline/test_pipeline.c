/* The stages of a request: which protocol, which operation, who, how it is answered. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One request by its parts; NULL leaves a header out. */
struct parts {
    const char *method;
    const char *path;
    const char *target;
    const char *content_type;
    const char *smithy_protocol;
    const char *authorization;
    const char *body;
};

static const struct parts good_json = {
    .method = "POST",
    .path = "/",
    .target = "TrentService.ListKeys",
    .content_type = "application/x-amz-json-1.1",
    .authorization = RIG_ACCOUNT " " RIG_REGION,
    .body = "{}",
};

static const struct parts good_cbor = {
    .method = "POST",
    .path = "/service/TrentService/operation/ListKeys",
    .content_type = "application/cbor",
    .smithy_protocol = "rpc-v2-cbor",
    .authorization = RIG_ACCOUNT " " RIG_REGION,
    .body = "\xa0",
};

static void send_parts(struct rig *rig, const struct parts *parts)
{
    struct kms_header headers[8];
    size_t count = 0;
    headers[count++] = (struct kms_header){kms_str("Host"), kms_str("localhost")};
    if (parts->target != NULL)
        headers[count++] = (struct kms_header){kms_str("X-Amz-Target"), kms_str(parts->target)};
    if (parts->content_type != NULL)
        headers[count++] =
            (struct kms_header){kms_str("Content-Type"), kms_str(parts->content_type)};
    if (parts->smithy_protocol != NULL)
        headers[count++] =
            (struct kms_header){kms_str("Smithy-Protocol"), kms_str(parts->smithy_protocol)};
    if (parts->authorization != NULL)
        headers[count++] =
            (struct kms_header){kms_str("authorization"), kms_str(parts->authorization)};
    kmsd_exchange_reset(&rig->exchange);
    rig->exchange.http = (struct kms_http_view){
        .method = kms_str(parts->method),
        .path = kms_str(parts->path),
        .query = kms_str(""),
        .headers = headers,
        .header_count = count,
        .body = kms_bytes(parts->body, strlen(parts->body)),
    };
    if (kmsd_pipeline_begin(&rig->pipeline, &rig->exchange) != KMSD_NEXT_REPLY)
        kmsd_pipeline_finish(&rig->pipeline, &rig->exchange);
}

static bool body_has(const struct rig *rig, const char *text)
{
    struct kms_str body = kms_buf_str(&rig->exchange.response.body);
    return memmem(body.data, body.len, text, strlen(text)) != NULL;
}

static int set_up(void **state)
{
    *state = rig_open(false);
    return 0;
}

static int tear_down(void **state)
{
    rig_close(*state);
    return 0;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void test_json_success(void **state)
{
    struct rig *rig = *state;
    send_parts(rig, &good_json);
    assert_int_equal(rig->exchange.response.status, 200);
    assert_string_equal(rig->exchange.response.content_type, "application/x-amz-json-1.1");
    assert_false(rig->exchange.response.smithy_protocol);
    assert_true(body_has(rig, "\"Truncated\":false"));

    struct parts parts = good_json;
    parts.content_type = "Application/X-Amz-Json-1.1; charset=utf-8";
    parts.body = "";
    send_parts(rig, &parts);
    assert_int_equal(rig->exchange.response.status, 200);
}

static void test_json_unknown_operations(void **state)
{
    struct rig *rig = *state;
    static const char *const targets[] = {NULL, "", "TrentService", "TrentService.",
        "TrentService.Nope", "TrentService.listkeys", "DynamoDB_20120810.ListKeys", "ListKeys",
        "TrentService.ListKeys ", "TrentServiceXListKeys"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct parts parts = good_json;
        parts.target = targets[i];
        send_parts(rig, &parts);
        assert_int_equal(rig->exchange.response.status, 400);
        assert_true(body_has(rig, "\"UnknownOperationException\""));
        assert_int_equal(strlen(rig->exchange.request_id), 36);
    }
    static const struct {
        const char *method;
        const char *path;
        const char *content_type;
    } others[] = {
        {"GET", "/", "application/x-amz-json-1.1"},
        {"PUT", "/", "application/x-amz-json-1.1"},
        {"POST", "/x", "application/x-amz-json-1.1"},
        {"POST", "/service/TrentService/operation/ListKeys", "application/x-amz-json-1.1"},
        {"POST", "/", NULL},
        {"POST", "/", ""},
        {"POST", "/", "application/json"},
        {"POST", "/", "application/x-amz-json-1.0"},
        {"POST", "/", "application/x-amz-json-1.11"},
        {"POST", "/", "application/cbor"},
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        struct parts parts = good_json;
        parts.method = others[i].method;
        parts.path = others[i].path;
        parts.content_type = others[i].content_type;
        send_parts(rig, &parts);
        assert_int_equal(rig->exchange.response.status, 400);
        assert_true(body_has(rig, "\"UnknownOperationException\""));
    }
}

static void test_two_targets_are_none(void **state)
{
    struct rig *rig = *state;
    struct kms_header headers[] = {
        {kms_str("content-type"), kms_str("application/x-amz-json-1.1")},
        {kms_str("x-amz-target"), kms_str("TrentService.ListKeys")},
        {kms_str("X-AMZ-TARGET"), kms_str("TrentService.CreateKey")},
        {kms_str("authorization"), kms_str(RIG_ACCOUNT " " RIG_REGION)},
    };
    rig->exchange.http = (struct kms_http_view){
        .method = kms_str("POST"),
        .path = kms_str("/"),
        .headers = headers,
        .header_count = COUNT(headers),
        .body = kms_bytes("{}", 2),
    };
    assert_int_equal(kmsd_pipeline_begin(&rig->pipeline, &rig->exchange), KMSD_NEXT_REPLY);
    assert_true(body_has(rig, "\"UnknownOperationException\""));
}

static void test_unread_bodies(void **state)
{
    struct rig *rig = *state;
    char deep[256];
    memset(deep, '[', 80);
    memset(deep + 80, ']', 80);
    deep[160] = '\0';
    const char *const bodies[] = {
        "{", "[]", "nonsense", "{\"Limit\":\"x\"}", "\xff\xfe", "{}{}", deep};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct parts parts = good_json;
        parts.body = bodies[i];
        send_parts(rig, &parts);
        assert_int_equal(rig->exchange.response.status, 400);
        assert_true(body_has(rig, "\"SerializationException\""));
    }
    struct parts parts = good_json;
    parts.body = "{\"Limit\":0}";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "1 validation error detected: Value '0' at 'limit' failed to satisfy "
                              "constraint: Member must have value greater than or equal to 1"));
}

/* --- who -------------------------------------------------------------------------------------- */

static void test_order_of_stages(void **state)
{
    struct rig *rig = *state;
    /* an unknown operation is told to anybody; what a known one makes of its input is not */
    struct parts parts = good_json;
    parts.authorization = NULL;
    parts.target = "TrentService.Nope";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "\"UnknownOperationException\""));
    parts.target = "TrentService.ListKeys";
    parts.body = "{";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "\"MissingAuthenticationTokenException\""));
    assert_true(body_has(rig, "\"Missing Authentication Token\""));
    assert_int_equal(rig->exchange.response.status, 400);
}

static void test_served_regions(void **state)
{
    struct rig *rig = *state;
    static const struct kms_str regions[] = {
        KMS_STR_LITERAL("eu-west-1"), KMS_STR_LITERAL(RIG_REGION)};
    rig->pipeline.regions = regions;
    rig->pipeline.region_count = 1;
    send_parts(rig, &good_json);
    assert_int_equal(rig->exchange.response.status, 400);
    assert_true(body_has(rig, "\"InvalidSignatureException\""));
    assert_true(body_has(rig, "Credential should be scoped to a valid region."));
    rig->pipeline.region_count = 2;
    send_parts(rig, &good_json);
    assert_int_equal(rig->exchange.response.status, 200);
}

static void test_users_are_refused(void **state)
{
    struct rig *rig = *state;
    rig_key(rig, "K");
    rig->caller = RIG_ACCOUNT " " RIG_REGION " mallory";
    static const struct rig_case cases[] = {
        {"CreateKey", "{}", "AccessDeniedException",
            "User: arn:aws:iam::" RIG_ACCOUNT ":user/mallory is not authorized to perform: "
            "kms:CreateKey on resource: * because no identity-based policy allows the "
            "kms:CreateKey action"},
        {"DescribeKey", "{'KeyId':'${K}'}", "AccessDeniedException",
            "User: arn:aws:iam::" RIG_ACCOUNT ":user/mallory is not authorized to perform: "
            "kms:DescribeKey on resource: ${K_ARN} because no identity-based policy allows the "
            "kms:DescribeKey action"},
        {"CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}", "AccessDeniedException",
            "User: arn:aws:iam::" RIG_ACCOUNT ":user/mallory is not authorized to perform: "
            "kms:CreateAlias on resource: arn:aws:kms:us-east-1:" RIG_ACCOUNT
            ":alias/x because no identity-based policy allows the kms:CreateAlias action"},
    };
    rig_faults(rig, cases, COUNT(cases));
    rig->caller = RIG_ACCOUNT " " RIG_REGION;
    assert_int_equal(json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 1);
}

/* --- CBOR ------------------------------------------------------------------------------------- */

static void test_cbor_success(void **state)
{
    struct rig *rig = *state;
    static const char *const paths[] = {"/service/TrentService/operation/ListKeys",
        "/some/prefix/service/TrentService/operation/ListKeys",
        "/service/com.amazonaws.kms.TrentService/operation/ListKeys"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct parts parts = good_cbor;
        parts.path = paths[i];
        send_parts(rig, &parts);
        assert_int_equal(rig->exchange.response.status, 200);
        assert_string_equal(rig->exchange.response.content_type, "application/cbor");
        assert_true(rig->exchange.response.smithy_protocol);
        assert_true(body_has(rig, "Truncated\xf4"));
    }
    struct parts parts = good_cbor;
    parts.body = "";
    parts.content_type = NULL;
    send_parts(rig, &parts);
    assert_int_equal(rig->exchange.response.status, 200);
}

static void test_cbor_unknown_operations(void **state)
{
    struct rig *rig = *state;
    static const char *const paths[] = {"/", "", "/operation/ListKeys",
        "/service/TrentService/operation/Nope", "/service/TrentService/ListKeys",
        "/service/Other/operation/ListKeys", "/service/TrentService/operation/ListKeys/",
        "/service/TrentService/operation/com.amazonaws.kms%23ListKeys",
        "/services/TrentService/operation/ListKeys"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct parts parts = good_cbor;
        parts.path = paths[i];
        send_parts(rig, &parts);
        assert_int_equal(rig->exchange.response.status, 400);
        assert_string_equal(rig->exchange.response.content_type, "application/cbor");
        assert_true(body_has(rig, "#UnknownOperationException"));
    }
    struct parts parts = good_cbor;
    parts.target = "TrentService.ListKeys";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "#UnknownOperationException"));
    parts = good_cbor;
    parts.smithy_protocol = "rpc-v2-json";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "#UnknownOperationException"));
    parts = good_cbor;
    parts.content_type = "application/json";
    send_parts(rig, &parts);
    assert_true(body_has(rig, "#UnknownOperationException"));
}

/* The model's status, where JSON has 400. */
static void test_cbor_status(void **state)
{
    struct rig *rig = *state;
    struct parts parts = good_cbor;
    parts.path = "/service/TrentService/operation/DescribeKey";
    parts.body = "\xa1\x65KeyId\x63"
                 "foo";
    send_parts(rig, &parts);
    assert_int_equal(rig->exchange.response.status, 404);
    assert_true(body_has(rig, "com.amazonaws.kms#NotFoundException"));
    assert_true(body_has(rig, "Invalid keyId 'foo'"));
}

/* An answer without output: no body, and in CBOR no type either. */
static void test_empty_answers(void **state)
{
    struct rig *rig = *state;
    char body[128];
    rig_key(rig, "K");
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    assert_int_equal(rig->exchange.response.body.len, 0);

    struct parts parts = good_cbor;
    parts.path = "/service/TrentService/operation/EnableKey";
    (void)snprintf(body, sizeof(body), "\xa1\x65KeyId\x78\x24%s", rig_get(rig, "K"));
    parts.body = body;
    send_parts(rig, &parts);
    assert_int_equal(rig->exchange.response.status, 200);
    assert_int_equal(rig->exchange.response.body.len, 0);
    assert_null(rig->exchange.response.content_type);
    assert_true(rig->exchange.response.smithy_protocol);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void test_work_is_sorted_by_what_it_waits_for(void **state)
{
    struct rig *rig = *state;
    static const struct {
        const char *target;
        const char *body;
        enum kmsd_next next;
    } cases[] = {
        {"TrentService.CreateKey", "{}", KMSD_NEXT_WRITE},
        {"TrentService.DisableKey", "{\"KeyId\":\"x\"}", KMSD_NEXT_WRITE},
        {"TrentService.TagResource", "{\"KeyId\":\"x\",\"Tags\":[]}", KMSD_NEXT_WRITE},
        {"TrentService.Encrypt", "{\"KeyId\":\"x\",\"Plaintext\":\"eA==\"}", KMSD_NEXT_FINISH},
        {"TrentService.ListKeys", "{}", KMSD_NEXT_FINISH},
        {"TrentService.CreateKey", "{\"KeySpec\":\"RSA_2048\",\"KeyUsage\":\"SIGN_VERIFY\"}",
            KMSD_NEXT_GENERATE},
        {"TrentService.CreateKey", "{\"KeySpec\":\"ECC_NIST_P521\",\"KeyUsage\":\"SIGN_VERIFY\"}",
            KMSD_NEXT_WRITE},
        {"TrentService.GenerateDataKeyPair", "{\"KeyId\":\"x\",\"KeyPairSpec\":\"RSA_4096\"}",
            KMSD_NEXT_GENERATE},
        {"TrentService.GenerateDataKeyPairWithoutPlaintext",
            "{\"KeyId\":\"x\",\"KeyPairSpec\":\"ECC_NIST_P384\"}", KMSD_NEXT_COMPUTE},
        {"TrentService.GenerateDataKeyPair",
            "{\"KeyId\":\"x\",\"KeyPairSpec\":\"ECC_NIST_EDWARDS25519\"}", KMSD_NEXT_FINISH},
        {"TrentService.Sign",
            "{\"KeyId\":\"x\",\"Message\":\"eA==\",\"SigningAlgorithm\":\"RSASSA_PSS_SHA_512\"}",
            KMSD_NEXT_COMPUTE},
        {"TrentService.Sign",
            "{\"KeyId\":\"x\",\"Message\":\"eA==\",\"SigningAlgorithm\":\"ECDSA_SHA_256\"}",
            KMSD_NEXT_FINISH},
        {"TrentService.Verify",
            "{\"KeyId\":\"x\",\"Message\":\"eA==\",\"Signature\":\"eA==\","
            "\"SigningAlgorithm\":\"ECDSA_SHA_384\"}",
            KMSD_NEXT_COMPUTE},
        {"TrentService.Decrypt",
            "{\"KeyId\":\"x\",\"CiphertextBlob\":\"eA==\","
            "\"EncryptionAlgorithm\":\"RSAES_OAEP_SHA_256\"}",
            KMSD_NEXT_COMPUTE},
        {"TrentService.Decrypt", "{\"CiphertextBlob\":\"eA==\"}", KMSD_NEXT_FINISH},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kms_header headers[] = {
            {kms_str("content-type"), kms_str("application/x-amz-json-1.1")},
            {kms_str("x-amz-target"), kms_str(cases[i].target)},
            {kms_str("authorization"), kms_str(RIG_ACCOUNT " " RIG_REGION)},
        };
        kmsd_exchange_reset(&rig->exchange);
        rig->exchange.http = (struct kms_http_view){
            .method = kms_str("POST"),
            .path = kms_str("/"),
            .headers = headers,
            .header_count = COUNT(headers),
            .body = kms_bytes(cases[i].body, strlen(cases[i].body)),
        };
        assert_int_equal(kmsd_pipeline_begin(&rig->pipeline, &rig->exchange), cases[i].next);
    }
}

static void test_refusals_of_the_transport(void **state)
{
    struct rig *rig = *state;
    kmsd_exchange_reset(&rig->exchange);
    kmsd_pipeline_refuse(&rig->pipeline, &rig->exchange, KMS_FAULT_REQUEST_ENTITY_TOO_LARGE, kms_str("Too much."));
    assert_int_equal(rig->exchange.response.status, 413);
    assert_true(
        body_has(rig, "{\"__type\":\"RequestEntityTooLargeException\",\"message\":\"Too much.\"}"));
    assert_int_equal(strlen(rig->exchange.request_id), 36);

    kmsd_exchange_reset(&rig->exchange);
    struct kms_header headers[] = {{kms_str("smithy-protocol"), kms_str("rpc-v2-cbor")}};
    rig->exchange.http.headers = headers;
    rig->exchange.http.header_count = 1;
    kmsd_pipeline_refuse(&rig->pipeline, &rig->exchange, KMS_FAULT_SERVICE_UNAVAILABLE, kms_str(NULL));
    assert_int_equal(rig->exchange.response.status, 503);
    assert_string_equal(rig->exchange.response.content_type, "application/cbor");
    assert_true(body_has(rig, "#ServiceUnavailableException"));
}

/* Nothing of a request stays in the memory that is kept for the next one. */
static void test_reset_wipes(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "GenerateRandom", "{'NumberOfBytes':64}");
    uint8_t *kept = rig->exchange.response.body.data;
    size_t len = rig->exchange.response.body.len;
    assert_true(len > 64);
    kmsd_exchange_reset(&rig->exchange);
    assert_ptr_equal(rig->exchange.response.body.data, kept);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(kept[i], 0);
    assert_int_equal(rig->exchange.arena.used, 0);
    assert_null(rig->exchange.input);
    assert_string_equal(rig->exchange.principal.account, "");
}

/* A body that decodes to more than a request may hold. */
static void test_arena_limit(void **state)
{
    struct rig *rig = *state;
    size_t size = KMSD_EXCHANGE_ARENA_MAX + 1024;
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, 'x', size);
    static const char head[] = "{\"Marker\":\"";
    memcpy(body, head, sizeof(head) - 1);
    memcpy(body + size - 3, "\"}", 3);
    struct parts parts = good_json;
    parts.body = body;
    send_parts(rig, &parts);
    assert_true(rig->exchange.response.status == 400 || rig->exchange.response.status == 413);
    assert_true(body_has(rig, "Exception\""));
    assert_true(rig->exchange.response.body.len < 4096);
    free(body);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_json_success),
        T(test_json_unknown_operations),
        T(test_two_targets_are_none),
        T(test_unread_bodies),
        T(test_order_of_stages),
        T(test_served_regions),
        T(test_users_are_refused),
        T(test_cbor_success),
        T(test_cbor_unknown_operations),
        T(test_cbor_status),
        T(test_empty_answers),
        T(test_work_is_sorted_by_what_it_waits_for),
        T(test_refusals_of_the_transport),
        T(test_reset_wipes),
        T(test_arena_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
