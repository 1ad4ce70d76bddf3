/*
 * May the caller do this? Gathers what the decision rests on; kmsd/policy makes it.
 *
 * About another account's key a refusal must not tell whether the key is there, nor what its policy
 * says: it is worded as if there were no such key. That the caller's own policies do not allow the
 * request is said, since it holds for every key of that ARN.
 */
#include "kmsd/iam/session.h"
#include "kmsd/ops/hearing.h"
#include "kmsd/ops/ops.h"

/* --- who -------------------------------------------------------------------------------------- */

/* A principal of whom authentication knows the ARN alone. */
static struct kmsd_policy_subject bare_subject(const struct kmsd_principal *principal)
{
    struct kms_str arn = kms_str(principal->arn);
    struct kmsd_policy_subject subject = {
        .kind = principal->is_account_root ? KMSD_SUBJECT_ACCOUNT_ROOT : KMSD_SUBJECT_USER,
        .account = kms_str(principal->account),
        .arn = arn,
        .token_issued_ms = principal->session == NULL ? 0 : principal->session->content.issued_ms,
    };
    if (principal->is_account_root) {
        subject.user_id = subject.account;
        return subject;
    }
    const char *slash = strrchr(principal->arn, '/');
    if (slash != NULL)
        subject.user_name = kms_str(slash + 1);
    return subject;
}

/* --- grants ----------------------------------------------------------------------------------- */

/* Beside those whom the grant names, the account that made it may retire it. */
static enum kmsd_policy_match match_retiring(
    const struct kmsd_key_grant *grant, const struct kmsd_policy_subject *subject)
{
    enum kmsd_policy_match match = kmsd_grant_may_retire(&grant->rule, subject);
    struct kmsd_policy_name issuer;
    if (match == KMSD_MATCH_NONE && kmsd_policy_name_parse(grant->issuer, false, &issuer) == KMS_OK)
        match = kmsd_policy_name_match(&issuer, subject);
    return match;
}

/* Whether the grant could allow the call; how it names the caller. */
static enum kmsd_policy_match match_grant(const struct kmsd_hearing *hearing,
    const struct kmsd_key_grant *grant, const struct kmsd_grant_use *use)
{
    const struct kmsd_call *call = hearing->inquiry.call;
    if (call->op->id == KMS_OP_RETIRE_GRANT)
        return grant == call->grant ? match_retiring(grant, use->subject) : KMSD_MATCH_NONE;
    /* who may make grants by a grant alone passes on no more than it gives */
    if (call->op->id == KMS_OP_CREATE_GRANT &&
        !kmsd_grant_is_at_least_as_strict(&call->wanted_grant.rule, &grant->rule))
        return KMSD_MATCH_NONE;
    return kmsd_grant_allows(&grant->rule, use);
}

/* A kmsd_policy_grants_fn over the grants of the target's key. */
static const struct kmsd_grant *find_grant(const void *arg, enum kmsd_policy_match *match)
{
    const struct kmsd_hearing *hearing = arg;
    const struct kmsd_target *target = hearing->inquiry.target;
    const struct kmsd_grants *grants = target->key == NULL ? NULL : target->key->grants;
    const struct kmsd_grant *best = NULL;
    *match = KMSD_MATCH_NONE;
    if (grants == NULL)
        return NULL;
    const struct kmsd_grant_use use = {
        .subject = &hearing->subject,
        .operation = kmsd_grant_operation_of(kms_str(target->action)),
        .context = kmsd_condition_context(hearing->inquiry.call, target),
        .source_arn = kmsd_condition_source_arn(hearing->inquiry.call),
    };
    for (size_t i = 0; i < grants->count && *match != KMSD_MATCH_PRINCIPAL; i++) {
        enum kmsd_policy_match found = match_grant(hearing, grants->items[i], &use);
        if (found == KMSD_MATCH_NONE || (best != NULL && found >= *match))
            continue;
        best = &grants->items[i]->rule;
        *match = found;
    }
    return best;
}

void kmsd_hearing_prepare(
    struct kmsd_hearing *hearing, const struct kmsd_call *call, const struct kmsd_target *target)
{
    const struct kmsd_principal *principal = call->principal;
    const struct kmsd_identity *identity = principal->identity;
    *hearing = (struct kmsd_hearing){
        .subject = identity == NULL ? bare_subject(principal) : identity->subject,
        .inquiry = {.call = call, .target = target},
    };
    hearing->context = (struct kmsd_policy_context){
        .subject = &hearing->subject,
        .resource_account = target->account,
        .lookup = kmsd_condition_find,
        .lookup_arg = &hearing->inquiry,
    };
    struct kmsd_policy_query *query = &hearing->query;
    query->question = (struct kmsd_policy_question){
        .action = kms_str(target->action),
        .resource = target->key == NULL ? target->arn : target->key->arn,
        .context = &hearing->context,
    };
    query->has_cross_account_use = (call->op->flags & KMSD_OP_FOREIGN) != 0;
    query->is_left_to_account = call->op->id == KMS_OP_RETIRE_GRANT;
    query->grants = find_grant;
    query->grants_arg = hearing;
    if (target->key != NULL)
        query->key_policy = kmsd_key_policy_document(target->key);
    if (identity == NULL)
        return;
    query->identity_policies = identity->identity_policies;
    query->identity_policy_count = identity->identity_policy_count;
    query->boundary = identity->boundary;
    query->session_policies = identity->session_policies;
    query->session_policy_count = identity->session_policy_count;
}

/* --- whether ---------------------------------------------------------------------------------- */

/* A policy that an older version took and this one cannot read allows nothing; only the account's
 * root may look at it and put another in its place. */
static bool is_repair(const struct kmsd_call *call, const struct kmsd_target *target)
{
    return call->principal->is_account_root &&
           kms_str_is(target->account, call->principal->account) &&
           (call->op->id == KMS_OP_GET_KEY_POLICY || call->op->id == KMS_OP_PUT_KEY_POLICY);
}

struct kmsd_policy_decision kmsd_hearing_decide(
    struct kmsd_hearing *hearing, const struct kmsd_call *call, const struct kmsd_target *target)
{
    if (target->key != NULL && hearing->query.key_policy == NULL)
        return (struct kmsd_policy_decision){
            .is_allowed = is_repair(call, target),
            .reason = KMSD_REASON_NO_KEY_POLICY_ALLOWS,
            .statement = KMSD_POLICY_NO_STATEMENT,
        };
    return kmsd_policy_authorize(&hearing->query);
}

static enum kms_err refuse(struct kmsd_call *call, const struct kmsd_hearing *hearing,
    const struct kmsd_policy_decision *decision)
{
    call->fault = (struct kmsd_fault){
        KMS_FAULT_ACCESS_DENIED, kmsd_policy_denial(&hearing->query, decision, call->arena)};
    return call->fault.message.data == NULL ? KMS_ERR_NO_MEMORY : KMS_ERR_FAULT;
}

/* The words for a key of another account: those for one that is not there. */
static enum kms_err refuse_foreign(struct kmsd_call *call, const struct kmsd_target *target)
{
    if (target->is_in_ciphertext)
        return kmsd_fault_no_inner_key(call);
    struct kmsd_target nothing = *target;
    nothing.key = NULL;
    struct kmsd_hearing hearing;
    kmsd_hearing_prepare(&hearing, call, &nothing);
    struct kmsd_policy_decision decision = kmsd_policy_authorize(&hearing.query);
    return decision.is_allowed ? KMS_ERR_INTERNAL : refuse(call, &hearing, &decision);
}

enum kms_err kmsd_authorize(struct kmsd_call *call, const struct kmsd_target *target)
{
    struct kmsd_hearing hearing;
    kmsd_hearing_prepare(&hearing, call, target);
    struct kmsd_policy_decision decision = kmsd_hearing_decide(&hearing, call, target);
    if (hearing.inquiry.is_out_of_memory)
        return KMS_ERR_NO_MEMORY;
    if (decision.is_allowed)
        return KMS_OK;
    if (!kms_str_is(target->account, call->principal->account))
        return refuse_foreign(call, target);
    return refuse(call, &hearing, &decision);
}

enum kms_err kmsd_call_authorize(struct kmsd_call *call)
{
    for (size_t i = 0; i < call->target_count; i++) {
        enum kms_err err = kmsd_authorize(call, &call->targets[i]);
        if (err != KMS_OK)
            return err;
    }
    /* a row that names nothing would be open to everybody */
    return call->target_count == 0 ? KMS_ERR_INTERNAL : KMS_OK;
}

enum kms_err kmsd_check_lockout(struct kmsd_call *call, const struct kmsd_target *target,
    const struct kmsd_policy_document *policy)
{
    struct kmsd_hearing hearing;
    kmsd_hearing_prepare(&hearing, call, target);
    bool keeps_control = kmsd_policy_keeps_control(&hearing.query, policy);
    if (hearing.inquiry.is_out_of_memory)
        return KMS_ERR_NO_MEMORY;
    if (keeps_control)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_MALFORMED_POLICY_DOCUMENT, "%s", kmsd_policy_lockout_text);
}
