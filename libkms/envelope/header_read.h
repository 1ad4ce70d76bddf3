/* A header from a descriptor. */
#ifndef KMS_ENVELOPE_HEADER_READ_H
#define KMS_ENVELOPE_HEADER_READ_H

#include "libkms/envelope/header.h"
#include "libkms/envelope/io.h"

/* Reads and parses the header that the input continues with, and not a byte more. limits has no
 * zeros. Errors as of kms_header_parse, KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kms_header_read(struct kms_io *io,
    const struct kms_envelope_limits *limits, struct kms_header **out,
    struct kms_envelope_failure *failure);

#endif
