/* Material that comes from outside, or from another region. */
#include "kmsd/crypto/brought.h"
#include "kmsd/crypto/cbor_out.h"
#include "kmsd/crypto/custody_state.h"
#include "kmsd/crypto/import.h"
#include "kmsd/crypto/kdf.h"
#include "kmsd/crypto/pkey.h"
#include "kmsd/crypto/record.h"
#include "kmsd/crypto/wrapping.h"
#include "libkms/base/sha256.h"
#include "libkms/proto/arn.h"

#include <openssl/err.h>
#include <openssl/rand.h>

_Static_assert(KMSD_SYMMETRIC_KEY_SIZE == KMSD_KDF_KEY_SIZE, "symmetric material is a KDF's key");

enum { NAMED_MAX = KMSD_PUBLIC_KEY_MAX + KMSD_CUSTODY_NAME_MAX };

static struct kmsd_import_token_tools tools_of(
    const struct kmsd_custody *custody, struct kmsd_workspace *workspace)
{
    return (struct kmsd_import_token_tools){
        .gcm = workspace->message,
        .key = custody->token_key,
        .aad = &workspace->aad,
    };
}

static bool is_name(struct kms_str key_arn)
{
    return key_arn.len != 0 && key_arn.len <= KMSD_CUSTODY_NAME_MAX;
}

/* --- the wrapping key ------------------------------------------------------------------------- */

static enum kms_err write_token(struct kmsd_custody *custody, struct kms_str key_arn,
    const struct kmsd_import_terms *terms, struct kms_bytes private_key, struct kms_buf *token)
{
    uint8_t iv[KMSD_AEAD_IV_SIZE];
    struct kmsd_workspace *workspace = NULL;
    if (RAND_bytes(iv, sizeof(iv)) != 1)
        return KMS_ERR_CRYPTO;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    const struct kmsd_import_token_tools tools = tools_of(custody, workspace);
    err = kmsd_import_token_write(&tools, key_arn, terms, iv, private_key, token);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

enum kms_err kmsd_custody_import_begin(struct kmsd_custody *custody, struct kms_str key_arn,
    const struct kmsd_import_terms *terms, struct kms_buf *public_key, struct kms_buf *token)
{
    const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(terms->algorithm);
    const struct kmsd_kind *kind =
        wrapping == NULL ? NULL : kmsd_wrapping_kind(wrapping, terms->spec);
    if (kind == NULL || !is_name(key_arn))
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_BUF_AUTO private_key;
    kms_buf_init(&private_key, KMSD_PRIVATE_KEY_MAX);
    size_t before = public_key->len;
    enum kms_err err =
        kmsd_custody_generate_key_pair(custody, kind->spec, &private_key, public_key);
    if (err == KMS_OK)
        err = write_token(custody, key_arn, terms, kms_buf_bytes(&private_key), token);
    if (err != KMS_OK)
        kms_buf_truncate(public_key, before);
    return err;
}

/* --- the material ----------------------------------------------------------------------------- */

static enum kms_err read_token(struct kmsd_custody *custody, const struct kmsd_import *import,
    struct kmsd_import_terms *terms, struct kms_secret **private_key)
{
    struct kmsd_workspace *workspace = NULL;
    enum kms_err err = kmsd_workspace_take(&custody->pool, &workspace);
    if (err != KMS_OK)
        return err;
    const struct kmsd_import_token_tools tools = tools_of(custody, workspace);
    err = kmsd_import_token_read(&tools, import->key_arn, import->token, terms, private_key);
    kmsd_workspace_give(&custody->pool, workspace);
    return err;
}

/* Unwraps with what the token holds. KMS_ERR_AUTHENTICATION. */
static enum kms_err unwrap(const struct kmsd_import *import, const struct kmsd_import_terms *terms,
    struct kms_bytes private_key, struct kms_secret **brought)
{
    const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(terms->algorithm);
    const struct kmsd_kind *kind =
        wrapping == NULL ? NULL : kmsd_wrapping_kind(wrapping, terms->spec);
    if (kind == NULL)
        return KMS_ERR_INTERNAL; /* no token of ours says so */
    KMSD_PKEY_AUTO key = NULL;
    ERR_clear_error();
    enum kms_err err = kmsd_pkey_read_private(kind, private_key, &key);
    return err != KMS_OK ? err
                         : kmsd_wrapping_unwrap(wrapping, kind, key, import->wrapped, brought);
}

/* "key/ID" at the end of an ARN, the ID. */
static struct kms_str key_id_of(struct kms_str key_arn)
{
    struct kms_arn arn;
    if (kms_arn_parse(key_arn, &arn) != KMS_OK || arn.resource.len <= 4)
        return (struct kms_str){NULL, 0};
    return (struct kms_str){arn.resource.data + 4, arn.resource.len - 4};
}

/* The id: a function, under a key of our own, of all that tells one material from another. Of a pair
 * the public half does. */
static enum kms_err name_material(const struct kmsd_custody *custody, const char *kind_name,
    struct kms_str key_id, const struct kmsd_parts *parts, uint8_t id[KMSD_MATERIAL_ID_SIZE])
{
    uint8_t digest[KMS_SHA256_SIZE];
    KMS_BUF_AUTO named;
    kms_buf_init(&named, NAMED_MAX);
    kmsd_cbor_append_array(&named, 5);
    kmsd_cbor_append_text(&named, kms_str("kmsd imported material"));
    kmsd_cbor_append_int(&named, KMSD_RECORD_VERSION);
    kmsd_cbor_append_text(&named, kms_str(kind_name));
    kmsd_cbor_append_text(&named, key_id);
    kmsd_cbor_append_bytes(&named, parts->public_key.len != 0 ? parts->public_key : parts->secret);
    enum kms_err err = named.err;
    if (err == KMS_OK)
        err = kms_sha256(kms_buf_bytes(&named), digest);
    if (err == KMS_OK)
        err = kmsd_kdf_derive(kms_bytes(custody->name_key, KMSD_KDF_KEY_SIZE),
            KMSD_LABEL_MATERIAL_ID, kms_bytes(digest, sizeof(digest)), id);
    kms_wipe(digest, sizeof(digest));
    return err;
}

/* Checks what was brought, names it and wraps it. KMS_ERR_VALIDATION: it is not what it should be. */
static enum kms_err take(struct kmsd_custody *custody, const struct kmsd_import *import,
    struct kms_bytes brought, uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped,
    struct kms_buf *public_key)
{
    const struct kmsd_kind *kind = kmsd_kind_find(import->spec, import->usage);
    struct kms_str key_id = key_id_of(import->key_arn);
    if ((kind == NULL && import->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT) ||
        !kmsd_brought_allowed(import->spec) || key_id.len == 0)
        return KMS_ERR_INVALID_ARGUMENT;
    uint8_t made_id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO secret;
    KMS_BUF_AUTO made_public;
    kms_buf_init(&secret, KMSD_PRIVATE_KEY_MAX);
    kms_buf_init(&made_public, KMSD_PUBLIC_KEY_MAX);
    enum kms_err err = kmsd_brought_read(kind, brought, &secret, &made_public);
    const struct kmsd_parts parts = {kms_buf_bytes(&secret), kms_buf_bytes(&made_public)};
    if (err == KMS_OK)
        err = name_material(
            custody, kind == NULL ? KMSD_SYMMETRIC_NAME : kind->name, key_id, &parts, made_id);
    if (err == KMS_OK)
        err =
            kmsd_custody_wrap(custody, kind, import->key_arn, made_id, &parts, wrapped, public_key);
    if (err == KMS_OK)
        memcpy(id, made_id, sizeof(made_id));
    return err;
}

enum kms_err kmsd_custody_import(struct kmsd_custody *custody, const struct kmsd_import *import,
    enum kmsd_import_verdict *verdict, uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped,
    struct kms_buf *public_key)
{
    struct kmsd_import_terms terms;
    KMS_SECRET_AUTO private_key = NULL;
    KMS_SECRET_AUTO brought = NULL;
    if (!is_name(import->key_arn))
        return KMS_ERR_INVALID_ARGUMENT;
    enum kmsd_import_verdict found = KMSD_IMPORT_TAKEN;
    enum kms_err err = read_token(custody, import, &terms, &private_key);
    if (err == KMS_ERR_AUTHENTICATION) {
        found = KMSD_IMPORT_BAD_TOKEN;
    } else if (err == KMS_OK && terms.expires_ms <= import->now_ms) {
        found = KMSD_IMPORT_EXPIRED_TOKEN;
    } else if (err == KMS_OK) {
        err = unwrap(import, &terms, kms_secret_bytes(private_key), &brought);
        if (err == KMS_ERR_AUTHENTICATION)
            found = KMSD_IMPORT_NOT_OPENED;
    }
    if (err == KMS_OK && found == KMSD_IMPORT_TAKEN) {
        err = take(custody, import, kms_secret_bytes(brought), id, wrapped, public_key);
        if (err == KMS_ERR_VALIDATION)
            found = KMSD_IMPORT_BAD_MATERIAL;
    }
    if (err != KMS_OK && found == KMSD_IMPORT_TAKEN)
        return err;
    *verdict = found;
    return KMS_OK;
}

/* --- to another region ------------------------------------------------------------------------ */

/* Whether both are ARNs of one multi-Region key. */
static bool are_related(struct kms_str from, struct kms_str to)
{
    static const char prefix[] = "key/mrk-";
    struct kms_arn a;
    struct kms_arn b;
    return kms_arn_parse(from, &a) == KMS_OK && kms_arn_parse(to, &b) == KMS_OK &&
           kms_str_eq(a.partition, b.partition) && kms_str_eq(a.account, b.account) &&
           kms_str_eq(a.resource, b.resource) && a.resource.len > sizeof(prefix) - 1 &&
           memcmp(a.resource.data, prefix, sizeof(prefix) - 1) == 0;
}

enum kms_err kmsd_custody_rewrap(struct kmsd_custody *custody, const struct kmsd_material *material,
    struct kms_str to_arn, struct kms_buf *wrapped, struct kms_buf *public_key)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if ((kind == NULL && !kmsd_material_is_symmetric(material)) ||
        !are_related(material->key_arn, to_arn) || !is_name(to_arn))
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_SECRET_AUTO secret = NULL;
    KMS_BUF_AUTO clear_public;
    kms_buf_init(&clear_public, KMSD_PUBLIC_KEY_MAX);
    enum kms_err err = kmsd_custody_open(custody, kind, material, &secret);
    if (err == KMS_OK && kind != NULL && kind->key_type != NULL)
        err = kmsd_custody_public_key(custody, material, &clear_public);
    if (err != KMS_OK)
        return err;
    const struct kmsd_parts parts = {kms_secret_bytes(secret), kms_buf_bytes(&clear_public)};
    return kmsd_custody_wrap(custody, kind, to_arn, material->id, &parts, wrapped, public_key);
}
