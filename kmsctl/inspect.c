/* kmsctl inspect: what a ciphertext says of itself, without any key. Nothing of it is verified. */
#include "kmsctl/blob.h"
#include "kmsctl/crypt.h"
#include "kmsctl/keyslot.h"
#include "kmsctl/verbs.h"

#include <kms/key_slots.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One encrypted data key; provider info that is text (the key ARN, for "aws-kms") is shown as such.
 */
static json_t *data_key_of(const struct kms_envelope_edk *edk)
{
    struct kms_str info = {(const char *)edk->provider_info.data, edk->provider_info.len};
    json_t *object = json_object();

    if (object == NULL || !kmsctl_json_add(object, "Provider", kmsctl_json_str(edk->provider_id)) ||
        !kmsctl_json_add(object,
            kms_str_is(edk->provider_id, "aws-kms") ? "KeyArn" : "ProviderInfo",
            kmsctl_json_str(info)) ||
        !kmsctl_json_add(
            object, "CiphertextLength", json_integer((json_int_t)edk->ciphertext.len))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *data_keys_of(const struct kms_envelope_info *info)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < info->edk_count; i++) {
        if (json_array_append_new(array, data_key_of(&info->edks[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static bool add_header(json_t *object, const struct kms_envelope_info *info)
{
    char suite[8];

    (void)snprintf(suite, sizeof(suite), "0x%04X", (unsigned)info->suite);
    return kmsctl_json_add(object, "Type", json_string("Message")) &&
           kmsctl_json_add(object, "Version", json_integer(info->version)) &&
           kmsctl_json_add(object, "Suite", json_string(suite)) &&
           kmsctl_json_add(object, "SuiteName", json_string(info->suite_name)) &&
           kmsctl_json_add(object, "KeyCommitment", json_boolean(info->committing)) &&
           kmsctl_json_add(object, "Signed", json_boolean(info->is_signed)) &&
           kmsctl_json_add(object, "MessageId", kmsctl_json_hex(info->message_id)) &&
           kmsctl_json_add(object, "EncryptionContext", kmsctl_json_map(info->context)) &&
           kmsctl_json_add(object, "EncryptedDataKeys", data_keys_of(info)) &&
           kmsctl_json_add(
               object, "ContentType", json_string(info->framed ? "Framed" : "NonFramed")) &&
           kmsctl_json_add(object, "FrameLength", number(info->frame_length)) &&
           kmsctl_json_add(object, "HeaderLength", number(info->header_len));
}

/* Of a file with key slots, the keys are there: the message itself has one, which they wrap. */
static bool add_slots(json_t *object, const struct kms_envelope_info *info, int fd)
{
    struct kms_key_slots *slots = NULL;

    if (info->section_len == 0)
        return true;
    bool added = kmsctl_json_add(object, "KeySlotsLength", number(info->section_len));
    if (added && kms_key_slots_list(fd, &slots, NULL) == KMS_OK) /* not of a pipe */
        added = kmsctl_json_add(object, "KeySlots", kmsctl_key_slots_describe(slots, NULL));
    kms_key_slots_free(slots);
    return added;
}

static json_t *message_of(const struct kms_envelope_info *info, int fd, const char *damage)
{
    json_t *object = json_object();
    bool complete = object != NULL && add_header(object, info) && add_slots(object, info, fd);

    if (complete && info->counted)
        complete = kmsctl_json_add(object, "Frames", number(info->frames)) &&
                   kmsctl_json_add(object, "PlaintextLength", number(info->plaintext_len)) &&
                   kmsctl_json_add(object, "MessageLength", number(info->message_len));
    complete = complete && kmsctl_json_add(object, "Whole", json_boolean(damage == NULL));
    if (complete && damage != NULL)
        complete = kmsctl_json_add(object, "Damage", json_string(damage));
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static enum kmsctl_exit inspect_message(struct kmsctl_app *app, struct kmsctl_input *input)
{
    KMSCTL_INFO_AUTO info = NULL;
    struct kms_envelope_failure detail;
    int stream = -1;

    enum kmsctl_exit status = kmsctl_input_stream(input, &stream, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    off_t begin = lseek(stream, 0, SEEK_CUR); /* fails on pipes, see below */
    enum kms_err err = kms_envelope_inspect_fd(stream, true, NULL, &info, &detail);
    if (err == KMS_OK) {
        json_auto_t *result = message_of(info, stream, NULL);

        return kmsctl_print_fields(app, result);
    }
    status = kmsctl_crypt_fail(app, input, NULL, "inspect", err, &detail);
    if (status != KMSCTL_BAD_INPUT)
        return status;

    /* A damaged body: the header still tells which key to ask for. Of a pipe, the beginning that
     * was looked at is left, and it nearly always holds the header. */
    if (begin >= 0 && lseek(stream, begin, SEEK_SET) == begin)
        err = kms_envelope_inspect_fd(stream, false, NULL, &info, NULL);
    else
        err = kms_envelope_inspect(kms_buf_bytes(&input->head), NULL, &info, NULL);
    if (err != KMS_OK)
        return status;
    json_auto_t *result = message_of(info, stream, detail.text);
    enum kmsctl_exit printed = kmsctl_print_fields(app, result);
    if (printed != KMSCTL_OK)
        return printed;
    return kmsctl_fail(
        &app->failure, KMSCTL_BAD_INPUT, "%s is damaged: %s", input->name, detail.text);
}

static enum kmsctl_exit inspect_blob(struct kmsctl_app *app, const struct kmsctl_input *input)
{
    struct kms_bytes blob = kms_buf_bytes(&input->head);
    const char *refusal = kmsctl_blob_refusal(blob);

    if (refusal != NULL)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s is neither an encrypted message nor a ciphertext blob: %s", input->name, refusal);
    json_auto_t *result = kmsctl_blob_describe(blob);

    return kmsctl_print_fields(app, result);
}

enum kmsctl_exit kmsctl_inspect(struct kmsctl_app *app, const struct kmsctl_args *args)
{
    enum kmsctl_crypt_kind kind = KMSCTL_MESSAGE;
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;

    enum kmsctl_exit status =
        kmsctl_input_open(&input, kmsctl_args_argument(args, 0), &app->failure);
    if (status == KMSCTL_OK)
        status =
            kmsctl_crypt_recognise(app, kmsctl_args_has(args, KMSCTL_OPT_DIRECT), &input, &kind);
    if (status != KMSCTL_OK)
        return status;
    return kind == KMSCTL_MESSAGE ? inspect_message(app, &input) : inspect_blob(app, &input);
}
