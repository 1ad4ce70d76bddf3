/*
 * The command line as data: verbs and their options are rows, the parser knows none of them by
 * name. How to add a verb: a function in the file of its noun, a prototype in verbs.h, a row in
 * verbs.c, a section in docs/kmsctl.md.
 */
#ifndef KMSCTL_ARGS_H
#define KMSCTL_ARGS_H

#include "kmsctl/failure.h"

#include <stdio.h>

struct kmsctl_app;
struct kmsctl_args;

enum kmsctl_option_id {
    /* global */
    KMSCTL_OPT_ENDPOINT_URL = 1,
    KMSCTL_OPT_REGION,
    KMSCTL_OPT_PROFILE,
    KMSCTL_OPT_PROTOCOL,
    KMSCTL_OPT_CA_FILE,
    KMSCTL_OPT_OUTPUT,
    KMSCTL_OPT_QUIET,
    KMSCTL_OPT_NO_PROGRESS,
    KMSCTL_OPT_VERSION,
    KMSCTL_OPT_HELP,
    /* of the verbs */
    KMSCTL_OPT_ACCEPT_CLOCK_CHANGES,
    KMSCTL_OPT_ACTION,
    KMSCTL_OPT_ADMIN,
    KMSCTL_OPT_ADMIN_SOCKET,
    KMSCTL_OPT_ALIAS,
    KMSCTL_OPT_ALLOW_UNCOMMITTED,
    KMSCTL_OPT_BASE64,
    KMSCTL_OPT_BOUNDARY,
    KMSCTL_OPT_BYPASS_LOCKOUT_CHECK,
    KMSCTL_OPT_BYTES,
    KMSCTL_OPT_CIPHERTEXT_OUT,
    KMSCTL_OPT_CLEAR_CONTEXT,
    KMSCTL_OPT_CONTEXT,
    KMSCTL_OPT_CONTEXT_EQUALS,
    KMSCTL_OPT_CONTEXT_SUBSET,
    KMSCTL_OPT_DESCRIPTION,
    KMSCTL_OPT_DESTINATION_CONTEXT,
    KMSCTL_OPT_DIRECT,
    KMSCTL_OPT_DRY_RUN,
    KMSCTL_OPT_DURATION,
    KMSCTL_OPT_ERROR,
    KMSCTL_OPT_EXTERNAL_ID,
    KMSCTL_OPT_FORCE,
    KMSCTL_OPT_GRANTEE,
    KMSCTL_OPT_GRANT_ID,
    KMSCTL_OPT_GRANT_TOKEN,
    KMSCTL_OPT_HEAD,
    KMSCTL_OPT_HEX,
    KMSCTL_OPT_IGNORE_SIGNATURE,
    KMSCTL_OPT_JOBS,
    KMSCTL_OPT_KEY,
    KMSCTL_OPT_KEY_SLOTS,
    KMSCTL_OPT_KIND,
    KMSCTL_OPT_LIMIT,
    KMSCTL_OPT_LONG,
    KMSCTL_OPT_NAME,
    KMSCTL_OPT_OPERATION,
    KMSCTL_OPT_OLD_KEY,
    KMSCTL_OPT_OUT,
    KMSCTL_OPT_PATH,
    KMSCTL_OPT_PENDING_WINDOW_DAYS,
    KMSCTL_OPT_PLAINTEXT_OUT,
    KMSCTL_OPT_POLICY,
    KMSCTL_OPT_PRINCIPAL,
    KMSCTL_OPT_PRESERVE,
    KMSCTL_OPT_PUBLIC_KEY,
    KMSCTL_OPT_RANGE,
    KMSCTL_OPT_RAW,
    KMSCTL_OPT_RECURSIVE,
    KMSCTL_OPT_RESUME,
    KMSCTL_OPT_RETIREE,
    KMSCTL_OPT_SESSION_NAME,
    KMSCTL_OPT_ROLE,
    KMSCTL_OPT_SIGN,
    KMSCTL_OPT_SINCE,
    KMSCTL_OPT_SOURCE_ARN,
    KMSCTL_OPT_SLOT,
    KMSCTL_OPT_SOURCE_KEY,
    KMSCTL_OPT_SPARSE,
    KMSCTL_OPT_SPEC,
    KMSCTL_OPT_SUFFIX,
    KMSCTL_OPT_TAG,
    KMSCTL_OPT_TAR,
    KMSCTL_OPT_TRUST,
    KMSCTL_OPT_UNSTORED_CONTEXT,
    KMSCTL_OPT_UNTIL,
    KMSCTL_OPT_USER,
    KMSCTL_OPT_WEB_IDENTITY,
};

#define KMSCTL_REPEATS  1u /* may be given several times */
#define KMSCTL_REQUIRED 2u

struct kmsctl_option {
    enum kmsctl_option_id id;
    char letter;       /* 0: none */
    const char *name;  /* without dashes; NULL ends a table */
    const char *value; /* what help calls the value; NULL: it takes none */
    unsigned flags;
    const char *help; /* NULL: another spelling of the row before, not shown */
};

/* Returns enum kmsctl_exit, having filled app->failure unless it is KMSCTL_OK. */
typedef enum kmsctl_exit kmsctl_verb_fn(struct kmsctl_app *app, const struct kmsctl_args *args);

struct kmsctl_verb {
    const char *noun; /* NULL: the verb stands alone */
    const char *name;
    const char *arguments; /* as help shows them */
    const char *summary;   /* one line, no full stop */
    const char *notes;     /* further lines of its help; NULL: none */
    size_t min_arguments;
    size_t max_arguments;
    const struct kmsctl_option *options; /* NULL: none but the global ones */
    kmsctl_verb_fn *run;
};

struct kmsctl_verb_table {
    const struct kmsctl_verb *rows;
    size_t count;
    const struct kmsctl_option *global_options;
};

struct kmsctl_value {
    enum kmsctl_option_id id;
    const char *text; /* NULL for options that take none */
};

/* What was on a command line. Strings are argv's. */
struct kmsctl_args {
    const struct kmsctl_verb *verb; /* NULL only with --help or --version */
    const char *noun;               /* with --help: the noun asked about, if no verb was named */
    struct kmsctl_value *values;
    size_t value_count;
    const char **arguments;
    size_t argument_count;
};

/* Sorts out a command line. KMSCTL_USAGE; on KMSCTL_OK the caller cleans *out up. */
KMS_MUST_USE enum kmsctl_exit kmsctl_args_parse(const struct kmsctl_verb_table *table, int argc,
    char **argv, struct kmsctl_args *out, struct kmsctl_failure *failure);
void kmsctl_args_clean_up(struct kmsctl_args *args);

/* The value of an option, NULL when it was not given (or takes none). */
const char *kmsctl_args_value(const struct kmsctl_args *args, enum kmsctl_option_id id);
bool kmsctl_args_has(const struct kmsctl_args *args, enum kmsctl_option_id id);
size_t kmsctl_args_count(const struct kmsctl_args *args, enum kmsctl_option_id id);
/* The n-th value, from 0; n is below the count. */
const char *kmsctl_args_nth(const struct kmsctl_args *args, enum kmsctl_option_id id, size_t n);

/* The n-th argument, or NULL. */
const char *kmsctl_args_argument(const struct kmsctl_args *args, size_t n);

/* A decimal number from min to max; what names it in the message. KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_args_number(const char *text, const char *what, long min,
    long max, long *out, struct kmsctl_failure *failure);

/* Help: for one verb, for one noun, or for all. */
void kmsctl_help(const struct kmsctl_verb_table *table, const struct kmsctl_args *args, FILE *out);

#endif
