/* The values of condition keys, by rows. Most are members of the request under another name. */
#include "kmsd/iam/session.h"
#include "kmsd/ops/condition_rows.h"

/* --- members of the request ------------------------------------------------------------------- */

static const struct kms_member *member_of(const struct kmsd_call *call, const char *name)
{
    const struct kms_shape *shape = kms_operations[call->op->id].input;
    for (size_t i = 0; i < shape->member_count; i++) {
        if (strcmp(shape->members[i].name, name) == 0)
            return &shape->members[i];
    }
    return NULL;
}

/* Copies a member out of the request; false when the request has none of that name. */
bool kmsd_condition_member(const struct kmsd_call *call, const char *name, void *out, size_t size)
{
    const struct kms_member *member = member_of(call, name);
    if (member == NULL)
        return false;
    memcpy(out, (const char *)call->input + member->offset, size);
    return true;
}

/* A scalar that the request has. */
static bool scalar(
    const struct kmsd_call *call, const struct kms_member *member, struct kmsd_policy_value *out)
{
    const char *at = (const char *)call->input + member->offset;
    struct kms_str as_text;
    struct kms_opt_int as_int;
    struct kms_opt_bool as_bool;
    struct kms_opt_time as_time;
    int as_enum;
    switch (member->type->kind) {
    case KMS_KIND_STRING:
        memcpy(&as_text, at, sizeof(as_text));
        return kmsd_condition_text(as_text, out);
    case KMS_KIND_ENUM:
        memcpy(&as_enum, at, sizeof(as_enum));
        return as_enum > 0 &&
               kmsd_condition_text(kms_str(kms_enum_text(member->type, as_enum)), out);
    case KMS_KIND_INTEGER:
        memcpy(&as_int, at, sizeof(as_int));
        return as_int.set && kmsd_condition_number(as_int.value, out);
    case KMS_KIND_BOOLEAN:
        memcpy(&as_bool, at, sizeof(as_bool));
        return as_bool.set && kmsd_condition_bool(as_bool.value, out);
    case KMS_KIND_TIMESTAMP:
        memcpy(&as_time, at, sizeof(as_time));
        if (as_time.set)
            *out = kmsd_policy_time(as_time.ms);
        return as_time.set;
    default:
        return false;
    }
}

bool kmsd_condition_by_member(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    const struct kms_member *member = member_of(inquiry->call, row->member);
    if (member == NULL)
        return false;
    if (scalar(inquiry->call, member, out))
        return true;
    if (row->otherwise == NULL)
        return false;
    if (member->type->kind == KMS_KIND_BOOLEAN)
        return kmsd_condition_bool(strcmp(row->otherwise, "true") == 0, out);
    /* texts of numbers compare as numbers */
    return kmsd_condition_text(kms_str(row->otherwise), out);
}

/* --- the request as such ---------------------------------------------------------------------- */

/* Operations on no key of the account's do not have it. */
static bool caller_account(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    switch (inquiry->call->op->id) {
    case KMS_OP_GENERATE_RANDOM:
    case KMS_OP_LIST_ALIASES:
    case KMS_OP_LIST_KEYS:
    case KMS_OP_LIST_RETIRABLE_GRANTS:
        return false;
    default:
        return kmsd_condition_text(kms_str(inquiry->call->principal->account), out);
    }
}

static bool tag_keys(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    struct kms_tag_list tags = {NULL, 0};
    struct kms_str_list keys = {NULL, 0};
    (void)row;
    if (kmsd_condition_member(inquiry->call, "Tags", &tags, sizeof(tags)) && tags.count != 0) {
        *out = kmsd_policy_texts(&tags.items[0].tag_key, sizeof(tags.items[0]), tags.count);
        return true;
    }
    if (kmsd_condition_member(inquiry->call, "TagKeys", &keys, sizeof(keys)) && keys.count != 0) {
        *out = kmsd_policy_texts(keys.items, sizeof(keys.items[0]), keys.count);
        return true;
    }
    return false;
}

/* On whose behalf it asks only a service can say; what others write into these headers is theirs to
 * make up. */
static bool is_service(const struct kmsd_call *call)
{
    const struct kmsd_identity *identity = call->principal->identity;
    return identity != NULL && identity->subject.kind == KMSD_SUBJECT_SERVICE;
}

struct kms_str kmsd_condition_source_arn(const struct kmsd_call *call)
{
    return is_service(call) ? call->way.source_arn : kms_str(NULL);
}

static bool source_ip(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    struct kmsd_policy_ip ip;
    (void)row;
    struct kms_str address = inquiry->call->way.remote_address;
    if (address.data == NULL || kmsd_policy_ip_parse(address, &ip) != KMS_OK)
        return false;
    *out = kmsd_policy_ip(ip);
    return true;
}

static bool source_arn(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return kmsd_condition_text(kmsd_condition_source_arn(inquiry->call), out);
}

static bool source_account(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return is_service(inquiry->call) && kmsd_condition_text(inquiry->call->way.source_account, out);
}

static bool source_identity(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    const struct kmsd_session *session = inquiry->call->principal->session;
    return session != NULL && kmsd_condition_text(session->content.source_identity, out);
}

static bool secure_transport(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return kmsd_condition_bool(inquiry->call->way.is_secure, out);
}

static bool user_agent(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return kmsd_condition_text(inquiry->call->way.user_agent, out);
}

static bool referer(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return kmsd_condition_text(inquiry->call->way.referer, out);
}

static bool requested_region(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    /* the replica that is to be made is asked for in its own region */
    if (inquiry->call->op->id == KMS_OP_REPLICATE_KEY && inquiry->target->key == NULL) {
        const struct kms_replicate_key_request *input = inquiry->call->input;
        return kmsd_condition_text(input->replica_region, out);
    }
    return kmsd_condition_text(inquiry->call->region, out);
}

static bool current_time(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    *out = kmsd_policy_time(inquiry->call->now_ms);
    return true;
}

static bool epoch_time(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)row;
    return kmsd_condition_number(inquiry->call->now_ms / 1000, out);
}

/* There is no second factor here, and nobody calls on somebody's behalf. */
static bool is_never(struct kmsd_inquiry *inquiry, const struct kmsd_condition_row *row,
    struct kmsd_policy_value *out)
{
    (void)inquiry;
    (void)row;
    return kmsd_condition_bool(false, out);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct kmsd_condition_row rows[KMSD_KEY_COUNT_] = {
    [KMSD_KEY_CURRENT_TIME] = {current_time, NULL, NULL},
    [KMSD_KEY_EPOCH_TIME] = {epoch_time, NULL, NULL},
    [KMSD_KEY_MULTI_FACTOR_AUTH_PRESENT] = {is_never, NULL, NULL},
    [KMSD_KEY_VIA_AWS_SERVICE] = {is_never, NULL, NULL},
    [KMSD_KEY_REFERER] = {referer, NULL, NULL},
    [KMSD_KEY_REQUESTED_REGION] = {requested_region, NULL, NULL},
    [KMSD_KEY_SECURE_TRANSPORT] = {secure_transport, NULL, NULL},
    [KMSD_KEY_SOURCE_ACCOUNT] = {source_account, NULL, NULL},
    [KMSD_KEY_SOURCE_ARN] = {source_arn, NULL, NULL},
    [KMSD_KEY_SOURCE_IDENTITY] = {source_identity, NULL, NULL},
    [KMSD_KEY_SOURCE_IP] = {source_ip, NULL, NULL},
    [KMSD_KEY_USER_AGENT] = {user_agent, NULL, NULL},
    [KMSD_KEY_TAG_KEYS] = {tag_keys, NULL, NULL},

    [KMSD_KEY_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK] = {kmsd_condition_by_member,
        "BypassPolicyLockoutSafetyCheck", NULL},
    [KMSD_KEY_CALLER_ACCOUNT] = {caller_account, NULL, NULL},
    [KMSD_KEY_CUSTOMER_MASTER_KEY_SPEC] = {kmsd_condition_key_spec, "KeySpec", "SYMMETRIC_DEFAULT"},
    [KMSD_KEY_CUSTOMER_MASTER_KEY_USAGE] = {kmsd_condition_key_usage, "KeyUsage",
        "ENCRYPT_DECRYPT"},
    [KMSD_KEY_DATA_KEY_PAIR_SPEC] = {kmsd_condition_by_member, "KeyPairSpec", NULL},
    [KMSD_KEY_ENCRYPTION_ALGORITHM] = {kmsd_condition_encryption_algorithm, "EncryptionAlgorithm",
        "SYMMETRIC_DEFAULT"},
    [KMSD_KEY_ENCRYPTION_CONTEXT_KEYS] = {kmsd_condition_context_keys, NULL, NULL},
    [KMSD_KEY_EXPIRATION_MODEL] = {kmsd_condition_by_member, "ExpirationModel",
        "KEY_MATERIAL_EXPIRES"},
    [KMSD_KEY_GRANT_CONSTRAINT_SOURCE_ARN] = {kmsd_condition_grant_constraint_source, NULL, NULL},
    [KMSD_KEY_GRANT_CONSTRAINT_TYPE] = {kmsd_condition_grant_constraint_type, NULL, NULL},
    [KMSD_KEY_GRANT_IS_FOR_AWS_RESOURCE] = {kmsd_condition_grant_is_for_resource, NULL, NULL},
    [KMSD_KEY_GRANT_OPERATIONS] = {kmsd_condition_grant_operations, NULL, NULL},
    [KMSD_KEY_GRANTEE_PRINCIPAL] = {kmsd_condition_of_new_grant, "GranteePrincipal", NULL},
    [KMSD_KEY_GRANTEE_SERVICE_PRINCIPAL] = {kmsd_condition_of_new_grant, "GranteeServicePrincipal",
        NULL},
    [KMSD_KEY_KEY_AGREEMENT_ALGORITHM] = {kmsd_condition_by_member, "KeyAgreementAlgorithm", NULL},
    [KMSD_KEY_KEY_ORIGIN] = {kmsd_condition_key_origin, "Origin", "AWS_KMS"},
    [KMSD_KEY_KEY_SPEC] = {kmsd_condition_key_spec, "KeySpec", "SYMMETRIC_DEFAULT"},
    [KMSD_KEY_KEY_USAGE] = {kmsd_condition_key_usage, "KeyUsage", "ENCRYPT_DECRYPT"},
    [KMSD_KEY_MAC_ALGORITHM] = {kmsd_condition_by_member, "MacAlgorithm", NULL},
    [KMSD_KEY_MESSAGE_TYPE] = {kmsd_condition_by_member, "MessageType", "RAW"},
    [KMSD_KEY_MULTI_REGION] = {kmsd_condition_multi_region, "MultiRegion", "false"},
    [KMSD_KEY_MULTI_REGION_KEY_TYPE] = {kmsd_condition_multi_region_key_type, NULL, NULL},
    [KMSD_KEY_PRIMARY_REGION] = {kmsd_condition_by_member, "PrimaryRegion", NULL},
    [KMSD_KEY_RE_ENCRYPT_ON_SAME_KEY] = {kmsd_condition_re_encrypt_on_same_key, NULL, NULL},
    [KMSD_KEY_REPLICA_REGION] = {kmsd_condition_by_member, "ReplicaRegion", NULL},
    [KMSD_KEY_REQUEST_ALIAS] = {kmsd_condition_request_alias, NULL, NULL},
    [KMSD_KEY_RESOURCE_ALIASES] = {kmsd_condition_resource_aliases, NULL, NULL},
    [KMSD_KEY_RETIRING_PRINCIPAL] = {kmsd_condition_of_new_grant, "RetiringPrincipal", NULL},
    [KMSD_KEY_RETIRING_SERVICE_PRINCIPAL] = {kmsd_condition_of_new_grant,
        "RetiringServicePrincipal", NULL},
    [KMSD_KEY_ROTATION_PERIOD_IN_DAYS] = {kmsd_condition_by_member, "RotationPeriodInDays", "365"},
    [KMSD_KEY_SCHEDULE_KEY_DELETION_PENDING_WINDOW_IN_DAYS] = {kmsd_condition_by_member,
        "PendingWindowInDays", "30"},
    [KMSD_KEY_SIGNING_ALGORITHM] = {kmsd_condition_by_member, "SigningAlgorithm", NULL},
    [KMSD_KEY_TRAILING_DAYS_WITHOUT_KEY_USAGE] = {kmsd_condition_trailing_days, NULL, NULL},
    [KMSD_KEY_VALID_TO] = {kmsd_condition_by_member, "ValidTo", NULL},
    [KMSD_KEY_WRAPPING_ALGORITHM] = {kmsd_condition_by_member, "WrappingAlgorithm", NULL},
    [KMSD_KEY_WRAPPING_KEY_SPEC] = {kmsd_condition_by_member, "WrappingKeySpec", NULL},
};

/* Keys whose name goes on with one that the user chose. */
static bool find_in_family(struct kmsd_inquiry *inquiry, const struct kmsd_policy_key_name *name,
    struct kmsd_policy_value *out)
{
    struct kms_tag_list tags = {NULL, 0};
    struct kms_str_map context;
    switch (name->key) {
    case KMSD_KEY_ENCRYPTION_CONTEXT:
        context = kmsd_condition_asked_context(inquiry);
        return kmsd_policy_map_find(&context, name, out);
    case KMSD_KEY_REQUEST_TAG:
        return kmsd_condition_member(inquiry->call, "Tags", &tags, sizeof(tags)) &&
               kmsd_condition_tag(tags, name, out);
    case KMSD_KEY_RESOURCE_TAG:
    case KMSD_KEY_KMS_RESOURCE_TAG:
        if (inquiry->target->key != NULL)
            return kmsd_condition_tag(inquiry->target->key->tags, name, out);
        /* the reference has it for CreateKey: the tags that the key is made with */
        return inquiry->call->op->id == KMS_OP_CREATE_KEY && name->key == KMSD_KEY_RESOURCE_TAG &&
               kmsd_condition_member(inquiry->call, "Tags", &tags, sizeof(tags)) &&
               kmsd_condition_tag(tags, name, out);
    default:
        return false;
    }
}

bool kmsd_condition_find(
    const void *arg, const struct kmsd_policy_key_name *name, struct kmsd_policy_value *out)
{
    /* the lists that it keeps are no part of the answer */
    struct kmsd_inquiry *inquiry = (struct kmsd_inquiry *)arg;
    if (kmsd_policy_key_info(name->key)->is_family)
        return find_in_family(inquiry, name, out);
    const struct kmsd_condition_row *row = &rows[name->key];
    return row->find != NULL && row->find(inquiry, row, out);
}
