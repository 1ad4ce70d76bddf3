/*
 * Files that hold a private key: the root key, the key of the TLS certificate. They are refused
 * when anybody but root and the user that kmsd runs as may do anything with them.
 */
#ifndef KMSD_CRYPTO_PRIVATE_FILE_H
#define KMSD_CRYPTO_PRIVATE_FILE_H

#include "kmsd/detail.h"

#include <kms/error.h>

/*
 * Looks at the open file: a regular one, of this user or root, with no permission for group and
 * others. Where it has an access control list, such as systemd gives its credentials, that is
 * looked at in place of the mode, whose bits for the group are then the list's mask. what and path
 * name it in the explanation ("root key file"). KMS_ERR_POLICY, KMS_ERR_IO.
 */
KMS_MUST_USE enum kms_err kmsd_private_file_check(
    int fd, const char *what, const char *path, struct kmsd_detail *detail);

#endif
