/* GetPublicKey. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

enum kms_err kmsd_get_public_key(struct kmsd_call *call)
{
    struct kms_get_public_key_response *output = call->output;
    const struct kmsd_key *key = call->key;
    const struct kmsd_kind *kind = kmsd_kind_find(key->spec, key->usage);
    struct kmsd_algorithms algorithms;
    struct kmsd_material material;
    struct kms_buf public_key;
    if (kind == NULL || kind->key_type == NULL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION, NULL);
    enum kms_err err = kmsd_material_now(call, key, &material);
    if (err == KMS_OK)
        err = kmsd_list_algorithms(call, key, &algorithms);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_PUBLIC_KEY_MAX, &public_key))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_public_key(kmsd_keys_custody(call->keys), &material, &public_key);
    if (err == KMS_OK)
        err = public_key.err;
    if (err != KMS_OK)
        return err;
    *output = (struct kms_get_public_key_response){
        .key_id = key->arn,
        .public_key = kms_buf_bytes(&public_key),
        .customer_master_key_spec = kmsd_spec_to_master(key->spec),
        .key_spec = key->spec,
        .key_usage = key->usage,
        .encryption_algorithms = algorithms.encryption,
        .signing_algorithms = algorithms.signing,
        .key_agreement_algorithms = algorithms.agreement,
        .encapsulation_algorithms = algorithms.encapsulation,
    };
    return KMS_OK;
}
