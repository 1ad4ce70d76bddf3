/* kmsctl whoami: who the credentials are. */
#include "kmsctl/output.h"
#include "kmsctl/verbs.h"

enum kmsctl_exit kmsctl_whoami(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    struct kms_caller caller;
    struct kms_fault fault;

    (void)args;
    enum kmsctl_exit status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_caller_identity(app->client, &caller, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, "cannot tell who you are");
    json_auto_t *result = json_pack(
        "{s:s, s:s, s:s}", "Account", caller.account, "Arn", caller.arn, "UserId", caller.user_id);
    return kmsctl_print_fields(app, result);
}
