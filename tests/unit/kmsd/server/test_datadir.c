/* Data directories: made once, for their owner alone, and gone again when making them fails. */
#include "kmsd/server/arguments.h"
#include "kmsd/server/datadir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCOUNT "111122223333"

static const struct kmsd_repeated two_regions = {{"eu-central-1", "us-east-1"}, 2};
static const struct kmsd_repeated no_regions;

struct scratch {
    char folder[64];
    char data[128];
    char key[128];
};

static int set_up(void **state)
{
    static struct scratch scratch;
    (void)snprintf(scratch.folder, sizeof(scratch.folder), "/tmp/kmsd-datadir-XXXXXX");
    if (mkdtemp(scratch.folder) == NULL)
        return 1;
    (void)snprintf(scratch.data, sizeof(scratch.data), "%s/data", scratch.folder);
    (void)snprintf(scratch.key, sizeof(scratch.key), "%s/elsewhere.key", scratch.folder);
    *state = &scratch;
    return 0;
}

static size_t count_files(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return SIZE_MAX;
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.')
            count++;
    }
    (void)closedir(directory);
    return count;
}

static int tear_down(void **state)
{
    struct scratch *scratch = *state;
    char path[256];
    static const char *const names[] = {"data/kmsd.db", "data/kmsd.db-wal", "data/kmsd.db-shm",
        "data/root.key", "data/stray", "data", "elsewhere.key", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", scratch->folder, names[i]);
        if (unlink(path) != 0)
            (void)rmdir(path);
    }
    return count_files(scratch->folder) == SIZE_MAX ? 0 : 1; /* nothing unexpected was left */
}

static struct kmsd_datadir_options options_for(const struct scratch *scratch)
{
    struct kmsd_datadir_options options = {
        .path = scratch->data,
        .account = ACCOUNT,
        .regions = &two_regions,
        .now_ms = 1795396373123,
    };
    return options;
}

static mode_t mode_of(const char *folder, const char *name)
{
    char path[256];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void makes_a_directory_for_its_owner_alone(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_datadir datadir;
    struct kmsd_detail detail = {.text = ""};
    assert_false(kmsd_datadir_exists(scratch->data));
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_OK);
    assert_true(kmsd_datadir_exists(scratch->data));
    assert_int_equal(mode_of(scratch->data, "."), 0700);
    assert_int_equal(mode_of(scratch->data, "kmsd.db"), 0600);
    assert_int_equal(mode_of(scratch->data, "root.key"), 0600);
    assert_int_equal(strlen(key.id), 20);
    assert_memory_equal(key.id, "AKIA", 4);
    assert_int_equal(strspn(key.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), 20);
    assert_int_equal(kms_secret_len(key.secret), 40);

    assert_int_equal(kmsd_datadir_open(scratch->data, NULL, &datadir, &detail), KMS_OK);
    assert_string_equal(datadir.account, ACCOUNT);
    assert_int_equal(datadir.region_count, 2);
    assert_true(kms_str_is(datadir.regions[0], "eu-central-1"));
    assert_true(kms_str_is(datadir.regions[1], "us-east-1"));

    /* the access key that was shown is the one that is stored */
    struct kmsd_auth *auth = NULL;
    const struct kmsd_auth_options auth_options = {.custody = datadir.custody};
    assert_int_equal(kmsd_auth_new(&auth_options, &auth), KMS_OK);
    assert_int_equal(kmsd_auth_load(auth, datadir.store, &detail), KMS_OK);
    struct kms_header headers[3] = {
        {kms_str("host"), kms_str("h")}, {kms_str("x-amz-date"), kms_str("20261123T011253Z")}};
    struct kms_http_view view = {.method = kms_str("POST"),
        .path = kms_str("/"),
        .query = kms_str(""),
        .headers = headers,
        .header_count = 2,
        .body = kms_bytes("", 0)};
    const struct kms_sigv4_signer signer = {.access_key_id = kms_str(key.id),
        .secret_access_key = kms_secret_bytes(key.secret),
        .region = kms_str("us-east-1"),
        .service = kms_str("kms"),
        .now_ms = options.now_ms};
    KMS_BUF_AUTO authorization;
    KMS_ARENA_AUTO arena;
    kms_buf_init(&authorization, 1024);
    kms_arena_init(&arena, 4096);
    assert_int_equal(kms_sigv4_sign(&view, &signer, &kms_sigv4_defaults, &authorization), KMS_OK);
    headers[2] = (struct kms_header){kms_str("authorization"), kms_buf_str(&authorization)};
    view.header_count = 3;
    struct kmsd_principal principal;
    struct kms_str region;
    struct kms_str message;
    assert_int_equal(
        kmsd_auth_verify(auth, &view, options.now_ms, &arena, &principal, &region, &message),
        KMS_FAULT_COUNT);
    assert_true(principal.is_account_root);
    assert_string_equal(principal.arn, "arn:aws:iam::" ACCOUNT ":root");

    kmsd_auth_free(auth);
    kms_secret_free(key.secret);
    kmsd_datadir_close(&datadir);
    kmsd_datadir_close(&datadir); /* harmless */
}

static void refuses_what_is_there_already(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_detail detail = {.text = ""};
    char stray[256];
    assert_int_equal(mkdir(scratch->data, 0755), 0);
    (void)snprintf(stray, sizeof(stray), "%s/stray", scratch->data);
    assert_int_equal(close(open(stray, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_EXISTS);
    assert_non_null(strstr(detail.text, "exists and is not empty"));
    assert_int_equal(count_files(scratch->data), 1);
    assert_int_equal(mode_of(scratch->data, "."), 0755); /* untouched */
    assert_int_equal(unlink(stray), 0);

    /* an empty one will do */
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_OK);
    assert_int_equal(mode_of(scratch->data, "."), 0700);
    kms_secret_free(key.secret);
    key.secret = NULL;
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_EXISTS);
    assert_null(key.secret);
    assert_int_equal(count_files(scratch->data), 2);
}

/* Its owner could put other files in the place of these. */
static void refuses_a_directory_of_somebody_else(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_detail detail = {.text = ""};
    if (geteuid() != 0)
        skip(); /* only root can make one */
    assert_int_equal(mkdir(scratch->data, 0700), 0);
    assert_int_equal(chown(scratch->data, 65534, 65534), 0);
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_IO);
    assert_non_null(strstr(detail.text, "belongs to somebody else"));
    assert_int_equal(count_files(scratch->data), 0);
}

static void leaves_nothing_behind_when_it_fails(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_detail detail = {.text = ""};
    /* a root key is there already: it stays, the directory does not */
    options.root_key_file = scratch->key;
    assert_int_equal(close(open(scratch->key, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_EXISTS);
    assert_null(key.secret);
    assert_int_equal(access(scratch->key, F_OK), 0);
    assert_int_not_equal(access(scratch->data, F_OK), 0);

    /* a folder that is not there */
    options.root_key_file = "/nonexistent/folder/root.key";
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_IO);
    assert_int_not_equal(access(scratch->data, F_OK), 0);

    /* an account that the store refuses: found late, when key and store are made */
    options.root_key_file = NULL;
    options.account = "not digits!!";
    assert_int_not_equal(kmsd_datadir_create(&options, &key, &detail), KMS_OK);
    assert_null(key.secret);
    assert_int_not_equal(access(scratch->data, F_OK), 0);

    options.account = ACCOUNT;
    options.path = "/nonexistent/folder/data";
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_ERR_IO);
}

static void removes_what_it_made(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_detail detail = {.text = ""};
    options.root_key_file = scratch->key;
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_OK);
    kms_secret_free(key.secret);
    kmsd_datadir_remove(&options);
    assert_int_not_equal(access(scratch->data, F_OK), 0);
    assert_int_not_equal(access(scratch->key, F_OK), 0);
}

static void opens_only_what_belongs_together(void **state)
{
    const struct scratch *scratch = *state;
    struct kmsd_datadir_options options = options_for(scratch);
    struct kmsd_access_key key = {.secret = NULL};
    struct kmsd_datadir datadir;
    struct kmsd_datadir second;
    struct kmsd_detail detail = {.text = ""};
    assert_int_equal(kmsd_datadir_open(scratch->data, NULL, &datadir, &detail), KMS_ERR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "kmsd init"));
    options.root_key_file = scratch->key;
    assert_int_equal(kmsd_datadir_create(&options, &key, &detail), KMS_OK);
    kms_secret_free(key.secret);

    assert_int_equal(kmsd_datadir_open(scratch->data, NULL, &datadir, &detail), KMS_ERR_NOT_FOUND);
    assert_int_equal(kmsd_datadir_open(scratch->data, scratch->key, &datadir, &detail), KMS_OK);
    assert_int_equal(
        kmsd_datadir_open(scratch->data, scratch->key, &second, &detail), KMS_ERR_BUSY);
    assert_null(second.store);
    kmsd_datadir_close(&datadir);

    assert_int_equal(chmod(scratch->data, 0777), 0);
    assert_int_equal(
        kmsd_datadir_open(scratch->data, scratch->key, &datadir, &detail), KMS_ERR_POLICY);
    assert_non_null(strstr(detail.text, "0777"));
    assert_int_equal(chmod(scratch->data, 0700), 0);

    assert_int_equal(chmod(scratch->key, 0640), 0);
    assert_int_equal(
        kmsd_datadir_open(scratch->data, scratch->key, &datadir, &detail), KMS_ERR_POLICY);
    assert_int_equal(unlink(scratch->key), 0);

    /* the root key of another directory */
    char other[160];
    (void)snprintf(other, sizeof(other), "%s.other", scratch->data);
    struct kmsd_datadir_options other_options = options;
    other_options.path = other;
    assert_int_equal(kmsd_datadir_create(&other_options, &key, &detail), KMS_OK);
    kms_secret_free(key.secret);
    assert_int_equal(
        kmsd_datadir_open(scratch->data, scratch->key, &datadir, &detail), KMS_ERR_AUTHENTICATION);
    assert_non_null(strstr(detail.text, "root key"));
    assert_null(datadir.store);
    assert_null(datadir.custody);
    kmsd_datadir_remove(&other_options);
}

static void lives_in_memory(void **state)
{
    struct kmsd_datadir datadir;
    struct kmsd_detail detail = {.text = ""};
    const struct kmsd_datadir_options options = {.account = ACCOUNT, .regions = &no_regions};
    (void)state;
    assert_int_equal(kmsd_datadir_open_memory(&options, &datadir, &detail), KMS_OK);
    assert_string_equal(datadir.account, ACCOUNT);
    assert_int_equal(datadir.region_count, 0);
    kmsd_datadir_close(&datadir);
}

static void checks_what_it_is_told(void **state)
{
    static const char *const accounts[] = {"", "123", "1111222233334", "11112222333x"};
    static const struct kmsd_repeated bad_regions = {{"EU-Central-1"}, 1};
    struct kmsd_detail detail = {.text = ""};
    struct kmsd_datadir_options options = {.account = ACCOUNT, .regions = &two_regions};
    (void)state;
    assert_int_equal(kmsd_datadir_check(&options, &detail), KMS_OK);
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        options.account = accounts[i];
        assert_int_equal(kmsd_datadir_check(&options, &detail), KMS_ERR_CONFIG);
        assert_non_null(strstr(detail.text, "12 digits"));
    }
    options.account = ACCOUNT;
    options.regions = &bad_regions;
    assert_int_equal(kmsd_datadir_check(&options, &detail), KMS_ERR_CONFIG);
    assert_non_null(strstr(detail.text, "EU-Central-1"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_directory_for_its_owner_alone),
        TEST(refuses_what_is_there_already),
        TEST(refuses_a_directory_of_somebody_else),
        TEST(leaves_nothing_behind_when_it_fails),
        TEST(removes_what_it_made),
        TEST(opens_only_what_belongs_together),
        cmocka_unit_test(lives_in_memory),
        cmocka_unit_test(checks_what_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
