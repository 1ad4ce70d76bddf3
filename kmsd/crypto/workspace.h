/*
 * What one operation works with: libcrypto contexts and secret memory, made once and used again and
 * again, because making them costs as much as the operation. A pool hands each out to one caller at
 * a time and grows to as many as are ever in use at once.
 *
 * The contexts live on libcrypto's heap and hold expanded keys: `material` the wrapping key's, and
 * `message` that of the last message; recall.h keeps material open between operations. libcrypto wipes them when they are freed. The daemon's
 * hardening (no core files, locked memory) covers that heap; docs/STORAGE-FORMAT.md says what it
 * does not cover.
 */
#ifndef KMSD_CRYPTO_WORKSPACE_H
#define KMSD_CRYPTO_WORKSPACE_H

#include "kmsd/crypto/ciphertext.h"
#include "kmsd/crypto/recall.h"
#include "kmsd/crypto/reserve.h"

#include <pthread.h>

struct kmsd_workspace {
    EVP_CIPHER_CTX *material; /* AES-256-GCM, keyed with the wrapping key for material */
    EVP_CIPHER_CTX *message;  /* AES-256-GCM */
    struct kms_secret *keys;  /* where both keys below live */
    uint8_t *material_key;
    uint8_t *message_key;
    struct kms_buf aad;
    struct kmsd_reserve *nonces;
    struct kmsd_reserve *secrets; /* data keys to come */
    struct kmsd_recall *recall;
    uint64_t forgets; /* that it has heard of */
    struct kmsd_workspace *next;
};

#define KMSD_FORGOTTEN_KEPT 16

struct kmsd_workspace_pool {
    pthread_mutex_t mutex;
    struct kmsd_workspace *idle;
    uint64_t forgets; /* calls of kmsd_workspace_pool_forget */
    uint8_t forgotten[KMSD_FORGOTTEN_KEPT][KMSD_MATERIAL_ID_SIZE]; /* the last ones, in turn */
    EVP_CIPHER *aes_256_gcm;
    const uint8_t *wrapping_key; /* the custody's, KMSD_AEAD_KEY_SIZE bytes */
};

/* wrapping_key must outlive the pool. KMS_ERR_CRYPTO when libcrypto offers no AES-256-GCM. */
KMS_MUST_USE enum kms_err kmsd_workspace_pool_init(
    struct kmsd_workspace_pool *pool, const uint8_t *wrapping_key);
void kmsd_workspace_pool_clean_up(struct kmsd_workspace_pool *pool);

KMS_MUST_USE enum kms_err kmsd_workspace_take(
    struct kmsd_workspace_pool *pool, struct kmsd_workspace **out);

/* Wipes the keys and gives the workspace back. */
void kmsd_workspace_give(struct kmsd_workspace_pool *pool, struct kmsd_workspace *workspace);

/* Wipes that material, which workspaces may keep open: at once in those that nobody uses, else as they are
 * given back. */
void kmsd_workspace_pool_forget(
    struct kmsd_workspace_pool *pool, const uint8_t id[KMSD_MATERIAL_ID_SIZE]);

#endif
