/*
 * An ordered pipeline over chunks. Every worker takes a chunk through all three stages itself, so
 * that its bytes stay in one core's cache:
 *
 *   fill    one worker at a time, in order
 *   before  the same, if there is such a stage: another worker may fill meanwhile
 *   work    all workers at once
 *   after   one worker at a time, in order, if there is such a stage
 *   drain   one worker at a time, in the order of filling
 *
 * What has to be done in order but takes long, such as a digest over everything, has a stage of its own,
 * so that it goes on while other workers read and write. A worker that waits for its turn holds up nobody: at most as many chunks as workers are
 * under way, which bounds memory and is the only queue there is.
 */
#ifndef KMS_ENVELOPE_PIPELINE_H
#define KMS_ENVELOPE_PIPELINE_H

#include <kms/envelope.h>

#include <stdatomic.h>

/* before and after may be NULL. */
struct kms_pipeline_stages {
    /* Fills chunk. Sets *last when no chunk follows. After an error no chunk follows either. */
    enum kms_err (*fill)(void *job, void *chunk, bool *last, struct kms_envelope_failure *failure);
    enum kms_err (*before)(void *job, void *chunk, struct kms_envelope_failure *failure);
    enum kms_err (*work)(void *job, void *chunk, struct kms_envelope_failure *failure);
    enum kms_err (*after)(void *job, void *chunk, struct kms_envelope_failure *failure);
    enum kms_err (*drain)(void *job, void *chunk, struct kms_envelope_failure *failure);
};

struct kms_pipeline {
    const struct kms_pipeline_stages *stages;
    void *job;
    void **chunks; /* one for each worker */
    unsigned workers;
    int cancel_fd; /* an eventfd: made readable when the work is called off */
    kms_envelope_progress_fn progress;
    void *progress_context;
    const _Atomic uint64_t *in_bytes; /* what progress is told */
};

/*
 * Runs to the end. The first error in the order of the chunks wins, whichever worker meets it
 * first: what precedes it was drained, nothing after it is. KMS_ERR_CANCELLED: progress returned
 * false. KMS_ERR_NO_MEMORY: no thread could be started.
 */
KMS_MUST_USE enum kms_err kms_pipeline_run(
    const struct kms_pipeline *pipeline, struct kms_envelope_failure *failure);

#endif
