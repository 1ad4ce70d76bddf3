/*
 * The data directory: DIR/kmsd.db (the store) and DIR/root.key (unless the root key is elsewhere),
 * DIR/audit (the audit trail), and while it is served DIR/admin.sock.
 * What it was made for, its account and its regions, stands in the store.
 */
#ifndef KMSD_SERVER_DATADIR_H
#define KMSD_SERVER_DATADIR_H

#include "kmsd/iam/access_key.h"
#include "kmsd/auth/auth.h"
#include "kmsd/crypto/custody.h"
#include "kmsd/detail.h"
#include "kmsd/store/store.h"

#include <limits.h>

#define KMSD_DATADIR_MAX_REGIONS 64

struct kmsd_repeated;

/* A daemon's state, open: the store, and custody under the root key that belongs to it. */
struct kmsd_datadir {
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    char account[KMS_ACCOUNT_ID_LEN + 1];
    struct kms_str regions[KMSD_DATADIR_MAX_REGIONS]; /* into region_text */
    size_t region_count;                              /* 0: any */
    char region_text[KMSD_DATADIR_MAX_REGIONS * (KMS_REGION_MAX + 1)];
};

struct kmsd_datadir_options {
    const char *path;                    /* NULL: in memory */
    const char *root_key_file;           /* NULL: root.key in the directory */
    const char *account;                 /* 12 digits */
    const struct kmsd_repeated *regions; /* none: any */
    int64_t now_ms;
};

/* Account id and region names as they are given on a command line. KMS_ERR_CONFIG; detail says what
 * is wrong. */
KMS_MUST_USE enum kms_err kmsd_datadir_check(
    const struct kmsd_datadir_options *options, struct kmsd_detail *detail);

/* Makes a data directory: the directory itself (mode 0700) unless it is there and empty, the root
 * key, the store, the account and its root's access key. After a failure nothing is left of it. The
 * caller frees access_key->secret. KMS_ERR_EXISTS: something is there already. */
KMS_MUST_USE enum kms_err kmsd_datadir_create(const struct kmsd_datadir_options *options,
    struct kmsd_access_key *access_key, struct kmsd_detail *detail);

/* Removes what kmsd_datadir_create has just made. */
void kmsd_datadir_remove(const struct kmsd_datadir_options *options);

/* Opens a data directory and proves that root key and store belong together. *out is zeroed after a
 * failure; it points into itself, so it stays where it is. KMS_ERR_NOT_FOUND: there is no store. */
KMS_MUST_USE enum kms_err kmsd_datadir_open(const char *path, const char *root_key_file,
    struct kmsd_datadir *out, struct kmsd_detail *detail);

/* Makes one that lives in memory, with a root key that dies with it. */
KMS_MUST_USE enum kms_err kmsd_datadir_open_memory(const struct kmsd_datadir_options *options,
    struct kmsd_datadir *out, struct kmsd_detail *detail);

/* Whether there is a store in the directory. */
KMS_MUST_USE bool kmsd_datadir_exists(const char *path);

/* The admin socket that belongs to a data directory: DIR/admin.sock. KMS_ERR_CONFIG: too long. */
KMS_MUST_USE enum kms_err kmsd_datadir_admin_socket(
    const char *path, char out[PATH_MAX], struct kmsd_detail *detail);

/* The folder of the audit trail that belongs to a data directory: DIR/audit. KMS_ERR_CONFIG. */
KMS_MUST_USE enum kms_err kmsd_datadir_audit(
    const char *path, char out[PATH_MAX], struct kmsd_detail *detail);

/* Closes and wipes. A zeroed struct is allowed. */
void kmsd_datadir_close(struct kmsd_datadir *datadir);

#endif
