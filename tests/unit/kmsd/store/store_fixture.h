/* A folder of its own for each test, and a row of each kind. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "kmsd/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCOUNT   "111122223333"
#define REGION    "eu-central-1"
#define KEY_A     "1234abcd-12ab-34cd-56ef-1234567890ab"
#define KEY_B     "ffffffff-12ab-34cd-56ef-1234567890ab"
#define TEXT(s)   ((struct kms_str)KMS_STR_LITERAL(s))
#define OCTETS(s) kms_bytes((s), sizeof(s) - 1)

struct fixture {
    char folder[64];
    char path[96];
};

static inline int set_up_folder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    (void)strcpy(fixture->folder, "/tmp/kmsd-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/kms.db", fixture->folder);
    *state = fixture;
    return 0;
}

static inline int tear_down_folder(void **state)
{
    struct fixture *fixture = *state;
    DIR *folder = opendir(fixture->folder);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
    }
    (void)closedir(folder);
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static inline struct kmsd_store *open_ok(const char *path, enum kmsd_store_mode mode)
{
    struct kmsd_store *store = NULL;
    struct kmsd_detail detail = {""};
    enum kms_err err = kmsd_store_open(path, mode, &store, &detail);
    if (err != KMS_OK)
        fail_msg("%s: %s", kms_err_text(err), detail.text);
    assert_non_null(store);
    return store;
}

static inline struct kmsd_key_row key_row(const char *key_id)
{
    return (struct kmsd_key_row){
        .account = TEXT(ACCOUNT),
        .region = TEXT(REGION),
        .key_id = kms_str(key_id),
        .key_spec = TEXT("SYMMETRIC_DEFAULT"),
        .key_usage = TEXT("ENCRYPT_DECRYPT"),
        .origin = TEXT("AWS_KMS"),
        .key_manager = TEXT("CUSTOMER"),
        .key_state = TEXT("Enabled"),
        .description = TEXT("backups \xc3\xa4"),
        .policy = TEXT("{\"Version\":\"2012-10-17\"}"),
        .multi_region = true,
        .created_ms = 1700000000123,
        .deletion_ms = 1700000009999,
        .pending_window_days = 30,
        .rotation_enabled = true,
        .rotation_period_days = 365,
        .next_rotation_ms = 1800000000000,
    };
}

static inline struct kmsd_material_row material_row(const char *key_id, int32_t version)
{
    static const uint8_t ids[3][32] = {{0}, {1}, {2}};
    static const uint8_t wrapped[61] = {0xfe, 0xed, 0xfa, 0xce, 0xca, 0xfe, 0xbe, 0xef};
    return (struct kmsd_material_row){
        .account = TEXT(ACCOUNT),
        .region = TEXT(REGION),
        .key_id = kms_str(key_id),
        .material_id = kms_bytes(ids[version], 32),
        .version = version,
        .wrapped = kms_bytes(wrapped, sizeof(wrapped)),
        .created_ms = 5,
        .state = version == 2 ? TEXT("CURRENT") : TEXT("NON_CURRENT"),
        .import_state = TEXT("IMPORTED"),
        .expires_ms = 7,
        .rotated_ms = 8,
        .rotation_type = TEXT("ON_DEMAND"),
        .description = TEXT("from the safe"),
    };
}

static inline struct kmsd_alias_row alias_row(const char *name, const char *key_id)
{
    return (struct kmsd_alias_row){
        .account = TEXT(ACCOUNT),
        .region = TEXT(REGION),
        .name = kms_str(name),
        .key_id = kms_str(key_id),
        .created_ms = 6,
        .updated_ms = 7,
    };
}

static inline struct kmsd_tag_row tag_row(const char *key_id, const char *key, const char *value)
{
    return (struct kmsd_tag_row){
        .account = TEXT(ACCOUNT),
        .region = TEXT(REGION),
        .key_id = kms_str(key_id),
        .key = kms_str(key),
        .value = kms_str(value),
    };
}

/* Key A with two materials, two aliases and a tag; key B with one of each. */
static inline void put_two_keys(struct kmsd_store *store)
{
    assert_int_equal(kmsd_store_begin(store), KMS_OK);
    struct kmsd_key_row a = key_row(KEY_A);
    struct kmsd_key_row b = key_row(KEY_B);
    assert_int_equal(kmsd_store_put_key(store, &a), KMS_OK);
    assert_int_equal(kmsd_store_put_key(store, &b), KMS_OK);
    struct kmsd_material_row materials[] = {
        material_row(KEY_A, 2), material_row(KEY_A, 1), material_row(KEY_B, 1)};
    struct kmsd_alias_row aliases[] = {
        alias_row("alias/a1", KEY_A), alias_row("alias/a2", KEY_A), alias_row("alias/b", KEY_B)};
    struct kmsd_tag_row tags[] = {tag_row(KEY_A, "Team", "red"), tag_row(KEY_B, "Team", "")};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kmsd_store_put_material(store, &materials[i]), KMS_OK);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kmsd_store_put_alias(store, &aliases[i]), KMS_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kmsd_store_put_tag(store, &tags[i]), KMS_OK);
    assert_int_equal(kmsd_store_commit(store), KMS_OK);
}

struct counts {
    size_t keys, materials, aliases, tags;
};

static inline enum kms_err count_key(void *context, const struct kmsd_key_row *row)
{
    (void)row;
    ((struct counts *)context)->keys++;
    return KMS_OK;
}

static inline enum kms_err count_material(void *context, const struct kmsd_material_row *row)
{
    (void)row;
    ((struct counts *)context)->materials++;
    return KMS_OK;
}

static inline enum kms_err count_alias(void *context, const struct kmsd_alias_row *row)
{
    (void)row;
    ((struct counts *)context)->aliases++;
    return KMS_OK;
}

static inline enum kms_err count_tag(void *context, const struct kmsd_tag_row *row)
{
    (void)row;
    ((struct counts *)context)->tags++;
    return KMS_OK;
}

static inline void assert_counts(
    struct kmsd_store *store, size_t keys, size_t materials, size_t aliases, size_t tags)
{
    struct counts seen = {0};
    assert_int_equal(kmsd_store_each_key(store, count_key, &seen), KMS_OK);
    assert_int_equal(kmsd_store_each_material(store, count_material, &seen), KMS_OK);
    assert_int_equal(kmsd_store_each_alias(store, count_alias, &seen), KMS_OK);
    assert_int_equal(kmsd_store_each_tag(store, count_tag, &seen), KMS_OK);
    assert_int_equal(seen.keys, keys);
    assert_int_equal(seen.materials, materials);
    assert_int_equal(seen.aliases, aliases);
    assert_int_equal(seen.tags, tags);
}

#endif
