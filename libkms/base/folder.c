#include "libkms/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

bool kms_folder_sync_of(const char *path)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        size_t len = (size_t)(slash - path) + 1; /* with the slash, so that "/x" gives "/" */
        if (len >= sizeof(folder)) {
            errno = ENAMETOOLONG;
            return false;
        }
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return ok;
}
