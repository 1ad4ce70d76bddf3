#include "kmsd/server/datadir.h"

#include "kmsd/crypto/rootkey.h"
#include "kmsd/server/arguments.h"
#include "libkms/base/clock.h"
#include "libkms/base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_FILE    "kmsd.db"
#define ROOT_KEY_FILE "root.key"
#define ADMIN_SOCKET  "admin.sock"
#define AUDIT_FOLDER  "audit"

static const struct kms_str account_setting = KMS_STR_LITERAL("account");
static const struct kms_str regions_setting = KMS_STR_LITERAL("regions"); /* "a,b,c"; "": any */
static const struct kms_str canary_setting = KMS_STR_LITERAL(KMSD_CANARY_SETTING);

/* --- names ------------------------------------------------------------------------------------ */

/* The files of a data directory. */
struct names {
    char store[PATH_MAX];
    char root_key[PATH_MAX];
};

static enum kms_err name_files(
    const char *path, const char *root_key_file, struct names *names, struct kmsd_detail *detail)
{
    int store = snprintf(names->store, sizeof(names->store), "%s/" STORE_FILE, path);
    int key = root_key_file != NULL
                  ? snprintf(names->root_key, sizeof(names->root_key), "%s", root_key_file)
                  : snprintf(names->root_key, sizeof(names->root_key), "%s/" ROOT_KEY_FILE, path);
    if (store < 0 || store >= PATH_MAX - 16 || key < 0 || key >= PATH_MAX) {
        kmsd_detail_set(detail, "the path of the data directory is too long");
        return KMS_ERR_CONFIG;
    }
    return KMS_OK;
}

enum kms_err kmsd_datadir_check(
    const struct kmsd_datadir_options *options, struct kmsd_detail *detail)
{
    if (!kmsd_auth_is_account(kms_str(options->account))) {
        kmsd_detail_set(detail, "an account id has 12 digits");
        return KMS_ERR_CONFIG;
    }
    for (size_t i = 0; i < options->regions->count; i++) {
        if (!kmsd_auth_is_region(kms_str(options->regions->values[i]))) {
            kmsd_detail_set(
                detail, "'%.64s' is no region: say eu-central-1", options->regions->values[i]);
            return KMS_ERR_CONFIG;
        }
    }
    return KMS_OK;
}

static enum kms_err take_regions(
    struct kmsd_datadir *datadir, struct kms_str list, struct kmsd_detail *detail)
{
    char *text = datadir->region_text;
    if (list.len >= sizeof(datadir->region_text)) {
        kmsd_detail_set(detail, "the store's list of regions is too long");
        return KMS_ERR_CORRUPT;
    }
    memcpy(text, list.data, list.len);
    datadir->region_count = 0;
    for (size_t start = 0; start < list.len;) {
        size_t end = start;
        while (end < list.len && text[end] != ',')
            end++;
        struct kms_str region = {text + start, end - start};
        if (datadir->region_count == KMSD_DATADIR_MAX_REGIONS || !kmsd_auth_is_region(region)) {
            kmsd_detail_set(detail, "the store's list of regions is damaged");
            return KMS_ERR_CORRUPT;
        }
        datadir->regions[datadir->region_count++] = region;
        start = end + 1;
    }
    return KMS_OK;
}

static void list_regions(const struct kmsd_repeated *regions, struct kms_buf *out)
{
    for (size_t i = 0; i < regions->count; i++) {
        if (i != 0)
            kms_buf_append_u8(out, ',');
        kms_buf_append_text(out, regions->values[i]);
    }
}

/* --- what a new store begins with ------------------------------------------------------------- */

static enum kms_err put_access_key(const struct kmsd_datadir *datadir,
    const struct kmsd_datadir_options *options, const struct kmsd_access_key *access_key)
{
    char arn[64];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    (void)snprintf(arn, sizeof(arn), "arn:%s:iam::%s:root",
        kms_partition_of_region(
            kms_str(options->regions->count == 0 ? "" : options->regions->values[0])),
        options->account);
    enum kms_err err = kmsd_iam_seal(datadir->custody, kms_str(access_key->id), kms_str(arn),
        kms_secret_bytes(access_key->secret), &wrapped);
    if (err != KMS_OK)
        return err;
    const struct kmsd_access_key_row row = {
        .access_key_id = kms_str(access_key->id),
        .account = kms_str(options->account),
        .principal_arn = kms_str(arn),
        .status = kms_str("Active"),
        .wrapped_secret = kms_buf_bytes(&wrapped),
        .created_ms = options->now_ms,
    };
    return kmsd_store_put_access_key(datadir->store, &row);
}

static enum kms_err put_settings(
    const struct kmsd_datadir *datadir, const struct kmsd_datadir_options *options)
{
    KMS_BUF_AUTO canary;
    KMS_BUF_AUTO regions;
    kms_buf_init(&canary, KMSD_CANARY_MAX);
    kms_buf_init(&regions, sizeof(datadir->region_text));
    list_regions(options->regions, &regions);
    enum kms_err err = regions.err;
    if (err == KMS_OK)
        err = kmsd_custody_canary_make(datadir->custody, &canary);
    if (err == KMS_OK)
        err = kmsd_store_put_setting(datadir->store, canary_setting, kms_buf_bytes(&canary));
    if (err == KMS_OK)
        err = kmsd_store_put_setting(datadir->store, regions_setting, kms_buf_bytes(&regions));
    if (err == KMS_OK)
        err = kmsd_store_put_setting(
            datadir->store, account_setting, kms_bytes(options->account, strlen(options->account)));
    return err;
}

/* access_key is NULL for a store that is to have none. */
static enum kms_err fill_store(const struct kmsd_datadir *datadir,
    const struct kmsd_datadir_options *options, const struct kmsd_access_key *access_key,
    struct kmsd_detail *detail)
{
    const struct kmsd_account_row account = {
        .account = kms_str(options->account), .created_ms = options->now_ms};
    enum kms_err err = kmsd_store_begin(datadir->store);
    if (err == KMS_OK)
        err = put_settings(datadir, options);
    if (err == KMS_OK)
        err = kmsd_store_put_account(datadir->store, &account);
    if (err == KMS_OK && access_key != NULL)
        err = put_access_key(datadir, options, access_key);
    if (err == KMS_OK)
        err = kmsd_store_commit(datadir->store);
    else
        kmsd_store_rollback(datadir->store);
    if (err != KMS_OK)
        kmsd_detail_set(detail, "filling the store: %s", kms_err_text(err));
    return err;
}

/* --- creating --------------------------------------------------------------------------------- */

static bool is_empty(DIR *directory)
{
    const struct dirent *entry = NULL;
    do {
        entry = readdir(directory);
    } while (
        entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry == NULL;
}

/* Makes the name of a new directory survive power loss, however the path ends. */
static enum kms_err sync_parent(const char *path, struct kmsd_detail *detail)
{
    char parent[PATH_MAX];
    char reason[64];
    (void)snprintf(parent, sizeof(parent), "%s/../", path); /* name_files found it short enough */
    if (kms_folder_sync_of(parent))
        return KMS_OK;
    kmsd_detail_set(detail, "syncing %s: %s", parent, strerror_r(errno, reason, sizeof(reason)));
    return KMS_ERR_IO;
}

/* Whoever owns a directory can take its files away, whatever its mode. */
static bool close_to_others(DIR *directory)
{
    struct stat status;
    return fstat(dirfd(directory), &status) == 0 && status.st_uid == geteuid() &&
           fchmod(dirfd(directory), S_IRWXU) == 0;
}

/* *made: the directory was not there before. */
static enum kms_err make_directory(const char *path, bool *made, struct kmsd_detail *detail)
{
    char reason[64];
    *made = mkdir(path, S_IRWXU) == 0;
    if (*made)
        return sync_parent(path, detail);
    if (errno != EEXIST) {
        kmsd_detail_set(detail, "%s: %s", path, strerror_r(errno, reason, sizeof(reason)));
        return KMS_ERR_IO;
    }
    DIR *directory = opendir(path);
    if (directory == NULL) {
        kmsd_detail_set(detail, "%s: %s", path, strerror_r(errno, reason, sizeof(reason)));
        return KMS_ERR_IO;
    }
    bool empty = is_empty(directory);
    bool closed_to_others = empty && close_to_others(directory);
    (void)closedir(directory);
    if (!empty) {
        kmsd_detail_set(detail, "%s exists and is not empty", path);
        return KMS_ERR_EXISTS;
    }
    if (!closed_to_others) {
        kmsd_detail_set(detail, "%s can't be closed to others: it belongs to somebody else", path);
        return KMS_ERR_IO;
    }
    return KMS_OK;
}

static void remove_store(const struct names *names)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char path[PATH_MAX + 16];
        (void)snprintf(path, sizeof(path), "%s%s", names->store, suffixes[i]);
        (void)unlink(path);
    }
}

static enum kms_err load_custody(
    const char *root_key_file, struct kmsd_custody **out, struct kmsd_detail *detail)
{
    struct kms_secret *root_key = NULL;
    enum kms_err err = kmsd_rootkey_load(root_key_file, &root_key, detail);
    if (err != KMS_OK)
        return err;
    err = kmsd_custody_new(root_key, out); /* takes the root key */
    if (err != KMS_OK)
        kmsd_detail_set(detail, "setting up custody: %s", kms_err_text(err));
    return err;
}

/* Store and root key are files of names by now, or the other way round: to be removed on failure.
 */
static enum kms_err create_files(const struct kmsd_datadir_options *options,
    const struct names *names, struct kmsd_access_key *access_key, struct kmsd_detail *detail)
{
    struct kmsd_datadir datadir = {.store = NULL};
    struct kmsd_access_key made = {.secret = NULL};
    enum kms_err err = load_custody(names->root_key, &datadir.custody, detail);
    if (err == KMS_OK)
        err = kmsd_store_open(names->store, KMSD_STORE_CREATE, &datadir.store, detail);
    if (err == KMS_OK) {
        err = kmsd_access_key_make(KMSD_ACCESS_KEY_LONG_LIVED, &made);
        if (err != KMS_OK)
            kmsd_detail_set(detail, "making an access key: %s", kms_err_text(err));
    }
    if (err == KMS_OK)
        err = fill_store(&datadir, options, &made, detail);
    kmsd_datadir_close(&datadir);
    if (err != KMS_OK) {
        kms_secret_free(made.secret);
        remove_store(names);
        return err;
    }
    *access_key = made;
    return KMS_OK;
}

enum kms_err kmsd_datadir_create(const struct kmsd_datadir_options *options,
    struct kmsd_access_key *access_key, struct kmsd_detail *detail)
{
    struct names names;
    bool made_directory = false;
    enum kms_err err = name_files(options->path, options->root_key_file, &names, detail);
    if (err == KMS_OK)
        err = make_directory(options->path, &made_directory, detail);
    if (err == KMS_OK)
        err = kmsd_rootkey_create(names.root_key, detail);
    if (err == KMS_OK) {
        err = create_files(options, &names, access_key, detail);
        if (err != KMS_OK)
            (void)unlink(names.root_key);
    }
    if (err != KMS_OK && made_directory)
        (void)rmdir(options->path);
    return err;
}

void kmsd_datadir_remove(const struct kmsd_datadir_options *options)
{
    struct names names;
    if (name_files(options->path, options->root_key_file, &names, NULL) != KMS_OK)
        return;
    remove_store(&names);
    (void)unlink(names.root_key);
    (void)rmdir(options->path);
}

/* --- opening ---------------------------------------------------------------------------------- */

static enum kms_err check_canary(const struct kmsd_datadir *datadir, struct kmsd_detail *detail)
{
    uint8_t canary[KMSD_CANARY_MAX];
    size_t len = 0;
    enum kms_err err =
        kmsd_store_get_setting(datadir->store, canary_setting, canary, sizeof(canary), &len);
    if (err == KMS_OK)
        err = kmsd_custody_canary_check(datadir->custody, kms_bytes(canary, len));
    if (err == KMS_ERR_AUTHENTICATION)
        kmsd_detail_set(detail, "this root key is not the store's root key");
    else if (err != KMS_OK)
        kmsd_detail_set(detail, "the store holds no check of its root key: %s", kms_err_text(err));
    return err;
}

static enum kms_err read_settings(struct kmsd_datadir *datadir, struct kmsd_detail *detail)
{
    uint8_t value[sizeof(datadir->region_text)];
    size_t len = 0;
    enum kms_err err =
        kmsd_store_get_setting(datadir->store, account_setting, value, sizeof(value), &len);
    struct kms_str account = {(const char *)value, len};
    if (err != KMS_OK || !kmsd_auth_is_account(account)) {
        kmsd_detail_set(detail, "the store names no account");
        return KMS_ERR_CORRUPT;
    }
    memcpy(datadir->account, account.data, account.len);
    err = kmsd_store_get_setting(datadir->store, regions_setting, value, sizeof(value), &len);
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "the store names no regions");
        return KMS_ERR_CORRUPT;
    }
    return take_regions(datadir, (struct kms_str){(const char *)value, len}, detail);
}

enum kms_err kmsd_datadir_open(const char *path, const char *root_key_file,
    struct kmsd_datadir *out, struct kmsd_detail *detail)
{
    struct names names;
    *out = (struct kmsd_datadir){.store = NULL};
    enum kms_err err = name_files(path, root_key_file, &names, detail);
    if (err != KMS_OK)
        return err;
    if (!kmsd_datadir_exists(path)) {
        kmsd_detail_set(detail, "%s is no data directory: make one with 'kmsd init'", path);
        return KMS_ERR_NOT_FOUND;
    }
    err = kmsd_store_open(names.store, KMSD_STORE_EXISTING, &out->store, detail);
    if (err == KMS_OK)
        err = load_custody(names.root_key, &out->custody, detail);
    if (err == KMS_OK)
        err = check_canary(out, detail);
    if (err == KMS_OK)
        err = read_settings(out, detail);
    if (err != KMS_OK)
        kmsd_datadir_close(out);
    return err;
}

enum kms_err kmsd_datadir_open_memory(const struct kmsd_datadir_options *options,
    struct kmsd_datadir *out, struct kmsd_detail *detail)
{
    struct kms_secret *root_key = NULL;
    *out = (struct kmsd_datadir){.store = NULL};
    enum kms_err err = kms_secret_random(KMSD_ROOT_KEY_SIZE, &root_key);
    if (err == KMS_OK)
        err = kmsd_custody_new(root_key, &out->custody);
    if (err != KMS_OK) {
        kmsd_detail_set(detail, "making a root key: %s", kms_err_text(err));
        return err;
    }
    err = kmsd_store_open("", KMSD_STORE_MEMORY, &out->store, detail);
    if (err == KMS_OK)
        err = fill_store(out, options, NULL, detail);
    if (err == KMS_OK)
        err = read_settings(out, detail);
    if (err != KMS_OK)
        kmsd_datadir_close(out);
    return err;
}

bool kmsd_datadir_exists(const char *path)
{
    struct names names;
    struct stat status;
    return name_files(path, NULL, &names, NULL) == KMS_OK && stat(names.store, &status) == 0;
}

static enum kms_err name_part(
    const char *path, const char *name, char out[PATH_MAX], struct kmsd_detail *detail)
{
    int len = snprintf(out, PATH_MAX, "%s/%s", path, name);
    if (len > 0 && len < PATH_MAX)
        return KMS_OK;
    kmsd_detail_set(detail, "the path of the data directory is too long");
    return KMS_ERR_CONFIG;
}

enum kms_err kmsd_datadir_admin_socket(
    const char *path, char out[PATH_MAX], struct kmsd_detail *detail)
{
    return name_part(path, ADMIN_SOCKET, out, detail);
}

enum kms_err kmsd_datadir_audit(const char *path, char out[PATH_MAX], struct kmsd_detail *detail)
{
    return name_part(path, AUDIT_FOLDER, out, detail);
}

void kmsd_datadir_close(struct kmsd_datadir *datadir)
{
    kmsd_store_close(datadir->store);
    kmsd_custody_free(datadir->custody);
    *datadir = (struct kmsd_datadir){.store = NULL};
}
