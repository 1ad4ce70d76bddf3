/*
 * Key pairs as libcrypto holds them: making them, writing and reading them in their standard forms,
 * and what the families share in using them.
 */
#ifndef KMSD_CRYPTO_PKEY_H
#define KMSD_CRYPTO_PKEY_H

#include "kmsd/crypto/kind.h"
#include "libkms/base/buf.h"

#include <openssl/evp.h>
#include <openssl/params.h>

void kmsd_pkey_free_at(EVP_PKEY **key);
#define KMSD_PKEY_AUTO __attribute__((cleanup(kmsd_pkey_free_at))) EVP_PKEY *
void kmsd_pkey_context_free_at(EVP_PKEY_CTX **context);
#define KMSD_PKEY_CONTEXT_AUTO __attribute__((cleanup(kmsd_pkey_context_free_at))) EVP_PKEY_CTX *
void kmsd_pkey_md_context_free_at(EVP_MD_CTX **context);
#define KMSD_MD_CONTEXT_AUTO __attribute__((cleanup(kmsd_pkey_md_context_free_at))) EVP_MD_CTX *

/* What a failed call of libcrypto comes to: KMS_ERR_NO_MEMORY where it says so, otherwise the given
 * error. Empties the calling thread's error queue. */
KMS_MUST_USE enum kms_err kmsd_pkey_failed(enum kms_err otherwise);

/* A text parameter; libcrypto only reads it. */
OSSL_PARAM kmsd_pkey_text(const char *name, const char *value);

/* Whether libcrypto knows the kind's type of keys. */
KMS_MUST_USE bool kmsd_pkey_known(const struct kmsd_kind *kind);

/* A new key pair. KMS_ERR_UNSUPPORTED, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_pkey_generate(const struct kmsd_kind *kind, EVP_PKEY **out);

/* Append PrivateKeyInfo (PKCS #8, RFC 5958) and SubjectPublicKeyInfo (RFC 5280), DER. */
KMS_MUST_USE enum kms_err kmsd_pkey_write_private(EVP_PKEY *key, struct kms_buf *out);
KMS_MUST_USE enum kms_err kmsd_pkey_write_public(EVP_PKEY *key, struct kms_buf *out);

/* Read them back; bytes of this service's own, already authenticated. KMS_ERR_CORRUPT: not a key of
 * that kind, or something follows it. */
KMS_MUST_USE enum kms_err kmsd_pkey_read_private(
    const struct kmsd_kind *kind, struct kms_bytes der, EVP_PKEY **out);
KMS_MUST_USE enum kms_err kmsd_pkey_read_public(
    const struct kmsd_kind *kind, struct kms_bytes der, EVP_PKEY **out);

/* A copy of a private key, its secret numbers as locked as the key's own, for who must not share what
 * libcrypto keeps in a key. The caller frees it. NULL: there is no memory for it, or too little locked
 * memory to spare. */
EVP_PKEY *kmsd_pkey_copy_private(EVP_PKEY *key);

/* libcrypto's contexts of one key, set up with one row's parameters. Setting one up costs a third of
 * what a signature on P-256 does, so that who signs often keeps them. NULL members are set up when
 * they are needed, and freed where a call fails. Not for two threads at a time. */
struct kmsd_ready {
    EVP_PKEY_CTX *sign; /* a family may give it a key of its own, which ends with it */
    EVP_PKEY_CTX *verify;
    bool has_place; /* where it will be kept: what serves only later uses is worth its cost */
};
void kmsd_ready_clean_up(struct kmsd_ready *ready);

/* Sign a digest, verify one's signature, encrypt, decrypt: with the parameters given, ended by
 * OSSL_PARAM_END. ready was made ready by calls with the same key and parameters; NULL: nothing is
 * kept. Verifying gives KMS_ERR_AUTHENTICATION for whatever libcrypto refuses, unless it
 * says that memory is out; decrypting, only for what was_refused recognises among its errors. */
typedef bool kmsd_pkey_refusal(unsigned long code);
KMS_MUST_USE enum kms_err kmsd_pkey_sign(EVP_PKEY *key, struct kmsd_ready *ready,
    const OSSL_PARAM *params, struct kms_bytes digest, struct kms_buf *signature);
KMS_MUST_USE enum kms_err kmsd_pkey_verify(EVP_PKEY *key, struct kmsd_ready *ready,
    const OSSL_PARAM *params, struct kms_bytes digest, struct kms_bytes signature);
KMS_MUST_USE enum kms_err kmsd_pkey_encrypt(EVP_PKEY *key, const OSSL_PARAM *params,
    struct kms_bytes plaintext, struct kms_buf *ciphertext);
KMS_MUST_USE enum kms_err kmsd_pkey_decrypt(EVP_PKEY *key, const OSSL_PARAM *params,
    kmsd_pkey_refusal *was_refused, struct kms_bytes ciphertext, struct kms_buf *plaintext);

/* The same for algorithms that take the message itself. */
KMS_MUST_USE enum kms_err kmsd_pkey_sign_message(EVP_PKEY *key, const char *digest,
    const OSSL_PARAM *params, struct kms_bytes message, struct kms_buf *signature);
KMS_MUST_USE enum kms_err kmsd_pkey_verify_message(EVP_PKEY *key, const char *digest,
    const OSSL_PARAM *params, struct kms_bytes message, struct kms_bytes signature);

#endif
