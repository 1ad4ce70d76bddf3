/*
 * The audit trail: who did what, when, with what outcome. One record for each request to any of the
 * services that kmsd speaks, and one for each thing that kmsd does by itself, in the form of
 * CloudTrail, chained and signed. docs/AUDIT.md has the scheme.
 *
 * What a record says is in the trail's keeping when kmsd_audit_record returns KMS_OK: it then survives kill -9. An
 * answer that says "done" leaves only after that.
 *
 * All functions but open and close may be called from any thread.
 */
#ifndef KMSD_AUDIT_AUDIT_H
#define KMSD_AUDIT_AUDIT_H

#include "kmsd/detail.h"
#include "libkms/base/buf.h"
#include "libkms/trail/find.h"

struct kmsd_audit;
struct kmsd_custody;

/* --- life ------------------------------------------------------------------------------------- */

enum kmsd_audit_sync {
    KMSD_AUDIT_SYNC_INTERVAL, /* power loss may take what was written in the last sync_interval_ms */
    KMSD_AUDIT_SYNC_ALWAYS,   /* a record is on disk before kmsd_audit_record returns */
};

enum kmsd_audit_on_failure {
    KMSD_AUDIT_REFUSE,   /* what cannot be recorded is not done */
    KMSD_AUDIT_CONTINUE, /* it is done all the same, and the loss is counted */
};

enum kmsd_audit_severity { KMSD_AUDIT_ERROR, KMSD_AUDIT_WARNING, KMSD_AUDIT_INFO };

struct kmsd_audit_options {
    const char *folder; /* made (mode 0700) unless it is there; NULL: in memory, the newest alone */
    struct kmsd_custody *custody; /* keeps the signing key; outlives the trail */
    struct kms_str account;       /* whose daemon this is: of records that nobody asked for */
    struct kms_str region;

    enum kmsd_audit_sync sync;
    enum kmsd_audit_on_failure on_failure;
    uint32_t sync_interval_ms;
    uint32_t digest_interval_s; /* between signed digests of a file that grows */
    uint32_t file_bytes;        /* a larger file is closed and the next begun ... */
    uint32_t file_age_s;        /* ... as is an older one */
    const char *syslog;         /* copies go to the log behind this socket ... */
    const char *webhook;        /* ... and to this URL; NULL: nowhere else */
    uint32_t sink_queue_bytes;  /* that may wait for each */
    uint32_t retention_days;    /* closed files whose last record is older are removed; 0: never */

    int64_t (*now_ms)(void);
    void (*log)(enum kmsd_audit_severity severity, const char *text); /* NULL: nobody listens */
};

/* What a daemon has unless told otherwise. */
extern const struct kmsd_audit_options kmsd_audit_defaults;

/* Opens the trail, or begins one, and takes in what a killed daemon left behind. KMS_ERR_IO,
 * KMS_ERR_POLICY (others may write to the folder), KMS_ERR_CORRUPT, KMS_ERR_AUTHENTICATION (the
 * signing key belongs to another root key); detail explains. */
KMS_MUST_USE enum kms_err kmsd_audit_open(
    const struct kmsd_audit_options *options, struct kmsd_audit **out, struct kmsd_detail *detail);

/* Writes what is left, signs a last digest and closes. NULL is allowed. */
void kmsd_audit_close(struct kmsd_audit *audit);

/* Whether requests may be served, and jobs done: false while the trail can't be written and on_failure
 * is REFUSE. A glance at memory; NULL is always ready. */
bool kmsd_audit_is_ready(const struct kmsd_audit *audit);

struct kmsd_audit_status {
    bool is_writing;    /* false: the trail can't be written at the moment */
    uint64_t records;   /* in the trail */
    uint64_t lost;      /* since start; REFUSE: of what was done all the same */
    uint64_t sink_sent; /* lines, to both sinks */
    uint64_t sink_lost;
};
struct kmsd_audit_status kmsd_audit_status(struct kmsd_audit *audit);

/* Whether the trail can be written at the moment: requests may be served all the same (CONTINUE). A
 * glance at memory; NULL: yes. */
bool kmsd_audit_is_writing(const struct kmsd_audit *audit);

/* A note of the daemon's own that is kept beside the trail and is no part of it. In memory there is none.
 * KMS_ERR_NOT_FOUND, KMS_ERR_LIMIT, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_audit_read_note(struct kmsd_audit *audit, struct kms_buf *out);
KMS_MUST_USE enum kms_err kmsd_audit_write_note(struct kmsd_audit *audit, struct kms_str text);

/* Writes all that was recorded so far to its file. KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_audit_flush(struct kmsd_audit *audit);

/* Looks records up, also those that were recorded a moment ago. As kms_trail_find. */
KMS_MUST_USE enum kms_err kmsd_audit_find(struct kmsd_audit *audit,
    const struct kms_trail_query *query, kms_trail_visit *visit, void *context, uint64_t *next);

/* --- what happened ---------------------------------------------------------------------------- */

/* A text of the caller's that is longer is cut: an agent's name, an error that repeats its input. */
enum { KMSD_AUDIT_TEXT_MAX = 2048 };

/* Further ones are left out; no operation has as many. */
enum { KMSD_AUDIT_RESOURCES_MAX = 8 };

enum kmsd_audit_who {
    KMSD_AUDIT_UNKNOWN, /* not authenticated */
    KMSD_AUDIT_ROOT,
    KMSD_AUDIT_IAM_USER,
    KMSD_AUDIT_ASSUMED_ROLE,
    KMSD_AUDIT_FEDERATED_USER,
    KMSD_AUDIT_WEB_IDENTITY, /* of AssumeRoleWithWebIdentity itself: principal_id, user_name, provider */
    KMSD_AUDIT_AWS_ACCOUNT,
    KMSD_AUDIT_AWS_SERVICE, /* invoked_by */
    KMSD_AUDIT_WHO_LAST = KMSD_AUDIT_AWS_SERVICE,
};

/* userIdentity. Views; what is absent is left out. Never a secret or a token. */
struct kmsd_audit_identity {
    enum kmsd_audit_who who;
    struct kms_str principal_id;
    struct kms_str arn;
    struct kms_str account;
    struct kms_str access_key_id;
    struct kms_str user_name;
    struct kms_str invoked_by;
    struct kms_str provider; /* identityProvider */

    /* sessionContext of temporary credentials */
    bool has_session;
    bool is_mfa_authenticated;
    int64_t session_created_ms; /* 0: not known */
    struct kms_str issuer_type; /* "Role", "IAMUser", "Root"; absent: no sessionIssuer */
    struct kms_str issuer_id;   /* "AROA..." */
    struct kms_str issuer_arn;
    struct kms_str issuer_account;
    struct kms_str issuer_name;
    struct kms_str source_identity;
    struct kms_str web_provider; /* webIdFederationData.federatedProvider */
};

struct kmsd_audit_resource {
    struct kms_str arn;
    struct kms_str account;
    struct kms_str type; /* "AWS::KMS::Key"; absent: left out */
};

/* One request, as the front that answered it tells of it. Views for the length of the call. */
struct kmsd_audit_request {
    struct kms_str event_source; /* "kms.amazonaws.com" */
    struct kms_str event_name;   /* the operation; absent: the request names none */
    const struct kmsd_audit_identity *identity;
    int64_t time_ms;        /* when it came */
    struct kms_str region;  /* absent: the daemon's own */
    struct kms_str account; /* recipientAccountId; absent: the caller's, or the daemon's own */
    struct kms_str source_address;
    struct kms_str user_agent;
    struct kms_str request_id;
    bool is_read_only;

    struct kms_str error_code; /* absent: it was done */
    struct kms_str error_message;

    /* JSON objects made with kmsd/audit/json_out.h, without secrets; absent: null, and
     * additionalEventData is left out */
    struct kms_str request_parameters;
    struct kms_str response_elements;
    struct kms_str additional_data;

    const struct kmsd_audit_resource *resources;
    size_t resource_count;

    struct kms_str tls_version; /* absent: no TLS */
    struct kms_str tls_cipher;
    struct kms_str host; /* the Host header */
};

/* Records a request, exactly once, before its answer leaves. When it fails the answer must become
 * an internal failure, whatever the operation did. audit NULL: there is no trail; KMS_OK. */
KMS_MUST_USE enum kms_err kmsd_audit_record(
    struct kmsd_audit *audit, const struct kmsd_audit_request *request);

/* Something that kmsd did by itself: an AwsServiceEvent. */
struct kmsd_audit_happening {
    const char *event_name;    /* "RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial",
                               "SynchronizeMultiRegionKey", ... */
    struct kms_str account;    /* absent: the daemon's own */
    struct kms_str region;     /* absent: likewise */
    struct kms_str key_arn;    /* absent: about no key */
    struct kms_str details;    /* serviceEventDetails, a JSON object; absent: left out */
    struct kms_str error_code; /* absent: it was done */
    struct kms_str error_message;
};

/* Records it. When it fails, what was to be done must not be done, or be tried again later. */
KMS_MUST_USE enum kms_err kmsd_audit_happened(
    struct kmsd_audit *audit, const struct kmsd_audit_happening *happening);

#endif
