/* Values of condition keys, and the forms in which documents write them. */
#include "kmsd/policy/context.h"
#include "libkms/base/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

enum { NANO_DIGITS = 9 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]))
            return false;
    return text.len > 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

enum kms_err kmsd_policy_number_parse(struct kms_str text, struct kmsd_policy_number *out)
{
    size_t at = 0;
    bool is_negative = text.len > 0 && text.data[0] == '-';
    if (is_negative || (text.len > 0 && text.data[0] == '+'))
        at++;
    int64_t whole = 0; /* kept negative, so that INT64_MIN fits */
    size_t first = at;
    for (; at < text.len && is_digit(text.data[at]); at++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_sub_overflow(whole, text.data[at] - '0', &whole))
            return KMS_ERR_SYNTAX;
    }
    if (at == first)
        return KMS_ERR_SYNTAX;
    int32_t nano = 0;
    if (at < text.len && text.data[at] == '.') {
        size_t digits = text.len - at - 1;
        if (digits == 0 || digits > NANO_DIGITS)
            return KMS_ERR_SYNTAX;
        at++;
        for (size_t i = 0; i < NANO_DIGITS; i++) {
            int digit = 0;
            if (at < text.len) {
                if (!is_digit(text.data[at]))
                    return KMS_ERR_SYNTAX;
                digit = text.data[at++] - '0';
            }
            nano = nano * 10 + digit;
        }
    }
    if (at != text.len)
        return KMS_ERR_SYNTAX;
    if (is_negative) {
        /* -1.25 is -2 + 0.75 */
        if (nano != 0 && __builtin_sub_overflow(whole, 1, &whole))
            return KMS_ERR_SYNTAX;
        nano = nano == 0 ? 0 : 1000000000 - nano;
    } else if (__builtin_sub_overflow(0, whole, &whole)) {
        return KMS_ERR_SYNTAX;
    }
    *out = (struct kmsd_policy_number){whole, nano};
    return KMS_OK;
}

int kmsd_policy_number_compare(struct kmsd_policy_number a, struct kmsd_policy_number b)
{
    if (a.whole != b.whole)
        return a.whole < b.whole ? -1 : 1;
    return (a.nano > b.nano) - (a.nano < b.nano);
}

/* --- addresses -------------------------------------------------------------------------------- */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
enum { MAPPED_BITS = 96, V4_BITS = 32, V6_BITS = 128 };

static void unmap(struct kmsd_policy_ip *ip)
{
    if (!ip->is_v6 || ip->prefix_bits < MAPPED_BITS ||
        memcmp(ip->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return;
    struct kmsd_policy_ip v4 = {.prefix_bits = (uint8_t)(ip->prefix_bits - MAPPED_BITS)};
    memcpy(v4.bytes, ip->bytes + sizeof(mapped_prefix), 4);
    *ip = v4;
}

enum kms_err kmsd_policy_ip_parse(struct kms_str text, struct kmsd_policy_ip *out)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = text.len == 0 ? NULL : memchr(text.data, '/', text.len);
    size_t len = slash == NULL ? text.len : (size_t)(slash - text.data);
    if (len == 0 || len >= sizeof(address))
        return KMS_ERR_SYNTAX;
    memcpy(address, text.data, len);
    address[len] = '\0';
    if (strlen(address) != len)
        return KMS_ERR_SYNTAX;
    struct kmsd_policy_ip ip = {.is_v6 = strchr(address, ':') != NULL};
    if (inet_pton(ip.is_v6 ? AF_INET6 : AF_INET, address, ip.bytes) != 1)
        return KMS_ERR_SYNTAX;
    unsigned bits = ip.is_v6 ? V6_BITS : V4_BITS;
    if (slash != NULL) {
        struct kms_str prefix = {slash + 1, text.len - len - 1};
        struct kmsd_policy_number number;
        if (prefix.len > 3 || !all_digits(prefix) ||
            kmsd_policy_number_parse(prefix, &number) != KMS_OK || number.whole > (int64_t)bits)
            return KMS_ERR_SYNTAX;
        bits = (unsigned)number.whole;
    }
    ip.prefix_bits = (uint8_t)bits;
    unmap(&ip);
    *out = ip;
    return KMS_OK;
}

bool kmsd_policy_ip_contains(
    const struct kmsd_policy_ip *range, const struct kmsd_policy_ip *address)
{
    if (range->is_v6 != address->is_v6 || address->prefix_bits < range->prefix_bits)
        return false;
    size_t whole = range->prefix_bits / 8;
    unsigned rest = range->prefix_bits % 8;
    if (memcmp(range->bytes, address->bytes, whole) != 0)
        return false;
    unsigned mask = 0xff00U >> rest & 0xffU;
    return rest == 0 || ((unsigned)(range->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

/* --- times ------------------------------------------------------------------------------------ */

static enum kms_err parse_epoch(struct kms_str text, int64_t *time_ms)
{
    struct kmsd_policy_number seconds;
    int64_t ms;
    if (kmsd_policy_number_parse(text, &seconds) != KMS_OK ||
        __builtin_mul_overflow(seconds.whole, 1000, &ms) ||
        __builtin_add_overflow(ms, seconds.nano / 1000000, &ms))
        return KMS_ERR_SYNTAX;
    *time_ms = ms;
    return KMS_OK;
}

/* Shorter forms are completed and read as RFC 3339. */
enum kms_err kmsd_policy_time_parse(struct kms_str text, int64_t *time_ms)
{
    static const char rest[] = "0000-01-01T00:00:00Z";
    static const char seconds[] = {':', '0', '0'};
    enum { YEAR = 4, MONTH = 7, DAY = 10, MINUTE = 16, WHOLE = sizeof(rest) - 1 };
    char whole[WHOLE + sizeof("+00:00")];
    if (text.len == YEAR + MINUTE - 4 && kms_time_parse_basic(text, time_ms) == KMS_OK)
        return KMS_OK;
    if (text.len == YEAR || text.len == MONTH || text.len == DAY) {
        memcpy(whole, text.data, text.len);
        memcpy(whole + text.len, rest + text.len, WHOLE - text.len);
        if (kms_time_parse_rfc3339((struct kms_str){whole, WHOLE}, time_ms) == KMS_OK)
            return KMS_OK;
        return parse_epoch(text, time_ms);
    }
    if (text.len > MINUTE && text.len < WHOLE + 3 && text.data[DAY] == 'T' &&
        text.data[MINUTE] != ':') {
        /* no seconds, but a zone: "2026-11-23T01:12Z" */
        size_t zone = text.len - MINUTE;
        memcpy(whole, text.data, MINUTE);
        memcpy(whole + MINUTE, seconds, sizeof(seconds));
        memcpy(whole + MINUTE + sizeof(seconds), text.data + MINUTE, zone);
        return kms_time_parse_rfc3339(
            (struct kms_str){whole, MINUTE + sizeof(seconds) + zone}, time_ms);
    }
    if (kms_time_parse_rfc3339(text, time_ms) == KMS_OK)
        return KMS_OK;
    return parse_epoch(text, time_ms);
}

/* --- values as the operators see them --------------------------------------------------------- */

static struct kms_str text_at(const struct kmsd_policy_value *value, size_t index)
{
    if (!value->is_list)
        return value->text;
    const char *first = (const char *)value->texts.first;
    return *(const struct kms_str *)(const void *)(first + index * value->texts.stride);
}

static struct kms_str format_ip(
    const struct kmsd_policy_ip *ip, char buffer[KMSD_POLICY_VALUE_TEXT_MAX])
{
    const char *text =
        inet_ntop(ip->is_v6 ? AF_INET6 : AF_INET, ip->bytes, buffer, KMSD_POLICY_VALUE_TEXT_MAX);
    return kms_str(text);
}

struct kms_str kmsd_policy_value_text(
    const struct kmsd_policy_value *value, size_t index, char buffer[KMSD_POLICY_VALUE_TEXT_MAX])
{
    struct kms_str text = {buffer, 0};
    switch (value->kind) {
    case KMSD_VALUE_TEXT:
        return text_at(value, index);
    case KMSD_VALUE_NUMBER:
        text.len = (size_t)snprintf(buffer, KMSD_POLICY_VALUE_TEXT_MAX, "%" PRId64, value->number);
        return text;
    case KMSD_VALUE_BOOL:
        return kms_str(value->boolean ? "true" : "false");
    case KMSD_VALUE_TIME:
        kms_time_format_rfc3339(value->time_ms, buffer);
        if (value->time_ms % 1000 == 0) /* whole seconds are written without a fraction */
            memcpy(buffer + KMS_TIME_RFC3339_SIZE - 6, "Z", 2);
        return kms_str(buffer);
    case KMSD_VALUE_IP:
        return format_ip(&value->ip, buffer);
    case KMSD_VALUE_BINARY:
        break;
    }
    return (struct kms_str){NULL, 0};
}

bool kmsd_policy_value_number(
    const struct kmsd_policy_value *value, size_t index, struct kmsd_policy_number *out)
{
    int64_t ms;
    switch (value->kind) {
    case KMSD_VALUE_TEXT:
        return kmsd_policy_number_parse(text_at(value, index), out) == KMS_OK;
    case KMSD_VALUE_NUMBER:
        *out = (struct kmsd_policy_number){value->number, 0};
        return true;
    case KMSD_VALUE_TIME: /* seconds, as documents compare kms:ValidTo */
        ms = value->time_ms % 1000;
        *out = (struct kmsd_policy_number){value->time_ms / 1000, (int32_t)(ms * 1000000)};
        if (ms < 0)
            *out = (struct kmsd_policy_number){out->whole - 1, out->nano + 1000000000};
        return true;
    default:
        return false;
    }
}

bool kmsd_policy_value_time(const struct kmsd_policy_value *value, size_t index, int64_t *time_ms)
{
    switch (value->kind) {
    case KMSD_VALUE_TEXT:
        return kmsd_policy_time_parse(text_at(value, index), time_ms) == KMS_OK;
    case KMSD_VALUE_NUMBER: /* seconds, as aws:EpochTime has them */
        return !__builtin_mul_overflow(value->number, 1000, time_ms);
    case KMSD_VALUE_TIME:
        *time_ms = value->time_ms;
        return true;
    default:
        return false;
    }
}

bool kmsd_policy_value_ip(
    const struct kmsd_policy_value *value, size_t index, struct kmsd_policy_ip *out)
{
    if (value->kind == KMSD_VALUE_TEXT)
        return kmsd_policy_ip_parse(text_at(value, index), out) == KMS_OK;
    if (value->kind != KMSD_VALUE_IP)
        return false;
    *out = value->ip;
    unmap(out);
    return true;
}
