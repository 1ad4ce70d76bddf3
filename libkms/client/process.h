/*
 * Running another program for its output, as a profile's credential_process asks.
 *
 * Source: AWS CLI User Guide, "Sourcing credentials with an external process".
 */
#ifndef KMS_CLIENT_PROCESS_H
#define KMS_CLIENT_PROCESS_H

#include "libkms/base/buf.h"

#include <kms/client.h>

#define KMS_PROCESS_OUTPUT_MAX ((size_t)64 * 1024)
#define KMS_PROCESS_TIMEOUT_MS (120 * 1000) /* it may ask a person for a code */

/*
 * Runs a command, split into words as kms_words_split does and found through PATH; no shell. The
 * child has an empty standard input, default signals, and no other open files of this process. It is
 * in this process's group: it may ask at the terminal, and an interrupt there reaches it. Its
 * standard output is appended to out. A child that takes longer than timeout_ms is killed; what it
 * has started itself is not, but is waited for no longer.
 *
 * KMS_ERR_NO_CREDENTIALS with detail (which quotes the beginning of its standard error): it could
 * not be run, failed, wrote more than out may hold, or took too long. KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_process_run(
    struct kms_str command, int timeout_ms, struct kms_buf *out, struct kms_detail *detail);

#endif
