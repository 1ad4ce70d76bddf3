#include "kmsd/audit/folder.h"

#include "libkms/base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the folder ------------------------------------------------------------------------------- */

/* Tried at every start: whoever made the folder may have been killed before this. */
static bool sync_name(const char *path)
{
    char parent[PATH_MAX];
    int len = snprintf(parent, sizeof(parent), "%s/../", path);
    if (len < 0 || (size_t)len >= sizeof(parent)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return kms_folder_sync_of(parent);
}

static enum kms_err open_on_disk(const char *path, int *out, struct kmsd_detail *detail)
{
    struct stat info;
    bool is_new = mkdir(path, S_IRWXU) == 0;
    if (!is_new && errno != EEXIST) {
        kmsd_detail_set(detail, "making the audit folder %s: %s", path, strerror(errno));
        return KMS_ERR_IO;
    }
    if (!sync_name(path) && is_new) {
        kmsd_detail_set(detail, "syncing the folder of %s: %s", path, strerror(errno));
        return KMS_ERR_IO;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        kmsd_detail_set(detail, "opening the audit folder %s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return KMS_ERR_IO;
    }
    if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        kmsd_detail_set(detail, "the audit folder %s belongs to or may be written by others", path);
        (void)close(fd);
        return KMS_ERR_POLICY;
    }
    *out = fd;
    return KMS_OK;
}

enum kms_err kmsd_folder_open(const char *path, struct kmsd_folder *out, struct kmsd_detail *detail)
{
    int fd = -1;
    enum kms_err err = path == NULL ? KMS_OK : open_on_disk(path, &fd, detail);
    if (err != KMS_OK)
        return err;
    memset(out, 0, sizeof(*out));
    out->fd = fd;
    return pthread_mutex_init(&out->lock, NULL) == 0 ? KMS_OK : KMS_ERR_NO_MEMORY;
}

void kmsd_folder_close(struct kmsd_folder *folder)
{
    for (size_t i = 0; i < KMSD_FOLDER_MEMORY_FILES; i++) {
        if (folder->memory[i].file != 0)
            (void)close(folder->memory[i].fd);
        folder->memory[i].file = 0;
    }
    if (folder->fd >= 0)
        (void)close(folder->fd);
    folder->fd = -1;
    (void)pthread_mutex_destroy(&folder->lock);
}

static void widen(uint32_t file, uint32_t *lowest, uint32_t *highest)
{
    if (*lowest == 0 || file < *lowest)
        *lowest = file;
    if (file > *highest)
        *highest = file;
}

static enum kms_err range_on_disk(int folder, uint32_t *lowest, uint32_t *highest)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (list == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return KMS_ERR_IO;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(list)) != NULL) {
        enum kms_trail_file_kind kind;
        uint32_t file = 0;
        if (kms_trail_file_parse(entry->d_name, &kind, &file) && kind == KMS_TRAIL_RECORDS)
            widen(file, lowest, highest);
    }
    (void)closedir(list);
    return KMS_OK;
}

enum kms_err kmsd_folder_range(struct kmsd_folder *folder, uint32_t *lowest, uint32_t *highest)
{
    *lowest = 0;
    *highest = 0;
    if (folder->fd >= 0)
        return range_on_disk(folder->fd, lowest, highest);
    (void)pthread_mutex_lock(&folder->lock);
    for (size_t i = 0; i < KMSD_FOLDER_MEMORY_FILES; i++) {
        if (folder->memory[i].file != 0)
            widen(folder->memory[i].file, lowest, highest);
    }
    (void)pthread_mutex_unlock(&folder->lock);
    return KMS_OK;
}

/* --- files ------------------------------------------------------------------------------------ */

/* The place of a file in memory (file 0: a free one); KMSD_FOLDER_MEMORY_FILES when there is none.
 */
static size_t find_in_memory(
    const struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file)
{
    size_t i = 0;
    while (i < KMSD_FOLDER_MEMORY_FILES &&
           !(folder->memory[i].file == file && (file == 0 || folder->memory[i].kind == kind)))
        i++;
    return i;
}

enum kms_err kmsd_folder_file(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file, int *out)
{
    char name[KMS_TRAIL_NAME_SIZE];
    int fd = -1;
    if (folder->fd >= 0) {
        kms_trail_file_name(kind, file, name);
        fd = openat(folder->fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    } else {
        (void)pthread_mutex_lock(&folder->lock);
        size_t at = find_in_memory(folder, kind, file);
        errno = ENOENT;
        if (at < KMSD_FOLDER_MEMORY_FILES)
            fd = fcntl(folder->memory[at].fd, F_DUPFD_CLOEXEC, 0);
        (void)pthread_mutex_unlock(&folder->lock);
    }
    if (fd < 0)
        return errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO;
    *out = fd;
    return KMS_OK;
}

static enum kms_err create_in_memory(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file, int *out)
{
    char name[KMS_TRAIL_NAME_SIZE];
    enum kms_err err = KMS_ERR_IO;
    kms_trail_file_name(kind, file, name);
    int kept = memfd_create(name, MFD_CLOEXEC);
    int fd = kept < 0 ? -1 : fcntl(kept, F_DUPFD_CLOEXEC, 0);
    (void)pthread_mutex_lock(&folder->lock);
    size_t at = find_in_memory(folder, kind, 0);
    if (fd >= 0 && at < KMSD_FOLDER_MEMORY_FILES) {
        folder->memory[at].kind = kind;
        folder->memory[at].file = file;
        folder->memory[at].fd = kept;
        kept = -1; /* the folder's now */
        err = KMS_OK;
    }
    (void)pthread_mutex_unlock(&folder->lock);
    if (err == KMS_OK) {
        *out = fd;
        return KMS_OK;
    }
    if (kept >= 0)
        (void)close(kept);
    if (fd >= 0)
        (void)close(fd);
    return err;
}

enum kms_err kmsd_folder_create(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file, int *out)
{
    char name[KMS_TRAIL_NAME_SIZE];
    if (folder->fd < 0)
        return create_in_memory(folder, kind, file, out);
    kms_trail_file_name(kind, file, name);
    int fd = openat(
        folder->fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno == EEXIST ? KMS_ERR_EXISTS : KMS_ERR_IO;
    if (fsync(folder->fd) != 0) {
        (void)close(fd);
        (void)unlinkat(folder->fd, name, 0);
        return KMS_ERR_IO;
    }
    *out = fd;
    return KMS_OK;
}

enum kms_err kmsd_folder_remove_one(
    struct kmsd_folder *folder, enum kms_trail_file_kind kind, uint32_t file)
{
    char name[KMS_TRAIL_NAME_SIZE];
    if (folder->fd >= 0) {
        kms_trail_file_name(kind, file, name);
        return unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT ? KMS_OK : KMS_ERR_IO;
    }
    (void)pthread_mutex_lock(&folder->lock);
    size_t at = find_in_memory(folder, kind, file);
    if (at < KMSD_FOLDER_MEMORY_FILES) {
        (void)close(folder->memory[at].fd);
        folder->memory[at].file = 0;
    }
    (void)pthread_mutex_unlock(&folder->lock);
    return KMS_OK;
}

enum kms_err kmsd_folder_remove(struct kmsd_folder *folder, uint32_t file)
{
    /* the records, by which a file counts as there, last */
    static const enum kms_trail_file_kind kinds[] = {
        KMS_TRAIL_INDEX, KMS_TRAIL_DIGESTS, KMS_TRAIL_RECORDS};
    enum kms_err err = KMS_OK;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kmsd_folder_remove_one(folder, kinds[i], file) != KMS_OK)
            err = KMS_ERR_IO;
    }
    return err;
}

/* --- small files ------------------------------------------------------------------------------ */

enum kms_err kmsd_folder_read(struct kmsd_folder *folder, const char *name, struct kms_buf *out)
{
    uint8_t piece[4096];
    if (folder->fd < 0)
        return KMS_ERR_NOT_FOUND;
    int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? KMS_ERR_NOT_FOUND : KMS_ERR_IO;
    enum kms_err err = KMS_OK;
    size_t len = sizeof(piece);
    while (err == KMS_OK && len == sizeof(piece)) {
        err = kmsd_read_at(fd, piece, sizeof(piece), out->len, &len);
        if (err == KMS_OK)
            kms_buf_append(out, piece, len);
        if (err == KMS_OK)
            err = out->err;
    }
    (void)close(fd);
    return err;
}

enum kms_err kmsd_folder_write(
    struct kmsd_folder *folder, const char *name, struct kms_bytes bytes, unsigned mode)
{
    char fresh[KMS_TRAIL_NAME_SIZE + 8];
    if (folder->fd < 0)
        return KMS_OK;
    (void)snprintf(fresh, sizeof(fresh), "%.*s.new", KMS_TRAIL_NAME_SIZE, name);
    int fd = openat(
        folder->fd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return KMS_ERR_IO;
    enum kms_err err = kmsd_write_at(fd, bytes, 0);
    if (err == KMS_OK && fsync(fd) != 0)
        err = KMS_ERR_IO;
    (void)close(fd);
    if (err == KMS_OK &&
        (renameat(folder->fd, fresh, folder->fd, name) != 0 || fsync(folder->fd) != 0))
        err = KMS_ERR_IO;
    if (err != KMS_OK)
        (void)unlinkat(folder->fd, fresh, 0);
    return err;
}

/* --- bytes ------------------------------------------------------------------------------------ */

enum kms_err kmsd_write_at(int fd, struct kms_bytes bytes, uint64_t at)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t now = pwrite(fd, bytes.data + done, bytes.len - done, (off_t)(at + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0)
            return KMS_ERR_IO;
        done += (size_t)now;
    }
    return KMS_OK;
}

enum kms_err kmsd_read_at(int fd, uint8_t *out, size_t size, uint64_t at, size_t *len)
{
    size_t done = 0;
    while (done < size) {
        ssize_t now = pread(fd, out + done, size - done, (off_t)(at + done));
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return KMS_ERR_IO;
        if (now == 0)
            break;
        done += (size_t)now;
    }
    *len = done;
    return KMS_OK;
}
