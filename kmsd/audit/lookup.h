/*
 * Look-ups in the daemon's own trail. A thread of low priority keeps the index beside what was written,
 * so that a look-up has little to read.
 */
#ifndef KMSD_AUDIT_LOOKUP_H
#define KMSD_AUDIT_LOOKUP_H

#include "kmsd/audit/folder.h"
#include "libkms/trail/find.h"

struct kmsd_lookup;

/* folder and drafts are borrowed. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_lookup_open(
    struct kmsd_folder *folder, struct kms_trail_drafts *drafts, struct kmsd_lookup **out);
void kmsd_lookup_close(struct kmsd_lookup *lookup); /* NULL is allowed */

/* As kms_trail_find, from any thread. */
KMS_MUST_USE enum kms_err kmsd_lookup_find(struct kmsd_lookup *lookup,
    const struct kms_trail_query *query, kms_trail_visit *visit, void *context, uint64_t *next);

#endif
