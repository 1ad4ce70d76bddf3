/* What the files of the SQLite engine share. Nobody outside kmsd/store includes this. */
#ifndef KMSD_STORE_ENGINE_H
#define KMSD_STORE_ENGINE_H

#include "kmsd/store/store.h"
#include "libkms/base/buf.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* One prepared statement each, kept from open to close; the SQL is in statements.c. */
enum kmsd_statement {
    KMSD_STATEMENT_BEGIN,
    KMSD_STATEMENT_COMMIT,
    KMSD_STATEMENT_ROLLBACK,
    KMSD_STATEMENT_PUT_SETTING,
    KMSD_STATEMENT_PUT_ACCOUNT,
    KMSD_STATEMENT_PUT_ACCESS_KEY,
    KMSD_STATEMENT_PUT_IDENTITY,
    KMSD_STATEMENT_PUT_KEY,
    KMSD_STATEMENT_PUT_MATERIAL,
    KMSD_STATEMENT_PUT_ALIAS,
    KMSD_STATEMENT_PUT_TAG,
    KMSD_STATEMENT_PUT_GRANT,
    KMSD_STATEMENT_PUT_LAST_USE,
    KMSD_STATEMENT_EACH_LAST_USE,
    KMSD_STATEMENT_PUT_TOMBSTONE,
    KMSD_STATEMENT_HAS_TOMBSTONE,
    KMSD_STATEMENT_DELETE_ACCESS_KEY,
    KMSD_STATEMENT_DELETE_IDENTITY,
    KMSD_STATEMENT_DELETE_MATERIAL,
    KMSD_STATEMENT_DELETE_ALIAS,
    KMSD_STATEMENT_DELETE_TAG,
    KMSD_STATEMENT_DELETE_GRANT,
    KMSD_STATEMENT_DELETE_KEY,
    KMSD_STATEMENT_GET_SETTING,
    KMSD_STATEMENT_EACH_ACCOUNT,
    KMSD_STATEMENT_EACH_ACCESS_KEY,
    KMSD_STATEMENT_EACH_IDENTITY,
    KMSD_STATEMENT_EACH_KEY,
    KMSD_STATEMENT_EACH_MATERIAL,
    KMSD_STATEMENT_EACH_WRAPPED,
    KMSD_STATEMENT_GET_WRAPPED_SECRET,
    KMSD_STATEMENT_EACH_ALIAS,
    KMSD_STATEMENT_EACH_TAG,
    KMSD_STATEMENT_EACH_GRANT,
    KMSD_STATEMENT_COUNT_
};

struct kmsd_store_check; /* check.c */

struct kmsd_store {
    sqlite3 *db;
    struct kmsd_store_check
        *check;           /* under way; NULL: not (any more). With the next two the writer's */
    enum kms_err verdict; /* of the check that is over */
    struct kmsd_detail reason;
    sqlite3_stmt *statements[KMSD_STATEMENT_COUNT_];
    pthread_mutex_t writer;   /* held from begin to commit or rollback */
    atomic_uintptr_t owner;   /* the thread that holds it, as pthread_self; 0: nobody */
    enum kms_err failed;      /* the first failed put of this transaction */
    bool deleted_key;         /* this transaction deletes material */
    bool wal_holds_key;       /* a deleted key may still be in the write-ahead log */
    struct kms_buf destroyed; /* parts of material that has to be looked for (scrub.c) */
    size_t destroyed_before;  /* bytes of it, before this transaction */
    bool needs_new_file;      /* some of it is where no row is */
    bool is_noted;            /* the file tells that there may be such */
};

/* Whether the calling thread is inside a transaction. Of others it says nothing. */
static inline bool kmsd_store_is_writing(const struct kmsd_store *store)
{
    return atomic_load(&store->owner) == (uintptr_t)pthread_self();
}

/* Prepares them all. KMS_ERR_CORRUPT when the schema is not what the SQL expects. */
KMS_MUST_USE enum kms_err kmsd_store_prepare(struct kmsd_store *store, struct kmsd_detail *detail);
void kmsd_store_finalize(struct kmsd_store *store);

/* Runs a statement of kmsd's own that must answer with one row, whose first column starts with
 * expected ("" takes anything). */
KMS_MUST_USE enum kms_err kmsd_store_expect(sqlite3 *db, const char *sql, const char *expected,
    enum kms_err otherwise, struct kmsd_detail *detail);

/* What every connection has to be told before it reads a file of whose contents nothing is known; and
 * then about its ways of reading. */
void kmsd_store_distrust(sqlite3 *db);
KMS_MUST_USE enum kms_err kmsd_store_configure_reading(sqlite3 *db, struct kmsd_detail *detail);

/* Checks all that the file holds. KMS_ERR_CORRUPT. */
KMS_MUST_USE enum kms_err kmsd_store_check(sqlite3 *db, struct kmsd_detail *detail);

/* The same of the file of that name, beside the caller: its log is empty, and nothing is written until
 * the end, which waits and leaves the verdict. The end may come when nothing was started. */
KMS_MUST_USE enum kms_err kmsd_store_check_start(struct kmsd_store *store, const char *path);
void kmsd_store_check_end(struct kmsd_store *store);

/* Truncates the log, so that no page of deleted rows is in it; wal_holds_key says whether it could. */
void kmsd_store_empty_log(struct kmsd_store *store);

/* Wrapped material is destroyed by this transaction. KMS_ERR_NO_MEMORY. */
enum { KMSD_SCRUB_MAX = 2048 };
KMS_MUST_USE enum kms_err kmsd_scrub_expect(struct kmsd_store *store, struct kms_bytes wrapped);

/* In a transaction that destroys some; then after it; when a store was opened, and before it is closed. What
 * can't be done, for want of room, is tried again after the next change, and by the next process. */
KMS_MUST_USE enum kms_err kmsd_scrub_before_commit(struct kmsd_store *store);
void kmsd_scrub(struct kmsd_store *store);
KMS_MUST_USE enum kms_err kmsd_scrub_open(struct kmsd_store *store);
void kmsd_scrub_close(struct kmsd_store *store);

/* What an SQLite result (extended codes) means to the callers of the store. */
enum kms_err kmsd_store_error(int sqlite_result);

/* "kmsd" as the file's application id: this SQLite file is a store. */
#define KMSD_STORE_APPLICATION_ID 0x6b6d7364

/* The schema's history. Rows are only ever added, never changed: version n turns a store of version
 * n - 1 into one of version n. */
struct kmsd_migration {
    int version;
    const char *sql;
};

extern const struct kmsd_migration kmsd_migrations[];
extern const size_t kmsd_migration_count;

/* Whether there is nothing to be changed in the schema. */
KMS_MUST_USE enum kms_err kmsd_store_is_current(sqlite3 *db, bool *out, struct kmsd_detail *detail);

/* Brings the schema to the newest of count migrations, each in a transaction of its own, after
 * checking that the store's history is a prefix of them. KMS_ERR_UNSUPPORTED, KMS_ERR_CORRUPT. */
KMS_MUST_USE enum kms_err kmsd_store_migrate(
    sqlite3 *db, const struct kmsd_migration *migrations, size_t count, struct kmsd_detail *detail);

#endif
