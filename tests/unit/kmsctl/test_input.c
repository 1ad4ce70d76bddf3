#include "kmsctl/input.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG (3 * 1024 * 1024 + 7)

static char directory[] = "/tmp/kmsctl-input-XXXXXX";
static char file_path[64];
static uint8_t *content; /* BIG bytes that repeat nowhere nearby */

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    (void)snprintf(file_path, sizeof(file_path), "%s/file", directory);
    content = malloc(BIG);
    if (content == NULL)
        return -1;
    uint32_t value = 1;
    for (size_t i = 0; i < BIG; i++) {
        value = value * 1664525 + 1013904223;
        content[i] = (uint8_t)(value >> 24);
    }
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(content);
    (void)unlink(file_path);
    return rmdir(directory);
}

static void write_file(size_t len)
{
    FILE *file = fopen(file_path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Puts a pipe on standard input that a child fills; the child's id. */
static pid_t feed_stdin(size_t len, int *saved)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        size_t done = 0;

        (void)close(ends[0]);
        while (done < len) {
            /* one byte at first: a look has to be patient */
            ssize_t written = write(ends[1], content + done, done == 0 ? 1 : len - done);

            if (written <= 0)
                _exit(1);
            done += (size_t)written;
        }
        _exit(0);
    }
    (void)close(ends[1]);
    *saved = dup(STDIN_FILENO);
    assert_true(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    (void)close(ends[0]);
    return child;
}

static void restore_stdin(int saved, pid_t child)
{
    int status = 0;

    assert_true(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
    (void)close(saved);
    assert_int_equal(waitpid(child, &status, 0), child);
}

static void expect_stream(struct kmsctl_input *input, size_t len)
{
    struct kmsctl_failure failure;
    uint8_t *got = malloc(len + 1);
    size_t done = 0;
    int fd = -1;

    assert_non_null(got);
    assert_int_equal(kmsctl_input_stream(input, &fd, &failure), KMSCTL_OK);
    for (;;) {
        ssize_t part = read(fd, got + done, len + 1 - done);

        assert_true(part >= 0);
        if (part == 0)
            break;
        done += (size_t)part;
        assert_true(done <= len);
    }
    assert_int_equal(done, len);
    assert_true(len == 0 || memcmp(got, content, len) == 0);
    free(got);
    assert_int_equal(kmsctl_input_check(input, &failure), KMSCTL_OK);
}

static const size_t sizes[] = {
    0, 1, 100, KMSCTL_HEAD_MAX - 1, KMSCTL_HEAD_MAX, KMSCTL_HEAD_MAX + 1, 100000, BIG};

static void looks_at_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct kmsctl_input input = KMSCTL_INPUT_INIT;
        struct kmsctl_failure failure;
        size_t head = sizes[i] < KMSCTL_HEAD_MAX ? sizes[i] : KMSCTL_HEAD_MAX;

        write_file(sizes[i]);
        assert_int_equal(kmsctl_input_open(&input, file_path, &failure), KMSCTL_OK);
        assert_true(input.seekable);
        assert_int_equal(kmsctl_input_size(&input), sizes[i]);
        assert_int_equal(kmsctl_input_look(&input, &failure), KMSCTL_OK);
        assert_int_equal(input.head.len, head);
        assert_int_equal(kmsctl_input_size(&input), sizes[i]);
        expect_stream(&input, sizes[i]);
        kmsctl_input_close(&input);
    }
}

static void looks_at_pipes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct kmsctl_input input = KMSCTL_INPUT_INIT;
        struct kmsctl_failure failure;
        size_t head = sizes[i] < KMSCTL_HEAD_MAX ? sizes[i] : KMSCTL_HEAD_MAX;
        int saved = -1;
        pid_t child = feed_stdin(sizes[i], &saved);

        assert_int_equal(kmsctl_input_open(&input, i % 2 == 0 ? NULL : "-", &failure), KMSCTL_OK);
        assert_false(input.seekable);
        assert_int_equal(kmsctl_input_size(&input), 0);
        assert_int_equal(kmsctl_input_look(&input, &failure), KMSCTL_OK);
        assert_int_equal(input.head.len, head);
        assert_true(head == 0 || memcmp(input.head.data, content, head) == 0);
        expect_stream(&input, sizes[i]);
        kmsctl_input_close(&input);
        restore_stdin(saved, child);
    }
}

static void streams_without_a_look(void **state)
{
    struct kmsctl_input input = KMSCTL_INPUT_INIT;
    struct kmsctl_failure failure;
    int saved = -1;
    pid_t child = feed_stdin(100000, &saved);

    (void)state;
    assert_int_equal(kmsctl_input_open(&input, NULL, &failure), KMSCTL_OK);
    expect_stream(&input, 100000);
    kmsctl_input_close(&input);
    restore_stdin(saved, child);
}

/* Who finds an error in the first frame stops reading: nothing may hang or leak. */
static void gives_up_early(void **state)
{
    struct kmsctl_input input = KMSCTL_INPUT_INIT;
    struct kmsctl_failure failure;
    uint8_t byte = 0;
    int saved = -1;
    int fd = -1;
    pid_t child = feed_stdin(BIG, &saved);

    (void)state;
    assert_int_equal(kmsctl_input_open(&input, NULL, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_input_look(&input, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_input_stream(&input, &fd, &failure), KMSCTL_OK);
    assert_int_equal(read(fd, &byte, 1), 1);
    kmsctl_input_close(&input);
    restore_stdin(saved, child);
}

/* "kmsctl decrypt < file" after something else has read a part of it. */
static void begins_where_standard_input_stands(void **state)
{
    struct kmsctl_input input = KMSCTL_INPUT_INIT;
    struct kmsctl_failure failure;
    int saved = dup(STDIN_FILENO);
    uint8_t byte = 0;
    int stream = -1;

    (void)state;
    write_file(100);
    int fd = open(file_path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 40, SEEK_SET), 40);
    assert_true(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    (void)close(fd);
    assert_int_equal(kmsctl_input_open(&input, NULL, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_input_size(&input), 60);
    assert_int_equal(kmsctl_input_look(&input, &failure), KMSCTL_OK);
    assert_int_equal(input.head.len, 60);
    assert_int_equal(kmsctl_input_stream(&input, &stream, &failure), KMSCTL_OK);
    assert_int_equal(read(stream, &byte, 1), 1);
    assert_int_equal(byte, content[40]);
    kmsctl_input_close(&input);
    assert_true(dup2(saved, STDIN_FILENO) == STDIN_FILENO);
    (void)close(saved);
}

static void refuses_what_cannot_be_read(void **state)
{
    struct kmsctl_input input = KMSCTL_INPUT_INIT;
    struct kmsctl_failure failure;

    (void)state;
    assert_int_equal(kmsctl_input_open(&input, "/nonexistent/file", &failure), KMSCTL_IO);
    assert_string_equal(failure.text, "cannot read /nonexistent/file: No such file or directory");
    assert_int_equal(kmsctl_input_open(&input, directory, &failure), KMSCTL_IO);
    assert_non_null(strstr(failure.text, "Is a directory"));
    assert_int_equal(input.fd, -1);
    /* a file that opens but does not read */
    assert_int_equal(kmsctl_input_open(&input, "/proc/self/mem", &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_input_look(&input, &failure), KMSCTL_IO);
    kmsctl_input_close(&input);
}

static void reads_no_more_than_there_is_room(void **state)
{
    struct kmsctl_input input = KMSCTL_INPUT_INIT;
    struct kmsctl_failure failure;
    KMS_BUF_AUTO buf;

    (void)state;
    write_file(1000);
    kms_buf_init(&buf, 100);
    assert_int_equal(kmsctl_input_open(&input, file_path, &failure), KMSCTL_OK);
    assert_int_equal(kmsctl_input_read_all(&input, &buf, &failure), KMSCTL_OK);
    assert_int_equal(buf.len, 100);
    kmsctl_input_close(&input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_at_files),
        cmocka_unit_test(looks_at_pipes),
        cmocka_unit_test(streams_without_a_look),
        cmocka_unit_test(begins_where_standard_input_stands),
        cmocka_unit_test(refuses_what_cannot_be_read),
        cmocka_unit_test(reads_no_more_than_there_is_room),
        cmocka_unit_test(gives_up_early),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
