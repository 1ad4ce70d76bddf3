/* Sign, Verify. */
#include "kmsd/crypto/kind.h"
#include "kmsd/ops/ops.h"

/* A message type that no algorithm of the key takes is laid to the key spec, another one to the
 * algorithm. */
static enum kms_err refuse_type(struct kmsd_call *call, const struct kmsd_kind *kind,
    enum kms_signing_algorithm algorithm, enum kms_message_type type)
{
    bool others_take_it = type != KMS_MESSAGE_TYPE_EXTERNAL_MU && kind->signing_count > 1;
    const char *what = others_take_it ? "algorithm" : "key spec";
    return kmsd_fault(call, KMS_FAULT_VALIDATION, "Message type %s is incompatible with %s %s.",
        kmsd_message_type_text(type), what,
        others_take_it ? kmsd_signing_algorithm_text(algorithm) : kmsd_spec_text(kind->spec));
}

/* The algorithm against the key, the message's type against the algorithm, then its length. */
static enum kms_err check_message(struct kmsd_call *call, const struct kmsd_message *message)
{
    const struct kmsd_kind *kind = kmsd_kind_find(call->key->spec, call->key->usage);
    const struct kmsd_signing *signing =
        kind == NULL ? NULL : kmsd_kind_signing(kind, message->algorithm);
    if (signing == NULL)
        return kmsd_fault_algorithm(
            call, call->key, kmsd_signing_algorithm_text(message->algorithm));
    if (!kmsd_signing_takes(signing, message->type))
        return refuse_type(call, kind, message->algorithm, message->type);
    if (message->type != KMS_MESSAGE_TYPE_RAW && message->bytes.len != signing->digest_size)
        return kmsd_fault(call, KMS_FAULT_VALIDATION, "Digest is invalid length for algorithm %s.",
            kmsd_signing_algorithm_text(message->algorithm));
    return KMS_OK;
}

static struct kmsd_message message_of(
    enum kms_signing_algorithm algorithm, enum kms_message_type type, struct kms_bytes bytes)
{
    return (struct kmsd_message){
        algorithm, type == KMS_MESSAGE_TYPE_UNSET ? KMS_MESSAGE_TYPE_RAW : type, bytes};
}

/* --- Sign ------------------------------------------------------------------------------------- */

static bool is_rsa(enum kms_signing_algorithm algorithm)
{
    switch (algorithm) {
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256:
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_384:
    case KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_512:
    case KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256:
    case KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384:
    case KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512:
        return true;
    default:
        return false;
    }
}

/* P-384, P-521, SM2: half a millisecond and more, to sign and to verify. */
static bool is_slow_curve(enum kms_signing_algorithm algorithm)
{
    return algorithm == KMS_SIGNING_ALGORITHM_ECDSA_SHA_384 ||
           algorithm == KMS_SIGNING_ALGORITHM_ECDSA_SHA_512 ||
           algorithm == KMS_SIGNING_ALGORITHM_SM2DSA;
}

/* ML-DSA draws again until a signature is acceptable. */
enum kmsd_pace kmsd_sign_pace(const void *input)
{
    const struct kms_sign_request *request = input;
    bool is_slow = is_rsa(request->signing_algorithm) ||
                   is_slow_curve(request->signing_algorithm) ||
                   request->signing_algorithm == KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256;
    return is_slow ? KMSD_PACE_COMPUTES : KMSD_PACE_FAST;
}

enum kms_err kmsd_sign(struct kmsd_call *call)
{
    const struct kms_sign_request *input = call->input;
    struct kms_sign_response *output = call->output;
    const struct kmsd_message message =
        message_of(input->signing_algorithm, input->message_type, input->message);
    struct kmsd_material material;
    struct kms_buf signature;
    enum kms_err err = check_message(call, &message);
    if (err == KMS_OK)
        err = kmsd_material_now(call, call->key, &material);
    if (err != KMS_OK)
        return err;
    if (!kmsd_arena_buf(call, KMSD_SIGNATURE_MAX, &signature))
        return KMS_ERR_NO_MEMORY;
    err = kmsd_custody_sign(kmsd_keys_custody(call->keys), &material, &message, &signature);
    if (err == KMS_OK)
        err = signature.err;
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->signature = kms_buf_bytes(&signature);
    output->signing_algorithm = input->signing_algorithm;
    return KMS_OK;
}

/* --- Verify ----------------------------------------------------------------------------------- */

/* With RSA a thirtieth of signing. */
enum kmsd_pace kmsd_verify_pace(const void *input)
{
    const struct kms_verify_request *request = input;
    return is_slow_curve(request->signing_algorithm) ? KMSD_PACE_COMPUTES : KMSD_PACE_FAST;
}

enum kms_err kmsd_verify(struct kmsd_call *call)
{
    const struct kms_verify_request *input = call->input;
    struct kms_verify_response *output = call->output;
    const struct kmsd_message message =
        message_of(input->signing_algorithm, input->message_type, input->message);
    struct kmsd_material material;
    enum kms_err err = check_message(call, &message);
    if (err == KMS_OK)
        err = kmsd_material_now(call, call->key, &material);
    if (err == KMS_OK)
        err = kmsd_custody_verify_signature(
            kmsd_keys_custody(call->keys), &material, &message, input->signature);
    /* the answer is never "SignatureValid": false */
    if (err == KMS_ERR_AUTHENTICATION)
        return kmsd_fault(call, KMS_FAULT_KMS_INVALID_SIGNATURE, NULL);
    if (err != KMS_OK)
        return err;
    if (input->dry_run.value)
        return kmsd_fault_dry_run(call);
    output->key_id = call->key->arn;
    output->signature_valid = (struct kms_opt_bool){true, true};
    output->signing_algorithm = input->signing_algorithm;
    return KMS_OK;
}
