/*
 * Why a call would be allowed or refused: the decision that kmsd_authorize makes, told statement by
 * statement. For operators alone: it tells what the policies of a key and of a caller say.
 */
#ifndef KMSD_OPS_EXPLAIN_H
#define KMSD_OPS_EXPLAIN_H

#include "kmsd/ops/table.h"

struct kmsd_explain_request {
    struct kmsd_keys *keys;
    const struct kmsd_principal *principal;
    struct kms_str region;  /* for operations on no key; of a key its own counts */
    struct kms_str action;  /* "kms:Decrypt", or without the service; letter case aside */
    struct kms_str key_arn; /* absent: the operation is on none */
    struct kms_str_map encryption_context;
    const struct kmsd_policy_entry *conditions; /* condition keys to be taken as these */
    size_t condition_count;
    int64_t now_ms;
    struct kms_arena *arena; /* for everything that is told */
};

/* One statement that was looked at. */
struct kmsd_explain_finding {
    struct kms_str policy; /* "key policy", "identity policy 2", ... */
    size_t statement;      /* in it, from 1 */
    struct kms_str sid;    /* absent: none */
    bool is_deny;
    bool applies;
    struct kms_str why; /* a sentence without a full stop */
};

typedef enum kms_err kmsd_explain_fn(void *arg, const struct kmsd_explain_finding *finding);

struct kmsd_explanation {
    bool is_allowed;
    struct kms_str because; /* a sentence without a full stop */
    struct kms_str message; /* of the AccessDeniedException; absent when it is allowed */
};

/* Tells of each statement and then decides. KMS_ERR_VALIDATION: there is no such action.
 * KMS_ERR_INVALID_ARGUMENT: it is about a key and none is given, or the other way round.
 * KMS_ERR_NOT_FOUND: no such key. KMS_ERR_NO_MEMORY, and what told returns. */
KMS_MUST_USE enum kms_err kmsd_explain(const struct kmsd_explain_request *request,
    kmsd_explain_fn *told, void *arg, struct kmsd_explanation *out);

#endif
