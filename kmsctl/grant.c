/* kmsctl grant ...: permissions on a key that are handed out and taken back one by one. */
#include "kmsctl/crypt.h"
#include "kmsctl/listing.h"
#include "kmsctl/verbs.h"

#include <string.h>

/* --- create ----------------------------------------------------------------------------------- */

/* An account, user, role or session is named by its ARN (an account also by its number); all else
 * is the name of a service. */
static enum kmsctl_exit read_principal(
    struct kmsctl_app *app, const char *text, struct kms_str *principal, struct kms_str *service)
{
    if (text == NULL)
        return KMSCTL_OK;
    bool is_arn = strncmp(text, "arn:", 4) == 0;
    bool is_number = strspn(text, "0123456789") == strlen(text);
    if (text[0] == '\0' || strlen(text) > 256)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "a principal is named by its ARN, and a service by its name, of up to 256 characters");
    *(is_arn || is_number ? principal : service) = kms_str(text);
    return KMSCTL_OK;
}

static enum kmsctl_exit read_operation(
    struct kmsctl_app *app, const char *text, enum kms_grant_operation *out)
{
    const struct kms_type *type = kms_type_find("GrantOperation");
    for (int value = 1; value <= KMS_GRANT_OPERATION_VERIFY_MAC; value++) {
        const char *name = kms_enum_text(type, value);
        if (name != NULL && strcmp(name, text) == 0) {
            *out = (enum kms_grant_operation)value;
            return KMSCTL_OK;
        }
    }
    return kmsctl_fail(&app->failure, KMSCTL_USAGE,
        "'%s' is no operation that a grant can allow, such as Decrypt", text);
}

static enum kmsctl_exit read_operations(
    struct kmsctl_app *app, struct kms_grant_operation_list *out)
{
    size_t count = kmsctl_args_count(app->args, KMSCTL_OPT_OPERATION);
    enum kms_grant_operation *items = kms_arena_calloc(&app->arena, count, sizeof(*items));
    if (items == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < count; i++) {
        enum kmsctl_exit status =
            read_operation(app, kmsctl_args_nth(app->args, KMSCTL_OPT_OPERATION, i), &items[i]);
        if (status != KMSCTL_OK)
            return status;
    }
    *out = (struct kms_grant_operation_list){items, count};
    return KMSCTL_OK;
}

static enum kmsctl_exit read_tokens(struct kmsctl_app *app, struct kms_str_list *out)
{
    size_t count = kmsctl_args_count(app->args, KMSCTL_OPT_GRANT_TOKEN);
    if (count == 0)
        return KMSCTL_OK;
    struct kms_str *items = kms_arena_calloc(&app->arena, count, sizeof(*items));
    if (items == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < count; i++)
        items[i] = kms_str(kmsctl_args_nth(app->args, KMSCTL_OPT_GRANT_TOKEN, i));
    *out = (struct kms_str_list){items, count};
    return KMSCTL_OK;
}

static enum kmsctl_exit read_constraints(
    struct kmsctl_app *app, const struct kms_grant_constraints **out)
{
    struct kms_grant_constraints *constraints = kms_arena_alloc(&app->arena, sizeof(*constraints));
    if (constraints == NULL)
        return kmsctl_fail_memory(&app->failure);
    *constraints = (struct kms_grant_constraints){
        .source_arn = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_SOURCE_ARN))};
    enum kmsctl_exit status = kmsctl_app_pairs(
        app, KMSCTL_OPT_CONTEXT_EQUALS, NULL, &constraints->encryption_context_equals);
    if (status == KMSCTL_OK)
        status = kmsctl_app_pairs(
            app, KMSCTL_OPT_CONTEXT_SUBSET, NULL, &constraints->encryption_context_subset);
    if (status != KMSCTL_OK)
        return status;
    if (constraints->source_arn.data != NULL ||
        constraints->encryption_context_equals.items != NULL ||
        constraints->encryption_context_subset.items != NULL)
        *out = constraints;
    return KMSCTL_OK;
}

static enum kmsctl_exit read_new_grant(
    struct kmsctl_app *app, struct kms_create_grant_request *request)
{
    request->name = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_NAME));
    request->dry_run.set = request->dry_run.value = kmsctl_args_has(app->args, KMSCTL_OPT_DRY_RUN);
    enum kmsctl_exit status = read_principal(app, kmsctl_args_value(app->args, KMSCTL_OPT_GRANTEE),
        &request->grantee_principal, &request->grantee_service_principal);
    if (status == KMSCTL_OK)
        status = read_principal(app, kmsctl_args_value(app->args, KMSCTL_OPT_RETIREE),
            &request->retiring_principal, &request->retiring_service_principal);
    if (status == KMSCTL_OK)
        status = read_operations(app, &request->operations);
    if (status == KMSCTL_OK)
        status = read_constraints(app, &request->constraints);
    return status == KMSCTL_OK ? read_tokens(app, &request->grant_tokens) : status;
}

/* What a dry run answers when nothing stands in the way. */
static bool is_dry_success(enum kms_err err, const struct kms_fault *fault)
{
    return err == KMS_ERR_FAULT && strcmp(fault->code, "DryRunOperationException") == 0;
}

enum kmsctl_exit kmsctl_grant_create(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    struct kms_create_grant_request request = {0};
    KMSCTL_RESPONSE_AUTO const struct kms_create_grant_response *response = NULL;
    struct kms_fault fault;

    enum kmsctl_exit status = read_new_grant(app, &request);
    if (status == KMSCTL_OK)
        status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_create_grant(app->client, &request, &response, &fault);
    if (request.dry_run.value && is_dry_success(err, &fault))
        return KMSCTL_OK;
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    json_auto_t *result = kmsctl_json_of(kms_operations[KMS_OP_CREATE_GRANT].output, response);
    return kmsctl_print_fields(app, result);
}

/* --- list ------------------------------------------------------------------------------------- */

/* Who holds a grant is in one of two members; the table has one column for it. */
static enum kmsctl_exit print_grants(struct kmsctl_app *app, json_t *result)
{
    static const char *const columns[] = {"GrantId", "Name", "Grantee", "Operations"};
    json_t *grant = NULL;
    size_t i = 0;

    if (app->format == KMSCTL_JSON)
        return kmsctl_print_fields(app, result);
    json_array_foreach(json_object_get(result, "Grants"), i, grant)
    {
        json_t *grantee = json_object_get(grant, "GranteePrincipal");
        if (grantee == NULL)
            grantee = json_object_get(grant, "GranteeServicePrincipal");
        if (!kmsctl_json_add(
                grant, "Grantee", grantee == NULL ? json_null() : json_incref(grantee)))
            return kmsctl_fail_memory(&app->failure);
    }
    return kmsctl_print_rows(app, result, "Grants", columns, 4);
}

static enum kmsctl_exit list_of_key(struct kmsctl_app *app, const char *name, json_t **out)
{
    struct kms_list_grants_request request = {
        .grant_id = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_GRANT_ID))};

    enum kmsctl_exit status = read_principal(app, kmsctl_args_value(app->args, KMSCTL_OPT_GRANTEE),
        &request.grantee_principal, &request.grantee_service_principal);
    if (status == KMSCTL_OK)
        status = kmsctl_app_resolved_key(app, name, &request.key_id);
    return status == KMSCTL_OK ? kmsctl_listing_grants(app, &request, name, out) : status;
}

static enum kmsctl_exit list_retirable(struct kmsctl_app *app, const char *retiree, json_t **out)
{
    struct kms_list_retirable_grants_request request = {0};

    enum kmsctl_exit status = read_principal(
        app, retiree, &request.retiring_principal, &request.retiring_service_principal);
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    return status == KMSCTL_OK ? kmsctl_listing_retirable_grants(app, &request, out) : status;
}

enum kmsctl_exit kmsctl_grant_list(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *key = kmsctl_args_argument(args, 0);
    const char *retiree = kmsctl_args_value(args, KMSCTL_OPT_RETIREE);
    bool has_filter =
        kmsctl_args_has(args, KMSCTL_OPT_GRANTEE) || kmsctl_args_has(args, KMSCTL_OPT_GRANT_ID);
    json_auto_t *result = NULL;

    if ((key == NULL) == (retiree == NULL) || (retiree != NULL && has_filter))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "either the grants on KEY, or those that --retiree may retire");
    enum kmsctl_exit status =
        key != NULL ? list_of_key(app, key, &result) : list_retirable(app, retiree, &result);
    return status == KMSCTL_OK ? print_grants(app, result) : status;
}

/* --- retire, revoke --------------------------------------------------------------------------- */

static enum kmsctl_exit print_grant_id(struct kmsctl_app *app, const char *id)
{
    json_auto_t *result = id == NULL ? json_object() : json_pack("{s:s}", "GrantId", id);
    return kmsctl_print_done(app, result);
}

enum kmsctl_exit kmsctl_grant_retire(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *first = kmsctl_args_argument(args, 0);
    const char *id = kmsctl_args_argument(args, 1);
    bool is_dry = kmsctl_args_has(args, KMSCTL_OPT_DRY_RUN);
    struct kms_retire_grant_request request = {.dry_run = {is_dry, is_dry}};
    struct kms_fault fault;

    enum kmsctl_exit status =
        id == NULL ? kmsctl_app_connect(app) : kmsctl_app_resolved_key(app, first, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    if (id == NULL)
        request.grant_token = kms_str(first);
    request.grant_id = kms_str(id);
    enum kms_err err = kms_retire_grant(app->client, &request, &fault);
    if (is_dry && is_dry_success(err, &fault))
        return KMSCTL_OK;
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, "cannot retire the grant");
    return print_grant_id(app, id);
}

enum kmsctl_exit kmsctl_grant_revoke(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *name = kmsctl_args_argument(args, 0);
    const char *id = kmsctl_args_argument(args, 1);
    bool is_dry = kmsctl_args_has(args, KMSCTL_OPT_DRY_RUN);
    struct kms_revoke_grant_request request = {
        .grant_id = kms_str(id), .dry_run = {is_dry, is_dry}};
    struct kms_fault fault;

    enum kmsctl_exit status = kmsctl_app_resolved_key(app, name, &request.key_id);
    if (status != KMSCTL_OK)
        return status;
    enum kms_err err = kms_revoke_grant(app->client, &request, &fault);
    if (is_dry && is_dry_success(err, &fault))
        return KMSCTL_OK;
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, name);
    return print_grant_id(app, id);
}
