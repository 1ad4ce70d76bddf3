/*
 * How many connections there are, and how many of them each client address has: who may come in.
 * Any thread may call.
 */
#ifndef KMSD_HTTP_PEERS_H
#define KMSD_HTTP_PEERS_H

#include <kms/error.h>
#include <stdbool.h>
#include <sys/socket.h>

struct kmsd_peers;

/* At most `all` connections, and `each` of one address; 0: no limit of its own. The caller frees.
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_peers_new(unsigned all, unsigned each, struct kmsd_peers **out);

/* NULL is allowed. */
void kmsd_peers_free(struct kmsd_peers *peers);

/* Counts a connection from there. False: it would be one too many (or memory is out), and is not counted. */
KMS_MUST_USE bool kmsd_peers_enter(struct kmsd_peers *peers, const struct sockaddr *address);

/* A connection that was counted has ended. */
void kmsd_peers_leave(struct kmsd_peers *peers, const struct sockaddr *address);

/* No more connections may come in, whatever their address. */
KMS_MUST_USE bool kmsd_peers_are_full(struct kmsd_peers *peers);

#endif
