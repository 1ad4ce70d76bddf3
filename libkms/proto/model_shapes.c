/*
 * The structures of the API, one row per member: wire name, type, offset in the C structure of
 * <kms/types.h>, required. One decoder, one validator and one encoder walk these rows.
 */
#include "libkms/proto/model_tables.h"

/* clang-format off */
#define OPTIONAL(shape, field, wire_name, row_type) \
    {.name = wire_name, .type = &(row_type), .offset = offsetof(struct shape, field)}
#define REQUIRED(shape, field, wire_name, row_type) \
    {.name = wire_name, .type = &(row_type), .offset = offsetof(struct shape, field), .required = true}
#define SHAPE(shape, wire_name, rows) \
    {.name = wire_name, .members = rows, .member_count = sizeof(rows) / sizeof((rows)[0]), \
     .size = sizeof(struct shape)}
#define EMPTY_SHAPE(shape, wire_name) {.name = wire_name, .size = sizeof(struct shape)}

static const struct kms_member alias_list_entry_members[] = {
    OPTIONAL(kms_alias_list_entry, alias_name, "AliasName", kms_type_alias_name_type),
    OPTIONAL(kms_alias_list_entry, alias_arn, "AliasArn", kms_type_arn_type),
    OPTIONAL(kms_alias_list_entry, target_key_id, "TargetKeyId", kms_type_key_id_type),
    OPTIONAL(kms_alias_list_entry, creation_date, "CreationDate", kms_type_timestamp),
    OPTIONAL(kms_alias_list_entry, last_updated_date, "LastUpdatedDate", kms_type_timestamp),
};
const struct kms_shape kms_shape_alias_list_entry = SHAPE(kms_alias_list_entry, "AliasListEntry", alias_list_entry_members);

static const struct kms_member cancel_key_deletion_request_members[] = {
    REQUIRED(kms_cancel_key_deletion_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_cancel_key_deletion_request = SHAPE(kms_cancel_key_deletion_request, "CancelKeyDeletionRequest", cancel_key_deletion_request_members);

static const struct kms_member cancel_key_deletion_response_members[] = {
    OPTIONAL(kms_cancel_key_deletion_response, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_cancel_key_deletion_response = SHAPE(kms_cancel_key_deletion_response, "CancelKeyDeletionResponse", cancel_key_deletion_response_members);

static const struct kms_member connect_custom_key_store_request_members[] = {
    REQUIRED(kms_connect_custom_key_store_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
};
const struct kms_shape kms_shape_connect_custom_key_store_request = SHAPE(kms_connect_custom_key_store_request, "ConnectCustomKeyStoreRequest", connect_custom_key_store_request_members);

const struct kms_shape kms_shape_connect_custom_key_store_response = EMPTY_SHAPE(kms_connect_custom_key_store_response, "ConnectCustomKeyStoreResponse");

static const struct kms_member create_alias_request_members[] = {
    REQUIRED(kms_create_alias_request, alias_name, "AliasName", kms_type_alias_name_type),
    REQUIRED(kms_create_alias_request, target_key_id, "TargetKeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_create_alias_request = SHAPE(kms_create_alias_request, "CreateAliasRequest", create_alias_request_members);

static const struct kms_member create_custom_key_store_request_members[] = {
    REQUIRED(kms_create_custom_key_store_request, custom_key_store_name, "CustomKeyStoreName", kms_type_custom_key_store_name_type),
    OPTIONAL(kms_create_custom_key_store_request, cloud_hsm_cluster_id, "CloudHsmClusterId", kms_type_cloud_hsm_cluster_id_type),
    OPTIONAL(kms_create_custom_key_store_request, trust_anchor_certificate, "TrustAnchorCertificate", kms_type_trust_anchor_certificate_type),
    OPTIONAL(kms_create_custom_key_store_request, key_store_password, "KeyStorePassword", kms_type_key_store_password_type),
    OPTIONAL(kms_create_custom_key_store_request, custom_key_store_type, "CustomKeyStoreType", kms_type_custom_key_store_type),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_uri_endpoint, "XksProxyUriEndpoint", kms_type_xks_proxy_uri_endpoint_type),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_uri_path, "XksProxyUriPath", kms_type_xks_proxy_uri_path_type),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_vpc_endpoint_service_name, "XksProxyVpcEndpointServiceName", kms_type_xks_proxy_vpc_endpoint_service_name_type),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_vpc_endpoint_service_owner, "XksProxyVpcEndpointServiceOwner", kms_type_account_id_type),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_authentication_credential, "XksProxyAuthenticationCredential", kms_type_xks_proxy_authentication_credential_type_structure),
    OPTIONAL(kms_create_custom_key_store_request, xks_proxy_connectivity, "XksProxyConnectivity", kms_type_xks_proxy_connectivity_type),
};
const struct kms_shape kms_shape_create_custom_key_store_request = SHAPE(kms_create_custom_key_store_request, "CreateCustomKeyStoreRequest", create_custom_key_store_request_members);

static const struct kms_member create_custom_key_store_response_members[] = {
    OPTIONAL(kms_create_custom_key_store_response, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
};
const struct kms_shape kms_shape_create_custom_key_store_response = SHAPE(kms_create_custom_key_store_response, "CreateCustomKeyStoreResponse", create_custom_key_store_response_members);

static const struct kms_member create_grant_request_members[] = {
    REQUIRED(kms_create_grant_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_create_grant_request, grantee_principal, "GranteePrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_create_grant_request, retiring_principal, "RetiringPrincipal", kms_type_principal_id_type),
    REQUIRED(kms_create_grant_request, operations, "Operations", kms_type_grant_operation_list),
    OPTIONAL(kms_create_grant_request, constraints, "Constraints", kms_type_grant_constraints_structure),
    OPTIONAL(kms_create_grant_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_create_grant_request, name, "Name", kms_type_grant_name_type),
    OPTIONAL(kms_create_grant_request, dry_run, "DryRun", kms_type_boolean),
    OPTIONAL(kms_create_grant_request, grantee_service_principal, "GranteeServicePrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_create_grant_request, retiring_service_principal, "RetiringServicePrincipal", kms_type_principal_id_type),
};
const struct kms_shape kms_shape_create_grant_request = SHAPE(kms_create_grant_request, "CreateGrantRequest", create_grant_request_members);

static const struct kms_member create_grant_response_members[] = {
    OPTIONAL(kms_create_grant_response, grant_token, "GrantToken", kms_type_grant_token_type),
    OPTIONAL(kms_create_grant_response, grant_id, "GrantId", kms_type_grant_id_type),
};
const struct kms_shape kms_shape_create_grant_response = SHAPE(kms_create_grant_response, "CreateGrantResponse", create_grant_response_members);

static const struct kms_member create_key_request_members[] = {
    OPTIONAL(kms_create_key_request, policy, "Policy", kms_type_policy_type),
    OPTIONAL(kms_create_key_request, description, "Description", kms_type_description_type),
    OPTIONAL(kms_create_key_request, key_usage, "KeyUsage", kms_type_key_usage_type),
    OPTIONAL(kms_create_key_request, customer_master_key_spec, "CustomerMasterKeySpec", kms_type_customer_master_key_spec),
    OPTIONAL(kms_create_key_request, key_spec, "KeySpec", kms_type_key_spec),
    OPTIONAL(kms_create_key_request, origin, "Origin", kms_type_origin_type),
    OPTIONAL(kms_create_key_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_create_key_request, bypass_policy_lockout_safety_check, "BypassPolicyLockoutSafetyCheck", kms_type_boolean),
    OPTIONAL(kms_create_key_request, tags, "Tags", kms_type_tag_list),
    OPTIONAL(kms_create_key_request, multi_region, "MultiRegion", kms_type_boolean),
    OPTIONAL(kms_create_key_request, xks_key_id, "XksKeyId", kms_type_xks_key_id_type),
};
const struct kms_shape kms_shape_create_key_request = SHAPE(kms_create_key_request, "CreateKeyRequest", create_key_request_members);

static const struct kms_member create_key_response_members[] = {
    OPTIONAL(kms_create_key_response, key_metadata, "KeyMetadata", kms_type_key_metadata_structure),
};
const struct kms_shape kms_shape_create_key_response = SHAPE(kms_create_key_response, "CreateKeyResponse", create_key_response_members);

static const struct kms_member custom_key_stores_list_entry_members[] = {
    OPTIONAL(kms_custom_key_stores_list_entry, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_custom_key_stores_list_entry, custom_key_store_name, "CustomKeyStoreName", kms_type_custom_key_store_name_type),
    OPTIONAL(kms_custom_key_stores_list_entry, cloud_hsm_cluster_id, "CloudHsmClusterId", kms_type_cloud_hsm_cluster_id_type),
    OPTIONAL(kms_custom_key_stores_list_entry, trust_anchor_certificate, "TrustAnchorCertificate", kms_type_trust_anchor_certificate_type),
    OPTIONAL(kms_custom_key_stores_list_entry, connection_state, "ConnectionState", kms_type_connection_state_type),
    OPTIONAL(kms_custom_key_stores_list_entry, connection_error_code, "ConnectionErrorCode", kms_type_connection_error_code_type),
    OPTIONAL(kms_custom_key_stores_list_entry, creation_date, "CreationDate", kms_type_timestamp),
    OPTIONAL(kms_custom_key_stores_list_entry, custom_key_store_type, "CustomKeyStoreType", kms_type_custom_key_store_type),
    OPTIONAL(kms_custom_key_stores_list_entry, xks_proxy_configuration, "XksProxyConfiguration", kms_type_xks_proxy_configuration_type_structure),
};
const struct kms_shape kms_shape_custom_key_stores_list_entry = SHAPE(kms_custom_key_stores_list_entry, "CustomKeyStoresListEntry", custom_key_stores_list_entry_members);

static const struct kms_member decapsulate_request_members[] = {
    REQUIRED(kms_decapsulate_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_decapsulate_request, shared_secret_ciphertext_blob, "SharedSecretCiphertextBlob", kms_type_ciphertext_type),
    REQUIRED(kms_decapsulate_request, encapsulation_algorithm, "EncapsulationAlgorithm", kms_type_encapsulation_algorithm_spec),
    OPTIONAL(kms_decapsulate_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_decapsulate_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_decapsulate_request = SHAPE(kms_decapsulate_request, "DecapsulateRequest", decapsulate_request_members);

static const struct kms_member decapsulate_response_members[] = {
    OPTIONAL(kms_decapsulate_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_decapsulate_response, shared_secret, "SharedSecret", kms_type_plaintext_type),
    OPTIONAL(kms_decapsulate_response, encapsulation_algorithm, "EncapsulationAlgorithm", kms_type_encapsulation_algorithm_spec),
};
const struct kms_shape kms_shape_decapsulate_response = SHAPE(kms_decapsulate_response, "DecapsulateResponse", decapsulate_response_members);

static const struct kms_member decrypt_request_members[] = {
    OPTIONAL(kms_decrypt_request, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_decrypt_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_decrypt_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_decrypt_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_decrypt_request, encryption_algorithm, "EncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_decrypt_request, recipient, "Recipient", kms_type_recipient_info_structure),
    OPTIONAL(kms_decrypt_request, dry_run, "DryRun", kms_type_boolean),
    OPTIONAL(kms_decrypt_request, dry_run_modifiers, "DryRunModifiers", kms_type_dry_run_modifier_list),
};
const struct kms_shape kms_shape_decrypt_request = SHAPE(kms_decrypt_request, "DecryptRequest", decrypt_request_members);

static const struct kms_member decrypt_response_members[] = {
    OPTIONAL(kms_decrypt_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_decrypt_response, plaintext, "Plaintext", kms_type_plaintext_type),
    OPTIONAL(kms_decrypt_response, encryption_algorithm, "EncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_decrypt_response, ciphertext_for_recipient, "CiphertextForRecipient", kms_type_ciphertext_type),
    OPTIONAL(kms_decrypt_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_decrypt_response = SHAPE(kms_decrypt_response, "DecryptResponse", decrypt_response_members);

static const struct kms_member delete_alias_request_members[] = {
    REQUIRED(kms_delete_alias_request, alias_name, "AliasName", kms_type_alias_name_type),
};
const struct kms_shape kms_shape_delete_alias_request = SHAPE(kms_delete_alias_request, "DeleteAliasRequest", delete_alias_request_members);

static const struct kms_member delete_custom_key_store_request_members[] = {
    REQUIRED(kms_delete_custom_key_store_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
};
const struct kms_shape kms_shape_delete_custom_key_store_request = SHAPE(kms_delete_custom_key_store_request, "DeleteCustomKeyStoreRequest", delete_custom_key_store_request_members);

const struct kms_shape kms_shape_delete_custom_key_store_response = EMPTY_SHAPE(kms_delete_custom_key_store_response, "DeleteCustomKeyStoreResponse");

static const struct kms_member delete_imported_key_material_request_members[] = {
    REQUIRED(kms_delete_imported_key_material_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_delete_imported_key_material_request, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_delete_imported_key_material_request = SHAPE(kms_delete_imported_key_material_request, "DeleteImportedKeyMaterialRequest", delete_imported_key_material_request_members);

static const struct kms_member delete_imported_key_material_response_members[] = {
    OPTIONAL(kms_delete_imported_key_material_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_delete_imported_key_material_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_response_type),
};
const struct kms_shape kms_shape_delete_imported_key_material_response = SHAPE(kms_delete_imported_key_material_response, "DeleteImportedKeyMaterialResponse", delete_imported_key_material_response_members);

static const struct kms_member derive_shared_secret_request_members[] = {
    REQUIRED(kms_derive_shared_secret_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_derive_shared_secret_request, key_agreement_algorithm, "KeyAgreementAlgorithm", kms_type_key_agreement_algorithm_spec),
    REQUIRED(kms_derive_shared_secret_request, public_key, "PublicKey", kms_type_public_key_type),
    OPTIONAL(kms_derive_shared_secret_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_derive_shared_secret_request, dry_run, "DryRun", kms_type_boolean),
    OPTIONAL(kms_derive_shared_secret_request, recipient, "Recipient", kms_type_recipient_info_structure),
};
const struct kms_shape kms_shape_derive_shared_secret_request = SHAPE(kms_derive_shared_secret_request, "DeriveSharedSecretRequest", derive_shared_secret_request_members);

static const struct kms_member derive_shared_secret_response_members[] = {
    OPTIONAL(kms_derive_shared_secret_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_derive_shared_secret_response, shared_secret, "SharedSecret", kms_type_plaintext_type),
    OPTIONAL(kms_derive_shared_secret_response, ciphertext_for_recipient, "CiphertextForRecipient", kms_type_ciphertext_type),
    OPTIONAL(kms_derive_shared_secret_response, key_agreement_algorithm, "KeyAgreementAlgorithm", kms_type_key_agreement_algorithm_spec),
    OPTIONAL(kms_derive_shared_secret_response, key_origin, "KeyOrigin", kms_type_origin_type),
};
const struct kms_shape kms_shape_derive_shared_secret_response = SHAPE(kms_derive_shared_secret_response, "DeriveSharedSecretResponse", derive_shared_secret_response_members);

static const struct kms_member describe_custom_key_stores_request_members[] = {
    OPTIONAL(kms_describe_custom_key_stores_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_describe_custom_key_stores_request, custom_key_store_name, "CustomKeyStoreName", kms_type_custom_key_store_name_type),
    OPTIONAL(kms_describe_custom_key_stores_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_describe_custom_key_stores_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_describe_custom_key_stores_request = SHAPE(kms_describe_custom_key_stores_request, "DescribeCustomKeyStoresRequest", describe_custom_key_stores_request_members);

static const struct kms_member describe_custom_key_stores_response_members[] = {
    OPTIONAL(kms_describe_custom_key_stores_response, custom_key_stores, "CustomKeyStores", kms_type_custom_key_stores_list),
    OPTIONAL(kms_describe_custom_key_stores_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_describe_custom_key_stores_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_describe_custom_key_stores_response = SHAPE(kms_describe_custom_key_stores_response, "DescribeCustomKeyStoresResponse", describe_custom_key_stores_response_members);

static const struct kms_member describe_key_request_members[] = {
    REQUIRED(kms_describe_key_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_describe_key_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
};
const struct kms_shape kms_shape_describe_key_request = SHAPE(kms_describe_key_request, "DescribeKeyRequest", describe_key_request_members);

static const struct kms_member describe_key_response_members[] = {
    OPTIONAL(kms_describe_key_response, key_metadata, "KeyMetadata", kms_type_key_metadata_structure),
};
const struct kms_shape kms_shape_describe_key_response = SHAPE(kms_describe_key_response, "DescribeKeyResponse", describe_key_response_members);

static const struct kms_member disable_key_request_members[] = {
    REQUIRED(kms_disable_key_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_disable_key_request = SHAPE(kms_disable_key_request, "DisableKeyRequest", disable_key_request_members);

static const struct kms_member disable_key_rotation_request_members[] = {
    REQUIRED(kms_disable_key_rotation_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_disable_key_rotation_request = SHAPE(kms_disable_key_rotation_request, "DisableKeyRotationRequest", disable_key_rotation_request_members);

static const struct kms_member disconnect_custom_key_store_request_members[] = {
    REQUIRED(kms_disconnect_custom_key_store_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
};
const struct kms_shape kms_shape_disconnect_custom_key_store_request = SHAPE(kms_disconnect_custom_key_store_request, "DisconnectCustomKeyStoreRequest", disconnect_custom_key_store_request_members);

const struct kms_shape kms_shape_disconnect_custom_key_store_response = EMPTY_SHAPE(kms_disconnect_custom_key_store_response, "DisconnectCustomKeyStoreResponse");

static const struct kms_member enable_key_request_members[] = {
    REQUIRED(kms_enable_key_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_enable_key_request = SHAPE(kms_enable_key_request, "EnableKeyRequest", enable_key_request_members);

static const struct kms_member enable_key_rotation_request_members[] = {
    REQUIRED(kms_enable_key_rotation_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_enable_key_rotation_request, rotation_period_in_days, "RotationPeriodInDays", kms_type_rotation_period_in_days_type),
};
const struct kms_shape kms_shape_enable_key_rotation_request = SHAPE(kms_enable_key_rotation_request, "EnableKeyRotationRequest", enable_key_rotation_request_members);

static const struct kms_member encapsulate_request_members[] = {
    REQUIRED(kms_encapsulate_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_encapsulate_request, encapsulation_algorithm, "EncapsulationAlgorithm", kms_type_encapsulation_algorithm_spec),
    OPTIONAL(kms_encapsulate_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_encapsulate_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_encapsulate_request = SHAPE(kms_encapsulate_request, "EncapsulateRequest", encapsulate_request_members);

static const struct kms_member encapsulate_response_members[] = {
    OPTIONAL(kms_encapsulate_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_encapsulate_response, shared_secret, "SharedSecret", kms_type_plaintext_type),
    OPTIONAL(kms_encapsulate_response, shared_secret_ciphertext_blob, "SharedSecretCiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_encapsulate_response, encapsulation_algorithm, "EncapsulationAlgorithm", kms_type_encapsulation_algorithm_spec),
};
const struct kms_shape kms_shape_encapsulate_response = SHAPE(kms_encapsulate_response, "EncapsulateResponse", encapsulate_response_members);

static const struct kms_member encrypt_request_members[] = {
    REQUIRED(kms_encrypt_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_encrypt_request, plaintext, "Plaintext", kms_type_plaintext_type),
    OPTIONAL(kms_encrypt_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_encrypt_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_encrypt_request, encryption_algorithm, "EncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_encrypt_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_encrypt_request = SHAPE(kms_encrypt_request, "EncryptRequest", encrypt_request_members);

static const struct kms_member encrypt_response_members[] = {
    OPTIONAL(kms_encrypt_response, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_encrypt_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_encrypt_response, encryption_algorithm, "EncryptionAlgorithm", kms_type_encryption_algorithm_spec),
};
const struct kms_shape kms_shape_encrypt_response = SHAPE(kms_encrypt_response, "EncryptResponse", encrypt_response_members);

static const struct kms_member generate_data_key_pair_request_members[] = {
    OPTIONAL(kms_generate_data_key_pair_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    REQUIRED(kms_generate_data_key_pair_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_generate_data_key_pair_request, key_pair_spec, "KeyPairSpec", kms_type_data_key_pair_spec),
    OPTIONAL(kms_generate_data_key_pair_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_generate_data_key_pair_request, recipient, "Recipient", kms_type_recipient_info_structure),
    OPTIONAL(kms_generate_data_key_pair_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_generate_data_key_pair_request = SHAPE(kms_generate_data_key_pair_request, "GenerateDataKeyPairRequest", generate_data_key_pair_request_members);

static const struct kms_member generate_data_key_pair_response_members[] = {
    OPTIONAL(kms_generate_data_key_pair_response, private_key_ciphertext_blob, "PrivateKeyCiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_pair_response, private_key_plaintext, "PrivateKeyPlaintext", kms_type_plaintext_type),
    OPTIONAL(kms_generate_data_key_pair_response, public_key, "PublicKey", kms_type_public_key_type),
    OPTIONAL(kms_generate_data_key_pair_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_pair_response, key_pair_spec, "KeyPairSpec", kms_type_data_key_pair_spec),
    OPTIONAL(kms_generate_data_key_pair_response, ciphertext_for_recipient, "CiphertextForRecipient", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_pair_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_generate_data_key_pair_response = SHAPE(kms_generate_data_key_pair_response, "GenerateDataKeyPairResponse", generate_data_key_pair_response_members);

static const struct kms_member generate_data_key_pair_without_plaintext_request_members[] = {
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    REQUIRED(kms_generate_data_key_pair_without_plaintext_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_generate_data_key_pair_without_plaintext_request, key_pair_spec, "KeyPairSpec", kms_type_data_key_pair_spec),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_generate_data_key_pair_without_plaintext_request = SHAPE(kms_generate_data_key_pair_without_plaintext_request, "GenerateDataKeyPairWithoutPlaintextRequest", generate_data_key_pair_without_plaintext_request_members);

static const struct kms_member generate_data_key_pair_without_plaintext_response_members[] = {
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_response, private_key_ciphertext_blob, "PrivateKeyCiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_response, public_key, "PublicKey", kms_type_public_key_type),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_response, key_pair_spec, "KeyPairSpec", kms_type_data_key_pair_spec),
    OPTIONAL(kms_generate_data_key_pair_without_plaintext_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_generate_data_key_pair_without_plaintext_response = SHAPE(kms_generate_data_key_pair_without_plaintext_response, "GenerateDataKeyPairWithoutPlaintextResponse", generate_data_key_pair_without_plaintext_response_members);

static const struct kms_member generate_data_key_request_members[] = {
    REQUIRED(kms_generate_data_key_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_generate_data_key_request, number_of_bytes, "NumberOfBytes", kms_type_number_of_bytes_type),
    OPTIONAL(kms_generate_data_key_request, key_spec, "KeySpec", kms_type_data_key_spec),
    OPTIONAL(kms_generate_data_key_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_generate_data_key_request, recipient, "Recipient", kms_type_recipient_info_structure),
    OPTIONAL(kms_generate_data_key_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_generate_data_key_request = SHAPE(kms_generate_data_key_request, "GenerateDataKeyRequest", generate_data_key_request_members);

static const struct kms_member generate_data_key_response_members[] = {
    OPTIONAL(kms_generate_data_key_response, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_response, plaintext, "Plaintext", kms_type_plaintext_type),
    OPTIONAL(kms_generate_data_key_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_response, ciphertext_for_recipient, "CiphertextForRecipient", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_generate_data_key_response = SHAPE(kms_generate_data_key_response, "GenerateDataKeyResponse", generate_data_key_response_members);

static const struct kms_member generate_data_key_without_plaintext_request_members[] = {
    REQUIRED(kms_generate_data_key_without_plaintext_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_without_plaintext_request, encryption_context, "EncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_generate_data_key_without_plaintext_request, key_spec, "KeySpec", kms_type_data_key_spec),
    OPTIONAL(kms_generate_data_key_without_plaintext_request, number_of_bytes, "NumberOfBytes", kms_type_number_of_bytes_type),
    OPTIONAL(kms_generate_data_key_without_plaintext_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_generate_data_key_without_plaintext_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_generate_data_key_without_plaintext_request = SHAPE(kms_generate_data_key_without_plaintext_request, "GenerateDataKeyWithoutPlaintextRequest", generate_data_key_without_plaintext_request_members);

static const struct kms_member generate_data_key_without_plaintext_response_members[] = {
    OPTIONAL(kms_generate_data_key_without_plaintext_response, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_data_key_without_plaintext_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_generate_data_key_without_plaintext_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_generate_data_key_without_plaintext_response = SHAPE(kms_generate_data_key_without_plaintext_response, "GenerateDataKeyWithoutPlaintextResponse", generate_data_key_without_plaintext_response_members);

static const struct kms_member generate_mac_request_members[] = {
    REQUIRED(kms_generate_mac_request, message, "Message", kms_type_plaintext_type),
    REQUIRED(kms_generate_mac_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_generate_mac_request, mac_algorithm, "MacAlgorithm", kms_type_mac_algorithm_spec),
    OPTIONAL(kms_generate_mac_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_generate_mac_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_generate_mac_request = SHAPE(kms_generate_mac_request, "GenerateMacRequest", generate_mac_request_members);

static const struct kms_member generate_mac_response_members[] = {
    OPTIONAL(kms_generate_mac_response, mac, "Mac", kms_type_ciphertext_type),
    OPTIONAL(kms_generate_mac_response, mac_algorithm, "MacAlgorithm", kms_type_mac_algorithm_spec),
    OPTIONAL(kms_generate_mac_response, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_generate_mac_response = SHAPE(kms_generate_mac_response, "GenerateMacResponse", generate_mac_response_members);

static const struct kms_member generate_random_request_members[] = {
    OPTIONAL(kms_generate_random_request, number_of_bytes, "NumberOfBytes", kms_type_number_of_bytes_type),
    OPTIONAL(kms_generate_random_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_generate_random_request, recipient, "Recipient", kms_type_recipient_info_structure),
};
const struct kms_shape kms_shape_generate_random_request = SHAPE(kms_generate_random_request, "GenerateRandomRequest", generate_random_request_members);

static const struct kms_member generate_random_response_members[] = {
    OPTIONAL(kms_generate_random_response, plaintext, "Plaintext", kms_type_plaintext_type),
    OPTIONAL(kms_generate_random_response, ciphertext_for_recipient, "CiphertextForRecipient", kms_type_ciphertext_type),
};
const struct kms_shape kms_shape_generate_random_response = SHAPE(kms_generate_random_response, "GenerateRandomResponse", generate_random_response_members);

static const struct kms_member get_key_last_usage_request_members[] = {
    REQUIRED(kms_get_key_last_usage_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_get_key_last_usage_request = SHAPE(kms_get_key_last_usage_request, "GetKeyLastUsageRequest", get_key_last_usage_request_members);

static const struct kms_member get_key_last_usage_response_members[] = {
    OPTIONAL(kms_get_key_last_usage_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_key_last_usage_response, key_last_usage, "KeyLastUsage", kms_type_key_last_usage_data_structure),
    OPTIONAL(kms_get_key_last_usage_response, tracking_start_date, "TrackingStartDate", kms_type_timestamp),
    OPTIONAL(kms_get_key_last_usage_response, key_creation_date, "KeyCreationDate", kms_type_timestamp),
};
const struct kms_shape kms_shape_get_key_last_usage_response = SHAPE(kms_get_key_last_usage_response, "GetKeyLastUsageResponse", get_key_last_usage_response_members);

static const struct kms_member get_key_policy_request_members[] = {
    REQUIRED(kms_get_key_policy_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_key_policy_request, policy_name, "PolicyName", kms_type_policy_name_type),
};
const struct kms_shape kms_shape_get_key_policy_request = SHAPE(kms_get_key_policy_request, "GetKeyPolicyRequest", get_key_policy_request_members);

static const struct kms_member get_key_policy_response_members[] = {
    OPTIONAL(kms_get_key_policy_response, policy, "Policy", kms_type_policy_type),
    OPTIONAL(kms_get_key_policy_response, policy_name, "PolicyName", kms_type_policy_name_type),
};
const struct kms_shape kms_shape_get_key_policy_response = SHAPE(kms_get_key_policy_response, "GetKeyPolicyResponse", get_key_policy_response_members);

static const struct kms_member get_key_rotation_status_request_members[] = {
    REQUIRED(kms_get_key_rotation_status_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_get_key_rotation_status_request = SHAPE(kms_get_key_rotation_status_request, "GetKeyRotationStatusRequest", get_key_rotation_status_request_members);

static const struct kms_member get_key_rotation_status_response_members[] = {
    OPTIONAL(kms_get_key_rotation_status_response, key_rotation_enabled, "KeyRotationEnabled", kms_type_boolean),
    OPTIONAL(kms_get_key_rotation_status_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_key_rotation_status_response, rotation_period_in_days, "RotationPeriodInDays", kms_type_rotation_period_in_days_type),
    OPTIONAL(kms_get_key_rotation_status_response, next_rotation_date, "NextRotationDate", kms_type_timestamp),
    OPTIONAL(kms_get_key_rotation_status_response, on_demand_rotation_start_date, "OnDemandRotationStartDate", kms_type_timestamp),
};
const struct kms_shape kms_shape_get_key_rotation_status_response = SHAPE(kms_get_key_rotation_status_response, "GetKeyRotationStatusResponse", get_key_rotation_status_response_members);

static const struct kms_member get_parameters_for_import_request_members[] = {
    REQUIRED(kms_get_parameters_for_import_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_get_parameters_for_import_request, wrapping_algorithm, "WrappingAlgorithm", kms_type_algorithm_spec),
    REQUIRED(kms_get_parameters_for_import_request, wrapping_key_spec, "WrappingKeySpec", kms_type_wrapping_key_spec),
};
const struct kms_shape kms_shape_get_parameters_for_import_request = SHAPE(kms_get_parameters_for_import_request, "GetParametersForImportRequest", get_parameters_for_import_request_members);

static const struct kms_member get_parameters_for_import_response_members[] = {
    OPTIONAL(kms_get_parameters_for_import_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_parameters_for_import_response, import_token, "ImportToken", kms_type_ciphertext_type),
    OPTIONAL(kms_get_parameters_for_import_response, public_key, "PublicKey", kms_type_plaintext_type),
    OPTIONAL(kms_get_parameters_for_import_response, parameters_valid_to, "ParametersValidTo", kms_type_timestamp),
};
const struct kms_shape kms_shape_get_parameters_for_import_response = SHAPE(kms_get_parameters_for_import_response, "GetParametersForImportResponse", get_parameters_for_import_response_members);

static const struct kms_member get_public_key_request_members[] = {
    REQUIRED(kms_get_public_key_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_public_key_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
};
const struct kms_shape kms_shape_get_public_key_request = SHAPE(kms_get_public_key_request, "GetPublicKeyRequest", get_public_key_request_members);

static const struct kms_member get_public_key_response_members[] = {
    OPTIONAL(kms_get_public_key_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_get_public_key_response, public_key, "PublicKey", kms_type_public_key_type),
    OPTIONAL(kms_get_public_key_response, customer_master_key_spec, "CustomerMasterKeySpec", kms_type_customer_master_key_spec),
    OPTIONAL(kms_get_public_key_response, key_spec, "KeySpec", kms_type_key_spec),
    OPTIONAL(kms_get_public_key_response, key_usage, "KeyUsage", kms_type_key_usage_type),
    OPTIONAL(kms_get_public_key_response, encryption_algorithms, "EncryptionAlgorithms", kms_type_encryption_algorithm_spec_list),
    OPTIONAL(kms_get_public_key_response, signing_algorithms, "SigningAlgorithms", kms_type_signing_algorithm_spec_list),
    OPTIONAL(kms_get_public_key_response, key_agreement_algorithms, "KeyAgreementAlgorithms", kms_type_key_agreement_algorithm_spec_list),
    OPTIONAL(kms_get_public_key_response, encapsulation_algorithms, "EncapsulationAlgorithms", kms_type_encapsulation_algorithm_spec_list),
};
const struct kms_shape kms_shape_get_public_key_response = SHAPE(kms_get_public_key_response, "GetPublicKeyResponse", get_public_key_response_members);

static const struct kms_member grant_constraints_members[] = {
    OPTIONAL(kms_grant_constraints, encryption_context_subset, "EncryptionContextSubset", kms_type_encryption_context_type),
    OPTIONAL(kms_grant_constraints, encryption_context_equals, "EncryptionContextEquals", kms_type_encryption_context_type),
    OPTIONAL(kms_grant_constraints, source_arn, "SourceArn", kms_type_string),
};
const struct kms_shape kms_shape_grant_constraints = SHAPE(kms_grant_constraints, "GrantConstraints", grant_constraints_members);

static const struct kms_member grant_list_entry_members[] = {
    OPTIONAL(kms_grant_list_entry, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_grant_list_entry, grant_id, "GrantId", kms_type_grant_id_type),
    OPTIONAL(kms_grant_list_entry, name, "Name", kms_type_grant_name_type),
    OPTIONAL(kms_grant_list_entry, creation_date, "CreationDate", kms_type_timestamp),
    OPTIONAL(kms_grant_list_entry, grantee_principal, "GranteePrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_grant_list_entry, retiring_principal, "RetiringPrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_grant_list_entry, issuing_account, "IssuingAccount", kms_type_principal_id_type),
    OPTIONAL(kms_grant_list_entry, operations, "Operations", kms_type_grant_operation_list),
    OPTIONAL(kms_grant_list_entry, constraints, "Constraints", kms_type_grant_constraints_structure),
    OPTIONAL(kms_grant_list_entry, grantee_service_principal, "GranteeServicePrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_grant_list_entry, retiring_service_principal, "RetiringServicePrincipal", kms_type_principal_id_type),
};
const struct kms_shape kms_shape_grant_list_entry = SHAPE(kms_grant_list_entry, "GrantListEntry", grant_list_entry_members);

static const struct kms_member import_key_material_request_members[] = {
    REQUIRED(kms_import_key_material_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_import_key_material_request, import_token, "ImportToken", kms_type_ciphertext_type),
    REQUIRED(kms_import_key_material_request, encrypted_key_material, "EncryptedKeyMaterial", kms_type_ciphertext_type),
    OPTIONAL(kms_import_key_material_request, valid_to, "ValidTo", kms_type_timestamp),
    OPTIONAL(kms_import_key_material_request, expiration_model, "ExpirationModel", kms_type_expiration_model_type),
    OPTIONAL(kms_import_key_material_request, import_type, "ImportType", kms_type_import_type),
    OPTIONAL(kms_import_key_material_request, key_material_description, "KeyMaterialDescription", kms_type_key_material_description_type),
    OPTIONAL(kms_import_key_material_request, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_import_key_material_request = SHAPE(kms_import_key_material_request, "ImportKeyMaterialRequest", import_key_material_request_members);

static const struct kms_member import_key_material_response_members[] = {
    OPTIONAL(kms_import_key_material_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_import_key_material_response, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_import_key_material_response = SHAPE(kms_import_key_material_response, "ImportKeyMaterialResponse", import_key_material_response_members);

static const struct kms_member key_last_usage_data_members[] = {
    OPTIONAL(kms_key_last_usage_data, operation, "Operation", kms_type_key_last_usage_tracking_operation),
    OPTIONAL(kms_key_last_usage_data, timestamp, "Timestamp", kms_type_timestamp),
    OPTIONAL(kms_key_last_usage_data, cloud_trail_event_id, "CloudTrailEventId", kms_type_cloud_trail_event_id_type),
    OPTIONAL(kms_key_last_usage_data, kms_request_id, "KmsRequestId", kms_type_kms_request_id_type),
};
const struct kms_shape kms_shape_key_last_usage_data = SHAPE(kms_key_last_usage_data, "KeyLastUsageData", key_last_usage_data_members);

static const struct kms_member key_list_entry_members[] = {
    OPTIONAL(kms_key_list_entry, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_key_list_entry, key_arn, "KeyArn", kms_type_arn_type),
};
const struct kms_shape kms_shape_key_list_entry = SHAPE(kms_key_list_entry, "KeyListEntry", key_list_entry_members);

static const struct kms_member key_metadata_members[] = {
    OPTIONAL(kms_key_metadata, aws_account_id, "AWSAccountId", kms_type_aws_account_id_type),
    REQUIRED(kms_key_metadata, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_key_metadata, arn, "Arn", kms_type_arn_type),
    OPTIONAL(kms_key_metadata, creation_date, "CreationDate", kms_type_timestamp),
    OPTIONAL(kms_key_metadata, enabled, "Enabled", kms_type_boolean),
    OPTIONAL(kms_key_metadata, description, "Description", kms_type_description_type),
    OPTIONAL(kms_key_metadata, key_usage, "KeyUsage", kms_type_key_usage_type),
    OPTIONAL(kms_key_metadata, key_state, "KeyState", kms_type_key_state),
    OPTIONAL(kms_key_metadata, deletion_date, "DeletionDate", kms_type_timestamp),
    OPTIONAL(kms_key_metadata, valid_to, "ValidTo", kms_type_timestamp),
    OPTIONAL(kms_key_metadata, origin, "Origin", kms_type_origin_type),
    OPTIONAL(kms_key_metadata, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_key_metadata, cloud_hsm_cluster_id, "CloudHsmClusterId", kms_type_cloud_hsm_cluster_id_type),
    OPTIONAL(kms_key_metadata, expiration_model, "ExpirationModel", kms_type_expiration_model_type),
    OPTIONAL(kms_key_metadata, key_manager, "KeyManager", kms_type_key_manager_type),
    OPTIONAL(kms_key_metadata, customer_master_key_spec, "CustomerMasterKeySpec", kms_type_customer_master_key_spec),
    OPTIONAL(kms_key_metadata, key_spec, "KeySpec", kms_type_key_spec),
    OPTIONAL(kms_key_metadata, encryption_algorithms, "EncryptionAlgorithms", kms_type_encryption_algorithm_spec_list),
    OPTIONAL(kms_key_metadata, signing_algorithms, "SigningAlgorithms", kms_type_signing_algorithm_spec_list),
    OPTIONAL(kms_key_metadata, key_agreement_algorithms, "KeyAgreementAlgorithms", kms_type_key_agreement_algorithm_spec_list),
    OPTIONAL(kms_key_metadata, multi_region, "MultiRegion", kms_type_boolean),
    OPTIONAL(kms_key_metadata, multi_region_configuration, "MultiRegionConfiguration", kms_type_multi_region_configuration_structure),
    OPTIONAL(kms_key_metadata, pending_deletion_window_in_days, "PendingDeletionWindowInDays", kms_type_pending_window_in_days_type),
    OPTIONAL(kms_key_metadata, mac_algorithms, "MacAlgorithms", kms_type_mac_algorithm_spec_list),
    OPTIONAL(kms_key_metadata, xks_key_configuration, "XksKeyConfiguration", kms_type_xks_key_configuration_type_structure),
    OPTIONAL(kms_key_metadata, current_key_material_id, "CurrentKeyMaterialId", kms_type_backing_key_id_type),
    OPTIONAL(kms_key_metadata, encapsulation_algorithms, "EncapsulationAlgorithms", kms_type_encapsulation_algorithm_spec_list),
};
const struct kms_shape kms_shape_key_metadata = SHAPE(kms_key_metadata, "KeyMetadata", key_metadata_members);

static const struct kms_member list_aliases_request_members[] = {
    OPTIONAL(kms_list_aliases_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_list_aliases_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_aliases_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_list_aliases_request = SHAPE(kms_list_aliases_request, "ListAliasesRequest", list_aliases_request_members);

static const struct kms_member list_aliases_response_members[] = {
    OPTIONAL(kms_list_aliases_response, aliases, "Aliases", kms_type_alias_list),
    OPTIONAL(kms_list_aliases_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_aliases_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_aliases_response = SHAPE(kms_list_aliases_response, "ListAliasesResponse", list_aliases_response_members);

static const struct kms_member list_grants_request_members[] = {
    OPTIONAL(kms_list_grants_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_grants_request, marker, "Marker", kms_type_marker_type),
    REQUIRED(kms_list_grants_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_list_grants_request, grant_id, "GrantId", kms_type_grant_id_type),
    OPTIONAL(kms_list_grants_request, grantee_principal, "GranteePrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_list_grants_request, grantee_service_principal, "GranteeServicePrincipal", kms_type_principal_id_type),
};
const struct kms_shape kms_shape_list_grants_request = SHAPE(kms_list_grants_request, "ListGrantsRequest", list_grants_request_members);

static const struct kms_member list_grants_response_members[] = {
    OPTIONAL(kms_list_grants_response, grants, "Grants", kms_type_grant_list),
    OPTIONAL(kms_list_grants_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_grants_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_grants_response = SHAPE(kms_list_grants_response, "ListGrantsResponse", list_grants_response_members);

static const struct kms_member list_key_policies_request_members[] = {
    REQUIRED(kms_list_key_policies_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_list_key_policies_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_key_policies_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_list_key_policies_request = SHAPE(kms_list_key_policies_request, "ListKeyPoliciesRequest", list_key_policies_request_members);

static const struct kms_member list_key_policies_response_members[] = {
    OPTIONAL(kms_list_key_policies_response, policy_names, "PolicyNames", kms_type_policy_name_list),
    OPTIONAL(kms_list_key_policies_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_key_policies_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_key_policies_response = SHAPE(kms_list_key_policies_response, "ListKeyPoliciesResponse", list_key_policies_response_members);

static const struct kms_member list_key_rotations_request_members[] = {
    REQUIRED(kms_list_key_rotations_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_list_key_rotations_request, include_key_material, "IncludeKeyMaterial", kms_type_include_key_material),
    OPTIONAL(kms_list_key_rotations_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_key_rotations_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_list_key_rotations_request = SHAPE(kms_list_key_rotations_request, "ListKeyRotationsRequest", list_key_rotations_request_members);

static const struct kms_member list_key_rotations_response_members[] = {
    OPTIONAL(kms_list_key_rotations_response, rotations, "Rotations", kms_type_rotations_list),
    OPTIONAL(kms_list_key_rotations_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_key_rotations_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_key_rotations_response = SHAPE(kms_list_key_rotations_response, "ListKeyRotationsResponse", list_key_rotations_response_members);

static const struct kms_member list_keys_request_members[] = {
    OPTIONAL(kms_list_keys_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_keys_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_list_keys_request = SHAPE(kms_list_keys_request, "ListKeysRequest", list_keys_request_members);

static const struct kms_member list_keys_response_members[] = {
    OPTIONAL(kms_list_keys_response, keys, "Keys", kms_type_key_list),
    OPTIONAL(kms_list_keys_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_keys_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_keys_response = SHAPE(kms_list_keys_response, "ListKeysResponse", list_keys_response_members);

static const struct kms_member list_resource_tags_request_members[] = {
    REQUIRED(kms_list_resource_tags_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_list_resource_tags_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_resource_tags_request, marker, "Marker", kms_type_marker_type),
};
const struct kms_shape kms_shape_list_resource_tags_request = SHAPE(kms_list_resource_tags_request, "ListResourceTagsRequest", list_resource_tags_request_members);

static const struct kms_member list_resource_tags_response_members[] = {
    OPTIONAL(kms_list_resource_tags_response, tags, "Tags", kms_type_tag_list),
    OPTIONAL(kms_list_resource_tags_response, next_marker, "NextMarker", kms_type_marker_type),
    OPTIONAL(kms_list_resource_tags_response, truncated, "Truncated", kms_type_boolean),
};
const struct kms_shape kms_shape_list_resource_tags_response = SHAPE(kms_list_resource_tags_response, "ListResourceTagsResponse", list_resource_tags_response_members);

static const struct kms_member list_retirable_grants_request_members[] = {
    OPTIONAL(kms_list_retirable_grants_request, limit, "Limit", kms_type_limit_type),
    OPTIONAL(kms_list_retirable_grants_request, marker, "Marker", kms_type_marker_type),
    OPTIONAL(kms_list_retirable_grants_request, retiring_principal, "RetiringPrincipal", kms_type_principal_id_type),
    OPTIONAL(kms_list_retirable_grants_request, retiring_service_principal, "RetiringServicePrincipal", kms_type_principal_id_type),
};
const struct kms_shape kms_shape_list_retirable_grants_request = SHAPE(kms_list_retirable_grants_request, "ListRetirableGrantsRequest", list_retirable_grants_request_members);

static const struct kms_member multi_region_configuration_members[] = {
    OPTIONAL(kms_multi_region_configuration, multi_region_key_type, "MultiRegionKeyType", kms_type_multi_region_key_type),
    OPTIONAL(kms_multi_region_configuration, primary_key, "PrimaryKey", kms_type_multi_region_key_structure),
    OPTIONAL(kms_multi_region_configuration, replica_keys, "ReplicaKeys", kms_type_multi_region_key_list),
};
const struct kms_shape kms_shape_multi_region_configuration = SHAPE(kms_multi_region_configuration, "MultiRegionConfiguration", multi_region_configuration_members);

static const struct kms_member multi_region_key_members[] = {
    OPTIONAL(kms_multi_region_key, arn, "Arn", kms_type_arn_type),
    OPTIONAL(kms_multi_region_key, region, "Region", kms_type_region_type),
};
const struct kms_shape kms_shape_multi_region_key = SHAPE(kms_multi_region_key, "MultiRegionKey", multi_region_key_members);

static const struct kms_member put_key_policy_request_members[] = {
    REQUIRED(kms_put_key_policy_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_put_key_policy_request, policy_name, "PolicyName", kms_type_policy_name_type),
    REQUIRED(kms_put_key_policy_request, policy, "Policy", kms_type_policy_type),
    OPTIONAL(kms_put_key_policy_request, bypass_policy_lockout_safety_check, "BypassPolicyLockoutSafetyCheck", kms_type_boolean),
};
const struct kms_shape kms_shape_put_key_policy_request = SHAPE(kms_put_key_policy_request, "PutKeyPolicyRequest", put_key_policy_request_members);

static const struct kms_member re_encrypt_request_members[] = {
    OPTIONAL(kms_re_encrypt_request, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_re_encrypt_request, source_encryption_context, "SourceEncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_re_encrypt_request, source_key_id, "SourceKeyId", kms_type_key_id_type),
    REQUIRED(kms_re_encrypt_request, destination_key_id, "DestinationKeyId", kms_type_key_id_type),
    OPTIONAL(kms_re_encrypt_request, destination_encryption_context, "DestinationEncryptionContext", kms_type_encryption_context_type),
    OPTIONAL(kms_re_encrypt_request, source_encryption_algorithm, "SourceEncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_re_encrypt_request, destination_encryption_algorithm, "DestinationEncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_re_encrypt_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_re_encrypt_request, dry_run, "DryRun", kms_type_boolean),
    OPTIONAL(kms_re_encrypt_request, dry_run_modifiers, "DryRunModifiers", kms_type_dry_run_modifier_list),
};
const struct kms_shape kms_shape_re_encrypt_request = SHAPE(kms_re_encrypt_request, "ReEncryptRequest", re_encrypt_request_members);

static const struct kms_member re_encrypt_response_members[] = {
    OPTIONAL(kms_re_encrypt_response, ciphertext_blob, "CiphertextBlob", kms_type_ciphertext_type),
    OPTIONAL(kms_re_encrypt_response, source_key_id, "SourceKeyId", kms_type_key_id_type),
    OPTIONAL(kms_re_encrypt_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_re_encrypt_response, source_encryption_algorithm, "SourceEncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_re_encrypt_response, destination_encryption_algorithm, "DestinationEncryptionAlgorithm", kms_type_encryption_algorithm_spec),
    OPTIONAL(kms_re_encrypt_response, source_key_material_id, "SourceKeyMaterialId", kms_type_backing_key_id_type),
    OPTIONAL(kms_re_encrypt_response, destination_key_material_id, "DestinationKeyMaterialId", kms_type_backing_key_id_type),
};
const struct kms_shape kms_shape_re_encrypt_response = SHAPE(kms_re_encrypt_response, "ReEncryptResponse", re_encrypt_response_members);

static const struct kms_member recipient_info_members[] = {
    OPTIONAL(kms_recipient_info, key_encryption_algorithm, "KeyEncryptionAlgorithm", kms_type_key_encryption_mechanism),
    OPTIONAL(kms_recipient_info, attestation_document, "AttestationDocument", kms_type_attestation_document_type),
};
const struct kms_shape kms_shape_recipient_info = SHAPE(kms_recipient_info, "RecipientInfo", recipient_info_members);

static const struct kms_member replicate_key_request_members[] = {
    REQUIRED(kms_replicate_key_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_replicate_key_request, replica_region, "ReplicaRegion", kms_type_region_type),
    OPTIONAL(kms_replicate_key_request, policy, "Policy", kms_type_policy_type),
    OPTIONAL(kms_replicate_key_request, bypass_policy_lockout_safety_check, "BypassPolicyLockoutSafetyCheck", kms_type_boolean),
    OPTIONAL(kms_replicate_key_request, description, "Description", kms_type_description_type),
    OPTIONAL(kms_replicate_key_request, tags, "Tags", kms_type_tag_list),
};
const struct kms_shape kms_shape_replicate_key_request = SHAPE(kms_replicate_key_request, "ReplicateKeyRequest", replicate_key_request_members);

static const struct kms_member replicate_key_response_members[] = {
    OPTIONAL(kms_replicate_key_response, replica_key_metadata, "ReplicaKeyMetadata", kms_type_key_metadata_structure),
    OPTIONAL(kms_replicate_key_response, replica_policy, "ReplicaPolicy", kms_type_policy_type),
    OPTIONAL(kms_replicate_key_response, replica_tags, "ReplicaTags", kms_type_tag_list),
};
const struct kms_shape kms_shape_replicate_key_response = SHAPE(kms_replicate_key_response, "ReplicateKeyResponse", replicate_key_response_members);

static const struct kms_member retire_grant_request_members[] = {
    OPTIONAL(kms_retire_grant_request, grant_token, "GrantToken", kms_type_grant_token_type),
    OPTIONAL(kms_retire_grant_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_retire_grant_request, grant_id, "GrantId", kms_type_grant_id_type),
    OPTIONAL(kms_retire_grant_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_retire_grant_request = SHAPE(kms_retire_grant_request, "RetireGrantRequest", retire_grant_request_members);

static const struct kms_member revoke_grant_request_members[] = {
    REQUIRED(kms_revoke_grant_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_revoke_grant_request, grant_id, "GrantId", kms_type_grant_id_type),
    OPTIONAL(kms_revoke_grant_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_revoke_grant_request = SHAPE(kms_revoke_grant_request, "RevokeGrantRequest", revoke_grant_request_members);

static const struct kms_member rotate_key_on_demand_request_members[] = {
    REQUIRED(kms_rotate_key_on_demand_request, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_rotate_key_on_demand_request = SHAPE(kms_rotate_key_on_demand_request, "RotateKeyOnDemandRequest", rotate_key_on_demand_request_members);

static const struct kms_member rotate_key_on_demand_response_members[] = {
    OPTIONAL(kms_rotate_key_on_demand_response, key_id, "KeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_rotate_key_on_demand_response = SHAPE(kms_rotate_key_on_demand_response, "RotateKeyOnDemandResponse", rotate_key_on_demand_response_members);

static const struct kms_member rotations_list_entry_members[] = {
    OPTIONAL(kms_rotations_list_entry, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_rotations_list_entry, key_material_id, "KeyMaterialId", kms_type_backing_key_id_type),
    OPTIONAL(kms_rotations_list_entry, key_material_description, "KeyMaterialDescription", kms_type_key_material_description_type),
    OPTIONAL(kms_rotations_list_entry, import_state, "ImportState", kms_type_import_state),
    OPTIONAL(kms_rotations_list_entry, key_material_state, "KeyMaterialState", kms_type_key_material_state),
    OPTIONAL(kms_rotations_list_entry, expiration_model, "ExpirationModel", kms_type_expiration_model_type),
    OPTIONAL(kms_rotations_list_entry, valid_to, "ValidTo", kms_type_timestamp),
    OPTIONAL(kms_rotations_list_entry, rotation_date, "RotationDate", kms_type_timestamp),
    OPTIONAL(kms_rotations_list_entry, rotation_type, "RotationType", kms_type_rotation_type),
};
const struct kms_shape kms_shape_rotations_list_entry = SHAPE(kms_rotations_list_entry, "RotationsListEntry", rotations_list_entry_members);

static const struct kms_member schedule_key_deletion_request_members[] = {
    REQUIRED(kms_schedule_key_deletion_request, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_schedule_key_deletion_request, pending_window_in_days, "PendingWindowInDays", kms_type_pending_window_in_days_type),
};
const struct kms_shape kms_shape_schedule_key_deletion_request = SHAPE(kms_schedule_key_deletion_request, "ScheduleKeyDeletionRequest", schedule_key_deletion_request_members);

static const struct kms_member schedule_key_deletion_response_members[] = {
    OPTIONAL(kms_schedule_key_deletion_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_schedule_key_deletion_response, deletion_date, "DeletionDate", kms_type_timestamp),
    OPTIONAL(kms_schedule_key_deletion_response, key_state, "KeyState", kms_type_key_state),
    OPTIONAL(kms_schedule_key_deletion_response, pending_window_in_days, "PendingWindowInDays", kms_type_pending_window_in_days_type),
};
const struct kms_shape kms_shape_schedule_key_deletion_response = SHAPE(kms_schedule_key_deletion_response, "ScheduleKeyDeletionResponse", schedule_key_deletion_response_members);

static const struct kms_member sign_request_members[] = {
    REQUIRED(kms_sign_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_sign_request, message, "Message", kms_type_plaintext_type),
    OPTIONAL(kms_sign_request, message_type, "MessageType", kms_type_message_type),
    OPTIONAL(kms_sign_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    REQUIRED(kms_sign_request, signing_algorithm, "SigningAlgorithm", kms_type_signing_algorithm_spec),
    OPTIONAL(kms_sign_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_sign_request = SHAPE(kms_sign_request, "SignRequest", sign_request_members);

static const struct kms_member sign_response_members[] = {
    OPTIONAL(kms_sign_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_sign_response, signature, "Signature", kms_type_ciphertext_type),
    OPTIONAL(kms_sign_response, signing_algorithm, "SigningAlgorithm", kms_type_signing_algorithm_spec),
};
const struct kms_shape kms_shape_sign_response = SHAPE(kms_sign_response, "SignResponse", sign_response_members);

static const struct kms_member tag_members[] = {
    REQUIRED(kms_tag, tag_key, "TagKey", kms_type_tag_key_type),
    REQUIRED(kms_tag, tag_value, "TagValue", kms_type_tag_value_type),
};
const struct kms_shape kms_shape_tag = SHAPE(kms_tag, "Tag", tag_members);

static const struct kms_member tag_resource_request_members[] = {
    REQUIRED(kms_tag_resource_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_tag_resource_request, tags, "Tags", kms_type_tag_list),
};
const struct kms_shape kms_shape_tag_resource_request = SHAPE(kms_tag_resource_request, "TagResourceRequest", tag_resource_request_members);

static const struct kms_member untag_resource_request_members[] = {
    REQUIRED(kms_untag_resource_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_untag_resource_request, tag_keys, "TagKeys", kms_type_tag_key_list),
};
const struct kms_shape kms_shape_untag_resource_request = SHAPE(kms_untag_resource_request, "UntagResourceRequest", untag_resource_request_members);

static const struct kms_member update_alias_request_members[] = {
    REQUIRED(kms_update_alias_request, alias_name, "AliasName", kms_type_alias_name_type),
    REQUIRED(kms_update_alias_request, target_key_id, "TargetKeyId", kms_type_key_id_type),
};
const struct kms_shape kms_shape_update_alias_request = SHAPE(kms_update_alias_request, "UpdateAliasRequest", update_alias_request_members);

static const struct kms_member update_custom_key_store_request_members[] = {
    REQUIRED(kms_update_custom_key_store_request, custom_key_store_id, "CustomKeyStoreId", kms_type_custom_key_store_id_type),
    OPTIONAL(kms_update_custom_key_store_request, new_custom_key_store_name, "NewCustomKeyStoreName", kms_type_custom_key_store_name_type),
    OPTIONAL(kms_update_custom_key_store_request, key_store_password, "KeyStorePassword", kms_type_key_store_password_type),
    OPTIONAL(kms_update_custom_key_store_request, cloud_hsm_cluster_id, "CloudHsmClusterId", kms_type_cloud_hsm_cluster_id_type),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_uri_endpoint, "XksProxyUriEndpoint", kms_type_xks_proxy_uri_endpoint_type),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_uri_path, "XksProxyUriPath", kms_type_xks_proxy_uri_path_type),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_vpc_endpoint_service_name, "XksProxyVpcEndpointServiceName", kms_type_xks_proxy_vpc_endpoint_service_name_type),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_vpc_endpoint_service_owner, "XksProxyVpcEndpointServiceOwner", kms_type_account_id_type),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_authentication_credential, "XksProxyAuthenticationCredential", kms_type_xks_proxy_authentication_credential_type_structure),
    OPTIONAL(kms_update_custom_key_store_request, xks_proxy_connectivity, "XksProxyConnectivity", kms_type_xks_proxy_connectivity_type),
};
const struct kms_shape kms_shape_update_custom_key_store_request = SHAPE(kms_update_custom_key_store_request, "UpdateCustomKeyStoreRequest", update_custom_key_store_request_members);

const struct kms_shape kms_shape_update_custom_key_store_response = EMPTY_SHAPE(kms_update_custom_key_store_response, "UpdateCustomKeyStoreResponse");

static const struct kms_member update_key_description_request_members[] = {
    REQUIRED(kms_update_key_description_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_update_key_description_request, description, "Description", kms_type_description_type),
};
const struct kms_shape kms_shape_update_key_description_request = SHAPE(kms_update_key_description_request, "UpdateKeyDescriptionRequest", update_key_description_request_members);

static const struct kms_member update_primary_region_request_members[] = {
    REQUIRED(kms_update_primary_region_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_update_primary_region_request, primary_region, "PrimaryRegion", kms_type_region_type),
};
const struct kms_shape kms_shape_update_primary_region_request = SHAPE(kms_update_primary_region_request, "UpdatePrimaryRegionRequest", update_primary_region_request_members);

static const struct kms_member verify_mac_request_members[] = {
    REQUIRED(kms_verify_mac_request, message, "Message", kms_type_plaintext_type),
    REQUIRED(kms_verify_mac_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_verify_mac_request, mac_algorithm, "MacAlgorithm", kms_type_mac_algorithm_spec),
    REQUIRED(kms_verify_mac_request, mac, "Mac", kms_type_ciphertext_type),
    OPTIONAL(kms_verify_mac_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_verify_mac_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_verify_mac_request = SHAPE(kms_verify_mac_request, "VerifyMacRequest", verify_mac_request_members);

static const struct kms_member verify_mac_response_members[] = {
    OPTIONAL(kms_verify_mac_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_verify_mac_response, mac_valid, "MacValid", kms_type_boolean),
    OPTIONAL(kms_verify_mac_response, mac_algorithm, "MacAlgorithm", kms_type_mac_algorithm_spec),
};
const struct kms_shape kms_shape_verify_mac_response = SHAPE(kms_verify_mac_response, "VerifyMacResponse", verify_mac_response_members);

static const struct kms_member verify_request_members[] = {
    REQUIRED(kms_verify_request, key_id, "KeyId", kms_type_key_id_type),
    REQUIRED(kms_verify_request, message, "Message", kms_type_plaintext_type),
    OPTIONAL(kms_verify_request, message_type, "MessageType", kms_type_message_type),
    REQUIRED(kms_verify_request, signature, "Signature", kms_type_ciphertext_type),
    REQUIRED(kms_verify_request, signing_algorithm, "SigningAlgorithm", kms_type_signing_algorithm_spec),
    OPTIONAL(kms_verify_request, grant_tokens, "GrantTokens", kms_type_grant_token_list),
    OPTIONAL(kms_verify_request, dry_run, "DryRun", kms_type_boolean),
};
const struct kms_shape kms_shape_verify_request = SHAPE(kms_verify_request, "VerifyRequest", verify_request_members);

static const struct kms_member verify_response_members[] = {
    OPTIONAL(kms_verify_response, key_id, "KeyId", kms_type_key_id_type),
    OPTIONAL(kms_verify_response, signature_valid, "SignatureValid", kms_type_boolean),
    OPTIONAL(kms_verify_response, signing_algorithm, "SigningAlgorithm", kms_type_signing_algorithm_spec),
};
const struct kms_shape kms_shape_verify_response = SHAPE(kms_verify_response, "VerifyResponse", verify_response_members);

static const struct kms_member xks_key_configuration_type_members[] = {
    OPTIONAL(kms_xks_key_configuration_type, id, "Id", kms_type_xks_key_id_type),
};
const struct kms_shape kms_shape_xks_key_configuration_type = SHAPE(kms_xks_key_configuration_type, "XksKeyConfigurationType", xks_key_configuration_type_members);

static const struct kms_member xks_proxy_authentication_credential_type_members[] = {
    REQUIRED(kms_xks_proxy_authentication_credential_type, access_key_id, "AccessKeyId", kms_type_xks_proxy_authentication_access_key_id_type),
    REQUIRED(kms_xks_proxy_authentication_credential_type, raw_secret_access_key, "RawSecretAccessKey", kms_type_xks_proxy_authentication_raw_secret_access_key_type),
};
const struct kms_shape kms_shape_xks_proxy_authentication_credential_type = SHAPE(kms_xks_proxy_authentication_credential_type, "XksProxyAuthenticationCredentialType", xks_proxy_authentication_credential_type_members);

static const struct kms_member xks_proxy_configuration_type_members[] = {
    OPTIONAL(kms_xks_proxy_configuration_type, connectivity, "Connectivity", kms_type_xks_proxy_connectivity_type),
    OPTIONAL(kms_xks_proxy_configuration_type, access_key_id, "AccessKeyId", kms_type_xks_proxy_authentication_access_key_id_type),
    OPTIONAL(kms_xks_proxy_configuration_type, uri_endpoint, "UriEndpoint", kms_type_xks_proxy_uri_endpoint_type),
    OPTIONAL(kms_xks_proxy_configuration_type, uri_path, "UriPath", kms_type_xks_proxy_uri_path_type),
    OPTIONAL(kms_xks_proxy_configuration_type, vpc_endpoint_service_name, "VpcEndpointServiceName", kms_type_xks_proxy_vpc_endpoint_service_name_type),
    OPTIONAL(kms_xks_proxy_configuration_type, vpc_endpoint_service_owner, "VpcEndpointServiceOwner", kms_type_account_id_type),
};
const struct kms_shape kms_shape_xks_proxy_configuration_type = SHAPE(kms_xks_proxy_configuration_type, "XksProxyConfigurationType", xks_proxy_configuration_type_members);
