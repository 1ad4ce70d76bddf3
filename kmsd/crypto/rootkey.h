/*
 * The root key in a file: three lines of text, described in docs/STORAGE-FORMAT.md.
 *
 *     kmsd-root-key 1
 *     key <base64 of 32 bytes>
 *     check <16 hexadecimal digits>
 */
#ifndef KMSD_CRYPTO_ROOTKEY_H
#define KMSD_CRYPTO_ROOTKEY_H

#include "kmsd/detail.h"
#include "libkms/base/secret.h"

/* Makes a new random root key in a new file of mode 0600, durable on return. KMS_ERR_EXISTS (also
 * for a symbolic link of that name), KMS_ERR_IO, KMS_ERR_CRYPTO. After a failure there is no file.
 * detail (may be NULL) explains. */
KMS_MUST_USE enum kms_err kmsd_rootkey_create(const char *path, struct kmsd_detail *detail);

/*
 * Reads it; the caller frees *out (kmsd_custody_new takes it).
 *
 *   KMS_ERR_NOT_FOUND, KMS_ERR_IO
 *   KMS_ERR_POLICY       not a regular file, others than its owner have any permission, or its
 * owner is neither this process's user nor root KMS_ERR_UNSUPPORTED  a later version of the format
 *   KMS_ERR_CORRUPT      anything else, also a key that does not match its check
 *
 * A symbolic link is followed (that is how Kubernetes presents secrets): owner and permissions are
 * those of the file that was opened, so a link gains nobody anything.
 */
KMS_MUST_USE enum kms_err kmsd_rootkey_load(
    const char *path, struct kms_secret **out, struct kmsd_detail *detail);

#endif
