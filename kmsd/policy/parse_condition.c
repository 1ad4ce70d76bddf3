/* The Condition element. */
#include "kmsd/policy/parse_internal.h"

#include <stdio.h>

/* Room for a number written in decimal. */
enum { NUMBER_TEXT_MAX = 32 };

/* Values are strings; numbers and truth values may stand without quotes. data is NULL: neither. */
static struct kms_str scalar_text(json_t *value, char buffer[NUMBER_TEXT_MAX])
{
    int len = -1;
    if (json_is_string(value))
        return kmsd_policy_json_str(value);
    if (json_is_boolean(value))
        return kms_str(json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        len = snprintf(buffer, NUMBER_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        len = snprintf(buffer, NUMBER_TEXT_MAX, "%.15g", json_real_value(value));
    if (len < 0 || len >= NUMBER_TEXT_MAX)
        return (struct kms_str){NULL, 0};
    return (struct kms_str){buffer, (size_t)len};
}

static enum kms_err refuse_value(struct kmsd_policy_parser *parser,
    const struct kmsd_policy_condition *condition, struct kms_str text)
{
    return kmsd_policy_refuse_statement(parser,
        "the condition operator %.*s does not take the value \"%.*s\".",
        kmsd_policy_quoted_len(condition->operator_name), condition->operator_name.data,
        kmsd_policy_quoted_len(text), text.data == NULL ? "" : text.data);
}

static enum kms_err parse_values(
    struct kmsd_policy_parser *parser, json_t *values, struct kmsd_policy_condition *condition)
{
    size_t count = kmsd_policy_json_count(values);
    if (count == 0)
        return kmsd_policy_refuse_statement(parser, "a condition has no value.");
    enum kms_err err = kmsd_policy_condition_reserve(condition, count, parser->build);
    for (size_t i = 0; err == KMS_OK && i < count; i++) {
        char buffer[NUMBER_TEXT_MAX];
        struct kms_str text = scalar_text(kmsd_policy_json_item(values, i), buffer);
        err = text.data == NULL ? KMS_ERR_SYNTAX
                                : kmsd_policy_condition_add(
                                      condition, text, parser->has_variables, parser->build);
        if (err == KMS_ERR_SYNTAX)
            err = refuse_value(parser, condition, text);
    }
    return err;
}

/* Traps: ForAllValues holds when the key is missing, so that with a key of one value it lets
 * through what it seems to forbid; and what only the account may decide by. */
static enum kms_err check_for_key_policy(
    struct kmsd_policy_parser *parser, const struct kmsd_policy_condition *condition)
{
    enum kmsd_policy_key key = condition->key.key;
    if (kmsd_policy_key_info(key)->is_refused_in_key_policy)
        return kmsd_policy_refuse(parser, "These condition keys are not permitted in a key policy: "
                                          "aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases");
    bool is_context = key == KMSD_KEY_ENCRYPTION_CONTEXT;
    if (condition->operation.set != KMSD_SET_ALL || !(is_context || key == KMSD_KEY_REQUEST_TAG))
        return KMS_OK;
    const char *what = is_context ? "encryption context" : "tag";
    return kmsd_policy_refuse(parser,
        "OverlyPermissiveCondition:%s Using the ForAllValues set operator with a single-valued "
        "condition key matches requests without the specified %s or with an unspecified %s. To "
        "fix, remove ForAllValues.",
        is_context ? "EncryptionContext:" : "", what, what);
}

static enum kms_err parse_condition(struct kmsd_policy_parser *parser, struct kms_str operator_name,
    const char *key, json_t *values, struct kmsd_policy_condition *condition)
{
    struct kms_str written = kms_str(key);
    condition->operator_name = operator_name;
    if (kmsd_policy_operation_parse(operator_name, &condition->operation) != KMS_OK)
        return kmsd_policy_refuse_statement(parser, "unknown condition operator \"%.*s\".",
            kmsd_policy_quoted_len(operator_name), operator_name.data);
    struct kms_str kept = kmsd_policy_build_str(parser->build, written);
    if (kept.data == NULL)
        return KMS_ERR_NO_MEMORY;
    if (kmsd_policy_key_name_parse(kept, &condition->key) != KMS_OK)
        return kmsd_policy_refuse_statement(parser,
            "\"%.*s\" is no condition key; its name begins with a service and a colon.",
            kmsd_policy_quoted_len(written), key);
    if (parser->kind == KMSD_POLICY_KIND_KEY) {
        enum kms_err err = check_for_key_policy(parser, condition);
        if (err != KMS_OK)
            return err;
    }
    return parse_values(parser, values, condition);
}

static enum kms_err count_conditions(
    struct kmsd_policy_parser *parser, json_t *element, size_t *count)
{
    const char *operator_name;
    json_t *keys;
    if (!json_is_object(element))
        return kmsd_policy_refuse_statement(parser, "\"Condition\" must be an object.");
    json_object_foreach(element, operator_name, keys)
    {
        if (!json_is_object(keys))
            return kmsd_policy_refuse_statement(
                parser, "a condition operator must have an object of condition keys.");
        *count += json_object_size(keys);
    }
    return KMS_OK;
}

enum kms_err kmsd_policy_parse_conditions(
    struct kmsd_policy_parser *parser, json_t *element, struct kmsd_policy_statement *statement)
{
    const char *operator_name, *key;
    json_t *keys, *values;
    size_t count = 0;
    enum kms_err err = count_conditions(parser, element, &count);
    if (err != KMS_OK)
        return err;
    statement->conditions =
        kmsd_policy_build_alloc(parser->build, count, sizeof(*statement->conditions));
    if (statement->conditions == NULL)
        return KMS_ERR_NO_MEMORY;
    json_object_foreach(element, operator_name, keys)
    {
        struct kms_str kept = kmsd_policy_build_str(parser->build, kms_str(operator_name));
        if (kept.data == NULL)
            return KMS_ERR_NO_MEMORY;
        json_object_foreach(keys, key, values)
        {
            err = parse_condition(
                parser, kept, key, values, &statement->conditions[statement->condition_count++]);
            if (err != KMS_OK)
                return err;
        }
    }
    return KMS_OK;
}
