/*
 * The condition keys that this service knows, by name. Documents resolve a name once, when they are
 * parsed; whoever supplies values switches on the number.
 *
 * Source: "Condition keys for AWS Key Management Service", Service Authorization Reference, and
 * "AWS global condition context keys", IAM User Guide. Names are compared without regard to case,
 * also the part that is chosen by the user ("kms:EncryptionContext:KEY", "aws:RequestTag/KEY").
 */
#ifndef KMSD_POLICY_CONDITION_KEY_H
#define KMSD_POLICY_CONDITION_KEY_H

#include <kms/bytes.h>
#include <kms/error.h>

/* Longest name that a document may use, in bytes. */
#define KMSD_POLICY_KEY_NAME_MAX 512

enum kmsd_policy_key {
    KMSD_KEY_OTHER = 0, /* not listed here: known only by its text */

    /* about the caller: answered from struct kmsd_policy_subject */
    KMSD_KEY_PRINCIPAL_ARN,
    KMSD_KEY_PRINCIPAL_ACCOUNT,
    KMSD_KEY_PRINCIPAL_TYPE,
    KMSD_KEY_PRINCIPAL_IS_AWS_SERVICE,
    KMSD_KEY_PRINCIPAL_SERVICE_NAME,
    KMSD_KEY_PRINCIPAL_TAG, /* family */
    KMSD_KEY_USER_ID,
    KMSD_KEY_USER_NAME,
    KMSD_KEY_FEDERATED_PROVIDER,
    KMSD_KEY_TOKEN_ISSUE_TIME, /* of temporary credentials */

    /* about the resource: answered from struct kmsd_policy_context */
    KMSD_KEY_RESOURCE_ACCOUNT,

    /* about the request and its way here */
    KMSD_KEY_CALLED_VIA, /* list */
    KMSD_KEY_CALLED_VIA_FIRST,
    KMSD_KEY_CALLED_VIA_LAST,
    KMSD_KEY_CURRENT_TIME,
    KMSD_KEY_EPOCH_TIME,
    KMSD_KEY_MULTI_FACTOR_AUTH_AGE,
    KMSD_KEY_MULTI_FACTOR_AUTH_PRESENT,
    KMSD_KEY_REFERER,
    KMSD_KEY_REQUESTED_REGION,
    KMSD_KEY_SECURE_TRANSPORT,
    KMSD_KEY_SOURCE_ACCOUNT,
    KMSD_KEY_SOURCE_ARN,
    KMSD_KEY_SOURCE_IDENTITY, /* of a role session, when one was set */
    KMSD_KEY_SOURCE_IP,
    KMSD_KEY_USER_AGENT,
    KMSD_KEY_VIA_AWS_SERVICE,

    /* tags */
    KMSD_KEY_REQUEST_TAG,      /* family */
    KMSD_KEY_RESOURCE_TAG,     /* family */
    KMSD_KEY_KMS_RESOURCE_TAG, /* family, an older name */
    KMSD_KEY_TAG_KEYS,         /* list */

    /* of the service */
    KMSD_KEY_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK,
    KMSD_KEY_CALLER_ACCOUNT,
    KMSD_KEY_CUSTOMER_MASTER_KEY_SPEC,
    KMSD_KEY_CUSTOMER_MASTER_KEY_USAGE,
    KMSD_KEY_DATA_KEY_PAIR_SPEC,
    KMSD_KEY_ENCRYPTION_ALGORITHM,
    KMSD_KEY_ENCRYPTION_CONTEXT,      /* family */
    KMSD_KEY_ENCRYPTION_CONTEXT_KEYS, /* list */
    KMSD_KEY_EXPIRATION_MODEL,
    KMSD_KEY_GRANT_CONSTRAINT_SOURCE_ARN,
    KMSD_KEY_GRANT_CONSTRAINT_TYPE,
    KMSD_KEY_GRANT_IS_FOR_AWS_RESOURCE,
    KMSD_KEY_GRANT_OPERATIONS, /* list */
    KMSD_KEY_GRANTEE_PRINCIPAL,
    KMSD_KEY_GRANTEE_SERVICE_PRINCIPAL,
    KMSD_KEY_KEY_AGREEMENT_ALGORITHM,
    KMSD_KEY_KEY_ORIGIN,
    KMSD_KEY_KEY_SPEC,
    KMSD_KEY_KEY_USAGE,
    KMSD_KEY_MAC_ALGORITHM,
    KMSD_KEY_MESSAGE_TYPE,
    KMSD_KEY_MULTI_REGION,
    KMSD_KEY_MULTI_REGION_KEY_TYPE,
    KMSD_KEY_PRIMARY_REGION,
    KMSD_KEY_RE_ENCRYPT_ON_SAME_KEY,
    KMSD_KEY_RECIPIENT_ATTESTATION, /* family: ImageSha384, PCRn, NitroTPMPCRn */
    KMSD_KEY_REPLICA_REGION,
    KMSD_KEY_REQUEST_ALIAS,
    KMSD_KEY_RESOURCE_ALIASES, /* list */
    KMSD_KEY_RETIRING_PRINCIPAL,
    KMSD_KEY_RETIRING_SERVICE_PRINCIPAL,
    KMSD_KEY_ROTATION_PERIOD_IN_DAYS,
    KMSD_KEY_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS,
    KMSD_KEY_SIGNING_ALGORITHM,
    KMSD_KEY_TRAILING_DAYS_WITHOUT_KEY_USAGE,
    KMSD_KEY_VALID_TO,
    KMSD_KEY_VIA_SERVICE,
    KMSD_KEY_WRAPPING_ALGORITHM,
    KMSD_KEY_WRAPPING_KEY_SPEC,

    KMSD_KEY_COUNT_
};

/* One row of the list. */
struct kmsd_policy_key_info {
    const char *name; /* as documented; of a family up to and with the separator */
    bool is_family;
    bool is_list;                  /* multi-valued: set operators belong to it */
    bool is_refused_in_key_policy; /* MalformedPolicyDocumentException */
};

/* Of KMSD_KEY_OTHER and of numbers out of range: a row with an empty name. */
const struct kmsd_policy_key_info *kmsd_policy_key_info(enum kmsd_policy_key key);

/* A name as a document uses it. Views into the document. */
struct kmsd_policy_key_name {
    enum kmsd_policy_key key;
    struct kms_str text;      /* the whole name as written */
    struct kms_str parameter; /* of a family: what follows the separator, as written */
};

/* Resolves a name; the views point into text. KMS_ERR_SYNTAX: empty, longer than
 * KMSD_POLICY_KEY_NAME_MAX, or without a service prefix ("aws:", "kms:", "saml:"). */
KMS_MUST_USE enum kms_err kmsd_policy_key_name_parse(
    struct kms_str text, struct kmsd_policy_key_name *out);

#endif
