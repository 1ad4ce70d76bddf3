/* What conditions can know about encryption contexts and grants. */
#include "kmsd/ops/condition_rows.h"

/* --- encryption context and algorithm --------------------------------------------------------- */

/* ReEncrypt has everything twice: which half is it about? */
static bool is_destination(const struct kmsd_inquiry *inquiry)
{
    return strcmp(inquiry->target->action, "kms:ReEncryptTo") == 0;
}

struct kms_str_map kmsd_condition_context(
    const struct kmsd_call *call, const struct kmsd_target *target)
{
    struct kmsd_inquiry inquiry = {.call = call, .target = target};
    struct kms_str_map context = {NULL, 0};
    if (call->op->id == KMS_OP_RE_ENCRYPT) {
        (void)kmsd_condition_member(call,
            is_destination(&inquiry) ? "DestinationEncryptionContext" : "SourceEncryptionContext",
            &context, sizeof(context));
        return context;
    }
    (void)kmsd_condition_member(call, "EncryptionContext", &context, sizeof(context));
    return context;
}

/* What the grant that CreateGrant is to make, or the one that RetireGrant is about, demands of an
 * encryption context; of the two constraints the stricter. */
static struct kms_str_map granted_context(const struct kmsd_call *call)
{
    struct kms_str_map equals = {NULL, 0}, subset = {NULL, 0};
    if (call->op->id == KMS_OP_CREATE_GRANT) {
        const struct kms_create_grant_request *input = call->input;
        if (input->constraints != NULL) {
            equals = input->constraints->encryption_context_equals;
            subset = input->constraints->encryption_context_subset;
        }
    } else if (call->grant != NULL) {
        equals = call->grant->rule.context_equals;
        subset = call->grant->rule.context_subset;
    }
    return equals.items != NULL ? equals : subset;
}

struct kms_str_map kmsd_condition_asked_context(const struct kmsd_inquiry *inquiry)
{
    switch (inquiry->call->op->id) {
    case KMS_OP_CREATE_GRANT:
    case KMS_OP_RETIRE_GRANT:
        return granted_context(inquiry->call);
    default:
        return kmsd_condition_context(inquiry->call, inquiry->target);
    }
}

bool kmsd_condition_context_keys(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    struct kms_str_map context = kmsd_condition_asked_context(inquiry);
    (void)row;
    if (context.count == 0)
        return false;
    *out = kmsd_policy_keys_of(context);
    return true;
}

bool kmsd_condition_encryption_algorithm(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    static const struct kmsd_condition_row source = {
        NULL, "SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT"};
    static const struct kmsd_condition_row destination = {
        NULL, "DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT"};
    switch (inquiry->call->op->id) {
    case KMS_OP_RE_ENCRYPT:
        return kmsd_condition_by_member(
            inquiry, is_destination(inquiry) ? &destination : &source, out);
    case KMS_OP_GENERATE_DATA_KEY:
    case KMS_OP_GENERATE_DATA_KEY_PAIR:
    case KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT:
    case KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT:
        return kmsd_condition_text(kms_str("SYMMETRIC_DEFAULT"), out);
    default:
        return kmsd_condition_by_member(inquiry, row, out);
    }
}

bool kmsd_condition_re_encrypt_on_same_key(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    const struct kmsd_call *call = inquiry->call;
    (void)row;
    if (call->op->id != KMS_OP_RE_ENCRYPT)
        return false;
    return kmsd_condition_bool(call->key != NULL && call->destination != NULL &&
                                   kms_str_eq(call->key->arn, call->destination->arn),
        out);
}

/* --- grants ----------------------------------------------------------------------------------- */

bool kmsd_condition_grant_operations(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    (void)row;
    if (inquiry->call->op->id != KMS_OP_CREATE_GRANT)
        return false;
    const struct kms_create_grant_request *input = inquiry->call->input;
    if (inquiry->operations == NULL) {
        struct kms_str *texts =
            kms_arena_calloc(inquiry->call->arena, input->operations.count + 1, sizeof(*texts));
        if (texts == NULL) {
            inquiry->is_out_of_memory = true;
            return false;
        }
        const struct kms_type *type = kms_type_find("GrantOperation");
        for (size_t i = 0; i < input->operations.count; i++)
            texts[i] = kms_str(kms_enum_text(type, (int)input->operations.items[i]));
        inquiry->operations = texts;
    }
    *out = kmsd_policy_texts(
        inquiry->operations, sizeof(*inquiry->operations), input->operations.count);
    return input->operations.count != 0;
}

bool kmsd_condition_grant_constraint_type(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    const struct kmsd_call *call = inquiry->call;
    bool has_equals = false, has_subset = false;
    (void)row;
    if (call->op->id == KMS_OP_CREATE_GRANT) {
        const struct kms_create_grant_request *input = call->input;
        has_equals = input->constraints != NULL &&
                     input->constraints->encryption_context_equals.items != NULL;
        has_subset = input->constraints != NULL &&
                     input->constraints->encryption_context_subset.items != NULL;
    } else if (call->op->id == KMS_OP_RETIRE_GRANT && call->grant != NULL) {
        has_equals = call->grant->rule.context_equals.items != NULL;
        has_subset = call->grant->rule.context_subset.items != NULL;
    }
    if (has_equals)
        return kmsd_condition_text(kms_str("EncryptionContextEquals"), out);
    return has_subset && kmsd_condition_text(kms_str("EncryptionContextSubset"), out);
}

/* ListGrants and ListRetirableGrants have members of the same names, but not these keys. */
bool kmsd_condition_of_new_grant(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    return inquiry->call->op->id == KMS_OP_CREATE_GRANT &&
           kmsd_condition_by_member(inquiry, row, out);
}

bool kmsd_condition_grant_constraint_source(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    const struct kms_create_grant_request *input = inquiry->call->input;
    (void)row;
    return inquiry->call->op->id == KMS_OP_CREATE_GRANT && input->constraints != NULL &&
           kmsd_condition_text(input->constraints->source_arn, out);
}

/* Only services that are integrated with this one ask for grants for their resources; there are
 * none here. */
bool kmsd_condition_grant_is_for_resource(struct kmsd_inquiry *inquiry,
    const struct kmsd_condition_row *row, struct kmsd_policy_value *out)
{
    (void)row;
    switch (inquiry->call->op->id) {
    case KMS_OP_CREATE_GRANT:
    case KMS_OP_LIST_GRANTS:
    case KMS_OP_REVOKE_GRANT:
        return kmsd_condition_bool(false, out);
    default:
        return false;
    }
}
