#include "libkms/base/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

static void finds_the_folder_of_a_path(void **state)
{
    (void)state;
    assert_true(kms_folder_sync_of("/tmp/whether-there-or-not"));
    assert_true(kms_folder_sync_of("/name-at-the-top"));
    assert_true(kms_folder_sync_of("name-alone"));
    assert_true(kms_folder_sync_of("/tmp/"));
}

static void says_what_is_wrong(void **state)
{
    static char too_long[PATH_MAX + 8];
    (void)state;
    errno = 0;
    assert_false(kms_folder_sync_of("/tmp/no/such/folder"));
    assert_int_equal(errno, ENOENT);
    assert_false(kms_folder_sync_of("/dev/null/file"));
    assert_int_equal(errno, ENOTDIR);
    memset(too_long, '/', sizeof(too_long) - 1);
    assert_false(kms_folder_sync_of(too_long));
    assert_int_equal(errno, ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_folder_of_a_path),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
