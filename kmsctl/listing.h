/* Lists of the service, fetched page by page. The caller releases *out; untouched on failure. */
#ifndef KMSCTL_LISTING_H
#define KMSCTL_LISTING_H

#include "kmsctl/output.h"

/* {"Keys": [{"KeyId": ..., "KeyArn": ...}, ...]} */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_keys(struct kmsctl_app *app, json_t **out);

/* {"Aliases": [{"AliasName": ..., ...}, ...]}; key absent: all of the account and region */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_aliases(
    struct kmsctl_app *app, struct kms_str key, json_t **out);

/* Key id -> ["alias/...", ...], for the keys that have one. */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_aliases_by_key(struct kmsctl_app *app, json_t **out);

/* ["alias/...", ...] of one key, by id or ARN. */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_aliases_of(
    struct kmsctl_app *app, struct kms_str key, json_t **out);

/* {KEY: VALUE, ...} of one key, by id or ARN. */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_tags_of(
    struct kmsctl_app *app, struct kms_str key, json_t **out);

/* {"Grants": [{"GrantId": ..., ...}, ...]}: what ListGrants answers to the request, all pages; and
 * ListRetirableGrants. name is what a failure calls the key. */
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_grants(struct kmsctl_app *app,
    struct kms_list_grants_request *request, const char *name, json_t **out);
KMS_MUST_USE enum kmsctl_exit kmsctl_listing_retirable_grants(
    struct kmsctl_app *app, struct kms_list_retirable_grants_request *request, json_t **out);

/* alias/NAME, in the characters and the length that the API reference of CreateAlias allows.
 * KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_check_alias_name(struct kmsctl_app *app, const char *name);

/* The same, and not below alias/aws/: a name that the service will not refuse for its form, for who
 * makes something else before the alias. KMSCTL_USAGE. */
KMS_MUST_USE enum kmsctl_exit kmsctl_check_new_alias_name(struct kmsctl_app *app, const char *name);

#endif
