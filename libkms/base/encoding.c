#include "libkms/base/encoding.h"

/*
 * The tables are our own rather than EVP_EncodeBlock and EVP_DecodeBlock: those write a NUL, count
 * in int, skip white space, and do not tell how much padding there was, so that every call needs a
 * second pass over the text to be strict.
 */
static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Marks a letter of the alphabet, so that what is not listed (zero) is none. */
enum { LETTER = 0x80 };

#define ROW4(a, b, c, d, first)                                                               \
    [(a)] = LETTER | (first), [(b)] = LETTER | ((first) + 1), [(c)] = LETTER | ((first) + 2), \
    [(d)] = LETTER | ((first) + 3)

static const uint8_t base64_values[256] = {
    ROW4('A', 'B', 'C', 'D', 0),
    ROW4('E', 'F', 'G', 'H', 4),
    ROW4('I', 'J', 'K', 'L', 8),
    ROW4('M', 'N', 'O', 'P', 12),
    ROW4('Q', 'R', 'S', 'T', 16),
    ROW4('U', 'V', 'W', 'X', 20),
    ROW4('Y', 'Z', 'a', 'b', 24),
    ROW4('c', 'd', 'e', 'f', 28),
    ROW4('g', 'h', 'i', 'j', 32),
    ROW4('k', 'l', 'm', 'n', 36),
    ROW4('o', 'p', 'q', 'r', 40),
    ROW4('s', 't', 'u', 'v', 44),
    ROW4('w', 'x', 'y', 'z', 48),
    ROW4('0', '1', '2', '3', 52),
    ROW4('4', '5', '6', '7', 56),
    ROW4('8', '9', '+', '/', 60),
};

static const uint8_t hex_values[256] = {
    ROW4('0', '1', '2', '3', 0),
    ROW4('4', '5', '6', '7', 4),
    ['8'] = LETTER | 8,
    ['9'] = LETTER | 9,
    ROW4('a', 'b', 'c', 'd', 10),
    ['e'] = LETTER | 14,
    ['f'] = LETTER | 15,
    ROW4('A', 'B', 'C', 'D', 10),
    ['E'] = LETTER | 14,
    ['F'] = LETTER | 15,
};

static const uint64_t ones = UINT64_C(0x0101010101010101);

/* Of eight octets below 128: one in each that is not below the limit. */
static inline uint64_t not_below(uint64_t octets, uint64_t limit)
{
    return (octets + ones * (0x80 - limit)) >> 7 & ones;
}

static inline uint64_t load(const void *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The lowest octet comes first. */
static inline void store(char *at, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(at, &word, sizeof(word));
}

/* The eight groups of six bits in the first six of eight octets, the first one lowest. */
static inline uint64_t spread_six(const uint8_t *in)
{
    uint64_t bits = __builtin_bswap64(load(in)) >> 16;
    uint64_t groups = bits >> 24 | (bits & 0xffffff) << 32; /* four in each half */
    groups = (groups >> 12 & UINT64_C(0x00000fff00000fff)) | (groups & UINT64_C(0x00000fff00000fff))
                                                                 << 16;
    return (groups >> 6 & UINT64_C(0x003f003f003f003f)) | (groups & UINT64_C(0x003f003f003f003f))
                                                              << 8;
}

typedef int8_t letters_16 __attribute__((vector_size(16)));

enum { TWELVE_READS = 14 }; /* octets, the last two to no purpose */

/* Sixteen letters from twelve octets. */
static void encode_twelve(const uint8_t *in, char *out)
{
    letters_16 letters;
    store((char *)&letters, spread_six(in));
    store((char *)&letters + 8, spread_six(in + 6));
    /* from 'A' on, from 'a' on, from '0' on, '+', '/' */
    letters += 'A' + ((letters > 25) & ('a' - 26 - 'A')) +
               ((letters > 51) & ('0' - 52 - 'a' + 26)) + ((letters > 61) & ('+' - 62 - '0' + 52)) +
               ((letters > 62) & ('/' - 63 - '+' + 62));
    memcpy(out, &letters, sizeof(letters));
}

void kms_base64_encode(struct kms_bytes bytes, char *out)
{
    const uint8_t *in = bytes.data;
    size_t left = bytes.len;
    for (; left >= TWELVE_READS; left -= 12, in += 12, out += 16)
        encode_twelve(in, out);
    for (; left >= 3; left -= 3, in += 3, out += 4) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        out[0] = base64_alphabet[group >> 18];
        out[1] = base64_alphabet[group >> 12 & 0x3f];
        out[2] = base64_alphabet[group >> 6 & 0x3f];
        out[3] = base64_alphabet[group & 0x3f];
    }
    if (left == 0)
        return;
    uint32_t group = (uint32_t)in[0] << 16 | (left == 2 ? (uint32_t)in[1] << 8 : 0);
    out[0] = base64_alphabet[group >> 18];
    out[1] = base64_alphabet[group >> 12 & 0x3f];
    out[2] = (char)(left == 2 ? base64_alphabet[group >> 6 & 0x3f] : '=');
    out[3] = '=';
}

void kms_base64_append(struct kms_buf *buf, struct kms_bytes bytes)
{
    if (bytes.len == 0)
        return;
    /* A length that would overflow the sum cannot be stored either. */
    size_t encoded_len = bytes.len > SIZE_MAX / 2 ? SIZE_MAX : kms_base64_encoded_len(bytes.len);
    uint8_t *at = kms_buf_extend(buf, encoded_len);
    if (at != NULL)
        kms_base64_encode(bytes, (char *)at);
}

/* Decodes the last group, "xx==", "xxx=" or "xxxx". RFC 4648 section 3.5 lets a decoder refuse bits
 * that should be zero; refusing makes the encoding of a value unique. */
static enum kms_err decode_last(const uint8_t *in, uint8_t *out, size_t *len)
{
    size_t padding = in[3] != '=' ? 0 : in[2] != '=' ? 1 : 2;
    uint8_t c = padding < 2 ? base64_values[in[2]] : LETTER;
    uint8_t d = padding < 1 ? base64_values[in[3]] : LETTER;
    uint8_t a = base64_values[in[0]];
    uint8_t b = base64_values[in[1]];
    if ((a & b & c & d & LETTER) == 0)
        return KMS_ERR_SYNTAX;
    if ((padding == 1 && (c & 0x03) != 0) || (padding == 2 && (b & 0x0f) != 0))
        return KMS_ERR_SYNTAX;
    uint32_t group = (a & 0x3fU) << 18 | (b & 0x3fU) << 12 | (c & 0x3fU) << 6 | (d & 0x3fU);
    out[0] = (uint8_t)(group >> 16);
    if (padding < 2)
        out[1] = (uint8_t)(group >> 8);
    if (padding < 1)
        out[2] = (uint8_t)group;
    *len = 3 - padding;
    return KMS_OK;
}

enum kms_err kms_base64_decode(struct kms_str text, uint8_t *out, size_t *len)
{
    if (text.len % 4 != 0)
        return KMS_ERR_SYNTAX;
    if (text.len == 0) {
        *len = 0;
        return KMS_OK;
    }
    const uint8_t *in = (const uint8_t *)text.data;
    const uint8_t *last = in + text.len - 4;
    uint8_t *at = out;
    for (; in < last; in += 4, at += 3) {
        uint8_t a = base64_values[in[0]];
        uint8_t b = base64_values[in[1]];
        uint8_t c = base64_values[in[2]];
        uint8_t d = base64_values[in[3]];
        if ((a & b & c & d & LETTER) == 0)
            return KMS_ERR_SYNTAX;
        uint32_t group = (a & 0x3fU) << 18 | (b & 0x3fU) << 12 | (c & 0x3fU) << 6 | (d & 0x3fU);
        at[0] = (uint8_t)(group >> 16);
        at[1] = (uint8_t)(group >> 8);
        at[2] = (uint8_t)group;
    }
    size_t last_len = 0;
    enum kms_err err = decode_last(in, at, &last_len);
    if (err != KMS_OK)
        return err;
    *len = (size_t)(at - out) + last_len;
    return KMS_OK;
}

/* Two digits for each of four octets. */
static void encode_four(const uint8_t *in, char *out)
{
    uint32_t word;
    memcpy(&word, in, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    uint64_t halves = (uint64_t)word << 16 | word;
    halves &= UINT64_C(0x0000ffff0000ffff);
    halves = (halves << 8 | halves) & UINT64_C(0x00ff00ff00ff00ff);
    uint64_t digits = (halves >> 4 | halves << 8) & ones * 0x0f;
    store(out, digits + ones * '0' + not_below(digits, 10) * ('a' - 10 - '0'));
}

static void encode_hex(struct kms_bytes bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (; bytes.len - at >= 4; at += 4)
        encode_four(bytes.data + at, out + 2 * at);
    for (; at < bytes.len; at++) {
        out[2 * at] = digits[bytes.data[at] >> 4];
        out[2 * at + 1] = digits[bytes.data[at] & 0x0f];
    }
}

void kms_hex_encode(struct kms_bytes bytes, char *out)
{
    encode_hex(bytes, out);
    out[2 * bytes.len] = '\0';
}

void kms_hex_append(struct kms_buf *buf, struct kms_bytes bytes)
{
    if (bytes.len == 0)
        return;
    uint8_t *at = kms_buf_extend(buf, bytes.len > SIZE_MAX / 2 ? SIZE_MAX : 2 * bytes.len);
    if (at != NULL)
        encode_hex(bytes, (char *)at);
}

enum kms_err kms_hex_decode(struct kms_str text, uint8_t *out)
{
    const uint8_t *in = (const uint8_t *)text.data;
    uint8_t all = LETTER;
    for (size_t i = 0; i < text.len; i++)
        all &= hex_values[in[i]];
    if (text.len % 2 != 0 || (all & LETTER) == 0)
        return KMS_ERR_SYNTAX;
    for (size_t i = 0; i < text.len / 2; i++)
        out[i] = (uint8_t)(hex_values[in[2 * i]] << 4 | (hex_values[in[2 * i + 1]] & 0x0f));
    return KMS_OK;
}

typedef uint8_t octets_16 __attribute__((vector_size(16)));

static bool are_plain(const char *at)
{
    octets_16 octets;
    uint64_t hits[2];
    memcpy(&octets, at, sizeof(octets));
    __typeof__(octets < 0x20) found =
        (octets < 0x20) | (octets > 0x7e) | (octets == '"') | (octets == '\\');
    memcpy(hits, &found, sizeof(hits));
    return (hits[0] | hits[1]) == 0;
}

size_t kms_json_plain_len(struct kms_str text)
{
    size_t at = 0;
    while (text.len - at >= sizeof(octets_16) && are_plain(text.data + at))
        at += sizeof(octets_16);
    for (; text.len - at >= 8; at += 8) {
        size_t plain = kms_octets_plain(text.data + at);
        if (plain < 8)
            return at + plain;
    }
    if (text.len >= 8 && at < text.len) {
        at = text.len - 8; /* some of these were looked at before */
        return at + kms_octets_plain(text.data + at);
    }
    for (; at < text.len; at++) {
        unsigned char letter = (unsigned char)text.data[at];
        if (letter < 0x20 || letter > 0x7e || letter == '"' || letter == '\\')
            break;
    }
    return at;
}

/* --- names ------------------------------------------------------------------------------------ */

static inline uint64_t lower(uint64_t octets)
{
    uint64_t low = octets & ones * 0x7f;
    uint64_t is_upper = not_below(low, 'A') & ~not_below(low, 'Z' + 1) & ~(octets >> 7);
    return octets | (is_upper & ones) << 5;
}

static inline char lower_letter(char letter)
{
    return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

static inline bool are_same_letters(const char *a, const char *b)
{
    uint64_t left = load(a);
    uint64_t right = load(b);
    return left == right || lower(left) == lower(right);
}

bool kms_ascii_eq_len(const char *a, const char *b, size_t len)
{
    enum { STEP = sizeof(uint64_t) };
    if (len < STEP) {
        size_t at = 0;
        while (at < len && (a[at] == b[at] || lower_letter(a[at]) == lower_letter(b[at])))
            at++;
        return at == len;
    }
    for (size_t at = 0; at < len - STEP; at += STEP) {
        if (!are_same_letters(a + at, b + at))
            return false;
    }
    return are_same_letters(a + len - STEP, b + len - STEP); /* some of them once more */
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Length of the well-formed sequence at the start of in, 0 when there is none (RFC 3629 section 4:
 * the bounds of the second byte exclude overlong forms, surrogates and what is past U+10FFFF). */
static size_t sequence_len(const uint8_t *in, size_t left)
{
    uint8_t first = in[0];
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    size_t len = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (left < len)
        return 0;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (in[1] < low || in[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (!is_continuation(in[i]))
            return 0;
    }
    return len;
}

bool kms_utf8_valid(struct kms_str text)
{
    const uint8_t *in = (const uint8_t *)text.data;
    size_t at = 0;
    while (at < text.len) {
        uint64_t word;
        if (text.len - at >= sizeof(word)) { /* nearly all text is ASCII: eight at a time */
            memcpy(&word, in + at, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t len = sequence_len(in + at, text.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

size_t kms_utf8_utf16_units(struct kms_str text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        units += !is_continuation(byte); /* one for each code point */
        units += byte >= 0xf0;           /* and one more from U+10000 on */
    }
    return units;
}

uint32_t kms_utf8_next(struct kms_str text, size_t *offset)
{
    const uint8_t *in = (const uint8_t *)text.data + *offset;
    uint8_t first = in[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len > text.len - *offset) /* not well-formed after all: stay inside */
        len = 1;
    uint32_t point = len == 1 ? first : first & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (in[i] & 0x3fU);
    *offset += len;
    return point;
}
