/* kmsctl decrypt: messages and ciphertext blobs, told apart by their beginning. */
#include "kmsctl/crypt.h"
#include "kmsctl/mirror.h"
#include "kmsctl/range.h"
#include "kmsctl/tar.h"
#include "kmsctl/verbs.h"

static enum kmsctl_exit decrypt_blob(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    KMSCTL_RESPONSE_AUTO const struct kms_decrypt_response *response = NULL;
    const struct kmsctl_input *input = pass->input;
    struct kms_fault fault;

    if (plan->old_keys.count > 1 || plan->opening.unstored_context.count > 0)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "%s is a ciphertext of the Encrypt operation, which goes with one key at most and "
            "without --unstored-context",
            input->name);
    struct kms_decrypt_request request = {
        .ciphertext_blob = kms_buf_bytes(&input->head),
        .encryption_context = plan->opening.context,
    };
    if (plan->old_keys.count == 1)
        request.key_id = plan->old_keys.items[0];
    enum kms_err err = kms_decrypt(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(
            &app->failure, err, &fault, kmsctl_crypt_what(app, plan->doing, input));
    pass->plaintext_len = response->plaintext.len;
    pass->result = json_pack("{s:o}", "KeyId", kmsctl_json_str(response->key_id));
    return kmsctl_sink_write(pass->sink, response->plaintext, &app->failure);
}

/* --range, --sparse. */
static enum kmsctl_exit plan_output(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    const char *range = kmsctl_args_value(app->args, KMSCTL_OPT_RANGE);
    bool ignore = kmsctl_args_has(app->args, KMSCTL_OPT_IGNORE_SIGNATURE);

    plan->sparse = kmsctl_args_has(app->args, KMSCTL_OPT_SPARSE);
    plan->opening.ignore_signature = ignore;
    if (range == NULL && ignore)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "--ignore-signature goes with --range");
    if (range == NULL)
        return KMSCTL_OK;
    if (plan->sparse || plan->direct || kmsctl_args_has(app->args, KMSCTL_OPT_RECURSIVE))
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--range goes without -r, --sparse and --direct");
    plan->blob = NULL;
    return kmsctl_range_parse(range, &plan->range, &app->failure);
}

enum kmsctl_exit kmsctl_decrypt(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    KMSCTL_PLAN_AUTO plan = {
        .work = KMSCTL_CRYPT_DECRYPT,
        .doing = "decrypt",
        .blob = decrypt_blob,
        .direct = kmsctl_args_has(args, KMSCTL_OPT_DIRECT),
    };

    enum kmsctl_exit status = kmsctl_crypt_plan_opening(app, &plan, KMSCTL_OPT_KEY);
    if (status == KMSCTL_OK)
        status = plan_output(app, &plan);
    if (status != KMSCTL_OK)
        return status;
    if (kmsctl_args_has(args, KMSCTL_OPT_TAR))
        return kmsctl_tar_run(app, &plan);
    return kmsctl_args_has(args, KMSCTL_OPT_RECURSIVE) ? kmsctl_mirror_run(app, &plan)
                                                       : kmsctl_crypt_single(app, &plan);
}
