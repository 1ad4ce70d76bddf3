/*
 * The canonical request: one text for every way of writing the same request, so that caller and
 * service sign the same bytes.
 */
#include "libkms/proto/sigv4.h"

#include "libkms/base/encoding.h"
#include "libkms/base/sha256.h"

#include <stdlib.h>

const struct kms_sigv4_options kms_sigv4_defaults = {
    .normalize_path = true,
    .encode_path_twice = true,
};

/* Takes what is before the next separator (or all) off the text. */
static struct kms_str next_piece(struct kms_str *left, char separator, bool *more)
{
    const char *end = left->len == 0 ? NULL : memchr(left->data, separator, left->len);
    struct kms_str piece = *left;
    *more = end != NULL;
    if (end != NULL) {
        piece.len = (size_t)(end - left->data);
        left->data += piece.len + 1;
        left->len -= piece.len + 1;
    }
    return piece;
}

bool kms_sigv4_signs_header(struct kms_str signed_headers, const char *name)
{
    struct kms_str wanted = kms_str(name);
    bool more = true;
    while (more) {
        if (kms_ascii_eq(next_piece(&signed_headers, ';', &more), wanted))
            return true;
    }
    return false;
}

static bool is_unreserved(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '.' || letter == '_' ||
           letter == '~';
}

/* RFC 3986 section 2.1, with the upper-case digits that AWS requires. */
static void append_encoded(struct kms_buf *out, char letter)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t octet = (uint8_t)letter;
    if (is_unreserved(letter)) {
        kms_buf_append_u8(out, octet);
        return;
    }
    const char encoded[3] = {'%', digits[octet >> 4], digits[octet & 0x0f]};
    kms_buf_append(out, encoded, sizeof(encoded));
}

static void append_path_piece(
    struct kms_buf *out, struct kms_str piece, const struct kms_sigv4_options *options)
{
    if (!options->encode_path_twice) {
        kms_buf_append_str(out, piece);
        return;
    }
    for (size_t i = 0; i < piece.len; i++)
        append_encoded(out, piece.data[i]);
}

/* Takes the last segment off what has been written since start. */
static void drop_segment(struct kms_buf *out, size_t start)
{
    size_t len = out->len;
    while (len > start && out->data[len - 1] != '/')
        len--;
    kms_buf_truncate(out, len > start ? len - 1 : start);
}

/* RFC 3986 section 5.2.4, and no empty segments. A slash at the end stays. */
static void append_normalized_path(
    struct kms_buf *out, struct kms_str path, const struct kms_sigv4_options *options)
{
    size_t start = out->len;
    bool slash_at_end = path.len != 0 && path.data[path.len - 1] == '/';
    bool more = true;
    while (more) {
        struct kms_str segment = next_piece(&path, '/', &more);
        if (segment.len == 0 || kms_str_is(segment, "."))
            continue;
        if (kms_str_is(segment, "..")) {
            drop_segment(out, start);
            continue;
        }
        kms_buf_append_u8(out, '/');
        append_path_piece(out, segment, options);
    }
    if (slash_at_end || out->len == start)
        kms_buf_append_u8(out, '/');
}

static void append_path(
    struct kms_buf *out, struct kms_str path, const struct kms_sigv4_options *options)
{
    if (path.len == 0 || kms_str_is(path, "/")) {
        kms_buf_append_u8(out, '/');
        return;
    }
    if (options->normalize_path) {
        append_normalized_path(out, path, options);
        return;
    }
    bool more = true;
    while (more) {
        append_path_piece(out, next_piece(&path, '/', &more), options);
        if (more)
            kms_buf_append_u8(out, '/');
    }
}

/* A parameter of the query: its canonical form within a scratch buffer. */
struct query_parameter {
    const char *data;
    size_t name_len;
    size_t len; /* with '=' and the value */
};

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t shorter = a_len < b_len ? a_len : b_len;
    int order = shorter == 0 ? 0 : memcmp(a, b, shorter);
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* By name, then by value: not the same as by the whole, because '-' and '.' sort before '='. */
static int compare_parameters(const void *left, const void *right)
{
    const struct query_parameter *a = left;
    const struct query_parameter *b = right;
    int order = compare_text(a->data, a->name_len, b->data, b->name_len);
    return order != 0 ? order
                      : compare_text(a->data + a->name_len, a->len - a->name_len,
                            b->data + b->name_len, b->len - b->name_len);
}

/* Callers differ in what they leave unencoded; undoing and redoing makes it one. */
static void append_reencoded(struct kms_buf *out, struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        struct kms_str digits = {text.data + i + 1, 2};
        uint8_t octet = (uint8_t)text.data[i];
        if (octet == '%' && text.len - i > 2 && kms_hex_decode(digits, &octet) == KMS_OK)
            i += 2;
        append_encoded(out, (char)octet);
    }
}

static enum kms_err append_query(struct kms_buf *out, struct kms_str query)
{
    struct query_parameter parameters[KMS_SIGV4_MAX_QUERY];
    size_t count = 0;
    if (query.len == 0)
        return KMS_OK;
    if (query.len > (SIZE_MAX - 1) / 4)
        return KMS_ERR_LIMIT;
    KMS_BUF_AUTO scratch;
    kms_buf_init(&scratch, 4 * query.len); /* three for each letter, and '=' for each parameter */
    if (kms_buf_extend(&scratch, scratch.max) == NULL) /* so that it does not move any more */
        return scratch.err;
    kms_buf_truncate(&scratch, 0);

    bool more = true;
    while (more) {
        struct kms_str value = next_piece(&query, '&', &more);
        if (value.len == 0)
            continue;
        if (count == KMS_SIGV4_MAX_QUERY)
            return KMS_ERR_LIMIT;
        bool has_value = false;
        size_t start = scratch.len;
        struct kms_str name = next_piece(&value, '=', &has_value);
        append_reencoded(&scratch, name);
        size_t name_len = scratch.len - start;
        kms_buf_append_u8(&scratch, '=');
        if (has_value)
            append_reencoded(&scratch, value);
        parameters[count].data = (const char *)scratch.data + start;
        parameters[count].name_len = name_len;
        parameters[count].len = scratch.len - start;
        count++;
    }
    if (scratch.err != KMS_OK)
        return scratch.err;
    qsort(parameters, count, sizeof(parameters[0]), compare_parameters);
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            kms_buf_append_u8(out, '&');
        kms_buf_append(out, parameters[i].data, parameters[i].len);
    }
    return KMS_OK;
}

static bool is_blank(char letter)
{
    return letter == ' ' || letter == '\t';
}

/* Whether a value is nothing but what stays as it is, as a session token of hundreds of letters is.
 * Without a way out of the loop, compilers look at many letters at once. */
static bool is_plain(struct kms_str value)
{
    unsigned odd = 0;
    for (size_t i = 0; i < value.len; i++)
        odd |= (unsigned)((uint8_t)value.data[i] <= ' ') | (unsigned)(value.data[i] == 0x7f);
    return odd == 0;
}

/* Trimmed, with each run of spaces made one. */
static enum kms_err append_header_value(struct kms_buf *out, struct kms_str value)
{
    while (value.len != 0 && is_blank(value.data[0])) {
        value.data++;
        value.len--;
    }
    while (value.len != 0 && is_blank(value.data[value.len - 1]))
        value.len--;
    if (value.len == 0)
        return KMS_OK;
    if (is_plain(value)) {
        kms_buf_append_str(out, value);
        return KMS_OK;
    }
    size_t kept = 0; /* of what is not written yet */
    for (size_t i = 0; i < value.len; i++) {
        uint8_t octet = (uint8_t)value.data[i];
        /* A line end would let one header pass for two. */
        if ((octet < 0x20 && octet != '\t') || octet == 0x7f)
            return KMS_ERR_SYNTAX;
        if (octet == ' ' && value.data[i + 1] == ' ') { /* trimmed: a space is never the last */
            kms_buf_append(out, value.data + kept, i - kept);
            kept = i + 1;
        }
    }
    kms_buf_append(out, value.data + kept, value.len - kept);
    return KMS_OK;
}

static enum kms_err append_header(
    struct kms_buf *out, const struct kms_http_view *request, struct kms_str name)
{
    bool found = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct kms_header *header = &request->headers[i];
        if (!kms_ascii_eq(header->name, name))
            continue;
        if (!found)
            kms_buf_append_str(out, name);
        kms_buf_append_u8(out, found ? ',' : ':');
        found = true;
        enum kms_err err = append_header_value(out, header->value);
        if (err != KMS_OK)
            return err;
    }
    if (!found || name.len == 0)
        return KMS_ERR_VALIDATION;
    kms_buf_append_u8(out, '\n');
    return KMS_OK;
}

static enum kms_err append_headers(
    struct kms_buf *out, const struct kms_http_view *request, struct kms_str signed_headers)
{
    struct kms_str left = signed_headers;
    bool more = true;
    for (size_t count = 0; more; count++) {
        if (count == KMS_SIGV4_MAX_HEADERS)
            return KMS_ERR_LIMIT;
        enum kms_err err = append_header(out, request, next_piece(&left, ';', &more));
        if (err != KMS_OK)
            return err;
    }
    kms_buf_append_u8(out, '\n');
    kms_buf_append_str(out, signed_headers);
    kms_buf_append_u8(out, '\n');
    return KMS_OK;
}

static enum kms_err append_payload_hash(
    struct kms_buf *out, struct kms_bytes body, const struct kms_sigv4_options *options)
{
    uint8_t digest[KMS_SHA256_SIZE];
    if (options->payload_hash.data != NULL) {
        kms_buf_append_str(out, options->payload_hash);
        return KMS_OK;
    }
    enum kms_err err = kms_sha256(body, digest);
    if (err == KMS_OK)
        kms_hex_append(out, kms_bytes(digest, sizeof(digest)));
    return err;
}

static enum kms_err append_canonical(struct kms_buf *out, const struct kms_http_view *request,
    struct kms_str signed_headers, const struct kms_sigv4_options *options)
{
    if (request->header_count > KMS_SIGV4_MAX_HEADERS)
        return KMS_ERR_LIMIT;
    kms_buf_append_str(out, request->method);
    kms_buf_append_u8(out, '\n');
    append_path(out, request->path, options);
    kms_buf_append_u8(out, '\n');
    enum kms_err err = append_query(out, request->query);
    if (err != KMS_OK)
        return err;
    kms_buf_append_u8(out, '\n');
    err = append_headers(out, request, signed_headers);
    if (err != KMS_OK)
        return err;
    return append_payload_hash(out, request->body, options);
}

enum kms_err kms_sigv4_canonical_request(const struct kms_http_view *request,
    struct kms_str signed_headers, const struct kms_sigv4_options *options, struct kms_buf *out)
{
    size_t start = out->len;
    enum kms_err err = append_canonical(out, request, signed_headers, options);
    if (err == KMS_OK)
        err = out->err;
    if (err != KMS_OK)
        kms_buf_truncate(out, start);
    return err;
}
