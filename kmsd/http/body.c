/*
 * Collecting a request's body. Nothing of it is verified until it is whole, so whoever can connect
 * can make kmsd hold bodies: each has a limit, and so have all of them together. Small ones, as
 * nearly all requests are, don't count: they are bounded by the number of connections.
 */
#include "kmsd/http/connection.h"

enum { UNCOUNTED = 32768 };

void kmsd_body_release(struct kmsd_connection *connection)
{
    struct kmsd_request *request = connection->request;
    if (request->counted != 0)
        (void)atomic_fetch_sub(&connection->http->unverified_bytes, request->counted);
    request->counted = 0;
}

/* Counts a body that is to be so long. False: all bodies together would be too much. */
static bool count(struct kmsd_connection *connection, size_t len)
{
    struct kmsd_http *http = connection->http;
    struct kmsd_request *request = connection->request;
    if (len <= UNCOUNTED || len <= request->counted)
        return true;
    size_t more = len - request->counted;
    size_t before = atomic_fetch_add(&http->unverified_bytes, more);
    request->counted = len;
    return before + more <= http->limits.unverified_bodies;
}

bool kmsd_body_take(struct kmsd_connection *connection, const char *data, size_t len)
{
    struct kmsd_request *request = connection->request;
    if (!request->is_too_large && !request->is_one_too_many) {
        request->is_one_too_many = !count(connection, request->body.len + len);
        if (!request->is_one_too_many)
            kms_buf_append(&request->body, data, len);
        request->is_too_large = request->body.err != KMS_OK;
        if (!request->is_too_large && !request->is_one_too_many)
            return true;
        request->must_close = true;
        request->discarded = request->body.len;
        kms_buf_clean_up(&request->body);
        kmsd_body_release(connection);
    }
    request->discarded += len;
    return request->discarded <= KMSD_HTTP_DISCARD_MAX;
}
