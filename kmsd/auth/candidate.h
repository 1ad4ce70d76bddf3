/* Who a request says it is from, and the key that its signature has to be made with. */
#ifndef KMSD_AUTH_CANDIDATE_H
#define KMSD_AUTH_CANDIDATE_H

#include "kmsd/auth/state.h"

/* What a request claims. Views. */
struct kmsd_claim {
    struct kms_str access_key_id;
    struct kms_str token; /* X-Amz-Security-Token; absent: none */
    struct kms_str date;  /* of the scope */
    struct kms_str region;
    struct kms_str service;
    int64_t now_ms;
};

struct kmsd_candidate {
    bool known;      /* exists, is active, and is used as what it is */
    bool is_expired; /* known, but its time is over */
    bool cached;
    uint64_t serial;
    int64_t used_ms; /* of a long-lived key */
    uint8_t signing_key[KMS_SIGV4_KEY_SIZE];
    struct kmsd_principal principal; /* to be cleaned up, or taken over */
};

/* Finds out. A candidate that is not known has a signing key that nobody has, so that it takes as
 * long as another to refuse. Other failures than these: KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO,
 * KMS_ERR_CORRUPT (a policy that binds it cannot be read). */
KMS_MUST_USE enum kms_err kmsd_candidate_find(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, struct kmsd_candidate *out);

/* Keeps a signing key that has proved itself, unless its access key changed in the meantime. */
void kmsd_candidate_remember(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, const struct kmsd_candidate *candidate);

/* Notes that a long-lived key has signed a request, to the minute. */
void kmsd_candidate_note_use(
    struct kmsd_auth *auth, const struct kmsd_claim *claim, const struct kmsd_candidate *candidate);

#endif
