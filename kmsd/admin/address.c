#include "kmsd/admin/address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static enum kms_err name_through_folder(
    struct kmsd_admin_address *address, const char *path, struct kmsd_detail *detail)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL || len == 0 || len >= sizeof(folder)) {
        kmsd_detail_set(detail, "the path of the socket is too long");
        return KMS_ERR_CONFIG;
    }
    memcpy(folder, path, len);
    folder[len] = '\0';
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        kmsd_detail_set(detail, "%s: %s", folder, strerror(errno));
        return KMS_ERR_IO;
    }
    size_t size = sizeof(address->at.sun_path);
    int written = snprintf(address->at.sun_path, size, "/proc/self/fd/%d/%s", fd, slash + 1);
    if (written < 0 || (size_t)written >= size) {
        (void)close(fd);
        kmsd_detail_set(detail, "the name of the socket is too long");
        return KMS_ERR_CONFIG;
    }
    address->folder = fd;
    return KMS_OK;
}

enum kms_err kmsd_admin_address_init(
    struct kmsd_admin_address *address, const char *path, struct kmsd_detail *detail)
{
    *address = (struct kmsd_admin_address){.at = {.sun_family = AF_UNIX}, .folder = -1};
    size_t len = strlen(path);
    if (len == 0) {
        kmsd_detail_set(detail, "the path of the socket is empty");
        return KMS_ERR_CONFIG;
    }
    if (len >= sizeof(address->at.sun_path))
        return name_through_folder(address, path, detail);
    memcpy(address->at.sun_path, path, len + 1);
    return KMS_OK;
}

void kmsd_admin_address_clean_up(struct kmsd_admin_address *address)
{
    if (address->folder >= 0)
        (void)close(address->folder);
    address->folder = -1;
}
