/* What this room keeps for each connection: the one request that is on it at a time, and the clock
 * that catches senders who never finish. */
#ifndef KMSD_HTTP_CONNECTION_H
#define KMSD_HTTP_CONNECTION_H

#include "kmsd/http/acceptor.h"
#include "kmsd/http/http.h"
#include "kmsd/http/workers.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* A body that is not taken is read to its end and dropped, so that its sender gets to read the
 * answer instead of a broken connection; but no more of it than this. */
#define KMSD_HTTP_DISCARD_MAX ((uint64_t)8 << 20)

/* Where the request on a connection stands. */
enum kmsd_phase {
    KMSD_PHASE_IDLE,      /* none, or its head is not complete */
    KMSD_PHASE_RECEIVING, /* the head is there, the body is coming */
    KMSD_PHASE_RUNNING,   /* it is whole; with the pipeline, put off, or waiting for a worker */
    KMSD_PHASE_ANSWERING, /* the exchange holds the answer */
};

/* What a request waits for that is put off until its thread has been round the others: request.c. */
enum kmsd_put_off {
    KMSD_PUT_OFF_NOT,
    KMSD_PUT_OFF_RUNNING,   /* it is whole */
    KMSD_PUT_OFF_ANSWERING, /* its answer is there */
    KMSD_PUT_OFF_STAGES,
};

/* A request with the storage that it needs. Borrowed from the calling thread's stock, so that a
 * thread goes on working in memory that its processor has at hand, and idle connections hold none. */
struct kmsd_request {
    struct kmsd_request *next;
    struct kms_buf target; /* path and query as they are on the wire */
    struct kms_buf body;
    struct kms_header headers[KMSD_HTTP_MAX_HEADERS];
    size_t header_count;
    bool is_too_large;
    bool is_one_too_many; /* together with the bodies of others it would be too much */
    uint64_t discarded;   /* bytes of a body that is not taken, read and dropped */
    size_t counted;       /* of http->unverified_bytes */
    bool must_close;
    bool is_told; /* its internal failure was */
    enum kmsd_put_off put_off;
    struct kmsd_exchange exchange;
};

struct kmsd_connection {
    struct kmsd_http *http;
    struct kmsd_connection *next;
    struct kmsd_connection *previous;
    struct MHD_Connection *mhd;
    MHD_socket fd;
    char remote_address[INET6_ADDRSTRLEN];
    struct kmsd_request *request; /* NULL between requests */
    bool is_counted;              /* the request is among those under way */

    /* for the reaper, which reads them from its own thread */
    _Atomic enum kmsd_phase phase;
    _Atomic int64_t since_ms;   /* when the phase began, monotonic */
    int64_t abandoned_since_ms; /* the reaper's own: since_ms when it saw the peer's end closed */
};

/* Every open connection, and the thread that watches them. */
struct kmsd_connections {
    pthread_mutex_t lock; /* guards the list and `stopping` */
    pthread_cond_t changed;
    struct kmsd_connection *first;
    bool stopping;
    bool is_watched;
    pthread_t reaper;
    int64_t head_timeout_ms; /* a connection whose request's head is not there after so long ... */
    int64_t body_timeout_ms; /* ... or whose body is not complete after so long is cut */
};

/* Where requests wait that the threads which read sockets don't finish themselves: one pool of
 * workers for each sort of work, so that none of them waits for another. */
enum kmsd_lane {
    KMSD_LANE_WRITE,
    KMSD_LANE_COMPUTE,
    KMSD_LANE_GENERATE,
    KMSD_LANE_FETCH,
    KMSD_LANES,
};

struct kmsd_http {
    struct kmsd_pipeline const *pipeline;
    struct kmsd_http_limits limits;
    void (*log)(const char *text);
    void (*failed)(const struct kmsd_exchange *exchange);
    struct kmsd_workers *lanes[KMSD_LANES];
    struct kmsd_connections connections;
    pthread_key_t stock; /* each thread's struct kmsd_stock */
    bool has_stock;
    struct kmsd_listen_address *addresses; /* with the real ports */
    size_t address_count;
    int *listening; /* their sockets */
    size_t listening_count;
    struct kmsd_network *networks;
    size_t network_count;
    struct kmsd_peers *peers;
    struct kmsd_acceptor *acceptor;
    bool is_tls;
    atomic_bool draining;
    atomic_size_t under_way;        /* requests whose head arrived and whose answer has not left */
    atomic_size_t unverified_bytes; /* of large bodies whose senders are not known yet */
    pthread_t starter;              /* the thread that starts and stops */
    char last_log[256];             /* what libmicrohttpd last had to say to it */
};

/* Starts the reaper. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_connections_init(
    struct kmsd_connections *connections, const struct kmsd_http_limits *limits);
/* All connections are closed by now. */
void kmsd_connections_clean_up(struct kmsd_connections *connections);

/* MHD_NotifyConnectionCallback; cls is the struct kmsd_network. */
void kmsd_connection_notify(void *cls, struct MHD_Connection *mhd, void **socket_context,
    enum MHD_ConnectionNotificationCode code);

/* The state that kmsd_connection_notify made; NULL when memory was out. */
struct kmsd_connection *kmsd_connection_of(struct MHD_Connection *mhd);

void kmsd_connection_enter(struct kmsd_connection *connection, enum kmsd_phase phase);

/* body.c. Takes the next bytes of the body, or drops them and sets is_too_large or is_one_too_many.
 * False: too many have been dropped. */
KMS_MUST_USE bool kmsd_body_take(struct kmsd_connection *connection, const char *data, size_t len);

/* The body counts no longer among those whose senders are not known. May be called again. */
void kmsd_body_release(struct kmsd_connection *connection);

/* stock.c. A request from the calling thread's stock, empty; NULL when memory is out. */
struct kmsd_request *kmsd_stock_borrow(struct kmsd_http *http);

/* Wipes a request and keeps it for the next, if its storage is of ordinary size and the stock is not
 * full. NULL is allowed. */
void kmsd_stock_give_back(struct kmsd_http *http, struct kmsd_request *request);

/* Stocks end with their threads. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_stock_init(struct kmsd_http *http);
void kmsd_stock_clean_up(struct kmsd_http *http);

/* request.c: MHD_OPTION_URI_LOG_CALLBACK, the access handler, MHD_RequestCompletedCallback, and the
 * two functions of the worker pool. cls is the struct kmsd_http, a job the connection. */
void *kmsd_request_begin(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result kmsd_request_handle(void *cls, struct MHD_Connection *mhd, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size,
    void **con_cls);
void kmsd_request_completed(
    void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code);
void kmsd_request_run(void *job);
void kmsd_request_cancel(void *job);

#endif
