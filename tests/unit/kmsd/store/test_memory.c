/* Each of SQLite's allocations fails in turn: no transaction is kept in part, nothing leaks, and
 * the store goes on. */
#include "store_fixture.h"

#include <sqlite3.h>
#include <stdatomic.h>

static sqlite3_mem_methods plain;
static atomic_size_t allowed = SIZE_MAX; /* allocations until one fails */
static atomic_bool failed;

static bool may_allocate(void)
{
    size_t now = atomic_load(&allowed);
    while (now != 0 && now != SIZE_MAX && !atomic_compare_exchange_weak(&allowed, &now, now - 1))
        continue;
    if (now == 0)
        atomic_store(&failed, true);
    return now != 0;
}

static void *counted_malloc(int size)
{
    return may_allocate() ? plain.xMalloc(size) : NULL;
}

static void *counted_realloc(void *data, int size)
{
    return may_allocate() ? plain.xRealloc(data, size) : NULL;
}

static void opening_may_run_out_of_memory(void **state)
{
    struct fixture *fixture = *state;
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    put_two_keys(store);
    kmsd_store_close(store);
    size_t failures = 0;
    for (size_t at = 0;; at += 3) {
        assert_in_range(at, 0, 100000);
        store = NULL;
        failed = false;
        allowed = at;
        enum kms_err err = kmsd_store_open(fixture->path, KMSD_STORE_EXISTING, &store, NULL);
        if (err == KMS_OK)
            err = kmsd_store_verified(store, NULL);
        allowed = SIZE_MAX;
        kmsd_store_close(store);
        if (!failed) {
            assert_int_equal(err, KMS_OK);
            break;
        }
        failures += err != KMS_OK;
    }
    assert_true(failures > 10);
    store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_counts(store, 2, 3, 3, 2);
    kmsd_store_close(store);
}

static bool put_third_key(struct kmsd_store *store)
{
    struct kmsd_key_row key = key_row("third");
    struct kmsd_material_row material = material_row("third", 1);
    struct kmsd_alias_row alias = alias_row("alias/third", "third");
    struct kmsd_tag_row tag = tag_row("third", "k", "v");
    if (kmsd_store_begin(store) != KMS_OK)
        return false;
    enum kms_err err = kmsd_store_put_key(store, &key);
    if (err == KMS_OK)
        err = kmsd_store_put_material(store, &material);
    if (err == KMS_OK)
        err = kmsd_store_put_alias(store, &alias);
    if (err == KMS_OK)
        err = kmsd_store_put_tag(store, &tag);
    enum kms_err committed = kmsd_store_commit(store);
    assert_true(err == KMS_OK || committed == err);
    return committed == KMS_OK;
}

static void writing_may_run_out_of_memory(void **state)
{
    struct fixture *fixture = *state;
    size_t failures = 0;
    for (size_t at = 0;; at++) {
        assert_in_range(at, 0, 100000);
        struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
        put_two_keys(store);
        failed = false;
        allowed = at;
        bool ok = put_third_key(store);
        allowed = SIZE_MAX;
        size_t more = ok ? 1 : 0;
        assert_counts(store, 2 + more, 3 + more, 3 + more, 2 + more);
        failures += !ok;
        assert_true(put_third_key(store));
        assert_counts(store, 3, 4, 4, 3);
        kmsd_store_close(store);
        assert_int_equal(unlink(fixture->path), 0);
        if (!failed)
            break;
    }
    assert_true(failures > 3);
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)

int main(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK)
        return 1;
    sqlite3_mem_methods counted = plain;
    counted.xMalloc = counted_malloc;
    counted.xRealloc = counted_realloc;
    /* No pools: each allocation is one of these. */
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counted) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        in_a_folder(opening_may_run_out_of_memory),
        in_a_folder(writing_may_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
