#include "libkms/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdlib.h>

static void assert_buf_is(const struct kms_buf *buf, const char *text)
{
    assert_int_equal(buf->err, KMS_OK);
    assert_int_equal(buf->len, strlen(text));
    assert_memory_equal(kms_buf_bytes(buf).data, text, buf->len);
}

static void test_starts_empty(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 10);
    assert_null(buf.data);
    assert_int_equal(kms_buf_bytes(&buf).len, 0);
    assert_non_null(kms_buf_bytes(&buf).data); /* empty, not absent */
    assert_non_null(kms_buf_str(&buf).data);
    kms_buf_clean_up(NULL);
}

static void test_appends_text_and_numbers(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 1000);
    kms_buf_append_text(&buf, "ab");
    kms_buf_append_str(&buf, kms_str("cd"));
    kms_buf_append(&buf, "efgh", 2);
    kms_buf_append(&buf, NULL, 0);
    assert_buf_is(&buf, "abcdef");
    kms_buf_reset(&buf);
    kms_buf_append_u8(&buf, 0x01);
    kms_buf_append_u16(&buf, 0x0203);
    kms_buf_append_u32(&buf, 0x04050607);
    kms_buf_append_u64(&buf, UINT64_C(0x08090a0b0c0d0e0f));
    assert_buf_is(&buf, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
}

static void test_keeps_its_contents_when_it_grows(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 100000);
    for (unsigned i = 0; i < 100000; i++)
        kms_buf_append_u8(&buf, (uint8_t)(i * 7 % 251));
    assert_int_equal(buf.err, KMS_OK);
    assert_int_equal(buf.len, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(buf.data[i], i * 7 % 251);
}

static void test_stops_at_its_maximum(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 5);
    kms_buf_append_text(&buf, "12345"); /* exactly full is fine */
    assert_buf_is(&buf, "12345");
    kms_buf_append_u8(&buf, '6');
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.data, "12345", 5);
}

static void test_error_sticks_until_reset(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4);
    kms_buf_append_text(&buf, "ab");
    kms_buf_append_text(&buf, "cdefg"); /* whole or not at all */
    kms_buf_append_text(&buf, "h");     /* would fit, but comes after a failure */
    kms_buf_printf(&buf, "%d", 1);
    assert_null(kms_buf_extend(&buf, 0));
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
    assert_int_equal(buf.len, 2);
    kms_buf_reset(&buf);
    kms_buf_append_text(&buf, "wxyz");
    assert_buf_is(&buf, "wxyz");
}

static void test_nothing_fits_into_nothing(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 0);
    kms_buf_append_text(&buf, "");
    kms_buf_printf(&buf, "%s", "");
    assert_non_null(kms_buf_extend(&buf, 0));
    assert_buf_is(&buf, "");
    kms_buf_append_u8(&buf, 0);
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
}

static void test_huge_lengths_do_not_wrap(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 100);
    kms_buf_append_text(&buf, "abc");
    assert_null(kms_buf_extend(&buf, SIZE_MAX));
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
    kms_buf_reset(&buf);
    assert_null(kms_buf_extend(&buf, SIZE_MAX - 1));
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
}

static void test_printf_fills_up_to_the_maximum(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 6);
    kms_buf_printf(&buf, "%s-%d", "abc", 42);
    assert_buf_is(&buf, "abc-42");
    kms_buf_reset(&buf);
    kms_buf_printf(&buf, "%s-%d", "abcd", 42);
    assert_int_equal(buf.err, KMS_ERR_LIMIT);
    assert_int_equal(buf.len, 0);
}

static void test_printf_at_every_fill_level(void **state)
{
    (void)state;
    for (size_t before = 250; before < 260; before++) { /* around the first capacity */
        KMS_BUF_AUTO buf;
        kms_buf_init(&buf, 1000);
        uint8_t *at = kms_buf_extend(&buf, before);
        assert_non_null(at);
        memset(at, 'x', before);
        kms_buf_printf(&buf, "%d", 7);
        assert_int_equal(buf.err, KMS_OK);
        assert_int_equal(buf.len, before + 1);
        assert_int_equal(buf.data[before - 1], 'x');
        assert_int_equal(buf.data[before], '7');
    }
}

static void test_truncate_wipes(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 100);
    kms_buf_append_text(&buf, "secret");
    kms_buf_truncate(&buf, 10); /* longer than it is: nothing happens */
    assert_int_equal(buf.len, 6);
    kms_buf_truncate(&buf, 2);
    assert_buf_is(&buf, "se");
    assert_memory_equal(buf.data + 2, "\0\0\0\0", 4);
}

static void test_reset_wipes_and_keeps_the_storage(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 100);
    kms_buf_append_text(&buf, "secret");
    const uint8_t *storage = buf.data;
    kms_buf_reset(&buf);
    assert_ptr_equal(buf.data, storage);
    assert_int_equal(buf.len, 0);
    assert_memory_equal(storage, "\0\0\0\0\0\0", 6);
}

static void test_is_usable_after_clean_up(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 3);
    kms_buf_append_text(&buf, "abcd");
    kms_buf_clean_up(&buf);
    kms_buf_append_text(&buf, "abc");
    assert_buf_is(&buf, "abc");
    kms_buf_append_text(&buf, "d");
    assert_int_equal(buf.err, KMS_ERR_LIMIT); /* the maximum is still there */
}

/* Memory is out while this is set. */
static bool memory_is_out;

static void *test_allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return memory_is_out ? NULL : malloc(size);
}

static void *test_reallocate(void *at, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return memory_is_out ? NULL : realloc(at, size);
}

static void test_release(void *at, const char *file, int line)
{
    (void)file;
    (void)line;
    free(at);
}

static void test_out_of_memory_is_an_error(void **state)
{
    (void)state;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 10000);
    kms_buf_append_text(&buf, "before");
    memory_is_out = true;
    assert_null(kms_buf_extend(&buf, 5000));
    memory_is_out = false;
    assert_int_equal(buf.err, KMS_ERR_NO_MEMORY);
    assert_int_equal(buf.len, 6);
    assert_memory_equal(buf.data, "before", 6); /* what was written is still there */
    kms_buf_append_u8(&buf, 'x');
    assert_int_equal(buf.err, KMS_ERR_NO_MEMORY);
    kms_buf_reset(&buf);
    assert_non_null(kms_buf_extend(&buf, 5000));
}

int main(void)
{
    if (CRYPTO_set_mem_functions(test_allocate, test_reallocate, test_release) != 1)
        return 1;
    /* OpenSSL 3.5 waits for itself for ever if the first allocation that it is asked for fails. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_empty),
        cmocka_unit_test(test_appends_text_and_numbers),
        cmocka_unit_test(test_keeps_its_contents_when_it_grows),
        cmocka_unit_test(test_stops_at_its_maximum),
        cmocka_unit_test(test_error_sticks_until_reset),
        cmocka_unit_test(test_nothing_fits_into_nothing),
        cmocka_unit_test(test_huge_lengths_do_not_wrap),
        cmocka_unit_test(test_printf_fills_up_to_the_maximum),
        cmocka_unit_test(test_printf_at_every_fill_level),
        cmocka_unit_test(test_truncate_wipes),
        cmocka_unit_test(test_reset_wipes_and_keeps_the_storage),
        cmocka_unit_test(test_is_usable_after_clean_up),
        cmocka_unit_test(test_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
