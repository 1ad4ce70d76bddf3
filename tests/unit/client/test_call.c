/* Whole calls against a server on the loopback interface. */
#include "libkms/client/call.h"

#include "libkms/base/clock.h"
#include "tests/unit/client/loopback.h"
#include "tests/unit/client/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <kms/kms.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define ACCESS_KEY_ID     "AKIDEXAMPLE"
#define SECRET_ACCESS_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SESSION_TOKEN     "IQoJb3JpZ2luX2VjEXAMPLE=="
#define REGION            "eu-west-1"
#define CBOR_HEADERS      "Content-Type: application/cbor\r\nSmithy-Protocol: rpc-v2-cbor\r\n"
#define JSON_HEADERS      "Content-Type: application/x-amz-json-1.1\r\n"

/* What the server does: answers number 1, 2, ... as the script says, the last row for all further
 * ones. Everything that is sent is checked in any case. */
struct step {
    int status;
    const char *code; /* of a fault; NULL with status 200: a good answer */
    const char *message;
    const char *headers; /* instead of the wire form's own */
    const char *body;    /* instead of a well-formed one */
    const char *raw;
    unsigned delay_ms;
    size_t missing;
    int64_t clock_ms; /* the Date header says now plus this */
};

struct script {
    enum kms_wire wire;
    const char *prefix; /* of the path */
    const struct step *steps;
    unsigned count;
    atomic_int mistakes;                /* of the client; the server's threads can't call cmocka */
    char dates[8][KMS_TIME_BASIC_SIZE]; /* X-Amz-Date of the first requests */
};

static void mistake(struct script *script, const char *what)
{
    (void)fprintf(stderr, "server: %s\n", what);
    (void)atomic_fetch_add(&script->mistakes, 1);
}

/* --- checking what the client sent ------------------------------------------------------------ */

/* Goes through the stages of SigV4 as a verifier does. */
static bool signature_holds(const struct loopback_request *request)
{
    struct kms_sigv4_authorization auth;
    enum kms_sigv4_defect defect;
    if (kms_sigv4_parse_authorization(loopback_header(request, "authorization"), &auth, &defect) !=
        KMS_OK)
        return false;
    struct kms_str date = loopback_header(request, "x-amz-date");
    KMS_BUF_AUTO canonical;
    KMS_BUF_AUTO to_sign;
    kms_buf_init(&canonical, 65536);
    kms_buf_init(&to_sign, 65536);
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    struct kms_bytes secret = kms_bytes(SECRET_ACCESS_KEY, strlen(SECRET_ACCESS_KEY));
    return kms_str_is(auth.access_key_id, ACCESS_KEY_ID) && kms_str_is(auth.region, REGION) &&
           kms_str_is(auth.service, "kms") && date.len == 16 &&
           memcmp(date.data, auth.date.data, 8) == 0 &&
           kms_sigv4_canonical_request(
               &request->view, auth.signed_headers, &kms_sigv4_defaults, &canonical) == KMS_OK &&
           kms_sigv4_string_to_sign(date, auth.scope, kms_buf_bytes(&canonical), &to_sign) ==
               KMS_OK &&
           kms_sigv4_signing_key(secret, auth.date, auth.region, auth.service, key) == KMS_OK &&
           kms_sigv4_signature(key, kms_buf_bytes(&to_sign), signature) == KMS_OK &&
           kms_str_is(auth.signature, signature);
}

static bool signs(const struct loopback_request *request, const char *header)
{
    struct kms_sigv4_authorization auth;
    enum kms_sigv4_defect defect;
    if (kms_sigv4_parse_authorization(loopback_header(request, "authorization"), &auth, &defect) !=
        KMS_OK)
        return false;
    size_t len = strlen(header);
    for (size_t i = 0; i + len <= auth.signed_headers.len; i++) {
        if (memcmp(auth.signed_headers.data + i, header, len) == 0)
            return true;
    }
    return false;
}

static enum kms_op check_request(struct script *script, const struct loopback_request *request)
{
    struct kms_str target = loopback_header(request, "x-amz-target");
    struct kms_str protocol = loopback_header(request, "smithy-protocol");
    struct kms_str name;
    char start[128];
    if (script->wire == KMS_WIRE_CBOR) {
        (void)snprintf(start, sizeof(start), "%s/service/TrentService/operation/", script->prefix);
        name = request->view.path;
        if (target.data != NULL || !kms_str_is(protocol, "rpc-v2-cbor") ||
            !signs(request, "smithy-protocol"))
            mistake(script, "not marked as Smithy RPC v2 CBOR, or marked twice");
    } else {
        (void)snprintf(start, sizeof(start), "TrentService.");
        name = target;
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/", script->prefix);
        if (!kms_str_is(request->view.path, path) || protocol.data != NULL ||
            !signs(request, "x-amz-target"))
            mistake(script, "not AWS JSON 1.1");
    }
    if (name.len < strlen(start) || memcmp(name.data, start, strlen(start)) != 0) {
        mistake(script, "no operation");
        return KMS_OPERATION_COUNT;
    }
    name.data += strlen(start);
    name.len -= strlen(start);
    if (!kms_str_is(request->view.method, "POST") || request->view.query.len != 0 ||
        loopback_header(request, "expect").data != NULL ||
        !kms_str_is(loopback_header(request, "content-type"),
            script->wire == KMS_WIRE_CBOR ? "application/cbor" : "application/x-amz-json-1.1"))
        mistake(script, "malformed request");
    if (!signature_holds(request) || !signs(request, "host") || !signs(request, "content-type") ||
        !signs(request, "x-amz-security-token"))
        mistake(script, "the signature does not verify, or leaves something out");
    if (!kms_str_is(loopback_header(request, "x-amz-security-token"), SESSION_TOKEN))
        mistake(script, "no session token");
    return kms_operation_find(name);
}

/* --- answering -------------------------------------------------------------------------------- */

/* Encrypt: the "ciphertext" is the plaintext reversed, so that answers can be told apart. */
static void answer_encrypt(
    struct script *script, const struct loopback_request *request, struct kms_buf *out)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    struct kms_encrypt_request input;
    struct kms_str message;
    const struct kms_operation *operation = &kms_operations[KMS_OP_ENCRYPT];
    if (kms_decode_request(script->wire, operation->input, request->view.body, &arena, &input,
            &message) != KMS_OK) {
        mistake(script, "the body does not decode");
        return;
    }
    uint8_t reversed[4096];
    for (size_t i = 0; i < input.plaintext.len; i++)
        reversed[i] = input.plaintext.data[input.plaintext.len - 1 - i];
    struct kms_encrypt_response answer = {
        .ciphertext_blob = kms_bytes(reversed, input.plaintext.len),
        .key_id = input.key_id,
        .encryption_algorithm = KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT};
    kms_encode(script->wire, operation->output, &answer, out);
}

static void answer_fault(const struct script *script, const struct step *step, struct kms_buf *out)
{
    for (int i = 0; i < KMS_FAULT_COUNT; i++) {
        if (strcmp(kms_error_models[i].name, step->code) == 0) {
            kms_encode_fault(script->wire, (enum kms_fault_code)i, kms_str(step->message), out);
            return;
        }
    }
    abort();
}

static void handle(
    void *context, const struct loopback_request *request, struct loopback_reply *reply)
{
    static _Thread_local char headers[512];
    struct script *script = context;
    const struct step *step =
        &script->steps[request->number <= script->count ? request->number - 1 : script->count - 1];
    enum kms_op op = check_request(script, request);
    if (request->number <= 8) {
        struct kms_str date = loopback_header(request, "x-amz-date");
        memcpy(script->dates[request->number - 1], date.data, date.len == 16 ? 16 : 0);
    }
    reply->status = step->status;
    reply->delay_ms = step->delay_ms;
    reply->missing = step->missing;
    reply->raw = step->raw;
    if (step->body != NULL)
        kms_buf_append_text(&reply->body, step->body);
    else if (step->code != NULL)
        answer_fault(script, step, &reply->body);
    else if (op == KMS_OP_ENCRYPT)
        answer_encrypt(script, request, &reply->body);
    time_t now = (time_t)((kms_clock_now_ms() + step->clock_ms) / 1000);
    struct tm parts;
    char date[64];
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    const char *own = script->wire == KMS_WIRE_CBOR ? CBOR_HEADERS : JSON_HEADERS;
    (void)snprintf(headers, sizeof(headers), "Date: %s\r\nx-amzn-RequestId: request-%u\r\n%s", date,
        request->number, step->headers == NULL ? own : step->headers);
    reply->headers = headers;
}

/* --- the tests' frame ------------------------------------------------------------------------- */

struct bench {
    struct loopback *server;
    struct kms_client *client;
    struct kms_client_options options;
};

static void set_up(struct bench *bench, struct script *script)
{
    if (script->prefix == NULL)
        script->prefix = "";
    bench->server = loopback_start(handle, script);
    assert_non_null(bench->server);
    char url[128];
    (void)snprintf(
        url, sizeof(url), "http://127.0.0.1:%u%s", loopback_port(bench->server), script->prefix);
    bench->options.endpoint_url = kms_str(url);
    bench->options.region = kms_str(REGION);
    bench->options.protocol = script->wire == KMS_WIRE_CBOR ? KMS_PROTOCOL_CBOR : KMS_PROTOCOL_JSON;
    bench->options.credentials.access_key_id = kms_str(ACCESS_KEY_ID);
    bench->options.credentials.secret_access_key = kms_str(SECRET_ACCESS_KEY);
    bench->options.credentials.session_token = kms_str(SESSION_TOKEN);
    struct kms_detail detail;
    enum kms_err err = kms_client_new(&bench->options, &bench->client, &detail);
    if (err != KMS_OK)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
    assert_string_equal(kms_client_endpoint(bench->client), url);
}

static void tear_down(struct bench *bench, const struct script *script)
{
    kms_client_free(bench->client);
    loopback_stop(bench->server);
    assert_int_equal(script->mistakes, 0);
}

static enum kms_err encrypt(struct kms_client *client, const char *text, struct kms_fault *fault)
{
    struct kms_str_pair pair = {kms_str("purpose"), kms_str("test")};
    struct kms_encrypt_request request = {.key_id = kms_str("alias/a"),
        .plaintext = kms_bytes(text, strlen(text)),
        .encryption_context = {&pair, 1}};
    const struct kms_encrypt_response *response = NULL;
    enum kms_err err = kms_encrypt(client, &request, &response, fault);
    if (err != KMS_OK) {
        assert_null(response);
        return err;
    }
    size_t len = strlen(text);
    bool reversed = response->ciphertext_blob.len == len && kms_str_is(response->key_id, "alias/a");
    for (size_t i = 0; reversed && i < len; i++)
        reversed = response->ciphertext_blob.data[i] == (uint8_t)text[len - 1 - i];
    kms_response_free(response);
    return reversed ? KMS_OK : KMS_ERR_CORRUPT;
}

/* One call under a script; returns how many requests it took. */
static unsigned run(const struct step *steps, unsigned count, enum kms_wire wire,
    struct kms_client_options options, enum kms_err expected, struct kms_fault *fault)
{
    struct script script = {.wire = wire, .steps = steps, .count = count};
    struct bench bench = {.options = options};
    set_up(&bench, &script);
    enum kms_err err = encrypt(bench.client, "plaintext", fault);
    if (err != expected)
        fail_msg("%s: %s: %s", kms_err_text(err), fault->code, fault->message);
    unsigned requests = loopback_requests(bench.server);
    tear_down(&bench, &script);
    return requests;
}

static const struct step good[] = {{.status = 200}};
static const struct kms_client_options defaults;

/* --- tests ------------------------------------------------------------------------------------ */

static void test_both_wires(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"", "/kms/v1"};
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        for (size_t i = 0; i < 2; i++) {
            struct script script = {
                .wire = (enum kms_wire)wire, .prefix = prefixes[i], .steps = good, .count = 1};
            struct bench bench = {.options = defaults};
            set_up(&bench, &script);
            struct kms_fault fault;
            memset(&fault, 'x', sizeof(fault));
            assert_int_equal(encrypt(bench.client, "hello", &fault), KMS_OK);
            assert_int_equal(fault.http_status, 0); /* cleared */
            assert_string_equal(fault.code, "");
            assert_int_equal(encrypt(bench.client, "no fault wanted", NULL), KMS_OK);

            struct kms_enable_key_request enable = {.key_id = kms_str("k")};
            assert_int_equal(kms_enable_key(bench.client, &enable, &fault), KMS_OK);
            const struct kms_list_keys_response *keys = NULL;
            assert_int_equal(
                kms_list_keys(bench.client, NULL, &keys, &fault), KMS_ERR_INVALID_ARGUMENT);
            assert_int_equal(loopback_requests(bench.server), 3);
            assert_int_equal(loopback_connections(bench.server), 1);
            tear_down(&bench, &script);
        }
    }
}

static void test_keeps_the_connection(void **state)
{
    (void)state;
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = good, .count = 1};
    struct bench bench = {.options = defaults};
    set_up(&bench, &script);
    for (int i = 0; i < 50; i++)
        assert_int_equal(encrypt(bench.client, "again", NULL), KMS_OK);
    assert_int_equal(loopback_requests(bench.server), 50);
    assert_int_equal(loopback_connections(bench.server), 1);
    tear_down(&bench, &script);
}

static void test_retries_what_may_pass(void **state)
{
    (void)state;
    static const struct step first[] = {
        {.status = 500, .code = "KMSInternalException"},
        {.status = 503, .headers = "Content-Type: text/html\r\n", .body = "<html>busy</html>"},
        {.status = 400, .code = "KeyUnavailableException"},
        {.status = 0},
        {.status = 200, .missing = 10},
        {.status = 400, .code = "ThrottlingException", .message = "Rate exceeded"},
    };
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        const struct step steps[] = {first[i], {.status = 200}};
        struct kms_fault fault;
        assert_int_equal(run(steps, 2, KMS_WIRE_CBOR, defaults, KMS_OK, &fault), 2);
    }
}

static void test_gives_up_after_max_attempts(void **state)
{
    (void)state;
    static const struct step broken[] = {
        {.status = 500, .code = "KMSInternalException", .message = "try later"}};
    struct kms_fault fault;
    assert_int_equal(run(broken, 1, KMS_WIRE_JSON, defaults, KMS_ERR_FAULT, &fault), 3);
    assert_int_equal(fault.http_status, 500);
    assert_string_equal(fault.code, "KMSInternalException");
    assert_string_equal(fault.message, "try later");
    assert_string_equal(fault.request_id, "request-3");
    struct kms_client_options options = {.max_attempts = 1};
    assert_int_equal(run(broken, 1, KMS_WIRE_JSON, options, KMS_ERR_FAULT, &fault), 1);
    options.max_attempts = 5;
    assert_int_equal(run(broken, 1, KMS_WIRE_JSON, options, KMS_ERR_FAULT, &fault), 5);
}

static void test_does_not_retry_refusals(void **state)
{
    (void)state;
    static const struct step refused[] = {{.status = 400,
        .code = "ValidationException",
        .message = "1 validation error detected: \x1b[2Jsomething"}};
    static const struct step empty[] = {{.status = 400, .code = "InvalidCiphertextException"}};
    static const struct step limit[] = {{.status = 400, .code = "LimitExceededException"}};
    for (int wire = KMS_WIRE_JSON; wire <= KMS_WIRE_CBOR; wire++) {
        struct kms_fault fault;
        assert_int_equal(run(refused, 1, (enum kms_wire)wire, defaults, KMS_ERR_FAULT, &fault), 1);
        assert_int_equal(fault.http_status, 400);
        assert_string_equal(fault.code, "ValidationException");
        /* Nothing in it that a terminal obeys. */
        assert_string_equal(fault.message, "1 validation error detected: ?[2Jsomething");
        assert_string_equal(fault.request_id, "request-1");
        assert_int_equal(run(empty, 1, (enum kms_wire)wire, defaults, KMS_ERR_FAULT, &fault), 1);
        assert_string_equal(fault.code, "InvalidCiphertextException");
        assert_string_equal(fault.message, "");
        assert_int_equal(run(limit, 1, (enum kms_wire)wire, defaults, KMS_ERR_FAULT, &fault), 1);
    }
}

static void test_faults_in_other_clothes(void **state)
{
    (void)state;
    struct kms_fault fault;
    /* JSON where CBOR was asked for: what stands before the service. */
    static const struct step json[] = {{.status = 403,
        .headers = "Content-Type: application/json\r\n",
        .body = "{\"__type\":\"com.example#AccessDeniedException\",\"Message\":\"no\"}"}};
    assert_int_equal(run(json, 1, KMS_WIRE_CBOR, defaults, KMS_ERR_FAULT, &fault), 1);
    assert_string_equal(fault.code, "AccessDeniedException");
    assert_string_equal(fault.message, "no");
    /* Only the header tells. */
    static const struct step header[] = {{.status = 400,
        .headers = "x-amzn-ErrorType: com.amazonaws.kms#DisabledException:http://x/\r\n",
        .body = ""}};
    assert_int_equal(run(header, 1, KMS_WIRE_JSON, defaults, KMS_ERR_FAULT, &fault), 1);
    assert_string_equal(fault.code, "DisabledException");
    static const struct step page[] = {
        {.status = 404, .headers = "Content-Type: text/html\r\n", .body = "<html>"}};
    assert_int_equal(run(page, 1, KMS_WIRE_JSON, defaults, KMS_ERR_PROTOCOL, &fault), 1);
    assert_int_equal(fault.http_status, 404);
    assert_non_null(strstr(fault.message, "404"));
}

static void test_refuses_nonsense(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {.status = 200, .body = "\xa1\x6e"},                              /* cut off */
        {.status = 200, .body = "\x9f\x9f\x9f\x9f"},                      /* not a map */
        {.status = 200, .headers = "Content-Type: application/cbor\r\n"}, /* not the protocol */
        {.status = 302, .headers = "Location: /elsewhere\r\n" CBOR_HEADERS, .body = ""},
        {.status = 204, .headers = CBOR_HEADERS, .body = ""},
        {.raw = "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct kms_fault fault;
        assert_int_equal(run(&steps[i], 1, KMS_WIRE_CBOR, defaults, KMS_ERR_PROTOCOL, &fault), 1);
        assert_string_not_equal(fault.message, "");
        assert_string_equal(fault.code, "");
    }
    static const struct step json[] = {{.status = 200, .body = "{\"CiphertextBlob\":\"*\"}"}};
    struct kms_fault fault;
    assert_int_equal(run(json, 1, KMS_WIRE_JSON, defaults, KMS_ERR_PROTOCOL, &fault), 1);
}

static void test_refuses_too_much(void **state)
{
    (void)state;
    size_t size = KMS_TRANSPORT_BODY_MAX + 1;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size);
    text[size] = '\0';
    struct step body[] = {{.status = 200, .body = text}};
    struct kms_fault fault;
    assert_int_equal(run(body, 1, KMS_WIRE_JSON, defaults, KMS_ERR_PROTOCOL, &fault), 1);
    assert_non_null(strstr(fault.message, "too long"));
    /* One byte less is read, and found empty. */
    text[size - 1] = '\0';
    memcpy(text, "{}", 2);
    struct script script = {.wire = KMS_WIRE_JSON, .steps = body, .count = 1};
    struct bench bench = {.options = defaults};
    set_up(&bench, &script);
    struct kms_list_keys_request request = {.marker = kms_str("m")};
    const struct kms_list_keys_response *response = NULL;
    assert_int_equal(kms_list_keys(bench.client, &request, &response, &fault), KMS_OK);
    assert_null(response->keys.items);
    kms_response_free(response);

    /* More than 1 MiB is not sent at all. */
    response = NULL;
    memset(text, 'm', size - 1);
    request.marker = (struct kms_str){text, size - 1};
    assert_int_equal(kms_list_keys(bench.client, &request, &response, &fault), KMS_ERR_LIMIT);
    assert_int_equal(loopback_requests(bench.server), 1);
    tear_down(&bench, &script);
    free(text);

    /* A hundred kilobytes of headers. */
    char *raw = malloc(110000);
    assert_non_null(raw);
    size_t len = (size_t)sprintf(raw, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        len += (size_t)sprintf(raw + len, "x-%d: %01000d\r\n", i, 0);
    (void)sprintf(raw + len, "Content-Length: 0\r\n\r\n");
    struct step headers[] = {{.raw = raw}};
    assert_int_equal(run(headers, 1, KMS_WIRE_JSON, defaults, KMS_ERR_PROTOCOL, &fault), 1);
    free(raw);
}

static void test_times_out(void **state)
{
    (void)state;
    static const struct step slow[] = {{.status = 200, .delay_ms = 5000}};
    struct kms_fault fault;
    struct kms_client_options options = {.attempt_timeout_ms = 150, .max_attempts = 2};
    assert_int_equal(run(slow, 1, KMS_WIRE_CBOR, options, KMS_ERR_TIMEOUT, &fault), 2);
    assert_int_equal(fault.http_status, 0);
    assert_string_not_equal(fault.message, "");
    struct kms_client_options whole = {.call_timeout_ms = 300, .max_attempts = 50};
    assert_int_equal(run(slow, 1, KMS_WIRE_CBOR, whole, KMS_ERR_TIMEOUT, &fault), 1);
    /* A slow first answer, then a fast one. */
    static const struct step better[] = {{.status = 200, .delay_ms = 5000}, {.status = 200}};
    options.attempt_timeout_ms = 1000;
    assert_int_equal(run(better, 2, KMS_WIRE_CBOR, options, KMS_OK, &fault), 2);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = good, .count = 1};
    struct bench bench = {.options = defaults};
    set_up(&bench, &script);
    loopback_stop(bench.server); /* the port is free now */
    bench.server = NULL;
    struct kms_fault fault;
    assert_int_equal(encrypt(bench.client, "x", &fault), KMS_ERR_TRANSPORT);
    assert_int_equal(fault.http_status, 0);
    assert_string_equal(fault.code, "");
    assert_string_not_equal(fault.message, "");
    tear_down(&bench, &script);
}

static void test_survives_a_restart(void **state)
{
    (void)state;
    /* The server closes each connection after its answer: the next call finds a dead one. */
    static const struct step closing[] = {
        {.raw = "HTTP/1.1 200 OK\r\n" CBOR_HEADERS "Content-Length: 1\r\n\r\n\xa0"}};
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = closing, .count = 1};
    struct bench bench = {.options = {.max_attempts = 1}};
    set_up(&bench, &script);
    struct kms_list_keys_request request = {.limit = {true, 1}};
    for (int i = 0; i < 5; i++) {
        const struct kms_list_keys_response *response = NULL;
        struct kms_fault fault;
        assert_int_equal(kms_list_keys(bench.client, &request, &response, &fault), KMS_OK);
        kms_response_free(response);
    }
    assert_int_equal(loopback_requests(bench.server), 5);
    tear_down(&bench, &script);
}

static void test_tls_is_not_optional(void **state)
{
    (void)state;
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = good, .count = 1};
    struct bench bench = {.options = defaults};
    set_up(&bench, &script);
    char url[128];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", loopback_port(bench.server));
    bench.options.endpoint_url = kms_str(url);
    bench.options.connect_timeout_ms = 300; /* the server waits for HTTP, the client for TLS */
    bench.options.max_attempts = 1;
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&bench.options, &client, NULL), KMS_OK);
    struct kms_fault fault;
    enum kms_err err = encrypt(client, "x", &fault);
    assert_true(err == KMS_ERR_TRANSPORT || err == KMS_ERR_TIMEOUT);
    assert_int_equal(loopback_requests(bench.server), 0);
    tear_down(&bench, &script);
}

static int64_t signed_time(const struct script *script, unsigned number)
{
    int64_t time_ms = 0;
    assert_int_equal(kms_time_parse_basic(kms_str(script->dates[number - 1]), &time_ms), KMS_OK);
    return time_ms;
}

static void test_corrects_the_clock(void **state)
{
    (void)state;
    const int64_t hour = 60 * 60 * 1000;
    const struct step steps[] = {
        {.status = 400, .code = "InvalidSignatureException", .clock_ms = hour},
        {.status = 200, .clock_ms = hour},
    };
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = steps, .count = 2};
    struct bench bench = {.options = {.max_attempts = 1}}; /* it does not count as an attempt */
    set_up(&bench, &script);
    assert_int_equal(encrypt(bench.client, "first", NULL), KMS_OK);
    assert_int_equal(loopback_requests(bench.server), 2);
    assert_int_equal(encrypt(bench.client, "second", NULL), KMS_OK);
    assert_int_equal(loopback_requests(bench.server), 3); /* remembered */
    int64_t now_ms = kms_clock_now_ms();
    assert_in_range(now_ms + 60000 - signed_time(&script, 1), 0, 120000);
    assert_in_range(now_ms + hour + 60000 - signed_time(&script, 2), 0, 120000);
    assert_in_range(now_ms + hour + 60000 - signed_time(&script, 3), 0, 120000);
    tear_down(&bench, &script);

    /* Wrong all the same: once is enough. With the right time: not even once. */
    struct kms_fault fault;
    assert_int_equal(run(steps, 1, KMS_WIRE_CBOR, defaults, KMS_ERR_FAULT, &fault), 2);
    static const struct step wrong_key[] = {{.status = 400, .code = "InvalidSignatureException"}};
    assert_int_equal(run(wrong_key, 1, KMS_WIRE_CBOR, defaults, KMS_ERR_FAULT, &fault), 1);
}

struct worker {
    struct kms_client *client;
    int number;
    int failures;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (int i = 0; i < 40; i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "worker %d, message %d", worker->number, i);
        struct kms_fault fault;
        if (encrypt(worker->client, text, &fault) != KMS_OK)
            worker->failures++;
    }
    return NULL;
}

static void count_line(void *context, enum kms_log_level level, const char *message)
{
    (void)level;
    if (strstr(message, SECRET_ACCESS_KEY) != NULL || strstr(message, SESSION_TOKEN) != NULL)
        abort();
    (void)atomic_fetch_add((atomic_uint *)context, 1);
}

static void test_many_threads(void **state)
{
    (void)state;
    /* Some of the first fail, so that retries run at the same time, too. */
    static const struct step steps[] = {{.status = 200},
        {.status = 500, .code = "KMSInternalException"}, {.status = 0}, {.status = 200},
        {.status = 503, .code = "DependencyTimeoutException"}, {.status = 200}};
    struct script script = {.wire = KMS_WIRE_CBOR, .steps = steps, .count = 6};
    atomic_uint lines = 0;
    struct bench bench = {
        .options = {.idle_connections = 4, .log = count_line, .log_context = &lines}};
    set_up(&bench, &script);
    assert_int_equal(atomic_exchange(&lines, 0), 1); /* "not encrypted" */
    pthread_t threads[8];
    struct worker workers[8];
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){bench.client, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
    unsigned requests = loopback_requests(bench.server);
    assert_int_equal(requests, 8 * 40 + 3);
    assert_true(loopback_connections(bench.server) < requests);
    /* One line per attempt, one per retry. libcurl itself sees to a request that died on a
     * connection that had been used before, so the lost one may not show. */
    assert_in_range(lines, 8 * 40 + 2 * 2, requests + 3);
    tear_down(&bench, &script);
}

static enum kms_err provide_nothing(
    void *context, struct kms_credentials *out, struct kms_detail *detail)
{
    (void)context;
    (void)out;
    (void)snprintf(detail->text, sizeof(detail->text), "the token has been pulled out");
    return KMS_ERR_NO_CREDENTIALS;
}

static void test_credentials_run_dry(void **state)
{
    (void)state;
    struct kms_client_options options = {.region = kms_str(REGION),
        .endpoint_url = kms_str("http://127.0.0.1:1"),
        .credentials_provider = provide_nothing};
    KMS_CLIENT_AUTO client = NULL;
    assert_int_equal(kms_client_new(&options, &client, NULL), KMS_OK);
    struct kms_fault fault;
    assert_int_equal(encrypt(client, "x", &fault), KMS_ERR_NO_CREDENTIALS);
    assert_string_equal(fault.message, "the token has been pulled out");
}

#define SANDBOXED(test) cmocka_unit_test_setup_teardown(test, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SANDBOXED(test_both_wires),
        SANDBOXED(test_keeps_the_connection),
        SANDBOXED(test_retries_what_may_pass),
        SANDBOXED(test_gives_up_after_max_attempts),
        SANDBOXED(test_does_not_retry_refusals),
        SANDBOXED(test_faults_in_other_clothes),
        SANDBOXED(test_refuses_nonsense),
        SANDBOXED(test_refuses_too_much),
        SANDBOXED(test_times_out),
        SANDBOXED(test_nobody_there),
        SANDBOXED(test_survives_a_restart),
        SANDBOXED(test_tls_is_not_optional),
        SANDBOXED(test_corrects_the_clock),
        SANDBOXED(test_many_threads),
        SANDBOXED(test_credentials_run_dry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
