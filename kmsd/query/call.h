/* The room's own: one action under way, and what handlers are made of. */
#ifndef KMSD_QUERY_CALL_H
#define KMSD_QUERY_CALL_H

#include "kmsd/policy/authorize.h"
#include "kmsd/query/form.h"
#include "kmsd/query/query.h"

#include <jansson.h>

enum kmsd_query_service { KMSD_QUERY_IAM, KMSD_QUERY_STS, KMSD_QUERY_SERVICE_COUNT_ };

/* Errors of both services. */
enum kmsd_query_code {
    KMSD_QUERY_OK,
    KMSD_QUERY_ACCESS_DENIED,
    KMSD_QUERY_DELETE_CONFLICT,
    KMSD_QUERY_ENTITY_ALREADY_EXISTS,
    KMSD_QUERY_EXPIRED_IDENTITY_TOKEN,
    KMSD_QUERY_EXPIRED_TOKEN,
    KMSD_QUERY_IDP_COMMUNICATION,
    KMSD_QUERY_IDP_REJECTED_CLAIM,
    KMSD_QUERY_INCOMPLETE_SIGNATURE,
    KMSD_QUERY_INTERNAL_FAILURE,
    KMSD_QUERY_INVALID_ACTION,
    KMSD_QUERY_INVALID_CLIENT_TOKEN_ID,
    KMSD_QUERY_INVALID_IDENTITY_TOKEN,
    KMSD_QUERY_INVALID_INPUT,
    KMSD_QUERY_LIMIT_EXCEEDED,
    KMSD_QUERY_MALFORMED_INPUT,
    KMSD_QUERY_MALFORMED_POLICY,
    KMSD_QUERY_MISSING_AUTHENTICATION,
    KMSD_QUERY_NO_SUCH_ENTITY,
    KMSD_QUERY_PACKED_POLICY_TOO_LARGE,
    KMSD_QUERY_SIGNATURE_DOES_NOT_MATCH,
    KMSD_QUERY_UNMODIFIABLE,
    KMSD_QUERY_VALIDATION,
    KMSD_QUERY_CODE_COUNT_
};

struct kmsd_query_code_info {
    const char *text;
    int status;
};
extern const struct kmsd_query_code_info kmsd_query_codes[KMSD_QUERY_CODE_COUNT_];

enum kmsd_query_flags {
    KMSD_QUERY_WRITES = 1U << 0,    /* changes identities: under kmsd_iam_lock, on a worker */
    KMSD_QUERY_MAY_FETCH = 1U << 1, /* waits for another server, on a worker */
    KMSD_QUERY_UNSIGNED = 1U << 2,  /* may come without a signature */
    KMSD_QUERY_FREE = 1U << 3,      /* needs no permission, or decides by itself */
    KMSD_QUERY_NO_RESULT = 1U << 4, /* <ActionResponse> has metadata alone */

    /* Parameters that conditions see, and the handler obeys. What an action ignores must not count:
     * whoever asks could meet a condition with it. */
    KMSD_QUERY_SETS_BOUNDARY = 1U << 5, /* PermissionsBoundary */
    KMSD_QUERY_HAS_POLICY = 1U << 6,    /* PolicyArn, of an entity */
    KMSD_QUERY_HAS_TAGS = 1U << 7,      /* Tags */
    KMSD_QUERY_HAS_TAG_KEYS = 1U << 8,  /* TagKeys */
    KMSD_QUERY_RENAMES = 1U << 9,       /* NewPath and NewUserName or NewGroupName */
};

/* What an action's permission is asked for. */
enum kmsd_query_resource {
    KMSD_RESOURCE_ANY,    /* "*" */
    KMSD_RESOURCE_ENTITY, /* the user, group or role that UserName, ... names */
    KMSD_RESOURCE_SELF,   /* a user; the caller when there is no UserName */
    KMSD_RESOURCE_SHELF,  /* all of a kind: "arn:aws:iam::123456789012:user/" */
    KMSD_RESOURCE_POLICY, /* PolicyArn */
    KMSD_RESOURCE_NEW_POLICY,
    KMSD_RESOURCE_PROVIDER, /* OpenIDConnectProviderArn */
    KMSD_RESOURCE_NEW_PROVIDER,
    KMSD_RESOURCE_SOURCE, /* PolicySourceArn, of a user, group or role */
};

/* One row of the table. */
struct kmsd_query_op {
    const char *name;
    enum kmsd_query_service service;
    unsigned flags;
    enum kmsd_query_resource resource;
    enum kmsd_iam_kind kind; /* of the entity that it is about */
    enum kms_err (*run)(struct kmsd_query_call *call);
};

/* NULL: no such action of the service. */
const struct kmsd_query_op *kmsd_query_op_find(
    enum kmsd_query_service service, struct kms_str name);

extern const struct kmsd_query_op kmsd_query_ops[];
extern const size_t kmsd_query_op_count;

struct kmsd_query_call {
    const struct kmsd_query *query;
    struct kmsd_query_request request;
    const struct kmsd_query_op *op;
    enum kmsd_query_service service;
    struct kms_str region;
    struct kmsd_form form;
    struct kmsd_iam *iam; /* query->iam */
    struct kms_arena *arena;
    struct kms_str account; /* the caller's */
    struct kms_str target;  /* ARN of the one entity that it is about, if any */
    struct kmsd_query_web_identity web_identity; /* once its token is verified */
    bool is_operator;                       /* through the operator's socket: needs no permission */
    json_t *result;                         /* an object, to be filled */
    const struct kmsd_iam_entity *held[16]; /* given back at the end */
    size_t held_count;
    enum kmsd_query_code code; /* of a fault */
    struct kms_str message;
};

/* A name and two names with their length, for printf("%.*s"). */
#define KMSD_STR_ARGS(text) (int)(text).len, (text).data

/* The fault of a refused signature. KMS_ERR_FAULT. */
KMS_MUST_USE enum kms_err kmsd_query_auth_fault(
    struct kmsd_query_call *call, enum kms_fault_code code, struct kms_str message);

/* Sets the fault; always KMS_ERR_FAULT (KMS_ERR_NO_MEMORY). */
KMS_MUST_USE enum kms_err kmsd_query_fault(struct kmsd_query_call *call, enum kmsd_query_code code,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- parameters ------------------------------------------------------------------------------- */

/* What a text may be. */
enum kmsd_query_rule {
    KMSD_RULE_USER_NAME,    /* users and roles: [\w+=,.@-]{1,64} */
    KMSD_RULE_NAME,         /* groups, policies, inline policies: {1,128} */
    KMSD_RULE_SESSION_NAME, /* {2,64} */
    KMSD_RULE_PATH,         /* "/" or "/.../", {1,512} */
    KMSD_RULE_ARN,          /* {20,2048} */
    KMSD_RULE_DOCUMENT,     /* {1,131072} */
    KMSD_RULE_DESCRIPTION,  /* {0,1000} */
    KMSD_RULE_TEXT,         /* {1,4096} */
    KMSD_RULE_TOKEN,        /* {4,20000} */
};

/* Refuses parameters that the action, one of IAM's, does not take. KMS_ERR_FAULT names one. */
KMS_MUST_USE enum kms_err kmsd_query_check_parameters(struct kmsd_query_call *call);

/* A parameter that has to be there. */
KMS_MUST_USE enum kms_err kmsd_query_need(
    struct kmsd_query_call *call, const char *name, enum kmsd_query_rule rule, struct kms_str *out);

/* One that need not: absent. */
KMS_MUST_USE enum kms_err kmsd_query_get(
    struct kmsd_query_call *call, const char *name, enum kmsd_query_rule rule, struct kms_str *out);

/* A whole number within bounds; absent: otherwise. */
KMS_MUST_USE enum kms_err kmsd_query_number(struct kmsd_query_call *call, const char *name,
    int32_t min, int32_t max, int32_t otherwise, int32_t *out);

/* "true" or "false". */
KMS_MUST_USE enum kms_err kmsd_query_boolean(
    struct kmsd_query_call *call, const char *name, bool otherwise, bool *out);

/* "NAME.member.N", or "NAME.member.N.FIELD". */
KMS_MUST_USE enum kms_err kmsd_query_list(struct kmsd_query_call *call, const char *name,
    const char *field, size_t max, struct kmsd_iam_list *out);

/* "Tags.member.N.Key" and ".Value", checked. */
KMS_MUST_USE enum kms_err kmsd_query_tags(struct kmsd_query_call *call, struct kms_str_map *out);

/* Refuses a policy document that is malformed or too long, in the service's words. */
KMS_MUST_USE enum kms_err kmsd_query_check_document(
    struct kmsd_query_call *call, struct kms_str text, enum kmsd_policy_kind kind);

/* --- entities --------------------------------------------------------------------------------- */

/* The entity of the caller's account, held until the call ends. KMS_ERR_FAULT: NoSuchEntity. */
KMS_MUST_USE enum kms_err kmsd_query_find(struct kmsd_query_call *call, enum kmsd_iam_kind kind,
    struct kms_str name, const struct kmsd_iam_entity **out);

/* The one that UserName, GroupName or RoleName names, by the row's kind. */
KMS_MUST_USE enum kms_err kmsd_query_find_named(
    struct kmsd_query_call *call, const struct kmsd_iam_entity **out);

/* A managed policy by ARN, of the caller's account or AWS's. */
KMS_MUST_USE enum kms_err kmsd_query_find_policy(
    struct kmsd_query_call *call, struct kms_str arn, const struct kmsd_iam_entity **out);

/* A user, group or role of the caller's account by ARN; NULL when there is none, otherwise to be
 * given back. */
KMS_MUST_USE const struct kmsd_iam_entity *kmsd_query_look_up_source(
    const struct kmsd_query_call *call, struct kms_str arn);

/* The same, held until the call ends. KMS_ERR_FAULT: NoSuchEntity. */
KMS_MUST_USE enum kms_err kmsd_query_find_source(
    struct kmsd_query_call *call, struct kms_str arn, const struct kmsd_iam_entity **out);

/* "UserName", "GroupName", "RoleName", "PolicyName". */
const char *kmsd_query_name_parameter(enum kmsd_iam_kind kind);

/* --- answers ---------------------------------------------------------------------------------- */

/* Each fails only when memory is out. Absent texts are left out. */
KMS_MUST_USE enum kms_err kmsd_put_text(json_t *object, const char *name, struct kms_str value);
KMS_MUST_USE enum kms_err kmsd_put_integer(json_t *object, const char *name, int64_t value);
KMS_MUST_USE enum kms_err kmsd_put_boolean(json_t *object, const char *name, bool value);
KMS_MUST_USE enum kms_err kmsd_put_time(json_t *object, const char *name, int64_t time_ms);
KMS_MUST_USE enum kms_err kmsd_put_tags(
    json_t *object, const char *name, const struct kms_str_map *tags);

/* URL-encoded, as the service gives documents back. */
KMS_MUST_USE enum kms_err kmsd_put_document(
    struct kmsd_query_call *call, json_t *object, const char *name, struct kms_str text);

/* A new object or list as a member, owned by its parent; NULL when memory is out. */
KMS_MUST_USE json_t *kmsd_put_object(json_t *object, const char *name);
KMS_MUST_USE json_t *kmsd_put_list(json_t *object, const char *name);
KMS_MUST_USE json_t *kmsd_append_object(json_t *list);
KMS_MUST_USE enum kms_err kmsd_append_text(json_t *list, struct kms_str text);

/* --- pages ------------------------------------------------------------------------------------ */

/* A list in pages: MaxItems and Marker of the request, IsTruncated and Marker of the answer. */
struct kmsd_query_page {
    struct kms_str after; /* the last name of the page before; absent: the first page */
    size_t max;
    size_t count;
    bool is_truncated;
    struct kms_str last; /* in the arena */
};

KMS_MUST_USE enum kms_err kmsd_query_page_begin(
    struct kmsd_query_call *call, struct kmsd_query_page *page);

/* Whether one more of that name fits; false ends the list. Allocates in the call's arena. */
KMS_MUST_USE bool kmsd_query_page_takes(
    struct kmsd_query_call *call, struct kmsd_query_page *page, struct kms_str name);

KMS_MUST_USE enum kms_err kmsd_query_page_end(
    struct kmsd_query_call *call, const struct kmsd_query_page *page);

/* --- permission ------------------------------------------------------------------------------- */

/* Values of condition keys that belong to the request, by name. */
struct kmsd_query_facts {
    struct kmsd_policy_entry entries[24];
    size_t count;
    const struct kms_str_map *request_tags;  /* NULL: none */
    const struct kms_str_map *resource_tags; /* NULL: none */
};
void kmsd_query_add_fact(
    struct kmsd_query_facts *facts, const char *name, struct kmsd_policy_value value);

/* What holds for every request: time, address, region, and of temporary credentials theirs. */
void kmsd_query_common_facts(const struct kmsd_query_call *call, struct kmsd_query_facts *facts);

/* Who asks, for a decision. */
struct kmsd_policy_subject kmsd_query_subject(const struct kmsd_query_call *call);

/* Asks for the row's permission. KMS_ERR_FAULT: AccessDenied. */
KMS_MUST_USE enum kms_err kmsd_query_authorize(struct kmsd_query_call *call);

/* Decides about an action on a resource with these facts beside the common ones; trust is the
 * resource's own policy, or NULL. */
KMS_MUST_USE enum kms_err kmsd_query_decide(struct kmsd_query_call *call, const char *action,
    struct kms_str resource, struct kms_str resource_account,
    const struct kmsd_policy_document *trust, struct kmsd_query_facts *facts);

#endif
