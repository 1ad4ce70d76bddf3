/* decrypt --range: a part of the plaintext, for the price of the frames that it is in. */
#ifndef KMSCTL_RANGE_H
#define KMSCTL_RANGE_H

#include "kmsctl/crypt.h"

/* "OFFSET:LENGTH", in bytes; without LENGTH to the end. KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_range_parse(
    const char *text, struct kmsctl_range *out, struct kmsctl_failure *failure);

/* Takes the plan's range of the input to the sink, which is not committed. The input is looked at and
 * is a message. */
KMS_MUST_USE enum kmsctl_exit kmsctl_range_pass(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass);

#endif
