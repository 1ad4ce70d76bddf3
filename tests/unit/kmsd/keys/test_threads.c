/*
 * Readers and writers at once. What a reader holds is one consistent moment of a key: writers set
 * description, tag and state together to the same number, or to none of it. Worth most under
 * ThreadSanitizer.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

enum { READERS = 3, WRITERS = 2, ROUNDS = 150 };

static struct bench bench;
static char id[KMS_UUID_SIZE];
static atomic_bool done;
static atomic_size_t failures;
static atomic_size_t erased;

/* cmocka's assertions jump, which they may do in the main thread alone. */
#define CHECK(condition)                            \
    do {                                            \
        if (!(condition)) {                         \
            atomic_fetch_add(&failures, 1);         \
            (void)fprintf(stderr, #condition "\n"); \
        }                                           \
    } while (false)

static int number_of(struct kms_str text)
{
    char digits[16] = "";
    if (text.len < sizeof(digits))
        memcpy(digits, text.data, text.len);
    return atoi(digits);
}

static void check_key(const struct kmsd_key *key)
{
    /* each change leaves the description as the tag says, or is one step ahead of it */
    if (key->tags.count == 0)
        return;
    int tag = number_of(key->tags.items[0].tag_value);
    int description = number_of(key->description);
    CHECK(description == tag || description == tag + 1);
    CHECK(kmsd_key_current_material(key) != NULL);
}

/* A use is noted whole or not at all. */
static void use_key(const struct kmsd_key *key)
{
    static _Atomic int uses = 1;
    char request_id[KMS_UUID_SIZE];
    struct kmsd_last_use last;
    int number = atomic_fetch_add(&uses, 1);
    (void)snprintf(request_id, sizeof(request_id), "%036d", number);
    kmsd_key_used(key, KMS_OP_ENCRYPT, number, request_id);
    if (kmsd_key_last_use(key, &last))
        CHECK(last.used_ms == atoi(last.request_id) && last.operation == KMS_OP_ENCRYPT);
}

static void *read_keys(void *context)
{
    (void)context;
    while (!atomic_load(&done)) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 1 << 20);
        KMSD_KEY_AUTO key = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
        CHECK(key != NULL);
        if (key != NULL) {
            check_key(key);
            use_key(key);
        }
        KMSD_ALIAS_AUTO alias = kmsd_keys_find_alias(bench.keys, here, kms_str("alias/x"), NOW);
        CHECK(alias != NULL && kms_str_is(alias->name, "alias/x"));

        struct kmsd_page page = {.limit = 20};
        struct kms_key_list_entry_list list;
        struct kms_alias_list_entry_list aliases;
        bool more;
        CHECK(kmsd_keys_list(bench.keys, here, &page, NOW, &arena, &list, &more) == KMS_OK);
        CHECK(list.count > 0);
        CHECK(kmsd_keys_list_aliases(bench.keys, here, &page, NOW, &arena, &aliases, &more) ==
              KMS_OK);
        CHECK(aliases.count > 0);
    }
    return NULL;
}

/* One number in two steps, and an alias that moves between the keys that are made. What it leaves
 * behind is erased. */
static void write_round(int number, const struct kmsd_key **former)
{
    char text[16];
    struct kmsd_new_key wanted = {
        .realm = here,
        .spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
        .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        .policy = kms_str("{}"),
    };
    KMSD_KEY_AUTO made = NULL;
    CHECK(kmsd_keys_create(bench.keys, &wanted, NOW, &made) == KMS_OK);

    kmsd_keys_lock(bench.keys);
    KMSD_KEY_AUTO first = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    int next = number_of(first->description) + 1;
    (void)snprintf(text, sizeof(text), "%d", next);
    CHECK(kmsd_keys_set_description(bench.keys, first, kms_str(text)) == KMS_OK);
    KMSD_KEY_AUTO second = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    CHECK(kms_str_is(second->description, text));
    struct kms_tag tag = {kms_str("number"), kms_str(text)};
    CHECK(kmsd_keys_tag(bench.keys, second, (struct kms_tag_list){&tag, 1}) == KMS_OK);
    CHECK(kmsd_keys_put_alias(bench.keys, made, kms_str("alias/x"), NOW + number) == KMS_OK);
    CHECK(kmsd_keys_put_alias(bench.keys, made, kms_str("alias/y"), NOW) == KMS_OK);
    CHECK(kmsd_keys_delete_alias(bench.keys, here, kms_str("alias/y")) == KMS_OK);
    KMSD_KEY_AUTO third = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    if (number % 10 == 0)
        CHECK(kmsd_keys_rotate(bench.keys, third, KMS_ROTATION_TYPE_ON_DEMAND, NOW) == KMS_OK);
    if (*former != NULL && kmsd_keys_count_aliases(bench.keys, *former, 1) == 0) {
        CHECK(kmsd_keys_erase(bench.keys, *former, NOW) == KMS_OK);
        atomic_fetch_add(&erased, 1);
    }
    kmsd_keys_unlock(bench.keys);
    if (number % 10 == 5)
        CHECK(kmsd_keys_save_uses(bench.keys) == KMS_OK);
    kmsd_key_release(*former);
    *former = made;
    made = NULL;
}

static void *write_keys(void *context)
{
    (void)context;
    KMSD_KEY_AUTO former = NULL;
    for (int i = 0; i < ROUNDS; i++)
        write_round(i, &former);
    return NULL;
}

static void test_readers_and_writers(void **state)
{
    (void)state;
    bench_open(&bench, false);
    const struct kmsd_key *key = bench_create(&bench, here);
    (void)snprintf(id, sizeof(id), "%.*s", (int)key->id.len, key->id.data);
    kmsd_keys_lock(bench.keys);
    assert_int_equal(kmsd_keys_put_alias(bench.keys, key, kms_str("alias/x"), NOW), KMS_OK);
    assert_int_equal(kmsd_keys_set_description(bench.keys, key, kms_str("0")), KMS_OK);
    kmsd_keys_unlock(bench.keys);
    kmsd_key_release(key);

    pthread_t readers[READERS];
    pthread_t writers[WRITERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_keys, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_keys, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    atomic_store(&done, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(atomic_load(&failures), 0);

    /* no change was lost */
    KMSD_KEY_AUTO last = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    assert_int_equal(number_of(last->description), WRITERS * ROUNDS);
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    struct kmsd_page page = {.limit = 1000};
    struct kms_key_list_entry_list list;
    bool more;
    assert_int_equal(kmsd_keys_list(bench.keys, here, &page, NOW, &arena, &list, &more), KMS_OK);
    assert_true(erased > ROUNDS / 2);
    assert_int_equal(list.count, 1 + WRITERS * ROUNDS - erased);
    kmsd_key_release(last);
    last = NULL;
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_and_writers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
