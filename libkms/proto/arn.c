#include "libkms/proto/arn.h"

#include "libkms/base/encoding.h"
#include "libkms/base/uuid.h"

enum { MRK_DIGITS = 32 };

static bool starts_with(struct kms_str text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static struct kms_str from(struct kms_str text, size_t offset)
{
    struct kms_str rest = {text.data + offset, text.len - offset};
    return rest;
}

/* Splits the text at its first colon. False when it has none. */
static bool next_field(struct kms_str *left, struct kms_str *field)
{
    const char *colon = left->len == 0 ? NULL : memchr(left->data, ':', left->len);
    if (colon == NULL)
        return false;
    field->data = left->data;
    field->len = (size_t)(colon - left->data);
    *left = from(*left, field->len + 1);
    return true;
}

enum kms_err kms_arn_parse(struct kms_str text, struct kms_arn *out)
{
    struct kms_str left = text;
    struct kms_str scheme = {0};
    struct kms_arn arn = {0};
    if (text.len > KMS_ARN_MAX)
        return KMS_ERR_SYNTAX;
    if (!next_field(&left, &scheme) || !next_field(&left, &arn.partition) ||
        !next_field(&left, &arn.service) || !next_field(&left, &arn.region) ||
        !next_field(&left, &arn.account))
        return KMS_ERR_SYNTAX;
    arn.resource = left;
    if (!kms_str_is(scheme, "arn") || arn.partition.len == 0 || arn.service.len == 0 ||
        arn.resource.len == 0)
        return KMS_ERR_SYNTAX;
    *out = arn;
    return KMS_OK;
}

bool kms_key_id_is_well_formed(struct kms_str id)
{
    uint8_t ignored[MRK_DIGITS / 2];
    if (starts_with(id, "mrk-"))
        return id.len == 4 + MRK_DIGITS && kms_hex_decode(from(id, 4), ignored) == KMS_OK;
    return kms_uuid_is(id);
}

static bool is_account_id(struct kms_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.len == KMS_ACCOUNT_ID_LEN;
}

static struct kms_key_ref parse_arn_ref(struct kms_str text)
{
    struct kms_key_ref ref = {.kind = KMS_KEY_REF_BAD_ARN};
    struct kms_arn arn;
    if (kms_arn_parse(text, &arn) != KMS_OK)
        return ref;
    ref.arn = arn;
    if (!kms_str_is(arn.service, "kms") || arn.region.len == 0 || arn.region.len > KMS_REGION_MAX ||
        !is_account_id(arn.account))
        return ref;
    if (starts_with(arn.resource, "alias/")) {
        ref.kind = KMS_KEY_REF_ALIAS_ARN;
        ref.name = arn.resource;
    } else if (starts_with(arn.resource, "key/")) {
        ref.id = from(arn.resource, strlen("key/"));
        ref.kind = kms_key_id_is_well_formed(ref.id) ? KMS_KEY_REF_ARN : KMS_KEY_REF_BAD_ARN_ID;
    }
    return ref;
}

struct kms_key_ref kms_key_ref_parse(struct kms_str text)
{
    if (starts_with(text, "arn:"))
        return parse_arn_ref(text);
    struct kms_key_ref ref = {0};
    if (starts_with(text, "alias/")) {
        ref.kind = KMS_KEY_REF_ALIAS;
        ref.name = text;
    } else {
        ref.kind = kms_key_id_is_well_formed(text) ? KMS_KEY_REF_ID : KMS_KEY_REF_BAD_ID;
        ref.id = text;
    }
    return ref;
}

const char *kms_partition_of_region(struct kms_str region)
{
    if (starts_with(region, "cn-"))
        return "aws-cn";
    if (starts_with(region, "us-gov-"))
        return "aws-us-gov";
    return "aws";
}
