/*
 * Error codes. Every fallible function of libkms returns one; zero is success and the result must
 * be looked at. A code says what went wrong in here; what a server answered is a struct kms_fault.
 */
#ifndef KMS_ERROR_H
#define KMS_ERROR_H

#include <kms/export.h>

enum kms_err {
    KMS_OK = 0,

    /* the caller or the machine */
    KMS_ERR_NO_MEMORY,        /* an allocation failed */
    KMS_ERR_INVALID_ARGUMENT, /* an argument is outside its documented range */
    KMS_ERR_LIMIT,            /* a documented size or count limit was exceeded */
    KMS_ERR_IO,               /* reading or writing failed; errno tells more */
    KMS_ERR_NOT_FOUND,        /* what was asked for does not exist */
    KMS_ERR_EXISTS,           /* what was to be made exists already */
    KMS_ERR_BUSY,             /* another process or a full queue holds it; try again later */
    KMS_ERR_INTERNAL,         /* a bug, or a library below failed for no stated reason */
    KMS_ERR_UNSUPPORTED,      /* understood, but not offered by this build */

    /* bytes from outside */
    KMS_ERR_SYNTAX,     /* malformed encoding: JSON, CBOR, base64, ARN, header, message */
    KMS_ERR_TRUNCATED,  /* the input ended too early */
    KMS_ERR_TRAILING,   /* bytes follow where nothing may follow */
    KMS_ERR_TOO_DEEP,   /* nesting exceeds the limit */
    KMS_ERR_WRONG_TYPE, /* a member's value is of another type than the API says */
    KMS_ERR_VALIDATION, /* well-formed, but a constraint of the API is not met */
    KMS_ERR_CORRUPT,    /* stored data contradicts itself */

    /* cryptography */
    KMS_ERR_CRYPTO,         /* libcrypto refused an operation that should succeed */
    KMS_ERR_AUTHENTICATION, /* a tag, signature or commitment does not verify */
    KMS_ERR_NO_KEY,         /* no key at hand opens this message */
    KMS_ERR_CONTEXT,        /* a required encryption context pair is missing or different */
    KMS_ERR_POLICY,         /* the commitment policy forbids this algorithm suite */

    /* the wire, client side */
    KMS_ERR_CONFIG,         /* no usable endpoint, region or configuration file */
    KMS_ERR_NO_CREDENTIALS, /* the credentials chain came up empty */
    KMS_ERR_TRANSPORT,      /* no connection, or it broke; nothing is known of the outcome */
    KMS_ERR_TIMEOUT,        /* no answer in time; nothing is known of the outcome */
    KMS_ERR_PROTOCOL,       /* the answer is not what the protocol allows */
    KMS_ERR_FAULT,          /* the service answered with an error; see struct kms_fault */
    KMS_ERR_CANCELLED,      /* the caller gave up */

    KMS_ERR_COUNT_ /* not a code */
};

/* A short English phrase without a full stop, such as "out of memory". Never NULL, never freed. */
KMS_PUBLIC const char *kms_err_text(enum kms_err err);

#endif
