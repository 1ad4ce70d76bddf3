#include "kmsd/store/engine.h"

#include "libkms/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum kms_err kmsd_store_error(int sqlite_result)
{
    if (sqlite_result == SQLITE_CONSTRAINT_FOREIGNKEY)
        return KMS_ERR_NOT_FOUND;
    if (sqlite_result == SQLITE_IOERR_NOMEM)
        return KMS_ERR_NO_MEMORY;
    switch (sqlite_result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return KMS_OK;
    case SQLITE_NOMEM:
        return KMS_ERR_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return KMS_ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return KMS_ERR_CORRUPT;
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return KMS_ERR_IO;
    case SQLITE_TOOBIG:
        return KMS_ERR_LIMIT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return KMS_ERR_INVALID_ARGUMENT;
    default:
        return KMS_ERR_INTERNAL;
    }
}

/* --- the file --------------------------------------------------------------------------------- */

static enum kms_err system_failed(
    const char *doing, const char *path, enum kms_err err, struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "%s %s: %s", doing, path, strerror(errno));
    return err;
}

/* SQLite would make the file with the umask's permissions; so it finds it made. */
static enum kms_err create_file(const char *path, struct kmsd_detail *detail)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return system_failed(
            "creating the store", path, errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO, detail);
    enum kms_err err = KMS_OK;
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || fsync(fd) != 0)
        err = system_failed("creating the store", path, KMS_ERR_IO, detail);
    (void)close(fd);
    if (err == KMS_OK && !kms_folder_sync_of(path))
        err = system_failed("syncing the folder of", path, KMS_ERR_IO, detail);
    if (err != KMS_OK)
        (void)unlink(path);
    return err;
}

/* Whoever can write the store can swap policies and states, which no cryptography protects. */
static enum kms_err check_writers(
    const char *what, const char *path, const struct stat *info, struct kmsd_detail *detail)
{
    if (!S_ISREG(info->st_mode)) {
        kmsd_detail_set(detail, "%s %s is not a regular file", what, path);
        return KMS_ERR_POLICY;
    }
    if (info->st_uid != geteuid()) {
        kmsd_detail_set(detail, "%s %s belongs to user id %lu, not to the one kmsd runs as", what,
            path, (unsigned long)info->st_uid);
        return KMS_ERR_POLICY;
    }
    if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        kmsd_detail_set(detail, "%s %s may be written by others (mode %04o)", what, path,
            (unsigned)(info->st_mode & 07777));
        return KMS_ERR_POLICY;
    }
    return KMS_OK;
}

/* Whoever can write the folder can put a log beside the store, which SQLite plays into it. */
static enum kms_err check_folder(const char *path, struct kmsd_detail *detail)
{
    char folder[PATH_MAX] = ".";
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (slash != NULL) /* with the slash, so that "/x" gives "/" */
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    if (stat(folder, &info) != 0)
        return system_failed("opening the store's folder", folder, KMS_ERR_IO, detail);
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        kmsd_detail_set(detail,
            "the store's folder %s belongs to user id %lu, not to the one kmsd runs as or root",
            folder, (unsigned long)info.st_uid);
        return KMS_ERR_POLICY;
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        kmsd_detail_set(detail, "the store's folder %s may be written by others (mode %04o)",
            folder, (unsigned)(info.st_mode & 07777));
        return KMS_ERR_POLICY;
    }
    return KMS_OK;
}

/* What somebody put there while the folder was open to others stays when it no longer is. */
static enum kms_err check_logs(const char *path, struct kmsd_detail *detail)
{
    static const char *const suffixes[] = {"-wal", "-journal"};
    enum kms_err err = KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char log[PATH_MAX + 16];
        struct stat info;
        (void)snprintf(log, sizeof(log), "%s%s", path, suffixes[i]);
        if (lstat(log, &info) == 0)
            err = check_writers("the store's log", log, &info, detail);
        else if (errno != ENOENT)
            err = system_failed("opening the store's log", log, KMS_ERR_IO, detail);
    }
    return err;
}

/* SQLite follows a symbolic link and keeps the logs beside what it leads to. */
static enum kms_err check_existing(const char *path, struct kmsd_detail *detail)
{
    char real[PATH_MAX];
    struct stat info;
    if (realpath(path, real) == NULL || stat(real, &info) != 0)
        return system_failed(
            "opening the store", path, errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO, detail);
    enum kms_err err = check_writers("the store", path, &info, detail);
    if (err == KMS_OK)
        err = check_folder(path, detail);
    if (err == KMS_OK)
        err = check_folder(real, detail);
    if (err == KMS_OK)
        err = check_logs(real, detail);
    return err;
}

static enum kms_err create(const char *path, struct kmsd_detail *detail)
{
    enum kms_err err = check_folder(path, detail);
    if (err == KMS_OK)
        err = check_logs(path, detail);
    return err == KMS_OK ? create_file(path, detail) : err;
}

/* --- the database ----------------------------------------------------------------------------- */

static enum kms_err database_failed(sqlite3 *db, const char *doing, struct kmsd_detail *detail)
{
    int result = sqlite3_extended_errcode(db);
    if ((result & 0xff) == SQLITE_BUSY)
        kmsd_detail_set(detail, "another process holds the store");
    else
        kmsd_detail_set(detail, "%s: %s", doing, sqlite3_errmsg(db));
    return kmsd_store_error(result);
}

enum kms_err kmsd_store_expect(sqlite3 *db, const char *sql, const char *expected,
    enum kms_err otherwise, struct kmsd_detail *detail)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    enum kms_err err = KMS_OK;
    if (result == SQLITE_ROW) {
        const char *answer = (const char *)sqlite3_column_text(statement, 0);
        if (answer == NULL || strncmp(answer, expected, strlen(expected)) != 0) {
            kmsd_detail_set(detail, "%s: %s", sql, answer == NULL ? "no answer" : answer);
            err = otherwise;
        }
    } else if (result != SQLITE_DONE) {
        err = database_failed(db, sql, detail);
    } else if (*expected != '\0') {
        kmsd_detail_set(detail, "%s: no answer", sql);
        err = otherwise;
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static enum kms_err run_pragmas(
    sqlite3 *db, const char *const *pragmas, size_t count, struct kmsd_detail *detail)
{
    enum kms_err err = KMS_OK;
    for (size_t i = 0; err == KMS_OK && i < count; i++)
        err = kmsd_store_expect(db, pragmas[i], "", KMS_ERR_INTERNAL, detail);
    return err;
}

/* The schema in the file is data from outside until it is verified: no functions with side effects
 * from it, no way to edit it. */
void kmsd_store_distrust(sqlite3 *db)
{
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

enum kms_err kmsd_store_configure_reading(sqlite3 *db, struct kmsd_detail *detail)
{
    static const char *const pragmas[] = {
        "PRAGMA temp_store=MEMORY",
        "PRAGMA cell_size_check=ON",
        "PRAGMA cache_size=-16384",
    };
    return run_pragmas(db, pragmas, sizeof(pragmas) / sizeof(pragmas[0]), detail);
}

/*
 * locking_mode=EXCLUSIVE comes before the first access: the WAL index then lives in this process's
 * memory and the lock on the file is held until close, so that a second process finds it busy.
 */
static enum kms_err configure(sqlite3 *db, enum kmsd_store_mode mode, struct kmsd_detail *detail)
{
    static const char *const pragmas[] = {
        "PRAGMA locking_mode=EXCLUSIVE",
        "PRAGMA synchronous=FULL",
        "PRAGMA secure_delete=ON",
        "PRAGMA foreign_keys=ON",
    };
    const char *journal = mode == KMSD_STORE_MEMORY ? "memory" : "wal";
    kmsd_store_distrust(db);
    enum kms_err err = run_pragmas(db, pragmas, sizeof(pragmas) / sizeof(pragmas[0]), detail);
    if (err == KMS_OK)
        err = kmsd_store_configure_reading(db, detail);
    if (err == KMS_OK)
        err =
            kmsd_store_expect(db, "PRAGMA journal_mode=WAL", journal, KMS_ERR_UNSUPPORTED, detail);
    if (err == KMS_OK)
        err = kmsd_store_expect(db, "PRAGMA foreign_keys", "1", KMS_ERR_UNSUPPORTED, detail);
    if (err == KMS_OK)
        err = kmsd_store_expect(db, "PRAGMA secure_delete", "1", KMS_ERR_UNSUPPORTED, detail);
    return err;
}

/* The log keeps the pages of deleted rows until they are overwritten; truncating it now makes the
 * deletion of material real. Already durable, so a failure here is only tried again later. */
void kmsd_store_empty_log(struct kmsd_store *store)
{
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    store->wal_holds_key = result != SQLITE_OK;
}

/* A file that is to stay as it is while it is read is checked meanwhile, any other here and now. */
static enum kms_err check(struct kmsd_store *store, const char *name, enum kmsd_store_mode mode,
    struct kmsd_detail *detail)
{
    bool is_current = false;
    enum kms_err err = kmsd_store_is_current(store->db, &is_current, detail);
    if (err != KMS_OK)
        return err;
    /* what a crash left in the log may be material that was deleted */
    if (mode != KMSD_STORE_MEMORY)
        kmsd_store_empty_log(store);
    bool stays = mode == KMSD_STORE_EXISTING && is_current && !store->wal_holds_key;
    if (stays && kmsd_store_check_start(store, name) == KMS_OK)
        return KMS_OK;
    return kmsd_store_check(store->db, detail);
}

static enum kms_err open_database(const char *path, enum kmsd_store_mode mode,
    struct kmsd_store *store, struct kmsd_detail *detail)
{
    /* A relative name starting with "file:" would be taken for a URI. */
    char name[PATH_MAX + 2];
    if (mode == KMSD_STORE_MEMORY)
        (void)snprintf(name, sizeof(name), ":memory:");
    else
        (void)snprintf(name, sizeof(name), "%s%s", path[0] == '/' ? "" : "./", path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                SQLITE_OPEN_EXRESCODE | (mode == KMSD_STORE_MEMORY ? SQLITE_OPEN_MEMORY : 0);
    int result = sqlite3_open_v2(name, &store->db, flags, NULL);
    if (result != SQLITE_OK) {
        kmsd_detail_set(detail, "opening the store %s: %s", name,
            store->db == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(store->db));
        return kmsd_store_error(result);
    }
    enum kms_err err = configure(store->db, mode, detail);
    if (err == KMS_OK)
        err = check(store, name, mode, detail);
    if (err == KMS_OK)
        err = kmsd_store_migrate(store->db, kmsd_migrations, kmsd_migration_count, detail);
    if (err == KMS_OK)
        err = kmsd_store_prepare(store, detail);
    if (err == KMS_OK)
        err = kmsd_scrub_open(store);
    return err;
}

enum kms_err kmsd_store_open(const char *path, enum kmsd_store_mode mode, struct kmsd_store **out,
    struct kmsd_detail *detail)
{
    enum kms_err err = KMS_OK;
    if (mode != KMSD_STORE_MEMORY && (path == NULL || *path == '\0' || strlen(path) >= PATH_MAX)) {
        kmsd_detail_set(detail, "the store's path is missing or too long");
        return KMS_ERR_INVALID_ARGUMENT;
    }
    if (mode == KMSD_STORE_CREATE)
        err = create(path, detail);
    else if (mode == KMSD_STORE_EXISTING)
        err = check_existing(path, detail);
    if (err != KMS_OK)
        return err;
    struct kmsd_store *store = calloc(1, sizeof(*store));
    if (store != NULL && pthread_mutex_init(&store->writer, NULL) != 0) {
        free(store);
        store = NULL;
    }
    if (store != NULL)
        kms_buf_init(&store->destroyed, KMSD_SCRUB_MAX);
    err = store == NULL ? KMS_ERR_NO_MEMORY : open_database(path, mode, store, detail);
    if (err == KMS_OK) {
        *out = store;
        return KMS_OK;
    }
    kmsd_store_close(store);
    if (mode == KMSD_STORE_CREATE)
        (void)unlink(path);
    return err;
}

void kmsd_store_close(struct kmsd_store *store)
{
    if (store == NULL)
        return;
    kmsd_store_rollback(store);
    kmsd_scrub_close(store);
    kmsd_store_check_end(store);
    kmsd_store_finalize(store);
    kms_buf_clean_up(&store->destroyed);
    (void)sqlite3_close(store->db); /* checkpoints and removes the write-ahead log */
    (void)pthread_mutex_destroy(&store->writer);
    free(store);
}

enum kms_err kmsd_store_verified(struct kmsd_store *store, struct kmsd_detail *detail)
{
    if (kmsd_store_is_writing(store))
        return KMS_OK;
    if (pthread_mutex_lock(&store->writer) != 0)
        return KMS_ERR_INTERNAL;
    kmsd_store_check_end(store);
    enum kms_err err = store->verdict;
    if (err != KMS_OK)
        kmsd_detail_set(detail, "%s", store->reason.text);
    (void)pthread_mutex_unlock(&store->writer);
    return err;
}

/* --- transactions ----------------------------------------------------------------------------- */

static enum kms_err step_once(struct kmsd_store *store, enum kmsd_statement which)
{
    int result = sqlite3_step(store->statements[which]);
    (void)sqlite3_reset(store->statements[which]);
    return kmsd_store_error(result);
}

/* The transaction is over: the next writer's turn. */
static void let_go(struct kmsd_store *store)
{
    atomic_store(&store->owner, 0);
    (void)pthread_mutex_unlock(&store->writer);
}

enum kms_err kmsd_store_begin(struct kmsd_store *store)
{
    if (kmsd_store_is_writing(store))
        return KMS_ERR_INTERNAL;
    if (pthread_mutex_lock(&store->writer) != 0)
        return KMS_ERR_INTERNAL;
    kmsd_store_check_end(store); /* the file must not change under it */
    enum kms_err err = store->verdict;
    if (err == KMS_OK)
        err = step_once(store, KMSD_STATEMENT_BEGIN);
    if (err != KMS_OK) {
        (void)pthread_mutex_unlock(&store->writer);
        return err;
    }
    atomic_store(&store->owner, (uintptr_t)pthread_self());
    store->failed = KMS_OK;
    store->deleted_key = false;
    store->destroyed_before = store->destroyed.len;
    return KMS_OK;
}

enum kms_err kmsd_store_commit(struct kmsd_store *store)
{
    if (!kmsd_store_is_writing(store))
        return KMS_ERR_INTERNAL;
    enum kms_err err = store->failed;
    if (err == KMS_OK && sqlite3_get_autocommit(store->db))
        err = KMS_ERR_IO; /* SQLite gave the transaction up by itself */
    if (err == KMS_OK && store->deleted_key)
        err = kmsd_scrub_before_commit(store);
    if (err == KMS_OK)
        err = step_once(store, KMSD_STATEMENT_COMMIT);
    if (err != KMS_OK) {
        kmsd_store_rollback(store);
        return err;
    }
    store->is_noted |= store->deleted_key;
    store->wal_holds_key |= store->deleted_key;
    if (store->wal_holds_key)
        kmsd_store_empty_log(store);
    if (store->destroyed.len != 0)
        kmsd_scrub(store);
    let_go(store);
    return KMS_OK;
}

void kmsd_store_rollback(struct kmsd_store *store)
{
    if (!kmsd_store_is_writing(store))
        return;
    if (!sqlite3_get_autocommit(store->db))
        (void)step_once(store, KMSD_STATEMENT_ROLLBACK);
    store->failed = KMS_OK;
    store->deleted_key = false;
    kms_buf_truncate(&store->destroyed, store->destroyed_before);
    store->destroyed.err = KMS_OK;
    let_go(store);
}
