/* A progress line on stderr: share done, rate, time left. Shown to people at terminals only. */
#ifndef KMSCTL_PROGRESS_H
#define KMSCTL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kmsctl_progress {
    bool enabled;
    const char *label;  /* what is being done to what; borrowed */
    uint64_t total;     /* bytes; 0: not known */
    uint64_t done;      /* bytes */
    int64_t started_ms; /* monotonic */
    int64_t shown_ms;   /* when it was last drawn; 0: never */
};

void kmsctl_progress_begin(
    struct kmsctl_progress *progress, bool enabled, const char *label, uint64_t total);

/* Draws at most ten times a second, and nothing in the first half second: what is that quick needs
 * no progress. Always true; the signature is that of kms_envelope_progress_fn. */
bool kmsctl_progress_step(void *progress, uint64_t done);

/* Removes the line so that something else can be said; the next step draws it again. */
void kmsctl_progress_clear(struct kmsctl_progress *progress);

/* Leaves the last state on a line of its own (success) or removes the line. */
void kmsctl_progress_end(struct kmsctl_progress *progress, bool success);

/* The line, at most columns wide (down to 20), without control characters of its own. */
void kmsctl_progress_line(const struct kmsctl_progress *progress, int64_t elapsed_ms,
    size_t columns, char *out, size_t size);

#endif
