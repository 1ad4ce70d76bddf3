/* The ring of what waits: order, room, what a killed process left, and what another version did. */
#include "kmsd/audit/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char path[64];
    int folder;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return 1;
    (void)strcpy(f->path, "/tmp/kmsd-spool-XXXXXX");
    if (mkdtemp(f->path) == NULL)
        return 1;
    f->folder = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return f->folder < 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    (void)unlinkat(f->folder, "spool", 0);
    (void)close(f->folder);
    int status = rmdir(f->path);
    free(f);
    return status;
}

static struct kmsd_spool *open_spool(const struct fixture *f, struct kmsd_spool_left *left)
{
    struct kmsd_spool *spool = NULL;
    struct kmsd_detail detail;
    assert_int_equal(kmsd_spool_open(f->folder, &spool, left, &detail), KMS_OK);
    return spool;
}

static void put(struct kmsd_spool *spool, const char *text, uint64_t expected)
{
    uint64_t number = 0;
    assert_int_equal(kmsd_spool_put_record(spool, kms_str(text), &number), KMS_OK);
    assert_true(number == expected);
}

static void expect(struct kmsd_spool *spool, uint64_t *at, const char *text, uint64_t number)
{
    struct kmsd_spooled next;
    assert_true(kmsd_spool_peek(spool, at, &next));
    assert_int_equal(next.kind, KMSD_SPOOL_RECORD);
    assert_true(next.is_whole && next.number == number);
    assert_int_equal(next.bytes.len, strlen(text));
    assert_memory_equal(next.bytes.data, text, next.bytes.len);
}

static void nothing_is_left(struct kmsd_spool *spool, uint64_t at)
{
    struct kmsd_spooled next;
    assert_false(kmsd_spool_peek(spool, &at, &next));
}

static void things_are_taken_in_the_order_of_their_numbers(void **state)
{
    struct kmsd_spool_left left;
    struct kmsd_spool *spool = open_spool(*state, &left);
    struct kmsd_spool_place place;
    struct kmsd_spooled next;
    uint64_t at = 0;
    kmsd_spool_number(spool, 7);
    put(spool, "one", 7);
    assert_int_equal(kmsd_spool_begin(spool, KMSD_SPOOL_REQUEST, 5, &place), KMS_OK);
    assert_true(place.number == 8 && (uintptr_t)place.data % sizeof(uint64_t) == 0);
    put(spool, "three", 9);
    expect(spool, &at, "one", 7);
    nothing_is_left(spool, at); /* what has begun holds up all behind it */
    memcpy(place.data, "2two2", 5);
    kmsd_spool_put(&place);
    assert_true(kmsd_spool_peek(spool, &at, &next));
    assert_int_equal(next.kind, KMSD_SPOOL_REQUEST);
    assert_true(next.is_whole && next.number == 8 && next.bytes.len == 5);
    assert_memory_equal(next.bytes.data, "2two2", 5);
    expect(spool, &at, "three", 9);
    nothing_is_left(spool, at);
    assert_false(kmsd_spool_is_empty(spool));
    kmsd_spool_give_up(spool, at);
    assert_true(kmsd_spool_is_empty(spool));
    kmsd_spool_close(spool);
}

static void it_says_when_it_is_full(void **state)
{
    struct kmsd_spool_left left;
    struct kmsd_spool *spool = open_spool(*state, &left);
    struct kmsd_spool_place place;
    enum { LEN = 100000 };
    size_t count = 0;
    uint64_t at = 0;
    struct kmsd_spooled next;
    for (int round = 0; round < 3; round++) { /* over the end of the ring as well */
        while (kmsd_spool_begin(spool, KMSD_SPOOL_RECORD, LEN, &place) == KMS_OK) {
            memset(place.data, (int)(count % 251), LEN);
            kmsd_spool_put(&place);
            count++;
        }
        assert_int_equal(kmsd_spool_begin(spool, KMSD_SPOOL_RECORD, LEN, &place), KMS_ERR_BUSY);
        for (size_t taken = 0; taken < 50; taken++) {
            assert_true(kmsd_spool_peek(spool, &at, &next));
            assert_int_equal(next.bytes.len, LEN);
            assert_int_equal(next.bytes.data[0], next.number % 251);
            assert_int_equal(next.bytes.data[LEN - 1], next.number % 251);
        }
        kmsd_spool_give_up(spool, at);
    }
    assert_true(count > 150);
    assert_int_equal(kmsd_spool_begin(spool, KMSD_SPOOL_RECORD, KMS_TRAIL_RECORD_MAX + 1, &place),
        KMS_ERR_LIMIT);
    kmsd_spool_close(spool);
}

/* Closing without giving up is what a kill comes to. */
static void the_next_process_finds_what_was_left(void **state)
{
    struct kmsd_spool_left left;
    struct kmsd_spool_place place;
    struct kmsd_spooled next;
    uint64_t at = 0;
    struct kmsd_spool *spool = open_spool(*state, &left);
    kmsd_spool_number(spool, 1);
    put(spool, "one", 1);
    assert_int_equal(kmsd_spool_begin(spool, KMSD_SPOOL_REQUEST, 64, &place), KMS_OK);
    put(spool, "three", 3);
    kmsd_spool_close(spool);

    spool = open_spool(*state, &left);
    assert_false(left.is_damaged || left.has_power_loss);
    expect(spool, &at, "one", 1);
    assert_true(kmsd_spool_peek(spool, &at, &next));
    assert_true(!next.is_whole && next.number == 2); /* nobody waits for that any more */
    expect(spool, &at, "three", 3);
    nothing_is_left(spool, at);
    kmsd_spool_close(spool);
}

static void overwrite(const struct fixture *f, off_t at, const void *bytes, size_t len)
{
    int fd = openat(f->folder, "spool", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    (void)close(fd);
}

static void damage_is_told(void **state)
{
    enum { FIRST_SLOT = 4096, KIND_AT = 16 };
    static const uint64_t kind = 99;
    struct kmsd_spool_left left;
    struct kmsd_spool *spool = open_spool(*state, &left);
    kmsd_spool_number(spool, 1);
    put(spool, "one", 1);
    kmsd_spool_close(spool);
    overwrite(*state, FIRST_SLOT + KIND_AT, &kind, sizeof(kind));
    spool = open_spool(*state, &left);
    assert_true(left.is_damaged);
    assert_true(kmsd_spool_is_empty(spool));
    kmsd_spool_close(spool);
}

/* Another version's spool is taken over if it is empty, and left alone if it is not. */
static void another_version_may_have_used_it(void **state)
{
    static const char magic[] = "kmsdspool 2\n";
    struct kmsd_spool_left left;
    struct kmsd_spool *spool = open_spool(*state, &left);
    kmsd_spool_number(spool, 1);
    put(spool, "one", 1);
    kmsd_spool_give_up(spool, UINT64_C(32)); /* a slot and its eight bytes */
    assert_true(kmsd_spool_is_empty(spool));
    kmsd_spool_close(spool);
    overwrite(*state, 0, magic, sizeof(magic));
    spool = open_spool(*state, &left);
    assert_false(left.is_damaged || left.has_power_loss);
    kmsd_spool_number(spool, 2);
    put(spool, "two", 2);
    kmsd_spool_close(spool);
    overwrite(*state, 0, magic, sizeof(magic));
    struct kmsd_detail detail = {.text = ""};
    assert_int_equal(kmsd_spool_open(((struct fixture *)*state)->folder, &spool, &left, &detail),
        KMS_ERR_UNSUPPORTED);
    assert_non_null(strstr(detail.text, "another version"));
    overwrite(*state, 0, "kmsdspool 3\n", sizeof(magic));
    spool = open_spool(*state, &left);
    uint64_t at = 0;
    expect(spool, &at, "two", 2); /* nothing was touched */
    kmsd_spool_close(spool);
}

/* After a restart of the machine nobody reads what was in it, whoever left it. */
static void a_restart_of_the_machine_gives_it_up(void **state)
{
    enum { BOOT_AT = 16 };
    static const char *const magics[] = {"kmsdspool 3\n", "kmsdspool 2\n"};
    for (size_t i = 0; i < 2; i++) {
        struct kmsd_spool_left left;
        struct kmsd_spool *spool = open_spool(*state, &left);
        kmsd_spool_number(spool, 1);
        put(spool, "one", 1);
        kmsd_spool_close(spool);
        overwrite(*state, 0, magics[i], sizeof("kmsdspool 3\n"));
        overwrite(*state, BOOT_AT, "another start", sizeof("another start"));
        spool = open_spool(*state, &left);
        assert_true(left.has_power_loss && !left.is_damaged);
        assert_true(kmsd_spool_is_empty(spool));
        kmsd_spool_close(spool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            things_are_taken_in_the_order_of_their_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_says_when_it_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_process_finds_what_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_version_may_have_used_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_of_the_machine_gives_it_up, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
