/* What the handlers share. The pipeline includes table.h alone. */
#ifndef KMSD_OPS_OPS_H
#define KMSD_OPS_OPS_H

#include "kmsd/ops/table.h"
#include "libkms/proto/arn.h"

struct kmsd_kind;

/* printf arguments of a "%.*s". */
#define KMSD_STR(view) (int)(view).len, (view).data

/* --- faults.c --------------------------------------------------------------------------------- */

/* Sets the fault with a text (NULL: none) and returns KMS_ERR_FAULT, or KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_fault(struct kmsd_call *call, enum kms_fault_code code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The last word on a dry run that would have succeeded. */
KMS_MUST_USE enum kms_err kmsd_fault_dry_run(struct kmsd_call *call);

/* What is said of a key that only a ciphertext names and the caller may not use or know of. */
KMS_MUST_USE enum kms_err kmsd_fault_no_inner_key(struct kmsd_call *call);

/* "Value null at 'keyId' failed ...": for members that are required only together with others. */
KMS_MUST_USE enum kms_err kmsd_fault_missing(struct kmsd_call *call, const char *member);

/* --- resolve.c -------------------------------------------------------------------------------- */

/* The realm that the call was sent to. */
struct kmsd_realm kmsd_call_realm(const struct kmsd_call *call);

/* Finds a key by id, ARN, alias name or alias ARN, holds it in *out and lists it as a target of
 * that action. The faults are those of the live service. *out is NULL for a key of another account
 * that is not there: no call with such a target gets past authorization. */
KMS_MUST_USE enum kms_err kmsd_resolve_key(
    struct kmsd_call *call, struct kms_str given, const char *action, const struct kmsd_key **out);

/* managed.c: whether the service has an alias of that name. */
bool kmsd_is_managed_alias(struct kms_str name);

/* The key behind an alias of the service's own in the caller's account, made if this is
 * the first time that it is asked for; held. *out is NULL for any other name. Not for callers that
 * have the writer's lock. */
KMS_MUST_USE enum kms_err kmsd_managed_key(
    struct kmsd_call *call, struct kms_str name, const struct kmsd_key **out);

/* Lists a target. */
void kmsd_call_target(struct kmsd_call *call, const char *action, struct kms_str arn,
    struct kms_str account, const struct kmsd_key *key);

/* resource() of operations on one key, which the row's key_id_at names; of those on none; and of
 * CreateKey. */
kmsd_op_step kmsd_resource_key;
kmsd_op_step kmsd_resource_account;
kmsd_op_step kmsd_resource_create_key;

/* InvalidArnException for aliases where only keys are taken. */
KMS_MUST_USE enum kms_err kmsd_refuse_alias(struct kmsd_call *call, struct kms_str given);

/* --- authorization.c -------------------------------------------------------------------------- */

/* AccessDeniedException unless the caller may do to the target what it says. kmsd_call_authorize
 * asks for every target; resource() only where it must not go on without. */
KMS_MUST_USE enum kms_err kmsd_authorize(struct kmsd_call *call, const struct kmsd_target *target);

/* Whether the caller could put another policy after this one: the lockout safety check. The fault
 * is the live service's. */
KMS_MUST_USE enum kms_err kmsd_check_lockout(struct kmsd_call *call,
    const struct kmsd_target *target, const struct kmsd_policy_document *policy);

/* --- specs.c ---------------------------------------------------------------------------------- */

/* Texts of values, for messages; never NULL. */
const char *kmsd_spec_text(enum kms_key_spec spec);
const char *kmsd_usage_text(enum kms_key_usage usage);
const char *kmsd_origin_text(enum kms_origin origin);
const char *kmsd_encryption_algorithm_text(enum kms_encryption_algorithm algorithm);
const char *kmsd_signing_algorithm_text(enum kms_signing_algorithm algorithm);
const char *kmsd_mac_algorithm_text(enum kms_mac_algorithm algorithm);
const char *kmsd_message_type_text(enum kms_message_type type);

/* Usages that a spec allows, as bits. */
unsigned kmsd_spec_usages(enum kms_key_spec spec);

/* Between the two enumerations that name the same things. UNSET when there is none of that name. */
enum kms_key_spec kmsd_spec_from_master(enum kms_customer_master_key_spec spec);
enum kms_customer_master_key_spec kmsd_spec_to_master(enum kms_key_spec spec);
enum kms_key_spec kmsd_spec_of_pair(enum kms_data_key_pair_spec spec);

/* UnsupportedOperationException for specs that regions outside China do not have. */
KMS_MUST_USE enum kms_err kmsd_refuse_region(struct kmsd_call *call, enum kms_key_spec spec);

/* UnsupportedOperationException for kinds of keys that the linked libcrypto lacks. */
KMS_MUST_USE enum kms_err kmsd_check_available(
    struct kmsd_call *call, const struct kmsd_kind *kind, enum kms_key_spec spec);

/* What a key can do, as answers list it: one of these has items. */
struct kmsd_algorithms {
    struct kms_encryption_algorithm_list encryption;
    struct kms_signing_algorithm_list signing;
    struct kms_mac_algorithm_list macs;
    struct kms_key_agreement_algorithm_list agreement;
    struct kms_encapsulation_algorithm_list encapsulation;
};
KMS_MUST_USE enum kms_err kmsd_list_algorithms(
    struct kmsd_call *call, const struct kmsd_key *key, struct kmsd_algorithms *out);

/* --- paging.c --------------------------------------------------------------------------------- */

/* Kinds of lists; a marker of one is no marker of another. */
enum kmsd_list {
    KMSD_LIST_KEYS = 'k',
    KMSD_LIST_ALIASES = 'a',
    KMSD_LIST_ALIASES_OF_KEY = 'A',
    KMSD_LIST_POLICIES = 'p',
    KMSD_LIST_TAGS = 't',
    KMSD_LIST_ROTATIONS = 'o',
    KMSD_LIST_ALL_MATERIAL = 'm',
    KMSD_LIST_GRANTS = 'g',
    KMSD_LIST_RETIRABLE_GRANTS = 'r',
};

/* Reads a marker: *after is where the last page ended, absent when there is no marker.
 * InvalidMarkerException for anything that kmsd_marker_make did not make. */
KMS_MUST_USE enum kms_err kmsd_marker_read(
    struct kmsd_call *call, enum kmsd_list list, struct kms_str marker, struct kms_str *after);
KMS_MUST_USE enum kms_err kmsd_marker_make(
    struct kmsd_call *call, enum kmsd_list list, struct kms_str last, struct kms_str *marker);

/* Bytewise, as lists are sorted; a prefix comes first. */
int kmsd_text_compare(struct kms_str a, struct kms_str b);

/* --- sealing.c -------------------------------------------------------------------------------- */

/* A buffer over memory of the arena: it is wiped with it and never grows, so never allocates. False:
 * no memory. */
KMS_MUST_USE bool kmsd_arena_buf(struct kmsd_call *call, size_t size, struct kms_buf *buf);

/* The material that a key works with now, as custody takes it. KMS_ERR_CORRUPT: it has none, though
 * states in which there is none are not let through. */
KMS_MUST_USE enum kms_err kmsd_material_now(
    const struct kmsd_call *call, const struct kmsd_key *key, struct kmsd_material *material);

/* Encrypts under a symmetric key's current material. Everything lands in the arena. */
KMS_MUST_USE enum kms_err kmsd_seal(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_str_map *context, struct kms_bytes plaintext, struct kms_bytes *blob);

/* Decrypts call->ciphertext; InvalidCiphertextException when that fails, whatever is wrong with it.
 * KMS_ERR_CORRUPT when it is the key's material that does not open, here and in kmsd_seal. */
KMS_MUST_USE enum kms_err kmsd_unseal(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_str_map *context, struct kms_bytes *plaintext);

/* InvalidKeyUsageException: "Algorithm A is incompatible with key spec S." */
KMS_MUST_USE enum kms_err kmsd_fault_algorithm(
    struct kmsd_call *call, const struct kmsd_key *key, const char *algorithm);

/* That, unless the algorithm (absent: SYMMETRIC_DEFAULT) suits the key's spec. */
KMS_MUST_USE enum kms_err kmsd_check_algorithm(
    struct kmsd_call *call, const struct kmsd_key *key, enum kms_encryption_algorithm algorithm);

/* InvalidKeyUsageException unless call->key is symmetric: only those make data keys. */
KMS_MUST_USE enum kms_err kmsd_check_symmetric(struct kmsd_call *call);

/* The id of material as answers show it, 64 hexadecimal digits. data is NULL: no memory. */
KMS_MUST_USE struct kms_str kmsd_material_text(
    struct kmsd_call *call, const struct kmsd_key_material *material);

/* The id of the material that encrypts now. */
KMS_MUST_USE enum kms_err kmsd_current_material_text(
    struct kmsd_call *call, const struct kmsd_key *key, struct kms_str *out);

/* UnsupportedOperationException when an attested recipient is named. */
KMS_MUST_USE enum kms_err kmsd_refuse_recipient(
    struct kmsd_call *call, const struct kms_recipient_info *recipient);

/* --- shared between families ------------------------------------------------------------------ */

/* keys.c: what CreateKey and DescribeKey tell of a key. Views into the key. */
KMS_MUST_USE enum kms_err kmsd_describe_key(
    struct kmsd_call *call, const struct kmsd_key *key, const struct kms_key_metadata **out);

/* regions.c: of a multi-Region key, which it is and where its relatives are. */
KMS_MUST_USE enum kms_err kmsd_describe_regions(struct kmsd_call *call, const struct kmsd_key *key,
    const struct kms_multi_region_configuration **out);

/* regions.c: UnsupportedOperationException for a replica, where its primary is to be asked. */
KMS_MUST_USE enum kms_err kmsd_refuse_replica(struct kmsd_call *call);

/* policies.c: a policy as answers show it. In the arena. */
KMS_MUST_USE enum kms_err kmsd_format_policy(
    struct kmsd_call *call, struct kms_str policy, struct kms_str *out);

/* tags.c: TagException for duplicate, reserved or too many keys. */
KMS_MUST_USE enum kms_err kmsd_check_tags(struct kmsd_call *call, struct kms_tag_list tags);

/* policies.c: MalformedPolicyDocumentException. */
KMS_MUST_USE enum kms_err kmsd_check_policy(struct kmsd_call *call, struct kms_str policy);

/* policies.c: the same, and unless bypassed the lockout safety check. target NULL: of a key that is
 * yet to be made. */
KMS_MUST_USE enum kms_err kmsd_check_new_policy(struct kmsd_call *call,
    const struct kmsd_target *target, struct kms_str policy, bool bypass_lockout_check);

/* --- handlers, by family ---------------------------------------------------------------------- */

/* keys.c */
kmsd_op_step kmsd_create_key_check;
kmsd_op_step kmsd_create_key;
kmsd_op_pace kmsd_create_key_pace;
kmsd_op_step kmsd_describe_key_run;
kmsd_op_step kmsd_list_keys;
kmsd_op_step kmsd_enable_key;
kmsd_op_step kmsd_disable_key;
kmsd_op_step kmsd_update_key_description;
kmsd_op_step kmsd_schedule_key_deletion_check;
kmsd_op_step kmsd_schedule_key_deletion;
kmsd_op_step kmsd_cancel_key_deletion;

/* aliases.c */
kmsd_op_step kmsd_create_alias_check;
kmsd_op_step kmsd_create_alias_resource;
kmsd_op_step kmsd_create_alias;
kmsd_op_step kmsd_update_alias_check;
kmsd_op_step kmsd_update_alias_resource;
kmsd_op_step kmsd_update_alias;
kmsd_op_step kmsd_delete_alias_check;
kmsd_op_step kmsd_delete_alias_resource;
kmsd_op_step kmsd_delete_alias;
kmsd_op_step kmsd_list_aliases_resource;
kmsd_op_step kmsd_list_aliases;

/* crypto.c */
kmsd_op_step kmsd_encrypt;
kmsd_op_step kmsd_decrypt_check;
kmsd_op_step kmsd_decrypt_resource;
kmsd_op_step kmsd_decrypt;
kmsd_op_pace kmsd_decrypt_pace;
kmsd_op_step kmsd_re_encrypt_check;
kmsd_op_step kmsd_re_encrypt_resource;
kmsd_op_step kmsd_re_encrypt;
kmsd_op_pace kmsd_re_encrypt_pace;

/* data_keys.c */
kmsd_op_step kmsd_generate_data_key_check;
kmsd_op_step kmsd_generate_data_key;
kmsd_op_step kmsd_generate_data_key_without_plaintext_check;
kmsd_op_step kmsd_generate_data_key_without_plaintext;
kmsd_op_step kmsd_generate_random_check;
kmsd_op_step kmsd_generate_random;

/* data_key_pairs.c */
kmsd_op_step kmsd_generate_data_key_pair_check;
kmsd_op_step kmsd_generate_data_key_pair;
kmsd_op_step kmsd_generate_data_key_pair_without_plaintext;
kmsd_op_pace kmsd_generate_data_key_pair_pace;
kmsd_op_pace kmsd_generate_data_key_pair_without_plaintext_pace;

/* sign.c */
kmsd_op_step kmsd_sign;
kmsd_op_pace kmsd_sign_pace;
kmsd_op_step kmsd_verify;
kmsd_op_pace kmsd_verify_pace;

/* last_use.c */
kmsd_op_step kmsd_get_key_last_usage;

/* mac.c */
kmsd_op_step kmsd_generate_mac;
kmsd_op_step kmsd_verify_mac;

/* public_key.c */
kmsd_op_step kmsd_get_public_key;

/* agreement.c */
kmsd_op_step kmsd_derive_shared_secret_check;
kmsd_op_step kmsd_derive_shared_secret;
kmsd_op_pace kmsd_derive_shared_secret_pace;
kmsd_op_step kmsd_encapsulate;
kmsd_op_step kmsd_decapsulate;

/* grants.c */
kmsd_op_step kmsd_create_grant_check;
kmsd_op_step kmsd_create_grant;
kmsd_op_step kmsd_list_grants;
kmsd_op_step kmsd_list_retirable_grants_check;
kmsd_op_step kmsd_list_retirable_grants_resource;
kmsd_op_step kmsd_list_retirable_grants;
kmsd_op_step kmsd_retire_grant_resource;
kmsd_op_step kmsd_retire_grant;
kmsd_op_step kmsd_revoke_grant;

/* import.c */
kmsd_op_step kmsd_get_parameters_for_import;
kmsd_op_pace kmsd_get_parameters_for_import_pace;
kmsd_op_step kmsd_import_key_material;
kmsd_op_pace kmsd_import_key_material_pace;
kmsd_op_step kmsd_delete_imported_key_material;

/* policies.c */
kmsd_op_step kmsd_get_key_policy;
kmsd_op_step kmsd_put_key_policy;
kmsd_op_step kmsd_list_key_policies;

/* regions.c */
kmsd_op_step kmsd_replicate_key_check;
kmsd_op_step kmsd_replicate_key_resource;
kmsd_op_step kmsd_replicate_key;
kmsd_op_step kmsd_update_primary_region_resource;
kmsd_op_step kmsd_update_primary_region;

/* rotation.c */
kmsd_op_step kmsd_enable_key_rotation;
kmsd_op_step kmsd_disable_key_rotation;
kmsd_op_step kmsd_get_key_rotation_status;
kmsd_op_step kmsd_rotate_key_on_demand;
kmsd_op_step kmsd_list_key_rotations;

/* tags.c */
kmsd_op_step kmsd_tag_resource;
kmsd_op_step kmsd_untag_resource;
kmsd_op_step kmsd_list_resource_tags;

#endif
