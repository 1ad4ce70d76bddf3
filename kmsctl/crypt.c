#include "kmsctl/crypt.h"

#include "kmsctl/batch.h"
#include "kmsctl/range.h"
#include "kmsctl/sparse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEYS_NAMED 3 /* at most, in a message about a wrong key */

void kmsctl_crypt_free_info_at(struct kms_envelope_info **info)
{
    kms_envelope_info_free(*info);
}

void kmsctl_crypt_free_response_at(const void *response_pointer)
{
    const void *response;

    memcpy(&response, response_pointer, sizeof(response));
    kms_response_free(response);
}

/* --- what the input is ------------------------------------------------------------------------ */

/* People keep ciphertexts in base64 and forget to decode them. */
static bool looks_like_base64(struct kms_bytes head)
{
    for (size_t i = 0; i < head.len; i++) {
        int octet = head.data[i];
        bool letter = (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z') ||
                      (octet >= '0' && octet <= '9') || octet == '+' || octet == '/' ||
                      octet == '=' || octet == '\n' || octet == '\r';

        if (!letter)
            return false;
    }
    return head.len >= 16;
}

enum kmsctl_exit kmsctl_crypt_recognise(
    struct kmsctl_app *app, bool direct, struct kmsctl_input *input, enum kmsctl_crypt_kind *out)
{
    enum kmsctl_exit status = kmsctl_input_look(input, &app->failure);

    if (status != KMSCTL_OK)
        return status;
    struct kms_bytes head = kms_buf_bytes(&input->head);
    if (head.len == 0)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT, "%s is empty", input->name);
    if (!direct && kms_envelope_is_message(head)) {
        *out = KMSCTL_MESSAGE;
        return KMSCTL_OK;
    }
    if (looks_like_base64(head))
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s is base64 text; decode it first (base64 -d)", input->name);
    if (head.len > KMSCTL_BLOB_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s is no encrypted message, and too long for a ciphertext of the Encrypt operation",
            input->name);
    *out = KMSCTL_BLOB;
    return KMSCTL_OK;
}

const char *kmsctl_crypt_what(
    struct kmsctl_app *app, const char *doing, const struct kmsctl_input *input)
{
    struct kms_str text = kms_arena_printf(&app->arena, "cannot %s %s", doing, input->name);

    return text.data == NULL ? doing : text.data;
}

/* The keys that the message names, for whoever has tried another one: "arn..., arn...". */
static const char *keys_named(struct kmsctl_app *app, const struct kmsctl_input *input)
{
    KMSCTL_INFO_AUTO info = NULL;
    struct kms_str text = {"", 0};

    if (kms_envelope_inspect(kms_buf_bytes(&input->head), NULL, &info, NULL) != KMS_OK)
        return "";
    for (size_t i = 0; i < info->edk_count && i < KEYS_NAMED && text.data != NULL; i++) {
        struct kms_bytes name = info->edks[i].provider_info;

        text = kms_arena_printf(&app->arena, "%s%s%.*s", text.data,
            i == 0 ? "; the message is for " : " or ", (int)name.len, (const char *)name.data);
    }
    return text.data == NULL ? "" : text.data;
}

/* Adds to what app->failure says. */
static enum kmsctl_exit fail_further(struct kmsctl_app *app, const char *more)
{
    struct kmsctl_failure before = app->failure;

    size_t len = strlen(before.text);
    bool full_stop = len > 0 && before.text[len - 1] == '.'; /* the service's */

    (void)kmsctl_fail(
        &app->failure, before.code, "%.*s%s", (int)(full_stop ? len - 1 : len), before.text, more);
    return kmsctl_fail_with_errno(&app->failure, before.os_error);
}

/* "cannot decrypt a: writing: No space left" does not say where. */
static enum kmsctl_exit fail_writing(struct kmsctl_app *app, const struct kmsctl_input *input,
    const struct kmsctl_sink *sink, const char *doing, int error)
{
    (void)kmsctl_fail(&app->failure, KMSCTL_IO, "cannot %s %s: writing %s: %s", doing, input->name,
        sink->path, strerror(error));
    return kmsctl_fail_with_errno(&app->failure, error);
}

enum kmsctl_exit kmsctl_crypt_fail(struct kmsctl_app *app, struct kmsctl_input *input,
    const struct kmsctl_sink *sink, const char *doing, enum kms_err err,
    const struct kms_envelope_failure *detail)
{
    enum kmsctl_exit status = kmsctl_input_check(input, &app->failure);

    if (status != KMSCTL_OK)
        return status;
    if (sink != NULL && err == KMS_ERR_IO && strncmp(detail->text, "writing", 7) == 0)
        status = fail_writing(app, input, sink, doing, detail->os_error);
    else
        status =
            kmsctl_fail_envelope(&app->failure, err, detail, kmsctl_crypt_what(app, doing, input));
    if (err == KMS_ERR_NO_KEY || strcmp(detail->fault.code, "IncorrectKeyException") == 0)
        status = fail_further(app, keys_named(app, input));
    if (sink != NULL && sink->is_stdout && detail->frame > 0)
        status =
            fail_further(app, "; what standard output got is incomplete and has to be thrown away");
    return status;
}

bool kmsctl_crypt_arn_is(struct kms_bytes arn, struct kms_str key)
{
    if (arn.len < key.len || memcmp(arn.data + arn.len - key.len, key.data, key.len) != 0)
        return false;
    return arn.len == key.len || arn.data[arn.len - key.len - 1] == '/';
}

/* The ARNs of the keys that can open the message. */
static json_t *keys_of(const struct kms_envelope_info *info)
{
    json_t *keys = json_array();

    for (size_t i = 0; keys != NULL && i < info->edk_count; i++) {
        struct kms_bytes name = info->edks[i].provider_info;
        struct kms_str text = {(const char *)name.data, name.len};

        if (json_array_append_new(keys, kmsctl_json_str(text)) != 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

json_t *kmsctl_crypt_describe(const struct kms_envelope_info *info)
{
    json_t *object = json_object();

    if (object == NULL || !kmsctl_json_add(object, "KeyIds", keys_of(info)) ||
        !kmsctl_json_add(object, "EncryptionContext", kmsctl_json_map(info->context)) ||
        !kmsctl_json_add(object, "MessageId", kmsctl_json_hex(info->message_id)) ||
        !kmsctl_json_add(
            object, "PlaintextLength", json_integer((json_int_t)info->plaintext_len)) ||
        !kmsctl_json_add(object, "MessageLength", json_integer((json_int_t)info->message_len))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* --- the pass --------------------------------------------------------------------------------- */

static enum kms_err run_pipeline(const struct kmsctl_crypt_plan *plan,
    struct kmsctl_crypt_pass *pass, int in, int out, struct kms_envelope_info **info,
    struct kms_envelope_failure *detail)
{
    switch (plan->work) {
    case KMSCTL_CRYPT_ENCRYPT:
        return kms_envelope_encrypt_fd(in, out, &plan->making, &pass->fd_options, info, detail);
    case KMSCTL_CRYPT_DECRYPT:
        return kms_envelope_decrypt_fd(in, out, &plan->opening, &pass->fd_options, info, detail);
    case KMSCTL_CRYPT_VERIFY:
        return kms_envelope_verify_fd(in, &plan->opening, &pass->fd_options, info, detail);
    case KMSCTL_CRYPT_REENCRYPT:
    default:
        return kms_envelope_reencrypt_fd(
            in, out, &plan->opening, &plan->making, &pass->fd_options, info, detail);
    }
}

/* The same, but zeros become holes of the sink's file. */
static enum kmsctl_exit run_sparse(struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan,
    struct kmsctl_crypt_pass *pass, int in, struct kms_envelope_info **info, enum kms_err *err,
    struct kms_envelope_failure *detail)
{
    struct kmsctl_sparse sparse;

    if (pass->sink->is_stream)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "--sparse needs a file to write to");
    enum kmsctl_exit status = kmsctl_sparse_begin(&sparse, pass->sink->fd, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    *err = run_pipeline(plan, pass, in, sparse.write_fd, info, detail);
    int error = kmsctl_sparse_end(&sparse);
    return error == 0 ? KMSCTL_OK : fail_writing(app, pass->input, pass->sink, plan->doing, error);
}

static enum kmsctl_exit pass_whole(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    KMSCTL_INFO_AUTO info = NULL;
    struct kms_envelope_failure detail;
    enum kms_err err = KMS_OK;
    int stream = -1;

    enum kmsctl_exit status = kmsctl_input_stream(pass->input, &stream, &app->failure);
    if (status == KMSCTL_OK && plan->sparse)
        status = run_sparse(app, plan, pass, stream, &info, &err, &detail);
    else if (status == KMSCTL_OK)
        err = run_pipeline(plan, pass, stream, pass->sink->fd, &info, &detail);
    if (status != KMSCTL_OK)
        return status;
    if (err != KMS_OK)
        return kmsctl_crypt_fail(app, pass->input, pass->sink, plan->doing, err, &detail);
    pass->plaintext_len = info->plaintext_len;
    pass->result = kmsctl_crypt_describe(info);
    return KMSCTL_OK;
}

static enum kmsctl_exit pass_message(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    enum kmsctl_exit status =
        plan->range.given ? kmsctl_range_pass(app, plan, pass) : pass_whole(app, plan, pass);

    if (status == KMSCTL_OK)
        status = kmsctl_input_check(pass->input, &app->failure);
    if (status == KMSCTL_OK && pass->steady)
        status = kmsctl_input_unchanged(pass->input, &app->failure);
    if (status == KMSCTL_OK && plan->work != KMSCTL_CRYPT_VERIFY)
        status = kmsctl_sink_commit(pass->sink, &app->failure);
    return status;
}

static enum kmsctl_exit pass_blob(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    enum kmsctl_exit status = kmsctl_app_connect(app);

    if (status == KMSCTL_OK)
        status = plan->blob(app, plan, pass);
    return status == KMSCTL_OK ? kmsctl_sink_commit(pass->sink, &app->failure) : status;
}

enum kmsctl_exit kmsctl_crypt_pass(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    enum kmsctl_crypt_kind kind = plan->direct ? KMSCTL_BLOB : KMSCTL_MESSAGE;
    enum kmsctl_exit status = KMSCTL_OK;

    pass->result = NULL;
    pass->plaintext_len = 0;
    if (plan->work != KMSCTL_CRYPT_ENCRYPT)
        status = kmsctl_crypt_recognise(app, plan->direct, pass->input, &kind);
    else if (plan->direct)
        status = kmsctl_input_look(pass->input, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    if (kind == KMSCTL_MESSAGE)
        return pass_message(app, plan, pass);
    if (plan->blob == NULL)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "cannot %s %s: it is no encrypted message", plan->doing, pass->input->name);
    return pass_blob(app, plan, pass);
}

/* --- one file --------------------------------------------------------------------------------- */

static enum kmsctl_exit choose_output(struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan,
    const struct kmsctl_input *input, const char **out)
{
    if (!input->is_stdin)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "-o OUT is required to say where the result goes; -o - is standard output");
    if (kmsctl_crypt_gives_ciphertext(plan) && isatty(STDOUT_FILENO) == 1)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "ciphertext is not written to a terminal; use -o FILE, or -o - to insist");
    *out = "-";
    return KMSCTL_OK;
}

static enum kmsctl_exit open_both(struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan,
    struct kmsctl_input *input, struct kmsctl_sink *sink)
{
    const char *path = kmsctl_args_argument(app->args, 0);
    const char *out = kmsctl_args_value(app->args, KMSCTL_OPT_OUT);
    struct kmsctl_sink_options options = {
        .force = kmsctl_args_has(app->args, KMSCTL_OPT_FORCE),
    };

    enum kmsctl_exit status = kmsctl_input_open(input, path, &app->failure);
    if (status == KMSCTL_IO && app->failure.os_error == EISDIR)
        return fail_further(app, "; -r takes what is in it");
    if (status != KMSCTL_OK)
        return status;
    if (input->seekable && kmsctl_args_has(app->args, KMSCTL_OPT_PRESERVE))
        options.like = &input->stat;
    if (out == NULL && plan->work == KMSCTL_CRYPT_REENCRYPT && !input->is_stdin) {
        if (!input->seekable)
            return kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "%s is no regular file that could be replaced; -o OUT is required", path);
        options.only = &input->stat;
        return kmsctl_sink_open(sink, path, &options, &app->failure);
    }
    if (plan->work == KMSCTL_CRYPT_VERIFY)
        return KMSCTL_OK;
    if (out == NULL)
        status = choose_output(app, plan, input, &out);
    if (status != KMSCTL_OK)
        return status;
    return kmsctl_sink_open(sink, out, &options, &app->failure);
}

/* What says how to go about a tree says nothing about one file. */
static enum kmsctl_exit refuse_tree_options(struct kmsctl_app *app)
{
    if (kmsctl_args_has(app->args, KMSCTL_OPT_SUFFIX) ||
        kmsctl_args_has(app->args, KMSCTL_OPT_RESUME))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--suffix and --resume are for many files; one directory's are meant with -r");
    return KMSCTL_OK;
}

/* The jobs of one file are its threads. */
static enum kmsctl_exit threads_of(struct kmsctl_app *app, struct kms_envelope_fd_options *out)
{
    if (!kmsctl_args_has(app->args, KMSCTL_OPT_JOBS))
        return KMSCTL_OK;
    return kmsctl_batch_jobs(app, &out->threads);
}

enum kmsctl_exit kmsctl_crypt_single(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_progress progress;
    struct kmsctl_crypt_pass pass = {
        .input = &input,
        .sink = &sink,
        .fd_options = {.progress = kmsctl_progress_step, .progress_context = &progress},
    };

    enum kmsctl_exit status = refuse_tree_options(app);
    if (status == KMSCTL_OK)
        status = threads_of(app, &pass.fd_options);
    if (status == KMSCTL_OK)
        status = open_both(app, plan, &input, &sink);
    if (status == KMSCTL_OK && !plan->direct)
        status = kmsctl_crypt_ready(app, plan);
    if (status != KMSCTL_OK)
        return status;
    bool to_stdout = sink.is_stdout;
    kmsctl_progress_begin(&progress, app->progress, input.name, kmsctl_input_size(&input));
    status = kmsctl_crypt_pass(app, plan, &pass);
    kmsctl_progress_end(&progress, status == KMSCTL_OK);
    if (status == KMSCTL_OK && !to_stdout)
        status = kmsctl_print_done(app, pass.result);
    json_decref(pass.result);
    return status;
}
