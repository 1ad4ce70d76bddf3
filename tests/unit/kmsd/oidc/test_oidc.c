/* When issuers are asked, and what is remembered. They are a function here. */
#include "kmsd/oidc/oidc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ISSUER     "https://issuer.example"
#define WELL_KNOWN "/.well-known/openid-configuration"

enum { REFRESH_MS = 3600000, RETRY_MS = 30000, START_MS = 1000000 };

/* --- the issuers ------------------------------------------------------------------------------ */

static atomic_int documents; /* how often each was asked for */
static atomic_int key_sets;
static atomic_bool is_down;
static atomic_bool is_slow; /* answers when this is false again */
static atomic_int version;  /* of the keys */

static enum kms_err serve(const struct kmsd_oidc_options *options, struct kms_str url,
    int64_t until_ms, struct kms_buf *out, struct kmsd_detail *detail)
{
    (void)options;
    (void)until_ms;
    while (atomic_load(&is_slow))
        (void)sched_yield();
    if (atomic_load(&is_down)) {
        atomic_fetch_add(&documents, 1);
        kmsd_detail_set(detail, "down");
        return KMS_ERR_TRANSPORT;
    }
    const char *tail = memmem(url.data, url.len, WELL_KNOWN, strlen(WELL_KNOWN));
    if (tail != NULL) {
        atomic_fetch_add(&documents, 1);
        kms_buf_printf(out, "{\"issuer\":\"%.*s\",\"jwks_uri\":\"https://k\"}",
            (int)(tail - url.data), url.data);
    } else {
        atomic_fetch_add(&key_sets, 1);
        kms_buf_printf(out, "{\"keys\":[],\"version\":%d}", atomic_load(&version));
    }
    return out->err;
}

static int logged;

static void count_log(const char *text)
{
    assert_non_null(strstr(text, "https://"));
    logged++;
}

static struct kmsd_oidc *open_oidc(void)
{
    const struct kmsd_oidc_options options = {
        .refresh_ms = REFRESH_MS,
        .retry_ms = RETRY_MS,
        .waiting_max = 3,
        .log = count_log,
        .fetch = serve,
    };
    struct kmsd_oidc *oidc = NULL;
    atomic_store(&documents, 0);
    atomic_store(&key_sets, 0);
    atomic_store(&is_down, false);
    atomic_store(&is_slow, false);
    atomic_store(&version, 1);
    logged = 0;
    assert_int_equal(kmsd_oidc_new(&options, &oidc), KMS_OK);
    return oidc;
}

/* The version of the keys; -1: unreachable, -2: busy. */
static int keys_of(
    struct kmsd_oidc *oidc, const char *issuer, enum kmsd_oidc_wish wish, int64_t now_ms)
{
    struct kms_str jwks;
    int found = 0;
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    enum kms_err err = kmsd_oidc_keys(oidc, kms_str(issuer), wish, now_ms, &arena, &jwks);
    if (err != KMS_OK)
        return err == KMS_ERR_TRANSPORT ? -1 : -2;
    assert_int_equal(sscanf(jwks.data, "{\"keys\":[],\"version\":%d}", &found), 1);
    return found;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void asks_once_and_remembers(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    (void)state;
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS), 1);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS + REFRESH_MS - 1), 1);
    assert_int_equal(atomic_load(&documents), 1);
    assert_int_equal(atomic_load(&key_sets), 1);
    atomic_store(&version, 2);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS + REFRESH_MS), 2);
    assert_int_equal(logged, 2);
    kmsd_oidc_free(oidc);
}

static void asks_anew_for_an_unknown_key(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    (void)state;
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS), 1);
    atomic_store(&version, 2);
    /* not at once: whoever makes up names of keys must not make it ask each time */
    for (int i = 0; i < 100; i++)
        assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_NEWER, START_MS + RETRY_MS - 1), 1);
    assert_int_equal(atomic_load(&documents), 1);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_NEWER, START_MS + RETRY_MS), 2);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_NEWER, START_MS + RETRY_MS + 1), 2);
    assert_int_equal(atomic_load(&documents), 2);
    kmsd_oidc_free(oidc);
}

static void lives_with_an_issuer_that_is_down(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    int64_t now_ms = START_MS;
    (void)state;
    atomic_store(&is_down, true);
    for (int i = 0; i < 10; i++)
        assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, now_ms), -1);
    assert_int_equal(atomic_load(&documents), 1);
    atomic_store(&is_down, false);
    now_ms += RETRY_MS;
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, now_ms), 1);
    atomic_store(&is_down, true);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, now_ms + KMSD_OIDC_FORGET_MS - 1), 1);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, now_ms + KMSD_OIDC_FORGET_MS), -1);
    kmsd_oidc_free(oidc);
}

static void bears_a_clock_that_is_set_back(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    (void)state;
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS), 1);
    assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS - 5000), 1);
    assert_int_equal(atomic_load(&documents), 2);
    kmsd_oidc_free(oidc);
}

static void remembers_no_more_than_so_many(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    char issuer[64];
    (void)state;
    for (int i = 0; i < KMSD_OIDC_ISSUERS_MAX + 1; i++) {
        (void)snprintf(issuer, sizeof(issuer), "https://%d.example", i);
        assert_int_equal(keys_of(oidc, issuer, KMSD_OIDC_ANY, START_MS), 1);
        assert_int_equal(keys_of(oidc, ISSUER, KMSD_OIDC_ANY, START_MS), 1); /* stays */
    }
    assert_int_equal(atomic_load(&documents), KMSD_OIDC_ISSUERS_MAX + 2);
    assert_int_equal(keys_of(oidc, "https://0.example", KMSD_OIDC_ANY, START_MS), 1);
    assert_int_equal(atomic_load(&documents), KMSD_OIDC_ISSUERS_MAX + 3);
    kmsd_oidc_free(oidc);
}

static void *call_slow(void *arg)
{
    return (void *)(intptr_t)keys_of(arg, ISSUER, KMSD_OIDC_ANY, START_MS);
}

/* Three threads want the keys of an issuer that does not answer; then one thread after another goes
 * on about others. */
static void lets_few_wait(void **state)
{
    struct kmsd_oidc *oidc = open_oidc();
    pthread_t threads[3];
    char other[64];
    (void)state;
    assert_int_equal(keys_of(oidc, "https://known.example", KMSD_OIDC_ANY, START_MS), 1);
    atomic_store(&is_slow, true);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_slow, oidc), 0);
    while (kmsd_oidc_waiting(oidc) != 3)
        (void)sched_yield();
    assert_int_equal(keys_of(oidc, "https://known.example", KMSD_OIDC_ANY, START_MS), 1);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(other, sizeof(other), "https://%d.example", i);
        assert_int_equal(keys_of(oidc, other, KMSD_OIDC_ANY, START_MS), -2);
    }
    atomic_store(&is_slow, false);
    for (size_t i = 0; i < 3; i++) {
        void *result = NULL;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((int)(intptr_t)result, 1);
    }
    assert_int_equal(atomic_load(&documents), 2); /* one of the three has asked for all */
    kmsd_oidc_free(oidc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_once_and_remembers),
        cmocka_unit_test(asks_anew_for_an_unknown_key),
        cmocka_unit_test(lives_with_an_issuer_that_is_down),
        cmocka_unit_test(bears_a_clock_that_is_set_back),
        cmocka_unit_test(remembers_no_more_than_so_many),
        cmocka_unit_test(lets_few_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
