/*
 * CloudTrail's LookupEvents over this daemon's own trail, so that `aws cloudtrail lookup-events` and the
 * SDKs work: AWS JSON 1.1, signed for the service "cloudtrail".
 *
 * Source: AWS CloudTrail API reference, LookupEvents (2013-11-01).
 */
#ifndef KMSD_LOOKUP_EVENTS_H
#define KMSD_LOOKUP_EVENTS_H

#include "kmsd/pipeline.h"

#define KMSD_LOOKUP_EVENTS_SERVICE "cloudtrail"

struct kmsd_way;

/* Whether a request is for that operation, by its X-Amz-Target. */
bool kmsd_lookup_events_is(const struct kms_http_view *http);

/* Answers it: the exchange is authenticated, and its response has a head with status 200. Errors of
 * the caller's are answered too; any other error is internal. */
KMS_MUST_USE enum kms_err kmsd_lookup_events(const struct kmsd_pipeline *pipeline,
    struct kmsd_exchange *exchange, const struct kmsd_way *way);

#endif
