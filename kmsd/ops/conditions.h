/*
 * What a call can tell about itself to the conditions of policies: one row for each condition key,
 * found when a statement asks for it.
 *
 * Source: "Condition keys for AWS Key Management Service", Service Authorization Reference;
 * "AWS global condition context keys", IAM User Guide.
 */
#ifndef KMSD_OPS_CONDITIONS_H
#define KMSD_OPS_CONDITIONS_H

#include "kmsd/ops/table.h"

/* One target of a call, for the length of one decision. Zero what is not given. */
struct kmsd_inquiry {
    const struct kmsd_call *call;
    const struct kmsd_target *target;
    /* Lists that had to be made in the call's arena, once; data NULL: not yet. */
    struct kms_alias_list_entry_list aliases;
    const struct kms_str *operations;
    bool is_out_of_memory; /* some value could not be made: the decision does not count */
};

/* A kmsd_policy_lookup_fn; arg is a struct kmsd_inquiry, of which only the lists change. */
bool kmsd_condition_find(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out);

/* The encryption context of the request that concerns that target; empty when it has none. */
struct kms_str_map kmsd_condition_context(
    const struct kmsd_call *call, const struct kmsd_target *target);

/* The resource on whose behalf a service asks, as the service says; absent for every other caller. */
struct kms_str kmsd_condition_source_arn(const struct kmsd_call *call);

#endif
