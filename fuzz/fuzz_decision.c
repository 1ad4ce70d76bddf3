/*
 * Whole decisions: the engine and the naive evaluator (tests/support/naive_policy.h) must agree, in
 * reason and deciding statement. An input that begins with "{" is a table of cases as
 * tests/vectors/policy has them, of which some are tried, or a case alone; any other is bytes that a
 * case is made of.
 */
#include "tests/support/decision_case.h"
#include "tests/support/decision_maker.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TRIED = 8 }; /* cases of a table in one run */

static void check(const json_t *table, const json_t *row)
{
    struct decision_case decision;
    char words[512];
    if (decision_case_read(&decision, table, row) &&
        !decision_case_agrees(&decision, words, sizeof(words))) {
        char *text = json_dumps(row, 0);
        (void)fprintf(stderr, "%s\n%s\n", text, words);
        abort();
    }
    decision_case_clean_up(&decision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    json_t *json = size > 0 && data[0] == '{'
                       ? json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error)
                       : decision_make(data, size);
    const json_t *cases = json_object_get(json, "cases");
    size_t count = json_array_size(cases);
    for (size_t i = 0; i < count && i < TRIED; i++)
        check(json, json_array_get(cases, (size + i) % count));
    if (json != NULL && cases == NULL)
        check(json, json);
    json_decref(json);
    return 0;
}
