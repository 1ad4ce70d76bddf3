/* TagResource, UntagResource, ListResourceTags. */
#include "kmsd/ops/ops.h"

#include <strings.h>

enum { LIST_TAGS_DEFAULT = 50 };

static bool is_reserved(struct kms_str key)
{
    return key.len >= 4 && strncasecmp(key.data, "aws:", 4) == 0;
}

static enum kms_err too_many(struct kmsd_call *call)
{
    return kmsd_fault(call, KMS_FAULT_TAG, "Too many tags");
}

enum kms_err kmsd_check_tags(struct kmsd_call *call, struct kms_tag_list tags)
{
    if (tags.count > kmsd_keys_quotas(call->keys)->tags_per_key)
        return too_many(call);
    for (size_t i = 0; i < tags.count; i++) {
        /* the store takes a NUL for the end when it measures text */
        if (memchr(tags.items[i].tag_key.data, '\0', tags.items[i].tag_key.len) != NULL)
            return kmsd_fault(call, KMS_FAULT_TAG, "Tag keys cannot contain NUL characters");
        if (is_reserved(tags.items[i].tag_key))
            return kmsd_fault(call, KMS_FAULT_TAG, "Tags beginning with aws: are reserved");
        for (size_t k = 0; k < i; k++) {
            if (kms_str_eq(tags.items[i].tag_key, tags.items[k].tag_key))
                return kmsd_fault(call, KMS_FAULT_TAG, "Duplicate tag keys");
        }
    }
    return KMS_OK;
}

enum kms_err kmsd_tag_resource(struct kmsd_call *call)
{
    const struct kms_tag_resource_request *input = call->input;
    enum kms_err err = kmsd_check_tags(call, input->tags);
    if (err != KMS_OK)
        return err;
    err = kmsd_keys_tag(call->keys, call->key, input->tags);
    return err == KMS_ERR_LIMIT ? too_many(call) : err;
}

enum kms_err kmsd_untag_resource(struct kmsd_call *call)
{
    const struct kms_untag_resource_request *input = call->input;
    return kmsd_keys_untag(call->keys, call->key, input->tag_keys);
}

enum kms_err kmsd_list_resource_tags(struct kmsd_call *call)
{
    const struct kms_list_resource_tags_request *input = call->input;
    struct kms_list_resource_tags_response *output = call->output;
    struct kms_tag_list tags = call->key->tags;
    size_t limit = input->limit.set ? (size_t)input->limit.value : LIST_TAGS_DEFAULT;
    struct kms_str after;
    enum kms_err err = kmsd_marker_read(call, KMSD_LIST_TAGS, input->marker, &after);
    if (err != KMS_OK)
        return err;

    /* kept in the order of their keys */
    size_t first = 0;
    while (after.data != NULL && first < tags.count) {
        struct kms_str key = tags.items[first].tag_key;
        size_t common = key.len < after.len ? key.len : after.len;
        int order = memcmp(key.data, after.data, common);
        if (order > 0 || (order == 0 && key.len > after.len))
            break;
        first++;
    }
    size_t left = tags.count - first;
    output->tags = (struct kms_tag_list){tags.items + first, left < limit ? left : limit};
    output->truncated = (struct kms_opt_bool){true, left > limit};
    if (left <= limit)
        return KMS_OK;
    return kmsd_marker_make(
        call, KMSD_LIST_TAGS, tags.items[first + limit - 1].tag_key, &output->next_marker);
}
