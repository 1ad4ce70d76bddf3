/* Secrets shared with somebody else: DeriveSharedSecret, Encapsulate, Decapsulate. Each of these
 * usages has one algorithm, which the check of the request's shape insists on. */
#include "kmsd/ops/ops.h"

/* --- ECDH ------------------------------------------------------------------------------------- */

/* P-384 and P-521 take a millisecond. The key is not known yet, but its curve is that of the public
 * key, whose length tells: a SubjectPublicKeyInfo with a point of P-256, whole or compressed. */
enum kmsd_pace kmsd_derive_shared_secret_pace(const void *input)
{
    enum { P256_WHOLE = 91, P256_COMPRESSED = 59 };
    const struct kms_derive_shared_secret_request *request = input;
    size_t len = request->public_key.len;
    return len == P256_WHOLE || len == P256_COMPRESSED ? KMSD_PACE_FAST : KMSD_PACE_COMPUTES;
}

enum kms_err kmsd_derive_shared_secret_check(struct kmsd_call *call)
{
    const struct kms_derive_shared_secret_request *input = call->input;
    return kmsd_refuse_recipient(call, input->recipient);
}

enum kms_err kmsd_derive_shared_secret(struct kmsd_call *call)
{
    const struct kms_derive_shared_secret_request *input = call->input;
    struct kms_derive_shared_secret_response *output = call->output;
    struct kmsd_material material;
    struct kms_buf secret;
    enum kms_err err = kmsd_material_now(call, call->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_SHARED_SECRET_MAX, &secret))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_derive_shared_secret(
        kmsd_keys_custody(call->keys), &material, input->public_key, &secret);
    if (err == KMS_ERR_VALIDATION)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "%s", "");
    if (err == KMS_OK)
        err = secret.err;
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->shared_secret = kms_buf_bytes(&secret);
    output->key_agreement_algorithm = input->key_agreement_algorithm;
    output->key_origin = call->key->origin;
    return KMS_OK;
}

/* --- ML-KEM ----------------------------------------------------------------------------------- */

enum kms_err kmsd_encapsulate(struct kmsd_call *call)
{
    const struct kms_encapsulate_request *input = call->input;
    struct kms_encapsulate_response *output = call->output;
    struct kmsd_material material;
    struct kms_buf secret;
    struct kms_buf ciphertext;
    enum kms_err err = kmsd_material_now(call, call->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_SHARED_SECRET_MAX, &secret) ||
        !kmsd_arena_buf(call, KMSD_CIPHERTEXT_MAX, &ciphertext))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_encapsulate(kmsd_keys_custody(call->keys), &material, &secret, &ciphertext);
    if (err == KMS_OK)
        err = secret.err != KMS_OK ? secret.err : ciphertext.err;
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->shared_secret = kms_buf_bytes(&secret);
    output->shared_secret_ciphertext_blob = kms_buf_bytes(&ciphertext);
    output->encapsulation_algorithm = input->encapsulation_algorithm;
    return KMS_OK;
}

enum kms_err kmsd_decapsulate(struct kmsd_call *call)
{
    const struct kms_decapsulate_request *input = call->input;
    struct kms_decapsulate_response *output = call->output;
    struct kmsd_material material;
    struct kms_buf secret;
    enum kms_err err = kmsd_material_now(call, call->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_SHARED_SECRET_MAX, &secret))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_decapsulate(
        kmsd_keys_custody(call->keys), &material, input->shared_secret_ciphertext_blob, &secret);
    if (err == KMS_ERR_AUTHENTICATION)
        return kmsd_fault(call, KMS_FAULT_INVALID_CIPHERTEXT, NULL);
    if (err == KMS_OK)
        err = secret.err;
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->shared_secret = kms_buf_bytes(&secret);
    output->encapsulation_algorithm = input->encapsulation_algorithm;
    return KMS_OK;
}
