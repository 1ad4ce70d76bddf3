/* What records show of requests to IAM and STS: no secret, and never much. */
#include "kmsd/pipeline_audit_query.h"

#include "libkms/base/buf.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(items) (sizeof(items) / sizeof((items)[0]))
#define PAIR(name, text)         \
    {                            \
        KMS_STR_LITERAL(name),   \
        {                        \
            (text), strlen(text) \
        }                        \
    }

static json_t *write(const struct kms_str_pair *items, size_t count, bool is_authenticated)
{
    KMS_BUF_AUTO out;
    kms_buf_init(&out, (size_t)256 * 1024);
    kmsd_audit_write_query(&out, items, count, is_authenticated);
    assert_int_equal(out.err, KMS_OK);
    assert_true(out.len <= KMSD_AUDIT_PARAMETERS_MAX + 64);
    json_t *json = json_loadb((const char *)out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void shows_what_actions_take(void **state)
{
    (void)state;
    const struct kms_str_pair items[] = {
        PAIR("Action", "CreateUser"),
        PAIR("Version", "2010-05-08"),
        PAIR("UserName", "alice"),
        PAIR("Tags.member.1.Key", "team"),
        PAIR("Tags.member.1.Value", "ops \"one\""),
        PAIR("TagKeys.member.12", "team"),
        PAIR("webidentitytoken", "hidden"),
        PAIR("WebIdentityToken", "hidden"),
        PAIR("SAMLASSERTION", "hidden"),
        PAIR("secretAccessKey", "hidden"),
        PAIR("TokenCode", "hidden"),
        PAIR("Unheard", "hidden"),
        PAIR("UserName.member.1", "hidden"),
        PAIR("Tags.member.1.hidden", "x"),
        PAIR("Tags.member.hidden", "x"),
        PAIR("Tags.member.1.Key.hidden", "x"),
        PAIR("UserNamehidden", "x"),
    };
    json_t *json = write(items, COUNT(items), true);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_null(strstr(text, "hidden"));
    free(text);
    assert_int_equal(json_object_size(json), 4);
    assert_string_equal(json_string_value(json_object_get(json, "userName")), "alice");
    assert_string_equal(
        json_string_value(json_object_get(json, "tags.member.1.Value")), "ops \"one\"");
    assert_string_equal(json_string_value(json_object_get(json, "tagKeys.member.12")), "team");
    json_decref(json);
}

static void shows_what_is_simulated(void **state)
{
    (void)state;
    const struct kms_str_pair items[] = {
        PAIR("PolicySourceArn", "arn:aws:iam::111122223333:user/alice"),
        PAIR("ActionNames.member.1", "kms:Decrypt"),
        PAIR("ResourceArns.member.1", "*"),
        PAIR("CallerArn", "arn:aws:iam::111122223333:user/bob"),
        PAIR("PolicyInputList.member.1", "{\"Statement\":[]}"),
        PAIR("ContextEntries.member.1.ContextKeyName", "aws:SourceIp"),
        PAIR("ContextEntries.member.1.ContextKeyType", "ip"),
        PAIR("ContextEntries.member.1.ContextKeyValues.member.2", "192.0.2.1"),
        PAIR("ContextEntries.member.1.ContextKeyValues", "hidden"),
        PAIR("ContextEntries.member.1.ContextKeyValues.member.", "hidden"),
        PAIR("ContextEntries.member.1.ContextKeyValues.member.2.x", "hidden"),
        PAIR("ContextEntries.member.1.ContextKeyValues.member.12345", "hidden"),
    };
    json_t *json = write(items, COUNT(items), true);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_null(strstr(text, "hidden"));
    free(text);
    assert_int_equal(json_object_size(json), 8);
    assert_string_equal(
        json_string_value(json_object_get(json, "actionNames.member.1")), "kms:Decrypt");
    assert_string_equal(json_string_value(json_object_get(
                            json, "contextEntries.member.1.ContextKeyValues.member.2")),
        "192.0.2.1");
    json_decref(json);
}

static void shows_little_of_strangers(void **state)
{
    (void)state;
    char *large = malloc(200001);
    assert_non_null(large);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    const struct kms_str_pair items[] = {
        PAIR("Policy", large),
        PAIR("ProviderId", "accounts.example"),
        PAIR("RoleArn", "arn:aws:iam::111122223333:role/app"),
        PAIR("RoleSessionName", large),
        PAIR("UserName", "alice"),
        PAIR("WebIdentityToken", "hidden"),
    };
    json_t *json = write(items, COUNT(items), false);
    assert_int_equal(json_object_size(json), 3);
    const char *cut = json_string_value(json_object_get(json, "roleSessionName"));
    assert_int_equal(strlen(cut), KMSD_AUDIT_TEXT_MAX + 3);
    assert_string_equal(cut + KMSD_AUDIT_TEXT_MAX, "...");
    assert_string_equal(json_string_value(json_object_get(json, "providerId")), "accounts.example");
    json_decref(json);

    /* of others more, and a document more than a name; no letter is cut in two */
    large[KMSD_AUDIT_TEXT_MAX - 1] = '\xc3';
    large[KMSD_AUDIT_TEXT_MAX] = '\xa9';
    json = write(items, COUNT(items), true);
    assert_int_equal(json_object_size(json), 5);
    assert_int_equal(
        strlen(json_string_value(json_object_get(json, "policy"))), KMSD_AUDIT_DOCUMENT_MAX + 3);
    assert_int_equal(strlen(json_string_value(json_object_get(json, "roleSessionName"))),
        KMSD_AUDIT_TEXT_MAX - 1 + 3);
    json_decref(json);
    free(large);
}

/* Who and what stays when not all has room. */
static void keeps_what_matters(void **state)
{
    (void)state;
    enum { TAGS = 100 };
    static char names[TAGS][32];
    struct kms_str_pair items[TAGS + 1];
    char *value = malloc(2001);
    assert_non_null(value);
    memset(value, '\x01', 2000); /* six bytes each in JSON */
    value[2000] = '\0';
    for (size_t i = 0; i < TAGS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "Tags.member.%zu.Value", i + 1);
        items[i] = (struct kms_str_pair){kms_str(names[i]), kms_str(value)};
    }
    items[TAGS] = (struct kms_str_pair)PAIR("UserName", "alice");
    json_t *json = write(items, TAGS + 1, true);
    assert_string_equal(json_string_value(json_object_get(json, "userName")), "alice");
    size_t tags = json_object_size(json) - 2;
    assert_in_range(tags, 1, TAGS - 1);
    assert_int_equal(
        json_integer_value(json_object_get(json, "omittedParameters")), (json_int_t)(TAGS - tags));
    json_decref(json);
    free(value);

    /* nor are there ever many */
    static char keys[4096][32];
    static struct kms_str_pair many[4096];
    for (size_t i = 0; i < COUNT(many); i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "TagKeys.member.%zu", i + 1);
        many[i] = (struct kms_str_pair){kms_str(keys[i]), kms_str("x")};
    }
    json = write(many, COUNT(many), true);
    assert_int_equal(json_object_size(json), 129);
    assert_int_equal(json_integer_value(json_object_get(json, "omittedParameters")), 4096 - 128);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_actions_take),
        cmocka_unit_test(shows_what_is_simulated),
        cmocka_unit_test(shows_little_of_strangers),
        cmocka_unit_test(keeps_what_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
