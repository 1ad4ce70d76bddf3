/*
 * Copies of the trail for others, beside the files: the system's log, and a web hook. Each has a bounded
 * queue and a thread of its own; what doesn't fit, while the other side is away or slow, is lost to that
 * sink, counted, and said so, and never holds a request up. Records come with their seals, and digests come too, so that the copy can be held
 * against the trail.
 */
#ifndef KMSD_AUDIT_SINK_H
#define KMSD_AUDIT_SINK_H

#include "libkms/base/buf.h"

struct kmsd_sink;

struct kmsd_sink_options {
    const char *webhook;  /* URL, http or https; NULL: the system's log */
    const char *log_path; /* its socket, such as /dev/log */
    uint32_t queue_bytes; /* that may wait */
    void (*say)(void *context, bool is_bad, const char *text);
    void *context;
};

/* KMS_ERR_NO_MEMORY, KMS_ERR_CONFIG: no URL of that kind. */
KMS_MUST_USE enum kms_err kmsd_sink_open(
    const struct kmsd_sink_options *options, struct kmsd_sink **out);

/* Tries for a moment (some 3 s at most) to get rid of what waits, then stops; what is left is lost, counted,
 * and said so. NULL is allowed. */
void kmsd_sink_close(struct kmsd_sink *sink);

/* Lines with their newlines. Never waits. NULL is allowed. */
void kmsd_sink_put(struct kmsd_sink *sink, struct kms_str lines);

struct kmsd_sink_status {
    uint64_t sent; /* lines */
    uint64_t lost;
};
struct kmsd_sink_status kmsd_sink_status(struct kmsd_sink *sink);

#endif
