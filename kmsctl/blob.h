/* What can be read off the CiphertextBlob of an operation without any key. */
#ifndef KMSCTL_BLOB_H
#define KMSCTL_BLOB_H

#include <jansson.h>
#include <kms/bytes.h>

/* A new reference; NULL when memory is out. Blobs of kmsd (COSE_Encrypt0, RFC 9052; see
 * docs/STORAGE-FORMAT.md) name their key and its material; those of AWS KMS are opaque. What is
 * neither has the type "Unknown". Nothing of it is verified. */
json_t *kmsctl_blob_describe(struct kms_bytes blob);

/* Why it can be no ciphertext of any service: it is text, or too short. NULL: it may be one. */
const char *kmsctl_blob_refusal(struct kms_bytes blob);

#endif
