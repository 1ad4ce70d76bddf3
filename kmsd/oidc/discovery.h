/* The room's own: what an issuer says about itself (OpenID Connect Discovery 1.0). */
#ifndef KMSD_OIDC_DISCOVERY_H
#define KMSD_OIDC_DISCOVERY_H

#include "kmsd/detail.h"
#include "libkms/base/arena.h"

/* Where an issuer's document is: the issuer, then "/.well-known/openid-configuration". In the
 * arena; data is NULL when memory is out. */
KMS_MUST_USE struct kms_str kmsd_discovery_url(struct kms_str issuer, struct kms_arena *arena);

/* The jwks_uri of an issuer's document, in the arena. The document has to be the issuer's own, to
 * the letter (section 4.3), and the URI an https one. KMS_ERR_PROTOCOL with detail,
 * KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_discovery_read(struct kms_str document, struct kms_str issuer,
    struct kms_arena *arena, struct kms_str *jwks_uri, struct kmsd_detail *detail);

/* Whether a text is a JSON object with a list "keys": what the keys are good for, whoever verifies
 * with them finds out. */
KMS_MUST_USE bool kmsd_discovery_is_key_set(struct kms_str text);

#endif
