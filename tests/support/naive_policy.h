/*
 * A second evaluator of policies, for comparison alone: it reads the JSON of a decision case
 * (tests/vectors/policy/README.md) as it stands, statement by statement, and follows the texts of the
 * guides and of kmsd/policy's headers word by word. It shares no code with kmsd/policy, is slow, and
 * takes what that parser has accepted for granted.
 */
#ifndef NAIVE_POLICY_H
#define NAIVE_POLICY_H

#include <jansson.h>
#include <stdbool.h>

/* One decision. Lists may be NULL. Documents are whole: an object with "Statement". */
struct naive_request {
    const json_t *subject;        /* "arn", and perhaps "issuer", "user_id", "provider", "tags" */
    const json_t *key_policy;     /* NULL: none */
    const json_t *identity;       /* list of documents */
    const json_t *boundary;       /* NULL: none */
    const json_t *session;        /* list of documents */
    const json_t *grants;         /* list, as the tables have them */
    const json_t *with;           /* condition keys and their values */
    const json_t *context;        /* encryption context, for grants */
    const char *source_arn;       /* for grants; NULL: none */
    const char *action;           /* "kms:Decrypt" */
    const char *resource;         /* an ARN */
    const char *resource_account; /* 12 digits */
    bool has_cross_account_use;
    bool is_left_to_account; /* nothing that the key policy allows counts */
};

struct naive_result {
    const char *reason; /* as the tables have it */
    const char *by; /* the Sid of the statement or the id of the grant that decided; NULL: none */
};

struct naive_result naive_decide(const struct naive_request *request);

#endif
