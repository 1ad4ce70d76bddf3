#include "libkms/envelope/header_read.h"

#include "libkms/envelope/failure.h"
#include "libkms/envelope/key_section.h"

/* Reads on until bytes holds needed of them. *ended: the input has no more. */
static enum kms_err read_up_to(struct kms_io *io, struct kms_buf *bytes, size_t needed, bool *ended,
    struct kms_envelope_failure *failure)
{
    size_t have = bytes->len;
    uint8_t *at = kms_buf_extend(bytes, needed - have);
    if (at == NULL)
        return kms_failure_plain(failure, bytes->err);
    struct iovec iov = {.iov_base = at, .iov_len = needed - have};
    size_t got = 0;
    enum kms_err err = kms_io_read(io, &iov, 1, &got);
    if (err == KMS_ERR_IO)
        return kms_failure_io(failure, io->os_error, "reading");
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    *ended = have + got < needed;
    kms_buf_truncate(bytes, have + got);
    return KMS_OK;
}

/* The key slots, whose first byte is there already. */
static enum kms_err read_section(struct kms_io *io, struct kms_buf *bytes, size_t max_slots,
    struct kms_key_section **out, struct kms_envelope_failure *failure)
{
    for (;;) {
        size_t needed = 0;
        bool ended = false;
        enum kms_err err = kms_key_section_len(kms_buf_bytes(bytes), &needed, failure);
        if (err == KMS_OK && bytes->len == needed)
            return kms_key_section_parse(kms_buf_bytes(bytes), max_slots, out, failure);
        if (err == KMS_OK || err == KMS_ERR_TRUNCATED)
            err = read_up_to(io, bytes, needed, &ended, failure);
        if (err == KMS_OK && ended)
            err = kms_failure_set(failure, KMS_ERR_TRUNCATED, "the message ends too early");
        if (err != KMS_OK)
            return err;
    }
}

static enum kms_err read_header(struct kms_io *io, struct kms_buf *bytes,
    const struct kms_envelope_limits *limits, struct kms_header **out,
    struct kms_envelope_failure *failure)
{
    size_t needed = 1;
    bool ended = false;
    for (;;) {
        enum kms_err err = KMS_OK;
        if (bytes->len < needed)
            err = read_up_to(io, bytes, needed, &ended, failure);
        if (err != KMS_OK)
            return err;
        err = kms_header_parse(kms_buf_bytes(bytes), limits, out, &needed, failure);
        if (err != KMS_ERR_TRUNCATED || ended)
            return err;
    }
}

enum kms_err kms_header_read(struct kms_io *io, const struct kms_envelope_limits *limits,
    struct kms_header **out, struct kms_envelope_failure *failure)
{
    KMS_KEY_SECTION_AUTO section = NULL;
    KMS_BUF_AUTO bytes;
    KMS_BUF_AUTO before;
    bool ended = false;
    kms_buf_init(&bytes, limits->max_header_bytes);
    kms_buf_init(&before, KMS_SECTION_LEN_MAX);
    enum kms_err err = read_up_to(io, &bytes, 1, &ended, failure);
    if (err == KMS_OK && kms_key_section_begins(kms_buf_bytes(&bytes))) {
        kms_buf_append(&before, bytes.data, bytes.len);
        kms_buf_reset(&bytes);
        err = read_section(io, &before, limits->max_edks, &section, failure);
    }
    if (err == KMS_OK)
        err = read_header(io, &bytes, limits, out, failure);
    if (err == KMS_OK && section != NULL) {
        kms_header_set_section(*out, section);
        section = NULL; /* now the header's */
    }
    if (err == KMS_OK)
        kms_failure_clear(failure); /* of what was too short until more was read */
    return err;
}
