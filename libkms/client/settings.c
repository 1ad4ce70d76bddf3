#include "libkms/client/settings.h"

#include "libkms/client/detail.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const char *kms_env(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* --- the files -------------------------------------------------------------------------------- */

/* The home directory, in the arena; absent when there is none. */
static struct kms_str find_home(struct kms_arena *arena)
{
    const char *home = kms_env("HOME");
    if (home != NULL)
        return kms_arena_str(arena, kms_str(home));
    struct passwd entry;
    struct passwd *found = NULL;
    size_t size = 16384;
    char *scratch = kms_arena_alloc(arena, size);
    if (scratch == NULL || getpwuid_r(getuid(), &entry, scratch, size, &found) != 0 ||
        found == NULL || found->pw_dir == NULL)
        return kms_str(NULL);
    return kms_str(found->pw_dir);
}

static enum kms_err load_file(enum kms_profile_file_kind kind, const char *variable,
    const char *standard, struct kms_profile_file *file, struct kms_detail *detail)
{
    KMS_ARENA_AUTO arena;
    kms_arena_init(&arena, 65536);
    const char *configured = kms_env(variable);
    struct kms_str path = kms_str(configured == NULL ? standard : configured);
    if (path.len >= 2 && path.data[0] == '~' && path.data[1] == '/') {
        struct kms_str home = find_home(&arena);
        if (home.data == NULL)
            return KMS_OK; /* without a home there are no files in it */
        path = kms_arena_printf(&arena, "%s%s", home.data, path.data + 1);
        if (path.data == NULL)
            return KMS_ERR_NO_MEMORY;
    }
    return kms_profile_load(kind, path.data, file, detail);
}

static enum kms_err choose_profile(
    struct kms_settings *settings, struct kms_str option, struct kms_detail *detail)
{
    struct kms_str name = option;
    if (name.len == 0)
        name = kms_str(kms_env("AWS_PROFILE"));
    if (name.len == 0)
        name = kms_str(kms_env("AWS_DEFAULT_PROFILE"));
    bool named = name.len > 0;
    settings->profile_chosen = option.len > 0;
    settings->profile_name =
        kms_arena_str(&settings->config.arena, named ? name : kms_str("default"));
    if (settings->profile_name.data == NULL)
        return KMS_ERR_NO_MEMORY;
    settings->in_config =
        kms_profile_find(&settings->config, KMS_SECTION_PROFILE, settings->profile_name);
    settings->in_credentials =
        kms_profile_find(&settings->credentials, KMS_SECTION_PROFILE, settings->profile_name);
    if (named && settings->in_config == NULL && settings->in_credentials == NULL) {
        kms_detail_set(detail, "the profile \"%.*s\" is in neither of the AWS configuration files",
            KMS_DETAIL_ARG(name));
        return KMS_ERR_CONFIG;
    }
    return KMS_OK;
}

enum kms_err kms_settings_load(
    struct kms_str profile, struct kms_settings *settings, struct kms_detail *detail)
{
    memset(settings, 0, sizeof(*settings));
    kms_profile_file_init(&settings->config);
    kms_profile_file_init(&settings->credentials);
    enum kms_err err = load_file(
        KMS_PROFILE_CONFIG, "AWS_CONFIG_FILE", "~/.aws/config", &settings->config, detail);
    if (err == KMS_OK)
        err = load_file(KMS_PROFILE_CREDENTIALS, "AWS_SHARED_CREDENTIALS_FILE",
            "~/.aws/credentials", &settings->credentials, detail);
    if (err == KMS_OK)
        err = choose_profile(settings, profile, detail);
    if (err != KMS_OK)
        kms_settings_clean_up(settings);
    return err;
}

void kms_settings_clean_up(struct kms_settings *settings)
{
    if (settings == NULL)
        return;
    kms_profile_file_clean_up(&settings->config);
    kms_profile_file_clean_up(&settings->credentials);
    settings->in_config = NULL;
    settings->in_credentials = NULL;
}

struct kms_str kms_settings_get(const struct kms_settings *settings, const char *name)
{
    struct kms_str value = kms_profile_get(settings->in_credentials, name);
    if (value.len == 0)
        value = kms_profile_get(settings->in_config, name);
    return value.len == 0 ? kms_str(NULL) : value;
}

/* Option, then environment, then profile. Absent when all are. */
static struct kms_str first_of(const struct kms_settings *settings, struct kms_str option,
    const char *variable, const char *name)
{
    if (option.len > 0)
        return option;
    const char *value = kms_env(variable);
    return value != NULL ? kms_str(value) : kms_settings_get(settings, name);
}

static bool is_true(const struct kms_settings *settings, const char *variable, const char *name)
{
    struct kms_str value = first_of(settings, kms_str(NULL), variable, name);
    return value.len == 4 && strncasecmp(value.data, "true", 4) == 0;
}

/* --- what follows from them ------------------------------------------------------------------- */

enum kms_err kms_settings_region(const struct kms_settings *settings, struct kms_str option,
    struct kms_str *region, struct kms_detail *detail)
{
    struct kms_str found = option;
    if (found.len == 0)
        found = kms_str(kms_env("AWS_REGION"));
    found = first_of(settings, found, "AWS_DEFAULT_REGION", "region");
    if (found.len == 0) {
        kms_detail_set(detail, "no region: set AWS_REGION, or region in the profile \"%.*s\"",
            KMS_DETAIL_ARG(settings->profile_name));
        return KMS_ERR_CONFIG;
    }
    if (!kms_region_valid(found)) {
        kms_detail_set(detail, "\"%.*s\" is not a region's name", KMS_DETAIL_ARG(found));
        return KMS_ERR_CONFIG;
    }
    *region = found;
    return KMS_OK;
}

/* The endpoint_url of the [services NAME] section that the profile names, then its own. */
static enum kms_err profile_endpoint(
    const struct kms_settings *settings, struct kms_str *url, struct kms_detail *detail)
{
    struct kms_str services = kms_settings_get(settings, "services");
    if (services.len > 0) {
        const struct kms_profile_section *section =
            kms_profile_find(&settings->config, KMS_SECTION_SERVICES, services);
        if (section == NULL) {
            kms_detail_set(detail, "the profile names services \"%.*s\", which are not defined",
                KMS_DETAIL_ARG(services));
            return KMS_ERR_CONFIG;
        }
        *url = kms_profile_get_nested(section, "kms", "endpoint_url");
        if (url->len > 0)
            return KMS_OK;
    }
    *url = kms_settings_get(settings, "endpoint_url");
    return KMS_OK;
}

enum kms_err kms_settings_endpoint(const struct kms_settings *settings, struct kms_str option,
    struct kms_str region, struct kms_arena *arena, struct kms_endpoint *out,
    struct kms_detail *detail)
{
    struct kms_str url = option;
    bool ignore =
        is_true(settings, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
    if (url.len == 0 && !ignore) {
        url = kms_str(kms_env("AWS_ENDPOINT_URL_KMS"));
        if (url.len == 0)
            url = kms_str(kms_env("AWS_ENDPOINT_URL"));
        if (url.len == 0) {
            enum kms_err err = profile_endpoint(settings, &url, detail);
            if (err != KMS_OK)
                return err;
        }
    }
    if (url.len > 0)
        return kms_endpoint_parse(url, arena, out, detail);
    bool fips = is_true(settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    bool dual_stack = is_true(settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    return kms_endpoint_of_region(region, fips, dual_stack, arena, out, detail);
}

enum kms_err kms_settings_protocol(enum kms_protocol option, const struct kms_endpoint *endpoint,
    enum kms_protocol *protocol, struct kms_detail *detail)
{
    const char *variable = kms_env("KMS_PROTOCOL");
    if (option == KMS_PROTOCOL_AUTO && variable != NULL) {
        if (strcasecmp(variable, "json") == 0)
            option = KMS_PROTOCOL_JSON;
        else if (strcasecmp(variable, "cbor") == 0)
            option = KMS_PROTOCOL_CBOR;
        else if (strcasecmp(variable, "auto") != 0) {
            kms_detail_set(detail, "KMS_PROTOCOL is neither json nor cbor");
            return KMS_ERR_CONFIG;
        }
    }
    if (option == KMS_PROTOCOL_AUTO)
        option = kms_endpoint_is_aws(endpoint) ? KMS_PROTOCOL_JSON : KMS_PROTOCOL_CBOR;
    *protocol = option;
    return KMS_OK;
}

enum kms_err kms_settings_max_attempts(const struct kms_settings *settings, uint32_t option,
    uint32_t *attempts, struct kms_detail *detail)
{
    if (option != 0) {
        *attempts = option;
        return KMS_OK;
    }
    struct kms_str text = first_of(settings, kms_str(NULL), "AWS_MAX_ATTEMPTS", "max_attempts");
    uint32_t value = text.len == 0 ? KMS_DEFAULT_MAX_ATTEMPTS : 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > KMS_MAX_ATTEMPTS) {
            value = 0;
            break;
        }
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (value == 0 || value > KMS_MAX_ATTEMPTS) {
        kms_detail_set(detail, "max_attempts \"%.*s\" is not a number from 1 to %d",
            KMS_DETAIL_ARG(text), KMS_MAX_ATTEMPTS);
        return KMS_ERR_CONFIG;
    }
    *attempts = value;
    return KMS_OK;
}

struct kms_str kms_settings_ca_file(const struct kms_settings *settings, struct kms_str option)
{
    return first_of(settings, option, "AWS_CA_BUNDLE", "ca_bundle");
}
