/*
 * The API model as data: every operation, structure, type and error of the AWS KMS API (version
 * 2014-11-01) as constant tables. The same tables decode and validate in the daemon, encode in the
 * client, print in kmsctl and seed the fuzzers.
 */
#ifndef KMS_PROTO_MODEL_H
#define KMS_PROTO_MODEL_H

#include <kms/types.h>

/* How a type's value is kept in the C structure. */
enum kms_kind {
    KMS_KIND_STRING,    /* struct kms_str */
    KMS_KIND_BLOB,      /* struct kms_bytes */
    KMS_KIND_ENUM,      /* int: 1 + index into values, 0 absent, -1 not recognised */
    KMS_KIND_INTEGER,   /* struct kms_opt_int */
    KMS_KIND_BOOLEAN,   /* struct kms_opt_bool */
    KMS_KIND_TIMESTAMP, /* struct kms_opt_time */
    KMS_KIND_LIST,      /* struct kms_list; items are strings, enums or structures */
    KMS_KIND_MAP,       /* struct kms_str_map: text to text */
    KMS_KIND_STRUCTURE, /* pointer to the structure, NULL absent */
};

/* What struct kms_str_list, struct kms_tag_list and their like have in common (for memcpy). */
struct kms_list {
    const void *items;
    size_t count;
};

/* Where the live service answers otherwise than the published model says (model_live.c). */
struct kms_live {
    const char *pattern;              /* checked and shown in place of the type's; NULL: as published */
    bool (*matches)(struct kms_str);
    int32_t max;                      /* in place of the type's upper bound; 0: as published */
    const char *values_shown;         /* "[A, B]" as the error text lists it; NULL: table order */
    const char *const *also_accepted; /* NULL-terminated values that pass validation all the same */
};

struct kms_shape;

struct kms_type {
    const char *name;
    enum kms_kind kind;
    bool has_bounds;
    bool sensitive;                  /* its value is never shown, not even in an error */
    int32_t min;                     /* length, item count or value */
    int32_t max;
    const char *pattern;             /* as published; NULL: none */
    bool (*matches)(struct kms_str); /* the pattern, applied to the whole text */
    const char *const *values;       /* of an enumeration */
    size_t value_count;
    const struct kms_type *member;     /* of a list */
    const struct kms_shape *structure; /* of a structure */
    const struct kms_live *live;       /* NULL: behaves as published */
};

struct kms_member {
    const char *name; /* on the wire, such as "KeyId" */
    const struct kms_type *type;
    size_t offset;
    bool required;
};

struct kms_shape {
    const char *name;
    const struct kms_member *members;
    size_t member_count;
    size_t size; /* of the C structure */
};

/* The service's own name on the wire (X-Amz-Target prefix, RPC path, shape namespace, SigV4). */
#define KMS_TARGET_PREFIX   "TrentService"
#define KMS_SHAPE_NAMESPACE "com.amazonaws.kms"
#define KMS_SIGNING_NAME    "kms"

enum kms_op {
    KMS_OP_CANCEL_KEY_DELETION,
    KMS_OP_CONNECT_CUSTOM_KEY_STORE,
    KMS_OP_CREATE_ALIAS,
    KMS_OP_CREATE_CUSTOM_KEY_STORE,
    KMS_OP_CREATE_GRANT,
    KMS_OP_CREATE_KEY,
    KMS_OP_DECAPSULATE,
    KMS_OP_DECRYPT,
    KMS_OP_DELETE_ALIAS,
    KMS_OP_DELETE_CUSTOM_KEY_STORE,
    KMS_OP_DELETE_IMPORTED_KEY_MATERIAL,
    KMS_OP_DERIVE_SHARED_SECRET,
    KMS_OP_DESCRIBE_CUSTOM_KEY_STORES,
    KMS_OP_DESCRIBE_KEY,
    KMS_OP_DISABLE_KEY,
    KMS_OP_DISABLE_KEY_ROTATION,
    KMS_OP_DISCONNECT_CUSTOM_KEY_STORE,
    KMS_OP_ENABLE_KEY,
    KMS_OP_ENABLE_KEY_ROTATION,
    KMS_OP_ENCAPSULATE,
    KMS_OP_ENCRYPT,
    KMS_OP_GENERATE_DATA_KEY,
    KMS_OP_GENERATE_DATA_KEY_PAIR,
    KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
    KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
    KMS_OP_GENERATE_MAC,
    KMS_OP_GENERATE_RANDOM,
    KMS_OP_GET_KEY_LAST_USAGE,
    KMS_OP_GET_KEY_POLICY,
    KMS_OP_GET_KEY_ROTATION_STATUS,
    KMS_OP_GET_PARAMETERS_FOR_IMPORT,
    KMS_OP_GET_PUBLIC_KEY,
    KMS_OP_IMPORT_KEY_MATERIAL,
    KMS_OP_LIST_ALIASES,
    KMS_OP_LIST_GRANTS,
    KMS_OP_LIST_KEY_POLICIES,
    KMS_OP_LIST_KEY_ROTATIONS,
    KMS_OP_LIST_KEYS,
    KMS_OP_LIST_RESOURCE_TAGS,
    KMS_OP_LIST_RETIRABLE_GRANTS,
    KMS_OP_PUT_KEY_POLICY,
    KMS_OP_RE_ENCRYPT,
    KMS_OP_REPLICATE_KEY,
    KMS_OP_RETIRE_GRANT,
    KMS_OP_REVOKE_GRANT,
    KMS_OP_ROTATE_KEY_ON_DEMAND,
    KMS_OP_SCHEDULE_KEY_DELETION,
    KMS_OP_SIGN,
    KMS_OP_TAG_RESOURCE,
    KMS_OP_UNTAG_RESOURCE,
    KMS_OP_UPDATE_ALIAS,
    KMS_OP_UPDATE_CUSTOM_KEY_STORE,
    KMS_OP_UPDATE_KEY_DESCRIPTION,
    KMS_OP_UPDATE_PRIMARY_REGION,
    KMS_OP_VERIFY,
    KMS_OP_VERIFY_MAC,
    KMS_OPERATION_COUNT
};

struct kms_operation {
    const char *name;
    const struct kms_shape *input;
    const struct kms_shape *output; /* NULL: the answer has no body */
};

extern const struct kms_operation kms_operations[KMS_OPERATION_COUNT];

/* The operation of that exact name, or KMS_OPERATION_COUNT. */
enum kms_op kms_operation_find(struct kms_str name);

/* Errors that the service answers with: those of the model, then those common to all services. */
enum kms_fault_code {
    KMS_FAULT_ALREADY_EXISTS,
    KMS_FAULT_CLOUD_HSM_CLUSTER_IN_USE,
    KMS_FAULT_CLOUD_HSM_CLUSTER_INVALID_CONFIGURATION,
    KMS_FAULT_CLOUD_HSM_CLUSTER_NOT_ACTIVE,
    KMS_FAULT_CLOUD_HSM_CLUSTER_NOT_FOUND,
    KMS_FAULT_CLOUD_HSM_CLUSTER_NOT_RELATED,
    KMS_FAULT_CONFLICT,
    KMS_FAULT_CUSTOM_KEY_STORE_HAS_CM_KS,
    KMS_FAULT_CUSTOM_KEY_STORE_INVALID_STATE,
    KMS_FAULT_CUSTOM_KEY_STORE_NAME_IN_USE,
    KMS_FAULT_CUSTOM_KEY_STORE_NOT_FOUND,
    KMS_FAULT_DEPENDENCY_TIMEOUT,
    KMS_FAULT_DISABLED,
    KMS_FAULT_DRY_RUN_OPERATION,
    KMS_FAULT_EXPIRED_IMPORT_TOKEN,
    KMS_FAULT_INCORRECT_KEY,
    KMS_FAULT_INCORRECT_KEY_MATERIAL,
    KMS_FAULT_INCORRECT_TRUST_ANCHOR,
    KMS_FAULT_INVALID_ALIAS_NAME,
    KMS_FAULT_INVALID_ARN,
    KMS_FAULT_INVALID_CIPHERTEXT,
    KMS_FAULT_INVALID_GRANT_ID,
    KMS_FAULT_INVALID_GRANT_TOKEN,
    KMS_FAULT_INVALID_IMPORT_TOKEN,
    KMS_FAULT_INVALID_KEY_USAGE,
    KMS_FAULT_INVALID_MARKER,
    KMS_FAULT_KMS_INTERNAL,
    KMS_FAULT_KMS_INVALID_MAC,
    KMS_FAULT_KMS_INVALID_SIGNATURE,
    KMS_FAULT_KMS_INVALID_STATE,
    KMS_FAULT_KEY_UNAVAILABLE,
    KMS_FAULT_LIMIT_EXCEEDED,
    KMS_FAULT_MALFORMED_POLICY_DOCUMENT,
    KMS_FAULT_NOT_FOUND,
    KMS_FAULT_TAG,
    KMS_FAULT_UNSUPPORTED_OPERATION,
    KMS_FAULT_XKS_KEY_ALREADY_IN_USE,
    KMS_FAULT_XKS_KEY_INVALID_CONFIGURATION,
    KMS_FAULT_XKS_KEY_NOT_FOUND,
    KMS_FAULT_XKS_PROXY_INCORRECT_AUTHENTICATION_CREDENTIAL,
    KMS_FAULT_XKS_PROXY_INVALID_CONFIGURATION,
    KMS_FAULT_XKS_PROXY_INVALID_RESPONSE,
    KMS_FAULT_XKS_PROXY_URI_ENDPOINT_IN_USE,
    KMS_FAULT_XKS_PROXY_URI_IN_USE,
    KMS_FAULT_XKS_PROXY_URI_UNREACHABLE,
    KMS_FAULT_XKS_PROXY_VPC_ENDPOINT_SERVICE_IN_USE,
    KMS_FAULT_XKS_PROXY_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION,
    KMS_FAULT_XKS_PROXY_VPC_ENDPOINT_SERVICE_NOT_FOUND,
    /* not in the model */
    KMS_FAULT_VALIDATION,
    KMS_FAULT_SERIALIZATION,
    KMS_FAULT_UNKNOWN_OPERATION,
    KMS_FAULT_ACCESS_DENIED,
    KMS_FAULT_NOT_AUTHORIZED,
    KMS_FAULT_INVALID_SIGNATURE,
    KMS_FAULT_INCOMPLETE_SIGNATURE,
    KMS_FAULT_UNRECOGNIZED_CLIENT,
    KMS_FAULT_MISSING_AUTHENTICATION_TOKEN,
    KMS_FAULT_EXPIRED_TOKEN,
    KMS_FAULT_THROTTLING,
    KMS_FAULT_REQUEST_ENTITY_TOO_LARGE,
    KMS_FAULT_SERVICE_UNAVAILABLE,
    KMS_FAULT_INTERNAL_FAILURE,
    KMS_FAULT_COUNT
};

struct kms_error_model {
    const char *name;
    int http_status;   /* as the model says; what JSON answers carry is 400 (docs/compatibility.md) */
    bool server_fault; /* 5xx: the caller may try again */
    bool in_model;
};

extern const struct kms_error_model kms_error_models[KMS_FAULT_COUNT];

/* The text of an enumeration's value, NULL for absent or unrecognised ones. */
const char *kms_enum_text(const struct kms_type *type, int value);

/* The type of that name ("KeySpec"), or NULL: for whoever prints or parses single values. */
const struct kms_type *kms_type_find(const char *name);

#endif
