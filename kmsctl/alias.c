/* kmsctl alias ...: names of keys. */
#include "kmsctl/crypt.h"
#include "kmsctl/listing.h"
#include "kmsctl/verbs.h"

static enum kmsctl_exit print_alias(struct kmsctl_app *app, const char *name, struct kms_str key)
{
    json_auto_t *result = json_pack("{s:s}", "AliasName", name);

    if (result != NULL && key.data != NULL &&
        !kmsctl_json_add(result, "TargetKeyId", kmsctl_json_str(key)))
        return kmsctl_fail_memory(&app->failure);
    return kmsctl_print_done(app, result);
}

/* What the first argument names shall stand for the second one, from now on. */
static enum kmsctl_exit point(struct kmsctl_app *app, const struct kmsctl_args *args, bool is_new)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_str key = {NULL, 0};
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_check_alias_name(app, name);
    if (status == KMSCTL_OK)
        status = kmsctl_app_resolved_key(app, kmsctl_args_argument(args, 1), &key);
    if (status != KMSCTL_OK)
        return status;
    struct kms_create_alias_request creation = {.alias_name = kms_str(name), .target_key_id = key};
    struct kms_update_alias_request update = {.alias_name = kms_str(name), .target_key_id = key};
    enum kms_err err = is_new ? kms_create_alias(app->client, &creation, &fault)
                              : kms_update_alias(app->client, &update, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_alias(app, name, key);
}

enum kmsctl_exit kmsctl_alias_create(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    return point(app, args, true);
}

enum kmsctl_exit kmsctl_alias_update(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    return point(app, args, false);
}

enum kmsctl_exit kmsctl_alias_delete(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_delete_alias_request request = {.alias_name = kms_str(name)};
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_check_alias_name(app, name);
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_delete_alias(app->client, &request, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_alias(app, name, kms_str(NULL));
}

enum kmsctl_exit kmsctl_alias_list(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    static const char *const columns[] = {"AliasName", "TargetKeyId"};
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_str key = {NULL, 0};
    json_auto_t *result = NULL;

    enum kmsctl_exit status =
        name == NULL ? kmsctl_app_connect(app) : kmsctl_app_resolved_key(app, name, &key);
    if (status == KMSCTL_OK)
        status = kmsctl_listing_aliases(app, key, &result);
    if (status != KMSCTL_OK)
        return status;
    return kmsctl_print_rows(app, result, "Aliases", columns, 2);
}
