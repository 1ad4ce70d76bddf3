#include "libkms/client/call.h"

/* An operation with an answer: CALL(its name, its row, its answer's name). */
#define CALL(name, row, answer)                                                                    \
    enum kms_err kms_##name(struct kms_client *client, const struct kms_##name##_request *request, \
        const struct kms_##answer##_response **response, struct kms_fault *fault)                  \
    {                                                                                              \
        const void *received = NULL;                                                               \
        enum kms_err err = kms_client_call(client, KMS_OP_##row, request, &received, fault);       \
        if (err == KMS_OK)                                                                         \
            *response = received;                                                                  \
        return err;                                                                                \
    }

/* An operation that answers with nothing but success. */
#define CALL_WITHOUT_ANSWER(name, row)                                                             \
    enum kms_err kms_##name(struct kms_client *client, const struct kms_##name##_request *request, \
        struct kms_fault *fault)                                                                   \
    {                                                                                              \
        return kms_client_call(client, KMS_OP_##row, request, NULL, fault);                        \
    }

/* clang-format off */
CALL(cancel_key_deletion, CANCEL_KEY_DELETION, cancel_key_deletion)
CALL(connect_custom_key_store, CONNECT_CUSTOM_KEY_STORE, connect_custom_key_store)
CALL_WITHOUT_ANSWER(create_alias, CREATE_ALIAS)
CALL(create_custom_key_store, CREATE_CUSTOM_KEY_STORE, create_custom_key_store)
CALL(create_grant, CREATE_GRANT, create_grant)
CALL(create_key, CREATE_KEY, create_key)
CALL(decapsulate, DECAPSULATE, decapsulate)
CALL(decrypt, DECRYPT, decrypt)
CALL_WITHOUT_ANSWER(delete_alias, DELETE_ALIAS)
CALL(delete_custom_key_store, DELETE_CUSTOM_KEY_STORE, delete_custom_key_store)
CALL(delete_imported_key_material, DELETE_IMPORTED_KEY_MATERIAL, delete_imported_key_material)
CALL(derive_shared_secret, DERIVE_SHARED_SECRET, derive_shared_secret)
CALL(describe_custom_key_stores, DESCRIBE_CUSTOM_KEY_STORES, describe_custom_key_stores)
CALL(describe_key, DESCRIBE_KEY, describe_key)
CALL_WITHOUT_ANSWER(disable_key, DISABLE_KEY)
CALL_WITHOUT_ANSWER(disable_key_rotation, DISABLE_KEY_ROTATION)
CALL(disconnect_custom_key_store, DISCONNECT_CUSTOM_KEY_STORE, disconnect_custom_key_store)
CALL_WITHOUT_ANSWER(enable_key, ENABLE_KEY)
CALL_WITHOUT_ANSWER(enable_key_rotation, ENABLE_KEY_ROTATION)
CALL(encapsulate, ENCAPSULATE, encapsulate)
CALL(encrypt, ENCRYPT, encrypt)
CALL(generate_data_key, GENERATE_DATA_KEY, generate_data_key)
CALL(generate_data_key_pair, GENERATE_DATA_KEY_PAIR, generate_data_key_pair)
CALL(generate_data_key_pair_without_plaintext, GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT, generate_data_key_pair_without_plaintext)
CALL(generate_data_key_without_plaintext, GENERATE_DATA_KEY_WITHOUT_PLAINTEXT, generate_data_key_without_plaintext)
CALL(generate_mac, GENERATE_MAC, generate_mac)
CALL(generate_random, GENERATE_RANDOM, generate_random)
CALL(get_key_last_usage, GET_KEY_LAST_USAGE, get_key_last_usage)
CALL(get_key_policy, GET_KEY_POLICY, get_key_policy)
CALL(get_key_rotation_status, GET_KEY_ROTATION_STATUS, get_key_rotation_status)
CALL(get_parameters_for_import, GET_PARAMETERS_FOR_IMPORT, get_parameters_for_import)
CALL(get_public_key, GET_PUBLIC_KEY, get_public_key)
CALL(import_key_material, IMPORT_KEY_MATERIAL, import_key_material)
CALL(list_aliases, LIST_ALIASES, list_aliases)
CALL(list_grants, LIST_GRANTS, list_grants)
CALL(list_key_policies, LIST_KEY_POLICIES, list_key_policies)
CALL(list_key_rotations, LIST_KEY_ROTATIONS, list_key_rotations)
CALL(list_keys, LIST_KEYS, list_keys)
CALL(list_resource_tags, LIST_RESOURCE_TAGS, list_resource_tags)
CALL(list_retirable_grants, LIST_RETIRABLE_GRANTS, list_grants)
CALL_WITHOUT_ANSWER(put_key_policy, PUT_KEY_POLICY)
CALL(re_encrypt, RE_ENCRYPT, re_encrypt)
CALL(replicate_key, REPLICATE_KEY, replicate_key)
CALL_WITHOUT_ANSWER(retire_grant, RETIRE_GRANT)
CALL_WITHOUT_ANSWER(revoke_grant, REVOKE_GRANT)
CALL(rotate_key_on_demand, ROTATE_KEY_ON_DEMAND, rotate_key_on_demand)
CALL(schedule_key_deletion, SCHEDULE_KEY_DELETION, schedule_key_deletion)
CALL(sign, SIGN, sign)
CALL_WITHOUT_ANSWER(tag_resource, TAG_RESOURCE)
CALL_WITHOUT_ANSWER(untag_resource, UNTAG_RESOURCE)
CALL_WITHOUT_ANSWER(update_alias, UPDATE_ALIAS)
CALL(update_custom_key_store, UPDATE_CUSTOM_KEY_STORE, update_custom_key_store)
CALL_WITHOUT_ANSWER(update_key_description, UPDATE_KEY_DESCRIPTION)
CALL_WITHOUT_ANSWER(update_primary_region, UPDATE_PRIMARY_REGION)
CALL(verify, VERIFY, verify)
CALL(verify_mac, VERIFY_MAC, verify_mac)
/* clang-format on */
