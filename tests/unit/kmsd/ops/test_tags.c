/* TagResource, UntagResource, ListResourceTags. */
#include "common.h"

static void assert_tags(struct rig *rig, const char *expected)
{
    char text[4096] = "";
    json_t *answer = rig_ok(rig, "ListResourceTags", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "Tags", "Truncated");
    json_t *tags = json_object_get(answer, "Tags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        size_t len = strlen(text);
        ASSERT_MEMBERS(json_array_get(tags, i), "TagKey", "TagValue");
        (void)snprintf(text + len, sizeof(text) - len, "%s=%s ",
            text_of(json_array_get(tags, i), "TagKey"),
            text_of(json_array_get(tags, i), "TagValue"));
    }
    assert_string_equal(text, expected);
}

static void test_merging(void **state)
{
    struct rig *rig = *state;
    assert_tags(rig, "");
    assert_null(rig_ok(rig, "TagResource",
        "{'KeyId':'${K}','Tags':[{'TagKey':'tag3','TagValue':'value3'},"
        "{'TagKey':'tag1','TagValue':'value1'},{'TagKey':'tag2','TagValue':''}]}"));
    assert_tags(rig, "tag1=value1 tag2= tag3=value3 ");
    rig_ok(rig, "TagResource",
        "{'KeyId':'${K_ARN}','Tags':[{'TagKey':'tag2','TagValue':'b'},"
        "{'TagKey':'Tag1','TagValue':'other'},{'TagKey':'\xc3\xbc','TagValue':'\xe2\x82\xac'}]}");
    assert_tags(rig, "Tag1=other tag1=value1 tag2=b tag3=value3 \xc3\xbc=\xe2\x82\xac ");
    assert_null(rig_ok(rig, "UntagResource",
        "{'KeyId':'${K}','TagKeys':['tag2','unknown','Tag1','\xc3\xbc','tag2']}"));
    assert_tags(rig, "tag1=value1 tag3=value3 ");
    rig_ok(rig, "UntagResource", "{'KeyId':'${K}','TagKeys':['tag1','tag3']}");
    assert_tags(rig, "");
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[]}");
    rig_ok(rig, "UntagResource", "{'KeyId':'${K}','TagKeys':[]}");
    assert_tags(rig, "");
}

static void test_of_create_key(void **state)
{
    struct rig *rig = *state;
    json_t *answer = rig_ok(
        rig, "CreateKey", "{'Tags':[{'TagKey':'b','TagValue':'2'},{'TagKey':'a','TagValue':'1'}]}");
    rig_set(rig, "K", text_of(json_object_get(answer, "KeyMetadata"), "KeyId"));
    assert_tags(rig, "a=1 b=2 ");
}

/* "Tags":[...] of count tags, numbered from first. */
static const char *many(const char *head, int first, int count)
{
    static char body[8192];
    size_t len = (size_t)snprintf(body, sizeof(body), "{%s'Tags':[", head);
    for (int i = first; i < first + count; i++)
        len += (size_t)snprintf(body + len, sizeof(body) - len,
            "%s{'TagKey':'k%02d','TagValue':'v'}", i == first ? "" : ",", i);
    (void)snprintf(body + len, sizeof(body) - len, "]}");
    return body;
}

static void test_limits(void **state)
{
    struct rig *rig = *state;
    rig_fault(rig, "CreateKey", many("", 0, 51), "TagException", "Too many tags");
    rig_ok(rig, "CreateKey", many("", 0, 50));
    rig_fault(rig, "TagResource", many("'KeyId':'${K}',", 0, 51), "TagException", "Too many tags");
    rig_ok(rig, "TagResource", many("'KeyId':'${K}',", 0, 50));
    rig_ok(rig, "TagResource", many("'KeyId':'${K}',", 10, 40));
    rig_fault(rig, "TagResource", many("'KeyId':'${K}',", 50, 1), "TagException", "Too many tags");
    rig_ok(rig, "UntagResource", "{'KeyId':'${K}','TagKeys':['k00']}");
    rig_ok(rig, "TagResource", many("'KeyId':'${K}',", 50, 1));
}

static void test_refused(void **state)
{
    struct rig *rig = *state;
    char long_key[700];
    char long_value[1000];
    memset(long_key, 'a', 129);
    long_key[129] = '\0';
    memset(long_value, 'v', 257);
    long_value[257] = '\0';
    rig_set(rig, "LONG_KEY", long_key);
    rig_set(rig, "LONG_VALUE", long_value);
    static const struct rig_case cases[] = {
        {"TagResource",
            "{'KeyId':'${K}','Tags':[{'TagKey':'a','TagValue':'1'},{'TagKey':'a','TagValue':'1'}]}",
            "TagException", "Duplicate tag keys"},
        {"TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'aws:x','TagValue':'1'}]}",
            "TagException", "Tags beginning with aws: are reserved"},
        {"TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'AWS:x','TagValue':'1'}]}",
            "TagException", "Tags beginning with aws: are reserved"},
        {"TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'\\u0000','TagValue':'1'}]}",
            "TagException", "Tag keys cannot contain NUL characters"},
        {"CreateKey", "{'Tags':[{'TagKey':'a\\u0000b','TagValue':'1'}]}", "TagException",
            "Tag keys cannot contain NUL characters"},
        {"TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'${LONG_KEY}','TagValue':'1'}]}",
            "ValidationException",
            "1 validation error detected: Value '${LONG_KEY}' at 'tags.1.member.tagKey' failed to "
            "satisfy constraint: Member must have length less than or equal to 128"},
        {"TagResource",
            "{'KeyId':'${K}','Tags':[{'TagKey':'a','TagValue':''},{'TagKey':'','TagValue':''}]}",
            "ValidationException",
            "1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"},
        {"CreateKey", "{'Tags':[{'TagKey':'a','TagValue':'${LONG_VALUE}'}]}", "ValidationException",
            "1 validation error detected: Value '${LONG_VALUE}' at 'tags.1.member.tagValue' failed "
            "to satisfy constraint: Member must have length less than or equal to 256"},
        {"TagResource", "{'KeyId':'${K}'}", "ValidationException",
            "1 validation error detected: Value null at 'tags' failed to satisfy constraint: "
            "Member must not be null"},
        {"TagResource", "{'KeyId':'" NOBODY "','Tags':[]}", "NotFoundException",
            "Key 'arn:aws:kms:" RIG_REGION ":" RIG_ACCOUNT ":key/" NOBODY "' does not exist"},
    };
    rig_faults(rig, cases, COUNT(cases));
    assert_tags(rig, "");
}

static void test_pages(void **state)
{
    struct rig *rig = *state;
    rig_ok(rig, "TagResource", many("'KeyId':'${K}',", 0, 5));
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'k01x','TagValue':''}]}");
    static const char *const pages[][2] = {{"k00", "k01"}, {"k01x", "k02"}, {"k03", "k04"}};
    for (size_t i = 0; i < COUNT(pages); i++) {
        json_t *answer = rig_ok(rig, "ListResourceTags",
            i == 0 ? "{'KeyId':'${K}','Limit':2}"
                   : "{'KeyId':'${K}','Limit':2,'Marker':'${MARKER}'}");
        json_t *tags = json_object_get(answer, "Tags");
        assert_int_equal(json_array_size(tags), 2);
        assert_string_equal(text_of(json_array_get(tags, 0), "TagKey"), pages[i][0]);
        assert_string_equal(text_of(json_array_get(tags, 1), "TagKey"), pages[i][1]);
        assert_int_equal(json_is_true(json_object_get(answer, "Truncated")), i < 2);
        if (i < 2)
            rig_set(rig, "MARKER", text_of(answer, "NextMarker"));
        else
            assert_null(json_object_get(answer, "NextMarker"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_merging),
        T(test_of_create_key),
        T(test_limits),
        T(test_refused),
        T(test_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
