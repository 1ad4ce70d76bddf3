#include "kmsd/policy/condition_key.h"

#include <strings.h>

#define SINGLE(name)              \
    {                             \
        name, false, false, false \
    }
#define LIST(name)               \
    {                            \
        name, false, true, false \
    }
#define FAMILY(name)             \
    {                            \
        name, true, false, false \
    }

/* "These condition keys are not permitted in a key policy": the live service's own list. */
static const struct kmsd_policy_key_info keys[KMSD_KEY_COUNT_] = {
    [KMSD_KEY_OTHER] = SINGLE(""),

    [KMSD_KEY_PRINCIPAL_ARN] = SINGLE("aws:PrincipalArn"),
    [KMSD_KEY_PRINCIPAL_ACCOUNT] = SINGLE("aws:PrincipalAccount"),
    [KMSD_KEY_PRINCIPAL_TYPE] = SINGLE("aws:PrincipalType"),
    [KMSD_KEY_PRINCIPAL_IS_AWS_SERVICE] = SINGLE("aws:PrincipalIsAWSService"),
    [KMSD_KEY_PRINCIPAL_SERVICE_NAME] = SINGLE("aws:PrincipalServiceName"),
    [KMSD_KEY_PRINCIPAL_TAG] = FAMILY("aws:PrincipalTag/"),
    [KMSD_KEY_USER_ID] = SINGLE("aws:userid"),
    [KMSD_KEY_USER_NAME] = SINGLE("aws:username"),
    [KMSD_KEY_FEDERATED_PROVIDER] = SINGLE("aws:FederatedProvider"),
    [KMSD_KEY_TOKEN_ISSUE_TIME] = SINGLE("aws:TokenIssueTime"),

    [KMSD_KEY_RESOURCE_ACCOUNT] = SINGLE("aws:ResourceAccount"),

    [KMSD_KEY_CALLED_VIA] = LIST("aws:CalledVia"),
    [KMSD_KEY_CALLED_VIA_FIRST] = SINGLE("aws:CalledViaFirst"),
    [KMSD_KEY_CALLED_VIA_LAST] = SINGLE("aws:CalledViaLast"),
    [KMSD_KEY_CURRENT_TIME] = SINGLE("aws:CurrentTime"),
    [KMSD_KEY_EPOCH_TIME] = SINGLE("aws:EpochTime"),
    [KMSD_KEY_MULTI_FACTOR_AUTH_AGE] = SINGLE("aws:MultiFactorAuthAge"),
    [KMSD_KEY_MULTI_FACTOR_AUTH_PRESENT] = SINGLE("aws:MultiFactorAuthPresent"),
    [KMSD_KEY_REFERER] = SINGLE("aws:referer"),
    [KMSD_KEY_REQUESTED_REGION] = SINGLE("aws:RequestedRegion"),
    [KMSD_KEY_SECURE_TRANSPORT] = SINGLE("aws:SecureTransport"),
    [KMSD_KEY_SOURCE_ACCOUNT] = SINGLE("aws:SourceAccount"),
    [KMSD_KEY_SOURCE_ARN] = SINGLE("aws:SourceArn"),
    [KMSD_KEY_SOURCE_IDENTITY] = SINGLE("aws:SourceIdentity"),
    [KMSD_KEY_SOURCE_IP] = SINGLE("aws:SourceIp"),
    [KMSD_KEY_USER_AGENT] = SINGLE("aws:UserAgent"),
    [KMSD_KEY_VIA_AWS_SERVICE] = SINGLE("aws:ViaAWSService"),

    [KMSD_KEY_REQUEST_TAG] = FAMILY("aws:RequestTag/"),
    [KMSD_KEY_RESOURCE_TAG] = {"aws:ResourceTag/", true, false, true},
    [KMSD_KEY_KMS_RESOURCE_TAG] = {"kms:ResourceTag/", true, false, true},
    [KMSD_KEY_TAG_KEYS] = LIST("aws:TagKeys"),

    [KMSD_KEY_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK] = SINGLE("kms:BypassPolicyLockoutSafetyCheck"),
    [KMSD_KEY_CALLER_ACCOUNT] = SINGLE("kms:CallerAccount"),
    [KMSD_KEY_CUSTOMER_MASTER_KEY_SPEC] = SINGLE("kms:CustomerMasterKeySpec"),
    [KMSD_KEY_CUSTOMER_MASTER_KEY_USAGE] = SINGLE("kms:CustomerMasterKeyUsage"),
    [KMSD_KEY_DATA_KEY_PAIR_SPEC] = SINGLE("kms:DataKeyPairSpec"),
    [KMSD_KEY_ENCRYPTION_ALGORITHM] = SINGLE("kms:EncryptionAlgorithm"),
    [KMSD_KEY_ENCRYPTION_CONTEXT] = FAMILY("kms:EncryptionContext:"),
    [KMSD_KEY_ENCRYPTION_CONTEXT_KEYS] = LIST("kms:EncryptionContextKeys"),
    [KMSD_KEY_EXPIRATION_MODEL] = SINGLE("kms:ExpirationModel"),
    [KMSD_KEY_GRANT_CONSTRAINT_SOURCE_ARN] = SINGLE("kms:GrantConstraintSourceArn"),
    [KMSD_KEY_GRANT_CONSTRAINT_TYPE] = SINGLE("kms:GrantConstraintType"),
    [KMSD_KEY_GRANT_IS_FOR_AWS_RESOURCE] = SINGLE("kms:GrantIsForAWSResource"),
    [KMSD_KEY_GRANT_OPERATIONS] = LIST("kms:GrantOperations"),
    [KMSD_KEY_GRANTEE_PRINCIPAL] = SINGLE("kms:GranteePrincipal"),
    [KMSD_KEY_GRANTEE_SERVICE_PRINCIPAL] = SINGLE("kms:GranteeServicePrincipal"),
    [KMSD_KEY_KEY_AGREEMENT_ALGORITHM] = SINGLE("kms:KeyAgreementAlgorithm"),
    [KMSD_KEY_KEY_ORIGIN] = SINGLE("kms:KeyOrigin"),
    [KMSD_KEY_KEY_SPEC] = SINGLE("kms:KeySpec"),
    [KMSD_KEY_KEY_USAGE] = SINGLE("kms:KeyUsage"),
    [KMSD_KEY_MAC_ALGORITHM] = SINGLE("kms:MacAlgorithm"),
    [KMSD_KEY_MESSAGE_TYPE] = SINGLE("kms:MessageType"),
    [KMSD_KEY_MULTI_REGION] = SINGLE("kms:MultiRegion"),
    [KMSD_KEY_MULTI_REGION_KEY_TYPE] = SINGLE("kms:MultiRegionKeyType"),
    [KMSD_KEY_PRIMARY_REGION] = SINGLE("kms:PrimaryRegion"),
    [KMSD_KEY_RE_ENCRYPT_ON_SAME_KEY] = SINGLE("kms:ReEncryptOnSameKey"),
    [KMSD_KEY_RECIPIENT_ATTESTATION] = FAMILY("kms:RecipientAttestation:"),
    [KMSD_KEY_REPLICA_REGION] = SINGLE("kms:ReplicaRegion"),
    [KMSD_KEY_REQUEST_ALIAS] = SINGLE("kms:RequestAlias"),
    [KMSD_KEY_RESOURCE_ALIASES] = {"kms:ResourceAliases", false, true, true},
    [KMSD_KEY_RETIRING_PRINCIPAL] = SINGLE("kms:RetiringPrincipal"),
    [KMSD_KEY_RETIRING_SERVICE_PRINCIPAL] = SINGLE("kms:RetiringServicePrincipal"),
    [KMSD_KEY_ROTATION_PERIOD_IN_DAYS] = SINGLE("kms:RotationPeriodInDays"),
    [KMSD_KEY_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS] =
        SINGLE("kms:ScheduleKeyDeletionPendingWindowInDays"),
    [KMSD_KEY_SIGNING_ALGORITHM] = SINGLE("kms:SigningAlgorithm"),
    [KMSD_KEY_TRAILING_DAYS_WITHOUT_KEY_USAGE] = SINGLE("kms:TrailingDaysWithoutKeyUsage"),
    [KMSD_KEY_VALID_TO] = SINGLE("kms:ValidTo"),
    [KMSD_KEY_VIA_SERVICE] = SINGLE("kms:ViaService"),
    [KMSD_KEY_WRAPPING_ALGORITHM] = SINGLE("kms:WrappingAlgorithm"),
    [KMSD_KEY_WRAPPING_KEY_SPEC] = SINGLE("kms:WrappingKeySpec"),
};

const struct kmsd_policy_key_info *kmsd_policy_key_info(enum kmsd_policy_key key)
{
    return (unsigned)key < KMSD_KEY_COUNT_ ? &keys[key] : &keys[KMSD_KEY_OTHER];
}

static bool is_named(const struct kmsd_policy_key_info *info, struct kms_str text)
{
    size_t len = strlen(info->name);
    bool fits = info->is_family ? text.len > len : text.len == len;
    return fits && strncasecmp(info->name, text.data, len) == 0;
}

/* Something before the first colon and something after it. */
static bool has_prefix(struct kms_str text)
{
    const char *colon = memchr(text.data, ':', text.len);
    return colon != NULL && colon != text.data && colon + 1 != text.data + text.len;
}

enum kms_err kmsd_policy_key_name_parse(struct kms_str text, struct kmsd_policy_key_name *out)
{
    if (text.len == 0 || text.len > KMSD_POLICY_KEY_NAME_MAX || !has_prefix(text))
        return KMS_ERR_SYNTAX;
    struct kmsd_policy_key_name name = {.key = KMSD_KEY_OTHER, .text = text};
    for (unsigned key = KMSD_KEY_OTHER + 1; key < KMSD_KEY_COUNT_; key++) {
        if (!is_named(&keys[key], text))
            continue;
        name.key = (enum kmsd_policy_key)key;
        if (keys[key].is_family) {
            size_t len = strlen(keys[key].name);
            name.parameter = (struct kms_str){text.data + len, text.len - len};
        }
        break;
    }
    *out = name;
    return KMS_OK;
}
