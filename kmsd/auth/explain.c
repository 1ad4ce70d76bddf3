#include "kmsd/auth/explain.h"

#include "kmsd/auth/auth.h"
#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"
#include "libkms/proto/model.h"

enum { SHOWN_MAX = 256, TEXT_MAX = 2048 };

const struct kms_str kmsd_explain_missing_token = KMS_STR_LITERAL("Missing Authentication Token");
const struct kms_str kmsd_explain_two_places =
    KMS_STR_LITERAL("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as "
                    "HTTP header.");
const struct kms_str kmsd_explain_two_headers =
    KMS_STR_LITERAL("More than one Authorization header.");
const struct kms_str kmsd_explain_unknown_key =
    KMS_STR_LITERAL("The security token included in the request is invalid.");
const struct kms_str kmsd_explain_expired_token =
    KMS_STR_LITERAL("The security token included in the request is expired");
const struct kms_str kmsd_explain_mismatch =
    KMS_STR_LITERAL("The request signature we calculated does not match the signature you "
                    "provided. Check your AWS Secret Access Key and signing method. Consult the "
                    "service documentation for details.");
const struct kms_str kmsd_explain_host_unsigned =
    KMS_STR_LITERAL("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
const struct kms_str kmsd_explain_body_hash =
    KMS_STR_LITERAL("The provided 'x-amz-content-sha256' header does not match what was computed.");
const struct kms_str kmsd_explain_unsigned_payload =
    KMS_STR_LITERAL("This service does not accept unsigned payloads.");

/* Appends at most SHOWN_MAX characters of what a caller sent, only printable ASCII. */
static void append_shown(struct kms_buf *out, struct kms_str text)
{
    for (size_t i = 0; i < text.len && i < SHOWN_MAX; i++) {
        char letter = text.data[i];
        kms_buf_append_u8(out, letter >= ' ' && letter <= '~' ? (uint8_t)letter : '?');
    }
}

/* Appends the base64 of the hash of the header. */
static void append_hash(struct kms_buf *out, struct kms_str authorization)
{
    uint8_t digest[KMS_SHA256_SIZE];
    if (kms_sha256(kms_bytes(authorization.data, authorization.len), digest) == KMS_OK)
        kms_base64_append(out, kms_bytes(digest, sizeof(digest)));
}

static struct kms_str kept(struct kms_arena *arena, const struct kms_buf *text)
{
    if (text->err != KMS_OK)
        return (struct kms_str){NULL, 0};
    return kms_arena_str(arena, kms_buf_str(text));
}

struct kms_str kmsd_explain_incomplete(
    struct kms_arena *arena, struct kms_str authorization, unsigned defect, bool date_missing)
{
    static const struct {
        enum kms_sigv4_defect bit;
        const char *name;
    } parameters[] = {
        {KMS_SIGV4_DEFECT_CREDENTIAL, "Credential"},
        {KMS_SIGV4_DEFECT_SIGNATURE, "Signature"},
        {KMS_SIGV4_DEFECT_SIGNED_HEADERS, "SignedHeaders"},
    };
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if ((defect & (unsigned)parameters[i].bit) != 0)
            kms_buf_printf(
                &text, "Authorization header requires '%s' parameter. ", parameters[i].name);
    }
    if (date_missing)
        kms_buf_append_text(&text, "Authorization header requires existence of either a "
                                   "'X-Amz-Date' or a 'Date' header. ");
    kms_buf_append_text(&text, "(Hashed with SHA-256 and encoded with Base64) Authorization=");
    append_hash(&text, authorization);
    return kept(arena, &text);
}

struct kms_str kmsd_explain_syntax(struct kms_arena *arena, struct kms_str authorization)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    kms_buf_append_text(&text, "Invalid key=value pair (missing equal-sign) in Authorization "
                               "header (hashed with SHA-256 and encoded with Base64): '");
    append_hash(&text, authorization);
    kms_buf_append_text(&text, "'.");
    return kept(arena, &text);
}

struct kms_str kmsd_explain_algorithm(struct kms_arena *arena, struct kms_str authorization)
{
    struct kms_str algorithm = {authorization.data, 0};
    while (algorithm.len < authorization.len && authorization.data[algorithm.len] != ' ')
        algorithm.len++;
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    kms_buf_append_text(&text, "Unsupported AWS 'algorithm': '");
    append_shown(&text, algorithm);
    kms_buf_append_text(&text, "' (only AWS4-HMAC-SHA256 for now). ");
    return kept(arena, &text);
}

struct kms_str kmsd_explain_date(struct kms_arena *arena, struct kms_str date)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    kms_buf_append_text(&text, "Date must be in ISO-8601 'basic format'. Got '");
    append_shown(&text, date);
    kms_buf_append_text(&text, "'. See http://en.wikipedia.org/wiki/ISO_8601");
    return kept(arena, &text);
}

struct kms_str kmsd_explain_expired(struct kms_arena *arena, struct kms_str date, int64_t now_ms)
{
    char now[KMS_TIME_BASIC_SIZE];
    char limit[KMS_TIME_BASIC_SIZE];
    kms_time_format_basic(now_ms, now);
    kms_time_format_basic(now_ms - KMSD_AUTH_MAX_SKEW_MS, limit);
    return kms_arena_printf(arena, "Signature expired: %.*s is now earlier than %s (%s - 5 min.)",
        (int)date.len, date.data, limit, now);
}

struct kms_str kmsd_explain_not_yet(struct kms_arena *arena, struct kms_str date, int64_t now_ms)
{
    char now[KMS_TIME_BASIC_SIZE];
    char limit[KMS_TIME_BASIC_SIZE];
    kms_time_format_basic(now_ms, now);
    kms_time_format_basic(now_ms + KMSD_AUTH_MAX_SKEW_MS, limit);
    return kms_arena_printf(arena,
        "Signature not yet current: %.*s is still later than %s (%s + 5 min.)", (int)date.len,
        date.data, limit, now);
}

struct kms_str kmsd_explain_unsigned(struct kms_arena *arena, struct kms_str header_name)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    kms_buf_append_u8(&text, '\'');
    append_shown(&text, header_name);
    kms_buf_append_text(&text, "' must be a 'SignedHeader' in the AWS Authorization.");
    return kept(arena, &text);
}

struct kms_str kmsd_explain_five_elements(struct kms_arena *arena, struct kms_str credential)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    kms_buf_append_text(&text, "Credential must have exactly 5 slash-delimited elements, e.g. "
                               "keyid/date/region/service/term, got '");
    append_shown(&text, credential);
    kms_buf_append_u8(&text, '\'');
    return kept(arena, &text);
}

struct kms_str kmsd_explain_scope(struct kms_arena *arena, const struct kmsd_scope_defects *defects,
    struct kms_str scope_date, struct kms_str terminator, struct kms_str request_date)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, TEXT_MAX);
    if (defects->region)
        kms_buf_append_text(&text, "Credential should be scoped to a valid region. ");
    if (defects->service)
        kms_buf_append_text(
            &text, "Credential should be scoped to correct service: '" KMS_SIGNING_NAME "'. ");
    if (defects->terminator) {
        kms_buf_append_text(
            &text, "Credential should be scoped with a valid terminator: 'aws4_request', not '");
        append_shown(&text, terminator);
        kms_buf_append_text(&text, "'. ");
    }
    if (defects->date) {
        kms_buf_append_text(&text, "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                                   "version of date from HTTP: '");
        append_shown(&text, scope_date);
        kms_buf_printf(&text, "' != '%.8s', from '%.16s'.", request_date.data, request_date.data);
    }
    return kept(arena, &text);
}
