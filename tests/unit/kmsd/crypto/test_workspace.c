/* The pool: one taker at a time, wiped between uses, large storage given back. */
#include "crypto_fixture.h"

#include "kmsd/crypto/workspace.h"

static void workspaces_are_used_again_and_wiped(void **state)
{
    (void)state;
    static const uint8_t wrapping_key[KMSD_AEAD_KEY_SIZE] = {9};
    static const uint8_t zero[2 * KMSD_AEAD_KEY_SIZE] = {0};
    struct kmsd_workspace_pool pool;
    assert_int_equal(kmsd_workspace_pool_init(&pool, wrapping_key), KMS_OK);
    struct kmsd_workspace *one = NULL;
    struct kmsd_workspace *two = NULL;
    assert_int_equal(kmsd_workspace_take(&pool, &one), KMS_OK);
    assert_int_equal(kmsd_workspace_take(&pool, &two), KMS_OK);
    assert_ptr_not_equal(one, two);
    memset(one->material_key, 0xaa, KMSD_AEAD_KEY_SIZE);
    memset(one->message_key, 0xbb, KMSD_AEAD_KEY_SIZE);
    uint8_t *keys = one->material_key;
    assert_non_null(kms_buf_extend(&one->aad, 100000));
    kmsd_workspace_give(&pool, one);
    assert_memory_equal(keys, zero, sizeof(zero));
    struct kmsd_workspace *again = NULL;
    assert_int_equal(kmsd_workspace_take(&pool, &again), KMS_OK);
    assert_ptr_equal(again, one);
    assert_int_equal(again->aad.capacity, 0);
    kmsd_workspace_give(&pool, again);
    kmsd_workspace_give(&pool, two);
    kmsd_workspace_pool_clean_up(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workspaces_are_used_again_and_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
