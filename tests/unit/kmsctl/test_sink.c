#include "kmsctl/sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/kmsctl-sink-XXXXXX";

/* Both ways of writing: without a name, and under a temporary one. */
static const bool ways[] = {false, true};

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    (void)umask(027);
    kmsctl_sink_set_up();
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static size_t count_entries(void)
{
    DIR *dir = opendir(directory);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(dir);
    return count;
}

static int remove_all(void **state)
{
    DIR *dir = opendir(directory);

    (void)state;
    if (dir == NULL)
        return -1;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    return closedir(dir);
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void expect_file(const char *path, const char *text)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    ssize_t len = read(fd, got, sizeof(got) - 1);
    assert_true(len >= 0);
    assert_int_equal(close(fd), 0);
    assert_string_equal(got, text);
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void put(struct kmsctl_sink *sink, const char *text)
{
    struct kmsctl_failure failure;

    assert_int_equal(kmsctl_sink_write(sink, kms_bytes(text, strlen(text)), &failure), KMSCTL_OK);
}

static void names_the_file_only_when_it_is_whole(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.named_temporary = ways[way]};
        struct kmsctl_failure failure;
        const char *path = at("new");

        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        put(&sink, "hello");
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
        assert_int_equal(sink.fd, -1);
        expect_file(path, "hello");
        assert_int_equal(mode_of(path), 0640); /* umask 027 */
        assert_int_equal(count_entries(), 1);
        kmsctl_sink_discard(&sink); /* does nothing now */
        expect_file(path, "hello");
        assert_int_equal(unlink(path), 0);
    }
}

static void leaves_nothing_when_discarded(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.named_temporary = ways[way]};
        struct kmsctl_failure failure;

        assert_int_equal(kmsctl_sink_open(&sink, at("new"), &options, &failure), KMSCTL_OK);
        put(&sink, "secret");
        assert_int_equal(count_entries(), ways[way] ? 1 : 0);
        kmsctl_sink_discard(&sink);
        assert_int_equal(count_entries(), 0);
    }
}

static void keeps_existing_files(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.named_temporary = ways[way]};
        struct kmsctl_failure failure;
        const char *path = at("there");
        char expected[256];

        put_file(path, "old", 0644);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_EXISTS);
        (void)snprintf(expected, sizeof(expected), "%s exists already; --force replaces it", path);
        assert_string_equal(failure.text, expected);
        assert_int_equal(sink.fd, -1);

        /* one that appears while we write is kept as well */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        put(&sink, "new");
        put_file(path, "other", 0644);
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_EXISTS);
        expect_file(path, "other");
        assert_int_equal(count_entries(), 1);
        assert_int_equal(unlink(path), 0);
    }
}

static void replaces_by_force(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.force = true, .named_temporary = ways[way]};
        struct kmsctl_failure failure;
        const char *path = at("there");
        int reader = -1;
        char got[8] = "";

        put_file(path, "old", 0604);
        reader = open(path, O_RDONLY);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        put(&sink, "new");
        expect_file(path, "old");
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
        expect_file(path, "new");
        assert_int_equal(mode_of(path), 0604); /* the old file's */
        assert_int_equal(count_entries(), 1);
        /* who had the old file open still reads the old one */
        assert_int_equal(read(reader, got, sizeof(got)), 3);
        assert_string_equal(got, "old");
        assert_int_equal(close(reader), 0);

        /* force is no hindrance where there is nothing yet */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
        expect_file(path, "");
        assert_int_equal(unlink(path), 0);
    }
}

static void keeps_secrets_to_the_owner(void **state)
{
    (void)state;
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;
    struct kmsctl_sink_options options = {.force = true, .secret = true};
    struct kmsctl_failure failure;

    put_file(at("key"), "old", 0644);
    assert_int_equal(kmsctl_sink_open(&sink, at("key"), &options, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
    assert_int_equal(mode_of(at("key")), 0600);
    assert_int_equal(unlink(at("key")), 0);
}

static void replaces_just_the_file_it_has_read(void **state)
{
    (void)state;
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct stat before;
        struct kmsctl_sink_options options = {.only = &before, .named_temporary = ways[way]};
        struct kmsctl_failure failure;
        const char *path = at("in-place");

        put_file(path, "old", 0640);
        assert_int_equal(stat(path, &before), 0);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        put(&sink, "new");
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
        expect_file(path, "new");

        assert_int_equal(stat(path, &before), 0);
        assert_int_equal(kmsctl_sink_open(&sink, path, &options, &failure), KMSCTL_OK);
        put(&sink, "newer");
        put_file(path, "changed by another", 0640);
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_IO);
        assert_non_null(strstr(failure.text, "was changed meanwhile"));
        expect_file(path, "changed by another");
        assert_int_equal(count_entries(), 1);
        assert_int_equal(unlink(path), 0);
    }
}

static void follows_symbolic_links(void **state)
{
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;
    struct kmsctl_sink_options options = {.force = true};
    struct kmsctl_failure failure;
    struct stat info;

    (void)state;
    put_file(at("target"), "old", 0644);
    assert_int_equal(symlink("target", at("link")), 0);
    assert_int_equal(kmsctl_sink_open(&sink, at("link"), &options, &failure), KMSCTL_OK);
    put(&sink, "new");
    assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
    expect_file(at("target"), "new");
    assert_int_equal(lstat(at("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));

    assert_int_equal(unlink(at("target")), 0);
    assert_int_equal(kmsctl_sink_open(&sink, at("link"), &options, &failure), KMSCTL_EXISTS);
    assert_int_equal(unlink(at("link")), 0);
}

static void writes_through_to_devices_and_pipes(void **state)
{
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;
    struct kmsctl_failure failure;
    struct stat info;
    char got[8] = "";

    (void)state;
    assert_int_equal(kmsctl_sink_open(&sink, "/dev/null", NULL, &failure), KMSCTL_OK);
    put(&sink, "gone");
    assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));

    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    int reader = open(at("fifo"), O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_int_equal(kmsctl_sink_open(&sink, at("fifo"), NULL, &failure), KMSCTL_OK);
    put(&sink, "pipe");
    assert_int_equal(read(reader, got, sizeof(got)), 4);
    assert_string_equal(got, "pipe");
    assert_int_equal(close(reader), 0);
    assert_int_equal(kmsctl_sink_write(&sink, kms_bytes("x", 1), &failure), KMSCTL_IO);
    assert_non_null(strstr(failure.text, "Broken pipe"));
    kmsctl_sink_discard(&sink);
    assert_int_equal(unlink(at("fifo")), 0);
}

/* A link that leads elsewhere as soon as it has been looked at (-Wl,--wrap=stat). */
static const char *switched_link;
static const char *switched_to;

int __real_stat(const char *path, struct stat *info);
int __wrap_stat(const char *path, struct stat *info);
int __wrap_stat(const char *path, struct stat *info)
{
    int result = __real_stat(path, info);

    if (switched_link != NULL && strcmp(path, switched_link) == 0) {
        assert_int_equal(unlink(switched_link), 0);
        assert_int_equal(symlink(switched_to, switched_link), 0);
        switched_link = NULL;
    }
    return result;
}

static void writes_to_no_stream_but_the_one_it_has_seen(void **state)
{
    static const bool forces[] = {false, true};
    static const char *const others[] = {"victim", "fifo", "/dev/zero"};

    (void)state;
    put_file(at("victim"), "old", 0644);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    int reader = open(at("fifo"), O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    for (size_t i = 0; i < 2 * (sizeof(others) / sizeof(others[0])); i++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.force = forces[i % 2]};
        struct kmsctl_failure failure;
        const char *link = at("link");

        assert_int_equal(symlink("/dev/null", link), 0);
        switched_to = others[i / 2];
        switched_link = link;
        assert_int_equal(kmsctl_sink_open(&sink, link, &options, &failure), KMSCTL_EXISTS);
        assert_null(switched_link);
        assert_non_null(strstr(failure.text, "became something else"));
        assert_int_equal(sink.fd, -1);
        expect_file(at("victim"), "old");
        assert_int_equal(unlink(link), 0);
    }
    assert_int_equal(close(reader), 0);
}

static void refuses_what_cannot_be_written(void **state)
{
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;
    struct kmsctl_failure failure;
    static const char *const bad[] = {"", "/nonexistent/file", "/proc/self/file", "/dev/null/file"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(kmsctl_sink_open(&sink, bad[i], NULL, &failure), KMSCTL_IO);
        assert_int_equal(sink.fd, -1);
    }
    assert_int_equal(kmsctl_sink_open(&sink, directory, NULL, &failure), KMSCTL_IO);
    assert_non_null(strstr(failure.text, "Is a directory"));
    assert_int_equal(kmsctl_sink_open(&sink, at("new/"), NULL, &failure), KMSCTL_IO);
}

/* Runs as nobody in a child, as the superuser may write anywhere. */
static void refuses_directories_without_permission(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_failure failure;

        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        _exit(kmsctl_sink_open(&sink, "/usr/new", NULL, &failure) == KMSCTL_IO &&
                      strcmp(failure.text, "cannot write /usr/new: Permission denied") == 0
                  ? 0
                  : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void leaves_nothing_when_space_is_out(void **state)
{
    struct rlimit before;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t way = 0; way < 2; way++) {
        struct kmsctl_sink sink = KMSCTL_SINK_INIT;
        struct kmsctl_sink_options options = {.named_temporary = ways[way]};
        struct kmsctl_failure failure;
        struct rlimit small = {1000, before.rlim_max};
        static const uint8_t block[4096];

        assert_int_equal(kmsctl_sink_open(&sink, at("big"), &options, &failure), KMSCTL_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum kmsctl_exit status =
            kmsctl_sink_write(&sink, kms_bytes(block, sizeof(block)), &failure);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, KMSCTL_IO);
        assert_non_null(strstr(failure.text, "File too large"));
        kmsctl_sink_discard(&sink);
        assert_int_equal(count_entries(), 0);
    }
}

/* A signal in the middle: nothing is left, and the parent sees which signal it was. */
static void leaves_nothing_when_killed(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct kmsctl_sink named = KMSCTL_SINK_INIT;
            struct kmsctl_sink unnamed = KMSCTL_SINK_INIT;
            struct kmsctl_sink_options options = {.named_temporary = true};
            struct kmsctl_failure failure;

            if (kmsctl_sink_open(&named, at("one"), &options, &failure) != KMSCTL_OK ||
                kmsctl_sink_open(&unnamed, at("two"), NULL, &failure) != KMSCTL_OK ||
                count_entries() != 1)
                _exit(1);
            (void)raise(numbers[i]);
            _exit(2);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), numbers[i]);
        assert_int_equal(count_entries(), 0);
    }
}

static void takes_a_dash_as_standard_output(void **state)
{
    struct kmsctl_sink sink = KMSCTL_SINK_INIT;
    struct kmsctl_failure failure;

    (void)state;
    assert_int_equal(kmsctl_sink_open(&sink, "-", NULL, &failure), KMSCTL_OK);
    assert_true(sink.is_stdout);
    assert_int_equal(sink.fd, STDOUT_FILENO);
    assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
    assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0); /* still open */
}

static void writes_below_an_open_directory(void **state)
{
    struct kmsctl_failure failure;
    struct stat about;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct stat like = {.st_mode = S_IFREG | 04640, .st_mtim = {1000000000, 5}};
        struct kmsctl_sink_options options = {.named_temporary = ways[i], .like = &like};
        KMSCTL_SINK_AUTO sink = KMSCTL_SINK_INIT;
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_int_equal(
            kmsctl_sink_open_at(&sink, fd, "below", at("below"), &options, &failure), KMSCTL_OK);
        memset(&like, 0, sizeof(like)); /* it was copied */
        assert_int_equal(
            kmsctl_sink_write(&sink, kms_bytes((const uint8_t *)"abc", 3), &failure), KMSCTL_OK);
        assert_int_equal(kmsctl_sink_commit(&sink, &failure), KMSCTL_OK);
        assert_int_equal(stat(at("below"), &about), 0);
        assert_int_equal(about.st_mode & 07777, 0640);
        assert_int_equal(about.st_mtim.tv_sec, 1000000000);
        assert_int_equal(about.st_mtim.tv_nsec, 5);

        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        options.like = NULL;
        assert_int_equal(kmsctl_sink_open_at(&sink, fd, "below", at("below"), &options, &failure),
            KMSCTL_EXISTS);
        assert_int_equal(unlink(at("below")), 0);

        options.force = true;
        assert_int_equal(symlink("elsewhere", at("below")), 0);
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(kmsctl_sink_open_at(&sink, fd, "below", at("below"), &options, &failure),
            KMSCTL_EXISTS);
        assert_int_equal(unlink(at("below")), 0);
    }
    assert_int_equal(count_entries(), 0);
}

static void knows_its_temporary_names(void **state)
{
    (void)state;
    assert_true(kmsctl_sink_is_temporary(".kmsctl-0123456789abcdef.tmp"));
    assert_false(kmsctl_sink_is_temporary(".kmsctl-0123456789abcdeF.tmp"));
    assert_false(kmsctl_sink_is_temporary(".kmsctl-0123456789abcdef.tmp.kms"));
    assert_false(kmsctl_sink_is_temporary(".kmsctl-.tmp"));
    assert_false(kmsctl_sink_is_temporary("x.kmsctl-0123456789abcdef.tmp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(names_the_file_only_when_it_is_whole, remove_all),
        cmocka_unit_test_teardown(leaves_nothing_when_discarded, remove_all),
        cmocka_unit_test_teardown(keeps_existing_files, remove_all),
        cmocka_unit_test_teardown(replaces_by_force, remove_all),
        cmocka_unit_test_teardown(keeps_secrets_to_the_owner, remove_all),
        cmocka_unit_test_teardown(replaces_just_the_file_it_has_read, remove_all),
        cmocka_unit_test_teardown(follows_symbolic_links, remove_all),
        cmocka_unit_test_teardown(writes_through_to_devices_and_pipes, remove_all),
        cmocka_unit_test_teardown(writes_to_no_stream_but_the_one_it_has_seen, remove_all),
        cmocka_unit_test_teardown(refuses_what_cannot_be_written, remove_all),
        cmocka_unit_test_teardown(refuses_directories_without_permission, remove_all),
        cmocka_unit_test_teardown(leaves_nothing_when_space_is_out, remove_all),
        cmocka_unit_test_teardown(leaves_nothing_when_killed, remove_all),
        cmocka_unit_test(takes_a_dash_as_standard_output),
        cmocka_unit_test(writes_below_an_open_directory),
        cmocka_unit_test(knows_its_temporary_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
