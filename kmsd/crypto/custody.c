#include "kmsd/crypto/custody.h"

#include "kmsd/crypto/custody_state.h"
#include "kmsd/crypto/kdf.h"
#include "kmsd/crypto/record.h"

#include <limits.h>
#include <openssl/rand.h>
#include <stdlib.h>

_Static_assert(KMSD_SEALED_SECRET_MAX + KMSD_RECORD_OVERHEAD == KMSD_WRAPPED_SECRET_MAX,
    "a sealed secret fits where wrapped secrets go");
_Static_assert(KMSD_MATERIAL_VERSION == KMSD_RECORD_VERSION, "one version of records");

static const char canary_purpose[] = "canary";
static const char canary_owner[] = "store";
static const char canary_text[] = "This store belongs to this root key.";

/* --- life ------------------------------------------------------------------------------------- */

/* The keys that are derived at start, in the order in which they lie in memory. */
enum { WRAP_KEY, SEAL_KEY, TOKEN_KEY, NAME_KEY, DERIVED_KEYS };
static const char *const labels[DERIVED_KEYS] = {
    [WRAP_KEY] = KMSD_LABEL_WRAP_MATERIAL,
    [SEAL_KEY] = KMSD_LABEL_SEAL_SECRET,
    [TOKEN_KEY] = KMSD_LABEL_IMPORT_TOKEN,
    [NAME_KEY] = KMSD_LABEL_NAME_MATERIAL,
};

static enum kms_err derive_keys(const struct kms_secret *root_key, struct kms_secret *keys)
{
    const struct kms_bytes root = kms_secret_bytes(root_key);
    const struct kms_bytes none = {NULL, 0};
    uint8_t *at = kms_secret_data(keys);
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < DERIVED_KEYS && err == KMS_OK; i++)
        err = kmsd_kdf_derive(root, labels[i], none, at + i * KMSD_KDF_KEY_SIZE);
    return err;
}

static enum kms_err init_parts(struct kmsd_custody *custody)
{
    enum kms_err err = kmsd_workspace_pool_init(&custody->pool, custody->wrap_key);
    if (err != KMS_OK)
        return err;
    err = kmsd_key_cache_init(&custody->private_keys);
    if (err == KMS_OK) {
        err = kmsd_key_cache_init(&custody->public_keys);
        if (err == KMS_OK)
            return KMS_OK;
        kmsd_key_cache_clean_up(&custody->private_keys);
    }
    kmsd_workspace_pool_clean_up(&custody->pool);
    return err;
}

static enum kms_err custody_new(const struct kms_secret *root_key, struct kmsd_custody **out)
{
    if (root_key == NULL || kms_secret_len(root_key) != KMSD_ROOT_KEY_SIZE)
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_SECRET_AUTO keys = NULL;
    enum kms_err err = kms_secret_new((size_t)DERIVED_KEYS * KMSD_KDF_KEY_SIZE, &keys);
    if (err == KMS_OK)
        err = derive_keys(root_key, keys);
    if (err != KMS_OK)
        return err;
    struct kmsd_custody *custody = calloc(1, sizeof(*custody));
    if (custody == NULL)
        return KMS_ERR_NO_MEMORY;
    const uint8_t *derived = kms_secret_data(keys);
    custody->wrap_key = derived + (size_t)WRAP_KEY * KMSD_KDF_KEY_SIZE;
    custody->seal_key = derived + (size_t)SEAL_KEY * KMSD_KDF_KEY_SIZE;
    custody->token_key = derived + (size_t)TOKEN_KEY * KMSD_KDF_KEY_SIZE;
    custody->name_key = derived + (size_t)NAME_KEY * KMSD_KDF_KEY_SIZE;
    err = init_parts(custody);
    if (err != KMS_OK) {
        free(custody);
        return err;
    }
    custody->keys = keys;
    keys = NULL; /* now the custody's */
    *out = custody;
    return KMS_OK;
}

enum kms_err kmsd_custody_new(struct kms_secret *root_key, struct kmsd_custody **out)
{
    enum kms_err err = custody_new(root_key, out);
    kms_secret_free(root_key);
    return err;
}

void kmsd_custody_free(struct kmsd_custody *custody)
{
    if (custody == NULL)
        return;
    kmsd_key_cache_clean_up(&custody->private_keys);
    kmsd_key_cache_clean_up(&custody->public_keys);
    kmsd_workspace_pool_clean_up(&custody->pool);
    kms_secret_free(custody->keys);
    free(custody);
}

/* --- material --------------------------------------------------------------------------------- */

static enum kms_err material_aad(
    struct kmsd_workspace *workspace, struct kms_str key_arn, const uint8_t *id)
{
    if (key_arn.len == 0 || key_arn.len > KMSD_CUSTODY_NAME_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    kms_buf_reset(&workspace->aad);
    kmsd_record_material_aad(
        &workspace->aad, KMSD_SYMMETRIC_NAME, key_arn, kms_bytes(id, KMSD_MATERIAL_ID_SIZE));
    return workspace->aad.err;
}

/* Puts the material's plaintext into workspace->material_key. */
static enum kms_err unwrap(struct kmsd_workspace *workspace, const struct kmsd_material *material)
{
    if (!kmsd_material_is_symmetric(material))
        return KMS_ERR_INVALID_ARGUMENT;
    if (material->record_version != KMSD_RECORD_VERSION)
        return KMS_ERR_UNSUPPORTED;
    enum kms_err err = material_aad(workspace, material->key_arn, material->id);
    if (err != KMS_OK)
        return err;
    return kmsd_record_open(workspace->material, NULL, kms_buf_bytes(&workspace->aad),
        material->wrapped, workspace->material_key, KMSD_KDF_KEY_SIZE);
}

/* The same for an operation, which may find it open from the last one. */
static enum kms_err recall(const struct kmsd_custody *custody, struct kmsd_workspace *workspace,
    const struct kmsd_material *material)
{
    if (!kmsd_material_is_symmetric(material))
        return KMS_ERR_INVALID_ARGUMENT;
    if (material->record_version != KMSD_RECORD_VERSION)
        return KMS_ERR_UNSUPPORTED;
    const uint8_t *kept = kmsd_recall_find(workspace->recall, material);
    if (kept != NULL) {
        memcpy(workspace->material_key, kept, KMSD_KDF_KEY_SIZE);
        return KMS_OK;
    }
    enum kms_err err = unwrap(workspace, material);
    if (err == KMS_OK && kmsd_material_may_be_kept(custody, material))
        kmsd_recall_keep(workspace->recall, material, workspace->material_key);
    return err;
}

static enum kms_err generate(struct kmsd_workspace *workspace, struct kms_str key_arn,
    uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped)
{
    uint8_t iv[KMSD_AEAD_IV_SIZE];
    if (RAND_bytes(id, KMSD_MATERIAL_ID_SIZE) != 1 || RAND_bytes(iv, sizeof(iv)) != 1 ||
        RAND_priv_bytes(workspace->material_key, KMSD_KDF_KEY_SIZE) != 1)
        return KMS_ERR_CRYPTO;
    enum kms_err err = material_aad(workspace, key_arn, id);
    if (err != KMS_OK)
        return err;
    return kmsd_record_seal(workspace->material, NULL, iv, kms_buf_bytes(&workspace->aad),
        kms_bytes(workspace->material_key, KMSD_KDF_KEY_SIZE), wrapped);
}

enum kms_err kmsd_custody_generate_symmetric(struct kmsd_custody *custody, struct kms_str key_arn,
    uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped)
{
    uint8_t made[KMSD_MATERIAL_ID_SIZE];
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = generate(workspace, key_arn, made, wrapped);
    kmsd_workspace_give(&custody->pool, workspace);
    if (err == KMS_OK)
        memcpy(id, made, sizeof(made));
    return err;
}

enum kms_err kmsd_custody_verify(struct kmsd_custody *custody, const struct kmsd_material *material)
{
    if (!kmsd_material_is_symmetric(material))
        return kmsd_custody_check(custody, material);
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = unwrap(workspace, material);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

/* --- messages --------------------------------------------------------------------------------- */

static struct kmsd_ciphertext_tools tools_of(struct kmsd_workspace *workspace)
{
    return (struct kmsd_ciphertext_tools){
        .gcm = workspace->message,
        .message_key = workspace->message_key,
        .aad = &workspace->aad,
    };
}

enum kms_err kmsd_custody_encrypt(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_str key_id,
    const struct kms_str_map *encryption_context, struct kms_bytes plaintext, struct kms_buf *out)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    uint8_t fresh[KMSD_NONCE_SIZE + KMSD_AEAD_IV_SIZE];
    const struct kmsd_ciphertext_tools tools = tools_of(workspace);
    err = recall(custody, workspace, material);
    if (err == KMS_OK)
        err = kmsd_reserve_draw(workspace->nonces, fresh, sizeof(fresh));
    if (err == KMS_OK)
        err = kmsd_ciphertext_seal(&tools, workspace->material_key, key_id, material->id, fresh,
            fresh + KMSD_NONCE_SIZE, encryption_context, plaintext, out);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

static bool is_parsed(const struct kmsd_ciphertext *ciphertext)
{
    return ciphertext->material_id.len == KMSD_MATERIAL_ID_SIZE &&
           ciphertext->nonce.len == KMSD_NONCE_SIZE && ciphertext->iv.len == KMSD_AEAD_IV_SIZE &&
           ciphertext->sealed.len >= KMSD_AEAD_TAG_SIZE;
}

enum kms_err kmsd_custody_decrypt(struct kmsd_custody *custody,
    const struct kmsd_material *material, const struct kmsd_ciphertext *ciphertext,
    const struct kms_str_map *encryption_context, struct kms_buf *out)
{
    if (!is_parsed(ciphertext))
        return KMS_ERR_INVALID_ARGUMENT;
    if (memcmp(ciphertext->material_id.data, material->id, KMSD_MATERIAL_ID_SIZE) != 0)
        return KMS_ERR_AUTHENTICATION;
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    const struct kmsd_ciphertext_tools tools = tools_of(workspace);
    err = recall(custody, workspace, material);
    if (err == KMS_OK)
        err = kmsd_ciphertext_open(
            &tools, workspace->material_key, ciphertext, encryption_context, out);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

enum kms_err kmsd_custody_random(uint8_t *out, size_t len)
{
    if (len > INT_MAX)
        return KMS_ERR_LIMIT;
    return len == 0 || RAND_priv_bytes(out, (int)len) == 1 ? KMS_OK : KMS_ERR_CRYPTO;
}

enum kms_err kmsd_custody_make_data_key(struct kmsd_custody *custody, uint8_t *out, size_t len)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = kmsd_reserve_draw(workspace->secrets, out, len);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

/* --- other secrets ---------------------------------------------------------------------------- */

static enum kms_err secret_aad(
    struct kmsd_workspace *workspace, struct kms_str purpose, struct kms_str owner)
{
    if (purpose.len == 0 || purpose.len > KMSD_CUSTODY_NAME_MAX ||
        owner.len > KMSD_CUSTODY_NAME_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    kms_buf_reset(&workspace->aad);
    kmsd_record_secret_aad(&workspace->aad, purpose, owner);
    return workspace->aad.err;
}

enum kms_err kmsd_custody_seal(struct kmsd_custody *custody, struct kms_str purpose,
    struct kms_str owner, struct kms_bytes secret, struct kms_buf *out)
{
    if (secret.len == 0)
        return KMS_ERR_INVALID_ARGUMENT;
    if (secret.len > KMSD_SEALED_SECRET_MAX)
        return KMS_ERR_LIMIT;
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    uint8_t iv[KMSD_AEAD_IV_SIZE];
    err = secret_aad(workspace, purpose, owner);
    if (err == KMS_OK && RAND_bytes(iv, sizeof(iv)) != 1)
        err = KMS_ERR_CRYPTO;
    if (err == KMS_OK)
        err = kmsd_record_seal(
            workspace->message, custody->seal_key, iv, kms_buf_bytes(&workspace->aad), secret, out);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

static enum kms_err unseal_into(struct kmsd_custody *custody, struct kms_str purpose,
    struct kms_str owner, struct kms_bytes sealed, struct kms_secret *secret)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = secret_aad(workspace, purpose, owner);
    if (err == KMS_OK)
        err =
            kmsd_record_open(workspace->message, custody->seal_key, kms_buf_bytes(&workspace->aad),
                sealed, kms_secret_data(secret), kms_secret_len(secret));
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

enum kms_err kmsd_custody_unseal(struct kmsd_custody *custody, struct kms_str purpose,
    struct kms_str owner, struct kms_bytes sealed, struct kms_secret **out)
{
    if (sealed.len <= KMSD_RECORD_OVERHEAD || sealed.len > KMSD_WRAPPED_SECRET_MAX)
        return KMS_ERR_AUTHENTICATION;
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kms_secret_new(sealed.len - KMSD_RECORD_OVERHEAD, &secret);
    if (err == KMS_OK)
        err = unseal_into(custody, purpose, owner, sealed, secret);
    if (err != KMS_OK)
        return err;
    *out = secret;
    secret = NULL; /* now the caller's */
    return KMS_OK;
}

enum kms_err kmsd_custody_canary_make(struct kmsd_custody *custody, struct kms_buf *out)
{
    return kmsd_custody_seal(custody, kms_str(canary_purpose), kms_str(canary_owner),
        kms_bytes(canary_text, sizeof(canary_text) - 1), out);
}

enum kms_err kmsd_custody_canary_check(struct kmsd_custody *custody, struct kms_bytes canary)
{
    KMS_SECRET_AUTO opened = NULL;
    enum kms_err err = kmsd_custody_unseal(
        custody, kms_str(canary_purpose), kms_str(canary_owner), canary, &opened);
    if (err != KMS_OK)
        return err;
    struct kms_bytes text = kms_secret_bytes(opened);
    bool same =
        text.len == sizeof(canary_text) - 1 && memcmp(text.data, canary_text, text.len) == 0;
    return same ? KMS_OK : KMS_ERR_AUTHENTICATION;
}
