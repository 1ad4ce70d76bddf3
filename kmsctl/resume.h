/*
 * Which files of an interrupted run are finished. Files get their names only when they are whole, so
 * what has to be found out is whether a file under the final name is the result of this very work: it
 * must not be older than its source, have the size that belongs to it, and, encrypted, the keys and
 * the context that are asked for now. What a message says of itself is not authenticated here: this
 * guards against mistakes, not against somebody who writes to the files; `kmsctl verify` does that.
 */
#ifndef KMSCTL_RESUME_H
#define KMSCTL_RESUME_H

#include "kmsctl/crypt.h"

struct kmsctl_resume {
    const struct kmsctl_crypt_plan *plan;
    struct kms_str_list keys; /* those of the plan; aliases resolved */
};

/* Asks the service what aliases stand for (DescribeKey). */
KMS_MUST_USE enum kmsctl_exit kmsctl_resume_begin(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_resume *out);

/* Whether the message in message_fd is the plaintext file encrypted, and vice versa. The files'
 * positions are of no matter afterwards. */
bool kmsctl_resume_is_encrypted(
    const struct kmsctl_resume *resume, const struct stat *plain, int message_fd);
bool kmsctl_resume_is_decrypted(int message_fd, const struct stat *plain);

/* Whether the message in message_fd has been re-encrypted: its keys are just those asked for, and its
 * context if one is asked for. */
bool kmsctl_resume_is_reencrypted(const struct kmsctl_resume *resume, int message_fd);

#endif
