/*
 * The rows, in the order of the API's names. Sets of states follow the developer guide's table "Key
 * states of KMS keys" as corrected by what the live service answers; 0 stands for any.
 * KMSD_OP_FOREIGN follows the line "Cross-account use" of the operations' pages in the API
 * reference.
 */
#include "kmsd/ops/ops.h"

enum {
    ENABLED = 1 << KMS_KEY_STATE_ENABLED,
    DISABLED = 1 << KMS_KEY_STATE_DISABLED,
    CREATING = 1 << KMS_KEY_STATE_CREATING,
    UPDATING = 1 << KMS_KEY_STATE_UPDATING,
    UNAVAILABLE = 1 << KMS_KEY_STATE_UNAVAILABLE,
    PENDING_IMPORT = 1 << KMS_KEY_STATE_PENDING_IMPORT,

    /* to use a key, or to say how it rotates */
    STATES_USE = ENABLED | UPDATING,
    /* to read its public half */
    STATES_READ = STATES_USE | DISABLED,
    /* to enable or disable it */
    STATES_SWITCH = ENABLED | DISABLED | UNAVAILABLE,
    /* to bring its material and take it away */
    STATES_IMPORT = ENABLED | DISABLED | PENDING_IMPORT,
    /* to have it deleted */
    STATES_DELETE = ENABLED | DISABLED | UNAVAILABLE | CREATING | PENDING_IMPORT,
    /* to change its name, tags or description */
    STATES_NAME = STATES_DELETE | UPDATING,
    /* to keep it after all */
    STATES_KEEP = 1 << KMS_KEY_STATE_PENDING_DELETION | 1 << KMS_KEY_STATE_PENDING_REPLICA_DELETION,
};

enum {
    ENCRYPT_DECRYPT = 1 << KMS_KEY_USAGE_ENCRYPT_DECRYPT,
    SIGN_VERIFY = 1 << KMS_KEY_USAGE_SIGN_VERIFY,
    GENERATE_VERIFY_MAC = 1 << KMS_KEY_USAGE_GENERATE_VERIFY_MAC,
    KEY_AGREEMENT = 1 << KMS_KEY_USAGE_KEY_AGREEMENT,
    ENCAPSULATE_DECAPSULATE = 1 << KMS_KEY_USAGE_ENCAPSULATE_DECAPSULATE,
};

/* An operation that this version knows, checks the input of, and does not offer yet. */
#define NOT_OFFERED(which, iam_action) [(which)] = {.id = (which), .action = (iam_action)}

const struct kmsd_op kmsd_ops[KMS_OPERATION_COUNT] = {
    [KMS_OP_CANCEL_KEY_DELETION] =
        {
            .id = KMS_OP_CANCEL_KEY_DELETION,
            .action = "kms:CancelKeyDeletion",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_KEEP,
            .key_id_at = offsetof(struct kms_cancel_key_deletion_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_cancel_key_deletion,
        },
    NOT_OFFERED(KMS_OP_CONNECT_CUSTOM_KEY_STORE, "kms:ConnectCustomKeyStore"),
    [KMS_OP_CREATE_ALIAS] =
        {
            .id = KMS_OP_CREATE_ALIAS,
            .action = "kms:CreateAlias",
            .flags = KMSD_OP_WRITES,
            .states = STATES_NAME,
            .check = kmsd_create_alias_check,
            .resource = kmsd_create_alias_resource,
            .run = kmsd_create_alias,
        },
    NOT_OFFERED(KMS_OP_CREATE_CUSTOM_KEY_STORE, "kms:CreateCustomKeyStore"),
    [KMS_OP_CREATE_GRANT] =
        {
            .id = KMS_OP_CREATE_GRANT,
            .action = "kms:CreateGrant",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_FOREIGN,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_create_grant_request, key_id),
            .check = kmsd_create_grant_check,
            .resource = kmsd_resource_key,
            .run = kmsd_create_grant,
        },
    [KMS_OP_CREATE_KEY] =
        {
            .id = KMS_OP_CREATE_KEY,
            .action = "kms:CreateKey",
            .flags = KMSD_OP_SLOW,
            .pace = kmsd_create_key_pace,
            .check = kmsd_create_key_check,
            .resource = kmsd_resource_create_key,
            .run = kmsd_create_key,
        },
    [KMS_OP_DECAPSULATE] =
        {
            .id = KMS_OP_DECAPSULATE,
            .action = "kms:Decapsulate",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCAPSULATE_DECAPSULATE,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_decapsulate_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_decapsulate,
        },
    [KMS_OP_DECRYPT] =
        {
            .id = KMS_OP_DECRYPT,
            .action = "kms:Decrypt",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .pace = kmsd_decrypt_pace,
            .check = kmsd_decrypt_check,
            .resource = kmsd_decrypt_resource,
            .run = kmsd_decrypt,
        },
    [KMS_OP_DELETE_ALIAS] =
        {
            .id = KMS_OP_DELETE_ALIAS,
            .action = "kms:DeleteAlias",
            .flags = KMSD_OP_WRITES,
            .check = kmsd_delete_alias_check,
            .resource = kmsd_delete_alias_resource,
            .run = kmsd_delete_alias,
        },
    NOT_OFFERED(KMS_OP_DELETE_CUSTOM_KEY_STORE, "kms:DeleteCustomKeyStore"),
    [KMS_OP_DELETE_IMPORTED_KEY_MATERIAL] =
        {
            .id = KMS_OP_DELETE_IMPORTED_KEY_MATERIAL,
            .action = "kms:DeleteImportedKeyMaterial",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_IMPORTED,
            .states = STATES_IMPORT | STATES_KEEP,
            .key_id_at = offsetof(struct kms_delete_imported_key_material_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_delete_imported_key_material,
        },
    [KMS_OP_DERIVE_SHARED_SECRET] =
        {
            .id = KMS_OP_DERIVE_SHARED_SECRET,
            .action = "kms:DeriveSharedSecret",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = KEY_AGREEMENT,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_derive_shared_secret_request, key_id),
            .pace = kmsd_derive_shared_secret_pace,
            .check = kmsd_derive_shared_secret_check,
            .resource = kmsd_resource_key,
            .run = kmsd_derive_shared_secret,
        },
    NOT_OFFERED(KMS_OP_DESCRIBE_CUSTOM_KEY_STORES, "kms:DescribeCustomKeyStores"),
    [KMS_OP_DESCRIBE_KEY] =
        {
            .id = KMS_OP_DESCRIBE_KEY,
            .action = "kms:DescribeKey",
            .flags = KMSD_OP_FOREIGN,
            .key_id_at = offsetof(struct kms_describe_key_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_describe_key_run,
        },
    [KMS_OP_DISABLE_KEY] =
        {
            .id = KMS_OP_DISABLE_KEY,
            .action = "kms:DisableKey",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_SWITCH,
            .key_id_at = offsetof(struct kms_disable_key_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_disable_key,
        },
    [KMS_OP_DISABLE_KEY_ROTATION] =
        {
            .id = KMS_OP_DISABLE_KEY_ROTATION,
            .action = "kms:DisableKeyRotation",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_NO_IMPORTED,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_disable_key_rotation_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_disable_key_rotation,
        },
    NOT_OFFERED(KMS_OP_DISCONNECT_CUSTOM_KEY_STORE, "kms:DisconnectCustomKeyStore"),
    [KMS_OP_ENABLE_KEY] =
        {
            .id = KMS_OP_ENABLE_KEY,
            .action = "kms:EnableKey",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_SWITCH,
            .key_id_at = offsetof(struct kms_enable_key_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_enable_key,
        },
    [KMS_OP_ENABLE_KEY_ROTATION] =
        {
            .id = KMS_OP_ENABLE_KEY_ROTATION,
            .action = "kms:EnableKeyRotation",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_NO_IMPORTED,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_enable_key_rotation_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_enable_key_rotation,
        },
    [KMS_OP_ENCAPSULATE] =
        {
            .id = KMS_OP_ENCAPSULATE,
            .action = "kms:Encapsulate",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCAPSULATE_DECAPSULATE,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_encapsulate_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_encapsulate,
        },
    [KMS_OP_ENCRYPT] =
        {
            .id = KMS_OP_ENCRYPT,
            .action = "kms:Encrypt",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_encrypt_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_encrypt,
        },
    [KMS_OP_GENERATE_DATA_KEY] =
        {
            .id = KMS_OP_GENERATE_DATA_KEY,
            .action = "kms:GenerateDataKey",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_generate_data_key_request, key_id),
            .check = kmsd_generate_data_key_check,
            .resource = kmsd_resource_key,
            .run = kmsd_generate_data_key,
        },
    [KMS_OP_GENERATE_DATA_KEY_PAIR] =
        {
            .id = KMS_OP_GENERATE_DATA_KEY_PAIR,
            .action = "kms:GenerateDataKeyPair",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_generate_data_key_pair_request, key_id),
            .pace = kmsd_generate_data_key_pair_pace,
            .check = kmsd_generate_data_key_pair_check,
            .resource = kmsd_resource_key,
            .run = kmsd_generate_data_key_pair,
        },
    [KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT] =
        {
            .id = KMS_OP_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT,
            .action = "kms:GenerateDataKeyPairWithoutPlaintext",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .key_id_at =
                offsetof(struct kms_generate_data_key_pair_without_plaintext_request, key_id),
            .pace = kmsd_generate_data_key_pair_without_plaintext_pace,
            .resource = kmsd_resource_key,
            .run = kmsd_generate_data_key_pair_without_plaintext,
        },
    [KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT] =
        {
            .id = KMS_OP_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT,
            .action = "kms:GenerateDataKeyWithoutPlaintext",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_generate_data_key_without_plaintext_request, key_id),
            .check = kmsd_generate_data_key_without_plaintext_check,
            .resource = kmsd_resource_key,
            .run = kmsd_generate_data_key_without_plaintext,
        },
    [KMS_OP_GENERATE_MAC] =
        {
            .id = KMS_OP_GENERATE_MAC,
            .action = "kms:GenerateMac",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = GENERATE_VERIFY_MAC,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_generate_mac_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_generate_mac,
        },
    [KMS_OP_GENERATE_RANDOM] =
        {
            .id = KMS_OP_GENERATE_RANDOM,
            .action = "kms:GenerateRandom",
            .check = kmsd_generate_random_check,
            .resource = kmsd_resource_account,
            .run = kmsd_generate_random,
        },
    [KMS_OP_GET_KEY_LAST_USAGE] =
        {
            .id = KMS_OP_GET_KEY_LAST_USAGE,
            .action = "kms:GetKeyLastUsage",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_get_key_last_usage_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_get_key_last_usage,
        },
    [KMS_OP_GET_KEY_POLICY] =
        {
            .id = KMS_OP_GET_KEY_POLICY,
            .action = "kms:GetKeyPolicy",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_get_key_policy_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_get_key_policy,
        },
    [KMS_OP_GET_KEY_ROTATION_STATUS] =
        {
            .id = KMS_OP_GET_KEY_ROTATION_STATUS,
            .action = "kms:GetKeyRotationStatus",
            .flags = KMSD_OP_KEY_ONLY | KMSD_OP_FOREIGN,
            .key_id_at = offsetof(struct kms_get_key_rotation_status_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_get_key_rotation_status,
        },
    [KMS_OP_GET_PARAMETERS_FOR_IMPORT] =
        {
            .id = KMS_OP_GET_PARAMETERS_FOR_IMPORT,
            .action = "kms:GetParametersForImport",
            .flags = KMSD_OP_KEY_ONLY | KMSD_OP_IMPORTED,
            .states = STATES_IMPORT,
            .key_id_at = offsetof(struct kms_get_parameters_for_import_request, key_id),
            .pace = kmsd_get_parameters_for_import_pace,
            .resource = kmsd_resource_key,
            .run = kmsd_get_parameters_for_import,
        },
    [KMS_OP_GET_PUBLIC_KEY] =
        {
            .id = KMS_OP_GET_PUBLIC_KEY,
            .action = "kms:GetPublicKey",
            .flags = KMSD_OP_FOREIGN,
            .states = STATES_READ,
            .key_id_at = offsetof(struct kms_get_public_key_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_get_public_key,
        },
    [KMS_OP_IMPORT_KEY_MATERIAL] =
        {
            .id = KMS_OP_IMPORT_KEY_MATERIAL,
            .action = "kms:ImportKeyMaterial",
            .flags = KMSD_OP_SLOW | KMSD_OP_KEY_ONLY | KMSD_OP_IMPORTED,
            .states = STATES_IMPORT | UPDATING,
            .key_id_at = offsetof(struct kms_import_key_material_request, key_id),
            .pace = kmsd_import_key_material_pace,
            .resource = kmsd_resource_key,
            .run = kmsd_import_key_material,
        },
    [KMS_OP_LIST_ALIASES] =
        {
            .id = KMS_OP_LIST_ALIASES,
            .action = "kms:ListAliases",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_list_aliases_request, key_id),
            .resource = kmsd_list_aliases_resource,
            .run = kmsd_list_aliases,
        },
    [KMS_OP_LIST_GRANTS] =
        {
            .id = KMS_OP_LIST_GRANTS,
            .action = "kms:ListGrants",
            .flags = KMSD_OP_KEY_ONLY | KMSD_OP_FOREIGN,
            .key_id_at = offsetof(struct kms_list_grants_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_list_grants,
        },
    [KMS_OP_LIST_KEY_POLICIES] =
        {
            .id = KMS_OP_LIST_KEY_POLICIES,
            .action = "kms:ListKeyPolicies",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_list_key_policies_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_list_key_policies,
        },
    [KMS_OP_LIST_KEY_ROTATIONS] =
        {
            .id = KMS_OP_LIST_KEY_ROTATIONS,
            .action = "kms:ListKeyRotations",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_list_key_rotations_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_list_key_rotations,
        },
    [KMS_OP_LIST_KEYS] =
        {
            .id = KMS_OP_LIST_KEYS,
            .action = "kms:ListKeys",
            .resource = kmsd_resource_account,
            .run = kmsd_list_keys,
        },
    [KMS_OP_LIST_RESOURCE_TAGS] =
        {
            .id = KMS_OP_LIST_RESOURCE_TAGS,
            .action = "kms:ListResourceTags",
            .flags = KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_list_resource_tags_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_list_resource_tags,
        },
    [KMS_OP_LIST_RETIRABLE_GRANTS] =
        {
            .id = KMS_OP_LIST_RETIRABLE_GRANTS,
            .action = "kms:ListRetirableGrants",
            .check = kmsd_list_retirable_grants_check,
            .resource = kmsd_list_retirable_grants_resource,
            .run = kmsd_list_retirable_grants,
        },
    [KMS_OP_PUT_KEY_POLICY] =
        {
            .id = KMS_OP_PUT_KEY_POLICY,
            .action = "kms:PutKeyPolicy",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .key_id_at = offsetof(struct kms_put_key_policy_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_put_key_policy,
        },
    [KMS_OP_RE_ENCRYPT] =
        {
            .id = KMS_OP_RE_ENCRYPT,
            .action = "kms:ReEncryptFrom",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = ENCRYPT_DECRYPT,
            .states = STATES_USE,
            .pace = kmsd_re_encrypt_pace,
            .check = kmsd_re_encrypt_check,
            .resource = kmsd_re_encrypt_resource,
            .run = kmsd_re_encrypt,
        },
    [KMS_OP_REPLICATE_KEY] =
        {
            .id = KMS_OP_REPLICATE_KEY,
            .action = "kms:ReplicateKey",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = ENABLED,
            .key_id_at = offsetof(struct kms_replicate_key_request, key_id),
            .check = kmsd_replicate_key_check,
            .resource = kmsd_replicate_key_resource,
            .run = kmsd_replicate_key,
        },
    [KMS_OP_RETIRE_GRANT] =
        {
            .id = KMS_OP_RETIRE_GRANT,
            .action = "kms:RetireGrant",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_FOREIGN,
            .key_id_at = offsetof(struct kms_retire_grant_request, key_id),
            .resource = kmsd_retire_grant_resource,
            .run = kmsd_retire_grant,
        },
    [KMS_OP_REVOKE_GRANT] =
        {
            .id = KMS_OP_REVOKE_GRANT,
            .action = "kms:RevokeGrant",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY | KMSD_OP_FOREIGN,
            .key_id_at = offsetof(struct kms_revoke_grant_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_revoke_grant,
        },
    [KMS_OP_ROTATE_KEY_ON_DEMAND] =
        {
            .id = KMS_OP_ROTATE_KEY_ON_DEMAND,
            .action = "kms:RotateKeyOnDemand",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_rotate_key_on_demand_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_rotate_key_on_demand,
        },
    [KMS_OP_SCHEDULE_KEY_DELETION] =
        {
            .id = KMS_OP_SCHEDULE_KEY_DELETION,
            .action = "kms:ScheduleKeyDeletion",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_DELETE,
            .key_id_at = offsetof(struct kms_schedule_key_deletion_request, key_id),
            .check = kmsd_schedule_key_deletion_check,
            .resource = kmsd_resource_key,
            .run = kmsd_schedule_key_deletion,
        },
    [KMS_OP_SIGN] =
        {
            .id = KMS_OP_SIGN,
            .action = "kms:Sign",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = SIGN_VERIFY,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_sign_request, key_id),
            .pace = kmsd_sign_pace,
            .resource = kmsd_resource_key,
            .run = kmsd_sign,
        },
    [KMS_OP_TAG_RESOURCE] =
        {
            .id = KMS_OP_TAG_RESOURCE,
            .action = "kms:TagResource",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_NAME,
            .key_id_at = offsetof(struct kms_tag_resource_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_tag_resource,
        },
    [KMS_OP_UNTAG_RESOURCE] =
        {
            .id = KMS_OP_UNTAG_RESOURCE,
            .action = "kms:UntagResource",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_NAME,
            .key_id_at = offsetof(struct kms_untag_resource_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_untag_resource,
        },
    [KMS_OP_UPDATE_ALIAS] =
        {
            .id = KMS_OP_UPDATE_ALIAS,
            .action = "kms:UpdateAlias",
            .flags = KMSD_OP_WRITES,
            .states = STATES_NAME,
            .check = kmsd_update_alias_check,
            .resource = kmsd_update_alias_resource,
            .run = kmsd_update_alias,
        },
    NOT_OFFERED(KMS_OP_UPDATE_CUSTOM_KEY_STORE, "kms:UpdateCustomKeyStore"),
    [KMS_OP_UPDATE_KEY_DESCRIPTION] =
        {
            .id = KMS_OP_UPDATE_KEY_DESCRIPTION,
            .action = "kms:UpdateKeyDescription",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_NAME,
            .key_id_at = offsetof(struct kms_update_key_description_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_update_key_description,
        },
    [KMS_OP_UPDATE_PRIMARY_REGION] =
        {
            .id = KMS_OP_UPDATE_PRIMARY_REGION,
            .action = "kms:UpdatePrimaryRegion",
            .flags = KMSD_OP_WRITES | KMSD_OP_KEY_ONLY,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_update_primary_region_request, key_id),
            .resource = kmsd_update_primary_region_resource,
            .run = kmsd_update_primary_region,
        },
    [KMS_OP_VERIFY] =
        {
            .id = KMS_OP_VERIFY,
            .action = "kms:Verify",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = SIGN_VERIFY,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_verify_request, key_id),
            .pace = kmsd_verify_pace,
            .resource = kmsd_resource_key,
            .run = kmsd_verify,
        },
    [KMS_OP_VERIFY_MAC] =
        {
            .id = KMS_OP_VERIFY_MAC,
            .action = "kms:VerifyMac",
            .flags = KMSD_OP_FOREIGN | KMSD_OP_USES,
            .usages = GENERATE_VERIFY_MAC,
            .states = STATES_USE,
            .key_id_at = offsetof(struct kms_verify_mac_request, key_id),
            .resource = kmsd_resource_key,
            .run = kmsd_verify_mac,
        },
};
