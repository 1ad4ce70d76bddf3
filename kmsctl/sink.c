#include "kmsctl/sink.h"

#include "libkms/base/encoding.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TEMP_ATTEMPTS 16
#define TEMP_PREFIX   ".kmsctl-"
#define TEMP_SUFFIX   ".tmp"
#define TEMP_RANDOM   8 /* bytes, shown in hexadecimal */

/* Names to remove when a signal ends the process; a slot is taken by filling its name last. */
struct pending_removal {
    volatile sig_atomic_t used;
    int directory_fd;
    char name[KMSCTL_TEMP_NAME_SIZE];
};

static pthread_mutex_t pending_lock = PTHREAD_MUTEX_INITIALIZER; /* not taken by the handler */
static struct pending_removal pending[KMSCTL_SINKS_MAX];
static mode_t file_mode = 0600; /* of new files, by the umask; set by kmsctl_sink_set_up */

static void remove_and_die(int number)
{
    for (size_t i = 0; i < KMSCTL_SINKS_MAX; i++) {
        if (pending[i].used)
            (void)unlinkat(pending[i].directory_fd, pending[i].name, 0);
    }
    /* SA_RESETHAND has restored the default action: the shell shall see which signal it was */
    (void)raise(number);
}

void kmsctl_sink_set_up(void)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {0};
    mode_t mask = umask(0);

    (void)umask(mask);
    file_mode = 0666 & ~mask;

    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL);

    action.sa_handler = remove_and_die;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
        struct sigaction before;

        /* what nohup has set to be ignored stays ignored */
        if (sigaction(fatal[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(fatal[i], &action, NULL);
    }
}

static void remember(int directory_fd, const char *name)
{
    (void)pthread_mutex_lock(&pending_lock);
    for (size_t i = 0; i < KMSCTL_SINKS_MAX; i++) {
        if (pending[i].used)
            continue;
        pending[i].directory_fd = directory_fd;
        (void)snprintf(pending[i].name, sizeof(pending[i].name), "%s", name);
        pending[i].used = 1;
        break;
    }
    (void)pthread_mutex_unlock(&pending_lock);
}

static void forget(const char *name)
{
    (void)pthread_mutex_lock(&pending_lock);
    for (size_t i = 0; i < KMSCTL_SINKS_MAX; i++) {
        if (pending[i].used && strcmp(pending[i].name, name) == 0)
            pending[i].used = 0;
    }
    (void)pthread_mutex_unlock(&pending_lock);
}

static enum kmsctl_exit fail_io(
    const struct kmsctl_sink *sink, const char *doing, struct kmsctl_failure *failure)
{
    int error = errno;

    (void)kmsctl_fail(failure, KMSCTL_IO, "cannot %s %s: %s", doing, sink->path, strerror(error));
    return kmsctl_fail_with_errno(failure, error);
}

static enum kmsctl_exit fail_exists(const struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    return kmsctl_fail(
        failure, KMSCTL_EXISTS, "%s exists already; --force replaces it", sink->path);
}

bool kmsctl_sink_temporary_name(char name[KMSCTL_TEMP_NAME_SIZE])
{
    uint8_t random[TEMP_RANDOM];
    char hex[2 * sizeof(random) + 1];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return false;
    kms_hex_encode(kms_bytes(random, sizeof(random)), hex);
    (void)snprintf(name, KMSCTL_TEMP_NAME_SIZE, TEMP_PREFIX "%s" TEMP_SUFFIX, hex);
    return true;
}

bool kmsctl_sink_is_temporary(const char *name)
{
    size_t prefix = strlen(TEMP_PREFIX);
    size_t digits = 2 * (size_t)TEMP_RANDOM;

    return strlen(name) == prefix + digits + strlen(TEMP_SUFFIX) &&
           strncmp(name, TEMP_PREFIX, prefix) == 0 &&
           strspn(name + prefix, "0123456789abcdef") == digits &&
           strcmp(name + prefix + digits, TEMP_SUFFIX) == 0;
}

/* A file without a name can get one only through /proc. */
static int open_unnamed(const struct kmsctl_sink *sink)
{
    if (sink->options.named_temporary || access("/proc/self/fd", X_OK) != 0)
        return -1;
    return openat(sink->directory_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

static int open_temporary(struct kmsctl_sink *sink)
{
    int fd = open_unnamed(sink);

    if (fd >= 0)
        return fd;
    for (int attempt = 0; attempt < TEMP_ATTEMPTS; attempt++) {
        if (!kmsctl_sink_temporary_name(sink->temporary))
            break;
        /* remembered first: a name that was never made is removed in vain, and that is all */
        remember(sink->directory_fd, sink->temporary);
        fd = openat(
            sink->directory_fd, sink->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        int error = errno;
        forget(sink->temporary);
        sink->temporary[0] = '\0';
        errno = error;
        if (error != EEXIST)
            break;
    }
    return -1;
}

/* Splits the final path; it need not exist. */
static bool split_path(struct kmsctl_sink *sink, const char *final)
{
    char *for_directory = strdup(final);
    char *for_name = strdup(final);

    if (for_directory != NULL && for_name != NULL) {
        sink->directory = strdup(dirname(for_directory));
        sink->name = strdup(basename(for_name));
    }
    free(for_directory);
    free(for_name);
    return sink->directory != NULL && sink->name != NULL;
}

static enum kmsctl_exit open_directory(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    sink->directory_fd = open(sink->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sink->directory_readable = sink->directory_fd >= 0;
    if (sink->directory_fd < 0 && errno == EACCES) /* write and search permission are enough */
        sink->directory_fd = open(sink->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (sink->directory_fd < 0)
        return fail_io(sink, "write", failure);
    return KMSCTL_OK;
}

static enum kmsctl_exit open_file(
    struct kmsctl_sink *sink, const char *final, struct kmsctl_failure *failure)
{
    size_t len = strlen(final);

    if (len == 0 || final[len - 1] == '/') {
        errno = len == 0 ? ENOENT : EISDIR;
        return fail_io(sink, "write", failure);
    }
    if (!split_path(sink, final))
        return kmsctl_fail_memory(failure);
    enum kmsctl_exit status = open_directory(sink, failure);
    if (status != KMSCTL_OK)
        return status;
    sink->fd = open_temporary(sink);
    return sink->fd < 0 ? fail_io(sink, "write", failure) : KMSCTL_OK;
}

/* Whether two looks at a device or pipe are at the same one. */
static bool same_stream(const struct stat *a, const struct stat *b)
{
    return !S_ISREG(a->st_mode) && (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) &&
           a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev;
}

/* What has been opened need not be what was looked at: a file that took its place is not written into. */
static enum kmsctl_exit open_stream(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    struct stat opened;

    sink->is_stream = true;
    sink->fd = open(sink->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (sink->fd < 0 || fstat(sink->fd, &opened) != 0)
        return fail_io(sink, "write", failure);
    if (!same_stream(&opened, &sink->replaced))
        return kmsctl_fail(failure, KMSCTL_EXISTS,
            "%s became something else while it was opened; nothing is written to it", sink->path);
    return KMSCTL_OK;
}

static enum kmsctl_exit open_existing(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    if (S_ISDIR(sink->replaced.st_mode)) {
        errno = EISDIR;
        return fail_io(sink, "write", failure);
    }
    if (!S_ISREG(sink->replaced.st_mode))
        return open_stream(sink, failure);
    if (!sink->options.force && sink->options.only == NULL)
        return fail_exists(sink, failure);
    sink->replaces = true;
    /* what a symbolic link points to is replaced, not the link */
    char *real = realpath(sink->path, NULL);
    if (real == NULL)
        return fail_io(sink, "write", failure);
    enum kmsctl_exit status = open_file(sink, real, failure);
    free(real);
    return status;
}

static enum kmsctl_exit open_path(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    if (stat(sink->path, &sink->replaced) == 0)
        return open_existing(sink, failure);
    if (errno != ENOENT)
        return fail_io(sink, "write", failure);
    struct stat link;
    if (lstat(sink->path, &link) == 0)
        return kmsctl_fail(failure, KMSCTL_EXISTS,
            "%s is a symbolic link to a file that does not exist", sink->path);
    return open_file(sink, sink->path, failure);
}

static struct kmsctl_sink with_options(const struct kmsctl_sink_options *options)
{
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;

    if (options != NULL)
        sink.options = *options;
    if (sink.options.only != NULL)
        sink.only = *sink.options.only;
    if (sink.options.like != NULL)
        sink.like = *sink.options.like;
    return sink;
}

/* What was opened becomes the caller's, or nothing is left of it. */
static enum kmsctl_exit hand_over(
    struct kmsctl_sink *opening, enum kmsctl_exit status, struct kmsctl_sink *out)
{
    if (status != KMSCTL_OK) {
        kmsctl_sink_discard(opening);
        return status;
    }
    *out = *opening;
    if (out->options.only != NULL)
        out->options.only = &out->only;
    if (out->options.like != NULL)
        out->options.like = &out->like;
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_sink_open(struct kmsctl_sink *sink, const char *path,
    const struct kmsctl_sink_options *options, struct kmsctl_failure *failure)
{
    struct kmsctl_sink opening = with_options(options);

    if (strcmp(path, "-") == 0) {
        opening.fd = STDOUT_FILENO;
        opening.is_stdout = true;
        opening.is_stream = true;
    }
    opening.path = strdup(opening.is_stdout ? "standard output" : path);
    enum kmsctl_exit status = KMSCTL_OK;
    if (opening.path == NULL)
        status = kmsctl_fail_memory(failure);
    else if (!opening.is_stdout)
        status = open_path(&opening, failure);
    return hand_over(&opening, status, sink);
}

static enum kmsctl_exit open_name(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    if (fstatat(sink->directory_fd, sink->name, &sink->replaced, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(sink->replaced.st_mode))
            return kmsctl_fail(
                failure, KMSCTL_EXISTS, "%s exists already and is no regular file", sink->path);
        if (!sink->options.force && sink->options.only == NULL)
            return fail_exists(sink, failure);
        sink->replaces = true;
    } else if (errno != ENOENT) {
        return fail_io(sink, "write", failure);
    }
    sink->fd = open_temporary(sink);
    return sink->fd < 0 ? fail_io(sink, "write", failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_sink_open_at(struct kmsctl_sink *sink, int directory_fd, const char *name,
    const char *path, const struct kmsctl_sink_options *options, struct kmsctl_failure *failure)
{
    struct kmsctl_sink opening = with_options(options);

    opening.directory_fd = directory_fd;
    opening.directory_readable = true;
    opening.look_flags = AT_SYMLINK_NOFOLLOW;
    opening.path = strdup(path);
    opening.name = strdup(name);
    enum kmsctl_exit status = opening.path == NULL || opening.name == NULL
                                  ? kmsctl_fail_memory(failure)
                                  : open_name(&opening, failure);
    return hand_over(&opening, status, sink);
}

enum kmsctl_exit kmsctl_sink_adopt(
    struct kmsctl_sink *sink, int fd, const char *name, struct kmsctl_failure *failure)
{
    struct kmsctl_sink opening = KMSCTL_SINK_INIT;

    opening.fd = fd;
    opening.is_stream = true;
    opening.path = strdup(name);
    return hand_over(
        &opening, opening.path == NULL ? kmsctl_fail_memory(failure) : KMSCTL_OK, sink);
}

void kmsctl_sink_discard(struct kmsctl_sink *sink)
{
    if (sink->temporary[0] != '\0') {
        (void)unlinkat(sink->directory_fd, sink->temporary, 0);
        forget(sink->temporary);
    }
    if (sink->fd >= 0 && !sink->is_stdout)
        (void)close(sink->fd);
    if (sink->directory_fd >= 0)
        (void)close(sink->directory_fd);
    free(sink->path);
    free(sink->directory);
    free(sink->name);
    *sink = (struct kmsctl_sink)KMSCTL_SINK_INIT;
}

/* Owner and mode of the file under its final name. */
static bool set_attributes(const struct kmsctl_sink *sink)
{
    mode_t mode = file_mode;

    if (sink->options.secret)
        return fchmod(sink->fd, 0600) == 0;
    if (sink->replaces) {
        mode = sink->replaced.st_mode & 0777;
        /* Only the superuser may give files away; then the group decides, and when that can't be
         * kept either, another group must not get what the old one had. */
        if (fchown(sink->fd, sink->replaced.st_uid, sink->replaced.st_gid) != 0 &&
            fchown(sink->fd, (uid_t)-1, sink->replaced.st_gid) != 0)
            mode &= (mode_t)0707 | ((mode & 07) << 3);
    }
    if (sink->options.like != NULL) {
        const struct timespec times[2] = {{0, UTIME_OMIT}, sink->like.st_mtim};

        mode = sink->like.st_mode & 0777;
        if (futimens(sink->fd, times) != 0)
            return false;
    }
    return fchmod(sink->fd, mode) == 0;
}

/* Some file systems have nothing to sync and say so. */
static bool sync_fd(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Gives an unnamed file a name in the directory. */
static int link_unnamed(const struct kmsctl_sink *sink, const char *name)
{
    char self[40];

    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", sink->fd);
    return linkat(AT_FDCWD, self, sink->directory_fd, name, AT_SYMLINK_FOLLOW);
}

/* The final name must not exist yet. */
static int name_new(struct kmsctl_sink *sink)
{
    if (sink->temporary[0] == '\0')
        return link_unnamed(sink, sink->name);
    if (renameat2(sink->directory_fd, sink->temporary, sink->directory_fd, sink->name,
            RENAME_NOREPLACE) == 0) {
        forget(sink->temporary);
        sink->temporary[0] = '\0';
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* a second name; discarding removes the first */
    return linkat(sink->directory_fd, sink->temporary, sink->directory_fd, sink->name, 0);
}

/* The final name exists and is replaced. */
static int name_over(struct kmsctl_sink *sink)
{
    if (sink->temporary[0] == '\0') { /* linking can't replace, renaming can */
        if (!kmsctl_sink_temporary_name(sink->temporary))
            return -1;
        remember(sink->directory_fd, sink->temporary);
        if (link_unnamed(sink, sink->temporary) != 0) {
            forget(sink->temporary);
            sink->temporary[0] = '\0';
            return -1;
        }
    }
    if (renameat(sink->directory_fd, sink->temporary, sink->directory_fd, sink->name) != 0)
        return -1;
    forget(sink->temporary);
    sink->temporary[0] = '\0';
    return 0;
}

static enum kmsctl_exit commit_file(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    struct stat now;

    if (!set_attributes(sink) || !sync_fd(sink->fd))
        return fail_io(sink, "write", failure);
    if (sink->options.only != NULL) {
        if (fstatat(sink->directory_fd, sink->name, &now, sink->look_flags) != 0)
            return fail_io(sink, "replace", failure);
        if (!same_file(&now, sink->options.only))
            return kmsctl_fail(
                failure, KMSCTL_IO, "%s was changed meanwhile; it is left as it is", sink->path);
    }
    if ((sink->replaces ? name_over(sink) : name_new(sink)) != 0)
        return errno == EEXIST ? fail_exists(sink, failure) : fail_io(sink, "write", failure);
    if (sink->directory_readable && !sync_fd(sink->directory_fd))
        return fail_io(sink, "sync the directory of", failure);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_sink_commit(struct kmsctl_sink *sink, struct kmsctl_failure *failure)
{
    enum kmsctl_exit status = KMSCTL_OK;

    if (!sink->is_stream) {
        status = commit_file(sink, failure);
    } else if (!sink->is_stdout) {
        int fd = sink->fd;

        sink->fd = -1;
        if (close(fd) != 0)
            status = fail_io(sink, "write", failure);
    }
    kmsctl_sink_discard(sink);
    return status;
}

enum kmsctl_exit kmsctl_sink_write(
    struct kmsctl_sink *sink, struct kms_bytes bytes, struct kmsctl_failure *failure)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t written = write(sink->fd, bytes.data + done, bytes.len - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return fail_io(sink, "write", failure);
        done += (size_t)written;
    }
    return KMSCTL_OK;
}
