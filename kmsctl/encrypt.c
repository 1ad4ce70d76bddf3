/* kmsctl encrypt: a message of any size, or with --direct the Encrypt operation. */
#include "kmsctl/crypt.h"
#include "kmsctl/mirror.h"
#include "kmsctl/tar.h"
#include "kmsctl/verbs.h"

static enum kmsctl_exit encrypt_direct(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    KMSCTL_RESPONSE_AUTO const struct kms_encrypt_response *response = NULL;
    const struct kmsctl_input *input = pass->input;
    struct kms_fault fault;

    if (input->head.len == 0 || input->head.len > KMSCTL_DIRECT_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_FAILED,
            "%s is %s; --direct takes 1 to %zu bytes, without it there is no limit", input->name,
            input->head.len == 0 ? "empty" : "too long", KMSCTL_DIRECT_MAX);
    struct kms_encrypt_request request = {
        .key_id = plan->keys.items[0],
        .plaintext = kms_buf_bytes(&input->head),
        .encryption_context = plan->making.context,
    };
    enum kms_err err = kms_encrypt(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(
            &app->failure, err, &fault, kmsctl_crypt_what(app, plan->doing, input));
    pass->result = json_pack("{s:o}", "KeyId", kmsctl_json_str(response->key_id));
    return kmsctl_sink_write(pass->sink, response->ciphertext_blob, &app->failure);
}

enum kmsctl_exit kmsctl_encrypt(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    KMSCTL_PLAN_AUTO plan = {
        .work = KMSCTL_CRYPT_ENCRYPT,
        .doing = "encrypt",
        .blob = encrypt_direct,
        .direct = kmsctl_args_has(args, KMSCTL_OPT_DIRECT),
    };

    enum kmsctl_exit status = kmsctl_crypt_plan_making(app, &plan);
    if (status != KMSCTL_OK)
        return status;
    if (plan.direct && (plan.keys.count > 1 || plan.making.unstored_keys.count > 0 ||
                           kmsctl_args_has(args, KMSCTL_OPT_SIGN) || plan.making.key_slots))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--direct goes with one key, and without --sign, --key-slots and "
            "--unstored-context");
    if (kmsctl_args_has(args, KMSCTL_OPT_TAR))
        return kmsctl_tar_run(app, &plan);
    return kmsctl_args_has(args, KMSCTL_OPT_RECURSIVE) ? kmsctl_mirror_run(app, &plan)
                                                       : kmsctl_crypt_single(app, &plan);
}
