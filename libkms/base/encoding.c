#include "libkms/base/encoding.h"

/*
 * The tables are our own rather than EVP_EncodeBlock and EVP_DecodeBlock: those write a NUL, count
 * in int, skip white space, and do not tell how much padding there was, so that every call needs a
 * second pass over the text to be strict.
 */
static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define HEX_ROW(high)                                                                              \
    high "0" high "1" high "2" high "3" high "4" high "5" high "6" high "7" high "8" high "9" high \
         "a" high "b" high "c" high "d" high "e" high "f"

/* Two digits for each octet. */
static const char hex_pairs[] = HEX_ROW("0") HEX_ROW("1") HEX_ROW("2") HEX_ROW("3") HEX_ROW("4")
    HEX_ROW("5") HEX_ROW("6") HEX_ROW("7") HEX_ROW("8") HEX_ROW("9") HEX_ROW("a") HEX_ROW("b")
        HEX_ROW("c") HEX_ROW("d") HEX_ROW("e") HEX_ROW("f");

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

/* Eight letters from the first six of eight octets. */
static void encode_group_of_six(const uint8_t *in, char *out)
{
    uint64_t word;
    char letters[8];
    memcpy(&word, in, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    for (size_t i = 0; i < sizeof(letters); i++)
        letters[i] = base64_alphabet[word >> (58 - 6 * i) & 0x3f];
    memcpy(out, letters, sizeof(letters));
}

void kms_base64_encode(struct kms_bytes bytes, char *out)
{
    const uint8_t *in = bytes.data;
    size_t left = bytes.len;
    for (; left >= 8; left -= 6, in += 6, out += 8)
        encode_group_of_six(in, out);
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

static void encode_hex(struct kms_bytes bytes, char *out)
{
    for (size_t i = 0; i < bytes.len; i++)
        memcpy(out + 2 * i, hex_pairs + (size_t)2 * bytes.data[i], 2);
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

size_t kms_json_plain_len(struct kms_str text)
{
    size_t at = 0;
    if (text.len >= 8) {
        size_t plain = 8;
        for (; at + 8 < text.len && plain == 8; at += plain)
            plain = kms_octets_plain(text.data + at);
        if (plain < 8)
            return at;
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
