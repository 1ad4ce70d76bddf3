/*
 * One call per operation of the API. The structures are in <kms/types.h>.
 *
 * Source: AWS KMS API reference, version 2014-11-01.
 */
#ifndef KMS_API_H
#define KMS_API_H

#include <kms/types.h>

struct kms_client; /* <kms/client.h> */

#define KMS_FAULT_CODE_SIZE    96
#define KMS_FAULT_MESSAGE_SIZE 1024
#define KMS_REQUEST_ID_SIZE    80

/* Why a call failed. After KMS_ERR_FAULT this is what the service said; after any other error code
 * is "" and message, when it is not "", is the client's own explanation ("Could not resolve host:
 * ..."). Text is NUL-terminated, cut to fit. */
struct kms_fault {
    int http_status;                      /* 0: no answer arrived */
    char code[KMS_FAULT_CODE_SIZE];       /* such as "NotFoundException" */
    char message[KMS_FAULT_MESSAGE_SIZE]; /* "" when there is none */
    char request_id[KMS_REQUEST_ID_SIZE]; /* "" when the service gave none */
};

/* Wipes and frees an answer. NULL is allowed. */
KMS_PUBLIC void kms_response_free(const void *response);

/*
 * Each call signs the request, sends it, retries what may be retried, and on KMS_OK sets *response
 * (untouched otherwise). fault may be NULL; it is cleared on KMS_OK and filled on failure. Errors:
 *
 *   KMS_ERR_FAULT           the service refused; fault->code says why
 *   KMS_ERR_NO_CREDENTIALS  there were none, or they could not be renewed
 *   KMS_ERR_TRANSPORT, KMS_ERR_TIMEOUT
 *                           no answer; whether the service did it is not known
 *   KMS_ERR_PROTOCOL        an answer that the protocol does not allow, or one over 1 MiB
 *   KMS_ERR_LIMIT           the request is over 1 MiB
 *   KMS_ERR_NO_MEMORY, KMS_ERR_INTERNAL
 *
 * Any thread may call, several at once. Members of an answer may be absent: look before use.
 *
 * Retrying: as the AWS SDKs do, every operation is tried again after throttling, after a server
 * fault and after a lost connection. An operation whose answer got lost may therefore be carried
 * out twice: for CreateKey that leaves a second, unused key behind (findable by its tags and
 * description), CreateAlias may answer AlreadyExistsException although it succeeded. Who can't have
 * that sets max_attempts to 1. CreateGrant is idempotent when it is given a name.
 */

/* Cancels a scheduled deletion; the key comes back disabled. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_cancel_key_deletion(struct kms_client *client,
    const struct kms_cancel_key_deletion_request *request,
    const struct kms_cancel_key_deletion_response **response, struct kms_fault *fault);

/* Connects a custom key store to its backing key manager. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_connect_custom_key_store(struct kms_client *client,
    const struct kms_connect_custom_key_store_request *request,
    const struct kms_connect_custom_key_store_response **response, struct kms_fault *fault);

/* Gives a key a friendly name, "alias/...", unique in the account and region. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_create_alias(struct kms_client *client,
    const struct kms_create_alias_request *request, struct kms_fault *fault);

/* Creates a custom key store. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_create_custom_key_store(struct kms_client *client,
    const struct kms_create_custom_key_store_request *request,
    const struct kms_create_custom_key_store_response **response, struct kms_fault *fault);

/* Lets a principal use a key for listed operations, optionally under constraints. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_create_grant(struct kms_client *client,
    const struct kms_create_grant_request *request,
    const struct kms_create_grant_response **response, struct kms_fault *fault);

/* Creates a KMS key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_create_key(struct kms_client *client,
    const struct kms_create_key_request *request, const struct kms_create_key_response **response,
    struct kms_fault *fault);

/* Recovers the shared secret of a key encapsulation. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_decapsulate(struct kms_client *client,
    const struct kms_decapsulate_request *request, const struct kms_decapsulate_response **response,
    struct kms_fault *fault);

/* Decrypts what Encrypt, GenerateDataKey or ReEncrypt produced. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_decrypt(struct kms_client *client,
    const struct kms_decrypt_request *request, const struct kms_decrypt_response **response,
    struct kms_fault *fault);

/* Deletes an alias; the key stays. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_delete_alias(struct kms_client *client,
    const struct kms_delete_alias_request *request, struct kms_fault *fault);

/* Deletes an empty, disconnected custom key store. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_delete_custom_key_store(struct kms_client *client,
    const struct kms_delete_custom_key_store_request *request,
    const struct kms_delete_custom_key_store_response **response, struct kms_fault *fault);

/* Deletes imported key material; the key becomes unusable until it is imported again. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_delete_imported_key_material(struct kms_client *client,
    const struct kms_delete_imported_key_material_request *request,
    const struct kms_delete_imported_key_material_response **response, struct kms_fault *fault);

/* Derives the raw ECDH shared secret of a key and a public key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_derive_shared_secret(struct kms_client *client,
    const struct kms_derive_shared_secret_request *request,
    const struct kms_derive_shared_secret_response **response, struct kms_fault *fault);

/* Describes custom key stores. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_describe_custom_key_stores(struct kms_client *client,
    const struct kms_describe_custom_key_stores_request *request,
    const struct kms_describe_custom_key_stores_response **response, struct kms_fault *fault);

/* Describes a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_describe_key(struct kms_client *client,
    const struct kms_describe_key_request *request,
    const struct kms_describe_key_response **response, struct kms_fault *fault);

/* Makes a key unusable for cryptographic operations until it is enabled. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_disable_key(struct kms_client *client,
    const struct kms_disable_key_request *request, struct kms_fault *fault);

/* Stops automatic rotation of key material. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_disable_key_rotation(struct kms_client *client,
    const struct kms_disable_key_rotation_request *request, struct kms_fault *fault);

/* Disconnects a custom key store. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_disconnect_custom_key_store(struct kms_client *client,
    const struct kms_disconnect_custom_key_store_request *request,
    const struct kms_disconnect_custom_key_store_response **response, struct kms_fault *fault);

/* Makes a disabled key usable again. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_enable_key(struct kms_client *client,
    const struct kms_enable_key_request *request, struct kms_fault *fault);

/* Starts automatic rotation of key material. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_enable_key_rotation(struct kms_client *client,
    const struct kms_enable_key_rotation_request *request, struct kms_fault *fault);

/* Makes a shared secret and its encapsulation under a public key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_encapsulate(struct kms_client *client,
    const struct kms_encapsulate_request *request, const struct kms_encapsulate_response **response,
    struct kms_fault *fault);

/* Encrypts up to 4096 bytes under a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_encrypt(struct kms_client *client,
    const struct kms_encrypt_request *request, const struct kms_encrypt_response **response,
    struct kms_fault *fault);

/* Makes a random symmetric data key: in plaintext, and encrypted under a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_data_key(struct kms_client *client,
    const struct kms_generate_data_key_request *request,
    const struct kms_generate_data_key_response **response, struct kms_fault *fault);

/* Makes a random asymmetric data key pair, its private key also encrypted under a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_data_key_pair(struct kms_client *client,
    const struct kms_generate_data_key_pair_request *request,
    const struct kms_generate_data_key_pair_response **response, struct kms_fault *fault);

/* The same without the plaintext private key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_data_key_pair_without_plaintext(
    struct kms_client *client,
    const struct kms_generate_data_key_pair_without_plaintext_request *request,
    const struct kms_generate_data_key_pair_without_plaintext_response **response,
    struct kms_fault *fault);

/* Makes a random symmetric data key that only its encrypted form leaves the service. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_data_key_without_plaintext(
    struct kms_client *client,
    const struct kms_generate_data_key_without_plaintext_request *request,
    const struct kms_generate_data_key_without_plaintext_response **response,
    struct kms_fault *fault);

/* Computes an HMAC. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_mac(struct kms_client *client,
    const struct kms_generate_mac_request *request,
    const struct kms_generate_mac_response **response, struct kms_fault *fault);

/* Returns cryptographically strong random bytes. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_generate_random(struct kms_client *client,
    const struct kms_generate_random_request *request,
    const struct kms_generate_random_response **response, struct kms_fault *fault);

/* Tells when a key was last used, and for what. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_get_key_last_usage(struct kms_client *client,
    const struct kms_get_key_last_usage_request *request,
    const struct kms_get_key_last_usage_response **response, struct kms_fault *fault);

/* Returns the key policy. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_get_key_policy(struct kms_client *client,
    const struct kms_get_key_policy_request *request,
    const struct kms_get_key_policy_response **response, struct kms_fault *fault);

/* Tells whether and when key material rotates automatically. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_get_key_rotation_status(struct kms_client *client,
    const struct kms_get_key_rotation_status_request *request,
    const struct kms_get_key_rotation_status_response **response, struct kms_fault *fault);

/* Returns a public key and a token for importing key material. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_get_parameters_for_import(struct kms_client *client,
    const struct kms_get_parameters_for_import_request *request,
    const struct kms_get_parameters_for_import_response **response, struct kms_fault *fault);

/* Returns the public key of an asymmetric key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_get_public_key(struct kms_client *client,
    const struct kms_get_public_key_request *request,
    const struct kms_get_public_key_response **response, struct kms_fault *fault);

/* Imports wrapped key material into a key of origin EXTERNAL. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_import_key_material(struct kms_client *client,
    const struct kms_import_key_material_request *request,
    const struct kms_import_key_material_response **response, struct kms_fault *fault);

/* Lists the aliases of the account and region, or of one key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_aliases(struct kms_client *client,
    const struct kms_list_aliases_request *request,
    const struct kms_list_aliases_response **response, struct kms_fault *fault);

/* Lists the grants of a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_grants(struct kms_client *client,
    const struct kms_list_grants_request *request, const struct kms_list_grants_response **response,
    struct kms_fault *fault);

/* Lists the names of the key policies: always "default". */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_key_policies(struct kms_client *client,
    const struct kms_list_key_policies_request *request,
    const struct kms_list_key_policies_response **response, struct kms_fault *fault);

/* Lists past rotations of key material. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_key_rotations(struct kms_client *client,
    const struct kms_list_key_rotations_request *request,
    const struct kms_list_key_rotations_response **response, struct kms_fault *fault);

/* Lists the keys of the account and region. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_keys(struct kms_client *client,
    const struct kms_list_keys_request *request, const struct kms_list_keys_response **response,
    struct kms_fault *fault);

/* Lists the tags of a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_resource_tags(struct kms_client *client,
    const struct kms_list_resource_tags_request *request,
    const struct kms_list_resource_tags_response **response, struct kms_fault *fault);

/* Lists the grants that a principal may retire. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_list_retirable_grants(struct kms_client *client,
    const struct kms_list_retirable_grants_request *request,
    const struct kms_list_grants_response **response, struct kms_fault *fault);

/* Replaces the key policy. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_put_key_policy(struct kms_client *client,
    const struct kms_put_key_policy_request *request, struct kms_fault *fault);

/* Decrypts and encrypts again under another key or context, inside the service. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_re_encrypt(struct kms_client *client,
    const struct kms_re_encrypt_request *request, const struct kms_re_encrypt_response **response,
    struct kms_fault *fault);

/* Makes a replica of a multi-Region primary key in another region. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_replicate_key(struct kms_client *client,
    const struct kms_replicate_key_request *request,
    const struct kms_replicate_key_response **response, struct kms_fault *fault);

/* Gives up a grant (by its token, or key and grant id). */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_retire_grant(struct kms_client *client,
    const struct kms_retire_grant_request *request, struct kms_fault *fault);

/* Takes a grant back. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_revoke_grant(struct kms_client *client,
    const struct kms_revoke_grant_request *request, struct kms_fault *fault);

/* Rotates key material now. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_rotate_key_on_demand(struct kms_client *client,
    const struct kms_rotate_key_on_demand_request *request,
    const struct kms_rotate_key_on_demand_response **response, struct kms_fault *fault);

/* Schedules the deletion of a key after a waiting period of 7 to 30 days. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_schedule_key_deletion(struct kms_client *client,
    const struct kms_schedule_key_deletion_request *request,
    const struct kms_schedule_key_deletion_response **response, struct kms_fault *fault);

/* Signs a message or digest. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_sign(struct kms_client *client,
    const struct kms_sign_request *request, const struct kms_sign_response **response,
    struct kms_fault *fault);

/* Adds or replaces tags of a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_tag_resource(struct kms_client *client,
    const struct kms_tag_resource_request *request, struct kms_fault *fault);

/* Removes tags of a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_untag_resource(struct kms_client *client,
    const struct kms_untag_resource_request *request, struct kms_fault *fault);

/* Points an alias at another key of the same kind. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_update_alias(struct kms_client *client,
    const struct kms_update_alias_request *request, struct kms_fault *fault);

/* Changes the properties of a custom key store. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_update_custom_key_store(struct kms_client *client,
    const struct kms_update_custom_key_store_request *request,
    const struct kms_update_custom_key_store_response **response, struct kms_fault *fault);

/* Replaces the description of a key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_update_key_description(struct kms_client *client,
    const struct kms_update_key_description_request *request, struct kms_fault *fault);

/* Makes another region the primary of a multi-Region key. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_update_primary_region(struct kms_client *client,
    const struct kms_update_primary_region_request *request, struct kms_fault *fault);

/* Verifies a signature. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_verify(struct kms_client *client,
    const struct kms_verify_request *request, const struct kms_verify_response **response,
    struct kms_fault *fault);

/* Verifies an HMAC. */
KMS_PUBLIC KMS_MUST_USE enum kms_err kms_verify_mac(struct kms_client *client,
    const struct kms_verify_mac_request *request, const struct kms_verify_mac_response **response,
    struct kms_fault *fault);

#endif
