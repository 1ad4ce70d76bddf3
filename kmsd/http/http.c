#include "kmsd/http/http.h"

#include "kmsd/http/connection.h"
#include "libkms/base/clock.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* TLS 1.2 and 1.3, forward secrecy, authenticated ciphers of 128 bits and more. */
#define TLS_PRIORITIES                                                                   \
    "SECURE128:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-CIPHER-ALL:" \
    "+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM"

enum { MAX_OPTIONS = 24, DRAIN_POLL_MS = 2, GENERATOR_NICE = 10 };

/* Those that this process may run on. */
static unsigned processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long count = sysconf(_SC_NPROCESSORS_ONLN); /* there are more than the set has room for */
    return count < 1 ? 1 : (unsigned)count;
}

/* --- starting --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void take_log(
    void *cls, const char *format, va_list args)
{
    struct kmsd_http *http = cls;
    char text[sizeof(http->last_log)];
    (void)vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\r\n")] = '\0';
    if (http->log != NULL)
        http->log(text);
    if (pthread_equal(pthread_self(), http->starter) != 0) /* why it refuses to start */
        memcpy(http->last_log, text, sizeof(text));
}

struct option_list {
    struct MHD_OptionItem items[MAX_OPTIONS];
    size_t count;
};

static void add_number(struct option_list *list, enum MHD_OPTION option, size_t value)
{
    list->items[list->count++] =
        (struct MHD_OptionItem){.option = option, .value = (intptr_t)value};
}

/* libmicrohttpd's list of options has no const, though it only reads. */
static void add_text(struct option_list *list, enum MHD_OPTION option, const char *value)
{
    struct MHD_OptionItem item = {.option = option};
    memcpy(&item.ptr_value, &value, sizeof(value));
    list->items[list->count++] = item;
}

static void add_limits(struct option_list *list, const struct kmsd_http_limits *limits)
{
    unsigned threads = limits->network_threads != 0 ? limits->network_threads : processor_count();
    unsigned connections = limits->connections < threads ? threads : limits->connections;
    if (threads > 1)
        add_number(list, MHD_OPTION_THREAD_POOL_SIZE, threads);
    add_number(list, MHD_OPTION_CONNECTION_LIMIT, connections);
    add_number(list, MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits->connections_per_address);
    add_number(list, MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits->connection_memory);
    add_number(list, MHD_OPTION_CONNECTION_TIMEOUT, limits->idle_timeout_s);
    add_number(list, MHD_OPTION_STRICT_FOR_CLIENT, 1);
}

static enum kms_err start_daemon(struct kmsd_http *http, const struct kmsd_http_options *options,
    size_t index, struct kmsd_detail *detail)
{
    int fd = -1;
    enum kms_err err = kmsd_listen_open(&http->addresses[index], &fd, detail);
    if (err != KMS_OK)
        return err;
    struct option_list list = {.count = 0};
    add_limits(&list, &options->limits);
    add_number(&list, MHD_OPTION_LISTEN_SOCKET, (size_t)fd);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (http->addresses[index].at.any.sa_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    if (http->is_tls) {
        flags |= MHD_USE_TLS;
        add_text(&list, MHD_OPTION_HTTPS_MEM_CERT, options->tls_certificate);
        add_text(&list, MHD_OPTION_HTTPS_MEM_KEY, options->tls_key);
        add_text(&list, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES);
    }
    list.items[list.count] = (struct MHD_OptionItem){.option = MHD_OPTION_END};

    /* clang-format off */
    struct MHD_Daemon *daemon = MHD_start_daemon(flags, 0, NULL, NULL, kmsd_request_handle, http,
        MHD_OPTION_EXTERNAL_LOGGER, take_log, http, /* first, so that it hears of the others */
        MHD_OPTION_URI_LOG_CALLBACK, kmsd_request_begin, http,
        MHD_OPTION_NOTIFY_COMPLETED, kmsd_request_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, kmsd_connection_notify, http,
        MHD_OPTION_ARRAY, list.items,
        MHD_OPTION_END);
    /* clang-format on */
    if (daemon == NULL) {
        char text[KMSD_LISTEN_TEXT_SIZE];
        kmsd_listen_format(&http->addresses[index], text);
        kmsd_detail_set(detail, "serving %s: %s", text,
            http->last_log[0] != '\0' ? http->last_log : "libmicrohttpd gives no reason");
        return KMS_ERR_IO; /* whether the socket is closed by now depends on the reason: leave it */
    }
    http->daemons[http->daemon_count++] = daemon;
    return KMS_OK;
}

/* Making an RSA key takes seconds of a processor: at least one is left to the others, and those who
 * make them stand back for everybody else. */
static enum kms_err start_lanes(struct kmsd_http *http)
{
    unsigned processors = processor_count();
    unsigned workers = processors < 2 ? 2 : processors;
    unsigned generators = processors < 2 ? 1 : processors - 1;
    const struct kmsd_http_limits *limits = &http->limits;
    enum kms_err err = KMS_OK;
    for (size_t lane = 0; err == KMS_OK && lane < KMSD_LANES; lane++) {
        struct kmsd_workers_options pool = {
            .threads = limits->worker_threads != 0 ? limits->worker_threads : workers,
            .capacity = limits->worker_queue,
            .run = kmsd_request_run,
            .cancel = kmsd_request_cancel,
        };
        if (lane == KMSD_LANE_GENERATE) {
            pool.threads = limits->generator_threads != 0 ? limits->generator_threads : generators;
            pool.capacity = limits->generator_queue;
            pool.nice = GENERATOR_NICE;
        }
        if (lane == KMSD_LANE_FETCH)
            pool.threads = KMSD_HTTP_FETCHERS;
        err = kmsd_workers_new(&pool, &http->lanes[lane]);
    }
    return err;
}

static enum kms_err start_parts(
    struct kmsd_http *http, const struct kmsd_http_options *options, struct kmsd_detail *detail)
{
    enum kms_err err = start_lanes(http);
    if (err == KMS_OK)
        err = kmsd_stock_init(http);
    if (err == KMS_OK)
        err = kmsd_connections_init(&http->connections, &http->limits);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "starting threads: %s", kms_err_text(err));
    for (size_t i = 0; err == KMS_OK && i < options->address_count; i++)
        err = start_daemon(http, options, i, detail);
    return err;
}

enum kms_err kmsd_http_start(
    const struct kmsd_http_options *options, struct kmsd_http **out, struct kmsd_detail *detail)
{
    struct kmsd_http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return KMS_ERR_NO_MEMORY;
    http->pipeline = options->pipeline;
    http->limits = options->limits;
    http->log = options->log;
    http->failed = options->failed;
    http->is_tls = options->tls_certificate != NULL;
    http->starter = pthread_self();
    atomic_init(&http->draining, false);
    http->daemons = calloc(options->address_count, sizeof(struct MHD_Daemon *));
    http->addresses = calloc(options->address_count, sizeof(*http->addresses));
    enum kms_err err = KMS_ERR_NO_MEMORY;
    if (http->daemons != NULL && http->addresses != NULL) {
        memcpy(
            http->addresses, options->addresses, options->address_count * sizeof(*http->addresses));
        err = start_parts(http, options, detail);
    } else {
        kmsd_detail_set(detail, "%s", kms_err_text(err));
    }
    if (err != KMS_OK) {
        kmsd_http_stop(http, 0);
        return err;
    }
    *out = http;
    return KMS_OK;
}

void kmsd_http_endpoint(const struct kmsd_http *http, size_t index, char *out, size_t size)
{
    char text[KMSD_LISTEN_TEXT_SIZE];
    kmsd_listen_format(&http->addresses[index], text);
    (void)snprintf(out, size, "%s://%s", http->is_tls ? "https" : "http", text);
}

/* --- stopping --------------------------------------------------------------------------------- */

static void wait_until_idle(const struct kmsd_http *http, int64_t drain_ms)
{
    static const struct timespec nap = {.tv_nsec = DRAIN_POLL_MS * 1000000};
    int64_t until_ms = kms_clock_monotonic_ms() + drain_ms;
    while (atomic_load(&http->under_way) != 0 && kms_clock_monotonic_ms() < until_ms)
        (void)nanosleep(&nap, NULL);
}

void kmsd_http_stop(struct kmsd_http *http, int64_t drain_ms)
{
    if (http == NULL)
        return;
    atomic_store(&http->draining, true);
    for (size_t i = 0; i < http->daemon_count; i++) {
        MHD_socket listening = MHD_quiesce_daemon(http->daemons[i]);
        if (listening != MHD_INVALID_SOCKET)
            (void)close(listening);
    }
    wait_until_idle(http, drain_ms);
    /* the workers first: libmicrohttpd can't be stopped while connections sleep */
    for (size_t lane = 0; lane < KMSD_LANES; lane++) {
        if (http->lanes[lane] != NULL)
            kmsd_workers_stop(http->lanes[lane]);
    }
    for (size_t i = 0; i < http->daemon_count; i++)
        MHD_stop_daemon(http->daemons[i]);
    kmsd_connections_clean_up(&http->connections);
    for (size_t lane = 0; lane < KMSD_LANES; lane++)
        kmsd_workers_free(http->lanes[lane]);
    kmsd_stock_clean_up(http); /* the threads that had one are gone */
    free(http->daemons);
    free(http->addresses);
    free(http);
}
