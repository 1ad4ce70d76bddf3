/*
 * HTTP/1.1 around the pipeline: libmicrohttpd reads sockets on a pool of threads, this room
 * collects each request under limits of size and time, hands it on, and sends the answer. Slow
 * requests wait on a worker pool while their connection sleeps.
 *
 *   POST ...         a request of the API
 *   GET /healthz     200 "ok" while requests are served, 503 "draining" once a stop began; no
 *                    authentication
 *   anything else    UnknownOperationException
 */
#ifndef KMSD_HTTP_HTTP_H
#define KMSD_HTTP_HTTP_H

#include "kmsd/detail.h"
#include "kmsd/http/listen.h"
#include "kmsd/pipeline.h"

/* Most header fields of one request. */
#define KMSD_HTTP_MAX_HEADERS KMS_SIGV4_MAX_HEADERS

/* Threads for requests that may wait for other servers. */
#define KMSD_HTTP_FETCHERS 4

struct kmsd_http;

struct kmsd_http_limits {
    unsigned max_body;          /* bytes of a request's body */
    unsigned unverified_bodies; /* bytes of all large bodies whose senders are not known yet */
    unsigned connection_memory; /* bytes for the head of a request and for reading */
    unsigned connections;       /* open at a time; more have to wait */
    unsigned connections_per_address; /* of one client address; 0: no limit of its own */
    unsigned idle_timeout_s;          /* a silent connection is closed */
    unsigned request_timeout_s;       /* from a request's first byte to its last */
    unsigned network_threads;         /* 0: one for each processor */
    /* For each of writing and computing: */
    unsigned worker_threads; /* 0: one for each processor, at least 2 */
    unsigned worker_queue;   /* requests that may wait; more get ThrottlingException */
    /* For making RSA keys: */
    unsigned generator_threads; /* 0: one less than processors, at least 1 */
    unsigned generator_queue;
};

struct kmsd_http_options {
    const struct kmsd_pipeline *pipeline; /* outlives the kmsd_http */
    const struct kmsd_listen_address *addresses;
    size_t address_count;
    const char *tls_certificate; /* PEM: the chain; NULL: plain HTTP */
    const char *tls_key;         /* PEM */
    struct kmsd_http_limits limits;
    void (*log)(const char *text);  /* what libmicrohttpd has to say; NULL: nobody listens */
    void (*warn)(const char *text); /* what an operator should know; NULL: nobody listens */

    /* Told of each answer whose cause is not KMS_OK, before it is sent. NULL: nobody listens. */
    void (*failed)(const struct kmsd_exchange *exchange);
};

/* Starts to listen and serve. The options' addresses and texts need to live only for the call.
 * KMS_ERR_IO: an address can't be had, or TLS is refused its certificate; detail explains.
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_http_start(
    const struct kmsd_http_options *options, struct kmsd_http **out, struct kmsd_detail *detail);

/* Where the address of that index really listens (port 0 asks for any): "https://127.0.0.1:4599".
 */
void kmsd_http_endpoint(const struct kmsd_http *http, size_t index, char *out, size_t size);

/* Stops listening, waits up to drain_ms for the requests under way, cuts off the rest and frees.
 * Requests that are running on a worker are finished in any case. NULL is allowed. */
void kmsd_http_stop(struct kmsd_http *http, int64_t drain_ms);

#endif
