/* The Principal element. */
#include "kmsd/policy/parse_internal.h"

static const char no_principal[] = "Policy contains a statement with no principal.";
static const char invalid_principals[] =
    "Policy contains a statement with one or more invalid principals.";

static enum kms_err parse_aws(struct kms_str text, struct kmsd_policy_name *out)
{
    return kmsd_policy_name_parse(text, true, out);
}

typedef enum kms_err parse_fn(struct kms_str text, struct kmsd_policy_name *out);

/* CanonicalUser is known to be a word of the language, but only object storage has such users. */
static parse_fn *parser_of(const char *type)
{
    static const struct {
        const char *type;
        parse_fn *parse;
    } rows[] = {
        {"AWS", parse_aws},
        {"Service", kmsd_policy_name_parse_service},
        {"Federated", kmsd_policy_name_parse_provider},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(type, rows[i].type) == 0)
            return rows[i].parse;
    return NULL;
}

static enum kms_err add_name(struct kmsd_policy_parser *parser, parse_fn *parse, json_t *item,
    struct kmsd_policy_statement *statement)
{
    struct kmsd_policy_name name;
    struct kms_str text = kmsd_policy_json_str(item);
    if (!json_is_string(item) || parse == NULL || parse(text, &name) != KMS_OK)
        return kmsd_policy_refuse(parser, "%s", invalid_principals);
    name.text = kmsd_policy_build_str(parser->build, name.text);
    if (name.text.data == NULL)
        return KMS_ERR_NO_MEMORY;
    statement->names[statement->name_count++] = name;
    return KMS_OK;
}

static enum kms_err reserve(
    struct kmsd_policy_parser *parser, size_t count, struct kmsd_policy_statement *statement)
{
    if (count == 0)
        return kmsd_policy_refuse(parser, "%s", no_principal);
    statement->names = kmsd_policy_build_alloc(parser->build, count, sizeof(*statement->names));
    return statement->names == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_policy_parse_principal(
    struct kmsd_policy_parser *parser, json_t *element, struct kmsd_policy_statement *statement)
{
    const char *type;
    json_t *value;
    size_t count = 0;
    if (json_is_string(element)) {
        if (!kms_str_is(kmsd_policy_json_str(element), "*"))
            return kmsd_policy_refuse(parser, "%s", invalid_principals);
        enum kms_err err = reserve(parser, 1, statement);
        return err != KMS_OK ? err : add_name(parser, parse_aws, element, statement);
    }
    if (!json_is_object(element))
        return kmsd_policy_refuse(parser, "%s", invalid_principals);
    json_object_foreach(element, type, value) count += kmsd_policy_json_count(value);
    enum kms_err err = reserve(parser, count, statement);
    json_object_foreach(element, type, value)
    {
        for (size_t i = 0; err == KMS_OK && i < kmsd_policy_json_count(value); i++)
            err = add_name(parser, parser_of(type), kmsd_policy_json_item(value, i), statement);
    }
    return err;
}
