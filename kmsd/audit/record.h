/* Records as text, without a trail to put them in. */
#ifndef KMSD_AUDIT_RECORD_H
#define KMSD_AUDIT_RECORD_H

#include "kmsd/audit/audit.h"
#include "libkms/base/uuid.h"
#include "libkms/trail/query.h"

/* Event ids are version 7 UUIDs (RFC 9562): they begin with the event's time, so that a look-up by
 * id knows where to search. They are unique, not secret. */
void kmsd_audit_event_id(int64_t time_ms, char out[KMS_UUID_SIZE]);

/* The time that an event id begins with. False: it is no version 7 UUID. */
bool kmsd_audit_event_id_time(struct kms_str event_id, int64_t *time_ms);

/* Leaves out what may make a record larger than one may be; it says so. */
void kmsd_audit_omit_parameters(struct kmsd_audit_request *request);

/* Appends a record: one JSON object, no newline. One that is larger than a record may be is written
 * without its parameters, which then say so. Errors stay in the buffer. */
void kmsd_audit_write_request(struct kms_buf *out, const struct kmsd_audit_request *request);
void kmsd_audit_write_happening(
    struct kms_buf *out, const struct kmsd_audit_happening *happening, int64_t time_ms);

/* What the index takes of a request's record, without a look at the record. False: some value has escapes in it,
 * and the record has to be read. */
KMS_MUST_USE bool kmsd_audit_gist_of(
    const struct kmsd_audit_request *request, struct kms_trail_gist *out);

#endif
