/* The parsed form of a document: only for the parser and the evaluation. */
#ifndef KMSD_POLICY_STATEMENT_H
#define KMSD_POLICY_STATEMENT_H

#include "kmsd/policy/condition.h"
#include "kmsd/policy/parse.h"

struct kmsd_policy_statement {
    struct kms_str sid; /* absent: none */
    bool is_deny;
    bool is_inert; /* lacks Action or Resource: never applies */
    bool is_not_principal;
    bool is_not_action;
    bool is_not_resource;
    uint32_t name_count;
    uint32_t action_count;
    uint32_t resource_count;
    uint32_t condition_count;
    struct kmsd_policy_name *names; /* none: the document hangs on the identity */
    struct kmsd_policy_pattern *actions;
    struct kmsd_policy_pattern *resources;
    struct kmsd_policy_condition *conditions;
};

struct kmsd_policy_document {
    enum kmsd_policy_kind kind;
    bool has_variables; /* Version 2012-10-17 */
    struct kms_str id;  /* absent: none */
    size_t size;        /* of the block that this begins */
    size_t statement_count;
    struct kmsd_policy_statement *statements;
};

#endif
