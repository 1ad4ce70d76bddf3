#include "libkms/trail/draft.h"

#include <pthread.h>
#include <stdlib.h>

/* What may wait to be taken: some thousand blocks of ordinary records. What comes on top is not kept. */
enum { WAITING_MAX = 1024 * 1024 };

/* A finished block as it waits; its terms follow. */
struct draft {
    struct kms_trail_block block;
    uint32_t file;
};

struct kms_trail_drafts {
    /* the writer's own */
    struct kms_trail_collector collector; /* of the block at hand */
    uint32_t file;                        /* 0: nothing is known of the one at hand */
    struct kms_buf fresh;                 /* finished, and not published */

    pthread_mutex_t lock; /* guards what follows */
    struct kms_buf waiting;
    size_t taken; /* bytes of it */
};

enum kms_err kms_trail_drafts_new(struct kms_trail_drafts **out)
{
    struct kms_trail_drafts *drafts = calloc(1, sizeof(*drafts));
    if (drafts == NULL)
        return KMS_ERR_NO_MEMORY;
    if (pthread_mutex_init(&drafts->lock, NULL) != 0) {
        free(drafts);
        return KMS_ERR_NO_MEMORY;
    }
    kms_buf_init(&drafts->fresh, WAITING_MAX);
    kms_buf_init(&drafts->waiting, WAITING_MAX);
    *out = drafts;
    return KMS_OK;
}

void kms_trail_drafts_free(struct kms_trail_drafts *drafts)
{
    if (drafts == NULL)
        return;
    kms_buf_clean_up(&drafts->fresh);
    kms_buf_clean_up(&drafts->waiting);
    (void)pthread_mutex_destroy(&drafts->lock);
    free(drafts);
}

/* --- writing ---------------------------------------------------------------------------------- */

void kms_trail_drafts_begin(struct kms_trail_drafts *drafts, uint32_t file)
{
    drafts->file = file;
    kms_buf_reset(&drafts->fresh);
    kms_trail_collector_begin(&drafts->collector, 0);
}

void kms_trail_drafts_stop(struct kms_trail_drafts *drafts)
{
    drafts->file = 0;
    kms_buf_reset(&drafts->fresh);
}

static void finish_block(struct kms_trail_drafts *drafts)
{
    const struct kms_trail_block *block = &drafts->collector.block;
    const struct draft draft = {*block, drafts->file};
    kms_buf_append(&drafts->fresh, &draft, sizeof(draft));
    kms_buf_append(&drafts->fresh, block->terms, block->term_count * sizeof(*block->terms));
    kms_trail_collector_begin(&drafts->collector, block->offset + block->length);
}

void kms_trail_drafts_add(struct kms_trail_drafts *drafts, struct kms_str line, uint64_t number,
    const struct kms_trail_gist *gist)
{
    struct kms_trail_gist read;
    if (drafts->file == 0)
        return;
    if (gist == NULL && number != 0 && kms_trail_gist_read(line, &number, &read) == KMS_OK)
        gist = &read;
    if (gist != NULL)
        kms_trail_collector_add(&drafts->collector, number, gist);
    drafts->collector.block.length += line.len + 1;
    if (drafts->collector.block.length >= KMS_TRAIL_BLOCK_BYTES)
        finish_block(drafts);
}

void kms_trail_drafts_publish(struct kms_trail_drafts *drafts)
{
    struct kms_buf *waiting = &drafts->waiting;
    if (drafts->fresh.len == 0 && drafts->fresh.err == KMS_OK)
        return;
    /* who takes has a low priority, and may not be running: then with the next ones */
    if (pthread_mutex_trylock(&drafts->lock) != 0)
        return;
    if (drafts->taken == waiting->len) { /* also after it was full */
        kms_buf_reset(waiting);
        drafts->taken = 0;
    }
    if (drafts->fresh.err == KMS_OK)
        kms_buf_append(waiting, drafts->fresh.data, drafts->fresh.len); /* all or nothing */
    (void)pthread_mutex_unlock(&drafts->lock);
    kms_buf_reset(&drafts->fresh);
}

/* --- taking ----------------------------------------------------------------------------------- */

/* With drafts->lock held: the first that waits. */
static bool peek(const struct kms_trail_drafts *drafts, struct draft *out)
{
    if (drafts->taken == drafts->waiting.len)
        return false;
    memcpy(out, drafts->waiting.data + drafts->taken, sizeof(*out));
    return true;
}

static size_t terms_size(const struct draft *draft)
{
    return draft->block.term_count * sizeof(*draft->block.terms);
}

bool kms_trail_drafts_take(struct kms_trail_drafts *drafts, uint32_t file, uint64_t offset,
    struct kms_trail_collector *out)
{
    struct draft draft;
    bool is_found = false;
    (void)pthread_mutex_lock(&drafts->lock);
    while (!is_found && peek(drafts, &draft)) {
        bool is_later = draft.file > file || (draft.file == file && draft.block.offset > offset);
        if (is_later)
            break;
        is_found = draft.file == file && draft.block.offset == offset;
        drafts->taken += sizeof(draft);
        if (is_found) {
            memcpy(out->terms, drafts->waiting.data + drafts->taken, terms_size(&draft));
            out->block = draft.block;
            out->block.terms = out->terms;
        }
        drafts->taken += terms_size(&draft);
    }
    (void)pthread_mutex_unlock(&drafts->lock);
    return is_found;
}
