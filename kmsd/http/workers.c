#include "kmsd/http/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kmsd_workers {
    struct kmsd_workers_options options;
    pthread_t *threads;
    size_t started;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t arrived;
    void **ring;
    size_t first;
    size_t count;
    bool stopped;
};

/* The next job, or NULL when the pool has been stopped. Called with the lock held. */
static void *take(struct kmsd_workers *workers)
{
    while (workers->count == 0 && !workers->stopped)
        (void)pthread_cond_wait(&workers->arrived, &workers->lock);
    if (workers->stopped)
        return NULL;
    void *job = workers->ring[workers->first];
    workers->first = (workers->first + 1) % workers->options.capacity;
    workers->count--;
    return job;
}

/* The kernel's struct sched_attr (sched_setattr(2)), which not all C libraries have. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; /* of an ordinary thread, since Linux 6.12: its slice */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/*
 * Of the calling thread alone, on Linux: SCHED_BATCH, even if the process was started with real-time
 * priority, a higher nice value, and the longest slice that there is. The kernel lets a thread that
 * wakes up run at once if its slice is shorter than that of the one that runs; otherwise it may have
 * to wait for the end of a slice of milliseconds, which is long beside a request of microseconds.
 * Standing back is always allowed. Where a filter of system calls refuses it, the work is done all
 * the same.
 */
static void stand_back(int steps)
{
    static const uint64_t longest_ns = 100 * 1000 * 1000;
    int nice = getpriority(PRIO_PROCESS, (id_t)gettid()) + steps;
    const struct scheduling wanted = {
        .size = sizeof(wanted),
        .policy = SCHED_BATCH,
        .nice = nice > 19 ? 19 : nice,
        .runtime_ns = longest_ns,
    };
    if (steps != 0 && syscall(SYS_sched_setattr, 0, &wanted, 0U) != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), wanted.nice);
}

static void *work(void *context)
{
    struct kmsd_workers *workers = context;
    stand_back(workers->options.nice);
    for (;;) {
        (void)pthread_mutex_lock(&workers->lock);
        void *job = take(workers);
        (void)pthread_mutex_unlock(&workers->lock);
        if (job == NULL)
            return NULL;
        workers->options.run(job);
    }
}

static enum kms_err start_threads(struct kmsd_workers *workers)
{
    while (workers->started < workers->options.threads) {
        if (pthread_create(&workers->threads[workers->started], NULL, work, workers) != 0)
            return KMS_ERR_NO_MEMORY;
        workers->started++;
    }
    return KMS_OK;
}

enum kms_err kmsd_workers_new(const struct kmsd_workers_options *options, struct kmsd_workers **out)
{
    if (options->threads == 0 || options->capacity == 0)
        return KMS_ERR_INVALID_ARGUMENT;
    struct kmsd_workers *workers = calloc(1, sizeof(*workers));
    if (workers == NULL)
        return KMS_ERR_NO_MEMORY;
    workers->options = *options;
    if (pthread_mutex_init(&workers->lock, NULL) != 0) {
        free(workers);
        return KMS_ERR_NO_MEMORY;
    }
    if (pthread_cond_init(&workers->arrived, NULL) != 0) {
        (void)pthread_mutex_destroy(&workers->lock);
        free(workers);
        return KMS_ERR_NO_MEMORY;
    }
    workers->threads = calloc(options->threads, sizeof(pthread_t));
    workers->ring = calloc(options->capacity, sizeof(void *));
    enum kms_err err = KMS_ERR_NO_MEMORY;
    if (workers->threads != NULL && workers->ring != NULL)
        err = start_threads(workers);
    if (err != KMS_OK) {
        kmsd_workers_free(workers);
        return err;
    }
    *out = workers;
    return KMS_OK;
}

enum kms_err kmsd_workers_submit(struct kmsd_workers *workers, void *job)
{
    enum kms_err err = KMS_OK;
    (void)pthread_mutex_lock(&workers->lock);
    if (workers->stopped) {
        err = KMS_ERR_CANCELLED;
    } else if (workers->count == workers->options.capacity) {
        err = KMS_ERR_BUSY;
    } else {
        workers->ring[(workers->first + workers->count) % workers->options.capacity] = job;
        workers->count++;
        (void)pthread_cond_signal(&workers->arrived);
    }
    (void)pthread_mutex_unlock(&workers->lock);
    return err;
}

void kmsd_workers_stop(struct kmsd_workers *workers)
{
    (void)pthread_mutex_lock(&workers->lock);
    workers->stopped = true;
    (void)pthread_cond_broadcast(&workers->arrived);
    (void)pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->started; i++)
        (void)pthread_join(workers->threads[i], NULL);
    workers->started = 0;
    /* no thread is left that could take a job, and none is taken in any more */
    for (; workers->count > 0; workers->count--) {
        workers->options.cancel(workers->ring[workers->first]);
        workers->first = (workers->first + 1) % workers->options.capacity;
    }
}

void kmsd_workers_free(struct kmsd_workers *workers)
{
    if (workers == NULL)
        return;
    kmsd_workers_stop(workers);
    (void)pthread_cond_destroy(&workers->arrived);
    (void)pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers->ring);
    free(workers);
}
