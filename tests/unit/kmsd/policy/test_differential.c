/*
 * The engine against the naive evaluator: on every row of the tables, where both must also say what
 * is written there, and on cases made of random bytes.
 */
#include "tests/support/decision_case.h"
#include "tests/support/decision_maker.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void check_case(const json_t *table, const json_t *row, bool is_required, size_t *read)
{
    struct decision_case decision;
    char words[512];
    const char *expected = json_string_value(json_object_get(row, "expect"));
    if (decision_case_read(&decision, table, row)) {
        (*read)++;
        bool agrees = decision_case_agrees(&decision, words, sizeof(words));
        struct naive_result naive = naive_decide(&decision.naive);
        bool is_expected = expected == NULL || strcmp(naive.reason, expected) == 0;
        if (!agrees || !is_expected) {
            char *text = json_dumps(row, 0);
            (void)fprintf(stderr, "%s\n", text);
            free(text);
            fail_msg("%s", agrees ? naive.reason : words);
        }
    } else if (is_required) {
        fail_msg("%s is no case", json_string_value(json_object_get(row, "rule")));
    }
    decision_case_clean_up(&decision);
}

static size_t check_table(const char *name)
{
    char path[1024];
    json_error_t error;
    size_t index, read = 0;
    json_t *row;
    (void)snprintf(path, sizeof(path), "%s/policy/%s", KMS_TEST_VECTORS, name);
    json_t *table = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (table == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    json_array_foreach(json_object_get(table, "cases"), index, row)
    {
        check_case(table, row, true, &read);
    }
    json_decref(table);
    return read;
}

static void test_tables(void **state)
{
    (void)state;
    size_t read = 0;
    DIR *folder = opendir(KMS_TEST_VECTORS "/policy");
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (strncmp(entry->d_name, "decisions-", 10) == 0)
            read += check_table(entry->d_name);
    (void)closedir(folder);
    assert_true(read >= 1100);
}

/* xorshift64*: the same cases each time. */
static uint8_t next_byte(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint8_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 56);
}

static void test_made(void **state)
{
    enum { CASES = 5000, LEN = 400 };
    (void)state;
    uint64_t seed = UINT64_C(0x9e3779b97f4a7c15);
    size_t read = 0;
    for (size_t i = 0; i < CASES; i++) {
        uint8_t bytes[LEN];
        for (size_t k = 0; k < LEN; k++)
            bytes[k] = next_byte(&seed);
        json_t *row = decision_make(bytes, LEN);
        assert_non_null(row);
        check_case(NULL, row, false, &read);
        json_decref(row);
    }
    assert_true(read > CASES / 2); /* the others are refused by the parser */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
