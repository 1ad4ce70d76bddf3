/* The packing end of --tar. */
#include "kmsctl/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((int)64 * 1024)

static bool fail(struct kmsctl_tar *tar, struct archive *archive, const char *path)
{
    const char *why = archive == NULL ? NULL : archive_error_string(archive);

    tar->failed = true;
    tar->error = archive == NULL ? 0 : archive_errno(archive);
    (void)snprintf(tar->text, sizeof(tar->text), "%s%s%s", path == NULL ? "" : path,
        path == NULL ? "" : ": ", why == NULL ? "it was changed while it was read" : why);
    return false;
}

static bool write_data(
    struct kmsctl_tar *tar, struct archive *out, const void *data, size_t len, const char *path)
{
    while (len > 0) {
        la_ssize_t written = archive_write_data(out, data, len);

        if (written <= 0)
            return fail(tar, out, path);
        data = (const char *)data + written;
        len -= (size_t)written;
    }
    return true;
}

/* The format's own sparse map tells which zeros are holes, so these are written out here. */
static bool write_zeros(struct kmsctl_tar *tar, struct archive *out, int64_t len, const char *path)
{
    static const char zeros[BLOCK_SIZE];
    bool fine = true;

    while (fine && len > 0) {
        size_t piece = len < (int64_t)sizeof(zeros) ? (size_t)len : sizeof(zeros);

        fine = write_data(tar, out, zeros, piece, path);
        len -= (int64_t)piece;
    }
    return fine;
}

/* Whether the file is still what its entry says. */
static bool is_unchanged(struct archive_entry *entry, const char *source)
{
    struct stat now;

    return lstat(source, &now) == 0 && now.st_size == archive_entry_size(entry) &&
           now.st_mtim.tv_sec == archive_entry_mtime(entry) &&
           now.st_mtim.tv_nsec == archive_entry_mtime_nsec(entry);
}

static bool copy_contents(struct kmsctl_tar *tar, struct archive *disk, struct archive *out,
    struct archive_entry *entry, const char *source)
{
    int64_t size = archive_entry_size(entry);
    int64_t done = 0;

    for (;;) {
        const void *data = NULL;
        size_t len = 0;
        la_int64_t offset = 0;
        int result = archive_read_data_block(disk, &data, &len, &offset);

        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return fail(tar, disk, source);
        if (offset + (int64_t)len > size) /* it has grown, which is found out below */
            break;
        if (offset > done && !write_zeros(tar, out, offset - done, source))
            return false;
        if (!write_data(tar, out, data, len, source))
            return false;
        done = offset + (int64_t)len;
    }
    if (!is_unchanged(entry, source))
        return fail(tar, NULL, source);
    return write_zeros(tar, out, size - done, source); /* a hole at the end */
}

/* "DIR/a/b" becomes "./a/b". */
static bool rename_entry(struct kmsctl_tar *tar, struct archive_entry *entry, const char *source)
{
    size_t root_len = strlen(tar->root);
    char *name = NULL;

    if (strncmp(source, tar->root, root_len) != 0)
        return fail(tar, NULL, source);
    const char *rest = source + root_len;
    while (*rest == '/')
        rest++;
    if (asprintf(&name, "./%s", rest) < 0) {
        tar->error = ENOMEM;
        return fail(tar, NULL, source);
    }
    archive_entry_copy_pathname(entry, name);
    free(name);
    return true;
}

static bool pack_entry(struct kmsctl_tar *tar, struct archive *disk, struct archive *out,
    struct archive_entry_linkresolver *links, struct archive_entry *entry)
{
    struct archive_entry *deferred = NULL; /* of no use to this format */
    const char *name = archive_entry_pathname(entry);
    char *source = name == NULL ? NULL : strdup(name);
    bool fine = source != NULL;

    if (!fine)
        return fail(tar, disk, NULL);
    if (archive_entry_filetype(entry) == AE_IFSOCK) {
        tar->left_out++;
        free(source);
        return true;
    }
    if (archive_entry_filetype(entry) == AE_IFDIR && archive_read_disk_can_descend(disk) &&
        archive_read_disk_descend(disk) != ARCHIVE_OK)
        fine = fail(tar, disk, source);
    fine = fine && rename_entry(tar, entry, source);
    if (fine) {
        archive_entry_linkify(links, &entry, &deferred);
        if (archive_write_header(out, entry) < ARCHIVE_WARN)
            fine = fail(tar, out, source);
    }
    if (fine && archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == NULL)
        fine = copy_contents(tar, disk, out, entry, source);
    tar->entries += fine;
    free(source);
    return fine;
}

static void pack_all(struct kmsctl_tar *tar, struct archive *disk, struct archive *out,
    struct archive_entry_linkresolver *links)
{
    struct archive_entry *entry = archive_entry_new();
    bool fine = entry != NULL;

    while (fine) {
        archive_entry_clear(entry);
        int result = archive_read_next_header2(disk, entry);
        if (result == ARCHIVE_EOF)
            break;
        /* a warning means that something of the file could not be read */
        fine =
            result == ARCHIVE_OK ? pack_entry(tar, disk, out, links, entry) : fail(tar, disk, NULL);
    }
    archive_entry_free(entry);
}

void *kmsctl_tar_pack(void *argument)
{
    struct kmsctl_tar *tar = argument;
    struct archive *disk = archive_read_disk_new();
    struct archive *out = archive_write_new();
    struct archive_entry_linkresolver *links = archive_entry_linkresolver_new();

    if (disk == NULL || out == NULL || links == NULL) {
        (void)fail(tar, NULL, "out of memory");
    } else {
        archive_read_disk_set_standard_lookup(disk);
        archive_read_disk_set_symlink_hybrid(disk); /* the tree may be named by a link */
        archive_write_set_format_pax(out);
        archive_write_set_bytes_per_block(out, BLOCK_SIZE);
        archive_write_set_bytes_in_last_block(out, 1);
        archive_entry_linkresolver_set_strategy(links, archive_format(out));
        if (archive_write_open_fd(out, tar->pipe_fd) != ARCHIVE_OK)
            (void)fail(tar, out, NULL);
        else if (archive_read_disk_open(disk, tar->root) != ARCHIVE_OK)
            (void)fail(tar, disk, NULL);
        else
            pack_all(tar, disk, out, links);
        if (archive_write_close(out) != ARCHIVE_OK && !tar->failed)
            (void)fail(tar, out, NULL);
    }
    archive_entry_linkresolver_free(links);
    archive_read_free(disk);
    archive_write_free(out);
    (void)close(tar->pipe_fd);
    return NULL;
}
