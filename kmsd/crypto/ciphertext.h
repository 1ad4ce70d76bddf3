/*
 * The ciphertext of a symmetric key, byte by byte in docs/STORAGE-FORMAT.md: a tagged COSE_Encrypt0
 * (RFC 9052 section 5.2) whose key is derived for this one message. Deterministic: who calls brings
 * key, nonce and IV. kmsd_ciphertext_parse is declared in custody.h.
 */
#ifndef KMSD_CRYPTO_CIPHERTEXT_H
#define KMSD_CRYPTO_CIPHERTEXT_H

#include "kmsd/crypto/aead.h"
#include "kmsd/crypto/custody.h"

#define KMSD_KEY_ID_MAX 128
#define KMSD_NONCE_SIZE 16

/* Labels in the protected header, from the range for private use (RFC 9052 section 3.1: integers
 * below -65536). Both are critical: who does not know them cannot find the key. */
#define KMSD_COSE_MATERIAL_ID (-65537)
#define KMSD_COSE_NONCE       (-65538)

/* Longest encryption context, encoded. */
#define KMSD_CONTEXT_MAX ((size_t)1 << 20)

/* 1 to KMSD_KEY_ID_MAX ASCII letters, digits, hyphens and underscores. */
KMS_MUST_USE bool kmsd_ciphertext_key_id_valid(struct kms_str key_id);

/* Appends the protected header's map. Errors are sticky in out. */
void kmsd_ciphertext_append_header(struct kms_buf *out, struct kms_str key_id,
    const uint8_t material_id[KMSD_MATERIAL_ID_SIZE], const uint8_t nonce[KMSD_NONCE_SIZE],
    const uint8_t iv[KMSD_AEAD_IV_SIZE]);

/* Appends ["Encrypt0", protected_header, external_aad] (RFC 9052 section 5.3) up to the head of
 * external_aad, whose external_len bytes are the caller's to append. */
void kmsd_ciphertext_append_enc_structure(
    struct kms_buf *aad, struct kms_bytes protected_header, size_t external_len);

/* Memory and a context to work with, the caller's and for one call at a time. */
struct kmsd_ciphertext_tools {
    EVP_CIPHER_CTX *gcm;  /* of AES-256-GCM; left keyed with the message key */
    uint8_t *message_key; /* KMSD_AEAD_KEY_SIZE bytes of secret memory; wiped */
    struct kms_buf *aad;  /* reset */
};

/* Appends the ciphertext. The material is KMSD_KDF_KEY_SIZE bytes; nonce and iv are fresh.
 * KMS_ERR_INVALID_ARGUMENT (key id, a key twice in the context), KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_ciphertext_seal(const struct kmsd_ciphertext_tools *tools,
    const uint8_t *material, struct kms_str key_id,
    const uint8_t material_id[KMSD_MATERIAL_ID_SIZE], const uint8_t nonce[KMSD_NONCE_SIZE],
    const uint8_t iv[KMSD_AEAD_IV_SIZE], const struct kms_str_map *encryption_context,
    struct kms_bytes plaintext, struct kms_buf *out);

/* Appends the plaintext of a parsed ciphertext. KMS_ERR_AUTHENTICATION. */
KMS_MUST_USE enum kms_err kmsd_ciphertext_open(const struct kmsd_ciphertext_tools *tools,
    const uint8_t *material, const struct kmsd_ciphertext *ciphertext,
    const struct kms_str_map *encryption_context, struct kms_buf *out);

#endif
