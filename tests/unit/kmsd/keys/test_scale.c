/* A hundred thousand keys, kept in less than 250 MiB; with sanitizers fewer, and more memory. */
#include "bench.h"

#include <malloc.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
#define FULL_SIZE 0 /* larger and slower than what users run */
#else
#define FULL_SIZE 1
#endif

enum { KEYS = FULL_SIZE ? 100000 : 20000 };

static const char policy[] =
    "{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{\"Sid\":\"Enable IAM "
    "User "
    "Permissions\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"},"
    "\"Action\":\"kms:*\",\"Resource\":\"*\"}]}";

static void put_key(struct bench *bench, size_t number)
{
    char id[64];
    char arn[128];
    char alias[64];
    (void)snprintf(
        id, sizeof(id), "%08zx-1234-4234-8234-123456789abc", number * 2654435761U % 4294967291U);
    (void)snprintf(arn, sizeof(arn), "arn:aws:kms:us-east-1:111122223333:key/%s", id);
    (void)snprintf(alias, sizeof(alias), "alias/service/%zu", number);
    struct kmsd_key_row row = {
        .account = here.account,
        .region = here.region,
        .key_id = kms_str(id),
        .key_spec = kms_str("SYMMETRIC_DEFAULT"),
        .key_usage = kms_str("ENCRYPT_DECRYPT"),
        .origin = kms_str("AWS_KMS"),
        .key_manager = kms_str("CUSTOMER"),
        .key_state = kms_str("Enabled"),
        .description = kms_str("one of very many keys"),
        .policy = kms_str(policy),
        .created_ms = NOW,
    };
    uint8_t material_id[KMSD_MATERIAL_ID_SIZE];
    KMS_BUF_AUTO wrapped;
    kms_buf_init(&wrapped, KMSD_WRAPPED_SECRET_MAX);
    assert_int_equal(
        kmsd_custody_generate_symmetric(bench->custody, kms_str(arn), material_id, &wrapped),
        KMS_OK);
    struct kmsd_material_row material = {
        .account = here.account,
        .region = here.region,
        .key_id = row.key_id,
        .material_id = kms_bytes(material_id, sizeof(material_id)),
        .version = 1,
        .wrapped = kms_buf_bytes(&wrapped),
        .created_ms = NOW,
        .state = kms_str("CURRENT"),
    };
    struct kmsd_tag_row tag = {
        here.account, here.region, row.key_id, kms_str("team"), kms_str("backup")};
    struct kmsd_alias_row name = {here.account, here.region, kms_str(alias), row.key_id, NOW, NOW};
    assert_int_equal(kmsd_store_put_key(bench->store, &row), KMS_OK);
    assert_int_equal(kmsd_store_put_material(bench->store, &material), KMS_OK);
    assert_int_equal(kmsd_store_put_tag(bench->store, &tag), KMS_OK);
    assert_int_equal(kmsd_store_put_alias(bench->store, &name), KMS_OK);
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_very_many_keys(void **state)
{
    (void)state;
    struct bench bench;
    struct kmsd_detail detail;
    struct kmsd_keys *keys = NULL;
    bench_open(&bench, false);
    assert_int_equal(kmsd_store_begin(bench.store), KMS_OK);
    for (size_t i = 0; i < KEYS; i++)
        put_key(&bench, i);
    assert_int_equal(kmsd_store_commit(bench.store), KMS_OK);

    size_t before = mallinfo2().uordblks;
    double start = seconds();
    assert_int_equal(kmsd_keys_open(bench.store, bench.custody, &keys, &detail), KMS_OK);
    double took = seconds() - start;
    size_t bytes = mallinfo2().uordblks - before;
    print_message("%d keys: %.2f s, %.1f MiB\n", KEYS, took, (double)bytes / (1 << 20));
    if (FULL_SIZE)
        assert_true(bytes < (size_t)250 << 20);

    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    struct kmsd_page page = {.limit = 1000};
    struct kms_key_list_entry_list list;
    size_t seen = 0;
    bool more = true;
    while (more) {
        assert_int_equal(kmsd_keys_list(keys, here, &page, NOW, &arena, &list, &more), KMS_OK);
        seen += list.count;
        static char after[64];
        struct kms_str last = list.items[list.count - 1].key_id;
        memcpy(after, last.data, last.len);
        page.after = (struct kms_str){after, last.len};
        kms_arena_reset(&arena);
    }
    assert_int_equal(seen, KEYS);
    KMSD_ALIAS_AUTO alias = kmsd_keys_find_alias(keys, here, kms_str("alias/service/17777"), NOW);
    assert_non_null(alias);
    KMSD_KEY_AUTO key = kmsd_keys_find(keys, here, alias->key_id, NOW);
    assert_non_null(key);
    assert_int_equal(key->tags.count, 1);
    kmsd_key_release(key);
    kmsd_alias_release(alias);
    key = NULL;
    alias = NULL;
    kmsd_keys_close(keys);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_very_many_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
