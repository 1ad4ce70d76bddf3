/* What the audit trail says of the daemon itself: its life, its configuration, and its jobs. */
#ifndef KMSD_SERVER_SERVICE_AUDIT_H
#define KMSD_SERVER_SERVICE_AUDIT_H

#include "kmsd/jobs/jobs.h"
#include "kmsd/server/service.h"

/* Opens the trail as it is configured and records StartService, and ChangeConfiguration when the daemon
 * is not configured as at its last start. *out is NULL when no trail is wanted. KMS_ERR_IO, and what
 * kmsd_audit_open gives. */
KMS_MUST_USE enum kms_err kmsd_service_audit_open(
    const struct kmsd_service *service, struct kmsd_audit **out, struct kmsd_detail *detail);

/* Records StopService and closes the trail. NULL is allowed. */
void kmsd_service_audit_close(struct kmsd_audit *audit);

/* What jobs are recorded with. */
struct kmsd_service_audited {
    struct kmsd_audit *audit;
    struct kmsd_keys *keys;
};

/* Records a job, as kmsd_jobs_report is told of it. */
void kmsd_service_audit_job(const struct kmsd_service_audited *audited, enum kmsd_jobs_event event,
    const struct kmsd_key *key, int64_t now_ms, enum kms_err err);

#endif
