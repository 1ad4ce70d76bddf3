/* A request to the API of KMS as the audit trail tells of it. */
#ifndef KMSD_PIPELINE_AUDIT_H
#define KMSD_PIPELINE_AUDIT_H

#include "kmsd/pipeline.h"

struct kmsd_call;

/* Records the exchange, whose answer is complete. call is NULL when it ended before there was one.
 * Costs nothing when there is no trail. KMS_ERR_IO and others: the answer must not leave. */
KMS_MUST_USE enum kms_err kmsd_pipeline_record(const struct kmsd_pipeline *pipeline,
    struct kmsd_exchange *exchange, const struct kmsd_call *call);

/* Whoever signed a request, as userIdentity. The views point into the principal. */
void kmsd_audit_identity_of(
    const struct kmsd_principal *principal, struct kmsd_audit_identity *out);

#endif
