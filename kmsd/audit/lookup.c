#include "kmsd/audit/lookup.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE = 1 << 20, /* taken in between looks at whether to stop */
    PAUSE_S = 1,
    LOWEST_PRIORITY = 19,
};

struct kmsd_lookup {
    struct kms_trail_source source;
    struct kms_trail_index *index; /* the thread's */
    pthread_mutex_t life;          /* guards is_stopping */
    pthread_cond_t wake;
    bool is_stopping;
    pthread_t thread;
    bool has_thread;
};

static enum kms_err open_file(void *context, enum kms_trail_file_kind kind, uint32_t file, int *fd)
{
    return kmsd_folder_file(context, kind, file, fd);
}

static enum kms_err open_index(void *context, uint32_t file, int *fd)
{
    enum kms_err err = kmsd_folder_file(context, KMS_TRAIL_INDEX, file, fd);
    return err == KMS_ERR_NOT_FOUND ? kmsd_folder_create(context, KMS_TRAIL_INDEX, file, fd) : err;
}

static enum kms_err range(void *context, uint32_t *lowest, uint32_t *highest)
{
    return kmsd_folder_range(context, lowest, highest);
}

static bool take_in_piece(struct kmsd_lookup *lookup)
{
    bool is_done = false;
    /* without an index look-ups read more, that is all: what fails is tried again after a pause */
    return kms_trail_index_follow(lookup->index, PIECE, &is_done) != KMS_OK || is_done;
}

static void *follow(void *arg)
{
    struct kmsd_lookup *lookup = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), LOWEST_PRIORITY);
    (void)pthread_mutex_lock(&lookup->life);
    while (!lookup->is_stopping) {
        (void)pthread_mutex_unlock(&lookup->life);
        bool is_done = take_in_piece(lookup);
        (void)pthread_mutex_lock(&lookup->life);
        if (is_done && !lookup->is_stopping) {
            struct timespec until;
            (void)clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_sec += PAUSE_S;
            (void)pthread_cond_timedwait(&lookup->wake, &lookup->life, &until);
        }
    }
    (void)pthread_mutex_unlock(&lookup->life);
    return NULL;
}

static enum kms_err start(struct kmsd_lookup *lookup)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return KMS_ERR_NO_MEMORY;
    bool ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&lookup->wake, &attributes) == 0 &&
              pthread_mutex_init(&lookup->life, NULL) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (!ok || pthread_create(&lookup->thread, NULL, follow, lookup) != 0)
        return KMS_ERR_NO_MEMORY;
    lookup->has_thread = true;
    return KMS_OK;
}

enum kms_err kmsd_lookup_open(
    struct kmsd_folder *folder, struct kms_trail_drafts *drafts, struct kmsd_lookup **out)
{
    struct kmsd_lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL)
        return KMS_ERR_NO_MEMORY;
    lookup->source = (struct kms_trail_source){open_file, open_index, range, folder};
    enum kms_err err = kms_trail_index_new(&lookup->source, drafts, &lookup->index);
    if (err == KMS_OK)
        err = start(lookup);
    if (err != KMS_OK) {
        kmsd_lookup_close(lookup);
        return err;
    }
    *out = lookup;
    return KMS_OK;
}

void kmsd_lookup_close(struct kmsd_lookup *lookup)
{
    if (lookup == NULL)
        return;
    if (lookup->has_thread) {
        (void)pthread_mutex_lock(&lookup->life);
        lookup->is_stopping = true;
        (void)pthread_cond_signal(&lookup->wake);
        (void)pthread_mutex_unlock(&lookup->life);
        (void)pthread_join(lookup->thread, NULL);
        (void)pthread_mutex_destroy(&lookup->life);
        (void)pthread_cond_destroy(&lookup->wake);
    }
    kms_trail_index_free(lookup->index);
    free(lookup);
}

enum kms_err kmsd_lookup_find(struct kmsd_lookup *lookup, const struct kms_trail_query *query,
    kms_trail_visit *visit, void *context, uint64_t *next)
{
    return kms_trail_find(&lookup->source, query, visit, context, next);
}
