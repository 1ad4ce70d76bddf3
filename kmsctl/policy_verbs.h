/* Policy documents in files. */
#ifndef KMSCTL_POLICY_VERBS_H
#define KMSCTL_POLICY_VERBS_H

#include "kmsctl/app.h"

/* Room for the name of the file that an editor gets. */
#define KMSCTL_DRAFT_PATH_MAX 1024

/* Reads a document of up to max bytes; path NULL or "-": standard input. refusal is the
 * code for one that is longer, or empty. KMSCTL_IO. The text lives as long as the run. */
KMS_MUST_USE enum kmsctl_exit kmsctl_policy_read(struct kmsctl_app *app, const char *path,
    size_t max, enum kmsctl_exit refusal, struct kms_str *out);

#endif
