#include "kmsctl/sparse.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE ((size_t)1 << 20)

/* Writes in pieces of a size; gives what has arrived in the file. */
static void check(const uint8_t *data, size_t len, size_t piece)
{
    struct kmsctl_failure failure;
    struct kmsctl_sparse sparse;
    FILE *file = tmpfile();
    uint8_t *back = malloc(len + 1);

    assert_non_null(file);
    assert_non_null(back);
    assert_int_equal(kmsctl_sparse_begin(&sparse, fileno(file), &failure), KMSCTL_OK);
    for (size_t at = 0; at < len; at += piece) {
        size_t now = len - at < piece ? len - at : piece;
        assert_int_equal(write(sparse.write_fd, data + at, now), now);
    }
    assert_int_equal(kmsctl_sparse_end(&sparse), 0);
    assert_int_equal(pread(fileno(file), back, len + 1, 0), len);
    assert_memory_equal(back, data, len);
    free(back);
    (void)fclose(file);
}

static void keeps_the_contents(void **state)
{
    static const size_t pieces[] = {1000, 4096, 65536, SIZE};
    uint8_t *data = calloc(1, SIZE);

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        check(data, SIZE, pieces[i]);
    for (size_t at = 0; at < SIZE; at += 10007) /* now and then a byte, in some blocks */
        data[at] = at / 40000 % 3 == 0;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        check(data, SIZE, pieces[i]);
        check(data, SIZE - 1, pieces[i]);
        check(data, 262144 + 1, pieces[i]);
    }
    check(data, 1, 1);
    check(data, 0, 1);
    memset(data, 0xff, SIZE);
    check(data, SIZE, SIZE);
    free(data);
}

static void tells_why_writing_failed(void **state)
{
    struct kmsctl_failure failure;
    struct kmsctl_sparse sparse;
    struct rlimit before;
    struct rlimit small;
    FILE *file = tmpfile();
    uint8_t block[4096];
    ssize_t written = sizeof(block);

    (void)state;
    assert_non_null(file);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    memset(block, 1, sizeof(block));
    assert_int_equal(kmsctl_sparse_begin(&sparse, fileno(file), &failure), KMSCTL_OK);
    for (size_t i = 0; i < 10000 && written > 0; i++)
        written = write(sparse.write_fd, block, sizeof(block));
    assert_int_equal(written, -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(kmsctl_sparse_end(&sparse), EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_contents),
        cmocka_unit_test(tells_why_writing_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
