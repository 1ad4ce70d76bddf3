/*
 * From the bytes of a request to a principal: AWS Signature Version 4 in the Authorization header,
 * verified against the access keys that this daemon issued.
 *
 * What is checked, in the order in which the service itself reports it: an Authorization header is
 * there and well-formed; the request's date is within KMSD_AUTH_MAX_SKEW_MS of now; the host, the
 * date and every X-Amz-* header are signed; the credential's scope is this day, a served region,
 * this service; the access key exists and is active; the signature, in constant time; and a body
 * hash that the caller claims is the body's. Anything else about the request is left to the stages
 * after this one.
 *
 * Source: "Create a signed AWS API request", IAM User Guide.
 */
#ifndef KMSD_AUTH_AUTH_H
#define KMSD_AUTH_AUTH_H

#include "kmsd/auth/principal.h"
#include "kmsd/crypto/custody.h"
#include "kmsd/iam/iam.h"
#include "kmsd/iam/seal.h"
#include "kmsd/store/store.h"
#include "libkms/base/arena.h"
#include "libkms/proto/arn.h"
#include "libkms/proto/model.h"
#include "libkms/proto/sigv4.h"

/* How far a request's date may be from the daemon's clock, either way. */
#define KMSD_AUTH_MAX_SKEW_MS ((int64_t)5 * 60 * 1000)

struct kmsd_auth;

struct kmsd_auth_options {
    struct kmsd_custody *custody; /* opens the stored secrets; must outlive the kmsd_auth, as */
    struct kmsd_iam *iam; /* this. NULL: nobody is known but accounts' roots, and no token */

    /* What sessions end by; NULL: the time that a request is verified with. */
    int64_t (*now_ms)(void);

    /* Regions that a credential may be scoped to; count 0: every well-formed one. Copied. */
    const struct kms_str *regions;
    size_t region_count;

    /* Not absent: any credentials are accepted and no signature is verified. An access key id of 12
     * digits is the caller's account, every other caller belongs to this one. For `kmsd dev` alone.
     */
    struct kms_str accept_any_account;
};

/* KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_auth_new(
    const struct kmsd_auth_options *options, struct kmsd_auth **out);

/* Wipes and frees. NULL is allowed. */
void kmsd_auth_free(struct kmsd_auth *auth);

/* Takes in every access key of the store, and opens each one's secret once, so that a wrong root
 * key or an altered row is found at start. detail explains. */
KMS_MUST_USE enum kms_err kmsd_auth_load(
    struct kmsd_auth *auth, struct kmsd_store *store, struct kmsd_detail *detail);

/* Takes in one access key as it now stands in the store, replacing what was known of it. Signatures
 * made with an inactive, replaced or removed key are refused from the return of the call on.
 * KMS_ERR_INVALID_ARGUMENT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_auth_put(
    struct kmsd_auth *auth, const struct kmsd_access_key_row *row);

/* Forgets an access key; does nothing when there is none of that id. */
void kmsd_auth_remove(struct kmsd_auth *auth, struct kms_str access_key_id);

/* Whose an access key is and when it last signed a request, to about a minute. Uses before the
 * daemon started are not known. */
struct kmsd_key_use {
    char account[KMS_ACCOUNT_ID_LEN + 1];
    char user_name[65]; /* "": an account's root */
    int64_t used_ms;    /* 0: never */
    char region[KMS_REGION_MAX + 1];
    char service[4];
};

/* False: there is no such key. */
KMS_MUST_USE bool kmsd_auth_last_use(
    struct kmsd_auth *auth, struct kms_str access_key_id, struct kmsd_key_use *out);

/* Lower-case letters, digits and inner hyphens, 1 to KMS_REGION_MAX of them. */
KMS_MUST_USE bool kmsd_auth_is_region(struct kms_str region);

/* 12 digits. */
KMS_MUST_USE bool kmsd_auth_is_account(struct kms_str account);

/* What a request for the API of identities was signed for. Views into its Authorization header. */
struct kmsd_query_scope {
    struct kms_str region;
    struct kms_str service; /* "iam" or "sts" */
};

/* As kmsd_auth_verify, for requests signed for "iam" or "sts", in whatever region. */
KMS_MUST_USE enum kms_fault_code kmsd_auth_verify_query(struct kmsd_auth *auth,
    const struct kms_http_view *http, int64_t now_ms, struct kms_arena *arena,
    struct kmsd_principal *principal, struct kmsd_query_scope *scope, struct kms_str *message);

/*
 * Verifies one request. Returns KMS_FAULT_COUNT when it is authentic; then *principal is filled,
 * to be cleaned up by the caller (kmsd_principal_clean_up), and *region is a view into the request's Authorization header. Otherwise the fault to answer with,
 * and *message is its text (a literal, or in the arena).
 *
 * May be called from any thread. The method, path, query and headers of the view are as they were
 * on the wire; the body is complete.
 */
KMS_MUST_USE enum kms_fault_code kmsd_auth_verify(struct kmsd_auth *auth,
    const struct kms_http_view *http, int64_t now_ms, struct kms_arena *arena,
    struct kmsd_principal *principal, struct kms_str *region, struct kms_str *message);

/* The same for requests that are signed for another service ("cloudtrail"); NULL: for this one. */
KMS_MUST_USE enum kms_fault_code kmsd_auth_verify_for(struct kmsd_auth *auth, const char *service,
    const struct kms_http_view *http, int64_t now_ms, struct kms_arena *arena,
    struct kmsd_principal *principal, struct kms_str *region, struct kms_str *message);

#endif
