#include "libkms/trail/find.h"

#include "libkms/trail/block.h"

#include <errno.h>
#include <unistd.h>

enum {
    PIECE = 1 << 20,                /* read at a time; longer than any line, twice */
    PAGE_BYTES = 256 * 1024 * 1024, /* read at most for one page of results */
    FILES_MAX = 1 << 20,
    PLACES_MAX = 64 * 1024 * 1024,
};

/* A search under way. */
struct search {
    const struct kms_trail_query *query;
    struct kms_trail_filter filter;
    uint32_t terms[KMS_TRAIL_TERM_COUNT]; /* 0: not asked for */
    kms_trail_visit *visit;
    void *context;
    size_t found;
    uint64_t read; /* bytes */
    uint64_t last; /* number of the last one that was looked at */
    struct kms_buf piece;
    struct kms_buf index;
    struct kms_buf places; /* struct place, in the order of the file */
};

/* A block that may have what is asked for. */
struct place {
    uint64_t from;
    uint64_t to;
};

/* --- records ---------------------------------------------------------------------------------- */

/* One line, from its end on. KMS_ERR_CANCELLED: enough was found. */
static enum kms_err look_at(struct search *search, struct kms_str line)
{
    struct kms_trail_seal seal;
    struct kms_trail_fields fields;
    struct kms_str record;
    if (kms_trail_record_parse(line, &seal, &record) != KMS_OK ||
        (search->query->below != 0 && seal.number >= search->query->below))
        return KMS_OK;
    if (search->found == search->query->max)
        return KMS_ERR_CANCELLED;
    search->last = seal.number;
    if (kms_trail_scan(line, &fields) != KMS_OK ||
        !kms_trail_filter_passes(&search->filter, &fields, &seal))
        return KMS_OK;
    search->found++;
    return search->visit(search->context, record, &seal, &fields);
}

/* The lines of a piece, last to first. *whole_from: where the first line begins that is whole; one that
 * began before the piece is left out, and so is half a line at the end: it is being written. */
static enum kms_err look_through_piece(
    struct search *search, struct kms_str text, bool begins_line, size_t *whole_from)
{
    enum kms_err err = KMS_OK;
    while (text.len > 0 && text.data[text.len - 1] != '\n')
        text.len--;
    while (err == KMS_OK && text.len > 0) {
        const char *before = memrchr(text.data, '\n', text.len - 1);
        if (before == NULL && !begins_line)
            break;
        size_t from = before == NULL ? 0 : (size_t)(before - text.data) + 1;
        err = look_at(search, (struct kms_str){text.data + from, text.len - 1 - from});
        text.len = from;
    }
    *whole_from = text.len;
    return err;
}

static enum kms_err read_piece(struct search *search, int fd, uint64_t from, uint64_t to)
{
    size_t wanted = (size_t)(to - from);
    size_t have = 0;
    kms_buf_truncate(&search->piece, 0);
    uint8_t *at = kms_buf_extend(&search->piece, wanted);
    if (at == NULL)
        return search->piece.err;
    while (have < wanted) {
        ssize_t got = pread(fd, at + have, wanted - have, (off_t)(from + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return KMS_ERR_IO;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    search->read += have;
    kms_buf_truncate(&search->piece, have);
    return KMS_OK;
}

/* What stands there in a file, which is where a line begins. KMS_ERR_CANCELLED also when a page has cost
 * enough. */
static enum kms_err look_through(struct search *search, int fd, uint64_t from, uint64_t to)
{
    enum kms_err err = KMS_OK;
    while (err == KMS_OK && to > from) {
        uint64_t start = to - from > PIECE ? to - PIECE : from;
        size_t whole_from = 0;
        if (search->read >= PAGE_BYTES && search->last != 0)
            return KMS_ERR_CANCELLED;
        err = read_piece(search, fd, start, to);
        if (err == KMS_OK)
            err =
                look_through_piece(search, kms_buf_str(&search->piece), start == from, &whole_from);
        /* a line that is longer than a piece is none, and passed over */
        to = start + whole_from < to ? start + whole_from : start;
    }
    return err;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Whether all of its records are of later pages. */
static bool is_above(const struct search *search, int fd)
{
    struct kms_trail_lines lines;
    struct kms_trail_header header;
    struct kms_trail_hash hash;
    struct kms_str line;
    if (search->query->below == 0)
        return false;
    kms_trail_lines_init(&lines, fd, 0, KMS_TRAIL_DIGEST_MAX);
    bool is = kms_trail_lines_next(&lines, &line) == KMS_OK &&
              kms_trail_header_parse(line, &header, &hash) == KMS_OK &&
              header.first >= search->query->below;
    kms_trail_lines_clean_up(&lines);
    return is;
}

static bool may_have(const struct search *search, const struct kms_trail_block *block)
{
    const struct kms_trail_query *query = search->query;
    return block->first != 0 && (query->below == 0 || block->first < query->below) &&
           block->to_ms >= query->from_ms && block->from_ms <= query->to_ms &&
           kms_trail_block_may_have(block, search->terms, KMS_TRAIL_TERM_COUNT);
}

/* Lists the blocks that may have it. *end: where the index ends. One that can't be read, or is of other
 * records, says nothing. */
static enum kms_err consult_index(struct search *search, const struct kms_trail_source *source,
    uint32_t file, int records, uint64_t *end)
{
    struct kms_trail_walk walk;
    struct kms_trail_block block;
    int fd = -1;
    *end = 0;
    kms_buf_reset(&search->index);
    kms_buf_reset(&search->places);
    if (source->open(source->context, KMS_TRAIL_INDEX, file, &fd) != KMS_OK)
        return KMS_OK;
    /* most files are passed over here, by what their outlines say */
    enum kms_err err = kms_trail_outline_read(fd, &search->index, &block);
    if (err == KMS_OK && kms_trail_block_is_of(&block, records) && !may_have(search, &block)) {
        (void)close(fd);
        *end = block.offset + block.length;
        return KMS_OK;
    }
    kms_buf_reset(&search->index);
    if (err != KMS_ERR_NO_MEMORY)
        err = kms_trail_index_read(fd, &search->index);
    (void)close(fd);
    if (err == KMS_ERR_NO_MEMORY)
        return err;
    bool has_blocks = false;
    kms_trail_walk_init(&walk, kms_buf_bytes(&search->index));
    while (kms_trail_walk_next(&walk, &block)) {
        const struct place place = {block.offset, block.offset + block.length};
        has_blocks = true;
        if (may_have(search, &block))
            kms_buf_append(&search->places, &place, sizeof(place));
    }
    if (search->places.err != KMS_OK)
        return search->places.err;
    if (has_blocks && kms_trail_block_is_of(&block, records))
        *end = walk.offset;
    else
        kms_buf_reset(&search->places);
    return KMS_OK;
}

static enum kms_err look_through_file(
    struct search *search, const struct kms_trail_source *source, uint32_t file)
{
    uint64_t end = 0;
    int fd = -1;
    enum kms_err err = source->open(source->context, KMS_TRAIL_RECORDS, file, &fd);
    if (err != KMS_OK)
        return err == KMS_ERR_NOT_FOUND ? KMS_OK : err; /* retention was faster */
    off_t size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        err = KMS_ERR_IO;
    bool is_wanted = err == KMS_OK && !is_above(search, fd);
    if (is_wanted)
        err = consult_index(search, source, file, fd, &end);
    if (is_wanted && err == KMS_OK && (uint64_t)size > end)
        err = look_through(search, fd, end, (uint64_t)size);
    for (size_t left = search->places.len; is_wanted && err == KMS_OK && left > 0;) {
        struct place place;
        left -= sizeof(place);
        memcpy(&place, search->places.data + left, sizeof(place));
        err = look_through(search, fd, place.from, place.to);
    }
    (void)close(fd);
    return err;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum kms_err look_through_files(struct search *search, const struct kms_trail_source *source)
{
    uint32_t lowest = 0;
    uint32_t highest = 0;
    enum kms_err err = source->range(source->context, &lowest, &highest);
    if (err == KMS_OK && highest - lowest >= FILES_MAX)
        err = KMS_ERR_LIMIT;
    for (uint32_t file = highest; err == KMS_OK && file >= lowest && file != 0; file--)
        err = look_through_file(search, source, file);
    return err;
}

enum kms_err kms_trail_find(const struct kms_trail_source *source,
    const struct kms_trail_query *query, kms_trail_visit *visit, void *context, uint64_t *next)
{
    struct search search = {.query = query, .visit = visit, .context = context};
    kms_buf_init(&search.piece, PIECE);
    kms_buf_init(&search.index, KMS_TRAIL_INDEX_MAX);
    kms_buf_init(&search.places, PLACES_MAX);
    *next = 0;
    enum kms_err err = kms_trail_filter_init(&search.filter, query);
    for (int term = 0; err == KMS_OK && term < KMS_TRAIL_TERM_COUNT; term++) {
        if (search.filter.terms[term].data != NULL)
            search.terms[term] =
                kms_trail_term_hash((enum kms_trail_term)term, search.filter.terms[term]);
    }
    if (err == KMS_OK)
        err = look_through_files(&search, source);
    kms_trail_filter_clean_up(&search.filter);
    kms_buf_clean_up(&search.piece);
    kms_buf_clean_up(&search.index);
    kms_buf_clean_up(&search.places);
    if (err == KMS_ERR_CANCELLED)
        *next = search.last;
    return err == KMS_ERR_CANCELLED ? KMS_OK : err;
}
