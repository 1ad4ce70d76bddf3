/*
 * The access keys that the daemon knows, by id. Not thread-safe by itself: auth.c holds the lock.
 */
#ifndef KMSD_AUTH_CREDENTIALS_H
#define KMSD_AUTH_CREDENTIALS_H

#include "kmsd/auth/auth.h"

struct kmsd_credential {
    struct kmsd_principal principal; /* its identity is held */
    bool is_static;                  /* the identity was given with the key and never changes */
    uint64_t generation;             /* at which the identity was resolved; 0: not yet */
    bool active;
    uint64_t serial; /* never used twice: a changed key is another one to the signing key cache */
    int64_t used_ms; /* about when it last signed a request; 0: never since the start */
    char used_region[KMS_REGION_MAX + 1];
    char used_service[4];
    uint8_t wrapped_secret[KMSD_WRAPPED_SECRET_MAX];
    size_t wrapped_len;
};

struct kmsd_credential_slot;

struct kmsd_credentials {
    struct kmsd_credential_slot **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
    uint64_t last_serial;
};

/* Frees every entry. A zeroed struct is an empty table. */
void kmsd_credentials_clean_up(struct kmsd_credentials *credentials);

/* Inserts or replaces. identity (NULL: none) is borrowed and must outlive the table. KMS_ERR_INVALID_ARGUMENT: a field of the row is out of bounds.
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_credentials_put(struct kmsd_credentials *credentials,
    const struct kmsd_access_key_row *row, const struct kmsd_identity *identity);

void kmsd_credentials_remove(struct kmsd_credentials *credentials, struct kms_str access_key_id);

/* NULL when there is none; valid until the next put or remove. */
struct kmsd_credential *kmsd_credentials_find(
    const struct kmsd_credentials *credentials, struct kms_str access_key_id);

#endif
