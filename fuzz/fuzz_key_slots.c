/*
 * Key slots: arbitrary bytes as a section, and arbitrary bytes as the body of one that is otherwise
 * right, so that more than checksums is reached.
 *
 * The first byte says which (odd: a body). Properties:
 * - what parses is within its limits, its slots in order
 * - what parses, composed again, is the same bytes up to the HMAC: there is one encoding of anything
 */
#include "libkms/envelope/key_section.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ROOM = KMS_SECTION_ROOM_STEP,
    TAIL = 2 * KMS_SHA256_SIZE,
    HEAD = 12, /* of a copy: sequence and length */
};

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    (void)fprintf(stderr, "property violated: %s\n", what);
    abort();
}

static void check(struct kms_bytes in)
{
    struct kms_key_section *section = NULL;
    struct kms_secret *key = NULL;
    KMS_BUF_AUTO again;
    kms_buf_init(&again, 0);
    if (kms_key_section_parse(in, KMS_KEY_SLOTS_MAX, &section, NULL) != KMS_OK)
        return;
    size_t len = 0;
    require(kms_key_section_begins(in) && kms_key_section_len(in, &len, NULL) == KMS_OK &&
                len <= in.len,
        "what parses has its length");
    require(section->slots.count > 0 && section->slots.count <= KMS_KEY_SLOTS_MAX, "some slots");
    for (size_t i = 0; i < section->slots.count; i++) {
        const struct kms_key_slot *slot = &section->slots.slots[i];
        require(slot->id != 0 && slot->id < section->next_id && slot->added_ms >= 0, "ids");
        require(i == 0 || slot->id > slot[-1].id, "in order");
    }
    require(kms_secret_new(KMS_SECTION_FILE_KEY_LEN, &key) == KMS_OK, "there is memory");
    size_t used = section->slots.used;
    require(kms_key_section_compose(section, key, &again, NULL) == KMS_OK, "composed again");
    require(again.len == section->copy.len && section->slots.used == used &&
                memcmp(again.data, section->copy.data, again.len - TAIL) == 0,
        "the same bytes");
    kms_secret_free(key);
    kms_key_section_free(section);
}

/* A section with one good copy, whose body is given. */
static void check_body(struct kms_bytes body)
{
    static const uint8_t head[16] = {
        0x89, 'K', 'M', 'S', '\r', '\n', 0x1a, '\n', 0, 0, 0, 1, 0, 0, ROOM >> 8, 0};
    uint8_t *section = calloc(1, KMS_SECTION_PREAMBLE_LEN + 2 * ROOM);
    uint8_t *covered = calloc(1, KMS_SECTION_HEAD_LEN + ROOM);
    require(section != NULL && covered != NULL, "there is memory");
    size_t len = body.len < ROOM - HEAD - TAIL ? body.len : ROOM - HEAD - TAIL;
    uint8_t *copy = section + KMS_SECTION_PREAMBLE_LEN;
    memcpy(section, head, sizeof(head));
    copy[7] = 1; /* sequence */
    copy[10] = (uint8_t)(len >> 8);
    copy[11] = (uint8_t)len;
    memcpy(copy + HEAD, body.data, len);
    memcpy(covered, section, KMS_SECTION_HEAD_LEN);
    memcpy(covered + KMS_SECTION_HEAD_LEN, copy, ROOM);
    require(kms_sha256(kms_bytes(covered, KMS_SECTION_HEAD_LEN + ROOM - KMS_SHA256_SIZE),
                copy + ROOM - KMS_SHA256_SIZE) == KMS_OK,
        "a checksum can be made");
    check(kms_bytes(section, KMS_SECTION_PREAMBLE_LEN + 2 * ROOM));
    free(section);
    free(covered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if ((data[0] & 1) != 0)
        check_body(kms_bytes(data + 1, size - 1));
    else
        check(kms_bytes(data + 1, size - 1));
    return 0;
}
