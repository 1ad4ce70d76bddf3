#include "libkms/client/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libkms/base/clock.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_output(const char *command, const char *expected)
{
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMS_PROCESS_OUTPUT_MAX);
    struct kms_detail detail = {""};
    enum kms_err err = kms_process_run(kms_str(command), 20000, &out, &detail);
    if (err != KMS_OK)
        fail_msg("%s", detail.text);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(kms_buf_bytes(&out).data, expected, out.len);
}

static void assert_fails(const char *command, int timeout_ms, const char *expected)
{
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMS_PROCESS_OUTPUT_MAX);
    struct kms_detail detail = {""};
    assert_int_equal(
        kms_process_run(kms_str(command), timeout_ms, &out, &detail), KMS_ERR_NO_CREDENTIALS);
    if (strstr(detail.text, expected) == NULL)
        fail_msg("%s: %s", command, detail.text);
}

static void test_collects_output(void **state)
{
    (void)state;
    assert_output("echo 'a  b' c", "a  b c\n");
    assert_output("printf '%s|' $HOME ; `id`", "$HOME|;|`id`|"); /* no shell in between */
    assert_output("cat", "");                                    /* standard input is empty */
    assert_output("sh -c 'echo out; echo err >&2'", "out\n");
    /* More complaints than are kept do not make it stall. */
    assert_output("sh -c 'head -c 300000 /dev/zero >&2; echo done'", "done\n");
}

static void test_passes_nothing_on(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_true(fd > 2);
    char command[128];
    (void)snprintf(command, sizeof(command),
        "sh -c 'test -e /proc/self/fd/%d && echo open || echo closed'", fd);
    assert_output(command, "closed\n");
    (void)close(fd);

    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
    assert_output("grep -c '^SigBlk:.0*$' /proc/self/status", "1\n");
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static void test_reports_failures(void **state)
{
    (void)state;
    assert_fails("", 1000, "not a command line");
    assert_fails("'unfinished", 1000, "not a command line");
    assert_fails("/nonexistent/helper --x", 1000, "/nonexistent/helper: No such file");
    assert_fails("sh -c 'echo expired >&2; exit 3'", 20000, "status 3: expired");
    assert_fails("sh -c 'kill -9 $$'", 20000, "signal 9");
    assert_fails("head -c 70000 /dev/zero", 20000, "too much");
}

static void test_kills_what_takes_too_long(void **state)
{
    (void)state;
    int64_t begin_ms = kms_clock_monotonic_ms();
    assert_fails("sleep 5", 200, "too long");
    /* A grandchild keeps the pipes open. */
    assert_fails("sh -c 'sleep 5 & exit 0'", 200, "too long");
    /* It closes its streams and goes on. */
    assert_fails("sh -c 'exec >&- 2>&-; sleep 5'", 200, "too long");
    assert_true(kms_clock_monotonic_ms() - begin_ms < 20000);
}

/* In the foreground of a terminal; the exit status. */
static int run_at_terminal(void)
{
    static const char expected[] = "code 1234\n";
    KMS_BUF_AUTO out;
    kms_buf_init(&out, KMS_PROCESS_OUTPUT_MAX);
    struct kms_detail detail = {""};
    enum kms_err err = kms_process_run(
        kms_str("sh -c 'read code </dev/tty; echo code $code'"), 10000, &out, &detail);
    if (err != KMS_OK)
        return 2;
    return out.len == strlen(expected) && memcmp(kms_buf_bytes(&out).data, expected, out.len) == 0
               ? 0
               : 3;
}

static void test_may_ask_at_the_terminal(void **state)
{
    (void)state;
    int terminal = -1;
    int status = 0;
    pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(run_at_terminal());
    assert_int_equal(write(terminal, "1234\n", 5), 5); /* waits there until it is read */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(terminal);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Which is whom the terminal's interrupt goes to. */
static void test_stays_in_the_process_group(void **state)
{
    (void)state;
    char group[32];
    (void)snprintf(group, sizeof(group), "%d\n", (int)getpgrp());
    assert_output("cut -d ' ' -f 5 /proc/self/stat", group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collects_output),
        cmocka_unit_test(test_passes_nothing_on),
        cmocka_unit_test(test_reports_failures),
        cmocka_unit_test(test_kills_what_takes_too_long),
        cmocka_unit_test(test_may_ask_at_the_terminal),
        cmocka_unit_test(test_stays_in_the_process_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
