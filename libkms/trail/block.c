#include "libkms/trail/block.h"

#include <errno.h>
#include <unistd.h>

/* Another form, or another order of bytes, is not this word. */
#define START UINT64_C(0x0001786564696d6b)

#define ANYTHING UINT32_MAX /* in place of a count */

enum { ENDING_BYTES = 67 }; /* before the last newline: a record's hash and what closes it */

/* On disk, before the terms; these are filled up with 0 to a whole number of words. */
struct head {
    uint64_t check; /* of all that follows */
    uint64_t offset;
    uint64_t first;
    int64_t from_ms;
    int64_t to_ms;
    uint64_t ending;
    uint32_t length;
    uint32_t term_count;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static size_t room_of(size_t term_count)
{
    return (term_count + 1) / 2 * sizeof(uint64_t);
}

static size_t count_of(const struct head *head)
{
    return head->term_count == ANYTHING ? 0 : head->term_count;
}

static uint64_t check_of(const struct head *head, const uint8_t *terms)
{
    uint64_t words[sizeof(*head) / sizeof(uint64_t)];
    uint64_t check = START;
    memcpy(words, head, sizeof(words));
    for (size_t i = 1; i < sizeof(words) / sizeof(words[0]); i++)
        check = mix(check, words[i]);
    for (size_t at = 0; at < room_of(count_of(head)); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, terms + at, sizeof(word));
        check = mix(check, word);
    }
    return check;
}

/* --- the end of a block ----------------------------------------------------------------------- */

static enum kms_err read_ending(int records, uint64_t offset, uint64_t length, uint64_t *out)
{
    uint8_t bytes[(ENDING_BYTES + 7) / 8 * 8] = {0};
    size_t wanted = length <= ENDING_BYTES ? (size_t)length - 1 : ENDING_BYTES;
    ssize_t got = 0;
    do
        got = pread(records, bytes, wanted, (off_t)(offset + length - 1 - wanted));
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)wanted)
        return KMS_ERR_IO;
    *out = length;
    for (size_t at = 0; at < sizeof(bytes); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof(word));
        *out = mix(*out, word);
    }
    return KMS_OK;
}

bool kms_trail_block_is_of(const struct kms_trail_block *block, int records)
{
    uint64_t ending = 0;
    return read_ending(records, block->offset, block->length, &ending) == KMS_OK &&
           ending == block->ending;
}

enum kms_err kms_trail_block_end(struct kms_trail_block *block, int records)
{
    return read_ending(records, block->offset, block->length, &block->ending);
}

/* --- making ----------------------------------------------------------------------------------- */

/* Adds a term to a block's unless it is there; the table has twice as many places as there may be terms. */
static void put_term(struct kms_trail_block *block, uint32_t *table, uint32_t *terms,
    size_t terms_max, uint32_t hash)
{
    size_t at = hash % (2 * terms_max);
    while (table[at] != 0 && table[at] != hash)
        at = (at + 1) % (2 * terms_max);
    if (table[at] == hash || block->matches_anything)
        return;
    if (block->term_count == terms_max) {
        block->matches_anything = true;
        block->term_count = 0;
        return;
    }
    table[at] = hash;
    terms[block->term_count++] = hash;
}

void kms_trail_collector_begin(struct kms_trail_collector *collector, uint64_t offset)
{
    memset(collector->table, 0, sizeof(collector->table));
    collector->block = (struct kms_trail_block){.offset = offset, .terms = collector->terms};
}

void kms_trail_collector_add(
    struct kms_trail_collector *collector, uint64_t number, const struct kms_trail_gist *gist)
{
    struct kms_trail_block *block = &collector->block;
    if (block->first == 0) {
        block->first = number;
        block->from_ms = gist->time_ms;
        block->to_ms = gist->time_ms;
    }
    block->from_ms = gist->time_ms < block->from_ms ? gist->time_ms : block->from_ms;
    block->to_ms = gist->time_ms > block->to_ms ? gist->time_ms : block->to_ms;
    for (uint32_t i = 0; i < gist->count; i++)
        put_term(block, collector->table, collector->terms, KMS_TRAIL_BLOCK_TERMS, gist->terms[i]);
}

/* A line that is no record is passed over by look-ups: verification names it. */
static void take_line(struct kms_trail_collector *collector, struct kms_str line)
{
    uint64_t number = 0;
    struct kms_trail_gist gist;
    if (kms_trail_gist_read(line, &number, &gist) == KMS_OK)
        kms_trail_collector_add(collector, number, &gist);
}

enum kms_err kms_trail_block_collect(
    struct kms_trail_collector *collector, struct kms_trail_lines *lines, bool all)
{
    struct kms_trail_block *block = &collector->block;
    struct kms_str line;
    enum kms_err err = KMS_OK;
    kms_trail_collector_begin(collector, lines->offset);
    while (lines->offset - block->offset < KMS_TRAIL_BLOCK_BYTES &&
           (err = kms_trail_lines_next(lines, &line)) == KMS_OK)
        take_line(collector, line);
    bool is_at_end = err == KMS_ERR_NOT_FOUND || err == KMS_ERR_TRUNCATED || err == KMS_ERR_LIMIT;
    if (err != KMS_OK && !is_at_end)
        return err;
    block->length = lines->offset - block->offset;
    if ((is_at_end && !all) || block->length == 0)
        return KMS_ERR_NOT_FOUND;
    return kms_trail_block_end(block, lines->fd);
}

void kms_trail_block_append_start(struct kms_buf *out)
{
    static const uint64_t start = START;
    kms_buf_append(out, &start, sizeof(start));
}

void kms_trail_block_append(struct kms_buf *out, const struct kms_trail_block *block)
{
    struct head head = {
        .offset = block->offset,
        .first = block->first,
        .from_ms = block->from_ms,
        .to_ms = block->to_ms,
        .ending = block->ending,
        .length = (uint32_t)block->length,
        .term_count = block->matches_anything ? ANYTHING : (uint32_t)block->term_count,
    };
    size_t room = room_of(block->term_count);
    uint8_t *at = kms_buf_extend(out, sizeof(head) + room);
    if (at == NULL)
        return;
    memset(at + sizeof(head), 0, room);
    memcpy(at + sizeof(head), block->terms, block->term_count * sizeof(*block->terms));
    head.check = check_of(&head, at + sizeof(head));
    memcpy(at, &head, sizeof(head));
}

/* --- outlines --------------------------------------------------------------------------------- */

/* The last words of an index: where its outline begins. */
struct tail {
    uint64_t mark;
    uint64_t begin;
};

#define OUTLINE_MARK (~START)

void kms_trail_outline_add(struct kms_trail_outline *outline, const struct kms_trail_block *block)
{
    struct kms_trail_block *all = &outline->block;
    bool has_records = all->first != 0;
    if (block->first != 0 && (!has_records || block->from_ms < all->from_ms))
        all->from_ms = block->from_ms;
    if (block->first != 0 && (!has_records || block->to_ms > all->to_ms))
        all->to_ms = block->to_ms;
    if (!has_records)
        all->first = block->first;
    all->offset = block->offset;
    all->length = block->length;
    all->ending = block->ending;
    all->terms = outline->terms;
    all->matches_anything = all->matches_anything || block->matches_anything;
    if (all->matches_anything)
        all->term_count = 0;
    for (size_t i = 0; i < block->term_count && !all->matches_anything; i++)
        put_term(all, outline->table, outline->terms, KMS_TRAIL_OUTLINE_TERMS, block->terms[i]);
}

void kms_trail_outline_append(
    struct kms_buf *out, const struct kms_trail_outline *outline, uint64_t index_end)
{
    const struct tail tail = {OUTLINE_MARK, index_end};
    kms_trail_block_append(out, &outline->block);
    kms_buf_append(out, &tail, sizeof(tail));
}

/* An entry at the beginning of the bytes. *taken: how long it is. */
static bool read_entry(
    struct kms_bytes bytes, size_t terms_max, struct kms_trail_block *block, size_t *taken)
{
    struct head head;
    if (bytes.len < sizeof(head))
        return false;
    memcpy(&head, bytes.data, sizeof(head));
    const uint8_t *terms = bytes.data + sizeof(head);
    size_t count = count_of(&head);
    if (count > terms_max || room_of(count) > bytes.len - sizeof(head) || head.length == 0 ||
        head.check != check_of(&head, terms))
        return false;
    *block = (struct kms_trail_block){
        .offset = head.offset,
        .length = head.length,
        .first = head.first,
        .from_ms = head.from_ms,
        .to_ms = head.to_ms,
        .ending = head.ending,
        .matches_anything = head.term_count == ANYTHING,
        .terms = (const uint32_t *)(const void *)terms, /* all is in words, so it is aligned */
        .term_count = count,
    };
    *taken = sizeof(head) + room_of(count);
    return true;
}

static bool read_exactly(int fd, void *out, size_t len, off_t at)
{
    ssize_t got = 0;
    do
        got = pread(fd, out, len, at);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)len;
}

enum kms_err kms_trail_outline_read(int index, struct kms_buf *buf, struct kms_trail_block *out)
{
    struct tail tail;
    size_t taken = 0;
    off_t size = lseek(index, 0, SEEK_END);
    off_t end = size - (off_t)sizeof(tail);
    if (end < 0 || !read_exactly(index, &tail, sizeof(tail), end) || tail.mark != OUTLINE_MARK ||
        tail.begin >= (uint64_t)end ||
        (uint64_t)end - tail.begin > sizeof(struct head) + room_of(KMS_TRAIL_OUTLINE_TERMS))
        return KMS_ERR_NOT_FOUND;
    size_t len = (size_t)((uint64_t)end - tail.begin);
    kms_buf_reset(buf);
    uint8_t *at = kms_buf_extend(buf, len);
    if (at == NULL)
        return buf->err;
    bool is_sound = read_exactly(index, at, len, (off_t)tail.begin) &&
                    read_entry(kms_bytes(at, len), KMS_TRAIL_OUTLINE_TERMS, out, &taken) &&
                    taken == len;
    return is_sound ? KMS_OK : KMS_ERR_NOT_FOUND;
}

/* --- reading ---------------------------------------------------------------------------------- */

void kms_trail_walk_init(struct kms_trail_walk *walk, struct kms_bytes file)
{
    uint64_t start = 0;
    *walk = (struct kms_trail_walk){.left = file};
    if (file.len >= sizeof(start))
        memcpy(&start, file.data, sizeof(start));
    if (start != START) {
        walk->left.len = 0;
        return;
    }
    walk->left.data += sizeof(start);
    walk->left.len -= sizeof(start);
    walk->end = sizeof(start);
}

bool kms_trail_walk_next(struct kms_trail_walk *walk, struct kms_trail_block *block)
{
    struct kms_trail_block found;
    size_t taken = 0;
    if (!read_entry(walk->left, KMS_TRAIL_BLOCK_TERMS, &found, &taken) ||
        found.offset != walk->offset)
        return false; /* an outline, too, ends the walk */
    *block = found;
    walk->left.data += taken;
    walk->left.len -= taken;
    walk->end += taken;
    walk->offset += found.length;
    return true;
}

bool kms_trail_block_may_have(
    const struct kms_trail_block *block, const uint32_t *terms, size_t count)
{
    for (size_t i = 0; i < count && !block->matches_anything; i++) {
        bool is_there = terms[i] == 0;
        for (size_t at = 0; at < block->term_count && !is_there; at++)
            is_there = block->terms[at] == terms[i];
        if (!is_there)
            return false;
    }
    return true;
}
