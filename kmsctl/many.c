#include "kmsctl/many.h"

#include "kmsctl/mirror.h"
#include "kmsctl/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct many {
    struct kmsctl_app *app;
    struct kmsctl_batch *batch;
    const char *suffix;
    struct kmsctl_root *roots; /* one per argument; fd -1 for those that are no directories */
    size_t count;
    size_t current;
    uint64_t total;
};

bool kmsctl_many_asked(const struct kmsctl_args *args)
{
    return args->argument_count > 1 || kmsctl_args_has(args, KMSCTL_OPT_RECURSIVE);
}

/* --- one file, in a worker -------------------------------------------------------------------- */

static enum kmsctl_exit fail_item(
    struct kmsctl_app *app, const char *doing, const char *name, int error)
{
    (void)kmsctl_fail(&app->failure, KMSCTL_IO, "cannot %s %s: %s", doing, name, strerror(error));
    return kmsctl_fail_with_errno(&app->failure, error);
}

enum kmsctl_exit kmsctl_many_open(struct kmsctl_app *app, const struct kmsctl_batch_item *item,
    int flags, struct kmsctl_input *input)
{
    int fd = item->root == NULL ? open(item->path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                                : kmsctl_tree_open(item->root->fd, item->path, flags);

    if (fd < 0)
        return fail_item(app, flags == O_RDWR ? "change" : "read", item->name, errno);
    return kmsctl_input_adopt(input, fd, item->name, &app->failure);
}

enum kmsctl_exit kmsctl_many_replace(struct kmsctl_app *app, const struct kmsctl_batch_item *item,
    const struct kmsctl_input *input, const struct kmsctl_sink_options *options,
    struct kmsctl_sink *sink)
{
    struct kmsctl_sink_options replacing = *options;
    const char *name = NULL;

    replacing.only = &input->stat;
    if (item->root == NULL)
        return kmsctl_sink_open(sink, item->path, &replacing, &app->failure);
    int directory = kmsctl_tree_parent(item->root->fd, item->path, &name);
    if (directory < 0)
        return fail_item(app, "replace", item->name, errno);
    return kmsctl_sink_open_at(sink, directory, name, item->name, &replacing, &app->failure);
}

/* --- the files -------------------------------------------------------------------------------- */

static void fail_name(struct many *many, const char *root, const char *path, const char *why)
{
    struct kmsctl_failure failure;

    (void)kmsctl_fail(
        &failure, KMSCTL_IO, "cannot read %s%s%s: %s", root, path[0] == '\0' ? "" : "/", path, why);
    kmsctl_batch_fail(many->batch, &failure);
}

static bool visit(void *context, const struct kmsctl_tree_entry *entry)
{
    struct many *many = context;
    const struct kmsctl_root *root = &many->roots[many->current];

    switch (entry->event) {
    case KMSCTL_TREE_FILE:
        if (kmsctl_sink_is_temporary(entry->name))
            kmsctl_batch_skip(many->batch, root, entry->path, "left by an interrupted run");
        else if (!kmsctl_mirror_has_suffix(entry->name, many->suffix))
            kmsctl_batch_skip(many->batch, root, entry->path, "not of that suffix");
        else
            return kmsctl_batch_add(many->batch, root, entry->path, (uint64_t)entry->stat.st_size);
        return true;
    case KMSCTL_TREE_OTHER:
        kmsctl_batch_skip(many->batch, root, entry->path,
            S_ISLNK(entry->stat.st_mode) ? "a symbolic link" : "neither file nor directory");
        return true;
    case KMSCTL_TREE_FAILED:
        fail_name(many, root->name, entry->path, strerror(entry->error));
        return true;
    case KMSCTL_TREE_ENTER:
    case KMSCTL_TREE_LEAVE:
    default:
        return true;
    }
}

static bool count(void *context, const struct kmsctl_tree_entry *entry)
{
    struct many *many = context;

    if (entry->event == KMSCTL_TREE_FILE && kmsctl_mirror_has_suffix(entry->name, many->suffix))
        many->total += (uint64_t)entry->stat.st_size;
    return true;
}

/* Directories are opened and everything is counted, if anybody wants to know. */
static enum kmsctl_exit survey(struct kmsctl_app *app, struct many *many)
{
    enum kmsctl_exit status = KMSCTL_OK;

    for (size_t i = 0; i < many->count && status == KMSCTL_OK; i++) {
        const char *path = kmsctl_args_argument(app->args, i);
        struct stat about;

        if (strcmp(path, "-") == 0)
            return kmsctl_fail(&app->failure, KMSCTL_USAGE,
                "standard input does not go with other files or with -r");
        many->roots[i].name = path;
        if (kmsctl_args_has(app->args, KMSCTL_OPT_RECURSIVE))
            many->roots[i].fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!app->progress)
            continue;
        many->current = i;
        if (many->roots[i].fd >= 0)
            status = kmsctl_tree_walk(many->roots[i].fd, count, many, &app->failure);
        else if (stat(path, &about) == 0 && S_ISREG(about.st_mode))
            many->total += (uint64_t)about.st_size;
    }
    return status;
}

static enum kmsctl_exit add_all(struct kmsctl_app *app, struct many *many)
{
    enum kmsctl_exit status = KMSCTL_OK;

    for (size_t i = 0; i < many->count && status == KMSCTL_OK; i++) {
        const char *path = many->roots[i].name;
        struct stat about;

        many->current = i;
        if (many->roots[i].fd >= 0)
            status = kmsctl_tree_walk(many->roots[i].fd, visit, many, &app->failure);
        else if (stat(path, &about) != 0)
            fail_name(many, path, "", strerror(errno));
        else if (S_ISDIR(about.st_mode))
            fail_name(many, path, "", "it is a directory; -r takes what is in it");
        else if (!kmsctl_batch_add(many->batch, NULL, path, (uint64_t)about.st_size))
            break;
    }
    return status;
}

enum kmsctl_exit kmsctl_many_run(struct kmsctl_app *app, struct kmsctl_batch_options *options)
{
    struct many many = {.app = app, .count = app->args->argument_count};

    enum kmsctl_exit status = kmsctl_mirror_suffix(app, true, &many.suffix);
    if (status != KMSCTL_OK)
        return status;
    if (many.count == 0)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE, "no files are named");
    many.roots = kms_arena_calloc(&app->arena, many.count, sizeof(*many.roots));
    if (many.roots == NULL)
        return kmsctl_fail_memory(&app->failure);
    for (size_t i = 0; i < many.count; i++)
        many.roots[i].fd = -1;
    status = survey(app, &many);
    options->total = many.total;
    if (status == KMSCTL_OK)
        status = kmsctl_batch_start(app, options, &many.batch);
    if (status == KMSCTL_OK)
        status = kmsctl_batch_finish(many.batch, add_all(app, &many));
    for (size_t i = 0; i < many.count; i++) {
        if (many.roots[i].fd >= 0)
            (void)close(many.roots[i].fd);
    }
    return status;
}
