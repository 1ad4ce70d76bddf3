/*
 * HTTP/1.1 POST requests over libcurl, which nothing else in this library includes.
 *
 * A transport keeps idle connections, each with a libcurl easy handle of its own, so that calls of
 * many threads run at once and re-use connections. TLS 1.2 at least, peers verified; no redirects,
 * no cookies, no .netrc; http and https only. Proxies come from the environment as curl reads it
 * (https_proxy, no_proxy, ...).
 */
#ifndef KMS_CLIENT_TRANSPORT_H
#define KMS_CLIENT_TRANSPORT_H

#include "libkms/base/buf.h"
#include "libkms/proto/sigv4.h"

#include <kms/client.h>

#define KMS_TRANSPORT_BODY_MAX   ((size_t)1 << 20)
#define KMS_TRANSPORT_HEADER_MAX ((size_t)64 * 1024) /* all header lines of one answer */
#define KMS_TRANSPORT_VALUE_SIZE 128

struct kms_transport;

struct kms_transport_options {
    uint32_t connect_timeout_ms;
    uint32_t idle_connections;
    struct kms_str ca_file; /* or a directory as c_rehash makes it; absent: the system's */
};

struct kms_transport_request {
    const char *url;
    const struct kms_header *headers; /* sent as they are, with Host among them */
    size_t header_count;
    struct kms_bytes body;
    uint32_t timeout_ms; /* of the whole exchange */
};

/* Header values longer than their field count as not sent. */
struct kms_transport_answer {
    int status;
    struct kms_buf *body; /* the caller's, empty before */
    char content_type[KMS_TRANSPORT_VALUE_SIZE];
    char request_id[KMS_TRANSPORT_VALUE_SIZE];      /* x-amzn-RequestId */
    char error_type[KMS_TRANSPORT_VALUE_SIZE];      /* x-amzn-ErrorType */
    char smithy_protocol[KMS_TRANSPORT_VALUE_SIZE]; /* smithy-protocol */
    int64_t date_ms;                                /* Date; negative: none */
    int64_t retry_after_ms;                         /* x-amz-retry-after; negative: none */
    bool permanent; /* after an error: trying again will not help (certificates, addresses) */
};

/* ca_file is copied. KMS_ERR_CONFIG: it can't be read. KMS_ERR_INTERNAL: libcurl can't be
 * initialised. Both with detail. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_transport_new(const struct kms_transport_options *options,
    struct kms_transport **out, struct kms_detail *detail);

/* Closes all connections; no request may be under way. NULL is allowed. */
void kms_transport_free(struct kms_transport *transport);

/*
 * Sends a request and waits for the answer, of any status. Thread-safe.
 *
 *   KMS_ERR_TIMEOUT    not all of the answer came in time
 *   KMS_ERR_TRANSPORT  no connection, or it broke; detail says more
 *   KMS_ERR_PROTOCOL   not HTTP, or the answer is longer than body may be
 *   KMS_ERR_LIMIT      more than KMS_SIGV4_MAX_HEADERS headers
 *   KMS_ERR_NO_MEMORY
 */
KMS_MUST_USE enum kms_err kms_transport_post(struct kms_transport *transport,
    const struct kms_transport_request *request, struct kms_transport_answer *answer,
    struct kms_detail *detail);

#endif
