/* Statements: whom, what and where they mean; what a trace tells. */
#include "tests/unit/kmsd/policy/policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char key_arn[] =
    "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

static bool has_applied(const struct kmsd_policy_verdict *verdict, bool is_deny)
{
    if (is_deny)
        return verdict->deny == 0;
    for (size_t i = 0; i < KMSD_MATCH_COUNT_; i++)
        if (verdict->allow[i] == 0)
            return true;
    return false;
}

static bool applies(struct policy_fixture *fixture, const json_t *row, bool is_deny)
{
    static const char alice[] = "{\"arn\": \"arn:aws:iam::111122223333:user/team/alice\"}";
    json_t *fallback = json_loads(alice, 0, NULL);
    json_t *statement = json_deep_copy(json_object_get(row, "statement"));
    (void)json_object_set_new(statement, "Effect", json_string(is_deny ? "Deny" : "Allow"));
    bool names = json_object_get(statement, "Principal") != NULL ||
                 json_object_get(statement, "NotPrincipal") != NULL;
    const json_t *who = json_object_get(row, "as");
    const struct kmsd_policy_context context = {
        .subject = policy_fixture_subject(fixture, who == NULL ? fallback : who),
        .resource_account = kms_str("111122223333"),
    };
    struct kmsd_policy_question question = {
        .action = policy_fixture_str(row, "action"),
        .resource = policy_fixture_str(row, "resource"),
        .context = &context,
    };
    if (question.action.data == NULL)
        question.action = kms_str("kms:Decrypt");
    if (question.resource.data == NULL)
        question.resource = kms_str(key_arn);
    struct kmsd_policy_verdict verdict;
    kmsd_policy_evaluate(policy_fixture_document(fixture, statement,
                             names ? KMSD_POLICY_KIND_KEY : KMSD_POLICY_KIND_IDENTITY),
        &question, NULL, &verdict);
    json_decref(statement);
    json_decref(fallback);
    return has_applied(&verdict, is_deny);
}

static void test_statements(void **state)
{
    (void)state;
    struct policy_fixture fixture;
    size_t index;
    json_t *row;
    policy_fixture_open(&fixture, "statements.json");
    const json_t *rows = json_object_get(fixture.table, "cases");
    assert_true(json_array_size(rows) >= 85);
    json_array_foreach(rows, index, row)
    {
        const char *rule = json_string_value(json_object_get(row, "rule"));
        bool expected = json_is_true(json_object_get(row, "applies"));
        const json_t *in_deny = json_object_get(row, "applies_in_deny");
        bool expected_in_deny = in_deny == NULL ? expected : json_is_true(in_deny);
        assert_non_null(rule);
        if (!json_is_true(json_object_get(row, "deny_only")) &&
            applies(&fixture, row, false) != expected)
            fail_msg("%s: allow", rule);
        if (applies(&fixture, row, true) != expected_in_deny)
            fail_msg("%s: deny", rule);
        policy_fixture_next(&fixture);
    }
    policy_fixture_close(&fixture);
}

/* --- verdicts and traces ---------------------------------------------------------------------- */

static const char five_statements[] =
    "{\"Statement\":["
    "{\"Sid\":\"inert\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"other action\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:Encrypt\","
    "\"Resource\":\"*\"},"
    "{\"Sid\":\"other caller\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"999988887777\"},"
    "\"Action\":\"kms:*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"other key\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\","
    "\"Resource\":\"arn:aws:kms:us-west-2:111122223333:key/x\"},"
    "{\"Sid\":\"unmet\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":"
    "\"*\",\"Condition\":{\"StringEquals\":{\"kms:ViaService\":\"x\"}}},"
    "{\"Sid\":\"account\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"},"
    "\"Action\":\"kms:*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"user\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"111122223333\","
    "\"arn:aws:iam::111122223333:user/alice\"]},\"Action\":\"kms:*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"denied\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":"
    "\"*\"},"
    "{\"Sid\":\"after\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":"
    "\"*\"}]}";

struct told {
    struct kmsd_policy_finding findings[16];
    size_t count;
};

static void tell(void *arg, const struct kmsd_policy_finding *finding)
{
    struct told *told = arg;
    told->findings[told->count++] = *finding;
}

static void test_trace(void **state)
{
    (void)state;
    static const enum kmsd_policy_miss misses[] = {KMSD_MISS_INERT, KMSD_MISS_ACTION,
        KMSD_MISS_PRINCIPAL, KMSD_MISS_RESOURCE, KMSD_MISS_CONDITION, KMSD_MISS_NOTHING,
        KMSD_MISS_NOTHING, KMSD_MISS_NOTHING, KMSD_MISS_NOTHING};
    const struct kmsd_policy_subject alice = {.kind = KMSD_SUBJECT_USER,
        .account = KMS_STR_LITERAL("111122223333"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:user/alice")};
    const struct kmsd_policy_context context = {.subject = &alice};
    const struct kmsd_policy_question question = {
        kms_str("kms:Decrypt"), kms_str(key_arn), &context};
    struct kmsd_policy_document *document =
        policy_parse_text(five_statements, KMSD_POLICY_KIND_KEY);
    struct told told = {.count = 0};
    const struct kmsd_policy_trace trace = {tell, &told};
    struct kmsd_policy_verdict verdict, untraced;

    kmsd_policy_evaluate(document, &question, &trace, &verdict);
    assert_int_equal(told.count, 9);
    for (size_t i = 0; i < told.count; i++) {
        assert_int_equal(told.findings[i].statement, i);
        assert_int_equal(told.findings[i].miss, misses[i]);
        assert_int_equal(told.findings[i].is_deny, i == 4 || i == 7);
    }
    assert_true(kms_str_is(told.findings[4].operator_name, "StringEquals"));
    assert_true(kms_str_is(told.findings[4].key, "kms:ViaService"));
    assert_int_equal(told.findings[6].match, KMSD_MATCH_PRINCIPAL);
    assert_int_equal(verdict.deny, 7);
    assert_int_equal(verdict.allow[KMSD_MATCH_ACCOUNT], 5);
    assert_int_equal(verdict.allow[KMSD_MATCH_PRINCIPAL], 6);
    assert_int_equal(verdict.allow[KMSD_MATCH_EVERYONE], 8);
    assert_int_equal(verdict.allow[KMSD_MATCH_ISSUER], KMSD_POLICY_NO_STATEMENT);

    /* without a trace, nothing after the first deny is looked at */
    kmsd_policy_evaluate(document, &question, NULL, &untraced);
    assert_int_equal(untraced.deny, 7);
    assert_int_equal(untraced.allow[KMSD_MATCH_EVERYONE], KMSD_POLICY_NO_STATEMENT);
    kmsd_policy_document_free(document);
}

static void test_overlong_action(void **state)
{
    (void)state;
    char action[KMSD_POLICY_ACTION_MAX + 2];
    memset(action, 'a', sizeof(action));
    const struct kmsd_policy_subject alice = {.kind = KMSD_SUBJECT_USER};
    const struct kmsd_policy_context context = {.subject = &alice};
    struct kmsd_policy_question question = {
        {action, KMSD_POLICY_ACTION_MAX}, kms_str("*"), &context};
    struct kmsd_policy_verdict verdict;
    struct kmsd_policy_document *document = policy_parse_text(
        "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}",
        KMSD_POLICY_KIND_IDENTITY);
    kmsd_policy_evaluate(document, &question, NULL, &verdict);
    assert_int_equal(verdict.allow[KMSD_MATCH_IMPLICIT], 0);
    question.action.len++;
    kmsd_policy_evaluate(document, &question, NULL, &verdict);
    assert_int_equal(verdict.allow[KMSD_MATCH_IMPLICIT], KMSD_POLICY_NO_STATEMENT);
    kmsd_policy_document_free(document);
}

/* A trust policy hangs on its role: it names no resource and covers that one. */
static void test_trust(void **state)
{
    (void)state;
    struct kmsd_policy_document *document = policy_parse_text(
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
        "\"arn:aws:iam::111122223333:user/alice\"},\"Action\":\"sts:AssumeRole\"}}",
        KMSD_POLICY_KIND_TRUST);
    struct kmsd_policy_subject who = {.kind = KMSD_SUBJECT_USER,
        .account = KMS_STR_LITERAL("111122223333"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:user/alice")};
    const struct kmsd_policy_context context = {.subject = &who};
    const struct kmsd_policy_question question = {
        kms_str("sts:AssumeRole"), kms_str("arn:aws:iam::111122223333:role/r"), &context};
    struct kmsd_policy_verdict verdict;
    kmsd_policy_evaluate(document, &question, NULL, &verdict);
    assert_int_equal(verdict.allow[KMSD_MATCH_PRINCIPAL], 0);
    who.arn = kms_str("arn:aws:iam::111122223333:user/bob");
    kmsd_policy_evaluate(document, &question, NULL, &verdict);
    assert_int_equal(verdict.allow[KMSD_MATCH_PRINCIPAL], KMSD_POLICY_NO_STATEMENT);
    kmsd_policy_document_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_overlong_action),
        cmocka_unit_test(test_trust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
