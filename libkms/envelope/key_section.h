/*
 * The section before a message that holds its key slots: read, opened, put together. All multi-byte
 * integers are big-endian.
 *
 *   preamble, 4096 bytes, written once:
 *     0   8  magic 89 'K' 'M' 'S' 0d 0a 1a 0a
 *     8   4  version, 1
 *     12  4  room: bytes of one copy, a multiple of 4096, at most 262,144
 *     16 16  file id, random
 *     32     zeros
 *   two copies, each of room bytes:
 *     0   8  sequence, from 1 on
 *     8   4  length of the body
 *     12     body: CBOR, deterministically encoded (RFC 8949, 4.2.1):
 *              [next id, [[id, added (seconds), provider id, provider info, ciphertext], ...]]
 *            zeros
 *    -64 32  HMAC-SHA-256, under a key of the file key, over preamble[0..32) and all of the copy before
 *    -32 32  SHA-256 over preamble[0..32) and all of the copy before
 *
 * The checksum tells a copy that was torn by a crash, without any key; of those that are whole the one
 * with the higher sequence counts (the first, when they are equal), and only its HMAC is looked at.
 */
#ifndef KMS_ENVELOPE_KEY_SECTION_H
#define KMS_ENVELOPE_KEY_SECTION_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/base/secret.h"
#include "libkms/base/sha256.h"
#include "libkms/envelope/suite.h"

#include <kms/key_slots.h>

/* The context key and raw AES name space that key slots use. */
#define KMS_CONTEXT_KEY_SLOTS "kms-key-slots"

enum {
    KMS_SECTION_PREAMBLE_LEN = 4096,
    KMS_SECTION_HEAD_LEN = 32, /* of the preamble: what is not zeros */
    KMS_SECTION_ROOM_STEP = 4096,
    KMS_SECTION_ROOM_MAX = 64 * KMS_SECTION_ROOM_STEP,
    KMS_SECTION_LEN_MAX = KMS_SECTION_PREAMBLE_LEN + 2 * KMS_SECTION_ROOM_MAX,
    KMS_SECTION_FILE_KEY_LEN = 32,
};

struct kms_key_section {
    struct kms_key_slots slots; /* must stay first: kms_key_slots_free frees the whole */
    struct kms_arena arena;
    struct kms_key_slot items[KMS_KEY_SLOTS_MAX];
    uint32_t next_id;
    unsigned current;    /* which copy it was read from: 0 or 1 */
    struct kms_buf copy; /* as read: preamble[0..32) and that copy */
};

void kms_key_section_free(struct kms_key_section *section);
void kms_key_section_free_at(struct kms_key_section **section);
#define KMS_KEY_SECTION_AUTO \
    __attribute__((cleanup(kms_key_section_free_at))) struct kms_key_section *

/* Whether a section begins here; one byte tells it from a message. */
bool kms_key_section_begins(struct kms_bytes in);

/* How many bytes the section takes. KMS_ERR_TRUNCATED: *len is how many bytes it takes to tell.
 * KMS_ERR_SYNTAX, KMS_ERR_UNSUPPORTED. */
KMS_MUST_USE enum kms_err kms_key_section_len(
    struct kms_bytes in, size_t *len, struct kms_envelope_failure *failure);

/* Reads a whole section: the copy that counts. max_slots: a limit of the caller's. KMS_ERR_CORRUPT,
 * KMS_ERR_SYNTAX, KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_key_section_parse(struct kms_bytes in, size_t max_slots,
    struct kms_key_section **out, struct kms_envelope_failure *failure);

/*
 * Has the keyring open the file key from one of the slots, and checks the HMAC. context is the
 * message's, stored and unstored pairs. The caller frees *file_key.
 */
KMS_MUST_USE enum kms_err kms_key_section_open(struct kms_key_section *section,
    const struct kms_keyring *keyring, struct kms_str_map context, struct kms_secret **file_key,
    struct kms_envelope_failure *failure);

/* A section without slots for a new file, its id drawn at random; its room is set when it is
 * composed. */
KMS_MUST_USE enum kms_err kms_key_section_new(struct kms_key_section **out);

/* Gives each key of the keyring a slot. *file_key NULL: the keyring makes the file key, too, which the
 * caller frees. KMS_ERR_LIMIT, the keyring's errors. */
KMS_MUST_USE enum kms_err kms_key_section_add(struct kms_key_section *section,
    const struct kms_keyring *keyring, struct kms_str_map context, struct kms_secret **file_key,
    struct kms_envelope_failure *failure);

/* KMS_ERR_NOT_FOUND. */
KMS_MUST_USE enum kms_err kms_key_section_remove(struct kms_key_section *section, uint32_t id);

/* The keyring that wraps the message's data key. The caller frees it. */
KMS_MUST_USE enum kms_err kms_key_section_keyring(const struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_keyring **out);

/* The HMAC over bytes. */
KMS_MUST_USE enum kms_err kms_key_section_mac(const struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_bytes bytes, uint8_t mac[KMS_SHA256_SIZE]);

/* Writes a copy with the section's id, room and sequence: out gets the preamble's head, then room
 * bytes. Sets slots.used. KMS_ERR_LIMIT: the slots need more room. */
KMS_MUST_USE enum kms_err kms_key_section_compose(struct kms_key_section *section,
    const struct kms_secret *file_key, struct kms_buf *out, struct kms_envelope_failure *failure);

/* The whole of a new section, both copies alike. wanted_room: 0 for twice what it takes. */
KMS_MUST_USE enum kms_err kms_key_section_create(struct kms_key_section *section,
    const struct kms_secret *file_key, size_t wanted_room, struct kms_buf *out,
    struct kms_envelope_failure *failure);

#endif
