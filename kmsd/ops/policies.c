/* GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. A key has one policy, and its name is "default". */
#include "kmsd/ops/ops.h"
#include "kmsd/policy/document.h"

/* Indenting makes a document longer, but not without bound. */
enum { FORMATTED_MAX = 1 << 20 };

static void free_at(struct kmsd_policy_document **document)
{
    kmsd_policy_document_free(*document);
}
#define DOCUMENT_AUTO __attribute__((cleanup(free_at))) struct kmsd_policy_document *

static enum kms_err parse(
    struct kmsd_call *call, struct kms_str policy, struct kmsd_policy_document **out)
{
    struct kmsd_policy_problem problem;
    size_t most = kmsd_keys_quotas(call->keys)->policy_bytes;
    if (policy.len > most)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED,
            "The policy document is longer than the quota of %zu bytes.", most);
    enum kms_err err = kmsd_policy_parse(policy, KMSD_POLICY_KIND_KEY, out, &problem);
    if (err == KMS_ERR_LIMIT)
        return kmsd_fault(call, KMS_FAULT_LIMIT_EXCEEDED, "%s", problem.text);
    if (err == KMS_ERR_SYNTAX || err == KMS_ERR_VALIDATION)
        return kmsd_fault(call, KMS_FAULT_MALFORMED_POLICY_DOCUMENT, "%s", problem.text);
    return err;
}

enum kms_err kmsd_check_policy(struct kmsd_call *call, struct kms_str policy)
{
    DOCUMENT_AUTO document = NULL;
    return parse(call, policy, &document);
}

enum kms_err kmsd_check_new_policy(struct kmsd_call *call, const struct kmsd_target *target,
    struct kms_str policy, bool bypass_lockout_check)
{
    DOCUMENT_AUTO document = NULL;
    enum kms_err err = parse(call, policy, &document);
    if (err != KMS_OK || bypass_lockout_check)
        return err;
    struct kmsd_target new_key = {
        .action = "kms:PutKeyPolicy",
        .arn = kms_arena_printf(call->arena, "arn:%s:kms:%.*s:%s:key/*",
            kms_partition_of_region(call->region), KMSD_STR(call->region),
            call->principal->account),
        .account = kms_str(call->principal->account),
    };
    if (new_key.arn.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return kmsd_check_lockout(call, target == NULL ? &new_key : target, document);
}

static enum kms_err check_name(struct kmsd_call *call, struct kms_str name)
{
    if (name.data == NULL || kms_str_is(name, "default"))
        return KMS_OK;
    return kmsd_fault(call, KMS_FAULT_NOT_FOUND, "No such policy exists");
}

enum kms_err kmsd_format_policy(struct kmsd_call *call, struct kms_str policy, struct kms_str *out)
{
    KMS_BUF_AUTO text;
    kms_buf_init(&text, FORMATTED_MAX);
    enum kms_err err = kmsd_policy_format(policy, &text);
    if (err != KMS_OK)
        return err;
    *out = kms_arena_str(call->arena, kms_buf_str(&text));
    return out->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

enum kms_err kmsd_get_key_policy(struct kmsd_call *call)
{
    const struct kms_get_key_policy_request *input = call->input;
    struct kms_get_key_policy_response *output = call->output;
    enum kms_err err = check_name(call, input->policy_name);
    output->policy_name = kms_str("default");
    return err != KMS_OK ? err : kmsd_format_policy(call, call->key->policy, &output->policy);
}

enum kms_err kmsd_put_key_policy(struct kmsd_call *call)
{
    const struct kms_put_key_policy_request *input = call->input;
    enum kms_err err = check_name(call, input->policy_name);
    if (err == KMS_OK)
        err = kmsd_check_new_policy(call, &call->targets[0], input->policy,
            input->bypass_policy_lockout_safety_check.value);
    return err != KMS_OK ? err : kmsd_keys_set_policy(call->keys, call->key, input->policy);
}

enum kms_err kmsd_list_key_policies(struct kmsd_call *call)
{
    static const struct kms_str names[] = {KMS_STR_LITERAL("default")};
    const struct kms_list_key_policies_request *input = call->input;
    struct kms_list_key_policies_response *output = call->output;
    /* one page holds them all, so that no marker is ever given out */
    struct kms_str after;
    enum kms_err err = kmsd_marker_read(call, KMSD_LIST_POLICIES, input->marker, &after);
    if (err != KMS_OK)
        return err;
    output->policy_names = (struct kms_str_list){names, after.data == NULL ? 1 : 0};
    output->truncated = (struct kms_opt_bool){true, false};
    return KMS_OK;
}
