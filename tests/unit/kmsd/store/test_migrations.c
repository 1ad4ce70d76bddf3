/* How a schema grows, and which ones are refused. */
#include "store_fixture.h"

#include "kmsd/store/engine.h"

#include <sys/stat.h>

static sqlite3 *open_raw(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void run_raw(const char *path, const char *sql)
{
    sqlite3 *db = open_raw(path);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return value;
}

static const struct kmsd_migration history[] = {
    {1, "CREATE TABLE one (a INTEGER NOT NULL) STRICT; INSERT INTO one VALUES (7);"},
    {2, "ALTER TABLE one ADD COLUMN b INTEGER NOT NULL DEFAULT 3;"},
    {3, "UPDATE one SET b = a + b;"},
};

static void migrations_run_once_each_in_order(void **state)
{
    (void)state;
    sqlite3 *db = open_raw(":memory:");
    for (size_t count = 1; count <= 3; count++) {
        assert_int_equal(kmsd_store_migrate(db, history, count, NULL), KMS_OK);
        assert_int_equal(kmsd_store_migrate(db, history, count, NULL), KMS_OK);
        assert_int_equal(ask(db, "PRAGMA user_version"), count);
        assert_int_equal(ask(db, "PRAGMA application_id"), KMSD_STORE_APPLICATION_ID);
        assert_int_equal(ask(db, "SELECT count(*) FROM schema_history"), count);
    }
    assert_int_equal(ask(db, "SELECT b FROM one"), 10);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);

    db = open_raw(":memory:"); /* all at once comes to the same */
    assert_int_equal(kmsd_store_migrate(db, history, 3, NULL), KMS_OK);
    assert_int_equal(ask(db, "SELECT b FROM one"), 10);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_failing_migration_changes_nothing(void **state)
{
    (void)state;
    static const struct kmsd_migration broken[] = {
        {1, "CREATE TABLE one (a INTEGER NOT NULL) STRICT; INSERT INTO one VALUES (7);"},
        {2, "UPDATE one SET a = 8; INSERT INTO two VALUES (1);"},
    };
    struct kmsd_detail detail = {""};
    sqlite3 *db = open_raw(":memory:");
    assert_int_equal(kmsd_store_migrate(db, broken, 2, &detail), KMS_ERR_INTERNAL);
    assert_non_null(strstr(detail.text, "version 2"));
    assert_int_equal(ask(db, "PRAGMA user_version"), 1);
    assert_int_equal(ask(db, "SELECT a FROM one"), 7);
    assert_int_equal(kmsd_store_migrate(db, history, 3, NULL), KMS_OK); /* the mended version */
    assert_int_equal(ask(db, "SELECT b FROM one"), 10);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void another_history_is_refused(void **state)
{
    (void)state;
    struct kmsd_migration other[3];
    memcpy(other, history, sizeof(other));
    other[0].sql = "CREATE TABLE one (a TEXT) STRICT;";
    sqlite3 *db = open_raw(":memory:");
    assert_int_equal(kmsd_store_migrate(db, history, 2, NULL), KMS_OK);
    struct kmsd_detail detail = {""};
    assert_int_equal(kmsd_store_migrate(db, other, 3, &detail), KMS_ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "history"));
    assert_int_equal(kmsd_store_migrate(db, history, 1, &detail), KMS_ERR_UNSUPPORTED);
    assert_non_null(strstr(detail.text, "newer version"));
    assert_int_equal(ask(db, "PRAGMA user_version"), 2);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void migrations_are_numbered(void **state)
{
    (void)state;
    assert_true(kmsd_migration_count >= 1);
    for (size_t i = 0; i < kmsd_migration_count; i++)
        assert_int_equal(kmsd_migrations[i].version, i + 1);
}

static enum kms_err reopen(const char *path, struct kmsd_detail *detail)
{
    struct kmsd_store *store = NULL;
    enum kms_err err = kmsd_store_open(path, KMSD_STORE_EXISTING, &store, detail);
    if (err == KMS_OK)
        err = kmsd_store_verified(store, detail);
    kmsd_store_close(store);
    return err;
}

static void an_empty_file_becomes_a_store(void **state)
{
    struct fixture *fixture = *state;
    FILE *file = fopen(fixture->path, "wx");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    put_two_keys(store);
    kmsd_store_close(store);
    assert_int_equal(reopen(fixture->path, NULL), KMS_OK);
}

static void wrong_schemas_are_refused(void **state)
{
    static const struct {
        const char *sql;
        enum kms_err err;
        const char *detail;
    } cases[] = {
        {"PRAGMA user_version=1000", KMS_ERR_UNSUPPORTED, "newer version"},
        {"PRAGMA user_version=0", KMS_ERR_CORRUPT, "no schema version"},
        {"PRAGMA user_version=-1", KMS_ERR_CORRUPT, "no schema version"},
        {"PRAGMA application_id=0", KMS_ERR_CORRUPT, "not a store of kmsd"},
        {"DELETE FROM schema_history", KMS_ERR_CORRUPT, "history"},
        {"DROP TABLE schema_history", KMS_ERR_CORRUPT, "history"},
        {"UPDATE schema_history SET sql = sql || ' '", KMS_ERR_CORRUPT, "history"},
        {"INSERT INTO schema_history SELECT max(version) + 1, '' FROM schema_history",
            KMS_ERR_CORRUPT, "history"},
        {"DROP TABLE tags", KMS_ERR_CORRUPT, "tables"},
        {"ALTER TABLE keys RENAME COLUMN policy TO politics", KMS_ERR_CORRUPT, "tables"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
        run_raw(fixture->path, cases[i].sql);
        struct kmsd_detail detail = {""};
        assert_int_equal(reopen(fixture->path, &detail), cases[i].err);
        if (strstr(detail.text, cases[i].detail) == NULL)
            fail_msg("%s: %s", cases[i].sql, detail.text);
        assert_int_equal(unlink(fixture->path), 0);
    }
}

static void other_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    run_raw(fixture->path, "CREATE TABLE notes (text)");
    assert_int_equal(reopen(fixture->path, &detail), KMS_ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "not a store of kmsd"));
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_true(fputs("This is a letter and no database, whatever its name may be.\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(reopen(fixture->path, &detail), KMS_ERR_CORRUPT);
}

#define KEY_OF_2(id)                                                                       \
    "INSERT INTO keys VALUES ('111122223333', 'us-east-1', '" id "', 'SYMMETRIC_DEFAULT'," \
    " 'ENCRYPT_DECRYPT', 'AWS_KMS', 'CUSTOMER', 'Enabled', '', '{}', 0, 1, 0, 0, 0, 0, 0);"
#define MATERIAL_OF_2(id, version, byte)                                            \
    "INSERT INTO materials VALUES ('111122223333', 'us-east-1', '" id "', " version \
    ", cast(zeroblob(31) || x'" byte "' AS BLOB), x'" byte "', 5);"

/* Material of the highest version was the one that encrypts, and still is. */
static void schema_2_becomes_schema_3(void **state)
{
    (void)state;
    sqlite3 *db = open_raw(":memory:");
    assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 2, NULL), KMS_OK);
    char *message = NULL;
    if (sqlite3_exec(db,
            KEY_OF_2("a") KEY_OF_2("b") MATERIAL_OF_2("a", "1", "01") MATERIAL_OF_2("a", "2", "02")
                MATERIAL_OF_2("b", "1", "03"),
            NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 3, NULL), KMS_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM materials"), 3);
    assert_int_equal(ask(db, "SELECT sum(hex(wrapped)) FROM materials WHERE state = 'CURRENT'"), 5);
    assert_int_equal(ask(db, "SELECT hex(wrapped) FROM materials WHERE state = 'NON_CURRENT'"), 1);
    assert_int_equal(ask(db, "SELECT count(*) FROM keys WHERE primary_region = ''"), 2);
    /* and still go with their keys */
    assert_int_equal(sqlite3_exec(db, "DELETE FROM keys", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM materials"), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define KEY_OF_4(id)                                                                       \
    "INSERT INTO keys VALUES ('111122223333', 'us-east-1', '" id "', 'SYMMETRIC_DEFAULT'," \
    " 'ENCRYPT_DECRYPT', 'AWS_KMS', 'CUSTOMER', 'Enabled', 'd', '{}', 1, 1, 2, 3, 1, 5, 6, 'eu');"
#define TAG_OF(id) "INSERT INTO tags VALUES ('111122223333', 'us-east-1', '" id "', 'a', 'b');"

/* The table of keys is made anew, and what hangs on its rows stays. */
static void schema_4_becomes_schema_5(void **state)
{
    (void)state;
    sqlite3 *db = open_raw(":memory:");
    assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 4, NULL), KMS_OK);
    char *message = NULL;
    if (sqlite3_exec(db, KEY_OF_4("b") KEY_OF_4("a") TAG_OF("a") TAG_OF("b"), NULL, NULL,
            &message) != SQLITE_OK)
        fail_msg("%s", message);
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 5, NULL), KMS_OK);
    assert_int_equal(
        ask(db, "SELECT count(*) FROM keys WHERE description = 'd' AND multi_region = 1 AND "
                "deletion_ms = 2 AND pending_window_days = 3 AND rotation_enabled = 1 AND "
                "rotation_period_days = 5 AND next_rotation_ms = 6 AND primary_region = 'eu'"),
        2);
    assert_int_equal(ask(db, "SELECT count(*) FROM tags"), 2);
    /* and goes with them */
    assert_int_equal(
        sqlite3_exec(db, "DELETE FROM keys WHERE key_id = 'a'", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM tags"), 1);
    assert_int_equal(sqlite3_exec(db, TAG_OF("none"), NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Migrations run without foreign keys, but leave none of them broken. */
static void a_migration_leaves_no_rows_without_their_key(void **state)
{
    (void)state;
    struct kmsd_detail detail = {""};
    sqlite3 *db = open_raw(":memory:");
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 4, NULL), KMS_OK);
    assert_int_equal(ask(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA foreign_keys=OFF;" TAG_OF("none") "PRAGMA foreign_keys=ON", NULL,
            NULL, NULL),
        SQLITE_OK);
    assert_int_equal(kmsd_store_migrate(db, kmsd_migrations, 5, &detail), KMS_ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "no key"));
    assert_int_equal(ask(db, "PRAGMA user_version"), 4);
    assert_int_equal(ask(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)

int main(void)
{
    (void)umask(022);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrations_run_once_each_in_order),
        cmocka_unit_test(a_failing_migration_changes_nothing),
        cmocka_unit_test(another_history_is_refused),
        cmocka_unit_test(migrations_are_numbered),
        cmocka_unit_test(schema_2_becomes_schema_3),
        cmocka_unit_test(schema_4_becomes_schema_5),
        cmocka_unit_test(a_migration_leaves_no_rows_without_their_key),
        in_a_folder(an_empty_file_becomes_a_store),
        in_a_folder(wrong_schemas_are_refused),
        in_a_folder(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
