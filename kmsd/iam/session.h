/*
 * Temporary credentials. All that they are stands in the session token itself, encrypted and
 * authenticated under a key that the root key wraps: nothing of them is stored, and every daemon
 * with the same store knows them.
 *
 * Source: "Temporary security credentials in IAM" and AssumeRole, AWS STS API Reference.
 */
#ifndef KMSD_IAM_SESSION_H
#define KMSD_IAM_SESSION_H

#include "kmsd/iam/identity.h"
#include "libkms/base/buf.h"
#include "libkms/base/secret.h"

enum kmsd_session_kind {
    KMSD_SESSION_ROLE = 1, /* AssumeRole, AssumeRoleWithWebIdentity */
    KMSD_SESSION_USER,     /* GetSessionToken by a user */
    KMSD_SESSION_ROOT,     /* the same by an account's root */
};

enum {
    KMSD_SESSION_NAME_MAX = 64,
    KMSD_SESSION_POLICIES_MAX = 10,  /* managed ones, by ARN */
    KMSD_SESSION_TOKEN_MAX = 8192,   /* characters */
    KMSD_SESSION_CONTENT_MAX = 6000, /* bytes in it */
};

/* What a token says. Views. */
struct kmsd_session_content {
    enum kmsd_session_kind kind;
    struct kms_str account;
    struct kms_str name;          /* of the role or user; absent for root */
    struct kms_str entity_id;     /* "AROA...": another one of the same name is not meant */
    struct kms_str session_name;  /* roles */
    struct kms_str access_key_id; /* "ASIA..." */
    struct kms_bytes secret;      /* 40 characters */
    struct kms_str parent_key_id; /* the long-lived key that asked; absent for web identities */
    struct kms_str policy;        /* session policy, as text; absent: none */
    const struct kms_str *policy_arns;
    size_t policy_arn_count;
    struct kms_str_map tags; /* session tags, the transitive ones of earlier sessions too */
    const struct kms_str *transitive_keys;
    size_t transitive_count;
    struct kms_str source_identity;
    struct kms_str provider;    /* ARN of the OIDC provider that vouched */
    struct kms_str web_subject; /* its "sub", and "aud" below */
    struct kms_str web_audience;
    int64_t issued_ms;
    int64_t expires_ms;
};

/* A token, decoded. Immutable and counted. */
struct kmsd_session {
    struct kmsd_session_content content;
    struct kms_secret *secret;           /* what content.secret points to */
    struct kms_str arn;                  /* of the caller: role session, user or root */
    struct kms_str user_id;              /* "AROA...:session"; absent for users */
    struct kmsd_policy_document *policy; /* parsed; NULL: none */
};

struct kmsd_session_keys;

/* Takes the 32 bytes of the token key. KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_session_keys_new(
    struct kms_bytes key, struct kmsd_session_keys **out);
void kmsd_session_keys_free(struct kmsd_session_keys *keys);

/* Appends the token's text. KMS_ERR_LIMIT: too much for one token ("packed policy too large"). */
KMS_MUST_USE enum kms_err kmsd_session_seal(struct kmsd_session_keys *keys,
    const struct kmsd_session_content *content, struct kms_buf *out);

/* Opens a token, whatever its hour; partition goes into the ARN. Free with kmsd_session_release.
 * KMS_ERR_AUTHENTICATION: not a token of this store. */
KMS_MUST_USE enum kms_err kmsd_session_open(struct kmsd_session_keys *keys, struct kms_str token,
    struct kms_str partition, const struct kmsd_session **out);

const struct kmsd_session *kmsd_session_hold(const struct kmsd_session *session);
void kmsd_session_release(const struct kmsd_session *session);

#endif
