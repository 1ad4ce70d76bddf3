/* The room's own: handlers of STS, and what they share. */
#ifndef KMSD_QUERY_STS_H
#define KMSD_QUERY_STS_H

#include "kmsd/query/call.h"

enum kms_err kmsd_sts_get_caller_identity(struct kmsd_query_call *call);
enum kms_err kmsd_sts_get_session_token(struct kmsd_query_call *call);
enum kms_err kmsd_sts_assume_role(struct kmsd_query_call *call);

/* Draws an access key, seals the token, puts both into the answer. */
KMS_MUST_USE enum kms_err kmsd_sts_issue(
    struct kmsd_query_call *call, struct kmsd_session_content *content);

/* Duration, session policies, and what the role says; into content. */
KMS_MUST_USE enum kms_err kmsd_sts_read_session(struct kmsd_query_call *call,
    const struct kmsd_iam_entity *role, struct kmsd_session_content *content);

/* AssumedRoleUser and its neighbours, into the answer. */
KMS_MUST_USE enum kms_err kmsd_sts_put_role_user(struct kmsd_query_call *call,
    const struct kmsd_iam_entity *role, const struct kmsd_session_content *content);

#endif
