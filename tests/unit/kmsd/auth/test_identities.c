/* The identities file: what is taken, and how it is said what is wrong with one. */
#include "kmsd/auth/identities.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define USER "'Arn':'arn:aws:iam::111122223333:user/a'"
#define KEY  "'AccessKeys':[{'AccessKeyId':'AKIA1','SecretAccessKey':'s'}]"
#define DOC \
    "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':'kms:*','Resource':'*'}}"

/* ' stands for ". */
static void quote(const char *from, char *out, size_t size)
{
    size_t i = 0;
    for (; from[i] != '\0'; i++) {
        assert_true(i + 1 < size);
        out[i] = from[i];
        if (out[i] == '\'')
            out[i] = '"';
    }
    out[i] = '\0';
}

static enum kms_err parse(
    const char *text, struct kmsd_identities **out, struct kmsd_detail *detail)
{
    char quoted[4096];
    quote(text, quoted, sizeof(quoted));
    detail->text[0] = '\0';
    return kmsd_identities_parse(kms_str(quoted), out, detail);
}

static void test_taken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{'Users':[],'Roles':[],'Roots':[]}",
        "{'Roots':[{'Account':'111122223333'," KEY "}]}",
        "{'Users':[{" USER ",'UserId':'AIDA','Tags':{'a':'b'},'Policies':[" DOC "],"
        "'PermissionsBoundary':" DOC "," KEY "}]}",
        "{'Roles':[{'Arn':'arn:aws:iam::111122223333:role/p/r','RoleId':'AROA','Policies':[" DOC
        "],'Sessions':[{'Name':'s','SessionPolicies':[" DOC "]," KEY "},{'Name':'t'}]}]}",
        "{'Services':[{'Service':'ledger.example.internal'," KEY "}]}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct kmsd_identities *identities = NULL;
        struct kmsd_detail detail;
        enum kms_err err = parse(texts[i], &identities, &detail);
        if (err != KMS_OK)
            print_error("%s: %s\n", texts[i], detail.text);
        assert_int_equal(err, KMS_OK);
        kmsd_identities_free(identities);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "line 1"},
        {"[]", "the file: must be an object"},
        {"{'Groups':[]}", "the file.Groups: is no member that is known here"},
        {"{'Users':{}}", "Users: must be a list"},
        {"{'Users':[{}]}", "Users[0].Arn: is missing"},
        {"{'Users':[{'Arn':'arn:aws:iam::111122223333:role/a'}]}",
            "Users[0].Arn: must be the ARN of a user"},
        {"{'Users':[{" USER ",'Boundary':" DOC "}]}",
            "Users[0].Boundary: is no member that is known here"},
        {"{'Users':[{" USER ",'Policies':[1]}]}", "Users[0].Policies: must be a policy document"},
        {"{'Users':[{" USER ",'Policies':[{'Statement':{'Effect':'Maybe'}}]}]}",
            "Users[0].Policies: "},
        {"{'Users':[{" USER ",'Tags':{'a':1}}]}", "Users[0].Tags: has a value that is no text"},
        {"{'Users':[{" USER "},{" USER ",'AccessKeys':[{'AccessKeyId':'x'}]}]}",
            "Users[1].SecretAccessKey: is missing"},
        {"{'Users':[{" USER ",'AccessKeys':[{},{},{}]}]}",
            "Users[0].AccessKeys: has too many items"},
        {"{'Services':[{}]}", "Services[0].Service: is missing"},
        {"{'Services':[{'Service':'ledger'}]}", "Services[0].Service: must be the name of a"},
        {"{'Roots':[{'Account':'1'}]}", "Roots[0].Account: must be 12 digits"},
        {"{'Roles':[{'Arn':'arn:aws:iam::111122223333:role/r','Sessions':[{'Name':'a'},"
         "{'Name':'a/b'}]}]}",
            "Roles[0].Sessions[1].Name: is not the name of a session"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kmsd_identities *identities = NULL;
        struct kmsd_detail detail;
        assert_int_equal(parse(cases[i].text, &identities, &detail), KMS_ERR_CONFIG);
        assert_null(identities);
        if (strstr(detail.text, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].text, detail.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
