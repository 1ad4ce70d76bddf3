#include "libkms/base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

static void test_from_bytes(void **state)
{
    (void)state;
    uint8_t bytes[16];
    char text[KMS_UUID_SIZE];
    for (size_t i = 0; i < 16; i++)
        bytes[i] = (uint8_t)(i * 17);
    kms_uuid_from_bytes(bytes, text);
    assert_string_equal(text, "00112233-4455-4677-8899-aabbccddeeff");
    memset(bytes, 0xff, sizeof(bytes));
    kms_uuid_from_bytes(bytes, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(bytes, 0, sizeof(bytes));
    kms_uuid_from_bytes(bytes, text);
    assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
    assert_int_equal(bytes[6], 0); /* the input is not changed */
}

static void test_new_is_a_version_4_uuid(void **state)
{
    (void)state;
    char previous[KMS_UUID_SIZE] = "";
    for (int i = 0; i < 1000; i++) {
        char text[KMS_UUID_SIZE];
        assert_int_equal(kms_uuid_new(text), KMS_OK);
        assert_int_equal(strlen(text), 36);
        assert_true(kms_uuid_is(kms_str(text)));
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        assert_int_equal(strspn(text, "0123456789abcdef-"), 36);
        assert_string_not_equal(text, previous);
        memcpy(previous, text, sizeof(text));
    }
}

/* Parent and child start from the same pool; neither may give out what the other does. */
static void test_a_forked_child_draws_its_own(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    char mine[COUNT][KMS_UUID_SIZE];
    char its[COUNT][KMS_UUID_SIZE];
    int ends[2];
    int status = 0;
    assert_int_equal(kms_uuid_new(mine[0]), KMS_OK); /* now there is a pool */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool ok = true;
        for (size_t i = 0; i < COUNT; i++)
            ok = kms_uuid_new(its[i]) == KMS_OK && ok;
        _exit(ok && write(ends[1], its, sizeof(its)) == (ssize_t)sizeof(its) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], its, sizeof(its)), sizeof(its));
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(kms_uuid_new(mine[i]), KMS_OK);
        for (size_t j = 0; j < COUNT; j++)
            assert_string_not_equal(mine[i], its[j]);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_is(void **state)
{
    (void)state;
    static const char good[] = "1234abcd-12ab-34CD-56EF-1234567890ab";
    assert_true(kms_uuid_is(kms_str(good)));
    for (size_t i = 0; i < 36; i++) { /* hyphens in their places, and nowhere else */
        char text[KMS_UUID_SIZE];
        memcpy(text, good, sizeof(text));
        text[i] = good[i] == '-' ? '0' : '-';
        assert_false(kms_uuid_is(kms_str(text)));
        text[i] = 'g';
        assert_false(kms_uuid_is(kms_str(text)));
    }
    for (size_t len = 0; len < 36; len++)
        assert_false(kms_uuid_is((struct kms_str){good, len}));
    assert_false(kms_uuid_is(kms_str("1234abcd-12ab-34cd-56ef-1234567890abc")));
    assert_false(kms_uuid_is(kms_str("1234abcd12ab34cd56ef1234567890ab")));
    assert_false(kms_uuid_is(kms_str("{234abcd-12ab-34cd-56ef-1234567890a}")));
    assert_false(kms_uuid_is((struct kms_str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_bytes),
        cmocka_unit_test(test_new_is_a_version_4_uuid),
        cmocka_unit_test(test_a_forked_child_draws_its_own),
        cmocka_unit_test(test_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
