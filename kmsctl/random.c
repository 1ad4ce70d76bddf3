/* kmsctl random: random bytes of the service. */
#include "kmsctl/crypt.h"
#include "kmsctl/verbs.h"
#include "libkms/base/encoding.h"

#include <unistd.h>

#define RANDOM_MAX   (1L << 20) /* bytes; a limit of kmsctl's own */
#define RANDOM_BATCH 1024L      /* GenerateRandom, NumberOfBytes */

enum form {
    FORM_HEX,
    FORM_BASE64,
    FORM_RAW,
};

static enum kmsctl_exit choose_form(struct kmsctl_app *app, enum form *out)
{
    bool hex = kmsctl_args_has(app->args, KMSCTL_OPT_HEX);
    bool base64 = kmsctl_args_has(app->args, KMSCTL_OPT_BASE64);
    bool raw = kmsctl_args_has(app->args, KMSCTL_OPT_RAW);

    if (hex + base64 + raw > 1)
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--hex, --base64 and --raw exclude each other");
    if (raw && app->format == KMSCTL_JSON)
        return kmsctl_fail(
            &app->failure, KMSCTL_USAGE, "--raw and --output json exclude each other");
    *out = raw ? FORM_RAW : base64 || (app->format == KMSCTL_JSON && !hex) ? FORM_BASE64 : FORM_HEX;
    return KMSCTL_OK;
}

static enum kmsctl_exit gather(struct kmsctl_app *app, long count, struct kms_buf *bytes)
{
    while (count > 0) {
        long batch = count < RANDOM_BATCH ? count : RANDOM_BATCH;
        struct kms_generate_random_request request = {.number_of_bytes = {true, (int32_t)batch}};
        KMSCTL_RESPONSE_AUTO const struct kms_generate_random_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_generate_random(app->client, &request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, "cannot get random bytes");
        if (response->plaintext.len != (size_t)batch)
            return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE,
                "the service gave %zu random bytes instead of %ld", response->plaintext.len, batch);
        kms_buf_append(bytes, response->plaintext.data, response->plaintext.len);
        count -= batch;
    }
    return bytes->err == KMS_OK ? KMSCTL_OK : kmsctl_fail_memory(&app->failure);
}

/* Written with write(2) from memory that gets wiped: random bytes tend to become keys. */
static enum kmsctl_exit put(struct kmsctl_app *app, struct kms_bytes bytes, enum form form)
{
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    KMS_BUF_AUTO text;

    kms_buf_init(&text, (size_t)RANDOM_MAX * 2 + 64);
    enum kmsctl_exit status = kmsctl_sink_open(&sink, "-", NULL, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    if (form == FORM_RAW)
        return kmsctl_sink_write(&sink, bytes, &app->failure);
    if (app->format == KMSCTL_JSON)
        kms_buf_append_text(&text, "{\n    \"Plaintext\": \"");
    if (form == FORM_HEX)
        kms_hex_append(&text, bytes);
    else
        kms_base64_append(&text, bytes);
    if (app->format == KMSCTL_JSON)
        kms_buf_append_text(&text, "\"\n}");
    kms_buf_append_text(&text, "\n");
    if (text.err != KMS_OK)
        return kmsctl_fail_memory(&app->failure);
    return kmsctl_sink_write(&sink, kms_buf_bytes(&text), &app->failure);
}

enum kmsctl_exit kmsctl_random(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    enum form form = FORM_HEX;
    KMS_BUF_AUTO bytes;
    long count = 0;

    kms_buf_init(&bytes, (size_t)RANDOM_MAX);
    enum kmsctl_exit status = kmsctl_args_number(
        kmsctl_args_argument(args, 0), "N", 1, RANDOM_MAX, &count, &app->failure);
    if (status == KMSCTL_OK)
        status = choose_form(app, &form);
    if (status == KMSCTL_OK && form == FORM_RAW && isatty(STDOUT_FILENO) == 1)
        status =
            kmsctl_fail(&app->failure, KMSCTL_USAGE, "raw bytes are not written to a terminal");
    if (status == KMSCTL_OK)
        status = kmsctl_app_connect(app);
    if (status == KMSCTL_OK)
        status = gather(app, count, &bytes);
    if (status != KMSCTL_OK)
        return status;
    return put(app, kms_buf_bytes(&bytes), form);
}
