/* May the caller do this? Gathers what the decision rests on; kmsd/policy makes it. */
#include "kmsd/query/call.h"

#include <stdio.h>

/* --- facts ------------------------------------------------------------------------------------ */

void kmsd_query_add_fact(
    struct kmsd_query_facts *facts, const char *name, struct kmsd_policy_value value)
{
    if (facts->count < sizeof(facts->entries) / sizeof(facts->entries[0]))
        facts->entries[facts->count++] = (struct kmsd_policy_entry){kms_str(name), value};
}

static struct kms_str find_header(const struct kms_http_view *http, const char *name)
{
    for (size_t i = 0; i < http->header_count; i++) {
        if (kmsd_iam_name_compare(http->headers[i].name, kms_str(name)) == 0)
            return http->headers[i].value;
    }
    return kms_str(NULL);
}

void kmsd_query_common_facts(const struct kmsd_query_call *call, struct kmsd_query_facts *facts)
{
    const struct kmsd_query_request *request = &call->request;
    const struct kmsd_session *session =
        request->principal == NULL ? NULL : request->principal->session;
    struct kmsd_policy_ip ip;
    kmsd_query_add_fact(facts, "aws:CurrentTime", kmsd_policy_time(request->now_ms));
    kmsd_query_add_fact(facts, "aws:EpochTime", kmsd_policy_number(request->now_ms / 1000));
    kmsd_query_add_fact(facts, "aws:SecureTransport", kmsd_policy_bool(request->secure_transport));
    kmsd_query_add_fact(facts, "aws:ViaAWSService", kmsd_policy_bool(false));
    if (call->region.data != NULL)
        kmsd_query_add_fact(facts, "aws:RequestedRegion", kmsd_policy_text(call->region));
    if (request->remote_address.data != NULL &&
        kmsd_policy_ip_parse(request->remote_address, &ip) == KMS_OK)
        kmsd_query_add_fact(facts, "aws:SourceIp", kmsd_policy_ip(ip));
    if (request->http != NULL) {
        struct kms_str agent = find_header(request->http, "user-agent");
        if (agent.data != NULL)
            kmsd_query_add_fact(facts, "aws:UserAgent", kmsd_policy_text(agent));
    }
    if (session == NULL)
        return;
    kmsd_query_add_fact(facts, "aws:TokenIssueTime", kmsd_policy_time(session->content.issued_ms));
    kmsd_query_add_fact(facts, "aws:MultiFactorAuthPresent", kmsd_policy_bool(false));
    if (session->content.source_identity.data != NULL)
        kmsd_query_add_fact(
            facts, "aws:SourceIdentity", kmsd_policy_text(session->content.source_identity));
}

struct kmsd_policy_subject kmsd_query_subject(const struct kmsd_query_call *call)
{
    const struct kmsd_principal *principal = call->request.principal;
    if (principal->identity != NULL)
        return principal->identity->subject;
    struct kms_str account = kms_str(principal->account);
    return (struct kmsd_policy_subject){
        .kind = principal->is_account_root ? KMSD_SUBJECT_ACCOUNT_ROOT : KMSD_SUBJECT_USER,
        .account = account,
        .arn = kms_str(principal->arn),
        .user_id = principal->is_account_root ? account : kms_str(NULL),
    };
}

/* --- the decision ----------------------------------------------------------------------------- */

/* Tags of the request or of the resource; the facts come first. */
struct tags {
    const struct kms_str_map *of_request;
    const struct kms_str_map *of_resource;
    struct kmsd_iam_list keys; /* of the request, when it names tags by their keys alone */
};

static bool find_tag(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    const struct tags *tags = arg;
    static const char iam_tag[] = "iam:ResourceTag/";
    switch (name->key) {
    case KMSD_KEY_REQUEST_TAG:
        return tags->of_request != NULL && kmsd_policy_map_find(tags->of_request, name, out);
    case KMSD_KEY_TAG_KEYS:
        if (tags->keys.count != 0)
            *out =
                kmsd_policy_texts(tags->keys.items, sizeof(tags->keys.items[0]), tags->keys.count);
        else if (tags->of_request != NULL && tags->of_request->count != 0)
            *out = kmsd_policy_keys_of(*tags->of_request);
        else
            return false;
        return true;
    case KMSD_KEY_RESOURCE_TAG:
        return tags->of_resource != NULL && kmsd_policy_map_find(tags->of_resource, name, out);
    default:
        break;
    }
    if (tags->of_resource == NULL || name->text.len < sizeof(iam_tag) ||
        kmsd_iam_name_compare(
            (struct kms_str){name->text.data, sizeof(iam_tag) - 1}, kms_str(iam_tag)) != 0)
        return false;
    struct kmsd_policy_key_name tag = *name;
    tag.parameter = (struct kms_str){
        name->text.data + sizeof(iam_tag) - 1, name->text.len - sizeof(iam_tag) + 1};
    return kmsd_policy_map_find(tags->of_resource, &tag, out);
}

/* What is asked, with all that answers it. It points into itself. */
struct hearing {
    struct kmsd_policy_subject subject;
    struct kmsd_policy_context context;
    struct kmsd_policy_query query;
    struct tags tags;
    struct kms_str_map request_tags;
};

static void prepare(struct hearing *hearing, const struct kmsd_query_call *call, const char *action,
    struct kms_str resource, struct kms_str resource_account, const struct kmsd_query_facts *facts)
{
    const struct kmsd_identity *identity = call->request.principal->identity;
    hearing->subject = kmsd_query_subject(call);
    hearing->context = (struct kmsd_policy_context){
        .subject = &hearing->subject,
        .resource_account = resource_account,
        .entries = facts->entries,
        .entry_count = facts->count,
        .lookup = find_tag,
        .lookup_arg = &hearing->tags,
    };
    hearing->query.question = (struct kmsd_policy_question){
        .action = kms_str(action), .resource = resource, .context = &hearing->context};
    if (identity == NULL)
        return;
    hearing->query.identity_policies = identity->identity_policies;
    hearing->query.identity_policy_count = identity->identity_policy_count;
    hearing->query.boundary = identity->boundary;
    hearing->query.session_policies = identity->session_policies;
    hearing->query.session_policy_count = identity->session_policy_count;
}

static enum kms_err decide(struct kmsd_query_call *call, struct hearing *hearing)
{
    struct kmsd_policy_decision decision = kmsd_policy_authorize(&hearing->query);
    if (decision.is_allowed)
        return KMS_OK;
    struct kms_str text = kmsd_policy_denial(&hearing->query, &decision, call->arena);
    if (text.data == NULL)
        return KMS_ERR_NO_MEMORY;
    call->code = KMSD_QUERY_ACCESS_DENIED;
    call->message = text;
    return KMS_ERR_FAULT;
}

enum kms_err kmsd_query_decide(struct kmsd_query_call *call, const char *action,
    struct kms_str resource, struct kms_str resource_account,
    const struct kmsd_policy_document *trust, struct kmsd_query_facts *facts)
{
    struct hearing hearing = {.query = {.has_cross_account_use = true}};
    kmsd_query_common_facts(call, facts);
    prepare(&hearing, call, action, resource, resource_account, facts);
    hearing.query.key_policy = trust;
    hearing.tags =
        (struct tags){.of_request = facts->request_tags, .of_resource = facts->resource_tags};
    return decide(call, &hearing);
}

/* --- by the row ------------------------------------------------------------------------------- */

/* The ARN that a new entity will have. */
static struct kms_str arn_to_be(struct kmsd_query_call *call, enum kmsd_iam_kind kind)
{
    struct kms_str path = kmsd_form_get(&call->form, "Path");
    struct kmsd_iam_entity draft = {
        .kind = kind,
        .account = call->account,
        .path = path.data == NULL ? kms_str("/") : path,
        .name = kmsd_form_get(&call->form, kmsd_query_name_parameter(kind)),
    };
    if (kind == KMSD_IAM_PROVIDER && draft.name.len > 8) /* "https://" */
        draft.name = (struct kms_str){draft.name.data + 8, draft.name.len - 8};
    return kmsd_iam_entity_arn(&draft, kmsd_iam_partition(call->iam), call->arena);
}

/* The user who asks; NULL: it is no user, or one of a file. */
static const struct kmsd_iam_entity *find_caller(const struct kmsd_query_call *call)
{
    struct kmsd_policy_subject subject = kmsd_query_subject(call);
    if (subject.kind != KMSD_SUBJECT_USER || subject.user_name.data == NULL)
        return NULL;
    return kmsd_iam_find(call->iam, call->account, KMSD_IAM_USER, subject.user_name);
}

/* What is another account's is not there: conditions must not see its tags. */
static const struct kmsd_iam_entity *find_own(
    const struct kmsd_query_call *call, enum kmsd_iam_kind kind, struct kms_str arn)
{
    const struct kmsd_iam_entity *entity = kmsd_iam_find_arn(call->iam, kind, arn);
    if (entity == NULL || kms_str_eq(entity->account, call->account) ||
        kms_str_is(entity->account, KMSD_IAM_AWS))
        return entity;
    kmsd_iam_entity_release(entity);
    return NULL;
}

/* The entity that a request names, if it is there; held by the call. */
static enum kms_err find_resource(
    struct kmsd_query_call *call, const struct kmsd_iam_entity **entity, struct kms_str *arn)
{
    const struct kmsd_query_op *op = call->op;
    const char *name = kmsd_query_name_parameter(op->kind);
    *entity = NULL;
    *arn = kms_str("*");
    switch (op->resource) {
    case KMSD_RESOURCE_ANY:
        return KMS_OK;
    case KMSD_RESOURCE_SHELF:
        *arn = kms_arena_printf(call->arena, "arn:%.*s:iam::%.*s:%s/",
            KMSD_STR_ARGS(kmsd_iam_partition(call->iam)), KMSD_STR_ARGS(call->account),
            kmsd_iam_kind_text(op->kind));
        break;
    case KMSD_RESOURCE_SELF:
    case KMSD_RESOURCE_ENTITY:
        if (op->resource == KMSD_RESOURCE_SELF && kmsd_form_get(&call->form, name).data == NULL) {
            *entity = find_caller(call);
            *arn = *entity != NULL ? (*entity)->arn : kms_str(call->request.principal->arn);
            break;
        }
        *entity =
            kmsd_iam_find(call->iam, call->account, op->kind, kmsd_form_get(&call->form, name));
        *arn = *entity != NULL ? (*entity)->arn : arn_to_be(call, op->kind);
        break;
    case KMSD_RESOURCE_NEW_POLICY:
        *arn = arn_to_be(call, KMSD_IAM_POLICY);
        break;
    case KMSD_RESOURCE_NEW_PROVIDER:
        *arn = arn_to_be(call, KMSD_IAM_PROVIDER);
        break;
    case KMSD_RESOURCE_POLICY:
        *arn = kmsd_form_get(&call->form, "PolicyArn");
        *entity = find_own(call, KMSD_IAM_POLICY, *arn);
        break;
    case KMSD_RESOURCE_PROVIDER:
        *arn = kmsd_form_get(&call->form, "OpenIDConnectProviderArn");
        *entity = find_own(call, KMSD_IAM_PROVIDER, *arn);
        break;
    case KMSD_RESOURCE_SOURCE:
        *arn = kmsd_form_get(&call->form, "PolicySourceArn");
        *entity = kmsd_query_look_up_source(call, *arn);
        break;
    }
    if (*entity != NULL) {
        if (call->held_count == sizeof(call->held) / sizeof(call->held[0])) {
            kmsd_iam_entity_release(*entity);
            return KMS_ERR_INTERNAL;
        }
        call->held[call->held_count++] = *entity;
    }
    if (arn->data == NULL || arn->len == 0)
        *arn =
            kms_str("*"); /* the parameter is missing: refused later, by whoever may come so far */
    return KMS_OK;
}

/* What conditions ask about, of the entity and of those parameters that the action obeys. */
static enum kms_err gather(struct kmsd_query_call *call, const struct kmsd_iam_entity *entity,
    struct hearing *hearing, struct kmsd_query_facts *facts)
{
    unsigned flags = call->op->flags;
    enum kms_err err = KMS_OK;
    if ((flags & KMSD_QUERY_HAS_TAGS) != 0)
        err = kmsd_query_tags(call, &hearing->request_tags);
    if (err == KMS_OK && (flags & KMSD_QUERY_HAS_TAG_KEYS) != 0)
        err = kmsd_query_list(call, "TagKeys", NULL, KMSD_IAM_TAGS_MAX, &hearing->tags.keys);
    if (err != KMS_OK)
        return err;
    struct kms_str policy = kms_str(NULL);
    struct kms_str boundary = entity == NULL ? kms_str(NULL) : entity->boundary;
    if ((flags & KMSD_QUERY_HAS_POLICY) != 0)
        policy = kmsd_form_get(&call->form, "PolicyArn");
    if ((flags & KMSD_QUERY_SETS_BOUNDARY) != 0)
        boundary = kmsd_form_get(&call->form, "PermissionsBoundary");
    if (policy.data != NULL)
        kmsd_query_add_fact(facts, "iam:PolicyARN", kmsd_policy_text(policy));
    if (boundary.data != NULL)
        kmsd_query_add_fact(facts, "iam:PermissionsBoundary", kmsd_policy_text(boundary));
    kmsd_query_common_facts(call, facts);
    hearing->tags.of_request = &hearing->request_tags;
    hearing->tags.of_resource = entity == NULL ? NULL : &entity->tags;
    return KMS_OK;
}

/* The ARN that a renamed entity will have; absent: it keeps the one that it has. */
static enum kms_err find_new_arn(
    struct kmsd_query_call *call, const struct kmsd_iam_entity *entity, struct kms_str *arn)
{
    *arn = kms_str(NULL);
    if ((call->op->flags & KMSD_QUERY_RENAMES) == 0 || entity == NULL)
        return KMS_OK;
    struct kms_str name =
        kmsd_form_get(&call->form, entity->kind == KMSD_IAM_GROUP ? "NewGroupName" : "NewUserName");
    struct kms_str path = kmsd_form_get(&call->form, "NewPath");
    if (name.data == NULL && path.data == NULL)
        return KMS_OK;
    struct kmsd_iam_entity draft = *entity;
    draft.name = name.data == NULL ? entity->name : name;
    draft.path = path.data == NULL ? entity->path : path;
    *arn = kmsd_iam_entity_arn(&draft, kmsd_iam_partition(call->iam), call->arena);
    return arn->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* For the audit trail, which is written after the entity was given back. A caller who asks about
 * itself is in the record as such. */
static enum kms_err keep_target(struct kmsd_query_call *call, struct kms_str arn)
{
    if (call->op->resource == KMSD_RESOURCE_SHELF || kms_str_is(arn, "*") ||
        arn.data == call->request.principal->arn)
        return KMS_OK;
    call->target = kms_arena_str(call->arena, arn);
    return call->target.data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_query_authorize(struct kmsd_query_call *call)
{
    const struct kmsd_query_op *op = call->op;
    if (call->is_operator || (op->flags & KMSD_QUERY_FREE) != 0)
        return KMS_OK;
    const struct kmsd_iam_entity *entity = NULL;
    struct kms_str resource;
    struct kms_str new_arn;
    struct kmsd_query_facts facts = {.count = 0};
    struct hearing hearing = {.tags = {.of_request = NULL}};
    char action[64];
    (void)snprintf(
        action, sizeof(action), "%s:%s", op->service == KMSD_QUERY_IAM ? "iam" : "sts", op->name);
    enum kms_err err = find_resource(call, &entity, &resource);
    if (err == KMS_OK)
        err = keep_target(call, resource);
    if (err == KMS_OK)
        err = gather(call, entity, &hearing, &facts);
    if (err != KMS_OK)
        return err;
    prepare(&hearing, call, action, resource, call->account, &facts);
    err = decide(call, &hearing);
    if (err == KMS_OK)
        err = find_new_arn(call, entity, &new_arn);
    if (err != KMS_OK || new_arn.data == NULL)
        return err;
    /* who may change one entity may not thereby make it one that is another's to change */
    prepare(&hearing, call, action, new_arn, call->account, &facts);
    return decide(call, &hearing);
}
