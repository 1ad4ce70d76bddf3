#include "kmsd/crypto/workspace.h"

#include <stdlib.h>

enum {
    AAD_MAX = KMSD_CONTEXT_MAX + 4096, /* the context, and names of up to 2048 bytes */
    AAD_KEPT_MAX = 16384,              /* larger storage is given back after use */
};

static void workspace_free(struct kmsd_workspace *workspace)
{
    if (workspace == NULL)
        return;
    EVP_CIPHER_CTX_free(workspace->material);
    EVP_CIPHER_CTX_free(workspace->message);
    kms_secret_free(workspace->keys);
    kms_buf_clean_up(&workspace->aad);
    kmsd_reserve_free(workspace->nonces);
    kmsd_reserve_free(workspace->secrets);
    kmsd_recall_free(workspace->recall);
    free(workspace);
}

static enum kms_err workspace_new(
    const struct kmsd_workspace_pool *pool, struct kmsd_workspace **out)
{
    struct kmsd_workspace *workspace = calloc(1, sizeof(*workspace));
    if (workspace == NULL)
        return KMS_ERR_NO_MEMORY;
    kms_buf_init(&workspace->aad, AAD_MAX);
    enum kms_err err = kmsd_aead_new(pool->aes_256_gcm, pool->wrapping_key, &workspace->material);
    if (err == KMS_OK)
        err = kmsd_aead_new(pool->aes_256_gcm, NULL, &workspace->message);
    if (err == KMS_OK)
        err = kms_secret_new((size_t)2 * KMSD_AEAD_KEY_SIZE, &workspace->keys);
    if (err == KMS_OK)
        err = kmsd_reserve_new(KMSD_RESERVE_OF_NONCES, &workspace->nonces);
    if (err == KMS_OK)
        err = kmsd_reserve_new(KMSD_RESERVE_OF_SECRETS, &workspace->secrets);
    if (err == KMS_OK)
        err = kmsd_recall_new(&workspace->recall);
    if (err != KMS_OK) {
        workspace_free(workspace);
        return err;
    }
    workspace->material_key = kms_secret_data(workspace->keys);
    workspace->message_key = workspace->material_key + KMSD_AEAD_KEY_SIZE;
    *out = workspace;
    return KMS_OK;
}

enum kms_err kmsd_workspace_pool_init(struct kmsd_workspace_pool *pool, const uint8_t *wrapping_key)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (cipher == NULL)
        return KMS_ERR_CRYPTO;
    if (pthread_mutex_init(&pool->mutex, NULL) != 0) {
        EVP_CIPHER_free(cipher);
        return KMS_ERR_NO_MEMORY;
    }
    pool->idle = NULL;
    pool->forgets = 0;
    pool->aes_256_gcm = cipher;
    pool->wrapping_key = wrapping_key;
    return KMS_OK;
}

void kmsd_workspace_pool_clean_up(struct kmsd_workspace_pool *pool)
{
    while (pool->idle != NULL) {
        struct kmsd_workspace *next = pool->idle->next;
        workspace_free(pool->idle);
        pool->idle = next;
    }
    EVP_CIPHER_free(pool->aes_256_gcm);
    (void)pthread_mutex_destroy(&pool->mutex);
}

enum kms_err kmsd_workspace_take(struct kmsd_workspace_pool *pool, struct kmsd_workspace **out)
{
    (void)pthread_mutex_lock(&pool->mutex);
    struct kmsd_workspace *workspace = pool->idle;
    if (workspace != NULL)
        pool->idle = workspace->next;
    uint64_t forgets = pool->forgets;
    (void)pthread_mutex_unlock(&pool->mutex);
    if (workspace == NULL) {
        enum kms_err err = workspace_new(pool, &workspace);
        if (err != KMS_OK)
            return err;
    }
    workspace->forgets = forgets;
    *out = workspace;
    return KMS_OK;
}

/* Forgets what was to be forgotten while the workspace was out: all it has, where that was too much to be
 * noted. With the mutex held, which is let go of meanwhile. */
static void catch_up(struct kmsd_workspace_pool *pool, struct kmsd_workspace *workspace)
{
    uint8_t ids[KMSD_FORGOTTEN_KEPT][KMSD_MATERIAL_ID_SIZE];
    while (workspace->forgets != pool->forgets) {
        uint64_t missed = pool->forgets - workspace->forgets;
        memcpy(ids, pool->forgotten, sizeof(ids));
        workspace->forgets = pool->forgets;
        (void)pthread_mutex_unlock(&pool->mutex);
        if (missed > KMSD_FORGOTTEN_KEPT)
            kmsd_recall_clear(workspace->recall);
        for (uint64_t i = 0; missed <= KMSD_FORGOTTEN_KEPT && i < missed; i++)
            kmsd_recall_forget(
                workspace->recall, ids[(workspace->forgets - 1 - i) % KMSD_FORGOTTEN_KEPT]);
        (void)pthread_mutex_lock(&pool->mutex);
    }
}

void kmsd_workspace_give(struct kmsd_workspace_pool *pool, struct kmsd_workspace *workspace)
{
    kms_wipe(workspace->material_key, (size_t)2 * KMSD_AEAD_KEY_SIZE);
    if (workspace->aad.capacity > AAD_KEPT_MAX)
        kms_buf_clean_up(&workspace->aad);
    (void)pthread_mutex_lock(&pool->mutex);
    catch_up(pool, workspace);
    workspace->next = pool->idle;
    pool->idle = workspace;
    (void)pthread_mutex_unlock(&pool->mutex);
}

void kmsd_workspace_pool_forget(
    struct kmsd_workspace_pool *pool, const uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    (void)pthread_mutex_lock(&pool->mutex);
    memcpy(pool->forgotten[pool->forgets % KMSD_FORGOTTEN_KEPT], id, KMSD_MATERIAL_ID_SIZE);
    pool->forgets++;
    for (struct kmsd_workspace *at = pool->idle; at != NULL; at = at->next)
        kmsd_recall_forget(at->recall, id);
    (void)pthread_mutex_unlock(&pool->mutex);
}
