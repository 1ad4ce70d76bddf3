/* Who a caller is, with the policies that bind it: what authentication hands to a decision. */
#ifndef KMSD_IAM_IDENTITY_H
#define KMSD_IAM_IDENTITY_H

#include "kmsd/policy/parse.h"

struct kmsd_identity_owner;

/* What is known about a principal other than an account's root: how policies name it, and the
 * policies that bind it. Immutable, and counted where it has an owner. */
struct kmsd_identity {
    struct kmsd_policy_subject subject;
    const struct kmsd_policy_document *const *identity_policies;
    size_t identity_policy_count;
    const struct kmsd_policy_document *boundary; /* NULL: none */
    const struct kmsd_policy_document *const *session_policies;
    size_t session_policy_count;
    struct kmsd_identity_owner *owner; /* NULL: it outlives every request */
};

/* One more reference; NULL is allowed. */
const struct kmsd_identity *kmsd_identity_hold(const struct kmsd_identity *identity);

/* NULL is allowed. */
void kmsd_identity_release(const struct kmsd_identity *identity);

#endif
