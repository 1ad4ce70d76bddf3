#include "libkms/envelope/header.h"

#include "libkms/base/encoding.h"
#include "libkms/envelope/context.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/key_section.h"
#include "libkms/envelope/wire.h"

#include <openssl/crypto.h>

enum {
    VERSION_1 = 1,
    VERSION_2 = 2,
    TYPE_CUSTOMER_AUTHENTICATED_DATA = 0x80,
    CONTENT_NON_FRAMED = 1,
    CONTENT_FRAMED = 2,
};

void kms_header_free(struct kms_header *header)
{
    if (header == NULL)
        return;
    kms_key_section_free(header->section);
    kms_buf_clean_up(&header->start_storage);
    kms_arena_clean_up(&header->arena);
    OPENSSL_free(header);
}

void kms_header_free_at(struct kms_header **header)
{
    kms_header_free(*header);
    *header = NULL;
}

void kms_envelope_info_free(struct kms_envelope_info *info)
{
    kms_header_free((struct kms_header *)info); /* info is its first member */
}

void kms_header_set_section(struct kms_header *header, struct kms_key_section *section)
{
    header->section = section;
    header->info.key_slot_count = section->slots.count;
    header->info.section_len = KMS_SECTION_PREAMBLE_LEN + 2 * (uint64_t)section->slots.room;
    header->body_at = header->info.section_len + header->raw.len;
}

struct kms_envelope_limits kms_limits_or_defaults(const struct kms_envelope_limits *limits)
{
    struct kms_envelope_limits filled = {0};
    if (limits != NULL)
        filled = *limits;
    if (filled.max_header_bytes == 0)
        filled.max_header_bytes = KMS_ENVELOPE_MAX_HEADER_DEFAULT;
    if (filled.max_edks == 0)
        filled.max_edks = KMS_ENVELOPE_MAX_EDKS_DEFAULT;
    if (filled.max_frame_bytes == 0)
        filled.max_frame_bytes = KMS_ENVELOPE_MAX_FRAME_DEFAULT;
    return filled;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Walks over the bytes. The first failure sticks; after it every read gives zeros. */
struct cursor {
    struct kms_bytes in;
    size_t at;
    size_t max;    /* longest header allowed */
    size_t needed; /* with KMS_ERR_TRUNCATED: total length that gets further */
    enum kms_err err;
    const char *why;
};

static void fail(struct cursor *cursor, enum kms_err err, const char *why)
{
    if (cursor->err != KMS_OK)
        return;
    cursor->err = err;
    cursor->why = why;
}

static const uint8_t *take(struct cursor *cursor, size_t len)
{
    static const uint8_t zeros[KMS_COMMITMENT_LEN]; /* the longest fixed-length field */
    if (cursor->err == KMS_OK && len > cursor->max - cursor->at)
        fail(cursor, KMS_ERR_LIMIT, "the header is longer than the limit");
    if (cursor->err == KMS_OK && len > cursor->in.len - cursor->at) {
        cursor->needed = cursor->at + len;
        fail(cursor, KMS_ERR_TRUNCATED, "the message ends too early");
    }
    if (cursor->err != KMS_OK)
        return zeros;
    const uint8_t *at = cursor->in.data + cursor->at;
    cursor->at += len;
    return at;
}

static uint8_t take_u8(struct cursor *cursor)
{
    return *take(cursor, 1);
}

static uint16_t take_u16(struct cursor *cursor)
{
    return kms_load_u16(take(cursor, 2));
}

static uint32_t take_u32(struct cursor *cursor)
{
    return kms_load_u32(take(cursor, 4));
}

/* u16 length, then as many bytes. After a failure the view is empty. */
static struct kms_bytes take_field(struct cursor *cursor)
{
    size_t len = take_u16(cursor);
    const uint8_t *data = take(cursor, len);
    return kms_bytes(data, cursor->err == KMS_OK ? len : 0);
}

/*
 * Follows the lengths only, to find out whether the whole header is there: header_parse may be
 * asked at every byte that arrives, and what it allocates and sorts shall happen once.
 */
static void skim(struct cursor *cursor, const struct kms_envelope_limits *limits)
{
    uint8_t version = take_u8(cursor);
    if (version == VERSION_1)
        (void)take_u8(cursor);
    const struct kms_suite *suite = kms_suite_find(take_u16(cursor));
    if (suite == NULL) {
        fail(cursor, KMS_ERR_UNSUPPORTED, "unknown algorithm suite");
        return;
    }
    (void)take(cursor, kms_suite_message_id_len(suite));
    (void)take_field(cursor);
    size_t edk_count = take_u16(cursor);
    if (edk_count > limits->max_edks)
        fail(cursor, KMS_ERR_LIMIT, "more encrypted data keys than the limit");
    for (size_t i = 0; i < 3 * edk_count && cursor->err == KMS_OK; i++)
        (void)take_field(cursor);
    (void)take(cursor, version == VERSION_1 ? 1 + 4 + 1 + 4 : 1 + 4);
    (void)take(cursor, kms_suite_commits(suite) ? KMS_COMMITMENT_LEN : 0);
    (void)take(cursor, version == VERSION_1 ? KMS_GCM_IV_LEN + KMS_GCM_TAG_LEN : KMS_GCM_TAG_LEN);
}

/* Version, type, suite, message id: all that the rest depends on. */
static void parse_opening(struct cursor *cursor, struct kms_header *header)
{
    header->info.version = take_u8(cursor);
    if (header->info.version != VERSION_1 && header->info.version != VERSION_2)
        fail(cursor, KMS_ERR_UNSUPPORTED, "not a message of format version 1 or 2");
    if (header->info.version == VERSION_1 && take_u8(cursor) != TYPE_CUSTOMER_AUTHENTICATED_DATA)
        fail(cursor, KMS_ERR_SYNTAX, "the message type is not 128");
    unsigned id = take_u16(cursor);
    if (cursor->err != KMS_OK)
        return;
    header->suite = kms_suite_find(id);
    if (header->suite == NULL) {
        fail(cursor, KMS_ERR_UNSUPPORTED, "unknown algorithm suite");
        return;
    }
    if (header->suite->version != header->info.version)
        fail(cursor, KMS_ERR_SYNTAX, "the algorithm suite belongs to another header version");
    size_t len = kms_suite_message_id_len(header->suite);
    header->info.message_id = kms_bytes(take(cursor, len), len);
}

static void parse_context(struct cursor *cursor, struct kms_header *header)
{
    struct kms_bytes raw = take_field(cursor);
    if (cursor->err != KMS_OK)
        return;
    enum kms_err err = kms_context_decode(raw, &header->arena, &header->info.context);
    if (err != KMS_OK)
        fail(cursor, err, "malformed encryption context");
}

static void parse_edks(
    struct cursor *cursor, const struct kms_envelope_limits *limits, struct kms_header *header)
{
    size_t count = take_u16(cursor);
    if (cursor->err != KMS_OK)
        return;
    if (count == 0)
        fail(cursor, KMS_ERR_SYNTAX, "no encrypted data key");
    if (count > limits->max_edks)
        fail(cursor, KMS_ERR_LIMIT, "more encrypted data keys than the limit");
    struct kms_envelope_edk *edks =
        cursor->err == KMS_OK ? kms_arena_calloc(&header->arena, count, sizeof(*edks)) : NULL;
    if (edks == NULL) {
        fail(cursor, KMS_ERR_NO_MEMORY, "out of memory");
        return;
    }
    for (size_t i = 0; i < count && cursor->err == KMS_OK; i++) {
        struct kms_bytes provider = take_field(cursor);
        edks[i].provider_id = (struct kms_str){(const char *)provider.data, provider.len};
        edks[i].provider_info = take_field(cursor);
        edks[i].ciphertext = take_field(cursor);
        if (!kms_utf8_valid(edks[i].provider_id))
            fail(cursor, KMS_ERR_SYNTAX, "a key provider id is not UTF-8");
    }
    header->info.edks = edks;
    header->info.edk_count = count;
}

static void parse_content_type(
    struct cursor *cursor, const struct kms_envelope_limits *limits, struct kms_header *header)
{
    uint8_t type = take_u8(cursor);
    if (type != CONTENT_NON_FRAMED && type != CONTENT_FRAMED)
        fail(cursor, KMS_ERR_SYNTAX, "unknown content type");
    if (header->info.version == VERSION_1) {
        if (take_u32(cursor) != 0)
            fail(cursor, KMS_ERR_SYNTAX, "the reserved field is not zero");
        if (take_u8(cursor) != KMS_GCM_IV_LEN)
            fail(cursor, KMS_ERR_SYNTAX, "the IV length is not the suite's");
    }
    header->info.framed = type == CONTENT_FRAMED;
    header->info.frame_length = take_u32(cursor);
    if (header->info.framed != (header->info.frame_length != 0))
        fail(cursor, KMS_ERR_SYNTAX, "content type and frame length contradict each other");
    if (header->info.frame_length > limits->max_frame_bytes)
        fail(cursor, KMS_ERR_LIMIT, "the frame length exceeds the limit");
}

static void parse_all(
    struct cursor *cursor, const struct kms_envelope_limits *limits, struct kms_header *header)
{
    parse_opening(cursor, header);
    if (cursor->err != KMS_OK)
        return;
    parse_context(cursor, header);
    parse_edks(cursor, limits, header);
    parse_content_type(cursor, limits, header);
    if (kms_suite_commits(header->suite))
        header->commitment = take(cursor, KMS_COMMITMENT_LEN);
    header->body = kms_bytes(cursor->in.data, cursor->at);
    if (header->info.version == VERSION_1)
        memcpy(header->iv, take(cursor, KMS_GCM_IV_LEN), KMS_GCM_IV_LEN);
    header->tag = take(cursor, KMS_GCM_TAG_LEN);
    header->raw = kms_bytes(cursor->in.data, cursor->at);
}

static void fill_in_info(struct kms_header *header)
{
    const struct kms_suite *suite = header->suite;
    header->info.suite = suite->id;
    header->info.suite_name = suite->name;
    header->info.committing = kms_suite_commits(suite);
    header->info.is_signed = suite->signature != NULL;
    header->info.header_len = header->raw.len;
    header->start = header->raw;
    header->body_at = header->raw.len;
}

/* "The aws-crypto-public-key pair is there if and only if the suite signs." */
static bool public_key_as_expected(const struct kms_header *header)
{
    const struct kms_str key = KMS_STR_LITERAL(KMS_CONTEXT_PUBLIC_KEY);
    bool present = kms_context_find(header->info.context, key) != NULL;
    return present == (header->suite->signature != NULL);
}

bool kms_header_is_whole(
    struct kms_bytes in, const struct kms_envelope_limits *limits, size_t *needed)
{
    struct cursor walk = {.in = in, .max = limits->max_header_bytes};
    skim(&walk, limits);
    if (walk.err != KMS_ERR_TRUNCATED)
        return true;
    *needed = walk.needed;
    return false;
}

enum kms_err kms_header_parse(struct kms_bytes in, const struct kms_envelope_limits *limits,
    struct kms_header **out, size_t *needed, struct kms_envelope_failure *failure)
{
    struct cursor walk = {.in = in, .max = limits->max_header_bytes};
    skim(&walk, limits);
    if (walk.err == KMS_ERR_TRUNCATED) {
        *needed = walk.needed;
        return kms_failure_set(failure, walk.err, "%s", walk.why);
    }
    KMS_HEADER_AUTO header = OPENSSL_zalloc(sizeof(*header));
    if (header == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    size_t used = in.len < limits->max_header_bytes ? in.len : limits->max_header_bytes;
    /* the copy; a pair is 32 bytes for at least 4 on the wire; the EDKs; alignment */
    size_t arena_max = used * 9 + limits->max_edks * sizeof(struct kms_envelope_edk) + 4096;
    kms_arena_init(&header->arena, arena_max);
    struct kms_bytes copy = kms_arena_bytes(&header->arena, kms_bytes(in.data, used));
    if (copy.data == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);

    struct cursor cursor = {.in = copy, .max = limits->max_header_bytes};
    parse_all(&cursor, limits, header);
    if (cursor.err == KMS_OK && !public_key_as_expected(header))
        fail(&cursor, KMS_ERR_SYNTAX, "the signature key and the suite contradict each other");
    if (cursor.err == KMS_ERR_TRUNCATED)
        *needed = in.len + 1; /* not reached: skim looked at the same lengths */
    if (cursor.err != KMS_OK)
        return kms_failure_at(failure, cursor.err, 0, cursor.at, "%s", cursor.why);
    fill_in_info(header);
    *out = header;
    header = NULL; /* now the caller's */
    return KMS_OK;
}

bool kms_envelope_is_message(struct kms_bytes beginning)
{
    if (beginning.data == NULL || beginning.len < 4)
        return false;
    const uint8_t *at = beginning.data;
    size_t len = 0;
    if (kms_key_section_begins(beginning)) {
        enum kms_err err = kms_key_section_len(beginning, &len, NULL);
        return err == KMS_OK || err == KMS_ERR_TRUNCATED;
    }
    if (at[0] == VERSION_1 && at[1] != TYPE_CUSTOMER_AUTHENTICATED_DATA)
        return false;
    const struct kms_suite *suite = kms_suite_find(kms_load_u16(at + (at[0] == VERSION_1 ? 2 : 1)));
    return suite != NULL && suite->version == at[0];
}

/* --- writing ---------------------------------------------------------------------------------- */

/* u16 length, then the bytes. */
static enum kms_err put_field(struct kms_buf *out, const void *data, size_t len)
{
    if (len > UINT16_MAX)
        return KMS_ERR_LIMIT;
    kms_buf_append_u16(out, (uint16_t)len);
    kms_buf_append(out, data, len);
    return KMS_OK;
}

static enum kms_err put_edks(const struct kms_header_parts *parts, struct kms_buf *out)
{
    if (parts->edk_count == 0 || parts->edk_count > UINT16_MAX)
        return KMS_ERR_INVALID_ARGUMENT;
    kms_buf_append_u16(out, (uint16_t)parts->edk_count);
    for (size_t i = 0; i < parts->edk_count; i++) {
        const struct kms_envelope_edk *edk = &parts->edks[i];
        enum kms_err err = put_field(out, edk->provider_id.data, edk->provider_id.len);
        if (err == KMS_OK)
            err = put_field(out, edk->provider_info.data, edk->provider_info.len);
        if (err == KMS_OK)
            err = put_field(out, edk->ciphertext.data, edk->ciphertext.len);
        if (err != KMS_OK)
            return err;
    }
    return KMS_OK;
}

static enum kms_err put_context(struct kms_str_map context, struct kms_buf *out)
{
    KMS_BUF_AUTO encoded;
    kms_buf_init(&encoded, (size_t)KMS_CONTEXT_ENCODED_MAX + 1);
    enum kms_err err = kms_context_encode(context, &encoded);
    if (err != KMS_OK)
        return err;
    return put_field(out, encoded.data, encoded.len);
}

enum kms_err kms_header_body_write(const struct kms_header_parts *parts, struct kms_buf *out)
{
    bool version_1 = parts->suite->version == VERSION_1;
    kms_buf_append_u8(out, parts->suite->version);
    if (version_1)
        kms_buf_append_u8(out, TYPE_CUSTOMER_AUTHENTICATED_DATA);
    kms_buf_append_u16(out, (uint16_t)parts->suite->id);
    kms_buf_append(out, parts->message_id.data, parts->message_id.len);
    enum kms_err err = put_context(parts->context, out);
    if (err == KMS_OK)
        err = put_edks(parts, out);
    if (err != KMS_OK)
        return err;
    kms_buf_append_u8(out, CONTENT_FRAMED);
    if (version_1) {
        kms_buf_append_u32(out, 0);
        kms_buf_append_u8(out, KMS_GCM_IV_LEN);
    }
    kms_buf_append_u32(out, parts->frame_length);
    if (kms_suite_commits(parts->suite))
        kms_buf_append(out, parts->commitment, KMS_COMMITMENT_LEN);
    return out->err;
}

enum kms_err kms_header_authentication_write(
    const struct kms_suite *suite, const uint8_t tag[KMS_GCM_TAG_LEN], struct kms_buf *out)
{
    const uint8_t iv[KMS_GCM_IV_LEN] = {0};
    if (suite->version == VERSION_1)
        kms_buf_append(out, iv, sizeof(iv));
    kms_buf_append(out, tag, KMS_GCM_TAG_LEN);
    return out->err;
}
