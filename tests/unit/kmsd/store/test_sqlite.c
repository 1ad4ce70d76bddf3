/* The store's contract, through its face, on files and in memory. */
#include "store_fixture.h"

#include <pthread.h>

#include "kmsd/store/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define assert_text(view, text)                                 \
    do {                                                        \
        assert_int_equal((view).len, strlen(text));             \
        assert_memory_equal((view).data, (text), strlen(text)); \
    } while (0)

/* --- round trips ------------------------------------------------------------------------------ */

static enum kms_err check_key(void *context, const struct kmsd_key_row *row)
{
    size_t *seen = context;
    struct kmsd_key_row expected = key_row(*seen == 0 ? KEY_A : KEY_B);
    assert_true(kms_str_eq(row->account, expected.account));
    assert_true(kms_str_eq(row->region, expected.region));
    assert_true(kms_str_eq(row->key_id, expected.key_id));
    assert_true(kms_str_eq(row->key_spec, expected.key_spec));
    assert_true(kms_str_eq(row->key_usage, expected.key_usage));
    assert_true(kms_str_eq(row->origin, expected.origin));
    assert_true(kms_str_eq(row->key_manager, expected.key_manager));
    assert_true(kms_str_eq(row->key_state, expected.key_state));
    assert_true(kms_str_eq(row->description, expected.description));
    assert_true(kms_str_eq(row->policy, expected.policy));
    assert_true(row->multi_region);
    assert_int_equal(row->created_ms, expected.created_ms);
    assert_int_equal(row->deletion_ms, expected.deletion_ms);
    assert_int_equal(row->pending_window_days, expected.pending_window_days);
    assert_true(row->rotation_enabled);
    assert_int_equal(row->rotation_period_days, expected.rotation_period_days);
    assert_int_equal(row->next_rotation_ms, expected.next_rotation_ms);
    (*seen)++;
    return KMS_OK;
}

static enum kms_err check_material(void *context, const struct kmsd_material_row *row)
{
    static const struct {
        const char *key_id;
        int32_t version;
    } order[] = {{KEY_A, 1}, {KEY_A, 2}, {KEY_B, 1}};
    size_t *seen = context;
    assert_in_range(*seen, 0, 2);
    struct kmsd_material_row expected = material_row(order[*seen].key_id, order[*seen].version);
    assert_true(kms_str_eq(row->account, expected.account));
    assert_true(kms_str_eq(row->region, expected.region));
    assert_true(kms_str_eq(row->key_id, expected.key_id));
    assert_int_equal(row->version, expected.version);
    assert_int_equal(row->material_id.len, 32);
    assert_memory_equal(row->material_id.data, expected.material_id.data, 32);
    assert_int_equal(row->wrapped.len, expected.wrapped.len);
    assert_memory_equal(row->wrapped.data, expected.wrapped.data, expected.wrapped.len);
    assert_int_equal(row->created_ms, expected.created_ms);
    assert_true(kms_str_eq(row->state, expected.state));
    assert_true(kms_str_eq(row->import_state, expected.import_state));
    assert_int_equal(row->expires_ms, expected.expires_ms);
    assert_int_equal(row->rotated_ms, expected.rotated_ms);
    assert_true(kms_str_eq(row->rotation_type, expected.rotation_type));
    assert_true(kms_str_eq(row->description, expected.description));
    (*seen)++;
    return KMS_OK;
}

static enum kms_err check_alias(void *context, const struct kmsd_alias_row *row)
{
    static const char *const names[] = {"alias/a1", "alias/a2", "alias/b"};
    size_t *seen = context;
    assert_in_range(*seen, 0, 2);
    assert_text(row->account, ACCOUNT);
    assert_text(row->region, REGION);
    assert_text(row->name, names[*seen]);
    assert_text(row->key_id, *seen < 2 ? KEY_A : KEY_B);
    assert_int_equal(row->created_ms, 6);
    assert_int_equal(row->updated_ms, 7);
    (*seen)++;
    return KMS_OK;
}

static enum kms_err check_tag(void *context, const struct kmsd_tag_row *row)
{
    size_t *seen = context;
    assert_text(row->account, ACCOUNT);
    assert_text(row->region, REGION);
    assert_text(row->key_id, *seen == 0 ? KEY_A : KEY_B);
    assert_text(row->key, "Team");
    assert_text(row->value, *seen == 0 ? "red" : "");
    (*seen)++;
    return KMS_OK;
}

static void assert_two_keys(struct kmsd_store *store)
{
    size_t keys = 0;
    size_t materials = 0;
    size_t aliases = 0;
    size_t tags = 0;
    assert_int_equal(kmsd_store_each_key(store, check_key, &keys), KMS_OK);
    assert_int_equal(kmsd_store_each_material(store, check_material, &materials), KMS_OK);
    assert_int_equal(kmsd_store_each_alias(store, check_alias, &aliases), KMS_OK);
    assert_int_equal(kmsd_store_each_tag(store, check_tag, &tags), KMS_OK);
    assert_int_equal(keys, 2);
    assert_int_equal(materials, 3);
    assert_int_equal(aliases, 3);
    assert_int_equal(tags, 2);
}

static enum kms_err check_account(void *context, const struct kmsd_account_row *row)
{
    assert_text(row->account, ACCOUNT);
    assert_int_equal(row->created_ms, 77);
    ++*(size_t *)context;
    return KMS_OK;
}

static enum kms_err check_access_key(void *context, const struct kmsd_access_key_row *row)
{
    assert_text(row->access_key_id, "AKIDEXAMPLE");
    assert_text(row->account, ACCOUNT);
    assert_text(row->principal_arn, "arn:aws:iam::" ACCOUNT ":root");
    assert_text(row->status, "Inactive");
    assert_int_equal(row->wrapped_secret.len, 3);
    assert_memory_equal(row->wrapped_secret.data, "\0\1\2", 3);
    assert_int_equal(row->created_ms, 78);
    ++*(size_t *)context;
    return KMS_OK;
}

static void put_credentials(struct kmsd_store *store)
{
    struct kmsd_account_row account = {.account = TEXT(ACCOUNT), .created_ms = 77};
    struct kmsd_access_key_row access_key = {
        .access_key_id = TEXT("AKIDEXAMPLE"),
        .account = TEXT(ACCOUNT),
        .principal_arn = TEXT("arn:aws:iam::" ACCOUNT ":root"),
        .status = TEXT("Active"),
        .wrapped_secret = OCTETS("\0\1\2"),
        .created_ms = 78,
    };
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_account(store, &account), KMS_OK);
    assert_int_equal(kmsd_store_put_access_key(store, &access_key), KMS_OK);
    access_key.status = TEXT("Inactive");
    assert_int_equal(kmsd_store_put_access_key(store, &access_key), KMS_OK);
    assert_int_equal(kmsd_store_put_setting(store, TEXT("one"), OCTETS("\xff\0z")), KMS_OK);
    assert_int_equal(kmsd_store_put_setting(store, TEXT("empty"), kms_bytes(NULL, 0)), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
}

static void assert_credentials(struct kmsd_store *store)
{
    size_t accounts = 0;
    size_t access_keys = 0;
    assert_int_equal(kmsd_store_each_account(store, check_account, &accounts), KMS_OK);
    assert_int_equal(kmsd_store_each_access_key(store, check_access_key, &access_keys), KMS_OK);
    assert_int_equal(accounts, 1);
    assert_int_equal(access_keys, 1);

    uint8_t value[8];
    size_t len = 99;
    assert_int_equal(
        kmsd_store_get_setting(store, TEXT("one"), value, sizeof(value), &len), KMS_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(value, "\xff\0z", 3);
    assert_int_equal(
        kmsd_store_get_setting(store, TEXT("empty"), value, sizeof(value), &len), KMS_OK);
    assert_int_equal(len, 0);
    len = 99;
    assert_int_equal(
        kmsd_store_get_setting(store, TEXT("two"), value, sizeof(value), &len), KMS_ERR_NOT_FOUND);
    assert_int_equal(kmsd_store_get_setting(store, TEXT("one"), value, 2, &len), KMS_ERR_LIMIT);
    assert_int_equal(len, 99);
}

static void memory_store_keeps_rows(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    put_credentials(store);
    assert_two_keys(store);
    assert_credentials(store);
    kmsd_store_close(store);

    store = open_ok(NULL, KMSD_STORE_MEMORY);
    assert_counts(store, 0, 0, 0, 0);
    kmsd_store_close(store);
}

static void rows_survive_reopening(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    put_credentials(store);
    kmsd_store_close(store);
    for (int i = 0; i < 2; i++) {
        store = open_ok(fixture->path, KMSD_STORE_EXISTING);
        assert_two_keys(store);
        assert_credentials(store);
        kmsd_store_close(store);
    }
}

/* A child commits and dies without closing; another dies in the middle of a transaction. */
static void committed_rows_survive_a_kill(void **state)
{
    struct fixture *fixture = *state;
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_EXISTING);
        put_two_keys(store);
        if (kmsd_store_begin(store) != KMS_OK)
            _exit(1);
        if (kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A)) != KMS_OK)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_two_keys(store);
    kmsd_store_close(store);
}

/* --- changes ---------------------------------------------------------------------------------- */

static enum kms_err keep_description(void *context, const struct kmsd_key_row *row)
{
    if (kms_str_is(row->key_id, KEY_A))
        (void)snprintf(context, 16, "%.*s", (int)row->description.len, row->description.data);
    return KMS_OK;
}

static void replacing_a_key_keeps_what_hangs_on_it(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    struct kmsd_key_row row = key_row(KEY_A);
    row.description = TEXT("changed");
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_key(store, &row), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_counts(store, 2, 3, 3, 2);
    char description[16] = "";
    assert_int_equal(kmsd_store_each_key(store, keep_description, description), KMS_OK);
    assert_string_equal(description, "changed");
    kmsd_store_close(store);
}

static void deleting_a_key_takes_what_hangs_on_it(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A)), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT("us-east-1"), TEXT(KEY_B)), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_counts(store, 1, 1, 1, 1);
    kmsd_store_close(store);
}

static void aliases_and_tags_move_and_go(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    struct kmsd_alias_row moved = alias_row("alias/a1", KEY_B);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_alias(store, &moved), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_alias(store, TEXT(ACCOUNT), TEXT(REGION), TEXT("alias/b")), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_alias(store, TEXT(ACCOUNT), TEXT(REGION), TEXT("alias/none")), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_tag(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A), TEXT("Team")),
        KMS_OK);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A)), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_counts(store, 1, 1, 1, 1); /* alias/a1 now hangs on key B */
    kmsd_store_close(store);
}

static void rolling_back_leaves_nothing(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    struct kmsd_key_row row = key_row(KEY_A);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_key(store, &row), KMS_OK);
    kmsd_store_rollback(store);
    kmsd_store_rollback(store);
    assert_counts(store, 0, 0, 0, 0);
    kmsd_store_close(store);
}

static void calls_out_of_order_are_refused(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    struct kmsd_key_row row = key_row(KEY_A);
    assert_int_equal(kmsd_store_put_key(store, &row), KMS_ERR_INTERNAL);
    assert_int_equal(kmsd_store_commit(store), KMS_ERR_INTERNAL);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_begin(store), KMS_ERR_INTERNAL);
    assert_int_equal(kmsd_store_put_key(store, &row), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_counts(store, 1, 0, 0, 0);
    kmsd_store_close(store);
}

static void rows_of_no_key_are_refused(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    struct kmsd_material_row material = material_row(KEY_A, 1);
    struct kmsd_alias_row alias = alias_row("alias/x", KEY_A);
    struct kmsd_tag_row tag = tag_row(KEY_A, "k", "v");
    struct kmsd_key_row key = key_row(KEY_A);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kmsd_store_begin(store), KMS_OK);
        enum kms_err err = i == 0   ? kmsd_store_put_material(store, &material)
                           : i == 1 ? kmsd_store_put_alias(store, &alias)
                                    : kmsd_store_put_tag(store, &tag);
        assert_int_equal(err, KMS_ERR_NOT_FOUND);
        /* Nothing of a transaction with a failure in it is kept. */
        assert_int_equal(kmsd_store_put_key(store, &key), KMS_ERR_NOT_FOUND);
        assert_int_equal(kmsd_store_commit(store), KMS_ERR_NOT_FOUND);
        assert_counts(store, 0, 0, 0, 0);
    }
    kmsd_store_close(store);
}

static enum kms_err put_alone(struct kmsd_store *store, const struct kmsd_key_row *key,
    const struct kmsd_material_row *material)
{
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    enum kms_err err =
        key != NULL ? kmsd_store_put_key(store, key) : kmsd_store_put_material(store, material);
    assert_int_equal(kmsd_store_commit(store), err);
    return err;
}

static void values_against_the_schema_are_refused(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);

    struct kmsd_key_row key = key_row("third");
    key.account = TEXT("11112222333x");
    assert_int_equal(put_alone(store, &key, NULL), KMS_ERR_INVALID_ARGUMENT);
    key = key_row("third");
    key.region = TEXT("");
    assert_int_equal(put_alone(store, &key, NULL), KMS_ERR_INVALID_ARGUMENT);
    key = key_row("third");
    key.deletion_ms = -1;
    assert_int_equal(put_alone(store, &key, NULL), KMS_ERR_INVALID_ARGUMENT);

    struct kmsd_material_row material = material_row(KEY_B, 2);
    material.material_id.len = 31;
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);
    material = material_row(KEY_B, 2);
    material.version = 0;
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);
    material = material_row(KEY_B, 2);
    material.material_id = material_row(KEY_B, 1).material_id; /* one material, two versions */
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);
    material = material_row(KEY_B, 2);
    material.wrapped.len = 0; /* only what waits for its import has none */
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);
    material = material_row(KEY_B, 2);
    material.import_state = TEXT("PENDING_IMPORT");
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);
    material = material_row(KEY_B, 2);
    material.state = TEXT("LOST");
    assert_int_equal(put_alone(store, NULL, &material), KMS_ERR_INVALID_ARGUMENT);

    assert_two_keys(store);
    kmsd_store_close(store);
}

static enum kms_err stop_at_second(void *context, const struct kmsd_alias_row *row)
{
    (void)row;
    return ++*(int *)context == 2 ? KMS_ERR_CANCELLED : KMS_OK;
}

static void a_visitor_may_stop(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    for (int i = 0; i < 2; i++) {
        int seen = 0;
        assert_int_equal(kmsd_store_each_alias(store, stop_at_second, &seen), KMS_ERR_CANCELLED);
        assert_int_equal(seen, 2);
    }
    kmsd_store_close(store);
}

/* --- the file --------------------------------------------------------------------------------- */

static void files_are_private_whatever_the_umask(void **state)
{
    struct fixture *fixture = *state;
    mode_t before = umask(0);
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    (void)umask(before);
    char log[128];
    (void)snprintf(log, sizeof(log), "%s-wal", fixture->path);
    struct stat info;
    assert_int_equal(stat(fixture->path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(stat(log, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    kmsd_store_close(store);
    assert_int_not_equal(stat(log, &info), 0); /* all of it is in the store's one file */
}

/* Opens and waits for the check of the whole file. */
static enum kms_err open_whole(
    const char *path, enum kmsd_store_mode mode, struct kmsd_detail *detail)
{
    struct kmsd_store *store = NULL;
    enum kms_err err = kmsd_store_open(path, mode, &store, detail);
    assert_true(err == KMS_OK || store == NULL);
    if (err == KMS_OK)
        err = kmsd_store_verified(store, detail);
    kmsd_store_close(store);
    return err;
}

static enum kms_err open_fails(
    const char *path, enum kmsd_store_mode mode, struct kmsd_detail *detail)
{
    enum kms_err err = open_whole(path, mode, detail);
    assert_int_not_equal(err, KMS_OK);
    assert_int_not_equal(detail->text[0], '\0');
    assert_int_equal(open_whole(path, mode, NULL), err);
    return err;
}

static void names_are_checked(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_NOT_FOUND);
    assert_int_equal(access(fixture->path, F_OK), -1);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_CREATE, &detail), KMS_ERR_EXISTS);
    assert_int_equal(open_fails("/nonexistent/kms.db", KMSD_STORE_CREATE, &detail), KMS_ERR_IO);
    assert_int_equal(open_fails("", KMSD_STORE_CREATE, &detail), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(open_fails(fixture->folder, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_EXISTING));
}

static void names_are_not_uris(void **state)
{
    struct fixture *fixture = *state;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(here >= 0);
    assert_int_equal(chdir(fixture->folder), 0);
    char absolute[128];
    (void)snprintf(absolute, sizeof(absolute), "//%s/x%%3fy#z?mode=memory", fixture->folder);
    const char *const names[] = {"file:x?mode=memory", "%41%", absolute};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct kmsd_store *store = open_ok(names[i], KMSD_STORE_CREATE);
        put_two_keys(store);
        kmsd_store_close(store);
        store = open_ok(names[i], KMSD_STORE_EXISTING);
        assert_two_keys(store);
        assert_int_equal(kmsd_store_verified(store, NULL), KMS_OK);
        kmsd_store_close(store);
    }
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
}

static void a_store_that_others_may_write_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    assert_int_equal(chmod(fixture->path, 0620), 0);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
    assert_non_null(strstr(detail.text, "0620"));
    assert_int_equal(chmod(fixture->path, 0602), 0);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
    if (geteuid() == 0) {
        assert_int_equal(chmod(fixture->path, 0600), 0);
        assert_int_equal(chown(fixture->path, 65534, 65534), 0);
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
        assert_non_null(strstr(detail.text, "65534"));
    }
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
    static const mode_t modes[] = {0777, 0770, 01777};
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        char mode[8];
        (void)snprintf(mode, sizeof(mode), "%04o", (unsigned)modes[i]);
        assert_int_equal(chmod(fixture->folder, modes[i]), 0);
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
        assert_non_null(strstr(detail.text, "folder"));
        assert_non_null(strstr(detail.text, mode));
    }
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_EXISTING));
    if (geteuid() == 0) {
        assert_int_equal(chown(fixture->folder, 65534, 65534), 0);
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
        assert_non_null(strstr(detail.text, "65534"));
    }
}

static void no_store_is_made_where_others_may_write(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    assert_int_equal(chmod(fixture->folder, 0777), 0);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_CREATE, &detail), KMS_ERR_POLICY);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

/* A link in a good folder to a store in one that is not, and the other way round. */
static void the_folders_of_a_link_and_its_target_are_looked_at(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    char folder[80];
    char link[96];
    (void)snprintf(folder, sizeof(folder), "%s/links", fixture->folder);
    (void)snprintf(link, sizeof(link), "%s/store", folder);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink(fixture->path, link), 0);
    kmsd_store_close(open_ok(link, KMSD_STORE_EXISTING));
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(open_fails(link, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(chmod(fixture->folder, 0777), 0);
    assert_int_equal(open_fails(link, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* Somebody may have put it there while the folder was open to them. */
static void a_log_that_others_may_write_is_refused(void **state)
{
    static const char *const suffixes[] = {"-wal", "-journal"};
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char log[112];
        (void)snprintf(log, sizeof(log), "%s%s", fixture->path, suffixes[i]);
        assert_int_equal(symlink(fixture->path, log), 0);
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
        assert_non_null(strstr(detail.text, "regular"));
        assert_int_equal(unlink(log), 0);
        int fd = open(log, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, 0666), 0);
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
        assert_non_null(strstr(detail.text, log));
        assert_non_null(strstr(detail.text, "0666"));
        assert_int_equal(fchmod(fd, 0600), 0);
        if (geteuid() == 0) {
            assert_int_equal(fchown(fd, 65534, 65534), 0);
            assert_int_equal(
                open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_POLICY);
            assert_int_equal(fchown(fd, 0, 0), 0);
        }
        (void)close(fd);
        kmsd_store_close(open_ok(fixture->path, KMSD_STORE_EXISTING)); /* kmsd's own is welcome */
    }
}

/* Whether another process holds SQLite's locks on the file (PENDING_BYTE and what follows it). What
 * SQLite itself says in a child may be what it remembers from its parent. */
static bool is_locked(const char *path)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Whether another process is refused. */
static bool is_busy_elsewhere(const char *path)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct kmsd_store *other = NULL;
        _exit(is_locked(path) &&
                      kmsd_store_open(path, KMSD_STORE_EXISTING, &other, NULL) == KMS_ERR_BUSY
                  ? 0
                  : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

static void a_second_opener_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_BUSY);
    assert_non_null(strstr(detail.text, "another process"));

    assert_true(is_busy_elsewhere(fixture->path));

    put_two_keys(store); /* the holder is not disturbed */
    kmsd_store_close(store);
    store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_two_keys(store);

    /* the check has had the file open as well, and has taken no lock away */
    assert_int_equal(kmsd_store_verified(store, NULL), KMS_OK);
    assert_true(is_busy_elsewhere(fixture->path));
    kmsd_store_close(store);
}

static size_t file_size(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}

static void overwrite(const char *path, off_t at, const void *octets, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, octets, len, at), len);
    (void)close(fd);
}

static void vacuum(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "VACUUM", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void damage_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    kmsd_store_close(store);
    vacuum(fixture->path); /* in a free page anything may stand */

    uint8_t garbage[4096];
    memset(garbage, 0xa5, sizeof(garbage));
    size_t pages = file_size(fixture->path) / 4096;
    assert_in_range(pages, 5, 100);
    uint8_t page[4096];
    for (size_t i = 0; i < pages; i++) {
        int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(pread(fd, page, sizeof(page), (off_t)(i * 4096)), sizeof(page));
        (void)close(fd);
        overwrite(fixture->path, (off_t)(i * 4096), garbage, sizeof(garbage));
        assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_CORRUPT);
        overwrite(fixture->path, (off_t)(i * 4096), page, sizeof(page));
    }
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_EXISTING));

    assert_int_equal(truncate(fixture->path, (off_t)((pages - 1) * 4096)), 0);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_EXISTING, &detail), KMS_ERR_CORRUPT);
}

/* The page an index begins at, counted from 1. */
static off_t root_page(const char *path, const char *index)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = ?1",
                         -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(statement, 1, index, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    off_t page = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return page;
}

/* An index that lacks a row looks well to whoever reads the table: so rows can be read, but nothing is
 * written, and nobody who asks is told that the store is whole. */
static void damage_of_an_index_shows_in_the_background(void **state)
{
    static const uint8_t two_cells[2] = {
        0, 2}; /* of three; bytes 3 and 4 of a page tell how many */
    struct fixture *fixture = *state;
    struct kmsd_detail detail = {""};
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    kmsd_store_close(store);
    overwrite(fixture->path, (root_page(fixture->path, "aliases_by_key") - 1) * 4096 + 3, two_cells,
        sizeof(two_cells));

    store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_two_keys(store);
    assert_int_equal(kmsd_store_begin(store), KMS_ERR_CORRUPT);
    assert_int_equal(kmsd_store_begin(store), KMS_ERR_CORRUPT);
    assert_int_equal(kmsd_store_verified(store, &detail), KMS_ERR_CORRUPT);
    assert_non_null(strstr(detail.text, "integrity_check"));
    assert_two_keys(store);
    kmsd_store_close(store);

    store = open_ok(fixture->path, KMSD_STORE_EXISTING); /* closed before the check is over */
    kmsd_store_close(store);
}

/* --- when the disk fails ---------------------------------------------------------------------- */

static void limit_file_size(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Writes fail for real: no file may grow past what the log has now. */
static void a_failed_commit_leaves_a_usable_store(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    char log[128];
    (void)snprintf(log, sizeof(log), "%s-wal", fixture->path);

    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    limit_file_size(file_size(log));
    for (int i = 0; i < 3; i++) {
        struct kmsd_key_row row = key_row("third");
        assert_int_equal(kmsd_store_begin(store), KMS_OK);
        assert_int_equal(kmsd_store_put_key(store, &row), KMS_OK);
        assert_int_equal(kmsd_store_commit(store), KMS_ERR_IO);
        assert_two_keys(store);
    }
    limit_file_size(RLIM_INFINITY);

    struct kmsd_alias_row alias = alias_row("alias/a1", KEY_A);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(kmsd_store_put_alias(store, &alias), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    kmsd_store_close(store);
    store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_two_keys(store);
    kmsd_store_close(store);
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
}

/* A transaction so large that its puts already write, into a database that may not grow. */
static void a_full_database_keeps_no_part(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok(NULL, KMSD_STORE_MEMORY);
    put_two_keys(store);
    assert_int_equal(
        sqlite3_exec(store->db, "PRAGMA max_page_count=64", NULL, NULL, NULL), SQLITE_OK);
    static char policy[32768];
    memset(policy, 'p', sizeof(policy));
    enum kms_err err = KMS_OK;
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    for (int i = 0; i < 32; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "key-%d", i);
        struct kmsd_key_row row = key_row(id);
        row.policy = (struct kms_str){policy, sizeof(policy)};
        enum kms_err now = kmsd_store_put_key(store, &row);
        assert_true(err == KMS_OK || now == err); /* once failed, failed to the end */
        err = now;
    }
    assert_int_equal(err, KMS_ERR_IO);
    assert_int_equal(kmsd_store_commit(store), KMS_ERR_IO);
    assert_two_keys(store);
    struct kmsd_key_row row = key_row("third");
    assert_int_equal(put_alone(store, &row, NULL), KMS_OK);
    assert_counts(store, 3, 3, 3, 2);
    kmsd_store_close(store);
}

static void a_failed_creation_leaves_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    struct kmsd_detail detail = {""};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &before), 0);
    limit_file_size(8192);
    assert_int_equal(open_fails(fixture->path, KMSD_STORE_CREATE, &detail), KMS_ERR_IO);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(access(fixture->path, F_OK), -1);
    assert_int_equal(errno, ENOENT);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    assert_int_equal(sigaction(SIGXFSZ, &before, NULL), 0);
}

/* --- deletion --------------------------------------------------------------------------------- */

static bool file_contains(const char *path, const uint8_t *needle, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t size = file_size(path);
    uint8_t *octets = malloc(size + 1);
    assert_non_null(octets);
    assert_int_equal(pread(fd, octets, size, 0), size);
    bool found = memmem(octets, size, needle, len) != NULL;
    free(octets);
    (void)close(fd);
    return found;
}

static void deleted_material_is_in_no_file(void **state)
{
    static const uint8_t secret[48] = "the wrapped material of a key that will be gone";
    struct fixture *fixture = *state;
    char log[128];
    (void)snprintf(log, sizeof(log), "%s-wal", fixture->path);
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    struct kmsd_material_row material = material_row(KEY_B, 2);
    material.wrapped = kms_bytes(secret, sizeof(secret));
    assert_int_equal(put_alone(store, NULL, &material), KMS_OK);
    assert_true(file_contains(log, secret, sizeof(secret)));

    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_B)), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_false(file_contains(log, secret, sizeof(secret)));
    assert_false(file_contains(fixture->path, secret, sizeof(secret)));
    assert_counts(store, 1, 2, 2, 1);
    kmsd_store_close(store);
    assert_false(file_contains(fixture->path, secret, sizeof(secret)));
}

/* A crash may come between the commit and the emptying of the log, with the material still in the
 * database or the log. The next start makes the deletion real. */
static void deleted_material_is_in_no_file_after_a_crash(void **state)
{
    static const uint8_t secret[48] = "the wrapped material of a key that will be gone";
    struct fixture *fixture = *state;
    char log[128];
    (void)snprintf(log, sizeof(log), "%s-wal", fixture->path);
    kmsd_store_close(open_ok(fixture->path, KMSD_STORE_CREATE));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_EXISTING);
        put_two_keys(store);
        struct kmsd_material_row material = material_row(KEY_B, 2);
        material.wrapped = kms_bytes(secret, sizeof(secret));
        if (put_alone(store, NULL, &material) != KMS_OK || kmsd_store_begin(store) != KMS_OK ||
            kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_B)) != KMS_OK)
            _exit(1);
        store->deleted_key = false; /* what follows the commit does not happen any more */
        kms_buf_reset(&store->destroyed);
        if (kmsd_store_commit(store) != KMS_OK)
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(file_contains(log, secret, sizeof(secret)) ||
                file_contains(fixture->path, secret, sizeof(secret)));
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_false(file_contains(log, secret, sizeof(secret)));
    assert_false(file_contains(fixture->path, secret, sizeof(secret)));
    assert_counts(store, 1, 2, 2, 1);
    kmsd_store_close(store);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)

/* Each thread's transactions are whole: nobody else's rollback or put gets into them. */
struct writer {
    struct kmsd_store *store;
    uint8_t name;
    pthread_t thread;
};

enum { WRITERS = 4, TURNS = 50 };

static void *write_in_turns(void *at)
{
    const struct writer *writer = at;
    char name[2] = {(char)('a' + writer->name), '\0'};
    for (unsigned i = 0; i < TURNS; i++) {
        uint8_t value = (uint8_t)i;
        kmsd_store_rollback(writer->store); /* has none: must not touch the others' */
        if (kmsd_store_begin(writer->store) != KMS_OK ||
            kmsd_store_put_setting(writer->store, kms_str(name), kms_bytes(&value, 1)) != KMS_OK ||
            kmsd_store_commit(writer->store) != KMS_OK)
            return at;
    }
    return NULL;
}

static void writers_take_turns(void **state)
{
    (void)state;
    struct kmsd_store *store = open_ok("", KMSD_STORE_MEMORY);
    struct writer writers[WRITERS];
    for (uint8_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = store, .name = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_in_turns, &writers[i]), 0);
    }
    for (uint8_t i = 0; i < WRITERS; i++) {
        void *failed = store;
        assert_int_equal(pthread_join(writers[i].thread, &failed), 0);
        assert_null(failed);
    }
    for (uint8_t i = 0; i < WRITERS; i++) { /* nobody reads while others write */
        char name[2] = {(char)('a' + i), '\0'};
        uint8_t value = 0;
        size_t len = 0;
        assert_int_equal(kmsd_store_get_setting(store, kms_str(name), &value, 1, &len), KMS_OK);
        assert_int_equal(value, TURNS - 1);
    }
    assert_int_equal(kmsd_store_commit(store), KMS_ERR_INTERNAL);
    kmsd_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_store_keeps_rows),
        in_a_folder(rows_survive_reopening),
        in_a_folder(committed_rows_survive_a_kill),
        cmocka_unit_test(replacing_a_key_keeps_what_hangs_on_it),
        cmocka_unit_test(deleting_a_key_takes_what_hangs_on_it),
        cmocka_unit_test(aliases_and_tags_move_and_go),
        cmocka_unit_test(rolling_back_leaves_nothing),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(rows_of_no_key_are_refused),
        cmocka_unit_test(values_against_the_schema_are_refused),
        cmocka_unit_test(a_visitor_may_stop),
        in_a_folder(files_are_private_whatever_the_umask),
        in_a_folder(names_are_checked),
        in_a_folder(names_are_not_uris),
        in_a_folder(a_store_that_others_may_write_is_refused),
        in_a_folder(a_folder_that_others_may_write_is_refused),
        in_a_folder(no_store_is_made_where_others_may_write),
        in_a_folder(the_folders_of_a_link_and_its_target_are_looked_at),
        in_a_folder(a_log_that_others_may_write_is_refused),
        in_a_folder(a_second_opener_is_refused),
        in_a_folder(damage_is_noticed),
        in_a_folder(damage_of_an_index_shows_in_the_background),
        in_a_folder(a_failed_commit_leaves_a_usable_store),
        cmocka_unit_test(a_full_database_keeps_no_part),
        in_a_folder(a_failed_creation_leaves_no_file),
        in_a_folder(deleted_material_is_in_no_file),
        in_a_folder(deleted_material_is_in_no_file_after_a_crash),
        cmocka_unit_test(writers_take_turns),
    };
    kmsd_store_close(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
