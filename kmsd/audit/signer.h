/*
 * The key that signs digests: Ed25519, made with the trail, its private half wrapped by the root key
 * and never outside custody. The folder has "signing-key" (wrapped) and "public-key.pem".
 */
#ifndef KMSD_AUDIT_SIGNER_H
#define KMSD_AUDIT_SIGNER_H

#include "kmsd/audit/folder.h"

struct kmsd_custody;
struct kmsd_signer;

/* Reads the folder's key, or makes one if the folder has no trail yet. KMS_ERR_AUTHENTICATION: it
 * was made under another root key, or altered. KMS_ERR_NOT_FOUND: there is a trail, but no key. */
KMS_MUST_USE enum kms_err kmsd_signer_open(struct kmsd_folder *folder, struct kmsd_custody *custody,
    bool may_make, struct kmsd_signer **out, struct kmsd_detail *detail);
void kmsd_signer_free(struct kmsd_signer *signer); /* NULL is allowed */

const char *kmsd_signer_key_id(const struct kmsd_signer *signer);

/* Appends the digest's line, signed, and gives its hash. */
KMS_MUST_USE enum kms_err kmsd_signer_sign(struct kmsd_signer *signer,
    const struct kms_trail_digest *digest, struct kms_buf *line, struct kms_trail_hash *hash);

#endif
