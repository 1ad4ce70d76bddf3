/* What kmsd_iam is made of, for the files of this room. */
#ifndef KMSD_IAM_STATE_H
#define KMSD_IAM_STATE_H

#include "kmsd/iam/iam.h"
#include "libkms/proto/arn.h"

#include <pthread.h>
#include <stdatomic.h>

struct kmsd_iam_key {
    struct kmsd_iam_access_key shown;
    uint8_t wrapped[KMSD_WRAPPED_SECRET_MAX];
    size_t wrapped_len;
};

struct kmsd_iam_keyring {
    struct kmsd_iam_key *keys[KMSD_IAM_ACCESS_KEYS_MAX];
    size_t count;
};

/* The place of an entity: stays while the entity in it changes. */
struct kmsd_iam_slot {
    const struct kmsd_iam_entity *entity;
    struct kmsd_iam_uses uses;    /* of a policy, by entities of its own account */
    struct kmsd_iam_keyring ring; /* of a user */
};

/* All entities of a kind in an account, in the order of their names. */
struct kmsd_iam_shelf {
    struct kmsd_iam_slot **slots;
    size_t count;
    size_t capacity;
};

struct kmsd_iam_account {
    char id[KMS_ACCOUNT_ID_LEN + 1];
    struct kmsd_iam_shelf shelves[KMSD_IAM_KIND_COUNT_];
    struct kmsd_iam_keyring root_ring;
};

struct kmsd_iam {
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_session_keys *session_keys;
    struct kmsd_iam_listener listener;
    char partition[32];

    pthread_mutex_t changes; /* held by whoever changes something, from looking to done */
    pthread_rwlock_t lock;   /* guards what follows; only ever held for memory */
    struct kmsd_iam_account **accounts; /* in order; "aws" among them */
    size_t account_count;
    atomic_uint_fast64_t generation;
};

/* --- index.c; the caller holds the lock, or is the one who changes ---------------------------- */

struct kmsd_iam_account *kmsd_iam_account_find(const struct kmsd_iam *iam, struct kms_str account);

/* KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_iam_account_add(
    struct kmsd_iam *iam, struct kms_str account, struct kmsd_iam_account **out);

struct kmsd_iam_slot *kmsd_iam_slot_find(const struct kmsd_iam *iam, struct kms_str account,
    enum kmsd_iam_kind kind, struct kms_str name);
struct kmsd_iam_slot *kmsd_iam_slot_find_arn(
    const struct kmsd_iam *iam, enum kmsd_iam_kind kind, struct kms_str arn);

/* Room for one more on the shelf. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_iam_shelf_reserve(struct kmsd_iam_shelf *shelf);

/* Where a name is on the shelf, or would be. */
size_t kmsd_iam_shelf_place(const struct kmsd_iam_shelf *shelf, struct kms_str name);

/* Takes the slot in; there is room. */
void kmsd_iam_shelf_insert(struct kmsd_iam_shelf *shelf, struct kmsd_iam_slot *slot);

/* Takes the slot of that name out, without freeing it. */
struct kmsd_iam_slot *kmsd_iam_shelf_remove(struct kmsd_iam_shelf *shelf, struct kms_str name);

void kmsd_iam_slot_free(struct kmsd_iam_slot *slot);
void kmsd_iam_index_clean_up(struct kmsd_iam *iam);

/* Adds (by 1) or takes back (by -1) what an entity attaches and is bound by. */
void kmsd_iam_count_uses(const struct kmsd_iam *iam, const struct kmsd_iam_entity *entity, int by);

/* The access keys of a user or an account's root, by ARN; NULL when there is no such owner. */
struct kmsd_iam_keyring *kmsd_iam_keyring_find(const struct kmsd_iam *iam, struct kms_str arn);

#endif
