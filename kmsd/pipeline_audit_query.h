/*
 * What the audit trail shows of an action of IAM or STS: parameters that the actions are known to
 * take, none of which holds a secret, within bounds.
 */
#ifndef KMSD_PIPELINE_AUDIT_QUERY_H
#define KMSD_PIPELINE_AUDIT_QUERY_H

#include "libkms/base/buf.h"

#include <kms/types.h>

/* The most that parameters take in a record, and of one of them (a policy document may be longer
 * than another text). */
#define KMSD_AUDIT_PARAMETERS_MAX ((size_t)64 * 1024)
#define KMSD_AUDIT_TEXT_MAX       ((size_t)2 * 1024)
#define KMSD_AUDIT_DOCUMENT_MAX   ((size_t)16 * 1024)

/* Writes {"userName":"alice",...}: those that name what the action is about first, so that they
 * stay when not all fits. Longer values are cut and end with "..."; "omittedParameters" counts those
 * that were left out for want of room. Of a caller who was not authenticated, RoleArn,
 * RoleSessionName and ProviderId alone. Errors stay in the buffer. */
void kmsd_audit_write_query(struct kms_buf *out, const struct kms_str_pair *parameters,
    size_t count, bool is_authenticated);

#endif
