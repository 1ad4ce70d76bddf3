/* Rows in and out: parameters bound to the kept statements, columns read back as views. */
#include "kmsd/store/engine.h"

/* --- binding, with one check at the end ------------------------------------------------------- */

struct binder {
    struct kmsd_store *store;
    sqlite3_stmt *statement;
    int next;
    int result; /* the first that was not SQLITE_OK */
};

static struct binder bind_to(struct kmsd_store *store, enum kmsd_statement which)
{
    struct binder binder = {store, store->statements[which], 1, SQLITE_OK};
    return binder;
}

/* SQLITE_STATIC: the views live for the call, and run() clears the bindings before it returns. */
static void bind_str(struct binder *binder, struct kms_str text)
{
    if (binder->result == SQLITE_OK)
        binder->result = sqlite3_bind_text64(binder->statement, binder->next++,
            text.data == NULL ? "" : text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_bytes(struct binder *binder, struct kms_bytes bytes)
{
    if (binder->result == SQLITE_OK)
        binder->result = sqlite3_bind_blob64(binder->statement, binder->next++,
            bytes.data == NULL ? (const uint8_t *)"" : bytes.data, bytes.len, SQLITE_STATIC);
}

static void bind_int(struct binder *binder, int64_t value)
{
    if (binder->result == SQLITE_OK)
        binder->result = sqlite3_bind_int64(binder->statement, binder->next++, value);
}

static void forget_bindings(sqlite3_stmt *statement)
{
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
}

/* Runs a bound change. A failure is remembered, so that the transaction cannot be committed. */
static enum kms_err run(struct binder *binder)
{
    struct kmsd_store *store = binder->store;
    enum kms_err err = KMS_OK;
    int result = SQLITE_DONE;
    /* Some failures (a full disk) make SQLite roll back by itself. What follows must not then run
     * outside a transaction, where it would be kept. */
    if (!kmsd_store_is_writing(store))
        err = KMS_ERR_INTERNAL;
    else if (store->failed != KMS_OK)
        err = store->failed;
    else if (sqlite3_get_autocommit(store->db))
        err = KMS_ERR_IO;
    else if (binder->result != SQLITE_OK)
        err = kmsd_store_error(binder->result);
    else if ((result = sqlite3_step(binder->statement)) != SQLITE_DONE)
        err = kmsd_store_error(result);
    forget_bindings(binder->statement);
    if (err != KMS_OK && kmsd_store_is_writing(store) && store->failed == KMS_OK)
        store->failed = err;
    return err;
}

/* --- puts and deletes ------------------------------------------------------------------------- */

/* The octets of text and blobs alike: unlike sqlite3_column_text this converts nothing, so that it
 * cannot run out of memory. */
static struct kms_bytes column_bytes(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);
    int len = sqlite3_column_bytes(statement, column);
    return data == NULL ? kms_bytes("", 0) : kms_bytes(data, (size_t)len);
}

/* --- what is about to be destroyed ------------------------------------------------------------ */

/* Notes the secrets in the rows of a bound statement, but for one that stays. When it fails the transaction cannot be
 * committed: nothing is destroyed that would not be looked for. */
static enum kms_err expect_destroyed(struct binder *binder, struct kms_bytes stays)
{
    struct kmsd_store *store = binder->store;
    if (!kmsd_store_is_writing(store))
        return KMS_ERR_INTERNAL;
    if (store->failed != KMS_OK)
        return store->failed;
    enum kms_err err = KMS_OK;
    int result = binder->result == SQLITE_OK ? sqlite3_step(binder->statement) : binder->result;
    for (; err == KMS_OK && result == SQLITE_ROW; result = sqlite3_step(binder->statement)) {
        struct kms_bytes secret = column_bytes(binder->statement, 0);
        if (secret.len == 0 ||
            (secret.len == stays.len && memcmp(secret.data, stays.data, secret.len) == 0))
            continue;
        err = kmsd_scrub_expect(store, secret);
        store->deleted_key = true;
    }
    if (err == KMS_OK && result != SQLITE_DONE)
        err = kmsd_store_error(result);
    store->failed = err;
    forget_bindings(binder->statement);
    return err;
}

/* All material of a key, or (version not 0) one piece of it. */
static enum kms_err expect_material(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, int32_t version, struct kms_bytes stays)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_EACH_WRAPPED);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    bind_int(&binder, version);
    return expect_destroyed(&binder, stays);
}

static const struct kms_bytes nothing = {(const uint8_t *)"", 0};

enum kms_err kmsd_store_put_setting(
    struct kmsd_store *store, struct kms_str name, struct kms_bytes value)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_SETTING);
    bind_str(&binder, name);
    bind_bytes(&binder, value);
    return run(&binder);
}

enum kms_err kmsd_store_put_account(struct kmsd_store *store, const struct kmsd_account_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_ACCOUNT);
    bind_str(&binder, row->account);
    bind_int(&binder, row->created_ms);
    return run(&binder);
}

enum kms_err kmsd_store_put_access_key(
    struct kmsd_store *store, const struct kmsd_access_key_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_ACCESS_KEY);
    bind_str(&binder, row->access_key_id);
    bind_str(&binder, row->account);
    bind_str(&binder, row->principal_arn);
    bind_str(&binder, row->status);
    bind_bytes(&binder, row->wrapped_secret);
    bind_int(&binder, row->created_ms);
    return run(&binder);
}

enum kms_err kmsd_store_delete_access_key(struct kmsd_store *store, struct kms_str access_key_id)
{
    struct binder secret = bind_to(store, KMSD_STATEMENT_GET_WRAPPED_SECRET);
    bind_str(&secret, access_key_id);
    enum kms_err err = expect_destroyed(&secret, nothing);
    if (err != KMS_OK)
        return err;
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_ACCESS_KEY);
    bind_str(&binder, access_key_id);
    err = run(&binder);
    store->deleted_key |= err == KMS_OK;
    return err;
}

enum kms_err kmsd_store_put_identity(struct kmsd_store *store, const struct kmsd_identity_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_IDENTITY);
    bind_str(&binder, row->account);
    bind_str(&binder, row->kind);
    bind_str(&binder, row->name);
    bind_str(&binder, row->body);
    return run(&binder);
}

enum kms_err kmsd_store_delete_identity(
    struct kmsd_store *store, struct kms_str account, struct kms_str kind, struct kms_str name)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_IDENTITY);
    bind_str(&binder, account);
    bind_str(&binder, kind);
    bind_str(&binder, name);
    return run(&binder);
}

enum kms_err kmsd_store_put_key(struct kmsd_store *store, const struct kmsd_key_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_KEY);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_str(&binder, row->key_spec);
    bind_str(&binder, row->key_usage);
    bind_str(&binder, row->origin);
    bind_str(&binder, row->key_manager);
    bind_str(&binder, row->key_state);
    bind_str(&binder, row->description);
    bind_str(&binder, row->policy);
    bind_int(&binder, row->multi_region);
    bind_int(&binder, row->created_ms);
    bind_int(&binder, row->deletion_ms);
    bind_int(&binder, row->pending_window_days);
    bind_int(&binder, row->rotation_enabled);
    bind_int(&binder, row->rotation_period_days);
    bind_int(&binder, row->next_rotation_ms);
    bind_str(&binder, row->primary_region);
    return run(&binder);
}

enum kms_err kmsd_store_put_material(struct kmsd_store *store, const struct kmsd_material_row *row)
{
    enum kms_err err =
        expect_material(store, row->account, row->region, row->key_id, row->version, row->wrapped);
    if (err != KMS_OK)
        return err;
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_MATERIAL);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_int(&binder, row->version);
    bind_bytes(&binder, row->material_id);
    bind_bytes(&binder, row->wrapped);
    bind_int(&binder, row->created_ms);
    bind_str(&binder, row->state);
    bind_str(&binder, row->import_state);
    bind_int(&binder, row->expires_ms);
    bind_int(&binder, row->rotated_ms);
    bind_str(&binder, row->rotation_type);
    bind_str(&binder, row->description);
    return run(&binder);
}

enum kms_err kmsd_store_put_alias(struct kmsd_store *store, const struct kmsd_alias_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_ALIAS);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->name);
    bind_str(&binder, row->key_id);
    bind_int(&binder, row->created_ms);
    bind_int(&binder, row->updated_ms);
    return run(&binder);
}

enum kms_err kmsd_store_put_tag(struct kmsd_store *store, const struct kmsd_tag_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_TAG);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_str(&binder, row->key);
    bind_str(&binder, row->value);
    return run(&binder);
}

enum kms_err kmsd_store_put_grant(struct kmsd_store *store, const struct kmsd_grant_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_GRANT);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_str(&binder, row->grant_id);
    bind_str(&binder, row->name);
    bind_str(&binder, row->issuer);
    bind_str(&binder, row->grantee);
    bind_str(&binder, row->retiring);
    bind_int(&binder, row->grantee_is_service);
    bind_int(&binder, row->retiring_is_service);
    bind_str(&binder, row->operations);
    bind_bytes(&binder, row->constraints);
    bind_int(&binder, row->created_ms);
    return run(&binder);
}

enum kms_err kmsd_store_delete_material(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, int32_t version)
{
    enum kms_err err = expect_material(store, account, region, key_id, version, nothing);
    if (err != KMS_OK)
        return err;
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_MATERIAL);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    bind_int(&binder, version);
    return run(&binder);
}

enum kms_err kmsd_store_put_last_use(struct kmsd_store *store, const struct kmsd_last_use_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_LAST_USE);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_str(&binder, row->operation);
    bind_str(&binder, row->request_id);
    bind_int(&binder, row->used_ms);
    return run(&binder);
}

enum kms_err kmsd_store_put_tombstone(
    struct kmsd_store *store, const struct kmsd_tombstone_row *row)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_PUT_TOMBSTONE);
    bind_str(&binder, row->account);
    bind_str(&binder, row->region);
    bind_str(&binder, row->key_id);
    bind_int(&binder, row->deleted_ms);
    return run(&binder);
}

enum kms_err kmsd_store_delete_grant(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, struct kms_str grant_id)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_GRANT);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    bind_str(&binder, grant_id);
    return run(&binder);
}

enum kms_err kmsd_store_delete_alias(
    struct kmsd_store *store, struct kms_str account, struct kms_str region, struct kms_str name)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_ALIAS);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, name);
    return run(&binder);
}

enum kms_err kmsd_store_delete_tag(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, struct kms_str key)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_TAG);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    bind_str(&binder, key);
    return run(&binder);
}

enum kms_err kmsd_store_delete_key(
    struct kmsd_store *store, struct kms_str account, struct kms_str region, struct kms_str key_id)
{
    enum kms_err err = expect_material(store, account, region, key_id, 0, nothing);
    if (err != KMS_OK)
        return err;
    struct binder binder = bind_to(store, KMSD_STATEMENT_DELETE_KEY);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    return run(&binder);
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct kms_str column_str(sqlite3_stmt *statement, int column)
{
    struct kms_bytes octets = column_bytes(statement, column);
    struct kms_str view = {(const char *)octets.data, octets.len};
    return view;
}

enum kms_err kmsd_store_get_setting(
    struct kmsd_store *store, struct kms_str name, uint8_t *out, size_t max, size_t *len)
{
    struct binder binder = bind_to(store, KMSD_STATEMENT_GET_SETTING);
    bind_str(&binder, name);
    int result = binder.result == SQLITE_OK ? sqlite3_step(binder.statement) : binder.result;
    enum kms_err err = KMS_ERR_NOT_FOUND;
    if (result == SQLITE_ROW) {
        struct kms_bytes value = column_bytes(binder.statement, 0);
        err = value.len <= max ? KMS_OK : KMS_ERR_LIMIT;
        if (err == KMS_OK) {
            if (value.len != 0)
                memcpy(out, value.data, value.len);
            *len = value.len;
        }
    } else if (result != SQLITE_DONE) {
        err = kmsd_store_error(result);
    }
    forget_bindings(binder.statement);
    return err;
}

enum kms_err kmsd_store_has_tombstone(struct kmsd_store *store, struct kms_str account,
    struct kms_str region, struct kms_str key_id, bool *found)
{
    if (!kmsd_store_is_writing(store))
        return KMS_ERR_INTERNAL;
    struct binder binder = bind_to(store, KMSD_STATEMENT_HAS_TOMBSTONE);
    bind_str(&binder, account);
    bind_str(&binder, region);
    bind_str(&binder, key_id);
    int result = binder.result == SQLITE_OK ? sqlite3_step(binder.statement) : binder.result;
    enum kms_err err = KMS_OK;
    if (result == SQLITE_ROW || result == SQLITE_DONE)
        *found = result == SQLITE_ROW;
    else
        err = kmsd_store_error(result);
    forget_bindings(binder.statement);
    return err;
}

/* A visit of one row; visitor points to the caller's function and context. */
typedef enum kms_err visit_row(sqlite3_stmt *statement, const void *visitor);

static enum kms_err each(
    struct kmsd_store *store, enum kmsd_statement which, visit_row *visit, const void *visitor)
{
    sqlite3_stmt *statement = store->statements[which];
    enum kms_err err = KMS_OK;
    int result = sqlite3_step(statement);
    while (result == SQLITE_ROW && err == KMS_OK) {
        err = visit(statement, visitor);
        if (err == KMS_OK)
            result = sqlite3_step(statement);
    }
    if (err == KMS_OK && result != SQLITE_DONE)
        err = kmsd_store_error(result);
    (void)sqlite3_reset(statement);
    return err;
}

struct account_visitor {
    kmsd_visit_account *visit;
    void *context;
};

static enum kms_err visit_account_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct account_visitor *to = visitor;
    struct kmsd_account_row row = {
        .account = column_str(statement, 0),
        .created_ms = sqlite3_column_int64(statement, 1),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_account(
    struct kmsd_store *store, kmsd_visit_account *visit, void *context)
{
    struct account_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_ACCOUNT, visit_account_row, &visitor);
}

struct access_key_visitor {
    kmsd_visit_access_key *visit;
    void *context;
};

static enum kms_err visit_access_key_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct access_key_visitor *to = visitor;
    struct kmsd_access_key_row row = {
        .access_key_id = column_str(statement, 0),
        .account = column_str(statement, 1),
        .principal_arn = column_str(statement, 2),
        .status = column_str(statement, 3),
        .wrapped_secret = column_bytes(statement, 4),
        .created_ms = sqlite3_column_int64(statement, 5),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_access_key(
    struct kmsd_store *store, kmsd_visit_access_key *visit, void *context)
{
    struct access_key_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_ACCESS_KEY, visit_access_key_row, &visitor);
}

struct identity_visitor {
    kmsd_visit_identity *visit;
    void *context;
};

static enum kms_err visit_identity_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct identity_visitor *to = visitor;
    struct kmsd_identity_row row = {
        .account = column_str(statement, 0),
        .kind = column_str(statement, 1),
        .name = column_str(statement, 2),
        .body = column_str(statement, 3),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_identity(
    struct kmsd_store *store, kmsd_visit_identity *visit, void *context)
{
    struct identity_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_IDENTITY, visit_identity_row, &visitor);
}

struct key_visitor {
    kmsd_visit_key *visit;
    void *context;
};

static enum kms_err visit_key_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct key_visitor *to = visitor;
    struct kmsd_key_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .key_id = column_str(statement, 2),
        .key_spec = column_str(statement, 3),
        .key_usage = column_str(statement, 4),
        .origin = column_str(statement, 5),
        .key_manager = column_str(statement, 6),
        .key_state = column_str(statement, 7),
        .description = column_str(statement, 8),
        .policy = column_str(statement, 9),
        .multi_region = sqlite3_column_int(statement, 10) != 0,
        .created_ms = sqlite3_column_int64(statement, 11),
        .deletion_ms = sqlite3_column_int64(statement, 12),
        .pending_window_days = sqlite3_column_int(statement, 13),
        .rotation_enabled = sqlite3_column_int(statement, 14) != 0,
        .rotation_period_days = sqlite3_column_int(statement, 15),
        .next_rotation_ms = sqlite3_column_int64(statement, 16),
        .primary_region = column_str(statement, 17),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_key(struct kmsd_store *store, kmsd_visit_key *visit, void *context)
{
    struct key_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_KEY, visit_key_row, &visitor);
}

struct material_visitor {
    kmsd_visit_material *visit;
    void *context;
};

static enum kms_err visit_material_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct material_visitor *to = visitor;
    struct kmsd_material_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .key_id = column_str(statement, 2),
        .version = sqlite3_column_int(statement, 3),
        .material_id = column_bytes(statement, 4),
        .wrapped = column_bytes(statement, 5),
        .created_ms = sqlite3_column_int64(statement, 6),
        .state = column_str(statement, 7),
        .import_state = column_str(statement, 8),
        .expires_ms = sqlite3_column_int64(statement, 9),
        .rotated_ms = sqlite3_column_int64(statement, 10),
        .rotation_type = column_str(statement, 11),
        .description = column_str(statement, 12),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_material(
    struct kmsd_store *store, kmsd_visit_material *visit, void *context)
{
    struct material_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_MATERIAL, visit_material_row, &visitor);
}

struct alias_visitor {
    kmsd_visit_alias *visit;
    void *context;
};

static enum kms_err visit_alias_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct alias_visitor *to = visitor;
    struct kmsd_alias_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .name = column_str(statement, 2),
        .key_id = column_str(statement, 3),
        .created_ms = sqlite3_column_int64(statement, 4),
        .updated_ms = sqlite3_column_int64(statement, 5),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_alias(struct kmsd_store *store, kmsd_visit_alias *visit, void *context)
{
    struct alias_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_ALIAS, visit_alias_row, &visitor);
}

struct tag_visitor {
    kmsd_visit_tag *visit;
    void *context;
};

static enum kms_err visit_tag_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct tag_visitor *to = visitor;
    struct kmsd_tag_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .key_id = column_str(statement, 2),
        .key = column_str(statement, 3),
        .value = column_str(statement, 4),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_tag(struct kmsd_store *store, kmsd_visit_tag *visit, void *context)
{
    struct tag_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_TAG, visit_tag_row, &visitor);
}

struct grant_visitor {
    kmsd_visit_grant *visit;
    void *context;
};

static enum kms_err visit_grant_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct grant_visitor *to = visitor;
    struct kmsd_grant_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .key_id = column_str(statement, 2),
        .grant_id = column_str(statement, 3),
        .name = column_str(statement, 4),
        .issuer = column_str(statement, 5),
        .grantee = column_str(statement, 6),
        .retiring = column_str(statement, 7),
        .grantee_is_service = sqlite3_column_int(statement, 8) != 0,
        .retiring_is_service = sqlite3_column_int(statement, 9) != 0,
        .operations = column_str(statement, 10),
        .constraints = column_bytes(statement, 11),
        .created_ms = sqlite3_column_int64(statement, 12),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_grant(struct kmsd_store *store, kmsd_visit_grant *visit, void *context)
{
    struct grant_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_GRANT, visit_grant_row, &visitor);
}

struct last_use_visitor {
    kmsd_visit_last_use *visit;
    void *context;
};

static enum kms_err visit_last_use_row(sqlite3_stmt *statement, const void *visitor)
{
    const struct last_use_visitor *to = visitor;
    struct kmsd_last_use_row row = {
        .account = column_str(statement, 0),
        .region = column_str(statement, 1),
        .key_id = column_str(statement, 2),
        .operation = column_str(statement, 3),
        .request_id = column_str(statement, 4),
        .used_ms = sqlite3_column_int64(statement, 5),
    };
    return to->visit(to->context, &row);
}

enum kms_err kmsd_store_each_last_use(
    struct kmsd_store *store, kmsd_visit_last_use *visit, void *context)
{
    struct last_use_visitor visitor = {visit, context};
    return each(store, KMSD_STATEMENT_EACH_LAST_USE, visit_last_use_row, &visitor);
}
