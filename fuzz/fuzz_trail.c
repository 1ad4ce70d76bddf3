/*
 * The audit trail's lines, as whoever tampers may write them: nothing is read that can't be written
 * again in the same form, text that is escaped comes back, and the scanner's views lie within its input.
 */
#include "libkms/trail/scan.h"
#include "libkms/trail/trail.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_within(struct kms_str part, struct kms_str whole)
{
    return part.data == NULL ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check_scan(struct kms_str line)
{
    struct kms_trail_fields f;
    if (kms_trail_scan(line, &f) != KMS_OK)
        return;
    require(is_within(f.event_id, line) && is_within(f.event_name, line) &&
            is_within(f.error_code, line) && is_within(f.user_name, line) &&
            is_within(f.event_time, line) && is_within(f.access_key_id, line));
    require(f.resource_count <= KMS_TRAIL_RESOURCES_MAX);
    for (size_t i = 0; i < f.resource_count; i++)
        require(is_within(f.resources[i].arn, line) && is_within(f.resources[i].type, line));
}

static void check_record(struct kms_str line)
{
    struct kms_trail_seal seal;
    struct kms_str record;
    KMS_BUF_AUTO whole;
    KMS_BUF_AUTO again;
    kms_buf_init(&whole, KMS_TRAIL_LINE_MAX);
    kms_buf_init(&again, KMS_TRAIL_LINE_MAX);
    if (kms_trail_record_parse(line, &seal, &record) != KMS_OK)
        return;
    require(is_within(record, line) && seal.number != 0);
    kms_buf_append_str(&whole, record);
    kms_buf_append_u8(&whole, '}');
    struct kms_trail_hash chain = {{0}};
    struct kms_trail_hash hash;
    if (kms_trail_record_append(
            &again, kms_buf_str(&whole), seal.number, seal.written_ms, &chain) != KMS_OK)
        return;
    /* the same line but for its hash, and one newline longer */
    require(again.len == line.len + 1);
    require(memcmp(again.data, line.data, again.len - 1 - 64 - 3) == 0);
    struct kms_trail_hash start = {{0}};
    require(kms_trail_record_hash((struct kms_str){(const char *)again.data, again.len - 1}, &start,
                &hash) == KMS_OK);
    require(kms_trail_hash_eq(&hash, &chain));
}

static void check_head_and_digest(struct kms_str line)
{
    struct kms_trail_header header;
    struct kms_trail_digest digest;
    struct kms_trail_hash hash;
    uint8_t signature[KMS_TRAIL_SIGNATURE_MAX];
    size_t len = 0;
    KMS_BUF_AUTO again;
    kms_buf_init(&again, 2 * KMS_TRAIL_DIGEST_MAX);
    if (kms_trail_header_parse(line, &header, &hash) == KMS_OK)
        require(kms_trail_header_append(&again, &header, &hash) == KMS_OK);
    else if (kms_trail_digest_parse(line, &digest, signature, &len, &hash) == KMS_OK)
        require(
            kms_trail_digest_append(&again, &digest, kms_bytes(signature, len), &hash) == KMS_OK);
    else
        return;
    require(again.len == line.len + 1 && memcmp(again.data, line.data, line.len) == 0);
}

static void check_text(struct kms_str text)
{
    KMS_BUF_AUTO escaped;
    KMS_BUF_AUTO back;
    KMS_BUF_AUTO twice;
    kms_buf_init(&escaped, 6 * text.len + 1);
    kms_buf_init(&back, 6 * text.len + 1);
    kms_buf_init(&twice, 6 * text.len + 1);
    kms_trail_escape(&escaped, text);
    require(escaped.err == KMS_OK);
    require(kms_trail_unescape(&back, kms_buf_str(&escaped)) == KMS_OK);
    kms_trail_escape(&twice, kms_buf_str(&back));
    require(kms_str_eq(kms_buf_str(&twice), kms_buf_str(&escaped)));
    kms_buf_reset(&back);
    enum kms_err err = kms_trail_unescape(&back, text);
    require(err == KMS_OK || err == KMS_ERR_SYNTAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kms_str line = {(const char *)data, size};
    if (size > 65536)
        return 0;
    check_scan(line);
    check_record(line);
    check_head_and_digest(line);
    check_text(line);
    return 0;
}
