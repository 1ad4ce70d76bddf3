/* Destroyed material is in no file, not even in the copies that SQLite leaves where no row is. */
#include "kmsd/store/engine.h"
#include "tests/unit/kmsd/store/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { KEYS = 120, CHANGES = 400, AT_ONCE = 12, SECRET = 61, PLANTED = 64 };

struct churned {
    char id[37];
    bool is_there;
    uint8_t secret[SECRET];
};

/* The same numbers in each run (xorshift64). */
static uint64_t draw(void)
{
    static uint64_t state = 0x853c49e6748fea9bU;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint8_t *read_file(const char *path, size_t *size)
{
    struct stat info;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    uint8_t *octets = malloc((size_t)info.st_size + 1);
    assert_int_equal(pread(fd, octets, (size_t)info.st_size, 0), info.st_size);
    (void)close(fd);
    *size = (size_t)info.st_size;
    return octets;
}

static void put(struct kmsd_store *store, struct churned *key)
{
    static char text[400];
    memset(text, 'd', sizeof(text));
    for (size_t i = 0; i < SECRET; i++)
        key->secret[i] = (uint8_t)(draw() >> 32);
    struct kmsd_key_row row = key_row(key->id);
    struct kmsd_material_row material = material_row(key->id, 1);
    material.wrapped = kms_bytes(key->secret, SECRET);
    material.description = (struct kms_str){text, draw() % sizeof(text)};
    assert_int_equal(kmsd_store_put_key(store, &row), KMS_OK);
    assert_int_equal(kmsd_store_put_material(store, &material), KMS_OK);
    key->is_there = true;
}

/* Either of the ways in which material ends. */
static void destroy(struct kmsd_store *store, struct churned *key, uint8_t secret[SECRET])
{
    memcpy(secret, key->secret, SECRET);
    struct kms_str id = kms_str(key->id);
    struct kmsd_material_row empty = material_row(key->id, 1);
    empty.wrapped = kms_bytes("", 0);
    empty.import_state = TEXT("PENDING_IMPORT");
    empty.expires_ms = 0;
    if (draw() % 4 == 0) { /* replaced */
        put(store, key);
        return;
    }
    if (draw() % 4 == 0)
        assert_int_equal(kmsd_store_put_material(store, &empty), KMS_OK);
    else if (draw() % 2 == 0)
        assert_int_equal(
            kmsd_store_delete_material(store, TEXT(ACCOUNT), TEXT(REGION), id, 1), KMS_OK);
    else
        assert_int_equal(kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), id), KMS_OK);
    key->is_there = false;
}

static void change_many(
    struct kmsd_store *store, struct churned *keys, uint8_t (*gone)[SECRET], size_t *gone_count)
{
    *gone_count = 0;
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    for (size_t i = 0; i < AT_ONCE; i++) {
        struct churned *key = &keys[draw() % KEYS];
        if (key->is_there)
            destroy(store, key, gone[(*gone_count)++]);
        else
            put(store, key);
    }
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
}

static void copies_between_rows_are_destroyed_too(void **state)
{
    struct fixture *fixture = *state;
    static struct churned keys[KEYS];
    static uint8_t gone[AT_ONCE][SECRET];
    size_t gone_count = 0;
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    for (size_t i = 0; i < KEYS; i++)
        (void)snprintf(keys[i].id, sizeof(keys[i].id), "%08x-12ab-34cd-56ef-%012x",
            (unsigned)(draw() >> 32), (unsigned)i);
    for (size_t change = 0; change < CHANGES; change++) {
        size_t size = 0;
        change_many(store, keys, gone, &gone_count);
        uint8_t *octets = read_file(fixture->path, &size);
        for (size_t i = 0; i < gone_count; i++)
            assert_null(memmem(octets, size, gone[i], SECRET));
        free(octets);
    }
    kmsd_store_close(store);
    store = open_ok(fixture->path, KMSD_STORE_EXISTING); /* and what is left is sound */
    kmsd_store_close(store);
}

/* Writes octets where the file has nothing, as a copy that was left behind. */
static void plant(const char *path, const uint8_t *octets, size_t len)
{
    static const uint8_t nothing[4 * PLANTED];
    size_t size = 0;
    uint8_t *file = read_file(path, &size);
    uint8_t *gap = memmem(file + 8192, size - 8192, nothing, sizeof(nothing));
    assert_non_null(gap);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0 && pwrite(fd, octets, len, (off_t)(gap - file) + PLANTED) == (ssize_t)len);
    (void)close(fd);
    free(file);
}

static bool has(const char *path, const uint8_t *octets, size_t len)
{
    size_t size = 0;
    uint8_t *file = read_file(path, &size);
    bool found = memmem(file, size, octets, len) != NULL;
    free(file);
    return found;
}

/* A process ends after it has destroyed something, in order or not. */
static void a_process_that_was_killed_leaves_it_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    uint8_t copy[PLANTED];
    for (size_t i = 0; i < sizeof(copy); i++)
        copy[i] = (uint8_t)(draw() >> 32);
    uint8_t value[1];
    size_t len = 0;
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    static struct churned key = {.id = KEY_A};
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    put(store, &key);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A)), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_int_equal(
        kmsd_store_get_setting(store, TEXT("unscrubbed"), value, sizeof(value), &len), KMS_OK);
    assert_true(len == 1 && value[0] == 1);
    store->is_noted = false; /* the process is killed: it does not come to say that all is well */
    kmsd_store_close(store);
    plant(fixture->path, copy, sizeof(copy));

    store = open_ok(fixture->path, KMSD_STORE_EXISTING);
    assert_false(has(fixture->path, copy, sizeof(copy)));
    assert_false(store->is_noted);
    kmsd_store_close(store);
    plant(fixture->path, copy, sizeof(copy));
    store =
        open_ok(fixture->path, KMSD_STORE_EXISTING); /* nothing was destroyed: nothing is done */
    assert_true(has(fixture->path, copy, sizeof(copy)));
    kmsd_store_close(store);
}

/* What was not destroyed after all needs no search. */
static void a_rollback_forgets(void **state)
{
    struct fixture *fixture = *state;
    static struct churned key = {.id = KEY_A};
    struct kmsd_store *store = open_ok(fixture->path, KMSD_STORE_CREATE);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    put(store, &key);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    assert_int_equal(
        kmsd_store_delete_key(store, TEXT(ACCOUNT), TEXT(REGION), TEXT(KEY_A)), KMS_OK);
    assert_true(store->destroyed.len != 0);
    kmsd_store_rollback(store);
    assert_int_equal(store->destroyed.len, 0);
    kmsd_store_close(store);
    assert_true(has(fixture->path, key.secret, SECRET));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            copies_between_rows_are_destroyed_too, set_up_folder, tear_down_folder),
        cmocka_unit_test_setup_teardown(
            a_process_that_was_killed_leaves_it_to_the_next, set_up_folder, tear_down_folder),
        cmocka_unit_test_setup_teardown(a_rollback_forgets, set_up_folder, tear_down_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
