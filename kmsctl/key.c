/* kmsctl key ...: creating, showing and retiring keys. */
#include "kmsctl/crypt.h"
#include "kmsctl/input.h"
#include "kmsctl/listing.h"
#include "kmsctl/output.h"
#include "kmsctl/policy.h"
#include "kmsctl/policy_verbs.h"
#include "kmsctl/verbs.h"
#include "libkms/proto/arn.h"

#include <stdlib.h>
#include <string.h>

#define POLICY_MAX ((size_t)128 * 1024) /* CreateKey, Policy: 131,072 characters */

static const struct kms_shape *metadata_shape(void)
{
    return kms_type_find("KeyMetadata")->structure;
}

/* --- create ----------------------------------------------------------------------------------- */

/* What is known before the key exists. */
struct new_key {
    const char *alias; /* NULL: none */
    struct kms_create_key_request request;
    struct kms_str_list admins;
    struct kms_str_list users;
    bool wants_policy; /* a policy with administrators and users */
};

static enum kmsctl_exit gather_principals(
    struct kmsctl_app *app, enum kmsctl_option_id id, struct kms_str_list *out)
{
    enum kmsctl_exit status = kmsctl_app_keys(app, id, out); /* plain texts of bounded length */

    for (size_t i = 0; status == KMSCTL_OK && i < out->count; i++) {
        if (!kmsctl_policy_is_principal(out->items[i]))
            status = kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "'%s' is no ARN of a user or role, arn:aws:iam::ACCOUNT:user/NAME",
                out->items[i].data);
    }
    return status;
}

static enum kmsctl_exit gather_tags(struct kmsctl_app *app, struct kms_tag_list *out)
{
    struct kms_str_map pairs;

    enum kmsctl_exit status = kmsctl_app_pairs(app, KMSCTL_OPT_TAG, NULL, &pairs);
    if (status != KMSCTL_OK || pairs.count == 0)
        return status;
    struct kms_tag *tags = kms_arena_calloc(&app->arena, pairs.count, sizeof(*tags));
    if (tags == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < pairs.count; i++)
        tags[i] = (struct kms_tag){pairs.items[i].key, pairs.items[i].value};
    *out = (struct kms_tag_list){tags, pairs.count};
    return KMSCTL_OK;
}

static enum kmsctl_exit gather_new_key(struct kmsctl_app *app, struct new_key *key)
{
    const char *policy = kmsctl_args_value(app->args, KMSCTL_OPT_POLICY);

    key->alias = kmsctl_args_value(app->args, KMSCTL_OPT_ALIAS);
    key->request.description = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_DESCRIPTION));
    enum kmsctl_exit status =
        key->alias == NULL ? KMSCTL_OK : kmsctl_check_new_alias_name(app, key->alias);
    if (status == KMSCTL_OK)
        status = gather_tags(app, &key->request.tags);
    if (status == KMSCTL_OK)
        status = gather_principals(app, KMSCTL_OPT_ADMIN, &key->admins);
    if (status == KMSCTL_OK)
        status = gather_principals(app, KMSCTL_OPT_USER, &key->users);
    if (status != KMSCTL_OK)
        return status;
    key->wants_policy = key->admins.count > 0 || key->users.count > 0;
    if (policy == NULL)
        return KMSCTL_OK;
    if (key->wants_policy)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "--policy excludes --admin and --user");
    return kmsctl_policy_read(app, policy, POLICY_MAX, KMSCTL_USAGE, &key->request.policy);
}

/* Creating the key and then finding that its name is taken would leave a key behind. */
static enum kmsctl_exit check_alias_is_free(struct kmsctl_app *app, const char *alias)
{
    struct kms_describe_key_request request = {.key_id = kms_str(alias)};
    KMSCTL_RESPONSE_AUTO const struct kms_describe_key_response *response = NULL;

    if (kms_describe_key(app->client, &request, &response, NULL) != KMS_OK)
        return KMSCTL_OK; /* not there, or not to be seen: CreateAlias will tell */
    return kmsctl_fail(&app->failure, KMSCTL_EXISTS, "%s exists already", alias);
}

/* The account that new keys will belong to, by any key of it: only its own keys are listed. Leaves
 * *arn alone when there is none yet or it may not be asked. */
static enum kmsctl_exit find_account(struct kmsctl_app *app, struct kms_str *arn)
{
    struct kms_list_keys_request request = {.limit = {true, 1}};
    KMSCTL_RESPONSE_AUTO const struct kms_list_keys_response *response = NULL;

    if (kms_list_keys(app->client, &request, &response, NULL) != KMS_OK ||
        response->keys.count == 0 || response->keys.items[0].key_arn.data == NULL)
        return KMSCTL_OK;
    *arn = kms_arena_str(&app->arena, response->keys.items[0].key_arn);
    return arn->data == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

/* The policy for the account of the key ARN given. */
static enum kmsctl_exit build_policy(
    struct kmsctl_app *app, const struct new_key *key, struct kms_str key_arn, struct kms_str *out)
{
    struct kms_arn arn;
    char *text = NULL;

    enum kms_err err = kms_arn_parse(key_arn, &arn);
    if (err == KMS_OK)
        err = kmsctl_policy_build(arn.partition, arn.account, key->admins, key->users, &text);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, NULL, "cannot write the key policy");
    *out = kms_arena_str(&app->arena, kms_str(text));
    free(text);
    return out->data == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

/* After CreateKey has succeeded, a failure has to name the key, or nobody finds it again. */
static enum kmsctl_exit fail_after_create(struct kmsctl_app *app, enum kms_err err,
    const struct kms_fault *fault, struct kms_str arn, const char *doing)
{
    char what[KMS_ARN_MAX + 128];

    (void)snprintf(what, sizeof(what), "the key %.*s was created, but %s failed", (int)arn.len,
        arn.data, doing);
    return kmsctl_fail_call(&app->failure, err, fault, what);
}

static enum kmsctl_exit finish_new_key(
    struct kmsctl_app *app, struct new_key *key, struct kms_str arn, bool policy_is_set)
{
    struct kms_fault fault;

    if (key->wants_policy && !policy_is_set) {
        struct kms_put_key_policy_request put = {.key_id = arn};

        enum kmsctl_exit status = build_policy(app, key, arn, &put.policy);
        if (status != KMSCTL_OK)
            return status;
        enum kms_err err = kms_put_key_policy(app->client, &put, &fault);
        if (err != KMS_OK)
            return fail_after_create(app, err, &fault, arn, "setting its policy");
    }
    if (key->alias != NULL) {
        struct kms_create_alias_request alias = {
            .alias_name = kms_str(key->alias),
            .target_key_id = arn,
        };

        enum kms_err err = kms_create_alias(app->client, &alias, &fault);
        if (err != KMS_OK)
            return fail_after_create(app, err, &fault, arn, "naming it");
    }
    return KMSCTL_OK;
}

static enum kmsctl_exit print_new_key(
    struct kmsctl_app *app, const struct new_key *key, const struct kms_key_metadata *metadata)
{
    json_auto_t *result = kmsctl_json_of(metadata_shape(), metadata);

    if (result != NULL && key->alias != NULL &&
        !kmsctl_json_add(result, "Aliases", json_pack("[s]", key->alias)))
        return kmsctl_fail_memory(&app->failure);
    return kmsctl_print_member(app, result, "Arn");
}

enum kmsctl_exit kmsctl_key_create(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    KMSCTL_RESPONSE_AUTO const struct kms_create_key_response *response = NULL;
    struct new_key key = {0};
    struct kms_str known_arn = {NULL, 0};
    struct kms_fault fault;

    (void)args;
    enum kmsctl_exit status = gather_new_key(app, &key);
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    if (status == KMSCTL_OK && key.alias != NULL)
        status = check_alias_is_free(app, key.alias);
    if (status == KMSCTL_OK && key.wants_policy)
        status = find_account(app, &known_arn);
    if (status == KMSCTL_OK && known_arn.data != NULL)
        status = build_policy(app, &key, known_arn, &key.request.policy);
    if (status != KMSCTL_OK)
        return status;

    enum kms_err err = kms_create_key(app->client, &key.request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, "cannot create a key");
    if (response->key_metadata == NULL || response->key_metadata->arn.data == NULL)
        return kmsctl_fail(
            &app->failure, KMSCTL_UNAVAILABLE, "the service did not say which key it has created");
    /* In an account without keys the account is known only now; until then the key had the default
     * policy, which lets nobody in but the account itself. */
    status = finish_new_key(app, &key, response->key_metadata->arn, known_arn.data != NULL);
    if (status != KMSCTL_OK)
        return status;
    return print_new_key(app, &key, response->key_metadata);
}

/* --- list and describe ------------------------------------------------------------------------ */

/* One call per key: what a list does not tell. */
static enum kmsctl_exit add_metadata(struct kmsctl_app *app, json_t *entry)
{
    const char *id = json_string_value(json_object_get(entry, "KeyId"));
    struct kms_describe_key_request request = {.key_id = kms_str(id)};
    KMSCTL_RESPONSE_AUTO const struct kms_describe_key_response *response = NULL;
    struct kms_fault fault;

    enum kms_err err = kms_describe_key(app->client, &request, &response, &fault);
    if (err == KMS_ERR_FAULT && kmsctl_exit_of(err, &fault) == KMSCTL_DENIED)
        return KMSCTL_OK; /* one key that is not ours to see does not hide the others */
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, id);
    json_auto_t *metadata = response->key_metadata == NULL
                                ? json_object()
                                : kmsctl_json_of(metadata_shape(), response->key_metadata);
    if (metadata == NULL || json_object_update_missing(entry, metadata) != 0)
        return kmsctl_fail_memory(&app->failure);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_key_list(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    static const char *const columns[] = {"KeyId", "Aliases"};
    static const char *const long_columns[] = {
        "KeyId", "KeyState", "CreationDate", "Aliases", "Description"};
    bool is_long = kmsctl_args_has(args, KMSCTL_OPT_LONG);

    enum kmsctl_exit status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    json_auto_t *aliases = NULL;
    status = kmsctl_listing_aliases_by_key(app, &aliases);
    if (status != KMSCTL_OK)
        return status;
    json_auto_t *result = NULL;
    status = kmsctl_listing_keys(app, &result);
    if (status != KMSCTL_OK)
        return status;
    json_t *keys = json_object_get(result, "Keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        json_t *entry = json_array_get(keys, i);
        json_t *names =
            json_object_get(aliases, json_string_value(json_object_get(entry, "KeyId")));

        if (!kmsctl_json_add(entry, "Aliases", names == NULL ? json_array() : json_incref(names)))
            return kmsctl_fail_memory(&app->failure);
        if (is_long)
            status = add_metadata(app, entry);
        if (status != KMSCTL_OK)
            return status;
    }
    return is_long ? kmsctl_print_rows(app, result, "Keys", long_columns, 5)
                   : kmsctl_print_rows(app, result, "Keys", columns, 2);
}

/* Adds what other operations tell about the key, as far as the caller may ask them. */
static enum kmsctl_exit add_related(struct kmsctl_app *app, struct kms_str arn, json_t *result)
{
    json_auto_t *aliases = NULL;
    json_auto_t *tags = NULL;

    enum kmsctl_exit status = kmsctl_listing_aliases_of(app, arn, &aliases);
    if (status == KMSCTL_OK && !kmsctl_json_add(result, "Aliases", json_incref(aliases)))
        return kmsctl_fail_memory(&app->failure);
    if (status == KMSCTL_OK || status == KMSCTL_DENIED)
        status = kmsctl_listing_tags_of(app, arn, &tags);
    if (status == KMSCTL_OK && !kmsctl_json_add(result, "Tags", json_incref(tags)))
        return kmsctl_fail_memory(&app->failure);
    return status == KMSCTL_DENIED ? KMSCTL_OK : status;
}

enum kmsctl_exit kmsctl_key_describe(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_describe_key_request request = {0};
    KMSCTL_RESPONSE_AUTO const struct kms_describe_key_response *response = NULL;
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_app_key(app, name, &request.key_id);
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_describe_key(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    if (response->key_metadata == NULL || response->key_metadata->arn.data == NULL)
        return kmsctl_fail(
            &app->failure, KMSCTL_UNAVAILABLE, "%s: the service's answer is empty", name);
    json_auto_t *result = kmsctl_json_of(metadata_shape(), response->key_metadata);
    if (result != NULL)
        status = add_related(app, response->key_metadata->arn, result);
    return status == KMSCTL_OK ? kmsctl_print_fields(app, result) : status;
}

/* --- states ----------------------------------------------------------------------------------- */

static enum kmsctl_exit print_key_id(struct kmsctl_app *app, struct kms_str key)
{
    json_auto_t *result = json_pack("{s:o}", "KeyId", kmsctl_json_str(key));

    return kmsctl_print_done(app, result);
}

enum kmsctl_exit kmsctl_key_enable(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_enable_key_request request = {0};
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_enable_key(app->client, &request, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_key_id(app, request.key_id);
}

enum kmsctl_exit kmsctl_key_disable(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_disable_key_request request = {0};
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_disable_key(app->client, &request, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_key_id(app, request.key_id);
}

enum kmsctl_exit kmsctl_key_delete(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    const char *days = kmsctl_args_value(args, KMSCTL_OPT_PENDING_WINDOW_DAYS);
    struct kms_schedule_key_deletion_request request = {0};
    KMSCTL_RESPONSE_AUTO const struct kms_schedule_key_deletion_response *response = NULL;
    struct kms_fault fault;

    if (days != NULL) {
        long number = 0;

        enum kmsctl_exit status =
            kmsctl_args_number(days, "--pending-window-days", 7, 30, &number, &app->failure);
        if (status != KMSCTL_OK)
            return status;
        request.pending_window_in_days = (struct kms_opt_int){true, (int32_t)number};
    }
    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_schedule_key_deletion(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    json_auto_t *result =
        kmsctl_json_of(kms_operations[KMS_OP_SCHEDULE_KEY_DELETION].output, response);
    return kmsctl_print_fields(app, result);
}

enum kmsctl_exit kmsctl_key_cancel_deletion(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_cancel_key_deletion_request request = {0};
    KMSCTL_RESPONSE_AUTO const struct kms_cancel_key_deletion_response *response = NULL;
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_cancel_key_deletion(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_key_id(app, response->key_id.data == NULL ? request.key_id : response->key_id);
}
