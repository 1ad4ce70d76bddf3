#include "libkms/envelope/key_section.h"

#include "libkms/base/sha256.h"
#include "libkms/envelope/failure.h"
#include "libkms/envelope/wire.h"

#include <cbor.h>
#include <openssl/crypto.h>

enum {
    VERSION = 1,
    VERSION_AT = 8,
    ROOM_AT = 12,
    ID_AT = 16,
    COPY_HEAD_LEN = 8 + 4,
    COPY_TAIL_LEN = 2 * KMS_SHA256_SIZE,
    SLOT_MEMBERS = 5,
    CBOR_HEAD_MAX = 9,
    ARENA_MAX = 4 * KMS_SECTION_ROOM_MAX,
};

static const uint8_t magic[8] = {0x89, 'K', 'M', 'S', '\r', '\n', 0x1a, '\n'};

void kms_key_section_free(struct kms_key_section *section)
{
    if (section == NULL)
        return;
    kms_arena_clean_up(&section->arena);
    kms_buf_clean_up(&section->copy);
    OPENSSL_free(section);
}

void kms_key_section_free_at(struct kms_key_section **section)
{
    kms_key_section_free(*section);
    *section = NULL;
}

void kms_key_slots_free(struct kms_key_slots *slots)
{
    kms_key_section_free((struct kms_key_section *)slots); /* slots is its first member */
}

static struct kms_key_section *new_section(void)
{
    struct kms_key_section *section = OPENSSL_zalloc(sizeof(*section));
    if (section == NULL)
        return NULL;
    kms_arena_init(&section->arena, ARENA_MAX);
    kms_buf_init(&section->copy, KMS_SECTION_HEAD_LEN + KMS_SECTION_ROOM_MAX);
    section->slots.slots = section->items;
    section->next_id = 1;
    return section;
}

enum kms_err kms_key_section_new(struct kms_key_section **out)
{
    struct kms_secret *id = NULL;
    KMS_KEY_SECTION_AUTO section = new_section();
    if (section == NULL)
        return KMS_ERR_NO_MEMORY;
    enum kms_err err = kms_secret_random(sizeof(section->slots.file_id), &id);
    if (err != KMS_OK)
        return err;
    memcpy(section->slots.file_id, kms_secret_data(id), sizeof(section->slots.file_id));
    kms_secret_free(id);
    section->slots.sequence = 1;
    *out = section;
    section = NULL; /* now the caller's */
    return KMS_OK;
}

/* --- the body, in CBOR ------------------------------------------------------------------------ */

static void put_uint(struct kms_buf *out, uint64_t value)
{
    uint8_t *at = kms_buf_extend(out, CBOR_HEAD_MAX);
    if (at != NULL)
        kms_buf_truncate(
            out, out->len - CBOR_HEAD_MAX + cbor_encode_uint(value, at, CBOR_HEAD_MAX));
}

static void put_array(struct kms_buf *out, size_t count)
{
    uint8_t *at = kms_buf_extend(out, CBOR_HEAD_MAX);
    if (at != NULL)
        kms_buf_truncate(
            out, out->len - CBOR_HEAD_MAX + cbor_encode_array_start(count, at, CBOR_HEAD_MAX));
}

static void put_bytes(struct kms_buf *out, struct kms_bytes bytes)
{
    uint8_t *at = kms_buf_extend(out, CBOR_HEAD_MAX);
    if (at != NULL)
        kms_buf_truncate(out,
            out->len - CBOR_HEAD_MAX + cbor_encode_bytestring_start(bytes.len, at, CBOR_HEAD_MAX));
    kms_buf_append(out, bytes.data, bytes.len);
}

static void put_text(struct kms_buf *out, struct kms_str text)
{
    uint8_t *at = kms_buf_extend(out, CBOR_HEAD_MAX);
    if (at != NULL)
        kms_buf_truncate(
            out, out->len - CBOR_HEAD_MAX + cbor_encode_string_start(text.len, at, CBOR_HEAD_MAX));
    kms_buf_append_str(out, text);
}

static void put_body(const struct kms_key_section *section, struct kms_buf *out)
{
    put_array(out, 2);
    put_uint(out, section->next_id);
    put_array(out, section->slots.count);
    for (size_t i = 0; i < section->slots.count; i++) {
        const struct kms_key_slot *slot = &section->items[i];
        put_array(out, SLOT_MEMBERS);
        put_uint(out, slot->id);
        put_uint(out, (uint64_t)(slot->added_ms / 1000));
        put_text(out, slot->edk.provider_id);
        put_bytes(out, slot->edk.provider_info);
        put_bytes(out, slot->edk.ciphertext);
    }
}

/* The heads of the five kinds of item that a body has. Anything else, and any other than the shortest
 * form, is a syntax error; the first one sticks. */
enum major { MAJOR_UINT = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4 };

struct cursor {
    struct kms_bytes in;
    bool failed;
};

static uint64_t take_head(struct cursor *cursor, enum major major)
{
    static const uint64_t least[] = {24, 1 << 8, 1 << 16, UINT64_C(1) << 32};
    const uint8_t *at = cursor->in.data;
    unsigned short_value = cursor->in.len == 0 ? 0 : at[0] & 0x1f;
    size_t extra = short_value < 24 ? 0 : (size_t)1 << (short_value - 24);
    if (cursor->failed || cursor->in.len == 0 || at[0] >> 5 != (unsigned)major ||
        short_value > 27 || cursor->in.len - 1 < extra) {
        cursor->failed = true;
        return 0;
    }
    uint64_t value = extra == 0 ? short_value : 0;
    for (size_t i = 0; i < extra; i++)
        value = value << 8 | at[1 + i];
    if (extra > 0 && value < least[short_value - 24])
        cursor->failed = true;
    cursor->in = kms_bytes(at + 1 + extra, cursor->in.len - 1 - extra);
    return value;
}

static struct kms_bytes take_string(struct cursor *cursor, enum major major)
{
    uint64_t len = take_head(cursor, major);
    if (cursor->failed || len > cursor->in.len) {
        cursor->failed = true;
        return kms_bytes("", 0);
    }
    struct kms_bytes string = kms_bytes(cursor->in.data, (size_t)len);
    cursor->in = kms_bytes(string.data + string.len, cursor->in.len - string.len);
    return string;
}

static void take_slot(struct cursor *cursor, struct kms_key_slot *slot)
{
    cursor->failed = cursor->failed || take_head(cursor, MAJOR_ARRAY) != SLOT_MEMBERS;
    uint64_t id = take_head(cursor, MAJOR_UINT);
    uint64_t added_s = take_head(cursor, MAJOR_UINT);
    struct kms_bytes provider = take_string(cursor, MAJOR_TEXT);
    slot->edk.provider_id = (struct kms_str){(const char *)provider.data, provider.len};
    slot->edk.provider_info = take_string(cursor, MAJOR_BYTES);
    slot->edk.ciphertext = take_string(cursor, MAJOR_BYTES);
    cursor->failed = cursor->failed || id == 0 || id > UINT32_MAX || added_s > INT64_MAX / 1000;
    if (cursor->failed)
        return; /* a number that is out of range cannot be converted either */
    slot->id = (uint32_t)id;
    slot->added_ms = (int64_t)added_s * 1000;
}

/* Slots are in the order of their ids, all of them below the next one. */
static enum kms_err take_body(
    struct kms_key_section *section, struct kms_bytes body, size_t max_slots)
{
    struct cursor cursor = {.in = body};
    cursor.failed = take_head(&cursor, MAJOR_ARRAY) != 2;
    uint64_t next_id = take_head(&cursor, MAJOR_UINT);
    uint64_t count = take_head(&cursor, MAJOR_ARRAY);
    if (!cursor.failed && (count > max_slots || count > KMS_KEY_SLOTS_MAX))
        return KMS_ERR_LIMIT;
    uint32_t last = 0;
    for (uint64_t i = 0; i < count && !cursor.failed; i++) {
        struct kms_key_slot *slot = &section->items[i];
        take_slot(&cursor, slot);
        cursor.failed = cursor.failed || slot->id <= last || slot->id >= next_id;
        last = slot->id;
    }
    if (cursor.failed || count == 0 || next_id > UINT32_MAX || cursor.in.len > 0)
        return KMS_ERR_SYNTAX;
    section->next_id = (uint32_t)next_id;
    section->slots.count = (size_t)count;
    return KMS_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool kms_key_section_begins(struct kms_bytes in)
{
    return in.len > 0 && in.data[0] == magic[0];
}

static bool room_ok(uint64_t room)
{
    return room > 0 && room <= KMS_SECTION_ROOM_MAX && room % KMS_SECTION_ROOM_STEP == 0;
}

enum kms_err kms_key_section_len(
    struct kms_bytes in, size_t *len, struct kms_envelope_failure *failure)
{
    size_t known = in.len < sizeof(magic) ? in.len : sizeof(magic);
    if (memcmp(in.data, magic, known) != 0)
        return kms_failure_set(
            failure, KMS_ERR_SYNTAX, "neither a message nor key slots before one");
    if (in.len < KMS_SECTION_HEAD_LEN) {
        *len = KMS_SECTION_HEAD_LEN;
        return kms_failure_set(failure, KMS_ERR_TRUNCATED, "the key slots end too early");
    }
    uint32_t version = kms_load_u32(in.data + VERSION_AT);
    uint32_t room = kms_load_u32(in.data + ROOM_AT);
    if (version != VERSION)
        return kms_failure_set(
            failure, KMS_ERR_UNSUPPORTED, "key slots of version %u are not known", version);
    if (!room_ok(room))
        return kms_failure_set(
            failure, KMS_ERR_SYNTAX, "the key slots' room is not one that there can be");
    *len = KMS_SECTION_PREAMBLE_LEN + 2 * (size_t)room;
    return KMS_OK;
}

static bool all_zero(const uint8_t *data, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++)
        any |= data[i];
    return any == 0;
}

/* The checksum over the preamble's head and the copy. */
static enum kms_err checksum(struct kms_bytes head, struct kms_bytes copy, struct kms_buf *scratch,
    uint8_t digest[KMS_SHA256_SIZE])
{
    kms_buf_reset(scratch);
    kms_buf_append(scratch, head.data, KMS_SECTION_HEAD_LEN);
    kms_buf_append(scratch, copy.data, copy.len);
    if (scratch->err != KMS_OK)
        return scratch->err;
    return kms_sha256(kms_bytes(scratch->data, scratch->len - KMS_SHA256_SIZE), digest);
}

/* Which copy counts, and whether the other is the same. Leaves it, after the preamble's head, in
 * section->copy. */
static enum kms_err choose(
    struct kms_key_section *section, struct kms_bytes in, struct kms_envelope_failure *failure)
{
    uint8_t digest[KMS_SHA256_SIZE];
    size_t room = section->slots.room;
    bool found = false;
    for (unsigned i = 0; i < 2; i++) {
        struct kms_bytes copy = kms_bytes(in.data + KMS_SECTION_PREAMBLE_LEN + i * room, room);
        enum kms_err err = checksum(in, copy, &section->copy, digest);
        if (err != KMS_OK)
            return kms_failure_plain(failure, err);
        uint64_t sequence = kms_load_u64(copy.data);
        if (memcmp(digest, copy.data + room - sizeof(digest), sizeof(digest)) != 0 ||
            sequence == 0 || (found && sequence <= section->slots.sequence))
            continue;
        found = true;
        section->current = i;
        section->slots.sequence = sequence;
    }
    if (!found)
        return kms_failure_at(failure, KMS_ERR_CORRUPT, 0, KMS_SECTION_PREAMBLE_LEN,
            "neither copy of the key slots is whole");
    const uint8_t *copies = in.data + KMS_SECTION_PREAMBLE_LEN;
    const uint8_t *chosen = copies + section->current * room;
    section->slots.copies_alike = memcmp(copies, copies + room, room) == 0;
    return checksum(in, kms_bytes(chosen, room), &section->copy, digest);
}

enum kms_err kms_key_section_parse(struct kms_bytes in, size_t max_slots,
    struct kms_key_section **out, struct kms_envelope_failure *failure)
{
    size_t len = 0;
    enum kms_err err = kms_key_section_len(in, &len, failure);
    if (err != KMS_OK)
        return err;
    if (in.len < len)
        return kms_failure_set(failure, KMS_ERR_TRUNCATED, "the key slots end too early");
    KMS_KEY_SECTION_AUTO section = new_section();
    if (section == NULL)
        return kms_failure_plain(failure, KMS_ERR_NO_MEMORY);
    section->slots.room = kms_load_u32(in.data + ROOM_AT);
    memcpy(section->slots.file_id, in.data + ID_AT, sizeof(section->slots.file_id));
    if (!all_zero(in.data + KMS_SECTION_HEAD_LEN, KMS_SECTION_PREAMBLE_LEN - KMS_SECTION_HEAD_LEN))
        return kms_failure_set(
            failure, KMS_ERR_SYNTAX, "the key slots' first page has something after its head");
    err = choose(section, in, failure);
    if (err != KMS_OK)
        return err;
    const uint8_t *copy = section->copy.data + KMS_SECTION_HEAD_LEN;
    size_t most = section->slots.room - COPY_HEAD_LEN - COPY_TAIL_LEN;
    size_t body_len = kms_load_u32(copy + 8);
    if (body_len > most || !all_zero(copy + COPY_HEAD_LEN + body_len, most - body_len))
        err = KMS_ERR_SYNTAX;
    if (err == KMS_OK)
        err = take_body(section, kms_bytes(copy + COPY_HEAD_LEN, body_len), max_slots);
    if (err != KMS_OK)
        return kms_failure_at(failure, err, 0,
            KMS_SECTION_PREAMBLE_LEN + section->current * section->slots.room, "the key slots: %s",
            err == KMS_ERR_LIMIT ? "more of them than the limit" : kms_err_text(err));
    section->slots.used = COPY_HEAD_LEN + body_len + COPY_TAIL_LEN;
    *out = section;
    section = NULL; /* now the caller's */
    return KMS_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_preamble_head(const struct kms_key_section *section, struct kms_buf *out)
{
    kms_buf_append(out, magic, sizeof(magic));
    kms_buf_append_u32(out, VERSION);
    kms_buf_append_u32(out, (uint32_t)section->slots.room);
    kms_buf_append(out, section->slots.file_id, sizeof(section->slots.file_id));
}

static void put_zeros(struct kms_buf *out, size_t len)
{
    uint8_t *at = kms_buf_extend(out, len);
    if (at != NULL)
        memset(at, 0, len);
}

static enum kms_err encode_body(const struct kms_key_section *section, struct kms_buf *body,
    struct kms_envelope_failure *failure)
{
    put_body(section, body);
    return body->err == KMS_OK ? KMS_OK
                               : kms_failure_set(failure, body->err,
                                     "the key slots take more than the %d bytes there can be",
                                     KMS_SECTION_ROOM_MAX);
}

enum kms_err kms_key_section_compose(struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_buf *out, struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO body;
    uint8_t mac[KMS_SHA256_SIZE];
    size_t most = section->slots.room - COPY_HEAD_LEN - COPY_TAIL_LEN;
    kms_buf_init(&body, KMS_SECTION_ROOM_MAX);
    kms_buf_init(out, KMS_SECTION_HEAD_LEN + section->slots.room);
    enum kms_err err = encode_body(section, &body, failure);
    if (err != KMS_OK)
        return err;
    if (body.len > most)
        return kms_failure_set(failure, KMS_ERR_LIMIT,
            "the key slots take %zu bytes, but the file has room for %zu", body.len, most);
    put_preamble_head(section, out);
    kms_buf_append_u64(out, section->slots.sequence);
    kms_buf_append_u32(out, (uint32_t)body.len);
    kms_buf_append(out, body.data, body.len);
    put_zeros(out, most - body.len);
    err = out->err;
    if (err == KMS_OK)
        err = kms_key_section_mac(section, file_key, kms_buf_bytes(out), mac);
    if (err == KMS_OK) {
        kms_buf_append(out, mac, sizeof(mac));
        err = kms_sha256(kms_buf_bytes(out), mac);
    }
    if (err == KMS_OK) {
        kms_buf_append(out, mac, sizeof(mac));
        err = out->err;
    }
    if (err != KMS_OK)
        return kms_failure_plain(failure, err);
    section->slots.used = COPY_HEAD_LEN + body.len + COPY_TAIL_LEN;
    return KMS_OK;
}

static enum kms_err set_room(
    struct kms_key_section *section, size_t wanted, struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO body;
    kms_buf_init(&body, KMS_SECTION_ROOM_MAX);
    enum kms_err err = encode_body(section, &body, failure);
    if (err != KMS_OK)
        return err;
    if (wanted > KMS_SECTION_ROOM_MAX)
        return kms_failure_set(
            failure, KMS_ERR_LIMIT, "room for key slots is at most %d bytes", KMS_SECTION_ROOM_MAX);
    if (wanted == 0)
        wanted = COPY_HEAD_LEN + 2 * body.len + COPY_TAIL_LEN;
    wanted = (wanted + KMS_SECTION_ROOM_STEP - 1) / KMS_SECTION_ROOM_STEP * KMS_SECTION_ROOM_STEP;
    section->slots.room = wanted < KMS_SECTION_ROOM_MAX ? wanted : KMS_SECTION_ROOM_MAX;
    return KMS_OK;
}

enum kms_err kms_key_section_create(struct kms_key_section *section,
    const struct kms_secret *file_key, size_t wanted_room, struct kms_buf *out,
    struct kms_envelope_failure *failure)
{
    KMS_BUF_AUTO copy;
    kms_buf_init(&copy, 0);
    kms_buf_init(out, KMS_SECTION_LEN_MAX);
    enum kms_err err = set_room(section, wanted_room, failure);
    if (err == KMS_OK)
        err = kms_key_section_compose(section, file_key, &copy, failure);
    if (err != KMS_OK)
        return err;
    put_preamble_head(section, out);
    put_zeros(out, KMS_SECTION_PREAMBLE_LEN - KMS_SECTION_HEAD_LEN);
    for (int i = 0; i < 2; i++)
        kms_buf_append(out, copy.data + KMS_SECTION_HEAD_LEN, section->slots.room);
    return out->err == KMS_OK ? KMS_OK : kms_failure_plain(failure, out->err);
}
