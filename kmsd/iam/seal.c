#include "kmsd/iam/seal.h"

#define SEAL_PURPOSE "secret-access-key"

enum { OWNER_MAX = KMSD_ACCESS_KEY_ID_MAX + 1 + 1024 };

/* The owner that a secret is sealed to. */
static enum kms_err format_owner(
    struct kms_buf *out, struct kms_str access_key_id, struct kms_str principal_arn)
{
    kms_buf_append_str(out, access_key_id);
    kms_buf_append_u8(out, ' ');
    kms_buf_append_str(out, principal_arn);
    return out->err;
}

enum kms_err kmsd_iam_seal(struct kmsd_custody *custody, struct kms_str access_key_id,
    struct kms_str principal_arn, struct kms_bytes secret_access_key, struct kms_buf *out)
{
    if (access_key_id.len == 0 || access_key_id.len > KMSD_ACCESS_KEY_ID_MAX ||
        secret_access_key.len == 0 || secret_access_key.len > KMSD_ACCESS_KEY_SECRET_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_BUF_AUTO owner;
    kms_buf_init(&owner, OWNER_MAX);
    enum kms_err err = format_owner(&owner, access_key_id, principal_arn);
    if (err != KMS_OK)
        return err;
    return kmsd_custody_seal(
        custody, kms_str(SEAL_PURPOSE), kms_buf_str(&owner), secret_access_key, out);
}

enum kms_err kmsd_iam_unseal(struct kmsd_custody *custody, struct kms_str access_key_id,
    struct kms_str principal_arn, struct kms_bytes wrapped, struct kms_secret **out)
{
    KMS_BUF_AUTO owner;
    kms_buf_init(&owner, OWNER_MAX);
    enum kms_err err = format_owner(&owner, access_key_id, principal_arn);
    if (err != KMS_OK)
        return err;
    return kmsd_custody_unseal(custody, kms_str(SEAL_PURPOSE), kms_buf_str(&owner), wrapped, out);
}
