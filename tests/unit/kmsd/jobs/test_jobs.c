/* Deletion, expiry and rotation when their time has come. */
#include "tests/unit/kmsd/ops/common.h"

#include "kmsd/jobs/jobs.h"

#include <dirent.h>
#include <libgen.h>
#include <stdatomic.h>
#include <unistd.h>

/* --- a store that fails ----------------------------------------------------------------------- */

static bool failing;

enum kms_err __real_kmsd_store_commit(struct kmsd_store *store);
enum kms_err __wrap_kmsd_store_commit(struct kmsd_store *store);
enum kms_err __wrap_kmsd_store_commit(struct kmsd_store *store)
{
    if (!failing)
        return __real_kmsd_store_commit(store);
    kmsd_store_rollback(store);
    return KMS_ERR_IO;
}

/* --- the bench -------------------------------------------------------------------------------- */

static int64_t elapsed_ms;

static int64_t now(void)
{
    return rig_now_ms;
}

static int64_t elapsed(void)
{
    return elapsed_ms;
}

static struct {
    size_t done[5];
    size_t failed[5];
} seen;

static void count(void *context, enum kmsd_jobs_event event, const struct kmsd_key *key,
    int64_t now_ms, enum kms_err err)
{
    (void)context;
    assert_int_equal(now_ms, rig_now_ms);
    assert_int_equal(key == NULL, event >= KMSD_JOBS_CLOCK_JUMPED);
    *(err == KMS_OK ? &seen.done[event] : &seen.failed[event]) += 1;
}

static bool forbidden;

static bool may_act(void *context)
{
    (void)context;
    return !forbidden;
}

/* A clock that nobody sets runs beside the hour when watched. */
static struct kmsd_jobs *start(struct rig *rig, bool watched)
{
    struct kmsd_jobs *jobs = NULL;
    const struct kmsd_jobs_options options = {
        .keys = rig->keys,
        .store = rig->store,
        .now_ms = now,
        .elapsed_ms = watched ? elapsed : NULL,
        .may_act = may_act,
        .report = count,
    };
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(kmsd_jobs_start(&options, &jobs), KMS_OK);
    return jobs;
}

/* Time goes by, for both clocks. */
static void advance(struct kmsd_jobs *jobs, int64_t ms)
{
    rig_now_ms += ms;
    elapsed_ms += ms;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
}

/* Whether any file beside the store's holds these bytes. */
static bool is_on_disk(const struct rig *rig, const uint8_t *bytes, size_t len)
{
    char path[sizeof(rig->path)];
    bool found = false;
    memcpy(path, rig->path, sizeof(path));
    const char *folder = dirname(path);
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char file_path[512];
        (void)snprintf(file_path, sizeof(file_path), "%s/%s", folder, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(file_path, "rb");
        if (file == NULL)
            continue;
        static uint8_t content[8 << 20];
        size_t size = fread(content, 1, sizeof(content), file);
        assert_true(size < sizeof(content));
        (void)fclose(file);
        found = found || memmem(content, size, bytes, len) != NULL;
    }
    (void)closedir(directory);
    return found;
}

static const struct kmsd_realm realm = {KMS_STR_LITERAL(RIG_ACCOUNT), KMS_STR_LITERAL(RIG_REGION)};

static const struct kmsd_key *find(struct rig *rig, const char *name)
{
    return kmsd_keys_find(rig->keys, realm, kms_str(rig_get(rig, name)), INT64_MIN);
}

/* --- deletion --------------------------------------------------------------------------------- */

static void test_deletion(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    struct kmsd_jobs *jobs = start(rig, true);
    rig_key(rig, "K");
    rig_key(rig, "OTHER");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/a','TargetKeyId':'${K}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/b','TargetKeyId':'${K}'}");
    rig_ok(rig, "CreateAlias", "{'AliasName':'alias/c','TargetKeyId':'${OTHER}'}");
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'gone','TagValue':'soon'}]}");
    rig_ok(rig, "CreateGrant",
        "{'KeyId':'${K}','GranteePrincipal':'" RIG_OTHER "','Operations':['Encrypt']}");
    rig_ok(rig, "RotateKeyOnDemand", "{'KeyId':'${K}'}");
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));

    uint8_t wrapped[2][256];
    size_t len[2];
    const struct kmsd_key *key = find(rig, "K");
    assert_int_equal(key->material_count, 2);
    for (size_t i = 0; i < 2; i++) {
        len[i] = key->materials[i].wrapped.len;
        assert_in_range(len[i], 32, sizeof(wrapped[i]));
        memcpy(wrapped[i], key->materials[i].wrapped.data, len[i]);
        assert_true(is_on_disk(rig, wrapped[i], len[i]));
    }
    kmsd_key_release(key);

    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    advance(jobs, 7 * DAY_MS - 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 0);
    rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}");
    advance(jobs, 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    assert_null(find(rig, "K"));

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 2; i++)
            assert_false(is_on_disk(rig, wrapped[i], len[i]));
        rig_fault(rig, "DescribeKey", "{'KeyId':'${K}'}", "NotFoundException",
            "Key '${K_ARN}' does not exist");
        rig_fault(rig, "CancelKeyDeletion", "{'KeyId':'${K}'}", "NotFoundException",
            "Key '${K_ARN}' does not exist");
        rig_fault(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}", "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in "
            "this region, or you are not allowed to access.");
        const json_t *aliases = json_object_get(rig_ok(rig, "ListAliases", "{}"), "Aliases");
        assert_int_equal(json_array_size(aliases), 1);
        assert_string_equal(text_of(json_array_get(aliases, 0), "AliasName"), "alias/c");
        assert_int_equal(
            json_array_size(json_object_get(rig_ok(rig, "ListKeys", "{}"), "Keys")), 1);
        kmsd_jobs_stop(jobs);
        if (round == 0)
            rig_restart(rig);
        jobs = round == 0 ? start(rig, true) : NULL;
    }

    /* no key of that id is ever made again */
    bool found = false;
    assert_int_equal(kmsd_store_begin(rig->store), KMS_OK);
    assert_int_equal(kmsd_store_has_tombstone(rig->store, realm.account, realm.region,
                         kms_str(rig_get(rig, "K")), &found),
        KMS_OK);
    assert_true(found);
    assert_int_equal(kmsd_store_has_tombstone(rig->store, realm.account, realm.region,
                         kms_str(rig_get(rig, "OTHER")), &found),
        KMS_OK);
    assert_false(found);
    kmsd_store_rollback(rig->store);
    rig_close(rig);
    rig_now_ms = then;
}

/* A date that passed while nothing ran is met at the next start; a cancelled one never. */
static void test_deletion_after_a_pause(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    rig_key(rig, "KEPT");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${KEPT}','PendingWindowInDays':7}");
    rig_ok(rig, "CancelKeyDeletion", "{'KeyId':'${KEPT}'}");
    struct kmsd_jobs *jobs = start(rig, true);
    kmsd_jobs_stop(jobs);
    rig_now_ms += 7 * DAY_MS + DAY_MS / 2;
    rig_restart(rig);
    jobs = start(rig, true);
    /* kmsd was down for longer than usual: a day more, in case it is the clock that is wrong */
    assert_int_equal(seen.done[KMSD_JOBS_CLOCK_JUMPED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 0);
    advance(jobs, DAY_MS);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    assert_null(find(rig, "K"));
    rig_ok(rig, "DescribeKey", "{'KeyId':'${KEPT}'}");
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

/* A clock set forward by mistake hides a key and deletes none. */
static void test_a_wrong_clock_deletes_nothing(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    struct kmsd_jobs *jobs = start(rig, true);
    rig_key(rig, "K");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_now_ms = then + 400 * DAY_MS;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    assert_int_equal(seen.done[KMSD_JOBS_CLOCK_JUMPED], 1);
    rig_fault(rig, "DescribeKey", "{'KeyId':'${K}'}", "NotFoundException",
        "Key '${K_ARN}' does not exist");

    /* nor does a restart */
    kmsd_jobs_stop(jobs);
    rig_restart(rig);
    jobs = start(rig, true);
    advance(jobs, DAY_MS / 2);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 0);

    rig_now_ms = then + DAY_MS / 2;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}");
    advance(jobs, 3 * DAY_MS);
    advance(jobs, 4 * DAY_MS);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    kmsd_jobs_stop(jobs);

    /* one that was right after all deletes a day late */
    jobs = start(rig, true);
    rig_key(rig, "K");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_now_ms += 8 * DAY_MS;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    advance(jobs, DAY_MS - 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 0);
    advance(jobs, 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

/* Nothing is lost when the store fails: the key is there as it was, and its turn comes again. */
static void test_failures_are_tried_again(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    struct kmsd_jobs *jobs = start(rig, false);
    rig_key(rig, "K");
    rig_key(rig, "R");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${R}','RotationPeriodInDays':90}");
    failing = true;
    rig_now_ms += 90 * DAY_MS;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_ERR_IO);
    assert_true(seen.failed[KMSD_JOBS_DELETED] >= 1);
    assert_true(seen.failed[KMSD_JOBS_ROTATED] >= 1);
    const struct kmsd_key *key = find(rig, "K");
    assert_non_null(key);
    kmsd_key_release(key);
    failing = false;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_ROTATED], 1);
    assert_null(find(rig, "K"));
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

/* What can't be recorded is not done, and not tried; its turn comes. */
static void test_what_may_not_be_done_waits(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    struct kmsd_jobs *jobs = start(rig, false);
    rig_key(rig, "K");
    rig_key(rig, "R");
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${R}','RotationPeriodInDays':90}");
    const struct kmsd_key *key = find(rig, "K");
    uint8_t wrapped[256];
    size_t len = key->materials[0].wrapped.len;
    assert_in_range(len, 32, sizeof(wrapped));
    memcpy(wrapped, key->materials[0].wrapped.data, len);
    kmsd_key_release(key);

    static const size_t none[sizeof(seen.done) / sizeof(seen.done[0])];
    forbidden = true;
    rig_now_ms += 90 * DAY_MS;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_ERR_IO);
        assert_memory_equal(seen.done, none, sizeof(none));
        assert_memory_equal(seen.failed, none, sizeof(none));
        key = find(rig, "K");
        assert_non_null(key);
        assert_int_equal(key->material_count, 1);
        kmsd_key_release(key);
        key = find(rig, "R");
        assert_int_equal(key->material_count, 1);
        kmsd_key_release(key);
        assert_true(is_on_disk(rig, wrapped, len));
    }

    forbidden = false;
    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_ROTATED], 1);
    assert_null(find(rig, "K"));
    assert_false(is_on_disk(rig, wrapped, len));
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

/* --- rotation --------------------------------------------------------------------------------- */

static void assert_rotations(struct rig *rig, size_t wanted)
{
    const json_t *list =
        json_object_get(rig_ok(rig, "ListKeyRotations", "{'KeyId':'${K}'}"), "Rotations");
    assert_int_equal(json_array_size(list), wanted);
    for (size_t i = 0; i < wanted; i++)
        assert_string_equal(text_of(json_array_get(list, i), "RotationType"), "AUTOMATIC");
}

static void test_rotation(void **state)
{
    struct rig *rig = *state;
    int64_t then = rig_now_ms;
    struct kmsd_jobs *jobs = start(rig, false);
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_ok(rig, "EnableKeyRotation", "{'KeyId':'${K}','RotationPeriodInDays':100}");
    advance(jobs, 100 * DAY_MS - 1);
    assert_rotations(rig, 0);
    advance(jobs, 1);
    assert_rotations(rig, 1);
    advance(jobs, 100 * DAY_MS);
    assert_rotations(rig, 2);
    /* not while disabled; made up for once when enabled again */
    rig_ok(rig, "DisableKey", "{'KeyId':'${K}'}");
    advance(jobs, 350 * DAY_MS);
    assert_rotations(rig, 2);
    rig_ok(rig, "EnableKey", "{'KeyId':'${K}'}");
    advance(jobs, 0);
    assert_rotations(rig, 3);
    assert_time(rig_ok(rig, "GetKeyRotationStatus", "{'KeyId':'${K}'}"), "NextRotationDate",
        then + 600 * DAY_MS);
    rig_ok(rig, "DisableKeyRotation", "{'KeyId':'${K}'}");
    advance(jobs, 1000 * DAY_MS);
    assert_rotations(rig, 3);
    assert_string_equal(
        text_of(rig_ok(rig, "Decrypt", "{'CiphertextBlob':'${BLOB}'}"), "Plaintext"), "eA==");
    kmsd_jobs_stop(jobs);
    rig_now_ms = then;
}

/* The thread itself, on a clock of its own. */
static _Atomic int64_t thread_now_ms;

static int64_t thread_now(void)
{
    return thread_now_ms;
}

static void test_thread(void **state)
{
    struct rig *rig = *state;
    struct kmsd_jobs *jobs = NULL;
    const struct kmsd_jobs_options options = {
        .keys = rig->keys, .store = rig->store, .now_ms = thread_now, .tick_ms = 5};
    thread_now_ms = rig_now_ms;
    assert_int_equal(kmsd_jobs_start(&options, &jobs), KMS_OK);
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    thread_now_ms = rig_now_ms + 7 * DAY_MS;
    const struct kmsd_key *key = NULL;
    for (int i = 0; i < 2000 && (key = find(rig, "K")) != NULL; i++) {
        kmsd_key_release(key);
        (void)usleep(5000);
    }
    assert_null(key);
    kmsd_jobs_stop(jobs);
}

/* --- expiry ----------------------------------------------------------------------------------- */

/* Makes a key one whose material was imported, as far as the store knows. */
static void pretend_imported(struct rig *rig, int64_t expires_ms)
{
    const struct kmsd_key *key = find(rig, "K");
    char description[] = "", policy[4096];
    (void)snprintf(policy, sizeof(policy), "%.*s", (int)key->policy.len, key->policy.data);
    const struct kmsd_key_row row = {
        .account = realm.account,
        .region = realm.region,
        .key_id = key->id,
        .key_spec = kms_str("SYMMETRIC_DEFAULT"),
        .key_usage = kms_str("ENCRYPT_DECRYPT"),
        .origin = kms_str("EXTERNAL"),
        .key_manager = kms_str("CUSTOMER"),
        .key_state = kms_str("Enabled"),
        .description = kms_str(description),
        .policy = kms_str(policy),
        .created_ms = key->created_ms,
    };
    const struct kmsd_material_row material = {
        .account = realm.account,
        .region = realm.region,
        .key_id = key->id,
        .material_id = kms_bytes(key->materials[0].id, sizeof(key->materials[0].id)),
        .version = 1,
        .wrapped = key->materials[0].wrapped,
        .created_ms = key->created_ms,
        .state = kms_str("CURRENT"),
        .import_state = kms_str("IMPORTED"),
        .expires_ms = expires_ms,
    };
    assert_int_equal(kmsd_store_begin(rig->store), KMS_OK);
    assert_int_equal(kmsd_store_put_key(rig->store, &row), KMS_OK);
    assert_int_equal(kmsd_store_put_material(rig->store, &material), KMS_OK);
    assert_int_equal(kmsd_store_commit(rig->store), KMS_OK);
    kmsd_key_release(key);
    rig_restart(rig);
}

static void test_expiry(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    pretend_imported(rig, then + 5000);
    struct kmsd_jobs *jobs = start(rig, true);
    const struct kmsd_key *key = find(rig, "K");
    uint8_t wrapped[256];
    size_t len = key->materials[0].wrapped.len;
    memcpy(wrapped, key->materials[0].wrapped.data, len);
    kmsd_key_release(key);
    assert_true(is_on_disk(rig, wrapped, len));
    rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}");
    advance(jobs, 4999);
    assert_int_equal(seen.done[KMSD_JOBS_EXPIRED], 0);
    advance(jobs, 1);
    assert_int_equal(seen.done[KMSD_JOBS_EXPIRED], 1);
    for (int round = 0; round < 2; round++) {
        assert_false(is_on_disk(rig, wrapped, len));
        rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}", "KMSInvalidStateException",
            "${K_ARN} is pending import.");
        kmsd_jobs_stop(jobs);
        if (round == 0)
            rig_restart(rig);
        jobs = round == 0 ? start(rig, true) : NULL;
    }
    rig_close(rig);
    rig_now_ms = then;
}

/* A clock that jumped puts the deletion off, not the end of what was imported; and neither is
 * forgotten. */
static void test_expiry_while_deletions_wait(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K");
    pretend_imported(rig, then + 8 * DAY_MS);
    struct kmsd_jobs *jobs = start(rig, true);
    const struct kmsd_key *key = find(rig, "K");
    uint8_t wrapped[256];
    size_t len = key->materials[0].wrapped.len;
    memcpy(wrapped, key->materials[0].wrapped.data, len);
    kmsd_key_release(key);
    rig_ok(rig, "ScheduleKeyDeletion", "{'KeyId':'${K}','PendingWindowInDays':7}");
    rig_now_ms += 9 * DAY_MS;
    key = find(rig, "K");
    assert_int_equal(kmsd_key_due(key, rig_now_ms, false), KMSD_DUE_DELETION);
    assert_int_equal(kmsd_key_due(key, rig_now_ms, true), KMSD_DUE_EXPIRY);
    kmsd_key_release(key);

    assert_int_equal(kmsd_jobs_catch_up(jobs), KMS_OK);
    assert_int_equal(seen.done[KMSD_JOBS_CLOCK_JUMPED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_EXPIRED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 0);
    assert_false(is_on_disk(rig, wrapped, len));
    key = find(rig, "K");
    assert_non_null(key);
    assert_int_equal(kmsd_key_due(key, rig_now_ms, true), KMSD_DUE_NOTHING);
    kmsd_key_release(key);

    advance(jobs, DAY_MS);
    assert_int_equal(seen.done[KMSD_JOBS_EXPIRED], 1);
    assert_int_equal(seen.done[KMSD_JOBS_DELETED], 1);
    assert_null(find(rig, "K"));
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

/* --- last uses -------------------------------------------------------------------------------- */

static void assert_use(struct rig *rig, const char *operation, int64_t at_ms)
{
    const json_t *answer = rig_ok(rig, "GetKeyLastUsage", "{'KeyId':'${K}'}");
    ASSERT_MEMBERS(answer, "KeyId", "KeyLastUsage", "TrackingStartDate", "KeyCreationDate");
    assert_string_equal(text_of(answer, "KeyId"), rig_get(rig, "K_ARN"));
    const json_t *use = json_object_get(answer, "KeyLastUsage");
    if (operation == NULL) {
        assert_int_equal(json_object_size(use), 0);
        return;
    }
    ASSERT_MEMBERS(use, "Operation", "Timestamp", "KmsRequestId");
    assert_string_equal(text_of(use, "Operation"), operation);
    assert_time(use, "Timestamp", at_ms);
    assert_int_equal(strlen(text_of(use, "KmsRequestId")), 36);
}

static void test_last_use(void **state)
{
    (void)state;
    int64_t then = rig_now_ms;
    struct rig *rig = rig_open(true);
    rig_key(rig, "K"); /* before uses are tracked, as of a store made by an older kmsd */
    rig_now_ms += 1000;
    struct kmsd_jobs *jobs = start(rig, true);
    assert_use(rig, NULL, 0);
    assert_time(rig->answer, "TrackingStartDate", then + 1000);
    assert_time(rig->answer, "KeyCreationDate", then);
    rig_ok(rig, "DescribeKey", "{'KeyId':'${K}'}");
    rig_fault(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA==','DryRun':true}",
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.");
    rig_fault(rig, "Decrypt", "{'KeyId':'${K}','CiphertextBlob':'eA=='}",
        "InvalidCiphertextException", NULL);
    assert_use(rig, NULL, 0);
    rig_now_ms += 1000;
    rig_ok(rig, "Encrypt", "{'KeyId':'${K}','Plaintext':'eA=='}");
    assert_use(rig, "Encrypt", then + 2000);
    rig_ok(rig, "TagResource", "{'KeyId':'${K}','Tags':[{'TagKey':'a','TagValue':'b'}]}");
    assert_use(rig, "Encrypt", then + 2000); /* through changes of the key */
    rig_now_ms += 1000;
    rig_ok(rig, "GenerateDataKeyWithoutPlaintext", "{'KeyId':'${K}','KeySpec':'AES_256'}");
    assert_use(rig, "GenerateDataKeyWithoutPlaintext", then + 3000);
    failing = true;
    assert_int_equal(kmsd_keys_save_uses(rig->keys), KMS_ERR_IO);
    failing = false;
    kmsd_jobs_stop(jobs);
    rig_restart(rig);
    jobs = start(rig, true);
    assert_use(rig, "GenerateDataKeyWithoutPlaintext", then + 3000);
    assert_time(rig->answer, "TrackingStartDate", then + 1000);
    /* both keys of ReEncrypt */
    rig_key(rig, "O");
    assert_int_equal(rig->status, 200);
    rig_set(rig, "BLOB",
        text_of(rig_ok(rig, "Encrypt", "{'KeyId':'${O}','Plaintext':'eA=='}"), "CiphertextBlob"));
    rig_now_ms += 1000;
    rig_ok(rig, "ReEncrypt", "{'CiphertextBlob':'${BLOB}','DestinationKeyId':'${K}'}");
    assert_use(rig, "ReEncrypt", then + 4000);
    const json_t *answer = rig_ok(rig, "GetKeyLastUsage", "{'KeyId':'${O}'}");
    assert_string_equal(text_of(json_object_get(answer, "KeyLastUsage"), "Operation"), "ReEncrypt");
    assert_time(answer, "TrackingStartDate", then + 3000);
    kmsd_jobs_stop(jobs);
    rig_close(rig);
    rig_now_ms = then;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deletion),
        cmocka_unit_test(test_deletion_after_a_pause),
        cmocka_unit_test(test_a_wrong_clock_deletes_nothing),
        cmocka_unit_test(test_failures_are_tried_again),
        cmocka_unit_test(test_what_may_not_be_done_waits),
        T(test_rotation),
        T(test_thread),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_expiry_while_deletions_wait),
        cmocka_unit_test(test_last_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
