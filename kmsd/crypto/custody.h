/*
 * Custody of key material and every use of it. The root key and every KMS key's plaintext exist
 * only behind this face: it takes wrapped material and bytes, and hands out bytes; never a pointer
 * to key material, so that it can move into a process of its own.
 *
 * Key hierarchy: root key -> (SP 800-108, one label per purpose) wrapping keys -> AES-256-GCM over
 * each KMS key's material, whose AAD binds key ARN, material id and record version -> (SP 800-108
 * counter mode, HMAC-SHA-256, fresh 16-byte nonce per message) message key -> AES-256-GCM over the
 * plaintext. docs/STORAGE-FORMAT.md has every byte.
 *
 * All functions may be called from any thread.
 */
#ifndef KMSD_CRYPTO_CUSTODY_H
#define KMSD_CRYPTO_CUSTODY_H

#include "libkms/base/buf.h"
#include "libkms/base/secret.h"

#include <kms/types.h>

#define KMSD_ROOT_KEY_SIZE      32
#define KMSD_MATERIAL_ID_SIZE   32
#define KMSD_PLAINTEXT_MAX      4096
#define KMSD_CIPHERTEXT_MAX     6144
#define KMSD_WRAPPED_SECRET_MAX 512
#define KMSD_SEALED_SECRET_MAX  483 /* what fits into a wrapped secret */
#define KMSD_MATERIAL_VERSION   1   /* of a material's record, today */

struct kmsd_custody;

/* Takes ownership of the root key (KMSD_ROOT_KEY_SIZE bytes) whatever the outcome; it is wiped as
 * soon as the wrapping keys are derived. KMS_ERR_INVALID_ARGUMENT (another size),
 * KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_custody_new(struct kms_secret *root_key, struct kmsd_custody **out);

/* Wipes and frees. NULL is allowed. No other call may be under way. */
void kmsd_custody_free(struct kmsd_custody *custody);

/* What wrapped material belongs to. The ARN is the key's own, region included. */
struct kmsd_material {
    struct kms_str key_arn;
    uint8_t id[KMSD_MATERIAL_ID_SIZE];
    uint32_t record_version; /* KMSD_MATERIAL_VERSION */
    struct kms_bytes wrapped;

    /* Of what kind the key is. UNSET is SYMMETRIC_DEFAULT, whose usage is not looked at. */
    enum kms_key_spec spec;
    enum kms_key_usage usage;
    struct kms_bytes public_key; /* as kmsd_custody_generate made it; key pairs only */

    /* kmsd_custody_forgets from before the key was looked up. If anything was forgotten since, the
     * material is used but not kept unwrapped: it might be what was forgotten. */
    uint64_t as_of;
};

/* How often kmsd_custody_forget was called. */
uint64_t kmsd_custody_forgets(const struct kmsd_custody *custody);

/* Makes the material of a new symmetric key: fills id (random) and appends the wrapped bytes (61).
 * KMS_ERR_CRYPTO, KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_custody_generate_symmetric(struct kmsd_custody *custody,
    struct kms_str key_arn, uint8_t id[KMSD_MATERIAL_ID_SIZE], struct kms_buf *wrapped);

/* Whether the wrapped material opens: for the check at start. KMS_ERR_AUTHENTICATION: it belongs to
 * another key or root key, or was altered. KMS_ERR_UNSUPPORTED: another record version. */
KMS_MUST_USE enum kms_err kmsd_custody_verify(
    struct kmsd_custody *custody, const struct kmsd_material *material);

/* What can be read off a ciphertext before anything is authenticated. Views into the blob. */
struct kmsd_ciphertext {
    struct kms_str key_id;             /* as in the key's ARN */
    struct kms_bytes material_id;      /* KMSD_MATERIAL_ID_SIZE bytes */
    struct kms_bytes nonce;            /* for the derivation, 16 bytes */
    struct kms_bytes iv;               /* 12 bytes */
    struct kms_bytes protected_header; /* as it stands in the blob */
    struct kms_bytes sealed;           /* ciphertext and tag */
};

/* Parses a ciphertext strictly: one COSE_Encrypt0, deterministic encoding, nothing after it.
 * KMS_ERR_SYNTAX for everything else. */
KMS_MUST_USE enum kms_err kmsd_ciphertext_parse(struct kms_bytes blob, struct kmsd_ciphertext *out);

/* Encrypts up to KMSD_PLAINTEXT_MAX bytes under a key's current material and appends the
 * ciphertext (at most KMSD_CIPHERTEXT_MAX bytes). key_id is 1 to 128 ASCII letters, digits, '-' and
 * '_'. The encryption context may be NULL: an empty one. The order of its pairs does not matter;
 * one key twice, or another key id, is KMS_ERR_INVALID_ARGUMENT. KMS_ERR_LIMIT, KMS_ERR_CRYPTO;
 * KMS_ERR_AUTHENTICATION when the wrapped material does not open. */
KMS_MUST_USE enum kms_err kmsd_custody_encrypt(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_str key_id,
    const struct kms_str_map *encryption_context, struct kms_bytes plaintext, struct kms_buf *out);

/* Decrypts what kmsd_ciphertext_parse gave and appends the plaintext. KMS_ERR_AUTHENTICATION:
 * another key or material, another context, or altered bytes. Appends nothing unless the tag
 * verifies. */
KMS_MUST_USE enum kms_err kmsd_custody_decrypt(struct kmsd_custody *custody,
    const struct kmsd_material *material, const struct kmsd_ciphertext *ciphertext,
    const struct kms_str_map *encryption_context, struct kms_buf *out);

/*
 * --- keys of every other kind ------------------------------------------------------------------
 *
 * What a kind can do, with its limits, stands in kmsd/crypto/kind.h. Who calls has looked there:
 * going past it is KMS_ERR_INVALID_ARGUMENT (an algorithm or message type that the kind does not
 * have, material of another kind) or KMS_ERR_LIMIT (a digest of another length, a plaintext too
 * long). Each function gives these besides those that stand with it:
 *
 *   KMS_ERR_UNSUPPORTED: the linked libcrypto lacks the algorithm, or the record version is later.
 *
 *   KMS_ERR_CORRUPT: the material does not open. It was altered, or it belongs to another key, kind
 *   or root key.
 *
 *   KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY, and KMS_ERR_LIMIT of an output buffer.
 *
 * Outputs are appended, and only on success. Private keys and symmetric material stay unwrapped
 * in bounded caches, so that the next use of the same key is faster; kmsd_custody_forget takes one
 * out.
 */
#define KMSD_WRAPPED_MAX         16384 /* of any material */
#define KMSD_PUBLIC_KEY_MAX      8192  /* SubjectPublicKeyInfo, DER */
#define KMSD_PRIVATE_KEY_MAX     8192  /* PKCS #8 PrivateKeyInfo, DER */
#define KMSD_SIGNATURE_MAX       6144
#define KMSD_SHARED_SECRET_MAX   66 /* X of P-521 */
#define KMSD_PUBLIC_KEY_OVERHEAD 29 /* what sealing adds to a public key */

struct kmsd_new_material {
    struct kms_str key_arn;
    enum kms_key_spec spec;
    enum kms_key_usage usage;
};

/* Makes the material of a new key of any kind, SYMMETRIC_DEFAULT too: fills id, and appends the
 * wrapped secret or private key and the sealed public key (nothing for kinds without one). The
 * public key stands there in clear but authenticated: kmsd_custody_public_key reads it. RSA takes
 * from tens of milliseconds to seconds. KMS_ERR_INVALID_ARGUMENT: no such kind. */
KMS_MUST_USE enum kms_err kmsd_custody_generate(struct kmsd_custody *custody,
    const struct kmsd_new_material *wanted, uint8_t id[KMSD_MATERIAL_ID_SIZE],
    struct kms_buf *wrapped, struct kms_buf *public_key);

/* Appends the public key: SubjectPublicKeyInfo, DER (RFC 5280). */
KMS_MUST_USE enum kms_err kmsd_custody_public_key(
    struct kmsd_custody *custody, const struct kmsd_material *material, struct kms_buf *out);

/* What is to be signed, or was. type UNSET is RAW. */
struct kmsd_message {
    enum kms_signing_algorithm algorithm;
    enum kms_message_type type;
    struct kms_bytes bytes;
};

KMS_MUST_USE enum kms_err kmsd_custody_sign(struct kmsd_custody *custody,
    const struct kmsd_material *material, const struct kmsd_message *message,
    struct kms_buf *signature);

/* Needs the public key alone. KMS_ERR_AUTHENTICATION: not that message's signature by that key,
 * malformed ones included. */
KMS_MUST_USE enum kms_err kmsd_custody_verify_signature(struct kmsd_custody *custody,
    const struct kmsd_material *material, const struct kmsd_message *message,
    struct kms_bytes signature);

KMS_MUST_USE enum kms_err kmsd_custody_mac(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_mac_algorithm algorithm,
    struct kms_bytes message, struct kms_buf *mac);

/* KMS_ERR_AUTHENTICATION: not the whole MAC of that message. Constant time in the MAC's bytes. */
KMS_MUST_USE enum kms_err kmsd_custody_verify_mac(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_mac_algorithm algorithm,
    struct kms_bytes message, struct kms_bytes mac);

/* RSAES-OAEP with an empty label (RFC 8017 section 7.1); the ciphertext is as long as the modulus.
 * Needs the public key alone. */
KMS_MUST_USE enum kms_err kmsd_custody_encrypt_asymmetric(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_encryption_algorithm algorithm,
    struct kms_bytes plaintext, struct kms_buf *ciphertext);

/* KMS_ERR_AUTHENTICATION: no ciphertext of that key and algorithm. */
KMS_MUST_USE enum kms_err kmsd_custody_decrypt_asymmetric(struct kmsd_custody *custody,
    const struct kmsd_material *material, enum kms_encryption_algorithm algorithm,
    struct kms_bytes ciphertext, struct kms_buf *plaintext);

/* Appends the raw X coordinate of ECDH (SP 800-56A section 5.7.1.2), as long as the curve's field.
 * peer is a SubjectPublicKeyInfo from outside. KMS_ERR_VALIDATION: it is not one of a point on the
 * same named curve. */
KMS_MUST_USE enum kms_err kmsd_custody_derive_shared_secret(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_bytes peer, struct kms_buf *secret);

/* ML-KEM (FIPS 203): a fresh shared secret of 32 bytes and the ciphertext that holds it. Needs the
 * public key alone. */
KMS_MUST_USE enum kms_err kmsd_custody_encapsulate(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_buf *secret, struct kms_buf *ciphertext);

/* KMS_ERR_AUTHENTICATION: a ciphertext of another length. One of the right length always gives a
 * secret, an unrelated one where the ciphertext was not made for this key (implicit rejection). */
KMS_MUST_USE enum kms_err kmsd_custody_decapsulate(struct kmsd_custody *custody,
    const struct kmsd_material *material, struct kms_bytes ciphertext, struct kms_buf *secret);

/* A key pair for the caller to keep: appends PKCS #8 PrivateKeyInfo and SubjectPublicKeyInfo, both
 * DER. Whoever gets private_key answers for it (a buffer wipes itself); nothing of it stays here.
 * KMS_ERR_INVALID_ARGUMENT: a spec that has no key pair. */
KMS_MUST_USE enum kms_err kmsd_custody_generate_key_pair(struct kmsd_custody *custody,
    enum kms_key_spec spec, struct kms_buf *private_key, struct kms_buf *public_key);

/* Wipes what is unwrapped of this material: it was deleted, or its key is not to be used for now,
 * and whoever looks the key up from now on finds it so. Calls that looked it up earlier finish, and
 * keep nothing (as_of). */
void kmsd_custody_forget(struct kmsd_custody *custody, const uint8_t id[KMSD_MATERIAL_ID_SIZE]);

/* --- */

/* Random bytes from the private generator. KMS_ERR_LIMIT, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_custody_random(uint8_t *out, size_t len);

/* The same for callers (data keys, GenerateRandom), drawn in batches (reserve.h). KMS_ERR_LIMIT,
 * KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_custody_make_data_key(
    struct kmsd_custody *custody, uint8_t *out, size_t len);

/* Wraps a small secret that is no KMS key (a secret access key; 1 to KMSD_SEALED_SECRET_MAX bytes),
 * bound to purpose and owner. KMS_ERR_INVALID_ARGUMENT, KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_custody_seal(struct kmsd_custody *custody, struct kms_str purpose,
    struct kms_str owner, struct kms_bytes secret, struct kms_buf *out);

/* Opens what kmsd_custody_seal made with the same purpose and owner. KMS_ERR_AUTHENTICATION. */
KMS_MUST_USE enum kms_err kmsd_custody_unseal(struct kmsd_custody *custody, struct kms_str purpose,
    struct kms_str owner, struct kms_bytes sealed, struct kms_secret **out);

/* The store's canary: a sealed constant, kept as the setting of this name from the store's first
 * hour, by which a store is recognised as one of this root key. */
#define KMSD_CANARY_SETTING "root-key-check"
#define KMSD_CANARY_MAX     128

KMS_MUST_USE enum kms_err kmsd_custody_canary_make(
    struct kmsd_custody *custody, struct kms_buf *out);

/* KMS_ERR_AUTHENTICATION: the store was made under another root key, or the setting was altered. */
KMS_MUST_USE enum kms_err kmsd_custody_canary_check(
    struct kmsd_custody *custody, struct kms_bytes canary);

#endif
