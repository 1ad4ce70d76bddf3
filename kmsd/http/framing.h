/*
 * Where the body of a request ends, as its head says. A head that says so in two ways is read one
 * way here and may be read another way by a proxy in front, which then takes the answer to one
 * caller's request for the answer to another's. Such requests are refused and their connection is
 * closed, whichever of the readings libmicrohttpd would choose.
 *
 * Source: RFC 9112 sections 5.1, 6.1, 6.3 and 11.2.
 */
#ifndef KMSD_HTTP_FRAMING_H
#define KMSD_HTTP_FRAMING_H

#include "libkms/proto/sigv4.h"

/* False for more than one Content-Length or Transfer-Encoding, for one of each, for a transfer
 * coding other than chunked, and for a name with a character that no name has, such as a space
 * before the colon. */
KMS_MUST_USE bool kmsd_framing_is_sound(const struct kms_header *headers, size_t count);

#endif
