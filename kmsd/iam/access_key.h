/* New access keys. */
#ifndef KMSD_IAM_ACCESS_KEY_H
#define KMSD_IAM_ACCESS_KEY_H

#include "libkms/base/secret.h"

#define KMSD_ACCESS_KEY_LONG_LIVED "AKIA" /* prefix of the id: of a user or an account's root */
#define KMSD_ACCESS_KEY_SESSION    "ASIA" /* of temporary credentials */

enum { KMSD_ACCESS_KEY_ID_LEN = 20, KMSD_ACCESS_KEY_SECRET_LEN = 40 };

/* An access key, as it is shown once. */
struct kmsd_access_key {
    char id[KMSD_ACCESS_KEY_ID_LEN + 1]; /* 4 letters of prefix, 16 characters of base32 */
    struct kms_secret *secret;           /* 40 characters, no NUL */
};

/* Draws one. The caller frees the secret. KMS_ERR_CRYPTO, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_access_key_make(const char *prefix, struct kmsd_access_key *out);

/* Draws an id of that many characters: a prefix of 4 and random letters and digits. out has room for
 * a NUL. */
KMS_MUST_USE enum kms_err kmsd_access_key_draw_id(const char *prefix, char *out, size_t len);

#endif
