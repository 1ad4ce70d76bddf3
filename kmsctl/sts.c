/*
 * kmsctl sts assume-role, kmsctl login: credentials for a while.
 *
 * Source: AWS STS API reference, version 2011-06-15; "Sourcing credentials with an external process",
 * AWS CLI User Guide.
 */
#include "kmsctl/input.h"
#include "kmsctl/output.h"
#include "kmsctl/query.h"
#include "kmsctl/verbs.h"

#include <string.h>

#define DEFAULT_SESSION_NAME "kmsctl"

enum { DURATION_MIN_S = 900, DURATION_MAX_S = 43200, TOKEN_MAX = 20000 };

/* --- what is asked ---------------------------------------------------------------------------- */

static enum kmsctl_exit add_session(struct kmsctl_app *app, const struct kmsctl_args *args,
    const char *role, struct kmsctl_query_form *form)
{
    const char *name = kmsctl_args_value(args, KMSCTL_OPT_SESSION_NAME);
    const char *duration = kmsctl_args_value(args, KMSCTL_OPT_DURATION);
    const char *policy = kmsctl_args_value(args, KMSCTL_OPT_POLICY);
    enum kmsctl_exit status = KMSCTL_OK;
    long seconds = 0;

    kmsctl_query_add(form, "RoleArn", kms_str(role));
    kmsctl_query_add(form, "RoleSessionName", kms_str(name == NULL ? DEFAULT_SESSION_NAME : name));
    kmsctl_query_add(form, "DurationSeconds", kms_str(duration));
    if (duration != NULL)
        status = kmsctl_args_number(
            duration, "--duration", DURATION_MIN_S, DURATION_MAX_S, &seconds, &app->failure);
    if (status == KMSCTL_OK && policy != NULL)
        status = kmsctl_query_add_file(app, form, "Policy", policy);
    return status;
}

/* The token, without the newline that an editor or a shell put behind it. */
static enum kmsctl_exit add_token(
    struct kmsctl_app *app, const char *path, struct kmsctl_query_form *form)
{
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMS_BUF_AUTO text;

    kms_buf_init(&text, TOKEN_MAX + 1);
    enum kmsctl_exit status = kmsctl_input_open(&input, path, &app->failure);
    if (status == KMSCTL_OK)
        status = kmsctl_input_read_all(&input, &text, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    struct kms_str token = kms_buf_str(&text);
    while (token.len > 0 && strchr(" \t\r\n", token.data[token.len - 1]) != NULL)
        token.len--;
    if (token.len == 0 || token.len > TOKEN_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "%s is no web identity token: it has to have 1 to %d characters", input.name,
            TOKEN_MAX);
    kmsctl_query_add(form, "WebIdentityToken", token);
    return KMSCTL_OK;
}

/* --- what is shown ---------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* Only what a shell takes as it is: the service is not trusted with more. */
static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        bool is_letter = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
                         (*text >= 'A' && *text <= 'Z') || strchr("+/=_.-", *text) != NULL;
        if (!is_letter)
            return false;
    }
    return true;
}

static enum kmsctl_exit show(struct kmsctl_app *app, const json_t *result)
{
    const json_t *given = json_object_get(result, "Credentials");
    const char *id = text_of(given, "AccessKeyId");
    const char *secret = text_of(given, "SecretAccessKey");
    const char *token = text_of(given, "SessionToken");

    if (id[0] == '\0' || secret[0] == '\0' || token[0] == '\0' || !is_plain(id) ||
        !is_plain(secret) || !is_plain(token))
        return kmsctl_fail(
            &app->failure, KMSCTL_UNAVAILABLE, "the answer has no credentials that can be used");
    if (app->format == KMSCTL_TEXT) {
        (void)fprintf(app->out,
            "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n"
            "export AWS_SESSION_TOKEN=%s\n",
            id, secret, token);
        return KMSCTL_OK;
    }
    json_auto_t *out =
        json_pack("{s:i, s:s, s:s, s:s, s:s}", "Version", 1, "AccessKeyId", id, "SecretAccessKey",
            secret, "SessionToken", token, "Expiration", text_of(given, "Expiration"));
    return kmsctl_print_fields(app, out);
}

static enum kmsctl_exit ask(
    struct kmsctl_app *app, const struct kmsctl_query_form *form, const char *role)
{
    json_auto_t *result = NULL;

    enum kmsctl_exit status = kmsctl_query(app, form, role, &result);
    return status == KMSCTL_OK ? show(app, result) : status;
}

enum kmsctl_exit kmsctl_sts_assume_role(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *role = kmsctl_args_argument(args, 0);
    KMSCTL_QUERY_FORM_AUTO form;

    kmsctl_query_begin(&form, KMSCTL_QUERY_STS, "AssumeRole");
    kmsctl_query_add(&form, "ExternalId", kms_str(kmsctl_args_value(args, KMSCTL_OPT_EXTERNAL_ID)));
    enum kmsctl_exit status = add_session(app, args, role, &form);
    if (status == KMSCTL_OK)
        status = kmsctl_query_add_tags(app, &form);
    return status == KMSCTL_OK ? ask(app, &form, role) : status;
}

enum kmsctl_exit kmsctl_login(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    const char *role = kmsctl_args_value(args, KMSCTL_OPT_ROLE);
    KMSCTL_QUERY_FORM_AUTO form;

    kmsctl_query_begin(&form, KMSCTL_QUERY_STS_UNSIGNED, "AssumeRoleWithWebIdentity");
    enum kmsctl_exit status = add_session(app, args, role, &form);
    if (status == KMSCTL_OK)
        status = add_token(app, kmsctl_args_value(args, KMSCTL_OPT_WEB_IDENTITY), &form);
    return status == KMSCTL_OK ? ask(app, &form, role) : status;
}
