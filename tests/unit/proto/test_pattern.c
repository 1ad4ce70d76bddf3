/*
 * Each function against the expression that the API publishes for it: the expression is translated
 * for regcomp(3) and both judge the same generated texts. Expressions over code points
 * (\u0020-\u00FF, \p{ASCII}), which regcomp cannot say in every locale, are checked by hand-picked
 * texts.
 */
#include "libkms/proto/model.h"
#include "libkms/proto/pattern.h"

#include <jansson.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS = 20000, TEXT_MAX = 96 };

/* --- the published expression, in POSIX terms ------------------------------------------------- */

/* \d and \w, within brackets or outside; \s within brackets only; other escapes are literal. */
static const char *translate_escape(const char *at, bool in_brackets, char **out)
{
    const char *class = NULL;
    switch (*at) {
    case 'd':
        class = "0-9";
        break;
    case 'w':
        class = "a-zA-Z0-9_";
        break;
    case 's':
        class = " \t\n\v\f\r";
        break;
    default:
        if (!in_brackets)
            *(*out)++ = '\\';
        *(*out)++ = *at;
        return at + 1;
    }
    if (!in_brackets)
        *(*out)++ = '[';
    *out = stpcpy(*out, class);
    if (!in_brackets)
        *(*out)++ = ']';
    return at + 1;
}

/* A hyphen that is no range goes to the end of the brackets, where POSIX wants it. */
static const char *translate_brackets(const char *at, char **out)
{
    bool hyphen = false;
    *(*out)++ = '[';
    while (*at != ']') {
        bool after_range = at[0] == '-' && (*out)[-2] == '-' && (*out)[-1] != '[';
        bool last = at[0] == '-' && at[1] == ']';
        if (*at == '\\') {
            at = translate_escape(at + 1, true, out);
        } else if (last || after_range) {
            hyphen = true;
            at++;
        } else {
            *(*out)++ = *at++;
        }
    }
    if (hyphen)
        *(*out)++ = '-';
    *(*out)++ = ']';
    return at + 1;
}

/* The whole text has to match, as the API means it. */
static void compile(const char *pattern, regex_t *regex)
{
    char posix[1024];
    char *out = stpcpy(posix, "^(");
    assert_true(strlen(pattern) * 4 < sizeof(posix));
    for (const char *at = pattern; *at != '\0';) {
        if (*at == '[')
            at = translate_brackets(at + 1, &out);
        else if (*at == '\\')
            at = translate_escape(at + 1, false, &out);
        else
            *out++ = *at++;
    }
    (void)strcpy(out, ")$");
    int err = regcomp(regex, posix, REG_EXTENDED | REG_NOSUB);
    if (err != 0)
        fail_msg("%s does not compile (%d)", posix, err);
}

/* --- texts that nearly match ------------------------------------------------------------------ */

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

static char draw_char(void)
{
    static const char likely[] = "abzAZ019_-.:/+=,@ \t\n2786vkms";
    return draw(4) != 0 ? likely[draw(sizeof(likely) - 1)] : (char)(1 + draw(127));
}

/* An example, changed in up to three places. */
static struct kms_str mutate(const char *example, char text[TEXT_MAX])
{
    size_t len = strlen(example);
    memcpy(text, example, len);
    for (uint32_t changes = draw(4); changes > 0; changes--) {
        size_t at = draw((uint32_t)len + 1);
        switch (draw(3)) {
        case 0:
            if (at < len)
                text[at] = draw_char();
            break;
        case 1:
            if (len + 1 < TEXT_MAX) {
                memmove(text + at + 1, text + at, len - at);
                text[at] = draw_char();
                len++;
            }
            break;
        default:
            if (at < len) {
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            }
            break;
        }
    }
    text[len] = '\0';
    struct kms_str view = {text, len};
    return view;
}

static void compare(const struct kms_type *type, const char *const *examples, size_t count)
{
    regex_t regex;
    compile(type->pattern, &regex);
    size_t accepted = 0;
    for (size_t i = 0; i < count; i++)
        if (!type->matches(kms_str(examples[i])))
            fail_msg("%s does not take %s", type->name, examples[i]);
    for (size_t round = 0; round < ROUNDS; round++) {
        char text[TEXT_MAX + 1];
        struct kms_str view = mutate(examples[draw((uint32_t)count)], text);
        bool expected = regexec(&regex, text, 0, NULL, 0) == 0;
        if (type->matches(view) != expected)
            fail_msg("%s: '%s' should %smatch %s", type->name, text, expected ? "" : "not ",
                type->pattern);
        accepted += expected ? 1 : 0;
    }
    assert_in_range(accepted, ROUNDS / 20, ROUNDS - ROUNDS / 20);
    regfree(&regex);
}

static void test_published_expressions(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *examples[4];
    } rows[] = {
        {"AccountIdType", {"123456789012", "000000000000"}},
        {"AliasNameType", {"alias/my_Key-1:x", "a"}},
        {"BackingKeyIdResponseType", {"0123456789abcdef", "f"}},
        {"BackingKeyIdType", {"0123456789abcdef"}},
        {"CloudHsmClusterIdType",
            {"cluster-abcdefghijk", "cluster-ABCDEFGHIJKLMNO7", "cluster-222abcdefghij"}},
        {"GrantNameType", {"grant:1/a_b-c"}},
        {"KeyMaterialDescriptionType", {"a b.c:d/e_f-g\t1", "x"}},
        {"PolicyNameType", {"default", "a_1"}},
        {"PrincipalIdType", {"arn:aws:iam::123456789012:user/a+b=c,d.e@f_g-h"}},
        {"RegionType", {"us-east-1", "us-gov-west-1", "eu-isoe-west-12"}},
        {"XksKeyIdType", {"a-b_c.9"}},
        {"XksProxyAuthenticationAccessKeyIdType", {"ABCDEFGHIJKLMNOPQRST234567"}},
        {"XksProxyAuthenticationRawSecretAccessKeyType", {"abc/DEF+123="}},
        {"XksProxyUriEndpointType", {"https://xks.example-1.com"}},
        {"XksProxyUriPathType", {"/kms/xks/v1", "/a/b_c-d/kms/xks/v12", "/kms/xks/v1/kms/xks/v2"}},
        {"XksProxyVpcEndpointServiceNameType", {"com.amazonaws.vpce.us-east-1.vpce-svc-0example",
                                                   "eu.amazonaws.vpce.us-gov-west-2.vpce-svc-9"}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t count = 0;
        while (count < 4 && rows[i].examples[count] != NULL)
            count++;
        compare(kms_type_find(rows[i].type), rows[i].examples, count);
    }
}

/* Every published expression is either among the above or hand-picked below. */
static void test_every_expression_is_covered(void **state)
{
    (void)state;
    json_error_t error;
    json_t *api = json_load_file(KMS_TEST_VECTORS "/api/kms-api.json", 0, &error);
    assert_non_null(api);
    size_t patterns = 0;
    const char *name;
    json_t *type;
    json_object_foreach(json_object_get(api, "types"), name, type) patterns +=
        json_object_get(type, "pattern") != NULL ? 1 : 0;
    assert_int_equal(patterns, 16 + 2); /* MarkerType, PolicyType */
    json_decref(api);
}

struct judged {
    const char *text;
    size_t len;
    bool matches;
};
#define YES(text)                    \
    {                                \
        text, sizeof(text) - 1, true \
    }
#define NO(text)                      \
    {                                 \
        text, sizeof(text) - 1, false \
    }

static void judge(bool (*matches)(struct kms_str), const struct judged *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kms_str text = {cases[i].text, cases[i].len};
        if (matches(text) != cases[i].matches)
            fail_msg("case %zu: '%s'", i, cases[i].text);
    }
}
#define JUDGE(function, cases) judge(function, cases, sizeof(cases) / sizeof((cases)[0]))

static void test_ascii(void **state)
{
    (void)state;
    static const struct judged cases[] = {YES("a"), YES("\0"), YES("a\n"), YES("\x7f"), NO(""),
        NO("é"), NO("\xc2\x80"), NO("aキー"), NO("ａ")};
    JUDGE(kms_pattern_ascii, cases);
}

static void test_marker(void **state)
{
    (void)state;
    assert_string_equal(kms_type_find("MarkerType")->pattern, "[\\u0020-\\u00FF]*");
    static const struct judged cases[] = {YES(""), YES(" "), YES("AbC=/+\x7f"), YES("\xc2\x80"),
        YES("ÿ"), NO("Ā"), NO("a\n"), NO("\t"), NO("\x1f"), NO("\0"), NO("🔑")};
    JUDGE(kms_pattern_marker, cases);
}

static void test_policy(void **state)
{
    (void)state;
    assert_string_equal(
        kms_type_find("PolicyType")->pattern, "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+");
    static const struct judged cases[] = {YES("{}"), YES("\t\n\r "), YES("é ÿ"), NO(""), NO("Ā"),
        NO("\v"), NO("\b"), NO("a\0"), NO("\xe2\x80\xa8"), NO("キ")};
    JUDGE(kms_pattern_policy, cases);
}

/* A NUL belongs to no class, though the classes are written as strings. */
static void test_nul_matches_nothing(void **state)
{
    (void)state;
    static bool (*const functions[])(struct kms_str) = {kms_pattern_account_id, kms_pattern_base32,
        kms_pattern_base64_text, kms_pattern_cluster_id, kms_pattern_hex,
        kms_pattern_https_endpoint, kms_pattern_marker, kms_pattern_material_description,
        kms_pattern_name, kms_pattern_policy, kms_pattern_principal, kms_pattern_region,
        kms_pattern_vpce_service, kms_pattern_word, kms_pattern_xks_key_id,
        kms_pattern_xks_uri_path};
    static const char *const texts[] = {"a\0", "12345678901\0", "https://a\0", "/kms/xks/v1\0",
        "cluster-abcdefghijk\0", "us-east-1\0", "com.amazonaws.vpce.us-east-1.vpce-svc-0\0"};
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
            struct kms_str with_nul = {texts[t], strlen(texts[t]) + 1};
            assert_false(functions[i](with_nul));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_expressions),
        cmocka_unit_test(test_every_expression_is_covered),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_marker),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_nul_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
