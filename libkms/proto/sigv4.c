#include "libkms/proto/sigv4.h"

#include "libkms/base/clock.h"
#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"

#include <stdlib.h>

#define SCOPE_END "aws4_request"

enum { DATE_LEN = 8, SCOPE_MAX = 256 };

_Static_assert(KMS_SIGV4_KEY_SIZE == KMS_SHA256_SIZE, "keys are HMAC-SHA-256 values");
_Static_assert(KMS_SIGV4_SIGNATURE_SIZE == 2 * KMS_SHA256_SIZE + 1, "and so are signatures");

/* --- taking an Authorization header apart ----------------------------------------------------- */

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t';
}

static struct kms_str trim(struct kms_str text)
{
    while (text.len != 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len != 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* What is before the separator; *rest is what is after it. False when there is none. */
static bool cut(struct kms_str text, char separator, struct kms_str *before, struct kms_str *rest)
{
    const char *at = text.len == 0 ? NULL : memchr(text.data, separator, text.len);
    if (at == NULL)
        return false;
    before->data = text.data;
    before->len = (size_t)(at - text.data);
    rest->data = at + 1;
    rest->len = text.len - before->len - 1;
    return true;
}

/* "ID/20261123/us-east-1/kms/aws4_request" */
static bool parse_credential(struct kms_str credential, struct kms_sigv4_authorization *out)
{
    struct kms_str rest = {0};
    if (!cut(credential, '/', &out->access_key_id, &rest))
        return false;
    out->scope = rest;
    return cut(rest, '/', &out->date, &rest) && cut(rest, '/', &out->region, &rest) &&
           cut(rest, '/', &out->service, &rest) && kms_str_is(rest, SCOPE_END) &&
           out->access_key_id.len != 0 && out->date.len != 0 && out->region.len != 0 &&
           out->service.len != 0;
}

struct parameters {
    struct kms_str credential;
    struct kms_str signed_headers;
    struct kms_str signature;
};

/* "Credential=..., SignedHeaders=..., Signature=..." */
static bool parse_parameters(struct kms_str text, struct parameters *out)
{
    const struct {
        const char *name;
        struct kms_str *value;
    } known[] = {
        {"Credential", &out->credential},
        {"SignedHeaders", &out->signed_headers},
        {"Signature", &out->signature},
    };
    struct kms_str left = trim(text);
    while (left.len != 0) {
        struct kms_str part = left;
        struct kms_str name = {0};
        struct kms_str value = {0};
        if (!cut(left, ',', &part, &left))
            left.len = 0;
        if (!cut(trim(part), '=', &name, &value))
            return false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (!kms_str_is(name, known[i].name))
                continue;
            if (known[i].value->data != NULL) /* which of the two would be meant? */
                return false;
            *known[i].value = value;
        }
    }
    return true;
}

static enum kms_sigv4_defect parse(struct kms_str value, struct kms_sigv4_authorization *out)
{
    static const struct kms_str algorithm = KMS_STR_LITERAL(KMS_SIGV4_ALGORITHM);
    struct parameters parameters = {0};
    struct kms_str text = trim(value);
    if (text.len < algorithm.len || memcmp(text.data, algorithm.data, algorithm.len) != 0)
        return KMS_SIGV4_DEFECT_ALGORITHM;
    struct kms_str rest = {text.data + algorithm.len, text.len - algorithm.len};
    if (rest.len != 0 && !is_blank(rest.data[0]))
        return KMS_SIGV4_DEFECT_ALGORITHM;
    if (!parse_parameters(rest, &parameters))
        return KMS_SIGV4_DEFECT_SYNTAX;
    unsigned missing =
        (parameters.credential.len == 0 ? (unsigned)KMS_SIGV4_DEFECT_CREDENTIAL : 0U) |
        (parameters.signature.len == 0 ? (unsigned)KMS_SIGV4_DEFECT_SIGNATURE : 0U) |
        (parameters.signed_headers.len == 0 ? (unsigned)KMS_SIGV4_DEFECT_SIGNED_HEADERS : 0U);
    if (missing != 0)
        return (enum kms_sigv4_defect)missing;
    if (!parse_credential(parameters.credential, out))
        return KMS_SIGV4_DEFECT_SCOPE;
    out->signed_headers = parameters.signed_headers;
    out->signature = parameters.signature;
    return KMS_SIGV4_DEFECT_NONE;
}

enum kms_err kms_sigv4_parse_authorization(
    struct kms_str value, struct kms_sigv4_authorization *out, enum kms_sigv4_defect *defect)
{
    struct kms_sigv4_authorization parsed = {0};
    *defect = parse(value, &parsed);
    if (*defect != KMS_SIGV4_DEFECT_NONE)
        return KMS_ERR_SYNTAX;
    *out = parsed;
    return KMS_OK;
}

/* --- the stages after the canonical request --------------------------------------------------- */

enum kms_err kms_sigv4_string_to_sign(struct kms_str date_time, struct kms_str scope,
    struct kms_bytes canonical_request, struct kms_buf *out)
{
    uint8_t digest[KMS_SHA256_SIZE];
    size_t start = out->len;
    enum kms_err err = kms_sha256(canonical_request, digest);
    if (err != KMS_OK)
        return err;
    kms_buf_append_text(out, KMS_SIGV4_ALGORITHM "\n");
    kms_buf_append_str(out, date_time);
    kms_buf_append_u8(out, '\n');
    kms_buf_append_str(out, scope);
    kms_buf_append_u8(out, '\n');
    kms_hex_append(out, kms_bytes(digest, sizeof(digest)));
    if (out->err != KMS_OK)
        kms_buf_truncate(out, start);
    return out->err;
}

enum kms_err kms_sigv4_signing_key(struct kms_bytes secret_access_key, struct kms_str date,
    struct kms_str region, struct kms_str service, uint8_t key[KMS_SIGV4_KEY_SIZE])
{
    static const char prefix[4] = {'A', 'W', 'S', '4'};
    uint8_t secret[sizeof(prefix) + KMS_SIGV4_SECRET_MAX];
    uint8_t chain[KMS_SIGV4_KEY_SIZE];
    const struct kms_str links[] = {date, region, service, KMS_STR_LITERAL(SCOPE_END)};
    if (secret_access_key.len > KMS_SIGV4_SECRET_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    memcpy(secret, prefix, sizeof(prefix));
    if (secret_access_key.len != 0)
        memcpy(secret + sizeof(prefix), secret_access_key.data, secret_access_key.len);

    struct kms_bytes link_key = kms_bytes(secret, sizeof(prefix) + secret_access_key.len);
    enum kms_err err = KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < sizeof(links) / sizeof(links[0]); i++) {
        err = kms_hmac_sha256(link_key, kms_bytes(links[i].data, links[i].len), chain);
        link_key = kms_bytes(chain, sizeof(chain));
    }
    if (err == KMS_OK)
        memcpy(key, chain, sizeof(chain));
    kms_wipe(secret, sizeof(secret));
    kms_wipe(chain, sizeof(chain));
    return err;
}

enum kms_err kms_sigv4_signature(const uint8_t key[KMS_SIGV4_KEY_SIZE],
    struct kms_bytes string_to_sign, char signature[KMS_SIGV4_SIGNATURE_SIZE])
{
    uint8_t mac[KMS_SHA256_SIZE];
    enum kms_err err = kms_hmac_sha256(kms_bytes(key, KMS_SIGV4_KEY_SIZE), string_to_sign, mac);
    if (err == KMS_OK)
        kms_hex_encode(kms_bytes(mac, sizeof(mac)), signature);
    return err;
}

bool kms_sigv4_signature_matches(struct kms_str sent, const char computed[KMS_SIGV4_SIGNATURE_SIZE])
{
    return sent.len == KMS_SIGV4_SIGNATURE_SIZE - 1 &&
           kms_bytes_eq_ct(sent.data, computed, sent.len);
}

/* --- signing ---------------------------------------------------------------------------------- */

static uint8_t lower(char letter)
{
    return (uint8_t)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

/* As the names sort in lower case. */
static int compare_names(const void *left, const void *right)
{
    const struct kms_str *a = left;
    const struct kms_str *b = right;
    for (size_t i = 0; i < a->len && i < b->len; i++) {
        if (lower(a->data[i]) != lower(b->data[i]))
            return lower(a->data[i]) < lower(b->data[i]) ? -1 : 1;
    }
    return (a->len > b->len) - (a->len < b->len);
}

/* RFC 9110 section 5.6.2 */
static bool is_token(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t letter = lower(text.data[i]);
        bool is_alphanumeric = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
        if (!is_alphanumeric && (letter == '\0' || strchr("!#$%&'*+-.^_`|~", letter) == NULL))
            return false;
    }
    return text.len != 0;
}

/* Fit to stand between the slashes of a credential. */
static bool is_credential_field(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr("/,", text.data[i]) != NULL)
            return false;
    }
    return text.len != 0;
}

/* The names of all headers as "a;b;c": lower case, sorted, each once. */
static enum kms_err append_signed_headers(const struct kms_http_view *request, struct kms_buf *out)
{
    struct kms_str names[KMS_SIGV4_MAX_HEADERS];
    if (request->header_count > KMS_SIGV4_MAX_HEADERS)
        return KMS_ERR_LIMIT;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_token(request->headers[i].name))
            return KMS_ERR_INVALID_ARGUMENT;
        names[i] = request->headers[i].name;
    }
    qsort(names, request->header_count, sizeof(names[0]), compare_names);
    for (size_t i = 0; i < request->header_count; i++) {
        if (i != 0 && compare_names(&names[i - 1], &names[i]) == 0)
            continue;
        if (i != 0)
            kms_buf_append_u8(out, ';');
        for (size_t j = 0; j < names[i].len; j++)
            kms_buf_append_u8(out, lower(names[i].data[j]));
    }
    return out->err;
}

static enum kms_err check_signing(const struct kms_http_view *request,
    const struct kms_sigv4_signer *signer, struct kms_str signed_headers, const char *date_time)
{
    if (!is_credential_field(signer->access_key_id) || !is_credential_field(signer->region) ||
        !is_credential_field(signer->service) || !kms_sigv4_signs_header(signed_headers, "host"))
        return KMS_ERR_INVALID_ARGUMENT;
    static const struct kms_str date_name = KMS_STR_LITERAL("x-amz-date");
    bool found = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct kms_header *header = &request->headers[i];
        if (compare_names(&header->name, &date_name) != 0)
            continue;
        if (found || !kms_str_is(header->value, date_time))
            return KMS_ERR_INVALID_ARGUMENT;
        found = true;
    }
    return found ? KMS_OK : KMS_ERR_INVALID_ARGUMENT;
}

/* From the canonical request to the signature. */
static enum kms_err compute_signature(const struct kms_sigv4_signer *signer, const char *date_time,
    struct kms_str scope, struct kms_bytes canonical, char signature[KMS_SIGV4_SIGNATURE_SIZE])
{
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    struct kms_str date = {date_time, DATE_LEN};
    KMS_BUF_AUTO string_to_sign;
    kms_buf_init(&string_to_sign, KMS_SIGV4_CANONICAL_MAX);
    enum kms_err err =
        kms_sigv4_string_to_sign(kms_str(date_time), scope, canonical, &string_to_sign);
    if (err != KMS_OK)
        return err;
    err = kms_sigv4_signing_key(
        signer->secret_access_key, date, signer->region, signer->service, key);
    if (err == KMS_OK)
        err = kms_sigv4_signature(key, kms_buf_bytes(&string_to_sign), signature);
    kms_wipe(key, sizeof(key));
    return err;
}

enum kms_err kms_sigv4_sign(const struct kms_http_view *request,
    const struct kms_sigv4_signer *signer, const struct kms_sigv4_options *options,
    struct kms_buf *authorization)
{
    char date_time[KMS_TIME_BASIC_SIZE];
    char signature[KMS_SIGV4_SIGNATURE_SIZE];
    KMS_BUF_AUTO names;
    KMS_BUF_AUTO canonical;
    KMS_BUF_AUTO scope;
    kms_buf_init(&names, KMS_SIGV4_CANONICAL_MAX);
    kms_buf_init(&canonical, KMS_SIGV4_CANONICAL_MAX);
    kms_buf_init(&scope, SCOPE_MAX);

    kms_time_format_basic(signer->now_ms, date_time);
    enum kms_err err = append_signed_headers(request, &names);
    if (err == KMS_OK)
        err = check_signing(request, signer, kms_buf_str(&names), date_time);
    if (err == KMS_OK)
        err = kms_sigv4_canonical_request(request, kms_buf_str(&names), options, &canonical);
    if (err != KMS_OK)
        return err;

    kms_buf_append(&scope, date_time, DATE_LEN);
    kms_buf_append_u8(&scope, '/');
    kms_buf_append_str(&scope, signer->region);
    kms_buf_append_u8(&scope, '/');
    kms_buf_append_str(&scope, signer->service);
    kms_buf_append_text(&scope, "/" SCOPE_END);
    if (scope.err != KMS_OK)
        return scope.err;
    err = compute_signature(
        signer, date_time, kms_buf_str(&scope), kms_buf_bytes(&canonical), signature);
    if (err != KMS_OK)
        return err;

    size_t start = authorization->len;
    kms_buf_append_text(authorization, KMS_SIGV4_ALGORITHM " Credential=");
    kms_buf_append_str(authorization, signer->access_key_id);
    kms_buf_append_u8(authorization, '/');
    kms_buf_append_str(authorization, kms_buf_str(&scope));
    kms_buf_append_text(authorization, ", SignedHeaders=");
    kms_buf_append_str(authorization, kms_buf_str(&names));
    kms_buf_append_text(authorization, ", Signature=");
    kms_buf_append_text(authorization, signature);
    if (authorization->err != KMS_OK)
        kms_buf_truncate(authorization, start);
    return authorization->err;
}
