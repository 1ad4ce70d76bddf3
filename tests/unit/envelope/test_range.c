/* Reading anywhere in a message: the right bytes or an error, never others. */
#include "libkms/envelope/message.h"
#include "libkms/envelope/wire.h"
#include "tests/unit/envelope/support.h"

#include <kms/envelope_range.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const struct kms_envelope_decrypt_options *reading(const struct kms_keyring *keyring)
{
    static struct kms_envelope_decrypt_options options;
    options = (struct kms_envelope_decrypt_options){
        .keyring = keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
    return &options;
}

/* Every range among the offsets that matter. */
static void expect_ranges(
    struct kms_envelope_reader *reader, const uint8_t *plaintext, size_t len, size_t step)
{
    uint8_t *out = malloc(len + 8);
    assert_non_null(out);
    assert_int_equal(kms_envelope_reader_size(reader), len);
    for (size_t from = 0; from <= len + 1; from += step) {
        for (size_t wanted = 0; wanted <= len + 2; wanted += step) {
            size_t left = from < len ? len - from : 0;
            size_t expected = wanted < left ? wanted : left;
            size_t got = SIZE_MAX;
            assert_ok(kms_envelope_pread(reader, out, wanted, from, &got, NULL));
            assert_int_equal(got, expected);
            if (expected > 0)
                assert_memory_equal(out, plaintext + from, expected);
        }
    }
    free(out);
}

static void frames_of_all_lengths(void **state)
{
    (void)state;
    static const uint32_t frame_lengths[] = {1, 2, 7, 16, 100, 4096};
    struct kms_keyring *keyring = aes_keyring("k");
    for (size_t i = 0; i < sizeof(frame_lengths) / sizeof(frame_lengths[0]); i++) {
        uint32_t l = frame_lengths[i];
        const size_t sizes[] = {0, 1, l, l + 1, 3 * l, 5 * (size_t)l + l / 2};
        for (size_t s = 0; s < 2 * sizeof(sizes) / sizeof(sizes[0]); s++) {
            size_t len = sizes[s / 2];
            bool is_signed = s % 2 == 1;
            uint8_t *plaintext = pattern(len);
            size_t message_len = 0;
            const struct kms_envelope_encrypt_options options = {.keyring = keyring,
                .frame_length = l,
                .suite = is_signed ? KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384
                                   : KMS_SUITE_DEFAULT};
            uint8_t *message = encrypt_ok(&options, plaintext, len, &message_len);
            int fd = temp_file(message, message_len);
            struct kms_envelope_reader *reader = NULL;
            struct kms_envelope_decrypt_options decrypt = *reading(keyring);
            if (is_signed) {
                assert_int_equal(
                    kms_envelope_reader_open(fd, &decrypt, &reader, NULL), KMS_ERR_POLICY);
                decrypt.ignore_signature = true;
            }
            assert_ok(kms_envelope_reader_open(fd, &decrypt, &reader, NULL));
            const struct kms_envelope_info *info = kms_envelope_reader_info(reader);
            assert_true(info->authenticated && info->counted);
            assert_int_equal(info->message_len, message_len);
            assert_int_equal(info->frames, len / l + 1);
            expect_ranges(reader, plaintext, len, len > 200 ? len / 13 : 1);
            kms_envelope_reader_free(reader);
            (void)close(fd);
            free(message);
            free(plaintext);
        }
    }
    kms_keyring_free(keyring);
}

/* Larger than the window, and into a descriptor. */
static void into_a_descriptor(void **state)
{
    (void)state;
    enum { LEN = 5 * 1024 * 1024 + 12345, FRAME = 64 * 1024 };
    struct kms_keyring *keyring = aes_keyring("k");
    uint8_t *plaintext = pattern(LEN);
    size_t message_len = 0;
    const struct kms_envelope_encrypt_options options = {.keyring = keyring, .frame_length = FRAME};
    uint8_t *message = encrypt_ok(&options, plaintext, LEN, &message_len);
    int fd = temp_file(message, message_len);
    struct kms_envelope_reader *reader = NULL;
    assert_ok(kms_envelope_reader_open(fd, reading(keyring), &reader, NULL));
    static const uint64_t ranges[][2] = {{0, UINT64_MAX}, {0, LEN}, {1, 0}, {LEN, 0},
        {LEN, UINT64_MAX}, {FRAME - 1, 2 * FRAME}, {LEN - 1, 1}, {3 * FRAME + 7, 3 << 20}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        uint64_t from = ranges[i][0];
        uint64_t len = ranges[i][1] == UINT64_MAX ? LEN - from : ranges[i][1];
        int out = temp_file("", 0);
        size_t got_len = 0;
        assert_ok(kms_envelope_range_fd(reader, out, from, ranges[i][1], NULL, NULL));
        uint8_t *got = fd_contents(out, &got_len);
        assert_int_equal(got_len, len);
        assert_memory_equal(got, plaintext + from, len);
        free(got);
        (void)close(out);
    }
    struct kms_envelope_failure failure;
    assert_int_equal(
        kms_envelope_range_fd(reader, -1, LEN, 1, NULL, &failure), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_envelope_range_fd(reader, -1, UINT64_MAX - 1, 5, NULL, &failure),
        KMS_ERR_INVALID_ARGUMENT);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    (void)close(ends[0]); /* nobody reads: an error, not a signal */
    assert_int_equal(kms_envelope_range_fd(reader, ends[1], 0, LEN, NULL, &failure), KMS_ERR_IO);
    (void)close(ends[1]);
    kms_envelope_reader_free(reader);
    (void)close(fd);
    free(message);
    free(plaintext);
    kms_keyring_free(keyring);
}

/* --- damage ----------------------------------------------------------------------------------- */

struct memory {
    const uint8_t *data;
    size_t reads;
};

static enum kms_err read_memory(
    void *context, void *out, size_t len, uint64_t offset, int *os_error)
{
    struct memory *memory = context;
    (void)os_error;
    memory->reads += len;
    memcpy(out, memory->data + offset, len);
    return KMS_OK;
}

/* Opens and reads all of it, every frame by itself. What is given out must be the plaintext's. */
static bool reads_all(struct kms_bytes message, const struct kms_envelope_decrypt_options *options,
    const uint8_t *plaintext, size_t len)
{
    struct memory memory = {.data = message.data};
    const struct kms_envelope_source source = {&memory, message.len, read_memory};
    struct kms_envelope_reader *reader = NULL;
    struct kms_envelope_failure failure;
    enum kms_err err = kms_envelope_reader_new(&source, options, &reader, &failure);
    assert_int_equal(failure.err, err);
    if (err != KMS_OK)
        return false;
    assert_int_equal(kms_envelope_reader_size(reader), len);
    bool all = true;
    for (size_t at = 0; at < len; at++) {
        uint8_t byte = 0;
        size_t got = 0;
        err = kms_envelope_pread(reader, &byte, 1, at, &got, &failure);
        assert_int_equal(failure.err, err);
        if (err != KMS_OK) {
            assert_int_equal(failure.frame, at / 16 + 1);
            all = false;
            continue;
        }
        assert_int_equal(got, 1);
        assert_int_equal(byte, plaintext[at]);
    }
    kms_envelope_reader_free(reader);
    return all;
}

static void damage_is_refused(void **state)
{
    (void)state;
    enum { LEN = 3 * 16 + 5 };
    struct kms_keyring *keyring = aes_keyring("k");
    uint8_t *plaintext = pattern(LEN);
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        size_t len = 0;
        const struct kms_envelope_encrypt_options options = {.keyring = keyring,
            .frame_length = 16,
            .suite = is_signed ? KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384
                               : KMS_SUITE_DEFAULT};
        struct kms_envelope_decrypt_options decrypt = *reading(keyring);
        decrypt.ignore_signature = true;
        uint8_t *message = encrypt_ok(&options, plaintext, LEN, &len);
        size_t covered = len;
        if (is_signed) /* the signature itself is not looked at */
            while (message[--covered - 1] != 0x30 || message[covered] != len - covered - 1)
                ;
        covered -= is_signed ? 1 : 0;
        assert_true(reads_all(kms_bytes(message, len), &decrypt, plaintext, LEN));
        for (size_t i = 0; i < covered * 8; i++) {
            message[i / 8] ^= (uint8_t)(1u << (i % 8));
            assert_false(reads_all(kms_bytes(message, len), &decrypt, plaintext, LEN));
            message[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *part = malloc(cut + 1); /* exactly as long: reading past it would be seen */
            assert_non_null(part);
            memcpy(part, message, cut);
            assert_false(reads_all(kms_bytes(part, cut), &decrypt, plaintext, LEN));
            free(part);
        }
        uint8_t *more = calloc(1, len + 200);
        assert_non_null(more);
        memcpy(more, message, len);
        for (size_t extra = 1; extra <= 200; extra++)
            assert_false(reads_all(kms_bytes(more, len + extra), &decrypt, plaintext, LEN));
        free(more);
        free(message);
    }
    free(plaintext);
    kms_keyring_free(keyring);
}

/* --- what is read ----------------------------------------------------------------------------- */

static void reads_only_what_it_needs(void **state)
{
    (void)state;
    enum { FRAME = 4096, LEN = 200 * FRAME };
    struct kms_keyring *keyring = aes_keyring("k");
    uint8_t *plaintext = pattern(LEN);
    size_t len = 0;
    const struct kms_envelope_encrypt_options options = {.keyring = keyring, .frame_length = FRAME};
    uint8_t *message = encrypt_ok(&options, plaintext, LEN, &len);
    struct memory memory = {.data = message};
    const struct kms_envelope_source source = {&memory, len, read_memory};
    struct kms_envelope_reader *reader = NULL;
    assert_ok(kms_envelope_reader_new(&source, reading(keyring), &reader, NULL));
    assert_true(memory.reads < 3 * FRAME); /* header and last frame */
    memory.reads = 0;
    uint8_t out[100];
    size_t got = 0;
    for (size_t i = 0; i < FRAME; i += sizeof(out))
        assert_ok(kms_envelope_pread(reader, out, 10, 77 * FRAME + i, &got, NULL));
    assert_int_equal(memory.reads, FRAME + KMS_FRAME_OVERHEAD); /* once */
    kms_envelope_reader_free(reader);
    free(message);
    free(plaintext);
    kms_keyring_free(keyring);
}

static enum kms_err read_nothing(
    void *context, void *out, size_t len, uint64_t offset, int *os_error)
{
    (void)context;
    (void)out;
    (void)len;
    (void)offset;
    *os_error = EIO;
    return KMS_ERR_IO;
}

static void sources_that_fail(void **state)
{
    (void)state;
    struct kms_keyring *keyring = aes_keyring("k");
    struct kms_envelope_reader *reader = NULL;
    struct kms_envelope_failure failure;
    const struct kms_envelope_source source = {NULL, 1000, read_nothing};
    assert_int_equal(
        kms_envelope_reader_new(&source, reading(keyring), &reader, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, EIO);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(kms_envelope_reader_open(ends[0], reading(keyring), &reader, &failure),
        KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_envelope_reader_open(-1, reading(keyring), &reader, &failure), KMS_ERR_IO);
    assert_null(reader);
    (void)close(ends[0]);
    (void)close(ends[1]);
    kms_keyring_free(keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_all_lengths),
        cmocka_unit_test(into_a_descriptor),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(reads_only_what_it_needs),
        cmocka_unit_test(sources_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
