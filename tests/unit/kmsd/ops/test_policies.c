/* GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. */
#include "common.h"

static void test_default_policy(void **state)
{
    struct rig *rig = *state;
    json_t *answer = rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${K}','PolicyName':'default'}");
    ASSERT_MEMBERS(answer, "Policy", "PolicyName");
    assert_string_equal(text_of(answer, "PolicyName"), "default");
    assert_string_equal(text_of(answer, "Policy"),
        "{\n"
        "  \"Version\" : \"2012-10-17\",\n"
        "  \"Id\" : \"key-default-1\",\n"
        "  \"Statement\" : [ {\n"
        "    \"Sid\" : \"Enable IAM User Permissions\",\n"
        "    \"Effect\" : \"Allow\",\n"
        "    \"Principal\" : {\n"
        "      \"AWS\" : \"arn:aws:iam::" RIG_ACCOUNT ":root\"\n"
        "    },\n"
        "    \"Action\" : \"kms:*\",\n"
        "    \"Resource\" : \"*\"\n"
        "  } ]\n"
        "}");
}

/* One statement that gives the account everything, and a second. */
#define ACCOUNT_AND(statement)                                                              \
    "{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\"," \
    "\\\"Principal\\\":{\\\"AWS\\\":\\\"" RIG_ACCOUNT                                       \
    "\\\"},\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}" statement "]}"
#define DENY_TO_ALL(action)                                                                \
    ",{\\\"Effect\\\":\\\"Deny\\\",\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"" action \
    "\\\",\\\"Resource\\\":\\\"*\\\"}"
#define PUT(policy) "{'KeyId':'${K}','Policy':'" policy "'}"
#define PUT_BYPASS(policy) \
    "{'KeyId':'${K}','BypassPolicyLockoutSafetyCheck':true,'Policy':'" policy "'}"
#define ROOT    "User: arn:aws:iam::" RIG_ACCOUNT ":root is not authorized to perform: "
#define LOCKOUT "The new key policy will not allow you to update the key policy in the future."
#define NO_STATEMENT_WITH_ROOT                                                          \
    "{\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":{\\\"AWS\\\":" \
    "\\\"" RIG_OTHER "\\\"},\\\"Action\\\":\\\"kms:*\\\",\\\"Resource\\\":\\\"*\\\"}]}"

static void test_put(void **state)
{
    struct rig *rig = *state;
    assert_null(rig_ok(rig, "PutKeyPolicy", PUT(ACCOUNT_AND(""))));
    json_t *answer = rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${K_ARN}'}");
    assert_string_equal(text_of(answer, "Policy"), "{\n"
                                                   "  \"Version\" : \"2012-10-17\",\n"
                                                   "  \"Statement\" : [ {\n"
                                                   "    \"Effect\" : \"Allow\",\n"
                                                   "    \"Principal\" : {\n"
                                                   "      \"AWS\" : \"" RIG_ACCOUNT "\"\n"
                                                   "    },\n"
                                                   "    \"Action\" : \"kms:*\",\n"
                                                   "    \"Resource\" : \"*\"\n"
                                                   "  } ]\n"
                                                   "}");
    answer = rig_ok(rig, "CreateKey", "{'Policy':'" ACCOUNT_AND("") "'}");
    rig_set(rig, "K", text_of(json_object_get(answer, "KeyMetadata"), "KeyId"));
    assert_non_null(
        strstr(text_of(rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${K}'}"), "Policy"), RIG_ACCOUNT));
}

/* A policy decides from the answer to PutKeyPolicy on, also against the account's root. */
static void test_decides(void **state)
{
    struct rig *rig = *state;
    (void)rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA=='}");
    (void)rig_ok(rig, "PutKeyPolicy", PUT(ACCOUNT_AND(DENY_TO_ALL("kms:encrypt"))));
    rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA=='}", "AccessDeniedException",
        ROOT "kms:Encrypt on resource: ${K_ARN} with an explicit deny in a resource-based policy");
    (void)rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}");
    (void)rig_ok(rig, "PutKeyPolicy", PUT_BYPASS(NO_STATEMENT_WITH_ROOT));
    rig_fault(rig, "GetKeyPolicy", "{'KeyId':'${K}'}", "AccessDeniedException",
        ROOT "kms:GetKeyPolicy on resource: ${K_ARN} because no resource-based policy allows the "
             "kms:GetKeyPolicy action");
}

static void test_lockout(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"PutKeyPolicy", PUT(NO_STATEMENT_WITH_ROOT), "MalformedPolicyDocumentException", LOCKOUT},
        {"PutKeyPolicy", PUT(ACCOUNT_AND(DENY_TO_ALL("kms:PutKeyPolicy"))),
            "MalformedPolicyDocumentException", LOCKOUT},
        {"CreateKey", "{'Policy':'" NO_STATEMENT_WITH_ROOT "'}", "MalformedPolicyDocumentException",
            LOCKOUT},
    };
    rig_faults(rig, cases, COUNT(cases));
    (void)rig_ok(rig, "CreateKey",
        "{'BypassPolicyLockoutSafetyCheck':true,'Policy':'" NO_STATEMENT_WITH_ROOT "'}");
    /* and nothing has changed */
    assert_non_null(strstr(text_of(rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${K}'}"), "Policy"),
        "Enable IAM User Permissions"));
}

/* Of what an older version took and this one cannot read: nobody may use the key, and only the
 * account's root may put that right. */
static void test_unreadable(void **state)
{
    struct rig *rig = *state;
    const struct kmsd_realm realm = {kms_str(RIG_ACCOUNT), kms_str(RIG_REGION)};
    kmsd_keys_lock(rig->keys);
    KMSD_KEY_AUTO key = kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, "K")), rig_now_ms);
    assert_non_null(key);
    assert_int_equal(
        kmsd_keys_set_policy(rig->keys, key, kms_str("{\"Statement\":{\"Sid\":\"x\"}}")), KMS_OK);
    kmsd_keys_unlock(rig->keys);
    rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA=='}", "AccessDeniedException",
        ROOT "kms:Encrypt on resource: ${K_ARN} because no resource-based policy allows the "
             "kms:Encrypt action");
    assert_non_null(
        strstr(text_of(rig_ok(rig, "GetKeyPolicy", "{'KeyId':'${K}'}"), "Policy"), "Sid"));
    rig->caller = RIG_ACCOUNT " " RIG_REGION " alice";
    rig_send(rig, "GetKeyPolicy", "{'KeyId':'${K}'}");
    assert_int_equal(rig->status, 400);
    rig->caller = RIG_ACCOUNT " " RIG_REGION;
    (void)rig_ok(rig, "PutKeyPolicy", PUT(ACCOUNT_AND("")));
    (void)rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'AA=='}");
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    static const struct rig_case cases[] = {
        {"PutKeyPolicy", "{'KeyId':'${K}','Policy':'nonsense'}", "MalformedPolicyDocumentException",
            ""},
        {"PutKeyPolicy", "{'KeyId':'${K}','Policy':'{\\\"a\\\":1,\\\"a\\\":1}'}",
            "MalformedPolicyDocumentException", ""},
        {"PutKeyPolicy", "{'KeyId':'${K}','Policy':'[]'}", "MalformedPolicyDocumentException",
            "A policy must be a JSON object."},
        {"PutKeyPolicy", "{'KeyId':'${K}','Policy':'{}'}", "MalformedPolicyDocumentException",
            "A policy must have at least one statement."},
        {"PutKeyPolicy", "{'KeyId':'${K}','Policy':'x','PolicyName':'other'}", "NotFoundException",
            "No such policy exists"},
        {"GetKeyPolicy", "{'KeyId':'${K}','PolicyName':'other'}", "NotFoundException",
            "No such policy exists"},
        {"GetKeyPolicy", "{'KeyId':'${K}','PolicyName':'invalid-name'}", "ValidationException",
            "1 validation error detected: Value 'invalid-name' at 'policyName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [\\w]+"},
        {"PutKeyPolicy", "{'KeyId':'${K}'}", "ValidationException",
            "1 validation error detected: Value null at 'policy' failed to satisfy constraint: "
            "Member must not be null"},
        {"GetKeyPolicy", "{'KeyId':'" NOBODY "'}", "NotFoundException",
            "Key 'arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/" NOBODY "' does not exist"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

static void test_list(void **state)
{
    struct rig *rig = *state;
    json_t *answer = rig_ok(rig, "ListKeyPolicies", "{'KeyId':'${K}','Limit':1}");
    ASSERT_MEMBERS(answer, "PolicyNames", "Truncated");
    assert_true(json_is_false(json_object_get(answer, "Truncated")));
    assert_int_equal(json_array_size(json_object_get(answer, "PolicyNames")), 1);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(answer, "PolicyNames"), 0)), "default");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_default_policy),
        T(test_put),
        T(test_decides),
        T(test_lockout),
        T(test_unreadable),
        T(test_refused),
        T(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
