/* The worker pool: every job exactly once, the queue bounded, stopping orderly. */
#include "kmsd/http/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

enum { JOBS = 2000, SUBMITTERS = 3 };

struct job {
    atomic_int ran;
    atomic_int cancelled;
};

static sem_t gate; /* holds the workers up in run_at_gate */
static sem_t arrived;

static void run(void *context)
{
    struct job *job = context;
    atomic_fetch_add(&job->ran, 1);
}

static void run_at_gate(void *context)
{
    (void)sem_post(&arrived);
    (void)sem_wait(&gate);
    run(context);
}

static void cancel(void *context)
{
    struct job *job = context;
    atomic_fetch_add(&job->cancelled, 1);
}

static struct kmsd_workers *new_pool(size_t threads, size_t capacity, kmsd_job_function *function)
{
    struct kmsd_workers *workers = NULL;
    const struct kmsd_workers_options options = {
        .threads = threads, .capacity = capacity, .run = function, .cancel = cancel};
    assert_int_equal(kmsd_workers_new(&options, &workers), KMS_OK);
    return workers;
}

static void refuses_a_pool_of_nothing(void **state)
{
    struct kmsd_workers *workers = NULL;
    (void)state;
    struct kmsd_workers_options options = {
        .threads = 0, .capacity = 1, .run = run, .cancel = cancel};
    assert_int_equal(kmsd_workers_new(&options, &workers), KMS_ERR_INVALID_ARGUMENT);
    options.threads = 1;
    options.capacity = 0;
    assert_int_equal(kmsd_workers_new(&options, &workers), KMS_ERR_INVALID_ARGUMENT);
    kmsd_workers_free(NULL);
}

struct submitter {
    struct kmsd_workers *workers;
    struct job *jobs;
};

static void *submit_all(void *context)
{
    struct submitter *submitter = context;
    for (size_t i = 0; i < JOBS; i++) {
        while (kmsd_workers_submit(submitter->workers, &submitter->jobs[i]) == KMS_ERR_BUSY)
            (void)sched_yield();
    }
    return NULL;
}

static void does_each_job_once(void **state)
{
    static struct job jobs[SUBMITTERS][JOBS];
    struct kmsd_workers *workers = new_pool(4, 16, run);
    struct submitter submitters[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    (void)state;
    for (size_t i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){workers, jobs[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_all, &submitters[i]), 0);
    }
    for (size_t i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    kmsd_workers_free(workers); /* what still waits is cancelled */
    for (size_t i = 0; i < SUBMITTERS; i++) {
        for (size_t j = 0; j < JOBS; j++)
            assert_int_equal(atomic_load(&jobs[i][j].ran) + atomic_load(&jobs[i][j].cancelled), 1);
    }
}

static void bounds_its_queue(void **state)
{
    struct job jobs[6] = {{.ran = 0}};
    struct kmsd_workers *workers = new_pool(1, 3, run_at_gate);
    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(sem_init(&arrived, 0, 0), 0);
    assert_int_equal(kmsd_workers_submit(workers, &jobs[0]), KMS_OK);
    (void)sem_wait(&arrived); /* the worker has it: the queue is empty */
    for (size_t i = 1; i <= 3; i++)
        assert_int_equal(kmsd_workers_submit(workers, &jobs[i]), KMS_OK);
    assert_int_equal(kmsd_workers_submit(workers, &jobs[4]), KMS_ERR_BUSY);
    (void)sem_post(&gate);
    (void)sem_wait(&arrived); /* one place is free again */
    assert_int_equal(kmsd_workers_submit(workers, &jobs[5]), KMS_OK);
    for (size_t i = 0; i < 6; i++)
        (void)sem_post(&gate);
    for (size_t i = 0; i < 3; i++)
        (void)sem_wait(&arrived);
    kmsd_workers_free(workers);
    assert_int_equal(atomic_load(&jobs[4].ran), 0);
    assert_int_equal(atomic_load(&jobs[4].cancelled), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(atomic_load(&jobs[i].ran), i == 4 ? 0 : 1);
    (void)sem_destroy(&gate);
    (void)sem_destroy(&arrived);
}

static void *stop(void *workers)
{
    kmsd_workers_stop(workers);
    return NULL;
}

static void finishes_what_runs_and_cancels_what_waits(void **state)
{
    struct job jobs[5] = {{.ran = 0}};
    struct kmsd_workers *workers = new_pool(2, 8, run_at_gate);
    pthread_t stopper;
    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(sem_init(&arrived, 0, 0), 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(kmsd_workers_submit(workers, &jobs[i]), KMS_OK);
    (void)sem_wait(&arrived);
    (void)sem_wait(&arrived);
    assert_int_equal(pthread_create(&stopper, NULL, stop, workers), 0);
    struct job late = {.ran = 0};
    while (kmsd_workers_submit(workers, &late) != KMS_ERR_CANCELLED) /* until the stop has begun */
        (void)sched_yield();
    (void)sem_post(&gate);
    (void)sem_post(&gate);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(atomic_load(&jobs[i].ran), i < 2 ? 1 : 0);
        assert_int_equal(atomic_load(&jobs[i].cancelled), i < 2 ? 0 : 1);
    }
    assert_int_equal(kmsd_workers_submit(workers, &late), KMS_ERR_CANCELLED);
    kmsd_workers_free(workers);
    (void)sem_destroy(&gate);
    (void)sem_destroy(&arrived);
}

static void note_priority(void *context)
{
    struct job *job = context;
    atomic_store(&job->ran, 100 + getpriority(PRIO_PROCESS, (id_t)gettid()));
    (void)sem_post(&arrived);
}

static void its_threads_stand_back_and_no_others(void **state)
{
    struct kmsd_workers *pools[2] = {NULL, NULL};
    struct job jobs[2] = {{.ran = 0}};
    struct kmsd_workers_options options = {
        .threads = 1, .capacity = 1, .nice = 10, .run = note_priority, .cancel = cancel};
    (void)state;
    int ours = getpriority(PRIO_PROCESS, 0);
    assert_int_equal(sem_init(&arrived, 0, 0), 0);
    assert_int_equal(kmsd_workers_new(&options, &pools[0]), KMS_OK);
    options.nice = 0;
    assert_int_equal(kmsd_workers_new(&options, &pools[1]), KMS_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kmsd_workers_submit(pools[i], &jobs[i]), KMS_OK);
    for (size_t i = 0; i < 2; i++)
        (void)sem_wait(&arrived);
    for (size_t i = 0; i < 2; i++)
        kmsd_workers_free(pools[i]);
    assert_int_equal(atomic_load(&jobs[0].ran), 100 + (ours > 9 ? 19 : ours + 10));
    assert_int_equal(atomic_load(&jobs[1].ran), 100 + ours);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), ours);
    (void)sem_destroy(&arrived);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_pool_of_nothing),
        cmocka_unit_test(does_each_job_once),
        cmocka_unit_test(bounds_its_queue),
        cmocka_unit_test(finishes_what_runs_and_cancels_what_waits),
        cmocka_unit_test(its_threads_stand_back_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
