/*
 * encrypt -r and decrypt -r: a directory tree becomes another one, file by file. Each file is a
 * message of its own; encrypting adds a suffix to its name, decrypting takes it away.
 */
#ifndef KMSCTL_MIRROR_H
#define KMSCTL_MIRROR_H

#include "kmsctl/crypt.h"

#define KMSCTL_SUFFIX_DEFAULT ".kms"

/* The value of --suffix. KMSCTL_USAGE: a slash in it; empty, unless that is allowed. */
KMS_MUST_USE enum kmsctl_exit kmsctl_mirror_suffix(
    struct kmsctl_app *app, bool may_be_empty, const char **out);

bool kmsctl_mirror_has_suffix(const char *name, const char *suffix);

/* Takes the tree of the first argument to that of -o. */
KMS_MUST_USE enum kmsctl_exit kmsctl_mirror_run(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan);

#endif
