/*
 * Envelope encryption: data of any size under a data key that a keyring wraps, in the AWS
 * Encryption SDK message format. What this writes, the Encryption SDK in any language reads, and
 * the other way round.
 *
 * Source: AWS Encryption SDK specification, message format versions 1.0 and 2.0.
 *
 * Three layers, each built on the one before:
 *   streams   struct kms_envelope_encryptor and _decryptor: feed bytes, drain bytes; no I/O of
 * their own (but for the keyring's one call), no threads, constant memory buffers
 * kms_envelope_encrypt, _decrypt: a whole message at once files     kms_envelope_encrypt_fd,
 * _decrypt_fd, _reencrypt_fd: from descriptor to descriptor, on several cores
 *
 * Promise: no plaintext byte is given out before the tag of its frame (and the header's tag, and
 * the key commitment) verified; of a signed message the last frame is held until the signature
 * verified. The whole is authentic only when the call that ends the message returns KMS_OK: a
 * caller who keeps what came before must throw it away on any error.
 *
 * Written: suites 0x0478 (default), 0x0578 (signed), and, only under the policy
 * KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT, the nine suites of version 1; always framed.
 * Read: all eleven suites, framed and non-framed.
 */
#ifndef KMS_ENVELOPE_H
#define KMS_ENVELOPE_H

#include <kms/api.h>
#include <kms/bytes.h>
#include <kms/error.h>
#include <kms/types.h>

struct kms_client; /* <kms/client.h> */

/* --- algorithm suites and policies ------------------------------------------------------------ */

/* AES-GCM with a 12-byte IV and a 16-byte tag throughout; the values are those of the wire. */
enum kms_envelope_suite {
    KMS_SUITE_DEFAULT = 0, /* what the commitment policy asks for: 0x0478, or 0x0378 under FORBID */
    KMS_SUITE_AES_128_GCM_NO_KDF = 0x0014,
    KMS_SUITE_AES_192_GCM_NO_KDF = 0x0046,
    KMS_SUITE_AES_256_GCM_NO_KDF = 0x0078,
    KMS_SUITE_AES_128_GCM_HKDF_SHA256 = 0x0114,
    KMS_SUITE_AES_192_GCM_HKDF_SHA256 = 0x0146,
    KMS_SUITE_AES_256_GCM_HKDF_SHA256 = 0x0178,
    KMS_SUITE_AES_128_GCM_HKDF_SHA256_ECDSA_P256 = 0x0214,
    KMS_SUITE_AES_192_GCM_HKDF_SHA384_ECDSA_P384 = 0x0346,
    KMS_SUITE_AES_256_GCM_HKDF_SHA384_ECDSA_P384 = 0x0378,
    KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT = 0x0478,
    KMS_SUITE_AES_256_GCM_HKDF_SHA512_COMMIT_ECDSA_P384 = 0x0578,
};

/* Whether a message must commit to its data key. Suites 0x0478 and 0x0578 do. */
enum kms_commitment_policy {
    KMS_COMMITMENT_REQUIRE_ENCRYPT_REQUIRE_DECRYPT = 0, /* write and read committing suites only */
    KMS_COMMITMENT_REQUIRE_ENCRYPT_ALLOW_DECRYPT,       /* write committing suites, read all */
    KMS_COMMITMENT_FORBID_ENCRYPT_ALLOW_DECRYPT,        /* write version 1 suites, read all */
};

/* --- limits: zero takes the default ----------------------------------------------------------- */

#define KMS_ENVELOPE_MAX_HEADER_DEFAULT ((size_t)256 * 1024)
#define KMS_ENVELOPE_MAX_EDKS_DEFAULT   ((size_t)64)
#define KMS_ENVELOPE_MAX_FRAME_DEFAULT  ((uint32_t)16 * 1024 * 1024)
/* AES-GCM reaches its full speed at 64 KiB (2.9 GB/s a core where this was measured, 1.9 at 4 KiB);
 * from 512 KiB on a worker's frames fall out of its core's cache. Readers hold a whole frame. */
#define KMS_ENVELOPE_FRAME_LENGTH_DEFAULT ((uint32_t)128 * 1024)

/* What a reader (and the writer's header) will put up with. Exceeding one is KMS_ERR_LIMIT. */
struct kms_envelope_limits {
    size_t max_header_bytes;  /* header with its authentication */
    size_t max_edks;          /* encrypted data keys */
    uint32_t max_frame_bytes; /* frame length; also the content of a non-framed message, which has
                                 to be held whole until its tag verified */
};

/* --- what went wrong, in detail --------------------------------------------------------------- */

#define KMS_ENVELOPE_FAILURE_TEXT_SIZE 256

/* Filled by every function that takes one, when it fails; cleared when it succeeds. The caller's;
 * NULL is allowed. */
struct kms_envelope_failure {
    enum kms_err err;
    uint32_t frame;         /* sequence number of the frame at fault; 0: the header, or no frame */
    uint64_t offset;        /* where in the message the part at fault begins, bytes */
    int os_error;           /* errno, with KMS_ERR_IO; else 0 */
    struct kms_fault fault; /* what the service said, with KMS_ERR_FAULT; also the last refusal
                               behind a KMS_ERR_NO_KEY. code is "" otherwise */
    char text[KMS_ENVELOPE_FAILURE_TEXT_SIZE]; /* one phrase, no full stop; no secrets in it */
};

/* --- keyrings: who wraps the data key --------------------------------------------------------- */

/*
 * A keyring wraps a new message's data key (one encrypted data key, "EDK", per key) and unwraps
 * that of an existing one. It is immutable: any number of streams in any number of threads may use
 * it at once. It must outlive the streams that were given it.
 */
struct kms_keyring;

/* Wipes and frees. NULL is allowed. */
KMS_PUBLIC void kms_keyring_free(struct kms_keyring *keyring);

/* Keys of the service. Views need to be valid only during kms_keyring_new_kms. */
struct kms_keyring_kms_options {
    struct kms_str generator;    /* the key that makes data keys: key id, key ARN, alias name or
                                    alias ARN. Absent: the keyring cannot begin a message */
    struct kms_str_list key_ids; /* further keys that shall be able to open a message */
    struct kms_str_list grant_tokens; /* sent with every call */

    /* false: strict. To open a message only the generator and key_ids are used.
     * true: discovery. Any "aws-kms" EDK is tried with the key that it names. Encrypting with such
     * a keyring needs a generator all the same. */
    bool discovery;
    struct kms_str discovery_partition;     /* discovery: only this partition; absent: all */
    struct kms_str_list discovery_accounts; /* discovery: only these accounts; absent: all */

    /* Multi-Region aware: a message made with one replica of a multi-Region key ("mrk-...") may be
     * opened with another one, which differs from it in the Region alone. Strict: the replica that was
     * given. Discovery: the one in discovery_region; EDKs of other keys are tried when they are of that
     * Region. Discovery without discovery_region: the replica in the client's Region, then the key that
     * is named; EDKs of other keys are tried wherever they are. */
    bool multi_region;
    struct kms_str discovery_region;
};

/*
 * A keyring of KMS keys. client is borrowed and must outlive the keyring. A key that is named by an
 * ARN (of a key or an alias) is asked for in the Region of the ARN, by a client that is made from this
 * one (kms_client_new_in_region); any other in the client's own. Writing asks
 * GenerateDataKey of the generator and Encrypt of each further key; the EDKs name the key ARNs that
 * the service answered, whatever form of id was given. Reading tries the EDKs in order until one
 * opens: in strict mode an ARN or id given must match the EDK's ARN, an alias is resolved by the
 * service, and the answered key ARN must equal the EDK's in any case.
 * KMS_ERR_INVALID_ARGUMENT: neither generator, key_ids nor discovery; a malformed key id.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_keyring_new_kms(struct kms_client *client,
    const struct kms_keyring_kms_options *options, struct kms_keyring **out);

/*
 * A keyring of one AES key of 16, 24 or 32 bytes held by the caller (copied into protected memory;
 * the caller wipes the original). name_space is the EDK's provider id and must not begin with
 * "aws-kms"; name names the key in it.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_keyring_new_raw_aes(
    struct kms_str name_space, struct kms_str name, struct kms_bytes key, struct kms_keyring **out);

enum kms_rsa_padding {
    KMS_RSA_PADDING_OAEP_SHA256 = 0, /* MGF1 with the same hash, empty label */
    KMS_RSA_PADDING_OAEP_SHA384,
    KMS_RSA_PADDING_OAEP_SHA512,
    KMS_RSA_PADDING_OAEP_SHA1,  /* for what others wrote */
    KMS_RSA_PADDING_PKCS1_V1_5, /* for what others wrote */
};

/*
 * A keyring of one RSA key of at least 2048 bits. Either PEM may be absent: without public_pem
 * (SubjectPublicKeyInfo) it wraps with the public half of private_pem (PKCS#8 or traditional,
 * unencrypted), without private_pem it cannot open. KMS_ERR_SYNTAX: not such a PEM.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_keyring_new_raw_rsa(struct kms_str name_space,
    struct kms_str name, enum kms_rsa_padding padding, struct kms_bytes public_pem,
    struct kms_bytes private_pem, struct kms_keyring **out);

/*
 * Several keyrings as one: the generator makes the data key, every child wraps it too, and any of
 * them opens the message. All are borrowed and must outlive this one. generator may be NULL (the
 * first child generates). Up to 64 children. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_LIMIT.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_keyring_new_multi(const struct kms_keyring *generator,
    const struct kms_keyring *const *children, size_t count, struct kms_keyring **out);

/* Limits of a cache of data keys; those of the Encryption SDK. */
struct kms_keyring_caching_options {
    size_t capacity;       /* data keys held at most; 0: 100; at most 100,000 */
    int64_t max_age_ms;    /* required: how long one may be used after it was made or opened */
    uint64_t max_messages; /* messages begun with one; 0: 2^32, the most there can be */
    uint64_t max_bytes;    /* plaintext encrypted under one; 0: 2^63 - 1 */
};

/*
 * A keyring that asks inner, and remembers: a message begun with the same suite and context as an
 * earlier one takes that one's data key and EDKs (its own message key is derived from them with its
 * message id), and a message whose EDKs and context were opened before is opened without asking. Least
 * recently used keys make room; keys are wiped when they go. Not cached: writing with suites that derive
 * no message key (0x0014, 0x0046, 0x0078); signed messages, when writing, for each has a key of its own
 * in its context; messages with key slots; with max_bytes, messages whose plaintext_bound is not given.
 * A message that was read is remembered once its header is authenticated; one that failed to open is
 * not. Nobody asks the service while a key is remembered: what it forbids in the meantime takes effect
 * after max_age_ms. inner is borrowed and must outlive it.
 * KMS_ERR_INVALID_ARGUMENT.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_keyring_new_caching(const struct kms_keyring *inner,
    const struct kms_keyring_caching_options *options, struct kms_keyring **out);

/* --- options ---------------------------------------------------------------------------------- */

/* Zero-initialise, then set. Views and pointers need to be valid only during the call that takes
 * the options; the keyring longer, see there. */
struct kms_envelope_encrypt_options {
    const struct kms_keyring *keyring; /* required */

    /* The encryption context: bound to every byte of the message and stored in its header in the
     * clear. Keys are distinct and do not begin with "aws-crypto-"; UTF-8; 65,535 bytes in all. */
    struct kms_str_map context;
    /* Keys of context whose pairs are bound but not stored: a reader has to bring them. */
    struct kms_str_list unstored_keys;

    enum kms_envelope_suite suite;
    enum kms_commitment_policy policy;
    uint32_t frame_length; /* plaintext bytes in a frame; 0: KMS_ENVELOPE_FRAME_LENGTH_DEFAULT. At
                              most limits.max_frame_bytes */
    uint64_t plaintext_bound; /* more plaintext than this will not come: KMS_ERR_LIMIT if it does. A
                                 caching keyring counts it. 0: not known */
    /* Begin with key slots (<kms/key_slots.h>), one for each of the keyring's keys: who can open the
     * message can then be changed in place. Only this library reads such a file; past the section,
     * which info->section_len tells, it is a message like any other, under a raw AES key. */
    bool key_slots;
    size_t key_slots_room; /* bytes for the slots, kept twice; rounded up to 4096, at most 262,144;
                              0: twice what the first ones need */
    struct kms_envelope_limits limits;
};

struct kms_envelope_decrypt_options {
    const struct kms_keyring *keyring; /* required */

    /* Pairs that the message's header must carry with these values, else KMS_ERR_CONTEXT. */
    struct kms_str_map context;
    /* Pairs that the writer bound but did not store (unstored_keys). One that is in the header
     * after all must be equal, else KMS_ERR_CONTEXT; wrong ones fail as KMS_ERR_AUTHENTICATION or
     * as the keyring's failure. */
    struct kms_str_map unstored_context;

    enum kms_commitment_policy policy;
    bool refuse_signed; /* fail with KMS_ERR_POLICY right after the header when the suite signs: for
                           streaming where the last frame must not be held back */
    bool ignore_signature; /* range reads alone (<kms/envelope_range.h>): read parts of a signed
                              message although only its frames' tags are verified then */
    struct kms_envelope_limits limits;
};

/* --- what a message says of itself ------------------------------------------------------------ */

struct kms_envelope_edk {
    struct kms_str provider_id;     /* "aws-kms" for keys of the service */
    struct kms_bytes provider_info; /* "aws-kms": the key ARN */
    struct kms_bytes ciphertext;
};

/* Owns all it points to. From kms_envelope_inspect* it is unauthenticated: what somebody wrote into
 * a file, good for finding out which key to ask for and no more. From the other functions it is
 * authentic. */
struct kms_envelope_info {
    uint8_t version;               /* of the message format: 1 or 2 */
    enum kms_envelope_suite suite; /* never KMS_SUITE_DEFAULT */
    const char *suite_name;        /* such as "AES-256-GCM, HKDF-SHA512, key commitment" */
    bool committing;               /* the suite commits to the data key */
    bool is_signed;                /* the suite signs; a footer follows the body */
    bool framed;
    bool authenticated;          /* see above */
    bool counted;                /* frames, plaintext_len and message_len are known */
    uint32_t frame_length;       /* bytes; 0 when not framed */
    struct kms_bytes message_id; /* 16 bytes in version 1, 32 in version 2 */
    struct kms_str_map context;  /* as stored, "aws-crypto-public-key" included */
    const struct kms_envelope_edk *edks;
    size_t edk_count;
    uint64_t section_len;   /* bytes of key slots before the header; 0: none */
    size_t key_slot_count;  /* see kms_key_slots_list for them */
    uint64_t header_len;    /* bytes, with the header's authentication */
    uint64_t frames;        /* 1 when not framed */
    uint64_t plaintext_len; /* bytes */
    uint64_t message_len;   /* bytes, everything included */
};

/* Wipes and frees. NULL is allowed. */
KMS_PUBLIC void kms_envelope_info_free(struct kms_envelope_info *info);

/* Whether the bytes begin as a message of this format does (four bytes are enough to tell). Chance
 * of error for a ciphertext blob of kmsd: none. */
KMS_PUBLIC KMS_MUST_USE bool kms_envelope_is_message(struct kms_bytes beginning);

/*
 * Parses a header without any key. message may be just the beginning of one: KMS_ERR_TRUNCATED
 * means that more bytes are needed to reach the end of the header. limits and failure may be NULL.
 * The caller frees *out. KMS_ERR_SYNTAX, KMS_ERR_LIMIT, KMS_ERR_UNSUPPORTED (unknown version or
 * suite).
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_inspect(struct kms_bytes message,
    const struct kms_envelope_limits *limits, struct kms_envelope_info **out,
    struct kms_envelope_failure *failure);

/* The same from a descriptor, read from its current position. count_frames: also walk the whole
 * body (still without authenticating it) to fill in what counted promises; the structure must then
 * be whole: KMS_ERR_TRUNCATED, KMS_ERR_TRAILING, KMS_ERR_SYNTAX. Otherwise no more than
 * limits->max_header_bytes is read. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_inspect_fd(int fd, bool count_frames,
    const struct kms_envelope_limits *limits, struct kms_envelope_info **out,
    struct kms_envelope_failure *failure);

/* --- streams ---------------------------------------------------------------------------------- */

/* Room to write to; moved on past what was written. */
struct kms_room {
    uint8_t *data;
    size_t len;
};

struct kms_envelope_encryptor;
struct kms_envelope_decryptor;

/*
 * Begins a message: asks the keyring for a data key (this may block on the network) and makes the
 * header. Errors: KMS_ERR_INVALID_ARGUMENT (options), KMS_ERR_POLICY (suite and policy),
 * KMS_ERR_LIMIT, KMS_ERR_FAULT and the client's other errors, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_encryptor_new(
    const struct kms_envelope_encrypt_options *options, struct kms_envelope_encryptor **out,
    struct kms_envelope_failure *failure);

/* Wipes and frees, finished or not. NULL is allowed. */
KMS_PUBLIC void kms_envelope_encryptor_free(struct kms_envelope_encryptor *encryptor);

/*
 * Takes plaintext from *in and gives message bytes to *out, both moved on past what was used, until
 * one of them is used up. end: no plaintext follows what is in *in; once said it stays said. Any
 * division of the input and any room give the same bytes. The two must not overlap. *done becomes
 * true when the message is complete and all of it was given out. An error stays: every later call
 * returns it. KMS_ERR_LIMIT: more than 2^32 - 1 frames, more than plaintext_bound. One thread at a
 * time.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_encryptor_step(
    struct kms_envelope_encryptor *encryptor, struct kms_bytes *in, bool end, struct kms_room *out,
    bool *done, struct kms_envelope_failure *failure);

/* The header that was written. Owned by the stream. */
KMS_PUBLIC const struct kms_envelope_info *kms_envelope_encryptor_info(
    const struct kms_envelope_encryptor *encryptor);

/* Makes a reader; copies the options. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_NO_MEMORY. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_decryptor_new(
    const struct kms_envelope_decrypt_options *options, struct kms_envelope_decryptor **out,
    struct kms_envelope_failure *failure);

/* Wipes and frees, finished or not. NULL is allowed. */
KMS_PUBLIC void kms_envelope_decryptor_free(struct kms_envelope_decryptor *decryptor);

/*
 * Takes message bytes from *in and gives verified plaintext to *out, as above; the one call in
 * which the header becomes complete asks the keyring and may block on the network. end: no message
 * bytes follow. *done becomes true, only with end, when the whole message verified and all
 * plaintext was given out. On an error *out has been moved on past the frames that verified before
 * it. Errors: KMS_ERR_SYNTAX, KMS_ERR_TRUNCATED, KMS_ERR_TRAILING, KMS_ERR_LIMIT,
 * KMS_ERR_UNSUPPORTED, KMS_ERR_POLICY, KMS_ERR_CONTEXT, KMS_ERR_NO_KEY (no EDK could be opened),
 * KMS_ERR_AUTHENTICATION, and the keyring's: KMS_ERR_FAULT, KMS_ERR_TRANSPORT, ... (when the one
 * EDK that was tried failed so).
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_decryptor_step(
    struct kms_envelope_decryptor *decryptor, struct kms_bytes *in, bool end, struct kms_room *out,
    bool *done, struct kms_envelope_failure *failure);

/* The header, or NULL until it is authenticated. Owned by the stream. */
KMS_PUBLIC const struct kms_envelope_info *kms_envelope_decryptor_info(
    const struct kms_envelope_decryptor *decryptor);

/* --- whole buffers ---------------------------------------------------------------------------- */

/* Wipes and frees what the next two gave. NULL is allowed. */
KMS_PUBLIC void kms_envelope_buffer_free(uint8_t *data, size_t len);

/* One message from one buffer; the caller frees *out with kms_envelope_buffer_free. info may be
 * NULL; otherwise the caller frees *info. Errors as of the streams. *out is never NULL on success.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_encrypt(
    const struct kms_envelope_encrypt_options *options, struct kms_bytes plaintext, uint8_t **out,
    size_t *out_len, struct kms_envelope_info **info, struct kms_envelope_failure *failure);

KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_decrypt(
    const struct kms_envelope_decrypt_options *options, struct kms_bytes message, uint8_t **out,
    size_t *out_len, struct kms_envelope_info **info, struct kms_envelope_failure *failure);

/* --- file descriptors ------------------------------------------------------------------------- */

/* Called now and then (about ten times a second, and at the end) in the thread of the caller.
 * in_bytes: read so far. Returning false gives the work up: KMS_ERR_CANCELLED. */
typedef bool (*kms_envelope_progress_fn)(void *context, uint64_t in_bytes);

/* May be NULL where it is taken: all defaults. */
struct kms_envelope_fd_options {
    unsigned threads;                  /* workers; 0: as many as help here; at most 64 */
    kms_envelope_progress_fn progress; /* NULL: none */
    void *progress_context;
};

/*
 * From in_fd, from its current position to its end, to out_fd at its current position: files,
 * pipes, sockets, all in blocking mode. Neither is closed, synced or sought. Memory is bounded:
 * under 10 MiB with the defaults; for longer frames, buffers of 32 MiB or two frames, whichever is
 * more. Blocks until done; a signal handler's EINTR is retried. SIGPIPE is not raised: a reader
 * that is gone is KMS_ERR_IO with os_error EPIPE. On failure what was written before stays written:
 * write to a temporary name, rename on KMS_OK.
 *
 * info may be NULL; otherwise the caller frees *info, whose counted is true.
 * Errors as of the streams, and KMS_ERR_IO, KMS_ERR_CANCELLED.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_encrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_encrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure);

KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_decrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_decrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure);

/* Verifies the whole message as decrypting it would, every tag and the signature, and writes nothing.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_verify_fd(int in_fd,
    const struct kms_envelope_decrypt_options *options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure);

/*
 * Decrypts a message and encrypts it again in one pass: new data key, new message id, plaintext
 * only in memory. When encrypt_options->context and ->unstored_keys are absent, the new message
 * takes over the old one's pairs, stored and unstored ones each as they were. info is the new
 * message's.
 */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_envelope_reencrypt_fd(int in_fd, int out_fd,
    const struct kms_envelope_decrypt_options *decrypt_options,
    const struct kms_envelope_encrypt_options *encrypt_options,
    const struct kms_envelope_fd_options *fd_options, struct kms_envelope_info **info,
    struct kms_envelope_failure *failure);

#endif
