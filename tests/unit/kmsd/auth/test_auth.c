/* Signature verification: what is accepted, and for every defect the service's own answer. */
#include "kmsd/auth/auth.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ACCOUNT "111122223333"
#define ARN     "arn:aws:iam::" ACCOUNT ":root"
#define KEY_ID  "AKIAIOSFODNN7EXAMPLE"
#define SECRET  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define NOW_MS  INT64_C(1795396373000) /* 20261123T011253Z */
#define NOW     "20261123T011253Z"

#define UNKNOWN "The security token included in the request is invalid."
#define MISMATCH                                                                                 \
    "The request signature we calculated does not match the signature you provided. Check your " \
    "AWS Secret Access Key and signing method. Consult the service documentation for details."

/* --- a daemon's side -------------------------------------------------------------------------- */

struct bench {
    struct kmsd_custody *custody;
    struct kmsd_auth *auth;
    struct kms_arena arena;
};

static void put_key(struct bench *bench, const char *id, const char *secret, const char *status)
{
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    assert_int_equal(kmsd_iam_seal(bench->custody, kms_str(id), kms_str(ARN),
                         kms_bytes(secret, strlen(secret)), &wrapped),
        KMS_OK);
    const struct kmsd_access_key_row row = {
        .access_key_id = kms_str(id),
        .account = kms_str(ACCOUNT),
        .principal_arn = kms_str(ARN),
        .status = kms_str(status),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    assert_int_equal(kmsd_auth_put(bench->auth, &row), KMS_OK);
}

static void set_up_with(struct bench *bench, const char *any_account, size_t region_count)
{
    static const struct kms_str regions[] = {
        KMS_STR_LITERAL("eu-central-1"), KMS_STR_LITERAL("us-east-1")};
    struct kms_secret *root = NULL;
    *bench = (struct bench){.custody = NULL};
    kms_arena_init(&bench->arena, 1 << 20);
    assert_int_equal(kms_secret_random(KMSD_ROOT_KEY_SIZE, &root), KMS_OK);
    assert_int_equal(kmsd_custody_new(root, &bench->custody), KMS_OK);
    const struct kmsd_auth_options options = {
        .custody = bench->custody,
        .regions = regions,
        .region_count = region_count,
        .accept_any_account = kms_str(any_account),
    };
    assert_int_equal(kmsd_auth_new(&options, &bench->auth), KMS_OK);
    put_key(bench, KEY_ID, SECRET, "Active");
    put_key(bench, "AKIAINACTIVE", SECRET, "Inactive");
}

static int set_up(void **state)
{
    static struct bench bench;
    set_up_with(&bench, NULL, 2);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    kmsd_auth_free(bench->auth);
    kmsd_custody_free(bench->custody);
    kms_arena_clean_up(&bench->arena);
    return 0;
}

/* --- a caller's side -------------------------------------------------------------------------- */

enum { MAX_HEADERS = 80 };

struct caller {
    struct kms_header headers[MAX_HEADERS];
    size_t header_count;
    char authorization[4096];
    char date[KMS_TIME_BASIC_SIZE];
    char path[256];
    char query[256];
    char body[256];
    /* what it signs with */
    const char *key_id;
    const char *secret;
    const char *region;
    const char *service;
    int64_t now_ms;
};

static void add(struct caller *caller, const char *name, const char *value)
{
    caller->headers[caller->header_count++] = (struct kms_header){kms_str(name), kms_str(value)};
}

static struct kms_http_view view_of(const struct caller *caller)
{
    struct kms_http_view view = {
        .method = kms_str("POST"),
        .path = kms_str(caller->path),
        .query = kms_str(caller->query),
        .headers = caller->headers,
        .header_count = caller->header_count,
        .body = kms_bytes(caller->body, strlen(caller->body)),
    };
    return view;
}

/* An ordinary request, ready to be changed and then signed. */
static void prepare(struct caller *caller)
{
    *caller = (struct caller){.key_id = KEY_ID,
        .secret = SECRET,
        .region = "eu-central-1",
        .service = "kms",
        .now_ms = NOW_MS,
        .path = "/",
        .body = "{\"KeyId\":\"alias/x\"}"};
    add(caller, "Host", "127.0.0.1:4599");
    add(caller, "Content-Type", "application/x-amz-json-1.1");
    add(caller, "X-Amz-Target", "TrentService.DescribeKey");
}

static void sign(struct caller *caller)
{
    KMS_BUF_AUTO authorization;
    kms_buf_init(&authorization, sizeof(caller->authorization) - 1);
    kms_time_format_basic(caller->now_ms, caller->date);
    add(caller, "X-Amz-Date", caller->date);
    const struct kms_sigv4_signer signer = {
        .access_key_id = kms_str(caller->key_id),
        .secret_access_key = kms_bytes(caller->secret, strlen(caller->secret)),
        .region = kms_str(caller->region),
        .service = kms_str(caller->service),
        .now_ms = caller->now_ms,
    };
    struct kms_http_view view = view_of(caller);
    assert_int_equal(kms_sigv4_sign(&view, &signer, &kms_sigv4_defaults, &authorization), KMS_OK);
    memcpy(caller->authorization, authorization.data, authorization.len);
    caller->authorization[authorization.len] = '\0';
    add(caller, "Authorization", caller->authorization);
}

static struct kms_header *header_of(struct caller *caller, const char *name)
{
    for (size_t i = 0; i < caller->header_count; i++) {
        if (kms_str_is(caller->headers[i].name, name))
            return &caller->headers[i];
    }
    fail_msg("no header %s", name);
    return NULL;
}

static void drop(struct caller *caller, const char *name)
{
    struct kms_header *header = header_of(caller, name);
    *header = caller->headers[--caller->header_count];
}

/* Replaces a part of the Authorization header. */
static void edit(struct caller *caller, const char *old, const char *new)
{
    char edited[sizeof(caller->authorization)];
    char *at = strstr(caller->authorization, old);
    assert_non_null(at);
    (void)snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - caller->authorization),
        caller->authorization, new, at + strlen(old));
    memcpy(caller->authorization, edited, sizeof(edited));
    header_of(caller, "Authorization")->value = kms_str(caller->authorization);
}

struct verdict {
    enum kms_fault_code code;
    char message[2048];
    struct kmsd_principal principal;
    char region[64];
};

static struct verdict verify_at(struct bench *bench, const struct caller *caller, int64_t now_ms)
{
    struct verdict verdict = {.message = ""};
    struct kms_str region = {"untouched", 9};
    struct kms_str message = {"untouched", 9};
    struct kms_http_view view = view_of(caller);
    verdict.principal.is_account_root = false;
    verdict.code = kmsd_auth_verify(
        bench->auth, &view, now_ms, &bench->arena, &verdict.principal, &region, &message);
    (void)snprintf(verdict.region, sizeof(verdict.region), "%.*s", (int)region.len, region.data);
    (void)snprintf(
        verdict.message, sizeof(verdict.message), "%.*s", (int)message.len, message.data);
    kms_arena_reset(&bench->arena);
    return verdict;
}

static struct verdict verify(struct bench *bench, const struct caller *caller)
{
    return verify_at(bench, caller, NOW_MS);
}

static void assert_refused(
    const struct verdict *verdict, enum kms_fault_code code, const char *message)
{
    assert_string_equal(verdict->message, message);
    assert_int_equal(verdict->code, code);
    assert_string_equal(verdict->region, "untouched");
    assert_string_equal(verdict->principal.account, "");
}

/* The base64 of the SHA-256 of a text, as the texts show Authorization headers. */
static const char *hash_of(const char *text)
{
    static char shown[64];
    uint8_t digest[KMS_SHA256_SIZE];
    assert_int_equal(kms_sha256(kms_bytes(text, strlen(text)), digest), KMS_OK);
    memset(shown, 0, sizeof(shown));
    kms_base64_encode(kms_bytes(digest, sizeof(digest)), shown);
    return shown;
}

/* --- accepted --------------------------------------------------------------------------------- */

static void accepts_a_good_signature(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    for (int i = 0; i < 3; i++) { /* derived, then from the cache */
        struct verdict verdict = verify(*state, &caller);
        assert_int_equal(verdict.code, KMS_FAULT_COUNT);
        assert_string_equal(verdict.region, "eu-central-1");
        assert_string_equal(verdict.principal.account, ACCOUNT);
        assert_string_equal(verdict.principal.arn, ARN);
        assert_string_equal(verdict.principal.access_key_id, KEY_ID);
        assert_true(verdict.principal.is_account_root);
    }
}

/* "Example: signing key" and "aws4_testsuite" prove kms_sigv4; this proves that the daemon's view
 * of a request is the signer's, in its odder forms too. */
static void accepts_every_form_of_a_request(void **state)
{
    static const struct {
        const char *path;
        const char *query;
        const char *body;
    } forms[] = {
        {"/", "", ""},
        {"/service/TrentService/operation/Encrypt", "", "\xa0"},
        {"//a/./b/../c", "", "{}"},
        {"/%20x", "b=2&a=1&a=0&c", "{}"},
        {"/", "x=%2F", "{}"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct caller caller;
        prepare(&caller);
        (void)snprintf(caller.path, sizeof(caller.path), "%s", forms[i].path);
        (void)snprintf(caller.query, sizeof(caller.query), "%s", forms[i].query);
        (void)snprintf(caller.body, sizeof(caller.body), "%s", forms[i].body);
        sign(&caller);
        assert_int_equal(verify(*state, &caller).code, KMS_FAULT_COUNT);
    }
}

static void accepts_unsigned_headers_that_decide_nothing(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    add(&caller, "User-Agent", "x");
    add(&caller, "amz-sdk-invocation-id", "x");
    add(&caller, "X-Amzn-Trace-Id", "x");
    assert_int_equal(verify(*state, &caller).code, KMS_FAULT_COUNT);
}

static void accepts_the_hash_of_the_body(void **state)
{
    struct caller caller;
    char hash[2 * KMS_SHA256_SIZE + 1];
    uint8_t digest[KMS_SHA256_SIZE];
    prepare(&caller);
    assert_int_equal(kms_sha256(kms_bytes(caller.body, strlen(caller.body)), digest), KMS_OK);
    kms_hex_encode(kms_bytes(digest, sizeof(digest)), hash);
    add(&caller, "X-Amz-Content-Sha256", hash);
    sign(&caller);
    assert_int_equal(verify(*state, &caller).code, KMS_FAULT_COUNT);
}

static void accepts_a_plain_date_header(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    /* the same time under the other name: the signature is over the name too, so sign by hand */
    drop(&caller, "X-Amz-Date");
    add(&caller, "Date", NOW);
    KMS_BUF_AUTO canonical;
    KMS_BUF_AUTO text;
    kms_buf_init(&canonical, 4096);
    kms_buf_init(&text, 4096);
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    struct kms_http_view view = view_of(&caller);
    assert_int_equal(kms_sigv4_canonical_request(
                         &view, kms_str("date;host;x-amz-target"), &kms_sigv4_defaults, &canonical),
        KMS_OK);
    assert_int_equal(
        kms_sigv4_string_to_sign(kms_str(NOW), kms_str("20261123/eu-central-1/kms/aws4_request"),
            kms_buf_bytes(&canonical), &text),
        KMS_OK);
    assert_int_equal(kms_sigv4_signing_key(kms_bytes(SECRET, strlen(SECRET)), kms_str("20261123"),
                         kms_str("eu-central-1"), kms_str("kms"), key),
        KMS_OK);
    assert_int_equal(kms_sigv4_signature(key, kms_buf_bytes(&text), signature), KMS_OK);
    (void)snprintf(caller.authorization, sizeof(caller.authorization),
        "AWS4-HMAC-SHA256 Credential=" KEY_ID "/20261123/eu-central-1/kms/aws4_request,"
        "SignedHeaders=date;host;x-amz-target,Signature=%s",
        signature);
    header_of(&caller, "Authorization")->value = kms_str(caller.authorization);
    assert_int_equal(verify(*state, &caller).code, KMS_FAULT_COUNT);

    header_of(&caller, "Date")->value = kms_str("Mon, 23 Nov 2026 01:12:53 GMT");
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Date must be in ISO-8601 'basic format'. Got 'Mon, 23 Nov 2026 01:12:53 GMT'. See "
        "http://en.wikipedia.org/wiki/ISO_8601");
    edit(&caller, "date;host", "host");
    header_of(&caller, "Date")->value = kms_str(NOW);
    verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE,
        "'Date' must be a 'SignedHeader' in the AWS Authorization.");
}

/* --- refused ---------------------------------------------------------------------------------- */

/* A change to a signed request, and the answer to it. In the text, %s is the hash of the changed
 * Authorization header. */
static const struct {
    const char *name;
    const char *old; /* in the Authorization header */
    const char *new;
    enum kms_fault_code code;
    const char *message;
} edits[] = {
    {"no credential", "Credential=", "Credentiel=", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Authorization header requires 'Credential' parameter. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s"},
    {"no signature", "Signature=", "Sig=", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Authorization header requires 'Signature' parameter. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s"},
    {"no signed headers", "SignedHeaders=", "Signed=", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Authorization header requires 'SignedHeaders' parameter. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s"},
    {"no equals sign", "SignedHeaders=", "SignedHeaders", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 "
        "and encoded with Base64): '%s'."},
    {"another scheme", "AWS4-HMAC-SHA256 ", "Basic ", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Authorization header requires 'Credential' parameter. Authorization header requires "
        "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s"},
    {"another algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
    {"an asymmetric signature", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256",
        KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "},
    {"four parts", "/aws4_request", "", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got '" KEY_ID "/20261123/eu-central-1/kms'"},
    {"six parts", "/kms/", "/kms/x/", KMS_FAULT_INCOMPLETE_SIGNATURE,
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got '" KEY_ID
        "/20261123/eu-central-1/kms/x/aws4_request'"},
    {"host not signed", "host;", "", KMS_FAULT_INVALID_SIGNATURE,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
    {"date not signed", ";x-amz-date", "", KMS_FAULT_INVALID_SIGNATURE,
        "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
    {"target not signed", ";x-amz-target", "", KMS_FAULT_INVALID_SIGNATURE,
        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
    {"another service", "/kms/", "/s3/", KMS_FAULT_INVALID_SIGNATURE,
        "Credential should be scoped to correct service: 'kms'. "},
    {"a region that is not served", "/eu-central-1/", "/eu-west-1/", KMS_FAULT_INVALID_SIGNATURE,
        "Credential should be scoped to a valid region. "},
    {"another terminator", "aws4_request", "aws5_request", KMS_FAULT_INVALID_SIGNATURE,
        "Credential should be scoped with a valid terminator: 'aws4_request', not "
        "'aws5_request'. "},
    {"another day", "/20261123/", "/20261124/", KMS_FAULT_INVALID_SIGNATURE,
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        "'20261124' != '20261123', from '" NOW "'."},
    {"everything about the scope", "/20261123/eu-central-1/kms/aws4_request", "/b/c/d/e",
        KMS_FAULT_INVALID_SIGNATURE,
        "Credential should be scoped to a valid region. Credential should be scoped to correct "
        "service: 'kms'. Credential should be scoped with a valid terminator: 'aws4_request', not "
        "'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
        "HTTP: 'b' != '20261123', from '" NOW "'."},
    {"another served region", "/eu-central-1/", "/us-east-1/", KMS_FAULT_INVALID_SIGNATURE,
        MISMATCH},
    {"an access key that is unknown", KEY_ID, "AKIAIOSFODNN7UNKNOWN", KMS_FAULT_UNRECOGNIZED_CLIENT,
        UNKNOWN},
    {"an access key that is inactive", KEY_ID, "AKIAINACTIVE", KMS_FAULT_UNRECOGNIZED_CLIENT,
        UNKNOWN},
    {"no access key", KEY_ID, "", KMS_FAULT_UNRECOGNIZED_CLIENT, UNKNOWN},
    {"a signed header that is not there", "content-type;", "content-md5;content-type;",
        KMS_FAULT_INVALID_SIGNATURE, MISMATCH},
    {"a short signature", "Signature=", "Signature=0", KMS_FAULT_INVALID_SIGNATURE, MISMATCH},
};

static void names_every_defect_of_the_header(void **state)
{
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        struct caller caller;
        char expected[2048];
        prepare(&caller);
        sign(&caller);
        edit(&caller, edits[i].old, edits[i].new);
        const char *at = strstr(edits[i].message, "%s");
        if (at != NULL)
            (void)snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(at - edits[i].message),
                edits[i].message, hash_of(caller.authorization), at + 2);
        else
            (void)snprintf(expected, sizeof(expected), "%s", edits[i].message);
        for (int round = 0; round < 2; round++) {
            struct verdict verdict = verify(*state, &caller);
            if (verdict.code != edits[i].code || strcmp(verdict.message, expected) != 0)
                print_error("case: %s\n", edits[i].name);
            assert_refused(&verdict, edits[i].code, expected);
        }
    }
}

static void refuses_a_request_without_authorization(void **state)
{
    struct caller caller;
    prepare(&caller);
    struct verdict verdict = verify(*state, &caller);
    assert_refused(
        &verdict, KMS_FAULT_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
    add(&caller, "Authorization", "");
    verdict = verify(*state, &caller);
    assert_refused(
        &verdict, KMS_FAULT_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
}

static void refuses_two_places_for_a_signature(void **state)
{
    struct caller caller;
    prepare(&caller);
    (void)snprintf(caller.query, sizeof(caller.query), "a=b&X-Amz-Algorithm=AWS4-HMAC-SHA256");
    sign(&caller);
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.");
    prepare(&caller);
    sign(&caller);
    add(&caller, "authorization", caller.authorization);
    verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INCOMPLETE_SIGNATURE, "More than one Authorization header.");
}

static void refuses_a_request_without_a_date(void **state)
{
    struct caller caller;
    char expected[512];
    prepare(&caller);
    sign(&caller);
    drop(&caller, "X-Amz-Date");
    (void)snprintf(expected, sizeof(expected),
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s",
        hash_of(caller.authorization));
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INCOMPLETE_SIGNATURE, expected);

    edit(&caller, "AWS4-HMAC-SHA256 ", "Bearer abc.def, x=");
    (void)snprintf(expected, sizeof(expected),
        "Authorization header requires 'Credential' parameter. Authorization header requires "
        "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "(Hashed with SHA-256 and encoded with Base64) Authorization=%s",
        hash_of(caller.authorization));
    verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INCOMPLETE_SIGNATURE, expected);
}

static void holds_the_edges_of_the_clock(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    static const int64_t accepted[] = {0, 1, 300000, 300999, -300000, -299001};
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++)
        assert_int_equal(verify_at(*state, &caller, NOW_MS + accepted[i]).code, KMS_FAULT_COUNT);
    struct verdict verdict = verify_at(*state, &caller, NOW_MS + 301000);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE,
        "Signature expired: 20261123T011253Z is now earlier than 20261123T011254Z "
        "(20261123T011754Z - 5 min.)");
    verdict = verify_at(*state, &caller, NOW_MS - 301000);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE,
        "Signature not yet current: 20261123T011253Z is still later than 20261123T011252Z "
        "(20261123T010752Z + 5 min.)");
    verdict = verify_at(*state, &caller, NOW_MS + INT64_C(86400000));
    assert_int_equal(verdict.code, KMS_FAULT_INVALID_SIGNATURE);
}

static void refuses_malformed_dates(void **state)
{
    static const char *const dates[] = {
        "201", "20261323T011253Z", "20261123T011253", "", "\x01\xff"};
    static const char *const shown[] = {"201", "20261323T011253Z", "20261123T011253", "", "??"};
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct caller caller;
        char expected[512];
        prepare(&caller);
        sign(&caller);
        header_of(&caller, "X-Amz-Date")->value = kms_str(dates[i]);
        (void)snprintf(expected, sizeof(expected),
            "Date must be in ISO-8601 'basic format'. Got '%s'. See "
            "http://en.wikipedia.org/wiki/ISO_8601",
            shown[i]);
        struct verdict verdict = verify(*state, &caller);
        assert_refused(&verdict, KMS_FAULT_INCOMPLETE_SIGNATURE, expected);
    }
}

static void refuses_what_was_altered_after_signing(void **state)
{
    struct caller caller;
    struct verdict verdict;
    for (int what = 0; what < 8; what++) {
        prepare(&caller);
        sign(&caller);
        switch (what) {
        case 0:
            caller.body[2] ^= 1;
            break;
        case 1:
            (void)snprintf(caller.path, sizeof(caller.path), "/x");
            break;
        case 2:
            (void)snprintf(caller.query, sizeof(caller.query), "a=b");
            break;
        case 3:
            header_of(&caller, "X-Amz-Target")->value = kms_str("TrentService.DisableKey");
            break;
        case 4:
            header_of(&caller, "Host")->value = kms_str("elsewhere");
            break;
        case 5:
            header_of(&caller, "X-Amz-Date")->value = kms_str("20261123T011254Z");
            break;
        case 6: /* a second value for a signed header */
            add(&caller, "X-Amz-Target", "TrentService.DisableKey");
            break;
        default: /* another secret */
            prepare(&caller);
            caller.secret = "not the secret";
            sign(&caller);
        }
        verdict = verify(*state, &caller);
        assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE, MISMATCH);
    }
}

static void refuses_every_flipped_bit_of_the_signature(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    char *signature = strstr(caller.authorization, "Signature=") + strlen("Signature=");
    for (size_t i = 0; i < 64; i++) {
        char kept = signature[i];
        signature[i] = kept == '0' ? '1' : '0';
        assert_int_equal(verify(*state, &caller).code, KMS_FAULT_INVALID_SIGNATURE);
        signature[i] = kept;
    }
    for (size_t i = 0; i < 64; i++) { /* upper case is another signature */
        char kept = signature[i];
        if (kept < 'a')
            continue;
        signature[i] = (char)(kept - 'a' + 'A');
        assert_int_equal(verify(*state, &caller).code, KMS_FAULT_INVALID_SIGNATURE);
        signature[i] = kept;
    }
    assert_int_equal(verify(*state, &caller).code, KMS_FAULT_COUNT);
}

static void refuses_claims_about_the_body_that_are_wrong(void **state)
{
    static const struct {
        const char *claim;
        const char *message;
    } claims[] = {
        {"UNSIGNED-PAYLOAD", "This service does not accept unsigned payloads."},
        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "The provided 'x-amz-content-sha256' header does not match what was computed."},
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "The provided 'x-amz-content-sha256' header does not match what was computed."},
    };
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct caller caller;
        prepare(&caller);
        add(&caller, "X-Amz-Content-Sha256", claims[i].claim);
        sign(&caller);
        struct verdict verdict = verify(*state, &caller);
        assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE, claims[i].message);
    }
}

/* botocore and S3's rules: what the signature was computed over is what the header claims. Here the
 * hash is always the daemon's own, so a body that was swapped under its old hash is found. */
static void hashes_the_body_itself(void **state)
{
    struct caller caller;
    char hash[2 * KMS_SHA256_SIZE + 1];
    uint8_t digest[KMS_SHA256_SIZE];
    prepare(&caller);
    assert_int_equal(kms_sha256(kms_bytes(caller.body, strlen(caller.body)), digest), KMS_OK);
    kms_hex_encode(kms_bytes(digest, sizeof(digest)), hash);
    add(&caller, "X-Amz-Content-Sha256", hash);
    sign(&caller);
    caller.body[2] ^= 1;
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE, MISMATCH);
}

static void refuses_session_tokens_that_nobody_issued(void **state)
{
    struct caller caller;
    prepare(&caller);
    add(&caller, "X-Amz-Security-Token", "made-up");
    sign(&caller);
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_UNRECOGNIZED_CLIENT, UNKNOWN);
}

static void refuses_more_headers_than_it_canonicalises(void **state)
{
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    while (caller.header_count <= KMS_SIGV4_MAX_HEADERS)
        add(&caller, "x-filler", "1");
    struct verdict verdict = verify(*state, &caller);
    assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE, MISMATCH);
}

static void never_repeats_the_authorization_header(void **state)
{
    struct caller caller;
    prepare(&caller);
    add(&caller, "X-Amz-Date", NOW);
    add(&caller, "Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2ln");
    struct verdict verdict = verify(*state, &caller);
    assert_int_equal(verdict.code, KMS_FAULT_INCOMPLETE_SIGNATURE);
    assert_null(strstr(verdict.message, "eyJ"));
}

/* --- access keys come and go ------------------------------------------------------------------ */

static void deactivation_takes_effect_at_once(void **state)
{
    struct bench *bench = *state;
    struct caller caller;
    prepare(&caller);
    sign(&caller);
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_COUNT);
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_COUNT); /* cached by now */
    put_key(bench, KEY_ID, SECRET, "Inactive");
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_UNRECOGNIZED_CLIENT);
    put_key(bench, KEY_ID, SECRET, "Active");
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_COUNT);
    put_key(bench, KEY_ID, "another secret", "Active");
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_INVALID_SIGNATURE);
    put_key(bench, KEY_ID, SECRET, "Active");
    kmsd_auth_remove(bench->auth, kms_str(KEY_ID));
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_UNRECOGNIZED_CLIENT);
    kmsd_auth_remove(bench->auth, kms_str(KEY_ID));
}

static void secrets_are_bound_to_id_and_principal(void **state)
{
    struct bench *bench = *state;
    struct caller caller;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    assert_int_equal(kmsd_iam_seal(bench->custody, kms_str("AKIASOMEBODY"),
                         kms_str("arn:aws:iam::" ACCOUNT ":user/somebody"),
                         kms_bytes(SECRET, strlen(SECRET)), &wrapped),
        KMS_OK);
    struct kmsd_access_key_row row = {
        .access_key_id = kms_str("AKIASOMEBODY"),
        .account = kms_str(ACCOUNT),
        .principal_arn = kms_str("arn:aws:iam::" ACCOUNT ":user/somebody"),
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    prepare(&caller);
    caller.key_id = "AKIASOMEBODY";
    sign(&caller);
    assert_int_equal(kmsd_auth_put(bench->auth, &row), KMS_OK);
    struct verdict verdict = verify(bench, &caller);
    assert_int_equal(verdict.code, KMS_FAULT_COUNT);
    assert_false(verdict.principal.is_account_root);

    row.principal_arn = kms_str(ARN); /* the row altered on disk: somebody wants to be root */
    assert_int_equal(kmsd_auth_put(bench->auth, &row), KMS_OK);
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_INVALID_SIGNATURE);
}

static void loads_the_store(void **state)
{
    struct bench *bench = *state;
    struct kmsd_store *store = NULL;
    struct kmsd_detail detail;
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    assert_int_equal(kmsd_iam_seal(bench->custody, kms_str("AKIASTORED"), kms_str(ARN),
                         kms_bytes("stored", 6), &wrapped),
        KMS_OK);
    struct kmsd_access_key_row row = {
        .access_key_id = kms_str("AKIASTORED"),
        .account = kms_str(ACCOUNT),
        .principal_arn = kms_str(ARN),
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
    };
    const struct kmsd_account_row account = {.account = kms_str(ACCOUNT)};
    assert_int_equal(kmsd_store_open("", KMSD_STORE_MEMORY, &store, &detail), KMS_OK);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_account(store, &account), KMS_OK);
    assert_int_equal(kmsd_store_put_access_key(store, &row), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_int_equal(kmsd_auth_load(bench->auth, store, &detail), KMS_OK);
    struct caller caller;
    prepare(&caller);
    caller.key_id = "AKIASTORED";
    caller.secret = "stored";
    sign(&caller);
    assert_int_equal(verify(bench, &caller).code, KMS_FAULT_COUNT);

    wrapped.data[wrapped.len - 1] ^= 1;
    row.wrapped_secret = kms_buf_bytes(&wrapped);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_access_key(store, &row), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_int_equal(kmsd_auth_load(bench->auth, store, &detail), KMS_ERR_AUTHENTICATION);
    assert_non_null(strstr(detail.text, "AKIASTORED"));
    kmsd_store_close(store);
}

static void refuses_rows_out_of_bounds(void **state)
{
    struct bench *bench = *state;
    char long_id[KMSD_ACCESS_KEY_ID_MAX + 2];
    memset(long_id, 'A', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    const struct kmsd_access_key_row good = {
        .access_key_id = kms_str("AKIAX"),
        .account = kms_str(ACCOUNT),
        .principal_arn = kms_str(ARN),
        .status = kms_str("Active"),
        .wrapped_secret = kms_bytes("x", 1),
    };
    struct kmsd_access_key_row bad[5] = {good, good, good, good, good};
    bad[0].access_key_id = kms_str(long_id);
    bad[1].access_key_id = kms_str("");
    bad[2].account = kms_str("123");
    bad[3].wrapped_secret = kms_bytes("", 0);
    bad[4].principal_arn = kms_str("");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(kmsd_auth_put(bench->auth, &bad[i]), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kmsd_auth_put(bench->auth, &good), KMS_OK);
}

/* Hundreds of keys: the table grows and still finds each one. */
static void knows_many_access_keys(void **state)
{
    struct bench *bench = *state;
    char id[32];
    char secret[32];
    enum { COUNT = 300 };
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(id, sizeof(id), "AKIA%d", i);
        (void)snprintf(secret, sizeof(secret), "secret %d", i);
        put_key(bench, id, secret, "Active");
    }
    for (int i = 0; i < COUNT; i += 2) {
        (void)snprintf(id, sizeof(id), "AKIA%d", i);
        kmsd_auth_remove(bench->auth, kms_str(id));
    }
    for (int i = 0; i < COUNT; i++) {
        struct caller caller;
        (void)snprintf(id, sizeof(id), "AKIA%d", i);
        (void)snprintf(secret, sizeof(secret), "secret %d", i);
        prepare(&caller);
        caller.key_id = id;
        caller.secret = secret;
        sign(&caller);
        struct verdict verdict = verify(bench, &caller);
        assert_int_equal(
            verdict.code, i % 2 == 0 ? KMS_FAULT_UNRECOGNIZED_CLIENT : KMS_FAULT_COUNT);
        if (i % 2 != 0)
            assert_string_equal(verdict.principal.access_key_id, id);
    }
}

/* --- regions, and no credentials at all ------------------------------------------------------- */

static void serves_every_region_when_none_is_named(void **state)
{
    struct bench bench;
    (void)state;
    set_up_with(&bench, NULL, 0);
    static const char *const good[] = {"eu-central-1", "mars-north-7", "a"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct caller caller;
        prepare(&caller);
        caller.region = good[i];
        sign(&caller);
        assert_int_equal(verify(&bench, &caller).code, KMS_FAULT_COUNT);
    }
    static const char *const bad[] = {"EU-CENTRAL-1", "eu_central_1", "-a", "a-", "a:b", "a.b",
        "a-region-name-that-is-too-long-xx"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct caller caller;
        prepare(&caller);
        caller.region = bad[i];
        sign(&caller);
        struct verdict verdict = verify(&bench, &caller);
        assert_refused(&verdict, KMS_FAULT_INVALID_SIGNATURE,
            "Credential should be scoped to a valid region. ");
    }
    void *at = &bench;
    (void)tear_down(&at);
}

static void accepts_any_credentials_on_request(void **state)
{
    struct bench bench;
    struct caller caller;
    (void)state;
    set_up_with(&bench, "999999999999", 0);
    prepare(&caller);
    caller.key_id = "whoever";
    caller.secret = "whatever";
    caller.now_ms = 0; /* a stopped clock is fine too */
    add(&caller, "X-Amz-Security-Token", "made-up");
    sign(&caller);
    struct verdict verdict = verify(&bench, &caller);
    assert_int_equal(verdict.code, KMS_FAULT_COUNT);
    assert_string_equal(verdict.principal.account, "999999999999");
    assert_string_equal(verdict.principal.arn, "arn:aws:iam::999999999999:root");
    assert_true(verdict.principal.is_account_root);
    assert_string_equal(verdict.region, "eu-central-1");

    edit(&caller, "whoever", "123456789012");
    verdict = verify(&bench, &caller);
    assert_string_equal(verdict.principal.account, "123456789012");
    edit(&caller, "eu-central-1", "cn-north-1");
    verdict = verify(&bench, &caller);
    assert_string_equal(verdict.principal.arn, "arn:aws-cn:iam::123456789012:root");
    edit(&caller, "cn-north-1", "Not A Region");
    verdict = verify(&bench, &caller);
    assert_refused(
        &verdict, KMS_FAULT_INVALID_SIGNATURE, "Credential should be scoped to a valid region. ");
    drop(&caller, "Authorization");
    verdict = verify(&bench, &caller);
    assert_refused(
        &verdict, KMS_FAULT_MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token");
    void *at = &bench;
    (void)tear_down(&at);
}

static void refuses_bad_options(void **state)
{
    struct bench *bench = *state;
    struct kmsd_auth *auth = NULL;
    const struct kms_str bad_region = KMS_STR_LITERAL("EU");
    struct kmsd_auth_options options = {
        .custody = bench->custody, .regions = &bad_region, .region_count = 1};
    assert_int_equal(kmsd_auth_new(&options, &auth), KMS_ERR_INVALID_ARGUMENT);
    options.region_count = 0;
    options.accept_any_account = kms_str("12345678901x");
    assert_int_equal(kmsd_auth_new(&options, &auth), KMS_ERR_INVALID_ARGUMENT);
    assert_null(auth);
    kmsd_auth_free(NULL);
}

/* --- many threads ----------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 300 };

struct race {
    struct bench *bench;
    struct caller caller;
    atomic_bool done;
    atomic_int accepted;
};

static void *verify_often(void *context)
{
    struct race *race = context;
    struct kms_arena arena;
    kms_arena_init(&arena, 1 << 16);
    for (int i = 0; i < ROUNDS; i++) {
        struct kmsd_principal principal;
        struct kms_str region;
        struct kms_str message;
        struct kms_http_view view = view_of(&race->caller);
        enum kms_fault_code code = kmsd_auth_verify(
            race->bench->auth, &view, NOW_MS, &arena, &principal, &region, &message);
        if (code == KMS_FAULT_COUNT)
            atomic_fetch_add(&race->accepted, 1);
        else if (code != KMS_FAULT_UNRECOGNIZED_CLIENT)
            abort();
        kms_arena_reset(&arena);
    }
    kms_arena_clean_up(&arena);
    return NULL;
}

static void verifies_on_many_threads_while_keys_change(void **state)
{
    struct race race = {.bench = *state};
    pthread_t threads[THREADS];
    prepare(&race.caller);
    sign(&race.caller);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &race), 0);
    for (int i = 0; i < 50; i++)
        put_key(race.bench, KEY_ID, SECRET, i % 2 == 0 ? "Inactive" : "Active");
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(verify(race.bench, &race.caller).code, KMS_FAULT_COUNT);
    assert_true(atomic_load(&race.accepted) > 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accepts_a_good_signature),
        TEST(accepts_every_form_of_a_request),
        TEST(accepts_unsigned_headers_that_decide_nothing),
        TEST(accepts_the_hash_of_the_body),
        TEST(accepts_a_plain_date_header),
        TEST(names_every_defect_of_the_header),
        TEST(refuses_a_request_without_authorization),
        TEST(refuses_two_places_for_a_signature),
        TEST(refuses_a_request_without_a_date),
        TEST(holds_the_edges_of_the_clock),
        TEST(refuses_malformed_dates),
        TEST(refuses_what_was_altered_after_signing),
        TEST(refuses_every_flipped_bit_of_the_signature),
        TEST(refuses_claims_about_the_body_that_are_wrong),
        TEST(hashes_the_body_itself),
        TEST(refuses_session_tokens_that_nobody_issued),
        TEST(refuses_more_headers_than_it_canonicalises),
        TEST(never_repeats_the_authorization_header),
        TEST(deactivation_takes_effect_at_once),
        TEST(secrets_are_bound_to_id_and_principal),
        TEST(loads_the_store),
        TEST(refuses_rows_out_of_bounds),
        TEST(knows_many_access_keys),
        TEST(serves_every_region_when_none_is_named),
        TEST(accepts_any_credentials_on_request),
        TEST(refuses_bad_options),
        TEST(verifies_on_many_threads_while_keys_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
