/*
 * Structures of the API as records show them: members in lower camel case, times as CloudTrail
 * writes them, and nothing that is secret. What is secret follows from the model alone, so that a
 * new operation cannot forget it: every blob (plaintexts, ciphertexts, messages, signatures, keys,
 * tokens, documents) and every type that is marked sensitive or is a grant token.
 */
#ifndef KMSD_AUDIT_PARAMETERS_H
#define KMSD_AUDIT_PARAMETERS_H

#include "kmsd/audit/json_out.h"
#include "libkms/proto/model.h"

/* Appends {"keyId":...}: members that are absent or not to be shown are left out. */
void kmsd_audit_write_shape(struct kms_buf *out, const struct kms_shape *shape, const void *value);

/* Whether a structure has that member, by its name in the API, and a value in it. */
bool kmsd_audit_has(const struct kms_shape *shape, const void *value, const char *name);

/* ,"keyId": for KeyId */
void kmsd_audit_write_name(struct kms_buf *out, const char *name);

/* Whether a record may show values of that type. */
bool kmsd_audit_may_show(const struct kms_type *type);

#endif
