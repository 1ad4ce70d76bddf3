/* Text encodings: base64 (RFC 4648 section 4), lower-case hexadecimal, UTF-8 (RFC 3629). */
#ifndef KMS_BASE_ENCODING_H
#define KMS_BASE_ENCODING_H

#include "libkms/base/buf.h"

/* Characters that len bytes take in padded base64. */
static inline size_t kms_base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}

/* Upper bound of the bytes that len characters of base64 give. */
static inline size_t kms_base64_decoded_max(size_t len)
{
    return len / 4 * 3 + 3;
}

/* Appends padded base64. */
void kms_base64_append(struct kms_buf *buf, struct kms_bytes bytes);

/* Writes padded base64, kms_base64_encoded_len(bytes.len) characters and no NUL, to out. */
void kms_base64_encode(struct kms_bytes bytes, char *out);

/* Decodes strictly: standard alphabet, padding required, no white space, unused bits zero. out
 * holds at least kms_base64_decoded_max(text.len) bytes and may be where the text is.
 * KMS_ERR_SYNTAX leaves *len untouched; what is in out then means nothing. */
KMS_MUST_USE enum kms_err kms_base64_decode(struct kms_str text, uint8_t *out, size_t *len);

/* Writes 2 * bytes.len characters and a NUL to out. */
void kms_hex_encode(struct kms_bytes bytes, char *out);
void kms_hex_append(struct kms_buf *buf, struct kms_bytes bytes);

/* Decodes either case; out holds text.len / 2 bytes. KMS_ERR_SYNTAX: odd length or other letters.
 */
KMS_MUST_USE enum kms_err kms_hex_decode(struct kms_str text, uint8_t *out);

/* How many of eight octets, from the first on, stand between the quotes of a JSON string as they are: no
 * quote, no backslash, no control character, ASCII. Octets after the first that does not are not looked at. */
static inline size_t kms_octets_plain(const char *at)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    /* a borrow or a carry goes to later octets only, and only from one that is a hit itself */
    uint64_t quote = word ^ ones * '"';
    uint64_t backslash = word ^ ones * '\\';
    uint64_t hits =
        ((word - ones * 0x20) | (quote - ones) | (backslash - ones) | (word + ones) | word) &
        ones * 0x80;
    return hits == 0 ? sizeof(word) : (size_t)__builtin_ctzll(hits) / 8;
}

/* The same for all of a text: the number of octets before the first that is not plain. */
size_t kms_json_plain_len(struct kms_str text);

/* Whether two texts are one but for the case of ASCII letters: names of headers. */
KMS_MUST_USE bool kms_ascii_eq_len(const char *a, const char *b, size_t len);
static inline bool kms_ascii_eq(struct kms_str a, struct kms_str b)
{
    if (a.len != b.len || a.len == 0)
        return a.len == b.len;
    /* most are told apart by their first letters, whatever their case */
    return ((a.data[0] ^ b.data[0]) & ~('a' ^ 'A')) == 0 && kms_ascii_eq_len(a.data, b.data, a.len);
}

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing past U+10FFFF. */
KMS_MUST_USE bool kms_utf8_valid(struct kms_str text);

/* Number of UTF-16 code units of well-formed UTF-8: how the API counts the length of a string. */
size_t kms_utf8_utf16_units(struct kms_str text);

/* The next code point at *offset, which is moved past it; text is well-formed. */
uint32_t kms_utf8_next(struct kms_str text, size_t *offset);

#endif
