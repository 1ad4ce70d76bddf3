/* What the files of the parser share. */
#ifndef KMSD_POLICY_PARSE_INTERNAL_H
#define KMSD_POLICY_PARSE_INTERNAL_H

#include "kmsd/policy/statement.h"

#include <jansson.h>

struct kmsd_policy_parser {
    struct kmsd_policy_build *build;
    struct kmsd_policy_problem *problem;
    enum kmsd_policy_kind kind;
    bool has_variables;
    size_t statement; /* the present one, from 0 */
};

/* A view of a JSON string. */
static inline struct kms_str kmsd_policy_json_str(json_t *string)
{
    return (struct kms_str){json_string_value(string), json_string_length(string)};
}

/* A string or a list: how many items, and which. A list may be empty. */
static inline size_t kmsd_policy_json_count(json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : 1;
}

static inline json_t *kmsd_policy_json_item(json_t *value, size_t index)
{
    return json_is_array(value) ? json_array_get(value, index) : value;
}

/* Sets the problem and returns KMS_ERR_VALIDATION. */
enum kms_err kmsd_policy_refuse(struct kmsd_policy_parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, after "Statement N: ". */
enum kms_err kmsd_policy_refuse_statement(struct kmsd_policy_parser *parser, const char *format,
    ...) __attribute__((format(printf, 2, 3)));

/* How much of a text from the document goes into a message: at most 100 bytes, whole characters. */
int kmsd_policy_quoted_len(struct kms_str text);

/* The Principal or NotPrincipal element. */
KMS_MUST_USE enum kms_err kmsd_policy_parse_principal(
    struct kmsd_policy_parser *parser, json_t *element, struct kmsd_policy_statement *statement);

/* The Condition element. */
KMS_MUST_USE enum kms_err kmsd_policy_parse_conditions(
    struct kmsd_policy_parser *parser, json_t *element, struct kmsd_policy_statement *statement);

#endif
