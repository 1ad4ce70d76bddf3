/*
 * The one place that orders the stages of a request:
 *
 *   find protocol and operation -> authenticate -> decode and validate -> resolve the key -> decide
 *   -> usage and state -> run -> encode
 *
 * It is split in two so that slow operations can leave the thread that reads sockets: _begin does
 * everything up to validation, _finish the rest. Both may run on any thread, one after the other.
 */
#ifndef KMSD_PIPELINE_H
#define KMSD_PIPELINE_H

#include "kmsd/audit/audit.h"
#include "kmsd/auth/principal.h"
#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/base/uuid.h"
#include "libkms/proto/codec.h"
#include "libkms/proto/sigv4.h"

struct kmsd_auth;
struct kmsd_keys;
struct kmsd_op;
struct kmsd_query;
struct kmsd_query_call;

/* What all requests share; read-only after start. */
struct kmsd_pipeline {
    struct kmsd_auth *auth;
    struct kmsd_keys *keys;
    struct kmsd_audit *audit;       /* NULL: nothing is recorded */
    const struct kmsd_query *query; /* the API of identities; NULL: not served */
    const struct kms_str *regions;  /* served regions; NULL with count 0: any */
    size_t region_count;
    int64_t (*now_ms)(void);         /* what everything goes by, */
    int64_t (*signing_now_ms)(void); /* but signatures, whose makers have clocks of their own */
};

enum kmsd_next {
    KMSD_NEXT_REPLY,  /* the answer is complete */
    KMSD_NEXT_FINISH, /* call kmsd_pipeline_finish here and now: it is quick */
    /* call it elsewhere, because it ... */
    KMSD_NEXT_WRITE,    /* waits for the disk */
    KMSD_NEXT_COMPUTE,  /* takes half a millisecond of processor time and more */
    KMSD_NEXT_GENERATE, /* makes an RSA key: tens of milliseconds to many seconds */
    KMSD_NEXT_FETCH,    /* may wait for another server, seconds */
};

struct kmsd_response {
    int status;
    const char *content_type; /* NULL: none */
    bool smithy_protocol;     /* send "smithy-protocol: rpc-v2-cbor" */
    struct kms_buf body;
};

/* One request and its answer. The transport fills the first part and clears the rest. */
struct kmsd_exchange {
    struct kms_http_view http;
    struct kms_str remote_address;
    bool secure_transport;
    const char *tls_version; /* "TLSv1.3"; NULL: no TLS */
    const char *tls_cipher;

    char request_id[KMS_UUID_SIZE]; /* set by _begin and _refuse */
    struct kmsd_response response;
    enum kms_err cause; /* of an answer that blames this side, for the log; KMS_OK otherwise */

    /* the pipeline's own */
    struct kms_arena arena;
    struct kmsd_principal principal;
    struct kms_str region; /* from the credential scope */
    enum kms_wire wire;
    const struct kmsd_op *op;
    struct kmsd_query_call *query; /* instead of op; NULL: none */
    const void *input;
    int64_t now_ms;
    bool is_lookup; /* CloudTrail's LookupEvents; op is NULL then */
    struct {
        enum kms_fault_code code;
        const char *name; /* of an error that the API of KMS does not have; NULL: the code's */
        struct kms_str message;
    } fault; /* what the answer says, unless its status is 200 */
};

/* What one request may take of memory for itself, and for its answer. */
#define KMSD_EXCHANGE_ARENA_MAX    ((size_t)8 << 20)
#define KMSD_EXCHANGE_RESPONSE_MAX ((size_t)8 << 20)

/* Prepares an exchange: limits of arena and body. No allocation. */
void kmsd_exchange_init(struct kmsd_exchange *exchange);

/* Forgets and wipes a request and its answer, but keeps storage for the next one on the same thread
 * or connection. */
void kmsd_exchange_reset(struct kmsd_exchange *exchange);
void kmsd_exchange_clean_up(struct kmsd_exchange *exchange);

/* The views of the http part must stay valid until the answer is complete. */
enum kmsd_next kmsd_pipeline_begin(
    const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange);
void kmsd_pipeline_finish(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange);

/* Whether requests are being served as they should. */
enum kmsd_health {
    KMSD_HEALTH_GOOD,
    KMSD_HEALTH_UNRECORDED, /* served, but what they do can't be recorded at the moment */
    KMSD_HEALTH_REFUSES,    /* refused for that reason */
};
enum kmsd_health kmsd_pipeline_health(const struct kmsd_pipeline *pipeline);

/* The value of a header; absent when it is not there, the last one when it is there twice. */
struct kms_str kmsd_http_header(const struct kms_http_view *http, const char *name);

/* Completes an exchange that the transport itself refuses: body too large, malformed request line,
 * queue full. */
void kmsd_pipeline_refuse(const struct kmsd_pipeline *pipeline, struct kmsd_exchange *exchange,
    enum kms_fault_code code, struct kms_str message);

#endif
