/*
 * The audit trail's files, as kmsd writes them and as anybody with the directory and the public key
 * can check them. docs/AUDIT.md has the scheme; this room has every byte of it, and nothing that
 * needs a daemon.
 *
 *   trail-0000000001.jsonl     a header line, then one record on each line
 *   trail-0000000001.digests   signed digests of that file, one on each line
 *   trail-0000000001.index     for look-ups (block.h); proves nothing
 *
 * Everything read here is hostile until it is verified: sizes are bounded, forms are strict.
 */
#ifndef KMS_TRAIL_TRAIL_H
#define KMS_TRAIL_TRAIL_H

#include "libkms/base/buf.h"
#include "libkms/base/clock.h"
#include "libkms/base/sha256.h"

#define KMS_TRAIL_RECORD_MAX ((size_t)256 * 1024) /* of a record as CloudTrail has it */
#define KMS_TRAIL_SEAL_MAX   160                  /* what the trail adds to it, newline included */
#define KMS_TRAIL_LINE_MAX   (KMS_TRAIL_RECORD_MAX + KMS_TRAIL_SEAL_MAX)
#define KMS_TRAIL_DIGEST_MAX 1024
#define KMS_TRAIL_NAME_SIZE  32 /* of a file's name with its NUL */
#define KMS_TRAIL_KEY_ID_LEN \
    16 /* first half of the SHA-256 of the DER public key, in hexadecimal */

/* The name of the event that explains why the records from it on have earlier times. */
#define KMS_TRAIL_CLOCK_EVENT "SetClockBack"

/* A link of the chain. */
struct kms_trail_hash {
    uint8_t bytes[KMS_SHA256_SIZE];
};

bool kms_trail_hash_eq(const struct kms_trail_hash *a, const struct kms_trail_hash *b);

/* --- names ------------------------------------------------------------------------------------ */

enum kms_trail_file_kind { KMS_TRAIL_RECORDS, KMS_TRAIL_DIGESTS, KMS_TRAIL_INDEX };

void kms_trail_file_name(
    enum kms_trail_file_kind kind, uint32_t file, char out[KMS_TRAIL_NAME_SIZE]);

/* The other way. False: no name of the trail's. */
bool kms_trail_file_parse(const char *name, enum kms_trail_file_kind *kind, uint32_t *file);

/* --- the first line of a file ----------------------------------------------------------------- */

struct kms_trail_header {
    uint32_t file;  /* from 1 */
    uint64_t first; /* number of its first record */
    int64_t opened_ms;
    struct kms_trail_hash
        previous; /* hash of the record before the first; zero for the very first */
};

/* Appends the line with its newline and gives the hash that its first record is chained to. */
KMS_MUST_USE enum kms_err kms_trail_header_append(
    struct kms_buf *out, const struct kms_trail_header *header, struct kms_trail_hash *hash);

/* The line without its newline. KMS_ERR_SYNTAX: not exactly as kms_trail_header_append writes it. */
KMS_MUST_USE enum kms_err kms_trail_header_parse(
    struct kms_str line, struct kms_trail_header *out, struct kms_trail_hash *hash);

/* --- records ---------------------------------------------------------------------------------- */

/* What the trail adds to a record: ,"trail":{"number":N,"written":"...","hash":"..."}} */
struct kms_trail_seal {
    uint64_t number;    /* of the record, from 1, without gaps over all files */
    int64_t written_ms; /* when it was added to the file */
    struct kms_trail_hash hash;
};

/* Appends a record (a JSON object on one line) sealed under that number and time, with its newline;
 * *chain is the hash of the record before and becomes this one's. */
KMS_MUST_USE enum kms_err kms_trail_record_append(struct kms_buf *out, struct kms_str record,
    uint64_t number, int64_t written_ms, struct kms_trail_hash *chain);

/* Takes a line (without its newline) apart: record is the view of it before the seal, without the
 * closing brace. Verifies nothing. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kms_trail_record_parse(
    struct kms_str line, struct kms_trail_seal *seal, struct kms_str *record);

/* The hash that the line should have after that one. */
KMS_MUST_USE enum kms_err kms_trail_record_hash(
    struct kms_str line, const struct kms_trail_hash *previous, struct kms_trail_hash *out);

/* --- digests ---------------------------------------------------------------------------------- */

struct kms_trail_digest {
    uint64_t number;                /* from 1, without gaps over all files */
    struct kms_trail_hash previous; /* of the line of the digest before; zero for the first */
    int64_t time_ms;
    uint32_t file;
    uint32_t oldest; /* the lowest file that retention has left */
    uint64_t first;  /* of the file's records; last is first - 1 when it has none yet */
    uint64_t last;
    uint64_t bytes;             /* of the file up to the end of that record */
    struct kms_trail_hash hash; /* of the last record, or the header's */
    bool is_closed;             /* nothing is added to the file any more */
    char key_id[KMS_TRAIL_KEY_ID_LEN + 1];
};

/* Appends what is signed: a line that names its purpose, then the digest's line up to its signature.
 */
void kms_trail_digest_signed_part(struct kms_buf *out, const struct kms_trail_digest *digest);

/* Appends the whole line with its newline, and gives its hash. */
KMS_MUST_USE enum kms_err kms_trail_digest_append(struct kms_buf *out,
    const struct kms_trail_digest *digest, struct kms_bytes signature, struct kms_trail_hash *hash);

#define KMS_TRAIL_SIGNATURE_MAX 128

/* The line without its newline. signature holds KMS_TRAIL_SIGNATURE_MAX bytes. KMS_ERR_SYNTAX: not
 * exactly as kms_trail_digest_append writes it. */
KMS_MUST_USE enum kms_err kms_trail_digest_parse(struct kms_str line, struct kms_trail_digest *out,
    uint8_t *signature, size_t *signature_len, struct kms_trail_hash *hash);

/* --- public keys ------------------------------------------------------------------------------ */

struct kms_trail_key; /* Ed25519 */

/* From SubjectPublicKeyInfo, in DER or in PEM. KMS_ERR_SYNTAX, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_trail_key_read(struct kms_bytes text, struct kms_trail_key **out);
void kms_trail_key_free(struct kms_trail_key *key);
const char *kms_trail_key_id(const struct kms_trail_key *key);

/* Appends the key in PEM. */
KMS_MUST_USE enum kms_err kms_trail_key_pem(const struct kms_trail_key *key, struct kms_buf *out);

KMS_MUST_USE bool kms_trail_key_verifies(const struct kms_trail_key *key,
    const struct kms_trail_digest *digest, struct kms_bytes signature);

#endif
