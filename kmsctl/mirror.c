#include "kmsctl/mirror.h"

#include "kmsctl/batch.h"
#include "kmsctl/resume.h"
#include "kmsctl/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct mirror {
    struct kmsctl_app *app;
    const struct kmsctl_crypt_plan *plan;
    const char *suffix;
    struct kmsctl_root from;
    struct kmsctl_root to;
    bool made_root;
    bool force;
    bool keep; /* modes and times */
    bool resume;
    struct kmsctl_resume finished;
    struct kmsctl_batch *batch;
    uint64_t total; /* bytes, when they were counted */
};

/* --- names ------------------------------------------------------------------------------------ */

enum kmsctl_exit kmsctl_mirror_suffix(struct kmsctl_app *app, bool may_be_empty, const char **out)
{
    const char *suffix = kmsctl_args_value(app->args, KMSCTL_OPT_SUFFIX);

    if (suffix == NULL)
        suffix = KMSCTL_SUFFIX_DEFAULT;
    if (strchr(suffix, '/') != NULL || (suffix[0] == '\0' && !may_be_empty))
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "--suffix is the end of file names, such as " KMSCTL_SUFFIX_DEFAULT ", not '%s'",
            suffix);
    *out = suffix;
    return KMSCTL_OK;
}

bool kmsctl_mirror_has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    size_t suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static bool encrypts(const struct mirror *mirror)
{
    return mirror->plan->work == KMSCTL_CRYPT_ENCRYPT;
}

/* The path of the file that the one at path becomes. What is left of a name without its suffix may be
 * "", "." or "..", which kmsctl_tree_parent refuses. */
static enum kmsctl_exit name_output(
    struct kmsctl_app *app, const struct mirror *mirror, const char *path, struct kms_str *out)
{
    int len = (int)strlen(path);
    struct kms_str result;

    if (encrypts(mirror))
        result = kms_arena_printf(&app->arena, "%s%s", path, mirror->suffix);
    else
        result = kms_arena_printf(&app->arena, "%.*s", len - (int)strlen(mirror->suffix), path);
    if (result.data == NULL)
        return kmsctl_fail_memory(&app->failure);
    *out = result;
    return KMSCTL_OK;
}

/* --- one file, in a worker -------------------------------------------------------------------- */

static enum kmsctl_exit fail_at(struct kmsctl_app *app, const char *doing,
    const struct kmsctl_root *root, const char *path, int error)
{
    (void)kmsctl_fail(&app->failure, KMSCTL_IO, "cannot %s %s/%s: %s", doing, root->name, path,
        kmsctl_tree_reason(error));
    return kmsctl_fail_with_errno(&app->failure, error);
}

static bool is_finished(
    const struct mirror *mirror, const struct kmsctl_input *input, const char *out_path)
{
    struct stat about;
    bool finished = false;
    int fd = kmsctl_tree_open(mirror->to.fd, out_path, O_RDONLY);

    if (fd < 0)
        return false;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        finished = false;
    else if (encrypts(mirror))
        finished = kmsctl_resume_is_encrypted(&mirror->finished, &input->stat, fd);
    else
        finished =
            kmsctl_resume_is_decrypted(input->fd, &about) && lseek(input->fd, 0, SEEK_SET) == 0;
    (void)close(fd);
    return finished;
}

static enum kmsctl_exit open_output(struct kmsctl_app *app, const struct mirror *mirror,
    const struct kmsctl_input *input, const char *out_path, struct kmsctl_sink *sink)
{
    struct kmsctl_sink_options options = {
        .force = mirror->force,
        .like = mirror->keep ? &input->stat : NULL,
    };
    const char *name = NULL;
    struct kms_str shown = kms_arena_printf(&app->arena, "%s/%s", mirror->to.name, out_path);
    int directory = kmsctl_tree_parent(mirror->to.fd, out_path, &name);

    if (directory < 0)
        return fail_at(app, "write", &mirror->to, out_path, errno);
    return kmsctl_sink_open_at(
        sink, directory, name, shown.data == NULL ? out_path : shown.data, &options, &app->failure);
}

static enum kmsctl_exit mirror_file(struct kmsctl_app *app, void *context,
    const struct kmsctl_batch_item *item, const struct kms_envelope_fd_options *fd_options,
    struct kmsctl_batch_result *result)
{
    const struct mirror *mirror = context;
    KMSCTL_INPUT_AUTO input = KMSCTL_INPUT_INIT;
    KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
    struct kmsctl_crypt_pass pass = {
        .input = &input, .sink = &sink, .steady = true, .fd_options = *fd_options};
    struct kms_str out_path = {NULL, 0};

    enum kmsctl_exit status = name_output(app, mirror, item->path, &out_path);
    if (status != KMSCTL_OK)
        return status;
    int fd = kmsctl_tree_open(mirror->from.fd, item->path, O_RDONLY);
    if (fd < 0)
        return fail_at(app, "read", &mirror->from, item->path, errno);
    status = kmsctl_input_adopt(&input, fd, item->name, &app->failure);
    if (status != KMSCTL_OK)
        return status;
    if (mirror->resume && is_finished(mirror, &input, out_path.data)) {
        result->finished = true;
        return KMSCTL_OK;
    }
    status = open_output(app, mirror, &input, out_path.data, &sink);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_pass(app, mirror->plan, &pass);
    json_decref(pass.result);
    result->bytes = pass.plaintext_len;
    return status;
}

/* --- the walk --------------------------------------------------------------------------------- */

static void fail_entry(struct mirror *mirror, const char *doing, const struct kmsctl_root *root,
    const char *path, int error)
{
    (void)fail_at(mirror->app, doing, root, path, error);
    kmsctl_batch_fail(mirror->batch, &mirror->app->failure);
}

static bool visit_file(struct mirror *mirror, const struct kmsctl_tree_entry *entry)
{
    if (!encrypts(mirror) && kmsctl_sink_is_temporary(entry->name)) {
        kmsctl_batch_skip(mirror->batch, &mirror->from, entry->path, "left by an interrupted run");
        return true;
    }
    if (!encrypts(mirror) && !kmsctl_mirror_has_suffix(entry->name, mirror->suffix)) {
        struct kmsctl_failure failure;

        (void)kmsctl_fail(&failure, KMSCTL_BAD_INPUT, "%s/%s is not decrypted: it is not named *%s",
            mirror->from.name, entry->path, mirror->suffix);
        kmsctl_batch_fail(mirror->batch, &failure);
        return true;
    }
    return kmsctl_batch_add(
        mirror->batch, &mirror->from, entry->path, (uint64_t)entry->stat.st_size);
}

/* Where modes are kept, a directory is its owner's alone until it gets its own mode at the end: an
 * interrupted run leaves none open that should be closed. */
static mode_t mode_to_make(const struct mirror *mirror)
{
    return mirror->keep ? 0700 : 0777;
}

/* One that was there before is closed at once to those whom its mode will not let in, and open to its
 * owner. What this can't be done to can't get its mode either, which is told at the end. */
static void narrow(int fd, const struct stat *like)
{
    struct stat about;
    mode_t closed = ~like->st_mode & 0077;

    if (fstat(fd, &about) != 0)
        return;
    mode_t mode = (about.st_mode & 07777 & ~closed) | 0700;
    if (mode != (about.st_mode & 07777))
        (void)fchmod(fd, mode);
}

static bool make_directory(struct mirror *mirror, const struct kmsctl_tree_entry *entry)
{
    if (!kmsctl_tree_make(mirror->to.fd, entry->path, mode_to_make(mirror)))
        return false;
    if (!mirror->keep)
        return true;
    int fd = kmsctl_tree_open(mirror->to.fd, entry->path, O_RDONLY | O_DIRECTORY);
    if (fd >= 0) {
        narrow(fd, &entry->stat);
        (void)close(fd);
    }
    return true;
}

static bool visit(void *context, const struct kmsctl_tree_entry *entry)
{
    struct mirror *mirror = context;

    switch (entry->event) {
    case KMSCTL_TREE_FILE:
        return visit_file(mirror, entry);
    case KMSCTL_TREE_ENTER:
        if (!make_directory(mirror, entry))
            fail_entry(mirror, "make", &mirror->to, entry->path, errno);
        return true;
    case KMSCTL_TREE_OTHER:
        kmsctl_batch_skip(mirror->batch, &mirror->from, entry->path,
            S_ISLNK(entry->stat.st_mode) ? "a symbolic link" : "neither file nor directory");
        return true;
    case KMSCTL_TREE_FAILED:
        fail_entry(mirror, "read", &mirror->from, entry->path, entry->error);
        return true;
    case KMSCTL_TREE_LEAVE:
    default:
        return true;
    }
}

static bool count(void *context, const struct kmsctl_tree_entry *entry)
{
    struct mirror *mirror = context;

    if (entry->event == KMSCTL_TREE_FILE)
        mirror->total += (uint64_t)entry->stat.st_size;
    return true;
}

static bool set_like(int fd, const struct stat *like)
{
    const struct timespec times[2] = {{0, UTIME_OMIT}, like->st_mtim};

    return fchmod(fd, like->st_mode & 0777) == 0 && futimens(fd, times) == 0;
}

/* Modes and times of directories, when nothing more is written to them. */
static bool finish_directory(void *context, const struct kmsctl_tree_entry *entry)
{
    struct mirror *mirror = context;

    if (entry->event != KMSCTL_TREE_LEAVE)
        return true;
    int fd = kmsctl_tree_open(mirror->to.fd, entry->path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || !set_like(fd, &entry->stat))
        fail_entry(mirror, "set mode and time of", &mirror->to, entry->path, errno);
    if (fd >= 0)
        (void)close(fd);
    return true;
}

static enum kmsctl_exit finish_directories(struct mirror *mirror)
{
    struct stat root;

    kmsctl_batch_drain(mirror->batch);
    enum kmsctl_exit status =
        kmsctl_tree_walk(mirror->from.fd, finish_directory, mirror, &mirror->app->failure);
    if (status == KMSCTL_OK &&
        (fstat(mirror->from.fd, &root) != 0 || !set_like(mirror->to.fd, &root)))
        return kmsctl_fail_errno(
            &mirror->app->failure, errno, "cannot set mode and time of the directory");
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum kmsctl_exit open_roots(struct kmsctl_app *app, struct mirror *mirror)
{
    const char *from = kmsctl_args_argument(app->args, 0);
    const char *to = kmsctl_args_value(app->args, KMSCTL_OPT_OUT);

    if (from == NULL || strcmp(from, "-") == 0 || to == NULL || strcmp(to, "-") == 0)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "-r takes the tree of a directory to another one: DIR and -o OUT are required");
    mirror->from = (struct kmsctl_root){open(from, ROOT_FLAGS), from};
    if (mirror->from.fd < 0) {
        int error = errno;

        (void)kmsctl_fail(&app->failure, KMSCTL_IO, "cannot read %s: %s", from,
            error == ENOTDIR ? "it is no directory, which -r takes" : strerror(error));
        return kmsctl_fail_with_errno(&app->failure, error);
    }
    mirror->made_root = mkdir(to, mode_to_make(mirror)) == 0;
    mirror->to = (struct kmsctl_root){open(to, ROOT_FLAGS), to};
    if (mirror->to.fd < 0) {
        int error = errno;

        return kmsctl_fail(
            &app->failure, KMSCTL_IO, "cannot write to the directory %s: %s", to, strerror(error));
    }
    if (kmsctl_tree_is_below(mirror->to.fd, mirror->from.fd)) {
        if (mirror->made_root)
            (void)rmdir(to);
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "%s is within %s, whose files are to be %sed", to, from, mirror->plan->doing);
    }
    return KMSCTL_OK;
}

static enum kmsctl_exit run_batch(struct kmsctl_app *app, struct mirror *mirror)
{
    struct kmsctl_batch_options options = {
        .run = mirror_file,
        .context = mirror,
        .what = encrypts(mirror) ? "encrypted" : "decrypted",
        .refusal_is_fatal = encrypts(mirror),
    };
    struct stat root;
    enum kmsctl_exit status = KMSCTL_OK;

    if (app->progress)
        status = kmsctl_tree_walk(mirror->from.fd, count, mirror, &app->failure);
    options.total = mirror->total;
    if (status == KMSCTL_OK)
        status = kmsctl_batch_start(app, &options, &mirror->batch);
    if (status != KMSCTL_OK)
        return status;
    if (mirror->keep && fstat(mirror->from.fd, &root) == 0)
        narrow(mirror->to.fd, &root);
    status = kmsctl_tree_walk(mirror->from.fd, visit, mirror, &app->failure);
    if (status == KMSCTL_OK && mirror->keep)
        status = finish_directories(mirror);
    return kmsctl_batch_finish(mirror->batch, status);
}

enum kmsctl_exit kmsctl_mirror_run(struct kmsctl_app *app, struct kmsctl_crypt_plan *plan)
{
    struct mirror mirror = {
        .app = app,
        .plan = plan,
        .from = {-1, NULL},
        .to = {-1, NULL},
        .force = kmsctl_args_has(app->args, KMSCTL_OPT_FORCE),
        .keep = kmsctl_args_has(app->args, KMSCTL_OPT_PRESERVE),
        .resume = kmsctl_args_has(app->args, KMSCTL_OPT_RESUME),
    };

    unsigned jobs = 1;

    if (plan->direct)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "-r does not go with --direct");
    plan->blob = NULL; /* what a tree holds besides messages is not sent to the service */
    enum kmsctl_exit status = kmsctl_mirror_suffix(app, false, &mirror.suffix);
    if (status == KMSCTL_OK) /* before anything is made */
        status = kmsctl_batch_jobs(app, &jobs);
    if (status == KMSCTL_OK)
        status = open_roots(app, &mirror);
    if (status == KMSCTL_OK)
        status = kmsctl_crypt_ready(app, plan);
    if (status == KMSCTL_OK && mirror.resume)
        status = kmsctl_resume_begin(app, plan, &mirror.finished);
    if (status == KMSCTL_OK)
        status = run_batch(app, &mirror);
    if (mirror.from.fd >= 0)
        (void)close(mirror.from.fd);
    if (mirror.to.fd >= 0)
        (void)close(mirror.to.fd);
    return status;
}
