/*
 * Policy documents as text. Source: "Policies and permissions", IAM User Guide; the form in which
 * GetKeyPolicy answers is that of the live service.
 */
#ifndef KMSD_POLICY_DOCUMENT_H
#define KMSD_POLICY_DOCUMENT_H

#include "libkms/base/arena.h"
#include "libkms/base/buf.h"

/* Deepest nesting of objects and lists in a policy. */
#define KMSD_POLICY_MAX_DEPTH 16

/* The policy of a key that was made without one. data is NULL when memory is out. */
KMS_MUST_USE struct kms_str kmsd_policy_default(
    const char *partition, struct kms_str account, struct kms_arena *arena);

/* Appends the document as the live service prints it: two blanks per level of objects, a blank
 * before each colon, lists on one line. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kmsd_policy_format(struct kms_str text, struct kms_buf *out);

#endif
