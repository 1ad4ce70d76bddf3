/*
 * The store's face: durable rows and transactions, nothing of what they mean. sqlite.c is the
 * engine behind it; another may follow. Secrets arrive here wrapped: no plaintext key ever does.
 *
 * One transaction at a time: kmsd_store_begin waits for the one under way on another thread, and the
 * thread that began ends it. What kmsd_store_commit answered with KMS_OK survives kill -9 and power
 * loss. Text in rows is UTF-8; views given to a put need to live only
 * for the call; views given to a visitor live only for that visit.
 */
#ifndef KMSD_STORE_STORE_H
#define KMSD_STORE_STORE_H

#include "kmsd/detail.h"

#include <kms/bytes.h>
#include <kms/error.h>

struct kmsd_store;

/* --- rows ------------------------------------------------------------------------------------- */

struct kmsd_account_row {
    struct kms_str account; /* 12 digits */
    int64_t created_ms;
};

struct kmsd_access_key_row {
    struct kms_str access_key_id;
    struct kms_str account;
    struct kms_str principal_arn;
    struct kms_str status; /* "Active" or "Inactive" */
    struct kms_bytes wrapped_secret;
    int64_t created_ms;
};

/* A user, group, role, policy or identity provider, whole. */
struct kmsd_identity_row {
    struct kms_str account;
    struct kms_str kind; /* kmsd/iam/entity.h */
    struct kms_str name; /* in lower case: names that differ by case alone are one */
    struct kms_str body; /* JSON, kmsd/iam/codec.c */
};

struct kmsd_key_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    struct kms_str key_spec; /* as the API spells it, such as "SYMMETRIC_DEFAULT" */
    struct kms_str key_usage;
    struct kms_str origin;
    struct kms_str key_manager;
    struct kms_str key_state;
    struct kms_str description;
    struct kms_str policy; /* JSON text as it was put */
    bool multi_region;
    int64_t created_ms;
    int64_t deletion_ms; /* 0: not scheduled */
    int32_t pending_window_days;
    bool rotation_enabled;
    int32_t rotation_period_days;
    int64_t next_rotation_ms;      /* 0: none */
    struct kms_str primary_region; /* of a multi-Region key; empty otherwise */
};

struct kmsd_material_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    struct kms_bytes material_id; /* 32 bytes */
    int32_t version;              /* 1, 2, ..., in the order in which the key got them */
    struct kms_bytes
        wrapped; /* under the root key, bound to key and material; empty: PENDING_IMPORT */
    int64_t created_ms;
    struct kms_str state;         /* as the API spells it: "CURRENT", ... */
    struct kms_str import_state;  /* likewise; empty: not imported */
    int64_t expires_ms;           /* 0: does not */
    int64_t rotated_ms;           /* when it became current by a rotation; 0: it did not */
    struct kms_str rotation_type; /* as the API spells it; empty with rotated_ms 0 */
    struct kms_str description;   /* of imported material */
};

struct kmsd_alias_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str name; /* with "alias/" */
    struct kms_str key_id;
    int64_t created_ms;
    int64_t updated_ms;
};

struct kmsd_tag_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    struct kms_str key;
    struct kms_str value;
};

struct kmsd_grant_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    struct kms_str grant_id; /* 64 hexadecimal digits */
    struct kms_str name;     /* empty: none */
    struct kms_str issuer;   /* ARN of the account that made it */
    struct kms_str grantee;  /* as it was given */
    struct kms_str retiring; /* empty: nobody */
    bool grantee_is_service;
    bool retiring_is_service;
    struct kms_str operations;    /* as the API spells them, blanks between */
    struct kms_bytes constraints; /* kmsd/keys/grants.c */
    int64_t created_ms;
};

struct kmsd_last_use_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    struct kms_str operation; /* as the API spells it */
    struct kms_str request_id;
    int64_t used_ms;
};

/* What is left of a deleted key. */
struct kmsd_tombstone_row {
    struct kms_str account;
    struct kms_str region;
    struct kms_str key_id;
    int64_t deleted_ms;
};

/* --- life ------------------------------------------------------------------------------------- */

enum kmsd_store_mode {
    KMSD_STORE_CREATE,   /* refuse an existing store: KMS_ERR_EXISTS */
    KMSD_STORE_EXISTING, /* refuse a missing one: KMS_ERR_NOT_FOUND */
    KMSD_STORE_MEMORY,   /* nothing on disk; path is ignored */
};

/* Opens the store in file path (WAL, synchronous=FULL, secure_delete, foreign keys), empties the log
 * that a crash left, and brings the schema up to date by numbered migrations. The check of the whole file
 * (PRAGMA integrity_check) may go on in the background: rows may be read meanwhile, a transaction waits
 * for its end. That rows belong to keys is for their reader to see (kmsd_keys_open). The file is made
 * with mode 0600, its name is durable on return, and no other process can open it until it is closed.
 *
 *   KMS_ERR_BUSY         another process (or this one) holds the store
 *   KMS_ERR_UNSUPPORTED  written by a newer version of kmsd
 *   KMS_ERR_CORRUPT      damaged, or not a store of kmsd at all
 *   KMS_ERR_POLICY       somebody else owns the file, its log or its folder, or may write to it
 *   KMS_ERR_EXISTS, KMS_ERR_NOT_FOUND, KMS_ERR_IO, KMS_ERR_NO_MEMORY
 *
 * detail (may be NULL) explains. A file whose creation failed is removed again. */
KMS_MUST_USE enum kms_err kmsd_store_open(const char *path, enum kmsd_store_mode mode,
    struct kmsd_store **out, struct kmsd_detail *detail);

/* Waits for the end of the check: before anybody is served from what was read. KMS_ERR_CORRUPT, or what
 * kept it from being made; detail (may be NULL) explains. Transactions begin with the same result. */
KMS_MUST_USE enum kms_err kmsd_store_verified(struct kmsd_store *store, struct kmsd_detail *detail);

/* Checkpoints and closes. NULL is allowed. */
void kmsd_store_close(struct kmsd_store *store);

/* --- transactions ----------------------------------------------------------------------------- */

/* Waits for its turn. KMS_ERR_INTERNAL inside a transaction; KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_store_begin(struct kmsd_store *store);

/* KMS_OK: everything since the begin is on disk. On failure the transaction has been rolled back;
 * it fails (with that error) also when one of the puts and deletes before it did, so that no
 * transaction is kept in part. The store stays usable. After KMS_ERR_IO of the commit itself a
 * crash may yet bring the transaction back, whole: its outcome is unknown until the next commit. */
KMS_MUST_USE enum kms_err kmsd_store_commit(struct kmsd_store *store);
/* Does nothing outside a transaction. */
void kmsd_store_rollback(struct kmsd_store *store);

/*
 * The following need a transaction (KMS_ERR_INTERNAL). A put inserts the row or replaces the values
 * of the one with the same primary key, whose dependent rows stay; absent text is stored as empty
 * text. Deleting what is not there is KMS_OK.
 *
 *   KMS_ERR_NOT_FOUND         the row refers to a key that does not exist
 *   KMS_ERR_INVALID_ARGUMENT  a value breaks a rule of the schema
 *   KMS_ERR_IO                reading or writing failed, the disk is full
 */

KMS_MUST_USE enum kms_err kmsd_store_put_setting(
    struct kmsd_store *store, struct kms_str name, struct kms_bytes value);
KMS_MUST_USE enum kms_err kmsd_store_put_account(
    struct kmsd_store *store, const struct kmsd_account_row *row);
KMS_MUST_USE enum kms_err kmsd_store_put_access_key(
    struct kmsd_store *store, const struct kmsd_access_key_row *row);
/* The commit then empties the write-ahead log as well, as for a deleted key. */
KMS_MUST_USE enum kms_err kmsd_store_delete_access_key(
    struct kmsd_store *store, struct kms_str access_key_id);
KMS_MUST_USE enum kms_err kmsd_store_put_identity(
    struct kmsd_store *store, const struct kmsd_identity_row *row);
KMS_MUST_USE enum kms_err kmsd_store_delete_identity(
    struct kmsd_store *store, struct kms_str account, struct kms_str kind, struct kms_str name);
KMS_MUST_USE enum kms_err kmsd_store_put_key(
    struct kmsd_store *store, const struct kmsd_key_row *row);
/* Without wrapped bytes it destroys those that were there, as kmsd_store_delete_key does. */
KMS_MUST_USE enum kms_err kmsd_store_put_material(
    struct kmsd_store *store, const struct kmsd_material_row *row);
/* Of material that never became current; its bytes are destroyed likewise. */
KMS_MUST_USE enum kms_err kmsd_store_delete_material(struct kmsd_store *store,
    struct kms_str account, struct kms_str region, struct kms_str key_id, int32_t version);
KMS_MUST_USE enum kms_err kmsd_store_put_alias(
    struct kmsd_store *store, const struct kmsd_alias_row *row);
KMS_MUST_USE enum kms_err kmsd_store_delete_alias(
    struct kmsd_store *store, struct kms_str account, struct kms_str region, struct kms_str name);
KMS_MUST_USE enum kms_err kmsd_store_put_tag(
    struct kmsd_store *store, const struct kmsd_tag_row *row);
KMS_MUST_USE enum kms_err kmsd_store_delete_tag(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, struct kms_str key);
KMS_MUST_USE enum kms_err kmsd_store_put_grant(
    struct kmsd_store *store, const struct kmsd_grant_row *row);
KMS_MUST_USE enum kms_err kmsd_store_delete_grant(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, struct kms_str grant_id);
/* Deletes a key with its material, aliases, tags and grants. The commit then empties the write-ahead log as
 * well, so that no file of the store holds the wrapped material any more. */
KMS_MUST_USE enum kms_err kmsd_store_delete_key(
    struct kmsd_store *store, struct kms_str account, struct kms_str region, struct kms_str key_id);

KMS_MUST_USE enum kms_err kmsd_store_put_last_use(
    struct kmsd_store *store, const struct kmsd_last_use_row *row);
KMS_MUST_USE enum kms_err kmsd_store_put_tombstone(
    struct kmsd_store *store, const struct kmsd_tombstone_row *row);
/* Whether there was a key of that id: read inside the transaction that makes one. */
KMS_MUST_USE enum kms_err kmsd_store_has_tombstone(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, bool *found);

/* --- reading, at start ------------------------------------------------------------------------ */

/* The value of a setting, copied to out (at most max bytes); KMS_ERR_NOT_FOUND, KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_store_get_setting(
    struct kmsd_store *store, struct kms_str name, uint8_t *out, size_t max, size_t *len);

/* Each visits every row in primary-key order and stops at the first error, which it returns.
 * Materials come in order of version within their key. */
typedef enum kms_err kmsd_visit_account(void *context, const struct kmsd_account_row *row);
typedef enum kms_err kmsd_visit_access_key(void *context, const struct kmsd_access_key_row *row);
typedef enum kms_err kmsd_visit_identity(void *context, const struct kmsd_identity_row *row);
typedef enum kms_err kmsd_visit_key(void *context, const struct kmsd_key_row *row);
typedef enum kms_err kmsd_visit_material(void *context, const struct kmsd_material_row *row);
typedef enum kms_err kmsd_visit_alias(void *context, const struct kmsd_alias_row *row);
typedef enum kms_err kmsd_visit_tag(void *context, const struct kmsd_tag_row *row);
typedef enum kms_err kmsd_visit_grant(void *context, const struct kmsd_grant_row *row);
typedef enum kms_err kmsd_visit_last_use(void *context, const struct kmsd_last_use_row *row);

KMS_MUST_USE enum kms_err kmsd_store_each_account(
    struct kmsd_store *store, kmsd_visit_account *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_access_key(
    struct kmsd_store *store, kmsd_visit_access_key *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_identity(
    struct kmsd_store *store, kmsd_visit_identity *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_key(
    struct kmsd_store *store, kmsd_visit_key *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_material(
    struct kmsd_store *store, kmsd_visit_material *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_alias(
    struct kmsd_store *store, kmsd_visit_alias *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_tag(
    struct kmsd_store *store, kmsd_visit_tag *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_grant(
    struct kmsd_store *store, kmsd_visit_grant *visit, void *context);
KMS_MUST_USE enum kms_err kmsd_store_each_last_use(
    struct kmsd_store *store, kmsd_visit_last_use *visit, void *context);

#endif
