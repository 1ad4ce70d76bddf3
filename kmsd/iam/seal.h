/* Secret access keys as rows keep them. */
#ifndef KMSD_IAM_SEAL_H
#define KMSD_IAM_SEAL_H

#include "kmsd/crypto/custody.h"

/* Longest access key id that is stored or looked up, and longest secret, in bytes. */
#define KMSD_ACCESS_KEY_ID_MAX     128
#define KMSD_ACCESS_KEY_SECRET_MAX 256

/* Appends the wrapped form of a secret access key for its row: bound to the id and to the
 * principal, so that rows can't be swapped and a row's principal can't be changed.
 * KMS_ERR_INVALID_ARGUMENT: empty or too long. */
KMS_MUST_USE enum kms_err kmsd_iam_seal(struct kmsd_custody *custody, struct kms_str access_key_id,
    struct kms_str principal_arn, struct kms_bytes secret_access_key, struct kms_buf *out);

/* Opens what kmsd_iam_seal made. KMS_ERR_AUTHENTICATION. */
KMS_MUST_USE enum kms_err kmsd_iam_unseal(struct kmsd_custody *custody,
    struct kms_str access_key_id, struct kms_str principal_arn, struct kms_bytes wrapped,
    struct kms_secret **out);

#endif
