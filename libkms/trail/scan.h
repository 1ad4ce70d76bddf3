/*
 * What look-ups ask of a record, read off its JSON without building a tree: records are searched by
 * the hundred thousand. Values are views of the text between the quotes, as it stands there, with
 * its escapes; who compares escapes the other side in the same way (kms_trail_escape).
 */
#ifndef KMS_TRAIL_SCAN_H
#define KMS_TRAIL_SCAN_H

#include "libkms/base/buf.h"

enum { KMS_TRAIL_RESOURCES_MAX = 8 };

struct kms_trail_resource {
    struct kms_str arn;
    struct kms_str type;
};

/* Absent what the record does not have (or has as null). */
struct kms_trail_fields {
    struct kms_str event_id;
    struct kms_str event_name;
    struct kms_str event_source;
    struct kms_str event_time;
    struct kms_str error_code;
    struct kms_str request_id;
    struct kms_str region;
    struct kms_str account; /* recipientAccountId */
    struct kms_str principal_arn;
    struct kms_str user_name; /* as LookupEvents shows it: a user, a session, "root" or a service */
    struct kms_str access_key_id;
    struct kms_trail_resource resources[KMS_TRAIL_RESOURCES_MAX]; /* further ones are passed over */
    size_t resource_count;
    bool is_read_only;
};

/* Reads one JSON object (nothing may follow it). KMS_ERR_SYNTAX: it is none; KMS_ERR_TOO_DEEP. */
KMS_MUST_USE enum kms_err kms_trail_scan(struct kms_str json, struct kms_trail_fields *out);

/* Names the user where userIdentity has no userName: roots have no name, sessions have theirs in the ARN,
 * services are those that invoked. */
void kms_trail_name_user(struct kms_trail_fields *fields, struct kms_str invoked_by);

/* Appends text as it stands between quotes in a record: shortest escapes, everything that is not
 * well-formed UTF-8 as U+FFFD. */
void kms_trail_escape(struct kms_buf *out, struct kms_str text);

/* The other way, for what kms_trail_escape or any JSON writer made. KMS_ERR_SYNTAX. */
KMS_MUST_USE enum kms_err kms_trail_unescape(struct kms_buf *out, struct kms_str text);

#endif
