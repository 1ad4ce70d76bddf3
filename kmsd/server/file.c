#include "kmsd/server/file.h"

#include "kmsd/crypto/private_file.h"
#include "libkms/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4096 };

static enum kms_err fail(const char *path, struct kmsd_detail *detail)
{
    char reason[64];
    kmsd_detail_set(detail, "%s: %s", path, strerror_r(errno, reason, sizeof(reason)));
    return KMS_ERR_IO;
}

static enum kms_err read_all(
    int fd, const char *path, struct kms_buf *out, struct kmsd_detail *detail)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail(path, detail);
    if (!S_ISREG(status.st_mode)) {
        kmsd_detail_set(detail, "%s: not a regular file", path);
        return KMS_ERR_IO;
    }
    for (;;) {
        uint8_t chunk[CHUNK];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(path, detail);
        if (got == 0)
            break;
        kms_buf_append(out, chunk, (size_t)got);
        kms_wipe(chunk, sizeof(chunk)); /* it may be a private key */
    }
    if (out->err != KMS_OK)
        kmsd_detail_set(detail, "%s: %s", path, kms_err_text(out->err));
    return out->err;
}

/* what: of a private file; NULL: anybody may read it. */
static enum kms_err read_file(
    const char *what, const char *path, struct kms_buf *out, struct kmsd_detail *detail)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not hang it */
    if (fd < 0)
        return fail(path, detail);
    enum kms_err err = what == NULL ? KMS_OK : kmsd_private_file_check(fd, what, path, detail);
    if (err == KMS_OK)
        err = read_all(fd, path, out, detail);
    (void)close(fd);
    return err;
}

enum kms_err kmsd_file_read(const char *path, struct kms_buf *out, struct kmsd_detail *detail)
{
    return read_file(NULL, path, out, detail);
}

enum kms_err kmsd_file_read_private(
    const char *what, const char *path, struct kms_buf *out, struct kmsd_detail *detail)
{
    return read_file(what, path, out, detail);
}
