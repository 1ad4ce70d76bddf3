/*
 * The check of all that a store's file holds, while its rows are being read already: on a thread and a
 * connection of its own. That connection takes the file for immutable, and so it is: the write-ahead
 * log is empty when it opens, nobody else can open the file, and no transaction begins before the
 * check is over (kmsd_store_begin).
 */
#include "kmsd/store/engine.h"

#include "libkms/base/buf.h"

#include <limits.h>
#include <stdlib.h>

struct kmsd_store_check {
    pthread_t thread;
    struct kms_buf uri;
    enum kms_err err;
    struct kmsd_detail detail;
};

/* Every page, cell and constraint, and each index against its table. That rows belong to keys is
 * found out where the keys are loaded. */
enum kms_err kmsd_store_check(sqlite3 *db, struct kmsd_detail *detail)
{
    return kmsd_store_expect(db, "PRAGMA integrity_check(1)", "ok", KMS_ERR_CORRUPT, detail);
}

/* The name as SQLite's URIs have it, in the caller's buffer. */
static enum kms_err write_uri(const char *path, struct kms_buf *out)
{
    static const char digits[] = "0123456789abcdef";
    kms_buf_append_text(out, path[0] == '/' ? "file://" : "file:");
    for (; *path != '\0'; path++) {
        uint8_t octet = (uint8_t)*path;
        bool is_special = octet == '?' || octet == '#' || octet == '%';
        if (is_special)
            kms_buf_append_u8(out, '%');
        kms_buf_append_u8(out, is_special ? (uint8_t)digits[octet >> 4] : octet);
        if (is_special)
            kms_buf_append_u8(out, (uint8_t)digits[octet & 15]);
    }
    kms_buf_append_text(out, "?immutable=1");
    kms_buf_append_u8(out, '\0');
    return out->err;
}

static enum kms_err open_again(const char *uri, sqlite3 **db, struct kmsd_detail *detail)
{
    int result = sqlite3_open_v2(uri, db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
            SQLITE_OPEN_EXRESCODE,
        NULL);
    if (result == SQLITE_OK) {
        kmsd_store_distrust(*db);
        return kmsd_store_configure_reading(*db, detail);
    }
    kmsd_detail_set(detail, "opening the store to check it: %s",
        *db == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(*db));
    return kmsd_store_error(result);
}

static void *run(void *argument)
{
    struct kmsd_store_check *check = argument;
    sqlite3 *db = NULL;
    check->err = open_again((const char *)check->uri.data, &db, &check->detail);
    if (check->err == KMS_OK)
        check->err = kmsd_store_check(db, &check->detail);
    (void)sqlite3_close(db);
    return NULL;
}

static void free_check(struct kmsd_store_check *check)
{
    kms_buf_clean_up(&check->uri);
    free(check);
}

enum kms_err kmsd_store_check_start(struct kmsd_store *store, const char *path)
{
    struct kmsd_store_check *check = calloc(1, sizeof(*check));
    if (check == NULL)
        return KMS_ERR_NO_MEMORY;
    kms_buf_init(&check->uri, 4 * PATH_MAX);
    enum kms_err err = write_uri(path, &check->uri);
    if (err == KMS_OK && pthread_create(&check->thread, NULL, run, check) != 0)
        err = KMS_ERR_NO_MEMORY;
    if (err != KMS_OK) {
        free_check(check);
        return err;
    }
    store->check = check;
    return KMS_OK;
}

void kmsd_store_check_end(struct kmsd_store *store)
{
    struct kmsd_store_check *check = store->check;
    if (check == NULL)
        return;
    (void)pthread_join(check->thread, NULL);
    store->verdict = check->err;
    store->reason = check->detail;
    store->check = NULL;
    free_check(check);
}
