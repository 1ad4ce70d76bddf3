/*
 * Signature Version 4. The input is a request as text: the Authorization header's value, the method
 * and target, "name:value" lines, an empty line, the body.
 *
 * What the parser takes apart can be put together again. Any headers canonicalise or are refused. A
 * request that can be signed verifies stage by stage, and no longer does when a signed part of it
 * is changed.
 */
#include "libkms/base/clock.h"
#include "libkms/proto/sigv4.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

static const int64_t now_ms = INT64_C(1795396373000);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Takes what is before the first separator off the text; all of it when there is none. */
static struct kms_str take(struct kms_str *text, char separator)
{
    struct kms_str taken = *text;
    const char *end = text->len == 0 ? NULL : memchr(text->data, separator, text->len);
    if (end == NULL) {
        text->data += text->len;
        text->len = 0;
        return taken;
    }
    taken.len = (size_t)(end - text->data);
    text->data = end + 1;
    text->len -= taken.len + 1;
    return taken;
}

static bool is_within(struct kms_str part, struct kms_str whole)
{
    return part.data >= whole.data && part.len <= whole.len &&
           part.data + part.len <= whole.data + whole.len;
}

static void check_parser(struct kms_str value, struct kms_str *signed_headers)
{
    struct kms_sigv4_authorization parsed;
    struct kms_sigv4_authorization again;
    enum kms_sigv4_defect defect;
    enum kms_err err = kms_sigv4_parse_authorization(value, &parsed, &defect);
    require((err == KMS_OK) == (defect == KMS_SIGV4_DEFECT_NONE));
    if (err != KMS_OK) {
        require(err == KMS_ERR_SYNTAX);
        return;
    }
    require(is_within(parsed.access_key_id, value) && is_within(parsed.scope, value) &&
            is_within(parsed.date, parsed.scope) && is_within(parsed.region, parsed.scope) &&
            is_within(parsed.service, parsed.scope) && is_within(parsed.signed_headers, value) &&
            is_within(parsed.signature, value));

    KMS_BUF_AUTO rebuilt;
    kms_buf_init(&rebuilt, OUT_MAX);
    kms_buf_append_text(&rebuilt, KMS_SIGV4_ALGORITHM " Signature=");
    kms_buf_append_str(&rebuilt, parsed.signature);
    kms_buf_append_text(&rebuilt, ",SignedHeaders=");
    kms_buf_append_str(&rebuilt, parsed.signed_headers);
    kms_buf_append_text(&rebuilt, ", Credential=");
    kms_buf_append_str(&rebuilt, parsed.access_key_id);
    kms_buf_append_text(&rebuilt, "/");
    kms_buf_append_str(&rebuilt, parsed.scope);
    require(rebuilt.err == KMS_OK);
    require(kms_sigv4_parse_authorization(kms_buf_str(&rebuilt), &again, &defect) == KMS_OK);
    require(kms_str_eq(parsed.access_key_id, again.access_key_id) &&
            kms_str_eq(parsed.date, again.date) && kms_str_eq(parsed.region, again.region) &&
            kms_str_eq(parsed.service, again.service) && kms_str_eq(parsed.scope, again.scope) &&
            kms_str_eq(parsed.signed_headers, again.signed_headers) &&
            kms_str_eq(parsed.signature, again.signature));
    *signed_headers = parsed.signed_headers;
}

/* The canonical request has one line for each signed header and seven more. */
static void check_canonical(const struct kms_http_view *request, struct kms_str signed_headers)
{
    size_t lines = 7;
    KMS_BUF_AUTO canonical;
    kms_buf_init(&canonical, OUT_MAX);
    enum kms_err err =
        kms_sigv4_canonical_request(request, signed_headers, &kms_sigv4_defaults, &canonical);
    if (err != KMS_OK) {
        require(err == KMS_ERR_VALIDATION || err == KMS_ERR_SYNTAX || err == KMS_ERR_LIMIT);
        require(canonical.len == 0);
        return;
    }
    for (size_t i = 0; i < signed_headers.len; i++) {
        if (signed_headers.data[i] == ';')
            lines++;
    }
    for (size_t i = 0; i < canonical.len; i++) {
        if (canonical.data[i] == '\n')
            lines--;
    }
    require(lines == 1); /* no line end after the last line */
}

/* Goes through a verifier's stages with the signature that was sent. */
static bool verifies(
    const struct kms_http_view *request, struct kms_str authorization, struct kms_bytes secret)
{
    struct kms_sigv4_authorization parsed;
    enum kms_sigv4_defect defect;
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    char date_time[KMS_TIME_BASIC_SIZE];
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    KMS_BUF_AUTO canonical;
    KMS_BUF_AUTO string_to_sign;
    kms_buf_init(&canonical, OUT_MAX);
    kms_buf_init(&string_to_sign, OUT_MAX);
    kms_time_format_basic(now_ms, date_time);
    require(kms_sigv4_parse_authorization(authorization, &parsed, &defect) == KMS_OK);
    require(kms_sigv4_canonical_request(
                request, parsed.signed_headers, &kms_sigv4_defaults, &canonical) == KMS_OK);
    require(kms_sigv4_string_to_sign(kms_str(date_time), parsed.scope, kms_buf_bytes(&canonical),
                &string_to_sign) == KMS_OK);
    require(
        kms_sigv4_signing_key(secret, parsed.date, parsed.region, parsed.service, key) == KMS_OK);
    require(kms_sigv4_signature(key, kms_buf_bytes(&string_to_sign), signature) == KMS_OK);
    return kms_sigv4_signature_matches(parsed.signature, signature);
}

static void check_signing(struct kms_http_view request, struct kms_header *host)
{
    static const uint8_t secret[] = {'t', 'e', 's', 't'};
    static const uint8_t other_secret[] = {'t', 'e', 's', 'T'};
    const struct kms_sigv4_signer signer = {
        .access_key_id = kms_str("AKIDEXAMPLE"),
        .secret_access_key = kms_bytes(secret, sizeof(secret)),
        .region = kms_str("us-east-1"),
        .service = kms_str("kms"),
        .now_ms = now_ms,
    };
    KMS_BUF_AUTO authorization;
    kms_buf_init(&authorization, OUT_MAX);
    enum kms_err err = kms_sigv4_sign(&request, &signer, &kms_sigv4_defaults, &authorization);
    if (err != KMS_OK) {
        require(err == KMS_ERR_INVALID_ARGUMENT || err == KMS_ERR_SYNTAX || err == KMS_ERR_LIMIT);
        require(authorization.len == 0);
        return;
    }
    struct kms_str sent = kms_buf_str(&authorization);
    require(verifies(&request, sent, signer.secret_access_key));
    require(!verifies(&request, sent, kms_bytes(other_secret, sizeof(other_secret))));
    if (request.body.len != 0) {
        struct kms_http_view shorter = request;
        shorter.body.len--;
        require(!verifies(&shorter, sent, signer.secret_access_key));
    }
    host->value.len--;
    require(!verifies(&request, sent, signer.secret_access_key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kms_header headers[KMS_SIGV4_MAX_HEADERS + 2];
    char date_time[KMS_TIME_BASIC_SIZE];
    struct kms_str left = {(const char *)data, size};
    struct kms_str authorization = take(&left, '\n');
    struct kms_str signed_headers = {NULL, 0};
    struct kms_str target = take(&left, '\n');
    struct kms_http_view request = {.headers = headers};
    request.method = take(&target, ' ');
    request.path = take(&target, '?');
    request.query = target;

    check_parser(authorization, &signed_headers);
    kms_time_format_basic(now_ms, date_time);
    headers[request.header_count++] = (struct kms_header){kms_str("Host"), kms_str("localhost")};
    headers[request.header_count++] =
        (struct kms_header){kms_str("X-Amz-Date"), kms_str(date_time)};
    while (left.len != 0 && request.header_count < KMS_SIGV4_MAX_HEADERS + 2) {
        struct kms_str line = take(&left, '\n');
        if (line.len == 0)
            break;
        headers[request.header_count].name = take(&line, ':');
        headers[request.header_count].value = line;
        request.header_count++;
    }
    request.body = kms_bytes(left.data, left.len);
    check_canonical(&request, signed_headers);
    check_signing(request, &headers[0]);
    return 0;
}
