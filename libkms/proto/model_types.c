/*
 * The types of the API, one row each, as published: bounds, patterns, enumerations. Where the live
 * service is known to differ, the row points to model_live.c. tests/unit/proto/test_model.c holds
 * these rows against the published model.
 */
#include "libkms/proto/model_tables.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */

const struct kms_type kms_type_string = {.name = "string", .kind = KMS_KIND_STRING};
const struct kms_type kms_type_blob = {.name = "blob", .kind = KMS_KIND_BLOB};
const struct kms_type kms_type_integer = {.name = "integer", .kind = KMS_KIND_INTEGER};
const struct kms_type kms_type_boolean = {.name = "boolean", .kind = KMS_KIND_BOOLEAN};
const struct kms_type kms_type_timestamp = {.name = "timestamp", .kind = KMS_KIND_TIMESTAMP};

const struct kms_type kms_type_alias_list_entry_structure = {.name = "AliasListEntry", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_alias_list_entry};
const struct kms_type kms_type_custom_key_stores_list_entry_structure = {.name = "CustomKeyStoresListEntry", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_custom_key_stores_list_entry};
const struct kms_type kms_type_grant_constraints_structure = {.name = "GrantConstraints", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_grant_constraints};
const struct kms_type kms_type_grant_list_entry_structure = {.name = "GrantListEntry", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_grant_list_entry};
const struct kms_type kms_type_key_last_usage_data_structure = {.name = "KeyLastUsageData", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_key_last_usage_data};
const struct kms_type kms_type_key_list_entry_structure = {.name = "KeyListEntry", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_key_list_entry};
const struct kms_type kms_type_key_metadata_structure = {.name = "KeyMetadata", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_key_metadata};
const struct kms_type kms_type_multi_region_configuration_structure = {.name = "MultiRegionConfiguration", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_multi_region_configuration};
const struct kms_type kms_type_multi_region_key_structure = {.name = "MultiRegionKey", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_multi_region_key};
const struct kms_type kms_type_recipient_info_structure = {.name = "RecipientInfo", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_recipient_info};
const struct kms_type kms_type_rotations_list_entry_structure = {.name = "RotationsListEntry", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_rotations_list_entry};
const struct kms_type kms_type_tag_structure = {.name = "Tag", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_tag};
const struct kms_type kms_type_xks_key_configuration_type_structure = {.name = "XksKeyConfigurationType", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_xks_key_configuration_type};
const struct kms_type kms_type_xks_proxy_authentication_credential_type_structure = {.name = "XksProxyAuthenticationCredentialType", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_xks_proxy_authentication_credential_type};
const struct kms_type kms_type_xks_proxy_configuration_type_structure = {.name = "XksProxyConfigurationType", .kind = KMS_KIND_STRUCTURE, .structure = &kms_shape_xks_proxy_configuration_type};

const struct kms_type kms_type_aws_account_id_type = {.name = "AWSAccountIdType", .kind = KMS_KIND_STRING};
const struct kms_type kms_type_account_id_type = {.name = "AccountIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 12, .max = 12, .pattern = "[0-9]{12}", .matches = kms_pattern_account_id};
static const char *const algorithm_spec_values[] = {
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSAES_PKCS1_V1_5",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
    "SM2PKE",
};
const struct kms_type kms_type_algorithm_spec = {.name = "AlgorithmSpec", .kind = KMS_KIND_ENUM, .values = algorithm_spec_values, .value_count = COUNT(algorithm_spec_values)};
const struct kms_type kms_type_alias_name_type = {.name = "AliasNameType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 256, .pattern = "^[a-zA-Z0-9:/_-]+$", .matches = kms_pattern_name};
const struct kms_type kms_type_arn_type = {.name = "ArnType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 20, .max = 2048};
const struct kms_type kms_type_attestation_document_type = {.name = "AttestationDocumentType", .kind = KMS_KIND_BLOB, .has_bounds = true, .min = 1, .max = 262144};
const struct kms_type kms_type_backing_key_id_response_type = {.name = "BackingKeyIdResponseType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 0, .max = 64, .pattern = "^[a-f0-9]+$", .matches = kms_pattern_hex};
const struct kms_type kms_type_backing_key_id_type = {.name = "BackingKeyIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 64, .max = 64, .pattern = "^[a-f0-9]+$", .matches = kms_pattern_hex};
const struct kms_type kms_type_ciphertext_type = {.name = "CiphertextType", .kind = KMS_KIND_BLOB, .has_bounds = true, .min = 1, .max = 6144};
const struct kms_type kms_type_cloud_hsm_cluster_id_type = {.name = "CloudHsmClusterIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 19, .max = 24, .pattern = "cluster-[2-7a-zA-Z]{11,16}", .matches = kms_pattern_cluster_id};
const struct kms_type kms_type_cloud_trail_event_id_type = {.name = "CloudTrailEventIdType", .kind = KMS_KIND_STRING};
static const char *const connection_error_code_type_values[] = {
    "CLUSTER_NOT_FOUND",
    "INSUFFICIENT_CLOUDHSM_HSMS",
    "INSUFFICIENT_FREE_ADDRESSES_IN_SUBNET",
    "INTERNAL_ERROR",
    "INVALID_CREDENTIALS",
    "NETWORK_ERRORS",
    "SUBNET_NOT_FOUND",
    "USER_LOCKED_OUT",
    "USER_LOGGED_IN",
    "USER_NOT_FOUND",
    "XKS_PROXY_ACCESS_DENIED",
    "XKS_PROXY_INVALID_CONFIGURATION",
    "XKS_PROXY_INVALID_RESPONSE",
    "XKS_PROXY_INVALID_TLS_CONFIGURATION",
    "XKS_PROXY_NOT_REACHABLE",
    "XKS_PROXY_TIMED_OUT",
    "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
    "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND",
};
const struct kms_type kms_type_connection_error_code_type = {.name = "ConnectionErrorCodeType", .kind = KMS_KIND_ENUM, .values = connection_error_code_type_values, .value_count = COUNT(connection_error_code_type_values)};
static const char *const connection_state_type_values[] = {
    "CONNECTED",
    "CONNECTING",
    "DISCONNECTED",
    "DISCONNECTING",
    "FAILED",
};
const struct kms_type kms_type_connection_state_type = {.name = "ConnectionStateType", .kind = KMS_KIND_ENUM, .values = connection_state_type_values, .value_count = COUNT(connection_state_type_values)};
const struct kms_type kms_type_custom_key_store_id_type = {.name = "CustomKeyStoreIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 64};
const struct kms_type kms_type_custom_key_store_name_type = {.name = "CustomKeyStoreNameType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 256};
static const char *const custom_key_store_type_values[] = {
    "AWS_CLOUDHSM",
    "EXTERNAL_KEY_STORE",
};
const struct kms_type kms_type_custom_key_store_type = {.name = "CustomKeyStoreType", .kind = KMS_KIND_ENUM, .values = custom_key_store_type_values, .value_count = COUNT(custom_key_store_type_values)};
static const char *const customer_master_key_spec_values[] = {
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "SM2",
    "SYMMETRIC_DEFAULT",
};
const struct kms_type kms_type_customer_master_key_spec = {.name = "CustomerMasterKeySpec", .kind = KMS_KIND_ENUM, .values = customer_master_key_spec_values, .value_count = COUNT(customer_master_key_spec_values)};
static const char *const data_key_pair_spec_values[] = {
    "ECC_NIST_EDWARDS25519",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ML_KEM_1024",
    "ML_KEM_512",
    "ML_KEM_768",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "SM2",
};
const struct kms_type kms_type_data_key_pair_spec = {.name = "DataKeyPairSpec", .kind = KMS_KIND_ENUM, .values = data_key_pair_spec_values, .value_count = COUNT(data_key_pair_spec_values)};
static const char *const data_key_spec_values[] = {
    "AES_128",
    "AES_256",
};
const struct kms_type kms_type_data_key_spec = {.name = "DataKeySpec", .kind = KMS_KIND_ENUM, .values = data_key_spec_values, .value_count = COUNT(data_key_spec_values), .live = &kms_live_data_key_spec};
const struct kms_type kms_type_description_type = {.name = "DescriptionType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 0, .max = 8192};
static const char *const dry_run_modifier_type_values[] = {
    "IGNORE_CIPHERTEXT",
};
const struct kms_type kms_type_dry_run_modifier_type = {.name = "DryRunModifierType", .kind = KMS_KIND_ENUM, .values = dry_run_modifier_type_values, .value_count = COUNT(dry_run_modifier_type_values)};
static const char *const encapsulation_algorithm_spec_values[] = {
    "ML_KEM",
};
const struct kms_type kms_type_encapsulation_algorithm_spec = {.name = "EncapsulationAlgorithmSpec", .kind = KMS_KIND_ENUM, .values = encapsulation_algorithm_spec_values, .value_count = COUNT(encapsulation_algorithm_spec_values)};
static const char *const encryption_algorithm_spec_values[] = {
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "SM2PKE",
    "SYMMETRIC_DEFAULT",
};
const struct kms_type kms_type_encryption_algorithm_spec = {.name = "EncryptionAlgorithmSpec", .kind = KMS_KIND_ENUM, .values = encryption_algorithm_spec_values, .value_count = COUNT(encryption_algorithm_spec_values)};
const struct kms_type kms_type_encryption_context_key = {.name = "EncryptionContextKey", .kind = KMS_KIND_STRING};
const struct kms_type kms_type_encryption_context_value = {.name = "EncryptionContextValue", .kind = KMS_KIND_STRING};
static const char *const expiration_model_type_values[] = {
    "KEY_MATERIAL_DOES_NOT_EXPIRE",
    "KEY_MATERIAL_EXPIRES",
};
const struct kms_type kms_type_expiration_model_type = {.name = "ExpirationModelType", .kind = KMS_KIND_ENUM, .values = expiration_model_type_values, .value_count = COUNT(expiration_model_type_values)};
const struct kms_type kms_type_grant_id_type = {.name = "GrantIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 128};
const struct kms_type kms_type_grant_name_type = {.name = "GrantNameType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 256, .pattern = "^[a-zA-Z0-9:/_-]+$", .matches = kms_pattern_name};
static const char *const grant_operation_values[] = {
    "CreateGrant",
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "DescribeKey",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "GetPublicKey",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
    "Sign",
    "Verify",
    "VerifyMac",
};
const struct kms_type kms_type_grant_operation = {.name = "GrantOperation", .kind = KMS_KIND_ENUM, .values = grant_operation_values, .value_count = COUNT(grant_operation_values)};
const struct kms_type kms_type_grant_token_type = {.name = "GrantTokenType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 8192};
static const char *const import_state_values[] = {
    "IMPORTED",
    "PENDING_IMPORT",
};
const struct kms_type kms_type_import_state = {.name = "ImportState", .kind = KMS_KIND_ENUM, .values = import_state_values, .value_count = COUNT(import_state_values)};
static const char *const import_type_values[] = {
    "EXISTING_KEY_MATERIAL",
    "NEW_KEY_MATERIAL",
};
const struct kms_type kms_type_import_type = {.name = "ImportType", .kind = KMS_KIND_ENUM, .values = import_type_values, .value_count = COUNT(import_type_values)};
static const char *const include_key_material_values[] = {
    "ALL_KEY_MATERIAL",
    "ROTATIONS_ONLY",
};
const struct kms_type kms_type_include_key_material = {.name = "IncludeKeyMaterial", .kind = KMS_KIND_ENUM, .values = include_key_material_values, .value_count = COUNT(include_key_material_values)};
static const char *const key_agreement_algorithm_spec_values[] = {
    "ECDH",
};
const struct kms_type kms_type_key_agreement_algorithm_spec = {.name = "KeyAgreementAlgorithmSpec", .kind = KMS_KIND_ENUM, .values = key_agreement_algorithm_spec_values, .value_count = COUNT(key_agreement_algorithm_spec_values)};
static const char *const key_encryption_mechanism_values[] = {
    "RSAES_OAEP_SHA_256",
};
const struct kms_type kms_type_key_encryption_mechanism = {.name = "KeyEncryptionMechanism", .kind = KMS_KIND_ENUM, .values = key_encryption_mechanism_values, .value_count = COUNT(key_encryption_mechanism_values)};
const struct kms_type kms_type_key_id_type = {.name = "KeyIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 2048, .live = &kms_live_key_id};
static const char *const key_last_usage_tracking_operation_values[] = {
    "Decapsulate",
    "Decrypt",
    "DeriveSharedSecret",
    "Encapsulate",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
};
const struct kms_type kms_type_key_last_usage_tracking_operation = {.name = "KeyLastUsageTrackingOperation", .kind = KMS_KIND_ENUM, .values = key_last_usage_tracking_operation_values, .value_count = COUNT(key_last_usage_tracking_operation_values)};
static const char *const key_manager_type_values[] = {
    "AWS",
    "CUSTOMER",
};
const struct kms_type kms_type_key_manager_type = {.name = "KeyManagerType", .kind = KMS_KIND_ENUM, .values = key_manager_type_values, .value_count = COUNT(key_manager_type_values)};
const struct kms_type kms_type_key_material_description_type = {.name = "KeyMaterialDescriptionType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 0, .max = 256, .pattern = "^[a-zA-Z0-9:/_\\s.-]+$", .matches = kms_pattern_material_description};
static const char *const key_material_state_values[] = {
    "CURRENT",
    "NON_CURRENT",
    "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
    "PENDING_ROTATION",
};
const struct kms_type kms_type_key_material_state = {.name = "KeyMaterialState", .kind = KMS_KIND_ENUM, .values = key_material_state_values, .value_count = COUNT(key_material_state_values)};
static const char *const key_spec_values[] = {
    "ECC_NIST_EDWARDS25519",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ML_KEM_1024",
    "ML_KEM_512",
    "ML_KEM_768",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "SM2",
    "SYMMETRIC_DEFAULT",
};
const struct kms_type kms_type_key_spec = {.name = "KeySpec", .kind = KMS_KIND_ENUM, .values = key_spec_values, .value_count = COUNT(key_spec_values)};
static const char *const key_state_values[] = {
    "Creating",
    "Disabled",
    "Enabled",
    "PendingDeletion",
    "PendingImport",
    "PendingReplicaDeletion",
    "Unavailable",
    "Updating",
};
const struct kms_type kms_type_key_state = {.name = "KeyState", .kind = KMS_KIND_ENUM, .values = key_state_values, .value_count = COUNT(key_state_values)};
const struct kms_type kms_type_key_store_password_type = {.name = "KeyStorePasswordType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 7, .max = 32, .sensitive = true};
static const char *const key_usage_type_values[] = {
    "ENCAPSULATE_DECAPSULATE",
    "ENCRYPT_DECRYPT",
    "GENERATE_VERIFY_MAC",
    "KEY_AGREEMENT",
    "SIGN_VERIFY",
};
const struct kms_type kms_type_key_usage_type = {.name = "KeyUsageType", .kind = KMS_KIND_ENUM, .values = key_usage_type_values, .value_count = COUNT(key_usage_type_values)};
const struct kms_type kms_type_kms_request_id_type = {.name = "KmsRequestIdType", .kind = KMS_KIND_STRING};
const struct kms_type kms_type_limit_type = {.name = "LimitType", .kind = KMS_KIND_INTEGER, .has_bounds = true, .min = 1, .max = 1000};
static const char *const mac_algorithm_spec_values[] = {
    "HMAC_SHA_224",
    "HMAC_SHA_256",
    "HMAC_SHA_384",
    "HMAC_SHA_512",
};
const struct kms_type kms_type_mac_algorithm_spec = {.name = "MacAlgorithmSpec", .kind = KMS_KIND_ENUM, .values = mac_algorithm_spec_values, .value_count = COUNT(mac_algorithm_spec_values), .live = &kms_live_mac_algorithm};
const struct kms_type kms_type_marker_type = {.name = "MarkerType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 1024, .pattern = "[\\u0020-\\u00FF]*", .matches = kms_pattern_marker};
static const char *const message_type_values[] = {
    "DIGEST",
    "EXTERNAL_MU",
    "RAW",
};
const struct kms_type kms_type_message_type = {.name = "MessageType", .kind = KMS_KIND_ENUM, .values = message_type_values, .value_count = COUNT(message_type_values), .live = &kms_live_message_type};
static const char *const multi_region_key_type_values[] = {
    "PRIMARY",
    "REPLICA",
};
const struct kms_type kms_type_multi_region_key_type = {.name = "MultiRegionKeyType", .kind = KMS_KIND_ENUM, .values = multi_region_key_type_values, .value_count = COUNT(multi_region_key_type_values)};
const struct kms_type kms_type_number_of_bytes_type = {.name = "NumberOfBytesType", .kind = KMS_KIND_INTEGER, .has_bounds = true, .min = 1, .max = 1024};
static const char *const origin_type_values[] = {
    "AWS_CLOUDHSM",
    "AWS_KMS",
    "EXTERNAL",
    "EXTERNAL_KEY_STORE",
};
const struct kms_type kms_type_origin_type = {.name = "OriginType", .kind = KMS_KIND_ENUM, .values = origin_type_values, .value_count = COUNT(origin_type_values)};
const struct kms_type kms_type_pending_window_in_days_type = {.name = "PendingWindowInDaysType", .kind = KMS_KIND_INTEGER, .has_bounds = true, .min = 1, .max = 365};
const struct kms_type kms_type_plaintext_type = {.name = "PlaintextType", .kind = KMS_KIND_BLOB, .has_bounds = true, .min = 1, .max = 4096, .sensitive = true};
const struct kms_type kms_type_policy_name_type = {.name = "PolicyNameType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 128, .pattern = "[\\w]+", .matches = kms_pattern_word};
const struct kms_type kms_type_policy_type = {.name = "PolicyType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 131072, .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", .matches = kms_pattern_policy, .live = &kms_live_policy};
const struct kms_type kms_type_principal_id_type = {.name = "PrincipalIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 256, .pattern = "^[\\w+=,.@:/-]+$", .matches = kms_pattern_principal};
const struct kms_type kms_type_public_key_type = {.name = "PublicKeyType", .kind = KMS_KIND_BLOB, .has_bounds = true, .min = 1, .max = 8192};
const struct kms_type kms_type_region_type = {.name = "RegionType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 32, .pattern = "^([a-z]+-){2,3}\\d+$", .matches = kms_pattern_region};
const struct kms_type kms_type_rotation_period_in_days_type = {.name = "RotationPeriodInDaysType", .kind = KMS_KIND_INTEGER, .has_bounds = true, .min = 90, .max = 2560};
static const char *const rotation_type_values[] = {
    "AUTOMATIC",
    "ON_DEMAND",
};
const struct kms_type kms_type_rotation_type = {.name = "RotationType", .kind = KMS_KIND_ENUM, .values = rotation_type_values, .value_count = COUNT(rotation_type_values)};
static const char *const signing_algorithm_spec_values[] = {
    "ECDSA_SHA_256",
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "ED25519_PH_SHA_512",
    "ED25519_SHA_512",
    "ML_DSA_SHAKE_256",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "SM2DSA",
};
const struct kms_type kms_type_signing_algorithm_spec = {.name = "SigningAlgorithmSpec", .kind = KMS_KIND_ENUM, .values = signing_algorithm_spec_values, .value_count = COUNT(signing_algorithm_spec_values), .live = &kms_live_signing_algorithm};
const struct kms_type kms_type_tag_key_type = {.name = "TagKeyType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 128};
const struct kms_type kms_type_tag_value_type = {.name = "TagValueType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 0, .max = 256};
const struct kms_type kms_type_trust_anchor_certificate_type = {.name = "TrustAnchorCertificateType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 5000};
static const char *const wrapping_key_spec_values[] = {
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "SM2",
};
const struct kms_type kms_type_wrapping_key_spec = {.name = "WrappingKeySpec", .kind = KMS_KIND_ENUM, .values = wrapping_key_spec_values, .value_count = COUNT(wrapping_key_spec_values)};
const struct kms_type kms_type_xks_key_id_type = {.name = "XksKeyIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 1, .max = 128, .pattern = "^[a-zA-Z0-9-_.]+$", .matches = kms_pattern_xks_key_id};
const struct kms_type kms_type_xks_proxy_authentication_access_key_id_type = {.name = "XksProxyAuthenticationAccessKeyIdType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 20, .max = 30, .pattern = "^[A-Z2-7]+$", .matches = kms_pattern_base32, .sensitive = true};
const struct kms_type kms_type_xks_proxy_authentication_raw_secret_access_key_type = {.name = "XksProxyAuthenticationRawSecretAccessKeyType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 43, .max = 64, .pattern = "^[a-zA-Z0-9\\/+=]+$", .matches = kms_pattern_base64_text, .sensitive = true};
static const char *const xks_proxy_connectivity_type_values[] = {
    "PUBLIC_ENDPOINT",
    "VPC_ENDPOINT_SERVICE",
};
const struct kms_type kms_type_xks_proxy_connectivity_type = {.name = "XksProxyConnectivityType", .kind = KMS_KIND_ENUM, .values = xks_proxy_connectivity_type_values, .value_count = COUNT(xks_proxy_connectivity_type_values)};
const struct kms_type kms_type_xks_proxy_uri_endpoint_type = {.name = "XksProxyUriEndpointType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 10, .max = 128, .pattern = "^https://[a-zA-Z0-9.-]+$", .matches = kms_pattern_https_endpoint};
const struct kms_type kms_type_xks_proxy_uri_path_type = {.name = "XksProxyUriPathType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 10, .max = 128, .pattern = "^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$", .matches = kms_pattern_xks_uri_path};
const struct kms_type kms_type_xks_proxy_vpc_endpoint_service_name_type = {.name = "XksProxyVpcEndpointServiceNameType", .kind = KMS_KIND_STRING, .has_bounds = true, .min = 20, .max = 64, .pattern = "^(com|eu)\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$", .matches = kms_pattern_vpce_service};
const struct kms_type kms_type_alias_list = {.name = "AliasList", .kind = KMS_KIND_LIST, .member = &kms_type_alias_list_entry_structure};
const struct kms_type kms_type_custom_key_stores_list = {.name = "CustomKeyStoresList", .kind = KMS_KIND_LIST, .member = &kms_type_custom_key_stores_list_entry_structure};
const struct kms_type kms_type_dry_run_modifier_list = {.name = "DryRunModifierList", .kind = KMS_KIND_LIST, .member = &kms_type_dry_run_modifier_type};
const struct kms_type kms_type_encapsulation_algorithm_spec_list = {.name = "EncapsulationAlgorithmSpecList", .kind = KMS_KIND_LIST, .member = &kms_type_encapsulation_algorithm_spec};
const struct kms_type kms_type_encryption_algorithm_spec_list = {.name = "EncryptionAlgorithmSpecList", .kind = KMS_KIND_LIST, .member = &kms_type_encryption_algorithm_spec};
const struct kms_type kms_type_encryption_context_type = {.name = "EncryptionContextType", .kind = KMS_KIND_MAP};
const struct kms_type kms_type_grant_list = {.name = "GrantList", .kind = KMS_KIND_LIST, .member = &kms_type_grant_list_entry_structure};
const struct kms_type kms_type_grant_operation_list = {.name = "GrantOperationList", .kind = KMS_KIND_LIST, .member = &kms_type_grant_operation};
const struct kms_type kms_type_grant_token_list = {.name = "GrantTokenList", .kind = KMS_KIND_LIST, .member = &kms_type_grant_token_type, .has_bounds = true, .min = 0, .max = 10};
const struct kms_type kms_type_key_agreement_algorithm_spec_list = {.name = "KeyAgreementAlgorithmSpecList", .kind = KMS_KIND_LIST, .member = &kms_type_key_agreement_algorithm_spec};
const struct kms_type kms_type_key_list = {.name = "KeyList", .kind = KMS_KIND_LIST, .member = &kms_type_key_list_entry_structure};
const struct kms_type kms_type_mac_algorithm_spec_list = {.name = "MacAlgorithmSpecList", .kind = KMS_KIND_LIST, .member = &kms_type_mac_algorithm_spec};
const struct kms_type kms_type_multi_region_key_list = {.name = "MultiRegionKeyList", .kind = KMS_KIND_LIST, .member = &kms_type_multi_region_key_structure};
const struct kms_type kms_type_policy_name_list = {.name = "PolicyNameList", .kind = KMS_KIND_LIST, .member = &kms_type_policy_name_type};
const struct kms_type kms_type_rotations_list = {.name = "RotationsList", .kind = KMS_KIND_LIST, .member = &kms_type_rotations_list_entry_structure};
const struct kms_type kms_type_signing_algorithm_spec_list = {.name = "SigningAlgorithmSpecList", .kind = KMS_KIND_LIST, .member = &kms_type_signing_algorithm_spec};
const struct kms_type kms_type_tag_key_list = {.name = "TagKeyList", .kind = KMS_KIND_LIST, .member = &kms_type_tag_key_type};
const struct kms_type kms_type_tag_list = {.name = "TagList", .kind = KMS_KIND_LIST, .member = &kms_type_tag_structure};
