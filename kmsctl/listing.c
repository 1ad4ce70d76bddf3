#include "kmsctl/listing.h"

#include "kmsctl/crypt.h"

#include <string.h>

#define ALIAS_PREFIX    "alias/"
#define RESERVED_PREFIX "alias/aws/"
#define ALIAS_MAX       256
#define ALIAS_ALPHABET  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_-"

/* Where the next page begins. The arena keeps the marker, as the answer that held it goes. */
static enum kmsctl_exit turn_page(struct kmsctl_app *app, struct kms_opt_bool truncated,
    struct kms_str next, struct kms_str *marker, bool *more)
{
    *more = truncated.set && truncated.value;
    if (!*more)
        return KMSCTL_OK;
    if (next.data == NULL || (marker->data != NULL && kms_str_eq(next, *marker)))
        return kmsctl_fail(&app->failure, KMSCTL_UNAVAILABLE,
            "the service says that there is more, but not where it continues");
    *marker = kms_arena_str(&app->arena, next);
    return marker->data == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_keys(struct kmsctl_app *app, json_t **out)
{
    const struct kms_shape *shape = kms_type_find("KeyListEntry")->structure;
    struct kms_list_keys_request request = {.limit = {true, 1000}};
    json_auto_t *keys = json_array();
    bool more = true;

    while (more) {
        KMSCTL_RESPONSE_AUTO const struct kms_list_keys_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_list_keys(app->client, &request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, "cannot list the keys");
        for (size_t i = 0; i < response->keys.count; i++) {
            if (json_array_append_new(keys, kmsctl_json_of(shape, &response->keys.items[i])) != 0)
                return kmsctl_fail_memory(&app->failure);
        }
        enum kmsctl_exit status =
            turn_page(app, response->truncated, response->next_marker, &request.marker, &more);
        if (status != KMSCTL_OK)
            return status;
    }
    *out = json_pack("{s:O}", "Keys", keys);
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_aliases(struct kmsctl_app *app, struct kms_str key, json_t **out)
{
    const struct kms_shape *shape = kms_type_find("AliasListEntry")->structure;
    /* 100 is the most that the live service gives in a page, though the API reference says 1000 */
    struct kms_list_aliases_request request = {.key_id = key, .limit = {true, 100}};
    json_auto_t *aliases = json_array();
    bool more = true;

    while (more) {
        KMSCTL_RESPONSE_AUTO const struct kms_list_aliases_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_list_aliases(app->client, &request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, "cannot list the aliases");
        for (size_t i = 0; i < response->aliases.count; i++) {
            if (json_array_append_new(
                    aliases, kmsctl_json_of(shape, &response->aliases.items[i])) != 0)
                return kmsctl_fail_memory(&app->failure);
        }
        enum kmsctl_exit status =
            turn_page(app, response->truncated, response->next_marker, &request.marker, &more);
        if (status != KMSCTL_OK)
            return status;
    }
    *out = json_pack("{s:O}", "Aliases", aliases);
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_aliases_by_key(struct kmsctl_app *app, json_t **out)
{
    json_auto_t *list = NULL;
    json_auto_t *by_key = json_object();
    json_t *entry = NULL;
    size_t i = 0;

    enum kmsctl_exit status = kmsctl_listing_aliases(app, kms_str(NULL), &list);
    if (status != KMSCTL_OK)
        return status;
    json_array_foreach(json_object_get(list, "Aliases"), i, entry)
    {
        const char *key = json_string_value(json_object_get(entry, "TargetKeyId"));

        if (key == NULL) /* reserved by AWS, without a key yet */
            continue;
        json_t *names = json_object_get(by_key, key);
        if (names == NULL) {
            names = json_array();
            if (!kmsctl_json_add(by_key, key, names))
                return kmsctl_fail_memory(&app->failure);
        }
        if (json_array_append(names, json_object_get(entry, "AliasName")) != 0)
            return kmsctl_fail_memory(&app->failure);
    }
    *out = by_key;
    by_key = NULL;
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_aliases_of(struct kmsctl_app *app, struct kms_str key, json_t **out)
{
    json_auto_t *list = NULL;
    json_auto_t *names = json_array();
    json_t *entry = NULL;
    size_t i = 0;

    enum kmsctl_exit status = kmsctl_listing_aliases(app, key, &list);
    if (status != KMSCTL_OK)
        return status;
    json_array_foreach(json_object_get(list, "Aliases"), i, entry)
    {
        if (json_array_append(names, json_object_get(entry, "AliasName")) != 0)
            return kmsctl_fail_memory(&app->failure);
    }
    *out = names;
    names = NULL;
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_tags_of(struct kmsctl_app *app, struct kms_str key, json_t **out)
{
    struct kms_list_resource_tags_request request = {.key_id = key};
    json_auto_t *tags = json_object();
    bool more = true;

    while (more) {
        KMSCTL_RESPONSE_AUTO const struct kms_list_resource_tags_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_list_resource_tags(app->client, &request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, "cannot list the tags");
        for (size_t i = 0; i < response->tags.count; i++) {
            const struct kms_tag *tag = &response->tags.items[i];

            if (tag->tag_key.data == NULL)
                continue;
            if (json_object_setn_new(tags, tag->tag_key.data, tag->tag_key.len,
                    kmsctl_json_str(tag->tag_value)) != 0)
                return kmsctl_fail_memory(&app->failure);
        }
        enum kmsctl_exit status =
            turn_page(app, response->truncated, response->next_marker, &request.marker, &more);
        if (status != KMSCTL_OK)
            return status;
    }
    *out = tags;
    tags = NULL;
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

/* Takes in one page of grants. */
static enum kmsctl_exit add_grants(struct kmsctl_app *app,
    const struct kms_list_grants_response *response, json_t *grants, struct kms_str *marker,
    bool *more)
{
    const struct kms_shape *shape = kms_type_find("GrantListEntry")->structure;

    for (size_t i = 0; i < response->grants.count; i++) {
        if (json_array_append_new(grants, kmsctl_json_of(shape, &response->grants.items[i])) != 0)
            return kmsctl_fail_memory(&app->failure);
    }
    return turn_page(app, response->truncated, response->next_marker, marker, more);
}

static enum kmsctl_exit pack_grants(struct kmsctl_app *app, json_t *grants, json_t **out)
{
    *out = json_pack("{s:O}", "Grants", grants);
    return *out == NULL ? kmsctl_fail_memory(&app->failure) : KMSCTL_OK;
}

enum kmsctl_exit kmsctl_listing_grants(
    struct kmsctl_app *app, struct kms_list_grants_request *request, const char *name, json_t **out)
{
    json_auto_t *grants = json_array();
    bool more = true;

    while (more) {
        KMSCTL_RESPONSE_AUTO const struct kms_list_grants_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_list_grants(app->client, request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, name);
        enum kmsctl_exit status = add_grants(app, response, grants, &request->marker, &more);
        if (status != KMSCTL_OK)
            return status;
    }
    return pack_grants(app, grants, out);
}

enum kmsctl_exit kmsctl_listing_retirable_grants(
    struct kmsctl_app *app, struct kms_list_retirable_grants_request *request, json_t **out)
{
    json_auto_t *grants = json_array();
    bool more = true;

    while (more) {
        KMSCTL_RESPONSE_AUTO const struct kms_list_grants_response *response = NULL;
        struct kms_fault fault;

        enum kms_err err = kms_list_retirable_grants(app->client, request, &response, &fault);
        if (err != KMS_OK)
            return kmsctl_fail_call(&app->failure, err, &fault, "cannot list the grants");
        enum kmsctl_exit status = add_grants(app, response, grants, &request->marker, &more);
        if (status != KMSCTL_OK)
            return status;
    }
    return pack_grants(app, grants, out);
}

enum kmsctl_exit kmsctl_check_alias_name(struct kmsctl_app *app, const char *name)
{
    if (strncmp(name, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) != 0 ||
        name[strlen(ALIAS_PREFIX)] == '\0')
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "an alias is written alias/NAME, so not '%s'%s%s", name,
            strchr(name, '/') == NULL && name[0] != '\0' ? " but alias/" : "",
            strchr(name, '/') == NULL ? name : "");
    if (strlen(name) > ALIAS_MAX)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "an alias has at most %d characters, with alias/", ALIAS_MAX);
    if (name[strspn(name, ALIAS_ALPHABET)] != '\0')
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "an alias has letters, digits, '/', '_' and '-', so not '%s'", name);
    return KMSCTL_OK;
}

enum kmsctl_exit kmsctl_check_new_alias_name(struct kmsctl_app *app, const char *name)
{
    enum kmsctl_exit status = kmsctl_check_alias_name(app, name);

    if (status == KMSCTL_OK && strncmp(name, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0)
        return kmsctl_fail(&app->failure, KMSCTL_USAGE,
            "aliases that begin with " RESERVED_PREFIX " are the service's own, so not '%s'", name);
    return status;
}
