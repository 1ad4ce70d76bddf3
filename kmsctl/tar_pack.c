/*
 * The packing end of --tar. The tree is walked from descriptor to descriptor and no symbolic link in it
 * followed, also none that somebody puts there meanwhile. libarchive, which would open by name, describes
 * what is open already; names are given to it only for what can't be opened without side effects.
 */
#include "kmsctl/tar.h"

#include "kmsctl/tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_SIZE ((int)64 * 1024)

/* A directory that is to be packed. None stays open meanwhile, so that trees may be of any depth. */
struct pending {
    struct pending *next;
    char path[]; /* below the root; "": that itself */
};

struct packer {
    struct kmsctl_tar *tar;
    struct archive *disk;
    struct archive *out;
    struct archive_entry_linkresolver *links;
    struct pending *pending;
};

/* What is packed at the moment. */
struct item {
    const char *path; /* below the root */
    const char *name; /* in the working directory */
    int fd;           /* files and directories; else -1 */
    struct stat stat;
};

/* --- failures --------------------------------------------------------------------------------- */

static bool fail(struct packer *packer, const char *path, int error, const char *why)
{
    struct kmsctl_tar *tar = packer->tar;

    tar->failed = true;
    tar->error = error;
    (void)snprintf(tar->text, sizeof(tar->text), "%s%s%s: %s", tar->root,
        path[0] == '\0' ? "" : "/", path, why);
    return false;
}

static bool fail_errno(struct packer *packer, const char *path, int error)
{
    return fail(packer, path, error, kmsctl_tree_reason(error));
}

static bool fail_changed(struct packer *packer, const char *path)
{
    return fail(packer, path, 0, "it was changed while it was read");
}

static bool fail_archive(struct packer *packer, const char *path, struct archive *archive)
{
    const char *why = archive_error_string(archive);

    return fail(packer, path, archive_errno(archive), why == NULL ? "libarchive fails" : why);
}

/* --- contents --------------------------------------------------------------------------------- */

static bool write_data(struct packer *packer, const char *path, const char *data, size_t len)
{
    while (len > 0) {
        la_ssize_t written = archive_write_data(packer->out, data, len);

        if (written <= 0)
            return fail_archive(packer, path, packer->out);
        data += written;
        len -= (size_t)written;
    }
    return true;
}

/* The format's own sparse map tells which zeros are holes, so these are written out here. */
static bool write_zeros(struct packer *packer, const char *path, int64_t len)
{
    static const char zeros[BLOCK_SIZE];
    bool fine = true;

    while (fine && len > 0) {
        size_t piece = len < (int64_t)sizeof(zeros) ? (size_t)len : sizeof(zeros);

        fine = write_data(packer, path, zeros, piece);
        len -= (int64_t)piece;
    }
    return fine;
}

static bool copy_extent(struct packer *packer, const struct item *item, int64_t offset, int64_t len)
{
    char block[BLOCK_SIZE];
    bool fine = true;

    while (fine && len > 0) {
        size_t piece = len < (int64_t)sizeof(block) ? (size_t)len : sizeof(block);
        ssize_t got = pread(item->fd, block, piece, offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fine = fail_errno(packer, item->path, errno);
        else if (got == 0)
            fine = fail_changed(packer, item->path); /* it has become shorter */
        else
            fine = write_data(packer, item->path, block, (size_t)got);
        offset += got;
        len -= got;
    }
    explicit_bzero(block, sizeof(block));
    return fine;
}

/* Whether the file is still what its entry says. */
static bool is_unchanged(const struct item *item)
{
    struct stat now;

    return fstat(item->fd, &now) == 0 && now.st_size == item->stat.st_size &&
           now.st_mtim.tv_sec == item->stat.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == item->stat.st_mtim.tv_nsec;
}

/* The entry has a list of extents if there are holes between them. */
static bool copy_contents(
    struct packer *packer, const struct item *item, struct archive_entry *entry)
{
    la_int64_t offset = 0;
    la_int64_t len = 0;
    int64_t done = 0;
    bool fine = true;

    if (archive_entry_sparse_reset(entry) == 0) {
        fine = copy_extent(packer, item, 0, item->stat.st_size);
        done = item->stat.st_size;
    }
    while (fine && archive_entry_sparse_next(entry, &offset, &len) == ARCHIVE_OK) {
        fine = write_zeros(packer, item->path, offset - done) &&
               copy_extent(packer, item, offset, len);
        done = offset + len;
    }
    fine = fine && write_zeros(packer, item->path, item->stat.st_size - done);
    if (fine && !is_unchanged(item))
        return fail_changed(packer, item->path);
    return fine;
}

/* --- entries ---------------------------------------------------------------------------------- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT);
}

/* What has no descriptor was described by its name; a name may come to mean something else. */
static bool is_still_there(const struct item *item)
{
    struct stat now;

    return fstatat(AT_FDCWD, item->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
           is_same(&now, &item->stat) && now.st_ctim.tv_sec == item->stat.st_ctim.tv_sec &&
           now.st_ctim.tv_nsec == item->stat.st_ctim.tv_nsec;
}

static bool describe(struct packer *packer, const struct item *item, struct archive_entry *entry)
{
    char *name = NULL;

    if (asprintf(&name, "./%s", item->path) < 0)
        return fail_errno(packer, item->path, ENOMEM);
    archive_entry_copy_pathname(entry, name);
    free(name);
    archive_entry_copy_sourcepath(entry, item->name);
    /* a warning means that something of the file could not be read */
    if (archive_read_disk_entry_from_file(packer->disk, entry, item->fd, &item->stat) != ARCHIVE_OK)
        return fail_archive(packer, item->path, packer->disk);
    if (item->fd < 0 && !is_still_there(item))
        return fail_changed(packer, item->path);
    return true;
}

static bool write_entry(struct packer *packer, const struct item *item, struct archive_entry *entry)
{
    struct archive_entry *deferred = NULL; /* of no use to this format */

    archive_entry_linkify(packer->links, &entry, &deferred);
    if (archive_write_header(packer->out, entry) < ARCHIVE_WARN)
        return fail_archive(packer, item->path, packer->out);
    packer->tar->entries++;
    if (!S_ISREG(item->stat.st_mode) || archive_entry_hardlink(entry) != NULL)
        return true;
    return copy_contents(packer, item, entry);
}

static bool pack_item(struct packer *packer, const struct item *item)
{
    struct archive_entry *entry = archive_entry_new();

    if (entry == NULL)
        return fail_errno(packer, item->path, ENOMEM);
    bool fine = describe(packer, item, entry) && write_entry(packer, item, entry);
    archive_entry_free(entry);
    return fine;
}

static bool pack_file(struct packer *packer, struct item *item)
{
    struct stat opened;

    item->fd = kmsctl_tree_open(AT_FDCWD, item->name, O_RDONLY);
    if (item->fd < 0)
        return fail_errno(packer, item->path, errno);
    bool fine = true;
    if (fstat(item->fd, &opened) != 0 || !is_same(&opened, &item->stat)) {
        fine = fail_changed(packer, item->path);
    } else {
        item->stat = opened;
        fine = pack_item(packer, item);
    }
    (void)close(item->fd);
    return fine;
}

/* --- directories ------------------------------------------------------------------------------ */

static bool put_off(struct packer *packer, const char *path)
{
    size_t size = strlen(path) + 1;
    struct pending *pending = malloc(sizeof(*pending) + size);

    if (pending == NULL)
        return fail_errno(packer, path, ENOMEM);
    memcpy(pending->path, path, size);
    pending->next = packer->pending;
    packer->pending = pending;
    return true;
}

/* Something in the working directory. */
static bool pack_path(struct packer *packer, const char *path, const char *name)
{
    struct item item = {.path = path, .name = name, .fd = -1};

    if (fstatat(AT_FDCWD, name, &item.stat, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_errno(packer, path, errno);
    switch (item.stat.st_mode & S_IFMT) {
    case S_IFDIR:
        return put_off(packer, path);
    case S_IFSOCK:
        packer->tar->left_out++;
        return true;
    case S_IFREG:
        return pack_file(packer, &item);
    default:
        return pack_item(packer, &item);
    }
}

static bool pack_name(struct packer *packer, const char *directory, const char *name)
{
    char *path = NULL;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    if (asprintf(&path, "%s%s%s", directory, directory[0] == '\0' ? "" : "/", name) < 0)
        return fail_errno(packer, directory, ENOMEM);
    bool fine = pack_path(packer, path, name);
    free(path);
    return fine;
}

static bool pack_names(struct packer *packer, const char *directory, DIR *stream)
{
    bool fine = true;

    while (fine) {
        errno = 0;
        const struct dirent *found = readdir(stream);
        if (found == NULL)
            return errno == 0 || fail_errno(packer, directory, errno);
        fine = pack_name(packer, directory, found->d_name);
    }
    return false;
}

static int open_directory(const struct packer *packer, const char *path)
{
    int flags = O_RDONLY | O_DIRECTORY;

    if (path[0] == '\0')
        return openat(packer->tar->root_fd, ".", flags | O_CLOEXEC);
    return kmsctl_tree_open(packer->tar->root_fd, path, flags);
}

static bool pack_directory(struct packer *packer, const char *path)
{
    struct item item = {.path = path, .name = ".", .fd = open_directory(packer, path)};
    DIR *stream = item.fd < 0 ? NULL : fdopendir(item.fd);

    if (stream == NULL || fstat(item.fd, &item.stat) != 0 || fchdir(item.fd) != 0) {
        int error = errno;

        if (stream != NULL)
            (void)closedir(stream);
        else if (item.fd >= 0)
            (void)close(item.fd);
        return fail_errno(packer, path, error);
    }
    bool fine = pack_item(packer, &item) && pack_names(packer, path, stream);
    (void)closedir(stream);
    return fine;
}

static void pack_all(struct packer *packer)
{
    bool fine = put_off(packer, "");

    while (packer->pending != NULL) {
        struct pending *next = packer->pending;

        packer->pending = next->next;
        fine = fine && pack_directory(packer, next->path);
        free(next);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

/* After a failure, what the pipe got shall not pass for all of an archive: it has no end. */
static la_ssize_t write_block(struct archive *out, void *context, const void *data, size_t len)
{
    const struct packer *packer = context;
    ssize_t written = 0;

    if (packer->tar->failed)
        return (la_ssize_t)len;
    do
        written = write(packer->tar->pipe_fd, data, len);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        archive_set_error(out, errno, "cannot write to a pipe: %s", strerror(errno));
    return written;
}

static void run(struct packer *packer)
{
    archive_read_disk_set_standard_lookup(packer->disk);
    archive_read_disk_set_symlink_physical(packer->disk);
    archive_write_set_format_pax(packer->out);
    archive_write_set_bytes_per_block(packer->out, BLOCK_SIZE);
    archive_write_set_bytes_in_last_block(packer->out, 1);
    archive_entry_linkresolver_set_strategy(packer->links, archive_format(packer->out));
    if (archive_write_open(packer->out, packer, NULL, write_block, NULL) != ARCHIVE_OK)
        (void)fail_archive(packer, "", packer->out);
    else
        pack_all(packer);
    if (archive_write_close(packer->out) != ARCHIVE_OK && !packer->tar->failed)
        (void)fail_archive(packer, "", packer->out);
    if (packer->tar->failed)
        (void)!write(packer->tar->pipe_fd, "", 1); /* a piece of a header: also not by chance */
}

void *kmsctl_tar_pack(void *argument)
{
    struct packer packer = {
        .tar = argument,
        .disk = archive_read_disk_new(),
        .out = archive_write_new(),
        .links = archive_entry_linkresolver_new(),
    };

    if (packer.disk == NULL || packer.out == NULL || packer.links == NULL)
        (void)fail_errno(&packer, "", ENOMEM);
    else
        run(&packer);
    archive_entry_linkresolver_free(packer.links);
    archive_read_free(packer.disk);
    archive_write_free(packer.out);
    (void)close(packer.tar->pipe_fd);
    return NULL;
}
