#include "libkms/proto/pattern.h"

#include "libkms/base/encoding.h"

/* Character classes of the expressions, independent of any locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || is_upper(c);
}

/* What \s stands for. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What \w stands for. */
static bool is_word(char c)
{
    return is_alnum(c) || c == '_';
}

/* memchr, not strchr: a NUL in the text is not the end of the list. */
static bool is_one_of(char c, const char *list)
{
    return memchr(list, c, strlen(list)) != NULL;
}

static bool is_name(char c)
{
    return is_alnum(c) || is_one_of(c, ":/_-");
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_base32(char c)
{
    return is_upper(c) || (c >= '2' && c <= '7');
}

static bool is_base64(char c)
{
    return is_alnum(c) || is_one_of(c, "/+=");
}

static bool is_cluster_id(char c)
{
    return is_lower(c) || is_upper(c) || (c >= '2' && c <= '7');
}

static bool is_host(char c)
{
    return is_alnum(c) || is_one_of(c, ".-");
}

static bool is_material_description(char c)
{
    return is_name(c) || is_space(c) || c == '.';
}

static bool is_principal(char c)
{
    return is_word(c) || is_one_of(c, "+=,.@:/-");
}

static bool is_service_id(char c)
{
    return is_digit(c) || is_lower(c);
}

static bool is_xks_key_id(char c)
{
    return is_word(c) || is_one_of(c, "-.");
}

static bool is_xks_path(char c)
{
    return is_alnum(c) || is_one_of(c, "/_-");
}

/* How many characters from the start belong to the class. */
static size_t span(struct kms_str text, bool (*in_class)(char))
{
    size_t len = 0;
    while (len < text.len && in_class(text.data[len]))
        len++;
    return len;
}

static bool all(struct kms_str text, bool (*in_class)(char))
{
    return span(text, in_class) == text.len;
}

static bool some(struct kms_str text, bool (*in_class)(char))
{
    return text.len > 0 && all(text, in_class);
}

static struct kms_str after(struct kms_str text, size_t len)
{
    struct kms_str rest = {text.data + len, text.len - len};
    return rest;
}

/* Moves *text past a prefix, if it begins with it. */
static bool take(struct kms_str *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->data, prefix, len) != 0)
        return false;
    *text = after(*text, len);
    return true;
}

/* ([a-z]+-){2,3}\d+, moved past. */
static bool take_region(struct kms_str *text)
{
    struct kms_str rest = *text;
    size_t words = 0;
    for (size_t len; (len = span(rest, is_lower)) > 0; words++) {
        rest = after(rest, len);
        if (!take(&rest, "-"))
            return false;
    }
    size_t digits = span(rest, is_digit);
    if (words < 2 || words > 3 || digits == 0)
        return false;
    *text = after(rest, digits);
    return true;
}

/* Every code point within the range; the text is UTF-8. */
static bool within(struct kms_str text, uint32_t low, uint32_t high, const char *also)
{
    for (size_t at = 0; at < text.len;) {
        bool listed = is_one_of(text.data[at], also);
        uint32_t c = kms_utf8_next(text, &at);
        if (!listed && (c < low || c > high))
            return false;
    }
    return true;
}

bool kms_pattern_account_id(struct kms_str text)
{
    return text.len == 12 && all(text, is_digit);
}

bool kms_pattern_ascii(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] > 0x7f)
            return false;
    return text.len > 0;
}

bool kms_pattern_base32(struct kms_str text)
{
    return some(text, is_base32);
}

bool kms_pattern_base64_text(struct kms_str text)
{
    return some(text, is_base64);
}

bool kms_pattern_cluster_id(struct kms_str text)
{
    return take(&text, "cluster-") && text.len >= 11 && text.len <= 16 && all(text, is_cluster_id);
}

bool kms_pattern_hex(struct kms_str text)
{
    return some(text, is_hex);
}

bool kms_pattern_https_endpoint(struct kms_str text)
{
    return take(&text, "https://") && some(text, is_host);
}

bool kms_pattern_marker(struct kms_str text)
{
    return within(text, 0x20, 0xff, "");
}

bool kms_pattern_material_description(struct kms_str text)
{
    return some(text, is_material_description);
}

bool kms_pattern_name(struct kms_str text)
{
    return some(text, is_name);
}

bool kms_pattern_policy(struct kms_str text)
{
    return text.len > 0 && within(text, 0x20, 0xff, "\t\n\r");
}

bool kms_pattern_principal(struct kms_str text)
{
    return some(text, is_principal);
}

bool kms_pattern_region(struct kms_str text)
{
    return take_region(&text) && text.len == 0;
}

bool kms_pattern_vpce_service(struct kms_str text)
{
    return (take(&text, "com") || take(&text, "eu")) && take(&text, ".amazonaws.vpce.") &&
           take_region(&text) && take(&text, ".vpce-svc-") && some(text, is_service_id);
}

bool kms_pattern_word(struct kms_str text)
{
    return some(text, is_word);
}

bool kms_pattern_xks_key_id(struct kms_str text)
{
    return some(text, is_xks_key_id);
}

/* "/kms/xks/v1", or the same after a path that is more than a slash. */
bool kms_pattern_xks_uri_path(struct kms_str text)
{
    static const char end[] = "/kms/xks/v";
    size_t digits = 0;
    while (digits < text.len && is_digit(text.data[text.len - 1 - digits]))
        digits++;
    size_t tail = digits + sizeof(end) - 1;
    if (digits < 1 || digits > 2 || text.len < tail ||
        memcmp(text.data + text.len - tail, end, sizeof(end) - 1) != 0)
        return false;
    struct kms_str path = {text.data, text.len - tail};
    return path.len == 0 || (take(&path, "/") && some(path, is_xks_path));
}
