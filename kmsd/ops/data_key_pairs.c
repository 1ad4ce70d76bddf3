/* GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

/* What both requests ask for. */
struct wanted {
    enum kms_data_key_pair_spec spec;
    const struct kms_str_map *context;
    bool dry_run;
};

struct pair {
    struct kms_bytes private_key; /* PKCS #8 */
    struct kms_bytes public_key;  /* SubjectPublicKeyInfo */
    struct kms_bytes sealed;      /* the private key, encrypted */
    struct kms_str material_id;   /* of what encrypted it */
};

/* Making a key on a curve, and using one, take about as long. */
static enum kmsd_pace pace_of(enum kms_data_key_pair_spec spec)
{
    const struct kmsd_kind *kind = kmsd_kind_of_pair(kmsd_spec_of_pair(spec));
    if (kind == NULL)
        return KMSD_PACE_FAST; /* a refusal */
    if (kind->generates_slowly)
        return KMSD_PACE_GENERATES;
    return kind->private_use_is_slow ? KMSD_PACE_COMPUTES : KMSD_PACE_FAST;
}

/* A dry run ends before the pair is made, which cannot go wrong by what the caller sent. */
static enum kms_err make(struct kmsd_call *call, const struct wanted *wanted, struct pair *pair)
{
    enum kms_key_spec spec = kmsd_spec_of_pair(wanted->spec);
    struct kms_buf private_key;
    struct kms_buf public_key;
    enum kms_err err = kmsd_check_symmetric(call);
    if (err == KMS_OK)
        err = kmsd_refuse_region(call, spec);
    if (err == KMS_OK)
        err = kmsd_check_available(call, kmsd_kind_of_pair(spec), spec);
    if (err != KMS_OK)
        return err;
    if (wanted->dry_run)
        return kmsd_fault_dry_run(call);
    if (!kmsd_arena_buf(call, KMSD_PRIVATE_KEY_MAX, &private_key) ||
        !kmsd_arena_buf(call, KMSD_PUBLIC_KEY_MAX, &public_key))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_generate_key_pair(
        kmsd_keys_custody(call->keys), spec, &private_key, &public_key);
    if (err == KMS_OK)
        err = private_key.err != KMS_OK ? private_key.err : public_key.err;
    if (err != KMS_OK)
        return err;
    pair->private_key = kms_buf_bytes(&private_key);
    pair->public_key = kms_buf_bytes(&public_key);
    err = kmsd_seal(call, call->key, wanted->context, pair->private_key, &pair->sealed);
    return err != KMS_OK ? err : kmsd_current_material_text(call, call->key, &pair->material_id);
}

/* --- with the private key --------------------------------------------------------------------- */

enum kmsd_pace kmsd_generate_data_key_pair_pace(const void *input)
{
    const struct kms_generate_data_key_pair_request *request = input;
    return pace_of(request->key_pair_spec);
}

enum kms_err kmsd_generate_data_key_pair_check(struct kmsd_call *call)
{
    const struct kms_generate_data_key_pair_request *input = call->input;
    return kmsd_refuse_recipient(call, input->recipient);
}

enum kms_err kmsd_generate_data_key_pair(struct kmsd_call *call)
{
    const struct kms_generate_data_key_pair_request *input = call->input;
    struct kms_generate_data_key_pair_response *output = call->output;
    const struct wanted wanted = {
        input->key_pair_spec, &input->encryption_context, input->dry_run.value};
    struct pair pair;
    enum kms_err err = make(call, &wanted, &pair);
    if (err != KMS_OK)
        return err;
    *output = (struct kms_generate_data_key_pair_response){
        .private_key_ciphertext_blob = pair.sealed,
        .private_key_plaintext = pair.private_key,
        .public_key = pair.public_key,
        .key_id = call->key->arn,
        .key_pair_spec = input->key_pair_spec,
        .key_material_id = pair.material_id,
    };
    return KMS_OK;
}

/* --- without it ------------------------------------------------------------------------------- */

enum kmsd_pace kmsd_generate_data_key_pair_without_plaintext_pace(const void *input)
{
    const struct kms_generate_data_key_pair_without_plaintext_request *request = input;
    return pace_of(request->key_pair_spec);
}

enum kms_err kmsd_generate_data_key_pair_without_plaintext(struct kmsd_call *call)
{
    const struct kms_generate_data_key_pair_without_plaintext_request *input = call->input;
    struct kms_generate_data_key_pair_without_plaintext_response *output = call->output;
    const struct wanted wanted = {
        input->key_pair_spec, &input->encryption_context, input->dry_run.value};
    struct pair pair;
    enum kms_err err = make(call, &wanted, &pair);
    if (err != KMS_OK)
        return err;
    *output = (struct kms_generate_data_key_pair_without_plaintext_response){
        .private_key_ciphertext_blob = pair.sealed,
        .public_key = pair.public_key,
        .key_id = call->key->arn,
        .key_pair_spec = input->key_pair_spec,
        .key_material_id = pair.material_id,
    };
    return KMS_OK;
}
