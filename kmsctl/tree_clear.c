/* Removing all that is below a directory, whatever its modes and its depth. */
#include "kmsctl/sink.h"
#include "kmsctl/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* Takes a name away from the directory; false: it stays. */
typedef bool take_fn(int root_fd, int directory_fd, const char *name);

static bool unlink_any(int directory_fd, const char *name)
{
    return unlinkat(directory_fd, name, 0) == 0 || unlinkat(directory_fd, name, AT_REMOVEDIR) == 0;
}

/* A directory that is to be emptied or moved has to be open to its owner, whatever an archive says. */
static bool open_up(int directory_fd, const char *name)
{
    struct stat about;

    if (fstatat(directory_fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(about.st_mode))
        return false;
    return (about.st_mode & 0700) == 0700 ||
           fchmodat(directory_fd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Counts the names that were taken. */
static size_t take_each(int root_fd, int directory_fd, const char *name, take_fn *take)
{
    int fd = openat(directory_fd, name, DIRECTORY_FLAGS);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry = NULL;
    size_t taken = 0;

    if (stream == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            taken += take(root_fd, fd, entry->d_name);
    }
    (void)closedir(stream);
    return taken;
}

/* A directory that isn't empty comes to lie in the root itself, so that none gets too deep. */
static bool remove_or_lift(int root_fd, int directory_fd, const char *name)
{
    char lifted[KMSCTL_TEMP_NAME_SIZE];

    return unlink_any(directory_fd, name) ||
           (open_up(directory_fd, name) && kmsctl_sink_temporary_name(lifted) &&
               renameat(directory_fd, name, root_fd, lifted) == 0);
}

static bool remove_from_root(int root_fd, int directory_fd, const char *name)
{
    if (unlink_any(directory_fd, name))
        return true;
    if (!open_up(directory_fd, name))
        return false;
    bool taken = take_each(root_fd, directory_fd, name, remove_or_lift) > 0;
    return unlinkat(directory_fd, name, AT_REMOVEDIR) == 0 || taken;
}

static bool keep(int root_fd, int directory_fd, const char *name)
{
    (void)root_fd;
    (void)directory_fd;
    (void)name;
    return true;
}

bool kmsctl_tree_clear(int root_fd)
{
    while (take_each(root_fd, root_fd, ".", remove_from_root) > 0)
        continue;
    return take_each(root_fd, root_fd, ".", keep) == 0;
}
