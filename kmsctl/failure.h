/*
 * How kmsctl fails: an exit code that scripts can rely on (docs/kmsctl.md) and one line of text.
 * Helpers fill a struct kmsctl_failure and return its code; main prints it, once.
 */
#ifndef KMSCTL_FAILURE_H
#define KMSCTL_FAILURE_H

#include <kms/api.h>
#include <kms/envelope.h>
#include <kms/error.h>

enum kmsctl_exit {
    KMSCTL_OK = 0,
    KMSCTL_FAILED = 1,      /* none of the others */
    KMSCTL_USAGE = 2,       /* the command line or the configuration is wrong; nothing was done */
    KMSCTL_DENIED = 3,      /* no, wrong or insufficient credentials */
    KMSCTL_NOT_FOUND = 4,   /* no such key or alias */
    KMSCTL_BAD_INPUT = 5,   /* input altered, truncated, not ciphertext; wrong key or context */
    KMSCTL_IO = 6,          /* a local file or stream could not be read or written */
    KMSCTL_UNAVAILABLE = 7, /* the service can't be reached, is overloaded or has a fault */
    KMSCTL_KEY_STATE = 8,   /* the key's state forbids it: disabled, pending deletion */
    KMSCTL_EXISTS = 9,      /* the alias or the output file exists already */
};

#define KMSCTL_FAILURE_TEXT_SIZE 2048

struct kmsctl_failure {
    enum kmsctl_exit code;
    int os_error;                        /* errno behind a KMSCTL_IO, where it is known; else 0 */
    char text[KMSCTL_FAILURE_TEXT_SIZE]; /* one line, no full stop, cut to fit; never a secret */
};

/* Each of these fills *failure and returns its code, which is never KMSCTL_OK. */
enum kmsctl_exit kmsctl_fail(struct kmsctl_failure *failure, enum kmsctl_exit code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "WHAT: why errno says", KMSCTL_IO. */
enum kmsctl_exit kmsctl_fail_errno(struct kmsctl_failure *failure, int error, const char *what);

/* Adds to a failure which errno is behind it. Returns its code. */
enum kmsctl_exit kmsctl_fail_with_errno(struct kmsctl_failure *failure, int error);

/* A call of <kms/api.h> failed: "WHAT: NotFoundException: Alias ... is not found." */
enum kmsctl_exit kmsctl_fail_call(struct kmsctl_failure *failure, enum kms_err err,
    const struct kms_fault *fault, const char *what);

/* A function of <kms/envelope.h> failed. */
enum kmsctl_exit kmsctl_fail_envelope(struct kmsctl_failure *failure, enum kms_err err,
    const struct kms_envelope_failure *detail, const char *what);

/* Memory is out. */
enum kmsctl_exit kmsctl_fail_memory(struct kmsctl_failure *failure);

/* The exit code of an error; fault may be NULL and counts when its code is not "". */
enum kmsctl_exit kmsctl_exit_of(enum kms_err err, const struct kms_fault *fault);

#endif
