#include "kmsctl/batch.h"

#include "kmsctl/output.h"
#include "kmsctl/progress.h"
#include "libkms/base/encoding.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_LEN       256
#define FAILURES_LISTED 1000 /* in JSON; all are on standard error */

/* A file of this size keeps all cores busy by itself; below it, the others do. */
#define LARGE_FILE ((uint64_t)64 << 20)

struct queued {
    const struct kmsctl_root *root;
    char *path;
    uint64_t size;
};

struct kmsctl_batch {
    struct kmsctl_app *app;
    struct kmsctl_batch_options options;
    pthread_t workers[KMSCTL_JOBS_MAX];
    unsigned worker_count; /* the starter's own */
    unsigned jobs;

    pthread_mutex_t lock; /* of all that follows, and of stderr */
    pthread_cond_t added;
    pthread_cond_t taken;
    struct queued queue[QUEUE_LEN];
    size_t first;
    size_t queued;
    unsigned busy;
    bool ended;
    bool given_up;

    uint64_t done;
    uint64_t finished;
    uint64_t skipped;
    uint64_t failed;
    uint64_t bytes;
    enum kmsctl_exit code; /* of the failures; KMSCTL_FAILED when they differ */
    json_t *failures;
    uint64_t read; /* for progress */
    struct kmsctl_progress progress;
    char label[64];
};

/* What one worker has told about its file. */
struct worker_progress {
    struct kmsctl_batch *batch;
    uint64_t read;
};

enum kmsctl_exit kmsctl_batch_jobs(struct kmsctl_app *app, unsigned *out)
{
    const char *text = kmsctl_args_value(app->args, KMSCTL_OPT_JOBS);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long jobs = cores < 1 ? 2 : 2 * cores; /* some wait for the service and the disk */

    if (jobs > 8)
        jobs = cores > 8 ? cores : 8;
    if (jobs > KMSCTL_JOBS_MAX)
        jobs = KMSCTL_JOBS_MAX;
    if (text != NULL) {
        enum kmsctl_exit status =
            kmsctl_args_number(text, "--jobs", 1, KMSCTL_JOBS_MAX, &jobs, &app->failure);
        if (status != KMSCTL_OK)
            return status;
    }
    *out = (unsigned)jobs;
    return KMSCTL_OK;
}

/* --- what is told ----------------------------------------------------------------------------- */

/* With the lock. */
static void draw(struct kmsctl_batch *batch)
{
    (void)snprintf(batch->label, sizeof(batch->label), "%" PRIu64 " files %s",
        batch->done + batch->finished, batch->options.what);
    (void)kmsctl_progress_step(&batch->progress, batch->read);
}

static bool step(void *context, uint64_t in_bytes)
{
    struct worker_progress *worker = context;
    struct kmsctl_batch *batch = worker->batch;

    (void)pthread_mutex_lock(&batch->lock);
    batch->read += in_bytes - worker->read;
    worker->read = in_bytes;
    draw(batch);
    bool go_on = !batch->given_up;
    (void)pthread_mutex_unlock(&batch->lock);
    return go_on;
}

/* With the lock: a line of its own among the progress. */
static void say(struct kmsctl_batch *batch, const char *text)
{
    kmsctl_progress_clear(&batch->progress);
    (void)fputs("kmsctl: ", stderr);
    kmsctl_print_visible(stderr, kms_str(text));
    (void)fputs("\n", stderr);
}

static bool is_fatal(const struct kmsctl_batch *batch, const struct kmsctl_failure *failure)
{
    switch (failure->os_error) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
        return true;
    default:
        break;
    }
    switch (failure->code) {
    case KMSCTL_USAGE:
    case KMSCTL_UNAVAILABLE:
        return true;
    case KMSCTL_DENIED:
    case KMSCTL_NOT_FOUND:
    case KMSCTL_KEY_STATE:
        return batch->options.refusal_is_fatal;
    default:
        return false;
    }
}

/* File names are bytes, JSON is not. */
static json_t *lossy(const char *text)
{
    char copy[KMSCTL_FAILURE_TEXT_SIZE];
    struct kms_str view = kms_str(text);

    if (kms_utf8_valid(view))
        return kmsctl_json_str(view);
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *at = copy; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    }
    return kmsctl_json_str(kms_str(copy));
}

/* With the lock. */
static void note_failure(struct kmsctl_batch *batch, const struct kmsctl_failure *failure)
{
    if (batch->given_up)
        return; /* what is under way is called off; the reason has been told */
    say(batch, failure->text);
    if (batch->failed++ == 0)
        batch->code = failure->code;
    else if (batch->code != failure->code)
        batch->code = KMSCTL_FAILED;
    if (json_array_size(batch->failures) < FAILURES_LISTED)
        (void)json_array_append_new(batch->failures,
            json_pack("{s:o, s:i}", "Error", lossy(failure->text), "ExitCode", (int)failure->code));
    if (is_fatal(batch, failure)) {
        batch->given_up = true;
        (void)pthread_cond_broadcast(&batch->taken);
    }
}

void kmsctl_batch_fail(struct kmsctl_batch *batch, const struct kmsctl_failure *failure)
{
    (void)pthread_mutex_lock(&batch->lock);
    note_failure(batch, failure);
    (void)pthread_mutex_unlock(&batch->lock);
}

/* "ROOT/PATH"; NULL when memory is out. */
static char *join(const struct kmsctl_root *root, const char *path)
{
    char *name = NULL;

    if (root == NULL)
        return strdup(path);
    size_t len = strlen(root->name);
    bool slash = len > 0 && root->name[len - 1] == '/';
    return asprintf(&name, "%s%s%s", root->name, slash ? "" : "/", path) < 0 ? NULL : name;
}

void kmsctl_batch_skip(
    struct kmsctl_batch *batch, const struct kmsctl_root *root, const char *path, const char *why)
{
    char *name = join(root, path);
    char *text = NULL;

    (void)pthread_mutex_lock(&batch->lock);
    batch->skipped++;
    if (!batch->app->quiet && name != NULL && asprintf(&text, "%s is left out: %s", name, why) >= 0)
        say(batch, text);
    (void)pthread_mutex_unlock(&batch->lock);
    free(name);
    free(text);
}

/* --- workers ---------------------------------------------------------------------------------- */

static bool take(struct kmsctl_batch *batch, struct queued *out)
{
    (void)pthread_mutex_lock(&batch->lock);
    while (batch->queued == 0 && !batch->ended)
        (void)pthread_cond_wait(&batch->added, &batch->lock);
    bool got = batch->queued > 0;
    if (got) {
        *out = batch->queue[batch->first];
        batch->first = (batch->first + 1) % QUEUE_LEN;
        batch->queued--;
        batch->busy++;
        (void)pthread_cond_broadcast(&batch->taken);
    }
    (void)pthread_mutex_unlock(&batch->lock);
    return got;
}

static void account(struct kmsctl_batch *batch, struct worker_progress *worker, uint64_t size,
    enum kmsctl_exit status, const struct kmsctl_batch_result *result,
    const struct kmsctl_failure *failure)
{
    (void)pthread_mutex_lock(&batch->lock);
    batch->busy--;
    if (status != KMSCTL_OK)
        note_failure(batch, failure);
    else if (result->finished)
        batch->finished++;
    else
        batch->done++;
    batch->bytes += status == KMSCTL_OK ? result->bytes : 0;
    batch->read += size - worker->read; /* whatever became of it, it is behind us */
    draw(batch);
    (void)pthread_cond_broadcast(&batch->taken);
    (void)pthread_mutex_unlock(&batch->lock);
}

static void do_item(struct kmsctl_batch *batch, struct kmsctl_app *app, const struct queued *queued)
{
    struct worker_progress worker = {batch, 0};
    struct kmsctl_batch_result result = {false, 0};
    struct kms_envelope_fd_options fd_options = {
        .threads = batch->jobs > 1 && queued->size < LARGE_FILE ? 1 : 0,
        .progress = step,
        .progress_context = &worker,
    };
    char *name = join(queued->root, queued->path);
    struct kmsctl_batch_item item = {queued->root, queued->path, name, queued->size};
    enum kmsctl_exit status = KMSCTL_OK;

    if (name == NULL)
        status = kmsctl_fail_memory(&app->failure);
    else
        status = batch->options.run(app, batch->options.context, &item, &fd_options, &result);
    account(batch, &worker, queued->size, status, &result, &app->failure);
    free(name);
    kms_arena_reset(&app->arena);
}

static bool has_given_up(struct kmsctl_batch *batch)
{
    (void)pthread_mutex_lock(&batch->lock);
    bool given_up = batch->given_up;
    (void)pthread_mutex_unlock(&batch->lock);
    return given_up;
}

static void *work(void *argument)
{
    struct kmsctl_batch *batch = argument;
    struct kmsctl_app app;
    struct queued queued;

    kmsctl_app_fork(batch->app, &app);
    while (take(batch, &queued)) {
        if (!has_given_up(batch)) {
            do_item(batch, &app, &queued);
        } else {
            (void)pthread_mutex_lock(&batch->lock);
            batch->busy--;
            (void)pthread_cond_broadcast(&batch->taken);
            (void)pthread_mutex_unlock(&batch->lock);
        }
        free(queued.path);
    }
    kmsctl_app_clean_up(&app);
    return NULL;
}

/* --- the caller's side ------------------------------------------------------------------------ */

static void free_batch(struct kmsctl_batch *batch)
{
    (void)pthread_mutex_lock(&batch->lock);
    batch->ended = true;
    (void)pthread_cond_broadcast(&batch->added);
    (void)pthread_mutex_unlock(&batch->lock);
    for (unsigned i = 0; i < batch->worker_count; i++)
        (void)pthread_join(batch->workers[i], NULL);
    (void)pthread_mutex_destroy(&batch->lock);
    (void)pthread_cond_destroy(&batch->added);
    (void)pthread_cond_destroy(&batch->taken);
    json_decref(batch->failures);
    free(batch);
}

enum kmsctl_exit kmsctl_batch_start(
    struct kmsctl_app *app, const struct kmsctl_batch_options *options, struct kmsctl_batch **out)
{
    unsigned jobs = 1;

    enum kmsctl_exit status = kmsctl_batch_jobs(app, &jobs);
    if (status != KMSCTL_OK)
        return status;
    struct kmsctl_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return kmsctl_fail_memory(&app->failure);
    batch->app = app;
    batch->jobs = jobs;
    batch->options = *options;
    batch->failures = json_array();
    (void)pthread_mutex_init(&batch->lock, NULL);
    (void)pthread_cond_init(&batch->added, NULL);
    (void)pthread_cond_init(&batch->taken, NULL);
    kmsctl_progress_begin(&batch->progress, app->progress, batch->label, options->total);
    while (batch->worker_count < jobs) {
        int error = pthread_create(&batch->workers[batch->worker_count], NULL, work, batch);
        batch->worker_count += error == 0;
        if (error != 0) {
            free_batch(batch);
            return kmsctl_fail_errno(&app->failure, error, "cannot start workers");
        }
    }
    *out = batch;
    return KMSCTL_OK;
}

bool kmsctl_batch_add(
    struct kmsctl_batch *batch, const struct kmsctl_root *root, const char *path, uint64_t size)
{
    char *copy = strdup(path);

    (void)pthread_mutex_lock(&batch->lock);
    if (copy == NULL) {
        struct kmsctl_failure failure;

        (void)kmsctl_fail_memory(&failure);
        note_failure(batch, &failure);
        batch->given_up = true;
    }
    while (batch->queued == QUEUE_LEN && !batch->given_up)
        (void)pthread_cond_wait(&batch->taken, &batch->lock);
    bool go_on = !batch->given_up;
    if (go_on) {
        batch->queue[(batch->first + batch->queued) % QUEUE_LEN] =
            (struct queued){root, copy, size};
        batch->queued++;
        copy = NULL; /* now the queue's */
        (void)pthread_cond_signal(&batch->added);
    }
    (void)pthread_mutex_unlock(&batch->lock);
    free(copy);
    return go_on;
}

void kmsctl_batch_drain(struct kmsctl_batch *batch)
{
    (void)pthread_mutex_lock(&batch->lock);
    while (batch->queued > 0 || batch->busy > 0)
        (void)pthread_cond_wait(&batch->taken, &batch->lock);
    (void)pthread_mutex_unlock(&batch->lock);
}

static enum kmsctl_exit summarise(struct kmsctl_batch *batch)
{
    bool as_json = batch->app->format == KMSCTL_JSON;
    json_auto_t *summary = json_pack("{s:I, s:I, s:I, s:I, s:I}", "Done", (json_int_t)batch->done,
        "Finished", (json_int_t)batch->finished, "Skipped", (json_int_t)batch->skipped, "Failed",
        (json_int_t)batch->failed, "PlaintextLength", (json_int_t)batch->bytes);

    if (summary != NULL && as_json && json_object_set(summary, "Failures", batch->failures) != 0)
        return kmsctl_fail_memory(&batch->app->failure);
    return kmsctl_print_fields(batch->app, summary);
}

enum kmsctl_exit kmsctl_batch_finish(struct kmsctl_batch *batch, enum kmsctl_exit status)
{
    struct kmsctl_app *app = batch->app;

    kmsctl_batch_drain(batch);
    kmsctl_progress_end(&batch->progress, !batch->given_up);
    enum kmsctl_exit printed = summarise(batch);
    if (status == KMSCTL_OK)
        status = printed;
    if (status == KMSCTL_OK && batch->failed > 0)
        status = kmsctl_fail(&app->failure, batch->code,
            "%s%" PRIu64 " of %" PRIu64 " files failed", batch->given_up ? "given up: " : "",
            batch->failed, batch->failed + batch->done + batch->finished);
    if (status == KMSCTL_OK && batch->options.none_is_failure && batch->done + batch->finished == 0)
        status =
            kmsctl_fail(&app->failure, KMSCTL_BAD_INPUT, "nothing was %s", batch->options.what);
    free_batch(batch);
    return status;
}
