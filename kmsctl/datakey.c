/*
 * kmsctl data-key: a new data key, encrypted under a key of the service. The service is asked for
 * the plaintext only when --plaintext-out says where it shall go, and it goes nowhere else.
 */
#include "kmsctl/crypt.h"
#include "kmsctl/verbs.h"

#include <string.h>
#include <unistd.h>

#define DATA_KEY_MAX 1024L /* GenerateDataKey, NumberOfBytes */

/* What was asked for. */
struct order {
    struct kms_str key;
    struct kms_str_map context;
    struct kms_opt_int bytes;
    enum kms_data_key_spec spec;
    const char *plaintext_out; /* NULL: the plaintext is not wanted */
    const char *ciphertext_out;
};

static enum kmsctl_exit choose_size(struct kmsctl_app *app, struct order *order)
{
    const char *bytes = kmsctl_args_value(app->args, KMSCTL_OPT_BYTES);
    const char *spec = kmsctl_args_value(app->args, KMSCTL_OPT_SPEC);

    if (bytes != NULL && spec != NULL)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "--bytes and --spec exclude each other");
    if (bytes != NULL) {
        long number = 0;

        enum kmsctl_exit status =
            kmsctl_args_number(bytes, "--bytes", 1, DATA_KEY_MAX, &number, &app->failure);
        if (status == KMSCTL_OK)
            order->bytes = (struct kms_opt_int){true, (int32_t)number};
        return status;
    }
    if (spec == NULL || strcmp(spec, "AES_256") == 0)
        order->spec = KMS_DATA_KEY_SPEC_AES_256;
    else if (strcmp(spec, "AES_128") == 0)
        order->spec = KMS_DATA_KEY_SPEC_AES_128;
    else
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--spec is AES_256 or AES_128, not '%s'", spec);
    return KMSCTL_OK;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

static enum kmsctl_exit choose_outputs(struct kmsctl_app *app, struct order *order)
{
    order->plaintext_out = kmsctl_args_value(app->args, KMSCTL_OPT_PLAINTEXT_OUT);
    order->ciphertext_out = kmsctl_args_value(app->args, KMSCTL_OPT_CIPHERTEXT_OUT);
    if (is_stdout(order->plaintext_out)) {
        if (order->ciphertext_out == NULL || is_stdout(order->ciphertext_out))
            return kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "with --plaintext-out -, --ciphertext-out FILE says where the encrypted key goes");
        if (isatty(STDOUT_FILENO) == 1)
            return kmsctl_fail(
                &app->failure, KMSCTL_USAGE, "a plaintext key is not written to a terminal");
    }
    if (is_stdout(order->ciphertext_out) && isatty(STDOUT_FILENO) == 1)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "raw ciphertext is not written to a terminal; without --ciphertext-out it is shown in "
            "base64");
    if (order->plaintext_out != NULL && order->ciphertext_out != NULL &&
        strcmp(order->plaintext_out, order->ciphertext_out) == 0)
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "the two keys have to go to different files");
    return KMSCTL_OK;
}

static enum kmsctl_exit open_sinks(struct kmsctl_app *app, const struct order *order,
    struct kmsctl_sink *plaintext, struct kmsctl_sink *ciphertext)
{
    struct kmsctl_sink_options options = {
        .force = kmsctl_args_has(app->args, KMSCTL_OPT_FORCE),
    };
    enum kmsctl_exit status = KMSCTL_OK;

    if (order->ciphertext_out != NULL)
        status = kmsctl_sink_open(ciphertext, order->ciphertext_out, &options, &app->failure);
    options.secret = true;
    if (status == KMSCTL_OK && order->plaintext_out != NULL)
        status = kmsctl_sink_open(plaintext, order->plaintext_out, &options, &app->failure);
    return status;
}

/* The encrypted key first: a plaintext key whose ciphertext is lost is good for nothing. */
static enum kmsctl_exit deliver(struct kmsctl_app *app, struct kmsctl_sink *plaintext_sink,
    struct kmsctl_sink *ciphertext_sink, struct kms_bytes plaintext, struct kms_bytes ciphertext)
{
    enum kmsctl_exit status = KMSCTL_OK;

    if (ciphertext_sink->fd >= 0)
        status = kmsctl_sink_write(ciphertext_sink, ciphertext, &app->failure);
    if (status == KMSCTL_OK && plaintext_sink->fd >= 0 && !plaintext_sink->is_stdout)
        status = kmsctl_sink_write(plaintext_sink, plaintext, &app->failure);
    if (status == KMSCTL_OK && ciphertext_sink->fd >= 0)
        status = kmsctl_sink_commit(ciphertext_sink, &app->failure);
    if (status == KMSCTL_OK && plaintext_sink->is_stdout)
        status = kmsctl_sink_write(plaintext_sink, plaintext, &app->failure);
    if (status == KMSCTL_OK && plaintext_sink->fd >= 0)
        status = kmsctl_sink_commit(plaintext_sink, &app->failure);
    return status;
}

static enum kmsctl_exit print_key(struct kmsctl_app *app, const struct order *order,
    struct kms_str key_id, struct kms_str material_id, struct kms_bytes ciphertext)
{
    if (is_stdout(order->plaintext_out) || is_stdout(order->ciphertext_out))
        return KMSCTL_OK; /* stdout carries a key and nothing else */
    json_auto_t *result = json_pack("{s:o}", "KeyId", kmsctl_json_str(key_id));
    if (result != NULL && material_id.data != NULL &&
        !kmsctl_json_add(result, "KeyMaterialId", kmsctl_json_str(material_id)))
        return kmsctl_fail_memory(&app->failure);
    if (order->ciphertext_out != NULL)
        return kmsctl_print_done(app, result);
    if (result != NULL &&
        !kmsctl_json_add(result, "CiphertextBlob", kmsctl_json_base64(ciphertext)))
        return kmsctl_fail_memory(&app->failure);
    return kmsctl_print_member(app, result, "CiphertextBlob");
}

static enum kmsctl_exit make_with_plaintext(struct kmsctl_app *app, const struct order *order,
    struct kmsctl_sink *plaintext, struct kmsctl_sink *ciphertext)
{
    KMSCTL_RESPONSE_AUTO const struct kms_generate_data_key_response *response = NULL;
    struct kms_fault fault;
    struct kms_generate_data_key_request request = {
        .key_id = order->key,
        .encryption_context = order->context,
        .number_of_bytes = order->bytes,
        .key_spec = order->spec,
    };

    enum kms_err err = kms_generate_data_key(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, "cannot make a data key");
    enum kmsctl_exit status =
        deliver(app, plaintext, ciphertext, response->plaintext, response->ciphertext_blob);
    if (status != KMSCTL_OK)
        return status;
    return print_key(
        app, order, response->key_id, response->key_material_id, response->ciphertext_blob);
}

static enum kmsctl_exit make_without_plaintext(struct kmsctl_app *app, const struct order *order,
    struct kmsctl_sink *plaintext, struct kmsctl_sink *ciphertext)
{
    KMSCTL_RESPONSE_AUTO
    const struct kms_generate_data_key_without_plaintext_response *response = NULL;
    struct kms_fault fault;
    struct kms_generate_data_key_without_plaintext_request request = {
        .key_id = order->key,
        .encryption_context = order->context,
        .number_of_bytes = order->bytes,
        .key_spec = order->spec,
    };

    enum kms_err err =
        kms_generate_data_key_without_plaintext(app->client, &request, &response, &fault);
    if (err != KMS_OK)
        return kmsctl_fail_call(&app->failure, err, &fault, "cannot make a data key");
    enum kmsctl_exit status =
        deliver(app, plaintext, ciphertext, kms_bytes(NULL, 0), response->ciphertext_blob);
    if (status != KMSCTL_OK)
        return status;
    return print_key(
        app, order, response->key_id, response->key_material_id, response->ciphertext_blob);
}

enum kmsctl_exit kmsctl_data_key(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    struct order order = {0};
    KMSCTL_SINK_AUTO plaintext = KMSCTL_SINK_INIT;
    KMSCTL_SINK_AUTO ciphertext = KMSCTL_SINK_INIT;

    enum kmsctl_exit status =
        kmsctl_app_key(app, kmsctl_args_value(args, KMSCTL_OPT_KEY), &order.key);
    if (status == KMSCTL_OK)
        status = kmsctl_app_pairs(app, KMSCTL_OPT_CONTEXT, NULL, &order.context);
    if (status == KMSCTL_OK)
        status = choose_size(app, &order);
    if (status == KMSCTL_OK)
        status = choose_outputs(app, &order);
    if (status == KMSCTL_OK)
        status = open_sinks(app, &order, &plaintext, &ciphertext);
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    if (status != KMSCTL_OK)
        return status;
    return order.plaintext_out == NULL
               ? make_without_plaintext(app, &order, &plaintext, &ciphertext)
               : make_with_plaintext(app, &order, &plaintext, &ciphertext);
}
