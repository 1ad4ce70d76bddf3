/*
 * What a look-up asks of records, and the values of a record that can be asked for.
 */
#ifndef KMS_TRAIL_QUERY_H
#define KMS_TRAIL_QUERY_H

#include "libkms/trail/scan.h"
#include "libkms/trail/trail.h"

/* What may be asked for: all of it must hold. */
enum kms_trail_term {
    KMS_TRAIL_EVENT_NAME,
    KMS_TRAIL_EVENT_SOURCE,
    KMS_TRAIL_USER_NAME,
    KMS_TRAIL_PRINCIPAL, /* ARN */
    KMS_TRAIL_ACCESS_KEY,
    KMS_TRAIL_RESOURCE, /* ARN, or what stands after its last slash or colon: a key's id */
    KMS_TRAIL_RESOURCE_TYPE,
    KMS_TRAIL_ERROR,   /* the code; "*": any */
    KMS_TRAIL_ACCOUNT, /* of the caller or of a resource */
    KMS_TRAIL_TERM_COUNT
};

struct kms_trail_query {
    struct kms_str terms[KMS_TRAIL_TERM_COUNT]; /* plain text; absent: any */
    struct kms_str event_id;                    /* absent: any */
    struct kms_str read_only;                   /* "true" or "false"; absent: any */
    struct kms_str region;                      /* awsRegion; absent: any */
    int64_t from_ms;                            /* of eventTime, both inclusive */
    int64_t to_ms;
    uint64_t below; /* only records of lower numbers; 0: all */
    size_t max;     /* how many */
};

/* A query made ready: its terms as they stand in records, escaped. */
struct kms_trail_filter {
    const struct kms_trail_query *query; /* borrowed */
    struct kms_str terms[KMS_TRAIL_TERM_COUNT];
    struct kms_buf text;
};

/* KMS_ERR_NO_MEMORY; KMS_ERR_LIMIT: a term is longer than any that is found. Clean it up also after a
 * failure. */
KMS_MUST_USE enum kms_err kms_trail_filter_init(
    struct kms_trail_filter *filter, const struct kms_trail_query *query);
void kms_trail_filter_clean_up(struct kms_trail_filter *filter);

/* Whether a record is one that is asked for; below and max are for whoever turns the pages. */
bool kms_trail_filter_passes(const struct kms_trail_filter *filter,
    const struct kms_trail_fields *fields, const struct kms_trail_seal *seal);

/* eventTime; the time of writing where there is none. */
int64_t kms_trail_event_time(
    const struct kms_trail_fields *fields, const struct kms_trail_seal *seal);

/* A value in short: equal ones have equal hashes, others nearly always different ones. Never 0. The
 * text is as it stands in records. */
uint32_t kms_trail_term_hash(enum kms_trail_term term, struct kms_str text);

/* What the index takes of a record: the hashes of its values that can be asked for, some more than once. */
enum { KMS_TRAIL_GIST_MAX = KMS_TRAIL_TERM_COUNT + 4 * KMS_TRAIL_RESOURCES_MAX };
struct kms_trail_gist {
    int64_t time_ms;
    uint32_t count;
    uint32_t terms[KMS_TRAIL_GIST_MAX];
};
void kms_trail_gist_of(
    const struct kms_trail_fields *fields, int64_t time_ms, struct kms_trail_gist *out);

/* Reads it off a sealed line. KMS_ERR_SYNTAX: it is none. */
KMS_MUST_USE enum kms_err kms_trail_gist_read(
    struct kms_str line, uint64_t *number, struct kms_trail_gist *out);

#endif
