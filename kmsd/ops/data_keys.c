/* GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom. */
#include "kmsd/ops/ops.h"

static enum kms_err random_bytes(struct kmsd_call *call, size_t len, struct kms_bytes *out)
{
    uint8_t *bytes = kms_arena_alloc(call->arena, len);
    if (bytes == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kmsd_custody_make_data_key(kmsd_keys_custody(call->keys), bytes, len);
    if (err == KMS_OK)
        *out = kms_bytes(bytes, len);
    return err;
}

/* --- data keys -------------------------------------------------------------------------------- */

/* One of both must be given; said before the key is looked up. */
static enum kms_err check_size(
    struct kmsd_call *call, struct kms_opt_int number_of_bytes, enum kms_data_key_spec spec)
{
    if (number_of_bytes.set != (spec != KMS_DATA_KEY_SPEC_UNSET))
        return KMS_OK;
    return kmsd_fault(
        call, KMS_FAULT_VALIDATION, "Please specify either number of bytes or key spec.");
}

static size_t size_of(struct kms_opt_int number_of_bytes, enum kms_data_key_spec spec)
{
    if (number_of_bytes.set)
        return (size_t)number_of_bytes.value;
    return spec == KMS_DATA_KEY_SPEC_AES_128 ? 16 : 32;
}

/* Makes a data key and its encrypted copy. */
static enum kms_err make_data_key(struct kmsd_call *call, size_t len,
    const struct kms_str_map *context, struct kms_bytes *plaintext, struct kms_bytes *blob)
{
    enum kms_err err = kmsd_check_symmetric(call);
    if (err == KMS_OK)
        err = random_bytes(call, len, plaintext);
    return err != KMS_OK ? err : kmsd_seal(call, call->key, context, *plaintext, blob);
}

enum kms_err kmsd_generate_data_key_check(struct kmsd_call *call)
{
    const struct kms_generate_data_key_request *input = call->input;
    enum kms_err err = check_size(call, input->number_of_bytes, input->key_spec);
    return err != KMS_OK ? err : kmsd_refuse_recipient(call, input->recipient);
}

enum kms_err kmsd_generate_data_key(struct kmsd_call *call)
{
    const struct kms_generate_data_key_request *input = call->input;
    struct kms_generate_data_key_response *output = call->output;
    enum kms_err err = make_data_key(call, size_of(input->number_of_bytes, input->key_spec),
        &input->encryption_context, &output->plaintext, &output->ciphertext_blob);
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    return kmsd_current_material_text(call, call->key, &output->key_material_id);
}

enum kms_err kmsd_generate_data_key_without_plaintext_check(struct kmsd_call *call)
{
    const struct kms_generate_data_key_without_plaintext_request *input = call->input;
    return check_size(call, input->number_of_bytes, input->key_spec);
}

enum kms_err kmsd_generate_data_key_without_plaintext(struct kmsd_call *call)
{
    const struct kms_generate_data_key_without_plaintext_request *input = call->input;
    struct kms_generate_data_key_without_plaintext_response *output = call->output;
    struct kms_bytes plaintext; /* goes with the arena */
    enum kms_err err = make_data_key(call, size_of(input->number_of_bytes, input->key_spec),
        &input->encryption_context, &plaintext, &output->ciphertext_blob);
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    return kmsd_current_material_text(call, call->key, &output->key_material_id);
}

/* --- random bytes ----------------------------------------------------------------------------- */

enum kms_err kmsd_generate_random_check(struct kmsd_call *call)
{
    const struct kms_generate_random_request *input = call->input;
    if (!input->number_of_bytes.set)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "NumberOfBytes is required.");
    if (input->custom_key_store_id.data != NULL)
        return kmsd_fault(call, KMS_FAULT_UNSUPPORTED_OPERATION,
            "This version does not offer custom key stores.");
    return kmsd_refuse_recipient(call, input->recipient);
}

enum kms_err kmsd_generate_random(struct kmsd_call *call)
{
    const struct kms_generate_random_request *input = call->input;
    struct kms_generate_random_response *output = call->output;
    return random_bytes(call, (size_t)input->number_of_bytes.value, &output->plaintext);
}
