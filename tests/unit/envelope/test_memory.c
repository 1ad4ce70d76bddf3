/*
 * The allocator that a program gives to libcrypto is libkms's as well; every allocation that libkms makes
 * fails in turn, which is an ordinary error and leaves nothing behind.
 */
#include "tests/unit/envelope/support.h"

#include <kms/envelope_range.h>
#include <kms/key_slots.h>

#include <openssl/crypto.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { FRAME = 512, LEN = 5 * FRAME + 9, RUNS_MAX = 1000 };

/* --- the allocator ---------------------------------------------------------------------------- */

static atomic_long live;    /* blocks that libkms has */
static atomic_long counted; /* allocations by libkms since the count began */
static long fail_at = -1;   /* which of them fails; -1: none */

struct head {
    alignas(max_align_t) size_t len;
    bool is_kms;
};

static void *allocate(size_t len, const char *file, int line)
{
    (void)line;
    bool is_kms = file != NULL && strstr(file, "libkms/") != NULL;
    if (is_kms && atomic_fetch_add(&counted, 1) == fail_at)
        return NULL;
    struct head *head = malloc(sizeof(*head) + len);
    if (head == NULL)
        return NULL;
    *head = (struct head){.len = len, .is_kms = is_kms};
    atomic_fetch_add(&live, is_kms ? 1 : 0);
    return head + 1;
}

static void release(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    if (block == NULL)
        return;
    struct head *head = (struct head *)block - 1;
    atomic_fetch_sub(&live, head->is_kms ? 1 : 0);
    free(head);
}

static void *reallocate(void *block, size_t len, const char *file, int line)
{
    void *made = allocate(len, file, line);
    if (made == NULL || block == NULL)
        return made;
    size_t old = ((struct head *)block - 1)->len;
    memcpy(made, block, old < len ? old : len);
    release(block, file, line);
    return made;
}

/* --- what is done with it --------------------------------------------------------------------- */

static uint8_t *plaintext;
static const struct kms_str_pair pairs[] = {
    {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("b")}, {KMS_STR_LITERAL("c"), KMS_STR_LITERAL("d")}};
static const struct kms_str_list unstored = {
    .items = (const struct kms_str[]){KMS_STR_LITERAL("c")}, .count = 1};

static enum kms_err keyring(const char *name, struct kms_keyring **out)
{
    return kms_keyring_new_raw_aes(kms_str("tests"), kms_str(name), kms_bytes(plaintext, 32), out);
}

static struct kms_envelope_encrypt_options writing(const struct kms_keyring *keyring)
{
    return (struct kms_envelope_encrypt_options){.keyring = keyring,
        .frame_length = FRAME,
        .context = {.items = pairs, .count = 2},
        .unstored_keys = unstored,
        .suite = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384};
}

static struct kms_envelope_decrypt_options reading(const struct kms_keyring *keyring)
{
    return (struct kms_envelope_decrypt_options){.keyring = keyring,
        .context = {.items = pairs, .count = 1},
        .unstored_context = {.items = pairs + 1, .count = 1},
        .ignore_signature = true};
}

/* One buffer into another and back. */
static enum kms_err buffers(const struct kms_keyring *keyring)
{
    const struct kms_envelope_encrypt_options encrypt = writing(keyring);
    const struct kms_envelope_decrypt_options decrypt = reading(keyring);
    struct kms_envelope_failure failure;
    struct kms_envelope_info *info = NULL;
    uint8_t *message = NULL;
    uint8_t *opened = NULL;
    size_t message_len = 0;
    size_t len = 0;
    enum kms_err err = kms_envelope_encrypt(
        &encrypt, kms_bytes(plaintext, LEN), &message, &message_len, NULL, &failure);
    assert_int_equal(failure.err, err);
    if (err == KMS_OK)
        err = kms_envelope_decrypt(
            &decrypt, kms_bytes(message, message_len), &opened, &len, &info, &failure);
    assert_int_equal(failure.err, err);
    if (err == KMS_OK)
        assert_memory_equal(opened, plaintext, LEN);
    kms_envelope_info_free(info);
    kms_envelope_buffer_free(message, message_len);
    kms_envelope_buffer_free(opened, len);
    return err;
}

/* Any keyring but one of the service. */
static enum kms_err of_all_kinds(enum kms_err (*use)(const struct kms_keyring *))
{
    struct kms_keyring *one = NULL;
    struct kms_keyring *two = NULL;
    struct kms_keyring *both = NULL;
    struct kms_keyring *caching = NULL;
    enum kms_err err = keyring("one", &one);
    if (err == KMS_OK)
        err = keyring("two", &two);
    if (err == KMS_OK) {
        const struct kms_keyring *child = two;
        err = kms_keyring_new_multi(one, &child, 1, &both);
    }
    if (err == KMS_OK) {
        const struct kms_keyring_caching_options options = {.max_age_ms = 60000};
        err = kms_keyring_new_caching(both, &options, &caching);
    }
    if (err == KMS_OK)
        err = use(caching);
    kms_keyring_free(caching);
    kms_keyring_free(both);
    kms_keyring_free(two);
    kms_keyring_free(one);
    return err;
}

static enum kms_err with_buffers(void)
{
    return of_all_kinds(buffers);
}

/* From descriptor to descriptor: encrypted, re-encrypted with another frame length, verified, looked
 * at, read in part. */
static enum kms_err descriptors(const struct kms_keyring *keyring)
{
    const struct kms_envelope_encrypt_options encrypt = writing(keyring);
    const struct kms_envelope_decrypt_options decrypt = reading(keyring);
    const struct kms_envelope_encrypt_options again = {
        .keyring = keyring, .frame_length = 2 * FRAME};
    const struct kms_envelope_fd_options fds = {.threads = 2};
    struct kms_envelope_info *info = NULL;
    struct kms_envelope_reader *reader = NULL;
    int in = temp_file(plaintext, LEN);
    int first = temp_file("", 0);
    int second = temp_file("", 0);
    enum kms_err err = kms_envelope_encrypt_fd(in, first, &encrypt, &fds, NULL, NULL);
    assert_int_equal(lseek(first, 0, SEEK_SET), 0);
    if (err == KMS_OK)
        err = kms_envelope_reencrypt_fd(first, second, &decrypt, &again, &fds, NULL, NULL);
    assert_int_equal(lseek(second, 0, SEEK_SET), 0);
    if (err == KMS_OK)
        err = kms_envelope_verify_fd(second, &decrypt, &fds, NULL, NULL);
    assert_int_equal(lseek(second, 0, SEEK_SET), 0);
    if (err == KMS_OK)
        err = kms_envelope_inspect_fd(second, true, NULL, &info, NULL);
    if (err == KMS_OK)
        err = kms_envelope_reader_open(second, &decrypt, &reader, NULL);
    if (err == KMS_OK) {
        uint8_t part[FRAME];
        size_t got = 0;
        err = kms_envelope_pread(reader, part, sizeof(part), FRAME + 7, &got, NULL);
        assert_memory_equal(part, plaintext + FRAME + 7, sizeof(part));
    }
    kms_envelope_reader_free(reader);
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(first);
    (void)close(second);
    return err;
}

static enum kms_err with_descriptors(void)
{
    return of_all_kinds(descriptors);
}

/* A file with key slots, of which one is exchanged for another. */
static enum kms_err slots(const struct kms_keyring *old, const struct kms_keyring *new)
{
    struct kms_envelope_encrypt_options encrypt = writing(old);
    struct kms_key_slots *now = NULL;
    int in = temp_file(plaintext, LEN);
    int file = temp_file("", 0);
    encrypt.key_slots = true;
    encrypt.unstored_keys.count = 0;
    enum kms_err err = kms_envelope_encrypt_fd(in, file, &encrypt, NULL, NULL, NULL);
    if (err == KMS_OK)
        err = kms_key_slots_replace(file, old, 1, new, &now, NULL);
    kms_key_slots_free(now);
    (void)close(in);
    (void)close(file);
    return err;
}

static enum kms_err with_slots(void)
{
    struct kms_keyring *old = NULL;
    struct kms_keyring *new = NULL;
    enum kms_err err = keyring("old", &old);
    if (err == KMS_OK)
        err = keyring("new", &new);
    if (err == KMS_OK)
        err = slots(old, new);
    kms_keyring_free(old);
    kms_keyring_free(new);
    return err;
}

/* --- the test --------------------------------------------------------------------------------- */

/* Until none was left to fail. What is not remembered for want of memory is no failure. */
static void fail_each(enum kms_err (*scenario)(void), long least)
{
    long failures = 0;
    fail_at = -1;
    assert_ok(scenario());
    long before = atomic_load(&live);
    for (long i = 0; i < RUNS_MAX; i++) {
        fail_at = i;
        atomic_store(&counted, 0);
        enum kms_err err = scenario();
        assert_int_equal(atomic_load(&live), before);
        if (atomic_load(&counted) <= i) {
            assert_ok(err);
            assert_true(failures >= least);
            return;
        }
        if (err != KMS_OK && err != KMS_ERR_NO_MEMORY)
            fail_msg("allocation %ld: %s", i, kms_err_text(err));
        failures += err != KMS_OK ? 1 : 0;
    }
    fail_msg("more than %d allocations", RUNS_MAX);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    fail_each(with_buffers, 20);
    fail_each(with_descriptors, 40);
    fail_each(with_slots, 20);
    assert_int_equal(atomic_load(&live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        return 1;
    plaintext = pattern(LEN);
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    free(plaintext);
    return result;
}
