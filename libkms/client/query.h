/* Calls in the AWS query protocol, of services beside that of the keys: "sts" and "iam". */
#ifndef KMS_CLIENT_QUERY_H
#define KMS_CLIENT_QUERY_H

#include "libkms/base/buf.h"

#include <kms/api.h>
#include <kms/client.h>

struct kms_query {
    struct kms_str service; /* "iam" or "sts" */
    struct kms_str form;    /* application/x-www-form-urlencoded */
    bool is_unsigned;       /* it needs no credentials: AssumeRoleWithWebIdentity */
};

/* Sends a form, once, and appends the answer. With AWS to the service's own host, otherwise to the
 * client's endpoint. Errors as those of <kms/api.h>; fault is filled. */
KMS_MUST_USE enum kms_err kms_query_call(struct kms_client *client, const struct kms_query *query,
    struct kms_buf *xml, struct kms_fault *fault);

/* The text of the first element of that name, which holds no other; false when there is none or it
 * does not fit. Control characters become '?'. */
bool kms_query_element(struct kms_str xml, const char *name, char *out, size_t size);

#endif
