/*
 * The end of deleted material. SQLite overwrites a row that is deleted (secure_delete), but not the copies of it
 * that lie where no row is: a page that was made anew, when its tree was balanced, keeps bytes of rows that went
 * to another page. So whatever is destroyed is looked for in the file afterwards, and if some of it is still
 * there the whole file is made anew (VACUUM), which leaves nothing but rows. A file tells that this was not
 * brought to its end, so that a process which is killed in between leaves it to the next.
 */
#include "kmsd/store/engine.h"

#include <stdlib.h>

enum {
    NEEDLE = 16, /* bytes at the beginning and at the end of wrapped material: it looks random */
    NEEDLES_MAX =
        64, /* counted no further: with more of them making the file anew is less work than searching it */
    PIECE = 256 * 1024,
    PAIRS = 1 << 16,
};

_Static_assert((NEEDLES_MAX + 2) * NEEDLE <= KMSD_SCRUB_MAX, "they fit where they are kept");

/* What the file tells: nothing is left; something may be; a process has begun to make the file anew for that. */
enum note { CLEAN, OPEN, BEGUN };
static const struct kms_str unscrubbed = KMS_STR_LITERAL("unscrubbed");

/* --- what is destroyed ------------------------------------------------------------------------ */

enum kms_err kmsd_scrub_expect(struct kmsd_store *store, struct kms_bytes wrapped)
{
    if (wrapped.len < NEEDLE || store->destroyed.len > NEEDLES_MAX * NEEDLE)
        return KMS_OK;
    kms_buf_append(&store->destroyed, wrapped.data, NEEDLE);
    kms_buf_append(&store->destroyed, wrapped.data + wrapped.len - NEEDLE, NEEDLE);
    return store->destroyed.err;
}

enum kms_err kmsd_scrub_before_commit(struct kmsd_store *store)
{
    static const uint8_t open = OPEN;
    if (store->is_noted)
        return KMS_OK;
    return kmsd_store_put_setting(store, unscrubbed, kms_bytes(&open, sizeof(open)));
}

/* --- searching -------------------------------------------------------------------------------- */

/* SQLite's own handle: to open and close the file once more would give up the lock on it. NULL: in memory. */
static sqlite3_file *file_of(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    const char *name = sqlite3_db_filename(db, "main");
    if (name == NULL || *name == '\0' ||
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
        return NULL;
    return file;
}

static size_t pair_at(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static bool has_needle(
    const struct kms_buf *needles, const bool *begins, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at + NEEDLE <= len; at++) {
        if (!begins[pair_at(data + at)])
            continue;
        for (size_t i = 0; i < needles->len; i += NEEDLE) {
            if (memcmp(data + at, needles->data + i, NEEDLE) == 0)
                return true;
        }
    }
    return false;
}

/* A file that can't be read is taken for one that has them. */
static bool is_left(const struct kms_buf *needles, sqlite3_file *file, uint8_t *piece, bool *begins)
{
    sqlite3_int64 size = 0;
    for (size_t i = 0; i < needles->len; i += NEEDLE)
        begins[pair_at(needles->data + i)] = true;
    if (file->pMethods->xFileSize(file, &size) != SQLITE_OK)
        return true;
    for (sqlite3_int64 at = 0; at < size; at += PIECE - NEEDLE + 1) { /* pieces overlap */
        int len = size - at < PIECE ? (int)(size - at) : PIECE;
        if (file->pMethods->xRead(file, piece, len, at) != SQLITE_OK ||
            has_needle(needles, begins, piece, (size_t)len))
            return true;
    }
    return false;
}

static bool is_in_file(const struct kms_buf *needles, sqlite3_file *file)
{
    if (needles->len > NEEDLES_MAX * NEEDLE)
        return true;
    uint8_t *piece = malloc(PIECE);
    bool *begins = calloc(PAIRS, sizeof(*begins));
    bool is_there = piece == NULL || begins == NULL || is_left(needles, file, piece, begins);
    free(piece);
    free(begins);
    return is_there;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void make_anew(struct kmsd_store *store)
{
    bool is_done = sqlite3_exec(store->db, "VACUUM", NULL, NULL, NULL) == SQLITE_OK;
    kmsd_store_empty_log(store); /* which a failure has filled as well */
    store->needs_new_file = !is_done || store->wal_holds_key;
}

void kmsd_scrub(struct kmsd_store *store)
{
    sqlite3_file *file = file_of(store->db);
    if (file == NULL) /* in memory */
        kms_buf_reset(&store->destroyed);
    if (store->destroyed.len != 0 && !store->wal_holds_key) {
        store->needs_new_file |= is_in_file(&store->destroyed, file);
        kms_buf_reset(&store->destroyed);
    }
    if (store->needs_new_file)
        make_anew(store);
}

/* Tells the next process. */
static enum kms_err note(struct kmsd_store *store, enum note what)
{
    const uint8_t value = (uint8_t)what;
    enum kms_err err = kmsd_store_begin(store);
    if (err == KMS_OK)
        err = kmsd_store_put_setting(store, unscrubbed, kms_bytes(&value, sizeof(value)));
    if (err == KMS_OK)
        err = kmsd_store_commit(store);
    kmsd_store_rollback(store); /* of what failed */
    if (err == KMS_OK)
        store->is_noted = what != CLEAN;
    return err;
}

enum kms_err kmsd_scrub_open(struct kmsd_store *store)
{
    uint8_t value[1] = {CLEAN};
    size_t len = 0;
    enum kms_err err = kmsd_store_get_setting(store, unscrubbed, value, sizeof(value), &len);
    if (err != KMS_OK || value[0] == CLEAN)
        return err == KMS_ERR_NOT_FOUND ? KMS_OK : err;
    store->is_noted = true;
    store->needs_new_file = true;
    if (value[0] == BEGUN || note(store, BEGUN) != KMS_OK)
        return KMS_OK; /* what ended the process before must not end this one: with the next deletion */
    make_anew(store);
    if (!store->needs_new_file && note(store, CLEAN) != KMS_OK)
        store->is_noted = true; /* then it is made once more, for nothing */
    return KMS_OK;
}

void kmsd_scrub_close(struct kmsd_store *store)
{
    if (store->is_noted && store->destroyed.len == 0 && !store->needs_new_file &&
        !store->wal_holds_key)
        (void)note(store, CLEAN);
}
