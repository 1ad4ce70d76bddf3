/*
 * The threads that read sockets and answer: each is a daemon of libmicrohttpd's that does not listen, but is
 * given its connections.
 */
#ifndef KMSD_HTTP_NETWORK_H
#define KMSD_HTTP_NETWORK_H

#include "kmsd/http/http.h"

#include <microhttpd.h>
#include <stdatomic.h>

struct kmsd_network {
    struct kmsd_http *http;
    struct MHD_Daemon *daemon;
    atomic_uint connections; /* its share, those not begun yet among them */
    int nudge;               /* eventfd(2) */
};

/* Starts a thread; network->http is set. kmsd_network_stop ends it. KMS_ERR_IO: libmicrohttpd refuses, as for
 * a bad certificate, or no descriptor is left; detail explains. */
KMS_MUST_USE enum kms_err kmsd_network_start(struct kmsd_network *network,
    const struct kmsd_http_options *options, struct kmsd_detail *detail);

/* Sets network->nudge up beside what the running daemon waits for. kmsd_network_start has done so. KMS_ERR_IO;
 * kmsd_network_stop is due even then. */
KMS_MUST_USE enum kms_err kmsd_network_be_nudged(struct kmsd_network *network);

/* Wakes the thread up, so that it looks again. Any thread may call while it runs. */
void kmsd_network_nudge(struct kmsd_network *network);

/* Closes its connections and ends the thread. */
void kmsd_network_stop(struct kmsd_network *network);

#endif
