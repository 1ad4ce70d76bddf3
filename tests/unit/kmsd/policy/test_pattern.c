/* Wildcards and variables against a second matcher, written to be plain rather than fast. */
#include "kmsd/policy/parse.h"
#include "kmsd/policy/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS = 400000, PATTERN_MAX = 14, TEXT_MAX = 16 };

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % below;
}

static struct kms_str draw_text(char *text, size_t max, const char *letters)
{
    size_t len = draw((uint32_t)max + 1);
    for (size_t i = 0; i < len; i++)
        text[i] = letters[draw((uint32_t)strlen(letters))];
    return (struct kms_str){text, len};
}

static bool match(
    struct kms_str pattern, unsigned flags, struct kms_str text, enum kmsd_policy_answer *answer)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 16);
    struct kmsd_policy_build build = {.scratch = &arena};
    struct kmsd_policy_pattern built;
    assert_int_equal(kmsd_policy_pattern_build(pattern, flags, &build, &built), KMS_OK);
    *answer = kmsd_policy_pattern_match(&built, text, KMSD_LETTERS_EXACT, NULL);
    return *answer == KMSD_ANSWER_YES;
}

/* --- the plain matcher ------------------------------------------------------------------------ */

/* Whether the pattern from p on matches the text from t on. In an ARN, fewer than five colons of
 * the pattern before p, a wildcard takes no colon, unless it may run on. */
static bool plainly(struct kms_str pattern, size_t p, struct kms_str text, size_t t, unsigned flags)
{
    if (p == pattern.len)
        return t == text.len;
    char c = pattern.data[p];
    size_t colons = 0;
    for (size_t i = 0; i < p; i++)
        colons += pattern.data[i] == ':' ? 1 : 0;
    bool stops = (flags & KMSD_PATTERN_ARN) != 0 && colons < 5;
    bool is_last = p + 1 == pattern.len;
    if (c == '*') {
        bool ends_field = !is_last && pattern.data[p + 1] == ':';
        if (is_last || ((flags & KMSD_PATTERN_RESOURCE) != 0 && ends_field))
            stops = false;
        for (size_t end = t;; end++) {
            if (plainly(pattern, p + 1, text, end, flags))
                return true;
            if (end == text.len || (stops && text.data[end] == ':'))
                return false;
        }
    }
    if (t == text.len)
        return false;
    if (c == '?')
        return !(stops && text.data[t] == ':') && plainly(pattern, p + 1, text, t + 1, flags);
    return c == text.data[t] && plainly(pattern, p + 1, text, t + 1, flags);
}

static void compare_at_random(
    unsigned flags, const char *pattern_letters, const char *text_letters, size_t least_matches)
{
    char pattern_text[PATTERN_MAX], text_text[TEXT_MAX];
    size_t matches = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct kms_str pattern = draw_text(pattern_text, PATTERN_MAX, pattern_letters);
        struct kms_str text = draw_text(text_text, TEXT_MAX, text_letters);
        enum kmsd_policy_answer answer;
        bool expected = plainly(pattern, 0, text, 0, flags);
        if (match(pattern, flags, text, &answer) != expected)
            fail_msg("%.*s should %smatch %.*s (flags %u)", (int)pattern.len, pattern.data,
                expected ? "" : "not ", (int)text.len, text.data, flags);
        matches += expected ? 1 : 0;
    }
    assert_true(matches >= least_matches);
}

static void test_wildcards(void **state)
{
    (void)state;
    compare_at_random(KMSD_PATTERN_WILDCARDS, "ab**?", "ab", ROUNDS / 50);
}

static void test_wildcards_in_arns(void **state)
{
    (void)state;
    compare_at_random(KMSD_PATTERN_WILDCARDS | KMSD_PATTERN_ARN, "ab**?::", "ab::", ROUNDS / 100);
}

static void test_wildcards_in_resources(void **state)
{
    (void)state;
    unsigned flags = KMSD_PATTERN_WILDCARDS | KMSD_PATTERN_ARN | KMSD_PATTERN_RESOURCE;
    compare_at_random(flags, "ab**?::", "ab::", ROUNDS / 100);
    compare_at_random(flags, "a*::", "aa::", ROUNDS / 100);
}

/* --- by hand ---------------------------------------------------------------------------------- */

static void test_without_wildcards(void **state)
{
    (void)state;
    enum kmsd_policy_answer answer;
    assert_true(match(kms_str("a*?${b"), 0, kms_str("a*?${b"), &answer));
    assert_false(match(kms_str("a*"), 0, kms_str("ab"), &answer));
    assert_true(match(kms_str(""), KMSD_PATTERN_WILDCARDS, kms_str(""), &answer));
    assert_false(match(kms_str(""), KMSD_PATTERN_WILDCARDS, kms_str("a"), &answer));
}

/* Many stars and no match: the time stays a small multiple of the lengths' product. */
static void test_hostile_patterns(void **state)
{
    (void)state;
    static char pattern[6000], text[4000];
    enum kmsd_policy_answer answer;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof(pattern) - 1] = 'b';
    memset(text, 'a', sizeof(text));
    struct kms_str whole_pattern = {pattern, sizeof(pattern)};
    struct kms_str whole_text = {text, sizeof(text)};
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 24);
    struct kmsd_policy_build build = {.scratch = &arena};
    struct kmsd_policy_pattern built;
    assert_int_equal(
        kmsd_policy_pattern_build(whole_pattern, KMSD_PATTERN_WILDCARDS, &build, &built), KMS_OK);
    answer = kmsd_policy_pattern_match(&built, whole_text, KMSD_LETTERS_EXACT, NULL);
    assert_int_equal(answer, KMSD_ANSWER_NO);
}

static void test_characters(void **state)
{
    (void)state;
    enum kmsd_policy_answer answer;
    assert_true(match(kms_str("?"), KMSD_PATTERN_WILDCARDS, kms_str("é"), &answer));
    assert_true(match(kms_str("?"), KMSD_PATTERN_WILDCARDS, kms_str("キ"), &answer));
    assert_true(match(kms_str("?"), KMSD_PATTERN_WILDCARDS, kms_str("🔑"), &answer));
    assert_false(match(kms_str("??"), KMSD_PATTERN_WILDCARDS, kms_str("é"), &answer));
    assert_true(match(kms_str("*é"), KMSD_PATTERN_WILDCARDS, kms_str("èé"), &answer));
    /* a text that ends within a character */
    assert_true(match(kms_str("?"), KMSD_PATTERN_WILDCARDS, kms_str("\xf0\x9f"), &answer));
}

static void test_letter_case(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"kms:Decrypt", "KMS:DECRYPT", true},
        {"ÀÖØÞ", "àöøþ", true},
        {"×", "÷", false},
        {"ß", "ÿ", false},
        {"ÿ", "ß", false},
        {"Ā", "ā", false}, /* beyond Latin-1 */
        {"[", "{", false},
        {"é", "É", true},
        {"a", "ab", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kms_str a = kms_str(rows[i].a), b = kms_str(rows[i].b);
        assert_int_equal(kmsd_policy_letters_equal(a, b, KMSD_LETTERS_FOLDED), rows[i].equal);
        assert_int_equal(kmsd_policy_letters_equal(b, a, KMSD_LETTERS_FOLDED), rows[i].equal);
        assert_false(kmsd_policy_letters_equal(a, b, KMSD_LETTERS_EXACT));
    }
}

static void test_malformed_variables(void **state)
{
    (void)state;
    static const char *const texts[] = {"${", "${}", "${aws:x", "${aws:x,", "${aws:x, ",
        "${aws:x}${", "${aws:x, 'a'", "${aws:x, 'a", "${aws:x, 'a'b}", "${aws:x, a}", "${x}",
        "${:}", "${aws:}", "${ *}", "${**}", "${, 'a'}"};
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 16);
    struct kmsd_policy_build build = {.scratch = &arena};
    struct kmsd_policy_pattern built;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        enum kms_err err = kmsd_policy_pattern_build(
            kms_str(texts[i]), KMSD_PATTERN_VARIABLES | KMSD_PATTERN_WILDCARDS, &build, &built);
        if (err != KMS_ERR_SYNTAX)
            fail_msg("%s: %s", texts[i], kms_err_text(err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_wildcards_in_arns),
        cmocka_unit_test(test_wildcards_in_resources),
        cmocka_unit_test(test_without_wildcards),
        cmocka_unit_test(test_hostile_patterns),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_letter_case),
        cmocka_unit_test(test_malformed_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
