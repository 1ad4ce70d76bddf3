/* Documents: what is accepted, what is refused and in which words, limits, memory. */
#include "tests/unit/kmsd/policy/policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static enum kmsd_policy_kind kind_of(const char *name)
{
    static const char *const names[] = {
        [KMSD_POLICY_KIND_KEY] = "key",
        [KMSD_POLICY_KIND_IDENTITY] = "identity",
        [KMSD_POLICY_KIND_SESSION] = "session",
        [KMSD_POLICY_KIND_BOUNDARY] = "boundary",
        [KMSD_POLICY_KIND_TRUST] = "trust",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum kmsd_policy_kind)i;
    fail_msg("no kind %s", name);
    return KMSD_POLICY_KIND_KEY;
}

static void check_row(const json_t *row)
{
    const char *rule = json_string_value(json_object_get(row, "rule"));
    const char *expected = json_string_value(json_object_get(row, "problem"));
    const char *given = json_string_value(json_object_get(row, "text"));
    char *text = given != NULL ? strdup(given) : json_dumps(json_object_get(row, "document"), 0);
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    enum kms_err err = kmsd_policy_parse(kms_str(text),
        kind_of(json_string_value(json_object_get(row, "kind"))), &document, &problem);
    if ((err == KMS_OK) != (expected == NULL))
        fail_msg("%s: %s: %s", rule, kms_err_text(err), problem.text);
    if (expected != NULL && strcmp(problem.text, expected) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", rule, problem.text, expected);
    if (expected != NULL) {
        assert_null(document);
        assert_int_equal(err, expected[0] == '\0' ? KMS_ERR_SYNTAX : KMS_ERR_VALIDATION);
    }
    kmsd_policy_document_free(document);
    free(text);
}

static void test_documents(void **state)
{
    (void)state;
    struct policy_fixture fixture;
    size_t index;
    json_t *row;
    policy_fixture_open(&fixture, "documents.json");
    const json_t *rows = json_object_get(fixture.table, "cases");
    assert_true(json_array_size(rows) >= 100);
    json_array_foreach(rows, index, row) check_row(row);
    policy_fixture_close(&fixture);
}

static void test_what_a_document_tells(void **state)
{
    (void)state;
    struct kmsd_policy_document *document = policy_parse_text(
        "{\"Id\":\"an id\",\"Statement\":["
        "{\"Sid\":\"first\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\","
        "\"Resource\":\"*\"},"
        "{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}",
        KMSD_POLICY_KIND_KEY);
    assert_int_equal(kmsd_policy_document_kind(document), KMSD_POLICY_KIND_KEY);
    assert_true(kms_str_is(kmsd_policy_document_id(document), "an id"));
    assert_int_equal(kmsd_policy_document_statements(document), 2);
    assert_true(kms_str_is(kmsd_policy_document_sid(document, 0), "first"));
    assert_null(kmsd_policy_document_sid(document, 1).data);
    assert_false(kmsd_policy_document_is_deny(document, 0));
    assert_true(kmsd_policy_document_is_deny(document, 1));
    kmsd_policy_document_free(document);
    kmsd_policy_document_free(NULL);
}

/* A document is compact: the default policy fits into half a kilobyte. */
static void test_size(void **state)
{
    (void)state;
    struct kmsd_policy_document *document =
        policy_parse_text("{\"Version\":\"2012-10-17\",\"Id\":\"key-default-1\",\"Statement\":[{"
                          "\"Sid\":\"Enable IAM User Permissions\",\"Effect\":\"Allow\","
                          "\"Principal\":{\"AWS\":\"arn:aws:iam::111122223333:root\"},"
                          "\"Action\":\"kms:*\",\"Resource\":\"*\"}]}",
            KMSD_POLICY_KIND_KEY);
    assert_in_range(kmsd_policy_document_size(document), 100, 512);
    kmsd_policy_document_free(document);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* A document of exactly len bytes, made longer by its Sid (letters) or by blanks. */
static char *padded(enum kmsd_policy_kind kind, size_t len, char padding)
{
    static const char head[] = "{\"Statement\":{\"Sid\":\"";
    static const char who[] = "\"Principal\":\"*\",";
    static const char what[] = "\"Action\":\"kms:*\",\"Effect\":\"Allow\"";
    static const char where[] = ",\"Resource\":\"*\"";
    bool names = kind == KMSD_POLICY_KIND_KEY || kind == KMSD_POLICY_KIND_TRUST;
    char *text = malloc(len + 1);
    assert_non_null(text);
    char tail[256];
    (void)snprintf(tail, sizeof(tail), "%s%s%s%s}}", padding == ' ' ? "" : "\",", names ? who : "",
        what, kind == KMSD_POLICY_KIND_TRUST ? "" : where);
    size_t used = (size_t)snprintf(text, len + 1, "%s%s", head, padding == ' ' ? "\"," : "");
    size_t tail_len = strlen(tail);
    assert_true(used + tail_len <= len);
    memset(text + used, padding, len - used - tail_len);
    memcpy(text + len - tail_len, tail, tail_len + 1);
    return text;
}

static enum kms_err parse_padded(enum kmsd_policy_kind kind, size_t len, char padding)
{
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    char *text = padded(kind, len, padding);
    enum kms_err err = kmsd_policy_parse(kms_str(text), kind, &document, &problem);
    free(text);
    kmsd_policy_document_free(document);
    assert_true((err == KMS_OK) == (problem.text[0] == '\0'));
    return err;
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        enum kmsd_policy_kind kind;
        size_t max;
    } rows[] = {
        {KMSD_POLICY_KIND_KEY, 32768},
        {KMSD_POLICY_KIND_IDENTITY, 6144},
        {KMSD_POLICY_KIND_BOUNDARY, 6144},
        {KMSD_POLICY_KIND_SESSION, 2048},
        {KMSD_POLICY_KIND_TRUST, 4096},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(parse_padded(rows[i].kind, rows[i].max, 'x'), KMS_OK);
        assert_int_equal(parse_padded(rows[i].kind, rows[i].max + 1, 'x'), KMS_ERR_LIMIT);
        bool counts_blanks = rows[i].kind == KMSD_POLICY_KIND_KEY;
        assert_int_equal(parse_padded(rows[i].kind, rows[i].max + 1, ' '),
            counts_blanks ? KMS_ERR_LIMIT : KMS_OK);
        assert_int_equal(parse_padded(rows[i].kind, KMSD_POLICY_TEXT_MAX + 1, ' '), KMS_ERR_LIMIT);
    }
}

/* Deep nesting is refused, wherever it stands. */
static void test_nesting(void **state)
{
    (void)state;
    static const char *const heads[] = {"",
        "{\"Statement\":", "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":",
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":",
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Condition\":{\"Bool\":"};
    for (size_t depth = 10; depth <= 10000; depth *= 10) {
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
            size_t head = strlen(heads[i]);
            char *text = malloc(head + 2 * depth + 8);
            assert_non_null(text);
            memcpy(text, heads[i], head);
            memset(text + head, '[', depth);
            memset(text + head + depth, ']', depth);
            (void)strcpy(text + head + 2 * depth, &"}}}"[i < 2 ? 2 - (i == 1) : i == 4 ? 0 : 1]);
            if (i == 0)
                text[2 * depth] = '\0';
            struct kmsd_policy_document *document = NULL;
            struct kmsd_policy_problem problem;
            enum kms_err err =
                kmsd_policy_parse(kms_str(text), KMSD_POLICY_KIND_KEY, &document, &problem);
            assert_true(err == KMS_ERR_VALIDATION || err == KMS_ERR_SYNTAX);
            assert_null(document);
            free(text);
        }
    }
}

/* Messages quote what the document says, but never more than a little, and whole characters. */
static void test_long_quotations(void **state)
{
    (void)state;
    char text[1024], name[600] = "";
    for (size_t i = 0; i < 250; i++)
        (void)strcat(name, "é");
    (void)snprintf(text, sizeof(text), "{\"%sx\":1}", name);
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    assert_int_equal(kmsd_policy_parse(kms_str(text), KMSD_POLICY_KIND_KEY, &document, &problem),
        KMS_ERR_VALIDATION);
    name[100] = '\0';
    (void)snprintf(text, sizeof(text), "Unknown element \"%s\".", name);
    assert_string_equal(problem.text, text);
}

/* --- principals ------------------------------------------------------------------------------- */

struct visited {
    char text[512];
    size_t most;
};

static bool visit(void *arg, const struct kmsd_policy_name *name)
{
    struct visited *visited = arg;
    char one[128];
    (void)snprintf(
        one, sizeof(one), "%d:%.*s ", (int)name->kind, (int)name->text.len, name->text.data);
    (void)strcat(visited->text, one);
    return --visited->most != 0;
}

static void test_principals_are_listed(void **state)
{
    (void)state;
    struct kmsd_policy_document *document = policy_parse_text(
        "{\"Statement\":[{\"Effect\":\"Deny\",\"NotPrincipal\":{\"AWS\":["
        "\"arn:aws:iam::111122223333:root\",\"arn:aws:iam::111122223333:user/p/a\"]},"
        "\"Action\":\"kms:*\",\"Resource\":\"*\"},"
        "{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"ec2.amazonaws.com\"}}]}",
        KMSD_POLICY_KIND_KEY);
    struct visited all = {"", 100}, two = {"", 2};
    assert_true(kmsd_policy_document_principals(document, visit, &all));
    assert_string_equal(
        all.text, "1:111122223333 2:arn:aws:iam::111122223333:user/p/a 6:ec2.amazonaws.com ");
    assert_false(kmsd_policy_document_principals(document, visit, &two));
    assert_string_equal(two.text, "1:111122223333 2:arn:aws:iam::111122223333:user/p/a ");
    kmsd_policy_document_free(document);
}

/* --- without memory --------------------------------------------------------------------------- */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_kms_arena_alloc(struct kms_arena *arena, size_t size);
void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size);

static size_t allocations, failing; /* the failing-th fails; 0: none */

static bool fails(void)
{
    return ++allocations == failing;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size)
{
    return fails() ? NULL : __real_kms_arena_alloc(arena, size);
}

static void test_without_memory(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Version\":\"2012-10-17\",\"Id\":\"i\",\"Statement\":[{\"Sid\":\"s\",\"Effect\":"
        "\"Allow\",\"Principal\":{\"AWS\":[\"111122223333\",\"*\"]},\"Action\":[\"kms:*\",\"*\"],"
        "\"Resource\":\"arn:aws:kms:*:*:key/${aws:username, 'x'}\",\"Condition\":{"
        "\"StringLike\":{\"kms:KeySpec\":[\"a*${*}b?\"]},\"NumericEquals\":{\"a:b\":1},"
        "\"DateEquals\":{\"a:b\":\"2026\"},\"BinaryEquals\":{\"a:b\":\"AA==\"},"
        "\"IpAddress\":{\"a:b\":\"::/0\"},\"Null\":{\"a:b\":true}}}]}";
    struct kmsd_policy_document *document = NULL;
    struct kmsd_policy_problem problem;
    allocations = failing = 0;
    assert_int_equal(
        kmsd_policy_parse(kms_str(text), KMSD_POLICY_KIND_KEY, &document, &problem), KMS_OK);
    kmsd_policy_document_free(document);
    size_t needed = allocations;
    assert_true(needed > 30);
    for (size_t i = 1; i <= needed; i++) {
        document = NULL;
        allocations = 0;
        failing = i;
        enum kms_err err =
            kmsd_policy_parse(kms_str(text), KMSD_POLICY_KIND_KEY, &document, &problem);
        assert_int_equal(err, KMS_ERR_NO_MEMORY);
        assert_null(document);
    }
    failing = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_what_a_document_tells),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_long_quotations),
        cmocka_unit_test(test_principals_are_listed),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
