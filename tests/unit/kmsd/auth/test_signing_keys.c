/* The cache of derived signing keys: what it gives back, and that it is bounded. */
#include "kmsd/auth/signing_keys.h"

#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct kmsd_signing_scope scope(uint64_t serial, const char *date, const char *region)
{
    struct kmsd_signing_scope made = {serial, kms_str(date), kms_str(region), kms_str("kms")};
    return made;
}

static void gives_back_exactly_what_was_put(void **state)
{
    struct kmsd_signing_keys keys;
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    uint8_t got[KMS_SIGV4_KEY_SIZE] = {0};
    (void)state;
    memset(key, 7, sizeof(key));
    assert_int_equal(kmsd_signing_keys_init(&keys), KMS_OK);
    struct kmsd_signing_scope at = scope(1, "20261123", "eu-central-1");
    assert_false(kmsd_signing_keys_get(&keys, &at, got));
    kmsd_signing_keys_put(&keys, &at, key);
    assert_true(kmsd_signing_keys_get(&keys, &at, got));
    assert_memory_equal(key, got, sizeof(key));

    struct kmsd_signing_scope other_service = at;
    other_service.service = kms_str("sts");
    assert_false(kmsd_signing_keys_get(&keys, &other_service, got));
    const struct kmsd_signing_scope others[] = {
        scope(2, "20261123", "eu-central-1"),
        scope(1, "20261124", "eu-central-1"),
        scope(1, "20261123", "eu-central-2"),
        scope(1, "20261123", "eu-central"),
        scope(1, "20261123", ""),
        scope(0, "20261123", "eu-central-1"),
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(kmsd_signing_keys_get(&keys, &others[i], got));
    kmsd_signing_keys_clean_up(&keys);
}

static void refuses_what_does_not_fit(void **state)
{
    struct kmsd_signing_keys keys;
    uint8_t key[KMS_SIGV4_KEY_SIZE] = {1};
    (void)state;
    assert_int_equal(kmsd_signing_keys_init(&keys), KMS_OK);
    const struct kmsd_signing_scope bad[] = {
        scope(0, "20261123", "eu-central-1"), /* no credential has this serial */
        scope(1, "2026112", "eu-central-1"),
        scope(1, "202611233", "eu-central-1"),
        scope(1, "20261123", "a-region-with-a-name-that-is-too-long"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        kmsd_signing_keys_put(&keys, &bad[i], key);
        assert_false(kmsd_signing_keys_get(&keys, &bad[i], key));
    }
    kmsd_signing_keys_clean_up(&keys);
}

/* Thousands of keys: the newest is always there, nothing is ever mixed up. */
static void stays_bounded_and_correct(void **state)
{
    struct kmsd_signing_keys keys;
    uint8_t key[KMS_SIGV4_KEY_SIZE];
    uint8_t got[KMS_SIGV4_KEY_SIZE];
    size_t kept = 0;
    enum { COUNT = 5000 };
    (void)state;
    assert_int_equal(kmsd_signing_keys_init(&keys), KMS_OK);
    for (uint32_t i = 1; i <= COUNT; i++) {
        memset(key, (int)(i & 0xff), sizeof(key));
        memcpy(key, &i, sizeof(i));
        struct kmsd_signing_scope at = scope(i, "20261123", "eu-central-1");
        kmsd_signing_keys_put(&keys, &at, key);
        assert_true(kmsd_signing_keys_get(&keys, &at, got));
        assert_memory_equal(key, got, sizeof(key));
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        struct kmsd_signing_scope at = scope(i, "20261123", "eu-central-1");
        if (!kmsd_signing_keys_get(&keys, &at, got))
            continue;
        kept++;
        assert_memory_equal(&i, got, sizeof(i));
    }
    assert_in_range(kept, 256, 512);
    kmsd_signing_keys_clean_up(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_exactly_what_was_put),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(stays_bounded_and_correct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
