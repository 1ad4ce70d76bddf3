/*
 * AWS managed keys. The live service has an alias alias/aws/SERVICE in every account and region for
 * each service that encrypts by default, and makes the key behind it when it is first asked for. So
 * does kmsd, for the same services; its policies are those that the live service shows: the account
 * may use such a key through its service alone, and see what it is.
 */
#include "kmsd/ops/ops.h"

#include <stdio.h>

struct managed {
    const char *alias;   /* after "alias/aws/" */
    const char *service; /* the first label of kms:ViaService */
    const char *title;   /* in policy and description */
};

static const struct managed services[] = {
    {"acm", "acm", "ACM"},
    {"backup", "backup", "Backup"},
    {"cassandra", "cassandra", "Keyspaces"},
    {"codecommit", "codecommit", "CodeCommit"},
    {"connect", "connect", "Connect"},
    {"dms", "dms", "DMS"},
    {"dynamodb", "dynamodb", "DynamoDB"},
    {"ebs", "ec2", "EBS"},
    {"elasticfilesystem", "elasticfilesystem", "EFS"},
    {"es", "es", "Elasticsearch Service"},
    {"fsx", "fsx", "FSx"},
    {"glue", "glue", "Glue"},
    {"kinesis", "kinesis", "Kinesis"},
    {"kinesisvideo", "kinesisvideo", "Kinesis Video Streams"},
    {"lambda", "lambda", "Lambda"},
    {"lightsail", "lightsail", "Lightsail"},
    {"mq", "mq", "MQ"},
    {"neptune", "neptune", "Neptune"},
    {"rds", "rds", "RDS"},
    {"redshift", "redshift", "Redshift"},
    {"s3", "s3", "S3"},
    {"secretsmanager", "secretsmanager", "Secrets Manager"},
    {"ses", "ses", "SES"},
    {"sns", "sns", "SNS"},
    {"sqs", "sqs", "SQS"},
    {"ssm", "ssm", "Systems Manager"},
    {"workspaces", "workspaces", "WorkSpaces"},
    {"xray", "xray", "X-Ray"},
};

static const struct managed *find(struct kms_str name)
{
    static const char prefix[] = "alias/aws/";
    const size_t len = sizeof(prefix) - 1;
    if (name.len <= len || memcmp(name.data, prefix, len) != 0)
        return NULL;
    struct kms_str service = {name.data + len, name.len - len};
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (kms_str_is(service, services[i].alias))
            return &services[i];
    }
    return NULL;
}

bool kmsd_is_managed_alias(struct kms_str name)
{
    return find(name) != NULL;
}

static struct kms_str policy_of(struct kmsd_call *call, const struct managed *service)
{
    const char *partition = kms_partition_of_region(call->region);
    return kms_arena_printf(call->arena,
        "{\"Version\":\"2012-10-17\",\"Id\":\"auto-%s-1\",\"Statement\":["
        "{\"Sid\":\"Allow access through %s for all principals in the account that are authorized "
        "to use %s\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},"
        "\"Action\":[\"kms:Encrypt\",\"kms:Decrypt\",\"kms:ReEncrypt*\",\"kms:GenerateDataKey*\","
        "\"kms:CreateGrant\",\"kms:DescribeKey\"],\"Resource\":\"*\","
        "\"Condition\":{\"StringEquals\":{\"kms:CallerAccount\":\"%s\","
        "\"kms:ViaService\":\"%s.%.*s.amazonaws.com%s\"}}},"
        "{\"Sid\":\"Allow direct access to key metadata to the account\",\"Effect\":\"Allow\","
        "\"Principal\":{\"AWS\":\"arn:%s:iam::%s:root\"},"
        "\"Action\":[\"kms:Describe*\",\"kms:Get*\",\"kms:List*\",\"kms:RevokeGrant\"],"
        "\"Resource\":\"*\"}]}",
        service->alias, service->title, service->title, call->principal->account, service->service,
        KMSD_STR(call->region), strcmp(partition, "aws-cn") == 0 ? ".cn" : "", partition,
        call->principal->account);
}

enum kms_err kmsd_managed_key(
    struct kmsd_call *call, struct kms_str name, const struct kmsd_key **out)
{
    const struct managed *service = find(name);
    *out = NULL;
    /* keys are made for an account by its own callers; a service is in none */
    if (service == NULL || call->principal->account[0] == '\0')
        return KMS_OK;
    const struct kmsd_managed_key wanted = {
        .realm = kmsd_call_realm(call),
        .alias_name = name,
        .description = kms_arena_printf(call->arena,
            "Default key that protects my %s data when no other key is defined", service->title),
        .policy = policy_of(call, service),
    };
    if (wanted.policy.data == NULL || wanted.description.data == NULL)
        return KMS_ERR_NO_MEMORY;
    return kmsd_keys_managed(call->keys, &wanted, call->now_ms, out);
}
