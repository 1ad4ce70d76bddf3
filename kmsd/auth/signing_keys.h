/*
 * Signing keys that were derived already: one per access key, day, region and
 * service. A bounded table in
 * secret memory, four places for each hash; a new key takes the place of the one that came in
 * longest ago. Only keys that verified a signature are put in, so that strangers can't push them
 * out. Not thread-safe by itself: auth.c holds the lock.
 */
#ifndef KMSD_AUTH_SIGNING_KEYS_H
#define KMSD_AUTH_SIGNING_KEYS_H

#include "libkms/base/secret.h"
#include "libkms/proto/arn.h"
#include "libkms/proto/sigv4.h"

struct kmsd_signing_keys {
    struct kms_secret *table;
};

/* What a signing key was derived from, but for the secret. */
struct kmsd_signing_scope {
    uint64_t serial;        /* of the credential */
    struct kms_str date;    /* 8 characters */
    struct kms_str region;  /* up to KMS_REGION_MAX characters */
    struct kms_str service; /* up to 3 */
};

KMS_MUST_USE enum kms_err kmsd_signing_keys_init(struct kmsd_signing_keys *keys);

/* Wipes and frees. */
void kmsd_signing_keys_clean_up(struct kmsd_signing_keys *keys);

/* Copies the key out; false when it is not there. */
KMS_MUST_USE bool kmsd_signing_keys_get(const struct kmsd_signing_keys *keys,
    const struct kmsd_signing_scope *scope, uint8_t key[KMS_SIGV4_KEY_SIZE]);

void kmsd_signing_keys_put(struct kmsd_signing_keys *keys, const struct kmsd_signing_scope *scope,
    const uint8_t key[KMS_SIGV4_KEY_SIZE]);

#endif
