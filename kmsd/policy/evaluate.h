/*
 * One document against one request.
 *
 * Source: "IAM JSON policy elements: Condition", "Condition operators", "Multivalued context keys"
 * and "Variables and tags", IAM User Guide. Where these leave a case open, the answer taken is the
 * one that allows less:
 * - A variable without a value makes an Allow statement void. In a Deny statement it is a value
 * that nothing equals: StringNotEquals holds, StringEquals does not.
 * - The same for a value that the operator cannot compare: a text that is no number under a Numeric
 *   operator. (A missing key is another thing: negated operators hold for it, in both effects.)
 * - A key with several values under an operator without ForAllValues or ForAnyValue never meets the
 *   condition of an Allow statement, and that of a Deny statement as if ForAnyValue were there.
 */
#ifndef KMSD_POLICY_EVALUATE_H
#define KMSD_POLICY_EVALUATE_H

#include "kmsd/policy/context.h"
#include "kmsd/policy/parse.h"

/* Longest action, "kms:GenerateDataKeyPairWithoutPlaintext" and the like; a longer one matches
 * nothing. */
#define KMSD_POLICY_ACTION_MAX 128

/* What is asked. Views. */
struct kmsd_policy_question {
    struct kms_str action;   /* "kms:Encrypt", in any case */
    struct kms_str resource; /* an ARN, or "*" for operations on no resource */
    const struct kmsd_policy_context *context;
};

#define KMSD_POLICY_NO_STATEMENT (-1)

/* Indexes of the first statements that apply, KMSD_POLICY_NO_STATEMENT where there is none. */
struct kmsd_policy_verdict {
    int32_t deny;
    int32_t allow[KMSD_MATCH_COUNT_]; /* by how it names the caller; KMSD_MATCH_NONE is unused */
};

/* Why a statement does not apply. */
enum kmsd_policy_miss {
    KMSD_MISS_NOTHING, /* it applies */
    KMSD_MISS_INERT,   /* has no Action or no Resource; key policies may */
    KMSD_MISS_PRINCIPAL,
    KMSD_MISS_ACTION,
    KMSD_MISS_RESOURCE,
    KMSD_MISS_CONDITION,
};

/* What was found about one statement. */
struct kmsd_policy_finding {
    const struct kmsd_policy_document *document;
    size_t statement;
    bool is_deny;
    enum kmsd_policy_miss miss;
    enum kmsd_policy_match match; /* when it applies */
    struct kms_str operator_name; /* of the condition that was not met, as in the document */
    struct kms_str key;
};

/* Told about each statement in turn, for whoever wants to explain a decision. */
struct kmsd_policy_trace {
    void (*found)(void *arg, const struct kmsd_policy_finding *finding);
    void *arg;
};

/* Allocates nothing. trace may be NULL; with one, every statement is looked at, without, looking
 * stops at the first Deny that applies. */
void kmsd_policy_evaluate(const struct kmsd_policy_document *document,
    const struct kmsd_policy_question *question, const struct kmsd_policy_trace *trace,
    struct kmsd_policy_verdict *verdict);

#endif
