/* Small files: configuration, certificates, keys. */
#ifndef KMSD_SERVER_FILE_H
#define KMSD_SERVER_FILE_H

#include "kmsd/detail.h"
#include "libkms/base/buf.h"

/* Appends a regular file's contents, up to the buffer's maximum. KMS_ERR_IO, KMS_ERR_LIMIT,
 * KMS_ERR_NO_MEMORY; detail explains and names the file. */
KMS_MUST_USE enum kms_err kmsd_file_read(
    const char *path, struct kms_buf *out, struct kmsd_detail *detail);

/* The same, of a file that must be closed to others because it holds a private key; what names it in
 * the explanation. KMS_ERR_POLICY (kmsd_private_file_check). */
KMS_MUST_USE enum kms_err kmsd_file_read_private(
    const char *what, const char *path, struct kms_buf *out, struct kmsd_detail *detail);

#endif
