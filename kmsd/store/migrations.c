#include "kmsd/store/engine.h"

/*
 * docs/STORAGE-FORMAT.md describes the tables. All are STRICT, so that a value of another type than
 * the column's is an error here and not a surprise at the next start.
 */
static const char schema_1[] =
    "CREATE TABLE settings ("
    " name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 128),"
    " value BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE accounts ("
    " account TEXT NOT NULL PRIMARY KEY"
    "  CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),"
    " created_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE access_keys ("
    " access_key_id TEXT NOT NULL PRIMARY KEY CHECK (length(access_key_id) BETWEEN 1 AND 128),"
    " account TEXT NOT NULL CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),"
    " principal_arn TEXT NOT NULL CHECK (length(principal_arn) >= 1),"
    " status TEXT NOT NULL CHECK (status IN ('Active', 'Inactive')),"
    " wrapped_secret BLOB NOT NULL CHECK (length(wrapped_secret) BETWEEN 1 AND 512),"
    " created_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE keys ("
    " account TEXT NOT NULL CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),"
    " region TEXT NOT NULL CHECK (length(region) BETWEEN 1 AND 64),"
    " key_id TEXT NOT NULL CHECK (length(key_id) BETWEEN 1 AND 128),"
    " key_spec TEXT NOT NULL CHECK (length(key_spec) >= 1),"
    " key_usage TEXT NOT NULL CHECK (length(key_usage) >= 1),"
    " origin TEXT NOT NULL CHECK (length(origin) >= 1),"
    " key_manager TEXT NOT NULL CHECK (length(key_manager) >= 1),"
    " key_state TEXT NOT NULL CHECK (length(key_state) >= 1),"
    " description TEXT NOT NULL,"
    " policy TEXT NOT NULL,"
    " multi_region INTEGER NOT NULL CHECK (multi_region IN (0, 1)),"
    " created_ms INTEGER NOT NULL,"
    " deletion_ms INTEGER NOT NULL CHECK (deletion_ms >= 0),"
    " pending_window_days INTEGER NOT NULL "
    "  CHECK (pending_window_days BETWEEN 0 AND 2147483647),"
    " rotation_enabled INTEGER NOT NULL CHECK (rotation_enabled IN (0, 1)),"
    " rotation_period_days INTEGER NOT NULL "
    "  CHECK (rotation_period_days BETWEEN 0 AND 2147483647),"
    " next_rotation_ms INTEGER NOT NULL CHECK (next_rotation_ms >= 0),"
    " PRIMARY KEY (account, region, key_id)"
    ") STRICT;"

    "CREATE TABLE materials ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),"
    " material_id BLOB NOT NULL CHECK (length(material_id) = 32),"
    " wrapped BLOB NOT NULL CHECK (length(wrapped) BETWEEN 1 AND 16384),"
    " created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (account, region, key_id, version),"
    " UNIQUE (account, region, key_id, material_id),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE aliases ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 256),"
    " key_id TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " updated_ms INTEGER NOT NULL,"
    " PRIMARY KEY (account, region, name),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX aliases_by_key ON aliases (account, region, key_id);"

    "CREATE TABLE tags ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " tag_key TEXT NOT NULL CHECK (length(tag_key) >= 1),"
    " tag_value TEXT NOT NULL,"
    " PRIMARY KEY (account, region, key_id, tag_key),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;";

static const char schema_2[] =
    "CREATE TABLE grants ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " grant_id TEXT NOT NULL CHECK (length(grant_id) = 64),"
    " name TEXT NOT NULL,"
    " issuer TEXT NOT NULL CHECK (length(issuer) >= 1),"
    " grantee TEXT NOT NULL CHECK (length(grantee) >= 1),"
    " retiring TEXT NOT NULL,"
    " grantee_is_service INTEGER NOT NULL CHECK (grantee_is_service IN (0, 1)),"
    " retiring_is_service INTEGER NOT NULL CHECK (retiring_is_service IN (0, 1)),"
    " operations TEXT NOT NULL CHECK (length(operations) >= 1),"
    " constraints BLOB NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (account, region, key_id, grant_id),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;";

/* What happens to material and keys in the course of time. The table of material is made anew, for
 * a rule cannot be taken back: imported material that was deleted or has expired keeps its row
 * without its bytes. */
static const char schema_3[] =
    "CREATE TABLE materials_3 ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 2147483647),"
    " material_id BLOB NOT NULL CHECK (length(material_id) = 32),"
    " wrapped BLOB NOT NULL CHECK (length(wrapped) <= 16384),"
    " created_ms INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('CURRENT', 'NON_CURRENT', 'PENDING_ROTATION',"
    "  'PENDING_MULTI_REGION_IMPORT_AND_ROTATION')),"
    " import_state TEXT NOT NULL CHECK (import_state IN ('', 'IMPORTED', 'PENDING_IMPORT')),"
    " expires_ms INTEGER NOT NULL CHECK (expires_ms >= 0),"
    " rotated_ms INTEGER NOT NULL CHECK (rotated_ms >= 0),"
    " rotation_type TEXT NOT NULL CHECK (rotation_type IN ('', 'AUTOMATIC', 'ON_DEMAND')),"
    " description TEXT NOT NULL,"
    " PRIMARY KEY (account, region, key_id, version),"
    " UNIQUE (account, region, key_id, material_id),"
    " CHECK ((length(wrapped) = 0) = (import_state = 'PENDING_IMPORT')),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO materials_3 SELECT account, region, key_id, version, material_id, wrapped,"
    " created_ms, iif(version = max(version) OVER (PARTITION BY account, region, key_id),"
    " 'CURRENT', 'NON_CURRENT'), '', 0, 0, '', '' FROM materials;"
    "DROP TABLE materials;"
    "ALTER TABLE materials_3 RENAME TO materials;"

    "ALTER TABLE keys ADD COLUMN primary_region TEXT NOT NULL DEFAULT '';"

    "CREATE TABLE tombstones ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " deleted_ms INTEGER NOT NULL,"
    " PRIMARY KEY (account, region, key_id)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE last_uses ("
    " account TEXT NOT NULL,"
    " region TEXT NOT NULL,"
    " key_id TEXT NOT NULL,"
    " operation TEXT NOT NULL CHECK (length(operation) >= 1),"
    " request_id TEXT NOT NULL,"
    " used_ms INTEGER NOT NULL,"
    " PRIMARY KEY (account, region, key_id),"
    " FOREIGN KEY (account, region, key_id) REFERENCES keys ON DELETE CASCADE"
    ") STRICT, WITHOUT ROWID;";

/* Who may ask. Whatever an identity has stands in one row, as JSON: it changes as a whole, and no
 * query looks into it. */
static const char schema_4[] =
    "CREATE TABLE identities ("
    " account TEXT NOT NULL CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),"
    " kind TEXT NOT NULL CHECK (kind IN ('user', 'group', 'role', 'policy', 'oidc-provider')),"
    " name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),"
    " body TEXT NOT NULL CHECK (length(body) >= 2),"
    " PRIMARY KEY (account, kind, name)"
    ") STRICT;";

/* The table of keys without numbers of rows: it is read in the order of its primary key at every start,
 * and what is kept once needs no index to be checked against. */
static const char schema_5[] =
    "CREATE TABLE keys_5 ("
    " account TEXT NOT NULL CHECK (length(account) = 12 AND account NOT GLOB '*[^0-9]*'),"
    " region TEXT NOT NULL CHECK (length(region) BETWEEN 1 AND 64),"
    " key_id TEXT NOT NULL CHECK (length(key_id) BETWEEN 1 AND 128),"
    " key_spec TEXT NOT NULL CHECK (length(key_spec) >= 1),"
    " key_usage TEXT NOT NULL CHECK (length(key_usage) >= 1),"
    " origin TEXT NOT NULL CHECK (length(origin) >= 1),"
    " key_manager TEXT NOT NULL CHECK (length(key_manager) >= 1),"
    " key_state TEXT NOT NULL CHECK (length(key_state) >= 1),"
    " description TEXT NOT NULL,"
    " policy TEXT NOT NULL,"
    " multi_region INTEGER NOT NULL CHECK (multi_region IN (0, 1)),"
    " created_ms INTEGER NOT NULL,"
    " deletion_ms INTEGER NOT NULL CHECK (deletion_ms >= 0),"
    " pending_window_days INTEGER NOT NULL "
    "  CHECK (pending_window_days BETWEEN 0 AND 2147483647),"
    " rotation_enabled INTEGER NOT NULL CHECK (rotation_enabled IN (0, 1)),"
    " rotation_period_days INTEGER NOT NULL "
    "  CHECK (rotation_period_days BETWEEN 0 AND 2147483647),"
    " next_rotation_ms INTEGER NOT NULL CHECK (next_rotation_ms >= 0),"
    " primary_region TEXT NOT NULL,"
    " PRIMARY KEY (account, region, key_id)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO keys_5 SELECT account, region, key_id, key_spec, key_usage, origin, key_manager,"
    " key_state, description, policy, multi_region, created_ms, deletion_ms, pending_window_days,"
    " rotation_enabled, rotation_period_days, next_rotation_ms, primary_region FROM keys"
    " ORDER BY account, region, key_id;"
    "DROP TABLE keys;"
    "ALTER TABLE keys_5 RENAME TO keys;";

const struct kmsd_migration kmsd_migrations[] = {
    {1, schema_1},
    {2, schema_2},
    {3, schema_3},
    {4, schema_4},
    {5, schema_5},
};
const size_t kmsd_migration_count = sizeof(kmsd_migrations) / sizeof(kmsd_migrations[0]);

/* The store remembers the text of each migration, so that a build with another history (a row above
 * that was changed after all) does not go on with tables that it does not know. */
static const char history_table[] = "CREATE TABLE IF NOT EXISTS schema_history ("
                                    " version INTEGER NOT NULL PRIMARY KEY CHECK (version >= 1),"
                                    " sql TEXT NOT NULL"
                                    ") STRICT;";

static enum kms_err database_failed(sqlite3 *db, const char *doing, struct kmsd_detail *detail)
{
    kmsd_detail_set(detail, "%s: %s", doing, sqlite3_errmsg(db));
    return kmsd_store_error(sqlite3_extended_errcode(db));
}

static enum kms_err read_pragma(
    sqlite3 *db, const char *sql, int64_t *out, struct kmsd_detail *detail)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return result == SQLITE_ROW ? KMS_OK : database_failed(db, sql, detail);
}

/* Whether the store's history is migrations 1 to version, word by word. */
static enum kms_err check_history(sqlite3 *db, const struct kmsd_migration *migrations,
    int64_t version, struct kmsd_detail *detail)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "SELECT version, sql FROM schema_history ORDER BY version", -1,
            &statement, NULL) != SQLITE_OK) {
        kmsd_detail_set(detail, "the store has no readable schema history: %s", sqlite3_errmsg(db));
        return KMS_ERR_CORRUPT;
    }
    int64_t seen = 0;
    bool same = true;
    int result = sqlite3_step(statement);
    while (result == SQLITE_ROW && same) {
        const char *sql = (const char *)sqlite3_column_text(statement, 1);
        same = seen < version && sql != NULL && sqlite3_column_int64(statement, 0) == seen + 1 &&
               strcmp(sql, migrations[seen].sql) == 0;
        seen++;
        result = sqlite3_step(statement);
    }
    enum kms_err err = KMS_OK;
    if (!same || (result == SQLITE_DONE && seen != version)) {
        kmsd_detail_set(detail, "the store's schema history does not match this version of kmsd");
        err = KMS_ERR_CORRUPT;
    } else if (result != SQLITE_DONE) {
        err = database_failed(db, "reading the schema history", detail);
    }
    (void)sqlite3_finalize(statement);
    return err;
}

static int record(sqlite3 *db, const struct kmsd_migration *migration)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(
        db, "INSERT INTO schema_history (version, sql) VALUES (?1, ?2)", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_bind_int(statement, 1, migration->version);
    if (result == SQLITE_OK)
        result = sqlite3_bind_text(statement, 2, migration->sql, -1, SQLITE_STATIC);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    (void)sqlite3_finalize(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int run_migration(sqlite3 *db, const struct kmsd_migration *migration)
{
    /* A pragma takes no bound parameters; both values are numbers of our own. */
    char pragmas[96];
    (void)snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id=%d; PRAGMA user_version=%d;",
        KMSD_STORE_APPLICATION_ID, migration->version);
    int result = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(db, history_table, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_exec(db, migration->sql, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = record(db, migration);
    if (result == SQLITE_OK)
        result = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
    return result;
}

/* Without foreign keys, which a table made anew would otherwise take with it when the old one is
 * dropped; that none of them is broken is checked before anything is kept. */
static enum kms_err apply(
    sqlite3 *db, const struct kmsd_migration *migration, struct kmsd_detail *detail)
{
    int64_t orphans = 0;
    int result = sqlite3_exec(db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = run_migration(db, migration);
    enum kms_err err = kmsd_store_error(result);
    if (err == KMS_OK)
        err = read_pragma(db, "SELECT count(*) FROM pragma_foreign_key_check", &orphans, detail);
    if (err == KMS_OK && orphans != 0)
        err = KMS_ERR_CORRUPT;
    if (err == KMS_OK)
        err = kmsd_store_error(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    if (err != KMS_OK)
        kmsd_detail_set(detail, "migrating the schema to version %d: %s", migration->version,
            orphans != 0 ? "rows that belong to no key" : sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    result = sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
    return err != KMS_OK ? err : kmsd_store_error(result);
}

enum kms_err kmsd_store_is_current(sqlite3 *db, bool *out, struct kmsd_detail *detail)
{
    int64_t version = 0;
    enum kms_err err = read_pragma(db, "PRAGMA user_version", &version, detail);
    if (err == KMS_OK)
        *out = version >= (int64_t)kmsd_migration_count;
    return err;
}

enum kms_err kmsd_store_migrate(
    sqlite3 *db, const struct kmsd_migration *migrations, size_t count, struct kmsd_detail *detail)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    enum kms_err err = read_pragma(db, "PRAGMA application_id", &application, detail);
    if (err == KMS_OK)
        err = read_pragma(db, "PRAGMA user_version", &version, detail);
    if (err == KMS_OK)
        err = read_pragma(db, "SELECT count(*) FROM sqlite_schema", &objects, detail);
    if (err != KMS_OK)
        return err;

    bool empty = application == 0 && version == 0 && objects == 0;
    if (!empty && application != KMSD_STORE_APPLICATION_ID) {
        kmsd_detail_set(detail, "the file is an SQLite database, but not a store of kmsd");
        return KMS_ERR_CORRUPT;
    }
    if (version > (int64_t)count) {
        kmsd_detail_set(detail,
            "the store has schema version %lld, this kmsd knows versions up to %zu: "
            "it was written by a newer version",
            (long long)version, count);
        return KMS_ERR_UNSUPPORTED;
    }
    if (!empty) {
        if (version < 1) {
            kmsd_detail_set(detail, "the store has no schema version");
            return KMS_ERR_CORRUPT;
        }
        err = check_history(db, migrations, version, detail);
    }
    for (size_t i = (size_t)version; i < count && err == KMS_OK; i++)
        err = apply(db, &migrations[i], detail);
    return err;
}
