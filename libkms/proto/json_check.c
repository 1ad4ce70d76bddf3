/* Whether text is JSON. One pass, no allocation, no recursion. */
#include "libkms/base/encoding.h"
#include "libkms/proto/codec_impl.h"
#include "libkms/proto/json_text.h"

struct check {
    const char *at;
    const char *end;
    size_t depth;
    size_t values;
    char closing[KMS_CODEC_MAX_DEPTH + 1]; /* of the object or list at that depth */
    uint32_t items[KMS_CODEC_MAX_DEPTH + 1];
};

static void skip_space(struct check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\n' || *check->at == '\r' || *check->at == '\t'))
        check->at++;
}

/* Takes that character if it is the next, after white space. */
static bool take(struct check *check, char wanted)
{
    skip_space(check);
    if (check->at == check->end || *check->at != wanted)
        return false;
    check->at++;
    return true;
}

static bool take_word(struct check *check, const char *word, size_t len)
{
    if ((size_t)(check->end - check->at) < len || memcmp(check->at, word, len) != 0)
        return false;
    check->at += len;
    return true;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool take_digits(struct check *check)
{
    const char *begin = check->at;
    while (check->at < check->end && *check->at >= '0' && *check->at <= '9')
        check->at++;
    return check->at != begin;
}

static bool next_is(const struct check *check, char a, char b)
{
    return check->at < check->end && (*check->at == a || *check->at == b);
}

static bool take_number(struct check *check)
{
    if (next_is(check, '-', '-'))
        check->at++;
    if (next_is(check, '0', '0'))
        check->at++; /* nothing but a point or an exponent may follow */
    else if (!take_digits(check))
        return false;
    if (next_is(check, '.', '.')) {
        check->at++;
        if (!take_digits(check))
            return false;
    }
    if (next_is(check, 'e', 'E')) {
        check->at++;
        if (next_is(check, '+', '-'))
            check->at++;
        if (!take_digits(check))
            return false;
    }
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

/* The code unit of "\uXXXX", from the first X on, or -1. */
static int32_t code_unit(struct check *check)
{
    uint8_t octets[2];
    if (check->end - check->at < 4 ||
        kms_hex_decode((struct kms_str){check->at, 4}, octets) != KMS_OK)
        return -1;
    check->at += 4;
    return octets[0] << 8 | octets[1];
}

/* What follows a backslash. */
static bool take_escape(struct check *check, bool is_name)
{
    if (check->at == check->end)
        return false;
    char kind = *check->at++;
    if (kind != 'u')
        return memchr("\"\\/bfnrt", kind, 8) != NULL;
    int32_t unit = code_unit(check);
    if (unit < 0 || (unit == 0 && is_name) || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    if (!take_word(check, "\\u", 2))
        return false;
    unit = code_unit(check);
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* After the opening quote. */
static bool take_string(struct check *check, bool is_name)
{
    const char *begin = check->at;
    bool is_ascii = true;
    for (;;) {
        check->at +=
            kms_json_plain_len((struct kms_str){check->at, (size_t)(check->end - check->at)});
        if (check->at == check->end)
            return false;
        unsigned char c = (unsigned char)*check->at++;
        if (c == '"')
            break;
        if (c < 0x20 || (c == '\\' && !take_escape(check, is_name)))
            return false;
        is_ascii = is_ascii && c < 0x80;
    }
    return is_ascii || kms_utf8_valid((struct kms_str){begin, (size_t)(check->at - begin)});
}

/* --- objects and lists ------------------------------------------------------------------------ */

static bool take_name(struct check *check)
{
    return take(check, '"') && take_string(check, true) && take(check, ':');
}

/* After the opening bracket, which may be followed by the closing one. */
static enum kms_err open_container(struct check *check, char closing)
{
    if (check->depth == KMS_CODEC_MAX_DEPTH)
        return KMS_ERR_TOO_DEEP;
    check->depth++;
    check->closing[check->depth] = closing;
    check->items[check->depth] = 1;
    return ++check->values > KMS_CODEC_MAX_VALUES ? KMS_ERR_LIMIT : KMS_OK;
}

static enum kms_err next_item(struct check *check)
{
    if (++check->items[check->depth] > KMS_CODEC_MAX_ITEMS ||
        ++check->values > KMS_CODEC_MAX_VALUES)
        return KMS_ERR_LIMIT;
    return KMS_OK;
}

/* Goes from the end of a value to where the next one begins, or to the end of it all: *ended. */
static enum kms_err after_value(struct check *check, bool *ended)
{
    while (check->depth > 0) {
        if (take(check, ',')) {
            enum kms_err err = next_item(check);
            if (err == KMS_OK && check->closing[check->depth] == '}' && !take_name(check))
                err = KMS_ERR_SYNTAX;
            return err;
        }
        if (!take(check, check->closing[check->depth]))
            return KMS_ERR_SYNTAX;
        check->depth--;
    }
    skip_space(check);
    *ended = true;
    return check->at == check->end ? KMS_OK : KMS_ERR_SYNTAX;
}

static bool take_scalar(struct check *check)
{
    if (check->at == check->end)
        return false;
    switch (*check->at) {
    case '"':
        check->at++;
        return take_string(check, false);
    case 't':
        return take_word(check, "true", 4);
    case 'f':
        return take_word(check, "false", 5);
    case 'n':
        return take_word(check, "null", 4);
    default:
        return take_number(check);
    }
}

enum kms_err kms_json_check(struct kms_str text)
{
    struct check check = {.at = text.data, .end = text.data + text.len};
    bool ended = false;
    enum kms_err err = KMS_OK;
    while (err == KMS_OK && !ended) {
        bool is_object = take(&check, '{');
        if (is_object || take(&check, '[')) {
            err = open_container(&check, is_object ? '}' : ']');
            if (err != KMS_OK)
                break;
            if (!take(&check, check.closing[check.depth])) {
                if (is_object && !take_name(&check))
                    err = KMS_ERR_SYNTAX;
                continue; /* with the first value */
            }
            check.depth--;
        } else if (check.depth == 0 || !take_scalar(&check)) {
            return KMS_ERR_SYNTAX;
        }
        err = after_value(&check, &ended);
    }
    return err;
}
