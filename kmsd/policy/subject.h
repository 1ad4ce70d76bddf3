/*
 * Who asks, and how documents and grants name it.
 *
 * Source: "AWS JSON policy elements: Principal" and "Policy evaluation logic", IAM User Guide.
 */
#ifndef KMSD_POLICY_SUBJECT_H
#define KMSD_POLICY_SUBJECT_H

#include <kms/types.h>

enum kmsd_policy_subject_kind {
    KMSD_SUBJECT_ACCOUNT_ROOT,
    KMSD_SUBJECT_USER,
    KMSD_SUBJECT_ROLE_SESSION,
    KMSD_SUBJECT_FEDERATED_USER, /* a session that a user (or root) made with GetFederationToken */
    KMSD_SUBJECT_SERVICE,        /* a service principal, in no account */
};

/* The caller. Views; what does not apply is absent. */
struct kmsd_policy_subject {
    enum kmsd_policy_subject_kind kind;
    struct kms_str account; /* 12 digits; absent for a service */
    struct kms_str arn;     /* root, user or session; what refusals print. Of a service its name. */
    struct kms_str issuer_arn;         /* of a role session the role's, of a federated user the
                                          user's (or root's) */
    struct kms_str user_id;            /* "AIDA...", "AROA...:session", of a federated user
                                          "ACCOUNT:name", the account for root */
    struct kms_str user_name;          /* of a user, without its path */
    struct kms_str service;            /* of a service: "dynamodb.us-east-1.amazonaws.com" */
    struct kms_str federated_provider; /* who vouched for a web identity or SAML session */
    struct kms_str_map tags;           /* aws:PrincipalTag/KEY */
    int64_t token_issued_ms; /* when a session's credentials were made; 0: they are long-lived */
};

/* How a principal in a document or a grant meets the caller. What follows from each is decided by
 * kmsd_policy_authorize. */
enum kmsd_policy_match {
    KMSD_MATCH_NONE,
    KMSD_MATCH_IMPLICIT,  /* the document has no principals: it hangs on the identity */
    KMSD_MATCH_EVERYONE,  /* "*" */
    KMSD_MATCH_PRINCIPAL, /* the very user, session or service */
    KMSD_MATCH_ISSUER,    /* the role of the session, or the user of the federated session */
    KMSD_MATCH_ACCOUNT,   /* the account: it delegates to its identity policies */
    KMSD_MATCH_COUNT_
};

enum kmsd_policy_name_kind {
    KMSD_NAME_EVERYONE,
    KMSD_NAME_ACCOUNT,
    KMSD_NAME_USER,
    KMSD_NAME_ROLE,
    KMSD_NAME_ROLE_SESSION,
    KMSD_NAME_FEDERATED_USER,
    KMSD_NAME_SERVICE,
    KMSD_NAME_PROVIDER, /* SAML or OpenID Connect: only trust policies use it */
};

/* A principal by name. text: of an account its 12 digits, otherwise the ARN, service or provider.
 */
struct kmsd_policy_name {
    enum kmsd_policy_name_kind kind;
    struct kms_str text;
};

/* A value of "AWS" in a Principal element, or of GranteePrincipal: "*" (only if may_be_everyone),
 * 12 digits, or the ARN of an account's root, a user, a role, a role session or a federated user,
 * without wildcards. The view points into text. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kmsd_policy_name_parse(
    struct kms_str text, bool may_be_everyone, struct kmsd_policy_name *out);

/* A value of "Service": at least three labels of letters, digits and hyphens. */
KMS_MUST_USE enum kms_err kmsd_policy_name_parse_service(
    struct kms_str text, struct kmsd_policy_name *out);

/* A value of "Federated": the ARN of a SAML or OpenID Connect provider, or a domain. */
KMS_MUST_USE enum kms_err kmsd_policy_name_parse_provider(
    struct kms_str text, struct kmsd_policy_name *out);

/* Whether the name means the caller. Letter case counts. */
enum kmsd_policy_match kmsd_policy_name_match(
    const struct kmsd_policy_name *name, const struct kmsd_policy_subject *subject);

/* Whether the caller stays outside a NotPrincipal list: every layer of it has to be named, the
 * account, of a session the role or user behind it, and the user or session itself. */
bool kmsd_policy_names_except(
    const struct kmsd_policy_name *names, size_t count, const struct kmsd_policy_subject *subject);

#endif
