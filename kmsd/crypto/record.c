#include "kmsd/crypto/record.h"

#include "kmsd/crypto/cbor_out.h"

void kmsd_record_material_aad(
    struct kms_buf *aad, const char *kind, struct kms_str key_arn, struct kms_bytes material_id)
{
    kmsd_cbor_append_array(aad, 5);
    kmsd_cbor_append_text(aad, kms_str("kmsd material"));
    kmsd_cbor_append_int(aad, KMSD_RECORD_VERSION);
    kmsd_cbor_append_text(aad, kms_str(kind));
    kmsd_cbor_append_text(aad, key_arn);
    kmsd_cbor_append_bytes(aad, material_id);
}

void kmsd_record_public_key_aad(struct kms_buf *aad, const char *kind, struct kms_str key_arn,
    struct kms_bytes material_id, struct kms_bytes public_key)
{
    kmsd_cbor_append_array(aad, 6);
    kmsd_cbor_append_text(aad, kms_str("kmsd public key"));
    kmsd_cbor_append_int(aad, KMSD_RECORD_VERSION);
    kmsd_cbor_append_text(aad, kms_str(kind));
    kmsd_cbor_append_text(aad, key_arn);
    kmsd_cbor_append_bytes(aad, material_id);
    kmsd_cbor_append_bytes(aad, public_key);
}

void kmsd_record_secret_aad(struct kms_buf *aad, struct kms_str purpose, struct kms_str owner)
{
    kmsd_cbor_append_array(aad, 4);
    kmsd_cbor_append_text(aad, kms_str("kmsd secret"));
    kmsd_cbor_append_int(aad, KMSD_RECORD_VERSION);
    kmsd_cbor_append_text(aad, purpose);
    kmsd_cbor_append_text(aad, owner);
}

enum kms_err kmsd_record_seal(EVP_CIPHER_CTX *context, const uint8_t *key,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes aad, struct kms_bytes secret,
    struct kms_buf *out)
{
    size_t before = out->len;
    if (secret.len > SIZE_MAX - KMSD_RECORD_OVERHEAD)
        return KMS_ERR_LIMIT;
    uint8_t *at = kms_buf_extend(out, secret.len + KMSD_RECORD_OVERHEAD);
    if (at == NULL)
        return out->err;
    at[0] = KMSD_RECORD_VERSION;
    memcpy(at + 1, iv, KMSD_AEAD_IV_SIZE);
    enum kms_err err = kmsd_aead_seal(context, key, iv, aad, secret, at + 1 + KMSD_AEAD_IV_SIZE);
    if (err != KMS_OK)
        kms_buf_truncate(out, before);
    return err;
}

enum kms_err kmsd_record_open(EVP_CIPHER_CTX *context, const uint8_t *key, struct kms_bytes aad,
    struct kms_bytes record, uint8_t *out, size_t len)
{
    if (record.len < KMSD_RECORD_OVERHEAD || record.len - KMSD_RECORD_OVERHEAD != len ||
        record.data[0] != KMSD_RECORD_VERSION)
        return KMS_ERR_AUTHENTICATION;
    struct kms_bytes sealed = {
        record.data + 1 + KMSD_AEAD_IV_SIZE, record.len - 1 - KMSD_AEAD_IV_SIZE};
    return kmsd_aead_open(context, key, record.data + 1, aad, sealed, out);
}
