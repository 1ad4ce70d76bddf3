/*
 * The inside of a keyring: a table of two verbs. A new kind of keyring is a file that embeds struct
 * kms_keyring first and points it at its table.
 * Source: AWS Encryption SDK specification, "Keyring Interface".
 */
#ifndef KMS_ENVELOPE_KEYRING_H
#define KMS_ENVELOPE_KEYRING_H

#include "libkms/base/arena.h"
#include "libkms/base/secret.h"
#include "libkms/envelope/suite.h"

/* A new message's data key on its way through the keyrings. */
struct kms_wrap {
    const struct kms_suite *suite;
    struct kms_str_map context; /* canonical; stored and unstored pairs */
    struct kms_bytes aad;       /* the same, serialised */
    struct kms_arena *arena;    /* what the EDKs point into */
    struct kms_envelope_failure *failure;
    uint64_t plaintext_bound; /* bytes that will be encrypted at most; 0: not known */
    bool no_cache;            /* the keys themselves have to be asked */

    struct kms_secret *data_key; /* NULL until the first keyring makes it */
    struct kms_envelope_edk *edks;
    size_t edk_count;
    size_t edk_max;
};

/* What a keyring wants to be told about a data key that it opened: whether it is the message's. It is
 * the first member of what the keyring keeps until then. */
struct kms_unwrap_note {
    struct kms_unwrap_note *next;
    void (*settle)(struct kms_unwrap_note *note, bool authentic); /* frees it, or takes it over */
};

/* An existing message's data key being looked for. */
struct kms_unwrap {
    const struct kms_suite *suite;
    struct kms_str_map context;
    struct kms_bytes aad;
    const struct kms_envelope_edk *edks;
    size_t edk_count;
    struct kms_envelope_failure *failure;
    bool no_cache; /* the keys themselves have to be asked */

    struct kms_secret *data_key; /* set by the keyring that opens one */
    size_t attempts;             /* EDKs that matched a key and did not open */
    enum kms_err attempt_err;    /* what all of them failed with; KMS_ERR_NO_KEY when they differ */
    struct kms_unwrap_note *notes; /* owned, until they are settled */
};

struct kms_keyring_ops {
    /* Makes the data key when there is none yet, then adds its EDKs. On failure the message is
     * given up. */
    enum kms_err (*wrap)(const struct kms_keyring *keyring, struct kms_wrap *wrap);
    /* Tries the EDKs in order until one opens. KMS_ERR_NO_KEY: none is for this keyring. Other
     * errors: the last attempt's; each attempt is counted (kms_unwrap_failed). */
    enum kms_err (*unwrap)(const struct kms_keyring *keyring, struct kms_unwrap *unwrap);
    void (*free)(struct kms_keyring *keyring);
};

struct kms_keyring {
    const struct kms_keyring_ops *ops;
};

void kms_keyring_free_at(struct kms_keyring **keyring);
#define KMS_KEYRING_AUTO __attribute__((cleanup(kms_keyring_free_at))) struct kms_keyring *

/* What the message layer calls. kms_keyring_wrap leaves a data key of the suite's length and at
 * least one EDK; kms_keyring_unwrap a data key of the suite's length. The caller frees data_key,
 * also after a failure. */
KMS_MUST_USE enum kms_err kms_keyring_wrap(
    const struct kms_keyring *keyring, struct kms_wrap *wrap);
KMS_MUST_USE enum kms_err kms_keyring_unwrap(
    const struct kms_keyring *keyring, struct kms_unwrap *unwrap);

/* To be called once after kms_keyring_unwrap, whatever that gave. authentic: what the data key belongs
 * to verified under it. Until then the EDKs may be anybody's and the data key another message's. */
void kms_unwrap_settle(struct kms_unwrap *unwrap, bool authentic);

/* --- for the keyrings ------------------------------------------------------------------------- */

/* Makes a random data key unless there is one. */
KMS_MUST_USE enum kms_err kms_wrap_generate(struct kms_wrap *wrap);

/* Adds an EDK; the parts are copied. KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_wrap_add(struct kms_wrap *wrap, struct kms_str provider_id,
    struct kms_bytes provider_info, struct kms_bytes ciphertext);

/* Takes over what an EDK opened to, if it can be the data key. */
KMS_MUST_USE enum kms_err kms_unwrap_accept(struct kms_unwrap *unwrap, struct kms_bytes plaintext);

/* Counts an EDK that matched and did not open. Returns err. */
enum kms_err kms_unwrap_failed(struct kms_unwrap *unwrap, enum kms_err err);

/* Has the note settled after all else succeeded or failed. */
void kms_unwrap_add_note(struct kms_unwrap *unwrap, struct kms_unwrap_note *note);

/* "aws-kms" and what begins so is the service's. */
bool kms_name_space_ok(struct kms_str name_space);

#endif
