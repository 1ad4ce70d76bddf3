/*
 * Key slots: who can open a message, changed in place.
 *
 * A message written with kms_envelope_encrypt_options.key_slots is preceded by a section of a few
 * pages. Its slots hold one random file key, wrapped by one key each; the file key in turn wraps the
 * message's data key. Adding, removing and replacing slots rewrites the section and no other byte.
 * Everything that reads messages reads these as well. docs/ENVELOPE-FORMAT.md has the format byte by
 * byte and why it is safe.
 *
 * What it does not do: it changes neither the file key nor the data key. Whoever could open the message
 * before, and kept the file key, the data key or an old copy of the section, still can. To lock out
 * somebody who may have done so, re-encrypt (kms_envelope_reencrypt_fd).
 *
 * The descriptors here are of regular files, open for reading (and writing, where something is
 * changed); their position is neither used nor changed. An edit locks the file (flock, exclusive)
 * against other edits: KMS_ERR_BUSY. It writes one of two copies of the section, syncs it, then the
 * other, and syncs: a crash at any point leaves the old section or the new one, and after success no
 * removed slot is left in the file. An edit that ended between the two, by a crash or an error, has
 * taken effect, but left the old section as the other copy, with what was removed: copies_alike is
 * false then, and kms_key_slots_settle, or any further edit, writes over it.
 */
#ifndef KMS_KEY_SLOTS_H
#define KMS_KEY_SLOTS_H

#include <kms/envelope.h>

#define KMS_KEY_SLOTS_MAX 64

struct kms_key_slot {
    uint32_t id;      /* never used again in this file */
    int64_t added_ms; /* by the clock of whoever added it, since 1970, UTC; whole seconds */
    struct kms_envelope_edk edk; /* the wrapped file key: "aws-kms" and the key ARN, ... */
};

/* Owns all it points to. From kms_key_slots_list it is unauthenticated: what is in the file. From an
 * edit it is what was written. */
struct kms_key_slots {
    uint8_t file_id[16];
    uint64_t sequence; /* goes up by one with every edit */
    size_t room;       /* bytes that one copy of the section takes */
    size_t used;       /* of them by the slots; the rest is for further ones */
    const struct kms_key_slot *slots;
    size_t count;
    bool authenticated;
    bool copies_alike; /* false: an edit ended midway, or one copy is damaged */
};

/* Wipes and frees. NULL is allowed. */
KMS_PUBLIC void kms_key_slots_free(struct kms_key_slots *slots);

/*
 * The slots of a file, without any key. KMS_ERR_NOT_FOUND: a message (or something else) without key
 * slots. KMS_ERR_CORRUPT: no copy of the section is whole. KMS_ERR_UNSUPPORTED (version),
 * KMS_ERR_SYNTAX, KMS_ERR_TRUNCATED, KMS_ERR_IO.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_list(
    int fd, struct kms_key_slots **out, struct kms_envelope_failure *failure);

/*
 * Ends what an edit that stopped midway has left: writes the copy that counts over the other one and
 * syncs it. Takes no key, and verifies nothing that kms_key_slots_list does not. Copies that are alike
 * stay as they are. out may be NULL; otherwise the caller frees *out, the slots as they are now.
 * KMS_ERR_INVALID_ARGUMENT: no regular file. KMS_ERR_BUSY: an edit is under way. Errors of
 * kms_key_slots_list.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_settle(
    int fd, struct kms_key_slots **out, struct kms_envelope_failure *failure);

/* One edit. */
struct kms_key_slots_edit {
    const struct kms_keyring *opener;    /* required: opens one of the present slots */
    struct kms_str_map unstored_context; /* pairs that the message binds but does not store */
    const struct kms_keyring
        *adder;             /* every key of this keyring gets a slot; NULL: none is added */
    const uint32_t *remove; /* ids of the slots that shall go */
    size_t remove_count;
    struct kms_envelope_limits limits;
};

/*
 * Removes and adds slots in one step, or does nothing at all. out may be NULL; otherwise the caller
 * frees *out, the slots as they are now.
 * KMS_ERR_NOT_FOUND: no key slots, or no slot of an id. KMS_ERR_INVALID_ARGUMENT: no slot would be
 * left, or nothing is to be done. KMS_ERR_LIMIT: the slots would not fit the section, or are more than
 * KMS_KEY_SLOTS_MAX. KMS_ERR_BUSY: another edit is under way. KMS_ERR_AUTHENTICATION: the section was
 * altered, or is another message's. Errors of the keyrings, of kms_key_slots_list, KMS_ERR_IO.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_edit(int fd,
    const struct kms_key_slots_edit *edit, struct kms_key_slots **out,
    struct kms_envelope_failure *failure);

/* Gives every key of adder a slot. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_add(int fd, const struct kms_keyring *opener,
    const struct kms_keyring *adder, struct kms_key_slots **out,
    struct kms_envelope_failure *failure);

/* Removes the slot of an id. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_remove(int fd, const struct kms_keyring *opener,
    uint32_t id, struct kms_key_slots **out, struct kms_envelope_failure *failure);

/* Removes the slot of an id and gives every key of adder one, in one step. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_key_slots_replace(int fd, const struct kms_keyring *opener,
    uint32_t id, const struct kms_keyring *adder, struct kms_key_slots **out,
    struct kms_envelope_failure *failure);

#endif
