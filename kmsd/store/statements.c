#include "kmsd/store/engine.h"

/*
 * INSERT ... ON CONFLICT DO UPDATE and never INSERT OR REPLACE: replacing deletes the old row
 * first, and with it, by cascade, the key's material.
 */
static const char *const sql_texts[KMSD_STATEMENT_COUNT_] = {
    [KMSD_STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [KMSD_STATEMENT_COMMIT] = "COMMIT",
    [KMSD_STATEMENT_ROLLBACK] = "ROLLBACK",
    [KMSD_STATEMENT_PUT_SETTING] = "INSERT INTO settings (name, value) VALUES (?1, ?2)"
                                   " ON CONFLICT DO UPDATE SET value = excluded.value",
    [KMSD_STATEMENT_PUT_ACCOUNT] = "INSERT INTO accounts (account, created_ms) VALUES (?1, ?2)"
                                   " ON CONFLICT DO UPDATE SET created_ms = excluded.created_ms",
    [KMSD_STATEMENT_PUT_ACCESS_KEY] =
        "INSERT INTO access_keys"
        " (access_key_id, account, principal_arn, status, wrapped_secret, created_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT DO UPDATE SET account = excluded.account,"
        " principal_arn = excluded.principal_arn, status = excluded.status,"
        " wrapped_secret = excluded.wrapped_secret, created_ms = excluded.created_ms",
    [KMSD_STATEMENT_PUT_KEY] =
        "INSERT INTO keys"
        " (account, region, key_id, key_spec, key_usage, origin, key_manager, key_state,"
        " description, policy, multi_region, created_ms, deletion_ms, pending_window_days,"
        " rotation_enabled, rotation_period_days, next_rotation_ms, primary_region)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
        " ON CONFLICT DO UPDATE SET key_spec = excluded.key_spec, key_usage = excluded.key_usage,"
        " origin = excluded.origin, key_manager = excluded.key_manager,"
        " key_state = excluded.key_state, description = excluded.description,"
        " policy = excluded.policy, multi_region = excluded.multi_region,"
        " created_ms = excluded.created_ms, deletion_ms = excluded.deletion_ms,"
        " pending_window_days = excluded.pending_window_days,"
        " rotation_enabled = excluded.rotation_enabled,"
        " rotation_period_days = excluded.rotation_period_days,"
        " next_rotation_ms = excluded.next_rotation_ms,"
        " primary_region = excluded.primary_region",
    [KMSD_STATEMENT_PUT_MATERIAL] =
        "INSERT INTO materials"
        " (account, region, key_id, version, material_id, wrapped, created_ms, state,"
        " import_state, expires_ms, rotated_ms, rotation_type, description)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT (account, region, key_id, version) DO UPDATE SET"
        " material_id = excluded.material_id, wrapped = excluded.wrapped,"
        " created_ms = excluded.created_ms, state = excluded.state,"
        " import_state = excluded.import_state, expires_ms = excluded.expires_ms,"
        " rotated_ms = excluded.rotated_ms, rotation_type = excluded.rotation_type,"
        " description = excluded.description",
    [KMSD_STATEMENT_PUT_ALIAS] =
        "INSERT INTO aliases (account, region, name, key_id, created_ms, updated_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT DO UPDATE SET key_id = excluded.key_id, created_ms = excluded.created_ms,"
        " updated_ms = excluded.updated_ms",
    [KMSD_STATEMENT_PUT_TAG] = "INSERT INTO tags (account, region, key_id, tag_key, tag_value)"
                               " VALUES (?1, ?2, ?3, ?4, ?5)"
                               " ON CONFLICT DO UPDATE SET tag_value = excluded.tag_value",
    [KMSD_STATEMENT_PUT_GRANT] =
        "INSERT INTO grants"
        " (account, region, key_id, grant_id, name, issuer, grantee, retiring, grantee_is_service,"
        " retiring_is_service, operations, constraints, created_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        " ON CONFLICT DO UPDATE SET name = excluded.name, issuer = excluded.issuer,"
        " grantee = excluded.grantee, retiring = excluded.retiring,"
        " grantee_is_service = excluded.grantee_is_service,"
        " retiring_is_service = excluded.retiring_is_service, operations = excluded.operations,"
        " constraints = excluded.constraints, created_ms = excluded.created_ms",
    [KMSD_STATEMENT_DELETE_GRANT] =
        "DELETE FROM grants WHERE account = ?1 AND region = ?2 AND key_id = ?3 AND grant_id = ?4",
    [KMSD_STATEMENT_EACH_GRANT] =
        "SELECT account, region, key_id, grant_id, name, issuer, grantee, retiring,"
        " grantee_is_service, retiring_is_service, operations, constraints, created_ms"
        " FROM grants ORDER BY account, region, key_id, grant_id",
    [KMSD_STATEMENT_PUT_LAST_USE] =
        "INSERT INTO last_uses (account, region, key_id, operation, request_id, used_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        " ON CONFLICT DO UPDATE SET operation = excluded.operation,"
        " request_id = excluded.request_id, used_ms = excluded.used_ms",
    [KMSD_STATEMENT_EACH_LAST_USE] =
        "SELECT account, region, key_id, operation, request_id, used_ms FROM last_uses"
        " ORDER BY account, region, key_id",
    [KMSD_STATEMENT_PUT_TOMBSTONE] =
        "INSERT INTO tombstones (account, region, key_id, deleted_ms) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT DO UPDATE SET deleted_ms = excluded.deleted_ms",
    [KMSD_STATEMENT_HAS_TOMBSTONE] =
        "SELECT 1 FROM tombstones WHERE account = ?1 AND region = ?2 AND key_id = ?3",
    [KMSD_STATEMENT_DELETE_MATERIAL] =
        "DELETE FROM materials WHERE account = ?1 AND region = ?2 AND key_id = ?3 AND version = ?4",
    [KMSD_STATEMENT_DELETE_ALIAS] =
        "DELETE FROM aliases WHERE account = ?1 AND region = ?2 AND name = ?3",
    [KMSD_STATEMENT_DELETE_TAG] =
        "DELETE FROM tags WHERE account = ?1 AND region = ?2 AND key_id = ?3 AND tag_key = ?4",
    [KMSD_STATEMENT_DELETE_KEY] =
        "DELETE FROM keys WHERE account = ?1 AND region = ?2 AND key_id = ?3",
    [KMSD_STATEMENT_PUT_IDENTITY] =
        "INSERT INTO identities (account, kind, name, body) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (account, kind, name) DO UPDATE SET body = excluded.body",
    [KMSD_STATEMENT_DELETE_IDENTITY] =
        "DELETE FROM identities WHERE account = ?1 AND kind = ?2 AND name = ?3",
    [KMSD_STATEMENT_EACH_IDENTITY] =
        "SELECT account, kind, name, body FROM identities ORDER BY account, kind, name",
    [KMSD_STATEMENT_DELETE_ACCESS_KEY] = "DELETE FROM access_keys WHERE access_key_id = ?1",
    [KMSD_STATEMENT_GET_SETTING] = "SELECT value FROM settings WHERE name = ?1",
    [KMSD_STATEMENT_EACH_ACCOUNT] = "SELECT account, created_ms FROM accounts ORDER BY account",
    [KMSD_STATEMENT_EACH_ACCESS_KEY] =
        "SELECT access_key_id, account, principal_arn, status, wrapped_secret, created_ms"
        " FROM access_keys ORDER BY access_key_id",
    [KMSD_STATEMENT_EACH_KEY] =
        "SELECT account, region, key_id, key_spec, key_usage, origin, key_manager, key_state,"
        " description, policy, multi_region, created_ms, deletion_ms, pending_window_days,"
        " rotation_enabled, rotation_period_days, next_rotation_ms, primary_region"
        " FROM keys ORDER BY account, region, key_id",
    [KMSD_STATEMENT_EACH_MATERIAL] =
        "SELECT account, region, key_id, version, material_id, wrapped, created_ms, state,"
        " import_state, expires_ms, rotated_ms, rotation_type, description"
        " FROM materials ORDER BY account, region, key_id, version",
    [KMSD_STATEMENT_EACH_WRAPPED] =
        "SELECT wrapped FROM materials WHERE account = ?1 AND region = ?2 AND key_id = ?3"
        " AND (?4 = 0 OR version = ?4)",
    [KMSD_STATEMENT_GET_WRAPPED_SECRET] =
        "SELECT wrapped_secret FROM access_keys WHERE access_key_id = ?1",
    [KMSD_STATEMENT_EACH_ALIAS] = "SELECT account, region, name, key_id, created_ms, updated_ms"
                                  " FROM aliases ORDER BY account, region, name",
    [KMSD_STATEMENT_EACH_TAG] = "SELECT account, region, key_id, tag_key, tag_value"
                                " FROM tags ORDER BY account, region, key_id, tag_key",
};

enum kms_err kmsd_store_prepare(struct kmsd_store *store, struct kmsd_detail *detail)
{
    for (size_t i = 0; i < KMSD_STATEMENT_COUNT_; i++) {
        int result = sqlite3_prepare_v3(
            store->db, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (result == SQLITE_OK)
            continue;
        kmsd_detail_set(
            detail, "the store's tables are not as expected: %s", sqlite3_errmsg(store->db));
        return (result & 0xff) == SQLITE_ERROR ? KMS_ERR_CORRUPT : kmsd_store_error(result);
    }
    return KMS_OK;
}

void kmsd_store_finalize(struct kmsd_store *store)
{
    for (size_t i = 0; i < KMSD_STATEMENT_COUNT_; i++) {
        (void)sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}
