/*
 * What happens because time passes: keys are deleted when their date has come, imported material
 * expires, material is rotated.
 *
 * One thread asks the clock every second or so; what is due is read from the keys themselves, so a restart
 * loses nothing and a clock that steps, either way, is followed (but see watch.h). Each job is one
 * change of one key under the writer's lock, checked again there, durable or not made at all. What
 * fails, or may not be done now (may_act), is tried again after half a minute. Once a minute, and at the
 * end, the last uses of keys are saved, all in few transactions.
 */
#ifndef KMSD_JOBS_JOBS_H
#define KMSD_JOBS_JOBS_H

#include "kmsd/keys/keys.h"

struct kmsd_jobs;

enum kmsd_jobs_event {
    KMSD_JOBS_DELETED,
    KMSD_JOBS_EXPIRED,
    KMSD_JOBS_ROTATED,
    KMSD_JOBS_CLOCK_JUMPED, /* of no key: deletions are put off */
    KMSD_JOBS_USES_SAVED,   /* of no key; told of when it failed alone */
};

/* Told of each job done (KMS_OK) or failed. key as it was before, NULL where it is about none; now_ms is
 * the hour that it went by. */
typedef void kmsd_jobs_report(void *context, enum kmsd_jobs_event event, const struct kmsd_key *key,
    int64_t now_ms, enum kms_err err);

/* Whether jobs may be done at the moment: false while they could not be recorded. */
typedef bool kmsd_jobs_may_act(void *context);

struct kmsd_jobs_options {
    struct kmsd_keys *keys;
    struct kmsd_store *store;
    int64_t (*now_ms)(void);
    /* On a clock that nobody sets and that counts while the machine sleeps. NULL: the hour is set on
     * purpose (kmsd dev --virtual-clock), deletions follow it at once. */
    int64_t (*elapsed_ms)(void);
    int64_t tick_ms; /* how often the thread asks the clock; 0: no thread, see _catch_up */
    kmsd_jobs_may_act *may_act; /* asked before each job, without a lock of keys; NULL: always */
    kmsd_jobs_report *report;   /* NULL: nobody listens */
    void *context;
};

/* Does what is due, then starts the thread. Keys and store are borrowed. KMS_ERR_NO_MEMORY,
 * KMS_ERR_IO. */
KMS_MUST_USE enum kms_err kmsd_jobs_start(
    const struct kmsd_jobs_options *options, struct kmsd_jobs **out);

/* Ends the thread after the job at hand. NULL is allowed. */
void kmsd_jobs_stop(struct kmsd_jobs *jobs);

/* Does what is due now, on the calling thread: when it returns, nothing is. The first error;
 * KMS_ERR_IO, too, when a job may not be done now. */
KMS_MUST_USE enum kms_err kmsd_jobs_catch_up(struct kmsd_jobs *jobs);

#endif
