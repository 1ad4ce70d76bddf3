/* Nothing is given out twice: not from one batch to the next, and not on both sides of a fork. */
#include "crypto_fixture.h"

#include "kmsd/crypto/reserve.h"

#include <sys/wait.h>
#include <unistd.h>

enum { DRAWS = 1000, SIZE = 28 };

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SIZE);
}

static void assert_all_differ(uint8_t (*drawn)[SIZE], size_t count)
{
    qsort(drawn, count, SIZE, compare);
    for (size_t i = 1; i < count; i++)
        assert_true(compare(drawn[i - 1], drawn[i]) < 0);
}

static void draws_differ(void **state)
{
    (void)state;
    static uint8_t drawn[DRAWS][SIZE];
    struct kmsd_reserve *reserve = NULL;
    assert_int_equal(kmsd_reserve_new(KMSD_RESERVE_OF_SECRETS, &reserve), KMS_OK);
    for (size_t i = 0; i < DRAWS; i++)
        assert_int_equal(kmsd_reserve_draw(reserve, drawn[i], SIZE), KMS_OK);
    kmsd_reserve_free(reserve);
    assert_all_differ(drawn, DRAWS);
}

static void parent_and_child_draw_differently(void **state)
{
    (void)state;
    static uint8_t drawn[2 * DRAWS][SIZE];
    struct kmsd_reserve *reserve = NULL;
    uint8_t first[SIZE];
    int ends[2];
    assert_int_equal(kmsd_reserve_new(KMSD_RESERVE_OF_SECRETS, &reserve), KMS_OK);
    assert_int_equal(kmsd_reserve_draw(reserve, first, SIZE), KMS_OK); /* most of a batch is left */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    for (size_t i = 0; i < DRAWS; i++) {
        if (kmsd_reserve_draw(reserve, drawn[i], SIZE) != KMS_OK)
            _exit(1);
    }
    if (child == 0) {
        (void)close(ends[0]);
        const uint8_t *at = drawn[0];
        size_t left = (size_t)DRAWS * SIZE;
        while (left > 0) {
            ssize_t written = write(ends[1], at, left);
            if (written <= 0)
                _exit(1);
            at += written;
            left -= (size_t)written;
        }
        _exit(0);
    }
    (void)close(ends[1]);
    uint8_t *at = drawn[DRAWS];
    size_t left = (size_t)DRAWS * SIZE;
    while (left > 0) {
        ssize_t got = read(ends[0], at, left);
        assert_true(got > 0);
        at += got;
        left -= (size_t)got;
    }
    (void)close(ends[0]);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    kmsd_reserve_free(reserve);
    assert_all_differ(drawn, (size_t)2 * DRAWS);
}

/* Every length up to the largest of a batch, and those beyond it: all bytes are written. */
static void lengths_are_filled(void **state)
{
    (void)state;
    enum { MAX = 3 * KMSD_RESERVE_DRAW_MAX, TURNS = 40 };
    static const enum kmsd_reserve_of kinds[] = {KMSD_RESERVE_OF_NONCES, KMSD_RESERVE_OF_SECRETS};
    for (size_t kind = 0; kind < 2; kind++) {
        struct kmsd_reserve *reserve = NULL;
        assert_int_equal(kmsd_reserve_new(kinds[kind], &reserve), KMS_OK);
        for (size_t len = 0; len <= MAX; len++) {
            uint8_t seen[MAX + 1] = {0}; /* any byte that stays 0 in all turns was not written */
            for (int turn = 0; turn < TURNS; turn++) {
                uint8_t drawn[MAX + 1] = {0};
                assert_int_equal(kmsd_reserve_draw(reserve, drawn, len), KMS_OK);
                for (size_t i = 0; i <= MAX; i++)
                    seen[i] |= drawn[i];
            }
            for (size_t i = 0; i <= MAX; i++)
                assert_int_equal(seen[i] != 0, i < len);
        }
        kmsd_reserve_free(reserve);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_differ),
        cmocka_unit_test(parent_and_child_draw_differently),
        cmocka_unit_test(lengths_are_filled),
    };
    kmsd_reserve_free(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
