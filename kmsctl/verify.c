/* kmsctl verify: every tag, the commitment and the signature are checked, nothing is written. */
#include "kmsctl/crypt.h"
#include "kmsctl/many.h"
#include "kmsctl/verbs.h"

#include <fcntl.h>

static enum kmsctl_exit verify_file(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result)
{
    const struct kmsctl_crypt_plan *plan = context;
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_crypt_pass pass = {.input = &input, .sink = &sink, .fd_options = *fd_options};

    enum kmsctl_exit status = kmsctl_many_open(app, item, O_RDONLY, &input);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_pass(app, plan, &pass);
    json_decref(pass.result);
    result->bytes = pass.plaintext_len;
    return status;
}

enum kmsctl_exit kmsctl_verify(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    KMSCTL_PLAN_AUTO plan = {.work = KMSCTL_CRYPT_VERIFY, .doing = "verify"};
    struct kmsctl_batch_options options = {
        .run = verify_file, .context = &plan, .what = "verified", .none_is_failure = true};

    enum kmsctl_exit status = kmsctl_crypt_plan_opening(app, &plan, KMSCTL_OPT_KEY);
    if (status != KMSCTL_OK)
        return status;
    if (!kmsctl_many_asked(args))
        return kmsctl_crypt_single(app, &plan);
    status = kmsctl_crypt_ready(app, &plan);
    return status == KMSCTL_OK ? kmsctl_many_run(app, &options) : status;
}
