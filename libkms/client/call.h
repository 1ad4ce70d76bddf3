/*
 * One call, whichever the operation: encode, sign, send, read the answer, try again where that
 * makes sense. calls.c gives each operation its type.
 */
#ifndef KMS_CLIENT_CALL_H
#define KMS_CLIENT_CALL_H

#include "libkms/client/credentials.h"
#include "libkms/client/endpoint.h"
#include "libkms/client/retry.h"
#include "libkms/client/transport.h"
#include "libkms/proto/codec.h"

#include <kms/api.h>
#include <kms/client.h>
#include <pthread.h>
#include <stdatomic.h>

#define KMS_ANSWER_ARENA_MAX ((size_t)16 << 20) /* what 1 MiB of CBOR may decode to, and more */

struct kms_client {
    const struct kms_client *origin; /* whose transport and credentials are used; NULL: its own */
    struct kms_arena arena;          /* the strings below */
    struct kms_str region;
    struct kms_endpoint endpoint;
    struct kms_str user_agent;
    enum kms_wire wire;
    uint32_t attempt_timeout_ms;
    uint32_t call_timeout_ms; /* 0: none */
    uint32_t max_attempts;
    kms_log_function *log; /* NULL: none */
    void *log_context;
    struct kms_credentials_chain *credentials;
    struct kms_transport *transport;
    _Atomic int64_t clock_offset_ms; /* the service's clock minus this machine's, once known */
    pthread_mutex_t quota_lock;
    struct kms_retry_quota quota;
};

/* Calls an operation. request is its input structure; *response becomes its answer, to be released
 * with kms_response_free, and is not used (may be NULL) if the operation has none. Errors and fault
 * as <kms/api.h> says. */
KMS_MUST_USE enum kms_err kms_client_call(struct kms_client *client, enum kms_op op,
    const void *request, const void **response, struct kms_fault *fault);

/* What is sent in one attempt. */
struct kms_signed_request {
    struct kms_str url;
    struct kms_header headers[KMS_SIGV4_MAX_HEADERS];
    size_t header_count;
};

struct kms_attempt {
    enum kms_op op;
    const char *invocation_id; /* the same over all attempts of a call */
    uint32_t number;           /* from 1 */
    int64_t now_ms;            /* the time to sign, by the service's clock */
    const struct kms_identity *identity;
    struct kms_bytes body;
};

/* Address and headers, with the signature among them. Everything lives in the arena or is the
 * client's or the attempt's. KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO, KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kms_request_sign(const struct kms_client *client,
    const struct kms_attempt *attempt, struct kms_arena *arena, struct kms_signed_request *out);

/* A call in the AWS query protocol, of a service beside this one. */
struct kms_form {
    struct kms_str service; /* as signatures name it */
    const struct kms_endpoint *endpoint;
    struct kms_bytes body; /* application/x-www-form-urlencoded */
};

/* The same for a form; identity NULL: without a signature. */
KMS_MUST_USE enum kms_err kms_request_sign_form(const struct kms_client *client,
    const struct kms_form *form, const struct kms_identity *identity, int64_t now_ms,
    struct kms_arena *arena, struct kms_signed_request *out);

/* Reads an answer of any status: KMS_OK with *response, KMS_ERR_FAULT, KMS_ERR_PROTOCOL (fault
 * filled for both), KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_answer_read(enum kms_wire wire, enum kms_op op,
    const struct kms_transport_answer *answer, const void **response, struct kms_fault *fault);

#endif
