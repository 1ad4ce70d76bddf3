/*
 * Texts of documents that stand for many: wildcards and policy variables, taken apart once.
 *
 * Source: "IAM JSON policy elements: Resource" and "Variables and tags", IAM User Guide.
 */
#ifndef KMSD_POLICY_PATTERN_H
#define KMSD_POLICY_PATTERN_H

#include "kmsd/policy/build.h"
#include "kmsd/policy/context.h"

enum kmsd_policy_pattern_flag {
    KMSD_PATTERN_WILDCARDS = 1, /* * and ? are wildcards, otherwise they stand for themselves */
    KMSD_PATTERN_VARIABLES = 2, /* ${...} is replaced; otherwise it stands for itself */
    /* The text is an ARN: in its first five fields wildcards and variables match no colon. A * that
     * ends the whole pattern matches the rest all the same. */
    KMSD_PATTERN_ARN = 4,
    /* With _ARN, as the Resource element has it: also a * that ends a field matches colons, and
     * variables stand only after the fifth colon. */
    KMSD_PATTERN_RESOURCE = 8,
    KMSD_PATTERN_LOWER_CASE = 16, /* written in lower case, to be matched with lower case */
};

/* How letters compare. */
enum kmsd_policy_letter_case {
    KMSD_LETTERS_EXACT,
    KMSD_LETTERS_FOLDED, /* without regard to case: ASCII and Latin-1, which is all that a key
                            policy can hold */
};

enum kmsd_policy_token_kind {
    KMSD_TOKEN_TEXT,
    KMSD_TOKEN_ONE,  /* one character */
    KMSD_TOKEN_MANY, /* any number of characters */
    KMSD_TOKEN_VARIABLE,
};

struct kmsd_policy_variable {
    struct kmsd_policy_key_name name;
    struct kms_str fallback; /* absent: none */
};

struct kmsd_policy_token {
    uint8_t kind;
    bool stops_at_colon;
    union {
        struct kms_str text;
        const struct kmsd_policy_variable *variable;
    };
};

struct kmsd_policy_pattern {
    const struct kmsd_policy_token *tokens;
    uint32_t token_count;
    uint32_t variable_count;
};

/* Takes text apart. KMS_ERR_SYNTAX: a ${ that is no variable, more than KMSD_POLICY_VARIABLES_MAX
 * of them, or one where none may be. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_policy_pattern_build(struct kms_str text, unsigned flags,
    struct kmsd_policy_build *build, struct kmsd_policy_pattern *out);

enum kmsd_policy_answer {
    KMSD_ANSWER_NO,
    KMSD_ANSWER_YES,
    KMSD_ANSWER_UNKNOWN, /* a variable has no single value */
};

/* Whether the whole text matches. context may be NULL when the pattern has no variables. */
enum kmsd_policy_answer kmsd_policy_pattern_match(const struct kmsd_policy_pattern *pattern,
    struct kms_str text, enum kmsd_policy_letter_case letters,
    const struct kmsd_policy_context *context);

/* Whether texts are equal under the letter case rule. */
bool kmsd_policy_letters_equal(
    struct kms_str a, struct kms_str b, enum kmsd_policy_letter_case letters);

#endif
