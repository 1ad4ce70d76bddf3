/*
 * Look-ups in a trail: the pieces of it that may have what is asked for by the index beside it, and
 * those that the index has not got yet, newest first. Reads only, keeps nothing, and may be done by any
 * number of threads and processes while the trail is written.
 */
#ifndef KMS_TRAIL_FIND_H
#define KMS_TRAIL_FIND_H

#include "libkms/trail/index.h"
#include "libkms/trail/query.h"

/* A record that was found, newest first; record is without its seal and closing brace.
 * KMS_ERR_CANCELLED: it was taken, and is enough for one page. */
typedef enum kms_err kms_trail_visit(void *context, struct kms_str record,
    const struct kms_trail_seal *seal, const struct kms_trail_fields *fields);

/* *next: what to put into `below` for what follows; 0: that was all. It may be set with fewer than
 * max found, when much had to be read. KMS_ERR_IO, KMS_ERR_NO_MEMORY, KMS_ERR_LIMIT (a term that is
 * too long, or more files than a trail has), or what visit returned. */
KMS_MUST_USE enum kms_err kms_trail_find(const struct kms_trail_source *source,
    const struct kms_trail_query *query, kms_trail_visit *visit, void *context, uint64_t *next);

#endif
