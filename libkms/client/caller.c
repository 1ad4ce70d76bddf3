/*
 * GetCallerIdentity of the Security Token Service: who the credentials are.
 *
 * Source: AWS STS API reference, version 2011-06-15.
 */
#include "libkms/client/query.h"

#include <stdio.h>
#include <string.h>

#define FORM "Action=GetCallerIdentity&Version=2011-06-15"

enum kms_err kms_caller_identity(
    struct kms_client *client, struct kms_caller *out, struct kms_fault *fault)
{
    static const struct kms_query query = {
        .service = KMS_STR_LITERAL("sts"), .form = KMS_STR_LITERAL(FORM)};
    struct kms_fault unwanted;
    struct kms_caller caller;
    KMS_BUF_AUTO answer;

    fault = fault == NULL ? &unwanted : fault;
    kms_buf_init(&answer, (size_t)64 * 1024);
    enum kms_err err = kms_query_call(client, &query, &answer, fault);
    if (err != KMS_OK)
        return err;
    struct kms_str xml = kms_buf_str(&answer);
    if (!kms_query_element(xml, "Arn", caller.arn, sizeof(caller.arn)) ||
        !kms_query_element(xml, "UserId", caller.user_id, sizeof(caller.user_id)) ||
        !kms_query_element(xml, "Account", caller.account, sizeof(caller.account))) {
        fault->http_status = 200;
        (void)snprintf(fault->message, sizeof(fault->message), "the answer is malformed");
        return KMS_ERR_PROTOCOL;
    }
    *out = caller;
    return KMS_OK;
}
