/* Key slots: who can open a message, changed in place; and what a crash or an attacker can do to it. */
#include "libkms/base/sha256.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/wire.h"
#include "tests/unit/envelope/support.h"

#include <kms/envelope_range.h>
#include <kms/key_slots.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { FRAME = 64, LEN = 5 * FRAME + 9, ROOM = KMS_SECTION_ROOM_STEP };

static const struct kms_str_pair pairs[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    {KMS_STR_LITERAL("site"), KMS_STR_LITERAL("north")},
};
static const struct kms_str unstored[] = {KMS_STR_LITERAL("site")};

struct fixture {
    struct kms_keyring *a;
    struct kms_keyring *b;
    struct kms_keyring *c;
    uint8_t *plaintext;
    uint8_t *message;
    size_t len;
};

/* A message under a: a signed one, with a pair that is not stored, when that is asked for. */
static struct fixture fixture(bool hard)
{
    struct fixture f = {.a = aes_keyring("a"),
        .b = aes_keyring("b"),
        .c = aes_keyring("c"),
        .plaintext = pattern(LEN)};
    struct kms_envelope_encrypt_options options = {.keyring = f.a,
        .key_slots = true,
        .frame_length = FRAME,
        .context = {.items = pairs, .count = hard ? 2 : 1},
        .unstored_keys = {.items = unstored, .count = hard ? 1 : 0},
        .suite = hard ? KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384 : KMS_SUITE_DEFAULT};
    f.message = encrypt_ok(&options, f.plaintext, LEN, &f.len);
    return f;
}

static void clean_up(struct fixture *f)
{
    kms_keyring_free(f->a);
    kms_keyring_free(f->b);
    kms_keyring_free(f->c);
    free(f->plaintext);
    free(f->message);
}

static struct kms_envelope_decrypt_options opening(const struct kms_keyring *keyring, bool hard)
{
    return (struct kms_envelope_decrypt_options){.keyring = keyring,
        .context = {.items = pairs, .count = 1},
        .unstored_context = {.items = pairs + 1, .count = hard ? 1 : 0},
        .ignore_signature = true};
}

/* Reads it in all the ways that there are, which have to agree. */
static enum kms_err reads(
    const struct fixture *f, struct kms_bytes message, const struct kms_keyring *keyring, bool hard)
{
    const struct kms_envelope_decrypt_options options = opening(keyring, hard);
    struct kms_envelope_failure failure;
    struct kms_envelope_reader *reader = NULL;
    KMS_BUF_AUTO out;
    kms_buf_init(&out, 2 * LEN);
    enum kms_err err = decrypt_in_pieces(&options, message, 0, 0, &out, &failure);
    assert_int_equal(failure.err, err);
    if (err == KMS_OK) {
        assert_int_equal(out.len, LEN);
        assert_memory_equal(out.data, f->plaintext, LEN);
    }
    int fd = temp_file(message.data, message.len);
    assert_int_equal(kms_envelope_verify_fd(fd, &options, NULL, NULL, &failure), err);
    enum kms_err opened = kms_envelope_reader_open(fd, &options, &reader, &failure);
    if (err == KMS_OK) {
        uint8_t part[FRAME];
        size_t got = 0;
        assert_int_equal(opened, KMS_OK);
        assert_ok(kms_envelope_pread(reader, part, FRAME, 2 * FRAME + 7, &got, NULL));
        assert_memory_equal(part, f->plaintext + 2 * FRAME + 7, FRAME);
    }
    kms_envelope_reader_free(reader);
    (void)close(fd);
    return err;
}

static void messages_with_slots_are_read(void **state)
{
    (void)state;
    for (int hard = 0; hard < 2; hard++) {
        struct fixture f = fixture(hard);
        struct kms_bytes message = kms_bytes(f.message, f.len);
        assert_ok(reads(&f, message, f.a, hard));
        assert_int_equal(reads(&f, message, f.b, hard), KMS_ERR_NO_KEY);
        assert_true(kms_envelope_is_message(kms_bytes(f.message, 4)));
        for (size_t piece = 1; piece < 5000; piece = piece * 3 + 1) {
            const struct kms_envelope_decrypt_options options = opening(f.a, hard);
            KMS_BUF_AUTO out;
            kms_buf_init(&out, LEN);
            assert_ok(decrypt_in_pieces(&options, message, piece, 10, &out, NULL));
            assert_int_equal(out.len, LEN);
        }
        struct kms_envelope_info *info = NULL;
        assert_ok(kms_envelope_inspect(message, NULL, &info, NULL));
        assert_int_equal(info->key_slot_count, 1);
        assert_int_equal(info->section_len, KMS_SECTION_PREAMBLE_LEN + 2 * ROOM);
        assert_int_equal(info->edk_count, 1);
        assert_true(kms_str_is(info->edks[0].provider_id, "kms-key-slots"));
        kms_envelope_info_free(info);
        int fd = temp_file(f.message, f.len);
        assert_ok(kms_envelope_inspect_fd(fd, true, NULL, &info, NULL));
        assert_int_equal(info->message_len, f.len);
        assert_int_equal(info->plaintext_len, LEN);
        /* past the section it is a message like any other */
        assert_int_equal(reads(&f,
                             kms_bytes(message.data + info->section_len,
                                 message.len - (size_t)info->section_len),
                             f.a, hard),
            KMS_ERR_NO_KEY);
        kms_envelope_info_free(info);
        (void)close(fd);
        clean_up(&f);
    }
}

static void the_descriptor_helpers_write_them(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    const struct kms_envelope_encrypt_options encrypt = {
        .keyring = f.b, .key_slots = true, .key_slots_room = 9000};
    const struct kms_envelope_decrypt_options decrypt = opening(f.a, false);
    struct kms_envelope_info *info = NULL;
    int in = temp_file(f.message, f.len);
    int out = temp_file("", 0);
    size_t len = 0;
    assert_ok(kms_envelope_reencrypt_fd(in, out, &decrypt, &encrypt, NULL, &info, NULL));
    uint8_t *message = fd_contents(out, &len);
    assert_int_equal(info->message_len, len);
    assert_int_equal(info->section_len, 4096 + 2 * 12288);
    assert_ok(reads(&f, kms_bytes(message, len), f.b, false));
    kms_envelope_info_free(info);
    free(message);
    (void)close(in);
    (void)close(out);
    clean_up(&f);
}

/* --- edits ------------------------------------------------------------------------------------ */

static enum kms_err edit(int fd, const struct kms_keyring *opener, const struct kms_keyring *adder,
    uint32_t remove, bool hard, struct kms_key_slots **out)
{
    const struct kms_key_slots_edit one = {.opener = opener,
        .adder = adder,
        .remove = &remove,
        .remove_count = remove == 0 ? 0 : 1,
        .unstored_context = {.items = pairs + 1, .count = hard ? 1 : 0}};
    struct kms_envelope_failure failure;
    enum kms_err err = kms_key_slots_edit(fd, &one, out, &failure);
    assert_int_equal(failure.err, err);
    return err;
}

/* Whether bytes occur anywhere in the file. */
static bool occurs(int fd, struct kms_bytes what)
{
    size_t len = 0;
    uint8_t *data = fd_contents(fd, &len);
    bool found = memmem(data, len, what.data, what.len) != NULL;
    free(data);
    return found;
}

static void expect_reads(const struct fixture *f, int fd, bool a, bool b, bool c, bool hard)
{
    size_t len = 0;
    uint8_t *data = fd_contents(fd, &len);
    const struct kms_bytes message = kms_bytes(data, len);
    assert_int_equal(reads(f, message, f->a, hard), a ? KMS_OK : KMS_ERR_NO_KEY);
    assert_int_equal(reads(f, message, f->b, hard), b ? KMS_OK : KMS_ERR_NO_KEY);
    assert_int_equal(reads(f, message, f->c, hard), c ? KMS_OK : KMS_ERR_NO_KEY);
    size_t section = KMS_SECTION_PREAMBLE_LEN + 2 * ROOM;
    assert_int_equal(len, f->len);
    assert_memory_equal(data + section, f->message + section, len - section); /* not touched */
    free(data);
}

static void edits(void **state)
{
    (void)state;
    for (int hard = 0; hard < 2; hard++) {
        struct fixture f = fixture(hard);
        struct kms_key_slots *slots = NULL;
        int fd = temp_file(f.message, f.len);
        assert_ok(kms_key_slots_list(fd, &slots, NULL));
        assert_int_equal(slots->count, 1);
        assert_int_equal(slots->sequence, 1);
        assert_int_equal(slots->slots[0].id, 1);
        assert_true(slots->slots[0].added_ms > 1000000000000);
        assert_false(slots->authenticated);
        struct kms_bytes first = slots->slots[0].edk.ciphertext;
        assert_true(occurs(fd, first));

        struct kms_key_slots *now = NULL;
        assert_ok(edit(fd, f.a, f.b, 0, hard, &now)); /* add */
        assert_int_equal(now->count, 2);
        assert_int_equal(now->slots[1].id, 2);
        assert_int_equal(now->sequence, 2);
        assert_true(now->authenticated);
        kms_key_slots_free(now);
        expect_reads(&f, fd, true, true, false, hard);

        assert_ok(edit(fd, f.b, NULL, 1, hard, NULL)); /* remove */
        assert_false(occurs(fd, first));
        expect_reads(&f, fd, false, true, false, hard);
        assert_int_equal(edit(fd, f.a, f.c, 0, hard, NULL), KMS_ERR_NO_KEY);

        assert_ok(edit(fd, f.b, f.c, 2, hard, &now)); /* replace */
        assert_int_equal(now->count, 1);
        assert_int_equal(now->slots[0].id, 3); /* ids are not used again */
        assert_int_equal(now->sequence, 4);
        kms_key_slots_free(now);
        expect_reads(&f, fd, false, false, true, hard);

        assert_int_equal(edit(fd, f.c, NULL, 3, hard, NULL), KMS_ERR_INVALID_ARGUMENT);
        assert_int_equal(edit(fd, f.c, NULL, 7, hard, NULL), KMS_ERR_NOT_FOUND);
        assert_int_equal(edit(fd, f.c, NULL, 0, hard, NULL), KMS_ERR_INVALID_ARGUMENT);
        expect_reads(&f, fd, false, false, true, hard);
        kms_key_slots_free(slots);
        (void)close(fd);
        clean_up(&f);
    }
}

static void the_plain_verbs(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    int fd = temp_file(f.message, f.len);
    assert_ok(kms_key_slots_add(fd, f.a, f.b, NULL, NULL));
    expect_reads(&f, fd, true, true, false, false);
    assert_ok(kms_key_slots_replace(fd, f.b, 1, f.c, NULL, NULL));
    expect_reads(&f, fd, false, true, true, false);
    assert_ok(kms_key_slots_remove(fd, f.c, 2, NULL, NULL));
    expect_reads(&f, fd, false, false, true, false);
    (void)close(fd);
    clean_up(&f);
}

static void room_and_numbers_are_limited(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    int fd = temp_file(f.message, f.len);
    enum kms_err err = KMS_OK;
    size_t added = 0;
    while (err == KMS_OK && ++added < 100)
        err = kms_key_slots_add(fd, f.a, f.b, NULL, NULL);
    assert_int_equal(err, KMS_ERR_LIMIT);
    assert_true(added > 20);
    expect_reads(&f, fd, true, true, false, false); /* and nothing is broken */
    (void)close(fd);
    clean_up(&f);
}

static void other_files_and_editors(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    struct kms_key_slots *slots = NULL;
    struct kms_envelope_failure failure;
    int fd = temp_file("not a message at all, but long enough to be one", 47);
    assert_int_equal(kms_key_slots_list(fd, &slots, &failure), KMS_ERR_NOT_FOUND);
    (void)close(fd);
    char path[] = "/tmp/key-slots.XXXXXX";
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f.message, f.len), (ssize_t)f.len);
    int other = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    assert_int_equal(kms_key_slots_add(fd, f.a, f.b, NULL, &failure), KMS_ERR_BUSY);
    (void)close(other);
    assert_ok(kms_key_slots_add(fd, f.a, f.b, NULL, &failure));
    int read_only = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(kms_key_slots_add(read_only, f.a, f.c, NULL, &failure), KMS_ERR_IO);
    expect_reads(&f, fd, true, true, false, false);
    (void)close(read_only);
    (void)close(fd);
    (void)unlink(path);
    clean_up(&f);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* An edit that stopped after any number of bytes of either of its two writes, or that left any single
 * sector of what it was writing as it was. */
static void a_crash_leaves_the_old_or_the_new(void **state)
{
    (void)state;
    enum { SECTOR = 512 };
    struct fixture f = fixture(false);
    int fd = temp_file(f.message, f.len);
    assert_ok(kms_key_slots_add(fd, f.a, f.b, NULL, NULL)); /* copies alike, the first counts */
    size_t len = 0;
    uint8_t *before = fd_contents(fd, &len);
    assert_ok(kms_key_slots_replace(fd, f.a, 1, f.c, NULL, NULL));
    uint8_t *after = fd_contents(fd, &len);
    uint8_t *torn = malloc(len);
    assert_non_null(torn);
    const size_t first = KMS_SECTION_PREAMBLE_LEN + ROOM; /* where the first write goes */
    const size_t second = KMS_SECTION_PREAMBLE_LEN;
    for (size_t cut = 0; cut <= ROOM; cut += SECTOR) {
        memcpy(torn, before, len);
        memcpy(torn + first, after + first, cut);
        bool is_new = cut == ROOM;
        assert_int_equal(
            reads(&f, kms_bytes(torn, len), f.a, false), is_new ? KMS_ERR_NO_KEY : KMS_OK);
        assert_int_equal(
            reads(&f, kms_bytes(torn, len), f.c, false), is_new ? KMS_OK : KMS_ERR_NO_KEY);
        memcpy(torn + first, after + first, ROOM);
        memcpy(torn + second, after + second, cut);
        assert_ok(reads(&f, kms_bytes(torn, len), f.c, false));
        assert_int_equal(reads(&f, kms_bytes(torn, len), f.a, false), KMS_ERR_NO_KEY);
    }
    for (size_t cut = 1; cut < ROOM; cut += 97) { /* editing goes on from there */
        memcpy(torn, before, len);
        memcpy(torn + first, after + first, cut);
        int again = temp_file(torn, len);
        assert_ok(kms_key_slots_replace(again, f.b, 1, f.c, NULL, NULL));
        expect_reads(&f, again, false, true, true, false);
        (void)close(again);
    }
    free(torn);
    free(before);
    free(after);
    (void)close(fd);
    clean_up(&f);
}

/* Writes over a range of the file. */
static void put_back(int fd, const uint8_t *from, size_t offset, size_t len)
{
    assert_int_equal(pwrite(fd, from + offset, len, (off_t)offset), (ssize_t)len);
}

static void expect_copies(int fd, bool alike, uint64_t sequence)
{
    struct kms_key_slots *slots = NULL;
    assert_ok(kms_key_slots_list(fd, &slots, NULL));
    assert_int_equal(slots->copies_alike, alike);
    assert_int_equal(slots->sequence, sequence);
    kms_key_slots_free(slots);
}

/* A removal that stopped between its two writes, or within the second one, is ended without any key:
 * then the removed slot is nowhere, also when the copy that counted is damaged later. */
static void settling_ends_an_interrupted_edit(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    const size_t first = KMS_SECTION_PREAMBLE_LEN + ROOM; /* where the first write goes */
    const size_t second = KMS_SECTION_PREAMBLE_LEN;
    struct kms_key_slots *slots = NULL;
    int fd = temp_file(f.message, f.len);
    assert_ok(kms_key_slots_add(fd, f.a, f.b, NULL, NULL));
    size_t len = 0;
    uint8_t *before = fd_contents(fd, &len);
    assert_ok(kms_key_slots_list(fd, &slots, NULL));
    struct kms_bytes removed = slots->slots[1].edk.ciphertext;
    assert_ok(kms_key_slots_remove(fd, f.a, 2, NULL, NULL));
    uint8_t *after = fd_contents(fd, &len);
    expect_copies(fd, true, 3);
    for (size_t cut = 0; cut < ROOM; cut += ROOM / 2) { /* of the second write */
        put_back(fd, after, 0, len);
        put_back(fd, before, second + cut, ROOM - cut);
        expect_copies(fd, false, 3);
        assert_ok(kms_key_slots_settle(fd, NULL, NULL));
        expect_copies(fd, true, 3);
        assert_false(occurs(fd, removed));
        expect_reads(&f, fd, true, false, false, false);
        assert_int_equal(pwrite(fd, "X", 1, (off_t)first + 20), 1); /* damage */
        expect_reads(&f, fd, true, false, false, false);
    }
    put_back(fd, before, 0, len); /* one that stopped within its first write: the old state holds */
    put_back(fd, after, first, ROOM / 2);
    expect_copies(fd, false, 2);
    assert_ok(kms_key_slots_settle(fd, NULL, NULL));
    expect_copies(fd, true, 2);
    expect_reads(&f, fd, true, true, false, false);
    kms_key_slots_free(slots);
    free(before);
    free(after);
    (void)close(fd);
    clean_up(&f);
}

static void settling_leaves_all_else_alone(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    struct kms_key_slots *slots = NULL;
    struct kms_envelope_failure failure;
    size_t len = 0;
    int fd = temp_file("not a message at all, but long enough to be one", 47);
    assert_int_equal(kms_key_slots_settle(fd, &slots, &failure), KMS_ERR_NOT_FOUND);
    assert_int_equal(failure.err, KMS_ERR_NOT_FOUND);
    (void)close(fd);
    char path[] = "/tmp/key-slots.XXXXXX";
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, f.message, f.len), (ssize_t)f.len);
    int read_only = open(path, O_RDONLY | O_CLOEXEC);
    assert_ok(kms_key_slots_settle(read_only, &slots, NULL)); /* nothing to write */
    assert_true(slots->copies_alike);
    assert_int_equal(slots->count, 1);
    kms_key_slots_free(slots);
    uint8_t *now = fd_contents(fd, &len);
    assert_int_equal(len, f.len);
    assert_memory_equal(now, f.message, len);
    free(now);
    assert_int_equal(pwrite(fd, "X", 1, KMS_SECTION_PREAMBLE_LEN + 20), 1);
    assert_int_equal(kms_key_slots_settle(read_only, NULL, &failure), KMS_ERR_IO);
    assert_int_equal(flock(read_only, LOCK_EX), 0);
    assert_int_equal(kms_key_slots_settle(fd, NULL, &failure), KMS_ERR_BUSY);
    (void)close(read_only);
    assert_ok(kms_key_slots_settle(fd, NULL, &failure));
    now = fd_contents(fd, &len);
    assert_memory_equal(now, f.message, len);
    free(now);
    (void)close(fd);
    (void)unlink(path);
    clean_up(&f);
}

/* --- attackers -------------------------------------------------------------------------------- */

/* Makes the checksum of a copy right again. */
static void reseal(uint8_t *message, unsigned which)
{
    uint8_t bytes[KMS_SECTION_HEAD_LEN + ROOM];
    uint8_t *copy = message + KMS_SECTION_PREAMBLE_LEN + which * ROOM;
    memcpy(bytes, message, KMS_SECTION_HEAD_LEN);
    memcpy(bytes + KMS_SECTION_HEAD_LEN, copy, ROOM);
    assert_ok(kms_sha256(
        kms_bytes(bytes, sizeof(bytes) - KMS_SHA256_SIZE), copy + ROOM - KMS_SHA256_SIZE));
}

static void altered_sections_are_refused(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    uint8_t *message = malloc(f.len);
    assert_non_null(message);
    const size_t step = 3; /* every bit would take long under the sanitizers */
    struct kms_key_slots *slots = NULL;
    int fd = temp_file(f.message, f.len);
    assert_ok(kms_key_slots_list(fd, &slots, NULL));
    size_t used = slots->used;
    for (size_t bit = 0; bit < ROOM * 8; bit += step) {
        size_t at = bit / 8;
        if (at > used && at < ROOM - 2 * KMS_SHA256_SIZE - 8 && at % 512 != 0)
            continue; /* zeros, one like another */
        memcpy(message, f.message, f.len);
        message[KMS_SECTION_PREAMBLE_LEN + at] ^= (uint8_t)(1u << (bit % 8));
        if (bit % 61 == 0) /* damage: the other copy counts */
            assert_ok(reads(&f, kms_bytes(message, f.len), f.a, false));
        /* malice: the checksum is right, and so is the number; only the HMAC is not */
        memset(message + KMS_SECTION_PREAMBLE_LEN + ROOM, 0, ROOM);
        reseal(message, 0);
        const struct kms_envelope_decrypt_options options = opening(f.a, false);
        KMS_BUF_AUTO out;
        kms_buf_init(&out, LEN);
        enum kms_err err = decrypt_in_pieces(&options, kms_bytes(message, f.len), 0, 0, &out, NULL);
        if (at < ROOM - KMS_SHA256_SIZE)
            assert_true(err != KMS_OK && out.len == 0);
    }
    kms_key_slots_free(slots);
    (void)close(fd);
    free(message);
    clean_up(&f);
}

static void sections_of_other_files_are_refused(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    struct fixture g = fixture(false);
    const size_t section = KMS_SECTION_PREAMBLE_LEN + 2 * ROOM;
    uint8_t *mixed = malloc(f.len);
    assert_non_null(mixed);
    memcpy(mixed, f.message, f.len);
    memcpy(mixed, g.message, section); /* the whole section: opens, but not this message */
    assert_true(reads(&f, kms_bytes(mixed, f.len), f.a, false) != KMS_OK);
    memcpy(mixed, f.message, f.len);
    memcpy(
        mixed + KMS_SECTION_PREAMBLE_LEN, g.message + KMS_SECTION_PREAMBLE_LEN, 2 * (size_t)ROOM);
    reseal(mixed, 0);
    reseal(mixed, 1); /* the copies alone: bound to their file by context and HMAC */
    assert_true(reads(&f, kms_bytes(mixed, f.len), f.a, false) != KMS_OK);
    memcpy(mixed, f.message, f.len);
    memset(mixed + KMS_SECTION_PREAMBLE_LEN, 0xff, 2 * (size_t)ROOM);
    assert_int_equal(reads(&f, kms_bytes(mixed, f.len), f.a, false), KMS_ERR_CORRUPT);
    for (size_t cut = 0; cut < section + 40; cut += 13)
        assert_int_equal(reads(&f, kms_bytes(f.message, cut), f.a, false), KMS_ERR_TRUNCATED);
    free(mixed);
    clean_up(&f);
    clean_up(&g);
}

static void preambles_are_checked(void **state)
{
    (void)state;
    struct fixture f = fixture(false);
    for (size_t at = 0; at < KMS_SECTION_PREAMBLE_LEN; at += at < 40 ? 1 : 251) {
        f.message[at] ^= 0x10;
        assert_true(reads(&f, kms_bytes(f.message, f.len), f.a, false) != KMS_OK);
        f.message[at] ^= 0x10;
    }
    f.message[11] = 2;
    assert_int_equal(reads(&f, kms_bytes(f.message, f.len), f.a, false), KMS_ERR_UNSUPPORTED);
    clean_up(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_with_slots_are_read),
        cmocka_unit_test(the_descriptor_helpers_write_them),
        cmocka_unit_test(edits),
        cmocka_unit_test(the_plain_verbs),
        cmocka_unit_test(room_and_numbers_are_limited),
        cmocka_unit_test(other_files_and_editors),
        cmocka_unit_test(a_crash_leaves_the_old_or_the_new),
        cmocka_unit_test(settling_ends_an_interrupted_edit),
        cmocka_unit_test(settling_leaves_all_else_alone),
        cmocka_unit_test(altered_sections_are_refused),
        cmocka_unit_test(sections_of_other_files_are_refused),
        cmocka_unit_test(preambles_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
