/* What is told about documents that parse. */
#include "kmsd/policy/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void note(void *arg, size_t statement, const char *text)
{
    char *out = arg;
    size_t len = strlen(out);
    (void)snprintf(out + len, 2048 - len, "%zu: %s\n", statement, text);
}

/* ' stands for ". */
static void check(enum kmsd_policy_kind kind, const char *document, const char *expected)
{
    char text[2048], told[2048] = "";
    (void)snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':%s}", document);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    struct kmsd_policy_document *parsed = NULL;
    struct kmsd_policy_problem problem;
    if (kmsd_policy_parse(kms_str(text), kind, &parsed, &problem) != KMS_OK)
        fail_msg("%s: %s", text, problem.text);
    kmsd_policy_lint(parsed, note, told);
    kmsd_policy_document_free(parsed);
    assert_string_equal(told, expected);
}

#define OWNER "'Principal':{'AWS':'111122223333'}"

static void test_nothing_to_tell(void **state)
{
    (void)state;
    check(KMSD_POLICY_KIND_KEY,
        "{'Effect':'Allow'," OWNER ",'Action':['kms:*','kms:reencrypt*','kms:ReEncryptTo',"
        "'kms:?ncrypt','*','s3:Nothing'],'Resource':'*','Condition':{'StringEquals':"
        "{'kms:KeySpec':'RSA_2048','aws:SomethingNew':'x','kms:EncryptionContext:a':'b'}}}",
        "");
    check(KMSD_POLICY_KIND_KEY,
        "[{'Effect':'Allow','Principal':'*','Action':'kms:Encrypt','Resource':'*','Condition':"
        "{'StringEquals':{'kms:CallerAccount':'111122223333'}}},"
        "{'Effect':'Deny','Principal':'*','Action':'kms:Encrypt','Resource':'*'}]",
        "");
}

static void test_statements(void **state)
{
    (void)state;
    check(KMSD_POLICY_KIND_KEY,
        "[{'Effect':'Allow'," OWNER ",'Action':'kms:*'},"
        "{'Effect':'Allow','Principal':'*','Action':'kms:*','Resource':'*'}]",
        "0: it never applies: it has no Action or no Resource\n"
        "1: it allows everyone, of every account\n");
}

static void test_actions(void **state)
{
    (void)state;
    check(KMSD_POLICY_KIND_IDENTITY,
        "{'Effect':'Deny','Action':['kms:ReEncrypt','kms:Encrypted','kms:Enc*x?','kms:Decrypt'],"
        "'Resource':'*'}",
        "0: the service has no action kms:reencrypt\n"
        "0: the service has no action kms:encrypted\n"
        "0: the service has no action kms:enc*x?\n");
}

static void test_conditions(void **state)
{
    (void)state;
    check(KMSD_POLICY_KIND_IDENTITY,
        "[{'Effect':'Allow','Action':'kms:*','Resource':'*','Condition':{'StringEquals':"
        "{'kms:KeySpecs':'x'},'ForAllValues:StringEquals':{'aws:TagKeys':'a'}}},"
        "{'Effect':'Allow','Action':'kms:*','Resource':'*','Condition':{'Null':"
        "{'aws:tagkeys':'false'},'ForAllValues:StringEquals':{'aws:TagKeys':'a'}}},"
        "{'Effect':'Deny','Action':'kms:*','Resource':'*','Condition':"
        "{'ForAllValues:StringEquals':{'aws:TagKeys':'a'}}}]",
        "0: the service has no condition key kms:KeySpecs: it counts as missing\n"
        "0: ForAllValues:StringEquals holds when the request has no aws:TagKeys; "
        "\"Null\": {\"aws:TagKeys\": \"false\"} rules that out\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_tell),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_conditions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
