/*
 * One set of credentials: never changes, shared by the calls that sign with it, wiped after the
 * last.
 */
#ifndef KMS_CLIENT_IDENTITY_H
#define KMS_CLIENT_IDENTITY_H

#include "libkms/base/secret.h"

#include <kms/client.h>

#define KMS_CREDENTIAL_ID_MAX    256
#define KMS_CREDENTIAL_TOKEN_MAX 16384

struct kms_identity;

/* A copy; the caller releases it. KMS_ERR_NO_CREDENTIALS with detail: a part is missing, too long,
 * or could not stand in a header line. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_identity_new(
    const struct kms_credentials *given, struct kms_identity **out, struct kms_detail *detail);

struct kms_str kms_identity_access_key_id(const struct kms_identity *identity);
struct kms_bytes kms_identity_secret_access_key(const struct kms_identity *identity);
/* Absent for long-term credentials. */
struct kms_str kms_identity_session_token(const struct kms_identity *identity);

int64_t kms_identity_expires_ms(const struct kms_identity *identity); /* 0: never */

/* One more share of it, for the caller to release. */
struct kms_identity *kms_identity_share(struct kms_identity *identity);

/* Gives a share back; the last one wipes. NULL is allowed. */
void kms_identity_release(struct kms_identity *identity);
void kms_identity_release_at(struct kms_identity **identity);
#define KMS_IDENTITY_AUTO __attribute__((cleanup(kms_identity_release_at))) struct kms_identity *

#endif
