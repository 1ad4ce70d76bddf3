#include "kmsd/policy/parse.h"

#include "kmsd/policy/parse_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUOTED_MAX = 100,
    SCRATCH_MAX = 64 * KMSD_POLICY_TEXT_MAX, /* the parsed form is a small multiple of the text */
};

static void json_free_at(json_t **json)
{
    json_decref(*json);
}
#define JSON_AUTO __attribute__((cleanup(json_free_at))) json_t *

/* --- refusing --------------------------------------------------------------------------------- */

enum kms_err kmsd_policy_refuse(struct kmsd_policy_parser *parser, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(parser->problem->text, sizeof(parser->problem->text), format, args);
    va_end(args);
    return KMS_ERR_VALIDATION;
}

enum kms_err kmsd_policy_refuse_statement(
    struct kmsd_policy_parser *parser, const char *format, ...)
{
    char *text = parser->problem->text;
    size_t size = sizeof(parser->problem->text);
    int len = snprintf(text, size, "Statement %zu: ", parser->statement + 1);
    va_list args;
    va_start(args, format);
    if (len > 0 && (size_t)len < size)
        (void)vsnprintf(text + len, size - (size_t)len, format, args);
    va_end(args);
    return KMS_ERR_VALIDATION;
}

int kmsd_policy_quoted_len(struct kms_str text)
{
    size_t len = text.len < QUOTED_MAX ? text.len : QUOTED_MAX;
    if (len < text.len)
        while (len > 0 && ((uint8_t)text.data[len] & 0xc0) == 0x80)
            len--;
    return (int)len;
}

/* --- actions and resources -------------------------------------------------------------------- */

/* "*", or a service's name, one colon, and an action with wildcards. */
static enum kms_err check_action(struct kmsd_policy_parser *parser, struct kms_str text)
{
    if (kms_str_is(text, "*"))
        return KMS_OK;
    const char *colon = memchr(text.data, ':', text.len);
    if (colon == NULL || colon == text.data)
        return kmsd_policy_refuse(
            parser, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    size_t vendor_len = (size_t)(colon - text.data);
    size_t rest = text.len - vendor_len - 1;
    if (rest == 0 || memchr(colon + 1, ':', rest) != NULL)
        return kmsd_policy_refuse(parser, "Actions/Condition can contain only one colon.");
    for (size_t i = 0; i < vendor_len; i++) {
        char c = text.data[i];
        bool is_allowed =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        if (!is_allowed)
            return kmsd_policy_refuse(parser, "Vendor %.*s is not valid",
                kmsd_policy_quoted_len((struct kms_str){text.data, vendor_len}), text.data);
    }
    return KMS_OK;
}

/* Outside key policies, where only "*" and the key's own ARN mean anything and others are ignored:
 * "*" or an ARN. */
static enum kms_err check_resource(struct kmsd_policy_parser *parser, struct kms_str text)
{
    static const char start[] = "arn:";
    bool is_arn = text.len >= sizeof(start) && memcmp(text.data, start, sizeof(start) - 1) == 0;
    if (parser->kind == KMSD_POLICY_KIND_KEY || is_arn || kms_str_is(text, "*"))
        return KMS_OK;
    return kmsd_policy_refuse(parser, "Resource %.*s must be in ARN format or \"*\".",
        kmsd_policy_quoted_len(text), text.data);
}

struct list {
    const char *element;
    enum kms_err (*check)(struct kmsd_policy_parser *parser, struct kms_str text);
    unsigned flags;
};

static const struct list actions = {
    "Action", check_action, KMSD_PATTERN_WILDCARDS | KMSD_PATTERN_LOWER_CASE};
static const struct list resources = {"Resource", check_resource,
    KMSD_PATTERN_WILDCARDS | KMSD_PATTERN_VARIABLES | KMSD_PATTERN_ARN | KMSD_PATTERN_RESOURCE};

static enum kms_err parse_list(struct kmsd_policy_parser *parser, const struct list *list,
    json_t *element, struct kmsd_policy_pattern **patterns, uint32_t *count)
{
    size_t size = kmsd_policy_json_count(element);
    unsigned flags = list->flags;
    if (!parser->has_variables)
        flags &= ~(unsigned)KMSD_PATTERN_VARIABLES;
    struct kmsd_policy_pattern *list_of =
        kmsd_policy_build_alloc(parser->build, size, sizeof(*list_of));
    if (list_of == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < size; i++) {
        json_t *item = kmsd_policy_json_item(element, i);
        if (!json_is_string(item))
            return kmsd_policy_refuse_statement(
                parser, "\"%s\" must be a string or a list of strings.", list->element);
        struct kms_str text = kmsd_policy_json_str(item);
        enum kms_err err = list->check(parser, text);
        if (err == KMS_OK)
            err = kmsd_policy_pattern_build(text, flags, parser->build, &list_of[i]);
        if (err == KMS_ERR_SYNTAX)
            return kmsd_policy_refuse_statement(parser,
                "\"%.*s\" has a policy variable that is malformed or misplaced.",
                kmsd_policy_quoted_len(text), text.data);
        if (err != KMS_OK)
            return err;
    }
    *patterns = list_of;
    *count = (uint32_t)size;
    return KMS_OK;
}

/* --- statements ------------------------------------------------------------------------------- */

/* An element and its negation, of which one may be there. */
struct pair {
    json_t *element;
    bool is_negated;
};

static enum kms_err find_pair(struct kmsd_policy_parser *parser, json_t *statement,
    const char *name, const char *negated_name, struct pair *out)
{
    json_t *plain = json_object_get(statement, name);
    json_t *negated = json_object_get(statement, negated_name);
    if (plain != NULL && negated != NULL)
        return kmsd_policy_refuse_statement(
            parser, "\"%s\" and \"%s\" exclude each other.", name, negated_name);
    *out = (struct pair){plain != NULL ? plain : negated, negated != NULL};
    return KMS_OK;
}

static bool has_principals(enum kmsd_policy_kind kind)
{
    return kind == KMSD_POLICY_KIND_KEY || kind == KMSD_POLICY_KIND_TRUST;
}

static enum kms_err parse_who(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_statement *statement)
{
    struct pair who = {0};
    enum kms_err err = find_pair(parser, json, "Principal", "NotPrincipal", &who);
    if (err != KMS_OK)
        return err;
    if (!has_principals(parser->kind)) {
        if (who.element != NULL)
            return kmsd_policy_refuse(parser, "Policy document should not specify a principal.");
        return KMS_OK;
    }
    if (who.element == NULL)
        return kmsd_policy_refuse(parser, "Policy contains a statement with no principal.");
    if (who.is_negated && !statement->is_deny)
        return kmsd_policy_refuse_statement(
            parser, "\"NotPrincipal\" is only supported with the effect \"Deny\".");
    statement->is_not_principal = who.is_negated;
    return kmsd_policy_parse_principal(parser, who.element, statement);
}

static enum kms_err parse_actions(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_statement *statement)
{
    struct pair what = {0};
    enum kms_err err = find_pair(parser, json, "Action", "NotAction", &what);
    if (err != KMS_OK)
        return err;
    if (what.element != NULL)
        err = parse_list(
            parser, &actions, what.element, &statement->actions, &statement->action_count);
    if (err != KMS_OK)
        return err;
    statement->is_not_action = what.is_negated;
    if (statement->action_count != 0)
        return KMS_OK;
    if (parser->kind != KMSD_POLICY_KIND_KEY)
        return kmsd_policy_refuse(parser, "Policy statement must contain actions.");
    statement->is_inert = true;
    return KMS_OK;
}

static enum kms_err parse_resources(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_statement *statement)
{
    struct pair what = {0};
    enum kms_err err = find_pair(parser, json, "Resource", "NotResource", &what);
    if (err != KMS_OK)
        return err;
    if (parser->kind == KMSD_POLICY_KIND_TRUST) {
        if (what.element != NULL)
            return kmsd_policy_refuse(
                parser, "Has prohibited field %s", what.is_negated ? "NotResource" : "Resource");
        return KMS_OK;
    }
    if (what.element != NULL)
        err = parse_list(
            parser, &resources, what.element, &statement->resources, &statement->resource_count);
    if (err != KMS_OK)
        return err;
    statement->is_not_resource = what.is_negated;
    if (statement->resource_count != 0)
        return KMS_OK;
    if (parser->kind != KMSD_POLICY_KIND_KEY)
        return kmsd_policy_refuse(parser, "Policy statement must contain resources.");
    statement->is_inert = true;
    return KMS_OK;
}

static bool is_alphanumeric(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            return false;
    }
    return true;
}

/* A text that is kept; left absent when the member is. */
static enum kms_err parse_text(
    struct kmsd_policy_parser *parser, json_t *object, const char *name, struct kms_str *out)
{
    json_t *value = json_object_get(object, name);
    if (value == NULL)
        return KMS_OK;
    if (!json_is_string(value))
        return kmsd_policy_refuse(parser, "\"%s\" must be a string.", name);
    *out = kmsd_policy_build_str(parser->build, kmsd_policy_json_str(value));
    return out->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

static enum kms_err parse_head(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_statement *statement)
{
    enum kms_err err = parse_text(parser, json, "Sid", &statement->sid);
    if (err != KMS_OK)
        return err;
    if (!has_principals(parser->kind) && !is_alphanumeric(statement->sid))
        return kmsd_policy_refuse(parser,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
            "regular expression [0-9A-Za-z]*");
    json_t *effect = json_object_get(json, "Effect");
    struct kms_str text = kmsd_policy_json_str(effect);
    statement->is_deny = effect != NULL && kms_str_is(text, "Deny");
    if (effect == NULL || !(statement->is_deny || kms_str_is(text, "Allow")))
        return kmsd_policy_refuse_statement(parser, "\"Effect\" must be \"Allow\" or \"Deny\".");
    return KMS_OK;
}

/* NULL: all members are among the names. */
static const char *find_unknown(json_t *object, const char *const *names, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(name, names[i]) != 0)
            i++;
        if (i == count)
            return name;
    }
    return NULL;
}

static enum kms_err parse_statement(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_statement *statement)
{
    static const char *const elements[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
        "NotAction", "Resource", "NotResource", "Condition"};
    if (!json_is_object(json))
        return kmsd_policy_refuse_statement(parser, "a statement must be an object.");
    const char *unknown = find_unknown(json, elements, sizeof(elements) / sizeof(elements[0]));
    if (unknown != NULL)
        return kmsd_policy_refuse_statement(
            parser, "unknown element \"%.*s\".", kmsd_policy_quoted_len(kms_str(unknown)), unknown);
    enum kms_err err = parse_head(parser, json, statement);
    if (err == KMS_OK)
        err = parse_who(parser, json, statement);
    if (err == KMS_OK)
        err = parse_actions(parser, json, statement);
    if (err == KMS_OK)
        err = parse_resources(parser, json, statement);
    json_t *conditions = json_object_get(json, "Condition");
    if (err == KMS_OK && conditions != NULL)
        err = kmsd_policy_parse_conditions(parser, conditions, statement);
    return err;
}

/* --- the document ----------------------------------------------------------------------------- */

static enum kms_err check_sids(
    struct kmsd_policy_parser *parser, const struct kmsd_policy_document *document)
{
    if (parser->kind == KMSD_POLICY_KIND_KEY)
        return KMS_OK;
    for (size_t i = 0; i < document->statement_count; i++) {
        struct kms_str sid = document->statements[i].sid;
        for (size_t j = 0; j < i && sid.len != 0; j++)
            if (kms_str_eq(document->statements[j].sid, sid))
                return kmsd_policy_refuse(
                    parser, "Statement IDs (SID) in a single policy must be unique.");
    }
    return KMS_OK;
}

static enum kms_err parse_version(struct kmsd_policy_parser *parser, json_t *json)
{
    json_t *version = json_object_get(json, "Version");
    struct kms_str text = kmsd_policy_json_str(version);
    if (version == NULL)
        return KMS_OK;
    parser->has_variables = json_is_string(version) && kms_str_is(text, "2012-10-17");
    if (!parser->has_variables && !(json_is_string(version) && kms_str_is(text, "2008-10-17")))
        return kmsd_policy_refuse(
            parser, "The \"Version\" of a policy must be \"2012-10-17\" or \"2008-10-17\".");
    return KMS_OK;
}

static enum kms_err build_document(
    struct kmsd_policy_parser *parser, json_t *json, struct kmsd_policy_document **out)
{
    static const char *const elements[] = {"Version", "Id", "Statement"};
    struct kmsd_policy_document *document =
        kmsd_policy_build_alloc(parser->build, 1, sizeof(*document));
    if (document == NULL)
        return KMS_ERR_NO_MEMORY;
    if (!json_is_object(json))
        return kmsd_policy_refuse(parser, "A policy must be a JSON object.");
    const char *unknown = find_unknown(json, elements, sizeof(elements) / sizeof(elements[0]));
    if (unknown != NULL)
        return kmsd_policy_refuse(
            parser, "Unknown element \"%.*s\".", kmsd_policy_quoted_len(kms_str(unknown)), unknown);
    enum kms_err err = parse_version(parser, json);
    if (err == KMS_OK)
        err = parse_text(parser, json, "Id", &document->id);
    if (err != KMS_OK)
        return err;
    json_t *statements = json_object_get(json, "Statement");
    size_t count = statements == NULL ? 0 : kmsd_policy_json_count(statements);
    if (count == 0)
        return kmsd_policy_refuse(parser, "A policy must have at least one statement.");
    document->kind = parser->kind;
    document->has_variables = parser->has_variables;
    document->statement_count = count;
    document->statements =
        kmsd_policy_build_alloc(parser->build, count, sizeof(*document->statements));
    if (document->statements == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; err == KMS_OK && i < count; i++) {
        parser->statement = i;
        err =
            parse_statement(parser, kmsd_policy_json_item(statements, i), &document->statements[i]);
    }
    if (err == KMS_OK)
        err = check_sids(parser, document);
    if (err == KMS_OK)
        *out = document;
    return err;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t counted_size(struct kms_str text, enum kmsd_policy_kind kind)
{
    size_t size = 0;
    if (kind == KMSD_POLICY_KIND_KEY)
        return text.len;
    for (size_t i = 0; i < text.len; i++)
        size += is_blank(text.data[i]) ? 0 : 1;
    return size;
}

static size_t limit_of(enum kmsd_policy_kind kind)
{
    switch (kind) {
    case KMSD_POLICY_KIND_KEY:
        return KMSD_POLICY_KEY_MAX;
    case KMSD_POLICY_KIND_IDENTITY:
        return KMSD_POLICY_IDENTITY_MAX;
    case KMSD_POLICY_KIND_SESSION:
        return KMSD_POLICY_SESSION_MAX;
    case KMSD_POLICY_KIND_BOUNDARY:
        return KMSD_POLICY_BOUNDARY_MAX;
    case KMSD_POLICY_KIND_TRUST:
        return KMSD_POLICY_TRUST_MAX;
    }
    return 0;
}

enum kms_err kmsd_policy_parse(struct kms_str text, enum kmsd_policy_kind kind,
    struct kmsd_policy_document **out, struct kmsd_policy_problem *problem)
{
    struct kmsd_policy_document *document = NULL;
    problem->text[0] = '\0';
    size_t limit = limit_of(kind);
    if (text.len > KMSD_POLICY_TEXT_MAX || counted_size(text, kind) > limit) {
        (void)snprintf(problem->text, sizeof(problem->text),
            "The policy is longer than the limit of %zu %s.", limit,
            kind == KMSD_POLICY_KIND_KEY ? "bytes" : "characters");
        return KMS_ERR_LIMIT;
    }
    json_error_t ignored;
    JSON_AUTO json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &ignored);
    if (json == NULL)
        return KMS_ERR_SYNTAX;

    KMS_ARENA_AUTO scratch;
    kms_arena_init(&scratch, SCRATCH_MAX);
    struct kmsd_policy_build measuring = {.scratch = &scratch};
    struct kmsd_policy_parser parser = {.build = &measuring, .problem = problem, .kind = kind};
    enum kms_err err = build_document(&parser, json, &document);
    if (err != KMS_OK)
        return err;

    struct kmsd_policy_build building = {
        .memory = calloc(1, measuring.used), .size = measuring.used};
    if (building.memory == NULL)
        return KMS_ERR_NO_MEMORY;
    parser = (struct kmsd_policy_parser){.build = &building, .problem = problem, .kind = kind};
    err = build_document(&parser, json, &document);
    if (err != KMS_OK || document == NULL) { /* cannot be: it went through a moment ago */
        free(building.memory);
        return KMS_ERR_INTERNAL;
    }
    document->size = building.size;
    *out = document; /* the first thing in the block */
    return KMS_OK;
}

void kmsd_policy_document_free(struct kmsd_policy_document *document)
{
    free(document);
}

/* --- looking at it ---------------------------------------------------------------------------- */

enum kmsd_policy_kind kmsd_policy_document_kind(const struct kmsd_policy_document *document)
{
    return document->kind;
}

struct kms_str kmsd_policy_document_id(const struct kmsd_policy_document *document)
{
    return document->id;
}

size_t kmsd_policy_document_statements(const struct kmsd_policy_document *document)
{
    return document->statement_count;
}

struct kms_str kmsd_policy_document_sid(const struct kmsd_policy_document *document, size_t index)
{
    return document->statements[index].sid;
}

bool kmsd_policy_document_is_deny(const struct kmsd_policy_document *document, size_t index)
{
    return document->statements[index].is_deny;
}

size_t kmsd_policy_document_size(const struct kmsd_policy_document *document)
{
    return document->size;
}

bool kmsd_policy_document_principals(
    const struct kmsd_policy_document *document, kmsd_policy_visit_fn *visit, void *arg)
{
    for (size_t i = 0; i < document->statement_count; i++) {
        const struct kmsd_policy_statement *statement = &document->statements[i];
        for (size_t j = 0; j < statement->name_count; j++)
            if (!visit(arg, &statement->names[j]))
                return false;
    }
    return true;
}
