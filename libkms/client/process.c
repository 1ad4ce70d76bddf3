#include "libkms/client/process.h"

#include "libkms/base/clock.h"
#include "libkms/client/detail.h"
#include "libkms/client/words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define COMPLAINT_SIZE 256

struct child {
    pid_t pid;
    int output; /* read ends; -1: closed */
    int complaints;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* What the child begins with: streams, signals, nothing else of ours. It stays in our process group:
 * one of its own would not be the terminal's foreground one, and be stopped when it reads there. */
static int set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
    const int output[2], const int complaints[2])
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, output[1], 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, complaints[1], 2);
    if (failed == 0)
        failed = posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &all);
    if (failed == 0)
        failed =
            posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failed;
}

/* Zero, or the errno value that tells why not. */
static int spawn(char **words, const int output[2], const int complaints[2], pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = set_up(&actions, &attributes, output, complaints);
        if (failed == 0)
            failed = posix_spawnp(pid, words[0], &actions, &attributes, words, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A file descriptor above the standard ones: a host that closed those must not get our pipe there,
 * where the child's own streams go. */
static int pipe_above_streams(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = ends[1] = -1;
        return errno;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] > 2)
            continue;
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, 3);
        if (moved < 0)
            return errno;
        (void)close(ends[i]);
        ends[i] = moved;
    }
    return 0;
}

static int start(char **words, struct child *child)
{
    int output[2] = {-1, -1};
    int complaints[2] = {-1, -1};
    int failed = pipe_above_streams(output);
    if (failed == 0)
        failed = pipe_above_streams(complaints);
    if (failed == 0)
        failed = spawn(words, output, complaints, &child->pid);
    close_fd(&output[1]);
    close_fd(&complaints[1]);
    if (failed != 0) {
        close_fd(&output[0]);
        close_fd(&complaints[0]);
    }
    child->output = output[0];
    child->complaints = complaints[0];
    return failed;
}

/* Moves what is there from the pipe to out; at its end, closes it. What out has no room for is read
 * and dropped if drop is set, and is an error otherwise. */
static enum kms_err drain(int *fd, struct kms_buf *out, bool drop)
{
    uint8_t *at = kms_buf_extend(out, 4096);
    uint8_t spare[4096];
    if (at == NULL && !drop)
        return out->err == KMS_ERR_NO_MEMORY ? KMS_ERR_NO_MEMORY : KMS_ERR_LIMIT;
    ssize_t got = read(*fd, at == NULL ? spare : at, 4096);
    if (at != NULL)
        kms_buf_truncate(out, out->len - 4096 + (got > 0 ? (size_t)got : 0));
    if (got == 0)
        close_fd(fd);
    return got < 0 && errno != EINTR && errno != EAGAIN ? KMS_ERR_IO : KMS_OK;
}

/* Reads both pipes until their ends. */
static enum kms_err collect(
    struct child *child, int64_t deadline_ms, struct kms_buf *out, struct kms_buf *complaints)
{
    while (child->output >= 0 || child->complaints >= 0) {
        int64_t left_ms = deadline_ms - kms_clock_monotonic_ms();
        if (left_ms <= 0)
            return KMS_ERR_TIMEOUT;
        struct pollfd fds[2] = {
            {.fd = child->output, .events = POLLIN}, {.fd = child->complaints, .events = POLLIN}};
        int ready = poll(fds, 2, (int)left_ms);
        if (ready < 0 && errno != EINTR)
            return KMS_ERR_IO;
        enum kms_err err = KMS_OK;
        if (ready > 0 && fds[0].revents != 0)
            err = drain(&child->output, out, false);
        if (err == KMS_OK && ready > 0 && fds[1].revents != 0)
            err = drain(&child->complaints, complaints, true);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

/* Waits for the end of a child that has closed its streams, until the deadline; then kills it. */
static enum kms_err reap(pid_t pid, int64_t deadline_ms, bool kill_now, int *status)
{
    bool killed = false;
    for (;;) {
        if (!killed && (kill_now || kms_clock_monotonic_ms() >= deadline_ms)) {
            (void)kill(pid, SIGKILL);
            killed = true;
        }
        pid_t ended = waitpid(pid, status, killed ? 0 : WNOHANG);
        if (ended == pid)
            return killed && !kill_now ? KMS_ERR_TIMEOUT : KMS_OK;
        if (ended < 0 && errno != EINTR)
            return KMS_ERR_IO; /* the host program reaps children itself, or ignores SIGCHLD */
        if (ended == 0) {
            struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
            (void)nanosleep(&pause, NULL);
        }
    }
}

static void explain(enum kms_err err, int status, const struct kms_buf *complaints,
    const char *program, struct kms_detail *detail)
{
    struct kms_str said = kms_buf_str(complaints);
    const char *separator = said.len == 0 ? "" : ": ";
    if (said.len > COMPLAINT_SIZE)
        said.len = COMPLAINT_SIZE;
    while (said.len > 0 && (said.data[said.len - 1] == '\n' || said.data[said.len - 1] == '\r'))
        said.len--;
    if (err == KMS_ERR_TIMEOUT)
        kms_detail_set(detail, "credential_process %s took too long", program);
    else if (err == KMS_ERR_LIMIT)
        kms_detail_set(detail, "credential_process %s wrote too much", program);
    else if (err != KMS_OK)
        kms_detail_set(detail, "credential_process %s could not be followed", program);
    else if (WIFEXITED(status))
        kms_detail_set(detail, "credential_process %s failed with status %d%s%.*s", program,
            WEXITSTATUS(status), separator, (int)said.len, said.data);
    else
        kms_detail_set(detail, "credential_process %s was killed by signal %d%s%.*s", program,
            WTERMSIG(status), separator, (int)said.len, said.data);
}

enum kms_err kms_process_run(
    struct kms_str command, int timeout_ms, struct kms_buf *out, struct kms_detail *detail)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 4 * KMS_PROCESS_OUTPUT_MAX);
    char **words = NULL;
    size_t count = 0;
    enum kms_err err = kms_words_split(command, &arena, &words, &count);
    if (err == KMS_ERR_NO_MEMORY)
        return err;
    if (err != KMS_OK || count == 0) {
        kms_detail_set(detail, "credential_process is not a command line");
        return KMS_ERR_NO_CREDENTIALS;
    }

    struct child child;
    int failed = start(words, &child);
    if (failed != 0) {
        kms_detail_set(detail, "credential_process %s: %s", words[0], strerrordesc_np(failed));
        return KMS_ERR_NO_CREDENTIALS;
    }
    int64_t deadline_ms = kms_clock_monotonic_ms() + timeout_ms;
    KMS_BUF_AUTO complaints;
    kms_buf_init(&complaints, 8192);
    err = collect(&child, deadline_ms, out, &complaints);
    close_fd(&child.output);
    close_fd(&child.complaints);
    int status = 0;
    enum kms_err reaped = reap(child.pid, deadline_ms, err != KMS_OK, &status);
    if (err == KMS_OK)
        err = reaped;
    if (err == KMS_ERR_NO_MEMORY)
        return err;
    if (err != KMS_OK || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        explain(err, status, &complaints, words[0], detail);
        return KMS_ERR_NO_CREDENTIALS;
    }
    return KMS_OK;
}
