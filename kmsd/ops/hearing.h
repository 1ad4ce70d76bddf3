/* One decision under way: what it rests on, gathered from a call. */
#ifndef KMSD_OPS_HEARING_H
#define KMSD_OPS_HEARING_H

#include "kmsd/ops/conditions.h"

/* It points into itself: it stays where it is. */
struct kmsd_hearing {
    struct kmsd_policy_subject subject;
    struct kmsd_policy_context context;
    struct kmsd_inquiry inquiry;
    struct kmsd_policy_query query;
};

void kmsd_hearing_prepare(
    struct kmsd_hearing *hearing, const struct kmsd_call *call, const struct kmsd_target *target);

/* The decision about the target. It does not count when inquiry.is_out_of_memory. */
struct kmsd_policy_decision kmsd_hearing_decide(
    struct kmsd_hearing *hearing, const struct kmsd_call *call, const struct kmsd_target *target);

#endif
