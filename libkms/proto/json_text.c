/* Reading text that is known to be JSON. */
#include "libkms/proto/json_text.h"

#include "libkms/base/encoding.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static void skip_space(struct kms_json_place *place)
{
    while (*place->at == ' ' || *place->at == '\n' || *place->at == '\r' || *place->at == '\t')
        place->at++;
}

enum kms_json_kind kms_json_next(struct kms_json_place *place)
{
    skip_space(place);
    switch (*place->at) {
    case '{':
        return KMS_JSON_OBJECT;
    case '[':
        return KMS_JSON_LIST;
    case '"':
        return KMS_JSON_STRING;
    case 't':
        return KMS_JSON_TRUE;
    case 'f':
        return KMS_JSON_FALSE;
    case 'n':
        return KMS_JSON_NULL;
    default:
        return KMS_JSON_NUMBER;
    }
}

void kms_json_enter(struct kms_json_place *place)
{
    skip_space(place);
    place->at++;
}

bool kms_json_more(struct kms_json_place *place)
{
    skip_space(place);
    bool ends = *place->at == '}' || *place->at == ']';
    if (ends || *place->at == ',')
        place->at++;
    return !ends;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The quote that ends a string; what is escaped may be one too. */
static const char *end_of_escaped(const char *at)
{
    for (; *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at;
}

struct kms_json_string kms_json_string(struct kms_json_place *place)
{
    struct kms_json_string string = {.has_escapes = false};
    skip_space(place);
    const char *begin = ++place->at;
    const char *end = rawmemchr(begin, '"'); /* it is JSON: there is one */
    if (memchr(begin, '\\', (size_t)(end - begin)) != NULL) {
        string.has_escapes = true;
        end = end_of_escaped(begin);
    }
    string.raw = (struct kms_str){begin, (size_t)(end - begin)};
    place->at = end + 1;
    return string;
}

struct kms_json_string kms_json_name(struct kms_json_place *place)
{
    struct kms_json_string name = kms_json_string(place);
    skip_space(place);
    place->at++; /* the colon */
    return name;
}

static uint32_t code_unit(const char *digits)
{
    uint8_t octets[2] = {0};
    (void)!kms_hex_decode((struct kms_str){digits, 4}, octets);
    return (uint32_t)octets[0] << 8 | octets[1];
}

static size_t put_utf8(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(marks[len] | point);
    return len;
}

/* One "\uXXXX", or two that are one point; *at is behind the first u. */
static size_t unescape_point(const char **at, char *out)
{
    uint32_t point = code_unit(*at);
    *at += 4;
    if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (code_unit(*at + 2) - 0xdc00);
        *at += 6;
    }
    return put_utf8(point, out);
}

size_t kms_json_unescape(struct kms_json_string string, char *out)
{
    static const char meaning[] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const char *at = string.raw.data;
    const char *end = at + string.raw.len;
    char *to = out;
    if (!string.has_escapes) {
        memcpy(out, at, string.raw.len);
        return string.raw.len;
    }
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        char kind = at[1];
        at += 2;
        if (kind == 'u')
            to += unescape_point(&at, to);
        else
            *to++ = kind == '"' || kind == '\\' || kind == '/' ? kind : meaning[(uint8_t)kind];
    }
    return (size_t)(to - out);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool is_scalar_end(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The scalar that comes next, a string excepted. */
static struct kms_str take_scalar(struct kms_json_place *place)
{
    skip_space(place);
    const char *begin = place->at;
    while (!is_scalar_end(*place->at))
        place->at++;
    return (struct kms_str){begin, (size_t)(place->at - begin)};
}

static bool read_integer(struct kms_str digits, int64_t *out)
{
    bool is_negative = digits.data[0] == '-';
    int64_t value = 0;
    for (size_t i = is_negative ? 1 : 0; i < digits.len; i++) {
        int digit = digits.data[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards, where there is one more */
            return false;
    }
    if (!is_negative && value == INT64_MIN)
        return false;
    *out = is_negative ? value : -value;
    return true;
}

/* strtod asks the locale what a decimal point is; JSON has its own. */
static bool read_real(struct kms_str text, double *out)
{
    char copy[KMS_JSON_REAL_MAX + 1] = {0};
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    bool fits = text.len < sizeof(copy);
    if (fits) {
        memcpy(copy, text.data, text.len);
        *out = strtod_l(copy, NULL, plain);
    }
    freelocale(plain);
    return fits && isfinite(*out);
}

enum kms_err kms_json_number(struct kms_json_place *place, struct kms_json_number *out)
{
    struct kms_str text = take_scalar(place);
    struct kms_json_number number = {.is_integer = true};
    for (size_t i = 0; i < text.len && number.is_integer; i++)
        number.is_integer = text.data[i] == '-' || (text.data[i] >= '0' && text.data[i] <= '9');
    bool fits =
        number.is_integer ? read_integer(text, &number.integer) : read_real(text, &number.real);
    if (!fits)
        return KMS_ERR_SYNTAX;
    *out = number;
    return KMS_OK;
}

/* --- going past ------------------------------------------------------------------------------- */

void kms_json_skip(struct kms_json_place *place)
{
    size_t depth = 0;
    do {
        switch (kms_json_next(place)) {
        case KMS_JSON_OBJECT:
        case KMS_JSON_LIST:
            depth++;
            place->at++;
            break;
        case KMS_JSON_STRING:
            (void)kms_json_string(place);
            break;
        default:
            (void)take_scalar(place);
            break;
        }
        for (;;) { /* what stands between two values */
            skip_space(place);
            if (depth == 0 ||
                (*place->at != ',' && *place->at != ':' && *place->at != '}' && *place->at != ']'))
                break;
            depth -= *place->at == '}' || *place->at == ']';
            place->at++;
        }
    } while (depth > 0);
}

size_t kms_json_count(struct kms_json_place place)
{
    size_t count = 0;
    bool is_object = kms_json_next(&place) == KMS_JSON_OBJECT;
    kms_json_enter(&place);
    while (kms_json_more(&place)) {
        if (is_object)
            (void)kms_json_name(&place);
        kms_json_skip(&place);
        count++;
    }
    return count;
}
