/*
 * The room's own: snapshots and the index that holds them. Everybody else includes keys.h.
 */
#ifndef KMSD_KEYS_INDEX_H
#define KMSD_KEYS_INDEX_H

#include "kmsd/keys/keys.h"
#include "libkms/proto/arn.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- snapshots (key.c) ------------------------------------------------------------------------ */

/* Copies a draft and all it points to into one piece of memory, held once. Realm and id of the copy
 * are views into its ARN; absent description and policy become empty ones; a policy that is not
 * parsed yet is. NULL: no memory. */
KMS_MUST_USE const struct kmsd_key *kmsd_key_pack(const struct kmsd_key *draft);
KMS_MUST_USE const struct kmsd_alias *kmsd_alias_pack(const struct kmsd_alias *draft);

/* A parsed policy, counted: snapshots of one key share it, and so do keys that are loaded with the
 * same text. KMS_ERR_NO_MEMORY; a text that is no policy is no error, but has no document. */
KMS_MUST_USE enum kms_err kmsd_parsed_policy_new(
    struct kms_str text, const struct kmsd_parsed_policy **out);
const struct kmsd_parsed_policy *kmsd_parsed_policy_hold(const struct kmsd_parsed_policy *parsed);
void kmsd_parsed_policy_release(const struct kmsd_parsed_policy *parsed); /* NULL is allowed */
const struct kmsd_policy_document *kmsd_parsed_policy_document(
    const struct kmsd_parsed_policy *parsed);

/* Takes one more reference. */
const struct kmsd_key *kmsd_key_hold(const struct kmsd_key *key);
const struct kmsd_alias *kmsd_alias_hold(const struct kmsd_alias *alias);

bool kmsd_key_is_gone(const struct kmsd_key *key, int64_t now_ms);

/* Bytewise; a prefix comes first. Absent counts as empty. */
int kmsd_str_compare(struct kms_str a, struct kms_str b);

/* --- the index (index.c) ---------------------------------------------------------------------- */

/* A sorted vector of pointers. Beside it, in the same order, stand the first bytes of what its items are sorted
 * by, so that a search need not go to each item on its way, and some of these beside them, few enough to stay
 * in a processor's cache. */
struct kmsd_vector {
    void **items;
    uint64_t *prefixes;
    uint64_t *samples; /* every so many of the prefixes, the first to begin with */
    size_t count;
    size_t capacity;
};

/* All keys and aliases of one account in one region. */
struct kmsd_shelf {
    char account[KMS_ACCOUNT_ID_LEN + 1];
    char region[KMS_REGION_MAX + 1];
    size_t managed_count;       /* of the keys: those that AWS manages */
    struct kmsd_vector keys;    /* struct kmsd_key, by id */
    struct kmsd_vector aliases; /* struct kmsd_alias, by name */
    struct kmsd_vector targets; /* the same aliases, by key id, then name */
};

struct kmsd_keys {
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    size_t unreadable_policies; /* of the loaded keys */
    struct kmsd_quotas quotas;
    int64_t uses_since_ms;       /* set at start */
    _Atomic int64_t next_due_ms; /* nothing happens to any key before that */

    pthread_mutex_t writer;     /* held over a whole change, disk included */
    pthread_rwlock_t lock;      /* guards shelves and what is on them; never held over I/O */
    struct kmsd_vector shelves; /* struct kmsd_shelf, by account, then region */
};

/* The following need the lock, or to be the only writer. */

/* NULL: nothing of that realm yet. */
struct kmsd_shelf *kmsd_shelf_find(const struct kmsd_keys *keys, struct kmsd_realm realm);

/* Borrowed; NULL when absent. Deletion dates are not looked at. */
const struct kmsd_key *kmsd_shelf_key(const struct kmsd_shelf *shelf, struct kms_str id);
const struct kmsd_alias *kmsd_shelf_alias(const struct kmsd_shelf *shelf, struct kms_str name);

/* These take the lock themselves and are for the writer alone. */

/* Makes sure that one more key or alias of that realm can be put without failing. */
KMS_MUST_USE enum kms_err kmsd_index_reserve(struct kmsd_keys *keys, struct kmsd_realm realm);

/* Puts a snapshot in the place of the one with the same id or name, or as a new one; takes the
 * caller's reference. Room has been reserved; cannot fail. */
void kmsd_index_put_key(struct kmsd_keys *keys, const struct kmsd_key *key);
/* Takes a key and its aliases out and gives the index's references back. */
void kmsd_index_remove_key(struct kmsd_keys *keys, const struct kmsd_key *key);
void kmsd_index_put_alias(struct kmsd_keys *keys, const struct kmsd_alias *alias);
void kmsd_index_remove_alias(struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name);

/* While loading, when nobody reads yet, without the lock. Keys come in the order of their ids, and aliases
 * in that of their names, so that their order by key is made once, at the end: the result of which is an
 * alias whose key is not there, or NULL. The index holds what it is given. KMS_ERR_CORRUPT: a key out of order. */
KMS_MUST_USE enum kms_err kmsd_index_load_key(struct kmsd_keys *keys, const struct kmsd_key *key);
KMS_MUST_USE enum kms_err kmsd_index_load_alias(
    struct kmsd_keys *keys, const struct kmsd_alias *alias);
KMS_MUST_USE const struct kmsd_alias *kmsd_index_loaded(struct kmsd_keys *keys);

void kmsd_index_clean_up(struct kmsd_keys *keys);

/* --- uses (use.c) ----------------------------------------------------------------------------- */

/* NULL: no memory. */
KMS_MUST_USE struct kmsd_key_use *kmsd_key_use_new(void);
struct kmsd_key_use *kmsd_key_use_hold(struct kmsd_key_use *use);
void kmsd_key_use_release(struct kmsd_key_use *use); /* NULL is allowed */

/* While loading. KMS_ERR_CORRUPT. */
KMS_MUST_USE enum kms_err kmsd_key_use_load(
    const struct kmsd_key *key, const struct kmsd_last_use_row *row);

/* --- dates (due.c) ---------------------------------------------------------------------------- */

/* Notes when something will happen to a key. */
void kmsd_index_expect(struct kmsd_keys *keys, const struct kmsd_key *key);

/* --- material of key pairs (key.c) ------------------------------------------------------------ */

/* Appends both records of a key pair's material as one: the length of the first (4 bytes, big
 * endian), the wrapped private key, the sealed public key. */
void kmsd_material_join(
    struct kms_buf *out, struct kms_bytes wrapped_private, struct kms_bytes sealed_public);

/* Whether the bytes are of the form that material of such keys has. */
bool kmsd_material_is_whole(const struct kmsd_key *key, struct kms_bytes wrapped);

/* Whether none of the key's permanent material is missing, and there is some. */
bool kmsd_key_is_complete(const struct kmsd_key *key);

/* --- tags (tags.c) ---------------------------------------------------------------------------- */

/* Copies tags, sorted by their keys. KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_tags_sort(
    struct kms_tag_list tags, struct kms_tag out[KMSD_TAGS_MAX]);

/* --- grants (grants.c) ------------------------------------------------------------------------ */

/* One more holder of a list. NULL is allowed, here and in _release. */
const struct kmsd_grants *kmsd_grants_hold(const struct kmsd_grants *grants);
void kmsd_grants_release(const struct kmsd_grants *grants);

/* Appends a grant from its row to a list under construction (*list NULL at first). Rows come in the
 * order of ids. KMS_ERR_CORRUPT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_grants_append_row(
    const struct kmsd_grants **list, const struct kmsd_grant_row *row);

/* Writes what differs between the grants of two snapshots. */
KMS_MUST_USE enum kms_err kmsd_grants_store(
    struct kmsd_store *store, const struct kmsd_grants *old, const struct kmsd_key *next);

/* --- rows (load.c) ---------------------------------------------------------------------------- */

/* Writes a key's own row. */
KMS_MUST_USE enum kms_err kmsd_key_store(struct kmsd_store *store, const struct kmsd_key *key);
KMS_MUST_USE enum kms_err kmsd_material_store(
    struct kmsd_store *store, const struct kmsd_key *key, const struct kmsd_key_material *material);
KMS_MUST_USE enum kms_err kmsd_keys_load(struct kmsd_keys *keys, struct kmsd_detail *detail);

#endif
