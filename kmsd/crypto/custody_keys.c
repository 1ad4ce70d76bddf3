/* Material of every kind but SYMMETRIC_DEFAULT: making, wrapping, opening, keeping ready. */
#include "kmsd/crypto/custody_state.h"
#include "kmsd/crypto/pkey.h"
#include "kmsd/crypto/record.h"

#include <openssl/err.h>
#include <openssl/rand.h>

_Static_assert(KMSD_RECORD_OVERHEAD == KMSD_PUBLIC_KEY_OVERHEAD,
    "a sealed public key is a record of nothing, then the key");
_Static_assert(KMSD_KEY_CACHE_ID_SIZE == KMSD_MATERIAL_ID_SIZE, "keys are kept by material");

static const char *name_of(const struct kmsd_kind *kind)
{
    return kind == NULL ? KMSD_SYMMETRIC_NAME : kind->name;
}

const struct kmsd_kind *kmsd_material_kind(const struct kmsd_material *material)
{
    return kmsd_kind_find(material->spec, material->usage);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Makes workspace->aad that of the secret, or, where there is one, of the public key. */
static enum kms_err make_aad(struct kmsd_workspace *workspace, const struct kmsd_kind *kind,
    struct kms_str key_arn, const uint8_t *id, const struct kms_bytes *public_key)
{
    if (key_arn.len == 0 || key_arn.len > KMSD_CUSTODY_NAME_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    const struct kms_bytes id_bytes = kms_bytes(id, KMSD_MATERIAL_ID_SIZE);
    kms_buf_reset(&workspace->aad);
    if (public_key == NULL)
        kmsd_record_material_aad(&workspace->aad, name_of(kind), key_arn, id_bytes);
    else
        kmsd_record_public_key_aad(&workspace->aad, name_of(kind), key_arn, id_bytes, *public_key);
    return workspace->aad.err;
}

/* Cuts a sealed public key into its record and the key. KMS_ERR_CORRUPT. */
static enum kms_err cut_public_key(
    const struct kmsd_material *material, struct kms_bytes *record, struct kms_bytes *public_key)
{
    struct kms_bytes sealed = material->public_key;
    if (material->record_version != KMSD_RECORD_VERSION)
        return KMS_ERR_UNSUPPORTED;
    if (sealed.len <= KMSD_RECORD_OVERHEAD ||
        sealed.len > KMSD_PUBLIC_KEY_MAX + KMSD_RECORD_OVERHEAD)
        return KMS_ERR_CORRUPT;
    *record = kms_bytes(sealed.data, KMSD_RECORD_OVERHEAD);
    *public_key = kms_bytes(sealed.data + KMSD_RECORD_OVERHEAD, sealed.len - KMSD_RECORD_OVERHEAD);
    return KMS_OK;
}

/* A record of ours that does not open is damage, not somebody's failed authentication. */
static enum kms_err open_record(
    struct kmsd_workspace *workspace, struct kms_bytes record, uint8_t *out, size_t len)
{
    enum kms_err err = kmsd_record_open(
        workspace->material, NULL, kms_buf_bytes(&workspace->aad), record, out, len);
    return err == KMS_ERR_AUTHENTICATION ? KMS_ERR_CORRUPT : err;
}

/* Makes workspace->aad that of the material's secret. */
static enum kms_err secret_aad(struct kmsd_workspace *workspace, const struct kmsd_kind *kind,
    const struct kmsd_material *material)
{
    if (material->record_version != KMSD_RECORD_VERSION)
        return KMS_ERR_UNSUPPORTED;
    if (material->wrapped.len <= KMSD_RECORD_OVERHEAD || material->wrapped.len > KMSD_WRAPPED_MAX)
        return KMS_ERR_CORRUPT;
    return make_aad(workspace, kind, material->key_arn, material->id, NULL);
}

/* Opens the material under the AAD that secret_aad made. */
static enum kms_err open_secret(
    struct kmsd_workspace *workspace, const struct kmsd_material *material, struct kms_secret **out)
{
    KMS_SECRET_AUTO secret = NULL;
    size_t len = material->wrapped.len - KMSD_RECORD_OVERHEAD;
    enum kms_err err = kms_secret_new(len, &secret);
    if (err == KMS_OK)
        err = open_record(workspace, material->wrapped, kms_secret_data(secret), len);
    if (err != KMS_OK)
        return err;
    *out = secret;
    secret = NULL; /* now the caller's */
    return KMS_OK;
}

/* Whether the public key is the one that was sealed, under the AAD that make_aad made. */
static enum kms_err check_seal(struct kmsd_workspace *workspace, struct kms_bytes record)
{
    uint8_t nothing[1];
    return open_record(workspace, record, nothing, 0);
}

enum kms_err kmsd_custody_open(struct kmsd_custody *custody, const struct kmsd_kind *kind,
    const struct kmsd_material *material, struct kms_secret **out)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = secret_aad(workspace, kind, material);
    if (err == KMS_OK)
        err = open_secret(workspace, material, out);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

/* --- key pairs -------------------------------------------------------------------------------- */

/* The AAD that was made and what it goes with: all that is authenticated when a record is opened. It is
 * the workspace's until the next AAD is made; *aad_len is where the record in it begins. */
static enum kms_err make_tag(struct kmsd_workspace *workspace, struct kms_bytes record,
    struct kms_bytes *tag, size_t *aad_len)
{
    *aad_len = workspace->aad.len;
    kms_buf_append(&workspace->aad, record.data, record.len);
    *tag = kms_buf_bytes(&workspace->aad);
    return workspace->aad.err;
}

static enum kms_err open_private(struct kmsd_workspace *workspace, const struct kmsd_kind *kind,
    const struct kmsd_material *material, EVP_PKEY **key)
{
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = open_secret(workspace, material, &secret);
    return err == KMS_OK ? kmsd_pkey_read_private(kind, kms_secret_bytes(secret), key) : err;
}

static enum kms_err find_private(struct kmsd_custody *custody, struct kmsd_workspace *workspace,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out)
{
    struct kms_bytes tag;
    size_t aad_len = 0;
    uint64_t forgets = 0;
    enum kms_err err = secret_aad(workspace, kind, material);
    if (err == KMS_OK)
        err = make_tag(workspace, material->wrapped, &tag, &aad_len);
    if (err != KMS_OK)
        return err;
    struct kmsd_held_key held = kmsd_key_cache_find(&custody->private_keys, tag, row, &forgets);
    if (held.key == NULL) {
        workspace->aad.len = aad_len; /* without the record, which stays where it is */
        err = open_private(workspace, kind, material, &held.key);
        if (err != KMS_OK)
            return err;
        if (kmsd_material_may_be_kept(custody, material))
            kmsd_key_cache_put(&custody->private_keys, tag, material->id, held.key, forgets);
    }
    *out = held; /* now the caller's */
    return KMS_OK;
}

static enum kms_err find_public(struct kmsd_custody *custody, struct kmsd_workspace *workspace,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out)
{
    struct kms_bytes tag;
    size_t aad_len = 0;
    uint64_t forgets = 0;
    struct kms_bytes record = {NULL, 0};
    struct kms_bytes public_key = {NULL, 0};
    enum kms_err err = cut_public_key(material, &record, &public_key);
    if (err == KMS_OK)
        err = make_aad(workspace, kind, material->key_arn, material->id, &public_key);
    if (err == KMS_OK)
        err = make_tag(workspace, record, &tag, &aad_len);
    if (err != KMS_OK)
        return err;
    struct kmsd_held_key held = kmsd_key_cache_find(&custody->public_keys, tag, row, &forgets);
    if (held.key == NULL) {
        workspace->aad.len = aad_len;
        err = check_seal(workspace, record);
        if (err == KMS_OK)
            err = kmsd_pkey_read_public(kind, public_key, &held.key);
        if (err != KMS_OK)
            return err;
        if (kmsd_material_may_be_kept(custody, material))
            kmsd_key_cache_put(&custody->public_keys, tag, material->id, held.key, forgets);
    }
    *out = held; /* now the caller's */
    return KMS_OK;
}

typedef enum kms_err find_pkey(struct kmsd_custody *custody, struct kmsd_workspace *workspace,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out);

static enum kms_err with_workspace(struct kmsd_custody *custody, find_pkey *find,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out)
{
    if (kind->key_type == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    ERR_clear_error(); /* what somebody left there would be taken for this call's */
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = find(custody, workspace, kind, material, row, out);
    kmsd_workspace_give(&custody->pool, workspace);
    if (err == KMS_ERR_CORRUPT && !kmsd_pkey_known(kind))
        return KMS_ERR_UNSUPPORTED; /* made under a libcrypto that could read it */
    return err;
}

enum kms_err kmsd_custody_private_pkey(struct kmsd_custody *custody, const struct kmsd_kind *kind,
    const struct kmsd_material *material, const void *row, struct kmsd_held_key *out)
{
    return with_workspace(custody, find_private, kind, material, row, out);
}

enum kms_err kmsd_custody_public_pkey(struct kmsd_custody *custody, const struct kmsd_kind *kind,
    const struct kmsd_material *material, const void *row, struct kmsd_held_key *out)
{
    return with_workspace(custody, find_public, kind, material, row, out);
}

enum kms_err kmsd_custody_used(
    struct kmsd_custody *custody, const struct kmsd_material *material, enum kms_err err)
{
    if (err == KMS_ERR_NO_MEMORY || err == KMS_ERR_CRYPTO || err == KMS_ERR_INTERNAL)
        kmsd_key_cache_forget(&custody->private_keys, material->id);
    return err;
}

uint64_t kmsd_custody_forgets(const struct kmsd_custody *custody)
{
    return atomic_load(&custody->forgets);
}

void kmsd_custody_forget(struct kmsd_custody *custody, const uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    atomic_fetch_add(&custody->forgets, 1); /* before the caches: kmsd_material_may_be_kept */
    kmsd_key_cache_forget(&custody->private_keys, id);
    kmsd_key_cache_forget(&custody->public_keys, id);
    kmsd_workspace_pool_forget(&custody->pool, id);
}

/* --- public keys as bytes --------------------------------------------------------------------- */

static enum kms_err read_public_key(struct kmsd_custody *custody, const struct kmsd_kind *kind,
    const struct kmsd_material *material, struct kms_bytes *public_key)
{
    struct kms_bytes record = {NULL, 0};
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = cut_public_key(material, &record, public_key);
    if (err == KMS_OK)
        err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    err = make_aad(workspace, kind, material->key_arn, material->id, public_key);
    if (err == KMS_OK)
        err = check_seal(workspace, record);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

enum kms_err kmsd_custody_public_key(
    struct kmsd_custody *custody, const struct kmsd_material *material, struct kms_buf *out)
{
    struct kms_bytes public_key = {NULL, 0};
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if (kind == NULL || kind->key_type == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    enum kms_err err = read_public_key(custody, kind, material, &public_key);
    if (err != KMS_OK)
        return err;
    kms_buf_append(out, public_key.data, public_key.len);
    return out->err;
}

enum kms_err kmsd_custody_check(struct kmsd_custody *custody, const struct kmsd_material *material)
{
    struct kms_bytes public_key = {NULL, 0};
    KMS_SECRET_AUTO secret = NULL;
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if (kind == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    enum kms_err err = kmsd_custody_open(custody, kind, material, &secret);
    if (err == KMS_OK && kind->key_type != NULL)
        err = read_public_key(custody, kind, material, &public_key);
    return err;
}

/* --- making ----------------------------------------------------------------------------------- */

static enum kms_err make_pair(
    const struct kmsd_kind *kind, struct kms_buf *private_key, struct kms_buf *public_key)
{
    KMSD_PKEY_AUTO key = NULL;
    ERR_clear_error();
    enum kms_err err = kmsd_pkey_generate(kind, &key);
    if (err == KMS_OK)
        err = kmsd_pkey_write_private(key, private_key);
    if (err == KMS_OK)
        err = kmsd_pkey_write_public(key, public_key);
    return err;
}

static enum kms_err make_bytes(const struct kmsd_kind *kind, struct kms_buf *secret)
{
    uint8_t *at = kms_buf_extend(secret, kind->secret_size);
    if (at == NULL)
        return secret->err;
    return RAND_priv_bytes(at, (int)kind->secret_size) == 1 ? KMS_OK : KMS_ERR_CRYPTO;
}

/* Appends the record of a secret under workspace->aad. */
static enum kms_err seal(
    struct kmsd_workspace *workspace, struct kms_bytes secret, struct kms_buf *out)
{
    uint8_t iv[KMSD_AEAD_IV_SIZE];
    if (RAND_bytes(iv, sizeof(iv)) != 1)
        return KMS_ERR_CRYPTO;
    return kmsd_record_seal(
        workspace->material, NULL, iv, kms_buf_bytes(&workspace->aad), secret, out);
}

static enum kms_err seal_parts(struct kmsd_workspace *workspace, const struct kmsd_kind *kind,
    struct kms_str key_arn, const uint8_t *id, const struct kmsd_parts *parts,
    struct kms_buf *wrapped, struct kms_buf *public_key)
{
    enum kms_err err = make_aad(workspace, kind, key_arn, id, NULL);
    if (err == KMS_OK)
        err = seal(workspace, parts->secret, wrapped);
    if (err != KMS_OK || parts->public_key.len == 0)
        return err;
    err = make_aad(workspace, kind, key_arn, id, &parts->public_key);
    if (err == KMS_OK)
        err = seal(workspace, kms_bytes("", 0), public_key);
    if (err != KMS_OK)
        return err;
    kms_buf_append(public_key, parts->public_key.data, parts->public_key.len);
    return public_key->err;
}

enum kms_err kmsd_custody_wrap(struct kmsd_custody *custody, const struct kmsd_kind *kind,
    struct kms_str key_arn, const uint8_t id[KMSD_MATERIAL_ID_SIZE], const struct kmsd_parts *parts,
    struct kms_buf *wrapped, struct kms_buf *public_key)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    size_t wrapped_before = wrapped->len;
    size_t public_before = public_key->len;
    err = seal_parts(workspace, kind, key_arn, id, parts, wrapped, public_key);
    kmsd_workspace_give(&custody->pool, workspace);
    if (err != KMS_OK) {
        kms_buf_truncate(wrapped, wrapped_before);
        kms_buf_truncate(public_key, public_before);
    }
    return err;
}

enum kms_err kmsd_custody_generate(struct kmsd_custody *custody,
    const struct kmsd_new_material *wanted, uint8_t id[KMSD_MATERIAL_ID_SIZE],
    struct kms_buf *wrapped, struct kms_buf *public_key)
{
    if (wanted->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_custody_generate_symmetric(custody, wanted->key_arn, id, wrapped);
    const struct kmsd_kind *kind = kmsd_kind_find(wanted->spec, wanted->usage);
    if (kind == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    uint8_t made_id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO made_public;
    kms_buf_init(&secret, KMSD_PRIVATE_KEY_MAX);
    kms_buf_init(&made_public, KMSD_PUBLIC_KEY_MAX);
    if (RAND_bytes(made_id, sizeof(made_id)) != 1)
        return KMS_ERR_CRYPTO;
    enum kms_err err =
        kind->key_type == NULL ? make_bytes(kind, &secret) : make_pair(kind, &secret, &made_public);
    if (err != KMS_OK)
        return err;
    const struct kmsd_parts parts = {kms_buf_bytes(&secret), kms_buf_bytes(&made_public)};
    err = kmsd_custody_wrap(custody, kind, wanted->key_arn, made_id, &parts, wrapped, public_key);
    if (err == KMS_OK)
        memcpy(id, made_id, sizeof(made_id));
    return err;
}

enum kms_err kmsd_custody_generate_key_pair(struct kmsd_custody *custody, enum kms_key_spec spec,
    struct kms_buf *private_key, struct kms_buf *public_key)
{
    (void)custody; /* today; one that keeps keys made ahead will need it */
    const struct kmsd_kind *kind = kmsd_kind_of_pair(spec);
    if (kind == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    size_t private_before = private_key->len;
    size_t public_before = public_key->len;
    enum kms_err err = make_pair(kind, private_key, public_key);
    if (err != KMS_OK) {
        kms_buf_truncate(private_key, private_before);
        kms_buf_truncate(public_key, public_before);
    }
    return err;
}
