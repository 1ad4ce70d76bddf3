/* Lines of the trail: written in one form, and read only in that form. */
#include "libkms/trail/trail.h"

#include "libkms/base/encoding.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define PREFIX "trail-"

enum { HEX_LEN = 2 * KMS_SHA256_SIZE, FILE_DIGITS = 10 };

bool kms_trail_hash_eq(const struct kms_trail_hash *a, const struct kms_trail_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* --- names ------------------------------------------------------------------------------------ */

static const char *const suffixes[] = {
    [KMS_TRAIL_RECORDS] = ".jsonl",
    [KMS_TRAIL_DIGESTS] = ".digests",
    [KMS_TRAIL_INDEX] = ".index",
};

void kms_trail_file_name(
    enum kms_trail_file_kind kind, uint32_t file, char out[KMS_TRAIL_NAME_SIZE])
{
    (void)snprintf(
        out, KMS_TRAIL_NAME_SIZE, PREFIX "%0*" PRIu32 "%s", FILE_DIGITS, file, suffixes[kind]);
}

bool kms_trail_file_parse(const char *name, enum kms_trail_file_kind *kind, uint32_t *file)
{
    static const size_t digits_at = sizeof(PREFIX) - 1;
    if (strncmp(name, PREFIX, digits_at) != 0 || strlen(name) < digits_at + FILE_DIGITS)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < FILE_DIGITS; i++) {
        char digit = name[digits_at + i];
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (uint64_t)(digit - '0');
    }
    const char *suffix = name + digits_at + FILE_DIGITS;
    if (number == 0 || number > UINT32_MAX)
        return false;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(suffix, suffixes[i]) == 0) {
            *kind = (enum kms_trail_file_kind)i;
            *file = (uint32_t)number;
            return true;
        }
    }
    return false;
}

/* --- hashing ---------------------------------------------------------------------------------- */

/* Appends the hash of what follows `from` in the buffer, chained to *chain, which it becomes. The
 * link before stands last, so that one contiguous piece is hashed; its length is fixed. */
static enum kms_err chain_tail(struct kms_buf *out, size_t from, struct kms_trail_hash *chain)
{
    size_t end = out->len;
    kms_buf_append(out, chain->bytes, sizeof(chain->bytes));
    if (out->err != KMS_OK)
        return out->err;
    enum kms_err err = kms_sha256(kms_bytes(out->data + from, out->len - from), chain->bytes);
    kms_buf_truncate(out, end);
    return err;
}

static enum kms_err hash_line(struct kms_str line, struct kms_trail_hash *out)
{
    return kms_sha256(kms_bytes(line.data, line.len), out->bytes);
}

/* --- a reader of fixed forms ------------------------------------------------------------------ */

/* What is left of a line, and whether everything so far was as expected. */
struct cursor {
    struct kms_str left;
    bool ok;
};

static struct kms_str take(struct cursor *in, size_t len)
{
    struct kms_str taken = {in->left.data, len};
    if (!in->ok || in->left.len < len) {
        in->ok = false;
        return (struct kms_str){"", 0};
    }
    in->left.data += len;
    in->left.len -= len;
    return taken;
}

static void expect(struct cursor *in, const char *text)
{
    size_t len = strlen(text);
    struct kms_str taken = take(in, len);
    in->ok = in->ok && memcmp(taken.data, text, len) == 0;
}

/* A decimal number without leading zeros. */
static uint64_t take_number(struct cursor *in, uint64_t max)
{
    uint64_t number = 0;
    size_t len = 0;
    while (len < in->left.len && in->left.data[len] >= '0' && in->left.data[len] <= '9') {
        uint64_t digit = (uint64_t)(in->left.data[len] - '0');
        if (number > (max - digit) / 10) {
            in->ok = false;
            return 0;
        }
        number = number * 10 + digit;
        len++;
    }
    in->ok = in->ok && len != 0 && (len == 1 || in->left.data[0] != '0');
    (void)take(in, len);
    return number;
}

static void take_hash(struct cursor *in, struct kms_trail_hash *out)
{
    struct kms_str hex = take(in, HEX_LEN);
    for (size_t i = 0; in->ok && i < HEX_LEN; i++)
        in->ok = (hex.data[i] >= '0' && hex.data[i] <= '9') ||
                 (hex.data[i] >= 'a' && hex.data[i] <= 'f'); /* one form only */
    in->ok = in->ok && kms_hex_decode(hex, out->bytes) == KMS_OK;
}

/* RFC 3339 knows several forms of one time ("t" for "T"); a line has the one that is written. */
static int64_t take_time(struct cursor *in)
{
    int64_t time_ms = 0;
    char written[KMS_TIME_RFC3339_SIZE];
    struct kms_str text = take(in, KMS_TIME_RFC3339_SIZE - 1);
    in->ok = in->ok && kms_time_parse_rfc3339(text, &time_ms) == KMS_OK && time_ms >= 0;
    if (in->ok) {
        kms_time_format_rfc3339(time_ms, written);
        in->ok = memcmp(text.data, written, text.len) == 0;
    }
    return time_ms;
}

static void append_hash(struct kms_buf *out, const struct kms_trail_hash *hash)
{
    kms_hex_append(out, kms_bytes(hash->bytes, sizeof(hash->bytes)));
}

static void append_time(struct kms_buf *out, int64_t time_ms)
{
    char text[KMS_TIME_RFC3339_SIZE];
    kms_time_format_rfc3339(time_ms, text);
    kms_buf_append(out, text, sizeof(text) - 1);
}

static void append_number(struct kms_buf *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    kms_buf_append(out, digits + at, sizeof(digits) - at);
}

/* --- the first line of a file ----------------------------------------------------------------- */

enum kms_err kms_trail_header_append(
    struct kms_buf *out, const struct kms_trail_header *header, struct kms_trail_hash *hash)
{
    size_t from = out->len;
    kms_buf_append_text(out, "{\"trail\":1,\"file\":");
    append_number(out, header->file);
    kms_buf_append_text(out, ",\"first\":");
    append_number(out, header->first);
    kms_buf_append_text(out, ",\"opened\":\"");
    append_time(out, header->opened_ms);
    kms_buf_append_text(out, "\",\"previous\":\"");
    append_hash(out, &header->previous);
    kms_buf_append_text(out, "\"}");
    if (out->err != KMS_OK)
        return out->err;
    enum kms_err err =
        hash_line((struct kms_str){(const char *)out->data + from, out->len - from}, hash);
    kms_buf_append_u8(out, '\n');
    return err != KMS_OK ? err : out->err;
}

enum kms_err kms_trail_header_parse(
    struct kms_str line, struct kms_trail_header *out, struct kms_trail_hash *hash)
{
    struct cursor in = {line, true};
    struct kms_trail_header header;
    expect(&in, "{\"trail\":1,\"file\":");
    header.file = (uint32_t)take_number(&in, UINT32_MAX);
    expect(&in, ",\"first\":");
    header.first = take_number(&in, UINT64_MAX / 2);
    expect(&in, ",\"opened\":\"");
    header.opened_ms = take_time(&in);
    expect(&in, "\",\"previous\":\"");
    take_hash(&in, &header.previous);
    expect(&in, "\"}");
    if (!in.ok || in.left.len != 0 || header.file == 0 || header.first == 0)
        return KMS_ERR_SYNTAX;
    enum kms_err err = hash_line(line, hash);
    if (err == KMS_OK)
        *out = header;
    return err;
}

/* --- records ---------------------------------------------------------------------------------- */

#define SEAL_NUMBER  ",\"trail\":{\"number\":"
#define SEAL_WRITTEN ",\"written\":\""
#define SEAL_HASH    "\",\"hash\":\""
#define SEAL_END     "\"}}"

enum {
    SEAL_TAIL_LEN = sizeof(SEAL_HASH) - 1 + HEX_LEN + sizeof(SEAL_END) - 1,
    SEAL_MAX = sizeof(SEAL_NUMBER) - 1 + 20 + sizeof(SEAL_WRITTEN) - 1 + KMS_TIME_RFC3339_SIZE +
               SEAL_TAIL_LEN + 1,
};
_Static_assert(SEAL_MAX <= KMS_TRAIL_SEAL_MAX, "the seal fits into what is set aside for it");

enum kms_err kms_trail_record_append(struct kms_buf *out, struct kms_str record, uint64_t number,
    int64_t written_ms, struct kms_trail_hash *chain)
{
    size_t from = out->len;
    struct kms_trail_hash hash = *chain;
    if (record.len < 2 || record.len > KMS_TRAIL_RECORD_MAX || record.data[record.len - 1] != '}')
        return KMS_ERR_INVALID_ARGUMENT;
    kms_buf_append(out, record.data, record.len - 1);
    kms_buf_append(out, SEAL_NUMBER, sizeof(SEAL_NUMBER) - 1);
    append_number(out, number);
    kms_buf_append(out, SEAL_WRITTEN, sizeof(SEAL_WRITTEN) - 1);
    append_time(out, written_ms);
    enum kms_err err = out->err == KMS_OK ? chain_tail(out, from, &hash) : out->err;
    kms_buf_append(out, SEAL_HASH, sizeof(SEAL_HASH) - 1);
    append_hash(out, &hash);
    kms_buf_append(out, SEAL_END "\n", sizeof(SEAL_END));
    if (err == KMS_OK)
        err = out->err;
    if (err != KMS_OK) {
        kms_buf_truncate(out, from);
        return err;
    }
    *chain = hash;
    return KMS_OK;
}

/* Where the seal begins; line.len: nowhere. All of it but the number has a fixed length. */
static size_t find_seal(struct kms_str line)
{
    enum { DIGITS_MAX = 20 };
    static const size_t len = sizeof(SEAL_NUMBER) - 1;
    static const size_t fixed = sizeof(SEAL_NUMBER) - 1 + sizeof(SEAL_WRITTEN) - 1 +
                                KMS_TIME_RFC3339_SIZE - 1 + SEAL_TAIL_LEN;
    for (size_t digits = 1; digits <= DIGITS_MAX && fixed + digits < line.len; digits++) {
        size_t at = line.len - fixed - digits;
        if (memcmp(line.data + at, SEAL_NUMBER, len) == 0)
            return at;
    }
    return line.len;
}

enum kms_err kms_trail_record_parse(
    struct kms_str line, struct kms_trail_seal *seal, struct kms_str *record)
{
    if (line.len > KMS_TRAIL_LINE_MAX)
        return KMS_ERR_SYNTAX;
    size_t at = find_seal(line);
    struct cursor in = {{line.data + at, line.len - at}, at < line.len};
    struct kms_trail_seal found;
    expect(&in, SEAL_NUMBER);
    found.number = take_number(&in, UINT64_MAX / 2);
    expect(&in, SEAL_WRITTEN);
    found.written_ms = take_time(&in);
    expect(&in, SEAL_HASH);
    take_hash(&in, &found.hash);
    expect(&in, SEAL_END);
    if (!in.ok || in.left.len != 0 || found.number == 0 || line.data[0] != '{')
        return KMS_ERR_SYNTAX;
    *seal = found;
    *record = (struct kms_str){line.data, at};
    return KMS_OK;
}

enum kms_err kms_trail_record_hash(
    struct kms_str line, const struct kms_trail_hash *previous, struct kms_trail_hash *out)
{
    if (line.len < SEAL_TAIL_LEN)
        return KMS_ERR_SYNTAX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        return KMS_ERR_NO_MEMORY;
    bool ok = EVP_DigestInit_ex2(context, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, line.data, line.len - SEAL_TAIL_LEN) == 1 &&
              EVP_DigestUpdate(context, previous->bytes, sizeof(previous->bytes)) == 1 &&
              EVP_DigestFinal_ex(context, out->bytes, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok ? KMS_OK : KMS_ERR_CRYPTO;
}

/* --- digests ---------------------------------------------------------------------------------- */

#define DIGEST_PURPOSE   "kmsd audit trail digest 1\n"
#define DIGEST_SIGNATURE ",\"signature\":\""

static void append_digest_body(struct kms_buf *out, const struct kms_trail_digest *digest)
{
    kms_buf_append_text(out, "{\"digest\":");
    append_number(out, digest->number);
    kms_buf_append_text(out, ",\"time\":\"");
    append_time(out, digest->time_ms);
    kms_buf_append_text(out, "\",\"file\":");
    append_number(out, digest->file);
    kms_buf_append_text(out, ",\"oldest\":");
    append_number(out, digest->oldest);
    kms_buf_append_text(out, ",\"first\":");
    append_number(out, digest->first);
    kms_buf_append_text(out, ",\"last\":");
    append_number(out, digest->last);
    kms_buf_append_text(out, ",\"bytes\":");
    append_number(out, digest->bytes);
    kms_buf_append_text(out, ",\"hash\":\"");
    append_hash(out, &digest->hash);
    kms_buf_append_text(out, "\",\"closed\":");
    kms_buf_append_text(out, digest->is_closed ? "true" : "false");
    kms_buf_append_text(out, ",\"previous\":\"");
    append_hash(out, &digest->previous);
    kms_buf_append_text(out, "\",\"key\":\"");
    kms_buf_append_text(out, digest->key_id);
    kms_buf_append_text(out, "\"");
}

void kms_trail_digest_signed_part(struct kms_buf *out, const struct kms_trail_digest *digest)
{
    kms_buf_append_text(out, DIGEST_PURPOSE);
    append_digest_body(out, digest);
}

enum kms_err kms_trail_digest_append(struct kms_buf *out, const struct kms_trail_digest *digest,
    struct kms_bytes signature, struct kms_trail_hash *hash)
{
    size_t from = out->len;
    append_digest_body(out, digest);
    kms_buf_append_text(out, DIGEST_SIGNATURE);
    kms_base64_append(out, signature);
    kms_buf_append_text(out, "\"}");
    if (out->err != KMS_OK)
        return out->err;
    enum kms_err err =
        hash_line((struct kms_str){(const char *)out->data + from, out->len - from}, hash);
    kms_buf_append_u8(out, '\n');
    return err != KMS_OK ? err : out->err;
}

static bool take_boolean(struct cursor *in)
{
    bool is_true = in->left.len != 0 && in->left.data[0] == 't';
    expect(in, is_true ? "true" : "false");
    return is_true;
}

static void take_key_id(struct cursor *in, char out[KMS_TRAIL_KEY_ID_LEN + 1])
{
    struct kms_str text = take(in, KMS_TRAIL_KEY_ID_LEN);
    uint8_t bytes[KMS_TRAIL_KEY_ID_LEN / 2];
    in->ok = in->ok && kms_hex_decode(text, bytes) == KMS_OK;
    if (in->ok)
        kms_hex_encode(kms_bytes(bytes, sizeof(bytes)), out); /* lower case, or it differs below */
    in->ok = in->ok && memcmp(out, text.data, text.len) == 0;
}

static void take_signature(struct cursor *in, uint8_t *out, size_t *len)
{
    const char *end = in->left.len == 0 ? NULL : memchr(in->left.data, '"', in->left.len);
    size_t text_len = end == NULL ? 0 : (size_t)(end - in->left.data);
    struct kms_str text = take(in, text_len);
    in->ok = in->ok && text_len != 0 &&
             kms_base64_decoded_max(text_len) <= KMS_TRAIL_SIGNATURE_MAX &&
             kms_base64_decode(text, out, len) == KMS_OK;
}

enum kms_err kms_trail_digest_parse(struct kms_str line, struct kms_trail_digest *out,
    uint8_t *signature, size_t *signature_len, struct kms_trail_hash *hash)
{
    struct cursor in = {line, line.len <= KMS_TRAIL_DIGEST_MAX};
    struct kms_trail_digest digest;
    expect(&in, "{\"digest\":");
    digest.number = take_number(&in, UINT64_MAX / 2);
    expect(&in, ",\"time\":\"");
    digest.time_ms = take_time(&in);
    expect(&in, "\",\"file\":");
    digest.file = (uint32_t)take_number(&in, UINT32_MAX);
    expect(&in, ",\"oldest\":");
    digest.oldest = (uint32_t)take_number(&in, UINT32_MAX);
    expect(&in, ",\"first\":");
    digest.first = take_number(&in, UINT64_MAX / 2);
    expect(&in, ",\"last\":");
    digest.last = take_number(&in, UINT64_MAX / 2);
    expect(&in, ",\"bytes\":");
    digest.bytes = take_number(&in, UINT64_MAX / 2);
    expect(&in, ",\"hash\":\"");
    take_hash(&in, &digest.hash);
    expect(&in, "\",\"closed\":");
    digest.is_closed = take_boolean(&in);
    expect(&in, ",\"previous\":\"");
    take_hash(&in, &digest.previous);
    expect(&in, "\",\"key\":\"");
    take_key_id(&in, digest.key_id);
    expect(&in, "\"" DIGEST_SIGNATURE);
    take_signature(&in, signature, signature_len);
    expect(&in, "\"}");
    if (!in.ok || in.left.len != 0 || digest.number == 0 || digest.file == 0 || digest.oldest == 0)
        return KMS_ERR_SYNTAX;
    enum kms_err err = hash_line(line, hash);
    if (err == KMS_OK)
        *out = digest;
    return err;
}
