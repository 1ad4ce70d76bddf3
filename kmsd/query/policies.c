/* Managed policies and their versions. */
#include "kmsd/query/handlers.h"

#include <stdio.h>

/* --- describing ------------------------------------------------------------------------------- */

static enum kms_err describe(
    struct kmsd_query_call *call, json_t *out, const struct kmsd_iam_entity *policy, bool is_whole)
{
    struct kmsd_iam_uses uses = kmsd_iam_policy_uses(call->iam, call->account, policy->arn);
    enum kms_err err = kmsd_put_text(out, "PolicyName", policy->name);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "PolicyId", policy->id);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Arn", policy->arn);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "Path", policy->path);
    if (err == KMS_OK)
        err =
            kmsd_put_text(out, "DefaultVersionId", policy->versions[policy->default_version].name);
    if (err == KMS_OK)
        err = kmsd_put_integer(out, "AttachmentCount", (int64_t)uses.attachments);
    if (err == KMS_OK)
        err = kmsd_put_integer(out, "PermissionsBoundaryUsageCount", (int64_t)uses.boundaries);
    if (err == KMS_OK)
        err = kmsd_put_boolean(out, "IsAttachable", true);
    if (err == KMS_OK && is_whole)
        err = kmsd_put_text(out, "Description", policy->description);
    if (err == KMS_OK)
        err = kmsd_put_time(out, "CreateDate", policy->created_ms);
    if (err == KMS_OK)
        err = kmsd_put_time(out, "UpdateDate", policy->updated_ms);
    if (err == KMS_OK && is_whole && policy->tags.count != 0)
        err = kmsd_put_tags(out, "Tags", &policy->tags);
    return err;
}

static enum kms_err describe_version(struct kmsd_query_call *call, json_t *out,
    const struct kmsd_iam_entity *policy, size_t index, bool with_document)
{
    const struct kmsd_iam_policy *version = &policy->versions[index];
    enum kms_err err = KMS_OK;
    if (with_document)
        err = kmsd_put_document(call, out, "Document", version->text);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "VersionId", version->name);
    if (err == KMS_OK)
        err = kmsd_put_boolean(out, "IsDefaultVersion", index == policy->default_version);
    if (err == KMS_OK)
        err = kmsd_put_time(out, "CreateDate", version->created_ms);
    return err;
}

/* --- policies --------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_op_create_policy(struct kmsd_query_call *call)
{
    struct kmsd_iam_entity draft;
    struct kmsd_iam_policy version = {.name = kms_str("v1"), .created_ms = call->request.now_ms};
    enum kms_err err = kmsd_iam_draft(call, KMSD_RULE_NAME, "ANPA", &draft);
    if (err == KMS_OK)
        err = kmsd_query_need(call, "PolicyDocument", KMSD_RULE_DOCUMENT, &version.text);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "Description", KMSD_RULE_DESCRIPTION, &draft.description);
    if (err == KMS_OK)
        err = kmsd_query_check_document(call, version.text, KMSD_POLICY_KIND_IDENTITY);
    if (err != KMS_OK)
        return err;
    draft.versions = &version;
    draft.version_count = 1;
    draft.last_version = 1;
    draft.updated_ms = draft.created_ms;
    err = kmsd_iam_put_new(call, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Policy") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : describe(call, out, &draft, true);
}

enum kms_err kmsd_iam_op_get_policy(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    enum kms_err err = kmsd_iam_subject(call, &policy);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "Policy") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : describe(call, out, policy, true);
}

/* A policy of the caller's own account, which alone can be changed. */
static enum kms_err find_own(struct kmsd_query_call *call, const struct kmsd_iam_entity **policy)
{
    enum kms_err err = kmsd_iam_subject(call, policy);
    if (err == KMS_OK && !kms_str_eq((*policy)->account, call->account))
        err = kmsd_query_fault(call, KMSD_QUERY_ACCESS_DENIED,
            "Policy %.*s is managed by AWS and cannot be changed.", KMSD_STR_ARGS((*policy)->arn));
    return err;
}

enum kms_err kmsd_iam_op_delete_policy(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    enum kms_err err = find_own(call, &policy);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_uses uses = kmsd_iam_policy_uses(call->iam, call->account, policy->arn);
    if (uses.attachments != 0 || uses.boundaries != 0)
        return kmsd_query_fault(
            call, KMSD_QUERY_DELETE_CONFLICT, "Cannot delete a policy attached to entities.");
    if (policy->version_count > 1)
        return kmsd_query_fault(call, KMSD_QUERY_DELETE_CONFLICT,
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy.");
    return kmsd_iam_delete(call->iam, policy);
}

struct listing {
    struct kmsd_query_call *call;
    struct kmsd_query_page *page;
    struct kms_str path_prefix;
    const struct kmsd_iam_entity **found; /* held */
    size_t count;
};

/* Describing asks for more than a visitor may: it comes after the walk. What is found is never more
 * than the page takes. */
static bool collect(void *context, const struct kmsd_iam_entity *policy)
{
    struct listing *listing = context;
    struct kms_str prefix = listing->path_prefix;
    if (prefix.data != NULL &&
        (policy->path.len < prefix.len || memcmp(policy->path.data, prefix.data, prefix.len) != 0))
        return true;
    if (!kmsd_query_page_takes(listing->call, listing->page, policy->name))
        return false;
    listing->found[listing->count++] = kmsd_iam_entity_hold(policy);
    return true;
}

/* Starts the marker of a page that ended among AWS's policies; no name has a slash. */
static const char aws_marker[] = "aws/";

/* Those of AWS come first; *after is then where those of the account go on. */
static enum kms_err collect_managed(struct listing *listing, struct kms_str *after)
{
    struct kmsd_query_page *page = listing->page;
    size_t len = sizeof(aws_marker) - 1;
    bool is_among = page->after.data != NULL && page->after.len >= len &&
                    memcmp(page->after.data, aws_marker, len) == 0;
    *after = is_among ? kms_str(NULL) : page->after;
    if (page->after.data != NULL && !is_among)
        return KMS_OK;
    struct kms_str from = kms_str(NULL);
    if (is_among)
        from = (struct kms_str){page->after.data + len, page->after.len - len};
    kmsd_iam_each(
        listing->call->iam, kms_str(KMSD_IAM_AWS), KMSD_IAM_POLICY, from, collect, listing);
    if (page->count < page->max || page->last.data == NULL)
        return KMS_OK;
    page->last =
        kms_arena_printf(listing->call->arena, "%s%.*s", aws_marker, KMSD_STR_ARGS(page->last));
    return page->last.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_iam_op_list_policies(struct kmsd_query_call *call)
{
    struct kmsd_query_page page;
    struct kms_str scope;
    bool only_attached = false;
    struct listing listing = {.call = call, .page = &page};
    enum kms_err err = kmsd_query_page_begin(call, &page);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "Scope", KMSD_RULE_TEXT, &scope);
    if (err == KMS_OK)
        err = kmsd_query_get(call, "PathPrefix", KMSD_RULE_TEXT, &listing.path_prefix);
    if (err == KMS_OK)
        err = kmsd_query_boolean(call, "OnlyAttached", false, &only_attached);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "Policies") : NULL;
    if (err != KMS_OK)
        return err;
    listing.found = kms_arena_calloc(call->arena, page.max, sizeof(*listing.found));
    if (list == NULL || listing.found == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kms_str after = page.after;
    if (!kms_str_is(scope, "Local"))
        err = collect_managed(&listing, &after);
    if (err == KMS_OK && !kms_str_is(scope, "AWS") && !page.is_truncated)
        kmsd_iam_each(call->iam, call->account, KMSD_IAM_POLICY, after, collect, &listing);
    for (size_t i = 0; i < listing.count; i++) {
        const struct kmsd_iam_entity *policy = listing.found[i];
        bool is_wanted =
            !only_attached ||
            kmsd_iam_policy_uses(call->iam, call->account, policy->arn).attachments != 0;
        json_t *out = err == KMS_OK && is_wanted ? kmsd_append_object(list) : NULL;
        if (err == KMS_OK && is_wanted)
            err = out == NULL ? KMS_ERR_NO_MEMORY : describe(call, out, policy, false);
        kmsd_iam_entity_release(policy);
    }
    return err == KMS_OK ? kmsd_query_page_end(call, &page) : err;
}

/* --- versions --------------------------------------------------------------------------------- */

enum kms_err kmsd_iam_op_create_version(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    struct kms_str text;
    bool is_default = false;
    enum kms_err err = kmsd_query_need(call, "PolicyDocument", KMSD_RULE_DOCUMENT, &text);
    if (err == KMS_OK)
        err = kmsd_query_boolean(call, "SetAsDefault", false, &is_default);
    if (err == KMS_OK)
        err = find_own(call, &policy);
    if (err == KMS_OK)
        err = kmsd_query_check_document(call, text, KMSD_POLICY_KIND_IDENTITY);
    if (err != KMS_OK)
        return err;
    if (policy->version_count >= KMSD_IAM_VERSIONS_MAX)
        return kmsd_query_fault(call, KMSD_QUERY_LIMIT_EXCEEDED,
            "A managed policy can have up to %d versions. Before you create a new version, you "
            "must delete an existing version.",
            KMSD_IAM_VERSIONS_MAX);
    struct kmsd_iam_policy versions[KMSD_IAM_VERSIONS_MAX] = {{.created_ms = 0}};
    for (size_t i = 0; i < policy->version_count; i++) {
        versions[i].name = policy->versions[i].name;
        versions[i].text = policy->versions[i].text;
        versions[i].created_ms = policy->versions[i].created_ms;
    }
    struct kmsd_iam_entity draft = *policy;
    size_t at = draft.version_count++;
    draft.last_version++;
    draft.versions = versions;
    draft.updated_ms = call->request.now_ms;
    versions[at].name = kms_arena_printf(call->arena, "v%d", draft.last_version);
    versions[at].text = text;
    versions[at].created_ms = call->request.now_ms;
    if (versions[at].name.data == NULL)
        return KMS_ERR_NO_MEMORY;
    if (is_default)
        draft.default_version = at;
    err = kmsd_iam_put(call->iam, policy, &draft);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "PolicyVersion") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : describe_version(call, out, &draft, at, false);
}

static enum kms_err find_version(
    struct kmsd_query_call *call, const struct kmsd_iam_entity *policy, size_t *index)
{
    struct kms_str id;
    enum kms_err err = kmsd_query_need(call, "VersionId", KMSD_RULE_NAME, &id);
    if (err != KMS_OK)
        return err;
    for (size_t i = 0; i < policy->version_count; i++) {
        if (!kms_str_eq(policy->versions[i].name, id))
            continue;
        *index = i;
        return KMS_OK;
    }
    return kmsd_query_fault(call, KMSD_QUERY_NO_SUCH_ENTITY,
        "Policy %.*s version %.*s does not exist or is not attachable.", KMSD_STR_ARGS(policy->arn),
        KMSD_STR_ARGS(id));
}

enum kms_err kmsd_iam_op_get_version(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    size_t index = 0;
    enum kms_err err = kmsd_iam_subject(call, &policy);
    if (err == KMS_OK)
        err = find_version(call, policy, &index);
    json_t *out = err == KMS_OK ? kmsd_put_object(call->result, "PolicyVersion") : NULL;
    if (err != KMS_OK)
        return err;
    return out == NULL ? KMS_ERR_NO_MEMORY : describe_version(call, out, policy, index, true);
}

enum kms_err kmsd_iam_op_delete_version(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    size_t index = 0;
    enum kms_err err = find_own(call, &policy);
    if (err == KMS_OK)
        err = find_version(call, policy, &index);
    if (err != KMS_OK)
        return err;
    if (index == policy->default_version)
        return kmsd_query_fault(
            call, KMSD_QUERY_DELETE_CONFLICT, "Cannot delete the default version of a policy.");
    struct kmsd_iam_policy versions[KMSD_IAM_VERSIONS_MAX] = {{.created_ms = 0}};
    struct kmsd_iam_entity draft = *policy;
    draft.versions = versions;
    draft.version_count = 0;
    for (size_t i = 0; i < policy->version_count; i++) {
        if (i == index)
            continue;
        if (i == policy->default_version)
            draft.default_version = draft.version_count;
        versions[draft.version_count].name = policy->versions[i].name;
        versions[draft.version_count].text = policy->versions[i].text;
        versions[draft.version_count].created_ms = policy->versions[i].created_ms;
        draft.version_count++;
    }
    draft.updated_ms = call->request.now_ms;
    return kmsd_iam_put(call->iam, policy, &draft);
}

/* The newest first. */
enum kms_err kmsd_iam_op_list_versions(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    enum kms_err err = kmsd_iam_subject(call, &policy);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "Versions") : NULL;
    if (err == KMS_OK && list == NULL)
        err = KMS_ERR_NO_MEMORY;
    for (size_t i = err == KMS_OK ? policy->version_count : 0; i-- > 0 && err == KMS_OK;) {
        json_t *out = kmsd_append_object(list);
        err = out == NULL ? KMS_ERR_NO_MEMORY : describe_version(call, out, policy, i, false);
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}

enum kms_err kmsd_iam_op_set_default_version(struct kmsd_query_call *call)
{
    const struct kmsd_iam_entity *policy = NULL;
    size_t index = 0;
    enum kms_err err = find_own(call, &policy);
    if (err == KMS_OK)
        err = find_version(call, policy, &index);
    if (err != KMS_OK)
        return err;
    struct kmsd_iam_entity draft = *policy;
    draft.default_version = index;
    draft.updated_ms = call->request.now_ms;
    return kmsd_iam_put(call->iam, policy, &draft);
}

/* --- who has it ------------------------------------------------------------------------------- */

struct holders {
    struct kms_str arn;
    const char *name_member;
    const char *id_member;
    json_t *list;
    enum kms_err err;
};

static bool list_holder(void *context, const struct kmsd_iam_entity *entity)
{
    struct holders *holders = context;
    if (!kmsd_iam_list_has(&entity->attached, holders->arn))
        return true;
    json_t *out = kmsd_append_object(holders->list);
    holders->err =
        out == NULL ? KMS_ERR_NO_MEMORY : kmsd_put_text(out, holders->name_member, entity->name);
    if (holders->err == KMS_OK)
        holders->err = kmsd_put_text(out, holders->id_member, entity->id);
    return holders->err == KMS_OK;
}

enum kms_err kmsd_iam_op_list_entities_for_policy(struct kmsd_query_call *call)
{
    static const struct {
        const char *element;
        const char *id;
        enum kmsd_iam_kind kind;
    } parts[] = {
        {"PolicyGroups", "GroupId", KMSD_IAM_GROUP},
        {"PolicyUsers", "UserId", KMSD_IAM_USER},
        {"PolicyRoles", "RoleId", KMSD_IAM_ROLE},
    };
    const struct kmsd_iam_entity *policy = NULL;
    enum kms_err err = kmsd_iam_subject(call, &policy);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && err == KMS_OK; i++) {
        struct holders holders = {
            .arn = policy->arn,
            .name_member = kmsd_query_name_parameter(parts[i].kind),
            .id_member = parts[i].id,
            .list = kmsd_put_list(call->result, parts[i].element),
        };
        if (holders.list == NULL)
            return KMS_ERR_NO_MEMORY;
        kmsd_iam_each(
            call->iam, call->account, parts[i].kind, kms_str(NULL), list_holder, &holders);
        err = holders.err;
    }
    return err == KMS_OK ? kmsd_put_boolean(call->result, "IsTruncated", false) : err;
}
