#include "kmsd/policy/context.h"

#include <strings.h>

static bool equal_ignoring_case(struct kms_str a, struct kms_str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

/* Pairs may differ by case alone; then the one written as the document writes it is meant. */
bool kmsd_policy_map_find(const struct kms_str_map *map, const struct kmsd_policy_key_name *name,
    struct kmsd_policy_value *out)
{
    const struct kms_str_pair *found = NULL;
    for (size_t i = 0; i < map->count; i++) {
        const struct kms_str_pair *pair = &map->items[i];
        if (!equal_ignoring_case(pair->key, name->parameter))
            continue;
        if (found == NULL || kms_str_eq(pair->key, name->parameter))
            found = pair;
    }
    if (found == NULL)
        return false;
    *out = kmsd_policy_text(found->value);
    return true;
}

static struct kms_str principal_arn(const struct kmsd_policy_subject *subject)
{
    switch (subject->kind) {
    case KMSD_SUBJECT_ROLE_SESSION:
        return subject->issuer_arn;
    case KMSD_SUBJECT_SERVICE:
        return (struct kms_str){NULL, 0};
    default:
        return subject->arn;
    }
}

static const char *principal_type(const struct kmsd_policy_subject *subject)
{
    switch (subject->kind) {
    case KMSD_SUBJECT_ACCOUNT_ROOT:
        return "Account";
    case KMSD_SUBJECT_USER:
        return "User";
    case KMSD_SUBJECT_ROLE_SESSION:
        return "AssumedRole";
    case KMSD_SUBJECT_FEDERATED_USER:
        return "FederatedUser";
    case KMSD_SUBJECT_SERVICE:
        return "Service";
    }
    return NULL;
}

/* Whether the key is one that the subject answers; *text is absent when it has no value. */
static bool ask_subject(
    const struct kmsd_policy_subject *subject, enum kmsd_policy_key key, struct kms_str *text)
{
    switch (key) {
    case KMSD_KEY_PRINCIPAL_ARN:
        *text = principal_arn(subject);
        return true;
    case KMSD_KEY_PRINCIPAL_ACCOUNT:
        *text = subject->account;
        return true;
    case KMSD_KEY_PRINCIPAL_TYPE:
        *text = kms_str(principal_type(subject));
        return true;
    case KMSD_KEY_PRINCIPAL_SERVICE_NAME:
        *text = subject->service;
        return true;
    case KMSD_KEY_USER_ID:
        *text = subject->user_id;
        return true;
    case KMSD_KEY_USER_NAME:
        *text = subject->user_name;
        return true;
    case KMSD_KEY_FEDERATED_PROVIDER:
        *text = subject->federated_provider;
        return true;
    default:
        return false;
    }
}

static bool find_entry(const struct kmsd_policy_context *context,
    const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    for (size_t i = 0; i < context->entry_count; i++) {
        if (!equal_ignoring_case(context->entries[i].name, name->text))
            continue;
        *out = context->entries[i].value;
        return true;
    }
    return false;
}

bool kmsd_policy_context_find(const struct kmsd_policy_context *context,
    const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    struct kms_str text = {NULL, 0};
    if (name->key == KMSD_KEY_PRINCIPAL_IS_AWS_SERVICE) {
        *out = kmsd_policy_bool(context->subject->kind == KMSD_SUBJECT_SERVICE);
        return true;
    }
    if (name->key == KMSD_KEY_TOKEN_ISSUE_TIME) {
        if (context->subject->token_issued_ms == 0)
            return false;
        *out = kmsd_policy_time(context->subject->token_issued_ms);
        return true;
    }
    if (name->key == KMSD_KEY_PRINCIPAL_TAG)
        return kmsd_policy_map_find(&context->subject->tags, name, out);
    bool is_fixed = ask_subject(context->subject, name->key, &text);
    if (name->key == KMSD_KEY_RESOURCE_ACCOUNT) {
        is_fixed = true;
        text = context->resource_account;
    }
    if (is_fixed) {
        if (text.data != NULL)
            *out = kmsd_policy_text(text);
        return text.data != NULL;
    }
    if (find_entry(context, name, out))
        return true;
    return context->lookup != NULL && context->lookup(context->lookup_arg, name, out);
}
