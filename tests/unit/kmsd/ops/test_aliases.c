/* CreateAlias, UpdateAlias, DeleteAlias, ListAliases. */
#include "common.h"

#define ALIAS_ARN "arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":"

static void test_life(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    rig_key(rig, "L");
    assert_null(rig_ok(rig, "CreateAlias", "{'AliasName':'alias/a/b_c-1','TargetKeyId':'${K}'}"));
    json_t *answer = rig_ok(rig, "ListAliases", "{}");
    ASSERT_MEMBERS(answer, "Aliases", "Truncated");
    assert_int_equal(json_array_size(json_object_get(answer, "Aliases")), 1);
    const json_t *entry = json_array_get(json_object_get(answer, "Aliases"), 0);
    ASSERT_MEMBERS(
        entry, "AliasName", "AliasArn", "TargetKeyId", "CreationDate", "LastUpdatedDate");
    assert_string_equal(text_of(entry, "AliasName"), "alias/a/b_c-1");
    assert_string_equal(text_of(entry, "AliasArn"), ALIAS_ARN "alias/a/b_c-1");
    assert_string_equal(text_of(entry, "TargetKeyId"), rig_get(rig, "K"));
    assert_time(entry, "CreationDate", then);
    assert_time(entry, "LastUpdatedDate", then);

    rig_now_ms = then + 5000;
    assert_null(
        rig_ok(rig, "UpdateAlias", "{'AliasName':'alias/a/b_c-1','TargetKeyId':'${L_ARN}'}"));
    answer = rig_ok(rig, "ListAliases", "{}");
    entry = json_array_get(json_object_get(answer, "Aliases"), 0);
    assert_string_equal(text_of(entry, "TargetKeyId"), rig_get(rig, "L"));
    assert_time(entry, "CreationDate", then);
    assert_time(entry, "LastUpdatedDate", then + 5000);
    answer = rig_ok(rig, "Encrypt", "{'KeyId':'alias/a/b_c-1','Plaintext':'eA=='}");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "L_ARN"));
    assert_int_equal(
        json_array_size(json_object_get(rig_ok(rig, "ListAliases", "{'KeyId':'${K}'}"), "Aliases")),
        0);

    assert_null(rig_ok(rig, "DeleteAlias", "{'AliasName':'alias/a/b_c-1'}"));
    rig_fault(rig, "DescribeKey", "{'KeyId':'alias/a/b_c-1'}", "NotFoundException",
        "Alias " ALIAS_ARN "alias/a/b_c-1 is not found.");
    rig_now_ms = then;
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    static const char prefix[] =
        "Alias must start with the prefix \"alias/\". Please see "
        "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
    static const struct rig_case cases[] = {
        {"CreateAlias", "{'AliasName':'x','TargetKeyId':'" NOBODY "'}", "ValidationException",
            prefix},
        {"UpdateAlias", "{'AliasName':'x','TargetKeyId':'${K}'}", "ValidationException", prefix},
        {"DeleteAlias", "{'AliasName':'x'}", "ValidationException", prefix},
        {"CreateAlias", "{'AliasName':'alias/aws/x','TargetKeyId':'${K}'}",
            "NotAuthorizedException", ""},
        {"DeleteAlias", "{'AliasName':'alias/aws/x'}", "NotFoundException",
            "Alias " ALIAS_ARN "alias/aws/x is not found."},
        {"CreateAlias", "{'AliasName':'alias/my:alias','TargetKeyId':'${K}'}",
            "ValidationException", "alias/my:alias contains invalid characters for an alias"},
        {"CreateAlias", "{'AliasName':'alias/','TargetKeyId':'${K}'}", "ValidationException",
            "alias/ contains invalid characters for an alias"},
        {"CreateAlias", "{'AliasName':'alias/a b','TargetKeyId':'${K}'}", "ValidationException",
            "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
        {"CreateAlias", "{'AliasName':'alias/y','TargetKeyId':'alias/x'}", "ValidationException",
            "Aliases must refer to keys. Not aliases"},
        {"UpdateAlias", "{'AliasName':'alias/x','TargetKeyId':'" ALIAS_ARN "alias/x'}",
            "ValidationException", "Aliases must refer to keys. Not aliases"},
        {"CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}", "AlreadyExistsException",
            "An alias with the name " ALIAS_ARN "alias/x already exists"},
        {"CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'" NOBODY "'}", "NotFoundException",
            "Key '" ALIAS_ARN "key/" NOBODY "' does not exist"},
        {"UpdateAlias", "{'AliasName':'alias/y','TargetKeyId':'${K}'}", "NotFoundException",
            "Alias " ALIAS_ARN "alias/y is not found."},
        {"UpdateAlias", "{'AliasName':'alias/x','TargetKeyId':'foo'}", "NotFoundException",
            "Invalid keyId 'foo'"},
        {"DeleteAlias", "{'AliasName':'alias/y'}", "NotFoundException",
            "Alias " ALIAS_ARN "alias/y is not found."},
        {"ListAliases", "{'KeyId':'" NOBODY "'}", "NotFoundException",
            "Key '" ALIAS_ARN "key/" NOBODY "' does not exist"},
        {"ListAliases", "{'KeyId':'alias/x'}", "InvalidArnException",
            "Key Aliases are not supported for this operation."},
        {"CreateAlias", "{}", "ValidationException",
            "2 validation errors detected: Value null at 'aliasName' failed to satisfy constraint: "
            "Member must not be null; Value null at 'targetKeyId' failed to satisfy constraint: "
            "Member must not be null"},
    };
    rig_faults(rig, cases, COUNT(cases));
}

/* Pages, of all and of one key's, in the order of names. */
static void test_pages(void **state)
{
    struct rig *rig = *state;
    char body[128];
    rig_key(rig, "L");
    for (int i = 0; i < 9; i++) {
        (void)snprintf(body, sizeof(body), "{'AliasName':'alias/n%d','TargetKeyId':'${%s}'}",
            (i * 5) % 9, (i * 5) % 9 % 3 == 0 ? "L" : "K");
        rig_ok(rig, "CreateAlias", body);
    }
    static const struct {
        const char *key; /* NULL: all */
        int first;
        int step;
        int count;
    } lists[] = {{NULL, 0, 1, 9}, {"${L}", 0, 3, 3}, {"${L_ARN}", 0, 3, 3}};
    for (size_t i = 0; i < COUNT(lists); i++) {
        int seen = 0;
        bool more = true;
        while (more) {
            size_t len = (size_t)snprintf(body, sizeof(body), "{'Limit':2");
            if (lists[i].key != NULL)
                len +=
                    (size_t)snprintf(body + len, sizeof(body) - len, ",'KeyId':'%s'", lists[i].key);
            (void)snprintf(
                body + len, sizeof(body) - len, "%s}", seen == 0 ? "" : ",'Marker':'${MARKER}'");
            json_t *answer = rig_ok(rig, "ListAliases", body);
            json_t *aliases = json_object_get(answer, "Aliases");
            for (size_t k = 0; k < json_array_size(aliases); k++) {
                char name[16];
                (void)snprintf(
                    name, sizeof(name), "alias/n%d", lists[i].first + lists[i].step * seen++);
                assert_string_equal(text_of(json_array_get(aliases, k), "AliasName"), name);
            }
            more = json_is_true(json_object_get(answer, "Truncated"));
            assert_int_equal(more, json_object_get(answer, "NextMarker") != NULL);
            if (more)
                rig_set(rig, "MARKER", text_of(answer, "NextMarker"));
        }
        assert_int_equal(seen, lists[i].count);
    }
    /* a marker survives the item that it names */
    rig_set(rig, "MARKER", text_of(rig_ok(rig, "ListAliases", "{'Limit':2}"), "NextMarker"));
    rig_ok(rig, "DeleteAlias", "{'AliasName':'alias/n1'}");
    json_t *aliases =
        json_object_get(rig_ok(rig, "ListAliases", "{'Marker':'${MARKER}'}"), "Aliases");
    assert_string_equal(text_of(json_array_get(aliases, 0), "AliasName"), "alias/n2");
}

static void test_realms(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${K}'}");
    static const char *const callers[] = {RIG_OTHER " " RIG_REGION, RIG_ACCOUNT " eu-west-1"};
    for (size_t i = 0; i < COUNT(callers); i++) {
        rig->caller = callers[i];
        rig_key(rig, "OTHER");
        rig_ok(rig, "CreateAlias", "{'AliasName':'alias/x','TargetKeyId':'${OTHER}'}");
        json_t *metadata =
            json_object_get(rig_ok(rig, "DescribeKey", "{'KeyId':'alias/x'}"), "KeyMetadata");
        assert_string_equal(text_of(metadata, "KeyId"), rig_get(rig, "OTHER"));
        rig_ok(rig, "DeleteAlias", "{'AliasName':'alias/x'}");
    }
    rig->caller = RIG_ACCOUNT " " RIG_REGION;
    rig_ok(rig, "DescribeKey", "{'KeyId':'alias/x'}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_life),
        T(test_refused),
        T(test_pages),
        T(test_realms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
