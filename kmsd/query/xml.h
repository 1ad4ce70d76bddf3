/*
 * Answers as XML, from a tree: objects become elements in the order of their members, lists become
 * elements that hold a <member> for each item.
 *
 * Source: "AWS Query protocol", Smithy specification.
 */
#ifndef KMSD_QUERY_XML_H
#define KMSD_QUERY_XML_H

#include "libkms/base/buf.h"

#include <jansson.h>

/* Writes the answer to an action: <ACTIONResponse xmlns="..."><ACTIONResult>...</ACTIONResult>
 * <ResponseMetadata>...</ResponseMetadata></ACTIONResponse>. result is an object; NULL: the action
 * has no result. KMS_ERR_NO_MEMORY, KMS_ERR_LIMIT. */
KMS_MUST_USE enum kms_err kmsd_xml_answer(const char *action, const char *xmlns,
    const json_t *result, const char *request_id, struct kms_buf *out);

/* Writes <ErrorResponse>. sender: the caller is at fault. */
KMS_MUST_USE enum kms_err kmsd_xml_error(const char *xmlns, bool sender, const char *code,
    struct kms_str message, const char *request_id, struct kms_buf *out);

#endif
