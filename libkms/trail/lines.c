#include "libkms/trail/lines.h"

#include "libkms/trail/trail.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE = 64 * 1024 };

void kms_trail_lines_init(struct kms_trail_lines *lines, int fd, uint64_t offset, uint64_t end)
{
    *lines = (struct kms_trail_lines){.fd = fd, .offset = offset, .end = end};
    kms_buf_init(&lines->window, KMS_TRAIL_LINE_MAX + 2 * PIECE);
}

void kms_trail_lines_clean_up(struct kms_trail_lines *lines)
{
    kms_buf_clean_up(&lines->window);
}

/* Makes room by forgetting what was taken, and reads on. */
static enum kms_err read_on(struct kms_trail_lines *lines)
{
    struct kms_buf *window = &lines->window;
    size_t left = window->len - lines->taken;
    uint64_t from = lines->offset + left;
    size_t wanted = PIECE;
    if (from >= lines->end) {
        lines->is_at_end = true;
        return KMS_OK;
    }
    if (lines->end - from < wanted)
        wanted = (size_t)(lines->end - from);
    if (left != 0 && lines->taken != 0)
        memmove(window->data, window->data + lines->taken, left);
    kms_buf_truncate(window, left);
    lines->taken = 0;
    uint8_t *at = kms_buf_extend(window, wanted);
    if (at == NULL)
        return window->err;
    ssize_t got = 0;
    do
        got = pread(lines->fd, at, wanted, (off_t)from);
    while (got < 0 && errno == EINTR);
    kms_buf_truncate(window, left + (got > 0 ? (size_t)got : 0));
    lines->is_at_end = got == 0;
    return got < 0 ? KMS_ERR_IO : KMS_OK;
}

enum kms_err kms_trail_lines_next(struct kms_trail_lines *lines, struct kms_str *line)
{
    size_t searched = 0;
    for (;;) {
        const char *from = (const char *)lines->window.data + lines->taken;
        size_t left = lines->window.len - lines->taken;
        const char *end = left == searched ? NULL : memchr(from + searched, '\n', left - searched);
        if (end != NULL) {
            *line = (struct kms_str){from, (size_t)(end - from)};
            lines->taken += line->len + 1;
            lines->offset += line->len + 1;
            return KMS_OK;
        }
        if (left > KMS_TRAIL_LINE_MAX)
            return KMS_ERR_LIMIT;
        if (lines->is_at_end) {
            *line = (struct kms_str){left == 0 ? "" : from, left};
            return left == 0 ? KMS_ERR_NOT_FOUND : KMS_ERR_TRUNCATED;
        }
        searched = left;
        enum kms_err err = read_on(lines);
        if (err != KMS_OK)
            return err;
    }
}
