/* An index over a store, for the tests of this folder. */
#ifndef KMSD_TEST_KEYS_BENCH_H
#define KMSD_TEST_KEYS_BENCH_H

#include "kmsd/keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1795392000123

struct bench {
    char path[64]; /* empty: in memory */
    struct kmsd_store *store;
    struct kmsd_custody *custody;
    struct kmsd_keys *keys;
};

static const struct kmsd_realm here = {
    KMS_STR_LITERAL("111122223333"), KMS_STR_LITERAL("us-east-1")};

static inline struct kmsd_custody *bench_custody(int root)
{
    struct kms_secret *root_key = NULL;
    struct kmsd_custody *custody = NULL;
    assert_int_equal(kms_secret_new(KMSD_ROOT_KEY_SIZE, &root_key), KMS_OK);
    memset(kms_secret_data(root_key), root, KMSD_ROOT_KEY_SIZE);
    assert_int_equal(kmsd_custody_new(root_key, &custody), KMS_OK);
    return custody;
}

static inline void bench_start(struct bench *bench, enum kmsd_store_mode mode)
{
    struct kmsd_detail detail;
    assert_int_equal(kmsd_store_open(bench->path, mode, &bench->store, &detail), KMS_OK);
    bench->custody = bench_custody(7);
    if (kmsd_keys_open(bench->store, bench->custody, &bench->keys, &detail) != KMS_OK)
        fail_msg("%s", detail.text);
}

static inline void bench_stop(struct bench *bench)
{
    kmsd_keys_close(bench->keys);
    kmsd_store_close(bench->store);
    kmsd_custody_free(bench->custody);
}

static inline void bench_open(struct bench *bench, bool on_disk)
{
    *bench = (struct bench){.path = ""};
    if (on_disk) {
        char directory[] = "/tmp/kmsd-test-XXXXXX";
        assert_non_null(mkdtemp(directory));
        (void)snprintf(bench->path, sizeof(bench->path), "%s/store", directory);
    }
    bench_start(bench, on_disk ? KMSD_STORE_CREATE : KMSD_STORE_MEMORY);
}

static inline void bench_restart(struct bench *bench)
{
    bench_stop(bench);
    bench_start(bench, KMSD_STORE_EXISTING);
}

static inline void bench_close(struct bench *bench)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    bench_stop(bench);
    if (bench->path[0] == '\0')
        return;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char path[sizeof(bench->path) + 8];
        (void)snprintf(path, sizeof(path), "%s%s", bench->path, endings[i]);
        (void)unlink(path);
    }
    *strrchr(bench->path, '/') = '\0';
    (void)rmdir(bench->path);
}

static inline const struct kmsd_key *bench_create(struct bench *bench, struct kmsd_realm realm)
{
    const struct kmsd_key *key = NULL;
    struct kmsd_new_key wanted = {
        .realm = realm,
        .spec = KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
        .usage = KMS_KEY_USAGE_ENCRYPT_DECRYPT,
        .policy = kms_str("{\"Statement\":[{}]}"),
    };
    assert_int_equal(kmsd_keys_create(bench->keys, &wanted, NOW, &key), KMS_OK);
    return key;
}

#endif
