#include "libkms/envelope/regions.h"

#include "libkms/proto/arn.h"

void kms_regions_init(struct kms_regions *regions, struct kms_client *home)
{
    *regions = (struct kms_regions){.home = home};
    (void)pthread_mutex_init(&regions->lock, NULL); /* cannot fail on Linux */
}

void kms_regions_clean_up(struct kms_regions *regions)
{
    for (size_t i = 0; i < regions->kept_count; i++)
        kms_client_free(regions->kept[i]);
    regions->kept_count = 0;
    (void)pthread_mutex_destroy(&regions->lock);
}

static bool is_in(const struct kms_client *client, struct kms_str region)
{
    return kms_str_eq(kms_str(kms_client_region(client)), region);
}

/* Under the lock. NULL: none is kept. */
static struct kms_client *find_kept(const struct kms_regions *regions, struct kms_str region)
{
    for (size_t i = 0; i < regions->kept_count; i++) {
        if (is_in(regions->kept[i], region))
            return regions->kept[i];
    }
    return NULL;
}

enum kms_err kms_regions_borrow(
    struct kms_regions *regions, struct kms_str key, struct kms_client **out)
{
    struct kms_str region = kms_key_ref_parse(key).arn.region; /* absent unless it is an ARN */
    if (region.len == 0 || is_in(regions->home, region)) {
        *out = regions->home;
        return KMS_OK;
    }
    (void)pthread_mutex_lock(&regions->lock);
    *out = find_kept(regions, region);
    (void)pthread_mutex_unlock(&regions->lock);
    if (*out != NULL)
        return KMS_OK;
    enum kms_err err = kms_client_new_in_region(regions->home, region, out, NULL);
    return err == KMS_ERR_CONFIG ? KMS_ERR_NO_KEY : err;
}

/* Under the lock. False: the client is not kept, and is the caller's to free. */
static bool keep(struct kms_regions *regions, struct kms_client *client, bool answered)
{
    struct kms_client *kept = find_kept(regions, kms_str(kms_client_region(client)));
    if (kept != NULL)
        return client == kept; /* else another thread's was returned first */
    if (!answered || regions->kept_count == KMS_REGIONS_KEPT_AT_MOST)
        return false;
    regions->kept[regions->kept_count++] = client;
    return true;
}

void kms_regions_return(struct kms_regions *regions, struct kms_client *client, bool answered)
{
    if (client == regions->home)
        return;
    (void)pthread_mutex_lock(&regions->lock);
    bool kept = keep(regions, client, answered);
    (void)pthread_mutex_unlock(&regions->lock);
    if (!kept)
        kms_client_free(client);
}
