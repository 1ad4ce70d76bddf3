/*
 * The APIs of identities, IAM and STS: the Query protocol on the same listener. Which of the two a
 * request is for, its signature says; an unsigned one is for STS.
 *
 * Source: AWS Identity and Access Management API Reference (2010-05-08), AWS Security Token Service
 * API Reference (2011-06-15).
 */
#ifndef KMSD_QUERY_QUERY_H
#define KMSD_QUERY_QUERY_H

#include "kmsd/auth/auth.h"
#include "kmsd/oidc/oidc.h"
#include "libkms/base/buf.h"

#include <jansson.h>

struct kmsd_query_call;

/* What all requests share; read-only after start. */
struct kmsd_query {
    struct kmsd_auth *auth;
    struct kmsd_iam *iam;
    struct kmsd_oidc *oidc; /* NULL: issuers are not asked for their keys */
};

/* One request: what the transport and the pipeline know of it. */
struct kmsd_query_request {
    const struct kms_http_view *http;
    struct kms_str remote_address;
    bool secure_transport;
    const char *request_id;
    int64_t now_ms;
    int64_t signing_now_ms;           /* what signatures go by */
    struct kms_arena *arena;          /* takes all that the request needs */
    struct kmsd_principal *principal; /* filled, and cleaned up by the pipeline */
    struct kms_buf *body;             /* of the answer */
};

enum kmsd_query_next {
    KMSD_QUERY_DONE, /* the answer is complete */
    KMSD_QUERY_QUICK,
    KMSD_QUERY_SLOW,    /* it writes */
    KMSD_QUERY_FETCHES, /* it may wait for another server */
};

/* Whether a request speaks this protocol. */
bool kmsd_query_is_meant(const struct kms_http_view *http);

/* Authenticates and finds the action; *call (in the arena) is for _finish. *status is the answer's
 * when it is done. *cause: as of kmsd_exchange. */
KMS_MUST_USE enum kmsd_query_next kmsd_query_begin(const struct kmsd_query *query,
    const struct kmsd_query_request *request, struct kmsd_query_call **call, int *status,
    enum kms_err *cause);

/* Decides and does it. */
void kmsd_query_finish(struct kmsd_query_call *call, int *status, enum kms_err *cause);

/* "CreateUser", for logs; NULL while it is not known. */
const char *kmsd_query_action(const struct kmsd_query_call *call);

/* What the audit trail tells of a call. Views into it. */
/* Who proved to be somebody by a token of a provider's, not by a signature. Absent: nobody did. */
struct kmsd_query_web_identity {
    struct kms_str principal_id; /* PROVIDER-ARN:AUDIENCE:SUBJECT */
    struct kms_str subject;
    struct kms_str provider; /* ARN */
};

struct kmsd_query_told {
    const char *source;     /* "iam.amazonaws.com" */
    const char *action;     /* NULL: it names none that is known */
    const char *error_code; /* NULL: it did not fail */
    struct kms_str error_message;
    struct kms_str region;
    bool writes;
    struct kmsd_query_web_identity web_identity;
    struct kms_str target;   /* the ARN of what it is about; absent: not known, or nothing */
    const char *target_type; /* "AWS::IAM::User" */
    const struct kms_str_pair *parameters; /* as they were sent, secrets included */
    size_t parameter_count;
};
void kmsd_query_tell(const struct kmsd_query_call *call, struct kmsd_query_told *out);

/* Runs an action in the name of an account's root, without a signature: for the operator's socket.
 * params is an object of texts under the names of the Query protocol. *out is the action's result;
 * to be given back. KMS_ERR_VALIDATION: refused, also for a parameter that the action does not take;
 * detail has code and message. */
KMS_MUST_USE enum kms_err kmsd_query_run_as_root(const struct kmsd_query *query,
    struct kms_str account, const char *action, const json_t *params, int64_t now_ms, json_t **out,
    struct kmsd_detail *detail);

#endif
