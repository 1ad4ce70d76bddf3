/*
 * Grants as the decision sees them. Pure: keeping, finding and naming grants is elsewhere.
 *
 * Source: "Grants in AWS KMS" and "Creating grants", AWS KMS Developer Guide; CreateGrant and
 * GrantConstraints, AWS KMS API Reference. The reference says that the keys of encryption context
 * constraints are compared without regard to case, the guide that they are not; a grant only adds
 * permissions, so the narrower reading is taken.
 */
#ifndef KMSD_POLICY_GRANT_H
#define KMSD_POLICY_GRANT_H

#include "kmsd/policy/subject.h"

/* Pairs in an encryption context constraint. */
#define KMSD_GRANT_PAIRS_MAX 8

/* Bit of an operation in kmsd_grant.operations; 0 for KMS_GRANT_OPERATION_UNSET and the like. */
uint32_t kmsd_grant_operation_bit(enum kms_grant_operation operation);

/* Views; whoever keeps grants owns what they point to. */
struct kmsd_grant {
    struct kms_str id;
    uint32_t operations;               /* kmsd_grant_operation_bit */
    struct kmsd_policy_name grantee;   /* account, user, role, session, federated user or service */
    struct kmsd_policy_name retiring;  /* text absent: nobody is named */
    struct kms_str_map context_equals; /* items absent: no such constraint */
    struct kms_str_map context_subset;
    struct kms_str source_arn; /* absent: no such constraint */
};

/* What is to be done under a grant. Views. */
struct kmsd_grant_use {
    const struct kmsd_policy_subject *subject;
    enum kms_grant_operation operation;
    struct kms_str_map context; /* the encryption context of the request; absent or empty: none */
    struct kms_str source_arn;  /* the resource on whose behalf a service asks; absent: none */
};

/* How the grant names the caller when it allows the use, KMSD_MATCH_NONE when it does not.
 * Encryption context constraints bind the operations that take an encryption context; DescribeKey,
 * RetireGrant and CreateGrant pass them (for the last see kmsd_grant_is_at_least_as_strict), and no
 * other operation is allowed under them. The source ARN binds all but RetireGrant; DescribeKey only
 * when the request has one. */
enum kmsd_policy_match kmsd_grant_allows(
    const struct kmsd_grant *grant, const struct kmsd_grant_use *use);

/* Of several grants the one that allows the use best (see kmsd_policy_grants_fn), the first among
 * equals; NULL and KMSD_MATCH_NONE when none does. */
const struct kmsd_grant *kmsd_grant_find(const struct kmsd_grant *const *grants, size_t count,
    const struct kmsd_grant_use *use, enum kmsd_policy_match *match);

/* Whether who has CreateGrant by the parent alone may make the child: no operation that the parent
 * lacks, no weaker constraint. */
bool kmsd_grant_is_at_least_as_strict(
    const struct kmsd_grant *child, const struct kmsd_grant *parent);

/* How the grant itself lets the caller retire it: as the retiring principal, or as the grantee when
 * RetireGrant is among the operations. */
enum kmsd_policy_match kmsd_grant_may_retire(
    const struct kmsd_grant *grant, const struct kmsd_policy_subject *subject);

/* The operation of an action ("kms:Decrypt"), letter case aside; KMS_GRANT_OPERATION_UNSET when
 * grants cannot allow it. */
enum kms_grant_operation kmsd_grant_operation_of(struct kms_str action);

#endif
