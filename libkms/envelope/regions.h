/*
 * The clients of a keyring whose keys may be in several regions: the one that it was given for what
 * names no region, and for every other region one made from it when it is first needed.
 */
#ifndef KMS_ENVELOPE_REGIONS_H
#define KMS_ENVELOPE_REGIONS_H

#include <kms/client.h>
#include <pthread.h>

/* A message can name any number of regions; no service has as many. */
#define KMS_REGIONS_AT_MOST 64

struct kms_regions {
    struct kms_client *home;
    pthread_mutex_t lock; /* of what follows */
    struct kms_client *others[KMS_REGIONS_AT_MOST];
    size_t count;
};

/* home is borrowed. */
void kms_regions_init(struct kms_regions *regions, struct kms_client *home);
void kms_regions_clean_up(struct kms_regions *regions);

/*
 * The client to ask for a key, which is named by id, ARN or alias; it lives as long as the regions.
 * Thread-safe. KMS_ERR_NO_KEY: there can be no such region; KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY.
 */
KMS_MUST_USE enum kms_err kms_regions_client(
    struct kms_regions *regions, struct kms_str key, struct kms_client **out);

#endif
