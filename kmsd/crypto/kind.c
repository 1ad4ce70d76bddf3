#include "kmsd/crypto/kind.h"

#include "kmsd/crypto/family.h"
#include "kmsd/crypto/pkey.h"

static const struct kmsd_family *const families[] = {
    &kmsd_ecdsa,
    &kmsd_eddsa,
    &kmsd_rsa_sign,
    &kmsd_rsa_oaep,
    &kmsd_hmac,
    &kmsd_ecdh,
    &kmsd_mldsa,
    &kmsd_mlkem,
    &kmsd_sm2,
};

const struct kmsd_kind *kmsd_kind_find(enum kms_key_spec spec, enum kms_key_usage usage)
{
    if (spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT) /* no family has it, and most requests ask */
        return NULL;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (size_t k = 0; k < families[i]->kind_count; k++) {
            const struct kmsd_kind *kind = &families[i]->kinds[k];
            if (kind->spec == spec && kind->usage == usage)
                return kind;
        }
    }
    return NULL;
}

const struct kmsd_kind *kmsd_kind_of_pair(enum kms_key_spec spec)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (size_t k = 0; k < families[i]->kind_count; k++) {
            const struct kmsd_kind *kind = &families[i]->kinds[k];
            if (kind->spec == spec && kind->key_type != NULL)
                return kind;
        }
    }
    return NULL;
}

enum kms_err kmsd_kind_available(const struct kmsd_kind *kind)
{
    return kind->key_type == NULL || kmsd_pkey_known(kind) ? KMS_OK : KMS_ERR_UNSUPPORTED;
}

const struct kmsd_signing *kmsd_kind_signing(
    const struct kmsd_kind *kind, enum kms_signing_algorithm algorithm)
{
    for (size_t i = 0; i < kind->signing_count; i++) {
        if (kind->signing[i].algorithm == algorithm)
            return &kind->signing[i];
    }
    return NULL;
}

const struct kmsd_encryption *kmsd_kind_encryption(
    const struct kmsd_kind *kind, enum kms_encryption_algorithm algorithm)
{
    for (size_t i = 0; i < kind->encryption_count; i++) {
        if (kind->encryption[i].algorithm == algorithm)
            return &kind->encryption[i];
    }
    return NULL;
}

const struct kmsd_mac *kmsd_kind_mac(const struct kmsd_kind *kind, enum kms_mac_algorithm algorithm)
{
    for (size_t i = 0; i < kind->mac_count; i++) {
        if (kind->macs[i].algorithm == algorithm)
            return &kind->macs[i];
    }
    return NULL;
}

bool kmsd_signing_takes(const struct kmsd_signing *signing, enum kms_message_type type)
{
    if (type == KMS_MESSAGE_TYPE_UNSET)
        type = KMS_MESSAGE_TYPE_RAW;
    return (int)type > 0 && (signing->message_types & KMSD_MESSAGE_TYPE_BIT(type)) != 0;
}
