/*
 * What each kind of key can do: the algorithms of a key spec and usage, the messages they take and
 * the sizes that they are limited to. Facts only, no key material; for whoever checks a request
 * before custody is asked, and for the lists in a key's metadata.
 *
 * Source: "Key spec reference" of the KMS developer guide, the API reference of Sign, Encrypt,
 * GenerateMac, DeriveSharedSecret and Encapsulate.
 */
#ifndef KMSD_CRYPTO_KIND_H
#define KMSD_CRYPTO_KIND_H

#include <kms/types.h>

/* For sets of enum kms_message_type. */
#define KMSD_MESSAGE_TYPE_BIT(type) (1U << (unsigned)(type))

struct kmsd_signing {
    enum kms_signing_algorithm algorithm;
    unsigned message_types; /* which it takes, as bits */
    size_t digest_size;     /* exact length of a DIGEST or EXTERNAL_MU message, in bytes */
    const char *digest;     /* libcrypto's name of the hash; NULL: the algorithm has its own */
};

struct kmsd_encryption {
    enum kms_encryption_algorithm algorithm;
    size_t plaintext_max; /* bytes */
    const char *digest;   /* of OAEP and of its MGF1; NULL: the algorithm has its own */
};

struct kmsd_mac {
    enum kms_mac_algorithm algorithm;
    size_t mac_size; /* bytes */
    const char *digest;
};

struct kmsd_family; /* how it is done: kmsd/crypto/family.h */

/* One kind of key: a key spec for one usage. Material made for one never serves another. Only the
 * rows of its usage are there; the other pointers are NULL, their counts zero. */
struct kmsd_kind {
    enum kms_key_spec spec;
    enum kms_key_usage usage;
    const char *name; /* bound into the key's records: never changes */

    const struct kmsd_signing *signing;
    size_t signing_count;
    const struct kmsd_encryption *encryption;
    size_t encryption_count;
    const struct kmsd_mac *macs;
    size_t mac_count;
    bool agrees;       /* ECDH */
    bool encapsulates; /* ML-KEM */

    /* For whoever decides where work runs. */
    bool generates_slowly;    /* tens of milliseconds and more */
    bool private_use_is_slow; /* half a millisecond and more to sign, decrypt or agree */

    const struct kmsd_family *family;
    const char *key_type; /* libcrypto's name; NULL for keys of random bytes */
    const char *group;    /* its name of the curve, or NULL */
    unsigned bits;        /* RSA: of the modulus */
    size_t secret_size;   /* of a key of random bytes, in bytes, when made here ... */
    size_t secret_max;    /* ... and, at least that, when it is brought */
};

/* NULL: the spec is unknown, has not that usage, or is SYMMETRIC_DEFAULT (which custody has
 * functions of its own for). Whether the linked libcrypto offers it is another question. */
const struct kmsd_kind *kmsd_kind_find(enum kms_key_spec spec, enum kms_key_usage usage);

/* The first kind of that spec that is a key pair; a pair is made alike for each usage. NULL: none. */
const struct kmsd_kind *kmsd_kind_of_pair(enum kms_key_spec spec);

/* Whether keys of this kind can be made and used here. KMS_ERR_UNSUPPORTED: the linked libcrypto
 * lacks the algorithm. */
KMS_MUST_USE enum kms_err kmsd_kind_available(const struct kmsd_kind *kind);

/* The kind's row of an algorithm. NULL: "Algorithm A is incompatible with key spec S." */
const struct kmsd_signing *kmsd_kind_signing(
    const struct kmsd_kind *kind, enum kms_signing_algorithm algorithm);
const struct kmsd_encryption *kmsd_kind_encryption(
    const struct kmsd_kind *kind, enum kms_encryption_algorithm algorithm);
const struct kmsd_mac *kmsd_kind_mac(
    const struct kmsd_kind *kind, enum kms_mac_algorithm algorithm);

/* Whether the algorithm takes messages of that type; UNSET is RAW. */
bool kmsd_signing_takes(const struct kmsd_signing *signing, enum kms_message_type type);

#endif
