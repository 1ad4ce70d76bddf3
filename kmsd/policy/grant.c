#include "kmsd/policy/grant.h"

#include <strings.h>

uint32_t kmsd_grant_operation_bit(enum kms_grant_operation operation)
{
    if (operation <= KMS_GRANT_OPERATION_UNSET || operation > KMS_GRANT_OPERATION_VERIFY_MAC)
        return 0;
    return UINT32_C(1) << operation;
}

/* What an encryption context constraint means for an operation. */
enum bearing {
    BEARS_CONTEXT, /* it has an encryption context, which is compared */
    PASSES,        /* the constraint does not concern it */
    NEVER,         /* it has none, and no grant with such a constraint can be for it */
};

static enum bearing bearing_of(enum kms_grant_operation operation)
{
    switch (operation) {
    case KMS_GRANT_OPERATION_DECRYPT:
    case KMS_GRANT_OPERATION_ENCRYPT:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT:
    case KMS_GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT:
    case KMS_GRANT_OPERATION_RE_ENCRYPT_FROM:
    case KMS_GRANT_OPERATION_RE_ENCRYPT_TO:
        return BEARS_CONTEXT;
    case KMS_GRANT_OPERATION_CREATE_GRANT:
    case KMS_GRANT_OPERATION_DESCRIBE_KEY:
    case KMS_GRANT_OPERATION_RETIRE_GRANT:
        return PASSES;
    default:
        return NEVER;
    }
}

/* Every pair of part is in whole. Keys are unique in each. */
static bool includes(const struct kms_str_map *whole, const struct kms_str_map *part)
{
    for (size_t i = 0; i < part->count; i++) {
        bool is_found = false;
        for (size_t j = 0; j < whole->count && !is_found; j++)
            is_found = kms_str_eq(whole->items[j].key, part->items[i].key) &&
                       kms_str_eq(whole->items[j].value, part->items[i].value);
        if (!is_found)
            return false;
    }
    return true;
}

static bool equals(const struct kms_str_map *a, const struct kms_str_map *b)
{
    return a->count == b->count && includes(a, b);
}

static bool meets_context(const struct kmsd_grant *grant, const struct kmsd_grant_use *use)
{
    bool has_equals = grant->context_equals.items != NULL;
    bool has_subset = grant->context_subset.items != NULL;
    if (!has_equals && !has_subset)
        return true;
    enum bearing bearing = bearing_of(use->operation);
    if (bearing != BEARS_CONTEXT)
        return bearing == PASSES;
    return (!has_equals || equals(&use->context, &grant->context_equals)) &&
           (!has_subset || includes(&use->context, &grant->context_subset));
}

static bool meets_source(const struct kmsd_grant *grant, const struct kmsd_grant_use *use)
{
    if (grant->source_arn.data == NULL || use->operation == KMS_GRANT_OPERATION_RETIRE_GRANT)
        return true;
    if (use->source_arn.data == NULL)
        return use->operation == KMS_GRANT_OPERATION_DESCRIBE_KEY;
    return kms_str_eq(use->source_arn, grant->source_arn);
}

enum kmsd_policy_match kmsd_grant_allows(
    const struct kmsd_grant *grant, const struct kmsd_grant_use *use)
{
    if ((grant->operations & kmsd_grant_operation_bit(use->operation)) == 0 ||
        grant->grantee.kind == KMSD_NAME_EVERYONE || !meets_context(grant, use) ||
        !meets_source(grant, use))
        return KMSD_MATCH_NONE;
    return kmsd_policy_name_match(&grant->grantee, use->subject);
}

const struct kmsd_grant *kmsd_grant_find(const struct kmsd_grant *const *grants, size_t count,
    const struct kmsd_grant_use *use, enum kmsd_policy_match *match)
{
    const struct kmsd_grant *best = NULL;
    *match = KMSD_MATCH_NONE;
    for (size_t i = 0; i < count && *match != KMSD_MATCH_PRINCIPAL; i++) {
        enum kmsd_policy_match found = kmsd_grant_allows(grants[i], use);
        if (found == KMSD_MATCH_NONE || (best != NULL && found >= *match))
            continue;
        best = grants[i];
        *match = found;
    }
    return best;
}

/* What the parent's constraint demands of a context is also demanded by the child's. */
static bool is_context_as_strict(const struct kmsd_grant *child, const struct kmsd_grant *parent)
{
    bool has_equals = child->context_equals.items != NULL;
    bool has_subset = child->context_subset.items != NULL;
    if (parent->context_equals.items != NULL &&
        !(has_equals && equals(&child->context_equals, &parent->context_equals)))
        return false;
    if (parent->context_subset.items == NULL)
        return true;
    return (has_equals && includes(&child->context_equals, &parent->context_subset)) ||
           (has_subset && includes(&child->context_subset, &parent->context_subset));
}

bool kmsd_grant_is_at_least_as_strict(
    const struct kmsd_grant *child, const struct kmsd_grant *parent)
{
    bool is_same_source =
        parent->source_arn.data == NULL ||
        (child->source_arn.data != NULL && kms_str_eq(child->source_arn, parent->source_arn));
    return (child->operations & ~parent->operations) == 0 && is_same_source &&
           is_context_as_strict(child, parent);
}

enum kmsd_policy_match kmsd_grant_may_retire(
    const struct kmsd_grant *grant, const struct kmsd_policy_subject *subject)
{
    enum kmsd_policy_match match = KMSD_MATCH_NONE;
    if (grant->retiring.text.data != NULL && grant->retiring.kind != KMSD_NAME_EVERYONE)
        match = kmsd_policy_name_match(&grant->retiring, subject);
    const struct kmsd_grant_use use = {
        .subject = subject, .operation = KMS_GRANT_OPERATION_RETIRE_GRANT};
    enum kmsd_policy_match as_grantee = kmsd_grant_allows(grant, &use);
    if (match == KMSD_MATCH_NONE || (as_grantee != KMSD_MATCH_NONE && as_grantee < match))
        return as_grantee;
    return match;
}

enum kms_grant_operation kmsd_grant_operation_of(struct kms_str action)
{
    static const struct {
        const char *action;
        enum kms_grant_operation operation;
    } rows[] = {
        {"kms:CreateGrant", KMS_GRANT_OPERATION_CREATE_GRANT},
        {"kms:Decapsulate", KMS_GRANT_OPERATION_DECAPSULATE},
        {"kms:Decrypt", KMS_GRANT_OPERATION_DECRYPT},
        {"kms:DeriveSharedSecret", KMS_GRANT_OPERATION_DERIVE_SHARED_SECRET},
        {"kms:DescribeKey", KMS_GRANT_OPERATION_DESCRIBE_KEY},
        {"kms:Encapsulate", KMS_GRANT_OPERATION_ENCAPSULATE},
        {"kms:Encrypt", KMS_GRANT_OPERATION_ENCRYPT},
        {"kms:GenerateDataKey", KMS_GRANT_OPERATION_GENERATE_DATA_KEY},
        {"kms:GenerateDataKeyPair", KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR},
        {"kms:GenerateDataKeyPairWithoutPlaintext",
            KMS_GRANT_OPERATION_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT},
        {"kms:GenerateDataKeyWithoutPlaintext",
            KMS_GRANT_OPERATION_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT},
        {"kms:GenerateMac", KMS_GRANT_OPERATION_GENERATE_MAC},
        {"kms:GetPublicKey", KMS_GRANT_OPERATION_GET_PUBLIC_KEY},
        {"kms:ReEncryptFrom", KMS_GRANT_OPERATION_RE_ENCRYPT_FROM},
        {"kms:ReEncryptTo", KMS_GRANT_OPERATION_RE_ENCRYPT_TO},
        {"kms:RetireGrant", KMS_GRANT_OPERATION_RETIRE_GRANT},
        {"kms:Sign", KMS_GRANT_OPERATION_SIGN},
        {"kms:Verify", KMS_GRANT_OPERATION_VERIFY},
        {"kms:VerifyMac", KMS_GRANT_OPERATION_VERIFY_MAC},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (action.len == strlen(rows[i].action) &&
            strncasecmp(action.data, rows[i].action, action.len) == 0)
            return rows[i].operation;
    }
    return KMS_GRANT_OPERATION_UNSET;
}
