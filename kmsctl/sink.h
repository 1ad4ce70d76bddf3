/*
 * Where output goes. A file comes into being under its final name only whole: it is written
 * without a name (or, where the file system can't, under a temporary one in the same directory),
 * synced, then linked or renamed, and the directory synced. A failure, a signal or a power cut
 * before that leaves what was there.
 *
 * Streams ("-", devices, pipes) get the bytes as they come.
 */
#ifndef KMSCTL_SINK_H
#define KMSCTL_SINK_H

#include "kmsctl/failure.h"

#include <sys/stat.h>
#include <sys/types.h>

#define KMSCTL_TEMP_NAME_SIZE 32
#define KMSCTL_SINKS_MAX      72 /* files open for writing at once: one per job, and some */

struct kmsctl_sink_options {
    bool force;              /* an existing file may be replaced; its mode and owner are kept */
    bool secret;             /* mode 0600 whatever the umask and an existing file say */
    const struct stat *only; /* not NULL: replace, at commit, just this unchanged file */
    const struct stat
        *like;            /* not NULL: the file gets this mode (of the 0777) and time of change */
    bool named_temporary; /* use a temporary name even where it could do without: for tests */
};

struct kmsctl_sink {
    int fd;         /* write here; -1: not open */
    bool is_stdout; /* nothing else may be printed there */
    /* the rest is the module's own */
    bool is_stream;
    char *path;      /* as the user knows it, for messages */
    char *directory; /* where the final name is */
    char *name;      /* the final name in it */
    int directory_fd;
    bool directory_readable;
    char temporary[KMSCTL_TEMP_NAME_SIZE]; /* "": the file has no name yet */
    struct kmsctl_sink_options options;
    struct stat only;
    struct stat like;
    int look_flags; /* how the final name is looked at: AT_SYMLINK_NOFOLLOW below a directory */
    bool replaces;
    struct stat replaced; /* valid when replaces */
};

/* Call once, before threads: notes the umask, makes SIGPIPE and SIGXFSZ ordinary errors, and sees
 * to it that SIGINT, SIGTERM and SIGHUP remove temporary names before they end the process. */
void kmsctl_sink_set_up(void);

/* Opens path ("-": stdout) for writing; options may be NULL. KMSCTL_EXISTS: without force, and when
 * path was a device or pipe and is something else by the time it is opened. KMSCTL_IO. On KMSCTL_OK the
 * caller commits or discards. */
KMS_MUST_USE enum kmsctl_exit kmsctl_sink_open(struct kmsctl_sink *sink, const char *path,
    const struct kmsctl_sink_options *options, struct kmsctl_failure *failure);

/* The same for a name in an open directory, which is taken over and closed in any case. A symbolic
 * link of that name is never followed: KMSCTL_EXISTS, also with force. path is for messages. */
KMS_MUST_USE enum kmsctl_exit kmsctl_sink_open_at(struct kmsctl_sink *sink, int directory_fd,
    const char *name, const char *path, const struct kmsctl_sink_options *options,
    struct kmsctl_failure *failure);

/* For a pipe, which is taken over and closed in any case. name is for messages. KMSCTL_FAILED:
 * memory. */
KMS_MUST_USE enum kmsctl_exit kmsctl_sink_adopt(
    struct kmsctl_sink *sink, int fd, const char *name, struct kmsctl_failure *failure);

/* A new name for what has none yet. False: no random bytes, errno set. */
KMS_MUST_USE bool kmsctl_sink_temporary_name(char name[KMSCTL_TEMP_NAME_SIZE]);

/* Whether a name is one that files have before they are whole. */
bool kmsctl_sink_is_temporary(const char *name);

/* Gives the file its name; only now it is there. The sink is closed in any case, and on failure
 * the final name is as it was. KMSCTL_IO, KMSCTL_EXISTS (it has appeared meanwhile). */
KMS_MUST_USE enum kmsctl_exit kmsctl_sink_commit(
    struct kmsctl_sink *sink, struct kmsctl_failure *failure);

/* Closes and forgets what was written. Does nothing after a commit, or before open when zeroed by
 * KMSCTL_SINK_INIT. */
void kmsctl_sink_discard(struct kmsctl_sink *sink);
#define KMSCTL_SINK_INIT             \
    {                                \
        .fd = -1, .directory_fd = -1 \
    }
#define KMSCTL_SINK_AUTO __attribute__((cleanup(kmsctl_sink_discard))) struct kmsctl_sink

/* Writes all of it. KMSCTL_IO. */
KMS_MUST_USE enum kmsctl_exit kmsctl_sink_write(
    struct kmsctl_sink *sink, struct kms_bytes bytes, struct kmsctl_failure *failure);

#endif
