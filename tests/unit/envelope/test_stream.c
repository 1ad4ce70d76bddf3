/* The streams: round trips, and everything that a reader must refuse. */
#include "libkms/envelope/encryptor.h"
#include "libkms/envelope/wire.h"
#include "tests/unit/envelope/support.h"

#include <stdlib.h>

enum { FRAME = 16, SMALL = 2 * FRAME + 5, BIG = 1 << 20 };

static const uint8_t data_key[32] = "a data key for tests, 32 bytes.";
static const uint8_t message_id[32] = "a message id for tests, 32 byte";

static const enum kms_envelope_suite all_suites[] = {
    KMS_SUITE_AES_128_GCM_NO_KDF,
    KMS_SUITE_AES_192_GCM_NO_KDF,
    KMS_SUITE_AES_256_GCM_NO_KDF,
    KMS_SUITE_AES_128_GCM_HKDF_SHA256,
    KMS_SUITE_AES_192_GCM_HKDF_SHA256,
    KMS_SUITE_AES_256_GCM_HKDF_SHA256,
    KMS_SUITE_AES_128_GCM_HKDF_SHA256_ECDSA_P256,
    KMS_SUITE_AES_192_GCM_HKDF_SHA384_ECDSA_P384,
    KMS_SUITE_AES_256_GCM_HKDF_SHA384_ECDSA_P384,
    KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT,
    KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384,
};
enum { SUITES = sizeof(all_suites) / sizeof(all_suites[0]) };

static enum kms_commitment_policy policy_to_write(enum kms_envelope_suite suite)
{
    return suite == KMS_SUITE_DEFAULT || kms_suite_commits(kms_suite_find((unsigned)suite))
               ? KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT
               : KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT;
}

/* A small message of three frames, and what is needed to read it. */
struct fixture {
    struct kms_keyring *keyring;
    struct kms_envelope_encrypt_options encrypt;
    struct kms_envelope_decrypt_options decrypt;
    uint8_t *plaintext;
    uint8_t *message;
    size_t len;
    size_t header_len;
    size_t frame_at[4]; /* where the frames begin, and where the last one ends */
};

static const struct kms_str_pair pairs[] = {
    {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("backup")},
    {KMS_STR_LITERAL("age"), KMS_STR_LITERAL("12")},
};

static struct fixture small_message(enum kms_envelope_suite suite)
{
    struct fixture f = {.keyring = aes_keyring("k"), .plaintext = pattern(SMALL)};
    f.encrypt = (struct kms_envelope_encrypt_options){.keyring = f.keyring,
        .context = {.items = pairs, .count = 2},
        .suite = suite,
        .policy = policy_to_write(suite),
        .frame_length = FRAME};
    f.decrypt = (struct kms_envelope_decrypt_options){
        .keyring = f.keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
    f.message = encrypt_ok(&f.encrypt, f.plaintext, SMALL, &f.len);
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(f.message, f.len), NULL, &info, NULL));
    f.header_len = (size_t)info->header_len;
    kms_envelope_info_free(info);
    for (size_t i = 0; i < 3; i++)
        f.frame_at[i] = f.header_len + i * (FRAME + 32);
    f.frame_at[3] = f.frame_at[2] + 40 + SMALL % FRAME;
    return f;
}

static void free_fixture(struct fixture *f)
{
    kms_keyring_free(f->keyring);
    free(f->plaintext);
    free(f->message);
}

/* How much plaintext the whole frames before an offset hold. */
static size_t plaintext_before(const struct fixture *f, size_t offset)
{
    if (offset >= f->frame_at[3])
        return SMALL;
    if (offset >= f->frame_at[2])
        return (size_t)2 * FRAME;
    return offset >= f->frame_at[1] ? FRAME : 0;
}

/* --- round trips ------------------------------------------------------------------------------ */

static void round_trip(const struct kms_keyring *keyring, enum kms_envelope_suite suite, size_t len)
{
    struct kms_envelope_encrypt_options encrypt = {.keyring = keyring,
        .suite = suite,
        .policy = policy_to_write(suite),
        .frame_length = FRAME};
    struct kms_envelope_decrypt_options decrypt = {
        .keyring = keyring, .policy = KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT};
    uint8_t *plaintext = pattern(len);
    uint8_t *message = NULL;
    uint8_t *out = NULL;
    size_t message_len = 0;
    size_t out_len = 0;
    struct kms_envelope_info *written = NULL;
    struct kms_envelope_info *read = NULL;
    assert_ok(kms_envelope_encrypt(
        &encrypt, kms_bytes(plaintext, len), &message, &message_len, &written, NULL));
    assert_ok(kms_envelope_decrypt(
        &decrypt, kms_bytes(message, message_len), &out, &out_len, &read, NULL));
    assert_int_equal(out_len, len);
    assert_memory_equal(out, plaintext, len);
    size_t frames = len / FRAME + 1; /* a whole number of full ones ends in an empty one */
    const struct kms_envelope_info *infos[] = {written, read};
    for (size_t i = 0; i < 2; i++) {
        assert_true(infos[i]->authenticated && infos[i]->counted && infos[i]->framed);
        assert_int_equal(infos[i]->suite, suite);
        assert_int_equal(infos[i]->frames, frames);
        assert_int_equal(infos[i]->plaintext_len, len);
        assert_int_equal(infos[i]->message_len, message_len);
    }
    kms_envelope_info_free(written);
    kms_envelope_info_free(read);
    kms_envelope_buffer_free(message, message_len);
    kms_envelope_buffer_free(out, out_len);
    free(plaintext);
}

static void round_trips_of_every_suite(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 7 * FRAME + 3};
    struct kms_keyring *keyring = aes_keyring("k");
    for (size_t s = 0; s < SUITES; s++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            round_trip(keyring, all_suites[s], sizes[i]);
    }
    kms_keyring_free(keyring);
}

static void defaults_make_a_committing_message(void **state)
{
    (void)state;
    struct kms_keyring *keyring = aes_keyring("k");
    struct kms_envelope_encrypt_options encrypt = {.keyring = keyring};
    size_t len = 0;
    struct kms_envelope_info *info = NULL;
    uint8_t *message = encrypt_ok(&encrypt, "x", 1, &len);
    assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
    assert_int_equal(info->version, 2);
    assert_int_equal(info->suite, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT);
    assert_int_equal(info->frame_length, KMS_ENVELOPE_FRAME_LENGTH_DEFAULT);
    assert_true(info->committing && !info->is_signed && !info->authenticated);
    assert_int_equal(info->context.count, 0);
    assert_int_equal(info->message_id.len, 32);
    assert_true(kms_envelope_is_message(kms_bytes(message, 4)));
    kms_envelope_info_free(info);
    free(message);
    kms_keyring_free(keyring);
}

static struct kms_envelope_encryptor *fixed_encryptor(struct given_keyring *keyring)
{
    struct kms_envelope_encrypt_options options = {
        .keyring = &keyring->base, .frame_length = FRAME};
    struct kms_message message = {0};
    struct kms_envelope_encryptor *encryptor = NULL;
    assert_ok(
        kms_message_create(&options, kms_bytes(message_id, sizeof(message_id)), &message, NULL));
    assert_ok(kms_encryptor_from_message(&message, &encryptor));
    return encryptor;
}

static void any_division_gives_the_same_bytes(void **state)
{
    (void)state;
    static const size_t pieces[] = {
        0, 1, 2, 7, FRAME, FRAME + 1, FRAME + 20, FRAME + KMS_FRAME_OVERHEAD, 100};
    enum { PIECES = sizeof(pieces) / sizeof(pieces[0]), LEN = 5 * FRAME };
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    struct kms_envelope_decrypt_options decrypt = {.keyring = &keyring.base};
    uint8_t *plaintext = pattern(LEN);
    KMS_BUF_AUTO first;
    kms_buf_init(&first, BIG);
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t o = 0; o < PIECES; o++) {
            KMS_BUF_AUTO message;
            KMS_BUF_AUTO out;
            kms_buf_init(&message, BIG);
            kms_buf_init(&out, BIG);
            struct kms_envelope_encryptor *encryptor = fixed_encryptor(&keyring);
            assert_ok(encrypt_in_pieces(
                encryptor, kms_bytes(plaintext, LEN), pieces[i], pieces[o], &message));
            kms_envelope_encryptor_free(encryptor);
            if (first.len == 0)
                kms_buf_append(&first, message.data, message.len);
            assert_int_equal(message.len, first.len);
            assert_memory_equal(message.data, first.data, first.len);
            assert_ok(decrypt_in_pieces(
                &decrypt, kms_buf_bytes(&message), pieces[i], pieces[o], &out, NULL));
            assert_int_equal(out.len, LEN);
            assert_memory_equal(out.data, plaintext, LEN);
        }
    }
    free(plaintext);
}

/* The signature is over a frame in the order of its bytes, also when only a part of it has room. */
static void a_signed_message_verifies_with_any_room(void **state)
{
    (void)state;
    enum { LEN = 4 * FRAME + 5 };
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    const struct kms_envelope_encrypt_options encrypt = {.keyring = &keyring.base,
        .frame_length = FRAME,
        .suite = KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384};
    const struct kms_envelope_decrypt_options decrypt = {.keyring = &keyring.base};
    uint8_t *plaintext = pattern(LEN);
    for (size_t room = 1; room < 3 * (FRAME + KMS_FRAME_OVERHEAD); room += 3) {
        KMS_BUF_AUTO message;
        KMS_BUF_AUTO out;
        kms_buf_init(&message, BIG);
        kms_buf_init(&out, BIG);
        struct kms_envelope_encryptor *encryptor = NULL;
        assert_ok(kms_envelope_encryptor_new(&encrypt, &encryptor, NULL));
        assert_ok(encrypt_in_pieces(encryptor, kms_bytes(plaintext, LEN), 0, room, &message));
        kms_envelope_encryptor_free(encryptor);
        assert_ok(decrypt_in_pieces(&decrypt, kms_buf_bytes(&message), 0, room, &out, NULL));
        assert_int_equal(out.len, LEN);
        assert_memory_equal(out.data, plaintext, LEN);
    }
    free(plaintext);
}

/* --- refusing --------------------------------------------------------------------------------- */

/* What was released of a damaged message is whole frames of the original before the damage, and a
 * signed message's last frame is not among them. */
static void check_released(
    const struct fixture *f, const struct kms_buf *released, size_t damage_at, bool is_signed)
{
    size_t most = plaintext_before(f, damage_at);
    if (is_signed && most > (size_t)2 * FRAME)
        most = (size_t)2 * FRAME;
    assert_true(released->len <= most);
    assert_true(released->len % FRAME == 0 || released->len == SMALL);
    if (released->len > 0)
        assert_memory_equal(released->data, f->plaintext, released->len);
}

static void flip_every_bit(enum kms_envelope_suite suite, bool is_signed)
{
    struct fixture f = small_message(suite);
    for (size_t bit = 0; bit < f.len * 8; bit++) {
        KMS_BUF_AUTO released;
        kms_buf_init(&released, BIG);
        f.message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum kms_err err =
            decrypt_in_pieces(&f.decrypt, kms_bytes(f.message, f.len), 0, 0, &released, NULL);
        if (err == KMS_OK)
            fail_msg("bit %zu of byte %zu may be flipped", bit % 8, bit / 8);
        check_released(&f, &released, bit / 8, is_signed);
        f.message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free_fixture(&f);
}

static void every_bit_matters(void **state)
{
    (void)state;
    flip_every_bit(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, false);
    flip_every_bit(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, true);
    flip_every_bit(KMS_SUITE_AES_128_GCM_NO_KDF, false);
    flip_every_bit(KMS_SUITE_AES_128_GCM_HKDF_SHA256_ECDSA_P256, true);
}

static void cut_everywhere(enum kms_envelope_suite suite, bool is_signed)
{
    struct fixture f = small_message(suite);
    for (size_t len = 0; len < f.len; len++) {
        KMS_BUF_AUTO released;
        struct kms_envelope_failure failure;
        kms_buf_init(&released, BIG);
        assert_int_equal(
            decrypt_in_pieces(&f.decrypt, kms_bytes(f.message, len), 0, 0, &released, &failure),
            KMS_ERR_TRUNCATED);
        check_released(&f, &released, len, is_signed);
        assert_true(failure.offset <= len);
        if (len >= f.frame_at[1] && len < f.frame_at[2]) {
            assert_int_equal(failure.frame, 2);
            assert_int_equal(failure.offset, f.frame_at[1]);
        }
    }
    free_fixture(&f);
}

static void every_truncation_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++)
        cut_everywhere(all_suites[i], kms_suite_find((unsigned)all_suites[i])->signature != NULL);
}

static void nothing_may_follow(void **state)
{
    (void)state;
    for (size_t i = 0; i < SUITES; i++) {
        struct fixture f = small_message(all_suites[i]);
        uint8_t *longer = malloc(f.len + 1);
        assert_non_null(longer);
        memcpy(longer, f.message, f.len);
        longer[f.len] = 0;
        KMS_BUF_AUTO released;
        struct kms_envelope_failure failure;
        kms_buf_init(&released, BIG);
        assert_int_equal(
            decrypt_in_pieces(&f.decrypt, kms_bytes(longer, f.len + 1), 0, 0, &released, &failure),
            KMS_ERR_TRAILING);
        assert_int_equal(failure.offset, f.len);
        free(longer);
        free_fixture(&f);
    }
}

/* Puts a message together from pieces of one. */
struct piece {
    size_t from;
    size_t to;
};

static enum kms_err decrypt_pieces_of(
    const struct fixture *f, const struct piece *pieces, size_t count, struct kms_buf *released)
{
    KMS_BUF_AUTO message;
    kms_buf_init(&message, BIG);
    kms_buf_append(&message, f->message, f->header_len);
    for (size_t i = 0; i < count; i++)
        kms_buf_append(&message, f->message + pieces[i].from, pieces[i].to - pieces[i].from);
    return decrypt_in_pieces(&f->decrypt, kms_buf_bytes(&message), 0, 0, released, NULL);
}

static void frames_stay_in_their_places(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_DEFAULT);
    const struct piece one = {f.frame_at[0], f.frame_at[1]};
    const struct piece two = {f.frame_at[1], f.frame_at[2]};
    const struct piece last = {f.frame_at[2], f.frame_at[3]};
    const struct {
        struct piece pieces[4];
        size_t count;
        size_t released;
        enum kms_err err;
    } cases[] = {
        {{one, two, last}, 3, SMALL, KMS_OK},
        {{two, one, last}, 3, 0, KMS_ERR_SYNTAX},             /* swapped */
        {{one, one, two, last}, 4, FRAME, KMS_ERR_SYNTAX},    /* repeated */
        {{two, last}, 2, 0, KMS_ERR_SYNTAX},                  /* the first is missing */
        {{one, last}, 2, FRAME, KMS_ERR_SYNTAX},              /* the second is missing */
        {{one, two}, 2, 2 * FRAME, KMS_ERR_TRUNCATED},        /* the last is missing */
        {{last}, 1, 0, KMS_ERR_SYNTAX},                       /* only the last */
        {{one, two, last, last}, 4, SMALL, KMS_ERR_TRAILING}, /* the last is repeated */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO released;
        kms_buf_init(&released, BIG);
        assert_int_equal(
            decrypt_pieces_of(&f, cases[i].pieces, cases[i].count, &released), cases[i].err);
        assert_int_equal(released.len, cases[i].released);
    }
    free_fixture(&f);
}

/* Renumbering a frame, or calling it the final one, does not help: both are under the tag. */
static void frames_cannot_be_relabelled(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_DEFAULT);
    KMS_BUF_AUTO message;
    KMS_BUF_AUTO released;
    kms_buf_init(&message, BIG);
    kms_buf_init(&released, BIG);
    kms_buf_append(&message, f.message, f.header_len);
    kms_buf_append(&message, f.message + f.frame_at[1], FRAME + 32);
    kms_store_u32(message.data + f.header_len, 1);
    assert_int_equal(decrypt_in_pieces(&f.decrypt, kms_buf_bytes(&message), 0, 0, &released, NULL),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(released.len, 0);

    kms_buf_reset(&message); /* the first frame as the final one */
    kms_buf_append(&message, f.message, f.header_len);
    kms_buf_append_u32(&message, UINT32_MAX);
    kms_buf_append(&message, f.message + f.frame_at[0], 16);
    kms_buf_append_u32(&message, FRAME);
    kms_buf_append(&message, f.message + f.frame_at[0] + 16, FRAME + 16);
    assert_int_equal(decrypt_in_pieces(&f.decrypt, kms_buf_bytes(&message), 0, 0, &released, NULL),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(released.len, 0);
    free_fixture(&f);
}

/* Two messages under one data key: the message id keeps their frames apart. */
static void frames_stay_in_their_message(void **state)
{
    (void)state;
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    struct kms_envelope_encrypt_options encrypt = {.keyring = &keyring.base,
        .suite = KMS_SUITE_AES_256_GCM_NO_KDF,
        .policy = KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT,
        .frame_length = FRAME};
    struct kms_envelope_decrypt_options decrypt = {
        .keyring = &keyring.base, .policy = KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT};
    size_t a_len = 0;
    size_t b_len = 0;
    uint8_t *a = encrypt_ok(&encrypt, "one", 3, &a_len);
    uint8_t *b = encrypt_ok(&encrypt, "two", 3, &b_len);
    assert_int_equal(a_len, b_len);
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(a, a_len), NULL, &info, NULL));
    memcpy(a + info->header_len, b + info->header_len, a_len - info->header_len);
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    assert_int_equal(decrypt_in_pieces(&decrypt, kms_bytes(a, a_len), 0, 0, &released, NULL),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(released.len, 0);
    kms_envelope_info_free(info);
    free(a);
    free(b);
}

/* The last frame of a signed message appears only once its signature has been seen. */
static void signed_messages_hold_the_last_frame(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384);
    struct kms_envelope_decryptor *decryptor = NULL;
    uint8_t space[SMALL];
    struct kms_room room = {space, sizeof(space)};
    bool done = false;
    assert_ok(kms_envelope_decryptor_new(&f.decrypt, &decryptor, NULL));
    struct kms_bytes in = kms_bytes(f.message, f.len - 1);
    assert_ok(kms_envelope_decryptor_step(decryptor, &in, false, &room, &done, NULL));
    assert_int_equal(sizeof(space) - room.len, 2 * FRAME);
    assert_false(done);
    in = kms_bytes(f.message + f.len - 1, 1);
    assert_ok(kms_envelope_decryptor_step(decryptor, &in, true, &room, &done, NULL));
    assert_int_equal(room.len, 0);
    assert_true(done);
    assert_memory_equal(space, f.plaintext, SMALL);
    kms_envelope_decryptor_free(decryptor);

    f.decrypt.refuse_signed = true;
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    assert_int_equal(
        decrypt_in_pieces(&f.decrypt, kms_bytes(f.message, f.header_len), 0, 0, &released, NULL),
        KMS_ERR_POLICY);
    free_fixture(&f);
}

static void errors_stay(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_DEFAULT);
    struct kms_envelope_decryptor *decryptor = NULL;
    struct kms_envelope_failure failure;
    uint8_t space[SMALL];
    struct kms_room room = {space, sizeof(space)};
    bool done = false;
    f.message[f.frame_at[1] + 20] ^= 1;
    assert_ok(kms_envelope_decryptor_new(&f.decrypt, &decryptor, NULL));
    assert_null(kms_envelope_decryptor_info(decryptor));
    struct kms_bytes in = kms_bytes(f.message, f.len);
    assert_int_equal(kms_envelope_decryptor_step(decryptor, &in, true, &room, &done, &failure),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(failure.err, KMS_ERR_AUTHENTICATION);
    assert_int_equal(failure.frame, 2);
    assert_int_equal(failure.offset, f.frame_at[1]);
    assert_int_equal(sizeof(space) - room.len, FRAME);
    in = kms_bytes(f.message + f.frame_at[2], f.len - f.frame_at[2]);
    assert_int_equal(kms_envelope_decryptor_step(decryptor, &in, true, &room, &done, &failure),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(sizeof(space) - room.len, FRAME);
    assert_true(kms_envelope_decryptor_info(decryptor)->authenticated);
    assert_false(done);
    kms_envelope_decryptor_free(decryptor);
    free_fixture(&f);
}

/* --- context ---------------------------------------------------------------------------------- */

static enum kms_err try_context(struct fixture *f, const char *key, const char *value)
{
    const struct kms_str_pair pair = {kms_str(key), kms_str(value)};
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    f->decrypt.context = (struct kms_str_map){.items = &pair, .count = 1};
    enum kms_err err =
        decrypt_in_pieces(&f->decrypt, kms_bytes(f->message, f->len), 0, 0, &released, NULL);
    assert_int_equal(released.len, err == KMS_OK ? SMALL : 0);
    return err;
}

static void required_context(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_DEFAULT);
    assert_ok(try_context(&f, "purpose", "backup"));
    assert_ok(try_context(&f, "age", "12"));
    assert_int_equal(try_context(&f, "purpose", "restore"), KMS_ERR_CONTEXT);
    assert_int_equal(try_context(&f, "Purpose", "backup"), KMS_ERR_CONTEXT);
    assert_int_equal(try_context(&f, "", ""), KMS_ERR_CONTEXT);
    free_fixture(&f);
}

static void unstored_context(void **state)
{
    (void)state;
    static const struct kms_str unstored = KMS_STR_LITERAL("age");
    struct kms_keyring *keyring = aes_keyring("k");
    struct kms_envelope_encrypt_options encrypt = {.keyring = keyring,
        .context = {.items = pairs, .count = 2},
        .unstored_keys = {.items = &unstored, .count = 1}};
    size_t len = 0;
    uint8_t *message = encrypt_ok(&encrypt, "x", 1, &len);
    struct kms_envelope_info *info = NULL;
    assert_ok(kms_envelope_inspect(kms_bytes(message, len), NULL, &info, NULL));
    assert_int_equal(info->context.count, 1);
    assert_true(kms_str_is(info->context.items[0].key, "purpose"));
    kms_envelope_info_free(info);

    static const struct kms_str_pair wrong[] = {
        {KMS_STR_LITERAL("age"), KMS_STR_LITERAL("13")},
        {KMS_STR_LITERAL("purpose"), KMS_STR_LITERAL("restore")},
    };
    const struct {
        struct kms_str_map context;
        enum kms_err err;
    } cases[] = {
        {{.items = &pairs[1], .count = 1}, KMS_OK},
        {{.items = pairs, .count = 2}, KMS_OK}, /* one that is stored may be brought, too */
        {{.items = NULL, .count = 0}, KMS_ERR_AUTHENTICATION},
        {{.items = &wrong[0], .count = 1}, KMS_ERR_AUTHENTICATION},
        {{.items = &wrong[1], .count = 1}, KMS_ERR_CONTEXT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_envelope_decrypt_options decrypt = {
            .keyring = keyring, .unstored_context = cases[i].context};
        KMS_BUF_AUTO released;
        kms_buf_init(&released, BIG);
        assert_int_equal(
            decrypt_in_pieces(&decrypt, kms_bytes(message, len), 0, 0, &released, NULL),
            cases[i].err);
        assert_int_equal(released.len, cases[i].err == KMS_OK ? 1 : 0);
    }
    free(message);
    kms_keyring_free(keyring);
}

static void contexts_that_cannot_be_written(void **state)
{
    (void)state;
    static const struct kms_str_pair repeated[] = {
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("1")}, {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("2")}};
    static const struct kms_str_pair reserved[] = {
        {KMS_STR_LITERAL("aws-crypto-x"), KMS_STR_LITERAL("1")}};
    static const struct kms_str_pair not_utf8[] = {{KMS_STR_LITERAL("a"), KMS_STR_LITERAL("\xff")}};
    static const struct kms_str missing = KMS_STR_LITERAL("z");
    char *long_text = calloc(1, 65536);
    assert_non_null(long_text);
    memset(long_text, 'x', 65535);
    const struct kms_str_pair too_long[] = {{KMS_STR_LITERAL("a"), {long_text, 65535}}};
    struct kms_keyring *keyring = aes_keyring("k");
    const struct {
        struct kms_str_map context;
        struct kms_str_list unstored;
        enum kms_err err;
    } cases[] = {
        {{repeated, 2}, {NULL, 0}, KMS_ERR_INVALID_ARGUMENT},
        {{reserved, 1}, {NULL, 0}, KMS_ERR_INVALID_ARGUMENT},
        {{not_utf8, 1}, {NULL, 0}, KMS_ERR_INVALID_ARGUMENT},
        {{pairs, 2}, {&missing, 1}, KMS_ERR_INVALID_ARGUMENT},
        {{too_long, 1}, {NULL, 0}, KMS_ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kms_envelope_encrypt_options options = {
            .keyring = keyring, .context = cases[i].context, .unstored_keys = cases[i].unstored};
        struct kms_envelope_encryptor *encryptor = NULL;
        assert_int_equal(kms_envelope_encryptor_new(&options, &encryptor, NULL), cases[i].err);
        assert_null(encryptor);
    }
    free(long_text);
    kms_keyring_free(keyring);
}

/* --- policies and limits ---------------------------------------------------------------------- */

static void commitment_policies(void **state)
{
    (void)state;
    struct fixture committing = small_message(KMS_SUITE_DEFAULT);
    struct fixture plain = small_message(KMS_SUITE_AES_256_GCM_HKDF_SHA256);
    static const struct {
        enum kms_commitment_policy policy;
        enum kms_err write_plain;
        enum kms_err write_committing;
        enum kms_err read_plain;
        enum kms_envelope_suite written_by_default;
    } cases[] = {
        {KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT, KMS_OK, KMS_ERR_POLICY, KMS_OK,
            KMS_SUITE_AES_256_GCM_HKDF_SHA384_ECDSA_P384},
        {KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT, KMS_ERR_POLICY, KMS_OK, KMS_OK,
            KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT},
        {KMS_COMMITMENT_REQUIRE_ENCRYPT_REQUIRE_DECRYPT, KMS_ERR_POLICY, KMS_OK, KMS_ERR_POLICY,
            KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT},
    };
    for (size_t i = 0; i < 3; i++) {
        const enum kms_envelope_suite suites[] = {KMS_SUITE_AES_256_GCM_HKDF_SHA256,
            KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, KMS_SUITE_DEFAULT};
        const enum kms_err expected[] = {cases[i].write_plain, cases[i].write_committing, KMS_OK};
        for (size_t s = 0; s < 3; s++) {
            struct kms_envelope_encryptor *encryptor = NULL;
            plain.encrypt.policy = cases[i].policy;
            plain.encrypt.suite = suites[s];
            assert_int_equal(
                kms_envelope_encryptor_new(&plain.encrypt, &encryptor, NULL), expected[s]);
            if (s == 2)
                assert_int_equal(
                    kms_envelope_encryptor_info(encryptor)->suite, cases[i].written_by_default);
            kms_envelope_encryptor_free(encryptor);
        }
        KMS_BUF_AUTO released;
        kms_buf_init(&released, BIG);
        plain.decrypt.policy = committing.decrypt.policy = cases[i].policy;
        assert_int_equal(decrypt_in_pieces(&plain.decrypt, kms_bytes(plain.message, plain.len), 0,
                             0, &released, NULL),
            cases[i].read_plain);
        assert_ok(decrypt_in_pieces(&committing.decrypt,
            kms_bytes(committing.message, committing.len), 0, 0, &released, NULL));
    }
    free_fixture(&committing);
    free_fixture(&plain);
}

/* "Check the policy right after the header is parsed, before any key work." */
static void the_policy_comes_before_the_keyring(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_AES_256_GCM_HKDF_SHA256);
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    struct kms_envelope_decrypt_options options = {.keyring = &keyring.base};
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    assert_int_equal(
        decrypt_in_pieces(&options, kms_bytes(f.message, f.len), 0, 0, &released, NULL),
        KMS_ERR_POLICY);
    assert_int_equal(keyring.calls, 0);
    free_fixture(&f);
}

static void limits(void **state)
{
    (void)state;
    struct fixture f = small_message(KMS_SUITE_DEFAULT);
    static const struct {
        struct kms_envelope_limits limits;
        enum kms_err err;
    } cases[] = {
        {{.max_frame_bytes = FRAME}, KMS_OK},
        {{.max_frame_bytes = FRAME - 1}, KMS_ERR_LIMIT},
        {{.max_edks = 1}, KMS_OK},
        {{.max_header_bytes = 100}, KMS_ERR_LIMIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO released;
        kms_buf_init(&released, BIG);
        f.decrypt.limits = cases[i].limits;
        assert_int_equal(
            decrypt_in_pieces(&f.decrypt, kms_bytes(f.message, f.len), 0, 0, &released, NULL),
            cases[i].err);
        f.encrypt.limits = cases[i].limits;
        struct kms_envelope_encryptor *encryptor = NULL;
        assert_int_equal(kms_envelope_encryptor_new(&f.encrypt, &encryptor, NULL), cases[i].err);
        kms_envelope_encryptor_free(encryptor);
    }
    /* the exact length is enough */
    KMS_BUF_AUTO released;
    kms_buf_init(&released, BIG);
    f.decrypt.limits = (struct kms_envelope_limits){.max_header_bytes = f.header_len};
    assert_ok(decrypt_in_pieces(&f.decrypt, kms_bytes(f.message, f.len), 1, 0, &released, NULL));
    free_fixture(&f);
}

/* --- others' mistakes ------------------------------------------------------------------------- */

/*
 * Version 4.0.0 of the .NET library authenticated headers with AAD = body || serialised context,
 * though the context was in the body already. Such messages must not be read.
 */
static void a_tag_over_the_context_twice_is_refused(void **state)
{
    (void)state;
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    struct kms_envelope_encrypt_options encrypt = {
        .keyring = &keyring.base, .context = {.items = pairs, .count = 2}};
    struct kms_envelope_decrypt_options decrypt = {.keyring = &keyring.base};
    struct kms_message draft = {0};
    struct kms_frame_cipher *cipher = NULL;
    uint8_t tag[KMS_GCM_TAG_LEN];
    size_t len = 0;
    assert_ok(
        kms_message_create(&encrypt, kms_bytes(message_id, sizeof(message_id)), &draft, NULL));
    assert_ok(kms_message_cipher(&draft, KMS_FRAME_SEAL, &cipher));
    struct kms_bytes body = draft.header->body;
    size_t context_at = 1 + 2 + 32 + 2;
    size_t context_len = kms_load_u16(body.data + context_at - 2);
    assert_int_equal(context_len, 2 + 4 + 3 + 2 + 4 + 7 + 6);
    assert_ok(
        kms_header_tag_make(cipher, body, kms_bytes(body.data + context_at, context_len), tag));
    struct kms_envelope_encryptor *encryptor = NULL;
    KMS_BUF_AUTO message;
    KMS_BUF_AUTO released;
    kms_buf_init(&message, BIG);
    kms_buf_init(&released, BIG);
    len = draft.header->raw.len;
    assert_ok(kms_encryptor_from_message(&draft, &encryptor));
    assert_ok(encrypt_in_pieces(encryptor, kms_bytes("x", 1), 0, 0, &message));
    assert_ok(decrypt_in_pieces(&decrypt, kms_buf_bytes(&message), 0, 0, &released, NULL));
    kms_buf_reset(&released);
    memcpy(message.data + len - sizeof(tag), tag, sizeof(tag));
    assert_int_equal(decrypt_in_pieces(&decrypt, kms_buf_bytes(&message), 0, 0, &released, NULL),
        KMS_ERR_AUTHENTICATION);
    assert_int_equal(released.len, 0);
    kms_frame_cipher_free(cipher);
    kms_envelope_encryptor_free(encryptor);
}

static void the_last_sequence_number_is_only_for_a_final_frame(void **state)
{
    (void)state;
    struct given_keyring keyring = given_keyring(kms_bytes(data_key, sizeof(data_key)));
    struct kms_envelope_encrypt_options encrypt = {.keyring = &keyring.base, .frame_length = 1};
    struct kms_message draft = {0};
    struct kms_frame_cipher *cipher = NULL;
    uint8_t frame[41] = {0};
    assert_ok(
        kms_message_create(&encrypt, kms_bytes(message_id, sizeof(message_id)), &draft, NULL));
    assert_ok(kms_message_cipher(&draft, KMS_FRAME_SEAL, &cipher));
    assert_int_equal(
        kms_frame_seal(cipher, KMS_FRAME_REGULAR, UINT32_MAX, frame, 1), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kms_frame_seal(cipher, KMS_FRAME_REGULAR, 0, frame, 1), KMS_ERR_INVALID_ARGUMENT);
    assert_ok(kms_frame_seal(cipher, KMS_FRAME_FINAL, UINT32_MAX, frame, 1));
    kms_frame_cipher_free(cipher);
    kms_message_clean_up(&draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_of_every_suite),
        cmocka_unit_test(defaults_make_a_committing_message),
        cmocka_unit_test(any_division_gives_the_same_bytes),
        cmocka_unit_test(a_signed_message_verifies_with_any_room),
        cmocka_unit_test(every_bit_matters),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(nothing_may_follow),
        cmocka_unit_test(frames_stay_in_their_places),
        cmocka_unit_test(frames_cannot_be_relabelled),
        cmocka_unit_test(frames_stay_in_their_message),
        cmocka_unit_test(signed_messages_hold_the_last_frame),
        cmocka_unit_test(errors_stay),
        cmocka_unit_test(required_context),
        cmocka_unit_test(unstored_context),
        cmocka_unit_test(contexts_that_cannot_be_written),
        cmocka_unit_test(commitment_policies),
        cmocka_unit_test(the_policy_comes_before_the_keyring),
        cmocka_unit_test(limits),
        cmocka_unit_test(a_tag_over_the_context_twice_is_refused),
        cmocka_unit_test(the_last_sequence_number_is_only_for_a_final_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
