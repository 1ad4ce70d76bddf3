/* The room's own: the one way in which a key changes. */
#ifndef KMSD_KEYS_CHANGE_H
#define KMSD_KEYS_CHANGE_H

#include "kmsd/keys/index.h"

/*
 * Makes next the current snapshot of its key: writes what differs from now (NULL: a new key, all of
 * it) in one transaction, and when that is durable puts next into the index, with a reference of
 * its own. For the writer alone. On failure nothing has changed.
 */
KMS_MUST_USE enum kms_err kmsd_change_key(
    struct kmsd_keys *keys, const struct kmsd_key *now, const struct kmsd_key *next);

/* The same from a draft: a copy of *now with some members pointing elsewhere. What related
 * multi-Region keys share with it changes with it, in the same transaction. KMS_ERR_INTERNAL when now
 * is not the current snapshot, so that no change can be lost. */
KMS_MUST_USE enum kms_err kmsd_change_to(
    struct kmsd_keys *keys, const struct kmsd_key *now, const struct kmsd_key *draft);

/* Several keys that change together. */
struct kmsd_change {
    struct {
        const struct kmsd_key *now;  /* borrowed; NULL: a new key */
        const struct kmsd_key *next; /* held */
    } steps[KMSD_REGIONS_MAX];
    size_t count;
};

#define KMSD_CHANGE_NONE ((struct kmsd_change){.count = 0})
void kmsd_change_clean_up(struct kmsd_change *change);
#define KMSD_CHANGE_AUTO __attribute__((cleanup(kmsd_change_clean_up))) struct kmsd_change

/* Adds a step and takes the caller's reference to next, also on failure. KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_change_add(
    struct kmsd_change *change, const struct kmsd_key *now, const struct kmsd_key *next);

/* Writes what differs inside a transaction that the caller has begun, and reserves room in the index
 * for what kmsd_change_show then puts there. */
KMS_MUST_USE enum kms_err kmsd_change_write(
    struct kmsd_keys *keys, const struct kmsd_change *change);
void kmsd_change_show(struct kmsd_keys *keys, const struct kmsd_change *change);

/* Both, with the transaction around them: all steps or none. */
KMS_MUST_USE enum kms_err kmsd_change_commit(
    struct kmsd_keys *keys, const struct kmsd_change *change);

#endif
