/* Uses of keys of every kind but SYMMETRIC_DEFAULT: limits, the key, the family's function. */
#include "kmsd/crypto/custody_state.h"
#include "kmsd/crypto/digest.h"

/* --- signatures ------------------------------------------------------------------------------- */

/* How that message is signed by that kind of key, with *type resolved. */
static enum kms_err choose_signing(const struct kmsd_kind *kind, const struct kmsd_message *message,
    const struct kmsd_signing **signing, enum kms_message_type *type)
{
    if (kind == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    *type = message->type == KMS_MESSAGE_TYPE_UNSET ? KMS_MESSAGE_TYPE_RAW : message->type;
    *signing = kmsd_kind_signing(kind, message->algorithm);
    if (*signing == NULL || !kmsd_signing_takes(*signing, *type))
        return KMS_ERR_INVALID_ARGUMENT;
    if (*type != KMS_MESSAGE_TYPE_RAW && message->bytes.len != (*signing)->digest_size)
        return KMS_ERR_LIMIT;
    return KMS_OK;
}

enum kms_err kmsd_custody_sign(struct kmsd_custody *custody, const struct kmsd_material *material,
    const struct kmsd_message *message, struct kms_buf *signature)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    const struct kmsd_signing *signing = NULL;
    enum kms_message_type type = KMS_MESSAGE_TYPE_UNSET;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = choose_signing(kind, message, &signing, &type);
    if (err == KMS_OK)
        err = kmsd_custody_private_pkey(custody, kind, material, signing, &held);
    if (err != KMS_OK)
        return err;
    err = kind->family->sign(held.key, &held.ready, signing, type, message->bytes, signature);
    return kmsd_custody_used(custody, material, err);
}

enum kms_err kmsd_custody_verify_signature(struct kmsd_custody *custody,
    const struct kmsd_material *material, const struct kmsd_message *message,
    struct kms_bytes signature)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    const struct kmsd_signing *signing = NULL;
    enum kms_message_type type = KMS_MESSAGE_TYPE_UNSET;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = choose_signing(kind, message, &signing, &type);
    if (err == KMS_OK)
        err = kmsd_custody_public_pkey(custody, kind, material, signing, &held);
    if (err != KMS_OK)
        return err;
    return kind->family->verify(held.key, &held.ready, signing, type, message->bytes, signature);
}

/* --- message authentication codes ------------------------------------------------------------- */

/* *row is then that of the algorithm. */
static enum kms_err compute_mac(struct kmsd_custody *custody, const struct kmsd_material *material,
    enum kms_mac_algorithm algorithm, struct kms_bytes message, uint8_t out[KMSD_DIGEST_MAX],
    const struct kmsd_mac **row)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    *row = kind == NULL ? NULL : kmsd_kind_mac(kind, algorithm);
    if (*row == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    KMS_SECRET_AUTO secret = NULL;
    enum kms_err err = kmsd_custody_open(custody, kind, material, &secret);
    if (err != KMS_OK)
        return err;
    struct kms_bytes key = kms_secret_bytes(secret);
    if (key.len < kind->secret_size || key.len > kind->secret_max)
        return KMS_ERR_CORRUPT;
    return kind->family->mac(*row, key, message, out);
}

enum kms_err kmsd_custody_mac(struct kmsd_custody *custody, const struct kmsd_material *material,
    enum kms_mac_algorithm algorithm, struct kms_bytes message, struct kms_buf *mac)
{
    uint8_t made[KMSD_DIGEST_MAX];
    const struct kmsd_mac *row = NULL;
    enum kms_err err = compute_mac(custody, material, algorithm, message, made, &row);
    if (err == KMS_OK) {
        kms_buf_append(mac, made, row->mac_size);
        err = mac->err;
    }
    kms_wipe(made, sizeof(made));
    return err;
}

enum kms_err kmsd_custody_verify_mac(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_mac_algorithm algorithm,
    struct kms_bytes message, struct kms_bytes mac)
{
    uint8_t made[KMSD_DIGEST_MAX];
    const struct kmsd_mac *row = NULL;
    enum kms_err err = compute_mac(custody, material, algorithm, message, made, &row);
    /* a MAC that is only compared is not to be known */
    if (err == KMS_OK && (mac.len != row->mac_size || !kms_bytes_eq_ct(mac.data, made, mac.len)))
        err = KMS_ERR_AUTHENTICATION;
    kms_wipe(made, sizeof(made));
    return err;
}

/* --- encryption ------------------------------------------------------------------------------- */

enum kms_err kmsd_custody_encrypt_asymmetric(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_encryption_algorithm algorithm,
    struct kms_bytes plaintext, struct kms_buf *ciphertext)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    const struct kmsd_encryption *row = kind == NULL ? NULL : kmsd_kind_encryption(kind, algorithm);
    if (row == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    if (plaintext.len > row->plaintext_max)
        return KMS_ERR_LIMIT;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = kmsd_custody_public_pkey(custody, kind, material, NULL, &held);
    if (err != KMS_OK)
        return err;
    return kind->family->encrypt(held.key, row, plaintext, ciphertext);
}

enum kms_err kmsd_custody_decrypt_asymmetric(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_encryption_algorithm algorithm,
    struct kms_bytes ciphertext, struct kms_buf *plaintext)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    const struct kmsd_encryption *row = kind == NULL ? NULL : kmsd_kind_encryption(kind, algorithm);
    if (row == NULL)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = kmsd_custody_private_pkey(custody, kind, material, NULL, &held);
    if (err != KMS_OK)
        return err;
    err = kind->family->decrypt(held.key, row, ciphertext, plaintext);
    return kmsd_custody_used(custody, material, err);
}

/* --- shared secrets --------------------------------------------------------------------------- */

enum kms_err kmsd_custody_derive_shared_secret(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_bytes peer, struct kms_buf *secret)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if (kind == NULL || !kind->agrees)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = kmsd_custody_private_pkey(custody, kind, material, NULL, &held);
    if (err != KMS_OK)
        return err;
    err = kind->family->derive(kind, held.key, peer, secret);
    return kmsd_custody_used(custody, material, err);
}

enum kms_err kmsd_custody_encapsulate(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_buf *secret, struct kms_buf *ciphertext)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if (kind == NULL || !kind->encapsulates)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = kmsd_custody_public_pkey(custody, kind, material, NULL, &held);
    if (err != KMS_OK)
        return err;
    return kind->family->encapsulate(held.key, secret, ciphertext);
}

enum kms_err kmsd_custody_decapsulate(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_bytes ciphertext, struct kms_buf *secret)
{
    const struct kmsd_kind *kind = kmsd_material_kind(material);
    if (kind == NULL || !kind->encapsulates)
        return KMS_ERR_INVALID_ARGUMENT;
    KMSD_HELD_KEY_AUTO held = {.key = NULL};
    enum kms_err err = kmsd_custody_private_pkey(custody, kind, material, NULL, &held);
    if (err != KMS_OK)
        return err;
    err = kind->family->decapsulate(held.key, ciphertext, secret);
    return kmsd_custody_used(custody, material, err);
}
