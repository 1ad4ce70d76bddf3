/* Identities: what a change does to whoever asks, and that it outlives the daemon. */
#include "kmsd/iam/access_key.h"
#include "kmsd/iam/iam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ACCOUNT "111122223333"
#define ALICE   "arn:aws:iam::" ACCOUNT ":user/alice"
#define DOCUMENT                                                                            \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\"," \
    "\"Resource\":\"*\"}}"

struct bench {
    char folder[64];
    char path[96];
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_iam *iam;
    struct kms_arena arena;
    int put_calls;
    int removed_calls;
    char last_arn[128];
};

static enum kms_err heard_put(void *context, const struct kmsd_access_key_row *row)
{
    struct bench *bench = context;
    bench->put_calls++;
    (void)snprintf(bench->last_arn, sizeof(bench->last_arn), "%.*s", (int)row->principal_arn.len,
        row->principal_arn.data);
    return KMS_OK;
}

static void heard_removed(void *context, struct kms_str id)
{
    struct bench *bench = context;
    assert_int_equal(id.len, 20);
    bench->removed_calls++;
}

static void open_iam(struct bench *bench)
{
    struct kmsd_detail detail = {.text = ""};
    const struct kmsd_iam_options options = {.store = bench->store,
        .custody = bench->custody,
        .partition = kms_str("aws"),
        .now_ms = 1000};
    enum kms_err err = kmsd_iam_open(&options, &bench->iam, &detail);
    if (err != KMS_OK)
        fail_msg("%s", detail.text);
    const struct kmsd_iam_listener listener = {heard_put, heard_removed, bench};
    kmsd_iam_listen(bench->iam, &listener);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct kms_secret *root_key = NULL;
    struct kmsd_detail detail;
    assert_non_null(bench);
    (void)strcpy(bench->folder, "/tmp/kmsd-iam-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/kms.db", bench->folder);
    assert_int_equal(kms_secret_new(KMSD_ROOT_KEY_SIZE, &root_key), KMS_OK);
    assert_int_equal(kmsd_custody_new(root_key, &bench->custody), KMS_OK);
    assert_int_equal(
        kmsd_store_open(bench->path, KMSD_STORE_CREATE, &bench->store, &detail), KMS_OK);
    kms_arena_init(&bench->arena, 1 << 20);
    open_iam(bench);
    struct kmsd_access_key key = {.secret = NULL};
    assert_int_equal(kmsd_iam_create_account(bench->iam, kms_str(ACCOUNT), 1000, &key), KMS_OK);
    kms_secret_free(key.secret);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    kmsd_iam_close(bench->iam);
    kmsd_store_close(bench->store);
    kmsd_custody_free(bench->custody);
    kms_arena_clean_up(&bench->arena);
    assert_int_equal(unlink(bench->path), 0);
    assert_int_equal(rmdir(bench->folder), 0);
    free(bench);
    return 0;
}

static void reopen(struct bench *bench)
{
    struct kmsd_detail detail;
    kmsd_iam_close(bench->iam);
    kmsd_store_close(bench->store);
    assert_int_equal(
        kmsd_store_open(bench->path, KMSD_STORE_EXISTING, &bench->store, &detail), KMS_OK);
    open_iam(bench);
}

static struct kmsd_iam_entity draft_of(
    struct bench *bench, enum kmsd_iam_kind kind, const char *name)
{
    struct kmsd_iam_entity draft = {.kind = kind,
        .account = kms_str(ACCOUNT),
        .name = kms_str(name),
        .path = kms_str("/"),
        .id = kms_str("AIDAEXAMPLEEXAMPLEXXX"),
        .created_ms = 5};
    draft.arn = kmsd_iam_entity_arn(&draft, kms_str("aws"), &bench->arena);
    return draft;
}

static void put(struct bench *bench, const struct kmsd_iam_entity *draft)
{
    KMSD_IAM_ENTITY_AUTO now = kmsd_iam_find(bench->iam, draft->account, draft->kind, draft->name);
    assert_int_equal(kmsd_iam_put(bench->iam, now, draft), KMS_OK);
}

static size_t policies_of(struct bench *bench, const char *arn)
{
    const struct kmsd_identity *identity = NULL;
    assert_int_equal(kmsd_iam_resolve_user(bench->iam, kms_str(arn), &identity), KMS_OK);
    size_t count = identity->identity_policy_count;
    kmsd_identity_release(identity);
    return count;
}

static void resolves_own_group_and_managed_policies(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_policy policy = {.name = kms_str("p"), .text = kms_str(DOCUMENT)};
    struct kms_str staff = kms_str("Staff");
    struct kms_str managed = kms_str("arn:aws:iam::aws:policy/AdministratorAccess");
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    struct kmsd_iam_entity group = draft_of(bench, KMSD_IAM_GROUP, "staff");
    put(bench, &user);
    put(bench, &group);
    assert_int_equal(policies_of(bench, ALICE), 0);
    uint64_t before = kmsd_iam_generation(bench->iam);
    user.inline_policies = &policy;
    user.inline_count = 1;
    user.groups = (struct kmsd_iam_list){&staff, 1};
    put(bench, &user);
    assert_true(kmsd_iam_generation(bench->iam) > before);
    assert_int_equal(policies_of(bench, ALICE), 1);
    group.inline_policies = &policy;
    group.inline_count = 1;
    group.attached = (struct kmsd_iam_list){&managed, 1};
    put(bench, &group);
    assert_int_equal(policies_of(bench, ALICE), 3);
    assert_int_equal(kmsd_iam_policy_uses(bench->iam, kms_str(ACCOUNT), managed).attachments, 1);

    reopen(bench);
    assert_int_equal(policies_of(bench, ALICE), 3);
    const struct kmsd_identity *identity = NULL;
    assert_int_equal(
        kmsd_iam_resolve_user(bench->iam, kms_str(ALICE "x"), &identity), KMS_ERR_NOT_FOUND);
    assert_int_equal(kmsd_iam_resolve_user(
                         bench->iam, kms_str("arn:aws:iam::" ACCOUNT ":user/x/alice"), &identity),
        KMS_ERR_NOT_FOUND);
}

static void a_held_identity_outlives_the_change(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_policy policy = {.name = kms_str("p"), .text = kms_str(DOCUMENT)};
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    user.inline_policies = &policy;
    user.inline_count = 1;
    put(bench, &user);
    const struct kmsd_identity *identity = NULL;
    assert_int_equal(kmsd_iam_resolve_user(bench->iam, kms_str(ALICE), &identity), KMS_OK);
    KMSD_IAM_ENTITY_AUTO now =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("ALICE"));
    assert_int_equal(kmsd_iam_delete(bench->iam, now), KMS_OK);
    assert_true(kms_str_is(identity->subject.arn, ALICE));
    assert_int_equal(kmsd_policy_document_statements(identity->identity_policies[0]), 1);
    kmsd_identity_release(identity);
    assert_null(kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("alice")));
}

static void a_policy_that_cannot_be_read_shuts_out(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_policy policy = {.name = kms_str("p"), .text = kms_str("{]")};
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    user.inline_policies = &policy;
    user.inline_count = 1;
    put(bench, &user);
    const struct kmsd_identity *identity = NULL;
    assert_int_equal(kmsd_iam_resolve_user(bench->iam, kms_str(ALICE), &identity), KMS_ERR_CORRUPT);
}

static void names_are_taken_whatever_their_case(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    put(bench, &user);
    struct kmsd_iam_entity other = draft_of(bench, KMSD_IAM_USER, "ALICE");
    assert_int_equal(kmsd_iam_put(bench->iam, NULL, &other), KMS_ERR_EXISTS);
    struct kmsd_iam_entity nobody = user;
    nobody.account = kms_str("999999999999");
    assert_int_equal(kmsd_iam_put(bench->iam, NULL, &nobody), KMS_ERR_INTERNAL);
}

static void renaming_takes_keys_and_memberships_along(void **state)
{
    struct bench *bench = *state;
    struct kms_str staff = kms_str("staff");
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    struct kmsd_iam_entity group = draft_of(bench, KMSD_IAM_GROUP, "staff");
    user.groups = (struct kmsd_iam_list){&staff, 1};
    put(bench, &group);
    put(bench, &user);
    struct kmsd_access_key key = {.secret = NULL};
    assert_int_equal(
        kmsd_iam_create_access_key(bench->iam, kms_str(ACCOUNT), kms_str(ALICE), 7, &key), KMS_OK);
    kms_secret_free(key.secret);

    KMSD_IAM_ENTITY_AUTO old_user =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("alice"));
    struct kmsd_iam_entity renamed = draft_of(bench, KMSD_IAM_USER, "bob");
    renamed.groups = user.groups;
    int before = bench->put_calls;
    assert_int_equal(kmsd_iam_put(bench->iam, old_user, &renamed), KMS_OK);
    assert_int_equal(bench->put_calls, before + 1);
    assert_string_equal(bench->last_arn, "arn:aws:iam::" ACCOUNT ":user/bob");

    KMSD_IAM_ENTITY_AUTO old_group =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_GROUP, kms_str("staff"));
    struct kmsd_iam_entity other = draft_of(bench, KMSD_IAM_GROUP, "people");
    assert_int_equal(kmsd_iam_put(bench->iam, old_group, &other), KMS_OK);
    reopen(bench);
    KMSD_IAM_ENTITY_AUTO bob =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("bob"));
    assert_non_null(bob);
    assert_true(kms_str_is(bob->groups.items[0], "people"));
    assert_null(kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("alice")));
    struct kmsd_iam_access_key keys[KMSD_IAM_ACCESS_KEYS_MAX];
    assert_int_equal(kmsd_iam_access_keys(bench->iam, bob->arn, keys), 1);
}

static void keeps_at_most_two_access_keys(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, "alice");
    struct kmsd_access_key made[3] = {{.secret = NULL}};
    put(bench, &user);
    for (int i = 0; i < 3; i++) {
        enum kms_err err =
            kmsd_iam_create_access_key(bench->iam, kms_str(ACCOUNT), kms_str(ALICE), 7, &made[i]);
        assert_int_equal(err, i < 2 ? KMS_OK : KMS_ERR_LIMIT);
        kms_secret_free(made[i].secret);
    }
    KMSD_IAM_ENTITY_AUTO now =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("alice"));
    assert_int_equal(kmsd_iam_delete(bench->iam, now), KMS_ERR_INTERNAL); /* still has keys */
    assert_int_equal(
        kmsd_iam_set_access_key(bench->iam, kms_str(ALICE), kms_str(made[0].id), false), KMS_OK);
    assert_int_equal(
        kmsd_iam_delete_access_key(bench->iam, kms_str(ALICE), kms_str(made[1].id)), KMS_OK);
    assert_int_equal(bench->removed_calls, 1);
    assert_int_equal(kmsd_iam_delete_access_key(bench->iam, kms_str(ALICE), kms_str(made[1].id)),
        KMS_ERR_NOT_FOUND);
    reopen(bench);
    struct kmsd_iam_access_key keys[KMSD_IAM_ACCESS_KEYS_MAX];
    assert_int_equal(kmsd_iam_access_keys(bench->iam, kms_str(ALICE), keys), 1);
    assert_string_equal(keys[0].id, made[0].id);
    assert_false(keys[0].is_active);
}

static bool collect(void *context, const struct kmsd_iam_entity *entity)
{
    char *names = context;
    (void)strncat(names, entity->name.data, entity->name.len);
    return strlen(names) < 3;
}

static void lists_in_order_and_in_parts(void **state)
{
    struct bench *bench = *state;
    static const char *const names[] = {"c", "A", "d", "b"};
    char found[16] = "";
    for (size_t i = 0; i < 4; i++) {
        struct kmsd_iam_entity user = draft_of(bench, KMSD_IAM_USER, names[i]);
        put(bench, &user);
    }
    kmsd_iam_each(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str(NULL), collect, found);
    assert_string_equal(found, "Abc");
    found[0] = '\0';
    kmsd_iam_each(bench->iam, kms_str(ACCOUNT), KMSD_IAM_USER, kms_str("b"), collect, found);
    assert_string_equal(found, "cd");
}

static void sessions_are_of_the_very_role(void **state)
{
    struct bench *bench = *state;
    struct kmsd_iam_entity role = draft_of(bench, KMSD_IAM_ROLE, "app");
    role.trust.text = kms_str("{}");
    role.id = kms_str("AROAFIRST");
    put(bench, &role);
    struct kmsd_session_content content = {.kind = KMSD_SESSION_ROLE,
        .account = kms_str(ACCOUNT),
        .name = kms_str("app"),
        .entity_id = kms_str("AROAFIRST"),
        .session_name = kms_str("s"),
        .access_key_id = kms_str("ASIAX"),
        .secret = kms_bytes("x", 1)};
    KMS_BUF_AUTO token;
    kms_buf_init(&token, KMSD_SESSION_TOKEN_MAX);
    const struct kmsd_session *session = NULL;
    const struct kmsd_identity *identity = NULL;
    assert_int_equal(
        kmsd_session_seal(kmsd_iam_session_keys(bench->iam), &content, &token), KMS_OK);
    reopen(bench); /* the key of tokens stays */
    assert_int_equal(kmsd_session_open(kmsd_iam_session_keys(bench->iam), kms_buf_str(&token),
                         kms_str("aws"), &session),
        KMS_OK);
    assert_int_equal(kmsd_iam_resolve_session(bench->iam, session, &identity), KMS_OK);
    assert_int_equal(identity->subject.kind, KMSD_SUBJECT_ROLE_SESSION);
    kmsd_identity_release(identity);
    KMSD_IAM_ENTITY_AUTO now =
        kmsd_iam_find(bench->iam, kms_str(ACCOUNT), KMSD_IAM_ROLE, kms_str("app"));
    assert_int_equal(kmsd_iam_delete(bench->iam, now), KMS_OK);
    assert_int_equal(kmsd_iam_resolve_session(bench->iam, session, &identity), KMS_ERR_NOT_FOUND);
    role.id = kms_str("AROASECOND");
    put(bench, &role);
    assert_int_equal(kmsd_iam_resolve_session(bench->iam, session, &identity), KMS_ERR_NOT_FOUND);
    kmsd_session_release(session);
}

#define with_bench(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_bench(resolves_own_group_and_managed_policies),
        with_bench(a_held_identity_outlives_the_change),
        with_bench(a_policy_that_cannot_be_read_shuts_out),
        with_bench(names_are_taken_whatever_their_case),
        with_bench(renaming_takes_keys_and_memberships_along),
        with_bench(keeps_at_most_two_access_keys),
        with_bench(lists_in_order_and_in_parts),
        with_bench(sessions_are_of_the_very_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
