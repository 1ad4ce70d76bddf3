#include "libkms/trail/index.h"

#include "libkms/trail/block.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { ENTRY_MAX = 8192, OUTLINE_MAX = 256 * 1024 };

struct kms_trail_index {
    const struct kms_trail_source *source;
    struct kms_trail_drafts *drafts; /* NULL: none */
    uint32_t file;                   /* at hand; 0: none */
    int index_fd;
    uint64_t index_end;
    struct kms_trail_lines lines; /* of the records, from the next block on; fd -1: none */
    struct kms_trail_collector collector;
    struct kms_trail_outline outline; /* of the blocks that the index has */
    bool has_outline;                 /* it is complete */
};

enum kms_err kms_trail_index_read(int fd, struct kms_buf *out)
{
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return KMS_ERR_IO;
    size_t have = 0;
    uint8_t *at = kms_buf_extend(out, (size_t)size);
    if (at == NULL)
        return out->err;
    while (have < (size_t)size) {
        ssize_t got = pread(fd, at + have, (size_t)size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return KMS_ERR_IO;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    kms_buf_truncate(out, out->len - (size_t)size + have);
    return KMS_OK;
}

/* --- the file at hand ------------------------------------------------------------------------- */

/* Reads the records from that place on. */
static void turn_to(struct kms_trail_index *index, uint64_t offset)
{
    int fd = index->lines.fd;
    kms_trail_lines_clean_up(&index->lines);
    kms_trail_lines_init(&index->lines, fd, offset, UINT64_MAX);
}

static void leave(struct kms_trail_index *index)
{
    if (index->lines.fd >= 0)
        (void)close(index->lines.fd);
    if (index->index_fd >= 0)
        (void)close(index->index_fd);
    index->lines.fd = -1;
    index->index_fd = -1;
    turn_to(index, 0);
}

static enum kms_err write_on(struct kms_trail_index *index, const struct kms_buf *bytes)
{
    size_t done = 0;
    if (bytes->err != KMS_OK)
        return bytes->err;
    while (done < bytes->len) {
        ssize_t now = pwrite(index->index_fd, bytes->data + done, bytes->len - done,
            (off_t)(index->index_end + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0)
            return KMS_ERR_IO;
        done += (size_t)now;
    }
    index->index_end += bytes->len;
    return KMS_OK;
}

/* Finds where the index ends that is there, or begins it. One of records that are no more (a torn end, a
 * trail made anew) is begun again. */
static enum kms_err take_up(struct kms_trail_index *index)
{
    struct kms_trail_walk walk;
    struct kms_trail_block block;
    KMS_BUF_AUTO bytes;
    KMS_BUF_AUTO start;
    kms_buf_init(&bytes, KMS_TRAIL_INDEX_MAX);
    kms_buf_init(&start, ENTRY_MAX);
    memset(&index->outline, 0, sizeof(index->outline));
    index->has_outline = kms_trail_outline_read(index->index_fd, &bytes, &block) == KMS_OK &&
                         kms_trail_block_is_of(&block, index->lines.fd);
    if (index->has_outline) /* a closed file: nothing is added to it any more */
        return KMS_OK;
    kms_buf_reset(&bytes);
    enum kms_err err = kms_trail_index_read(index->index_fd, &bytes);
    if (err != KMS_OK && err != KMS_ERR_LIMIT)
        return err;
    kms_trail_walk_init(&walk, kms_buf_bytes(&bytes));
    bool has_blocks = false;
    while (kms_trail_walk_next(&walk, &block)) {
        kms_trail_outline_add(&index->outline, &block);
        has_blocks = true;
    }
    if (has_blocks && !kms_trail_block_is_of(&block, index->lines.fd)) {
        memset(&index->outline, 0, sizeof(index->outline));
        has_blocks = false;
    }
    index->index_end = has_blocks ? walk.end : 0;
    turn_to(index, has_blocks ? walk.offset : 0);
    if (ftruncate(index->index_fd, (off_t)index->index_end) != 0)
        return KMS_ERR_IO;
    if (has_blocks)
        return KMS_OK;
    kms_trail_block_append_start(&start);
    return write_on(index, &start);
}

/* KMS_ERR_NOT_FOUND: retention has removed it. */
static enum kms_err enter(struct kms_trail_index *index, uint32_t file)
{
    const struct kms_trail_source *source = index->source;
    leave(index);
    index->file = file;
    enum kms_err err = source->open(source->context, KMS_TRAIL_RECORDS, file, &index->lines.fd);
    if (err == KMS_OK)
        err = source->open_index(source->context, file, &index->index_fd);
    if (err == KMS_OK)
        err = take_up(index);
    if (err != KMS_OK)
        leave(index);
    return err;
}

/* --- following -------------------------------------------------------------------------------- */

/* The index is complete. One without a block needs no outline. */
static enum kms_err close_index(struct kms_trail_index *index)
{
    KMS_BUF_AUTO outline;
    kms_buf_init(&outline, OUTLINE_MAX);
    if (index->has_outline || index->outline.block.length == 0)
        return KMS_OK;
    kms_trail_outline_append(&outline, &index->outline, index->index_end);
    index->has_outline = true;
    return write_on(index, &outline);
}

/* The next block, from a draft or from the records. KMS_ERR_NOT_FOUND: there is none (yet). */
static enum kms_err next_block(struct kms_trail_index *index, bool is_closed)
{
    struct kms_trail_collector *collector = &index->collector;
    uint64_t offset = index->lines.offset;
    if (index->drafts == NULL ||
        !kms_trail_drafts_take(index->drafts, index->file, offset, collector))
        return kms_trail_block_collect(collector, &index->lines, is_closed);
    turn_to(index, offset + collector->block.length);
    return kms_trail_block_end(&collector->block, index->lines.fd);
}

/* KMS_ERR_NOT_FOUND: there is no block more in the file (yet, unless it is closed). */
static enum kms_err take_in_block(struct kms_trail_index *index, bool is_closed)
{
    if (index->has_outline)
        return KMS_ERR_NOT_FOUND;
    uint64_t offset = index->lines.offset;
    KMS_BUF_AUTO entry;
    kms_buf_init(&entry, ENTRY_MAX);
    enum kms_err err = next_block(index, is_closed);
    if (err == KMS_OK) {
        kms_trail_block_append(&entry, &index->collector.block);
        err = write_on(index, &entry);
    }
    if (err == KMS_OK)
        kms_trail_outline_add(&index->outline, &index->collector.block);
    if (err != KMS_OK)
        turn_to(index, offset); /* from there again, with what has come meanwhile */
    return err;
}

enum kms_err kms_trail_index_follow(
    struct kms_trail_index *index, uint64_t max_bytes, bool *is_done)
{
    uint32_t lowest = 0;
    uint32_t highest = 0;
    uint64_t taken = 0;
    *is_done = false;
    enum kms_err err = index->source->range(index->source->context, &lowest, &highest);
    if (err != KMS_OK)
        return err;
    uint32_t file = index->file < lowest ? lowest : index->file;
    while (taken < max_bytes) {
        if (highest == 0 || file > highest) {
            *is_done = true;
            break;
        }
        if (index->file != file || index->lines.fd < 0)
            err = enter(index, file);
        uint64_t offset = index->lines.offset;
        if (err == KMS_OK)
            err = take_in_block(index, file < highest);
        if (err == KMS_OK) {
            taken += index->lines.offset - offset;
            continue;
        }
        if (err != KMS_ERR_NOT_FOUND)
            return err;
        err = KMS_OK;
        if (file == highest) {
            *is_done = true;
            break;
        }
        if (index->lines.fd >= 0)
            err = close_index(index);
        if (err != KMS_OK)
            return err;
        file++;
    }
    return KMS_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

enum kms_err kms_trail_index_new(const struct kms_trail_source *source,
    struct kms_trail_drafts *drafts, struct kms_trail_index **out)
{
    struct kms_trail_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return KMS_ERR_NO_MEMORY;
    index->source = source;
    index->drafts = drafts;
    index->index_fd = -1;
    kms_trail_lines_init(&index->lines, -1, 0, UINT64_MAX);
    *out = index;
    return KMS_OK;
}

void kms_trail_index_free(struct kms_trail_index *index)
{
    if (index == NULL)
        return;
    leave(index);
    kms_trail_lines_clean_up(&index->lines);
    free(index);
}
