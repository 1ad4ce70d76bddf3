/*
 * The algorithm suites: what a two-byte id in a header stands for.
 * Source: AWS Encryption SDK specification, algorithm suites.
 */
#ifndef KMS_ENVELOPE_SUITE_H
#define KMS_ENVELOPE_SUITE_H

#include <kms/envelope.h>

/* The same for every suite. */
enum {
    KMS_GCM_IV_LEN = 12,
    KMS_GCM_TAG_LEN = 16,
    KMS_COMMITMENT_LEN = 32,
    KMS_MESSAGE_ID_MAX = 32,
};

enum kms_suite_kdf {
    KMS_SUITE_KDF_IDENTITY,    /* the data key is the message key */
    KMS_SUITE_KDF_HKDF,        /* salt empty, info suite id and message id */
    KMS_SUITE_KDF_HKDF_COMMIT, /* salt message id; gives a commitment too */
};

struct kms_suite_signature {
    const char *curve;  /* OpenSSL's name of the group */
    const char *digest; /* OpenSSL's name of the hash */
    size_t point_len;   /* compressed point, bytes */
    size_t der_len;     /* the length that writers settle on, bytes */
};

struct kms_suite {
    enum kms_envelope_suite id;
    uint8_t version;    /* of the header */
    size_t key_len;     /* data key and message key alike, bytes */
    const char *cipher; /* OpenSSL's name */
    enum kms_suite_kdf kdf;
    const char *kdf_digest;                      /* NULL for the identity */
    const struct kms_suite_signature *signature; /* NULL: unsigned */
    const char *name;
};

/* NULL: no such suite. */
const struct kms_suite *kms_suite_find(unsigned id);

bool kms_suite_commits(const struct kms_suite *suite);
size_t kms_suite_message_id_len(const struct kms_suite *suite);

/* The suite to write with. KMS_ERR_INVALID_ARGUMENT: no such suite; KMS_ERR_POLICY. */
KMS_MUST_USE enum kms_err kms_suite_choose(enum kms_envelope_suite wanted,
    enum kms_commitment_policy policy, const struct kms_suite **out);

KMS_MUST_USE bool kms_suite_may_read(
    const struct kms_suite *suite, enum kms_commitment_policy policy);

#endif
