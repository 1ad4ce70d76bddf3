/*
 * What a key is, and the index of all of them.
 *
 * Every key and alias lives in memory as an immutable snapshot that counts its holders. A reader
 * takes a reference under a lock that is held for nanoseconds and then keeps a consistent view for
 * as long as it likes; it never waits for a disk. A change makes a new snapshot, commits it to the
 * store, then swaps it in, so that an answer always comes after both. If the commit fails nothing
 * has changed.
 *
 * A key belongs to one account and one region and is found only there. Material is kept wrapped;
 * only kmsd/crypto opens it.
 *
 * A key whose deletion date has passed is found no more by any function here, whether or not its
 * row has been erased already.
 */
#ifndef KMSD_KEYS_KEYS_H
#define KMSD_KEYS_KEYS_H

#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/import.h"
#include "kmsd/policy/grant.h"
#include "kmsd/policy/parse.h"
#include "kmsd/store/store.h"
#include "libkms/base/arena.h"
#include "libkms/base/uuid.h"
#include "libkms/proto/model.h"

#include <kms/types.h>

struct kmsd_keys;
struct kmsd_parsed_policy;
struct kmsd_key_use;

/* Most tags that one key may carry. */
#define KMSD_TAGS_MAX 50

/* Where a key lives. Views. */
struct kmsd_realm {
    struct kms_str account; /* 12 digits */
    struct kms_str region;
};

/* One generation of a key's material, wrapped under the root key. */
struct kmsd_key_material {
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    int32_t version; /* 1, 2, ... */
    enum kms_key_material_state state;
    /* Of a key pair: both records, as kmsd_material_join puts them together. Empty: imported material
     * that was deleted or has expired; then import_state is PENDING_IMPORT. */
    struct kms_bytes wrapped;
    int64_t created_ms;
    int64_t
        rotated_ms; /* when a rotation made it current; 0: it was from the start, or is not yet */
    enum kms_rotation_type rotation_type; /* of that rotation, or UNSET */
    enum kms_import_state import_state;   /* UNSET: not imported */
    int64_t expires_ms;                   /* of imported material; 0: does not expire */
    struct kms_str description;           /* of imported material; empty, never absent */
};

/* Most grants that one key may carry, whatever the quota. */
#define KMSD_GRANTS_MAX 1000000

/* How much of each there may be. kmsd_keys_default_quotas has the live service's numbers. */
struct kmsd_quotas {
    uint32_t keys;            /* customer managed ones, in one account and region, of any state */
    uint32_t aliases_per_key; /* those of AWS managed keys apart */
    uint32_t grants_per_key;  /* up to KMSD_GRANTS_MAX */
    uint32_t tags_per_key;    /* up to KMSD_TAGS_MAX */
    uint32_t on_demand_rotations;
    uint32_t policy_bytes;
};

/* A grant on a key. Views; in a snapshot everything lives and dies with it. */
struct kmsd_key_grant {
    struct kmsd_grant rule;  /* what decides; its id is 64 hexadecimal digits */
    struct kms_str name;     /* empty: none */
    struct kms_str issuer;   /* arn:aws:iam::ACCOUNT:root of the account that made it */
    struct kms_str grantee;  /* as they were given; */
    struct kms_str retiring; /* empty: nobody */
    int64_t created_ms;
};

/* The grants of a key, sorted by id, shared by its snapshots. */
struct kmsd_grants {
    size_t count;
    const struct kmsd_key_grant *const *items;
};

/* A key as it was at one moment. Everything it points to lives and dies with it. */
struct kmsd_key {
    /* never changes */
    struct kmsd_realm realm;
    struct kms_str id;
    struct kms_str arn;
    enum kms_key_spec spec;
    enum kms_key_usage usage;
    enum kms_origin origin;
    enum kms_key_manager manager;
    bool multi_region; /* with an id that starts with "mrk-" */
    int64_t created_ms;

    /* changes from snapshot to snapshot */
    enum kms_key_state state;
    int64_t deletion_ms; /* 0: not scheduled */
    int32_t pending_window_days;
    bool rotation_enabled;
    int32_t rotation_period_days;            /* of the last time rotation was enabled; 0: never */
    int64_t next_rotation_ms;                /* 0: none */
    struct kms_str primary_region;           /* of a multi-Region key; empty otherwise */
    struct kms_str description;              /* empty, never absent */
    struct kms_str policy;                   /* JSON text as it was put */
    const struct kmsd_parsed_policy *parsed; /* its parsed form; in a draft NULL: to be made */
    struct kms_tag_list tags;                /* sorted by key, bytewise */
    const struct kmsd_grants *grants;        /* NULL: none */
    struct kmsd_key_use *use; /* shared by its snapshots; in a draft NULL: none yet */
    const struct kmsd_key_material *materials; /* by version, oldest first */
    size_t material_count;
};

/* The key's policy as it decides, or NULL when the text is no policy to this version of kmsd (an
 * older one took it): then it allows nobody anything. Lives as long as the snapshot. */
const struct kmsd_policy_document *kmsd_key_policy_document(const struct kmsd_key *key);

/* Most keys that may be related: a primary and its replicas. */
#define KMSD_REGIONS_MAX 64

/* Of a multi-Region key, what it is. */
bool kmsd_key_is_primary(const struct kmsd_key *key);
bool kmsd_key_is_replica(const struct kmsd_key *key);

struct kmsd_alias {
    struct kmsd_realm realm;
    struct kms_str name; /* with "alias/" */
    struct kms_str key_id;
    int64_t created_ms;
    int64_t updated_ms;
};

/* Gives a reference back. NULL is allowed. */
void kmsd_key_release(const struct kmsd_key *key);
void kmsd_key_release_at(const struct kmsd_key **key);
#define KMSD_KEY_AUTO __attribute__((cleanup(kmsd_key_release_at))) const struct kmsd_key *
void kmsd_alias_release(const struct kmsd_alias *alias);
void kmsd_alias_release_at(const struct kmsd_alias **alias);
#define KMSD_ALIAS_AUTO __attribute__((cleanup(kmsd_alias_release_at))) const struct kmsd_alias *

/* The material that encrypts (at most one is CURRENT), or NULL; the one of that id
 * (KMSD_MATERIAL_ID_SIZE bytes), or NULL. Either may be without its bytes, see wrapped. */
const struct kmsd_key_material *kmsd_key_current_material(const struct kmsd_key *key);
const struct kmsd_key_material *kmsd_key_material_find(
    const struct kmsd_key *key, struct kms_bytes id);

/* How many rotations on demand the key has had; whether imported material waits for one. */
size_t kmsd_key_on_demand_rotations(const struct kmsd_key *key);
bool kmsd_key_has_pending_material(const struct kmsd_key *key, int64_t now_ms);

/* Material that is permanently the key's: it encrypted something, or will. The rest waits for a
 * rotation and may yet be taken away. */
bool kmsd_material_is_permanent(const struct kmsd_key_material *material);

/* Imported material that is here and whose time is over: kmsd_keys_expire destroys it. */
bool kmsd_material_has_expired(const struct kmsd_key_material *material, int64_t now_ms);

/* Imported material that waits for a rotation, here or in other regions first, its bytes here or not;
 * or NULL. There is at most one. */
const struct kmsd_key_material *kmsd_key_waiting_material(const struct kmsd_key *key);

/* The state that the key is in at that time: between the millisecond at which imported material
 * expires and its removal the key waits for its import already. */
enum kms_key_state kmsd_key_state_at(const struct kmsd_key *key, int64_t now_ms);

/* One generation of a key's material as custody takes it. Views into the key. */
struct kmsd_material kmsd_key_material_of(
    const struct kmsd_key *key, const struct kmsd_key_material *material);

/* --- life ------------------------------------------------------------------------------------- */

/* Loads every key and alias. store and custody are borrowed and must outlive the result. Proves
 * that the root key is the right one by opening material of every realm: KMS_ERR_AUTHENTICATION
 * when it is not, KMS_ERR_CORRUPT for rows that contradict themselves; detail explains. */
KMS_MUST_USE enum kms_err kmsd_keys_open(struct kmsd_store *store, struct kmsd_custody *custody,
    struct kmsd_keys **out, struct kmsd_detail *detail);

/* Frees the index. References must have been given back. NULL is allowed. */
void kmsd_keys_close(struct kmsd_keys *keys);

struct kmsd_custody *kmsd_keys_custody(const struct kmsd_keys *keys);

extern const struct kmsd_quotas kmsd_keys_default_quotas;

/* Sets quotas before anybody else uses the index; until then the defaults hold. */
void kmsd_keys_set_quotas(struct kmsd_keys *keys, const struct kmsd_quotas *quotas);
const struct kmsd_quotas *kmsd_keys_quotas(const struct kmsd_keys *keys);

/* Customer managed keys of a realm, those of all states, as the quota counts them; aliases of a key,
 * counted up to a limit. */
size_t kmsd_keys_count(struct kmsd_keys *keys, struct kmsd_realm realm);
size_t kmsd_keys_count_aliases(struct kmsd_keys *keys, const struct kmsd_key *key, size_t limit);

/* How many keys were loaded whose policy this version cannot read. */
size_t kmsd_keys_unreadable_policies(const struct kmsd_keys *keys);

/* --- reading: from any thread; a result is a reference that the caller gives back ------------- */

/* NULL: not there, or its deletion date has passed. Letter case counts. */
KMS_MUST_USE const struct kmsd_key *kmsd_keys_find(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str id, int64_t now_ms);

/* The same in the realm's region, whatever the account; the realm's own account comes first. */
KMS_MUST_USE const struct kmsd_key *kmsd_keys_find_anywhere(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str id, int64_t now_ms);

/* The keys related to a multi-Region key, held, in the order of their regions; itself and those whose
 * deletion date has passed are not among them. */
struct kmsd_related {
    const struct kmsd_key *keys[KMSD_REGIONS_MAX];
    size_t count;
};
void kmsd_keys_related(
    struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms, struct kmsd_related *out);
void kmsd_related_release(struct kmsd_related *related);
#define KMSD_RELATED_AUTO __attribute__((cleanup(kmsd_related_release))) struct kmsd_related

/* By alias name, "alias/" included. NULL also when the key behind it is not found. */
KMS_MUST_USE const struct kmsd_alias *kmsd_keys_find_alias(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name, int64_t now_ms);

/* One page of a list. A page starts after the given item, which need not exist any more; absent
 * views start at the beginning. */
struct kmsd_page {
    size_t limit;               /* at least 1 */
    struct kms_str after;       /* key id, or alias name */
    struct kms_str only_key_id; /* aliases: of this key alone; absent: of all */
};

/* Fill a list in the arena, sorted by key id or alias name, and tell whether more follow. */
KMS_MUST_USE enum kms_err kmsd_keys_list(struct kmsd_keys *keys, struct kmsd_realm realm,
    const struct kmsd_page *page, int64_t now_ms, struct kms_arena *arena,
    struct kms_key_list_entry_list *out, bool *truncated);
KMS_MUST_USE enum kms_err kmsd_keys_list_aliases(struct kmsd_keys *keys, struct kmsd_realm realm,
    const struct kmsd_page *page, int64_t now_ms, struct kms_arena *arena,
    struct kms_alias_list_entry_list *out, bool *truncated);

/* Keys of a region, of whatever account, whose grants name that retiring principal; held. In the
 * order of accounts and ids; the caller gives each back. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_keys_with_retiring(struct kmsd_keys *keys, struct kms_str region,
    struct kms_str retiring, int64_t now_ms, struct kms_arena *arena, const struct kmsd_key ***out,
    size_t *count);

/* --- what time does (due.c) ------------------------------------------------------------------- */

#define KMSD_NEVER_MS INT64_MAX

enum kmsd_due {
    KMSD_DUE_NOTHING,
    KMSD_DUE_DELETION, /* kmsd_keys_erase */
    KMSD_DUE_EXPIRY,   /* kmsd_keys_expire */
    KMSD_DUE_ROTATION, /* kmsd_keys_rotate */
};

/* What is to be done about a key now; the most final first. Where deletions wait, what else. */
enum kmsd_due kmsd_key_due(const struct kmsd_key *key, int64_t now_ms, bool deletions_wait);

/* Whether its material rotates by itself as the key is now. */
bool kmsd_key_rotates(const struct kmsd_key *key);

/* Nothing is due before that; KMSD_NEVER_MS: nothing at all. An atomic load, for asking often. */
int64_t kmsd_keys_next_due_ms(const struct kmsd_keys *keys);

/* Keys to which something is due, held, at most max of them; where deletions wait, something else.
 * Looks at every key, and notes the next date: of the keys that it returned the caller must take
 * care, or say with _expect when they are to be looked at again. */
KMS_MUST_USE size_t kmsd_keys_take_due(struct kmsd_keys *keys, int64_t now_ms, bool deletions_wait,
    const struct kmsd_key **out, size_t max);
void kmsd_keys_expect(struct kmsd_keys *keys, int64_t due_ms);

/* --- the last use of a key (use.c) ------------------------------------------------------------ */

struct kmsd_last_use {
    enum kms_op operation;
    int64_t used_ms; /* 0: not used since uses are tracked */
    char request_id[KMS_UUID_SIZE];
};

/* Notes a successful use. On the hot path: memory only, never waits. */
void kmsd_key_used(
    const struct kmsd_key *key, enum kms_op operation, int64_t now_ms, const char *request_id);

/* False: there was none. */
bool kmsd_key_last_use(const struct kmsd_key *key, struct kmsd_last_use *out);

/* Since when uses are tracked: from the first call ever of _track_uses on, at start. */
KMS_MUST_USE enum kms_err kmsd_keys_track_uses(struct kmsd_keys *keys, int64_t now_ms);
int64_t kmsd_keys_uses_since_ms(const struct kmsd_keys *keys);

/* Writes the uses since the last time to the store, many in one transaction. */
KMS_MUST_USE enum kms_err kmsd_keys_save_uses(struct kmsd_keys *keys);

/* --- changing --------------------------------------------------------------------------------- */

/* Makes the calling thread the only writer. What it finds stays current until it unlocks, so that
 * a check and the change that follows are one. Readers are not held up. */
void kmsd_keys_lock(struct kmsd_keys *keys);
void kmsd_keys_unlock(struct kmsd_keys *keys);

struct kmsd_new_key {
    struct kmsd_realm realm;
    enum kms_key_spec spec;
    enum kms_key_usage usage;   /* one that keys of that spec have */
    enum kms_origin origin;     /* AWS_KMS, or EXTERNAL: without material until it is imported */
    bool multi_region;          /* a primary */
    struct kms_str description; /* absent: empty */
    struct kms_str policy;
    struct kms_tag_list tags; /* in any order, no key twice */
};

/* Makes a key with material of its own, enabled, or one that waits for its import. Takes the
 * writer's lock itself, after the material has been made, which may take seconds (RSA). The caller
 * gives the reference back.
 * KMS_ERR_LIMIT: the realm has as many keys as it may.
 * KMS_ERR_UNSUPPORTED: the linked libcrypto lacks keys of that spec. */
KMS_MUST_USE enum kms_err kmsd_keys_create(struct kmsd_keys *keys,
    const struct kmsd_new_key *wanted, int64_t now_ms, const struct kmsd_key **out);

/* A key that the service manages: symmetric, rotated every year. Views. */
struct kmsd_managed_key {
    struct kmsd_realm realm;
    struct kms_str alias_name; /* with "alias/" */
    struct kms_str description;
    struct kms_str policy;
};

/* Makes it, with its alias, or finds the one that is there already. Takes the writer's lock itself.
 * The caller gives the reference back. */
KMS_MUST_USE enum kms_err kmsd_keys_managed(struct kmsd_keys *keys,
    const struct kmsd_managed_key *wanted, int64_t now_ms, const struct kmsd_key **out);

/*
 * What related multi-Region keys share (material and its states, rotation, which of them is the
 * primary) changes in all of them when it changes in one, in one transaction.
 *
 * The rest needs the writer's lock, and a key that was found under it. KMS_OK means durable and
 * visible; on every other result nothing has changed. None of them looks at key states: the table
 * of operations (or the job that calls) has done so. A change that changes nothing writes nothing.
 */
KMS_MUST_USE enum kms_err kmsd_keys_set_state(
    struct kmsd_keys *keys, const struct kmsd_key *key, enum kms_key_state state);
KMS_MUST_USE enum kms_err kmsd_keys_set_description(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str description);
KMS_MUST_USE enum kms_err kmsd_keys_set_policy(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str policy);
KMS_MUST_USE enum kms_err kmsd_keys_schedule_deletion(struct kmsd_keys *keys,
    const struct kmsd_key *key, int64_t deletion_ms, int32_t pending_window_days);
/* The key is disabled afterwards, or waits for its import when material is missing. */
KMS_MUST_USE enum kms_err kmsd_keys_cancel_deletion(
    struct kmsd_keys *keys, const struct kmsd_key *key);
KMS_MUST_USE enum kms_err kmsd_keys_enable_rotation(struct kmsd_keys *keys,
    const struct kmsd_key *key, int32_t period_days, int64_t next_rotation_ms);
KMS_MUST_USE enum kms_err kmsd_keys_disable_rotation(
    struct kmsd_keys *keys, const struct kmsd_key *key);
/* Makes other material the current one: of a key whose material kmsd makes, new material; of one
 * with imported material, that which waits for it (KMS_ERR_NOT_FOUND: none does). What there was
 * stays and opens what it encrypted. An automatic rotation moves the date of the next one on.
 * KMS_ERR_UNSUPPORTED: not a symmetric key. */
KMS_MUST_USE enum kms_err kmsd_keys_rotate(struct kmsd_keys *keys, const struct kmsd_key *key,
    enum kms_rotation_type type, int64_t now_ms);
/* Destroys a key with all that belongs to it, in memory and in every file of the store; what is
 * left is the note that there was a key of that id, so that none is ever made again. */
KMS_MUST_USE enum kms_err kmsd_keys_erase(
    struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms);
/* Destroys imported material whose time is over. The key waits for its import then, unless it waits
 * for its deletion. */
KMS_MUST_USE enum kms_err kmsd_keys_expire(
    struct kmsd_keys *keys, const struct kmsd_key *key, int64_t now_ms);
/* A replica of a multi-Region key; what is not here it shares with its primary. */
struct kmsd_new_replica {
    struct kms_str region;
    struct kms_str description; /* absent: empty */
    struct kms_str policy;
    struct kms_tag_list tags; /* in any order, no key twice */
};

/* Makes a replica: enabled, or waiting for its import if the material is imported. The caller gives
 * the reference back. KMS_ERR_EXISTS: there is one in that region; KMS_ERR_LIMIT: KMSD_REGIONS_MAX, or the quota
 * of keys there;
 * KMS_ERR_INVALID_ARGUMENT: not an enabled primary. */
KMS_MUST_USE enum kms_err kmsd_keys_replicate(struct kmsd_keys *keys,
    const struct kmsd_key *primary, const struct kmsd_new_replica *wanted, int64_t now_ms,
    const struct kmsd_key **out);
/* Makes the replica in that region, which there is, the primary. */
KMS_MUST_USE enum kms_err kmsd_keys_move_primary(
    struct kmsd_keys *keys, const struct kmsd_key *primary, struct kms_str region);
/* Has a primary deleted when the last of its replicas has been, after a waiting period from then. */
KMS_MUST_USE enum kms_err kmsd_keys_schedule_replica_deletion(
    struct kmsd_keys *keys, const struct kmsd_key *primary, int32_t pending_window_days);
/* kmsd_custody_import, with the records in the form in which keys keep them: of a key pair both in
 * one. Needs no lock. */
KMS_MUST_USE enum kms_err kmsd_keys_open_import(struct kmsd_keys *keys,
    const struct kmsd_import *import, enum kmsd_import_verdict *verdict,
    uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped);

/* What kmsd_keys_open_import gave. */
struct kmsd_imported {
    const uint8_t *id; /* KMSD_MATERIAL_ID_SIZE bytes */
    struct kms_bytes wrapped;
    int64_t expires_ms;         /* 0: does not */
    struct kms_str description; /* absent: stays what it was */
};

/* Puts imported material into the key: in the place of the same that was there or is missing, or as
 * new, which is the current one if it is the first and otherwise waits for its rotation. Whether it
 * may be new is the caller's to know. A key that waited for its import and has all its permanent
 * material now is enabled. */
KMS_MUST_USE enum kms_err kmsd_keys_import(struct kmsd_keys *keys, const struct kmsd_key *key,
    const struct kmsd_imported *imported, int64_t now_ms);
/* Destroys imported material, in memory and in every file of the store. What is permanent keeps its
 * place, and the key waits for its import unless it waits for its deletion; what waits for a rotation
 * is gone altogether. KMS_ERR_NOT_FOUND: the key has none of that id. */
KMS_MUST_USE enum kms_err kmsd_keys_delete_imported(
    struct kmsd_keys *keys, const struct kmsd_key *key, const uint8_t id[KMSD_MATERIAL_ID_SIZE]);
/* Adds tags and replaces values; no key twice. KMS_ERR_LIMIT: more than the quota in the end.
 */
KMS_MUST_USE enum kms_err kmsd_keys_tag(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_tag_list tags);
/* Unknown tag keys are passed over. */
KMS_MUST_USE enum kms_err kmsd_keys_untag(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str_list tag_keys);

/* The grant of that id, or NULL. A view into the key. */
const struct kmsd_key_grant *kmsd_key_grant_find(const struct kmsd_key *key, struct kms_str id);

/* Adds a copy of a grant; its rule's names are made from grantee and retiring, and its id is new.
 * KMS_ERR_LIMIT: the quota. Removing one that is not there: KMS_ERR_NOT_FOUND. */
KMS_MUST_USE enum kms_err kmsd_keys_add_grant(
    struct kmsd_keys *keys, const struct kmsd_key *key, const struct kmsd_key_grant *grant);
KMS_MUST_USE enum kms_err kmsd_keys_remove_grant(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str id);

/* Makes an alias of that key, in the key's realm, or points an existing one to it. */
KMS_MUST_USE enum kms_err kmsd_keys_put_alias(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str name, int64_t now_ms);
/* KMS_ERR_NOT_FOUND. */
KMS_MUST_USE enum kms_err kmsd_keys_delete_alias(
    struct kmsd_keys *keys, struct kmsd_realm realm, struct kms_str name);

#endif
