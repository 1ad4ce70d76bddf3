/* The cache of key pairs: bounded, exact, and forgetful when told to be. */
#include "crypto_fixture.h"

#include "kmsd/crypto/key_cache.h"

static struct kmsd_key_cache cache;

static void number(uint8_t out[32], uint32_t value)
{
    memset(out, 0, 32);
    memcpy(out, &value, sizeof(value));
}

static EVP_PKEY *new_key(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(key);
    return key;
}

/* Puts a new key and returns it; the cache holds the only reference. */
static EVP_PKEY *put(uint32_t tag_number, uint32_t id_number)
{
    uint8_t tag[32];
    uint8_t id[32];
    uint64_t forgets = 0;
    EVP_PKEY *key = new_key();
    number(tag, tag_number);
    number(id, id_number);
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets).key);
    kmsd_key_cache_put(&cache, kms_bytes(tag, sizeof(tag)), id, key, forgets);
    EVP_PKEY_free(key);
    return key;
}

static bool has(uint32_t tag_number, const EVP_PKEY *expected)
{
    uint8_t tag[32];
    uint64_t forgets = 0;
    number(tag, tag_number);
    KMSD_HELD_KEY_AUTO held =
        kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets);
    bool found = held.key != NULL;
    if (found && expected != NULL)
        assert_ptr_equal(held.key, expected);
    return found;
}

static int set_up(void **state)
{
    (void)state;
    return kmsd_key_cache_init(&cache) == KMS_OK ? 0 : 1;
}

static int clean_up(void **state)
{
    (void)state;
    kmsd_key_cache_clean_up(&cache);
    return 0;
}

static void what_is_put_is_found(void **state)
{
    (void)state;
    EVP_PKEY *first = put(1, 1);
    EVP_PKEY *second = put(2, 1);
    assert_true(has(1, first));
    assert_true(has(2, second));
    assert_false(has(3, NULL));
}

/* The last octets alone are only for speed. */
static void the_whole_tag_counts(void **state)
{
    (void)state;
    uint8_t tag[32];
    uint64_t forgets = 0;
    (void)put(7, 7);
    number(tag, 7);
    tag[31] = 1;
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets).key);
    number(tag, 7);
    tag[5] = 1;
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets).key);
    number(tag, 7);
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, 31), NULL, &forgets).key);
    memset(tag, 0, sizeof(tag)); /* what free entries look like */
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets).key);
}

static void the_least_used_makes_room(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= KMSD_KEY_CACHE_MAX; i++)
        (void)put(i, i);
    assert_true(has(1, NULL)); /* so that 2 is now the oldest */
    (void)put(1000, 1000);
    assert_false(has(2, NULL));
    for (uint32_t i = 1; i <= KMSD_KEY_CACHE_MAX; i++)
        assert_int_equal(has(i, NULL), i != 2);
    assert_true(has(1000, NULL));
}

static void a_key_in_use_outlives_its_eviction(void **state)
{
    (void)state;
    uint8_t tag[32];
    uint64_t forgets = 0;
    (void)put(5, 5);
    number(tag, 5);
    KMSD_HELD_KEY_AUTO held =
        kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets);
    assert_non_null(held.key);
    for (uint32_t i = 100; i < 100 + KMSD_KEY_CACHE_MAX; i++)
        (void)put(i, i);
    assert_false(has(5, NULL));
    uint8_t raw[32];
    size_t len = sizeof(raw);
    assert_int_equal(EVP_PKEY_get_raw_private_key(held.key, raw, &len), 1);
}

static void forgetting_is_by_material(void **state)
{
    (void)state;
    uint8_t id[32];
    (void)put(1, 10);
    (void)put(2, 20);
    (void)put(3, 10);
    number(id, 10);
    kmsd_key_cache_forget(&cache, id);
    assert_false(has(1, NULL));
    assert_true(has(2, NULL));
    assert_false(has(3, NULL));
    (void)put(1, 10);
    assert_true(has(1, NULL));
}

static struct kmsd_held_key hold(uint32_t tag_number, const void *row)
{
    uint8_t tag[32];
    uint64_t forgets = 0;
    number(tag, tag_number);
    struct kmsd_held_key held =
        kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), row, &forgets);
    assert_non_null(held.key);
    return held;
}

static EVP_PKEY_CTX *make_ready(struct kmsd_held_key *held)
{
    held->ready.sign = EVP_PKEY_CTX_new_from_pkey(NULL, held->key, NULL);
    assert_non_null(held->ready.sign);
    return held->ready.sign;
}

static void what_is_ready_waits_for_the_same_row(void **state)
{
    static const int rows[2];
    (void)state;
    (void)put(1, 1);
    struct kmsd_held_key held = hold(1, &rows[0]);
    assert_null(held.ready.sign);
    const EVP_PKEY_CTX *made = make_ready(&held);
    kmsd_held_key_release(&held);

    held = hold(1, &rows[0]);
    assert_ptr_equal(held.ready.sign, made);
    assert_null(held.ready.verify);
    struct kmsd_held_key same = hold(1, &rows[0]); /* it is in use */
    assert_null(same.ready.sign);
    struct kmsd_held_key other = hold(1, &rows[1]);
    assert_null(other.ready.sign);
    struct kmsd_held_key none = hold(1, NULL);
    assert_null(none.ready.sign);
    kmsd_held_key_release(&same);
    kmsd_held_key_release(&other);
    kmsd_held_key_release(&none);
    kmsd_held_key_release(&held);
    held = hold(1, &rows[0]);
    assert_ptr_equal(held.ready.sign, made);
    kmsd_held_key_release(&held);
}

static void places_are_lent_while_there_are_some(void **state)
{
    static const int rows[2];
    struct kmsd_held_key held[KMSD_KEY_CACHE_READY];
    (void)state;
    (void)put(1, 1);
    for (size_t i = 0; i < COUNT_OF(held); i++) {
        held[i] = hold(1, &rows[i % 2]);
        assert_true(held[i].ready.has_place);
    }
    struct kmsd_held_key late = hold(1, &rows[0]);
    assert_false(late.ready.has_place);
    kmsd_held_key_release(&late);

    kmsd_held_key_release(&held[0]); /* with nothing to keep */
    late = hold(1, &rows[0]);
    assert_true(late.ready.has_place);
    (void)make_ready(&late);
    kmsd_held_key_release(&late);
    late = hold(1, &rows[1]); /* what waits for the other row has a place, too */
    assert_false(late.ready.has_place);
    kmsd_held_key_release(&late);
    late = hold(1, &rows[0]);
    assert_non_null(late.ready.sign);
    assert_true(late.ready.has_place);
    struct kmsd_held_key none = hold(1, NULL);
    assert_false(none.ready.has_place);
    kmsd_held_key_release(&none);
    kmsd_held_key_release(&late);
    for (size_t i = 1; i < COUNT_OF(held); i++)
        kmsd_held_key_release(&held[i]);
}

/* Places lent with a former key are none of the one that is there now. */
static void places_end_with_their_key(void **state)
{
    static const int row;
    struct kmsd_held_key former[KMSD_KEY_CACHE_READY];
    struct kmsd_held_key held[KMSD_KEY_CACHE_READY];
    uint8_t id[32];
    (void)state;
    (void)put(1, 1);
    for (size_t i = 0; i < COUNT_OF(former); i++)
        former[i] = hold(1, &row);
    number(id, 1);
    kmsd_key_cache_forget(&cache, id);
    (void)put(1, 1);
    held[0] = hold(1, &row);
    for (size_t i = 0; i < COUNT_OF(former); i++)
        kmsd_held_key_release(&former[i]);
    for (size_t i = 1; i < COUNT_OF(held); i++) {
        held[i] = hold(1, &row);
        assert_true(held[i].ready.has_place);
    }
    struct kmsd_held_key late = hold(1, &row);
    assert_false(late.ready.has_place);
    kmsd_held_key_release(&late);
    for (size_t i = 0; i < COUNT_OF(held); i++)
        kmsd_held_key_release(&held[i]);
}

/* Nothing leaks and nothing is used twice, which AddressSanitizer would see. */
static void what_is_ready_is_bounded_and_ends_with_its_key(void **state)
{
    enum { HOLDERS = 3 * KMSD_KEY_CACHE_READY };
    static const int rows[HOLDERS];
    struct kmsd_held_key held[HOLDERS];
    uint8_t id[32];
    (void)state;
    (void)put(1, 1);
    for (size_t i = 0; i < HOLDERS; i++) {
        held[i] = hold(1, &rows[i]);
        (void)make_ready(&held[i]);
    }
    for (size_t i = 0; i < HOLDERS; i++)
        kmsd_held_key_release(&held[i]);
    size_t kept = 0;
    for (size_t i = 0; i < HOLDERS; i++) {
        held[i] = hold(1, &rows[i]);
        kept += held[i].ready.sign != NULL;
    }
    assert_int_equal(kept, KMSD_KEY_CACHE_READY);
    number(id, 1);
    kmsd_key_cache_forget(&cache, id);
    EVP_PKEY *again = put(1, 1);
    for (size_t i = 0; i < HOLDERS; i++)
        kmsd_held_key_release(&held[i]); /* of the former key: kept no more */
    struct kmsd_held_key now = hold(1, &rows[HOLDERS - 1]);
    assert_ptr_equal(now.key, again);
    assert_null(now.ready.sign);
    kmsd_held_key_release(&now);
}

/* Who was opening the key while it was forgotten does not bring it back. */
static void what_was_forgotten_meanwhile_is_not_kept(void **state)
{
    (void)state;
    uint8_t tag[32];
    uint8_t id[32];
    uint64_t forgets = 0;
    EVP_PKEY *key = new_key();
    number(tag, 1);
    number(id, 1);
    assert_null(kmsd_key_cache_find(&cache, kms_bytes(tag, sizeof(tag)), NULL, &forgets).key);
    kmsd_key_cache_forget(&cache, id);
    kmsd_key_cache_put(&cache, kms_bytes(tag, sizeof(tag)), id, key, forgets);
    assert_false(has(1, NULL));
    EVP_PKEY_free(key);
}

static void a_key_is_kept_once(void **state)
{
    (void)state;
    uint8_t tag[32];
    uint8_t id[32];
    uint64_t forgets = 0;
    number(tag, 1);
    number(id, 1);
    EVP_PKEY *first = put(1, 1);
    EVP_PKEY *late = new_key(); /* of another thread that missed it too */
    kmsd_key_cache_put(&cache, kms_bytes(tag, sizeof(tag)), id, late, forgets);
    EVP_PKEY_free(late);
    assert_true(has(1, first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_found, set_up, clean_up),
        cmocka_unit_test_setup_teardown(the_whole_tag_counts, set_up, clean_up),
        cmocka_unit_test_setup_teardown(the_least_used_makes_room, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_key_in_use_outlives_its_eviction, set_up, clean_up),
        cmocka_unit_test_setup_teardown(forgetting_is_by_material, set_up, clean_up),
        cmocka_unit_test_setup_teardown(what_is_ready_waits_for_the_same_row, set_up, clean_up),
        cmocka_unit_test_setup_teardown(places_are_lent_while_there_are_some, set_up, clean_up),
        cmocka_unit_test_setup_teardown(places_end_with_their_key, set_up, clean_up),
        cmocka_unit_test_setup_teardown(
            what_is_ready_is_bounded_and_ends_with_its_key, set_up, clean_up),
        cmocka_unit_test_setup_teardown(what_was_forgotten_meanwhile_is_not_kept, set_up, clean_up),
        cmocka_unit_test_setup_teardown(a_key_is_kept_once, set_up, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
