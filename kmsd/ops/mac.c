/* GenerateMac, VerifyMac. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

/* The longest is that of HMAC_SHA_512. */
enum { MAC_MAX = 64 };

static enum kms_err check_algorithm(struct kmsd_call *call, enum kms_mac_algorithm algorithm)
{
    const struct kmsd_kind *kind = kmsd_kind_find(call->key->spec, call->key->usage);
    if (kind != NULL && kmsd_kind_mac(kind, algorithm) != NULL)
        return KMS_OK;
    return kmsd_fault_algorithm(call, call->key, kmsd_mac_algorithm_text(algorithm));
}

enum kms_err kmsd_generate_mac(struct kmsd_call *call)
{
    const struct kms_generate_mac_request *input = call->input;
    struct kms_generate_mac_response *output = call->output;
    struct kmsd_material material;
    struct kms_buf mac;
    enum kms_err err = check_algorithm(call, input->mac_algorithm);
    if (err == KMS_OK)
        err = kmsd_material_now(call, call->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, MAC_MAX, &mac))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_mac(
        kmsd_keys_custody(call->keys), &material, input->mac_algorithm, input->message, &mac);
    if (err == KMS_OK)
        err = mac.err;
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->mac = kms_buf_bytes(&mac);
    output->mac_algorithm = input->mac_algorithm;
    return KMS_OK;
}

enum kms_err kmsd_verify_mac(struct kmsd_call *call)
{
    const struct kms_verify_mac_request *input = call->input;
    struct kms_verify_mac_response *output = call->output;
    struct kmsd_material material;
    enum kms_err err = check_algorithm(call, input->mac_algorithm);
    if (err == KMS_OK)
        err = kmsd_material_now(call, call->key, &material);
    if (err == KMS_OK)
        err = kmsd_custody_verify_mac(kmsd_keys_custody(call->keys), &material,
            input->mac_algorithm, input->message, input->mac);
    /* the answer is never "MacValid": false */
    if (err == KMS_ERR_AUTHENTICATION)
        return kmsd_fault(call, KMS_FAULT_KMS_INVALID_MAC, NULL);
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->mac_valid = (struct kms_opt_bool){true, true};
    output->mac_algorithm = input->mac_algorithm;
    return KMS_OK;
}
