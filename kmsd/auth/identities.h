/*
 * Users, roles, sessions and services from a file: who they are, their access keys, and the policies
 * that bind them. For `kmsd dev`, until identities have an API of their own. docs/OPERATING.md describes the
 * file.
 */
#ifndef KMSD_AUTH_IDENTITIES_H
#define KMSD_AUTH_IDENTITIES_H

#include "kmsd/auth/auth.h"

#define KMSD_IDENTITIES_TEXT_MAX ((size_t)4 << 20)
#define KMSD_IDENTITIES_MAX      1000 /* users and sessions */
#define KMSD_IDENTITY_POLICIES   20   /* of each */
#define KMSD_IDENTITY_TAGS       50
#define KMSD_IDENTITY_KEYS       2

struct kmsd_identities;

/* Reads the JSON text of such a file. KMS_ERR_CONFIG: what is wrong, and where, is in detail.
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_identities_parse(
    struct kms_str text, struct kmsd_identities **out, struct kmsd_detail *detail);

/* NULL is allowed. Secrets are wiped. */
void kmsd_identities_free(struct kmsd_identities *identities);

/* Makes auth know them: takes ownership also when it fails. Once for each auth, before requests.
 * KMS_ERR_CONFIG, KMS_ERR_NO_MEMORY, KMS_ERR_CRYPTO. */
KMS_MUST_USE enum kms_err kmsd_auth_add_identities(
    struct kmsd_auth *auth, struct kmsd_identities *identities, struct kmsd_detail *detail);

/* A principal by name: an account's root by its ARN or number, a user, session or service that the
 * file has; a role's ARN stands for its first session. KMS_ERR_NOT_FOUND. */
KMS_MUST_USE enum kms_err kmsd_auth_principal(
    struct kmsd_auth *auth, struct kms_str name, struct kmsd_principal *out);

#endif
