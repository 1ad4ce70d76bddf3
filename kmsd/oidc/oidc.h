/*
 * The public keys of OpenID Connect issuers: fetched when a token first needs them, kept, fetched
 * anew when they are old or a token names a key that is not among them.
 *
 * An issuer's name comes from whoever may make a provider, and the wish for its keys from anybody
 * with a made-up token. So: https alone; public addresses alone, unless the operator says
 * otherwise; nothing of an answer reaches a caller; an issuer is asked at most once in retry_ms;
 * and those who wait never take all of the threads that they wait on.
 *
 * Source: OpenID Connect Discovery 1.0, section 4; RFC 7517.
 */
#ifndef KMSD_OIDC_OIDC_H
#define KMSD_OIDC_OIDC_H

#include "kmsd/detail.h"
#include "libkms/base/arena.h"
#include "libkms/base/buf.h"

#define KMSD_OIDC_DOCUMENT_MAX ((size_t)65536) /* bytes of an answer */
#define KMSD_OIDC_FETCH_MS     5000            /* both documents of an issuer, all in all */
#define KMSD_OIDC_ISSUERS_MAX  256             /* that are remembered; the least used goes */
#define KMSD_OIDC_FORGET_MS    ((int64_t)86400 * 1000) /* old keys serve so long if no new come */

struct kmsd_oidc;
struct kmsd_oidc_options;

/* Appends the document at a URL. until_ms: monotonic. KMS_ERR_TRANSPORT with detail,
 * KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY. */
typedef enum kms_err kmsd_fetch_fn(const struct kmsd_oidc_options *options, struct kms_str url,
    int64_t until_ms, struct kms_buf *out, struct kmsd_detail *detail);

struct kmsd_oidc_options {
    bool takes_any_address;        /* private networks and this machine, too */
    const char *ca_file;           /* PEM, trusted instead of the system's; NULL: these */
    int64_t refresh_ms;            /* keys older than this are fetched anew */
    int64_t retry_ms;              /* between two tries, whatever for */
    size_t waiting_max;            /* callers that may be fetching, or waiting for one who is */
    void (*log)(const char *text); /* told of failures and new keys; NULL: nobody is */
    kmsd_fetch_fn *fetch;          /* NULL: by HTTPS. For tests. */
};

/* ca_file is borrowed. KMS_ERR_NO_MEMORY, KMS_ERR_INTERNAL (libcurl cannot be initialised). */
KMS_MUST_USE enum kms_err kmsd_oidc_new(
    const struct kmsd_oidc_options *options, struct kmsd_oidc **out);

/* Nobody may be using it. NULL is allowed. */
void kmsd_oidc_free(struct kmsd_oidc *oidc);

enum kmsd_oidc_wish {
    KMSD_OIDC_ANY,   /* what is known will do */
    KMSD_OIDC_NEWER, /* it did not: ask again, if that may be */
};

/* The key set of an issuer ("https://..."), as text in the arena. Blocks for as long as
 * KMSD_OIDC_FETCH_MS; any thread. KMS_ERR_TRANSPORT: there is none to be had now.
 * KMS_ERR_BUSY: too many wait already. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_oidc_keys(struct kmsd_oidc *oidc, struct kms_str issuer,
    enum kmsd_oidc_wish wish, int64_t now_ms, struct kms_arena *arena, struct kms_str *jwks);

/* Callers that are fetching or waiting just now. */
size_t kmsd_oidc_waiting(struct kmsd_oidc *oidc);

#endif
