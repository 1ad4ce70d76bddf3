/* What custody is made of, for its own files. Nothing outside kmsd/crypto includes this. */
#ifndef KMSD_CRYPTO_CUSTODY_STATE_H
#define KMSD_CRYPTO_CUSTODY_STATE_H

#include "kmsd/crypto/custody.h"
#include "kmsd/crypto/family.h"
#include "kmsd/crypto/key_cache.h"
#include "kmsd/crypto/workspace.h"

#include <stdatomic.h>

/* Names in the AAD of records: longer ones than any ARN or access key id. */
#define KMSD_CUSTODY_NAME_MAX 2048

/* What the material of a symmetric key may be used for, where other kinds have their name. */
#define KMSD_SYMMETRIC_NAME "SYMMETRIC_DEFAULT"

struct kmsd_custody {
    struct kms_secret *keys;  /* where the keys below live */
    const uint8_t *wrap_key;  /* of material */
    const uint8_t *seal_key;  /* of other secrets */
    const uint8_t *token_key; /* of import tokens */
    const uint8_t *name_key;  /* of the ids of imported material */
    struct kmsd_workspace_pool pool;
    _Atomic uint64_t forgets;
    struct kmsd_key_cache private_keys;
    struct kmsd_key_cache public_keys;
};

static inline bool kmsd_material_is_symmetric(const struct kmsd_material *material)
{
    return material->spec == KMS_KEY_SPEC_UNSET || material->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT;
}

/* Whether nothing was forgotten since the material's key was looked up. The caches themselves see
 * to what is forgotten after this was asked. */
static inline bool kmsd_material_may_be_kept(
    const struct kmsd_custody *custody, const struct kmsd_material *material)
{
    return atomic_load(&custody->forgets) == material->as_of;
}

/* The material's kind; NULL: it has none, or is symmetric. */
const struct kmsd_kind *kmsd_material_kind(const struct kmsd_material *material);

/* The material's key pair, from the cache or else opened and put there, with what is ready for that
 * row of the kind's; NULL: nothing is. The caller releases it.
 * KMS_ERR_CORRUPT, KMS_ERR_UNSUPPORTED, KMS_ERR_INVALID_ARGUMENT: the kind has no key pair. */
KMS_MUST_USE enum kms_err kmsd_custody_private_pkey(struct kmsd_custody *custody,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out);

/* Passes on the result of using a private key. If it failed for other reasons than its input, the
 * key is kept no longer: in a lack of memory libcrypto leaves the blinding of an RSA key damaged,
 * and every later result wrong. */
KMS_MUST_USE enum kms_err kmsd_custody_used(
    struct kmsd_custody *custody, const struct kmsd_material *material, enum kms_err err);

/* The public half alone, the same way. */
KMS_MUST_USE enum kms_err kmsd_custody_public_pkey(struct kmsd_custody *custody,
    const struct kmsd_kind *kind, const struct kmsd_material *material, const void *row,
    struct kmsd_held_key *out);

/* The plaintext of material of any kind, SYMMETRIC_DEFAULT (kind NULL) too. The caller frees it. The
 * same errors. */
KMS_MUST_USE enum kms_err kmsd_custody_open(struct kmsd_custody *custody,
    const struct kmsd_kind *kind, const struct kmsd_material *material, struct kms_secret **out);

/* What a new key consists of, not yet wrapped. */
struct kmsd_parts {
    struct kms_bytes secret;
    struct kms_bytes public_key; /* empty: none */
};

/* Appends the records of material of any kind, SYMMETRIC_DEFAULT (kind NULL) too; of the public key
 * where there is one. */
KMS_MUST_USE enum kms_err kmsd_custody_wrap(struct kmsd_custody *custody,
    const struct kmsd_kind *kind, struct kms_str key_arn, const uint8_t id[KMSD_MATERIAL_ID_SIZE],
    const struct kmsd_parts *parts, struct kms_buf *wrapped, struct kms_buf *public_key);

/* Whether material of a kind opens, its public key included. */
KMS_MUST_USE enum kms_err kmsd_custody_check(
    struct kmsd_custody *custody, const struct kmsd_material *material);

#endif
