/* What the process gives up before it has anything to lose. */
#ifndef KMSD_SERVER_HARDEN_H
#define KMSD_SERVER_HARDEN_H

#include "kmsd/detail.h"

#include <kms/error.h>
#include <stddef.h>

enum { KMSD_HARDEN_MAX_WARNINGS = 8 };

/* What could not be had; for the log of a daemon, and no reason to stop. */
struct kmsd_harden_report {
    const char *warnings[KMSD_HARDEN_MAX_WARNINGS];
    struct kmsd_detail heap; /* what is wrong with the heap for secrets; one of the warnings */
    size_t count;
};

/*
 * No core files, no debugger, no new privileges, files for the owner alone, SIGPIPE ignored,
 * secrets in OpenSSL's locked heap, memory that JSON was parsed in is wiped before it is given
 * back, and all of the process's memory locked where the limits allow it. To be called once, first
 * of all. KMS_ERR_CRYPTO: libcrypto is unusable; report->heap says why.
 */
KMS_MUST_USE enum kms_err kmsd_harden_process(struct kmsd_harden_report *report);

#endif
