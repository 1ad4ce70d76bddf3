/*
 * Decisions: the tables, every combination of what documents can say against a plain statement of
 * the rules, the texts of refusals, the lockout safety check.
 */
#include "tests/unit/kmsd/policy/policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const char key_arn[] =
    "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

static const char *const reasons[] = {
    [KMSD_REASON_KEY_POLICY] = "key policy",
    [KMSD_REASON_GRANT] = "grant",
    [KMSD_REASON_IDENTITY_POLICY] = "identity policy",
    [KMSD_REASON_ACCOUNT_ROOT] = "account root",
    [KMSD_REASON_DENY_IN_KEY_POLICY] = "deny in key policy",
    [KMSD_REASON_DENY_IN_IDENTITY_POLICY] = "deny in identity policy",
    [KMSD_REASON_DENY_IN_BOUNDARY] = "deny in boundary",
    [KMSD_REASON_DENY_IN_SESSION_POLICY] = "deny in session policy",
    [KMSD_REASON_NO_KEY_POLICY_ALLOWS] = "no key policy allows",
    [KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS] = "no identity policy allows",
    [KMSD_REASON_NO_BOUNDARY_ALLOWS] = "no boundary allows",
    [KMSD_REASON_NO_SESSION_POLICY_ALLOWS] = "no session policy allows",
};

/* --- no allocations --------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_kms_arena_alloc(struct kms_arena *arena, size_t size);
void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size);

static size_t allocations;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

void *__wrap_kms_arena_alloc(struct kms_arena *arena, size_t size)
{
    allocations++;
    return __real_kms_arena_alloc(arena, size);
}

/* Twice, to the same end, and without an allocation. */
static struct kmsd_policy_decision authorize(const struct kmsd_policy_query *query)
{
    size_t before = allocations;
    struct kmsd_policy_decision decision = kmsd_policy_authorize(query);
    struct kmsd_policy_decision again = kmsd_policy_authorize(query);
    assert_int_equal(allocations, before);
    assert_int_equal(decision.reason, again.reason);
    assert_ptr_equal(decision.document, again.document);
    assert_int_equal(decision.statement, again.statement);
    return decision;
}

/* --- the tables ------------------------------------------------------------------------------- */

enum { LIST_MAX = 8 };

struct list {
    const struct kmsd_policy_document *documents[LIST_MAX];
    size_t count;
};

static void read_list(struct policy_fixture *fixture, const json_t *json, struct list *list,
    enum kmsd_policy_kind kind)
{
    size_t index;
    json_t *item;
    list->count = 0;
    assert_true(json_array_size(json) <= LIST_MAX);
    json_array_foreach(json, index, item)
    {
        list->documents[list->count++] = policy_fixture_document(fixture, item, kind);
    }
}

struct grants {
    struct kmsd_grant grants[LIST_MAX];
    size_t count;
    struct kmsd_grant_use use;
};

static const struct kmsd_grant *find_grant(const void *arg, enum kmsd_policy_match *match)
{
    const struct grants *grants = arg;
    const struct kmsd_grant *list[LIST_MAX];
    for (size_t i = 0; i < grants->count; i++)
        list[i] = &grants->grants[i];
    return kmsd_grant_find(list, grants->count, &grants->use, match);
}

static void read_grant(struct policy_fixture *fixture, const json_t *json, struct kmsd_grant *out)
{
    size_t index;
    json_t *operation;
    struct kms_str service = policy_fixture_str(json, "grantee_service");
    *out = (struct kmsd_grant){
        .id = policy_fixture_str(json, "id"), .source_arn = policy_fixture_str(json, "source_arn")};
    out->context_equals = policy_fixture_map(fixture, json_object_get(json, "equals"));
    out->context_subset = policy_fixture_map(fixture, json_object_get(json, "subset"));
    if (service.data != NULL)
        assert_int_equal(kmsd_policy_name_parse_service(service, &out->grantee), KMS_OK);
    else
        assert_int_equal(
            kmsd_policy_name_parse(policy_fixture_str(json, "grantee"), false, &out->grantee),
            KMS_OK);
    json_array_foreach(json_object_get(json, "operations"), index, operation)
    {
        char action[64];
        (void)snprintf(action, sizeof(action), "kms:%s", json_string_value(operation));
        out->operations |= kmsd_grant_operation_bit(kmsd_grant_operation_of(kms_str(action)));
    }
    assert_int_equal(__builtin_popcount(out->operations), index);
}

static struct kms_str or_else(struct kms_str text, const char *otherwise)
{
    return text.data != NULL ? text : kms_str(otherwise);
}

static void check_decision(
    const json_t *row, const char *table, const struct kmsd_policy_decision *decision)
{
    const char *rule = json_string_value(json_object_get(row, "rule"));
    const char *expected = json_string_value(json_object_get(row, "expect"));
    struct kms_str by = policy_fixture_str(row, "by"), decided = {NULL, 0};
    assert_non_null(rule);
    if (strcmp(reasons[decision->reason], expected) != 0)
        fail_msg("%s: %s: %s instead of %s", table, rule, reasons[decision->reason], expected);
    assert_int_equal(decision->is_allowed, decision->reason <= KMSD_REASON_ACCOUNT_ROOT);
    if (decision->grant != NULL)
        decided = decision->grant->id;
    else if (decision->document != NULL)
        decided = kmsd_policy_document_sid(decision->document, (size_t)decision->statement);
    if ((decided.data == NULL) != (by.data == NULL) || !kms_str_eq(decided, by))
        fail_msg("%s: %s: decided by \"%.*s\"", table, rule, (int)decided.len, decided.data);
}

static void check_row(struct policy_fixture *fixture, const char *table, const json_t *row)
{
    struct kmsd_policy_context context = {.resource_account = kms_str("111122223333")};
    context.subject = policy_fixture_subject(fixture, json_object_get(row, "as"));
    context.entries =
        policy_fixture_entries(fixture, json_object_get(row, "with"), &context.entry_count);
    struct list identity, session;
    read_list(fixture, json_object_get(row, "identity"), &identity, KMSD_POLICY_KIND_IDENTITY);
    read_list(fixture, json_object_get(row, "session"), &session, KMSD_POLICY_KIND_SESSION);

    struct grants grants = {.count = 0};
    struct kms_str action = or_else(policy_fixture_str(row, "do"), "kms:Decrypt");
    grants.use = (struct kmsd_grant_use){.subject = context.subject,
        .operation = kmsd_grant_operation_of(action),
        .source_arn = policy_fixture_str(row, "source_arn")};
    grants.use.context = policy_fixture_map(fixture, json_object_get(row, "encryption_context"));
    size_t index;
    json_t *grant;
    json_array_foreach(json_object_get(row, "grants"), index, grant)
    {
        read_grant(fixture, grant, &grants.grants[grants.count++]);
    }

    const struct kmsd_policy_query query = {
        .question = {action, or_else(policy_fixture_str(row, "on"), key_arn), &context},
        .has_cross_account_use = !json_is_true(json_object_get(row, "own_account_only")),
        .is_left_to_account = json_is_true(json_object_get(row, "left_to_account")),
        .key_policy =
            policy_fixture_document(fixture, json_object_get(row, "key"), KMSD_POLICY_KIND_KEY),
        .identity_policies = identity.documents,
        .identity_policy_count = identity.count,
        .boundary = policy_fixture_document(
            fixture, json_object_get(row, "boundary"), KMSD_POLICY_KIND_BOUNDARY),
        .session_policies = session.documents,
        .session_policy_count = session.count,
        .grants = grants.count == 0 ? NULL : find_grant,
        .grants_arg = &grants,
    };
    struct kmsd_policy_decision decision = authorize(&query);
    check_decision(row, table, &decision);
    policy_fixture_next(fixture);
}

static void check_table(const char *name, size_t least)
{
    struct policy_fixture fixture;
    size_t index;
    json_t *row;
    policy_fixture_open(&fixture, name);
    const json_t *rows = json_object_get(fixture.table, "cases");
    assert_true(json_array_size(rows) >= least);
    json_array_foreach(rows, index, row) check_row(&fixture, name, row);
    policy_fixture_close(&fixture);
}

static void test_key_policies(void **state)
{
    (void)state;
    check_table("decisions-key-policy.json", 50);
    assert_true(allocations > 0); /* they are counted */
}

static void test_other_accounts(void **state)
{
    (void)state;
    check_table("decisions-account.json", 30);
}

static void test_bounds(void **state)
{
    (void)state;
    check_table("decisions-bounds.json", 35);
}

static void test_grants(void **state)
{
    (void)state;
    check_table("decisions-grant.json", 45);
}

static void test_guides(void **state)
{
    (void)state;
    check_table("decisions-guide.json", 50);
}

/* Products of a few choices, made by tests/support/policy_cases.py. */
static void test_products(void **state)
{
    (void)state;
    check_table("decisions-duties-table.json", 90);
    check_table("decisions-principals-table.json", 200);
    check_table("decisions-bounds-table.json", 128);
    check_table("decisions-accounts-table.json", 80);
    check_table("decisions-grants-table.json", 180);
    check_table("decisions-conditions-table.json", 180);
    check_table("decisions-matching-table.json", 70);
}

/* --- every combination ------------------------------------------------------------------------ */

/* What a document says about the request. */
enum says {
    NOT_THERE,
    SILENT,
    ALLOWS,
    DENIES,
    SAYS_COUNT,
};

/* Whom the key policy allows, and whether it denies. */
enum key_says {
    KEY_SILENT,
    KEY_EVERYONE,
    KEY_SELF,
    KEY_ISSUER,
    KEY_ACCOUNT,
    KEY_ACCOUNT_AND_ISSUER,
    KEY_SELF_BUT_DENIES,
    KEY_NOT_THERE,
    KEY_COUNT,
};

/* To whom there is a grant. */
enum grant_says {
    GRANT_NONE,
    GRANT_SELF,
    GRANT_ISSUER,
    GRANT_ACCOUNT,
    GRANT_COUNT,
};

struct combination {
    enum kmsd_policy_subject_kind subject;
    bool is_other_account;
    bool is_cross_account_use;
    enum key_says key;
    enum says identity, boundary, session;
    enum grant_says grant;
};

static bool may(enum says says)
{
    return says == NOT_THERE || says == ALLOWS;
}

/* The rules as authorize.h states them, one sentence after the other. */
static bool plainly_allowed(const struct combination *c)
{
    bool is_root = c->subject == KMSD_SUBJECT_ACCOUNT_ROOT;
    bool is_service = c->subject == KMSD_SUBJECT_SERVICE;
    bool has_issuer =
        c->subject == KMSD_SUBJECT_ROLE_SESSION || c->subject == KMSD_SUBJECT_FEDERATED_USER;
    bool is_self_nameable = !is_root; /* root's name is the account's */

    /* a Deny that applies, in any document, decides */
    if (c->key == KEY_SELF_BUT_DENIES || c->identity == DENIES || c->boundary == DENIES ||
        c->session == DENIES)
        return false;

    bool within =
        may(c->boundary) &&
        (c->subject == KMSD_SUBJECT_FEDERATED_USER ? c->session == ALLOWS : may(c->session));
    bool own_side = (is_root || c->identity == ALLOWS) && within && !is_service;
    bool key_everyone = c->key == KEY_EVERYONE;
    bool key_self = c->key == KEY_SELF && is_self_nameable;
    bool key_issuer = (c->key == KEY_ISSUER || c->key == KEY_ACCOUNT_AND_ISSUER) && has_issuer;
    bool key_account = (c->key == KEY_ACCOUNT || c->key == KEY_ACCOUNT_AND_ISSUER ||
                           (c->key == KEY_SELF && is_root)) &&
                       !is_service;
    bool grant_self = c->grant == GRANT_SELF && is_self_nameable;
    bool grant_issuer = c->grant == GRANT_ISSUER && has_issuer;
    bool grant_account =
        (c->grant == GRANT_ACCOUNT || (c->grant == GRANT_SELF && is_root)) && !is_service;

    if (is_service) /* in no account: what names it is enough */
        return key_everyone || key_self || grant_self;
    if (!c->is_other_account) {
        if (c->key == KEY_NOT_THERE)
            return own_side;
        return key_everyone || key_self || (key_issuer && within) || (key_account && own_side) ||
               grant_self || (grant_issuer && within) || (grant_account && own_side);
    }
    if (!c->is_cross_account_use || c->key == KEY_NOT_THERE)
        return false;
    bool key_side = key_everyone || key_self || key_issuer || key_account;
    return (key_side && own_side) || ((grant_self || grant_issuer) && within) ||
           (grant_account && own_side);
}

static const struct {
    const char *arn, *issuer;
} people[] = {
    [KMSD_SUBJECT_ACCOUNT_ROOT] = {"arn:aws:iam::%s:root", NULL},
    [KMSD_SUBJECT_USER] = {"arn:aws:iam::%s:user/u", NULL},
    [KMSD_SUBJECT_ROLE_SESSION] = {"arn:aws:sts::%s:assumed-role/r/s", "arn:aws:iam::%s:role/r"},
    [KMSD_SUBJECT_FEDERATED_USER] = {"arn:aws:sts::%s:federated-user/f", "arn:aws:iam::%s:user/i"},
    [KMSD_SUBJECT_SERVICE] = {"s3.us-west-2.amazonaws.com", NULL},
};

/* One caller, and the documents that can speak of it. */
struct scene {
    char arn[128], issuer[128], account[16];
    struct kmsd_policy_subject subject;
    struct kmsd_policy_document *keys[KEY_COUNT];
    struct kmsd_grant grants[GRANT_COUNT];
};

static struct kmsd_policy_document *key_policy(const char *format, const char *a, const char *b)
{
    char text[1024];
    (void)snprintf(text, sizeof(text), format, a, b);
    return policy_parse_text(text, KMSD_POLICY_KIND_KEY);
}

#define ALLOW(principal) \
    "{\"Effect\":\"Allow\",\"Principal\":" principal ",\"Action\":\"kms:*\",\"Resource\":\"*\"}"

static void build_keys(struct scene *scene, const char *type)
{
    const char *issuer =
        scene->issuer[0] == '\0' ? "arn:aws:iam::111122223333:role/unrelated" : scene->issuer;
    char self[256];
    (void)snprintf(self, sizeof(self), "{\"%s\":\"%s\"}", type, scene->arn);
    scene->keys[KEY_SILENT] = key_policy(
        "{\"Statement\":" ALLOW("{\"AWS\":\"arn:aws:iam::999999999999:user/%s\"}") "}", "x", "");
    scene->keys[KEY_EVERYONE] = key_policy("{\"Statement\":" ALLOW("\"*\"") "}%.0s", "", "");
    scene->keys[KEY_SELF] = key_policy("{\"Statement\":" ALLOW("%s") "}", self, "");
    scene->keys[KEY_ISSUER] =
        key_policy("{\"Statement\":" ALLOW("{\"AWS\":\"%s\"}") "}", issuer, "");
    scene->keys[KEY_ACCOUNT] =
        key_policy("{\"Statement\":" ALLOW("{\"AWS\":\"%s\"}") "}", scene->account, "");
    scene->keys[KEY_ACCOUNT_AND_ISSUER] =
        key_policy("{\"Statement\":[" ALLOW("{\"AWS\":\"%s\"}") "," ALLOW("{\"AWS\":\"%s\"}") "]}",
            scene->account, issuer);
    scene->keys[KEY_SELF_BUT_DENIES] = key_policy(
        "{\"Statement\":[" ALLOW("%s") ",{\"Effect\":\"Deny\",\"Principal\":%s,\"Action\":\"*\","
                                       "\"Resource\":\"*\"}]}",
        self, self);
    scene->keys[KEY_NOT_THERE] = NULL;
}

static void build_scene(struct scene *scene, enum kmsd_policy_subject_kind kind, bool is_other)
{
    bool is_service = kind == KMSD_SUBJECT_SERVICE;
    memset(scene, 0, sizeof(*scene));
    (void)strcpy(scene->account, is_other ? "444455556666" : "111122223333");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(scene->arn, sizeof(scene->arn), people[kind].arn, scene->account);
    if (people[kind].issuer != NULL)
        (void)snprintf(scene->issuer, sizeof(scene->issuer), people[kind].issuer, scene->account);
#pragma GCC diagnostic pop
    scene->subject = (struct kmsd_policy_subject){.kind = kind, .arn = kms_str(scene->arn)};
    if (is_service)
        scene->subject.service = scene->subject.arn;
    else
        scene->subject.account = kms_str(scene->account);
    if (scene->issuer[0] != '\0')
        scene->subject.issuer_arn = kms_str(scene->issuer);
    build_keys(scene, is_service ? "Service" : "AWS");

    uint32_t decrypt = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_DECRYPT);
    for (size_t i = 0; i < GRANT_COUNT; i++)
        scene->grants[i] = (struct kmsd_grant){.operations = decrypt};
    if (is_service)
        assert_int_equal(
            kmsd_policy_name_parse_service(scene->subject.arn, &scene->grants[GRANT_SELF].grantee),
            KMS_OK);
    else
        assert_int_equal(
            kmsd_policy_name_parse(scene->subject.arn, false, &scene->grants[GRANT_SELF].grantee),
            KMS_OK);
    const char *issuer =
        scene->issuer[0] == '\0' ? "arn:aws:iam::111122223333:role/unrelated" : scene->issuer;
    assert_int_equal(
        kmsd_policy_name_parse(kms_str(issuer), false, &scene->grants[GRANT_ISSUER].grantee),
        KMS_OK);
    assert_int_equal(kmsd_policy_name_parse(
                         kms_str(scene->account), false, &scene->grants[GRANT_ACCOUNT].grantee),
        KMS_OK);
}

static void free_scene(struct scene *scene)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        kmsd_policy_document_free(scene->keys[i]);
}

static struct kmsd_policy_document *identity_kind(enum says says, enum kmsd_policy_kind kind)
{
    static const char *const texts[] = {
        [NOT_THERE] = NULL,
        [SILENT] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:Encrypt\","
                   "\"Resource\":\"*\"}}",
        [ALLOWS] = "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\","
                   "\"Resource\":\"*\"}}",
        [DENIES] = "{\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\","
                   "\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Action\":\"kms:Decrypt\","
                   "\"Resource\":\"*\"}]}",
    };
    return texts[says] == NULL ? NULL : policy_parse_text(texts[says], kind);
}

static void check_combination(const struct combination *c, const struct scene *scene,
    struct kmsd_policy_document *const documents[3][SAYS_COUNT])
{
    const struct kmsd_policy_context context = {
        .subject = &scene->subject, .resource_account = KMS_STR_LITERAL("111122223333")};
    const struct kmsd_policy_document *identity = documents[0][c->identity];
    const struct kmsd_policy_document *session = documents[2][c->session];
    struct grants grants = {.count = c->grant == GRANT_NONE ? 0 : 1};
    grants.grants[0] = scene->grants[c->grant];
    grants.use = (struct kmsd_grant_use){
        .subject = &scene->subject, .operation = KMS_GRANT_OPERATION_DECRYPT};
    const struct kmsd_policy_query query = {
        .question = {kms_str("kms:Decrypt"), kms_str(key_arn), &context},
        .has_cross_account_use = c->is_cross_account_use,
        .key_policy = scene->keys[c->key],
        .identity_policies = &identity,
        .identity_policy_count = identity == NULL ? 0 : 1,
        .boundary = documents[1][c->boundary],
        .session_policies = &session,
        .session_policy_count = session == NULL ? 0 : 1,
        .grants = find_grant,
        .grants_arg = &grants,
    };
    struct kmsd_policy_decision decision = authorize(&query);
    /* without a key policy there is no key, hence no grant */
    if (c->key == KEY_NOT_THERE && c->grant != GRANT_NONE)
        return;
    if (decision.is_allowed != plainly_allowed(c))
        fail_msg("caller %d, other account %d, cross-account use %d, key %d, identity %d, boundary "
                 "%d, session %d, grant %d: %s",
            c->subject, c->is_other_account, c->is_cross_account_use, c->key, c->identity,
            c->boundary, c->session, c->grant, reasons[decision.reason]);
}

static void test_combinations(void **state)
{
    (void)state;
    struct kmsd_policy_document *documents[3][SAYS_COUNT];
    static const enum kmsd_policy_kind kinds[] = {
        KMSD_POLICY_KIND_IDENTITY, KMSD_POLICY_KIND_BOUNDARY, KMSD_POLICY_KIND_SESSION};
    for (size_t i = 0; i < 3; i++)
        for (size_t says = 0; says < SAYS_COUNT; says++)
            documents[i][says] = identity_kind((enum says)says, kinds[i]);
    for (unsigned who = 0; who < 5 * 2; who++) {
        struct scene scene;
        build_scene(&scene, (enum kmsd_policy_subject_kind)(who % 5), who >= 5);
        unsigned count = 2u * KEY_COUNT * SAYS_COUNT * SAYS_COUNT * SAYS_COUNT * GRANT_COUNT;
        for (unsigned i = 0; i < count; i++) {
            unsigned rest = i;
            struct combination c = {.subject = scene.subject.kind, .is_other_account = who >= 5};
            c.is_cross_account_use = rest % 2 == 1;
            c.key = (enum key_says)((rest /= 2) % KEY_COUNT);
            c.identity = (enum says)((rest /= KEY_COUNT) % SAYS_COUNT);
            c.boundary = (enum says)((rest /= SAYS_COUNT) % SAYS_COUNT);
            c.session = (enum says)((rest /= SAYS_COUNT) % SAYS_COUNT);
            c.grant = (enum grant_says)(rest / SAYS_COUNT);
            check_combination(&c, &scene, documents);
        }
        free_scene(&scene);
    }
    for (size_t i = 0; i < 3; i++)
        for (size_t says = 0; says < SAYS_COUNT; says++)
            kmsd_policy_document_free(documents[i][says]);
}

/* --- texts ------------------------------------------------------------------------------------ */

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        enum kmsd_policy_reason reason;
        const char *end;
    } rows[] = {
        {KMSD_REASON_NO_IDENTITY_POLICY_ALLOWS,
            "because no identity-based policy allows the kms:Decrypt action"},
        {KMSD_REASON_NO_KEY_POLICY_ALLOWS,
            "because no resource-based policy allows the kms:Decrypt action"},
        {KMSD_REASON_NO_BOUNDARY_ALLOWS,
            "because no permissions boundary allows the kms:Decrypt action"},
        {KMSD_REASON_NO_SESSION_POLICY_ALLOWS,
            "because no session policy allows the kms:Decrypt action"},
        {KMSD_REASON_DENY_IN_KEY_POLICY, "with an explicit deny in a resource-based policy"},
        {KMSD_REASON_DENY_IN_IDENTITY_POLICY, "with an explicit deny in an identity-based policy"},
        {KMSD_REASON_DENY_IN_BOUNDARY, "with an explicit deny in a permissions boundary"},
        {KMSD_REASON_DENY_IN_SESSION_POLICY, "with an explicit deny in a session policy"},
    };
    const struct kmsd_policy_subject subject = {
        .kind = KMSD_SUBJECT_USER, .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:user/u")};
    const struct kmsd_policy_context context = {.subject = &subject};
    const struct kmsd_policy_query query = {
        .question = {kms_str("kms:Decrypt"), kms_str(key_arn), &context}};
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[512];
        const struct kmsd_policy_decision decision = {.reason = rows[i].reason};
        struct kms_str text = kmsd_policy_denial(&query, &decision, &arena);
        (void)snprintf(expected, sizeof(expected),
            "User: arn:aws:iam::111122223333:user/u is not authorized to perform: kms:Decrypt on "
            "resource: %s %s",
            key_arn, rows[i].end);
        assert_true(kms_str_is(text, expected));
    }
    KMS_ARENA_AUTO small;
    kms_arena_init(&small, 10);
    const struct kmsd_policy_decision decision = {.reason = KMSD_REASON_NO_KEY_POLICY_ALLOWS};
    assert_null(kmsd_policy_denial(&query, &decision, &small).data);
}

/* --- lockout ---------------------------------------------------------------------------------- */

/* No grant can give PutKeyPolicy, whatever there is for the operation in hand. */
static const struct kmsd_grant *any_grant(const void *arg, enum kmsd_policy_match *match)
{
    *match = KMSD_MATCH_PRINCIPAL;
    return arg;
}

static bool keeps_control(const struct kmsd_policy_subject *subject, const char *key_policy_text,
    const char *identity_text)
{
    static const struct kmsd_policy_entry entries[] = {
        {KMS_STR_LITERAL("aws:SecureTransport"), {.kind = KMSD_VALUE_BOOL, .count = 1}}};
    struct kmsd_policy_document *key = policy_parse_text(key_policy_text, KMSD_POLICY_KIND_KEY);
    struct kmsd_policy_document *old =
        policy_parse_text("{\"Statement\":" ALLOW("\"*\"") "}", KMSD_POLICY_KIND_KEY);
    struct kmsd_policy_document *identity =
        identity_text == NULL ? NULL : policy_parse_text(identity_text, KMSD_POLICY_KIND_IDENTITY);
    const struct kmsd_policy_document *identities = identity;
    const struct kmsd_grant grant = {.operations = UINT32_MAX};
    const struct kmsd_policy_context context = {.subject = subject,
        .resource_account = KMS_STR_LITERAL("111122223333"),
        .entries = entries,
        .entry_count = 1};
    const struct kmsd_policy_query query = {
        .question = {kms_str("kms:CreateKey"), kms_str("*"), &context},
        .has_cross_account_use = true,
        .key_policy = old,
        .identity_policies = &identities,
        .identity_policy_count = identity == NULL ? 0 : 1,
        .grants = any_grant,
        .grants_arg = &grant,
    };
    bool keeps = kmsd_policy_keeps_control(&query, key);
    kmsd_policy_document_free(key);
    kmsd_policy_document_free(old);
    kmsd_policy_document_free(identity);
    return keeps;
}

static void test_lockout(void **state)
{
    (void)state;
    static const char account[] = "{\"Statement\":" ALLOW("{\"AWS\":\"111122223333\"}") "}";
    static const char only_bob[] =
        "{\"Statement\":" ALLOW("{\"AWS\":\"arn:aws:iam::111122223333:user/bob\"}") "}";
    static const char only_u[] =
        "{\"Statement\":" ALLOW("{\"AWS\":\"arn:aws:iam::111122223333:user/u\"}") "}";
    static const char u_may_use[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"
        "\"arn:aws:iam::111122223333:user/u\"},\"Action\":[\"kms:Encrypt\",\"kms:GetKeyPolicy\"],"
        "\"Resource\":\"*\"}}";
    static const char denied[] =
        "{\"Statement\":[" ALLOW("\"*\"") ",{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":"
                                          "\"kms:Put*\",\"Resource\":\"*\"}]}";
    static const char in_vain[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\"}}";
    static const char with_tls[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\","
        "\"Resource\":"
        "\"*\",\"Condition\":{\"Bool\":{\"aws:SecureTransport\":true}}}}";
    static const char all[] =
        "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}";
    const struct kmsd_policy_subject u = {.kind = KMSD_SUBJECT_USER,
        .account = KMS_STR_LITERAL("111122223333"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:user/u")};
    const struct kmsd_policy_subject root = {.kind = KMSD_SUBJECT_ACCOUNT_ROOT,
        .account = KMS_STR_LITERAL("111122223333"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::111122223333:root")};
    const struct kmsd_policy_subject stranger = {.kind = KMSD_SUBJECT_ACCOUNT_ROOT,
        .account = KMS_STR_LITERAL("444455556666"),
        .arn = KMS_STR_LITERAL("arn:aws:iam::444455556666:root")};

    assert_true(keeps_control(&root, account, NULL));
    assert_true(keeps_control(&u, account, all));
    assert_false(keeps_control(&u, account, NULL));
    assert_false(keeps_control(&root, only_bob, NULL));
    assert_false(keeps_control(&u, only_bob, all));
    assert_true(keeps_control(&u, only_u, NULL));
    assert_false(keeps_control(&u, u_may_use, NULL));
    assert_false(keeps_control(&root, denied, NULL));
    assert_false(keeps_control(&root, in_vain, NULL));
    assert_false(keeps_control(&root, with_tls, NULL)); /* this request came without */
    assert_false(keeps_control(&stranger, "{\"Statement\":" ALLOW("\"*\"") "}", NULL));
    assert_string_equal(kmsd_policy_lockout_text,
        "The new key policy will not allow you to update the key policy in the future.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_policies),
        cmocka_unit_test(test_other_accounts),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_grants),
        cmocka_unit_test(test_guides),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_combinations),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_lockout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
