/*
 * Each condition of the tables, as it would be in an Allow and in a Deny statement, against its
 * request.
 */
#include "tests/unit/kmsd/policy/policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool applies(struct policy_fixture *fixture, const json_t *row, bool is_deny,
    const struct kmsd_policy_context *context)
{
    const char *version = json_string_value(json_object_get(row, "version"));
    json_t *document = json_pack("{s:s,s:{s:s,s:s,s:s,s:O}}", "Version",
        version == NULL ? "2012-10-17" : version, "Statement", "Effect", is_deny ? "Deny" : "Allow",
        "Action", "*", "Resource", "*", "Condition", json_object_get(row, "if"));
    assert_non_null(document);
    struct kmsd_policy_verdict verdict;
    const struct kmsd_policy_question question = {
        .action = kms_str("kms:Decrypt"), .resource = kms_str("*"), .context = context};
    kmsd_policy_evaluate(policy_fixture_document(fixture, document, KMSD_POLICY_KIND_IDENTITY),
        &question, NULL, &verdict);
    json_decref(document);
    return (is_deny ? verdict.deny : verdict.allow[KMSD_MATCH_IMPLICIT]) == 0;
}

static void check_row(struct policy_fixture *fixture, const char *table, const json_t *row)
{
    static const char anyone[] = "{\"arn\": \"arn:aws:iam::111122223333:user/team/alice\"}";
    json_t *fallback = json_loads(anyone, 0, NULL);
    const json_t *who = json_object_get(row, "as");
    struct kmsd_policy_context context = {.resource_account = kms_str("111122223333")};
    context.subject = policy_fixture_subject(fixture, who == NULL ? fallback : who);
    context.entries =
        policy_fixture_entries(fixture, json_object_get(row, "with"), &context.entry_count);
    bool is_met = json_is_true(json_object_get(row, "met"));
    const json_t *in_deny = json_object_get(row, "met_in_deny");
    bool is_met_in_deny = in_deny == NULL ? is_met : json_is_true(in_deny);
    bool allow = applies(fixture, row, false, &context);
    bool deny = applies(fixture, row, true, &context);
    if (allow != is_met || deny != is_met_in_deny) {
        char *text = json_dumps(row, JSON_COMPACT);
        fail_msg("%s: %s: allow %d, deny %d", table, text, allow, deny);
    }
    json_decref(fallback);
    policy_fixture_next(fixture);
}

static void check_table(const char *name, size_t least)
{
    struct policy_fixture fixture;
    size_t index;
    json_t *row;
    policy_fixture_open(&fixture, name);
    const json_t *rows = json_object_get(fixture.table, "cases");
    assert_true(json_array_size(rows) >= least);
    json_array_foreach(rows, index, row)
    {
        if (json_string_value(json_object_get(row, "rule")) == NULL)
            fail_msg("%s: case %zu names no rule", name, index);
        check_row(&fixture, name, row);
    }
    policy_fixture_close(&fixture);
}

static void test_strings(void **state)
{
    (void)state;
    check_table("conditions-string.json", 70);
}

static void test_values(void **state)
{
    (void)state;
    check_table("conditions-value.json", 110);
}

static void test_arns(void **state)
{
    (void)state;
    check_table("conditions-arn.json", 25);
}

static void test_sets(void **state)
{
    (void)state;
    check_table("conditions-set.json", 50);
}

static void test_variables(void **state)
{
    (void)state;
    check_table("conditions-variable.json", 35);
}

static void test_keys(void **state)
{
    (void)state;
    check_table("conditions-key.json", 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_arns),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
