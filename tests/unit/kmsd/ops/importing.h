/* The side of the owner of key material: wraps it as a client would, with libcrypto alone. */
#ifndef KMSD_TEST_OPS_IMPORTING_H
#define KMSD_TEST_OPS_IMPORTING_H

#include "common.h"

#include "libkms/base/buf.h"
#include "libkms/base/encoding.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Encrypts with RSAES_OAEP_SHA_256 under a public key in base64 and puts the result, in base64,
 * under that name. */
static inline void wrap_under(
    struct rig *rig, const char *public_key, struct kms_bytes secret, const char *name)
{
    uint8_t der[1024];
    uint8_t wrapped[512];
    char text[1024];
    size_t der_len = 0;
    size_t wrapped_len = sizeof(wrapped);
    assert_true(kms_base64_decoded_max(strlen(public_key)) <= sizeof(der));
    assert_int_equal(kms_base64_decode(kms_str(public_key), der, &der_len), KMS_OK);
    const unsigned char *at = der;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der_len);
    assert_non_null(key);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, wrapped, &wrapped_len, secret.data, secret.len), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    kms_base64_encode(kms_bytes(wrapped, wrapped_len), text);
    text[kms_base64_encoded_len(wrapped_len)] = '\0';
    rig_set(rig, name, text);
}

/* Wraps the secret for the key that rig_set knows under that name: afterwards TOKEN and WRAPPED are
 * set. Parameters are good for many imports, and slow to make, so those of the last key serve it
 * again; TOKEN_ARN says whose they are. */
static inline void wrap_for(struct rig *rig, const char *key, struct kms_bytes secret)
{
    char body[160];
    char arn_name[24];
    (void)snprintf(arn_name, sizeof(arn_name), "%s_ARN", key);
    if (!rig_knows(rig, "TOKEN_ARN") ||
        strcmp(rig_get(rig, "TOKEN_ARN"), rig_get(rig, arn_name)) != 0) {
        (void)snprintf(body, sizeof(body),
            "{'KeyId':'${%s}','WrappingAlgorithm':'RSAES_OAEP_SHA_256',"
            "'WrappingKeySpec':'RSA_2048'}",
            key);
        json_t *answer = rig_ok(rig, "GetParametersForImport", body);
        rig_set(rig, "TOKEN", text_of(answer, "ImportToken"));
        rig_set(rig, "PUBLIC_KEY", text_of(answer, "PublicKey"));
        rig_set(rig, "TOKEN_ARN", rig_get(rig, arn_name));
    }
    wrap_under(rig, rig_get(rig, "PUBLIC_KEY"), secret, "WRAPPED");
}

/* A key of imported material, by CreateKey's body; its id and ARN under NAME and NAME_ARN. */
static inline void external_key(struct rig *rig, const char *name, const char *body)
{
    char arn_name[24];
    json_t *metadata = json_object_get(rig_ok(rig, "CreateKey", body), "KeyMetadata");
    (void)snprintf(arn_name, sizeof(arn_name), "%s_ARN", name);
    rig_set(rig, arn_name, text_of(metadata, "Arn"));
    rig_set(rig, name, text_of(metadata, "KeyId"));
}

#define IMPORT_FOR_EVER                                             \
    "'ImportToken':'${TOKEN}','EncryptedKeyMaterial':'${WRAPPED}'," \
    "'ExpirationModel':'KEY_MATERIAL_DOES_NOT_EXPIRE'"

#endif
