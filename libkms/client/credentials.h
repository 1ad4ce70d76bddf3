/*
 * Whom the client signs as: the chain that finds credentials, and their renewal before they expire.
 *
 * Order, as in the AWS CLI: given outright; the caller's provider; environment variables (unless
 * the caller chose a profile); the profile's keys in the credentials file; its credential_process;
 * its keys in the config file. A profile that says role_arn, single sign-on or web identity, and an
 * environment that says web identity or container credentials, asks for what this version does not
 * do: KMS_ERR_UNSUPPORTED at the place in that order where the CLI would do it.
 */
#ifndef KMS_CLIENT_CREDENTIALS_H
#define KMS_CLIENT_CREDENTIALS_H

#include "libkms/client/identity.h"
#include "libkms/client/settings.h"

/* Renewal is tried from this long before the end. */
#define KMS_CREDENTIAL_RENEW_MS (5 * 60 * 1000)
/* Credentials that are still good are not renewed more often than this, whether that failed or gave
 * short-lived ones. */
#define KMS_CREDENTIAL_PAUSE_MS (30 * 1000)

struct kms_credentials_chain;

/*
 * Sets up the chain and finds the first credentials, unless a provider will be asked for them.
 * Needs settings only during the call. KMS_ERR_NO_CREDENTIALS, KMS_ERR_UNSUPPORTED with detail,
 * KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_credentials_chain_new(const struct kms_client_options *options,
    const struct kms_settings *settings, int64_t now_ms, struct kms_credentials_chain **out,
    struct kms_detail *detail);
void kms_credentials_chain_free(struct kms_credentials_chain *chain);

/*
 * Credentials that are good at now_ms; the caller releases them. Renews them when they are about to
 * expire; a renewal that fails while they still are good is no error (*stale tells; NULL allowed).
 * Thread-safe; one thread renews, those that can go on with what there is do. Errors as above and
 * the provider's own.
 */
KMS_MUST_USE enum kms_err kms_credentials_get(struct kms_credentials_chain *chain, int64_t now_ms,
    struct kms_identity **out, bool *stale, struct kms_detail *detail);

/* What a credential_process wrote: JSON, Version 1. *expires_ms is 0 if it is silent about that.
 * Views live in the arena. KMS_ERR_NO_CREDENTIALS with detail, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kms_credentials_parse_process(struct kms_bytes output,
    struct kms_arena *arena, struct kms_credentials *out, struct kms_detail *detail);

#endif
