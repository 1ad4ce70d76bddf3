/* Tags: a sorted list per key, replaced as a whole. */
#include "kmsd/keys/change.h"

#include <stdlib.h>

static int compare_tags(const void *a, const void *b)
{
    return kmsd_str_compare(
        ((const struct kms_tag *)a)->tag_key, ((const struct kms_tag *)b)->tag_key);
}

enum kms_err kmsd_tags_sort(struct kms_tag_list tags, struct kms_tag out[KMSD_TAGS_MAX])
{
    if (tags.count > KMSD_TAGS_MAX)
        return KMS_ERR_LIMIT;
    if (tags.count != 0)
        memcpy(out, tags.items, tags.count * sizeof(*out));
    qsort(out, tags.count, sizeof(*out), compare_tags);
    return KMS_OK;
}

static size_t tag_position(const struct kms_tag *tags, size_t count, struct kms_str key)
{
    size_t at = 0;
    while (at < count && kmsd_str_compare(tags[at].tag_key, key) < 0)
        at++;
    return at;
}

enum kms_err kmsd_keys_tag(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_tag_list tags)
{
    struct kms_tag merged[KMSD_TAGS_MAX];
    size_t count = key->tags.count;
    if (count > KMSD_TAGS_MAX)
        return KMS_ERR_LIMIT;
    if (count != 0)
        memcpy(merged, key->tags.items, count * sizeof(*merged));
    for (size_t i = 0; i < tags.count; i++) {
        size_t at = tag_position(merged, count, tags.items[i].tag_key);
        if (at == count || !kms_str_eq(merged[at].tag_key, tags.items[i].tag_key)) {
            if (count == KMSD_TAGS_MAX || count >= keys->quotas.tags_per_key)
                return KMS_ERR_LIMIT;
            memmove(&merged[at + 1], &merged[at], (count - at) * sizeof(*merged));
            count++;
        }
        merged[at] = tags.items[i];
    }
    struct kmsd_key draft = *key;
    draft.tags = (struct kms_tag_list){merged, count};
    return kmsd_change_to(keys, key, &draft);
}

enum kms_err kmsd_keys_untag(
    struct kmsd_keys *keys, const struct kmsd_key *key, struct kms_str_list tag_keys)
{
    struct kms_tag kept[KMSD_TAGS_MAX];
    size_t count = 0;
    if (key->tags.count > KMSD_TAGS_MAX)
        return KMS_ERR_LIMIT;
    for (size_t i = 0; i < key->tags.count; i++) {
        bool named = false;
        for (size_t k = 0; k < tag_keys.count && !named; k++)
            named = kms_str_eq(key->tags.items[i].tag_key, tag_keys.items[k]);
        if (!named)
            kept[count++] = key->tags.items[i];
    }
    struct kmsd_key draft = *key;
    draft.tags = (struct kms_tag_list){kept, count};
    return kmsd_change_to(keys, key, &draft);
}
