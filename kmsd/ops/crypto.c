/* Encrypt, Decrypt, ReEncrypt. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

/* --- with keys of either kind ----------------------------------------------------------------- */

/* One side of a call: a key with what the request says of it. */
struct side {
    const struct kmsd_key *key;
    enum kms_encryption_algorithm algorithm; /* UNSET: SYMMETRIC_DEFAULT */
    const struct kms_str_map *context;
};

static enum kms_encryption_algorithm algorithm_of(enum kms_encryption_algorithm given)
{
    return given == KMS_ENCRYPTION_ALGORITHM_UNSET ? KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT
                                                   : given;
}

static bool is_symmetric(enum kms_encryption_algorithm given)
{
    return algorithm_of(given) == KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT;
}

/* The algorithm against the key, the context against the algorithm. */
static enum kms_err check_side(struct kmsd_call *call, const struct side *side)
{
    enum kms_err err = kmsd_check_algorithm(call, side->key, side->algorithm);
    if (err != KMS_OK)
        return err;
    if (!is_symmetric(side->algorithm) && side->context->count != 0)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.");
    return KMS_OK;
}

static enum kms_err encrypt_asymmetric(struct kmsd_call *call, const struct side *side,
    struct kms_bytes plaintext, struct kms_bytes *blob)
{
    const struct kmsd_encryption *row =
        kmsd_kind_encryption(kmsd_kind_find(side->key->spec, side->key->usage), side->algorithm);
    struct kmsd_material material;
    struct kms_buf out;
    if (plaintext.len > row->plaintext_max)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "Algorithm %s and key spec %s cannot encrypt data larger than %zu bytes.",
            kmsd_encryption_algorithm_text(side->algorithm), kmsd_spec_text(side->key->spec),
            row->plaintext_max);
    enum kms_err err = kmsd_material_now(call, side->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_CIPHERTEXT_MAX, &out))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_encrypt_asymmetric(
        kmsd_keys_custody(call->keys), &material, side->algorithm, plaintext, &out);
    if (err == KMS_OK)
        err = out.err;
    if (err == KMS_OK)
        *blob = kms_buf_bytes(&out);
    return err;
}

/* After check_side. */
static enum kms_err encrypt_to(struct kmsd_call *call, const struct side *side,
    struct kms_bytes plaintext, struct kms_bytes *blob)
{
    return is_symmetric(side->algorithm)
               ? kmsd_seal(call, side->key, side->context, plaintext, blob)
               : encrypt_asymmetric(call, side, plaintext, blob);
}

static enum kms_err decrypt_asymmetric(struct kmsd_call *call, const struct side *side,
    struct kms_bytes blob, struct kms_bytes *plaintext)
{
    struct kmsd_material material;
    struct kms_buf out;
    enum kms_err err = kmsd_material_now(call, side->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_PLAINTEXT_MAX, &out))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_decrypt_asymmetric(
        kmsd_keys_custody(call->keys), &material, side->algorithm, blob, &out);
    if (err == KMS_ERR_AUTHENTICATION)
        return kmsd_fault(call, KMS_FAULT_INVALID_CIPHERTEXT, NULL);
    if (err == KMS_OK)
        err = out.err;
    if (err == KMS_OK)
        *plaintext = kms_buf_bytes(&out);
    return err;
}

/* --- Encrypt ---------------------------------------------------------------------------------- */

enum kms_err kmsd_encrypt(struct kmsd_call *call)
{
    const struct kms_encrypt_request *input = call->input;
    struct kms_encrypt_response *output = call->output;
    const struct side side = {call->key, input->encryption_algorithm, &input->encryption_context};
    enum kms_err err = check_side(call, &side);
    if (err == KMS_OK)
        err = encrypt_to(call, &side, input->plaintext, &output->ciphertext_blob);
    if (err != KMS_OK)
        return err;
    output->key_id = call->key->arn;
    output->encryption_algorithm = algorithm_of(input->encryption_algorithm);
    return input->dry_run.value ? kmsd_fault_dry_run(call) : KMS_OK;
}

/* --- what Decrypt and ReEncrypt have in common ------------------------------------------------ */

/* The half of a request that names what is to be opened. */
struct source {
    struct kms_bytes blob;
    struct kms_str key_id;
    const char *key_id_name; /* in texts */
    const char *action;
    enum kms_encryption_algorithm algorithm;
    const struct kms_str_map *context;
    struct kms_dry_run_modifier_list modifiers;
    bool dry_run;
};

/* A dry run may ask about permissions alone, with no ciphertext at hand. */
static bool ignores_ciphertext(const struct source *source)
{
    for (size_t i = 0; i < source->modifiers.count; i++) {
        if (source->modifiers.items[i] == KMS_DRY_RUN_MODIFIER_IGNORE_CIPHERTEXT)
            return source->dry_run;
    }
    return false;
}

static enum kms_err check_source(struct kmsd_call *call, const struct source *source)
{
    bool ignores = ignores_ciphertext(source);
    if (source->modifiers.count != 0 && !source->dry_run)
        return kmsd_fault(call, KMS_FAULT_VALIDATION,
            "DryRunModifiers can only be specified when DryRun is true.");
    if (source->blob.data == NULL && !ignores)
        return kmsd_fault_missing(call, "ciphertextBlob");
    /* only a symmetric ciphertext tells which key it was made with */
    if (source->key_id.data == NULL && (ignores || !is_symmetric(source->algorithm)))
        return kmsd_fault_missing(call, source->key_id_name);
    return KMS_OK;
}

/* The ciphertext may name a key of any account; only its region is this one. */
static enum kms_err find_inner_key(struct kmsd_call *call, const struct source *source)
{
    call->key = kmsd_keys_find_anywhere(
        call->keys, kmsd_call_realm(call), call->ciphertext.key_id, call->now_ms);
    if (call->key == NULL)
        return kmsd_fault_no_inner_key(call);
    kmsd_call_target(call, source->action, call->key->arn, call->key->realm.account, call->key);
    struct kmsd_target *target = &call->targets[call->target_count - 1];
    target->is_in_ciphertext = true;
    /* of another account's key nothing else is looked at before this is known */
    bool own = kms_str_is(target->account, call->principal->account);
    return own ? KMS_OK : kmsd_authorize(call, target);
}

/* The key that the caller expects is the one that the ciphertext names. */
static enum kms_err check_expected(struct kmsd_call *call)
{
    if (kms_str_eq(call->key->id, call->ciphertext.key_id))
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_INCORRECT_KEY,
        "The key ID in the request does not identify a CMK that can perform this operation.");
}

/* The ciphertext is read before any key is looked up; then the key that the caller expects must be
 * the one that the ciphertext names. */
static enum kms_err resolve_source(struct kmsd_call *call, const struct source *source)
{
    if (ignores_ciphertext(source) || !is_symmetric(source->algorithm))
        return kmsd_resolve_key(call, source->key_id, source->action, &call->key);
    if (kmsd_ciphertext_parse(source->blob, &call->ciphertext) != KMS_OK)
        return kmsd_fault(call, KMS_FAULT_INVALID_CIPHERTEXT, NULL);
    if (source->key_id.data == NULL)
        return find_inner_key(call, source);
    enum kms_err err = kmsd_resolve_key(call, source->key_id, source->action, &call->key);
    if (err != KMS_OK)
        return err;
    /* of another account's key nothing is said before the caller is known to be allowed */
    bool own = call->key != NULL && kms_str_is(call->key->realm.account, call->principal->account);
    return own ? check_expected(call) : KMS_OK;
}

/* Opens the ciphertext. With IGNORE_CIPHERTEXT there is none, and *plaintext stays as it is. */
static enum kms_err open_source(
    struct kmsd_call *call, const struct source *source, struct kms_bytes *plaintext)
{
    const struct side side = {call->key, source->algorithm, source->context};
    enum kms_err err = check_side(call, &side);
    if (err != KMS_OK || ignores_ciphertext(source))
        return err;
    if (!is_symmetric(source->algorithm))
        return decrypt_asymmetric(call, &side, source->blob, plaintext);
    err = check_expected(call);
    return err != KMS_OK ? err : kmsd_unseal(call, call->key, source->context, plaintext);
}

/* The material that encrypted a symmetric ciphertext, which need not be the current one; asymmetric
 * ciphertexts do not tell, and their keys have but one. */
static enum kms_err source_material_text(
    struct kmsd_call *call, const struct source *source, struct kms_str *out)
{
    if (!is_symmetric(source->algorithm))
        return KMS_OK;
    *out =
        kmsd_material_text(call, kmsd_key_material_find(call->key, call->ciphertext.material_id));
    return out->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

/* --- Decrypt ---------------------------------------------------------------------------------- */

static struct source decrypt_source(const struct kmsd_call *call)
{
    const struct kms_decrypt_request *input = call->input;
    return (struct source){
        .blob = input->ciphertext_blob,
        .key_id = input->key_id,
        .key_id_name = "keyId",
        .action = call->op->action,
        .algorithm = input->encryption_algorithm,
        .context = &input->encryption_context,
        .modifiers = input->dry_run_modifiers,
        .dry_run = input->dry_run.value,
    };
}

/* With a private key; of an RSA key that takes from half a millisecond to several. */
enum kmsd_pace kmsd_decrypt_pace(const void *input)
{
    const struct kms_decrypt_request *request = input;
    return is_symmetric(request->encryption_algorithm) ? KMSD_PACE_FAST : KMSD_PACE_COMPUTES;
}

enum kms_err kmsd_decrypt_check(struct kmsd_call *call)
{
    const struct kms_decrypt_request *input = call->input;
    struct source source = decrypt_source(call);
    enum kms_err err = check_source(call, &source);
    return err != KMS_OK ? err : kmsd_refuse_recipient(call, input->recipient);
}

enum kms_err kmsd_decrypt_resource(struct kmsd_call *call)
{
    struct source source = decrypt_source(call);
    return resolve_source(call, &source);
}

enum kms_err kmsd_decrypt(struct kmsd_call *call)
{
    struct source source = decrypt_source(call);
    struct kms_decrypt_response *output = call->output;
    enum kms_err err = open_source(call, &source, &output->plaintext);
    if (err != KMS_OK)
        return err;
    if (source.dry_run)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->encryption_algorithm = algorithm_of(source.algorithm);
    return source_material_text(call, &source, &output->key_material_id);
}

/* --- ReEncrypt -------------------------------------------------------------------------------- */

static struct source re_encrypt_source(const struct kmsd_call *call)
{
    const struct kms_re_encrypt_request *input = call->input;
    return (struct source){
        .blob = input->ciphertext_blob,
        .key_id = input->source_key_id,
        .key_id_name = "sourceKeyId",
        .action = call->op->action,
        .algorithm = input->source_encryption_algorithm,
        .context = &input->source_encryption_context,
        .modifiers = input->dry_run_modifiers,
        .dry_run = input->dry_run.value,
    };
}

enum kmsd_pace kmsd_re_encrypt_pace(const void *input)
{
    const struct kms_re_encrypt_request *request = input;
    return is_symmetric(request->source_encryption_algorithm) ? KMSD_PACE_FAST : KMSD_PACE_COMPUTES;
}

enum kms_err kmsd_re_encrypt_check(struct kmsd_call *call)
{
    struct source source = re_encrypt_source(call);
    return check_source(call, &source);
}

enum kms_err kmsd_re_encrypt_resource(struct kmsd_call *call)
{
    const struct kms_re_encrypt_request *input = call->input;
    struct source source = re_encrypt_source(call);
    enum kms_err err = resolve_source(call, &source);
    if (err != KMS_OK)
        return err;
    return kmsd_resolve_key(call, input->destination_key_id, "kms:ReEncryptTo", &call->destination);
}

enum kms_err kmsd_re_encrypt(struct kmsd_call *call)
{
    const struct kms_re_encrypt_request *input = call->input;
    struct kms_re_encrypt_response *output = call->output;
    struct source source = re_encrypt_source(call);
    const struct side destination = {call->destination, input->destination_encryption_algorithm,
        &input->destination_encryption_context};
    struct kms_bytes plaintext = {NULL, 0};
    enum kms_err err = check_side(call, &destination);
    if (err == KMS_OK)
        err = open_source(call, &source, &plaintext);
    if (err == KMS_OK && plaintext.data != NULL)
        err = encrypt_to(call, &destination, plaintext, &output->ciphertext_blob);
    if (err != KMS_OK)
        return err;
    if (source.dry_run)
        return kmsd_fault_dry_run(call);
    output->key_id = call->destination->arn;
    output->source_key_id = call->key->arn;
    output->source_encryption_algorithm = algorithm_of(source.algorithm);
    output->destination_encryption_algorithm = algorithm_of(destination.algorithm);
    err = source_material_text(call, &source, &output->source_key_material_id);
    if (err != KMS_OK || !is_symmetric(destination.algorithm))
        return err;
    return kmsd_current_material_text(
        call, call->destination, &output->destination_key_material_id);
}
