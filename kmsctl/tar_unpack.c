/* The unpacking end of --tar. */
#include "kmsctl/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)256 * 1024)

/* No entry leads out of the working directory, whatever its name and whatever links came before it. */
#define SECURE_FLAGS                                                     \
    (ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT | \
        ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

#define PRESERVE_FLAGS                                                                           \
    (ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR | \
        ARCHIVE_EXTRACT_FFLAGS)

static bool fail(struct kmsctl_tar *tar, struct archive *archive, const char *path)
{
    const char *why = archive_error_string(archive);

    tar->failed = true;
    tar->error = archive_errno(archive);
    bool more = tar->error > 0 && why != NULL && strcmp(why, "Write failed") == 0;
    (void)snprintf(tar->text, sizeof(tar->text), "%s%s%s%s%s", path == NULL ? "" : path,
        path == NULL ? "" : ": ", why == NULL ? "it is no archive" : why, more ? ": " : "",
        more ? strerror(tar->error) : "");
    return false;
}

static bool fail_plainly(struct kmsctl_tar *tar, int error)
{
    tar->failed = true;
    tar->error = error;
    (void)snprintf(tar->text, sizeof(tar->text), "%s", strerror(error));
    return false;
}

/* What came through the pipe is not, or no longer, an archive. */
static bool fail_reading(struct kmsctl_tar *tar, struct archive *in, const char *path)
{
    tar->malformed = archive_errno(in) != ENOMEM;
    return fail(tar, in, path);
}

/* A warning: the entry is there, but not all that was known of it. */
static bool judge(struct kmsctl_tar *tar, struct archive *disk, const char *path, int result)
{
    if (result < ARCHIVE_WARN)
        return fail(tar, disk, path);
    if (result == ARCHIVE_WARN && tar->incomplete++ == 0)
        (void)snprintf(tar->text, sizeof(tar->text), "%s: %s", path, archive_error_string(disk));
    return true;
}

static bool copy_contents(
    struct kmsctl_tar *tar, struct archive *in, struct archive *disk, const char *path)
{
    for (;;) {
        const void *data = NULL;
        size_t len = 0;
        la_int64_t offset = 0;
        int result = archive_read_data_block(in, &data, &len, &offset);

        if (result == ARCHIVE_EOF)
            return true;
        if (result != ARCHIVE_OK)
            return fail_reading(tar, in, path);
        if (archive_write_data_block(disk, data, len, offset) < ARCHIVE_OK)
            return fail(tar, disk, path);
    }
}

static bool is_special(struct archive_entry *entry)
{
    mode_t type = archive_entry_filetype(entry);

    return type == AE_IFCHR || type == AE_IFBLK || type == AE_IFIFO || type == AE_IFSOCK;
}

/* The directory that all is in, which stays closed to others until all is verified: "./", ".", "./." */
static bool is_root(struct archive_entry *entry, const char *name)
{
    return archive_entry_filetype(entry) == AE_IFDIR && name[0] == '.' &&
           name[strspn(name, "./")] == '\0' && strstr(name, "..") == NULL;
}

static bool keep_root(struct kmsctl_tar *tar, struct archive_entry *entry)
{
    archive_entry_free(tar->root_entry);
    tar->root_entry = archive_entry_clone(entry);
    if (tar->root_entry == NULL)
        return fail_plainly(tar, ENOMEM);
    tar->entries++;
    return true;
}

static bool unpack_entry(
    struct kmsctl_tar *tar, struct archive *in, struct archive *disk, struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    if (name == NULL)
        return fail_reading(tar, in, "an entry without a name");
    if (is_special(entry) && !tar->preserve) {
        tar->left_out++;
        return true;
    }
    if (is_root(entry, name))
        return keep_root(tar, entry);
    if (!judge(tar, disk, name, archive_write_header(disk, entry)))
        return false;
    if (archive_entry_size(entry) > 0 && !copy_contents(tar, in, disk, name))
        return false;
    if (!judge(tar, disk, name, archive_write_finish_entry(disk)))
        return false;
    tar->entries++;
    return true;
}

static void unpack_all(struct kmsctl_tar *tar, struct archive *in, struct archive *disk)
{
    struct archive_entry *entry = NULL;
    bool fine = true;

    while (fine) {
        int result = archive_read_next_header(in, &entry);

        if (result == ARCHIVE_EOF)
            break;
        fine = result >= ARCHIVE_WARN ? unpack_entry(tar, in, disk, entry)
                                      : fail_reading(tar, in, NULL);
    }
}

/* The writer shall be able to finish, also behind the archive's end. */
static void drain(int fd)
{
    char block[4096];

    while (read(fd, block, sizeof(block)) > 0)
        continue;
    explicit_bzero(block, sizeof(block));
}

/* NULL with errno set. Names count from the directory on. */
static struct archive *open_disk(const struct kmsctl_tar *tar)
{
    struct archive *disk = NULL;
    int flags = SECURE_FLAGS;

    if (tar->preserve)
        flags |= PRESERVE_FLAGS | (geteuid() == 0 ? ARCHIVE_EXTRACT_OWNER : 0);
    if (tar->sparse)
        flags |= ARCHIVE_EXTRACT_SPARSE;
    if (fchdir(tar->root_fd) != 0) /* libarchive knows no other directory */
        return NULL;
    disk = archive_write_disk_new();
    if (disk == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    archive_write_disk_set_options(disk, flags);
    archive_write_disk_set_standard_lookup(disk);
    return disk;
}

/* Directories get their attributes only now. */
static void close_disk(struct kmsctl_tar *tar, struct archive *disk)
{
    if (!tar->failed && archive_write_close(disk) != ARCHIVE_OK)
        (void)judge(tar, disk, ".", ARCHIVE_WARN);
    archive_write_free(disk);
}

static void unpack_to(struct kmsctl_tar *tar, struct archive *disk)
{
    struct archive *in = archive_read_new();

    if (in == NULL) {
        (void)fail_plainly(tar, ENOMEM);
        return;
    }
    archive_read_support_format_tar(in);
    if (archive_read_open_fd(in, tar->pipe_fd, BLOCK_SIZE) != ARCHIVE_OK)
        (void)fail_reading(tar, in, NULL);
    else
        unpack_all(tar, in, disk);
    archive_read_free(in);
}

void *kmsctl_tar_unpack(void *argument)
{
    struct kmsctl_tar *tar = argument;
    struct archive *disk = open_disk(tar);

    if (disk == NULL) {
        (void)fail_plainly(tar, errno);
    } else {
        unpack_to(tar, disk);
        close_disk(tar, disk);
    }
    if (!tar->failed)
        drain(tar->pipe_fd);
    (void)close(tar->pipe_fd);
    return NULL;
}

bool kmsctl_tar_restore_root(struct kmsctl_tar *tar)
{
    struct archive *disk = open_disk(tar);

    if (disk == NULL)
        return fail_plainly(tar, errno);
    archive_entry_set_fflags(tar->root_entry, 0, 0); /* what is immutable can't be renamed */
    bool fine = judge(tar, disk, ".", archive_write_header(disk, tar->root_entry)) &&
                judge(tar, disk, ".", archive_write_finish_entry(disk));
    close_disk(tar, disk);
    return fine;
}
