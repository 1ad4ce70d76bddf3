/* From descriptor to descriptor: the same bytes and the same refusals as the streams, on threads.
 */
#include "libkms/envelope/message.h"
#include "libkms/envelope/wire.h"
#include "tests/unit/envelope/support.h"

#include <kms/envelope_range.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG = 64 << 20 };

struct fixture {
    struct kms_keyring *keyring;
    struct kms_envelope_encrypt_options encrypt;
    struct kms_envelope_decrypt_options decrypt;
};

static const struct kms_str_pair pairs[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    {KMS_STR_LITERAL("host"), KMS_STR_LITERAL("db1")},
};

static struct fixture fixture(uint32_t frame_length)
{
    struct fixture f = {.keyring = aes_keyring("k")};
    f.encrypt = (struct kms_envelope_encrypt_options){.keyring = f.keyring,
        .context = {.items = pairs, .count = 2},
        .frame_length = frame_length};
    f.decrypt = (struct kms_envelope_decrypt_options){
        .keyring = f.keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
    return f;
}

/* Decrypts a descriptor's contents with the stream and compares. */
static void expect_stream_reads(
    const struct fixture *f, int fd, const uint8_t *plaintext, size_t len)
{
    size_t message_len = 0;
    uint8_t *message = fd_contents(fd, &message_len);
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    assert_ok(decrypt_in_pieces(&f->decrypt, kms_bytes(message, message_len), 0, 0, &out, NULL));
    assert_int_equal(out.len, len);
    assert_memory_equal(kms_buf_bytes(&out).data, plaintext, len);
    free(message);
}

static void expect_contents(int fd, const uint8_t *expected, size_t len)
{
    size_t got_len = 0;
    uint8_t *got = fd_contents(fd, &got_len);
    assert_int_equal(got_len, len);
    assert_memory_equal(got, expected, len);
    free(got);
}

static void rewind_fd(int fd)
{
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

/* --- files ------------------------------------------------------------------------------------ */

static void file_round_trip(
    uint32_t frame_length, size_t len, unsigned threads, enum kms_envelope_suite suite)
{
    struct fixture f = fixture(frame_length);
    f.encrypt.suite = suite;
    struct kms_envelope_fd_options options = {.threads = threads};
    struct kms_envelope_info *info = NULL;
    uint8_t *plaintext = pattern(len);
    int in = temp_file(plaintext, len);
    int message = temp_file("", 0);
    int out = temp_file("", 0);
    int other = temp_file("", 0);
    size_t message_len = 0;
    uint64_t frames = len / frame_length + 1;

    assert_ok(kms_envelope_encrypt_fd(in, message, &f.encrypt, &options, &info, NULL));
    free(fd_contents(message, &message_len));
    assert_true(info->counted && info->authenticated);
    assert_int_equal(info->frames, frames);
    assert_int_equal(info->plaintext_len, len);
    assert_int_equal(info->message_len, message_len);
    kms_envelope_info_free(info);
    expect_stream_reads(&f, message, plaintext, len);

    rewind_fd(message);
    assert_ok(kms_envelope_decrypt_fd(message, out, &f.decrypt, &options, &info, NULL));
    expect_contents(out, plaintext, len);
    assert_int_equal(info->frames, frames);
    assert_int_equal(info->plaintext_len, len);
    assert_int_equal(info->message_len, message_len);
    kms_envelope_info_free(info);

    rewind_fd(message);
    assert_ok(kms_envelope_verify_fd(message, &f.decrypt, &options, &info, NULL));
    assert_int_equal(info->frames, frames);
    assert_int_equal(info->plaintext_len, len);
    kms_envelope_info_free(info);

    rewind_fd(message);
    f.encrypt.context = (struct kms_str_map){NULL, 0};
    assert_ok(
        kms_envelope_reencrypt_fd(message, other, &f.decrypt, &f.encrypt, &options, &info, NULL));
    assert_int_equal(info->plaintext_len, len);
    assert_int_equal(info->message_len, message_len);
    kms_envelope_info_free(info);
    f.decrypt.context = (struct kms_str_map){.items = pairs, .count = 2}; /* inherited */
    expect_stream_reads(&f, other, plaintext, len);

    rewind_fd(other);
    assert_ok(kms_envelope_inspect_fd(other, true, NULL, &info, NULL));
    assert_int_equal(info->frames, frames);
    assert_int_equal(info->plaintext_len, len);
    assert_int_equal(info->message_len, message_len);
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(message);
    (void)close(out);
    (void)close(other);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

static void files(void **state)
{
    (void)state;
    static const uint32_t frame_lengths[] = {1, 100, 4096, 256 * 1024, 600 * 1024};
    for (size_t i = 0; i < sizeof(frame_lengths) / sizeof(frame_lengths[0]); i++) {
        uint32_t l = frame_lengths[i];
        size_t slots = 512 * 1024 / ((size_t)l + 32); /* about how many fit a chunk */
        slots = slots == 0 ? 1 : slots > 1000 ? 1000 : slots;
        const size_t sizes[] = {0, 1, l - 1, l, l + 1, slots * l - 1, slots * l, slots * l + 1,
            5 * slots * l + l / 2, 6 * slots * l};
        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
            file_round_trip(l, sizes[s], (unsigned)(s % 5), KMS_SUITE_DEFAULT);
        file_round_trip(
            l, 3 * slots * l + 7, 0, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384);
        file_round_trip(l, 3 * slots * l, 0, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384);
    }
}

/* Signed ones of that size go in larger pieces. */
static void large_signed_files(void **state)
{
    (void)state;
    enum { LARGE = 32 * 1024 * 1024 + 12345 };
    file_round_trip(65536, LARGE, 0, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384);
    file_round_trip(4096, LARGE, 3, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384);
}

/* From where the file stands; nothing when that is its end or behind it. */
static void from_the_position(void **state)
{
    (void)state;
    static const off_t positions[] = {0, 1, 999, 1000, 1001};
    uint8_t *plaintext = pattern(1000);
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        struct fixture f = fixture(100);
        struct kms_envelope_info *info = NULL;
        int in = temp_file(plaintext, 1000);
        int out = temp_file("", 0);
        size_t at = positions[i] < 1000 ? (size_t)positions[i] : 1000;
        assert_int_equal(lseek(in, positions[i], SEEK_SET), positions[i]);
        assert_ok(kms_envelope_encrypt_fd(in, out, &f.encrypt, NULL, &info, NULL));
        assert_int_equal(info->plaintext_len, 1000 - at);
        expect_stream_reads(&f, out, plaintext + at, 1000 - at);
        kms_envelope_info_free(info);
        (void)close(in);
        (void)close(out);
        kms_keyring_free(f.keyring);
    }
    free(plaintext);
}

/* Reading and writing begin where the descriptors stand. */
static void positions_are_kept(void **state)
{
    (void)state;
    struct fixture f = fixture(10);
    int in = temp_file("skipped, encrypted", 18);
    int message = temp_file("before", 6);
    int out = temp_file("", 0);
    assert_int_equal(lseek(in, 9, SEEK_SET), 9);
    assert_int_equal(lseek(message, 6, SEEK_SET), 6);
    assert_ok(kms_envelope_encrypt_fd(in, message, &f.encrypt, NULL, NULL, NULL));
    assert_int_equal(lseek(message, 6, SEEK_SET), 6);
    assert_ok(kms_envelope_decrypt_fd(message, out, &f.decrypt, NULL, NULL, NULL));
    expect_contents(out, (const uint8_t *)"encrypted", 9);
    (void)close(in);
    (void)close(message);
    (void)close(out);
    kms_keyring_free(f.keyring);
}

/* --- re-encryption ---------------------------------------------------------------------------- */

static void reencrypt_case(uint32_t old_length, enum kms_envelope_suite old_suite,
    uint32_t new_length, enum kms_envelope_suite new_suite, size_t len)
{
    struct fixture f = fixture(old_length);
    struct kms_keyring *new_keyring = aes_keyring("another");
    uint8_t *plaintext = pattern(len);
    f.encrypt.suite = old_suite;
    if (!kms_suite_commits(kms_suite_find((unsigned)old_suite)))
        f.encrypt.policy = KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT;
    size_t message_len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, plaintext, len, &message_len);
    int in = temp_file(message, message_len);
    int out = temp_file("", 0);
    struct kms_envelope_encrypt_options to = {
        .keyring = new_keyring, .suite = new_suite, .frame_length = new_length};
    struct kms_envelope_info *old_info = NULL;
    struct kms_envelope_info *new_info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(message, message_len), NULL, &old_info, NULL));
    assert_ok(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &to, NULL, &new_info, NULL));
    assert_int_equal(new_info->plaintext_len, len);
    assert_int_equal(new_info->suite, new_suite);
    assert_int_equal(new_info->frame_length, new_length);
    assert_memory_not_equal(old_info->message_id.data, new_info->message_id.data, 16);
    f.decrypt.context = (struct kms_str_map){.items = pairs, .count = 2};
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    size_t new_len = 0;
    uint8_t *new_message = fd_contents(out, &new_len);
    assert_int_equal(
        decrypt_in_pieces(&f.decrypt, kms_bytes(new_message, new_len), 0, 0, &released, NULL),
        KMS_ERR_NO_KEY); /* the old key is out */
    f.decrypt.keyring = new_keyring;
    expect_stream_reads(&f, out, plaintext, len);
    kms_envelope_info_free(old_info);
    kms_envelope_info_free(new_info);
    (void)close(in);
    (void)close(out);
    free(new_message);
    free(message);
    free(plaintext);
    kms_keyring_free(new_keyring);
    kms_keyring_free(f.keyring);
}

static void reencryption(void **state)
{
    (void)state;
    const enum kms_envelope_suite plain = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT;
    const enum kms_envelope_suite is_signed = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384;
    const enum kms_envelope_suite old = KMS_SUITE_AES_128_GCM_HKDF_SHA256_ECDSA_P256;
    const enum kms_envelope_suite suites[][2] = {{plain, plain}, {plain, is_signed},
        {is_signed, plain}, {is_signed, is_signed}, {old, plain}};
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        reencrypt_case(4096, suites[i][0], 4096, suites[i][1], 3000000);
        reencrypt_case(4096, suites[i][0], 65536, suites[i][1], 3000000);
        reencrypt_case(65536, suites[i][0], 1000, suites[i][1], 300000);
        reencrypt_case(100, suites[i][0], 100, suites[i][1], 0);
        reencrypt_case(100, suites[i][0], 50, suites[i][1], 200);
    }
}

static void reencryption_keeps_unstored_pairs_unstored(void **state)
{
    (void)state;
    struct fixture f = fixture(4096);
    static const struct kms_str unstored = KMS_STR_LITERAL("host");
    f.encrypt.unstored_keys = (struct kms_str_list){.items = &unstored, .count = 1};
    size_t len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, "x", 1, &len);
    int in = temp_file(message, len);
    int out = temp_file("", 0);
    struct kms_envelope_encrypt_options to = {.keyring = f.keyring};
    struct kms_envelope_info *info = NULL;
    assert_int_equal(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &to, NULL, &info, NULL),
        KMS_ERR_AUTHENTICATION);
    rewind_fd(in);
    f.decrypt.unstored_context = (struct kms_str_map){.items = &pairs[1], .count = 1};
    assert_ok(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &to, NULL, &info, NULL));
    assert_int_equal(info->context.count, 1);
    assert_true(kms_str_is(info->context.items[0].key, "purpose"));
    expect_stream_reads(&f, out, (const uint8_t *)"x", 1);
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(out);
    free(message);
    kms_keyring_free(f.keyring);
}

/* A context that is given replaces the old one. */
static void reencryption_with_another_context(void **state)
{
    (void)state;
    struct fixture f = fixture(4096);
    size_t len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, "x", 1, &len);
    int in = temp_file(message, len);
    int out = temp_file("", 0);
    const struct kms_str_pair pair = {kms_str("a"), kms_str("b")};
    struct kms_envelope_encrypt_options to = {
        .keyring = f.keyring, .context = {.items = &pair, .count = 1}};
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &to, NULL, &info, NULL));
    assert_int_equal(info->context.count, 1);
    assert_true(kms_str_is(info->context.items[0].key, "a"));
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(out);
    free(message);
    kms_keyring_free(f.keyring);
}

/* --- pipes and sockets ------------------------------------------------------------------------ */

struct feeder {
    int fd;
    const uint8_t *data;
    size_t len;
    size_t piece;
    pthread_t thread;
};

static void *feed(void *arg)
{
    struct feeder *feeder = arg;
    for (size_t at = 0; at < feeder->len;) {
        size_t n = feeder->len - at < feeder->piece ? feeder->len - at : feeder->piece;
        ssize_t written = write(feeder->fd, feeder->data + at, n);
        if (written <= 0)
            break;
        at += (size_t)written;
    }
    (void)close(feeder->fd);
    return NULL;
}

struct taker {
    int fd;
    struct kms_buf taken;
    pthread_t thread;
};

static void *take(void *arg)
{
    struct taker *taker = arg;
    uint8_t piece[777];
    ssize_t n = 0;
    while ((n = read(taker->fd, piece, sizeof(piece))) > 0)
        kms_buf_append(&taker->taken, piece, (size_t)n);
    (void)close(taker->fd);
    return NULL;
}

static void through_channels(int make(int fds[2]), uint32_t frame_length, size_t len)
{
    struct fixture f = fixture(frame_length);
    uint8_t *plaintext = pattern(len);
    int plain[2];
    int message[2];
    int out[2];
    assert_int_equal(make(plain), 0);
    assert_int_equal(make(message), 0);
    struct feeder feeder = {.fd = plain[1], .data = plaintext, .len = len, .piece = 3001};
    struct taker taker = {.fd = message[0]};
    kms_buf_init(&taker.taken, BIG);
    assert_int_equal(pthread_create(&feeder.thread, NULL, feed, &feeder), 0);
    assert_int_equal(pthread_create(&taker.thread, NULL, take, &taker), 0);
    assert_ok(kms_envelope_encrypt_fd(plain[0], message[1], &f.encrypt, NULL, NULL, NULL));
    (void)close(plain[0]);
    (void)close(message[1]);
    (void)pthread_join(feeder.thread, NULL);
    (void)pthread_join(taker.thread, NULL);

    assert_int_equal(make(message), 0);
    assert_int_equal(make(out), 0);
    struct feeder again = {
        .fd = message[1], .data = taker.taken.data, .len = taker.taken.len, .piece = 70001};
    struct taker last = {.fd = out[0]};
    kms_buf_init(&last.taken, BIG);
    assert_int_equal(pthread_create(&again.thread, NULL, feed, &again), 0);
    assert_int_equal(pthread_create(&last.thread, NULL, take, &last), 0);
    assert_ok(kms_envelope_decrypt_fd(message[0], out[1], &f.decrypt, NULL, NULL, NULL));
    (void)close(message[0]);
    (void)close(out[1]);
    (void)pthread_join(again.thread, NULL);
    (void)pthread_join(last.thread, NULL);
    assert_int_equal(last.taken.len, len);
    assert_memory_equal(kms_buf_bytes(&last.taken).data, plaintext, len);
    kms_buf_clean_up(&taker.taken);
    kms_buf_clean_up(&last.taken);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

static int make_pipe(int fds[2])
{
    return pipe2(fds, O_CLOEXEC);
}

static int make_sockets(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

static void pipes_and_sockets(void **state)
{
    (void)state;
    through_channels(make_pipe, 1000, 0);
    through_channels(make_pipe, 1000, 2500000);
    through_channels(make_pipe, 256 * 1024, 2500000);
    through_channels(make_sockets, 4096, 2500000);
}

static void inspecting_a_pipe(void **state)
{
    (void)state;
    struct fixture f = fixture(4096);
    uint8_t *plaintext = pattern(300000);
    size_t len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, plaintext, 300000, &len);
    int fds[2];
    assert_int_equal(make_pipe(fds), 0);
    struct feeder feeder = {.fd = fds[1], .data = message, .len = len, .piece = 100};
    struct kms_envelope_info *info = NULL;
    assert_int_equal(pthread_create(&feeder.thread, NULL, feed, &feeder), 0);
    assert_ok(kms_envelope_inspect_fd(fds[0], true, NULL, &info, NULL));
    (void)pthread_join(feeder.thread, NULL);
    assert_int_equal(info->plaintext_len, 300000);
    assert_int_equal(info->frames, 74);
    assert_int_equal(info->message_len, len);
    assert_false(info->authenticated);
    kms_envelope_info_free(info);
    (void)close(fds[0]);
    free(message);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

/* --- failures --------------------------------------------------------------------------------- */

/* A damaged message: the error of the stream, and what was written is what the stream released. */
static void same_as_stream(const struct fixture *f, const uint8_t *message, size_t len)
{
    struct kms_envelope_failure expected;
    struct kms_envelope_failure failure;
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    enum kms_err err =
        decrypt_in_pieces(&f->decrypt, kms_bytes(message, len), 0, 0, &released, &expected);
    int in = temp_file(message, len);
    int out = temp_file("", 0);
    struct kms_envelope_info *info = NULL;
    assert_int_equal(kms_envelope_decrypt_fd(in, out, &f->decrypt, NULL, &info, &failure), err);
    expect_contents(out, kms_buf_bytes(&released).data, released.len);
    kms_envelope_info_free(info);
    info = NULL;
    rewind_fd(in);
    assert_int_equal(kms_envelope_verify_fd(in, &f->decrypt, NULL, &info, &failure), err);
    if (err != KMS_OK) {
        assert_null(info);
        assert_int_equal(failure.err, err);
        assert_int_equal(failure.frame, expected.frame);
        assert_int_equal(failure.offset, expected.offset);
        assert_string_equal(failure.text, expected.text);
    }
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(out);
}

static void damage_is_found_as_by_the_stream(void **state)
{
    (void)state;
    const enum kms_envelope_suite suites[] = {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT,
        KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384};
    enum { LEN = 1500000, FRAME = 5000, STEP = 200003 };
    uint8_t *plaintext = pattern(LEN);
    for (size_t s = 0; s < 2; s++) {
        struct fixture f = fixture(FRAME);
        f.encrypt.suite = suites[s];
        size_t len = 0;
        uint8_t *message = encrypt_ok(&f.encrypt, plaintext, LEN, &len);
        same_as_stream(&f, message, len);
        for (size_t at = 60; at < len; at += STEP) {
            message[at] ^= 4;
            same_as_stream(&f, message, len);
            message[at] ^= 4;
            same_as_stream(&f, message, at);
        }
        for (size_t back = 1; back < 300; back += 29) { /* around the end, footer and all */
            message[len - back] ^= 4;
            same_as_stream(&f, message, len);
            message[len - back] ^= 4;
            same_as_stream(&f, message, len - back);
        }
        message = realloc(message, len + 1);
        assert_non_null(message);
        message[len] = 0;
        same_as_stream(&f, message, len + 1);
        free(message);
        kms_keyring_free(f.keyring);
    }
    free(plaintext);
}

/* Frames that verified before the damage are sealed anew; that must not hide what comes after. */
static void refuses_to_reencrypt(const struct fixture *f, const uint8_t *message, size_t len)
{
    const uint32_t lengths[] = {f->encrypt.frame_length, f->encrypt.frame_length / 2};
    KMS_BUF_AUTO ignored;
    kms_buf_init(&ignored, BIG);
    enum kms_err err =
        decrypt_in_pieces(&f->decrypt, kms_bytes(message, len), 0, 0, &ignored, NULL);
    assert_int_not_equal(err, KMS_OK);
    for (size_t i = 0; i < 2; i++) { /* frame by frame in place, and by way of a stream */
        struct kms_envelope_encrypt_options to = {
            .keyring = f->keyring, .frame_length = lengths[i]};
        struct kms_envelope_info *info = NULL;
        int in = temp_file(message, len);
        int out = temp_file("", 0);
        assert_int_equal(
            kms_envelope_reencrypt_fd(in, out, &f->decrypt, &to, NULL, &info, NULL), err);
        assert_null(info);
        (void)close(in);
        (void)close(out);
    }
}

static void damage_is_found_when_reencrypting(void **state)
{
    (void)state;
    const enum kms_envelope_suite suites[] = {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT,
        KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384};
    enum { LEN = 10000, FRAME = 1000 };
    uint8_t *plaintext = pattern(LEN);
    for (size_t s = 0; s < 2; s++) {
        struct fixture f = fixture(FRAME);
        f.encrypt.suite = suites[s];
        size_t len = 0;
        uint8_t *message = encrypt_ok(&f.encrypt, plaintext, LEN, &len);
        for (size_t cut = 1; cut < len; cut += 211)
            refuses_to_reencrypt(&f, message, len - cut);
        for (size_t at = len - 300; at < len; at += 23) {
            message[at] ^= 4;
            refuses_to_reencrypt(&f, message, len);
            message[at] ^= 4;
        }
        message = realloc(message, len + 1);
        assert_non_null(message);
        message[len] = 0;
        refuses_to_reencrypt(&f, message, len + 1);
        free(message);
        kms_keyring_free(f.keyring);
    }
    free(plaintext);
}

/* Two frames are damaged: the first one counts, whichever worker is faster. */
static void the_first_error_wins(void **state)
{
    (void)state;
    enum { FRAME = 256 * 1024, FRAMES = 24 };
    struct fixture f = fixture(FRAME);
    uint8_t *plaintext = pattern((size_t)FRAME * FRAMES);
    size_t len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, plaintext, (size_t)FRAME * FRAMES, &len);
    size_t header_len = len - (size_t)FRAMES * (FRAME + 32) - kms_frame_overhead(KMS_FRAME_FINAL);
    for (size_t i = 5; i < 9; i++)
        message[header_len + i * (FRAME + 32) + 100] ^= 1;
    for (int round = 0; round < 10; round++)
        same_as_stream(&f, message, len);
    free(message);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

/* Endless input, output that nobody reads any more. */
static void a_closed_pipe(void **state)
{
    (void)state;
    struct fixture f = fixture(0);
    int fds[2];
    assert_int_equal(make_pipe(fds), 0);
    (void)close(fds[0]);
    int in = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0);
    struct kms_envelope_failure failure;
    assert_int_equal(
        kms_envelope_encrypt_fd(in, fds[1], &f.encrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, EPIPE);
    (void)close(in);
    (void)close(fds[1]);

    /* the input says nothing, so only calling off the wait for it ends this */
    int silent[2];
    assert_int_equal(make_pipe(silent), 0);
    assert_int_equal(make_pipe(fds), 0);
    (void)close(fds[0]);
    uint8_t *plaintext = pattern(600000);
    struct feeder feeder = {.fd = dup(silent[1]), .data = plaintext, .len = 600000, .piece = 4096};
    assert_int_equal(pthread_create(&feeder.thread, NULL, feed, &feeder), 0);
    assert_int_equal(
        kms_envelope_encrypt_fd(silent[0], fds[1], &f.encrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, EPIPE);
    uint8_t sink[4096];
    (void)close(silent[1]);
    while (read(silent[0], sink, sizeof(sink)) > 0)
        continue;
    (void)pthread_join(feeder.thread, NULL);
    (void)close(silent[0]);
    (void)close(fds[1]);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

static void descriptors_that_do_not_work(void **state)
{
    (void)state;
    struct fixture f = fixture(0);
    struct kms_envelope_failure failure;
    int in = temp_file("plaintext", 9);
    int out = temp_file("", 0);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_CLOEXEC);
    assert_true(full >= 0 && folder >= 0);
    assert_int_equal(
        kms_envelope_encrypt_fd(in, full, &f.encrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, ENOSPC);
    assert_int_equal(
        kms_envelope_encrypt_fd(folder, out, &f.encrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, EISDIR);
    assert_int_equal(
        kms_envelope_decrypt_fd(folder, out, &f.decrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(
        kms_envelope_encrypt_fd(-1, out, &f.encrypt, NULL, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(failure.os_error, EBADF);
    (void)close(in);
    (void)close(out);
    (void)close(full);
    (void)close(folder);
    kms_keyring_free(f.keyring);
}

static bool give_up_after(void *context, uint64_t in_bytes)
{
    unsigned *calls = context;
    (void)in_bytes;
    return ++*calls < 2;
}

static bool remember(void *context, uint64_t in_bytes)
{
    uint64_t *last = context;
    assert_true(in_bytes >= *last);
    *last = in_bytes;
    return true;
}

static void progress(void **state)
{
    (void)state;
    struct fixture f = fixture(0);
    struct kms_envelope_failure failure;
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(zeros >= 0 && null >= 0);
    unsigned calls = 0;
    struct kms_envelope_fd_options options = {
        .progress = give_up_after, .progress_context = &calls};
    assert_int_equal(kms_envelope_encrypt_fd(zeros, null, &f.encrypt, &options, NULL, &failure),
        KMS_ERR_CANCELLED);
    assert_int_equal(failure.err, KMS_ERR_CANCELLED);
    assert_int_equal(calls, 2);

    int silent[2]; /* waiting for input ends, too */
    assert_int_equal(make_pipe(silent), 0);
    calls = 0;
    assert_int_equal(kms_envelope_encrypt_fd(silent[0], null, &f.encrypt, &options, NULL, &failure),
        KMS_ERR_CANCELLED);
    (void)close(silent[0]);
    (void)close(silent[1]);

    uint8_t *plaintext = pattern(1000000);
    int in = temp_file(plaintext, 1000000);
    uint64_t last = 0;
    options = (struct kms_envelope_fd_options){.progress = remember, .progress_context = &last};
    assert_ok(kms_envelope_encrypt_fd(in, null, &f.encrypt, &options, NULL, &failure));
    assert_int_equal(last, 1000000);
    assert_int_equal(failure.err, KMS_OK);
    (void)close(in);
    (void)close(zeros);
    (void)close(null);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

/* --- non-framed messages ---------------------------------------------------------------------- */

/* What nothing writes any more: one block under the message key, assembled by hand. */
static uint8_t *non_framed(
    struct given_keyring *keyring, const uint8_t *plaintext, size_t len, size_t *message_len)
{
    static const uint8_t id[32] = "a message id for tests, 32 byte";
    static const char label[] = "AWSKMSEncryptionClient Single Block";
    struct kms_envelope_encrypt_options options = {.keyring = &keyring->base};
    struct kms_message draft = {0};
    struct kms_frame_cipher *cipher = NULL;
    uint8_t tag[KMS_GCM_TAG_LEN];
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    assert_ok(kms_message_create(&options, kms_bytes(id, sizeof(id)), &draft, NULL));
    assert_ok(kms_message_cipher(&draft, KMS_FRAME_SEAL, &cipher));
    kms_buf_append(&out, draft.header->body.data, draft.header->body.len);
    size_t type_at = out.len - KMS_COMMITMENT_LEN - 5;
    out.data[type_at] = 1;
    memset(out.data + type_at + 1, 0, 4);
    assert_ok(kms_header_tag_make(cipher, kms_buf_bytes(&out), kms_bytes("", 0), tag));
    kms_buf_append(&out, tag, sizeof(tag));

    uint8_t iv[KMS_GCM_IV_LEN] = {[KMS_GCM_IV_LEN - 1] = 1};
    uint8_t length[8];
    kms_store_u64(length, len);
    kms_buf_append(&out, iv, sizeof(iv));
    kms_buf_append(&out, length, sizeof(length));
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *sealed = malloc(len);
    int n = 0;
    assert_non_null(sealed);
    assert_int_equal(
        EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), kms_secret_bytes(draft.key).data, iv, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, id, sizeof(id)), 1);
    assert_int_equal(
        EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)label, sizeof(label) - 1), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)"\0\0\0\1", 4), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, length, sizeof(length)), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, sealed, &n, plaintext, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, sealed, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag), 1);
    EVP_CIPHER_CTX_free(ctx);
    kms_buf_append(&out, sealed, len);
    kms_buf_append(&out, tag, sizeof(tag));
    kms_frame_cipher_free(cipher);
    kms_message_clean_up(&draft);
    free(sealed);
    uint8_t *message = malloc(out.len);
    assert_non_null(message);
    memcpy(message, out.data, out.len);
    *message_len = out.len;
    return message;
}

static void a_non_framed_message(void **state)
{
    (void)state;
    enum { LEN = 1000000 };
    static const uint8_t key[32] = "a data key for tests, 32 bytes.";
    struct given_keyring keyring = given_keyring(kms_bytes(key, sizeof(key)));
    struct fixture f = {.decrypt = {.keyring = &keyring.base}};
    uint8_t *plaintext = pattern(LEN);
    size_t len = 0;
    uint8_t *message = non_framed(&keyring, plaintext, LEN, &len);
    same_as_stream(&f, message, len);
    for (size_t cut = len - 1; cut > 0; cut -= cut < 99991 ? cut : 99991)
        same_as_stream(&f, message, cut);
    message[len / 2] ^= 1;
    same_as_stream(&f, message, len);
    message[len / 2] ^= 1;

    int in = temp_file(message, len);
    int out = temp_file("", 0);
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect_fd(in, true, NULL, &info, NULL));
    assert_false(info->framed);
    assert_int_equal(info->plaintext_len, LEN);
    assert_int_equal(info->message_len, len);
    kms_envelope_info_free(info);
    rewind_fd(in);
    assert_ok(kms_envelope_decrypt_fd(in, out, &f.decrypt, NULL, &info, NULL));
    expect_contents(out, plaintext, LEN);
    assert_int_equal(info->plaintext_len, LEN);
    assert_int_equal(info->message_len, len);
    kms_envelope_info_free(info);
    (void)close(out);

    struct kms_envelope_reader *reader = NULL;
    uint8_t part[1000];
    size_t got = 0;
    assert_ok(kms_envelope_reader_open(in, &f.decrypt, &reader, NULL));
    assert_int_equal(kms_envelope_reader_size(reader), LEN);
    assert_ok(kms_envelope_pread(reader, part, sizeof(part), LEN - 999, &got, NULL));
    assert_int_equal(got, 999);
    assert_memory_equal(part, plaintext + LEN - 999, got);
    kms_envelope_reader_free(reader);
    rewind_fd(in);
    assert_ok(kms_envelope_verify_fd(in, &f.decrypt, NULL, NULL, NULL));

    out = temp_file("", 0);
    rewind_fd(in);
    struct kms_envelope_encrypt_options to = {.keyring = &keyring.base, .frame_length = 4096};
    assert_ok(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &to, NULL, &info, NULL));
    assert_true(info->framed);
    expect_stream_reads(&f, out, plaintext, LEN);
    kms_envelope_info_free(info);

    rewind_fd(in); /* it has to be held whole, so its length has a limit */
    f.decrypt.limits.max_frame_bytes = LEN - 1;
    assert_int_equal(
        kms_envelope_decrypt_fd(in, out, &f.decrypt, NULL, &info, NULL), KMS_ERR_LIMIT);
    struct kms_envelope_failure failure;
    assert_int_equal(kms_envelope_reader_open(in, &f.decrypt, &reader, &failure), KMS_ERR_LIMIT);
    (void)close(in);
    (void)close(out);
    free(message);
    free(plaintext);
}

/* --- full final frames ------------------------------------------------------------------------ */

enum { FULL = 1000 };

/* What others write for a whole number of frames: the last one is final and full. */
static uint8_t *ending_in_a_full_frame(const struct given_keyring *keyring,
    enum kms_envelope_suite suite, const uint8_t *plaintext, uint32_t frames, size_t *len)
{
    const struct kms_envelope_encrypt_options options = {
        .keyring = &keyring->base, .frame_length = FULL, .suite = suite};
    struct kms_message draft = {0};
    struct kms_frame_cipher *cipher = NULL;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    assert_ok(kms_message_create(&options, kms_bytes(NULL, 0), &draft, NULL));
    assert_ok(kms_message_cipher(&draft, KMS_FRAME_SEAL, &cipher));
    kms_buf_append(&out, draft.header->raw.data, draft.header->raw.len);
    for (uint32_t i = 1; i <= frames; i++) {
        enum kms_frame_kind kind = i == frames ? KMS_FRAME_FINAL : KMS_FRAME_REGULAR;
        size_t frame_len = kms_frame_overhead(kind) + FULL;
        uint8_t *frame = kms_buf_extend(&out, frame_len);
        assert_non_null(frame);
        memcpy(frame + kms_frame_content_at(kind), plaintext + (i - 1) * FULL, FULL);
        assert_ok(kms_frame_seal(cipher, kind, i, frame, FULL));
        if (draft.signature != NULL)
            assert_ok(kms_signature_update(draft.signature, kms_bytes(frame, frame_len)));
    }
    if (draft.signature != NULL) {
        uint8_t footer[KMS_FOOTER_MAX];
        size_t footer_len = 0;
        assert_ok(kms_signature_make_footer(draft.signature, footer, &footer_len));
        kms_buf_append(&out, footer, footer_len);
    }
    kms_frame_cipher_free(cipher);
    kms_message_clean_up(&draft);
    uint8_t *message = malloc(out.len);
    assert_non_null(message);
    memcpy(message, out.data, out.len);
    *len = out.len;
    return message;
}

/* They are read, in whole and in part, and re-encrypting turns them into what is written here. */
static void full_final_frames(void **state)
{
    (void)state;
    static const uint8_t key[32] = "a data key for tests, 32 bytes.";
    static const enum kms_envelope_suite suites[] = {
        KMS_SUITE_DEFAULT, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384};
    struct given_keyring keyring = given_keyring(kms_bytes(key, sizeof(key)));
    struct fixture f = {
        .encrypt = {.keyring = &keyring.base}, .decrypt = {.keyring = &keyring.base}};
    for (size_t i = 0; i < 2 * 3; i++) {
        uint32_t frames = 1 << (i / 2 * 5); /* 1024 of them are in several chunks */
        size_t plaintext_len = (size_t)frames * FULL;
        uint8_t *plaintext = pattern(plaintext_len);
        size_t len = 0;
        uint8_t *message = ending_in_a_full_frame(&keyring, suites[i % 2], plaintext, frames, &len);
        same_as_stream(&f, message, len);

        struct kms_envelope_info *info = NULL;
        int in = temp_file(message, len);
        int out = temp_file("", 0);
        f.encrypt.frame_length = FULL;
        f.encrypt.suite = suites[i % 2];
        assert_ok(kms_envelope_reencrypt_fd(in, out, &f.decrypt, &f.encrypt, NULL, &info, NULL));
        assert_int_equal(info->frames, frames + 1);
        assert_int_equal(info->plaintext_len, plaintext_len);
        kms_envelope_info_free(info);
        expect_stream_reads(&f, out, plaintext, plaintext_len);

        struct kms_envelope_reader *reader = NULL;
        uint8_t part[FULL];
        size_t got = 0;
        f.decrypt.ignore_signature = true;
        assert_ok(kms_envelope_reader_open(in, &f.decrypt, &reader, NULL));
        assert_int_equal(kms_envelope_reader_size(reader), plaintext_len);
        assert_ok(kms_envelope_pread(reader, part, FULL, plaintext_len - FULL, &got, NULL));
        assert_memory_equal(part, plaintext + plaintext_len - FULL, FULL);
        kms_envelope_reader_free(reader);
        (void)close(in);
        (void)close(out);
        free(message);
        free(plaintext);
    }
}

/* Nothing of the last frame goes on when the signature is wrong, though it would have been split. */
static void full_final_frames_are_held(void **state)
{
    (void)state;
    enum { FRAMES = 3 };
    static const uint8_t key[32] = "a data key for tests, 32 bytes.";
    struct given_keyring keyring = given_keyring(kms_bytes(key, sizeof(key)));
    const struct kms_envelope_decrypt_options decrypt = {.keyring = &keyring.base};
    const struct kms_envelope_encrypt_options encrypt = {
        .keyring = &keyring.base, .frame_length = FULL};
    uint8_t *plaintext = pattern(FRAMES * FULL);
    size_t len = 0;
    size_t out_len = 0;
    uint8_t *message = ending_in_a_full_frame(
        &keyring, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, plaintext, FRAMES, &len);
    message[len - 1] ^= 1;
    int in = temp_file(message, len);
    int out = temp_file("", 0);
    struct kms_envelope_info *info = NULL;
    assert_int_equal(kms_envelope_reencrypt_fd(in, out, &decrypt, &encrypt, NULL, NULL, NULL),
        KMS_ERR_AUTHENTICATION);
    uint8_t *made = fd_contents(out, &out_len);
    assert_ok(kms_envelope_inspect(kms_bytes(made, out_len), NULL, &info, NULL));
    assert_int_equal(out_len, info->header_len + (FRAMES - 1) * (FULL + KMS_FRAME_OVERHEAD));
    kms_envelope_info_free(info);
    (void)close(in);
    (void)close(out);
    free(made);
    free(message);
    free(plaintext);
}

static void inspecting_broken_messages(void **state)
{
    (void)state;
    struct fixture f = fixture(100);
    uint8_t *plaintext = pattern(450);
    f.encrypt.suite = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384;
    size_t len = 0;
    uint8_t *message = encrypt_ok(&f.encrypt, plaintext, 450, &len);
    struct kms_envelope_info *info = NULL;
    for (size_t cut = 0; cut < len; cut++) {
        int fd = temp_file(message, cut);
        assert_int_equal(kms_envelope_inspect_fd(fd, true, NULL, &info, NULL), KMS_ERR_TRUNCATED);
        (void)close(fd);
    }
    message = realloc(message, len + 1);
    assert_non_null(message);
    message[len] = 0;
    int fd = temp_file(message, len + 1);
    assert_int_equal(kms_envelope_inspect_fd(fd, true, NULL, &info, NULL), KMS_ERR_TRAILING);
    (void)close(fd);
    assert_null(info);
    free(message);
    free(plaintext);
    kms_keyring_free(f.keyring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(large_signed_files),
        cmocka_unit_test(from_the_position),
        cmocka_unit_test(positions_are_kept),
        cmocka_unit_test(reencryption),
        cmocka_unit_test(reencryption_keeps_unstored_pairs_unstored),
        cmocka_unit_test(reencryption_with_another_context),
        cmocka_unit_test(pipes_and_sockets),
        cmocka_unit_test(inspecting_a_pipe),
        cmocka_unit_test(damage_is_found_as_by_the_stream),
        cmocka_unit_test(damage_is_found_when_reencrypting),
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(a_closed_pipe),
        cmocka_unit_test(descriptors_that_do_not_work),
        cmocka_unit_test(progress),
        cmocka_unit_test(a_non_framed_message),
        cmocka_unit_test(full_final_frames),
        cmocka_unit_test(full_final_frames_are_held),
        cmocka_unit_test(inspecting_broken_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
