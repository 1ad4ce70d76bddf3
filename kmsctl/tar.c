#include "kmsctl/tar.h"

#include "kmsctl/tree.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)

/* One end of the pipe is the thread's. */
struct end {
    struct kmsctl_tar tar;
    void *(*run)(void *);
    pthread_t thread;
    bool running;
    int own_fd; /* our end, until it is given away */
};

/* The rest of the process keeps its working directory, where relative names of a certificate file or a
 * credential process count. Some sandboxes refuse that, and nothing else needs it. */
static void *run_apart(void *argument)
{
    struct end *end = argument;

    (void)unshare(CLONE_FS);
    return end->run(&end->tar);
}

static enum kmsctl_exit start(
    struct end *end, void *(*run)(void *), bool thread_reads, struct kmsctl_failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return kmsctl_fail_errno(failure, errno, "cannot make a pipe");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches; not allowed is no matter */
    end->tar.pipe_fd = ends[thread_reads ? 0 : 1];
    end->own_fd = ends[thread_reads ? 1 : 0];
    end->run = run;
    int error = pthread_create(&end->thread, NULL, run_apart, end);
    if (error != 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return kmsctl_fail_errno(failure, error, "cannot start a thread");
    }
    end->running = true;
    return KMSCTL_OK;
}

static void wait_for(struct end *end)
{
    if (end->running)
        (void)pthread_join(end->thread, NULL);
    end->running = false;
}

static enum kmsctl_exit fail_tar(const struct kmsctl_tar *tar, const char *doing, const char *name,
    struct kmsctl_failure *failure)
{
    if (tar->malformed)
        return kmsctl_fail(failure, KMSCTL_BAD_INPUT,
            "cannot %s %s: what it holds is no archive or a damaged one: %s", doing, name,
            tar->text);
    (void)kmsctl_fail(failure, KMSCTL_IO, "cannot %s %s: %s", doing, name, tar->text);
    return kmsctl_fail_with_errno(failure, tar->error);
}

static void warn(struct kmsctl_app *app, const struct kmsctl_tar *tar)
{
    if (app->quiet)
        return;
    if (tar->left_out > 0)
        (void)fprintf(stderr, "kmsctl: %" PRIu64 " special files are left out\n", tar->left_out);
    if (tar->incomplete == 0)
        return;
    (void)fprintf(stderr,
        "kmsctl: %" PRIu64 " entries are there without all of their attributes: ", tar->incomplete);
    kmsctl_print_visible(stderr, kms_str(tar->text));
    (void)fputs("\n", stderr);
}

static enum kmsctl_exit report(
    struct kmsctl_app *app, const struct kmsctl_tar *tar, struct kmsctl_crypt_pass *pass)
{
    if (pass->result != NULL &&
        !kmsctl_json_add(pass->result, "Entries", json_integer((json_int_t)tar->entries)))
        return kmsctl_fail_memory(&app->failure);
    return kmsctl_print_done(app, pass->result);
}

/* --- encrypt ---------------------------------------------------------------------------------- */

/* Called before the message gets its name: what the pipe gave may have ended too early. */
static enum kmsctl_exit packing_ended(void *context, struct kmsctl_failure *failure)
{
    struct end *end = context;

    wait_for(end);
    if (end->tar.failed && end->tar.error != EPIPE)
        return fail_tar(&end->tar, "read", end->tar.root, failure);
    return KMSCTL_OK;
}

static enum kmsctl_exit pack_root(
    struct kmsctl_app *app, struct kmsctl_crypt_plan *plan, const char *root, int root_fd)
{
    struct end end = {.tar = {.root = root, .root_fd = root_fd}, .own_fd = -1};
    const char *out = kmsctl_args_value(app->args, KMSCTL_OPT_OUT);
    struct kmsctl_sink_options options = {.force = kmsctl_args_has(app->args, KMSCTL_OPT_FORCE)};
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_progress progress;
    struct kmsctl_crypt_pass pass = {
        .input = &input,
        .sink = &sink,
        .fd_options = {.progress = kmsctl_progress_step, .progress_context = &progress},
    };

    enum kmsctl_exit status = kmsctl_crypt_ready(app, plan);
    if (status == KMSCTL_OK)
        status = kmsctl_sink_open(&sink, out, &options, &app->failure);
    if (status == KMSCTL_OK)
        status = start(&end, kmsctl_tar_pack, false, &app->failure);
    if (status == KMSCTL_OK)
        status = kmsctl_input_adopt_stream(
            &input, end.own_fd, end.tar.root, packing_ended, &end, &app->failure);
    if (status != KMSCTL_OK) {
        wait_for(&end);
        return status;
    }
    bool to_stdout = sink.is_stdout;
    kmsctl_progress_begin(&progress, app->progress, end.tar.root, 0);
    status = kmsctl_crypt_pass(app, plan, &pass);
    kmsctl_progress_end(&progress, status == KMSCTL_OK);
    if (status == KMSCTL_OK)
        warn(app, &end.tar);
    if (status == KMSCTL_OK && !to_stdout)
        status = report(app, &end.tar, &pass);
    json_decref(pass.result);
    return status;
}

static enum kmsctl_exit pack(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    const char *root = kmsctl_args_argument(app->args, 0);
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* it may be named by a link */

    if (fd < 0 && errno == ENOTDIR)
        return kmsctl_fail(&app->failure, KMSCTL_IO, "cannot pack %s: it is no directory", root);
    if (fd < 0)
        return kmsctl_fail_errno(&app->failure, errno, root);
    enum kmsctl_exit status = pack_root(app, plan, root, fd);
    (void)close(fd);
    return status;
}

/* --- decrypt ---------------------------------------------------------------------------------- */

/* Where a tree is unpacked, and what it is called then. */
struct staging {
    const char *path; /* as the user gave it */
    char *directory;  /* where it is to be */
    char *name;       /* its last component */
    int parent_fd;
    int fd;
    char temporary[KMSCTL_TEMP_NAME_SIZE]; /* "": not there, or not ours */
};

static enum kmsctl_exit fail_staging(
    struct kmsctl_app *app, const struct staging *staging, const char *doing)
{
    int error = errno;

    if (error == EEXIST || error == ENOTEMPTY || error == ENOTDIR)
        return kmsctl_fail(&app->failure, KMSCTL_EXISTS,
            "%s exists already; what --tar unpacks becomes a new directory", staging->path);
    (void)kmsctl_fail(
        &app->failure, KMSCTL_IO, "cannot %s %s: %s", doing, staging->path, strerror(error));
    return kmsctl_fail_with_errno(&app->failure, error);
}

/* An empty directory is as good as none. */
static bool is_free(const struct staging *staging)
{
    struct stat about;

    if (fstatat(staging->parent_fd, staging->name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    if (!S_ISDIR(about.st_mode)) {
        errno = EEXIST;
        return false;
    }
    return true; /* renaming finds out whether it is empty, too late for comfort but not for safety */
}

static enum kmsctl_exit open_staging(
    struct kmsctl_app *app, const char *path, struct staging *staging)
{
    char *for_directory = strdup(path);
    char *for_name = strdup(path);

    staging->path = path;
    if (for_directory != NULL && for_name != NULL) {
        staging->directory = strdup(dirname(for_directory));
        staging->name = strdup(basename(for_name));
    }
    free(for_directory);
    free(for_name);
    if (staging->directory == NULL || staging->name == NULL)
        return kmsctl_fail_memory(&app->failure);
    staging->parent_fd = open(staging->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (staging->parent_fd < 0 || !is_free(staging))
        return fail_staging(app, staging, "write");
    char temporary[KMSCTL_TEMP_NAME_SIZE];
    if (!kmsctl_sink_temporary_name(temporary) || mkdirat(staging->parent_fd, temporary, 0700) != 0)
        return fail_staging(app, staging, "write");
    staging->fd = kmsctl_tree_open_made(staging->parent_fd, temporary);
    if (staging->fd < 0) /* what is there may be somebody else's, and is left alone */
        return kmsctl_fail(&app->failure, KMSCTL_IO,
            "cannot write %s: what was made for it, %s, is not the empty directory that it was",
            path, temporary);
    memcpy(staging->temporary, temporary, sizeof(temporary));
    return KMSCTL_OK;
}

/* The tree may have been given its modes and owner already. */
static bool remove_tree(const struct staging *staging)
{
    (void)fchmod(staging->fd, 0700);
    bool cleared = kmsctl_tree_clear(staging->fd);
    return unlinkat(staging->parent_fd, staging->temporary, AT_REMOVEDIR) == 0 && cleared;
}

static void close_staging(struct staging *staging)
{
    if (staging->fd >= 0 && staging->temporary[0] != '\0' && !remove_tree(staging))
        (void)fprintf(stderr,
            "kmsctl: cannot remove %s/%s, which may hold some of what was unpacked\n",
            staging->directory, staging->temporary);
    if (staging->fd >= 0)
        (void)close(staging->fd);
    if (staging->parent_fd >= 0)
        (void)close(staging->parent_fd);
    free(staging->directory);
    free(staging->name);
}

static enum kmsctl_exit set_root_attributes(
    struct kmsctl_app *app, const struct staging *staging, struct kmsctl_tar *tar)
{
    mode_t mask = umask(0);

    (void)umask(mask);
    if (tar->preserve && tar->root_entry != NULL)
        return kmsctl_tar_restore_root(tar)
                   ? KMSCTL_OK
                   : fail_tar(tar, "set the attributes of", staging->path, &app->failure);
    if (fchmod(staging->fd, 0777 & ~mask) != 0)
        return fail_staging(app, staging, "set the mode of");
    return KMSCTL_OK;
}

/* All of it is on disk before it gets its name. */
static enum kmsctl_exit name_tree(
    struct kmsctl_app *app, struct staging *staging, struct kmsctl_tar *tar)
{
    enum kmsctl_exit status = set_root_attributes(app, staging, tar);
    if (status != KMSCTL_OK)
        return status;
    if (syncfs(staging->fd) != 0)
        return fail_staging(app, staging, "write");
    if (renameat(staging->parent_fd, staging->temporary, staging->parent_fd, staging->name) != 0)
        return fail_staging(app, staging, "write");
    staging->temporary[0] = '\0';
    if (fsync(staging->parent_fd) != 0 && errno != EINVAL)
        return fail_staging(app, staging, "sync the directory of");
    return KMSCTL_OK;
}

static enum kmsctl_exit unpack_into(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan,
    struct kmsctl_input *input, struct staging *staging, struct kmsctl_crypt_pass *pass)
{
    struct end end = {
        .tar = {.root_fd = staging->fd,
            .preserve = kmsctl_args_has(app->args, KMSCTL_OPT_PRESERVE),
            .sparse = plan->sparse},
        .own_fd = -1,
    };
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_progress progress;

    plan->sparse = false; /* it is the files' matter */
    enum kmsctl_exit status = start(&end, kmsctl_tar_unpack, true, &app->failure);
    if (status == KMSCTL_OK)
        status = kmsctl_sink_adopt(&sink, end.own_fd, staging->path, &app->failure);
    if (status != KMSCTL_OK) {
        wait_for(&end);
        return status;
    }
    *pass = (struct kmsctl_crypt_pass){
        .input = input,
        .sink = &sink,
        .fd_options = {.progress = kmsctl_progress_step, .progress_context = &progress},
    };
    kmsctl_progress_begin(&progress, app->progress, input->name, kmsctl_input_size(input));
    status = kmsctl_crypt_pass(app, plan, pass);
    kmsctl_progress_end(&progress, status == KMSCTL_OK);
    kmsctl_sink_discard(&sink); /* the end of the pipe, if it was not reached */
    wait_for(&end);
    pass->sink = NULL;
    if (end.tar.failed && (status == KMSCTL_OK || app->failure.os_error == EPIPE))
        status = fail_tar(&end.tar, "unpack", input->name, &app->failure);
    if (status == KMSCTL_OK)
        status = name_tree(app, staging, &end.tar);
    archive_entry_free(end.tar.root_entry);
    if (status != KMSCTL_OK)
        return status;
    warn(app, &end.tar);
    return report(app, &end.tar, pass);
}

static enum kmsctl_exit unpack(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    const char *out = kmsctl_args_value(app->args, KMSCTL_OPT_OUT);
    struct staging staging = {.parent_fd = -1, .fd = -1};
    struct kmsctl_crypt_pass pass = {0};
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;

    plan->blob = NULL;
    if (strcmp(out, "-") == 0)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--tar unpacks into a directory; without it, -o - gives the archive itself");
    enum kmsctl_exit status =
        kmsctl_input_open(&input, kmsctl_args_argument(app->args, 0), &app->failure);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_ready(app, plan);
    if (status == KMSCTL_OK)
        status = open_staging(app, out, &staging);
    if (status == KMSCTL_OK)
        status = unpack_into(app, plan, &input, &staging, &pass);
    close_staging(&staging);
    json_decref(pass.result);
    return status;
}

enum kmsctl_exit kmsctl_tar_run(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    const struct kmsctl_args *args = app->args;
    bool packs = plan->work == KMSCTL_CRYPT_ENCRYPT;

    if (plan->direct || plan->range.given || kmsctl_args_has(args, KMSCTL_OPT_RECURSIVE) ||
        kmsctl_args_has(args, KMSCTL_OPT_RESUME) || kmsctl_args_has(args, KMSCTL_OPT_SUFFIX))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--tar goes without -r, --resume, --suffix, --range and --direct");
    if (kmsctl_args_value(args, KMSCTL_OPT_OUT) == NULL ||
        (packs && kmsctl_args_argument(args, 0) == NULL))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "--tar needs a directory and -o OUT");
    return packs ? pack(app, plan) : unpack(app, plan);
}
