#include "libkms/envelope/pipeline.h"

#include "libkms/envelope/failure.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_INTERVAL_MS = 100 };

struct worker;

/* The ordered stages that come after filling. */
enum gate { GATE_BEFORE, GATE_AFTER, GATE_DRAIN, GATES };

/* One run of a pipeline. */
struct run {
    const struct kms_pipeline *pipeline;
    _Atomic bool closed; /* no more chunks are to be filled */

    pthread_mutex_t fill_lock; /* held while filling */
    uint64_t next_turn;        /* of the chunk to be filled next; under fill_lock */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t finished;
    struct worker *workers;
    uint64_t turns[GATES]; /* of the chunks that may pass */
    unsigned running;
    enum kms_err err; /* the first one */
    struct kms_envelope_failure failure;
};

struct worker {
    struct run *run;
    void *chunk;
    pthread_t thread;
    /* Not the worker's own: of the turns that are this one's index modulo the number of workers. No
     * more turns than workers are waited for at a time, so passing one on wakes one thread. */
    pthread_cond_t turned[GATES];
};

static pthread_cond_t *turned(struct run *run, enum gate gate, uint64_t turn)
{
    return &run->workers[turn % run->pipeline->workers].turned[gate];
}

/* Waits for a turn; under run->lock. */
static void await_turn(struct run *run, enum gate gate, uint64_t turn)
{
    while (run->turns[gate] != turn)
        (void)pthread_cond_wait(turned(run, gate, turn), &run->lock);
}

/* Passes it on; under run->lock. */
static void pass_turn(struct run *run, enum gate gate)
{
    run->turns[gate]++;
    (void)pthread_cond_signal(turned(run, gate, run->turns[gate]));
}

/* Notes the first error and stops everybody; under run->lock. */
static void stop(struct run *run, enum kms_err err, const struct kms_envelope_failure *failure)
{
    if (run->err != KMS_OK)
        return;
    run->err = err;
    run->failure = *failure;
    atomic_store(&run->closed, true);
    const uint64_t one = 1;
    (void)!write(run->pipeline->cancel_fd, &one, sizeof(one)); /* of 8 bytes: cannot fail here */
}

/* Fills the next chunk. False: there is none. */
static bool fill(
    struct worker *worker, uint64_t *turn, enum kms_err *err, struct kms_envelope_failure *failure)
{
    struct run *run = worker->run;
    const struct kms_pipeline *pipeline = run->pipeline;
    bool last = false;
    (void)pthread_mutex_lock(&run->fill_lock);
    bool open = !atomic_load(&run->closed);
    if (open) {
        *turn = run->next_turn++;
        *err = pipeline->stages->fill(pipeline->job, worker->chunk, &last, failure);
        if (*err != KMS_OK || last)
            atomic_store(&run->closed, true);
    }
    (void)pthread_mutex_unlock(&run->fill_lock);
    return open;
}

/* One of the stages in between, in its turn; one that is not wanted, or whose chunk has failed already,
 * takes its turn all the same. */
static enum kms_err in_turn(struct worker *worker, enum gate gate, uint64_t turn, enum kms_err err,
    struct kms_envelope_failure *failure)
{
    struct run *run = worker->run;
    const struct kms_pipeline *pipeline = run->pipeline;
    const struct kms_pipeline_stages *stages = pipeline->stages;
    enum kms_err (*stage)(void *, void *, struct kms_envelope_failure *) =
        gate == GATE_BEFORE ? stages->before : stages->after;
    if (stage == NULL)
        return err;
    (void)pthread_mutex_lock(&run->lock);
    await_turn(run, gate, turn);
    (void)pthread_mutex_unlock(&run->lock);
    if (err == KMS_OK)
        err = stage(pipeline->job, worker->chunk, failure);
    (void)pthread_mutex_lock(&run->lock);
    pass_turn(run, gate);
    (void)pthread_mutex_unlock(&run->lock);
    return err;
}

/* Waits for the turn, drains, passes the turn on. False: the work is over. */
static bool drain(
    struct worker *worker, uint64_t turn, enum kms_err err, struct kms_envelope_failure *failure)
{
    struct run *run = worker->run;
    const struct kms_pipeline *pipeline = run->pipeline;
    (void)pthread_mutex_lock(&run->lock);
    await_turn(run, GATE_DRAIN, turn);
    bool wanted = run->err == KMS_OK;
    (void)pthread_mutex_unlock(&run->lock);

    if (wanted && err == KMS_OK)
        err = pipeline->stages->drain(pipeline->job, worker->chunk, failure);

    (void)pthread_mutex_lock(&run->lock);
    if (wanted && err != KMS_OK)
        stop(run, err, failure);
    wanted = run->err == KMS_OK;
    pass_turn(run, GATE_DRAIN);
    (void)pthread_mutex_unlock(&run->lock);
    return wanted;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct run *run = worker->run;
    const struct kms_pipeline *pipeline = run->pipeline;
    bool more = true;
    while (more) {
        struct kms_envelope_failure failure = {.err = KMS_OK};
        enum kms_err err = KMS_OK;
        uint64_t turn = 0;
        if (!fill(worker, &turn, &err, &failure))
            break;
        err = in_turn(worker, GATE_BEFORE, turn, err, &failure);
        if (err == KMS_OK)
            err = pipeline->stages->work(pipeline->job, worker->chunk, &failure);
        err = in_turn(worker, GATE_AFTER, turn, err, &failure);
        more = drain(worker, turn, err, &failure);
    }
    (void)pthread_mutex_lock(&run->lock);
    run->running--;
    (void)pthread_cond_signal(&run->finished);
    (void)pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* Signals are for the program's own threads, and SIGPIPE, which goes to the thread that writes, is
 * for nobody: the write's EPIPE says the same. */
static unsigned start(struct run *run, unsigned count)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    unsigned started = 0;
    while (started < count) {
        struct worker *worker = &run->workers[started];
        worker->run = run;
        worker->chunk = run->pipeline->chunks[started];
        (void)pthread_mutex_lock(&run->lock);
        run->running++;
        (void)pthread_mutex_unlock(&run->lock);
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
            (void)pthread_mutex_lock(&run->lock);
            run->running--;
            (void)pthread_mutex_unlock(&run->lock);
            break; /* fewer do as well */
        }
        started++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static struct timespec next_report(void)
{
    struct timespec when;
    (void)clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_nsec += PROGRESS_INTERVAL_MS * 1000000L;
    if (when.tv_nsec >= 1000000000L) {
        when.tv_nsec -= 1000000000L;
        when.tv_sec++;
    }
    return when;
}

/* Sits with the workers until they are done, and reports. */
static void attend(struct run *run)
{
    const struct kms_pipeline *pipeline = run->pipeline;
    struct timespec when = next_report();
    (void)pthread_mutex_lock(&run->lock);
    while (run->running > 0) {
        if (pthread_cond_timedwait(&run->finished, &run->lock, &when) == 0)
            continue;
        when = next_report();
        if (pipeline->progress == NULL || run->err != KMS_OK)
            continue;
        (void)pthread_mutex_unlock(&run->lock);
        bool go_on =
            pipeline->progress(pipeline->progress_context, atomic_load(pipeline->in_bytes));
        (void)pthread_mutex_lock(&run->lock);
        if (!go_on) {
            struct kms_envelope_failure failure;
            (void)kms_failure_plain(&failure, KMS_ERR_CANCELLED);
            stop(run, KMS_ERR_CANCELLED, &failure);
        }
    }
    (void)pthread_mutex_unlock(&run->lock);
}

static bool init_run(struct run *run)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&run->fill_lock, NULL);
    (void)pthread_mutex_init(&run->lock, NULL);
    for (unsigned i = 0; i < run->pipeline->workers; i++) {
        for (int gate = 0; gate < GATES; gate++)
            (void)pthread_cond_init(&run->workers[i].turned[gate], NULL);
    }
    (void)pthread_cond_init(&run->finished, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return true;
}

static void destroy_run(struct run *run)
{
    (void)pthread_cond_destroy(&run->finished);
    for (unsigned i = 0; i < run->pipeline->workers; i++) {
        for (int gate = 0; gate < GATES; gate++)
            (void)pthread_cond_destroy(&run->workers[i].turned[gate]);
    }
    (void)pthread_mutex_destroy(&run->lock);
    (void)pthread_mutex_destroy(&run->fill_lock);
}

enum kms_err kms_pipeline_run(
    const struct kms_pipeline *pipeline, struct kms_envelope_failure *failure)
{
    struct run run = {.pipeline = pipeline};
    run.workers = OPENSSL_zalloc(pipeline->workers * sizeof(*run.workers));
    if (run.workers == NULL || !init_run(&run)) {
        OPENSSL_free(run.workers);
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    }
    unsigned started = start(&run, pipeline->workers);
    attend(&run);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(run.workers[i].thread, NULL);
    destroy_run(&run);
    OPENSSL_free(run.workers);
    if (started == 0)
        return kms_failure_set(failure, KMS_ERR_NO_MEMORY, "no thread could be started");
    if (run.err == KMS_OK && pipeline->progress != NULL)
        (void)pipeline->progress(pipeline->progress_context, atomic_load(pipeline->in_bytes));
    if (failure != NULL)
        *failure = run.failure;
    return run.err;
}
