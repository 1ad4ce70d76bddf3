#include "kmsctl/range.h"

#include <errno.h>
#include <inttypes.h>
#include <kms/envelope_range.h>
#include <stdlib.h>

/* Digits up to the character that ends them. */
static bool parse_number(const char *text, char end, uint64_t *out, const char **rest)
{
    char *stop = NULL;

    if (text[0] < '0' || text[0] > '9') /* strtoull would skip blanks and signs */
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &stop, 10);
    if (errno != 0 || *stop != end || value > INT64_MAX)
        return false;
    *out = value;
    *rest = stop;
    return true;
}

enum kmsctl_exit kmsctl_range_parse(
    const char *text, struct kmsctl_range *out, struct kmsctl_failure *failure)
{
    struct kmsctl_range range = {.given = true, .len = UINT64_MAX};
    const char *rest = text;

    bool fine = parse_number(text, ':', &range.offset, &rest);
    if (fine && rest[1] != '\0')
        fine = parse_number(rest + 1, '\0', &range.len, &rest);
    if (!fine)
        return kmsctl_fail(failure, KMSCTL_USAGE,
            "--range is OFFSET:LENGTH, both in bytes, or OFFSET: to the end, not '%s'", text);
    *out = range;
    return KMSCTL_OK;
}

static void free_reader_at(struct kms_envelope_reader **reader)
{
    kms_envelope_reader_free(*reader);
}

/* As far as the beginning of the message shows. */
static bool is_signed(const struct kmsctl_input *input)
{
    KMSCTL_INFO_AUTO info = NULL;

    return kms_envelope_inspect(kms_buf_bytes(&input->head), NULL, &info, NULL) == KMS_OK &&
           info->is_signed;
}

enum kmsctl_exit kmsctl_range_pass(
    struct kmsctl_app *app, const struct kmsctl_crypt_plan *plan, struct kmsctl_crypt_pass *pass)
{
    __attribute__((cleanup(free_reader_at))) struct kms_envelope_reader *reader = NULL;
    const struct kmsctl_range *range = &plan->range;
    struct kms_envelope_failure detail;

    if (!pass->input->seekable)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--range needs a file: what comes through a pipe has to be read from its beginning");
    if (is_signed(pass->input) && !plan->opening.ignore_signature)
        return kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT,
            "%s is signed, and the signature is for the whole; --ignore-signature reads a part all "
            "the same",
            pass->input->name);
    enum kms_err err = kms_envelope_reader_open(pass->input->fd, &plan->opening, &reader, &detail);
    if (err != KMS_OK)
        return kmsctl_crypt_fail(app, pass->input, NULL, plan->doing, err, &detail);
    uint64_t size = kms_envelope_reader_size(reader);
    if (range->offset > size || (range->len != UINT64_MAX && range->len > size - range->offset))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "the range reaches past the end: %s has %" PRIu64 " bytes of plaintext",
            pass->input->name, size);
    uint64_t len = range->len == UINT64_MAX ? size - range->offset : range->len;
    err = kms_envelope_range_fd(
        reader, pass->sink->fd, range->offset, len, &pass->fd_options, &detail);
    if (err != KMS_OK)
        return kmsctl_crypt_fail(app, pass->input, pass->sink, plan->doing, err, &detail);
    pass->plaintext_len = len;
    pass->result = kmsctl_crypt_describe(kms_envelope_reader_info(reader));
    if (pass->result != NULL &&
        (!kmsctl_json_add(pass->result, "RangeOffset", json_integer((json_int_t)range->offset)) ||
            !kmsctl_json_add(pass->result, "RangeLength", json_integer((json_int_t)len)))) {
        json_decref(pass->result);
        pass->result = NULL;
    }
    return KMSCTL_OK;
}
