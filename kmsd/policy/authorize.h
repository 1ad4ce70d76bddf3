/*
 * The decision: may this caller do this, all documents and grants considered.
 *
 * Source: "Policy evaluation logic" and "Cross-account policy evaluation logic", IAM User Guide;
 * "Troubleshooting key access" and "Key policies", AWS KMS Developer Guide. In short:
 * - A Deny that applies, in any document, decides.
 * - There is no trust in the key's own account by itself: its key policy has to allow the caller,
 * or the account, or a grant the caller. Where the account is allowed, identity policies decide;
 * the account's root needs none.
 * - What a key policy gives to the very user or session, or to everyone, neither a permissions
 *   boundary nor a session policy takes away by silence. What it gives to a role or an account is
 *   bounded by both.
 * - From another account, for the operations that may be called so: the key policy and the caller's
 *   identity policies both have to allow it. A grant to the caller stands for both, but boundary
 * and session policy bind it.
 * - Without a key policy (operations on no key, aliases), identity policies decide.
 * - Who may retire a grant is up to the grant and, for principals of the account, to identity
 *   policies; the key policy can only deny it ("Retiring and revoking grants").
 */
#ifndef KMSD_POLICY_AUTHORIZE_H
#define KMSD_POLICY_AUTHORIZE_H

#include "kmsd/policy/evaluate.h"
#include "kmsd/policy/grant.h"
#include "libkms/base/arena.h"

/* A grant that allows the request, with how it names the caller; NULL when there is none. Asked at
 * most once, and only when the policies leave the request undecided. A grant to the very caller is
 * better than one to its role, and that better than one to its account. */
typedef const struct kmsd_grant *kmsd_policy_grants_fn(
    const void *arg, enum kmsd_policy_match *match);

/* Everything that a decision rests on. */
struct kmsd_policy_query {
    struct kmsd_policy_question
        question;               /* context->resource_account: required with a key policy */
    bool has_cross_account_use; /* the operation may be called from another account */
    const struct kmsd_policy_document *key_policy; /* NULL: the resource has none */
    bool is_left_to_account; /* what the key policy allows counts for nothing, as if it allowed the
                                account alone; what it denies is denied (kms:RetireGrant) */
    const struct kmsd_policy_document *const *identity_policies;
    size_t identity_policy_count;
    const struct kmsd_policy_document *boundary; /* NULL: none */
    const struct kmsd_policy_document *const *session_policies;
    size_t session_policy_count;   /* 0: the session is not narrowed */
    kmsd_policy_grants_fn *grants; /* NULL: none */
    const void *grants_arg;
    const struct kmsd_policy_trace *trace; /* NULL: none */
};

enum kmsd_policy_reason {
    /* allowed */
    KMSD_REASON_KEY_POLICY, /* it names the caller */
    KMSD_REASON_GRANT,
    KMSD_REASON_IDENTITY_POLICY, /* where the key policy leaves it to the account, or there is none
                                  */
    KMSD_REASON_ACCOUNT_ROOT,    /* the same, for the account itself */

    /* denied by a statement */
    KMSD_REASON_DENY_IN_KEY_POLICY,
    KMSD_REASON_DENY_IN_IDENTITY_POLICY,
    KMSD_REASON_DENY_IN_BOUNDARY,
    KMSD_REASON_DENY_IN_SESSION_POLICY,

    /* denied by silence */
    KMSD_REASON_NO_KEY_POLICY_ALLOWS,
    KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS,
    KMSD_REASON_NO_BOUNDARY_ALLOWS,
    KMSD_REASON_NO_SESSION_POLICY_ALLOWS,
};

struct kmsd_policy_decision {
    bool is_allowed;
    enum kmsd_policy_reason reason;
    const struct kmsd_policy_document *document; /* that decided; NULL: none, or a grant */
    int32_t statement;                           /* in it, or KMSD_POLICY_NO_STATEMENT */
    const struct kmsd_grant *grant;              /* for KMSD_REASON_GRANT */
};

/* Allocates nothing; the same query always gets the same decision. */
struct kmsd_policy_decision kmsd_policy_authorize(const struct kmsd_policy_query *query);

/* The text of the AccessDeniedException, in the live service's words: "User: ARN is not authorized
 * to perform: ACTION on resource: ARN because no identity-based policy allows the ACTION action".
 * data is NULL when memory is out. The decision is one that denies. */
KMS_MUST_USE struct kms_str kmsd_policy_denial(const struct kmsd_policy_query *query,
    const struct kmsd_policy_decision *decision, struct kms_arena *arena);

/* Whether the same caller could call PutKeyPolicy again if key_policy were the key's policy: the
 * lockout safety check. The query is that of the request that brings it (its action, key policy and
 * grants are not looked at). False: "The new key policy will not allow you to update the key policy
 * in the future." */
bool kmsd_policy_keeps_control(
    const struct kmsd_policy_query *query, const struct kmsd_policy_document *key_policy);

/* The text for that. */
extern const char kmsd_policy_lockout_text[];

#endif
