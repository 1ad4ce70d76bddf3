/* JSON text read in place, with Jansson as the referee of what it says. */
#include "libkms/proto/codec.h"
#include "libkms/proto/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <locale.h>

static enum kms_err check(const char *text)
{
    return kms_json_check(kms_str(text));
}

static void test_what_is_json(void **state)
{
    static const char *const good[] = {"{}", "[]", " [ ] ", "\t{\r\n}\n", "[[],{}]", "{\"\":0}",
        "[0,-0,1.5,-1e5,1E+5,1e-5,10,0.0]", "[true,false,null]",
        "[\"\",\"a\",\"12345678\",\"1234567\\\"\",\"\\\\\",\"\\/\\b\\f\\n\\r\\t\\u0041\"]",
        "[\"\\ud83d\\udd11\",\"\\u0000\",\"é🔑\",\"abcdefg\x7f\"]", "{\"a\":{\"b\":[1,{\"c\":2}]}}"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (check(good[i]) != KMS_OK)
            fail_msg("refused: %s", good[i]);
    }
}

static void test_what_is_not(void **state)
{
    static const char *const bad[] = {"", " ", "{", "[", "]", "{]", "[}", "[1,]", "[,1]", "[1 2]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{1:2}", "{\"a\":1 \"b\":2}", "1",
        "\"x\"", "true", "null", "[] []", "[]x", "[tru]", "[nul", "[falsee]", "[True]", "[01]",
        "[-]", "[+1]", "[.5]", "[1.]", "[1e]", "[1e+]", "[-01]", "[0x1]", "[1a]", "[--1]", "[\"]",
        "[\"\\\"]", "[\"\\", "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "[\"\\U0041\"]",
        "[\"\\ud800\"]", "[\"\\udc00\"]", "[\"\\ud800\\u0041\"]", "[\"\\ud800\\", "[\"\\ud800x\"]",
        "{\"\\u0000\":1}", "[\"\x1f\"]", "[\"a\nb\"]", "[\"12345678\x01\"]", "[\"\x80\"]",
        "[\"1234567\xff\"]", "[\"\xc3\"]", "\xef\xbb\xbf[]", "[\f]", "[1]/**/", "['a']", "[NaN]",
        "[Infinity]", "[1,\v2]"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (check(bad[i]) != KMS_ERR_SYNTAX)
            fail_msg("taken: %s", bad[i]);
    }
    /* a NUL, in a string or between values; Jansson takes the latter two */
    assert_int_equal(kms_json_check((struct kms_str){"[\"a\0b\"]", 7}), KMS_ERR_SYNTAX);
    assert_int_equal(kms_json_check((struct kms_str){"[false\0]", 8}), KMS_ERR_SYNTAX);
    assert_int_equal(kms_json_check((struct kms_str){"[1\0]", 4}), KMS_ERR_SYNTAX);
}

/* Every prefix of good text is bad, and reading it touches nothing behind it: each lies at the end
 * of a block of its own, which the sanitizers watch. */
static void test_text_that_ends_early(void **state)
{
    static const char whole[] =
        "{\"a\":[1.5e-3,true,false,null,\"\\ud83d\\udd11\\n12345678\xc3\xa9\"],\"b\":{}}";
    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        char *copy = malloc(len == 0 ? 1 : len);
        assert_non_null(copy);
        memcpy(copy, whole, len);
        assert_int_equal(kms_json_check((struct kms_str){copy, len}), KMS_ERR_SYNTAX);
        free(copy);
    }
    assert_int_equal(check(whole), KMS_OK);
}

/* --- reading: the same document as Jansson's -------------------------------------------------- */

static void assert_string(struct kms_json_string string, const char *text, size_t len)
{
    char *meaning = malloc(string.raw.len + 1);
    assert_non_null(meaning);
    size_t got = kms_json_unescape(string, meaning);
    assert_int_equal(got, len);
    assert_memory_equal(meaning, text, len);
    free(meaning);
}

static void assert_same(struct kms_json_place *place, const json_t *expected)
{
    struct kms_json_place past = *place;
    enum kms_json_kind kind = kms_json_next(place);
    kms_json_skip(&past);
    switch (json_typeof(expected)) {
    case JSON_OBJECT:
        assert_int_equal(kind, KMS_JSON_OBJECT);
        assert_int_equal(kms_json_count(*place), json_object_size(expected));
        kms_json_enter(place);
        while (kms_json_more(place)) {
            struct kms_json_string name = kms_json_name(place);
            char text[64];
            assert_true(name.raw.len < sizeof(text));
            text[kms_json_unescape(name, text)] = '\0';
            const json_t *value = json_object_get(expected, text);
            assert_non_null(value);
            assert_same(place, value);
        }
        break;
    case JSON_ARRAY:
        assert_int_equal(kind, KMS_JSON_LIST);
        assert_int_equal(kms_json_count(*place), json_array_size(expected));
        kms_json_enter(place);
        for (size_t i = 0; kms_json_more(place); i++)
            assert_same(place, json_array_get(expected, i));
        break;
    case JSON_STRING:
        assert_int_equal(kind, KMS_JSON_STRING);
        assert_string(
            kms_json_string(place), json_string_value(expected), json_string_length(expected));
        break;
    case JSON_INTEGER:
    case JSON_REAL: {
        struct kms_json_number number;
        assert_int_equal(kind, KMS_JSON_NUMBER);
        assert_int_equal(kms_json_number(place, &number), KMS_OK);
        assert_int_equal(number.is_integer, json_is_integer(expected));
        assert_true(number.is_integer ? number.integer == json_integer_value(expected)
                                      : number.real == json_real_value(expected));
        break;
    }
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        assert_int_equal(kind, json_is_true(expected)    ? KMS_JSON_TRUE
                               : json_is_false(expected) ? KMS_JSON_FALSE
                                                         : KMS_JSON_NULL);
        kms_json_skip(place);
        break;
    }
    (void)kms_json_next(place); /* both stop somewhere in the white space */
    (void)kms_json_next(&past);
    assert_ptr_equal(place->at, past.at);
}

static const char document[] =
    " { \"a\" : [ 1 , -0, 0.5, -1.25e2 ,9223372036854775807,-9223372036854775808, 1e-7 ] ,\n"
    "\"\\u0062\\n\":{},\"c\":[],\"d\":[[],[[{}]],{\"e\":[null , true,false]}], \"f\":\"\","
    "\"g\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20ac\\ud83d\\udd11\\uFFFF,]}\","
    "\"h\":\"é🔑{[\\\"\", \"i\":null,\"j\\\"\":true}\t";

static void test_reads_what_jansson_reads(void **state)
{
    (void)state;
    struct kms_str text = kms_str(document);
    json_t *expected = json_loadb(text.data, text.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(expected);
    assert_int_equal(kms_json_check(text), KMS_OK);
    char *outer = malloc(text.len + 3); /* a list around it, so that it ends in something */
    assert_non_null(outer);
    outer[0] = '[';
    memcpy(outer + 1, text.data, text.len);
    memcpy(outer + 1 + text.len, "]", 2);
    struct kms_json_place place = {.at = outer};
    kms_json_enter(&place);
    assert_same(&place, expected);
    assert_false(kms_json_more(&place));
    assert_ptr_equal(place.at, outer + text.len + 2);
    free(outer);
    json_decref(expected);
}

static enum kms_err read_number(const char *list, struct kms_json_number *number)
{
    struct kms_json_place place = {.at = list};
    assert_int_equal(check(list), KMS_OK);
    kms_json_enter(&place);
    return kms_json_number(&place, number);
}

static void test_numbers_that_fit_nowhere(void **state)
{
    struct kms_json_number number;
    (void)state;
    assert_int_equal(read_number("[9223372036854775808]", &number), KMS_ERR_SYNTAX);
    assert_int_equal(read_number("[-9223372036854775809]", &number), KMS_ERR_SYNTAX);
    assert_int_equal(read_number("[1e400]", &number), KMS_ERR_SYNTAX);
    assert_int_equal(read_number("[-1e400]", &number), KMS_ERR_SYNTAX);
    assert_int_equal(read_number("[1e-400]", &number), KMS_OK);
    assert_true(number.real == 0);
}

/* An application may have any locale; libkms must not read 1.5 as 1. */
static void test_the_locale_has_no_say(void **state)
{
    struct kms_json_number number;
    (void)state;
    bool has_comma = false;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
    for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]) && !has_comma; i++)
        has_comma = setlocale(LC_ALL, locales[i]) != NULL;
    assert_int_equal(read_number("[1.5,2]", &number), KMS_OK);
    assert_true(number.real == 1.5);
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_json),
        cmocka_unit_test(test_what_is_not),
        cmocka_unit_test(test_text_that_ends_early),
        cmocka_unit_test(test_reads_what_jansson_reads),
        cmocka_unit_test(test_numbers_that_fit_nowhere),
        cmocka_unit_test(test_the_locale_has_no_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
