/*
 * The key policy that the AWS console writes when administrators and users are chosen: the account
 * (so that identity policies count and the key can't be locked out), those who may manage the key,
 * those who may use it, and those who may let AWS services use it on their behalf.
 *
 * Source: AWS KMS developer guide, "Default key policy".
 */
#ifndef KMSCTL_POLICY_H
#define KMSCTL_POLICY_H

#include <kms/bytes.h>
#include <kms/error.h>
#include <kms/types.h>

/* The document as compact JSON text; the caller frees *out with free. account is the key's own,
 * partition such as "aws". Without users there are no statements for users, and so on.
 * KMS_ERR_NO_MEMORY, KMS_ERR_SYNTAX (text that is not UTF-8). */
KMS_MUST_USE enum kms_err kmsctl_policy_build(struct kms_str partition, struct kms_str account,
    struct kms_str_list admins, struct kms_str_list users, char **out);

/* An ARN that can be a principal: of IAM or STS, with an account. */
KMS_MUST_USE bool kmsctl_policy_is_principal(struct kms_str arn);

#endif
