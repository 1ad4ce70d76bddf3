/*
 * The room's own: a document by HTTPS, from a server that nobody vouches for but its certificate.
 * TLS 1.2 at least, the name in the certificate checked; no redirects, proxies, cookies,
 * credentials or compression; a limit to its size and to the time it may take.
 */
#ifndef KMSD_OIDC_FETCH_H
#define KMSD_OIDC_FETCH_H

#include "kmsd/detail.h"
#include "kmsd/oidc/oidc.h"
#include "libkms/base/buf.h"

/* Appends the document to out, whose maximum is the size's. until_ms: monotonic.
 * KMS_ERR_TRANSPORT: detail says why. KMS_ERR_LIMIT: it is too long. KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_fetch(const struct kmsd_oidc_options *options, struct kms_str url,
    int64_t until_ms, struct kms_buf *out, struct kmsd_detail *detail);

#endif
