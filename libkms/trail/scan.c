#include "libkms/trail/scan.h"

#include "libkms/base/encoding.h"

#include <endian.h>

enum { DEPTH_MAX = 40 };

/* Where in a record a value stands, as far as that matters. */
enum place {
    NOWHERE,
    RECORD,
    EVENT_ID,
    EVENT_NAME,
    EVENT_SOURCE,
    EVENT_TIME,
    ERROR_CODE,
    REQUEST_ID,
    REGION,
    ACCOUNT,
    READ_ONLY,
    USER_IDENTITY,
    IDENTITY_ARN,
    IDENTITY_USER_NAME,
    IDENTITY_ACCESS_KEY,
    IDENTITY_INVOKED_BY,
    RESOURCES,
    RESOURCE,
    RESOURCE_ARN,
    RESOURCE_TYPE,
};

struct step {
    struct kms_str name;
    enum place to;
};

/* Where the members of an object stand that are wanted. */
static const struct step record_steps[] = {
    {KMS_STR_LITERAL("userIdentity"), USER_IDENTITY},
    {KMS_STR_LITERAL("eventTime"), EVENT_TIME},
    {KMS_STR_LITERAL("eventSource"), EVENT_SOURCE},
    {KMS_STR_LITERAL("eventName"), EVENT_NAME},
    {KMS_STR_LITERAL("awsRegion"), REGION},
    {KMS_STR_LITERAL("errorCode"), ERROR_CODE},
    {KMS_STR_LITERAL("requestID"), REQUEST_ID},
    {KMS_STR_LITERAL("eventID"), EVENT_ID},
    {KMS_STR_LITERAL("readOnly"), READ_ONLY},
    {KMS_STR_LITERAL("resources"), RESOURCES},
    {KMS_STR_LITERAL("recipientAccountId"), ACCOUNT},
};
static const struct step identity_steps[] = {
    {KMS_STR_LITERAL("arn"), IDENTITY_ARN},
    {KMS_STR_LITERAL("accessKeyId"), IDENTITY_ACCESS_KEY},
    {KMS_STR_LITERAL("userName"), IDENTITY_USER_NAME},
    {KMS_STR_LITERAL("invokedBy"), IDENTITY_INVOKED_BY},
};
static const struct step resource_steps[] = {
    {KMS_STR_LITERAL("ARN"), RESOURCE_ARN},
    {KMS_STR_LITERAL("type"), RESOURCE_TYPE},
};

struct scanner {
    const char *at;
    const char *end;
    struct kms_trail_fields *out;
    struct kms_trail_resource resource; /* the one at hand */
    struct kms_str invoked_by;
};

static enum place find_step(const struct step *steps, size_t count, struct kms_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (kms_str_eq(name, steps[i].name))
            return steps[i].to;
    }
    return NOWHERE;
}

#define FIND_STEP(steps, name) find_step(steps, sizeof(steps) / sizeof((steps)[0]), name)

static enum place place_of(enum place from, struct kms_str name)
{
    switch (from) {
    case RECORD:
        return FIND_STEP(record_steps, name);
    case USER_IDENTITY:
        return FIND_STEP(identity_steps, name);
    case RESOURCE:
        return FIND_STEP(resource_steps, name);
    default:
        return NOWHERE;
    }
}

static void skip_space(struct scanner *in)
{
    while (in->at < in->end &&
           (*in->at == ' ' || *in->at == '\t' || *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take(struct scanner *in, char letter)
{
    if (in->at == in->end || *in->at != letter)
        return false;
    in->at++;
    return true;
}

/* How many of the bytes there are before one that ends or interrupts a string. */
static size_t plain_length(const char *at, const char *end)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    static const uint64_t highs = UINT64_C(0x8080808080808080);
    const char *from = at;
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word);
        /* "determine if a word has a byte less than n" (Bit Twiddling Hacks), for control
         * characters, quotes and backslashes; the first that is marked is one, those behind may not be */
        uint64_t quote = word ^ ones * '"';
        uint64_t slash = word ^ ones * '\\';
        uint64_t odd = (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
                           ((slash - ones) & ~slash)) &
                       highs;
        if (odd != 0)
            return (size_t)(at - from) + (size_t)__builtin_ctzll(odd) / 8;
        at += sizeof(word);
    }
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return (size_t)(at - from);
}

/* After the opening quote; takes the closing one. */
static bool take_string(struct scanner *in, struct kms_str *out)
{
    const char *from = in->at;
    for (;;) {
        in->at += plain_length(in->at, in->end);
        if (in->at == in->end || *in->at != '\\')
            break;
        if (in->end - in->at < 2)
            return false;
        in->at += 2;
    }
    *out = (struct kms_str){from, (size_t)(in->at - from)};
    return take(in, '"');
}

static void keep_string(struct scanner *in, enum place place, struct kms_str value)
{
    struct kms_trail_fields *out = in->out;
    switch (place) {
    case EVENT_ID:
        out->event_id = value;
        break;
    case EVENT_NAME:
        out->event_name = value;
        break;
    case EVENT_SOURCE:
        out->event_source = value;
        break;
    case EVENT_TIME:
        out->event_time = value;
        break;
    case ERROR_CODE:
        out->error_code = value;
        break;
    case REQUEST_ID:
        out->request_id = value;
        break;
    case REGION:
        out->region = value;
        break;
    case ACCOUNT:
        out->account = value;
        break;
    case IDENTITY_ARN:
        out->principal_arn = value;
        break;
    case IDENTITY_USER_NAME:
        out->user_name = value;
        break;
    case IDENTITY_ACCESS_KEY:
        out->access_key_id = value;
        break;
    case IDENTITY_INVOKED_BY:
        in->invoked_by = value;
        break;
    case RESOURCE_ARN:
        in->resource.arn = value;
        break;
    case RESOURCE_TYPE:
        in->resource.type = value;
        break;
    default:
        break;
    }
}

static enum kms_err take_value(struct scanner *in, enum place place, unsigned depth);

static enum kms_err take_members(struct scanner *in, enum place place, unsigned depth)
{
    struct kms_str name;
    skip_space(in);
    if (take(in, '}'))
        return KMS_OK;
    do {
        skip_space(in);
        if (!take(in, '"') || !take_string(in, &name))
            return KMS_ERR_SYNTAX;
        skip_space(in);
        if (!take(in, ':'))
            return KMS_ERR_SYNTAX;
        enum kms_err err = take_value(in, place_of(place, name), depth);
        if (err != KMS_OK)
            return err;
        skip_space(in);
    } while (take(in, ','));
    return take(in, '}') ? KMS_OK : KMS_ERR_SYNTAX;
}

static enum kms_err take_items(struct scanner *in, enum place place, unsigned depth)
{
    enum place of_item = place == RESOURCES ? RESOURCE : NOWHERE;
    skip_space(in);
    if (take(in, ']'))
        return KMS_OK;
    do {
        in->resource = (struct kms_trail_resource){.arn = {NULL, 0}};
        enum kms_err err = take_value(in, of_item, depth);
        if (err != KMS_OK)
            return err;
        if (of_item == RESOURCE && in->resource.arn.data != NULL &&
            in->out->resource_count < KMS_TRAIL_RESOURCES_MAX)
            in->out->resources[in->out->resource_count++] = in->resource;
        skip_space(in);
    } while (take(in, ','));
    return take(in, ']') ? KMS_OK : KMS_ERR_SYNTAX;
}

/* A number, true, false or null: told apart by nobody but READ_ONLY. */
static enum kms_err take_word(struct scanner *in, enum place place)
{
    const char *from = in->at;
    while (in->at < in->end &&
           ((*in->at >= '0' && *in->at <= '9') || (*in->at >= 'a' && *in->at <= 'z') ||
               *in->at == 'E' || *in->at == '.' || *in->at == '-' || *in->at == '+'))
        in->at++;
    struct kms_str word = {from, (size_t)(in->at - from)};
    if (word.len == 0)
        return KMS_ERR_SYNTAX;
    bool is_name = word.data[0] >= 'a' && word.data[0] <= 'z';
    if (is_name && !kms_str_is(word, "true") && !kms_str_is(word, "false") &&
        !kms_str_is(word, "null"))
        return KMS_ERR_SYNTAX;
    if (place == READ_ONLY)
        in->out->is_read_only = kms_str_is(word, "true");
    return KMS_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): bounded by DEPTH_MAX */
static enum kms_err take_value(struct scanner *in, enum place place, unsigned depth)
{
    struct kms_str text;
    if (depth == 0)
        return KMS_ERR_TOO_DEEP;
    skip_space(in);
    if (take(in, '{'))
        return take_members(in, place, depth - 1);
    if (take(in, '['))
        return take_items(in, place, depth - 1);
    if (!take(in, '"'))
        return take_word(in, place);
    if (!take_string(in, &text))
        return KMS_ERR_SYNTAX;
    keep_string(in, place, text);
    return KMS_OK;
}

void kms_trail_name_user(struct kms_trail_fields *out, struct kms_str invoked_by)
{
    struct kms_str arn = out->principal_arn;
    static const char root[] = ":root";
    static const size_t root_len = sizeof(root) - 1;
    if (out->user_name.data != NULL)
        return;
    if (arn.data == NULL) {
        out->user_name = invoked_by;
        return;
    }
    if (arn.len > root_len && memcmp(arn.data + arn.len - root_len, root, root_len) == 0) {
        out->user_name = (struct kms_str){arn.data + arn.len - root_len + 1, root_len - 1};
        return;
    }
    size_t at = arn.len;
    while (at > 0 && arn.data[at - 1] != '/')
        at--;
    out->user_name = (struct kms_str){arn.data + at, arn.len - at};
}

enum kms_err kms_trail_scan(struct kms_str json, struct kms_trail_fields *out)
{
    struct kms_trail_fields fields = {.resource_count = 0};
    struct scanner in = {.at = json.data, .end = json.data + json.len, .out = &fields};
    if (json.len == 0 || *json.data != '{')
        return KMS_ERR_SYNTAX;
    enum kms_err err = take_value(&in, RECORD, DEPTH_MAX);
    if (err != KMS_OK)
        return err;
    if (in.at != in.end)
        return KMS_ERR_SYNTAX;
    kms_trail_name_user(&fields, in.invoked_by);
    *out = fields;
    return KMS_OK;
}

/* --- text ------------------------------------------------------------------------------------- */

static bool is_plain(unsigned char letter)
{
    return letter >= 0x20 && letter != '"' && letter != '\\' && letter < 0x7f;
}

/* The length of the well-formed sequence at the beginning; 0: it is none. */
static size_t sequence_length(struct kms_str text)
{
    for (size_t len = 2; len <= 4 && len <= text.len; len++) {
        if (kms_utf8_valid((struct kms_str){text.data, len}))
            return len;
    }
    return 0;
}

static void escape_one(struct kms_buf *out, unsigned char letter)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = "btn\0fr"; /* 8 to 13 */
    char text[6] = {'\\', 'u', '0', '0', hex[letter >> 4], hex[letter & 15]};
    if (letter == '"' || letter == '\\')
        text[1] = (char)letter;
    else if (letter >= 8 && letter <= 13 && shorts[letter - 8] != '\0')
        text[1] = shorts[letter - 8];
    kms_buf_append(out, text, text[1] == 'u' ? sizeof(text) : 2);
}

void kms_trail_escape(struct kms_buf *out, struct kms_str text)
{
    size_t at = 0;
    while (at < text.len) {
        size_t from = at;
        while (at < text.len && is_plain((unsigned char)text.data[at]))
            at++;
        kms_buf_append(out, text.data + from, at - from);
        if (at == text.len)
            return;
        unsigned char letter = (unsigned char)text.data[at];
        if (letter < 0x80) {
            escape_one(out, letter);
            at++;
            continue;
        }
        size_t len = sequence_length((struct kms_str){text.data + at, text.len - at});
        if (len == 0)
            kms_buf_append(out, "\xef\xbf\xbd", 3);
        else
            kms_buf_append(out, text.data + at, len);
        at += len == 0 ? 1 : len;
    }
}

static bool take_hex4(struct kms_str text, size_t at, uint32_t *out)
{
    uint8_t bytes[2];
    if (text.len - at < 4 || kms_hex_decode((struct kms_str){text.data + at, 4}, bytes) != KMS_OK)
        return false;
    *out = (uint32_t)bytes[0] << 8 | bytes[1];
    return true;
}

static void append_code_point(struct kms_buf *out, uint32_t point)
{
    if (point < 0x80) {
        kms_buf_append_u8(out, (uint8_t)point);
    } else if (point < 0x800) {
        kms_buf_append_u8(out, (uint8_t)(0xc0 | point >> 6));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        kms_buf_append_u8(out, (uint8_t)(0xe0 | point >> 12));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    } else {
        kms_buf_append_u8(out, (uint8_t)(0xf0 | point >> 18));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
        kms_buf_append_u8(out, (uint8_t)(0x80 | (point & 0x3f)));
    }
}

/* \uXXXX, a surrogate pair as one; *at is behind the 'u' and is moved past it all. */
static bool unescape_unicode(struct kms_buf *out, struct kms_str text, size_t *at)
{
    uint32_t point = 0;
    uint32_t low = 0;
    if (!take_hex4(text, *at, &point))
        return false;
    *at += 4;
    if (point >= 0xd800 && point < 0xdc00) {
        if (text.len - *at < 6 || text.data[*at] != '\\' || text.data[*at + 1] != 'u' ||
            !take_hex4(text, *at + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        *at += 6;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point <= 0xdfff) {
        return false;
    }
    append_code_point(out, point);
    return true;
}

enum kms_err kms_trail_unescape(struct kms_buf *out, struct kms_str text)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    size_t at = 0;
    while (at < text.len) {
        const char *mark = memchr(text.data + at, '\\', text.len - at);
        size_t end = mark == NULL ? text.len : (size_t)(mark - text.data);
        kms_buf_append(out, text.data + at, end - at);
        if (mark == NULL)
            break;
        at = end + 1;
        if (at == text.len)
            return KMS_ERR_SYNTAX;
        char letter = text.data[at++];
        if (letter == 'u') {
            if (!unescape_unicode(out, text, &at))
                return KMS_ERR_SYNTAX;
            continue;
        }
        const char *found = memchr(from, letter, sizeof(from) - 1);
        if (found == NULL)
            return KMS_ERR_SYNTAX;
        kms_buf_append_u8(out, (uint8_t)to[found - from]);
    }
    return out->err;
}
