/* What kmsd_auth is made of, for the files of this room. */
#ifndef KMSD_AUTH_STATE_H
#define KMSD_AUTH_STATE_H

#include "kmsd/auth/auth.h"
#include "kmsd/auth/credentials.h"
#include "kmsd/auth/identities.h"
#include "kmsd/auth/sessions.h"
#include "kmsd/auth/signing_keys.h"

#include <pthread.h>

#define KMSD_AUTH_MAX_REGIONS 64

struct kmsd_auth {
    struct kmsd_custody *custody;
    struct kmsd_iam *iam;                          /* NULL: none */
    int64_t (*now_ms)(void);                       /* NULL: as requests say */
    struct kms_str regions[KMSD_AUTH_MAX_REGIONS]; /* into region_text */
    size_t region_count;
    char region_text[KMSD_AUTH_MAX_REGIONS][KMS_REGION_MAX + 1];
    char accept_any_account[KMS_ACCOUNT_ID_LEN + 1]; /* "": signatures are verified */
    uint8_t decoy_key[KMS_SIGV4_KEY_SIZE];           /* a signing key that nobody has */

    struct kmsd_identities *identities; /* NULL: none but roots */

    pthread_rwlock_t lock; /* guards what follows */
    struct kmsd_credentials credentials;
    struct kmsd_signing_keys signing_keys;
    struct kmsd_sessions sessions;
};

#endif
