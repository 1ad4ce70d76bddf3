/* Lines of a file, one after the other, in bounded memory. */
#ifndef KMS_TRAIL_LINES_H
#define KMS_TRAIL_LINES_H

#include "libkms/base/buf.h"

struct kms_trail_lines {
    int fd;          /* the caller's; read with pread(2) */
    uint64_t offset; /* of the line that comes next */
    uint64_t end;    /* nothing is read from here on */
    struct kms_buf window;
    size_t taken; /* of the window */
    bool is_at_end;
};

/* From that place to `end` (UINT64_MAX: to the file's end as it is met). */
void kms_trail_lines_init(struct kms_trail_lines *lines, int fd, uint64_t offset, uint64_t end);
void kms_trail_lines_clean_up(struct kms_trail_lines *lines);

/* The next line without its newline, valid until the next call. KMS_ERR_NOT_FOUND: that was the last
 * one. KMS_ERR_TRUNCATED: what is left does not end with a newline; line is what is left.
 * KMS_ERR_LIMIT: longer than any line is. KMS_ERR_IO, KMS_ERR_NO_MEMORY. offset then stays. */
KMS_MUST_USE enum kms_err kms_trail_lines_next(struct kms_trail_lines *lines, struct kms_str *line);

#endif
