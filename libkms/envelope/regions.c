#include "libkms/envelope/regions.h"

#include "libkms/proto/arn.h"

void kms_regions_init(struct kms_regions *regions, struct kms_client *home)
{
    *regions = (struct kms_regions){.home = home};
    (void)pthread_mutex_init(&regions->lock, NULL); /* cannot fail on Linux */
}

void kms_regions_clean_up(struct kms_regions *regions)
{
    for (size_t i = 0; i < regions->count; i++)
        kms_client_free(regions->others[i]);
    regions->count = 0;
    (void)pthread_mutex_destroy(&regions->lock);
}

static bool is_in(const struct kms_client *client, struct kms_str region)
{
    return kms_str_eq(kms_str(kms_client_region(client)), region);
}

/* Under the lock. */
static enum kms_err find_or_make(
    struct kms_regions *regions, struct kms_str region, struct kms_client **out)
{
    for (size_t i = 0; i < regions->count; i++) {
        if (!is_in(regions->others[i], region))
            continue;
        *out = regions->others[i];
        return KMS_OK;
    }
    if (regions->count == KMS_REGIONS_AT_MOST)
        return KMS_ERR_LIMIT;
    enum kms_err err = kms_client_new_in_region(regions->home, region, out, NULL);
    if (err == KMS_OK)
        regions->others[regions->count++] = *out;
    return err == KMS_ERR_CONFIG ? KMS_ERR_NO_KEY : err;
}

enum kms_err kms_regions_client(
    struct kms_regions *regions, struct kms_str key, struct kms_client **out)
{
    struct kms_str region = kms_key_ref_parse(key).arn.region; /* absent unless it is an ARN */
    if (region.len == 0 || is_in(regions->home, region)) {
        *out = regions->home;
        return KMS_OK;
    }
    (void)pthread_mutex_lock(&regions->lock);
    enum kms_err err = find_or_make(regions, region, out);
    (void)pthread_mutex_unlock(&regions->lock);
    return err;
}
