/*
 * Requests and answers that are put off, so that those to one peer leave together: some few, none for long, each
 * to its own asker, and none lost. Requests here have a number for a body, and are answered with it;
 * the pipeline and the clock are the test's own.
 */
#include "caller.h"
#include "kmsd/http/connection.h"
#include "libkms/base/clock.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    AT_ONCE_MAX = 16,
    CALLERS = 40,
    GATE = 1000, /* the request that waits until all others are there, and is not put off itself */
    GREETING,    /* one that is not noted down */
    EVENTS = 2 * CALLERS,
};

/* --- the pipeline and the clock --------------------------------------------------------------- */

enum what {
    FINISHED,
    SENT,
};

struct event {
    enum what what;
    int number;
};

static struct {
    struct event events[EVENTS];
    size_t count;
    int told[CALLERS]; /* how often of the failure of request number so and so */
    pthread_mutex_t lock;
} notes = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic int64_t clock_ms;
static atomic_int takes_ms[CALLERS]; /* to finish request number so and so */
static atomic_bool fails;
static void (*_Atomic at_finish)(int number);
static sem_t arrived;
static sem_t gate;
static atomic_int received; /* requests whose head has begun to be read */

static void note(enum what what, int number)
{
    if (number >= CALLERS)
        return;
    (void)pthread_mutex_lock(&notes.lock);
    if (notes.count < EVENTS)
        notes.events[notes.count++] = (struct event){what, number};
    (void)pthread_mutex_unlock(&notes.lock);
}

static void forget_notes(void)
{
    (void)pthread_mutex_lock(&notes.lock);
    notes.count = 0;
    memset(notes.told, 0, sizeof(notes.told));
    (void)pthread_mutex_unlock(&notes.lock);
}

int64_t __wrap_kms_clock_monotonic_ms(void);
enum kmsd_next __wrap_kmsd_pipeline_begin(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange);
void __wrap_kmsd_pipeline_finish(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange);
enum MHD_Result __wrap_MHD_queue_response(
    struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);
enum MHD_Result __real_MHD_queue_response(
    struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);

int64_t __wrap_kms_clock_monotonic_ms(void)
{
    return atomic_load(&clock_ms);
}

struct kmsd_request *__wrap_kmsd_stock_borrow(struct kmsd_http *http);
struct kmsd_request *__real_kmsd_stock_borrow(struct kmsd_http *http);

struct kmsd_request *__wrap_kmsd_stock_borrow(struct kmsd_http *http)
{
    atomic_fetch_add(&received, 1);
    return __real_kmsd_stock_borrow(http);
}

static int number_of(const struct kmsd_exchange *exchange)
{
    return atoi(exchange->request_id);
}

static void complete(struct kmsd_exchange *exchange)
{
    exchange->response.status = MHD_HTTP_OK;
    kms_buf_append_text(&exchange->response.body, exchange->request_id);
}

enum kmsd_next __wrap_kmsd_pipeline_begin(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    (void)pipeline;
    (void)snprintf(exchange->request_id, sizeof(exchange->request_id), "%.*s",
        (int)exchange->http.body.len, (const char *)exchange->http.body.data);
    if (number_of(exchange) < GATE)
        return KMSD_NEXT_FINISH;
    if (number_of(exchange) == GATE) {
        (void)sem_post(&arrived);
        (void)sem_wait(&gate);
    }
    complete(exchange);
    return KMSD_NEXT_REPLY;
}

void __wrap_kmsd_pipeline_finish(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange)
{
    int number = number_of(exchange);
    void (*hook)(int) = atomic_load(&at_finish);
    (void)pipeline;
    complete(exchange);
    if (atomic_load(&fails))
        exchange->cause = KMS_ERR_IO;
    note(FINISHED, number);
    atomic_fetch_add(&clock_ms, atomic_load(&takes_ms[number]));
    if (hook != NULL)
        hook(number);
}

enum MHD_Result __wrap_MHD_queue_response(
    struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
    note(SENT, atoi(MHD_get_response_header(response, "x-amzn-RequestId")));
    return __real_MHD_queue_response(connection, status, response);
}

static void note_failure(const struct kmsd_exchange *exchange)
{
    (void)pthread_mutex_lock(&notes.lock);
    notes.told[number_of(exchange)]++;
    (void)pthread_mutex_unlock(&notes.lock);
}

/* --- the server and its callers --------------------------------------------------------------- */

/* A server, and callers that are connected to it. */
struct scene {
    struct kmsd_http *http;
    uint16_t port;
    int gatekeeper;
    int callers[CALLERS];
};

static struct scene *the_scene; /* for hooks */

static void expect_answer(int fd, int number)
{
    char expected[16];
    char answer[64];
    (void)snprintf(expected, sizeof(expected), "%d", number);
    caller_read_answer(fd, answer, sizeof(answer));
    assert_string_equal(answer, expected);
}

static void ask(int fd, int number)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", number);
    caller_send(fd, text);
}

static int greet(const struct scene *scene)
{
    int fd = caller_open(scene->port);
    ask(fd, GREETING);
    expect_answer(fd, GREETING);
    return fd;
}

static void start(struct scene *scene, unsigned threads)
{
    static const struct kmsd_pipeline pipeline;
    struct kmsd_detail detail = {.text = ""};
    struct kmsd_listen_address address;
    char url[64];
    assert_int_equal(kmsd_listen_parse(kms_str("127.0.0.1:0"), &address), KMS_OK);
    struct kmsd_http_options options = {
        .pipeline = &pipeline,
        .addresses = &address,
        .address_count = 1,
        .limits =
            {
                .max_body = 65536,
                .unverified_bodies = 1U << 20,
                .connection_memory = 16384,
                .connections = 1000,
                .idle_timeout_s = 600,
                .request_timeout_s = 600,
                .network_threads = threads,
                .worker_threads = 1,
                .worker_queue = 1,
                .generator_threads = 1,
                .generator_queue = 1,
            },
        .failed = note_failure,
    };
    if (kmsd_http_start(&options, &scene->http, &detail) != KMS_OK)
        fail_msg("%s", detail.text);
    kmsd_http_endpoint(scene->http, 0, url, sizeof(url));
    scene->port = (uint16_t)atoi(strrchr(url, ':') + 1);
    for (size_t i = 0; i < CALLERS; i++)
        scene->callers[i] = greet(scene);
    scene->gatekeeper = greet(scene);
}

static int set_up_with(void **state, unsigned threads)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    assert_int_equal(sem_init(&arrived, 0, 0), 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    atomic_store(&clock_ms, 1000);
    atomic_store(&fails, false);
    atomic_store(&at_finish, NULL);
    for (size_t i = 0; i < CALLERS; i++)
        atomic_store(&takes_ms[i], 0);
    start(scene, threads);
    the_scene = scene;
    *state = scene;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, 1);
}

static int set_up_with_threads(void **state)
{
    return set_up_with(state, 3);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    kmsd_http_stop(scene->http, 1); /* by the clock that stands: until all is done */
    for (size_t i = 0; i < CALLERS; i++)
        (void)close(scene->callers[i]);
    (void)close(scene->gatekeeper);
    (void)sem_destroy(&arrived);
    (void)sem_destroy(&gate);
    free(scene);
    return 0;
}

static void wait_until_delivered(int fd)
{
    int on_the_way = 1;
    while (on_the_way != 0) {
        assert_int_equal(ioctl(fd, SIOCOUTQ, &on_the_way), 0);
        if (on_the_way != 0)
            caller_nap();
    }
}

/* From then on the thread that reads sockets waits at the gate. */
static void close_gate(const struct scene *scene)
{
    forget_notes();
    ask(scene->gatekeeper, GATE);
    (void)sem_wait(&arrived);
}

/* Caller number so and so sends the request of that number; all arrive before this returns. */
static void send_all(const struct scene *scene, int first, int end)
{
    for (int i = first; i < end; i++)
        ask(scene->callers[i], i);
    for (int i = first; i < end; i++)
        wait_until_delivered(scene->callers[i]);
    for (int i = 0; i < 10; i++)
        caller_nap(); /* and those who wait for them have been told */
}

/* Nothing is read before all are there. */
static void ask_together(const struct scene *scene, int callers)
{
    close_gate(scene);
    send_all(scene, 0, callers);
    (void)sem_post(&gate);
    expect_answer(scene->gatekeeper, GATE);
}

static void all_are_answered(const struct scene *scene)
{
    for (int i = 0; i < CALLERS; i++)
        expect_answer(scene->callers[i], i);
}

/* "fs": finished and sent at once; "f", "s": the one or the other by itself. */
static const char *word_at(size_t i)
{
    const struct event *event = &notes.events[i];
    if (event->what == SENT)
        return "s";
    bool is_sent_at_once =
        i + 1 < notes.count && event[1].what == SENT && event[1].number == event->number;
    return is_sent_at_once ? "fs" : "f";
}

/* What happened, in order, with repetitions counted: "f16 fs24 s16". */
static const char *story(void)
{
    static char text[1024];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < notes.count;) {
        const char *word = word_at(i);
        unsigned times = 0;
        for (; i < notes.count && strcmp(word_at(i), word) == 0; i += strlen(word))
            times++;
        len += (size_t)snprintf(
            text + len, sizeof(text) - len, "%s%s%u", len == 0 ? "" : " ", word, times);
    }
    return text;
}

static void happened(const char *expected)
{
    (void)pthread_mutex_lock(&notes.lock);
    const char *text = story();
    (void)pthread_mutex_unlock(&notes.lock);
    assert_string_equal(text, expected);
}

/* Everybody asks and is answered, and it happens like this. */
static void happens(const struct scene *scene, const char *expected)
{
    ask_together(scene, CALLERS);
    all_are_answered(scene);
    happened(expected);
}

/* --- the tests -------------------------------------------------------------------------------- */

static void puts_off_so_many_and_no_more(void **state)
{
    for (int round = 0; round < 4; round++)
        happens(*state, "f16 fs24 s16");
}

static atomic_int received_before_the_first;

static void look_how_many_are_received(int number)
{
    if (number == 0)
        atomic_store(&received_before_the_first, atomic_load(&received));
}

static void all_are_received_before_the_first_is_run(void **state)
{
    atomic_store(&at_finish, look_how_many_are_received);
    atomic_store(&received, 0);
    happens(*state, "f16 fs24 s16");
    assert_int_equal(atomic_load(&received_before_the_first), CALLERS + 1); /* and the gate's */
}

static void puts_off_none_that_took_its_time(void **state)
{
    atomic_store(&takes_ms[0], 2);
    happens(*state, "fs1 f16 fs23 s16");
    atomic_store(&takes_ms[0], 1);
    happens(*state, "f16 fs24 s16");
    for (size_t i = 0; i < CALLERS; i++)
        atomic_store(&takes_ms[i], 2);
    happens(*state, "fs40");
}

static void puts_off_none_when_the_first_has_waited(void **state)
{
    atomic_store(&takes_ms[5], 1);
    happens(*state, "f16 fs24 s16");
    atomic_store(&takes_ms[9], 1);
    happens(*state, "f9 fs31 s9");
    for (size_t i = 0; i < CALLERS; i++)
        atomic_store(&takes_ms[i], 1);
    happens(*state, "f2 fs38 s2");
    for (size_t i = 0; i < CALLERS; i++)
        atomic_store(&takes_ms[i], 0);
    happens(*state, "f16 fs24 s16");
}

static void send_the_others_at_the_last_that_is_put_off(int number)
{
    if (number == AT_ONCE_MAX - 1)
        send_all(the_scene, AT_ONCE_MAX, CALLERS);
}

static void those_that_leave_make_room_for_the_next(void **state)
{
    atomic_store(&at_finish, send_the_others_at_the_last_that_is_put_off);
    ask_together(*state, AT_ONCE_MAX);
    all_are_answered(*state);
    happened("f16 s16 f16 fs8 s16");
}

static void one_alone_is_answered_without_another_to_come(void **state)
{
    const struct scene *scene = *state;
    for (int i = 0; i < 2 * AT_ONCE_MAX; i++) {
        ask(scene->callers[0], 7);
        expect_answer(scene->callers[0], 7);
    }
}

static void those_that_came_on_one_connection_are_answered_in_order(void **state)
{
    enum { EACH = 5 };
    const struct scene *scene = *state;
    close_gate(scene);
    for (int i = 0; i < CALLERS; i++)
        ask(scene->callers[i % (CALLERS / EACH)], i);
    (void)sem_post(&gate);
    for (int i = 0; i < CALLERS; i++)
        expect_answer(scene->callers[i % (CALLERS / EACH)], i);
    expect_answer(scene->gatekeeper, GATE);
}

/* Those whose answers are put off by then hang up. */
static void hang_up_at_the_last_that_is_put_off(int number)
{
    if (number != AT_ONCE_MAX - 1)
        return;
    for (int i = 0; i < AT_ONCE_MAX; i++) {
        if (i % 2 == 0)
            caller_reset(the_scene->callers[i]);
        else
            (void)close(the_scene->callers[i]);
    }
    for (int i = 0; i < 10; i++)
        caller_nap(); /* until the other side knows */
}

static void who_hangs_up_makes_room_for_others(void **state)
{
    struct scene *scene = *state;
    for (int round = 0; round < 3; round++) {
        atomic_store(&at_finish, hang_up_at_the_last_that_is_put_off);
        ask_together(scene, CALLERS);
        for (int i = AT_ONCE_MAX; i < CALLERS; i++)
            expect_answer(scene->callers[i], i);
        atomic_store(&at_finish, NULL);
        for (int i = 0; i < AT_ONCE_MAX; i++)
            scene->callers[i] = greet(scene);
        happens(scene, "f16 fs24 s16");
    }
}

static void each_failure_was_told_once(void)
{
    int told[CALLERS];
    (void)pthread_mutex_lock(&notes.lock);
    memcpy(told, notes.told, sizeof(told));
    (void)pthread_mutex_unlock(&notes.lock);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(told[i], 1);
}

static void failures_are_told_once(void **state)
{
    struct scene *scene = *state;
    atomic_store(&fails, true);
    atomic_store(&at_finish, hang_up_at_the_last_that_is_put_off);
    ask_together(scene, CALLERS);
    for (int i = AT_ONCE_MAX; i < CALLERS; i++)
        expect_answer(scene->callers[i], i);
    atomic_store(&at_finish, NULL);
    for (int i = 0; i < AT_ONCE_MAX; i++)
        scene->callers[i] = greet(scene); /* after those that hung up have been noticed */
    each_failure_was_told_once();
}

static void threads_put_off_each_for_itself(void **state)
{
    const struct scene *scene = *state;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < CALLERS; i++)
            ask(scene->callers[i], i);
        all_are_answered(scene);
    }
}

static void wait_at_the_gate_again(int number)
{
    if (number != AT_ONCE_MAX + 3)
        return;
    (void)sem_post(&arrived);
    (void)sem_wait(&gate);
}

static void *stop_at_once(void *http)
{
    kmsd_http_stop(http, 0);
    return NULL;
}

static void the_end_loses_no_more_than_the_answers(void **state)
{
    struct scene *scene = *state;
    pthread_t stopper;
    atomic_store(&fails, true);
    atomic_store(&at_finish, wait_at_the_gate_again);
    ask_together(scene, CALLERS);
    (void)sem_wait(&arrived);
    assert_int_equal(pthread_create(&stopper, NULL, stop_at_once, scene->http), 0);
    for (int i = 0; i < 50; i++)
        caller_nap(); /* it waits for the thread by now */
    (void)sem_post(&gate);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    scene->http = NULL;
    for (int i = 0; i < CALLERS; i++)
        assert_true(caller_is_closed(scene->callers[i]));
    each_failure_was_told_once();
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(puts_off_so_many_and_no_more),
        SCENE(all_are_received_before_the_first_is_run),
        SCENE(puts_off_none_that_took_its_time),
        SCENE(puts_off_none_when_the_first_has_waited),
        SCENE(those_that_leave_make_room_for_the_next),
        SCENE(one_alone_is_answered_without_another_to_come),
        SCENE(those_that_came_on_one_connection_are_answered_in_order),
        SCENE(who_hangs_up_makes_room_for_others),
        SCENE(failures_are_told_once),
        cmocka_unit_test_setup_teardown(
            threads_put_off_each_for_itself, set_up_with_threads, tear_down),
        SCENE(the_end_loses_no_more_than_the_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
