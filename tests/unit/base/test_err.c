#include <kms/error.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_every_code_has_its_own_text(void **state)
{
    (void)state;
    for (int err = 0; err < KMS_ERR_COUNT_; err++) {
        const char *text = kms_err_text((enum kms_err)err);
        assert_non_null(text);
        assert_true(strlen(text) > 0);
        assert_int_not_equal(text[strlen(text) - 1], '.');
        for (int other = 0; other < err; other++)
            assert_string_not_equal(text, kms_err_text((enum kms_err)other));
    }
    assert_string_equal(kms_err_text(KMS_ERR_NO_MEMORY), "out of memory");
}

static void test_other_numbers_have_a_text_too(void **state)
{
    (void)state;
    assert_non_null(kms_err_text(KMS_ERR_COUNT_));
    assert_non_null(kms_err_text((enum kms_err) - 1));
    assert_non_null(kms_err_text((enum kms_err)10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_own_text),
        cmocka_unit_test(test_other_numbers_have_a_text_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
