/*
 * Session tokens that were opened already. A bounded table, four places for each hash; a new token
 * takes the place of the one that came in longest ago. Not thread-safe by itself: auth.c holds the
 * lock.
 */
#ifndef KMSD_AUTH_SESSIONS_H
#define KMSD_AUTH_SESSIONS_H

#include "kmsd/iam/session.h"

struct kmsd_session_entry {
    const struct kmsd_session *session; /* NULL: empty */
    struct kms_secret *token;           /* to compare with */
    uint64_t serial;                    /* for the signing key cache */
    uint64_t generation;                /* of identity */
    const struct kmsd_identity *identity;
};

struct kmsd_session_set;

struct kmsd_sessions {
    struct kmsd_session_set *sets;
};

KMS_MUST_USE enum kms_err kmsd_sessions_init(struct kmsd_sessions *sessions);

/* A zeroed struct is allowed. */
void kmsd_sessions_clean_up(struct kmsd_sessions *sessions);

/* NULL when it is not there; valid until the next put. */
struct kmsd_session_entry *kmsd_sessions_find(
    const struct kmsd_sessions *sessions, struct kms_str token);

/* Takes a session in, with a reference of its own; does nothing when it is there.
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_sessions_put(struct kmsd_sessions *sessions, struct kms_str token,
    const struct kmsd_session *session, uint64_t serial);

#endif
