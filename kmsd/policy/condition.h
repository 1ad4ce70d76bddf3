/*
 * Conditions: one operator, one key, the values that the document lists for it.
 *
 * Source: "IAM JSON policy elements: Condition operators", IAM User Guide.
 */
#ifndef KMSD_POLICY_CONDITION_H
#define KMSD_POLICY_CONDITION_H

#include "kmsd/policy/pattern.h"

/* What the values of a condition are. */
enum kmsd_policy_operand {
    KMSD_OPERAND_PATTERN, /* String, Arn and Bool operators */
    KMSD_OPERAND_NUMBER,
    KMSD_OPERAND_TIME,
    KMSD_OPERAND_BINARY,
    KMSD_OPERAND_IP,
    KMSD_OPERAND_NULL,
};

enum kmsd_policy_relation {
    KMSD_RELATION_EQUAL,
    KMSD_RELATION_LESS,
    KMSD_RELATION_LESS_OR_EQUAL,
    KMSD_RELATION_GREATER,
    KMSD_RELATION_GREATER_OR_EQUAL,
};

/* One row of the table of operators. */
struct kmsd_policy_operator {
    const char *name;
    enum kmsd_policy_operand operand;
    enum kmsd_policy_relation relation;
    bool is_negated;
    enum kmsd_policy_letter_case letters;
    unsigned pattern_flags;
    bool is_bool; /* values are true or false */
};

/* How several values of the key combine. */
enum kmsd_policy_set {
    KMSD_SET_NONE,
    KMSD_SET_ALL, /* ForAllValues: */
    KMSD_SET_ANY, /* ForAnyValue: */
};

/* An operator as a document names it, with prefix and suffix. */
struct kmsd_policy_operation {
    const struct kmsd_policy_operator *operator;
    enum kmsd_policy_set set;
    bool is_if_exists;
};

struct kmsd_policy_condition {
    struct kmsd_policy_operation operation;
    struct kms_str operator_name; /* as written */
    struct kmsd_policy_key_name key;
    size_t count; /* of the values below */
    union {
        struct kmsd_policy_pattern *patterns;
        struct kmsd_policy_number *numbers;
        int64_t *times_ms;
        struct kms_bytes *binaries;
        struct kmsd_policy_ip *ips;
        bool *nulls;
    };
};

/* Resolves "ForAnyValue:StringLikeIfExists" and the like; letter case counts. KMS_ERR_SYNTAX: no
 * such operator, or Null with a prefix or suffix. */
KMS_MUST_USE enum kms_err kmsd_policy_operation_parse(
    struct kms_str name, struct kmsd_policy_operation *out);

/* Makes room for count values of the condition's operand. */
KMS_MUST_USE enum kms_err kmsd_policy_condition_reserve(
    struct kmsd_policy_condition *condition, size_t count, struct kmsd_policy_build *build);

/* Reads one more value. has_variables: the document's version knows policy variables.
 * KMS_ERR_SYNTAX: not what the operator compares with. */
KMS_MUST_USE enum kms_err kmsd_policy_condition_add(struct kmsd_policy_condition *condition,
    struct kms_str text, bool has_variables, struct kmsd_policy_build *build);

/* Whether the request meets the condition, in a statement with this effect (see evaluate.h for what
 * it changes). */
bool kmsd_policy_condition_is_met(const struct kmsd_policy_condition *condition, bool is_deny,
    const struct kmsd_policy_context *context);

#endif
