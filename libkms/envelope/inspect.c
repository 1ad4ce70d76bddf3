/* What a message says of itself, for whoever has no key. Nothing here is authenticated. */
#include "libkms/envelope/failure.h"
#include "libkms/envelope/frame.h"
#include "libkms/envelope/header_read.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/message.h"

#include <unistd.h>

enum { SKIP_BUFFER = 64 * 1024 };

enum kms_err kms_envelope_inspect(struct kms_bytes message,
    const struct kms_envelope_limits *limits, struct kms_envelope_info **out,
    struct kms_envelope_failure *failure)
{
    struct kms_header *header = NULL;
    size_t needed = 0;
    struct kms_envelope_limits filled = kms_limits_or_defaults(limits);
    KMS_KEY_SECTION_AUTO section = NULL;
    size_t section_len = 0;
    enum kms_err err = KMS_OK;
    kms_failure_clear(failure);
    if (kms_key_section_begins(message)) {
        err = kms_key_section_parse(message, filled.max_edks, &section, failure);
        if (err == KMS_OK)
            err = kms_key_section_len(message, &section_len, failure);
        if (err != KMS_OK)
            return err;
        message = kms_bytes(message.data + section_len, message.len - section_len);
    }
    err = kms_header_parse(message, &filled, &header, &needed, failure);
    if (err != KMS_OK)
        return err;
    if (section != NULL)
        kms_header_set_section(header, section);
    section = NULL; /* now the header's */
    *out = &header->info;
    return KMS_OK;
}

/* Goes along a body, from head to head. */
struct walk {
    struct kms_io io;
    bool seekable;
    struct kms_header *header;
    struct kms_frame_expect expect;
    uint64_t offset;
    uint64_t plaintext_len;
    struct kms_envelope_failure *failure;
};

static enum kms_err walk_fail(struct walk *walk, enum kms_err err, const char *why)
{
    return kms_failure_at(walk->failure, err, walk->expect.sequence, walk->offset, "%s", why);
}

/* Reads up to len bytes; *got is less only at the end of the input. */
static enum kms_err walk_read(struct walk *walk, void *out, size_t len, size_t *got)
{
    struct iovec iov = {.iov_base = out, .iov_len = len};
    enum kms_err err = kms_io_read(&walk->io, &iov, 1, got);
    if (err == KMS_ERR_IO)
        return kms_failure_io(walk->failure, walk->io.os_error, "reading");
    if (err != KMS_OK)
        return kms_failure_plain(walk->failure, err);
    walk->offset += *got;
    return KMS_OK;
}

static enum kms_err walk_need(struct walk *walk, uint8_t *out, size_t len)
{
    size_t got = 0;
    enum kms_err err = walk_read(walk, out, len, &got);
    if (err == KMS_OK && got < len)
        err = walk_fail(walk, KMS_ERR_TRUNCATED, "the message ends too early");
    return err;
}

/* Past len bytes (at least one), all of which must be there. */
static enum kms_err walk_skip(struct walk *walk, uint64_t len)
{
    uint8_t scratch[SKIP_BUFFER];
    if (walk->seekable && len > sizeof(scratch)) { /* seeking past the end is no error: read one */
        if (lseek(walk->io.fd, (off_t)(len - 1), SEEK_CUR) < 0)
            return walk_fail(walk, KMS_ERR_IO, "seeking");
        walk->offset += len - 1;
        len = 1;
    }
    while (len > 0) {
        size_t piece = len < sizeof(scratch) ? (size_t)len : sizeof(scratch);
        enum kms_err err = walk_need(walk, scratch, piece);
        if (err != KMS_OK)
            return err;
        len -= piece;
    }
    return KMS_OK;
}

static enum kms_err walk_frame(struct walk *walk, bool *is_last)
{
    uint8_t bytes[KMS_FRAME_HEAD_MAX];
    size_t have = 0;
    struct kms_frame_head head;
    enum kms_err err = KMS_ERR_TRUNCATED;
    while (err == KMS_ERR_TRUNCATED) {
        size_t wanted = kms_frame_head_len(&walk->expect, kms_bytes(bytes, have));
        err = walk_need(walk, bytes + have, wanted - have);
        if (err != KMS_OK)
            return err;
        have = wanted;
        err = kms_frame_head_parse(&walk->expect, kms_bytes(bytes, have), &head);
    }
    if (err != KMS_OK)
        return walk_fail(walk, err,
            err == KMS_ERR_LIMIT ? "the non-framed body is longer than the limit"
                                 : "the frame is out of sequence or too long");
    err = walk_skip(walk, (uint64_t)head.content_len + KMS_GCM_TAG_LEN);
    if (err != KMS_OK)
        return err;
    walk->plaintext_len += head.content_len;
    *is_last = head.kind != KMS_FRAME_REGULAR;
    if (!*is_last)
        walk->expect.sequence++;
    return KMS_OK;
}

static enum kms_err walk_end(struct walk *walk)
{
    uint8_t footer[KMS_FOOTER_MAX];
    enum kms_err err = KMS_OK;
    if (walk->header->info.is_signed) {
        size_t len = 0;
        err = walk_need(walk, footer, 2);
        if (err == KMS_OK && kms_footer_len(kms_bytes(footer, 2), &len) != KMS_OK)
            err = walk_fail(walk, KMS_ERR_SYNTAX, "the footer's length is that of no signature");
        if (err == KMS_OK)
            err = walk_need(walk, footer + 2, len - 2);
    }
    size_t got = 0;
    if (err == KMS_OK)
        err = walk_read(walk, footer, 1, &got);
    if (err == KMS_OK && got > 0)
        err = walk_fail(walk, KMS_ERR_TRAILING, "bytes follow the end of the message");
    return err;
}

static enum kms_err walk_body(struct walk *walk)
{
    bool is_last = false;
    enum kms_err err = KMS_OK;
    while (err == KMS_OK && !is_last)
        err = walk_frame(walk, &is_last);
    if (err == KMS_OK)
        err = walk_end(walk);
    if (err == KMS_OK)
        kms_header_set_counts(
            walk->header, walk->expect.sequence, walk->plaintext_len, walk->offset);
    return err;
}

enum kms_err kms_envelope_inspect_fd(int fd, bool count_frames,
    const struct kms_envelope_limits *limits, struct kms_envelope_info **out,
    struct kms_envelope_failure *failure)
{
    KMS_HEADER_AUTO header = NULL;
    struct kms_envelope_limits filled = kms_limits_or_defaults(limits);
    struct kms_io io = kms_io_of(fd, -1);
    kms_failure_clear(failure);
    enum kms_err err = kms_header_read(&io, &filled, &header, failure);
    if (err != KMS_OK)
        return err;
    if (count_frames) {
        struct walk walk = {.io = io,
            .seekable = lseek(fd, 0, SEEK_CUR) >= 0,
            .header = header,
            .expect = {.framed = header->info.framed,
                .frame_length = header->info.frame_length,
                .max_content = UINT32_MAX, /* it is not held */
                .sequence = 1},
            .offset = header->body_at,
            .failure = failure};
        err = walk_body(&walk);
        if (err != KMS_OK)
            return err;
    }
    *out = &header->info;
    header = NULL; /* now the caller's */
    return KMS_OK;
}
