/* Parameters, permission, and the entities that a call is about. */
#include "kmsd/query/call.h"

#include "libkms/base/encoding.h"

#include <stdarg.h>
#include <stdio.h>

const struct kmsd_query_code_info kmsd_query_codes[KMSD_QUERY_CODE_COUNT_] = {
    [KMSD_QUERY_OK] = {"", 200},
    [KMSD_QUERY_ACCESS_DENIED] = {"AccessDenied", 403},
    [KMSD_QUERY_DELETE_CONFLICT] = {"DeleteConflict", 409},
    [KMSD_QUERY_ENTITY_ALREADY_EXISTS] = {"EntityAlreadyExists", 409},
    [KMSD_QUERY_EXPIRED_IDENTITY_TOKEN] = {"ExpiredTokenException", 400},
    [KMSD_QUERY_EXPIRED_TOKEN] = {"ExpiredToken", 403},
    [KMSD_QUERY_IDP_COMMUNICATION] = {"IDPCommunicationError", 400},
    [KMSD_QUERY_IDP_REJECTED_CLAIM] = {"IDPRejectedClaim", 403},
    [KMSD_QUERY_INCOMPLETE_SIGNATURE] = {"IncompleteSignature", 400},
    [KMSD_QUERY_INTERNAL_FAILURE] = {"InternalFailure", 500},
    [KMSD_QUERY_INVALID_ACTION] = {"InvalidAction", 400},
    [KMSD_QUERY_INVALID_CLIENT_TOKEN_ID] = {"InvalidClientTokenId", 403},
    [KMSD_QUERY_INVALID_IDENTITY_TOKEN] = {"InvalidIdentityToken", 400},
    [KMSD_QUERY_INVALID_INPUT] = {"InvalidInput", 400},
    [KMSD_QUERY_LIMIT_EXCEEDED] = {"LimitExceeded", 409},
    [KMSD_QUERY_MALFORMED_INPUT] = {"MalformedInput", 400},
    [KMSD_QUERY_MALFORMED_POLICY] = {"MalformedPolicyDocument", 400},
    [KMSD_QUERY_MISSING_AUTHENTICATION] = {"MissingAuthenticationToken", 403},
    [KMSD_QUERY_NO_SUCH_ENTITY] = {"NoSuchEntity", 404},
    [KMSD_QUERY_PACKED_POLICY_TOO_LARGE] = {"PackedPolicyTooLarge", 400},
    [KMSD_QUERY_SIGNATURE_DOES_NOT_MATCH] = {"SignatureDoesNotMatch", 403},
    [KMSD_QUERY_UNMODIFIABLE] = {"UnmodifiableEntity", 400},
    [KMSD_QUERY_VALIDATION] = {"ValidationError", 400},
};

enum kms_err kmsd_query_fault(
    struct kmsd_query_call *call, enum kmsd_query_code code, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct kms_str message = kms_arena_str(call->arena, kms_str(text));
    if (message.data == NULL)
        return KMS_ERR_NO_MEMORY;
    call->code = code;
    call->message = message;
    return KMS_ERR_FAULT;
}

/* --- parameters ------------------------------------------------------------------------------- */

static const struct rule {
    size_t min;
    size_t max;
    bool is_name;
} rules[] = {
    [KMSD_RULE_USER_NAME] = {1, KMSD_IAM_USER_NAME_MAX, true},
    [KMSD_RULE_NAME] = {1, KMSD_IAM_NAME_MAX, true},
    [KMSD_RULE_SESSION_NAME] = {2, KMSD_SESSION_NAME_MAX, true},
    [KMSD_RULE_PATH] = {1, KMSD_IAM_PATH_MAX, false},
    [KMSD_RULE_ARN] = {20, 2048, false},
    [KMSD_RULE_DOCUMENT] = {1, 131072, false},
    [KMSD_RULE_DESCRIPTION] = {0, 1000, false},
    [KMSD_RULE_TEXT] = {1, 4096, false},
    [KMSD_RULE_TOKEN] = {4, 20000, false},
};

/* As the service names members in its messages: "userName". */
static void member_name(const char *parameter, char out[64])
{
    (void)snprintf(out, 64, "%s", parameter);
    if (out[0] >= 'A' && out[0] <= 'Z')
        out[0] = (char)(out[0] - 'A' + 'a');
}

static bool is_name(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                         (c >= 'A' && c <= 'Z') || strchr("+=,.@_-", c) != NULL;
        if (!is_letter)
            return false;
    }
    return true;
}

static bool is_path(struct kms_str text)
{
    if (text.data[0] != '/' || text.data[text.len - 1] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~' || text.data[i] == '%' ||
            text.data[i] == '*' || (i > 0 && text.data[i] == '/' && text.data[i - 1] == '/'))
            return false;
    }
    return true;
}

static enum kms_err check(
    struct kmsd_query_call *call, const char *name, enum kmsd_query_rule rule, struct kms_str value)
{
    char member[64];
    member_name(name, member);
    size_t units = kms_utf8_utf16_units(value);
    if (units < rules[rule].min)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must "
            "have length greater than or equal to %zu",
            member, rules[rule].min);
    if (units > rules[rule].max)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must "
            "have length less than or equal to %zu",
            member, rules[rule].max);
    if (rules[rule].is_name && !is_name(value))
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "The specified value for %s is invalid. It must contain only alphanumeric characters "
            "and/or the following: +=,.@_-",
            member);
    if (rule == KMSD_RULE_PATH && !is_path(value))
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "The specified value for %s is invalid. It must begin and end with / and contain only "
            "alphanumeric characters and/or / characters.",
            member);
    return KMS_OK;
}

enum kms_err kmsd_query_get(
    struct kmsd_query_call *call, const char *name, enum kmsd_query_rule rule, struct kms_str *out)
{
    *out = kmsd_form_get(&call->form, name);
    return out->data == NULL ? KMS_OK : check(call, name, rule, *out);
}

enum kms_err kmsd_query_need(
    struct kmsd_query_call *call, const char *name, enum kmsd_query_rule rule, struct kms_str *out)
{
    char member[64];
    enum kms_err err = kmsd_query_get(call, name, rule, out);
    if (err != KMS_OK || out->data != NULL)
        return err;
    member_name(name, member);
    return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
        "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must "
        "not be null",
        member);
}

enum kms_err kmsd_query_number(struct kmsd_query_call *call, const char *name, int32_t min,
    int32_t max, int32_t otherwise, int32_t *out)
{
    struct kms_str text = kmsd_form_get(&call->form, name);
    char member[64];
    int64_t value = 0;
    *out = otherwise;
    if (text.data == NULL)
        return KMS_OK;
    bool is_number = text.len > 0 && text.len < 10;
    for (size_t i = 0; i < text.len && is_number; i++) {
        is_number = text.data[i] >= '0' && text.data[i] <= '9';
        value = value * 10 + (text.data[i] - '0');
    }
    if (!is_number)
        return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_INPUT, "%s must be a number.", name);
    member_name(name, member);
    if (value < min || value > max)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value '%lld' at '%s' failed to satisfy constraint: "
            "Member must have value %s than or equal to %d",
            (long long)value, member, value < min ? "greater" : "less", value < min ? min : max);
    *out = (int32_t)value;
    return KMS_OK;
}

enum kms_err kmsd_query_boolean(
    struct kmsd_query_call *call, const char *name, bool otherwise, bool *out)
{
    struct kms_str text = kmsd_form_get(&call->form, name);
    *out = otherwise;
    if (text.data == NULL)
        return KMS_OK;
    *out = kms_str_is(text, "true");
    if (*out || kms_str_is(text, "false"))
        return KMS_OK;
    return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_INPUT, "%s must be true or false.", name);
}

enum kms_err kmsd_query_list(struct kmsd_query_call *call, const char *name, const char *field,
    size_t max, struct kmsd_iam_list *out)
{
    struct kms_str *items = kms_arena_calloc(call->arena, max + 1, sizeof(*items));
    size_t count = 0;
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (;; count++) {
        struct kms_str item = kmsd_form_member(&call->form, name, count + 1, field);
        if (item.data == NULL)
            break;
        if (count == max) {
            char member[64];
            member_name(name, member);
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
                "1 validation error detected: Value at '%s' failed to satisfy constraint: Member "
                "must have length less than or equal to %zu",
                member, max);
        }
        items[count] = item;
    }
    *out = (struct kmsd_iam_list){items, count};
    return KMS_OK;
}

static bool has_key(const struct kms_str_pair *pairs, size_t count, struct kms_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (kmsd_iam_name_compare(pairs[i].key, key) == 0)
            return true;
    }
    return false;
}

enum kms_err kmsd_query_tags(struct kmsd_query_call *call, struct kms_str_map *out)
{
    struct kmsd_iam_list keys = {NULL, 0};
    enum kms_err err = kmsd_query_list(call, "Tags", "Key", KMSD_IAM_TAGS_MAX, &keys);
    if (err != KMS_OK)
        return err;
    struct kms_str_pair *pairs = kms_arena_calloc(call->arena, keys.count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < keys.count; i++) {
        struct kms_str value = kmsd_form_member(&call->form, "Tags", i + 1, "Value");
        if (value.data == NULL)
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
                "1 validation error detected: Value null at 'tags.%zu.member.value' failed to "
                "satisfy constraint: Member must not be null",
                i + 1);
        size_t key_units = kms_utf8_utf16_units(keys.items[i]);
        if (key_units == 0 || key_units > 128 || kms_utf8_utf16_units(value) > 256)
            return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
                "A tag's key has 1 to 128 characters, its value at most 256.");
        if (has_key(pairs, i, keys.items[i]))
            return kmsd_query_fault(call, KMSD_QUERY_INVALID_INPUT,
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
        pairs[i] = (struct kms_str_pair){keys.items[i], value};
    }
    *out = (struct kms_str_map){pairs, keys.count};
    return KMS_OK;
}

enum kms_err kmsd_query_check_document(
    struct kmsd_query_call *call, struct kms_str text, enum kmsd_policy_kind kind)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem = {.text = ""};
    enum kms_err err = kmsd_policy_parse(text, kind, &document, &problem);
    kmsd_policy_document_free(document);
    switch (err) {
    case KMS_OK:
        return KMS_OK;
    case KMS_ERR_LIMIT:
        return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED, "Cannot exceed quota for %s: %d",
            kind == KMSD_POLICY_KIND_TRUST ? "ACLSizePerRole" : "PolicySize",
            kind == KMSD_POLICY_KIND_TRUST     ? KMSD_POLICY_TRUST_MAX
            : kind == KMSD_POLICY_KIND_SESSION ? KMSD_POLICY_SESSION_MAX
                                               : KMSD_POLICY_IDENTITY_MAX);
    case KMS_ERR_SYNTAX:
        return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_POLICY, "%s",
            kind == KMSD_POLICY_KIND_TRUST ? "This policy contains invalid Json"
                                           : "Syntax errors in policy.");
    case KMS_ERR_VALIDATION:
        return kmsd_query_fault(call, KMSD_QUERY_MALFORMED_POLICY, "%s", problem.text);
    default:
        return err;
    }
}

/* --- entities --------------------------------------------------------------------------------- */

const char *kmsd_query_name_parameter(enum kmsd_iam_kind kind)
{
    static const char *const names[KMSD_IAM_KIND_COUNT_] = {
        [KMSD_IAM_USER] = "UserName",
        [KMSD_IAM_GROUP] = "GroupName",
        [KMSD_IAM_ROLE] = "RoleName",
        [KMSD_IAM_POLICY] = "PolicyName",
        [KMSD_IAM_PROVIDER] = "Url",
    };
    return names[kind];
}

/* Gives the entity back when the call ends. */
static enum kms_err keep(struct kmsd_query_call *call, const struct kmsd_iam_entity *entity)
{
    if (call->held_count == sizeof(call->held) / sizeof(call->held[0])) {
        kmsd_iam_entity_release(entity);
        return KMS_ERR_INTERNAL;
    }
    call->held[call->held_count++] = entity;
    return KMS_OK;
}

enum kms_err kmsd_query_find(struct kmsd_query_call *call, enum kmsd_iam_kind kind,
    struct kms_str name, const struct kmsd_iam_entity **out)
{
    static const char *const starts[KMSD_IAM_KIND_COUNT_] = {
        [KMSD_IAM_USER] = "user",
        [KMSD_IAM_GROUP] = "group",
        [KMSD_IAM_ROLE] = "role",
        [KMSD_IAM_POLICY] = "policy",
        [KMSD_IAM_PROVIDER] = "provider",
    };
    const struct kmsd_iam_entity *entity = kmsd_iam_find(call->iam, call->account, kind, name);
    if (entity == NULL)
        return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
            "The %s with name %.*s cannot be found.", starts[kind], KMSD_STR_ARGS(name));
    enum kms_err err = keep(call, entity);
    if (err == KMS_OK)
        *out = entity;
    return err;
}

enum kms_err kmsd_query_find_named(struct kmsd_query_call *call, const struct kmsd_iam_entity **out)
{
    struct kms_str name;
    enum kmsd_iam_kind kind = call->op->kind;
    enum kms_err err = kmsd_query_need(call, kmsd_query_name_parameter(kind),
        kind == KMSD_IAM_GROUP ? KMSD_RULE_NAME : KMSD_RULE_USER_NAME, &name);
    return err == KMS_OK ? kmsd_query_find(call, kind, name, out) : err;
}

enum kms_err kmsd_query_find_policy(
    struct kmsd_query_call *call, struct kms_str arn, const struct kmsd_iam_entity **out)
{
    const struct kmsd_iam_entity *entity = kmsd_iam_find_arn(call->iam, KMSD_IAM_POLICY, arn);
    if (entity != NULL && !kms_str_eq(entity->account, call->account) &&
        !kms_str_is(entity->account, KMSD_IAM_AWS)) {
        kmsd_iam_entity_release(entity);
        entity = NULL;
    }
    if (entity == NULL)
        return kmsd_query_fault(
            call, KMSD_QUERY_NO_SUCH_ENTITY, "Policy %.*s was not found.", KMSD_STR_ARGS(arn));
    enum kms_err err = keep(call, entity);
    if (err == KMS_OK)
        *out = entity;
    return err;
}

const struct kmsd_iam_entity *kmsd_query_look_up_source(
    const struct kmsd_query_call *call, struct kms_str arn)
{
    static const enum kmsd_iam_kind kinds[] = {KMSD_IAM_USER, KMSD_IAM_GROUP, KMSD_IAM_ROLE};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kmsd_iam_entity *entity = kmsd_iam_find_arn(call->iam, kinds[i], arn);
        if (entity != NULL && kms_str_eq(entity->account, call->account))
            return entity;
        kmsd_iam_entity_release(entity);
    }
    return NULL;
}

enum kms_err kmsd_query_find_source(
    struct kmsd_query_call *call, struct kms_str arn, const struct kmsd_iam_entity **out)
{
    const struct kmsd_iam_entity *entity = kmsd_query_look_up_source(call, arn);
    if (entity == NULL)
        return kmsd_query_fault(
            call, KMSD_QUERY_NO_SUCH_ENTITY, "%.*s was not found.", KMSD_STR_ARGS(arn));
    enum kms_err err = keep(call, entity);
    if (err == KMS_OK)
        *out = entity;
    return err;
}
