#include "kmsd/crypto/import_token.h"

#include "kmsd/crypto/cbor_out.h"
#include "kmsd/crypto/record.h"

enum { EXPIRY_SIZE = 8, HEAD_SIZE = EXPIRY_SIZE + 2 };

/* These numbers are in tokens that are on their way: who changes them changes the format. */
_Static_assert(KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1 == 1 &&
                   KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256 == 2 &&
                   KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_1 == 4 &&
                   KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256 == 5 &&
                   KMS_WRAPPING_ALGORITHM_SM2PKE == 6,
    "numbers of algorithms");
_Static_assert(KMS_WRAPPING_KEY_SPEC_RSA_2048 == 1 && KMS_WRAPPING_KEY_SPEC_RSA_3072 == 2 &&
                   KMS_WRAPPING_KEY_SPEC_RSA_4096 == 3 && KMS_WRAPPING_KEY_SPEC_SM2 == 4,
    "numbers of key specs");

static enum kms_err make_aad(
    struct kms_buf *aad, struct kms_str key_arn, const struct kmsd_import_terms *terms)
{
    kms_buf_reset(aad);
    kmsd_cbor_append_array(aad, 6);
    kmsd_cbor_append_text(aad, kms_str("kmsd import token"));
    kmsd_cbor_append_int(aad, KMSD_RECORD_VERSION);
    kmsd_cbor_append_text(aad, key_arn);
    kmsd_cbor_append_int(aad, terms->expires_ms);
    kmsd_cbor_append_int(aad, (int64_t)terms->algorithm);
    kmsd_cbor_append_int(aad, (int64_t)terms->spec);
    return aad->err;
}

enum kms_err kmsd_import_token_write(const struct kmsd_import_token_tools *tools,
    struct kms_str key_arn, const struct kmsd_import_terms *terms,
    const uint8_t iv[KMSD_AEAD_IV_SIZE], struct kms_bytes private_key, struct kms_buf *out)
{
    if ((int)terms->algorithm <= 0 || (int)terms->algorithm > UINT8_MAX || (int)terms->spec <= 0 ||
        (int)terms->spec > UINT8_MAX || terms->expires_ms < 0)
        return KMS_ERR_INVALID_ARGUMENT;
    if (private_key.len > KMSD_IMPORT_TOKEN_MAX - HEAD_SIZE - KMSD_RECORD_OVERHEAD)
        return KMS_ERR_LIMIT;
    size_t before = out->len;
    enum kms_err err = make_aad(tools->aad, key_arn, terms);
    if (err != KMS_OK)
        return err;
    kms_buf_append_u64(out, (uint64_t)terms->expires_ms);
    kms_buf_append_u8(out, (uint8_t)terms->algorithm);
    kms_buf_append_u8(out, (uint8_t)terms->spec);
    err = out->err;
    if (err == KMS_OK)
        err = kmsd_record_seal(
            tools->gcm, tools->key, iv, kms_buf_bytes(tools->aad), private_key, out);
    if (err != KMS_OK)
        kms_buf_truncate(out, before);
    return err;
}

enum kms_err kmsd_import_token_read(const struct kmsd_import_token_tools *tools,
    struct kms_str key_arn, struct kms_bytes token, struct kmsd_import_terms *terms,
    struct kms_secret **private_key)
{
    if (token.len <= HEAD_SIZE + KMSD_RECORD_OVERHEAD || token.len > KMSD_IMPORT_TOKEN_MAX)
        return KMS_ERR_AUTHENTICATION;
    uint64_t expires_ms = 0;
    for (size_t i = 0; i < EXPIRY_SIZE; i++)
        expires_ms = expires_ms << 8 | token.data[i];
    if (expires_ms > INT64_MAX)
        return KMS_ERR_AUTHENTICATION;
    const struct kmsd_import_terms found = {
        .algorithm = (enum kms_wrapping_algorithm)token.data[EXPIRY_SIZE],
        .spec = (enum kms_wrapping_key_spec)token.data[EXPIRY_SIZE + 1],
        .expires_ms = (int64_t)expires_ms,
    };
    const struct kms_bytes record = {token.data + HEAD_SIZE, token.len - HEAD_SIZE};
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = make_aad(tools->aad, key_arn, &found);
    if (err == KMS_OK)
        err = kms_secret_new(record.len - KMSD_RECORD_OVERHEAD, &secret);
    if (err == KMS_OK)
        err = kmsd_record_open(tools->gcm, tools->key, kms_buf_bytes(tools->aad), record,
            kms_secret_data(secret), kms_secret_len(secret));
    if (err != KMS_OK)
        return err;
    *terms = found;
    *private_key = secret;
    secret = NULL; /* now the caller's */
    return KMS_OK;
}
