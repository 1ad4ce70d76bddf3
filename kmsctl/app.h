/*
 * What every verb works with: the command line, the connection to the service, memory for the
 * run, and where results and failures go.
 */
#ifndef KMSCTL_APP_H
#define KMSCTL_APP_H

#include "kmsctl/args.h"
#include "kmsctl/failure.h"
#include "libkms/base/arena.h"

#include <kms/client.h>

enum kmsctl_format {
    KMSCTL_TEXT,
    KMSCTL_JSON,
};

struct kmsctl_app {
    const struct kmsctl_args *args;
    enum kmsctl_format format;
    bool progress;             /* a progress bar may be shown on stderr */
    bool quiet;                /* nothing on stderr but errors */
    FILE *out;                 /* results; data goes to descriptors */
    struct kms_client *client; /* NULL until kmsctl_app_connect */
    bool is_fork;              /* client is another's */
    struct kms_arena arena;    /* lives as long as the run; wiped */
    struct kmsctl_failure failure;
};

/* Reads the global options. KMSCTL_USAGE. The caller cleans up in any case. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_init(
    struct kmsctl_app *app, const struct kmsctl_args *args, FILE *out);
void kmsctl_app_clean_up(struct kmsctl_app *app);

/* An app for another thread: with the client of the first, memory and failure of its own, no
 * progress. The first one outlives it. The caller cleans up. */
void kmsctl_app_fork(const struct kmsctl_app *app, struct kmsctl_app *out);

/* Sets app->client; does nothing the second time. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_connect(struct kmsctl_app *app);

/* The same for calls that need no credentials; no other can be made. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_connect_unsigned(struct kmsctl_app *app);

/* A KEY argument as the API takes it: "aws/s3" is short for "alias/aws/s3", all else stays as it
 * is. KMSCTL_USAGE: empty or too long. The view lives as long as the run. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_key(
    struct kmsctl_app *app, const char *text, struct kms_str *out);

/* The same for operations that take no alias: aliases are resolved by DescribeKey into the key's
 * ARN, ids and key ARNs stay as they are. Connects. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_resolved_key(
    struct kmsctl_app *app, const char *text, struct kms_str *out);

/* The values of --key, as kmsctl_app_key gives them. items is NULL when there are none. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_keys(
    struct kmsctl_app *app, enum kmsctl_option_id id, struct kms_str_list *out);

/* The pairs KEY=VALUE given by an option that repeats. KMSCTL_USAGE: no "=", an empty key, a key
 * given twice (also among those of also, which may be NULL), a reserved key, invalid UTF-8. items
 * is NULL when there are none. The pairs live as long as the run. */
KMS_MUST_USE enum kmsctl_exit kmsctl_app_pairs(struct kmsctl_app *app, enum kmsctl_option_id id,
    const struct kms_str_map *also, struct kms_str_map *out);

#endif
