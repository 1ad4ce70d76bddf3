#include "kmsd/jobs/jobs.h"

#include "kmsd/jobs/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 256 };

static const int64_t retry_ms = (int64_t)30 * 1000;
static const int64_t save_uses_ms = (int64_t)60 * 1000;
static const int64_t note_clock_ms = (int64_t)60 * 60 * 1000;

static const char clock_setting[] = "clock-seen";

struct kmsd_jobs {
    struct kmsd_jobs_options options;
    pthread_t thread;

    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t wake;
    bool stopping;

    pthread_mutex_t pass; /* one pass at a time; guards the rest */
    struct kmsd_watch watch;
    int64_t noted_ms;  /* the hour that the store has */
    int64_t failed_ms; /* when something failed last; 0: nothing did */
    int64_t saved_ms;  /* how long ago uses were saved last; the thread's own */
};

static void report(struct kmsd_jobs *jobs, enum kmsd_jobs_event event, const struct kmsd_key *key,
    int64_t now_ms, enum kms_err err)
{
    if (jobs->options.report != NULL)
        jobs->options.report(jobs->options.context, event, key, now_ms, err);
}

/* --- the hour --------------------------------------------------------------------------------- */

static int64_t read_seen(struct kmsd_store *store)
{
    uint8_t bytes[8];
    size_t len = 0;
    int64_t seen = 0;
    if (kmsd_store_get_setting(store, kms_str(clock_setting), bytes, sizeof(bytes), &len) !=
            KMS_OK ||
        len != sizeof(bytes))
        return 0;
    for (size_t i = 0; i < sizeof(bytes); i++)
        seen = (int64_t)((uint64_t)seen << 8 | bytes[i]);
    return seen;
}

/* A failure costs nothing but the note: the next start then trusts the clock. */
static void note_seen(struct kmsd_jobs *jobs, int64_t now_ms)
{
    struct kmsd_store *store = jobs->options.store;
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((uint64_t)now_ms >> (8 * (sizeof(bytes) - 1 - i)));
    jobs->noted_ms = now_ms;
    kmsd_keys_lock(jobs->options.keys);
    if (kmsd_store_begin(store) == KMS_OK) {
        enum kms_err err =
            kmsd_store_put_setting(store, kms_str(clock_setting), kms_bytes(bytes, sizeof(bytes)));
        if (err == KMS_OK)
            err = kmsd_store_commit(store);
        else
            kmsd_store_rollback(store);
        (void)err;
    }
    kmsd_keys_unlock(jobs->options.keys);
}

/* Whether deletions wait. */
static bool look_at_clock(struct kmsd_jobs *jobs, int64_t now_ms)
{
    if (jobs->options.elapsed_ms == NULL)
        return false;
    if (kmsd_watch_see(&jobs->watch, now_ms, jobs->options.elapsed_ms()))
        report(jobs, KMSD_JOBS_CLOCK_JUMPED, NULL, now_ms, KMS_OK);
    bool deletions_wait = kmsd_watch_deletions_wait(&jobs->watch);
    /* an hour in doubt is not noted, so that a restart does not take it for a good one */
    if (!deletions_wait && (now_ms - jobs->noted_ms > note_clock_ms || now_ms < jobs->noted_ms))
        note_seen(jobs, now_ms);
    return deletions_wait;
}

/* --- one key ---------------------------------------------------------------------------------- */

static enum kms_err carry_out(struct kmsd_jobs *jobs, const struct kmsd_key *key, enum kmsd_due due,
    int64_t now_ms, enum kmsd_jobs_event *event)
{
    struct kmsd_keys *keys = jobs->options.keys;
    switch (due) {
    case KMSD_DUE_DELETION:
        *event = KMSD_JOBS_DELETED;
        return kmsd_keys_erase(keys, key, now_ms);
    case KMSD_DUE_EXPIRY:
        *event = KMSD_JOBS_EXPIRED;
        return kmsd_keys_expire(keys, key, now_ms);
    case KMSD_DUE_ROTATION:
        *event = KMSD_JOBS_ROTATED;
        return kmsd_keys_rotate(keys, key, KMS_ROTATION_TYPE_AUTOMATIC, now_ms);
    case KMSD_DUE_NOTHING:
        break;
    }
    return KMS_OK;
}

static bool may_act(const struct kmsd_jobs *jobs)
{
    return jobs->options.may_act == NULL || jobs->options.may_act(jobs->options.context);
}

/* Whether it is the current snapshot, and still due, shows under the lock alone. */
static enum kms_err do_due(
    struct kmsd_jobs *jobs, const struct kmsd_key *seen, int64_t now_ms, bool deletions_wait)
{
    struct kmsd_keys *keys = jobs->options.keys;
    enum kmsd_jobs_event event = KMSD_JOBS_DELETED;
    enum kmsd_due due = KMSD_DUE_NOTHING;
    enum kms_err err = KMS_OK;
    kmsd_keys_lock(keys);
    KMSD_KEY_AUTO key = kmsd_keys_find(keys, seen->realm, seen->id, INT64_MIN);
    if (key != NULL) {
        due = kmsd_key_due(key, now_ms, deletions_wait);
        err = carry_out(jobs, key, due, now_ms, &event);
        if (due == KMSD_DUE_NOTHING)
            kmsd_keys_expect(keys, now_ms); /* taken, and changed since: its date is noted anew */
    }
    kmsd_keys_unlock(keys);
    if (due != KMSD_DUE_NOTHING)
        report(jobs, event, key, now_ms, err);
    return err;
}

/* --- passes ----------------------------------------------------------------------------------- */

/* Everything that is due, in batches. What fails, or may not be done now, is left for a later pass. */
static enum kms_err do_pass(struct kmsd_jobs *jobs)
{
    struct kmsd_keys *keys = jobs->options.keys;
    int64_t now_ms = jobs->options.now_ms();
    bool deletions_wait = look_at_clock(jobs, now_ms);
    enum kms_err first = KMS_OK;
    jobs->failed_ms = 0;
    while (first == KMS_OK && kmsd_keys_next_due_ms(keys) <= now_ms) {
        const struct kmsd_key *due[BATCH];
        size_t count = kmsd_keys_take_due(keys, now_ms, deletions_wait, due, BATCH);
        for (size_t i = 0; i < count; i++) {
            enum kms_err err =
                may_act(jobs) ? do_due(jobs, due[i], now_ms, deletions_wait) : KMS_ERR_IO;
            if (err != KMS_OK) {
                first = first == KMS_OK ? err : first;
                kmsd_keys_expect(keys, now_ms);
            }
            kmsd_key_release(due[i]);
        }
        if (count == 0)
            break; /* deletions wait */
    }
    if (first != KMS_OK)
        jobs->failed_ms = now_ms;
    return first;
}

enum kms_err kmsd_jobs_catch_up(struct kmsd_jobs *jobs)
{
    pthread_mutex_lock(&jobs->pass);
    enum kms_err err = do_pass(jobs);
    pthread_mutex_unlock(&jobs->pass);
    return err;
}

/* --- the thread ------------------------------------------------------------------------------- */

/* False: it is time to end. */
static bool sleep_for_a_tick(struct kmsd_jobs *jobs)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(jobs->options.tick_ms / 1000);
    until.tv_nsec += (long)(jobs->options.tick_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&jobs->lock);
    int waited = 0;
    while (!jobs->stopping && waited == 0)
        waited = pthread_cond_timedwait(&jobs->wake, &jobs->lock, &until);
    bool goes_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return goes_on;
}

static void save_uses(struct kmsd_jobs *jobs)
{
    enum kms_err err = kmsd_keys_save_uses(jobs->options.keys);
    jobs->saved_ms = 0;
    if (err != KMS_OK)
        report(jobs, KMSD_JOBS_USES_SAVED, NULL, jobs->options.now_ms(), err);
}

static void *run(void *argument)
{
    struct kmsd_jobs *jobs = argument;
    while (sleep_for_a_tick(jobs)) {
        jobs->saved_ms += jobs->options.tick_ms;
        if (jobs->saved_ms >= save_uses_ms)
            save_uses(jobs);
        pthread_mutex_lock(&jobs->pass);
        int64_t now_ms = jobs->options.now_ms();
        int64_t since_ms = now_ms - jobs->failed_ms;
        /* a clock that was set back does not put the next attempt off for ever */
        if (jobs->failed_ms == 0 || since_ms >= retry_ms || since_ms < 0)
            (void)do_pass(jobs); /* reported where it failed */
        pthread_mutex_unlock(&jobs->pass);
    }
    return NULL;
}

static void free_jobs(struct kmsd_jobs *jobs)
{
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
    pthread_mutex_destroy(&jobs->pass);
    free(jobs);
}

enum kms_err kmsd_jobs_start(const struct kmsd_jobs_options *options, struct kmsd_jobs **out)
{
    struct kmsd_jobs *jobs = calloc(1, sizeof(*jobs));
    if (jobs == NULL)
        return KMS_ERR_NO_MEMORY;
    jobs->options = *options;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_mutex_init(&jobs->pass, NULL);

    int64_t now_ms = options->now_ms();
    if (options->elapsed_ms != NULL) {
        jobs->noted_ms = read_seen(options->store);
        kmsd_watch_init(&jobs->watch, now_ms, options->elapsed_ms(), jobs->noted_ms);
        if (kmsd_watch_deletions_wait(&jobs->watch))
            report(jobs, KMSD_JOBS_CLOCK_JUMPED, NULL, now_ms, KMS_OK);
    }
    enum kms_err err = kmsd_keys_track_uses(options->keys, now_ms);
    if (err != KMS_OK) {
        free_jobs(jobs);
        return err;
    }
    (void)do_pass(jobs); /* a full disk must not keep the daemon from answering what it can */
    if (options->tick_ms > 0 && pthread_create(&jobs->thread, NULL, run, jobs) != 0) {
        free_jobs(jobs);
        return KMS_ERR_IO;
    }
    *out = jobs;
    return KMS_OK;
}

void kmsd_jobs_stop(struct kmsd_jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_signal(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->options.tick_ms > 0)
        (void)pthread_join(jobs->thread, NULL);
    save_uses(jobs);
    free_jobs(jobs);
}
