/* What operators do through the socket is in the audit trail, too. */
#ifndef KMSD_SERVER_ADMIN_AUDIT_H
#define KMSD_SERVER_ADMIN_AUDIT_H

#include "kmsd/server/admin_actions.h"

/* Whether actions may be carried out: KMS_ERR_IO while the trail can't be written; detail says so. */
KMS_MUST_USE enum kms_err kmsd_admin_audit_ready(
    const struct kmsd_admin_state *state, const struct kmsd_admin_call *call);

/* Records an action after it was tried: an AwsServiceEvent of that name with the action, the account,
 * the peer's user id and the parameters that kmsd_audit_write_query shows. outcome is how it ended,
 * and what is returned unless recording fails: then an action that was done is answered as a failure
 * (KMS_ERR_IO), as a request would be. */
KMS_MUST_USE enum kms_err kmsd_admin_audit_record(const struct kmsd_admin_state *state,
    const struct kmsd_admin_call *call, const char *event_name, struct kms_str account,
    enum kms_err outcome);

#endif
