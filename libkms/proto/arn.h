/*
 * Amazon Resource Names, arn:partition:service:region:account:resource, as the API uses them.
 */
#ifndef KMS_PROTO_ARN_H
#define KMS_PROTO_ARN_H

#include <kms/bytes.h>
#include <kms/error.h>

#define KMS_ACCOUNT_ID_LEN 12
#define KMS_REGION_MAX     32
#define KMS_ARN_MAX        2048

/* Views into the parsed text; resource is everything after the fifth colon. */
struct kms_arn {
    struct kms_str partition;
    struct kms_str service;
    struct kms_str region;
    struct kms_str account;
    struct kms_str resource;
};

/* At most KMS_ARN_MAX characters; six fields, the first "arn"; partition, service and resource not
 * empty. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kms_arn_parse(struct kms_str text, struct kms_arn *out);

/* What a KeyId parameter may be. */
enum kms_key_ref_kind {
    KMS_KEY_REF_ID,         /* a well-formed key id: UUID, or "mrk-" and 32 hexadecimal digits */
    KMS_KEY_REF_ARN,        /* arn:...:kms:REGION:ACCOUNT:key/ID with a well-formed id */
    KMS_KEY_REF_ALIAS,      /* alias/NAME */
    KMS_KEY_REF_ALIAS_ARN,  /* arn:...:kms:REGION:ACCOUNT:alias/NAME */
    KMS_KEY_REF_BAD_ID,     /* anything else that is not an ARN */
    KMS_KEY_REF_BAD_ARN_ID, /* a KMS ARN whose key id is malformed */
    KMS_KEY_REF_BAD_ARN, /* starts with "arn:" but is no ARN of a KMS key or alias: other service,
                            other resource, no region, account not 12 digits */
};

struct kms_key_ref {
    enum kms_key_ref_kind kind;
    struct kms_arn
        arn;           /* for the ARN kinds; of KMS_KEY_REF_BAD_ARN absent when it does not parse */
    struct kms_str id; /* the key id (also a malformed one), for the key kinds */
    struct kms_str name; /* the alias name with "alias/", for the alias kinds */
};

/* Sorts a KeyId parameter into one of the kinds; never fails. */
struct kms_key_ref kms_key_ref_parse(struct kms_str text);

/* UUID form, or "mrk-" and 32 hexadecimal digits. Letter case is free, as on the live service. */
KMS_MUST_USE bool kms_key_id_is_well_formed(struct kms_str id);

/* "aws", "aws-cn" or "aws-us-gov", as the region's name says. */
const char *kms_partition_of_region(struct kms_str region);

#endif
