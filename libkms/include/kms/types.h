/*
 * The requests and answers of the API, as C structures.
 *
 * Source: AWS KMS API reference, version 2014-11-01 (names, members, constraints). Lengths of text
 * count UTF-16 code units, as the service counts them; times are milliseconds since the epoch.
 *
 * In a request every member may be left zero (absent) unless it says "required"; views in it need
 * to stay valid until the call returns. An answer and everything it points to belong to the caller,
 * who releases it with kms_response_free (which wipes it).
 */
#ifndef KMS_TYPES_H
#define KMS_TYPES_H

#include <kms/bytes.h>
#include <kms/error.h>

struct kms_opt_bool {
    bool set;
    bool value;
};

struct kms_opt_int {
    bool set;
    int32_t value;
};

struct kms_opt_time {
    bool set;
    int64_t ms; /* since 1970-01-01T00:00:00Z */
};

/* Lists and maps: items == NULL is absent, otherwise count may be zero. */
struct kms_str_list {
    const struct kms_str *items;
    size_t count;
};

struct kms_str_pair {
    struct kms_str key;
    struct kms_str value;
};

struct kms_str_map {
    const struct kms_str_pair *items;
    size_t count;
};

/* --- enumerations: _UNSET is absent, _UNRECOGNIZED a value that this version does not know ---- */

enum kms_wrapping_algorithm {
    KMS_WRAPPING_ALGORITHM_UNRECOGNIZED = -1,
    KMS_WRAPPING_ALGORITHM_UNSET = 0,
    KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_1,
    KMS_WRAPPING_ALGORITHM_RSAES_OAEP_SHA_256,
    KMS_WRAPPING_ALGORITHM_RSAES_PKCS1_V1_5,
    KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_1,
    KMS_WRAPPING_ALGORITHM_RSA_AES_KEY_WRAP_SHA_256,
    KMS_WRAPPING_ALGORITHM_SM2PKE,
};

enum kms_connection_error_code {
    KMS_CONNECTION_ERROR_CODE_UNRECOGNIZED = -1,
    KMS_CONNECTION_ERROR_CODE_UNSET = 0,
    KMS_CONNECTION_ERROR_CODE_CLUSTER_NOT_FOUND,
    KMS_CONNECTION_ERROR_CODE_INSUFFICIENT_CLOUDHSM_HSMS,
    KMS_CONNECTION_ERROR_CODE_INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET,
    KMS_CONNECTION_ERROR_CODE_INTERNAL_ERROR,
    KMS_CONNECTION_ERROR_CODE_INVALID_CREDENTIALS,
    KMS_CONNECTION_ERROR_CODE_NETWORK_ERRORS,
    KMS_CONNECTION_ERROR_CODE_SUBNET_NOT_FOUND,
    KMS_CONNECTION_ERROR_CODE_USER_LOCKED_OUT,
    KMS_CONNECTION_ERROR_CODE_USER_LOGGED_IN,
    KMS_CONNECTION_ERROR_CODE_USER_NOT_FOUND,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_ACCESS_DENIED,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_INVALID_CONFIGURATION,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_INVALID_RESPONSE,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_INVALID_TLS_CONFIGURATION,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_NOT_REACHABLE,
    KMS_CONNECTION_ERROR_CODE_XKS_PROXY_TIMED_OUT,
    KMS_CONNECTION_ERROR_CODE_XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION,
    KMS_CONNECTION_ERROR_CODE_XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND,
};

enum kms_connection_state {
    KMS_CONNECTION_STATE_UNRECOGNIZED = -1,
    KMS_CONNECTION_STATE_UNSET = 0,
    KMS_CONNECTION_STATE_CONNECTED,
    KMS_CONNECTION_STATE_CONNECTING,
    KMS_CONNECTION_STATE_DISCONNECTED,
    KMS_CONNECTION_STATE_DISCONNECTING,
    KMS_CONNECTION_STATE_FAILED,
};

enum kms_custom_key_store_type {
    KMS_CUSTOM_KEY_STORE_TYPE_UNRECOGNIZED = -1,
    KMS_CUSTOM_KEY_STORE_TYPE_UNSET = 0,
    KMS_CUSTOM_KEY_STORE_TYPE_AWS_CLOUDHSM,
    KMS_CUSTOM_KEY_STORE_TYPE_EXTERNAL_KEY_STORE,
};

enum kms_customer_master_key_spec {
    KMS_CUSTOMER_MASTER_KEY_SPEC_UNRECOGNIZED = -1,
    KMS_CUSTOMER_MASTER_KEY_SPEC_UNSET = 0,
    KMS_CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P256,
    KMS_CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P384,
    KMS_CUSTOMER_MASTER_KEY_SPEC_ECC_NIST_P521,
    KMS_CUSTOMER_MASTER_KEY_SPEC_ECC_SECG_P256K1,
    KMS_CUSTOMER_MASTER_KEY_SPEC_HMAC_224,
    KMS_CUSTOMER_MASTER_KEY_SPEC_HMAC_256,
    KMS_CUSTOMER_MASTER_KEY_SPEC_HMAC_384,
    KMS_CUSTOMER_MASTER_KEY_SPEC_HMAC_512,
    KMS_CUSTOMER_MASTER_KEY_SPEC_RSA_2048,
    KMS_CUSTOMER_MASTER_KEY_SPEC_RSA_3072,
    KMS_CUSTOMER_MASTER_KEY_SPEC_RSA_4096,
    KMS_CUSTOMER_MASTER_KEY_SPEC_SM2,
    KMS_CUSTOMER_MASTER_KEY_SPEC_SYMMETRIC_DEFAULT,
};

enum kms_data_key_pair_spec {
    KMS_DATA_KEY_PAIR_SPEC_UNRECOGNIZED = -1,
    KMS_DATA_KEY_PAIR_SPEC_UNSET = 0,
    KMS_DATA_KEY_PAIR_SPEC_ECC_NIST_EDWARDS25519,
    KMS_DATA_KEY_PAIR_SPEC_ECC_NIST_P256,
    KMS_DATA_KEY_PAIR_SPEC_ECC_NIST_P384,
    KMS_DATA_KEY_PAIR_SPEC_ECC_NIST_P521,
    KMS_DATA_KEY_PAIR_SPEC_ECC_SECG_P256K1,
    KMS_DATA_KEY_PAIR_SPEC_ML_KEM_1024,
    KMS_DATA_KEY_PAIR_SPEC_ML_KEM_512,
    KMS_DATA_KEY_PAIR_SPEC_ML_KEM_768,
    KMS_DATA_KEY_PAIR_SPEC_RSA_2048,
    KMS_DATA_KEY_PAIR_SPEC_RSA_3072,
    KMS_DATA_KEY_PAIR_SPEC_RSA_4096,
    KMS_DATA_KEY_PAIR_SPEC_SM2,
};

enum kms_data_key_spec {
    KMS_DATA_KEY_SPEC_UNRECOGNIZED = -1,
    KMS_DATA_KEY_SPEC_UNSET = 0,
    KMS_DATA_KEY_SPEC_AES_128,
    KMS_DATA_KEY_SPEC_AES_256,
};

enum kms_dry_run_modifier {
    KMS_DRY_RUN_MODIFIER_UNRECOGNIZED = -1,
    KMS_DRY_RUN_MODIFIER_UNSET = 0,
    KMS_DRY_RUN_MODIFIER_IGNORE_CIPHERTEXT,
};

struct kms_dry_run_modifier_list {
    const enum kms_dry_run_modifier *items;
    size_t count;
};

enum kms_encapsulation_algorithm {
    KMS_ENCAPSULATION_ALGORITHM_UNRECOGNIZED = -1,
    KMS_ENCAPSULATION_ALGORITHM_UNSET = 0,
    KMS_ENCAPSULATION_ALGORITHM_ML_KEM,
};

struct kms_encapsulation_algorithm_list {
    const enum kms_encapsulation_algorithm *items;
    size_t count;
};

enum kms_encryption_algorithm {
    KMS_ENCRYPTION_ALGORITHM_UNRECOGNIZED = -1,
    KMS_ENCRYPTION_ALGORITHM_UNSET = 0,
    KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_1,
    KMS_ENCRYPTION_ALGORITHM_RSAES_OAEP_SHA_256,
    KMS_ENCRYPTION_ALGORITHM_SM2PKE,
    KMS_ENCRYPTION_ALGORITHM_SYMMETRIC_DEFAULT,
};

struct kms_encryption_algorithm_list {
    const enum kms_encryption_algorithm *items;
    size_t count;
};

enum kms_expiration_model {
    KMS_EXPIRATION_MODEL_UNRECOGNIZED = -1,
    KMS_EXPIRATION_MODEL_UNSET = 0,
    KMS_EXPIRATION_MODEL_KEY_MATERIAL_DOES_NOT_EXPIRE,
    KMS_EXPIRATION_MODEL_KEY_MATERIAL_EXPIRES,
};

enum kms_grant_operation {
    KMS_GRANT_OPERATION_UNRECOGNIZED = -1,
    KMS_GRANT_OPERATION_UNSET = 0,
    KMS_GRANT_OPERATION_CREATE_GRANT,
    KMS_GRANT_OPERATION_DECAPSULATE,
    KMS_GRANT_OPERATION_DECRYPT,
    KMS_GRANT_OPERATION_DERIVE_SHARED_SECRET,
    KMS_GRANT_OPERATION_DESCRIBE_KEY,
    KMS_GRANT_OPERATION_ENCAPSULATE,
    KMS_GRANT_OPERATION_ENCRYPT,
    KMS_GRANT_OPERATION_GENERATE_DATA_KEY,
    KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR,
    KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
    KMS_GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
    KMS_GRANT_OPERATION_GENERATE_MAC,
    KMS_GRANT_OPERATION_GET_PUBLIC_KEY,
    KMS_GRANT_OPERATION_RE_ENCRYPT_FROM,
    KMS_GRANT_OPERATION_RE_ENCRYPT_TO,
    KMS_GRANT_OPERATION_RETIRE_GRANT,
    KMS_GRANT_OPERATION_SIGN,
    KMS_GRANT_OPERATION_VERIFY,
    KMS_GRANT_OPERATION_VERIFY_MAC,
};

struct kms_grant_operation_list {
    const enum kms_grant_operation *items;
    size_t count;
};

enum kms_import_state {
    KMS_IMPORT_STATE_UNRECOGNIZED = -1,
    KMS_IMPORT_STATE_UNSET = 0,
    KMS_IMPORT_STATE_IMPORTED,
    KMS_IMPORT_STATE_PENDING_IMPORT,
};

enum kms_import_type {
    KMS_IMPORT_TYPE_UNRECOGNIZED = -1,
    KMS_IMPORT_TYPE_UNSET = 0,
    KMS_IMPORT_TYPE_EXISTING_KEY_MATERIAL,
    KMS_IMPORT_TYPE_NEW_KEY_MATERIAL,
};

enum kms_include_key_material {
    KMS_INCLUDE_KEY_MATERIAL_UNRECOGNIZED = -1,
    KMS_INCLUDE_KEY_MATERIAL_UNSET = 0,
    KMS_INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL,
    KMS_INCLUDE_KEY_MATERIAL_ROTATIONS_ONLY,
};

enum kms_key_agreement_algorithm {
    KMS_KEY_AGREEMENT_ALGORITHM_UNRECOGNIZED = -1,
    KMS_KEY_AGREEMENT_ALGORITHM_UNSET = 0,
    KMS_KEY_AGREEMENT_ALGORITHM_ECDH,
};

struct kms_key_agreement_algorithm_list {
    const enum kms_key_agreement_algorithm *items;
    size_t count;
};

enum kms_key_encryption_mechanism {
    KMS_KEY_ENCRYPTION_MECHANISM_UNRECOGNIZED = -1,
    KMS_KEY_ENCRYPTION_MECHANISM_UNSET = 0,
    KMS_KEY_ENCRYPTION_MECHANISM_RSAES_OAEP_SHA_256,
};

enum kms_tracked_operation {
    KMS_TRACKED_OPERATION_UNRECOGNIZED = -1,
    KMS_TRACKED_OPERATION_UNSET = 0,
    KMS_TRACKED_OPERATION_DECAPSULATE,
    KMS_TRACKED_OPERATION_DECRYPT,
    KMS_TRACKED_OPERATION_DERIVE_SHARED_SECRET,
    KMS_TRACKED_OPERATION_ENCAPSULATE,
    KMS_TRACKED_OPERATION_ENCRYPT,
    KMS_TRACKED_OPERATION_GENERATE_DATA_KEY,
    KMS_TRACKED_OPERATION_GENERATE_DATA_KEY_PAIR,
    KMS_TRACKED_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
    KMS_TRACKED_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
    KMS_TRACKED_OPERATION_GENERATE_MAC,
    KMS_TRACKED_OPERATION_RE_ENCRYPT,
    KMS_TRACKED_OPERATION_SIGN,
    KMS_TRACKED_OPERATION_VERIFY,
    KMS_TRACKED_OPERATION_VERIFY_MAC,
};

enum kms_key_manager {
    KMS_KEY_MANAGER_UNRECOGNIZED = -1,
    KMS_KEY_MANAGER_UNSET = 0,
    KMS_KEY_MANAGER_AWS,
    KMS_KEY_MANAGER_CUSTOMER,
};

enum kms_key_material_state {
    KMS_KEY_MATERIAL_STATE_UNRECOGNIZED = -1,
    KMS_KEY_MATERIAL_STATE_UNSET = 0,
    KMS_KEY_MATERIAL_STATE_CURRENT,
    KMS_KEY_MATERIAL_STATE_NON_CURRENT,
    KMS_KEY_MATERIAL_STATE_PENDING_MULTI_REGION_IMPORT_AND_ROTATION,
    KMS_KEY_MATERIAL_STATE_PENDING_ROTATION,
};

enum kms_key_spec {
    KMS_KEY_SPEC_UNRECOGNIZED = -1,
    KMS_KEY_SPEC_UNSET = 0,
    KMS_KEY_SPEC_ECC_NIST_EDWARDS25519,
    KMS_KEY_SPEC_ECC_NIST_P256,
    KMS_KEY_SPEC_ECC_NIST_P384,
    KMS_KEY_SPEC_ECC_NIST_P521,
    KMS_KEY_SPEC_ECC_SECG_P256K1,
    KMS_KEY_SPEC_HMAC_224,
    KMS_KEY_SPEC_HMAC_256,
    KMS_KEY_SPEC_HMAC_384,
    KMS_KEY_SPEC_HMAC_512,
    KMS_KEY_SPEC_ML_DSA_44,
    KMS_KEY_SPEC_ML_DSA_65,
    KMS_KEY_SPEC_ML_DSA_87,
    KMS_KEY_SPEC_ML_KEM_1024,
    KMS_KEY_SPEC_ML_KEM_512,
    KMS_KEY_SPEC_ML_KEM_768,
    KMS_KEY_SPEC_RSA_2048,
    KMS_KEY_SPEC_RSA_3072,
    KMS_KEY_SPEC_RSA_4096,
    KMS_KEY_SPEC_SM2,
    KMS_KEY_SPEC_SYMMETRIC_DEFAULT,
};

enum kms_key_state {
    KMS_KEY_STATE_UNRECOGNIZED = -1,
    KMS_KEY_STATE_UNSET = 0,
    KMS_KEY_STATE_CREATING,
    KMS_KEY_STATE_DISABLED,
    KMS_KEY_STATE_ENABLED,
    KMS_KEY_STATE_PENDING_DELETION,
    KMS_KEY_STATE_PENDING_IMPORT,
    KMS_KEY_STATE_PENDING_REPLICA_DELETION,
    KMS_KEY_STATE_UNAVAILABLE,
    KMS_KEY_STATE_UPDATING,
};

enum kms_key_usage {
    KMS_KEY_USAGE_UNRECOGNIZED = -1,
    KMS_KEY_USAGE_UNSET = 0,
    KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
    KMS_KEY_USAGE_ENCRYPT_DECRYPT,
    KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    KMS_KEY_USAGE_KEY_AGREEMENT,
    KMS_KEY_USAGE_SIGN_VERIFY,
};

enum kms_mac_algorithm {
    KMS_MAC_ALGORITHM_UNRECOGNIZED = -1,
    KMS_MAC_ALGORITHM_UNSET = 0,
    KMS_MAC_ALGORITHM_HMAC_SHA_224,
    KMS_MAC_ALGORITHM_HMAC_SHA_256,
    KMS_MAC_ALGORITHM_HMAC_SHA_384,
    KMS_MAC_ALGORITHM_HMAC_SHA_512,
};

struct kms_mac_algorithm_list {
    const enum kms_mac_algorithm *items;
    size_t count;
};

enum kms_message_type {
    KMS_MESSAGE_TYPE_UNRECOGNIZED = -1,
    KMS_MESSAGE_TYPE_UNSET = 0,
    KMS_MESSAGE_TYPE_DIGEST,
    KMS_MESSAGE_TYPE_EXTERNAL_MU,
    KMS_MESSAGE_TYPE_RAW,
};

enum kms_multi_region_key_type {
    KMS_MULTI_REGION_KEY_TYPE_UNRECOGNIZED = -1,
    KMS_MULTI_REGION_KEY_TYPE_UNSET = 0,
    KMS_MULTI_REGION_KEY_TYPE_PRIMARY,
    KMS_MULTI_REGION_KEY_TYPE_REPLICA,
};

enum kms_origin {
    KMS_ORIGIN_UNRECOGNIZED = -1,
    KMS_ORIGIN_UNSET = 0,
    KMS_ORIGIN_AWS_CLOUDHSM,
    KMS_ORIGIN_AWS_KMS,
    KMS_ORIGIN_EXTERNAL,
    KMS_ORIGIN_EXTERNAL_KEY_STORE,
};

enum kms_rotation_type {
    KMS_ROTATION_TYPE_UNRECOGNIZED = -1,
    KMS_ROTATION_TYPE_UNSET = 0,
    KMS_ROTATION_TYPE_AUTOMATIC,
    KMS_ROTATION_TYPE_ON_DEMAND,
};

enum kms_signing_algorithm {
    KMS_SIGNING_ALGORITHM_UNRECOGNIZED = -1,
    KMS_SIGNING_ALGORITHM_UNSET = 0,
    KMS_SIGNING_ALGORITHM_ECDSA_SHA_256,
    KMS_SIGNING_ALGORITHM_ECDSA_SHA_384,
    KMS_SIGNING_ALGORITHM_ECDSA_SHA_512,
    KMS_SIGNING_ALGORITHM_ED25519_PH_SHA_512,
    KMS_SIGNING_ALGORITHM_ED25519_SHA_512,
    KMS_SIGNING_ALGORITHM_ML_DSA_SHAKE_256,
    KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_256,
    KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_384,
    KMS_SIGNING_ALGORITHM_RSASSA_PKCS1_V1_5_SHA_512,
    KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_256,
    KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_384,
    KMS_SIGNING_ALGORITHM_RSASSA_PSS_SHA_512,
    KMS_SIGNING_ALGORITHM_SM2DSA,
};

struct kms_signing_algorithm_list {
    const enum kms_signing_algorithm *items;
    size_t count;
};

enum kms_wrapping_key_spec {
    KMS_WRAPPING_KEY_SPEC_UNRECOGNIZED = -1,
    KMS_WRAPPING_KEY_SPEC_UNSET = 0,
    KMS_WRAPPING_KEY_SPEC_RSA_2048,
    KMS_WRAPPING_KEY_SPEC_RSA_3072,
    KMS_WRAPPING_KEY_SPEC_RSA_4096,
    KMS_WRAPPING_KEY_SPEC_SM2,
};

enum kms_xks_proxy_connectivity {
    KMS_XKS_PROXY_CONNECTIVITY_UNRECOGNIZED = -1,
    KMS_XKS_PROXY_CONNECTIVITY_UNSET = 0,
    KMS_XKS_PROXY_CONNECTIVITY_PUBLIC_ENDPOINT,
    KMS_XKS_PROXY_CONNECTIVITY_VPC_ENDPOINT_SERVICE,
};

/* --- structures shared by several operations -------------------------------------------------- */

struct kms_alias_list_entry {
    struct kms_str alias_name;    /* 1 to 256 characters */
    struct kms_str alias_arn;     /* 20 to 2048 characters */
    struct kms_str target_key_id; /* 1 to 2048 characters */
    struct kms_opt_time creation_date;
    struct kms_opt_time last_updated_date;
};

struct kms_alias_list_entry_list {
    const struct kms_alias_list_entry *items;
    size_t count;
};

struct kms_xks_proxy_configuration_type {
    enum kms_xks_proxy_connectivity connectivity;
    struct kms_str access_key_id;              /* 20 to 30 characters, sensitive */
    struct kms_str uri_endpoint;               /* 10 to 128 characters */
    struct kms_str uri_path;                   /* 10 to 128 characters */
    struct kms_str vpc_endpoint_service_name;  /* 20 to 64 characters */
    struct kms_str vpc_endpoint_service_owner; /* 12 to 12 characters */
};

struct kms_custom_key_stores_list_entry {
    struct kms_str custom_key_store_id;      /* 1 to 64 characters */
    struct kms_str custom_key_store_name;    /* 1 to 256 characters */
    struct kms_str cloud_hsm_cluster_id;     /* 19 to 24 characters */
    struct kms_str trust_anchor_certificate; /* 1 to 5000 characters */
    enum kms_connection_state connection_state;
    enum kms_connection_error_code connection_error_code;
    struct kms_opt_time creation_date;
    enum kms_custom_key_store_type custom_key_store_type;
    const struct kms_xks_proxy_configuration_type *xks_proxy_configuration;
};

struct kms_custom_key_stores_list_entry_list {
    const struct kms_custom_key_stores_list_entry *items;
    size_t count;
};

struct kms_grant_constraints {
    struct kms_str_map encryption_context_subset;
    struct kms_str_map encryption_context_equals;
    struct kms_str source_arn;
};

struct kms_grant_list_entry {
    struct kms_str key_id;   /* 1 to 2048 characters */
    struct kms_str grant_id; /* 1 to 128 characters */
    struct kms_str name;     /* 1 to 256 characters */
    struct kms_opt_time creation_date;
    struct kms_str grantee_principal;  /* 1 to 256 characters */
    struct kms_str retiring_principal; /* 1 to 256 characters */
    struct kms_str issuing_account;    /* 1 to 256 characters */
    struct kms_grant_operation_list operations;
    const struct kms_grant_constraints *constraints;
    struct kms_str grantee_service_principal;  /* 1 to 256 characters */
    struct kms_str retiring_service_principal; /* 1 to 256 characters */
};

struct kms_grant_list_entry_list {
    const struct kms_grant_list_entry *items;
    size_t count;
};

struct kms_key_last_usage_data {
    enum kms_tracked_operation operation;
    struct kms_opt_time timestamp;
    struct kms_str cloud_trail_event_id;
    struct kms_str kms_request_id;
};

struct kms_key_list_entry {
    struct kms_str key_id;  /* 1 to 2048 characters */
    struct kms_str key_arn; /* 20 to 2048 characters */
};

struct kms_key_list_entry_list {
    const struct kms_key_list_entry *items;
    size_t count;
};

struct kms_multi_region_key {
    struct kms_str arn;    /* 20 to 2048 characters */
    struct kms_str region; /* 1 to 32 characters */
};

struct kms_multi_region_key_list {
    const struct kms_multi_region_key *items;
    size_t count;
};

struct kms_multi_region_configuration {
    enum kms_multi_region_key_type multi_region_key_type;
    const struct kms_multi_region_key *primary_key;
    struct kms_multi_region_key_list replica_keys;
};

struct kms_xks_key_configuration_type {
    struct kms_str id; /* 1 to 128 characters */
};

struct kms_key_metadata {
    struct kms_str aws_account_id;
    struct kms_str key_id; /* required, 1 to 2048 characters */
    struct kms_str arn;    /* 20 to 2048 characters */
    struct kms_opt_time creation_date;
    struct kms_opt_bool enabled;
    struct kms_str description; /* 0 to 8192 characters */
    enum kms_key_usage key_usage;
    enum kms_key_state key_state;
    struct kms_opt_time deletion_date;
    struct kms_opt_time valid_to;
    enum kms_origin origin;
    struct kms_str custom_key_store_id;  /* 1 to 64 characters */
    struct kms_str cloud_hsm_cluster_id; /* 19 to 24 characters */
    enum kms_expiration_model expiration_model;
    enum kms_key_manager key_manager;
    enum kms_customer_master_key_spec customer_master_key_spec;
    enum kms_key_spec key_spec;
    struct kms_encryption_algorithm_list encryption_algorithms;
    struct kms_signing_algorithm_list signing_algorithms;
    struct kms_key_agreement_algorithm_list key_agreement_algorithms;
    struct kms_opt_bool multi_region;
    const struct kms_multi_region_configuration *multi_region_configuration;
    struct kms_opt_int pending_deletion_window_in_days; /* 1 to 365 */
    struct kms_mac_algorithm_list mac_algorithms;
    const struct kms_xks_key_configuration_type *xks_key_configuration;
    struct kms_str current_key_material_id; /* 64 to 64 characters */
    struct kms_encapsulation_algorithm_list encapsulation_algorithms;
};

struct kms_recipient_info {
    enum kms_key_encryption_mechanism key_encryption_algorithm;
    struct kms_bytes attestation_document; /* 1 to 262144 bytes */
};

struct kms_rotations_list_entry {
    struct kms_str key_id;                   /* 1 to 2048 characters */
    struct kms_str key_material_id;          /* 64 to 64 characters */
    struct kms_str key_material_description; /* 0 to 256 characters */
    enum kms_import_state import_state;
    enum kms_key_material_state key_material_state;
    enum kms_expiration_model expiration_model;
    struct kms_opt_time valid_to;
    struct kms_opt_time rotation_date;
    enum kms_rotation_type rotation_type;
};

struct kms_rotations_list_entry_list {
    const struct kms_rotations_list_entry *items;
    size_t count;
};

struct kms_tag {
    struct kms_str tag_key;   /* required, 1 to 128 characters */
    struct kms_str tag_value; /* required, 0 to 256 characters */
};

struct kms_tag_list {
    const struct kms_tag *items;
    size_t count;
};

struct kms_xks_proxy_authentication_credential_type {
    struct kms_str access_key_id;         /* required, 20 to 30 characters, sensitive */
    struct kms_str raw_secret_access_key; /* required, 43 to 64 characters, sensitive */
};

/* --- requests and answers --------------------------------------------------------------------- */

struct kms_cancel_key_deletion_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_cancel_key_deletion_response {
    struct kms_str key_id; /* 1 to 2048 characters */
};

struct kms_connect_custom_key_store_request {
    struct kms_str custom_key_store_id; /* required, 1 to 64 characters */
};

struct kms_connect_custom_key_store_response {
    char no_members; /* the answer is empty */
};

struct kms_create_alias_request {
    struct kms_str alias_name;    /* required, 1 to 256 characters */
    struct kms_str target_key_id; /* required, 1 to 2048 characters */
};

struct kms_create_custom_key_store_request {
    struct kms_str custom_key_store_name;    /* required, 1 to 256 characters */
    struct kms_str cloud_hsm_cluster_id;     /* 19 to 24 characters */
    struct kms_str trust_anchor_certificate; /* 1 to 5000 characters */
    struct kms_str key_store_password;       /* 7 to 32 characters, sensitive */
    enum kms_custom_key_store_type custom_key_store_type;
    struct kms_str xks_proxy_uri_endpoint;               /* 10 to 128 characters */
    struct kms_str xks_proxy_uri_path;                   /* 10 to 128 characters */
    struct kms_str xks_proxy_vpc_endpoint_service_name;  /* 20 to 64 characters */
    struct kms_str xks_proxy_vpc_endpoint_service_owner; /* 12 to 12 characters */
    const struct kms_xks_proxy_authentication_credential_type *xks_proxy_authentication_credential;
    enum kms_xks_proxy_connectivity xks_proxy_connectivity;
};

struct kms_create_custom_key_store_response {
    struct kms_str custom_key_store_id; /* 1 to 64 characters */
};

struct kms_create_grant_request {
    struct kms_str key_id;                      /* required, 1 to 2048 characters */
    struct kms_str grantee_principal;           /* 1 to 256 characters */
    struct kms_str retiring_principal;          /* 1 to 256 characters */
    struct kms_grant_operation_list operations; /* required */
    const struct kms_grant_constraints *constraints;
    struct kms_str_list grant_tokens; /* 0 to 10 items */
    struct kms_str name;              /* 1 to 256 characters */
    struct kms_opt_bool dry_run;
    struct kms_str grantee_service_principal;  /* 1 to 256 characters */
    struct kms_str retiring_service_principal; /* 1 to 256 characters */
};

struct kms_create_grant_response {
    struct kms_str grant_token; /* 1 to 8192 characters */
    struct kms_str grant_id;    /* 1 to 128 characters */
};

struct kms_create_key_request {
    struct kms_str policy;      /* 1 to 131072 characters */
    struct kms_str description; /* 0 to 8192 characters */
    enum kms_key_usage key_usage;
    enum kms_customer_master_key_spec customer_master_key_spec;
    enum kms_key_spec key_spec;
    enum kms_origin origin;
    struct kms_str custom_key_store_id; /* 1 to 64 characters */
    struct kms_opt_bool bypass_policy_lockout_safety_check;
    struct kms_tag_list tags;
    struct kms_opt_bool multi_region;
    struct kms_str xks_key_id; /* 1 to 128 characters */
};

struct kms_create_key_response {
    const struct kms_key_metadata *key_metadata;
};

struct kms_decapsulate_request {
    struct kms_str key_id;                                    /* required, 1 to 2048 characters */
    struct kms_bytes shared_secret_ciphertext_blob;           /* required, 1 to 6144 bytes */
    enum kms_encapsulation_algorithm encapsulation_algorithm; /* required */
    struct kms_str_list grant_tokens;                         /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_decapsulate_response {
    struct kms_str key_id;          /* 1 to 2048 characters */
    struct kms_bytes shared_secret; /* 1 to 4096 bytes, sensitive */
    enum kms_encapsulation_algorithm encapsulation_algorithm;
};

struct kms_decrypt_request {
    struct kms_bytes ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_str_map encryption_context;
    struct kms_str_list grant_tokens; /* 0 to 10 items */
    struct kms_str key_id;            /* 1 to 2048 characters */
    enum kms_encryption_algorithm encryption_algorithm;
    const struct kms_recipient_info *recipient;
    struct kms_opt_bool dry_run;
    struct kms_dry_run_modifier_list dry_run_modifiers;
};

struct kms_decrypt_response {
    struct kms_str key_id;      /* 1 to 2048 characters */
    struct kms_bytes plaintext; /* 1 to 4096 bytes, sensitive */
    enum kms_encryption_algorithm encryption_algorithm;
    struct kms_bytes ciphertext_for_recipient; /* 1 to 6144 bytes */
    struct kms_str key_material_id;            /* 64 to 64 characters */
};

struct kms_delete_alias_request {
    struct kms_str alias_name; /* required, 1 to 256 characters */
};

struct kms_delete_custom_key_store_request {
    struct kms_str custom_key_store_id; /* required, 1 to 64 characters */
};

struct kms_delete_custom_key_store_response {
    char no_members; /* the answer is empty */
};

struct kms_delete_imported_key_material_request {
    struct kms_str key_id;          /* required, 1 to 2048 characters */
    struct kms_str key_material_id; /* 64 to 64 characters */
};

struct kms_delete_imported_key_material_response {
    struct kms_str key_id;          /* 1 to 2048 characters */
    struct kms_str key_material_id; /* 0 to 64 characters */
};

struct kms_derive_shared_secret_request {
    struct kms_str key_id;                                    /* required, 1 to 2048 characters */
    enum kms_key_agreement_algorithm key_agreement_algorithm; /* required */
    struct kms_bytes public_key;                              /* required, 1 to 8192 bytes */
    struct kms_str_list grant_tokens;                         /* 0 to 10 items */
    struct kms_opt_bool dry_run;
    const struct kms_recipient_info *recipient;
};

struct kms_derive_shared_secret_response {
    struct kms_str key_id;                     /* 1 to 2048 characters */
    struct kms_bytes shared_secret;            /* 1 to 4096 bytes, sensitive */
    struct kms_bytes ciphertext_for_recipient; /* 1 to 6144 bytes */
    enum kms_key_agreement_algorithm key_agreement_algorithm;
    enum kms_origin key_origin;
};

struct kms_describe_custom_key_stores_request {
    struct kms_str custom_key_store_id;   /* 1 to 64 characters */
    struct kms_str custom_key_store_name; /* 1 to 256 characters */
    struct kms_opt_int limit;             /* 1 to 1000 */
    struct kms_str marker;                /* 1 to 1024 characters */
};

struct kms_describe_custom_key_stores_response {
    struct kms_custom_key_stores_list_entry_list custom_key_stores;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_describe_key_request {
    struct kms_str key_id;            /* required, 1 to 2048 characters */
    struct kms_str_list grant_tokens; /* 0 to 10 items */
};

struct kms_describe_key_response {
    const struct kms_key_metadata *key_metadata;
};

struct kms_disable_key_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_disable_key_rotation_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_disconnect_custom_key_store_request {
    struct kms_str custom_key_store_id; /* required, 1 to 64 characters */
};

struct kms_disconnect_custom_key_store_response {
    char no_members; /* the answer is empty */
};

struct kms_enable_key_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_enable_key_rotation_request {
    struct kms_str key_id;                      /* required, 1 to 2048 characters */
    struct kms_opt_int rotation_period_in_days; /* 90 to 2560 */
};

struct kms_encapsulate_request {
    struct kms_str key_id;                                    /* required, 1 to 2048 characters */
    enum kms_encapsulation_algorithm encapsulation_algorithm; /* required */
    struct kms_str_list grant_tokens;                         /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_encapsulate_response {
    struct kms_str key_id;                          /* 1 to 2048 characters */
    struct kms_bytes shared_secret;                 /* 1 to 4096 bytes, sensitive */
    struct kms_bytes shared_secret_ciphertext_blob; /* 1 to 6144 bytes */
    enum kms_encapsulation_algorithm encapsulation_algorithm;
};

struct kms_encrypt_request {
    struct kms_str key_id;      /* required, 1 to 2048 characters */
    struct kms_bytes plaintext; /* required, 1 to 4096 bytes, sensitive */
    struct kms_str_map encryption_context;
    struct kms_str_list grant_tokens; /* 0 to 10 items */
    enum kms_encryption_algorithm encryption_algorithm;
    struct kms_opt_bool dry_run;
};

struct kms_encrypt_response {
    struct kms_bytes ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_str key_id;            /* 1 to 2048 characters */
    enum kms_encryption_algorithm encryption_algorithm;
};

struct kms_generate_data_key_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
    struct kms_str_map encryption_context;
    struct kms_opt_int number_of_bytes; /* 1 to 1024 */
    enum kms_data_key_spec key_spec;
    struct kms_str_list grant_tokens; /* 0 to 10 items */
    const struct kms_recipient_info *recipient;
    struct kms_opt_bool dry_run;
};

struct kms_generate_data_key_response {
    struct kms_bytes ciphertext_blob;          /* 1 to 6144 bytes */
    struct kms_bytes plaintext;                /* 1 to 4096 bytes, sensitive */
    struct kms_str key_id;                     /* 1 to 2048 characters */
    struct kms_bytes ciphertext_for_recipient; /* 1 to 6144 bytes */
    struct kms_str key_material_id;            /* 64 to 64 characters */
};

struct kms_generate_data_key_pair_request {
    struct kms_str_map encryption_context;
    struct kms_str key_id;                     /* required, 1 to 2048 characters */
    enum kms_data_key_pair_spec key_pair_spec; /* required */
    struct kms_str_list grant_tokens;          /* 0 to 10 items */
    const struct kms_recipient_info *recipient;
    struct kms_opt_bool dry_run;
};

struct kms_generate_data_key_pair_response {
    struct kms_bytes private_key_ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_bytes private_key_plaintext;       /* 1 to 4096 bytes, sensitive */
    struct kms_bytes public_key;                  /* 1 to 8192 bytes */
    struct kms_str key_id;                        /* 1 to 2048 characters */
    enum kms_data_key_pair_spec key_pair_spec;
    struct kms_bytes ciphertext_for_recipient; /* 1 to 6144 bytes */
    struct kms_str key_material_id;            /* 64 to 64 characters */
};

struct kms_generate_data_key_pair_without_plaintext_request {
    struct kms_str_map encryption_context;
    struct kms_str key_id;                     /* required, 1 to 2048 characters */
    enum kms_data_key_pair_spec key_pair_spec; /* required */
    struct kms_str_list grant_tokens;          /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_generate_data_key_pair_without_plaintext_response {
    struct kms_bytes private_key_ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_bytes public_key;                  /* 1 to 8192 bytes */
    struct kms_str key_id;                        /* 1 to 2048 characters */
    enum kms_data_key_pair_spec key_pair_spec;
    struct kms_str key_material_id; /* 64 to 64 characters */
};

struct kms_generate_data_key_without_plaintext_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
    struct kms_str_map encryption_context;
    enum kms_data_key_spec key_spec;
    struct kms_opt_int number_of_bytes; /* 1 to 1024 */
    struct kms_str_list grant_tokens;   /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_generate_data_key_without_plaintext_response {
    struct kms_bytes ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_str key_id;            /* 1 to 2048 characters */
    struct kms_str key_material_id;   /* 64 to 64 characters */
};

struct kms_generate_mac_request {
    struct kms_bytes message;             /* required, 1 to 4096 bytes, sensitive */
    struct kms_str key_id;                /* required, 1 to 2048 characters */
    enum kms_mac_algorithm mac_algorithm; /* required */
    struct kms_str_list grant_tokens;     /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_generate_mac_response {
    struct kms_bytes mac; /* 1 to 6144 bytes */
    enum kms_mac_algorithm mac_algorithm;
    struct kms_str key_id; /* 1 to 2048 characters */
};

struct kms_generate_random_request {
    struct kms_opt_int number_of_bytes; /* 1 to 1024 */
    struct kms_str custom_key_store_id; /* 1 to 64 characters */
    const struct kms_recipient_info *recipient;
};

struct kms_generate_random_response {
    struct kms_bytes plaintext;                /* 1 to 4096 bytes, sensitive */
    struct kms_bytes ciphertext_for_recipient; /* 1 to 6144 bytes */
};

struct kms_get_key_last_usage_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_get_key_last_usage_response {
    struct kms_str key_id; /* 1 to 2048 characters */
    const struct kms_key_last_usage_data *key_last_usage;
    struct kms_opt_time tracking_start_date;
    struct kms_opt_time key_creation_date;
};

struct kms_get_key_policy_request {
    struct kms_str key_id;      /* required, 1 to 2048 characters */
    struct kms_str policy_name; /* 1 to 128 characters */
};

struct kms_get_key_policy_response {
    struct kms_str policy;      /* 1 to 131072 characters */
    struct kms_str policy_name; /* 1 to 128 characters */
};

struct kms_get_key_rotation_status_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_get_key_rotation_status_response {
    struct kms_opt_bool key_rotation_enabled;
    struct kms_str key_id;                      /* 1 to 2048 characters */
    struct kms_opt_int rotation_period_in_days; /* 90 to 2560 */
    struct kms_opt_time next_rotation_date;
    struct kms_opt_time on_demand_rotation_start_date;
};

struct kms_get_parameters_for_import_request {
    struct kms_str key_id;                          /* required, 1 to 2048 characters */
    enum kms_wrapping_algorithm wrapping_algorithm; /* required */
    enum kms_wrapping_key_spec wrapping_key_spec;   /* required */
};

struct kms_get_parameters_for_import_response {
    struct kms_str key_id;         /* 1 to 2048 characters */
    struct kms_bytes import_token; /* 1 to 6144 bytes */
    struct kms_bytes public_key;   /* 1 to 4096 bytes, sensitive */
    struct kms_opt_time parameters_valid_to;
};

struct kms_get_public_key_request {
    struct kms_str key_id;            /* required, 1 to 2048 characters */
    struct kms_str_list grant_tokens; /* 0 to 10 items */
};

struct kms_get_public_key_response {
    struct kms_str key_id;       /* 1 to 2048 characters */
    struct kms_bytes public_key; /* 1 to 8192 bytes */
    enum kms_customer_master_key_spec customer_master_key_spec;
    enum kms_key_spec key_spec;
    enum kms_key_usage key_usage;
    struct kms_encryption_algorithm_list encryption_algorithms;
    struct kms_signing_algorithm_list signing_algorithms;
    struct kms_key_agreement_algorithm_list key_agreement_algorithms;
    struct kms_encapsulation_algorithm_list encapsulation_algorithms;
};

struct kms_import_key_material_request {
    struct kms_str key_id;                   /* required, 1 to 2048 characters */
    struct kms_bytes import_token;           /* required, 1 to 6144 bytes */
    struct kms_bytes encrypted_key_material; /* required, 1 to 6144 bytes */
    struct kms_opt_time valid_to;
    enum kms_expiration_model expiration_model;
    enum kms_import_type import_type;
    struct kms_str key_material_description; /* 0 to 256 characters */
    struct kms_str key_material_id;          /* 64 to 64 characters */
};

struct kms_import_key_material_response {
    struct kms_str key_id;          /* 1 to 2048 characters */
    struct kms_str key_material_id; /* 64 to 64 characters */
};

struct kms_list_aliases_request {
    struct kms_str key_id;    /* 1 to 2048 characters */
    struct kms_opt_int limit; /* 1 to 1000 */
    struct kms_str marker;    /* 1 to 1024 characters */
};

struct kms_list_aliases_response {
    struct kms_alias_list_entry_list aliases;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_grants_request {
    struct kms_opt_int limit;                 /* 1 to 1000 */
    struct kms_str marker;                    /* 1 to 1024 characters */
    struct kms_str key_id;                    /* required, 1 to 2048 characters */
    struct kms_str grant_id;                  /* 1 to 128 characters */
    struct kms_str grantee_principal;         /* 1 to 256 characters */
    struct kms_str grantee_service_principal; /* 1 to 256 characters */
};

struct kms_list_grants_response {
    struct kms_grant_list_entry_list grants;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_key_policies_request {
    struct kms_str key_id;    /* required, 1 to 2048 characters */
    struct kms_opt_int limit; /* 1 to 1000 */
    struct kms_str marker;    /* 1 to 1024 characters */
};

struct kms_list_key_policies_response {
    struct kms_str_list policy_names;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_key_rotations_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
    enum kms_include_key_material include_key_material;
    struct kms_opt_int limit; /* 1 to 1000 */
    struct kms_str marker;    /* 1 to 1024 characters */
};

struct kms_list_key_rotations_response {
    struct kms_rotations_list_entry_list rotations;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_keys_request {
    struct kms_opt_int limit; /* 1 to 1000 */
    struct kms_str marker;    /* 1 to 1024 characters */
};

struct kms_list_keys_response {
    struct kms_key_list_entry_list keys;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_resource_tags_request {
    struct kms_str key_id;    /* required, 1 to 2048 characters */
    struct kms_opt_int limit; /* 1 to 1000 */
    struct kms_str marker;    /* 1 to 1024 characters */
};

struct kms_list_resource_tags_response {
    struct kms_tag_list tags;
    struct kms_str next_marker; /* 1 to 1024 characters */
    struct kms_opt_bool truncated;
};

struct kms_list_retirable_grants_request {
    struct kms_opt_int limit;                  /* 1 to 1000 */
    struct kms_str marker;                     /* 1 to 1024 characters */
    struct kms_str retiring_principal;         /* 1 to 256 characters */
    struct kms_str retiring_service_principal; /* 1 to 256 characters */
};

struct kms_put_key_policy_request {
    struct kms_str key_id;      /* required, 1 to 2048 characters */
    struct kms_str policy_name; /* 1 to 128 characters */
    struct kms_str policy;      /* required, 1 to 131072 characters */
    struct kms_opt_bool bypass_policy_lockout_safety_check;
};

struct kms_re_encrypt_request {
    struct kms_bytes ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_str_map source_encryption_context;
    struct kms_str source_key_id;      /* 1 to 2048 characters */
    struct kms_str destination_key_id; /* required, 1 to 2048 characters */
    struct kms_str_map destination_encryption_context;
    enum kms_encryption_algorithm source_encryption_algorithm;
    enum kms_encryption_algorithm destination_encryption_algorithm;
    struct kms_str_list grant_tokens; /* 0 to 10 items */
    struct kms_opt_bool dry_run;
    struct kms_dry_run_modifier_list dry_run_modifiers;
};

struct kms_re_encrypt_response {
    struct kms_bytes ciphertext_blob; /* 1 to 6144 bytes */
    struct kms_str source_key_id;     /* 1 to 2048 characters */
    struct kms_str key_id;            /* 1 to 2048 characters */
    enum kms_encryption_algorithm source_encryption_algorithm;
    enum kms_encryption_algorithm destination_encryption_algorithm;
    struct kms_str source_key_material_id;      /* 64 to 64 characters */
    struct kms_str destination_key_material_id; /* 64 to 64 characters */
};

struct kms_replicate_key_request {
    struct kms_str key_id;         /* required, 1 to 2048 characters */
    struct kms_str replica_region; /* required, 1 to 32 characters */
    struct kms_str policy;         /* 1 to 131072 characters */
    struct kms_opt_bool bypass_policy_lockout_safety_check;
    struct kms_str description; /* 0 to 8192 characters */
    struct kms_tag_list tags;
};

struct kms_replicate_key_response {
    const struct kms_key_metadata *replica_key_metadata;
    struct kms_str replica_policy; /* 1 to 131072 characters */
    struct kms_tag_list replica_tags;
};

struct kms_retire_grant_request {
    struct kms_str grant_token; /* 1 to 8192 characters */
    struct kms_str key_id;      /* 1 to 2048 characters */
    struct kms_str grant_id;    /* 1 to 128 characters */
    struct kms_opt_bool dry_run;
};

struct kms_revoke_grant_request {
    struct kms_str key_id;   /* required, 1 to 2048 characters */
    struct kms_str grant_id; /* required, 1 to 128 characters */
    struct kms_opt_bool dry_run;
};

struct kms_rotate_key_on_demand_request {
    struct kms_str key_id; /* required, 1 to 2048 characters */
};

struct kms_rotate_key_on_demand_response {
    struct kms_str key_id; /* 1 to 2048 characters */
};

struct kms_schedule_key_deletion_request {
    struct kms_str key_id;                     /* required, 1 to 2048 characters */
    struct kms_opt_int pending_window_in_days; /* 1 to 365 */
};

struct kms_schedule_key_deletion_response {
    struct kms_str key_id; /* 1 to 2048 characters */
    struct kms_opt_time deletion_date;
    enum kms_key_state key_state;
    struct kms_opt_int pending_window_in_days; /* 1 to 365 */
};

struct kms_sign_request {
    struct kms_str key_id;    /* required, 1 to 2048 characters */
    struct kms_bytes message; /* required, 1 to 4096 bytes, sensitive */
    enum kms_message_type message_type;
    struct kms_str_list grant_tokens;             /* 0 to 10 items */
    enum kms_signing_algorithm signing_algorithm; /* required */
    struct kms_opt_bool dry_run;
};

struct kms_sign_response {
    struct kms_str key_id;      /* 1 to 2048 characters */
    struct kms_bytes signature; /* 1 to 6144 bytes */
    enum kms_signing_algorithm signing_algorithm;
};

struct kms_tag_resource_request {
    struct kms_str key_id;    /* required, 1 to 2048 characters */
    struct kms_tag_list tags; /* required */
};

struct kms_untag_resource_request {
    struct kms_str key_id;        /* required, 1 to 2048 characters */
    struct kms_str_list tag_keys; /* required */
};

struct kms_update_alias_request {
    struct kms_str alias_name;    /* required, 1 to 256 characters */
    struct kms_str target_key_id; /* required, 1 to 2048 characters */
};

struct kms_update_custom_key_store_request {
    struct kms_str custom_key_store_id;                  /* required, 1 to 64 characters */
    struct kms_str new_custom_key_store_name;            /* 1 to 256 characters */
    struct kms_str key_store_password;                   /* 7 to 32 characters, sensitive */
    struct kms_str cloud_hsm_cluster_id;                 /* 19 to 24 characters */
    struct kms_str xks_proxy_uri_endpoint;               /* 10 to 128 characters */
    struct kms_str xks_proxy_uri_path;                   /* 10 to 128 characters */
    struct kms_str xks_proxy_vpc_endpoint_service_name;  /* 20 to 64 characters */
    struct kms_str xks_proxy_vpc_endpoint_service_owner; /* 12 to 12 characters */
    const struct kms_xks_proxy_authentication_credential_type *xks_proxy_authentication_credential;
    enum kms_xks_proxy_connectivity xks_proxy_connectivity;
};

struct kms_update_custom_key_store_response {
    char no_members; /* the answer is empty */
};

struct kms_update_key_description_request {
    struct kms_str key_id;      /* required, 1 to 2048 characters */
    struct kms_str description; /* required, 0 to 8192 characters */
};

struct kms_update_primary_region_request {
    struct kms_str key_id;         /* required, 1 to 2048 characters */
    struct kms_str primary_region; /* required, 1 to 32 characters */
};

struct kms_verify_request {
    struct kms_str key_id;    /* required, 1 to 2048 characters */
    struct kms_bytes message; /* required, 1 to 4096 bytes, sensitive */
    enum kms_message_type message_type;
    struct kms_bytes signature;                   /* required, 1 to 6144 bytes */
    enum kms_signing_algorithm signing_algorithm; /* required */
    struct kms_str_list grant_tokens;             /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_verify_response {
    struct kms_str key_id; /* 1 to 2048 characters */
    struct kms_opt_bool signature_valid;
    enum kms_signing_algorithm signing_algorithm;
};

struct kms_verify_mac_request {
    struct kms_bytes message;             /* required, 1 to 4096 bytes, sensitive */
    struct kms_str key_id;                /* required, 1 to 2048 characters */
    enum kms_mac_algorithm mac_algorithm; /* required */
    struct kms_bytes mac;                 /* required, 1 to 6144 bytes */
    struct kms_str_list grant_tokens;     /* 0 to 10 items */
    struct kms_opt_bool dry_run;
};

struct kms_verify_mac_response {
    struct kms_str key_id; /* 1 to 2048 characters */
    struct kms_opt_bool mac_valid;
    enum kms_mac_algorithm mac_algorithm;
};

#endif
