/*
 * What an identity is: a user, a group, a role, a managed policy or an OpenID Connect provider.
 * Entities are immutable and counted: a change makes a new one and puts it in the old one's place,
 * so that whoever holds one may read on without a lock.
 *
 * Source: "IAM identifiers" and "IAM and AWS STS quotas", IAM User Guide.
 */
#ifndef KMSD_IAM_ENTITY_H
#define KMSD_IAM_ENTITY_H

#include "kmsd/policy/parse.h"
#include "libkms/base/arena.h"
#include "libkms/base/buf.h"

enum kmsd_iam_kind {
    KMSD_IAM_USER,
    KMSD_IAM_GROUP,
    KMSD_IAM_ROLE,
    KMSD_IAM_POLICY,
    KMSD_IAM_PROVIDER,
    KMSD_IAM_KIND_COUNT_
};

/* As rows call them: "user", "group", "role", "policy", "oidc-provider". */
const char *kmsd_iam_kind_text(enum kmsd_iam_kind kind);

/* Quotas, as the live service has them by default. */
enum {
    KMSD_IAM_NAME_MAX = 128,          /* groups, policies, inline policies, instance of the rest */
    KMSD_IAM_USER_NAME_MAX = 64,      /* users and roles */
    KMSD_IAM_PROVIDER_NAME_MAX = 255, /* an issuer's URL without its scheme */
    KMSD_IAM_PATH_MAX = 512,
    KMSD_IAM_TAGS_MAX = 50,
    KMSD_IAM_ATTACHED_MAX = 10, /* managed policies of one user, group or role */
    KMSD_IAM_GROUPS_MAX = 10,   /* of one user */
    KMSD_IAM_VERSIONS_MAX = 5,
    KMSD_IAM_ACCESS_KEYS_MAX = 2,
    KMSD_IAM_PROVIDERS_MAX = 100, /* of one account */
    KMSD_IAM_CLIENTS_MAX = 100,   /* of one provider */
    KMSD_IAM_THUMBPRINTS_MAX = 5,
    KMSD_IAM_INLINE_USER_MAX = 2048, /* characters of all inline policies, white space aside */
    KMSD_IAM_INLINE_GROUP_MAX = 5120,
    KMSD_IAM_INLINE_ROLE_MAX = 10240,
    KMSD_IAM_ID_LEN = 21,
    KMSD_IAM_JWKS_MAX = 65536,
};

/* A document under a name, or a version of one. The parsed form is made when it is first wanted. */
struct kmsd_iam_policy {
    struct kms_str name; /* of an inline policy; of a version "v1" */
    struct kms_str text;
    int64_t created_ms;                            /* of a version */
    _Atomic(struct kmsd_policy_document *) parsed; /* kmsd_iam_policy_parsed */
};

struct kmsd_iam_list {
    const struct kms_str *items;
    size_t count;
};

/* Views into the entity's own block. What a kind does not have is absent, 0 or empty. */
struct kmsd_iam_entity {
    enum kmsd_iam_kind kind;
    struct kms_str account; /* 12 digits; "aws" for the managed policies that come with kmsd */
    struct kms_str name;    /* as written; of a provider its URL without "https://" */
    struct kms_str path;    /* "/" or "/a/b/" */
    struct kms_str id;      /* "AIDA...", unique in time, too */
    struct kms_str arn;
    int64_t created_ms;
    int64_t updated_ms; /* policies */
    struct kms_str_map tags;

    /* users, groups and roles */
    struct kmsd_iam_policy *inline_policies;
    size_t inline_count;
    struct kmsd_iam_list attached; /* ARNs of managed policies */
    struct kms_str boundary;       /* ARN of a managed policy */

    struct kmsd_iam_list groups; /* of a user, their names as they were written */

    /* roles */
    struct kmsd_iam_policy trust; /* name is empty */
    int32_t max_session_s;

    struct kms_str description; /* roles and policies */

    /* policies */
    struct kmsd_iam_policy *versions; /* oldest first */
    size_t version_count;
    size_t default_version; /* index */
    int32_t last_version;   /* the number that was given last */

    /* providers */
    struct kmsd_iam_list clients; /* audiences */
    struct kmsd_iam_list thumbprints;
    struct kms_str jwks; /* given with the provider; absent: fetched from the issuer */

    /* kmsd/iam's own */
    _Atomic(size_t) references;
    size_t size;
};

/* A copy in one block, with one reference. KMS_ERR_NO_MEMORY: NULL. */
KMS_MUST_USE struct kmsd_iam_entity *kmsd_iam_entity_pack(const struct kmsd_iam_entity *draft);

/* One more reference. */
const struct kmsd_iam_entity *kmsd_iam_entity_hold(const struct kmsd_iam_entity *entity);

/* NULL is allowed. */
void kmsd_iam_entity_release(const struct kmsd_iam_entity *entity);
void kmsd_iam_entity_release_at(const struct kmsd_iam_entity **entity);
#define KMSD_IAM_ENTITY_AUTO \
    __attribute__((cleanup(kmsd_iam_entity_release_at))) const struct kmsd_iam_entity *

/* The parsed form of a document of an entity that is held; NULL when it cannot be parsed (or memory
 * is out): then nothing may be allowed on its account, for it may hold a Deny. Any thread. */
const struct kmsd_policy_document *kmsd_iam_policy_parsed(
    const struct kmsd_iam_policy *policy, enum kmsd_policy_kind kind);

/* The inline policy of that name, or NULL. Names count without regard to case. */
const struct kmsd_iam_policy *kmsd_iam_entity_inline(
    const struct kmsd_iam_entity *entity, struct kms_str name);

/* Whether the list has the text. */
bool kmsd_iam_list_has(const struct kmsd_iam_list *list, struct kms_str text);

/* Order of names: without regard to case. */
int kmsd_iam_name_compare(struct kms_str a, struct kms_str b);

/* --- as JSON, for the store ------------------------------------------------------------------- */

/* Appends the body of an entity's row. KMS_ERR_LIMIT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_iam_entity_encode(
    const struct kmsd_iam_entity *entity, struct kms_buf *out);

/* Reads a row's body; what *out points to lives in the arena. kind and account are the row's; the
 * ARN is made. KMS_ERR_CORRUPT, KMS_ERR_NO_MEMORY. */
KMS_MUST_USE enum kms_err kmsd_iam_entity_decode(struct kms_str body, enum kmsd_iam_kind kind,
    struct kms_str account, struct kms_str partition, struct kms_arena *arena,
    struct kmsd_iam_entity *out);

/* "arn:aws:iam::123456789012:user/path/name" of a draft's kind, account, path and name; in the
 * arena. data is NULL when memory is out. */
KMS_MUST_USE struct kms_str kmsd_iam_entity_arn(
    const struct kmsd_iam_entity *draft, struct kms_str partition, struct kms_arena *arena);

#define KMSD_IAM_BODY_MAX ((size_t)1 << 20)

#endif
