/*
 * What a document that parses is likely not to mean: for whoever writes it, not for decisions.
 */
#ifndef KMSD_POLICY_LINT_H
#define KMSD_POLICY_LINT_H

#include "kmsd/policy/parse.h"

#define KMSD_POLICY_HINT_MAX 400

/* Called with a sentence without a full stop; it is gone when the call returns. */
typedef void kmsd_policy_hint_fn(void *arg, size_t statement, const char *text);

/*
 * Tells of each statement, from 0:
 * - that it never applies, having no Action or no Resource;
 * - actions of this service that it does not have;
 * - condition keys of this service that it does not have: they count as missing;
 * - an Allow for everyone, without a condition;
 * - an Allow by ForAllValues, which a missing key meets, without Null for the same key.
 */
void kmsd_policy_lint(
    const struct kmsd_policy_document *document, kmsd_policy_hint_fn *hint, void *arg);

#endif
