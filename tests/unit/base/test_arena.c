#include "libkms/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdlib.h>

static void assert_zero(const void *data, size_t len)
{
    const uint8_t *octets = data;
    for (size_t i = 0; i < len; i++)
        assert_int_equal(octets[i], 0);
}

static void test_memory_is_zeroed_aligned_and_separate(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 100000);
    uint8_t *previous = NULL;
    for (size_t size = 1; size < 300; size++) {
        uint8_t *at = kms_arena_alloc(&arena, size);
        assert_non_null(at);
        assert_int_equal((uintptr_t)at % alignof(max_align_t), 0);
        assert_zero(at, size);
        memset(at, (int)(size & 0xff), size);
        if (previous != NULL) /* what was given out before is untouched */
            assert_int_equal(previous[size - 2], (size - 1) & 0xff);
        previous = at;
    }
    kms_arena_clean_up(NULL);
}

static void test_stops_at_its_maximum(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 100);
    assert_non_null(kms_arena_alloc(&arena, 60));
    assert_null(kms_arena_alloc(&arena, 41));
    assert_non_null(kms_arena_alloc(&arena, 40)); /* exactly full is fine */
    assert_null(kms_arena_alloc(&arena, 1));
    assert_non_null(kms_arena_alloc(&arena, 0));
}

static void test_counts_over_blocks(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1000000);
    uint8_t *large = kms_arena_alloc(&arena, 500000); /* more than a block */
    assert_non_null(large);
    memset(large, 1, 500000);
    for (size_t left = 500000; left >= 1000; left -= 1000)
        assert_non_null(kms_arena_alloc(&arena, 1000));
    assert_null(kms_arena_alloc(&arena, 1));
    assert_int_equal(arena.used, 1000000);
}

static void test_huge_sizes_do_not_wrap(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, SIZE_MAX);
    assert_null(kms_arena_alloc(&arena, SIZE_MAX));
    assert_null(kms_arena_alloc(&arena, SIZE_MAX - 1));
    assert_null(kms_arena_calloc(&arena, SIZE_MAX / 2 + 2, 2));
    assert_null(kms_arena_calloc(&arena, 2, SIZE_MAX / 2 + 2));
    assert_non_null(kms_arena_calloc(&arena, 0, SIZE_MAX));
    assert_non_null(kms_arena_calloc(&arena, SIZE_MAX, 0));
    assert_int_equal(arena.used, 0);
}

static void test_reset_wipes_and_starts_over(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 20000);
    uint8_t *first = kms_arena_alloc(&arena, 100);
    assert_non_null(first);
    memset(first, 0xaa, 100);
    kms_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_zero(first, 100); /* the block is kept, what was in it is not */
    assert_ptr_equal(kms_arena_alloc(&arena, 100), first);

    assert_non_null(kms_arena_alloc(&arena, 15000));
    kms_arena_reset(&arena);
    uint8_t *all = kms_arena_alloc(&arena, 20000);
    assert_non_null(all);
    assert_zero(all, 20000);
}

static void test_is_usable_after_clean_up(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 10);
    assert_non_null(kms_arena_alloc(&arena, 10));
    kms_arena_clean_up(&arena);
    assert_non_null(kms_arena_alloc(&arena, 10));
    assert_null(kms_arena_alloc(&arena, 1));
}

static void test_copies_end_with_a_nul(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1000);
    char text[] = "alias";
    struct kms_str copy = kms_arena_str(&arena, kms_str(text));
    text[0] = 'A';
    assert_string_equal(copy.data, "alias");
    assert_int_equal(copy.len, 5);
    struct kms_bytes octets = kms_arena_bytes(&arena, kms_bytes("a\0b", 3));
    assert_int_equal(octets.len, 3);
    assert_memory_equal(octets.data, "a\0b\0", 4);
    struct kms_str empty = kms_arena_str(&arena, kms_str(NULL));
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.data, "");
}

static void test_copies_that_do_not_fit(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 5);
    assert_null(kms_arena_str(&arena, kms_str("12345")).data); /* no room for the NUL */
    assert_null(kms_arena_printf(&arena, "%d", 12345).data);
    struct kms_str huge = {"", SIZE_MAX};
    assert_null(kms_arena_str(&arena, huge).data);
    assert_string_equal(kms_arena_str(&arena, kms_str("1234")).data, "1234");
}

static void test_printf(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 100);
    struct kms_str text = kms_arena_printf(&arena, "%s/%03d", "alias", 7);
    assert_string_equal(text.data, "alias/007");
    assert_int_equal(text.len, 9);
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

static void test_out_of_memory_is_no_memory(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 100000);
    assert_non_null(kms_arena_alloc(&arena, 10));
    memory_is_out = true;
    assert_null(kms_arena_alloc(&arena, 50000));
    assert_non_null(kms_arena_alloc(&arena, 20)); /* still room in the block that it has */
    memory_is_out = false;
    assert_non_null(kms_arena_alloc(&arena, 50000));
}

int main(void)
{
    if (CRYPTO_set_mem_functions(test_allocate, test_reallocate, test_release) != 1)
        return 1;
    /* OpenSSL 3.5 waits for itself for ever if the first allocation that it is asked for fails. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_aligned_and_separate),
        cmocka_unit_test(test_stops_at_its_maximum),
        cmocka_unit_test(test_counts_over_blocks),
        cmocka_unit_test(test_huge_sizes_do_not_wrap),
        cmocka_unit_test(test_reset_wipes_and_starts_over),
        cmocka_unit_test(test_is_usable_after_clean_up),
        cmocka_unit_test(test_copies_end_with_a_nul),
        cmocka_unit_test(test_copies_that_do_not_fit),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_out_of_memory_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
