/*
 * AWS managed policies, as data. The documents of AdministratorAccess and of
 * AWSKeyManagementServicePowerUser are the published ones; ReadOnlyAccess is cut to the services
 * that are here.
 *
 * Source: AWS Managed Policy Reference Guide.
 */
#include "kmsd/iam/iam.h"

const struct kmsd_iam_managed kmsd_iam_managed_policies[] = {
    {"AdministratorAccess", "/", "ANPAIWMBCKSKIEE64ZLYK",
        "Provides full access to AWS services and resources.",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
        "\"Resource\":\"*\"}]}"},
    {"AWSKeyManagementServicePowerUser", "/", "ANPAJNPP7PPPPMJRV2SA4",
        "Provides access to AWS Key Management Service (KMS).",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":["
        "\"kms:CreateAlias\",\"kms:CreateKey\",\"kms:DeleteAlias\",\"kms:Describe*\","
        "\"kms:GenerateRandom\",\"kms:Get*\",\"kms:List*\",\"kms:TagResource\","
        "\"kms:UntagResource\",\"iam:ListGroups\",\"iam:ListRoles\",\"iam:ListUsers\"],"
        "\"Resource\":\"*\"}]}"},
    {"ReadOnlyAccess", "/", "ANPAILL3HVNFSB6DCOWYQ",
        "Provides read-only access to AWS services and resources.",
        "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":["
        "\"kms:Describe*\",\"kms:Get*\",\"kms:List*\",\"iam:Get*\",\"iam:List*\","
        "\"iam:Simulate*\",\"sts:GetCallerIdentity\",\"sts:GetAccessKeyInfo\"],"
        "\"Resource\":\"*\"}]}"},
};

const size_t kmsd_iam_managed_count =
    sizeof(kmsd_iam_managed_policies) / sizeof(kmsd_iam_managed_policies[0]);
