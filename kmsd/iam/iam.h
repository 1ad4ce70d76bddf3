/*
 * The identities of all accounts: in memory for whoever reads, in the store for good. A change goes
 * to the store first, then takes effect for every request that comes after; readers never wait for
 * a disk.
 */
#ifndef KMSD_IAM_IAM_H
#define KMSD_IAM_IAM_H

#include "kmsd/crypto/custody.h"
#include "kmsd/iam/entity.h"
#include "kmsd/iam/identity.h"
#include "kmsd/iam/session.h"
#include "kmsd/store/store.h"

struct kmsd_iam;

/* Told of access keys, when the store has the change. */
struct kmsd_iam_listener {
    enum kms_err (*put)(void *context, const struct kmsd_access_key_row *row);
    void (*removed)(void *context, struct kms_str access_key_id);
    void *context;
};

struct kmsd_iam_options {
    struct kmsd_store *store;     /* must outlive the kmsd_iam, as */
    struct kmsd_custody *custody; /* this */
    struct kms_str partition;     /* of ARNs: "aws" */
    int64_t now_ms;
};

/* Reads everything. KMS_ERR_CORRUPT and what the store gives; detail explains. */
KMS_MUST_USE enum kms_err kmsd_iam_open(
    const struct kmsd_iam_options *options, struct kmsd_iam **out, struct kmsd_detail *detail);

/* NULL is allowed. */
void kmsd_iam_close(struct kmsd_iam *iam);

struct kms_str kmsd_iam_partition(const struct kmsd_iam *iam);
struct kmsd_session_keys *kmsd_iam_session_keys(struct kmsd_iam *iam);

/* Once, before requests. */
void kmsd_iam_listen(struct kmsd_iam *iam, const struct kmsd_iam_listener *listener);

/* --- reading; from any thread ----------------------------------------------------------------- */

/* The account of AWS managed policies. */
#define KMSD_IAM_AWS "aws"

/* The entity of that name, held; NULL when there is none. */
KMS_MUST_USE const struct kmsd_iam_entity *kmsd_iam_find(
    struct kmsd_iam *iam, struct kms_str account, enum kmsd_iam_kind kind, struct kms_str name);

/* The same by ARN, of one of the kinds that have one; also AWS managed policies. */
KMS_MUST_USE const struct kmsd_iam_entity *kmsd_iam_find_arn(
    struct kmsd_iam *iam, enum kmsd_iam_kind kind, struct kms_str arn);

/* Visits the entities of a kind in the order of their names, those after the name `after` (absent:
 * all), until visit returns false. The visitor must not call back. */
typedef bool kmsd_iam_visit_fn(void *context, const struct kmsd_iam_entity *entity);
void kmsd_iam_each(struct kmsd_iam *iam, struct kms_str account, enum kmsd_iam_kind kind,
    struct kms_str after, kmsd_iam_visit_fn *visit, void *context);

/* How many users, groups and roles of the account a managed policy is attached to, and how many it
 * bounds. */
struct kmsd_iam_uses {
    size_t attachments;
    size_t boundaries;
};
struct kmsd_iam_uses kmsd_iam_policy_uses(
    struct kmsd_iam *iam, struct kms_str account, struct kms_str policy_arn);

/* Whether an account is one of this daemon's. Visits them in order. */
bool kmsd_iam_has_account(struct kmsd_iam *iam, struct kms_str account);
typedef bool kmsd_iam_visit_account_fn(void *context, struct kms_str account);
void kmsd_iam_each_account(struct kmsd_iam *iam, kmsd_iam_visit_account_fn *visit, void *context);

/* --- who a caller is -------------------------------------------------------------------------- */

/* Grows with every change: what was resolved at another generation has to be resolved again. */
uint64_t kmsd_iam_generation(const struct kmsd_iam *iam);

/* A user by its ARN, with its policies, those of its groups and its boundary; held.
 * KMS_ERR_NOT_FOUND: there is no such user. KMS_ERR_CORRUPT: one of the policies cannot be read. */
KMS_MUST_USE enum kms_err kmsd_iam_resolve_user(
    struct kmsd_iam *iam, struct kms_str arn, const struct kmsd_identity **out);

/* The same for temporary credentials; *out is NULL for an account's root. */
KMS_MUST_USE enum kms_err kmsd_iam_resolve_session(
    struct kmsd_iam *iam, const struct kmsd_session *session, const struct kmsd_identity **out);

/* --- changing; one at a time ------------------------------------------------------------------ */

/* A change looks first and writes then; in between nobody else's comes. */
void kmsd_iam_lock(struct kmsd_iam *iam);
void kmsd_iam_unlock(struct kmsd_iam *iam);

/* Makes draft the entity of its kind and name, in place of now (NULL: a new one). Another name or
 * path than now's moves it; access keys, memberships and attachments follow.
 * KMS_ERR_EXISTS: the name is taken. */
KMS_MUST_USE enum kms_err kmsd_iam_put(
    struct kmsd_iam *iam, const struct kmsd_iam_entity *now, const struct kmsd_iam_entity *draft);

/* Whether nothing refers to it any more is the caller's to check. */
KMS_MUST_USE enum kms_err kmsd_iam_delete(struct kmsd_iam *iam, const struct kmsd_iam_entity *now);

/* Makes an account and its root's access key. *key is set as by kmsd_access_key_make.
 * KMS_ERR_EXISTS. */
struct kmsd_access_key;
KMS_MUST_USE enum kms_err kmsd_iam_create_account(
    struct kmsd_iam *iam, struct kms_str account, int64_t now_ms, struct kmsd_access_key *key);

/* --- access keys ------------------------------------------------------------------------------ */

struct kmsd_iam_access_key {
    char id[129];
    bool is_active;
    int64_t created_ms;
};

/* Of a user or an account's root, by ARN; returns how many, at most KMSD_IAM_ACCESS_KEYS_MAX. */
size_t kmsd_iam_access_keys(struct kmsd_iam *iam, struct kms_str owner_arn,
    struct kmsd_iam_access_key out[KMSD_IAM_ACCESS_KEYS_MAX]);

/* Under kmsd_iam_lock. The caller frees key->secret. KMS_ERR_LIMIT: has two already. */
KMS_MUST_USE enum kms_err kmsd_iam_create_access_key(struct kmsd_iam *iam, struct kms_str account,
    struct kms_str owner_arn, int64_t now_ms, struct kmsd_access_key *key);

/* Under kmsd_iam_lock. KMS_ERR_NOT_FOUND. */
KMS_MUST_USE enum kms_err kmsd_iam_set_access_key(
    struct kmsd_iam *iam, struct kms_str owner_arn, struct kms_str id, bool is_active);
KMS_MUST_USE enum kms_err kmsd_iam_delete_access_key(
    struct kmsd_iam *iam, struct kms_str owner_arn, struct kms_str id);

/* --- managed.c -------------------------------------------------------------------------------- */

/* A policy that comes with kmsd. */
struct kmsd_iam_managed {
    const char *name;
    const char *path;
    const char *id;
    const char *description;
    const char *document;
};
extern const struct kmsd_iam_managed kmsd_iam_managed_policies[];
extern const size_t kmsd_iam_managed_count;

#endif
