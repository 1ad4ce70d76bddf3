/*
 * A thread that takes connections in and gives each to the network thread that has the fewest.
 * Left to libmicrohttpd's threads, whoever wakes up first takes all that arrive together, and then
 * has all of their requests to himself.
 */
#ifndef KMSD_HTTP_ACCEPTOR_H
#define KMSD_HTTP_ACCEPTOR_H

#include "kmsd/http/network.h"
#include "kmsd/http/peers.h"

#include <stddef.h>

struct kmsd_acceptor;

struct kmsd_acceptor_options {
    const int *listening; /* non-blocking; the caller's, for as long as the acceptor runs */
    size_t listening_count;
    struct kmsd_network *networks; /* outlive the acceptor */
    size_t network_count;
    struct kmsd_peers *peers;       /* outlive the acceptor */
    void (*warn)(const char *text); /* of a shortage; NULL: nobody listens */
    unsigned warn_again_s;          /* not of the next one before so long */
};

/* KMS_ERR_NO_MEMORY, KMS_ERR_IO (no descriptor is left). */
KMS_MUST_USE enum kms_err kmsd_acceptor_start(
    const struct kmsd_acceptor_options *options, struct kmsd_acceptor **out);

/* Takes no more connections in, and frees. Those that there are go on. NULL is allowed. */
void kmsd_acceptor_stop(struct kmsd_acceptor *acceptor);

/* A connection that was given to that thread has ended. Any thread may call. */
void kmsd_acceptor_forget(
    struct kmsd_peers *peers, struct kmsd_network *network, const struct sockaddr *address);

#endif
