/* Look-ups in the tables of the model. */
#include "libkms/proto/model.h"

#include "libkms/proto/model_tables.h"

#include <stdlib.h>

/* Compares a name that is not NUL-terminated with one that is, as strcmp does. */
static int compare_name(struct kms_str name, const char *with)
{
    size_t len = strlen(with);
    int order = memcmp(name.data, with, name.len < len ? name.len : len);
    if (order != 0)
        return order;
    return name.len < len ? -1 : name.len > len;
}

/* The rows stand in the order of their names; test_model.c holds them to it. */
enum kms_op kms_operation_find(struct kms_str name)
{
    size_t low = 0;
    size_t high = KMS_OPERATION_COUNT;
    if (name.data == NULL)
        return KMS_OPERATION_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(name, kms_operations[middle].name);
        if (order == 0)
            return (enum kms_op)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return KMS_OPERATION_COUNT;
}

const char *kms_enum_text(const struct kms_type *type, int value)
{
    if (value <= 0 || (size_t)value > type->value_count)
        return NULL;
    return type->values[value - 1];
}

/* Every type that has a name, in the order of the names (which strcmp gives). */
static const struct kms_type *const named_types[] = {
    &kms_type_aws_account_id_type,
    &kms_type_account_id_type,
    &kms_type_algorithm_spec,
    &kms_type_alias_list,
    &kms_type_alias_list_entry_structure,
    &kms_type_alias_name_type,
    &kms_type_arn_type,
    &kms_type_attestation_document_type,
    &kms_type_backing_key_id_response_type,
    &kms_type_backing_key_id_type,
    &kms_type_ciphertext_type,
    &kms_type_cloud_hsm_cluster_id_type,
    &kms_type_cloud_trail_event_id_type,
    &kms_type_connection_error_code_type,
    &kms_type_connection_state_type,
    &kms_type_custom_key_store_id_type,
    &kms_type_custom_key_store_name_type,
    &kms_type_custom_key_store_type,
    &kms_type_custom_key_stores_list,
    &kms_type_custom_key_stores_list_entry_structure,
    &kms_type_customer_master_key_spec,
    &kms_type_data_key_pair_spec,
    &kms_type_data_key_spec,
    &kms_type_description_type,
    &kms_type_dry_run_modifier_list,
    &kms_type_dry_run_modifier_type,
    &kms_type_encapsulation_algorithm_spec,
    &kms_type_encapsulation_algorithm_spec_list,
    &kms_type_encryption_algorithm_spec,
    &kms_type_encryption_algorithm_spec_list,
    &kms_type_encryption_context_key,
    &kms_type_encryption_context_type,
    &kms_type_encryption_context_value,
    &kms_type_expiration_model_type,
    &kms_type_grant_constraints_structure,
    &kms_type_grant_id_type,
    &kms_type_grant_list,
    &kms_type_grant_list_entry_structure,
    &kms_type_grant_name_type,
    &kms_type_grant_operation,
    &kms_type_grant_operation_list,
    &kms_type_grant_token_list,
    &kms_type_grant_token_type,
    &kms_type_import_state,
    &kms_type_import_type,
    &kms_type_include_key_material,
    &kms_type_key_agreement_algorithm_spec,
    &kms_type_key_agreement_algorithm_spec_list,
    &kms_type_key_encryption_mechanism,
    &kms_type_key_id_type,
    &kms_type_key_last_usage_data_structure,
    &kms_type_key_last_usage_tracking_operation,
    &kms_type_key_list,
    &kms_type_key_list_entry_structure,
    &kms_type_key_manager_type,
    &kms_type_key_material_description_type,
    &kms_type_key_material_state,
    &kms_type_key_metadata_structure,
    &kms_type_key_spec,
    &kms_type_key_state,
    &kms_type_key_store_password_type,
    &kms_type_key_usage_type,
    &kms_type_kms_request_id_type,
    &kms_type_limit_type,
    &kms_type_mac_algorithm_spec,
    &kms_type_mac_algorithm_spec_list,
    &kms_type_marker_type,
    &kms_type_message_type,
    &kms_type_multi_region_configuration_structure,
    &kms_type_multi_region_key_structure,
    &kms_type_multi_region_key_list,
    &kms_type_multi_region_key_type,
    &kms_type_number_of_bytes_type,
    &kms_type_origin_type,
    &kms_type_pending_window_in_days_type,
    &kms_type_plaintext_type,
    &kms_type_policy_name_list,
    &kms_type_policy_name_type,
    &kms_type_policy_type,
    &kms_type_principal_id_type,
    &kms_type_public_key_type,
    &kms_type_recipient_info_structure,
    &kms_type_region_type,
    &kms_type_rotation_period_in_days_type,
    &kms_type_rotation_type,
    &kms_type_rotations_list,
    &kms_type_rotations_list_entry_structure,
    &kms_type_signing_algorithm_spec,
    &kms_type_signing_algorithm_spec_list,
    &kms_type_tag_structure,
    &kms_type_tag_key_list,
    &kms_type_tag_key_type,
    &kms_type_tag_list,
    &kms_type_tag_value_type,
    &kms_type_trust_anchor_certificate_type,
    &kms_type_wrapping_key_spec,
    &kms_type_xks_key_configuration_type_structure,
    &kms_type_xks_key_id_type,
    &kms_type_xks_proxy_authentication_access_key_id_type,
    &kms_type_xks_proxy_authentication_credential_type_structure,
    &kms_type_xks_proxy_authentication_raw_secret_access_key_type,
    &kms_type_xks_proxy_configuration_type_structure,
    &kms_type_xks_proxy_connectivity_type,
    &kms_type_xks_proxy_uri_endpoint_type,
    &kms_type_xks_proxy_uri_path_type,
    &kms_type_xks_proxy_vpc_endpoint_service_name_type,
    &kms_type_blob,
    &kms_type_boolean,
    &kms_type_integer,
    &kms_type_string,
    &kms_type_timestamp,
};

static int compare_type(const void *name, const void *row)
{
    return strcmp(name, (*(const struct kms_type *const *)row)->name);
}

const struct kms_type *kms_type_find(const char *name)
{
    const struct kms_type *const *found = bsearch(name, named_types,
        sizeof(named_types) / sizeof(named_types[0]), sizeof(named_types[0]), compare_type);
    return found == NULL ? NULL : *found;
}
