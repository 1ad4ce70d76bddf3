/* What the audit trail says of keys that change without a request of their own: AwsServiceEvents. */
#ifndef KMSD_PIPELINE_AUDIT_KEYS_H
#define KMSD_PIPELINE_AUDIT_KEYS_H

#include "kmsd/audit/audit.h"
#include "kmsd/keys/keys.h"

struct kmsd_call;

/* Records an event of a key. details: members of serviceEventDetails beside keyId, each with a comma before
 * it; NULL: none. outcome: how it ended. Fails as kmsd_audit_happened. */
KMS_MUST_USE enum kms_err kmsd_audit_of_key(struct kmsd_audit *audit, const char *event_name,
    const struct kmsd_key *key, const char *details, enum kms_err outcome);

/* RotateKey, with the materials before and after, and what its relatives make of it. key as it was before. */
KMS_MUST_USE enum kms_err kmsd_audit_rotated(struct kmsd_audit *audit, struct kmsd_keys *keys,
    const struct kmsd_key *key, enum kms_rotation_type type, enum kms_err outcome);

/* DeleteExpiredKeyMaterial, one for each material whose time was over. key as it was before. */
KMS_MUST_USE enum kms_err kmsd_audit_expired(
    struct kmsd_audit *audit, const struct kmsd_key *key, int64_t now_ms, enum kms_err outcome);

/* What a request that was done has brought about beside its own record: a rotation on demand, the
 * replication of a multi-Region key. */
KMS_MUST_USE enum kms_err kmsd_audit_consequences(
    struct kmsd_audit *audit, const struct kmsd_call *call);

#endif
