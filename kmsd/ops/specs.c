/* What a key spec allows: the facts are in kmsd/crypto/kind.h, here is how the API puts them. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

unsigned kmsd_spec_usages(enum kms_key_spec spec)
{
    static const enum kms_key_usage usages[] = {
        KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        KMS_KEY_USAGE_SIGN_VERIFY,
        KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
        KMS_KEY_USAGE_KEY_AGREEMENT,
        KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
    };
    if (spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return KMSD_BIT(KMS_KEY_USAGE_ENCRYPT_DECRYPT);
    unsigned set = 0;
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        if (kmsd_kind_find(spec, usages[i]) != NULL)
            set |= KMSD_BIT(usages[i]);
    }
    return set;
}

/* --- texts ------------------------------------------------------------------------------------ */

static const char *text_of(const char *type, int value)
{
    const char *text = kms_enum_text(kms_type_find(type), value);
    return text == NULL ? "?" : text;
}

const char *kmsd_spec_text(enum kms_key_spec spec)
{
    return text_of("KeySpec", (int)spec);
}

const char *kmsd_usage_text(enum kms_key_usage usage)
{
    return text_of("KeyUsageType", (int)usage);
}

const char *kmsd_origin_text(enum kms_origin origin)
{
    return text_of("OriginType", (int)origin);
}

const char *kmsd_encryption_algorithm_text(enum kms_encryption_algorithm algorithm)
{
    return text_of("EncryptionAlgorithmSpec", (int)algorithm);
}

const char *kmsd_signing_algorithm_text(enum kms_signing_algorithm algorithm)
{
    /* the one other value that passes the check of the request's shape */
    if (algorithm == KMS_SIGNING_ALGORITHM_UNRECOGNIZED)
        return "SYMMETRIC_DEFAULT";
    return text_of("SigningAlgorithmSpec", (int)algorithm);
}

const char *kmsd_mac_algorithm_text(enum kms_mac_algorithm algorithm)
{
    return text_of("MacAlgorithmSpec", (int)algorithm);
}

const char *kmsd_message_type_text(enum kms_message_type type)
{
    return text_of("MessageType", (int)type);
}

/* The value of the same name in another enumeration, or 0. */
static int translate(const char *from, int value, const char *to)
{
    const char *text = kms_enum_text(kms_type_find(from), value);
    const struct kms_type *type = kms_type_find(to);
    for (size_t i = 0; text != NULL && i < type->value_count; i++) {
        if (strcmp(text, type->values[i]) == 0)
            return (int)i + 1;
    }
    return 0;
}

enum kms_key_spec kmsd_spec_from_master(enum kms_customer_master_key_spec spec)
{
    return (enum kms_key_spec)translate("CustomerMasterKeySpec", (int)spec, "KeySpec");
}

enum kms_customer_master_key_spec kmsd_spec_to_master(enum kms_key_spec spec)
{
    return (enum kms_customer_master_key_spec)translate(
        "KeySpec", (int)spec, "CustomerMasterKeySpec");
}

enum kms_key_spec kmsd_spec_of_pair(enum kms_data_key_pair_spec spec)
{
    return (enum kms_key_spec)translate("DataKeyPairSpec", (int)spec, "KeySpec");
}

/* --- what is offered -------------------------------------------------------------------------- */

enum kms_err kmsd_refuse_region(struct kmsd_call *call, enum kms_key_spec spec)
{
    if (spec != KMS_KEY_SPEC_SM2 || strcmp(kms_partition_of_region(call->region), "aws-cn") == 0)
        return KMS_OK;
    return kmsd_fault(
        call, KMS_FAULT_UNSUPPORTED_OPERATION, "KeySpec SM2 is not supported in this Region");
}

enum kms_err kmsd_check_available(
    struct kmsd_call *call, const struct kmsd_kind *kind, enum kms_key_spec spec)
{
    enum kms_err err = kind == NULL ? KMS_ERR_UNSUPPORTED : kmsd_kind_available(kind);
    if (err != KMS_ERR_UNSUPPORTED)
        return err;
    return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
        "The OpenSSL that this server runs with does not offer KeySpec %s.", kmsd_spec_text(spec));
}

/* --- algorithms ------------------------------------------------------------------------------- */

static enum kms_err list_signing(
    struct kmsd_call *call, const struct kmsd_kind *kind, struct kms_signing_algorithm_list *out)
{
    enum kms_signing_algorithm *items =
        kms_arena_alloc(call->arena, kind->signing_count * sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < kind->signing_count; i++)
        items[i] = kind->signing[i].algorithm;
    *out = (struct kms_signing_algorithm_list){items, kind->signing_count};
    return KMS_OK;
}

static enum kms_err list_encryption(
    struct kmsd_call *call, const struct kmsd_kind *kind, struct kms_encryption_algorithm_list *out)
{
    enum kms_encryption_algorithm *items =
        kms_arena_alloc(call->arena, kind->encryption_count * sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < kind->encryption_count; i++)
        items[i] = kind->encryption[i].algorithm;
    *out = (struct kms_encryption_algorithm_list){items, kind->encryption_count};
    return KMS_OK;
}

static enum kms_err list_macs(
    struct kmsd_call *call, const struct kmsd_kind *kind, struct kms_mac_algorithm_list *out)
{
    enum kms_mac_algorithm *items = kms_arena_alloc(call->arena, kind->mac_count * sizeof(*items));
    if (items == NULL)
        return KMS_ERR_NO_MEMORY;
    for (size_t i = 0; i < kind->mac_count; i++)
        items[i] = kind->macs[i].algorithm;
    *out = (struct kms_mac_algorithm_list){items, kind->mac_count};
    return KMS_OK;
}

enum kms_err kmsd_list_algorithms(
    struct kmsd_call *call, const struct kmsd_key *key, struct kmsd_algorithms *out)
{
    static const enum kms_encryption_algorithm symmetric =
        KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT;
    static const enum kms_key_agreement_algorithm ecdh = KMS_KEY_AGREEMENT_ALGORITHM_ECDH;
    static const enum kms_encapsulation_algorithm ml_kem = KMS_ENCAPSULATION_ALGORITHM_ML_KEM;
    const struct kmsd_kind *kind = kmsd_kind_find(key->spec, key->usage);
    *out = (struct kmsd_algorithms){.macs = {NULL, 0}};
    if (kind == NULL) {
        if (key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
            out->encryption = (struct kms_encryption_algorithm_list){&symmetric, 1};
        return KMS_OK;
    }
    if (kind->agrees)
        out->agreement = (struct kms_key_agreement_algorithm_list){&ecdh, 1};
    if (kind->encapsulates)
        out->encapsulation = (struct kms_encapsulation_algorithm_list){&ml_kem, 1};
    enum kms_err err = KMS_OK;
    if (kind->signing_count != 0)
        err = list_signing(call, kind, &out->signing);
    if (err == KMS_OK && kind->encryption_count != 0)
        err = list_encryption(call, kind, &out->encryption);
    if (err == KMS_OK && kind->mac_count != 0)
        err = list_macs(call, kind, &out->macs);
    return err;
}
