/*
 * Markers: where a page ended, in a form that callers need not look into:
 *
 *   base64( version 1 | kind of list | the last item's name )
 *
 * A marker holds nothing secret and grants nothing: a forged one can only start a page elsewhere in
 * a list that its bearer may read anyway. So it is bounded and checked, but not authenticated.
 */
#include "kmsd/ops/ops.h"
#include "libkms/base/encoding.h"

enum { MARKER_VERSION = 1, MARKER_HEADER = 2, MARKER_MAX = 1024 };

enum kms_err kmsd_marker_read(
    struct kmsd_call *call, enum kmsd_list list, struct kms_str marker, struct kms_str *after)
{
    *after = kms_str(NULL);
    if (marker.data == NULL)
        return KMS_OK;
    size_t len = 0;
    uint8_t *bytes = NULL;
    bool valid = marker.len <= MARKER_MAX;
    if (valid) {
        bytes = kms_arena_alloc(call->arena, kms_base64_decoded_max(marker.len));
        if (bytes == NULL)
            return KMS_ERR_NO_MEMORY;
        valid = kms_base64_decode(marker, bytes, &len) == KMS_OK;
    }
    valid = valid && len > MARKER_HEADER && bytes[0] == MARKER_VERSION && bytes[1] == (uint8_t)list;
    if (!valid)
        return kmsd_fault(call, KMS_FAULT_INVALID_MARKER, "The marker is not valid.");
    *after = (struct kms_str){(const char *)bytes + MARKER_HEADER, len - MARKER_HEADER};
    return KMS_OK;
}

enum kms_err kmsd_marker_make(
    struct kmsd_call *call, enum kmsd_list list, struct kms_str last, struct kms_str *marker)
{
    size_t len = MARKER_HEADER + last.len;
    uint8_t *bytes = kms_arena_alloc(call->arena, len);
    char *text = kms_arena_alloc(call->arena, kms_base64_encoded_len(len));
    if (bytes == NULL || text == NULL)
        return KMS_ERR_NO_MEMORY;
    bytes[0] = MARKER_VERSION;
    bytes[1] = (uint8_t)list;
    memcpy(bytes + MARKER_HEADER, last.data, last.len);
    kms_base64_encode(kms_bytes(bytes, len), text);
    *marker = (struct kms_str){text, kms_base64_encoded_len(len)};
    return KMS_OK;
}

int kmsd_text_compare(struct kms_str a, struct kms_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}
