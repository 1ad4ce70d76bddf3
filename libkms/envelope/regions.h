/*
 * The clients of a keyring whose keys may be in several regions: the one that it was given for what
 * names no region, and for every other region one made from it. What names the regions may be a message
 * that nobody vouches for, so the client of a region is kept only after the service answered there.
 */
#ifndef KMS_ENVELOPE_REGIONS_H
#define KMS_ENVELOPE_REGIONS_H

#include <kms/client.h>
#include <pthread.h>

/* That are kept; no service has as many. Past them it goes on with clients for one call each. */
#define KMS_REGIONS_KEPT_AT_MOST 64

struct kms_regions {
    struct kms_client *home;
    pthread_mutex_t lock;                              /* of what follows */
    struct kms_client *kept[KMS_REGIONS_KEPT_AT_MOST]; /* until the end */
    size_t kept_count;
};

/* home is borrowed. */
void kms_regions_init(struct kms_regions *regions, struct kms_client *home);
void kms_regions_clean_up(struct kms_regions *regions);

/*
 * The client to ask for a key, which is named by id, ARN or alias; the caller returns it. Thread-safe.
 * KMS_ERR_NO_KEY: there can be no such region; KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_regions_borrow(
    struct kms_regions *regions, struct kms_str key, struct kms_client **out);

/* answered: the service did there what it was asked to; the client is worth keeping. Thread-safe. */
void kms_regions_return(struct kms_regions *regions, struct kms_client *client, bool answered);

#endif
