#include "libkms/proto/sigv4.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the published suite: 26 requests, each signed in headers and in the query ---------------- */

enum { FILE_MAX = 16384, SUITE_CASES = 26 };

static const char empty_hash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct vector {
    const char *name;
    json_t *context;
    char text[FILE_MAX]; /* of the request that request and headers look into */
    struct kms_http_view request;
    struct kms_header headers[KMS_SIGV4_MAX_HEADERS];
    char canonical[FILE_MAX];
    char string_to_sign[FILE_MAX];
    char signature[FILE_MAX];
};

static void read_vector(const char *name, const char *file, char out[FILE_MAX])
{
    char path[512];
    (void)snprintf(path, sizeof(path), KMS_TEST_VECTORS "/sigv4/%s/%s", name, file);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        fail_msg("%s cannot be opened", path);
    size_t len = fread(out, 1, FILE_MAX - 1, stream);
    (void)fclose(stream);
    out[len] = '\0';
    assert_int_equal(strlen(out), len);
}

/* "POST /path?query HTTP/1.1", "Name:value" lines, an empty line, the body. */
static void parse_request(struct vector *vector)
{
    char *line = vector->text;
    char *line_end = strchr(line, '\n');
    vector->request = (struct kms_http_view){.headers = vector->headers};
    for (bool first = true; line_end != NULL && line_end != line; first = false) {
        *line_end = '\0';
        if (first) {
            char *path = strchr(line, ' ');
            char *protocol = strrchr(line, ' '); /* a path may have spaces in it */
            assert_non_null(path);
            assert_string_equal(protocol, " HTTP/1.1");
            *path++ = '\0';
            *protocol = '\0';
            char *query = strchr(path, '?');
            if (query != NULL)
                *query++ = '\0';
            vector->request.method = kms_str(line);
            vector->request.path = kms_str(path);
            vector->request.query = kms_str(query == NULL ? "" : query);
        } else {
            char *colon = strchr(line, ':');
            assert_non_null(colon);
            *colon = '\0';
            assert_true(vector->request.header_count < KMS_SIGV4_MAX_HEADERS);
            vector->headers[vector->request.header_count].name = kms_str(line);
            vector->headers[vector->request.header_count].value = kms_str(colon + 1);
            vector->request.header_count++;
        }
        line = line_end + 1;
        line_end = strchr(line, '\n');
    }
    const char *body = line_end == NULL ? line + strlen(line) : line_end + 1;
    vector->request.body = kms_bytes(body, strlen(body));
}

static void load(struct vector *vector, const char *name, const char *variant, const char *request)
{
    char file[64];
    vector->name = name;
    read_vector(name, "context.json", vector->text);
    vector->context = json_loads(vector->text, 0, NULL);
    assert_non_null(vector->context);
    read_vector(name, request, vector->text);
    parse_request(vector);
    (void)snprintf(file, sizeof(file), "%s-canonical-request.txt", variant);
    read_vector(name, file, vector->canonical);
    (void)snprintf(file, sizeof(file), "%s-string-to-sign.txt", variant);
    read_vector(name, file, vector->string_to_sign);
    (void)snprintf(file, sizeof(file), "%s-signature.txt", variant);
    read_vector(name, file, vector->signature);
}

static void unload(struct vector *vector)
{
    json_decref(vector->context);
}

static struct kms_str context_str(const struct vector *vector, const char *key)
{
    const char *text = json_string_value(json_object_get(vector->context, key));
    if (text == NULL)
        text = json_string_value(
            json_object_get(json_object_get(vector->context, "credentials"), key));
    return kms_str(text);
}

static bool context_flag(const struct vector *vector, const char *key)
{
    return json_is_true(json_object_get(vector->context, key));
}

static struct kms_sigv4_options options_of(const struct vector *vector)
{
    struct kms_sigv4_options options = kms_sigv4_defaults;
    options.normalize_path = context_flag(vector, "normalize");
    if (!context_flag(vector, "sign_body"))
        options.payload_hash = kms_str(empty_hash);
    return options;
}

static const struct kms_header *find_header(const struct vector *vector, const char *name)
{
    for (size_t i = 0; i < vector->request.header_count; i++) {
        if (kms_str_is(vector->headers[i].name, name))
            return &vector->headers[i];
    }
    return NULL;
}

static void assert_stage(
    const struct vector *vector, const char *stage, struct kms_str is, const char *should_be)
{
    if (!kms_str_is(is, should_be))
        fail_msg(
            "%s, %s:\n%.*s\nand not:\n%s", vector->name, stage, (int)is.len, is.data, should_be);
}

/* All stages, as a verifier goes through them. */
static void verify(const struct vector *vector, struct kms_str signed_headers,
    struct kms_str date_time, struct kms_str scope, char signature[KMS_SIGV4_SIGNATURE_SIZE])
{
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    struct kms_sigv4_options options = options_of(vector);
    struct kms_str secret = context_str(vector, "secret_access_key");
    struct kms_str date = {date_time.data, 8};
    KMS_BUF_AUTO canonical;
    KMS_BUF_AUTO string_to_sign;
    kms_buf_init(&canonical, FILE_MAX);
    kms_buf_init(&string_to_sign, FILE_MAX);
    assert_int_equal(
        kms_sigv4_canonical_request(&vector->request, signed_headers, &options, &canonical),
        KMS_OK);
    assert_stage(vector, "canonical request", kms_buf_str(&canonical), vector->canonical);
    assert_int_equal(
        kms_sigv4_string_to_sign(date_time, scope, kms_buf_bytes(&canonical), &string_to_sign),
        KMS_OK);
    assert_stage(vector, "string to sign", kms_buf_str(&string_to_sign), vector->string_to_sign);
    assert_int_equal(kms_sigv4_signing_key(kms_bytes(secret.data, secret.len), date,
                         context_str(vector, "region"), context_str(vector, "service"), key),
        KMS_OK);
    assert_int_equal(kms_sigv4_signature(key, kms_buf_bytes(&string_to_sign), signature), KMS_OK);
    assert_stage(vector, "signature", kms_str(signature), vector->signature);
}

static void verify_header_variant(const char *name)
{
    struct vector vector;
    struct kms_sigv4_authorization authorization;
    enum kms_sigv4_defect defect;
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    load(&vector, name, "header", "header-signed-request.txt");
    const struct kms_header *header = find_header(&vector, "Authorization");
    const struct kms_header *date = find_header(&vector, "X-Amz-Date");
    assert_non_null(header);
    assert_non_null(date);
    assert_int_equal(kms_sigv4_parse_authorization(header->value, &authorization, &defect), KMS_OK);
    assert_true(kms_str_eq(authorization.access_key_id, context_str(&vector, "access_key_id")));
    assert_true(kms_str_eq(authorization.region, context_str(&vector, "region")));
    assert_true(kms_str_eq(authorization.service, context_str(&vector, "service")));
    assert_true(kms_str_is(authorization.date, "20150830"));
    verify(&vector, authorization.signed_headers, date->value, authorization.scope, signature);
    assert_true(kms_sigv4_signature_matches(authorization.signature, signature));
    unload(&vector);
}

/* The same request from the caller's side: the Authorization header comes out letter by letter. */
static void sign_header_variant(const char *name)
{
    struct vector vector;
    struct vector expected;
    load(&vector, name, "header", "request.txt");
    load(&expected, name, "header", "header-signed-request.txt");
    struct kms_sigv4_options options = options_of(&vector);
    struct kms_str secret = context_str(&vector, "secret_access_key");
    struct kms_sigv4_signer signer = {
        .access_key_id = context_str(&vector, "access_key_id"),
        .secret_access_key = kms_bytes(secret.data, secret.len),
        .region = context_str(&vector, "region"),
        .service = context_str(&vector, "service"),
    };
    assert_int_equal(
        kms_time_parse_rfc3339(context_str(&vector, "timestamp"), &signer.now_ms), KMS_OK);
    const char *const added[] = {"X-Amz-Date", "X-Amz-Security-Token", "x-amz-content-sha256"};
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        const struct kms_header *header = find_header(&expected, added[i]);
        bool is_token = i == 1;
        if (header == NULL || (is_token && context_flag(&vector, "omit_session_token")))
            continue; /* an omitted token is added after signing */
        vector.headers[vector.request.header_count++] = *header;
    }
    KMS_BUF_AUTO authorization;
    kms_buf_init(&authorization, FILE_MAX);
    assert_int_equal(kms_sigv4_sign(&vector.request, &signer, &options, &authorization), KMS_OK);
    struct kms_str should_be = find_header(&expected, "Authorization")->value;
    assert_true(kms_str_eq(kms_buf_str(&authorization), should_be));
    unload(&vector);
    unload(&expected);
}

/* Signed in the query: not offered by the daemon, but a thorough test of query canonicalisation. */
static void verify_query_variant(const char *name)
{
    static const char parameter[] = "&X-Amz-Signature=";
    struct vector vector;
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    char signed_headers[FILE_MAX];
    load(&vector, name, "query", "query-signed-request.txt");
    char *sent = strstr(vector.request.query.data, parameter);
    assert_non_null(sent);
    vector.request.query.len = (size_t)(sent - vector.request.query.data);
    char *names_end = strrchr(vector.canonical, '\n'); /* the line before the payload's hash */
    assert_non_null(names_end);
    *names_end = '\0';
    (void)snprintf(
        signed_headers, sizeof(signed_headers), "%s", strrchr(vector.canonical, '\n') + 1);
    *names_end = '\n';
    verify(&vector, kms_str(signed_headers), kms_str("20150830T123600Z"),
        kms_str("20150830/us-east-1/service/aws4_request"), signature);
    assert_string_equal(signature, sent + strlen(parameter));
    unload(&vector);
}

static void for_each_case(void (*check)(const char *name))
{
    DIR *folder = opendir(KMS_TEST_VECTORS "/sigv4");
    size_t count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "LICENSE.upstream") == 0)
            continue;
        check(entry->d_name);
        count++;
    }
    (void)closedir(folder);
    assert_int_equal(count, SUITE_CASES);
}

static void test_suite_verifies(void **state)
{
    (void)state;
    for_each_case(verify_header_variant);
}

static void test_suite_signs(void **state)
{
    (void)state;
    for_each_case(sign_header_variant);
}

static void test_suite_in_the_query(void **state)
{
    (void)state;
    for_each_case(verify_query_variant);
}

/* --- the canonical request -------------------------------------------------------------------- */

static const struct kms_header two_headers[] = {
    {KMS_STR_LITERAL("HOST"), KMS_STR_LITERAL("kms.example.com")},
    {KMS_STR_LITERAL("X-Amz-Date"), KMS_STR_LITERAL("20261123T011253Z")},
};

static struct kms_http_view simple_request(void)
{
    struct kms_http_view request = {
        .method = kms_str("POST"),
        .path = kms_str("/"),
        .query = kms_str(""),
        .headers = two_headers,
        .header_count = 2,
        .body = kms_bytes("{}", 2),
    };
    return request;
}

static enum kms_err canonicalize(
    const struct kms_http_view *request, const char *signed_headers, struct kms_buf *out)
{
    kms_buf_reset(out);
    return kms_sigv4_canonical_request(request, kms_str(signed_headers), &kms_sigv4_defaults, out);
}

/* A line of the canonical request, counted from 0. */
static struct kms_str line_of(const struct kms_buf *canonical, size_t wanted)
{
    struct kms_str left = kms_buf_str(canonical);
    for (;; wanted--) {
        const char *end = memchr(left.data, '\n', left.len);
        struct kms_str line = {left.data, end == NULL ? left.len : (size_t)(end - left.data)};
        if (wanted == 0)
            return line;
        if (end == NULL)
            return kms_str("(no such line)");
        left.len -= line.len + 1;
        left.data = end + 1;
    }
}

static void assert_line(const struct kms_buf *canonical, size_t line, const char *should_be)
{
    struct kms_str is = line_of(canonical, line);
    if (!kms_str_is(is, should_be))
        fail_msg("\"%.*s\" is not \"%s\"", (int)is.len, is.data, should_be);
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *normalized;
        const char *as_is; /* not normalised, encoded */
    } paths[] = {
        {"", "/", "/"},
        {"/", "/", "/"},
        {"//", "/", "//"},
        {"/service/TrentService/operation/Encrypt", "/service/TrentService/operation/Encrypt",
            "/service/TrentService/operation/Encrypt"},
        {"/a/./b/../c/", "/a/c/", "/a/./b/../c/"},
        {"/..", "/", "/.."},
        {"/../../a", "/a", "/../../a"},
        {"/a/b/../..", "/", "/a/b/../.."},
        {"/a/b/..", "/a", "/a/b/.."},
        {"/.../..a", "/.../..a", "/.../..a"},
        {"/a%20b", "/a%2520b", "/a%2520b"}, /* encoded once by the caller, once more here */
        {"/a b", "/a%20b", "/a%20b"},
        {"/\xc3\xbc+*:", "/%C3%BC%2B%2A%3A", "/%C3%BC%2B%2A%3A"},
        {"a", "/a", "a"},
    };
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct kms_http_view request = simple_request();
        struct kms_sigv4_options options = kms_sigv4_defaults;
        request.path = kms_str(paths[i].path);
        assert_int_equal(canonicalize(&request, "host", &out), KMS_OK);
        assert_line(&out, 1, paths[i].normalized);
        options.normalize_path = false;
        kms_buf_reset(&out);
        assert_int_equal(
            kms_sigv4_canonical_request(&request, kms_str("host"), &options, &out), KMS_OK);
        assert_line(&out, 1, paths[i].as_is);
        options.encode_path_twice = false;
        kms_buf_reset(&out);
        assert_int_equal(
            kms_sigv4_canonical_request(&request, kms_str("host"), &options, &out), KMS_OK);
        assert_line(&out, 1, paths[i].path[0] == '\0' ? "/" : paths[i].path);
    }
}

static void test_queries(void **state)
{
    (void)state;
    static const char *const queries[][2] = {
        {"", ""},
        {"a", "a="},
        {"a=", "a="},
        {"=b", "=b"},
        {"b=2&a=1", "a=1&b=2"},
        {"a=2&a=1&a", "a=&a=1&a=2"},
        {"a-b=1&a=2", "a=2&a-b=1"}, /* by name first: '-' sorts before '=' */
        {"B=1&a=2", "B=1&a=2"},
        {"&&a=1&", "a=1"},
        {"a=b=c", "a=b%3Dc"},
        {"a=%2f%2F/", "a=%2F%2F%2F"},
        {"%61=1", "a=1"},
        {"a=%", "a=%25"},
        {"a=%4", "a=%254"},
        {"a=%zz", "a=%25zz"},
        {"a=1+2 3", "a=1%2B2%203"},
        {"a=\xff\x01", "a=%FF%01"},
    };
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct kms_http_view request = simple_request();
        request.query = kms_str(queries[i][0]);
        assert_int_equal(canonicalize(&request, "host", &out), KMS_OK);
        assert_line(&out, 2, queries[i][1]);
    }
}

static void test_header_values(void **state)
{
    (void)state;
    static const char *const values[][2] = {
        {"", "x:"},
        {"   ", "x:"},
        {" \t a \t ", "x:a"},
        {"a  b   c", "x:a b c"},
        {"\"a   b\"", "x:\"a b\""},
        {"a  ", "x:a"},
        {"a\tb", "x:a\tb"},
        {"\xc3\xbc", "x:\xc3\xbc"},
    };
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct kms_header headers[] = {two_headers[0], {kms_str("X"), kms_str(values[i][0])}};
        struct kms_http_view request = simple_request();
        request.headers = headers;
        assert_int_equal(canonicalize(&request, "host;x", &out), KMS_OK);
        assert_line(&out, 4, values[i][1]);
    }
    static const char *const refused[] = {"a\nhost:b", "a\rb", "a\x7f", "\x01", "a \v b"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct kms_header headers[] = {two_headers[0], {kms_str("X"), kms_str(refused[i])}};
        struct kms_http_view request = simple_request();
        request.headers = headers;
        assert_int_equal(canonicalize(&request, "host;x", &out), KMS_ERR_SYNTAX);
        assert_int_equal(canonicalize(&request, "host", &out), KMS_OK); /* not looked at */
    }
}

static void test_signed_headers_as_named(void **state)
{
    (void)state;
    struct kms_http_view request = simple_request();
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    assert_int_equal(canonicalize(&request, "x-amz-date;Host", &out), KMS_OK);
    assert_line(&out, 3, "x-amz-date:20261123T011253Z");
    assert_line(&out, 4, "Host:kms.example.com");
    assert_line(&out, 5, "");
    assert_line(&out, 6, "x-amz-date;Host");
    assert_line(&out, 7, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

static void test_missing_headers(void **state)
{
    (void)state;
    static const char *const refused[] = {"content-type", "host;content-type", "host;", ";host",
        "host;;x-amz-date", "", "hos", "hosts"};
    struct kms_http_view request = simple_request();
    struct kms_header nameless[] = {two_headers[0], {kms_str(""), kms_str("x")}};
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            kms_buf_reset(&out);
            kms_buf_append_text(&out, "before");
            assert_int_equal(kms_sigv4_canonical_request(
                                 &request, kms_str(refused[i]), &kms_sigv4_defaults, &out),
                KMS_ERR_VALIDATION);
            assert_true(kms_str_is(kms_buf_str(&out), "before"));
        }
        request.headers = nameless; /* an empty name is no name even if the request has one */
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct kms_header headers[KMS_SIGV4_MAX_HEADERS + 1];
    char names[(KMS_SIGV4_MAX_HEADERS + 1) * 5];
    char query[(KMS_SIGV4_MAX_QUERY + 1) * 2];
    struct kms_http_view request = simple_request();
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);

    for (size_t i = 0; i <= KMS_SIGV4_MAX_HEADERS; i++) {
        headers[i] = two_headers[0];
        memcpy(names + 5 * i, "host;", 5);
    }
    names[5 * KMS_SIGV4_MAX_HEADERS - 1] = '\0';
    assert_int_equal(canonicalize(&request, names, &out), KMS_OK);
    names[5 * KMS_SIGV4_MAX_HEADERS - 1] = ';';
    names[sizeof(names) - 1] = '\0';
    assert_int_equal(canonicalize(&request, names, &out), KMS_ERR_LIMIT);

    request.headers = headers;
    request.header_count = KMS_SIGV4_MAX_HEADERS;
    assert_int_equal(canonicalize(&request, "host", &out), KMS_OK);
    request.header_count++;
    assert_int_equal(canonicalize(&request, "host", &out), KMS_ERR_LIMIT);

    request = simple_request();
    for (size_t i = 0; i < sizeof(query); i++)
        query[i] = i % 2 == 0 ? 'a' : '&';
    request.query = (struct kms_str){query, 2 * KMS_SIGV4_MAX_QUERY};
    assert_int_equal(canonicalize(&request, "host", &out), KMS_OK);
    request.query.len++;
    assert_int_equal(canonicalize(&request, "host", &out), KMS_ERR_LIMIT);

    request = simple_request();
    assert_int_equal(canonicalize(&request, "host", &out), KMS_OK);
    for (size_t max = out.len; max-- > 0;) { /* every place at which the room may end */
        KMS_BUF_AUTO small;
        kms_buf_init(&small, max);
        assert_int_equal(canonicalize(&request, "host", &small), KMS_ERR_LIMIT);
        assert_int_equal(small.len, 0);
    }
}

static void test_signs_header(void **state)
{
    (void)state;
    struct kms_str names = kms_str("content-type;host;x-amz-date");
    assert_true(kms_sigv4_signs_header(names, "content-type"));
    assert_true(kms_sigv4_signs_header(names, "Host"));
    assert_true(kms_sigv4_signs_header(names, "X-Amz-Date"));
    assert_true(kms_sigv4_signs_header(kms_str("HOST"), "host"));
    assert_false(kms_sigv4_signs_header(names, "x-amz-dat"));
    assert_false(kms_sigv4_signs_header(names, "type"));
    assert_false(kms_sigv4_signs_header(names, "x-amz-security-token"));
    assert_false(kms_sigv4_signs_header(names, "host;x-amz-date"));
    assert_false(kms_sigv4_signs_header(kms_str(""), "host"));
    assert_false(kms_sigv4_signs_header((struct kms_str){NULL, 0}, "host"));
}

/* --- the Authorization header ----------------------------------------------------------------- */

#define CREDENTIAL "Credential=AKID/20261123/us-east-1/kms/aws4_request"

static void test_authorization_forms(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=a;host, Signature=0f",
        "AWS4-HMAC-SHA256 " CREDENTIAL ",SignedHeaders=a;host,Signature=0f",
        "AWS4-HMAC-SHA256 Signature=0f, " CREDENTIAL ", SignedHeaders=a;host",
        "AWS4-HMAC-SHA256   SignedHeaders=a;host ,\tSignature=0f  ,  " CREDENTIAL "  ",
        " AWS4-HMAC-SHA256\t" CREDENTIAL ", SignedHeaders=a;host, Signature=0f",
        "AWS4-HMAC-SHA256 " CREDENTIAL ", Other=x=y, SignedHeaders=a;host, Signature=0f",
        "AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=a;host, Signature=0f,",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct kms_sigv4_authorization parsed;
        enum kms_sigv4_defect defect = KMS_SIGV4_DEFECT_SYNTAX;
        assert_int_equal(
            kms_sigv4_parse_authorization(kms_str(forms[i]), &parsed, &defect), KMS_OK);
        assert_int_equal(defect, KMS_SIGV4_DEFECT_NONE);
        assert_true(kms_str_is(parsed.access_key_id, "AKID"));
        assert_true(kms_str_is(parsed.date, "20261123"));
        assert_true(kms_str_is(parsed.region, "us-east-1"));
        assert_true(kms_str_is(parsed.service, "kms"));
        assert_true(kms_str_is(parsed.scope, "20261123/us-east-1/kms/aws4_request"));
        assert_true(kms_str_is(parsed.signed_headers, "a;host"));
        assert_true(kms_str_is(parsed.signature, "0f"));
    }
}

static void test_authorization_defects(void **state)
{
    (void)state;
#define REST ", SignedHeaders=host, Signature=0f"
    static const struct {
        const char *value;
        unsigned defect;
    } cases[] = {
        {"", KMS_SIGV4_DEFECT_ALGORITHM},
        {"Bearer abc", KMS_SIGV4_DEFECT_ALGORITHM},
        {"AWS4-HMAC-SHA25", KMS_SIGV4_DEFECT_ALGORITHM},
        {"AWS4-HMAC-SHA256" CREDENTIAL REST, KMS_SIGV4_DEFECT_ALGORITHM},
        {"AWS4-HMAC-SHA512 " CREDENTIAL REST, KMS_SIGV4_DEFECT_ALGORITHM},
        {"AWS4-ECDSA-P256-SHA256 " CREDENTIAL REST, KMS_SIGV4_DEFECT_ALGORITHM},
        {"aws4-hmac-sha256 " CREDENTIAL REST, KMS_SIGV4_DEFECT_ALGORITHM},
        {"AWS4-HMAC-SHA256", KMS_SIGV4_DEFECT_CREDENTIAL | KMS_SIGV4_DEFECT_SIGNATURE |
                                 KMS_SIGV4_DEFECT_SIGNED_HEADERS},
        {"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0f", KMS_SIGV4_DEFECT_CREDENTIAL},
        {"AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=0f",
            KMS_SIGV4_DEFECT_CREDENTIAL},
        {"AWS4-HMAC-SHA256 credential=a/b/c/d/aws4_request" REST, KMS_SIGV4_DEFECT_CREDENTIAL},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", Signature=0f", KMS_SIGV4_DEFECT_SIGNED_HEADERS},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=, Signature=0f",
            KMS_SIGV4_DEFECT_SIGNED_HEADERS},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders=host", KMS_SIGV4_DEFECT_SIGNATURE},
        {"AWS4-HMAC-SHA256 " CREDENTIAL,
            KMS_SIGV4_DEFECT_SIGNATURE | KMS_SIGV4_DEFECT_SIGNED_HEADERS},
        {"AWS4-HMAC-SHA256 Signature=0f",
            KMS_SIGV4_DEFECT_CREDENTIAL | KMS_SIGV4_DEFECT_SIGNED_HEADERS},
        {"AWS4-HMAC-SHA256 Credential=AKID" REST, KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/kms" REST, KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/kms/" REST, KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/kms/aws4" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1/kms/aws4_request/" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=A/KID/20261123/us-east-1/kms/aws4_request" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=/20261123/us-east-1/kms/aws4_request" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID//us-east-1/kms/aws4_request" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123//kms/aws4_request" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 Credential=AKID/20261123/us-east-1//aws4_request" REST,
            KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 " CREDENTIAL " SignedHeaders" REST, KMS_SIGV4_DEFECT_SCOPE},
        {"AWS4-HMAC-SHA256 foo", KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", SignedHeaders, Signature=0f", KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ",, Signature=0f", KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 ," CREDENTIAL REST, KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 " CREDENTIAL REST ", Signature=0e", KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 " CREDENTIAL REST ", Signature=", KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 " CREDENTIAL ", " CREDENTIAL REST, KMS_SIGV4_DEFECT_SYNTAX},
        {"AWS4-HMAC-SHA256 SignedHeaders=, " CREDENTIAL REST, KMS_SIGV4_DEFECT_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_sigv4_authorization parsed = {.date = kms_str("untouched")};
        enum kms_sigv4_defect defect = KMS_SIGV4_DEFECT_NONE;
        assert_int_equal(kms_sigv4_parse_authorization(kms_str(cases[i].value), &parsed, &defect),
            KMS_ERR_SYNTAX);
        if ((unsigned)defect != cases[i].defect)
            fail_msg("defect %u of: %s", (unsigned)defect, cases[i].value);
        assert_true(kms_str_is(parsed.date, "untouched"));
    }
    struct kms_sigv4_authorization parsed;
    enum kms_sigv4_defect defect;
    assert_int_equal(
        kms_sigv4_parse_authorization((struct kms_str){NULL, 0}, &parsed, &defect), KMS_ERR_SYNTAX);
    assert_int_equal(defect, KMS_SIGV4_DEFECT_ALGORITHM);
}

static void test_signature_matches(void **state)
{
    (void)state;
    char computed[KMS_SIGV4_SIGNATURE_SIZE];
    char sent[KMS_SIGV4_SIGNATURE_SIZE];
    (void)snprintf(computed, sizeof(computed), "%s", empty_hash);
    assert_true(kms_sigv4_signature_matches(kms_str(empty_hash), computed));
    for (size_t i = 0; i < KMS_SIGV4_SIGNATURE_SIZE - 1; i++) {
        memcpy(sent, computed, sizeof(sent));
        sent[i] ^= 1;
        assert_false(kms_sigv4_signature_matches(kms_str(sent), computed));
        assert_false(kms_sigv4_signature_matches((struct kms_str){computed, i}, computed));
    }
    assert_false(kms_sigv4_signature_matches((struct kms_str){computed, 65}, computed));
    assert_false(kms_sigv4_signature_matches((struct kms_str){NULL, 0}, computed));
    sent[0] = 'E'; /* upper case is another text */
    memcpy(sent + 1, computed + 1, 64);
    assert_false(kms_sigv4_signature_matches(kms_str(sent), computed));
}

/* --- keys and signing ------------------------------------------------------------------------- */

static void test_signing_key(void **state)
{
    (void)state;
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    char text[2 * KMS_SIGV4_KEY_SIZE + 1];
    static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /* "Examples of how to derive a signing key for Signature Version 4", AWS General Reference */
    assert_int_equal(kms_sigv4_signing_key(kms_bytes(secret, 40), kms_str("20120215"),
                         kms_str("us-east-1"), kms_str("iam"), key),
        KMS_OK);
    kms_hex_encode(kms_bytes(key, sizeof(key)), text);
    assert_string_equal(text, "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");

    static const uint8_t long_secret[KMS_SIGV4_SECRET_MAX + 1];
    uint8_t before[KMS_SIGV4_KEY_SIZE];
    assert_int_equal(kms_sigv4_signing_key(kms_bytes(long_secret, KMS_SIGV4_SECRET_MAX),
                         kms_str("20120215"), kms_str("us-east-1"), kms_str("iam"), key),
        KMS_OK);
    memcpy(before, key, sizeof(key));
    assert_int_equal(kms_sigv4_signing_key(kms_bytes(long_secret, KMS_SIGV4_SECRET_MAX + 1),
                         kms_str("20120215"), kms_str("us-east-1"), kms_str("iam"), key),
        KMS_ERR_INVALID_ARGUMENT);
    assert_memory_equal(key, before, sizeof(key));
}

static void test_string_to_sign_keeps_to_the_maximum(void **state)
{
    (void)state;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 100);
    kms_buf_append_text(&out, "before");
    assert_int_equal(kms_sigv4_string_to_sign(
                         kms_str("20261123T011253Z"), kms_str("scope"), kms_bytes("x", 1), &out),
        KMS_ERR_LIMIT);
    assert_int_equal(out.len, 6);
}

static struct kms_sigv4_signer test_signer(void)
{
    struct kms_sigv4_signer signer = {
        .access_key_id = kms_str("test"),
        .secret_access_key = kms_bytes("test", 4),
        .region = kms_str("eu-central-1"),
        .service = kms_str("kms"),
        .now_ms = INT64_C(1795396373999),
    };
    return signer;
}

static void assert_sign(
    const struct kms_http_view *request, const struct kms_sigv4_signer *signer, enum kms_err err)
{
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    kms_buf_append_text(&out, "before");
    assert_int_equal(kms_sigv4_sign(request, signer, &kms_sigv4_defaults, &out), err);
    if (err == KMS_OK)
        assert_true(out.len > 6);
    else
        assert_int_equal(out.len, 6);
}

static void test_sign_sorts_and_joins(void **state)
{
    (void)state;
    const struct kms_header headers[] = {
        {kms_str("X-Amz-Target"), kms_str("TrentService.ListKeys")},
        {kms_str("x-b"), kms_str("2")},
        two_headers[1],
        {kms_str("X_a"), kms_str("0")}, /* '_' sorts before letters in lower case only */
        two_headers[0],
        {kms_str("X-B"), kms_str("1")},
    };
    struct kms_http_view request = simple_request();
    struct kms_sigv4_signer signer = test_signer();
    struct kms_sigv4_authorization parsed;
    enum kms_sigv4_defect defect;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 10000);
    request.headers = headers;
    request.header_count = sizeof(headers) / sizeof(headers[0]);
    assert_int_equal(kms_sigv4_sign(&request, &signer, &kms_sigv4_defaults, &out), KMS_OK);
    assert_int_equal(kms_sigv4_parse_authorization(kms_buf_str(&out), &parsed, &defect), KMS_OK);
    assert_true(kms_str_is(parsed.signed_headers, "host;x-amz-date;x-amz-target;x-b;x_a"));
    assert_true(kms_str_is(parsed.scope, "20261123/eu-central-1/kms/aws4_request"));
    KMS_BUF_AUTO canonical;
    kms_buf_init(&canonical, 10000);
    assert_int_equal(kms_sigv4_canonical_request(
                         &request, parsed.signed_headers, &kms_sigv4_defaults, &canonical),
        KMS_OK);
    assert_line(&canonical, 6, "x-b:2,1"); /* in the order of the request */
}

static void test_sign_refuses(void **state)
{
    (void)state;
    struct kms_http_view request = simple_request();
    struct kms_sigv4_signer signer = test_signer();
    assert_sign(&request, &signer, KMS_OK);

    signer.now_ms += 1; /* the next second: the date header is of another time */
    assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    request.header_count = 1; /* no date */
    assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    signer = test_signer();
    request.headers = two_headers + 1; /* no host */
    assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    const struct kms_header two_dates[] = {two_headers[0], two_headers[1], two_headers[1]};
    request.headers = two_dates;
    request.header_count = 3;
    assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);

    static const char *const bad_names[] = {
        "", "a;b", "a b", "a:b", "a\n", "\xc3\xbc", "a\"", "a/b"};
    for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
        const struct kms_header headers[] = {
            two_headers[0], two_headers[1], {kms_str(bad_names[i]), kms_str("x")}};
        request.headers = headers;
        assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    }
    const struct kms_header bad_value[] = {
        two_headers[0], two_headers[1], {kms_str("x"), kms_str("a\nb")}};
    request.headers = bad_value;
    assert_sign(&request, &signer, KMS_ERR_SYNTAX);

    request = simple_request();
    static const char *const bad_fields[] = {"", "a/b", "a,b", "a b", "a\n", "\xc3\xbc"};
    for (size_t i = 0; i < sizeof(bad_fields) / sizeof(bad_fields[0]); i++) {
        signer = test_signer();
        signer.access_key_id = kms_str(bad_fields[i]);
        assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
        signer = test_signer();
        signer.region = kms_str(bad_fields[i]);
        assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
        signer = test_signer();
        signer.service = kms_str(bad_fields[i]);
        assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    }
    signer = test_signer();
    signer.secret_access_key.len = KMS_SIGV4_SECRET_MAX + 1;
    assert_sign(&request, &signer, KMS_ERR_INVALID_ARGUMENT);
    signer = test_signer();
    request.header_count = KMS_SIGV4_MAX_HEADERS + 1;
    assert_sign(&request, &signer, KMS_ERR_LIMIT);

    request = simple_request();
    KMS_BUF_AUTO small;
    kms_buf_init(&small, 50);
    assert_int_equal(kms_sigv4_sign(&request, &signer, &kms_sigv4_defaults, &small), KMS_ERR_LIMIT);
    assert_int_equal(small.len, 0);
}

/* --- running out of memory -------------------------------------------------------------------- */

/* Allocations that succeed before one fails; negative: none fails. */
static int allocations_left = -1;

static bool may_allocate(void)
{
    return allocations_left < 0 || allocations_left-- != 0;
}

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return may_allocate() ? malloc(size) : NULL;
}

static void *counted_realloc(void *at, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return may_allocate() ? realloc(at, size) : NULL;
}

static void plain_free(void *at, const char *file, int line)
{
    (void)file;
    (void)line;
    free(at);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    struct kms_http_view request = simple_request();
    struct kms_sigv4_signer signer = test_signer();
    KMS_BUF_AUTO expected;
    kms_buf_init(&expected, 10000);
    request.query = kms_str("b=1&a=2");
    assert_int_equal(kms_sigv4_sign(&request, &signer, &kms_sigv4_defaults, &expected), KMS_OK);
    enum kms_err err = KMS_ERR_NO_MEMORY;
    int failed = 0;
    for (; err != KMS_OK && failed < 1000; failed++) {
        KMS_BUF_AUTO out;
        kms_buf_init(&out, 10000);
        allocations_left = failed;
        err = kms_sigv4_sign(&request, &signer, &kms_sigv4_defaults, &out);
        allocations_left = -1;
        if (err == KMS_OK) {
            assert_true(kms_str_eq(kms_buf_str(&out), kms_buf_str(&expected)));
        } else {
            assert_true(err == KMS_ERR_NO_MEMORY || err == KMS_ERR_CRYPTO);
            assert_int_equal(out.len, 0);
        }
    }
    assert_int_equal(err, KMS_OK);
    assert_true(failed > 1); /* how many allocations there are is up to libcrypto */
}

int main(void)
{
    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, plain_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_verifies),
        cmocka_unit_test(test_suite_signs),
        cmocka_unit_test(test_suite_in_the_query),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_header_values),
        cmocka_unit_test(test_signed_headers_as_named),
        cmocka_unit_test(test_missing_headers),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_signs_header),
        cmocka_unit_test(test_authorization_forms),
        cmocka_unit_test(test_authorization_defects),
        cmocka_unit_test(test_signature_matches),
        cmocka_unit_test(test_signing_key),
        cmocka_unit_test(test_string_to_sign_keeps_to_the_maximum),
        cmocka_unit_test(test_sign_sorts_and_joins),
        cmocka_unit_test(test_sign_refuses),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
