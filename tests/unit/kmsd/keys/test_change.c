/*
 * Changes: durable when acknowledged, and nothing at all when not. Every change is made against a
 * store that fails at each of its steps in turn; then once more, is acknowledged, and must be there
 * after a restart.
 */
#include "bench.h"

#include "kmsd/store/engine.h"

/* --- a store that fails on demand ------------------------------------------------------------- */

static int steps_until_failure = -1; /* -1: never */

static bool fails(void)
{
    if (steps_until_failure < 0)
        return false;
    return steps_until_failure-- == 0;
}

#define WRAP(function, parameters, arguments)                                 \
    enum kms_err __real_kmsd_store_##function parameters;                     \
    enum kms_err __wrap_kmsd_store_##function parameters;                     \
    enum kms_err __wrap_kmsd_store_##function parameters                      \
    {                                                                         \
        return fails() ? KMS_ERR_IO : __real_kmsd_store_##function arguments; \
    }

WRAP(begin, (struct kmsd_store * store), (store))
WRAP(put_key, (struct kmsd_store * store, const struct kmsd_key_row *row), (store, row))
WRAP(put_material, (struct kmsd_store * store, const struct kmsd_material_row *row), (store, row))
WRAP(put_alias, (struct kmsd_store * store, const struct kmsd_alias_row *row), (store, row))
WRAP(put_tag, (struct kmsd_store * store, const struct kmsd_tag_row *row), (store, row))
WRAP(put_grant, (struct kmsd_store * store, const struct kmsd_grant_row *row), (store, row))
WRAP(delete_grant,
    (struct kmsd_store * store, struct kms_str account, struct kms_str region,
        struct kms_str key_id, struct kms_str grant_id),
    (store, account, region, key_id, grant_id))
WRAP(delete_material,
    (struct kmsd_store * store, struct kms_str account, struct kms_str region,
        struct kms_str key_id, int32_t version),
    (store, account, region, key_id, version))
WRAP(delete_alias,
    (struct kmsd_store * store, struct kms_str account, struct kms_str region, struct kms_str name),
    (store, account, region, name))
WRAP(delete_tag,
    (struct kmsd_store * store, struct kms_str account, struct kms_str region,
        struct kms_str key_id, struct kms_str key),
    (store, account, region, key_id, key))

enum kms_err __real_kmsd_store_commit(struct kmsd_store *store);
enum kms_err __wrap_kmsd_store_commit(struct kmsd_store *store);
enum kms_err __wrap_kmsd_store_commit(struct kmsd_store *store)
{
    if (!fails())
        return __real_kmsd_store_commit(store);
    kmsd_store_rollback(store);
    return KMS_ERR_IO;
}

/* --- what a store's contents look like -------------------------------------------------------- */

static void put_key(struct kms_buf *out, const struct kmsd_key *key)
{
    kms_buf_printf(out, "%.*s %d %d %d %d %d %d %lld | %d %lld %d %d %d %lld | %.*s | %.*s |",
        (int)key->arn.len, key->arn.data, (int)key->spec, (int)key->usage, (int)key->origin,
        (int)key->manager, key->multi_region, (int)key->material_count, (long long)key->created_ms,
        (int)key->state, (long long)key->deletion_ms, key->pending_window_days,
        key->rotation_enabled, key->rotation_period_days, (long long)key->next_rotation_ms,
        (int)key->description.len, key->description.data, (int)key->policy.len, key->policy.data);
    for (size_t i = 0; i < key->tags.count; i++)
        kms_buf_printf(out, " %.*s=%.*s", (int)key->tags.items[i].tag_key.len,
            key->tags.items[i].tag_key.data, (int)key->tags.items[i].tag_value.len,
            key->tags.items[i].tag_value.data);
    for (size_t i = 0; i < key->material_count; i++) {
        kms_buf_printf(
            out, " %d@%lld:", key->materials[i].version, (long long)key->materials[i].created_ms);
        kms_buf_printf(out, " %d %d %d %lld %lld ", (int)key->materials[i].state,
            (int)key->materials[i].rotation_type, (int)key->materials[i].import_state,
            (long long)key->materials[i].rotated_ms, (long long)key->materials[i].expires_ms);
        kms_buf_append(out, key->materials[i].id, sizeof(key->materials[i].id));
        kms_buf_append(out, key->materials[i].wrapped.data, key->materials[i].wrapped.len);
    }
    for (size_t i = 0; key->grants != NULL && i < key->grants->count; i++) {
        const struct kmsd_key_grant *grant = key->grants->items[i];
        kms_buf_printf(out, " grant %.*s to %.*s: %u %zu", (int)grant->rule.id.len,
            grant->rule.id.data, (int)grant->grantee.len, grant->grantee.data,
            (unsigned)grant->rule.operations, grant->rule.context_subset.count);
    }
    kms_buf_printf(out, " of %.*s\n", (int)key->primary_region.len, key->primary_region.data);
}

static const struct kmsd_realm there = {
    KMS_STR_LITERAL("111122223333"), KMS_STR_LITERAL("eu-west-1")};

/* Of one region. */
static void put_realm(struct kms_buf *out, struct kmsd_keys *keys, struct kmsd_realm realm)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 1 << 20);
    struct kmsd_page page = {.limit = 1000};
    struct kms_key_list_entry_list list;
    struct kms_alias_list_entry_list aliases;
    bool more;
    assert_int_equal(kmsd_keys_list(keys, realm, &page, NOW, &arena, &list, &more), KMS_OK);
    for (size_t i = 0; i < list.count; i++) {
        KMSD_KEY_AUTO key = kmsd_keys_find(keys, realm, list.items[i].key_id, NOW);
        put_key(out, key);
        page.only_key_id = list.items[i].key_id;
        assert_int_equal(
            kmsd_keys_list_aliases(keys, realm, &page, NOW, &arena, &aliases, &more), KMS_OK);
        kms_buf_printf(out, "%zu aliases\n", aliases.count);
    }
    page.only_key_id = kms_str(NULL);
    assert_int_equal(
        kmsd_keys_list_aliases(keys, realm, &page, NOW, &arena, &aliases, &more), KMS_OK);
    for (size_t i = 0; i < aliases.count; i++)
        kms_buf_printf(out, "%s -> %s %lld %lld\n", aliases.items[i].alias_arn.data,
            aliases.items[i].target_key_id.data, (long long)aliases.items[i].creation_date.ms,
            (long long)aliases.items[i].last_updated_date.ms);
    assert_int_equal(out->err, KMS_OK);
}

static void put_everything(struct kms_buf *out, struct kmsd_keys *keys)
{
    put_realm(out, keys, here);
    put_realm(out, keys, there);
}

static bool looks_like(struct kmsd_keys *keys, const struct kms_buf *before)
{
    KMS_BUF_AUTO now;
    kms_buf_init(&now, 1 << 20);
    put_everything(&now, keys);
    return kms_str_eq(kms_buf_str(&now), kms_buf_str(before));
}

/* --- the changes ------------------------------------------------------------------------------ */

static struct bench bench;
static char id[KMS_UUID_SIZE];

static enum kms_err make(bool multi_region, enum kms_origin origin)
{
    static const struct kms_tag tags[] = {
        {KMS_STR_LITERAL("z"), KMS_STR_LITERAL("1")}, {KMS_STR_LITERAL("b"), KMS_STR_LITERAL("")}};
    struct kmsd_new_key wanted = {
        .realm = here,
        .spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
        .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        .description = kms_str("a description"),
        .policy = kms_str("{}"),
        .tags = {tags, 2},
        .multi_region = multi_region,
        .origin = origin,
    };
    const struct kmsd_key *key = NULL;
    kmsd_keys_unlock(bench.keys);
    enum kms_err err = kmsd_keys_create(bench.keys, &wanted, NOW, &key);
    kmsd_keys_lock(bench.keys);
    if (err == KMS_OK) {
        (void)snprintf(id, sizeof(id), "%.*s", (int)key->id.len, key->id.data);
        assert_int_equal(key->tags.count, 2);
        assert_true(kms_str_is(key->tags.items[0].tag_key, "b"));
    }
    kmsd_key_release(key);
    return err;
}

static enum kms_err create(const struct kmsd_key *ignored)
{
    (void)ignored;
    return make(false, KMS_ORIGIN_AWS_KMS);
}

static enum kms_err create_primary(const struct kmsd_key *ignored)
{
    (void)ignored;
    return make(true, KMS_ORIGIN_AWS_KMS);
}

static enum kms_err create_external(const struct kmsd_key *ignored)
{
    (void)ignored;
    return make(true, KMS_ORIGIN_EXTERNAL);
}

/* --- of several regions, and with imported material ------------------------------------------- */

static enum kms_err replicate(const struct kmsd_key *key)
{
    const struct kmsd_new_replica wanted = {.region = there.region, .policy = kms_str("{}")};
    KMSD_KEY_AUTO replica = NULL;
    return kmsd_keys_replicate(bench.keys, key, &wanted, NOW + 6, &replica);
}

static enum kms_err move_there(const struct kmsd_key *key)
{
    return kmsd_keys_move_primary(bench.keys, key, there.region);
}

static enum kms_err move_back(const struct kmsd_key *key)
{
    return kmsd_keys_move_primary(bench.keys, key, here.region);
}

/* Two materials as an import would bring them: records of the primary, made when first needed. */
static struct brought {
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    struct kms_buf wrapped;
} brought[2];

static struct brought *brought_for(const struct kmsd_key *primary, size_t which)
{
    struct brought *material = &brought[which];
    if (material->wrapped.len == 0) {
        kms_buf_init(&material->wrapped, KMSD_WRAPPED_MAX);
        assert_int_equal(kmsd_custody_generate_symmetric(
                             bench.custody, primary->arn, material->id, &material->wrapped),
            KMS_OK);
    }
    return material;
}

static enum kms_err bring(
    const struct kmsd_key *key, const uint8_t *material_id, struct kms_bytes wrapped)
{
    const struct kmsd_imported imported = {.id = material_id,
        .wrapped = wrapped,
        .expires_ms = NOW + 1000,
        .description = kms_str("d")};
    return kmsd_keys_import(bench.keys, key, &imported, NOW);
}

static enum kms_err import(const struct kmsd_key *key)
{
    const struct brought *material = brought_for(key, 0);
    return bring(key, material->id, kms_buf_bytes(&material->wrapped));
}

static enum kms_err import_second(const struct kmsd_key *key)
{
    const struct brought *material = brought_for(key, 1);
    return bring(key, material->id, kms_buf_bytes(&material->wrapped));
}

static enum kms_err import_second_there(const struct kmsd_key *key)
{
    const struct brought *material = brought_for(key, 1);
    KMSD_KEY_AUTO replica = kmsd_keys_find(bench.keys, there, key->id, NOW);
    struct kmsd_material own = {.key_arn = key->arn,
        .record_version = KMSD_MATERIAL_VERSION,
        .wrapped = kms_buf_bytes(&material->wrapped)};
    KMS_BUF_AUTO wrapped;
    KMS_BUF_AUTO nothing;
    kms_buf_init(&wrapped, KMSD_WRAPPED_MAX);
    kms_buf_init(&nothing, KMSD_PUBLIC_KEY_MAX);
    memcpy(own.id, material->id, sizeof(own.id));
    assert_int_equal(
        kmsd_custody_rewrap(bench.custody, &own, replica->arn, &wrapped, &nothing), KMS_OK);
    return bring(replica, material->id, kms_buf_bytes(&wrapped));
}

static enum kms_err take_away(const struct kmsd_key *key)
{
    return kmsd_keys_delete_imported(bench.keys, key, brought_for(key, 0)->id);
}

static enum kms_err expire(const struct kmsd_key *key)
{
    return kmsd_keys_expire(bench.keys, key, NOW + 1000);
}

static enum kms_err disable(const struct kmsd_key *key)
{
    return kmsd_keys_set_state(bench.keys, key, KMS_KEY_STATE_DISABLED);
}

static enum kms_err enable(const struct kmsd_key *key)
{
    return kmsd_keys_set_state(bench.keys, key, KMS_KEY_STATE_ENABLED);
}

static enum kms_err describe(const struct kmsd_key *key)
{
    return kmsd_keys_set_description(bench.keys, key, kms_str("something else"));
}

static enum kms_err undescribe(const struct kmsd_key *key)
{
    return kmsd_keys_set_description(bench.keys, key, kms_str(""));
}

static enum kms_err put_policy(const struct kmsd_key *key)
{
    return kmsd_keys_set_policy(bench.keys, key, kms_str("{\"Statement\":{}}"));
}

static enum kms_err schedule(const struct kmsd_key *key)
{
    return kmsd_keys_schedule_deletion(bench.keys, key, NOW + 1000, 7);
}

static enum kms_err cancel(const struct kmsd_key *key)
{
    return kmsd_keys_cancel_deletion(bench.keys, key);
}

static enum kms_err rotate(const struct kmsd_key *key)
{
    return kmsd_keys_enable_rotation(bench.keys, key, 90, NOW + 5000);
}

static enum kms_err turn(const struct kmsd_key *key)
{
    return kmsd_keys_rotate(bench.keys, key, KMS_ROTATION_TYPE_ON_DEMAND, NOW + 4);
}

static enum kms_err stop_rotating(const struct kmsd_key *key)
{
    return kmsd_keys_disable_rotation(bench.keys, key);
}

static enum kms_err tag(const struct kmsd_key *key)
{
    static const struct kms_tag tags[] = {{KMS_STR_LITERAL("m"), KMS_STR_LITERAL("1")},
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("2")}, {KMS_STR_LITERAL("b"), KMS_STR_LITERAL("3")}};
    return kmsd_keys_tag(bench.keys, key, (struct kms_tag_list){tags, 3});
}

static enum kms_err untag(const struct kmsd_key *key)
{
    static const struct kms_str keys[] = {KMS_STR_LITERAL("z"), KMS_STR_LITERAL("a")};
    return kmsd_keys_untag(bench.keys, key, (struct kms_str_list){keys, 2});
}

static enum kms_err name_it(const struct kmsd_key *key)
{
    return kmsd_keys_put_alias(bench.keys, key, kms_str("alias/x"), NOW + 1);
}

static enum kms_err name_it_again(const struct kmsd_key *key)
{
    return kmsd_keys_put_alias(bench.keys, key, kms_str("alias/x"), NOW + 2);
}

static enum kms_err unname_it(const struct kmsd_key *key)
{
    return kmsd_keys_delete_alias(bench.keys, key->realm, kms_str("alias/x"));
}

#define GRANT_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static enum kms_err grant(const struct kmsd_key *key)
{
    static const struct kms_str_pair pairs[] = {{KMS_STR_LITERAL("a"), KMS_STR_LITERAL("")}};
    const struct kmsd_key_grant wanted = {
        .rule =
            {
                .id = kms_str(GRANT_ID),
                .operations = kmsd_grant_operation_bit(KMS_GRANT_OPERATION_ENCRYPT),
                .grantee = {.kind = KMSD_NAME_ACCOUNT},
                .context_subset = {pairs, 1},
            },
        .issuer = kms_str("arn:aws:iam::111122223333:root"),
        .grantee = kms_str("444455556666"),
        .created_ms = NOW,
    };
    return kmsd_keys_add_grant(bench.keys, key, &wanted);
}

static enum kms_err ungrant(const struct kmsd_key *key)
{
    return kmsd_keys_remove_grant(bench.keys, key, kms_str(GRANT_ID));
}

typedef enum kms_err change_function(const struct kmsd_key *key);

static change_function *const changes[] = {create, disable, enable, describe, undescribe,
    put_policy, grant, rotate, stop_rotating, rotate, turn, tag, turn, untag, ungrant, grant,
    schedule, cancel, name_it, create, name_it_again, unname_it, name_it, schedule, create_primary,
    replicate, rotate, turn, move_there, move_back, turn, create_external, import, replicate,
    import_second, import_second_there, turn, take_away, import, expire};

static enum kms_err try_change(change_function *change)
{
    kmsd_keys_lock(bench.keys);
    KMSD_KEY_AUTO key = id[0] == '\0' ? NULL : kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    enum kms_err err = change(key);
    kmsd_keys_unlock(bench.keys);
    return err;
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    bench_open(&bench, true);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        KMS_BUF_AUTO before;
        KMS_BUF_AUTO after;
        kms_buf_init(&before, 1 << 20);
        kms_buf_init(&after, 1 << 20);
        put_everything(&before, bench.keys);

        int step = 0;
        for (;; step++) {
            assert_true(step < 20);
            steps_until_failure = step;
            enum kms_err err = try_change(changes[i]);
            bool failed = steps_until_failure < 0;
            steps_until_failure = -1;
            if (!failed) {
                assert_int_equal(err, KMS_OK);
                break;
            }
            assert_int_equal(err, KMS_ERR_IO);
            assert_true(looks_like(bench.keys, &before));
        }
        assert_true(step >= 3); /* begin, something, commit */
        assert_false(looks_like(bench.keys, &before));
        put_everything(&after, bench.keys);
        bench_restart(&bench);
        assert_true(looks_like(bench.keys, &after));
    }
    for (size_t i = 0; i < sizeof(brought) / sizeof(brought[0]); i++)
        kms_buf_clean_up(&brought[i].wrapped);
    bench_close(&bench);
}

/* What a failed change left in the store shows at the next start: nothing. */
static void test_failure_then_restart(void **state)
{
    (void)state;
    id[0] = '\0';
    bench_open(&bench, true);
    assert_int_equal(try_change(create), KMS_OK);
    KMS_BUF_AUTO before;
    kms_buf_init(&before, 1 << 20);
    put_everything(&before, bench.keys);
    static change_function *const failing[] = {disable, describe, tag, schedule, name_it, create};
    for (size_t i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
        for (int step = 0; step < 3; step++) {
            steps_until_failure = step;
            assert_int_equal(try_change(failing[i]), KMS_ERR_IO);
            steps_until_failure = -1;
        }
        bench_restart(&bench);
        assert_true(looks_like(bench.keys, &before));
    }
    bench_close(&bench);
}

/* A change that changes nothing does not go near the store. */
static void test_no_change_no_write(void **state)
{
    (void)state;
    id[0] = '\0';
    bench_open(&bench, false);
    assert_int_equal(try_change(create), KMS_OK);
    steps_until_failure = 0;
    assert_int_equal(try_change(enable), KMS_OK);
    assert_int_equal(try_change(stop_rotating), KMS_OK);
    kmsd_keys_lock(bench.keys);
    KMSD_KEY_AUTO key = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    assert_int_equal(kmsd_keys_set_description(bench.keys, key, kms_str("a description")), KMS_OK);
    assert_int_equal(kmsd_keys_tag(bench.keys, key, key->tags), KMS_OK);
    assert_int_equal(
        kmsd_keys_untag(bench.keys, key, (struct kms_str_list){&here.account, 1}), KMS_OK);
    assert_int_equal(
        kmsd_keys_delete_alias(bench.keys, here, kms_str("alias/none")), KMS_ERR_NOT_FOUND);
    kmsd_keys_unlock(bench.keys);
    assert_int_equal(steps_until_failure, 0);
    steps_until_failure = -1;
    bench_close(&bench);
}

/* A snapshot stays as it was, and is no ground for another change. */
static void test_snapshots(void **state)
{
    (void)state;
    id[0] = '\0';
    bench_open(&bench, false);
    assert_int_equal(try_change(create), KMS_OK);
    KMSD_KEY_AUTO old = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    assert_int_equal(try_change(describe), KMS_OK);
    assert_true(kms_str_is(old->description, "a description"));
    KMSD_KEY_AUTO now = kmsd_keys_find(bench.keys, here, kms_str(id), NOW);
    assert_true(kms_str_is(now->description, "something else"));
    kmsd_keys_lock(bench.keys);
    assert_int_equal(
        kmsd_keys_set_state(bench.keys, old, KMS_KEY_STATE_DISABLED), KMS_ERR_INTERNAL);
    kmsd_keys_unlock(bench.keys);
    bench_close(&bench);
}

/* --- opening ---------------------------------------------------------------------------------- */

static void test_wrong_root_key(void **state)
{
    (void)state;
    id[0] = '\0';
    bench_open(&bench, true);
    assert_int_equal(try_change(create), KMS_OK);
    kmsd_keys_close(bench.keys);
    bench.keys = NULL;
    struct kmsd_custody *other = bench_custody(8);
    struct kmsd_detail detail;
    assert_int_equal(
        kmsd_keys_open(bench.store, other, &bench.keys, &detail), KMS_ERR_AUTHENTICATION);
    assert_null(bench.keys);
    assert_non_null(strstr(detail.text, "root key"));
    assert_int_equal(kmsd_keys_open(bench.store, other, &bench.keys, NULL), KMS_ERR_AUTHENTICATION);
    kmsd_custody_free(other);
    assert_int_equal(kmsd_keys_open(bench.store, bench.custody, &bench.keys, &detail), KMS_OK);
    bench_close(&bench);
}

/* Rows that contradict themselves stop the start, and say which key. */
static void test_corrupt_rows(void **state)
{
    (void)state;
    struct kmsd_key_row good = {
        .account = here.account,
        .region = here.region,
        .key_id = kms_str("12345678-1234-1234-1234-123456789abc"),
        .key_spec = kms_str("SYMMETRIC_DEFAULT"),
        .key_usage = kms_str("ENCRYPT_DECRYPT"),
        .origin = kms_str("AWS_KMS"),
        .key_manager = kms_str("CUSTOMER"),
        .key_state = kms_str("Enabled"),
        .description = kms_str(""),
        .policy = kms_str("{}"),
        .created_ms = NOW,
    };
    struct kmsd_key_row rows[7];
    for (size_t i = 0; i < 7; i++)
        rows[i] = good;
    rows[0].key_spec = kms_str("ROT13");
    rows[1].key_usage = kms_str("x");
    rows[2].origin = kms_str("aws_kms");
    rows[3].key_manager = kms_str("x");
    rows[4].key_state = kms_str("x");
    rows[5].key_id = kms_str("not-an-id");
    /* rows[6] is sound, but has no material */
    for (size_t i = 0; i < 7; i++) {
        struct kmsd_detail detail;
        struct kmsd_keys *keys = NULL;
        bench_open(&bench, false);
        assert_int_equal(kmsd_store_begin(bench.store), KMS_OK);
        assert_int_equal(kmsd_store_put_key(bench.store, &rows[i]), KMS_OK);
        assert_int_equal(kmsd_store_commit(bench.store), KMS_OK);
        assert_int_equal(
            kmsd_keys_open(bench.store, bench.custody, &keys, &detail), KMS_ERR_CORRUPT);
        assert_null(keys);
        char expected[64];
        (void)snprintf(
            expected, sizeof(expected), "key %.*s: ", (int)rows[i].key_id.len, rows[i].key_id.data);
        assert_non_null(strstr(detail.text, expected));
        bench_close(&bench);
    }
}

/* Rows of no key, before, between and after those of keys that are there. The store itself does not
 * look for them. */
static void test_rows_without_a_key(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "INSERT INTO materials SELECT '%s', 'us-east-1', '%s', 1, material_id, wrapped, 1,"
        " 'CURRENT', '', 0, 0, '', '' FROM materials LIMIT 1",
        "INSERT INTO tags VALUES ('%s', 'us-east-1', '%s', 'a', 'b')",
        "INSERT INTO grants VALUES ('%s', 'us-east-1', '%s',"
        " '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef', '',"
        " 'arn:aws:iam::111122223333:root', 'arn:aws:iam::111122223333:root', '', 0, 0, 'Encrypt',"
        " x'00', 1)",
        "INSERT INTO aliases VALUES ('%s', 'us-east-1', 'alias/astray', '%s', 1, 1)",
        "INSERT INTO last_uses VALUES ('%s', 'us-east-1', '%s', 'Encrypt', '', 1)",
    };
    static const struct {
        const char *account, *key_id;
    } owners[] = {
        {"111122223333", "00000000-0000-0000-0000-000000000000"},
        {"111122223333", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
        {"000000000000", "00000000-0000-0000-0000-000000000000"},
        {"999999999999", "00000000-0000-0000-0000-000000000000"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < sizeof(owners) / sizeof(owners[0]); k++) {
            char sql[512];
            struct kmsd_detail detail;
            bench_open(&bench, false);
            kmsd_key_release(bench_create(&bench, here));
            kmsd_key_release(bench_create(&bench, here));
            kmsd_keys_close(bench.keys);
            bench.keys = NULL;
            sqlite3 *db = bench.store->db;
            (void)snprintf(sql, sizeof(sql), rows[i], owners[k].account, owners[k].key_id);
            assert_int_equal(
                sqlite3_exec(db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL), SQLITE_OK);
            if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
            if (kmsd_keys_open(bench.store, bench.custody, &bench.keys, &detail) != KMS_ERR_CORRUPT)
                fail_msg("nobody noticed: %s", sql);
            assert_null(bench.keys);
            bench_close(&bench);
        }
    }
}

/* A row of a key pair must hold both halves. */
static void test_material_of_pairs(void **state)
{
    (void)state;
    static const struct kmsd_key_row key = {
        .key_id = KMS_STR_LITERAL("12345678-1234-1234-1234-123456789abc"),
        .key_spec = KMS_STR_LITERAL("ECC_NIST_P256"),
        .key_usage = KMS_STR_LITERAL("SIGN_VERIFY"),
        .origin = KMS_STR_LITERAL("AWS_KMS"),
        .key_manager = KMS_STR_LITERAL("CUSTOMER"),
        .key_state = KMS_STR_LITERAL("Enabled"),
        .description = KMS_STR_LITERAL(""),
        .policy = KMS_STR_LITERAL("{}"),
        .created_ms = NOW,
    };
    static const uint8_t material_id[KMSD_MATERIAL_ID_SIZE];
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } wrapped[] = {
        {{1}, 1},                               /* no length */
        {{0, 0, 0, 0, 1, 2, 3, 4}, 8},          /* nothing of the private key */
        {{0, 0, 0, 4, 1, 2, 3, 4}, 8},          /* nothing of the public key */
        {{0, 0, 0, 5, 1, 2, 3, 4}, 8},          /* more than there is */
        {{0xff, 0xff, 0xff, 0xff, 1, 2, 3}, 7}, /* much more */
    };
    for (size_t i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]); i++) {
        struct kmsd_detail detail;
        struct kmsd_keys *keys = NULL;
        struct kmsd_key_row row = key;
        row.account = here.account;
        row.region = here.region;
        const struct kmsd_material_row material = {
            .account = here.account,
            .region = here.region,
            .key_id = row.key_id,
            .material_id = kms_bytes(material_id, sizeof(material_id)),
            .version = 1,
            .wrapped = kms_bytes(wrapped[i].bytes, wrapped[i].len),
            .created_ms = NOW,
            .state = kms_str("CURRENT"),
        };
        bench_open(&bench, false);
        assert_int_equal(kmsd_store_begin(bench.store), KMS_OK);
        assert_int_equal(kmsd_store_put_key(bench.store, &row), KMS_OK);
        assert_int_equal(kmsd_store_put_material(bench.store, &material), KMS_OK);
        assert_int_equal(kmsd_store_commit(bench.store), KMS_OK);
        assert_int_equal(
            kmsd_keys_open(bench.store, bench.custody, &keys, &detail), KMS_ERR_CORRUPT);
        assert_non_null(strstr(detail.text, "its material is not that of a key pair"));
        bench_close(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_failure_then_restart),
        cmocka_unit_test(test_no_change_no_write),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_wrong_root_key),
        cmocka_unit_test(test_corrupt_rows),
        cmocka_unit_test(test_rows_without_a_key),
        cmocka_unit_test(test_material_of_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
