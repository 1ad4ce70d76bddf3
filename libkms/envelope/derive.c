#include "libkms/envelope/derive.h"

#include "libkms/envelope/hkdf.h"

enum { INFO_MAX = 2 + KMS_MESSAGE_ID_MAX };

static size_t put_suite_id(const struct kms_suite *suite, uint8_t *out)
{
    out[0] = (uint8_t)((unsigned)suite->id >> 8);
    out[1] = (uint8_t)((unsigned)suite->id & 0xff);
    return 2;
}

/* Without salt. */
static enum kms_err derive_plain(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, uint8_t *key)
{
    uint8_t info[INFO_MAX];
    size_t len = put_suite_id(suite, info);
    memcpy(info + len, message_id.data, message_id.len);
    len += message_id.len;
    return kms_hkdf(
        suite->kdf_digest, data_key, kms_bytes("", 0), kms_bytes(info, len), key, suite->key_len);
}

/* One extract, two expands. */
static enum kms_err derive_committing(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, uint8_t *key, uint8_t *commitment)
{
    static const char key_label[] = "DERIVEKEY";
    static const char commitment_label[] = "COMMITKEY";
    const char *digest = suite->kdf_digest;
    KMS_SECRET_AUTO kept = NULL;
    enum kms_err err = kms_secret_new(KMS_HKDF_PRK_MAX, &kept);
    if (err != KMS_OK)
        return err;
    struct kms_bytes prk = {kms_secret_data(kept), 0};
    err = kms_hkdf_extract(digest, message_id, data_key, kms_secret_data(kept), &prk.len);
    if (err != KMS_OK)
        return err;
    uint8_t info[2 + sizeof(key_label) - 1];
    size_t len = put_suite_id(suite, info);
    memcpy(info + len, key_label, sizeof(key_label) - 1);
    err = kms_hkdf_expand(digest, prk, kms_bytes(info, sizeof(info)), key, suite->key_len);
    if (err != KMS_OK)
        return err;
    return kms_hkdf_expand(digest, prk, kms_bytes(commitment_label, sizeof(commitment_label) - 1),
        commitment, KMS_COMMITMENT_LEN);
}

enum kms_err kms_derive(const struct kms_suite *suite, struct kms_bytes data_key,
    struct kms_bytes message_id, struct kms_secret **key, uint8_t commitment[KMS_COMMITMENT_LEN])
{
    if (data_key.len != suite->key_len || message_id.len != kms_suite_message_id_len(suite))
        return KMS_ERR_INVALID_ARGUMENT;
    if (suite->kdf == KMS_SUITE_KDF_IDENTITY)
        return kms_secret_copy(data_key, key);
    KMS_SECRET_AUTO derived = NULL;
    enum kms_err err = kms_secret_new(suite->key_len, &derived);
    if (err != KMS_OK)
        return err;
    err =
        suite->kdf == KMS_SUITE_KDF_HKDF
            ? derive_plain(suite, data_key, message_id, kms_secret_data(derived))
            : derive_committing(suite, data_key, message_id, kms_secret_data(derived), commitment);
    if (err != KMS_OK)
        return err;
    *key = derived;
    derived = NULL; /* now the caller's */
    return KMS_OK;
}
