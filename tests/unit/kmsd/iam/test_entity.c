#include "kmsd/iam/entity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DOCUMENT                                                                            \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\"," \
    "\"Resource\":\"*\"}}"

static struct kms_str groups[] = {KMS_STR_LITERAL("admins"), KMS_STR_LITERAL("Staff")};
static struct kms_str attached[] = {KMS_STR_LITERAL("arn:aws:iam::aws:policy/ReadOnlyAccess")};
static struct kms_str_pair tags[] = {{KMS_STR_LITERAL("team"), KMS_STR_LITERAL("blue \"x\"")}};

static struct kmsd_iam_entity a_user(struct kmsd_iam_policy *policy)
{
    policy->name = kms_str("use");
    policy->text = kms_str(DOCUMENT);
    return (struct kmsd_iam_entity){
        .kind = KMSD_IAM_USER,
        .account = kms_str("111122223333"),
        .name = kms_str("Alice"),
        .path = kms_str("/dev/"),
        .id = kms_str("AIDAEXAMPLE"),
        .arn = kms_str("arn:aws:iam::111122223333:user/dev/Alice"),
        .created_ms = 1795392000123,
        .tags = {tags, 1},
        .inline_policies = policy,
        .inline_count = 1,
        .attached = {attached, 1},
        .groups = {groups, 2},
    };
}

static void assert_same(struct kms_str a, struct kms_str b)
{
    assert_int_equal(a.data == NULL, b.data == NULL);
    assert_true(kms_str_eq(a, b));
}

static void assert_is_the_user(const struct kmsd_iam_entity *found)
{
    struct kmsd_iam_policy policy = {.created_ms = 0};
    struct kmsd_iam_entity user = a_user(&policy);
    assert_int_equal(found->kind, user.kind);
    assert_same(found->account, user.account);
    assert_same(found->name, user.name);
    assert_same(found->path, user.path);
    assert_same(found->id, user.id);
    assert_same(found->arn, user.arn);
    assert_true(found->created_ms == user.created_ms);
    assert_int_equal(found->tags.count, 1);
    assert_same(found->tags.items[0].value, tags[0].value);
    assert_int_equal(found->inline_count, 1);
    assert_same(found->inline_policies[0].text, kms_str(DOCUMENT));
    assert_int_equal(found->attached.count, 1);
    assert_same(found->attached.items[0], attached[0]);
    assert_int_equal(found->groups.count, 2);
    assert_same(found->groups.items[1], groups[1]);
    assert_null(found->boundary.data);
    assert_null(found->description.data);
}

static void packs_into_one_block(void **state)
{
    struct kmsd_iam_policy policy = {.created_ms = 0};
    struct kmsd_iam_entity draft = a_user(&policy);
    (void)state;
    const struct kmsd_iam_entity *packed = kmsd_iam_entity_pack(&draft);
    assert_non_null(packed);
    assert_is_the_user(packed);
    assert_true((const char *)packed->name.data > (const char *)packed &&
                (const char *)packed->name.data < (const char *)packed + packed->size);
    const struct kmsd_policy_document *document =
        kmsd_iam_policy_parsed(&packed->inline_policies[0], KMSD_POLICY_KIND_IDENTITY);
    assert_non_null(document);
    assert_ptr_equal(
        kmsd_iam_policy_parsed(&packed->inline_policies[0], KMSD_POLICY_KIND_IDENTITY), document);
    assert_non_null(kmsd_iam_entity_inline(packed, kms_str("USE")));
    assert_null(kmsd_iam_entity_inline(packed, kms_str("us")));
    kmsd_iam_entity_release(kmsd_iam_entity_hold(packed));
    kmsd_iam_entity_release(packed);
}

static void survives_the_store(void **state)
{
    struct kmsd_iam_policy policy = {.created_ms = 0};
    struct kmsd_iam_entity draft = a_user(&policy);
    struct kmsd_iam_entity read;
    (void)state;
    KMS_BUF_AUTO body;
    KMS_ARENA_AUTO arena;
    kms_buf_init(&body, KMSD_IAM_BODY_MAX);
    kms_arena_init(&arena, 1 << 20);
    assert_int_equal(kmsd_iam_entity_encode(&draft, &body), KMS_OK);
    assert_int_equal(kmsd_iam_entity_decode(kms_buf_str(&body), KMSD_IAM_USER,
                         kms_str("111122223333"), kms_str("aws"), &arena, &read),
        KMS_OK);
    assert_is_the_user(&read);
}

static void refuses_rows_that_make_no_sense(void **state)
{
    static const struct {
        enum kmsd_iam_kind kind;
        const char *body;
    } rows[] = {
        {KMSD_IAM_USER, ""},
        {KMSD_IAM_USER, "[]"},
        {KMSD_IAM_USER, "{\"path\":\"/\"}"},
        {KMSD_IAM_USER, "{\"name\":1}"},
        {KMSD_IAM_USER, "{\"name\":\"a\",\"tags\":[[\"k\"]]}"},
        {KMSD_IAM_USER, "{\"name\":\"a\",\"groups\":{}}"},
        {KMSD_IAM_USER, "{\"name\":\"a\",\"trust\":\"{}\"}"},
        {KMSD_IAM_ROLE, "{\"name\":\"a\"}"},
        {KMSD_IAM_POLICY, "{\"name\":\"a\"}"},
        {KMSD_IAM_POLICY,
            "{\"name\":\"a\",\"versions\":[[\"v1\",\"{}\",1]],\"default_version\":1}"},
        {KMSD_IAM_POLICY,
            "{\"name\":\"a\",\"versions\":[[\"v1\",\"{}\",1]],\"default_version\":-1}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kmsd_iam_entity read;
        KMS_ARENA_AUTO arena;
        kms_arena_init(&arena, 1 << 20);
        assert_int_equal(kmsd_iam_entity_decode(kms_str(rows[i].body), rows[i].kind,
                             kms_str("111122223333"), kms_str("aws"), &arena, &read),
            KMS_ERR_CORRUPT);
    }
}

static void orders_names_without_case(void **state)
{
    (void)state;
    assert_true(kmsd_iam_name_compare(kms_str("Bob"), kms_str("bob")) == 0);
    assert_true(kmsd_iam_name_compare(kms_str("bo"), kms_str("Bob")) < 0);
    assert_true(kmsd_iam_name_compare(kms_str("c"), kms_str("Bob")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_into_one_block),
        cmocka_unit_test(survives_the_store),
        cmocka_unit_test(refuses_rows_that_make_no_sense),
        cmocka_unit_test(orders_names_without_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
