/*
 * SimulatePrincipalPolicy and SimulateCustomPolicy: what policies would allow, without doing it. The
 * decision is made by the very code that decides about requests.
 *
 * Source: SimulateCustomPolicy and SimulatePrincipalPolicy, IAM API Reference.
 */
#include "kmsd/query/handlers.h"

#include "libkms/base/encoding.h"
#include "libkms/proto/arn.h"

#include <stdio.h>

#define BOUNDARY_TYPE "IAM Permissions Boundary Policy"

enum {
    INPUTS_MAX = 128,
    QUESTIONS_MAX = 256,
    ENTRIES_MAX = 128,
    VALUES_MAX = 64,
    MISSING_MAX = 64
};

/* A document that takes part, and how answers name it. */
struct source {
    const struct kmsd_policy_document *document;
    struct kms_str id;
    const char *type;
};

struct simulation {
    struct kmsd_query_call *call;
    struct source *sources;
    const struct kmsd_policy_document **documents; /* those of the identity, as sources has them */
    size_t count;
    size_t capacity;
    struct source boundary;
    struct source resource_policy;
    struct kmsd_policy_document **owned; /* parsed for this call */
    size_t owned_count;
    const struct kmsd_iam_entity **held;
    size_t held_count;
    struct kmsd_policy_subject subject;
    struct kmsd_policy_entry entries[ENTRIES_MAX];
    size_t entry_count;
    struct kms_str resource_owner; /* account; absent: the resource's */

    /* of the question under way */
    struct kms_str missing[MISSING_MAX];
    size_t missing_count;
};

static void clean_up(struct simulation *simulation)
{
    for (size_t i = 0; i < simulation->owned_count; i++)
        kmsd_policy_document_free(simulation->owned[i]);
    for (size_t i = 0; i < simulation->held_count; i++)
        kmsd_iam_entity_release(simulation->held[i]);
}

/* Room for what is to come; before anything is added. */
static enum kms_err reserve(struct simulation *simulation, size_t documents, size_t entities)
{
    struct kms_arena *arena = simulation->call->arena;
    simulation->sources = kms_arena_calloc(arena, documents + 1, sizeof(*simulation->sources));
    simulation->documents = kms_arena_calloc(arena, documents + 1, sizeof(*simulation->documents));
    simulation->held = kms_arena_calloc(arena, entities + 1, sizeof(*simulation->held));
    simulation->owned = kms_arena_calloc(arena, INPUTS_MAX + 3, sizeof(*simulation->owned));
    simulation->capacity = documents;
    bool is_whole = simulation->sources != NULL && simulation->documents != NULL &&
                    simulation->held != NULL && simulation->owned != NULL;
    return is_whole ? KMS_OK : KMS_ERR_NO_MEMORY;
}

/* A document that cannot be read may hold a Deny: nothing is said about it then. */
static enum kms_err add(
    struct simulation *simulation, const struct kmsd_policy_document *document, struct kms_str id)
{
    if (document == NULL || id.data == NULL || simulation->count == simulation->capacity)
        return document == NULL ? KMS_ERR_CORRUPT : KMS_ERR_NO_MEMORY;
    simulation->documents[simulation->count] = document;
    simulation->sources[simulation->count++] = (struct source){document, id, "IAM Policy"};
    return KMS_OK;
}

/* --- documents of the request ----------------------------------------------------------------- */

static enum kms_err parse(struct simulation *simulation, struct kms_str text,
    enum kmsd_policy_kind kind, struct kms_str id, const struct kmsd_policy_document **out)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem = {.text = ""};
    enum kms_err err = kmsd_policy_parse(text, kind, &document, &problem);
    if (err == KMS_ERR_SYNTAX || err == KMS_ERR_VALIDATION || err == KMS_ERR_LIMIT)
        return kmsd_query_fault(simulation->call, KMSD_QUERY_INVALID_INPUT,
            "Invalid Input Policy %.*s: %s", KMSD_STR_ARGS(id),
            problem.text[0] != '\0' ? problem.text : kms_err_text(err));
    if (err != KMS_OK)
        return err;
    simulation->owned[simulation->owned_count++] = document;
    *out = document;
    return KMS_OK;
}

static enum kms_err add_inputs(struct simulation *simulation, const struct kmsd_iam_list *inputs)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < inputs->count && err == KMS_OK; i++) {
        const struct kmsd_policy_document *document = NULL;
        struct kms_str id = kms_arena_printf(simulation->call->arena, "PolicyInputList.%zu", i + 1);
        err = id.data == NULL
                  ? KMS_ERR_NO_MEMORY
                  : parse(simulation, inputs->items[i], KMSD_POLICY_KIND_IDENTITY, id, &document);
        if (err == KMS_OK)
            err = add(simulation, document, id);
    }
    return err;
}

static enum kms_err read_boundary(struct simulation *simulation)
{
    struct kmsd_iam_list boundaries;
    struct kms_str id = kms_str("PermissionsBoundaryPolicyInputList.1");
    enum kms_err err = kmsd_query_list(
        simulation->call, "PermissionsBoundaryPolicyInputList", NULL, 1, &boundaries);
    if (err != KMS_OK || boundaries.count == 0)
        return err;
    simulation->boundary = (struct source){.id = id, .type = BOUNDARY_TYPE};
    return parse(simulation, boundaries.items[0], KMSD_POLICY_KIND_BOUNDARY, id,
        &simulation->boundary.document);
}

static enum kms_err read_resource_policy(struct simulation *simulation)
{
    struct kms_str text;
    struct kms_str id = kms_str("ResourcePolicy");
    enum kms_err err =
        kmsd_query_get(simulation->call, "ResourcePolicy", KMSD_RULE_DOCUMENT, &text);
    if (err != KMS_OK || text.data == NULL)
        return err;
    if (kmsd_form_get(&simulation->call->form, "CallerArn").data == NULL)
        return kmsd_query_fault(simulation->call, KMSD_QUERY_INVALID_INPUT,
            "Caller ARN must be provided when resource policy is provided.");
    simulation->resource_policy = (struct source){.id = id, .type = "Resource Policy"};
    return parse(simulation, text, KMSD_POLICY_KIND_KEY, id, &simulation->resource_policy.document);
}

/* --- documents of a principal ----------------------------------------------------------------- */

/* The managed policy of that ARN, held; NULL: there is none. */
static const struct kmsd_iam_entity *find_managed(struct simulation *simulation, struct kms_str arn)
{
    const struct kmsd_iam_entity *policy =
        kmsd_iam_find_arn(simulation->call->iam, KMSD_IAM_POLICY, arn);
    if (policy != NULL)
        simulation->held[simulation->held_count++] = policy;
    return policy;
}

static enum kms_err add_managed(struct simulation *simulation, struct kms_str arn)
{
    const struct kmsd_iam_entity *policy = find_managed(simulation, arn);
    if (policy == NULL)
        return KMS_ERR_CORRUPT;
    return add(simulation,
        kmsd_iam_policy_parsed(
            &policy->versions[policy->default_version], KMSD_POLICY_KIND_IDENTITY),
        policy->name);
}

/* Parsed anew: attached as well, it would be told apart by nothing. */
static enum kms_err set_boundary(struct simulation *simulation, struct kms_str arn)
{
    const struct kmsd_iam_entity *policy = find_managed(simulation, arn);
    if (policy == NULL)
        return KMS_ERR_CORRUPT;
    simulation->boundary = (struct source){.id = policy->name, .type = BOUNDARY_TYPE};
    return parse(simulation, policy->versions[policy->default_version].text,
        KMSD_POLICY_KIND_IDENTITY, policy->name, &simulation->boundary.document);
}

static enum kms_err add_entity(struct simulation *simulation, const struct kmsd_iam_entity *entity)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < entity->inline_count && err == KMS_OK; i++) {
        const struct kmsd_iam_policy *policy = &entity->inline_policies[i];
        err = add(simulation, kmsd_iam_policy_parsed(policy, KMSD_POLICY_KIND_IDENTITY),
            kms_arena_printf(simulation->call->arena, "%s_%.*s_%.*s",
                kmsd_iam_kind_text(entity->kind), KMSD_STR_ARGS(entity->name),
                KMSD_STR_ARGS(policy->name)));
    }
    for (size_t i = 0; i < entity->attached.count && err == KMS_OK; i++)
        err = add_managed(simulation, entity->attached.items[i]);
    return err;
}

/* What is known of a user or role, as conditions see it. */
static enum kms_err describe(struct simulation *simulation, const struct kmsd_iam_entity *entity)
{
    struct kms_arena *arena = simulation->call->arena;
    struct kmsd_policy_subject *subject = &simulation->subject;
    *subject = (struct kmsd_policy_subject){.kind = KMSD_SUBJECT_USER, .account = entity->account};
    if (entity->kind == KMSD_IAM_GROUP)
        return KMS_OK;
    subject->tags = entity->tags;
    subject->arn = entity->arn;
    subject->user_id = entity->id;
    if (entity->kind == KMSD_IAM_USER) {
        subject->user_name = entity->name;
        return KMS_OK;
    }
    subject->kind = KMSD_SUBJECT_ROLE_SESSION;
    subject->issuer_arn = entity->arn;
    subject->arn = kms_arena_printf(arena, "arn:%.*s:sts::%.*s:assumed-role/%.*s/simulation",
        KMSD_STR_ARGS(kmsd_iam_partition(simulation->call->iam)), KMSD_STR_ARGS(entity->account),
        KMSD_STR_ARGS(entity->name));
    subject->user_id = kms_arena_printf(arena, "%.*s:simulation", KMSD_STR_ARGS(entity->id));
    return subject->arn.data == NULL || subject->user_id.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* A user's groups, held. */
static enum kms_err find_groups(struct kmsd_query_call *call, const struct kmsd_iam_entity *entity,
    const struct kmsd_iam_entity **groups, size_t *count)
{
    for (size_t i = 0; i < entity->groups.count && i < KMSD_IAM_GROUPS_MAX; i++) {
        groups[*count] =
            kmsd_iam_find(call->iam, entity->account, KMSD_IAM_GROUP, entity->groups.items[i]);
        if (groups[*count] == NULL)
            return KMS_ERR_CORRUPT;
        ++*count;
    }
    return KMS_OK;
}

/* All that binds a user, group or role, with the request's further documents. */
static enum kms_err add_principal(struct simulation *simulation,
    const struct kmsd_iam_entity *entity, const struct kmsd_iam_list *inputs)
{
    const struct kmsd_iam_entity *groups[KMSD_IAM_GROUPS_MAX];
    size_t group_count = 0;
    enum kms_err err = find_groups(simulation->call, entity, groups, &group_count);
    size_t documents = inputs->count + entity->inline_count + entity->attached.count;
    size_t entities = 1 + entity->attached.count + group_count;
    for (size_t i = 0; i < group_count; i++) {
        documents += groups[i]->inline_count + groups[i]->attached.count;
        entities += groups[i]->attached.count;
    }
    if (err == KMS_OK)
        err = reserve(simulation, documents, entities);
    for (size_t i = 0; i < group_count; i++) {
        if (simulation->held == NULL)
            kmsd_iam_entity_release(groups[i]);
        else
            simulation->held[simulation->held_count++] = groups[i];
    }
    if (err == KMS_OK)
        err = add_entity(simulation, entity);
    for (size_t i = 0; i < group_count && err == KMS_OK; i++)
        err = add_entity(simulation, groups[i]);
    if (err != KMS_OK || entity->boundary.data == NULL)
        return err;
    return set_boundary(simulation, entity->boundary);
}

/* --- the context ------------------------------------------------------------------------------ */

static enum kms_err add_tag(
    struct simulation *simulation, const struct kmsd_policy_key_name *name, struct kms_str value)
{
    struct kms_str_map *tags = &simulation->subject.tags;
    struct kms_str_pair *pairs =
        kms_arena_calloc(simulation->call->arena, tags->count + 1, sizeof(*pairs));
    if (pairs == NULL)
        return KMS_ERR_NO_MEMORY;
    pairs[0] = (struct kms_str_pair){name->parameter, value};
    if (tags->count != 0)
        memcpy(pairs + 1, tags->items, tags->count * sizeof(*pairs));
    *tags = (struct kms_str_map){pairs, tags->count + 1};
    return KMS_OK;
}

/* What the request says about the caller takes the place of what is known. */
static enum kms_err tell_subject(
    struct simulation *simulation, const struct kmsd_policy_key_name *name, struct kms_str value)
{
    struct kmsd_policy_subject *subject = &simulation->subject;
    switch (name->key) {
    case KMSD_KEY_USER_NAME:
        subject->user_name = value;
        return KMS_OK;
    case KMSD_KEY_USER_ID:
        subject->user_id = value;
        return KMS_OK;
    case KMSD_KEY_PRINCIPAL_ARN:
        subject->arn = value;
        subject->issuer_arn = value;
        return KMS_OK;
    case KMSD_KEY_PRINCIPAL_ACCOUNT:
        subject->account = value;
        return KMS_OK;
    case KMSD_KEY_FEDERATED_PROVIDER:
        subject->federated_provider = value;
        return KMS_OK;
    case KMSD_KEY_TOKEN_ISSUE_TIME:
        (void)!kmsd_policy_time_parse(value, &subject->token_issued_ms);
        return KMS_OK;
    case KMSD_KEY_PRINCIPAL_TAG:
        return add_tag(simulation, name, value);
    default:
        return KMS_OK;
    }
}

static enum kms_err read_binary(
    struct kmsd_query_call *call, struct kms_str text, struct kmsd_policy_value *out)
{
    size_t len = 0;
    uint8_t *bytes = kms_arena_alloc(call->arena, kms_base64_decoded_max(text.len) + 1);
    if (bytes == NULL)
        return KMS_ERR_NO_MEMORY;
    if (kms_base64_decode(text, bytes, &len) != KMS_OK)
        return kmsd_query_fault(
            call, KMSD_QUERY_INVALID_INPUT, "A context value of type binary is not base64.");
    *out = kmsd_policy_binary(kms_bytes(bytes, len));
    return KMS_OK;
}

static bool is_type(struct kms_str type, bool *is_list)
{
    static const char *const types[] = {"string", "numeric", "boolean", "ip", "binary", "date"};
    static const char suffix[] = "List";
    const size_t len = sizeof(suffix) - 1;
    *is_list = type.len > len && memcmp(type.data + type.len - len, suffix, len) == 0;
    if (*is_list)
        type.len -= len;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (kms_str_is(type, types[i]))
            return true;
    }
    return false;
}

/* Values are texts, which every operator reads as what it compares. */
static enum kms_err read_entry(struct simulation *simulation, size_t index)
{
    struct kmsd_query_call *call = simulation->call;
    struct kms_str name = kmsd_form_member(&call->form, "ContextEntries", index, "ContextKeyName");
    struct kms_str type = kmsd_form_member(&call->form, "ContextEntries", index, "ContextKeyType");
    struct kmsd_policy_key_name key;
    struct kmsd_iam_list values;
    bool is_list = false;
    char parameter[80];
    (void)snprintf(
        parameter, sizeof(parameter), "ContextEntries.member.%zu.ContextKeyValues", index);
    enum kms_err err = kmsd_query_list(call, parameter, NULL, VALUES_MAX, &values);
    if (err != KMS_OK)
        return err;
    if (type.data == NULL || !is_type(type, &is_list) || (!is_list && values.count != 1) ||
        kmsd_policy_key_name_parse(name, &key) != KMS_OK)
        return kmsd_query_fault(call, KMSD_QUERY_INVALID_INPUT,
            "Invalid context entry %zu: it has a name, a type, and values of which there is one "
            "unless the type is a list.",
            index);
    struct kmsd_policy_value value =
        is_list ? kmsd_policy_texts(values.items, sizeof(struct kms_str), values.count)
                : kmsd_policy_text(values.items[0]);
    if (kms_str_is(type, "binary"))
        err = read_binary(call, values.items[0], &value);
    simulation->entries[simulation->entry_count++] = (struct kmsd_policy_entry){name, value};
    return err == KMS_OK && values.count != 0 ? tell_subject(simulation, &key, values.items[0])
                                              : err;
}

static enum kms_err read_context(struct simulation *simulation)
{
    struct kmsd_iam_list names;
    enum kms_err err =
        kmsd_query_list(simulation->call, "ContextEntries", "ContextKeyName", ENTRIES_MAX, &names);
    for (size_t i = 0; i < names.count && err == KMS_OK; i++)
        err = read_entry(simulation, i + 1);
    return err;
}

/* CallerArn is a user, whom the resource policy may name. */
static enum kms_err read_caller(struct simulation *simulation)
{
    struct kmsd_query_call *call = simulation->call;
    struct kms_str arn;
    struct kmsd_policy_name name;
    enum kms_err err = kmsd_query_get(call, "CallerArn", KMSD_RULE_ARN, &arn);
    if (err != KMS_OK || arn.data == NULL)
        return err;
    struct kms_arn parts;
    if (kmsd_policy_name_parse(arn, false, &name) != KMS_OK || name.kind != KMSD_NAME_USER ||
        kms_arn_parse(arn, &parts) != KMS_OK)
        return kmsd_query_fault(
            call, KMSD_QUERY_INVALID_INPUT, "Invalid Caller ARN: it has to be a user's.");
    const char *slash = memrchr(arn.data, '/', arn.len);
    struct kms_str user_name = {slash + 1, arn.len - (size_t)(slash + 1 - arn.data)};
    simulation->subject = (struct kmsd_policy_subject){
        .kind = KMSD_SUBJECT_USER, .account = parts.account, .arn = arn, .user_name = user_name};
    return KMS_OK;
}

static enum kms_err read_owner(struct simulation *simulation)
{
    struct kmsd_policy_name name;
    struct kms_str text = kmsd_form_get(&simulation->call->form, "ResourceOwner");
    if (text.data == NULL)
        return KMS_OK;
    if (kmsd_policy_name_parse(text, false, &name) != KMS_OK || name.kind != KMSD_NAME_ACCOUNT)
        return kmsd_query_fault(simulation->call, KMSD_QUERY_INVALID_INPUT,
            "Invalid Resource Owner: it has to be an account.");
    simulation->resource_owner = name.text;
    return KMS_OK;
}

/* --- one question ----------------------------------------------------------------------------- */

/* Asked for what is nowhere: noted, and not answered. */
static bool note_missing(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    struct simulation *simulation = (struct simulation *)(uintptr_t)arg;
    (void)out;
    for (size_t i = 0; i < simulation->missing_count; i++) {
        if (kmsd_iam_name_compare(simulation->missing[i], name->text) == 0)
            return false;
    }
    if (simulation->missing_count < MISSING_MAX)
        simulation->missing[simulation->missing_count++] = name->text;
    return false;
}

static const struct source *source_of(
    const struct simulation *simulation, const struct kmsd_policy_document *document)
{
    if (document == simulation->boundary.document)
        return &simulation->boundary;
    if (document == simulation->resource_policy.document)
        return &simulation->resource_policy;
    for (size_t i = 0; i < simulation->count; i++) {
        if (simulation->sources[i].document == document)
            return &simulation->sources[i];
    }
    return NULL;
}

/* Statements that decide: the denying ones, or where there is none the allowing ones. */
struct matches {
    const struct simulation *simulation;
    json_t *denying;
    json_t *allowing;
    bool is_bounded; /* the boundary allows it */
    enum kms_err err;
};

static void take_finding(void *arg, const struct kmsd_policy_finding *finding)
{
    struct matches *matches = arg;
    const struct source *source = source_of(matches->simulation, finding->document);
    if (finding->miss != KMSD_MISS_NOTHING || source == NULL || matches->err != KMS_OK)
        return;
    if (source == &matches->simulation->boundary && !finding->is_deny)
        matches->is_bounded = true;
    json_t *out = kmsd_append_object(finding->is_deny ? matches->denying : matches->allowing);
    matches->err =
        out == NULL ? KMS_ERR_NO_MEMORY : kmsd_put_text(out, "SourcePolicyId", source->id);
    if (matches->err == KMS_OK)
        matches->err = kmsd_put_text(out, "SourcePolicyType", kms_str(source->type));
}

static const char *decision_text(const struct kmsd_policy_decision *decision)
{
    if (decision->is_allowed)
        return "allowed";
    return decision->reason >= KMSD_REASON_DENY_IN_KEY_POLICY &&
                   decision->reason <= KMSD_REASON_DENY_IN_SESSION_POLICY
               ? "explicitDeny"
               : "implicitDeny";
}

static enum kms_err put_result(const struct simulation *simulation,
    const struct kmsd_policy_question *question, const struct kmsd_policy_decision *decision,
    struct matches *matches, json_t *out)
{
    const char *text = decision_text(decision);
    json_t *statements = strcmp(text, "explicitDeny") == 0 ? matches->denying
                         : decision->is_allowed            ? matches->allowing
                                                           : NULL;
    enum kms_err err = kmsd_put_text(out, "EvalActionName", question->action);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "EvalResourceName", question->resource);
    if (err == KMS_OK)
        err = kmsd_put_text(out, "EvalDecision", kms_str(text));
    json_t *list = err == KMS_OK ? kmsd_put_list(out, "MatchedStatements") : NULL;
    json_t *missing = list == NULL ? NULL : kmsd_put_list(out, "MissingContextValues");
    if (missing == NULL)
        return err == KMS_OK ? KMS_ERR_NO_MEMORY : err;
    if (statements != NULL && json_array_extend(list, statements) != 0)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < simulation->missing_count && err == KMS_OK; i++)
        err = kmsd_append_text(missing, simulation->missing[i]);
    if (err != KMS_OK || simulation->boundary.document == NULL)
        return err;
    json_t *boundary = kmsd_put_object(out, "PermissionsBoundaryDecisionDetail");
    bool is_bounded = matches->is_bounded && decision->reason != KMSD_REASON_DENY_IN_BOUNDARY;
    return boundary == NULL
               ? KMS_ERR_NO_MEMORY
               : kmsd_put_boolean(boundary, "AllowedByPermissionsBoundary", is_bounded);
}

static struct kms_str account_of(const struct simulation *simulation, struct kms_str resource)
{
    struct kms_arn parts;
    if (simulation->resource_owner.data != NULL)
        return simulation->resource_owner;
    bool has_account = kms_arn_parse(resource, &parts) == KMS_OK && parts.account.len != 0;
    return has_account ? parts.account : simulation->call->account;
}

static enum kms_err ask(
    struct simulation *simulation, struct kms_str action, struct kms_str resource, json_t *out)
{
    struct kmsd_policy_context context = {
        .subject = &simulation->subject,
        .resource_account = account_of(simulation, resource),
        .entries = simulation->entries,
        .entry_count = simulation->entry_count,
        .lookup = note_missing,
        .lookup_arg = simulation,
    };
    struct matches matches = {
        .simulation = simulation, .denying = json_array(), .allowing = json_array()};
    const struct kmsd_policy_trace trace = {.found = take_finding, .arg = &matches};
    const struct kmsd_policy_query query = {
        .question = {.action = action, .resource = resource, .context = &context},
        .has_cross_account_use = true,
        .key_policy = simulation->resource_policy.document,
        .identity_policies = simulation->documents,
        .identity_policy_count = simulation->count,
        .boundary = simulation->boundary.document,
        .trace = &trace,
    };
    enum kms_err err =
        matches.denying == NULL || matches.allowing == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
    simulation->missing_count = 0;
    if (err == KMS_OK) {
        struct kmsd_policy_decision decision = kmsd_policy_authorize(&query);
        err = matches.err != KMS_OK
                  ? matches.err
                  : put_result(simulation, &query.question, &decision, &matches, out);
    }
    json_decref(matches.denying);
    json_decref(matches.allowing);
    return err;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_action(struct kms_str text)
{
    const char *colon = memchr(text.data, ':', text.len);
    return colon != NULL && colon != text.data && text.len <= KMSD_POLICY_ACTION_MAX &&
           (size_t)(colon + 1 - text.data) < text.len && memchr(text.data, '*', text.len) == NULL;
}

static enum kms_err read_questions(
    struct simulation *simulation, struct kmsd_iam_list *actions, struct kmsd_iam_list *resources)
{
    static const struct kms_str any = KMS_STR_LITERAL("*");
    struct kmsd_query_call *call = simulation->call;
    enum kms_err err = kmsd_query_list(call, "ActionNames", NULL, QUESTIONS_MAX, actions);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "ResourceArns", NULL, QUESTIONS_MAX, resources);
    if (err != KMS_OK)
        return err;
    if (actions->count == 0)
        return kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value null at 'actionNames' failed to satisfy "
            "constraint: Member must not be null");
    for (size_t i = 0; i < actions->count; i++) {
        if (!is_action(actions->items[i]))
            return kmsd_query_fault(
                call, KMSD_QUERY_INVALID_INPUT, "Invalid Action: it has to be SERVICE:NAME.");
    }
    if (resources->count == 0)
        *resources = (struct kmsd_iam_list){&any, 1};
    return KMS_OK;
}

/* Where the page begins; pages are counted in questions. */
static size_t first_of(const struct kmsd_query_page *page)
{
    size_t number = 0;
    for (size_t i = 0; page->after.data != NULL && i < page->after.len && i < 8; i++) {
        if (page->after.data[i] < '0' || page->after.data[i] > '9')
            return 0;
        number = number * 10 + (size_t)(page->after.data[i] - '0');
    }
    return number;
}

static enum kms_err answer(struct simulation *simulation)
{
    struct kmsd_query_call *call = simulation->call;
    struct kmsd_iam_list actions;
    struct kmsd_iam_list resources;
    struct kmsd_query_page page;
    enum kms_err err = read_questions(simulation, &actions, &resources);
    if (err == KMS_OK)
        err = kmsd_query_page_begin(call, &page);
    json_t *list = err == KMS_OK ? kmsd_put_list(call->result, "EvaluationResults") : NULL;
    if (list == NULL)
        return err == KMS_OK ? KMS_ERR_NO_MEMORY : err;
    for (size_t i = first_of(&page); i < actions.count * resources.count && err == KMS_OK; i++) {
        char number[24];
        (void)snprintf(number, sizeof(number), "%zu", i + 1);
        if (!kmsd_query_page_takes(call, &page, kms_str(number)))
            break;
        json_t *out = kmsd_append_object(list);
        err = out == NULL ? KMS_ERR_NO_MEMORY
                          : ask(simulation, actions.items[i / resources.count],
                                resources.items[i % resources.count], out);
    }
    return err == KMS_OK ? kmsd_query_page_end(call, &page) : err;
}

/* What both have in common, once the policies are there. */
static enum kms_err run(struct simulation *simulation)
{
    enum kms_err err = read_boundary(simulation);
    if (err == KMS_OK)
        err = read_resource_policy(simulation);
    if (err == KMS_OK)
        err = read_caller(simulation);
    if (err == KMS_OK)
        err = read_owner(simulation);
    if (err == KMS_OK)
        err = read_context(simulation);
    return err == KMS_OK ? answer(simulation) : err;
}

static struct simulation *begin(struct kmsd_query_call *call)
{
    struct simulation *simulation = kms_arena_calloc(call->arena, 1, sizeof(*simulation));
    if (simulation != NULL)
        simulation->call = call;
    return simulation;
}

enum kms_err kmsd_iam_op_simulate_custom(struct kmsd_query_call *call)
{
    struct simulation *simulation = begin(call);
    struct kmsd_iam_list inputs;
    if (simulation == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_query_list(call, "PolicyInputList", NULL, INPUTS_MAX, &inputs);
    if (err == KMS_OK && inputs.count == 0)
        err = kmsd_query_fault(call, KMSD_QUERY_VALIDATION,
            "1 validation error detected: Value null at 'policyInputList' failed to satisfy "
            "constraint: Member must not be null");
    /* somebody of the account, of whom the request says what matters */
    simulation->subject =
        (struct kmsd_policy_subject){.kind = KMSD_SUBJECT_USER, .account = call->account};
    if (err == KMS_OK)
        err = reserve(simulation, inputs.count, 0);
    if (err == KMS_OK)
        err = add_inputs(simulation, &inputs);
    if (err == KMS_OK)
        err = run(simulation);
    clean_up(simulation);
    return err;
}

enum kms_err kmsd_iam_op_simulate_principal(struct kmsd_query_call *call)
{
    struct simulation *simulation = begin(call);
    const struct kmsd_iam_entity *entity = NULL;
    struct kmsd_iam_list inputs;
    struct kms_str arn;
    if (simulation == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_query_need(call, "PolicySourceArn", KMSD_RULE_ARN, &arn);
    if (err == KMS_OK)
        err = kmsd_query_find_source(call, arn, &entity);
    if (err == KMS_OK)
        err = kmsd_query_list(call, "PolicyInputList", NULL, INPUTS_MAX, &inputs);
    if (err == KMS_OK)
        err = describe(simulation, entity);
    if (err == KMS_OK)
        err = add_principal(simulation, entity, &inputs);
    if (err == KMS_OK)
        err = add_inputs(simulation, &inputs);
    if (err == KMS_OK)
        err = run(simulation);
    clean_up(simulation);
    return err;
}
