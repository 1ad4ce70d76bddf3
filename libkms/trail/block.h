/*
 * The index's files, trail-0000000001.index beside each file of records: which values occur in which
 * piece of it, so that a look-up reads the pieces alone that may have what it asks for. An index is a
 * function of the file of records, grows as it grows, and may be deleted at any time. It proves
 * nothing.
 *
 * A file is a word that tells its form, then an entry for each block of some 64 KiB of records, from
 * the first byte on without a gap: a head of fixed size, and the hashes of the values (query.h). Numbers
 * are in the machine's own order. Each entry has a check over its bytes, and one over the end of its
 * block, which has the last record's hash in it and with that, by the chain, stands for all before.
 *
 * The index of a closed file ends with an outline: an entry for all of it, and a word that tells where the
 * outline begins, so that most look-ups pass a file over without reading more.
 */
#ifndef KMS_TRAIL_BLOCK_H
#define KMS_TRAIL_BLOCK_H

#include "libkms/trail/lines.h"
#include "libkms/trail/query.h"

enum {
    KMS_TRAIL_BLOCK_BYTES = 64 * 1024, /* and what its last line has more */
    KMS_TRAIL_BLOCK_TERMS = 1024,      /* different values; with more it matches anything */
};

struct kms_trail_block {
    uint64_t offset; /* in the file of records */
    uint64_t length;
    uint64_t first; /* number of its first record; 0: there is none in it */
    int64_t from_ms;
    int64_t to_ms;
    uint64_t ending; /* of the block's last bytes */
    bool matches_anything;
    const uint32_t *terms; /* hashes, in no order */
    size_t term_count;
};

/* --- making ----------------------------------------------------------------------------------- */

/* Where a block is put together. */
struct kms_trail_collector {
    uint32_t table[2 * KMS_TRAIL_BLOCK_TERMS]; /* open addressing; 0: free */
    uint32_t terms[KMS_TRAIL_BLOCK_TERMS];
    struct kms_trail_block block; /* its terms are those above */
};

/* An empty block that begins there. */
void kms_trail_collector_begin(struct kms_trail_collector *collector, uint64_t offset);

/* Takes a record in; the block's length is the caller's to count. */
void kms_trail_collector_add(
    struct kms_trail_collector *collector, uint64_t number, const struct kms_trail_gist *gist);

/* Notes how a block ends, which is in that file. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kms_trail_block_end(struct kms_trail_block *block, int records);

/* Where the outline of a file is put together, block by block; all zero at first. */
enum { KMS_TRAIL_OUTLINE_TERMS = 32 * 1024 };
struct kms_trail_outline {
    uint32_t table[2 * KMS_TRAIL_OUTLINE_TERMS];
    uint32_t terms[KMS_TRAIL_OUTLINE_TERMS];
    struct kms_trail_block block; /* offset and length are the last block's */
};
void kms_trail_outline_add(struct kms_trail_outline *outline, const struct kms_trail_block *block);

/* Fills the block from the lines that come next. KMS_ERR_NOT_FOUND: they are not enough for one
 * (`all`: there are none). KMS_ERR_IO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_block_collect(
    struct kms_trail_collector *collector, struct kms_trail_lines *lines, bool all);

/* Appends the word that begins a file, and an entry. */
void kms_trail_block_append_start(struct kms_buf *out);
void kms_trail_block_append(struct kms_buf *out, const struct kms_trail_block *block);

/* Appends an outline to an index that is that long so far. */
void kms_trail_outline_append(
    struct kms_buf *out, const struct kms_trail_outline *outline, uint64_t index_end);

/* --- reading ---------------------------------------------------------------------------------- */

/* A walk over a file that is in memory. */
struct kms_trail_walk {
    struct kms_bytes left;
    uint64_t offset; /* where the next block begins: all before has been met */
    uint64_t end;    /* in the index, of what was sound */
};

void kms_trail_walk_init(struct kms_trail_walk *walk, struct kms_bytes file);

/* The next block, whose terms are views; false: that was all, or what follows is not sound. */
bool kms_trail_walk_next(struct kms_trail_walk *walk, struct kms_trail_block *block);

/* The outline at the end of an index, whose terms are views of the buffer. KMS_ERR_NOT_FOUND: it has none that
 * is sound. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_outline_read(
    int index, struct kms_buf *buf, struct kms_trail_block *out);

/* Whether the block is of the file of records as it is. */
bool kms_trail_block_is_of(const struct kms_trail_block *block, int records);

/* Whether all of these may be in it. Terms that are 0 are not asked for. */
bool kms_trail_block_may_have(
    const struct kms_trail_block *block, const uint32_t *terms, size_t count);

#endif
