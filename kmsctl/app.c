#include "kmsctl/app.h"

#include "libkms/base/encoding.h"
#include "libkms/proto/arn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_MAX ((size_t)64 << 20)

/* Keys that the message format keeps for itself. */
#define RESERVED_CONTEXT_PREFIX "aws-crypto-"

static enum kmsctl_exit choose_format(struct kmsctl_app *app)
{
    const char *text = kmsctl_args_value(app->args, KMSCTL_OPT_OUTPUT);

    if (text == NULL || strcmp(text, "text") == 0) {
        app->format = KMSCTL_TEXT;
        return KMSCTL_OK;
    }
    if (strcmp(text, "json") == 0) {
        app->format = KMSCTL_JSON;
        return KMSCTL_OK;
    }
    return kmsctl_fail(&app->failure, KMSCTL_USAGE,
        "--output is json or text, not '%s'; the file to write is named by -o", text);
}

enum kmsctl_exit kmsctl_app_init(struct kmsctl_app *app, const struct kmsctl_args *args, FILE *out)
{
    memset(app, 0, sizeof(*app));
    app->args = args;
    app->out = out;
    kms_arena_init(&app->arena, ARENA_MAX);
    app->quiet = kmsctl_args_has(args, KMSCTL_OPT_QUIET);
    app->progress =
        !app->quiet && !kmsctl_args_has(args, KMSCTL_OPT_NO_PROGRESS) && isatty(STDERR_FILENO) == 1;
    return choose_format(app);
}

void kmsctl_app_clean_up(struct kmsctl_app *app)
{
    if (!app->is_fork)
        kms_client_free(app->client);
    app->client = NULL;
    kms_arena_clean_up(&app->arena);
}

void kmsctl_app_fork(const struct kmsctl_app *app, struct kmsctl_app *out)
{
    *out = (struct kmsctl_app){
        .args = app->args,
        .format = app->format,
        .quiet = app->quiet,
        .out = app->out,
        .client = app->client,
        .is_fork = true,
    };
    kms_arena_init(&out->arena, ARENA_MAX);
}

static enum kmsctl_exit connect(struct kmsctl_app *app, struct kms_credentials credentials)
{
    const char *protocol = kmsctl_args_value(app->args, KMSCTL_OPT_PROTOCOL);
    struct kms_detail detail = {{0}};
    struct kms_client_options options = {
        .endpoint_url = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_ENDPOINT_URL)),
        .region = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_REGION)),
        .profile = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_PROFILE)),
        .ca_file = kms_str(kmsctl_args_value(app->args, KMSCTL_OPT_CA_FILE)),
        .user_agent_suffix = kms_str("kmsctl/" KMS_VERSION),
        .credentials = credentials,
    };

    if (app->client != NULL)
        return KMSCTL_OK;
    if (protocol != NULL && strcmp(protocol, "cbor") == 0)
        options.protocol = KMS_PROTOCOL_CBOR;
    else if (protocol != NULL && strcmp(protocol, "json") == 0)
        options.protocol = KMS_PROTOCOL_JSON;
    else if (protocol != NULL)
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--protocol is cbor or json, not '%s'", protocol);

    enum kms_err err = kms_client_new(&options, &app->client, &detail);
    if (err == KMS_OK)
        return KMSCTL_OK;
    return kmsctl_fail(&app->failure,
        err == KMS_ERR_INVALID_ARGUMENT ? KMSCTL_USAGE : kmsctl_exit_of(err, NULL), "%s",
        detail.text[0] == '\0' ? kms_err_text(err) : detail.text);
}

enum kmsctl_exit kmsctl_app_connect(struct kmsctl_app *app)
{
    static const struct kms_credentials none;
    return connect(app, none);
}

enum kmsctl_exit kmsctl_app_connect_unsigned(struct kmsctl_app *app)
{
    static const struct kms_credentials nobody = {
        .access_key_id = KMS_STR_LITERAL("-"), .secret_access_key = KMS_STR_LITERAL("-")};
    return connect(app, nobody);
}

enum kmsctl_exit kmsctl_app_key(struct kmsctl_app *app, const char *text, struct kms_str *out)
{
    size_t len = strlen(text);

    if (len == 0 || len > KMS_ARN_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "a key is named by its id, its ARN or an alias, of up to %d characters", KMS_ARN_MAX);
    if (strncmp(text, "aws/", 4) != 0) {
        *out = kms_str(text);
        return KMSCTL_OK;
    }
    struct kms_str name = kms_arena_printf(&app->arena, "alias/%s", text);
    if (name.data == NULL)
        return kmsctl_fail_memory(&app->failure);
    *out = name;
    return KMSCTL_OK;
}

/* An alias is known in its region alone; region is absent when its name says none. */
static enum kms_err describe_alias(struct kms_client *client, struct kms_str region,
    struct kms_str alias, const struct kms_describe_key_response **response,
    struct kms_fault *fault)
{
    const struct kms_describe_key_request request = {.key_id = alias};
    KMS_CLIENT_AUTO there = NULL;

    memset(fault, 0, sizeof(*fault));
    if (region.len == 0)
        return kms_describe_key(client, &request, response, fault);
    enum kms_err err = kms_client_new_in_region(client, region, &there, NULL);
    return err == KMS_OK ? kms_describe_key(there, &request, response, fault) : err;
}

static enum kmsctl_exit resolve_alias(struct kmsctl_app *app, const struct kms_key_ref *ref,
    struct kms_str alias, const char *text, struct kms_str *out)
{
    const struct kms_describe_key_response *response = NULL;
    struct kms_fault fault;

    enum kms_err err = describe_alias(app->client, ref->arn.region, alias, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, text);
    struct kms_str arn = {NULL, 0};
    if (response->key_metadata != NULL && response->key_metadata->arn.data != NULL)
        arn = kms_arena_str(&app->arena, response->key_metadata->arn);
    kms_response_free(response);
    if (arn.data == NULL)
        return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE,
            "%s: the service did not say which key it stands for", text);
    *out = arn;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_app_resolved_key(
    struct kmsctl_app *app, const char *text, struct kms_str *out)
{
    struct kms_str key = {NULL, 0};

    enum kmsctl_exit status = kmsctl_app_key(app, text, &key);
    if (status != KMSCTL_OK)
        return status;
    status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    struct kms_key_ref ref = kms_key_ref_parse(key);
    if (ref.kind == KMS_KEY_REF_ALIAS || ref.kind == KMS_KEY_REF_ALIAS_ARN)
        return resolve_alias(app, &ref, key, text, out);
    *out = key;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_app_keys(
    struct kmsctl_app *app, enum kmsctl_option_id id, struct kms_str_list *out)
{
    size_t count = kmsctl_args_count(app->args, id);

    if (count == 0) {
        *out = (struct kms_str_list){NULL, 0};
        return KMSCTL_OK;
    }
    struct kms_str *items = kms_arena_calloc(&app->arena, count, sizeof(*items));
    if (items == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < count; i++) {
        enum kmsctl_exit status = kmsctl_app_key(app, kmsctl_args_nth(app->args, id, i), &items[i]);

        if (status != KMSCTL_OK)
            return status;
    }
    *out = (struct kms_str_list){items, count};
    return KMSCTL_OK;
}

static bool has_key(const struct kms_str_pair *pairs, size_t count, struct kms_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (kms_str_eq(pairs[i].key, key))
            return true;
    }
    return false;
}

static enum kmsctl_exit split_pair(
    struct kmsctl_app *app, const char *text, struct kms_str_pair *out)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "'%s' is not of the form KEY=VALUE", text);
    if (!kms_utf8_valid(kms_str(text)))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "a KEY=VALUE pair is not UTF-8 text");
    out->key = (struct kms_str){text, (size_t)(equals - text)};
    out->value = kms_str(equals + 1);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_app_pairs(struct kmsctl_app *app, enum kmsctl_option_id id,
    const struct kms_str_map *also, struct kms_str_map *out)
{
    size_t count = kmsctl_args_count(app->args, id);

    if (count == 0) {
        *out = (struct kms_str_map){NULL, 0};
        return KMSCTL_OK;
    }
    struct kms_str_pair *pairs = kms_arena_calloc(&app->arena, count, sizeof(*pairs));
    if (pairs == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < count; i++) {
        const char *text = kmsctl_args_nth(app->args, id, i);

        enum kmsctl_exit status = split_pair(app, text, &pairs[i]);
        if (status != KMSCTL_OK)
            return status;
        if (has_key(pairs, i, pairs[i].key) ||
            (also != NULL && has_key(also->items, also->count, pairs[i].key)))
            return kmsctl_fail(&app->failure, KMSCTL_USAGE, "'%.*s' is given twice",
                (int)pairs[i].key.len, pairs[i].key.data);
        if (id != KMSCTL_OPT_TAG &&
            strncmp(text, RESERVED_CONTEXT_PREFIX, strlen(RESERVED_CONTEXT_PREFIX)) == 0)
            return kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "'%.*s': keys that begin with " RESERVED_CONTEXT_PREFIX " are reserved",
                (int)pairs[i].key.len, pairs[i].key.data);
    }
    *out = (struct kms_str_map){pairs, count};
    return KMSCTL_OK;
}
