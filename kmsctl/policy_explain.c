/* kmsctl policy explain: why somebody may, or may not, use a key. Asked of the daemon itself. */
#include "kmsctl/output.h"
#include "kmsctl/verbs.h"
#include "kmsd/admin/admin.h"
#include "libkms/proto/arn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *socket_path(const struct kmsctl_args *args)
{
    const char *path = kmsctl_args_value(args, KMSCTL_OPT_ADMIN_SOCKET);
    return path != NULL ? path : getenv("KMSD_ADMIN_SOCKET");
}

/* A key that is not named by its ARN is asked for at the service. */
static enum kmsctl_exit key_arn(struct kmsctl_app *app, const char *text, struct kms_str *out)
{
    enum kmsctl_exit status = kmsctl_app_key(app, text, out);
    if (status != KMSCTL_OK || kms_key_ref_parse(*out).kind == KMS_KEY_REF_ARN)
        return status;
    status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    struct kms_describe_key_request request = {.key_id = *out};
    const struct kms_describe_key_response *response = NULL;
    struct kms_fault fault;
    enum kms_err err = kms_describe_key(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, text);
    struct kms_str arn = {NULL, 0};
    if (response->key_metadata != NULL && response->key_metadata->arn.data != NULL)
        arn = kms_arena_str(&app->arena, response->key_metadata->arn);
    kms_response_free(response);
    if (arn.data == NULL)
        return kmsctl_fail_memory(&app->failure);
    *out = arn;
    return KMSCTL_OK;
}

/* "aws:..." and "kms:..." are condition keys, all else is of the encryption context. */
static bool is_condition_key(struct kms_str key)
{
    return key.len > 4 &&
           (strncasecmp(key.data, "aws:", 4) == 0 || strncasecmp(key.data, "kms:", 4) == 0);
}

static enum kmsctl_exit add_pairs(struct kmsctl_app *app, json_t *input)
{
    struct kms_str_map pairs;
    json_t *context = json_object(), *conditions = json_object();
    bool is_made = kmsctl_json_add(input, "context", context);
    is_made = kmsctl_json_add(input, "conditions", conditions) && is_made;
    if (!is_made)
        return kmsctl_fail_memory(&app->failure);
    enum kmsctl_exit status = kmsctl_app_pairs(app, KMSCTL_OPT_CONTEXT, NULL, &pairs);
    for (size_t i = 0; status == KMSCTL_OK && i < pairs.count; i++) {
        const struct kms_str_pair *pair = &pairs.items[i];
        json_t *object = is_condition_key(pair->key) ? conditions : context;
        if (json_object_setn_new(
                object, pair->key.data, pair->key.len, kmsctl_json_str(pair->value)) != 0)
            return kmsctl_fail_memory(&app->failure);
    }
    return status;
}

static enum kmsctl_exit ask(
    struct kmsctl_app *app, const char *path, const json_t *input, json_t **out)
{
    struct kmsd_detail detail = {.text = ""};
    enum kms_err err = kmsd_admin_send(path, "policy.explain", input, out, &detail);
    if (err == KMS_OK)
        return KMSCTL_OK;
    if (err == KMS_ERR_TRANSPORT) /* which names the socket */
        return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE, "%s", detail.text);
    return kmsctl_fail(&app->failure,
        err == KMS_ERR_FAULT ? KMSCTL_FAILED : kmsctl_exit_of(err, NULL), "%s: %s", path,
        detail.text[0] == '\0' ? kms_err_text(err) : detail.text);
}

/* A line for each statement, those that apply marked, then the decision. */
static enum kmsctl_exit print_explanation(struct kmsctl_app *app, const json_t *answer)
{
    const json_t *statements = json_object_get(answer, "Statements");

    if (app->format == KMSCTL_JSON)
        return kmsctl_print_fields(app, answer);
    for (size_t i = 0; i < json_array_size(statements); i++) {
        const json_t *row = json_array_get(statements, i);
        const char *sid = json_string_value(json_object_get(row, "Sid"));

        (void)fprintf(app->out, "%c ", json_is_true(json_object_get(row, "Applies")) ? '*' : ' ');
        kmsctl_print_escaped(app->out, kms_str(json_string_value(json_object_get(row, "Policy"))));
        (void)fprintf(app->out, ", statement %lld",
            (long long)json_integer_value(json_object_get(row, "Statement")));
        if (sid != NULL) {
            (void)fputs(" \"", app->out);
            kmsctl_print_escaped(app->out, kms_str(sid));
            (void)fputs("\"", app->out);
        }
        (void)fprintf(app->out, " (%s): ", json_string_value(json_object_get(row, "Effect")));
        kmsctl_print_escaped(app->out, kms_str(json_string_value(json_object_get(row, "Why"))));
        (void)fputs("\n", app->out);
    }
    kmsctl_print_escaped(app->out, kms_str(json_string_value(json_object_get(answer, "Decision"))));
    (void)fputs(": ", app->out);
    kmsctl_print_escaped(app->out, kms_str(json_string_value(json_object_get(answer, "Because"))));
    (void)fputs("\n", app->out);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_policy_explain(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *path = socket_path(args);
    const char *key = kmsctl_args_value(args, KMSCTL_OPT_KEY);
    struct kms_str arn = {NULL, 0};
    json_auto_t *answer = NULL;

    if (path == NULL || path[0] == '\0')
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--admin-socket or KMSD_ADMIN_SOCKET has to say where the daemon's socket is");
    json_auto_t *input =
        json_pack("{s:s, s:s}", "principal", kmsctl_args_value(args, KMSCTL_OPT_PRINCIPAL),
            "action", kmsctl_args_value(args, KMSCTL_OPT_ACTION));
    if (input == NULL)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "the arguments are not UTF-8 text");
    enum kmsctl_exit status = add_pairs(app, input);
    if (status == KMSCTL_OK && key != NULL)
        status = key_arn(app, key, &arn);
    if (status == KMSCTL_OK && key != NULL && !kmsctl_json_add(input, "key", kmsctl_json_str(arn)))
        return kmsctl_fail_memory(&app->failure);
    if (status == KMSCTL_OK)
        status = ask(app, path, input, &answer);
    return status == KMSCTL_OK ? print_explanation(app, answer) : status;
}
