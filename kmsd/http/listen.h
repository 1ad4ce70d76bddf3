/* Addresses to listen on, and the sockets for them. */
#ifndef KMSD_HTTP_LISTEN_H
#define KMSD_HTTP_LISTEN_H

#include "kmsd/detail.h"

#include <kms/bytes.h>
#include <kms/error.h>
#include <netinet/in.h>
#include <sys/socket.h>

struct kmsd_listen_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t len;
};

/* Longest text that kmsd_listen_format writes, with its NUL. */
#define KMSD_LISTEN_TEXT_SIZE (INET6_ADDRSTRLEN + 16)

/* "127.0.0.1:4599", "[::1]:4599", "localhost:4599"; names other than localhost are not looked up.
 * Port 0: any free one. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kmsd_listen_parse(struct kms_str text, struct kmsd_listen_address *out);

/* "127.0.0.1:4599" or "[::1]:4599". */
void kmsd_listen_format(const struct kmsd_listen_address *address, char out[KMSD_LISTEN_TEXT_SIZE]);

/* Whether only this machine can reach it. */
KMS_MUST_USE bool kmsd_listen_is_loopback(const struct kmsd_listen_address *address);

/* Opens a listening socket, close-on-exec and non-blocking, and puts the real port into *address.
 * The caller closes it. KMS_ERR_IO; detail explains. */
KMS_MUST_USE enum kms_err kmsd_listen_open(
    struct kmsd_listen_address *address, int *out, struct kmsd_detail *detail);

#endif
