/* Policies of users, groups and roles: inline ones, and managed ones attached. */
#include "kmsd/query/handlers.h"

static const char *word_of(enum kmsd_iam_kind kind)
{
    static const char *const words[] = {"user", "group", "role"};
    return words[kind];
}

/* --- inline ----------------------------------------------------------------------------------- */

/* As quotas count: white space aside. */
static size_t count_characters(struct kms_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += strchr(" \t\r\n", text.data[i]) == NULL;
    return count;
}

static enum kms_err check_size(struct kmsd_query_call *call, const struct kmsd_iam_entity *draft)
{
    static const size_t limits[] = {
        KMSD_IAM_INLINE_USER_MAX, KMSD_IAM_INLINE_GROUP_MAX, KMSD_IAM_INLINE_ROLE_MAX};
    size_t total = 0;
    for (size_t i = 0; i < draft->inline_count; i++)
        total += count_characters(draft->inline_policies[i].text);
    if (total <= limits[draft->kind])
        return KMS_OK;
    return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED,
        "Maximum policy size of %zu bytes exceeded for %s %.*s", limits[draft->kind],
        word_of(draft->kind), KMSD_STR_ARGS(draft->name));
}

/* The inline policies of entity without that name, with room for one more. */
static struct kmsd_iam_policy *copy_others(struct kmsd_query_call *call,
    const struct kmsd_iam_entity *entity, struct kms_str name, size_t *count)
{
    struct kmsd_iam_policy *policies =
        kms_arena_calloc(call->arena, entity->inline_count + 1, sizeof(*policies));
    *count = 0;
    for (size_t i = 0; policies != NULL && i < entity->inline_count; i++) {
        const struct kmsd_iam_policy *from = &entity->inline_policies[i];
        if (kmsd_iam_name_compare(from->name, name) == 0)
            continue;
        policies[*count].name = from->name;
        policies[*count].text = from->text;
        ++*count;
    }
    return policies;
}

enum kms_err kmsd_iam_op_put_inline(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str name;
    struct kms_str document;
    enum kms_err err = kmsd_query_need(call, "PolicyName", KMSD_RULE_NAME, &name);
    if (err == KMS_OK)
        err = kmsd_query_need(call, "PolicyDocument", KMSD_RULE_DOCUMENT, &document);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &entity);
    if (err == KMS_OK)
        err = kmsd_query_check_document(call, document, KMSD_POLICY_KIND_IDENTITY);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *entity;
    draft.inline_policies = copy_others(call, entity, name, &draft.inline_count);
    if (draft.inline_policies == NULL)
        return KMS_ERR_NO_MEMORY;
    size_t at = draft.inline_count++;
    draft.inline_policies[at].name = name;
    draft.inline_policies[at].text = document;
    err = check_size(call, &draft);
    return err == KMS_OK ? kmsd_iam_put(call->iam, entity, &draft) : err;
}

static enum kms_err find_inline(struct kmsd_query_call *call, const struct kmsd_iam_entity **entity,
    const struct kmsd_iam_policy **policy)
{
    struct kms_str name;
    enum kms_err err = kmsd_query_need(call, "PolicyName", KMSD_RULE_NAME, &name);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, entity);
    if (err != KMS_OK)
        return err;
    *policy = kmsd_iam_entity_inline(*entity, name);
    if (*policy != NULL)
        return KMS_OK;
    return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
        "The %s policy with name %.*s cannot be found.", word_of(call->op->kind),
        KMSD_STR_ARGS(name));
}

enum kms_err kmsd_iam_op_get_inline(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    const struct kmsd_iam_policy *policy = NULL;
    enum kms_err err = find_inline(call, &entity, &policy);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, kmsd_query_name_parameter(entity->kind), entity->name);
    if (err == KMS_OK)
        err = kmsd_put_text(call->result, "PolicyName", policy->name);
    if (err == KMS_OK)
        err = kmsd_put_document(call, call->result, "PolicyDocument", policy->text);
    return err;
}

enum kms_err kmsd_iam_op_delete_inline(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    const struct kmsd_iam_policy *policy = NULL;
    enum kms_err err = find_inline(call, &entity, &policy);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *entity;
    draft.inline_policies = copy_others(call, entity, policy->name, &draft.inline_count);
    return draft.inline_policies == NULL ? KMS_ERR_NO_MEMORY
                                         : kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_list_inline(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = kmsd_query_find_named(call, &entity);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "PolicyNames") : NULL;
    if (err == KMS_OK && list == NULL)
        err = KMS_ERR_NO_MEMORY;
    for (size_t i = 0; err == KMS_OK && i < entity->inline_count; i++)
        err = kmsd_append_text(list, entity->inline_policies[i].name);
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}

/* --- attached --------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_op_attach(struct kmsd_query_call *call)
{
    static const char *const quotas[] = {"PoliciesPerUser", "PoliciesPerGroup", "PoliciesPerRole"};
    const struct kmsd_iam_entity *entity = NULL;
    const struct kmsd_iam_entity *policy = NULL;
    struct kms_str arn;
    enum kms_err err = kmsd_query_need(call, "PolicyArn", KMSD_RULE_ARN, &arn);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &entity);
    if (err != KMS_OK)
        return err;
    err = kmsd_query_find_policy(call, arn, &policy);
    if (err == KMS_ERR_FAULT)
        return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
            "Policy %.*s does not exist or is not attachable.", KMSD_STR_ARGS(arn));
    if (err != KMS_OK || kmsd_iam_list_has(&entity->attached, arn))
        return err;
    if (entity->attached.count >= KMSD_IAM_ATTACHED_MAX)
        return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED, "Cannot exceed quota for %s: %d",
            quotas[entity->kind], KMSD_IAM_ATTACHED_MAX);
    struct kms_str arns[KMSD_IAM_ATTACHED_MAX];
    for (size_t i = 0; i < entity->attached.count; i++)
        arns[i] = entity->attached.items[i];
    arns[entity->attached.count] = arn;
    struct kmsd_iam_entity draft = *entity;
    draft.attached = (struct kmsd_iam_list){arns, entity->attached.count + 1};
    return kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_detach(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str arn;
    enum kms_err err = kmsd_query_need(call, "PolicyArn", KMSD_RULE_ARN, &arn);
    if (err == KMS_OK)
        err = kmsd_query_find_named(call, &entity);
    if (err != KMS_OK)
        return err;
    if (!kmsd_iam_list_has(&entity->attached, arn))
        return kmsd_query_fault(
            call, KMSD_QUERY_NO_SUCH_ENTITY, "Policy %.*s was not found.", KMSD_STR_ARGS(arn));
    struct kms_str arns[KMSD_IAM_ATTACHED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < entity->attached.count && count < KMSD_IAM_ATTACHED_MAX; i++) {
        if (!kms_str_eq(entity->attached.items[i], arn))
            arns[count++] = entity->attached.items[i];
    }
    struct kmsd_iam_entity draft = *entity;
    draft.attached = (struct kmsd_iam_list){arns, count};
    return kmsd_iam_put(call->iam, entity, &draft);
}

enum kms_err kmsd_iam_op_list_attached(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *entity = NULL;
    enum kms_err err = kmsd_query_find_named(call, &entity);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "AttachedPolicies") : NULL;
    if (err == KMS_OK && list == NULL)
        err = KMS_ERR_NO_MEMORY;
    for (size_t i = 0; err == KMS_OK && i < entity->attached.count; i++) {
        struct kms_str arn = entity->attached.items[i];
        const char *slash = memrchr(arn.data, '/', arn.len);
        size_t start = slash == NULL ? 0 : (size_t)(slash - arn.data) + 1;
        json_t *out = kmsd_append_object(list);
        if (out == NULL)
            return KMS_ERR_NO_MEMORY;
        err = kmsd_put_text(out, "PolicyName", (struct kms_str){arn.data + start, arn.len - start});
        if (err == KMS_OK)
            err = kmsd_put_text(out, "PolicyArn", arn);
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}
