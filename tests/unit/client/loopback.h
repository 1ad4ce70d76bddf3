/*
 * A small HTTP/1.1 server on 127.0.0.1 for tests of clients: one thread per connection, keep-alive,
 * answers made by a function of the test.
 */
#ifndef KMS_TEST_LOOPBACK_H
#define KMS_TEST_LOOPBACK_H

#include "libkms/base/buf.h"
#include "libkms/proto/sigv4.h"

struct loopback;

struct loopback_request {
    unsigned number; /* from 1, over all connections */
    struct kms_http_view view;
};

struct loopback_reply {
    int status;          /* 0: close the connection without an answer */
    const char *headers; /* whole lines, each with CR LF; Content-Length is added */
    struct kms_buf body; /* initialised, empty */
    unsigned delay_ms;   /* before it is sent */
    size_t missing;      /* bytes that Content-Length promises too many; then it closes */
    const char *raw;     /* instead of all that: these bytes, then close */
};

/* Runs on the connection's thread; several at once. */
typedef void loopback_handler(
    void *context, const struct loopback_request *request, struct loopback_reply *reply);

/* NULL when there is no socket to be had. */
struct loopback *loopback_start(loopback_handler *handler, void *context);

/* Stops, waits for every thread, frees. */
void loopback_stop(struct loopback *server);

unsigned loopback_port(const struct loopback *server);
unsigned loopback_connections(const struct loopback *server); /* accepted so far */
unsigned loopback_requests(const struct loopback *server);    /* read in full so far */

/* The value of a header; absent if it is not there. */
struct kms_str loopback_header(const struct loopback_request *request, const char *name);

#endif
