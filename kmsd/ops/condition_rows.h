/*
 * The rows of conditions.c: how the value of a condition key is found. conditions_key.c has those
 * about keys, conditions_grant.c those about grants and encryption contexts.
 */
#ifndef KMSD_OPS_CONDITION_ROWS_H
#define KMSD_OPS_CONDITION_ROWS_H

#include "kmsd/ops/conditions.h"
#include "kmsd/ops/ops.h"

struct kmsd_condition_row;

/* How the value is found; false: this call has none. */
typedef bool kmsd_condition_fn(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out);

struct kmsd_condition_row {
    kmsd_condition_fn *find;
    const char *member;    /* of the request */
    const char *otherwise; /* what an absent member stands for; NULL: nothing */
};

/* --- values ----------------------------------------------------------------------------------- */

static inline bool kmsd_condition_text(struct kms_str value, struct kmsd_policy_value *out)
{
    if (value.data == NULL || value.len == 0)
        return false;
    *out = kmsd_policy_text(value);
    return true;
}

static inline bool kmsd_condition_number(int64_t value, struct kmsd_policy_value *out)
{
    *out = kmsd_policy_number(value);
    return true;
}

static inline bool kmsd_condition_bool(bool value, struct kmsd_policy_value *out)
{
    *out = kmsd_policy_bool(value);
    return true;
}

/* --- conditions.c: members of the request ----------------------------------------------------- */

/* Copies a member out of the request; false when the request has none of that name. */
bool kmsd_condition_member(const struct kmsd_call *call, const char *name, void *out, size_t size);

kmsd_condition_fn kmsd_condition_by_member;

/* --- conditions_key.c ------------------------------------------------------------------------- */

kmsd_condition_fn kmsd_condition_key_spec;
kmsd_condition_fn kmsd_condition_key_usage;
kmsd_condition_fn kmsd_condition_key_origin;
kmsd_condition_fn kmsd_condition_multi_region;
kmsd_condition_fn kmsd_condition_multi_region_key_type;
kmsd_condition_fn kmsd_condition_trailing_days;
kmsd_condition_fn kmsd_condition_resource_aliases;
kmsd_condition_fn kmsd_condition_request_alias;

/* A value of a list of tags under a name. Letter case is put aside, as condition keys have it, but
 * the tag that is written as the document writes it comes first. */
bool kmsd_condition_tag(struct kms_tag_list tags, const struct kmsd_policy_key_name *name,
    struct kmsd_policy_value *out);

/* --- conditions_grant.c ----------------------------------------------------------------------- */

/* The encryption context that conditions see: that of the request; of CreateGrant and RetireGrant
 * what the grant demands of it. */
struct kms_str_map kmsd_condition_asked_context(const struct kmsd_inquiry *inquiry);

kmsd_condition_fn kmsd_condition_context_keys;
kmsd_condition_fn kmsd_condition_encryption_algorithm;
kmsd_condition_fn kmsd_condition_re_encrypt_on_same_key;
kmsd_condition_fn kmsd_condition_grant_operations;
kmsd_condition_fn kmsd_condition_grant_constraint_type;
kmsd_condition_fn kmsd_condition_grant_constraint_source;
kmsd_condition_fn kmsd_condition_of_new_grant;
kmsd_condition_fn kmsd_condition_grant_is_for_resource;

#endif
