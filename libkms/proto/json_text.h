/*
 * JSON text as it stands in memory: proven once, then read in place. No document is built, so a
 * request costs neither its memory nor its time; where a document is wanted (policies, files),
 * Jansson builds it. Nobody outside this folder includes it.
 *
 * Source: RFC 8259; text is UTF-8 without a byte order mark.
 */
#ifndef KMS_PROTO_JSON_TEXT_H
#define KMS_PROTO_JSON_TEXT_H

#include <kms/bytes.h>
#include <kms/error.h>

/*
 * Proves that text is one JSON object or list, and within the codec's limits. Escapes have to make
 * Unicode scalar values; a name must not hold a NUL (text may).
 *
 *   KMS_ERR_SYNTAX    it is not
 *   KMS_ERR_TOO_DEEP  nested deeper than KMS_CODEC_MAX_DEPTH
 *   KMS_ERR_LIMIT     more than KMS_CODEC_MAX_ITEMS in one list or object, or than
 *                     KMS_CODEC_MAX_VALUES in all
 */
KMS_MUST_USE enum kms_err kms_json_check(struct kms_str text);

/* A place in text that kms_json_check has proven: what follows relies on that and cannot fail. A
 * copy is a bookmark. */
struct kms_json_place {
    const char *at;
};

enum kms_json_kind {
    KMS_JSON_OBJECT,
    KMS_JSON_LIST,
    KMS_JSON_STRING,
    KMS_JSON_NUMBER,
    KMS_JSON_TRUE,
    KMS_JSON_FALSE,
    KMS_JSON_NULL,
};

/* What the value is that comes next. */
enum kms_json_kind kms_json_next(struct kms_json_place *place);

/* Goes into the object or list that comes next. */
void kms_json_enter(struct kms_json_place *place);

/* Whether another entry follows; goes to it, or past the end of the object or list. */
bool kms_json_more(struct kms_json_place *place);

/* Goes past the value that comes next. */
void kms_json_skip(struct kms_json_place *place);

/* Entries of the object or list that comes next. Does not move. */
size_t kms_json_count(struct kms_json_place place);

struct kms_json_string {
    struct kms_str raw; /* between the quotes */
    bool has_escapes;
};

/* Reads the string that comes next; the name that comes next, up to its value. */
struct kms_json_string kms_json_string(struct kms_json_place *place);
struct kms_json_string kms_json_name(struct kms_json_place *place);

/* Writes what the string means, without a NUL of its own: never more than raw.len bytes. */
size_t kms_json_unescape(struct kms_json_string string, char *out);

struct kms_json_number {
    bool is_integer; /* written as one: without point and exponent */
    int64_t integer;
    double real;
};

#define KMS_JSON_REAL_MAX 255 /* characters of a number that is no integer */

/* Reads the number that comes next. KMS_ERR_SYNTAX: too large for an int64_t or a double, or too
 * long. */
KMS_MUST_USE enum kms_err kms_json_number(
    struct kms_json_place *place, struct kms_json_number *out);

#endif
