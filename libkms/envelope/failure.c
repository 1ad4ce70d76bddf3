#include "libkms/envelope/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kms_failure_clear(struct kms_envelope_failure *failure)
{
    if (failure != NULL)
        *failure = (struct kms_envelope_failure){.err = KMS_OK};
}

static void set_text(struct kms_envelope_failure *failure, enum kms_err err, uint32_t frame,
    uint64_t offset, const char *format, va_list args)
{
    kms_failure_clear(failure);
    failure->err = err;
    failure->frame = frame;
    failure->offset = offset;
    (void)vsnprintf(failure->text, sizeof(failure->text), format, args);
}

enum kms_err kms_failure_set(
    struct kms_envelope_failure *failure, enum kms_err err, const char *format, ...)
{
    if (failure == NULL)
        return err;
    va_list args;
    va_start(args, format);
    set_text(failure, err, 0, 0, format, args);
    va_end(args);
    return err;
}

enum kms_err kms_failure_plain(struct kms_envelope_failure *failure, enum kms_err err)
{
    return kms_failure_set(failure, err, "%s", kms_err_text(err));
}

enum kms_err kms_failure_at(struct kms_envelope_failure *failure, enum kms_err err, uint32_t frame,
    uint64_t offset, const char *format, ...)
{
    if (failure == NULL)
        return err;
    va_list args;
    va_start(args, format);
    set_text(failure, err, frame, offset, format, args);
    va_end(args);
    return err;
}

enum kms_err kms_failure_io(struct kms_envelope_failure *failure, int os_error, const char *what)
{
    char text[128];
    /* the GNU strerror_r: returns the text, which may or may not be in the buffer */
    const char *reason = strerror_r(os_error, text, sizeof(text));
    (void)kms_failure_set(failure, KMS_ERR_IO, "%s: %s", what, reason);
    if (failure != NULL)
        failure->os_error = os_error;
    return KMS_ERR_IO;
}
