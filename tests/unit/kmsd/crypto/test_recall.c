/* Material kept open: found by all that vouches for it and by nothing less, and wiped when told. */
#include "crypto_fixture.h"

#include "kmsd/crypto/kdf.h"
#include "kmsd/crypto/recall.h"
#include "kmsd/crypto/record.h"
#include "kmsd/crypto/workspace.h"

enum { RECORD_SIZE = KMSD_KDF_KEY_SIZE + KMSD_RECORD_OVERHEAD };

static const uint8_t record[RECORD_SIZE + 1] = {1, 2, 3};
static const uint8_t plaintext[KMSD_KDF_KEY_SIZE] = {42, 43};

static struct kmsd_material material_of(uint8_t first, uint8_t second)
{
    return (struct kmsd_material){
        .key_arn = KMS_STR_LITERAL("arn:aws:kms:us-east-1:000000000000:key/a"),
        .id = {first, second},
        .record_version = KMSD_MATERIAL_VERSION,
        .wrapped = {record, RECORD_SIZE},
    };
}

static void only_the_same_material_is_found(void **state)
{
    struct kmsd_recall *recall = NULL;
    struct kmsd_material kept = material_of(7, 0);
    uint8_t altered[RECORD_SIZE];
    (void)state;
    assert_int_equal(kmsd_recall_new(&recall), KMS_OK);
    assert_null(kmsd_recall_find(recall, &kept));
    kmsd_recall_keep(recall, &kept, plaintext);
    assert_memory_equal(kmsd_recall_find(recall, &kept), plaintext, sizeof(plaintext));

    struct kmsd_material other = kept;
    other.id[KMSD_MATERIAL_ID_SIZE - 1] ^= 1;
    assert_null(kmsd_recall_find(recall, &other));
    other = kept;
    other.key_arn = kms_str("arn:aws:kms:us-east-1:000000000000:key/b");
    assert_null(kmsd_recall_find(recall, &other));
    other.key_arn = (struct kms_str){kept.key_arn.data, kept.key_arn.len - 1};
    assert_null(kmsd_recall_find(recall, &other));
    other.key_arn.len = 0;
    assert_null(kmsd_recall_find(recall, &other));
    other = kept;
    other.wrapped.len++;
    assert_null(kmsd_recall_find(recall, &other));
    other.wrapped = kms_bytes(altered, sizeof(altered));
    for (size_t i = 0; i < sizeof(altered); i++) {
        memcpy(altered, record, sizeof(altered));
        altered[i] ^= 0x80;
        assert_null(kmsd_recall_find(recall, &other));
    }
    kmsd_recall_free(recall);
    kmsd_recall_free(NULL);
}

static struct kmsd_material in_one_set(uint8_t number)
{
    struct kmsd_material material = material_of(7, 1);
    material.id[KMSD_MATERIAL_ID_SIZE - 1] = number;
    return material;
}

/* Four fit where hashes are the same; the fifth takes the place of the first. */
static void the_next_one_takes_the_oldest_place(void **state)
{
    enum { WAYS = 4 };
    struct kmsd_recall *recall = NULL;
    struct kmsd_material elsewhere = material_of(8, 1);
    (void)state;
    assert_int_equal(kmsd_recall_new(&recall), KMS_OK);
    kmsd_recall_keep(recall, &elsewhere, plaintext);
    for (uint8_t i = 0; i <= WAYS; i++) {
        struct kmsd_material material = in_one_set(i);
        const uint8_t own[KMSD_KDF_KEY_SIZE] = {i};
        kmsd_recall_keep(recall, &material, own);
        for (uint8_t k = 0; k <= i; k++) {
            struct kmsd_material before = in_one_set(k);
            const uint8_t *found = kmsd_recall_find(recall, &before);
            if (i == WAYS && k == 0)
                assert_null(found);
            else
                assert_int_equal(found[0], k);
        }
    }
    assert_non_null(kmsd_recall_find(recall, &elsewhere));
    kmsd_recall_free(recall);
}

static void long_names_are_not_kept(void **state)
{
    struct kmsd_recall *recall = NULL;
    char name[KMSD_RECALL_NAME_MAX + 1];
    struct kmsd_material material = material_of(1, 1);
    (void)state;
    memset(name, 'a', sizeof(name));
    assert_int_equal(kmsd_recall_new(&recall), KMS_OK);
    material.key_arn = (struct kms_str){name, sizeof(name)};
    kmsd_recall_keep(recall, &material, plaintext);
    assert_null(kmsd_recall_find(recall, &material));
    material.key_arn.len--;
    kmsd_recall_keep(recall, &material, plaintext);
    assert_non_null(kmsd_recall_find(recall, &material));
    kmsd_recall_free(recall);
}

static void clearing_wipes(void **state)
{
    static const uint8_t zero[KMSD_KDF_KEY_SIZE] = {0};
    struct kmsd_recall *recall = NULL;
    struct kmsd_material material = material_of(9, 1);
    (void)state;
    assert_int_equal(kmsd_recall_new(&recall), KMS_OK);
    kmsd_recall_keep(recall, &material, plaintext);
    const uint8_t *at = kmsd_recall_find(recall, &material);
    kmsd_recall_clear(recall);
    assert_memory_equal(at, zero, sizeof(zero));
    assert_null(kmsd_recall_find(recall, &material));
    kmsd_recall_free(recall);
}

static void one_is_forgotten_and_the_others_not(void **state)
{
    static const uint8_t zero[KMSD_KDF_KEY_SIZE] = {0};
    struct kmsd_recall *recall = NULL;
    struct kmsd_material first = in_one_set(1);
    struct kmsd_material second = in_one_set(2);
    struct kmsd_material never = in_one_set(3);
    (void)state;
    assert_int_equal(kmsd_recall_new(&recall), KMS_OK);
    kmsd_recall_keep(recall, &first, plaintext);
    kmsd_recall_keep(recall, &second, plaintext);
    const uint8_t *at = kmsd_recall_find(recall, &first);
    kmsd_recall_forget(recall, never.id);
    assert_non_null(kmsd_recall_find(recall, &first));
    kmsd_recall_forget(recall, first.id);
    assert_memory_equal(at, zero, sizeof(zero));
    assert_null(kmsd_recall_find(recall, &first));
    assert_non_null(kmsd_recall_find(recall, &second));
    kmsd_recall_clear(recall);
    assert_null(kmsd_recall_find(recall, &second));
    kmsd_recall_free(recall);
}

static const uint8_t wrapping_key[KMSD_AEAD_KEY_SIZE] = {9};

/* Those in use forget when they are given back, the others at once. */
static void a_pool_forgets_in_all_its_workspaces(void **state)
{
    struct kmsd_material material = material_of(3, 1);
    struct kmsd_material other = material_of(4, 1);
    struct kmsd_workspace_pool pool;
    struct kmsd_workspace *idle = NULL;
    struct kmsd_workspace *busy = NULL;
    (void)state;
    assert_int_equal(kmsd_workspace_pool_init(&pool, wrapping_key), KMS_OK);
    assert_int_equal(kmsd_workspace_take(&pool, &idle), KMS_OK);
    assert_int_equal(kmsd_workspace_take(&pool, &busy), KMS_OK);
    kmsd_recall_keep(idle->recall, &material, plaintext);
    kmsd_recall_keep(busy->recall, &material, plaintext);
    kmsd_recall_keep(idle->recall, &other, plaintext);
    kmsd_recall_keep(busy->recall, &other, plaintext);
    kmsd_workspace_give(&pool, idle);
    assert_non_null(kmsd_recall_find(idle->recall, &material));
    kmsd_workspace_pool_forget(&pool, material.id);
    assert_null(kmsd_recall_find(idle->recall, &material));
    assert_non_null(kmsd_recall_find(idle->recall, &other));
    assert_non_null(kmsd_recall_find(busy->recall, &material));
    kmsd_workspace_give(&pool, busy);
    assert_null(kmsd_recall_find(busy->recall, &material));
    assert_non_null(kmsd_recall_find(busy->recall, &other));
    kmsd_workspace_pool_clean_up(&pool);
}

/* So many as are noted are forgotten one by one; when there were more, everything is. */
static void who_was_out_for_long_forgets_all(void **state)
{
    for (uint8_t many = 1; many <= KMSD_FORGOTTEN_KEPT + 1; many++) {
        struct kmsd_material other = material_of(0, 200);
        struct kmsd_workspace_pool pool;
        struct kmsd_workspace *busy = NULL;
        (void)state;
        assert_int_equal(kmsd_workspace_pool_init(&pool, wrapping_key), KMS_OK);
        pool.forgets = 5; /* the ring has been gone round in part */
        assert_int_equal(kmsd_workspace_take(&pool, &busy), KMS_OK);
        kmsd_recall_keep(busy->recall, &other, plaintext);
        for (uint8_t i = 0; i < many; i++) {
            struct kmsd_material material = material_of(0, i);
            kmsd_recall_keep(busy->recall, &material, plaintext);
            kmsd_workspace_pool_forget(&pool, material.id);
        }
        kmsd_workspace_give(&pool, busy);
        for (uint8_t i = 0; i < many; i++) {
            struct kmsd_material material = material_of(0, i);
            assert_null(kmsd_recall_find(busy->recall, &material));
        }
        assert_true(
            (kmsd_recall_find(busy->recall, &other) != NULL) == (many <= KMSD_FORGOTTEN_KEPT));
        kmsd_workspace_pool_clean_up(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_same_material_is_found),
        cmocka_unit_test(the_next_one_takes_the_oldest_place),
        cmocka_unit_test(long_names_are_not_kept),
        cmocka_unit_test(clearing_wipes),
        cmocka_unit_test(one_is_forgotten_and_the_others_not),
        cmocka_unit_test(a_pool_forgets_in_all_its_workspaces),
        cmocka_unit_test(who_was_out_for_long_forgets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
