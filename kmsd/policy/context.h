/*
 * What conditions and policy variables can ask about a request. The caller of a decision answers by
 * a list, by a function, or both; nothing is computed before a statement asks for it and nothing is
 * allocated.
 */
#ifndef KMSD_POLICY_CONTEXT_H
#define KMSD_POLICY_CONTEXT_H

#include "kmsd/policy/condition_key.h"
#include "kmsd/policy/subject.h"

/* --- values ----------------------------------------------------------------------------------- */

/* Decimal fraction, exact to nine digits: whole + nano / 10^9, nano not negative. */
struct kmsd_policy_number {
    int64_t whole;
    int32_t nano;
};

/* Optional sign, digits, optional fraction of at most nine digits. KMS_ERR_SYNTAX: anything else,
 * or outside int64_t. */
KMS_MUST_USE enum kms_err kmsd_policy_number_parse(
    struct kms_str text, struct kmsd_policy_number *out);
int kmsd_policy_number_compare(struct kmsd_policy_number a, struct kmsd_policy_number b);

/* An address, or a range when prefix_bits is less than the whole. IPv4-mapped IPv6 is kept as IPv4.
 */
struct kmsd_policy_ip {
    uint8_t bytes[16]; /* network order; of IPv4 the first four */
    uint8_t prefix_bits;
    bool is_v6;
};

/* "203.0.113.0/24", "2001:db8::/32"; without a prefix length the single address. */
KMS_MUST_USE enum kms_err kmsd_policy_ip_parse(struct kms_str text, struct kmsd_policy_ip *out);
bool kmsd_policy_ip_contains(
    const struct kmsd_policy_ip *range, const struct kmsd_policy_ip *address);

/* A time as policies write it: YYYY, YYYY-MM, YYYY-MM-DD, RFC 3339 with or without seconds, the
 * basic form YYYYMMDDThhmmssZ, or seconds since 1970 (not of four digits, or negative, or with a
 * fraction, which is cut to milliseconds). */
KMS_MUST_USE enum kms_err kmsd_policy_time_parse(struct kms_str text, int64_t *time_ms);

enum kmsd_policy_value_kind {
    KMSD_VALUE_TEXT, /* also ARNs; the only kind that comes in lists */
    KMSD_VALUE_NUMBER,
    KMSD_VALUE_BOOL,
    KMSD_VALUE_TIME,
    KMSD_VALUE_IP,
    KMSD_VALUE_BINARY,
};

/* The value or values of one condition key. count is 1 unless is_list; a list of none counts as a
 * missing key. */
struct kmsd_policy_value {
    enum kmsd_policy_value_kind kind;
    bool is_list;
    size_t count;
    union {
        struct kms_str text;
        struct {
            const struct kms_str *first;
            size_t stride; /* bytes from one text to the next: keys of a map without copying */
        } texts;
        int64_t number;
        bool boolean;
        int64_t time_ms;
        struct kmsd_policy_ip ip;
        struct kms_bytes binary;
    };
};

static inline struct kmsd_policy_value kmsd_policy_text(struct kms_str text)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_TEXT, .count = 1, .text = text};
}

static inline struct kmsd_policy_value kmsd_policy_texts(
    const struct kms_str *first, size_t stride, size_t count)
{
    return (struct kmsd_policy_value){
        .kind = KMSD_VALUE_TEXT, .is_list = true, .count = count, .texts = {first, stride}};
}

/* The keys of a map, as kms:EncryptionContextKeys and aws:TagKeys want them. */
static inline struct kmsd_policy_value kmsd_policy_keys_of(struct kms_str_map map)
{
    return kmsd_policy_texts(
        map.count == 0 ? NULL : &map.items[0].key, sizeof(struct kms_str_pair), map.count);
}

static inline struct kmsd_policy_value kmsd_policy_number(int64_t number)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_NUMBER, .count = 1, .number = number};
}

static inline struct kmsd_policy_value kmsd_policy_bool(bool boolean)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_BOOL, .count = 1, .boolean = boolean};
}

static inline struct kmsd_policy_value kmsd_policy_time(int64_t time_ms)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_TIME, .count = 1, .time_ms = time_ms};
}

static inline struct kmsd_policy_value kmsd_policy_ip(struct kmsd_policy_ip ip)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_IP, .count = 1, .ip = ip};
}

static inline struct kmsd_policy_value kmsd_policy_binary(struct kms_bytes binary)
{
    return (struct kmsd_policy_value){.kind = KMSD_VALUE_BINARY, .count = 1, .binary = binary};
}

/* Room for any value that is not text, written as text. */
#define KMSD_POLICY_VALUE_TEXT_MAX 64

/* The index-th value as String operators and variables see it: numbers in decimal, "true" and
 * "false", times as RFC 3339, addresses in their usual form. The view points to the value's own
 * text or into buffer. Binary values have no text: data is NULL. */
struct kms_str kmsd_policy_value_text(
    const struct kmsd_policy_value *value, size_t index, char buffer[KMSD_POLICY_VALUE_TEXT_MAX]);

/* The index-th value as the other operators see it; text is parsed. False: it is no such thing. */
bool kmsd_policy_value_number(
    const struct kmsd_policy_value *value, size_t index, struct kmsd_policy_number *out);
bool kmsd_policy_value_time(const struct kmsd_policy_value *value, size_t index, int64_t *time_ms);
bool kmsd_policy_value_ip(
    const struct kmsd_policy_value *value, size_t index, struct kmsd_policy_ip *out);

/* --- the context of a request ----------------------------------------------------------------- */

/* One answer in a list. */
struct kmsd_policy_entry {
    struct kms_str name; /* "kms:EncryptionContext:Department" */
    struct kmsd_policy_value value;
};

/* Answers for one key, or returns false: this request has none. Must be pure for the length of a
 * decision; what *out points to has to outlive it. */
typedef bool kmsd_policy_lookup_fn(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out);

struct kmsd_policy_context {
    const struct kmsd_policy_subject *subject; /* required */
    struct kms_str resource_account;           /* whose the resource is: 12 digits, or absent */
    const struct kmsd_policy_entry *entries;
    size_t entry_count;
    kmsd_policy_lookup_fn *lookup; /* NULL: none. Asked last. */
    const void *lookup_arg;
};

/* Finds the value of a key. First what is known about the caller and the resource's account, which
 * neither the list nor the function can change; then the list; then the function. */
bool kmsd_policy_context_find(const struct kmsd_policy_context *context,
    const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out);

/* The value that a map has under the name's parameter, letter case aside: what a lookup function
 * answers for kms:EncryptionContext:KEY, aws:RequestTag/KEY and aws:ResourceTag/KEY. */
bool kmsd_policy_map_find(const struct kms_str_map *map, const struct kmsd_policy_key_name *name,
    struct kmsd_policy_value *out);

#endif
