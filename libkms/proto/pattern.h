/*
 * The regular expressions of the API model as functions: each tells whether the whole text matches.
 * The expression itself stands in the table row next to the function (model_types.c); a unit test
 * holds the two against each other.
 */
#ifndef KMS_PROTO_PATTERN_H
#define KMS_PROTO_PATTERN_H

#include <kms/bytes.h>

bool kms_pattern_account_id(struct kms_str text);
bool kms_pattern_ascii(struct kms_str text);
bool kms_pattern_base32(struct kms_str text);
bool kms_pattern_base64_text(struct kms_str text);
bool kms_pattern_cluster_id(struct kms_str text);
bool kms_pattern_hex(struct kms_str text);
bool kms_pattern_https_endpoint(struct kms_str text);
bool kms_pattern_marker(struct kms_str text);
bool kms_pattern_material_description(struct kms_str text);
bool kms_pattern_name(struct kms_str text);
bool kms_pattern_policy(struct kms_str text);
bool kms_pattern_principal(struct kms_str text);
bool kms_pattern_region(struct kms_str text);
bool kms_pattern_vpce_service(struct kms_str text);
bool kms_pattern_word(struct kms_str text);
bool kms_pattern_xks_key_id(struct kms_str text);
bool kms_pattern_xks_uri_path(struct kms_str text);

#endif
