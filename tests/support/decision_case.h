/*
 * One row of the tables of decisions (tests/vectors/policy/README.md), read for the engine and for
 * the naive evaluator alike. Nothing in it is trusted: what cannot be read is no case.
 */
#ifndef DECISION_CASE_H
#define DECISION_CASE_H

#include "kmsd/policy/authorize.h"
#include "tests/support/naive_policy.h"

#define DECISION_LIST_MAX 8

struct decision_case {
    struct naive_request naive;
    struct kmsd_policy_query query;

    /* what they point to */
    struct kms_arena arena;
    json_t *kept; /* list of what was made */
    struct kmsd_policy_document *documents[2 * DECISION_LIST_MAX + 2];
    size_t document_count;
    const struct kmsd_policy_document *identity[DECISION_LIST_MAX];
    const struct kmsd_policy_document *session[DECISION_LIST_MAX];
    struct kmsd_policy_subject subject;
    struct kmsd_policy_context context;
    struct kmsd_grant grants[DECISION_LIST_MAX];
    size_t grant_count;
    struct kmsd_grant_use use;
};

/* Reads a row; table has the "policies" and "subjects" that it names and may be NULL. The case
 * points into both and must stay where it is; clean it up in any case. False: it is none. */
bool decision_case_read(struct decision_case *out, const json_t *table, const json_t *row);
void decision_case_clean_up(struct decision_case *decision);

/* The engine's decision, in the words of the tables. by points into the case. */
struct decision_result {
    const char *reason;
    struct kms_str by; /* absent: none */
};
struct decision_result decision_case_decide(const struct decision_case *decision);

/* Whether engine and naive evaluator agree, in reason and statement; what both say is put into
 * words when they do not. */
bool decision_case_agrees(const struct decision_case *decision, char *words, size_t size);

#endif
