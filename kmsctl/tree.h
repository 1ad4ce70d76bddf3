/*
 * Walking directory trees, and opening what is in them, without ever following a symbolic link: what
 * was a directory when the walk came by may be a link when a file of it is opened, put there by
 * somebody who would have kmsctl read or write elsewhere.
 */
#ifndef KMSCTL_TREE_H
#define KMSCTL_TREE_H

#include "kmsctl/failure.h"

#include <sys/stat.h>

#define KMSCTL_TREE_DEPTH_MAX 128                 /* directories within one another */
#define KMSCTL_TREE_PATH_MAX  ((size_t)64 * 1024) /* bytes of a path below the root */

enum kmsctl_tree_event {
    KMSCTL_TREE_FILE,   /* a regular file */
    KMSCTL_TREE_ENTER,  /* a directory below the root, before what is in it */
    KMSCTL_TREE_LEAVE,  /* the same, after that */
    KMSCTL_TREE_OTHER,  /* a symbolic link, device, named pipe or socket */
    KMSCTL_TREE_FAILED, /* it can't be looked at or, a directory, into: error says why */
};

struct kmsctl_tree_entry {
    enum kmsctl_tree_event event;
    const char *path; /* below the root, such as "a/b" */
    const char *name; /* its last component */
    struct stat stat; /* zeroed with KMSCTL_TREE_FAILED */
    int error;
};

/* Returns false to end the walk. */
typedef bool kmsctl_tree_fn(void *context, const struct kmsctl_tree_entry *entry);

/* Calls visit for all that is below the root, in the order of the directories. KMSCTL_IO: the root
 * itself can't be read; KMSCTL_FAILED: memory. */
KMS_MUST_USE enum kmsctl_exit kmsctl_tree_walk(
    int root_fd, kmsctl_tree_fn *visit, void *context, struct kmsctl_failure *failure);

/* Opens the directory that holds path, and says what the last component is. path has no component
 * that is empty, "." or "..". -1 with errno set. */
int kmsctl_tree_parent(int root_fd, const char *path, const char **name);

/* Opens a file below the root for reading. -1 with errno set. */
int kmsctl_tree_open(int root_fd, const char *path, int flags);

/* What errno says after one of these; it tells of links that were in the way. */
const char *kmsctl_tree_reason(int error);

/* Opens a directory that the caller has just made, mode 0700, for what nobody else shall reach. -1 with
 * errno set: it can't be opened, or (EPERM) is not that any more. */
int kmsctl_tree_open_made(int parent_fd, const char *name);

/* Makes a directory below the root, whose parent exists; one that exists already is fine. */
bool kmsctl_tree_make(int root_fd, const char *path, mode_t mode);

/* Removes all that is below the root, which is the caller's own: at any depth, and whatever the modes of
 * directories. False: something is left. */
bool kmsctl_tree_clear(int root_fd);

/* Whether a directory is another one or somewhere below it. */
bool kmsctl_tree_is_below(int directory_fd, int other_fd);

#endif
