#include "tests/support/naive_policy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A value or a list of values: the i-th, NULL past the end. */
static const json_t *item(const json_t *value, size_t i)
{
    if (json_is_array(value))
        return json_array_get(value, i);
    return i == 0 ? value : NULL;
}

static bool starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* --- the caller ------------------------------------------------------------------------------- */

enum kind {
    ROOT,
    USER,
    SESSION,
    FEDERATED,
    SERVICE,
};

static enum kind kind_of(const char *arn)
{
    if (!starts(arn, "arn:"))
        return SERVICE;
    if (strstr(arn, ":user/") != NULL)
        return USER;
    if (strstr(arn, ":assumed-role/") != NULL)
        return SESSION;
    return strstr(arn, ":federated-user/") != NULL ? FEDERATED : ROOT;
}

/* The fifth field of an ARN. */
static bool account_of(const char *arn, char out[13])
{
    const char *at = arn;
    for (int i = 0; i < 4 && at != NULL; i++) {
        at = strchr(at, ':');
        at = at == NULL ? NULL : at + 1;
    }
    if (at == NULL || strlen(at) < 12)
        return false;
    memcpy(out, at, 12);
    out[12] = '\0';
    return true;
}

/* --- texts with wildcards --------------------------------------------------------------------- */

enum {
    ONE = 256,
    MANY = 257,
    SIGNS_MAX = 4096,
};

struct sign {
    int what;          /* a byte, ONE or MANY */
    bool is_in_fields; /* matches no colon */
};

struct signs {
    struct sign at[SIGNS_MAX];
    size_t count;
    bool is_unknown; /* a variable has no value */
    bool is_void;    /* a variable's value cannot stand in its place */
};

struct asking {
    const struct naive_request *request;
    bool has_variables;
};

static const char *value_text(const json_t *value, size_t i, char buffer[64]);
static const json_t *look_up(
    const struct naive_request *request, const char *key, char buffer[512]);

static void push(struct signs *signs, int what, bool is_in_fields)
{
    if (signs->count < SIGNS_MAX)
        signs->at[signs->count++] = (struct sign){what, is_in_fields};
}

/* "${key}", "${key, 'default'}", "${*}": puts in what it stands for, returns what follows. */
static const char *put_variable(
    const struct asking *asking, const char *at, bool is_in_fields, struct signs *out)
{
    const char *end = strchr(at, '}');
    char name[512] = "", fallback[512] = "", kept[512], buffer[64];
    bool has_fallback = false;
    size_t len = (size_t)(end - at) - 2;
    if (len == 1 && strchr("*?$", at[2]) != NULL) {
        push(out, (unsigned char)at[2], false);
        return end + 1;
    }
    const char *comma = memchr(at + 2, ',', len), *quote = NULL;
    if (comma != NULL) {
        quote = strchr(comma, '\'') + 1;
        has_fallback = true;
        end = strchr(strchr(quote, '\''), '}');
        (void)snprintf(fallback, sizeof(fallback), "%.*s", (int)strcspn(quote, "'"), quote);
        len = (size_t)(comma - at) - 2;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, at + 2);
    const json_t *value = look_up(asking->request, name, kept);
    const char *text = kept[0] == '\x01' ? kept + 1 : NULL;
    if (text == NULL && value != NULL && !json_is_array(value))
        text = value_text(value, 0, buffer);
    if (text == NULL && has_fallback)
        text = fallback;
    if (text == NULL)
        out->is_unknown = true;
    for (; text != NULL && *text != '\0'; text++) {
        if (is_in_fields && *text == ':')
            out->is_void = true;
        push(out, (unsigned char)*text, false);
    }
    return end + 1;
}

struct style {
    bool has_wildcards;
    bool has_variables;
    bool is_arn;
    bool is_resource;
};

static void spell(
    const struct asking *asking, const char *pattern, struct style style, struct signs *out)
{
    int colons = 0;
    memset(out, 0, sizeof(*out));
    for (const char *at = pattern; *at != '\0';) {
        bool is_in_fields = style.is_arn && colons < 5;
        if (style.has_variables && asking->has_variables && at[0] == '$' && at[1] == '{') {
            at = put_variable(asking, at, is_in_fields, out);
            continue;
        }
        if (style.has_wildcards && *at == '?') {
            push(out, ONE, is_in_fields);
        } else if (style.has_wildcards && *at == '*') {
            bool is_wide = at[1] == '\0' || (style.is_resource && at[1] == ':');
            push(out, MANY, is_in_fields && !is_wide);
        } else {
            colons += *at == ':';
            push(out, (unsigned char)*at, false);
        }
        at++;
    }
}

static int folded(int byte, int before, bool is_folded)
{
    bool is_latin = before == 0xc3 && byte >= 0x80 && byte <= 0x9e && byte != 0x97;
    return is_folded && ((byte >= 'A' && byte <= 'Z') || is_latin) ? byte + 0x20 : byte;
}

/* Fills the table of "the first i signs match the first j bytes", row by row. */
static bool matches(const struct signs *signs, const char *text, bool is_folded)
{
    size_t len = strlen(text);
    if (signs->is_void)
        return false;
    bool *row = calloc(2 * (len + 1), sizeof(bool));
    if (row == NULL)
        abort();
    bool *now = row, *next = row + len + 1;
    now[0] = true;
    for (size_t i = 0; i < signs->count; i++) {
        const struct sign *sign = &signs->at[i];
        int before = i > 0 ? signs->at[i - 1].what : 0;
        for (size_t j = 0; j <= len; j++) {
            next[j] = false;
            int byte = j > 0 ? (unsigned char)text[j - 1] : 0;
            bool is_stopped = sign->is_in_fields && byte == ':';
            if (sign->what == MANY) {
                next[j] = now[j] || (j > 0 && next[j - 1] && !is_stopped);
            } else if (sign->what == ONE) {
                size_t start = j; /* where the character began */
                while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
                    start--;
                bool is_whole = j == len || ((unsigned char)text[j] & 0xc0) != 0x80;
                next[j] = start > 0 && is_whole && now[start - 1] && !is_stopped;
            } else if (j > 0) {
                int previous = j > 1 ? (unsigned char)text[j - 2] : 0;
                next[j] = now[j - 1] && folded(byte, previous, is_folded) ==
                                            folded(sign->what, before, is_folded);
            }
        }
        bool *swap = now;
        now = next;
        next = swap;
    }
    bool found = now[len];
    free(row);
    return found;
}

/* --- condition keys --------------------------------------------------------------------------- */

/* Exact before another letter case, the first of those. */
static const json_t *pick(const json_t *object, const char *name)
{
    const json_t *exact = json_object_get(object, name), *value = NULL;
    const char *key;
    json_t *each;
    if (exact != NULL)
        return exact;
    json_object_foreach((json_t *)(size_t)object, key, each)
    {
        if (value == NULL && strcasecmp(key, name) == 0)
            value = each;
    }
    return value;
}

/* What the request has under a key. Texts that are about the caller are left in the buffer, after a
 * byte 1, and then the value is NULL. */
static const json_t *look_up(const struct naive_request *request, const char *key, char buffer[512])
{
    const json_t *subject = request->subject;
    const char *arn = text_of(subject, "arn"), *text = NULL;
    enum kind kind = kind_of(arn);
    char account[13] = "";
    static const char *const types[] = {
        "Account", "User", "AssumedRole", "FederatedUser", "Service"};
    bool is_own = true;
    buffer[0] = '\0';
    if (strncasecmp(key, "aws:PrincipalTag/", 17) == 0)
        return pick(json_object_get(subject, "tags"), key + 17);
    if (strcasecmp(key, "aws:PrincipalArn") == 0)
        text = kind == SESSION ? text_of(subject, "issuer") : kind == SERVICE ? NULL : arn;
    else if (strcasecmp(key, "aws:PrincipalAccount") == 0)
        text = kind != SERVICE && account_of(arn, account) ? account : NULL;
    else if (strcasecmp(key, "aws:PrincipalType") == 0)
        text = types[kind];
    else if (strcasecmp(key, "aws:PrincipalIsAWSService") == 0)
        text = kind == SERVICE ? "true" : "false";
    else if (strcasecmp(key, "aws:PrincipalServiceName") == 0)
        text = kind == SERVICE ? arn : NULL;
    else if (strcasecmp(key, "aws:userid") == 0)
        text = text_of(subject, "user_id");
    else if (strcasecmp(key, "aws:username") == 0)
        text = kind == USER ? strrchr(arn, '/') + 1 : NULL;
    else if (strcasecmp(key, "aws:FederatedProvider") == 0)
        text = text_of(subject, "provider");
    else if (strcasecmp(key, "aws:ResourceAccount") == 0)
        text = request->resource_account;
    else
        is_own =
            strcasecmp(key, "aws:TokenIssueTime") == 0; /* these callers have no sessions' age */
    if (text != NULL)
        (void)snprintf(buffer, 512, "\x01%s", text);
    if (is_own)
        return NULL;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(size_t)request->with, name, value)
    {
        if (strcasecmp(name, key) == 0)
            return value;
    }
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

/* Billionths, so that nine digits after the point are exact. */
static bool read_number(const char *text, __int128 *out)
{
    bool is_negative = *text == '-';
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789"), i = 0;
    __int128 number = 0;
    for (; i < whole; i++)
        number = number * 10 + (text[i] - '0');
    if (number > INT64_MAX)
        return false;
    size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    if (whole == 0 || decimals > 9 || (text[whole] == '.' && decimals == 0) ||
        text[whole + (decimals > 0 ? decimals + 1 : 0)] != '\0')
        return false;
    for (i = 0; i < 9; i++)
        number = number * 10 + (i < decimals ? text[whole + 1 + i] - '0' : 0);
    *out = is_negative ? -number : number;
    return true;
}

static bool read_time(const char *text, long long *ms)
{
    struct tm tm = {.tm_mday = 1};
    int used = 0, sign = 1, hours = 0, minutes = 0;
    size_t len = strlen(text);
    long long more = 0;
    /* seconds since 1970: not of four digits, or with a sign or a fraction */
    size_t minus = *text == '-', digits = strspn(text + minus, "0123456789");
    size_t point = text[minus + digits] == '.';
    size_t decimals = strspn(text + minus + digits + point, "0123456789");
    if (digits > 0 && minus + digits + point + (point ? decimals : 0) == len &&
        (minus || digits != 4 || decimals > 0)) {
        __int128 number;
        if (!read_number(text, &number))
            return false;
        number -= number % 1000000 < 0 ? number % 1000000 + 1000000 : number % 1000000;
        *ms = (long long)(number / 1000000);
        return number / 1000000 == *ms;
    }
    if (sscanf(text, "%4d%n-%2d%n-%2d%n", &tm.tm_year, &used, &tm.tm_mon, &used, &tm.tm_mday,
            &used) < 1)
        return false;
    if (tm.tm_mon > 0)
        tm.tm_mon--;
    tm.tm_year -= 1900;
    const char *at = text + used;
    if (*at == 'T') {
        if (sscanf(at, "T%2d:%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 3)
            return false;
        at += used;
        if (*at == '.') {
            char thousandths[4] = "000";
            size_t count = strspn(at + 1, "0123456789");
            memcpy(thousandths, at + 1, count < 3 ? count : 3);
            more = atoi(thousandths);
            at += 1 + count;
        }
        if (*at == '+' || *at == '-') {
            sign = *at == '+' ? 1 : -1;
            if (sscanf(at + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2)
                return false;
            at += 1 + used;
        } else if (*at++ != 'Z') {
            return false;
        }
    }
    if (*at != '\0')
        return false;
    *ms = ((long long)timegm(&tm) - sign * (hours * 3600LL + minutes * 60LL)) * 1000 + more;
    return true;
}

/* A value as text; NULL: it has none. */
static const char *value_text(const json_t *value, size_t i, char buffer[64])
{
    const json_t *one = item(value, i);
    long long ms = 0;
    if (json_is_string(one))
        return json_string_value(one);
    if (json_is_integer(one)) {
        (void)snprintf(buffer, 64, "%lld", (long long)json_integer_value(one));
        return buffer;
    }
    if (json_is_boolean(one))
        return json_is_true(one) ? "true" : "false";
    if (text_of(one, "ip") != NULL) {
        unsigned char bytes[16];
        const char *ip = text_of(one, "ip");
        int family = strchr(ip, ':') == NULL ? AF_INET : AF_INET6;
        return inet_pton(family, ip, bytes) == 1 ? inet_ntop(family, bytes, buffer, 64) : NULL;
    }
    if (text_of(one, "time") == NULL || !read_time(text_of(one, "time"), &ms))
        return NULL;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    size_t len = strftime(buffer, 64, "%Y-%m-%dT%H:%M:%S", &tm);
    if (ms % 1000 != 0)
        (void)snprintf(buffer + len, 64 - len, ".%03dZ", (int)(ms % 1000));
    else
        (void)snprintf(buffer + len, 64 - len, "Z");
    return buffer;
}

static bool value_number(const json_t *one, __int128 *out)
{
    long long ms = 0;
    if (json_is_string(one))
        return read_number(json_string_value(one), out);
    if (json_is_integer(one)) {
        *out = (__int128)json_integer_value(one) * 1000000000;
        return true;
    }
    if (text_of(one, "time") == NULL || !read_time(text_of(one, "time"), &ms))
        return false;
    *out = (__int128)ms * 1000000;
    return true;
}

static bool value_time(const json_t *one, long long *out)
{
    if (json_is_integer(one)) {
        *out = json_integer_value(one) * 1000LL;
        return true;
    }
    const char *text = json_is_string(one) ? json_string_value(one) : text_of(one, "time");
    return text != NULL && read_time(text, out);
}

/* "203.0.113.0/24": the address and how many of its bits count. */
static bool read_ip(const char *text, unsigned char bytes[16], int *family, int *bits)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (len >= sizeof(address))
        return false;
    (void)snprintf(address, sizeof(address), "%.*s", (int)len, text);
    *family = strchr(address, ':') == NULL ? AF_INET : AF_INET6;
    *bits = slash != NULL ? atoi(slash + 1) : *family == AF_INET ? 32 : 128;
    return inet_pton(*family, address, bytes) == 1;
}

static bool is_in_range(const char *range, const char *address)
{
    unsigned char a[16], b[16];
    int family_a, family_b, bits, ignored;
    if (!read_ip(range, a, &family_a, &bits) || !read_ip(address, b, &family_b, &ignored) ||
        family_a != family_b)
        return false;
    for (int i = 0; i < bits; i++)
        if (((a[i / 8] ^ b[i / 8]) & (0x80 >> (i % 8))) != 0)
            return false;
    return true;
}

/* --- one condition ---------------------------------------------------------------------------- */

enum answer {
    NO,
    YES,
    UNKNOWN,
    SENSELESS, /* the request's value is of another kind */
};

static bool ordered(const char *operator_name, int order)
{
    if (strstr(operator_name, "LessThanEquals") != NULL)
        return order <= 0;
    if (strstr(operator_name, "LessThan") != NULL)
        return order < 0;
    if (strstr(operator_name, "GreaterThanEquals") != NULL)
        return order >= 0;
    if (strstr(operator_name, "GreaterThan") != NULL)
        return order > 0;
    return order == 0;
}

static const char *scalar(const json_t *value, char buffer[64])
{
    if (json_is_real(value)) {
        (void)snprintf(buffer, 64, "%.15g", json_real_value(value));
        return buffer;
    }
    return value_text(value, 0, buffer);
}

/* The operator without its Not: is the request's value the document's? */
static enum answer compare(
    const struct asking *asking, const char *name, const json_t *listed, const json_t *given)
{
    char listed_buffer[64], given_buffer[64];
    const char *wanted = scalar(listed, listed_buffer);
    if (starts(name, "Numeric")) {
        __int128 a, b;
        if (!value_number(given, &a))
            return SENSELESS;
        return read_number(wanted, &b) && ordered(name, a < b ? -1 : a > b) ? YES : NO;
    }
    if (starts(name, "Date")) {
        long long a, b;
        if (!value_time(given, &a))
            return SENSELESS;
        return read_time(wanted, &b) && ordered(name, a < b ? -1 : a > b) ? YES : NO;
    }
    if (strstr(name, "IpAddress") != NULL) {
        unsigned char bytes[16];
        int family, bits;
        const char *ip = json_is_string(given) ? json_string_value(given) : text_of(given, "ip");
        if (ip == NULL || !read_ip(ip, bytes, &family, &bits))
            return SENSELESS;
        return is_in_range(wanted, ip) ? YES : NO;
    }
    if (starts(name, "Binary")) {
        const char *binary = text_of(given, "binary");
        if (binary == NULL)
            return json_is_string(given) ? (same(json_string_value(given), wanted) ? YES : NO)
                                         : SENSELESS;
        return same(binary, wanted) ? YES : NO;
    }
    const char *text = value_text(given, 0, given_buffer);
    if (text == NULL)
        return SENSELESS;
    bool is_arn = starts(name, "Arn");
    bool is_folded = strstr(name, "IgnoreCase") != NULL || starts(name, "Bool");
    struct style style = {.has_wildcards = is_arn || strstr(name, "Like") != NULL,
        .has_variables = true,
        .is_arn = is_arn};
    struct signs *signs = malloc(sizeof(*signs));
    if (signs == NULL)
        abort();
    spell(asking, wanted, style, signs);
    enum answer answer = signs->is_unknown ? UNKNOWN : matches(signs, text, is_folded) ? YES : NO;
    free(signs);
    return answer;
}

/* One of the request's values against all that the document lists. */
static bool passes(const struct asking *asking, const char *name, bool is_negated, bool is_deny,
    const json_t *listed, const json_t *given)
{
    bool is_sound = true;
    for (size_t i = 0; item(listed, i) != NULL; i++) {
        enum answer answer = compare(asking, name, item(listed, i), given);
        if (answer == YES)
            return !is_negated;
        is_sound = is_sound && answer == NO;
    }
    return (is_sound || is_deny) && is_negated;
}

static bool is_met(const struct asking *asking, const char *operator_name, const char *key,
    const json_t *listed, bool is_deny)
{
    char name[64], buffer[512];
    bool for_all = starts(operator_name, "ForAllValues:");
    bool for_any = starts(operator_name, "ForAnyValue:");
    const char *plain = for_all || for_any ? strchr(operator_name, ':') + 1 : operator_name;
    (void)snprintf(name, sizeof(name), "%s", plain);
    char *suffix = strstr(name, "IfExists");
    bool if_exists = suffix != NULL;
    if (if_exists)
        *suffix = '\0';
    bool is_negated = strstr(name, "Not") != NULL;

    const json_t *value = look_up(asking->request, key, buffer);
    json_t *made = buffer[0] == '\x01' ? json_string(buffer + 1) : NULL;
    if (made != NULL)
        value = made;
    size_t count = value == NULL ? 0 : json_is_array(value) ? json_array_size(value) : 1;
    bool result = false;
    bool is_blank = json_is_string(value) && json_string_length(value) == 0;
    if (strcmp(name, "Null") == 0) {
        for (size_t i = 0; item(listed, i) != NULL; i++) {
            char scratch[64];
            bool wants_missing = strcasecmp(scalar(item(listed, i), scratch), "true") == 0;
            result = result || wants_missing == (count == 0);
        }
    } else if (count == 0 && if_exists) {
        result = true;
    } else if (count == 0 || ((for_all || for_any) && is_blank)) {
        result = for_all || (!for_any && is_negated);
    } else if (!for_all && !for_any && count > 1 && !is_deny) {
        result = false; /* several values and no word about how many of them */
    } else {
        result = for_all;
        for (size_t i = 0; i < count; i++) {
            bool one = passes(asking, name, is_negated, is_deny, listed, item(value, i));
            result = for_all ? result && one : result || one;
        }
    }
    json_decref(made);
    return result;
}

/* --- one statement ---------------------------------------------------------------------------- */

/* How it names the caller; the smaller the closer. */
enum naming {
    NOT_NAMED,
    HANGS, /* the document hangs on the caller */
    ANYBODY,
    ITSELF,
    MAKER,
    ACCOUNT,
    NAMINGS,
};

static enum naming names(const char *type, const char *name, const json_t *subject)
{
    const char *arn = text_of(subject, "arn"), *issuer = text_of(subject, "issuer");
    enum kind kind = kind_of(arn);
    char own[13] = "", named[13] = "";
    if (strcmp(type, "Service") == 0)
        return kind == SERVICE && strcmp(name, arn) == 0 ? ITSELF : NOT_NAMED;
    if (strcmp(type, "Federated") == 0)
        return same(name, text_of(subject, "provider")) ? ITSELF : NOT_NAMED;
    if (strcmp(name, "*") == 0)
        return ANYBODY;
    if (kind == SERVICE)
        return NOT_NAMED;
    if (strchr(name, ':') == NULL)
        (void)snprintf(named, sizeof(named), "%.12s", name);
    else if (strlen(name) > 5 && strcmp(name + strlen(name) - 5, ":root") == 0)
        (void)account_of(name, named);
    if (named[0] != '\0')
        return account_of(arn, own) && strcmp(own, named) == 0 ? ACCOUNT : NOT_NAMED;
    if (strcmp(name, arn) == 0)
        return ITSELF;
    bool has_maker = kind == SESSION || kind == FEDERATED;
    return has_maker && same(name, issuer) ? MAKER : NOT_NAMED;
}

static void name_all(const json_t *element, const json_t *subject, bool seen[NAMINGS])
{
    const char *type;
    json_t *listed;
    memset(seen, 0, NAMINGS * sizeof(bool));
    if (json_is_string(element)) {
        seen[ANYBODY] = true;
        return;
    }
    json_object_foreach((json_t *)(size_t)element, type, listed)
    {
        for (size_t i = 0; item(listed, i) != NULL; i++)
            seen[names(type, json_string_value(item(listed, i)), subject)] = true;
    }
}

static enum naming naming_of(const json_t *statement, const json_t *subject)
{
    const json_t *named = json_object_get(statement, "Principal");
    const json_t *excepted = json_object_get(statement, "NotPrincipal");
    const char *issuer = text_of(subject, "issuer");
    bool seen[NAMINGS];
    if (named == NULL && excepted == NULL)
        return HANGS;
    name_all(named != NULL ? named : excepted, subject, seen);
    if (named != NULL) {
        for (int i = ANYBODY; i < NAMINGS; i++)
            if (seen[i])
                return (enum naming)i;
        return NOT_NAMED;
    }
    enum kind kind = kind_of(text_of(subject, "arn"));
    bool made_by_root =
        issuer != NULL && kind_of(issuer) == ROOT && strstr(issuer, ":root") != NULL;
    bool is_spared = seen[ANYBODY];
    if (kind == ROOT)
        is_spared = is_spared || seen[ACCOUNT];
    else if (kind == USER)
        is_spared = is_spared || (seen[ACCOUNT] && seen[ITSELF]);
    else if (kind == SERVICE)
        is_spared = is_spared || seen[ITSELF];
    else
        is_spared = is_spared || (seen[ACCOUNT] && seen[ITSELF] && (seen[MAKER] || made_by_root));
    return is_spared ? NOT_NAMED : ANYBODY;
}

static bool covers_action(const struct asking *asking, const json_t *statement)
{
    const json_t *listed = json_object_get(statement, "Action");
    bool is_not = listed == NULL, is_listed = false;
    if (is_not)
        listed = json_object_get(statement, "NotAction");
    struct signs *signs = malloc(sizeof(*signs));
    if (signs == NULL)
        abort();
    for (size_t i = 0; item(listed, i) != NULL; i++) {
        spell(asking, json_string_value(item(listed, i)), (struct style){.has_wildcards = true},
            signs);
        is_listed = is_listed || matches(signs, asking->request->action, true);
    }
    free(signs);
    return listed != NULL && is_listed != is_not;
}

static bool covers_resource(const struct asking *asking, const json_t *statement, bool is_deny)
{
    const json_t *listed = json_object_get(statement, "Resource");
    bool is_not = listed == NULL, is_listed = false, is_unknown = false;
    if (is_not)
        listed = json_object_get(statement, "NotResource");
    struct signs *signs = malloc(sizeof(*signs));
    if (signs == NULL)
        abort();
    for (size_t i = 0; item(listed, i) != NULL; i++) {
        struct style style = {true, true, true, true};
        spell(asking, json_string_value(item(listed, i)), style, signs);
        if (signs->is_unknown)
            is_unknown = true;
        else
            is_listed = is_listed || matches(signs, asking->request->resource, false);
    }
    free(signs);
    if (is_unknown && !is_listed && !is_deny)
        return false;
    return listed != NULL && is_listed != is_not;
}

static bool has_items(const json_t *statement, const char *name, const char *other)
{
    const json_t *listed = json_object_get(statement, name);
    if (listed == NULL)
        listed = json_object_get(statement, other);
    return listed != NULL && item(listed, 0) != NULL;
}

static bool applies(const struct asking *asking, const json_t *statement)
{
    bool is_deny = same(text_of(statement, "Effect"), "Deny");
    const char *operator_name, *key;
    json_t *keys, *listed;
    if (!has_items(statement, "Action", "NotAction") ||
        !has_items(statement, "Resource", "NotResource") || !covers_action(asking, statement) ||
        !covers_resource(asking, statement, is_deny))
        return false;
    json_object_foreach(json_object_get(statement, "Condition"), operator_name, keys)
    {
        json_object_foreach(keys, key, listed)
        {
            if (!is_met(asking, operator_name, key, listed, is_deny))
                return false;
        }
    }
    return true;
}

/* --- documents -------------------------------------------------------------------------------- */

/* What documents of one kind say: the statement that denies, and those that allow, by naming. */
struct word {
    const json_t *denies;
    const json_t *allows[NAMINGS];
};

static void hear(const struct naive_request *request, const json_t *document, struct word *word)
{
    const json_t *statements = json_object_get(document, "Statement"), *statement;
    const struct asking asking = {request, same(text_of(document, "Version"), "2012-10-17")};
    for (size_t i = 0; (statement = item(statements, i)) != NULL; i++) {
        enum naming naming = naming_of(statement, request->subject);
        if (naming == NOT_NAMED || !applies(&asking, statement))
            continue;
        const json_t **slot =
            same(text_of(statement, "Effect"), "Deny") ? &word->denies : &word->allows[naming];
        if (*slot == NULL)
            *slot = statement;
    }
}

static struct word hear_all(const struct naive_request *request, const json_t *documents)
{
    struct word word = {.denies = NULL};
    for (size_t i = 0; i < json_array_size(documents); i++)
        hear(request, json_array_get(documents, i), &word);
    return word;
}

/* --- grants ----------------------------------------------------------------------------------- */

static bool has_pairs(const json_t *whole, const json_t *part)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)part, key, value)
    {
        if (!same(text_of(whole, key), json_string_value(value)))
            return false;
    }
    return true;
}

static bool listed_among(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool grant_fits(
    const struct naive_request *request, const json_t *grant, const char *operation)
{
    static const char *const unconcerned[] = {"CreateGrant", "DescribeKey", "RetireGrant", NULL};
    static const char *const with_context[] = {"Decrypt", "Encrypt", "GenerateDataKey",
        "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", NULL};
    const json_t *equals = json_object_get(grant, "equals");
    const json_t *subset = json_object_get(grant, "subset");
    const char *source = text_of(grant, "source_arn");
    bool is_constrained = equals != NULL || subset != NULL;
    if (is_constrained && !listed_among(operation, unconcerned)) {
        if (!listed_among(operation, with_context))
            return false;
        if (equals != NULL && (json_object_size(request->context) != json_object_size(equals) ||
                                  !has_pairs(request->context, equals)))
            return false;
        if (subset != NULL && !has_pairs(request->context, subset))
            return false;
    }
    if (source == NULL || strcmp(operation, "RetireGrant") == 0)
        return true;
    if (request->source_arn == NULL)
        return strcmp(operation, "DescribeKey") == 0;
    return strcmp(source, request->source_arn) == 0;
}

static const json_t *best_grant(const struct naive_request *request, enum naming *best)
{
    const json_t *found = NULL;
    *best = NOT_NAMED;
    for (size_t i = 0; i < json_array_size(request->grants); i++) {
        const json_t *grant = json_array_get(request->grants, i);
        const json_t *operations = json_object_get(grant, "operations");
        const char *service = text_of(grant, "grantee_service");
        for (size_t k = 0; k < json_array_size(operations); k++) {
            const char *operation = json_string_value(json_array_get(operations, k));
            if (strncasecmp(request->action, "kms:", 4) != 0 ||
                strcasecmp(request->action + 4, operation) != 0 ||
                !grant_fits(request, grant, operation))
                continue;
            enum naming naming = service != NULL
                                     ? names("Service", service, request->subject)
                                     : names("AWS", text_of(grant, "grantee"), request->subject);
            if (naming != NOT_NAMED && (found == NULL || naming < *best)) {
                found = grant;
                *best = naming;
            }
        }
    }
    return found;
}

/* --- the decision ----------------------------------------------------------------------------- */

struct words {
    struct word key, identity, boundary, session;
};

static struct naive_result say(const char *reason, const json_t *statement)
{
    return (struct naive_result){reason, text_of(statement, "Sid")};
}

/* Unless boundary or session policies are silent about it. */
static struct naive_result bounded(
    const struct naive_request *request, const struct words *words, struct naive_result allowed)
{
    enum kind kind = kind_of(text_of(request->subject, "arn"));
    if (request->boundary != NULL && words->boundary.allows[HANGS] == NULL)
        return say("no boundary allows", NULL);
    if ((kind == FEDERATED || json_array_size(request->session) > 0) &&
        words->session.allows[HANGS] == NULL)
        return say("no session policy allows", NULL);
    return allowed;
}

static struct naive_result by_own_account(
    const struct naive_request *request, const struct words *words)
{
    const json_t *allows = words->identity.allows[HANGS];
    if (kind_of(text_of(request->subject, "arn")) == ROOT)
        return bounded(request, words, say("account root", NULL));
    if (allows == NULL)
        return say("no identity policy allows", NULL);
    return bounded(request, words, say("identity policy", allows));
}

static bool is_refusal(struct naive_result result)
{
    return starts(result.reason, "no ");
}

static struct naive_result by_grant(const struct naive_request *request, const struct words *words,
    struct naive_result otherwise, bool is_own)
{
    enum naming naming = NOT_NAMED;
    const json_t *grant = best_grant(request, &naming);
    bool is_service = kind_of(text_of(request->subject, "arn")) == SERVICE;
    if (grant == NULL)
        return otherwise;
    struct naive_result allowed = {"grant", text_of(grant, "id")};
    if (naming == ITSELF && (is_own || is_service))
        return allowed;
    if (naming == ITSELF || naming == MAKER)
        return bounded(request, words, allowed);
    struct naive_result own = by_own_account(request, words);
    return is_refusal(own) ? own : allowed;
}

static struct naive_result in_own_account(
    const struct naive_request *request, const struct words *words)
{
    const json_t *const *allows = words->key.allows;
    struct naive_result result = say("no key policy allows", NULL);
    if (request->key_policy == NULL)
        return by_own_account(request, words);
    if (allows[ITSELF] != NULL)
        return say("key policy", allows[ITSELF]);
    if (allows[ANYBODY] != NULL)
        return say("key policy", allows[ANYBODY]);
    if (allows[ACCOUNT] != NULL || request->is_left_to_account)
        result = by_own_account(request, words);
    if (is_refusal(result) && allows[MAKER] != NULL)
        result = bounded(request, words, say("key policy", allows[MAKER]));
    return is_refusal(result) ? by_grant(request, words, result, true) : result;
}

static struct naive_result from_elsewhere(
    const struct naive_request *request, const struct words *words)
{
    const json_t *const *allows = words->key.allows;
    struct naive_result result = say("no key policy allows", NULL);
    if (request->key_policy == NULL) {
        struct naive_result own = by_own_account(request, words);
        return is_refusal(own) ? own : result;
    }
    if (!request->has_cross_account_use)
        return result;
    if (allows[ITSELF] != NULL || allows[ANYBODY] != NULL || allows[MAKER] != NULL ||
        allows[ACCOUNT] != NULL)
        result = by_own_account(request, words);
    return is_refusal(result) ? by_grant(request, words, result, false) : result;
}

struct naive_result naive_decide(const struct naive_request *request)
{
    struct words words = {.key = {NULL, {NULL}}};
    char account[13] = "";
    if (request->key_policy != NULL)
        hear(request, request->key_policy, &words.key);
    if (request->is_left_to_account)
        memset(words.key.allows, 0, sizeof(words.key.allows));
    words.identity = hear_all(request, request->identity);
    if (request->boundary != NULL)
        hear(request, request->boundary, &words.boundary);
    words.session = hear_all(request, request->session);
    if (words.key.denies != NULL)
        return say("deny in key policy", words.key.denies);
    if (words.identity.denies != NULL)
        return say("deny in identity policy", words.identity.denies);
    if (words.boundary.denies != NULL)
        return say("deny in boundary", words.boundary.denies);
    if (words.session.denies != NULL)
        return say("deny in session policy", words.session.denies);
    if (kind_of(text_of(request->subject, "arn")) == SERVICE) {
        if (words.key.allows[ITSELF] != NULL)
            return say("key policy", words.key.allows[ITSELF]);
        if (words.key.allows[ANYBODY] != NULL)
            return say("key policy", words.key.allows[ANYBODY]);
        return by_grant(request, &words, say("no key policy allows", NULL), false);
    }
    bool is_own = account_of(text_of(request->subject, "arn"), account) &&
                  strcmp(account, request->resource_account) == 0;
    return is_own ? in_own_account(request, &words) : from_elsewhere(request, &words);
}
