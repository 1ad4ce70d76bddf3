#include "kmsd/http/http.h"

#include "kmsd/http/connection.h"
#include "libkms/base/clock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_POLL_MS = 2, GENERATOR_NICE = 10, WARN_AGAIN_S = 60 };

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

static enum kms_err listen_everywhere(struct kmsd_http *http, struct kmsd_detail *detail)
{
    enum kms_err err = KMS_OK;
    while (err == KMS_OK && http->listening_count < http->address_count) {
        size_t i = http->listening_count;
        err = kmsd_listen_open(&http->addresses[i], &http->listening[i], detail);
        http->listening_count += err == KMS_OK;
    }
    return err;
}

static enum kms_err start_networks(
    struct kmsd_http *http, const struct kmsd_http_options *options, struct kmsd_detail *detail)
{
    size_t threads = options->limits.network_threads;
    enum kms_err err = KMS_OK;
    if (threads == 0)
        threads = processor_count();
    http->networks = calloc(threads, sizeof(*http->networks));
    if (http->networks == NULL) {
        kmsd_detail_set(detail, "%s", kms_err_text(KMS_ERR_NO_MEMORY));
        return KMS_ERR_NO_MEMORY;
    }
    while (err == KMS_OK && http->network_count < threads) {
        struct kmsd_network *network = &http->networks[http->network_count];
        network->http = http;
        atomic_init(&network->connections, 0);
        err = kmsd_network_start(network, options, detail);
        http->network_count += err == KMS_OK;
    }
    return err;
}

static enum kms_err start_acceptor(
    struct kmsd_http *http, const struct kmsd_http_options *wanted, struct kmsd_detail *detail)
{
    struct kmsd_acceptor_options options = {
        .listening = http->listening,
        .listening_count = http->listening_count,
        .networks = http->networks,
        .network_count = http->network_count,
        .peers = http->peers,
        .warn = wanted->warn,
        .warn_again_s = WARN_AGAIN_S,
    };
    enum kms_err err = kmsd_acceptor_start(&options, &http->acceptor);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "accepting connections: %s", kms_err_text(err));
    return err;
}

static enum kms_err start_parts(
    struct kmsd_http *http, const struct kmsd_http_options *options, struct kmsd_detail *detail)
{
    const struct kmsd_http_limits *limits = &options->limits;
    enum kms_err err = start_lanes(http);
    if (err == KMS_OK)
        err = kmsd_stock_init(http);
    if (err == KMS_OK)
        err = kmsd_connections_init(&http->connections, limits);
    if (err == KMS_OK)
        err = kmsd_peers_new(limits->connections, limits->connections_per_address, &http->peers);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "starting threads: %s", kms_err_text(err));
    if (err == KMS_OK)
        err = listen_everywhere(http, detail);
    if (err == KMS_OK)
        err = start_networks(http, options, detail);
    if (err == KMS_OK)
        err = start_acceptor(http, options, detail);
    return err;
}

/* Copies of the addresses, which learn their ports, and room for their sockets. */
static enum kms_err keep_addresses(struct kmsd_http *http, const struct kmsd_http_options *options)
{
    http->address_count = options->address_count;
    http->addresses = calloc(options->address_count, sizeof(*http->addresses));
    http->listening = calloc(options->address_count, sizeof(*http->listening));
    if (http->addresses == NULL || http->listening == NULL)
        return KMS_ERR_NO_MEMORY;
    memcpy(http->addresses, options->addresses, options->address_count * sizeof(*http->addresses));
    return KMS_OK;
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
    enum kms_err err = keep_addresses(http, options);
    if (err == KMS_OK)
        err = start_parts(http, options, detail);
    else
        kmsd_detail_set(detail, "%s", kms_err_text(err));
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
    kmsd_acceptor_stop(http->acceptor);
    for (size_t i = 0; i < http->listening_count; i++)
        (void)close(http->listening[i]);
    wait_until_idle(http, drain_ms);
    /* the workers first: libmicrohttpd can't be stopped while connections sleep */
    for (size_t lane = 0; lane < KMSD_LANES; lane++) {
        if (http->lanes[lane] != NULL)
            kmsd_workers_stop(http->lanes[lane]);
    }
    for (size_t i = 0; i < http->network_count; i++)
        kmsd_network_stop(&http->networks[i]);
    kmsd_connections_clean_up(&http->connections);
    for (size_t lane = 0; lane < KMSD_LANES; lane++)
        kmsd_workers_free(http->lanes[lane]);
    kmsd_stock_clean_up(http); /* the threads that had one are gone */
    kmsd_peers_free(http->peers);
    free(http->networks);
    free(http->listening);
    free(http->addresses);
    free(http);
}
