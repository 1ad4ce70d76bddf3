#include "kmsd/policy/authorize.h"

const char kmsd_policy_lockout_text[] =
    "The new key policy will not allow you to update the key policy in the future.";

/* What one kind of document says, taken together. */
struct voice {
    const struct kmsd_policy_document *denying;
    int32_t deny;
    const struct kmsd_policy_document *allowing;
    int32_t allow;
};

static void hear(struct voice *voice, const struct kmsd_policy_document *document,
    const struct kmsd_policy_query *query)
{
    struct kmsd_policy_verdict verdict;
    if (voice->denying != NULL && query->trace == NULL)
        return;
    kmsd_policy_evaluate(document, &query->question, query->trace, &verdict);
    if (verdict.deny != KMSD_POLICY_NO_STATEMENT && voice->denying == NULL) {
        voice->denying = document;
        voice->deny = verdict.deny;
    }
    int32_t allow = verdict.allow[KMSD_MATCH_IMPLICIT];
    if (allow != KMSD_POLICY_NO_STATEMENT && voice->allowing == NULL) {
        voice->allowing = document;
        voice->allow = allow;
    }
}

static void forget_allows(struct kmsd_policy_verdict *verdict)
{
    for (size_t i = 0; i < KMSD_MATCH_COUNT_; i++)
        verdict->allow[i] = KMSD_POLICY_NO_STATEMENT;
}

/* All that the documents say. */
struct hearing {
    const struct kmsd_policy_query *query;
    struct kmsd_policy_verdict key_policy;
    struct voice identity;
    struct voice boundary;
    struct voice session;
};

static void hear_all(struct hearing *hearing)
{
    const struct kmsd_policy_query *query = hearing->query;
    hearing->key_policy.deny = KMSD_POLICY_NO_STATEMENT;
    if (query->key_policy != NULL)
        kmsd_policy_evaluate(
            query->key_policy, &query->question, query->trace, &hearing->key_policy);
    if (query->key_policy == NULL || query->is_left_to_account)
        forget_allows(&hearing->key_policy);
    for (size_t i = 0; i < query->identity_policy_count; i++)
        hear(&hearing->identity, query->identity_policies[i], query);
    if (query->boundary != NULL)
        hear(&hearing->boundary, query->boundary, query);
    for (size_t i = 0; i < query->session_policy_count; i++)
        hear(&hearing->session, query->session_policies[i], query);
}

static struct kmsd_policy_decision because(enum kmsd_policy_reason reason)
{
    return (struct kmsd_policy_decision){
        .is_allowed = reason <= KMSD_REASON_ACCOUNT_ROOT,
        .reason = reason,
        .statement = KMSD_POLICY_NO_STATEMENT,
    };
}

static struct kmsd_policy_decision because_of(
    enum kmsd_policy_reason reason, const struct kmsd_policy_document *document, int32_t statement)
{
    struct kmsd_policy_decision decision = because(reason);
    decision.document = document;
    decision.statement = statement;
    return decision;
}

/* An explicit deny, in the order in which the guide looks for them. */
static bool is_denied(const struct hearing *hearing, struct kmsd_policy_decision *out)
{
    if (hearing->key_policy.deny != KMSD_POLICY_NO_STATEMENT)
        *out = because_of(
            KMSD_REASON_DENY_IN_KEY_POLICY, hearing->query->key_policy, hearing->key_policy.deny);
    else if (hearing->identity.denying != NULL)
        *out = because_of(
            KMSD_REASON_DENY_IN_IDENTITY_POLICY, hearing->identity.denying, hearing->identity.deny);
    else if (hearing->boundary.denying != NULL)
        *out = because_of(
            KMSD_REASON_DENY_IN_BOUNDARY, hearing->boundary.denying, hearing->boundary.deny);
    else if (hearing->session.denying != NULL)
        *out = because_of(
            KMSD_REASON_DENY_IN_SESSION_POLICY, hearing->session.denying, hearing->session.deny);
    else
        return false;
    return true;
}

static const struct kmsd_policy_subject *subject_of(const struct kmsd_policy_query *query)
{
    return query->question.context->subject;
}

/* What a permission that reaches the caller by its role, user or account still has to pass. A
 * federated user's session has only what a session policy gives it. */
static struct kmsd_policy_decision within_bounds(
    const struct hearing *hearing, struct kmsd_policy_decision allowed)
{
    const struct kmsd_policy_query *query = hearing->query;
    bool is_narrowed =
        query->session_policy_count != 0 || subject_of(query)->kind == KMSD_SUBJECT_FEDERATED_USER;
    if (query->boundary != NULL && hearing->boundary.allowing == NULL)
        return because(KMSD_REASON_NO_BOUNDARY_ALLOWS);
    if (is_narrowed && hearing->session.allowing == NULL)
        return because(KMSD_REASON_NO_SESSION_POLICY_ALLOWS);
    return allowed;
}

/* What the caller's own account gives it. */
static struct kmsd_policy_decision by_identity(const struct hearing *hearing)
{
    struct kmsd_policy_decision allowed = because(KMSD_REASON_ACCOUNT_ROOT);
    if (subject_of(hearing->query)->kind != KMSD_SUBJECT_ACCOUNT_ROOT) {
        if (hearing->identity.allowing == NULL)
            return because(KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS);
        allowed = because_of(
            KMSD_REASON_IDENTITY_POLICY, hearing->identity.allowing, hearing->identity.allow);
    }
    return within_bounds(hearing, allowed);
}

/* The permission that the key policy gives by naming the caller so. */
static bool gives(
    const struct hearing *hearing, enum kmsd_policy_match match, struct kmsd_policy_decision *out)
{
    int32_t statement = hearing->key_policy.allow[match];
    if (statement == KMSD_POLICY_NO_STATEMENT)
        return false;
    *out = because_of(KMSD_REASON_KEY_POLICY, hearing->query->key_policy, statement);
    return true;
}

static struct kmsd_policy_decision by_grant(
    const struct hearing *hearing, struct kmsd_policy_decision otherwise, bool is_own_account)
{
    const struct kmsd_policy_query *query = hearing->query;
    enum kmsd_policy_match match = KMSD_MATCH_NONE;
    const struct kmsd_grant *grant =
        query->grants == NULL ? NULL : query->grants(query->grants_arg, &match);
    if (grant == NULL || match == KMSD_MATCH_NONE)
        return otherwise;
    struct kmsd_policy_decision allowed = because(KMSD_REASON_GRANT);
    allowed.grant = grant;
    if (match == KMSD_MATCH_PRINCIPAL &&
        (is_own_account || subject_of(query)->kind == KMSD_SUBJECT_SERVICE))
        return allowed;
    if (match == KMSD_MATCH_PRINCIPAL || match == KMSD_MATCH_ISSUER)
        return within_bounds(hearing, allowed);
    if (match != KMSD_MATCH_ACCOUNT)
        return otherwise;
    /* to the account: its identity policies decide who in it */
    struct kmsd_policy_decision own = by_identity(hearing);
    return own.is_allowed ? allowed : own;
}

static struct kmsd_policy_decision in_own_account(const struct hearing *hearing)
{
    struct kmsd_policy_decision decision, best = because(KMSD_REASON_NO_KEY_POLICY_ALLOWS);
    if (hearing->query->key_policy == NULL)
        return by_identity(hearing);
    if (gives(hearing, KMSD_MATCH_PRINCIPAL, &decision) ||
        gives(hearing, KMSD_MATCH_EVERYONE, &decision))
        return decision;
    if (hearing->query->is_left_to_account || gives(hearing, KMSD_MATCH_ACCOUNT, &decision)) {
        best = by_identity(hearing);
        if (best.is_allowed)
            return best;
    }
    if (gives(hearing, KMSD_MATCH_ISSUER, &decision)) {
        best = within_bounds(hearing, decision);
        if (best.is_allowed)
            return best;
    }
    return by_grant(hearing, best, true);
}

/* A service is in no account: what names it is enough. */
static struct kmsd_policy_decision for_service(const struct hearing *hearing)
{
    struct kmsd_policy_decision decision;
    if (gives(hearing, KMSD_MATCH_PRINCIPAL, &decision) ||
        gives(hearing, KMSD_MATCH_EVERYONE, &decision))
        return decision;
    return by_grant(hearing, because(KMSD_REASON_NO_KEY_POLICY_ALLOWS), false);
}

static struct kmsd_policy_decision from_other_account(const struct hearing *hearing)
{
    struct kmsd_policy_decision decision, best = because(KMSD_REASON_NO_KEY_POLICY_ALLOWS);
    if (hearing->query->key_policy == NULL) {
        /* nothing is known of the other side: if the caller's own does not allow it, that is said */
        decision = by_identity(hearing);
        return decision.is_allowed ? best : decision;
    }
    if (!hearing->query->has_cross_account_use)
        return best;
    if (gives(hearing, KMSD_MATCH_PRINCIPAL, &decision) ||
        gives(hearing, KMSD_MATCH_EVERYONE, &decision) ||
        gives(hearing, KMSD_MATCH_ISSUER, &decision) ||
        gives(hearing, KMSD_MATCH_ACCOUNT, &decision)) {
        best = by_identity(hearing);
        if (best.is_allowed)
            return best;
    }
    return by_grant(hearing, best, false);
}

struct kmsd_policy_decision kmsd_policy_authorize(const struct kmsd_policy_query *query)
{
    const struct kmsd_policy_subject *subject = subject_of(query);
    struct kms_str resource_account = query->question.context->resource_account;
    struct hearing hearing = {.query = query};
    struct kmsd_policy_decision decision;
    hear_all(&hearing);
    if (is_denied(&hearing, &decision))
        return decision;
    if (subject->kind == KMSD_SUBJECT_SERVICE)
        return for_service(&hearing);
    bool is_own = subject->account.data != NULL && resource_account.data != NULL &&
                  kms_str_eq(subject->account, resource_account);
    return is_own ? in_own_account(&hearing) : from_other_account(&hearing);
}

bool kmsd_policy_keeps_control(
    const struct kmsd_policy_query *query, const struct kmsd_policy_document *key_policy)
{
    struct kmsd_policy_query later = *query;
    later.question.action = kms_str("kms:PutKeyPolicy");
    later.key_policy = key_policy;
    later.has_cross_account_use = false;
    later.grants = NULL;
    later.trace = NULL;
    return kmsd_policy_authorize(&later).is_allowed;
}

/* --- the text --------------------------------------------------------------------------------- */

static const char *policy_type(enum kmsd_policy_reason reason)
{
    switch (reason) {
    case KMSD_REASON_DENY_IN_KEY_POLICY:
        return "a resource-based policy";
    case KMSD_REASON_DENY_IN_IDENTITY_POLICY:
        return "an identity-based policy";
    case KMSD_REASON_DENY_IN_BOUNDARY:
        return "a permissions boundary";
    case KMSD_REASON_DENY_IN_SESSION_POLICY:
        return "a session policy";
    case KMSD_REASON_NO_KEY_POLICY_ALLOWS:
        return "resource-based policy";
    case KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS:
        return "identity-based policy";
    case KMSD_REASON_NO_BOUNDARY_ALLOWS:
        return "permissions boundary";
    case KMSD_REASON_NO_SESSION_POLICY_ALLOWS:
        return "session policy";
    default:
        return "policy";
    }
}

struct kms_str kmsd_policy_denial(const struct kmsd_policy_query *query,
    const struct kmsd_policy_decision *decision, struct kms_arena *arena)
{
    struct kms_str who = subject_of(query)->arn;
    struct kms_str action = query->question.action;
    struct kms_str resource = query->question.resource;
    const char *type = policy_type(decision->reason);
    bool is_explicit = decision->reason < KMSD_REASON_NO_KEY_POLICY_ALLOWS;
    if (is_explicit)
        return kms_arena_printf(arena,
            "User: %.*s is not authorized to perform: %.*s on resource: %.*s with an explicit deny "
            "in %s",
            (int)who.len, who.data, (int)action.len, action.data, (int)resource.len, resource.data,
            type);
    return kms_arena_printf(arena,
        "User: %.*s is not authorized to perform: %.*s on resource: %.*s because no %s allows the "
        "%.*s action",
        (int)who.len, who.data, (int)action.len, action.data, (int)resource.len, resource.data,
        type, (int)action.len, action.data);
}
