/* Grants: whom they allow what, under which constraints, and which grants may follow from them. */
#include "kmsd/policy/grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEXT(text) KMS_STR_LITERAL(text)

static const struct kms_str_pair it[] = {{TEXT("Department"), TEXT("IT")}};
static const struct kms_str_pair it_test[] = {
    {TEXT("Department"), TEXT("IT")}, {TEXT("Purpose"), TEXT("Test")}};
static const struct kms_str_pair test_it[] = {
    {TEXT("Purpose"), TEXT("Test")}, {TEXT("Department"), TEXT("IT")}};
static const struct kms_str_pair hr[] = {{TEXT("Department"), TEXT("HR")}};
static const struct kms_str_pair it_lower[] = {{TEXT("Department"), TEXT("it")}};
static const struct kms_str_pair lower_it[] = {{TEXT("department"), TEXT("IT")}};
static const struct kms_str_pair three[] = {
    {TEXT("Department"), TEXT("IT")}, {TEXT("Purpose"), TEXT("Test")}, {TEXT("Stage"), TEXT("1")}};

#define MAP(pairs)                                \
    {                                             \
        pairs, sizeof(pairs) / sizeof((pairs)[0]) \
    }
#define NO_MAP  \
    {           \
        NULL, 0 \
    }

static const struct kmsd_policy_subject alice = {.kind = KMSD_SUBJECT_USER,
    .account = TEXT("111122223333"),
    .arn = TEXT("arn:aws:iam::111122223333:user/alice")};
static const struct kmsd_policy_subject session = {.kind = KMSD_SUBJECT_ROLE_SESSION,
    .account = TEXT("111122223333"),
    .arn = TEXT("arn:aws:sts::111122223333:assumed-role/r/s"),
    .issuer_arn = TEXT("arn:aws:iam::111122223333:role/r")};
static const struct kmsd_policy_subject service = {.kind = KMSD_SUBJECT_SERVICE,
    .arn = TEXT("dynamodb.us-east-1.amazonaws.com"),
    .service = TEXT("dynamodb.us-east-1.amazonaws.com")};

static const struct kmsd_policy_name to_alice = {
    KMSD_NAME_USER, TEXT("arn:aws:iam::111122223333:user/alice")};
static const struct kmsd_policy_name to_role = {
    KMSD_NAME_ROLE, TEXT("arn:aws:iam::111122223333:role/r")};
static const struct kmsd_policy_name to_account = {KMSD_NAME_ACCOUNT, TEXT("111122223333")};
static const struct kmsd_policy_name to_everyone = {KMSD_NAME_EVERYONE, TEXT("*")};
static const struct kmsd_policy_name to_service = {
    KMSD_NAME_SERVICE, TEXT("dynamodb.us-east-1.amazonaws.com")};

static uint32_t all_operations(void)
{
    uint32_t bits = 0;
    for (int i = KMS_GRANT_OPERATION_UNSET; i <= KMS_GRANT_OPERATION_VERIFY_MAC; i++)
        bits |= kmsd_grant_operation_bit((enum kms_grant_operation)i);
    return bits;
}

static void test_operations(void **state)
{
    (void)state;
    assert_int_equal(kmsd_grant_operation_bit(KMS_GRANT_OPERATION_UNSET), 0);
    assert_int_equal(kmsd_grant_operation_bit(KMS_GRANT_OPERATION_UNRECOGNIZED), 0);
    assert_int_equal(__builtin_popcount(all_operations()), 19);
    for (int granted = 1; granted <= KMS_GRANT_OPERATION_VERIFY_MAC; granted++) {
        const struct kmsd_grant grant = {
            .operations = kmsd_grant_operation_bit((enum kms_grant_operation)granted),
            .grantee = to_alice};
        for (int used = -1; used <= KMS_GRANT_OPERATION_VERIFY_MAC; used++) {
            const struct kmsd_grant_use use = {
                .subject = &alice, .operation = (enum kms_grant_operation)used};
            assert_int_equal(kmsd_grant_allows(&grant, &use),
                used == granted ? KMSD_MATCH_PRINCIPAL : KMSD_MATCH_NONE);
        }
    }
}

static void test_operations_of_actions(void **state)
{
    (void)state;
    assert_int_equal(kmsd_grant_operation_of(kms_str("kms:Decrypt")), KMS_GRANT_OPERATION_DECRYPT);
    assert_int_equal(
        kmsd_grant_operation_of(kms_str("KMS:reencryptTO")), KMS_GRANT_OPERATION_RE_ENCRYPT_TO);
    assert_int_equal(
        kmsd_grant_operation_of(kms_str("kms:PutKeyPolicy")), KMS_GRANT_OPERATION_UNSET);
    assert_int_equal(kmsd_grant_operation_of(kms_str("kms:ReEncrypt")), KMS_GRANT_OPERATION_UNSET);
    assert_int_equal(kmsd_grant_operation_of(kms_str("")), KMS_GRANT_OPERATION_UNSET);
}

static void test_grantees(void **state)
{
    (void)state;
    static const struct {
        const struct kmsd_policy_name *grantee;
        const struct kmsd_policy_subject *subject;
        enum kmsd_policy_match match;
    } rows[] = {
        {&to_alice, &alice, KMSD_MATCH_PRINCIPAL}, {&to_alice, &session, KMSD_MATCH_NONE},
        {&to_role, &session, KMSD_MATCH_ISSUER}, {&to_role, &alice, KMSD_MATCH_NONE},
        {&to_account, &alice, KMSD_MATCH_ACCOUNT}, {&to_account, &service, KMSD_MATCH_NONE},
        {&to_service, &service, KMSD_MATCH_PRINCIPAL}, {&to_service, &alice, KMSD_MATCH_NONE},
        {&to_everyone, &alice, KMSD_MATCH_NONE}, /* there is no such grant */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kmsd_grant grant = {
            .operations = all_operations(), .grantee = *rows[i].grantee};
        const struct kmsd_grant_use use = {
            .subject = rows[i].subject, .operation = KMS_GRANT_OPERATION_DECRYPT};
        assert_int_equal(kmsd_grant_allows(&grant, &use), rows[i].match);
    }
}

static void test_context_constraints(void **state)
{
    (void)state;
    static const struct {
        struct kms_str_map equals, subset, context;
        bool allowed;
    } rows[] = {
        {MAP(it), NO_MAP, MAP(it), true}, {MAP(it), NO_MAP, MAP(it_test), false},
        {MAP(it), NO_MAP, MAP(hr), false}, {MAP(it), NO_MAP, NO_MAP, false},
        {MAP(it_test), NO_MAP, MAP(test_it), true}, /* in any order */
        {MAP(it_test), NO_MAP, MAP(it), false}, {NO_MAP, MAP(it), MAP(it), true},
        {NO_MAP, MAP(it), MAP(test_it), true}, {NO_MAP, MAP(it), MAP(hr), false},
        {NO_MAP, MAP(it_test), MAP(it), false}, {NO_MAP, MAP(it), NO_MAP, false},
        {MAP(it), NO_MAP, MAP(it_lower), false}, /* values regard letter case */
        {MAP(it), NO_MAP, MAP(lower_it), false}, /* and so do names */
        {NO_MAP, MAP(it), MAP(lower_it), false}, {NO_MAP, NO_MAP, MAP(it), true},
        {{it, 0}, NO_MAP, NO_MAP, true}, /* exactly no pairs */
        {{it, 0}, NO_MAP, MAP(it), false}, {{it, 1}, MAP(it), MAP(it), true},
        {MAP(it), MAP(hr), MAP(it), false}, /* both bind */
    };
    static const enum kms_grant_operation bound[] = {KMS_GRANT_OPERATION_DECRYPT,
        KMS_GRANT_OPERATION_ENCRYPT, KMS_GRANT_OPERATION_GENERATE_DATA_KEY,
        KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR,
        KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
        KMS_GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
        KMS_GRANT_OPERATION_RE_ENCRYPT_FROM, KMS_GRANT_OPERATION_RE_ENCRYPT_TO};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kmsd_grant grant = {.operations = all_operations(),
            .grantee = to_alice,
            .context_equals = rows[i].equals,
            .context_subset = rows[i].subset};
        for (size_t j = 0; j < sizeof(bound) / sizeof(bound[0]); j++) {
            const struct kmsd_grant_use use = {
                .subject = &alice, .operation = bound[j], .context = rows[i].context};
            if ((kmsd_grant_allows(&grant, &use) != KMSD_MATCH_NONE) != rows[i].allowed)
                fail_msg("row %zu, operation %d", i, (int)bound[j]);
        }
    }
}

/* What has no encryption context passes the constraint, or can not be meant by such a grant. */
static void test_operations_without_context(void **state)
{
    (void)state;
    static const struct {
        enum kms_grant_operation operation;
        bool allowed;
    } rows[] = {
        {KMS_GRANT_OPERATION_DESCRIBE_KEY, true},
        {KMS_GRANT_OPERATION_RETIRE_GRANT, true},
        {KMS_GRANT_OPERATION_CREATE_GRANT, true},
        {KMS_GRANT_OPERATION_SIGN, false},
        {KMS_GRANT_OPERATION_VERIFY, false},
        {KMS_GRANT_OPERATION_GET_PUBLIC_KEY, false},
        {KMS_GRANT_OPERATION_GENERATE_MAC, false},
        {KMS_GRANT_OPERATION_VERIFY_MAC, false},
        {KMS_GRANT_OPERATION_DERIVE_SHARED_SECRET, false},
    };
    const struct kmsd_grant grant = {
        .operations = all_operations(), .grantee = to_alice, .context_subset = MAP(it)};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kmsd_grant_use use = {.subject = &alice, .operation = rows[i].operation};
        assert_int_equal(kmsd_grant_allows(&grant, &use) != KMSD_MATCH_NONE, rows[i].allowed);
    }
}

static void test_source_constraint(void **state)
{
    (void)state;
    static const char table[] = "arn:aws:dynamodb:us-east-1:111122223333:table/A";
    static const char other[] = "arn:aws:dynamodb:us-east-1:111122223333:table/B";
    static const struct {
        enum kms_grant_operation operation;
        const char *source;
        bool allowed;
    } rows[] = {
        {KMS_GRANT_OPERATION_DECRYPT, table, true},
        {KMS_GRANT_OPERATION_DECRYPT, other, false},
        {KMS_GRANT_OPERATION_DECRYPT, NULL, false},
        {KMS_GRANT_OPERATION_SIGN, table, true},
        {KMS_GRANT_OPERATION_SIGN, NULL, false},
        {KMS_GRANT_OPERATION_CREATE_GRANT, NULL, false},
        {KMS_GRANT_OPERATION_DESCRIBE_KEY, table, true},
        {KMS_GRANT_OPERATION_DESCRIBE_KEY, other, false},
        {KMS_GRANT_OPERATION_DESCRIBE_KEY, NULL, true},
        {KMS_GRANT_OPERATION_RETIRE_GRANT, other, true},
        {KMS_GRANT_OPERATION_RETIRE_GRANT, NULL, true},
    };
    const struct kmsd_grant grant = {.operations = all_operations(),
        .grantee = to_service,
        .source_arn = {table, sizeof(table) - 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct kmsd_grant_use use = {.subject = &service,
            .operation = rows[i].operation,
            .source_arn = kms_str(rows[i].source)};
        if ((kmsd_grant_allows(&grant, &use) != KMSD_MATCH_NONE) != rows[i].allowed)
            fail_msg("row %zu", i);
    }
}

/* --- grants that make grants ------------------------------------------------------------------ */

struct limits {
    struct kms_str_map equals, subset;
    const char *source;
};

static struct kmsd_grant limited(const struct limits *limits, uint32_t operations)
{
    return (struct kmsd_grant){.operations = operations,
        .grantee = to_alice,
        .context_equals = limits->equals,
        .context_subset = limits->subset,
        .source_arn = kms_str(limits->source)};
}

static void test_strictness_of_constraints(void **state)
{
    (void)state;
    static const struct {
        struct limits parent, child;
        bool allowed;
    } rows[] = {
        {{NO_MAP, NO_MAP, NULL}, {NO_MAP, NO_MAP, NULL}, true},
        {{NO_MAP, NO_MAP, NULL}, {MAP(it), NO_MAP, NULL}, true},
        {{NO_MAP, NO_MAP, NULL}, {NO_MAP, MAP(it), "arn:a"}, true},
        {{MAP(it), NO_MAP, NULL}, {NO_MAP, NO_MAP, NULL}, false},
        {{MAP(it), NO_MAP, NULL}, {MAP(it), NO_MAP, NULL}, true},
        {{MAP(it), NO_MAP, NULL}, {MAP(hr), NO_MAP, NULL}, false},
        {{MAP(it), NO_MAP, NULL}, {MAP(it_test), NO_MAP, NULL}, false},
        {{MAP(it), NO_MAP, NULL}, {NO_MAP, MAP(it), NULL}, false},
        {{MAP(it_test), NO_MAP, NULL}, {MAP(test_it), NO_MAP, NULL}, true},
        {{NO_MAP, MAP(it), NULL}, {NO_MAP, NO_MAP, NULL}, false},
        {{NO_MAP, MAP(it), NULL}, {NO_MAP, MAP(it), NULL}, true},
        {{NO_MAP, MAP(it), NULL}, {NO_MAP, MAP(it_test), NULL}, true},  /* pairs may be added */
        {{NO_MAP, MAP(it_test), NULL}, {NO_MAP, MAP(it), NULL}, false}, /* but not removed */
        {{NO_MAP, MAP(it_test), NULL}, {NO_MAP, MAP(three), NULL}, true},
        {{NO_MAP, MAP(it), NULL}, {NO_MAP, MAP(hr), NULL}, false},
        {{NO_MAP, MAP(it), NULL}, {MAP(it), NO_MAP, NULL}, true}, /* Subset may become Equals */
        {{NO_MAP, MAP(it), NULL}, {MAP(it_test), NO_MAP, NULL}, true},
        {{NO_MAP, MAP(it_test), NULL}, {MAP(it), NO_MAP, NULL}, false},
        {{NO_MAP, NO_MAP, "arn:a"}, {NO_MAP, NO_MAP, "arn:a"}, true},
        {{NO_MAP, NO_MAP, "arn:a"}, {NO_MAP, NO_MAP, "arn:b"}, false},
        {{NO_MAP, NO_MAP, "arn:a"}, {NO_MAP, NO_MAP, NULL}, false},
        {{NO_MAP, MAP(it), "arn:a"}, {NO_MAP, MAP(it_test), "arn:a"}, true},
        {{NO_MAP, MAP(it), "arn:a"}, {NO_MAP, MAP(it_test), NULL}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kmsd_grant parent = limited(&rows[i].parent, all_operations());
        struct kmsd_grant child = limited(&rows[i].child, all_operations());
        if (kmsd_grant_is_at_least_as_strict(&child, &parent) != rows[i].allowed)
            fail_msg("row %zu", i);
    }
}

static void test_strictness_of_operations(void **state)
{
    (void)state;
    uint32_t decrypt = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_DECRYPT);
    uint32_t encrypt = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_ENCRYPT);
    uint32_t create = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_CREATE_GRANT);
    const struct limits none = {NO_MAP, NO_MAP, NULL};
    struct kmsd_grant parent = limited(&none, decrypt | create);
    struct kmsd_grant same = limited(&none, decrypt | create), fewer = limited(&none, decrypt),
                      others = limited(&none, encrypt), more = limited(&none, decrypt | encrypt);
    assert_true(kmsd_grant_is_at_least_as_strict(&same, &parent));
    assert_true(kmsd_grant_is_at_least_as_strict(&fewer, &parent));
    assert_false(kmsd_grant_is_at_least_as_strict(&others, &parent));
    assert_false(kmsd_grant_is_at_least_as_strict(&more, &parent));
}

/* Whatever a child allows, its parent allows as well. */
static void test_strictness_means_what_it_says(void **state)
{
    (void)state;
    static const struct kms_str_map maps[] = {
        NO_MAP, {it, 0}, MAP(it), MAP(it_test), MAP(test_it), MAP(hr), MAP(three), MAP(it_lower)};
    enum { MAPS = sizeof(maps) / sizeof(maps[0]), GRANTS = MAPS * MAPS * 2 };
    struct kmsd_grant grants[GRANTS];
    size_t strict = 0;
    for (size_t i = 0; i < GRANTS; i++) {
        const struct limits limits = {
            maps[i % MAPS], maps[i / MAPS % MAPS], i / (MAPS * MAPS) == 0 ? NULL : "arn:a"};
        grants[i] = limited(&limits, all_operations());
    }
    for (size_t i = 0; i < (size_t)GRANTS * GRANTS; i++) {
        const struct kmsd_grant *child = &grants[i % GRANTS], *parent = &grants[i / GRANTS];
        if (!kmsd_grant_is_at_least_as_strict(child, parent))
            continue;
        strict++;
        for (size_t c = 0; c < (size_t)MAPS * 2; c++) {
            const struct kmsd_grant_use use = {.subject = &alice,
                .operation = KMS_GRANT_OPERATION_DECRYPT,
                .context = maps[c % MAPS],
                .source_arn = kms_str(c < MAPS ? NULL : "arn:a")};
            if (kmsd_grant_allows(child, &use) != KMSD_MATCH_NONE)
                assert_int_equal(kmsd_grant_allows(parent, &use), KMSD_MATCH_PRINCIPAL);
        }
    }
    assert_true(strict > GRANTS);
}

/* --- finding and retiring --------------------------------------------------------------------- */

static void test_best_grant(void **state)
{
    (void)state;
    const struct kmsd_grant account = {.operations = all_operations(), .grantee = to_account};
    const struct kmsd_grant role = {.operations = all_operations(), .grantee = to_role};
    const struct kmsd_grant own = {.operations = all_operations(),
        .grantee = {KMSD_NAME_ROLE_SESSION, TEXT("arn:aws:sts::111122223333:assumed-role/r/s")}};
    const struct kmsd_grant other = {.operations = all_operations(), .grantee = to_alice};
    const struct kmsd_grant *grants[] = {&other, &account, &role, &role, &own};
    const struct kmsd_grant_use use = {
        .subject = &session, .operation = KMS_GRANT_OPERATION_DECRYPT};
    enum kmsd_policy_match match;
    assert_ptr_equal(kmsd_grant_find(grants, 5, &use, &match), &own);
    assert_int_equal(match, KMSD_MATCH_PRINCIPAL);
    assert_ptr_equal(kmsd_grant_find(grants, 4, &use, &match), grants[2]);
    assert_int_equal(match, KMSD_MATCH_ISSUER);
    assert_ptr_equal(kmsd_grant_find(grants, 2, &use, &match), &account);
    assert_int_equal(match, KMSD_MATCH_ACCOUNT);
    assert_null(kmsd_grant_find(grants, 1, &use, &match));
    assert_int_equal(match, KMSD_MATCH_NONE);
    assert_null(kmsd_grant_find(NULL, 0, &use, &match));
}

static void test_retiring(void **state)
{
    (void)state;
    uint32_t retire = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_RETIRE_GRANT);
    struct kmsd_grant grant = {.grantee = to_role};
    assert_int_equal(kmsd_grant_may_retire(&grant, &session), KMSD_MATCH_NONE);
    grant.operations = retire;
    assert_int_equal(kmsd_grant_may_retire(&grant, &session), KMSD_MATCH_ISSUER);
    assert_int_equal(kmsd_grant_may_retire(&grant, &alice), KMSD_MATCH_NONE);
    grant.retiring = to_alice;
    assert_int_equal(kmsd_grant_may_retire(&grant, &alice), KMSD_MATCH_PRINCIPAL);
    assert_int_equal(kmsd_grant_may_retire(&grant, &session), KMSD_MATCH_ISSUER);
    grant.retiring = to_account;
    assert_int_equal(kmsd_grant_may_retire(&grant, &alice), KMSD_MATCH_ACCOUNT);
    assert_int_equal(kmsd_grant_may_retire(&grant, &session), KMSD_MATCH_ISSUER);
    assert_int_equal(kmsd_grant_may_retire(&grant, &service), KMSD_MATCH_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_operations_of_actions),
        cmocka_unit_test(test_grantees),
        cmocka_unit_test(test_context_constraints),
        cmocka_unit_test(test_operations_without_context),
        cmocka_unit_test(test_source_constraint),
        cmocka_unit_test(test_strictness_of_constraints),
        cmocka_unit_test(test_strictness_of_operations),
        cmocka_unit_test(test_strictness_means_what_it_says),
        cmocka_unit_test(test_best_grant),
        cmocka_unit_test(test_retiring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
