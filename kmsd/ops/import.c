/* GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial. */
#include "kmsd/crypto/brought.h"
#include "kmsd/crypto/wrapping.h"
#include "kmsd/ops/ops.h"
#include "libkms/base/encoding.h"

static const int64_t parameters_life_ms = (int64_t)24 * 60 * 60 * 1000;
static const int64_t material_life_max_ms = (int64_t)365 * 24 * 60 * 60 * 1000;

static const char *algorithm_text(enum kms_wrapping_algorithm algorithm)
{
    return kms_enum_text(kms_type_find("AlgorithmSpec"), (int)algorithm);
}

static const char *wrapping_spec_text(enum kms_wrapping_key_spec spec)
{
    return kms_enum_text(kms_type_find("WrappingKeySpec"), (int)spec);
}

/* --- GetParametersForImport ------------------------------------------------------------------- */

enum kmsd_pace kmsd_get_parameters_for_import_pace(const void *input)
{
    const struct kms_get_parameters_for_import_request *request = input;
    return request->wrapping_key_spec == KMS_WRAPPING_KEY_SPEC_SM2 ? KMSD_PACE_COMPUTES
                                                                   : KMSD_PACE_GENERATES;
}

/* The regions in China have SM2 and do without the two-layer algorithms. */
static enum kms_err check_wrapping_region(
    struct kmsd_call *call, const struct kmsd_wrapping *wrapping, enum kms_wrapping_key_spec spec)
{
    bool in_china = strcmp(kms_partition_of_region(call->region), "aws-cn") == 0;
    if (spec == KMS_WRAPPING_KEY_SPEC_SM2 && !in_china)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "WrappingKeySpec SM2 is not supported in this Region");
    if (wrapping == NULL || (wrapping->has_aes_key && in_china) ||
        (wrapping->algorithm == KMS_WRAPPING_ALGORITHM_SM2PKE && !in_china))
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "WrappingAlgorithm %s is not supported%s",
            algorithm_text(((const struct kms_get_parameters_for_import_request *)call->input)
                               ->wrapping_algorithm),
            wrapping == NULL ? "" : " in this Region");
    return KMS_OK;
}

static enum kms_err check_wrapping(
    struct kmsd_call *call, const struct kms_get_parameters_for_import_request *input)
{
    const struct kmsd_key *key = call->key;
    const struct kmsd_wrapping *wrapping = kmsd_wrapping_find(input->wrapping_algorithm);
    enum kms_err err = check_wrapping_region(call, wrapping, input->wrapping_key_spec);
    if (err != KMS_OK)
        return err;
    if (kmsd_wrapping_kind(wrapping, input->wrapping_key_spec) == NULL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "WrappingAlgorithm %s is not compatible with WrappingKeySpec %s.",
            algorithm_text(input->wrapping_algorithm),
            wrapping_spec_text(input->wrapping_key_spec));
    if (!kmsd_wrapping_suits(wrapping, input->wrapping_key_spec, key->spec))
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "WrappingAlgorithm %s with WrappingKeySpec %s is not supported for key spec %s.",
            algorithm_text(input->wrapping_algorithm), wrapping_spec_text(input->wrapping_key_spec),
            kmsd_spec_text(key->spec));
    return KMS_OK;
}

enum kms_err kmsd_get_parameters_for_import(struct kmsd_call *call)
{
    const struct kms_get_parameters_for_import_request *input = call->input;
    struct kms_get_parameters_for_import_response *output = call->output;
    const struct kmsd_import_terms terms = {
        .algorithm = input->wrapping_algorithm,
        .spec = input->wrapping_key_spec,
        .expires_ms = call->now_ms + parameters_life_ms,
    };
    enum kms_err err = check_wrapping(call, input);
    if (err != KMS_OK)
        return err;
    struct kms_buf public_key;
    struct kms_buf token;
    if (!kmsd_arena_buf(call, KMSD_PUBLIC_KEY_MAX, &public_key) ||
        !kmsd_arena_buf(call, KMSD_IMPORT_TOKEN_MAX, &token))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_import_begin(
        kmsd_keys_custody(call->keys), call->key->arn, &terms, &public_key, &token);
    if (err != KMS_OK)
        return err;
    output->key_id = call->key->arn;
    output->import_token = kms_buf_bytes(&token);
    output->public_key = kms_buf_bytes(&public_key);
    output->parameters_valid_to = (struct kms_opt_time){true, terms.expires_ms};
    return KMS_OK;
}

/* --- ImportKeyMaterial: the request ----------------------------------------------------------- */

enum kmsd_pace kmsd_import_key_material_pace(const void *input)
{
    enum { PRIVATE_RSA_KEY_MIN = 1024 }; /* bytes; such a key's numbers are all checked */
    const struct kms_import_key_material_request *request = input;
    return request->encrypted_key_material.len >= PRIVATE_RSA_KEY_MIN ? KMSD_PACE_GENERATES
                                                                      : KMSD_PACE_COMPUTES;
}

static enum kms_err check_dates(
    struct kmsd_call *call, const struct kms_import_key_material_request *input)
{
    bool expires = input->expiration_model != KMS_EXPIRATION_MODEL_KEY_MATERIAL_DOES_NOT_EXPIRE;
    if (expires && !input->valid_to.set)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES");
    if (!expires && input->valid_to.set)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "A validTo date must not be set if the ExpirationModel is "
            "KEY_MATERIAL_DOES_NOT_EXPIRE");
    if (expires && input->valid_to.ms <= call->now_ms)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "ValidTo must be in the future");
    if (expires && input->valid_to.ms - call->now_ms > material_life_max_ms)
        return kmsd_fault(
            call, KMS_FAULT_VALIDATION, "ValidTo must be at most 365 days in the future");
    return KMS_OK;
}

/* What is said of generations of material, of which only symmetric keys have more than one. */
static enum kms_err check_generation(
    struct kmsd_call *call, const struct kms_import_key_material_request *input)
{
    const char *member = NULL;
    if (input->import_type != KMS_IMPORT_TYPE_UNSET)
        member = "ImportType";
    else if (input->key_material_id.data != NULL)
        member = "KeyMaterialId";
    else if (input->key_material_description.data != NULL)
        member = "KeyMaterialDescription";
    if (member != NULL && call->key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "%s can only be specified for symmetric encryption keys.", member);
    if (input->import_type == KMS_IMPORT_TYPE_NEW_KEY_MATERIAL &&
        input->key_material_id.data != NULL)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL.");
    return KMS_OK;
}

static enum kms_err refuse_verdict(struct kmsd_call *call, enum kmsd_import_verdict verdict)
{
    static const enum kms_fault_code codes[] = {
        [KMSD_IMPORT_BAD_TOKEN] = KMS_FAULT_INVALID_IMPORT_TOKEN,
        [KMSD_IMPORT_EXPIRED_TOKEN] = KMS_FAULT_EXPIRED_IMPORT_TOKEN,
        [KMSD_IMPORT_NOT_OPENED] = KMS_FAULT_INVALID_CIPHERTEXT,
        [KMSD_IMPORT_BAD_MATERIAL] = KMS_FAULT_INCORRECT_KEY_MATERIAL,
    };
    return kmsd_fault(call, codes[verdict], NULL);
}

/* --- ImportKeyMaterial: the material ---------------------------------------------------------- */

static struct kms_str id_text(struct kmsd_call *call, const uint8_t *id)
{
    struct kmsd_key_material material;
    memcpy(material.id, id, sizeof(material.id));
    return kmsd_material_text(call, &material);
}

/* Material that was never the key's: for symmetric keys at any time, though only one at a time may
 * wait for its rotation, and for the others as the first alone. */
static enum kms_err check_new(struct kmsd_call *call, struct kms_str id)
{
    const struct kmsd_key *key = call->key;
    const struct kmsd_key_material *waiting = kmsd_key_waiting_material(key);
    enum kms_err err = kmsd_refuse_replica(call); /* new material comes to the primary first */
    if (err != KMS_OK)
        return err;
    if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT && key->material_count != 0)
        return kmsd_fault(call, KMS_FAULT_INCORRECT_KEY_MATERIAL, NULL);
    if (waiting == NULL)
        return KMS_OK;
    struct kms_str other = kmsd_material_text(call, waiting);
    if (other.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return kmsd_fault(call, KMS_FAULT_KMS_INVALID_STATE,
        "New key material (id: %.*s) cannot be imported into KMS key %.*s, because another key "
        "material (id: %.*s) is pending rotation.",
        KMSD_STR(id), KMSD_STR(key->arn), KMSD_STR(other));
}

/* Whether this material may be brought to the key in this way. */
static enum kms_err check_material(struct kmsd_call *call,
    const struct kms_import_key_material_request *input, const uint8_t *id, struct kms_str text)
{
    const struct kmsd_key *key = call->key;
    bool is_known = kmsd_key_material_find(key, kms_bytes(id, KMSD_MATERIAL_ID_SIZE)) != NULL;
    bool is_new = input->import_type == KMS_IMPORT_TYPE_NEW_KEY_MATERIAL ||
                  (input->import_type == KMS_IMPORT_TYPE_UNSET && key->material_count == 0);
    if (is_known == is_new ||
        (input->key_material_id.data != NULL && !kms_str_eq(input->key_material_id, text)))
        return kmsd_fault(call, KMS_FAULT_INCORRECT_KEY_MATERIAL, NULL);
    return is_new ? check_new(call, text) : KMS_OK;
}

/* Looks at the key again, as the only writer: it may have changed while the material was opened. */
static enum kms_err look_again(struct kmsd_call *call)
{
    const struct kmsd_key *key =
        kmsd_keys_find(call->keys, call->key->realm, call->key->id, call->now_ms);
    if (key == NULL)
        return kmsd_fault(
            call, KMS_FAULT_NOT_FOUND, "Key '%.*s' does not exist", KMSD_STR(call->key->arn));
    call->former = call->key; /* what was authorized stays as it was */
    call->key = key;
    return kmsd_call_admit(call);
}

static enum kms_err put_material(
    struct kmsd_call *call, const uint8_t *id, struct kms_bytes wrapped)
{
    const struct kms_import_key_material_request *input = call->input;
    struct kms_import_key_material_response *output = call->output;
    struct kms_str text = id_text(call, id);
    if (text.data == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = look_again(call);
    if (err == KMS_OK)
        err = check_material(call, input, id, text);
    if (err != KMS_OK)
        return err;
    const struct kmsd_imported imported = {
        .id = id,
        .wrapped = wrapped,
        .expires_ms = input->valid_to.set ? input->valid_to.ms : 0,
        .description = input->key_material_description,
    };
    output->key_id = call->key->arn;
    if (call->key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
        output->key_material_id = text;
    return kmsd_keys_import(call->keys, call->key, &imported, call->now_ms);
}

enum kms_err kmsd_import_key_material(struct kmsd_call *call)
{
    const struct kms_import_key_material_request *input = call->input;
    const struct kmsd_import import = {
        .key_arn = call->key->arn,
        .spec = call->key->spec,
        .usage = call->key->usage,
        .token = input->import_token,
        .wrapped = input->encrypted_key_material,
        .now_ms = call->now_ms,
    };
    enum kmsd_import_verdict verdict = KMSD_IMPORT_TAKEN;
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    enum kms_err err = check_dates(call, input);
    if (err == KMS_OK)
        err = check_generation(call, input);
    if (err == KMS_OK)
        err = kmsd_keys_open_import(call->keys, &import, &verdict, id, &wrapped);
    if (err == KMS_OK && verdict != KMSD_IMPORT_TAKEN)
        err = refuse_verdict(call, verdict);
    if (err != KMS_OK)
        return err;
    kmsd_keys_lock(call->keys);
    err = put_material(call, id, kms_buf_bytes(&wrapped));
    kmsd_keys_unlock(call->keys);
    return err;
}

/* --- DeleteImportedKeyMaterial ---------------------------------------------------------------- */

enum kms_err kmsd_delete_imported_key_material(struct kmsd_call *call)
{
    const struct kms_delete_imported_key_material_request *input = call->input;
    struct kms_delete_imported_key_material_response *output = call->output;
    const struct kmsd_key *key = call->key;
    const struct kmsd_key_material *material = kmsd_key_current_material(key);
    if (input->key_material_id.data != NULL) {
        uint8_t id[KMSD_MATERIAL_ID_SIZE];
        if (key->spec != KMS_KEY_SPEC_SYMMETRIC_DEFAULT)
            return kmsd_fault(call, KMS_FAULT_VALIDATION,
                "KeyMaterialId can only be specified for symmetric encryption keys.");
        if (input->key_material_id.len != 2 * sizeof(id) ||
            kms_hex_decode(input->key_material_id, id) != KMS_OK)
            return KMS_ERR_INTERNAL; /* it was validated */
        material = kmsd_key_material_find(key, kms_bytes(id, sizeof(id)));
        if (material == NULL)
            return kmsd_fault(call, KMS_FAULT_NOT_FOUND,
                "Key material %.*s does not exist in KMS key %.*s.",
                KMSD_STR(input->key_material_id), KMSD_STR(key->arn));
    }
    output->key_id = key->arn;
    if (material == NULL)
        return KMS_OK; /* nothing was ever imported */
    if (key->spec == KMS_KEY_SPEC_SYMMETRIC_DEFAULT) {
        output->key_material_id = kmsd_material_text(call, material);
        if (output->key_material_id.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    return kmsd_keys_delete_imported(call->keys, key, material->id);
}
