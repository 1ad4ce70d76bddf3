/* kmsctl re-encrypt: to another key, another context, or just a new data key. */
#include "kmsctl/crypt.h"
#include "kmsctl/many.h"
#include "kmsctl/resume.h"
#include "kmsctl/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The new context; items is NULL when the old one shall be kept. */
static enum kmsctl_exit plan_destination(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    static const struct kms_str_pair none[1];
    struct kms_str_map *context = &plan->making.context;

    enum kmsctl_exit status = kmsctl_app_pairs(app, KMSCTL_OPT_DESTINATION_CONTEXT, NULL, context);
    if (status != KMSCTL_OK || !kmsctl_args_has(app->args, KMSCTL_OPT_CLEAR_CONTEXT))
        return status;
    if (context->items != NULL)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--clear-context and --destination-context exclude each other");
    *context = (struct kms_str_map){none, 0};
    return KMSCTL_OK;
}

static enum kmsctl_exit reencrypt_blob(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    KMSCTL_RESPONSE_AUTO const struct kms_re_encrypt_response *response = NULL;
    const struct kmsctl_input *input = pass->input;
    struct kms_str_map context = plan->making.context;
    struct kms_fault fault;

    if (plan->keys.count > 1 || plan->old_keys.count > 1 ||
        plan->opening.unstored_context.count > 0 || kmsctl_args_has(app->args, KMSCTL_OPT_SIGN) ||
        plan->making.key_slots)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "%s is a ciphertext of the Encrypt operation, which goes with one key on each side and "
            "without --sign, --key-slots and --unstored-context",
            input->name);
    if (context.items == NULL)
        context = plan->opening.context;
    if (context.count == 0)
        context.items = NULL;
    struct kms_re_encrypt_request request = {
        .ciphertext_blob = kms_buf_bytes(&input->head),
        .source_encryption_context = plan->opening.context,
        .destination_key_id = plan->keys.items[0],
        .destination_encryption_context = context,
    };
    if (plan->old_keys.count == 1)
        request.source_key_id = plan->old_keys.items[0];
    enum kms_err err = kms_re_encrypt(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(
            &app->failure, err, &fault, kmsctl_crypt_what(app, plan->doing, input));
    pass->result = json_pack("{s:o, s:o}", "KeyId", kmsctl_json_str(response->key_id),
        "SourceKeyId", kmsctl_json_str(response->source_key_id));
    return kmsctl_sink_write(pass->sink, response->ciphertext_blob, &app->failure);
}

/* --- many files ------------------------------------------------------------------------------- */

struct many_plan {
    const struct kmsctl_crypt_plan *plan;
    bool keep;
    bool resume;
    struct kmsctl_resume finished;
};

static enum kmsctl_exit reencrypt_file(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result)
{
    const struct many_plan *many = context;
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_crypt_pass pass = {.input = &input, .sink = &sink, .fd_options = *fd_options};

    enum kmsctl_exit status = kmsctl_many_open(app, item, O_RDONLY, &input);
    if (status != KMSCTL_OK)
        return status;
    if (many->resume && kmsctl_resume_is_reencrypted(&many->finished, input.fd)) {
        result->finished = true;
        return KMSCTL_OK;
    }
    if (lseek(input.fd, 0, SEEK_SET) != 0)
        return kmsctl_fail_errno(&app->failure, errno, item->name);
    struct kmsctl_sink_options options = {.like = many->keep ? &input.stat : NULL};
    status = kmsctl_many_replace(app, item, &input, &options, &sink);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_pass(app, many->plan, &pass);
    json_decref(pass.result);
    result->bytes = pass.plaintext_len;
    return status;
}

static enum kmsctl_exit reencrypt_many(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    struct many_plan many = {
        .plan = plan,
        .keep = kmsctl_args_has(app->args, KMSCTL_OPT_PRESERVE),
        .resume = kmsctl_args_has(app->args, KMSCTL_OPT_RESUME),
    };
    struct kmsctl_batch_options options = {
        .run = reencrypt_file,
        .context = &many,
        .what = "re-encrypted",
    };

    if (kmsctl_args_has(app->args, KMSCTL_OPT_OUT))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "many files are re-encrypted where they are; -o is for one");
    if (kmsctl_args_has(app->args, KMSCTL_OPT_RECURSIVE))
        plan->blob = NULL; /* what a tree holds besides messages is not sent to the service */
    enum kmsctl_exit status = kmsctl_crypt_ready(app, plan);
    if (status == KMSCTL_OK && many.resume)
        status = kmsctl_resume_begin(app, plan, &many.finished);
    return status == KMSCTL_OK ? kmsctl_many_run(app, &options) : status;
}

enum kmsctl_exit kmsctl_reencrypt(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    KMSCTL_PLAN_AUTO plan = {
        .work = KMSCTL_CRYPT_REENCRYPT,
        .doing = "re-encrypt",
        .blob = reencrypt_blob,
        .direct = kmsctl_args_has(args, KMSCTL_OPT_DIRECT),
    };

    enum kmsctl_exit status = kmsctl_crypt_plan_making(app, &plan);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_plan_opening(app, &plan, KMSCTL_OPT_SOURCE_KEY);
    if (status == KMSCTL_OK)
        status = plan_destination(app, &plan);
    if (status != KMSCTL_OK)
        return status;
    return kmsctl_many_asked(args) ? reencrypt_many(app, &plan) : kmsctl_crypt_single(app, &plan);
}
