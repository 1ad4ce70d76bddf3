/* Lines of the trail: what is written is read, in that form and no other. */
#include "libkms/trail/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#define RECORD "{\"eventName\":\"Encrypt\",\"trail\":{\"number\":1,\"written\":\"of the caller\"}}"

static struct kms_str line_of(const struct kms_buf *buf)
{
    struct kms_str line = kms_buf_str(buf);
    assert_true(line.len > 0 && line.data[line.len - 1] == '\n');
    line.len--;
    return line;
}

static void names_are_read_as_written(void **state)
{
    (void)state;
    char name[KMS_TRAIL_NAME_SIZE];
    enum kms_trail_file_kind kind;
    uint32_t file = 0;
    kms_trail_file_name(KMS_TRAIL_DIGESTS, UINT32_MAX, name);
    assert_string_equal(name, "trail-4294967295.digests");
    assert_true(kms_trail_file_parse(name, &kind, &file));
    assert_int_equal(kind, KMS_TRAIL_DIGESTS);
    assert_true(file == UINT32_MAX);
    static const char *const others[] = {"trail-0000000000.jsonl", "trail-1.jsonl",
        "trail-0000000001.json", "trail-00000000x1.jsonl", "spool", "trail-9999999999.jsonl",
        "trail-0000000001.jsonl.new", ""};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(kms_trail_file_parse(others[i], &kind, &file));
}

static void headers_are_read_as_written(void **state)
{
    (void)state;
    const struct kms_trail_header header = {
        .file = 7, .first = 1001, .opened_ms = INT64_C(1795396373123), .previous = {{1, 2, 3}}};
    struct kms_trail_header read;
    struct kms_trail_hash written_hash;
    struct kms_trail_hash read_hash;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4096);
    assert_int_equal(kms_trail_header_append(&buf, &header, &written_hash), KMS_OK);
    assert_int_equal(kms_trail_header_parse(line_of(&buf), &read, &read_hash), KMS_OK);
    assert_int_equal(read.file, 7);
    assert_true(read.first == 1001 && read.opened_ms == header.opened_ms);
    assert_true(kms_trail_hash_eq(&read.previous, &header.previous));
    assert_true(kms_trail_hash_eq(&written_hash, &read_hash));
    for (size_t i = 0; i + 1 < buf.len; i++) { /* cut anywhere, it is none */
        struct kms_str cut = {(const char *)buf.data, i};
        assert_int_equal(kms_trail_header_parse(cut, &read, &read_hash), KMS_ERR_SYNTAX);
    }
}

static void records_are_chained(void **state)
{
    (void)state;
    struct kms_trail_hash start = {{9}};
    struct kms_trail_hash chain = start;
    struct kms_trail_hash again;
    struct kms_trail_seal seal;
    struct kms_str record;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4096);
    assert_int_equal(
        kms_trail_record_append(&buf, kms_str(RECORD), 42, INT64_C(1795396373123), &chain), KMS_OK);
    struct kms_str line = line_of(&buf);
    assert_int_equal(kms_trail_record_parse(line, &seal, &record), KMS_OK);
    assert_true(seal.number == 42 && seal.written_ms == INT64_C(1795396373123));
    assert_true(kms_str_eq(record, (struct kms_str){RECORD, sizeof(RECORD) - 2}));
    assert_true(kms_trail_hash_eq(&seal.hash, &chain));
    assert_int_equal(kms_trail_record_hash(line, &start, &again), KMS_OK);
    assert_true(kms_trail_hash_eq(&again, &chain));
    /* every bit counts: of the record, of its number, of its time, of the hash */
    for (size_t i = 0; i < line.len * 8; i++) {
        buf.data[i / 8] ^= (uint8_t)(1 << i % 8);
        bool passes = kms_trail_record_parse(line, &seal, &record) == KMS_OK &&
                      kms_trail_record_hash(line, &start, &again) == KMS_OK &&
                      kms_trail_hash_eq(&again, &seal.hash);
        assert_false(passes);
        buf.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
}

/* A time has one form in a line, though RFC 3339 allows others. */
static void times_are_read_in_one_form(void **state)
{
    (void)state;
    static const char written[] = "2026-11-23T05:41:45.139Z";
    static const char *const others[] = {
        "2026-11-23t05:41:45.139Z", "2026-11-23T05:41:45.139z", "2026-11-23T05:41:45+00:0"};
    struct kms_trail_hash chain = {{0}};
    struct kms_trail_seal seal;
    struct kms_str record;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4096);
    assert_int_equal(
        kms_trail_record_append(&buf, kms_str(RECORD), 1, INT64_C(1795412505139), &chain), KMS_OK);
    struct kms_str line = line_of(&buf);
    char *time = strstr((char *)buf.data, written);
    assert_non_null(time);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        memcpy(time, others[i], strlen(others[i]));
        assert_int_equal(kms_trail_record_parse(line, &seal, &record), KMS_ERR_SYNTAX);
        memcpy(time, written, strlen(written));
        assert_int_equal(kms_trail_record_parse(line, &seal, &record), KMS_OK);
    }
}

static void what_is_no_record_is_not_sealed(void **state)
{
    (void)state;
    struct kms_trail_hash chain = {{0}};
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 64);
    assert_int_equal(
        kms_trail_record_append(&buf, kms_str(""), 1, 0, &chain), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(
        kms_trail_record_append(&buf, kms_str("{"), 1, 0, &chain), KMS_ERR_INVALID_ARGUMENT);
    assert_int_equal(kms_trail_record_append(&buf, kms_str("{}"), 1, 0, &chain), KMS_ERR_LIMIT);
    assert_int_equal(chain.bytes[0], 0);
}

static void digests_are_read_as_written(void **state)
{
    (void)state;
    const struct kms_trail_digest digest = {.number = 3,
        .previous = {{5}},
        .time_ms = INT64_C(1795396373123),
        .file = 2,
        .oldest = 1,
        .first = 10,
        .last = 9,
        .bytes = 150,
        .hash = {{6}},
        .is_closed = true,
        .key_id = "00112233445566aa"};
    struct kms_trail_digest read;
    struct kms_trail_hash written_hash;
    struct kms_trail_hash read_hash;
    uint8_t signature[KMS_TRAIL_SIGNATURE_MAX];
    size_t len = 0;
    KMS_BUF_AUTO buf;
    kms_buf_init(&buf, 4096);
    assert_int_equal(
        kms_trail_digest_append(&buf, &digest, kms_bytes("signature", 9), &written_hash), KMS_OK);
    assert_int_equal(
        kms_trail_digest_parse(line_of(&buf), &read, signature, &len, &read_hash), KMS_OK);
    assert_true(read.number == 3 && read.file == 2 && read.oldest == 1 && read.first == 10 &&
                read.last == 9 && read.bytes == 150 && read.is_closed);
    assert_string_equal(read.key_id, digest.key_id);
    assert_true(kms_trail_hash_eq(&written_hash, &read_hash));
    assert_int_equal(len, 9);
    assert_memory_equal(signature, "signature", 9);
    for (size_t i = 0; i + 1 < buf.len; i++) {
        struct kms_str cut = {(const char *)buf.data, i};
        assert_int_equal(
            kms_trail_digest_parse(cut, &read, signature, &len, &read_hash), KMS_ERR_SYNTAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_written),
        cmocka_unit_test(headers_are_read_as_written),
        cmocka_unit_test(records_are_chained),
        cmocka_unit_test(what_is_no_record_is_not_sealed),
        cmocka_unit_test(times_are_read_in_one_form),
        cmocka_unit_test(digests_are_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
