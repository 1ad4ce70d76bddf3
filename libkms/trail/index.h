/*
 * Keeps the index (block.h) beside the files of records, as they grow. One thread at a time, and one
 * process; who looks up needs none of it.
 */
#ifndef KMS_TRAIL_INDEX_H
#define KMS_TRAIL_INDEX_H

#include "libkms/trail/draft.h"
#include "libkms/trail/trail.h"

/* Where the trail's files are. */
struct kms_trail_source {
    /* A descriptor for the caller to close. KMS_ERR_NOT_FOUND, KMS_ERR_IO. */
    enum kms_err (*open)(void *context, enum kms_trail_file_kind kind, uint32_t file, int *fd);
    /* Likewise, of an index that may be written; made if it is not there. NULL for look-ups. */
    enum kms_err (*open_index)(void *context, uint32_t file, int *fd);
    /* The lowest and highest number of a file of records; 0 and 0: there is none. KMS_ERR_IO. */
    enum kms_err (*range)(void *context, uint32_t *lowest, uint32_t *highest);
    void *context;
};

struct kms_trail_index;

/* source and drafts (NULL: there are none) are borrowed. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_index_new(const struct kms_trail_source *source,
    struct kms_trail_drafts *drafts, struct kms_trail_index **out);
void kms_trail_index_free(struct kms_trail_index *index); /* NULL is allowed */

/* Takes in what the files have more than their indexes, up to about that many bytes. *is_done: nothing
 * is left but less than one block. KMS_ERR_IO, KMS_ERR_NO_MEMORY: to be tried again. */
KMS_MUST_USE enum kms_err kms_trail_index_follow(
    struct kms_trail_index *index, uint64_t max_bytes, bool *is_done);

/* Reads an index's file whole. KMS_ERR_LIMIT: larger than any is. KMS_ERR_IO, KMS_ERR_NO_MEMORY. */
enum { KMS_TRAIL_INDEX_MAX = 128 * 1024 * 1024 };
KMS_MUST_USE enum kms_err kms_trail_index_read(int fd, struct kms_buf *out);

#endif
