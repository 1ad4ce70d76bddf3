/* Finding and listing: against a plain list of what was put in. */
#include "bench.h"

enum { KEYS = 60, ALIASES = 90 };

static struct bench bench;
static char ids[KEYS][KMS_UUID_SIZE];
static char names[ALIASES][32];

static int compare_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Alias i leads to key i / 2 modulo KEYS, in the order in which the keys were made. */
static char owners[ALIASES][KMS_UUID_SIZE];

static int set_up(void **state)
{
    (void)state;
    bench_open(&bench, false);
    for (size_t i = 0; i < KEYS; i++) {
        KMSD_KEY_AUTO key = bench_create(&bench, here);
        (void)snprintf(ids[i], sizeof(ids[i]), "%.*s", (int)key->id.len, key->id.data);
    }
    kmsd_keys_lock(bench.keys);
    for (size_t i = 0; i < ALIASES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "alias/%02zu", i * 37 % ALIASES);
        const char *owner = ids[i * 37 % ALIASES / 2 % KEYS];
        KMSD_KEY_AUTO key = kmsd_keys_find(bench.keys, here, kms_str(owner), NOW);
        memcpy(owners[i * 37 % ALIASES], owner, KMS_UUID_SIZE);
        assert_int_equal(kmsd_keys_put_alias(bench.keys, key, kms_str(names[i]), NOW), KMS_OK);
    }
    kmsd_keys_unlock(bench.keys);
    qsort(ids, KEYS, sizeof(ids[0]), compare_text);
    qsort(names, ALIASES, sizeof(names[0]), compare_text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        KMSD_KEY_AUTO key = kmsd_keys_find(bench.keys, here, kms_str(ids[i]), NOW);
        assert_non_null(key);
        assert_true(kms_str_is(key->id, ids[i]));
        assert_true(kms_str_eq(key->realm.account, here.account));
        assert_true(kms_str_eq(key->realm.region, here.region));
    }
    static const char *const nowhere[] = {"", "0", "zzzz", "00000000-0000-0000-0000-000000000000"};
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        assert_null(kmsd_keys_find(bench.keys, here, kms_str(nowhere[i]), NOW));
        assert_null(kmsd_keys_find_alias(bench.keys, here, kms_str(nowhere[i]), NOW));
    }
    struct kmsd_realm others[] = {{here.account, kms_str("us-east-2")},
        {kms_str("111122223334"), here.region}, {kms_str(""), kms_str("")}};
    for (size_t i = 0; i < 3; i++) {
        assert_null(kmsd_keys_find(bench.keys, others[i], kms_str(ids[0]), NOW));
        assert_null(kmsd_keys_find_alias(bench.keys, others[i], kms_str(names[0]), NOW));
    }
    for (size_t i = 0; i < ALIASES; i++) {
        KMSD_ALIAS_AUTO alias = kmsd_keys_find_alias(bench.keys, here, kms_str(names[i]), NOW);
        assert_non_null(alias);
        assert_true(kms_str_is(alias->key_id, owners[i]));
    }
}

/* Every page size gives the same list, whole and in order. */
static void test_pages_of_keys(void **state)
{
    (void)state;
    for (size_t limit = 1; limit <= KEYS + 1; limit++) {
        struct kmsd_page page = {.limit = limit};
        char after[KMS_UUID_SIZE];
        size_t seen = 0;
        bool more = true;
        while (more) {
            KMS_ARENA_AUTO arena;
            kms_arena_init(&arena, 1 << 20);
            struct kms_key_list_entry_list list;
            assert_int_equal(
                kmsd_keys_list(bench.keys, here, &page, NOW, &arena, &list, &more), KMS_OK);
            assert_true(list.count <= limit && (!more || list.count == limit));
            for (size_t i = 0; i < list.count; i++)
                assert_true(kms_str_is(list.items[i].key_id, ids[seen++]));
            assert_true(list.count > 0);
            memcpy(after, list.items[list.count - 1].key_id.data, KMS_UUID_SIZE - 1);
            page.after = (struct kms_str){after, KMS_UUID_SIZE - 1};
        }
        assert_int_equal(seen, KEYS);
    }
}

static void test_pages_of_aliases(void **state)
{
    (void)state;
    for (size_t only = 0; only <= KEYS; only++) {
        for (size_t limit = 1; limit < 5; limit++) {
            struct kmsd_page page = {.limit = limit};
            if (only < KEYS)
                page.only_key_id = kms_str(ids[only]);
            char after[64];
            size_t at = 0;
            bool more = true;
            while (more) {
                KMS_ARENA_AUTO arena;
                kms_arena_init(&arena, 1 << 20);
                struct kms_alias_list_entry_list list;
                assert_int_equal(
                    kmsd_keys_list_aliases(bench.keys, here, &page, NOW, &arena, &list, &more),
                    KMS_OK);
                for (size_t i = 0; i < list.count; i++) {
                    while (only < KEYS && strcmp(owners[at], ids[only]) != 0)
                        at++;
                    assert_true(kms_str_is(list.items[i].alias_name, names[at++]));
                }
                if (list.count > 0) {
                    struct kms_str last = list.items[list.count - 1].alias_name;
                    memcpy(after, last.data, last.len);
                    page.after = (struct kms_str){after, last.len};
                }
            }
            for (; at < ALIASES; at++)
                assert_true(only < KEYS && strcmp(owners[at], ids[only]) != 0);
        }
    }
}

static void test_empty_realm(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    struct kmsd_realm nobody = {kms_str("999999999999"), here.region};
    struct kmsd_page page = {.limit = 10};
    struct kms_key_list_entry_list keys;
    struct kms_alias_list_entry_list aliases;
    bool more = true;
    assert_int_equal(kmsd_keys_list(bench.keys, nobody, &page, NOW, &arena, &keys, &more), KMS_OK);
    assert_false(more);
    assert_non_null(keys.items);
    assert_int_equal(keys.count, 0);
    more = true;
    assert_int_equal(
        kmsd_keys_list_aliases(bench.keys, nobody, &page, NOW, &arena, &aliases, &more), KMS_OK);
    assert_false(more);
    assert_non_null(aliases.items);
    assert_int_equal(aliases.count, 0);
}

/* Names of which many begin alike come and go in no order; after each, whoever should be there is. */
static void test_many_come_and_go(void **state)
{
    enum { MANY = 400, PRIME = 7919 };
    static const char *const beginnings[] = {"alias/a", "alias/ba", "alias/backup-", "alias/z"};
    char many[MANY][32];
    bool is_there[MANY] = {false};
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        (void)snprintf(many[i], sizeof(many[i]), "%s%03zu", beginnings[i % 4], i);
    for (size_t turn = 0; turn < (size_t)3 * MANY; turn++) {
        size_t i = turn * PRIME % MANY;
        KMSD_KEY_AUTO key = kmsd_keys_find(bench.keys, here, kms_str(ids[i % KEYS]), NOW);
        kmsd_keys_lock(bench.keys);
        if (is_there[i]) {
            assert_int_equal(kmsd_keys_delete_alias(bench.keys, here, kms_str(many[i])), KMS_OK);
        } else {
            assert_int_equal(kmsd_keys_put_alias(bench.keys, key, kms_str(many[i]), NOW), KMS_OK);
        }
        kmsd_keys_unlock(bench.keys);
        is_there[i] = !is_there[i];
        for (size_t k = turn % 7; k < MANY; k += turn + 1 == (size_t)3 * MANY ? 1 : 7) {
            const struct kmsd_alias *alias =
                kmsd_keys_find_alias(bench.keys, here, kms_str(many[k]), NOW);
            assert_true((alias != NULL) == is_there[k]);
            assert_true(alias == NULL || kms_str_is(alias->name, many[k]));
            kmsd_alias_release(alias);
        }
    }
}

/* A page that does not fit its arena is an error, and lets go of what it held. */
static void test_no_memory(void **state)
{
    (void)state;
    struct kmsd_page page = {.limit = 50};
    struct kms_key_list_entry_list keys;
    struct kms_alias_list_entry_list aliases;
    bool more;
    for (size_t max = 0; max < 6000; max += 200) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, max);
        assert_int_equal(
            kmsd_keys_list(bench.keys, here, &page, NOW, &arena, &keys, &more), KMS_ERR_NO_MEMORY);
        kms_arena_reset(&arena);
        assert_int_equal(
            kmsd_keys_list_aliases(bench.keys, here, &page, NOW, &arena, &aliases, &more),
            KMS_ERR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_pages_of_keys),
        cmocka_unit_test(test_pages_of_aliases),
        cmocka_unit_test(test_empty_realm),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_many_come_and_go),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
