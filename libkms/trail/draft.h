/*
 * Blocks of the index (block.h) that are made while their records are written, so that the records needn't be
 * read and taken apart again. Drafts are a shortcut: whoever keeps the index makes from the file what he finds
 * no draft of, and gets the same.
 *
 * One thread at a time writes records, and another may take drafts meanwhile.
 */
#ifndef KMS_TRAIL_DRAFT_H
#define KMS_TRAIL_DRAFT_H

#include "libkms/trail/block.h"

struct kms_trail_drafts;

/* KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_drafts_new(struct kms_trail_drafts **out);
void kms_trail_drafts_free(struct kms_trail_drafts *drafts); /* NULL is allowed */

/* --- by who writes ---------------------------------------------------------------------------- */

/* A file of records begins. A file that goes on has no drafts: where its blocks begin isn't known. */
void kms_trail_drafts_begin(struct kms_trail_drafts *drafts, uint32_t file);

/* The line (without its newline) comes next, with the record of that number in it; 0: with none. gist: what the
 * index takes of it; NULL: to be read off the line. */
void kms_trail_drafts_add(struct kms_trail_drafts *drafts, struct kms_str line, uint64_t number,
    const struct kms_trail_gist *gist);

/* What was added is in its file: its blocks may be taken. */
void kms_trail_drafts_publish(struct kms_trail_drafts *drafts);

/* What was added is not in its file, or not all of it: there are no drafts until the next one begins. */
void kms_trail_drafts_stop(struct kms_trail_drafts *drafts);

/* --- by who keeps the index ------------------------------------------------------------------- */

/* Takes the block that begins there in that file, all but its ending. False: there is no draft of it. Drafts of
 * what is before are forgotten. */
KMS_MUST_USE bool kms_trail_drafts_take(struct kms_trail_drafts *drafts, uint32_t file,
    uint64_t offset, struct kms_trail_collector *out);

#endif
