/*
 * AWS Signature Version 4, header form: canonical request, string to sign, signing key, signature.
 * Client and daemon share these stages; each is reachable by itself, so that a failing test vector
 * names its stage.
 *
 * Source: "Create a signed AWS API request", IAM User Guide.
 */
#ifndef KMS_PROTO_SIGV4_H
#define KMS_PROTO_SIGV4_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"
#include "libkms/base/secret.h"

#define KMS_SIGV4_ALGORITHM      "AWS4-HMAC-SHA256"
#define KMS_SIGV4_KEY_SIZE       32
#define KMS_SIGV4_SIGNATURE_SIZE 65 /* 64 hexadecimal digits and a NUL */
#define KMS_SIGV4_MAX_HEADERS    64
#define KMS_SIGV4_MAX_QUERY      64    /* query parameters */
#define KMS_SIGV4_SECRET_MAX     256   /* bytes of a secret access key */
#define KMS_SIGV4_CANONICAL_MAX  65536 /* bytes of a canonical request that kms_sigv4_sign makes */

struct kms_header {
    struct kms_str name; /* any letter case */
    struct kms_str value;
};

/* A request as it is on the wire. */
struct kms_http_view {
    struct kms_str method;
    struct kms_str path;  /* raw, before the '?'; not decoded */
    struct kms_str query; /* raw, after the '?'; empty when there is none */
    const struct kms_header *headers;
    size_t header_count;
    struct kms_bytes body;
};

/* The Authorization header, taken apart. Views into the header's value. */
struct kms_sigv4_authorization {
    struct kms_str access_key_id;
    struct kms_str date; /* "20261123" */
    struct kms_str region;
    struct kms_str service;
    struct kms_str scope;          /* date/region/service/aws4_request */
    struct kms_str signed_headers; /* "content-type;host;x-amz-date" */
    struct kms_str signature;      /* as sent, not checked */
};

/* What is missing or malformed in an Authorization header, for the service's own texts. The three
 * missing parameters may come together (bitwise or); the others come alone. */
enum kms_sigv4_defect {
    KMS_SIGV4_DEFECT_NONE = 0,
    KMS_SIGV4_DEFECT_CREDENTIAL = 1 << 0,     /* no 'Credential' parameter, or an empty one */
    KMS_SIGV4_DEFECT_SIGNATURE = 1 << 1,      /* no 'Signature' parameter, or an empty one */
    KMS_SIGV4_DEFECT_SIGNED_HEADERS = 1 << 2, /* no 'SignedHeaders' parameter, or an empty one */
    KMS_SIGV4_DEFECT_ALGORITHM = 1 << 3,      /* does not start with AWS4-HMAC-SHA256 */
    KMS_SIGV4_DEFECT_SCOPE = 1 << 4,  /* Credential is not id/date/region/service/aws4_request */
    KMS_SIGV4_DEFECT_SYNTAX = 1 << 5, /* a part is no key=value pair, or comes twice */
};

/* Parameters are separated by commas with or without white space and come in any order; unknown
 * ones are skipped. KMS_ERR_SYNTAX with the defect. Length is bounded by the caller's header limit;
 * what the date, the region, the service and the signature look like is left to the caller. */
KMS_MUST_USE enum kms_err kms_sigv4_parse_authorization(
    struct kms_str value, struct kms_sigv4_authorization *out, enum kms_sigv4_defect *defect);

/* Whether "a;b;c" names the header; letter case is free. */
KMS_MUST_USE bool kms_sigv4_signs_header(struct kms_str signed_headers, const char *name);

/* Whether the signature that was sent is the one that was computed, in constant time. */
KMS_MUST_USE bool kms_sigv4_signature_matches(
    struct kms_str sent, const char computed[KMS_SIGV4_SIGNATURE_SIZE]);

struct kms_sigv4_options {
    bool normalize_path;         /* remove dot segments and duplicate slashes: all but S3 */
    bool encode_path_twice;      /* URI-encode the path as received once more: all but S3 */
    struct kms_str payload_hash; /* absent: the SHA-256 of the body is computed */
};

/* Normalise, encode twice, hash the body. */
extern const struct kms_sigv4_options kms_sigv4_defaults;

/*
 * Appends the canonical request with exactly the named headers ("a;b;c"), in the order and letter
 * case in which they are named: a client that does not sort them gets the signature that it
 * computed over an unsorted list. Names are looked up in any letter case; values of one name are
 * joined by commas in the order of the request, trimmed, runs of spaces made one.
 *
 *   KMS_ERR_VALIDATION  a named header is absent from the request, or a name is empty
 *   KMS_ERR_SYNTAX      a named header's value has control characters (other than tab) in it
 *   KMS_ERR_LIMIT       more than KMS_SIGV4_MAX_HEADERS names or headers, more than
 *                       KMS_SIGV4_MAX_QUERY parameters, or past the maximum of out
 *   KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY
 *
 * On failure the length of out is what it was.
 */
KMS_MUST_USE enum kms_err kms_sigv4_canonical_request(const struct kms_http_view *request,
    struct kms_str signed_headers, const struct kms_sigv4_options *options, struct kms_buf *out);

/* Appends the string to sign: algorithm, date-time ("20261123T011253Z"), scope, hashed request (which may
 * be in out). KMS_ERR_LIMIT, KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY; on failure the length of out is what it was. */
KMS_MUST_USE enum kms_err kms_sigv4_string_to_sign(struct kms_str date_time, struct kms_str scope,
    struct kms_bytes canonical_request, struct kms_buf *out);

/* HMAC chain over "AWS4" + secret, date ("20261123"), region, service, "aws4_request". The caller
 * wipes the key. KMS_ERR_INVALID_ARGUMENT: the secret is longer than KMS_SIGV4_SECRET_MAX.
 * KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_sigv4_signing_key(struct kms_bytes secret_access_key,
    struct kms_str date, struct kms_str region, struct kms_str service,
    uint8_t key[KMS_SIGV4_KEY_SIZE]);

/* The signature in lower-case hexadecimal, NUL-terminated. KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_sigv4_signature(const uint8_t key[KMS_SIGV4_KEY_SIZE],
    struct kms_bytes string_to_sign, char signature[KMS_SIGV4_SIGNATURE_SIZE]);

/* What a client signs with. */
struct kms_sigv4_signer {
    struct kms_str access_key_id;
    struct kms_bytes secret_access_key;
    struct kms_str region;
    struct kms_str service;
    int64_t now_ms;
};

/*
 * Signs a request whose headers already hold Host, X-Amz-Date (of now_ms) and, where there is one,
 * X-Amz-Security-Token. All headers given are signed. Appends the Authorization header's value.
 *
 *   KMS_ERR_INVALID_ARGUMENT  Host is missing, X-Amz-Date is missing or another time, a header's
 * name is no HTTP token, or a field of the signer is empty or has a letter in it that the
 * Authorization header gives a meaning and those of the stages; on failure the length of
 * authorization is what it was.
 */
KMS_MUST_USE enum kms_err kms_sigv4_sign(const struct kms_http_view *request,
    const struct kms_sigv4_signer *signer, const struct kms_sigv4_options *options,
    struct kms_buf *authorization);

#endif
