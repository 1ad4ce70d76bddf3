#include "libkms/client/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX_WORDS 5

/* Expected values: what Python's shlex.split gives. */
static const struct row {
    const char *text;
    enum kms_err err;
    const char *words[MAX_WORDS + 1];
} rows[] = {
    {"", KMS_OK, {NULL}},
    {"  \t\n ", KMS_OK, {NULL}},
    {"one", KMS_OK, {"one"}},
    {"  one\ttwo \r\n three ", KMS_OK, {"one", "two", "three"}},
    {"'a b' \"c d\"", KMS_OK, {"a b", "c d"}},
    {"a'b'\"c\"d", KMS_OK, {"abcd"}},
    {"'' \"\"", KMS_OK, {"", ""}},
    {"a\\ b", KMS_OK, {"a b"}},
    {"'a\\b'", KMS_OK, {"a\\b"}},
    {"\"a\\\"b\\\\c\\d\"", KMS_OK, {"a\"b\\c\\d"}},
    {"\\'", KMS_OK, {"'"}},
    {"$HOME `id` $(id) * ;", KMS_OK, {"$HOME", "`id`", "$(id)", "*", ";"}},
    {"'a", KMS_ERR_SYNTAX, {NULL}},
    {"\"a", KMS_ERR_SYNTAX, {NULL}},
    {"a\\", KMS_ERR_SYNTAX, {NULL}},
    {"\"a\\", KMS_ERR_SYNTAX, {NULL}},
};

static void test_splits_as_the_cli_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 65536);
        char **words = NULL;
        size_t count = 0;
        enum kms_err err = kms_words_split(kms_str(rows[i].text), &arena, &words, &count);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].text, kms_err_text(err));
        if (err != KMS_OK)
            continue;
        size_t expected = 0;
        while (rows[i].words[expected] != NULL)
            expected++;
        assert_int_equal(count, expected);
        assert_null(words[count]);
        for (size_t j = 0; j < count; j++)
            assert_string_equal(words[j], rows[i].words[j]);
    }
}

static void test_refuses_nul_and_too_many(void **state)
{
    (void)state;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    char **words = NULL;
    size_t count = 0;
    struct kms_str nul = {"a\0b", 3};
    assert_int_equal(kms_words_split(nul, &arena, &words, &count), KMS_ERR_SYNTAX);

    char text[2 * (KMS_WORDS_MAX + 1)];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'w' : ' ';
    struct kms_str many = {text, sizeof(text)};
    assert_int_equal(kms_words_split(many, &arena, &words, &count), KMS_ERR_LIMIT);
    many.len -= 2;
    assert_int_equal(kms_words_split(many, &arena, &words, &count), KMS_OK);
    assert_int_equal(count, KMS_WORDS_MAX);
    assert_string_equal(words[KMS_WORDS_MAX - 1], "w");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_as_the_cli_does),
        cmocka_unit_test(test_refuses_nul_and_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
