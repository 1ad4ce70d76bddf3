#include "kmsd/crypto/private_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* An access control list as the kernel gives it: a version, then entries, all little-endian.
 * Source: linux/posix_acl_xattr.h, acl(5). */
#define ACL_NAME "system.posix_acl_access"

enum {
    ACL_VERSION = 2,
    ACL_HEAD = 4,
    ACL_ENTRY = 8,
    ACL_SIZE_MAX = ACL_HEAD + 32 * ACL_ENTRY,
    TAG_USER_OBJ = 0x01,
    TAG_USER = 0x02,
    TAG_MASK = 0x10,
};

static unsigned read_le16(const uint8_t *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

static uint32_t read_le32(const uint8_t *at)
{
    return (uint32_t)read_le16(at) | (uint32_t)read_le16(at + 2) << 16;
}

/* Whether the list gives nobody anything but the file's owner, this user and root. Entries count as
 * they stand, though the mask might take back what they give. */
static bool is_closed(const uint8_t *list, size_t len)
{
    if (len < ACL_HEAD || (len - ACL_HEAD) % ACL_ENTRY != 0 || read_le32(list) != ACL_VERSION)
        return false;
    for (size_t at = ACL_HEAD; at < len; at += ACL_ENTRY) {
        unsigned tag = read_le16(list + at);
        unsigned permissions = read_le16(list + at + 2);
        uint32_t id = read_le32(list + at + 4);
        bool is_ours = tag == TAG_USER_OBJ || tag == TAG_MASK ||
                       (tag == TAG_USER && (id == 0 || id == geteuid()));
        if (permissions != 0 && !is_ours)
            return false;
    }
    return true;
}

static bool is_open_to_others(int fd, mode_t mode)
{
    uint8_t list[ACL_SIZE_MAX];
    if ((mode & (S_IRWXG | S_IRWXO)) == 0)
        return false; /* without a mask no entry gives anything */
    ssize_t len = fgetxattr(fd, ACL_NAME, list, sizeof(list));
    return len < 0 || !is_closed(list, (size_t)len);
}

enum kms_err kmsd_private_file_check(
    int fd, const char *what, const char *path, struct kmsd_detail *detail)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        kmsd_detail_set(detail, "reading the %s %s: %s", what, path, strerror(errno));
        return KMS_ERR_IO;
    }
    if (!S_ISREG(info.st_mode)) {
        kmsd_detail_set(detail, "the %s %s is not a regular file", what, path);
        return KMS_ERR_POLICY;
    }
    if (is_open_to_others(fd, info.st_mode)) {
        kmsd_detail_set(detail, "the %s %s is accessible to others (mode %04o): chmod 600 it", what,
            path, (unsigned)(info.st_mode & 07777));
        return KMS_ERR_POLICY;
    }
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        kmsd_detail_set(detail,
            "the %s %s belongs to user id %lu, neither to the one kmsd runs as nor to root", what,
            path, (unsigned long)info.st_uid);
        return KMS_ERR_POLICY;
    }
    return KMS_OK;
}
