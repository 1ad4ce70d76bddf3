#include "kmsd/policy/condition.h"

#include "libkms/base/encoding.h"

#include <strings.h>

/* --- the operators ---------------------------------------------------------------------------- */

enum {
    PLAIN = KMSD_PATTERN_VARIABLES,
    LIKE = KMSD_PATTERN_VARIABLES | KMSD_PATTERN_WILDCARDS,
    ARN = KMSD_PATTERN_VARIABLES | KMSD_PATTERN_WILDCARDS | KMSD_PATTERN_ARN,
};

#define PATTERN(name, negated, letters, flags)                                          \
    {                                                                                   \
        name, KMSD_OPERAND_PATTERN, KMSD_RELATION_EQUAL, negated, letters, flags, false \
    }
#define ORDER(name, operand, relation, negated)                        \
    {                                                                  \
        name, operand, relation, negated, KMSD_LETTERS_EXACT, 0, false \
    }

static const struct kmsd_policy_operator operators[] = {
    PATTERN("StringEquals", false, KMSD_LETTERS_EXACT, PLAIN),
    PATTERN("StringNotEquals", true, KMSD_LETTERS_EXACT, PLAIN),
    PATTERN("StringEqualsIgnoreCase", false, KMSD_LETTERS_FOLDED, PLAIN),
    PATTERN("StringNotEqualsIgnoreCase", true, KMSD_LETTERS_FOLDED, PLAIN),
    PATTERN("StringLike", false, KMSD_LETTERS_EXACT, LIKE),
    PATTERN("StringNotLike", true, KMSD_LETTERS_EXACT, LIKE),

    ORDER("NumericEquals", KMSD_OPERAND_NUMBER, KMSD_RELATION_EQUAL, false),
    ORDER("NumericNotEquals", KMSD_OPERAND_NUMBER, KMSD_RELATION_EQUAL, true),
    ORDER("NumericLessThan", KMSD_OPERAND_NUMBER, KMSD_RELATION_LESS, false),
    ORDER("NumericLessThanEquals", KMSD_OPERAND_NUMBER, KMSD_RELATION_LESS_OR_EQUAL, false),
    ORDER("NumericGreaterThan", KMSD_OPERAND_NUMBER, KMSD_RELATION_GREATER, false),
    ORDER("NumericGreaterThanEquals", KMSD_OPERAND_NUMBER, KMSD_RELATION_GREATER_OR_EQUAL, false),

    ORDER("DateEquals", KMSD_OPERAND_TIME, KMSD_RELATION_EQUAL, false),
    ORDER("DateNotEquals", KMSD_OPERAND_TIME, KMSD_RELATION_EQUAL, true),
    ORDER("DateLessThan", KMSD_OPERAND_TIME, KMSD_RELATION_LESS, false),
    ORDER("DateLessThanEquals", KMSD_OPERAND_TIME, KMSD_RELATION_LESS_OR_EQUAL, false),
    ORDER("DateGreaterThan", KMSD_OPERAND_TIME, KMSD_RELATION_GREATER, false),
    ORDER("DateGreaterThanEquals", KMSD_OPERAND_TIME, KMSD_RELATION_GREATER_OR_EQUAL, false),

    {"Bool", KMSD_OPERAND_PATTERN, KMSD_RELATION_EQUAL, false, KMSD_LETTERS_FOLDED, PLAIN, true},

    ORDER("BinaryEquals", KMSD_OPERAND_BINARY, KMSD_RELATION_EQUAL, false),

    ORDER("IpAddress", KMSD_OPERAND_IP, KMSD_RELATION_EQUAL, false),
    ORDER("NotIpAddress", KMSD_OPERAND_IP, KMSD_RELATION_EQUAL, true),

    PATTERN("ArnEquals", false, KMSD_LETTERS_EXACT, ARN),
    PATTERN("ArnNotEquals", true, KMSD_LETTERS_EXACT, ARN),
    PATTERN("ArnLike", false, KMSD_LETTERS_EXACT, ARN),
    PATTERN("ArnNotLike", true, KMSD_LETTERS_EXACT, ARN),

    ORDER("Null", KMSD_OPERAND_NULL, KMSD_RELATION_EQUAL, false),
};

static bool take_prefix(struct kms_str *text, const char *prefix)
{
    size_t len = strlen(prefix);
    if (text->len < len || memcmp(text->data, prefix, len) != 0)
        return false;
    *text = (struct kms_str){text->data + len, text->len - len};
    return true;
}

static bool take_suffix(struct kms_str *text, const char *suffix)
{
    size_t len = strlen(suffix);
    if (text->len < len || memcmp(text->data + text->len - len, suffix, len) != 0)
        return false;
    text->len -= len;
    return true;
}

enum kms_err kmsd_policy_operation_parse(struct kms_str name, struct kmsd_policy_operation *out)
{
    struct kmsd_policy_operation operation = {.set = KMSD_SET_NONE};
    if (take_prefix(&name, "ForAllValues:"))
        operation.set = KMSD_SET_ALL;
    else if (take_prefix(&name, "ForAnyValue:"))
        operation.set = KMSD_SET_ANY;
    operation.is_if_exists = take_suffix(&name, "IfExists");
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (kms_str_is(name, operators[i].name))
            operation.operator= & operators[i];
    }
    if (operation.operator== NULL)
        return KMS_ERR_SYNTAX;
    bool is_plain = operation.set == KMSD_SET_NONE && !operation.is_if_exists;
    if (operation.operator->operand == KMSD_OPERAND_NULL && !is_plain)
        return KMS_ERR_SYNTAX;
    *out = operation;
    return KMS_OK;
}

/* --- reading the values ----------------------------------------------------------------------- */

static size_t operand_size(enum kmsd_policy_operand operand)
{
    switch (operand) {
    case KMSD_OPERAND_PATTERN:
        return sizeof(struct kmsd_policy_pattern);
    case KMSD_OPERAND_NUMBER:
        return sizeof(struct kmsd_policy_number);
    case KMSD_OPERAND_TIME:
        return sizeof(int64_t);
    case KMSD_OPERAND_BINARY:
        return sizeof(struct kms_bytes);
    case KMSD_OPERAND_IP:
        return sizeof(struct kmsd_policy_ip);
    case KMSD_OPERAND_NULL:
        return sizeof(bool);
    }
    return 0;
}

enum kms_err kmsd_policy_condition_reserve(
    struct kmsd_policy_condition *condition, size_t count, struct kmsd_policy_build *build)
{
    size_t size = operand_size(condition->operation.operator->operand);
    void *values = kmsd_policy_build_alloc(build, count, size);
    if (values == NULL)
        return KMS_ERR_NO_MEMORY;
    condition->patterns = values; /* all members of the union are pointers to objects */
    condition->count = 0;
    return KMS_OK;
}

static bool equals_ignoring_case(struct kms_str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.data, word, text.len) == 0;
}

static bool is_bool(struct kms_str text)
{
    return equals_ignoring_case(text, "true") || equals_ignoring_case(text, "false");
}

static enum kms_err add_pattern(struct kmsd_policy_condition *condition, struct kms_str text,
    bool has_variables, struct kmsd_policy_build *build)
{
    const struct kmsd_policy_operator *operator= condition->operation.operator;
    unsigned flags = operator->pattern_flags;
    if (!has_variables)
        flags &= ~(unsigned)KMSD_PATTERN_VARIABLES;
    struct kmsd_policy_pattern *pattern = &condition->patterns[condition->count];
    enum kms_err err = kmsd_policy_pattern_build(text, flags, build, pattern);
    if (err == KMS_OK && operator->is_bool && pattern->variable_count == 0 && !is_bool(text))
        return KMS_ERR_SYNTAX;
    return err;
}

static enum kms_err add_binary(
    struct kmsd_policy_condition *condition, struct kms_str text, struct kmsd_policy_build *build)
{
    size_t len;
    uint8_t *bytes = kmsd_policy_build_alloc(build, kms_base64_decoded_max(text.len), 1);
    if (bytes == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kms_base64_decode(text, bytes, &len);
    if (err == KMS_OK)
        condition->binaries[condition->count] = kms_bytes(bytes, len);
    return err;
}

enum kms_err kmsd_policy_condition_add(struct kmsd_policy_condition *condition, struct kms_str text,
    bool has_variables, struct kmsd_policy_build *build)
{
    enum kms_err err = KMS_ERR_SYNTAX;
    size_t at = condition->count;
    switch (condition->operation.operator->operand) {
    case KMSD_OPERAND_PATTERN:
        err = add_pattern(condition, text, has_variables, build);
        break;
    case KMSD_OPERAND_NUMBER:
        err = kmsd_policy_number_parse(text, &condition->numbers[at]);
        break;
    case KMSD_OPERAND_TIME:
        err = kmsd_policy_time_parse(text, &condition->times_ms[at]);
        break;
    case KMSD_OPERAND_BINARY:
        err = add_binary(condition, text, build);
        break;
    case KMSD_OPERAND_IP:
        err = kmsd_policy_ip_parse(text, &condition->ips[at]);
        break;
    case KMSD_OPERAND_NULL:
        condition->nulls[at] = equals_ignoring_case(text, "true");
        err = is_bool(text) ? KMS_OK : KMS_ERR_SYNTAX;
        break;
    }
    if (err == KMS_OK)
        condition->count++;
    return err;
}

/* --- meeting them ----------------------------------------------------------------------------- */

static enum kmsd_policy_answer answer(bool is_yes)
{
    return is_yes ? KMSD_ANSWER_YES : KMSD_ANSWER_NO;
}

static bool holds(enum kmsd_policy_relation relation, int order)
{
    switch (relation) {
    case KMSD_RELATION_EQUAL:
        return order == 0;
    case KMSD_RELATION_LESS:
        return order < 0;
    case KMSD_RELATION_LESS_OR_EQUAL:
        return order <= 0;
    case KMSD_RELATION_GREATER:
        return order > 0;
    case KMSD_RELATION_GREATER_OR_EQUAL:
        return order >= 0;
    }
    return false;
}

/* One value of the request, made ready to be compared with each of the document's. */
struct operand {
    bool is_comparable; /* not a text where a number is wanted, for instance */
    struct kms_str text;
    char buffer[KMSD_POLICY_VALUE_TEXT_MAX];
    struct kmsd_policy_number number;
    int64_t time_ms;
    struct kmsd_policy_ip ip;
    struct kms_bytes binary;
};

static void read_operand(const struct kmsd_policy_value *value, size_t index,
    enum kmsd_policy_operand kind, struct operand *out)
{
    out->is_comparable = false;
    switch (kind) {
    case KMSD_OPERAND_PATTERN:
        out->text = kmsd_policy_value_text(value, index, out->buffer);
        out->is_comparable = out->text.data != NULL;
        break;
    case KMSD_OPERAND_NUMBER:
        out->is_comparable = kmsd_policy_value_number(value, index, &out->number);
        break;
    case KMSD_OPERAND_TIME:
        out->is_comparable = kmsd_policy_value_time(value, index, &out->time_ms);
        break;
    case KMSD_OPERAND_BINARY:
        out->is_comparable = value->kind == KMSD_VALUE_BINARY;
        if (out->is_comparable)
            out->binary = value->binary;
        break;
    case KMSD_OPERAND_IP:
        out->is_comparable = kmsd_policy_value_ip(value, index, &out->ip);
        break;
    case KMSD_OPERAND_NULL:
        break;
    }
}

static bool binaries_equal(struct kms_bytes a, struct kms_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static enum kmsd_policy_answer compare(const struct kmsd_policy_condition *condition, size_t at,
    const struct operand *operand, const struct kmsd_policy_context *context)
{
    const struct kmsd_policy_operator *operator= condition->operation.operator;
    int64_t time_ms;
    switch (operator->operand) {
    case KMSD_OPERAND_PATTERN:
        return kmsd_policy_pattern_match(
            &condition->patterns[at], operand->text, operator->letters, context);
    case KMSD_OPERAND_NUMBER:
        return answer(holds(operator->relation,
            kmsd_policy_number_compare(operand->number, condition->numbers[at])));
    case KMSD_OPERAND_TIME:
        time_ms = condition->times_ms[at];
        return answer(
            holds(operator->relation, (operand->time_ms > time_ms) - (operand->time_ms < time_ms)));
    case KMSD_OPERAND_BINARY:
        return answer(binaries_equal(operand->binary, condition->binaries[at]));
    case KMSD_OPERAND_IP:
        return answer(kmsd_policy_ip_contains(&condition->ips[at], &operand->ip));
    case KMSD_OPERAND_NULL:
        break;
    }
    return KMSD_ANSWER_NO;
}

/* Whether one value of the request passes: equals one of the document's or, negated, none. */
static bool passes(const struct kmsd_policy_condition *condition,
    const struct kmsd_policy_value *value, size_t index, bool is_deny,
    const struct kmsd_policy_context *context)
{
    const struct kmsd_policy_operator *operator= condition->operation.operator;
    struct operand operand;
    read_operand(value, index, operator->operand, &operand);
    bool is_matched = false, is_unknown = false;
    for (size_t i = 0; operand.is_comparable && i < condition->count && !is_matched; i++) {
        enum kmsd_policy_answer found = compare(condition, i, &operand, context);
        is_matched = found == KMSD_ANSWER_YES;
        is_unknown = is_unknown || found == KMSD_ANSWER_UNKNOWN;
    }
    /* A variable without a value, or a value that is of the wrong kind, equals nothing; but a
     * permission does not follow from that. */
    bool is_sound = operand.is_comparable && !is_unknown;
    if (!is_matched && !is_sound && !is_deny)
        return false;
    return is_matched != operator->is_negated;
}

/* Several values without a set operator: see evaluate.h. */
static bool passes_as_set(const struct kmsd_policy_condition *condition,
    const struct kmsd_policy_value *value, bool is_deny, const struct kmsd_policy_context *context)
{
    enum kmsd_policy_set set = condition->operation.set;
    if (set == KMSD_SET_NONE && value->count > 1) {
        if (!is_deny)
            return false;
        set = KMSD_SET_ANY;
    }
    bool wants_all = set == KMSD_SET_ALL;
    for (size_t i = 0; i < value->count; i++) {
        if (passes(condition, value, i, is_deny, context) != wants_all)
            return !wants_all;
    }
    return wants_all;
}

/* For the set operators an empty text is no value. */
static bool is_empty(const struct kmsd_policy_value *value)
{
    return value->kind == KMSD_VALUE_TEXT && !value->is_list && value->text.len == 0;
}

bool kmsd_policy_condition_is_met(const struct kmsd_policy_condition *condition, bool is_deny,
    const struct kmsd_policy_context *context)
{
    const struct kmsd_policy_operation *operation = &condition->operation;
    struct kmsd_policy_value value;
    bool exists = kmsd_policy_context_find(context, &condition->key, &value) && value.count != 0;
    if (operation->operator->operand == KMSD_OPERAND_NULL) {
        for (size_t i = 0; i < condition->count; i++)
            if (condition->nulls[i] == !exists)
                return true;
        return false;
    }
    if (exists && !(operation->set != KMSD_SET_NONE && is_empty(&value)))
        return passes_as_set(condition, &value, is_deny, context);
    if (operation->is_if_exists && !exists)
        return true;
    if (operation->set != KMSD_SET_NONE)
        return operation->set == KMSD_SET_ALL;
    return operation->operator->is_negated;
}
