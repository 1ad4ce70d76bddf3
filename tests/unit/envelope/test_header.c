/* Headers and contexts, byte by byte. */
#include "libkms/envelope/context.h"
#include "libkms/envelope/header.h"
#include "tests/unit/envelope/support.h"

#include <stdlib.h>

enum { BIG = 1 << 20 };

/* --- contexts --------------------------------------------------------------------------------- */

static void encode(const struct kms_str_pair *pairs, size_t count, struct kms_buf *out)
{
    KMS_ARENA_AUTO arena;
    struct kms_str_map context = {0};
    kms_arena_init(&arena, BIG);
    assert_ok(kms_context_canonical(
        (struct kms_str_map){.items = pairs, .count = count}, &arena, &context));
    assert_ok(kms_context_encode(context, out));
}

/* U+FF41 (ef bd 81) comes before U+10000 (f0 90 80 80) by bytes, after it by UTF-16 units. */
static void contexts_are_sorted_by_bytes(void **state)
{
    (void)state;
    static const struct kms_str_pair pairs[] = {
        {KMS_STR_LITERAL("\xf0\x90\x80\x80"), KMS_STR_LITERAL("4")},
        {KMS_STR_LITERAL("b"), KMS_STR_LITERAL("2")},
        {KMS_STR_LITERAL("\xef\xbd\x81"), KMS_STR_LITERAL("3")},
        {KMS_STR_LITERAL("ab"), KMS_STR_LITERAL("1")},
        {KMS_STR_LITERAL("a"), KMS_STR_LITERAL("")},
    };
    static const char expected[] = "\0\5"
                                   "\0\1a\0\0"
                                   "\0\2ab\0\1"
                                   "1"
                                   "\0\1b\0\1"
                                   "2"
                                   "\0\3\xef\xbd\x81\0\1"
                                   "3"
                                   "\0\4\xf0\x90\x80\x80\0\1"
                                   "4";
    KMS_BUF_AUTO out;
    kms_buf_init(&out, BIG);
    encode(pairs, 5, &out);
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);

    KMS_ARENA_AUTO arena;
    struct kms_str_map back = {0};
    kms_arena_init(&arena, BIG);
    assert_ok(kms_context_decode(kms_buf_bytes(&out), &arena, &back));
    assert_int_equal(back.count, 5);
    assert_true(kms_str_is(*kms_context_find(back, kms_str("ab")), "1"));
    assert_true(kms_str_is(*kms_context_find(back, kms_str("a")), ""));
    assert_null(kms_context_find(back, kms_str("abc")));
    assert_null(kms_context_find((struct kms_str_map){NULL, 0}, kms_str("a")));

    kms_buf_reset(&out); /* nothing at all, not a count of zero */
    encode(NULL, 0, &out);
    assert_int_equal(out.len, 0);
    assert_ok(kms_context_decode(kms_bytes("", 0), &arena, &back));
    assert_int_equal(back.count, 0);
}

static void malformed_contexts(void **state)
{
    (void)state;
    static const struct kms_str cases[] = {
        KMS_STR_LITERAL("\0"),                        /* half a count */
        KMS_STR_LITERAL("\0\0"),                      /* a count of zero */
        KMS_STR_LITERAL("\0\1"),                      /* no pair */
        KMS_STR_LITERAL("\0\1\0\1a\0"),               /* half a length */
        KMS_STR_LITERAL("\0\1\0\1a\0\2b"),            /* half a value */
        KMS_STR_LITERAL("\0\1\0\1a\0\1bc"),           /* a byte too many */
        KMS_STR_LITERAL("\0\2\0\1a\0\1b"),            /* a pair too few */
        KMS_STR_LITERAL("\0\2\0\1a\0\1b\0\1a\0\1c"),  /* a key twice */
        KMS_STR_LITERAL("\0\1\0\1\xff\0\1b"),         /* not UTF-8 */
        KMS_STR_LITERAL("\xff\xff\0\1a\0\1b\0\1c\0"), /* more pairs than could fit */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_ARENA_AUTO arena;
        struct kms_str_map out = {0};
        kms_arena_init(&arena, BIG);
        assert_int_equal(kms_context_decode(kms_bytes(cases[i].data, cases[i].len), &arena, &out),
            KMS_ERR_SYNTAX);
        assert_int_equal(out.count, 0);
    }
    /* any order is read */
    KMS_ARENA_AUTO arena;
    struct kms_str_map out = {0};
    kms_arena_init(&arena, BIG);
    assert_ok(kms_context_decode(kms_bytes("\0\2\0\1b\0\1x\0\1a\0\1y", 14), &arena, &out));
    assert_true(kms_str_is(out.items[0].key, "a"));
}

/* --- headers ---------------------------------------------------------------------------------- */

/* A header of either version; the tag is nobody's. */
static void write_header(
    enum kms_envelope_suite suite, struct kms_str_map context, struct kms_buf *out)
{
    static const uint8_t zeros[32];
    const struct kms_envelope_edk edks[] = {
        {kms_str("one"), kms_bytes("info", 4), kms_bytes("wrapped", 7)},
        {kms_str("two"), kms_bytes("", 0), kms_bytes("", 0)},
    };
    const struct kms_suite *found = kms_suite_find((unsigned)suite);
    const struct kms_header_parts parts = {.suite = found,
        .message_id = kms_bytes(zeros, kms_suite_message_id_len(found)),
        .context = context,
        .edks = edks,
        .edk_count = 2,
        .frame_length = 4096,
        .commitment = zeros};
    assert_ok(kms_header_body_write(&parts, out));
    assert_ok(kms_header_authentication_write(found, zeros, out));
}

static enum kms_err parse(const struct kms_buf *raw, struct kms_envelope_failure *failure)
{
    struct kms_envelope_info *info = NULL;
    enum kms_err err = kms_envelope_inspect(kms_buf_bytes(raw), NULL, &info, failure);
    kms_envelope_info_free(info);
    return err;
}

static void version_1_byte_by_byte(void **state)
{
    (void)state;
    static const char expected[] = "\x01\x80\x01\x78"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0"
                                   "\0\2"
                                   "\0\3one\0\4info\0\7wrapped"
                                   "\0\3two\0\0\0\0"
                                   "\2\0\0\0\0\x0c\0\0\x10\0"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    KMS_BUF_AUTO raw;
    kms_buf_init(&raw, BIG);
    write_header(KMS_SUITE_AES_256_GCM_HKDF_SHA256, (struct kms_str_map){NULL, 0}, &raw);
    assert_int_equal(raw.len, sizeof(expected) - 1);
    assert_memory_equal(raw.data, expected, raw.len);
}

/* needed leads from the first byte to the last in steps that never pass the end. */
static void needed_leads_to_the_end(void **state)
{
    (void)state;
    static const struct kms_str_pair pair = {KMS_STR_LITERAL("key"), KMS_STR_LITERAL("value")};
    const enum kms_envelope_suite suites[] = {
        KMS_SUITE_AES_256_GCM_HKDF_SHA256, KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT};
    for (size_t i = 0; i < 2; i++) {
        KMS_BUF_AUTO raw;
        kms_buf_init(&raw, BIG);
        write_header(suites[i], (struct kms_str_map){.items = &pair, .count = 1}, &raw);
        struct kms_envelope_limits limits = kms_limits_or_defaults(NULL);
        struct kms_header *header = NULL;
        size_t have = 0;
        size_t needed = 0;
        unsigned steps = 0;
        while (kms_header_parse(kms_bytes(raw.data, have), &limits, &header, &needed, NULL) ==
               KMS_ERR_TRUNCATED) {
            assert_true(needed > have && needed <= raw.len);
            have = needed;
            assert_true(++steps < 40);
        }
        assert_non_null(header);
        assert_int_equal(have, raw.len);
        assert_int_equal(header->raw.len, raw.len);
        assert_int_equal(header->info.version, i + 1);
        assert_int_equal(header->info.edk_count, 2);
        assert_true(kms_str_is(header->info.edks[1].provider_id, "two"));
        assert_int_equal(header->info.frame_length, 4096);
        assert_true(kms_str_is(header->info.context.items[0].value, "value"));
        kms_header_free(header);
        for (size_t len = 0; len < raw.len; len++) {
            size_t ignored = 0;
            assert_int_equal(
                kms_header_parse(kms_bytes(raw.data, len), &limits, &header, &ignored, NULL),
                KMS_ERR_TRUNCATED);
        }
        limits.max_header_bytes = raw.len - 1;
        assert_int_equal(
            kms_header_parse(kms_buf_bytes(&raw), &limits, &header, &needed, NULL), KMS_ERR_LIMIT);
    }
}

static void malformed_headers(void **state)
{
    (void)state;
    /* version 1, no context: suite at 2, id at 4, edk count at 22, content type at 53, reserved at
     * 54, IV length at 58, frame length at 59 */
    static const struct {
        size_t at;
        uint8_t value;
        enum kms_err err;
    } cases[] = {
        {0, 0x01, KMS_OK}, {0, 0x00, KMS_ERR_UNSUPPORTED}, {0, 0x03, KMS_ERR_UNSUPPORTED},
        {1, 0x00, KMS_ERR_SYNTAX}, {2, 0x67, KMS_ERR_UNSUPPORTED}, {3, 0x70, KMS_ERR_UNSUPPORTED},
        {23, 0x00, KMS_ERR_SYNTAX}, {23, 0xff, KMS_ERR_LIMIT}, {53, 0x00, KMS_ERR_SYNTAX},
        {53, 0x01, KMS_ERR_SYNTAX}, /* non-framed with a frame length */
        {53, 0x03, KMS_ERR_SYNTAX}, {54, 0x01, KMS_ERR_SYNTAX}, {57, 0x01, KMS_ERR_SYNTAX},
        {58, 0x0d, KMS_ERR_SYNTAX}, {59, 0xff, KMS_ERR_LIMIT},
        {61, 0x00, KMS_ERR_SYNTAX}, /* framed without a frame length */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO raw;
        struct kms_envelope_failure failure;
        kms_buf_init(&raw, BIG);
        write_header(KMS_SUITE_AES_256_GCM_HKDF_SHA256, (struct kms_str_map){NULL, 0}, &raw);
        raw.data[cases[i].at] = cases[i].value;
        enum kms_err err = parse(&raw, &failure);
        if (err != cases[i].err)
            fail_msg("byte %zu = %02x: %s", cases[i].at, cases[i].value, kms_err_text(err));
        assert_int_equal(failure.err, err);
    }
    KMS_BUF_AUTO raw;
    kms_buf_init(&raw, BIG);
    write_header(KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, (struct kms_str_map){NULL, 0}, &raw);
    raw.data[1] = 0x01; /* a suite of version 1 in a header of version 2 */
    assert_int_equal(parse(&raw, NULL), KMS_ERR_SYNTAX);
}

/* The signature key is there if and only if the suite signs. */
static void signature_keys(void **state)
{
    (void)state;
    static const struct kms_str_pair pair = {
        KMS_STR_LITERAL("aws-crypto-public-key"), KMS_STR_LITERAL("x")};
    const struct kms_str_map with = {.items = &pair, .count = 1};
    const struct kms_str_map without = {NULL, 0};
    const struct {
        enum kms_envelope_suite suite;
        struct kms_str_map context;
        enum kms_err err;
    } cases[] = {
        {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, without, KMS_OK},
        {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT, with, KMS_ERR_SYNTAX},
        {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, with, KMS_OK},
        {KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384, without, KMS_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        KMS_BUF_AUTO raw;
        kms_buf_init(&raw, BIG);
        write_header(cases[i].suite, cases[i].context, &raw);
        assert_int_equal(parse(&raw, NULL), cases[i].err);
    }
}

static void what_is_a_message(void **state)
{
    (void)state;
    static const struct {
        struct kms_str bytes;
        bool is;
    } cases[] = {
        {KMS_STR_LITERAL("\x02\x04\x78\x00"), true},
        {KMS_STR_LITERAL("\x02\x05\x78\xff"), true},
        {KMS_STR_LITERAL("\x01\x80\x00\x14"), true},
        {KMS_STR_LITERAL("\x01\x80\x03\x78"), true},
        {KMS_STR_LITERAL("\x01\x80\x04\x78"), false},
        {KMS_STR_LITERAL("\x01\x02\x03\x78"), false}, /* as blobs of the live service begin */
        {KMS_STR_LITERAL("\x02\x03\x78\x00"), false},
        {KMS_STR_LITERAL("\xd0\x83\x58\x20"), false}, /* COSE */
        {KMS_STR_LITERAL("\x02\x04\x78"), false},
        {KMS_STR_LITERAL("AgR4"), false}, /* base64 */
        {KMS_STR_LITERAL(""), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(
            kms_envelope_is_message(kms_bytes(cases[i].bytes.data, cases[i].bytes.len)),
            cases[i].is);
    assert_false(kms_envelope_is_message(kms_bytes(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_are_sorted_by_bytes),
        cmocka_unit_test(malformed_contexts),
        cmocka_unit_test(version_1_byte_by_byte),
        cmocka_unit_test(needed_leads_to_the_end),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(signature_keys),
        cmocka_unit_test(what_is_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
