#include "kmsctl/policy.h"

#include "libkms/base/encoding.h"
#include "libkms/proto/arn.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const admin_actions[] = {
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
    NULL,
};

static const char *const user_actions[] = {
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
    NULL,
};

static const char *const grant_actions[] = {
    "kms:CreateGrant",
    "kms:ListGrants",
    "kms:RevokeGrant",
    NULL,
};

bool kmsctl_policy_is_principal(struct kms_str text)
{
    struct kms_arn arn;

    return kms_arn_parse(text, &arn) == KMS_OK &&
           (kms_str_is(arn.service, "iam") || kms_str_is(arn.service, "sts")) &&
           arn.account.len == KMS_ACCOUNT_ID_LEN;
}

static json_t *actions_of(const char *const *actions)
{
    json_t *array = json_array();

    for (; array != NULL && *actions != NULL; actions++) {
        if (json_array_append_new(array, json_string(*actions)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* One principal is written as text, several as a list, as the console does. */
static json_t *principals_of(struct kms_str_list arns)
{
    if (arns.count == 1)
        return json_stringn(arns.items[0].data, arns.items[0].len);
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < arns.count; i++) {
        if (json_array_append_new(array, json_stringn(arns.items[i].data, arns.items[i].len)) !=
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Appends a statement; takes over principals and actions, condition too (NULL: none). */
static bool add_statement(
    json_t *statements, const char *sid, json_t *principals, json_t *actions, json_t *condition)
{
    json_t *statement =
        json_pack("{s:s, s:s, s:{s:o}, s:o, s:s, s:o*}", "Sid", sid, "Effect", "Allow", "Principal",
            "AWS", principals, "Action", actions, "Resource", "*", "Condition", condition);

    return json_array_append_new(statements, statement) == 0;
}

static bool add_statements(json_t *statements, const char *account_arn, struct kms_str_list admins,
    struct kms_str_list users)
{
    if (!add_statement(statements, "Enable IAM User Permissions", json_string(account_arn),
            json_string("kms:*"), NULL))
        return false;
    if (admins.count > 0 && !add_statement(statements, "Allow access for Key Administrators",
                                principals_of(admins), actions_of(admin_actions), NULL))
        return false;
    if (users.count == 0)
        return true;
    return add_statement(statements, "Allow use of the key", principals_of(users),
               actions_of(user_actions), NULL) &&
           add_statement(statements, "Allow attachment of persistent resources",
               principals_of(users), actions_of(grant_actions),
               json_pack("{s:{s:s}}", "Bool", "kms:GrantIsForAWSResource", "true"));
}

static bool all_utf8(struct kms_str_list arns)
{
    for (size_t i = 0; i < arns.count; i++) {
        if (!kms_utf8_valid(arns.items[i]))
            return false;
    }
    return true;
}

enum kms_err kmsctl_policy_build(struct kms_str partition, struct kms_str account,
    struct kms_str_list admins, struct kms_str_list users, char **out)
{
    char account_arn[128];

    if (!all_utf8(admins) || !all_utf8(users))
        return KMS_ERR_SYNTAX;
    (void)snprintf(account_arn, sizeof(account_arn), "arn:%.*s:iam::%.*s:root", (int)partition.len,
        partition.data, (int)account.len, account.data);
    json_auto_t *document = json_pack(
        "{s:s, s:s, s:[]}", "Id", "key-consolepolicy-3", "Version", "2012-10-17", "Statement");
    if (document == NULL ||
        !add_statements(json_object_get(document, "Statement"), account_arn, admins, users))
        return KMS_ERR_NO_MEMORY;
    char *text = json_dumps(document, JSON_COMPACT);
    if (text == NULL)
        return KMS_ERR_NO_MEMORY;
    *out = text;
    return KMS_OK;
}
