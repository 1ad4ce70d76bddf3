/* Bytes in and out of custody, for the handlers that use keys. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"
#include "libkms/base/encoding.h"

/* More than a ciphertext adds to its plaintext; what custody writes is checked against it. */
enum { CIPHERTEXT_OVERHEAD = 512 };

bool kmsd_arena_buf(struct kmsd_call *call, size_t size, struct kms_buf *buf)
{
    /* a buffer keeps one byte spare: without it a full one would grow, that is, move */
    size_t capacity = size + 1;
    *buf = (struct kms_buf){
        .data = kms_arena_alloc(call->arena, capacity), .capacity = capacity, .max = size};
    return buf->data != NULL;
}

static struct kmsd_material material_of(const struct kmsd_call *call, const struct kmsd_key *key,
    const struct kmsd_key_material *material)
{
    struct kmsd_material handle = kmsd_key_material_of(key, material);
    handle.as_of = call->as_of;
    return handle;
}

enum kms_err kmsd_material_now(
    const struct kmsd_call *call, const struct kmsd_key *key, struct kmsd_material *material)
{
    const struct kmsd_key_material *current = kmsd_key_current_material(key);
    if (current == NULL)
        return KMS_ERR_CORRUPT;
    *material = material_of(call, key, current);
    return KMS_OK;
}

/* Whether it was not the ciphertext that did not open, but the material kept for it. A good
 * ciphertext must not be called invalid: its owner might throw it away. */
static bool is_damaged(const struct kmsd_call *call, const struct kmsd_material *material)
{
    return kmsd_custody_verify(kmsd_keys_custody(call->keys), material) == KMS_ERR_AUTHENTICATION;
}

enum kms_err kmsd_seal(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_str_map *context, struct kms_bytes plaintext, struct kms_bytes *blob)
{
    struct kmsd_material material;
    struct kms_buf out;
    enum kms_err err = kmsd_material_now(call, key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, plaintext.len + CIPHERTEXT_OVERHEAD, &out))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_encrypt(
        kmsd_keys_custody(call->keys), &material, key->id, context, plaintext, &out);
    if (err == KMS_ERR_AUTHENTICATION)
        return KMS_ERR_CORRUPT;
    if (err == KMS_OK)
        err = out.err;
    if (err == KMS_OK)
        *blob = kms_buf_bytes(&out);
    return err;
}

enum kms_err kmsd_unseal(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_str_map *context, struct kms_bytes *plaintext)
{
    const struct kmsd_key_material *sealed_with =
        kmsd_key_material_find(key, call->ciphertext.material_id);
    if (sealed_with == NULL)
        return kmsd_fault(call, KMS_FAULT_INVALID_CIPHERTEXT, NULL);
    struct kms_buf out;
    if (!kmsd_arena_buf(call, call->ciphertext.sealed.len, &out))
        return KMS_ERR_NO_MEMORY;
    struct kmsd_material material = material_of(call, key, sealed_with);
    enum kms_err err = kmsd_custody_decrypt(
        kmsd_keys_custody(call->keys), &material, &call->ciphertext, context, &out);
    if (err == KMS_ERR_AUTHENTICATION && is_damaged(call, &material))
        return KMS_ERR_CORRUPT;
    if (err == KMS_ERR_AUTHENTICATION)
        return kmsd_fault(call, KMS_FAULT_INVALID_CIPHERTEXT, NULL);
    if (err == KMS_OK)
        err = out.err;
    if (err == KMS_OK)
        *plaintext = kms_buf_bytes(&out);
    return err;
}

enum kms_err kmsd_fault_algorithm(
    struct kmsd_call *call, const struct kmsd_key *key, const char *algorithm)
{
    return kmsd_fault(call, KMS_FAULT_INVALID_KEY_USAGE,
        "Algorithm %s is incompatible with key spec %s.", algorithm, kmsd_spec_text(key->spec));
}

enum kms_err kmsd_check_algorithm(
    struct kmsd_call *call, const struct kmsd_key *key, enum kms_encryption_algorithm algorithm)
{
    if (algorithm == KMS_ENCRYPTION_ALGORITHM_UNSET)
        algorithm = KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT;
    const struct kmsd_kind *kind = kmsd_kind_find(key->spec, key->usage);
    bool suits = kind == NULL ? key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT &&
                                    algorithm == KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT
                              : kmsd_kind_encryption(kind, algorithm) != NULL;
    if (suits)
        return KMS_OK;
    return kmsd_fault_algorithm(call, key, kmsd_encryption_algorithm_text(algorithm));
}

enum kms_err kmsd_check_symmetric(struct kmsd_call *call)
{
    if (call->key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return KMS_OK;
    return kmsd_fault(
        call, KMS_FAULT_INVALID_KEY_USAGE, "You cannot generate a data key with an asymmetric CMK");
}

struct kms_str kmsd_material_text(struct kmsd_call *call, const struct kmsd_key_material *material)
{
    char *text = kms_arena_alloc(call->arena, 2 * sizeof(material->id) + 1);
    if (text == NULL)
        return kms_str(NULL);
    kms_hex_encode(kms_bytes(material->id, sizeof(material->id)), text);
    return (struct kms_str){text, 2 * sizeof(material->id)};
}

enum kms_err kmsd_current_material_text(
    struct kmsd_call *call, const struct kmsd_key *key, struct kms_str *out)
{
    const struct kmsd_key_material *current = kmsd_key_current_material(key);
    if (current == NULL)
        return KMS_ERR_CORRUPT;
    *out = kmsd_material_text(call, current);
    return out->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_refuse_recipient(
    struct kmsd_call *call, const struct kms_recipient_info *recipient)
{
    if (recipient == NULL)
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
        "This version does not offer answers encrypted for an attested recipient.");
}
