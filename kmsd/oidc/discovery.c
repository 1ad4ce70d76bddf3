#include "kmsd/oidc/discovery.h"

#include <jansson.h>

#define WELL_KNOWN "/.well-known/openid-configuration"
#define SCHEME     "https://"

enum { URI_MAX = 2048 };

struct kms_str kmsd_discovery_url(struct kms_str issuer, struct kms_arena *arena)
{
    return kms_arena_printf(arena, "%.*s" WELL_KNOWN, (int)issuer.len, issuer.data);
}

static struct kms_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct kms_str){json_string_value(value), json_string_length(value)};
}

/* Printable ASCII after "https://", without blanks. */
static bool is_https(struct kms_str uri)
{
    const size_t len = sizeof(SCHEME) - 1;
    if (uri.len <= len || uri.len > URI_MAX || memcmp(uri.data, SCHEME, len) != 0)
        return false;
    for (size_t i = len; i < uri.len; i++) {
        if (uri.data[i] <= ' ' || uri.data[i] > '~')
            return false;
    }
    return true;
}

enum kms_err kmsd_discovery_read(struct kms_str document, struct kms_str issuer,
    struct kms_arena *arena, struct kms_str *jwks_uri, struct kmsd_detail *detail)
{
    json_error_t error;
    json_auto_t *json = json_loadb(document.data, document.len, JSON_REJECT_DUPLICATES, &error);
    struct kms_str said = text_of(json, "issuer");
    struct kms_str uri = text_of(json, "jwks_uri");
    const char *problem = NULL;
    if (!json_is_object(json))
        problem = "is not JSON";
    else if (said.data == NULL || !kms_str_eq(said, issuer))
        problem = "is of another issuer";
    else if (uri.data == NULL || !is_https(uri))
        problem = "names no https jwks_uri";
    if (problem != NULL) {
        kmsd_detail_set(detail, "%.*s" WELL_KNOWN " %s", (int)issuer.len, issuer.data, problem);
        return KMS_ERR_PROTOCOL;
    }
    *jwks_uri = kms_arena_str(arena, uri);
    return jwks_uri->data == NULL ? KMS_ERR_NO_MEMORY : KMS_OK;
}

bool kmsd_discovery_is_key_set(struct kms_str text)
{
    json_error_t error;
    json_auto_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    return json_is_array(json_object_get(json, "keys"));
}
