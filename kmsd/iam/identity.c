/* From an entity to what binds it: its own policies, those of its groups, its boundary. */
#include "kmsd/iam/identity.h"

#include "kmsd/iam/state.h"

#include <stdlib.h>

struct kmsd_identity_owner {
    struct kmsd_identity identity;
    atomic_size_t references;
    const struct kmsd_session *session; /* NULL: none */
    size_t held_count;
    size_t document_count;
    const struct kmsd_iam_entity **held; /* what the documents belong to */
    const struct kmsd_policy_document **documents;
    struct kms_str_pair *tags; /* of a role session: the role's and its own */
};

const struct kmsd_identity *kmsd_identity_hold(const struct kmsd_identity *identity)
{
    if (identity != NULL && identity->owner != NULL)
        atomic_fetch_add_explicit(&identity->owner->references, 1, memory_order_relaxed);
    return identity;
}

void kmsd_identity_release(const struct kmsd_identity *identity)
{
    if (identity == NULL || identity->owner == NULL)
        return;
    struct kmsd_identity_owner *owner = identity->owner;
    if (atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < owner->held_count; i++)
        kmsd_iam_entity_release(owner->held[i]);
    kmsd_session_release(owner->session);
    free(owner->held);
    free(owner->documents);
    free(owner->tags);
    free(owner);
}

/* --- collecting ------------------------------------------------------------------------------- */

struct collection {
    const struct kmsd_iam *iam;
    struct kmsd_identity_owner *owner;
    enum kms_err err; /* the first */
};

/* Upper bounds, so that there is one allocation of each. */
static void count_parts(const struct kmsd_iam *iam, const struct kmsd_iam_entity *entity,
    size_t *documents, size_t *entities)
{
    *documents += entity->inline_count + entity->attached.count + 1;
    *entities += entity->attached.count + 2;
    for (size_t i = 0; i < entity->groups.count; i++) {
        const struct kmsd_iam_slot *slot =
            kmsd_iam_slot_find(iam, entity->account, KMSD_IAM_GROUP, entity->groups.items[i]);
        if (slot != NULL)
            count_parts(iam, slot->entity, documents, entities); /* groups have no groups */
    }
}

static void hold(struct collection *to, const struct kmsd_iam_entity *entity)
{
    to->owner->held[to->owner->held_count++] = kmsd_iam_entity_hold(entity);
}

/* A policy that cannot be read may hold a Deny: the identity is worth nothing then. */
static const struct kmsd_policy_document *parse(
    struct collection *to, const struct kmsd_iam_policy *policy, enum kmsd_policy_kind kind)
{
    const struct kmsd_policy_document *document = kmsd_iam_policy_parsed(policy, kind);
    if (document == NULL && to->err == KMS_OK)
        to->err = KMS_ERR_CORRUPT;
    return document;
}

static const struct kmsd_policy_document *managed(
    struct collection *to, struct kms_str arn, enum kmsd_policy_kind kind)
{
    const struct kmsd_iam_slot *slot = kmsd_iam_slot_find_arn(to->iam, KMSD_IAM_POLICY, arn);
    if (slot == NULL) {
        to->err = to->err == KMS_OK ? KMS_ERR_CORRUPT : to->err;
        return NULL;
    }
    hold(to, slot->entity);
    return parse(to, &slot->entity->versions[slot->entity->default_version], kind);
}

static void collect(struct collection *to, const struct kmsd_iam_entity *entity)
{
    struct kmsd_identity_owner *owner = to->owner;
    hold(to, entity);
    for (size_t i = 0; i < entity->inline_count; i++)
        owner->documents[owner->document_count++] =
            parse(to, &entity->inline_policies[i], KMSD_POLICY_KIND_IDENTITY);
    for (size_t i = 0; i < entity->attached.count; i++)
        owner->documents[owner->document_count++] =
            managed(to, entity->attached.items[i], KMSD_POLICY_KIND_IDENTITY);
}

static void collect_groups(struct collection *to, const struct kmsd_iam_entity *user)
{
    for (size_t i = 0; i < user->groups.count; i++) {
        const struct kmsd_iam_slot *slot =
            kmsd_iam_slot_find(to->iam, user->account, KMSD_IAM_GROUP, user->groups.items[i]);
        if (slot == NULL)
            to->err = to->err == KMS_OK ? KMS_ERR_CORRUPT : to->err;
        else
            collect(to, slot->entity);
    }
}

/* --- sessions --------------------------------------------------------------------------------- */

static bool has_tag(const struct kms_str_map *map, struct kms_str key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (kmsd_iam_name_compare(map->items[i].key, key) == 0)
            return true;
    }
    return false;
}

/* A session's own tags come before its role's of the same key. */
static void merge_tags(struct collection *to, const struct kmsd_iam_entity *role,
    const struct kms_str_map *session_tags)
{
    struct kms_str_pair *pairs = calloc(role->tags.count + session_tags->count + 1, sizeof(*pairs));
    if (pairs == NULL) {
        to->err = KMS_ERR_NO_MEMORY;
        return;
    }
    size_t merged = 0;
    for (size_t i = 0; i < session_tags->count; i++)
        pairs[merged++] = session_tags->items[i];
    for (size_t i = 0; i < role->tags.count; i++) {
        if (!has_tag(session_tags, role->tags.items[i].key))
            pairs[merged++] = role->tags.items[i];
    }
    to->owner->tags = pairs;
    to->owner->identity.subject.tags = (struct kms_str_map){pairs, merged};
}

static void collect_session_policies(struct collection *to, const struct kmsd_session *session)
{
    struct kmsd_identity_owner *owner = to->owner;
    const struct kmsd_policy_document **first = &owner->documents[owner->document_count];
    size_t before = owner->document_count;
    if (session->policy != NULL)
        owner->documents[owner->document_count++] = session->policy;
    for (size_t i = 0; i < session->content.policy_arn_count; i++)
        owner->documents[owner->document_count++] =
            managed(to, session->content.policy_arns[i], KMSD_POLICY_KIND_IDENTITY);
    owner->identity.session_policies = first;
    owner->identity.session_policy_count = owner->document_count - before;
}

/* --- identities ------------------------------------------------------------------------------- */

static void describe_user(struct kmsd_policy_subject *subject, const struct kmsd_iam_entity *user)
{
    *subject = (struct kmsd_policy_subject){
        .kind = KMSD_SUBJECT_USER,
        .account = user->account,
        .arn = user->arn,
        .user_id = user->id,
        .user_name = user->name,
        .tags = user->tags,
    };
}

static void describe_role_session(
    struct collection *to, const struct kmsd_iam_entity *role, const struct kmsd_session *session)
{
    to->owner->identity.subject = (struct kmsd_policy_subject){
        .kind = KMSD_SUBJECT_ROLE_SESSION,
        .account = role->account,
        .arn = session->arn,
        .issuer_arn = role->arn,
        .user_id = session->user_id,
        .federated_provider = session->content.provider,
    };
    merge_tags(to, role, &session->content.tags);
}

static struct kmsd_identity_owner *new_owner(
    const struct kmsd_iam *iam, const struct kmsd_iam_entity *entity, size_t session_documents)
{
    size_t documents = session_documents + 1;
    size_t entities = session_documents + 1;
    count_parts(iam, entity, &documents, &entities);
    struct kmsd_identity_owner *owner = calloc(1, sizeof(*owner));
    if (owner == NULL)
        return NULL;
    atomic_init(&owner->references, 1);
    owner->identity.owner = owner;
    owner->held = calloc(entities, sizeof(*owner->held));
    owner->documents = calloc(documents, sizeof(*owner->documents));
    if (owner->held == NULL || owner->documents == NULL) {
        kmsd_identity_release(&owner->identity);
        return NULL;
    }
    return owner;
}

/* The caller holds the lock, for reading at least. session may be NULL. */
static enum kms_err build(const struct kmsd_iam *iam, const struct kmsd_iam_entity *entity,
    const struct kmsd_session *session, const struct kmsd_identity **out)
{
    size_t extra = session == NULL ? 0 : session->content.policy_arn_count + 1;
    struct collection to = {.iam = iam, .owner = new_owner(iam, entity, extra)};
    if (to.owner == NULL)
        return KMS_ERR_NO_MEMORY;
    struct kmsd_identity *identity = &to.owner->identity;
    to.owner->session = session == NULL ? NULL : kmsd_session_hold(session);
    collect(&to, entity);
    if (entity->kind == KMSD_IAM_ROLE) {
        describe_role_session(&to, entity, session);
    } else {
        collect_groups(&to, entity);
        describe_user(&identity->subject, entity);
    }
    identity->identity_policies = to.owner->documents;
    identity->identity_policy_count = to.owner->document_count;
    if (entity->boundary.data != NULL)
        identity->boundary = managed(&to, entity->boundary, KMSD_POLICY_KIND_IDENTITY);
    if (session != NULL) {
        identity->subject.token_issued_ms = session->content.issued_ms;
        collect_session_policies(&to, session);
    }
    if (to.err != KMS_OK) {
        kmsd_identity_release(identity);
        return to.err;
    }
    *out = identity;
    return KMS_OK;
}

enum kms_err kmsd_iam_resolve_user(
    struct kmsd_iam *iam, struct kms_str arn, const struct kmsd_identity **out)
{
    (void)pthread_rwlock_rdlock(&iam->lock);
    const struct kmsd_iam_slot *slot = kmsd_iam_slot_find_arn(iam, KMSD_IAM_USER, arn);
    enum kms_err err = slot == NULL ? KMS_ERR_NOT_FOUND : build(iam, slot->entity, NULL, out);
    (void)pthread_rwlock_unlock(&iam->lock);
    return err;
}

enum kms_err kmsd_iam_resolve_session(
    struct kmsd_iam *iam, const struct kmsd_session *session, const struct kmsd_identity **out)
{
    const struct kmsd_session_content *content = &session->content;
    enum kmsd_iam_kind kind = content->kind == KMSD_SESSION_ROLE ? KMSD_IAM_ROLE : KMSD_IAM_USER;
    enum kms_err err = KMS_OK;
    (void)pthread_rwlock_rdlock(&iam->lock);
    if (content->kind == KMSD_SESSION_ROOT) {
        *out = NULL;
        err = kmsd_iam_account_find(iam, content->account) == NULL ? KMS_ERR_NOT_FOUND : KMS_OK;
    } else {
        const struct kmsd_iam_slot *slot =
            kmsd_iam_slot_find(iam, content->account, kind, content->name);
        /* another one of the same name is somebody else */
        bool is_it = slot != NULL && kms_str_eq(slot->entity->id, content->entity_id);
        err = is_it ? build(iam, slot->entity, session, out) : KMS_ERR_NOT_FOUND;
    }
    (void)pthread_rwlock_unlock(&iam->lock);
    return err;
}
