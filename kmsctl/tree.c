#include "kmsctl/tree.h"

#include "libkms/base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

struct level {
    DIR *stream;
    size_t path_len; /* of the directory's own path */
    struct stat stat;
};

struct walk {
    struct level levels[KMSCTL_TREE_DEPTH_MAX];
    size_t depth;
    struct kms_buf path; /* of what is being looked at, with a NUL */
    kmsctl_tree_fn *visit;
    void *context;
};

static bool tell(
    struct walk *walk, enum kmsctl_tree_event event, const struct stat *about, int error)
{
    struct kmsctl_tree_entry entry = {
        .event = event,
        .path = (const char *)walk->path.data,
        .error = error,
    };
    const char *slash = strrchr(entry.path, '/');

    entry.name = slash == NULL ? entry.path : slash + 1;
    if (about != NULL)
        entry.stat = *about;
    return walk->visit(walk->context, &entry);
}

/* The path of a name in the directory of that path length. */
static bool set_path(struct walk *walk, size_t directory_len, const char *name)
{
    kms_buf_truncate(&walk->path, directory_len);
    if (directory_len > 0)
        kms_buf_append_u8(&walk->path, '/');
    kms_buf_append(&walk->path, name, strlen(name) + 1);
    return walk->path.err == KMS_OK;
}

static bool push(struct walk *walk, int fd, size_t path_len, const struct stat *about)
{
    DIR *stream = fdopendir(fd);

    if (stream == NULL) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return false;
    }
    walk->levels[walk->depth++] = (struct level){stream, path_len, *about};
    return true;
}

static bool enter(
    struct walk *walk, struct level *level, const char *name, const struct stat *about)
{
    if (walk->depth == KMSCTL_TREE_DEPTH_MAX)
        return tell(walk, KMSCTL_TREE_FAILED, NULL, ELOOP);
    int fd = openat(dirfd(level->stream), name, DIRECTORY_FLAGS);
    if (fd < 0)
        return tell(walk, KMSCTL_TREE_FAILED, NULL, errno);
    if (!tell(walk, KMSCTL_TREE_ENTER, about, 0)) {
        (void)close(fd);
        return false;
    }
    if (!push(walk, fd, walk->path.len - 1, about))
        return tell(walk, KMSCTL_TREE_FAILED, NULL, errno);
    return true;
}

static bool look_at(struct walk *walk, struct level *level, const char *name)
{
    struct stat about;

    if (fstatat(dirfd(level->stream), name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return tell(walk, KMSCTL_TREE_FAILED, NULL, errno);
    if (S_ISDIR(about.st_mode))
        return enter(walk, level, name, &about);
    return tell(walk, S_ISREG(about.st_mode) ? KMSCTL_TREE_FILE : KMSCTL_TREE_OTHER, &about, 0);
}

/* The directory has been seen to its end, or can't be read on. */
static bool leave(struct walk *walk, int error)
{
    struct level level = walk->levels[--walk->depth];
    bool go_on = true;

    (void)closedir(level.stream);
    if (walk->depth == 0)
        return error == 0;
    kms_buf_truncate(&walk->path, level.path_len);
    kms_buf_append_u8(&walk->path, 0);
    if (error != 0)
        go_on = tell(walk, KMSCTL_TREE_FAILED, NULL, error);
    return go_on && tell(walk, KMSCTL_TREE_LEAVE, &level.stat, 0);
}

static enum kmsctl_exit step_through(struct walk *walk, struct kmsctl_failure *failure)
{
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];

        errno = 0;
        const struct dirent *entry = readdir(level->stream);
        if (entry == NULL) {
            int error = errno;
            bool was_root = walk->depth == 1;

            if (!leave(walk, error))
                return was_root && error != 0
                           ? kmsctl_fail_errno(failure, error, "cannot read the directory")
                           : KMSCTL_OK;
            continue;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!set_path(walk, level->path_len, entry->d_name))
            return walk->path.err == KMS_ERR_LIMIT
                       ? kmsctl_fail(failure, KMSCTL_FAILED, "the paths in it are too long")
                       : kmsctl_fail_memory(failure);
        if (!look_at(walk, level, entry->d_name))
            return KMSCTL_OK;
    }
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_tree_walk(
    int root_fd, kmsctl_tree_fn *visit, void *context, struct kmsctl_failure *failure)
{
    struct walk walk = {.visit = visit, .context = context};
    struct stat about;

    kms_buf_init(&walk.path, KMSCTL_TREE_PATH_MAX);
    int fd = openat(root_fd, ".", DIRECTORY_FLAGS);
    if (fd >= 0 && fstat(fd, &about) != 0) {
        (void)close(fd);
        fd = -1;
    }
    if (fd < 0 || !push(&walk, fd, 0, &about))
        return kmsctl_fail_errno(failure, errno, "cannot read the directory");
    enum kmsctl_exit status = step_through(&walk, failure);
    while (walk.depth > 0)
        (void)closedir(walk.levels[--walk.depth].stream);
    kms_buf_clean_up(&walk.path);
    return status;
}

/* A component of a path that names something in its directory, not the directory or its parent. */
static bool is_name(const char *text, size_t len)
{
    return len > 0 && len <= NAME_MAX && !(len == 1 && text[0] == '.') &&
           !(len == 2 && text[0] == '.' && text[1] == '.');
}

int kmsctl_tree_parent(int root_fd, const char *path, const char **name)
{
    int fd = openat(root_fd, ".", DIRECTORY_FLAGS);
    char component[NAME_MAX + 1];

    while (fd >= 0) {
        size_t len = strcspn(path, "/");

        if (!is_name(path, len)) {
            (void)close(fd);
            errno = len > NAME_MAX ? ENAMETOOLONG : EINVAL;
            return -1;
        }
        if (path[len] == '\0') {
            *name = path;
            return fd;
        }
        memcpy(component, path, len);
        component[len] = '\0';
        int next = openat(fd, component, DIRECTORY_FLAGS);
        int error = errno;
        (void)close(fd);
        errno = error;
        fd = next;
        path += len + 1;
    }
    return -1;
}

int kmsctl_tree_open(int root_fd, const char *path, int flags)
{
    const char *name = NULL;
    int directory = kmsctl_tree_parent(root_fd, path, &name);

    if (directory < 0)
        return -1;
    int fd = openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int error = errno;
    (void)close(directory);
    errno = error;
    return fd;
}

bool kmsctl_tree_make(int root_fd, const char *path, mode_t mode)
{
    const char *name = NULL;
    struct stat about;
    int directory = kmsctl_tree_parent(root_fd, path, &name);

    if (directory < 0)
        return false;
    bool made = mkdirat(directory, name, mode) == 0;
    int error = errno;
    if (!made && error == EEXIST && fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) == 0)
        made = S_ISDIR(about.st_mode);
    (void)close(directory);
    errno = error;
    return made;
}

static bool is_empty(int directory_fd)
{
    int fd = openat(directory_fd, ".", DIRECTORY_FLAGS);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    size_t count = 0;

    if (stream == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    while (count <= 2 && readdir(stream) != NULL)
        count++;
    (void)closedir(stream);
    return count <= 2; /* "." and ".." */
}

int kmsctl_tree_open_made(int parent_fd, const char *name)
{
    struct stat about;
    int fd = openat(parent_fd, name, DIRECTORY_FLAGS);

    if (fd < 0)
        return -1;
    if (fstat(fd, &about) == 0 && about.st_uid == geteuid() && (about.st_mode & 0777) == 0700 &&
        is_empty(fd))
        return fd;
    (void)close(fd);
    errno = EPERM;
    return -1;
}

const char *kmsctl_tree_reason(int error)
{
    switch (error) {
    case ELOOP:
        return "a symbolic link is in the way";
    case ENOTDIR: /* links count, as none is followed */
        return "a file or a symbolic link is where a directory should be";
    default:
        return strerror(error);
    }
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool kmsctl_tree_is_below(int directory_fd, int other_fd)
{
    struct stat wanted;
    struct stat here;
    struct stat above;
    bool found = false;
    int fd = openat(directory_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fstat(other_fd, &wanted) != 0 || fd < 0 || fstat(fd, &here) != 0)
        found = false;
    else
        found = same(&here, &wanted);
    while (!found && fd >= 0) {
        int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

        (void)close(fd);
        fd = up;
        if (fd < 0 || fstat(fd, &above) != 0 || same(&above, &here))
            break; /* the root is its own parent */
        here = above;
        found = same(&here, &wanted);
    }
    if (fd >= 0)
        (void)close(fd);
    return found;
}
